package fleet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/clock"
)

// Worker plays cells of the sweep, or worlds of the run, that its coordinator has.
type Worker struct {
	campaign.Local
	Address, JoinFile string // of a coordinator
	URL, Creds        string // instead: of a cluster
	Jobs              int    // cells that are played at once
	Patience          time.Duration
	Build, Probe      string // of this process

	name string
	conn *nats.Conn
	queue
	job      Job
	scenario *scenarios.Scenario
	next     jetstream.Consumer // of cells
	folder   string
	count    atomic.Int64 // cells played
}

// mostTries is how many workers may die of a cell before it is given up.
const mostTries = 5

// errVanished says that the job is not there any more.
var errVanished = errors.New("the sweep is not there any more")

// Work plays cells until its sweep is over, or ctx ends.
func (w *Worker) Work(ctx context.Context) (err error) {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	w.name = fmt.Sprintf("%s-%d", strings.Map(tame, host), os.Getpid())
	var remove func() error
	if w.folder, remove, err = child.Folder("worker"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := w.connect(ctx); err != nil {
		return err
	}
	defer func() {
		if w.conn.IsConnected() {
			_ = w.conn.FlushTimeout(tryFor) // what goes back to the queue
		}
		w.conn.Close()
	}()
	if w.js, err = jetstream.New(w.conn); err != nil {
		return err
	}
	for {
		err := w.serve(ctx)
		if !errors.Is(err, errVanished) {
			return err
		}
	}
}

// tame maps a character of a host's name to one that a subject may have.
func tame(r rune) rune {
	if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '-'
}

// Dial connects to an external server or cluster.
func Dial(url, creds, name string) (*nats.Conn, error) {
	options := connectOptions(name)
	if creds != "" {
		options = append(options, nats.UserCredentials(creds))
	}
	conn, err := nats.Connect(url, options...)
	return conn, campaign.With(campaign.Unreachable, wrap("--nats "+url, err))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// connect waits for the coordinator, but not for one that lets nobody in.
func (w *Worker) connect(ctx context.Context) error {
	var j join
	if w.URL == "" {
		var err error
		if j, err = readJoin(w.JoinFile); err != nil {
			return campaign.Invalidf("--join-file: %w", err)
		}
	}
	begun := clock.Now()
	for {
		err := w.connectOnce(j)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errPin), errors.Is(err, nats.ErrAuthorization):
			return campaign.Invalidf("joining %s: %w", w.Address+w.URL, err)
		case clock.Since(begun) > w.Patience:
			return campaign.With(campaign.Unreachable, fmt.Errorf("joining %s: no coordinator in %s: %w", w.Address+w.URL, unit.Time(w.Patience), err))
		}
		if clock.Sleep(ctx, tryAgain) != nil {
			return campaign.With(campaign.Aborted, context.Cause(ctx))
		}
	}
}

func (w *Worker) connectOnce(j join) (err error) {
	if w.URL != "" {
		w.conn, err = Dial(w.URL, w.Creds, w.name)
		return err
	}
	w.conn, err = nats.Connect("tls://"+w.Address, append(connectOptions(w.name), j.options()...)...)
	return err
}

// options are those of a connection to a coordinator's own server.
func (j join) options() []nats.Option {
	return []nats.Option{nats.UserInfo(workerUser, j.secret), nats.CustomInboxPrefix(inbox), nats.Secure(j.clientTLS()), nats.TLSHandshakeFirst()}
}

