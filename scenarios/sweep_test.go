package scenarios

import (
	"fmt"
	"strings"
	"testing"
)

const sweeping = `name: sweeping
horizon: 1m
shards:
  zones: [a, a, a]
  count: 3
keys: {k: {uniform: {n: 10}}}
traffic: {main: {rate: 5/s, keys: k}}
limiters: {main: {kind: tat, limit: {count: 3, period: 1s}}}
assert:
  latency{limiter=main}: ["p(99) < 5ms", "max < 1s", {check: "p(99) < 4ms", over: 10s}]
  decisions: ["count > 0"]
`

func TestGrid(t *testing.T) {
	axes := Named[Axis]{{Name: "a", Value: Axis{Values: []string{"1", "2"}}}, {Name: "b", Value: Axis{Values: []string{"x", "y"}}}}
	for _, c := range []struct {
		s      Sweep
		want   string
		reason string
	}{
		{Sweep{}, "[[]]", "no axes: one place"},
		{Sweep{Axes: axes, Mode: "grid"}, "[[{a 1} {b x}] [{a 1} {b y}] [{a 2} {b x}] [{a 2} {b y}]]", "the last varies fastest"},
		{Sweep{Axes: axes, Mode: "zip"}, "[[{a 1} {b x}] [{a 2} {b y}]]", "in step"},
		{Sweep{Mode: "zip"}, "[[]]", "nothing in step"},
		{Sweep{Axes: axes[:1]}, "[[{a 1}] [{a 2}]]", "one axis"},
	} {
		if got := fmt.Sprint(c.s.Grid()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.reason, got, c.want)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct{ axis, values, reason string }{
		{"traffic.main.rate: {from: 1000/s, to: 64000/s, factor: 2}", "[1000/s 2000/s 4000/s 8000/s 16000/s 32000/s 64000/s]", "powers, both ends"},
		{"traffic.main.rate: {from: 1/s, to: 7/s, factor: 2}", "[1/s 2/s 4/s]", "the end is not one of them"},
		{"traffic.main.rate: {from: 1e3/s, to: 3_000/s, step: 500/s}", "[1000/s 1500/s 2000/s 2500/s 3000/s]", "sums"},
		{"sample_rate: {from: 0.1, to: 0.7, step: 0.1}", "[0.1 0.2 0.3 0.4 0.5 0.6 0.7]", "of binary fractions"},
		{"sample_rate: {from: 10%, to: 30%, step: 10%}", "[10% 20% 30%]", "percent"},
		{"traffic.main.rate: {from: 1/s, to: 1.331/s, factor: 1.1}", "[1/s 1.1/s 1.21/s 1.331/s]", "powers of binary fractions"},
		{"traffic.main.rate: {from: 5/s, to: 5/s, factor: 2}", "[5/s]", "one value"},
		{"warmup: {from: 0s, to: 30s, step: 10s}", "[0s 10s 20s 30s]", "from nothing"},
		{"clients.default.clock_offset: [-1ms, 1ms]", "", "a client that is not written has no path"},
		{"shards.count: [1, 2.0, 3e0]", "[1 2.0 3e0]", "as written"},
		{"seed: {from: 1, to: 1000, step: 1}", "", "the most"},
	} {
		s, problems := Decode("x.yaml", []byte(strings.Replace(sweeping, "  zones: [a, a, a]\n", "", 1)+"observations: sampled\nsweep: {axes: {"+c.axis+"}}\n"))
		switch {
		case c.reason == "the most":
			if len(problems) > 0 || len(s.Sweep.Grid()) != 1000 {
				t.Errorf("%s: %v", c.reason, problems)
			}
		case c.values == "":
			if len(problems) != 1 {
				t.Errorf("%s: %v", c.reason, problems)
			}
		case len(problems) > 0:
			t.Errorf("%s: %v", c.reason, problems)
		default:
			if got := fmt.Sprint(s.Sweep.Axes[0].Value.Values); got != c.values {
				t.Errorf("%s: got %s, want %s", c.reason, got, c.values)
			}
		}
	}
}

func TestColumns(t *testing.T) {
	for _, c := range []struct{ block, want, reason string }{
		{"repeats: 2", "[latency{limiter=main} p(99) latency{limiter=main} max decisions count]", "what assert looks at, each once"},
		{"{repeats: 2, pareto: [latency p(50), over_admission count]}", "[latency{limiter=main} p(99) latency{limiter=main} max decisions count latency p(50) over_admission count]", "and pareto"},
		{"{repeats: 2, metrics: [lag avg]}", "[lag avg]", "as written"},
		{"{repeats: 2, metrics: [' decisions{ decision = allowed }   rate'], pareto: [latency p(50), over_admission count]}", "[decisions{decision=allowed} rate latency p(50) over_admission count]", "as written, and pareto"},
	} {
		block := c.block
		if !strings.HasPrefix(block, "{") {
			block = "{" + block + "}"
		}
		if got := fmt.Sprint(mustDecode(t, sweeping+"sweep: "+block+"\n").Sweep.Metrics); got != c.want {
			t.Errorf("%s: got %s, want %s", c.reason, got, c.want)
		}
	}
}

func TestFindValue(t *testing.T) {
	for _, c := range []struct {
		from, to string
		x        float64
		want     string
		reason   string
	}{
		{"100/s", "900/s", 500, "500/s", "the unit of the ends"},
		{"100/s", "900/s", 499.9, "499/s", "whole where both ends are"},
		{"1_000/s", "9e3/s", 1234567.5, "1234567/s", "without an exponent"},
		{"0.5", "2", 1.25, "1.25", "no unit"},
		{"0.5/s", "2/s", 1.0 / 3, "0.333333333/s", "nine digits"},
		{"1%", "50%", 25.5, "25%", "percent"},
		{"1ms", "2.5ms", 1.5, "1.5ms", "a duration"},
		{"1kB/s", "9KiB/s", 4.5, "4kB/s", "a unit with capitals"},
	} {
		f := Find{From: c.from, To: c.to}
		if got := f.Value(c.x); got != c.want {
			t.Errorf("%s: got %s, want %s", c.reason, got, c.want)
		}
		if number := f.Round(c.x); f.Value(number) != c.want || number > c.x {
			t.Errorf("%s: the number of %s is %g", c.reason, c.want, number)
		}
		if low, high := f.Bounds(); f.Value(low) != strings.NewReplacer("1_000", "1000").Replace(c.from) && low != high {
			t.Errorf("%s: the lower end is %s", c.reason, f.Value(low))
		}
	}
}
