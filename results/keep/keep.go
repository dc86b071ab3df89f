// Package keep is what a run keeps of its observations while it goes on, for
// runs that are too long to record in full.
//
// In flows every observation of a run; out flow those that the manifest's
// Recorded wants to the record's Writer, all of them into totals
// (summary.Totals), which Measure reads where the record is not whole, and
// into interval logs (present.Logs). A record in virtual time that holds all
// observations has neither totals nor logs: they can be made of it.
//
// cmd imports it, between sim/run and the record.
package keep

import (
	"errors"
	"fmt"
	"math"

	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Keeper is a record's Writer that shows all observations to what else is kept of them.
// Its methods are for one goroutine at a time, as the Writer's; Observe and Totals are
// called by the Writer.
type Keeper struct {
	*record.Writer
	manifest record.Manifest
	least    uint64          // of Sampled: a key whose hash is below is in the sample
	totals   *summary.Totals // nil: not kept
	logs     *present.Logs
	live     Live // nil: nobody looks
}

// Live is shown every observation while the run goes on.
type Live interface {
	Observe(o *record.Observation) error
	Totals() *summary.Totals // to which Observe adds
}

// New begins to keep what the manifest of w asks for.
func New(w *record.Writer) (*Keeper, error) {
	m := w.Manifest()
	k := &Keeper{Writer: w, manifest: m}
	if m.Whole() && m.Clock != "real" {
		return k, nil
	}
	if m.Recorded == record.Sampled && !(m.SampleRate > 0 && m.SampleRate <= 1) {
		return nil, fmt.Errorf("a sample of %v of the keys: expected more than 0 and at most 1", m.SampleRate)
	}
	k.least = threshold(m.SampleRate)
	var err error
	if k.totals, err = summary.NewTotals(m); err != nil {
		return nil, err
	}
	if k.logs, err = present.NewLogs(w.Dir(), m); err != nil {
		return nil, err
	}
	w.Watch(k)
	return k, nil
}

// Show has live see every observation, and keeps what it counts. It is called before
// the first of them.
func (k *Keeper) Show(live Live) {
	k.live = live
	if k.totals != nil {
		k.totals = live.Totals()
	}
	k.Watch(k)
}

// Observe adds an observation to what is kept, and reports whether the record has it too.
func (k *Keeper) Observe(o *record.Observation) (recorded bool, err error) {
	var errs [2]error
	switch {
	case k.live != nil:
		errs[0] = k.live.Observe(o)
	case k.totals != nil:
		errs[0] = k.totals.Observe(o)
	}
	if k.logs != nil {
		errs[1] = k.logs.Add(o)
	}
	return k.recorded(o), errors.Join(errs[:]...)
}

// Totals returns what is known of all observations so far.
func (k *Keeper) Totals() (data []byte, seen int64, err error) {
	data, err = k.totals.Save()
	return data, k.totals.Seen(), err
}

// Close ends what is kept and the record, as the Writer's Close does.
func (k *Keeper) Close(finish func(m *record.Manifest)) (record.Manifest, error) {
	if k.totals == nil {
		return k.Writer.Close(finish)
	}
	var terr, lerr error
	m, err := k.Writer.Close(func(m *record.Manifest) {
		if finish != nil {
			finish(m)
		}
		lerr = k.logs.Close(m)
		var data []byte
		if data, terr = k.totals.Encode(m); terr == nil {
			terr = k.WriteTotals(m, data)
		}
		if terr == nil && !m.Whole() {
			m.Seen = k.totals.Seen()
		}
	})
	return m, errors.Join(err, terr, lerr)
}

// recorded tells whether the observation goes to the record. Of a sample it
// is the key that decides, not the request, so that the history of a sampled
// key is whole and can be audited.
func (k *Keeper) recorded(o *record.Observation) bool {
	switch {
	case k.manifest.Whole():
		return true
	case k.manifest.Recorded == record.None:
		return false
	}
	return len(o.Takes) == 0 || hash(o.Takes[0].Limit, o.Takes[0].Key) <= k.least
}

// threshold is such that a share of all hashes does not exceed it.
func threshold(share float64) uint64 {
	if share >= 1 {
		return math.MaxUint64
	}
	return uint64(math.Ldexp(share, 64))
}

// hash returns that of a limit's key: FNV-1a, and then splitmix64's last steps, without
// which the high bits of short keys are much alike.
func hash(limit, key string) uint64 {
	h := uint64(14695981039346656037)
	for _, s := range [2]string{limit, key} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // no byte of a name: ends it
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
