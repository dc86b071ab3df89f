package fakeredis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/clock"
)

// makers make commands of go-redis' types, whether or not a command's reply
// suits the type.
var makers = []any{
	redis.NewCmd, redis.NewCmd, redis.NewStringCmd, redis.NewStringCmd, redis.NewStatusCmd, redis.NewIntCmd, redis.NewBoolCmd, redis.NewFloatCmd, redis.NewSliceCmd,
	redis.NewStringSliceCmd, redis.NewIntSliceCmd, redis.NewBoolSliceCmd, redis.NewMapStringStringCmd, redis.NewTimeCmd, redis.NewUintCmd, redis.NewUintSliceCmd,
	redis.NewDigestCmd, redis.NewFloatSliceCmd, redis.NewStringSliceSliceCmd, redis.NewKeyValueSliceCmd, redis.NewMapStringIntCmd, redis.NewMapStringSliceInterfaceCmd,
	redis.NewStringStructMapCmd, redis.NewXMessageSliceCmd, redis.NewXStreamSliceCmd, redis.NewXPendingCmd, redis.NewXPendingExtCmd, redis.NewXAutoClaimCmd,
	redis.NewXAutoClaimJustIDCmd, redis.NewXInfoStreamFullCmd, redis.NewZSliceCmd, redis.NewZWithKeyCmd, redis.NewGeoPosCmd, redis.NewMapStringInterfaceCmd,
	redis.NewMapStringStringSliceCmd, redis.NewKeyValuesCmd, redis.NewZSliceWithKeyCmd, redis.NewKeyFlagsCmd, redis.NewRankWithScoreCmd, redis.NewInfoCmd, redis.NewRawCmd,
	func(ctx context.Context, args ...any) *redis.DurationCmd {
		return redis.NewDurationCmd(ctx, time.Second, args...)
	},
}

// call is a command that two clients make.
type callOf struct {
	make any
	args []any
}

func (c callOf) cmd() redis.Cmder {
	in := []reflect.Value{reflect.ValueOf(context.Background())}
	for _, a := range c.args {
		if a == nil {
			in = append(in, reflect.Zero(reflect.TypeFor[any]()))
			continue
		}
		in = append(in, reflect.ValueOf(a))
	}
	return reflect.ValueOf(c.make).Call(in)[0].Interface().(redis.Cmder)
}

// said is all that a command holds when it is back.
func said(cmd redis.Cmder) string {
	text := fmt.Sprintf("%T", cmd)
	if of := reflect.ValueOf(cmd).MethodByName("Result"); of.IsValid() && of.Type().NumIn() == 0 {
		for _, v := range of.Call(nil) {
			text += fmt.Sprintf(" %T %+v", v.Interface(), v.Interface())
		}
	}
	err := cmd.Err()
	return text + fmt.Sprintf(" | %s | %T %v nil %v", cmd, err, err, err == redis.Nil)
}

// typed makes an argument of another type, of the same text mostly.
func typed(rng *rand.Rand, word string) any {
	n, err := strconv.ParseInt(word, 10, 64)
	switch k := rng.IntN(60); {
	case k < 5 && rng.IntN(5) > 0:
	case k == 0:
		return nil
	case k == 1:
		return time.Duration(n)
	case k == 2:
		return n%2 == 0
	case k == 3:
		return &word
	case k == 4:
		return float32(n)
	case k == 5 && rng.IntN(20) == 0:
		return struct{}{}
	case k < 12:
		return []byte(word)
	case err == nil && k < 20:
		return int(n)
	case err == nil && k < 30:
		return n
	case err == nil && k < 34:
		return uint64(n)
	case err == nil && k < 38:
		return float64(n)
	}
	return word
}

var shortScripts = []string{
	"return redis.call('GET', KEYS[1])", "return {1, 'two', false, {3, {4}}, redis.status_reply('fine')}", "return redis.error_reply('MY error')",
	"return #KEYS", "return nil", "error('no')", "return {1, redis.error_reply('inner'), 2}", "return redis.call('TIME')",
}

var greatNumbers = regexp.MustCompile(`(?i)INCR|DECR|TIME|TTL|STRLEN|APPEND|RANGE|BIT|LEX`)

