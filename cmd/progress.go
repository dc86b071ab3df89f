package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
)

// lineEvery is how often a run tells how it goes on where there are no bars.
const lineEvery = 15 * time.Second

// longRun is how long a run goes on before it gets a progress bar.
const longRun = time.Second

// monitor is the campaign.Monitor of the terminal: notes, a bar for the whole of
// a campaign, and one for each run that has been going on for a while. There are
// bars only where standard error is a terminal.
type monitor struct {
	stderr io.Writer
	quiet  bool
	now    func() time.Time

	begin sync.Once
	bars  *mpb.Progress
	whole *mpb.Bar
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// animated reports whether lines of standard error can be written over.
func (m *monitor) animated() bool { return isTerminal(m.stderr) && os.Getenv("TERM") != "dumb" }

func (m *monitor) shows() bool { return !m.quiet && m.animated() }

// Note tells the user something beside the results.
func (m *monitor) Note(format string, args ...any) {
	if !m.quiet {
		fmt.Fprintln(m.stderr, metric.PrintableText(fmt.Sprintf(format, args...)))
	}
}

// Begin shows the bar of the whole.
func (m *monitor) Begin(total int, of string) {
	if m.shows() {
		m.whole = m.add(int64(total), mpb.BarPriority(-1), mpb.PrependDecorators(decor.Percentage(decor.WC{W: 5})),
			mpb.AppendDecorators(decor.CountersNoUnit(" %d of %d "+of)))
	}
}

// Done moves the bar of the whole on.
func (m *monitor) Done() {
	if m.whole != nil {
		m.whole.Increment()
	}
}

func (m *monitor) add(total int64, options ...mpb.BarOption) *mpb.Bar {
	return m.addStyled(total, mpb.BarStyle(), options...)
}

func (m *monitor) addStyled(total int64, style mpb.BarFillerBuilder, options ...mpb.BarOption) *mpb.Bar {
	m.begin.Do(func() { m.bars = mpb.New(mpb.WithOutput(m.stderr), mpb.WithWidth(60)) })
	return m.bars.New(total, style, append(options, mpb.BarRemoveOnComplete())...)
}

// limiterEvery is how often the lines of limiters change.
const limiterEvery = time.Second

// Limiters shows a line for each limiter of a run that goes on, until end is called.
func (m *monitor) Limiters(names []string, live *series.Live) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	texts, before := make([]atomic.Pointer[string], len(names)), make([]int64, len(names))
	var bars []*mpb.Bar
	var shown sync.WaitGroup
	shown.Go(func() {
		for at := clock.Now(); clock.Sleep(ctx, limiterEvery) == nil; {
			seconds := clock.Since(at).Seconds()
			at = clock.Now()
			live.Look(func(s *series.Set) {
				for i, name := range names {
					text := limiterText(s.Summary, name, &before[i], seconds)
					texts[i].Store(&text)
				}
			})
			for i := len(bars); i < len(names); i++ {
				bars = append(bars, m.addStyled(1, mpb.NopStyle(), mpb.BarPriority(i+1), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return *texts[i].Load() }))))
			}
		}
	})
	return func() {
		cancel()
		shown.Wait()
		for _, b := range bars {
			b.Abort(true)
		}
	}
}

// limiterText says what came of a limiter's requests so far, and how many there were in
// the last seconds; before has how many there were until then.
func limiterText(s *summary.Measured, limiter string, before *int64, seconds float64) string {
	all, _ := present.Find(present.Groups(s, "decisions", "limiter"), limiter)
	text := fmt.Sprintf("%s: %s", metric.Printable(limiter), unit.PerSecond(float64(all.Count-*before)/seconds, 3))
	*before = all.Count
	by := present.Groups(s, "decisions", "limiter", "decision")
	for _, d := range []string{"allowed", "denied", "error", "fail_open", "dropped"} {
		if one, ok := present.Find(by, limiter, d); ok {
			text += fmt.Sprintf(", %s %s", strings.ReplaceAll(d, "_", " "), present.Share(one.Count, all.Count).Text)
		}
	}
	for _, name := range []string{"latency", "lag"} {
		if one, ok := present.Find(present.Groups(s, name, "limiter"), limiter); ok && one.Med != nil {
			text += fmt.Sprintf(", %s p50 %s p99 %s", name, unit.Amount(*one.Med, 3), unit.Amount(*one.P99, 3))
		}
	}
	return text
}

func (m *monitor) end() {
	if m.whole != nil {
		m.whole.Abort(true)
	}
	if m.bars != nil {
		m.bars.Wait()
	}
}

// Run shows a bar of a run once it has gone on for a while.
func (m *monitor) Run(name string, p *plan.Plan) (step func(at, arrivals int64), end func()) {
	if m.quiet {
		return nil, func() {}
	}
	if !m.animated() {
		return m.lines(name, p.Horizon), func() {}
	}
	begun := clock.Now()
	var bar *mpb.Bar
	var arrived atomic.Int64 // read by the bar's goroutine
	if name != "" {
		name += " "
	}
	text := func(s decor.Statistics) string {
		return progressText(clock.Since(begun), time.Duration(s.Current), p.Horizon, arrived.Load())
	}
	step = func(at, arrivals int64) {
		arrived.Store(arrivals)
		if bar == nil && clock.Since(begun) >= longRun {
			bar = m.add(int64(p.Horizon), mpb.PrependDecorators(decor.Name(metric.Printable(name)), decor.Percentage(decor.WC{W: 5})), mpb.AppendDecorators(decor.Any(text)))
		}
		if bar != nil {
			bar.SetCurrent(at)
		}
	}
	return step, func() {
		if bar != nil {
			bar.Abort(true)
		}
	}
}

// lines returns the step of a run that tells how it goes on in a line now and then.
func (m *monitor) lines(name string, horizon time.Duration) func(at, arrivals int64) {
	begun := m.now()
	told := begun
	if name == "" {
		name = "progress"
	}
	return func(at, arrivals int64) {
		now := m.now()
		if now.Sub(told) < lineEvery {
			return
		}
		told = now
		m.Note("%s: %.0f%%,%s", name, 100*float64(at)/float64(horizon), progressText(now.Sub(begun), time.Duration(at), horizon, arrivals))
	}
}

// progressText says how fast the run is and how long it will still take, at
// the rate at which it has played its own time so far.
func progressText(elapsed, at, horizon time.Duration, arrivals int64) string {
	rate := float64(arrivals) / elapsed.Seconds()
	left := "?"
	if at > 0 {
		left = unit.Time(time.Duration(float64(elapsed) * (float64(horizon)/float64(at) - 1)).Round(time.Second))
	}
	return fmt.Sprintf(" %.0f requests/s, %s left", rate, left)
}
