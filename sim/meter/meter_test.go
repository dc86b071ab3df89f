package meter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/meter"
)

const ms = int64(time.Millisecond)

func observation(change ...func(*record.Observation)) *record.Observation {
	o := &record.Observation{Traffic: "main", Client: "wfe/3", Limiter: "gcra", Intended: 100 * ms, Sent: 101 * ms, Done: 111 * ms, Decision: record.Allowed, Key: record.Found}
	for _, c := range change {
		c(o)
	}
	return o
}

// serve a meter on a free port, and stop it at the test's end.
func serve(t *testing.T, m *meter.Meter) string {
	t.Helper()
	url, stop, err := m.Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// get the metrics in a format.
func get(t *testing.T, url, accept string) (expfmt.Format, io.ReadCloser) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, resp.Status)
	}
	return expfmt.ResponseFormat(resp.Header), resp.Body
}

// scrape as Prometheus does when its native histograms are on.
func scrape(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	format, body := get(t, url, protobuf)
	defer body.Close()
	families := map[string]*dto.MetricFamily{}
	for d := expfmt.NewDecoder(body, format); ; {
		var f dto.MetricFamily
		if err := d.Decode(&f); errors.Is(err, io.EOF) {
			return families
		} else if err != nil {
			t.Fatal(err)
		}
		families[f.GetName()] = &f
	}
}

// find the series with these labels, name=value,….
func find(t *testing.T, f *dto.MetricFamily, labels string) *dto.Metric {
	t.Helper()
	for _, m := range f.GetMetric() {
		var parts []string
		for _, l := range m.GetLabel() {
			parts = append(parts, l.GetName()+"="+l.GetValue())
		}
		if strings.Join(parts, ",") == labels {
			return m
		}
	}
	t.Fatalf("%s has no series {%s}: %v", f.GetName(), labels, f)
	return nil
}

