package scenarios

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/scenarios/decode"
)

const minimal = `name: minimal
horizon: 1m
keys: {k: {uniform: {n: 10}}}
traffic: {t: {rate: 5/s, keys: k}}
limiters: {l: {kind: tat, limit: {count: 3, period: 1s}}}
`

func mustDecode(t *testing.T, text string) *Scenario {
	t.Helper()
	s, problems := Decode("test.yaml", []byte(text))
	if err := problems.Err(); err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	return s
}

func pointer[T any](v T) *T { return &v }

func constant(d time.Duration) Distribution {
	return Distribution{Constant: pointer(Duration(d))}
}

// TestDefaults shows the whole of a minimal scenario: what is not written is
// filled in, so that nobody else has to know defaults.
func TestDefaults(t *testing.T) {
	want := &Scenario{
		Name: "minimal", Seed: 1, Epoch: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Horizon: Duration(time.Minute), Clock: "virtual", Observations: "all", SampleRate: 0.01, UsageBatch: Duration(5 * time.Minute), File: "test.yaml",
		Shards:  Shards{Count: 1, Names: []string{"shard-1"}, Zones: []string{"default"}, Service: constant(0), Scripts: constant(0), Engine: "embedded"},
		Network: Network{RTT: constant(time.Millisecond)},
		Keys:    Named[Population]{{Name: "k", Value: Population{As: "name", Uniform: &UniformKeys{10}}}},
		Clients: Named[Client]{{Name: "default", Value: Client{Does: "take", Instances: 1, ShardNames: []string{"shard-1"}, Zone: "default", Connection: Connection{DialTimeout: 5e9, ReadTimeout: 3e9, WriteTimeout: 3e9, MaxRetries: 3, DialerRetries: 5, Heartbeat: 5e8, Pipelining: "none"}}}},
		Traffic: Named[Traffic]{{Name: "t", Value: Traffic{Rate: RatePattern{Constant: pointer(Rate(5))}, Gaps: Gaps{Poisson: true}, Keys: "k", Cost: Cost{Constant: new(Count(1))},
			Limiters: []string{"l"}, Via: []string{"default"}, OnError: "fail", MaxInFlight: 10_000}}},
		Limiters: Named[Limiter]{{Name: "l", Value: Limiter{Kind: "tat", Limit: &Limit{3, Duration(time.Second), 3}}}},
	}
	got := mustDecode(t, minimal)
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Scenario{}), cmpopts.IgnoreFields(Scenario{}, "Positions")); d != "" {
		t.Error(d)
	}
}

func TestShorthandsMeanTheLongForm(t *testing.T) {
	for _, c := range []struct{ short, long, reason string }{
		{"rate: 5/s", "rate: {constant: 5/s}", "a bare rate is constant"},
		{"rate: 300/m", "rate: 5/s", "units"},
		{"rate: {ramp: {to: 5/s}}", "rate: {ramp: {from: 0/s, to: 5/s, over: 1m}}", "a ramp lasts the horizon"},
		{"rate: {exponential: {from: 5/s, doubling: 1m}}", "rate: {exponential: {from: 5/s, doubling: 60s, over: 1m}}", "so does a growth"},
		{"rate: {then: [{rate: {ramp: {to: 5/s}}, for: 10s}, {rate: 5/s}]}", "rate: {then: [{rate: {ramp: {to: 5/s, over: 10s}}, for: 10s}, {rate: 5/s}]}", "in then it lasts the part"},
		{"rate: {then: [{rate: 5/s, for: 10s}, {rate: {ramp: {to: 5/s}}}]}", "rate: {then: [{rate: 5/s, for: 10s}, {rate: {ramp: {to: 5/s, over: 50s}}}]}", "and the last part what is left"},
		{"rate: {sum: [{ramp: {to: 5/s}}, 1/s]}", "rate: {sum: [{ramp: {to: 5/s, over: 1m}}, {constant: 1/s}]}", "bare rates inside of a sum"},
		{"rate: 5/s, gaps: even", "rate: 5/s, gaps: {even: true}", "gaps by word"},
		{"rate: 5/s", "rate: 5/s, gaps: {poisson: true, even: false}", "poisson by default; an alternative switched off"},
		{"rate: 5/s", "rate: 5/s, on_denial: none", "no reaction by default"},
		{"rate: 5/s", "rate: \"5/s\"", "quotes do not matter"},
	} {
		with := func(rate string) *Scenario { return mustDecode(t, strings.Replace(minimal, "rate: 5/s", rate, 1)) }
		if d := cmp.Diff(with(c.long).Traffic, with(c.short).Traffic); d != "" {
			t.Errorf("%s: %s", c.reason, d)
		}
	}
}

