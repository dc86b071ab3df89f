package network_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/models/network"
)

const ms = time.Millisecond

func must(d network.Distribution, err error) func(testing.TB) network.Distribution {
	return func(t testing.TB) network.Distribution {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

type example struct {
	name     string
	d        network.Distribution
	mean, cv float64 // theory: milliseconds, 1
	cdf      func(ms float64) float64
	quantile func(p float64) float64 // theory: milliseconds
}

func examples(tb testing.TB) []example {
	exponential := distuv.Exponential{Rate: 1.0 / 5}
	gamma := distuv.Gamma{Alpha: 4, Beta: 4.0 / 20}
	bursty := distuv.Gamma{Alpha: 1.0 / 9, Beta: 1.0 / 9}
	pareto := distuv.Pareto{Xm: 2, Alpha: 6}
	// ln(50/5)/2.326… by hand from a table of the normal distribution
	normal := distuv.LogNormal{Mu: math.Log(5), Sigma: 0.98979}
	return []example{
		{"exponential", must(network.Exponential(5 * ms))(tb), 5, 1, exponential.CDF, exponential.Quantile},
		{"gamma smooth", must(network.Gamma(20*ms, 0.5))(tb), 20, 0.5, gamma.CDF, gamma.Quantile},
		{"gamma bursty", must(network.Gamma(ms, 3))(tb), 1, 3, bursty.CDF, nil},
		{"pareto", must(network.Pareto(2*ms, 6))(tb), 2.4, 1 / math.Sqrt(24), pareto.CDF, pareto.Quantile},
		{"lognormal", must(network.Lognormal(5*ms, 50*ms))(tb), 5 * math.Exp(0.98979*0.98979/2), math.Sqrt(math.Expm1(0.98979 * 0.98979)), normal.CDF, normal.Quantile},
	}
}

func TestMomentsAndDistribution(t *testing.T) {
	const draws = 400_000
	for _, row := range examples(t) {
		rng := rand.New(rand.NewPCG(21, 34))
		x := make([]float64, draws)
		sum, squares := 0.0, 0.0
		for i := range x {
			x[i] = row.d.Sample(rng).Seconds() * 1e3
			sum += x[i]
			squares += x[i] * x[i]
		}
		mean := sum / draws
		cv := math.Sqrt(squares/draws-mean*mean) / mean
		if slack := 4 * row.cv * row.mean / math.Sqrt(draws); math.Abs(mean-row.mean) > slack {
			t.Errorf("%s: mean %g ms, theory %g within %g", row.name, mean, row.mean, slack)
		}
		if math.Abs(cv/row.cv-1) > 0.03 {
			t.Errorf("%s: CV %g, theory %g", row.name, cv, row.cv)
		}
		if got := row.d.Mean().Seconds() * 1e3; math.Abs(got/row.mean-1) > 1e-5 {
			t.Errorf("%s: Mean() = %g ms, theory %g", row.name, got, row.mean)
		}
		if got, bound := distance(x, row.cdf), 1.95/math.Sqrt(draws); got > bound {
			t.Errorf("%s: draws are %g away from the distribution function, at most %g by chance (P = 0.001)", row.name, got, bound)
		}
	}
}

// distance is Kolmogorov's and Smirnov's. Draws are whole nanoseconds: as many are at most v
// as fall below v and a half.
func distance(x []float64, cdf func(float64) float64) (worst float64) {
	slices.Sort(x)
	for i, v := range x {
		if i+1 == len(x) || x[i+1] > v {
			worst = max(worst, math.Abs(cdf(v+0.5e-6)-float64(i+1)/float64(len(x))))
		}
	}
	return worst
}

func TestQuantiles(t *testing.T) {
	for _, row := range examples(t) {
		last := time.Duration(-1)
		for _, p := range []float64{0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.9999} {
			got := row.d.Quantile(p)
			if got < last {
				t.Errorf("%s: quantile %g is %v, below %v of a smaller one", row.name, p, got, last)
			}
			last = got
			if row.quantile == nil {
				continue
			}
			if want := row.quantile(p); math.Abs(got.Seconds()*1e3-want) > 2e-5*want+1e-6 {
				t.Errorf("%s: quantile %g is %v, theory %g ms", row.name, p, got, want)
			}
		}
		// The distribution function undoes the quantile.
		for _, p := range []float64{0.5, 0.75, 0.99} {
			if back := row.cdf(row.d.Quantile(p).Seconds() * 1e3); math.Abs(back-p) > 1e-5 {
				t.Errorf("%s: F(quantile %g) = %g", row.name, p, back)
			}
		}
		if got := row.d.Quantile(1); got != math.MaxInt64 {
			t.Errorf("%s: quantile 1 of an unbounded distribution is %v", row.name, got)
		}
	}
}

func TestLognormalIsExactAtWhatWasGiven(t *testing.T) {
	for _, row := range []struct{ median, p99 time.Duration }{
		{1, 1}, {1, 2}, {ms, 3 * ms}, {5 * ms, 50 * ms}, {123_456_789, 987_654_321}, {1, time.Second}, {time.Hour, 7 * 24 * time.Hour}, {333_333, 333_334},
	} {
		d := must(network.Lognormal(row.median, row.p99))(t)
		if got := d.Quantile(0.5); got != row.median {
			t.Errorf("median %v, want %v", got, row.median)
		}
		if got := d.Quantile(0.99); got != row.p99 {
			t.Errorf("p99 %v, want %v", got, row.p99)
		}
	}
}

func TestConstantAndEmpirical(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	measured := []time.Duration{30, 10, 20, 10}
	e := must(network.Empirical(measured))(t)
	measured[0] = 99 // the distribution keeps its own
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	rows := []struct {
		reason string
		got    time.Duration
		want   time.Duration
	}{
		{"a constant's mean", network.Constant(ms).Mean(), ms},
		{"a constant's draw", network.Constant(ms).Sample(rng), ms},
		{"a constant's quantile", network.Constant(ms).Quantile(0.3), ms},
		{"no delay runs backwards", network.Constant(-ms).Sample(rng), 0},
		{"lognormal without spread is constant", must(network.Lognormal(ms, ms))(t).Sample(rng), ms},
		{"and its largest too", must(network.Lognormal(ms, ms))(t).Quantile(1), ms},
		{"mean of 10, 10, 20, 30 rounds to 18", e.Mean(), 18},
		{"the smallest", e.Quantile(0), 10},
		{"half are at most 10", e.Quantile(0.5), 10},
		{"just more than half", e.Quantile(0.51), 20},
		{"three quarters", e.Quantile(0.75), 20},
		{"the largest", e.Quantile(1), 30},
		{"a p above 1 is 1", e.Quantile(7), 30},
		{"no p is 0", e.Quantile(math.NaN()), 10},
		{"0.07·100 rounds up but is the seventh", must(network.Empirical(hundred))(t).Quantile(0.07), 7},
		{"an overflow is the longest duration", must(network.Pareto(math.MaxInt64/4, 1.5))(t).Quantile(0.999), math.MaxInt64},
	}
	for _, row := range rows {
		if row.got != row.want {
			t.Errorf("%s: %d ns, want %d", row.reason, row.got, row.want)
		}
	}
	counts := map[time.Duration]int{}
	for range 100_000 {
		counts[e.Sample(rng)]++
	}
	for d, want := range map[time.Duration]float64{10: 50_000, 20: 25_000, 30: 25_000} {
		if got := float64(counts[d]); math.Abs(got-want) > 4*math.Sqrt(want) {
			t.Errorf("%d ns drawn %g times of 100000, want about %g", d, got, want)
		}
	}
}

func TestImpossibleParameters(t *testing.T) {
	fail := func(_ network.Distribution, err error) error { return err }
	nan, inf := math.NaN(), math.Inf(1)
	for i, row := range []struct {
		err  error
		want []string
	}{
		{fail(network.Exponential(0)), []string{"network: exponential: mean: expected a duration above 0, found 0s"}},
		{fail(network.Exponential(-ms)), []string{"found -1ms"}},
		{fail(network.Lognormal(0, -ms)), []string{"median: expected a duration above 0, found 0s", "p99: expected a duration above 0, found -1ms"}},
		{fail(network.Lognormal(2*ms, ms)), []string{"p99: expected at least the median, 2ms, found 1ms"}},
		{fail(network.Lognormal(2*time.Hour, time.Hour)), []string{"p99: expected at least the median, 2h, found 1h"}},
		{fail(network.Lognormal(1, math.MaxInt64)), []string{"for the mean to be a duration"}},
		{fail(network.Gamma(0, nan)), []string{"mean", "cv: expected a coefficient of variation from 0.001 to 100, found NaN"}},
		{fail(network.Gamma(ms, 0)), []string{"found 0"}},
		{fail(network.Gamma(ms, inf)), []string{"found +Inf"}},
		{fail(network.Pareto(0, 1)), []string{"min", "alpha: expected a finite tail exponent above 1", "found 1"}},
		{fail(network.Pareto(ms, nan)), []string{"found NaN"}},
		{fail(network.Pareto(ms, inf)), []string{"found +Inf"}},
		{fail(network.Pareto(math.MaxInt64/2, 1.1)), []string{"with a mean that is a duration"}},
		{fail(network.Empirical(nil)), []string{"expected at least one, found none"}},
		{fail(network.Empirical([]time.Duration{1, -2, -3})), []string{"duration 2: expected a duration of at least 0, found -2ns", "duration 3"}},
	} {
		if row.err == nil {
			t.Errorf("row %d: no error, want %q", i, row.want)
			continue
		}
		for _, want := range row.want {
			if !strings.Contains(row.err.Error(), want) {
				t.Errorf("row %d: %q does not say %q", i, row.err, want)
			}
		}
	}
}

func TestGammaAtTheEdgesOfItsRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	narrow := must(network.Gamma(time.Second, 0.001))(t)
	for range 1000 {
		if got := narrow.Sample(rng); (got - time.Second).Abs() > 6*ms {
			t.Fatalf("%v is more than six deviations of 1 ms from 1 s", got)
		}
	}
	if got := narrow.Quantile(0.5); (got - time.Second).Abs() > 10*time.Microsecond {
		t.Errorf("median %v, want 1 s", got)
	}
	wide := must(network.Gamma(time.Second, 100))(t)
	if got := wide.Quantile(0.5); got != 0 {
		t.Errorf("median %v, want 0: nearly every draw is", got)
	}
	for range 1000 {
		if got := wide.Sample(rng); got < 0 {
			t.Fatalf("negative draw %v", got)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	for _, row := range examples(b) {
		b.Run("distribution="+strings.ReplaceAll(row.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			rng := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				row.d.Sample(rng)
			}
		})
	}
}
