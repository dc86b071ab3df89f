package limiter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/jmhodges/clock"
	"github.com/letsencrypt/boulder/config"
	blog "github.com/letsencrypt/boulder/log"
	"github.com/letsencrypt/boulder/ratelimits"
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// boulder is github.com/letsencrypt/boulder/ratelimits, unmodified, on its
// own Redis source.
var boulder = Kind{
	About:     "Let's Encrypt's ratelimits package, unmodified, with its own transactions",
	Algorithm: "gcra", Resolution: 0, Batch: true, RingOnly: true, TAT: unixNanoTAT,
	Options: []Option{{
		Name: "transactions", Default: overrideRequest, Values: []string{overrideRequest, newAccount, newOrder},
		About: "override_request: one limit by address, any key is mapped to one, and a client that spends also checks, as Boulder has no other way; new_account: the address's and its /48 range's limits; new_order: the account's, each domain's and the exact name set's",
	}},
	Expands:      func(options map[string]string) bool { return options["transactions"] != overrideRequest },
	Check:        checkBoulder,
	CheckRequest: checkBoulderRequest,
	New:          newBoulder,
	Telemetry:    boulderTelemetry,
}

type boulderLimiter struct {
	limiter *ratelimits.Limiter
	builder *ratelimits.TransactionBuilder
	does    record.Mode
	limit   string // the scenario's name of the only limit (override_request)
	expand  func(*boulderLimiter, Request) ([]transaction, error)
}

// transaction is one of Boulder's with the take that describes it.
type transaction struct {
	ratelimits.Transaction
	take Take
}

func newBoulder(env Env) (Limiter, error) {
	ring, ok := env.Redis.(*redis.Ring)
	if !ok {
		return nil, fmt.Errorf("boulder takes only a *redis.Ring, found %T", env.Redis)
	}
	kind := env.Options["transactions"]
	builder, err := newBuilder(env, kind)
	if err != nil {
		return nil, err
	}
	clk := boulderClock{env.Clock}
	source := ratelimits.NewRedisSource(ring, clk, env.Registerer)
	limiter, err := ratelimits.NewLimiter(clk, source, env.Registerer)
	if err != nil {
		return nil, err
	}
	return &boulderLimiter{limiter: limiter, builder: builder, does: env.Does, limit: env.Spec.Limits[0].Name, expand: expansions[kind]}, nil
}

// newBuilder gives Boulder the scenario's limits and waits until it has
// taken over the overrides.
func newBuilder(env Env, kind string) (*ratelimits.TransactionBuilder, error) {
	defaults := ratelimits.LimitConfigs{}
	for _, l := range env.Spec.Limits {
		defaults[boulderName(kind, l.Name)] = &ratelimits.LimitConfig{Burst: l.Burst, Count: l.Count, Period: config.Duration{Duration: l.Period}}
	}
	overrides, err := boulderOverrides(env.Spec, kind)
	if err != nil {
		return nil, err
	}
	refresh := func(context.Context, gauge, blog.Logger) (ratelimits.Limits, error) { return overrides, nil }
	builder, err := ratelimits.NewTransactionBuilder(defaults, refresh, env.Registerer, noLog{})
	if err != nil || len(overrides) == 0 {
		return builder, err
	}
	loaded := make(chan struct{})
	builder.OnHealthy(func() { close(loaded) })
	stop := builder.NewRefresher(365 * 24 * time.Hour)
	<-loaded
	stop()
	for !builder.Ready() { // Ready takes the lock that loading holds to its end
	}
	return builder, nil
}

// Take runs the client's part: Check, or BatchSpend of what the request
// expands to. Boulder has no way to spend its override limit without
// checking, so there spending is taking, as in its registration authority.
func (b *boulderLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	txns, err := b.expand(b, req)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Allowed: true, Remaining: -1, RetryAfter: -1}
	for _, t := range txns {
		d.Takes = append(d.Takes, t.take)
	}
	if b.does == record.CheckMode {
		return d, b.check(ctx, txns, &d)
	}
	plain := make([]ratelimits.Transaction, len(txns))
	for i, t := range txns {
		plain[i] = t.Transaction
	}
	result, err := b.limiter.BatchSpend(ctx, plain)
	if err != nil {
		return d, err
	}
	d.fromBoulder(result)
	return d, nil
}

// check asks for one transaction after another, as there is no batch of
// checks, and stops at the first denial.
func (b *boulderLimiter) check(ctx context.Context, txns []transaction, d *Decision) error {
	fewest := int64(math.MaxInt64)
	for _, t := range txns {
		result, err := b.limiter.Check(ctx, t.Transaction)
		if err != nil {
			return err
		}
		if d.fromBoulder(result); !d.Allowed {
			return nil
		}
		if d.Remaining >= 0 {
			fewest = min(fewest, d.Remaining)
		}
	}
	if d.Remaining = fewest; fewest == math.MaxInt64 {
		d.Remaining = -1
	}
	return nil
}

// fromBoulder reads a Decision. Its fields are private, and its Result adds
// up to 3 % of random jitter from a global source to the wait, so they are
// read by reflection.
func (d *Decision) fromBoulder(result *ratelimits.Decision) {
	v := reflect.ValueOf(result).Elem()
	d.Allowed = v.FieldByName("allowed").Bool()
	d.Remaining = v.FieldByName("remaining").Int()
	if d.Remaining == math.MaxInt64 {
		d.Remaining = -1 // no limit took part in the decision
	}
	d.RetryAfter = 0
	if !d.Allowed {
		d.RetryAfter = time.Duration(v.FieldByName("retryIn").Int())
	}
}

// boulderTelemetry reads ratelimits_spend_latency by decision. Boulder
// divides a batch's time by its transactions.
func boulderTelemetry(families []*dto.MetricFamily) []record.Telemetry {
	var series []record.Telemetry
	for _, decision := range []record.Decision{record.Allowed, record.Denied} {
		t := record.Telemetry{Series: "ratelimits_spend_latency", Decision: decision}
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

// boulderClock is a clock as Boulder wants it. Its limiter only reads the
// time; waiting by a clock would stop the scheduler.
type boulderClock struct{ Clock }

func (c boulderClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (boulderClock) Sleep(time.Duration) { panic(errWaits) }

func (boulderClock) After(time.Duration) <-chan time.Time { panic(errWaits) }

func (boulderClock) NewTimer(time.Duration) *clock.Timer { panic(errWaits) }

var errWaits = errors.New("boulder's limiter waits by its clock, which virtual time cannot do")
