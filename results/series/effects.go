package series

import (
	"cmp"
	"slices"
)

// effect is an admission that waits for its turn.
type effect struct {
	at, order, seq  int64 // by which it is sorted
	sent, now, cost int64 // now: when it was judged (real time: done)
	measured        bool
	of              *allowance
	window          *window
}

// effects sorts admissions by when they took effect (in real time, by when they
// were done). The record has them nearly in order: none is more than settle
// before one that is written earlier.
type effects struct {
	settle, latest int64
	list           []effect
	least, full    int // how many are sorted at once: at least, and next
	out            func(*effect)
}

func newEffects(settle int64, least int, out func(*effect)) *effects {
	return &effects{settle: settle, least: least, full: least, out: out}
}

func (e *effects) add(one effect, done int64) {
	e.latest = max(e.latest, done)
	if e.list = append(e.list, one); len(e.list) < e.full {
		return
	}
	e.release(e.latest - e.settle)
	e.full = max(e.least, 2*len(e.list))
}

// release those before an instant.
func (e *effects) release(before int64) {
	slices.SortFunc(e.list, func(a, b effect) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order), cmp.Compare(a.seq, b.seq))
	})
	n, _ := slices.BinarySearchFunc(e.list, before, func(one effect, t int64) int { return cmp.Compare(one.at, t) })
	for i := range n {
		e.out(&e.list[i])
	}
	e.list = slices.Delete(e.list, 0, n)
}
