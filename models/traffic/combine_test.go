package traffic_test

import (
	"math"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/traffic"
)

func TestAProductHasTheClosedFormWhereThereIsOne(t *testing.T) {
	constant := func(r float64) traffic.Curve { return must(traffic.Constant(r))(t) }
	growth := func(g float64, over time.Duration) traffic.Curve { return must(traffic.Exponential(1, g, over))(t) }
	diurnal := must(traffic.Diurnal(20, 1, 3, 0.5, sunday))(t)
	month := 30 * 24 * time.Hour
	rows := []struct {
		reason  string
		product traffic.Curve
		want    func(t float64) float64
		until   time.Duration
		peak    float64 // highest rate
	}{
		{"a factor scales", must(traffic.Product(diurnal, constant(0.5)))(t),
			func(t float64) float64 { return diurnal.Cumulative(t) / 2 }, month, 20},
		{"growth rates add up", must(traffic.Product(growth(1e-3, time.Hour), growth(2e-3, time.Hour)))(t),
			func(t float64) float64 { return math.Expm1(3e-3*t) / 3e-3 }, time.Hour, 5e4},
		{"two ramps are a parabola", must(traffic.Product(must(traffic.Ramp(0, 3600, time.Hour))(t), must(traffic.Ramp(0, 3600, time.Hour))(t)))(t),
			func(t float64) float64 { return t * t * t / 3 }, time.Hour, 1.3e7},
		{"a decay of a millisecond in a month", must(traffic.Product(growth(-1000, month), constant(1e6)))(t),
			func(t float64) float64 { return -1e3 * math.Expm1(-1000*t) }, month, 0},
		{"growth and decay cancel", must(traffic.Product(growth(math.Log(1e9)/month.Seconds(), month), growth(-math.Log(1e9)/month.Seconds(), month), constant(7)))(t),
			func(t float64) float64 { return 7 * t }, month, 7},
		{"a spike of 20 ms after a week, decaying in 5 ms", must(traffic.Product(must(traffic.Spike(0, 1e5, 7*24*time.Hour, 0, 20*time.Millisecond, 5*time.Millisecond))(t), constant(1)))(t),
			must(traffic.Spike(0, 1e5, 7*24*time.Hour, 0, 20*time.Millisecond, 5*time.Millisecond))(t).Cumulative, month, 1e5},
		{"a steep logistic", must(traffic.Product(must(traffic.Logistic(1e-200, 500, 24*time.Hour))(t), constant(1)))(t),
			must(traffic.Logistic(1e-200, 500, 24*time.Hour))(t).Cumulative, month, 500},
		{"a product of products", must(traffic.Product(must(traffic.Product(diurnal, constant(2)))(t), must(traffic.Product(constant(3)))(t)))(t),
			func(t float64) float64 { return 6 * diurnal.Cumulative(t) }, month, 240},
		{"a kink and a jump that the curve does not tell of", must(traffic.Product(hidden{}, constant(2)))(t),
			func(t float64) float64 { return 2 * (hidden{}).Cumulative(t) }, time.Hour, 20},
	}
	for _, row := range rows {
		for i := 1; i <= 40; i++ {
			at := row.until.Seconds() * float64(i) / 40
			want := row.want(at)
			got := row.product.Cumulative(at)
			// A nanosecond is what an instant is worth after a week.
			if math.Abs(got-want) > 1e-9*want+1e-9*row.peak {
				t.Errorf("%s: Λ(%g) = %.15g, want %.15g: relative error %.1e", row.reason, at, got, want, got/want-1)
			}
			if back := row.product.Inverse(want); want > 1 && row.product.Rate(at) > 1e-3*want/at && math.Abs(back-at) > 1e-8*at {
				t.Errorf("%s: Λ⁻¹(%.12g) = %.12g, want %.12g", row.reason, want, back, at)
			}
		}
	}
}

// hidden is a Curve from elsewhere: |t − 1000|/100 until 2000, then 3.
type hidden struct{}

func (hidden) Rate(t float64) float64 {
	if t < 2000 {
		return math.Abs(t-1000) / 100
	}
	return 3
}

func (hidden) Cumulative(t float64) float64 {
	if t < 2000 {
		return (1e6 + (t-1000)*math.Abs(t-1000)) / 200
	}
	return 1e4 + 3*(t-2000)
}

