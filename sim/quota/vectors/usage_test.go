package vectors

// Usage is units at T, or a ramp to Total units from Start to End with an
// event every Every.
type Usage struct {
	Org    int64  `json:"org"`
	T      Time   `json:"t"`
	N      int64  `json:"n"`
	Start  Time   `json:"start"`
	End    Time   `json:"end"`
	Every  Time   `json:"every_s"`
	Total  int64  `json:"total"`
	Series string `json:"series"` // "" is "a"
	Arrive *Time  `json:"arrive"` // visible only from then on
}

// Event is one event of usage.
type Event struct {
	Org    int64
	At     int64 // nanoseconds
	Units  int64
	Series string
	Late   bool
	Arrive int64 // if Late
}

// Events lists the events, ramps expanded: after event i of k the cumulative
// count is ⌊Total·(i+1)/k⌋, by magnitude; events without units are left out.
func (v *Vector) Events() []Event {
	var events []Event
	for _, u := range v.Usage {
		events = u.appendTo(events)
	}
	return events
}

func (u Usage) appendTo(events []Event) []Event {
	e := Event{Org: u.Org, Series: u.Series}
	if e.Series == "" {
		e.Series = "a"
	}
	if u.Arrive != nil {
		e.Late, e.Arrive = true, int64(*u.Arrive)
	}
	if u.Every == 0 {
		e.At, e.Units = int64(u.T), u.N
		return append(events, e)
	}
	magnitude, sign := u.Total, int64(1)
	if u.Total < 0 {
		magnitude, sign = -u.Total, -1
	}
	k, previous := int64((u.End-u.Start)/u.Every), int64(0)
	for i := range k {
		sum := magnitude * (i + 1) / k
		if sum != previous {
			e.At, e.Units = int64(u.Start+Time(i)*u.Every), sign*(sum-previous)
			events = append(events, e)
		}
		previous = sum
	}
	return events
}
