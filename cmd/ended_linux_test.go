package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
)

// endedScenario plays for longer than any test waits, in either clock.
const endedScenario = `name: ended
horizon: 30d
keys: {users: {uniform: {n: 50}}}
shards: {names: [a, b]}
traffic: {a: {rate: 200/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 1, period: 10m}, options: {write: lua}}}
`

// endedKind is what is ended at random instants.
type endedKind struct {
	name string
	args []string // FILE and DIR stand for the scenario and the directory

	what    string // the scenario; "": endedScenario
	records string // those that it leaves, a pattern below DIR; "": DIR itself
	hidden  bool   // its record is in a temporary folder
	check   func(t *testing.T, why string, sig syscall.Signal)

	kills, begun, readable           int
	summaries, lost, behind, afterIt int
}

// TestEndedAtEveryInstant ends what quotalab does by each signal at any instant, also
// while servers start. What began a record leaves one that can be read, SIGINT and
// SIGTERM end with its summary and leave nothing: no process, folder or socket. SIGKILL
// leaves folders at most, which the next start removes.
func TestEndedAtEveryInstant(t *testing.T) {
	testkit.Program(t, "redis-server", "redis-server")
	kinds := []*endedKind{
		{name: "virtual", args: []string{"run", "FILE", "--dir", "DIR"}},
		{name: "totals alone", args: []string{"run", "FILE", "--dir", "DIR"}, what: endedScenario + "observations: none\n"},
		{name: "sweep", args: []string{"sweep", "FILE", "--dir", "DIR", "--jobs", "2"}, what: fmt.Sprintf(someCells, 1280), records: "????????????????"},
		{name: "engine redis", args: []string{"run", "FILE", "--engine", "redis", "--dir", "DIR"}},
		{name: "spawned", args: []string{"run", "FILE", "--spawn", "2", "--dir", "DIR"}},
		{name: "gate", args: []string{"gate", "FILE", "--baseline", "DIR", "--update", "--spawn", "2"}, hidden: true},
		externalKind(t),
	}
	t.Run("kinds", func(t *testing.T) {
		for n, k := range kinds {
			t.Run(k.name, func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(14, uint64(n)))
				for i := range testkit.Full(9, 3) {
					sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT}[i%3]
					k.end(t, sig, i%2 > 0, time.Duration(rng.IntN(1000))*time.Millisecond)
				}
			})
		}
	})
	table := fmt.Sprintf("\n%-17s %5s %7s %8s %9s %4s %11s %16s\n", "kind", "kills", "records", "readable", "summaries", "lost", "left behind", "after next start")
	for _, k := range kinds {
		table += fmt.Sprintf("%-17s %5d %7d %8d %9d %4d %11d %16d\n", k.name, k.kills, k.begun, k.readable, k.summaries, k.lost, k.behind, k.afterIt)
		if k.readable != k.begun || k.lost+k.afterIt > 0 {
			t.Errorf("%s: of %d records %d can be read, %d summaries are lost, %d things are left after the next start", k.name, k.begun, k.readable, k.lost, k.afterIt)
		}
	}
	t.Log(table)
}

