//go:build !linux

package foreign

import (
	"context"
	"errors"
	"io"

	"github.com/quotalab/quotalab/sim/limiter"
)

// Process is a child that decides, which needs Linux.
type Process struct{}

// Start fails: no other kernel shows when a process has nothing left to do.
func Start(context.Context, Spec) (*Process, error) {
	return nil, errors.New("limiters in a process of their own need Linux")
}

// Take fails.
func (p *Process) Take(context.Context, limiter.Request) (limiter.Decision, error) {
	return limiter.Decision{}, errors.ErrUnsupported
}

// Tell fails.
func (p *Process) Tell(context.Context, News) error { return errors.ErrUnsupported }

// Strand reports that no request waits.
func (p *Process) Strand() bool { return false }

// About returns nothing.
func (p *Process) About() (Ready, Shares) { return Ready{}, Shares{} }

// Obedient reports false.
func (p *Process) Obedient() bool { return false }

// guard guards nothing: what it would, the system does not show.
func guard(string) (io.WriteCloser, error) {
	return struct {
		io.Writer
		io.Closer
	}{io.Discard, io.NopCloser(nil)}, nil
}

// endLimit is how long a child may take to end by itself.
const endLimit = 2 * time.Second

// Close does nothing.
func (p *Process) Close() error { return nil }
