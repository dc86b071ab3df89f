// Package child starts processes that end with this program, however that
// ends, and keeps the last that they wrote. What flows in: commands. What flows
// out: running processes. Only sim/ imports it.
package child

import (
	"bytes"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"sync"
)

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

// Forks starts processes, all from one thread that lives until Close. Linux
// kills a process that has a Pdeathsig when the thread that forked it ends,
// and Go ends threads at will, but not one that a goroutine holds.
type Forks struct {
	commands chan *exec.Cmd
	started  chan error
	quit     chan struct{}
	over     chan struct{}
}

// NewForks returns a thread to fork from.
func NewForks() *Forks {
	f := &Forks{make(chan *exec.Cmd), make(chan error), make(chan struct{}), make(chan struct{})}
	go f.run()
	return f
}

func (f *Forks) run() {
	defer close(f.over)
	runtime.LockOSThread() // never unlocked: nobody else gets the thread and ends it
	for {
		select {
		case cmd := <-f.commands:
			f.started <- cmd.Start()
		case <-f.quit:
			return
		}
	}
}

// ErrClosed says that a process was to start after the end.
var ErrClosed = errors.New("the servers are closed")

// Start starts cmd, which ends with this program.
func (f *Forks) Start(cmd *exec.Cmd) error {
	attributes, err := diesWithUs()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = attributes
	select {
	case f.commands <- cmd:
		return <-f.started
	case <-f.quit:
		return ErrClosed
	}
}

// Close ends the thread. It is called once, when all that it forked ended.
func (f *Forks) Close() error {
	close(f.quit)
	<-f.over
	return nil
}
