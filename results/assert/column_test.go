package assert_test

import (
	"testing"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/summary"
)

func TestColumn(t *testing.T) {
	value := func(v float64) *float64 { return &v }
	tags := func(limiter string) map[string]string { return map[string]string{"limiter": limiter} }
	s := &summary.Measured{Summary: &summary.Summary{MeasuredSeconds: 10, Metrics: []summary.Metric{
		{Name: "decisions", Tags: map[string]string{"limiter": "a", "decision": "allowed"}, Unit: "count", Count: 40},
		{Name: "decisions", Tags: map[string]string{"limiter": "b", "decision": "allowed"}, Unit: "count", Count: 60},
		{Name: "worst_excess", Tags: tags("a"), Unit: "tokens", Value: value(3)},
		{Name: "worst_excess", Tags: tags("b"), Unit: "tokens", Value: value(5)},
		{Name: "worst_excess", Tags: tags("c"), Unit: "tokens", Value: value(4)},
		{Name: "shard_balance", Tags: map[string]string{"limiter": "a", "of": "keys", "stat": "cv"}, Value: value(0.1)},
		{Name: "shard_balance", Tags: map[string]string{"limiter": "b", "of": "keys", "stat": "cv"}, Value: value(0.2)},
	}}}
	for _, c := range []struct {
		why, column string
		want        float64
		known       bool
	}{
		{"counters are summed", "decisions count", 100, true},
		{"a rate is over the measured time", "decisions{limiter=b} rate", 6, true},
		{"no denial among many decisions is none", "decisions{decision=denied} count", 0, true},
		{"a limiter that there is none of is unknown", "decisions{limiter=c} count", 0, false},
		{"no samples are unknown", "latency p(99)", 0, false},
		{"of values the worst", "worst_excess value", 5, true},
		{"one value", "worst_excess{limiter=a} value", 3, true},
		{"of several values where no direction is worse none", "shard_balance{of=keys,stat=cv} value", 0, false},
		{"but of one", "shard_balance{of=keys,stat=cv,limiter=b} value", 0.2, true},
	} {
		column, _, errs := metric.ScanColumn(c.column)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got, known := assert.Column(s, column); known != c.known || known && got != c.want {
			t.Errorf("%s: %s is %v (%t), want %v (%t)", c.why, c.column, got, known, c.want, c.known)
		}
	}
}
