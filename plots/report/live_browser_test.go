package report_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/sweep"
)

const watchedLive = `
name: watched
clock: real
horizon: 20s
shards: {count: 2}
keys: {users: {zipf: {n: 10_000, s: 1.1}}}
traffic: {requests: {rate: 400/s, keys: users}}
limiters:
  boulder: {kind: boulder, limit: {count: 1, period: 1s, burst: 20}}
  lua: {kind: tat, limit: {count: 1, period: 1s, burst: 20}, options: {write: lua}}
faults: [{at: 5s, for: 12s, down: {shard: shard-1}}]
assert:
  decisions{decision=allowed}: ["count > 100"]
  over_admission{limiter=lua}: ["count >= 0"]
`

// watchedRun is a run or a sweep with a live page.
type watchedRun struct {
	url, result string       // result: the file of its -o json
	ended       func() error // ends it, and returns its error
}

// watch plays a scenario with a live page, by run or sweep.
func watch(t *testing.T, scenario, verb string, flags ...string) watchedRun {
	t.Helper()
	dir := t.TempDir()
	file, result := filepath.Join(dir, "watched.yaml"), filepath.Join(dir, "result.json")
	if err := os.WriteFile(file, []byte(scenario), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(testkit.Quotalab(t), append([]string{verb, file, "--web", ":0", "--dir", filepath.Join(dir, "record"), "-o", "json=" + result}, flags...)...)
	said, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // it has ended already
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "web: "); ok {
			rest := make(chan string)
			go func() {
				var all []string
				for lines.Scan() {
					all = append(all, lines.Text())
				}
				rest <- strings.Join(all, "\n")
			}()
			return watchedRun{at, result, func() error {
				if err := c.Process.Signal(os.Interrupt); err != nil {
					return err
				}
				said := <-rest
				if err := c.Wait(); err != nil {
					return fmt.Errorf("%w:\n%s", err, said)
				}
				return nil
			}}
		}
	}
	t.Fatalf("it said no address: %v", c.Wait())
	return watchedRun{}
}

// openURL opens a page that is served.
func openURL(t *testing.T, browser context.Context, r watchedRun, l look) *tab {
	t.Helper()
	u, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	p := openTab(t, browser, "", l)
	p.own = u.Scheme + "://" + u.Host + "/"
	p.requests = nil
	p.do(chromedp.Navigate(r.url))
	return p
}

// until waits for a condition of the page, which may become another page meanwhile.
func (p *tab) until(what, script string) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		is, err := chromedp.Run(p, chromedp.Evaluate[bool](`(() => { try { return Boolean(`+script+`); } catch { return false; } })()`))
		if err == nil && is {
			return
		}
	}
	p.t.Fatalf("a minute went by before this was so: %s", what)
}

const allowedSoFar = `Number(document.querySelector("#table-decisions tbody td[data-v]").dataset.v)`

// The live page shows a run as it goes on, stops when it is told to, and becomes the
// report, whose numbers are those of the summary.
func TestLivePageInChromium(t *testing.T) {
	testkit.Program(t, "redis-server", "redis-server")
	for _, l := range someLooks {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel() // most of the time it waits for the run
			browser, r := newBrowser(t), watch(t, watchedLive, "run")
			p := openURL(t, browser, r, l)
			p.until("there are charts", `document.querySelectorAll("#explorer .uplot canvas").length === 2`)
			p.until("the fault is under way", `document.getElementById("live-faults").textContent.includes("under way")`)
			// by the keyboard: pause, look, and go on
			p.do(chromedp.Focus("#pause"), chromedp.KeyEvent(kb.Enter))
			before := eval[string](p, `document.getElementById("watched").textContent`)
			p.picture("live " + l.String())
			p.clean(p.fits(l.width), p.apart(), p.inaccessible())
			if text := eval[string](p, `document.getElementById("live-assertions").textContent`); !strings.Contains(text, "holds") || !strings.Contains(text, "not known yet") {
				t.Errorf("assertions so far: %q", text)
			}
			if after := eval[string](p, `document.getElementById("watched").textContent`); after != before {
				t.Error("a page that is paused goes on")
			}
			over := eval[bool](p, `document.getElementById("state").textContent === "The run has ended."`)
			p.do(chromedp.KeyEvent(kb.Enter))
			if !over { // on a slow machine it is
				p.until("it goes on", `document.getElementById("watched")?.textContent !== `+quoted(t, before)+` && (document.activeElement?.id === "pause" || document.getElementById("reproduce"))`)
			}
			p.until("it has become the report", `document.getElementById("reproduce") !== null`)
			p.clean(p.fits(l.width), p.apart(), p.inaccessible(), p.noises())
			sameNumbers(t, p, r)
			if err := r.ended(); err != nil {
				t.Error(err)
			}
		})
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sameNumbers compares the decisions on the page with those of the summary.
func sameNumbers(t *testing.T, p *tab, r watchedRun) {
	t.Helper()
	data, err := os.ReadFile(r.result)
	if err != nil {
		t.Fatal(err)
	}
	s, err := summary.Read(data, r.result)
	if err != nil {
		t.Fatal(err)
	}
	var want, got int64
	for _, m := range s.Metrics {
		if m.Name == "decisions" {
			want += m.Count
		}
	}
	got = eval[int64](p, `[...document.querySelectorAll("table")].filter((t) => t.caption?.textContent.startsWith("Decisions by outcome")).flatMap((t) =>
		[...t.tBodies[0].rows].map((row) => { const i = [...t.tHead.rows[0].cells].findIndex((h) => h.textContent.trim() === "count"); return Number(row.cells[i].dataset.v ?? row.cells[i].textContent); })).reduce((a, b) => a + b, 0)`)
	if got != want || want < 1000 {
		t.Errorf("the page has %d decisions, the summary %d", got, want)
	}
}

