package export

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
)

// promUnits are the ends of metrics' names by base unit.
var promUnits = map[string]string{"s": "_seconds", "ratio": "_ratio", "tokens": "_tokens"}

// promMetrics are a summary's metrics under their names and tags for
// Prometheus, as a run has them that is over: counts and values are gauges, and
// distributions are summaries whose quantiles 0 and 1 are the least and the
// greatest sample.
func promMetrics(s *measure.Summary) (prometheus.Gatherer, error) {
	c := &promCollector{}
	for i := range s.Metrics {
		c.metric(&s.Metrics[i])
	}
	c.gauge("run_valid", "1 if the run did what its scenario asked: only then its figures mean something.", truth(s.Valid))
	c.gauge("run_ok", "1 if the run is valid and every assertion holds.", truth(s.OK))
	c.gauge("run_started_timestamp_seconds", "When the run began.", float64(s.Started.UnixMilli())/1000)
	c.gauge("run_info", "1, with what run it was.", 1, "seed", strconv.FormatUint(s.Seed, 10), "clock", s.Clock, "plan", s.PlanHash, "record", s.RecordHash)
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

func (c *promCollector) metric(m *measure.Metric) {
	about, _ := metric.Find(m.Name)
	values := make([]string, len(about.Tags))
	for i, tag := range about.Tags {
		values[i] = m.Tags[tag] // Prometheus takes an empty label for none
	}
	desc := prometheus.NewDesc("quotalab_"+m.Name+promUnits[m.Unit], about.About, about.Tags, nil)
	switch {
	case m.Value != nil:
		c.add(prometheus.NewConstMetric(desc, prometheus.GaugeValue, *m.Value, values...))
	case m.Avg == nil:
		c.add(prometheus.NewConstMetric(desc, prometheus.GaugeValue, float64(m.Count), values...))
	default:
		quantiles := map[float64]float64{0: *m.Min, 0.5: *m.Med, 0.9: *m.P90, 0.95: *m.P95, 0.99: *m.P99, 0.999: *m.P999, 1: *m.Max}
		c.add(prometheus.NewConstSummary(desc, uint64(m.Count), *m.Avg*float64(m.Count), quantiles, values...))
	}
}

// gauge with labels: names and values in turn.
func (c *promCollector) gauge(name, help string, v float64, labels ...string) {
	constant := prometheus.Labels{}
	for i := 0; i < len(labels); i += 2 {
		constant[labels[i]] = labels[i+1]
	}
	c.add(prometheus.NewConstMetric(prometheus.NewDesc("quotalab_"+name, help, nil, constant), prometheus.GaugeValue, v))
}

// assertions by metric and check; of those that differ in their windows only,
// all must hold.
func (c *promCollector) assertions(all []measure.Assertion) {
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
