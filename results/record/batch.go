package record

// batchRows is how many observations pass between goroutines, and through
// the Parquet library, at once.
const batchRows = 1024

// batch holds copies of observations. The lists of all its rows lie in two
// arenas, so that a reused batch allocates nothing.
type batch struct {
	rows    []Observation
	takes   []Take
	touched []Touch
}

func newBatch() *batch {
	return &batch{rows: make([]Observation, 0, batchRows)}
}

func (b *batch) add(o *Observation, seq int64) {
	b.rows = append(b.rows, *o)
	row := &b.rows[len(b.rows)-1]
	row.Seq = seq
	n := len(b.takes)
	b.takes = append(b.takes, o.Takes...)
	row.Takes = b.takes[n:len(b.takes):len(b.takes)]
	n = len(b.touched)
	b.touched = append(b.touched, o.Touched...)
	row.Touched = b.touched[n:len(b.touched):len(b.touched)]
}

func (b *batch) full() bool { return len(b.rows) == batchRows }

func (b *batch) reset() {
	clear(b.rows) // let go of the strings
	b.rows, b.takes, b.touched = b.rows[:0], b.takes[:0], b.touched[:0]
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
