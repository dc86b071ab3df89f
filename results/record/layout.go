package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/quotalab/quotalab/results/wording"
)

// Names of the files in a record's directory.
const (
	ManifestFile    = "manifest.json"
	PlanFile        = "plan.txt"
	SummaryFile     = "summary.json"
	TotalsFile      = "totals.json"
	ObservationsDir = "observations"
	AccountsDir     = "accounts"
	EvaluationsDir  = "evaluations"
)

// ErrExists is wrapped by the error of Create on a directory that holds a
// record already: records are never overwritten.
var ErrExists = errors.New("there is a record already")

// ErrDamaged is wrapped by every error that says a record's content is not
// what was written.
var ErrDamaged = errors.New("the record is damaged")

// partName of the n-th part in a folder, relative to the record's directory.
func partName(folder string, n int) string {
	return fmt.Sprintf("%s/part-%05d.parquet", folder, n)
}

// writeManifest replaces the manifest in one step, so that a reader sees
// the old one or the new one and never half of it.
func writeManifest(dir string, m *Manifest) error {
	var b bytes.Buffer
	if err := wording.JSON(&b, m); err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Join(dir, ManifestFile), err)
	}
	return replaceFile(filepath.Join(dir, ManifestFile), b.Bytes())
}

// WriteSummary stores the JSON summary beside the observations.
func WriteSummary(dir string, summary []byte) error {
	return replaceFile(filepath.Join(dir, SummaryFile), summary)
}

func replaceFile(path string, data []byte) error {
	partial := path + ".partial"
	if err := os.WriteFile(partial, data, 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// readManifest reads and checks dir's manifest.
func readManifest(dir string) (Manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s is not a record: it has no %s; name the directory that a run wrote: %w", dir, ManifestFile, err)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest: %w", err)
	}
	m, err := decodeManifest(data)
	if err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func decodeManifest(data []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if m.SchemaVersion < 1 || m.SchemaVersion > SchemaVersion {
		return Manifest{}, fmt.Errorf("record of schema version %d, this program reads 1 to %d: use a newer quotalab", m.SchemaVersion, SchemaVersion)
	}
	if err := errors.Join(checkParts(observationRows(), m.Parts, m.Count), checkParts(accountRows(), m.AccountParts, m.AccountCount),
		checkParts(evaluationRows(), m.EvaluationParts, m.EvaluationCount)); err != nil {
		return Manifest{}, err
	}
	if !slices.Contains([]Recorded{"", All, Sampled, None}, m.Recorded) {
		return Manifest{}, fmt.Errorf("%w: recorded is %q, expected %s, %s or %s", ErrDamaged, m.Recorded, All, Sampled, None)
	}
	if m.MaxSettle < 0 {
		return Manifest{}, fmt.Errorf("%w: maxSettleNanoseconds is %d, expected at least 0", ErrDamaged, m.MaxSettle)
	}
	if h := m.contentHash(); h != m.Hash {
		return Manifest{}, fmt.Errorf("%w: the hash of its parts' content is %s, recordHash is %s", ErrDamaged, h, m.Hash)
	}
	return m, nil
}

// checkParts of one kind of rows: their names, and that they add up to count.
func checkParts[T any, P Part | RowPart](rows *layout[T], parts []P, count int64) error {
	var sum int64
	for i := range parts {
		p := Part(parts[i])
		if name := partName(rows.dir, i); p.File != name {
			return fmt.Errorf("%w: part %d is called %q, expected %q", ErrDamaged, i, p.File, name)
		}
		if p.Count <= 0 || p.Count > count-sum {
			return fmt.Errorf("%w: %s is said to hold %d of %d %s", ErrDamaged, p.File, p.Count, count, rows.name)
		}
		sum += p.Count
	}
	if sum != count {
		return fmt.Errorf("%w: the parts hold %d %s, the manifest says %d", ErrDamaged, sum, rows.name, count)
	}
	return nil
}
