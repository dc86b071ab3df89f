package plots

import (
	"testing"
	"time"
)

// cpu skips what measures the processor's time.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	t.Skip("measures processor time as Unix tells it")
	return 0
}
