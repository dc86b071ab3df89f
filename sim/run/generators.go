package run

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
)

// In real time several processes, the generators, can send the load of a plan: each draws the whole schedule, which
// depends on the plan alone, and sends the arrivals of its Stripe. Generate is one of them, and Run with
// Options.Generators is their coordinator. It has the servers guarded and surveyed, finds out how far each generator's
// clock is from its own, has all begin at one instant, and gets what they observe.

// Stripe is the arrivals that one of several generators sends: those whose place among all, modulo Of, is Index.
type Stripe struct{ Index, Of int }

// share is how many of n are the stripe's.
func (s Stripe) share(n int) int {
	if s.Of == 0 {
		return n
	}
	return n*(s.Index+1)/s.Of - n*s.Index/s.Of
}

// Unstriped returns why several generators cannot send the load of a plan, "" if they can.
func Unstriped(p *plan.Plan, generators int) string {
	switch {
	case p.Scenario.Clock != "real":
		return "it is in virtual time, where worlds are played side by side: add --clock real, --spawn or --redis"
	case p.Accounts.Len() > 0:
		return "its engines count the usage of all requests, which no generator sees"
	case len(p.Faults) > 0:
		return "it has faults, which one process makes"
	case p.Starts() != "":
		return p.Starts() + " is in a process of its own"
	}
	for i := range p.Sources {
		if n := p.Sources[i].MaxInFlight; n < generators {
			return fmt.Sprintf("max_in_flight of traffic %s is %d, fewer than there are generators", p.Sources[i].Name, n)
		}
	}
	return ""
}

const (
	exchanges     = 200                   // of clocks, before the run
	moreExchanges = 20                    // and during it, every exchangeEvery
	exchangeEvery = time.Second           //
	startsIn      = 3 * time.Second       // after all are ready
	silence       = 5 * time.Second       // after which one side takes the other for lost
	flushEvery    = 50 * time.Millisecond // of what was observed
)

// order is what the coordinator says.
type order struct {
	Prepare bool
	Stamp   int64 // its clock, which is answered at once; 0: none
	Start   int64 // instant 0 of the run, by the generator's clock; 0: none
	Stop    bool
}

// heard is what a generator says.
type heard struct {
	Ready  bool
	Stamps []int64 // the order's, and its own clock when that came and when the answer went
	Late   int64   // by how much it missed the start, in ns
	Rows   rows
	Until  int64  // all rows before this instant are sent
	Facts  []byte // JSON of generated: the end
	Failed string // why there are no facts
	Own    bool   // of Failed: it is the limiter's failure
}

// generated is what a generator knows at its end.
type generated struct {
	Facts   facts
	Pacing  *record.Pacing
	Work    realredis.Work
	Aborted string
}

// ErrLost is wrapped by the error of a generator whose coordinator is gone or silent.
var ErrLost = errors.New("the coordinator is lost")

var errStopped = errors.New("stopped by the coordinator")

// generator is a Sink that sends what it gets.
type generator struct {
	base   time.Time // of its clock
	orders *gob.Decoder
	to     *gob.Encoder
	cancel context.CancelCauseFunc
	heard  chan order   // but for stamps
	seen   atomic.Int64 // when an order came last, by its clock

	mu    sync.Mutex
	rows  *rows
	clock clock.Clock
}

func (g *generator) now() int64 { return int64(clock.Since(g.base)) }

// Generate sends the stripe of a plan's load that Options has, as the coordinator at the other end of the link says.
func Generate(ctx context.Context, p *plan.Plan, o Options, link io.ReadWriter) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g := &generator{base: o.clockBase(), orders: gob.NewDecoder(link), to: gob.NewEncoder(link), cancel: cancel, heard: make(chan order, 2), rows: &rows{}}
	g.seen.Store(g.now())
	go g.listen()
	go g.watch(ctx)
	if _, err := g.await(ctx); err != nil {
		return err
	}
	d := &driver{ctx: ctx, requests: ctx, plan: p, planned: []plan.World{p.Whole()}, sink: g, options: o}
	d.opened = func() error { return g.begin(ctx, d.worlds[0].stage.(*onServers)) }
	stop := g.flushing()
	r, err := d.run()
	stop()
	if err != nil {
		return errors.Join(err, g.to.Encode(heard{Failed: err.Error(), Own: errors.Is(err, ErrLimiter)}))
	}
	end := generated{Facts: d.known[0], Pacing: r.Pacing, Aborted: r.Aborted}
	if s, ok := d.worlds[0].stage.(*onServers); ok {
		end.Work = s.work
	}
	text, err := json.Marshal(end)
	if err != nil {
		return err
	}
	why := context.Cause(ctx) // before the coordinator has all, and leaves
	if err := errors.Join(g.flush(), g.to.Encode(heard{Facts: text})); err != nil {
		return err
	}
	if errors.Is(why, ErrLost) {
		return why
	}
	return nil
}

// listen answers stamps and takes orders until the coordinator is gone, or silent.
func (g *generator) listen() {
	for {
		var o order
		if err := g.orders.Decode(&o); err != nil {
			g.cancel(fmt.Errorf("%w: %w", ErrLost, err))
			return
		}
		came := g.now()
		g.seen.Store(came)
		switch {
		case o.Stamp != 0:
			_ = g.to.Encode(heard{Stamps: []int64{o.Stamp, came, g.now()}}) // if it fails, so does the next Decode
		case o.Stop:
			g.cancel(errStopped)
		default:
			g.heard <- o
		}
	}
}

// watch ends the run when the coordinator has been silent for too long.
func (g *generator) watch(ctx context.Context) {
	for clock.Sleep(ctx, exchangeEvery) == nil {
		if time.Duration(g.now()-g.seen.Load()) > silence {
			g.cancel(fmt.Errorf("%w: it was silent for %s", ErrLost, unit.Time(silence)))
		}
	}
}

// await returns the next order.
func (g *generator) await(ctx context.Context) (order, error) {
	select {
	case o := <-g.heard:
		return o, nil
	case <-ctx.Done():
		return order{}, context.Cause(ctx)
	}
}

// begin says that all is ready, and sets the clock to the common start.
func (g *generator) begin(ctx context.Context, s *onServers) error {
	if err := g.to.Encode(heard{Ready: true}); err != nil {
		return err
	}
	o, err := g.await(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.clock = s.real
	g.mu.Unlock()
	s.real.Begin(g.base.Add(time.Duration(o.Start)))
	s.real.First(0, func() { s.canary.Take() }) // what was before is not during the run
	if late := s.real.Now(); late > 0 {
		return g.to.Encode(heard{Late: late})
	}
	return nil
}

// Write takes a copy of an observation.
func (g *generator) Write(o *record.Observation) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rows.add(g.clock.Now(), 0, o)
	return nil
}

// flush sends what was observed.
func (g *generator) flush() error {
	g.mu.Lock()
	if g.clock == nil {
		g.mu.Unlock()
		return nil
	}
	until, full := g.clock.Now(), g.rows
	g.rows = &rows{}
	g.mu.Unlock()
	return g.to.Encode(heard{Rows: *full, Until: until})
}

// flushing flushes now and then until stop is called.
func (g *generator) flushing() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		for clock.Sleep(ctx, flushEvery) == nil {
			if err := g.flush(); err != nil {
				g.cancel(fmt.Errorf("%w: %w", ErrLost, err))
				return
			}
		}
	})
	return func() {
		cancel()
		ended.Wait()
	}
}