func TestMeter(t *testing.T) {
	m := meter.New(nil)
	flying := int64(7)
	if err := m.InFlight(func() int64 { return flying }); err != nil {
		t.Fatal(err)
	}
	write := func(n int, change ...func(*record.Observation)) {
		for range n {
			if err := m.Write(observation(change...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(3)
	write(2, func(o *record.Observation) { o.Client = "wfe/9999" })
	write(4, func(o *record.Observation) { o.Decision, o.Error, o.Key = record.Errored, "timeout", record.Unread })
	write(1, func(o *record.Observation) { o.Decision, o.Error, o.Key = record.FailOpen, "timeout", record.Unread })
	write(6, func(o *record.Observation) {
		o.Decision, o.Key, o.Client, o.Sent, o.Done = record.Dropped, record.Unread, "", -1, 100*ms
	})
	url := serve(t, m)
	families := scrape(t, url)
	const found = "client=wfe,decision=allowed,key=found,limiter=gcra,traffic=main"
	for _, c := range []struct {
		name, labels string
		want         float64
		why          string
	}{
		{"quotalab_decisions_total", found, 5, "instances of a client are one"},
		{"quotalab_decisions_total", "client=wfe,decision=error,key=unread,limiter=gcra,traffic=main", 4, "outcomes are apart"},
		{"quotalab_decisions_total", "client=,decision=dropped,key=unread,limiter=gcra,traffic=main", 6, "a drop is an outcome"},
		{"quotalab_errors_total", "error=timeout,limiter=gcra", 5, "errors, let through or not"},
		{"quotalab_dropped_total", "traffic=main", 6, "drops by source"},
	} {
		if got := find(t, families[c.name], c.labels).GetCounter().GetValue(); got != c.want {
			t.Errorf("%s{%s} is %v, want %v: %s", c.name, c.labels, got, c.want, c.why)
		}
	}
	if got := families["quotalab_in_flight"].GetMetric()[0].GetGauge().GetValue(); got != 7 {
		t.Errorf("in flight %v, want 7", got)
	}
	for name, want := range map[string]float64{"latency": 0.010, "lag": 0.001, "sojourn": 0.011} {
		h := find(t, families["quotalab_"+name+"_seconds"], found).GetHistogram()
		if h.GetSampleCount() != 5 || math.Abs(h.GetSampleSum()-5*want) > 1e-9 {
			t.Errorf("%s: %d samples, sum %v; want 5 of %v", name, h.GetSampleCount(), h.GetSampleSum(), want)
		}
		// A native histogram of factor 1.1 has schema 3: bucket i ends at 2^(i/8).
		if bound := math.Pow(2, float64(h.GetPositiveSpan()[0].GetOffset())/8); h.GetSchema() != 3 || len(h.GetBucket()) != len(metric.Buckets) || want > bound || want < bound/1.1 {
			t.Errorf("%s: schema %d, first bucket ends at %v, %d classic buckets; want schema 3, classic buckets too and a bucket that holds %v", name, h.GetSchema(), bound, len(h.GetBucket()), want)
		}
		for _, m := range families["quotalab_"+name+"_seconds"].GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetValue() == "dropped" {
					t.Errorf("%s of a drop, which took no time", name)
				}
			}
		}
	}
	flying = 8
	write(1)
	families = scrape(t, url)
	if got := find(t, families["quotalab_decisions_total"], found).GetCounter().GetValue(); got != 6 || families["quotalab_in_flight"].GetMetric()[0].GetGauge().GetValue() != 8 {
		t.Errorf("a later scrape shows %v allowed, want 6, and the gauge as it is then", got)
	}
}

// Every series says which run it is of.
func TestConstantLabels(t *testing.T) {
	m := meter.New(map[string]string{"scenario": "mine", "run": "today", "build": "v1"})
	if err := m.InFlight(func() int64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(observation()); err != nil {
		t.Fatal(err)
	}
	for name, f := range scrape(t, serve(t, m)) {
		for _, one := range f.GetMetric() {
			has := map[string]string{}
			for _, l := range one.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			if has["scenario"] != "mine" || has["run"] != "today" || has["build"] != "v1" {
				t.Errorf("%s is of %v", name, has)
			}
		}
	}
}

// What the dashboard for Grafana asks for is what a meter shows, by the labels that it
// has.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "grafana", "quotalab.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	m := meter.New(map[string]string{"scenario": "mine", "run": "today"})
	if err := m.InFlight(func() int64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	for _, decision := range []record.Decision{record.Allowed, record.Errored, record.Dropped} {
		if err := m.Write(observation(func(o *record.Observation) { o.Decision, o.Error = decision, "timeout" })); err != nil {
			t.Fatal(err)
		}
	}
	labels := map[string]map[string]bool{} // by metric
	for name, f := range scrape(t, serve(t, m)) {
		labels[name] = map[string]bool{"le": f.GetType() == dto.MetricType_HISTOGRAM}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[name][l.GetName()] = true
		}
	}
	check := func(where, query, legend string) {
		names := regexp.MustCompile(`quotalab_\w+`).FindAllString(query, -1)
		if len(names) == 0 {
			t.Errorf("%s asks for nothing of quotalab's: %s", where, query)
		}
		for _, name := range names {
			has := labels[strings.TrimSuffix(name, "_bucket")]
			if has == nil || strings.HasSuffix(name, "_bucket") && !has["le"] {
				t.Errorf("%s asks for %s, which a meter does not show", where, name)
				continue
			}
			used := regexp.MustCompile(`by \(([^)]*)\)|([a-z_]+)(?:=~|!=|=")|\{\{([a-z]+)\}\}`)
			for _, match := range used.FindAllStringSubmatch(query+legend, -1) {
				for _, label := range strings.Split(strings.Join(match[1:], ""), ", ") {
					if !has[label] {
						t.Errorf("%s asks for the label %s of %s, which has %v", where, label, name, has)
					}
				}
			}
		}
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			check(p.Title, target.Expr, target.LegendFormat)
		}
	}
	for _, v := range board.Templating.List {
		if v.Definition != "" {
			check("variable "+v.Name, v.Definition, "")
		}
	}
	if len(board.Panels) < 8 {
		t.Errorf("%d panels", len(board.Panels))
	}
}

// TestTextFormats: what a person with curl sees is well formed.
func TestTextFormats(t *testing.T) {
	m := meter.New(nil)
	if err := m.Write(observation(func(o *record.Observation) { o.Limiter = "odd \"name\"\n" })); err != nil {
		t.Fatal(err)
	}
	url := serve(t, m)
	_, body := get(t, url, "text/plain")
	defer body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		t.Fatal(err)
	}
	if got := families["quotalab_latency_seconds"].GetMetric()[0].GetHistogram().GetSampleCount(); got != 1 {
		t.Errorf("latency has %d samples, want 1", got)
	}
	for name, f := range families {
		if f.GetHelp() == "" || !strings.HasPrefix(name, "quotalab_") {
			t.Errorf("%s: help %q", name, f.GetHelp())
		}
	}
	_, open := get(t, url, "application/openmetrics-text;version=1.0.0")
	defer open.Close()
	text, err := io.ReadAll(open)
	if err != nil || !strings.HasSuffix(string(text), "# EOF\n") || !strings.Contains(string(text), "# TYPE quotalab_decisions counter\n") {
		t.Errorf("OpenMetrics, error %v:\n%s", err, text)
	}
}

