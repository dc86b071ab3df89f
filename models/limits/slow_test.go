package limits

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// slow is an algorithm written down from its definition, without regard to
// speed, for time that does not go back.
type slow interface {
	remaining(now int64) *big.Rat // tokens left before the request
	spend(now, cost int64)
	refund(now, cost int64)
}

// refill is a bucket of burst tokens that gains rate tokens a nanosecond:
// what GCRA, token bucket and leaky bucket are ways of computing.
type refill struct {
	burst, rate, tokens *big.Rat
	last                int64
}

func (r *refill) remaining(now int64) *big.Rat {
	gain := new(big.Rat).Mul(r.rate, new(big.Rat).SetInt64(now-r.last))
	r.last = now
	if r.tokens.Add(r.tokens, gain); r.tokens.Cmp(r.burst) > 0 {
		r.tokens.Set(r.burst)
	}
	return new(big.Rat).Set(r.tokens)
}

func (r *refill) spend(now, cost int64) {
	r.remaining(now)
	r.tokens.Sub(r.tokens, new(big.Rat).SetInt64(cost))
}

func (r *refill) refund(now, cost int64) {
	r.remaining(now)
	r.tokens.Add(r.tokens, new(big.Rat).SetInt64(cost))
	r.remaining(now)
}

// history keeps every admission ever made and counts with weight.
type history struct {
	limit   Limit
	entries []spent
	weight  func(at, now, period int64) *big.Rat
}

func (h *history) remaining(now int64) *big.Rat {
	left := new(big.Rat).SetInt64(h.limit.Count)
	for _, e := range h.entries {
		w := h.weight(e.at, now, int64(h.limit.Period))
		left.Sub(left, w.Mul(w, new(big.Rat).SetInt64(e.cost)))
	}
	return left
}

func (h *history) spend(now, cost int64) { h.entries = append(h.entries, spent{now, cost}) }

// refund takes back the newest that still weigh.
func (h *history) refund(now, cost int64) {
	for i := len(h.entries) - 1; i >= 0; i-- {
		e := &h.entries[i]
		if h.weight(e.at, now, int64(h.limit.Period)).Sign() == 0 {
			continue
		}
		back := min(cost, e.cost)
		e.cost -= back
		cost -= back
	}
}

func yes(b bool) *big.Rat {
	if b {
		return big.NewRat(1, 1)
	}
	return new(big.Rat)
}

// firstHit keeps every admission of the window that the last one was in.
type firstHit struct{ history }

func (f *firstHit) remaining(now int64) *big.Rat {
	if len(f.entries) > 0 && now >= f.entries[0].at+int64(f.limit.Period) {
		f.entries = nil
	}
	f.weight = func(int64, int64, int64) *big.Rat { return yes(true) }
	return f.history.remaining(now)
}

func (f *firstHit) spend(now, cost int64) {
	if f.remaining(now); cost > 0 {
		f.history.spend(now, cost)
	}
}

func (f *firstHit) refund(now, cost int64) {
	f.remaining(now)
	f.history.refund(now, cost)
}

// ticking is a bucket that gains count tokens at every tick, the first of which
// comes a period after the first token was taken from a full one.
type ticking struct {
	limit        Limit
	tokens, tick int64
}

func (b *ticking) remaining(now int64) *big.Rat {
	for b.tokens < b.limit.Burst && b.tick <= now {
		b.tokens, b.tick = min(b.limit.Burst, b.tokens+b.limit.Count), b.tick+int64(b.limit.Period)
	}
	return new(big.Rat).SetInt64(b.tokens)
}

func (b *ticking) spend(now, cost int64) {
	if b.remaining(now); b.tokens == b.limit.Burst && cost > 0 {
		b.tick = now + int64(b.limit.Period)
	}
	b.tokens -= cost
}

func (b *ticking) refund(now, cost int64) {
	b.remaining(now)
	b.tokens = min(b.limit.Burst, b.tokens+cost)
}

