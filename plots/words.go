package plots

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// outcomeName returns the name in labels: denied, not found; of a client that is told apart with its
// name. That no key was read is said only of what was decided without one.
func outcomeName(o series.Outcome) string {
	name := decisionName(o.Decision)
	if o.Client != "" {
		name = o.Client + ": " + name
	}
	switch key := record.KeyState(o.Key); {
	case key == "", key == record.Unread && o.Decision != string(record.Allowed) && o.Decision != string(record.Denied):
		return name
	default:
		return name + ", " + strings.ReplaceAll(o.Key, "_", " ")
	}
}

func decisionName(decision string) string { return strings.ReplaceAll(decision, "_", " ") }

// decisionsOf writes those of a kind, as in "denied decisions take 5 ms".
func decisionsOf(decision string) string {
	switch record.Decision(decision) {
	case record.Errored:
		return "errors"
	case record.FailOpen:
		return "fail-open decisions"
	case record.Dropped:
		return "drops"
	case record.Settled:
		return "settlements"
	}
	return decisionName(decision) + " decisions"
}

// sentence begins with a capital letter.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// and joins words: a, b and c.
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// percent writes a share with two digits, and never rounds something to nothing or
// to all.
func percent(share float64) string {
	switch {
	case share > 0 && share < 0.0005:
		return "<0.05 %"
	case share > 0.9995 && share < 1:
		return ">99.9 %"
	case share > 0.1:
		return unit.Significant(100*share, 3) + " %"
	}
	return unit.Significant(100*share, 2) + " %"
}

