package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/clock"
)

// sameWish is how long after the first signal another one still means the
// same: timeout(1) sends each signal twice, to its child and to its group.
const sameWish = time.Second

// signals ends the process on SIGINT, SIGTERM or SIGHUP: at once, or while
// something is under way that can be ended in good order, by cancelling it
// first.
type signals struct {
	stderr io.Writer
	c      chan os.Signal
	now    func() time.Time
	exit   func(code int)
	end    func(exit func(error)) // child.End

	mu     sync.Mutex
	first  time.Time               // when the first signal came; zero: none did
	cancel context.CancelCauseFunc // nil: end at once
	idle   bool                    // nothing is under way that is to be finished
}

func watchSignals(stderr io.Writer) *signals {
	s := &signals{stderr: stderr, c: make(chan os.Signal, 2), now: clock.Now, exit: os.Exit, end: child.End}
	signal.Notify(s.c, os.Interrupt, syscall.SIGTERM)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // writing fails, and the program ends in good order
	if !signal.Ignored(syscall.SIGHUP) {                    // as nohup wants it
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
	now, again := s.now(), !s.first.IsZero()
	switch {
	case again && now.Sub(s.first) < sameWish:
		return
	case again || s.cancel == nil:
		fmt.Fprintln(s.stderr, "\nquotalab: ended by a signal")
		s.end(func(err error) {
			if err != nil {
				fmt.Fprintln(s.stderr, "quotalab:", metric.PrintableText(err.Error()))
			}
			s.exit(int(campaign.Aborted))
		})
		return
	}
	s.first = now
	if !s.idle {
		fmt.Fprintln(s.stderr, "\nquotalab: interrupt: finishing the record; after a second, once more ends at once")
	}
	s.cancel(campaign.ErrInterrupt)
}

// hold lets the first signal call cancel instead of ending the process; nil
// undoes that.
func (s *signals) hold(cancel context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
}

// wait returns when the first signal comes, or when parent ends.
func (s *signals) wait(parent context.Context) {
	ctx, done := s.graceful(parent)
	defer done()
	s.mu.Lock()
	s.idle = true
	s.mu.Unlock()
	<-ctx.Done()
}

// graceful returns a context that the first signal cancels, with
// campaign.ErrInterrupt as its cause. Call done when what it is for has ended.
func (s *signals) graceful(parent context.Context) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(parent)
	s.hold(cancel)
	return ctx, func() {
		s.hold(nil)
		cancel(nil)
	}
}
