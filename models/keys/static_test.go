package keys

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestFrequencies covers the populations whose probabilities stay the same.
func TestFrequencies(t *testing.T) {
	must := must(t)
	tests := []struct {
		why string
		p   Population
		ids int
	}{
		{"uniform, one key", must(Uniform(1)), 1},
		{"uniform, two keys", must(Uniform(2)), 2},
		{"uniform, not a power of two", must(Uniform(1000)), 1000},
		{"hot set, 80% to 5 of 100", must(HotSet(100, 5, 0.8)), 100},
		{"hot set, all to the hot", must(HotSet(100, 5, 1)), 100},
		{"hot set, none to the hot", must(HotSet(100, 5, 0)), 100},
		{"hot set, the least: 1 of 2", must(HotSet(2, 1, 0.3)), 2},
		{"weights, some of them 0", must(Empirical([]float64{1, 0, 3, 0.5, 0})), 5},
		{"weights of one key", must(Empirical([]float64{4})), 1},
		{"weights over 20 orders of magnitude", must(Empirical([]float64{1e20, 1, 1e19, 3e19})), 4},
		{"weights of a trace, 1,753 keys", must(Empirical(heavyWeights(1753))), 1753},
	}
	for i, tt := range tests {
		t.Run(tt.why, func(t *testing.T) { frequencies(t, tt.p, upTo(tt.ids), uint64(100+i)) })
	}
}

// heavyWeights are n weights as uneven as those of a real access log.
func heavyWeights(n int) []float64 {
	w, rng := make([]float64, n), rand.New(rand.NewPCG(5, 5))
	for i := range w {
		w[i] = 1 + rng.ExpFloat64()*float64(n)/float64(i+1)
	}
	return w
}

// TestAliasTable checks the table itself: what the columns give to each key,
// added up, is its weight.
func TestAliasTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1e6)), 1, 200).Draw(t, "weights")
		weights[0] += 1 // so that they are not all 0
		p, err := Empirical(weights)
		if err != nil {
			t.Fatal(err)
		}
		a := p.(*alias)
		share := make([]float64, len(weights))
		for i, cut := range a.cut {
			if cut < 0 || cut > 1 {
				t.Fatalf("column %d is cut at %v", i, cut)
			}
			share[i] += cut / float64(len(a.cut))
			share[a.other[i]] += (1 - cut) / float64(len(a.cut))
		}
		for i := range share {
			if diff := share[i] - a.Probability(0, uint64(i)); diff > 1e-12 || diff < -1e-12 {
				t.Fatalf("key %d has %v of the table, want %v", i, share[i], a.p[i])
			}
			if weights[i] == 0 && share[i] > 1e-15 {
				t.Fatalf("key %d has weight 0 and %v of the table", i, share[i])
			}
		}
	})
}

func TestSequence(t *testing.T) {
	s := must(t)(Sequence(3)).Sampler()
	for i, want := range []uint64{0, 1, 2, 0, 1, 2, 0} {
		for id := range uint64(4) {
			p := s.Probability(0, id)
			if (p == 1) != (id == want) || p != 0 && p != 1 {
				t.Errorf("draw %d: probability of %d is %v, the next is %d", i, id, p, want)
			}
		}
		if got := s.Pick(0, nil); got != want {
			t.Errorf("draw %d is %d, want %d", i, got, want)
		}
	}
}

func TestFresh(t *testing.T) {
	s := Fresh().Sampler()
	for want := range uint64(1000) {
		if s.Probability(0, want) != 1 || s.Probability(0, want+1) != 0 {
			t.Fatalf("draw %d: the next key is not certain", want)
		}
		if got := s.Pick(0, nil); got != want {
			t.Fatalf("draw %d is %d, not new", want, got)
		}
	}
	if other := Fresh().Sampler().Pick(0, nil); other != 0 {
		t.Errorf("another sampler begins at %d, want 0", other)
	}
}
