package series

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// timeline counts and times what came of requests by interval.
type timeline struct {
	at       intervals
	clients  *clients
	outcomes map[Outcome][]cell
	last     Outcome // that of the observation before: often the same
	cells    []cell
	due      due
}

// cell is one outcome in one interval. Its times, in ns, are exact as long as
// they are few, and from then on within 0.1 %.
type cell struct {
	count    int64
	few      []int64
	min, max int64
	many     *hdrhistogram.PackedHistogram // nil: few holds all

	p50, p99 float64 // of the first known of its times
	known    int64   // 0: none are known
}

const (
	mostExact = 16
	longest   = 1 << 62 // time that a histogram can tell from longer ones: 146 years
)

func newTimeline(at intervals, of *clients) *timeline {
	return &timeline{at: at, clients: of, outcomes: map[Outcome][]cell{}, due: due{tries: map[sent][]int64{}}}
}

func (t *timeline) observe(o *record.Observation) error {
	i, outcome := t.at.of(o.Intended), t.clients.outcome(o)
	if o.Attempt == 0 && o.Step == 0 {
		t.due.of(sent{o.Traffic, outcome.Limiter, outcome.Client}, t.at.n)[i]++
	}
	c := &t.of(outcome)[i]
	c.count++
	if o.Decision == record.Dropped || o.Sent < 0 || o.Done < 0 {
		return nil // it was not sent: there is nothing to time
	}
	if err := c.add(min(max(0, o.Done-o.Sent), longest)); err != nil {
		return fmt.Errorf("the latency of observation %d: %w", o.Seq, err)
	}
	return nil
}

func (t *timeline) of(o Outcome) []cell {
	if t.cells == nil || o != t.last {
		if t.outcomes[o] == nil {
			t.outcomes[o] = make([]cell, t.at.n)
		}
		t.last, t.cells = o, t.outcomes[o]
	}
	return t.cells
}

func (c *cell) add(ns int64) error {
	if c.many == nil && len(c.few) < mostExact {
		c.few = append(c.few, ns)
		return nil
	}
	if c.many == nil {
		c.many, c.min, c.max = hdrhistogram.NewPacked(1, longest, 3), ns, ns
		few := c.few
		c.few = nil
		for _, v := range few {
			if err := c.add(v); err != nil {
				return err
			}
		}
	}
	c.min, c.max = min(c.min, ns), max(c.max, ns)
	return c.many.RecordValue(ns)
}

// percentile returns, in seconds, the smallest time that at least p percent do not
// exceed.
func (c *cell) percentile(p float64) float64 {
	switch {
	case c.many != nil:
		return float64(min(max(c.many.ValueAtPercentile(p), c.min), c.max)) / 1e9
	case len(c.few) == 0:
		return math.NaN()
	}
	slices.Sort(c.few)
	rank := math.Ceil(p / 100 * float64(len(c.few)))
	return float64(c.few[int(max(rank, 1))-1]) / 1e9
}

// series returns the timeline. Nothing seen: no lines.
func (t *timeline) series(s *summary.Measured) Timeline {
	out := Timeline{From: float64(t.at.from) / 1e9, Step: float64(t.at.step) / 1e9, N: t.at.n, Faults: faults(s), Warmup: s.WarmupSeconds}
	for _, o := range slices.SortedFunc(maps.Keys(t.outcomes), newOrder(t.clients.manifest).compare) {
		out.Outcomes = append(out.Outcomes, t.line(o))
	}
	t.due.series(t, &out)
	return out
}

func (t *timeline) line(o Outcome) OutcomeTimeline {
	line := OutcomeTimeline{Outcome: o}
	for i := range t.outcomes[o] {
		c := &t.outcomes[o][i]
		if c.known < c.count {
			c.p50, c.p99, c.known = c.percentile(50), c.percentile(99), c.count
		}
		line.Count = append(line.Count, c.count)
		line.P50, line.P99 = append(line.P50, orNone(c.p50, c.count)), append(line.P99, orNone(c.p99, c.count))
	}
	line.Rate = t.at.rates(line.Count)
	return line
}

