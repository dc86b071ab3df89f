package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/quotalab/quotalab/models/metric"
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

// partName returns the name of the n-th part in a folder, relative to the record's directory.
func partName(folder string, n int) string {
	return fmt.Sprintf("%s/part-%05d.parquet", folder, n)
}

// writeManifest replaces the manifest in one step, so that a reader sees
// the old one or the new one and never half of it.
func writeManifest(dir string, m *Manifest) error {
	sealed := *m
	sealed.ManifestHash = noHash
	var b bytes.Buffer
	if err := WriteJSON(&b, sealed); err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Join(dir, ManifestFile), err)
	}
	return replaceFile(filepath.Join(dir, ManifestFile), bytes.Replace(b.Bytes(), hashField(noHash), hashField(hashOf(b.Bytes())), 1))
}

// noHash stands in place of a manifest's hash while that is taken.
var noHash = strings.Repeat("0", 2*sha256.Size)

func hashField(hash string) []byte { return fmt.Appendf(nil, "\"manifestHash\": %q", hash) }

// checkSeal returns an error where a manifest is not what was written.
func (m *Manifest) checkSeal(data []byte) error {
	if m.SchemaVersion == 1 {
		return nil
	}
	if h := hashOf(bytes.Replace(data, hashField(m.ManifestHash), hashField(noHash), 1)); h != m.ManifestHash {
		return fmt.Errorf("%w: the hash of the manifest is %s, manifestHash is %q: it was changed after it was written", ErrDamaged, h, m.ManifestHash)
	}
	return nil
}

// PartialSuffix ends the name of a file or directory that is not finished.
const PartialSuffix = ".partial"

// ReplaceFile writes a file in one step and makes the directories above it:
// whoever reads it sees its old content or the new one, never half of it.
func ReplaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return replaceFile(path, data)
}

