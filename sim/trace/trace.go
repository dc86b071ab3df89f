// Package trace reads recorded traffic: who asked, and when. In flows the
// text of an access log, a CSV file or JSON Lines; out flow entries sorted by
// time, or the distinct keys with their frequencies. It opens no file and
// knows no scenario; sim/plan imports it.
//
// A reader is strict, since a wrong line replayed as something else would
// falsify a run in silence: every line is an entry or an error with its line
// and column, and one bad line is enough for no entries at all. Blank lines, a
// byte-order mark and carriage returns before line ends are passed over.
//
// Formats, by the name that a scenario gives:
//
//   - combined: the Apache and nginx access log, combined or common (which is
//     its beginning). The key is one of host, user, path (without its query)
//     and agent.
//   - common: the same, for files that say so; it has no agent.
//   - csv: RFC 4180 with a header line; time and key are columns by name.
//   - jsonl: JSON Lines; time and key are members of each line's object by name.
//
// In csv and jsonl a time is RFC 3339 or decimal Unix seconds.
package trace

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Format says how a trace is written.
type Format struct {
	Name      string // combined, common, csv or jsonl
	TimeField string // column or member of the time (csv, jsonl); "" is time
	KeyField  string // column, member or log field of the key; "" is host
}

// Entry is one recorded request.
type Entry struct {
	At  time.Time // UTC, between 1970 and 2262, so that differences fit a time.Duration
	Key string
}

// KeyCount is a key and how often it occurs.
type KeyCount struct {
	Key   string
	Count int64
}

// ErrEmpty is the error of a trace without entries: to replay nothing would
// pass every assertion about what must not happen.
var ErrEmpty = errors.New("trace has no entries; expected at least one line with a time and a key")

// decoders by format name. A decoder hands every line to exactly one of
// c.entry and c.bad, and returns an error only when it cannot go on.
var decoders = map[string]func(io.Reader, fields, *collector) error{
	"combined": decodeLog,
	"common":   decodeLog,
	"csv":      decodeCSV,
	"jsonl":    decodeJSONL,
}

// fields are a Format's with the defaults filled in. Without time only keys
// are wanted, and an entry's time is zero.
type fields struct {
	time, key string
	wantTime  bool
}

// Read reads a whole trace, stably sorted by time: servers write a line when a
// response ends, so logs are out of order. The error is ErrEmpty, a *LineErrors
// that tells of every bad line, one about the format, or that of r.
func Read(r io.Reader, format Format) ([]Entry, error) {
	c := collector{keys: map[string]string{}}
	if err := decode(r, format, true, &c); err != nil {
		return nil, err
	}
	byTime := func(a, b Entry) int { return a.At.Compare(b.At) }
	if !slices.IsSortedFunc(c.entries, byTime) {
		slices.SortStableFunc(c.entries, byTime)
	}
	return c.entries, nil
}

// Keys reads only the keys of a trace, which then needs no time: the distinct
// keys, the most frequent first, equally frequent ones in the order of their
// first occurrence. Errors as of Read.
func Keys(r io.Reader, format Format) ([]KeyCount, error) {
	c := collector{keys: map[string]string{}}
	if err := decode(r, format, false, &c); err != nil {
		return nil, err
	}
	place := make(map[string]int, len(c.keys))
	counts := make([]KeyCount, 0, len(c.keys))
	for _, e := range c.entries {
		i, ok := place[e.Key]
		if !ok {
			i = len(counts)
			place[e.Key] = i
			counts = append(counts, KeyCount{Key: e.Key})
		}
		counts[i].Count++
	}
	slices.SortStableFunc(counts, func(a, b KeyCount) int { return cmp.Compare(b.Count, a.Count) })
	return counts, nil
}

func decode(r io.Reader, format Format, wantTime bool, c *collector) error {
	decoder, ok := decoders[format.Name]
	if !ok {
		known := slices.Sorted(maps.Keys(decoders))
		return fmt.Errorf("unknown trace format %q; expected one of %s", format.Name, strings.Join(known, ", "))
	}
	f := fields{
		time:     cmp.Or(format.TimeField, "time"),
		key:      cmp.Or(format.KeyField, "host"),
		wantTime: wantTime,
	}
	if err := decoder(r, f, c); err != nil {
		return err
	}
	if c.errs.Count > 0 {
		return &c.errs
	}
	if len(c.entries) == 0 {
		return ErrEmpty
	}
	return nil
}

// collector gathers what a decoder finds.
type collector struct {
	entries []Entry
	keys    map[string]string // one copy of each key: a trace has many lines to a key
	errs    LineErrors
}

func (c *collector) entry(at time.Time, key []byte) {
	k, ok := c.keys[string(key)]
	if !ok {
		k = string(key)
		c.keys[k] = k
	}
	c.entries = append(c.entries, Entry{At: at, Key: k})
}

func (c *collector) bad(err LineError) { c.errs.add(err) }
