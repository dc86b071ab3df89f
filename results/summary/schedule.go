package summary

import (
	"fmt"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// A run that cannot keep its schedule measures itself: lag's 99th percentile
// may be a millisecond up to 10,000 requests a second, two above, and 99 % of
// what was due must be sent before the run ends.
const (
	lagBound     = time.Millisecond
	fastLagBound = 2 * time.Millisecond
	fastRate     = 10_000 // per second
	leastSent    = 0.99
)

// schedule is how the generator kept to its own. It looks at first tries only:
// a later one is due when the answer before it is there, so it is never late.
type schedule struct {
	tries
	end int64
}

// tries is what a schedule counts.
type tries struct {
	Tries map[string]map[string]int64 `json:"tries"` // by traffic, then the limiters, each of which gets every arrival; in the warm-up too
	Due   int64                       `json:"due"`
	Sent  int64                       `json:"sent"` // of those due, before the run ended (and the time that a request may be late)
	Lag   trend                       `json:"lag"`
}

func newSchedule(m *record.Manifest) *schedule {
	return &schedule{tries{Tries: map[string]map[string]int64{}}, int64(m.Horizon + max(m.MaxLag, fastLagBound))}
}

func (s *schedule) observe(o *record.Observation, early bool) {
	if o.Attempt > 0 || o.Step > 0 {
		return
	}
	if s.Tries[o.Traffic] == nil {
		s.Tries[o.Traffic] = map[string]int64{}
	}
	s.Tries[o.Traffic][o.Limiter]++
	if early {
		return
	}
	s.Due++
	if o.Decision == record.Dropped || o.Sent < 0 {
		return
	}
	s.Lag.add(o.Sent - o.Intended)
	if o.Sent < s.end {
		s.Sent++
	}
}

// unsent is how many tries were due, but are neither observed nor dropped.
func (s *schedule) unsent(m *record.Manifest) (n int64) {
	if m.Clock != "real" {
		return 0 // in virtual time there are none
	}
	for _, t := range m.Traffic {
		for _, tries := range s.Tries[t.Name] {
			n += max(0, t.Arrivals-tries)
		}
		if len(s.Tries[t.Name]) == 0 {
			n += t.Arrivals
		}
	}
	return n
}

// judge returns the schedule of a run whose measured time is that many ns long; nil:
// nothing was due.
func (s *schedule) judge(m *record.Manifest, measured int64) *Schedule {
	due, seconds := s.Due+s.unsent(m), float64(measured)/1e9
	if due == 0 || seconds <= 0 {
		return nil
	}
	out := &Schedule{Due: due, Sent: s.Sent, IntendedPerSecond: float64(due) / seconds, AchievedPerSecond: float64(s.Sent) / seconds,
		Ratio: float64(s.Sent) / float64(due), LagSamples: s.Lag.N}
	bound := m.MaxLag
	switch {
	case bound > 0:
	case out.IntendedPerSecond > fastRate:
		bound = fastLagBound
	default:
		bound = lagBound
	}
	out.LagBound = bound.Seconds()
	if s.Lag.N > 0 {
		lag := distribution("lag", nil, &s.Lag)
		out.LagMed, out.LagP99, out.LagMax = lag.Med, lag.P99, lag.Max
	}
	return out
}

// late says why the generator did not do what it was asked to, nothing if it
// did. In virtual time it sends all that it does not drop.
func (s *Schedule) late(m *record.Manifest) (why []string) {
	if s == nil {
		return nil
	}
	if s.LagP99 != nil && *s.LagP99 > s.LagBound {
		why = append(why, "the generator was late: lag's 99th percentile is "+inWords(*s.LagP99)+", more than "+inWords(s.LagBound)+". Nothing below stands for the load that was asked for.")
	}
	if s.Ratio < leastSent && m.Clock == "real" {
		why = append(why, "the generator did not keep up: of "+unit.PerSecond(s.IntendedPerSecond, 3)+" that were due it sent "+unit.PerSecond(s.AchievedPerSecond, 3)+" ("+percent(s.Ratio)+") within the run.")
	}
	return why
}

// invalid says why the run's numbers do not stand for what the scenario
// asked, nothing if they do. What the generator did wrong comes first: it
// makes all the rest worthless.
func (p *pass) invalid(a *audit.Result) []string {
	m := p.manifest
	why := p.schedule.judge(m, p.length()).late(m)
	switch {
	case m.Failed != nil: // as the scenario asked
	case m.Aborted != "":
		why = append(why, fmt.Sprintf("the run was aborted (%s): the numbers are of the %s up to there.", m.Aborted, extent(m)))
	case !m.Complete:
		why = append(why, killed(m))
	}
	hasRequests, hasAccounts := len(m.Limiters) > 0 || len(m.Engines) == 0, a.Thresholds != nil && a.Thresholds.Accounts > 0
	if p.unknown {
		why = append(why, fmt.Sprintf("the run recorded %s of its observations and died before it wrote what it knew of the others: nothing was measured of requests.", only(m)))
	}
	if len(p.outcomes.cells) == 0 && hasRequests && m.Complete {
		why = append(why, "nothing was measured: no request was due after the warm-up.")
	}
	if len(m.Engines) > 0 && !hasAccounts {
		why = append(why, "nothing was measured of the engines: the record holds no account.")
	}
	dropped := p.outcomes.sum(func(c *cell) int64 {
		if c.Decision == record.Dropped {
			return c.Count
		}
		return 0
	})
	if dropped += p.early.Dropped; dropped > 0 {
		cause := "too many requests were under way (max_in_flight)"
		if m.Clock == "real" {
			cause += " or the generator was more than 1 s late"
		}
		w := fmt.Sprintf("%s not sent, because %s: the limiters saw less load than was asked for.", counted(dropped, "arrival was", "arrivals were"), cause)
		if p.early.Dropped > 0 {
			w += fmt.Sprintf(" %s so in the warm-up, which metrics leave out.", counted(p.early.Dropped, "was", "were"))
		}
		why = append(why, w)
	}
	if n := p.early.Unexpected + p.outcomes.sum(func(c *cell) int64 { return c.Errors["unexpected"] }); n > 0 {
		why = append(why, fmt.Sprintf("%s for a reason that is neither Redis' nor the network's: the limiter itself failed.", counted(n, "decision failed", "decisions failed")))
	}
	return why
}

// extent is how much a record holds.
func extent(m *record.Manifest) string {
	n := m.Count
	if !m.Whole() {
		n = m.Seen
	}
	if m.AccountCount+m.EvaluationCount == 0 {
		return unit.Counted(n, "observation")
	}
	return unit.Counted(n, "observation") + ", " + unit.Counted(m.AccountCount, "account") + " and " + unit.Counted(m.EvaluationCount, "evaluation")
}

// killed says what there is of a run that did not get to say why it ended.
func killed(m *record.Manifest) string {
	return fmt.Sprintf("the record is incomplete: the run was killed, or still goes on. The numbers are of the %s that were saved; it saves at least every 2 s, after 200 s every hundredth of its time, and what is lost are at most %s that came after the last time.",
		extent(m), unit.Counted(record.MostLost, "observation"))
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return unit.Thousands(n) + " " + many
}
