package quota

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
)

func newDeliverer(t testing.TB, c redis.UniversalClient, notify Notify) *Deliverer {
	t.Helper()
	d, err := NewDeliverer(c, Outboxes{Partitions: 1}, usage.Day, notify)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// While one account's mail fails, its later notices wait, so that they stay in
// order, and others' do not.
func TestDelivererKeepsOrder(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	ring := w.client(time.Millisecond)
	in := w.inline(InlineConfig{Redis: ring, Contracts: fixed(monthly(100)), Outboxes: Outboxes{Partitions: 1}})
	down := true
	var got []Claim
	d := newDeliverer(t, ring, func(_ context.Context, due Due) error {
		if down && due.Account == 1 && due.Threshold == 90 {
			return ErrNotDelivered
		}
		got = append(got, due.Claim)
		return nil
	})
	ctx, start := context.Background(), worldEpoch.UnixNano()
	w.now(func() {
		for account := range int64(3) {
			add(t, in, Usage{Account: account, At: w.Now(), Units: 100})
		}
		if err := d.Poll(ctx); !errors.Is(err, ErrNotDelivered) || !strings.Contains(err.Error(), "account 1, threshold 90: not delivered") {
			t.Errorf("expected an error that names what was not delivered, found %v", err)
		}
		down = false
		if err := d.Poll(ctx); err != nil {
			t.Error(err)
		}
	})
	want := []Claim{{0, start, 75}, {0, start, 90}, {0, start, 100}, {1, start, 75}, {2, start, 75}, {2, start, 90}, {2, start, 100},
		{1, start, 90}, {1, start, 100}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	if d.Interval() != 24*time.Hour {
		t.Errorf("expected an interval of 24h, found %s", d.Interval())
	}
}

// More than a page of entries, of which some can never be delivered: all the
// others are, in one round.
func TestDelivererPages(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	ring := w.client(0)
	const accounts = 3*entriesPerRead + 7
	in := w.inline(InlineConfig{Redis: ring, Contracts: fixed(monthly(100)), Outboxes: Outboxes{Partitions: 1}})
	n := 0
	d := newDeliverer(t, ring, func(_ context.Context, due Due) error {
		if due.Account < entriesPerRead {
			return ErrNotDelivered
		}
		n++
		return nil
	})
	w.now(func() {
		ctx := context.Background()
		for _, fields := range [][]string{{"account", "1"}, {"account", "x", "start", "1"}} {
			if err := ring.XAdd(ctx, &redis.XAddArgs{Stream: d.outboxes.Stream(0), Values: fields}).Err(); err != nil {
				t.Fatal(err)
			}
		}
		for a := range int64(accounts) {
			add(t, in, Usage{Account: a, At: w.Now(), Units: 75})
		}
		err := d.Poll(ctx)
		for _, want := range []string{`expected the field "start"`, `account: strconv.ParseInt: parsing "x"`, "remove it with XDEL"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("expected an error with %q, found %v", want, err)
			}
		}
		if left := ring.XLen(ctx, d.outboxes.Stream(0)).Val(); n != accounts-entriesPerRead || left != entriesPerRead+2 {
			t.Errorf("expected %d delivered and %d left, found %d and %d", accounts-entriesPerRead, entriesPerRead+2, n, left)
		}
	})
}

func TestDelivererConfig(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	notify := func(context.Context, Due) error { return nil }
	for name, err := range map[string]error{
		"no redis":            errOf(NewDeliverer(nil, Outboxes{}, 1, notify)),
		"no notify":           errOf(NewDeliverer(w.client(0), Outboxes{}, 1, nil)),
		"no interval":         errOf(NewDeliverer(w.client(0), Outboxes{}, 0, notify)),
		"negative partitions": errOf(NewDeliverer(w.client(0), Outboxes{Partitions: -1}, 1, notify)),
	} {
		if err == nil {
			t.Errorf("%s: expected an error, found none", name)
		}
	}
}

func errOf(_ *Deliverer, err error) error { return err }

// A hint names the partition that has got something, so that only it need be
// looked at.
func TestInlineHint(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	ring := w.client(0)
	var hints []int
	in := w.inline(InlineConfig{Redis: ring, Contracts: fixed(monthly(100)), Hint: func(p int) { hints = append(hints, p) }})
	got := &delivered{t: t}
	d, err := NewDeliverer(ring, Outboxes{}, 1, got.notify)
	if err != nil {
		t.Fatal(err)
	}
	w.now(func() {
		for a := range int64(50) {
			add(t, in, Usage{Account: a, At: w.Now(), Units: 74 + a%2})
		}
		if err := d.Drain(context.Background(), hints); err != nil {
			t.Error(err)
		}
	})
	if len(hints) != 25 || len(got.claims) != 25 {
		t.Errorf("expected 25 hints and notices, found %d and %d", len(hints), len(got.claims))
	}
}

// mailbox is a Mailer that may be down.
type mailbox struct {
	down bool
	sent []Notice
}

func (m *mailbox) Send(_ context.Context, n Notice) (bool, error) {
	if !m.down {
		m.sent = append(m.sent, n)
	}
	return !m.down, nil
}

// A receiver mails a claim once, tries again when mail was down, and does not
// wait for somebody to be there.
func TestReceiver(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	ctx := context.Background()
	box, accounts := &mailbox{down: true}, &Directory{}
	accounts.Put(Account{ID: 1, Admins: 2, Members: 3})
	accounts.Put(Account{ID: 2})
	var evaluations []record.Evaluation
	r := Receiver{Name: "inline", Clock: w, Accounts: accounts, Mailer: box, Sent: new(MemoryClaims),
		Sink: func(e *record.Evaluation) { evaluations = append(evaluations, *e) }}
	due := Due{Claim: Claim{1, dayAt(0), 100}, At: dayAt(1), Usage: 105, Limit: 100}
	w.at(dayAt(2), func(*clock.Proc) {
		if err := r.Notify(ctx, due); !errors.Is(err, ErrNotDelivered) {
			t.Errorf("mail is down: expected ErrNotDelivered, found %v", err)
		}
		box.down = false
		for range 2 {
			if err := r.Notify(ctx, due); err != nil {
				t.Error(err)
			}
		}
		if err := r.Notify(ctx, Due{Claim: Claim{2, dayAt(0), 75}, At: dayAt(2), Usage: 75, Limit: 100}); err != nil {
			t.Error(err)
		}
	})
	w.sched.Run()
	if diff := cmp.Diff([]Notice{{Account: 1, Threshold: 100, Period: dayAt(0), At: dayAt(2), Run: dayAt(2), Recipients: 5}}, box.sent); diff != "" {
		t.Errorf("mailed (-want +got):\n%s", diff)
	}
	want := []record.Evaluation{
		{Engine: "inline", Run: dayAt(2), Account: 1, At: dayAt(2), AsOf: dayAt(1), Outcome: record.SentNotice, ReadFrom: dayAt(0), PeriodAt: dayAt(0),
			Usage: 105, Limit: 100, Percent: 105, Threshold: 100, RowAt: -1, SentAt: dayAt(2), Delivered: true},
		{Engine: "inline", Run: dayAt(2), Account: 2, At: dayAt(2), Outcome: record.SentNotice, ReadFrom: dayAt(0), PeriodAt: dayAt(0),
			Usage: 75, Limit: 100, Percent: 75, Threshold: 75, RowAt: -1, SentAt: dayAt(2)},
	}
	if diff := cmp.Diff(want, evaluations); diff != "" {
		t.Errorf("evaluations (-want +got):\n%s", diff)
	}
}

// What inline alone can say when Redis lost its state: a client that wrote the
// counter before finds it gone; one that did not can tell by its own total.
func TestInlineReportsLoss(t *testing.T) {
	for _, tc := range []struct {
		why    string
		totals bool
		second int // client that calls after the loss
		third  int
		want   []Finding
	}{
		{"the client that wrote it", false, 0, 0, []Finding{finding(record.CounterLost, 3, 0, 0, false)}},
		{"with its total, as long as it is below", true, 0, 0,
			[]Finding{finding(record.CounterLost, 3, 0, 60, false), finding(record.CounterRegressed, 4, 10, 70, false)}},
		{"another client cannot tell", false, 1, 1, nil},
		{"another client with the total can", true, 1, 0, []Finding{finding(record.CounterRegressed, 3, 0, 60, false), finding(record.CounterRegressed, 4, 10, 70, false)}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			w := newWorld(t, 1)
			defer w.close()
			var total int64
			var found []Finding
			var clients []*Inline
			for range 2 {
				c := InlineConfig{Redis: w.client(time.Millisecond), Contracts: fixed(monthly(100)), Report: func(f Finding) { found = append(found, f) }}
				if tc.totals {
					c.Total = func(int64, int64) (int64, bool) { return total, true }
				}
				clients = append(clients, w.inline(c))
			}
			for day, step := range map[float64]struct {
				client int
				units  int64
			}{1: {0, 50}, 2: {0, 10}, 3: {tc.second, 10}, 4: {tc.third, 10}} {
				w.at(dayAt(day), func(*clock.Proc) {
					add(t, clients[step.client], Usage{Account: 7, At: dayAt(day), Units: step.units})
					total += step.units
				})
			}
			w.at(dayAt(2.5), func(*clock.Proc) {
				wipe(t, w.client(0), clients[0].outboxes.Stream(clients[0].outboxes.partition(7)))
			})
			w.sched.Run()
			if diff := cmp.Diff(tc.want, found); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// wallClock stands still: what a live server's script does does not depend on
// it.
type wallClock int64

func (c wallClock) Now() int64 { return int64(c) }

// The same script on a stock miniredis over TCP, with real concurrency: 16
// goroutines, each call twice with its token.
func TestInlineLive(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = client.Close() })
	in, err := NewInline(InlineConfig{Redis: client, Clock: wallClock(dayAt(3)), Contracts: fixed(monthly(100)), Thresholds: standard})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range int64(16) {
		wg.Go(func() {
			for i := range int64(10) {
				u := Usage{Account: i % 3, At: dayAt(3), Units: 3, Token: string([]rune{rune('a' + g), rune('a' + i)})}
				add(t, in, u)
				add(t, in, u)
			}
		})
	}
	wg.Wait()
	got := &delivered{t: t}
	d, err := NewDeliverer(client, Outboxes{}, 1, got.notify)
	if err == nil {
		err = d.Poll(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	// 16·4·3 units of account 0, 16·3·3 of 1 and 2.
	var want []Claim
	for a := range int64(3) {
		for _, T := range standard {
			want = append(want, Claim{a, dayAt(0), T})
		}
	}
	slices.SortFunc(got.claims, func(a, b Claim) int { return int(1000*(a.Account-b.Account) + a.Threshold - b.Threshold) })
	if diff := cmp.Diff(want, got.claims); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	for a, units := range map[int64]string{0: "192", 1: "144", 2: "144"} {
		o := in.outboxes
		key := o.tag(o.partition(a)) + "n:" + string(rune('0'+a)) + ":1767225600000000000"
		if n, err := server.Get(key); n != units {
			t.Errorf("account %d: expected a counter of %s, found %s, %v", a, units, n, err)
		}
		if ttl := server.TTL(key); ttl != 30*24*time.Hour {
			t.Errorf("account %d: expected 28 days left and 2 of slack, found %s", a, ttl)
		}
	}
}
