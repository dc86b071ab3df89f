package plan

import (
	"math"
	"time"

	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/scenarios"
)

// curve compiles a growth pattern that lasts for span, which is also how
// long a growing pattern takes that does not say.
func curve(r scenarios.RatePattern, span time.Duration, epoch time.Time) (traffic.Curve, error) {
	switch {
	case r.Constant != nil:
		return traffic.Constant(float64(*r.Constant))
	case r.Ramp != nil:
		return traffic.Ramp(float64(r.Ramp.From), float64(r.Ramp.To), orSpan(r.Ramp.Over, span))
	case r.Exponential != nil:
		return exponential(*r.Exponential, span)
	case r.Logistic != nil:
		return traffic.Logistic(float64(r.Logistic.From), float64(r.Logistic.To), time.Duration(r.Logistic.Midpoint))
	case r.Steps != nil:
		return steps(r.Steps, span)
	case r.Diurnal != nil:
		d := r.Diurnal
		return traffic.Diurnal(float64(d.Mean), float64(d.Amplitude), float64(d.PeakHour), float64(d.Weekend), epoch)
	case r.Spike != nil:
		p := r.Spike
		return traffic.Spike(float64(p.Base), float64(p.Peak), time.Duration(p.At), time.Duration(p.Rise), time.Duration(p.Hold), time.Duration(p.Decay))
	case r.OnOff != nil:
		o := r.OnOff
		return traffic.OnOff(float64(o.On), float64(o.Off), time.Duration(o.OnFor), time.Duration(o.OffFor))
	case r.Herd != nil:
		return traffic.Herd(int(r.Herd.Size), time.Duration(r.Herd.Every), time.Duration(r.Herd.Jitter))
	case r.Then != nil:
		return then(r.Then, span, epoch)
	default:
		return compound(r, span, epoch)
	}
}

func orSpan(over scenarios.Duration, span time.Duration) time.Duration {
	if over > 0 {
		return time.Duration(over)
	}
	return span
}

func exponential(e scenarios.ExpGrowth, span time.Duration) (traffic.Curve, error) {
	var growth float64
	if e.Doubling != nil {
		growth = math.Ln2 / time.Duration(*e.Doubling).Seconds()
	} else if e.Growth != nil {
		growth = float64(*e.Growth)
	}
	return traffic.Exponential(float64(e.From), growth, orSpan(e.Over, span))
}

func steps(list []scenarios.Step, span time.Duration) (traffic.Curve, error) {
	out := make([]traffic.Step, len(list))
	for i, s := range list {
		out[i] = traffic.Step{Rate: float64(s.Rate), For: orSpan(s.For, span)}
	}
	return traffic.Steps(out)
}

func then(list []scenarios.ThenPattern, span time.Duration, epoch time.Time) (traffic.Curve, error) {
	parts := make([]traffic.Part, len(list))
	start := time.Duration(0)
	for i, t := range list {
		length := orSpan(t.For, max(span-start, 1))
		c, err := curve(t.Rate, length, epoch.Add(start))
		if err != nil {
			return nil, err
		}
		parts[i] = traffic.Part{Curve: c, For: length}
		start += length
	}
	return traffic.Then(parts)
}

// compound compiles sum and product.
func compound(r scenarios.RatePattern, span time.Duration, epoch time.Time) (traffic.Curve, error) {
	var curves []traffic.Curve
	for _, part := range append(append([]scenarios.RatePattern{}, r.Sum...), r.Product...) {
		c, err := curve(part, span, epoch)
		if err != nil {
			return nil, err
		}
		curves = append(curves, c)
	}
	if r.Product != nil {
		return traffic.Product(curves...)
	}
	return traffic.Sum(curves...)
}

func gaps(g scenarios.Gaps) (traffic.Gaps, error) {
	switch {
	case g.Even:
		return traffic.Even(), nil
	case g.Gamma != nil:
		return traffic.Gamma(float64(g.Gamma.CV))
	case g.Pareto != nil:
		return traffic.Pareto(float64(g.Pareto.Alpha))
	default:
		return traffic.Poisson(), nil
	}
}
