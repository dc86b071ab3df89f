//go:build !unix

package child

// Guard guards nothing: a job object would have to.
type Guard struct{}

// NewGuard returns a guard that does nothing.
func NewGuard(string) (*Guard, error) { return &Guard{}, nil }

// Mark is what a process has to have in its environment, beside others.
func Mark(dir string) string { return "QUOTALAB_FOLDER=" + dir + "/" }

// Watch does nothing.
func (g *Guard) Watch(*Process) error { return nil }

// Close does nothing.
func (g *Guard) Close() error { return nil }
