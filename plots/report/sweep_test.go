package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/results/sweep"
)

// sweepResult has n places; every third fails and the last is not known.
func sweepResult(n int) sweep.Result {
	r := sweep.Result{Scenario: "</script>swept", Clock: "virtual", Repeats: 1, Columns: []sweep.Column{{Name: "over_admission count", Unit: "count"}}}
	var values []string
	for i := range n {
		values = append(values, fmt.Sprint(i+1))
		v := float64(1000 * i)
		run := sweep.Run{Place: i, Settings: []string{values[i]}, Plan: "p", Valid: true, OK: i%3 != 0, Values: []*float64{&v}}
		if !run.OK {
			run.Failing = []string{"over_admission: count == 0"}
		}
		r.Runs = append(r.Runs, run)
	}
	r.Runs[n-1].Values[0] = nil
	r.Axes = []sweep.Axis{sweep.NewAxis("limiters.main.limit.count", values)}
	return r
}

// The page of a sweep has every place, every figure and every run.
func TestSweepPage(t *testing.T) {
	r, err := sweep.New(sweepResult(6))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := report.Sweep(&b, r); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for what, want := range map[string]string{
		"the verdict": "6 runs at 6 places, 4 PASSED, 2 FAILED", "a failing place in its colour": `failed">FAILED</td>`, "what fails": "over_admission: count == 0",
		"a value that is written otherwise": `data-v="3000">3,000</td>`, "what no run showed": ">unknown</td>", "a figure": `<figure class="drawn"`, "every run": "Every run",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s: %s", what, want)
		}
	}
	if strings.Contains(page, "</script>swept") {
		t.Error("the scenario's name is markup")
	}
}

// The live page of a sweep has the runs that ended last in the order of their places, and says how far it is.
func TestWatchedSweepView(t *testing.T) {
	all := sweepResult(400)
	all.Label()
	slices.Reverse(all.Runs) // the first place ended last
	w := report.WatchedSweep{Result: all, By: make([]string, 400), Done: 400, Total: 1200, Of: "runs", Left: "about 5m",
		Now: []string{"a 1 %", "b 2 %", "c 3 %", "d 4 %", "e 5 %"}, Workers: []report.SweepWorker{{Name: "<b>w", AtOnce: 8, Played: 399, LastAgo: "3s ago"}}}
	view := func() string {
		var b strings.Builder
		if err := w.View(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	text := view()
	for _, want := range []string{"400 of 1,200 runs, about 5m left. Now: a 1\u00a0%; b 2\u00a0%; c 3\u00a0%; d 4\u00a0%; and 1 more.", `value="33.3"`, "The last 300 of 400;",
		"<dt>failed</dt><dd><b>134</b>", "&lt;b&gt;w", ">3s ago<"} {
		if !strings.Contains(text, want) {
			t.Errorf("the view lacks %s", want)
		}
	}
	if n := strings.Count(text, `<tr><th scope="row" class="n">`); n != 300 || strings.Index(text, ">1</th>") > strings.Index(text, ">300</th>") || strings.Contains(text, ">301</th>") {
		t.Errorf("the view has %d runs, expected places 1 to 300", n)
	}
	if strings.Contains(text, "played by") {
		t.Error("it says who played runs, though all are of this process")
	}
	w.By[399], w.Ended = "finished before", true
	if text := view(); !strings.Contains(text, ">finished before</td>") || !strings.Contains(text, "ENDED") || strings.Contains(text, "left") {
		t.Errorf("at its end: %.600s", text)
	}
	w = report.WatchedSweep{Result: sweep.Result{Scenario: "s"}, Of: "runs"}
	if text := view(); !strings.Contains(text, "0 of 0 runs.") || !strings.Contains(text, "No run has ended yet.") || strings.Contains(text, "<progress") {
		t.Errorf("before the first run: %s", text)
	}
}
