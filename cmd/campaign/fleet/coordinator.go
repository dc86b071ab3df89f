package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
)

// Options are how a sweep reaches its workers: one of Workers, Listen and URL.
type Options struct {
	Workers  int    // child processes on this machine; they join a server that listens on 127.0.0.1
	Listen   string // address of a server in this process that workers join
	JoinFile string // of Listen
	URL      string // of an external cluster
	Creds    string // file with the credentials for that
	Replicas int    // of the streams there
	Lease    time.Duration
	Joined   func(worker string, jobs int) // is told who joins, and how many cells it plays at once; may be nil
}

// Elsewhere reports whether one of these is given.
func (o Options) Elsewhere() bool { return o.Workers != 0 || o.Listen != "" || o.URL != "" }

// folder is where a server of one's own has its streams, in the sweep's directory.
const folder = ".fleet"

// Coordinator is the campaign.Runner that hands cells to workers.
type Coordinator struct {
	campaign.Monitor
	queue
	job     Job
	dir     string // folder of the server's own; "": it is an external one
	own     *own
	conn    *nats.Conn
	watch   jetstream.ConsumeContext
	workers *children
	joined  func(worker string, jobs int) // of Options

	mu      sync.Mutex
	seen    map[string]uint64      // sequence number of a commit, by the hash of its cell
	waiting map[string]chan uint64 // who waits for it
	played  map[string]int         // cells by worker
	failed  error
	fatal   chan struct{} // closed when failed is set
	close   sync.Once
}

// Start starts what plays the cells of a sweep, which is open, and becomes its Runner.
func Start(ctx context.Context, s *campaign.Sweep, o Options) (*Coordinator, error) {
	c := &Coordinator{Monitor: s.Monitor, joined: o.Joined, seen: map[string]uint64{}, waiting: map[string]chan uint64{}, played: map[string]int{}, fatal: make(chan struct{})}
	if err := c.describe(s, o); err != nil {
		return nil, err
	}
	if err := c.start(ctx, s, o); err != nil {
		return nil, errors.Join(err, c.Close(false))
	}
	s.Runner = c
	return c, nil
}

func (c *Coordinator) start(ctx context.Context, s *campaign.Sweep, o Options) (err error) {
	if err = c.connect(s.Dir, o); err != nil {
		return err
	}
	if c.js, err = jetstream.New(c.conn); err != nil {
		return err
	}
	if err = c.claim(ctx, o.Replicas); err != nil {
		return err
	}
	if err = c.create(ctx, o.Replicas, o.Lease); err != nil {
		return err
	}
	if err = c.publishJob(ctx, s); err != nil {
		return err
	}
	if err = c.begin(ctx); err != nil {
		return err
	}
	if o.Workers > 0 {
		c.workers, err = startChildren(c, o)
		return err
	}
	c.tellWhere(o)
	return nil
}

func (c *Coordinator) tellWhere(o Options) {
	if o.URL != "" {
		c.Note("workers: quotalab worker --nats %s --creds FILE", o.URL)
		return
	}
	c.Note("workers: quotalab worker --join %s --join-file FILE, with a copy of %s", c.own.server.Addr(), o.JoinFile)
}

// Playable returns why workers cannot play a sweep, if they cannot.
func Playable(s *campaign.Sweep) error {
	switch known := s.Checked; {
	case known.Real && s.Worlds() > 0:
		return campaign.Invalidf("%s is in real time, and is played on the servers that are named here: leave --workers, --listen and --nats out, or add --clock virtual", s.Scenario.File)
	case known.Real:
		return campaign.Invalidf("%s has cells in real time, which are played one after another on the servers that are named here: leave --workers, --listen and --nats out, or add --clock virtual", s.Scenario.File)
	case known.Starts != "":
		return campaign.Invalidf("%s: %s is a program on this machine, and workers get a scenario and its traces alone: leave --workers, --listen and --nats out, or play parts by --part where the program is", s.Scenario.File, known.Starts)
	}
	return nil
}

