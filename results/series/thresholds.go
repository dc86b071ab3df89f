package series

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// thresholds of a record with engines; nil of others.
//
// Counts and delays are those of the audit. What it does not keep, which is by
// group and of a single account, takes one more audit.Verdicts, and one pass over
// the evaluations: memory is that of the audit.
func thresholds(r *record.Reader, a *audit.Result, o Options) (*Thresholds, error) {
	m := r.Manifest()
	switch {
	case len(m.Engines) == 0 && o.Account != 0:
		return nil, fmt.Errorf("the story of account %d: the record has no usage-threshold engine; leave the account out", o.Account)
	case len(m.Engines) == 0:
		return nil, nil
	}
	t := &Thresholds{}
	for _, e := range m.Engines {
		t.Engines = append(t.Engines, e.Name)
		t.Levels = append(t.Levels, e.Thresholds...)
	}
	if a.Thresholds != nil && a.Thresholds.Accounts > 0 {
		if err := t.audited(r, a.Thresholds, o); err != nil {
			return nil, err
		}
	}
	slices.Sort(t.Levels)
	t.Levels = slices.Compact(t.Levels)
	return t, nil
}

func (t *Thresholds) audited(r *record.Reader, result *audit.ThresholdResult, o Options) error {
	t.Accounts = result.Accounts
	named := t.nameCauses(result)
	m := r.Manifest()
	for i := range result.Engines {
		e := &result.Engines[i]
		for j := range e.Thresholds {
			t.Levels = append(t.Levels, e.Thresholds[j].Threshold)
			t.bars(e.Name, &e.Thresholds[j], named)
		}
		t.Delays = append(t.Delays, delaysOf(&m.Engines[i], e))
	}
	c, s := newCells(), newCast(result, o)
	for v, err := range audit.Verdicts(r) {
		if err != nil {
			return err
		}
		c.add(v)
		s.add(v)
	}
	t.Groups, t.Matrix = c.matrix(&m)
	var err error
	t.Account, err = s.story(r)
	return err
}

// nameCauses fills Causes, and tells by which of them each cause goes.
func (t *Thresholds) nameCauses(result *audit.ThresholdResult) map[string]string {
	counts := map[string]int64{}
	var order []string
	for _, c := range misses(result) {
		if counts[c.Cause] == 0 {
			order = append(order, c.Cause)
		}
		counts[c.Cause] += c.Count
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	named := map[string]string{}
	for i, c := range order {
		if named[c] = c; i >= MaxCauses {
			named[c] = OtherCauses
		}
	}
	t.Causes = order
	if len(order) > MaxCauses {
		t.Causes = append(order[:MaxCauses:MaxCauses], OtherCauses)
	}
	return named
}

// misses by cause, of all engines and thresholds.
func misses(result *audit.ThresholdResult) (list []audit.CauseTally) {
	for _, e := range result.Engines {
		for _, t := range e.Thresholds {
			for _, c := range t.Causes {
				if c.Verdict == audit.Missed {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// bars of one engine and threshold.
func (t *Thresholds) bars(engine string, tally *audit.ThresholdTally, named map[string]string) {
	if tally.Crossings == 0 {
		return
	}
	counts := map[string]int64{}
	for _, c := range tally.Causes {
		if c.Verdict == audit.Missed {
			counts[named[c.Cause]] += c.Count
		}
	}
	bar := MissedBar{Engine: engine, Level: tally.Threshold, Crossings: tally.Crossings}
	if len(counts) == 0 {
		t.Missed = append(t.Missed, bar)
	}
	for _, c := range t.Causes {
		if bar.Cause, bar.Count = c, counts[c]; bar.Count > 0 {
			t.Missed = append(t.Missed, bar)
		}
	}
}

func delaysOf(e *record.Engine, result *audit.EngineResult) EngineDelay {
	d := EngineDelay{Engine: e.Name, Bound: inSeconds(e.Gap + e.Slack)}
	var all []int64
	for _, t := range result.Thresholds {
		d.Crossings += t.Crossings
		d.OnTime += t.OnTime
		all = append(all, t.Delays...)
	}
	slices.Sort(all)
	d.Delays = distributionOfSorted(all)
	return d
}

// distributionOfSorted times in nanoseconds.
func distributionOfSorted(list []int64) Distribution {
	n := int64(len(list))
	if n == 0 {
		return Distribution{}
	}
	ps := percentiles(n)
	values := make([]float64, len(ps))
	for i, p := range ps {
		rank := int64(math.Ceil(p/100*float64(n) - 1e-6)) // so many values are at most this one
		values[i] = inSeconds(list[min(max(rank, 1), n)-1])
	}
	return grid(n, ps, values)
}

func inSeconds(ns int64) float64 { return float64(ns) / 1e9 }
