package realredis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// hook is on a whole client, a Ring or a ClusterClient: the live twin of the
// wire hook of sim/fakeredis. It lets nothing pass that might touch a foreign
// key, puts keys under the prefix for as long as a command is under way, and
// notes in the request's Trace what it did. All of that happens on the
// request's own goroutine.
type hook struct {
	prefix rediscmd.Prefix
	tracer tracer
	// auto sends single commands with one key, nil: the client itself does.
	auto func(context.Context, redis.Cmder) error
}

func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := allow(cmd); err != nil {
			return err
		}
		var one [1]rediscmd.Wrapped
		if err := h.prefix.Wrap(&one[0], cmd); err != nil {
			return err
		}
		defer one[0].Unwrap(h.prefix)
		send := next
		if h.auto != nil && len(one[0].Keys) == 1 {
			send = h.auto
		}
		trace := fakeredis.TraceOf(ctx)
		if trace == nil {
			return send(ctx, cmd)
		}
		var first [1]routed
		call := h.tracer.begin(ctx, one[:], first[:0], false)
		err := send(call.ctx, cmd)
		h.tracer.end(trace, call)
		return err
	}
}

func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		body := cmds
		if len(cmds) > 2 && cmds[0].Name() == "multi" {
			body = cmds[1 : len(cmds)-1]
		}
		all, err := h.wrapAll(body)
		if err != nil {
			return failAll(cmds, err)
		}
		defer h.prefix.UnwrapAll(all)
		trace := fakeredis.TraceOf(ctx)
		if trace == nil {
			return next(ctx, cmds)
		}
		call := h.tracer.begin(ctx, all, make([]routed, 0, len(all)), true)
		err = next(call.ctx, cmds)
		h.tracer.end(trace, call)
		return err
	}
}

// wrapAll refuses all commands for one that must not be sent: none of them
// is.
func (h *hook) wrapAll(cmds []redis.Cmder) ([]rediscmd.Wrapped, error) {
	for _, cmd := range cmds {
		if err := allow(cmd); err != nil {
			return nil, err
		}
	}
	return h.prefix.WrapAll(cmds)
}

// node is the hook on the client of one shard. It counts what is sent, and
// refuses what the hook on the whole client has not seen and put under the
// prefix: WATCH, or what is sent to a shard directly. It also runs inside the
// handshakes of connections.
type node struct {
	*member
	prefix rediscmd.Prefix
	db     int
	// auto sends single commands, nil: the node itself does.
	auto func(context.Context, redis.Cmder) error
}

func (n *node) DialHook(next redis.DialHook) redis.DialHook { return next }

func (n *node) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := n.guard(ctx, cmd); err != nil {
			return err
		}
		if n.auto != nil && !rediscmd.Of(cmd.Name()).Has(rediscmd.OfConnections) {
			return n.auto(ctx, cmd)
		}
		err := next(ctx, cmd)
		n.count(cmd, err)
		return err
	}
}

func (n *node) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for i, cmd := range cmds {
			if frame := (i == 0 || i == len(cmds)-1) && isFrame(cmd.Name()); frame {
				continue
			}
			if err := n.guard(ctx, cmd); err != nil {
				return failAll(cmds, err)
			}
		}
		err := next(ctx, cmds)
		n.countAll(cmds, err)
		return err
	}
}

// isFrame reports whether the command begins or ends a transaction.
func isFrame(name string) bool { return name == "multi" || name == "exec" }

// guard lets pass what is under the prefix, and what touches no key.
func (n *node) guard(ctx context.Context, cmd redis.Cmder) error {
	name := cmd.Name()
	if name == "select" && wordAt(cmd.Args(), 1) == fmt.Sprint(n.db) {
		return nil
	}
	if rediscmd.Of(name).Has(rediscmd.Sent) {
		args := cmd.Args()
		var foreign error
		rediscmd.KeysAt(cmd, func(at int) {
			if key := rediscmd.Word(args[at]); foreign == nil && !strings.HasPrefix(key, string(n.prefix)) {
				foreign = refuse(name, fmt.Sprintf("key %q came past the hook that puts keys under the prefix %q", key, string(n.prefix)))
			}
		})
		return foreign
	}
	if err := allow(cmd); err != nil {
		return err
	}
	if r, ok := ctx.Value(roamingKey{}).(*roaming); ok {
		r.note(n.name)
	}
	return nil
}

