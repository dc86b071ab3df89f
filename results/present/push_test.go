package present_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// pushed is a request that a Pushgateway got.
type pushed struct {
	method, path, user, password string
	families                     map[string]*dto.MetricFamily
}

// gateway answers as answer says, and remembers the last push.
func gateway(t *testing.T, answer http.HandlerFunc) (url string, last *pushed) {
	t.Helper()
	last = &pushed{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = pushed{method: r.Method, path: r.URL.Path, families: map[string]*dto.MetricFamily{}}
		last.user, last.password, _ = r.BasicAuth()
		for d := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header)); ; {
			var f dto.MetricFamily
			if err := d.Decode(&f); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("the body of a push: %v", err)
				break
			}
			last.families[f.GetName()] = &f
		}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, last
}

func accepted(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }

// find the sample with just these labels.
func find(f *dto.MetricFamily, labels map[string]string) *dto.Metric {
	for _, m := range f.GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			if l.GetValue() != "" { // to Prometheus an empty label is none
				has[l.GetName()] = l.GetValue()
			}
		}
		if maps.Equal(has, labels) {
			return m
		}
	}
	return nil
}

// A push has every metric of the summary under its name and tags, under a key
// of job and scenario.
func TestPush(t *testing.T) {
	url, last := gateway(t, accepted)
	_, s := sample(t)
	s.Scenario, s.Started = "a/b c", time.UnixMilli(1_700_000_000_500)
	s.Versions = map[string]string{"quotalab": "v1.2.3"}
	g, err := present.ParseGateway(strings.Replace(url, "http://", "http://ci@", 1) + "/")
	if err != nil {
		t.Fatal(err)
	}
	g.Password = "secret"
	if err := g.Push(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if last.method != http.MethodPut || last.path != "/metrics/job/quotalab/scenario@base64/YS9iIGM" || last.user != "ci" || last.password != "secret" {
		t.Errorf("%s %s by %q with password %q", last.method, last.path, last.user, last.password)
	}
	units := map[string]string{"s": "_seconds", "ratio": "_ratio", "tokens": "_tokens"}
	for i := range s.Metrics {
		m := &s.Metrics[i]
		got := find(last.families["quotalab_"+m.Name+units[m.Unit]], m.Tags)
		if of := last.families["quotalab_"+m.Name+"_quantile"+units[m.Unit]]; of != nil {
			checkHistogram(t, m, got, of)
			continue
		}
		if diff := cmp.Diff(numbers(m), numbersOf(got), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%s %v (-summary +pushed):\n%s", m.Name, m.Tags, diff)
		}
	}
	for _, c := range []struct {
		name   string
		labels map[string]string
		want   float64
	}{
		{"quotalab_run_valid", map[string]string{}, 0},
		{"quotalab_run_ok", map[string]string{}, 0},
		{"quotalab_run_started_timestamp_seconds", map[string]string{}, 1_700_000_000.5},
		{"quotalab_run_info", map[string]string{"seed": "7", "clock": "virtual", "plan": "abc", "record": s.RecordHash, "build": s.Versions["quotalab"]}, 1},
		{"quotalab_assertion_holds", map[string]string{"metric": "latency{decision=denied}", "check": "p(99) < 8ms"}, 1},
		{"quotalab_assertion_holds", map[string]string{"metric": "errors{limiter=nobody}", "check": "count == 0"}, 0},
	} {
		if got := find(last.families[c.name], c.labels); got == nil || got.GetGauge().GetValue() != c.want {
			t.Errorf("%s%v: %v, expected %v", c.name, c.labels, got, c.want)
		}
	}
}

// checkHistogram compares what was pushed of a time with the summary: the count, the
// sum, the samples in buckets on either side of quantiles, and each quantile by itself.
func checkHistogram(t *testing.T, m *summary.Metric, got *dto.Metric, quantiles *dto.MetricFamily) {
	t.Helper()
	h := got.GetHistogram()
	if int64(h.GetSampleCount()) != m.Count || h.GetSampleSum() != *m.Avg*float64(m.Count) || len(h.GetBucket()) != len(metric.Buckets) || h.GetBucket()[len(metric.Buckets)-1].GetCumulativeCount() != h.GetSampleCount() {
		t.Errorf("%s %v: %v", m.Name, m.Tags, h)
	}
	for q, value := range map[float64]float64{0.5: *m.Med, 0.9: *m.P90, 0.99: *m.P99} {
		for _, b := range h.GetBucket() {
			share := float64(b.GetCumulativeCount()) / float64(m.Count)
			if above := b.GetUpperBound() >= value; above && share < q || !above && share > q+1/float64(m.Count) {
				t.Errorf("%s %v: %v of the samples are up to %v s, and quantile %v is %v s", m.Name, m.Tags, share, b.GetUpperBound(), q, value)
			}
		}
	}
	for q, want := range map[string]float64{"0": *m.Min, "0.5": *m.Med, "0.99": *m.P99, "1": *m.Max} {
		labels := maps.Clone(m.Tags)
		labels["quantile"] = q
		if one := find(quantiles, labels); one.GetGauge().GetValue() != want {
			t.Errorf("%s %v: quantile %s is %v, expected %v", m.Name, m.Tags, q, one, want)
		}
	}
}

// numbers of a metric: the value, or the count, the sum and the quantiles.
func numbers(m *summary.Metric) map[float64]float64 {
	switch {
	case m.Value != nil:
		return map[float64]float64{-1: *m.Value}
	case m.Avg == nil:
		return map[float64]float64{-1: float64(m.Count)}
	}
	return map[float64]float64{-2: float64(m.Count), -3: *m.Avg * float64(m.Count),
		0: *m.Min, 0.5: *m.Med, 0.9: *m.P90, 0.95: *m.P95, 0.99: *m.P99, 0.999: *m.P999, 1: *m.Max}
}

func numbersOf(m *dto.Metric) map[float64]float64 {
	switch {
	case m == nil:
		return nil
	case m.Gauge != nil:
		return map[float64]float64{-1: m.GetGauge().GetValue()}
	}
	all := map[float64]float64{-2: float64(m.GetSummary().GetSampleCount()), -3: m.GetSummary().GetSampleSum()}
	for _, q := range m.GetSummary().GetQuantile() {
		all[q.GetQuantile()] = q.GetValue()
	}
	return all
}

// Assertions that differ in their windows only are one sample: all must hold.
func TestPushOfAssertionsOfSeveralWindows(t *testing.T) {
	url, last := gateway(t, accepted)
	_, s := sample(t)
	s.Assertions = []summary.Assertion{{Metric: "latency", Check: "max < 1s", OK: true}, {Metric: "latency", Check: "max < 1s"}}
	if err := (present.Gateway{URL: url}).Push(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if all := last.families["quotalab_assertion_holds"].GetMetric(); len(all) != 1 || all[0].GetGauge().GetValue() != 0 {
		t.Errorf("%v", all)
	}
}

// Whatever goes wrong, the error says what and where, tells silence from
// refusal, and never has the password.
func TestPushFails(t *testing.T) {
	_, s := sample(t)
	for _, c := range []struct {
		why      string
		answer   http.HandlerFunc
		noAnswer bool
		want     string
	}{
		{"a refusal", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "text\x1b[31m", http.StatusBadRequest) }, false, "unexpected status code 400 while pushing to http://"},
		{"no permission", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, false, "unexpected status code 401"},
		{"a redirection, which would make a look of the push", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
			}
		}, false, "unexpected status code 301"},
		{"an endless answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for range 1 << 10 {
				if _, err := w.Write(make([]byte, 1<<14)); err != nil {
					return
				}
			}
		}, false, "unexpected status code 500"},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, "no answer"},
		{"a connection that ends", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, "no answer"},
	} {
		url, _ := gateway(t, c.answer)
		g := present.Gateway{URL: url, Username: "ci", Password: "secret", Timeout: 300 * time.Millisecond}
		if !c.noAnswer {
			g.Timeout = 0
		}
		err := g.Push(t.Context(), s)
		if err == nil || errors.Is(err, present.ErrNoAnswer) != c.noAnswer || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), url) {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, "secret") || strings.Contains(text, "\x1b") || len(text) > 8<<10 {
			t.Errorf("%s: the error shows what it must not: %q", c.why, text)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	url, _ := gateway(t, accepted)
	if err := (present.Gateway{URL: url}).Push(over, s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestParseGateway(t *testing.T) {
	for _, c := range []struct{ address, want, user, err string }{
		{"http://localhost:9091", "http://localhost:9091", "", ""},
		{"https://ci@example.org/push/", "https://example.org/push", "ci", ""},
		{"http://ci:secret@localhost:9091", "", "", "http://localhost:9091: found a password in the URL"},
		{"http://ci:se/cret@localhost:9091", "", "", "expected the URL of a Pushgateway, such as"},
		{"localhost:9091", "", "", "expected the URL"},
		{"ftp://localhost", "", "", "expected the URL"},
		{"http://", "", "", "expected the URL"},
		{"http://localhost/metrics/job/x", "", "", "the URL of the Pushgateway alone"},
		{"http://localhost?x=secret#", "", "", "the URL of the Pushgateway alone"},
	} {
		g, err := present.ParseGateway(c.address)
		if c.err == "" && (err != nil || g.String() != c.want || g.Username != c.user) {
			t.Errorf("%s: %s by %q, %v", c.address, g, g.Username, err)
		}
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "cret")) {
			t.Errorf("%s: %v, expected %q without a secret", c.address, err, c.err)
		}
	}
}

// Whatever tags a metric of the catalogue has, Prometheus takes them beside the
// grouping key.
func TestTagsDoNotCollideWithTheGroupingKey(t *testing.T) {
	for _, m := range metric.Catalogue() {
		for _, tag := range m.Tags {
			if tag == "job" || tag == "scenario" || tag == "run" || tag == "quantile" || tag == "instance" {
				t.Errorf("%s has a tag %s", m.Name, tag)
			}
		}
	}
}
