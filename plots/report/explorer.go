package report

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// explorer is the interactive form of the figures over time: charts with
// values at the cursor, zoom and a switch for each outcome.
type explorer struct {
	ID      string
	Level   int // of its heading
	Lines   []explorerLine
	Sources []string      // limiters and clients with lines of their own, shown one at a time; nil: there is one
	Data    template.HTML // JSON, for the script
	Step    string
	Faults  []string // in words
	Times   bool     // any latency
	Live    bool     // the run goes on: there are no tables of it
}

// explorerLine is one row of the legend.
type explorerLine struct {
	Name, Colour, Dash string
	Of                 string // which of the sources, "" all
	Times, Shown       bool
}

// explorerData is what the script draws. Times are seconds after the start.
type explorerData struct {
	From   float64        `json:"from"`
	Step   float64        `json:"step"`
	N      int            `json:"n"`
	Lines  []explorerPath `json:"lines"`
	Faults []series.Span  `json:"faults"`
}

type explorerPath struct {
	Name   string   `json:"name"`
	Colour string   `json:"colour"`
	Dash   []int    `json:"dash"`
	Rate   []*value `json:"rate"`
	P50    []*value `json:"p50,omitempty"`
	P99    []*value `json:"p99,omitempty"`
}

// value is written in six digits.
type value float64

func (v value) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(v), 'g', 6, 64), nil
}

// dashOf key states, as figures have them, in pixels.
var dashOf = map[record.KeyState][]int{record.NotFound: {7, 3}, record.Stale: {2, 2}, record.Mixed: {7, 2, 2, 2}, record.Unread: {12, 3}}

// explore makes the explorer of a record, nil if nothing happened over time.
func (p *builder) explore(set *series.Set, prefix string, level int) (*explorer, error) {
	t := &set.Timeline
	if t.N < 2 || len(t.Outcomes) == 0 {
		return nil, nil
	}
	light, err := draw.PaletteOf(draw.Light)
	if err != nil {
		return nil, err
	}
	dark, err := draw.PaletteOf(draw.Dark)
	if err != nil {
		return nil, err
	}
	data := explorerData{From: t.From, Step: t.Step, N: t.N, Faults: t.Faults}
	offered := p.colours.variable(draw.Hex(light.Text), draw.Hex(dark.Text))
	data.Lines = append(data.Lines, explorerPath{Name: "offered", Colour: offered, Rate: values(t.Offered)})
	for i, name := range outcomeNames(t.Outcomes) {
		o := &t.Outcomes[i]
		decision, key := record.Decision(o.Decision), record.KeyState(o.Key)
		one := explorerPath{Name: name, Colour: p.colours.look(plots.Outcome(light, decision, key), plots.Outcome(dark, decision, key)), Dash: dashOf[key], Rate: values(o.Rate)}
		if timed(*o) {
			one.P50, one.P99 = values(o.P50), values(o.P99)
		}
		data.Lines = append(data.Lines, one)
	}
	e := &explorer{ID: prefix + "explorer", Level: level, Step: unit.Lasting(t.Step)}
	for i, l := range data.Lines {
		of := "" // what is offered is no source's
		if i > 0 {
			of = sourceName(t.Outcomes, t.Outcomes[i-1])
		}
		if of != "" && !slices.Contains(e.Sources, of) {
			e.Sources = append(e.Sources, of)
		}
		e.Times = e.Times || l.P50 != nil
		e.Lines = append(e.Lines, explorerLine{l.Name, l.Colour, dashText(l.Dash), of, l.P50 != nil, of == "" || of == e.Sources[0]})
	}
	for _, f := range t.Faults {
		e.Faults = append(e.Faults, spanText(f))
	}
	text, err := json.Marshal(data) // escapes <, > and &
	if err != nil {
		return nil, fmt.Errorf("data of the charts over time: %w", err)
	}
	e.Data = template.HTML(`<script type="application/json" id="` + e.ID + `-data">` + string(text) + `</script>`)
	return e, nil
}

func spanText(f series.Span) string {
	if f.Until > f.From {
		return fmt.Sprintf("%s from %s to %s", f.Label, unit.Lasting(f.From), unit.Lasting(f.Until))
	}
	return fmt.Sprintf("%s at %s", f.Label, unit.Lasting(f.From))
}

func values(list []float64) []*value {
	out := make([]*value, len(list))
	for i, v := range list {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[i] = (*value)(&list[i])
		}
	}
	return out
}

func dashText(dash []int) string {
	text := ""
	for _, d := range dash {
		text += strconv.Itoa(d) + " "
	}
	return text
}
