package scenarios

import "time"

func fillAccounts(s *Scenario, g *AccountGroup) {
	if g.Plan == "paid" && g.Anchor == (Anchor{}) {
		g.Anchor.Spread = &AnchorSpread{From: monthBefore(s.Epoch), To: s.Epoch}
	}
	fillPattern(&g.Usage.Shape, s.Horizon)
	if source, ok := s.Traffic.Get(g.Usage.From); ok && g.Usage.Limiter == "" && len(source.Limiters) > 0 {
		g.Usage.Limiter = source.Limiters[0] // the only one: the checks have seen to it
	}
}

// monthBefore is the same time of the same day of the month before, or of
// that month's last day if it is shorter.
func monthBefore(t time.Time) time.Time {
	last := time.Date(t.Year(), t.Month(), 0, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return last.AddDate(0, 0, min(t.Day()-last.Day(), 0))
}

func fillEngine(e *Engine) {
	if e.Overlap.Daily && e.Every > 0 {
		e.Overlap.Every = max(1, Count(24*Duration(time.Hour)/e.Every))
	}
}
