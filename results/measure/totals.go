package measure

import (
	"bytes"
	"encoding/json"
	"fmt"

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
