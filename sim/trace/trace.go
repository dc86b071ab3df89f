// Package trace reads recorded traffic: who asked, and when. In flows the
// text of an access log, a CSV file or JSON Lines; out flow entries sorted by
// time, or the distinct keys with their frequencies. It opens no file and
// knows no scenario; sim/plan imports it.
//
// A reader is strict, since a wrong line replayed as something else would
// falsify a run in silence: every line is an entry or an error with its line
// and column, and one bad line more than the format allows is enough for no
// entries at all. Blank lines, a byte-order mark and carriage returns before
// line ends are passed over.
//
// Formats, by the name that a scenario gives:
//
//   - combined: the Apache and nginx access log, combined or common (which is
//     its beginning). The key is one of host, user, path (without its query)
//     and agent.
//   - common: the same, for files that say so; it has no agent.
//   - alb: the access log of an AWS Application Load Balancer, or of a Classic
//     one. The key is one of host (the client without its port), path and agent.
//   - w3c: the W3C extended log format, whose #Fields line names the columns
//     between blanks or tabs (IIS, CloudFront). The key is a column by name, or
//     host, user, path or agent for those that the format has for them.
//   - csv: RFC 4180 with a header line; time and key are columns by name.
//   - jsonl: JSON Lines; time and key are members of each line's object by name.
//
// A key that is an IPv6 address is written in its one form, or as IPv4 if it maps
// an IPv4 address, so that ::ffff:192.0.2.2 and 192.0.2.2 are one client.
//
// In csv and jsonl a time is RFC 3339 or decimal Unix seconds.
package trace

