package cmd

import (
	"fmt"
	"strings"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/vtime"
)

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
	bar := b.app.newProgress(p, vtime.Now())
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
