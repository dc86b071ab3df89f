package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/quotalab/quotalab/models/heap"
)

// Reader reads a record. It keeps no file open between uses, and several
// passes over its rows may run side by side.
type Reader struct {
	dir      string
	manifest Manifest
	keys     *keyNumbers
	watch    func(*Observation) error // nil: nobody looks on
}

// Watched returns the same Reader, but for that each observation is shown to
// watch first, in the order of writing, while anything reads them. An error of
// watch ends the sequence.
func (r *Reader) Watched(watch func(*Observation) error) *Reader {
	return &Reader{r.dir, r.manifest, r.keys, watch}
}

// Open reads the manifest of the record in dir and checks that its parts
// are there.
func Open(dir string) (*Reader, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	r := &Reader{dir: dir, manifest: m, keys: newKeyNumbers()}
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
	path := filepath.Join(r.dir, PlanFile)
	b, err := ReadFile(path, mostText)
	if want := r.manifest.PlanTextHash; want != "" && err == nil && hashOf(b) != want {
		return "", fmt.Errorf("%s: %w: its hash is %s, the manifest says %s", path, ErrDamaged, hashOf(b), want)
	} else if want == "" && errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// Verify reads everything in the record and checks it against the manifest's
// hashes. The error says which file is not what was written.
func (r *Reader) Verify() error {
	_, perr := r.Plan()
	_, terr := r.Totals()
	var ferr error
	for _, f := range r.manifest.Files {
		_, err := r.File(f.Name)
		ferr = errors.Join(ferr, err)
	}
	return errors.Join(perr, terr, ferr, r.verifyParts(), exhaust(r.Observations()), exhaust(r.Accounts()), exhaust(r.Evaluations()))
}

// verifyParts checks the bytes of each part, also those that decide no row, and
// that there are no others.
func (r *Reader) verifyParts() (err error) {
	parts := slices.Clone(r.manifest.Parts)
	for _, p := range slices.Concat(r.manifest.AccountParts, r.manifest.EvaluationParts) {
		parts = append(parts, Part(p))
	}
	known := map[string]bool{}
	for _, p := range parts {
		path := filepath.Join(r.dir, filepath.FromSlash(p.File))
		known[p.File] = true
		if p.Bytes == "" {
			continue
		}
		sum, e := hashOfFile(path)
		if e == nil && sum != p.Bytes {
			e = fmt.Errorf("%s: %w: the hash of its bytes is %s, the manifest says %s", path, ErrDamaged, sum, p.Bytes)
		}
		err = errors.Join(err, e)
	}
	found, _ := fs.Glob(os.DirFS(r.dir), "*/*.parquet") // the pattern is a good one
	for _, file := range found {
		if r.manifest.Complete && !known[file] { // a killed run may have had no time to list its last
			err = errors.Join(err, fmt.Errorf("%s: %w: the manifest does not list it", filepath.Join(r.dir, file), ErrDamaged))
		}
	}
	return err
}

func hashOfFile(path string) (string, error) {
	f, err := OpenFile(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func exhaust[T any](rows iter.Seq2[*T, error]) error {
	for _, err := range rows {
		if err != nil {
			return err
		}
	}
	return nil
}

// Observations yields all observations in the order of writing. The pointer
// and the lists it leads to are valid until the next step; strings stay
// valid. At the end of each part the content is checked against the
// manifest's hash. An error names the file and ends the sequence.
func (r *Reader) Observations() iter.Seq2[*Observation, error] {
	observations := observationRows()
	observations.columns = func(f form) []column[Observation] { return observationColumns(f, r.keys) }
	rows := rowsOf(r, observations, r.manifest.Parts)
	if r.watch == nil {
		return rows
	}
	return func(yield func(*Observation, error) bool) {
		for o, err := range rows {
			if err == nil {
				err = r.watch(o)
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
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

// rowsOf yields the rows of some parts, read ahead.
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

// ahead is one reading of one kind of rows. While some rows are used, the next
// are decoded, checked and hashed beside it: each is about half of the work of an
// analyser, so with two processors a reading takes half of the time.
type ahead[T any] struct {
	full  chan ready[T]
	free  chan []T
	ended chan struct{} // closed when no more rows are wanted
}

// ready are rows, and what came after them if nothing can.
type ready[T any] struct {
	rows []T
	err  error
}

// errEnded says that no more rows are wanted.
var errEnded = errors.New("no more rows are wanted")

func readAhead[T any](r *Reader, of *layout[T], parts []Part) *ahead[T] {
	const batches = 2 // one is used, one is read
	a := &ahead[T]{full: make(chan ready[T]), free: make(chan []T, batches), ended: make(chan struct{})}
	for range batches {
		a.free <- make([]T, of.batch)
	}
	go func() {
		defer close(a.full)
		p := pass[T]{ahead: a, layout: of, form: r.manifest.form(), hash: newHasher(of), check: of.check()}
		for _, part := range parts {
			if err := p.part(r.path(part), part); err != nil {
				_ = a.send(ready[T]{err: err}) // errEnded: there is nobody to tell
				return
			}
		}
	}()
	return a
}

func (a *ahead[T]) end() {
	close(a.ended)
	for range a.full {
	}
}

func (a *ahead[T]) send(b ready[T]) error {
	select {
	case a.full <- b:
		return nil
	case <-a.ended:
		return errEnded
	}
}

// buffer returns one that is not in use.
func (a *ahead[T]) buffer() ([]T, error) {
	select {
	case b := <-a.free:
		return b, nil
	case <-a.ended:
		return nil, errEnded
	}
}

// pass is the half of a reading that decodes.
type pass[T any] struct {
	*ahead[T]
	layout *layout[T]
	form   form
	hash   *hasher[T]
	check  func(*T) error
}

// part sends the rows of one part.
func (s *pass[T]) part(path string, p Part) (err error) {
	f, err := openPartFile(s.layout, s.form, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if n := f.parquet.NumRows(); n != p.Count {
		return fmt.Errorf("%s: %w: it holds %d %s, the manifest says %d", path, ErrDamaged, n, s.layout.name, p.Count)
	}
	for left := p.Count; left > 0; {
		buffer, err := s.buffer()
		if err != nil {
			return err
		}
		list, err := f.read(buffer[:min(left, int64(len(buffer)))])
		if err != nil {
			return err
		}
		n, err := s.checked(list)
		if err := s.send(ready[T]{rows: list[:n]}); err != nil {
			return err
		}
		if err != nil {
			return fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
		}
		left -= int64(len(list))
	}
	if h := s.hash.sum(); h != p.Hash {
		return fmt.Errorf("%s: %w: the content's hash up to its end is %s, the manifest says %s", path, ErrDamaged, h, p.Hash)
	}
	return nil
}

// checked rows are hashed; n is how many of them are in order.
func (s *pass[T]) checked(list []T) (n int, err error) {
	for i := range list {
		if err := s.check(&list[i]); err != nil {
			return i, err
		}
		s.hash.add(&list[i])
	}
	return len(list), nil
}

// ByEffect yields all observations in the order in which they took effect:
// by (Effect, Order), and by Done where no command reached a key. Memory is
// that of the observations within Manifest.MaxSettle of one another. The
// pointer is valid until the next step. Errors are those of Observations.
func (r *Reader) ByEffect() iter.Seq2[*Observation, error] {
	return r.sorted((*Observation).instant, "took effect")
}

// BySent yields all observations in the order in which they were sent, and
// dropped ones where they were due. It is for records of real time, as
// ByEffect is for those of virtual time.
func (r *Reader) BySent() iter.Seq2[*Observation, error] {
	return r.sorted((*Observation).begun, "was sent")
}

// sorted yields all observations by (at, Order, Seq).
func (r *Reader) sorted(at func(*Observation) int64, what string) iter.Seq2[*Observation, error] {
	return func(yield func(*Observation, error) bool) {
		q := &queue{}
		latest := int64(0)
		for o, err := range r.Observations() {
			if err != nil {
				yield(nil, err)
				return
			}
			if behind := latest - at(o); r.manifest.MaxSettle < behind {
				yield(nil, fmt.Errorf("%s: %w: observation %d %s %d ns before an earlier one was done, maxSettleNanoseconds is %d",
					r.dir, ErrDamaged, o.Seq, what, behind, r.manifest.MaxSettle))
				return
			}
			latest = max(latest, o.Done)
			q.heap.Push([3]int64{at(o), o.Order, o.Seq}, q.copy(o))
			for len(q.heap) > 0 && q.heap[0].Key[0] < latest-r.manifest.MaxSettle {
				if !yield(q.pop(), nil) {
					return
				}
			}
		}
		for len(q.heap) > 0 {
			if !yield(q.pop(), nil) {
				return
			}
		}
	}
}

// queue holds copied observations by their instant, Order and Seq.
type queue struct {
	heap heap.Heap[[3]int64, *Observation]
	free []*Observation
}

// pop returns the first; it is valid until the next push.
func (q *queue) pop() *Observation {
	o := q.heap.Pop().Value
	q.free = append(q.free, o)
	return o
}

func (q *queue) copy(o *Observation) *Observation {
	c := &Observation{}
	if n := len(q.free); n > 0 {
		c, q.free = q.free[n-1], q.free[:n-1]
	}
	takes, touched := c.Takes[:0], c.Touched[:0]
	*c = *o
	c.Takes, c.Touched = append(takes, o.Takes...), append(touched, o.Touched...)
	return c
}

// queuedBatches may wait for the encoder before a write blocks.
const queuedBatches = 8

// lane is the way of one kind of rows from the Writer's caller to their
// parts. Its batches go round: filled by the caller, emptied by the encoder.
type lane[T any] struct {
	rows    *layout[T]
	batch   *batch[T] // being filled
	empty   chan *batch[T]
	encoder *encoder[T] // the caller may look at it after the Writer's goroutine ended
}

func newLane[T any](rows *layout[T], b *book, o options) *lane[T] {
	l := &lane[T]{rows: rows, empty: make(chan *batch[T], queuedBatches+2), encoder: newEncoder(rows, b, o)}
	for range queuedBatches + 2 {
		l.empty <- &batch[T]{lane: l}
	}
	l.batch = <-l.empty
	return l
}

// push copies a row, and sends the batch that it fills.
func (l *lane[T]) push(w *Writer, row *T) error {
	l.batch.add(row)
	if !l.batch.full() {
		return nil
	}
	if err := w.failed.Load(); err != nil {
		l.batch.reset()
		return *err
	}
	l.flush(w)
	return nil
}

// flush sends what there is to the encoder.
func (l *lane[T]) flush(w *Writer) {
	w.work <- l.batch
	l.batch = <-l.empty
}

// job is a batch of any kind of rows.
type job interface {
	encode() error
	recycle()
}

// LimitTable finds the limit that applies to a key.
type LimitTable struct {
	defaults  map[string]Limit
	overrides map[limitKey]Limit
}

type limitKey struct{ limit, key string }

// Table returns the limits and overrides of l, indexed.
func (l Limiter) Table() *LimitTable {
	t := &LimitTable{defaults: make(map[string]Limit, len(l.Limits)), overrides: make(map[limitKey]Limit, len(l.Overrides))}
	for _, d := range l.Limits {
		t.defaults[d.Name] = d
	}
	for _, o := range l.Overrides {
		t.overrides[limitKey{o.Name, o.Key}] = o
	}
	return t
}

// Set changes a limit: of its key, or without one of all that have none of their own.
func (t *LimitTable) Set(l Limit) {
	if l.Key == "" {
		t.defaults[l.Name] = l
	} else {
		t.overrides[limitKey{l.Name, l.Key}] = l
	}
}

// For returns the limit of that name for key: its override, else the limit
// itself, else false.
func (t *LimitTable) For(name, key string) (Limit, bool) {
	if o, ok := t.overrides[limitKey{name, key}]; ok {
		return o, true
	}
	d, ok := t.defaults[name]
	return d, ok
}
