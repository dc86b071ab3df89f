package child

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A process lives until it is stopped, whatever threads Go ends meanwhile, and is
// gone at the end of the program if nobody stopped it.
func TestProcess(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var all []*Process
	for range 3 {
		p, err := Start(exec.Command("sleep", "60"), 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	churnThreads()
	for _, p := range all {
		if p.Ended() || !runs(t, p.Pid()) {
			t.Errorf("process %d ended with a thread that is none of its business", p.Pid())
		}
	}
	all[0].Stop()
	all[0].Stop() // does nothing more
	if !all[0].Ended() || runs(t, all[0].Pid()) || all[0].How() != "signal: killed" {
		t.Errorf("stopped: ended %v, %s", all[0].Ended(), all[0].How())
	}
	End(func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	for _, p := range all[1:] {
		if !p.Ended() || runs(t, p.Pid()) {
			t.Errorf("process %d runs after the end", p.Pid())
		}
	}
	if _, err := Start(exec.Command("/does/not/exist"), 0); err == nil || len(owned.held) > 0 {
		t.Errorf("a program that is not there: %v, %d are held", err, len(owned.held))
	}
}

// One that is given the time ends as it does by SIGTERM.
func TestGrace(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("sh", "-c", "trap 'echo bye; exit 3' TERM; echo hi; while :; do sleep 0.01; done")
	cmd.Stdout = out
	p, err := Start(cmd, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for text := []byte(nil); len(text) == 0; text, _ = os.ReadFile(out.Name()) {
		time.Sleep(time.Millisecond)
	}
	p.Stop()
	if text, err := os.ReadFile(out.Name()); string(text) != "hi\nbye\n" || p.How() != "exit status 3" {
		t.Errorf("%q, %v, %s", text, err, p.How())
	}
}

// One is over though what it started still holds its output.
func TestOutputThatIsHeld(t *testing.T) {
	t.Parallel()
	cmd, said := exec.Command("sh", "-c", "sleep 10 & echo $!"), new(strings.Builder)
	cmd.Stdout = said
	p, err := Start(cmd, 0)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Over():
	case <-time.After(8 * time.Second):
		t.Error("it is not over after eight seconds")
	}
	if out, err := exec.Command("kill", strings.TrimSpace(said.String())).CombinedOutput(); err != nil || p.How() != "exit status 0" {
		t.Errorf("kill: %v %s; it is over by %s", err, out, p.How())
	}
}

// Whoever makes something while the program ends waits, and so makes nothing.
func TestEndIsTheEnd(t *testing.T) {
	var o owner
	var order []string
	hold := func(name string) func() error {
		release, err := o.own(func() error { return nil }, func() error { order = append(order, name); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	hold("first")
	second := hold("second")
	hold("third")
	made := make(chan bool, 1)
	if err := second(); err != nil {
		t.Error(err)
	}
	o.end(func(error) {
		go func() { hold("late"); made <- true }()
		select {
		case <-made:
			t.Error("something was made during the end")
		case <-time.After(20 * time.Millisecond):
		}
	})
	<-made
	if got := strings.Join(order, " "); got != "second third first" {
		t.Errorf("undone in the order %s", got)
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
