package certify

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// quiet is a Monitor that shows nothing.
type quiet struct{}

func (quiet) Begin(int, string) {}
func (quiet) Done()             {}
func (quiet) Run(string, *plan.Plan) (func(int64, int64), func()) {
	return nil, func() {}
}
func (quiet) Note(string, ...any) {}

// kinds are the built-in ones and the doubles, each called as what is ill in it.
func kinds() limiter.Kinds {
	doubles := limiter.Kinds{"well": double("")}
	for _, p := range PropertyNames() {
		doubles["ill-"+p] = double(p)
	}
	return limiter.Builtin().With(doubles)
}

// examine examines kinds, of the properties that are named, or of all.
func examine(t *testing.T, properties []string, given ...Given) *Result {
	t.Helper()
	var subjects []*Subject
	for _, g := range given {
		more, err := Subjects(kinds(), g)
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, more...)
	}
	r, err := (&Battery{Loader: &campaign.Loader{Kinds: kinds()}, Monitor: quiet{}, Only: properties}).Run(context.Background(), subjects)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// brokenIn lists the properties that are broken, with what was found.
func (c *Certificate) brokenIn() (names, texts []string) {
	for _, p := range c.Properties {
		if p.Verdict == Broken {
			names, texts = append(names, p.Name), append(texts, p.Case+": "+p.Text)
		}
	}
	return names, texts
}

// TestEachDoubleBreaksExactlyItsProperty: nothing is wrong with the double in which
// nothing is, and each other is found to be ill where it is and nowhere else. The doubles
// of change are kinds that quotalab comes with: a log goes on when its limit changes, and a
// theoretical arrival time means other tokens than before.
func TestEachDoubleBreaksExactlyItsProperty(t *testing.T) {
	testkit.Live(t, "plays the whole battery a dozen times")
	given := []Given{{Name: "well"}, {Name: "sliding_log", Options: map[string]string{"member": "unique"}}, {Name: "tat", Options: map[string]string{"write": "lua"}}}
	for _, p := range PropertyNames() {
		if p != "change" {
			given = append(given, Given{Name: "ill-" + p})
		}
	}
	for _, c := range examine(t, nil, given...).Limiters {
		var want []string
		ill, double := strings.CutPrefix(c.Limiter, "ill-")
		switch {
		case double:
			want = []string{ill}
		case c.Kind == "tat":
			want = []string{"change"}
		}
		broken, texts := c.brokenIn()
		if double || c.Kind == "well" { // they take no other limits while they run
			if i := slices.Index(broken, "change"); i >= 0 {
				broken, texts = slices.Delete(broken, i, i+1), slices.Delete(texts, i, i+1)
			}
		}
		if !slices.Equal(broken, want) {
			t.Errorf("%s: broken are %q, expected %q:\n%s", c.Limiter, broken, want, strings.Join(texts, "\n"))
		}
		for _, p := range c.Properties {
			if p.Verdict == NotExamined && (double || c.Kind == "well") {
				t.Errorf("%s: %s was not examined: %s", c.Limiter, p.Name, p.Text)
			}
		}
	}
}

// TestIllDoublesAreToldFromTheWell by the property that is ill, and that alone: the cheap part of
// the test above.
func TestIllDoublesAreToldFromTheWell(t *testing.T) {
	for _, p := range []string{"race", "reset", "hygiene"} {
		r := examine(t, []string{p}, Given{Name: "well"}, Given{Name: "ill-" + p})
		if well, ill := r.Limiters[0].verdict(p), r.Limiters[1].verdict(p); well != Holds || ill != Broken {
			t.Errorf("%s: %s of the well one and %s of the ill one: %s / %s", p, well, ill, r.Limiters[0].Properties[0].Text, r.Limiters[1].Properties[0].Text)
		}
	}
}

// TestChangeIsToldApart: a counter of a window counts on, while the instant at which a
// bucket is full means other tokens than before, and a log loses nothing.
func TestChangeIsToldApart(t *testing.T) {
	r := examine(t, []string{"change"}, Given{Name: "fixed_window", Options: map[string]string{"windows": "unix"}},
		Given{Name: "tat", Options: map[string]string{"write": "lua"}}, Given{Name: "sliding_log", Options: map[string]string{"member": "unique"}})
	for i, want := range []Verdict{Holds, Broken, Holds} {
		if got := r.Limiters[i].verdict("change"); got != want {
			t.Errorf("%s: %s, expected %s: %s", r.Limiters[i].Limiter, got, want, r.Limiters[i].Properties[0].Text)
		}
	}
}

// TestNumbersMeasuredByHand: what was found of these limiters before, by hand.
func TestNumbersMeasuredByHand(t *testing.T) {
	write := func(how string) Given { return Given{Name: "tat", Options: map[string]string{"write": how}} }
	given := []Given{write("set"), write("incr"), write("setnx")}
	if testkit.IsLive() {
		given = append(given, write("lua"), Given{Name: "redis_rate"}, Given{Name: "boulder"})
	}
	r := examine(t, []string{"race", "window"}, given...)
	for _, c := range []struct {
		limiter, name string
		least, most   float64 // over-admitted
	}{
		{"tat-set", "race/fresh-100", 412, 412},
		{"tat-incr", "race/fresh-100", 92, 92},
		{"tat-incr", "window/idle-10", 10, 10}, {"tat-incr", "window/idle-50", 50, 50},
		{"tat-setnx", "race/fresh-100", 28, 29}, {"tat-setnx", "race/live-100", 28, 29}, {"tat-setnx", "race/stale-100", 91, 94}, {"tat-setnx", "race/fresh-1", 58, 63},
		{"boulder", "race/fresh-100", 28, 29}, {"boulder", "race/stale-100", 91, 94}, {"boulder", "race/fresh-1", 58, 63},
		{"tat-lua", "race/fresh-100", 0, 0}, {"redis_rate", "race/fresh-100", 0, 0},
	} {
		at := slices.IndexFunc(r.Limiters, func(x Certificate) bool { return x.Limiter == c.limiter })
		if at < 0 && !testkit.IsLive() {
			continue
		}
		n := -1.0
		for _, p := range r.Limiters[at].Properties {
			for _, k := range p.Cases {
				if k.Name == c.name {
					n = number(k)
				}
			}
		}
		if n < c.least || n > c.most {
			t.Errorf("%s, %s: %v over-admitted, expected %v to %v", c.limiter, c.name, n, c.least, c.most)
		}
	}
}

// TestResultIsTheSameEveryTime, byte for byte.
func TestResultIsTheSameEveryTime(t *testing.T) {
	var texts [2]bytes.Buffer
	for i := range texts {
		if err := examine(t, []string{"window", "telemetry"}, Given{Name: "tat"}).WriteJSON(&texts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := texts[0].String(), texts[1].String(); a != b {
		t.Errorf("the results differ:\n%s\n%s", a, b)
	}
}

// TestRequiredWhatIsNotExaminedFails: not to know is not to hold.
func TestRequiredWhatIsNotExaminedFails(t *testing.T) {
	r := examine(t, []string{"race", "telemetry"}, Given{Name: "tat"})
	if err := r.Judge([]string{"race", "race/fresh-1"}); err != nil {
		t.Error(err)
	}
	err := r.Judge([]string{"race", "telemetry"})
	if campaign.StatusOf(err) != campaign.AssertionFailed || !strings.Contains(err.Error(), "tat: telemetry: not examined") {
		t.Errorf("found %v, expected that telemetry is not known to hold", err)
	}
}
