package run_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/run"
)

const tiny = `
name: tiny
horizon: 20s
network: {rtt: 2ms}
keys: {k: {uniform: {n: 3}}}
traffic: {main: {rate: 50/s, keys: k%s}}
limiters: {l: {kind: %s, limit: {count: 1, period: 1s, burst: 5}%s}}`

func TestEveryArrivalIsRecordedOnce(t *testing.T) {
	m, r := play(t, compile(t, sprintf(tiny, "", "boulder", "")))
	if int64(len(m)) != r.Traffic[0].Arrivals {
		t.Fatalf("%d observations of %d arrivals", len(m), r.Traffic[0].Arrivals)
	}
	seen := map[int64]bool{}
	for _, o := range m {
		if seen[o.Arrival] {
			t.Errorf("arrival %d is recorded twice", o.Arrival)
		}
		seen[o.Arrival] = true
		if o.Sent != o.Intended || o.Done < o.Sent || o.Effect < o.Sent || o.Effect > o.Done || o.Judged < o.Sent || o.Order < 0 {
			t.Errorf("impossible instants: %+v", o)
		}
	}
}

func TestRetryStorm(t *testing.T) {
	calm, _ := play(t, compile(t, sprintf(tiny, "", "redis_rate", "")))
	storm, _ := play(t, compile(t, sprintf(tiny, ", on_denial: {retry: {fixed: 100ms, max_attempts: 5}}", "redis_rate", "")))
	t.Logf("%d requests without retries, %d with", len(calm), len(storm))
	if len(storm) < 3*len(calm) {
		t.Errorf("retries made %d requests out of %d", len(storm), len(calm))
	}
	for _, o := range storm {
		if o.Attempt > 4 {
			t.Fatalf("attempt %d of at most 5", o.Attempt+1)
		}
		if o.Intended >= int64(20*time.Second) {
			t.Fatalf("a retry was sent at %v, after the horizon", time.Duration(o.Intended))
		}
	}
}

// A client that waits as long as the limiter says is allowed the next time,
// if nobody else comes.
func TestRetryAfterIsEnough(t *testing.T) {
	m, _ := play(t, compile(t, `
name: polite
horizon: 1h
network: {rtt: 2ms}
keys: {k: {fresh: {}}, one: {uniform: {n: 1}}}
traffic: {main: {rate: {herd: {size: 6, every: 10m}}, gaps: even, keys: one, on_denial: {retry: {retry_after: true, max_attempts: 2}}}}
limiters: {l: {kind: redis_rate, limit: {count: 1, period: 1m, burst: 5}}}`))
	if m.count(decided(record.Denied)) == 0 {
		t.Fatal("nothing was denied")
	}
	for _, o := range m {
		if o.Attempt == 1 && o.Decision != record.Allowed {
			t.Errorf("arrival %d: denied again after waiting as told", o.Arrival)
		}
	}
}

func TestFailOpen(t *testing.T) {
	m, r := play(t, compile(t, sprintf(tiny, ", on_error: open", "flaky", ", options: {share: 30%, error: timeout}")))
	open := m.count(decided(record.FailOpen))
	if share := float64(open) / float64(len(m)); math.Abs(share-0.3) > 0.06 {
		t.Errorf("%.2f of the requests failed open, want 0.3", share)
	}
	if m.count(decided(record.Errored)) != 0 || r.Unexpected != 0 {
		t.Errorf("errors although the caller fails open; %d unexpected", r.Unexpected)
	}
}

func TestDropsBeyondTheCap(t *testing.T) {
	m, r := play(t, compile(t, `
name: cap
horizon: 1s
network: {rtt: 100ms}
keys: {k: {fresh: {}}}
traffic: {main: {rate: {herd: {size: 10, every: 1s}}, gaps: even, keys: k, max_in_flight: 4}}
limiters: {l: {kind: redis_rate, limit: {count: 1, period: 1m}}}`))
	if n := m.count(decided(record.Dropped)); n != 6 || r.Traffic[0].Dropped != 6 || r.Traffic[0].Arrivals != 10 || len(m) != 10 {
		t.Errorf("%d of %d dropped, result %+v; want 6 of 10", n, len(m), r.Traffic[0])
	}
}

type panics struct{}

func (panics) Take(context.Context, limiter.Request) (limiter.Decision, error) { panic("oh no") }

