package cmd

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

	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/results/summary"
)

// Who plays a run of a gate.
const (
	newBuild  = 0
	baseBuild = 1
)

func buildName(build int) string { return [...]string{"new", "base"}[build] }

// turn is one run that a gate needs.
type turn struct {
	of    *gated
	build int
	runs  int // that this build plays of this scenario
}

// play all that is needed: what is of virtual time at once on all processors,
// then what is of real time, one after the other.
func (g *gating) play(ctx context.Context) error {
	virtual, real := g.turns()
	errs := make([]error, len(virtual))
	inParallel(len(virtual), runtime.GOMAXPROCS(0), func(i int) {
		_, errs[i] = g.take(ctx, virtual[i], 0)
	})
	if err := worstOf(errs); err != nil {
		return err
	}
	spare := map[*gated]int{}
	for _, s := range g.scenarios {
		spare[s] = (g.flags.runs + 1) / 2
	}
	for _, t := range real {
		if spare[t.of] < 0 && len(t.of.played[t.build]) > 0 {
			continue // not valid, whatever follows; but each side has a run to show
		}
		var err error
		if spare[t.of], err = g.take(ctx, t, spare[t.of]); err != nil {
			return err
		}
	}
	return nil
}

// worstOf several errors: an abort explains the others.
func worstOf(errs []error) error {
	for _, err := range errs {
		if codeOf(err) == exitAborted {
			return err
		}
	}
	return firstOf(errs...)
}

// turns in their order. In real time base and new take turns, and each second
// pair is turned round (base, new, new, base, …), so that what drifts meanwhile
// is the same for both.
func (g *gating) turns() (virtual, real []turn) {
	for _, s := range g.scenarios {
		builds := []int{newBuild}
		if s.baseline == "" {
			builds = []int{baseBuild, newBuild}
		}
		if !s.real {
			for _, b := range builds {
				virtual = append(virtual, turn{s, b, 1})
			}
			continue
		}
		for range g.flags.runs {
			for _, b := range builds {
				real = append(real, turn{s, b, g.flags.runs})
			}
			slices.Reverse(builds)
		}
	}
	return virtual, real
}

// take a turn until its run is valid, at most spare times again. It returns how
// many of these are left: −1 for a run that is not valid at last.
func (g *gating) take(ctx context.Context, t turn, spare int) (left int, err error) {
	played := &t.of.played[t.build]
	for {
		g.note("%s: %s, run %d of %d", t.of.name, buildName(t.build), len(*played)+1, t.runs)
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
		g.note("%s: the run is not valid (%s) and is played again", t.of.name, strings.Join(s.Invalid, "; "))
	}
}

// child plays a run in a process of its own, so that each build and each run has
// the same conditions, and returns its summary.
func (g *gating) child(ctx context.Context, t turn) (s *summary.Summary, err error) {
	dir, err := os.MkdirTemp(g.temp, "run-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	out := filepath.Join(dir, "summary.json")
	args := []string{"run", t.of.given, "--dir", filepath.Join(dir, "record"), "--out", "json=" + out, "--summary-mode", "disabled", "--quiet"}
	g.flags.liveSet.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	if err := g.exec(ctx, t, args); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, invalidf("%s says that it played %s: %w", g.programs[t.build], t.of.name, err)
	}
	if s, err = readSummary(text, out); err != nil {
		return nil, invalidf("%s: %w", g.programs[t.build], err)
	}
	if s.Scenario != t.of.name {
		return nil, invalidf("%s: expected the summary of %s, found that of %s", g.programs[t.build], t.of.name, s.Scenario)
	}
	return s, nil
}

// exec runs a build of quotalab. An error has the exit code that the build gave,
// where that is one of ours and not about what the run came to.
func (g *gating) exec(ctx context.Context, t turn, args []string) error {
	c := exec.CommandContext(ctx, g.programs[t.build], args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	ownGroup(c)
	err := c.Run()
	code := c.ProcessState.ExitCode()
	switch {
	case context.Cause(ctx) != nil && errors.Is(context.Cause(ctx), errInterrupt):
		return withCode(exitAborted, errors.New("aborted by the user: nothing was judged"))
	case c.ProcessState == nil:
		return invalidf("%s: %w", g.programs[t.build], err)
	case slices.Contains([]int{exitPassed, exitAssertion, exitSchedule}, code):
		return nil
	}
	err = fmt.Errorf("%s run %s: %w\n%s", g.programs[t.build], t.of.given, err, strings.TrimSpace(stderr.String()))
	if !isExitCode(code) {
		code = exitInvalid // it is no quotalab, or cannot be one
	}
	return withCode(code, err)
}

func isExitCode(code int) bool {
	for _, e := range exitCodes {
		if e.code == code {
			return true
		}
	}
	return false
}