// roaming collects where commands without a key went, which only the shards'
// own clients know.
type roaming struct {
	mu      sync.Mutex
	touched []record.Touch
}

type roamingKey struct{}

func (r *roaming) note(shard string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.touched, func(t record.Touch) bool { return t.Shard == shard })
	if i < 0 {
		i = len(r.touched)
		r.touched = append(r.touched, record.Touch{Shard: shard})
	}
	r.touched[i].Commands++
}

func failAll(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}

// tracer notes in a Trace what a call did. Of the instants there it knows
// none: when a command took effect, between sent and done, no one tells.
type tracer struct {
	// shardOf returns the shard that a key, with its prefix, is sent to; nil
	// if there is none at present.
	shardOf func(ctx context.Context, key string) *member
	tat     func(value string) (time.Time, bool)
	now     func() time.Time // by the clock that the limiter judges by; nil: the wall's
}

// call is a command or a pipeline that is under way.
type call struct {
	ctx  context.Context
	cmds []routed
	roam *roaming // of commands without a key, nil if there are none
}

// routed is a command with the shard that it is sent to.
type routed struct {
	*rediscmd.Wrapped
	to *member
}

// begin looks where the commands go, before they are sent: afterwards a lost
// shard may have moved keys.
func (t *tracer) begin(ctx context.Context, all []rediscmd.Wrapped, cmds []routed, pipelined bool) call {
	c := call{ctx: ctx, cmds: cmds}
	for i := range all {
		one := routed{Wrapped: &all[i]}
		if len(one.Keys) > 0 {
			args := one.Cmd.Args()
			key, _ := rediscmd.Of(one.Cmd.Name()).Routing(one.Cmd.Name(), pipelined, len(args), func(i int) string { return rediscmd.Word(args[i]) })
			one.to = t.shardOf(ctx, key)
		} else if c.roam == nil {
			c.roam = new(roaming)
			c.ctx = context.WithValue(ctx, roamingKey{}, c.roam)
		}
		c.cmds = append(c.cmds, one)
	}
	return c
}

// end notes a call that is over. The commands' keys are still under the
// prefix; they are noted without.
func (t *tracer) end(trace *fakeredis.Trace, f call) {
	trace.RoundTrips++
	for _, c := range f.cmds {
		if c.to == nil {
			continue
		}
		trace.Touch(c.to.name, 1)
		for _, k := range c.Keys {
			if _, seen := trace.Key(k.Plain); !seen {
				trace.Keys = append(trace.Keys, fakeredis.KeyTouch{Key: k.Plain, Shard: c.to.name, State: t.state(c.Cmd)})
			}
		}
	}
	if f.roam != nil {
		for _, touched := range f.roam.touched {
			trace.Touch(touched.Shard, touched.Commands)
		}
	}
}

// state returns the state of the key of a command that is the first on it:
// only the reply to a GET tells it.
func (t *tracer) state(cmd redis.Cmder) record.KeyState {
	get, ok := cmd.(*redis.StringCmd)
	if !ok || !rediscmd.Of(cmd.Name()).Has(rediscmd.TellsState) {
		return record.Unread
	}
	value, err := get.Result()
	switch {
	case errors.Is(err, redis.Nil):
		return record.NotFound
	case err != nil:
		return record.Unread
	}
	if t.tat != nil {
		if tat, ok := t.tat(value); ok && !tat.After(t.time()) {
			return record.Stale
		}
	}
	return record.Found
}

func (t *tracer) time() time.Time {
	if t.now != nil {
		return t.now()
	}
	return clock.Now()
}

