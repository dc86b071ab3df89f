package series

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// thresholds returns those of a record with engines; nil of others.
//
// Counts and delays are those of the audit. What it does not keep, which is by
// group and of a single account, takes one more quotaaudit.Verdicts, and one pass over
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

func (t *Thresholds) audited(r *record.Reader, result *quotaaudit.Result, o Options) error {
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
	c, s := &cells{map[cellKey]*MatrixCell{}, map[string]int64{}}, newCast(result, o)
	for v, err := range quotaaudit.Verdicts(r) {
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
func (t *Thresholds) nameCauses(result *quotaaudit.Result) map[string]string {
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

// misses lists them by cause, of all engines and thresholds.
func misses(result *quotaaudit.Result) (list []quotaaudit.CauseTally) {
	for _, e := range result.Engines {
		for _, t := range e.Thresholds {
			for _, c := range t.Causes {
				if c.Verdict == quotaaudit.Missed {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// bars adds those of one engine and threshold.
func (t *Thresholds) bars(engine string, tally *quotaaudit.ThresholdTally, named map[string]string) {
	if tally.Crossings == 0 {
		return
	}
	counts := map[string]int64{}
	for _, c := range tally.Causes {
		if c.Verdict == quotaaudit.Missed {
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

func delaysOf(e *record.Engine, result *quotaaudit.EngineResult) EngineDelay {
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
		rank := int64(math.Ceil(p/100*float64(n) - 1e-6)) // this many values are at most that one
		values[i] = inSeconds(list[min(max(rank, 1), n)-1])
	}
	return grid(n, ps, values)
}

func inSeconds(ns int64) float64 { return float64(ns) / 1e9 }

// MaxCauses is how many causes of misses are told apart; the rest of them are
// OtherCauses.
const (
	MaxCauses   = 5
	OtherCauses = "other causes"
)

// Thresholds is how usage-threshold engines did. Of a record that was not
// audited, or that holds no account, it is only known which engines there were.
type Thresholds struct {
	Engines  []string // as in the manifest
	Levels   []int64  // percent, ascending: those of the engines, and others that one sent
	Accounts int64
	Groups   []string // of accounts that crossed a threshold, by the least id in each
	Causes   []string // of misses, over all engines the most frequent first; OtherCauses, if any, last
	Missed   []MissedBar
	Matrix   []MatrixCell
	Delays   []EngineDelay // by engine; of all of them
	Account  *AccountStory // nil: no account has one to tell
}

// MissedBar is how many of an engine's crossings of a threshold had no notice,
// for one cause. Where none was missed there is one bar, without a cause, of
// Count 0; where nothing was crossed there is none. They are by engine, threshold,
// and cause in the order of Causes.
type MissedBar struct {
	Engine           string
	Level            int64
	Cause            string
	Count, Crossings int64
}

// MatrixCell is how an engine did with one threshold in one group of accounts.
// There is none where the group did not cross it. They are by engine, group, and
// threshold.
type MatrixCell struct {
	Engine, Group     string
	Level             int64
	Missed, Crossings int64
}

// EngineDelay is how long after a crossing an engine's first notice came, of
// all thresholds together. Delays are of the crossings that have one: Delays.N of
// Crossings.
type EngineDelay struct {
	Engine            string
	Bound             float64 // seconds within which a notice is on time
	Crossings, OnTime int64
	Delays            Distribution
}

// AccountStory is one account's usage with all that happened to it, in the
// period (or around the excursion) of one crossing. Instants are seconds since the
// run's epoch.
type AccountStory struct {
	ID            int64
	Group, Engine string // Engine: the one whose story it is
	From, Until   float64
	At            float64 // of the crossing that it is about
	Level         int64   // percent, of that crossing; 0: there was none to judge
	Verdict       string  // on it: missed, late, on-time or censored
	Cause         string  // of missed and late
	Limit         []Point
	Usage         []Point // percent of the limit, in steps; at most MaxPoints
	Looks         []Look  // of Engine: at most MaxPoints, evenly spread over LooksMade
	LooksMade     int64
	Engines       []EngineStory // as in the manifest, Engine among them
}

// EngineStory is what one engine was due to tell the account, and what it did.
type EngineStory struct {
	Engine    string
	Crossings []Crossing
	Notices   []Mark // Text says of what kind: first, duplicate, …
}

// Crossing is a threshold that was reached, and what became of it.
type Crossing struct {
	At      float64
	Level   int64
	Verdict string
	Until   float64 // when its first notice came; else when its period or excursion, or the run, ended
	Cause   string  // of missed and late: causes in their order, joined by ">"
}

// Look is one evaluation.
type Look struct {
	At      float64
	Outcome string
	Percent float64 // of the limit, as the engine read it; NaN: it did not read usage
	Level   int64   // of a suppressed or sent notice: its threshold in percent
	By      int64   // of suppressed: the account whose record suppressed it
}

// Mark is something that happened at an instant.
type Mark struct {
	At    float64
	Level int64 // percent
	Text  string
}

// cells are the matrix while it is counted.
type cells struct {
	of    map[cellKey]*MatrixCell
	first map[string]int64 // by group: the least id of an account that crossed a threshold
}

type cellKey struct {
	engine, group string
	level         int64
}

func (c *cells) add(v *quotaaudit.AccountVerdicts) {
	for i := range v.Obligations {
		o := &v.Obligations[i]
		if o.Verdict == quotaaudit.Censored {
			continue
		}
		cell := c.cell(cellKey{v.Engine.Name, v.Group, o.Threshold})
		cell.Crossings++
		if o.Verdict == quotaaudit.Missed {
			cell.Missed++
		}
		if id, known := c.first[v.Group]; !known || v.Account < id {
			c.first[v.Group] = v.Account
		}
	}
}

func (c *cells) cell(k cellKey) *MatrixCell {
	cell := c.of[k]
	if cell == nil {
		cell = &MatrixCell{Engine: k.engine, Group: k.group, Level: k.level}
		c.of[k] = cell
	}
	return cell
}

// matrix is the groups and the cells in order.
func (c *cells) matrix(m *record.Manifest) (groups []string, list []MatrixCell) {
	groups = slices.SortedFunc(maps.Keys(c.first), func(a, b string) int { return cmp.Compare(c.first[a], c.first[b]) })
	engines := map[string]int{}
	for i, e := range m.Engines {
		engines[e.Name] = i
	}
	for _, cell := range c.of {
		list = append(list, *cell)
	}
	slices.SortFunc(list, func(a, b MatrixCell) int {
		return cmp.Or(cmp.Compare(engines[a.Engine], engines[b.Engine]), cmp.Compare(c.first[a.Group], c.first[b.Group]), cmp.Compare(a.Level, b.Level))
	})
	return groups, list
}

// contractOf returns the contract of an account; the audit has checked it.
func contractOf(a *record.Account) usage.Contract {
	c := make(usage.Contract, len(a.Contract))
	for i, s := range a.Contract {
		c[i] = usage.Segment{From: s.From, Kind: usage.Kind(s.Kind), Anchor: s.Anchor, Limit: s.Limit}
	}
	return c
}

// meter tells an account's usage at any instant.
type meter struct {
	contract usage.Contract
	at       []int64 // of usage, ascending
	total    []int64 // units up to and including it
}

func newMeter(a *record.Account) *meter {
	events := make([]usage.Event, len(a.At))
	for i, at := range a.At {
		events[i] = usage.Event{At: at, Units: a.Units[i]}
	}
	slices.SortStableFunc(events, func(a, b usage.Event) int { return cmp.Compare(a.At, b.At) })
	m := &meter{contract: contractOf(a)}
	sum := int64(0)
	for _, e := range events {
		sum += e.Units
		m.at, m.total = append(m.at, e.At), append(m.total, sum)
	}
	return m
}

// until is the units used up to and including an instant.
func (m *meter) until(t int64) int64 {
	n := sort.Search(len(m.at), func(i int) bool { return m.at[i] > t })
	if n == 0 {
		return 0
	}
	return m.total[n-1]
}

// percent returns how much of the limit is used at an instant, in its period or window.
func (m *meter) percent(t int64) float64 {
	s := m.contract.At(t)
	start, _ := s.PeriodAt(t)
	if s.Kind != usage.Rolling {
		start-- // a window leaves its start out
	}
	return 100 * float64(m.until(t)-m.until(start)) / float64(s.Limit)
}

// instants lists those within the scene at which the percentage can change.
func (m *meter) instants(w scene) (list []int64) {
	list = append(list, w.from)
	rolling := slices.ContainsFunc(m.contract, func(s usage.Segment) bool { return s.Kind == usage.Rolling })
	for _, at := range m.at {
		if w.holds(at) {
			list = append(list, at)
		}
		if rolling && w.holds(at+usage.Window) {
			list = append(list, at+usage.Window)
		}
	}
	list = append(append(list, m.turns(w)...), w.until)
	slices.Sort(list)
	return slices.Compact(list)
}

// turns are the instants within the scene at which a period ends or the
// contract changes.
func (m *meter) turns(w scene) (list []int64) {
	for t := w.from; ; {
		next := w.until
		s := m.contract.At(t)
		if s.Kind != usage.Rolling {
			start, end := s.PeriodAt(t)
			if next = min(next, end); start > t { // before the anchor
				next = start
			}
		}
		for _, change := range m.contract {
			if t < change.From && change.From < next {
				next = change.From
			}
		}
		if next <= t || next >= w.until {
			return list
		}
		list, t = append(list, next), next
	}
}

// usage returns it in percent of the limit, and the limit, over the scene.
func (w scene) usage(a *record.Account) (percent, limit []Point) {
	m := newMeter(a)
	for _, t := range m.instants(w) {
		percent = append(percent, Point{w.seconds(t), m.percent(t)})
		if l := float64(m.contract.At(t).Limit); len(limit) == 0 || limit[len(limit)-1].Y != l {
			limit = append(limit, Point{w.seconds(t), l})
		}
	}
	return LTTB(percent, MaxPoints), limit
}
