package run_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/run"
)

// end is one end of a link.
type end struct {
	io.Reader
	io.Writer
}

// link returns both ends of one, and what cuts it.
func link(tb testing.TB) (here, there end, cut func()) {
	tb.Helper()
	r1, w1, err1 := os.Pipe()
	r2, w2, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	cut = func() {
		for _, f := range []*os.File{r1, w1, r2, w2} {
			_ = f.Close() // may be closed already
		}
	}
	tb.Cleanup(cut)
	return end{r1, w2}, end{r2, w1}, cut
}

// generators are those of one run.
type generators struct {
	servers *realredis.Servers
	prefix  string
	links   []io.ReadWriter
	cuts    []func()
	errs    []chan error
}

// generate starts generators of a plan whose clocks are ahead of the coordinator's.
func generate(tb testing.TB, p *plan.Plan, ahead ...time.Duration) *generators {
	tb.Helper()
	runs++
	g := &generators{servers: spawn(tb, p), prefix: fmt.Sprintf("quotalab:test-%d:", runs)}
	base := time.Now()
	for i, by := range ahead {
		here, there, cut := link(tb)
		ended := make(chan error, 1)
		g.links, g.cuts, g.errs = append(g.links, here), append(g.cuts, cut), append(g.errs, ended)
		o := run.Options{Live: g.live(), Stripe: run.Stripe{Index: i, Of: len(ahead)}}.WithBase(base.Add(-by))
		go func() { ended <- run.Generate(context.Background(), p, o, there) }()
	}
	return g
}

func (g *generators) live() *run.Live { return &run.Live{Servers: g.servers, Prefix: g.prefix} }

