package present

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/summary"
)

// promUnits are the ends of metrics' names by base unit.
var promUnits = map[string]string{"s": "_seconds", "ratio": "_ratio", "tokens": "_tokens"}

// promMetrics are a summary's metrics under their names and tags for
// Prometheus, as a run has them that is over: counts and values are gauges, and
// distributions are summaries whose quantiles 0 and 1 are the least and the
// greatest sample. Those that a run shows while it goes on (package meter) are
// histograms, as there, with their quantiles beside them.
func promMetrics(s *summary.Measured) (prometheus.Gatherer, error) {
	c := &promCollector{}
	seen := map[string]bool{}
	for _, m := range s.Metrics {
		if seen[m.Name] {
			continue
		}
		seen[m.Name] = true
		for _, one := range s.Series(metric.Selector{Metric: m.Name}) {
			c.metric(one)
		}
	}
	c.gauge("run_valid", "1 if the run did what its scenario asked: only then its figures mean something.", truth(s.Valid))
	c.gauge("run_ok", "1 if the run is valid and every assertion holds.", truth(s.OK))
	c.gauge("run_started_timestamp_seconds", "When the run began.", float64(s.Started.UnixMilli())/1000)
	c.gauge("run_info", "1, with what run it was.", 1, "seed", strconv.FormatUint(s.Seed, 10), "clock", s.Clock, "plan", s.PlanHash, "record", s.RecordHash, "build", s.Versions["quotalab"])
	c.assertions(s.Assertions)
	registry := prometheus.NewRegistry()
	return registry, errors.Join(append(c.errs, registry.Register(c))...)
}

// promCollector holds metrics that do not change.
type promCollector struct {
	all  []prometheus.Metric
	errs []error
}

func (c *promCollector) Describe(chan<- *prometheus.Desc) {} // they are checked when they are gathered

func (c *promCollector) Collect(to chan<- prometheus.Metric) {
	for _, m := range c.all {
		to <- m
	}
}

func (c *promCollector) add(m prometheus.Metric, err error) {
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("metrics for Prometheus: %w", err))
		return
	}
	c.all = append(c.all, m)
}

func (c *promCollector) metric(m summary.Series) {
	about, _ := metric.Find(m.Name)
	values := make([]string, len(about.Tags))
	for i, tag := range about.Tags {
		values[i] = metric.Escaped(m.Tags[tag]) // different names stay so; Prometheus takes an empty label for none
	}
	desc := prometheus.NewDesc("quotalab_"+m.Name+promUnits[m.Unit], about.About, about.Tags, nil)
	switch {
	case m.Value != nil:
		c.add(prometheus.NewConstMetric(desc, prometheus.GaugeValue, *m.Value, values...))
	case m.Avg == nil:
		c.add(prometheus.NewConstMetric(desc, prometheus.GaugeValue, float64(m.Count), values...))
	default:
		samples, sum := uint64(m.Count), *m.Avg*float64(m.Count)
		quantiles := map[float64]float64{0: *m.Min, 0.5: *m.Med, 0.9: *m.P90, 0.95: *m.P95, 0.99: *m.P99, 0.999: *m.P999, 1: *m.Max}
		if !slices.Contains([]string{"latency", "lag", "sojourn"}, m.Name) {
			c.add(prometheus.NewConstSummary(desc, samples, sum, quantiles, values...))
			return
		}
		c.add(prometheus.NewConstHistogram(desc, samples, sum, buckets(m), values...))
		desc = prometheus.NewDesc("quotalab_"+m.Name+"_quantile"+promUnits[m.Unit], about.About+": its quantiles", append(slices.Clone(about.Tags), "quantile"), nil)
		for q, v := range quantiles {
			c.add(prometheus.NewConstMetric(desc, prometheus.GaugeValue, v, append(slices.Clone(values), strconv.FormatFloat(q, 'f', -1, 64))...))
		}
	}
}

// buckets returns how many samples of a time are at or below each bound, within the
// 0.1 % that samples are kept to.
func buckets(m summary.Series) map[float64]uint64 {
	counts := map[float64]uint64{}
	for _, bound := range metric.Buckets {
		counts[bound] = 0
	}
	for _, bar := range m.Histogram(longest).Distribution() {
		for _, bound := range metric.Buckets {
			if bar.Count > 0 && float64(bar.From) <= bound*1e9 {
				counts[bound] += uint64(bar.Count)
			}
		}
	}
	return counts
}

