package trace

import (
	"math/bits"
	"slices"
	"time"
)

// coarse are the units in which stamps may be whole, the coarsest first, each with
// how many different stamps must be: by chance one in 60 is a whole minute.
var coarse = []struct {
	unit  time.Duration
	least int
}{{24 * time.Hour, 3}, {time.Hour, 3}, {time.Minute, 3}, {time.Second, 1}}

// Spread finds the unit in which all stamps of a trace are whole, from a second to
// a day, and if entries share a stamp spreads them within that unit, as they were
// not all made at its beginning. It returns the unit, or 0 if it changed nothing.
// Entries come sorted by time, as Read returns them, and stay so.
//
// The n entries of a key that share a stamp are put at (k + φ)/n of the unit for k
// from 0, in the order of the file. The phase φ of a key is the same at all its
// stamps, so that an even key stays even from one to the next, and keys have
// different phases: the multiples of the golden ratio, by first occurrence,
// which leave no gap. Nothing is drawn: the same file gives the same instants.
func Spread(entries []Entry) time.Duration {
	unit := wholeUnit(entries)
	if unit == 0 {
		return 0
	}
	phase := map[string]uint64{} // in 2⁻⁶⁴
	for i := range entries {
		if _, ok := phase[entries[i].Key]; !ok {
			phase[entries[i].Key] = uint64(len(phase)) * 0x9e3779b97f4a7c15
		}
	}
	for from := 0; from < len(entries); {
		to := from + 1
		for to < len(entries) && entries[to].At.Equal(entries[from].At) {
			to++
		}
		spreadOne(entries[from:to], unit, phase)
		from = to
	}
	return unit
}

// spreadOne spreads the entries of one stamp.
func spreadOne(entries []Entry, unit time.Duration, phase map[string]uint64) {
	of, done := map[string]uint64{}, map[string]uint64{}
	for i := range entries {
		of[entries[i].Key]++
	}
	for i := range entries {
		e := &entries[i]
		n := of[e.Key]
		shift, _ := bits.Mul64(phase[e.Key], uint64(unit)/n)
		e.At = e.At.Add(time.Duration(done[e.Key]*uint64(unit)/n + shift))
		done[e.Key]++
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.At.Compare(b.At) })
}

// wholeUnit returns the coarsest unit in which all stamps are whole, 0 if there is
// none or no two entries share a stamp.
func wholeUnit(entries []Entry) time.Duration {
	whole, stamps, shared := len(coarse)-1, 0, false
	for i, e := range entries {
		if e.At.Nanosecond() != 0 {
			return 0
		}
		if i > 0 && e.At.Equal(entries[i-1].At) {
			shared = true
			continue
		}
		stamps++
	}
	if !shared {
		return 0
	}
	for u := range coarse {
		size := int64(coarse[u].unit / time.Second)
		if stamps >= coarse[u].least && !slices.ContainsFunc(entries, func(e Entry) bool { return e.At.Unix()%size != 0 }) {
			whole = u
			break
		}
	}
	return coarse[whole].unit
}
