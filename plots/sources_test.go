package plots

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/plots/series"
)

// clientsApart: of some clients the first only looks, takes one round trip, and finds
// half of what it looks for; the others find nearly all, and take two.
func clientsApart(n int) *series.Set {
	s := aSet("clients")
	for c := range n {
		name, lost, slow := fmt.Sprint("client-", c), int64(20), 0.002
		if c == 0 {
			name, lost, slow = "wfe", 2000, 0.001
		}
		for _, o := range []struct {
			decision, key string
			n             int64
			v             float64
		}{{"allowed", "found", 2000, slow}, {"allowed", "not_found", lost, slow}, {"denied", "found", 500, 0.001}} {
			one := latencyOf("boulder", o.decision, o.key, same(o.n, o.v))
			one.Client = name
			s.Latency = append(s.Latency, one)
		}
	}
	intervals(s, 20, 1, func(o, _ int) float64 { return float64(s.Latency[o].Service.N) / 20 })
	s.Timeline.OfferedTo = []series.Offer{{Limiter: "boulder", Client: "wfe", Rate: slices.Repeat([]float64{225}, 20)}}
	return s
}

// Clients that are told apart have panels of their own, and the title says in what
// they differ.
func TestClientsHavePanels(t *testing.T) {
	figures := drawn([]*series.Set{clientsApart(2)}, Options{})
	for _, tt := range []struct {
		kind, title string
		panels      []string
	}{
		{"latency", "Decisions take 1 ms at the median for wfe, 2 ms for client-1; wfe does not find the key of 44.4 % of its requests, client-1 of 0.79 %",
			[]string{"wfe: 44.4 % of keys not found", "wfe: 1 ms at the median", "client-1: 0.79 % of keys not found", "client-1: 2 ms at the median"}},
		{"latency-over-time", "The 99th percentile of “wfe: allowed, found” reaches 1.3 ms at 14 s, usually 1 ms", []string{"wfe: allowed, found (2,000)", "wfe: allowed, not found (2,000)", "wfe: denied, found (500)",
			"client-1: allowed, found (2,000)", "client-1: allowed, not found (20)", "client-1: denied, found (500)"}},
		{"outcomes-over-time", "14.2 % of decisions are denied; wfe does not find the key of 44.4 % of its requests, client-1 of 0.79 %", []string{"wfe", "client-1"}},
	} {
		list := ofKinds(figures, tt.kind)
		if len(list) != 1 {
			t.Fatalf("%s: %d figures", tt.kind, len(list))
		}
		var titles []string
		for _, p := range list[0].Panels {
			titles = append(titles, p.Title)
		}
		if got := strings.Join(titles, "\n"); got != strings.Join(tt.panels, "\n") {
			t.Errorf("%s: panels\n%s\nexpected\n%s", tt.kind, got, strings.Join(tt.panels, "\n"))
		}
		if list[0].Title != tt.title {
			t.Errorf("%s: got title\n%s, expected\n%s", tt.kind, list[0].Title, tt.title)
		}
	}
	text := textOf(&ofKinds(figures, "latency")[0])
	for part, n := range map[string]int{`line "allowed, not found"`: 2, `line "allowed, not found 44 %"`: 1, `line "allowed, not found <1 %"`: 1} {
		if strings.Count(text, part) != n {
			t.Errorf("%s is expected %d times, found %d: an outcome has one name for all clients, and a share for each:\n%s", part, n, strings.Count(text, part), text)
		}
	}
}

// What is not told apart is said, of each limiter if there are several.
func TestTogetherNote(t *testing.T) {
	s := twoLimiters()
	s.Together = []series.Together{{Limiter: "lua", Clients: []string{"wfe", "ra"}, Why: "hardly differ"}, {Limiter: "boulder", Clients: []string{"a", "b", "c", "d", "e"}, Why: "are more than 4"}}
	for _, kind := range []string{"outcomes-over-time"} {
		notes := strings.Join(ofKinds(drawn([]*series.Set{s}, Options{}), kind)[0].Notes, " ")
		if want := "Of lua clients wfe and ra are drawn together: they hardly differ. Of boulder all 5 clients are drawn together: they are more than 4."; !strings.Contains(notes, want) {
			t.Errorf("%s: notes %q, expected %q", kind, notes, want)
		}
	}
	s = usual()
	s.Together = []series.Together{{Limiter: "boulder", Clients: []string{"wfe", "ra"}, Why: "hardly differ"}}
	for _, f := range ofKinds(drawn([]*series.Set{s}, Options{}), "latency", "latency-over-time", "outcomes-over-time") {
		if notes := strings.Join(f.Notes, " "); !strings.Contains(notes, "Clients wfe and ra are drawn together: they hardly differ.") {
			t.Errorf("%s: notes %q", f.Name, notes)
		}
	}
}

// Records are compared whatever clients they tell apart.
func TestClientsAreComparedTogether(t *testing.T) {
	apart, together := clientsApart(2), clientsApart(2)
	together.Latency, together.Timeline = nil, series.Timeline{}
	for _, o := range apart.Latency[:3] {
		o.Client, o.Service.N, o.Sojourn.N = "", 2*o.Service.N, 2*o.Sojourn.N
		together.Latency = append(together.Latency, o)
	}
	intervals(together, 20, 1, func(int, int) float64 { return 100 })
	together.Manifest.Clock = "real"
	for _, f := range ofKinds(drawn([]*series.Set{apart, together}, Options{}), "compare") {
		text := textOf(&f)
		if strings.Contains(text, "wfe") || strings.Contains(text, "client-1") {
			t.Errorf("%s tells clients apart:\n%s", f.Name, text)
		}
		if n := strings.Count(text, `reaches "allowed, not found"`); f.Name == "compare-latency" && n != 1 {
			t.Errorf("%d lines of allowed, not found in %s:\n%s", n, f.Name, text)
		}
	}
}
