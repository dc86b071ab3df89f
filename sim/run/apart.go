package run

import (
	"cmp"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
)

// The worlds of a plan can be played on several machines: PlayWorld plays one and writes what came of
// it, and Run with Options.Worlds makes one run of them. What it hands to its sink, and its
// Result, are those of a Run that plays all worlds itself.

// facts are what a world knows beside its rows.
type facts struct {
	Arrivals   []int64 // by source, of all worlds
	Dropped    []int64
	Unexpected int64
	Waited     []string // warnings
	Systems    []systemFacts
	Engines    []record.Engine
}

// systemFacts are what a system knows.
type systemFacts struct {
	Limiter   int // index in the plan
	Warnings  []string
	Both      string // see timeless
	KnowsTime bool
	ReadClock bool
	Telemetry [][]record.Telemetry // by client
	Memory    []record.Memory      // of the shards that it has in its world, where the plan asks for it
}

func (w *world) facts() (f facts, err error) {
	f = facts{Arrivals: w.d.feed.arrived, Dropped: w.dropped, Unexpected: w.unexpected, Waited: w.waited}
	if w.quotas != nil {
		f.Engines = w.quotas.result()
	}
	var errs []error
	for i, s := range w.systems {
		if s == nil {
			continue
		}
		telemetry, err := s.telemetry()
		errs = append(errs, err)
		f.Systems = append(f.Systems, systemFacts{i, s.warnings(), s.both, s.knowsTime(), s.read.Load(), telemetry, s.memory(w.d.plan)})
	}
	return f, errors.Join(errs...)
}

// memory returns what the limiter's keys take on each shard in virtual time, if the plan asks for it.
func (s *system) memory(p *plan.Plan) []record.Memory {
	if f, ok := s.fleet.(embeddedFleet); ok && p.Asks(plan.MemoryMetric) {
		return f.Memory()
	}
	return nil
}

// gather adds what all worlds know. It calls limiter after what they know of each limiter, with
// its index.
func (r *Result) gather(p *plan.Plan, all []facts, limiter func(i int)) {
	for i := range p.Sources {
		sent := traffic(p, i)
		for _, f := range all {
			sent.Arrivals = f.Arrivals[i]
			sent.Dropped += f.Dropped[i]
		}
		r.Traffic = append(r.Traffic, sent)
	}
	for _, f := range all {
		r.Unexpected += f.Unexpected
		r.warn(f.Waited)
		r.Engines = append(r.Engines, f.Engines...)
	}
	for i := range p.Limiters {
		var systems []systemFacts
		for _, f := range all {
			for _, s := range f.Systems {
				if s.Limiter == i {
					systems = append(systems, s)
				}
			}
		}
		r.gatherLimiter(&p.Limiters[i], systems, len(p.Clients))
		limiter(i)
	}
}

// gatherLimiter adds what the systems of one limiter know.
func (r *Result) gatherLimiter(l *plan.Limiter, systems []systemFacts, clients int) {
	name := "limiter " + l.Name + ": "
	both, timed, read := "", false, false
	for _, s := range systems {
		for _, text := range s.Warnings {
			r.warn([]string{name + text})
		}
		both, timed, read = cmp.Or(both, s.Both), timed || s.KnowsTime, read || s.ReadClock
	}
	if both != "" && !timed {
		r.warn([]string{name + fmt.Sprintf(wallClock, both)})
	}
	if read {
		r.ReadClock = append(r.ReadClock, l.Name)
	}
	for _, s := range systems {
		for _, m := range s.Memory {
			r.Memory = append(r.Memory, record.Memory{Limiter: l.Name, Shard: m.Shard, Bytes: m.Bytes})
		}
	}
	for client := range clients {
		group := len(r.Telemetry)
		for _, s := range systems {
			if s.Telemetry == nil {
				continue
			}
			for _, t := range s.Telemetry[client] {
				r.Telemetry = mergeTelemetry(r.Telemetry, group, t)
			}
		}
	}
}

// message is one of those that PlayWorld writes: the rows of each lap, then accounts, and the facts,
// which end them. Those are JSON, because gob writes maps in any order.
type message struct {
	Rows    rows
	Account *record.Account
	Facts   []byte
}