func (c *Coordinator) describe(s *campaign.Sweep, o Options) error {
	if err := Playable(s); err != nil {
		return err
	}
	j := &c.job
	j.Scenario, j.Probe, j.Lease, j.Worlds, j.Traces = s.Scenario.Name, Probe(), o.Lease, s.Worlds(), map[string]string{}
	j.Build, j.Servers = s.Made()
	j.Text.SHA = hashOf([]byte(s.Scenario.Text()))
	for name, t := range s.Checked.Traces {
		j.Traces[name] = t.Hash
	}
	j.Seed, j.Clock, j.Engine, j.AllowMemory = s.Overrides.Seed, s.Overrides.Clock, s.Overrides.Engine.Name, s.Overrides.AllowMemory
	if s.Overrides.Trace != "" {
		path, err := filepath.Abs(s.Overrides.Trace)
		if err != nil {
			return err
		}
		j.Trace = "/" + j.Traces[path]
		j.Traces[j.Trace] = j.Traces[path]
		delete(j.Traces, path)
	}
	text, err := json.Marshal(j)
	j.ID = hashOf(text)[:16]
	c.id = j.ID
	return err
}

func (c *Coordinator) connect(sweepDir string, o Options) (err error) {
	if o.URL != "" {
		c.conn, err = Dial(o.URL, o.Creds, "coordinator")
		return err
	}
	c.dir = filepath.Join(sweepDir, folder)
	listen, joinFile := o.Listen, o.JoinFile
	if o.Workers > 0 {
		listen, joinFile = "127.0.0.1:0", filepath.Join(c.dir, "join")
	}
	if c.own, err = startServer(c.dir, listen, joinFile, &c.queue); err != nil {
		return campaign.With(campaign.Invalid, err)
	}
	c.conn = c.own.conn
	return nil
}

// claim makes sure that no other sweep uses the account.
func (c *Coordinator) claim(ctx context.Context, replicas int) error {
	ctx, cancel := context.WithTimeout(ctx, upFor)
	defer cancel()
	var jobs jetstream.Stream
	err := again(ctx, func(ctx context.Context) (err error) {
		jobs, err = c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: jobStream, Subjects: []string{jobSubject}, Replicas: replicas, MaxMsgsPerSubject: 1, AllowDirect: true})
		return err
	})
	if err != nil {
		return campaign.With(campaign.Unreachable, fmt.Errorf("making the stream %s: %w", jobStream, err))
	}
	var other Job
	err = again(ctx, func(ctx context.Context) (err error) {
		other, err = jobOf(ctx, jobs)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		return err
	})
	if err == nil && other.ID != "" && other.ID != c.id && c.own == nil {
		err = campaign.Invalidf("--nats: the account has the %s already (%s), of another scenario or build: let the same command end it, or remove it by \"nats stream rm %s\"", other.whole(), other.ID, jobStream)
	}
	return err
}

func jobOf(ctx context.Context, jobs jetstream.Stream) (j Job, err error) {
	m, err := jobs.GetLastMsgForSubject(ctx, jobSubject)
	if err == nil {
		err = json.Unmarshal(m.Data, &j)
	}
	return j, err
}

// publishJob stores what workers need, and then the job.
func (c *Coordinator) publishJob(ctx context.Context, s *campaign.Sweep) (err error) {
	if c.job.Text, err = c.put(ctx, contentName(c.job.Text.SHA), strings.NewReader(s.Scenario.Text())); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Checked.Traces)) {
		t := s.Checked.Traces[name]
		if slices.ContainsFunc(c.job.Contents, func(of content) bool { return of.SHA == t.Hash }) {
			continue
		}
		of, err := c.putTrace(ctx, t)
		if err == nil && of.SHA != t.Hash {
			err = campaign.Invalidf("trace %s has changed while it was read", name)
		}
		if err != nil {
			return err
		}
		c.job.Contents = append(c.job.Contents, of)
	}
	text, err := json.Marshal(c.job)
	if err != nil {
		return err
	}
	return again(ctx, func(ctx context.Context) error {
		_, err := c.js.Publish(ctx, jobSubject, text)
		return err
	})
}

