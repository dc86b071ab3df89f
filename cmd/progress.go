package cmd

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
)

// longRun is how long a run goes on before it gets a progress bar.
const longRun = time.Second

// progress is the bar of a long run, on standard error and only where that
// is a terminal. Its methods are for the run's goroutine.
type progress struct {
	off     bool
	out     io.Writer
	begun   time.Time
	horizon time.Duration
	name    string        // before the bar
	shared  *mpb.Progress // the bar is one of these; nil: it is alone

	arrivals atomic.Int64 // read by the bar's goroutine
	bars     *mpb.Progress
	bar      *mpb.Bar
}

func (a *app) newProgress(p *plan.Plan, begun time.Time) *progress {
	return &progress{off: a.quiet || !isTerminal(a.stderr), out: a.stderr, begun: begun, horizon: p.Horizon}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// step says that the run is at an instant, ns after its epoch, and how many
// arrivals there were.
func (p *progress) step(at, arrivals int64) {
	if p.off {
		return
	}
	p.arrivals.Store(arrivals)
	if p.bar == nil {
		if clock.Since(p.begun) < longRun {
			return
		}
		p.show()
	}
	p.bar.SetCurrent(at)
}

func (p *progress) show() {
	if p.bars = p.shared; p.bars == nil {
		p.bars = mpb.New(mpb.WithOutput(p.out), mpb.WithWidth(60))
	}
	p.bar = p.bars.AddBar(int64(p.horizon), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(p.name), decor.Percentage(decor.WC{W: 5})),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
			return progressText(clock.Since(p.begun), time.Duration(s.Current), p.horizon, p.arrivals.Load())
		})))
}

// progressText says how fast the run is and how long it will still take, at
// the rate at which it has played its own time so far.
func progressText(elapsed, at, horizon time.Duration, arrivals int64) string {
	rate := float64(arrivals) / elapsed.Seconds()
	left := "?"
	if at > 0 {
		left = time.Duration(float64(elapsed) * (float64(horizon)/float64(at) - 1)).Round(time.Second).String()
	}
	return fmt.Sprintf(" %.0f requests/s, %s left", rate, left)
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(true)
	if p.shared == nil {
		p.bars.Wait()
	}
}

// sweepBars is a bar for the whole of a sweep and one for each cell that has
// been running for a while, on standard error and only where that is a
// terminal. Its methods may be called at once.
type sweepBars struct {
	app    *app
	bars   *mpb.Progress // nil: no bars
	whole  *mpb.Bar
	search bool // the whole is counted in places, as nobody knows how many cells a search needs
}

func (a *app) newSweepBars(cells, places int, search bool) *sweepBars {
	b := &sweepBars{app: a, search: search}
	if a.quiet || !isTerminal(a.stderr) {
		return b
	}
	total, of := cells, "runs"
	if search {
		total, of = places, "searches"
	}
	b.bars = mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(60))
	b.whole = b.bars.AddBar(int64(total), mpb.BarPriority(-1), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Percentage(decor.WC{W: 5})),
		mpb.AppendDecorators(decor.CountersNoUnit(" %d of %d "+of)))
	return b
}

func (b *sweepBars) cellDone() {
	if b.whole != nil && !b.search {
		b.whole.Increment()
	}
}

func (b *sweepBars) placeDone() {
	if b.whole != nil && b.search {
		b.whole.Increment()
	}
}

// cell is the bar of one cell.
func (b *sweepBars) cell(p *plan.Plan, c cell) *progress {
	bar := b.app.newProgress(p, clock.Now())
	bar.off, bar.shared, bar.name = b.bars == nil, b.bars, c.String()+" "
	return bar
}

// end takes the bars away.
func (b *sweepBars) end() {
	if b.bars != nil {
		b.whole.Abort(true)
		b.bars.Wait()
	}
}

// String names a cell by what is set in it.
func (c cell) String() string {
	var parts []string
	for _, s := range c.settings {
		parts = append(parts, s.Path[strings.LastIndexByte(s.Path, '.')+1:]+"="+s.Value)
	}
	if c.repeat > 0 {
		parts = append(parts, fmt.Sprintf("repeat %d", c.repeat))
	}
	if len(parts) == 0 {
		return "the scenario as it is"
	}
	return strings.Join(parts, " ")
}
