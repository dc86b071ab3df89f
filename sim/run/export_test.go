package run

import "time"

// AsOne plays the worlds of a plan as one.
func (o Options) AsOne() Options {
	o.oneWorld = true
	return o
}

// WithBase has the clock that generators compare stand at 0 at an instant.
func (o Options) WithBase(at time.Time) Options {
	o.base = at
	return o
}

// StartingIn has generators begin so long after all are ready.
func (o Options) StartingIn(d time.Duration) Options {
	o.startsIn = d
	return o
}
