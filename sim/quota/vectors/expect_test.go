package vectors

import (
	"encoding/json"
	"fmt"
)

// Expect is what happened, in order.
type Expect struct {
	Sent    []Sent  `json:"sent"`
	Aborted []Abort `json:"aborted"`
	Probes  []Probe `json:"probes"`
}

// Sent is a notice. T is when it was recorded.
type Sent struct {
	Org       int64 `json:"org"`
	Threshold int64 `json:"threshold"`
	T         Time  `json:"t"`
	Run       Time  `json:"run"`
	Delivered bool  `json:"delivered"`
}

// UnmarshalJSON reads a notice, which is delivered unless it says otherwise.
func (s *Sent) UnmarshalJSON(data []byte) error {
	type plain Sent // without this method
	p := plain{Delivered: true}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*s = Sent(p)
	return nil
}

// Abort is a run that an error ended.
type Abort struct {
	Run   Time   `json:"run"`
	Error string `json:"error"`
}

// Probe is one reading of usage that reached the store: an array
// [run, org, window_start, usage] in JSON.
type Probe struct {
	Run   Time
	Org   int64
	Start Time
	Usage int64
	Null  bool // no rows: usage is null
}

// UnmarshalJSON reads the array.
func (p *Probe) UnmarshalJSON(data []byte) error {
	var usage Optional[int64]
	fields := []any{&p.Run, &p.Org, &p.Start, &usage}
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if len(fields) != 4 {
		return fmt.Errorf("probe: expected [run, org, window_start, usage], found %s", data)
	}
	p.Usage, p.Null = usage.Value, !usage.Known
	return nil
}
