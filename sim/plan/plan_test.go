package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

const base = `
name: base
seed: 5
horizon: 10s
keys:
  a: {as: ipv6, zipf: {n: 1000, s: 1}}
  ranges: {derive: {from: a, prefix: 48}}
  new: {as: id, fresh: {}}
traffic:
  one: {rate: 100/s, keys: a}
  two: {rate: 50/s, keys: new}
limiters: {l: {kind: redis_rate, limit: {count: 10, period: 1s}}}
`

func decode(t testing.TB, text string) *scenarios.Scenario {
	t.Helper()
	s, ps := scenarios.Decode("test.yaml", []byte(text))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return s
}

func compile(t testing.TB, text string) *plan.Plan {
	t.Helper()
	p, ps := plan.Compile(decode(t, text), limiter.Builtin())
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return p
}

// events writes out the arrivals of one source.
func events(p *plan.Plan, source string) []string {
	a := p.Arrivals()
	defer a.Close()
	var list []string
	for {
		e, ok := a.Next()
		if !ok {
			return list
		}
		if p.Sources[e.Source].Name == source {
			list = append(list, fmt.Sprintf("%d %d %s", e.N, e.At, p.Key(e, 0)))
		}
	}
}

func TestArrivalsAreInOrderAndNumbered(t *testing.T) {
	p := compile(t, base)
	a := p.Arrivals()
	defer a.Close()
	last, next := int64(-1), map[int]int64{}
	for {
		e, ok := a.Next()
		if !ok {
			break
		}
		if e.At < last || e.At >= int64(p.Horizon) || e.N != next[e.Source] {
			t.Fatalf("event %+v after instant %d, expected number %d", *e, last, next[e.Source])
		}
		last, next[e.Source] = e.At, e.N+1
	}
	if next[0] < 900 || next[0] > 1100 || next[1] < 400 || next[1] > 600 {
		t.Errorf("%d and %d arrivals, want about 1000 and 500", next[0], next[1])
	}
}

// A source draws the same whatever else is in the file.
func TestSourcesDoNotShiftEachOther(t *testing.T) {
	want := events(compile(t, base), "one")
	for _, c := range []struct{ why, old, new string }{
		{"another source before it", "traffic:\n", "traffic:\n  zero: {rate: 10/s, keys: a}\n"},
		{"no other source", "  two: {rate: 50/s, keys: new}\n", ""},
		{"another population", "keys:\n", "keys:\n  a0: {uniform: {n: 3}}\n"},
		{"another limiter", "limiters: {", "limiters: {k: {kind: redis_rate, limit: {count: 10, period: 1s}}, "},
	} {
		p := compile(t, strings.Replace(base, c.old, c.new, 1))
		got := events(p, "one")
		if c.why == "another population" { // which changes how addresses are written, not which are drawn
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s changed source one:\n%.300s", c.why, d)
		}
	}
	if cmp.Equal(want, events(compile(t, strings.Replace(base, "seed: 5", "seed: 6", 1)), "one")) {
		t.Error("another seed gives the same arrivals")
	}
}

func TestHash(t *testing.T) {
	want := compile(t, base).Hash()
	for _, c := range []struct {
		why, old, new string
		same          bool
	}{
		{"the name is no part of it", "name: base", "name: other", true},
		{"neither is a default written out", "horizon: 10s", "horizon: 10s\nwarmup: 0s", true},
		{"nor is how a number is written", "horizon: 10s", "horizon: 10_000ms", true},
		{"but a connection that is played is", "horizon: 10s", "horizon: 10s\nclients: {default: {connection: {max_retries: 3}}}", false},
		{"and so is a command's time", "horizon: 10s", "horizon: 10s\nshards: {commands: {get: {per_key: 1us}}}", false},
		{"the seed is", "seed: 5", "seed: 6", false},
		{"a rate is", "100/s", "101/s", false},
		{"an option is", "limit: {count: 10", "limit: {count: 11", false},
	} {
		if got := compile(t, strings.Replace(base, c.old, c.new, 1)).Hash(); (got == want) != c.same {
			t.Errorf("%s: hash %s, before %s", c.why, got, want)
		}
	}
}

func TestHashIsOfATracesContentNotItsPlace(t *testing.T) {
	line := `1.2.3.%d - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-"` + "\n"
	hash := func(name, content string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return compile(t, fmt.Sprintf("name: t\nhorizon: 1h\nkeys: {k: {from_trace: {file: %q}}}\ntraffic: {r: {rate: {replay: {file: %q}}}, s: {rate: 1/s, keys: k}}\nlimiters: {l: {kind: tat, limit: {count: 1, period: 1s}}}", file, file)).Hash()
	}
	one, two := fmt.Sprintf(line, 1), fmt.Sprintf(line, 2)
	if hash("a", one) != hash("b", one) || hash("a", one) == hash("a", two) {
		t.Error("the hash follows the trace's place, or does not follow its content")
	}
}

func TestText(t *testing.T) {
	text := compile(t, base).Text()
	for _, want := range []string{"limiter l", "redis_rate", "1000 arrivals expected", "by a", "burst 10", "seed 5"} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan's text lacks %q:\n%s", want, text)
		}
	}
	herd := compile(t, strings.Replace(base, "rate: 100/s", "rate: {herd: {size: 64, every: 2s}}", 1))
	if n := herd.Sources[0].Expected; n != 320 {
		t.Errorf("%v arrivals expected of 5 herds of 64 before the horizon", n)
	}
}

// In real time the plan says which times of shards are of virtual time, where they are
// written; a model is refused what does nothing to it only where no limiter heeds it.
func TestTextSaysWhatIsNotPlayed(t *testing.T) {
	const times = "shards: {service: 1us, commands: {get: {per_byte: 1us}}}\n"
	for clock, want := range map[string]bool{"real": true, "virtual": false} {
		text := compile(t, base+"clock: "+clock+"\n"+times).Text()
		for field, want := range map[string]bool{"service": want, "commands": want, "scripts": false} {
			if got := strings.Contains(strings.Join(strings.Fields(text), " "), field+" of virtual time"); got != want {
				t.Errorf("clock %s: the text says that %s is of virtual time: %t, want %t\n%s", clock, field, got, want, text)
			}
		}
	}
	compile(t, strings.Replace(base, "limiters: {", "limiters: {m: {kind: tat, model: true, limit: {count: 10, period: 1s}}, ", 1)+times)
}
