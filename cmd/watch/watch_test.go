package watch

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// serve a run of one limiter, which is to make n decisions.
func serve(t *testing.T) (*Server, *series.Live) {
	t.Helper()
	m := record.Manifest{Scenario: "</script>&watched", Clock: "virtual", Horizon: 10 * time.Second, Shards: []string{"a"}, Clients: []record.Client{{Name: "c"}},
		Traffic: []record.Traffic{{Name: "main"}}, Limiters: []record.Limiter{{Name: "l"}}, Asserts: []record.Assertion{{Selector: "errors", Check: "count == 0"}}}
	live, err := series.NewLive(m, 1000)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(":0", func(show func(Page)) {
		live.Look(func(set *series.Set) { show(report.Watched{Set: set, At: 5, Progress: " 7 requests/s"}) })
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if s.Exposed() != "" || !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
		t.Fatalf("without a host it listens at %s, exposed at %q: expected this machine alone", s.URL(), s.Exposed())
	}
	return s, live
}

func decide(t *testing.T, live *series.Live, n int) {
	t.Helper()
	for i := range n {
		at := int64(i) * int64(5*time.Millisecond)
		o := record.Observation{Traffic: "main", Client: "c", Limiter: "l", Intended: at, Sent: at, Done: at + 2e6, Decision: record.Allowed, Key: record.Found, RoundTrips: 1,
			Touched: []record.Touch{{Shard: "a", Commands: 1}}}
		if err := live.Observe(&o); err != nil {
			t.Fatal(err)
		}
	}
}

// Who has no token, comes by another name or asks for something else gets nothing.
func TestAnswersNobodyElse(t *testing.T) {
	s, _ := serve(t)
	for _, tt := range []struct {
		why, method, host, target string
		want                      int
	}{
		{"the page", "GET", "127.0.0.1:1", "/?token=" + s.token, 200},
		{"by a forwarded port", "GET", "localhost:9999", "/?token=" + s.token, 200},
		{"by IPv6", "GET", "[::1]:80", "/?token=" + s.token, 200},
		{"a head", "HEAD", "127.0.0.1", "/?token=" + s.token, 200},
		{"no token", "GET", "127.0.0.1", "/", 403},
		{"a wrong token", "GET", "127.0.0.1", "/?token=" + s.token[1:], 403},
		{"a wrong token for the stream", "GET", "127.0.0.1", "/events?token=x", 403},
		{"no token for what there is not", "GET", "127.0.0.1", "/report", 403},
		{"DNS rebinding", "GET", "evil.example:80", "/?token=" + s.token, 403},
		{"a name that ends alike", "GET", "evil.localhost", "/?token=" + s.token, 403},
		{"no host", "GET", "", "/?token=" + s.token, 403},
		{"something else", "GET", "127.0.0.1", "/favicon.ico?token=" + s.token, 404},
		{"a path below", "GET", "127.0.0.1", "/events/x?token=" + s.token, 404},
		{"a change", "POST", "127.0.0.1", "/?token=" + s.token, 405},
	} {
		r := httptest.NewRequest(tt.method, tt.target, nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: status %d, expected %d", tt.why, w.Code, tt.want)
		}
		if secret := strings.Contains(w.Body.String(), s.token) || w.Code != 200 && strings.Contains(w.Body.String(), "watched"); secret {
			t.Errorf("%s: the answer holds the token or the page", tt.why)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, expected %q", tt.why, name, got, want)
			}
		}
	}
}

// The page is the run as it is, its stream what follows, and then the report.
func TestPageAndStream(t *testing.T) {
	s, live := serve(t)
	page := func() string {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/?token="+s.token, nil))
		return w.Body.String()
	}
	if p := page(); !strings.Contains(p, "Nothing has been decided yet") || !strings.Contains(p, "connect-src &#39;self&#39;") || strings.Contains(p, "</script>&watched") {
		t.Errorf("before the first decision: %.2000s", p)
	}
	decide(t, live, 500)
	for _, want := range []string{"RUNNING", "5s of 10s in virtual time, 500 observations, 7\u00a0requests/s", `id="explorer-data"`, "errors: count == 0"} {
		if p := page(); !strings.Contains(p, want) && !strings.Contains(p, strings.ReplaceAll(want, "\u00a0", " ")) {
			t.Errorf("the page lacks %q", want)
		}
	}
	response, err := http.Get(strings.Replace(s.URL(), "/?", "/events?", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	next := func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(line, "\n")
	}
	for line := next(); line != ""; line = next() { // there was no view, or the first is there
	}
	decide(t, live, 100)
	s.refresh()
	data, found := "", false
	for !found {
		data, found = strings.CutPrefix(next(), "data: ")
	}
	var html string
	if err := json.Unmarshal([]byte(data), &html); err != nil || !strings.Contains(html, `data-v="600"`) && !strings.Contains(html, ">600<") {
		t.Errorf("error %v, view without the 600 decisions: %.3000s", err, html)
	}
	s.Report([]byte("<p>the report</p>"))
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasSuffix(string(rest), "event: end\ndata:\n\n") {
		t.Errorf("error %v, the stream ends with %q", err, rest)
	}
	if p := page(); p != "<p>the report</p>" {
		t.Errorf("the page is %q, expected the report", p)
	}
}

func TestRefusedAddresses(t *testing.T) {
	for _, addr := range []string{"8080", "localhost:none", "256.1.1.1:0"} {
		if s, err := Serve(addr, nil); err == nil {
			t.Errorf("%s: it listens at %s, expected an error", addr, s.URL())
		}
	}
}
