package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/summary"
)

// simulated is a gate of a scenario in real time: limiters with the
// distributions of their latency, 5 figures each, which go up and down together
// from run to run, as on a machine that is busier now than then.
type simulated struct {
	runs, limiters int
	noise          float64 // standard deviation of a figure's logarithm from run to run
	slower         float64 // by how much the first limiter's p99 is, on the new side
}

func (g simulated) side(rng *rand.Rand, slower float64) (*compare.Side, error) {
	var s compare.Side
	together, alone := 0.6*g.noise, 0.8*g.noise // 0.6² + 0.8² = 1
	for range g.runs {
		machine := together * rng.NormFloat64()
		run := &summary.Summary{Scenario: "simulated", Clock: "real"}
		for l := range g.limiters {
			v := func(base float64) *float64 {
				x := base * math.Exp(machine+alone*rng.NormFloat64())
				return &x
			}
			m := summary.Metric{Name: "latency", Unit: "s", Tags: map[string]string{"limiter": fmt.Sprint(l)}, Avg: v(1e-3), Med: v(.9e-3), P90: v(2e-3), P99: v(5e-3), Max: v(9e-3)}
			if l == 0 {
				*m.P99 *= 1 + slower
			}
			run.Metrics = append(run.Metrics, m)
		}
		if err := s.AddSummary(run, "simulated"); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// failures of as many gates: of all, and of those that name the p99 that is
// slower.
func (g simulated) failures(t *testing.T, pairs int, seed uint64) (all, caught int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 6))
	for range pairs {
		base, err := g.side(rng, 0)
		if err != nil {
			t.Fatal(err)
		}
		next, err := g.side(rng, g.slower)
		if err != nil {
			t.Fatal(err)
		}
		j := judged(t, base, next, compare.Rule{Worse: 0.05})
		if j.Family != 5*g.limiters {
			t.Fatalf("%d figures can fail, expected %d", j.Family, 5*g.limiters)
		}
		if j.Outcome() == compare.Failed {
			all++
		}
		for _, r := range j.Rows {
			if r.Outcome == compare.Failed && r.Figure == "latency{limiter=0} p99" {
				caught++
			}
		}
	}
	return all, caught
}

// interval of a share at 99 %, k of n (Clopper and Pearson 1934).
func interval(k, n int) (low, high float64) {
	low, high = 0, 1
	if k > 0 {
		low = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile(0.005)
	}
	if k < n {
		high = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile(0.995)
	}
	return low, high
}

// pairs of sides of each gate: 200 tell 5 % from 10 %, the default run's 40 tell
// it from 20 %.
var pairs = testkit.Full(200, 40)

// Over pairs of sides that do not differ, the gate fails at most as often as it
// says, whatever the noise. A tolerance of 0 is the hardest case.
func TestFalseAlarms(t *testing.T) {
	const alpha = 0.05
	for i, g := range []simulated{{runs: 10, limiters: 6, noise: 0.05}, {runs: 6, limiters: 6, noise: 0.2}, {runs: 10, limiters: 20, noise: 0.2}} {
		alarms, _ := g.failures(t, pairs, uint64(i))
		chance := 1 - distuv.Binomial{N: float64(pairs), P: alpha}.CDF(float64(alarms-1))
		low, high := interval(alarms, pairs)
		t.Logf("%2d runs a side, %3d figures, noise %2.0f %%: %2d false alarms in %d gates of equal sides, %4.1f %% (99 %% interval %.1f to %.1f %%), stated at most %.0f %%",
			g.runs, 5*g.limiters, 100*g.noise, alarms, pairs, 100*float64(alarms)/float64(pairs), 100*low, 100*high, 100*alpha)
		if chance < 0.01 {
			t.Errorf("%+v: %d false alarms in %d gates: at %v there would be as many with a probability of %.4f", g, alarms, pairs, alpha, chance)
		}
	}
}

// A p99 that is 10 % slower is caught as often as doc.go says.
func TestPower(t *testing.T) {
	for i, tt := range []struct{ noise, stated float64 }{{0.03, 0.99}, {0.04, 0.9}, {0.05, 0.7}} {
		g := simulated{runs: 10, limiters: 6, noise: tt.noise, slower: 0.1}
		_, caught := g.failures(t, pairs, uint64(100+i))
		low, high := interval(caught, pairs)
		t.Logf("10 runs a side, 30 figures, noise %.0f %%: a p99 that is 10 %% slower is caught in %d of %d gates, %.1f %% (99 %% interval %.1f to %.1f %%), stated %.0f %% or more",
			100*tt.noise, caught, pairs, 100*float64(caught)/float64(pairs), 100*low, 100*high, 100*tt.stated)
		if float64(caught) < tt.stated*float64(pairs) {
			t.Errorf("noise %v: caught %d of %d, stated %v", tt.noise, caught, pairs, tt.stated)
		}
	}
}
