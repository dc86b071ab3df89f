package certify

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/fakeredis"
)

// Seen is what the record of a case holds.
type Seen struct {
	*campaign.Analysis
	manifest record.Manifest
	audited  audit.Limiter
	all      []record.Observation // in the order in which they took effect
	left     []fakeredis.Left     // the keys that are there at the end
	used     *used                // what embedded shards were asked
	outside  bool                 // the limiter lives in a process of its own
}

func newSeen(a *campaign.Analysis) (*Seen, error) {
	s := &Seen{Analysis: a, manifest: a.Reader.Manifest(), audited: a.Audited.Limiters[0]}
	for o, err := range a.Reader.ByEffect() {
		if err != nil {
			return nil, err
		}
		one := *o
		one.Takes, one.Touched = slices.Clone(o.Takes), slices.Clone(o.Touched)
		s.all = append(s.all, one)
	}
	return s, nil
}

func (s *Seen) count(of func(o *record.Observation) bool) (n int) {
	for i := range s.all {
		if of(&s.all[i]) {
			n++
		}
	}
	return n
}

func allowed(o *record.Observation) bool {
	return o.Decision == record.Allowed || o.Decision == record.FailOpen
}

func failed(o *record.Observation) bool { return o.Error != "" }

// ofTraffic picks those of a source.
func ofTraffic(name string, is func(*record.Observation) bool) func(*record.Observation) bool {
	return func(o *record.Observation) bool { return o.Traffic == name && is(o) }
}

// errorsBy says how many errors there were of each kind, "" if none.
func (s *Seen) errorsBy() string {
	kinds := map[string]int{}
	var order []string
	for i := range s.all {
		if k := s.all[i].Error; k != "" {
			if kinds[k]++; kinds[k] == 1 {
				order = append(order, k)
			}
		}
	}
	slices.Sort(order)
	for i, k := range order {
		order[i] = fmt.Sprintf("%d %s", kinds[k], strings.ReplaceAll(k, "_", " "))
	}
	return strings.Join(order, ", ")
}

// refusesCosts says that a limiter outside refuses all costs but 1, which no
// configuration tells; "": it does not, or there are none.
func (s *Seen) refusesCosts() string {
	refused := ""
	for i := range s.all {
		o := &s.all[i]
		if len(o.Takes) == 0 || o.Takes[0].Cost == 1 {
			continue
		}
		if o.Error != "unexpected" || !s.outside {
			return ""
		}
		refused = o.Message
	}
	if refused == "" {
		return ""
	}
	first, _, _ := strings.Cut(refused, "\n")
	return "it refuses every request that does not cost 1: " + first
}

// firstError is the text of the first error, "" if there is none.
func (s *Seen) firstError() string {
	for i := range s.all {
		if s.all[i].Error != "" {
			return s.all[i].Message
		}
	}
	return ""
}

// over is the over-admission; of a limiter without an algorithm the tokens above the envelope.
func (s *Seen) over() int64 {
	if s.audited.Audited() {
		return s.audited.Over
	}
	return int64(math.Ceil(s.audited.Worst.Excess))
}

func (s *Seen) explained(k audit.Kind) int64 {
	for _, e := range s.audited.Explained {
		if e.Kind == k {
			return e.Explains
		}
	}
	return 0
}

// counted returns a number of requests, or tokens where costs differ, in words.
func (s *Seen) counted(n int64) string {
	if s.audited.Tokens {
		return unit.Counted(n, "token")
	}
	return unit.Counted(n, "request")
}

// told is what the reference says of an observation, given all that was admitted
// before it.
type told struct {
	*record.Observation
	says limits.Decision
	// clean: the bucket has been full since a request on the key was last denied or failed, and for
	// long enough, so that what denials and lost answers take is not in it.
	clean bool
}

// replay goes through the observations beside the reference. It does nothing for a
// limiter without one.
func (s *Seen) replay(visit func(t told)) {
	spec := s.manifest.Limiters[0]
	if spec.Algorithm == "" {
		return
	}
	type state struct {
		limits.Bucket
		marred bool
		until  int64
	}
	table, keys := spec.Table(), map[string]*state{}
	for i := range s.all {
		o := &s.all[i]
		if len(o.Takes) != 1 || o.Decision == record.Dropped {
			continue
		}
		t := o.Takes[0]
		b := keys[t.Limit+" "+t.Key]
		if b == nil {
			l, _ := table.For(t.Limit, t.Key)
			full, err := limits.Maker(spec.Algorithm, limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, s.manifest.Epoch.UnixNano())
			if err != nil {
				return // the plan would not have compiled
			}
			b = &state{Bucket: full()}
			keys[t.Limit+" "+t.Key] = b
		}
		now := audit.Instant(o)
		if now >= b.until && b.Peek(now, 0).ResetAfter <= 0 {
			b.marred = false
		}
		if o.Error == "" {
			visit(told{o, b.Peek(now, t.Cost), !b.marred})
		}
		switch {
		case allowed(o):
			b.Spend(now, t.Cost)
		default: // it may have taken tokens all the same
			l, _ := table.For(t.Limit, t.Key)
			b.marred = true
			b.until = now + int64(2*float64(l.Period)*float64(l.Burst)/float64(l.Count))
		}
	}
}

// wronglyDenied counts denials for which the reference has room, where neither a denial nor an
// error before explains it, and the keys that they were on.
func (s *Seen) wronglyDenied() (n int64, keys int) {
	on := map[string]bool{}
	s.replay(func(t told) {
		if t.Decision == record.Denied && t.says.Allowed && t.clean && t.says.Margin > s.manifest.Limiters[0].Resolution {
			n++
			on[t.Takes[0].Key] = true
		}
	})
	return n, len(on)
}

// overFrom counts admissions from an instant on that the reference has no room for, given all before, by key.
func (s *Seen) overFrom(at time.Duration) map[string]int64 {
	over := map[string]int64{}
	s.replay(func(t told) {
		if t.Decision == record.Allowed && !t.says.Allowed && t.Sent >= int64(at) && t.says.Margin > s.manifest.Limiters[0].Resolution {
			over[t.Takes[0].Key]++
		}
	})
	return over
}

// worstCount is the most tokens that one key was given in any stretch of a length.
func (s *Seen) worstCount(length time.Duration) (most int64) {
	type given struct{ at, cost int64 }
	keys := map[string][]given{}
	for i := range s.all {
		o := &s.all[i]
		if !allowed(o) {
			continue
		}
		for _, t := range o.Takes {
			keys[t.Key] = append(keys[t.Key], given{audit.Instant(o), t.Cost})
		}
	}
	for _, list := range keys {
		sum, begin := int64(0), 0
		for _, g := range list {
			for sum += g.cost; list[begin].at <= g.at-int64(length); begin++ {
				sum -= list[begin].cost
			}
			most = max(most, sum)
		}
	}
	return most
}

// holds and broken make findings.

func holds(number float64, unit, text string, args ...any) Finding {
	return Finding{Holds, number, unit, fmt.Sprintf(text, args...)}
}

func broken(number float64, unit, text string, args ...any) Finding {
	return Finding{Broken, number, unit, fmt.Sprintf(text, args...)}
}

// zero is broken by any number above 0.
func zero(n int64, unit, text string, args ...any) Finding {
	if n > 0 {
		return broken(float64(n), unit, text, args...)
	}
	return holds(0, unit, text, args...)
}
