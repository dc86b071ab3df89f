package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

func decodeJSONL(r io.Reader, f fields, c *collector) error {
	if f.wantTime && f.time == f.key {
		return fmt.Errorf("time and key are both %q; expected two different members", f.key)
	}
	d := jsonDecoder{fields: f, dec: jsontext.NewDecoder(&bytes.Buffer{})}
	return c.eachLine(r, d.entry)
}

// jsonDecoder walks a line's tokens and keeps the two wanted members: half the
// time of encoding/json, which would build every member.
type jsonDecoder struct {
	fields fields
	dec    *jsontext.Decoder
	input  bytes.Buffer // the decoder reads a Buffer without copying it
	name   []byte
	time   member
	key    member
}

// member is one of the line's object: a scalar's text without quotes.
type member struct {
	text   []byte
	column int // 0: not there
}

func (d *jsonDecoder) entry(line []byte) (at time.Time, key []byte, bad *LineError) {
	if bad := d.read(line); bad != nil {
		return at, nil, bad
	}
	if d.fields.wantTime {
		if d.time.column == 0 {
			return at, nil, missing(line, d.fields.time)
		}
		var err error
		if at, err = parseTime(d.time.text); err != nil {
			return at, nil, &LineError{Column: d.time.column, Msg: err.Error()}
		}
	}
	if d.key.column == 0 {
		return at, nil, missing(line, d.fields.key)
	}
	if len(d.key.text) == 0 {
		return at, nil, &LineError{Column: d.key.column, Msg: fmt.Sprintf("expected a key in %q, found an empty string", d.fields.key)}
	}
	return at, d.key.text, nil
}

func missing(line []byte, name string) *LineError {
	return &LineError{Column: 1, Msg: fmt.Sprintf("expected a member %q, found none in %s", name, excerpt(line))}
}

// read walks the whole line, so that a broken end is not missed.
func (d *jsonDecoder) read(line []byte) *LineError {
	d.time, d.key = member{text: d.time.text[:0]}, member{text: d.key.text[:0]}
	d.input = *bytes.NewBuffer(line)
	d.dec.Reset(&d.input)
	if kind := d.dec.PeekKind(); kind != '{' && kind != 0 {
		return &LineError{Column: int(d.dec.InputOffset()) + 1, Msg: "expected a JSON object, found " + excerpt(line)}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return jsonError(err)
	}
	for d.dec.PeekKind() == '"' {
		if bad := d.member(); bad != nil {
			return bad
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return jsonError(err)
	}
	if _, err := d.dec.ReadToken(); err == nil {
		return &LineError{Column: int(d.dec.InputOffset()), Msg: "expected the end of the line after its object"}
	} else if !errors.Is(err, io.EOF) {
		return jsonError(err)
	}
	return nil
}

func (d *jsonDecoder) member() *LineError {
	raw, err := d.dec.ReadValue()
	if err != nil {
		return jsonError(err)
	}
	if d.name, err = jsontext.AppendUnquote(d.name[:0], raw); err != nil {
		return jsonError(err)
	}
	into := d.wanted()
	if into == nil {
		if err := d.dec.SkipValue(); err != nil {
			return jsonError(err)
		}
		return nil
	}
	if raw, err = d.dec.ReadValue(); err != nil {
		return jsonError(err)
	}
	into.column = int(d.dec.InputOffset()) - len(raw) + 1
	switch raw.Kind() {
	case '"':
		if into.text, err = jsontext.AppendUnquote(into.text, raw); err != nil {
			return jsonError(err)
		}
	case '0', 't', 'f':
		into.text = append(into.text, raw...)
	default:
		return &LineError{Column: into.column, Msg: "expected a string or a number, found " + excerpt(raw)}
	}
	return nil
}

// wanted tells where the member of that name goes, nil if nowhere.
func (d *jsonDecoder) wanted() *member {
	switch {
	case string(d.name) == d.fields.key:
		return &d.key
	case d.fields.wantTime && string(d.name) == d.fields.time:
		return &d.time
	}
	return nil
}

func jsonError(err error) *LineError {
	column := 1
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		column = int(syntactic.ByteOffset) + 1
		err = syntactic.Err
	}
	return &LineError{Column: column, Msg: "expected valid JSON: " + err.Error()}
}
