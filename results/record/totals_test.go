package record_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

// TestTotals: they are part of the content where they stand for observations.
func TestTotals(t *testing.T) {
	hashes := map[string]string{}
	for _, c := range []struct {
		why      string
		recorded record.Recorded
		totals   string
		same     string // as that of the row of this name
	}{
		{why: "no totals", recorded: record.None},
		{why: "totals", recorded: record.None, totals: "a"},
		{why: "others", recorded: record.None, totals: "b"},
		{why: "beside all observations", recorded: record.All, totals: "a", same: "no totals"},
		{why: "all, as a record of old says it", totals: "a", same: "no totals"},
	} {
		dir := t.TempDir()
		w, err := record.Create(dir, record.Manifest{Recorded: c.recorded})
		if err != nil {
			t.Fatal(err)
		}
		if w.Dir() != dir || w.Manifest().Recorded != c.recorded {
			t.Errorf("%s: the writer says %s, %q", c.why, w.Dir(), w.Manifest().Recorded)
		}
		if _, err = w.Close(func(m *record.Manifest) {
			if c.totals != "" {
				err = w.WriteTotals(m, []byte(c.totals))
			}
		}); err != nil {
			t.Fatal(err)
		}
		r, err := record.Open(dir)
		if err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		if data, err := r.Totals(); err != nil || string(data) != c.totals || (data == nil) != (c.totals == "") {
			t.Errorf("%s: read back %q, error %v; want %q", c.why, data, err, c.totals)
		}
		hash := r.Manifest().Hash
		for other, h := range hashes {
			if (h == hash) != (other == c.same || c.same != "" && strings.HasPrefix(other, "beside")) {
				t.Errorf("%s: equal hash as %q: %v", c.why, other, h == hash)
			}
		}
		hashes[c.why] = hash
	}
}

func TestRecordedIsChecked(t *testing.T) {
	dir := t.TempDir()
	w, err := record.Create(dir, record.Manifest{Recorded: record.Sampled})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, record.ManifestFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), `"sampled"`, `"some"`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Open(dir); !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), `recorded is "some"`) {
		t.Errorf("error %v", err)
	}
}
