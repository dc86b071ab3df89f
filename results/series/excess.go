package series

// excess finds the most that any key of a limiter was given above its envelope
// in windows that end in an interval. Admissions come in order.
type excess struct {
	at       intervals
	least    float64            // ns: the limiter's clock may give away as much
	most     []float64          // tokens, by interval
	interval int                // the last that something is known of
	ahead    map[*slope]float64 // where the worst window of the keys of a limit has its end
}

func newExcess(at intervals, resolution float64) *excess {
	return &excess{at: at, least: resolution, most: make([]float64, at.n), ahead: map[*slope]float64{}}
}

// add an admission at t after which the key's window is w and exceeds the
// envelope by that many ns.
func (e *excess) add(w *window, t int64, ns float64) {
	e.pass(e.at.of(t))
	e.note(e.interval, w.slope, ns)
	if a, ok := e.ahead[w.slope]; !ok || w.ahead > a {
		e.ahead[w.slope] = w.ahead
	}
}

// pass the beginnings of intervals up to i: there windows end that hold as
// much as before.
func (e *excess) pass(i int) {
	for e.interval < i {
		e.interval++
		for s, ahead := range e.ahead {
			e.note(e.interval, s, ahead-float64(e.at.start(e.interval))-s.burst*s.interval)
		}
	}
}

func (e *excess) note(i int, s *slope, ns float64) {
	if ns > e.least {
		e.most[i] = max(e.most[i], ns/s.interval)
	}
}

// series up to the end.
func (e *excess) series() []Point {
	e.pass(e.at.n - 1)
	out := make([]Point, len(e.most))
	for i, tokens := range e.most {
		out[i] = Point{float64(e.at.start(i)) / 1e9, tokens}
	}
	return out
}
