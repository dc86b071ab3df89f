package limiter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// Limiter decides about requests. Take may be called from many requests at
// once. A denial is a Decision, not an error.
type Limiter interface {
	Take(ctx context.Context, req Request) (Decision, error)
}

// Changer is a Limiter that wants to know of a limit that changed while it ran,
// beside being made anew with its new limits: to do something about what it has
// stored.
type Changer interface {
	Change(ctx context.Context, was, is record.Limit) error
}

// Settler is a Limiter that can set right what it took: see Take.Reserved.
type Settler interface {
	Settle(ctx context.Context, t Take) error
}

// Request asks one or several limits for tokens.
type Request struct {
	Takes []Take
}

// Take is what a request wants of one limit.
type Take struct {
	Limit string // name of the limit
	Key   string
	Cost  int64
	Mode  record.Mode
	Wire  string // the key as the limiter writes it to Redis; set by the adapter

	// Of one that is settled: it reserved Reserved tokens and really costs Cost. It
	// has Wire and Lease, which is what the adapter needs to know beside, as the
	// adapter set them when it took.
	Reserved int64
	Lease    string
}

// Decision is the answer of a limiter.
type Decision struct {
	Allowed    bool
	Remaining  int64         // tokens left of the strictest limit, −1 unknown
	RetryAfter time.Duration // exact wait after which it would be allowed, −1 unknown
	// Takes is what was really asked, with Wire set, where that differs
	// from the request (boulder expands an address into its limits); nil
	// means the request's own.
	Takes []Take
}

// Clock is the client's clock. Reading it is observed: the last reading
// before a decision's first write is the instant that it rests on.
type Clock interface {
	Now() time.Time
}

// Env is what an adapter gets.
type Env struct {
	Redis      redis.UniversalClient // a *redis.Ring, or a *redis.ClusterClient on a live Redis Cluster
	Clock      Clock
	Registerer prometheus.Registerer
	Rand       *rand.Rand
	Spec       record.Limiter    // name, limits, overrides
	Does       record.Mode       // what this client does
	Options    map[string]string // of the kind, with defaults filled in
}

// Kind is one kind of limiter.
type Kind struct {
	About     string
	Algorithm string // the reference in models/limits that it is audited by; "" none
	// AlgorithmOf returns the reference that depends on options. May be nil:
	// it is Algorithm.
	AlgorithmOf func(options map[string]string) string
	// Resolution of the time it judges by: decisions nearer to the boundary
	// than this are ambiguous.
	Resolution time.Duration
	// ServerTime says that it judges by Redis' TIME, not by the client's clock.
	ServerTime bool
	// Batch says that one call may take from several limits. Of other kinds a
	// request that takes from several makes a call for each, in their order, the
	// next only if the one before allowed it, and gives nothing back.
	Batch bool
	// OneTake reports whether, with these options, a call takes from one limit all
	// the same. May be nil: it does not.
	OneTake func(options map[string]string) bool
	// RingOnly says that it takes no client but a *redis.Ring: it cannot run
	// on a Redis Cluster.
	RingOnly bool
	// Outside says that it lives in a process of its own: New is nil, and its
	// options are the program's.
	Outside bool
	// Expands tells whether, with these options, it finds the limits of a
	// request that names none by itself. May be nil: it does not.
	Expands func(options map[string]string) bool
	Options []Option
	// TAT reads the theoretical arrival time out of a value in Redis, for
	// the key state stale. May be nil.
	TAT func(value string) (time.Time, bool)
	// Check returns what is wrong with a configuration. May be nil.
	Check func(spec record.Limiter, options map[string]string) error
	// CheckRequest returns why requests for such takes (their limits and
	// costs) cannot be made with these options. May be nil.
	CheckRequest func(options map[string]string, takes []Take) error
	New          func(env Env) (Limiter, error)
	// OneKey returns the only key in Redis that a request for one take reaches, of
	// a limiter that remembers nothing between requests but what is at their keys,
	// and draws no random numbers. So requests whose keys are on different shards
	// cannot influence one another, and the plan makes a world of each shard. Nil:
	// that is not so.
	OneKey func(spec record.Limiter, t Take) string
	// Settles reports whether, with these options, its limiters are Settlers. May be
	// nil: they are not.
	Settles func(options map[string]string) bool
	// ScriptCalls returns the commands, in lower case, that one call of its
	// script runs on the server when it decides so about a take: the server
	// counts them beside those of clients. It returns nil where the decision
	// does not tell. May be nil: it has no script, or does not know.
	ScriptCalls func(options map[string]string, t record.Take, allowed bool) []string
	// Telemetry picks latency series out of the limiter's own metrics. May
	// be nil.
	Telemetry func(families []*dto.MetricFamily) []record.Telemetry
}

