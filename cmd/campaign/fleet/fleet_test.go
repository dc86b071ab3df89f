package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// threeCells is a sweep of three cells that take no time.
const threeCells = `name: three
horizon: 2s
keys: {one: {as: ipv4, uniform: {n: 1}}}
traffic: {main: {rate: 10/s, keys: one}}
limiters: {main: {kind: tat, limit: {count: 1, period: 1s, burst: 5}}}
assert: {over_admission: ["count == 0"]}
sweep:
  axes:
    limiters.main.kind: [tat, broken, always]
`

// heard is a Monitor that remembers what it is told.
type heard struct {
	mu    sync.Mutex
	notes []string
}

func (h *heard) Begin(int, string) {}
func (h *heard) Done()             {}
func (h *heard) Run(string, *plan.Plan) (func(at, arrivals int64), func()) {
	return nil, func() {}
}

func (h *heard) Note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, fmt.Sprintf(format, args...))
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.notes, "\n")
}

func loader() *campaign.Loader { return &campaign.Loader{Kinds: limiter.Builtin()} }

// newSweep opens a sweep of a scenario in a directory.
func newSweep(t testing.TB, text, dir string) (*campaign.Sweep, *heard) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sweep.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	s := &campaign.Sweep{Dir: dir, Jobs: 100, Local: campaign.Local{Loader: loader(), Monitor: h}}
	var err error
	if s.Scenario, err = s.Decode(file); err != nil {
		t.Fatal(err)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, h
}

// alone returns the result of a sweep that this process plays.
func alone(t *testing.T, text string) []byte {
	t.Helper()
	s, _ := newSweep(t, text, t.TempDir())
	return result(t, s)
}

// result runs a sweep and returns the bytes of its table.
func result(t testing.TB, s *campaign.Sweep) []byte {
	t.Helper()
	if _, err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(s.Dir, sweep.File))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// start starts a coordinator on this machine that lets in who has the join file.
func start(t testing.TB, s *campaign.Sweep, lease time.Duration) (c *Coordinator, joinFile string) {
	t.Helper()
	joinFile = filepath.Join(t.TempDir(), "join")
	c, err := Start(t.Context(), s, Options{Listen: "127.0.0.1:0", JoinFile: joinFile, Replicas: 1, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(s.Finished()); err != nil {
			t.Error(err)
		}
	})
	return c, joinFile
}

// worker returns one of the same build, which joins a coordinator.
func worker(t testing.TB, c *Coordinator, joinFile string) *Worker {
	t.Helper()
	w := stray(t)
	w.Address, w.JoinFile = c.own.server.Addr().String(), joinFile
	return w
}

// stray returns a worker that knows no coordinator.
func stray(t testing.TB) *Worker {
	t.Helper()
	build, err := campaign.ExecutableHash()
	if err != nil {
		t.Fatal(err)
	}
	return &Worker{Local: campaign.Local{Loader: loader(), Monitor: &heard{}}, Jobs: 2, Patience: 10 * time.Second, Build: build, Probe: Probe()}
}

// A coordinator that cannot start says why at once, and leaves nothing behind.
func TestCoordinatorCannotStart(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	join := filepath.Join(t.TempDir(), "join")
	for _, tt := range []struct {
		o      Options
		status campaign.Status
		says   string
	}{
		{Options{Listen: busy.Addr().String(), JoinFile: join}, campaign.Invalid, "bind: "},
		{Options{Listen: "999.1.1.1:4", JoinFile: join}, campaign.Invalid, "999.1.1.1"},
		{Options{Listen: "127.0.0.1:0", JoinFile: garbage}, campaign.Invalid, "garbage is no join file"},
		{Options{Listen: "127.0.0.1:0", JoinFile: filepath.Join(garbage, "join")}, campaign.Invalid, "--join-file: "},
		{Options{URL: "nats://127.0.0.1:1"}, campaign.Unreachable, "no servers available"},
	} {
		s, _ := newSweep(t, threeCells, filepath.Join(t.TempDir(), "sweep"))
		tt.o.Replicas, tt.o.Lease = 1, Lease
		begun := time.Now()
		_, err := Start(t.Context(), s, tt.o)
		if took := time.Since(begun); took > upFor/2 {
			t.Errorf("%+v: refused after %v", tt.o, took)
		}
		if campaign.StatusOf(err) != tt.status || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%+v: expected exit code %d and %q, found %d and %v", tt.o, tt.status, tt.says, campaign.StatusOf(err), err)
		}
		if err := s.Abandon(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: the directory is left: %v", tt.o, err)
		}
	}
	if _, err := os.Stat(join); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a join file is made for an address that nobody can listen on: %v", err)
	}
}

