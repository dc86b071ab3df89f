package metric

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Selector names the series of one metric that carry the given tags.
type Selector struct {
	Metric string
	Tags   []Tag // as written
}

// Tag is one tag of a selector.
type Tag struct{ Name, Value string }

// String writes the selector as ParseSelector reads it.
func (s Selector) String() string {
	if len(s.Tags) == 0 {
		return s.Metric
	}
	parts := make([]string, len(s.Tags))
	for i, t := range s.Tags {
		parts[i] = t.Name + "=" + t.Value
	}
	return s.Metric + "{" + strings.Join(parts, ",") + "}"
}

// SyntaxError is a mistake in a selector or condition.
type SyntaxError struct {
	Offset int // in bytes, from the start of the text; at most its length
	Msg    string
}

func (e *SyntaxError) Error() string { return e.Msg }

// Place is where a tag of a selector stands: byte offsets of its name and value.
type Place struct{ Name, Value int }

// ParseSelector reads metric{tag=value,…} and checks it against the
// catalogue. Its error is a *SyntaxError, the first one of ScanSelector.
func ParseSelector(s string) (Selector, error) {
	sel, _, errs := ScanSelector(s)
	if len(errs) > 0 {
		return sel, errs[0]
	}
	return sel, nil
}

// ScanSelector is ParseSelector for callers that want every mistake, and
// the place of every tag (places[i] belongs to Tags[i]).
func ScanSelector(s string) (sel Selector, places []Place, errs []*SyntaxError) {
	name, body, braces := strings.Cut(s, "{")
	start := len(name) - len(strings.TrimLeft(name, " "))
	sel.Metric = strings.TrimSpace(name)
	m, known := Find(sel.Metric)
	switch {
	case sel.Metric == "":
		errs = append(errs, &SyntaxError{start, "expected a metric's name"})
	case !known:
		errs = append(errs, &SyntaxError{start, fmt.Sprintf("unknown metric %q%s", sel.Metric, DidYouMean(sel.Metric, names()))})
	}
	if braces {
		var more []*SyntaxError
		sel.Tags, places, more = scanTags(s, len(name)+1, body)
		errs = append(errs, more...)
	}
	if known {
		errs = append(errs, checkTags(m, sel.Tags, places, start)...)
	}
	slices.SortStableFunc(errs, func(a, b *SyntaxError) int { return a.Offset - b.Offset })
	return sel, places, errs
}

// scanTags reads tag=value,… up to the closing brace; at is the offset of body in s.
func scanTags(s string, at int, body string) (tags []Tag, places []Place, errs []*SyntaxError) {
	inner, rest, closed := strings.Cut(body, "}")
	switch {
	case !closed:
		errs = append(errs, &SyntaxError{len(s), "expected } at the end of the tags"})
	case strings.TrimSpace(rest) != "":
		errs = append(errs, &SyntaxError{at + len(inner) + 1, fmt.Sprintf("expected nothing after }, found %q", strings.TrimSpace(rest))})
	}
	if strings.TrimSpace(inner) == "" {
		return nil, nil, errs
	}
	for part := range strings.SplitSeq(inner, ",") {
		name, value, ok := strings.Cut(part, "=")
		p := Place{Name: at + indent(name), Value: at + len(name) + 1 + indent(value)}
		t := Tag{strings.TrimSpace(name), strings.TrimSpace(value)}
		if !ok || t.Name == "" || t.Value == "" {
			errs = append(errs, &SyntaxError{p.Name, fmt.Sprintf("expected tag=value, found %q", strings.TrimSpace(part))})
		} else {
			tags, places = append(tags, t), append(places, p)
		}
		at += len(part) + 1
	}
	return tags, places, errs
}

func checkTags(m Metric, tags []Tag, places []Place, start int) (errs []*SyntaxError) {
	seen := map[string]bool{}
	for i, t := range tags {
		values := m.Values[t.Name]
		switch {
		case seen[t.Name]:
			errs = append(errs, &SyntaxError{places[i].Name, fmt.Sprintf("tag %s is given twice", t.Name)})
		case len(m.Tags) == 0 || !slices.Contains(m.Tags, t.Name):
			errs = append(errs, &SyntaxError{places[i].Name, fmt.Sprintf("metric %s has no tag %q%s; it has %s", m.Name, t.Name, DidYouMean(t.Name, m.Tags), strings.Join(m.Tags, ", "))})
		case values != nil && !slices.Contains(values, t.Value):
			errs = append(errs, &SyntaxError{places[i].Value, fmt.Sprintf("tag %s has no value %q%s; it is one of %s", t.Name, t.Value, DidYouMean(t.Value, values), strings.Join(values, ", "))})
		}
		seen[t.Name] = true
	}
	for _, need := range m.Needs {
		if !seen[need] {
			errs = append(errs, &SyntaxError{start, fmt.Sprintf("metric %s needs the tag %s, one of %s", m.Name, need, strings.Join(m.Values[need], ", "))})
		}
	}
	return errs
}

func indent(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

func names() []string {
	var out []string
	for _, m := range catalogue {
		out = append(out, m.Name)
	}
	return out
}

// Nearest returns the known word that a misspelt one most likely means, or
// "" when none is near enough. Ties go to the first.
func Nearest(word string, known []string) string {
	length := len([]rune(word))
	best, bestDistance := "", math.MaxInt
	for _, k := range known {
		limit := length/3 + 1
		if length > 3 && strings.HasPrefix(k, string([]rune(word)[:3])) {
			limit++ // deny means denied
		}
		d := distance(word, k)
		if d > 0 && d <= limit && d < min(length, len(k), bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best
}

// DidYouMean is Nearest as a clause to append to a message, or "".
func DidYouMean(word string, known []string) string {
	if n := Nearest(word, known); n != "" {
		return fmt.Sprintf(" (did you mean %q?)", n)
	}
	return ""
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 { // nobody misspells such a name, and the table is quadratic
		return 64
	}
	var d [65][65]int
	for i := range len(x) + 1 {
		d[i][0] = i
	}
	for j := range len(y) + 1 {
		d[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}
