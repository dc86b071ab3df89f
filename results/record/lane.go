package record

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