// end starts the kind's command and ends it after a while, if late once it has a record.
func (k *endedKind) end(t *testing.T, sig syscall.Signal, late bool, after time.Duration) {
	t.Helper()
	work, why := t.TempDir(), fmt.Sprintf("%v after %v, late %v", sig, after, late)
	dir, file, temp := filepath.Join(work, "dir"), filepath.Join(work, "ended.yaml"), filepath.Join(work, "t")
	what := k.what
	if what == "" {
		what = endedScenario
	}
	if err := os.WriteFile(file, []byte(what), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	args := strings.NewReplacer("FILE", file, "DIR", dir)
	var all []string
	for _, a := range k.args {
		all = append(all, args.Replace(a))
	}
	c := in(temp, all...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); late && len(k.dirs(dir)) == 0 && time.Since(begun) < 10*time.Second && !k.hidden; {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(after)
	_ = c.Process.Signal(sig)
	_ = c.Wait()
	k.kills++
	left := remains(temp)
	if k.behind += left; left > 0 && sig != syscall.SIGKILL {
		t.Errorf("%s: %d things are left in %s\n%s", why, left, temp, stderr.String())
	}
	if code := c.ProcessState.ExitCode(); sig != syscall.SIGKILL && code != 105 && code != -1 { // −1: before it looked at signals
		t.Errorf("%s: exit code %d, expected 105\n%s", why, code, stderr.String())
	}
	if err := in(temp, "list").Run(); err != nil { // the next start
		t.Error(err)
	}
	k.afterIt += remains(temp)
	k.read(t, dir, why, sig, stdout.String())
	if k.check != nil {
		k.check(t, why, sig)
	}
}

// in returns quotalab with a folder of its own for temporary files.
func in(temp string, args ...string) *exec.Cmd {
	c := exec.Command("quotalab", append(args, "-q")...)
	c.Env = append(os.Environ(), "TMPDIR="+temp)
	return c
}

// remains counts the processes that have temp as their folder for temporary files, and
// what is in it, once those that were killed had the time to end.
func remains(temp string) (n int) {
	for range 100 {
		n = 0
		environs, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range environs {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("TMPDIR="+temp+"\x00")) {
				n++
			}
		}
		if n == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	left, _ := os.ReadDir(temp)
	return n + len(left)
}

// dirs returns the records that have begun.
func (k *endedKind) dirs(dir string) (all []string) {
	manifests, _ := filepath.Glob(filepath.Join(dir, k.records, "manifest.json"))
	for _, m := range manifests {
		all = append(all, filepath.Dir(m))
	}
	return all
}

// read looks at the records that are left.
func (k *endedKind) read(t *testing.T, dir, why string, sig syscall.Signal, stdout string) {
	t.Helper()
	if k.hidden {
		return
	}
	if k.records != "" {
		if half, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(half) > 0 && sig != syscall.SIGKILL {
			t.Errorf("%s: %q are left", why, half)
		}
	}
	for _, d := range k.dirs(dir) {
		k.begun++
		out, err := exec.Command("quotalab", "export", d, "-o", "json=-").Output()
		var s struct{ Valid bool }
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err == nil && s.Valid && k.records == "" {
			err = fmt.Errorf("a run that was ended is said to be valid")
		}
		if err != nil {
			t.Errorf("%s: %s: %v", why, d, err)
			continue
		}
		k.readable++
		if k.records == "" && sig != syscall.SIGKILL {
			if strings.Contains(stdout, "ended") {
				k.summaries++
			} else {
				t.Errorf("%s: the summary is lost", why)
				k.lost++
			}
		}
	}
}

// externalKind returns runs on a server that is not theirs. Its foreign keys stay as they
// are, and after SIGKILL the next run says how to clean up.
func externalKind(t *testing.T) *endedKind {
	addr, _ := foreignServer(t)
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { client.Close() })
	for i := range 1000 {
		if err := client.Set(t.Context(), fmt.Sprint("theirs:", i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	servers := []string{"--redis", "a=" + addr, "--allow-foreign-keys"}
	return &endedKind{
		name: "external server", args: append([]string{"run", "FILE", "--dir", "DIR"}, servers...), what: strings.Replace(endedScenario, "[a, b]", "[a]", 1),
		check: func(t *testing.T, why string, sig syscall.Signal) {
			list, err := exec.Command("quotalab", "clean", "--redis", "a="+addr).Output()
			if err != nil {
				t.Fatal(err)
			}
			prefix := livePrefix.FindString(string(list))
			switch {
			case prefix != "" && sig != syscall.SIGKILL:
				t.Errorf("%s: its keys are left under %s", why, prefix)
			case prefix != "":
				file := filepath.Join(t.TempDir(), "next.yaml")
				if err := os.WriteFile(file, []byte(strings.Replace(endedScenario, "[a, b]", "[a]", 1)), 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command("quotalab", "run", file, "--redis", "a="+addr).CombinedOutput(); err == nil || !strings.Contains(string(out), "quotalab clean "+prefix) {
					t.Errorf("%s: the next run does not say how to clean up: %v\n%s", why, err, out)
				}
				if out, err := exec.Command("quotalab", "clean", "--redis", "a="+addr, prefix).CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", why, err, out)
				}
			}
			if n := client.DBSize(t.Context()).Val(); n != 1000 {
				t.Errorf("%s: %d keys are there, expected the 1000 of others", why, n)
			}
			for _, i := range []int{0, 500, 999} {
				if v := client.Get(t.Context(), fmt.Sprint("theirs:", i)).Val(); v != fmt.Sprint(i) {
					t.Errorf("%s: key theirs:%d holds %q", why, i, v)
				}
			}
		},
	}
}

// What reads standard output may end first, and the record's directory may be removed: the
// error says so, and nothing is left.
func TestOutputsThatVanish(t *testing.T) {
	work := t.TempDir()
	file, temp, dir := filepath.Join(work, "ended.yaml"), filepath.Join(work, "t"), filepath.Join(work, "dir")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	play := func(horizon string, args ...string) (*exec.Cmd, *bytes.Buffer) {
		if err := os.WriteFile(file, []byte(strings.Replace(endedScenario, "30d", horizon, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if testkit.IsLive() {
			args = append(args, "--spawn", "2")
		}
		c, stderr := in(temp, append([]string{"run", file}, args...)...), new(bytes.Buffer)
		c.Stderr = stderr
		return c, stderr
	}
	ended := func(c *exec.Cmd, stderr *bytes.Buffer, want string) {
		t.Helper()
		if _ = c.Wait(); c.ProcessState.ExitCode() != 109 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: expected exit status 109 and %q, found\n%s", c.ProcessState, want, stderr.String())
		}
		if n := remains(temp); n > 0 {
			t.Errorf("%d things are left", n)
		}
	}
	out, w, err := os.Pipe()
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	c, stderr := play("500ms", "--dir", dir)
	c.Stdout = w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended(c, stderr, "broken pipe\nThe record is complete at "+dir)
	w.Close()

	c, stderr = play("30d", "--dir", dir+"2")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	last, pastFirstPart := "manifest.json", time.Duration(0) // last of the files that a record begins with
	if testkit.IsLive() {
		last, pastFirstPart = "sojourn.hlog", 3*time.Second
	}
	eventually(t, "the record begins", func() bool { _, err := os.Stat(filepath.Join(dir+"2", last)); return err == nil })
	if err := os.RemoveAll(dir + "2"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(pastFirstPart)
	_ = c.Process.Signal(syscall.SIGINT)
	ended(c, stderr, "the directory of its record, "+dir+"2, was removed or moved")
	if _, err := os.Stat(dir + "2"); err == nil {
		t.Errorf("half a record was made anew")
	}
}
