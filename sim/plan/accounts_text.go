package plan

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// accountsText describes the accounts to a person.
func (p *Plan) accountsText(w io.Writer) {
	if p.Accounts.Len() == 0 {
		return
	}
	fmt.Fprintf(w, "accounts\t%d in batches of usage of %v\n", p.Accounts.Len(), p.Accounts.Batch)
	for i := range p.Accounts.Groups {
		g := &p.Accounts.Groups[i]
		plan := "paid"
		if g.Free {
			plan = "free"
		}
		usage := fmt.Sprintf("%.0f units expected of one of scale 1", g.Mean)
		if g.Source >= 0 {
			usage = fmt.Sprintf("what %s of %s is allowed", p.Limiters[g.Limiter].Name, p.Scenario.Traffic[g.Source].Name)
		}
		fmt.Fprintf(w, "  %s\t%d to %d, %s, limit %d: %s\n", g.Name, g.First+1, g.First+g.Count, plan, g.Limit, usage)
		for _, ch := range g.Changes {
			fmt.Fprintf(w, "    from %v\t%s\n", time.Duration(ch.At-p.Epoch.UnixNano()), ch)
		}
	}
}

// String says what changes.
func (c AccountChange) String() string {
	var parts []string
	if c.Limit > 0 {
		parts = append(parts, fmt.Sprintf("limit %d", c.Limit))
	}
	if c.Bulk {
		parts = append(parts, "in bulk")
	}
	switch c.Plan {
	case ToFree:
		parts = append(parts, "free plan")
	case ToPaid:
		parts = append(parts, "paid plan")
	}
	if c.Cancel {
		parts = append(parts, "cancelled")
	}
	if c.Restart {
		parts = append(parts, "new anchor")
	}
	return strings.Join(parts, ", ")
}

// enginesText describes the engines to a person.
func (p *Plan) enginesText(w io.Writer) {
	for _, e := range p.Engines {
		runs := "as usage is counted"
		if e.Every > 0 {
			runs = fmt.Sprintf("every %v from %v", e.Every, time.Duration(e.First-p.Epoch.UnixNano()))
		}
		fmt.Fprintf(w, "engine %s\t%s%s, %s, thresholds %s\n", e.Name, e.Kind, optionsText(e.Options), runs, percents(e.Thresholds))
	}
}

func percents(thresholds []int64) string {
	words := make([]string, len(thresholds))
	for i, t := range thresholds {
		words[i] = fmt.Sprintf("%d%%", t)
	}
	return strings.Join(words, ", ")
}
