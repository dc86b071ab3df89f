package certify

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
)

// exact is a limiter with which nothing is wrong: the reference decides, in this
// process, at the time of the shard that owns the key. ill lets one property of it go wrong.
type exact struct {
	limiter.Env
	ill   string
	state *shared
	took  prometheus.Histogram
}

// shared is what all instances of a run know.
type shared struct {
	sync.Mutex
	table   *record.LimitTable
	buckets map[string]limits.Bucket
	days    map[string]int64
}

// states are those of runs, by the limits of their plans, which the instances of a run share.
var states sync.Map

const algorithm = "token_bucket"

func double(ill string) limiter.Kind {
	k := limiter.Kind{
		About: "test double: " + ill, Algorithm: algorithm, Resolution: time.Microsecond, ServerTime: ill != "clock",
		New: func(env limiter.Env) (limiter.Limiter, error) {
			of, _ := states.LoadOrStore(&env.Spec.Limits[0], &shared{table: env.Spec.Table(), buckets: map[string]limits.Bucket{}, days: map[string]int64{}})
			l := &exact{Env: env, ill: ill, state: of.(*shared), took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took"})}
			return l, env.Registerer.Register(l.took)
		},
		Telemetry: func(families []*dto.MetricFamily) []record.Telemetry {
			h := families[0].GetMetric()[0].GetHistogram()
			return []record.Telemetry{{Series: "took", Count: h.GetSampleCount(), Seconds: h.GetSampleSum()}}
		},
	}
	return k
}

// touch tells the time, and whether the key was there.
var touch = redis.NewScript(`
local found = redis.call('EXISTS', KEYS[1])
if ARGV[1] ~= '0' then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) else redis.call('SET', KEYS[1], 1, 'KEEPTTL') end
local t = redis.call('TIME')
return {tonumber(t[1]), tonumber(t[2]), found}`)

func (x *exact) Take(ctx context.Context, req limiter.Request) (d limiter.Decision, err error) {
	began := x.Clock.Now()
	defer func() {
		took := x.Clock.Now().Sub(began).Seconds()
		if x.ill == "telemetry" {
			took /= 2
		}
		x.took.Observe(took)
	}()
	t := req.Takes[0]
	t.Wire = "double:" + t.Key
	d = limiter.Decision{Takes: []limiter.Take{t}, Remaining: -1, RetryAfter: -1}
	now, found, err := x.ask(ctx, t)
	if err != nil {
		d.Allowed = x.ill == "outage"
		if d.Allowed {
			err = nil
		}
		return d, err
	}
	b := x.bucket(t)
	x.treat(b, t, now, found)
	x.state.Lock()
	says := b.Peek(now, t.Cost)
	x.state.Unlock()
	if x.ill == "race" { // others decide before it spends
		if _, err := x.Redis.Get(ctx, t.Wire).Result(); err != nil {
			return d, err
		}
	}
	x.decide(&d, says, b, t, now)
	return d, nil
}

// ask returns the time by which the decision is made.
func (x *exact) ask(ctx context.Context, t limiter.Take) (now int64, found bool, err error) {
	l, _ := x.state.table.For(t.Limit, t.Key)
	kept := max(time.Hour, l.Period*time.Duration(l.Burst)/time.Duration(l.Count)+time.Minute)
	life := kept.Milliseconds()
	switch x.ill {
	case "hygiene":
		life = 0
	case "sharding":
		if err := x.Redis.Set(ctx, "double:{time}", 1, time.Hour).Err(); err != nil {
			return 0, false, err
		}
	case "reset":
		life = 0
	case "clock":
		now = x.Clock.Now().UnixNano()
	}
	reply, err := touch.Run(ctx, x.Redis, []string{t.Wire}, life).Int64Slice()
	if err != nil {
		return 0, false, err
	}
	if x.ill == "reset" && reply[2] == 0 { // a new key gets its deadline by a command of its own
		err = x.Redis.PExpire(ctx, t.Wire, kept).Err()
	}
	if x.ill != "clock" {
		now = reply[0]*1e9 + reply[1]*1e3
	}
	return now, reply[2] == 1, err
}

func (x *exact) bucket(t limiter.Take) limits.Bucket {
	x.state.Lock()
	defer x.state.Unlock()
	b := x.state.buckets[t.Key]
	if b == nil {
		l, _ := x.state.table.For(t.Limit, t.Key)
		full, err := limits.Maker(algorithm, limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, 0)
		if err != nil {
			panic(err)
		}
		b = full()
		x.state.buckets[t.Key] = b
	}
	return b
}

// treat does to the bucket what the illness does before a decision.
func (x *exact) treat(b limits.Bucket, t limiter.Take, now int64, found bool) {
	l, _ := x.state.table.For(t.Limit, t.Key)
	x.state.Lock()
	defer x.state.Unlock()
	switch {
	case x.ill == "amnesia" && l.Count == 20 && l.Period == time.Hour: // a key that was lost once is forgotten every time
		if !found && b.Peek(now, 0).ResetAfter > 0 {
			x.state.days[t.Key]++
		}
		if x.state.days[t.Key] > 0 {
			b.Reset()
		}
	case x.ill == "window" && l.Period == 1000*time.Second: // as a fixed window is full again
		if day := now / int64(l.Period); x.state.days[t.Key] != day {
			b.Reset()
			x.state.days[t.Key] = day
		}
	}
}

func (x *exact) decide(d *limiter.Decision, says limits.Decision, b limits.Bucket, t limiter.Take, now int64) {
	l, _ := x.state.table.For(t.Limit, t.Key)
	x.state.Lock()
	defer x.state.Unlock()
	d.Allowed, d.Remaining, d.RetryAfter = says.Allowed || x.ill == "cost" && t.Cost > l.Burst, max(says.Remaining, 0), says.RetryAfter
	if x.ill == "exactness" {
		d.RetryAfter = d.RetryAfter / time.Second * time.Second // rounded down
	}
	if d.Allowed || x.ill == "denied" && says.Remaining >= 0 {
		b.Spend(now, t.Cost)
	}
}
