package run

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// system is one limiter under test: its shards, or the one that its world has,
// and an instance of it in each client process.
type system struct {
	*plan.Limiter
	index   int
	fleet   fleet
	clients [][]*instance // by client and number
	picks   []*plan.Keyed // of instances, by source
	read    atomic.Bool   // a client's clock was read
	drew    atomic.Bool   // it drew a random number
	model   *model        // that decides in the limiter's place; nil: the limiter does
	timeless
}

// instance is the limiter in one client process, with a Ring of its own.
type instance struct {
	name     string
	client   string
	mode     record.Mode
	limiter  limiter.Limiter
	process  process                // that the limiter lives in; nil: this one
	registry []*prometheus.Registry // one for each time that the limiter was made
	env      limiter.Env
}

// limiterScope begins the scopes of limiters.
const limiterScope = "limiter/"

func newSystem(w *world, index int) (*system, error) {
	p := w.d.plan
	l := &p.Limiters[index]
	scope := limiterScope + l.Name
	scoped := func(name string) *rand.Rand { return p.Stream(scope + "/" + name) }
	fleet, err := w.stage.fleet(scope, l, scoped)
	if err != nil {
		return nil, fmt.Errorf("limiter %s: %w", l.Name, err)
	}
	s := &system{Limiter: l, index: index, fleet: fleet}
	if l.Model {
		s.model = newModel(p, l, w.clock)
	}
	for i := range p.Sources {
		s.picks = append(s.picks, p.Keyed(scope+"/instances/"+p.Sources[i].Name))
	}
	for i, c := range p.Clients {
		var instances []*instance
		for n := range c.Instances {
			in, err := s.newInstance(w, i, n, scoped)
			if err != nil {
				s.clients = append(s.clients, instances) // they are to be closed
				return s, fmt.Errorf("limiter %s, client %s: %w", l.Name, c.Name, err)
			}
			instances = append(instances, in)
		}
		s.clients = append(s.clients, instances)
	}
	return s, nil
}

func (s *system) newInstance(w *world, client, n int, scoped func(string) *rand.Rand) (*instance, error) {
	c, l := w.d.plan.Clients[client], s.Limiter
	in := &instance{name: c.Name, client: c.Name, mode: c.Does}
	if c.Instances > 1 {
		in.name = fmt.Sprintf("%s/%d", c.Name, n)
	}
	if s.model != nil {
		in.limiter = s.model
		return in, nil
	}
	spec := w.sees(fakeredis.ClientSpec{
		ShardNames: c.ShardNames, RTT: c.RTT, Stream: func(shard string) *rand.Rand { return scoped("network/" + in.name + "/" + shard) },
		Connection: c.Connection, TAT: l.Kind.TAT, Now: s.judges(w, w.clients[client]),
	})
	if l.Process != nil {
		var err error
		in.process, err = s.startProcess(w, client, in.name, spec, scoped("client/"+in.name).Uint32())
		in.limiter = in.process
		return in, err
	}
	redis, err := s.fleet.Client(spec)
	if err != nil {
		return nil, err
	}
	in.env = limiter.Env{
		Redis: redis, Clock: watchedClock{w.stage.clientClock(w.clients[client].of), &s.read}, Rand: rand.New(watchedRand{scoped("client/" + in.name), &s.drew}),
		Spec: l.Limiter, Does: c.Does, Options: l.Options,
	}
	return in, in.make(l.Kind)
}

// make makes the instance's limiter, at the start or when its limits have changed.
func (in *instance) make(kind limiter.Kind) (err error) {
	registry := prometheus.NewRegistry()
	in.registry, in.env.Registerer = append(in.registry, registry), registry
	in.limiter, err = makeLimiter(kind, in.env)
	return err
}

// ErrLimiter is wrapped by the error of a run whose limiter could not be
// made: the limiter's failure, not the harness's.
var ErrLimiter = errors.New("the limiter could not be made")

func makeLimiter(kind limiter.Kind, env limiter.Env) (made limiter.Limiter, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: it panicked: %v", ErrLimiter, r)
		}
	}()
	made, err = kind.New(env)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLimiter, err)
	}
	return made, nil
}

// pick returns the instance of a client group that a request goes to, step by
// step.
func (s *system) pick(r *request, step, attempt, client int) *instance {
	instances := s.clients[client]
	if len(instances) == 1 {
		return instances[0]
	}
	return instances[s.picks[r.sourceIndex].At(r.arrival, int64(attempt)<<32|int64(step)).IntN(len(instances))]
}

// telemetry reads what the own metrics of a limiter say, by client group.
func (s *system) telemetry() (all [][]record.Telemetry, err error) {
	if s.Kind.Telemetry == nil {
		return nil, nil
	}
	all = make([][]record.Telemetry, len(s.clients))
	for client, instances := range s.clients {
		for _, in := range instances {
			for _, r := range in.registry {
				families, err := r.Gather()
				if err != nil {
					return all, fmt.Errorf("limiter %s, client %s: reading its metrics: %w", s.Name, in.name, err)
				}
				for _, t := range s.Kind.Telemetry(families) {
					t.Limiter, t.Client = s.Name, in.client
					all[client] = append(all[client], t)
				}
			}
		}
	}
	return all, nil
}

// mergeTelemetry adds t to the series of its group that it belongs to.
func mergeTelemetry(all []record.Telemetry, from int, t record.Telemetry) []record.Telemetry {
	for i := from; i < len(all); i++ {
		if all[i].Series == t.Series && all[i].Decision == t.Decision {
			all[i].Count += t.Count
			all[i].Seconds += t.Seconds
			return all
		}
	}
	return append(all, t)
}

// judges returns the clock that the limiter judges by: its client's, once it
// has read it, and else the servers'.
func (s *system) judges(w *world, offset *clientOffset) func() time.Time {
	return func() time.Time {
		switch {
		case s.read.Load() && !s.Kind.ServerTime:
			return w.clock.Time().Add(offset.of())
		case w.d.inRealTime():
			return clock.Now()
		}
		return w.clock.Time()
	}
}

// watchedClock notes that a limiter read it.
type watchedClock struct {
	limiter.Clock
	read *atomic.Bool
}

func (c watchedClock) Now() time.Time {
	if !c.read.Load() {
		c.read.Store(true)
	}
	return c.Clock.Now()
}

// watchedRand notes that a limiter drew from it.
type watchedRand struct {
	rand.Source
	drew *atomic.Bool
}

func (r watchedRand) Uint64() uint64 {
	if !r.drew.Load() {
		r.drew.Store(true)
	}
	return r.Source.Uint64()
}
