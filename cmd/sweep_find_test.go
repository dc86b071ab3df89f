package cmd_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/sim/limiter"
)

// oneCommand is a limiter that asks its shard once, and so sees how long one
// command waits.
type oneCommand struct{ redis redis.UniversalClient }

func (l oneCommand) Take(ctx context.Context, r limiter.Request) (limiter.Decision, error) {
	err := l.redis.Get(ctx, r.Takes[0].Key).Err()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return limiter.Decision{Allowed: err == nil, Remaining: -1, RetryAfter: -1}, err
}

// md1 is a shard that gets Poisson arrivals and takes 1 ms for each: an M/D/1
// queue. What a request waits there is its latency without the round trip and
// the service, 1 ms each.
const md1 = `name: md1
horizon: %s
warmup: 1s
observations: none
network: {rtt: 1ms}
shards: {service: 1ms}
keys: {many: {as: ipv4, uniform: {n: 1000}}}
traffic: {main: {rate: 100/s, keys: many}}
limiters: {main: {kind: one_command, limit: {count: 1, period: 1s}}}
assert: {latency: ["p(99) <= 6ms"]}
sweep:
  find: {axis: traffic.main.rate, from: 450/s, to: 690/s, tolerance: %.0f%%}
`

// The capacity that a search finds is that of queueing theory, within a step.
//
// The search rests on estimates of a probability, P(W > 4 ms), from 200,000
// waits at the capacity, 561/s. Their batch means (Lindley's recursion, 200
// batches) have a standard error of 0.06 % around the 1 %, and the
// probability grows by 0.074 a unit of ln λ, so the capacity is estimated with
// a standard error of 0.8 %. The step of 4 % is five of them. The default run plays
// a sixth of that, which makes the standard error 2 %, with a step of 10 %.
func TestFindOfAnMD1Shard(t *testing.T) {
	testkit.Live(t, "searches for ten seconds")
	t.Parallel()
	const horizon, step = "360s", 0.04
	dir := t.TempDir()
	file := filepath.Join(dir, "md1.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, md1, horizon, 100*step), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("own", "sweep", file, "--dir", filepath.Join(dir, "sweep")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := readSweep(t, filepath.Join(dir, "sweep")).Searched[0]
	want := md1Capacity(0.99, 0.001, 0.004)
	t.Logf("capacity: %s passes, %s does not, %d probes; queueing theory: %.1f/s", found.Passes, found.Fails, found.Probes, want)
	if found.Outcome != sweep.Capacity || math.Abs(*found.Capacity-want) > step*want {
		t.Errorf("found %+v, want %.1f/s within %.0f %%", found, want, 100*step)
	}
}

func readSweep(t *testing.T, dir string) *sweep.Result {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, sweep.File))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := sweep.Read(f, f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// md1Capacity is the greatest arrival rate, a second, at which the share p of
// the waits in an M/D/1 queue with service times of d seconds is at most w
// seconds.
func md1Capacity(p, d, w float64) float64 {
	low, high := 0.0, 1/d
	for range 60 {
		if middle := (low + high) / 2; md1Wait(middle, d, w) >= p {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// md1Wait is P(W ≤ w) of the waiting time in an M/D/1 queue, by Franx: A simple
// solution for the M/D/c waiting time distribution, Operations Research
// Letters 29 (2001), 221–229, for one server. All its terms are
// positive, where those of Erlang's and Crommelin's alternate and cancel.
//
// With k = ⌊w/d⌋ + 1 and u = λ (k d − w): P(W ≤ w) = Σ_{j<k} Q(k−1−j) Poisson(u; j), where
// Q(m) is the probability of at most m + 1 customers in the system.
func md1Wait(rate, d, w float64) float64 {
	k := int(w/d) + 1
	system := md1System(rate*d, k)
	u, sum, term := rate*(float64(k)*d-w), 0.0, 1.0
	term = math.Exp(-u)
	for j := range k {
		q := 0.0
		for _, p := range system[:k-j+1] {
			q += p
		}
		sum += q * term
		term *= u / float64(j+1)
	}
	return sum
}

// md1System are the probabilities of 0 to most customers in the system at load
// rho, by Ramaswami's recursion (Stochastic Models 4, 1988), which subtracts
// nothing: between n−1 and n customers, one service with no arrival goes down,
// and one with so many arrivals that it passes n goes up.
func md1System(rho float64, most int) []float64 {
	p := []float64{1 - rho}
	for n := 1; n <= most; n++ {
		up := p[0] * poissonAtLeast(rho, n)
		for i := 1; i < n; i++ {
			up += p[i] * poissonAtLeast(rho, n-i+1)
		}
		p = append(p, up*math.Exp(rho))
	}
	return p
}

// poissonAtLeast sums the tail, largest terms first.
func poissonAtLeast(mean float64, n int) (sum float64) {
	log, _ := math.Lgamma(float64(n + 1))
	term := math.Exp(float64(n)*math.Log(mean) - mean - log)
	for ; sum+term > sum; n++ {
		sum += term
		term *= mean / float64(n+1)
	}
	return sum
}

// The formula agrees with Erlang's of 1909 where that can be evaluated,
// P(W ≤ w) = (1−ρ) Σ_{k≤w/d} (−λ(w−kd))^k/k! e^{λ(w−kd)}, and its mean with
// Pollaczek and Khinchine's, ρ d / 2(1−ρ).
func TestMD1Wait(t *testing.T) {
	for _, rho := range []float64{0.1, 0.5, 0.9} {
		for _, w := range []float64{0, 0.5, 1, 2.25, 5} {
			want := 0.0
			for k := 0; float64(k) <= w; k++ {
				x := rho * (w - float64(k))
				factorial := math.Gamma(float64(k) + 1)
				want += (1 - rho) * math.Pow(-x, float64(k)) / factorial * math.Exp(x)
			}
			if got := md1Wait(rho, 1, w); math.Abs(got-want) > 1e-10 {
				t.Errorf("load %v: P(W <= %v) is %v, Erlang has %v", rho, w, got, want)
			}
		}
		const step = 0.02
		mean := 0.0
		for w := step / 2; w < 60; w += step {
			mean += step * (1 - md1Wait(rho, 1, w))
		}
		if want := rho / 2 / (1 - rho); math.Abs(mean-want) > 1e-3*want {
			t.Errorf("load %v: mean wait %v, want %v", rho, mean, want)
		}
	}
}
