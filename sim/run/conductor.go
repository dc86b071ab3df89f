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
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/realredis"
)

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

// failure is why a generator has no facts.
func (h heard) failure() error {
	if h.Own {
		return fmt.Errorf("%w: %s", ErrLimiter, h.Failed)
	}
	return errors.New(h.Failed)
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
				e.err = e.failure()
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
		c.d.fail(fmt.Errorf("generator %d: %w", i, e.failure()))
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
