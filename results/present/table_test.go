package present_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

func written(t *testing.T, table *present.Table, l present.Look) (text, markdown, csv string) {
	t.Helper()
	var a, b, c strings.Builder
	if err := table.Write(&a, l); err != nil {
		t.Fatal(err)
	}
	if err := table.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if err := table.CSV(&c); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String(), c.String()
}

func TestTable(t *testing.T) {
	table := present.NewTable("", "", "name", ">count", ">share|%")
	if text, markdown, _ := written(t, table, present.Look{}); text+markdown != "" {
		t.Errorf("a table without rows: %q, %q", text, markdown)
	}
	table.Add(present.Words("a|b"), present.Count(1), present.Percent(0.5))
	table.Add(present.Words("ü"), present.Count(1000), present.None)
	text, markdown, csv := written(t, table, present.Look{})
	if want := "  name  count   share\n  a|b       1  50.0 %\n  ü     1,000       –\n"; text != want {
		t.Errorf("as text:\n%s\nwant:\n%s", text, want)
	}
	if want := "| name | count | share |\n| --- | ---: | ---: |\n| a\\|b | 1 | 50.0 % |\n| ü | 1,000 | – |\n"; markdown != want {
		t.Errorf("as Markdown:\n%s\nwant:\n%s", markdown, want)
	}
	if want := "name,count,share\na|b,1,50\nü,1000,–\n"; csv != want {
		t.Errorf("as CSV:\n%s\nwant:\n%s", csv, want)
	}
}

// A long text in the last column is broken where words allow it, below itself; states have a
// colour in text and are bold in Markdown; a list without a header is not
// indented.
func TestTableLook(t *testing.T) {
	table := present.NewTable("", "Title", "verdict", "`what", "why")
	table.Add(present.Cell{Text: "fails", State: present.Failed}, present.Words("a|b"), present.Words("because of one thing, and because of another thing, and then of a third"))
	table.Note("A note.")
	text, markdown, _ := written(t, table, present.Look{Colour: true, Width: 50})
	if want := "\n\x1b[1mTitle\x1b[0m\n  verdict  what  why\n  \x1b[31mfails\x1b[0m    a|b   because of one thing, and because\n                 of another thing, and then of a\n                 third\n  A note.\n"; text != want {
		t.Errorf("as text:\n%q\nwant:\n%q", text, want)
	}
	if want := "| verdict | what | why |\n| --- | --- | --- |\n| **fails** | `a\\|b` | because of one thing, and because of another thing, and then of a third |\n\nA note.\n"; markdown != want {
		t.Errorf("as Markdown:\n%s\nwant:\n%s", markdown, want)
	}
	list := present.NewTable("", "", "", "")
	list.AddWords("a", "x")
	list.AddWords("bc", "y")
	if text, _, _ := written(t, list, present.Look{}); text != "a   x\nbc  y\n" {
		t.Errorf("a list:\n%s", text)
	}
}

func TestDrop(t *testing.T) {
	one := present.NewTable("", "", "limiter", "key", ">count")
	one.Add(present.Words("lua"), present.Words("k"), present.Count(3))
	one.Drop("limiter")
	if len(one.Columns) != 2 || one.Columns[0].Name != "key" || one.Rows[0][0].Text != "k" {
		t.Errorf("the column is still there: %v", one)
	}
	for _, columns := range [][]string{{"limiter", ">count"}, {"shard", "limiter"}, {"limiter"}} {
		kept := present.NewTable("", "", columns...)
		if kept.Drop("limiter"); len(kept.Columns) != len(columns) {
			t.Errorf("of %v one column was dropped: a row needs a name that is no number", columns)
		}
	}
}

