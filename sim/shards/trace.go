package shards

import (
	"context"

	"github.com/quotalab/quotalab/results/record"
)

// Trace is what one request did on the wire. It travels as the request's
// context, so that the hook on the Ring finds it below a system under test
// that knows nothing of it. Instants are nanoseconds after the epoch, −1
// where there is none.
type Trace struct {
	context.Context

	RoundTrips int32          // sequential round trips
	Touched    []record.Touch // commands by shard
	Keys       []KeyTouch     // keys in the order in which they were reached
	Effect     int64          // when the last command on a key executed
	Order      int64          // its position among all commands of the fleet
	Judged     int64          // last reading of the client's clock before the first write

	wrote bool
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
	return &Trace{Context: ctx, Effect: -1, Order: -1, Judged: -1}
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
func (t *Trace) Touch(shard string, commands int32) { t.touch(shard, commands) }

func (t *Trace) touch(shard string, commands int32) {
	for i := range t.Touched {
		if t.Touched[i].Shard == shard {
			t.Touched[i].Commands += commands
			return
		}
	}
	t.Touched = append(t.Touched, record.Touch{Shard: shard, Commands: commands})
}