func (hidden) Inverse(n float64) float64 { return n } // no combination asks

func TestACombinationEnds(t *testing.T) {
	bursts := must(traffic.OnOff(1, 0, time.Second, time.Second))(t)
	spike := must(traffic.Spike(0, 10, 0, 0, 0, time.Minute))(t)
	minutes := must(traffic.Steps([]traffic.Step{{Rate: 10, For: minute}}))(t)
	later := must(traffic.Steps([]traffic.Step{{Rate: 0, For: 30 * 24 * time.Hour}, {Rate: 2}}))(t)
	rows := []struct {
		reason string
		curve  traffic.Curve
		n      float64
		want   float64
	}{
		{"a decaying spike in bursts holds about 300", must(traffic.Product(spike, bursts))(t), 400, math.Inf(1)},
		{"steps that end, in bursts", must(traffic.Product(bursts, minutes))(t), 301, math.Inf(1)},
		{"and what they hold", must(traffic.Product(bursts, minutes))(t), 300, 59},
		{"all parts of a sum have ended", must(traffic.Sum(minutes, spike))(t), 1300, math.Inf(1)},
		{"nothing times something", must(traffic.Product(bursts, must(traffic.Constant(0))(t)))(t), 1e-9, math.Inf(1)},
		{"nothing for a month does not take a month's bursts", must(traffic.Product(later, bursts))(t), 4, 30*86400 + 3},
	}
	for _, row := range rows {
		begun := time.Now()
		if got := row.curve.Inverse(row.n); got != row.want && !(math.Abs(got-row.want) < 1e-8) {
			t.Errorf("%s: Λ⁻¹(%g) = %.12g, want %g", row.reason, row.n, got, row.want)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s: took %v", row.reason, took)
		}
	}
}

func TestDiurnalFollowsTheCalendar(t *testing.T) {
	const mean, amplitude, peak, weekend = 3.0, 0.7, 9.5, 0.25
	for _, epoch := range []time.Time{
		sunday,
		time.Date(2026, 2, 23, 0, 0, 0, 0, time.UTC),                                   // a Monday's midnight
		time.Date(2024, 2, 29, 23, 59, 59, 999_999_999, time.UTC),                      // the last nanosecond of a leap day
		time.Date(1969, 7, 20, 20, 17, 40, 0, time.FixedZone("Houston", -6*60*60)),     // before 1970, elsewhere
		time.Date(2026, 2, 28, 20, 0, 0, 0, time.FixedZone("late Friday", 14*60*60+1)), // Friday by then in UTC? the calendar says
	} {
		c := must(traffic.Diurnal(mean, amplitude, peak, weekend, epoch))(t)
		sum := 0.0
		const cell = 60.0
		for k := range 3 * 7 * 24 * 60 {
			at := float64(k) * cell
			if k%500 == 0 {
				// Midnight cuts a cell of the midpoint rule: a day boundary is worth at most half a cell.
				if got := c.Cumulative(at); math.Abs(got-sum) > mean*cell*6 {
					t.Fatalf("epoch %v: Λ(%g) = %g, the calendar says %g", epoch, at, got, sum)
				}
			}
			middle := epoch.Add(time.Duration((at + cell/2) * 1e9)).UTC()
			hour := float64(middle.Hour()) + float64(middle.Minute())/60 + (float64(middle.Second())+float64(middle.Nanosecond())/1e9)/3600
			rate := mean * (1 + amplitude*math.Cos(2*math.Pi*(hour-peak)/24))
			if d := middle.Weekday(); d == time.Saturday || d == time.Sunday {
				rate *= weekend
			}
			if got := c.Rate(at + cell/2); math.Abs(got-rate) > 1e-6 {
				t.Fatalf("epoch %v: λ(%g) = %g at %v, the calendar says %g", epoch, at+cell/2, got, middle, rate)
			}
			sum += rate * cell
		}
		if got, want := c.Cumulative(3*7*86400), 3*mean*86400*(5+2*weekend); math.Abs(got-want) > 1e-6 {
			t.Errorf("epoch %v: three weeks hold %g, want %g", epoch, got, want)
		}
	}
}
