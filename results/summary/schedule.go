package summary

import (
	"cmp"
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
	tries map[stream]int64 // in the warm-up too
	due   int64
	sent  int64 // of those due, before the run ended (and the time that a request may be late)
	lag   trend
	end   int64
}

// stream is what one traffic source sends to one limiter: each gets every
// arrival.
type stream struct{ traffic, limiter string }

func (a stream) compare(b stream) int {
	return cmp.Or(cmp.Compare(a.traffic, b.traffic), cmp.Compare(a.limiter, b.limiter))
}

func newSchedule(m *record.Manifest) *schedule {
	return &schedule{tries: map[stream]int64{}, end: int64(m.Horizon + max(m.MaxLag, fastLagBound))}
}

func (s *schedule) observe(o *record.Observation, early bool) {
	if o.Attempt > 0 || o.Step > 0 {
		return
	}
	s.tries[stream{o.Traffic, o.Limiter}]++
	if early {
		return
	}
	s.due++
	if o.Decision == record.Dropped || o.Sent < 0 {
		return
	}
	s.lag.add(o.Sent - o.Intended)
	if o.Sent < s.end {
		s.sent++
	}
}

// unsent is how many tries were due, but are neither observed nor dropped.
func (s *schedule) unsent(m *record.Manifest) (n int64) {
	if m.Clock != "real" {
		return 0 // in virtual time there are none
	}
	for _, t := range m.Traffic {
		seen := false
		for at, tries := range s.tries {
			if at.traffic == t.Name {
				n, seen = n+max(0, t.Arrivals-tries), true
			}
		}
		if !seen {
			n += t.Arrivals
		}
	}
	return n
}

// judge the schedule of a run whose measured time is that many ns long; nil:
// nothing was due.
func (s *schedule) judge(m *record.Manifest, measured int64) *Schedule {
	due, seconds := s.due+s.unsent(m), float64(measured)/1e9
	if due == 0 || seconds <= 0 {
		return nil
	}
	out := &Schedule{Due: due, Sent: s.sent, IntendedPerSecond: float64(due) / seconds, AchievedPerSecond: float64(s.sent) / seconds,
		Ratio: float64(s.sent) / float64(due), LagSamples: s.lag.n}
	bound := m.MaxLag
	switch {
	case bound > 0:
	case out.IntendedPerSecond > fastRate:
		bound = fastLagBound
	default:
		bound = lagBound
	}
	out.LagBound = bound.Seconds()
	if s.lag.n > 0 {
		lag := distribution("lag", nil, &s.lag)
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
		why = append(why, fmt.Sprintf("the run did not reach its end: the numbers are of the %s in the parts that were closed.", extent(m)))
	}
	hasRequests, hasAccounts := len(m.Limiters) > 0 || len(m.Engines) == 0, a.Thresholds != nil && a.Thresholds.Accounts > 0
	if p.unknown {
		why = append(why, fmt.Sprintf("the run recorded %s of its observations and died before it wrote what it knew of the others: nothing was measured of requests.", only(m)))
	}
	if p.measured == 0 && hasRequests && m.Complete {
		why = append(why, "nothing was measured: no request was due after the warm-up.")
	}
	if len(m.Engines) > 0 && !hasAccounts {
		why = append(why, "nothing was measured of the engines: the record holds no account.")
	}
	if p.dropped > 0 {
		cause := "too many requests were under way (max_in_flight)"
		if m.Clock == "real" {
			cause += " or the generator was more than 1 s late"
		}
		w := fmt.Sprintf("%s not sent, because %s: the limiters saw less load than was asked for.", counted(p.dropped, "arrival was", "arrivals were"), cause)
		if p.droppedEarly > 0 {
			w += fmt.Sprintf(" %s so in the warm-up, which metrics leave out.", counted(p.droppedEarly, "was", "were"))
		}
		why = append(why, w)
	}
	if p.unexpected > 0 {
		why = append(why, fmt.Sprintf("%s for a reason that is neither Redis' nor the network's: the limiter itself failed.", counted(p.unexpected, "decision failed", "decisions failed")))
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

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return unit.Thousands(n) + " " + many
}
