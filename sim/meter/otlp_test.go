package meter_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/meter"
)

// got is what a collector was sent last, by name.
type got struct {
	mu       sync.Mutex
	path     string
	resource string
	metrics  map[string]*otlp.Metric
}

// ServeHTTP takes what an exporter sends.
func (g *got) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	data, _ := io.ReadAll(body)
	var sent collector.ExportMetricsServiceRequest
	if err := proto.Unmarshal(data, &sent); err != nil || len(sent.GetResourceMetrics()) != 1 {
		http.Error(w, "expected metrics", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.path, g.resource, g.metrics = r.URL.Path, sent.GetResourceMetrics()[0].GetResource().String(), map[string]*otlp.Metric{}
	for _, scope := range sent.GetResourceMetrics()[0].GetScopeMetrics() {
		for _, m := range scope.GetMetrics() {
			g.metrics[m.GetName()] = m
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// A collector has at the end what a scrape would have had: counters with the labels of the
// run, and histograms of as fine buckets.
func TestSend(t *testing.T) {
	g := &got{}
	server := httptest.NewServer(g)
	m := meter.New(map[string]string{"scenario": "watched"})
	stop, err := m.Send(server.URL, "v1.2.3", time.Hour, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		o := record.Observation{Traffic: "main", Client: "wfe/1", Limiter: "gcra", Sent: 10, Done: int64(i+1) * 1e6, Decision: record.Allowed, Key: record.Found}
		if err := m.Write(&o); err != nil {
			t.Fatal(err)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	server.Close()
	goleak.VerifyNone(t)
	if g.path != "/v1/metrics" || !strings.Contains(g.resource, `"quotalab"`) || !strings.Contains(g.resource, `"v1.2.3"`) {
		t.Errorf("sent to %s, of %s", g.path, g.resource)
	}
	decisions := g.metrics["quotalab_decisions_total"].GetSum()
	if !decisions.GetIsMonotonic() || decisions.GetAggregationTemporality() != otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE || decisions.GetDataPoints()[0].GetAsDouble() != 100 {
		t.Errorf("decisions: %v", g.metrics["quotalab_decisions_total"])
	}
	if text := decisions.String(); !strings.Contains(text, `"watched"`) || !strings.Contains(text, `"wfe"`) {
		t.Errorf("decisions without their labels: %s", text)
	}
	latency := g.metrics["quotalab_latency_seconds"].GetExponentialHistogram().GetDataPoints()
	if len(latency) != 1 || latency[0].GetCount() != 100 || len(latency[0].GetPositive().GetBucketCounts()) < 30 {
		t.Errorf("latency: expected an exponential histogram of 100, found %v", g.metrics["quotalab_latency_seconds"])
	}
}

// A collector that is not there spoils no run, and is told of.
func TestSendToNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, to := range []string{server.URL, server.URL + "/elsewhere", "http://127.0.0.1:1"} {
		told := make(chan error, 2)
		stop, err := meter.New(nil).Send(to, "", time.Millisecond, func(err error) { told <- err })
		if err != nil {
			t.Fatal(err)
		}
		<-told
		time.Sleep(20 * time.Millisecond) // others fail
		if err := stop(); err == nil || !strings.Contains(err.Error(), "sending metrics to "+to) {
			t.Errorf("%s: %v", to, err)
		}
		if len(told) > 0 {
			t.Errorf("%s: told again: %v", to, <-told)
		}
	}
	for _, to := range []string{"localhost:4318", "grpc://localhost:4317", "http://", "http://user:secret@localhost:4318", "http://localhost:4318/?key=secret", ":"} {
		if _, err := meter.New(nil).Send(to, "", time.Second, nil); err == nil || !strings.Contains(err.Error(), "expected the URL of a collector") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", to, err)
		}
	}
}
