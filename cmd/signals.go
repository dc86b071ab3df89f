package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/quotalab/quotalab/cmd/campaign"
)

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
		os.Exit(int(campaign.Aborted))
	}
	fmt.Fprintln(s.stderr, "\nquotalab: interrupt: finishing the record; once more ends at once")
	s.cancel(campaign.ErrInterrupt)
	s.cancel = nil
}

// graceful returns a context that the first signal cancels, with
// campaign.ErrInterrupt as its cause. Call done when what it is for has ended.
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
