package foreign

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/sim/limiter"
)

// What remains, and how long to wait, is read as the drafts of the IETF, and
// those who came before them, write it.
func TestRateLimitHeaders(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		why, headers     string
		remaining, retry float64 // −1: none; milliseconds
	}{
		{"nothing", "", -1, -1},
		{"draft 8", "RateLimit-Policy: \"default\";q=100;w=60\nRateLimit: \"default\";r=50;t=30", 50, 30_000},
		{"draft 8, the policy alone", "RateLimit-Policy: \"default\";q=100;w=60", -1, -1},
		{"draft 8, without a reset", "RateLimit: \"default\"; r=0", 0, -1},
		{"draft 7", "RateLimit: limit=100, remaining=5, reset=7", 5, 7000},
		{"draft 6", "RateLimit-Limit: 100\nRateLimit-Remaining: 4\nRateLimit-Reset: 9", 4, 9000},
		{"before the drafts", "X-RateLimit-Limit: 100\nX-RateLimit-Remaining: 3\nX-RateLimit-Reset: 8", 3, 8000},
		{"a reset that is a date", "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767323055", 0, 10_000},
		{"a reset that has passed", "X-RateLimit-Reset: 1767323000", -1, 0},
		{"the newer one counts", "X-RateLimit-Remaining: 3\nRateLimit: \"x\";r=2", 2, -1},
		{"Retry-After in seconds", "RateLimit: \"x\";r=0;t=30\nRetry-After: 12", 0, 12_000},
		{"Retry-After as a date", "Retry-After: Fri, 02 Jan 2026 03:04:25 GMT", -1, 20_000},
		{"Retry-After as a date that has passed", "Retry-After: Fri, 02 Jan 2026 03:00:00 GMT", -1, 0},
		{"Retry-After that is neither", "Retry-After: soon", -1, -1},
		{"numbers that are none", "RateLimit: \"x\";r=many;t=-1", -1, -1},
	} {
		h := http.Header{}
		for _, line := range strings.Split(c.headers, "\n") {
			if name, v, ok := strings.Cut(line, ": "); ok {
				h.Set(name, v)
			}
		}
		remaining, retry := rateLimit(h, now)
		if got := orNone(remaining); got != c.remaining {
			t.Errorf("%s: %v remain, expected %v", c.why, got, c.remaining)
		}
		if got := orNone(retry); got != c.retry {
			t.Errorf("%s: wait %v ms, expected %v", c.why, got, c.retry)
		}
	}
}

func orNone(f *float64) float64 {
	if f == nil {
		return -1
	}
	return *f
}

