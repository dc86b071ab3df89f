package plan

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
)

const ofProcess = `name: p
horizon: 1s
keys: {a: {uniform: {n: 3}}}
clients: {web: {instances: 2}}
traffic: {t: {rate: 10/s, keys: a}}
limiters:
  l:
    kind: process
    limit: {count: 10, period: 1s}
    options: {anything: goes}
    process: {command: [node, child.cjs], directory: sub, environment: {A: "{redis}"}, clock: node, time: client, algorithm: fixed_window}
`

// What a process is started by is in the plan, and all but its folder in the hash.
func TestCompileProcess(t *testing.T) {
	compile := func(text string) *Plan {
		s, problems := scenarios.Decode("folder/p.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		p, problems := Compile(s, limiter.Builtin())
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return p
	}
	p := compile(ofProcess)
	l := p.Limiters[0]
	if l.Process == nil || l.Process.Directory != "folder/sub" || l.Process.Environment[0] != "A={redis}" || l.Options["anything"] != "goes" || l.Algorithm != "fixed_window" || l.Kind.ServerTime {
		t.Errorf("compiled %+v of %+v", l, l.Process)
	}
	for _, c := range []struct {
		old, new string
		same     bool
	}{{"sub", "other", true}, {"child.cjs", "other.cjs", false}, {"anything: goes", "anything: else", false}, {"clock: node", "clock: python", false}} {
		if got := compile(strings.Replace(ofProcess, c.old, c.new, 1)).Hash() == p.Hash(); got != c.same {
			t.Errorf("%s instead of %s: same hash %v, expected %v", c.new, c.old, got, c.same)
		}
	}
	if !strings.Contains(p.Text(), "process node child.cjs, clock node, quiet exact") {
		t.Errorf("the plan's text does not name the process:\n%s", p.Text())
	}
}

// A mode that is faster than exact is for what was checked: other files, options
// or arguments are refused, other texts and scenarios are not.
func TestCheckedProcess(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("child.cjs", "first")
	write("lib/more.cjs", "first")
	p := limiter.Process{Command: []string{"node", "child.cjs"}, Directory: dir, Environment: []string{"A={redis}"}, Quiet: limiter.Batched, Clock: "node"}
	digest, err := p.Digest(map[string]string{"anything": "goes"})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("directory: sub, ", "", "clock: node", "clock: node, quiet: batched, checked: \""+digest+"\"").Replace(ofProcess)
	compile := func(text string) error {
		s, problems := scenarios.Decode(filepath.Join(dir, "p.yaml"), []byte(text))
		if len(problems) == 0 {
			_, problems = Compile(s, limiter.Builtin())
		}
		if len(problems) > 0 {
			return problems
		}
		return nil
	}
	for _, name := range []string{"README.md", "p.yaml", "node_modules/x/index.js", ".git/index"} {
		write(name, "not the program's own")
	}
	if err := compile(text); err != nil {
		t.Errorf("as it was checked: %v", err)
	}
	want := "limiters.l.process.checked: expected "
	for old, new := range map[string]string{"child.cjs": "other.cjs", "goes": "went", "{redis}": "{redis.shard-1}", "quiet: batched": "quiet: fast", "clock: node": "clock: python"} {
		if err := compile(strings.ReplaceAll(text, old, new)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s instead of %s: %v, expected %q", new, old, err, want)
		}
	}
	write("lib/more.cjs", "second")
	if err := compile(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), digest) {
		t.Errorf("another file: %v, expected %q", err, want)
	}
}

