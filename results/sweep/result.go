// Package sweep is what came of a sweep: a scenario played many times with
// other values in some of its fields.
//
// In flows a Run for each play, with the numbers that the sweep's columns name
// and the verdict; out flows a Result: as JSON (sweep.json, which Read reads
// back), as a table for people and for Markdown, as CSV, as names for the
// benchmark format, and as what plots draw. A Result of the same runs is the
// same byte for byte, however many times the sweep was interrupted.
//
// A place is one combination of values of the axes. It has a run for each
// repeat; where there are several, a table has their median and range. What no
// run showed is unknown, and neither that nor an invalid run is ever on a Pareto
// front. Bisection is the search of one more axis, by a function that probes a
// value.
//
// cmd imports it.
package sweep

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// File is the name of a Result in a sweep's directory.
const File = "sweep.json"

// SchemaVersion of a Result; a reader refuses a newer one.
const SchemaVersion = 1

// Result is what a sweep came to.
type Result struct {
	SchemaVersion int    `json:"schemaVersion" jsonschema:"version of this layout"`
	Scenario      string `json:"scenario" jsonschema:"name of the scenario"`
	About         string `json:"about,omitempty" jsonschema:"what the scenario shows"`
	Clock         string `json:"clock" jsonschema:"virtual or real"`

	Axes    []Axis   `json:"axes" jsonschema:"fields that vary, but for one that is searched"`
	Zip     bool     `json:"zip,omitempty" jsonschema:"the axes vary together: place n has value n of each"`
	Repeats int      `json:"repeats" jsonschema:"runs of each place"`
	Columns []Column `json:"columns" jsonschema:"what is told of every run"`
	Runs    []Run    `json:"runs" jsonschema:"by place, then by value of the searched axis in the order of the search, then by repeat"`

	Search   *Search  `json:"search,omitempty" jsonschema:"the field whose highest value was looked for at which all assertions hold"`
	Searched []Found  `json:"searched,omitempty" jsonschema:"what the search found, place by place"`
	Pareto   []string `json:"pareto,omitempty" jsonschema:"names of the two columns of the front"`
	Front    []int    `json:"front,omitempty" jsonschema:"places that no other one beats in both; never one with an invalid run or an unknown value"`
}

// Column is one number of a run: a selector and an aggregation.
type Column struct {
	Name   string `json:"name" jsonschema:"selector and aggregation, as the scenario has them"`
	Unit   string `json:"unit" jsonschema:"base unit: s, /s, count, tokens, ratio, or empty for a plain number"`
	Better string `json:"better,omitempty" jsonschema:"lower or higher; absent: neither"`
}

// NewColumn returns what tables need of a column.
func NewColumn(c metric.Column) Column { return Column{c.String(), c.Unit(), c.Better()} }

// Run is one play of the scenario.
type Run struct {
	Place      int        `json:"place" jsonschema:"number of its place: the last axis varies fastest"`
	Settings   []string   `json:"settings" jsonschema:"value on each axis, and on the searched one if there is one"`
	Repeat     int        `json:"repeat" jsonschema:"which of the runs of the place; 0 has the scenario's own seed"`
	Seed       uint64     `json:"seed" jsonschema:"seed of every random stream"`
	Plan       string     `json:"plan" jsonschema:"hash of the compiled plan, which names the run's directory"`
	Valid      bool       `json:"valid" jsonschema:"the run did what the scenario asked"`
	Invalid    []string   `json:"invalid,omitempty" jsonschema:"why it is not valid"`
	OK         bool       `json:"ok" jsonschema:"valid, and every assertion holds"`
	Pipelined  []string   `json:"autoPipelined,omitempty" jsonschema:"clients whose commands share round trips with those of other requests, which hides queueing in their latency"`
	Failing    []string   `json:"failing,omitempty" jsonschema:"assertions that do not hold"`
	Unexpected int64      `json:"unexpected,omitempty" jsonschema:"decisions that failed for a reason that is neither Redis' nor the network's"`
	Values     []*float64 `json:"values" jsonschema:"of each column, in base units; null: unknown"`
}

// Verdict returns the verdict in a word, as that of a summary.
func (r *Run) Verdict() string { return (&summary.Summary{Valid: r.Valid, OK: r.OK}).Verdict() }

// Search is the axis that was searched.
type Search struct {
	Path      string  `json:"path" jsonschema:"path of the field"`
	Label     string  `json:"label" jsonschema:"last part of the path, or more of it where other axes end alike"`
	Unit      string  `json:"unit" jsonschema:"base unit: s, /s, B/s, ratio, or empty for a plain number"`
	From      string  `json:"from" jsonschema:"lowest value"`
	To        string  `json:"to" jsonschema:"highest value"`
	Tolerance float64 `json:"tolerance" jsonschema:"how far the capacity and the first value that fails may lie apart, as a share of the latter"`
}

