package fakeredis

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// wire is the hook on a client's Ring. It takes the place of the Ring's own
// way to the shards: it groups commands by the shard that the Ring names for
// them, lets virtual time pass until they reach it, executes them there, and
// lets time pass until the last reply is back.
type wire struct {
	fleet      *Fleet
	ring       *redis.Ring
	shards     map[*redis.Client]*Shard // of the Ring's clients
	rtt        []network.Distribution   // by shard
	stream     func(shard string) *rand.Rand
	rng        []*rand.Rand // of the delays, by shard
	any        *rand.Rand   // of shards for commands without a key
	tat        func(string) (time.Time, bool)
	now        func() time.Time // nil: the servers' clock
	connection scenarios.Connection

	names   []string                 // of the shards, to this client
	failed  []int8                   // looks at each shard that failed since the last that did not
	beats   bool                     // it looks at its shards
	late    map[*Shard]*redis.Client // for round trips to shards that the Ring has lost
	options redis.Options            // of the Ring's clients

	pools map[*Shard]*pool     // of connections that are played
	open  map[line]*inlineConn // connections for the short way
	using line                 // that the command on the long way uses
	words []string             // of the commands that go it; what keeps them longer copies them
	ends  []int                // of each command in words
	idle  []*usual             // for calls to come
}

// command is one command with what it may do.
type command struct {
	redis.Cmder
	name   string // in lower case
	is     *rediscmd.Command
	before *before // of a script call
}

// before is a trace as it was before a script call, of which only the reply
// tells whether it reached a key: a shard that does not know the script did
// not run it.
type before struct {
	keys          int
	effect, order int64
	weight        rediscmd.Weight
}

// form is the way in which commands were given to the Ring.
type form uint8

const (
	single form = iota
	pipelined
	transaction
)

func (w *wire) DialHook(next redis.DialHook) redis.DialHook { return next }

func (w *wire) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		cmds := []redis.Cmder{cmd}
		if err := w.send(ctx, cmds, single); err != nil {
			return err
		}
		if err := w.again(ctx, cmds, single); err != nil {
			return err
		}
		return cmd.Err()
	}
}

func (w *wire) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		body, as := cmds, pipelined
		if len(cmds) > 2 && cmds[0].Name() == "multi" {
			body, as = cmds[1:len(cmds)-1], transaction // each shard gets a MULTI of its own
		}
		if err := w.send(ctx, body, as); err != nil {
			return err
		}
		if err := w.again(ctx, body, as); err != nil {
			return err
		}
		for _, cmd := range cmds {
			if err := cmd.Err(); err != nil {
				return err
			}
		}
		return nil
	}
}

// send sends all commands, one round trip a shard, and returns when the last
// reply is back. The error is one that kept it from flying at all, or that of
// a transaction which was discarded as a whole.
func (w *wire) send(ctx context.Context, cmds []redis.Cmder, as form) error {
	trace := TraceOf(ctx)
	proc := w.fleet.sched.Caller()
	if proc == nil {
		return fail(cmds, w.fleet.stray(cmds[0]))
	}
	w.fleet.odd.examine(ctx, trace, cmds, w.fleet.sched)
	if w.fleet.spec.Cluster && as == transaction { // go-redis does not send it
		if _, crosses := rediscmd.Crossing(cmds...); crosses {
			return fail(cmds, redis.ErrCrossSlot)
		}
	}
	if p := w.fleet.prefix; p != "" {
		all, err := p.WrapAll(cmds)
		if err != nil {
			return fail(cmds, err)
		}
		defer p.UnwrapAll(all)
	}
	limit := limitOf(trace)
	if proc.Now() >= limit {
		return fail(cmds, context.DeadlineExceeded)
	}
	u := w.memory()
	roundTrips, err := w.group(cmds, as, u)
	if err != nil {
		return fail(cmds, err)
	}
	if trace != nil && !w.connection.Pooled {
		trace.RoundTrips++
	}
	now := proc.Now()
	for _, f := range roundTrips {
		rtt := int64(w.rtt[f.shard.index].Sample(w.rng[f.shard.index]))
		f.w, f.as, f.due, f.back = w, as, now+rtt/2, rtt-rtt/2
		if trace != nil && !w.connection.Pooled {
			trace.Touch(f.shard.Name, int32(len(f.cmds)))
		}
	}
	switch {
	case w.connection.Pooled:
		err = w.borrow(proc, trace, roundTrips, limit)
	case w.fleet.spec.Faults:
		err = w.track(proc, trace, roundTrips, limit)
	default:
		var late bool
		if late, err = w.undisturbed(proc, trace, roundTrips, limit); !late {
			*u = usual{}
			w.idle = append(w.idle, u)
		}
	}
	if as == transaction && redis.HasErrorPrefix(err, "EXECABORT") {
		return err // as a Ring says it, rather than the first command's error
	}
	return nil // every command keeps its own error
}

