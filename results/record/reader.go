package record

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
)

// Reader reads a record. It keeps no file open between uses, and several
// passes over the observations may run side by side.
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
	for _, p := range m.Parts {
		if _, err := os.Stat(r.path(p)); err != nil {
			return nil, fmt.Errorf("the record %s lacks a part that its manifest lists: %w", dir, err)
		}
	}
	return r, nil
}

func (r *Reader) path(p Part) string { return filepath.Join(r.dir, filepath.FromSlash(p.File)) }

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
	return func(yield func(*Observation, error) bool) {
		pass := pass{hash: newHasher(), rows: make([]Observation, batchRows)}
		for _, p := range r.manifest.Parts {
			more, err := pass.part(r.path(p), p, yield)
			if err != nil {
				yield(nil, err)
				return
			}
			if !more {
				return
			}
		}
		if h := pass.hash.sum(); h != r.manifest.Hash {
			yield(nil, fmt.Errorf("%s: %w: the content's hash is %s, recordHash is %s", r.dir, ErrDamaged, h, r.manifest.Hash))
		}
	}
}

// pass is one reading of the observations.
type pass struct {
	hash *hasher
	rows []Observation
	seq  int64
}

// part yields one part; false when the consumer wants no more.
func (s *pass) part(path string, p Part, yield func(*Observation, error) bool) (more bool, err error) {
	f, err := openPartFile(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if n := f.parquet.NumRows(); n != p.Count {
		return false, fmt.Errorf("%s: %w: it holds %d observations, the manifest says %d", path, ErrDamaged, n, p.Count)
	}
	for left := p.Count; left > 0; {
		rows, err := f.read(s.rows[:min(left, batchRows)])
		if err != nil {
			return false, err
		}
		for i := range rows {
			if rows[i].Seq != s.seq {
				return false, fmt.Errorf("%s: %w: observation %d has the sequence number %d", path, ErrDamaged, s.seq, rows[i].Seq)
			}
			s.seq++
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
