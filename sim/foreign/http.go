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

// httpRequest writes the request for a decision: {key}, {limit} and {cost}
// stand in its path and headers.
func httpRequest(s limiter.Service, t limiter.Take) ([]byte, error) {
	cost := strconv.FormatInt(t.Cost, 10)
	fill := func(text string, escape func(string) string) string {
		return strings.NewReplacer("{key}", escape(t.Key), "{limit}", escape(t.Limit), "{cost}", cost).Replace(text)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: quotalab\r\n", s.Method, fill(s.Path, url.QueryEscape))
	for _, h := range s.Headers {
		text := fill(h, func(s string) string { return s })
		if strings.ContainsAny(text, "\r\n") {
			return nil, fmt.Errorf("expected a key that can stand in an HTTP header, found %q", t.Key)
		}
		b.WriteString(text + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.Bytes(), nil
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

// number reads a number that is at least 0, times a factor; nil where there is none.
func number(text string, factor float64) *float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(f >= 0) {
		return nil
	}
	return new(f * factor)
}