func drawCallOf(rng *rand.Rand, g *generator) callOf {
	words := g.command()
	if rng.IntN(12) == 0 {
		script := shortScripts[rng.IntN(len(shortScripts))]
		words = []string{"EVAL", script, "1", "s1"}
		if rng.IntN(2) == 0 {
			words = []string{"EVALSHA", redis.NewScript(script).Hash(), "1", "s1"}
		}
	}
	if rng.IntN(200) == 0 {
		words = [][]string{{"SELECT", "1"}, {"CLIENT", "SETNAME", "me"}, {"UNWATCH"}, {"TIME"}, {"PING"}, {"NOSUCH", "k"}, {"MULTI"}, {"DISCARD"}, {"QUIT"}, {"HELLO", "3"}}[rng.IntN(10)]
	}
	c := callOf{make: makers[rng.IntN(len(makers))], args: []any{words[0]}}
	// One that suits any reply, as where the reply may be a great number: go-redis
	// takes that for the length of a list, and makes room for it.
	if rng.IntN(4) > 0 || greatNumbers.MatchString(words[0]) {
		c.make = redis.NewCmd
	}
	for _, w := range words[1:] {
		c.args = append(c.args, typed(rng, w))
	}
	return c
}

// shape is how calls are made: one by one, or as a pipeline.
type shape struct {
	as    form
	calls []callOf
	wait  time.Duration
}

func drawShape(rng *rand.Rand, g *generator) shape {
	s := shape{as: form(rng.IntN(3)), wait: time.Duration(rng.IntN(2000)) * time.Microsecond * time.Duration(rng.IntN(2))}
	for range 1 + int(s.as)*rng.IntN(3) {
		s.calls = append(s.calls, drawCallOf(rng, g))
	}
	return s
}

// make makes the calls and returns what came of them.
func (s shape) make(p *clock.Proc, r *rig) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint("panic: ", v)
		}
	}()
	p.Sleep(s.wait)
	trace := NewTrace(context.Background())
	cmds := make([]redis.Cmder, len(s.calls))
	for i, c := range s.calls {
		cmds[i] = c.cmd()
	}
	var err error
	switch s.as {
	case single:
		for _, c := range cmds {
			err = r.ring.Process(trace, c)
		}
	default:
		pipe := r.ring.Pipeline()
		if s.as == transaction {
			pipe = r.ring.TxPipeline()
		}
		for _, c := range cmds {
			_ = pipe.Process(trace, c)
		}
		_, err = pipe.Exec(trace)
	}
	for _, c := range cmds {
		text += said(c) + "\n"
	}
	trace.Context = nil
	return text + fmt.Sprintf("%T %v\n%+v\nat %d, bytes %d, keys %d", err, err, *trace, p.Now(), r.fleet.Shards[0].replied, r.fleet.Shards[0].Keys())
}

// newRigs returns two rigs that differ in the way of their commands alone.
func newRigs(t *testing.T) (short, long *rig) {
	l := even(1, 100*us)
	short = newRig(t, l)
	l.wire = true
	return short, newRig(t, l)
}

// What a client sees of a command, and what is observed of it, does not depend
// on whether it went through go-redis' writer and reader.
func TestShortWayIsTheLongOne(t *testing.T) {
	n := testkit.Full(100_000, 2_000)
	short, long := newRigs(t)
	rng := rand.New(rand.NewPCG(15, 2))
	g := newGenerator(rng, 0.05, forms)
	calls, plainly := 0, 0
	for calls < n {
		s := drawShape(rng, g)
		calls += len(s.calls)
		var got, want string
		short.run(func(p *clock.Proc) { got = s.make(p, short) })
		long.run(func(p *clock.Proc) { want = s.make(p, long) })
		if got != want {
			t.Fatalf("call %d, %v: the short way:\n%s\nthe long way:\n%s", calls, s, got, want)
		}
		if strings.HasPrefix(got, "panic: ") { // of go-redis' reader, after which the connection is lost to its pool
			short, long = newRigs(t)
		}
		for _, w := range short.fleet.wires {
			plainly += len(w.ends)
			w.ends = nil
		}
	}
	if plainly < n/2 {
		t.Errorf("%d of %d commands went the short way: expected most", plainly, calls)
	}
	if w := long.fleet.wires[0]; len(w.open) > 0 {
		t.Error("a command went the short way although it should not")
	}
}
