package series

import (
	"fmt"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/record"
)

// Collect makes the Set of a record. a is the result of its audit, nil if it
// could not be audited, and s what measure.Measure made of both. Memory is bounded
// but for some eighty bytes for each key that was admitted, if there is an oracle.
func Collect(r *record.Reader, a *audit.Result, s *measure.Summary, o Options) (*Set, error) {
	set := &Set{Manifest: r.Manifest(), Summary: s}
	if a == nil {
		a = &audit.Result{}
	}
	of := newClients(&set.Manifest, s)
	set.Together = of.together
	var err error
	if set.Latency, err = latencies(of, s); err != nil {
		return nil, fmt.Errorf("collecting series: %w", err)
	}
	p := newPass(of, a, s)
	if err := p.read(r); err != nil {
		return nil, fmt.Errorf("collecting series: %w", err)
	}
	set.Timeline = p.timeline.series(s)
	set.Shards = shardLoads(&set.Manifest, s, p.heat)
	for _, w := range p.allowances {
		set.Admission = append(set.Admission, w.series())
	}
	if set.Thresholds, err = thresholds(r, a, o); err != nil {
		return nil, fmt.Errorf("collecting series: %w", err)
	}
	return set, nil
}

// pass is one reading of the observations and what it feeds.
type pass struct {
	manifest   *record.Manifest
	timeline   *timeline
	heat       *heat
	allowances []*allowance // in the manifest's order
	byLimiter  map[string]*allowance
	effects    *effects
}

func newPass(of *clients, a *audit.Result, s *measure.Summary) *pass {
	at, m := measured(s), of.manifest
	p := &pass{manifest: m, timeline: newTimeline(at, of), heat: newHeat(at, m.Shards), byLimiter: map[string]*allowance{}, effects: newEffects(m.MaxSettle, 1<<14, (*effect).admit)}
	for _, l := range m.Limiters {
		if w := newAllowance(m, l, a, s, at); w != nil {
			p.allowances, p.byLimiter[l.Name] = append(p.allowances, w), w
		}
	}
	return p
}

// read the observations, unless they say nothing.
func (p *pass) read(r *record.Reader) error {
	if !p.manifest.Whole() && len(p.allowances) == 0 {
		return nil
	}
	for o, err := range r.Observations() {
		if err == nil {
			err = p.observe(o)
		}
		if err != nil {
			return err
		}
	}
	for _, one := range p.effects.list {
		p.effects.latest = max(p.effects.latest, one.at)
	}
	p.effects.release(p.effects.latest + 1)
	return nil
}

func (p *pass) observe(o *record.Observation) error {
	counts := o.Intended >= p.manifest.Warmup.Nanoseconds()
	if w := p.byLimiter[o.Limiter]; w != nil {
		if err := w.observe(o, counts, p.effects); err != nil {
			return err
		}
	}
	if !counts || !p.manifest.Whole() {
		return nil // what is counted of some would be taken for all
	}
	if err := p.timeline.observe(o); err != nil {
		return err
	}
	return p.heat.observe(o)
}
