package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/quotalab/quotalab/scenarios/decode"
)

const gateFile = `# yaml-language-server: $schema=gate.schema.json
alpha: 1%
runs: 20
rules:
  - {metric: "latency{decision=denied}", aggregation: p99, scenario: "live-*", clock: real, worse: 10%}
  - metric: over_admission
    exact: true
  - {clock: virtual, worse: 0}
  - {scenario: retry-storm, ignore: true}
`

func TestLoadGate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gate.yaml")
	if err := os.WriteFile(file, []byte(gateFile), 0o600); err != nil {
		t.Fatal(err)
	}
	g, problems, err := LoadGate(file)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	want := &Gate{Alpha: 0.01, Runs: 20, Rules: []GateRule{
		{Metric: "latency{decision=denied}", Aggregation: "p99", Scenario: "live-*", Clock: "real", Worse: 0.1},
		{Metric: "over_admission", Exact: true},
		{Clock: "virtual"},
		{Scenario: "retry-storm", Ignore: true},
		{Clock: "virtual", Exact: true}, {Clock: "real", Worse: 0.05},
	}}
	if d := cmp.Diff(want, g); d != "" {
		t.Error(d)
	}
	if _, _, err := LoadGate(filepath.Join(t.TempDir(), "gate.yaml")); err == nil || !strings.Contains(err.Error(), "reading the gate") {
		t.Errorf("a missing file: %v", err)
	}
}

// TestDefaultGate: a file that says nothing means what no file means.
func TestDefaultGate(t *testing.T) {
	for _, text := range []string{"alpha: 5%\n", "runs: 10\n", "{}\n"} {
		g, problems := DecodeGate("gate.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if d := cmp.Diff(DefaultGate(), g); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}

func TestWrongGates(t *testing.T) { wrongFiles(t, "testdata/wrong-gates/*.yaml", 8) }

func TestGateObeysItsSchema(t *testing.T) {
	r := resolved(t, GateSchema())
	if err := r.Validate(instance(t, []byte(gateFile))); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ old, new, reason string }{
		{"alpha: 1%", "alhpa: 1%", "unknown field"},
		{"runs: 20", "runs: 5", "too few runs"},
		{"aggregation: p99", "aggregation: p95", "no such aggregation"},
		{"clock: real", "clock: wall", "no such clock"},
		{"exact: true", "exact: true\n    worse: 5%", "two ways to judge"},
		{"    exact: true", "    clock: real", "no way to judge"},
		{"exact: true", "exact: yes please", "not true or false"},
	} {
		text := strings.Replace(gateFile, c.old, c.new, 1)
		if text == gateFile {
			t.Fatalf("%s: %q is not in the text", c.reason, c.old)
		}
		if err := r.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("%s: %q obeys the schema", c.reason, c.new)
		}
		if _, problems := DecodeGate("gate.yaml", []byte(text)); len(problems) == 0 {
			t.Errorf("%s: the decoder accepts %q", c.reason, c.new)
		}
	}
}

// TestGateSchemaIsCommitted keeps gate.schema.json, which a gate.yaml can name
// in its first line, the one that GateSchema makes.
func TestGateSchemaIsCommitted(t *testing.T) {
	got, err := decode.WriteSchema(GateSchema())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "gate.schema.json", string(got))
}

func FuzzDecodeGate(f *testing.F) {
	f.Add([]byte(gateFile))
	addFiles(f, "testdata/wrong-gates/*.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		g, problems := DecodeGate("gate.yaml", data)
		inside(t, data, problems)
		if g == nil && len(problems) == 0 {
			t.Error("neither a gate nor a problem")
		}
	})
}
