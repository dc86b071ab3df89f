package keys

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Lifetimes of mean one second.
var lifetimes = []struct {
	name string
	draw func(*rand.Rand) time.Duration
	// residual is the distribution function of what is left of a life at a
	// random instant, ∫₀ˣ (1 − F)/mean, x in seconds.
	residual func(x float64) float64
}{
	{"exponential", func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * 1e9) },
		func(x float64) float64 { return 1 - math.Exp(-x) }},
	{"constant", func(*rand.Rand) time.Duration { return time.Second },
		func(x float64) float64 { return min(x, 1) }},
	{"two kinds: 9 of 10 live 0.1 s, 1 of 10 9.1 s", func(r *rand.Rand) time.Duration {
		if r.IntN(10) == 0 {
			return 9100 * time.Millisecond
		}
		return 100 * time.Millisecond
	}, func(x float64) float64 { return 0.9*min(x, 0.1) + 0.1*min(x, 9.1) }},
}

// TestChurnAlive looks at the number alive in many runs, at the start and
// later: it is Poisson with mean arrivals × mean lifetime whatever the
// lifetimes' distribution, from the first instant on.
func TestChurnAlive(t *testing.T) {
	const mean, runs = 12.0, 3000
	poisson := distuv.Poisson{Lambda: mean}
	for i, life := range lifetimes {
		p := must(t)(Churn(mean, life.draw, time.Second, Equilibrium))
		for _, at := range []time.Duration{0, 700 * time.Millisecond, 5 * time.Second} {
			counts, expected := make([]float64, 60), make([]float64, 60)
			for k := range expected {
				expected[k] = runs * poisson.Prob(float64(k))
			}
			rng := newRand(uint64(i))
			for range runs {
				s := p.Sampler().(*churnSampler)
				s.begin(rng)
				s.advance(at)
				counts[len(s.alive)]++
			}
			if p := pValue(counts, expected); p < alpha {
				t.Errorf("%s: number alive at %v is not Poisson(%v): p = %.2g", life.name, at, mean, p)
			}
		}
	}
}

// TestChurnResiduals compares what is left of the first keys' lives with the
// equilibrium's law, in 20 cells of equal width up to 2 s and one beyond.
func TestChurnResiduals(t *testing.T) {
	const n = 20_000
	for i, life := range lifetimes {
		s := must(t)(Churn(1, life.draw, time.Second, n)).Sampler().(*churnSampler)
		s.begin(newRand(uint64(i)))
		counts, expected := make([]float64, 21), make([]float64, 21)
		for _, m := range s.alive {
			counts[min(20, int(time.Duration(m.Key[0])/(100*time.Millisecond)))]++
		}
		for c := range expected {
			expected[c] = n * (life.residual(float64(c+1)/10) - life.residual(float64(c)/10))
		}
		expected[20] = n * (1 - life.residual(2))
		for c := range expected {
			expected[c] = math.Round(expected[c]*1e6) / 1e6 // 0 where nothing can be
		}
		if life.name == "constant" { // a whole life is in the cell that ends there
			counts[9] += counts[10]
			counts[10] = 0
		}
		if p := pValue(counts, expected); p < alpha {
			t.Errorf("%s: lives left at the start are not the equilibrium's: p = %.2g\n%v\n%v", life.name, p, counts, expected)
		}
	}
}