// A request is written and a response read piece by piece, whatever ends it.
func TestHTTPDialogue(t *testing.T) {
	d := newDialogue(limiter.Service{Method: "GET", Path: "/take?key={key}&n={cost}", Headers: []string{"X-Limit: {limit}"}}, "h")
	got, err := d.ask(limiter.Take{Limit: "l", Key: "a b", Cost: 2})
	if want := "GET /take?key=a+b&n=2 HTTP/1.1\r\nHost: h\r\nX-Limit: l\r\nContent-Length: 0\r\n\r\n"; err != nil || string(got) != want {
		t.Errorf("found %q, %v", got, err)
	}
	if _, err := newDialogue(limiter.Service{Headers: []string{"X: {key}"}}, "h").ask(limiter.Take{Key: "a\r\nb"}); err == nil {
		t.Error("a key with the end of a line stands in a header")
	}
	for _, c := range []struct {
		why, text string
		ended     bool
		want      string
		keep      bool
	}{
		{"allowed", "HTTP/1.1 204 No Content\r\nServer-Timing: total;dur=1.5\r\n\r\n", false, "allowed took 1500", true},
		{"denied", "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\nRetry-After: 3\r\n\r\nslow", false, "denied wait 3000", true},
		{"by parts", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n0\r\n\r\n", false, "allowed", true},
		{"to the end", "HTTP/1.1 200 OK\r\n\r\nhello", true, "allowed", false},
		{"and not again", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false, "allowed", false},
		{"its fault", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", false, "server: the service answered 503 Service Unavailable", true},
		{"another answer", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false, "unexpected: the service answered 404 Not Found, expected 2xx (allowed) or 429 (denied)", true},
		{"none", "", true, "connection: the service closed the connection without a response", false},
	} {
		for i := 1; i < len(c.text) && !c.ended; i++ {
			if got, err := d.read([]byte(c.text[:i]), false, time.Time{}); err != nil || got.answer != nil || string(got.rest) != c.text[:i] {
				t.Fatalf("%s: after %d bytes %+v, %v", c.why, i, got, err)
			}
		}
		got, err := d.read([]byte(c.text), c.ended, time.Time{})
		if err != nil || got.answer == nil {
			t.Fatalf("%s: %+v, %v", c.why, got, err)
		}
		if text := answerText(got.answer); text != c.want || got.keep != c.keep {
			t.Errorf("%s: %q, used again: %v; expected %q and %v", c.why, text, got.keep, c.want, c.keep)
		}
	}
	if _, err := d.read([]byte("SSH-2.0-x\r\n\r\n"), false, time.Time{}); err == nil {
		t.Error("another protocol is taken for HTTP")
	}
}

// answerText says what an answer does, in words.
func answerText(a *answer) string {
	if a.Error != "" {
		return a.Kind + ": " + a.Error
	}
	text := "denied"
	if *a.Allowed {
		text = "allowed"
	}
	for _, v := range []struct {
		name string
		is   *float64
	}{{"left", a.Remaining}, {"wait", a.RetryAfter}, {"took", a.Took}} {
		if v.is != nil {
			text += " " + v.name + " " + string(instantText(int64(*v.is*1e6)))
		}
	}
	return strings.ReplaceAll(text, ".000", "")
}

// The bytes of ShouldRateLimit are those of Envoy's messages: of a request for
// two entries, and of responses, which come in any pieces.
func TestRLSDialogue(t *testing.T) {
	d := newRLS(limiter.Service{Domain: "d", Entries: []limiter.Entry{{Key: "remote_address", Value: "{key}"}, {Key: "n", Value: "{limit}"}}}, "h")
	if got, want := hex.EncodeToString(d.question(limiter.Take{Limit: "l", Key: "1.2.3.4", Cost: 2})),
		"0a016412230a190a0e72656d6f74655f616464726573731207312e322e332e340a060a016e12016c1802"; got != want {
		t.Errorf("the request is\n%s, expected\n%s", got, want)
	}
	if first := d.open(); !bytes.HasPrefix(first, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00")) {
		t.Errorf("the connection begins with %q", first)
	}
	head := func(d *rls, fields ...string) []byte {
		var b []byte
		for i := 0; i < len(fields); i += 2 { // literals that are not indexed
			b = append(append(append(b, 0, byte(len(fields[i]))), fields[i]...), byte(len(fields[i+1])))
			b = append(b, fields[i+1]...)
		}
		return b
	}
	respond := func(d *rls, message string, status string) []byte {
		raw, err := hex.DecodeString(message)
		if err != nil {
			t.Fatal(err)
		}
		body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(raw))), raw...)
		b := frame(nil, frameSettings, 0, 0, nil)
		b = frame(b, framePing, 0, 0, []byte("12345678"))
		b = frame(b, frameHeaders, flagEndHeaders, d.stream, head(d, ":status", "200"))
		b = frame(b, frameData, 0, d.stream, body)
		return frame(b, frameHeaders, flagEndHeaders|flagEnd, d.stream, head(d, "grpc-status", status, "grpc-message", "why"))
	}
	for _, c := range []struct{ why, message, status, want string }{
		{"OK", "0801", "0", "allowed"},
		{"over the limit, for 1.5 s", "0802" + "1212" + "0802" + "120408641004" + "2208" + "0801" + "1080cab5ee01", "0", "denied left 0 wait 1500"},
		{"what is left of the tightest", "0801" + "120a" + "0801" + "120408641004" + "1805" + "120a" + "0801" + "120408641004" + "1803", "0", "allowed left 3"},
		{"neither", "0800", "0", "unexpected: the service answered code 0, expected OK (1) or OVER_LIMIT (2)"},
		{"no such method", "", "12", "unexpected: the service answered with gRPC's status 12: why"},
		{"not there", "", "14", "connection: the service answered with gRPC's status 14: why"},
		{"its fault", "", "13", "server: the service answered with gRPC's status 13: why"},
	} {
		if _, err := d.ask(limiter.Take{Key: "k", Cost: 1}); err != nil {
			t.Fatal(err)
		}
		all := respond(d, c.message, c.status)
		var in, reply []byte
		var got said
		for i := range all { // byte by byte
			var err error
			if got, err = d.read(append(in, all[i]), false, time.Time{}); err != nil {
				t.Fatalf("%s: %v", c.why, err)
			}
			in, reply = append([]byte(nil), got.rest...), append(reply, got.reply...)
		}
		if got.answer == nil || !got.keep {
			t.Fatalf("%s: no answer: %+v", c.why, got)
		}
		if text := answerText(got.answer); text != c.want {
			t.Errorf("%s: %q, expected %q", c.why, text, c.want)
		}
		if want := frame(frame(nil, frameSettings, flagEnd, 0, nil), framePing, flagEnd, 0, []byte("12345678")); !bytes.Equal(reply, want) {
			t.Errorf("%s: replied %q, expected settings and ping to be acknowledged", c.why, reply)
		}
	}
	if got, err := d.read([]byte("HTTP/1.1 400 Bad Request\r\n"), true, time.Time{}); err == nil {
		t.Errorf("HTTP/1.1 is taken for gRPC: %+v", got)
	}
}

