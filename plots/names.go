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
)

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

// recordNames returns names that say in what records differ, in the words of
// scenarios: kind=boulder, seed=2; at last in those of their plans. Records that
// differ in nothing are numbered.
func recordNames(sets []*series.Set) []string {
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
