package clock_test

import (
	"slices"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/clock"
)

func TestPollPacer(t *testing.T) {
	testkit.Live(t, "measures real time")
	p, err := clock.NewPollPacer()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	late := make([]time.Duration, 200)
	for i := range late {
		start := time.Now()
		p.Sleep(300 * time.Microsecond)
		late[i] = time.Since(start) - 300*time.Microsecond
	}
	slices.Sort(late)
	t.Logf("late by %v at the least, %v in the median, %v at the 90th percentile", late[0], late[100], late[180])
	if late[0] < 0 {
		t.Errorf("woke %v early", -late[0])
	}
	if late[100] > 500*time.Microsecond {
		t.Errorf("%v late in the median, expected less than Go's own timers are", late[100])
	}

	tests := []struct {
		why  string
		wake func()
	}{
		{"a wake before ends the next sleep", p.Wake},
		{"two are one", func() { p.Wake(); p.Wake() }},
		{"a wake ends the sleep that is under way", func() { go func() { time.Sleep(20 * time.Millisecond); p.Wake() }() }},
	}
	for _, tt := range tests {
		tt.wake()
		start := time.Now()
		p.Sleep(10 * time.Second)
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: slept %v", tt.why, took)
		}
		start = time.Now()
		p.Sleep(5 * time.Millisecond)
		if took := time.Since(start); took < 5*time.Millisecond {
			t.Errorf("%s: the sleep after lasted %v, expected 5ms", tt.why, took)
		}
	}
}
