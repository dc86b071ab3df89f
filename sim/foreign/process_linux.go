package foreign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Process is a child that decides, played in virtual time.
type Process struct {
	spec     Spec
	program  *program
	service  *service // nil: it speaks lines
	started  bool     // handshakes are over
	offset   int64    // of the time that the child is given, beyond the scheduler's
	requests map[int64]*request
	lastID   int64
	waiting  []*request // that have nothing under way, in the order in which that began
	ticks    map[int64]bool
	steps    int64
	crowd    crowd
	batch    []*stimulus // what has come at this instant and is given at its end
	patience patience    // of the step
	barriers int64       // asked of the child's shim
	text     []byte      // that asks for one
	shares   Shares
	failed   error
}

// crowd counts stimuli at one instant: a timer that does not advance
// makes no end.
type crowd struct {
	at int64
	n  int
}

// mostAtOnce is how many stimuli one instant may have.
const mostAtOnce = 100_000

// longestAnswer is how long, in virtual time, a request may go on while
// nothing but timers of the child happens.
const longestAnswer = time.Hour

// request is a question under way.
type request struct {
	id       int64
	takes    []limiter.Take
	trace    *fakeredis.Trace
	proc     *clock.Proc
	parked   bool
	sent     int64
	underWay int // commands that are sent and not answered
	answer   *answer
	err      error
	over     bool

	lastTrip int64 // number of the step in which the last round trip began
	unsure   bool  // commands of nobody may have been its
}

func (r *request) String() string {
	if len(r.takes) == 0 {
		return fmt.Sprintf("request %d", r.id)
	}
	return fmt.Sprintf("request %d, of key %s", r.id, r.takes[0].Key)
}

// stimulus is something that the child is given.
type stimulus struct {
	fd     int
	bytes  []byte
	conn   *conn // that it comes on; nil: none
	lost   *conn // that the shard has closed; nil: none
	owners []*request
	ends   bool // a round trip of each owner
}

// Start starts a child and returns when it is ready to be asked.
func Start(ctx context.Context, s Spec) (*Process, error) {
	p := &Process{spec: s, requests: map[int64]*request{}, ticks: map[int64]bool{}, offset: -int64(time.Hour)}
	var err error
	if p.program, err = start(ctx, &p.spec, p.now()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFailed, err)
	}
	p.program.connect = p.connect
	if s.Service != nil {
		p.service = newService(p.program, *s.Service)
	}
	if err := p.begin(ctx); err != nil {
		err = p.diagnose(err)
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrFailed, err), p.program.close())
	}
	p.started = true
	return p, nil
}

// now is the child's time, in nanoseconds since 1970.
func (p *Process) now() int64 {
	return p.spec.Sched.Time().UnixNano() + int64(p.spec.Offset()) + p.offset
}

// begin lets the child connect and load its scripts, at no cost of the run's
// time: before the run its own clock may advance by an hour.
func (p *Process) begin(ctx context.Context) error {
	begun := clock.Now()
	tell := p.spec.Tell
	for !p.isReady() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if _, err := p.program.poll(5 * time.Millisecond); err != nil {
			return err
		}
		if err := p.answerAll(); err != nil {
			return err
		}
		if p.program.ended() || p.program.gone && p.service == nil {
			return errors.New("it ended before it said {\"ready\":…}")
		}
		if err := p.advance(); err != nil {
			return err
		}
		waited := clock.Since(begun)
		if waited > p.spec.Ready {
			return fmt.Errorf("it did not say {\"ready\":…} within %s; ready_within allows it more", unit.Time(p.spec.Ready))
		}
		if waited > silence && tell != nil {
			tell(fmt.Sprintf("waiting for %s (%s), which has not said {\"ready\":…} yet; it has %s", p.spec.Client, strings.Join(p.spec.Command, " "), unit.Time(p.spec.Ready)))
			tell = nil
		}
	}
	p.offset = 0
	p.program.clock.Set(p.now())
	if err := p.settle(nil, nil); err != nil {
		return err
	}
	return p.schedule()
}

func (p *Process) isReady() bool {
	if p.program.ready == nil && p.service != nil && p.service.listens() {
		p.program.ready = &Ready{Protocol: Protocol}
	}
	return p.program.ready != nil
}

// advance lets timers run that the child waits for before it is ready.
func (p *Process) advance() error {
	due := p.program.clock.Timer()
	if p.program.control < 0 || due-p.now() > -p.offset || due > p.now() && !p.program.watcher.quiet() {
		return nil
	}
	p.offset += max(due-p.now(), 0)
	p.program.clock.Set(p.now())
	return p.program.write(p.program.control, tick)
}