func newSlow(algorithm string, l Limit, start int64) slow {
	switch algorithm {
	case "fixed_window":
		return &history{limit: l, weight: func(at, now, p int64) *big.Rat { return yes(floorDiv(at, p) == floorDiv(now, p)) }}
	case "fixed_window_daily":
		return &history{limit: l, weight: func(at, now, _ int64) *big.Rat { return yes(floorDiv(at, 86400e9) == floorDiv(now, 86400e9)) }}
	case "fixed_window_monthly":
		month := func(ns int64) int { t := time.Unix(0, ns).UTC(); return 12*t.Year() + int(t.Month()) }
		return &history{limit: l, weight: func(at, now, _ int64) *big.Rat { return yes(month(at) == month(now)) }}
	case "token_bucket_interval":
		return &ticking{limit: l, tokens: l.Burst}
	case "fixed_window_first_hit":
		return &firstHit{history: history{limit: l}}
	case "sliding_log", "concurrency":
		return &history{limit: l, weight: func(at, now, p int64) *big.Rat { return yes(at > now-p) }}
	case "sliding_counter":
		return &history{limit: l, weight: func(at, now, p int64) *big.Rat {
			switch k := floorDiv(now, p); k - floorDiv(at, p) {
			case 0:
				return yes(true)
			case 1:
				return big.NewRat(p-(now-k*p), p)
			}
			return yes(false)
		}}
	}
	burst := new(big.Rat).SetInt64(l.Burst)
	rate := big.NewRat(l.Count, int64(l.Period))
	if algorithm == "gcra" {
		rate = big.NewRat(1, int64(l.EmissionInterval()))
	}
	return &refill{burst, rate, new(big.Rat).Set(burst), start}
}

// TestAgainstDefinition compares every algorithm with its definition, in
// rational arithmetic: the decision and the tokens left.
func TestAgainstDefinition(t *testing.T) {
	everyAlgorithm(t, func(t *rapid.T, algorithm string) {
		l := drawLimit(t, algorithm)
		b := mustNew(t, algorithm, l)
		now := rapid.Int64Range(-5*int64(l.Period), 5*int64(l.Period)).Draw(t, "start")
		ref := newSlow(algorithm, l, now)
		var last Decision
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = max(now, now+drawGap(t, l, last))
			cost := rapid.Int64Range(0, l.Burst).Draw(t, "cost")
			left := ref.remaining(now)
			want := left.Cmp(new(big.Rat).SetInt64(cost)) >= 0
			last = b.Peek(now, cost)
			if want {
				left.Sub(left, new(big.Rat).SetInt64(cost))
			}
			tokens := new(big.Int).Div(left.Num(), left.Denom()).Int64() // rounds down
			if algorithm == "gcra" && left.Sign() < 0 {
				tokens = new(big.Int).Quo(left.Num(), left.Denom()).Int64()
			}
			if last.Allowed != want || last.Remaining != tokens {
				t.Fatalf("Peek(%d, %d) = %+v, want allowed %v with %s left", now, cost, last, want, left)
			}
			switch force := rapid.IntRange(0, 9).Draw(t, "op"); {
			case force == 0:
				b.Refund(now, cost)
				ref.refund(now, cost)
			case want || force == 1:
				b.Spend(now, cost)
				ref.spend(now, cost)
			}
		}
	})
}

// TestOneLaw checks that the three forms of the exact bucket (by the instant
// it is full, by its tokens, by its content) decide alike as long as time does
// not go back, and the rounded GCRA as well where nothing is rounded.
func TestOneLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, "gcra")
		names := []string{"gcra_float", "token_bucket", "leaky_bucket"}
		if rapid.Bool().Draw(t, "whole interval") {
			l.Period = l.EmissionInterval() * (l.Period / l.EmissionInterval())
			l.Count = int64(l.Period / l.EmissionInterval())
			names = append(names, "gcra")
		}
		var buckets []Bucket
		for _, name := range names {
			buckets = append(buckets, mustNew(t, name, l))
		}
		now, last := int64(0), Decision{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = max(now, now+drawGap(t, l, last))
			for i, b := range buckets {
				d := b.Peek(now, 1)
				if d.Allowed {
					b.Spend(now, 1)
				}
				d.Margin = 0 // tokens and content do not remember how long they have been full
				if i > 0 && d != last {
					t.Fatalf("at %d %s says %+v and %s %+v", now, names[i-1], last, names[i], d)
				}
				last = d
			}
		}
	})
}
