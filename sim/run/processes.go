package run

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/limiter"
)

// process is a limiter or an engine in a process of its own: a foreign.Process
// in virtual time, a foreign.Live in real time.
type process interface {
	limiter.Limiter
	Tell(ctx context.Context, n foreign.News) error
	About() (foreign.Ready, foreign.Shares)
	Strand() bool
	Close() error
}

// startProcess starts a program for a client of a fleet.
func (w *world) startProcess(fleet fleet, client fakeredis.ClientSpec, s foreign.Spec) (process, error) {
	d := w.d
	s.Shards, s.Horizon, s.Broken, s.Tell = client.ShardNames, int64(d.plan.Horizon), d.fail, d.options.Tell
	if s.Patience = d.options.Patience; s.Patience == 0 {
		s.Patience = patience
	}
	switch stage := w.stage.(type) {
	case *embedded:
		var err error
		if s.Line, err = fleet.(embeddedFleet).Line(client); err != nil {
			return nil, err
		}
		s.Sched = stage.sched
		p, err := foreign.Start(d.ctx, s)
		if err != nil {
			return nil, err // not a nil *foreign.Process in an interface that is not nil
		}
		return p, nil
	case *onServers:
		live := fleet.(liveFleet)
		s.Live = &foreign.Servers{Now: stage.real.Time, Post: stage.real.Post}
		switch {
		case s.URL != "":
			live.Outside()
		case stage.Servers.Cluster():
			return nil, fmt.Errorf("%w: %s is a process of its own, whose client would look for the nodes of the Redis Cluster itself: use single servers", ErrServers, s.Client)
		}
		s.Live.Listen = func(dir string, seen func(string, [][]string) func(int, record.KeyState), failed func(error)) ([]string, string, func() error, error) {
			return live.ForChild(dir, client.ShardNames, seen, failed)
		}
		s.Broken = func(err error) {
			d.fail(err)
			stage.real.Post(stage.real.Stop)
		}
		p, err := foreign.StartLive(d.ctx, s)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	return nil, fmt.Errorf("no process can be played on %T", w.stage)
}

// startProcess starts the process of a limiter in one client instance.
func (s *system) startProcess(w *world, client int, name string, spec fakeredis.ClientSpec, seed uint32) (process, error) {
	if !s.Kind.ServerTime {
		s.read.Store(true) // its clock is its own affair
	}
	return w.startProcess(s.fleet, spec, foreign.Spec{
		Process: *s.Process, Client: name, Does: w.d.plan.Clients[client].Does, Limiter: s.Limiter.Limiter, Options: s.Options, Seed: seed,
		Offset: w.clients[client].of, Clocked: !s.Kind.ServerTime,
	})
}

// processes lists those of the world's limiters and engines.
func (w *world) processes() (all []process) {
	for _, s := range w.systems {
		if s != nil {
			all = append(all, s.processes()...)
		}
	}
	if w.quotas == nil {
		return all
	}
	for _, e := range w.quotas.engines {
		if e.program != nil {
			all = append(all, e.program)
		}
	}
	return all
}

func (s *system) processes() (all []process) {
	for _, instances := range s.clients {
		for _, in := range instances {
			if in.process != nil {
				all = append(all, in.process)
			}
		}
	}
	return all
}

// strandProcesses fails requests that a process will not answer any more, and
// reports whether there are any.
func (w *world) strandProcesses() (any bool) {
	for _, p := range w.processes() {
		any = p.Strand() || any
	}
	return any
}

// closeProcesses ends the processes.
func (w *world) closeProcesses() error {
	var errs []error
	for _, p := range w.processes() {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// limiterKind begins what a limiter is called in the versions of a record.
const limiterKind = "limiter "

// tellProcesses notes what a limiter's or an engine's processes said of
// themselves, and which share of a limiter's commands could not be attributed to
// a request.
func (r *Result) tellProcesses(of string, program *limiter.Process, all []process) {
	var sum foreign.Shares
	times := foreign.NewTimes()
	for _, p := range all {
		ready, shares := p.About()
		sum.Add(shares)
		if r.Versions == nil {
			r.Versions = map[string]string{}
		}
		played := fmt.Sprintf("quiet %s, clock %s", program.Quiet, program.Clock)
		if live, ok := p.(*foreign.Live); ok {
			played = "in real time"
			times.Add(live)
		}
		r.Versions[of] = strings.TrimLeft(fmt.Sprintf("%s %s, %s", ready.Name, ready.Version, played), " ,")
	}
	if took, pipe := times.Lateness(); took.Samples > 0 {
		r.Processes = append(r.Processes, record.OwnTime{Limiter: strings.TrimPrefix(of, limiterKind), Took: took, Pipe: pipe})
	}
	if sum.Nobody > 0 && strings.HasPrefix(of, limiterKind) { // of engines nobody counts round trips
		r.warn([]string{fmt.Sprintf("%s: %s of its %s could not be attributed to a request: round trips of the requests that may have sent them are unknown",
			of, unit.Counted(sum.Nobody, "command"), unit.Counted(sum.All(), "command"))})
	}
}