// undisturbed plays round trips that nothing can happen to on the way. What is not back
// when the client's patience ends goes on without it, late. The error is of one
// that failed.
func (w *wire) undisturbed(proc *clock.Proc, trace *Trace, roundTrips []*roundTrip, limit int64) (late bool, err error) {
	deadline := w.deadline(proc.Now(), limit)
	reply := proc.Now()
	f := earliest(roundTrips)
	for ; f != nil && f.due < deadline; f = earliest(roundTrips) {
		proc.SleepUntil(f.due)
		switch f.state {
		case sent:
			f.due, f.end = f.shard.enqueue(f.cmds)
			f.state = queued
		case queued:
			if failed := w.execute(trace, f); failed != nil {
				err = failed
			}
			f.state = serving
			reply = max(reply, f.end+f.back)
		}
	}
	if f == nil && reply < deadline {
		proc.SleepUntil(reply)
		return false, err
	}
	proc.SleepUntil(deadline)
	return true, w.giveUp(roundTrips, deadline)
}

// earliest returns the round trip whose next stage is due first, nil when all
// are served. Flights that are due at one instant keep their order.
func earliest(roundTrips []*roundTrip) *roundTrip {
	var first *roundTrip
	for _, f := range roundTrips {
		if f.state < serving && (first == nil || f.due < first.due) {
			first = f
		}
	}
	return first
}

// execute runs a round trip's commands on its shard at this instant. The
// request's context stays behind: nothing here takes wall time that it could
// cut short, and what is under way when a run is interrupted ends as it would
// have. The error is that of a command, or of all.
func (w *wire) execute(trace *Trace, f *roundTrip) error {
	ctx := ofWire
	cmds, refused := f.cmds, error(nil)
	if w.fleet.spec.Cluster {
		if cmds, refused = withinSlots(cmds); len(cmds) == 0 {
			return refused
		}
	} else {
		w.fleet.note(cmds)
	}
	if trace != nil {
		for _, c := range cmds {
			w.observe(trace, f.shard, c)
		}
		defer w.observeReplies(trace, f)
	}
	if w.short(f, cmds) {
		return refused
	}
	defer w.long(f, cmds)()
	if len(cmds) == 1 && f.as != transaction {
		err := f.client.Process(ctx, cmds[0].Cmder)
		return cmp.Or(refused, err)
	}
	pipe := f.client.Pipeline()
	if f.as == transaction {
		pipe = f.client.TxPipeline()
	}
	for _, c := range cmds {
		_ = pipe.Process(ctx, c.Cmder)
	}
	_, err := pipe.Exec(ctx)
	return cmp.Or(refused, err)
}

func fail(cmds []redis.Cmder, err error) error {
	for _, c := range cmds {
		c.SetErr(err)
	}
	return err
}

// usual is the memory of most calls: one command, or two, to one shard.
type usual struct {
	roundTrips [1]*roundTrip
	first      roundTrip
	cmds       [2]command
}

// memory returns some that no call uses.
func (w *wire) memory() *usual {
	n := len(w.idle)
	if n == 0 {
		return new(usual)
	}
	u := w.idle[n-1]
	w.idle = w.idle[:n-1]
	return u
}

