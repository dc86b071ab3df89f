package quota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// Notify delivers a Due. After an error it comes again.
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

// Interval returns the time between the starts of rounds.
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
			errs = append(errs, &DeliveryError{due, r.stream, false, err})
			continue
		}
		if err := d.redis.XDel(ctx, r.stream, m.ID).Err(); err != nil {
			errs = append(errs, &DeliveryError{due, r.stream, true, err})
		}
	}
	return errs
}

// DeliveryError says that a notice stays in its outbox: it was not delivered,
// or it was and comes again.
type DeliveryError struct {
	Due       Due
	Outbox    string
	Delivered bool
	Err       error
}

// Error tells the notice, the outbox and why.
func (e *DeliveryError) Error() string {
	what := "not delivered, stays in outbox " + e.Outbox
	if e.Delivered {
		what = "delivered, but stays in outbox " + e.Outbox + " and will come again"
	}
	return fmt.Sprintf("account %d, threshold %d: %s: %v", e.Due.Account, e.Due.Threshold, what, e.Err)
}

// Unwrap returns why the notice stays.
func (e *DeliveryError) Unwrap() error { return e.Err }

// ErrNotDelivered: the mailer could not deliver now.
var ErrNotDelivered = errors.New("not delivered")

// Receiver mails what a Deliverer brings, each claim once, and reports it. It
// notes a claim behind the mail, so that a crash between the two sends a
// second mail rather than none; Sent must outlive it for the first to count.
type Receiver struct {
	Name     string // of the engine, in evaluations
	Clock    Clock
	Accounts interface {
		Account(id int64) (Account, bool)
	}
	Mailer Mailer
	Sent   Claims
	Sink   Sink
}

// Notify is the Notify of a Deliverer.
func (r *Receiver) Notify(ctx context.Context, d Due) error {
	held, err := r.Sent.Held(ctx, d.Account, d.Period, []int64{d.Threshold})
	if err != nil || held[0] != Unknown {
		return err
	}
	e := evaluation(r.Name, 0, d.Account, r.Clock.Now())
	e.Run, e.PeriodAt, e.ReadFrom = e.At, d.Period, d.Period
	if d.At != e.At {
		e.AsOf = d.At
	}
	e.Outcome, e.Threshold, e.Usage, e.Limit, e.Percent = record.SentNotice, d.Threshold, d.Usage, d.Limit, percent(d.Usage, d.Limit)
	a, _ := r.Accounts.Account(d.Account)
	n := Notice{Account: d.Account, Threshold: d.Threshold, Period: d.Period, At: e.At, Run: e.Run, Recipients: a.Recipients(d.Threshold)}
	if n.Recipients > 0 { // else there is nobody to wait for
		if e.Delivered, err = r.Mailer.Send(ctx, n); err != nil {
			return err
		}
		if !e.Delivered {
			return ErrNotDelivered
		}
	}
	e.SentAt = r.Clock.Now()
	if _, err := r.Sent.Claim(ctx, d.Claim, e.SentAt); err != nil {
		return err
	}
	r.Sink(&e)
	return nil
}

// Span is [From, To).
type Span struct {
	From, To int64
}

// Spans are times at which something is down.
type Spans []Span

// Cover tells whether t lies in one of them.
func (s Spans) Cover(t int64) bool {
	return slices.ContainsFunc(s, func(x Span) bool { return x.From <= t && t < x.To })
}

// Unreliable is a UsageSource that takes time and is sometimes down.
type Unreliable struct {
	UsageSource
	Clock   Clock
	Sleep   Sleep
	Latency int64 // of one Sum
	Down    Spans
	// Says makes it fail with ErrSourceDown while it is down. Otherwise it
	// answers then, as upstream's client of Influx does, that there is no
	// usage.
	Says bool
}

