package cmd_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/internal/testkit"
)

// manyMachines is a sweep whose coordinator and workers are processes that can be
// killed, frozen and started again.
type manyMachines struct {
	t       *testing.T
	k       killedSweep
	command func() *exec.Cmd           // of the coordinator
	on      func(name string) []string // begins the command of what runs on the machine of that name; nil: nothing does
	address string
	all     map[string]*exec.Cmd // by name
	logs    map[string]*bytes.Buffer
}

func newMachines(t *testing.T, temp, file string) *manyMachines {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	k := killedSweep{dir: filepath.Join(temp, "many"), file: file}
	m := &manyMachines{t, k, k.command, nil, l.Addr().String(), map[string]*exec.Cmd{}, map[string]*bytes.Buffer{}}
	if err := os.MkdirAll(m.k.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range m.all {
			_ = c.Process.Kill() // most have ended
		}
	})
	return m
}

// start starts the coordinator, or a worker of any other name.
func (m *manyMachines) start(name string) {
	m.t.Helper()
	join := filepath.Join(m.k.dir, "..", "join")
	c := exec.Command("quotalab", "worker", "--join", m.address, "--join-file", join, "--jobs", "1", "--patience", "30s")
	if name == "coordinator" {
		c = m.command()
		c.Args = append(c.Args, "--listen", m.address, "--join-file", join, "--lease", "2s")
	} else {
		m.await(func() bool { _, err := os.Stat(join); return err == nil })
	}
	if m.on != nil {
		args := append(m.on(name), c.Args...)
		c = exec.Command(args[0], args[1:]...)
	}
	if m.logs[name] == nil {
		m.logs[name] = &bytes.Buffer{}
	}
	c.Stderr = m.logs[name]
	if err := c.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.all[name] = c
}

func (m *manyMachines) await(is func() bool) {
	m.t.Helper()
	for begun := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 3*time.Minute {
			m.t.Fatalf("nothing happens: %s", m.logs["coordinator"])
		}
	}
}

// cells waits until at least that number are finished.
func (m *manyMachines) cells(n int) {
	m.await(func() bool { return len(m.k.cells(m.t)) >= n })
}

