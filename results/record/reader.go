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

// rowsOf some parts, read ahead.
func rowsOf[T any](r *Reader, rows *layout[T], parts []Part) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		a := readAhead(r, rows, parts)
		defer a.end()
		for b := range a.full {
			for i := range b.rows {
				if !yield(&b.rows[i], nil) {
					return
				}
			}
			if b.err != nil {
				yield(nil, b.err)
				return
			}
			a.free <- b.rows[:cap(b.rows)]
		}
	}
}