// Causes are in the order of engines, then of verdicts, then the most frequent
// first, their thresholds together; in full, as they were found.
func TestCauses(t *testing.T) {
	s := &summary.Measured{Summary: &summary.Summary{Causes: []summary.ThresholdCause{
		{Engine: "b", Threshold: 75, Verdict: "spurious", Cause: "x", Count: 9}, {Engine: "b", Threshold: 75, Verdict: "missed", Cause: "x", Count: 1}, {Engine: "b", Threshold: 75, Verdict: "missed", Cause: "y", Count: 2},
		{Engine: "b", Threshold: 90, Verdict: "missed", Cause: "y", Count: 3}, {Engine: "a", Threshold: 75, Verdict: "missed", Cause: "x", Count: 4}}}}
	for mode, want := range map[string]string{
		present.Page: "b missed y 5 75, 90 %; b missed x 1 75 %; b spurious x 9 75 %; a missed x 4 75 %",
		present.Full: "b spurious x 9 75 %; b missed x 1 75 %; b missed y 2 75 %; b missed y 3 90 %; a missed x 4 75 %",
	} {
		var got []string
		for _, table := range present.Sections(s, mode, "ms") {
			for _, r := range table.Rows {
				if table.Name == "causes" {
					got = append(got, strings.Join([]string{r[0].Text, r[1].Text, r[2].Text, r[3].Text, r[4].Text}, " "))
				}
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: got %v, expected %s", mode, got, want)
		}
	}
}

// Causes that share admissions have a note, and others none.
func TestSharedCauses(t *testing.T) {
	cause := func(kind string, n int64) summary.Cause {
		return summary.Cause{Of: "over_admission", Cause: kind, Explains: n, Total: 5}
	}
	s := &summary.Measured{Summary: &summary.Summary{Audit: []summary.Audit{
		{Limiter: "a", Causes: []summary.Cause{cause("x", 3), cause("y", 2), {Of: "under_admission", Cause: "z", Explains: 4, Total: 4}}},
		{Limiter: "b", Causes: []summary.Cause{cause("x", 3), cause("y", 3)}}}}}
	tables := present.Sections(s, present.Full, "ms")
	i := slices.IndexFunc(tables, func(t *present.Table) bool { return t.Name == "admission causes" })
	if table := tables[i]; len(table.Rows) != 5 || len(table.Notes) != 1 || !strings.HasPrefix(table.Notes[0], "b: ") {
		t.Errorf("%d rows, notes %q: expected five, and one note on b", len(table.Rows), table.Notes)
	}
}

// TestAuditInMarkdown: the audit's table has the new definitions as its columns, and
// a key that means something in Markdown means only itself.
func TestAuditInMarkdown(t *testing.T) {
	_, s := sample(t)
	s.Audit = []summary.Audit{
		{Limiter: "boulder", Algorithm: "gcra", Reference: "gcra", Compared: 31, Tokens: true, ChecksAllowed: 1200,
			Worst: &summary.Worst{Limit: "PerIP", Key: "a|b*<c>\x1b", FromSeconds: 90, UntilSeconds: 4200, Excess: 2.5}},
		{Limiter: "other, one", Reference: "burst + t/T", Compared: 1},
	}
	var b strings.Builder
	for _, table := range present.Sections(s, present.Compact, "ms") {
		if table.Name == "audit" {
			if err := table.Markdown(&b); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := `| limiter | reference | over-admission | unit | under-admission | worst excess (tokens) | key | window | ambiguous | decisions judged | divergence (diagnostic) |
| --- | --- | ---: | --- | ---: | ---: | --- | --- | ---: | ---: | ---: |
| boulder | gcra | 3 | tokens | 2 | 2.5 | a\|b\*&lt;c&gt;\uFFFD | 1m30s to 1h10m | 5 | 31 | 5 |
| other, one | burst + t/T (none declared) | – | – | – | 0 | – | – | – | 1 | – |

boulder: checks that were told yes without room: 1,200. They take nothing and are in no other count.
`
	if diff := cmp.Diff(strings.ReplaceAll(want, "\\uFFFD", "\uFFFD"), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
