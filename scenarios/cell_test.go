package scenarios

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// played compares what scenarios play, not where it stands.
var played = cmp.Options{
	cmpopts.IgnoreUnexported(Scenario{}), cmpopts.IgnoreFields(Scenario{}, "Positions", "Sweep", "Columns"),
	cmpopts.IgnoreFields(Assertion{}, "Pos"), cmpopts.IgnoreFields(Condition{}, "Pos"),
}

func with(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *Scenario, settings []Setting, repeat int) *Scenario {
	t.Helper()
	cell, problems := s.With(settings, repeat)
	if len(problems) > 0 {
		t.Fatalf("%v: %v", settings, problems)
	}
	return cell
}

func TestNothingSetIsTheScenario(t *testing.T) {
	texts := []string{minimal, watched, everyField, "\ufeff" + minimal, strings.ReplaceAll(minimal, "\n", "\r\n")}
	for _, name := range Shipped() {
		data, _ := Source(name)
		texts = append(texts, string(data))
	}
	for _, text := range texts {
		s := mustDecode(t, text)
		cell := with(t, s, nil, 0)
		if d := cmp.Diff(s, cell, played); d != "" {
			t.Errorf("%s: %s", s.Name, d)
		}
		if cell.Sweep != nil || cell.Written("sweep") {
			t.Errorf("%s: a cell has a sweep", s.Name)
		}
		for path, pos := range cell.Positions {
			if s.Positions[path] != pos {
				t.Errorf("%s: %s is at %v, in the cell at %v", s.Name, path, s.Positions[path], pos)
			}
		}
	}
}

// written is a scenario with a place for each field of values, and for what a
// setting has to add: in block style, in flow style, to a mapping that is there
// and to one that is not.
const written = `name: places
horizon: 1m
keys: {k: {uniform: {n: %s}}}
clients: {one: {zone: z%s}, two: {}}
network:
  links:
    - {from: z, to: default, rtt: 1ms}
    - {from: default, to: default, rtt: %s}
traffic:
  block:
    keys: k
    via: [one, two]
    rate: {ramp: {from: 1/s, to: %s}}
    gaps: %s
  flow: {rate: 5/s, keys: k, via: [one]%s}
limiters:
  l:
    kind: %s
    limit: {count: 3, period: 1s}
%s
%s`

// TestCellIsTheFileWithTheValuesWrittenOut is the property that With rests on.
func TestCellIsTheFileWithTheValuesWrittenOut(t *testing.T) {
	s := mustDecode(t, fmt.Sprintf(written, "10", "", "2ms", "2/s", "poisson", "", "tat", "", ""))
	rapid.Check(t, func(t *rapid.T) {
		number := func(label string) int { return rapid.IntRange(1, 999).Draw(t, label) }
		n, rate, instances, cost, seed, rtt := number("n"), number("rate"), number("instances"), number("cost"), number("seed"), number("rtt")
		kind := rapid.SampledFrom([]string{"tat", "boulder", "always"}).Draw(t, "kind")
		settings := rapid.Permutation([]Setting{
			{"keys.k.uniform.n", fmt.Sprint(n)},
			{"clients.one.instances", fmt.Sprint(instances)},
			{"network.links.1.rtt", fmt.Sprintf("%dus", rtt)},
			{"traffic.block.rate.ramp.to", fmt.Sprintf("%d/m", rate)},
			{"traffic.block.gaps", "even"},
			{"traffic.flow.cost", fmt.Sprint(cost)},
			{"traffic.flow.gaps.gamma.cv", "0.5"},
			{"limiters.l.kind", kind},
			{"limiters.l.options.write", "lua"},
			{"limiters.l.options.again", "1"},
			{"seed", fmt.Sprint(seed)},
		}).Draw(t, "settings")
		options := "    options: {write: lua, again: 1}"
		if slices.Index(settings, Setting{"limiters.l.options.again", "1"}) < slices.Index(settings, Setting{"limiters.l.options.write", "lua"}) {
			options = "    options: {again: 1, write: lua}"
		}
		want, problems := Decode("test.yaml", fmt.Appendf(nil, written, fmt.Sprint(n), fmt.Sprintf(", instances: %d", instances), fmt.Sprintf("%dus", rtt), fmt.Sprintf("%d/m", rate),
			"even", fmt.Sprintf(", cost: %d, gaps: {gamma: {cv: 0.5}}", cost), kind, options, fmt.Sprintf("seed: %d\n", seed)))
		if len(problems) > 0 {
			t.Fatalf("%v", problems)
		}
		cell := with(t, s, settings, 0)
		same(t, "the file", want, cell)
		same(t, "a second time", cell, with(t, s, settings, 0))
		again := with(t, s, settings, 7)
		if again.Seed == cell.Seed || again.Seed >= 1<<53 || again.Seed == with(t, s, settings, 8).Seed {
			t.Fatalf("seed %d of repeat 7, %d of the cell", again.Seed, cell.Seed)
		}
		same(t, "a repeat", again, with(t, s, settings, 7))
		again.Seed = cell.Seed
		same(t, "a repeat but for its seed", cell, again)
	})
}

