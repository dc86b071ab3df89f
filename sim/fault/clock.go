package fault

import (
	"fmt"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/scenarios"
)

// Clock means that a client's clock is off by more. sim/run sets it by the
// fault's Offset.
const Clock Kind = "clock"

var clockOffset = Descriptor{
	Kind: Clock,
	Words: func(f Fault) string {
		where := "ahead of"
		if f.Offset < 0 {
			where = "behind"
		}
		return fmt.Sprintf("is %s %s what it was", unit.Time(f.Offset.Abs()), where)
	},
	Client: func(s scenarios.Fault) string { return s.Clock.Client },
	Fields: func(s scenarios.Fault, f *Fault, _ Distributions) error {
		f.Offset = time.Duration(s.Clock.Offset)
		return nil
	},
}
