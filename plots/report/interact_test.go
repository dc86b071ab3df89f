package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// column of a table as it is shown, from top to bottom.
func (p *tab) column(table string, n int) string {
	return eval[string](p, fmt.Sprintf(`[...document.getElementById(%q).tBodies[0].rows].map((r) => r.cells[%d].textContent).join(" ")`, table, n))
}

// press keys on what a script finds.
func (p *tab) press(find, keys string) {
	p.t.Helper()
	eval[bool](p, find+".focus(), true")
	p.do(chromedp.KeyEvent(keys))
}

func TestSorting(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, limiterInput("")), everyLook[0])
	// Columns: limit, key, over-admission, under-admission, worst excess.
	heading := func(n int) string {
		return fmt.Sprintf(`document.getElementById("example-0").tHead.rows[0].cells[%d].firstElementChild`, n)
	}
	for _, step := range []struct {
		why  string
		do   func()
		n    int
		want string
	}{
		{"as it comes", func() {}, 2, "92 5"},
		{"a click: numbers begin with the largest", func() { eval[bool](p, heading(4)+".click(), true") }, 4, "100 12.5"},
		{"another click", func() { eval[bool](p, heading(4)+".click(), true") }, 4, "12.5 100"},
		{"Enter", func() { p.press(heading(2), kb.Enter) }, 2, "92 5"},
		{"the space bar", func() { p.press(heading(2), " ") }, 2, "5 92"},
		{"names by the alphabet", func() { p.press(heading(1), kb.Enter) }, 1, "=2+3 key"},
		{"and backwards", func() { p.press(heading(1), kb.Enter) }, 1, "key =2+3"},
	} {
		if step.do(); p.column("example-0", step.n) != step.want {
			t.Errorf("%s: column %d is %q, expected %q", step.why, step.n, p.column("example-0", step.n), step.want)
		}
	}
	if got := eval[string](p, `[...document.querySelectorAll("#example-0 th")].map((h) => h.ariaSort ?? "").join()`); got != ",descending,,,,," {
		t.Errorf("aria-sort of the headings is %q", got)
	}
	if got := eval[string](p, `document.getElementById("said").textContent`); got != "Sorted by key, descending." {
		t.Errorf("the page told %q", got)
	}
	p.clean(p.noises())
}

// Numbers are sorted as numbers however they are written, and what has none
// comes last.
func TestSortingNumbers(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, limiterInput("")), everyLook[0])
	// Columns: decision, key, count, share, round trips, most.
	sorted := func(n, times int) string {
		for range times {
			eval[bool](p, fmt.Sprintf(`document.getElementById("table-1").tHead.rows[0].cells[%d].firstElementChild.click(), true`, n))
		}
		return p.column("table-1", n)
	}
	if got := sorted(2, 1); got != "10,000 5,000 3,333" {
		t.Errorf("counts from the largest: %s", got)
	}
	if got := sorted(2, 1); got != "3,333 5,000 10,000" {
		t.Errorf("counts from the smallest: %s", got)
	}
	last := eval[string](p, `document.getElementById("table-1").parentElement.querySelector("table").tBodies[0].rows[0].cells[4].textContent`)
	if last != "–" {
		t.Fatalf("the table has round trips %q: expected none", last)
	}
	// Of the table over time, one interval has no latency of what was denied.
	script := `(() => {
		const table = [...document.querySelectorAll(".data table")].find((t) => t.caption.textContent.startsWith("Latency in ms over time"));
		const head = table.tHead.rows[0].cells[5].firstElementChild;
		const ends = () => { const rows = table.tBodies[0].rows; return rows[0].cells[5].textContent + " " + rows[rows.length - 1].cells[5].textContent; };
		head.click(); const down = ends(); head.click(); return down + ", " + ends();
	})()`
	if got := eval[string](p, script); got != "3.000 –, 3.000 –" {
		t.Errorf("first and last of a column in which one has no value: %q", got)
	}
}

