package cmd

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/watch"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
)

// What a sweep tells its monitor is what the live page has of it.
func TestWatchedSweep(t *testing.T) {
	w := &watchedSweep{monitor: &monitor{stderr: io.Discard, now: clock.Now}}
	seen := func() (p report.WatchedSweep) {
		w.look(func(now watch.Page) { p = now.(report.WatchedSweep) })
		return p
	}
	w.Begin(10, "runs")
	w.joined("far-1", 8)
	w.ended(sweep.Run{}, campaign.FinishedBefore)
	w.Done()
	if p := seen(); p.Left != "" || p.Done != 1 || p.Total != 10 || p.Workers[0].AtOnce != 8 || p.Workers[0].LastAgo != "" {
		t.Errorf("before a run was played: %+v", p)
	}
	w.begun = w.begun.Add(-30 * time.Second)
	step, end := w.Run("count=2", &plan.Plan{Horizon: 10 * time.Second})
	step(int64(4*time.Second), 7)
	w.ended(sweep.Run{}, "far-1")
	w.Done()
	p := seen()
	if p.Left != "about 4m" || len(p.Now) != 1 || p.Now[0] != "count=2 40 %" {
		t.Errorf("one of two that ended was played, in 30 s: %q left, now %q; expected about 4m for eight, and count=2 at 40 %%", p.Left, p.Now)
	}
	if one := p.Workers[0]; len(p.Workers) != 1 || one.Played != 1 || !strings.HasSuffix(one.LastAgo, " ago") || len(p.Result.Runs) != 2 || p.By[1] != "far-1" {
		t.Errorf("workers %+v, runs by %q", p.Workers, p.By)
	}
	end()
	w.over.Store(true)
	if p := seen(); len(p.Now) != 0 || !p.Ended {
		t.Errorf("at its end: %+v", p)
	}
}
