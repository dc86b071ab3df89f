package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/sim/child"
)

// Who plays a run of a gate: this build, or the base binary.
const (
	NewBuild  = 0
	BaseBuild = 1
)

// BuildName returns the name of who plays a run, for people.
func BuildName(build int) string { return [...]string{"new", "base"}[build] }

// turn is one run that a gate needs.
type turn struct {
	of    *Gated
	build int
	runs  int // that this build plays of this scenario
}

// Play plays all that is needed: what is of virtual time at once on all
// processors, then what is of real time, one after the other.
func (g *Gate) Play(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("looking for this program: %w", err)
	}
	g.programs = [2]string{NewBuild: self, BaseBuild: g.BaseBinary}
	virtual, real := g.turns()
	errs := make([]error, len(virtual))
	g.procs = max(1, runtime.GOMAXPROCS(0)/max(1, len(virtual)))
	InParallel(len(virtual), runtime.GOMAXPROCS(0), func(i int) {
		_, errs[i] = g.take(ctx, virtual[i], 0)
	})
	if err := worst(errs); err != nil {
		return err
	}
	spare := map[*Gated]int{}
	for _, s := range g.Scenarios {
		spare[s] = (g.Runs + 1) / 2
	}
	for _, t := range real {
		if spare[t.of] < 0 && len(t.of.Played[t.build]) > 0 {
			continue // not valid, whatever follows; but each side has a run to show
		}
		if spare[t.of], err = g.take(ctx, t, spare[t.of]); err != nil {
			return err
		}
	}
	return nil
}

// worst returns the first error, or an abort, which explains the others.
func worst(errs []error) (first error) {
	for _, err := range errs {
		if StatusOf(err) == Aborted {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// turns lists the runs in their order. In real time base and new take turns, and each second
// pair is turned round (base, new, new, base, …), so that what drifts meanwhile
// is the same for both.
func (g *Gate) turns() (virtual, real []turn) {
	for _, s := range g.Scenarios {
		builds := []int{NewBuild}
		if s.Baseline == "" {
			builds = []int{BaseBuild, NewBuild}
		}
		if !s.real {
			for _, b := range builds {
				virtual = append(virtual, turn{s, b, 1})
			}
			continue
		}
		for range g.Runs {
			for _, b := range builds {
				real = append(real, turn{s, b, g.Runs})
			}
			slices.Reverse(builds)
		}
	}
	return virtual, real
}

// take plays a turn until its run is valid, at most spare times again. It returns
// how many of these are left: −1 for a run that is not valid at last.
func (g *Gate) take(ctx context.Context, t turn, spare int) (left int, err error) {
	played := &t.of.Played[t.build]
	for {
		g.Note("%s: %s, run %d of %d", t.of.Name, BuildName(t.build), len(*played)+1, t.runs)
		s, err := g.child(ctx, t)
		if err != nil {
			return spare, err
		}
		if s.Valid {
			*played = append(*played, s)
			return spare, nil
		}
		if spare--; spare < 0 {
			*played = append(*played, s)
			return spare, nil
		}
		g.Note("%s: the run is not valid (%s) and is played again", t.of.Name, strings.Join(s.Invalid, "; "))
	}
}

// child plays a run in a process of its own, so that each build and each run has
// the same conditions, and returns its summary.
func (g *Gate) child(ctx context.Context, t turn) (s *summary.Summary, err error) {
	dir, remove, err := child.Folder("gate")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	out := filepath.Join(dir, "summary.json")
	args := []string{"run", t.of.given, "--dir", filepath.Join(dir, "record"), "--out", "json=" + out, "--summary-mode", "disabled", "--quiet"}
	if err := g.exec(ctx, t, append(args, g.Args...)); err != nil {
		return nil, err
	}
	text, err := record.ReadFile(out, compare.MostText)
	if err != nil {
		return nil, Invalidf("%s says that it played %s: %w", g.programs[t.build], t.of.Name, err)
	}
	if s, err = summary.Read(text, out); err != nil {
		return nil, Invalidf("%s: %w", g.programs[t.build], err)
	}
	if s.Scenario != t.of.Name {
		return nil, Invalidf("%s: expected the summary of %s, found that of %s", g.programs[t.build], t.of.Name, s.Scenario)
	}
	return s, nil
}

// buildGrace is how long a build that is asked to end at once may take to stop its
// servers and to remove what is theirs.
const buildGrace = 2 * time.Second

// exec runs a build of quotalab. An error has the status that the build exited
// with, where that is one of ours and not about what the run came to.
func (g *Gate) exec(ctx context.Context, t turn, args []string) error {
	c := exec.Command(g.programs[t.build], args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if !t.of.real { // others run beside it
		c.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", g.procs))
	}
	p, err := child.Start(c, buildGrace)
	if err != nil {
		return Invalidf("%s: %w", g.programs[t.build], err)
	}
	stopped := context.AfterFunc(ctx, func() { _ = p.Signal(os.Interrupt) }) // an error says that it ended already
	err = p.Exit()
	stopped()
	p.Stop()
	status := Status(c.ProcessState.ExitCode())
	switch {
	case errors.Is(context.Cause(ctx), ErrInterrupt):
		return With(Aborted, errors.New("aborted by the user: nothing was judged"))
	case slices.Contains([]Status{Passed, AssertionFailed, OffSchedule}, status):
		return nil
	case !slices.Contains(Statuses(), status):
		status = Invalid // it is no quotalab, or cannot be one
	}
	return With(status, fmt.Errorf("%s run %s: %w\n%s", g.programs[t.build], t.of.given, err, strings.TrimSpace(stderr.String())))
}
