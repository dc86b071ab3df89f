package clock

import (
	"sync/atomic"
	"testing"
	"time"
)

func TestLateness(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for _, tt := range []struct {
		why  string
		late []time.Duration
		want Lateness
	}{
		{"nothing was measured", nil, Lateness{}},
		{"one", []time.Duration{7}, Lateness{1, 7, 7, 7}},
		{"an even number", []time.Duration{4, 1, 3, 2}, Lateness{4, 2, 4, 4}},
		{"a hundred", hundred, Lateness{100, 50, 99, 100}},
		{"one more", append([]time.Duration{0}, hundred...), Lateness{101, 50, 99, 100}},
	} {
		if got := lateness(tt.late); got != tt.want {
			t.Errorf("%s: %+v, expected %+v", tt.why, got, tt.want)
		}
	}
}

// lazy is a Pacer that sleeps 3 ms too long, twice.
type lazy struct {
	Pacer
	slept  atomic.Int64
	asleep chan struct{}
}

func (l *lazy) Sleep(d time.Duration) {
	if l.slept.Add(1) > 2 {
		close(l.asleep)
		l.Pacer.Sleep(time.Hour)
		return
	}
	time.Sleep(d + 3*time.Millisecond)
}

// A Canary tells how late it woke, once, and its last sleep ends with it.
func TestCanary(t *testing.T) {
	l := &lazy{Pacer: NewTimerPacer(), asleep: make(chan struct{})}
	c := NewCanary(l, time.Millisecond)
	<-l.asleep
	if got := c.Take(); got.Samples != 2 || got.Med < 3*time.Millisecond || got.Max < got.Med {
		t.Errorf("late by %+v, expected two samples of 3ms or more", got)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := c.Take(); got != (Lateness{}) {
		t.Errorf("late by %+v, expected nothing more", got)
	}
}
