package cmd

import (
	"context"
	"slices"

	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
)

// search one place for the highest value at which all assertions hold, in every
// repeat.
func (s *sweeper) search(ctx context.Context, place int, settings []scenarios.Setting) (sweep.Found, []sweep.Run, error) {
	f := s.scenario.Sweep.Find
	from, to := f.Bounds()
	byValue := map[string][]sweep.Run{}
	var all []sweep.Run
	probe := func(x float64) (bool, error) {
		value := f.Value(x)
		runs, err := s.runs(ctx, repeats(s.scenario.Sweep, place, settings, value))
		byValue[value], all = runs, append(all, runs...)
		return !slices.ContainsFunc(runs, func(r sweep.Run) bool { return !r.OK }), err
	}
	b := sweep.Bisection{From: from, To: to, Tolerance: float64(f.Tolerance), Round: f.Round}
	got, err := b.Find(probe)
	if err != nil {
		return sweep.Found{}, nil, err
	}
	found := sweep.Found{Place: place, Outcome: got.Outcome, Probes: len(got.Probes)}
	if got.Outcome == sweep.Capacity || got.Outcome == sweep.AllPass {
		found.Passes = f.Value(got.Passes)
		if x, _, ok := sweep.Quantity(found.Passes); ok {
			found.Capacity = &x
		}
	}
	if got.Outcome != sweep.AllPass {
		found.Fails = f.Value(got.Fails)
		found.Stops = sweep.Fails(byValue[found.Fails])
	}
	return found, all, nil
}

// runs makes several cells, in their order.
func (s *sweeper) runs(ctx context.Context, cells []cell) ([]sweep.Run, error) {
	runs := make([]sweep.Run, len(cells))
	inParallel(len(cells), cap(s.free), func(i int) {
		runs[i], _ = s.run(ctx, cells[i]) // the first error is the cause of ctx's end
	})
	return runs, context.Cause(ctx)
}

// searches searches every place.
func (s *sweeper) searches(ctx context.Context) ([]sweep.Found, []sweep.Run, error) {
	places := s.scenario.Sweep.Grid()
	found, runs := make([]sweep.Found, len(places)), make([][]sweep.Run, len(places))
	inParallel(len(places), cap(s.free), func(i int) {
		found[i], runs[i], _ = s.search(ctx, i, places[i])
		s.bars.placeDone()
	})
	return found, slices.Concat(runs...), context.Cause(ctx)
}
