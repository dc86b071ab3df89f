package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// table of the report. Its first column names the row.
type table struct {
	ID      string
	Caption string
	Note    string // how to read it, "" none
	Columns []column
	Rows    [][]cell
}

// column of a table.
type column struct {
	Name   string
	Number bool
	Unit   string // of the numbers in a copy of the table, if its cells are written with units
}

// cell is what a table shows.
type cell struct {
	Text   string
	Number string // plain, by which it is sorted and as which it is copied, where Text is written otherwise
	State  string // passed, failed or invalid where it says so: a class of the style sheet
}

// Class of the cell's element, in a column of numbers or not.
func (c cell) Class(number bool) string {
	class := ""
	switch {
	case number:
		class = "n"
	case c.Long():
		class = "w"
	}
	if c.State != "" {
		class += " state " + c.State
	}
	return strings.TrimSpace(class)
}

// Long cells are broken into lines.
func (c cell) Long() bool { return utf8.RuneCountInString(c.Text) > 26 }

// newTable from the names of columns: ">name" is one of numbers, and
// ">name|unit" one whose cells are written with units.
func newTable(caption string, columns ...string) *table {
	t := &table{Caption: caption}
	for _, c := range columns {
		name, number := strings.CutPrefix(c, ">")
		name, unit, _ := strings.Cut(name, "|")
		t.Columns = append(t.Columns, column{name, number, unit})
	}
	return t
}

func (t *table) add(cells ...cell) { t.Rows = append(t.Rows, cells) }

// drop the first column if that is its name and another one is left that can name the
// row.
func (t *table) drop(name string) {
	if len(t.Columns) < 2 || t.Columns[0].Name != name || t.Columns[1].Number {
		return
	}
	t.Columns = t.Columns[1:]
	for i := range t.Rows {
		t.Rows[i] = t.Rows[i][1:]
	}
}

// Long tables scroll in a frame of their own.
func (t *table) Long() bool { return len(t.Rows) > 20 }

func words(s string) cell {
	if s == "" {
		return none
	}
	return cell{Text: s}
}

// none is a cell without a value.
var none = cell{Text: "–"}

func count(n int64) cell {
	if n < 1000 {
		return cell{Text: strconv.FormatInt(n, 10)}
	}
	return cell{Text: unit.Thousands(n), Number: strconv.FormatInt(n, 10)}
}

func maybeCount(n *int64) cell {
	if n == nil {
		return none
	}
	return count(*n)
}

// number with so many digits after the point.
func number(v float64, digits int) cell {
	return cell{Text: strconv.FormatFloat(v, 'f', digits, 64), Number: plain(v)}
}

func maybe(v *float64, write func(float64) cell) cell {
	if v == nil {
		return none
	}
	return write(*v)
}

// general is a number of four digits.
func general(v float64) cell { return cell{Text: strconv.FormatFloat(v, 'g', 4, 64), Number: plain(v)} }

// milliseconds of seconds.
func milliseconds(v float64) cell { return number(v*1e3, 3) }

// share in percent.
func share(n, of int64) cell {
	if of == 0 {
		return none
	}
	return percent(float64(n) / float64(of))
}

func percent(share float64) cell {
	return cell{Text: unit.Percent(share), Number: plain(share * 100)}
}

// duration of seconds, written as 1h2m3s.
func duration(seconds float64) cell { return cell{Text: unit.Lasting(seconds), Number: plain(seconds)} }

// plain number, as a spreadsheet reads it.
func plain(v float64) string { return strconv.FormatFloat(v, 'g', 9, 64) }

// group is the series of one metric that agree in some tags, joined.
type group struct {
	tags []string // in the order in which they were asked for
	summary.Metric
}

// groups of a metric by tags, in the order of the catalogue where that has
// one, and else in that of the summary. What cannot be joined is left out.
func groups(s *summary.Measured, name string, tags ...string) []group {
	var order [][]string
	var series [][]summary.Series
	for _, m := range s.Series(metric.Selector{Metric: name}) {
		of := make([]string, len(tags))
		for i, t := range tags {
			of[i] = m.Tags[t]
		}
		at := slices.IndexFunc(order, func(o []string) bool { return slices.Equal(o, of) })
		if at < 0 {
			at = len(order)
			order, series = append(order, of), append(series, nil)
		}
		series[at] = append(series[at], m)
	}
	var all []group
	for i, of := range order {
		if m, ok := summary.Sum(series[i]); ok {
			all = append(all, group{of, m.Metric})
		}
	}
	sortGroups(all, name, tags)
	return all
}

func sortGroups(all []group, name string, tags []string) {
	m, _ := metric.Find(name)
	ranks := make([][]string, len(tags))
	for i, t := range tags {
		ranks[i] = slices.Clone(m.Values[t])
		for _, g := range all {
			if !slices.Contains(ranks[i], g.tags[i]) {
				ranks[i] = append(ranks[i], g.tags[i])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b group) int {
		for i := range tags {
			if c := cmp.Compare(slices.Index(ranks[i], a.tags[i]), slices.Index(ranks[i], b.tags[i])); c != 0 {
				return c
			}
		}
		return 0
	})
}

// find a group by its tags.
func find(all []group, tags ...string) (group, bool) {
	i := slices.IndexFunc(all, func(g group) bool { return slices.Equal(g.tags, tags) })
	if i < 0 {
		return group{}, false
	}
	return all[i], true
}

// outcomeTags are what outcomes are told apart by in tables: traffic and
// client only where there are several.
func outcomeTags(s *summary.Measured) []string {
	var tags []string
	if several(s, "traffic") {
		tags = append(tags, "traffic")
	}
	tags = append(tags, "limiter")
	if several(s, "client") {
		tags = append(tags, "client")
	}
	return append(tags, "decision", "key")
}

func several(s *summary.Measured, tag string) bool {
	first := ""
	for _, m := range s.Select(metric.Selector{Metric: "decisions"}) {
		switch v := m.Tags[tag]; {
		case v == "" || v == first: // drops have no client
		case first == "":
			first = v
		default:
			return true
		}
	}
	return false
}

// without a tag that a metric does not have.
func without(tags []string, tag string) []string {
	return slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return t == tag })
}

func cells(tags []string) []cell {
	list := make([]cell, len(tags))
	for i, t := range tags {
		list[i] = words(t)
	}
	return list
}

// columnNames of tags, with more columns after them.
func columnNames(tags []string, more ...string) []string { return append(slices.Clone(tags), more...) }
