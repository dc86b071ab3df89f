package record

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// partFile reads the rows of one Parquet part, column by column: three
// times as fast as the library's way through reflection, and with one
// string a distinct value instead of one a row.
type partFile[T any] struct {
	path    string
	file    *os.File
	parquet *parquet.File
	columns []column[T]
	group   int   // next row group
	left    int64 // rows left in the current row group
}

// openPartFile opens a part and checks its footer and its columns.
func openPartFile[T any](rows *layout[T], path string) (_ *partFile[T], err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a part of the record: %w", err)
	}
	p := &partFile[T]{path: path, file: f, columns: rows.columns()}
	if err := p.guard(p.openFooter); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

func (p *partFile[T]) openFooter() error {
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	p.parquet, err = parquet.OpenFile(p.file, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	for _, c := range p.columns {
		if err := c.bind(p.parquet.Schema()); err != nil {
			return err
		}
	}
	return nil
}

// read fills rows, or as many of them as the current row group has.
func (p *partFile[T]) read(rows []T) ([]T, error) {
	err := p.guard(func() error {
		if err := p.nextGroup(); err != nil {
			return err
		}
		rows = rows[:min(int64(len(rows)), p.left)]
		for _, c := range p.columns {
			if err := c.fill(rows); err != nil {
				return fmt.Errorf("column %s: %w", c, err)
			}
		}
		p.left -= int64(len(rows))
		return nil
	})
	return rows, err
}

// nextGroup moves on to a row group that has rows left.
func (p *partFile[T]) nextGroup() error {
	for p.left == 0 {
		groups := p.parquet.RowGroups()
		if p.group == len(groups) {
			return io.ErrUnexpectedEOF
		}
		g := groups[p.group]
		p.group++
		p.left = g.NumRows()
		for _, c := range p.columns {
			if err := c.open(g); err != nil {
				return fmt.Errorf("column %s: %w", c, err)
			}
		}
	}
	return nil
}

// guard names the file in an error of f. The Parquet library panics on some
// damaged files, and a damaged record must be an error.
func (p *partFile[T]) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %w: %v", p.path, ErrDamaged, r)
		}
	}()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w: %w", p.path, ErrDamaged, err)
	}
	return nil
}

// Close closes the columns and the file.
func (p *partFile[T]) Close() error {
	var errs []error
	for _, c := range p.columns {
		errs = append(errs, c.close())
	}
	return errors.Join(append(errs, p.file.Close())...)
}
