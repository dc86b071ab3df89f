package compare

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/quotalab/quotalab/results/wording"
)

// csvHead names the columns of CSV. Numbers are in base units; changes are
// shares of the base (0.1: 10 % more).
var csvHead = []string{"verdict", "scenario", "figure", "name", "unit", "better", "exact", "base", "new", "base_runs", "new_runs",
	"shift", "change", "change_low", "change_high", "p", "why"}

// CSV writes all rows, with a header.
func CSV(w io.Writer, rows []Row) error {
	c := csv.NewWriter(w)
	records := [][]string{csvHead}
	for i := range rows {
		r := &rows[i]
		records = append(records, []string{
			string(r.Verdict), r.Group, r.Figure, r.Name, r.Unit, r.Better, strconv.FormatBool(r.Exact), exactly(r.Base.Center), exactly(r.New.Center),
			strconv.Itoa(len(r.Base.Values)), strconv.Itoa(len(r.New.Values)),
			exactly(r.Shift), exactly(r.Change), exactly(r.ChangeLow), exactly(r.ChangeHigh), exactly(r.P), r.Why,
		})
	}
	if err := c.WriteAll(records); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}

// exactly a number, "" for none.
func exactly(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// JSON writes all rows and how many there are of each verdict.
func JSON(w io.Writer, rows []Row) error {
	counts := map[Verdict]int{}
	for i := range rows {
		counts[rows[i].Verdict]++
	}
	return wording.JSON(w, struct {
		Counts  map[Verdict]int `json:"counts"`
		Figures []Row           `json:"figures"`
	}{counts, rows})
}
