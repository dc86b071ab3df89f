package record

import (
	"bytes"
)

// column fills one field of the rows of a part. The order of calls is bind
// once a file, then open and any number of fills for each row group.
type column[R any] interface {
	binder
	fill(rows []R) error
	String() string
}

// scalarColumn reads a field of the row itself.
type scalarColumn[R, T any] struct {
	pages[T]
	field func(*R) *T
}

func scalar[R, T any](d decoder[T], name string, field func(*R) *T) column[R] {
	return &scalarColumn[R, T]{pages[T]{path: name, decode: d}, field}
}

func (c *scalarColumn[R, T]) fill(rows []R) error {
	for len(rows) > 0 {
		if err := c.need(); err != nil {
			return err
		}
		n := min(len(rows), len(c.values))
		for i, v := range c.values[:n] {
			*c.field(&rows[i]) = v
		}
		c.values, rows = c.values[n:], rows[n:]
	}
	return nil
}

// listColumn reads a field of the elements E of one of the row's lists.
type listColumn[R, E, T any] struct {
	pages[T]
	list  func(*R) *[]E
	field func(*E) *T
	first bool // makes the list's elements
}

func first[R, E, T any](d decoder[T], list func(*R) *[]E, path string, field func(*E) *T) column[R] {
	return &listColumn[R, E, T]{pages[T]{path: path, decode: d}, list, field, true}
}

func further[R, E, T any](d decoder[T], list func(*R) *[]E, path string, field func(*E) *T) column[R] {
	return &listColumn[R, E, T]{pages[T]{path: path, decode: d}, list, field, false}
}

func (c *listColumn[R, E, T]) fill(rows []R) error {
	for i := range rows {
		list := c.list(&rows[i])
		if c.single(list) {
			continue
		}
		if err := c.fillRow(list); err != nil {
			return err
		}
	}
	return nil
}

// single is the quick way for a row with one element that is followed by
// another row on the same page, as nearly all are.
func (c *listColumn[R, E, T]) single(list *[]E) bool {
	if len(c.repeat) < 2 || c.repeat[0] != 0 || c.repeat[1] != 0 || c.define[0] == 0 || len(c.values) == 0 {
		return false
	}
	if c.first {
		*list = append((*list)[:0], *new(E))
	}
	if len(*list) != 1 {
		return false
	}
	*c.field(&(*list)[0]) = c.values[0]
	c.repeat, c.define, c.values = c.repeat[1:], c.define[1:], c.values[1:]
	return true
}

func (c *listColumn[R, E, T]) fillRow(list *[]E) error {
	if c.first {
		*list = (*list)[:0]
	}
	n := 0
	for begun := false; ; begun = true {
		repeated, present, err := c.peek()
		if err != nil && (err != errEnd || !begun) {
			return err
		}
		if begun && (err == errEnd || !repeated) {
			break
		}
		if repeated != begun {
			return errLevels
		}
		v, err := c.take(present)
		if err != nil {
			return err
		}
		if !present {
			continue
		}
		if c.first {
			*list = append(*list, *new(E))
		}
		if n == len(*list) {
			return errLevels
		}
		*c.field(&(*list)[n]) = v
		n++
	}
	if n != len(*list) {
		return errLevels
	}
	return nil
}

// numbersColumn reads a list of bare numbers, whole stretches at a time: an
// account's usage may have a hundred thousand.
type numbersColumn[R any] struct {
	pages[int64]
	list func(*R) *[]int64
}

func numbers[R any](path string, list func(*R) *[]int64) column[R] {
	return &numbersColumn[R]{pages[int64]{path: path, decode: int64s()}, list}
}

func (c *numbersColumn[R]) fill(rows []R) error {
	for i := range rows {
		list := c.list(&rows[i])
		*list = (*list)[:0]
		if err := c.fillRow(list); err != nil {
			return err
		}
	}
	return nil
}

func (c *numbersColumn[R]) fillRow(list *[]int64) error {
	for begun := false; ; begun = true {
		repeated, present, err := c.peek()
		switch {
		case err == errEnd && begun || err == nil && begun && !repeated:
			return nil
		case err != nil:
			return err
		case repeated != begun || repeated && !present:
			return errLevels
		case !present: // an empty list
			c.repeat, c.define = c.repeat[1:], c.define[1:]
			continue
		}
		n := stretch(c.repeat)
		if len(c.values) < n || bytes.IndexByte(c.define[:n], 0) >= 0 {
			return errLevels
		}
		*list = append(*list, c.values[:n]...)
		c.repeat, c.define, c.values = c.repeat[n:], c.define[n:], c.values[n:]
	}
}

// stretch is how many levels from the first on are of the same row.
func stretch(repeat []byte) int {
	if n := bytes.IndexByte(repeat[1:], 0); n >= 0 {
		return n + 1
	}
	return len(repeat)
}

// The functions below list a reader for every leaf of a row's schema. The
// first column of a list makes its elements, so it must stand before the
// others of the same list.

