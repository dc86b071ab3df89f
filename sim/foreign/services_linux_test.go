package foreign_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/summary"
)

// naive reads, then writes, and reports whether a key has room for one more
// below a hundred.
func naive(client *redis.Client, key string) (bool, error) {
	n, err := client.Get(context.Background(), key).Int()
	if err != nil && !errors.Is(err, redis.Nil) || n >= 100 {
		return false, err
	}
	return true, client.Set(context.Background(), key, n+1, 0).Err()
}

func listen() net.Listener {
	l, err := net.Listen("unix", os.Getenv("LISTEN"))
	if err != nil {
		panic(err)
	}
	return l
}

// serveHTTP is a service as any.
func serveHTTP() {
	client := redisAt(os.Getenv("REDIS"))
	panic(http.Serve(listen(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server-Timing", "total;dur=0.25")
		allowed, err := naive(client, os.Getenv("PREFIX")+r.URL.Query().Get("key"))
		switch {
		case err != nil:
			w.WriteHeader(http.StatusInternalServerError)
		case !allowed:
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})))
}

// raw is a codec that leaves messages as they are.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...)
	return nil
}

// serveRLS is Envoy's rate limit service on google.golang.org/grpc.
func serveRLS() {
	client := redisAt(os.Getenv("REDIS"))
	should := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in []byte
		if err := decode(&in); err != nil {
			return nil, err
		}
		allowed, err := naive(client, os.Getenv("PREFIX")+string(in)) // one key for each request's bytes
		if err != nil {
			return nil, err
		}
		code := uint64(2)
		if allowed {
			code = 1
		}
		out := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), code)
		return &out, nil
	}
	s := grpc.NewServer(grpc.ForceServerCodec(raw{}))
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "envoy.service.ratelimit.v3.RateLimitService", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "ShouldRateLimit", Handler: should}}}, struct{}{})
	panic(s.Serve(listen()))
}

// service is the race with the test's own binary as a service.
func service(t *testing.T, mode string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{"http": "request: {path: \"/take?key={key}\"}", "rls": "descriptor: {entries: {remote_address: \"{key}\"}}"}[mode]
	kind := map[string]string{"http": "http", "rls": "envoy_rls"}[mode]
	process := fmt.Sprintf("    process: {command: [%q], environment: {%s: %s, LISTEN: \"{listen}\", REDIS: \"{redis}\", PREFIX: \"{prefix}\"}, algorithm: fixed_window_first_hit, %s}\n", path, childMode, mode, asked)
	return strings.Replace(race(t, 64, "", process), "kind: process", "kind: "+kind, 1)
}

// Services in Go without any shim are raced in virtual time: each run is the
// same, and all are admitted.
func TestServicesInVirtualTime(t *testing.T) {
	testkit.Live(t, "starts services")
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, mode := range []string{"http", "rls"} {
		first, again := playOf(t, ".", service(t, mode)), playOf(t, ".", service(t, mode))
		if first.allowed != 512 || first.errors > 0 || first.trips[2] != 512 || first.hash != again.hash {
			t.Errorf("%s: %d allowed, %d failed, %d in two round trips, expected 512, 0 and 512; another run is equal: %v", mode, first.allowed, first.errors, first.trips[2], first.hash == again.hash)
		}
	}
}

