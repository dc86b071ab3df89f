package plan

import (
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
)

// distribution compiles a delay.
func distribution(d scenarios.Distribution) (network.Distribution, error) {
	switch {
	case d.Exponential != nil:
		return network.Exponential(time.Duration(d.Exponential.Mean))
	case d.Lognormal != nil:
		return network.Lognormal(time.Duration(d.Lognormal.Median), time.Duration(d.Lognormal.P99))
	case d.Gamma != nil:
		return network.Gamma(time.Duration(d.Gamma.Mean), float64(d.Gamma.CV))
	case d.Pareto != nil:
		return network.Pareto(time.Duration(d.Pareto.Min), float64(d.Pareto.Alpha))
	case d.Empirical != nil:
		values := make([]time.Duration, len(d.Empirical))
		for i, v := range d.Empirical {
			values[i] = time.Duration(v)
		}
		return network.Empirical(values)
	case d.Constant != nil:
		return network.Constant(time.Duration(*d.Constant)), nil
	default:
		return network.Constant(0), nil
	}
}

// empty tells whether the scenario left the distribution out.
func empty(d scenarios.Distribution) bool {
	return d.Constant == nil && d.Exponential == nil && d.Lognormal == nil && d.Gamma == nil && d.Pareto == nil && d.Empirical == nil
}