var tick = []byte("{\"tick\":1}\n")

// connect begins a connection to a shard.
func (p *Process) connect(shard int, c *conn) bool {
	c.session = p.spec.Line.Connect(shard,
		func(message []byte) { p.stimulate(&stimulus{fd: c.fd, bytes: message, conn: c}) },
		func() { p.lose(c, nil) })
	return c.session != nil
}

// Take asks the child.
func (p *Process) Take(ctx context.Context, req limiter.Request) (limiter.Decision, error) {
	r := &request{takes: req.Takes, trace: fakeredis.TraceOf(ctx)}
	if err := p.await(r, p.ask); err != nil {
		return limiter.Decision{}, err
	}
	if r.unsure {
		r.trace.RoundTrips = unknown
	}
	d, err := r.answer.decision()
	d.Takes = wired(p.program.ready.Keys, r.takes)
	return d, err
}

// await gives the child a question as write writes it, and returns when it is
// answered.
func (p *Process) await(r *request, write func(*request) (*stimulus, error)) error {
	if r.proc = p.spec.Sched.Caller(); r.proc == nil {
		return errors.New("a process under test can be asked only by the run's own requests")
	}
	if p.failed != nil {
		return p.failed
	}
	p.lastID++
	r.id, r.sent = p.lastID, p.spec.Sched.Now()
	p.requests[r.id] = r
	st, err := write(r)
	if err != nil {
		p.fail(err)
	} else {
		p.stimulate(st)
	}
	if !r.over {
		r.parked = true
		r.proc.Park()
	}
	return r.err
}

// ask writes the request as the child is given it.
func (p *Process) ask(r *request) (*stimulus, error) {
	if p.service != nil {
		return p.service.ask(r)
	}
	text := requestLine{ID: r.id, Now: instantText(p.now())}
	for _, t := range r.takes {
		text.Takes = append(text.Takes, takeLine{t.Limit, t.Key, t.Cost, t.Mode})
	}
	return p.lineOf(r, text)
}

// lineOf is a line to the child that a request has it given.
func (p *Process) lineOf(r *request, text any) (*stimulus, error) {
	b, err := json.Marshal(text)
	return &stimulus{fd: p.program.in, bytes: append(b, '\n'), owners: []*request{r}}, err
}

// Tell gives an engine news, and returns when it has answered.
func (p *Process) Tell(ctx context.Context, n News) error {
	r := &request{trace: fakeredis.NewTrace(ctx)}
	err := p.await(r, func(r *request) (*stimulus, error) {
		n.ID, n.Now = r.id, instantText(p.now())
		return p.lineOf(r, n)
	})
	if err != nil {
		return err
	}
	return r.answer.failure()
}

// stimulate gives the child what has come for it, or keeps it for the end of
// the instant.
func (p *Process) stimulate(st *stimulus) {
	if p.spec.Quiet != limiter.Batched {
		p.give(st)
		return
	}
	if p.batch = append(p.batch, st); len(p.batch) == 1 {
		p.spec.Sched.Last(p.spec.Sched.Now(), p.giveBatch)
	}
}

// give gives the child stimuli that come on one descriptor.
func (p *Process) give(sts ...*stimulus) {
	if c := sts[0].conn; p.failed != nil || c != nil && c.closed {
		return
	}
	if err := p.step(sts); err != nil {
		p.fail(err)
	}
}

// step gives the child stimuli on one descriptor, waits until it is quiescent,
// and schedules what came of them.
func (p *Process) step(sts []*stimulus) error {
	if p.crowd.at != p.spec.Sched.Now() {
		p.crowd = crowd{at: p.spec.Sched.Now()}
	}
	if p.crowd.n++; p.crowd.n > mostAtOnce {
		return fmt.Errorf("it was given %d stimuli at one instant: its timers do not advance", mostAtOnce)
	}
	p.steps++
	p.program.turn = p.steps
	if err := p.wasQuiet(); err != nil {
		return err
	}
	p.program.clock.Set(p.now())
	var owners []*request
	var text []byte
	for _, st := range sts {
		owners, text = append(owners, st.owners...), append(text, st.bytes...)
		for _, r := range st.owners {
			if st.ends {
				r.underWay--
			}
		}
		if st.lost != nil {
			p.program.drop(st.lost)
		}
	}
	if err := p.program.write(sts[0].fd, text); err != nil {
		return fmt.Errorf("writing to it: %w", err)
	}
	if err := p.settle([]int{sts[0].fd}, owners); err != nil {
		return err
	}
	return p.harvest(owners, len(sts) > 1)
}

