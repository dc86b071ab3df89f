package record

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// The columns of a part are read page by page. BenchmarkReaders compares that
// with the library's reader of rows, which takes four times the processor time
// for a million observations and twice that of a whole report.

// errEnd reports that a column has no more values in its row group.
var errEnd = errors.New("it ends before the last row")

// errLevels reports that the columns of a list disagree on its length, or that
// the levels that delimit it make no sense.
var errLevels = errors.New("the lengths of its list do not fit")

// column fills one field of the rows of a part. The order of calls is bind
// once a file, then open and any number of fills for each row group.
type column[R any] interface {
	bind(*parquet.Schema) error
	open(parquet.RowGroup) error
	fill(rows []R) error
	close() error
	String() string
}

// leaf is a column of values T: of the row's own field, or of a field of the
// elements E of one of its lists.
type leaf[R, E, T any] struct {
	path   string
	kind   parquet.Kind
	decode func(parquet.Page) ([]T, error) // a page's values, nulls left out
	own    func(*R) *T                     // nil: it is in a list
	list   func(*R) *[]E
	field  func(*E) *T
	first  bool // makes the list's elements

	index  int
	chunk  parquet.Pages
	page   parquet.Page
	values []T    // of the page, not yet used
	repeat []byte // repetition levels of a list, not yet used; 0 begins a row
	define []byte // definition levels of a list, not yet used; 0 is an empty list
}

// scalar is a column for a field of the row itself.
func scalar[R, T any](d decoder[T], path string, field func(*R) *T) column[R] {
	kind, decode := d()
	return &leaf[R, struct{}, T]{path: path, kind: kind, decode: decode, own: field}
}

// first is a column for a field of the elements of one of the row's lists, and
// makes the elements.
func first[R, E, T any](d decoder[T], list func(*R) *[]E, path string, field func(*E) *T) column[R] {
	kind, decode := d()
	return &leaf[R, E, T]{path: path, kind: kind, decode: decode, list: list, field: field, first: true}
}

// further is a column for another field of the same elements.
func further[R, E, T any](d decoder[T], list func(*R) *[]E, path string, field func(*E) *T) column[R] {
	kind, decode := d()
	return &leaf[R, E, T]{path: path, kind: kind, decode: decode, list: list, field: field}
}

func (c *leaf[R, E, T]) String() string { return c.path }

// bind finds the column in a file's schema.
func (c *leaf[R, E, T]) bind(s *parquet.Schema) error {
	found, ok := s.Lookup(strings.Split(c.path, ".")...)
	if !ok {
		return fmt.Errorf("it has no column %s", c.path)
	}
	levels := 0
	if c.own == nil {
		levels = 1
	}
	kind := found.Node.Type().Kind()
	if kind != c.kind || found.MaxRepetitionLevel != levels || found.MaxDefinitionLevel != levels {
		return fmt.Errorf("column %s is %s (levels %d, %d), expected %s (%d, %d)",
			c.path, kind, found.MaxRepetitionLevel, found.MaxDefinitionLevel, c.kind, levels, levels)
	}
	c.index = found.ColumnIndex
	return nil
}

func (c *leaf[R, E, T]) open(g parquet.RowGroup) error {
	if err := c.close(); err != nil {
		return err
	}
	c.chunk = g.ColumnChunks()[c.index].Pages()
	return nil
}

func (c *leaf[R, E, T]) close() error {
	c.release()
	if c.chunk == nil {
		return nil
	}
	chunk := c.chunk
	c.chunk = nil
	return chunk.Close()
}

func (c *leaf[R, E, T]) release() {
	c.values, c.repeat, c.define = nil, nil, nil
	if c.page != nil {
		parquet.Release(c.page)
		c.page = nil
	}
}

// next loads the next page. It returns errEnd if there is none.
func (c *leaf[R, E, T]) next() error {
	c.release()
	page, err := c.chunk.ReadPage()
	if err == io.EOF {
		return errEnd
	}
	if err != nil {
		return err
	}
	c.page = page
	if c.own == nil {
		c.repeat, c.define = page.RepetitionLevels(), page.DefinitionLevels()
		if len(c.repeat) != len(c.define) {
			return errLevels
		}
	}
	c.values, err = c.decode(page)
	return err
}

func (c *leaf[R, E, T]) fill(rows []R) error {
	for c.own != nil && len(rows) > 0 {
		for len(c.values) == 0 {
			if err := c.next(); err != nil {
				return err
			}
		}
		n := min(len(rows), len(c.values))
		for i, v := range c.values[:n] {
			*c.own(&rows[i]) = v
		}
		c.values, rows = c.values[n:], rows[n:]
	}
	for i := range rows {
		if err := c.fillList(c.list(&rows[i])); err != nil {
			return err
		}
	}
	return nil
}

