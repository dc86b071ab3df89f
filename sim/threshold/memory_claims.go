package threshold

import (
	"context"
	"sync"
)

// MemoryClaims is Claims in memory. The zero value is empty. It may be used by
// several goroutines at once.
type MemoryClaims struct {
	mu   sync.Mutex
	held map[Claim]int64
}

// Claim makes a claim.
func (m *MemoryClaims) Claim(_ context.Context, c Claim, at int64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.held[c]; ok {
		return false, nil
	}
	if m.held == nil {
		m.held = map[Claim]int64{}
	}
	m.held[c] = at
	return true, nil
}

// Held tells which claims are held.
func (m *MemoryClaims) Held(_ context.Context, account, period int64, thresholds []int64) ([]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := make([]int64, len(thresholds))
	for i, t := range thresholds {
		since[i] = Unknown
		if at, ok := m.held[Claim{account, period, t}]; ok {
			since[i] = at
		}
	}
	return since, nil
}

// Release gives up a claim.
func (m *MemoryClaims) Release(_ context.Context, c Claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, c)
	return nil
}
