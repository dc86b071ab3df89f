package plots

import (
	"slices"

	"gonum.org/v1/plot/vg"
)

// nameShare is the most of a panel's width that names may take.
const nameShare = 0.36

// names that leave room for what they name, in a panel of a figure with so many
// columns.
func (k *kit) names(list []string, columns int) []string {
	return k.clipAll(list, nameShare*k.panelWidth(columns))
}

// clip leaves out the middle of a name that is too long: keys tend to differ
// at their ends.
func (s *style) clip(name string, width vg.Length) string {
	letters := []rune(name)
	for n := len(letters) - 1; s.fine.Width(name) > width && n > 2; n-- {
		name = string(letters[:(n+1)/2]) + "…" + string(letters[len(letters)-n/2:])
	}
	return name
}

// clipAll names to a width. If what they differ in were lost with their middle,
// what they have in common goes instead.
func (s *style) clipAll(list []string, width vg.Length) []string {
	short := s.clipEach(list, width)
	if distinct(short) == distinct(list) {
		return short
	}
	head, tail := common(list)
	for cut := 0; cut <= head; cut++ {
		short = inner(list, cut, tail)
		if !slices.ContainsFunc(short, func(name string) bool { return s.fine.Width(name) > width }) {
			return short
		}
	}
	return s.clipEach(short, width)
}

func (s *style) clipEach(list []string, width vg.Length) []string {
	short := make([]string, len(list))
	for i, name := range list {
		short[i] = s.clip(name, width)
	}
	return short
}

// common is how many letters all names begin with and how many more they end
// with.
func common(list []string) (head, tail int) {
	first, shortest := []rune(list[0]), len([]rune(list[0]))
	head, tail = shortest, shortest
	for _, name := range list[1:] {
		letters := []rune(name)
		shortest = min(shortest, len(letters))
		h, t := 0, 0
		for h < min(head, len(letters)) && letters[h] == first[h] {
			h++
		}
		for t < min(tail, len(letters)) && letters[len(letters)-1-t] == first[len(first)-1-t] {
			t++
		}
		head, tail = h, t
	}
	return head, max(0, min(tail, shortest-head))
}

// inner parts of names, without so many letters at their ends.
func inner(list []string, head, tail int) []string {
	short := make([]string, len(list))
	for i, name := range list {
		letters := []rune(name)
		if head > 0 {
			short[i] = "…"
		}
		short[i] += string(letters[head : len(letters)-tail])
		if tail > 0 {
			short[i] += "…"
		}
	}
	return short
}
