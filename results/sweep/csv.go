package sweep

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// CSV writes a line for each run under a header; of a search a line for each
// place, with the columns as they are at the highest value that passes (of
// several repeats their median). Numbers are in base units; what is unknown is
// empty.
func (r *Result) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	var err error
	if r.Search != nil {
		err = r.searchedCSV(out)
	} else {
		err = r.runsCSV(out)
	}
	out.Flush()
	if err = errors.Join(err, out.Error()); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}

func (r *Result) header(own ...string) []string {
	var names []string
	for _, a := range r.Axes {
		names = append(names, a.Label)
	}
	names = append(names, own...)
	for _, c := range r.Columns {
		names = append(names, c.Name)
	}
	if len(r.Pareto) > 0 {
		names = append(names, "front")
	}
	return names
}

func (r *Result) runsCSV(out *csv.Writer) error {
	err := out.Write(r.header("repeat", "seed", "plan", "verdict", "what_fails"))
	for i := range r.Runs {
		run := &r.Runs[i]
		row := append(slices.Clone(run.Settings), strconv.Itoa(run.Repeat), strconv.FormatUint(run.Seed, 10), run.Plan, run.Verdict(), strings.Join(Fails(r.Runs[i:i+1]), "; "))
		for _, v := range run.Values {
			row = append(row, number(v))
		}
		err = errors.Join(err, out.Write(r.onFront(row, run.Place)))
	}
	return err
}

func (r *Result) searchedCSV(out *csv.Writer) error {
	err := out.Write(r.header("outcome", "passes", "fails", "probes", "what_fails"))
	for i, p := range r.places() {
		fails := ""
		if x, _, ok := Quantity(p.found.Fails); ok {
			fails = number(&x)
		}
		row := append(slices.Clone(p.settings), string(p.found.Outcome), number(p.found.Capacity), fails, strconv.Itoa(p.found.Probes), r.fails(&p))
		for c := range r.Columns {
			cell := ""
			if v := p.median(c); v == v { // known
				cell = number(&v)
			}
			row = append(row, cell)
		}
		err = errors.Join(err, out.Write(r.onFront(row, i)))
	}
	return err
}

func (r *Result) onFront(row []string, place int) []string {
	if len(r.Pareto) > 0 {
		row = append(row, strconv.FormatBool(slices.Contains(r.Front, place)))
	}
	return row
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}
