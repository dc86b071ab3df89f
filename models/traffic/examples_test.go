package traffic_test

import (
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/traffic"
)

// must makes a constructor's result usable in a table.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

type example struct {
	name   string
	curve  traffic.Curve
	breaks []float64 // where the slow integral must not step across, in the first two hours
}

var sunday = time.Date(2026, 3, 1, 21, 30, 0, 500_000_000, time.UTC)

// examples are curves of every kind without jumps, and the instants at which
// they are not smooth, written down by hand.
func examples(tb testing.TB) []example {
	constant := must(traffic.Constant(40))(tb)
	factor := must(traffic.Constant(0.25))(tb)
	diurnal := must(traffic.Diurnal(20, 0.8, 14, 0.4, sunday))(tb)
	onOff := must(traffic.OnOff(100, 5, 3*time.Second, 7*time.Second))(tb)
	logistic := must(traffic.Logistic(1, 50, 30*time.Minute))(tb)
	spike := must(traffic.Spike(5, 200, time.Minute, 30*time.Second, time.Minute, 10*time.Minute))(tb)
	return []example{
		{"constant", constant, nil},
		{"ramp_up", must(traffic.Ramp(0, 80, time.Hour))(tb), []float64{3600}},
		{"ramp_down", must(traffic.Ramp(80, 2, time.Hour))(tb), []float64{3600}},
		{"exponential", must(traffic.Exponential(2, 0.001, time.Hour))(tb), []float64{3600}},
		{"decay", must(traffic.Exponential(90, -0.001, time.Hour))(tb), []float64{3600}},
		{"logistic", logistic, nil},
		{"steps", must(traffic.Steps([]traffic.Step{{10, time.Minute}, {0, time.Minute}, {30, 0}}))(tb), []float64{60, 120}},
		{"diurnal", diurnal, []float64{9000 - 0.5}},
		{"spike", spike, []float64{60, 90, 150}},
		{"on_off", onOff, every(10, 0, 3)},
		{"herd_jitter", must(traffic.Herd(600, time.Minute, 20*time.Second))(tb), every(60, 0, 20)},
		{"sum", must(traffic.Sum(constant, diurnal, onOff))(tb), append(every(10, 0, 3), 9000-0.5)},
		{"product", must(traffic.Product(logistic, diurnal, factor))(tb), []float64{9000 - 0.5}},
		{"product_on_off", must(traffic.Product(onOff, spike, factor))(tb), append(every(10, 0, 3), 60, 90, 150)},
		{"then", must(traffic.Then([]traffic.Part{{logistic, time.Hour}, {onOff, time.Minute}, {constant, 0}}))(tb),
			append(shift(every(10, 0, 3), 3600), 3660)},
	}
}

// every lists period·k + offset for the first two hours.
func every(period float64, offsets ...float64) (instants []float64) {
	for at := 0.0; at < 7200; at += period {
		for _, o := range offsets {
			instants = append(instants, at+o)
		}
	}
	return instants
}

func shift(instants []float64, by float64) []float64 {
	moved := make([]float64, len(instants))
	for i, x := range instants {
		moved[i] = x + by
	}
	return moved
}
