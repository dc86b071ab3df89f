package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// What forks started lives until close, whatever threads Go ends meanwhile.
func TestForks(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := NewForks()
	var commands []*exec.Cmd
	var pids []int
	for range 3 {
		cmd := exec.Command("sleep", "60")
		if err := f.Start(cmd); err != nil {
			t.Fatal(err)
		}
		// Nobody waits for them yet: who does holds the thread that they came from.
		commands, pids = append(commands, cmd), append(pids, cmd.Process.Pid)
	}
	churnThreads()
	for _, pid := range pids {
		if !runs(t, pid) {
			t.Errorf("process %d ended with a thread that is none of its business", pid)
		}
	}
	for _, cmd := range commands {
		_ = cmd.Process.Kill() // an error says that it ended already
		_ = cmd.Wait()         // it was killed
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Start(exec.Command("sleep", "60")); !errors.Is(err, ErrClosed) {
		t.Errorf("start after close: %v, expected %v", err, ErrClosed)
	}
}

// churnThreads has Go make threads and end all that no goroutine holds.
func churnThreads() {
	var wait sync.WaitGroup
	gate := make(chan struct{})
	for range 256 {
		wait.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			<-gate
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(gate)
	wait.Wait()
	time.Sleep(50 * time.Millisecond)
}

func TestLastWords(t *testing.T) {
	var l LastWords
	if got := l.String(); got != "; its log is empty" {
		t.Errorf("nothing said: %q", got)
	}
	for range 3000 {
		if _, err := l.Write([]byte("blah\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Write([]byte("last\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := l.String(), "; the end of its log:"+strings.Repeat("\n\tblah", shownLines-1)+"\n\tlast"; got != want {
		t.Errorf("log %q, expected %q", got, want)
	}
	if len(l.text) > longestLog {
		t.Errorf("%d bytes are kept, expected %d at most", len(l.text), longestLog)
	}
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