// Found is what the search found at one place.
type Found struct {
	Place    int      `json:"place" jsonschema:"number of the place"`
	Outcome  Outcome  `json:"outcome" jsonschema:"found, all pass (from and to do), none passes (neither from nor to) or not monotone (to passes, from does not)"`
	Passes   string   `json:"passes,omitempty" jsonschema:"the capacity: the highest value at which all assertions hold; with all pass it is at least this"`
	Fails    string   `json:"fails,omitempty" jsonschema:"lowest value at which they do not"`
	Capacity *float64 `json:"capacity,omitempty" jsonschema:"passes in the base unit"`
	Probes   int      `json:"probes" jsonschema:"values that were tried"`
	Stops    []string `json:"stops,omitempty" jsonschema:"what fails there"`
}

// New is the result of runs, which it puts in order.
func New(r Result) (*Result, error) {
	r.SchemaVersion = SchemaVersion
	slices.SortStableFunc(r.Runs, func(a, b Run) int { return a.Place - b.Place })
	slices.SortStableFunc(r.Searched, func(a, b Found) int { return a.Place - b.Place })
	label(r.Axes, r.Search)
	if err := r.check(); err != nil {
		return nil, err
	}
	r.Front = r.front()
	return &r, nil
}

// check returns an error if what refers to one another does not fit.
func (r *Result) check() error {
	if err := r.checkAxes(); err != nil {
		return err
	}
	places, width := r.Places(), len(r.Axes)
	if r.Search != nil {
		width++
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		if run.Place < 0 || run.Place >= places || len(run.Settings) != width || len(run.Values) != len(r.Columns) {
			return fmt.Errorf("run %d of a sweep: expected a place below %d, %d settings and %d values, found place %d, %d settings and %d values",
				i, places, width, len(r.Columns), run.Place, len(run.Settings), len(run.Values))
		}
	}
	if r.Search != nil && len(r.Searched) != places || r.Search == nil && len(r.Searched) > 0 {
		return fmt.Errorf("the searches of a sweep: expected one for each of %d places that were searched, found %d", places, len(r.Searched))
	}
	for i, f := range r.Searched {
		if f.Place != i {
			return fmt.Errorf("search %d of a sweep: expected that of place %d, found that of place %d", i, i, f.Place)
		}
	}
	for _, name := range r.Pareto {
		if r.column(name) < 0 {
			return fmt.Errorf("the front of a sweep: expected one of its columns, found %q", name)
		}
	}
	return nil
}

func (r *Result) checkAxes() error {
	for _, a := range r.Axes {
		switch first := r.Axes[0]; {
		case len(a.Values) == 0:
			return fmt.Errorf("axis %s of a sweep has no values", a.Path)
		case r.Zip && len(a.Values) != len(first.Values):
			return fmt.Errorf("axis %s of a sweep: expected %d values as of %s, with which it varies, found %d", a.Path, len(first.Values), first.Path, len(a.Values))
		case a.Numeric != nil && len(a.Numeric) != len(a.Values):
			return fmt.Errorf("axis %s of a sweep: expected a number for each of %d values, found %d", a.Path, len(a.Values), len(a.Numeric))
		}
	}
	return nil
}

func (r *Result) column(name string) int {
	return slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == name })
}

// Places is how many combinations of values the axes have.
func (r *Result) Places() int {
	n := 1
	for _, a := range r.Axes {
		if r.Zip {
			return len(a.Values)
		}
		n *= len(a.Values)
	}
	return n
}

// WriteJSON writes the result as indented JSON with a newline at its end.
func (r *Result) WriteJSON(w io.Writer) error {
	return record.WriteJSON(w, r)
}

// MostBytes of a result's file.
const MostBytes = 64 << 20

// Read reads what WriteJSON wrote; name is for errors.
func Read(data []byte, name string) (*Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: expected the result of a sweep as JSON: %w", name, err)
	}
	if r.SchemaVersion < 1 || r.SchemaVersion > SchemaVersion {
		return nil, fmt.Errorf("%s: expected the result of a sweep with schemaVersion 1 to %d, found %d", name, SchemaVersion, r.SchemaVersion)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if n := r.Places(); n < 1 || n > len(r.Runs) {
		return nil, fmt.Errorf("%s: expected the result of a sweep with a run at each of its places, found %d runs", name, len(r.Runs))
	}
	return &r, nil
}

// Schema returns the JSON Schema of a Result.
func Schema() ([]byte, error) {
	return summary.SchemaOf[Result]("quotalab sweep", "What a sweep of quotalab came to, run by run.")
}
