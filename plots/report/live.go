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
	"github.com/quotalab/quotalab/results/sweep"
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

// Sweep writes the page of a sweep: what each place came to, its figures, and every run.
func Sweep(w io.Writer, r *sweep.Result) error {
	places := r.Table()
	places.Title = r.Whole()
	i := slices.IndexFunc(places.Columns, func(c present.Column) bool { return c.Name == "verdict" })
	for _, row := range places.Rows {
		if word := present.State(strings.ToLower(row[i].Text)); slices.Contains([]present.State{present.Passed, present.Failed, present.Invalid}, word) {
			row[i].State = word
		}
	}
	b := &builder{}
	figures, missing, err := b.drawnBy("", 3, func(o plots.Options) ([]draw.Figure, error) { return plots.SweepFigures(r, o) })
	if err != nil {
		return fmt.Errorf("page of the sweep: %w", err)
	}
	p := Tables{Title: r.Scenario + ": " + r.Whole(), Heading: r.Scenario, About: r.About, Sections: []Section{
		{Title: "What it came to", Tables: []*present.Table{places}}, {Title: "Figures", Figures: figures, Missing: missing}, {Title: "Every run", Tables: []*present.Table{r.RunsTable(nil)}}}}
	return p.write(w, b)
}

// WatchedSweep is a sweep while it goes on: what its live page shows.
type WatchedSweep struct {
	Result      sweep.Result // with the runs that have ended, in the order in which they did
	By          []string     // who played each of them
	Done, Total int          // of what Of says
	Of          string       // runs or searches
	Left        string       // how long it will still take, in words
	Now         []string     // runs that are being played, in words
	Workers     []SweepWorker
	Ended       bool // its page is being made
}

// SweepWorker is a process that plays runs of a sweep.
type SweepWorker struct {
	Name    string
	AtOnce  int // runs that it plays at once
	Played  int
	LastAgo string // how long ago it ended one, in words; "": it has ended none
}

// HTML writes the page as it is now, which listens to events as that of a run does.
func (w WatchedSweep) HTML(out io.Writer) error {
	return new(builder).live(out, w.Result.Scenario, "sweep", w.view())
}

// View writes the part of the page that changes.
func (w WatchedSweep) View(out io.Writer) error { return write(out, "view.html", w.view()) }

func (w WatchedSweep) view() *liveView {
	v := &liveView{State: "running", Word: word(w.Ended), Status: w.status(), ShareOf: "Part of the sweep's " + w.Of + " that have ended", Keys: w.keys()}
	if w.Total > 0 {
		v.Share = unit.Digits(100*float64(w.Done)/float64(w.Total), 3)
	}
	if len(w.Result.Runs) == 0 {
		v.Waiting = "No run has ended yet."
	} else {
		v.Tables = append(v.Tables, w.runs())
	}
	if len(w.Workers) > 0 {
		v.Tables = append(v.Tables, w.workers())
	}
	return v
}

// mostNow is how many runs that go on the page names.
const mostNow = 4

func (w WatchedSweep) status() string {
	text := fmt.Sprintf("%s of %s %s", unit.Thousands(int64(w.Done)), unit.Thousands(int64(w.Total)), w.Of)
	if w.Ended {
		return text + "; the page of the sweep is being made."
	}
	if w.Left != "" {
		text += ", " + w.Left + " left"
	}
	if now := w.Now[:min(mostNow, len(w.Now))]; len(now) > 0 {
		text += ". Now: " + metric.Printable(strings.Join(now, "; "))
		if more := len(w.Now) - len(now); more > 0 {
			text += fmt.Sprintf("; and %d more", more)
		}
	}
	return text + "."
}

// keys are how many runs came to what.
func (w WatchedSweep) keys() (list []keyFigure) {
	count := map[string]int64{}
	for i := range w.Result.Runs {
		count[w.Result.Runs[i].Verdict()]++
	}
	list = []keyFigure{{Name: "runs that have ended", Value: present.Count(int64(len(w.Result.Runs)))}}
	for _, verdict := range []string{"PASSED", "FAILED", "INVALID"} {
		list = append(list, keyFigure{Name: strings.ToLower(verdict), Value: present.Count(count[verdict])})
	}
	return list
}

// mostRuns is how many runs the live page shows: it is sent twice a second.
const mostRuns = 300

// runs is a table of the runs that ended last, in the order of their places.
func (w WatchedSweep) runs() *present.Table {
	type ended struct {
		sweep.Run
		by string
	}
	var last []ended
	for i := max(0, len(w.Result.Runs)-mostRuns); i < len(w.Result.Runs); i++ {
		last = append(last, ended{w.Result.Runs[i], w.By[i]})
	}
	slices.SortStableFunc(last, func(a, b ended) int { return a.Place - b.Place })
	r := w.Result
	r.Runs = nil
	by := make([]string, len(last))
	for i, one := range last {
		r.Runs, by[i] = append(r.Runs, one.Run), one.by
	}
	if !slices.ContainsFunc(by, func(who string) bool { return who != "" }) {
		by = nil // all by this process
	}
	t := r.RunsTable(by)
	t.Title = "Runs that have ended"
	if n := len(w.Result.Runs); n > mostRuns {
		t.Note(fmt.Sprintf("The last %d of %s; all of them are shown when the sweep has ended.", mostRuns, unit.Thousands(int64(n))))
	}
	return t
}

func (w WatchedSweep) workers() *present.Table {
	t := present.NewTable("workers", "Workers", "worker", ">at once", ">runs played", "the last one")
	for _, one := range w.Workers {
		t.Add(present.Cell{Text: one.Name}, present.Count(int64(one.AtOnce)), present.Count(int64(one.Played)), present.Words(one.LastAgo))
	}
	return t
}