// serve takes a job and plays its cells until it is over or vanishes.
func (w *Worker) serve(ctx context.Context) error {
	if err := w.waitForJob(ctx); err != nil {
		return err
	}
	if why := w.refuses(); why != "" {
		return campaign.Invalidf("worker %s refuses the %s: %s", w.name, w.job.whole(), why)
	}
	if err := w.fetchJob(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	end, err := w.conn.Subscribe(w.subject("end"), func(*nats.Msg) { cancel(errOver) })
	if err != nil {
		return err
	}
	defer func() { _ = end.Unsubscribe() }() // the connection ends anyway

	if text, err := json.Marshal(hello{w.name, w.Jobs}); err == nil { // a name and a number can be written
		_ = w.conn.Publish(w.subject("hello"), text)
	}
	var slots sync.WaitGroup
	for range w.Jobs {
		slots.Go(func() {
			if err := w.slot(ctx); err != nil {
				cancel(err)
			}
		})
	}
	var watch sync.WaitGroup
	watch.Go(func() { cancel(w.patient(ctx)) })
	slots.Wait()
	cancel(nil)
	watch.Wait()
	switch err := context.Cause(ctx); {
	case errors.Is(err, errOver):
		w.Note("worker %s: the %s is over, %s played", w.name, w.job.whole(), unit.Counted(w.count.Load(), w.job.piece()))
		return nil
	case errors.Is(err, campaign.ErrInterrupt):
		return campaign.With(campaign.Aborted, fmt.Errorf("interrupted: what was being played is another worker's now, %s played", unit.Counted(w.count.Load(), w.job.piece())))
	default:
		return err
	}
}

// errOver ends the slots of a worker whose sweep is over.
var errOver = errors.New("over")

// waitForJob waits until the coordinator has published its job.
func (w *Worker) waitForJob(ctx context.Context) error {
	begun := clock.Now()
	for {
		one, cancel := context.WithTimeout(ctx, tryFor)
		jobs, err := w.js.Stream(one, jobStream)
		if err == nil {
			w.job, err = jobOf(one, jobs)
		}
		cancel()
		if err == nil {
			w.id = w.job.ID
			return nil
		}
		if clock.Since(begun) > w.Patience {
			return campaign.With(campaign.Unreachable, fmt.Errorf("no sweep or run in %s: %w", unit.Time(w.Patience), err))
		}
		if clock.Sleep(ctx, tryAgain) != nil {
			return campaign.With(campaign.Aborted, context.Cause(ctx))
		}
	}
}

// refuses says why this worker would not write what the coordinator would.
func (w *Worker) refuses() string {
	j := w.job
	switch {
	case j.Build != w.Build:
		return fmt.Sprintf("it is for another build of quotalab: expected the program with SHA-256 %.16s…, this is %.16s…; copy the coordinator's program here", j.Build, w.Build)
	case j.Probe != w.Probe:
		return fmt.Sprintf("this machine's floating point is another: expected %s, found %s; take machines with like processors", j.Probe, w.Probe)
	}
	return ""
}

// fetchJob reads what the job consists of, and prepares to play it.
func (w *Worker) fetchJob(ctx context.Context) (err error) {
	one, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	if err = w.open(one); err != nil {
		return err
	}
	if w.next, err = w.js.Consumer(one, w.stream(cellsStream), consumer); err != nil {
		return err
	}
	dir := filepath.Join(w.folder, w.id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, c := range w.job.Contents {
		if err := w.fetchTrace(ctx, c, filepath.Join(dir, c.SHA)); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	if err := w.get(ctx, contentName(w.job.Text.SHA), w.job.Text, &text); err != nil {
		return err
	}
	s, problems := scenarios.Decode(w.job.Scenario, text.Bytes())
	if len(problems) > 0 || s == nil || s.Sweep == nil && w.job.Worlds == 0 {
		return campaign.Invalidf("the scenario of the %s: %w", w.job.whole(), problems.Sort())
	}
	s.Traces = map[string]string{}
	for name, sha := range w.job.Traces {
		s.Traces[name] = filepath.Join(dir, sha)
	}
	w.scenario = s
	o := &w.Overrides
	*o = campaign.Overrides{Seed: w.job.Seed, Trace: w.job.Trace, Clock: w.job.Clock, Engine: campaign.Engine{Name: w.job.Engine}, AllowMemory: w.job.AllowMemory, Cores: campaign.AllCores()}
	servers, err := o.EngineVersion(ctx, s)
	if err == nil && servers != w.job.Servers {
		err = campaign.Invalidf("expected shards on %s, found %s on this machine", cmp.Or(w.job.Servers, "the embedded engine"), cmp.Or(servers, "the embedded engine"))
	}
	return err
}

func (w *Worker) fetchTrace(ctx context.Context, c content, path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return w.get(ctx, contentName(c.SHA), c, f)
}

func (w *Worker) slot(ctx context.Context) error {
	for ctx.Err() == nil {
		one, cancel := w.pull(ctx)
		batch, err := w.next.Fetch(1, jetstream.FetchContext(one))
		if err == nil {
			for m := range batch.Messages() {
				err = errors.Join(err, w.take(ctx, m))
			}
			if err == nil {
				err = w.stillThere(ctx, batch.Error())
			}
		} else {
			err = w.stillThere(ctx, err)
		}
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// pullFor is how long a request for a cell waits for one.
const pullFor = time.Second

// pull returns the context of a request for a cell. A request that is out when this worker is to end
// is waited for, so that what it gets goes back at once; but not when there are no more cells.
func (w *Worker) pull(ctx context.Context) (context.Context, context.CancelFunc) {
	one, cancel := context.WithTimeout(context.WithoutCancel(ctx), pullFor)
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errOver) {
			cancel()
		}
	})
	return one, func() {
		stop()
		cancel()
	}
}

// patient returns an error when the coordinator is away for too long, whatever waits for it, or
// lets this worker in no more; none when ctx ends.
func (w *Worker) patient(ctx context.Context) error {
	for seen := clock.Now(); clock.Sleep(ctx, tryAgain) == nil; {
		switch {
		case w.conn.IsClosed():
			return campaign.Invalidf("the coordinator lets worker %s in no more: %w", w.name, cmp.Or(w.conn.LastError(), nats.ErrConnectionClosed))
		case w.conn.IsConnected():
			seen = clock.Now()
		case clock.Since(seen) > w.Patience:
			return campaign.With(campaign.Unreachable, fmt.Errorf("worker %s: the coordinator was away for %s: %w", w.name, unit.Time(w.Patience), cmp.Or(w.conn.LastError(), nats.ErrDisconnected)))
		}
	}
	return nil
}

// stillThere returns an error if a request for cells failed because the job is over. Others pass: the
// server may be restarting.
func (w *Worker) stillThere(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrNoMessages) {
		return nil
	}
	one, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	var j Job
	jobs, err := w.js.Stream(one, jobStream)
	if err == nil {
		j, err = jobOf(one, jobs)
	}
	gone := errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrMsgNotFound)
	switch {
	case gone && w.URL != "": // only the end of a sweep removes it
		return errOver
	case gone, err == nil && j.ID != w.id:
		return errVanished
	}
	_ = clock.Sleep(ctx, tryAgain)
	return nil
}