// Sum asks the source, or not if it is down.
func (u *Unreliable) Sum(ctx context.Context, account, from, to int64) ([]SeriesUnits, error) {
	if u.Down.Cover(u.Clock.Now()) {
		if u.Says {
			return nil, ErrSourceDown
		}
		return nil, u.Sleep.pass(ctx, u.Latency)
	}
	sums, err := u.UsageSource.Sum(ctx, account, from, to)
	if err != nil {
		return nil, err
	}
	return sums, u.Sleep.pass(ctx, u.Latency)
}

// Recent asks the source, or not if it is down.
func (u *Unreliable) Recent(ctx context.Context, account int64) (int64, error) {
	if u.Down.Cover(u.Clock.Now()) {
		if u.Says {
			return 0, ErrSourceDown
		}
		return 0, nil
	}
	return u.UsageSource.Recent(ctx, account)
}

// Post is a Mailer that takes time and is sometimes down.
type Post struct {
	Clock   Clock
	Sleep   Sleep
	Latency int64 // of one notice
	Down    Spans
}

// Send delivers, unless mail is down or nobody is there to get it.
func (p *Post) Send(ctx context.Context, n Notice) (bool, error) {
	if err := p.Sleep.pass(ctx, p.Latency); err != nil {
		return false, err
	}
	return n.Recipients > 0 && !p.Down.Cover(p.Clock.Now()), nil
}

// Due is a notice that an account is due, on its way from an outbox to the
// account. Delivery is at least once, so its receiver must know a Claim that
// it has seen: one for each account, period and threshold.
type Due struct {
	Claim
	At    int64  // when the threshold was reached, as the engine saw it
	Usage int64  // units that reached it
	Limit int64  // that it is a share of
	By    string // what found it: add, limit or sweep
	ID    string // of the outbox's entry
}

// Outboxes says where counters and outboxes are in Redis. Accounts are spread
// over a fixed number of partitions by a hash of their id; a partition's keys
// all have its number for a hash tag, so that they share a slot and one script
// may write them together, and a Deliverer knows every outbox without looking
// for them with SCAN.
//
// The price: the accounts of a partition live on one shard, so shards share
// the load only as evenly as partitions do, and another number of partitions
// means other keys: change it only when nothing is under way.
type Outboxes struct {
	Prefix     string // of every key; "": quota
	Partitions int    // 0: 64
}

func (o Outboxes) withDefaults() (Outboxes, error) {
	if o.Partitions < 0 {
		return o, fmt.Errorf("outboxes: expected at least 1 partition, found %d", o.Partitions)
	}
	if o.Prefix == "" {
		o.Prefix = "quota"
	}
	if o.Partitions == 0 {
		o.Partitions = 64
	}
	return o, nil
}

// partition returns that of an account, by the finalizer of SplitMix64, which leaves no
// pattern of the ids.
func (o Outboxes) partition(account int64) int {
	z := uint64(account) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(o.Partitions))
}

// tag begins all keys of a partition.
func (o Outboxes) tag(partition int) string {
	return o.Prefix + ":{" + strconv.Itoa(partition) + "}:"
}

// Stream is the key of a partition's outbox.
func (o Outboxes) Stream(partition int) string { return o.tag(partition) + "outbox" }

// limits is the key of the limits that were announced to a partition.
func (o Outboxes) limits(partition int) string { return o.tag(partition) + "limits" }

// decodeDue reads an entry of an outbox.
func decodeDue(stream string, m redis.XMessage) (Due, error) {
	d := Due{ID: m.ID}
	for _, f := range []struct {
		name string
		to   *int64
	}{{"account", &d.Account}, {"start", &d.Period}, {"threshold", &d.Threshold}, {"at", &d.At}, {"usage", &d.Usage}, {"limit", &d.Limit}} {
		text, ok := m.Values[f.name].(string)
		if !ok {
			return d, fmt.Errorf("outbox %s: entry %s: expected the field %q, found none; nobody can deliver it, remove it with XDEL", stream, m.ID, f.name)
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return d, fmt.Errorf("outbox %s: entry %s: %s: %w; nobody can deliver it, remove it with XDEL", stream, m.ID, f.name, err)
		}
		*f.to = n
	}
	d.By, _ = m.Values["by"].(string)
	return d, nil
}