// orNone returns a number that is of n things, NaN if there are none.
func orNone(v float64, n int64) float64 {
	if n == 0 {
		return math.NaN()
	}
	return v
}

func faults(s *summary.Measured) (out []Span) {
	for _, f := range s.Faults {
		out = append(out, Span{From: f.At, Until: f.Until, Label: f.What})
	}
	return out
}

// window is, of a key, the one that holds most above its envelope, or least
// below, of those that end now, and what was given in it.
type window struct {
	limits.Window
	curve *curve // nil: the key is not watched
}

func newSlope(l record.Limit) *limits.Slope {
	return limits.NewSlope(limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst})
}

func newWindow(s *limits.Slope) window { return window{Window: s.NewWindow()} }

// admit adds tokens and returns by how much (in ns, times T) the window then
// exceeds the envelope. Admissions come in the order of their instants.
func (w *window) admit(at, cost int64, measured bool) float64 {
	start := w.Start
	excess := w.Admit(at, cost)
	if w.Start > start {
		w.curve.begin(w.Start)
	}
	w.curve.add(w, cost, excess, measured)
	return excess
}

// admitBetween is as admit where all that is known of the instant is that it is
// between sent and done. Admissions come in the order of done.
func (w *window) admitBetween(sent, done, cost int64, measured bool) float64 {
	start := w.Start
	excess := w.AdmitBetween(sent, done, cost)
	if w.Start > start {
		w.curve.begin(w.Start)
	} else if w.Start < start {
		w.curve.shift(start - w.Start)
	}
	w.curve.add(w, cost, excess, measured)
	return excess
}

// longestCurve is how many points a curve has while it grows; then every
// other goes.
const longestCurve = 16 * MaxPoints

// curve keeps what a watched key was given in its window, and in its worst
// window so far. A nil curve keeps nothing.
type curve struct {
	now, worst span
	excess     float64 // ns: of worst, −∞ there is none
}

type span struct {
	start, end float64 // end: when time overtook it, or will
	given      float64 // tokens
	points     []Point // ns since start, tokens
	peak       Point   // where it exceeds the envelope most
	worst      bool    // it is the worst so far
}

func newCurve() *curve { return &curve{excess: math.Inf(-1)} }

func (c *curve) begin(t float64) {
	if c == nil {
		return
	}
	if c.now.worst {
		c.worst, c.now.points = c.now, nil
	}
	c.now = span{start: t, points: c.now.points[:0]}
}

// shift moves the start of the window back.
func (c *curve) shift(back float64) {
	if c == nil {
		return
	}
	c.now.start -= back
	c.now.peak.X += back
	for i := range c.now.points {
		c.now.points[i].X += back
	}
}

func (c *curve) add(w *window, cost int64, excess float64, measured bool) {
	if c == nil {
		return
	}
	n := &c.now
	n.given, n.end = n.given+float64(cost), w.Ahead
	p := Point{w.Latest - n.start, n.given}
	if last := len(n.points) - 1; last >= 0 && n.points[last].X == p.X {
		n.points[last] = p
	} else if n.points = append(n.points, p); len(n.points) > longestCurve {
		n.points = LTTB(n.points, longestCurve/2)
	}
	if measured && excess > c.excess {
		c.excess, n.peak, n.worst = excess, p, true
	}
}

// worstWindow returns that of the whole run.
func (c *curve) worstWindow() *span {
	if c.now.worst {
		return &c.now
	}
	return &c.worst
}