// A page that is paused when the run ends stays as it is until it is told otherwise; one
// without scripts shows how the run is. In virtual time too.
func TestLivePagePaused(t *testing.T) {
	browser := newBrowser(t)
	r := watch(t, `
name: watched
horizon: 30m
network: {rtt: 1ms}
keys: {users: {uniform: {n: 1000}}}
traffic: {steady: {rate: 200/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 10, period: 1s}, options: {write: lua}}}
`, "run")
	p := openURL(t, browser, r, everyLook[2])
	p.until("there are numbers", allowedSoFar+" > 0")
	if text := eval[string](p, `document.getElementById("live-status").textContent`); !strings.Contains(text, "of 30m in virtual time") {
		t.Errorf("status %q: expected how far it is in virtual time", text)
	}
	p.do(chromedp.Click("#pause"))
	paused := eval[string](p, `document.getElementById("watched").textContent`)
	p.until("the run has ended", `document.getElementById("state").textContent === "The run has ended."`)
	if text := eval[string](p, `document.getElementById("watched").textContent`); text != paused {
		t.Errorf("it shows %q: expected what it showed when it was paused, %q", text, paused)
	}
	p.do(chromedp.Click("#pause"))
	p.until("it has become the report", `document.getElementById("reproduce") !== null`)
	p.clean(p.noises())
	if err := r.ended(); err != nil {
		t.Error(err)
	}
}

const watchedSweep = `
name: watched
horizon: 4m
keys: {users: {uniform: {n: 1000}}}
traffic: {steady: {rate: 100/s, keys: users}}
limiters: {mine: {kind: tat, limit: {count: 10, period: 1s}}}
assert: {over_admission: ["count == 0"]}
sweep:
  axes:
    limiters.mine.kind: [tat, redis_rate, always]
    traffic.steady.rate: [100/s, 200/s, 300/s, 400/s]
  metrics: ["decisions{decision=allowed} count", latency p(99)]
`

// The live page of a sweep shows each run and each worker, and becomes the page of the
// sweep, whose numbers are those of its result.
func TestLiveSweepInChromium(t *testing.T) {
	testkit.Program(t, "chromium", "chromium")
	for _, l := range someLooks {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			browser, r := newBrowser(t), watch(t, watchedSweep, "sweep", "--workers", "2")
			p := openURL(t, browser, r, l)
			p.until("eight runs have ended", `document.querySelectorAll("#table-runs tbody tr").length >= 8`)
			p.do(chromedp.Focus("#pause"), chromedp.KeyEvent(kb.Enter))
			before := eval[string](p, `document.getElementById("watched").textContent`)
			p.picture("live sweep " + l.String())
			p.clean(p.fits(l.width), p.apart(), p.inaccessible())
			if n := eval[int](p, `document.querySelectorAll("#table-workers tbody tr").length`); n != 2 {
				t.Errorf("%d workers are shown, expected 2", n)
			}
			if !strings.Contains(before, " of 12 runs") || eval[string](p, `document.getElementById("watched").textContent`) != before {
				t.Errorf("a page that is paused goes on, or does not say how far the sweep is: %q", before)
			}
			p.do(chromedp.KeyEvent(kb.Enter))
			p.until("it has become the page of the sweep", `document.querySelectorAll(".drawn").length > 1`)
			p.picture("sweep " + l.String())
			p.clean(p.fits(l.width), p.apart(), p.inaccessible(), p.noises())
			sameRuns(t, p, r)
			if err := r.ended(); err != nil {
				t.Error(err)
			}
		})
	}
}

// sameRuns compares the runs on the page with those of the result.
func sameRuns(t *testing.T, p *tab, r watchedRun) {
	t.Helper()
	data, err := os.ReadFile(r.result)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sweep.Read(data, r.result)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, run := range s.Runs {
		want = append(want, fmt.Sprintf("%s %s %s %.0f %.3f", run.Settings[0], run.Settings[1], run.Verdict(), *run.Values[0], 1e3**run.Values[1]))
	}
	got := eval[[]string](p, `[...document.querySelectorAll("#table-2-0 tbody tr")].map((row) => [...row.cells].slice(0, 5).map((cell) => cell.dataset.v ?? cell.textContent).join(" "))`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the runs of the page differ from those of the result (-result +page):\n%s", diff)
	}
}
