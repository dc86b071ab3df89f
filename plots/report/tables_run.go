package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

func assertionsTable(s *measure.Summary) *table {
	t := newTable("Assertions of the scenario", "verdict", "metric", "expected", ">observed")
	for _, a := range s.Assertions {
		verdict, state := assertionVerdict(a), "failed"
		if a.OK {
			state = ""
		}
		if a.Why != "" {
			verdict += ": " + a.Why
		}
		t.add(cell{Text: verdict, State: state}, words(a.Metric), words(strings.TrimPrefix(a.Name(), a.Metric+": ")), observed(a))
	}
	return t
}

func assertionVerdict(a measure.Assertion) string {
	switch {
	case a.Unknown:
		return "unknown"
	case a.OK:
		return "holds"
	}
	return "fails"
}

// observed is what an assertion saw, in the metric's unit.
func observed(a measure.Assertion) cell {
	if a.Observed == nil {
		return none
	}
	v := *a.Observed
	sel, err := metric.ParseSelector(a.Metric)
	if err != nil {
		return general(v)
	}
	m, _ := metric.Find(sel.Metric)
	c, err := metric.ParseCondition(m, a.Check)
	switch {
	case err != nil:
		return general(v)
	case c.Agg == "rate":
		return cell{Text: general(v).Text + "/s", Number: plain(v)}
	case c.Agg == "count":
		return count(int64(v))
	case m.Unit == "s":
		return cell{Text: time.Duration(v * 1e9).Round(time.Microsecond).String(), Number: plain(v)}
	case m.Unit == "ratio":
		return percent(v)
	}
	return general(v)
}

// serverTables: what live shards said of themselves, and where they counted
// otherwise than the clients.
func serverTables(s *measure.Summary) []*table {
	t := newTable("Servers, before and after the run", "shard", "Redis", ">keys before", ">keys after", ">memory before (MiB)", ">memory after (MiB)", ">bytes per key", ">keys asked", "note")
	odd := newTable("Commands that servers counted otherwise than the clients", "shard", "command", ">sent by clients", ">by their scripts", ">counted by the server")
	for _, one := range s.Servers {
		t.add(words(one.Shard), words(one.Version), maybeCount(one.KeysBefore), maybeCount(one.KeysAfter), mebibytes(one.MemoryBefore), mebibytes(one.MemoryAfter),
			maybe(one.KeyBytes, func(v float64) cell { return number(v, 0) }), count(one.SampledKeys), words(one.Note()))
		for _, d := range one.Disagreements {
			odd.add(words(one.Shard), words(d.Command), count(d.Sent), maybeCount(d.Script), count(d.Server))
		}
	}
	t.Note = commandsNote(s)
	return []*table{t, odd}
}

func mebibytes(bytes *int64) cell {
	if bytes == nil {
		return none
	}
	return number(float64(*bytes)/(1<<20), 1)
}

// commandsNote says whether servers and clients agree on how many commands there
// were.
func commandsNote(s *measure.Summary) string {
	sent, served, unknown := s.Commands()
	odd := slices.ContainsFunc(s.Servers, func(one measure.Server) bool { return len(one.Disagreements) > 0 })
	switch {
	case len(unknown) > 0:
		return "Commands of " + strings.Join(unknown, ", ") + " cannot all be compared, so whether the servers counted what the clients sent is unknown."
	case odd:
		return "The servers counted other commands than the clients sent: see the next table."
	}
	return fmt.Sprintf("The servers counted what the clients sent: %s of %s commands.", wording.Thousands(served), wording.Thousands(sent))
}

// provenanceTable: versions, hashes and tags.
func provenanceTable(in Input) *table {
	s := in.Set.Summary
	t := newTable("What made this record", "what", "which")
	for _, name := range slices.Sorted(maps.Keys(s.Versions)) {
		t.add(words(name), words(s.Versions[name]))
	}
	t.add(words("seed"), words(strconv.FormatUint(s.Seed, 10)))
	t.add(words("plan hash"), words(s.PlanHash))
	t.add(words("record hash"), words(s.RecordHash))
	if !s.Started.IsZero() {
		t.add(words("started"), words(s.Started.UTC().Format(time.RFC3339)))
	}
	if in.Dir != "" {
		t.add(words("record"), words(in.Dir))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Tags)) {
		t.add(words("tag "+name), words(s.Tags[name]))
	}
	return t
}
