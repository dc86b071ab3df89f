package measure

import (
	"fmt"
	"maps"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

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
