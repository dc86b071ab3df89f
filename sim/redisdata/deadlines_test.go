package redisdata

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newStore() *Store { return New(rand.New(rand.NewPCG(1, 1))) }

// do executes a command and returns the reply as it is written.
func (s *Store) do(words ...string) string {
	return string(s.Execute(new(Client), words[0], words))
}

// A hot key's deadline moves at every request; the index must not grow.
func TestMovingDeadlinesTakeNoMemory(t *testing.T) {
	s := newStore()
	const others = 100
	for i := range others {
		s.do("set", fmt.Sprint("other-", i), "v", "px", "100000000")
	}
	most := 0
	for i := range int64(300_000) {
		s.SetTime(i * 1e6)
		s.do("set", "hot", "v", "px", "1000")
		most = max(most, len(s.db.due))
	}
	if most > 3*(others+1)+64 || cap(s.db.due) > 2048 {
		t.Errorf("%d entries (room for %d) for %d deadlines", most, cap(s.db.due), others+1)
	}
}

// The index against a table of deadlines.
func TestDeadlinesAgainstATable(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	s, model := newStore(), map[string]int64{}
	for now := range int64(20_000) {
		s.SetTime(now * 1e6)
		for k, at := range model {
			if at < now {
				delete(model, k)
			}
		}
		want, got := map[string]int64{}, map[string]int64{}
		for k, at := range model {
			want[k] = at
		}
		for k, e := range s.dbs[0].keys {
			got[k] = e.until
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("at %d ms: table − index: %s", now, diff)
		}
		k := fmt.Sprint(rng.IntN(200))
		switch d := 1 + rng.Int64N(300); rng.IntN(5) {
		case 0:
			s.do("del", k)
			delete(model, k)
		case 1:
			s.do("persist", k)
			if model[k] > 0 {
				model[k] = 0
				s.do("pexpire", k, fmt.Sprint(d))
				model[k] = now + d
			}
		default:
			s.do("set", k, "v", "px", fmt.Sprint(d))
			model[k] = now + d
		}
	}
}
