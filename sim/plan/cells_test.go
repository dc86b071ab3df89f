package plan_test

import (
	"strings"
	"testing"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

const swept = `name: swept
horizon: 10s
keys: {k: {uniform: {n: 1000}}}
traffic: {main: {rate: 100/s, keys: k}}
limiters: {l: {kind: tat, limit: {count: 10, period: 1s}}}
` + axes + judged

const axes = `sweep:
  repeats: 3
  axes:
    shards.count: [1, 2, 4]
    limiters.l.kind: [boulder, tat]
    traffic.main.rate: {from: 100/s, to: 400/s, factor: 2}
    network.rtt.lognormal.median: [1ms, 2ms]
    network.rtt.lognormal.p99: [5ms]
`

const judged = `assert:
  over_admission: ["count == 0"]
`

func hashOf(t *testing.T, s *scenarios.Scenario, settings []scenarios.Setting, repeat int) string {
	t.Helper()
	cell, problems := s.With(settings, repeat)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p, problems := plan.Compile(cell, limiter.Builtin())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p.Hash()
}

// A cell's directory is named by its plan's hash: no two cells may share one.
func TestCellsHaveHashesOfTheirOwn(t *testing.T) {
	s := decode(t, swept)
	seen := map[string]string{}
	for _, place := range s.Sweep.Grid() {
		for repeat := range int(s.Sweep.Repeats) {
			hash, cell := hashOf(t, s, place, repeat), strings.TrimSpace(strings.Repeat("again ", repeat))
			for _, set := range place {
				cell += " " + set.Path + "=" + set.Value
			}
			if other, taken := seen[hash]; taken {
				t.Errorf("%s and %s have one hash", other, cell)
			}
			seen[hash] = cell
			if again := hashOf(t, s, place, repeat); again != hash {
				t.Errorf("%s: %s, and a second time %s", cell, hash, again)
			}
		}
	}
	if len(seen) != 3*2*3*2*3 {
		t.Errorf("%d cells", len(seen))
	}
}

// What does not change a cell does not change its hash, so that a changed
// sweep plays only what is new.
func TestHashOfACellIsOfWhatItPlays(t *testing.T) {
	place := []scenarios.Setting{{Path: "shards.count", Value: "4"}, {Path: "traffic.main.rate", Value: "200/s"}}
	want := hashOf(t, decode(t, swept), place, 1)
	for _, c := range []struct{ why, text string }{
		{"without the sweep", strings.Replace(swept, axes, "", 1)},
		{"with the sweep elsewhere, so that assertions move", strings.Replace(strings.Replace(swept, axes, "", 1), judged, judged+axes, 1)},
		{"with other values", strings.Replace(swept, "[1, 2, 4]", "[1, 3, 4, 5]", 1)},
		{"with a comment", "# why\n" + swept},
	} {
		if got := hashOf(t, decode(t, c.text), place, 1); got != want {
			t.Errorf("%s: %s, want %s", c.why, got, want)
		}
	}
	written := strings.NewReplacer("rate: 100/s", "rate: 200/s", "keys: {k:", "shards: {count: 4}\nkeys: {k:").Replace(swept)
	if got := hashOf(t, decode(t, written), nil, 1); got != want {
		t.Errorf("with the values written out: %s, want %s", got, want)
	}
	respelt := []scenarios.Setting{{Path: "traffic.main.rate", Value: "12_000/m"}, {Path: "shards.count", Value: "4"}}
	if got := hashOf(t, decode(t, swept), respelt, 1); got != want {
		t.Errorf("in another spelling and order: %s, want %s", got, want)
	}
	if whole := compile(t, swept).Hash(); whole != hashOf(t, decode(t, swept), nil, 0) || whole != compile(t, strings.Replace(swept, axes, "", 1)).Hash() {
		t.Error("the scenario as written, with nothing set and without its sweep are not one plan")
	}
	for _, c := range []struct{ why, old, new string }{
		{"another assertion", "count == 0", "count == 1"},
		{"another seed", "horizon: 10s", "horizon: 10s\nseed: 2"},
	} {
		if got := hashOf(t, decode(t, strings.Replace(swept, c.old, c.new, 1)), place, 1); got == want {
			t.Errorf("%s has the same hash", c.why)
		}
	}
}

func TestTextCountsCells(t *testing.T) {
	for _, c := range []struct{ sweep, want string }{
		{"repeats: 3", "sweep            3 cells: 3 repeats\n"},
		{"axes: {shards.count: [1, 2], horizon: [1s, 2s, 3s]}, repeats: 3", "sweep            18 cells: 2 of shards.count × 3 of horizon × 3 repeats\n"},
		{"axes: {shards.count: [1, 2], horizon: [1s, 2s]}, mode: zip, repeats: 2", "sweep            4 cells: 2 of shards.count with 2 of horizon × 2 repeats\n"},
		{"find: {axis: traffic.main.rate, from: 1/s, to: 9/s}", "sweep            1 cell; in each a search of traffic.main.rate from 1/s to 9/s\n"},
		{"axes: {shards.count: [1]}, find: {axis: traffic.main.rate, from: 1/s, to: 9/s}", "sweep            1 cell: 1 of shards.count; in each a search of traffic.main.rate from 1/s to 9/s\n"},
	} {
		if text := compile(t, strings.Replace(swept, axes, "sweep: {"+c.sweep+"}\n", 1)).Text(); !strings.Contains(text, "\n"+c.want) {
			t.Errorf("%s is not in\n%s", c.want, text)
		}
	}
}
