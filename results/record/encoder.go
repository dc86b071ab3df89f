package record

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"
)

// rowGroupRows bounds what the Parquet library holds in memory.
const rowGroupRows = 128 << 10

// encoder turns rows into parts, and keeps the manifest on disk up to date
// with the parts that are closed.
type encoder[T any] struct {
	rows    *layout[T]
	book    *book
	options options
	hash    *hasher[T]
	admit   func(rows []T) ([]T, error) // of rows that come in, those that are recorded; nil: all
	see     func(row *T)                // is shown every row; may be nil
	enter   func(m *Manifest, p Part)   // enters a closed part in the manifest

	parts int       // closed ones
	file  *os.File  // of the open part; nil: none
	bytes hash.Hash // of what is in it
	part  *parquet.GenericWriter[T]
	to    []column[T] // of it
	count int64       // rows in the open part
	group int64       // of these, in its open row group
	load  int64       // their weight
}

func newEncoder[T any](rows *layout[T], b *book, o options) *encoder[T] {
	return &encoder[T]{rows: rows, book: b, options: o, hash: newHasher(rows)}
}

func (e *encoder[T]) write(rows []T) (err error) {
	if e.admit != nil {
		if rows, err = e.admit(rows); err != nil {
			return err
		}
	}
	for len(rows) > 0 {
		if e.part == nil {
			if err := e.openPart(); err != nil {
				return err
			}
		}
		n := e.fitting(rows)
		if err := e.writePart(rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
		if e.load >= e.options.partRows {
			if err := e.closePart(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fitting is how many rows still go into the open part, and adds their weight.
func (e *encoder[T]) fitting(rows []T) int {
	if e.rows.weight == nil {
		n := min(int64(len(rows)), e.options.partRows-e.load)
		e.load += n
		return int(n)
	}
	for i := range rows {
		if e.load += e.rows.weight(&rows[i]); e.load >= e.options.partRows {
			return i + 1
		}
	}
	return len(rows)
}

func (e *encoder[T]) writePart(rows []T) error {
	for i := range rows {
		e.hash.add(&rows[i])
		if e.see != nil {
			e.see(&rows[i])
		}
	}
	for len(rows) > 0 {
		some := rows[:min(int64(len(rows)), rowGroupRows-e.group)]
		if err := e.writeSome(some); err != nil {
			return fmt.Errorf("writing %s: %w", e.file.Name(), err)
		}
		rows = rows[len(some):]
	}
	return nil
}

// writeSome writes rows that fit into the open row group.
func (e *encoder[T]) writeSome(rows []T) error {
	for _, c := range e.to {
		if err := c.write(rows, e.part.ColumnWriters()); err != nil {
			return fmt.Errorf("column %s: %w", c, err)
		}
	}
	e.count, e.group = e.count+int64(len(rows)), e.group+int64(len(rows))
	if e.group < rowGroupRows {
		return nil
	}
	e.group = 0
	return e.part.Flush()
}

// openPart begins a part under a name that no reader takes for a finished one.
func (e *encoder[T]) openPart() error {
	// Where somebody removed the record's directory it is not made anew: half a record.
	if err := os.Mkdir(filepath.Dir(e.partPath()), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("beginning a part: %w", err)
	}
	f, err := os.OpenFile(e.partPath()+PartialSuffix, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("beginning a part: %w", err)
	}
	m, schema := &e.book.manifest, parquet.SchemaOf(new(T))
	opts := []parquet.WriterOption{
		parquet.CreatedBy("quotalab", cmp.Or(m.Versions["quotalab"], "unknown")+" ", cmp.Or(m.Versions["revision"], "unknown")),
		parquet.KeyValueMetadata("quotalab.scenario", m.Scenario),
		parquet.KeyValueMetadata("quotalab.planHash", m.PlanHash),
		parquet.KeyValueMetadata("quotalab.epoch", m.Epoch.UTC().Format(time.RFC3339Nano)),
	}
	for _, d := range described(reflect.TypeFor[T](), "") {
		opts = append(opts, parquet.KeyValueMetadata("quotalab.column."+d.path, d.meaning()))
	}
	for _, path := range textPaths(schema) {
		// The first and last text of a page in alphabetical order help no
		// query, and finding them takes a fifth of the time of writing.
		opts = append(opts, parquet.SkipPageBounds(path...), parquet.SkipPageStatistics(path...))
	}
	if e.options.codec != nil {
		opts = append(opts, parquet.Compression(e.options.codec))
	}
	e.file, e.count, e.group, e.load = f, 0, 0, 0
	e.bytes = sha256.New()
	e.part = parquet.NewGenericWriter[T](io.MultiWriter(f, e.bytes), append(opts, schema)...)
	e.to = e.rows.columns(m.form())
	for _, c := range e.to {
		if err := c.bind(schema); err != nil {
			return fmt.Errorf("beginning a part: %w", err)
		}
	}
	return nil
}

// textPaths are the columns that hold text.
func textPaths(schema *parquet.Schema) (paths [][]string) {
	for _, path := range schema.Columns() {
		if leaf, ok := schema.Lookup(path...); ok && leaf.Node.Type().Kind() == parquet.ByteArray {
			paths = append(paths, path)
		}
	}
	return paths
}

func (e *encoder[T]) partPath() string {
	return filepath.Join(e.book.dir, filepath.FromSlash(partName(e.rows.dir, e.parts)))
}

// closePart finishes the open part, if any, checks that it reads back, gives
// it its name and enters it in the manifest.
func (e *encoder[T]) closePart() error {
	if e.part == nil {
		return nil
	}
	part, file := e.part, e.file
	e.part, e.file = nil, nil
	err := errors.Join(part.Close(), file.Close())
	if err == nil {
		err = verifyPart(e.rows, e.book.manifest.form(), file.Name(), e.count)
	}
	if err == nil {
		err = os.Rename(file.Name(), e.partPath())
	}
	if err != nil {
		_ = os.Remove(file.Name()) // so that there is room for the manifest
		return fmt.Errorf("finishing %s: %w", e.partPath(), err)
	}
	p := Part{File: partName(e.rows.dir, e.parts), Count: e.count, Hash: e.hash.sum(), Bytes: hex.EncodeToString(e.bytes.Sum(nil))}
	e.parts++
	return e.book.enter(func(m *Manifest) { e.enter(m, p) })
}

// abandon lets go of a part that cannot be finished.
func (e *encoder[T]) abandon() error {
	if e.file == nil {
		return nil
	}
	file := e.file
	e.part, e.file = nil, nil
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// verifyPart opens a finished file again, which checks its footer.
func verifyPart[T any](rows *layout[T], form form, path string, count int64) error {
	f, err := openPartFile(rows, form, path)
	if err != nil {
		return err
	}
	if n := f.parquet.NumRows(); n != count {
		err = fmt.Errorf("%d %s were written, %d can be read back", count, rows.name, n)
	}
	return errors.Join(err, f.Close())
}

// settle finds how far an observation's instant lies behind the latest Done up
// to it in the order of writing. In virtual time, where observations are
// written as they are done, that is the largest done − effect; in real time,
// where the instant is that of sending, it is no less than the largest
// done − sent. A reader that has seen Done d knows that no instant before
// d − max is still to come.
type settle struct {
	real        bool
	latest, max int64
}

func (s *settle) add(o *Observation) {
	at := o.instant()
	if s.real {
		at = o.begun()
	}
	s.latest = max(s.latest, o.Done)
	s.max = max(s.max, s.latest-at)
}
