package foreign

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Servers are what a child is given in real time, and the run's clock.
type Servers struct {
	// Listen gives a child Unix sockets in a folder, one for each shard, until end
	// is called. seen is told of commands that it sends at once, and what it
	// returns of the reply to each; failed of what it should not have sent. Its
	// keys should begin with the prefix.
	Listen func(dir string, seen func(shard string, cmds [][]string) (replied func(i int, state record.KeyState)), failed func(error)) (sockets []string, prefix string, end func() error, err error)
	Now    func() time.Time
	Post   func(f func()) // has f run as a step of the run
}

// endLimit is how long a child may take to end by itself.
const endLimit = 2 * time.Second

// longestLine bounds what a child may write without a line's end, in bytes.
const longestLine = 1 << 20

// Live is a child, or a service, in real time: its clock is the wall clock, its
// Redis client speaks with live servers by way of this program, and many requests
// are in flight at once. What a service that was running already sends to Redis is
// seen by the servers alone.
type Live struct {
	spec    Spec
	process *child.Process // nil: a service that was running already
	in      io.WriteCloser
	log     child.LastWords
	guard   *child.Guard // ends what is left
	remove  func() error // its folder
	unlink  func() error // the shards' sockets
	service *pool        // nil: it speaks lines
	seen    seen
	ready   Ready
	isReady chan struct{}

	writing sync.Mutex // of lines
	mu      sync.Mutex // of what follows
	lastID  int64
	waiting map[int64]chan *answer // nil: nobody waits any more
	failed  error
	over    chan struct{} // closed when it failed
	times   Times
}

// Times is what decisions took by a child's own account (took_us), and what the
// way to it and back took beside that, in nanoseconds. There are none where it
// does not say.
type Times struct{ Took, Pipe *hdrhistogram.Histogram }

// NewTimes returns none.
func NewTimes() Times {
	return Times{hdrhistogram.New(1, int64(time.Hour), 3), hdrhistogram.New(1, int64(time.Hour), 3)}
}

// Add adds those of a child.
func (t Times) Add(p *Live) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Took.Merge(p.times.Took)
	t.Pipe.Merge(p.times.Pipe)
}

// Lateness returns the two.
func (t Times) Lateness() (took, pipe record.Lateness) {
	of := func(h *hdrhistogram.Histogram) record.Lateness {
		return record.Lateness{Samples: h.TotalCount(), Med: time.Duration(h.ValueAtQuantile(50)), P99: time.Duration(h.ValueAtQuantile(99)), Max: time.Duration(h.Max())}
	}
	return of(t.Took), of(t.Pipe)
}

// StartLive starts a child, or looks for a service that is running, and returns
// when it may be asked.
func StartLive(ctx context.Context, s Spec) (_ *Live, err error) {
	p := &Live{
		spec: s, isReady: make(chan struct{}), waiting: map[int64]chan *answer{}, over: make(chan struct{}),
		times: NewTimes(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w: %w", ErrFailed, p.diagnose(err)), p.Close())
		}
	}()
	if s.Service != nil {
		if p.service, err = newPool(*s.Service, s.URL); err != nil {
			return nil, err
		}
	}
	if s.URL == "" {
		if err := p.launch(); err != nil {
			return nil, err
		}
	}
	return p, p.await(ctx)
}

// greet opens the shards' sockets and returns the first line.
func (p *Live) greet(dir string) (h hello, err error) {
	s := &p.spec
	limits, overrides := limitsOf(s.Limiter)
	h = hello{Protocol: Protocol, Client: s.Client, Does: s.Does, Limits: limits, Overrides: overrides, Options: s.Options, Seed: s.Seed,
		Now: instantText(s.Live.Now().UnixNano()), Engine: s.Engine}
	var sockets []string
	if sockets, h.Prefix, p.unlink, err = s.Live.Listen(dir, p.seen.sent, p.fail); err != nil {
		return h, err
	}
	p.seen.prefix = h.Prefix
	for i, name := range s.Shards {
		h.Shards = append(h.Shards, shardLine{name, sockets[i]})
	}
	return h, nil
}

