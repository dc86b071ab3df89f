package plan

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/scenarios"
)

// pcg returns the random stream of an account: of what is "" its usage, else
// another draw of it. A stream depends on the seed, the group's name and the
// account's number in it alone, so that neither a further group nor a further
// account shifts it.
func (a *Accounts) pcg(g *AccountGroup, n int, what string) rand.PCG {
	var buf [128]byte
	name := append(buf[:0], "accounts/"...)
	name = append(name, g.Name...)
	name = append(name, '/')
	name = append(strconv.AppendInt(name, int64(n), 10), what...)
	return *rand.NewPCG(seeds(a.seed, name))
}

func (a *Accounts) anchorOf(g *AccountGroup, n int) int64 {
	pcg := a.pcg(g, n, "/anchor")
	return g.anchor(pcg.Uint64())
}

func (a *Accounts) scaleOf(g *AccountGroup, n int) float64 {
	if g.scale.draw == nil {
		return g.scale.constant
	}
	pcg := a.pcg(g, n, "/scale")
	return g.scale.draw(rand.New(&pcg))
}

// anchors compiles the law of first billing instants, as a function of a
// uniform draw. Those of an interval are whole seconds after its start.
func anchors(def scenarios.Anchor, epoch time.Time) func(n uint64) int64 {
	switch {
	case def.At != nil:
		at := def.At.UnixNano()
		return func(uint64) int64 { return at }
	case def.Spread != nil:
		return within(def.Spread.From, def.Spread.To)
	case def.MonthEnds != nil:
		return within(monthEnd(epoch, int(def.MonthEnds.Months)))
	}
	return func(uint64) int64 { return 0 } // free accounts have none
}

// within maps a uniform draw to one of the whole seconds of [from, to). The
// high word of n · seconds / 2⁶⁴ is uniform up to one in 2⁶⁴ / seconds.
func within(from, to time.Time) func(n uint64) int64 {
	start, seconds := from.UnixNano(), uint64(max(to.Sub(from)/time.Second, 1))
	return func(n uint64) int64 {
		second, _ := bits.Mul64(n, seconds)
		return start + int64(second)*int64(time.Second)
	}
}

// monthEnd returns the three days from the 29th on of the month that is so
// many months before the epoch's, or of the month before that one where it
// has no 31st. No two months in a row lack it.
func monthEnd(epoch time.Time, months int) (from, to time.Time) {
	y, m, _ := epoch.UTC().Date()
	first := time.Date(y, m-time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	if first.AddDate(0, 0, 30).Day() != 31 {
		first = first.AddDate(0, -1, 0)
	}
	return first.AddDate(0, 0, 28), first.AddDate(0, 0, 31)
}

// scale is the law of the factor of an account's usage.
type scale struct {
	constant float64 // where nothing is drawn
	draw     func(rng *rand.Rand) float64
}

// scales compiles the law of a factor:
//
//	lognormal  median · e^(σ·Z), σ = ln(p99/median) / Φ⁻¹(0.99), Z standard normal
//	pareto     min · U^(−1/α), U uniform on (0, 1]
func scales(def scenarios.Scale) scale {
	switch {
	case def.Lognormal != nil:
		median, p99 := float64(def.Lognormal.Median), float64(def.Lognormal.P99)
		sigma := math.Log(p99/median) / distuv.UnitNormal.Quantile(0.99)
		return scale{draw: func(rng *rand.Rand) float64 { return median * math.Exp(sigma*rng.NormFloat64()) }}
	case def.Pareto != nil:
		low, power := float64(def.Pareto.Min), -1/float64(def.Pareto.Alpha)
		return scale{draw: func(rng *rand.Rand) float64 { return low * math.Pow(1-rng.Float64(), power) }}
	case def.Constant != nil:
		return scale{constant: float64(*def.Constant)}
	}
	return scale{constant: 1}
}