// quotalab runs the built binary in a folder.
func quotalab(t *testing.T, dir string, words ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Quotalab(t), words...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("quotalab %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// counts returns the sums of what selectors choose in the summary of a run.
func counts(t *testing.T, path string, selectors ...string) map[string]int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := summary.Read(b, path)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, selector := range selectors {
		of, err := metric.ParseSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		sums[selector] = 0
		for _, m := range s.Select(of) {
			sums[selector] += m.Count
		}
	}
	return sums
}

// In real time children and services decide with many requests in flight, and say
// what it took them. Of most it is known what they sent to which shard, in how many
// round trips, and what they found.
func TestProcessesInRealTime(t *testing.T) {
	testkit.Live(t, "plays in real time")
	testkit.Program(t, "redis-server", "redis-server")
	for mode, text := range map[string]string{"child": race(t, 64, "", itself(t, "took", "")), "http": service(t, "http"), "rls": service(t, "rls")} {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			text = strings.NewReplacer("horizon: 160ms", "horizon: 2s\nmax_lag: 1s", "{herd: {size: 64, every: 20ms}}", "500/s", "gaps: even, ", "", "n: 1}", "n: 5000}").Replace(text)
			if err := os.WriteFile(filepath.Join(dir, "race.yaml"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			out := quotalab(t, dir, "run", "race.yaml", "--spawn=1", "--dir", "out", "-o", "json=run.json")
			said := regexp.MustCompile(`(?s)What decisions took limiters in processes of their own, in ms.*?\n +l +(\d+)`).FindStringSubmatch(out)
			if mode == "rls" { // which has no word for it
				if said != nil {
					t.Errorf("it is not known what took how long:\n%s", out)
				}
			} else if said == nil {
				t.Errorf("it is not said what decisions took:\n%s", out)
			} else if n, err := strconv.Atoi(said[1]); err != nil || n < 500 {
				t.Errorf("%s decisions are split, expected 500 or more:\n%s", said[1], out)
			}
			got := counts(t, filepath.Join(dir, "run.json"), "decisions{decision=allowed}", "decisions{key=not_found}", "decisions{key=found}", "round_trips", "shard_commands")
			all := got["decisions{decision=allowed}"]
			if known := got["decisions{key=not_found}"] + got["decisions{key=found}"]; all < 500 || known < all*8/10 || got["round_trips"] < all*8/10 || got["shard_commands"] < all*16/10 {
				t.Errorf("%v: expected keys, round trips and commands of at least 80%% of the decisions", got)
			}
		})
	}
}

// A service that is running already is asked at its URL, on loopback.
func TestServiceAtURL(t *testing.T) {
	testkit.Live(t, "plays in real time")
	testkit.Program(t, "redis-server", "redis-server")
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("key") == "" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	dir := t.TempDir()
	text := strings.NewReplacer("kind: process", "kind: http", "horizon: 160ms", "horizon: 1s\nmax_lag: 1s", "{herd: {size: 8, every: 20ms}}", "200/s", "gaps: even, ", "").Replace(
		race(t, 8, "", fmt.Sprintf("    process: {url: \"http://%s\", request: {path: \"/take?key={key}\"}}\nassert:\n  decisions{decision=allowed}: [\"count > 100\"]\n  errors: [\"count == 0\"]\n", l.Addr())))
	if err := os.WriteFile(filepath.Join(dir, "at.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	quotalab(t, dir, "run", "at.yaml", "--spawn=1")
	cmd := exec.Command(testkit.Quotalab(t), "run", "at.yaml")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "it is measured in real time only: run it with --spawn or --redis") {
		t.Errorf("in virtual time: %v\n%s", err, out)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(testkit.Quotalab(t), "run", "at.yaml", "--spawn=1")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 107 || !strings.Contains(string(out), "no service answers at http://127.0.0.1:") {
		t.Errorf("that has ended: %v\n%s", err, out)
	}
}

// What is made of a record is made of one of a process or a service as well: its
// audit, key states, round trips and shards are those that the race must have.
func TestVerbs(t *testing.T) {
	testkit.Live(t, "starts services, and quotalab several times")
	for mode, text := range map[string]string{"process": race(t, 64, "", itself(t, "naive", "")), "http": service(t, "http")} {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			text += "assert: {over_admission: [\"count == 412\"]}\nsweep:\n  axes: {seed: [1, 2]}\n  metrics: [over_admission count, round_trips max]\n"
			if err := os.WriteFile(filepath.Join(dir, "race.yaml"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			quotalab(t, dir, "run", "race.yaml", "--dir", "out", "-o", "json=run.json")
			want := map[string]int64{
				"decisions{decision=allowed}": 512, "decisions{key=not_found}": 64, "decisions{key=found}": 448, "over_admission": 412, "under_admission": 0,
				"round_trips": 512, "shard_commands": 1024, "shard_keys": 1, "errors": 0,
			}
			if diff := cmp.Diff(want, counts(t, filepath.Join(dir, "run.json"), slices.Sorted(maps.Keys(want))...)); diff != "" {
				t.Error(diff)
			}
			quotalab(t, dir, "report", "out", "-o", "html=report.html", "-o", "csv=report.csv")
			quotalab(t, dir, "plot", "out")
			quotalab(t, dir, "verify", "out")
			quotalab(t, dir, "gate", "--baseline", "base", "--update", "race.yaml")
			quotalab(t, dir, "gate", "--baseline", "base", "race.yaml")
			if got := quotalab(t, dir, "compare", "out", "out"); strings.Contains(got, "worse") {
				t.Errorf("a record compared with itself:\n%s", got)
			}
			if got := quotalab(t, dir, "sweep", "race.yaml"); strings.Count(got, "412") < 2 {
				t.Errorf("a sweep of two seeds:\n%s", got)
			}
			for _, name := range []string{"report.html", "report.csv"} {
				if f, err := os.Stat(filepath.Join(dir, name)); err != nil || f.Size() == 0 {
					t.Errorf("%s: %v, %+v", name, err, f)
				}
			}
		})
	}
}
