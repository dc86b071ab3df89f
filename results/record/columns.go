package record

// column fills one field of the rows of a part. The order of calls is bind
// once a file, then open and any number of fills for each row group.
type column interface {
	binder
	fill(rows []Observation) error
	String() string
}

// newColumns lists a reader for every leaf of Observation's schema. The
// first column of a list makes its elements, so it must stand before the
// others of the same list.
func newColumns() []column {
	takes := func(o *Observation) *[]Take { return &o.Takes }
	touched := func(o *Observation) *[]Touch { return &o.Touched }
	return []column{
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

// scalarColumn reads a field of the row itself.
type scalarColumn[T any] struct {
	pages[T]
	field func(*Observation) *T
}

func scalar[T any](d decoder[T], name string, field func(*Observation) *T) column {
	return &scalarColumn[T]{pages[T]{path: name, decode: d}, field}
}

func (c *scalarColumn[T]) fill(rows []Observation) error {
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
type listColumn[E, T any] struct {
	pages[T]
	list  func(*Observation) *[]E
	field func(*E) *T
	first bool // makes the list's elements
}

func first[E, T any](d decoder[T], list func(*Observation) *[]E, path string, field func(*E) *T) column {
	return &listColumn[E, T]{pages[T]{path: path, decode: d}, list, field, true}
}

func further[E, T any](d decoder[T], list func(*Observation) *[]E, path string, field func(*E) *T) column {
	return &listColumn[E, T]{pages[T]{path: path, decode: d}, list, field, false}
}

func (c *listColumn[E, T]) fill(rows []Observation) error {
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
func (c *listColumn[E, T]) single(list *[]E) bool {
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

func (c *listColumn[E, T]) fillRow(list *[]E) error {
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
