package compare_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/compare"
)

func someRows(t *testing.T) []compare.Row {
	return rowsOf(t,
		side(t, summaryOf("virtual", counter("over_admission", 0, "limiter=lua"), counter("decisions", 1_234_567), trend("latency", 0.001), counter("dropped", 5))),
		side(t, summaryOf("virtual", counter("over_admission", 412, "limiter=lua"), counter("decisions", 1_234_566), trend("latency", 0.0010001), counter("dropped", 5))))
}

func TestText(t *testing.T) {
	const table = `  verdict  scenario  figure                            base        new  change
  worse    s         over_admission{limiter=lua}          0        412  from 0
  worse    s         latency avg                       1 ms  1.0001 ms  +<0.1 %
  worse    s         latency p50                       1 ms  1.0001 ms  +<0.1 %
  worse    s         latency p90                       1 ms  1.0001 ms  +<0.1 %
  worse    s         latency p99                       1 ms  1.0001 ms  +<0.1 %
  worse    s         latency max                       1 ms  1.0001 ms  +<0.1 %
  changed  s         decisions                    1,234,567  1,234,566  −<0.1 %
`
	const counts = "8 figures: 6 worse, 1 changed, 1 same\n"
	for all, want := range map[bool]string{
		false: table + "\n" + counts,
		true:  table + "  same     s         dropped                              5          5\n\n" + counts,
	} {
		var b bytes.Buffer
		if err := compare.Text(&b, someRows(t), all); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("all %v (−want +got):\n%s", all, diff)
		}
	}
	same := rowsOf(t, side(t, summaryOf("virtual", counter("dropped", 1))), side(t, summaryOf("virtual", counter("dropped", 1))))
	var b bytes.Buffer
	if err := compare.Text(&b, same, false); err != nil || b.String() != "1 figure: 1 same\n" {
		t.Errorf("%v: %q", err, b.String())
	}
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := compare.Markdown(&b, someRows(t)[:1], false); err != nil {
		t.Fatal(err)
	}
	const want = "| verdict | scenario | figure | base | new | change |\n| --- | --- | --- | ---: | ---: | --- |\n" +
		"| worse | s | over\\_admission{limiter=lua} | 0 | 412 | from 0 |\n\n1 figure: 1 worse\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(−want +got):\n%s", diff)
	}
}

// CSV and JSON hold all rows with all digits.
func TestCSVAndJSON(t *testing.T) {
	rows := someRows(t)
	var b bytes.Buffer
	if err := compare.CSV(&b, rows); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != len(rows)+1 {
		t.Errorf("%d lines of %d rows and a header", len(records), len(rows))
	}
	want := []string{"worse", "s", "latency avg", "Scenario", "latency-avg-sec", "lower", "true", "0.001", "0.0010001", "1", "1", "1.0000000000005664e-07", "0.00010000000000005664", "", "", "", ""}
	if diff := cmp.Diff(want, records[2]); diff != "" {
		t.Errorf("(−want +got):\n%s", diff)
	}
	b.Reset()
	if err := compare.JSON(&b, rows); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Counts  map[compare.Verdict]int
		Figures []compare.Row
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, back.Figures); diff != "" || back.Counts[compare.Worse] != 6 {
		t.Errorf("%v (−want +got):\n%s", back.Counts, diff)
	}
}
