package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// DefaultPartRows is after how many observations, evaluations, or instants
// of the accounts' usage a part is closed.
const DefaultPartRows = 250_000

// Writer writes a record. Its methods are for one goroutine at a time;
// encoding, hashing and compression run on a goroutine of its own.
type Writer struct {
	dir      string
	manifest Manifest
	closed   bool

	observations *lane[Observation]
	accounts     *lane[Account]
	evaluations  *lane[Evaluation]
	row          Observation // the one that is being written
	seq          int64       // the encoder's
	watch        Watcher     // nil: all observations are recorded, and nothing else is kept of them
	saved        int         // how often what the Watcher knows was
	settle       settle
	nextAccount  func(*Account) error
	due          func() bool // parts are to be closed; nil: never
	show         func() bool // the Watcher is to see the rows so far; nil: when a batch is full
	asked        int64       // rows written

	work chan job // to the encoder
	done chan struct{}
	book *book // the Writer may look at it after done

	failed atomic.Pointer[error] // the encoder's first error
}

// Watcher is shown every observation of a run, in the order of writing, on the goroutine
// that encodes them.
type Watcher interface {
	// Observe sees an observation, and reports whether it is recorded.
	Observe(o *Observation) (recorded bool, err error)
	// Totals returns what it knows so far of all of them, and their number; nil: nothing
	// beside the record.
	Totals() (data []byte, seen int64, err error)
}

// Watch has w shown all observations. It is called before the first of them.
func (w *Writer) Watch(watcher Watcher) { w.watch = watcher }

// MostLost is how many observations that were written after the last closed part a run
// loses at most if it is killed: those of an open part, and those on their way to it.
const MostLost = DefaultPartRows + (queuedBatches+2)*batchRows

// Option changes how Create writes a record.
type Option func(*options)

type options struct {
	partRows int64
	plan     string
	codec    compress.Codec
	due      func() bool
	show     func() bool
}

// PartRows closes a part every n observations, every n evaluations, and with
// the account that brings the accounts of a part to n instants of usage
// (n ≥ 1; default DefaultPartRows). The record's hash does not depend on it.
func PartRows(n int64) Option { return func(o *options) { o.partRows = n } }

// CloseWhen closes the open parts, so that they outlive the process, when due says
// so, which is asked as rows are written: at every row in real time, at some in virtual
// time. The record's hash does not depend on it.
func CloseWhen(due func() bool) Option { return func(o *options) { o.due = due } }

// ShowWhen shows the Watcher all observations so far when show says so, which is asked
// as often as what CloseWhen is given. The record's hash does not depend on it.
func ShowWhen(show func() bool) Option { return func(o *options) { o.show = show } }

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
	m.SchemaVersion = SchemaVersion
	if o.plan != "" {
		m.PlanTextHash = hashOf([]byte(o.plan))
	}
	m.Complete, m.Aborted = false, ""
	m.take(&Manifest{Parts: []Part{}})
	m.Hash = m.contentHash()
	b := &book{dir: dir, manifest: m}
	if err := b.write(); err != nil {
		return nil, err
	}
	w := &Writer{dir: dir, manifest: m, work: make(chan job, queuedBatches), done: make(chan struct{}), book: b, nextAccount: ascending(), due: o.due, show: o.show}
	w.observations, w.accounts, w.evaluations = newLane(observationRows(), b, o), newLane(accountRows(), b, o), newLane(evaluationRows(), b, o)
	w.enter()
	go w.encode()
	return w, nil
}

// Dir is the record's directory.
func (w *Writer) Dir() string { return w.dir }

// Manifest is what the record says of itself: as of its beginning, or of its
// end once it is closed.
func (w *Writer) Manifest() Manifest { return w.manifest }

// enter says what a closed part changes in the manifest.
func (w *Writer) enter() {
	w.settle.real = w.manifest.Clock == "real"
	w.observations.encoder.see = w.settle.add
	w.observations.encoder.admit = w.admit
	w.observations.encoder.enter = func(m *Manifest, p Part) {
		m.Parts, m.Count, m.MaxSettle = append(m.Parts, p), m.Count+p.Count, w.settle.max
	}
	w.accounts.encoder.enter = func(m *Manifest, p Part) {
		m.AccountParts, m.AccountCount = append(m.AccountParts, RowPart(p)), m.AccountCount+p.Count
	}
	w.evaluations.encoder.enter = func(m *Manifest, p Part) {
		m.EvaluationParts, m.EvaluationCount = append(m.EvaluationParts, RowPart(p)), m.EvaluationCount+p.Count
	}
}