func TestDependentDefaults(t *testing.T) {
	s := mustDecode(t, strings.Replace(strings.Replace(minimal, "traffic: {t: {rate: 5/s, keys: k}}\n", "", 1), "limit: {count: 3, period: 1s}", "limits: {A: {count: 3, period: 1s}}, overrides: [{key: 17, count: 9, period: 1s}]", 1)+
		"shards: {names: [a, b], service: 5us}\nclients: {one: {}, two: {shard_names: [x, y]}}\ntraffic: {t: {rate: 5/s, keys: k, via: [one]}}\n")
	if s.Shards.Count != 2 || len(s.Shards.Zones) != 2 || *s.Shards.Scripts.Constant != Duration(5*time.Microsecond) {
		t.Errorf("count from names, zones for each, scripts as service: %+v", s.Shards)
	}
	one, _ := s.Clients.Get("one")
	two, _ := s.Clients.Get("two")
	if d := cmp.Diff([][]string{{"a", "b"}, {"x", "y"}}, [][]string{one.ShardNames, two.ShardNames}); d != "" {
		t.Error("shard names:", d)
	}
	l, _ := s.Limiters.Get("l")
	if a, _ := l.Limits.Get("A"); a.Burst != 3 || l.Overrides[0].Burst != 9 || l.Overrides[0].Key != "17" {
		t.Errorf("burst is count: %+v", l)
	}
}

// Virtual time plays connections where what it plays of them is written, also
// where that is the default; in real time they are what they are.
func TestPlayedConnections(t *testing.T) {
	for _, c := range []struct {
		clock, connection string
		want              bool
	}{
		{"virtual", "", false},
		{"virtual", "read_timeout: 1s, heartbeat: 1s, context_timeout: true", false},
		{"virtual", "max_retries: 3", true},
		{"virtual", "pool_size: 5", true},
		{"real", "pool_size: 5", false},
	} {
		s := mustDecode(t, minimal+fmt.Sprintf("clock: %s\nclients: {one: {connection: {%s}}}\n", c.clock, c.connection))
		if got := s.Clients[0].Value.Connection.Pooled; got != c.want {
			t.Errorf("%s, {%s}: played %t", c.clock, c.connection, got)
		}
		if problems := s.OnLive(nil); len(problems) > 0 || s.Clients[0].Value.Connection.Pooled {
			t.Errorf("{%s} on live servers: %v, played %t", c.connection, problems, s.Clients[0].Value.Connection.Pooled)
		}
	}
}

func TestPositions(t *testing.T) {
	text := `name: places
horizon: 1m
keys: {k: {uniform: {n: 10}}}
traffic:
  main:
    rate:
      ramp:
        to: 5/s
    keys: k
limiters: {l: {kind: tat, limits: {A: {count: 3, period: 1s}}, options: {write: lua}}}
assert:
  latency{decision=denied,limiter=l}:
    - "max < 5s"
    - {check: "p(99) < 1s"}
  lag: ["max == 0"]
`
	s := mustDecode(t, text)
	for _, c := range []struct {
		path   string
		pos    Pos
		reason string
	}{
		{"", at(1, 1), "the file"},
		{"name", at(1, 7), "a scalar stands at its value"},
		{"traffic", at(4, 1), "a mapping at its key"},
		{"traffic.main", at(5, 3), "a named entry at its name"},
		{"traffic.main.rate.ramp.to", at(8, 13), "deep down"},
		{"traffic.main.rate.ramp.from", at(7, 7), "left out: the nearest written parent"},
		{"traffic.main.gaps", at(5, 3), "left out as well"},
		{"seed", at(1, 1), "left out at the top"},
		{"limiters.l.options.write", at(10, 81), "an option, for the kind's own messages"},
		{"limiters.l.limits.A.burst", at(10, 36), "in a flow mapping"},
		{"assert.0", at(12, 3), "an assertion by index"},
		{"assert.0.limiter", at(12, 35), "a tag's value"},
		{"assert.0.0", at(13, 7), "a condition"},
		{"assert.0.1.check", at(14, 15), "a condition's check"},
		{"assert.1", at(15, 3), "the next"},
	} {
		if got := s.Pos(c.path); got != c.pos {
			t.Errorf("%s (%s): at %v, want %v", c.path, c.reason, got, c.pos)
		}
	}
	if s.Assert[0].Pos != at(12, 3) || s.Assert[0].Conditions[0].Pos != at(13, 7) || s.Assert[0].Conditions[1].Check != "p(99) < 1s" {
		t.Errorf("assertions: %+v", s.Assert)
	}
	if !s.Written("traffic.main.keys") || s.Written("traffic.main.gaps") || s.Written("seed") {
		t.Error("Written confuses what is written with defaults")
	}
}

