package fakeredis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
)

// lasting and momentary kinds, that may follow on each other in any order.
var (
	lasting   = []fault.Kind{fault.Down, fault.Frozen, fault.Delay, fault.Bandwidth, fault.ReadOnly, fault.OutOfMemory}
	momentary = []fault.Kind{fault.Restart, fault.Reset, fault.FlushScripts, fault.Rename}
)

// drawFaults draws lasting faults one after another on each shard, and
// momentary ones among them.
func drawFaults(t *rapid.T, shards int) (all []fault.Fault) {
	between := rapid.Int64Range(0, int64(400*ms))
	for s := range shards {
		for now := between.Draw(t, "first"); now < int64(time.Second); now += between.Draw(t, "gap") {
			f := fault.Fault{Kind: rapid.SampledFrom(lasting).Draw(t, "lasting"), Shard: s, At: now, RTT: network.Constant(30 * ms), BytesPerSecond: 2000}
			now += between.Draw(t, "for") + 1
			f.Until = now
			all = append(all, f)
		}
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "momentary") {
		at := rapid.Int64Range(0, int64(time.Second)).Draw(t, "at")
		all = append(all, fault.Fault{Kind: rapid.SampledFrom(momentary).Draw(t, "kind"), Shard: i % shards, At: at, Until: at, Name: fmt.Sprint("name-", i)})
	}
	return all
}

// Whatever goes wrong, every request ends in time and knows why, what it was
// told to have counted has been, and it all happens again in the same way.
func TestAnyFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		faults := drawFaults(rt, 2)
		every := rapid.Int64Range(int64(ms), int64(20*ms)).Draw(rt, "every")
		c, most := drawConnection(rt)
		first, second := playFaults(t, faults, every, c, most), playFaults(t, faults, every, c, most)
		if d := cmp.Diff(first, second); d != "" {
			rt.Fatalf("%v: the second time it is different: %s", faults, d)
		}
		for _, complaint := range first.Complaints {
			rt.Errorf("%v: %s", faults, complaint)
		}
	})
}

// drawConnection draws how the client is connected, and says how long a request
// takes at most.
func drawConnection(t *rapid.T) (c scenarios.Connection, most time.Duration) {
	c = faulty(2).connection
	if !rapid.Bool().Draw(t, "played") {
		return c, 50 * ms
	}
	c.Pooled, c.PoolTimeout = true, span(30*ms)
	c.PoolSize = scenarios.Count(rapid.IntRange(1, 8).Draw(t, "turns"))
	c.MinIdle = scenarios.Count(rapid.IntRange(1, 8).Draw(t, "idle"))
	c.DialTimeout = span(35 * ms)
	c.DialerRetries = scenarios.Count(rapid.IntRange(1, 3).Draw(t, "dials"))
	c.MaxRetries = scenarios.Count(rapid.IntRange(0, 3).Draw(t, "retries"))
	dials := time.Duration(c.DialerRetries) * (35*ms + dialPause)
	return c, time.Duration(c.MaxRetries+1) * (30*ms + dials + 50*ms + 50*ms + 90*ms)
}

type played struct{ Log, Complaints []string }

func playFaults(t *testing.T, faults []fault.Fault, every int64, c scenarios.Connection, most time.Duration) (out played) {
	l := faulty(2)
	l.connection = c
	l.rtt = []network.Distribution{jitter{}, jitter{}}
	r := newRig(t, l)
	for _, f := range faults {
		r.fault(time.Duration(f.At), time.Duration(f.Until), f)
	}
	complain := func(format string, args ...any) {
		out.Complaints = append(out.Complaints, fmt.Sprintf(format, args...))
	}
	sent, ended := 0, 0
	var reached [2]int // replies with which a shard has counted
	for at := int64(0); at < int64(1500*ms); at += every {
		key := fmt.Sprint("k", sent%9)
		sent++
		r.at(time.Duration(at), func(p *clock.Proc) {
			trace := NewTrace(context.Background())
			_, err := r.ring.Incr(trace, key).Result()
			ended++
			kind := ""
			if err != nil {
				kind = limiter.ErrorKind(err)
			}
			took := p.Now() - at
			if took > int64(most) || kind == "unexpected" || kind == "script_missing" || kind == "timeout" && took != int64(50*ms) && !c.Pooled {
				complain("sent at %v: took %v, %s %v", time.Duration(at), time.Duration(took), kind, err)
			}
			if err == nil && (len(trace.Keys) != 1 || trace.Effect < at || trace.Effect > p.Now()) {
				complain("sent at %v: allowed, keys %v at %v", time.Duration(at), trace.Keys, trace.Effect)
			}
			if err == nil && strings.HasPrefix(trace.Keys[0].Shard, "shard-") {
				reached[trace.Keys[0].Shard[6]-'1']++
			}
			out.Log = append(out.Log, fmt.Sprint(at, p.Now(), err, trace.Keys, trace.Effect, trace.Order))
		})
	}
	r.sched.Run()
	out.Log = append(out.Log, fmt.Sprint(reached))
	if n := r.sched.Pending(); ended != sent || n != 0 {
		complain("%d of %d requests ended, %d are pending", ended, sent, n)
	}
	for i, s := range r.fleet.Shards {
		if len(s.underWay) > 0 || s.suspect() || r.fleet.wires[0].failed[i] > 0 {
			complain("%s: %d round trips under way, in trouble %v, %d looks failed", s.Name, len(s.underWay), s.suspect(), r.fleet.wires[0].failed[i])
		}
		if turns, idle, waiting := r.fleet.wires[0].free(s); c.Pooled && (turns != int(c.PoolSize) || idle > turns || waiting > 0) {
			complain("%s: of %d turns %d are free, with %d idle connections, and %d wait", s.Name, c.PoolSize, turns, idle, waiting)
		}
		counted := 0
		for k := range 9 {
			v, _ := s.peek(fmt.Sprint("k", k))
			n := 0
			_, _ = fmt.Sscan(v, &n)
			counted += n
		}
		if !emptied(faults, i) && counted < reached[i] {
			complain("%s: %d counted, %d requests were told so", s.Name, counted, reached[i])
		}
		out.Log = append(out.Log, fmt.Sprint(s.Name, counted))
	}
	return out
}

func emptied(faults []fault.Fault, shard int) bool {
	for _, f := range faults {
		if f.Shard == shard && (f.Kind == fault.Down || f.Kind == fault.Restart) {
			return true
		}
	}
	return false
}

// free is what nobody uses of the connections to a shard, and how many wait.
func (w *wire) free(s *Shard) (turns, idle, waiting int) {
	c := w.pool(s)
	return c.turns, c.idle, len(c.waiting)
}
