// Package testkit holds what tests of several folders share: records made by
// hand and analysed, programs of the machine, the built quotalab, and the line
// between what every run of the tests does and what it does only when asked. In
// flow manifests, observations and names of programs, out flow open records and
// paths. Only tests import it, those of every folder but of the packages that it
// imports itself: these use it from their external tests (package …_test).
package testkit

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// CollectLess has the collector run less often: tests make much garbage beside little that
// lives, and at Go's default it takes a third of their time.
func CollectLess() { debug.SetGCPercent(400) }

// init calls CollectLess for tests. Benchmarks, and programs that are started from the test's
// own binary, have what users have.
func init() {
	with := func(flag string) bool {
		return slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, flag) })
	}
	if os.Getenv("GOGC") == "" && with("-test.") && !with("-test.bench") {
		CollectLess()
	}
}

// live is the environment variable that asks for what takes real time, servers,
// browsers, other languages, or minutes; as "full" also for what Full leaves out.
const live = "QUOTALAB_LIVE"

// IsLive reports whether what Live skips is asked for.
func IsLive() bool { return os.Getenv(live) != "" && os.Getenv(live) != "0" }

// Live skips a test unless it is asked for. why says what it takes, such
// as "plays in real time".
func Live(t testing.TB, why string) {
	t.Helper()
	if !IsLive() {
		t.Skipf("%s: %s=1 go test -run '^%s$' runs it", why, live, t.Name())
	}
}

// Full returns all with QUOTALAB_LIVE=full, and a part of it otherwise, also in CI:
// the number of repetitions of a test that takes long.
func Full[T any](all, part T) T {
	if os.Getenv(live) == "full" {
		return all
	}
	return part
}

// Program returns the path of a program, or of a file such as a font if that is
// named by its path. It skips the test where Live does, since
// other programs take long to start, and where there is none. In CI it must be
// there: .ci/run finds the calls of this function and installs what they name.
// debian is the package that has the program.
func Program(t testing.TB, program, debian string) string {
	t.Helper()
	Live(t, "starts "+program)
	path, err := program, error(nil)
	if filepath.IsAbs(program) {
		_, err = os.Stat(program)
	} else {
		path, err = exec.LookPath(program)
	}
	if err == nil {
		return path
	}
	const format = "%s is not here: install Debian's package %s"
	if os.Getenv("CI") != "" {
		t.Fatalf(format, program, debian)
	}
	t.Skipf(format, program, debian)
	return ""
}

// Project writes a project out and builds it by lines of a shell, once for all tests:
// its folder in the user's cache is named by what was written. product is what there
// is once it is built.
func Project(t testing.TB, name string, write func(dir string) ([]string, error), product string, build ...string) string {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	files, err := write(filepath.Join(t.TempDir(), name))
	must(err)
	sum := sha256.New()
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(err)
		fmt.Fprintf(sum, "%s %d %s", filepath.Base(f), len(text), text)
	}
	cache, err := os.UserCacheDir()
	must(err)
	dir := filepath.Join(cache, "quotalab-tests", fmt.Sprintf("%s-%.16x", name, sum.Sum(nil)))
	must(os.MkdirAll(filepath.Dir(dir), 0o755))
	unlock, err := lockedfile.MutexAt(dir + ".lock").Lock()
	must(err)
	defer unlock()
	if _, err := os.Stat(filepath.Join(dir, product)); err == nil {
		return dir
	}
	must(os.RemoveAll(dir))
	_, err = write(dir)
	must(err)
	for _, line := range build {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	return dir
}

