package keys

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// conditional tests a population whose probabilities change from draw to
// draw. Each draw's key falls into a cell; the cells' counts are compared with
// the sum of their probabilities before each draw. The differences are a
// martingale, so the expectation is exact however the draws depend on the past.
func conditional(t *testing.T, s Sampler, seed uint64, n int, cells int, next func(i int) (time.Duration, []uint64), cell func(id uint64) int) {
	t.Helper()
	rng := newRand(seed)
	counts, expected := make([]float64, cells), make([]float64, cells)
	s.Pick(0, rng)
	for i := range n {
		now, ids := next(i)
		total := 0.0
		for _, id := range ids {
			p := s.Probability(now, id)
			expected[cell(id)] += p
			total += p
		}
		if math.Abs(total-1) > 1e-9 {
			t.Fatalf("draw %d: probabilities add up to %v", i, total)
		}
		id := s.Pick(now, rng)
		counts[cell(id)]++
	}
	if p := pValue(counts, expected); p < alpha {
		t.Errorf("frequencies are not those of Probability: p = %.2g\n%v\n%v", p, counts, expected)
	}
}

// TestGrowingFrequencies puts ids into cells by their order of appearance.
func TestGrowingFrequencies(t *testing.T) {
	s := must(t)(Growing(2, 0.6)).Sampler()
	g := s.(*growingSampler)
	conditional(t, s, 1, 20_000, 400,
		func(int) (time.Duration, []uint64) { return 0, upTo(int(g.seen) + 2) },
		func(id uint64) int { return int(min(id, 399)) })
}

// TestGrowingDistinct compares the number of distinct keys with k·n^b: within
// the 5·√(k·n^b) that Growing's comment states.
func TestGrowingDistinct(t *testing.T) {
	tests := []struct {
		why  string
		k, b float64
	}{
		{"a text: Heaps' own range", 30, 0.5},
		{"few keys", 1, 0.3},
		{"nearly all new", 1, 0.95},
		{"all new", 1, 1},
		{"a fixed share new", 0.1, 1},
		{"begins with more keys than draws", 1000, 0.4},
		{"less than one key at first", 0.01, 0.8},
	}
	for i, tt := range tests {
		s, rng := must(t)(Growing(tt.k, tt.b)).Sampler(), newRand(uint64(i))
		seen := map[uint64]bool{}
		checks := 0
		for n := 1; n <= 1_000_000; n++ {
			id := s.Pick(0, rng)
			if id > uint64(len(seen)) {
				t.Fatalf("%s: draw %d is key %d when only %d have been seen: ids are in order of appearance", tt.why, n, id, len(seen))
			}
			seen[id] = true
			if n&(n-1) != 0 && n != 1_000_000 {
				continue // look at powers of two and at the end
			}
			want := min(float64(n), max(1, tt.k*math.Pow(float64(n), tt.b)))
			if diff := math.Abs(float64(len(seen)) - want); diff > 5*math.Sqrt(want) {
				t.Errorf("%s: %d distinct keys after %d draws, want %.1f ± %.1f", tt.why, len(seen), n, want, 5*math.Sqrt(want))
			}
			checks++
		}
		if checks != 21 {
			t.Errorf("%s: looked %d times, want 21", tt.why, checks)
		}
	}
}

// TestMixFrequencies mixes static parts, and a mix within a mix.
func TestMixFrequencies(t *testing.T) {
	must := must(t)
	inner := must(Mix([]Part{{must(Uniform(3)), 1}, {must(Zipf(5, 1.5)), 3}}))
	p := must(Mix([]Part{{must(HotSet(10, 2, 0.7)), 2}, {inner, 4}, {must(Uniform(2)), 0.5}}))
	var ids []uint64
	for part, n := range []int{10, 3, 5, 2} {
		for _, id := range upTo(n) {
			ids = append(ids, uint64(part)<<56|id)
		}
	}
	frequencies(t, p, ids, 42)

	s := p.Sampler()
	tests := []struct {
		why  string
		id   uint64
		want float64
	}{
		{"hot key of the first part: 2/6.5 · 0.7/2", 0, 2 / 6.5 * 0.35},
		{"first part of the inner mix: 4/6.5 · 1/4 · 1/3", 1 << 56, 4 / 6.5 / 12},
		{"last part comes after the inner mix's two", 3<<56 | 1, 0.5 / 6.5 / 2},
		{"beyond a part's keys", 3<<56 | 2, 0},
		{"beyond the parts", 4 << 56, 0},
	}
	for _, tt := range tests {
		if got := s.Probability(0, tt.id); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: probability %v, want %v", tt.why, got, tt.want)
		}
	}
}

// TestMixOfChanging checks that parts keep their own state: a fresh key and a
// sequence go on only when they are drawn.
func TestMixOfChanging(t *testing.T) {
	must := must(t)
	s := must(Mix([]Part{{Fresh(), 1}, {must(Sequence(5)), 2}, {must(Uniform(4)), 1}})).Sampler()
	next := [2]uint64{}
	rng := newRand(9)
	for i := range 10_000 {
		want := s.Probability(0, next[0]) + s.Probability(0, 1<<56|next[1])
		if math.Abs(want-0.75) > 1e-12 {
			t.Fatalf("draw %d: the next fresh and sequence keys have probability %v, want 3/4", i, want)
		}
		part, inner := Split(s.Pick(0, rng))
		if part < 2 && inner != next[part] {
			t.Fatalf("draw %d: part %d gave %d, want %d", i, part, inner, next[part])
		}
		switch part {
		case 0:
			next[0]++
		case 1:
			next[1] = (next[1] + 1) % 5
		}
	}
	if got, want := float64(next[0]), 2500.0; math.Abs(got-want) > 5*math.Sqrt(want) {
		t.Errorf("%v of 10,000 draws from the fresh part, want 2500", got)
	}
}

// BenchmarkPick is one draw of each kind.
func BenchmarkPick(b *testing.B) {
	all := every(b)
	for _, name := range []string{"uniform", "hot_set", "fresh", "churn", "growing", "sequence", "empirical", "mix"} {
		b.Run(name, func(b *testing.B) {
			s, rng := all[name].Sampler(), newRand(1)
			b.ReportAllocs()
			now := time.Duration(0)
			for b.Loop() {
				now += 100 * time.Microsecond
				s.Pick(now, rng)
			}
		})
	}
}

func ExampleMix() {
	members, _ := Uniform(1000)
	p, _ := Mix([]Part{{members, 9}, {Fresh(), 1}})
	part, id := Split(1<<56 | 17)
	s := p.Sampler()
	fmt.Printf("part %d, id %d, p = %.4f and %.1f\n", part, id, s.Probability(0, 17), s.Probability(0, 1<<56))
	// Output: part 1, id 17, p = 0.0009 and 0.1
}
