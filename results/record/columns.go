package record

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// The columns of a part are read page by page, and written value by value.
// BenchmarkReaders compares the former with the library's reader of rows, which takes
// four times the processor time for a million observations and twice that of a whole
// report.

// errEnd reports that a column has no more values in its row group.
var errEnd = errors.New("it ends before the last row")

// errLevels reports that the columns of a list disagree on its length, or that
// the levels that delimit it make no sense.
var errLevels = errors.New("the lengths of its list do not fit")

// form is how the parts of a record are laid out, by its schema version.
type form struct {
	version int
	epoch   int64 // of the run, Unix nanoseconds
}

// nullable is the schema version from which on columns say NULL and points in time. Before it
// they said "", −1 and nanoseconds after the epoch, and some had other names.
const nullable = 3

func (m *Manifest) form() form { return form{m.SchemaVersion, m.Epoch.UnixNano()} }

// name returns that of a column which was called otherwise before.
func (f form) name(now, before string) string {
	if f.version < nullable {
		return before
	}
	return now
}

// column is one field of the rows of a part. The order of calls is bind once a
// file, then to read open and any number of fills for each row group, to write any
// number of writes.
type column[R any] interface {
	bind(*parquet.Schema) error
	open(parquet.RowGroup) error
	fill(rows []R) error
	write(rows []R, to []*parquet.ColumnWriter) error
	close() error
	String() string
}

// leaf is a column of values T: of the row's own field, or of a field of the
// elements E of one of its lists.
type leaf[R, E any, T comparable] struct {
	path   string
	kind   parquet.Kind
	decode func(parquet.Page) ([]T, error) // a page's values, nulls left out
	value  func(T) parquet.Value
	own    func(*R) *T // nil: it is in a list
	list   func(*R) *[]E
	field  func(*E) *T
	first  bool // makes the list's elements
	null   *T   // stands for NULL; nil: it never is

	index  int
	full   byte // definition level of a value
	chunk  parquet.Pages
	page   parquet.Page
	values []T             // of the page, not yet used
	repeat []byte          // repetition levels of a list, not yet used; 0 begins a row
	define []byte          // definition levels, not yet used; 0 is an empty list, or NULL outside of lists
	out    []parquet.Value // for use by write
}

// scalar is a column for a field of the row itself.
func scalar[R any, T comparable](c codec[T], path string, field func(*R) *T) *leaf[R, struct{}, T] {
	kind, decode, value := c()
	return &leaf[R, struct{}, T]{path: path, kind: kind, decode: decode, value: value, own: field}
}

// first is a column for a field of the elements of one of the row's lists, and
// makes the elements.
func first[R, E any, T comparable](c codec[T], list func(*R) *[]E, path string, field func(*E) *T) *leaf[R, E, T] {
	l := further(c, list, path, field)
	l.first = true
	return l
}

// further is a column for another field of the same elements.
func further[R, E any, T comparable](c codec[T], list func(*R) *[]E, path string, field func(*E) *T) *leaf[R, E, T] {
	kind, decode, value := c()
	return &leaf[R, E, T]{path: path, kind: kind, decode: decode, value: value, list: list, field: field}
}

// or says what stands for NULL, in forms that know it.
func (c *leaf[R, E, T]) or(f form, null T) *leaf[R, E, T] {
	if f.version >= nullable {
		c.null = &null
	}
	return c
}

func (c *leaf[R, E, T]) String() string { return c.path }

// bind finds the column in a file's schema.
func (c *leaf[R, E, T]) bind(s *parquet.Schema) error {
	found, ok := s.Lookup(strings.Split(c.path, ".")...)
	if !ok {
		return fmt.Errorf("it has no column %s", c.path)
	}
	repeats, full := 0, 0
	if c.own == nil {
		repeats, full = 1, 1
	}
	if c.null != nil {
		full++
	}
	kind := found.Node.Type().Kind()
	if kind != c.kind || found.MaxRepetitionLevel != repeats || found.MaxDefinitionLevel != full {
		return fmt.Errorf("column %s is %s (levels %d, %d), expected %s (%d, %d)",
			c.path, kind, found.MaxRepetitionLevel, found.MaxDefinitionLevel, c.kind, repeats, full)
	}
	c.index, c.full = found.ColumnIndex, byte(full)
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
	if c.full > 0 {
		c.define = page.DefinitionLevels()
	}
	if c.own == nil {
		c.repeat = page.RepetitionLevels()
		if len(c.repeat) != len(c.define) {
			return errLevels
		}
	}
	c.values, err = c.decode(page)
	return err
}