func (c *Coordinator) putTrace(ctx context.Context, t campaign.Trace) (of content, err error) {
	r, err := t.Open()
	if err != nil {
		return of, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return c.put(ctx, contentName(t.Hash), r)
}

// begin forgets what cells failed under an earlier coordinator and how often they were begun, so that
// the same command tries them again, and watches for commits, those that are there first.
func (c *Coordinator) begin(ctx context.Context) error {
	if err := again(ctx, func(ctx context.Context) error { return c.tries.Purge(ctx) }); err != nil {
		return err
	}
	watch, err := c.done.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{HeadersOnly: true})
	if err != nil {
		return err
	}
	if c.watch, err = watch.Consume(func(m jetstream.Msg) { c.committed(m) }); err != nil {
		return err
	}
	_, err = c.conn.Subscribe(c.subject("hello"), func(m *nats.Msg) {
		var h hello
		if json.Unmarshal(m.Data, &h) != nil {
			return // of no worker
		}
		c.Note("worker %s has joined: %s at once", h.Worker, unit.Counted(int64(h.Jobs), c.job.piece()))
		if c.joined != nil {
			c.joined(h.Worker, h.Jobs)
		}
	})
	return err
}

// committed notes that a cell is committed, or that one came out differently.
func (c *Coordinator) committed(m jetstream.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		c.fail(err)
		return
	}
	what, hash, _ := strings.Cut(strings.TrimPrefix(m.Subject(), c.subject("")), ".")
	if what == "differs" {
		c.fail(fmt.Errorf("the cell %s came out differently on two workers, which must not happen: %s", hash, m.Headers().Get(commitHeader)))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[hash] = meta.Sequence.Stream
	if w := c.waiting[hash]; w != nil {
		delete(c.waiting, hash)
		w <- meta.Sequence.Stream
	}
}

func (c *Coordinator) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
		close(c.fatal)
	}
}

// await returns a channel that gets the number of a cell's commit.
func (c *Coordinator) await(hash string) (w chan uint64, there bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w = make(chan uint64, 1)
	if at, ok := c.seen[hash]; ok {
		w <- at
		return w, true
	}
	c.waiting[hash] = w
	return w, false
}

// Run has a cell played by a worker, unless one has done so already.
func (c *Coordinator) Run(ctx context.Context, cell campaign.Cell, dir string) (*campaign.Outcome, error) {
	for first := true; ; first = false {
		w, there := c.await(cell.Hash)
		at, err := c.awaitCommit(ctx, cell, w, there)
		if err != nil {
			return nil, err
		}
		of, err := c.collect(ctx, cell, at, dir)
		again := errors.Is(err, errMissing) || err != nil && there && first && campaign.StatusOf(err) != campaign.Aborted
		if !again {
			return of, err
		}
		// What it came to is lost, or it failed under an earlier coordinator.
		if err := c.discard(ctx, cell.Hash, at, dir); err != nil {
			return nil, err
		}
	}
}

// awaitCommit waits for the commit of a cell that is in the queue or, if it is there, on its way. It
// publishes the cell anew with every lease: a worker that has seen a commit which was discarded since
// takes the cell out of the queue, and a worker that finds a commit does not play it.
func (c *Coordinator) awaitCommit(ctx context.Context, cell campaign.Cell, w <-chan uint64, there bool) (uint64, error) {
	for {
		if !there {
			if err := c.publish(ctx, cell); err != nil {
				return 0, err
			}
		}
		lease, cancel := context.WithTimeout(ctx, c.job.Lease)
		select {
		case at := <-w:
			cancel()
			return at, nil
		case <-c.fatal:
			cancel()
			return 0, c.failed
		case <-lease.Done():
			cancel()
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
		}
	}
}

// publish puts a cell into the queue, where it may be already.
func (c *Coordinator) publish(ctx context.Context, cell campaign.Cell) error {
	text, err := json.Marshal(cellMessage{cell.Hash, cell.Place, cell.Settings, cell.Repeat, cell.World})
	if err != nil {
		return err
	}
	return again(ctx, func(ctx context.Context) error {
		_, err := c.js.Publish(ctx, c.subject("cell."+cell.Hash), text)
		if isOnce(err) {
			return nil
		}
		return err
	})
}

