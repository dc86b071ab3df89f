package run

import (
	"cmp"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
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
		return errors.Join(err, g.to.Encode(heard{Failed: err.Error()}))
	}
	end := generated{Facts: d.known[0], Pacing: r.Pacing, Aborted: r.Aborted}
	if s, ok := d.worlds[0].stage.(*onServers); ok {
		end.Work = s.work
	}
	text, err := json.Marshal(end)
	if err != nil {
		return err
	}
	if err := g.flush(); err != nil {
		return err
	}
	if err := g.to.Encode(heard{Facts: text}); err != nil {
		return err
	}
	if why := context.Cause(ctx); errors.Is(why, ErrLost) {
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

// remote is a generator as its coordinator sees it.
type remote struct {
	to      *gob.Encoder
	stamped chan struct{} // an exchange came back
	off     int64         // what its clock is ahead, as the start was given
	width   int64         // most that this can be wrong, at any exchange
	count   int64         // exchanges

	mu     sync.Mutex
	bounds bounds // of the exchanges that go on
	seen   time.Time
}

// bounds are what a generator's clock is ahead of the coordinator's at least and at most.
type bounds struct{ low, high int64 }

// narrow takes in an exchange: the answer was given after the question and before it came.
func (b *bounds) narrow(asked, came, went, answered int64) {
	b.low, b.high = max(b.low, went-answered), min(b.high, came-asked)
}

func unbounded() bounds { return bounds{-1 << 62, 1 << 62} }

// event is what came from a remote, or why nothing comes any more.
type event struct {
	from int
	heard
	err error
}

// direct has generators play the plan.
func (d *driver) direct() (Result, error) {
	live := d.options.Live
	if err := live.Check(d.ctx, d.plan); err != nil {
		return d.result, err
	}
	for i := range d.plan.Limiters { // whose keys a survey looks at
		f := live.Servers.Fleet(live.Prefix, limiterScope+d.plan.Limiters[i].Name)
		defer func() { _ = f.Close() }() // it has no clients
	}
	before, err := live.Servers.Survey(d.ctx)
	if err != nil {
		return d.result, err
	}
	c := &conductor{d: d, base: d.options.clockBase(), events: make(chan event, 16)}
	err = c.conduct()
	work := c.conclude()
	after, _ := live.Servers.Survey(context.WithoutCancel(d.ctx)) // the facts say which server did not answer
	d.result.Servers = live.Servers.Facts(before, after, work)
	for i := range d.result.Servers {
		d.result.Servers[i].Uncounted = cmp.Or(d.result.Servers[i].Uncounted, c.uncounted())
	}
	if !live.Servers.Own() {
		for i, err := range live.Servers.CleanUp(context.WithoutCancel(d.ctx), live.Prefix) {
			if err != nil {
				d.result.Servers[i].Leftover = err.Error()
			}
		}
	}
	return d.result, errors.Join(err, d.err)
}

// conductor is the coordinator of generators.
type conductor struct {
	d       *driver
	base    time.Time
	all     []*remote
	events  chan event
	over    context.CancelFunc // ends what goes on beside
	beside  sync.WaitGroup
	known   []*generated // nil: not at its end
	until   []int64      // by generator: all rows before are here; clock.Never: it has ended, or is lost
	pending []written[record.Observation]
	stopped bool
	looked  time.Time // for silent ones
	arrived int64
	counts  map[string]string // the limiter by which arrivals of a source are counted
}

func (c *conductor) now() int64 { return int64(clock.Since(c.base)) }

// conduct has all generators play, and hands what they observe to the sink.
func (c *conductor) conduct() error {
	n := len(c.d.options.Generators)
	c.known, c.until, c.counts = make([]*generated, n), make([]int64, n), map[string]string{}
	for i := range c.d.plan.Sources {
		s := &c.d.plan.Sources[i]
		c.counts[s.Name] = c.d.plan.Limiters[s.Limiters[0]].Name
	}
	ctx, over := context.WithCancel(context.Background())
	c.over = over
	for i, link := range c.d.options.Generators {
		r := &remote{to: gob.NewEncoder(link), seen: clock.Now(), stamped: make(chan struct{}, 1)}
		c.all = append(c.all, r)
		go c.receive(ctx, i, r, gob.NewDecoder(link))
		if err := r.to.Encode(order{Prepare: true}); err != nil {
			return fmt.Errorf("generator %d: %w", i, err)
		}
	}
	if err := c.ready(); err != nil {
		return err
	}
	for i, r := range c.all {
		b, err := r.exchange(ctx, c, exchanges)
		if err != nil {
			return fmt.Errorf("generator %d: %w", i, err)
		}
		r.off = b.low + (b.high-b.low)/2
		r.widen(b)
	}
	start := c.now() + int64(cmp.Or(c.d.options.startsIn, startsIn))
	for i, r := range c.all {
		if err := r.to.Encode(order{Start: start + r.off}); err != nil {
			return fmt.Errorf("generator %d: %w", i, err)
		}
		c.beside.Go(func() { r.exchangeOn(ctx, c) })
	}
	c.gather(ctx)
	return nil
}

// ready waits until all generators are.
func (c *conductor) ready() error {
	for range c.all {
		select {
		case e := <-c.events:
			if e.err == nil && e.Failed != "" {
				e.err = errors.New(e.Failed)
			}
			if e.err != nil {
				return fmt.Errorf("generator %d: %w", e.from, e.err)
			}
		case <-c.d.ctx.Done():
			return context.Cause(c.d.ctx)
		}
	}
	return nil
}

// receive takes what a generator says.
func (c *conductor) receive(ctx context.Context, i int, r *remote, from *gob.Decoder) {
	for {
		e := event{from: i}
		e.err = from.Decode(&e.heard)
		r.mu.Lock()
		r.seen = clock.Now()
		if s := e.Stamps; len(s) == 3 {
			r.bounds.narrow(s[0], s[1], s[2], c.now())
		}
		r.mu.Unlock()
		if e.Stamps != nil {
			r.stamped <- struct{}{} // there is room: one exchange is under way
			continue
		}
		select {
		case c.events <- e:
		case <-ctx.Done():
			return
		}
		if e.err != nil || e.Facts != nil {
			return
		}
	}
}

// exchange makes n exchanges of clocks, one after another.
func (r *remote) exchange(ctx context.Context, c *conductor, n int) (bounds, error) {
	r.mu.Lock()
	r.bounds = unbounded()
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	for range n {
		if err := r.to.Encode(order{Stamp: c.now()}); err != nil {
			return bounds{}, err
		}
		select {
		case <-r.stamped:
			r.count++
		case <-ctx.Done():
			return bounds{}, fmt.Errorf("its clock did not answer: %w", ctx.Err())
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bounds, nil
}

// widen takes in that its clock was between bounds.
func (r *remote) widen(b bounds) { r.width = max(r.width, b.high-r.off, r.off-b.low) }

// exchangeOn makes exchanges while the run goes on. That none comes back is noticed where the rows are.
func (r *remote) exchangeOn(ctx context.Context, c *conductor) {
	for clock.Sleep(ctx, exchangeEvery) == nil {
		b, err := r.exchange(ctx, c, moreExchanges)
		if err != nil {
			return
		}
		r.widen(b)
	}
}

// gather hands what generators observe to the sink until all have ended.
func (c *conductor) gather(ctx context.Context) {
	look := make(chan struct{})
	c.beside.Go(func() {
		for clock.Sleep(ctx, exchangeEvery) == nil {
			select {
			case look <- struct{}{}:
			case <-ctx.Done():
			}
		}
	})
	interrupted := c.d.ctx.Done()
	for slices.ContainsFunc(c.until, func(at int64) bool { return at < clock.Never }) {
		select {
		case e := <-c.events:
			c.take(e)
		case <-interrupted:
			interrupted = nil
			c.d.abort(0, context.Cause(c.d.ctx).Error(), false)
		case <-look:
			c.loseSilent()
		}
		c.write(slices.Min(c.until))
		if c.d.result.Aborted != "" || c.d.err != nil {
			c.stop()
		}
	}
}

// loseSilent notes generators that say nothing any more, unless this process was what stood still.
func (c *conductor) loseSilent() {
	late := clock.Since(c.looked) > 2*exchangeEvery
	if c.looked = clock.Now(); late {
		return
	}
	for i, r := range c.all {
		r.mu.Lock()
		silent := clock.Since(r.seen)
		r.mu.Unlock()
		if c.until[i] < clock.Never && silent > silence {
			c.lose(i, fmt.Errorf("it was silent for %s", unit.Time(silent.Round(time.Second))))
		}
	}
}

// take takes an event.
func (c *conductor) take(e event) {
	i := e.from
	switch {
	case c.until[i] == clock.Never: // it is lost already
	case e.err != nil:
		c.lose(i, e.err)
	case e.Failed != "":
		c.d.fail(fmt.Errorf("generator %d: %s", i, e.Failed))
		c.until[i] = clock.Never
	case e.Facts != nil:
		var known generated
		if err := json.Unmarshal(e.Facts, &known); err != nil {
			c.lose(i, err)
			return
		}
		c.known[i], c.until[i] = &known, clock.Never
		if known.Aborted != "" && !c.stopped {
			c.void(fmt.Sprintf("generator %d stopped: %s", i, known.Aborted))
		}
	case e.Late > 0:
		c.void(fmt.Sprintf("generator %d began %s late", i, unit.Time(time.Duration(e.Late))))
	default:
		c.pending = append(c.pending, e.Rows.Observations...)
		c.until[i] = e.Until
	}
}

// lose ends the run because a generator is lost: its load is not moved to others.
func (c *conductor) lose(i int, err error) {
	c.until[i] = clock.Never
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ended")
	}
	c.void(fmt.Sprintf("generator %d is lost: %v", i, err))
}

// void ends the run, whose numbers stand for nothing.
func (c *conductor) void(why string) {
	if c.d.result.Aborted == "" {
		c.d.result.Void = true
	}
	c.d.abort(0, why, false)
}

// stop has all generators end.
func (c *conductor) stop() {
	if c.stopped {
		return
	}
	c.stopped = true
	for _, r := range c.all {
		_ = r.to.Encode(order{Stop: true}) // one that is lost cannot be told
	}
}

// write hands the rows before an instant to the sink, in the order in which they were done.
func (c *conductor) write(before int64) {
	slices.SortStableFunc(c.pending, func(a, b written[record.Observation]) int { return cmp.Compare(a.At, b.At) })
	n := 0
	for n < len(c.pending) && c.pending[n].At < before {
		o := &c.pending[n].Row
		if o.Attempt == 0 && o.Step == 0 && o.Limiter == c.counts[o.Traffic] {
			c.arrived++
		}
		c.d.write(o)
		n++
	}
	c.pending = slices.Delete(c.pending, 0, n)
	if p := c.d.options.Progress; p != nil && before < clock.Never {
		p(max(0, before), c.arrived)
	}
}

// uncounted says why it is not known what all generators sent, "" if it is.
func (c *conductor) uncounted() string {
	if i := slices.Index(c.known, nil); i >= 0 {
		return fmt.Sprintf("generator %d is lost, with its counts", i)
	}
	return ""
}

// conclude makes the Result of what the generators know, and returns what they did on each shard.
func (c *conductor) conclude() (work realredis.Work) {
	c.stop() // where it failed before the start
	c.over()
	c.beside.Wait()
	r := &c.d.result
	work = realredis.Work{}
	var all []facts
	arrivals := make([]int64, len(c.d.plan.Sources))
	for i, known := range c.known {
		g := record.Generator{ClockError: time.Duration(c.all[i].width), Exchanges: c.all[i].count}
		if known != nil {
			all, g.Pacing, g.Complete = append(all, known.Facts), known.Pacing, true
			for s, n := range known.Facts.Arrivals {
				arrivals[s] += n
			}
			work.Add(known.Work)
			if p := known.Pacing; p != nil && (r.Pacing == nil || p.During.P99 > r.Pacing.During.P99) {
				r.Pacing = p
			}
		}
		r.Generators = append(r.Generators, g)
	}
	r.gather(c.d.plan, all, func(int) {})
	for i, n := range arrivals {
		r.Traffic[i].Arrivals = n
	}
	return work
}