func TestProblem(t *testing.T) {
	s := mustDecode(t, strings.Replace(minimal, "kind: tat", "kind: tta", 1))
	p := s.Problem("limiters.l.kind", "unknown kind %q", "tta")
	want := "test.yaml:5:22: limiters.l.kind: unknown kind \"tta\"\n" +
		"   5 | limiters: {l: {kind: tta, limit: {count: 3, period: 1s}}}\n" +
		"     |                      ^"
	if d := cmp.Diff(want, Problems{p}.Error()); d != "" {
		t.Error(d)
	}
}

func TestExcerpts(t *testing.T) {
	long := strings.Repeat("é", 200)
	for _, c := range []struct {
		text, want, reason string
	}{
		{"naem: x", "   1 | naem: x\n     | ^", "the caret is below the column"},
		{"name: x\n\n\n\n\n\n\n\n\n\n\nabuot: y", "  12 | abuot: y\n     | ^", "line numbers are aligned"},
		{"about: {" + long + ": 1}", "   1 | about: {" + strings.Repeat("é", 92) + "\n     |        ^", "long lines are cut"},
		{"zipf: [\"" + long + "\", {x: 1}]", "", "columns count characters"},
	} {
		_, problems := Decode("x.yaml", []byte(c.text))
		found := c.want == ""
		for _, p := range problems {
			found = found || p.Excerpt == c.want
		}
		if !found {
			t.Errorf("%s: no excerpt\n%s\nin\n%v", c.reason, c.want, problems)
		}
	}
}

func TestNoProblemsIsNoError(t *testing.T) {
	_, problems := Decode("x.yaml", []byte(minimal))
	if problems.Err() != nil || problems.Error() != "" {
		t.Errorf("got %v", problems)
	}
}

func TestOptionsKeepOrder(t *testing.T) {
	s := mustDecode(t, strings.Replace(minimal, "kind: tat", "kind: tat, options: {z: 1, a: true, m: 5ms}", 1))
	want := Options{{Name: "z", Value: "1"}, {Name: "a", Value: "true"}, {Name: "m", Value: "5ms"}}
	if d := cmp.Diff(want, s.Limiters[0].Value.Options); d != "" {
		t.Error(d)
	}
}

func TestTooLarge(t *testing.T) {
	s, problems := Decode("x.yaml", make([]byte, decode.MaxSize+1))
	if s != nil || len(problems) != 1 || !strings.Contains(problems[0].Msg, "at most 1048576") {
		t.Errorf("got %v, %v", s, problems)
	}
}

// Nesting of every kind is refused before the parser, which takes seconds and
// gigabytes for it.
func TestNestedTooDeeply(t *testing.T) {
	for name, text := range map[string]string{
		"lists": "about: " + strings.Repeat("[", 60_000), "closed lists": "about: " + strings.Repeat("[[],", 20_000),
		"mappings": "about: " + strings.Repeat("{a: ", 30_000), "entries": "about:\n  " + strings.Repeat("- ", 60_000) + "x\n",
		"keys": strings.Repeat("? ", 60_000) + "x\n", "tags": "about: " + strings.Repeat("!!str ", 40_000) + "x", "anchors": "about: " + strings.Repeat("&a ", 60_000) + "x",
	} {
		if s, problems := Decode("x.yaml", []byte(text)); s != nil || len(problems) != 1 || !strings.Contains(problems[0].Msg, "nested too deeply") {
			t.Errorf("%s: got %v, %.3v", name, s, problems)
		}
	}
	if _, problems := Decode("x.yaml", []byte("about: \""+strings.Repeat("[", 60_000)+"\"\nlist:\n"+strings.Repeat("- \n", 1000))); strings.Contains(fmt.Sprint(problems), "nested") {
		t.Errorf("brackets in quotes, and a list of nothing: %.300v", problems)
	}
}