// Two workers come to the bytes of one process; they end with the sweep, and nothing of theirs
// is left.
func TestWorkers(t *testing.T) {
	want := alone(t, threeCells)
	s, h := newSweep(t, threeCells, t.TempDir())
	by := make(chan string, 3)
	s.Ended = func(_ sweep.Run, worker string) { by <- worker }
	c, joinFile := start(t, s, Lease)
	var ended sync.WaitGroup
	for range 2 {
		ended.Go(func() {
			if err := worker(t, c, joinFile).Work(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	if got := result(t, s); !bytes.Equal(got, want) {
		t.Errorf("expected\n%s\nfound\n%s", want, got)
	}
	if err := c.Close(true); err != nil {
		t.Error(err)
	}
	ended.Wait()
	for range cap(by) {
		if worker := <-by; worker == "" || !strings.Contains(h.String(), "worker "+worker+" has joined") {
			t.Errorf("a run was played by %q, which has not joined", worker)
		}
	}
	if told := h.String(); !strings.Contains(told, " has joined: 2 cells at once") || !strings.Contains(told, "workers: ") {
		t.Errorf("told: %s", told)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, folder)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the queue is left: %v", err)
	}
}

// losing is a monitor of a worker whose coordinator is lost when it plays.
type losing struct {
	heard
	lose func()
}

func (l *losing) Run(name string, p *plan.Plan) (func(at, arrivals int64), func()) {
	l.lose()
	return l.heard.Run(name, p)
}

// A worker whose coordinator is lost while it plays ends when its patience does, though it has
// something to commit.
func TestACoordinatorIsLost(t *testing.T) {
	s, _ := newSweep(t, threeCells, t.TempDir())
	c, joinFile := start(t, s, Lease)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() {
		_, err := s.Run(ctx)
		ran <- err
	}()
	w := worker(t, c, joinFile)
	w.Jobs, w.Patience = 1, 300*time.Millisecond
	w.Monitor = &losing{lose: sync.OnceFunc(func() { c.own.server.Shutdown() })}
	ended := make(chan error, 1)
	go func() { ended <- w.Work(t.Context()) }()
	select {
	case err := <-ended:
		if campaign.StatusOf(err) != campaign.Unreachable || !regexp.MustCompile(`the coordinator was away for 300ms: [a-z]`).MatchString(fmt.Sprint(err)) {
			t.Errorf("found %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it has not ended after a minute")
	}
	cancel()
	if err := <-ran; err == nil {
		t.Error("the sweep has ended without its coordinator")
	}
}

// A worker that would write other bytes, or is not let in, says why and plays nothing.
func TestWorkerIsRefused(t *testing.T) {
	s, _ := newSweep(t, threeCells, t.TempDir())
	c, joinFile := start(t, s, Lease)
	right, err := os.ReadFile(joinFile)
	if err != nil {
		t.Fatal(err)
	}
	pin, secret, _ := strings.Cut(strings.TrimSpace(string(right)), ".")
	with := func(text string) string {
		path := filepath.Join(t.TempDir(), "join")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := "A"
	if pin[0] == 'A' {
		other = "B"
	}
	for _, tt := range []struct {
		why    string
		change func(*Worker)
		want   string
	}{
		{"another build", func(w *Worker) { w.Build = strings.Repeat("0", 64) }, "another build of quotalab: expected the program with SHA-256"},
		{"another floating point", func(w *Worker) { w.Probe = "0" }, "floating point is another"},
		{"a wrong secret", func(w *Worker) { w.JoinFile = with(pin + "." + strings.Repeat("A", len(secret))) }, "Authorization Violation"},
		{"a wrong pin", func(w *Worker) { w.JoinFile = with(other + pin[1:] + "." + secret) }, "not the one that the join file names"},
		{"no join file", func(w *Worker) { w.JoinFile = with("hello") }, "is no join file"},
	} {
		w := worker(t, c, joinFile)
		tt.change(w)
		err := w.Work(t.Context())
		if campaign.StatusOf(err) != campaign.Invalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, expected %q", tt.why, err, tt.want)
		}
	}
	// A client without the secret hears nothing, encrypted or not.
	for _, o := range [][]nats.Option{nil, {nats.Secure(join{pin: pin}.clientTLS()), nats.TLSHandshakeFirst()}} {
		if conn, err := nats.Connect("nats://"+c.own.server.Addr().String(), append(o, nats.Timeout(time.Second))...); err == nil {
			conn.Close()
			t.Error("a stranger is let in")
		}
	}
	conn, err := net.Dial("tcp", c.own.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, _ := conn.Read(make([]byte, 1)); n > 0 {
		t.Error("the server speaks first, and unencrypted")
	}
	if _, err := os.Stat(filepath.Join(s.Dir, sweep.File)); err == nil {
		t.Error("something was played")
	}
}

// A worker cannot remove or replace anything, whatever program it is.
func TestWorkerMayNotRemove(t *testing.T) {
	s, _ := newSweep(t, threeCells, t.TempDir())
	c, joinFile := start(t, s, Lease)
	j, err := readJoin(joinFile)
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 100)
	conn, err := nats.Connect("tls://"+c.own.server.Addr().String(), append(j.options(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, subject := range []string{
		"$JS.API.STREAM.DELETE." + c.stream(cellsStream), "$JS.API.STREAM.PURGE." + c.stream(doneStream), "$JS.API.STREAM.MSG.DELETE." + c.stream(doneStream),
		"$JS.API.STREAM.UPDATE." + c.stream(doneStream), "$JS.API.STREAM.CREATE.mine", "$JS.API.CONSUMER.DELETE." + c.stream(cellsStream) + "." + consumer,
		"$JS.API.CONSUMER.CREATE." + c.stream(cellsStream) + ".mine", jobSubject, c.subject("cell.x"), c.subject("content.x.0"), c.subject("end"),
	} {
		if err := conn.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), subject) {
				t.Errorf("%s: %v", subject, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s is not refused", subject)
		}
	}
	// What is committed stays: the stream itself takes no second message.
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{true, false} {
		if _, err := js.Publish(t.Context(), c.subject("done.x"), []byte(fmt.Sprint(first))); isOnce(err) == first {
			t.Errorf("commit, first %v: %v", first, err)
		}
	}
}

// played plays a sweep, and returns what it ends with and where its cells come from.
func played(t *testing.T, c *Coordinator, s *campaign.Sweep) (ran chan error, cells jetstream.Consumer) {
	t.Helper()
	ran = make(chan error, 1)
	go func() {
		_, err := s.Run(t.Context())
		ran <- err
	}()
	cells, err := c.cells.Consumer(t.Context(), consumer)
	if err != nil {
		t.Fatal(err)
	}
	return ran, cells
}

// A cell that workers die of ends as failed once enough have, and the same command tries it again.
func TestACellThatKillsWorkersIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	s, _ := newSweep(t, threeCells, dir)
	c, joinFile := start(t, s, time.Second)
	ran, workers := played(t, c, s)
	killed := ""
	for n := 0; n < mostTries; { // as workers that begin it and are gone
		batch, err := workers.Fetch(1, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for m := range batch.Messages() {
			hash := m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]
			if killed == "" {
				killed = hash
			}
			if hash == killed {
				n++
				if _, err := c.js.Publish(t.Context(), c.subject("try."+hash), []byte{byte(n)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Nak(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ended := make(chan error, 1)
	w := worker(t, c, joinFile)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { ended <- w.Work(ctx) }()
	if err := <-ran; err == nil || !strings.Contains(err.Error(), "5 workers died while they played it") {
		t.Errorf("found %v", err)
	}
	cancel(campaign.ErrInterrupt)
	if err := <-ended; campaign.StatusOf(err) != campaign.Aborted {
		t.Errorf("a worker that is ended: %v", err)
	}
	if err := errors.Join(c.Close(false), s.Close()); err != nil {
		t.Fatal(err)
	}
	s, _ = newSweep(t, threeCells, dir)
	c, joinFile = start(t, s, time.Second)
	go func() { ended <- worker(t, c, joinFile).Work(t.Context()) }()
	if want := alone(t, threeCells); !bytes.Equal(result(t, s), want) {
		t.Error("the same command comes to another result")
	}
	if err := c.Close(true); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A cell that comes out differently on a second worker ends the sweep, loudly.
func TestASecondCommitMustBeTheSame(t *testing.T) {
	s, _ := newSweep(t, threeCells, t.TempDir())
	c, joinFile := start(t, s, Lease)
	ran := make(chan error, 1)
	w := worker(t, c, joinFile)
	w.name = "second"
	w.queue, w.conn = c.queue, c.conn
	first := commit{Worker: "first", Sum: "a", Name: "data.first"}
	for _, tt := range []struct {
		why string
		k   commit
	}{{"first", first}, {"the own one again", first}, {"the same content", commit{Worker: "second", Sum: "a", Name: "data.second"}}} {
		if err := w.commit(t.Context(), "0123456789abcdef", tt.k, nil); err != nil {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
	go func() {
		_, err := s.Run(t.Context())
		ran <- err
	}()
	select {
	case err := <-ran:
		t.Fatalf("ended with %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := w.commit(t.Context(), "0123456789abcdef", commit{Worker: "second", Sum: "b", Name: "data.third"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-ran; err == nil || !strings.Contains(err.Error(), "came out differently on two workers") || !strings.Contains(err.Error(), "first came to a") {
		t.Errorf("found %v", err)
	}
}

// The cell of a worker that is silent is another's after the lease, and not before.
func TestASilentWorkersCellIsAnothers(t *testing.T) {
	testkit.Live(t, "waits for a lease")
	const lease = 2 * time.Second
	s, _ := newSweep(t, threeCells, t.TempDir())
	c, joinFile := start(t, s, lease)
	ran, workers := played(t, c, s)
	batch, err := workers.Fetch(1, jetstream.FetchMaxWait(5*time.Second))
	if err != nil || <-batch.Messages() == nil {
		t.Fatal(err)
	}
	begun := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- worker(t, c, joinFile).Work(t.Context()) }()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	t.Logf("again after %v, lease %v", took, lease)
	if took < lease-100*time.Millisecond || took > lease+time.Second {
		t.Errorf("the cell was played again after %v, expected %v to %v", took, lease, lease+time.Second)
	}
	if err := errors.Join(c.Close(true), <-ended); err != nil {
		t.Error(err)
	}
}

// A worker has no file of the coordinator's: traces reach it by their content.
func TestTracesReachWorkers(t *testing.T) {
	dir := t.TempDir()
	var log strings.Builder
	for i := range 200 {
		fmt.Fprintf(&log, `{"time":%d,"key":"k%d"}`+"\n", 1767225600+i/100, i%7)
	}
	if err := os.WriteFile(filepath.Join(dir, "calls.jsonl"), []byte(log.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`name: traced
horizon: 3s
traffic: {main: {rate: {replay: {file: %q, format: jsonl, time_field: time, key_field: key}}}}
limiters: {main: {kind: tat, limit: {count: 1, period: 1s, burst: 5}}}
sweep:
  axes: {limiters.main.kind: [tat, broken]}
  metrics: ["decisions{decision=allowed} count"]
`, filepath.Join(dir, "calls.jsonl"))
	want := alone(t, text)
	s, _ := newSweep(t, text, t.TempDir())
	c, joinFile := start(t, s, Lease)
	w := worker(t, c, joinFile)
	ended := make(chan error, 1)
	go func() { ended <- w.Work(t.Context()) }()
	if got := result(t, s); !bytes.Equal(got, want) {
		t.Errorf("expected\n%s\nfound\n%s", want, got)
	}
	if err := errors.Join(c.Close(true), <-ended); err != nil {
		t.Error(err)
	}
	if path := w.scenario.Traces[filepath.Join(dir, "calls.jsonl")]; path != filepath.Join(w.folder, w.id, hashOf([]byte(log.String()))) {
		t.Errorf("the worker read the trace from %q", path)
	}
}

// A sweep on three servers outlives the loss of one with its disk, and of its coordinator with its own.
func TestAClusterLosesAServerAndTheCoordinator(t *testing.T) {
	testkit.Live(t, "starts three servers")
	text := strings.Replace(threeCells, "[tat, broken, always]", "[tat, broken, always]\n    shards.count: [1, 2, 3, 4, 5, 6, 7, 8]", 1)
	want := alone(t, text)
	urls, servers, dirs := cluster(t)
	options := Options{URL: urls, Replicas: 3, Lease: 5 * time.Second}
	first, _ := newSweep(t, text, t.TempDir())
	c, err := Start(t.Context(), first, options)
	if err != nil {
		t.Fatal(err)
	}
	w := stray(t)
	w.URL, w.Jobs = urls, 1
	ended := make(chan error, 1)
	go func() { ended <- w.Work(t.Context()) }()
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for w.count.Load() < 5 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel(campaign.ErrInterrupt)
	}()
	if _, err := first.Run(ctx); campaign.StatusOf(err) != campaign.Aborted {
		t.Fatalf("expected an interrupt, found %v", err)
	}
	if err := errors.Join(c.Close(false), first.Close(), os.RemoveAll(first.Dir)); err != nil {
		t.Fatal(err)
	}
	servers[1].Shutdown()
	servers[1].WaitForShutdown()
	if err := os.RemoveAll(dirs[1]); err != nil {
		t.Fatal(err)
	}
	before := w.count.Load()
	second, _ := newSweep(t, text, t.TempDir())
	if c, err = Start(t.Context(), second, options); err != nil {
		t.Fatal(err)
	}
	if got := result(t, second); !bytes.Equal(got, want) {
		t.Error("another result")
	}
	if err := errors.Join(c.Close(true), <-ended); err != nil {
		t.Error(err)
	}
	t.Logf("%d of 24 cells were played before the loss, %d in all", before, w.count.Load())
	if n := w.count.Load(); n != 24 {
		t.Errorf("%d cells were played, expected each once: 24", n)
	}
}

// cluster starts three servers that know one another.
func cluster(t *testing.T) (urls string, servers []*server.Server, dirs []string) {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: l.Addr().String()})
		_ = l.Close()
	}
	var all []string
	for i := range 3 {
		dirs = append(dirs, t.TempDir())
		o := options(dirs[i], "127.0.0.1", 1<<32, nil)
		o.ServerName, o.NoSystemAccount, o.TLSHandshakeFirst, o.Routes = fmt.Sprint("n", i), false, false, routes
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[i]}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
		s.Start()
		t.Cleanup(s.Shutdown)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(upFor) {
			t.Fatal("a server does not start")
		}
		all = append(all, "nats://"+s.Addr().String())
	}
	return strings.Join(all, ","), servers, dirs
}

// What is packed comes out the same, and nothing is written elsewhere.
func TestPack(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"manifest.json": "{}", "parts/1.parquet": "rows", "empty": ""} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755), os.WriteFile(filepath.Join(from, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var b, again bytes.Buffer
	if err := errors.Join(pack(&b, from), unpack(bytes.NewReader(b.Bytes()), to), pack(&again, to)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("what was unpacked is not what was packed")
	}
	evil := bytes.Replace(b.Bytes(), []byte("parts/1.parquet"), []byte("../1.parquet\x00\x00\x00"), 1)
	if err := unpack(bytes.NewReader(evil), t.TempDir()); err == nil {
		t.Error("a path out of the folder is taken")
	}
}

// FuzzUnpack holds that no bytes make unpack write outside its folder.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		above := t.TempDir()
		dir := filepath.Join(above, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = unpack(bytes.NewReader(data), dir) // most are no archives
		if entries, err := os.ReadDir(above); err != nil || len(entries) != 1 {
			t.Errorf("written outside: %v, %v", entries, err)
		}
	})
}

// A job names no path of the coordinator's machine but what the scenario says, nor that of a trace that a flag gives.
func TestJobIsTheSameEverywhere(t *testing.T) {
	text := strings.Replace(threeCells, "rate: 10/s, keys: one", "rate: {replay: {file: none}}", 1)
	const line = `192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-"` + "\n"
	var ids []string
	for _, requests := range []string{line, line, line + line} {
		h := &heard{}
		s := &campaign.Sweep{Dir: t.TempDir(), Jobs: 1, Local: campaign.Local{Loader: loader(), Monitor: h}}
		dir := t.TempDir()
		file := filepath.Join(dir, "sweep.yaml")
		s.Overrides.Trace = filepath.Join(dir, "requests.log")
		err := errors.Join(os.WriteFile(file, []byte(text), 0o644), os.WriteFile(s.Overrides.Trace, []byte(requests), 0o644))
		if err == nil {
			s.Scenario, err = s.Decode(file)
		}
		if err == nil {
			err = s.Open()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		var c Coordinator
		if err := c.describe(s, Options{Lease: Lease}); err != nil {
			t.Fatal(err)
		}
		job, err := json.Marshal(c.job)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(job), os.TempDir()) {
			t.Errorf("a path is in %s", job)
		}
		ids = append(ids, c.id)
	}
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("ids %q of one sweep, and of one with another trace", ids)
	}
}
