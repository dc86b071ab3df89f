package scenarios

import (
	"strings"
	"testing"
)

// TestBoundaries puts values just inside of what the checks reject.
func TestBoundaries(t *testing.T) {
	for _, c := range []struct{ old, new, reason string }{
		{"horizon: 1m", "horizon: 1m\nwarmup: 59999ms", "a warm-up just shorter than the run"},
		{"horizon: 1m", "horizon: 18250d", "the longest run"},
		{"uniform: {n: 10}", "uniform: {n: 1}", "one key"},
		{"uniform: {n: 10}", "zipf: {n: 10, s: 0}", "an exponent of 0 is uniform"},
		{"uniform: {n: 10}", "hot_set: {n: 10, hot: 9, share: 100%}", "all but one are hot"},
		{"uniform: {n: 10}", "fresh: ", "fresh without braces"},
		{"uniform: {n: 10}", "churn: {arrivals: 1/s, lifetime: {empirical: [0s, 1s]}}", "some keys die at once"},
		{"rate: 5/s", "rate: {ramp: {from: 5/s, to: 0/s}}", "a decline to nothing"},
		{"rate: 5/s", "rate: {steps: [{rate: 0/s, for: 1s}, {rate: 1/s, for: 1s}]}", "a pause first"},
		{"rate: 5/s", "rate: {herd: {size: 1, every: 1s, jitter: 1s}}", "jitter over the whole period"},
		{"rate: 5/s", "rate: {exponential: {from: 1/s, growth: -0.5/s}}", "decay"},
		{"rate: 5/s", "rate: {diurnal: {mean: 1/s, amplitude: 100%, peak_hour: 24, weekend: 0}}", "extreme seasons"},
		{"rate: 5/s, keys: k", "rate: {replay: {file: a.csv, format: csv, key_field: anything}}", "a CSV file has any field"},
		{"rate: 5/s, keys: k", "rate: {replay: {file: a.log}}, keys: k", "a replay with keys of one's own"},
		{"rate: 5/s", "rate: 5/s, on_denial: {retry: {exponential: {base: 1s, max: 1s, jitter: 0}}}", "back-off that does not grow"},
		{"count: 3, period: 1s", "count: 1_000_000_000, period: 1s", "one a nanosecond"},
		{"count: 3, period: 1s", "count: 100, period: 8760h, burst: 100", "a year to refill"},
		{"horizon: 1m", "horizon: 1m\nshards: {count: 1024}", "the most shards"},
		{"horizon: 1m", "horizon: 1m\nshards: {service: {lognormal: {median: 1ms, p99: 1ms}}}", "no spread"},
		{"horizon: 1m", "horizon: 1m\nepoch: 1970-01-01T00:00:00Z", "the first epoch"},
		{"horizon: 1m", "horizon: 1m\nclients: {c: {instances: 3}}\nassert: {\"decisions{client=c/2}\": [count > 0]}", "the last instance of a client"},
	} {
		text := strings.Replace(minimal, c.old, c.new, 1)
		if text == minimal {
			t.Fatalf("%s: %q is not in the text", c.reason, c.old)
		}
		if _, problems := Decode("x.yaml", []byte(text)); len(problems) > 0 {
			t.Errorf("%s: %v", c.reason, problems)
		}
	}
}