func prepareDir(dir, plan string) error {
	for _, name := range []string{ManifestFile, ObservationsDir, AccountsDir, EvaluationsDir} {
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
	return ReplaceFile(filepath.Join(dir, PlanFile), []byte(plan))
}

// admit numbers the observations that are recorded, and returns only them.
func (w *Writer) admit(rows []Observation) ([]Observation, error) {
	kept := rows[:0]
	for i := range rows {
		if w.watch != nil {
			if recorded, err := w.watch.Observe(&rows[i]); err != nil {
				return nil, err
			} else if !recorded {
				continue
			}
		}
		rows[i].Seq = w.seq
		w.seq++
		kept = append(kept, rows[i])
	}
	return kept, nil
}

// Write appends a copy of the observation with the next sequence number;
// the caller may reuse o and its lists. An error is that of an earlier row as
// often as of this one, and is final.
func (w *Writer) Write(o *Observation) error {
	if w.closed {
		return w.errClosed()
	}
	w.row = *o
	w.closeDue()
	return w.observations.push(w, &w.row)
}

// WriteAccount appends a copy of the account, as Write does of an
// observation. Accounts come in the order of ascending ids, each with as many
// Units as instants At; else the error says so and nothing is written.
func (w *Writer) WriteAccount(a *Account) error {
	if w.closed {
		return w.errClosed()
	}
	if err := w.nextAccount(a); err != nil {
		return fmt.Errorf("writing to the record %s: %w", w.dir, err)
	}
	w.closeDue()
	return w.accounts.push(w, a)
}

// WriteEvaluation appends a copy of the evaluation, as Write does of an
// observation. Evaluations come in the order in which they ended.
func (w *Writer) WriteEvaluation(e *Evaluation) error {
	if w.closed {
		return w.errClosed()
	}
	w.closeDue()
	return w.evaluations.push(w, e)
}

// askEvery is the number of rows between two looks of a run in virtual time at
// whether parts are due: it writes hundreds of thousands a second.
const askEvery = 64

// closeDue has the parts closed with all rows so far, and these shown, if it is time.
func (w *Writer) closeDue() {
	w.asked++
	if !w.settle.real && w.asked%askEvery != 0 || w.failed.Load() != nil {
		return
	}
	if w.show != nil && w.show() {
		w.observations.flush(w)
	}
	if w.due == nil || !w.due() {
		return
	}
	w.observations.flush(w)
	w.accounts.flush(w)
	w.evaluations.flush(w)
	w.work <- closing{w}
}

func (w *Writer) closeParts() error {
	return errors.Join(w.observations.encoder.closePart(), w.accounts.encoder.closePart(), w.evaluations.encoder.closePart())
}

// closing is the encoder's job to close the open parts, and to save what the Watcher
// knows.
type closing struct{ *Writer }

func (c closing) encode() error { return errors.Join(c.closeParts(), c.saveTotals()) }

func (closing) recycle() {}

func (w *Writer) errClosed() error {
	return fmt.Errorf("writing to the record %s: it is closed", w.dir)
}

// Close writes what is left, lets finish (which may be nil) complete the
// manifest, and writes and returns it. Counts, parts, Hash and MaxSettle are
// the Writer's; finish sets the rest. After an error the record holds the
// parts that are closed, and its manifest says what ended it.
func (w *Writer) Close(finish func(m *Manifest)) (Manifest, error) {
	if w.closed {
		return w.manifest, fmt.Errorf("closing the record %s: it is closed", w.dir)
	}
	w.closed = true
	w.observations.flush(w)
	w.accounts.flush(w)
	w.evaluations.flush(w)
	close(w.work)
	<-w.done
	if err := w.failed.Load(); err != nil {
		return w.fail(*err, finish)
	}
	if err := w.closeParts(); err != nil {
		return w.fail(err, finish)
	}
	m := w.book.manifest
	if finish != nil {
		finish(&m)
		m.take(&w.book.manifest)
		m.Hash = m.contentHash()
	}
	w.manifest, w.book.manifest = m, m
	return m, errors.Join(w.book.write(), w.removeSaved())
}

// fail lets go of the parts that are open, which frees their space, and
// completes the manifest as that of a record that could not be written.
func (w *Writer) fail(err error, finish func(m *Manifest)) (Manifest, error) {
	err = errors.Join(err, w.observations.encoder.abandon(), w.accounts.encoder.abandon(), w.evaluations.encoder.abandon())
	m := w.book.manifest
	if finish != nil {
		finish(&m)
		m.take(&w.book.manifest)
	}
	m.Complete = false
	if m.Aborted == "" {
		first, _, _ := strings.Cut(err.Error(), "\n")
		m.Aborted = "the record could not be written: " + first
	}
	m.Hash = m.contentHash()
	w.manifest, w.book.manifest = m, m
	if werr := w.book.write(); werr != nil && !DiskFull(err) { // else that is why
		err = errors.Join(err, werr)
	}
	return m, errors.Join(err, w.removeSaved())
}

// encode is the Writer's goroutine. After a failure it keeps taking batches,
// so that no write waits for one that nobody will return.
func (w *Writer) encode() {
	defer close(w.done)
	for b := range w.work {
		if w.failed.Load() == nil {
			if err := b.encode(); err != nil {
				w.failed.Store(&err)
			}
		}
		b.recycle()
	}
}

// partFile reads the rows of one Parquet part, column by column: three
// times as fast as the library's way through reflection, and with one
// string a distinct value instead of one a row.
type partFile[T any] struct {
	path    string
	file    *os.File
	parquet *parquet.File
	columns []column[T]
	group   int   // next row group
	left    int64 // rows left in the current row group
}

// openPartFile opens a part and checks its footer and its columns.
func openPartFile[T any](rows *layout[T], f form, path string) (_ *partFile[T], err error) {
	file, err := OpenFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening a part of the record: %w", err)
	}
	p := &partFile[T]{path: path, file: file, columns: rows.columns(f)}
	if err := p.guard(p.openFooter); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return p, nil
}

