package threshold

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Notify hands a Due to whoever is to know. After an error it comes again.
// It also comes again, with the same Claim, if the deliverer ends before it has
// taken the entry out of the outbox, or if two deliverers are at work.
type Notify func(ctx context.Context, d Due) error

// Deliverer empties outboxes: at least once, an account's notices in order.
// An entry leaves its outbox only when it was delivered, so a Deliverer has
// no state, and any number of them may run, at the price of duplicates.
type Deliverer struct {
	redis    redis.UniversalClient
	outboxes Outboxes
	notify   Notify
	every    int64
}

// entriesPerRead bounds one reply.
const entriesPerRead = 100

// NewDeliverer delivers what engines with the same Outboxes find, in rounds
// that start every so often.
func NewDeliverer(client redis.UniversalClient, o Outboxes, every int64, notify Notify) (*Deliverer, error) {
	o, err := o.withDefaults()
	switch {
	case err != nil:
		return nil, fmt.Errorf("deliverer: %w", err)
	case client == nil || notify == nil:
		return nil, errors.New("deliverer: expected a Redis and a Notify, found nil")
	case every < 1:
		return nil, fmt.Errorf("deliverer: expected an interval of at least 1 ns, found %d", every)
	}
	return &Deliverer{redis: client, outboxes: o, notify: notify, every: every}, nil
}

// Interval of the rounds.
func (d *Deliverer) Interval() time.Duration { return time.Duration(d.every) }

// Poll goes once through all outboxes. What could not be delivered stays
// there for the next round; the error tells all of it.
func (d *Deliverer) Poll(ctx context.Context) error {
	all := make([]int, d.outboxes.Partitions)
	for i := range all {
		all[i] = i
	}
	return d.Drain(ctx, all)
}

// Drain goes once through some outboxes, as an engine's Hint names
// them.
func (d *Deliverer) Drain(ctx context.Context, partitions []int) error {
	open := make([]round, len(partitions))
	for i, n := range partitions {
		open[i] = round{stream: d.outboxes.Stream(n), from: "-", failed: map[int64]bool{}}
	}
	var errs []error
	for len(open) > 0 {
		cmds := make([]*redis.XMessageSliceCmd, len(open))
		_, _ = d.redis.Pipelined(ctx, func(p redis.Pipeliner) error { // every command keeps its own error
			for i, r := range open {
				cmds[i] = p.XRangeN(ctx, r.stream, r.from, "+", entriesPerRead)
			}
			return nil
		})
		var more []round
		for i, r := range open {
			entries, err := cmds[i].Result()
			if err != nil {
				errs = append(errs, fmt.Errorf("outbox %s: %w", r.stream, err))
				continue
			}
			errs = append(errs, d.deliver(ctx, &r, entries)...)
			if len(entries) == entriesPerRead {
				r.from = "(" + entries[len(entries)-1].ID
				more = append(more, r)
			}
		}
		open = more
	}
	return errors.Join(errs...)
}

// round is one pass over an outbox.
type round struct {
	stream string
	from   string
	failed map[int64]bool // accounts whose later notices must wait
}

// deliver hands over entries and takes each out of the outbox. After a failure
// the account's later notices wait, those of others do not.
func (d *Deliverer) deliver(ctx context.Context, r *round, entries []redis.XMessage) (errs []error) {
	for _, m := range entries {
		due, err := decodeDue(r.stream, m)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if r.failed[due.Account] {
			continue
		}
		if err := d.notify(ctx, due); err != nil {
			r.failed[due.Account] = true
			errs = append(errs, fmt.Errorf("account %d, threshold %d: not delivered, stays in outbox %s: %w", due.Account, due.Threshold, r.stream, err))
			continue
		}
		if err := d.redis.XDel(ctx, r.stream, m.ID).Err(); err != nil {
			errs = append(errs, fmt.Errorf("account %d, threshold %d: delivered, but stays in outbox %s and will come again: %w", due.Account, due.Threshold, r.stream, err))
		}
	}
	return errs
}
