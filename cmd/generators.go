package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// generateVerb is the name of the verb of a generator's process. It reads a campaign.Task in a line of standard input.
const generateVerb = "generate"

func (a *app) generateCommand() *cobra.Command {
	return &cobra.Command{
		Use:    generateVerb,
		Short:  "Send a part of the load of a run",
		Long:   `Is one of the processes of quotalab run --generators, which says by standard input and output what is to be done.`,
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := bufio.NewReader(a.Stdin)
			line, err := in.ReadBytes('\n')
			if err != nil {
				return usagef("expected a task by standard input, of quotalab run --generators: %w", err)
			}
			var t campaign.Task
			if err := json.Unmarshal(line, &t); err != nil {
				return usagef("the task: %w", err)
			}
			ctx, done := a.signals.graceful(cmd.Context())
			defer done()
			return a.Generate(ctx, t, link{in, a.stdout})
		},
	}
}

// link is the way to another process.
type link struct {
	io.Reader
	io.Writer
}

// checkGenerators checks --generators; several of a run need servers that are there for all.
func (f *runFlags) checkGenerators() error {
	switch n := f.generators; {
	case n > 0 && f.many.Elsewhere():
		return usagef("--generators is of real time, and --workers, --listen and --nats of virtual time")
	case n > 0 && f.metrics != (metricsFlags{}):
		return usagef("--metrics and --otlp: the requests under way are those of one process: leave them or --generators out")
	}
	return nil
}

// mostGenerators is more than any machine has processors.
const mostGenerators = 128

// stripable returns why generators cannot send the load of a plan, if they cannot.
func stripable(p *plan.Plan, generators int) error {
	if why := run.Unstriped(p, generators); generators > 0 && why != "" {
		return campaign.Invalidf("--generators: %s cannot be sent by several processes: %s", p.Scenario.File, why)
	}
	return nil
}

// generator is a process that sends a stripe.
type generator struct {
	*child.Process
	words child.LastWords
	link  struct{ from, to *os.File }
}

// end has it end, which has nothing to do any more, and says what it said if it failed.
func (g *generator) end() (failed string) {
	_ = g.link.to.Close() // it may have ended
	ctx, cancel := context.WithTimeout(context.Background(), generatorGrace)
	defer cancel()
	select {
	case <-g.Over():
	case <-ctx.Done():
	}
	g.Stop()
	_ = g.link.from.Close() // nobody is at the other end
	if g.Exit() == nil || g.words.Contains(run.ErrLost.Error()) {
		return "" // by this process
	}
	return g.How() + g.words.String()
}

// startGenerators starts processes that send the load of a run. end ends them, and says what those said that failed.
func (a *app) startGenerators(name string, r *campaign.Run, o campaign.Overrides, f *runFlags) (end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("looking for this program: %w", err)
	}
	var all []*generator
	end = func() {
		for i, g := range all {
			if failed := g.end(); failed != "" {
				a.Note("generator %d: %s", i, failed)
			}
		}
	}
	for i := range f.generators {
		task, err := json.Marshal(a.NewTask(name, r, o, f.play.live.files, run.Stripe{Index: i, Of: f.generators}))
		if err == nil {
			var g *generator
			if g, err = startGenerator(self); err == nil {
				all, r.Generators = append(all, g), append(r.Generators, link{g.link.from, g.link.to})
				_, err = g.link.to.Write(append(task, '\n'))
			}
		}
		if err != nil {
			end()
			return nil, fmt.Errorf("starting generator %d: %w", i, err)
		}
	}
	return end, nil
}

// generatorGrace is how long a generator may take to end.
const generatorGrace = 2 * time.Second

func startGenerator(self string) (g *generator, err error) {
	g = &generator{}
	theirs, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	from, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, to.Close())
	}
	defer out.Close()
	g.link.from, g.link.to = from, to
	cmd := exec.Command(self, generateVerb, "--quiet")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, out, &g.words
	if g.Process, err = child.Start(cmd, generatorGrace); err != nil {
		return nil, errors.Join(err, to.Close(), from.Close())
	}
	return g, nil
}

// noteGenerators says how far the clocks of a run's generators agree.
func (a *app) noteGenerators(m record.Manifest) {
	if len(m.Generators) == 0 {
		return
	}
	least := m.Generators[0].Exchanges
	for _, g := range m.Generators {
		least = min(least, g.Exchanges)
	}
	a.Note("%s: their clocks agree with this one within %s, by at least %s each", unit.Counted(int64(len(m.Generators)), "generator"), unit.Time(m.ClockError()), unit.Counted(least, "exchange"))
}
