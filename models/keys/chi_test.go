package keys

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// alpha is the significance of every chi-squared test here. The seeds are
// fixed, so a test passes always or never; a right sampler with another seed
// fails one time in a thousand.
const alpha = 0.001

// draws is how many keys each frequency test draws.
const draws = 400_000

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// pValue is that of Pearson's chi-squared statistic of counts against
// expected. Neighbouring cells are pooled until each expects at least 5; a
// count where nothing is expected has p-value 0.
func pValue(counts, expected []float64) float64 {
	var obs, exp []float64
	var o, e float64
	for i := range counts {
		if expected[i] == 0 && counts[i] > 0 {
			return 0
		}
		o, e = o+counts[i], e+expected[i]
		if e >= 5 {
			obs, exp = append(obs, o), append(exp, e)
			o, e = 0, 0
		}
	}
	if e > 0 && len(exp) > 0 {
		obs[len(obs)-1] += o
		exp[len(exp)-1] += e
	}
	if len(exp) < 2 {
		if len(exp) == 1 && math.Abs(obs[0]-exp[0]) > 1e-6*exp[0] {
			return 0
		}
		return 1 // one cell that holds everything
	}
	return distuv.ChiSquared{K: float64(len(exp) - 1)}.Survival(stat.ChiSquare(obs, exp))
}

// frequencies draws from a population whose probabilities do not change, and
// compares each id's count with its Probability by chi-squared.
func frequencies(t *testing.T, p Population, ids []uint64, seed uint64) {
	t.Helper()
	s, rng := p.Sampler(), newRand(seed)
	index := make(map[uint64]int, len(ids))
	expected, counts := make([]float64, len(ids)), make([]float64, len(ids))
	total := 0.0
	for i, id := range ids {
		index[id] = i
		pr := s.Probability(0, id)
		expected[i] = pr * draws
		total += pr
	}
	if math.Abs(total-1) > 1e-9 {
		t.Fatalf("probabilities add up to %v", total)
	}
	for range draws {
		i, ok := index[s.Pick(0, rng)]
		if !ok {
			t.Fatal("drew an id that is not among the possible ones")
		}
		counts[i]++
	}
	if p := pValue(counts, expected); p < alpha {
		t.Errorf("frequencies are not those of Probability: p = %.2g", p)
	}
}

// upTo is the ids 0 to n−1.
func upTo(n int) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(i)
	}
	return ids
}

// must returns what a constructor made.
func must(t testing.TB) func(Population, error) Population {
	return func(p Population, err error) Population {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// TestChiSquaredCatches checks that the yardstick itself can say no: slightly
// wrong populations are told apart with the same number of draws.
func TestChiSquaredCatches(t *testing.T) {
	must := must(t)
	tests := []struct {
		why         string
		drawn, said Population
	}{
		{"exponent off by 0.02", must(Zipf(100, 1.12)), must(Zipf(100, 1.1))},
		{"one key too many", must(Uniform(101)), must(Uniform(100))},
		{"hot share off by half a percent", must(HotSet(100, 5, 0.805)), must(HotSet(100, 5, 0.8))},
	}
	for _, tt := range tests {
		s, other, rng := tt.drawn.Sampler(), tt.said.Sampler(), newRand(1)
		counts, expected := make([]float64, 101), make([]float64, 101)
		for id := range expected {
			expected[id] = draws * other.Probability(0, uint64(id))
		}
		for range draws {
			counts[s.Pick(0, rng)]++
		}
		if p := pValue(counts, expected); p > alpha {
			t.Errorf("%s: p = %.2g, not noticed", tt.why, p)
		}
	}
}

// TestPickIsAFunctionOfTheSeed checks that two samplers of one population do
// the same from the same seed and something else from another.
func TestPickIsAFunctionOfTheSeed(t *testing.T) {
	for name, p := range every(t) {
		a, b, c := p.Sampler(), p.Sampler(), p.Sampler()
		ra, rb, rc := newRand(1), newRand(1), newRand(2)
		differs := false
		for i := range 500 {
			now := time.Duration(i) * 10 * time.Millisecond
			x, y := a.Pick(now, ra), b.Pick(now, rb)
			if x != y {
				t.Fatalf("%s: draw %d is %d and %d from one seed", name, i, x, y)
			}
			differs = differs || x != c.Pick(now, rc)
		}
		if fixed := name == "sequence" || name == "fresh"; differs == fixed {
			t.Errorf("%s: another seed gives other keys: %v", name, differs)
		}
	}
}

// every is one population of each kind.
func every(t testing.TB) map[string]Population {
	must := must(t)
	life := func(rng *rand.Rand) time.Duration { return time.Duration(rng.ExpFloat64() * float64(time.Second)) }
	zipf := must(Zipf(1000, 1.1))
	return map[string]Population{
		"uniform":   must(Uniform(1000)),
		"zipf":      zipf,
		"hot_set":   must(HotSet(1000, 10, 0.9)),
		"fresh":     Fresh(),
		"churn":     must(Churn(50, life, time.Second, Equilibrium)),
		"growing":   must(Growing(3, 0.7)),
		"sequence":  must(Sequence(7)),
		"empirical": must(Empirical([]float64{3, 0, 1, 5, 2, 9})),
		"mix":       must(Mix([]Part{{zipf, 3}, {Fresh(), 1}})),
	}
}