// gauge adds one with labels: names and values in turn.
func (c *promCollector) gauge(name, help string, v float64, labels ...string) {
	constant := prometheus.Labels{}
	for i := 0; i < len(labels); i += 2 {
		constant[labels[i]] = metric.Escaped(labels[i+1])
	}
	c.add(prometheus.NewConstMetric(prometheus.NewDesc("quotalab_"+name, help, nil, constant), prometheus.GaugeValue, v))
}

// assertions adds them by metric and check; of those that differ in their windows only,
// all must hold.
func (c *promCollector) assertions(all []summary.Assertion) {
	for i, a := range all {
		holds, told := true, false
		for j, b := range all {
			if a.Metric == b.Metric && a.Check == b.Check {
				holds = holds && b.OK
				told = told || j < i
			}
		}
		if !told {
			c.gauge("assertion_holds", "1 if the assertion of the scenario holds; unknown does not.", truth(holds), "metric", a.Metric, "check", a.Check)
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// pushTimeout is the longest that a Pushgateway may take to answer.
const pushTimeout = 10 * time.Second

// mostOfAnswer is how much of a refusal is shown, in bytes.
const mostOfAnswer = 1 << 10

// ErrNoAnswer is in the error of Push when the Pushgateway did not answer, in
// contrast to one that refused.
var ErrNoAnswer = errors.New("no answer")

// Gateway is a Prometheus Pushgateway.
type Gateway struct {
	URL      string        // without a user
	Username string        // of basic authentication, "" for none
	Password string        // never shown
	Timeout  time.Duration // of a push; 0: ten seconds
}

// ParseGateway reads an address such as http://localhost:9091 or
// https://user@metrics.example.org/push. A password in it is refused, and never
// shown: command lines can be read by others.
func ParseGateway(address string) (Gateway, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The error of url.Parse has parts of the address in it.
		return Gateway{}, errors.New("expected the URL of a Pushgateway, such as http://localhost:9091")
	}
	g := Gateway{Username: u.User.Username()}
	_, hasPassword := u.User.Password()
	alone := u.RawQuery == "" && u.Fragment == "" && !strings.Contains(u.Path, "/metrics/")
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	g.URL = strings.TrimSuffix(u.String(), "/")
	switch {
	case hasPassword:
		return Gateway{}, fmt.Errorf("%s: found a password in the URL, where others can read it", g.URL)
	case !alone:
		return Gateway{}, fmt.Errorf("%s: expected the URL of the Pushgateway alone, without a query: the rest is added", g.URL)
	}
	return g, nil
}

func (g Gateway) String() string { return g.URL }

// Push sends the metrics of summaries, each under job "quotalab" and its scenario, in
// the place of what an earlier run of the scenario left there. Several of one
// scenario are told apart by their number, from 1: run="2".
func (g Gateway) Push(ctx context.Context, runs ...*summary.Measured) error {
	of, seen := map[string]int{}, map[string]int{}
	for _, s := range runs {
		of[s.Scenario]++
	}
	var errs []error
	for _, s := range runs {
		seen[s.Scenario]++
		key := map[string]string{"scenario": metric.Escaped(s.Scenario)}
		if of[s.Scenario] > 1 {
			key["run"] = strconv.Itoa(seen[s.Scenario])
		}
		err := g.push(ctx, s, key)
		if errors.Is(err, ErrNoAnswer) {
			return errors.Join(append(errs, err)...) // the others would wait as long
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (g Gateway) push(ctx context.Context, s *summary.Measured, key map[string]string) error {
	metrics, err := promMetrics(s)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: g.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // following one would turn the push into a mere look
	}}
	if client.Timeout == 0 {
		client.Timeout = pushTimeout
	}
	p := push.New(g.URL, "quotalab").Gatherer(metrics).Client(doer{client})
	for name, value := range key {
		p = p.Grouping(name, value)
	}
	if g.Username != "" || g.Password != "" {
		p = p.BasicAuth(g.Username, g.Password)
	}
	err = p.PushContext(ctx)
	if err != nil && !errors.Is(err, ErrNoAnswer) { // it has the answer in it
		err = errors.New(metric.Printable(strings.TrimSpace(err.Error())))
	}
	if err != nil {
		return fmt.Errorf("pushing to %s: %w", g, err)
	}
	return nil
}

// doer tells silence from refusal, and reads no endless answer.
type doer struct{ client *http.Client }

func (d doer) Do(req *http.Request) (*http.Response, error) {
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, mostOfAnswer), resp.Body}
	return resp, nil
}
