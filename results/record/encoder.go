package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

// rowGroupRows bounds what the Parquet library holds in memory.
const rowGroupRows = 128 << 10

// encoder turns rows into parts, and keeps the manifest on disk up to date
// with the parts that are closed.
type encoder struct {
	dir      string
	options  options
	manifest Manifest
	hash     *hasher
	settle   settle

	file *os.File // of the open part; nil: none
	part *parquet.GenericWriter[Observation]
	rows int64 // in the open part
}

func (e *encoder) write(rows []Observation) error {
	for len(rows) > 0 {
		if e.part == nil {
			if err := e.openPart(); err != nil {
				return err
			}
		}
		n := min(int64(len(rows)), e.options.partRows-e.rows)
		if err := e.writePart(rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
		if e.rows == e.options.partRows {
			if err := e.closePart(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *encoder) writePart(rows []Observation) error {
	for i := range rows {
		e.hash.add(&rows[i])
		e.settle.add(&rows[i])
	}
	if _, err := e.part.Write(rows); err != nil {
		return fmt.Errorf("writing %s: %w", e.file.Name(), err)
	}
	e.rows += int64(len(rows))
	return nil
}

// openPart begins a part under a name that no reader takes for a finished one.
func (e *encoder) openPart() error {
	f, err := os.OpenFile(e.partPath()+".partial", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("beginning a part: %w", err)
	}
	opts := []parquet.WriterOption{
		parquet.MaxRowsPerRowGroup(rowGroupRows),
		parquet.CreatedBy("quotalab", "", ""),
		parquet.KeyValueMetadata("quotalab.scenario", e.manifest.Scenario),
		parquet.KeyValueMetadata("quotalab.planHash", e.manifest.PlanHash),
	}
	for _, path := range textPaths() {
		// The first and last text of a page in alphabetical order help no
		// query, and finding them takes a fifth of the time of writing.
		opts = append(opts, parquet.SkipPageBounds(path...), parquet.SkipPageStatistics(path...))
	}
	if e.options.codec != nil {
		opts = append(opts, parquet.Compression(e.options.codec))
	}
	e.file, e.rows = f, 0
	e.part = parquet.NewGenericWriter[Observation](f, opts...)
	return nil
}

// textPaths are the columns that hold text.
func textPaths() (paths [][]string) {
	schema := parquet.SchemaOf(Observation{})
	for _, path := range schema.Columns() {
		if leaf, ok := schema.Lookup(path...); ok && leaf.Node.Type().Kind() == parquet.ByteArray {
			paths = append(paths, path)
		}
	}
	return paths
}

func (e *encoder) partPath() string {
	return filepath.Join(e.dir, filepath.FromSlash(partName(len(e.manifest.Parts))))
}

// closePart finishes the open part, if any, checks that it reads back, gives
// it its name and enters it in the manifest.
func (e *encoder) closePart() error {
	if e.part == nil {
		return nil
	}
	part, file := e.part, e.file
	e.part, e.file = nil, nil
	err := errors.Join(part.Close(), file.Close())
	if err == nil {
		err = verifyPart(file.Name(), e.rows)
	}
	if err == nil {
		err = os.Rename(file.Name(), e.partPath())
	}
	if err != nil {
		return fmt.Errorf("finishing %s: %w", e.partPath(), err)
	}
	m := &e.manifest
	m.Hash = e.hash.sum()
	m.Parts = append(m.Parts, Part{File: partName(len(m.Parts)), Count: e.rows, Hash: m.Hash})
	m.Count += e.rows
	m.MaxSettle = e.settle.max
	return writeManifest(e.dir, m)
}

// abandon lets go of a part that cannot be finished.
func (e *encoder) abandon() error {
	if e.file == nil {
		return nil
	}
	file := e.file
	e.part, e.file = nil, nil
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// verifyPart opens a finished file again, which checks its footer.
func verifyPart(path string, rows int64) error {
	f, err := openPartFile(path)
	if err != nil {
		return err
	}
	if n := f.parquet.NumRows(); n != rows {
		err = fmt.Errorf("%d observations were written, %d can be read back", rows, n)
	}
	return errors.Join(err, f.Close())
}

// settle finds how far an observation's instant lies behind the latest Done
// before it in the order of writing. In virtual time, where observations are
// written as they are done, that is the largest done − effect. A reader that
// has seen Done d knows that no instant before d − max is still to come.
type settle struct{ latest, max int64 }

func (s *settle) add(o *Observation) {
	s.latest = max(s.latest, o.Done)
	s.max = max(s.max, s.latest-o.instant())
}
