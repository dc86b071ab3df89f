package fakeredis

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// observe notes in the trace what a command is about to find.
func (w *wire) observe(trace *Trace, s *Shard, c command) {
	order := w.fleet.nextOrder(s)
	if c.before != nil {
		*c.before = before{len(trace.Keys), trace.Effect, trace.Order, trace.weight}
	}
	weight := c.is.Weight()
	if weight == rediscmd.Writing {
		trace.wrote = true
	}
	if c.name == "time" { // which it then judges by
		trace.ReadClock(s.sched.Now())
	}
	tells := c.tellsState()
	args := c.Args()
	rediscmd.KeysAt(c.Cmder, func(at int) {
		key := rediscmd.Word(args[at])
		if weight >= trace.weight {
			trace.Effect, trace.Order, trace.weight = s.sched.Now(), order, weight
		}
		plain := w.fleet.plain(key)
		if _, seen := trace.Key(plain); seen {
			return
		}
		touch := KeyTouch{Key: plain, Shard: s.Name}
		if !tells {
			value, found, known := s.ask(key)
			if touch.State = asked; known {
				touch.State = w.state(s, value, found)
			}
		}
		trace.Keys = append(trace.Keys, touch)
	})
}

// plain returns a key on the wire as the system under test knows it.
func (f *Fleet) plain(key string) string {
	if f.prefix == "" {
		return key
	}
	return f.prefix.Without(key)
}

// asked is the state of a key that the shard has been asked for.
const asked record.KeyState = "asked"

// settle completes the states that the shard was asked for.
func (w *wire) settle(trace *Trace, s *Shard) {
	if !slices.ContainsFunc(trace.Keys, func(k KeyTouch) bool { return k.State == asked }) {
		return
	}
	next := 0
	s.told(func(value string, found bool) {
		for trace.Keys[next].State != asked {
			next++
		}
		trace.Keys[next].State = w.state(s, value, found)
	})
}

// tellsState says that the command's reply is all there is to know of its
// key's state, so that the shard need not be asked twice.
func (c command) tellsState() bool {
	_, ok := c.Cmder.(*redis.StringCmd)
	return ok && c.is.Has(rediscmd.TellsState)
}

// observeReplies completes the states that the replies tell, and takes back
// what a script call did that the shard could not make.
func (w *wire) observeReplies(trace *Trace, f *roundTrip) {
	w.settle(trace, f.shard)
	for _, c := range f.cmds {
		if c.before != nil && len(f.cmds) == 1 && redis.HasErrorPrefix(c.Err(), "NOSCRIPT") {
			trace.Keys, trace.Effect, trace.Order, trace.weight = trace.Keys[:c.before.keys], c.before.effect, c.before.order, c.before.weight
		}
		if !c.tellsState() {
			continue
		}
		key := w.fleet.plain(rediscmd.Word(c.Args()[1]))
		for i := range trace.Keys {
			if k := &trace.Keys[i]; k.State == "" && k.Key == key {
				value, err := c.Cmder.(*redis.StringCmd).Result()
				k.State = w.state(f.shard, value, !errors.Is(err, redis.Nil))
			}
		}
	}
}

func (w *wire) state(s *Shard, value string, found bool) record.KeyState {
	if !found {
		return record.NotFound
	}
	if w.tat != nil {
		if tat, ok := w.tat(value); ok && !tat.After(w.time()) {
			return record.Stale
		}
	}
	return record.Found
}

// time is by the clock that the limiter judges by.
func (w *wire) time() time.Time {
	if w.now != nil {
		return w.now()
	}
	return w.fleet.sched.Time()
}

// Trace is what one request did on the wire. It travels as the request's
// context, so that the hook on the Ring finds it below a system under test
// that knows nothing of it. Instants are nanoseconds after the epoch, −1
// where there is none.
type Trace struct {
	context.Context

	RoundTrips int32          // sequential round trips
	Touched    []record.Touch // commands by shard
	Keys       []KeyTouch     // keys in the order in which they were reached
	Effect     int64          // when the deciding command on a key executed: the last that wrote more than a deadline, else the last that read
	Order      int64          // its position among all commands of the fleet, or of its shard if they are counted apart
	Judged     int64          // last reading of the client's clock before the first write

	wrote  bool
	weight rediscmd.Weight // of the command that Effect is of
	until  *until          // the caller's deadline in virtual time, nil: none
}

// until is a deadline in virtual time, as a context has it.
type until struct {
	at       int64
	deadline time.Time
	passed   chan struct{}
}

// Until gives the caller a deadline in virtual time.
func (t *Trace) Until(c clock.Clock, at int64) {
	u := &until{at, c.Time().Add(time.Duration(at - c.Now())), make(chan struct{})}
	t.until = u
	c.Call(at, func() { close(u.passed) })
}

// limitOf is the instant of the deadline of whom the trace is of.
func limitOf(t *Trace) int64 {
	if t == nil || t.until == nil {
		return clock.Never
	}
	return t.until.at
}

func (t *Trace) Deadline() (time.Time, bool) {
	if t.until == nil {
		return t.Context.Deadline()
	}
	return t.until.deadline, true
}

func (t *Trace) Done() <-chan struct{} {
	if t.until == nil {
		return t.Context.Done()
	}
	return t.until.passed
}

func (t *Trace) Err() error {
	if t.until != nil {
		select {
		case <-t.until.passed:
			return context.DeadlineExceeded
		default:
		}
	}
	return t.Context.Err()
}

// KeyTouch is the first touch of one key by a request.
type KeyTouch struct {
	Key   string // as on the wire
	Shard string
	State record.KeyState
}

type traceKey struct{}

// NewTrace returns an empty Trace below ctx.
func NewTrace(ctx context.Context) *Trace {
	t := &struct {
		Trace
		key   [1]KeyTouch // all that most requests reach
		touch [1]record.Touch
	}{}
	t.Trace = Trace{Context: ctx, Effect: -1, Order: -1, Judged: -1, Keys: t.key[:0], Touched: t.touch[:0]}
	return &t.Trace
}

// Value makes the Trace findable in its own context.
func (t *Trace) Value(key any) any {
	if _, ok := key.(traceKey); ok {
		return t
	}
	return t.Context.Value(key)
}

// TraceOf returns the Trace that ctx carries, nil where nobody wants to know.
func TraceOf(ctx context.Context) *Trace {
	if t, ok := ctx.(*Trace); ok {
		return t
	}
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// ReadClock notes that the client's clock was read at the instant now. What
// is read after the first write is for telemetry, not for the decision.
func (t *Trace) ReadClock(now int64) {
	if !t.wrote {
		t.Judged = now
	}
}

// Key returns the touch of the key that is called so on the wire.
func (t *Trace) Key(wire string) (KeyTouch, bool) {
	for _, k := range t.Keys {
		if k.Key == wire {
			return k, true
		}
	}
	return KeyTouch{}, false
}

// State returns the state of all keys that the request reached.
func (t *Trace) State() record.KeyState {
	if len(t.Keys) == 0 {
		return record.Unread
	}
	state := t.Keys[0].State
	for _, k := range t.Keys[1:] {
		if k.State != state {
			return record.Mixed
		}
	}
	return state
}

// Touch notes commands that went to a shard.
func (t *Trace) Touch(shard string, commands int32) {
	for i := range t.Touched {
		if t.Touched[i].Shard == shard {
			t.Touched[i].Commands += commands
			return
		}
	}
	t.Touched = append(t.Touched, record.Touch{Shard: shard, Commands: commands})
}
