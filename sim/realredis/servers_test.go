package realredis

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestMain also is the program that TestSpawnDiesWithUs starts.
func TestMain(m *testing.M) {
	if how := os.Getenv(endVariable); how != "" {
		spawnAndEnd(how)
	}
	os.Exit(m.Run())
}

// needRedis skips a test without redis-server, but not where it must be.
func needRedis(t testing.TB) {
	t.Helper()
	testkit.Program(t, "redis-server", "redis-server")
}

// noLeaks looks at the end of the test, and after what is cleaned up later
// than this call, for goroutines that the test left.
func noLeaks(t testing.TB) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
}

// open closes s at the end of the test.
func open(t testing.TB, s *Servers, err error) *Servers {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// runs tells whether a process is there and no zombie, which is one that
// whoever inherited it has not looked at yet.
func runs(t testing.TB, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, ok := strings.Cut(string(stat), ") ")
	if !ok {
		t.Fatalf("/proc/%d/stat: expected a state behind ), found %q", pid, stat)
	}
	return after[0] != 'Z' && after[0] != 'X'
}

// vanish fails unless the processes end soon.
func vanish(t testing.TB, pids []int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range pids {
		for runs(t, pid) {
			if time.Now().After(deadline) {
				t.Errorf("process %d still runs", pid)
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func pidsOf(s *Servers) []int {
	var pids []int
	for _, p := range s.own {
		pids = append(pids, p.pid())
	}
	return pids
}

// endVariable tells the test binary to spawn servers and end in some way.
const endVariable = "QUOTALAB_TEST_SPAWN_AND_END"

// spawnAndEnd prints the servers' pids and ends without Close.
func spawnAndEnd(how string) {
	s, err := Spawn(context.Background(), []string{"a", "b", "frozen"})
	if err == nil {
		err = s.own[2].stop()
	}
	if err == nil {
		err = s.own[1].restart(context.Background()) // also what is not the first life ends
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	for _, p := range s.own {
		fmt.Println(p.pid(), p.dir)
	}
	fmt.Println("ready")
	switch how {
	case "exit":
		os.Exit(0)
	case "panic":
		panic("the harness has a mistake")
	}
	select {} // until it is killed
}
