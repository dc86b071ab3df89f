package foreign

import (
	"fmt"
	"testing"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Commands in real time are of the request that can only have caused them; where
// there are several, the round trips of all that may have are unknown.
func TestSeen(t *testing.T) {
	s := seen{prefix: "p:"}
	traces := map[string]*fakeredis.Trace{}
	under := map[string]*underWay{}
	begin := func(name, key string) {
		traces[name] = fakeredis.NewTrace(t.Context())
		under[name] = s.begin([]limiter.Take{{Key: key}}, traces[name])
	}
	// send sends commands at once, and has them all answered.
	send := func(state record.KeyState, cmds ...[]string) {
		replied := s.sent("a", cmds)
		for i := range cmds {
			replied(i, state)
		}
	}
	get := func(key string) []string { return []string{"GET", "p:" + key} }
	expect := func(name, want string) {
		t.Helper()
		x := traces[name]
		if got := fmt.Sprint(x.RoundTrips, x.Touched, x.Keys); got != want {
			t.Errorf("%s: %s, expected %s", name, got, want)
		}
	}

	begin("alone", "k")
	send(record.Unread, []string{"CLIENT", "SETINFO", "a", "b"}) // of the connection
	send(record.NotFound, get("k"))
	send(record.Unread, []string{"SET", "p:k", "1"})
	send(record.Unread, []string{"TIME"})
	s.end(under["alone"], true, true)
	expect("alone", fmt.Sprint(3, []record.Touch{{Shard: "a", Commands: 3}}, []fakeredis.KeyTouch{{Key: "k", Shard: "a", State: record.NotFound}}))

	begin("one", "user-1")
	begin("other", "user-2")
	send(record.Found, get("user-1"), get("user-2")) // each is a round trip of its own request
	send(record.Unread, []string{"MULTI"}, []string{"SET", "p:user-1", "1"}, []string{"EXEC"})
	s.end(under["one"], true, true)
	s.end(under["other"], true, true)
	expect("one", fmt.Sprint(2, []record.Touch{{Shard: "a", Commands: 4}}, []fakeredis.KeyTouch{{Key: "user-1", Shard: "a", State: record.Found}}))
	expect("other", fmt.Sprint(1, []record.Touch{{Shard: "a", Commands: 1}}, []fakeredis.KeyTouch{{Key: "user-2", Shard: "a", State: record.Found}}))

	begin("short", "user-1")
	begin("long", "user-12")
	send(record.Found, get("user-12"))
	send(record.Found, get("user-1:99"))
	send(record.Found, get("auser-12b")) // of either
	s.end(under["short"], true, true)
	s.end(under["long"], true, true)
	expect("short", fmt.Sprint(unknown, []record.Touch{{Shard: "a", Commands: 1}}, []fakeredis.KeyTouch{{Key: "user-1:99", Shard: "a", State: record.Found}}))
	expect("long", fmt.Sprint(unknown, []record.Touch{{Shard: "a", Commands: 1}}, []fakeredis.KeyTouch{{Key: "user-12", Shard: "a", State: record.Found}}))

	begin("first", "k")
	begin("second", "k")
	begin("third", "z")
	send(record.Found, get("k")) // of the first or the second
	send(record.Found, get("z"))
	for _, name := range []string{"first", "second", "third"} {
		s.end(under[name], true, true)
	}
	expect("first", fmt.Sprint(unknown, []record.Touch{}, []fakeredis.KeyTouch{}))
	expect("second", fmt.Sprint(unknown, []record.Touch{}, []fakeredis.KeyTouch{}))
	expect("third", fmt.Sprint(1, []record.Touch{{Shard: "a", Commands: 1}}, []fakeredis.KeyTouch{{Key: "z", Shard: "a", State: record.Found}}))

	begin("late", "k")
	s.end(under["late"], false, true) // nobody waits, and the child may go on
	begin("next", "z")
	send(record.Found, get("k"))
	send(record.Found, []string{"TIME"}) // of either
	s.end(under["next"], true, true)
	expect("next", fmt.Sprint(unknown, []record.Touch{}, []fakeredis.KeyTouch{}))

	if got, want := fmt.Sprintf("%+v", s.all()), "{Sure:3 ByKey:9 ByOrder:0 Nobody:3 Clocks:0}"; got != want {
		t.Errorf("%s, expected %s", got, want)
	}
}