// Option is one setting of a kind of limiter.
type Option struct {
	Name    string
	About   string
	Default string
	Values  []string                 // the allowed ones; nil: any that Check accepts
	Check   func(value string) error // may be nil
}

// Kinds holds the kinds of limiters by name.
type Kinds map[string]Kind

// Builtin returns the kinds that quotalab comes with, on Windows without
// boulder, whose log package needs syslog. To add one, write a
// file and a line here.
func Builtin() Kinds {
	return Kinds{
		"always":          always,
		"broken":          broken,
		"concurrency":     concurrency,
		"envoy_rls":       envoyRLS,
		"fixed_window":    fixedWindow,
		"flaky":           flaky,
		"http":            httpService,
		"leaky_bucket":    leakyBucket,
		"never":           never,
		"process":         process,
		"redis_rate":      redisRate,
		"sliding_counter": slidingCounter,
		"sliding_log":     slidingLog,
		"tat":             tat,
		"throttled":       throttledKind,
		"token_bucket":    tokenBucket,
		"ulule":           ulule,
	}.With(ofSystem())
}

// With returns the kinds and those of more, which win.
func (k Kinds) With(more Kinds) Kinds {
	all := make(Kinds, len(k)+len(more))
	for name, kind := range k {
		all[name] = kind
	}
	for name, kind := range more {
		all[name] = kind
	}
	return all
}

// InTurn reports whether, with these options, a request that takes from several
// limits asks one after another.
func (k *Kind) InTurn(options map[string]string) bool {
	return !k.Batch || k.OneTake != nil && k.OneTake(options)
}

// single returns the only take of a request to a limiter without batches.
func single(req Request) (Take, error) {
	if len(req.Takes) != 1 {
		return Take{}, fmt.Errorf("expected one limit a request, found %d: this limiter has no batches", len(req.Takes))
	}
	return req.Takes[0], nil
}

// singleLimited returns the only take of a request, and its limit.
func singleLimited(req Request, table *record.LimitTable) (t Take, l record.Limit, err error) {
	if t, err = single(req); err == nil {
		l, err = limitOf(table, t)
	}
	return t, l, err
}

// wireKey names a key so that limits do not share it.
func wireKey(spec record.Limiter, t Take) string {
	if len(spec.Limits) == 1 {
		return t.Key
	}
	return t.Limit + ":" + t.Key
}

// limitOf returns the limit of a take or an error that names what is known.
func limitOf(table *record.LimitTable, t Take) (record.Limit, error) {
	l, ok := table.For(t.Limit, t.Key)
	if !ok {
		return record.Limit{}, fmt.Errorf("no limit %q", t.Limit)
	}
	if t.Cost < 0 {
		return record.Limit{}, fmt.Errorf("limit %q: a cost of %d is below 0", t.Limit, t.Cost)
	}
	return l, nil
}

// ErrorKind sorts an error of a limiter into the kinds timeout,
// cancelled, refused, pool_exhausted, script_missing, connection,
// server, contention, and unexpected for everything that Redis or the network
// did not cause.
func ErrorKind(err error) string {
	var timeout net.Error
	var known *Failure
	switch {
	case errors.As(err, &known):
		return known.Kind
	case errors.Is(err, redis.ErrPoolExhausted), errors.Is(err, redis.ErrPoolTimeout):
		return "pool_exhausted"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed), errors.Is(err, redis.ErrClosed):
		return "connection"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return serverErrorKind(err)
}

// allShardsDown is the text of go-redis' error, which it does not export, for
// a Ring that has found every shard down.
const allShardsDown = "redis: all ring shards are down"

// serverErrorKind looks for the innermost error's text: a reply of Redis
// begins with a word in capitals.
func serverErrorKind(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	word, _, _ := strings.Cut(err.Error(), " ")
	switch {
	case err.Error() == allShardsDown:
		return "refused"
	case word == "NOSCRIPT":
		return "script_missing"
	case len(word) > 2 && strings.ToUpper(word) == word && !strings.ContainsAny(word, "0123456789:"):
		return "server"
	}
	return "unexpected"
}

// Failure is an error whose kind is known, such as one that a process of its
// own reports.
type Failure struct{ Kind, Text string }

func (f *Failure) Error() string { return f.Text }
