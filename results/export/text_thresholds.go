package export

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// thresholds: how each engine did, by threshold. The compact summary leaves
// out thresholds that nobody crossed or was told of.
func (t *text) thresholds() {
	header := []string{"engine", ">threshold", ">crossings", ">on time", ">late", ">missed", ">(covered)", ">censored", ">duplicates", ">spurious"}
	if t.full() {
		header = append(header, ">undelivered", ">out of order", ">in warm-up")
	}
	rows := newTable(append(header, ">delay med", ">p90", ">max")...)
	for _, one := range t.s.Thresholds {
		n := one.Notices
		if !t.full() && one.Crossings+one.Censored+n.First+n.OutOfOrder+n.Duplicate+n.Undelivered+n.Spurious == 0 {
			continue
		}
		counts := []int64{one.Crossings, one.OnTime, one.Late, one.Missed, one.Covered, one.Censored, n.Duplicate, n.Spurious}
		if t.full() {
			counts = append(counts, n.Undelivered, n.OutOfOrder, n.WarmUp)
		}
		row := []string{one.Engine, strconv.FormatInt(one.Threshold, 10) + " %"}
		for _, c := range counts {
			row = append(row, wording.Thousands(c))
		}
		rows.add(append(row, t.delays(one)...)...)
	}
	switch {
	case len(t.s.Thresholds) == 0:
		return
	case len(rows.Rows) == 0:
		t.heading("Thresholds")
		t.sentence("None of the %s crossed a threshold, and no engine sent a notice.", wording.Counted(t.s.Accounts, "account"))
		return
	}
	t.heading("Thresholds (crossings that were due a notice, and what became of them)")
	t.table(rows)
}

// delays of the notices that were delivered, from hours down to nanoseconds.
func (t *text) delays(one measure.Threshold) []string {
	m, ok := t.one("notice_delay", metric.Tag{Name: "engine", Value: one.Engine}, metric.Tag{Name: "threshold", Value: strconv.FormatInt(one.Threshold, 10)})
	cells := make([]string, 0, 3)
	for _, v := range []*float64{m.Med, m.P90, m.Max} {
		if !ok || v == nil {
			cells = append(cells, "-")
			continue
		}
		cells = append(cells, lasting(*v))
	}
	return cells
}

// causes of all that was not as it should be, with an account each as an
// example. The compact summary joins the thresholds.
func (t *text) causes() {
	rows := newTable("engine", "threshold", "verdict", "cause", ">count", "for example")
	for _, c := range t.joinCauses() {
		example := fmt.Sprintf("account %d", c.first.Account)
		if c.first.Group != "" {
			example += " (" + wording.Printable(c.first.Group) + ")"
		}
		example += fmt.Sprintf(", %d %% at %s", c.first.Threshold, c.first.At.Format(time.DateTime))
		rows.add(c.first.Engine, strings.Join(c.thresholds, ", ")+" %", c.first.Verdict, wording.Printable(c.first.Cause), wording.Thousands(c.count), example)
	}
	if len(rows.Rows) > 0 {
		t.heading("Causes of notices that were missed, late, duplicate or spurious")
		t.table(rows)
	}
}

// causeRow is one cause of one verdict of one engine.
type causeRow struct {
	first      measure.ThresholdCause
	thresholds []string
	count      int64
}

// joinCauses puts the thresholds of a cause together, but in full mode. The
// order is that of the engines, then of the verdicts, then the most frequent
// first.
func (t *text) joinCauses() (rows []causeRow) {
	for _, c := range t.s.Causes {
		i := slices.IndexFunc(rows, func(r causeRow) bool {
			return r.first.Engine == c.Engine && r.first.Verdict == c.Verdict && r.first.Cause == c.Cause
		})
		if i < 0 || t.full() {
			i = len(rows)
			rows = append(rows, causeRow{first: c})
		}
		rows[i].thresholds = append(rows[i].thresholds, strconv.FormatInt(c.Threshold, 10))
		rows[i].count += c.Count
	}
	if !t.full() {
		t.sortCauses(rows)
	}
	return rows
}

func (t *text) sortCauses(rows []causeRow) {
	var engines []string
	for _, r := range rows {
		engines = append(engines, r.first.Engine)
	}
	verdicts := []string{"missed", "late", "duplicate", "spurious"}
	slices.SortStableFunc(rows, func(a, b causeRow) int {
		return cmp.Or(cmp.Compare(slices.Index(engines, a.first.Engine), slices.Index(engines, b.first.Engine)),
			cmp.Compare(slices.Index(verdicts, a.first.Verdict), slices.Index(verdicts, b.first.Verdict)), cmp.Compare(b.count, a.count))
	})
}