// Quotalab returns the path of quotalab as its users build it: unlike a test's
// binary it knows the versions of what was linked into it. It is built once for all
// packages that are tested at the same time, and again only after a change of its
// sources.
func Quotalab(t testing.TB) string {
	t.Helper()
	path, err := quotalab()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// quotalab builds the binary into the user's cache, in a folder of this checkout's
// own. What the go command finds up to date there it leaves alone.
var quotalab = sync.OnceValues(func() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("building quotalab: %w", err)
	}
	dir := filepath.Join(cache, "quotalab-tests", fmt.Sprintf("%x", sha256.Sum256([]byte(root)))[:16])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("building quotalab: %w", err)
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "lock")).Lock()
	if err != nil {
		return "", fmt.Errorf("building quotalab: %w", err)
	}
	defer unlock()
	path := filepath.Join(dir, "quotalab")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/quotalab")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building quotalab: %w\n%s", err, out)
	}
	return path, nil
})

// Root returns the root folder of the module that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("the module's root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", fmt.Errorf("the module's root: no go.mod above the working directory")
		}
		dir = above
	}
}

// BusyRecord makes a record of n requests and opens it: 50,000 keys, a few of
// which get most requests, on four shards, against a limiter that admits a tenth
// of what it should deny.
func BusyRecord(t testing.TB, n int) *record.Reader {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.2, 8, 50_000)
	return busy(t, n, rng, func(int64) uint64 { return zipf.Uint64() })
}

// FreshRecord makes a record as BusyRecord does, but with a new key each time.
func FreshRecord(t testing.TB, n int) *record.Reader {
	t.Helper()
	return busy(t, n, rand.New(rand.NewPCG(1, 2)), func(i int64) uint64 { return uint64(i) })
}

func busy(t testing.TB, n int, rng *rand.Rand, key func(i int64) uint64) *record.Reader {
	t.Helper()
	limit := record.Limit{Name: "default", Count: 100, Period: time.Second, Burst: 20}
	m := record.Manifest{Clock: "virtual", Horizon: time.Duration(n) * 20 * time.Microsecond, Warmup: time.Second,
		Shards: []string{"a", "b", "c", "d"}, Clients: []record.Client{{Name: "default"}}, Traffic: []record.Traffic{{Name: "main"}},
		Limiters: []record.Limiter{{Name: "tat", Algorithm: "gcra", Limits: []record.Limit{limit}}}}
	buckets := map[string]limits.Bucket{}
	return write(t, m, nil, func(w *record.Writer) error {
		for i := range n {
			o := busyObservation(m.Shards, rng, key(int64(i)), int64(i))
			allowed, err := admit(buckets, limit, &o)
			if err != nil {
				return err
			}
			if !allowed && rng.IntN(10) > 0 {
				o.Decision = record.Denied
			}
			if err := w.Write(&o); err != nil {
				return err
			}
		}
		return nil
	})
}

// busyObservation draws the latency and the key state of request i.
func busyObservation(shards []string, rng *rand.Rand, key uint64, i int64) record.Observation {
	due := i * 20_000
	shard := shards[key%uint64(len(shards))]
	took := 500_000 + int64(rng.ExpFloat64()*300_000)
	state := record.Found
	if rng.IntN(20) == 0 {
		state = record.NotFound
	}
	return record.Observation{Arrival: i, Traffic: "main", Client: "default", Limiter: "tat", Intended: due, Sent: due, Judged: due, Effect: due + took/2, Order: i, Done: due + took,
		Decision: record.Allowed, Key: state, RoundTrips: 1,
		Takes:   []record.Take{{Limit: "default", Key: fmt.Sprintf("tenant-%d", key), Cost: 1, Mode: record.TakeMode, Shard: shard, State: state}},
		Touched: []record.Touch{{Shard: shard, Commands: 2}}}
}

// admit decides as GCRA does, request after request.
func admit(buckets map[string]limits.Bucket, l record.Limit, o *record.Observation) (bool, error) {
	t := o.Takes[0]
	bucket := buckets[t.Key]
	if bucket == nil {
		maker, err := limits.Maker("gcra", limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, 0)
		if err != nil {
			return false, err
		}
		bucket = maker()
		buckets[t.Key] = bucket
	}
	allowed := bucket.Peek(o.Judged, t.Cost).Allowed
	if allowed {
		bucket.Spend(o.Judged, t.Cost)
	}
	return allowed, nil
}