// take plays the cell of a message, unless it is committed.
func (w *Worker) take(ctx context.Context, m jetstream.Msg) error {
	var of cellMessage
	if err := json.Unmarshal(m.Data(), &of); err != nil {
		return fmt.Errorf("a cell of the queue: %w", err)
	}
	done, err := w.isDone(ctx, of.Hash)
	if err != nil {
		_ = m.Nak()
		return w.passes(ctx, err)
	}
	if done {
		_ = m.Ack() // one that is lost has the cell come again
		return nil
	}
	holding, release := context.WithCancel(ctx)
	defer release()
	go func() { // says that the cell is being played, so that nobody else gets it
		for clock.Sleep(holding, w.job.Lease/3) == nil {
			_ = m.InProgress() // one that is lost is followed by others
		}
	}()
	cell, err := w.Prepare(campaign.Cell{Scenario: w.scenario, Place: of.Place, Settings: of.Settings, Repeat: of.Repeat, World: of.World}, w.Overrides)
	if err == nil && cell.Hash != of.Hash {
		err = campaign.Invalidf("expected the plan %s, compiled %s", of.Hash, cell.Hash)
	}
	if err != nil {
		_ = m.Nak()
		return fmt.Errorf("worker %s refuses the cell %s: %w", w.name, cell, err)
	}
	tries, err := w.begin(ctx, m, of.Hash)
	if err != nil {
		return w.passes(ctx, err)
	}
	if tries > mostTries {
		err = w.commit(ctx, of.Hash, commit{Worker: w.name, Failed: fmt.Sprintf("%d workers died while they played it", mostTries), Status: campaign.Internal}, nil)
	} else {
		err = w.play(ctx, cell)
	}
	if err != nil {
		_ = m.Nak()
		w.tried(of.Hash, tries-1)
		return w.passes(ctx, err)
	}
	_ = m.Ack() // one that is lost has the cell come again, and be found committed
	return nil
}

