package cmd

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
)

func TestSignals(t *testing.T) {
	tests := []struct {
		why       string
		held      bool            // something can be ended in good order
		at        []time.Duration // when signals come
		released  int             // after so many signals it has ended; 0: never
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
		s := &signals{stderr: io.Discard, now: func() time.Time { return now }, exit: func(code int) { exits = append(exits, code) }}
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
