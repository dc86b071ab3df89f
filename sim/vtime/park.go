package vtime

// Park gives the loop back until somebody wakes the Proc.
func (p *Proc) Park() { p.yield(struct{}{}) }

// Wake lets a parked Proc go on at the present instant, after everything that
// is already due at it.
func (p *Proc) Wake() { p.s.push(event{at: p.s.now, proc: p}) }
