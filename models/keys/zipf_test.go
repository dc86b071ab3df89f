package keys

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestZipfFrequencies covers every regime of the exponent and the support:
// uniform, flat, s = 1 (where H is a logarithm), steep; one key, two, many.
func TestZipfFrequencies(t *testing.T) {
	for _, n := range testkit.Full([]int64{1, 2, 1000, 10_000_000}, []int64{1, 2, 1000, 100_000}) {
		for i, s := range []float64{0, 0.5, 1, 1.005, 1.1, 2, 5} {
			t.Run(fmt.Sprintf("n=%d,s=%v", n, s), func(t *testing.T) {
				zipfFrequencies(t, n, s, uint64(10*n)+uint64(i))
			})
		}
	}
}

// zipfFrequencies pools ranks into cells: each of the first 100 alone, then
// cells growing by an eighth. The expected counts are sums of k^−s made
// directly, with neither H nor Probability.
func zipfFrequencies(t *testing.T, n int64, s float64, seed uint64) {
	var ends []int64 // last rank of each cell
	for k := int64(1); k < n; k += 1 + max(0, k-100)/8 {
		ends = append(ends, k)
	}
	ends = append(ends, n)
	expected := make([]float64, len(ends))
	total, k := 0.0, int64(1)
	for i, end := range ends {
		for ; k <= end; k++ {
			expected[i] += math.Exp(-s * math.Log(float64(k))) // Pow takes twice as long
		}
		total += expected[i]
	}
	p := must(t)(Zipf(n, s))
	sampler, rng := p.Sampler(), newRand(seed)
	counts := make([]float64, len(ends))
	for range draws {
		id := sampler.Pick(0, rng)
		if id >= uint64(n) {
			t.Fatalf("drew id %d of %d keys", id, n)
		}
		cell, _ := slices.BinarySearch(ends, int64(id)+1)
		counts[cell]++
	}
	for i := range expected {
		expected[i] *= draws / total
	}
	if p := pValue(counts, expected); p < alpha {
		t.Errorf("frequencies are not k^−s: p = %.2g", p)
	}
	checkZipfProbability(t, sampler, n, s, total)
}

func checkZipfProbability(t *testing.T, z Sampler, n int64, s, total float64) {
	t.Helper()
	for _, k := range []int64{1, 2, 3, 1000, n / 2, n, n + 1} {
		want := 0.0
		if k >= 1 && k <= n {
			want = math.Pow(float64(k), -s) / total
		}
		if k < 1 {
			continue
		}
		if got := z.Probability(0, uint64(k-1)); math.Abs(got-want) > 1e-11*want {
			t.Errorf("Probability of rank %d is %v, want %v", k, got, want)
		}
	}
}

// TestHarmonic compares the Euler–Maclaurin sum with adding up, from the
// smallest term, with the rounding error carried along (Kahan).
func TestHarmonic(t *testing.T) {
	for _, n := range []float64{1, 2, 63, 64, 65, 66, 100, 1000, 1_000_000} {
		for _, s := range []float64{0.01, 0.5, 0.999999, 1, 1.000001, 1.1, 2, 5, 20, 63} {
			sum, carry := 0.0, 0.0
			for k := n; k >= 1; k-- {
				y := math.Pow(k, -s) - carry
				next := sum + y
				carry, sum = (next-sum)-y, next
			}
			if got := harmonic(n, s); math.Abs(got-sum) > 1e-13*sum {
				t.Errorf("harmonic(%v, %v) = %.17g, want %.17g", n, s, got, sum)
			}
		}
	}
}

// TestZipfExtremes checks exponents and supports at the ends of what is
// allowed: the draws stay within the support and follow the law where it can
// be seen.
func TestZipfExtremes(t *testing.T) {
	tests := []struct {
		why       string
		n         int64
		s         float64
		firstOnly bool
	}{
		{"steeper than a draw resolves", 1000, 64, true},
		{"absurdly steep", 1000, 1e308, true},
		{"as steep as is drawn", 1000, 63.9, true}, // the second key once in 2⁶⁴
		{"almost uniform", 1000, 1e-300, false},
		{"just off the logarithm", 1000, 1 + 1e-15, false},
		{"the largest support", maxZipf, 1, false},
		{"the largest support, uniform-like", maxZipf, 1e-9, false},
	}
	for _, tt := range tests {
		s, rng := must(t)(Zipf(tt.n, tt.s)).Sampler(), newRand(3)
		largest := uint64(0)
		for range 50_000 {
			largest = max(largest, s.Pick(0, rng))
		}
		if largest >= uint64(tt.n) || tt.firstOnly != (largest == 0) {
			t.Errorf("%s: largest id of 50,000 is %d of %d", tt.why, largest, tt.n)
		}
		if p := s.Probability(0, 0); !(p > 0 && p <= 1) {
			t.Errorf("%s: probability of the first is %v", tt.why, p)
		}
	}
}

// TestZipfTries checks what the sampler's comment says: fewer than 1.2 tries
// a draw. The chance of acceptance is the part of the line that ranks own.
func TestZipfTries(t *testing.T) {
	for _, n := range []int64{2, 10, 1000, 10_000_000} {
		for _, s := range []float64{0.01, 0.5, 1, 1.1, 2, 5, 20} {
			z := must(t)(Zipf(n, s)).(*zipf)
			if tries := (z.last - z.first) / z.total; tries > 1.2 || tries < 1-1e-9 {
				t.Errorf("n=%d s=%v: %v tries a draw", n, s, tries)
			}
		}
	}
}

// BenchmarkZipf shows that a draw costs the same for any support.
func BenchmarkZipf(b *testing.B) {
	for _, n := range []int64{1000, 10_000_000} {
		for _, s := range []float64{0.5, 1, 1.1, 2} {
			b.Run(fmt.Sprintf("n=%d/s=%v", n, s), func(b *testing.B) {
				sampler, rng := must(b)(Zipf(n, s)).Sampler(), newRand(1)
				b.ReportAllocs()
				for b.Loop() {
					sampler.Pick(0, rng)
				}
			})
		}
	}
}

// BenchmarkZipfNew shows that a population of ten million keys costs nothing
// to make.
func BenchmarkZipfNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		must(b)(Zipf(10_000_000, 1.1))
	}
}
