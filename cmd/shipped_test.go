package cmd_test

import (
	"testing"

	"github.com/quotalab/quotalab/scenarios"
)

// Every shipped scenario runs, and its assertions hold.
func TestShippedScenariosHold(t *testing.T) {
	for _, name := range scenarios.Shipped() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := runSummary(t, nil, name)
			if !s.OK || !s.Valid || len(s.Assertions) == 0 {
				t.Errorf("ok %v, valid %v %q, %d assertions: %+v", s.OK, s.Valid, s.Invalid, len(s.Assertions), s.Assertions)
			}
			t.Logf("%d observations, %d assertions hold", s.Observations, len(s.Assertions))
		})
	}
}
