package audit_test

import (
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// on puts a decision's key on a shard in a state.
func on(o record.Observation, shard string, state record.KeyState) record.Observation {
	o.Takes = []record.Take{{Limit: "a", Key: "k", Cost: 1, Mode: record.TakeMode, Shard: shard, State: state}}
	o.Key, o.RoundTrips = state, 1
	return o
}

// off makes a decision that reached no shard.
func off(o record.Observation) record.Observation {
	o.Key, o.Effect, o.Order = record.Unread, -1, -1
	return o
}

// trips gives a decision round trips and the time since it was sent.
func trips(o record.Observation, n int32, took int64) record.Observation {
	o.RoundTrips, o.Sent = n, o.Done-took
	return o
}

// TestCauses: each cause is named where the record proves it, and not where it
// does not. The limit is 1 token a second, burst 3.
func TestCauses(t *testing.T) {
	yes, found, missing := record.Allowed, record.Found, record.NotFound
	first := []record.Observation{on(at(0, yes), "s1", missing), on(at(1, yes), "s1", found), on(at(2, yes), "s1", found)}
	again := func(shard string, state record.KeyState) []record.Observation {
		return []record.Observation{on(at(10, yes), shard, state), on(at(11, yes), shard, found), on(at(12, yes), shard, found)}
	}
	raced := func(from int64, n int) (list []record.Observation) { // on a key that is not there
		for i := range int64(n) {
			list = append(list, trips(on(at(from+i, yes), "s1", missing), 2, 9))
		}
		return list
	}
	restart := []record.Fault{{At: 5, Until: 5, Kind: "restart", Shard: "s1", What: "s1 restarts empty", MovesKeys: true}}
	emptied := []record.Fault{{At: 15, Until: 15, Kind: "restart", Shard: "s1", What: "s1 restarts empty", MovesKeys: true}}
	type explained struct {
		kind         audit.Kind
		explains, of int64
	}
	for _, c := range []struct {
		why    string
		faults []record.Fault
		clocks bool // clients 2 s apart, and the limiter reads them
		list   []record.Observation
		want   []explained
	}{
		{"nothing wrong: no cause", nil, false, first, nil},
		{"the key was on another shard", nil, false, concat(first, again("s2", missing)), []explained{{audit.Moved, 3, 3}}},
		{"the shard restarted empty in between", restart, false, concat(first, again("s1", missing)), []explained{{audit.Moved, 3, 3}}},
		{"a restart after which the key is still there explains nothing", restart, false, concat(first, again("s1", found)), []explained{{audit.Unknown, 0, 3}}},
		{"the restart of another shard explains nothing, that the key is gone does", []record.Fault{{At: 5, Until: 5, Shard: "s2", MovesKeys: true}}, false,
			concat(first, again("s1", missing)), []explained{{audit.Expired, 3, 3}}},
		{"gone after its bucket was full is no fault of anything", nil, false,
			concat(first, []record.Observation{on(at(4*second, yes), "s1", missing), on(at(4*second+1, yes), "s1", found), on(at(4*second+2, yes), "s1", found)}), nil},
		{"requests let through by an error", nil, false, concat(first, times(2, on(at(10, record.FailOpen), "s1", record.Unread))), []explained{{audit.FailOpen, 2, 2}}},
		{"shard and back, which a fault had emptied: one cause for both ways", []record.Fault{{At: 5, Until: 15, Kind: "down", Shard: "s1", What: "s1 is down", MovesKeys: true}}, false,
			concat(first, again("s2", missing), []record.Observation{on(at(20, yes), "s1", missing), on(at(21, yes), "s1", found), on(at(22, yes), "s1", found)}), []explained{{audit.Moved, 6, 6}}},
		{"let through while a fault empties the shard: each explains its part", []record.Fault{{At: 5, Until: 15, Kind: "down", Shard: "s1", What: "s1 is down", MovesKeys: true}}, false,
			concat(first, []record.Observation{off(at(10, record.FailOpen))}, again("s1", missing)), []explained{{audit.Moved, 3, 4}, {audit.FailOpen, 1, 4}}},
		{"gone in time, and only admissions that never reached its shard keep the bucket from being full: it did not expire early", nil, false,
			concat(first, times(3, off(at(4*second, record.FailOpen))), []record.Observation{on(at(4*second+1, yes), "s1", missing), on(at(4*second+2, yes), "s1", found),
				on(at(4*second+3, yes), "s1", found), on(at(4*second+4, yes), "s1", found)}), []explained{{audit.FailOpen, 3, 4}}},
		{"let through by an error beside requests of two round trips that fit: those did not race with it", nil, false,
			concat([]record.Observation{trips(on(at(10, yes), "s1", missing), 2, 9), trips(on(at(11, yes), "s1", missing), 2, 9), trips(on(at(12, yes), "s1", missing), 2, 9)},
				times(2, off(at(20, record.FailOpen))), []record.Observation{trips(on(at(30, yes), "s2", missing), 2, 1)}), []explained{{audit.FailOpen, 2, 3}, {audit.Moved, 1, 3}}},
		{"decided without a command", nil, false, times(5, unread(at(0, yes))), []explained{{audit.Unasked, 2, 2}}},
		{"one token too many, after others had taken effect: less than a token above what the time since gave", nil, false,
			concat(first, []record.Observation{trips(on(at(10, yes), "s1", found), 2, 9)}), []explained{{audit.Rounding, 1, 1}}},
		{"overlapping with round trips of two: it vanishes when requests are taken one at a time", nil, false,
			[]record.Observation{trips(on(at(10, yes), "s1", missing), 2, 9), trips(on(at(11, yes), "s1", missing), 2, 9), trips(on(at(12, yes), "s1", missing), 2, 9),
				trips(on(at(13, yes), "s1", missing), 2, 9), trips(on(at(14, yes), "s1", missing), 2, 9)}, []explained{{audit.Concurrency, 2, 2}}},
		{"a race that fits leaves no room behind where its shard is emptied", emptied, false, concat(raced(10, 3), raced(30, 3)), []explained{{audit.Moved, 3, 3}}},
		{"of a race for a bucket that was emptied, those that do not fit", emptied, false, concat(raced(10, 3), raced(30, 5)), []explained{{audit.Moved, 3, 5}, {audit.Concurrency, 2, 5}}},
		{"a race that fits leaves the room of what it overwrote", nil, false, concat(raced(10, 3), []record.Observation{trips(on(at(30, yes), "s1", found), 2, 9), trips(on(at(50, yes), "s1", found), 2, 9)}),
			[]explained{{audit.Concurrency, 2, 2}}},
		{"and no more than that", nil, false, concat(raced(10, 3), []record.Observation{trips(on(at(30, yes), "s1", found), 2, 9), trips(on(at(50, yes), "s1", found), 2, 9), trips(on(at(70, yes), "s1", found), 2, 9)}),
			[]explained{{audit.Concurrency, 2, 3}}},
		{"overlapping with one round trip cannot race, and a first NOSCRIPT does not make it two", nil, false,
			[]record.Observation{trips(on(at(10, yes), "s1", missing), 2, 9), trips(on(at(11, yes), "s1", found), 1, 9), trips(on(at(12, yes), "s1", found), 1, 9),
				trips(on(at(13, yes), "s1", found), 1, 9), trips(on(at(14, yes), "s1", found), 1, 9)}, []explained{{audit.Unknown, 0, 2}}},
		{"two round trips a second apart, off by one", nil, false,
			[]record.Observation{trips(on(at(0, yes), "s1", missing), 2, 0), trips(on(at(second/10, yes), "s1", found), 2, 9), trips(on(at(second/5, yes), "s1", found), 2, 9),
				trips(on(at(second*3/10, yes), "s1", found), 2, 9)}, []explained{{audit.Rounding, 1, 1}}},
		{"within what the clocks are apart", nil, true,
			concat(first, []record.Observation{on(at(4, yes), "s1", found), on(at(5, yes), "s1", found)}), []explained{{audit.Clocks, 2, 2}}},
		{"more than the clocks are apart", nil, true,
			concat(first, times(1, on(at(4, yes), "s1", found)), times(1, on(at(5, yes), "s1", found)), times(1, on(at(6, yes), "s1", found))), []explained{{audit.Unknown, 0, 3}}},
		{"two causes that explain a part each", restart, false,
			concat(first, again("s1", missing), []record.Observation{on(at(20, record.FailOpen), "s1", record.Unread)}), []explained{{audit.Moved, 3, 4}, {audit.FailOpen, 1, 4}}},
	} {
		t.Run(c.why, func(t *testing.T) {
			m := manifest(0)
			m.Faults, m.MaxSettle = c.faults, second
			m.Clients = []record.Client{{Name: "c1"}, {Name: "c2"}}
			if c.clocks {
				m.Clients[1].ClockOffset, m.Limiters[0].ReadsClock = 2*time.Second, true
			}
			for i := range c.list {
				c.list[i].Client, c.list[i].Order = "c1", int64(i)
			}
			got, err := replay(t, m, c.list)
			if err != nil {
				t.Fatal(err)
			}
			var list []explained
			for _, e := range got.Explained {
				list = append(list, explained{e.Kind, e.Explains, e.Of})
			}
			if len(list) != len(c.want) {
				t.Fatalf("causes %+v, expected %+v", list, c.want)
			}
			for i := range list {
				if list[i] != c.want[i] {
					t.Errorf("cause %d is %+v, expected %+v", i, list[i], c.want[i])
				}
			}
		})
	}
}

// TestClocksOnlyIfRead: clients whose clocks are apart mislead no limiter that
// reads Redis' TIME.
func TestClocksOnlyIfRead(t *testing.T) {
	m := manifest(0)
	m.Clients = []record.Client{{Name: "c1"}, {Name: "c2", ClockOffset: 2 * time.Second}}
	got, err := replay(t, m, times(5, at(0, record.Allowed)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Explained) != 1 || got.Explained[0].Kind != audit.Unknown {
		t.Errorf("causes %+v, expected unknown", got.Explained)
	}
}

// TestLockOut: a key that is denied to the end although everything came back.
func TestLockOut(t *testing.T) {
	yes, no := record.Allowed, record.Denied
	for _, c := range []struct {
		why      string
		list     []record.Observation
		explains int64 // 0: no cause
	}{
		{"denied for ever", concat(times(3, at(0, yes)), []record.Observation{at(4*second, no), at(6*second, no), at(8*second, no)}), 3},
		{"admitted again in the end", concat(times(3, at(0, yes)), []record.Observation{at(4*second, no), at(8*second, no), at(9*second, yes)}), 0},
		{"not for longer than a bucket takes to fill", concat(times(3, at(0, yes)), []record.Observation{at(4*second, no), at(5*second, no)}), 0},
	} {
		got, err := replay(t, manifest(0), c.list)
		if err != nil {
			t.Fatal(err)
		}
		switch e := got.UnderExplained; {
		case c.explains == 0 && len(e) > 0, c.explains > 0 && (len(e) != 1 || e[0].Kind != audit.LockedOut || e[0].Explains != c.explains || e[0].Example.Key != "k"):
			t.Errorf("%s: %+v, expected %d explained", c.why, e, c.explains)
		}
	}
}
