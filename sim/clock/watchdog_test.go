package clock

import "testing"

// Who waits until go-redis has made a connection waits for Redis, however often
// that is seen.
func TestDiallingIsNoFinding(t *testing.T) {
	const take = "example.org/own.(*Limiter).Take(0x1)\n\t/own.go:7\n"
	w := watchdog{seen: map[Wait]int{}}
	for text, want := range map[string]Wait{
		"goroutine 7 [select]:\n" + take: {"select", "own.(*Limiter).Take"},
		"goroutine 7 [select, 2 minutes]:\ngithub.com/redis/go-redis/v9/internal/pool.(*ConnPool).queuedNewConn(0x1)\n\t/pool.go:7\n" + take: {dialling, "own.(*Limiter).Take"},
	} {
		got, ok := waitIn(text)
		if !ok || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, ok, want)
		}
		w.seen[got] += 100
	}
	if all := w.found(); len(all) != 1 || all[0].State != "select" {
		t.Errorf("found %v, want the one that waits for something else", all)
	}
	if wait, ok := waitIn("goroutine 7 [coroutine]:\n" + take); ok {
		t.Errorf("who waits in virtual time: %v", wait)
	}
}