// launch starts the process.
func (p *Live) launch() error {
	dir, remove, err := child.Folder("child")
	if err != nil {
		return err
	}
	p.remove = remove
	h, err := p.greet(dir)
	if err != nil {
		return err
	}
	if p.service != nil {
		h.Listen = filepath.Join(dir, "service")
		p.service.network, p.service.address = "unix", h.Listen
	}
	text, err := json.Marshal(greeting{h})
	if err != nil {
		return err
	}
	cmd := exec.Command(p.spec.Command[0], p.spec.Command[1:]...)
	cmd.Dir, cmd.Stderr = p.spec.Directory, &p.log
	cmd.Env = append(os.Environ(), child.Mark(dir), "TZ=UTC", "QUOTALAB_HELLO="+string(text), "QUOTALAB_SEED="+strconv.FormatUint(uint64(p.spec.Seed), 10))
	for _, one := range p.spec.Environment {
		cmd.Env = append(cmd.Env, places(h).Replace(one))
	}
	if p.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout = theirs
	if p.guard, err = child.NewGuard(dir); err == nil {
		p.process, err = child.Start(cmd, 0)
	}
	if err = errors.Join(err, theirs.Close()); err != nil {
		return errors.Join(fmt.Errorf("starting %s: %w", p.spec.Command[0], err), out.Close())
	}
	go p.hear(out)
	if err := p.guard.Watch(p.process); err != nil {
		return err
	}
	_, _ = p.in.Write(append(text, '\n')) // that it has ended is found out, with what it said
	return nil
}

