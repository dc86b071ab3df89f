package fakeredis

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// trouble is what is wrong with a shard.
type trouble struct {
	shard       *Shard
	stream      func(name string) *rand.Rand
	rng         *rand.Rand // of delays that are a fault: other draws do not shift
	down        bool
	frozen      bool
	frozenAt    int64
	delay       network.Distribution // nil: none
	there, back link
	refusals    []fault.Refusal
	dirty       bool // the command at hand has written
	underWay    []*roundTrip
	places      int64 // taken in the queue
}

// suspect tells whether a look at the shard may fail.
func (t *trouble) suspect() bool {
	return t.down || t.frozen || t.delay != nil || t.there.rate > 0
}

// queueTime is the instant in the shard's queue, which stands still while
// the shard is frozen.
func (t *trouble) queueTime() int64 {
	if t.frozen {
		return t.frozenAt
	}
	return t.shard.sched.Now()
}

var errFaultless = errors.New("the fleet was made without faults: say so in its Spec")

// Begin lets a fault happen at the present instant.
func (f *Fleet) Begin(x fault.Fault) error {
	d := x.Kind.Of()
	struck := struck{fleet: f}
	switch {
	case !f.spec.Faults:
		return errFaultless
	case d.Embedded == nil:
		return fmt.Errorf("no embedded shard knows the fault %q", x.Kind)
	case d.Adds:
	case x.Shard < 0 || x.Shard >= len(f.Shards):
		return fmt.Errorf("the fault %q is of shard %d, the fleet has %d shards", x.Kind, x.Shard+1, len(f.Shards))
	default:
		struck.Shard = f.Shards[x.Shard]
	}
	end, err := d.Embedded(struck, x)
	if err != nil {
		return err
	}
	if end != nil {
		f.begun.Add(x, fault.Course{End: func() error { end(); return nil }})
	}
	f.watch()
	return nil
}

// End ends a fault that lasted.
func (f *Fleet) End(x fault.Fault) error { return f.begun.End(x) }

// struck is the shard that a fault happens to, nil of one that is to be added.
type struck struct {
	*Shard
	fleet *Fleet
}

// Down kills the shard: what it has not answered fails when the client hears
// of it, and its data is gone.
func (s struck) Down() (up func()) {
	now := s.sched.Now()
	for _, t := range slices.Clone(s.underWay) {
		if t.state == queued || t.state == serving {
			t.after(now+t.back, returning, func() { t.finish(wasReset(s.Shard)) })
		}
	}
	s.down, s.free = true, now
	s.Restart()
	s.fleet.hangUpPools(s.Shard)
	s.hangUp()
	return func() { s.down = false }
}

// Freeze lets the queue stand still.
func (s struck) Freeze() (thaw func()) {
	s.frozen, s.frozenAt = true, s.sched.Now()
	for _, t := range s.underWay {
		if t.state == queued || t.state == serving {
			t.turn++ // what it waits for does not come
		}
	}
	return s.thaw
}

// Delay makes every round trip longer.
func (s struck) Delay(rtt network.Distribution) (end func()) {
	s.delay = rtt
	return func() { s.delay = nil }
}

// Narrow makes the link narrow, each way.
func (s struck) Narrow(bytesPerSecond float64) (widen func()) {
	s.there, s.back = link{rate: bytesPerSecond}, link{rate: bytesPerSecond}
	return s.widen
}

// thaw lets the queue go on where it was, in the order in which commands
// came.
func (s *Shard) thaw() {
	stood := s.sched.Now() - s.frozenAt
	s.frozen = false
	s.free += stood
	for _, t := range s.inOrder(func(t *roundTrip) int64 { return t.place }, queued, serving) {
		t.end += stood
		if t.state == serving {
			t.after(t.end, serving, t.answer)
		} else {
			t.after(t.due+stood, queued, t.serve)
		}
	}
}