// fillList reads a row's elements, up to the level that begins the next row.
func (c *leaf[R, E, T]) fillList(list *[]E) error {
	if c.first {
		*list = (*list)[:0]
	}
	if len(c.repeat) > 1 && c.repeat[0] == 0 && c.repeat[1] == 0 && c.define[0] != 0 {
		return c.put(list, 0, 1) // the only element, as in nearly all rows
	}
	n := 0
	for begun := false; ; begun = true {
		err := c.need()
		if begun && (err == errEnd || err == nil && c.repeat[0] == 0) {
			break
		}
		if err != nil {
			return err
		}
		if begun != (c.repeat[0] != 0) {
			return errLevels
		}
		if c.define[0] == 0 {
			c.repeat, c.define = c.repeat[1:], c.define[1:]
			continue
		}
		n++
		if err := c.put(list, n-1, max(n, len(*list))); err != nil {
			return err
		}
	}
	if n != len(*list) {
		return errLevels
	}
	return nil
}

// need makes sure that there is a level of a list.
func (c *leaf[R, E, T]) need() error {
	for len(c.repeat) == 0 {
		if err := c.next(); err != nil {
			return err
		}
	}
	return nil
}

// put takes the next value for element n of a list, which must then have length
// elements.
func (c *leaf[R, E, T]) put(list *[]E, n, length int) error {
	if c.first {
		*list = append(*list, *new(E))
	}
	if len(*list) != length || len(c.values) == 0 {
		return errLevels
	}
	*c.field(&(*list)[n]) = c.values[0]
	c.repeat, c.define, c.values = c.repeat[1:], c.define[1:], c.values[1:]
	return nil
}

// decoder returns the kind of a column's values and what turns a page into
// them. Each column calls it once, so that it may keep state for the column.
type decoder[T any] func() (parquet.Kind, func(parquet.Page) ([]T, error))

func int64s() (parquet.Kind, func(parquet.Page) ([]int64, error)) {
	return parquet.Int64, plain(encoding.Int64, (*encoding.Values).Int64)
}

func int32s() (parquet.Kind, func(parquet.Page) ([]int32, error)) {
	return parquet.Int32, plain(encoding.Int32, (*encoding.Values).Int32)
}

// bools unpacks bits.
func bools() (parquet.Kind, func(parquet.Page) ([]bool, error)) {
	bits := plain(encoding.Boolean, (*encoding.Values).Boolean)
	var values []bool
	return parquet.Boolean, func(p parquet.Page) ([]bool, error) {
		packed, err := bits(p)
		if err != nil {
			return nil, err
		}
		n := p.NumValues()
		if int64(len(packed)) < (n+7)/8 {
			return nil, fmt.Errorf("%d bytes of bits for %d values", len(packed), n)
		}
		values = values[:0]
		for i := range n {
			values = append(values, packed[i/8]>>(i%8)&1 != 0)
		}
		return values, nil
	}
}

func plain[T any](kind encoding.Kind, values func(*encoding.Values) []T) func(parquet.Page) ([]T, error) {
	return func(p parquet.Page) ([]T, error) {
		data := p.Data()
		if p.Dictionary() != nil || data.Kind() != kind {
			return nil, errors.New("its encoding is not one that quotalab writes")
		}
		return values(&data), nil
	}
}

// texts keeps the dictionary of a row group as Go strings, so that equal values
// are one string.
func texts() (parquet.Kind, func(parquet.Page) ([]string, error)) {
	var dictionary parquet.Dictionary
	var table, values []string
	return parquet.ByteArray, func(p parquet.Page) ([]string, error) {
		data := p.Data()
		values = values[:0]
		if p.Dictionary() == nil {
			b, offsets := data.ByteArray()
			for i := 1; i < len(offsets); i++ {
				values = append(values, string(b[offsets[i-1]:offsets[i]]))
			}
			return values, nil
		}
		if dictionary != p.Dictionary() {
			dictionary = p.Dictionary()
			table = slices.Grow(table[:0], dictionary.Len())
			for i := range dictionary.Len() {
				table = append(table, string(dictionary.Index(int32(i)).ByteArray()))
			}
		}
		entries := data.Int32()
		values = slices.Grow(values, len(entries))
		for _, i := range entries {
			if i < 0 || int(i) >= len(table) {
				return nil, fmt.Errorf("entry %d of a dictionary of %d", i, len(table))
			}
			values = append(values, table[i])
		}
		return values, nil
	}
}

// The functions below list a column for every leaf of a row's schema. The
// first column of a list makes its elements, so it must stand before the
// others of the same list.

