package cmd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
)

// one is a scenario of --all.
type one struct {
	name   string
	of     *campaign.Analysis // nil: it was not played to its end
	failed error              // of playing it, or its verdict
}

// runAll plays every shipped scenario that is of virtual time, as many at once as there are
// processors, and prints a line for each.
func (a *app) runAll(ctx context.Context, f *runFlags) error {
	if f.dir != "" || f.metrics != (metricsFlags{}) || f.web.addr != "" || len(f.outs)+len(f.tags) > 0 || f.play.trace != "" || f.noAssert || f.wire || f.many.Elsewhere() || f.generators != 0 {
		return usagef("--all: expected none of --dir, --generators, --listen, --metrics, --nats, --no-assert, -o, --otlp, --tag, --trace, --web and --workers beside it: they are for one scenario")
	}
	if _, err := f.many.check(campaign.Part{}); err != nil {
		return err
	}
	o, err := f.play.overrides(a.lookupEnv)
	if err != nil {
		return err
	}
	if o.Clock == "real" || o.Servers.How != "" {
		return usagef("--all: expected the virtual clock, found real: scenarios in real time would measure each other")
	}
	names, err := campaign.ReferenceNames()
	if err != nil {
		return err
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	o.Cores = campaign.AllCores()
	local := campaign.Local{Loader: a.Loader, Overrides: o, Monitor: a}
	a.Begin(len(names), "scenarios")
	defer a.end()
	all := make([]one, len(names))
	campaign.InParallel(len(names), runtime.GOMAXPROCS(0), func(i int) {
		all[i].play(ctx, local, names[i])
		a.Done()
	})
	t := present.NewTable("scenarios", "", "scenario", "verdict", ">observations", "found")
	status := campaign.Passed
	for _, r := range all {
		if s := campaign.StatusOf(r.failed); rank(s) < rank(status) {
			status = s
		}
		if r.of == nil {
			t.Add(present.Words(r.name), present.Cell{Text: "not played", State: present.Failed}, present.None, present.Words(r.failed.Error()))
			continue
		}
		s := r.of.Summary
		verdict := present.Cell{Text: s.Verdict(), State: present.Passed}
		if r.failed != nil {
			verdict.State = present.Failed
		}
		found := ""
		if len(s.Warnings) > 0 {
			found, _, _ = strings.Cut(s.Warnings[0], ". ")
		}
		t.Add(present.Words(r.name), verdict, present.Count(s.Observations+s.Evaluations), present.Words(found))
	}
	t.Note(fmt.Sprintf("%s; found is the beginning of the first warning of each: quotalab run SCENARIO has all.", unit.Counted(int64(len(all)), "scenario")))
	return errors.Join(t.Write(a.stdout, present.Look{Width: lineWidth, Colour: a.colour()}), status.Err())
}

// rank says which of several statuses is the command's, the lowest. What is none of a run (104, 114) comes first.
func rank(s campaign.Status) int {
	order := []campaign.Status{campaign.Internal, campaign.Aborted, campaign.LimiterFailed, campaign.OffSchedule, campaign.AssertionFailed, campaign.Passed}
	return slices.Index(order, s)
}

// play plays a scenario into a record of its own and analyses that.
func (r *one) play(ctx context.Context, local campaign.Local, name string) {
	r.name = name
	s, err := local.Decode(name)
	if err != nil {
		r.failed = err
		return
	}
	played, err := local.Run(ctx, campaign.Cell{Scenario: s}, "")
	if err == nil {
		r.of, err = played.Analyse()
	}
	if r.failed = err; err == nil {
		r.failed = played.Judge(r.of.Summary.Summary)
	}
}