// steps returns those of the window in seconds, up to when the limit has made good for what
// was given, or to the end of the run.
func (s *span) steps(end float64) []Point {
	if len(s.points) == 0 {
		return nil
	}
	points := LTTB(s.points, MaxPoints-2)
	out := make([]Point, 0, MaxPoints)
	for i, p := range points {
		if i > 0 && points[i-1].X < s.peak.X && s.peak.X < p.X { // it was left out
			out = append(out, s.peak)
		}
		out = append(out, p)
	}
	if last, until := out[len(out)-1], min(s.end, end)-s.start; until > last.X {
		out = append(out, Point{until, last.Y})
	}
	for i := range out {
		out[i].X /= 1e9
	}
	return out
}

// steps that people count longer times in, in seconds. Below a second a step
// is 1, 2 or 5 times a power of ten.
var steps = [...]int64{
	1, 2, 5, 10, 15, 30, 60, 2 * 60, 5 * 60, 10 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600,
	86400, 2 * 86400, 7 * 86400, 14 * 86400, 28 * 86400, 91 * 86400, 364 * 86400, 5 * 364 * 86400, 15 * 364 * 86400,
}

// intervals are the measured time, cut at multiples of a round step. Those at its
// ends take in what is left over, so each is at least half a step long.
type intervals struct {
	begin, end int64 // of the measured time, ns after the epoch
	step, from int64 // from: where the first would begin if it were as long as the others
	n          int   // 0: no time was measured
}

// A timeline of few observations has fewer intervals, down to fewIntervals, so
// that one holds about perInterval of them and rates are more than noise.
const (
	fewIntervals = 24
	perInterval  = 20
)

// measured is the time that the summary is of.
func measured(s *summary.Measured) intervals {
	begin := int64(math.Round(s.WarmupSeconds * 1e9))
	return cut(begin, begin+int64(math.Round(s.MeasuredSeconds*1e9)), intervalsOf(s.Observations))
}

// intervalsOf returns how many intervals a timeline has at most, by its observations.
func intervalsOf(observations int64) int {
	return int(min(max(fewIntervals, observations/perInterval), MaxIntervals))
}

// cut divides a time into most intervals at most. A time without length is one.
func cut(begin, end int64, most int) intervals {
	if begin == end {
		return intervals{begin: begin, end: end, from: begin, step: int64(time.Second), n: 1}
	}
	for power := int64(1); power < 1e9; power *= 10 {
		for _, m := range [...]int64{1, 2, 5} {
			if c := cutBy(begin, end, m*power); c.n <= most {
				return c
			}
		}
	}
	i := 0
	for cutBy(begin, end, steps[i]*1e9).n > most { // an int64 holds 292 years, twenty times the longest
		i++
	}
	return cutBy(begin, end, steps[i]*1e9)
}

func cutBy(begin, end, step int64) intervals {
	first, last := nearest(begin, step), nearest(end, step)
	return intervals{begin: begin, end: end, step: step, from: first * step, n: int(max(1, last-first))}
}

// nearest returns the nearest multiple of the step, in steps; from the middle between two it is
// the later.
func nearest(t, step int64) int64 {
	n := t / step
	if 2*(t%step) >= step {
		n++
	}
	return n
}

// of returns the interval of an instant that counts.
func (c *intervals) of(at int64) int {
	return int(min(max(0, (at-c.from)/c.step), int64(c.n-1)))
}

// start returns that of interval i, ns after the epoch.
func (c *intervals) start(i int) int64 {
	if i == 0 {
		return c.begin
	}
	return c.from + int64(i)*c.step
}

// seconds returns how much interval i covers. A time without length counts as a step.
func (c *intervals) seconds(i int) float64 {
	until := c.end
	if i < c.n-1 {
		until = c.start(i + 1)
	}
	if length := until - c.start(i); length > 0 {
		return float64(length) / 1e9
	}
	return float64(c.step) / 1e9
}

func (c *intervals) rates(counts []int64) []float64 {
	out := make([]float64, len(counts))
	for i, n := range counts {
		out[i] = float64(n) / c.seconds(i)
	}
	return out
}

// due is what arrived: first tries, at the first step of their way.
type due struct {
	tries map[sent][]int64 // by interval
	last  sent
	list  []int64
}

