package trace

import (
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	second := func(s ...float64) (list []Entry) {
		for _, x := range s {
			list = append(list, Entry{At: time.Unix(0, int64(x*1e9)).UTC(), Key: "u"})
		}
		return list
	}
	two := second(1, 1, 1, 1)
	two[2].Key, two[3].Key = "v", "v"
	for _, c := range []struct {
		why  string
		in   []Entry
		unit time.Duration
		want []float64
	}{
		{"evenly within the second, and from one to the next", second(1, 1, 2, 2), time.Second, []float64{1, 1.5, 2, 2.5}},
		{"a single stamp may be a whole minute by chance", second(60, 60), time.Second, []float64{60, 60.5}},
		{"whole minutes", second(60, 60, 120, 180), time.Minute, []float64{60, 90, 120, 180}},
		{"whole hours", second(3600, 3600, 7200, 10800), time.Hour, []float64{3600, 5400, 7200, 10800}},
		{"one stamp with a fraction: the clock is finer", second(1, 1, 2, 2.001), 0, []float64{1, 1, 2, 2.001}},
		{"whole milliseconds stay", second(1.001, 1.001, 1.002), 0, []float64{1.001, 1.001, 1.002}},
		{"no two at once: nothing to spread", second(1, 2, 3), 0, []float64{1, 2, 3}},
		{"each key evenly, with a phase of its own", two, time.Second, []float64{1, 1.309016994, 1.5, 1.809016994}},
		{"nothing", nil, 0, nil},
	} {
		if unit := Spread(c.in); unit != c.unit {
			t.Errorf("%s: unit %v, expected %v", c.why, unit, c.unit)
		}
		for i, w := range c.want {
			if d := c.in[i].At.Sub(time.Unix(0, int64(w*1e9))).Abs(); d > 2*time.Nanosecond {
				t.Errorf("%s: entry %d at %v, expected %g s", c.why, i, c.in[i].At, w)
			}
		}
	}
}

func TestMappedAddressesAreIPv4(t *testing.T) {
	for in, want := range map[string]string{"::ffff:192.0.2.2": "192.0.2.2", "::FFFF:c000:0202": "192.0.2.2", "0:0:0:0:0:ffff:c000:202": "192.0.2.2", "192.0.2.2": "192.0.2.2",
		"2001:DB8:0::1": "2001:db8::1", "a:b": "a:b", "10:20:30": "10:20:30", "user": "user"} {
		if got := canonical(in); got != want {
			t.Errorf("%s is written %s, expected %s", in, got, want)
		}
	}
}