// settle waits until the child is quiescent, having read what was written to
// fds for some requests, and answers what takes no time.
func (p *Process) settle(fds []int, owners []*request) error {
	p.patience = patience{next: clock.Now().Add(p.spec.Patience / 2)}
	for {
		if err := p.done(fds, owners); err != nil {
			return err
		}
		n := len(p.program.talked)
		if err := p.answerAll(); err != nil {
			return err
		}
		if len(p.program.talked) == n {
			return nil
		}
	}
}

// answerAll answers the commands that take no time: all before the run, then
// handshakes and subscriptions. The connections with others stay in talked.
func (p *Process) answerAll() error {
	slices.SortFunc(p.program.talked, (*conn).before)
	kept := p.program.talked[:0]
	for _, c := range p.program.talked {
		if len(c.cmds) == 0 {
			continue
		}
		if p.started && slices.ContainsFunc(c.cmds, func(w []string) bool { return !isHandshake(w) }) {
			kept = append(kept, c)
			continue
		}
		var reply []byte
		for _, words := range c.cmds {
			reply = append(reply, c.session.Answer(words)...)
		}
		c.cmds = nil
		if err := p.program.write(c.fd, reply); err != nil && !p.program.ended() {
			p.program.drop(c) // the child closed it meanwhile
		}
		if c.session.Closed() {
			p.program.drop(c)
		}
	}
	p.program.talked = kept
	return nil
}

// harvest turns what the child wrote in a step, of one stimulus or of several,
// into round trips and answers.
func (p *Process) harvest(owners []*request, several bool) error {
	if p.spec.Quiet == limiter.Exact { // threads write in any order
		slices.SortStableFunc(p.program.answers, func(a, b answer) int { return int(*a.ID - *b.ID) })
	}
	for i := range p.program.answers {
		if err := p.conclude(p.program.answers[i]); err != nil {
			return err
		}
	}
	p.program.answers = p.program.answers[:0]
	sortNotices(p.program.notices)
	for _, n := range p.program.notices {
		if p.spec.Notice == nil {
			return errNoEngine
		}
		p.spec.Notice(n)
	}
	p.program.notices = p.program.notices[:0]
	if p.service != nil {
		if err := p.service.harvest(p); err != nil {
			return err
		}
	}
	live := slices.DeleteFunc(slices.Clone(owners), func(r *request) bool { return r.over })
	for _, c := range p.program.talked {
		if err := p.forward(c, live, several); err != nil {
			return err
		}
	}
	p.program.talked = p.program.talked[:0]
	p.waiting = slices.DeleteFunc(p.waiting, func(r *request) bool { return r.over || r.underWay > 0 })
	for _, r := range live {
		if r.underWay == 0 && !r.over && !slices.Contains(p.waiting, r) {
			p.waiting = append(p.waiting, r)
		}
	}
	return p.schedule()
}

// conclude ends a request with the child's answer.
func (p *Process) conclude(a answer) error {
	r := p.requests[*a.ID]
	if r == nil {
		return fmt.Errorf("it answered request %d, which is not under way", *a.ID)
	}
	if err := a.check(len(r.takes) > 0); err != nil {
		return err
	}
	if drift := 0.0; a.Clock != nil && p.spec.Clock != "none" {
		asked := float64(p.spec.Sched.Epoch().UnixNano()+r.sent+int64(p.spec.Offset())) / 1e6
		p.shares.Clocks++
		if drift = *a.Clock - asked; math.Abs(drift) > 1 {
			return fmt.Errorf("its clock (clock_ms) is %.3f ms ahead of the run's, which clock: %s should have given it", drift, p.spec.Clock)
		}
	}
	r.answer = &a
	p.end(r)
	return nil
}

// end lets a request go on.
func (p *Process) end(r *request) {
	r.over = true
	delete(p.requests, r.id)
	if r.parked {
		r.proc.Wake()
	}
}

// forward sends the commands of a connection to its shard: at once, or those that
// are of one request, where they come of several stimuli.
func (p *Process) forward(c *conn, live []*request, several bool) error {
	cmds := c.cmds
	c.cmds = nil
	for _, words := range cmds {
		if name := rediscmd.Lower(words[0]); rediscmd.Of(name).MayWait(len(words), func(i int) string { return words[i] }) {
			return fmt.Errorf("it sent %s, which waits for other clients: embedded shards in virtual time cannot", strings.ToUpper(name))
		}
	}
	owners := p.attribute(cmds, live)
	for len(cmds) > 0 {
		n := len(cmds)
		if several {
			n = 1
			for n < len(cmds) && owners[n] == owners[0] {
				n++
			}
		}
		p.send(c, cmds[:n], owners[:n])
		cmds, owners = cmds[n:], owners[n:]
	}
	return nil
}

