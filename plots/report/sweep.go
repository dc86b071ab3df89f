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
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/sweep"
)

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
	figures, missing, err := b.drawnBy("", 3, func(o plots.Options) (all []draw.Figure, err error) {
		for _, grid := range r.Drawn() {
			some, err := plots.SweepFigures(grid, o)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	})
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
