package summary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// totalsVersion is that of the layout of the totals.
const totalsVersion = 2

// Totals are what Measure finds in a pass over all observations, found while
// the run goes on: counts, and exact HDR histograms of times, by outcome.
// They take the observations' place where not all of them are recorded. What
// is known of single keys is not in them. Their memory does not grow with
// the run. They are safe for concurrent use.
type Totals struct {
	mu   sync.Mutex
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
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen++
	if err := t.pass.observe(o); err != nil {
		return fmt.Errorf("adding to the totals: %w", err)
	}
	return nil
}

// Seen is how many observations were added.
func (t *Totals) Seen() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// Look shows what is known so far of a run that goes on: what Measure would say
// if the run ended now, without what takes an audit. Nothing of it may be kept
// when look returns.
func (t *Totals) Look(look func(s *Measured)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.pass.measured(&audit.Result{})
	s.Seen = t.seen
	look(s)
}

// Encode ends the totals and returns them as Measure reads them; m is the
// manifest at the end of the run.
func (t *Totals) Encode(m *record.Manifest) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := *t.pass.manifest
	end.Complete, end.Aborted, end.Engines = m.Complete, m.Aborted, m.Engines
	t.pass.manifest = &end
	t.pass.finish()
	return t.save()
}

// Save returns the totals so far as Measure reads them, of a run that goes on.
func (t *Totals) Save() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.save()
}

func (t *Totals) save() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(t.pass.totals()); err != nil {
		return nil, fmt.Errorf("encoding the totals: %w", err)
	}
	return b.Bytes(), nil
}

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
	var t totals
	if err := json.Unmarshal(data, &t); err != nil {
		return err
	}
	if t.Version != totalsVersion {
		return fmt.Errorf("version %d, this program reads %d: use the quotalab that wrote it, or a newer one", t.Version, totalsVersion)
	}
	return p.take(&t)
}

// totals are a pass as a file. Its lists are in an order that depends on the
// content alone.
type totals struct {
	Version   int          `json:"version"`
	Latest    int64        `json:"latestNanoseconds"`
	Early     early        `json:"warmup"`
	Outcomes  []cell       `json:"outcomes"`
	Texts     []ErrorTexts `json:"errorTexts,omitempty"`
	Schedule  tries        `json:"schedule"`
	Telemetry []wall       `json:"telemetry"`
	Windows   []Window     `json:"windows"`
}

func (p *pass) totals() *totals {
	t := &totals{Version: totalsVersion, Latest: p.latest, Early: p.early, Schedule: p.schedule.tries, Windows: []Window{}}
	t.Texts = p.texts.byKind(p.order, toldApart)
	for _, c := range p.outcomes.sorted() {
		t.Outcomes = append(t.Outcomes, *c)
	}
	for _, w := range slices.SortedFunc(maps.Values(p.telemetry.walls), (*wall).compare) {
		t.Telemetry = append(t.Telemetry, *w)
	}
	for _, w := range p.windows {
		t.Windows = append(t.Windows, w.Window)
	}
	return t
}

func (p *pass) take(t *totals) error {
	p.latest, p.early, p.schedule.tries = t.Latest, t.Early, t.Schedule
	for i := range t.Outcomes {
		c := &t.Outcomes[i]
		if c.Commands != nil && len(c.Commands) != len(p.manifest.Shards) {
			return fmt.Errorf("commands on %d shards of %s, the manifest lists %d", len(c.Commands), c.Limiter, len(p.manifest.Shards))
		}
		p.outcomes.cells[c.outcome] = c
	}
	p.texts.restore(t.Texts)
	for i := range t.Telemetry {
		p.telemetry.walls[t.Telemetry[i].wallKey] = &t.Telemetry[i]
	}
	if len(t.Windows) != len(p.windows) {
		return fmt.Errorf("%d windows, the manifest has %d", len(t.Windows), len(p.windows))
	}
	for i, w := range t.Windows {
		p.windows[i].Window = w
	}
	return nil
}
