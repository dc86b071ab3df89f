package quota

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// Finding is a fault of the state in Redis that an engine noticed. A counter is
// lost by an eviction, a restart without persistence, a failover to an empty
// replica, or usage later than Slack after the period; it is below what is known
// if it was lost and begun anew, or if a failover lost the last writes.
type Finding struct {
	Cause   record.FindingKind // CounterLost or CounterRegressed
	Account int64
	Start   int64 // of the period
	At      int64 // when it was noticed
	Have    int64 // units that the counter had
	Want    int64 // units that it should have had, or at least so many if it was not repaired
	// Repaired says that the counter now has Want. Inline only reports.
	Repaired bool
}

func (f Finding) String() string {
	return fmt.Sprintf("account %d, period %d: %s: %d units, expected at least %d (repaired: %t)", f.Account, f.Start, f.Cause, f.Have, f.Want, f.Repaired)
}

// expect notes before a call what its counter should hold. Afterwards is too
// late: calls of other requests may have come first.
func (in *Inline) expect(it *item) {
	in.mu.Lock()
	start, ok := in.seen[it.period.account]
	in.mu.Unlock()
	it.known = ok && start == it.period.start
	if in.total != nil {
		it.counted, it.hasSum = in.total(it.period.account, it.period.start)
	}
}

// finish reads a call's reply.
func (b *batch) finish(c *call, cmd *redis.Cmd) error {
	reply, err := cmd.Int64Slice()
	if err == nil && len(reply) != replyWidth*len(c.items) {
		err = fmt.Errorf("inline script: expected %d numbers, found %d", replyWidth*len(c.items), len(reply))
	}
	if err != nil {
		return b.inDoubt([]*call{c}, err)
	}
	due := false
	for i := range c.items {
		of := reply[replyWidth*i:][:replyWidth]
		due = due || of[0]&statusDue != 0
		b.judge(&c.items[i], of)
		if b.counted != nil && of[0]&statusRepeated == 0 {
			b.counted(c.items[i].period, of[2], of[3])
		}
	}
	if due {
		b.in.hint(c.partition)
	}
	return nil
}

func (b *batch) inDoubt(calls []*call, err error) error {
	e := &InDoubtError{Err: err}
	for _, c := range calls {
		for _, it := range c.items {
			for _, u := range it.usages {
				e.Usages = append(e.Usages, *u)
			}
		}
	}
	return e
}

// judge compares what the script found with what was expected.
func (b *batch) judge(it *item, reply []int64) {
	in, p, status, before := b.in, it.period, reply[0], reply[1]
	f := Finding{Account: p.account, Start: p.start, At: b.now, Have: before, Want: it.counted}
	switch {
	case b.what == itemSweep && status&statusRegressed != 0:
		f.Cause, f.Want, f.Repaired = record.CounterRegressed, reply[2], true
		in.report(f)
	case b.what != itemAdd || status&statusRepeated != 0:
		return
	case status&statusCreated != 0 && it.known:
		f.Cause = record.CounterLost
		in.report(f)
	case it.hasSum && before < it.counted:
		f.Cause = record.CounterRegressed
		in.report(f)
	}
	in.mu.Lock()
	if latest, ok := in.seen[p.account]; !ok || p.start > latest {
		in.seen[p.account] = p.start
	}
	in.mu.Unlock()
}
