package run

import (
	"errors"
	"fmt"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/foreign"
)

// startProcess starts the process of a limiter in one client instance.
func (s *system) startProcess(w *world, client int, name string, spec fakeredis.ClientSpec, seed uint32) (*foreign.Process, error) {
	d := w.d
	fleet, ok := s.fleet.(embeddedFleet)
	stage, virtual := w.stage.(*embedded)
	if !ok || !virtual {
		return nil, fmt.Errorf("%w: a limiter in a process of its own is played in virtual time only", ErrServers)
	}
	line, err := fleet.Line(spec)
	if err != nil {
		return nil, err
	}
	limit := d.options.Patience
	if limit == 0 {
		limit = patience
	}
	if !s.Kind.ServerTime {
		s.read.Store(true) // its clock is its own affair
	}
	return foreign.Start(d.ctx, foreign.Spec{
		Process: *s.Process, Client: name, Does: d.plan.Clients[client].Does, Limiter: s.Limiter.Limiter, Options: s.Options, Shards: spec.ShardNames, Seed: seed,
		Line: line, Sched: stage.sched, Offset: w.clients[client].of, Clocked: !s.Kind.ServerTime, Horizon: int64(d.plan.Horizon), Patience: limit, Broken: d.fail, Tell: d.options.Tell,
	})
}

// processes lists those of the world's limiters.
func (w *world) processes() (all []*foreign.Process) {
	for _, s := range w.systems {
		if s != nil {
			all = append(all, s.processes()...)
		}
	}
	return all
}

func (s *system) processes() (all []*foreign.Process) {
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

// tellProcesses notes what a limiter's processes said of themselves, and which
// share of their commands could not be attributed to a request.
func (r *Result) tellProcesses(systems []*system) {
	var sum foreign.Shares
	for _, s := range systems {
		for _, p := range s.processes() {
			ready, shares := p.About()
			sum.Add(shares)
			if r.Versions == nil {
				r.Versions = map[string]string{}
			}
			r.Versions["limiter "+s.Name] = fmt.Sprintf("%s %s, quiet %s, clock %s", ready.Name, ready.Version, s.Process.Quiet, s.Process.Clock)
		}
	}
	if sum.Nobody > 0 {
		r.warn([]string{fmt.Sprintf("limiter %s: %s of its %s could not be attributed to a request: round trips of the requests that may have sent them are unknown",
			systems[0].Name, unit.Counted(sum.Nobody, "command"), unit.Counted(sum.All(), "command"))})
	}
}
