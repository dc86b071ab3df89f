package child

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that this one started, and that ends with it.
type Process struct {
	cmd     *exec.Cmd
	grace   time.Duration
	over    chan struct{} // closed when it ended and was waited for
	exit    error         // how, when over is closed
	release func() error
}

// Start starts cmd. To end it is to ask by SIGTERM, to wait for grace, if that
// is not 0, and to kill it then. On Linux it is killed when this program ends
// without a word; elsewhere see Servers. It is over a second after it ended though
// what it started still holds its output.
func Start(cmd *exec.Cmd, grace time.Duration) (*Process, error) {
	cmd.WaitDelay = time.Second
	p := &Process{cmd: cmd, grace: grace, over: make(chan struct{})}
	cmd.SysProcAttr = attributes()
	var err error
	if p.release, err = Own(p.start, p.end); err != nil {
		return nil, err
	}
	return p, nil
}

// start forks from a thread that lives until the process ends. Linux kills a process
// that has a Pdeathsig when the thread that forked it ends, and Go ends threads at
// will, but not one that a goroutine holds.
func (p *Process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: nobody else gets the thread and ends it
		err := p.cmd.Start()
		started <- err
		if err == nil {
			if p.exit = p.cmd.Wait(); errors.Is(p.exit, exec.ErrWaitDelay) { // it ended well
				p.exit = nil
			}
			close(p.over)
		}
	}()
	return <-started
}

// end is that of a process which may have ended already: its signals may fail.
func (p *Process) end() error {
	if p.grace > 0 && p.Signal(syscall.SIGTERM) == nil {
		ctx, cancel := context.WithTimeout(context.Background(), p.grace)
		defer cancel()
		select {
		case <-p.over:
		case <-ctx.Done():
		}
	}
	_ = p.cmd.Process.Kill()
	<-p.over
	return nil
}

// Stop ends it and returns when it is gone.
func (p *Process) Stop() { _ = p.release() } // end has no error

// Signal sends it a signal.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Pid returns its number, also after it ended.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Over is closed when it ended.
func (p *Process) Over() <-chan struct{} { return p.over }

// Ended reports whether it ended.
func (p *Process) Ended() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// Exit returns how it ended, nil for status 0. It waits for that.
func (p *Process) Exit() error {
	<-p.over
	return p.exit
}

// How says in words how it ended.
func (p *Process) How() string {
	if err := p.Exit(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}

// LastWords keeps the end of what a server writes to its log.
type LastWords struct {
	mu   sync.Mutex
	text []byte
}

const (
	longestLog = 8 << 10 // bytes kept
	shownLines = 8
)

// Write adds to them.
func (l *LastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - longestLog; over > 0 {
		l.text = append(l.text[:0], l.text[over:]...)
	}
	return len(p), nil
}

// Contains reports whether s is among them.
func (l *LastWords) Contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text, []byte(s))
}

// String returns the last lines, indented, for the end of an error.
func (l *LastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(string(l.text))
	if text == "" {
		return "; its log is empty"
	}
	lines := strings.Split(text, "\n")
	if len(lines) > shownLines {
		lines = lines[len(lines)-shownLines:]
	}
	return "; the end of its log:\n\t" + strings.Join(lines, "\n\t")
}

// Forget drops what was said in an earlier life.
func (l *LastWords) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = nil
}
