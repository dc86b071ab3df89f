package limiter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// The test doubles: limiters that are wrong in a known way. The harness is
// itself tested by whether it catches them.
var (
	always = Kind{
		About: "test double: allows everything, touches no Redis", Algorithm: "gcra", Batch: true,
		New: func(Env) (Limiter, error) { return constant(true), nil },
	}
	never = Kind{
		About: "test double: denies everything, touches no Redis", Algorithm: "gcra", Batch: true,
		New: func(Env) (Limiter, error) { return constant(false), nil },
	}
	broken = Kind{
		About: "test double: off by one, admits a burst of burst + 1", Algorithm: "gcra", Batch: true, TAT: unixNanoTAT, OneKey: tatKey,
		New: newBroken,
	}
	flaky = Kind{
		About: "test double: fails at a rate, else as tat with write setnx", Algorithm: "gcra", Batch: true, TAT: unixNanoTAT,
		Options: []Option{
			{Name: "share", About: "share of the requests that fail", Default: "10%", Check: checkShare},
			{Name: "error", About: "kind of error", Default: "timeout", Values: metric.Values("error")},
		},
		New: newFlaky,
	}
)

// What tat can do wrong beside its way to write.
const (
	noDefect     = "none"
	lateTimer    = "late_timer"    // boulder before #7627
	lenientBatch = "lenient_batch" // boulder before #8674
	floorRetry   = "floor_retry"
	oneCommand   = "one_command" // of keys that are on several shards
)

func checkDefect(_ record.Limiter, options map[string]string) error {
	if defect := options["defect"]; defect != noDefect && options["write"] == writeLua {
		return fmt.Errorf("defect %s is of the limiter that reads and then writes: say write: %s, %s or %s", defect, writeSetNX, writeIncr, writeSet)
	}
	if does := options["on_change"]; does != "keep" && options["write"] != writeLua {
		return fmt.Errorf("on_change %s is of the limiter with write: %s: leave it out", does, writeLua)
	}
	return nil
}

func defective(t *tatLimiter, env Env) *tatLimiter {
	t.defect = env.Options["defect"]
	if t.defect == lateTimer {
		latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: spendLatencySeries, Help: "how long a spend took"}, []string{"decision"})
		env.Registerer.MustRegister(latency)
		t.timer = func(d record.Decision, took time.Duration) {
			latency.WithLabelValues(string(d)).Observe(took.Seconds())
		}
	}
	return t
}

// tookSince observes how long a spend took, if the limiter has a metric of it.
func (t *tatLimiter) tookSince(began time.Time, d record.Decision) {
	if t.timer != nil {
		t.timer(d, t.clock.Now().Sub(began))
	}
}

// stricter reports whether what a bucket says counts more than another verdict. A
// lenient batch compares the waits alone, where what takes the last token of a
// limit has one: until the next is there.
func (t *tatLimiter) stricter(b *bucket, than verdict) bool {
	if t.defect != lenientBatch {
		return b.verdict.stricter(than)
	}
	if v := &b.verdict; v.allowed && v.remaining == 0 {
		v.wait = time.Duration(b.interval)
	}
	return b.verdict.wait > than.wait || b.verdict.wait == than.wait && b.verdict.remaining < than.remaining
}

// readAtOnce reads buckets by one command, which reaches one shard.
func (t *tatLimiter) readAtOnce(ctx context.Context, buckets []bucket) error {
	names := make([]string, len(buckets))
	for i, b := range buckets {
		names[i] = b.take.Wire
	}
	values, err := t.redis.MGet(ctx, names...).Result()
	if err != nil {
		return fmt.Errorf("reading %d buckets at once: %w", len(buckets), err)
	}
	for i, v := range values {
		if text, ok := v.(string); ok {
			if buckets[i].stored, err = strconv.ParseInt(text, 10, 64); err != nil {
				return fmt.Errorf("bucket %s: %w", names[i], err)
			}
			buckets[i].found = true
		}
	}
	return nil
}

// spendLatencySeries is Boulder's histogram of what a spend takes.
const spendLatencySeries = "ratelimits_spend_latency"

// spendLatency reads it by decision. Boulder divides a batch's time by its
// transactions.
func spendLatency(families []*dto.MetricFamily) []record.Telemetry {
	var series []record.Telemetry
	for _, decision := range []record.Decision{record.Allowed, record.Denied} {
		t := record.Telemetry{Series: spendLatencySeries, Decision: decision}
		for _, f := range families {
			if f.GetName() != t.Series {
				continue
			}
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "decision" && l.GetValue() == string(decision) {
						t.Count += m.GetHistogram().GetSampleCount()
						t.Seconds += m.GetHistogram().GetSampleSum()
					}
				}
			}
		}
		if t.Count > 0 {
			series = append(series, t)
		}
	}
	return series
}

type constant bool

func (c constant) Take(_ context.Context, _ Request) (Decision, error) {
	return Decision{Allowed: bool(c), Remaining: -1, RetryAfter: -1}, nil
}

func newBroken(env Env) (Limiter, error) {
	env.Spec.Limits = oneMore(env.Spec.Limits)
	env.Spec.Overrides = oneMore(env.Spec.Overrides)
	return newTAT(env, writeSetNX), nil
}

func oneMore(limits []record.Limit) []record.Limit {
	more := slices.Clone(limits)
	for i := range more {
		more[i].Burst++
	}
	return more
}

type flakyLimiter struct {
	Limiter
	env   Env
	share float64
	err   error
}

func newFlaky(env Env) (Limiter, error) {
	share, err := parseShare(env.Options["share"])
	if err != nil {
		return nil, err
	}
	return &flakyLimiter{newTAT(env, writeSetNX), env, share, flakyErrors()[env.Options["error"]]}, nil
}

func (f *flakyLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	if f.env.Rand.Float64() < f.share {
		return Decision{}, fmt.Errorf("flaky limiter: %w", f.err)
	}
	return f.Limiter.Take(ctx, req)
}

func flakyErrors() map[string]error {
	return map[string]error{
		"timeout":        os.ErrDeadlineExceeded,
		"cancelled":      context.Canceled,
		"refused":        &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"pool_exhausted": redis.ErrPoolExhausted,
		"script_missing": errors.New("NOSCRIPT No matching script. Please use EVAL"),
		"server":         errors.New("ERR made up by the flaky limiter"),
		"connection":     io.EOF,
		"contention":     &Failure{Kind: "contention", Text: "made up by the flaky limiter"},
		"unexpected":     errors.New("made up by the flaky limiter"),
	}
}

func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(number, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, fmt.Errorf("expected a share between 0%% and 100%%, found %q", s)
	}
	return f, nil
}

func checkShare(s string) error {
	_, err := parseShare(s)
	return err
}

// unixNanoTAT reads a TAT stored as Unix nanoseconds, as boulder and tat do.
func unixNanoTAT(value string) (time.Time, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(0, n), true
}
