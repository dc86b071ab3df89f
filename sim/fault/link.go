package fault

import (
	"fmt"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/scenarios"
)

// Delay means that every round trip to the shard takes longer.
const Delay Kind = "delay"

var delay = Descriptor{
	Kind: Delay, Slows: true, Words: func(f Fault) string { return "is " + unit.Time(f.RTT.Mean()) + " further away in the mean" },
	Fields: func(s scenarios.Fault, f *Fault, distribution Distributions) (err error) {
		f.RTT, err = distribution(s.Delay.RTT)
		return err
	},
	Embedded: func(s Embedded, f Fault) (func(), error) { return s.Delay(f.RTT), nil },
	Link:     func(f Fault, l *Link) { l.Delays = append(l.Delays, f.RTT) },
}

// Bandwidth means that the link to the shard carries so many bytes a second,
// each way.
const Bandwidth Kind = "bandwidth"

var bandwidth = Descriptor{
	Kind: Bandwidth, Slows: true, Words: func(f Fault) string {
		return fmt.Sprintf("has a link of %v each way", scenarios.ByteRate(f.BytesPerSecond))
	},
	Fields: func(s scenarios.Fault, f *Fault, _ Distributions) error {
		f.BytesPerSecond = float64(s.Bandwidth.Rate)
		return nil
	},
	Embedded: func(s Embedded, f Fault) (func(), error) { return s.Narrow(f.BytesPerSecond), nil },
	Link: func(f Fault, l *Link) {
		if l.BytesPerSecond == 0 || f.BytesPerSecond < l.BytesPerSecond {
			l.BytesPerSecond = f.BytesPerSecond
		}
	},
}

// Reset is momentary: every connection to the shard is reset.
const Reset Kind = "reset"

var reset = Descriptor{
	Kind: Reset, Words: words("resets its connections"), LosesAnswers: true,
	Embedded: func(s Embedded, _ Fault) (func(), error) { s.Reset(); return nil, nil },
	Link:     func(_ Fault, l *Link) { l.Resets = true },
}
