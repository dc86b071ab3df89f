package plots

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// source is where decisions come from: a limiter, or what one of its clients asked of it.
type source struct{ limiter, client string } // client "": all

// sources returns those of a set: its limiters, each as often as it has clients that are told
// apart.
func sources(set *series.Set) (all []source) {
	for _, limiter := range limiters(set) {
		all = append(all, sourcesOf(set, limiter)...)
	}
	return all
}

// sourcesOf returns those of one limiter.
func sourcesOf(set *series.Set, limiter string) (all []source) {
	add := func(o series.Outcome) {
		if s := (source{limiter, o.Client}); o.Limiter == limiter && o.Client != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, o := range set.Timeline.Outcomes {
		add(o.Outcome)
	}
	for _, o := range set.Latency {
		add(o.Outcome)
	}
	if len(all) == 0 {
		all = []source{{limiter, ""}}
	}
	return all
}

// has tells whether an outcome is the source's, or a drop, which no client sent.
func (s source) has(o series.Outcome) bool {
	mine := o.Limiter == s.limiter || o.Limiter == ""
	return mine && (s.client == "" || o.Client == s.client || o.Decision == string(record.Dropped))
}

// among returns what a source is called, among several limiters or not.
func (s source) among(several bool) string {
	switch {
	case s.client == "":
		return s.limiter
	case several:
		return s.limiter + ", " + s.client
	}
	return s.client
}

// nameOf returns the name of a source in its set; "" if there is no other.
func nameOf(set *series.Set, s source) string {
	several := len(limiters(set)) > 1
	if !several && s.client == "" {
		return ""
	}
	return s.among(several)
}

// togetherNote says which clients are not told apart, and why.
func togetherNote(set *series.Set, names []string) string {
	var notes []string
	for _, t := range set.Together {
		if !slices.Contains(names, t.Limiter) {
			continue
		}
		of, who := "", "clients "+and(t.Clients)
		if len(limiters(set)) > 1 {
			of = "Of " + t.Limiter + " "
		}
		if len(t.Clients) > series.MostClients {
			who = fmt.Sprintf("all %d clients", len(t.Clients))
		}
		notes = append(notes, sentence(of+who)+" are drawn together: they "+t.Why+".")
	}
	return strings.Join(notes, " ")
}

// lostShare returns the share of the decisions of a source whose key was not found.
func lostShare(set *series.Set, s source) float64 {
	n, lost := int64(0), int64(0)
	for _, o := range set.Latency {
		if !s.has(o.Outcome) {
			continue
		}
		n += o.Service.N
		if o.Key == string(record.NotFound) {
			lost += o.Service.N
		}
	}
	return share(lost, n)
}

// telling is a difference between shares of clients that a title speaks of.
const tellingShare = 0.1

// lostWords says how often clients of a limiter do not find a key; "" if they hardly
// differ.
func lostWords(set *series.Set, of []source) string {
	least, most := 1.0, 0.0
	var parts []string
	for i, s := range of {
		lost := lostShare(set, s)
		least, most = min(least, lost), max(most, lost)
		if i == 0 {
			parts = append(parts, fmt.Sprintf("%s does not find the key of %s of its requests", s.client, percent(lost)))
		} else {
			parts = append(parts, fmt.Sprintf("%s of %s", s.client, percent(lost)))
		}
	}
	if most-least < tellingShare {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}
