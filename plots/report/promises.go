package report

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// question is one of a design review, with the figures that answer it.
type question struct {
	ID, Asks string
	Figures  []figure
}

// asked are the questions in their order, by what the names of figures begin with.
var asked = []struct{ figures, asks string }{
	{"compare-admission", "Which admit more than they promise?"},
	{"compare-missed", "Which notices are missed?"},
	{"compare-latency", "How long do decisions take?"},
	{"compare-balance", "Do the shards share the load?"},
	{"virtual-real", "Is real time as virtual time says?"},
}

// questions gives each figure to the question that it answers.
func questions(figures []figure) (list []question) {
	for _, a := range asked {
		q := question{ID: "question-" + a.figures, Asks: a.asks}
		for _, f := range figures {
			if strings.HasPrefix(f.ID, "figure-"+a.figures) {
				f.Level = 3
				q.Figures = append(q.Figures, f)
			}
		}
		if len(q.Figures) > 0 {
			list = append(list, q)
		}
	}
	return list
}

// limiterPromises has a row for each limiter of each record: what it promises, whether it
// keeps that, and at what cost.
func limiterPromises(in []Input, names []string) *present.Table {
	t := present.NewTable("promises", "What limiters promise, and what they do", "limiter", "promise", "kept", ">over-admission", ">worst excess", ">denied|%", ">errors", ">allowed p99|s")
	for i := range in {
		s, m := in[i].Set.Summary, &in[i].Set.Manifest
		for j := range m.Limiters {
			l := &m.Limiters[j]
			find := func(name string, tags ...string) (present.Group, bool) {
				by := []string{"limiter", "decision"}[:1+len(tags)]
				return present.Find(present.Groups(s, name, by...), append([]string{l.Name}, tags...)...)
			}
			all, any := find("decisions")
			if !any {
				continue
			}
			over, known := find("over_admission")
			kept, n, excess := present.Cell{Text: "unknown"}, present.None, present.None
			if known {
				n, kept = present.Count(over.Count), present.Cell{Text: "yes", State: present.Passed}
				if over.Count > 0 {
					kept = present.Cell{Text: "no", State: present.Failed}
				}
			}
			if one, ok := find("worst_excess"); ok {
				excess = present.Maybe(one.Value, present.General)
			}
			denied, _ := find("decisions", "denied")
			errors, _ := find("errors")
			took, _ := find("latency", "allowed")
			t.Add(present.Words(subject(l.Name, names[i], len(m.Limiters))), present.Words(promiseOf(l)), kept, n, excess, present.Share(denied.Count, all.Count), present.Count(errors.Count), present.Maybe(took.P99, brief))
		}
	}
	t.Help = "A promise is kept if over-admission is 0: no admission has to be taken away so that every window holds what its limit allows. Worst excess is in tokens."
	return t
}

// subject names one of several limiters or engines of a record.
func subject(name, record string, of int) string {
	if of == 1 && strings.Contains(record, name) {
		return record
	}
	return name + " (" + record + ")"
}

// promiseOf says in words what a limiter promises.
func promiseOf(l *record.Limiter) string {
	var limits []string
	for _, one := range l.Limits {
		text := fmt.Sprintf("%s per %s, burst %s", unit.Thousands(one.Count), unit.Time(one.Period), unit.Thousands(one.Burst))
		if len(l.Limits) > 1 {
			text = metric.Printable(one.Name) + " " + text
		}
		limits = append(limits, text)
	}
	if len(limits) > 3 {
		limits = append(limits[:2], fmt.Sprintf("%d more", len(limits)-2))
	}
	text := strings.Join(limits, "; ")
	if l.Algorithm == "" {
		return text + " (no algorithm declared)"
	}
	return l.Algorithm + ": " + text
}

// enginePromises has a row for each engine of each record.
func enginePromises(in []Input, names []string) *present.Table {
	t := present.NewTable("engines", "What engines promise, and what they do", "engine", "promise", "kept", ">missed", ">late", ">of crossings", ">duplicate or spurious")
	for i := range in {
		var order []string
		sums := map[string]*summary.Threshold{}
		for _, one := range in[i].Set.Summary.Thresholds {
			if sums[one.Engine] == nil {
				sums[one.Engine], order = &summary.Threshold{Promised: one.Promised}, append(order, one.Engine)
			}
			n := sums[one.Engine]
			n.Missed, n.Late, n.Crossings = n.Missed+one.Missed, n.Late+one.Late, n.Crossings+one.Crossings
			n.Notices.Duplicate += one.Notices.Duplicate + one.Notices.Spurious
		}
		for _, engine := range order {
			n := sums[engine]
			kept := present.Cell{Text: "yes", State: present.Passed}
			switch {
			case n.Crossings == 0:
				kept = present.Cell{Text: "unknown"}
			case n.Missed+n.Late+n.Notices.Duplicate > 0:
				kept = present.Cell{Text: "no", State: present.Failed}
			}
			t.Add(present.Words(subject(engine, names[i], len(order))), present.Words("one notice within "+unit.Lasting(n.Promised)), kept, present.Count(n.Missed), present.Count(n.Late), present.Count(n.Crossings), present.Count(n.Notices.Duplicate))
		}
	}
	return t
}