// Every mistake in a process has its place in the file.
func TestProcessProblems(t *testing.T) {
	http := strings.NewReplacer("kind: process", "kind: http", "algorithm: fixed_window", "request: {path: /take, headers: [\"X-Key: {key}\"]}")
	for _, c := range []struct{ why, old, new, want string }{
		{"no process", "    process: {command: [node, child.cjs], directory: sub, environment: {A: \"{redis}\"}, clock: node, time: client, algorithm: fixed_window}\n", "", "p.yaml:8:11: limiters.l.kind: missing field process"},
		{"a process of a kind without", "kind: process", "kind: tat", "kind tat has no option"},
		{"a process of another kind", "kind: process\n    limit: {count: 10, period: 1s}\n    options: {anything: goes}", "kind: tat\n    limit: {count: 10, period: 1s}", "p.yaml:10:5: limiters.l.process: kind tat has no program of its own"},
		{"no command", "command: [node, child.cjs]", "command: []", "p.yaml:11:15: limiters.l.process.command: "},
		{"the wall clock", "clock: node", "clock: none", "p.yaml:11:107: limiters.l.process.time: time: client is the time of the program"},
		{"no such clock", "clock: node", "clock: nodd", "p.yaml:11:95: limiters.l.process.clock: expected one of node, python, preload, none, found \"nodd\""},
		{"no such algorithm", "algorithm: fixed_window", "algorithm: fixed_windw", "no algorithm \"fixed_windw\""},
		{"no such quiet", "clock: node", "quiet: hope", "expected one of exact, fast, batched, found \"hope\""},
		{"fast and not checked", "clock: node", "quiet: fast", "p.yaml:11:95: limiters.l.process.quiet: quiet: fast needs the field checked"},
		{"exact and checked", "clock: node", "checked: abc", "limiters.l.process.checked: checked is for quiet: fast and batched"},
		{"a service in batches", ofProcess, strings.Replace(http.Replace(ofProcess), "clock: node", "quiet: batched, checked: abc", 1), "quiet: batched is for programs that read lines"},
		{"checked with files that are not there", "clock: node", "quiet: batched, checked: abc", "limiters.l.process.checked: what was checked cannot be compared with the program: "},
		{"no time to be ready", "clock: node", "ready_within: 0s", "limiters.l.process.ready_within: "},
		{"a request", "algorithm: fixed_window", "request: {path: /}", "only kind http is asked by requests"},
		{"a running child", "command: [node, child.cjs]", "url: http://127.0.0.1:1", "p.yaml:11:20: limiters.l.process.url: only services are asked at a URL"},
		{"a running service in virtual time", ofProcess, strings.Replace(http.Replace(ofProcess), "command: [node, child.cjs]", "url: http://127.0.0.1:1", 1), "p.yaml:11:20: limiters.l.process.url: a service that is running already has the wall clock and a Redis of its own, so it is measured in real time only"},
		{"a running service that is started", ofProcess, strings.Replace(http.Replace(ofProcess), "command:", "url: http://127.0.0.1:1, command:", 1), "limiters.l.process.url: url is of a service that is running already"},
		{"a URL that is none", ofProcess, strings.NewReplacer("command: [node, child.cjs]", "url: 127.0.0.1", "horizon: 1s", "horizon: 1s\nclock: real").Replace(http.Replace(ofProcess)), "expected http://HOST:PORT, https://HOST:PORT or unix:///PATH, found \"127.0.0.1\""},
		{"a descriptor of another kind", "algorithm: fixed_window", "descriptor: {entries: {a: b}}", "only kind envoy_rls is asked by descriptors"},
		{"an Envoy service without a descriptor", "kind: process", "kind: envoy_rls", "limiters.l.process.descriptor: missing field descriptor"},
		{"a cluster", "kind: process", "kind: process\n    cluster: true", "p.yaml:9:14: limiters.l.cluster: kind process has shards that are no Redis Cluster"},
		{"a fault of names", "horizon: 1s", "horizon: 1s\nfaults: [{at: 0s, rename: {shard: shard-1, to: x}}]", "p.yaml:3:10: faults.0: rename cannot happen to limiter l"},
		{"another engine", "horizon: 1s", "horizon: 1s\nshards: {engine: redis}", "p.yaml:3:18: shards.engine: limiter l is a process of its own"},
		{"go-redis' connection", "instances: 2", "instances: 2, connection: {read_timeout: 1s}", "p.yaml:4:31: clients.web.connection: limiter l is a process"},
		{"a caller that does not wait", "keys: a}}", "keys: a, deadline: 1s}}", "limiter l is a process of its own, whose answer is awaited in virtual time"},
		{"a service without a request", ofProcess, strings.Replace(ofProcess, "kind: process", "kind: http", 1), "missing field request"},
		{"a service with a path that is none", ofProcess, strings.Replace(http.Replace(ofProcess), "/take", "take", 1), "expected a path such as"},
		{"a service with a header that is none", ofProcess, strings.Replace(http.Replace(ofProcess), "X-Key:", "X-Key", 1), "expected a header such as"},
	} {
		text := strings.Replace(ofProcess, c.old, c.new, 1)
		s, problems := scenarios.Decode("p.yaml", []byte(text))
		if problems = append(problems, Check(s, limiter.Builtin())...); len(problems) == 0 {
			_, problems = Compile(s, limiter.Builtin())
		}
		if got := problems.Error(); !strings.Contains(got, c.want) {
			t.Errorf("%s: expected %q, found:\n%s", c.why, c.want, got)
		}
	}
}

// Other systems do not show when a program has nothing left to do.
func TestProcessNeedsLinux(t *testing.T) {
	s, _ := scenarios.Decode("p.yaml", []byte(ofProcess))
	out := Limiter{Kind: limiter.Builtin()["process"]}
	if got := compileProcess(s, "limiters.l", s.Limiters[0].Value, &out, "darwin").Error(); !strings.Contains(got, "kind process needs Linux") {
		t.Errorf("on darwin: %s", got)
	}
}