// collect unpacks a committed cell into dir and verifies it.
func (c *Coordinator) collect(ctx context.Context, cell campaign.Cell, at uint64, dir string) (*campaign.Outcome, error) {
	var m *jetstream.RawStreamMsg
	if err := again(ctx, func(ctx context.Context) (err error) {
		m, err = c.done.GetMsg(ctx, at)
		return err
	}); err != nil {
		return nil, err
	}
	var k commit
	if err := json.Unmarshal([]byte(m.Header.Get(commitHeader)), &k); err != nil {
		return nil, fmt.Errorf("the commit of cell %s: %w", cell.Hash, err)
	}
	if k.Failed != "" {
		return nil, campaign.With(k.Status, fmt.Errorf("%s, on worker %s: %s", cell, k.Worker, k.Failed))
	}
	if err := c.unpackInto(ctx, k, m.Data, dir); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.played[k.Worker]++
	c.mu.Unlock()
	of := &campaign.Outcome{Played: k.Played, Run: k.Run, Worker: k.Worker}
	of.Run.Place, of.Run.Repeat = cell.Place, cell.Repeat
	if k.Name != "" && c.own != nil { // the sweep's directory is on the same disk; a cluster keeps it until the end
		of.Kept = func() {
			_ = c.data.Purge(ctx, jetstream.WithPurgeSubject(c.subject(k.Name+".*"))) // all goes at the end
		}
	}
	return of, nil
}

func (c *Coordinator) unpackInto(ctx context.Context, k commit, inline []byte, dir string) error {
	if k.Name == "" {
		if hashOf(inline) != k.Pack.SHA {
			return fmt.Errorf("a commit of %s has another hash: %w", k.Worker, errMissing)
		}
		return unpack(bytes.NewReader(inline), dir)
	}
	r, w := io.Pipe()
	got := make(chan error, 1)
	go func() {
		err := c.get(ctx, k.Name, k.Pack, w)
		w.CloseWithError(err) // nil: the end
		got <- err
	}()
	err := unpack(r, dir)
	r.CloseWithError(err)
	if lost := <-got; errors.Is(lost, errMissing) {
		return lost
	}
	return err
}

// discard forgets what a cell came to, and empties the directory that it was unpacked into.
func (c *Coordinator) discard(ctx context.Context, hash string, at uint64, dir string) error {
	c.mu.Lock()
	delete(c.seen, hash)
	c.mu.Unlock()
	if err := again(ctx, func(ctx context.Context) error {
		err := c.done.DeleteMsg(ctx, at)
		if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) || errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		return err
	}); err != nil {
		return err
	}
	return campaign.EmptyCell(dir)
}

// Close ends the coordinator. Once the sweep is finished, workers are told so and the queue is
// removed; else they wait for the same command.
func (c *Coordinator) Close(finished bool) (err error) {
	c.close.Do(func() { err = c.end(finished) })
	return err
}

func (c *Coordinator) end(finished bool) (err error) {
	if c.workers != nil && !finished {
		c.workers.stop() // they give back what they were playing
	}
	if c.watch != nil {
		c.watch.Stop()
	}
	if finished {
		c.tally()
		err = c.finish()
	}
	if c.workers != nil {
		c.workers.stop()
	}
	switch {
	case c.own != nil:
		c.own.stop(finished)
		if finished {
			err = errors.Join(err, os.RemoveAll(c.dir))
		}
	case c.conn != nil:
		c.conn.Close()
	}
	return err
}

func (c *Coordinator) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), upFor)
	defer cancel()
	err := errors.Join(c.conn.Publish(c.subject("end"), nil), c.conn.FlushWithContext(ctx))
	if c.own == nil { // a server of one's own takes all with it
		err = errors.Join(err, c.js.DeleteStream(ctx, jobStream), c.drop(ctx))
	}
	return err
}

func (c *Coordinator) tally() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.played)) {
		parts = append(parts, name+" "+unit.Counted(int64(c.played[name]), c.job.piece()))
	}
	if len(parts) > 0 {
		c.Note("workers: %s", strings.Join(parts, ", "))
	}
}
