package live

import (
	"errors"
	"os/exec"
	"runtime"
)

// forks starts processes, all from one thread that lives until close. Linux
// kills a process that has a Pdeathsig when the thread that forked it ends,
// and Go ends threads at will, but not one that a goroutine holds.
type forks struct {
	commands chan *exec.Cmd
	started  chan error
	quit     chan struct{}
	over     chan struct{}
}

func newForks() *forks {
	f := &forks{make(chan *exec.Cmd), make(chan error), make(chan struct{}), make(chan struct{})}
	go f.run()
	return f
}

func (f *forks) run() {
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

var errClosed = errors.New("the servers are closed")

// start starts cmd, which ends with this program.
func (f *forks) start(cmd *exec.Cmd) error {
	attributes, err := diesWithUs()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = attributes
	select {
	case f.commands <- cmd:
		return <-f.started
	case <-f.quit:
		return errClosed
	}
}

// close ends the thread. It is called once, when all that it forked ended.
func (f *forks) close() error {
	close(f.quit)
	<-f.over
	return nil
}