// await waits until it may be asked.
func (p *Live) await(ctx context.Context) error {
	for deadline := clock.Now().Add(p.spec.Ready); ; {
		if p.service != nil {
			c, err := p.service.dial(ctx)
			if err == nil {
				p.service.give(c)
				return nil
			}
			if p.process == nil {
				return fmt.Errorf("no service answers at %s: start it, or say the command that does: %w", p.spec.URL, err)
			}
		}
		select {
		case <-p.isReady:
			return nil
		case <-p.over:
			return p.failed
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		if p.process.Ended() {
			return errors.New("it ended before it could be asked")
		}
		if clock.Now().After(deadline) {
			return fmt.Errorf("it could not be asked within %s: it said no {\"ready\":…}, and listens nowhere; ready_within allows it more", unit.Time(p.spec.Ready))
		}
		if err := clock.Sleep(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// hear reads the child's lines until they end.
func (p *Live) hear(out io.ReadCloser) {
	defer out.Close()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		if err := p.line(bytes.TrimSpace(lines.Bytes())); err != nil {
			p.fail(err)
			break
		}
	}
	if err := lines.Err(); err != nil {
		p.fail(fmt.Errorf("reading its standard output: %w", err))
	}
	if p.service == nil {
		p.fail(errors.New("its standard output ended"))
	}
	_, _ = io.Copy(io.Discard, out) // so that it does not wait for a reader
}

func (p *Live) line(text []byte) error {
	if p.service != nil {
		return nil // services say what they like
	}
	l, err := parseLine(text)
	switch {
	case err != nil:
		return err
	case l.Ready != nil:
		p.ready = *l.Ready
		close(p.isReady)
		return nil
	case l.Notice != nil && p.spec.Notice == nil:
		return errNoEngine
	case l.Notice != nil:
		p.spec.Live.Post(func() { p.spec.Notice(*l.Notice) })
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	waits, known := p.waiting[*l.Answer.ID]
	if !known {
		return fmt.Errorf("it answered request %d, which is not under way", *l.Answer.ID)
	}
	delete(p.waiting, *l.Answer.ID)
	if waits != nil {
		waits <- l.Answer
	}
	return nil
}

// Take asks the child, or the service.
func (p *Live) Take(ctx context.Context, req limiter.Request) (limiter.Decision, error) {
	sent, under := clock.Now(), p.seen.begin(req.Takes, fakeredis.TraceOf(ctx))
	var a *answer
	var err error
	if p.service != nil {
		a, err = p.service.ask(ctx, req.Takes[0], p.spec.Patience, p.spec.Live.Now)
	} else {
		text := requestLine{}
		for _, t := range req.Takes {
			text.Takes = append(text.Takes, takeLine{t.Limit, t.Key, t.Cost, t.Mode})
		}
		a, err = p.ask(ctx, func(id int64, now json.Number) any {
			text.ID, text.Now = id, now
			return text
		})
	}
	if err == nil {
		err = a.check(true)
	}
	p.seen.end(under, err == nil && a.Kind != "timeout", p.process != nil)
	if err != nil {
		return limiter.Decision{}, err
	}
	p.time(clock.Since(sent), a.Took)
	d, err := a.decision()
	d.Takes = wired(strings.TrimPrefix(p.ready.Keys, p.seen.prefix), req.Takes)
	return d, err
}

// time notes what an answer took, by the child's own account and beside it.
func (p *Live) time(all time.Duration, took *float64) {
	if took == nil || !(*took >= 0 && *took < float64(time.Hour/time.Microsecond)) {
		return
	}
	own := time.Duration(*took * float64(time.Microsecond))
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.times.Took.RecordValue(int64(own)) // both are at most the hour that there is room for
	_ = p.times.Pipe.RecordValue(min(max(int64(all-own), 0), int64(time.Hour)))
}

// Tell gives an engine news, and returns when it has answered.
func (p *Live) Tell(ctx context.Context, n News) error {
	a, err := p.ask(ctx, func(id int64, now json.Number) any {
		n.ID, n.Now = id, now
		return n
	})
	if err == nil {
		err = a.check(false)
	}
	if err != nil {
		return err
	}
	return a.failure()
}

// ask writes a line and waits for the answer.
func (p *Live) ask(ctx context.Context, text func(id int64, now json.Number) any) (*answer, error) {
	answers := make(chan *answer, 1)
	p.mu.Lock()
	if p.failed != nil {
		defer p.mu.Unlock()
		return nil, p.failed
	}
	p.lastID++
	id := p.lastID
	p.waiting[id] = answers
	p.mu.Unlock()
	b, err := json.Marshal(text(id, instantText(p.spec.Live.Now().UnixNano())))
	if err != nil {
		return nil, err
	}
	p.writing.Lock()
	_, err = p.in.Write(append(b, '\n'))
	p.writing.Unlock()
	if err != nil {
		p.fail(fmt.Errorf("writing to it: %w", err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.spec.Patience, &limiter.Failure{Kind: "timeout",
		Text: fmt.Sprintf("the process has not answered within %s", unit.Time(p.spec.Patience))})
	defer cancel()
	select {
	case a := <-answers:
		return a, nil
	case <-p.over:
		return nil, p.failed
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, still := p.waiting[id]; still {
		p.waiting[id] = nil // its answer may yet come
	}
	return nil, err
}

// fail ends the run, and every request that is under way.
func (p *Live) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return
	}
	p.failed = fmt.Errorf("%w: %w", ErrFailed, p.diagnose(err))
	close(p.over)
	p.spec.Broken(p.failed)
}

// diagnose adds how the process ended and what it wrote last to its standard
// error.
func (p *Live) diagnose(err error) error {
	if p.process == nil {
		return fmt.Errorf("%s: %w", p.spec.Client, err)
	}
	how := "it is still running"
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond) // it may be about to end
	defer cancel()
	select {
	case <-p.process.Over():
		how = "the process has ended: " + p.process.How()
	case <-ctx.Done():
	}
	text := strings.ReplaceAll(strings.TrimPrefix(p.log.String(), "; "), "log", "standard error")
	return fmt.Errorf("%s (%s): %w\n\t%s\n\t%s", p.spec.Client, strings.Join(p.spec.Command, " "), err, how, text)
}

// Strand reports that no request waits for ever: each has a time limit.
func (p *Live) Strand() bool { return false }

// About returns what the child said of itself, and how its commands were
// attributed.
func (p *Live) About() (Ready, Shares) { return p.ready, p.seen.all() }

// Close ends the child, by the end of its input and then by force.
func (p *Live) Close() error {
	p.mu.Lock()
	if p.failed == nil { // that its output ends is no failure any more
		p.failed = errors.New("it has been ended")
		close(p.over)
	}
	p.mu.Unlock()
	var errs []error
	if p.service != nil {
		p.service.close()
	}
	endTree := func() {}
	if p.process != nil {
		endTree = p.process.Tree()
	}
	if p.in != nil {
		_ = p.in.Close() // it hears that it is to end
	}
	if p.process != nil {
		if p.service != nil {
			_ = p.process.Signal(os.Interrupt) // services do not read their input
		}
		ctx, cancel := context.WithTimeout(context.Background(), endLimit)
		select {
		case <-p.process.Over():
		case <-ctx.Done():
		}
		cancel()
		endTree()
		p.process.Stop()
	}
	if p.unlink != nil {
		errs = append(errs, p.unlink())
	}
	if p.guard != nil {
		errs = append(errs, p.guard.Close())
	}
	if p.remove != nil {
		errs = append(errs, p.remove())
	}
	return errors.Join(errs...)
}

// wired returns the takes with their keys in Redis as a template has it, nil
// where there is none.
func wired(template string, takes []limiter.Take) []limiter.Take {
	if template == "" {
		return nil
	}
	out := slices.Clone(takes)
	for i, t := range out {
		out[i].Wire = fill(template, t, asItIs)
	}
	return out
}
