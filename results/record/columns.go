package record

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
