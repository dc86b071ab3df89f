package foreign

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/sim/limiter"
)

// dialogue is what is spoken on one connection to a service: one request, then
// its response.
type dialogue interface {
	// open returns what is written first on a new connection.
	open() []byte
	// ask returns the request for a decision.
	ask(t limiter.Take) ([]byte, error)
	// read takes what has come, with what it left of before. ended says that
	// no more will.
	read(in []byte, ended bool, now time.Time) (said, error)
}

// said is what a service has said.
type said struct {
	answer *answer // nil: not yet
	keep   bool    // the connection can be used again
	rest   []byte  // what is to be read again, with what follows
	reply  []byte  // what the protocol has one write
}

// newDialogue returns that of a new connection; host is named in requests.
func newDialogue(s limiter.Service, host string) dialogue {
	if len(s.Entries) > 0 {
		return newRLS(s, host)
	}
	return httpDialogue{s, host}
}

// fill puts a take's key, limit and cost into a template.
func fill(text string, t limiter.Take, escape func(string) string) string {
	return strings.NewReplacer("{key}", escape(t.Key), "{limit}", escape(t.Limit), "{cost}", strconv.FormatInt(t.Cost, 10)).Replace(text)
}

func asItIs(text string) string { return text }

// httpDialogue is HTTP/1.1.
type httpDialogue struct {
	limiter.Service
	host string
}

func (httpDialogue) open() []byte { return nil }

func (d httpDialogue) ask(t limiter.Take) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", d.Method, fill(d.Path, t, url.QueryEscape), d.host)
	for _, h := range d.Headers {
		text := fill(h, t, asItIs)
		if strings.ContainsAny(text, "\r\n") {
			return nil, fmt.Errorf("expected a key that can stand in an HTTP header, found %q", t.Key)
		}
		b.WriteString(text + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.Bytes(), nil
}

func (d httpDialogue) read(b []byte, ended bool, now time.Time) (said, error) {
	a, ok, keep, err := parseResponse(b, ended, now)
	if err != nil || !ok {
		return said{rest: b}, err
	}
	return said{answer: &a, keep: keep}, nil
}

// parseResponse reads a response. It is not whole yet where ok is false; ended
// says that no more will come.
func parseResponse(b []byte, ended bool, now time.Time) (a answer, ok, keep bool, err error) {
	if len(b) == 0 && !ended {
		return a, false, false, nil
	}
	if end := bytes.Index(b, []byte("\r\n\r\n")); end < 0 {
		if ended {
			a.Error, a.Kind = "the service closed the connection without a response", "connection"
		} else if len(b) > 64<<10 {
			err = fmt.Errorf("expected the head of a response of at most 64 KiB, found %.80q…", b)
		}
		return a, ended, false, err
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return a, false, false, fmt.Errorf("expected a response of HTTP: %w", err)
	}
	if r.ContentLength < 0 && len(r.TransferEncoding) == 0 && !ended {
		return a, false, false, nil // its end is that of the connection
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil && !ended {
		return a, false, false, nil
	}
	allowed := r.StatusCode >= 200 && r.StatusCode < 300
	switch {
	case allowed || r.StatusCode == http.StatusTooManyRequests:
		a.Allowed = &allowed
		a.Remaining, a.RetryAfter = rateLimit(r.Header, now)
		a.Took = serverTiming(r.Header)
	case r.StatusCode >= 500:
		a.Error, a.Kind = "the service answered "+r.Status, "server"
	default:
		a.Error, a.Kind = "the service answered "+r.Status+", expected 2xx (allowed) or 429 (denied)", "unexpected"
	}
	return a, true, !r.Close && !ended, nil
}

// rateLimit reads what the headers say of the tokens that remain and of the
// wait, in milliseconds: Retry-After, RateLimit as in the IETF's drafts, and
// the X-RateLimit headers from before them.
func rateLimit(h http.Header, now time.Time) (remaining, retry *float64) {
	said := map[string]string{}
	for _, prefix := range []string{"X-RateLimit-", "RateLimit-"} { // up to draft 6
		for _, name := range []string{"Remaining", "Reset"} {
			if v := h.Get(prefix + name); v != "" {
				said[strings.ToLower(name)] = v
			}
		}
	}
	for _, part := range strings.FieldsFunc(h.Get("RateLimit"), func(r rune) bool { return r == ',' || r == ';' }) { // draft 7: remaining=5; draft 8: "name";r=5;t=30
		name, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "r", "remaining":
			said["remaining"] = v
		case "t", "reset":
			said["reset"] = v
		}
	}
	remaining = number(said["remaining"], 1)
	if retry = number(said["reset"], 1000); retry != nil && *retry > float64(now.UnixMilli())/2 { // X-RateLimit-Reset of some is a date
		*retry = max(*retry-float64(now.UnixMilli()), 0)
	}
	if text := h.Get("Retry-After"); text != "" {
		if seconds := number(text, 1000); seconds != nil {
			retry = seconds
		} else if at, err := http.ParseTime(text); err == nil {
			retry = new(max(float64(at.Sub(now).Milliseconds()), 0))
		}
	}
	return remaining, retry
}

// serverTiming returns the microseconds that a service says it took: the first
// duration of Server-Timing, which is in milliseconds.
func serverTiming(h http.Header) *float64 {
	for _, part := range strings.FieldsFunc(h.Get("Server-Timing"), func(r rune) bool { return r == ',' || r == ';' }) {
		if name, v, _ := strings.Cut(strings.TrimSpace(part), "="); strings.EqualFold(name, "dur") {
			return number(v, 1000)
		}
	}
	return nil
}

// number reads a number that is at least 0, times a factor; nil where there is none.
func number(text string, factor float64) *float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(f >= 0) {
		return nil
	}
	return new(f * factor)
}
