package record

import "bytes"

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