func (c *leaf[R, E, T]) fill(rows []R) error {
	for c.own != nil && len(rows) > 0 {
		for len(c.values) == 0 && len(c.define) == 0 {
			if err := c.next(); err != nil {
				return err
			}
		}
		n, err := c.fillSome(rows)
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	for i := range rows {
		if err := c.fillList(c.list(&rows[i])); err != nil {
			return err
		}
	}
	return nil
}

// fillSome reads values of the row's own field from the page, and returns how many.
func (c *leaf[R, E, T]) fillSome(rows []R) (n int, err error) {
	if c.null == nil {
		n = min(len(rows), len(c.values))
		for i, v := range c.values[:n] {
			*c.own(&rows[i]) = v
		}
		c.values = c.values[n:]
		return n, nil
	}
	n = min(len(rows), len(c.define))
	for i, level := range c.define[:n] {
		if *c.own(&rows[i]), err = c.take(level); err != nil {
			return i, err
		}
	}
	c.define = c.define[n:]
	return n, nil
}

// take returns the next value, or what stands for NULL, by its definition level.
func (c *leaf[R, E, T]) take(level byte) (v T, err error) {
	switch {
	case level < c.full && c.null != nil:
		return *c.null, nil
	case level != c.full || len(c.values) == 0:
		return v, errLevels
	}
	v, c.values = c.values[0], c.values[1:]
	return v, nil
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
	if len(*list) != length {
		return errLevels
	}
	v, err := c.take(c.define[0])
	if err != nil {
		return err
	}
	*c.field(&(*list)[n]) = v
	c.repeat, c.define = c.repeat[1:], c.define[1:]
	return nil
}

func (c *leaf[R, E, T]) write(rows []R, to []*parquet.ColumnWriter) error {
	c.out = c.out[:0]
	for i := range rows {
		if c.own != nil {
			c.add(*c.own(&rows[i]), 0)
			continue
		}
		list := *c.list(&rows[i])
		if len(list) == 0 {
			c.out = append(c.out, parquet.Value{}.Level(0, 0, c.index))
		}
		for j := range list {
			c.add(*c.field(&list[j]), min(j, 1))
		}
	}
	_, err := to[c.index].WriteRowValues(c.out)
	return err
}

// add adds a value to what is written. repeats is 1 of all but the first of a list.
func (c *leaf[R, E, T]) add(v T, repeats int) {
	switch {
	case c.null != nil && v == *c.null:
		c.out = append(c.out, parquet.Value{}.Level(repeats, int(c.full)-1, c.index))
	case c.full == 0: // a column without levels
		c.out = append(c.out, c.value(v))
	default:
		c.out = append(c.out, c.value(v).Level(repeats, int(c.full), c.index))
	}
}

// codec returns the kind of a column's values, what turns a page into them, and what
// makes one for a file. Each column calls it once, so that it may keep state for the
// column.
type codec[T any] func() (parquet.Kind, func(parquet.Page) ([]T, error), func(T) parquet.Value)

func int64s() (parquet.Kind, func(parquet.Page) ([]int64, error), func(int64) parquet.Value) {
	return parquet.Int64, plain(encoding.Int64, (*encoding.Values).Int64), parquet.Int64Value
}

func int32s() (parquet.Kind, func(parquet.Page) ([]int32, error), func(int32) parquet.Value) {
	return parquet.Int32, plain(encoding.Int32, (*encoding.Values).Int32), parquet.Int32Value
}

// instants are nanoseconds after the epoch, in the file points in time.
func (f form) instants() (parquet.Kind, func(parquet.Page) ([]int64, error), func(int64) parquet.Value) {
	kind, decode, value := int64s()
	if f.version < nullable {
		return kind, decode, value
	}
	var after []int64
	return kind, func(p parquet.Page) ([]int64, error) {
			points, err := decode(p)
			after = after[:0]
			for _, at := range points {
				after = append(after, at-f.epoch)
			}
			return after, err
		}, func(after int64) parquet.Value {
			return parquet.Int64Value(f.epoch + after)
		}
}

// bools unpacks bits.
func bools() (parquet.Kind, func(parquet.Page) ([]bool, error), func(bool) parquet.Value) {
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
	}, parquet.BooleanValue
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
func texts() (parquet.Kind, func(parquet.Page) ([]string, error), func(string) parquet.Value) {
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
	}, textValue
}

