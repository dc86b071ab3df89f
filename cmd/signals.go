package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// errInterrupt is the cause of a run that the user ended; its text stands in
// the record.
var errInterrupt = errors.New("interrupt")

// signals ends the process on SIGINT, SIGTERM or SIGHUP: at once, or while
// something is under way that can be ended in good order, by cancelling it
// first.
type signals struct {
	stderr io.Writer
	c      chan os.Signal

	mu     sync.Mutex
	cancel context.CancelCauseFunc // nil: end at once
}

func watchSignals(stderr io.Writer) *signals {
	s := &signals{stderr: stderr, c: make(chan os.Signal, 2)}
	signal.Notify(s.c, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup wants it
		signal.Notify(s.c, syscall.SIGHUP)
	}
	go func() {
		for range s.c {
			s.received()
		}
	}()
	return s
}

func (s *signals) stop() {
	signal.Stop(s.c)
	close(s.c)
}

func (s *signals) received() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel == nil {
		fmt.Fprintln(s.stderr, "\nquotalab: ended by a signal")
		os.Exit(exitAborted)
	}
	fmt.Fprintln(s.stderr, "\nquotalab: interrupt: finishing the record; once more ends at once")
	s.cancel(errInterrupt)
	s.cancel = nil
}

// graceful returns a context that the first signal cancels, with
// errInterrupt as its cause. Call done when what it is for has ended.
func (s *signals) graceful(parent context.Context) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	return ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cancel = nil
		cancel(nil)
	}
}

// inParallel calls do with 0 to n−1, as many at once as there are workers, and
// begins them in order.
func inParallel(n, workers int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
