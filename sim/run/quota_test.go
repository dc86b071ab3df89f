package run_test

import (
	"context"
	"slices"
	"testing"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/run"
)

// ledgerMemory keeps what accounts and engines leave behind.
type ledgerMemory struct {
	memory
	accounts    []record.Account
	evaluations []record.Evaluation
}

func (m *ledgerMemory) WriteAccount(a *record.Account) error {
	c := *a
	c.Contract, c.At, c.Units = slices.Clone(a.Contract), slices.Clone(a.At), slices.Clone(a.Units)
	m.accounts = append(m.accounts, c)
	return nil
}

func (m *ledgerMemory) WriteEvaluation(e *record.Evaluation) error {
	m.evaluations = append(m.evaluations, *e)
	return nil
}

const quotas = `
name: quotas
horizon: 40d
usage_batch: 1h
shards: {count: 2}
accounts:
  paid:
    count: 60
    anchor: {spread: {from: 2025-12-02T00:00:00Z, to: 2026-01-01T00:00:00Z}}
    limit: 10_000
    usage: {of_limit: 115%, scale: {lognormal: {median: 1, p99: 3}}}
engines:
  newest: {kind: flagsmith}
  g13: {kind: flagsmith, options: {generation: G13}}
  catch_up: {kind: catch_up}
  inline: {kind: inline}
  hybrid: {kind: hybrid}
  broken: {kind: broken}
`

// verdicts of one engine: how many obligations had each.
func verdicts(m *ledgerMemory, e record.Engine) map[quotaaudit.Verdict]int {
	count := map[quotaaudit.Verdict]int{}
	for _, a := range m.accounts {
		var c usage.Contract
		for _, s := range a.Contract {
			c = append(c, usage.Segment{From: s.From, Kind: usage.Kind(s.Kind), Anchor: s.Anchor, Limit: s.Limit})
		}
		var events []usage.Event
		for i := range a.At {
			events = append(events, usage.Event{At: a.At[i], Units: a.Units[i]})
		}
		in := quotaaudit.Input{Account: a.ID, Contract: c, Obligations: usage.Obligations(events, c, e.Thresholds, e.Last),
			First: e.First, Last: e.Last, Gap: e.Gap, Slack: e.Slack, LooksBack: e.LooksBack}
		for _, ev := range m.evaluations {
			if ev.Engine == e.Name && ev.Account == a.ID {
				in.Evaluations = append(in.Evaluations, ev)
			}
		}
		obligations, notices := quotaaudit.Judge(in)
		for _, o := range obligations {
			count[o.Verdict]++
		}
		for _, n := range notices {
			count[n.Verdict]++
		}
	}
	return count
}

func TestEnginesSideBySide(t *testing.T) {
	s, ps := scenarios.Decode("quotas.yaml", []byte(quotas))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	var m ledgerMemory
	r, err := run.Run(context.Background(), compiled(t, s), &m, run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.accounts) != 60 || len(r.Engines) != 6 {
		t.Fatalf("%d accounts, %d engines", len(m.accounts), len(r.Engines))
	}
	for _, e := range r.Engines {
		v := verdicts(&m, e)
		t.Logf("%s: %v, findings %v", e.Name, v, e.Findings)
		faultless := slices.Contains([]string{"catch_up", "inline", "hybrid"}, e.Name)
		if faultless && (v[quotaaudit.Missed]+v[quotaaudit.Late]+v[quotaaudit.Duplicate]+v[quotaaudit.Spurious] > 0 || v[quotaaudit.OnTime] < 100 || len(e.Findings) > 0) {
			t.Errorf("%s missed or repeated something: %v %v", e.Name, v, e.Findings)
		}
		if e.Name == "broken" && v[quotaaudit.Missed] == 0 {
			t.Errorf("the broken engine was not caught: %v", v)
		}
	}
}
