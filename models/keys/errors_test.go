package keys

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestErrors checks that every impossible parameter is refused, with what was
// found, what was wanted and where.
func TestErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	life := lifetimes[0].draw
	some := Fresh()
	type result struct {
		p   Population
		err error
	}
	of := func(p Population, err error) result { return result{p, err} }
	tests := []struct {
		got  result
		want string
	}{
		{of(Uniform(0)), "uniform: n is 0, want at least 1 key"},
		{of(Uniform(-3)), "uniform: n is -3"},
		{of(Uniform(maxKeys + 1)), "want at most 72057594037927936"},
		{of(Sequence(0)), "sequence: n is 0"},
		{of(Zipf(0, 1)), "zipf: n is 0"},
		{of(Zipf(maxZipf+1, 1)), "zipf: n is 2251799813685249, want at most"},
		{of(Zipf(10, -0.1)), "zipf: s is -0.1, want a finite exponent of at least 0"},
		{of(Zipf(10, nan)), "s is NaN"},
		{of(Zipf(10, inf)), "s is +Inf"},
		{of(HotSet(0, 0, 0.5)), "hot_set: n is 0"},
		{of(HotSet(10, 10, 0.5)), "hot is 10 of n = 10 keys, want at least 1 and less than n"},
		{of(HotSet(10, 0, 0.5)), "hot is 0 of n = 10"},
		{of(HotSet(10, 1, 1.5)), "share is 1.5, want a fraction from 0 to 1"},
		{of(HotSet(10, 1, nan)), "share is NaN"},
		{of(Growing(0, 0.5)), "growing: k is 0, want a finite factor above 0"},
		{of(Growing(inf, 0.5)), "k is +Inf"},
		{of(Growing(1, 0)), "b is 0, want an exponent above 0 and at most 1"},
		{of(Growing(1, 1.1)), "b is 1.1"},
		{of(Growing(1, nan)), "b is NaN"},
		{of(Empirical(nil)), "empirical: 0 weights"},
		{of(Empirical([]float64{1, -1})), "weight 1 is -1, want a finite number of at least 0"},
		{of(Empirical([]float64{nan})), "weight 0 is NaN"},
		{of(Empirical([]float64{0, 0})), "add up to 0"},
		{of(Empirical([]float64{math.MaxFloat64, math.MaxFloat64})), "add up to +Inf"},
		{of(Churn(0, life, time.Second, 0)), "churn: arrivals is 0 per second"},
		{of(Churn(inf, life, time.Second, 0)), "arrivals is +Inf"},
		{of(Churn(1, nil, time.Second, 0)), "no lifetime"},
		{of(Churn(1, life, 0, 0)), "mean lifetime is 0s, want more than 0"},
		{of(Churn(1, life, time.Second, -2)), "start is -2 keys"},
		{of(Churn(1e9, life, time.Hour, Equilibrium)), "mean lifetime 1h is 3.6e+12 keys alive at once, want at most 1e+08"},
		{of(Mix(nil)), "mix: 0 parts"},
		{of(Mix([]Part{{nil, 1}})), "part 0 has no population"},
		{of(Mix([]Part{{some, 1}, {some, 0}})), "weight of part 1 is 0"},
		{of(Mix([]Part{{some, nan}})), "weight of part 0 is NaN"},
		{of(Mix(make257(some))), "257 parts"},
		{of(Mix([]Part{{some, math.MaxFloat64}, {some, math.MaxFloat64}})), "mix: weights of the parts"},
	}
	for _, tt := range tests {
		if tt.got.p != nil || tt.got.err == nil || !strings.Contains(tt.got.err.Error(), tt.want) {
			t.Errorf("got %v, %v; want an error with %q", tt.got.p, tt.got.err, tt.want)
		}
	}
}

func make257(p Population) []Part {
	parts := make([]Part, 257)
	for i := range parts {
		parts[i] = Part{p, 1}
	}
	return parts
}
