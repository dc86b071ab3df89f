package series_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

const hour = int64(time.Hour)

// polled is the manifest of 60 days from 1970 on with engines that look every
// twelve hours.
func polled(names ...string) record.Manifest {
	m := record.Manifest{Scenario: "quotas", Clock: "virtual", Epoch: time.Unix(0, 0).UTC(), Horizon: 60 * 24 * time.Hour}
	for _, name := range names {
		m.Engines = append(m.Engines, record.Engine{Name: name, Kind: "k", Thresholds: []int64{75, 90}, Last: 60 * usage.Day, Gap: 12 * hour, Slack: hour / 4})
	}
	return m
}

// holder is an account with a limit of 100 units a month from 1970 on, and
// usage in pairs of hours and units.
func holder(id int64, group string, used ...int64) record.Account {
	a := record.Account{ID: id, Group: group, Contract: []record.ContractSegment{{From: usage.Beginning, Kind: int32(usage.Period), Limit: 100}}}
	for i := 0; i < len(used); i += 2 {
		a.At, a.Units = append(a.At, used[i]*hour), append(a.Units, used[i+1])
	}
	return a
}

// look is an evaluation at so many hours that read that percentage.
func look(engine string, account, h int64, outcome record.EvaluationOutcome, percent int64) record.Evaluation {
	return record.Evaluation{Engine: engine, Run: h * hour, Account: account, At: h * hour, Outcome: outcome, Limit: 100, Usage: percent, Percent: percent}
}

func notice(engine string, account, h, threshold int64) record.Evaluation {
	e := look(engine, account, h, record.SentNotice, threshold+1)
	e.Threshold, e.SentAt, e.Delivered = threshold, e.At+7, true
	return e
}

func suppressed(engine string, account, h, threshold, by int64) record.Evaluation {
	e := look(engine, account, h, record.Suppressed, threshold+2)
	e.Threshold, e.RowAccount, e.RowThreshold, e.RowAt = threshold, by, threshold, (h-40)*hour
	return e
}

func quotasOf(t testing.TB, r *record.Reader, o series.Options) (*series.Thresholds, *quotaaudit.Result, error) {
	t.Helper()
	a, s := testkit.Analyse(t, r)
	set, err := series.Collect(r, a, s, o)
	if err != nil {
		return nil, a.Thresholds, err
	}
	return set.Thresholds, a.Thresholds, nil
}

func quotas(t testing.TB, m record.Manifest, q testkit.Quotas, o series.Options) *series.Thresholds {
	t.Helper()
	set, _, err := quotasOf(t, testkit.WriteQuotas(t, m, q, nil), o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func goldenThresholds(t *testing.T, name string, s *series.Thresholds) {
	t.Helper()
	golden(t, "thresholds-"+name, dumpThresholds(s))
}

func dumpThresholds(s *series.Thresholds) string {
	var b strings.Builder
	fmt.Fprintf(&b, "engines %q levels %v accounts %d groups %q causes %q\n", s.Engines, s.Levels, s.Accounts, s.Groups, s.Causes)
	for _, m := range s.Missed {
		fmt.Fprintf(&b, "missed %s %d: %q %d of %d\n", m.Engine, m.Level, m.Cause, m.Count, m.Crossings)
	}
	for _, c := range s.Matrix {
		fmt.Fprintf(&b, "matrix %s %q %d: %d of %d\n", c.Engine, c.Group, c.Level, c.Missed, c.Crossings)
	}
	for _, d := range s.Delays {
		fmt.Fprintf(&b, "delay %s within %g s: %d of %d, %d of them on time\n", d.Engine, d.Bound, d.Delays.N, d.Crossings, d.OnTime)
		for _, q := range d.Delays.Grid {
			fmt.Fprintf(&b, "  %.4g %% %.9g s\n", q.P, q.V)
		}
	}
	if s.Account == nil {
		return b.String()
	}
	a := s.Account
	fmt.Fprintf(&b, "account %d of %q by %s, %s to %s: %d at %s %s %q\n", a.ID, a.Group, a.Engine, hours(a.From), hours(a.Until), a.Level, hours(a.At), a.Verdict, a.Cause)
	for _, p := range a.Limit {
		fmt.Fprintf(&b, "  limit %g from %s\n", p.Y, hours(p.X))
	}
	for _, p := range a.Usage {
		fmt.Fprintf(&b, "  used %g %% at %s\n", p.Y, hours(p.X))
	}
	for _, l := range a.Looks {
		fmt.Fprintf(&b, "  looked at %s: %s %g %% of %d, by %d\n", hours(l.At), l.Outcome, l.Percent, l.Level, l.By)
	}
	fmt.Fprintf(&b, "  %d looks made\n", a.LooksMade)
	for _, e := range a.Engines {
		fmt.Fprintf(&b, "  engine %s\n", e.Engine)
		for _, c := range e.Crossings {
			fmt.Fprintf(&b, "    crossed %d at %s: %s %q until %s\n", c.Level, hours(c.At), c.Verdict, c.Cause, hours(c.Until))
		}
		for _, n := range e.Notices {
			fmt.Fprintf(&b, "    notice of %d at %s: %s\n", n.Level, hours(n.At), n.Text)
		}
	}
	return b.String()
}

func hours(s float64) string {
	if math.Mod(s, 3600) == 0 {
		return fmt.Sprintf("%gh", s/3600)
	}
	return fmt.Sprintf("%.12gh", s/3600)
}
