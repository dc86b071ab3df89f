package summary

import (
	"cmp"
	"maps"
	"regexp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// ErrorTexts are what the errors of one kind said, of one limiter.
type ErrorTexts struct {
	Limiter   string      `json:"limiter" jsonschema:"the limiter"`
	Error     string      `json:"error" jsonschema:"kind of error"`
	Count     int64       `json:"count" jsonschema:"errors of the kind, without the warm-up"`
	Different int64       `json:"different" jsonschema:"different texts; beyond 1,000 of a limiter they are not told apart and count as one"`
	Most      []ErrorText `json:"most" jsonschema:"the most frequent texts, at most ten"`
}

// ErrorText is one text of errors.
type ErrorText struct {
	Text  string `json:"text" jsonschema:"the text; of a connection without the client's port, which is another one each time; cut after 300 characters"`
	Count int64  `json:"count" jsonschema:"errors with this text"`
}

const (
	toldApart   = 1000 // texts of one limiter that are told apart
	shownTexts  = 10   // texts of one kind that a summary has
	lettersKept = 300  // of a text
)

type errorTexts struct {
	counts map[said]int64
	told   map[string]int // texts that are told apart, by limiter
}

// said is what some errors had in common. Text is "" of all that are not told apart.
type said struct{ limiter, kind, text string }

func newErrorTexts() *errorTexts {
	return &errorTexts{counts: map[said]int64{}, told: map[string]int{}}
}

// observe counts the text of an error, if there is one.
func (e *errorTexts) observe(o *record.Observation) {
	if o.Error != "" && o.Message != "" && o.Decision != record.Dropped {
		e.add(said{o.Limiter, o.Error, keptText(o.Message)}, 1)
	}
}

func (e *errorTexts) add(s said, n int64) {
	if _, known := e.counts[s]; !known && s.text != "" {
		if e.told[s.limiter] == toldApart {
			s.text = ""
		} else {
			e.told[s.limiter]++
		}
	}
	e.counts[s] += n
}

// ephemeral is the client's side of a connection in the error of an operation on it.
var ephemeral = regexp.MustCompile(`(\[[^\]]*\]|[0-9.]+):[0-9]+->`)

// keptText returns what is kept of a text.
func keptText(text string) string {
	text = ephemeral.ReplaceAllString(text, "")
	if letters := []rune(text); len(letters) > lettersKept {
		return string(letters[:lettersKept]) + "…"
	}
	return text
}

// byKind returns the texts by limiter and kind, in the manifest's and the
// catalogue's order, the most frequent first.
func (e *errorTexts) byKind(o *order, most int) (out []ErrorTexts) {
	for _, s := range slices.SortedFunc(maps.Keys(e.counts), func(a, b said) int {
		return cmp.Or(o.limiter.compare(a.limiter, b.limiter), o.errors.compare(a.kind, b.kind), cmp.Compare(e.counts[b], e.counts[a]), cmp.Compare(a.text, b.text))
	}) {
		if last := len(out) - 1; last < 0 || out[last].Limiter != s.limiter || out[last].Error != s.kind {
			out = append(out, ErrorTexts{Limiter: s.limiter, Error: s.kind, Most: []ErrorText{}})
		}
		of := &out[len(out)-1]
		of.Count, of.Different = of.Count+e.counts[s], of.Different+1
		if s.text != "" && len(of.Most) < most {
			of.Most = append(of.Most, ErrorText{s.text, e.counts[s]})
		}
	}
	return out
}

// mostFrequent returns the most frequent text of a limiter's errors, printable.
func (e *errorTexts) mostFrequent(limiter string, o *order) (text ErrorText, ok bool) {
	for _, k := range e.byKind(o, 1) {
		if k.Limiter == limiter && len(k.Most) > 0 && k.Most[0].Count > text.Count {
			text, ok = k.Most[0], true
		}
	}
	text.Text = metric.Printable(text.Text)
	return text, ok
}

// restore takes what byKind returned, with all texts.
func (e *errorTexts) restore(list []ErrorTexts) {
	for _, k := range list {
		rest := k.Count
		for _, t := range k.Most {
			e.add(said{k.Limiter, k.Error, t.Text}, t.Count)
			rest -= t.Count
		}
		if rest > 0 {
			e.add(said{k.Limiter, k.Error, ""}, rest)
		}
	}
}