// conduct plays the plan into a record.
func (g *generators) conduct(t *testing.T, p *plan.Plan, o run.Options) (run.Result, *record.Reader, memory) {
	t.Helper()
	o.Live, o.Generators = g.live(), g.links
	var m memory
	dir := t.TempDir()
	w, err := record.Create(dir, run.Manifest(p))
	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Run(context.Background(), p, both{w, &m}, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(r.Apply); err != nil {
		t.Fatal(err)
	}
	reader, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r, reader, m
}

// A limiter that is right is not accused because the clocks of two generators are half a second apart, and
// one that loses spends is found all the same.
func TestGeneratorsWhoseClocksAreOff(t *testing.T) {
	testkit.Live(t, "plays in real time")
	for _, tt := range []struct {
		scenario    string
		least, most int
	}{{"race-set", 1, 412}, {"race-lua", 0, 0}} {
		p := live(t, tt.scenario)
		g := generate(t, p, 250*time.Millisecond, -250*time.Millisecond)
		r, reader, m := g.conduct(t, p, run.Options{})
		if r.Aborted != "" || len(m) != 512 || r.Traffic[0].Arrivals != 512 {
			t.Errorf("%s: aborted %q, %d of 512 observations, %d arrivals", tt.scenario, r.Aborted, len(m), r.Traffic[0].Arrivals)
		}
		arrivals := map[int64]bool{}
		for _, o := range m {
			arrivals[o.Arrival] = true
		}
		if len(arrivals) != 512 {
			t.Errorf("%s: %d arrivals were sent, expected each of 512", tt.scenario, len(arrivals))
		}
		a, err := audit.Replay(reader)
		if err != nil {
			t.Fatal(err)
		}
		over := int(a.Limiters[0].Over)
		manifest := reader.Manifest()
		t.Logf("%s: over-admission %d, clocks within %v of one another", tt.scenario, over, manifest.ClockError())
		if over < tt.least || over > tt.most {
			t.Errorf("%s: over-admission %d, expected %d to %d", tt.scenario, over, tt.least, tt.most)
		}
		for i, of := range manifest.Generators {
			if of.Exchanges < 200 || of.ClockError <= 0 || of.ClockError > 100*time.Millisecond || !of.Complete || of.Pacing == nil {
				t.Errorf("%s: generator %d: %+v", tt.scenario, i, of)
			}
			if err := <-g.errs[i]; err != nil {
				t.Errorf("%s: generator %d: %v", tt.scenario, i, err)
			}
		}
		if s := r.Servers[0]; len(s.Commands) == 0 || slices.ContainsFunc(s.Commands, func(c record.CommandCount) bool { return c.Sent+max(0, c.Script) != c.Server }) {
			t.Errorf("%s: the servers counted something else: %+v", tt.scenario, s.Commands)
		}
	}
}

// live compiles a shipped scenario for real time.
func live(t *testing.T, name string) *plan.Plan {
	t.Helper()
	p := shipped(t, name)
	return compile(t, strings.Replace(p.Scenario.Text(), "\nhorizon:", "\nclock: real\nhorizon:", 1))
}

// A generator that is lost, or began late, ends the run, whose numbers then stand for nothing. The others stop.
func TestGeneratorsThatFail(t *testing.T) {
	testkit.Live(t, "plays in real time")
	p := compile(t, fmt.Sprintf(agreeing, "real"))
	t.Run("lost", func(t *testing.T) {
		g := generate(t, p, 0, 0, 0)
		var once sync.Once
		r, reader, m := g.conduct(t, p, run.Options{Progress: func(at, _ int64) {
			if at > int64(time.Second) {
				once.Do(g.cuts[1])
			}
		}})
		if !r.Void || !strings.HasPrefix(r.Aborted, "generator 1 is lost: ") || len(m) == 0 || m[len(m)-1].Done > int64(4*time.Second) {
			t.Errorf("void %v, %q, %d observations", r.Void, r.Aborted, len(m))
		}
		if of := reader.Manifest().Generators; !of[0].Complete || of[1].Complete || !of[2].Complete {
			t.Errorf("%+v", of)
		}
		if err := errors.Join(<-g.errs[0], <-g.errs[2]); err != nil {
			t.Error(err)
		}
		if err := <-g.errs[1]; err == nil {
			t.Error("the lost one does not know")
		}
	})
	t.Run("late", func(t *testing.T) {
		g := generate(t, p, 0, 0)
		if r, _, _ := g.conduct(t, p, run.Options{}.StartingIn(1)); !r.Void || !strings.Contains(r.Aborted, " late") {
			t.Errorf("void %v, %q", r.Void, r.Aborted)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		g := generate(t, p, 0, 0)
		s := &stopping{at: int64(time.Second)}
		r, err := run.Run(context.Background(), p, s, run.Options{Live: g.live(), Generators: g.links})
		if err != nil || r.Void || !r.Stopped || len(s.memory) == 0 || s.memory[len(s.memory)-1].Done > int64(4*time.Second) {
			t.Errorf("%v: stopped %v, void %v, %d observations", err, r.Stopped, r.Void, len(s.memory))
		}
	})
	t.Run("no coordinator", func(t *testing.T) {
		_, there, _ := link(t)
		begun := time.Now()
		err := run.Generate(context.Background(), p, run.Options{}, there)
		if took := time.Since(begun); !errors.Is(err, run.ErrLost) || took < 5*time.Second || took > 9*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// What several generators cannot send is refused with the reason.
func TestUnstriped(t *testing.T) {
	real := fmt.Sprintf(agreeing, "real")
	for _, tt := range []struct{ text, want string }{
		{real, ""},
		{fmt.Sprintf(agreeing, "virtual"), "it is in virtual time"},
		{real + "\nfaults: [{at: 1s, for: 1s, down: {shard: shard-1}}]\n", "it has faults"},
		{strings.Replace(real, "traffic: {main: {", "traffic: {main: {max_in_flight: 2, ", 1), "max_in_flight of traffic main is 2"},
	} {
		if got := run.Unstriped(compile(t, tt.text), 3); got != tt.want && (tt.want == "" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("expected %q, found %q", tt.want, got)
		}
	}
}
