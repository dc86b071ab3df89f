package scenarios

import (
	"os"
	"strings"
	"testing"
)

// example is the text of the indented lines of doc.go that begin with a line.
func example(t *testing.T, first string) string {
	t.Helper()
	data, err := os.ReadFile("scenario.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "//\t"+first+"\n")
	if !ok {
		t.Fatalf("doc.go has no example that begins with %q", first)
	}
	lines := []string{first}
	for line := range strings.Lines(rest) {
		text, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimSuffix(text, "\n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestExamplesOfTheDocumentationDecode: what the package's comment shows works.
func TestExamplesOfTheDocumentationDecode(t *testing.T) {
	mustDecode(t, example(t, "# yaml-language-server: $schema=schema.json"))
	mustDecode(t, example(t, "name: growth"))
	const swept = `name: swept
horizon: 1m
keys: {k: {uniform: {n: 10}}}
traffic: {main: {rate: {ramp: {to: 5/s}}, keys: k}, other: {rate: 1/s, keys: k}}
limiters: {main: {kind: tat, limit: {count: 1, period: 1s}}}
faults: [{at: 5s, for: 1s, frozen: {shard: shard-1}}]
assert: {latency: [max < 1s]}
`
	s := mustDecode(t, swept+example(t, "sweep:"))
	if n := len(s.Sweep.Grid()); n != 2*4*7*2 || s.Sweep.Repeats != 3 || s.Sweep.Find == nil {
		t.Errorf("%d places, %+v", n, s.Sweep)
	}
	for _, place := range s.Sweep.Grid() {
		with(t, s, place, 2)
	}
	g, problems := DecodeGate("gate.yaml", []byte(example(t, "alpha: 5%")))
	if len(problems) > 0 || len(g.Rules) != 5 {
		t.Errorf("%+v, %v", g, problems)
	}
}
