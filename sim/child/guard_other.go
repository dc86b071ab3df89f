//go:build !unix

package child

// Guard guards nothing: a job object would have to.
type Guard struct{}

// NewGuard returns a guard that does nothing.
func NewGuard(string) (*Guard, error) { return &Guard{}, nil }

// Watch does nothing.
func (g *Guard) Watch(*Process) error { return nil }

// Close does nothing.
func (g *Guard) Close() error { return nil }
