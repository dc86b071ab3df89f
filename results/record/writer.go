package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// DefaultPartRows is after how many observations a part is closed.
const DefaultPartRows = 1_000_000

// queuedBatches may wait for the encoder before Write blocks.
const queuedBatches = 8

// Writer writes a record. Its methods are for one goroutine at a time;
// encoding, hashing and compression run on a goroutine of its own.
type Writer struct {
	dir      string
	manifest Manifest
	batch    *batch
	seq      int64
	closed   bool

	full  chan *batch // to the encoder
	empty chan *batch // back from it
	done  chan struct{}

	failed  atomic.Pointer[error] // the encoder's first error
	encoder *encoder              // the Writer may look at it after done
}

// Option of Create.
type Option func(*options)

type options struct {
	partRows int64
	plan     string
	codec    compress.Codec
}

// PartRows closes a part every n observations (n ≥ 1; default
// DefaultPartRows). The record's hash does not depend on it.
func PartRows(n int64) Option { return func(o *options) { o.partRows = n } }

// Plan stores the compiled plan's text in the record.
func Plan(text string) Option { return func(o *options) { o.plan = text } }

// Uncompressed leaves the parts uncompressed. The record's hash does not
// depend on it.
func Uncompressed() Option { return func(o *options) { o.codec = nil } }

// Create begins a record in dir, which is made if it does not exist, and
// writes the manifest as it stands. An error that wraps ErrExists says that
// dir holds a record.
func Create(dir string, m Manifest, opts ...Option) (*Writer, error) {
	o := options{partRows: DefaultPartRows, codec: &zstd.Codec{Level: zstd.SpeedFastest}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.partRows < 1 {
		return nil, fmt.Errorf("a part of %d observations: expected at least 1", o.partRows)
	}
	if err := prepareDir(dir, o.plan); err != nil {
		return nil, err
	}
	h := newHasher()
	m.SchemaVersion = SchemaVersion
	m.Complete, m.Aborted, m.Count, m.Parts, m.MaxSettle, m.Hash = false, "", 0, []Part{}, 0, h.sum()
	if err := writeManifest(dir, &m); err != nil {
		return nil, err
	}
	w := &Writer{
		dir: dir, manifest: m, batch: newBatch(),
		full: make(chan *batch, queuedBatches), empty: make(chan *batch, queuedBatches+2), done: make(chan struct{}),
		encoder: &encoder{dir: dir, options: o, manifest: m, hash: h},
	}
	for range queuedBatches + 1 {
		w.empty <- newBatch()
	}
	go w.encode()
	return w, nil
}

func prepareDir(dir, plan string) error {
	for _, name := range []string{ManifestFile, ObservationsDir} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s holds %s: %w; choose another directory", dir, name, ErrExists)
		} else if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("looking for a record: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, ObservationsDir), 0o755); err != nil {
		return fmt.Errorf("making the record's directory: %w", err)
	}
	if plan == "" {
		return nil
	}
	return replaceFile(filepath.Join(dir, PlanFile), []byte(plan))
}

// Write appends a copy of the observation with the next sequence number;
// the caller may reuse o and its lists. An error is that of an earlier
// observation as often as of this one, and is final.
func (w *Writer) Write(o *Observation) error {
	if w.closed {
		return fmt.Errorf("writing to the record %s: it is closed", w.dir)
	}
	w.batch.add(o, w.seq)
	w.seq++
	if !w.batch.full() {
		return nil
	}
	if err := w.failed.Load(); err != nil {
		w.batch.reset()
		return *err
	}
	w.full <- w.batch
	w.batch = <-w.empty
	return nil
}

// Close writes what is left, lets finish (which may be nil) complete the
// manifest, and writes and returns it. Count, Parts, Hash and MaxSettle are
// the Writer's; finish sets the rest. After an error the record is as
// readable as that of a run that died.
func (w *Writer) Close(finish func(m *Manifest)) (Manifest, error) {
	if w.closed {
		return w.manifest, fmt.Errorf("closing the record %s: it is closed", w.dir)
	}
	w.closed = true
	w.full <- w.batch
	close(w.full)
	<-w.done
	if err := w.failed.Load(); err != nil {
		return w.encoder.manifest, errors.Join(*err, w.encoder.abandon())
	}
	if err := w.encoder.closePart(); err != nil {
		return w.encoder.manifest, err
	}
	m := w.encoder.manifest
	if finish != nil {
		written := m
		finish(&m)
		m.Count, m.Parts, m.Hash, m.MaxSettle = written.Count, written.Parts, written.Hash, written.MaxSettle
	}
	w.manifest = m
	return m, writeManifest(w.dir, &m)
}

// encode is the Writer's goroutine. After a failure it keeps taking batches,
// so that Write never waits for one that nobody will return.
func (w *Writer) encode() {
	defer close(w.done)
	for b := range w.full {
		if w.failed.Load() == nil {
			if err := w.encoder.write(b.rows); err != nil {
				w.failed.Store(&err)
			}
		}
		b.reset()
		w.empty <- b
	}
}