func (p *partFile[T]) openFooter() error {
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	if err := checkFooter(p.file, info.Size()); err != nil {
		return err
	}
	p.parquet, err = parquet.OpenFile(p.file, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	for _, c := range p.columns {
		if err := c.bind(p.parquet.Schema()); err != nil {
			return err
		}
	}
	return nil
}

// read fills rows, or as many of them as the current row group has.
func (p *partFile[T]) read(rows []T) ([]T, error) {
	err := p.guard(func() error {
		if err := p.nextGroup(); err != nil {
			return err
		}
		rows = rows[:min(int64(len(rows)), p.left)]
		for _, c := range p.columns {
			if err := c.fill(rows); err != nil {
				return fmt.Errorf("column %s: %w", c, err)
			}
		}
		p.left -= int64(len(rows))
		return nil
	})
	return rows, err
}

// nextGroup moves on to a row group that has rows left.
func (p *partFile[T]) nextGroup() error {
	for p.left == 0 {
		groups := p.parquet.RowGroups()
		if p.group == len(groups) {
			return io.ErrUnexpectedEOF
		}
		g := groups[p.group]
		p.group++
		p.left = g.NumRows()
		for _, c := range p.columns {
			if err := c.open(g); err != nil {
				return fmt.Errorf("column %s: %w", c, err)
			}
		}
	}
	return nil
}

// guard names the file in an error of f. The Parquet library panics on some
// damaged files, and a damaged record must be an error.
func (p *partFile[T]) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %w: %v", p.path, ErrDamaged, r)
		}
	}()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w: %w", p.path, ErrDamaged, err)
	}
	return nil
}

// Close closes the columns and the file.
func (p *partFile[T]) Close() error {
	var errs []error
	for _, c := range p.columns {
		errs = append(errs, c.close())
	}
	return errors.Join(append(errs, p.file.Close())...)
}

// batchRows is how many rows pass between goroutines, and through the
// Parquet library, at once; batchInts how many numbers in their lists.
const (
	batchRows = 1024
	batchInts = 128 << 10
)

// batch holds copies of rows on their way to the encoder. The lists of all
// its rows lie in arenas, so that a reused batch allocates nothing.
type batch[T any] struct {
	lane *lane[T] // to which it returns
	rows []T
	arenas
}

// arenas hold the lists of many rows, end to end.
type arenas struct {
	takes    []Take
	touched  []Touch
	segments []ContractSegment
	ints     []int64
}

// keep copies a list to the end of an arena.
func keep[E any](arena *[]E, list []E) []E {
	n := len(*arena)
	*arena = append(*arena, list...)
	return (*arena)[n:len(*arena):len(*arena)]
}

func (b *batch[T]) add(row *T) {
	if b.rows == nil {
		b.rows = make([]T, 0, batchRows)
	}
	b.rows = append(b.rows, *row)
	b.lane.rows.keep(&b.rows[len(b.rows)-1], &b.arenas)
}

func (b *batch[T]) full() bool { return len(b.rows) == batchRows || len(b.ints) >= batchInts }

func (b *batch[T]) reset() {
	clear(b.rows) // let go of the strings
	b.rows = b.rows[:0]
	b.takes, b.touched, b.segments, b.ints = b.takes[:0], b.touched[:0], b.segments[:0], b.ints[:0]
}

// encode writes the rows; recycle, which follows it, makes the batch free again.
func (b *batch[T]) encode() error { return b.lane.encoder.write(b.rows) }

func (b *batch[T]) recycle() {
	b.reset()
	b.lane.empty <- b
}

// instant is where the observation stands in the order of effect: when its
// last command on a key executed, or when it was done if none did.
func (o *Observation) instant() int64 {
	switch {
	case o.Effect >= 0:
		return o.Effect
	case o.Done >= 0:
		return o.Done
	default:
		return o.Intended
	}
}

// begun is where the observation stands in the order of sending.
func (o *Observation) begun() int64 {
	if o.Sent >= 0 {
		return o.Sent
	}
	return o.instant()
}
