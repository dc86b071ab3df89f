package usage

// sum is the units of a range of events, events[low:high], whose ends move:
// usually forward, back only where a contract change reaches further back.
type sum struct {
	events    []Event
	low, high int
	units     int64
}

// take extends the range to the events up to and including t.
func (s *sum) take(t int64) {
	for s.high < len(s.events) && s.events[s.high].At <= t {
		s.units += s.events[s.high].Units
		s.high++
	}
}

// from begins the range with the first event at or after start. Where that
// is behind the range's end, before the anchor of a term of the future, the
// range is inverted and its sum is minus what lies between, as the reference
// in ../shared/flagsmith/reference/score.py has it.
func (s *sum) from(start int64) {
	for s.low < len(s.events) && s.events[s.low].At < start {
		s.units -= s.events[s.low].Units
		s.low++
	}
	for s.low > 0 && s.events[s.low-1].At >= start {
		s.low--
		s.units += s.events[s.low].Units
	}
}

// nextEvent is the instant of the first event after the range.
func (s *sum) nextEvent() (at int64, ok bool) {
	if s.high == len(s.events) {
		return 0, false
	}
	return s.events[s.high].At, true
}

// oldest is the instant of the first event in the range.
func (s *sum) oldest() (at int64, ok bool) {
	if s.low >= s.high {
		return 0, false
	}
	return s.events[s.low].At, true
}
