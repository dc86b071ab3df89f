package report

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
)

// group is the series of one metric that agree in some tags, joined.
type group struct {
	tags []string // in the order in which they were asked for
	measure.Metric
}

// groups of a metric by tags, in the order of the catalogue where that has
// one, and else in that of the summary. What cannot be joined is left out.
func groups(s *measure.Summary, name string, tags ...string) []group {
	var order [][]string
	var series [][]measure.Metric
	for _, m := range s.Select(metric.Selector{Metric: name}) {
		of := make([]string, len(tags))
		for i, t := range tags {
			of[i] = m.Tags[t]
		}
		at := slices.IndexFunc(order, func(o []string) bool { return slices.Equal(o, of) })
		if at < 0 {
			at = len(order)
			order, series = append(order, of), append(series, nil)
		}
		series[at] = append(series[at], m)
	}
	var all []group
	for i, of := range order {
		if m, ok := measure.Sum(series[i]); ok {
			all = append(all, group{of, m})
		}
	}
	sortGroups(all, name, tags)
	return all
}

func sortGroups(all []group, name string, tags []string) {
	m, _ := metric.Find(name)
	ranks := make([][]string, len(tags))
	for i, t := range tags {
		ranks[i] = slices.Clone(m.Values[t])
		for _, g := range all {
			if !slices.Contains(ranks[i], g.tags[i]) {
				ranks[i] = append(ranks[i], g.tags[i])
			}
		}
	}
	slices.SortStableFunc(all, func(a, b group) int {
		for i := range tags {
			if c := cmp.Compare(slices.Index(ranks[i], a.tags[i]), slices.Index(ranks[i], b.tags[i])); c != 0 {
				return c
			}
		}
		return 0
	})
}

// find a group by its tags.
func find(all []group, tags ...string) (group, bool) {
	i := slices.IndexFunc(all, func(g group) bool { return slices.Equal(g.tags, tags) })
	if i < 0 {
		return group{}, false
	}
	return all[i], true
}

// outcomeTags are what outcomes are told apart by in tables: traffic and
// client only where there are several.
func outcomeTags(s *measure.Summary) []string {
	var tags []string
	if several(s, "traffic") {
		tags = append(tags, "traffic")
	}
	tags = append(tags, "limiter")
	if several(s, "client") {
		tags = append(tags, "client")
	}
	return append(tags, "decision", "key")
}

func several(s *measure.Summary, tag string) bool {
	first := ""
	for _, m := range s.Select(metric.Selector{Metric: "decisions"}) {
		switch v := m.Tags[tag]; {
		case v == "" || v == first: // drops have no client
		case first == "":
			first = v
		default:
			return true
		}
	}
	return false
}

// without a tag that a metric does not have.
func without(tags []string, tag string) []string {
	return slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return t == tag })
}

func cells(tags []string) []cell {
	list := make([]cell, len(tags))
	for i, t := range tags {
		list[i] = words(t)
	}
	return list
}

// columnNames of tags, with more columns after them.
func columnNames(tags []string, more ...string) []string { return append(slices.Clone(tags), more...) }
