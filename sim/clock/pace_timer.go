package clock

import "time"

// timerPacer sleeps by Go's timers, which wake up to a millisecond late.
type timerPacer struct {
	wake  chan struct{}
	timer *time.Timer
}

// NewTimerPacer returns a Pacer by Go's own timers, as time.Sleep is: for
// systems without a better one, and to compare with.
func NewTimerPacer() Pacer {
	return &timerPacer{wake: make(chan struct{}, 1), timer: time.NewTimer(0)}
}

func (p *timerPacer) Urge() bool { return false }

func (p *timerPacer) Sleep(d time.Duration) {
	p.timer.Reset(d)
	select {
	case <-p.timer.C:
	case <-p.wake:
	}
}

func (p *timerPacer) Wake() {
	select {
	case p.wake <- struct{}{}:
	default: // one is pending
	}
}

func (p *timerPacer) Close() error {
	p.timer.Stop()
	return nil
}
