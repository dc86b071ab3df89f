package foreign_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// childMode has the test's own binary be a child instead.
const childMode = "QUOTALAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		beChild(mode)
		return
	}
	os.Exit(m.Run())
}

type question struct {
	ID    int64 `json:"id"`
	Takes []struct {
		Key  string
		Cost int
	}
	Hello *struct {
		Protocol int
		Shards   []struct{ Name, Socket string }
		Prefix   string
		Limits   map[string]struct{ Count int }
	}
}

// beChild is a limiter that reads and then writes, and has one fault where the
// mode names it.
func beChild(mode string) {
	switch mode {
	case "http":
		serveHTTP()
	case "rls":
		serveRLS()
	}
	if mode == "waits" {
		r, w, _ := os.Pipe()
		_, _ = r.Read(make([]byte, 1)) // for ever
		_ = w.Close()
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	var client, other *redis.Client
	count, prefix := 0, ""
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			panic(err)
		}
		if q.Hello == nil {
			q.Takes[0].Key = prefix + q.Takes[0].Key
			go func() {
				if mode == "both" { // shards at once
					answered := make(chan error)
					go func() { answered <- other.Get(context.Background(), q.Takes[0].Key).Err() }()
					defer func() { <-answered }()
				}
				say("%s", decide(client, q, count, mode))
			}()
			continue
		}
		count = q.Hello.Limits["default"].Count
		prefix = q.Hello.Prefix
		shards := q.Hello.Shards
		last := shards[len(shards)-1]
		client, other = redisAt(shards[0].Socket), redisAt(last.Socket)
		switch mode {
		case "silent":
			fmt.Fprintln(os.Stderr, "thinking")
		case "protocol":
			say(`{"ready":{"protocol":2}}`)
		case "early":
			fmt.Fprintln(os.Stderr, "no such limiter")
			os.Exit(3)
		case "grandchild", "away", "bare":
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childMode+"=waits")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: mode != "grandchild"}
			if mode == "bare" { // it does not show whose it is
				cmd.Env = []string{childMode + "=waits", "BARE=" + os.TempDir()}
			}
			if err := cmd.Start(); err != nil {
				panic(err)
			}
			fallthrough
		default:
			say(`{"ready":{"protocol":1.5,"name":"test","version":"1","keys":%q,"news":[1]}}`, prefix+"{key}")
		}
	}
}

// redisAt is a client of a shard at the path of a Unix socket.
func redisAt(at string) *redis.Client {
	return redis.NewClient(&redis.Options{Network: "unix", Addr: at, PoolSize: 100, ReadTimeout: -1, Protocol: 2, MaxRetries: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
}

// decide answers the question, the twentieth with the mode's fault.
func decide(client *redis.Client, q question, count int, mode string) (text string) {
	began := time.Now()
	ctx, key, cost := context.Background(), q.Takes[0].Key, q.Takes[0].Cost
	n, err := client.Get(ctx, key).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Sprintf(`{"id":%d,"error":%q,"kind":"connection"}`, q.ID, err)
	}
	if q.ID == 20 {
		switch mode {
		case "spin":
			for n := uint64(0); ; n++ {
				_ = n * n
			}
		case "crash":
			panic("made up crash")
		case "hang":
			select {}
		case "noise":
			return "debug: here I am"
		case "stranger":
			return `{"id":12345,"allowed":true}`
		case "blocking":
			client.BLPop(ctx, 0, key)
		case "nothing":
			return fmt.Sprintf(`{"id":%d}`, q.ID)
		case "kind":
			return fmt.Sprintf(`{"id":%d,"error":"x","kind":"sad"}`, q.ID)
		case "clock":
			return fmt.Sprintf(`{"id":%d,"allowed":true,"clock_ms":%d}`, q.ID, time.Now().UnixMilli())
		}
	}
	if mode == "took" {
		defer func() {
			text = strings.TrimSuffix(text, "}") + fmt.Sprintf(`,"took_us":%d}`, time.Since(began).Microseconds())
		}()
	}
	if mode == "chance" && time.Now().UnixNano()%2 == 0 {
		return fmt.Sprintf(`{"id":%d,"allowed":false}`, q.ID)
	}
	if n+cost > count {
		return fmt.Sprintf(`{"id":%d,"allowed":false,"remaining":%d,"retry_after_ms":null}`, q.ID, count-n)
	}
	if err := client.Set(ctx, key, n+cost, 0).Err(); err != nil {
		return fmt.Sprintf(`{"id":%d,"error":%q}`, q.ID, err)
	}
	return fmt.Sprintf(`{"id":%d,"allowed":true,"remaining":%d}`, q.ID, count-n-cost)
}

// race is 8 times that many callers at once on one key with a limit of 100.
func race(t *testing.T, callers int, more, limiterLines string) string {
	t.Helper()
	return fmt.Sprintf(`name: race
horizon: 160ms
network: {rtt: 5ms}
keys: {one: {as: id, uniform: {n: 1}}}
traffic: {callers: {rate: {herd: {size: %d, every: 20ms}}, gaps: even, keys: one}}
%s
limiters:
  l:
    kind: process
    limit: {count: 100, period: 8760h}
%s`, callers, more, limiterLines)
}

// itself is the test's own binary as a child.
func itself(t *testing.T, mode, more string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("    process: {command: [%q], environment: {%s: %s}, algorithm: fixed_window_first_hit%s}\n", path, childMode, mode, more)
}

// played is what came of a run.
type played struct {
	allowed, denied, errors int
	first                   *record.Observation
	trips                   map[int32]int
	states                  map[record.KeyState]int
	hash                    string
	result                  run.Result
}

func (p *played) Write(o *record.Observation) error {
	switch o.Decision {
	case record.Allowed:
		p.allowed++
	case record.Denied:
		p.denied++
	default:
		p.errors++
	}
	p.trips[o.RoundTrips]++
	p.states[o.Key]++
	if p.first == nil {
		first := *o
		p.first = &first
	}
	p.hash = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s %+v", p.hash, *o)))
	return nil
}

// play plays a scenario whose file would lie in dir.
func play(t *testing.T, dir, text string, o run.Options) (*played, error) {
	t.Helper()
	s, problems := scenarios.Decode(filepath.Join(dir, "test.yaml"), []byte(text))
	if len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
	p, problems := plan.Compile(s, limiter.Builtin())
	if len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, text)
	}
	got := &played{trips: map[int32]int{}, states: map[record.KeyState]int{}}
	var err error
	got.result, err = run.Run(t.Context(), p, got, o)
	return got, err
}

// playOf plays what goes well.
func playOf(t *testing.T, dir, text string) *played {
	t.Helper()
	got, err := play(t, dir, text, run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// checkSpec is the test's own binary as a child that is to be checked.
func checkSpec(path, mode, quiet string) foreign.Spec {
	return foreign.Spec{
		Process: limiter.Process{Command: []string{path}, Environment: []string{childMode + "=" + mode}, Quiet: quiet, Clock: "none", Ready: time.Minute},
		Client:  "default", Does: record.TakeMode, Shards: []string{"a", "b"}, Patience: 10 * time.Second,
		Limiter: record.Limiter{Limits: []record.Limit{{Name: "default", Count: 100, Period: time.Hour, Burst: 100}}},
	}
}

// left returns the processes with that variable in their environment.
func left(t *testing.T, variable string) (found []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), variable) {
			found = append(found, filepath.Dir(path))
		}
	}
	return found
}
