package record

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// errEnd: the column has no more values in this row group.
var errEnd = errors.New("it ends before the last row")

// errLevels: the columns of a list disagree on its length, or the levels
// that delimit it make no sense.
var errLevels = errors.New("the lengths of its list do not fit")

type binder interface {
	bind(*parquet.Schema) error
	open(parquet.RowGroup) error
	close() error
}

// decoder turns a page into its values (nulls left out).
type decoder[T any] interface {
	kind() parquet.Kind
	page(parquet.Page) ([]T, error)
}

// pages walks the values of one leaf column.
type pages[T any] struct {
	path   string
	decode decoder[T]
	index  int
	nested bool

	chunk  parquet.Pages
	page   parquet.Page
	values []T    // of the page, not yet used
	repeat []byte // repetition levels, not yet used; 0 begins a row
	define []byte // definition levels, not yet used; 0 is an empty list
}

func (p *pages[T]) String() string { return p.path }

// bind finds the column in a file's schema.
func (p *pages[T]) bind(s *parquet.Schema) error {
	leaf, ok := s.Lookup(strings.Split(p.path, ".")...)
	if !ok {
		return fmt.Errorf("it has no column %s", p.path)
	}
	p.nested = strings.Contains(p.path, ".")
	levels := 0
	if p.nested {
		levels = 1
	}
	kind := leaf.Node.Type().Kind()
	if kind != p.decode.kind() || leaf.MaxRepetitionLevel != levels || leaf.MaxDefinitionLevel != levels {
		return fmt.Errorf("column %s is %s (levels %d, %d), expected %s (%d, %d)",
			p.path, kind, leaf.MaxRepetitionLevel, leaf.MaxDefinitionLevel, p.decode.kind(), levels, levels)
	}
	p.index = leaf.ColumnIndex
	return nil
}

func (p *pages[T]) open(g parquet.RowGroup) error {
	if err := p.close(); err != nil {
		return err
	}
	p.chunk = g.ColumnChunks()[p.index].Pages()
	return nil
}

func (p *pages[T]) close() error {
	p.values, p.repeat, p.define = nil, nil, nil
	if p.page != nil {
		parquet.Release(p.page)
		p.page = nil
	}
	if p.chunk == nil {
		return nil
	}
	chunk := p.chunk
	p.chunk = nil
	return chunk.Close()
}

// next loads the next page; errEnd if there is none.
func (p *pages[T]) next() error {
	if p.page != nil {
		parquet.Release(p.page)
		p.page = nil
	}
	page, err := p.chunk.ReadPage()
	if err == io.EOF {
		return errEnd
	}
	if err != nil {
		return err
	}
	p.page = page
	if p.nested {
		p.repeat, p.define = page.RepetitionLevels(), page.DefinitionLevels()
		if len(p.repeat) != len(p.define) {
			return errLevels
		}
	}
	p.values, err = p.decode.page(page)
	return err
}

// need makes sure that there is a value.
func (p *pages[T]) need() error {
	for len(p.values) == 0 {
		if err := p.next(); err != nil {
			return err
		}
	}
	return nil
}

// peek at the next levels: whether they continue the row before, and
// whether a value belongs to them.
func (p *pages[T]) peek() (repeated, present bool, err error) {
	for len(p.repeat) == 0 {
		if err := p.next(); err != nil {
			return false, false, err
		}
	}
	return p.repeat[0] != 0, p.define[0] != 0, nil
}

// take uses up the levels, and the value if it is present.
func (p *pages[T]) take(present bool) (v T, err error) {
	p.repeat, p.define = p.repeat[1:], p.define[1:]
	if !present {
		return v, nil
	}
	if len(p.values) == 0 {
		return v, errLevels
	}
	v, p.values = p.values[0], p.values[1:]
	return v, nil
}

type int64Decoder struct{}

func int64s() decoder[int64]            { return int64Decoder{} }
func (int64Decoder) kind() parquet.Kind { return parquet.Int64 }
func (int64Decoder) page(p parquet.Page) ([]int64, error) {
	return plain(p, encoding.Int64, (*encoding.Values).Int64)
}

type int32Decoder struct{}

func int32s() decoder[int32]            { return int32Decoder{} }
func (int32Decoder) kind() parquet.Kind { return parquet.Int32 }
func (int32Decoder) page(p parquet.Page) ([]int32, error) {
	return plain(p, encoding.Int32, (*encoding.Values).Int32)
}

func plain[T any](p parquet.Page, kind encoding.Kind, values func(*encoding.Values) []T) ([]T, error) {
	data := p.Data()
	if p.Dictionary() != nil || data.Kind() != kind {
		return nil, fmt.Errorf("its encoding is not one that quotalab writes")
	}
	return values(&data), nil
}

// boolDecoder unpacks bits.
type boolDecoder struct{ values []bool }

func bools() decoder[bool]                { return &boolDecoder{} }
func (d *boolDecoder) kind() parquet.Kind { return parquet.Boolean }

func (d *boolDecoder) page(p parquet.Page) ([]bool, error) {
	packed, err := plain(p, encoding.Boolean, (*encoding.Values).Boolean)
	if err != nil {
		return nil, err
	}
	n := p.NumValues()
	if int64(len(packed)) < (n+7)/8 {
		return nil, fmt.Errorf("%d bytes of bits for %d values", len(packed), n)
	}
	d.values = d.values[:0]
	for i := range n {
		d.values = append(d.values, packed[i/8]>>(i%8)&1 != 0)
	}
	return d.values, nil
}

// textDecoder keeps the dictionary of the row group as Go strings.
type textDecoder struct {
	dict   parquet.Dictionary
	table  []string
	values []string
}

func texts() decoder[string]              { return &textDecoder{} }
func (d *textDecoder) kind() parquet.Kind { return parquet.ByteArray }

func (d *textDecoder) page(p parquet.Page) ([]string, error) {
	data := p.Data()
	d.values = d.values[:0]
	if p.Dictionary() == nil {
		b, offsets := data.ByteArray()
		for i := 1; i < len(offsets); i++ {
			d.values = append(d.values, string(b[offsets[i-1]:offsets[i]]))
		}
		return d.values, nil
	}
	if d.dict != p.Dictionary() {
		d.load(p.Dictionary())
	}
	for _, i := range data.Int32() {
		if i < 0 || int(i) >= len(d.table) {
			return nil, fmt.Errorf("entry %d of a dictionary of %d", i, len(d.table))
		}
		d.values = append(d.values, d.table[i])
	}
	return d.values, nil
}

func (d *textDecoder) load(dict parquet.Dictionary) {
	d.dict, d.table = dict, d.table[:0]
	for i := range dict.Len() {
		d.table = append(d.table, string(dict.Index(int32(i)).ByteArray()))
	}
}