func (m *manyMachines) signal(name string, s os.Signal) {
	if err := m.all[name].Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// end waits for all processes, which pass; those of machines that may not be told of the end may
// find that the coordinator is away.
func (m *manyMachines) end(untold ...string) {
	m.t.Helper()
	for name, c := range m.all {
		err := c.Wait()
		if slices.Contains(untold, name) && c.ProcessState.ExitCode() == int(campaign.Unreachable) {
			continue
		}
		if err != nil {
			m.t.Errorf("%s: %v\n%s", name, err, m.logs[name])
		}
	}
}

// manyCells writes the sweep of 128 cells, and plays it in one process.
func manyCells(t *testing.T) (temp, file string, whole killedSweep) {
	t.Helper()
	temp = t.TempDir()
	file = filepath.Join(temp, "cells.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, someCells, 1280), 0o644); err != nil {
		t.Fatal(err)
	}
	whole = killedSweep{dir: filepath.Join(temp, "whole"), file: file}
	whole.finish(t, 128, 0)
	return temp, file, whole
}

// sameTables holds that the files of two sweeps have the same bytes.
func sameTables(t *testing.T, a, b killedSweep) {
	t.Helper()
	for _, name := range []string{"table.csv", "bench.txt", "sweep.json"} {
		want, got := contents(t, filepath.Join(a.dir, name)), contents(t, filepath.Join(b.dir, name))
		if len(want) == 0 || !bytes.Equal(want, got) {
			t.Errorf("%s is not that of one process", name)
		}
	}
}

// A sweep on four workers comes to the bytes of one process though its coordinator and its workers are
// killed twenty times, and what was finished is not played again.
func TestWorkersAndCoordinatorAreKilled(t *testing.T) {
	testkit.Live(t, "kills twenty processes")
	t.Parallel()
	temp, file, whole := manyCells(t)
	m := newMachines(t, temp, file)
	names := []string{"coordinator", "w1", "w2", "w3", "w4"}
	for _, name := range names {
		m.start(name)
	}
	rng := rand.New(rand.NewPCG(18, 1))
	finished := map[string]os.FileInfo{}
	for kill := range 20 {
		m.cells(6 * kill)
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		name := names[rng.IntN(len(names))]
		if kill%5 == 0 {
			name = "coordinator"
		}
		m.signal(name, syscall.SIGKILL)
		_ = m.all[name].Wait() // it was killed
		finished = m.k.check(t, finished)
		t.Logf("killed %s: %d cells are finished", name, len(finished))
		m.start(name)
	}
	m.end()
	m.k.check(t, finished)
	sameTables(t, whole, m.k)
}

// Workers that are frozen for longer than their lease, and thaw, change nothing.
func TestFrozenWorkersChangeNothing(t *testing.T) {
	testkit.Live(t, "waits for leases")
	t.Parallel()
	temp, file, whole := manyCells(t)
	m := newMachines(t, temp, file)
	for _, name := range []string{"coordinator", "w1", "w2"} {
		m.start(name)
	}
	m.cells(10)
	m.signal("w1", syscall.SIGSTOP)
	m.signal("w2", syscall.SIGSTOP)
	time.Sleep(3 * time.Second)
	m.start("w3")
	m.cells(40)
	m.signal("w1", syscall.SIGCONT)
	m.signal("w2", syscall.SIGCONT)
	m.end()
	sameTables(t, whole, m.k)
}

// Machines with a network of their own each come to the bytes of one process though the workers are cut off, two of
// them for longer than their lease.
func TestMachinesThatAreCutOff(t *testing.T) {
	testkit.Live(t, "waits for leases")
	t.Parallel()
	ip := testkit.Program(t, "ip", "iproute2")
	temp, file, whole := manyCells(t)
	m := newMachines(t, temp, file)
	names := []string{"coordinator", "w1", "w2", "w3"}
	network := newNetwork(t, ip, names)
	m.address, m.on = network.address(0)+":4433", network.on
	for _, name := range names {
		m.start(name)
	}
	m.cells(10)
	network.cut(t, "w1")
	network.cut(t, "w2")
	m.cells(30)
	time.Sleep(3 * time.Second)
	network.cut(t, "w3")
	network.join(t, "w1")
	m.cells(50)
	network.join(t, "w2")
	network.join(t, "w3")
	m.end("w1", "w2", "w3") // the sweep may end before their connections are back
	sameTables(t, whole, m.k)
}

// network is namespaces, each a machine with an address of its own, that a bridge in the first connects.
type network struct {
	ip, tag string
}

// newNetwork makes the machines, if it may.
func newNetwork(t *testing.T, ip string, names []string) *network {
	t.Helper()
	n := &network{ip, fmt.Sprintf("q%d-", os.Getpid()%100_000)}
	if out, err := exec.Command(ip, "netns", "add", n.tag+names[0]).CombinedOutput(); err != nil {
		t.Skipf("needs the right to make network namespaces (root): %s", out)
	}
	hub := n.tag + names[0]
	t.Cleanup(func() { n.do(t, "netns", "del", hub) })
	n.do(t, "-n", hub, "link", "add", "bridge", "type", "bridge")
	n.do(t, "-n", hub, "addr", "add", n.address(0)+"/24", "dev", "bridge")
	for _, device := range []string{"bridge", "lo"} {
		n.do(t, "-n", hub, "link", "set", device, "up")
	}
	for i, name := range names[1:] {
		of := n.tag + name
		n.do(t, "netns", "add", of)
		t.Cleanup(func() { n.do(t, "netns", "del", of) })
		n.do(t, "-n", of, "link", "add", "outside", "type", "veth", "peer", "name", name, "netns", hub)
		n.do(t, "-n", of, "addr", "add", n.address(i+1)+"/24", "dev", "outside")
		n.do(t, "-n", of, "link", "set", "outside", "up")
		n.do(t, "-n", hub, "link", "set", name, "master", "bridge")
		n.join(t, name)
	}
	return n
}

func (n *network) address(i int) string { return fmt.Sprint("10.18.0.", i+1) }

func (n *network) on(name string) []string { return []string{n.ip, "netns", "exec", n.tag + name} }

// cut has nothing reach a machine any more, and join undoes that.
func (n *network) cut(t *testing.T, name string) {
	n.do(t, "-n", n.tag+"coordinator", "link", "set", name, "down")
}
func (n *network) join(t *testing.T, name string) {
	n.do(t, "-n", n.tag+"coordinator", "link", "set", name, "up")
}

func (n *network) do(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(n.ip, args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// A sweep listens on nothing, unless a flag asks for it; its own workers are on the loopback.
func TestASweepListensOnlyWhenAsked(t *testing.T) {
	temp := t.TempDir()
	file := filepath.Join(temp, "long.yaml")
	long := strings.Replace(fmt.Sprintf(someCells, 20), "horizon: 1s", "horizon: 30d", 1)
	if err := os.WriteFile(file, []byte(long), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		flags []string
		want  string
	}{{nil, "[]"}, {[]string{"--workers", "1"}, "[0100007F]"}} {
		k := killedSweep{dir: filepath.Join(temp, fmt.Sprint(len(tt.flags))), file: file}
		if err := os.MkdirAll(k.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		c := k.command()
		c.Args = append(c.Args, tt.flags...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); len(k.partial(t)) == 0 && time.Since(begun) < time.Minute; {
			time.Sleep(time.Millisecond)
		}
		if got := fmt.Sprint(listeners(t, c.Process.Pid)); got != tt.want {
			t.Errorf("with %q it listens on %s, expected %s", tt.flags, got, tt.want)
		}
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	}
}

// listeners lists the addresses, in hexadecimal, that a process listens on by TCP.
func listeners(t *testing.T, pid int) (all []string) {
	t.Helper()
	own := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("the files of process %d: %v", pid, err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
	}
	for _, file := range []string{"tcp", "tcp6"} {
		for line := range strings.Lines(string(contents(t, fmt.Sprintf("/proc/%d/net/%s", pid, file)))) {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" && own[f[9]] {
				address, _, _ := strings.Cut(f[1], ":")
				all = append(all, address)
			}
		}
	}
	return all
}
