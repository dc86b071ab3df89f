package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/sim/child"
)

// children are workers on this machine, which end with this process.
type children struct {
	c    *Coordinator
	self string
	args []string
	env  []string

	mu       sync.Mutex
	stopping bool
	all      []*child.Process
	watching sync.WaitGroup
}

// childGrace is how long a worker may take to give back what it plays.
const childGrace = 5 * time.Second

// startChildren starts workers, which share the processors.
func startChildren(c *Coordinator, o Options) (*children, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("looking for this program: %w", err)
	}
	w := &children{c: c, self: self, args: []string{"worker", "--join", c.own.server.Addr().String(), "--join-file", c.own.join, "--jobs", "1", "--quiet"},
		env: append(os.Environ(), fmt.Sprint("GOMAXPROCS=", max(1, runtime.GOMAXPROCS(0)/o.Workers)))}
	for range o.Workers {
		if err := w.start(); err != nil {
			return w, err
		}
	}
	return w, nil
}

// start starts a worker, and another one when that is killed.
func (w *children) start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping {
		return nil
	}
	var words child.LastWords
	cmd := exec.Command(w.self, w.args...)
	cmd.Env, cmd.Stderr = w.env, &words
	p, err := child.Start(cmd, childGrace)
	if err != nil {
		return fmt.Errorf("starting a worker: %w", err)
	}
	w.all = append(w.all, p)
	w.watching.Go(func() {
		<-p.Over()
		w.mu.Lock()
		stopping := w.stopping
		w.mu.Unlock()
		code := cmd.ProcessState.ExitCode()
		switch {
		case stopping || code == 0:
		case code < 0: // by a signal
			w.c.Note("worker %d ended (%s) and is replaced", p.Pid(), p.How())
			if err := w.start(); err != nil {
				w.c.fail(err)
			}
		default:
			status := campaign.Status(code)
			w.c.fail(campaign.With(status, fmt.Errorf("worker %d: %s%s", p.Pid(), p.How(), words.String())))
		}
	})
	return nil
}

func (w *children) stop() {
	w.mu.Lock()
	w.stopping = true
	all := w.all
	w.mu.Unlock()
	var ending sync.WaitGroup
	for _, p := range all {
		ending.Go(p.Stop)
	}
	ending.Wait()
	w.watching.Wait()
}
