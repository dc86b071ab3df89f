package quota

import (
	"context"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/sim/clock"
)

// benchmark runs f in a Proc with an engine of 1,000 accounts; the rate is
// wall time's, of a simulation in virtual time.
func benchmark(b *testing.B, f func(w *world, in *Inline) (increments int)) {
	w := newWorld(b, 1)
	defer w.close()
	in := w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(monthly(1 << 40))})
	n := 0
	w.at(dayAt(1), func(*clock.Proc) {
		for b.Loop() {
			n += f(w, in)
		}
	})
	w.sched.Run()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "increments/s")
}

func BenchmarkInline(b *testing.B) {
	const accounts = 1000
	ctx := context.Background()
	b.Run("one increment a call", func(b *testing.B) {
		i := int64(0)
		benchmark(b, func(w *world, in *Inline) int {
			i++
			add(b, in, Usage{Account: i % accounts, At: w.Now(), Units: 1})
			return 1
		})
	})
	for _, bm := range []struct {
		name  string
		steps int
	}{{"1,000 accounts a batch", 1}, {"1,000 accounts, 12 usages each a batch", 12}, {"1,000 accounts, 288 usages each a batch", 288}} {
		b.Run(bm.name, func(b *testing.B) {
			var us []Usage
			benchmark(b, func(w *world, in *Inline) int {
				us = us[:0]
				for a := range int64(accounts) {
					for s := range bm.steps {
						us = append(us, Usage{Account: a, At: w.Now() - int64(bm.steps-s), Units: 1})
					}
				}
				if err := in.AddBatch(ctx, us); err != nil {
					b.Fatal(err)
				}
				return len(us)
			})
		})
	}
}

func BenchmarkSweep(b *testing.B) {
	w := newWorld(b, 1)
	defer w.close()
	const accounts = 1000
	all := make(ids, accounts)
	for i := range all {
		all[i] = int64(i)
	}
	h, err := NewHybrid(HybridConfig{InlineConfig: InlineConfig{Redis: w.client(0), Clock: w, Contracts: fixed(monthly(1 << 40)), Thresholds: standard},
		Accounts: all, Totals: flat(1000), Every: usage.Day / 2})
	if err != nil {
		b.Fatal(err)
	}
	w.now(func() {
		for b.Loop() {
			if err := h.Poll(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(accounts*b.N)/b.Elapsed().Seconds(), "accounts/s")
}

type ids []int64

func (i ids) IDs() []int64 { return i }

// flat is the same usage for all.
type flat int64

func (f flat) Totals(context.Context, int64, int64, int64) (added, corrected int64, err error) {
	return int64(f), 0, nil
}

// A run of 1,000 accounts over 90 days in batches of five minutes, which cross
// all thresholds in each month; a metric says how much of it one second plays.
func BenchmarkBuffered(b *testing.B) {
	const accounts = 1000
	w := newWorld(b, 1)
	defer w.close()
	f, err := NewBuffered(w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(monthly(6000))}), usage.Day)
	if err != nil {
		b.Fatal(err)
	}
	ctx, n := context.Background(), 0
	w.now(func() {
		p := w.sched.Current()
		for b.Loop() { // a day
			for i := range int64(288) {
				p.Sleep(300 * time.Second)
				for a := range int64(accounts) {
					if err := f.Add(ctx, Usage{Account: a, At: w.Now(), Units: 1}); err != nil {
						b.Fatal(err)
					}
					n++
				}
				if i != 287 {
					continue
				}
				if err := f.Poll(ctx); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "increments/s")
}
