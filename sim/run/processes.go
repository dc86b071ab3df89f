package run

import (
	"errors"
	"fmt"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/foreign"
)

// startProcess starts the process of a limiter in one client instance.
func (w *world) startProcess(d *driver, client int, name string, spec fakeredis.ClientSpec, seed uint32) (*foreign.Process, error) {
	fleet, ok := w.fleet.(embeddedFleet)
	stage, virtual := d.stage.(*embedded)
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
	if !w.Kind.ServerTime {
		w.read.Store(true) // its clock is its own affair
	}
	return foreign.Start(d.ctx, foreign.Spec{
		Process: *w.Process, Client: name, Does: d.plan.Clients[client].Does, Limiter: w.Limiter.Limiter, Options: w.Options, Shards: spec.ShardNames, Seed: seed,
		Line: line, Sched: stage.sched, Offset: d.clients[client].of, Clocked: !w.Kind.ServerTime, Horizon: int64(d.plan.Horizon), Patience: limit, Broken: d.fail,
	})
}

// processes lists those of all limiters.
func (d *driver) processes() (all []*foreign.Process) {
	for _, w := range d.worlds {
		all = append(all, w.processes()...)
	}
	return all
}

func (w *world) processes() (all []*foreign.Process) {
	for _, instances := range w.clients {
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
func (d *driver) strandProcesses() (any bool) {
	for _, p := range d.processes() {
		any = p.Strand() || any
	}
	return any
}

// closeProcesses ends the processes.
func (d *driver) closeProcesses() error {
	var errs []error
	for _, p := range d.processes() {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// tellProcesses notes what the limiter's processes said of themselves, and
// which share of their commands could not be attributed to a request.
func (d *driver) tellProcesses(w *world) {
	var sum foreign.Shares
	for _, p := range w.processes() {
		ready, shares := p.About()
		sum.Add(shares)
		if d.result.Versions == nil {
			d.result.Versions = map[string]string{}
		}
		d.result.Versions["limiter "+w.Name] = fmt.Sprintf("%s %s, quiet %s, clock %s", ready.Name, ready.Version, w.Process.Quiet, w.Process.Clock)
	}
	if sum.Nobody > 0 {
		d.result.Warnings = append(d.result.Warnings, fmt.Sprintf("limiter %s: %s of its %s could not be attributed to a request: round trips of the requests that may have sent them are unknown",
			w.Name, unit.Counted(sum.Nobody, "command"), unit.Counted(sum.All(), "command")))
	}
}
