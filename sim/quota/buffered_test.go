package quota

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/sim/clock"
)

// counting counts round trips.
type counting struct {
	redis.UniversalClient
	calls int
}

func (c *counting) Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	c.calls++
	return c.UniversalClient.Pipelined(ctx, fn)
}

// One process counts an account's usage through a Buffered: what is due, and
// the instant at which it was reached, are those of the oracle, for a fraction
// of the calls.
func TestBufferedIsExact(t *testing.T) {
	calls, adds := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		changes := rapid.SampledFrom([]float64{0, 0.001, 0.02}).Draw(rt, "share of corrections and limit changes")
		w := newWorld(rt, seed)
		defer w.close()
		rng := rand.New(rand.NewPCG(seed, 6))
		client := &counting{UniversalClient: w.client(0)}
		limit := 1000 + rng.Int64N(1000)
		contract := monthly(limit)
		f, err := NewBuffered(w.inline(InlineConfig{Redis: client, Contracts: func(int64) (usage.Contract, error) { return contract, nil }}), usage.Day/4)
		if err != nil {
			rt.Fatal(err)
		}
		var events []usage.Event
		w.now(func() {
			p := w.sched.Current()
			ctx := context.Background()
			for i := range int64(40 * 24) { // hourly, for 40 days
				p.SleepUntil(int64(time.Hour) * (i + 1))
				switch {
				case rng.Float64() < changes:
					s := contract[0]
					s.From, s.Limit = w.Now(), 1+rng.Int64N(2*limit)
					contract = append(slices.Clone(contract), s)
					err = f.SetLimit(ctx, 7, s.Limit, s.From)
				default:
					u := Usage{Account: 7, At: w.Now(), Units: 1 + rng.Int64N(3)}
					if rng.Float64() < changes {
						u.Units = -rng.Int64N(100)
					}
					events = append(events, usage.Event{At: u.At, Units: u.Units})
					err = f.Add(ctx, u)
				}
				if i%6 == 0 {
					err = errors.Join(err, f.Poll(ctx))
				}
				if err != nil {
					rt.Fatal(err)
				}
			}
		})
		got := &delivered{t: rt}
		w.now(func() { w.drain(got) })
		var want, found []string
		for _, o := range usage.Obligations(events, contract, standard, w.Now()) {
			want = append(want, fmt.Sprint(o.Start, o.Threshold, o.Crossing))
		}
		for _, d := range got.due {
			found = append(found, fmt.Sprint(d.Period, d.Threshold, d.At))
		}
		slices.SortFunc(want, cmp.Compare)
		slices.SortFunc(found, cmp.Compare)
		if diff := gocmp.Diff(want, found); diff != "" {
			rt.Errorf("period, threshold, instant (-want +got):\n%s", diff)
		}
		calls, adds = calls+client.calls, adds+len(events)
	})
	t.Logf("%d usages, %d calls", adds, calls)
	if calls*4 > adds {
		t.Errorf("expected at most a call for four usages, found %d for %d", calls, adds)
	}
}

// What others count is learned with the next call, and nothing is missed.
func TestBufferedBesideOthers(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	in := w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(monthly(100))})
	f, err := NewBuffered(in, usage.Day/4)
	if err != nil {
		t.Fatal(err)
	}
	got := &delivered{t: t}
	for _, s := range []struct {
		day   float64
		e     Engine
		units int64
	}{{1, f, 10}, {1.1, in, 50}, {1.2, f, 20}, {1.3, f, 1}} {
		w.at(dayAt(s.day), func(*clock.Proc) { add(t, s.e, Usage{Account: 7, At: w.Now(), Units: s.units}) })
	}
	w.at(dayAt(1.5), func(*clock.Proc) {
		if err := f.Poll(context.Background()); err != nil {
			t.Error(err)
		}
		if err := f.Poll(context.Background()); err != nil { // nothing is left
			t.Error(err)
		}
		w.drain(got)
	})
	w.sched.Run()
	if diff := gocmp.Diff([]string{"7/01-01/75 at 01-02T07:12 81 of 100 by add"}, short(got.due)); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
}

func TestBufferedConfig(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	in := w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(monthly(1))})
	for name, c := range map[string]struct {
		in    *Inline
		every int64
	}{"no engine": {nil, 1}, "no interval": {in, 0}, "longer than counters live": {in, 2 * usage.Day}} {
		if _, err := NewBuffered(c.in, c.every); err == nil {
			t.Errorf("%s: expected an error, found none", name)
		}
	}
	if f, err := NewBuffered(in, usage.Day); err != nil || f.Interval() != 24*time.Hour {
		t.Errorf("expected an interval of 24h, found %v, %v", f, err)
	}
}
