package trace

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

func decodeCSV(r io.Reader, f fields, c *collector) error {
	limit := &limited{r: r, left: maxLine}
	buffered := bufio.NewReaderSize(limit, 64<<10)
	if head, err := buffered.Peek(len(utf8BOM)); err == nil && string(head) == utf8BOM {
		if _, err := buffered.Discard(len(utf8BOM)); err != nil {
			return err
		}
	}
	cr := csv.NewReader(buffered)
	cr.ReuseRecord = true
	columns, err := readHeader(cr, f)
	if err != nil {
		return err
	}
	for {
		limit.left = maxLine
		record, err := cr.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			bad, ok := csvLineError(err, len(record), cr.FieldsPerRecord)
			if !ok {
				return fmt.Errorf("reading csv: %w", err)
			}
			c.bad(bad)
		default:
			columns.row(cr, record, c)
		}
	}
}

// limited reads up to a number of bytes until it is allowed more. A record
// may have several lines, so that their length bounds nothing.
type limited struct {
	r    io.Reader
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("a record is longer than %d bytes; is this a csv file, and is every quote closed?", maxLine)
	}
	n, err := l.r.Read(b)
	l.left -= n
	return n, err
}

// csvLineError turns an error of one line into ours; false if it is the reader's.
func csvLineError(err error, found, expected int) (LineError, bool) {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return LineError{}, false
	}
	if errors.Is(err, csv.ErrFieldCount) {
		return LineError{Line: parse.Line, Column: 1,
			Msg: fmt.Sprintf("expected %d fields as in the header, found %d", expected, found)}, true
	}
	return LineError{Line: parse.Line, Column: parse.Column, Msg: parse.Err.Error()}, true
}

// csvColumns are the indexes of the wanted columns; time is −1 if none is wanted.
type csvColumns struct {
	time, key int
	fields    fields
}

func readHeader(cr *csv.Reader, f fields) (csvColumns, error) {
	header, err := cr.Read()
	if errors.Is(err, io.EOF) {
		return csvColumns{}, ErrEmpty
	}
	if err != nil {
		return csvColumns{}, fmt.Errorf("reading the csv header: %w", err)
	}
	columns := csvColumns{time: -1, fields: f}
	if columns.key, err = column(header, f.key); err != nil {
		return columns, err
	}
	if f.wantTime {
		columns.time, err = column(header, f.time)
	}
	return columns, err
}

func column(header []string, name string) (int, error) {
	i := slices.Index(header, name)
	if i < 0 {
		return i, fmt.Errorf("1:1: no column %q in the csv header; found %s", name, columnNames(header))
	}
	if slices.Contains(header[i+1:], name) {
		return i, fmt.Errorf("1:1: column %q stands twice in the csv header", name)
	}
	return i, nil
}

var columnName = regexp.MustCompile(`^[\pL_][\pL\d _./()-]*$`)

// columnNames shows a header. A first line that is none is not shown: it may be
// of a file that nobody meant to show.
func columnNames(header []string) string {
	if slices.ContainsFunc(header, func(name string) bool { return !columnName.MatchString(name) }) {
		return "a line that names no columns"
	}
	return excerpt([]byte(strings.Join(header, ",")))
}

func (columns csvColumns) row(cr *csv.Reader, record []string, c *collector) {
	fail := func(field int, msg string) {
		line, col := cr.FieldPos(field)
		c.bad(LineError{Line: line, Column: col, Msg: msg})
	}
	var at time.Time
	if columns.time >= 0 {
		var err error
		if at, err = parseTime(bytes.TrimSpace([]byte(record[columns.time]))); err != nil {
			fail(columns.time, err.Error())
			return
		}
	}
	key := record[columns.key]
	if key == "" {
		fail(columns.key, fmt.Sprintf("expected a key in column %q, found nothing", columns.fields.key))
		return
	}
	c.entry(at, []byte(key))
}

// maxLine bounds a line's length, so that a binary file without line ends
// is an error and not an exhausted memory.
const maxLine = 1 << 20

// utf8BOM stands at the beginning of files from some editors.
const utf8BOM = "\xef\xbb\xbf"

// eachLine collects what each line that is not blank holds; an entry without a
// key is of a line that holds none.
func (c *collector) eachLine(r io.Reader, entry func(line []byte) (time.Time, []byte, *LineError)) error {
	return lines(r, func(number int, line []byte) {
		at, key, err := entry(line)
		switch {
		case err != nil:
			c.bad(LineError{Line: number, Column: err.Column, Msg: err.Msg})
		case key != nil:
			c.entry(at, key)
		}
	})
}

// lines calls visit with every line that is not blank, without its line end,
// and its number from 1. The slice is valid until visit returns.
func lines(r io.Reader, visit func(number int, line []byte)) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	number := 0
	for s.Scan() {
		number++
		line := s.Bytes()
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte(utf8BOM))
		}
		if len(bytes.TrimSpace(line)) > 0 {
			visit(number, line)
		}
	}
	err := s.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes; is this a text file?", number+1, maxLine)
	}
	if err != nil {
		return fmt.Errorf("reading after line %d: %w", number, err)
	}
	return nil
}
