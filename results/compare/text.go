package compare

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
)

// Text writes the rows as a table for people, and below it how many figures
// there are by verdict. Figures that are the same are counted only, unless all
// are asked for.
func Text(w io.Writer, rows []Row, all bool) error {
	return written(w, rows, func(w io.Writer) error { return Table(Listed(rows, all)).Write(w, present.Look{}) })
}

// Markdown writes what Text does, for a pull request.
func Markdown(w io.Writer, rows []Row, all bool) error {
	return written(w, rows, Table(Listed(rows, all)).Markdown)
}

func written(w io.Writer, rows []Row, table func(io.Writer) error) error {
	var b strings.Builder
	err := table(&b)
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(CountsText(rows) + "\n")
	_, werr := io.WriteString(w, b.String())
	return errors.Join(err, werr)
}

// Table returns rows for people.
func Table(rows []Row) *present.Table {
	t := present.NewTable("", "", "verdict", "scenario", "figure", ">base", ">new", "change")
	for i := range rows {
		r := &rows[i]
		base, next := r.numbers()
		t.AddWords(string(r.Verdict), r.Group, r.Figure, base, next, r.ChangeText())
	}
	return t
}

// Listed rows: without those that are the same, unless all are asked for.
func Listed(rows []Row, all bool) []Row {
	if all {
		return rows
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Verdict == Same })
}

// CountsText says "430 figures: 3 worse, 427 same".
func CountsText(rows []Row) string {
	counts := map[Verdict]int64{}
	for i := range rows {
		counts[rows[i].Verdict]++
	}
	var parts []string
	for _, v := range Verdicts() {
		if counts[v] > 0 {
			parts = append(parts, unit.Thousands(counts[v])+" "+string(v))
		}
	}
	return unit.Counted(int64(len(rows)), "figure") + ": " + strings.Join(parts, ", ")
}

// numbers writes both sides, with as many digits as it takes to tell them apart.
func (r *Row) numbers() (base, next string) {
	const least, most = 4, 17
	for digits := least; ; digits++ {
		base, next = r.number(r.Base.Center, digits), r.number(r.New.Center, digits)
		if base != next || digits == most || *r.Base.Center == *r.New.Center {
			return base, next
		}
	}
}

// number writes one with its unit; – for none.
func (r *Row) number(v *float64, digits int) string {
	if v == nil {
		return "–"
	}
	if !strings.HasSuffix(r.Unit, "-sec") && r.Unit != "sec/op" {
		return plain(*v, digits)
	}
	size := math.Abs(*v)
	if r.Base.Center != nil && r.New.Center != nil {
		size = max(math.Abs(*r.Base.Center), math.Abs(*r.New.Center))
	}
	name, of := unit.TimeScale(size)
	return plain(*v/of, digits) + " " + name
}

func plain(v float64, digits int) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return unit.Thousands(int64(v))
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}

// ChangeText says "+10.1 % (+8.2 % to +12.4 %), p=0.0002, n=10+10", or why
// nothing can be said.
func (r *Row) ChangeText() string {
	switch {
	case r.Verdict == Missing || r.Verdict == Added || r.Base.Center == nil || r.New.Center == nil:
		return ""
	case r.Verdict == Unknown:
		return r.Why
	case r.Exact && r.Verdict == Same:
		return ""
	case r.Exact:
		return change(r.Change)
	}
	text := "~"
	if r.Verdict != Same {
		text = change(r.Change)
		if r.ChangeLow != nil {
			text += fmt.Sprintf(" (%s to %s)", change(r.ChangeLow), change(r.ChangeHigh))
		}
	}
	return fmt.Sprintf("%s, p=%s, n=%d+%d", text, strconv.FormatFloat(*r.P, 'g', 2, 64), len(r.Base.Values), len(r.New.Values))
}

// change writes one as a signed share, or how many times as much; nil is a change from 0.
func change(share *float64) string {
	switch {
	case share == nil:
		return "from 0"
	case *share >= 10:
		return "×" + strconv.FormatFloat(1+*share, 'g', 3, 64)
	case *share > 0:
		return "+" + unit.Percent(*share)
	case *share < 0:
		return "−" + unit.Percent(-*share)
	}
	return "0 %"
}
