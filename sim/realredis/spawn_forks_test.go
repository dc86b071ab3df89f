package realredis

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"
)

// What forks started lives until close, whatever threads Go ends meanwhile.
func TestForks(t *testing.T) {
	noLeaks(t)
	f := newForks()
	var commands []*exec.Cmd
	var pids []int
	for range 3 {
		cmd := exec.Command("sleep", "60")
		if err := f.start(cmd); err != nil {
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
	if err := f.close(); err != nil {
		t.Error(err)
	}
	if err := f.start(exec.Command("sleep", "60")); !errors.Is(err, errClosed) {
		t.Errorf("start after close: %v, expected %v", err, errClosed)
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
