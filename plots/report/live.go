package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Watched is a run while it goes on: what the live page shows.
type Watched struct {
	Set      *series.Set // of series.Live
	At       float64     // seconds: how far the run is
	Progress string      // how fast it is, in words
	Ended    bool        // its report is being made
}

// liveSections are those of a summary that say something while a run goes on, by the names
// of their tables.
var liveSections = []string{"faults", "decisions", "latency", "lag", "errors", "dropped", "shards", "phases"}

// livePage is what the template of the live page shows.
type livePage struct {
	frame
	What string // that goes on: run, sweep
	View *liveView
}

// liveView is the part of the page that changes.
type liveView struct {
	State, Word, Status string
	Share, ShareOf      string // how much is over, in percent, and of what
	Keys                []keyFigure
	Assertions          *present.Table
	Explorer            *explorer
	Waiting             string // why there is no chart yet
	Tables              []*present.Table
}

// HTML writes the page as it is now. It listens to the stream "events" beside its own
// address: each event view is a JSON string of View, and the event end says that the page
// can be asked for again.
func (w Watched) HTML(out io.Writer) error {
	b, view, err := w.view()
	if err != nil {
		return err
	}
	return b.live(out, w.Set.Summary.Scenario, "run", view)
}

// live writes a live page as it is now.
func (b *builder) live(out io.Writer, name, what string, view *liveView) (err error) {
	p := livePage{frame{Kind: "live page", Title: name + ": " + view.Word, Heading: name}, what, view}
	if p.inline, err = newInline(b.colours.css(), "live.js"); err != nil {
		return fmt.Errorf("live page: %w", err)
	}
	p.Policy += "; connect-src 'self'"
	return write(out, "live.html", p)
}

// View writes the part of the page that changes.
func (w Watched) View(out io.Writer) error {
	_, view, err := w.view()
	if err != nil {
		return err
	}
	return write(out, "view.html", view)
}

func (w Watched) view() (*builder, *liveView, error) {
	b, s := &builder{}, w.Set.Summary
	if err := b.colours.ofOutcomes(); err != nil {
		return nil, nil, err
	}
	s.Assertions = assert.Evaluate(s, w.Set.Manifest.Asserts)
	v := &liveView{State: "running", Word: word(w.Ended), Status: w.status(), ShareOf: "Part of the run's time that is over", Keys: most(keyFigures(s, present.Several(s, "limiter")), 8), Assertions: soFar(s)}
	if s.HorizonSeconds > 0 {
		v.Share = unit.Digits(100*min(1, w.At/s.HorizonSeconds), 3)
	}
	for _, t := range present.Sections(s, present.Page, "ms") {
		if slices.Contains(liveSections, t.Name) {
			v.Tables = append(v.Tables, t)
		}
		if t.Name == "faults" {
			w.addState(t)
		}
	}
	if !present.Several(s, "limiter") {
		for _, t := range v.Tables {
			t.Drop("limiter")
		}
	}
	var err error
	if v.Explorer, err = b.explore(w.Set, "", 2); err != nil {
		return nil, nil, err
	}
	switch {
	case v.Explorer != nil:
		v.Explorer.Live = true
	case len(w.Set.Manifest.Limiters) == 0:
		v.Waiting = "What engines announced is judged when the run has ended."
	default:
		v.Waiting = "Nothing has been decided yet that counts."
	}
	return b, v, nil
}

// word is the state of what is watched.
func word(ended bool) string {
	if ended {
		return "ENDED"
	}
	return "RUNNING"
}

// status says how far the run is.
func (w Watched) status() string {
	s := w.Set.Summary
	clock := "in virtual time"
	if s.Clock == "real" {
		clock = "in real time"
	}
	at := unit.LastingTo(min(w.At, s.HorizonSeconds), s.HorizonSeconds/1000)
	text := fmt.Sprintf("%s of %s %s, %s", at, unit.Lasting(s.HorizonSeconds), clock, unit.Counted(s.Seen, "observation"))
	if s.WarmupSeconds > 0 && w.At < s.WarmupSeconds {
		text += " (warm-up: nothing counts before " + unit.Lasting(s.WarmupSeconds) + ")"
	}
	if w.Ended {
		return text + "; the report is being made."
	}
	if w.Progress != "" {
		text += "," + w.Progress
	}
	var now []string
	for _, f := range s.Faults {
		if f.At <= w.At && w.At < f.Until {
			now = append(now, metric.Printable(f.What)+" until "+unit.Lasting(f.Until))
		}
	}
	if len(now) > 0 {
		text += ". Now: " + strings.Join(now, "; ")
	}
	return text + "."
}

// addState says of each fault whether it has begun.
func (w Watched) addState(t *present.Table) {
	t.AddColumns("now")
	for i, f := range w.Set.Summary.Faults {
		state := "over"
		switch {
		case w.At < f.At:
			state = "to come"
		case w.At < f.Until:
			state = "under way"
		}
		t.Rows[i] = append(t.Rows[i], present.Words(state))
	}
}

// soFar shows the assertions of a run that goes on, nil if there are none.
func soFar(s *summary.Measured) *present.Table {
	if len(s.Assertions) == 0 {
		return nil
	}
	t := present.NewTable("assertions", "Assertions so far", "so far", "`assertion", ">observed")
	for _, a := range s.Assertions {
		verdict := present.AssertionVerdict(a)
		if a.Unknown {
			verdict = present.Cell{Text: "not known yet"}
		}
		t.Add(verdict, present.Cell{Text: a.Name()}, present.Observed(a))
	}
	t.Help = "What takes an audit of the whole run, such as over-admission, is known at its end."
	return t
}

// ofOutcomes declares the colours of all outcomes that there may be: those of a page cannot
// be added to.
func (c *colours) ofOutcomes() error {
	light, err := draw.PaletteOf(draw.Light)
	if err != nil {
		return err
	}
	dark, err := draw.PaletteOf(draw.Dark)
	if err != nil {
		return err
	}
	c.variable(draw.Hex(light.Text), draw.Hex(dark.Text))
	decisions, _ := metric.Find("decisions")
	for _, d := range decisions.Values["decision"] {
		for _, k := range decisions.Values["key"] {
			c.look(plots.Outcome(light, record.Decision(d), record.KeyState(k)), plots.Outcome(dark, record.Decision(d), record.KeyState(k)))
		}
	}
	return nil
}
