package traffic

import (
	"math"
	"time"

	"github.com/quotalab/quotalab/models/portable"
)

const (
	day      = 86400.0 // seconds
	weekdays = 5.0
	slots    = 256
)

// diurnal counts in days since the Monday, 00:00 UTC, of the epoch's week, and
// in units of a weekday's events, day·mean.
type diurnal struct {
	unit, amplitude, peak, weekend float64 // events, 1, fraction of a day, 1
	start, done                    float64 // the epoch in seconds after Monday; units before it
	lift                           float64 // amplitude·sin(2π·peak)/2π
	table                          [slots + 1]float64
}

// Diurnal is a daily and weekly season:
//
//	λ(t) = mean·(1 + amplitude·cos(2π(h − peakHour)/24)), times weekend on Saturdays and Sundays,
//
// h being the hour of the day, UTC, at t after epoch. mean is the mean rate of a
// weekday in events per second, amplitude is from 0 to 1, peakHour from 0 to 24,
// weekend a factor ≥ 0. Within a day, v a fraction of it and p the peak's,
//
//	Λ/(mean·day) = v + amplitude/2π·(sin 2π(v−p) + sin 2πp),
//
// which is Kepler's equation; a table of 256 instants leaves one Newton step
// to its solution.
func Diurnal(mean, amplitude, peakHour, weekend float64, epoch time.Time) (Curve, error) {
	c := check{of: "diurnal"}
	c.rate("mean", mean)
	c.between("amplitude", amplitude, 0, 1)
	c.between("peak_hour", peakHour, 0, 24)
	if !finite(weekend) || weekend < 0 {
		c.fail("weekend", "a finite factor of at least 0", weekend)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	d := &diurnal{unit: mean * day, amplitude: amplitude, peak: peakHour / 24, weekend: weekend}
	d.lift = amplitude * portable.Sin(2*math.Pi*d.peak) / (2 * math.Pi)
	utc := epoch.UTC()
	midnight := time.Date(utc.Year(), utc.Month(), utc.Day(), 0, 0, 0, 0, time.UTC)
	d.start = float64(float64((utc.Weekday()+6)%7)*day) + seconds(utc.Sub(midnight))
	d.done = d.units(d.start)
	for i := range d.table {
		u := float64(i) / slots
		d.table[i] = root(u, 0, 1, u, 2*math.Pi*amplitude, d.share)
	}
	d.table[0], d.table[slots] = 0, 1
	return d, nil
}

// share is the part of a day's events before the fraction v of the day, and its slope.
func (d *diurnal) share(v float64) (share, slope float64) {
	sin, cos := portable.Sincos(2 * math.Pi * (v - d.peak))
	return v + d.amplitude*sin/(2*math.Pi) + d.lift, 1 + float64(d.amplitude*cos)
}

// instant is the fraction of the day at which the given share is reached.
func (d *diurnal) instant(share float64) float64 {
	i := min(int(share*slots), slots-1)
	lo, hi := d.table[i], d.table[i+1]
	guess := lo + float64((hi-lo)*(share*slots-float64(i)))
	return root(share, lo, hi, guess, 2*math.Pi*d.amplitude, d.share)
}

// units is the number of weekdays' events from Monday to x seconds after it.
func (d *diurnal) units(x float64) float64 {
	days, rest := phase(x, day)
	weeks, weekday := phase(days, 7)
	full := float64(weeks*d.week()) + min(weekday, weekdays) + float64(max(weekday-weekdays, 0)*d.weekend)
	share, _ := d.share(rest / day)
	if weekday >= weekdays {
		share = float64(share * d.weekend)
	}
	return full + share
}

func (d *diurnal) week() float64 { return weekdays + 2*d.weekend }

func (d *diurnal) Rate(t float64) float64 {
	days, rest := phase(d.start+t, day)
	_, slope := d.share(rest / day)
	if _, weekday := phase(days, 7); weekday >= weekdays {
		slope *= d.weekend
	}
	return max(0, d.unit/day*slope)
}

func (d *diurnal) Cumulative(t float64) float64 {
	return max(0, d.unit*(d.units(d.start+t)-d.done))
}

func (d *diurnal) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	if d.unit == 0 {
		return math.Inf(1)
	}
	week, rest := turn(n/d.unit+d.done, d.week())
	from, factor := 0.0, 1.0
	if rest > weekdays {
		rest, from, factor = rest-weekdays, weekdays, d.weekend
	}
	days, share := turn(rest/factor, 1)
	return max(0, float64((float64(week*7)+from+days+d.instant(share))*day)-d.start)
}

// Next is the coming midnight: there the weekend's factor changes, and a day is
// a stretch in which no combination overlooks the season.
func (d *diurnal) Next(t float64) float64 {
	days, _ := phase(d.start+t, day)
	if at := float64((days+1)*day) - d.start; at > t {
		return at
	}
	return float64((days+2)*day) - d.start
}

func (d *diurnal) Mass(float64) float64 { return 0 }