func TestPanicOfALimiterIsAnUnexpectedError(t *testing.T) {
	kinds := limiter.Kinds{"panics": {New: func(limiter.Env) (limiter.Limiter, error) { return panics{}, nil }}}
	m, r := play(t, compile(t, sprintf(tiny, "", "panics", ""), kinds))
	if r.Unexpected != int64(len(m)) || m[0].Error != "unexpected" || m[0].Message != "the limiter panicked: oh no" {
		t.Errorf("%d unexpected of %d, first %q %q", r.Unexpected, len(m), m[0].Error, m[0].Message)
	}
}

func TestLimiterThatCannotBeMade(t *testing.T) {
	broke := errors.New("no money")
	kinds := limiter.Kinds{"broke": {New: func(limiter.Env) (limiter.Limiter, error) { return nil, broke }}}
	var m memory
	_, err := run.Run(context.Background(), compile(t, sprintf(tiny, "", "broke", ""), kinds), &m, run.Options{})
	if !errors.Is(err, broke) || !errors.Is(err, run.ErrLimiter) || len(m) > 0 {
		t.Errorf("error %v after %d observations", err, len(m))
	}
}

// An interrupted run keeps what it has: nothing new is sent, what is under
// way ends.
func TestInterrupt(t *testing.T) {
	p := compile(t, strings.Replace(sprintf(tiny, "", "boulder", ""), "50/s", "5000/s", 1))
	ctx, cancel := context.WithCancelCause(context.Background())
	var m memory
	r, err := run.Run(ctx, p, &m, run.Options{Progress: func(_, arrivals int64) {
		if arrivals > 2000 {
			cancel(errors.New("interrupt"))
		}
	}})
	if n := r.Traffic[0].Arrivals; err != nil || r.Aborted != "interrupt" || n != int64(len(m)) || n < 2000 || n > 4000 {
		t.Errorf("aborted %q with %d observations of %d arrivals, error %v", r.Aborted, len(m), r.Traffic[0].Arrivals, err)
	}
}

// A sink that has seen enough ends a run: the request after which it says so is
// the last that began, and what is under way still comes back, unharmed.
func TestStop(t *testing.T) {
	p := compile(t, strings.Replace(sprintf(tiny, "", "boulder", ""), "50/s", "5000/s", 1))
	m := &stopping{at: (500 * time.Millisecond).Nanoseconds()}
	r, err := run.Run(context.Background(), p, m, run.Options{})
	if n := r.Traffic[0].Arrivals; err != nil || !r.Stopped || r.Aborted != "enough" || n != int64(len(m.memory)) {
		t.Errorf("stopped %v, aborted %q with %d observations of %d arrivals, error %v", r.Stopped, r.Aborted, len(m.memory), n, err)
	}
	for i, o := range m.memory {
		if o.Error != "" || o.Intended > m.stopped || o.Done < m.memory[max(0, i-1)].Done {
			t.Fatalf("observation %d of %d: due at %v, done at %v, error %q", i, len(m.memory), time.Duration(o.Intended), time.Duration(o.Done), o.Error)
		}
	}
	if last := m.memory[len(m.memory)-1]; last.Done <= m.stopped {
		t.Error("nothing was under way when the run ended")
	}
	var whole memory
	if _, err := run.Run(context.Background(), p, &whole, run.Options{}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(whole[:len(m.memory)], m.memory); d != "" {
		t.Errorf("up to where it ended, the run is not what it is as a whole (−whole +stopped): %s", d)
	}
}

// stopping ends the run when something is done at an instant or later.
type stopping struct {
	memory
	at, stopped int64 // ns
}

func (s *stopping) Write(o *record.Observation) error {
	if err := s.memory.Write(o); err != nil || o.Done < s.at {
		return err
	}
	if s.stopped == 0 {
		s.stopped = o.Done
	}
	return run.Stop("enough")
}

type fullDisk struct{}

func (fullDisk) Write(*record.Observation) error { return errDisk }

var errDisk = errors.New("disk full")

func TestErrorOfTheRecordEndsTheRun(t *testing.T) {
	r, err := run.Run(context.Background(), compile(t, sprintf(tiny, "", "boulder", "")), fullDisk{}, run.Options{})
	if err == nil || r.Traffic[0].Arrivals > 100 {
		t.Errorf("error %v after %d arrivals", err, r.Traffic[0].Arrivals)
	}
}
