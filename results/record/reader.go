package record

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// Reader reads a record. It keeps no file open between uses, and several
// passes over its rows may run side by side.
type Reader struct {
	dir      string
	manifest Manifest
}

// Open reads the manifest of the record in dir and checks that its parts
// are there.
func Open(dir string) (*Reader, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	r := &Reader{dir: dir, manifest: m}
	for _, p := range slices.Concat(m.Parts, plainParts(m.AccountParts), plainParts(m.EvaluationParts)) {
		if _, err := os.Stat(r.path(p)); err != nil {
			return nil, fmt.Errorf("the record %s lacks a part that its manifest lists: %w", dir, err)
		}
	}
	return r, nil
}

func (r *Reader) path(p Part) string { return filepath.Join(r.dir, filepath.FromSlash(p.File)) }

func plainParts(parts []RowPart) []Part {
	list := make([]Part, len(parts))
	for i, p := range parts {
		list[i] = Part(p)
	}
	return list
}

// Dir is the record's directory.
func (r *Reader) Dir() string { return r.dir }

// Manifest says what the record is of.
func (r *Reader) Manifest() Manifest { return r.manifest }

// Plan is the compiled plan's text, "" if the record has none.
func (r *Reader) Plan() (string, error) {
	b, err := os.ReadFile(filepath.Join(r.dir, PlanFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// Observations yields all observations in the order of writing. The pointer
// and the lists it leads to are valid until the next step; strings stay
// valid. At the end of each part the content is checked against the
// manifest's hash. An error names the file and ends the sequence.
func (r *Reader) Observations() iter.Seq2[*Observation, error] {
	return rowsOf(r, observationRows(), r.manifest.Parts)
}

// Accounts yields all accounts by ascending id, as Observations does
// observations. A record of a run that died has none, or some.
func (r *Reader) Accounts() iter.Seq2[*Account, error] {
	return rowsOf(r, accountRows(), plainParts(r.manifest.AccountParts))
}

// Evaluations yields all evaluations in the order in which they ended, as
// Observations does observations.
func (r *Reader) Evaluations() iter.Seq2[*Evaluation, error] {
	return rowsOf(r, evaluationRows(), plainParts(r.manifest.EvaluationParts))
}

func rowsOf[T any](r *Reader, rows *layout[T], parts []Part) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		pass := pass[T]{layout: rows, hash: newHasher(rows), rows: make([]T, rows.batch), check: rows.check()}
		for _, p := range parts {
			more, err := pass.part(r.path(p), p, yield)
			if err != nil {
				yield(nil, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// pass is one reading of one kind of rows.
type pass[T any] struct {
	layout *layout[T]
	hash   *hasher[T]
	rows   []T
	check  func(*T) error
}

// part yields one part; false when the consumer wants no more.
func (s *pass[T]) part(path string, p Part, yield func(*T, error) bool) (more bool, err error) {
	f, err := openPartFile(s.layout, path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if n := f.parquet.NumRows(); n != p.Count {
		return false, fmt.Errorf("%s: %w: it holds %d %s, the manifest says %d", path, ErrDamaged, n, s.layout.name, p.Count)
	}
	for left := p.Count; left > 0; {
		rows, err := f.read(s.rows[:min(left, int64(len(s.rows)))])
		if err != nil {
			return false, err
		}
		for i := range rows {
			if err := s.check(&rows[i]); err != nil {
				return false, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
			}
			s.hash.add(&rows[i])
			if !yield(&rows[i], nil) {
				return false, nil
			}
		}
		left -= int64(len(rows))
	}
	if h := s.hash.sum(); h != p.Hash {
		return false, fmt.Errorf("%s: %w: the content's hash up to its end is %s, the manifest says %s", path, ErrDamaged, h, p.Hash)
	}
	return true, nil
}