// passes returns no error that comes of the end of ctx, which has a cause of its own.
func (w *Worker) passes(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// isDone reports whether a cell is committed. How often a message was delivered does not tell: a server that was killed
// forgets.
func (w *Worker) isDone(ctx context.Context, hash string) (done bool, err error) {
	err = again(ctx, func(ctx context.Context) error {
		_, err := w.done.GetLastMsgForSubject(ctx, w.subject("done."+hash))
		done = err == nil
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		return err
	})
	return done, err
}

// begin counts how often a cell was begun.
func (w *Worker) begin(ctx context.Context, m jetstream.Msg, hash string) (tries int, err error) {
	tries = 1
	if meta, err := m.Metadata(); err != nil || meta.NumDelivered > 1 {
		if err := again(ctx, func(ctx context.Context) error {
			last, err := w.tries.GetLastMsgForSubject(ctx, w.subject("try."+hash))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return nil
			}
			if err == nil && len(last.Data) == 1 {
				tries = int(last.Data[0]) + 1
			}
			return err
		}); err != nil {
			return 0, err
		}
	}
	w.tried(hash, tries)
	return tries, again(ctx, w.conn.FlushWithContext) // before the cell can kill this process
}

func (w *Worker) tried(hash string, tries int) {
	_ = w.conn.Publish(w.subject("try."+hash), []byte{byte(tries)}) // a lost one makes a cell that kills workers kill one more
}

// play plays a cell and commits what it came to. An error says that it was not played.
func (w *Worker) play(ctx context.Context, cell campaign.Cell) (err error) {
	begun := clock.Now()
	dir := filepath.Join(w.folder, nuid.Next())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	of, err := w.Run(ctx, cell, dir)
	switch {
	case ctx.Err() != nil || err == nil && of.Aborted:
		return errors.Join(err, context.Cause(ctx))
	case record.DiskFull(err):
		return err
	case err != nil: // it would fail anywhere
		w.Note("%s %s (%s): %v", w.job.piece(), cell.Hash, cell, err)
		return w.commit(ctx, cell.Hash, commit{Worker: w.name, Failed: err.Error(), Status: campaign.StatusOf(err)}, nil)
	}
	k := commit{Worker: w.name, Played: of.Played, Run: of.Run}
	if k.Sum, err = identity(of); err != nil {
		return err
	}
	size, err := packedSize(dir)
	if err != nil {
		return err
	}
	var inline []byte
	if size <= chunk {
		var b bytes.Buffer
		if err := pack(&b, dir); err != nil {
			return err
		}
		inline, k.Pack.SHA = b.Bytes(), hashOf(b.Bytes())
	} else {
		k.Name = "data." + nuid.Next()
		if k.Pack, err = w.putPacked(ctx, k.Name, dir); err != nil {
			return err
		}
	}
	if err := w.commit(ctx, cell.Hash, k, inline); err != nil {
		return err
	}
	w.count.Add(1)
	w.Note("%s %s (%s): %s, %s", w.job.piece(), cell.Hash, cell, unit.Time(clock.Since(begun).Round(time.Millisecond)), unit.Counted(size, "byte"))
	return nil
}

func (w *Worker) putPacked(ctx context.Context, name, dir string) (content, error) {
	r, p := io.Pipe()
	go func() { p.CloseWithError(pack(p, dir)) }()
	c, err := w.put(ctx, name, r)
	r.CloseWithError(err)
	return c, err
}

// commit says what a cell came to, for good. Where another worker has done so first, both must have
// come to the same.
func (w *Worker) commit(ctx context.Context, hash string, k commit, inline []byte) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	message := func(kind string) *nats.Msg {
		m := nats.NewMsg(w.subject(kind + "." + hash))
		m.Header.Set(commitHeader, string(text))
		return m
	}
	m := message("done")
	m.Data = inline
	second := false
	if err := again(ctx, func(ctx context.Context) error {
		_, err := w.js.PublishMsg(ctx, m)
		if second = isOnce(err); second {
			return nil
		}
		return err
	}); err != nil || !second {
		return err
	}
	var first commit
	if err := again(ctx, func(ctx context.Context) error {
		m, err := w.done.GetLastMsgForSubject(ctx, w.subject("done."+hash))
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(m.Header.Get(commitHeader)), &first)
	}); err != nil {
		return err
	}
	if first.Name == k.Name && first.Pack == k.Pack || first.Failed != "" || first.Sum == k.Sum {
		return nil // the own one, whose acknowledgement was lost; or the same
	}
	text, err = json.Marshal([]string{fmt.Sprintf("%s came to %s", first.Worker, first.Sum), fmt.Sprintf("%s came to %s", w.name, k.Sum)})
	if err != nil {
		return err
	}
	return again(ctx, func(ctx context.Context) error {
		_, err := w.js.PublishMsg(ctx, message("differs"))
		if isOnce(err) {
			return nil
		}
		return err
	})
}