// Many marks are refused before the parser, which takes half a kilobyte for each;
// many mistakes, and long values, are not all shown.
func TestTooMuchInAFile(t *testing.T) {
	for name, text := range map[string]string{"commas": "a: [" + strings.Repeat("x,", 200_000) + "]", "lines": strings.Repeat("#\n", 60_000), "brackets": strings.Repeat("[", 400_000)} {
		if s, problems := Decode("x.yaml", []byte(text)); s != nil || len(problems) != 1 || !strings.Contains(problems[0].Msg, "too much in one file") {
			t.Errorf("%s: got %v, %.3v", name, s, problems)
		}
	}
	var many strings.Builder
	many.WriteString("name: many\n")
	for i := range 3000 {
		fmt.Fprintf(&many, "k%d: 1\n", i)
	}
	if _, problems := Decode("x.yaml", []byte(many.String())); len(problems) != 101 || !strings.Contains(fmt.Sprint(problems), "at least 101 mistakes") {
		t.Errorf("%d problems", len(problems))
	}
	if _, problems := Decode("x.yaml", []byte(strings.Repeat("x", 100_000))); len(problems) != 1 || len(problems.Error()) > 3000 {
		t.Errorf("%d problems, %d bytes", len(problems), len(problems.Error()))
	}
}

// What has no end, no writer or no content of its own is refused at once.
func TestFilesThatAreNone(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	for path, want := range map[string]string{"/dev/zero": "device", "/dev/null": "device", t.TempDir(): "directory", pipe: "an empty file"} {
		if path == pipe {
			if err := exec.Command("mkfifo", pipe).Run(); err != nil {
				continue // no such pipes here
			}
		} else if _, err := os.Stat(path); err != nil {
			continue
		}
		if _, problems, err := Load(path); !strings.Contains(fmt.Sprint(err, problems), want) {
			t.Errorf("%s: %v, %v; expected %q", path, problems, err, want)
		}
	}
}

func at(line, column int) Pos { return Pos{Line: line, Column: column} }

// What YAML allows in no text is refused wherever it stands.
func TestControlCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"# \x00\nname: x": "x.yaml:1:3: expected UTF-8 text, found the control character U+0000", "name: x\nnote: \"\u00e9\x1b\"": "x.yaml:2:9: expected UTF-8 text, found the control character U+001B",
		"name: x\x7f": "U+007F", "name: \ufffe": "U+FFFE", "name: x\xff": "x.yaml:1:8: expected UTF-8 text, found an invalid byte",
	} {
		if _, problems := Decode("x.yaml", []byte(text)); !strings.Contains(problems.Error(), want) {
			t.Errorf("%q: found %q, expected %q", text, problems.Error(), want)
		}
	}
	if _, problems := Decode("x.yaml", []byte("# tab\t, \u0085, \ufffd, e\u0301\r\nname: x\r\n")); strings.Contains(problems.Error(), "control") {
		t.Error(problems)
	}
}

// A file that is no scenario at all may hold secrets: nothing of it is shown.
func TestNothingOfAnotherFileIsShown(t *testing.T) {
	for why, text := range map[string]string{
		"passwords of a system":       "root:*:20228:0:99999:7:::\njoe:geheim:1::::\nname:geheim:1:2\n",
		"one line":                    "geheim",
		"a mapping":                   "user: geheim\ndeep:\n  name: geheim\n",
		"a mapping in braces":         "{\"user\": \"geheim\", \"n\": {\"token\": \"geheim\"}}",
		"a list":                      "- geheim\n- {geheim: 1}\n",
		"no YAML":                     "geheim: [geheim\n: {geheim geheim",
		"a key":                       "-----BEGIN PRIVATE KEY-----\ngeheim==\n-----END PRIVATE KEY-----\n",
		"another byte":                "geheim\xff",
		"too long":                    strings.Repeat("geheim ", decode.MaxSize/7+1),
		"too many lines":              strings.Repeat("geheim\n", 60_000),
		"a tag, an anchor, documents": "!geheim &geheim geheim\n---\ngeheim\n",
	} {
		s, problems := Decode("other", []byte(text))
		if said := problems.Error(); s != nil || len(problems) == 0 || strings.Contains(said, "geheim") || strings.Contains(said, " | ") {
			t.Errorf("%s: %v\n%s", why, s, said)
		}
		if _, problems := DecodeGate("other", []byte(text)); len(problems) == 0 || strings.Contains(problems.Error(), "geheim") {
			t.Errorf("%s as a gate: %s", why, problems)
		}
	}
	for why, text := range map[string]string{
		"one field": "name: x\n", "a mistyped one": "naem: x\n", "indented": "# c\n  name: x\n", "in braces": "{k: 1, \"name\":\"x\"}", "not valid": "name: [x\n", "a mark before": "\ufeffname: x",
		"after a document's beginning": "---\nname: x\n", "quoted": "'name': x\n", "a nested field first": "k:\n  k: 1\nname: x\n",
	} {
		if _, problems := Decode("x.yaml", []byte(text)); !strings.Contains(problems.Error(), " | ") {
			t.Errorf("%s: no excerpt of %s", why, problems)
		}
	}
}
