package summary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

// totalsVersion is that of the layout of the totals.
const totalsVersion = 1

// Totals are what Measure finds in a pass over all observations, found while
// the run goes on: counts, and exact HDR histograms of times, by outcome.
// They take the observations' place where not all of them are recorded. What
// is known of single keys is not in them. Their memory does not grow with
// the run.
type Totals struct {
	pass *pass
	seen int64
}

// NewTotals begins the totals of a run with that manifest, which says what is
// known when a run begins.
func NewTotals(m record.Manifest) (*Totals, error) {
	if m.Whole() {
		m.Recorded = record.None // so that the pass does not keep keys: the record has them
	}
	p, err := newPass(&m)
	if err != nil {
		return nil, fmt.Errorf("beginning the totals: %w", err)
	}
	return &Totals{pass: p}, nil
}

// Observe adds an observation. It keeps nothing of o.
func (t *Totals) Observe(o *record.Observation) error {
	t.seen++
	if err := t.pass.observe(o); err != nil {
		return fmt.Errorf("adding to the totals: %w", err)
	}
	return nil
}

// Seen is how many observations were added.
func (t *Totals) Seen() int64 { return t.seen }

// Encode ends the totals and returns them as Measure reads them; m is the
// manifest at the end of the run.
func (t *Totals) Encode(m *record.Manifest) ([]byte, error) {
	end := *t.pass.manifest
	end.Complete, end.Aborted, end.Engines = m.Complete, m.Aborted, m.Engines
	t.pass.manifest = &end
	t.pass.finish()
	rows, err := t.pass.rows()
	if err != nil {
		return nil, fmt.Errorf("encoding the totals: %w", err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(rows); err != nil {
		return nil, fmt.Errorf("encoding the totals: %w", err)
	}
	return b.Bytes(), nil
}

// restore fills the pass from the record's totals.
func (p *pass) restore(r *record.Reader) error {
	data, err := r.Totals()
	if err != nil {
		return err
	}
	if data == nil {
		p.unknown = true
		return nil
	}
	if err := p.decode(data); err != nil {
		return fmt.Errorf("%s of %s: %w: %w", record.TotalsFile, r.Dir(), record.ErrDamaged, err)
	}
	return nil
}

func (p *pass) decode(data []byte) error {
	var rows totalsRows
	if err := json.Unmarshal(data, &rows); err != nil {
		return err
	}
	if rows.Version != totalsVersion {
		return fmt.Errorf("version %d, this program reads %d: use the quotalab that wrote it, or a newer one", rows.Version, totalsVersion)
	}
	return p.take(&rows)
}

// totalsRows are a pass as a file: each map is a list, in an order that
// depends on the content alone.
type totalsRows struct {
	Version      int   `json:"version"`
	Measured     int64 `json:"measured"`
	Dropped      int64 `json:"dropped"`
	DroppedEarly int64 `json:"droppedEarly"`
	Unexpected   int64 `json:"unexpected"`
	Latest       int64 `json:"latestNanoseconds"`

	Outcomes   []outcomeRow       `json:"outcomes"`
	Decisions  []partRow          `json:"decisions"` // without drops, by limiter and phase
	Errors     []partRow          `json:"errors"`
	Drops      []dropRow          `json:"drops"`
	Commands   map[string][]int64 `json:"commands"` // by limiter, then shard
	Schedule   scheduleRow        `json:"schedule"`
	Telemetry  []wallRow          `json:"telemetry"`
	Impossible map[string]int64   `json:"impossible"`
	Batched    map[string]bool    `json:"batched"`
	Windows    []Window           `json:"windows"`
}

type outcomeRow struct {
	Traffic    string          `json:"traffic"`
	Limiter    string          `json:"limiter"`
	Client     string          `json:"client"`
	Decision   record.Decision `json:"decision"`
	Key        record.KeyState `json:"key"`
	Phase      string          `json:"phase,omitempty"`
	Count      int64           `json:"count"`
	Latency    trendRow        `json:"latency"`
	Lag        trendRow        `json:"lag"`
	Sojourn    trendRow        `json:"sojourn"`
	RoundTrips trendRow        `json:"roundTrips"`
}

type partRow struct {
	Limiter string `json:"limiter"`
	Phase   string `json:"phase,omitempty"`
	Error   string `json:"error,omitempty"`
	Count   int64  `json:"count"`
}

type dropRow struct {
	Traffic  string `json:"traffic"`
	Arrivals int64  `json:"arrivals"`
	Dropped  int64  `json:"dropped"`
}

type scheduleRow struct {
	Tries []triesRow `json:"tries"`
	Due   int64      `json:"due"`
	Sent  int64      `json:"sent"`
	Lag   trendRow   `json:"lag"`
}

type triesRow struct {
	Traffic string `json:"traffic"`
	Limiter string `json:"limiter"`
	Count   int64  `json:"count"`
}

type wallRow struct {
	Limiter  string          `json:"limiter"`
	Client   string          `json:"client"`
	Decision record.Decision `json:"decision,omitempty"`
	Count    uint64          `json:"count"`
	Takes    uint64          `json:"takes"`
	Seconds  float64         `json:"seconds"`
}

// rows of the pass.
func (p *pass) rows() (_ *totalsRows, err error) {
	r := &totalsRows{Version: totalsVersion, Measured: p.measured, Dropped: p.dropped, DroppedEarly: p.droppedEarly, Unexpected: p.unexpected, Latest: p.latest,
		Commands: p.commands.counts, Impossible: p.impossible, Batched: p.batched, Windows: []Window{}}
	if r.Outcomes, err = p.outcomes.rows(); err != nil {
		return nil, err
	}
	for _, at := range p.failures.parts() {
		r.Decisions = append(r.Decisions, partRow{at.limiter, at.phase, "", p.failures.decisions[at]})
	}
	for _, f := range p.failures.sorted() {
		r.Errors = append(r.Errors, partRow{f.limiter, f.phase, f.kind, p.failures.kinds[f]})
	}
	for _, t := range slices.SortedFunc(maps.Keys(p.drops.arrivals), p.order.traffic.compare) {
		r.Drops = append(r.Drops, dropRow{t, p.drops.arrivals[t], p.drops.dropped[t]})
	}
	for _, at := range slices.SortedFunc(maps.Keys(p.telemetry.walls), wallKey.compare) {
		w := p.telemetry.walls[at]
		r.Telemetry = append(r.Telemetry, wallRow{at.limiter, at.client, at.decision, w.n, w.takes, w.sum})
	}
	for _, w := range p.windows {
		r.Windows = append(r.Windows, w.Window)
	}
	r.Schedule, err = p.schedule.rows()
	return r, err
}

func (c *outcomes) rows() (rows []outcomeRow, err error) {
	for _, o := range c.sorted() {
		cell := c.cells[o]
		row := outcomeRow{Traffic: o.traffic, Limiter: o.limiter, Client: o.client, Decision: o.decision, Key: o.key, Phase: o.phase, Count: cell.n}
		if err := storeTrends(row.trends(), cell.trends()); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (c *cell) trends() []*trend { return []*trend{&c.latency, &c.lag, &c.sojourn, &c.trips} }

func (r *outcomeRow) trends() []*trendRow {
	return []*trendRow{&r.Latency, &r.Lag, &r.Sojourn, &r.RoundTrips}
}

func (s *schedule) rows() (scheduleRow, error) {
	row := scheduleRow{Due: s.due, Sent: s.sent}
	for _, at := range slices.SortedFunc(maps.Keys(s.tries), stream.compare) {
		row.Tries = append(row.Tries, triesRow{at.traffic, at.limiter, s.tries[at]})
	}
	return row, storeTrends([]*trendRow{&row.Lag}, []*trend{&s.lag})
}

// take fills the pass from rows.
func (p *pass) take(r *totalsRows) error {
	p.measured, p.dropped, p.droppedEarly, p.unexpected, p.latest = r.Measured, r.Dropped, r.DroppedEarly, r.Unexpected, r.Latest
	for i := range r.Outcomes {
		o, cell := &r.Outcomes[i], &cell{n: r.Outcomes[i].Count}
		p.outcomes.cells[outcome{o.Traffic, o.Limiter, o.Client, o.Decision, o.Key, o.Phase}] = cell
		if err := loadTrends(cell.trends(), o.trends()); err != nil {
			return err
		}
	}
	for _, d := range r.Decisions {
		p.failures.decisions[part{d.Limiter, d.Phase}] = d.Count
	}
	for _, f := range r.Errors {
		p.failures.kinds[failure{part{f.Limiter, f.Phase}, f.Error}] = f.Count
	}
	for _, d := range r.Drops {
		p.drops.arrivals[d.Traffic], p.drops.dropped[d.Traffic] = d.Arrivals, d.Dropped
	}
	for limiter, counts := range r.Commands {
		if len(counts) != len(p.manifest.Shards) {
			return fmt.Errorf("commands on %d shards of %s, the manifest lists %d", len(counts), limiter, len(p.manifest.Shards))
		}
		p.commands.counts[limiter] = counts
	}
	for _, w := range r.Telemetry {
		p.telemetry.walls[wallKey{w.Limiter, w.Client, w.Decision}] = &wall{w.Count, w.Takes, w.Seconds}
	}
	for _, t := range r.Schedule.Tries {
		p.schedule.tries[stream{t.Traffic, t.Limiter}] = t.Count
	}
	p.schedule.due, p.schedule.sent = r.Schedule.Due, r.Schedule.Sent
	maps.Copy(p.impossible, r.Impossible)
	maps.Copy(p.batched, r.Batched)
	if len(r.Windows) != len(p.windows) {
		return fmt.Errorf("%d windows, the manifest has %d", len(r.Windows), len(p.windows))
	}
	for i, w := range r.Windows {
		p.windows[i].Window = w
	}
	return loadTrends([]*trend{&p.schedule.lag}, []*trendRow{&r.Schedule.Lag})
}