// subtitle names the run and how much of it the figure shows.
func subtitle(s *series.Set) string {
	m := &s.Manifest
	parts := []string{m.Scenario, m.Clock + " time", "seed " + fmt.Sprint(m.Seed), unit.Counted(decisions(s), "decision")}
	if m.Clock == "" {
		parts[1] = ""
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if !m.Whole() {
		parts = append(parts, "of a sample of the keys")
	}
	return strings.Join(append(parts, marks(s)...), " · ")
}

// marks returns those of a run that no figure of it may be without: that it is not whole or not
// valid, and whose commands share round trips.
func marks(s *series.Set) (all []string) {
	switch {
	case !s.Manifest.Complete:
		all = append(all, "the run did not reach its end")
	case s.Summary != nil && !s.Summary.Valid:
		all = append(all, "the run is not valid")
	}
	if names := pipelining(s); len(names) > 0 {
		all = append(all, "auto-pipelined: "+and(names))
	}
	return all
}

// pipelining are the clients of a run whose commands share round trips with those of
// other requests.
func pipelining(s *series.Set) []string {
	if s.Summary == nil {
		return nil
	}
	return s.Summary.AutoPipelined
}

// hidesQueueing explains what auto-pipelining does to latency, in some records or
// of some clients.
func hidesQueueing(in string) string {
	return "Commands share round trips with those of other requests " + in + " (auto-pipelining): that hides queueing in latency."
}

func pipelinedNote(s *series.Set) string {
	names := pipelining(s)
	if len(names) == 0 {
		return ""
	}
	return hidesQueueing("of " + and(names))
}

// decisions counts those of the whole timeline; drops are none.
func decisions(s *series.Set) (n int64) {
	for _, o := range s.Timeline.Outcomes {
		if o.Decision != string(record.Dropped) {
			n += total(o.Count)
		}
	}
	return n
}

func total(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// limiters returns those of a set that decided anything, in the order of the manifest.
func limiters(set *series.Set) (names []string) {
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, o := range set.Timeline.Outcomes {
		add(o.Limiter)
	}
	for _, o := range set.Latency {
		add(o.Limiter)
	}
	return names
}

// roundTrips returns how many every decision of one kind of a limiter took, if all took as
// many; else 0.
func roundTrips(s *summary.Measured, limiter, decision string) int {
	trips := 0
	if s == nil {
		return 0
	}
	for i := range s.Metrics {
		m := &s.Metrics[i]
		if m.Name != "round_trips" || m.Tags["limiter"] != limiter || m.Tags["decision"] != decision || m.Count == 0 || m.Min == nil || m.Max == nil {
			continue
		}
		if n := int(*m.Min); *m.Min != *m.Max || trips != 0 && trips != n {
			return 0
		} else if trips = n; n == 0 {
			return 0
		}
	}
	return trips
}

// spell writes a number as in a sentence: small ones as words.
func spell(n int) string {
	words := [...]string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return unit.Thousands(int64(n))
}

// all is a number of things, none left out.
func all(n int) string {
	if n == 2 {
		return "both"
	}
	return "all " + spell(n)
}

// tenth writes a share as a percentage with one digit after the point, so
// that those below each other are alike.
func tenth(share float64) string {
	if share > 0 && share < 0.0005 {
		return "<0.05 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// traits are what tells records apart, in the order in which names say it; "" a
// record has nothing of the kind.
var traits = []func(m *record.Manifest) string{
	func(m *record.Manifest) string { return m.Scenario },
	func(m *record.Manifest) string { return m.Clock },
	func(m *record.Manifest) string { return setting("shards", len(m.Shards)) },
	func(m *record.Manifest) string { return tagWords(m.Tags) },
	func(m *record.Manifest) string {
		return setting("kind", each(m.Limiters, func(l record.Limiter) string { return l.Kind }))
	},
	func(m *record.Manifest) string { return setting("limit", each(m.Limiters, limitWords)) },
	func(m *record.Manifest) string {
		return setting("engine", each(m.Engines, func(e record.Engine) string { return e.Kind }))
	},
	func(m *record.Manifest) string { return setting("seed", m.Seed) },
	rateWords,
	func(m *record.Manifest) string { return setting("horizon", unit.Lasting(m.Horizon.Seconds())) },
}

// RecordNames returns names that say in what records differ, in the words of
// scenarios: kind=boulder, seed=2; at last in those of their plans. Records that
// differ in nothing are numbered.
func RecordNames(sets []*series.Set) []string {
	names := make([]string, len(sets))
	add := func(more []string) {
		longer := make([]string, len(sets))
		for i := range names {
			longer[i] = strings.TrimPrefix(strings.TrimSuffix(names[i]+", "+more[i], ", "), ", ")
		}
		if draw.Distinct(longer) > draw.Distinct(names) {
			names = longer
		}
	}
	for _, trait := range traits {
		more := make([]string, len(sets))
		for i, s := range sets {
			more[i] = trait(&s.Manifest)
		}
		add(more)
	}
	if draw.Distinct(names) < len(names) {
		for _, part := range planParts(sets) {
			add(part)
		}
	}
	if draw.Distinct(names) < len(names) {
		for i := range names {
			names[i] = strings.TrimPrefix(fmt.Sprintf("%s, run %d", names[i], i+1), ", ")
		}
	}
	return names
}

func setting(name string, value any) string {
	if text := fmt.Sprint(value); text != "" {
		return name + "=" + text
	}
	return ""
}

// each joins a word of each thing.
func each[T any](list []T, word func(T) string) string {
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = word(one)
	}
	return strings.Join(words, "+")
}

func limitWords(l record.Limiter) string {
	return each(l.Limits, func(x record.Limit) string {
		text := unit.Thousands(x.Count) + " per " + unit.Lasting(x.Period.Seconds())
		if x.Burst != x.Count {
			text += " burst " + unit.Thousands(x.Burst)
		}
		return text
	})
}

// rateWords says how many arrivals there are on average, of all traffic.
func rateWords(m *record.Manifest) string {
	n := int64(0)
	for _, t := range m.Traffic {
		n += t.Arrivals
	}
	if n == 0 || m.Horizon <= 0 {
		return ""
	}
	return setting("rate", unit.PerSecond(float64(n)/m.Horizon.Seconds(), 4))
}

func tagWords(tags map[string]string) string {
	var words []string
	for name, value := range tags {
		words = append(words, name+"="+value)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// planColumns parts a line of a plan's text into what it is about and what it says.
var planColumns = regexp.MustCompile(`^ *(\S.*?)  +(\S.*)$`)

// planParts returns what plans say differently, in their order: of each part of a
// line the words of every record, "" where a plan has no such part.
func planParts(sets []*series.Set) (parts [][]string) {
	type place struct {
		line string
		part int
	}
	var order []place
	at := map[place][]string{}
	for i, s := range sets {
		for line := range strings.Lines(s.Plan) {
			m := planColumns.FindStringSubmatch(strings.TrimRight(line, "\n"))
			if m == nil || m[1] == "plan" { // that is its hash
				continue
			}
			for j, words := range strings.Split(m[2], ", ") {
				p := place{m[1], j}
				if at[p] == nil {
					order, at[p] = append(order, p), make([]string, len(sets))
				}
				at[p][i] = m[1] + ": " + words
			}
		}
	}
	for _, p := range order {
		if draw.Distinct(at[p]) > 1 {
			parts = append(parts, at[p])
		}
	}
	return parts
}