// Reset fails whatever clients wait for. What has not been executed never is:
// the server finds its connections closed.
func (s struck) Reset() {
	free := s.queueTime()
	for _, t := range slices.Clone(s.underWay) {
		if t.state == serving {
			free = max(free, t.end)
		}
		t.finish(wasReset(s.Shard))
	}
	s.free = free
	s.fleet.hangUpPools(s.Shard)
	s.hangUp()
}

// chaos is the random stream of what is wrong with the shard.
func (t *trouble) chaos() *rand.Rand {
	if t.rng == nil {
		t.rng = t.stream("faults/" + t.shard.Name)
	}
	return t.rng
}

// refusal says why a command of that lower-case name is not executed, "" when
// it is. Redis 7 starts any script without flags of its own: what it refuses
// is the command that the script calls.
func (t *trouble) refusal(name string) string {
	for _, r := range t.refusals {
		if r.Of(rediscmd.Of(name), t.dirty) {
			return r.Text
		}
	}
	return ""
}

// refusalInTransaction is of commands after MULTI.
func (t *trouble) refusalInTransaction(name string) string {
	for _, r := range t.refusals {
		if r.QueuesNone && name != "discard" && name != "exec" && name != "multi" && name != "watch" {
			return r.Text
		}
	}
	return t.refusal(name)
}

// Refuse lets the shard refuse commands.
func (s struck) Refuse(r fault.Refusal) (end func()) { return s.refuse(r) }

// refuse lets every command, also one that a script calls, pass by refusal
// while there is something to refuse. A refusal that queues nothing comes last.
func (s *embedded) refuse(r fault.Refusal) (end func()) {
	at := 0
	if r.QueuesNone {
		at = len(s.refusals)
	}
	s.refusals = slices.Insert(s.refusals, at, r)
	return func() {
		s.refusals = slices.DeleteFunc(s.refusals, func(o fault.Refusal) bool { return o.Text == r.Text })
	}
}

// link is one way of a narrow link, first in, first out.
type link struct {
	rate float64 // bytes per second; 0: as wide as need be
	free int64   // instant at which all before has passed
}

// pass returns the instant at which so many bytes that come now have passed.
func (l *link) pass(now int64, bytes int64) int64 {
	l.free = max(l.free, now) + int64(math.Ceil(float64(bytes)/l.rate*float64(time.Second)))
	return l.free
}

// widen ends a link's narrowness: what is in it gets through.
func (s *Shard) widen() {
	s.there, s.back = link{}, link{}
	now := s.sched.Now()
	for _, t := range s.inOrder(func(t *roundTrip) int64 { return t.due }, onLink, onLinkBack) {
		if t.state == onLink {
			t.after(now, onLink, t.arrive)
		} else {
			t.after(now, onLinkBack, t.leave)
		}
	}
}

// wireSize is the length of the commands as they go over the wire; of none,
// that of a PING.
func wireSize(cmds []command, as form) int64 {
	if len(cmds) == 0 {
		return int64(len("*1\r\n$4\r\nPING\r\n"))
	}
	size := 0
	if as == transaction {
		size = len("*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n")
	}
	for _, c := range cmds {
		args := c.Args()
		size += headerSize(len(args))
		for _, a := range args {
			n := len(rediscmd.Word(a))
			size += headerSize(n) + n + 2
		}
	}
	return int64(size)
}

// headerSize is the length of "$<n>\r\n".
func headerSize(n int) int { return len(strconv.Itoa(n)) + 3 }

// A Ring that loses a shard, or gets one back, under whatever name, gets the
// addresses of those that it has then: go-redis maps keys to the names that
// are left in the same way when its health check finds a shard down.

// lostAfter so many looks in a row that failed a Ring does without a shard:
// go-redis' own number.
const lostAfter = 3

// addrs maps this client's names of the shards that its Ring has not lost.
func (w *wire) addrs() map[string]string {
	addrs := make(map[string]string, len(w.names))
	for i, s := range w.fleet.Shards {
		if w.failed[i] < lostAfter {
			addrs[w.names[i]] = s.addr
		}
	}
	return addrs
}

