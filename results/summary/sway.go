package summary

import (
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

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