func replaceFile(path string, data []byte) error {
	err := os.WriteFile(path+PartialSuffix, data, 0o644)
	if err == nil {
		err = os.Rename(path+PartialSuffix, path)
	}
	if err != nil {
		_ = os.Remove(path + PartialSuffix) // it may not be there
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// DiskFull reports whether an error comes of a disk that is full, of a quota
// that is used up, or of a limit on the size of files.
func DiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func readManifest(dir string) (Manifest, error) {
	path := filepath.Join(dir, ManifestFile)
	data, err := ReadFile(path, mostJSON)
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
	if err := ReadJSON(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if m.SchemaVersion < 1 {
		return Manifest{}, fmt.Errorf("%w: schema version %d, expected 1 to %d", ErrDamaged, m.SchemaVersion, SchemaVersion)
	}
	if m.SchemaVersion > SchemaVersion {
		return Manifest{}, fmt.Errorf("record of schema version %d, this program reads 1 to %d: use a newer quotalab", m.SchemaVersion, SchemaVersion)
	}
	if err := errors.Join(checkParts(observationRows(), m.Parts, m.Count), checkParts(accountRows(), m.AccountParts, m.AccountCount),
		checkParts(evaluationRows(), m.EvaluationParts, m.EvaluationCount)); err != nil {
		return Manifest{}, err
	}
	if !slices.Contains([]Recorded{"", All, Sampled, None}, m.Recorded) {
		return Manifest{}, fmt.Errorf("%w: recorded is %q, expected %s, %s or %s", ErrDamaged, m.Recorded, All, Sampled, None)
	}
	for _, f := range m.Files {
		if f.Name != filepath.Base(f.Name) {
			return Manifest{}, fmt.Errorf("%w: a file is called %q, expected a name without a folder", ErrDamaged, f.Name)
		}
	}
	if m.SavedTotals != "" && !slices.Contains(savedTotals[:], m.SavedTotals) {
		return Manifest{}, fmt.Errorf("%w: savedTotals is %q, expected one of %q", ErrDamaged, m.SavedTotals, savedTotals)
	}
	if m.MaxSettle < 0 {
		return Manifest{}, fmt.Errorf("%w: maxSettleNanoseconds is %d, expected at least 0", ErrDamaged, m.MaxSettle)
	}
	if h := m.contentHash(); h != m.Hash {
		return Manifest{}, fmt.Errorf("%w: the hash of its parts' content is %s, recordHash is %s", ErrDamaged, h, m.Hash)
	}
	return m, m.checkSeal(data)
}

// checkParts checks the names of the parts of one kind of rows, and that they add
// up to count.
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

// layout is all that is particular to one kind of rows: observations,
// accounts or evaluations.
type layout[T any] struct {
	dir  string // folder of the parts
	name string // of the rows, in sentences
	seed string // begins the hash: one for each kind of rows and version of its encoding

	encode  func(b []byte, row *T) []byte // appends the canonical encoding, for the hash
	keep    func(row *T, a *arenas)       // moves the row's lists into the arenas
	columns func(form) []column[T]
	check   func() func(row *T) error // what the rows of one reading must be, from the first on
	weight  func(row *T) int64        // of a row, where it is not 1: so many make up for that many others
	batch   int                       // rows that are read at once
}

func observationRows() *layout[Observation] {
	return &layout[Observation]{
		dir: ObservationsDir, name: "observations", seed: "quotalab observations 1\n", batch: batchRows,
		encode: appendObservation, check: gapless,
		columns: func(f form) []column[Observation] { return observationColumns(f, newKeyNumbers()) },
		keep: func(o *Observation, a *arenas) {
			o.Takes, o.Touched = keep(&a.takes, o.Takes), keep(&a.touched, o.Touched)
		},
	}
}

// gapless checks the sequence numbers of observations.
func gapless() func(*Observation) error {
	next := int64(0)
	return func(o *Observation) error {
		if o.Seq != next {
			return fmt.Errorf("observation %d has the sequence number %d", next, o.Seq)
		}
		next++
		return nil
	}
}

// accountBatch is few because one account may have a hundred thousand
// instants of usage.
const accountBatch = 16

func accountRows() *layout[Account] {
	return &layout[Account]{
		dir: AccountsDir, name: "accounts", seed: "quotalab accounts 1\n", batch: accountBatch,
		encode: appendAccount, columns: accountColumns, check: ascending,
		keep: func(a *Account, to *arenas) {
			a.Contract = keep(&to.segments, a.Contract)
			a.At, a.Units = keep(&to.ints, a.At), keep(&to.ints, a.Units)
		},
		weight: func(a *Account) int64 { return 1 + int64(len(a.At)) },
	}
}

// ascending checks accounts one after the other.
func ascending() func(*Account) error {
	first, before := true, int64(0)
	return func(a *Account) error {
		switch {
		case !first && a.ID <= before:
			return fmt.Errorf("account %d comes after account %d, expected ascending ids", a.ID, before)
		case len(a.At) != len(a.Units):
			return fmt.Errorf("account %d has %d instants of usage and %d numbers of units, expected as many", a.ID, len(a.At), len(a.Units))
		}
		first, before = false, a.ID
		return nil
	}
}

func evaluationRows() *layout[Evaluation] {
	return &layout[Evaluation]{
		dir: EvaluationsDir, name: "evaluations", seed: "quotalab evaluations 1\n", batch: batchRows,
		encode: appendEvaluation, columns: evaluationColumns,
		keep:  func(*Evaluation, *arenas) {},
		check: func() func(*Evaluation) error { return func(*Evaluation) error { return nil } },
	}
}

// WriteJSON writes v as people read it too: indented, with <, > and & as they
// are, and a newline at its end. What a terminal would not show is escaped.
func WriteJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		line, end := strings.CutSuffix(line, "\n")
		if _, err := io.WriteString(w, metric.Escaped(line)); err != nil {
			return err
		}
		if end {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bounds of what is read of a file, so that no file takes much memory. Those
// that quotalab writes are far below.
const (
	mostJSON   = 16 << 20  // bytes of a manifest
	mostText   = 16 << 20  // of the plan
	mostTotals = 256 << 20 // of a file whose hash the manifest has
)

// OpenFile opens a plain file: a device has no end, and a pipe may have no writer.
func OpenFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: expected a file, found a directory, device, pipe or socket", path)
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// ReadFile returns what is in a plain file, which has at most most bytes.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() > most {
		err = fmt.Errorf("%s: expected at most %d bytes, found %d", path, most, info.Size())
	}
	if err != nil {
		return nil, err
	}
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(f, most))
	return data.Bytes(), err
}

// mostParts is how many commas a text of JSON may have: an element of a list takes
// twenty times the memory of its text.
const mostParts = 150_000

// ReadJSON decodes a text into a variable.
func ReadJSON(text []byte, into any) error {
	if n := bytes.Count(text, []byte(",")); n > mostParts {
		return fmt.Errorf("expected at most %d fields and elements, found %d", mostParts, n)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errors.New(metric.Shortened(err.Error()))
	}
	return nil
}
