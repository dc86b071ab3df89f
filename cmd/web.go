package cmd

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/watch"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/sim/clock"
)

// webFlags are those of the live page.
type webFlags struct {
	addr   string
	linger *time.Duration // nil: until a signal
}

func (f *webFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.addr, "web", "", "show the run in a browser while it goes on, and its report afterwards, on this `address`: :0 is any free port of this machine alone")
	flags.Func("web-linger", "`how long` --web shows the report when the run has ended, such as 30s; 0s ends at once (default: until Ctrl-C)", func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("expected a time such as 30s, found %q", text)
		}
		f.linger = &d
		return nil
	})
}

func (f *webFlags) check() error {
	if f.linger != nil && f.addr == "" {
		return usagef("--web-linger: expected --web beside it: there is no page to show")
	}
	return nil
}

// webPage is what is seen of a run that goes on: the live page, and the lines of limiters in
// a terminal.
type webPage struct {
	*watch.Server        // nil: nobody asked for it
	lines         func() // ends those of limiters
	linger        *time.Duration
	over          atomic.Bool
	apart         atomic.Pointer[string] // how far workers are; nil: the run is played here
	at, arrived   atomic.Int64
}

// worldsPlayed says how many worlds workers have played.
func (w *webPage) worldsPlayed(n, of int) {
	text := fmt.Sprintf(" workers have played %d of its %s", n, unit.Counted(int64(of), "world"))
	w.apart.Store(&text)
}

// ended says that the run has.
func (w *webPage) ended() {
	w.over.Store(true)
	w.lines()
}

// Close ends the page, if there is one.
func (w *webPage) Close() error {
	w.lines()
	if w.Server == nil {
		return nil
	}
	return w.Server.Close()
}

// watch shows a run while it goes on: in a browser if the user asked for it, and in a
// terminal if it is in real time.
func (a *app) watch(r *campaign.Run, f webFlags) (*webPage, error) {
	w := &webPage{linger: f.linger, lines: func() {}}
	inTerminal := r.Plan.Scenario.Clock == "real" && a.shows()
	if f.addr == "" && !inTerminal {
		return w, nil
	}
	live, err := series.NewLive(r.Manifest, int64(min(r.Plan.Estimate().Decisions, math.MaxInt64/2)))
	if err != nil {
		return nil, err
	}
	r.Watch = live
	if inTerminal {
		var names []string
		for _, l := range r.Manifest.Limiters {
			names = append(names, l.Name)
		}
		w.lines = a.Limiters(names, live)
	}
	if f.addr == "" {
		return w, nil
	}
	horizon, begun := r.Plan.Horizon, sync.OnceValue(clock.Now) // servers may have to start first
	look := func(show func(report.Watched)) {
		at := time.Duration(w.at.Load())
		now := report.Watched{At: at.Seconds(), Ended: w.over.Load()}
		if now.Ended {
			now.At = horizon.Seconds()
		} else if apart := w.apart.Load(); apart != nil {
			now.Progress = *apart
		} else if at > 0 {
			now.Progress = progressText(clock.Since(begun()), at, horizon, w.arrived.Load())
		}
		live.Look(func(s *series.Set) {
			now.Set = s
			show(now)
		})
	}
	if w.Server, err = watch.Serve(f.addr, look); err != nil {
		return nil, usagef("--web %s: %w", f.addr, err)
	}
	fmt.Fprintf(a.stderr, "web: %s\n", w.URL()) // also with --quiet: it is what was asked for
	if at := w.Exposed(); at != "" {
		a.Note("warning: --web %s listens on %s: other machines can open the page, with the token and without encryption; :PORT answers this one alone", f.addr, at)
	}
	r.Progress = func(at, arrivals int64) {
		begun()
		w.at.Store(at)
		w.arrived.Store(arrivals)
	}
	return w, nil
}

// also calls both; either may be nil.
func also(one, other func(at, arrivals int64)) func(at, arrivals int64) {
	if one == nil || other == nil {
		if one == nil {
			return other
		}
		return one
	}
	return func(at, arrivals int64) {
		one(at, arrivals)
		other(at, arrivals)
	}
}

// showReport makes the live page the report, and shows it for as long as the user
// wants. A run that the user ended has no report to wait for.
func (a *app) showReport(ctx context.Context, w *webPage, played *campaign.Played, of *campaign.Analysis) error {
	if w.Server == nil || played.Aborted || w.linger != nil && *w.linger == 0 {
		return nil
	}
	var page bytes.Buffer
	if err := htmlReport(&page, []*campaign.Analysis{of}); err != nil {
		return fmt.Errorf("the page of --web: %w", err)
	}
	w.Report(page.Bytes())
	until := "until Ctrl-C"
	if w.linger != nil {
		until = "for " + w.linger.String()
		short, cancel := context.WithTimeout(ctx, *w.linger)
		defer cancel()
		ctx = short
	}
	a.Note("web: the report is at %s %s", w.URL(), until)
	a.signals.wait(ctx)
	return nil
}
