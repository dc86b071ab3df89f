package summary

import (
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// leastSent is the share of what was due that must be sent before the run ends:
// else the run measures itself.
const leastSent = 0.99

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
	return &schedule{tries{Tries: map[string]map[string]int64{}}, int64(m.Horizon + m.MaxLag)}
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
		Ratio: float64(s.Sent) / float64(due), LagSamples: s.Lag.N, LagBound: m.MaxLag.Seconds(), Machine: machine(m.Pacing)}
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
	if s.LagBound > 0 && s.LagP99 != nil && *s.LagP99 > s.LagBound {
		why = append(why, "the generator was late: lag's 99th percentile is "+inWords(*s.LagP99)+", more than "+inWords(s.LagBound)+" (max_lag). "+s.Blame())
	}
	if s.Ratio < leastSent && m.Clock == "real" {
		why = append(why, "the generator did not keep up: of "+unit.PerSecond(s.IntendedPerSecond, 3)+" that were due it sent "+unit.PerSecond(s.AchievedPerSecond, 3)+" ("+percent(s.Ratio)+") within the run. "+s.Blame())
	}
	return why
}

// invalid says why the run's numbers do not stand for what the scenario
// asked, nothing if they do. What the generator did wrong comes first: it
// makes all the rest worthless.
func (p *pass) invalid(a *audit.Result) []string {
	m := p.manifest
	judged := p.schedule.judge(m, p.length())
	why := judged.late(m)
	if m.Clock == "real" && m.MaxLag == 0 && len(why) == 0 {
		why = append(why, p.outcomes.swayed(judged)...)
	}
	switch {
	case m.Failed != nil: // as the scenario asked
	case m.Aborted != "":
		why = append(why, fmt.Sprintf("the run was aborted (%s): the numbers are of the %s up to there.", m.Aborted, extent(m)))
	case !m.Complete:
		why = append(why, fmt.Sprintf("the record is incomplete: the run was killed, or still goes on. The numbers are of the %s that were saved; it saves at least every 2 s, after 200 s every hundredth of its time, and what is lost are at most %s that came after the last time.",
			extent(m), unit.Counted(record.MostLost, "observation")))
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

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return unit.Thousands(n) + " " + many
}

// agrees reports whether a headline is the same by latency and by sojourn. A
// headline is a percentile of the latency of the requests that a limiter allowed or
// denied. Lag is in none of them; it is in sojourn. Where both say the same, what
// kept the run from its schedule changed nothing that it is read for. They do if
// sojourn is at most twice the latency, beyond what the machine itself is late with
// nothing to do, which counts up to the latency once more. Both are known only as
// well as their samples say: they differ if the ends that are closest of their 95 %
// intervals do (order statistics, n·p ± 1.96·√(n·p·(1−p))).
func agrees(latency, sojourn, idle float64) bool {
	return sojourn <= 2*latency+min(idle, latency)
}

// headlines are the percentiles with the number of requests from which one is known.
var headlines = []struct {
	name    string
	p       float64
	idle    func(*Machine) float64
	samples int64
}{
	{"median", 50, func(m *Machine) float64 { return m.Med }, 20},
	{"99th percentile", 99, func(m *Machine) float64 { return m.P99 }, 1000},
}

// swayed says which headline lag changes most, nothing if it changes none.
func (c *outcomes) swayed(s *Schedule) []string {
	if s == nil {
		return nil
	}
	type group struct {
		limiter  string
		decision record.Decision
	}
	var order []group
	times := map[group]*[2]trend{}
	for _, one := range c.sorted() {
		g := group{one.Limiter, one.Decision}
		if g.decision != record.Allowed && g.decision != record.Denied {
			continue
		}
		if times[g] == nil {
			times[g] = new([2]trend)
			order = append(order, g)
		}
		times[g][0].merge(&one.Latency)
		times[g][1].merge(&one.Sojourn)
	}
	why, worst := "", 0.0
	for _, g := range order {
		for _, h := range headlines {
			t := times[g]
			if t[0].N < h.samples {
				continue
			}
			latency, sojourn, idle := t[0].percentile(h.p)/1e9, t[1].percentile(h.p)/1e9, 0.0
			if s.Machine != nil {
				idle = h.idle(s.Machine)
			}
			off := 196 * math.Sqrt(h.p/100*(1-h.p/100)/float64(t[0].N))
			surely := agrees(t[0].percentile(min(h.p+off, 100))/1e9, t[1].percentile(h.p-off)/1e9, idle)
			if by := sojourn / max(latency, 1e-9); !surely && by > worst {
				worst = by
				why = fmt.Sprintf("lag decides what the run says: of what %s %s the %s of latency (done − sent) is %s, of sojourn (done − intended) %s. %s",
					g.limiter, g.decision, h.name, inWords(latency), inWords(sojourn), s.Blame())
			}
		}
	}
	return slices.DeleteFunc([]string{why}, func(s string) bool { return s == "" })
}

// Machine is how late a thread with nothing to do was during the run, in seconds,
// and before it.
type Machine struct {
	Urgent    bool    `json:"schedFIFO" jsonschema:"the thread that paced the run had SCHED_FIFO 1; false: the usual priority"`
	Samples   int64   `json:"samples" jsonschema:"how often a thread with nothing to do slept during the run"`
	Med       float64 `json:"medSeconds" jsonschema:"median of how much later than asked it woke"`
	P99       float64 `json:"p99Seconds" jsonschema:"99th percentile of it"`
	Max       float64 `json:"maxSeconds" jsonschema:"largest of it"`
	BeforeP99 float64 `json:"beforeP99Seconds" jsonschema:"99th percentile before the run, with nothing under way"`
}

func machine(p *record.Pacing) *Machine {
	if p == nil {
		return nil
	}
	d := p.During
	return &Machine{p.Urgent, d.Samples, d.Med.Seconds(), d.P99.Seconds(), d.Max.Seconds(), p.Before.P99.Seconds()}
}

// Blame says whether the machine or the generator made a run late: the machine if
// a thread with nothing to do was at least half as late.
func (s *Schedule) Blame() string {
	m := s.Machine
	if m == nil || m.Samples == 0 || s.LagP99 == nil {
		return "Whether the machine or the generator is to blame is unknown: the record has no canary."
	}
	idle := fmt.Sprintf("at the 99th percentile requests were %s late, a thread with nothing to do %s, and %s before the run. ", inWords(*s.LagP99), inWords(m.P99), inWords(m.BeforeP99))
	switch {
	case 2*m.BeforeP99 >= *s.LagP99:
		return "The machine is to blame: " + idle + "Run it where nothing else runs."
	case 2*m.P99 >= *s.LagP99:
		return "The machine was too busy during the run: " + idle + "Lower the rate, or run it where nothing else runs."
	}
	return "The generator is to blame: " + idle + "Lower the rate, or give it more processors."
}