// send sends commands of a connection to its shard, which belong to owners.
func (p *Process) send(c *conn, cmds [][]string, owners []*request) {
	traces := make([]*fakeredis.Trace, len(cmds))
	var distinct []*request
	for i, r := range owners {
		if r == nil {
			continue
		}
		if traces[i] = r.trace; !slices.Contains(distinct, r) {
			distinct = append(distinct, r)
		}
	}
	for _, r := range distinct {
		if r.underWay++; r.lastTrip != p.steps { // several commands at once are one round trip
			r.lastTrip = p.steps
			r.trace.RoundTrips++
		}
		if p.spec.Clocked {
			r.trace.ReadClock(p.spec.Sched.Now())
		}
	}
	c.session.Send(cmds, traces, func(reply []byte, err error) {
		switch {
		case err != nil:
			for _, r := range distinct {
				r.underWay--
			}
			p.lose(c, distinct)
		case reply != nil:
			p.stimulate(&stimulus{fd: c.fd, bytes: reply, conn: c, owners: distinct, ends: true})
		}
	})
}

// lose lets the child notice that the shard has closed a connection, on which some
// requests wait: nothing is written.
func (p *Process) lose(c *conn, owners []*request) {
	p.stimulate(&stimulus{fd: p.program.in, lost: c, owners: owners})
}

// schedule has the child's next timer run when it is due.
func (p *Process) schedule() error {
	due := p.program.clock.Timer()
	if p.program.control < 0 || due == math.MaxInt64 {
		return nil
	}
	at := p.spec.Sched.Now() + max(due-p.now(), 0)
	if !p.ticks[at] {
		p.ticks[at] = true
		p.spec.Sched.Call(at, func() { p.tick(at) })
	}
	return nil
}

// tick lets the timers that are due run. After the end of the run nobody
// waits for them.
func (p *Process) tick(at int64) {
	delete(p.ticks, at)
	if p.failed != nil || len(p.requests) == 0 && at >= p.spec.Horizon || p.program.clock.Timer() > p.now() {
		return
	}
	if r := p.oldest(); r != nil && at-r.sent > int64(longestAnswer) {
		p.fail(fmt.Errorf("request %d has had no answer for %s of virtual time", r.id, unit.Time(longestAnswer)))
		return
	}
	p.stimulate(&stimulus{fd: p.program.control, bytes: tick})
}

func (p *Process) oldest() *request {
	var first *request
	for _, r := range p.requests {
		if first == nil || r.id < first.id {
			first = r
		}
	}
	return first
}

// Strand fails the requests that nothing will end any more, once all that was
// scheduled has happened. It reports whether there were any.
func (p *Process) Strand() bool {
	r := p.oldest()
	if r == nil {
		return false
	}
	p.fail(fmt.Errorf("%s had no answer at the end, no command under way and no timer that is known: it waits for something outside. The first is %s, sent at %s",
		unit.Counted(int64(len(p.requests)), "request"), r, unit.Time(time.Duration(r.sent))))
	return true
}

// fail ends the run, and every request that is under way.
func (p *Process) fail(err error) {
	if p.failed != nil {
		return
	}
	p.failed = fmt.Errorf("%w: %w", ErrFailed, p.diagnose(err))
	for _, id := range slices.Sorted(maps.Keys(p.requests)) {
		r := p.requests[id]
		r.err = p.failed
		p.end(r)
	}
	p.spec.Broken(p.failed)
}

// diagnose adds the virtual instant, what each thread is doing and the end of
// what the child wrote to its standard error.
func (p *Process) diagnose(err error) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n\tat the virtual instant %s, with %s in flight", unit.Time(time.Duration(p.spec.Sched.Now())), unit.Counted(int64(len(p.requests)), "request"))
	if p.program.endsWithin(50 * time.Millisecond) { // it may be about to
		fmt.Fprintf(&b, "\n\tthe process has ended: %s", p.program.process.How())
	} else {
		b.WriteString(p.program.watcher.String())
	}
	text := strings.TrimPrefix(p.program.log.String(), "; ")
	return fmt.Errorf("%s (%s): %w%s\n\t%s", p.spec.Client, strings.Join(p.spec.Command, " "), err, &b, strings.ReplaceAll(text, "log", "standard error"))
}

// About returns what the child said of itself, and how its commands were
// attributed.
func (p *Process) About() (Ready, Shares) { return *p.program.ready, p.shares }

// Close ends the child.
func (p *Process) Close() error { return p.program.close() }

// Obedient reports whether the child ended by itself when its input did.
func (p *Process) Obedient() bool { return p.program.obedient }