func TestCopying(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, limiterInput("")), everyLook[0])
	const ours = `Object.defineProperty(navigator, "clipboard", {value: {writeText: async (t) => { window.copied = t; }}, configurable: true}), true`
	const none = `Object.defineProperty(navigator, "clipboard", {value: undefined, configurable: true}), document.addEventListener("copy", (e) => { window.copied = e.target.value; }), true`
	copyOf := func(button string) string {
		eval[bool](p, `window.copied = "", true`)
		p.press(fmt.Sprintf(`document.querySelector(%q)`, button), kb.Enter)
		return eval[string](p, `new Promise((done) => setTimeout(() => done(window.copied), 50))`)
	}
	for name, clipboard := range map[string]string{"with the clipboard": ours, "without": none} {
		eval[bool](p, clipboard)
		want := "limit\tkey\tover-admission\tunder-admission\tworst excess (tokens)\nlimit\tkey\t92\t0\t12.5\nlimit\t'=2+3\t5\t0\t100\n"
		if got := copyOf(`[data-copy-table="example-0"]`); got != want {
			t.Errorf("%s: copied %q, expected %q", name, got, want)
		}
		if got := copyOf(`[data-copy-table="table-1"]`); !strings.HasPrefix(got, "decision\tkey\tcount\tshare (%)\tround trips (avg)\tmax\nallowed\tfound\t10000\t54.54") {
			t.Errorf("%s: copied %q: expected plain numbers under units", name, got)
		}
		if got := copyOf(`[data-copy="command"]`); got != "quotalab run scenario --seed 7" {
			t.Errorf("%s: copied the command %q", name, got)
		}
		if got := eval[string](p, `document.querySelector('[data-copy="command"]').textContent`); got != "Copied" {
			t.Errorf("%s: the button says %q", name, got)
		}
	}
	if got := eval[string](p, `document.activeElement.dataset.copy ?? ""`); got != "command" {
		t.Errorf("copying moved the focus")
	}
}

// chart under test, with what it shows.
const (
	rateChart = `document.querySelector('[data-chart="rate"]')`
	legendAt  = `document.querySelector(".legend caption").textContent`
	shown     = `document.querySelector(".range").textContent`
	drawn     = `[...document.querySelectorAll(".chart canvas")].map((c) => c.toDataURL()).join()`
)

// at is a place in the rate chart's frame, as shares of its width and height.
func (p *tab) at(x, y float64) (px, py float64) {
	p.t.Helper()
	box := eval[[]float64](p, `(() => { const over = `+rateChart+`.querySelector(".u-over"); over.scrollIntoView({block: "center"}); const r = over.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`)
	return box[0] + x*box[2], box[1] + y*box[3]
}

func (p *tab) mouse(kind input.DispatchMouseEventType, x, y float64, options ...chromedp.MouseOption) {
	p.t.Helper()
	px, py := p.at(x, y)
	p.do(chromedp.MouseEvent(kind, px, py, options...))
}

