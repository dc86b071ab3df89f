package record_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

// FuzzManifest: any manifest gives a record that can be read or an error,
// and never a look outside the record's directory.
func FuzzManifest(f *testing.F) {
	dir := testkit.WriteRecord(f, record.Manifest{Scenario: "s"}, some(50, 1), record.PartRows(20)).Dir()
	path := filepath.Join(dir, record.ManifestFile)
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"schemaVersion":1}`))
	f.Add([]byte(`{"schemaVersion":1,"observations":1,"parts":[{"file":"/etc/passwd","observations":1}]}`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		must(t, os.WriteFile(path, manifest, 0o644))
		r, err := record.Open(dir)
		if err != nil {
			return
		}
		n := int64(0)
		for _, err := range r.ByEffect() {
			if err != nil {
				return
			}
			n++
		}
		if m := r.Manifest(); n != m.Count || m.SchemaVersion != record.SchemaVersion {
			t.Errorf("read %d observations without an error, the manifest says %d (schema %d)", n, m.Count, m.SchemaVersion)
		}
	})
}

// FuzzPart: any bytes in place of a part give an error or the content that
// was written, never a panic.
func FuzzPart(f *testing.F) {
	list := some(20, 1)
	dir := testkit.WriteRecord(f, record.Manifest{}, list, record.Uncompressed()).Dir()
	path := filepath.Join(dir, "observations/part-00000.parquet")
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte("PAR1PAR1"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, part []byte) {
		must(t, os.WriteFile(path, part, 0o644))
		if readAll(dir) != nil {
			return
		}
		r, err := record.Open(dir)
		must(t, err)
		if d := diff(list, collect(t, r.Observations())); d != "" {
			t.Errorf("damage was read as content:\n%s", d)
		}
	})
}
