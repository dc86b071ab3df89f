//go:build !windows

package limits

import (
	"context"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/jmhodges/clock"
	"github.com/letsencrypt/boulder/config"
	blog "github.com/letsencrypt/boulder/log"
	"github.com/letsencrypt/boulder/ratelimits"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
)

// boulder is the real limiter of Boulder on its in-memory source, with one
// limit and one key.
type boulder struct {
	*ratelimits.Limiter
	clk  clock.FakeClock
	take ratelimits.Transaction
}

var boulderEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// boulderLog is one logger for all: each mock starts a goroutine for good.
var boulderLog = blog.NewMock()

func newBoulder(t rapid.TB, l Limit) *boulder {
	t.Helper()
	configs := ratelimits.LimitConfigs{"LimitOverrideRequestsPerIPAddress": {
		Burst: l.Burst, Count: l.Count, Period: config.Duration{Duration: l.Period},
	}}
	builder, err := ratelimits.NewTransactionBuilder(configs, nil, prometheus.NewRegistry(), boulderLog)
	if err != nil {
		t.Fatal(err)
	}
	take, err := builder.LimitOverrideRequestsPerIPAddressTransaction(netip.MustParseAddr("10.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	clk := clock.NewFake()
	limiter, err := ratelimits.NewLimiter(clk, ratelimits.NewInmemSource(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return &boulder{limiter, clk, take}
}

// hidden is an unexported field of Boulder's, to read or to set: its
// constructors of transactions give no cost but 1, and its Decision tells the
// waits only with random jitter.
func hidden[T any](of any, field string) *T {
	f := reflect.ValueOf(of).Elem().FieldByName(field)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		panic("boulder's " + reflect.TypeOf(of).String() + " has no " + reflect.TypeFor[T]().String() + " " + field)
	}
	return (*T)(unsafe.Pointer(f.UnsafeAddr()))
}

// txn is a transaction on the key.
func (b *boulder) txn(cost int64, check, spend, reset bool) ratelimits.Transaction {
	txn := b.take
	*hidden[int64](&txn, "cost") = cost
	*hidden[bool](&txn, "check") = check
	*hidden[bool](&txn, "spend") = spend
	*hidden[bool](&txn, "reset") = reset
	return txn
}

// said is what Boulder decided, with the names of Decision. Its retryIn of an
// allowed request is the wait until an identical one would be allowed.
type said struct {
	Allowed            bool
	Remaining          int64
	RetryIn, ResetTime time.Duration
}

func (b *boulder) do(t rapid.TB, op string, now, cost int64) said {
	t.Helper()
	b.clk.Set(boulderEpoch.Add(time.Duration(now)))
	ctx := context.Background()
	var d *ratelimits.Decision
	var err error
	switch op {
	case "take":
		d, err = b.Spend(ctx, b.txn(cost, true, true, false))
	case "check":
		d, err = b.Check(ctx, b.txn(cost, true, false, false))
	case "spend": // best effort: spends if there is room, says nothing
		d, err = b.Spend(ctx, b.txn(cost, false, true, false))
	case "refund":
		d, err = b.Refund(ctx, b.txn(cost, true, true, false))
	case "reset":
		err = b.BatchReset(ctx, []ratelimits.Transaction{b.txn(cost, false, false, true)})
	}
	if err != nil {
		t.Fatalf("boulder: %s of %d at %d: %v", op, cost, now, err)
	}
	if d == nil || op == "spend" || op == "refund" {
		return said{}
	}
	return said{*hidden[bool](d, "allowed"), *hidden[int64](d, "remaining"), *hidden[time.Duration](d, "retryIn"), *hidden[time.Duration](d, "resetIn")}
}

// referenceDo is the same on the reference.
func referenceDo(b Bucket, op string, now, cost int64) said {
	d := b.Peek(now, cost)
	switch op {
	case "refund":
		b.Refund(now, cost)
		return said{}
	case "reset":
		b.Reset()
		return said{}
	}
	got := said{d.Allowed, d.Remaining, d.RetryAfter, d.ResetAfter}
	if d.Allowed && op != "check" {
		b.Spend(now, cost)
	}
	if op == "spend" {
		return said{}
	}
	return got
}

// identicalWait is the wait until a request identical to one that was just
// decided would be allowed, had it been spent.
func identicalWait(b Bucket, op string, now, cost int64) time.Duration {
	if op != "check" {
		return b.Peek(now, cost).RetryAfter
	}
	spent := *b.(*gcra)
	spent.Spend(now, cost)
	return spent.Peek(now, cost).RetryAfter
}

func compare(t rapid.TB, real *boulder, ref Bucket, op string, now, cost int64) said {
	t.Helper()
	want, got := real.do(t, op, now, cost), referenceDo(ref, op, now, cost)
	if got.Allowed {
		got.RetryIn = identicalWait(ref, op, now, cost)
	}
	if want != got {
		t.Fatalf("%s of %d at %d: boulder says %+v, the reference %+v", op, cost, now, want, got)
	}
	return got
}

// TestBoulder plays random schedules on the reference and on Boulder: the same
// decisions, tokens left and waits. Each history has either refunds or a clock
// that goes back, because Boulder persists a refund as a plain decrement: it
// can leave a TAT before now, which a clock going back would reveal.
func TestBoulder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, "gcra")
		real, ref := newBoulder(t, l), mustNew(t, "gcra", l)
		ops := []string{"take", "take", "take", "check", "spend", "refund", "reset"}
		back := rapid.Bool().Draw(t, "clock goes back")
		if back {
			ops = []string{"take", "take", "take", "check", "spend", "reset"}
		}
		now, last := int64(0), Decision{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = max(now, now+drawGap(t, l, last))
			if back && rapid.IntRange(0, 5).Draw(t, "back") == 0 {
				now -= rapid.Int64Range(0, int64(l.Period)).Draw(t, "by")
			}
			op := rapid.SampledFrom(ops).Draw(t, "op")
			cost := rapid.OneOf(rapid.Just(int64(1)), rapid.Int64Range(0, l.Burst)).Draw(t, "cost")
			last = Decision{RetryAfter: compare(t, real, ref, op, now, cost).RetryIn}
		}
	})
}

// TestBoulderByHand plays the hand-computed steps of TestGCRAByHand on
// Boulder, but those that it refuses or that need a forced spend.
func TestBoulderByHand(t *testing.T) {
	real, ref := newBoulder(t, handLimit), mustNew(t, "gcra", handLimit)
	played := 0
	for _, st := range handSteps() {
		if st.do == "force" || st.then < 0 || st.then > handLimit.Burst {
			continue
		}
		compare(t, real, ref, st.do, st.at, st.cost)
		compare(t, real, ref, "check", st.at, st.then)
		played++
	}
	if played < 14 {
		t.Errorf("played %d steps, want at least 14", played)
	}
}
