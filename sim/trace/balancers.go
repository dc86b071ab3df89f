package trace

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// albFields are the names of the fields that can be keys.
var albFields = []string{"host", "path", "agent"}

// decodeALB reads access logs of AWS's load balancers:
//
//	type time balancer client:port target:port 3×seconds 2×status 2×bytes "request" "agent" anything
//
// The type is missing from a Classic one's. Times are those when a response was
// sent, so the order of requests may differ.
func decodeALB(r io.Reader, f fields, c *collector) error {
	if !slices.Contains(albFields, f.key) {
		return fmt.Errorf("a load balancer's log has no key field %q; expected one of %s", f.key, strings.Join(albFields, ", "))
	}
	return c.eachLine(r, func(line []byte) (at time.Time, key []byte, bad *LineError) { return albEntry(line, f) })
}

func albEntry(line []byte, f fields) (at time.Time, key []byte, bad *LineError) {
	s := logScanner{line: line}
	stamp := s.word("type or time")
	if len(stamp) > 0 && (stamp[0] < '0' || stamp[0] > '9') {
		stamp = s.word("time")
	}
	s.word("load balancer")
	client := s.word("client")
	s.word("target")
	for _, name := range []string{"request time", "target time", "response time", "status", "target's status", "received bytes", "sent bytes"} {
		s.word(name)
	}
	request := s.quoted("request")
	agent := s.lastQuoted("agent")
	if s.bad != nil {
		return at, nil, s.bad
	}
	if f.wantTime {
		var err error
		if at, err = parseTime(stamp); err != nil {
			return at, nil, &LineError{Column: offset(line, stamp) + 1, Msg: err.Error()}
		}
	}
	switch f.key {
	case "path":
		return at, requestPath(request), nil
	case "agent":
		return at, orDash(agent), nil
	}
	host, ok := withoutPort(client)
	if !ok {
		return at, nil, &LineError{Column: offset(line, client) + 1, Msg: "expected a client as address:port, found " + excerpt(client)}
	}
	return at, host, nil
}

func withoutPort(client []byte) ([]byte, bool) {
	if at, err := netip.ParseAddrPort(string(client)); err == nil {
		return []byte(at.Addr().String()), true
	}
	i := bytes.LastIndexByte(client, ':')
	return client[:max(i, 0)], i > 0
}

// orDash returns a header, and for an empty one what stands for it when it is missing.
func orDash(text []byte) []byte {
	if len(text) == 0 {
		return []byte("-")
	}
	return text
}

// w3cNames are the columns behind the names that other logs have for them.
var w3cNames = map[string]string{"host": "c-ip", "user": "cs-username", "path": "cs-uri-stem", "agent": "cs(User-Agent)"}

// w3cReader knows the columns of the last #Fields line.
type w3cReader struct {
	fields          fields
	columns         []string
	date, time, key int   // indexes in columns
	wrong           error // of a #Fields line: nothing can be read below it
}

// decodeW3C reads the W3C extended log format (https://www.w3.org/TR/WD-logfile):
// lines of directives begin with #, and the #Fields one before an entry names its
// columns. Times are UTC.
func decodeW3C(r io.Reader, f fields, c *collector) error {
	if name, ok := w3cNames[f.key]; ok {
		f.key = name
	}
	w := w3cReader{fields: f}
	if err := c.eachLine(r, w.entry); err != nil {
		return err
	}
	return w.wrong
}

func (w *w3cReader) entry(line []byte) (at time.Time, key []byte, bad *LineError) {
	if line[0] == '#' {
		if names, ok := bytes.CutPrefix(line, []byte("#Fields:")); ok {
			w.header(strings.Fields(string(names)))
		}
		return at, nil, nil
	}
	if w.wrong != nil {
		return at, nil, nil
	}
	if w.columns == nil {
		return at, nil, &LineError{Column: 1, Msg: "expected a line #Fields: before the first entry"}
	}
	found := bytes.Fields(line)
	if bytes.IndexByte(line, '\t') >= 0 {
		found = bytes.Split(bytes.TrimRight(line, "\r"), []byte("\t"))
	}
	if len(found) != len(w.columns) {
		return at, nil, &LineError{Column: 1, Msg: fmt.Sprintf("expected %d fields as in #Fields, found %d", len(w.columns), len(found))}
	}
	if w.fields.wantTime {
		var err error
		if at, err = time.Parse("2006-01-02 15:04:05", string(found[w.date])+" "+string(found[w.time])); err == nil {
			at, err = inRange(at)
		} else {
			err = fmt.Errorf("expected a date and a time like 2026-06-10 and 12:00:00, found %s and %s", excerpt(found[w.date]), excerpt(found[w.time]))
		}
		if err != nil {
			return at, nil, &LineError{Column: bytes.Index(line, found[w.date]) + 1, Msg: err.Error()}
		}
	}
	return at, orDash(found[w.key]), nil
}

// header keeps where the wanted columns are.
func (w *w3cReader) header(columns []string) {
	w.columns = columns
	find := func(name string) int {
		i := slices.Index(columns, name)
		if i < 0 && w.wrong == nil {
			w.wrong = fmt.Errorf("no column %q in #Fields; found %s", name, columnNames(columns))
		}
		return i
	}
	w.key = find(w.fields.key)
	if w.fields.wantTime {
		w.date, w.time = find("date"), find("time")
	}
}
