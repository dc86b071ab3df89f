package traffic_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/traffic"
)

func TestImpossibleParameters(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	second := time.Second
	steps := func(s ...traffic.Step) error { _, err := traffic.Steps(s); return err }
	then := func(p ...traffic.Part) error { _, err := traffic.Then(p); return err }
	one := must(traffic.Constant(1))(t)
	herd := must(traffic.Herd(1, second, 0))(t)
	rows := []struct {
		err  error
		want []string // each must be in the message
	}{
		{fail(traffic.Constant(nan)), []string{"constant: rate: expected a finite rate of at least 0 per second, found NaN"}},
		{fail(traffic.Constant(-1)), []string{"found -1"}},
		{fail(traffic.Ramp(inf, -2, 0)), []string{"ramp: from", "found +Inf", "ramp: to", "found -2", "over: expected a duration above 0, found 0s"}},
		{fail(traffic.Exponential(0, nan, -second)), []string{"from: expected a finite rate above 0 per second, found 0", "growth", "found NaN", "found -1s"}},
		{fail(traffic.Exponential(1, 1, time.Hour)), []string{"growth that stays finite over 1h, found 1"}},
		{fail(traffic.Logistic(-1, nan, 0)), []string{"logistic: from", "logistic: to", "midpoint"}},
		{fail(traffic.Logistic(5, 10, second)), []string{"from: expected a rate below half of to", "found 5"}},
		{fail(traffic.Logistic(1e-300, 1e300, second)), []string{"vanishingly"}},
		{steps(), []string{"expected at least one part, found none"}},
		{steps(traffic.Step{Rate: -1, For: second}, traffic.Step{Rate: nan}), []string{"rate of step 1", "found -1", "rate of step 2", "found NaN"}},
		{steps(traffic.Step{Rate: 1}, traffic.Step{Rate: 2}), []string{"part 1: expected a duration above 0 (0 in the last part alone: to the end), found 0s"}},
		{fail(traffic.Diurnal(-1, 1.5, 25, nan, sunday)), []string{"mean", "amplitude: expected a number from 0 to 1, found 1.5", "peak_hour: expected a number from 0 to 24, found 25", "weekend", "found NaN"}},
		{fail(traffic.Diurnal(1, nan, nan, inf, sunday)), []string{"amplitude", "peak_hour", "weekend"}},
		{fail(traffic.Spike(5, 4, -second, -second, -second, -second)), []string{"peak: expected a finite rate of at least the base, found 4", "at:", "rise:", "hold:", "decay: expected a duration of at least 0, found -1s"}},
		{fail(traffic.Spike(0, 1, math.MaxInt64, second, 0, 0)), []string{"less than 292 years"}},
		{fail(traffic.OnOff(nan, -1, 0, -second)), []string{"on:", "off:", "on_for", "off_for"}},
		{fail(traffic.OnOff(1, 1, math.MaxInt64, second)), []string{"less than 292 years"}},
		{fail(traffic.Herd(0, 0, second)), []string{"size: expected at least 1 arrival, found 0", "every", "jitter: expected a duration from 0 to every (0s), found 1s"}},
		{fail(traffic.Herd(1, 30*24*time.Hour, -2*time.Hour)), []string{"from 0 to every (30d), found -2h"}},
		{fail(traffic.Sum()), []string{"sum: curves: expected at least one curve, found none"}},
		{fail(traffic.Sum(one, nil)), []string{"curve 2: expected a curve, found nil"}},
		{fail(traffic.Product(nil, one)), []string{"product: curve 1"}},
		{fail(traffic.Product(herd, one, must(traffic.Then([]traffic.Part{{Curve: herd}}))(t))), []string{"at most one factor whose arrivals fall on one instant", "found 2"}},
		{then(traffic.Part{For: second}, traffic.Part{Curve: one, For: -second}), []string{"part 1: expected a curve, found nil", "part 2: expected a duration above 0", "found -1s"}},
		{then(traffic.Part{Curve: one, For: math.MaxInt64}, traffic.Part{Curve: one, For: second}), []string{"less than 292 years"}},
		{fail(traffic.Gamma(0)), []string{"gamma gaps: cv: expected a number from 1e-06 to 1000, found 0"}},
		{fail(traffic.Gamma(nan)), []string{"found NaN"}},
		{fail(traffic.Pareto(1)), []string{"alpha: expected a finite tail exponent of at least 1.01 (the mean is infinite at 1), found 1"}},
		{fail(traffic.Pareto(inf)), []string{"found +Inf"}},
	}
	for i, row := range rows {
		if row.err == nil {
			t.Errorf("row %d: no error, want %q", i, row.want)
			continue
		}
		for _, want := range row.want {
			if !strings.Contains(row.err.Error(), want) {
				t.Errorf("row %d: %q does not say %q", i, row.err, want)
			}
		}
	}
}

func fail[T any](_ T, err error) error { return err }

func TestPossibleParametersAtTheEdge(t *testing.T) {
	for _, row := range []struct {
		reason string
		err    error
	}{
		{"a rate of 0 is a pause", fail(traffic.Constant(0))},
		{"a flat ramp", fail(traffic.Ramp(3, 3, 1))},
		{"full swing", fail(traffic.Diurnal(1, 1, 24, 0, sunday))},
		{"a spike of no height", fail(traffic.Spike(1, 1, 0, 0, 0, 0))},
		{"jitter as long as the period", fail(traffic.Herd(1, time.Minute, time.Minute))},
		{"one curve", fail(traffic.Product(must(traffic.Herd(1, 1, 0))(t)))},
	} {
		if row.err != nil {
			t.Errorf("%s: %v", row.reason, row.err)
		}
	}
}
