package usage

import "math"

// key names what is counted; another key begins anew.
type key struct {
	kind          Kind
	anchor, start int64
}

// pass goes over one account's history from point to point: the instants at
// which usage, limit or period can change anything.
type pass struct {
	*Ledger
	sum        sum
	contract   Contract
	thresholds []int64

	segment    int // that holds
	started    bool
	key        key
	start, end int64 // of the period

	rise, fall int64 // usage from which, or below which, a threshold turns

	future bool // some term begins after the first event
	leaves int  // next event to leave the window that ends at last
	last   int64
}

func (p *pass) run(until int64) {
	p.last = math.MinInt64
	for _, s := range p.contract {
		p.future = p.future || len(p.sum.events) > 0 && s.anchor() > p.sum.events[0].At
	}
	for {
		t, ok := p.next()
		if !ok || t > until {
			return
		}
		p.last = t
		changed := !p.started
		p.started = true
		for p.segment+1 < len(p.contract) && p.contract[p.segment+1].From <= t {
			p.segment++
			changed = true
		}
		p.sum.take(t)
		if p.contract[p.segment].Kind == Rolling {
			p.rolling(t, changed)
		} else {
			p.period(t, changed)
		}
	}
}

// next is the next point: an event, a contract change, or an event's leaving
// the rolling window.
func (p *pass) next() (t int64, ok bool) {
	t = math.MaxInt64
	if e, more := p.sum.nextEvent(); more {
		t, ok = e, true
	}
	if i := p.segment + 1; i < len(p.contract) && p.contract[i].From <= t {
		t, ok = p.contract[i].From, true
	}
	if p.started && p.key.kind == Rolling {
		if first, held := p.sum.oldest(); held && first <= math.MaxInt64-Window && first+Window <= t {
			t, ok = first+Window, true
		}
	}
	if p.future {
		return p.nextLeaving(t, ok)
	}
	return t, ok
}

// nextLeaving adds the instants at which events leave a rolling window, which
// the reference looks at under every contract. Within a period nothing is
// different then; before the anchor of a term of the future it can be.
func (p *pass) nextLeaving(t int64, ok bool) (int64, bool) {
	for ; p.leaves < len(p.sum.events); p.leaves++ {
		at := p.sum.events[p.leaves].At
		if at > math.MaxInt64-Window {
			break
		}
		if at+Window > p.last {
			return min(t, at+Window), true
		}
	}
	return t, ok
}

// rolling judges the window (t − Window, t].
func (p *pass) rolling(t int64, changed bool) {
	p.key = key{kind: Rolling}
	p.sum.from(t - Window + 1)
	if !changed && p.sum.units < p.rise && p.sum.units >= p.fall {
		return
	}
	limit := p.contract[p.segment].Limit
	p.rise, p.fall = math.MaxInt64, math.MinInt64
	for i, T := range p.thresholds {
		switch {
		case p.open[i] >= 0 && p.sum.units < Need(T-Hysteresis, limit):
			p.found[p.open[i]].End = t
			p.open[i] = -1
		case p.open[i] < 0 && p.sum.units >= Need(T, limit):
			p.open[i] = len(p.found)
			p.found = append(p.found, Obligation{Threshold: T, Crossing: t, Rolling: true, Start: t, End: Never})
		}
		if p.open[i] >= 0 {
			p.fall = max(p.fall, Need(T-Hysteresis, limit))
		} else {
			p.rise = min(p.rise, Need(T, limit))
		}
	}
}

// period judges the usage from the start of the period that holds t.
func (p *pass) period(t int64, changed bool) {
	if p.key.kind == Rolling {
		p.closeExcursions(t)
	}
	// Before the anchor periods are counted towards it: see MonthsBetween.
	if changed || t >= p.end || t < p.contract[p.segment].anchor() {
		p.turn(t)
	}
	p.sum.from(p.start)
	if p.sum.units < p.rise {
		return
	}
	limit := p.contract[p.segment].Limit
	p.rise = math.MaxInt64
	for i, T := range p.thresholds {
		switch need := Need(T, limit); {
		case p.due[i]:
		case p.sum.units >= need:
			p.due[i] = true
			p.found = append(p.found, Obligation{Threshold: T, Crossing: t, Start: p.start, End: p.end})
		default:
			p.rise = min(p.rise, need)
		}
	}
}

// turn goes to the period that holds t, and has all thresholds looked at.
func (p *pass) turn(t int64) {
	s := p.contract[p.segment]
	p.start, p.end = s.PeriodAt(t)
	if k := (key{s.Kind, s.anchor(), p.start}); k != p.key {
		p.key = k
		clear(p.due)
	}
	p.rise = math.MinInt64
}

// closeExcursions ends those that a change of the contract leaves open.
func (p *pass) closeExcursions(t int64) {
	for i, o := range p.open {
		if o >= 0 {
			p.found[o].End = t
			p.open[i] = -1
		}
	}
}

// endEarly ends the obligations of a period where a change of the contract
// ends the period: where another period, or none, holds from then on. Without
// an anchor nothing identifies a period across a change, so of Calendar every
// change ends it.
func endEarly(found []Obligation, c Contract) {
	for i := range found {
		o := &found[i]
		if o.Rolling {
			continue
		}
		for _, s := range c {
			if s.From <= o.Crossing {
				continue
			}
			if start, _ := s.PeriodAt(s.From); s.Kind != Period || start != o.Start {
				o.End = min(o.End, s.From)
				break
			}
		}
	}
}
