package fakeredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// oddities are what a system under test does that virtual time cannot play.
type oddities struct {
	timed atomic.Bool // set once a command may have brought the servers' time into play
	dated int         // commands that carried the wall clock's time
	left  int         // commands that are still to be examined for it, counted down from examined
	begun bool

	mu    sync.Mutex
	texts []string
}

// Warnings returns what the fleet's clients did that virtual time cannot play,
// in alphabetical order.
func (f *Fleet) Warnings() []string {
	f.odd.mu.Lock()
	defer f.odd.mu.Unlock()
	return slices.Sorted(slices.Values(f.odd.texts))
}

// ServersTime reports whether a command may have brought time into a decision:
// TIME, a script, or a deadline of a key.
func (f *Fleet) ServersTime() bool { return f.odd.timed.Load() }

func (o *oddities) warn(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.texts, text) {
		o.texts = append(o.texts, text)
	}
}

// ErrStray is wrapped by the error of a command on a goroutine that virtual
// time does not know.
var ErrStray = errors.New("in virtual time Redis can be called only from the goroutine that makes the request")

// stray notes a command on another goroutine than its request's.
func (f *Fleet) stray(cmd redis.Cmder) error {
	from := clock.Function()
	if from == "" {
		from = "a goroutine"
	}
	f.odd.warn(fmt.Sprintf("%s calls Redis (%s) on a goroutine of its own, which virtual time does not see: the command was refused. Call Redis from the goroutine of Take, or run it in real time.", from, strings.ToUpper(cmd.Name())))
	return fmt.Errorf("%s in %s: a command outside of a request: %w", strings.ToUpper(cmd.Name()), from, ErrStray)
}

// The wall clock's time is looked for in the first commands of a fleet.
const (
	examined = 256
	// proofs is in how many commands it must be found: a number may be near to
	// it by chance.
	proofs = 3
	// near is how far a number may be from the wall clock's time, and apart how
	// far virtual time must be from it: what a limiter stores lies ahead of now.
	near  = time.Hour
	apart = 48 * time.Hour
)

// examine looks for time that is not virtual in what the caller sends.
func (o *oddities) examine(ctx context.Context, trace *Trace, cmds []redis.Cmder, s *clock.Scheduler) {
	if trace == nil {
		return
	}
	if at, ok := ctx.Deadline(); ok {
		if given, had := trace.Deadline(); !had || !given.Equal(at) {
			o.warn(fmt.Sprintf("%s calls Redis with a deadline of its own (context.WithTimeout or WithDeadline), which is by the wall clock: in virtual time it never ends a slow call, and may end a fast one. Give the client a read_timeout in the scenario instead, or its callers a deadline.", clock.Function()))
		}
	}
	if !o.timed.Load() && slices.ContainsFunc(cmds, bringsTime) {
		o.timed.Store(true)
	}
	if !o.begun {
		o.begun, o.left = true, examined
	}
	if o.left <= 0 {
		return
	}
	o.left--
	wall := clock.Now()
	if d := wall.Sub(s.Time()); d > -apart && d < apart {
		return
	}
	for _, cmd := range cmds {
		if slices.ContainsFunc(cmd.Args(), func(arg any) bool { return isDated(arg, wall) }) {
			if o.dated++; o.dated == proofs {
				o.warn(fmt.Sprintf("%s sends Redis the wall clock's time (in %s), while virtual time is another: it reads time.Now instead of env.Clock, so next to no time passes for it.", clock.Function(), strings.ToUpper(cmd.Name())))
				o.left = 0
			}
			return
		}
	}
}

// bringsTime reports whether a command tells the servers' time or may set or
// read a deadline.
func bringsTime(cmd redis.Cmder) bool {
	c := rediscmd.Of(cmd.Name())
	return cmd.Name() == "time" || c.Has(rediscmd.Script) || c.Has(rediscmd.SetsTTL) || c.Has(rediscmd.ReadsTTL)
}

// isDated reports whether an argument has a number in it that is a time near
// to the wall clock's.
func isDated(arg any, wall time.Time) bool {
	text := ""
	switch a := arg.(type) {
	case string:
		text = a
	case []byte:
		text = string(a)
	case time.Time:
		return a.Sub(wall).Abs() < near
	default:
		text = fmt.Sprint(a)
		if f, ok := arg.(float64); ok {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	for _, digits := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		if unit := unitOf[len(digits)]; unit > 0 {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err == nil && time.Unix(0, n*int64(unit)).Sub(wall).Abs() < near {
				return true
			}
		}
	}
	return false
}

// unitOf has the unit in which a time of these decades has so many digits.
var unitOf = map[int]time.Duration{8: time.Minute, 10: time.Second, 13: time.Millisecond, 16: time.Microsecond, 19: time.Nanosecond}

// direct is the hook on the client of one shard. It refuses what has not come
// through the hook on the Ring: WATCH and what is sent to a shard directly would
// take no time, could not meet another request, and would be in no record. It
// also runs inside the handshakes of connections.
type direct struct{}

type wireKey struct{}

// ofWire is the context of what the wire itself executes.
var ofWire = context.WithValue(context.Background(), wireKey{}, true)

// ErrRefused is wrapped by the error of a command that virtual time cannot
// play.
var ErrRefused = errors.New("refused in virtual time, where a command must come through the Ring itself")

func (direct) DialHook(next redis.DialHook) redis.DialHook { return next }

func (direct) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if ctx.Value(wireKey{}) != nil || rediscmd.Of(cmd.Name()).Has(rediscmd.OfConnections) {
			return next(ctx, cmd)
		}
		return fail([]redis.Cmder{cmd}, refusedDirect(cmd))
	}
}

func (direct) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if ctx.Value(wireKey{}) != nil || !slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return !rediscmd.Of(c.Name()).Has(rediscmd.OfConnections) }) {
			return next(ctx, cmds)
		}
		return fail(cmds, refusedDirect(cmds[0]))
	}
}

// refusedDirect returns the error of a command that has not come through the Ring.
func refusedDirect(cmd redis.Cmder) error {
	name := strings.ToUpper(cmd.Name())
	why := "it was sent to a shard past the Ring, so it would take no time and be in no record"
	if name == "WATCH" {
		why = "the Ring's hook does not see it, so no time would pass in which another request could change the key; take a script, or a transaction without WATCH"
	}
	return fmt.Errorf("%s in %s: %w: %s", name, clock.Function(), ErrRefused, why)
}
