package run_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// memory keeps all observations of a run.
type memory []record.Observation

func (m *memory) Write(o *record.Observation) error {
	c := *o
	c.Seq = int64(len(*m))
	c.Takes, c.Touched = slices.Clone(o.Takes), slices.Clone(o.Touched)
	*m = append(*m, c)
	return nil
}

// count returns how many observations satisfy all conditions.
func (m memory) count(conditions ...func(record.Observation) bool) int {
	n := 0
next:
	for _, o := range m {
		for _, c := range conditions {
			if !c(o) {
				continue next
			}
		}
		n++
	}
	return n
}

func decided(d record.Decision) func(record.Observation) bool {
	return func(o record.Observation) bool { return o.Decision == d }
}

func state(s record.KeyState) func(record.Observation) bool {
	return func(o record.Observation) bool { return o.Key == s }
}

func by(client string) func(record.Observation) bool {
	return func(o record.Observation) bool { return o.Client == client }
}

// compile compiles a scenario's text with kinds more than the built-in ones.
func compile(tb testing.TB, source string, more ...limiter.Kinds) *plan.Plan {
	tb.Helper()
	s, ps := scenarios.Decode("test.yaml", []byte(source))
	if len(ps) > 0 {
		tb.Fatal(ps)
	}
	return compiled(tb, s, more...)
}

// shipped compiles a shipped scenario.
func shipped(tb testing.TB, name string) *plan.Plan {
	tb.Helper()
	s, ps, err := scenarios.Load(name)
	if err != nil || len(ps) > 0 {
		tb.Fatal(err, ps)
	}
	return compiled(tb, s)
}

func compiled(tb testing.TB, s *scenarios.Scenario, more ...limiter.Kinds) *plan.Plan {
	tb.Helper()
	kinds := limiter.Builtin()
	for _, k := range more {
		kinds = kinds.With(k)
	}
	p, ps := plan.Compile(s, kinds)
	if len(ps) > 0 {
		tb.Fatal(ps)
	}
	return p
}

// run plays a plan and returns all that it recorded.
func play(tb testing.TB, p *plan.Plan) (memory, run.Result) {
	tb.Helper()
	var m memory
	r, err := run.Run(context.Background(), p, &m, run.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return m, r
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }
