package fakeredis

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// The queue of a shard against queueing theory. A single server with mean
// service time s and Poisson arrivals at utilisation ρ lets a request wait
//
//	M/D/1 (constant service):    ρ·s / (2(1−ρ))
//	M/M/1 (exponential service): ρ·s / (1−ρ)
//
// in the mean (Pollaczek and Khinchine). A wait is much like the one before
// it, so a mean that is good to 2 % with three standard errors takes millions
// of requests, at microseconds each. Hence two steps: the waits of sixty
// thousand real GETs follow Lindley's recursion W' = max(0, W + S − A) over
// their own arrivals and service times, each to the nanosecond; and the
// recursion over millions has the mean of the theory. In other words, the
// recursion is a control variate that leaves no variance.
const (
	requests = 60_000
	millions = 9_000_000
	batches  = 120
	service  = 100 * us
	roundRTT = 700 * us
)

func TestMeanWaitIsThatOfQueueingTheory(t *testing.T) {
	exponential, err := network.Exponential(service)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		name    string
		service network.Distribution
		factor  float64
	}{
		{"M/D/1", network.Constant(service), 0.5},
		{"M/M/1", exponential, 1},
	} {
		for _, rho := range testkit.Full([]float64{0.3, 0.6, 0.8}, []float64{0.6}) {
			want := q.factor * rho * service.Seconds() / (1 - rho)
			direct := waitOfGets(t, q.service, rho)
			long, err := lindley(q.service, rho)
			off := long/want - 1
			t.Logf("%s ρ=%.1f: mean wait %.2f µs (of the %d GETs alone %.2f), theory %.2f: off by %+.2f %%, standard error %.2f %%",
				q.name, rho, long*1e6, requests, direct*1e6, want*1e6, 100*off, 100*err/want)
			if math.Abs(off) > 0.02 {
				t.Errorf("%s ρ=%.1f: mean wait is off by %.2f %%", q.name, rho, 100*off)
			}
			if 3*err/want > 0.02 {
				t.Errorf("%s ρ=%.1f: 2 %% is less than 3 standard errors: too few samples", q.name, rho)
			}
			if math.Abs(direct/want-1) > 0.2 {
				t.Errorf("%s ρ=%.1f: the GETs alone waited %.2f µs", q.name, rho, direct*1e6)
			}
		}
	}
}

// noted keeps the samples of a distribution.
type noted struct {
	network.Distribution
	samples []int64
}

func (n *noted) Sample(rng *rand.Rand) time.Duration {
	d := n.Distribution.Sample(rng)
	n.samples = append(n.samples, int64(d))
	return d
}

// waitOfGets returns the mean wait, in seconds, of GETs from Procs, after
// comparing each with the recursion.
func waitOfGets(t *testing.T, d network.Distribution, rho float64) float64 {
	t.Helper()
	drawn := &noted{Distribution: d}
	l := even(1, roundRTT)
	l.service = drawn
	r := newRig(t, l)
	r.run(func(*clock.Proc) { r.do("SET", "k", "v") })
	drawn.samples = nil
	rate, err := traffic.Constant(rho / service.Seconds())
	if err != nil {
		t.Fatal(err)
	}
	var sent, took []int64
	start := r.sched.Now() + int64(time.Second)
	for at := range traffic.Times(rate, traffic.Poisson(), seeded("arrivals"), time.Hour) {
		if len(sent) == requests {
			break
		}
		sent = append(sent, start+int64(at))
	}
	var arrive func(i int)
	arrive = func(i int) {
		r.sched.Go(func(p *clock.Proc) {
			if err := r.ring.Get(context.Background(), "k").Err(); err != nil {
				t.Error(err)
			}
			took = append(took, p.Now()-sent[i])
		})
		if i+1 < len(sent) {
			r.sched.Call(sent[i+1], func() { arrive(i + 1) })
		}
	}
	r.sched.Call(sent[0], func() { arrive(0) })
	r.sched.Run()
	if len(took) != requests || len(drawn.samples) != requests {
		t.Fatalf("%d requests, %d answered, %d served", requests, len(took), len(drawn.samples))
	}
	return compareWaits(t, sent, drawn.samples, took)
}

// compareWaits takes the i-th sample for the service of the i-th request, and
// the i-th answer for its answer: the queue is first in, first out.
func compareWaits(t *testing.T, sent, served, took []int64) float64 {
	t.Helper()
	var wait, sum int64
	for i := range sent {
		if i > 0 {
			wait = max(0, wait+served[i-1]-(sent[i]-sent[i-1]))
		}
		if wait > 0 {
			served[i] = max(served[i], 1) // whoever waits is served for a nanosecond at least
		}
		if got := took[i] - int64(roundRTT) - served[i]; got != wait {
			t.Fatalf("request %d waited %v, by the recursion %v", i, time.Duration(got), time.Duration(wait))
		}
		sum += wait
	}
	return float64(sum) / requests / float64(time.Second)
}

// lindley is the mean wait of the recursion over random arrivals and service
// times, in seconds, and its standard error from the means of batches.
func lindley(d network.Distribution, rho float64) (mean, standardError float64) {
	rng := rand.New(rand.NewPCG(uint64(rho*100), 2))
	gap := service.Seconds() * 1e9 / rho
	var means [batches]float64
	wait := 0.0
	for b := range means {
		sum := 0.0
		for range millions / batches {
			wait = max(0, wait+float64(d.Sample(rng))-gap*rng.ExpFloat64())
			sum += wait
		}
		means[b] = sum / (millions / batches) / 1e9
		mean += means[b] / batches
	}
	for _, m := range means {
		standardError += (m - mean) * (m - mean)
	}
	return mean, math.Sqrt(standardError / (batches - 1) / batches)
}

// A command takes its name's time, and more for its keys and bytes as they go
// over the wire; the others take what all do.
func TestCommandsTakeTheirTime(t *testing.T) {
	sched := clock.New(epoch)
	fleet, err := NewFleet(sched, Spec{Names: []string{"s"}, Service: network.Constant(ms), Scripts: network.Constant(5 * ms), Stream: seeded, Commands: map[string]network.CommandTime{
		"get":     {Time: network.Constant(2 * ms)},
		"mget":    {Time: network.Constant(0), PerKey: 3 * ms},
		"set":     {Time: network.Constant(ms), PerByte: us},
		"eval_ro": {Time: network.Constant(7 * ms), PerKey: ms},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := fleet.Ring(ClientSpec{ShardNames: []string{"s"}, RTT: []network.Distribution{network.Constant(0)}, Stream: from("client")})
	if err != nil {
		t.Fatal(err)
	}
	sched.Go(func(p *clock.Proc) {
		ctx := context.Background()
		for _, tt := range []struct {
			why  string
			send func() error
			want time.Duration
		}{
			{"its own time", func() error { return ring.Do(ctx, "get", "k").Err() }, 2 * ms},
			{"that of all", func() error { return ring.Do(ctx, "incr", "n").Err() }, ms},
			{"by keys", func() error { return ring.Do(ctx, "mget", "{k}1", "{k}2", "{k}3").Err() }, 9 * ms},
			{"by bytes: *3 $3 set $1 k $4 abcd", func() error { return ring.Do(ctx, "set", "k", "abcd").Err() }, ms + us*time.Duration(len("*3\r\n$3\r\nset\r\n$1\r\nk\r\n$4\r\nabcd\r\n"))},
			{"that of all scripts", func() error { return ring.Do(ctx, "eval", "return 1", 1, "k").Err() }, 5 * ms},
			{"a script's own, by keys", func() error { return ring.Do(ctx, "eval_ro", "return 1", 2, "{k}1", "{k}2").Err() }, 9 * ms},
			{"one after another", func() error {
				_, err := ring.Pipelined(ctx, func(pipe redis.Pipeliner) error {
					pipe.Get(ctx, "k")
					pipe.Incr(ctx, "n")
					return nil
				})
				return err
			}, 3 * ms},
		} {
			begun := p.Now()
			if err := tt.send(); err != nil && err != redis.Nil {
				t.Errorf("%s: %v", tt.why, err)
			}
			if took := time.Duration(p.Now() - begun); took != tt.want {
				t.Errorf("%s: it takes %s, want %s", tt.why, took, tt.want)
			}
		}
	})
	sched.Run()
	if err := fleet.Close(); err != nil {
		t.Error(err)
	}
}

// Commands that take centuries keep all behind them waiting, however many they are: no
// sum of times comes round to an early instant.
func TestTimesDoNotOverflow(t *testing.T) {
	const most = time.Duration(math.MaxInt64)
	for _, c := range []network.CommandTime{
		{Time: network.Constant(0), PerByte: 20_000 * time.Hour},
		{Time: network.Constant(2_500_000 * time.Hour), PerByte: 1000 * time.Hour},
		{Time: network.Constant(most), PerKey: most, PerByte: most},
		{Time: network.Constant(most)},
	} {
		fleet, err := NewFleet(clock.New(epoch), Spec{Names: []string{"s"}, Service: network.Constant(most), Scripts: network.Constant(0), Stream: seeded, Commands: map[string]network.CommandTime{"set": c}})
		if err != nil {
			t.Fatal(err)
		}
		s, last := fleet.Shards[0], int64(0)
		for range 3 {
			set, get := redis.NewStatusCmd(context.Background(), "set", "k", strings.Repeat("x", 500)), redis.NewStringCmd(context.Background(), "get", "k")
			begin, end := s.enqueue([]command{{Cmder: set, name: "set", is: rediscmd.Of("set")}, {Cmder: get, name: "get", is: rediscmd.Of("get")}})
			if begin < last || end < farthest || end > farthest+3 {
				t.Errorf("%+v: from %d to %d, want what begins after %d and ends about %d", c, begin, end, last, farthest)
			}
			last = end
		}
	}
}