// textValue is one that the library copies into a dictionary: it does not change it.
func textValue(s string) parquet.Value {
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// The functions below list a column for every leaf of a row's schema. The
// first column of a list makes its elements, so it must stand before the
// others of the same list.

func observationColumns(f form, keys *keyNumbers) []column[Observation] {
	takes := func(o *Observation) *[]Take { return &o.Takes }
	touched := func(o *Observation) *[]Touch { return &o.Touched }
	instants := f.instants
	return []column[Observation]{
		scalar(int64s, "seq", func(o *Observation) *int64 { return &o.Seq }),
		scalar(int64s, "arrival", func(o *Observation) *int64 { return &o.Arrival }),
		scalar(texts, "traffic", func(o *Observation) *string { return &o.Traffic }),
		scalar(texts, "client", func(o *Observation) *string { return &o.Client }).or(f, ""),
		scalar(texts, "limiter", func(o *Observation) *string { return &o.Limiter }),
		scalar(int32s, "step", func(o *Observation) *int32 { return &o.Step }),
		scalar(int32s, "attempt", func(o *Observation) *int32 { return &o.Attempt }),
		scalar(instants, "done", func(o *Observation) *int64 { return &o.Done }),
		scalar(instants, "intended", func(o *Observation) *int64 { return &o.Intended }),
		scalar(instants, "sent", func(o *Observation) *int64 { return &o.Sent }).or(f, -1),
		scalar(instants, "judged", func(o *Observation) *int64 { return &o.Judged }).or(f, -1),
		scalar(instants, "effect", func(o *Observation) *int64 { return &o.Effect }).or(f, -1),
		scalar(int64s, f.name("effect_order", "order"), func(o *Observation) *int64 { return &o.Order }).or(f, -1),
		scalar(texts, "decision", func(o *Observation) *string { return (*string)(&o.Decision) }),
		scalar(texts, f.name("key_state", "key"), func(o *Observation) *string { return (*string)(&o.Key) }),
		scalar(int64s, "remaining", func(o *Observation) *int64 { return &o.Remaining }).or(f, -1),
		scalar(int64s, "retry_after", func(o *Observation) *int64 { return &o.RetryAfter }).or(f, -1),
		scalar(int32s, "round_trips", func(o *Observation) *int32 { return &o.RoundTrips }).or(f, -1),
		scalar(texts, "error", func(o *Observation) *string { return &o.Error }).or(f, ""),
		scalar(texts, "message", func(o *Observation) *string { return &o.Message }).or(f, ""),
		first(texts, takes, "takes.list.element."+f.name("limit_name", "limit"), func(t *Take) *string { return &t.Limit }),
		newKeyColumn("takes.list.element.key", keys),
		further(int64s, takes, "takes.list.element.cost", func(t *Take) *int64 { return &t.Cost }),
		further(texts, takes, "takes.list.element.mode", func(t *Take) *string { return (*string)(&t.Mode) }),
		further(texts, takes, "takes.list.element.shard", func(t *Take) *string { return &t.Shard }).or(f, ""),
		further(texts, takes, "takes.list.element."+f.name("key_state", "state"), func(t *Take) *string { return (*string)(&t.State) }),
		first(texts, touched, "touched.list.element.shard", func(t *Touch) *string { return &t.Shard }),
		further(int32s, touched, "touched.list.element.commands", func(t *Touch) *int32 { return &t.Commands }),
	}
}

func accountColumns(f form) []column[Account] {
	itself := func(n *int64) *int64 { return n }
	contract := func(a *Account) *[]ContractSegment { return &a.Contract }
	return []column[Account]{
		scalar(int64s, "id", func(a *Account) *int64 { return &a.ID }),
		scalar(texts, f.name("account_group", "group"), func(a *Account) *string { return &a.Group }),
		first(int64s, contract, "contract.list.element."+f.name("since", "from"), func(s *ContractSegment) *int64 { return &s.From }).or(f, math.MinInt64),
		further(int32s, contract, "contract.list.element.kind", func(s *ContractSegment) *int32 { return &s.Kind }),
		further(int64s, contract, "contract.list.element.anchor", func(s *ContractSegment) *int64 { return &s.Anchor }).or(f, 0),
		further(int64s, contract, "contract.list.element."+f.name("limit_units", "limit"), func(s *ContractSegment) *int64 { return &s.Limit }),
		scalar(bools, "saved", func(a *Account) *bool { return &a.Saved }),
		first(int64s, func(a *Account) *[]int64 { return &a.At }, f.name("used_at", "at")+".list.element", itself),
		first(int64s, func(a *Account) *[]int64 { return &a.Units }, "units.list.element", itself),
	}
}

func evaluationColumns(f form) []column[Evaluation] {
	return []column[Evaluation]{
		scalar(texts, "engine", func(e *Evaluation) *string { return &e.Engine }),
		scalar(int64s, "run", func(e *Evaluation) *int64 { return &e.Run }),
		scalar(int64s, "account", func(e *Evaluation) *int64 { return &e.Account }),
		scalar(int64s, f.name("looked_at", "at"), func(e *Evaluation) *int64 { return &e.At }),
		scalar(int64s, "as_of", func(e *Evaluation) *int64 { return &e.AsOf }).or(f, 0),
		scalar(texts, "outcome", func(e *Evaluation) *string { return (*string)(&e.Outcome) }),
		scalar(texts, "error", func(e *Evaluation) *string { return &e.Error }).or(f, ""),
		scalar(int64s, "read_from", func(e *Evaluation) *int64 { return &e.ReadFrom }).or(f, -1),
		scalar(int64s, "period_at", func(e *Evaluation) *int64 { return &e.PeriodAt }).or(f, -1),
		scalar(bools, "rolling", func(e *Evaluation) *bool { return &e.Rolling }),
		scalar(int64s, "usage", func(e *Evaluation) *int64 { return &e.Usage }),
		scalar(int64s, f.name("limit_units", "limit"), func(e *Evaluation) *int64 { return &e.Limit }),
		scalar(int64s, "percent", func(e *Evaluation) *int64 { return &e.Percent }),
		scalar(int64s, "threshold", func(e *Evaluation) *int64 { return &e.Threshold }).or(f, 0),
		scalar(int64s, "row_account", func(e *Evaluation) *int64 { return &e.RowAccount }).or(f, 0),
		scalar(int64s, "row_threshold", func(e *Evaluation) *int64 { return &e.RowThreshold }).or(f, 0),
		scalar(int64s, "row_at", func(e *Evaluation) *int64 { return &e.RowAt }).or(f, -1),
		scalar(int64s, "sent_at", func(e *Evaluation) *int64 { return &e.SentAt }).or(f, -1),
		scalar(bools, "delivered", func(e *Evaluation) *bool { return &e.Delivered }),
	}
}

// description is what people are told of a column, by the tags of its field.
type description struct {
	path     string // of the elements of a list behind [].
	holds    string // text, integer, point in time, …
	nullable bool
	unit     string // "": it has none, or is a point in time
	about    string
}

// described lists the columns of a row's struct in their order, those of lists behind
// the list.
func described(row reflect.Type, prefix string) (list []description) {
	for i := range row.NumField() {
		f := row.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		if name == "-" {
			continue
		}
		options += f.Tag.Get("parquet-element")
		d := description{path: prefix + name, holds: holds(f.Type, options), nullable: strings.Contains(options, "optional"), unit: f.Tag.Get("unit"), about: f.Tag.Get("about")}
		list = append(list, d)
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			list = append(list, described(f.Type.Elem(), d.path+"[].")...)
		}
	}
	return list
}

// holds returns what a column holds, in words.
func holds(t reflect.Type, options string) string {
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list"
	case t.Kind() == reflect.Slice:
		return "list of " + holds(t.Elem(), options) + "s"
	case strings.Contains(options, "timestamp"):
		return "timestamp"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "truth value"
	}
	return "integer"
}

// meaning is what a file's metadata says of the column.
func (d description) meaning() string {
	unit := d.unit
	if strings.Contains(d.holds, "timestamp") {
		unit = "nanoseconds since 1970-01-01T00:00:00Z"
	}
	if unit == "" {
		return d.about
	}
	return unit + ": " + d.about
}