// Lines of engines are read, and those that cannot be are refused.
func TestEngineLines(t *testing.T) {
	l, err := parseLine([]byte(`{"notice":{"account":3,"threshold":75,"period_ms":1767225600000.5,"usage":80}}`))
	if err != nil || l.Notice == nil || l.Notice.Account != 3 || Nanoseconds(l.Notice.Period, 0) != 1767225600000500000 || *l.Notice.Usage != 80 || Nanoseconds(l.Notice.AsOf, 7) != 7 {
		t.Errorf("%+v, %v", l.Notice, err)
	}
	for text, want := range map[string]string{
		`{"notice":{"threshold":75}}`:                           "expected the id of an account in a notice, found 0",
		`{"notice":{"account":1}}`:                              "expected a threshold in percent in a notice to account 1, found 0",
		`{"notice":{"account":1,"threshold":75,"limit":0}}`:     "expected a limit of at least 1",
		`{"notice":{"account":1,"threshold":75,"as_of_ms":-1}}`: "expected instants in milliseconds since 1970",
	} {
		if _, err := parseLine([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %q", text, err, want)
		}
	}
	id := int64(4)
	for _, c := range []struct {
		decides bool
		a       answer
		want    string
	}{
		{false, answer{ID: &id}, "expected ok (true) or error in the answer to request 4"},
		{false, answer{ID: &id, OK: true}, ""},
		{true, answer{ID: &id, OK: true}, "expected allowed or error in the answer to request 4"},
		{false, answer{ID: &id, Error: "x", Kind: "sad"}, "expected the kind of the error of request 4 to be one of"},
	} {
		if err := c.a.check(c.decides); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, expected %q", c.a, err, c.want)
		}
	}
	got := AccountOf(7, usage.Segment{Kind: usage.Period, Anchor: 1_000_000_500, Limit: 9})
	if d := cmp.Diff(Account{ID: 7, Limit: 9, Plan: "period", Anchor: "1000.000"}, got); d != "" {
		t.Error(d)
	}
}