func TestServe(t *testing.T) {
	url, stop, err := meter.New(nil).Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics")
	if _, _, err := meter.New(nil).Serve(host); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), host) {
		t.Errorf("on a port that is taken: error %v", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range []struct {
		method, path string
		status       int
		why          string
	}{
		{http.MethodGet, "/", http.StatusOK, "leads to the metrics"},
		{http.MethodGet, "/other", http.StatusNotFound, "nothing else is served"},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed, "and nothing can be changed"},
	} {
		req, err := http.NewRequest(c.method, "http://"+host+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: %s, want %d: %s", c.method, c.path, resp.Status, c.status, c.why)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", host); err == nil {
		conn.Close()
		t.Error("it still listens after stop")
	}
	goleak.VerifyNone(t)
	for _, addr := range []string{"nonsense", "127.0.0.1:notaport", "256.1.1.1:0"} {
		if _, _, err := meter.New(nil).Serve(addr); err == nil || !strings.Contains(err.Error(), "expected host:port") {
			t.Errorf("%s: error %v", addr, err)
		}
	}
}

// TestNoListenerOfItsOwn: a meter that is not asked to serve does nothing
// but count, and two do not know of one another.
func TestNoListenerOfItsOwn(t *testing.T) {
	a, b := meter.New(nil), meter.New(nil)
	if err := errors.Join(a.Write(observation()), b.Write(observation()), b.Write(observation())); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t)
	labels := "client=wfe,decision=allowed,key=found,limiter=gcra,traffic=main"
	if got := find(t, scrape(t, serve(t, a))["quotalab_decisions_total"], labels).GetCounter().GetValue(); got != 1 {
		t.Errorf("%v decisions, want its own one", got)
	}
}

// TestConcurrent: run with -race.
func TestConcurrent(t *testing.T) {
	m := meter.New(nil)
	url := serve(t, m)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				o := observation(func(o *record.Observation) {
					o.Client, o.Error = fmt.Sprintf("c%d/%d", i%3, g), []string{"", "timeout"}[i%2]
				})
				if err := m.Write(o); err != nil {
					t.Error(err)
				}
			}
		})
	}
	scrape(t, url)
	wg.Wait()
	total := 0.0
	for _, s := range scrape(t, url)["quotalab_decisions_total"].GetMetric() {
		total += s.GetCounter().GetValue()
	}
	if total != 4000 {
		t.Errorf("%v of 4,000 observations counted", total)
	}
}

func TestContentTypes(t *testing.T) {
	url := serve(t, meter.New(nil))
	format, body := get(t, url, "*/*")
	body.Close()
	if kind, _, err := mime.ParseMediaType(string(format)); err != nil || kind != "text/plain" {
		t.Errorf("by default it answers %q, error %v; want text/plain", format, err)
	}
}

func BenchmarkWrite(b *testing.B) {
	m := meter.New(nil)
	var list []*record.Observation
	for i := range 64 {
		list = append(list, observation(func(o *record.Observation) {
			o.Done += int64(i) * ms / 7
			o.Decision = []record.Decision{record.Allowed, record.Denied}[i%2]
		}))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := m.Write(list[i%len(list)]); err != nil {
			b.Fatal(err)
		}
	}
}

// What other machines can reach is said.
func TestExposed(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1:0": "", "localhost:0": "", ":0": " of every interface", "0.0.0.0:0": " of every interface"} {
		m := meter.New(nil)
		_, stop, err := m.Serve(addr)
		if err != nil {
			t.Fatal(err)
		}
		if (m.Exposed == "") != (want == "") || !strings.HasSuffix(m.Exposed, want) {
			t.Errorf("%s: exposed at %q, expected %q", addr, m.Exposed, want)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}
