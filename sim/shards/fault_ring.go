package shards

import (
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/vtime"
)

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

// alive returns a client of the shard for a flight that was sent before the
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

// add lets a new, empty shard join every client's Ring.
func (f *Fleet) add(name string) error {
	if err := f.addShard(name); err != nil {
		return err
	}
	for _, w := range f.wires {
		if len(w.rtt) < len(f.Shards) {
			return fmt.Errorf("shard %s joins, but a client has only the delays to %d shards", name, len(w.rtt))
		}
		w.names, w.failed = append(w.names, name), append(w.failed, 0)
		w.rebalance()
	}
	return nil
}

// rename lets every client's Ring know a shard by another name.
func (f *Fleet) rename(s *Shard, to string) error {
	for _, w := range f.wires {
		if slices.Contains(w.names, to) {
			return fmt.Errorf("shard %s cannot be renamed to %s: a client knows a shard of that name", s.Name, to)
		}
		w.names[s.index] = to
		w.rebalance()
	}
	return nil
}

// watch lets every client look at its shards until all are well.
func (f *Fleet) watch() {
	for _, w := range f.wires {
		if !w.beats && w.connection.Heartbeat > 0 && w.worried() {
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
func (w *wire) beat(p *vtime.Proc) {
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
func (w *wire) look(p *vtime.Proc, s *Shard) bool {
	rtt := int64(w.rtt[s.index].Mean())
	f := &flight{shard: s, next: p.Now() + rtt/2, back: rtt - rtt/2}
	return w.track(p, nil, []*flight{f}, single) == nil
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
