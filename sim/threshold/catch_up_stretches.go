package threshold

import (
	"github.com/quotalab/quotalab/models/usage"
)

// stretch is usage that is judged together: that of a period, as far as it has
// been or after its end, or of a window.
type stretch struct {
	segment usage.Segment
	period  int64 // of its claims
	start   int64 // the first instant that counts
	end     int64 // the first one that does not
	ended   bool
	final   bool // ended, and all its usage is visible
	last    bool // no window follows it: its excursions end here
}

// over tells whether an excursion above a threshold ended.
func (s stretch) over(percent, threshold int64) bool {
	if s.ended {
		return s.last && s.final
	}
	return s.segment.Kind == usage.Rolling && percent < threshold-usage.Hysteresis
}

// progress says how far an account has been looked at.
type progress struct {
	segment usage.Segment
	from    int64     // since when it is the segment
	since   int64     // periods that ended up to here are in ended, or done with
	ended   []stretch // to be looked at when their usage is visible
}

// agreed is what an engine takes for an account's contract.
func agreed(a Account) usage.Segment {
	s := usage.Segment{Kind: usage.Calendar, Limit: a.Allowed}
	switch {
	case a.Free:
		s.Kind = usage.Rolling
	case a.BillingStart != Unknown:
		s.Kind, s.Anchor = usage.Period, a.BillingStart
	}
	if a.Free || !a.Cached {
		s.Limit = a.FreeLimit
	}
	if s.Limit <= 0 {
		s.Limit = zeroLimit
	}
	return s
}

// Changed tells the engine that an account was changed just now, before any
// run sees it: what was used until now is judged by the old contract.
func (c *CatchUp) Changed(before, after Account) {
	now := c.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	old := agreed(before)
	p := c.of(before.ID, old, now)
	p.pass(old, now)
	p.change(agreed(after), now)
}

// stretches returns those of an account that ended, and the current one. Those
// whose usage is all visible by now it takes off the list; until then each run
// looks at them, or a crossing shortly before the end would have to wait for
// the run after e + λ, longer than the time between two runs and λ.
func (c *CatchUp) stretches(a Account, now int64) (ended []stretch, current stretch) {
	segment := agreed(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of(a.ID, segment, now)
	p.pass(segment, now)
	var later []stretch
	for _, s := range p.ended {
		if s.final = s.end+c.Lag <= now; !s.final {
			later = append(later, s)
		}
		ended = append(ended, s)
	}
	p.ended = later
	return ended, upTo(segment, now+1)
}

// putBack keeps stretches for the next run that were taken off the list.
func (c *CatchUp) putBack(account int64, ended []stretch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.progress[account]
	for _, s := range ended {
		if s.final {
			p.ended = append(p.ended, s)
		}
	}
}

// of returns the progress of an account. That of one not seen before begins
// an interval ago: a period that ended since then is looked at.
func (c *CatchUp) of(account int64, segment usage.Segment, now int64) *progress {
	p, ok := c.progress[account]
	if !ok {
		p = &progress{segment: segment, from: Unknown, since: now - c.Every.Nanoseconds()}
		c.progress[account] = p
	}
	return p
}

// pass notes the periods that ended up to now. A change that was not announced
// shows here, too late to judge the old contract's last period by itself.
func (p *progress) pass(segment usage.Segment, now int64) {
	if p.segment != segment {
		p.change(segment, p.since)
	}
	if segment.Kind != usage.Rolling {
		for {
			start, end := segment.PeriodAt(p.since)
			if end > now || end <= p.since {
				break
			}
			p.ended = append(p.ended, stretch{segment: segment, period: start, start: start, end: end, ended: true})
			p.since = end
		}
	}
	p.since = now
}

// change ends the old contract's period, or window, before an instant. A
// contract that never held, because it changed twice at once, is not judged.
func (p *progress) change(to usage.Segment, at int64) {
	if p.segment == to {
		return
	}
	if p.from < at {
		s := upTo(p.segment, at)
		s.ended, s.last = true, p.segment.Kind == usage.Rolling && to.Kind != usage.Rolling
		p.ended = append(p.ended, s)
	}
	p.segment, p.from, p.since = to, at, at
}

// upTo is the stretch of a segment that goes on before an instant.
func upTo(segment usage.Segment, end int64) stretch {
	start, _ := segment.PeriodAt(end - 1)
	s := stretch{segment: segment, period: start, start: start, end: end}
	if segment.Kind == usage.Rolling {
		s.period, s.start = RollingPeriod, start+1
	}
	return s
}