// sent is traffic to a limiter. Client is "" of drops, and where clients are not told
// apart.
type sent struct{ traffic, limiter, client string }

func (d *due) of(s sent, intervals int) []int64 {
	if d.list == nil || s != d.last {
		if d.tries[s] == nil {
			d.tries[s] = make([]int64, intervals)
		}
		d.last, d.list = s, d.tries[s]
	}
	return d.list
}

// series adds what was offered, in all and by what it came to first.
func (d *due) series(t *timeline, out *Timeline) {
	if len(d.tries) == 0 {
		return
	}
	arrivals := d.arrivals(t.at.n)
	out.Offered = t.at.rates(added(t.at.n, maps.Values(arrivals)))
	to := map[Outcome]map[string]bool{} // traffic by limiter and client
	for s := range d.tries {
		o := Outcome{Limiter: s.limiter, Client: s.client}
		if t.clients.apart[s.limiter] && s.client == "" {
			continue // drops: sent by none of the clients
		}
		if to[o] == nil {
			to[o] = map[string]bool{}
		}
		to[o][s.traffic] = true
	}
	for _, o := range slices.SortedFunc(maps.Keys(to), newOrder(t.clients.manifest).compare) {
		all := added(t.at.n, func(yield func([]int64) bool) {
			for traffic := range to[o] {
				if !yield(arrivals[traffic]) {
					return
				}
			}
		})
		out.OfferedTo = append(out.OfferedTo, Offer{o.Limiter, o.Client, t.at.rates(all)})
	}
}

// arrivals returns those by traffic. Limiters that traffic is sent to side by side all get all of
// it, each arrival for itself: it is counted once. One that stops early lacks the
// last arrivals, so those at the limiter that got most count.
func (d *due) arrivals(intervals int) map[string][]int64 {
	at := map[sent][]int64{} // by traffic and limiter
	for s, tries := range d.tries {
		s.client = ""
		if at[s] == nil {
			at[s] = make([]int64, intervals)
		}
		for i, n := range tries {
			at[s][i] += n
		}
	}
	of := map[string][]int64{}
	for s, tries := range at {
		if of[s.traffic] == nil {
			of[s.traffic] = make([]int64, intervals)
		}
		for i, n := range tries {
			of[s.traffic][i] = max(of[s.traffic][i], n)
		}
	}
	return of
}

// added counts.
func added(intervals int, lists func(yield func([]int64) bool)) []int64 {
	all := make([]int64, intervals)
	for list := range lists {
		for i, n := range list {
			all[i] += n
		}
	}
	return all
}

// effect is an admission that waits for its turn.
type effect struct {
	at, order, seq  int64 // by which it is sorted
	sent, now, cost int64 // now: when it was judged (real time: done)
	measured        bool
	ifRoom          bool // it spends where there is room
	of              *allowance
	window          *window
}

// effects sorts admissions by when they took effect (in real time, by when they
// were done). The record has them nearly in order: none is more than settle
// before one that is written earlier.
type effects struct {
	settle, latest int64
	list           []effect
	least, full    int // how many are sorted at once: at least, and next
	out            func(*effect)
}

func newEffects(settle int64, least int, out func(*effect)) *effects {
	return &effects{settle: settle, least: least, full: least, out: out}
}

func (e *effects) add(one effect, done int64) {
	e.latest = max(e.latest, done)
	if e.list = append(e.list, one); len(e.list) < e.full {
		return
	}
	e.release(e.latest - e.settle)
	e.full = max(e.least, 2*len(e.list))
}

// release passes on those before an instant.
func (e *effects) release(before int64) {
	slices.SortFunc(e.list, func(a, b effect) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order), cmp.Compare(a.seq, b.seq))
	})
	n, _ := slices.BinarySearchFunc(e.list, before, func(one effect, t int64) int { return cmp.Compare(one.at, t) })
	for i := range n {
		e.out(&e.list[i])
	}
	e.list = slices.Delete(e.list, 0, n)
}
