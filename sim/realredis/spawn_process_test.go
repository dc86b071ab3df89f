//go:build !windows

package realredis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcessKillAndRestart(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	ctx := t.Context()
	s, err := Spawn(ctx, []string{"a", "b"})
	s = open(t, s, err)
	p, admin := s.own[0], s.Admin(0)
	for i := range 2 {
		if err := s.Admin(i).Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, killed := range []bool{true, false} {
		was := p.pid()
		if killed {
			if err := p.kill(); err != nil {
				t.Fatal(err)
			}
			if runs(t, was) {
				t.Errorf("process %d runs after kill", was)
			}
			if err := admin.Ping(ctx).Err(); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("ping of a killed server: %v, expected %v", err, syscall.ECONNREFUSED)
			}
			for what, err := range map[string]error{"kill": p.kill(), "stop": p.stop(), "resume": p.resume()} {
				if err == nil || !strings.Contains(err.Error(), `shard "a"`) || !strings.Contains(err.Error(), "killed before") {
					t.Errorf("%s of a killed server: %v, expected an error", what, err)
				}
			}
		}
		if err := p.restart(ctx); err != nil {
			t.Fatal(err)
		}
		if p.pid() == was || runs(t, was) || !runs(t, p.pid()) {
			t.Errorf("restarted: process %d runs %t after %d runs %t", p.pid(), runs(t, p.pid()), was, runs(t, was))
		}
		if n, err := admin.DBSize(ctx).Result(); n != 0 || err != nil {
			t.Errorf("restarted server, killed before %t, holds %d keys, error %v, expected none", killed, n, err)
		}
		if err := admin.Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Error(err)
		}
	}
	if n, err := s.Admin(1).DBSize(ctx).Result(); n != 1 || err != nil {
		t.Errorf("the other server holds %d keys, error %v, expected 1", n, err)
	}
}

func TestProcessFreeze(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	s, err := Spawn(t.Context(), []string{"a"})
	s = open(t, s, err)
	p, admin := s.own[0], s.Admin(0)
	if err := errors.Join(admin.Set(t.Context(), "k", "v", 0).Err(), p.stop()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if v, err := admin.Get(ctx, "k").Result(); err == nil {
		t.Errorf("a frozen server answered %q", v)
	}
	if err := p.resume(); err != nil {
		t.Fatal(err)
	}
	if v, err := admin.Get(t.Context(), "k").Result(); v != "v" || err != nil {
		t.Errorf("after it went on it answered %q, error %v, expected v", v, err)
	}
	// Close ends a frozen server too, at once.
	for _, byUs := range []bool{true, false} {
		s, err := Spawn(t.Context(), []string{"a"})
		s = open(t, s, err)
		pid := s.own[0].pid()
		if byUs {
			err = s.own[0].stop()
		} else {
			err = syscall.Kill(pid, syscall.SIGSTOP)
		}
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); runs(t, pid) || took > time.Second {
			t.Errorf("frozen server, by us %t: runs %t after Close, which took %v", byUs, runs(t, pid), took)
		}
	}
}

func TestProcessEndsItself(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	s, err := Spawn(t.Context(), []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	pids := pidsOf(s)
	if err := syscall.Kill(pids[1], syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	vanish(t, pids[1:])
	<-s.own[1].life.Over()
	const want = `shard "b" at `
	if err := s.own[1].kill(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("kill of a server that ended: %v, expected an error with %q", err, want)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SIGTERM") || strings.Contains(err.Error(), `"a"`) {
		t.Errorf("close: %v, expected that b ended by itself and its log", err)
	}
	vanish(t, pids)
}

func TestSpawnDiesWithUs(t *testing.T) {
	needRedis(t)
	for _, how := range []string{"SIGKILL", "SIGTERM", "SIGINT", "panic", "exit"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), endVariable+"="+how)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			var pids []int
			for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
				var pid int
				var dir string
				if _, err := fmt.Sscan(lines.Text(), &pid, &dir); err != nil {
					t.Fatalf("%q: %v", lines.Text(), err)
				}
				t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(dir)) }) // nobody else can any more
				pids = append(pids, pid)
			}
			t.Cleanup(func() { // when the test fails
				for _, pid := range pids {
					if runs(t, pid) {
						_ = syscall.Kill(pid, syscall.SIGKILL)
					}
				}
			})
			if len(pids) != 3 {
				t.Fatalf("pids %v, expected 3\n%s", pids, stderr.String())
			}
			if sig := map[string]os.Signal{"SIGKILL": syscall.SIGKILL, "SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT}[how]; sig != nil {
				for _, pid := range pids {
					if !runs(t, pid) {
						t.Errorf("process %d does not run before the end", pid)
					}
				}
				if err := cmd.Process.Signal(sig); err != nil {
					t.Error(err)
				}
			}
			if err := cmd.Wait(); (err == nil) != (how == "exit") {
				t.Errorf("the program ended with %v", err)
			}
			vanish(t, pids)
		})
	}
}
