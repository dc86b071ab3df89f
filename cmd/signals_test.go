package cmd

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/sim/plan"
)

func TestSignals(t *testing.T) {
	tests := []struct {
		why       string
		held      bool            // something can be ended in good order
		at        []time.Duration // when signals come
		released  int             // the number of signals after which it has ended; 0: never
		exits     []int
		cancelled bool
	}{
		{"nothing is under way: at once", false, []time.Duration{0}, 0, []int{105}, false},
		{"the first ends in good order", true, []time.Duration{0}, 0, nil, true},
		{"timeout sends each twice", true, []time.Duration{0, 50 * time.Microsecond}, 0, nil, true},
		{"twice, and the run ended between: the summary is still to be printed", true, []time.Duration{0, 900 * time.Millisecond}, 1, nil, true},
		{"a later one ends at once", true, []time.Duration{0, time.Second}, 0, []int{105}, true},
		{"a later one after a repeat, too", true, []time.Duration{0, time.Millisecond, 5 * time.Second}, 0, []int{105}, true},
		{"a later one while the summary is made", true, []time.Duration{0, 2 * time.Second}, 1, []int{105}, true},
	}
	for _, tt := range tests {
		var now time.Time
		var exits []int
		s := &signals{stderr: io.Discard, now: func() time.Time { return now }, exit: func(code int) { exits = append(exits, code) },
			end: func(exit func(error)) { exit(nil) }}
		ctx, done := context.Background(), func() {}
		if tt.held {
			ctx, done = s.graceful(ctx)
		}
		begin := time.Unix(1, 0)
		for i, at := range tt.at {
			now = begin.Add(at)
			s.received()
			if tt.released == i+1 {
				done()
			}
		}
		if !slices.Equal(exits, tt.exits) {
			t.Errorf("%s: exits %v, expected %v", tt.why, exits, tt.exits)
		}
		if got := errors.Is(context.Cause(ctx), campaign.ErrInterrupt); got != tt.cancelled {
			t.Errorf("%s: cancelled %v, expected %v", tt.why, got, tt.cancelled)
		}
	}
}

// TestProgressLines holds the lines that stand for a bar where there is no
// terminal: one every 15 s, none with -q.
func TestProgressLines(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		var b strings.Builder
		now := time.Unix(1, 0)
		m := &monitor{stderr: &b, quiet: quiet, now: func() time.Time { return now }}
		step, end := m.Run("", &plan.Plan{Horizon: time.Hour})
		for second := range 31 {
			now = time.Unix(1+int64(second), 0)
			if step != nil {
				step(int64(time.Minute)*int64(second), 1000*int64(second))
			}
		}
		end()
		want := "progress: 25%, 1000 requests/s, 45s left\nprogress: 50%, 1000 requests/s, 30s left\n"
		if quiet {
			want = ""
		}
		if got := b.String(); got != want {
			t.Errorf("quiet %v: got %q, expected %q", quiet, got, want)
		}
	}
}