import (
	"bufio"
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Format says how a trace is written.
type Format struct {
	Name      string // combined, common, alb, w3c, csv or jsonl
	TimeField string // column or member of the time (csv, jsonl)
	KeyField  string // column, member or log field of the key
	BadLines  int    // as many bad lines are skipped
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
	"alb":      decodeALB,
	"w3c":      decodeW3C,
	"csv":      decodeCSV,
	"jsonl":    decodeJSONL,
}

// fields are those of a Format. Without time only keys are wanted, and an
// entry's time is zero.
type fields struct {
	time, key string
	wantTime  bool
}

// Read reads a whole trace, stably sorted by time: servers write a line when a
// response ends, so logs are out of order. Skipped are the bad lines that the
// format allows, nil if there is none. The error is ErrEmpty, a *LineErrors that
// lists the bad lines, one about the format, or that of r.
func Read(r io.Reader, format Format) (entries []Entry, skipped *LineErrors, err error) {
	c := collector{keys: map[string]string{}}
	if skipped, err = decode(r, format, true, &c); err != nil {
		return nil, nil, err
	}
	byTime := func(a, b Entry) int { return a.At.Compare(b.At) }
	if !slices.IsSortedFunc(c.entries, byTime) {
		slices.SortStableFunc(c.entries, byTime)
	}
	return c.entries, skipped, nil
}

// Keys reads only the keys of a trace, which then needs no time: the distinct
// keys, the most frequent first, equally frequent ones in the order of their
// first occurrence. Skipped lines and errors are as of Read.
func Keys(r io.Reader, format Format) (counts []KeyCount, skipped *LineErrors, err error) {
	c := collector{keys: map[string]string{}}
	if skipped, err = decode(r, format, false, &c); err != nil {
		return nil, nil, err
	}
	place := make(map[string]int, len(c.keys))
	counts = make([]KeyCount, 0, len(c.keys))
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
	return counts, skipped, nil
}

func decode(r io.Reader, format Format, wantTime bool, c *collector) (skipped *LineErrors, err error) {
	decoder, ok := decoders[format.Name]
	if !ok {
		known := slices.Sorted(maps.Keys(decoders))
		return nil, fmt.Errorf("unknown trace format %q; expected one of %s", format.Name, strings.Join(known, ", "))
	}
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, _ := buffered.Peek(16) // an error comes again when all is read
	if looks := looksLike(head); looks != "" && looks != format.Name {
		return nil, fmt.Errorf("expected the format %s, found the beginning of a log in the format %s; write format: %[2]s", format.Name, looks)
	}
	if err := decoder(buffered, fields{format.TimeField, format.KeyField, wantTime}, c); err != nil {
		return nil, err
	}
	if c.errs.foreign = len(c.entries) == 0; c.errs.Count > 0 && c.errs.foreign {
		return nil, &c.errs
	}
	if c.errs.Count > format.BadLines {
		return nil, fmt.Errorf("%w\n  bad_lines: %d would skip what is bad", &c.errs, c.errs.Count)
	}
	if len(c.entries) == 0 {
		return nil, ErrEmpty
	}
	if c.errs.Count > 0 {
		return &c.errs, nil
	}
	return nil, nil
}

// beginnings of files that are of one format only.
var beginnings = []struct {
	text   *regexp.Regexp
	format string
}{
	{regexp.MustCompile(`^(https?|h2|grpcs?|wss?) \d{4}-\d\d-`), "alb"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT`), "alb"},
	{regexp.MustCompile(`^#(Version|Fields|Software|Date|Remark):`), "w3c"},
}

// looksLike names the format that a file must be of by its beginning, "" if that
// does not say.
func looksLike(head []byte) string {
	for _, b := range beginnings {
		if b.text.Match(bytes.TrimPrefix(head, []byte(utf8BOM))) {
			return b.format
		}
	}
	return ""
}

// collector gathers what a decoder finds.
type collector struct {
	entries []Entry
	keys    map[string]string // one copy of each key, by its spelling: a trace has many lines to a key
	errs    LineErrors
}

func (c *collector) entry(at time.Time, key []byte) {
	k, ok := c.keys[string(key)]
	if !ok {
		k = string(key)
		c.keys[k] = canonical(k)
		k = c.keys[k]
	}
	c.entries = append(c.entries, Entry{At: at, Key: k})
}

// canonical writes an IPv6 address in its one form, and as IPv4 where it maps one:
// a client is the same by whatever socket the server saw it.
func canonical(key string) string {
	if strings.Count(key, ":") < 2 {
		return key
	}
	addr, err := netip.ParseAddr(key)
	if err != nil {
		return key
	}
	return addr.Unmap().String()
}

func (c *collector) bad(err LineError) { c.errs.add(err) }

// maxListed bad lines are told in full; a file of the wrong format would
// otherwise be printed line by line.
const maxListed = 10

// LineError is one bad line.
type LineError struct {
	Line   int // from 1
	Column int // in bytes, from 1
	Msg    string
}

// Error is line:column: message.
func (e *LineError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// LineErrors are all bad lines of a trace: the first ones and their number.
type LineErrors struct {
	First []LineError // at most ten
	Count int

	foreign bool // no line is good: the file may be another one than was meant
}

func (e *LineErrors) add(err LineError) {
	if len(e.First) < maxListed {
		e.First = append(e.First, err)
	}
	e.Count++
}

// Error has a line for each error listed. Of a file without a good line it
// shows nothing: that may be one which nobody meant to show.
func (e *LineErrors) Error() string {
	if e.foreign {
		first := e.First[0]
		first.Msg, _, _ = strings.Cut(first.Msg, ", found ")
		return fmt.Sprintf("none of its lines is of that format (%s bad); is it another file? The first: %s", unit.Counted(int64(e.Count), "line"), first.Error())
	}
	var b strings.Builder
	noun := "lines"
	if e.Count == 1 {
		noun = "line"
	}
	fmt.Fprintf(&b, "%d bad %s:", e.Count, noun)
	for i := range e.First {
		b.WriteString("\n  " + e.First[i].Error())
	}
	if more := e.Count - len(e.First); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return b.String()
}

// excerpt quotes what was found, cut to a length that fits a message.
func excerpt(found []byte) string {
	const longest = 40
	if len(found) > longest {
		return fmt.Sprintf("%q…", found[:longest])
	}
	return fmt.Sprintf("%q", found)
}

// SampleName is the name that a scenario gives in place of a file for Sample.
const SampleName = "access-log-sample"

//go:embed sample.log
var sample string

// Sample is a small access log in the combined format: 2,000 requests of 300
// addresses from the ranges reserved for documentation, over the 24 hours of
// 14 January 2026 (UTC). Three addresses behave badly for some minutes. It is
// synthetic: sample_test.go makes it.
func Sample() io.Reader { return strings.NewReader(sample) }

// latest is the first instant that a trace cannot hold: Unix nanoseconds end
// in 2262, and differences of two instants must fit a time.Duration.
var latest = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)

func inRange(at time.Time) (time.Time, error) {
	if at.Unix() < 0 || !at.Before(latest) {
		return time.Time{}, fmt.Errorf("time %s is out of range; expected 1970 to 2261", at.Format(time.RFC3339))
	}
	return at, nil
}

// parseTime reads RFC 3339 or decimal Unix seconds, exact to the nanosecond.
func parseTime(text []byte) (time.Time, error) {
	if isDecimal(text) {
		return parseUnix(text)
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return at, fmt.Errorf("expected a time as RFC 3339 or Unix seconds, found %s", excerpt(text))
	}
	return inRange(at.UTC())
}

// parseUnix does without floating point: a float64 is exact to some 200 ns in
// these years. Digits beyond nanoseconds are cut off.
func parseUnix(text []byte) (time.Time, error) {
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	seconds, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || seconds >= latest.Unix() {
		return time.Time{}, fmt.Errorf("expected Unix seconds up to the year 2261, found %s; milliseconds or finer must be divided first", excerpt(text))
	}
	nanos := int64(0)
	for i := range 9 {
		nanos *= 10
		if i < len(fraction) {
			nanos += int64(fraction[i] - '0')
		}
	}
	return time.Unix(seconds, nanos).UTC(), nil
}

// isDecimal reports whether text is digits, perhaps a point, and digits.
func isDecimal(text []byte) bool {
	whole, fraction, point := bytes.Cut(text, []byte("."))
	return isDigits(whole) && (!point || isDigits(fraction))
}

func isDigits(text []byte) bool {
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(text) > 0
}