// same compares as cmp.Diff with played does, in less time.
func same(t *rapid.T, what string, want, got *Scenario) {
	t.Helper()
	text := func(s Scenario) string {
		s.Positions, s.Sweep = nil, nil
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if text(*want) != text(*got) {
		t.Fatalf("%s: %s", what, cmp.Diff(want, got, played))
	}
}

// TestMistakesOfACellStandInTheSweep: a value that does not go with the rest
// is told where the sweep gives it, or where the rest does not go with it.
func TestMistakesOfACellStandInTheSweep(t *testing.T) {
	for _, c := range []struct {
		axis, place string
		repeat      int
		want        []string
		reason      string
	}{
		{"warmup: [10s, 1m]", "1", 0, []string{"12:30: warmup: expected less than the horizon of 1m, found 1m: nothing would be measured"}, "a value beside what is written"},
		{"warmup: {from: 20s, to: 60s, step: 20s}", "2", 0, []string{"12:24: warmup: expected less than the horizon of 1m, found 1m: nothing would be measured"}, "one of a range"},
		{"shards.count: [3, 4]", "1", 0, []string{"4:3: shards.zones: expected 4 zones, one for each shard, found 3"}, "what is written beside a value"},
		{"traffic.main.gaps.gamma.cv: [-1]", "", 0, nil, "decoded while the sweep is"},
		{"traffic.main.rate: [1/s]", "0", 3, []string{}, "nothing is wrong"},
		{"limiters.main.limits.a.count: [1]", "", 0, nil, "no such entry"},
		{"network.rtt.lognormal.p99: [2ms]", "0", 0, []string{"12:16: network.rtt.lognormal.median: missing field median: median"}, "what an added mapping lacks"},
	} {
		s, problems := Decode("x.yaml", []byte(sweeping+"sweep: {axes: {"+c.axis+"}}\n"))
		if c.want == nil {
			if len(problems) == 0 {
				t.Errorf("%s: no problem", c.reason)
			}
			continue
		}
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.reason, problems)
			continue
		}
		at, err := strconv.Atoi(c.place)
		if err != nil {
			t.Fatal(err)
		}
		_, problems = s.With(s.Sweep.Grid()[at], c.repeat)
		got := []string{}
		for _, p := range problems {
			got = append(got, strings.TrimPrefix(p.Error(), "x.yaml:"))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.reason, d)
		}
	}
}

func TestSettingsThatDoNotExist(t *testing.T) {
	s := mustDecode(t, sweeping+"sweep:\n  axes: {shards.count: [1]}\n")
	for path, want := range map[string]string{
		"shards.cuont":     `12:1: sweep: shards.cuont: unknown field "cuont" (did you mean "count"?)`,
		"trafic.main.rate": `12:1: sweep: trafic.main.rate: unknown field "trafic" (did you mean "traffic"?)`,
		"name":             "12:1: sweep: name: a scenario keeps its name: records and tables are told apart by the axes",
		"":                 "12:1: sweep: : expected the path of a field such as shards.count, found nothing",
	} {
		_, problems := s.With([]Setting{{path, "1"}}, 0)
		if len(problems) != 1 || problems[0].Error() != "test.yaml:"+want {
			t.Errorf("%q: got %v, want %s", path, problems, want)
		}
	}
	if _, problems := mustDecode(t, minimal).With([]Setting{{"shards.count", "many"}}, 0); len(problems) != 1 || problems[0].Pos != at(1, 1) {
		t.Errorf("without a sweep: %v", problems)
	}
}
