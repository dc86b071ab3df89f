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
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// world is one limiter under test: its shards, and an instance of it in each
// client process.
type world struct {
	*plan.Limiter
	index   int
	fleet   fleet
	clients [][]*instance // by client and number
	rng     *rand.Rand    // picks instances
	read    atomic.Bool   // a client's clock was read
	drew    atomic.Bool   // it drew a random number
	timeless
}

// instance is the limiter in one client process, with a Ring of its own.
type instance struct {
	name     string
	client   string
	mode     record.Mode
	limiter  limiter.Limiter
	process  *foreign.Process // that the limiter lives in; nil: this one
	registry *prometheus.Registry
}

// limiterScope begins the scopes of limiters.
const limiterScope = "limiter/"

func newWorld(d *driver, index int) (*world, error) {
	p := d.plan
	l := &p.Limiters[index]
	scope := limiterScope + l.Name
	scoped := func(name string) *rand.Rand { return p.Stream(scope + "/" + name) }
	fleet, err := d.stage.fleet(scope, l.Cluster, scoped)
	if err != nil {
		return nil, fmt.Errorf("limiter %s: %w", l.Name, err)
	}
	w := &world{Limiter: l, index: index, fleet: fleet, rng: scoped("instances")}
	for i, c := range p.Clients {
		var instances []*instance
		for n := range c.Instances {
			in, err := w.newInstance(d, i, n, scoped)
			if err != nil {
				return nil, fmt.Errorf("limiter %s, client %s: %w", l.Name, c.Name, err)
			}
			instances = append(instances, in)
		}
		w.clients = append(w.clients, instances)
	}
	return w, nil
}

func (w *world) newInstance(d *driver, client, n int, scoped func(string) *rand.Rand) (*instance, error) {
	c, l := d.plan.Clients[client], w.Limiter
	in := &instance{name: c.Name, client: c.Name, mode: c.Does, registry: prometheus.NewRegistry()}
	if c.Instances > 1 {
		in.name = fmt.Sprintf("%s/%d", c.Name, n)
	}
	spec := fakeredis.ClientSpec{ShardNames: c.ShardNames, RTT: c.RTT, Rand: scoped("network/" + in.name), Connection: c.Connection, TAT: l.Kind.TAT, Now: w.judges(d, d.clients[client])}
	if l.Process != nil {
		var err error
		in.process, err = w.startProcess(d, client, in.name, spec, scoped("client/"+in.name).Uint32())
		in.limiter = in.process
		return in, err
	}
	redis, err := w.fleet.Client(spec)
	if err != nil {
		return nil, err
	}
	in.limiter, err = makeLimiter(l.Kind, limiter.Env{
		Redis: redis, Clock: watchedClock{d.stage.clientClock(d.clients[client].of), &w.read}, Registerer: in.registry, Rand: rand.New(watchedRand{scoped("client/" + in.name), &w.drew}),
		Spec: l.Limiter, Does: c.Does, Options: l.Options,
	})
	return in, err
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

// pick returns the instance of a client group that a request goes to.
func (w *world) pick(client int) *instance {
	instances := w.clients[client]
	if len(instances) == 1 {
		return instances[0]
	}
	return instances[w.rng.IntN(len(instances))]
}

// telemetry reads what the limiter's own metrics say, by client group.
func (w *world) telemetry() ([]record.Telemetry, error) {
	if w.Kind.Telemetry == nil {
		return nil, nil
	}
	var all []record.Telemetry
	for _, instances := range w.clients {
		group := len(all)
		for _, in := range instances {
			families, err := in.registry.Gather()
			if err != nil {
				return all, fmt.Errorf("limiter %s, client %s: reading its metrics: %w", w.Name, in.name, err)
			}
			for _, t := range w.Kind.Telemetry(families) {
				t.Limiter, t.Client = w.Name, in.client
				all = mergeTelemetry(all, group, t)
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
func (w *world) judges(d *driver, offset *clientOffset) func() time.Time {
	return func() time.Time {
		switch {
		case w.read.Load() && !w.Kind.ServerTime:
			return d.clock.Time().Add(offset.of())
		case d.inRealTime():
			return clock.Now()
		}
		return d.clock.Time()
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

// clientOffset is how far a client's clock is ahead.
type clientOffset struct{ ns atomic.Int64 }

func newClientClocks(p *plan.Plan) []*clientOffset {
	all := make([]*clientOffset, len(p.Clients))
	for i, c := range p.Clients {
		all[i] = &clientOffset{}
		all[i].ns.Store(int64(c.ClockOffset))
	}
	return all
}

func (c *clientOffset) of() time.Duration { return time.Duration(c.ns.Load()) }