func observationColumns() []column[Observation] {
	takes := func(o *Observation) *[]Take { return &o.Takes }
	touched := func(o *Observation) *[]Touch { return &o.Touched }
	return []column[Observation]{
		scalar(int64s(), "seq", func(o *Observation) *int64 { return &o.Seq }),
		scalar(int64s(), "arrival", func(o *Observation) *int64 { return &o.Arrival }),
		scalar(texts(), "traffic", func(o *Observation) *string { return &o.Traffic }),
		scalar(texts(), "client", func(o *Observation) *string { return &o.Client }),
		scalar(texts(), "limiter", func(o *Observation) *string { return &o.Limiter }),
		scalar(int32s(), "step", func(o *Observation) *int32 { return &o.Step }),
		scalar(int32s(), "attempt", func(o *Observation) *int32 { return &o.Attempt }),
		scalar(int64s(), "done", func(o *Observation) *int64 { return &o.Done }),
		scalar(int64s(), "intended", func(o *Observation) *int64 { return &o.Intended }),
		scalar(int64s(), "sent", func(o *Observation) *int64 { return &o.Sent }),
		scalar(int64s(), "judged", func(o *Observation) *int64 { return &o.Judged }),
		scalar(int64s(), "effect", func(o *Observation) *int64 { return &o.Effect }),
		scalar(int64s(), "order", func(o *Observation) *int64 { return &o.Order }),
		scalar(texts(), "decision", func(o *Observation) *string { return (*string)(&o.Decision) }),
		scalar(texts(), "key", func(o *Observation) *string { return (*string)(&o.Key) }),
		scalar(int64s(), "remaining", func(o *Observation) *int64 { return &o.Remaining }),
		scalar(int64s(), "retry_after", func(o *Observation) *int64 { return &o.RetryAfter }),
		scalar(int32s(), "round_trips", func(o *Observation) *int32 { return &o.RoundTrips }),
		scalar(texts(), "error", func(o *Observation) *string { return &o.Error }),
		scalar(texts(), "message", func(o *Observation) *string { return &o.Message }),
		first(texts(), takes, "takes.list.element.limit", func(t *Take) *string { return &t.Limit }),
		further(texts(), takes, "takes.list.element.key", func(t *Take) *string { return &t.Key }),
		further(int64s(), takes, "takes.list.element.cost", func(t *Take) *int64 { return &t.Cost }),
		further(texts(), takes, "takes.list.element.mode", func(t *Take) *string { return (*string)(&t.Mode) }),
		further(texts(), takes, "takes.list.element.shard", func(t *Take) *string { return &t.Shard }),
		further(texts(), takes, "takes.list.element.state", func(t *Take) *string { return (*string)(&t.State) }),
		first(texts(), touched, "touched.list.element.shard", func(t *Touch) *string { return &t.Shard }),
		further(int32s(), touched, "touched.list.element.commands", func(t *Touch) *int32 { return &t.Commands }),
	}
}

func accountColumns() []column[Account] {
	contract := func(a *Account) *[]ContractSegment { return &a.Contract }
	return []column[Account]{
		scalar(int64s(), "id", func(a *Account) *int64 { return &a.ID }),
		scalar(texts(), "group", func(a *Account) *string { return &a.Group }),
		first(int64s(), contract, "contract.list.element.from", func(s *ContractSegment) *int64 { return &s.From }),
		further(int32s(), contract, "contract.list.element.kind", func(s *ContractSegment) *int32 { return &s.Kind }),
		further(int64s(), contract, "contract.list.element.anchor", func(s *ContractSegment) *int64 { return &s.Anchor }),
		further(int64s(), contract, "contract.list.element.limit", func(s *ContractSegment) *int64 { return &s.Limit }),
		scalar(bools(), "saved", func(a *Account) *bool { return &a.Saved }),
		numbers("at.list.element", func(a *Account) *[]int64 { return &a.At }),
		numbers("units.list.element", func(a *Account) *[]int64 { return &a.Units }),
	}
}

func evaluationColumns() []column[Evaluation] {
	return []column[Evaluation]{
		scalar(texts(), "engine", func(e *Evaluation) *string { return &e.Engine }),
		scalar(int64s(), "run", func(e *Evaluation) *int64 { return &e.Run }),
		scalar(int64s(), "account", func(e *Evaluation) *int64 { return &e.Account }),
		scalar(int64s(), "at", func(e *Evaluation) *int64 { return &e.At }),
		scalar(int64s(), "as_of", func(e *Evaluation) *int64 { return &e.AsOf }),
		scalar(texts(), "outcome", func(e *Evaluation) *string { return (*string)(&e.Outcome) }),
		scalar(texts(), "error", func(e *Evaluation) *string { return &e.Error }),
		scalar(int64s(), "read_from", func(e *Evaluation) *int64 { return &e.ReadFrom }),
		scalar(int64s(), "period_at", func(e *Evaluation) *int64 { return &e.PeriodAt }),
		scalar(bools(), "rolling", func(e *Evaluation) *bool { return &e.Rolling }),
		scalar(int64s(), "usage", func(e *Evaluation) *int64 { return &e.Usage }),
		scalar(int64s(), "limit", func(e *Evaluation) *int64 { return &e.Limit }),
		scalar(int64s(), "percent", func(e *Evaluation) *int64 { return &e.Percent }),
		scalar(int64s(), "threshold", func(e *Evaluation) *int64 { return &e.Threshold }),
		scalar(int64s(), "row_account", func(e *Evaluation) *int64 { return &e.RowAccount }),
		scalar(int64s(), "row_threshold", func(e *Evaluation) *int64 { return &e.RowThreshold }),
		scalar(int64s(), "row_at", func(e *Evaluation) *int64 { return &e.RowAt }),
		scalar(int64s(), "sent_at", func(e *Evaluation) *int64 { return &e.SentAt }),
		scalar(bools(), "delivered", func(e *Evaluation) *bool { return &e.Delivered }),
	}
}