// TestChurnLives follows the keys of one run: each is drawn only while it is
// alive, the lives of those born within the run are as long as the lifetimes,
// births are a Poisson process, and the time-average alive is Little's.
func TestChurnLives(t *testing.T) {
	const rate, seconds = 20, 2000
	drawn := []float64{}
	life := func(r *rand.Rand) time.Duration {
		d := time.Duration(r.ExpFloat64() * 1e9)
		drawn = append(drawn, d.Seconds())
		return d
	}
	s := must(t)(Churn(rate, life, time.Second, 0)).Sampler().(*churnSampler)
	rng := newRand(4)
	first, last := map[uint64]time.Duration{}, map[uint64]time.Duration{}
	births, area := []float64{}, 0.0
	const tick = 10 * time.Millisecond
	for now := time.Duration(0); now < seconds*time.Second; now += tick {
		before := s.born
		id := s.Pick(now, rng)
		births = append(births, float64(s.born-before))
		area += float64(len(s.alive)) * tick.Seconds()
		if _, ok := first[id]; !ok {
			first[id] = now
		}
		last[id] = now
	}
	if got := area / seconds; math.Abs(got-rate) > 0.5 {
		t.Errorf("%v keys alive on average, want %v (Little)", got, rate)
	}
	for id, begin := range first {
		if seen := (last[id] - begin).Seconds(); seen > drawn[id] {
			t.Fatalf("key %d was drawn over %v s, but lived %v s", id, seen, drawn[id])
		}
	}
	mean, variance := stat.MeanVariance(births, nil)
	if want := rate * tick.Seconds(); math.Abs(mean-want) > 0.01 || math.Abs(variance-want) > 0.01 {
		t.Errorf("births in %v: mean %v, variance %v, want both %v (Poisson)", tick, mean, variance, want)
	}
	if got := stat.Mean(drawn, nil); math.Abs(got-1) > 0.025 {
		t.Errorf("mean life %v s, want 1", got)
	}
}

// TestChurnFrequencies checks each draw against its probability, with the
// living put into cells by id.
func TestChurnFrequencies(t *testing.T) {
	s := must(t)(Churn(8, lifetimes[0].draw, time.Second, 5)).Sampler()
	c := s.(*churnSampler)
	conditional(t, s, 6, 20_000, 50,
		func(i int) (time.Duration, []uint64) {
			now := time.Duration(i) * 20 * time.Millisecond
			c.advance(now)
			ids := []uint64{c.born}
			for _, m := range c.alive {
				ids = append(ids, m.Value)
			}
			return now, ids
		},
		func(id uint64) int { return int(id % 50) })
}

// TestChurnLooking checks that asking for probabilities changes no draw.
func TestChurnLooking(t *testing.T) {
	p := must(t)(Churn(5, lifetimes[0].draw, time.Second, 3))
	quiet, asked, r1, r2 := p.Sampler(), p.Sampler(), newRand(1), newRand(1)
	if !math.IsNaN(asked.Probability(0, 0)) {
		t.Error("probability before the first draw is not NaN")
	}
	quiet.Pick(0, r1)
	asked.Pick(0, r2)
	for i := range 2000 {
		now := time.Duration(i+1) * 100 * time.Millisecond
		want := quiet.Pick(now, r1)
		asked.Probability(now-50*time.Millisecond, 1)
		if p := asked.Probability(now, want); !(p > 0) {
			t.Fatalf("draw %d: %d comes with probability %v", i, want, p)
		}
		if got := asked.Pick(now, r2); got != want {
			t.Fatalf("draw %d is %d, without asking %d", i, got, want)
		}
	}
}

// TestChurnEmpty checks that a request to an extinct population gets a key
// born to it, and that endless lives do not overflow.
func TestChurnEmpty(t *testing.T) {
	s := must(t)(Churn(1e-9, lifetimes[1].draw, time.Second, 0)).Sampler()
	rng := newRand(1)
	for i, now := range []time.Duration{0, time.Second - 1, time.Second, 3 * time.Second} {
		want := []uint64{0, 0, 1, 2}[i] // a key dies at the end of its second
		if got := s.Pick(now, rng); got != want {
			t.Errorf("draw at %v is %d, want %d", now, got, want)
		}
	}
	endless := func(*rand.Rand) time.Duration { return math.MaxInt64 }
	s = must(t)(Churn(1, endless, time.Hour, 0)).Sampler()
	for range 100 {
		s.Pick(time.Minute, rng)
	}
	if alive := len(s.(*churnSampler).alive); alive < 30 {
		t.Errorf("%d endless keys alive after a minute at 1/s, want about 60", alive)
	}
}

// TestResidualsEnd checks that lifetimes far below their stated mean do not
// hang.
func TestResidualsEnd(t *testing.T) {
	none := func(*rand.Rand) time.Duration { return 0 }
	s := must(t)(Churn(1, none, time.Hour, 10)).Sampler()
	if id := s.Pick(0, newRand(1)); id > 10 {
		t.Errorf("drew %d", id)
	}
}