// tally counts what a fleet did on one shard.
type tally struct {
	sent   counts       // commands by the fleet's clients
	called counts       // commands by its scripts, as far as somebody told
	ran    atomic.Int64 // scripts, certainly or perhaps
	told   atomic.Int64 // scripts of which it is known what they called
}

// counts are numbers by the lower-case name of a command. Names are few, so
// that a new one may copy the map, and counting takes no lock.
type counts struct {
	mu     sync.Mutex
	byName atomic.Pointer[map[string]*atomic.Int64]
}

func (c *counts) add(name string) {
	if m := c.byName.Load(); m != nil {
		if n := (*m)[name]; n != nil {
			n.Add(1)
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[string]*atomic.Int64{}
	if m := c.byName.Load(); m != nil {
		maps.Copy(next, *m)
	}
	if next[name] == nil {
		next[strings.Clone(name)] = new(atomic.Int64)
	}
	next[name].Add(1)
	c.byName.Store(&next)
}

// addTo adds the counts to sums.
func (c *counts) addTo(sums map[string]int64) {
	if m := c.byName.Load(); m != nil {
		for name, n := range *m {
			sums[name] += n.Load()
		}
	}
}

// count notes a command that was sent, and what came of it.
func (t *tally) count(cmd redis.Cmder, err error) { t.countNamed(cmd.Name(), err) }

func (t *tally) countNamed(name string, err error) {
	c := rediscmd.Of(name)
	if c.Has(rediscmd.OfConnections) || (err != nil && (notSent(err) || unknown(err))) {
		return
	}
	t.sent.add(name)
	if c.Has(rediscmd.Script) && (err == nil || !redis.HasErrorPrefix(err, "NOSCRIPT")) {
		t.ran.Add(1)
	}
}

// countAll notes the commands of a pipeline. Of an aborted transaction the
// server executes none but those that it rejected and counted as such.
func (t *tally) countAll(cmds []redis.Cmder, err error) {
	if notSent(err) {
		return
	}
	if len(cmds) < 2 || cmds[0].Name() != "multi" || !aborted(cmds, err) {
		for _, cmd := range cmds {
			t.count(cmd, cmd.Err())
		}
		return
	}
	for i, cmd := range cmds {
		if name := cmd.Name(); i == 0 || i == len(cmds)-1 || (rejected(cmd.Err()) && !rediscmd.Of(name).Has(rediscmd.OfConnections)) {
			t.sent.add(name)
		}
	}
}

// notSent tells whether an error kept a command from being sent: it got no
// connection.
func notSent(err error) bool {
	if err == nil {
		return false
	}
	for _, kind := range []error{redis.ErrPoolTimeout, redis.ErrPoolExhausted, redis.ErrClosed, context.Canceled, context.DeadlineExceeded, ErrRefused} {
		if errors.Is(err, kind) {
			return true
		}
	}
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// unknown tells whether the server does not know a command, so that it does
// not count it either.
func unknown(err error) bool {
	return redis.HasErrorPrefix(err, "unknown command") || redis.HasErrorPrefix(err, "unknown subcommand")
}

// aborted tells whether a transaction was not executed.
func aborted(cmds []redis.Cmder, err error) bool {
	if redis.HasErrorPrefix(err, "EXECABORT") || errors.Is(err, redis.TxFailedErr) {
		return true
	}
	for _, cmd := range cmds {
		if rejected(cmd.Err()) || unknown(cmd.Err()) {
			return true
		}
	}
	return false
}

// rejected tells whether a server refused a command before executing it.
func rejected(err error) bool {
	for _, prefix := range []string{"OOM", "READONLY", "MOVED", "ASK", "CROSSSLOT", "NOPERM", "wrong number of arguments"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// ScriptRan tells which commands one call of a script ran on a shard, whose
// name is that in the record; nil where that is not known.
func (f *Fleet) ScriptRan(shard string, calls []string) {
	m := f.member(shard)
	if m == nil || calls == nil {
		return
	}
	for _, name := range calls {
		m.called.add(name)
	}
	m.told.Add(1)
}