func observationColumns(keys *keyNumbers) []column[Observation] {
	takes := func(o *Observation) *[]Take { return &o.Takes }
	touched := func(o *Observation) *[]Touch { return &o.Touched }
	return []column[Observation]{
		scalar(int64s, "seq", func(o *Observation) *int64 { return &o.Seq }),
		scalar(int64s, "arrival", func(o *Observation) *int64 { return &o.Arrival }),
		scalar(texts, "traffic", func(o *Observation) *string { return &o.Traffic }),
		scalar(texts, "client", func(o *Observation) *string { return &o.Client }),
		scalar(texts, "limiter", func(o *Observation) *string { return &o.Limiter }),
		scalar(int32s, "step", func(o *Observation) *int32 { return &o.Step }),
		scalar(int32s, "attempt", func(o *Observation) *int32 { return &o.Attempt }),
		scalar(int64s, "done", func(o *Observation) *int64 { return &o.Done }),
		scalar(int64s, "intended", func(o *Observation) *int64 { return &o.Intended }),
		scalar(int64s, "sent", func(o *Observation) *int64 { return &o.Sent }),
		scalar(int64s, "judged", func(o *Observation) *int64 { return &o.Judged }),
		scalar(int64s, "effect", func(o *Observation) *int64 { return &o.Effect }),
		scalar(int64s, "order", func(o *Observation) *int64 { return &o.Order }),
		scalar(texts, "decision", func(o *Observation) *string { return (*string)(&o.Decision) }),
		scalar(texts, "key", func(o *Observation) *string { return (*string)(&o.Key) }),
		scalar(int64s, "remaining", func(o *Observation) *int64 { return &o.Remaining }),
		scalar(int64s, "retry_after", func(o *Observation) *int64 { return &o.RetryAfter }),
		scalar(int32s, "round_trips", func(o *Observation) *int32 { return &o.RoundTrips }),
		scalar(texts, "error", func(o *Observation) *string { return &o.Error }),
		scalar(texts, "message", func(o *Observation) *string { return &o.Message }),
		first(texts, takes, "takes.list.element.limit", func(t *Take) *string { return &t.Limit }),
		newKeyColumn("takes.list.element.key", keys),
		further(int64s, takes, "takes.list.element.cost", func(t *Take) *int64 { return &t.Cost }),
		further(texts, takes, "takes.list.element.mode", func(t *Take) *string { return (*string)(&t.Mode) }),
		further(texts, takes, "takes.list.element.shard", func(t *Take) *string { return &t.Shard }),
		further(texts, takes, "takes.list.element.state", func(t *Take) *string { return (*string)(&t.State) }),
		first(texts, touched, "touched.list.element.shard", func(t *Touch) *string { return &t.Shard }),
		further(int32s, touched, "touched.list.element.commands", func(t *Touch) *int32 { return &t.Commands }),
	}
}

func accountColumns() []column[Account] {
	itself := func(n *int64) *int64 { return n }
	contract := func(a *Account) *[]ContractSegment { return &a.Contract }
	return []column[Account]{
		scalar(int64s, "id", func(a *Account) *int64 { return &a.ID }),
		scalar(texts, "group", func(a *Account) *string { return &a.Group }),
		first(int64s, contract, "contract.list.element.from", func(s *ContractSegment) *int64 { return &s.From }),
		further(int32s, contract, "contract.list.element.kind", func(s *ContractSegment) *int32 { return &s.Kind }),
		further(int64s, contract, "contract.list.element.anchor", func(s *ContractSegment) *int64 { return &s.Anchor }),
		further(int64s, contract, "contract.list.element.limit", func(s *ContractSegment) *int64 { return &s.Limit }),
		scalar(bools, "saved", func(a *Account) *bool { return &a.Saved }),
		first(int64s, func(a *Account) *[]int64 { return &a.At }, "at.list.element", itself),
		first(int64s, func(a *Account) *[]int64 { return &a.Units }, "units.list.element", itself),
	}
}

func evaluationColumns() []column[Evaluation] {
	return []column[Evaluation]{
		scalar(texts, "engine", func(e *Evaluation) *string { return &e.Engine }),
		scalar(int64s, "run", func(e *Evaluation) *int64 { return &e.Run }),
		scalar(int64s, "account", func(e *Evaluation) *int64 { return &e.Account }),
		scalar(int64s, "at", func(e *Evaluation) *int64 { return &e.At }),
		scalar(int64s, "as_of", func(e *Evaluation) *int64 { return &e.AsOf }),
		scalar(texts, "outcome", func(e *Evaluation) *string { return (*string)(&e.Outcome) }),
		scalar(texts, "error", func(e *Evaluation) *string { return &e.Error }),
		scalar(int64s, "read_from", func(e *Evaluation) *int64 { return &e.ReadFrom }),
		scalar(int64s, "period_at", func(e *Evaluation) *int64 { return &e.PeriodAt }),
		scalar(bools, "rolling", func(e *Evaluation) *bool { return &e.Rolling }),
		scalar(int64s, "usage", func(e *Evaluation) *int64 { return &e.Usage }),
		scalar(int64s, "limit", func(e *Evaluation) *int64 { return &e.Limit }),
		scalar(int64s, "percent", func(e *Evaluation) *int64 { return &e.Percent }),
		scalar(int64s, "threshold", func(e *Evaluation) *int64 { return &e.Threshold }),
		scalar(int64s, "row_account", func(e *Evaluation) *int64 { return &e.RowAccount }),
		scalar(int64s, "row_threshold", func(e *Evaluation) *int64 { return &e.RowThreshold }),
		scalar(int64s, "row_at", func(e *Evaluation) *int64 { return &e.RowAt }),
		scalar(int64s, "sent_at", func(e *Evaluation) *int64 { return &e.SentAt }),
		scalar(bools, "delivered", func(e *Evaluation) *bool { return &e.Delivered }),
	}
}
