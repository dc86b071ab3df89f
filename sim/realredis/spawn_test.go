package realredis

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpawnAndClose(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	ctx := t.Context()
	names := []string{"a", "b", "c"}
	s, err := Spawn(ctx, names)
	s = open(t, s, err)
	if diff := cmp.Diff(names, s.Names()); diff != "" || !s.Own() || s.Cluster() {
		t.Errorf("names: %s; own %t, expected true; cluster %t, expected false", diff, s.Own(), s.Cluster())
	}
	for i, host := range s.Hosts() {
		if !strings.HasPrefix(host, "127.0.0.1:") {
			t.Errorf("shard %d is at %s, expected loopback", i, host)
		}
		for option, want := range map[string]string{"save": "", "appendonly": "no", "bind": "127.0.0.1", "protected-mode": "yes", "dir": s.own[i].dir} {
			if got := s.Admin(i).ConfigGet(ctx, option).Val()[option]; got != want {
				t.Errorf("shard %d: %s is %q, expected %q", i, option, got, want)
			}
		}
	}
	for i := range names {
		if err := s.Admin(i).Ping(ctx).Err(); err != nil {
			t.Errorf("shard %d: %v", i, err)
		}
	}
	pids, dir := pidsOf(s), filepath.Dir(s.own[0].dir)
	begun := time.Now()
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("closing took %v, expected less than a second", took)
	}
	for i, pid := range pids {
		if runs(t, pid) {
			t.Errorf("process %d runs after Close", pid)
		}
		if c, err := net.Dial("tcp", s.hosts[i]); err == nil {
			c.Close()
			t.Errorf("somebody listens at %s after Close", s.hosts[i])
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s: %v, expected that it is gone", dir, err)
	}
	for what, err := range map[string]error{
		"restart": s.own[0].restart(ctx), "kill": s.own[0].kill(), "stop": s.own[0].stop(), "resume": s.own[0].resume(),
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s after Close: %v, expected %v", what, err, errClosed)
		}
	}
}

func TestSpawnRefusesNames(t *testing.T) {
	for _, tt := range []struct {
		why   string
		names []string
		want  string
	}{
		{"nothing to start", nil, "at least one name"},
		{"a Ring cannot tell them apart", []string{"a", "b", "a"}, `two shards are named "a"`},
		{"a Ring needs a name", []string{"a", ""}, "name 2 of 2"},
	} {
		for _, spawn := range []func(context.Context, []string) (*Servers, error){Spawn, SpawnCluster} {
			if s, err := spawn(t.Context(), tt.names); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: servers %v, error %v, expected one with %q", tt.why, s, err, tt.want)
			}
		}
	}
}

func TestSpawnWithoutRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Spawn(t.Context(), []string{"a"})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("error %v, expected %v and how to install it", err, ErrUnreachable)
	}
}

// script puts a program of that name at the front of the PATH.
func script(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "redis-server"), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestSpawnTriesAnotherPort(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	// The first try finds its port taken, by somebody who answers on it.
	mark := filepath.Join(t.TempDir(), "tried")
	script(t, `if ! [ -e `+mark+` ]; then echo "$4" >`+mark+`; echo "# Failed listening on port $4 (TCP), aborting."; exit 1; fi
PATH=${PATH#*:}
exec redis-server "$@"`)
	s, err := Spawn(t.Context(), []string{"a"})
	s = open(t, s, err)
	first, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	if _, port, _ := net.SplitHostPort(s.hosts[0]); port == strings.TrimSpace(string(first)) || len(first) < 3 {
		t.Errorf("the server has port %s, the one that was taken is %q", port, first)
	}
}

func TestSpawnOfATakenPort(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	s, err := Spawn(t.Context(), []string{"a"})
	s = open(t, s, err)
	other := &process{name: "b", program: "redis-server", dir: t.TempDir(), port: s.own[0].port}
	other.mu.Lock()
	defer other.mu.Unlock()
	if err := other.run(t.Context()); !errors.Is(err, errPortTaken) {
		t.Errorf("error %v, expected %v, although somebody answers there", err, errPortTaken)
	}
}

func TestSpawnThatFails(t *testing.T) {
	for _, tt := range []struct {
		why, script string
		limit       time.Duration
		is          error
		want        []string
	}{
		{"its own words are the reason", "echo first; echo '*** FATAL: no memory' >&2; exit 3", time.Minute, errEnded,
			[]string{`shard "a"`, "exit status 3", "first", "FATAL: no memory"}},
		{"it never answers", "echo waiting; exec sleep 60", 100 * time.Millisecond, ErrUnreachable,
			[]string{`shard "a"`, "does not answer in time", "waiting"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			noLeaks(t)
			script(t, tt.script)
			ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
			defer cancel()
			_, err := Spawn(ctx, []string{"a", "b"})
			if !errors.Is(err, tt.is) {
				t.Errorf("error %v, expected %v", err, tt.is)
			}
			for _, want := range tt.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("error %v does not tell %q", err, want)
				}
			}
		})
	}
}

func TestSpawnIsInterrupted(t *testing.T) {
	noLeaks(t)
	pid := filepath.Join(t.TempDir(), "pid")
	script(t, "echo $$ >"+pid+"; exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for text, _ := os.ReadFile(pid); len(text) == 0; text, _ = os.ReadFile(pid) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := Spawn(ctx, []string{"a"})
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v, expected %v and not %v", err, context.Canceled, ErrUnreachable)
	}
	var n int
	text, _ := os.ReadFile(pid)
	for _, digit := range strings.TrimSpace(string(text)) {
		n = 10*n + int(digit-'0')
	}
	if n == 0 || runs(t, n) {
		t.Errorf("process %d runs after the error", n)
	}
}