func TestChartByMouse(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, limiterInput("")), everyLook[0])
	p.mouse(input.DispatchMouseEventTypeMouseMoved, 0.503, 0.5)
	inOrder(t, eval[string](p, legendAt), "5m to 5m5s after the start")
	// Interval 60 of 120: 60·(1 + 0.4·sin(60/9)) requests offered by second.
	if got := eval[string](p, `[...document.querySelectorAll(".legend tbody tr")].map((r) => [...r.cells].slice(1).map((c) => c.textContent).join(" ")).join("; ")`); got != "69  ; 46 1 ms 3.45 ms; 23 2 ms 6.9 ms; 15.3 3 ms 10.3 ms" {
		t.Errorf("values at the cursor: %q", got)
	}
	p.mouse(input.DispatchMouseEventTypeMouseMoved, 0.25, 0.5)
	p.mouse(input.DispatchMouseEventTypeMousePressed, 0.25, 0.5, chromedp.ButtonLeft)
	p.mouse(input.DispatchMouseEventTypeMouseMoved, 0.5, 0.5, chromedp.ButtonLeft)
	p.mouse(input.DispatchMouseEventTypeMouseMoved, 0.75, 0.5, chromedp.ButtonLeft)
	p.mouse(input.DispatchMouseEventTypeMouseReleased, 0.75, 0.5, chromedp.ButtonLeft)
	if got := eval[string](p, shown); !strings.HasPrefix(got, "Shown: 2m") || !strings.Contains(got, "to 7m") {
		t.Errorf("after a drag from a quarter to three quarters of 10 minutes: %q", got)
	}
	p.picture("charts zoomed")
	for _, step := range []struct{ button, want string }{{"all", "Shown: 0s to 10m"}, {"in", "to"}, {"out", "Shown: 0s to 10m"}} {
		eval[bool](p, fmt.Sprintf(`document.querySelector('[data-zoom=%q]').click(), true`, step.button))
		if got := eval[string](p, shown); !strings.Contains(got, step.want) {
			t.Errorf("zoom %s: %q, expected %q", step.button, got, step.want)
		}
	}
	p.clean(p.noises())
}

func TestChartByKeyboard(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, limiterInput("")), everyLook[0])
	eval[bool](p, rateChart+".focus(), true")
	for _, step := range []struct {
		key, where, shown string
		shift             bool
	}{
		{kb.ArrowRight, "0s to 5s", "0s to 10m", false},
		{kb.ArrowRight, "5s to 10s", "0s to 10m", false},
		{kb.ArrowRight, "55s to 1m", "0s to 10m", true},
		{kb.ArrowLeft, "50s to 55s", "0s to 10m", false},
		{kb.End, "9m55s to 10m", "0s to 10m", false},
		{"+", "9m55s to 10m", "5m to 10m", false},
		{"+", "9m55s to 10m", "7m30s to 10m", false},
		{kb.Home, "0s to 5s", "0s to 2m30s", false},
		{"-", "0s to 5s", "0s to 5m", false},
		{"0", "0s to 5s", "0s to 10m", false},
	} {
		var options []chromedp.KeyOption
		if step.shift {
			options = append(options, chromedp.KeyModifiers(chromedp.ModifierShift))
		}
		p.do(chromedp.KeyEvent(step.key, options...))
		if where := eval[string](p, legendAt); where != step.where+" after the start" {
			t.Errorf("after %q the cursor is at %q, expected %s", step.key, where, step.where)
		}
		if got := eval[string](p, shown); got != "Shown: "+step.shown {
			t.Errorf("after %q: %q, expected %s", step.key, got, step.shown)
		}
	}
	inOrder(t, eval[string](p, `document.getElementById("said").textContent`), "0s to 5s after the start", "offered 60 per second", "allowed, found 40 per second, p99 3 ms")
	p.clean(p.noises())
}

func TestChartLinesAreSwitched(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, limiterInput("")), everyLook[0])
	settled := `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(` + drawn + `))))`
	before := eval[string](p, settled)
	box := `document.querySelector('[data-line="3"]')`
	p.press(box, " ")
	without := eval[string](p, settled)
	if eval[bool](p, box+".checked") || without == before {
		t.Error("the space bar on a line's box did not take the line out of the charts")
	}
	eval[bool](p, box+".click(), true")
	if again := eval[string](p, settled); again != before {
		t.Error("a click on a line's box did not bring the line back as it was")
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	if dark := eval[string](p, settled); dark == before {
		t.Error("charts keep the colours of the light theme in the dark one")
	}
	p.do(chromedp.EmulateViewport(375, 900))
	width := `new Promise((done) => setTimeout(() => done(` + rateChart + `.querySelector(".uplot").getBoundingClientRect().right), 200))`
	if right := eval[float64](p, width); right > 375 {
		t.Errorf("the chart ends at %g px of a page of 375", right)
	}
	p.clean(p.noises())
}
