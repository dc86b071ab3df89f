package cmd

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	flags.StringVar(&f.addr, "web", "", "show in a browser what goes on, and its report afterwards, on this `address`: :0 is any free port of this machine alone")
	flags.Func("web-linger", "`how long` --web shows the report afterwards, such as 30s; 0s ends at once (default: until Ctrl-C)", func(text string) error {
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
	return w.Server.Close()
}

// watch shows a run while it goes on: in a browser if the user asked for it, and in a
// terminal if it is in real time.
func (a *app) watch(r *campaign.Run, f webFlags) (*webPage, error) {
	w := &webPage{lines: func() {}}
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
	if f.addr == "" { // it need not be told how far it is
		return w, nil
	}
	horizon, begun := r.Plan.Horizon, sync.OnceValue(clock.Now) // servers may have to start first
	look := func(show func(watch.Page)) {
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
	if w.Server, err = a.servePage(f, look); err != nil {
		return nil, err
	}
	r.Progress = func(at, arrivals int64) {
		begun()
		w.at.Store(at)
		w.arrived.Store(arrivals)
	}
	return w, nil
}

// servePage opens the live page of what look shows; nil: nobody asked for it.
func (a *app) servePage(f webFlags, look func(show func(watch.Page))) (*watch.Server, error) {
	if f.addr == "" {
		return nil, nil
	}
	s, err := watch.Serve(f.addr, look)
	if err != nil {
		return nil, usagef("--web %s: %w", f.addr, err)
	}
	fmt.Fprintf(a.stderr, "web: %s\n", s.URL()) // also with --quiet: it is what was asked for
	if at := s.Exposed(); at != "" {
		a.Note("warning: --web %s listens on %s: other machines can open the page, with the token and without encryption; :PORT answers this one alone", f.addr, at)
	}
	return s, nil
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

// showReport makes the live page, if there is one, the report, and shows it for as long as the user
// wants.
func (a *app) showReport(ctx context.Context, s *watch.Server, f webFlags, write func(io.Writer) error) error {
	if s == nil || f.linger != nil && *f.linger == 0 {
		return nil
	}
	var page bytes.Buffer
	if err := write(&page); err != nil {
		return fmt.Errorf("the page of --web: %w", err)
	}
	s.Report(page.Bytes())
	until := "until Ctrl-C"
	if f.linger != nil {
		until = "for " + f.linger.String()
		short, cancel := context.WithTimeout(ctx, *f.linger)
		defer cancel()
		ctx = short
	}
	a.Note("web: the report is at %s %s", s.URL(), until)
	a.signals.wait(ctx)
	return nil
}