// rebalance tells the Ring what shards it has. It closes its clients of
// those that it loses, and makes new ones of those that it gets back.
func (w *wire) rebalance() {
	for c, s := range w.shards {
		if w.failed[s.index] >= lostAfter {
			delete(w.shards, c)
		}
	}
	w.ring.SetAddrs(w.addrs())
}

// alive returns a client of the shard for a round trip that was sent before the
// Ring lost it.
func (w *wire) alive(c *redis.Client, s *Shard) *redis.Client {
	if w.shards[c] != nil {
		return c
	}
	if w.late[s] == nil {
		o := w.options
		o.Addr = s.addr
		late := w.newClient(&o)
		delete(w.shards, late) // it is not the Ring's
		if w.late == nil {
			w.late = map[*Shard]*redis.Client{}
		}
		w.late[s] = late
	}
	return w.late[s]
}

// Join lets a new, empty shard join every client's Ring.
func (s struck) Join(name string) error {
	f := s.fleet
	if err := f.addShard(name); err != nil {
		return err
	}
	for _, w := range f.wires {
		if len(w.rtt) < len(f.Shards) {
			return fmt.Errorf("shard %s joins, but a client has only the delays to %d shards", name, len(w.rtt))
		}
		w.names, w.failed, w.rng = append(w.names, name), append(w.failed, 0), append(w.rng, w.stream(name))
		w.rebalance()
	}
	return nil
}

// Rename lets every client's Ring know a shard by another name.
func (s struck) Rename(to string) error {
	for _, w := range s.fleet.wires {
		if slices.Contains(w.names, to) {
			return fmt.Errorf("shard %s cannot be renamed to %s: a client knows a shard of that name", s.Name, to)
		}
		w.names[s.index] = to
		w.rebalance()
	}
	return nil
}

// watch lets every client look at its shards until all are well. A cluster
// keeps its slots where they are.
func (f *Fleet) watch() {
	for _, w := range f.wires {
		if !f.spec.Cluster && !w.beats && w.connection.Heartbeat > 0 && w.worried() {
			w.beats = true
			f.sched.Go(w.beat)
		}
	}
}

// worried tells whether a look at some shard may fail, or has failed.
func (w *wire) worried() bool {
	return slices.ContainsFunc(w.fleet.Shards, func(s *Shard) bool { return s.suspect() || w.failed[s.index] > 0 })
}

// beat is go-redis' health check: at every tick of a client's heartbeat, of
// which the first is one interval after the run's start, a PING to one shard
// after another. A look that waits for its timeout keeps the next ones
// waiting; of the ticks that it misses one is made up for.
func (w *wire) beat(p *clock.Proc) {
	every := int64(w.connection.Heartbeat)
	tick := max(1, (p.Now()+every-1)/every)
	for w.worried() {
		p.SleepUntil(tick * every)
		changed := false
		for _, s := range slices.Clone(w.fleet.Shards) {
			if w.vote(s, w.look(p, s)) {
				changed = true
			}
		}
		if changed {
			w.rebalance()
		}
		tick = max(tick+1, p.Now()/every)
	}
	w.beats = false
}

// look tells whether the shard answers a PING in time. Its way takes the mean
// of the delay, so that looking draws nothing from the client's stream.
func (w *wire) look(p *clock.Proc, s *Shard) bool {
	rtt := int64(w.rtt[s.index].Mean())
	f := &roundTrip{w: w, shard: s, due: p.Now() + rtt/2, back: rtt - rtt/2}
	return w.track(p, nil, []*roundTrip{f}, clock.Never) == nil
}

// vote counts a look and tells whether the Ring loses the shard by it, or
// gets it back.
func (w *wire) vote(s *Shard, up bool) bool {
	failed := w.failed[s.index]
	switch {
	case up:
		w.failed[s.index] = 0
		return failed >= lostAfter
	case failed >= lostAfter:
		return false
	}
	w.failed[s.index]++
	return failed+1 >= lostAfter
}