// PlayWorld plays the plan's world n, from 0, and writes what came of it. The same plan and n give the
// same bytes. Of the options it heeds those of virtual time.
func PlayWorld(ctx context.Context, p *plan.Plan, n int, to io.Writer, o Options) error {
	d := &driver{ctx: ctx, requests: ctx, plan: p, planned: p.Worlds[n : n+1], apart: gob.NewEncoder(to), options: o}
	d.sink = apart{nil, d.apart, slices.IndexFunc(p.Worlds, func(w plan.World) bool { return w.Accounts }) != n}
	r, err := d.run()
	switch {
	case err != nil:
		return err
	case r.Aborted != "":
		return context.Cause(ctx)
	}
	return d.known[0].writeTo(d.apart)
}

func (f facts) writeTo(to *gob.Encoder) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return to.Encode(message{Facts: text})
}

// apart is the sink of a world that is played apart. Rows come to the encoder by the lap.
type apart struct {
	QuotaSink
	to    *gob.Encoder
	other bool // the accounts are another world's to write
}

func (a apart) WriteAccount(row *record.Account) error {
	if a.other {
		return nil
	}
	return a.to.Encode(message{Account: row})
}

// reading is what PlayWorld has written, read ahead.
type reading struct {
	messages chan message
	err      error // what ended the messages
}

func read(from io.Reader, over <-chan struct{}) *reading {
	r := &reading{messages: make(chan message, 1)}
	go func() {
		defer close(r.messages)
		for d := gob.NewDecoder(from); ; {
			var m message
			if r.err = d.Decode(&m); r.err != nil {
				return
			}
			select {
			case r.messages <- m:
			case <-over:
				return
			}
		}
	}()
	return r
}

// next returns the next message.
func (r *reading) next() (message, error) {
	m, ok := <-r.messages
	if ok {
		return m, nil
	}
	if errors.Is(r.err, io.EOF) {
		return m, io.ErrUnexpectedEOF
	}
	return m, r.err
}

// join makes a run of what worlds that were played apart have written.
func (d *driver) join() (Result, error) {
	over := make(chan struct{})
	defer close(over)
	var worlds []*reading
	for _, from := range d.options.Worlds {
		worlds = append(worlds, read(from, over))
	}
	if len(worlds) != len(d.planned) {
		return d.result, fmt.Errorf("expected %d worlds, found %d", len(d.planned), len(worlds))
	}
	ends, err := d.joinLaps(worlds)
	if err != nil {
		return d.result, err
	}
	all := make([]facts, len(worlds))
	for i, w := range worlds {
		if all[i], err = d.joinEnd(w, ends[i]); err != nil {
			return d.result, fmt.Errorf("world %d: %w", i, err)
		}
	}
	d.result.gather(d.plan, all, func(int) {})
	return d.result, d.err
}

// joinLaps writes the rows of all laps, and returns the first message of each world that is no lap.
func (d *driver) joinLaps(worlds []*reading) ([]message, error) {
	for {
		lap, ends := make([]*rows, 0, len(worlds)), make([]message, 0, len(worlds))
		for i, w := range worlds {
			m, err := w.next()
			if err != nil {
				return nil, fmt.Errorf("world %d: %w", i, err)
			}
			if m.Account == nil && m.Facts == nil {
				lap = append(lap, &m.Rows)
			} else {
				ends = append(ends, m)
			}
		}
		switch {
		case len(ends) == len(worlds):
			return ends, nil
		case len(ends) > 0:
			return nil, fmt.Errorf("expected as many laps in all worlds, found fewer in %d of %d", len(ends), len(worlds))
		}
		if d.writeAll(lap); d.err != nil || d.ctx.Err() != nil {
			return nil, errors.Join(d.err, context.Cause(d.ctx))
		}
	}
}

// joinEnd writes the accounts of a world, from m on, and returns its facts.
func (d *driver) joinEnd(w *reading, m message) (f facts, err error) {
	for ; err == nil && m.Account != nil; m, err = w.next() {
		if err := d.sink.(QuotaSink).WriteAccount(m.Account); err != nil {
			return f, err
		}
	}
	if err == nil {
		err = json.Unmarshal(m.Facts, &f)
	}
	if err == nil && (len(f.Arrivals) != len(d.plan.Sources) || len(f.Dropped) != len(d.plan.Sources)) {
		err = fmt.Errorf("expected what became of %d sources, found %d", len(d.plan.Sources), len(f.Arrivals))
	}
	return f, err
}
