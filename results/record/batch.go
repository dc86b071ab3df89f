package record

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

// encode and recycle are the two halves of the encoder's work on a batch.
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