// group sorts the commands into round trips by shard, in the shards' order: a
// limiter may build its pipeline in the random order of a map, which must
// not decide which delay is drawn for which shard.
func (w *wire) group(cmds []redis.Cmder, as form, u *usual) ([]*roundTrip, error) {
	roundTrips := u.roundTrips[:0]
	for _, cmd := range cmds {
		c := commandOf(cmd)
		if c.is.Has(rediscmd.Script) {
			c.before = new(before)
		}
		client, err := w.clientFor(c, as)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(roundTrips, func(f *roundTrip) bool { return f.client == client })
		if i < 0 {
			i = len(roundTrips)
			f := &u.first
			if i > 0 {
				f = new(roundTrip)
			} else {
				f.cmds = u.cmds[:0]
			}
			f.client, f.shard = client, w.shards[client]
			roundTrips = append(roundTrips, f)
		}
		roundTrips[i].cmds = append(roundTrips[i].cmds, c)
	}
	if len(roundTrips) == 1 {
		return roundTrips, nil
	}
	slices.SortFunc(roundTrips, func(a, b *roundTrip) int { return a.shard.index - b.shard.index })
	return roundTrips, nil
}

func commandOf(cmd redis.Cmder) command {
	name := cmd.Name() // go-redis makes it lower case
	return command{Cmder: cmd, name: name, is: rediscmd.Of(name)}
}

// clientFor asks the Ring for the shard of the command. Where a real Ring
// takes a random one, it is from the client's own stream.
func (w *wire) clientFor(c command, as form) (*redis.Client, error) {
	args := c.Args()
	arg := func(i int) string { return rediscmd.Word(args[i]) }
	if c.is.MayWait(len(args), arg) {
		return nil, fmt.Errorf("%s waits for other clients, which shards in virtual time cannot do", c.name)
	}
	if why := whyOutside(c.name, args); why != "" {
		return nil, fmt.Errorf("%s %s: leave it out, or use live servers", c.name, why)
	}
	key, ok := c.is.Routing(c.name, as != single, len(args), arg)
	if !ok {
		key = strconv.FormatUint(w.any.Uint64(), 10)
	}
	return w.ring.GetShardClientForKey(key)
}

// deadline is the instant at which a client that sends now gives up waiting,
// whose caller does at the limit.
func (w *wire) deadline(now, limit int64) int64 {
	if !w.connection.ContextTimeout {
		limit = clock.Never
	}
	if w.connection.ReadTimeout == 0 {
		return limit
	}
	return min(limit, now+int64(w.connection.ReadTimeout))
}

// giveUp fails the round trips that are not back by the deadline, which is now.
// Those that have not been executed will be, unseen.
func (w *wire) giveUp(roundTrips []*roundTrip, deadline int64) (err error) {
	for _, f := range roundTrips {
		if f.state == serving && f.end+f.back < deadline {
			continue
		}
		err = timedOut(f.shard)
		f.fail(err)
		switch f.state {
		case sent:
			f.orphan()
			f.after(f.due, sent, f.arrive)
		case queued:
			f.orphan()
			f.after(f.due, queued, f.serve)
		}
	}
	return err
}

// fail sets the error of all commands.
func (f *roundTrip) fail(err error) {
	for _, c := range f.cmds {
		c.SetErr(err)
	}
}

// orphan takes commands that will still be executed out of the hands of the
// client, which has their error and may look at them at any time.
func (f *roundTrip) orphan() {
	cmds := make([]command, len(f.cmds))
	for i, c := range f.cmds {
		cmds[i] = command{Cmder: redis.NewCmd(context.Background(), slices.Clone(c.Args())...), name: c.name, is: c.is}
	}
	f.cmds = cmds
}

// The errors of the network, as Go's net package makes them.

func timedOut(s *Shard) error {
	return &net.OpError{Op: "read", Net: "tcp", Addr: place(s.Name), Err: os.ErrDeadlineExceeded}
}

func refused(s *Shard) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: place(s.Name), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func wasReset(s *Shard) error {
	return &net.OpError{Op: "read", Net: "tcp", Addr: place(s.Name), Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

// place is a shard's name in the place of an address.
type place string

func (place) Network() string  { return "tcp" }
func (p place) String() string { return string(p) }
