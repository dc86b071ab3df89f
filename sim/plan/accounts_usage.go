package plan

import (
	"errors"
	"math"
	"time"

	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/scenarios"
)

// month is the time that of_limit speaks of.
const month = 30 * 24 * time.Hour

// mostUnits bounds the expected usage of one account, so that sums of it and
// a hundred times that fit into 64 bits. A heavy tail may reach it.
const mostUnits = 1 << 53

// compileUsage compiles how much an account of the group uses, and when. The
// shape is normalised: only its form counts.
func (a *Accounts) compileUsage(g *AccountGroup, s *scenarios.Scenario, def scenarios.AccountGroup) error {
	u := def.Usage
	c, err := curve(u.Shape, time.Duration(s.Horizon), s.Epoch)
	if err != nil {
		return err
	}
	g.Mean = float64(u.OfLimit) * float64(def.Limit) * (float64(s.Horizon) / float64(month))
	g.scale, g.even = scales(u.Scale), u.Draw == "even"
	g.share, err = shares(c, time.Duration(s.Horizon), a.Batch)
	for k := 1; k < len(g.share); k++ {
		g.peak = max(g.peak, g.share[k]-g.share[k-1])
	}
	return err
}

// shares returns for every batch of a run the share of the curve's Λ that
// comes before it, and 1 at the end. What is due at the instant at which a
// batch begins belongs to it.
func shares(c traffic.Curve, horizon, batch time.Duration) ([]float64, error) {
	n := int((horizon + batch - 1) / batch)
	out := make([]float64, n+1)
	for k := 1; k <= n; k++ {
		out[k] = before(c, min(time.Duration(k)*batch, horizon).Seconds())
	}
	total := out[n]
	if !(total > 0) || math.IsInf(total, 0) {
		return nil, errors.New("the pattern has no rate before the horizon, so nothing would be used: its form alone counts, and it needs one")
	}
	for k := range out {
		out[k] /= total
	}
	return out, nil
}

// before is Λ(t−), what is due before t.
func before(c traffic.Curve, t float64) float64 {
	n := c.Cumulative(t)
	if p, ok := c.(traffic.Piecewise); ok {
		n -= p.Mass(t)
	}
	return n
}
