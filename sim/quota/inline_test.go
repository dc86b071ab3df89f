package quota

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/sim/clock"
)

// step of a table: usage, or where limit is set a limit change.
type step struct {
	day   float64
	units int64
	limit int64
	token string
	late  float64 // days since the usage, or since the limit began
	to    int     // client
}

// play runs the steps one after the other on two clients that know only the
// first limit, and drains the outboxes at the end.
func play(t *testing.T, c usage.Contract, steps []step) ([]string, []Finding) {
	t.Helper()
	w := newWorld(t, 1)
	defer w.close()
	var found []Finding
	var clients []*Inline
	for range 2 {
		in, err := NewInline(InlineConfig{Redis: w.client(time.Millisecond), Clock: w, Thresholds: standard,
			Contracts: func(int64) (usage.Contract, error) { return c, nil },
			Report:    func(f Finding) { found = append(found, f) }})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, in)
	}
	ctx := context.Background()
	for _, s := range steps {
		w.at(dayAt(s.day), func(*clock.Proc) {
			var err error
			if s.limit > 0 {
				err = clients[s.to].SetLimit(ctx, 7, s.limit, dayAt(s.day-s.late))
			} else {
				err = clients[s.to].Add(ctx, Usage{Account: 7, At: dayAt(s.day - s.late), Units: s.units, Token: s.token})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	got := &delivered{t: t}
	d, err := NewDeliverer(w.client(time.Millisecond), Outboxes{}, 1, got.notify)
	if err != nil {
		t.Fatal(err)
	}
	w.sched.Run()
	w.now(func() {
		if err := d.Poll(ctx); err != nil {
			t.Error(err)
		}
	})
	return short(got.due), found
}

func TestInline(t *testing.T) {
	for _, tc := range []struct {
		why   string
		limit int64
		steps []step
		want  []string
	}{
		{"exactly what is needed, and not one unit less", 100, []step{{day: 1, units: 74}, {day: 2, units: 1}},
			[]string{"7/01-01/75 at 01-03T00:00 75 of 100 by add"}},
		{"need is rounded up: 75 % of 101 is 75.75", 101, []step{{day: 1, units: 75}, {day: 2, units: 1}},
			[]string{"7/01-01/75 at 01-03T00:00 76 of 101 by add"}},
		{"one call passes all thresholds", 100, []step{{day: 1, units: 1000}},
			[]string{"7/01-01/75 at 01-02T00:00 1000 of 100 by add", "7/01-01/90 at 01-02T00:00 1000 of 100 by add",
				"7/01-01/100 at 01-02T00:00 1000 of 100 by add", "7/01-01/120 at 01-02T00:00 1000 of 100 by add"}},
		{"a correction does not re-arm", 100, []step{{day: 1, units: 80}, {day: 2, units: -50}, {day: 3, units: 50}},
			[]string{"7/01-01/75 at 01-02T00:00 80 of 100 by add"}},
		{"a correction before the crossing delays it", 100, []step{{day: 1, units: 70}, {day: 2, units: -80}, {day: 3, units: 80}, {day: 4, units: 10}},
			[]string{"7/01-01/75 at 01-05T00:00 80 of 100 by add"}},
		{"a lower limit makes due at once", 200, []step{{day: 1, units: 80}, {day: 2, limit: 100}},
			[]string{"7/01-01/75 at 01-03T00:00 80 of 100 by limit"}},
		{"a client that does not know of the change counts by it", 200, []step{{day: 1, units: 60}, {day: 2, limit: 100}, {day: 3, units: 15, to: 1}},
			[]string{"7/01-01/75 at 01-04T00:00 75 of 100 by add"}},
		{"a higher limit, reached again: due already", 100, []step{{day: 1, units: 80}, {day: 2, limit: 200}, {day: 3, units: 75}, {day: 4, units: 30}},
			[]string{"7/01-01/75 at 01-02T00:00 80 of 100 by add", "7/01-01/90 at 01-05T00:00 185 of 200 by add"}},
		{"lower, higher, lower: due once", 200, []step{{day: 1, units: 80}, {day: 2, limit: 100}, {day: 3, limit: 200}, {day: 4, limit: 100}},
			[]string{"7/01-01/75 at 01-03T00:00 80 of 100 by limit"}},
		{"a retried call counts once", 100, []step{{day: 1, units: 50, token: "x"}, {day: 1.01, units: 50, token: "x", to: 1}, {day: 2, units: 30, token: "y"}},
			[]string{"7/01-01/75 at 01-03T00:00 80 of 100 by add"}},
		{"the next period begins at zero and is due again", 100, []step{{day: 1, units: 75}, {day: 40, units: 50}, {day: 41, units: 25}},
			[]string{"7/01-01/75 at 01-02T00:00 75 of 100 by add", "7/02-01/75 at 02-11T00:00 75 of 100 by add"}},
		{"late usage counts in its own period, by the limit of then", 100, []step{{day: 30, units: 70}, {day: 31.2, limit: 1000}, {day: 31.5, units: 5, late: 1}},
			[]string{"7/01-01/75 at 01-31T12:00 75 of 100 by add"}},
		{"a limit change is for later periods too", 1000, []step{{day: 3, limit: 100}, {day: 45, units: 75, to: 1}},
			[]string{"7/02-01/75 at 02-15T00:00 75 of 100 by add"}},
		{"a limit change that is announced late is due in every period since", 1000,
			[]step{{day: 29, units: 75}, {day: 31.5, units: 80}, {day: 32, limit: 100, late: 4}},
			[]string{"7/01-01/75 at 01-29T00:00 75 of 100 by limit", "7/02-01/75 at 01-29T00:00 80 of 100 by limit"}},
		{"usage that is corrected to zero keeps its time to live", 100, []step{{day: 1, units: 10}, {day: 2, units: -10}, {day: 3, units: 75}},
			[]string{"7/01-01/75 at 01-04T00:00 75 of 100 by add"}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			got, found := play(t, monthly(tc.limit), tc.steps)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
			if len(found) > 0 {
				t.Errorf("expected no finding, found %v", found)
			}
		})
	}
}

// Corrected to zero and up to the threshold in the meantime, a counter keeps
// its deadline: it is gone when the period and the slack are over.
func TestInlineExpires(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	in := w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(monthly(100))})
	for i, units := range []int64{10, -10, 200} {
		w.at(dayAt(float64(i)), func(*clock.Proc) {
			add(t, in, Usage{Account: 7, At: w.Now(), Units: units, Token: string('a' + rune(i))})
		})
	}
	w.at(dayAt(3), func(*clock.Proc) { add(t, in, Usage{Account: 8, At: w.Now(), Units: 200}) })
	w.at(dayAt(32), func(*clock.Proc) {
		if n := w.keys(); n != 6 { // of each: counter, claims, outbox
			t.Errorf("in the slack after the period: expected 6 keys, found %d", n)
		}
	})
	w.at(dayAt(36), func(*clock.Proc) {
		if n := w.keys(); n != 2 { // outboxes are delivered, they do not expire
			t.Errorf("after period and slack: expected 2 keys, found %d", n)
		}
	})
	w.sched.Run()
}

func TestInlineBatch(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	in := w.inline(InlineConfig{Redis: w.client(time.Millisecond), Contracts: fixed(monthly(100))})
	got := &delivered{t: t}
	w.now(func() {
		var us []Usage
		for account := range int64(300) {
			for i := range int64(12) {
				us = append(us, Usage{Account: account, At: msAfter(i * 300_000), Units: 8})
			}
		}
		// A correction keeps its place.
		us = append(us, Usage{Account: 1000, At: msAfter(1), Units: 80}, Usage{Account: 1000, At: msAfter(2), Units: -80}, Usage{Account: 1000, At: msAfter(3), Units: 10})
		if err := in.AddBatch(context.Background(), us); err != nil {
			t.Fatal(err)
		}
		w.drain(got)
	})
	at := map[int64]int64{75: 9, 90: 11} // 8 units each: the tenth and the twelfth
	for _, d := range got.due {
		if d.Account != 1000 && d.At != msAfter(at[d.Threshold]*300_000) {
			t.Errorf("account %d, threshold %d: expected the instant of step %d, found %s", d.Account, d.Threshold, at[d.Threshold], time.Unix(0, d.At).UTC())
		}
	}
	if want := 300*2 + 1; len(got.due) != want {
		t.Errorf("expected %d notices, found %d", want, len(got.due))
	}
}

// Late usage that comes in one call with usage by a newer limit does not bring
// the older limit back.
func TestInlineBatchOverLimitChange(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	changed := append(monthly(1000), usage.Segment{From: dayAt(5), Kind: usage.Period, Anchor: dayAt(0), Limit: 500}, usage.Segment{From: dayAt(32), Kind: usage.Period, Anchor: dayAt(0), Limit: 100})
	knows := w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(changed)})
	stale := w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(changed[:1])})
	got := &delivered{t: t}
	w.at(dayAt(33), func(*clock.Proc) {
		if err := knows.AddBatch(context.Background(), []Usage{{Account: 7, At: dayAt(33), Units: 10}, {Account: 7, At: dayAt(30), Units: 10}}); err != nil {
			t.Error(err)
		}
		add(t, stale, Usage{Account: 7, At: dayAt(33), Units: 65})
		w.drain(got)
	})
	w.sched.Run()
	if diff := cmp.Diff([]string{"7/02-01/75 at 02-03T00:00 75 of 100 by add"}, short(got.due)); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
}

func TestInlineRejects(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	contracts := map[int64]usage.Contract{
		1: monthly(100),
		2: {{Kind: usage.Rolling, Limit: 100}},
		3: monthly(1 << 60),
		5: {},
	}
	in := w.inline(InlineConfig{Redis: w.client(0), Contracts: func(a int64) (usage.Contract, error) {
		if c, ok := contracts[a]; ok {
			return c, nil
		}
		return nil, errors.New("no such account")
	}})
	got := &delivered{t: t}
	w.now(func() {
		ctx := context.Background()
		for _, tc := range []struct {
			u    Usage
			want string
		}{
			{Usage{Account: 2, Units: 1}, "a rolling window"},
			{Usage{Account: 3, Units: 1}, "expected a limit of 1 to"},
			{Usage{Account: 4, Units: 1}, "account 4: no such account"},
			{Usage{Account: 5, Units: 1}, "account 5: contract: no segment"},
			{Usage{Account: 1, Units: 1 << 60}, "units at once"},
		} {
			tc.u.At = w.Now()
			// The others of a batch count.
			err := in.AddBatch(ctx, []Usage{tc.u, {Account: 1, At: w.Now(), Units: 15}})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%+v: expected an error with %q, found %v", tc.u, tc.want, err)
			}
		}
		if err := in.SetLimit(ctx, 1, 0, w.Now()); err == nil {
			t.Error("limit 0: expected an error, found none")
		}
		if err := in.SetLimit(ctx, 1, 10, w.Now()+1); err == nil {
			t.Error("a limit change in the future: expected an error, found none")
		}
		if err := in.SetLimit(ctx, 2, 10, w.Now()); !errors.Is(err, ErrRolling) {
			t.Errorf("limit of a rolling window: expected ErrRolling, found %v", err)
		}
		add(t, in, Usage{Account: 1, At: w.Now() - usage.Day, Units: 1000}) // before the first period: counts nowhere
		w.drain(got)
	})
	if diff := cmp.Diff([]Claim{{1, worldEpoch.UnixNano(), 75}}, got.claims); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
}

func TestInlineConfig(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	good := InlineConfig{Redis: w.client(0), Clock: w, Contracts: fixed(monthly(1)), Thresholds: standard}
	for name, spoil := range map[string]func(*InlineConfig){
		"no redis":                 func(c *InlineConfig) { c.Redis = nil },
		"no clock":                 func(c *InlineConfig) { c.Clock = nil },
		"no contracts":             func(c *InlineConfig) { c.Contracts = nil },
		"no thresholds":            func(c *InlineConfig) { c.Thresholds = nil },
		"threshold 0":              func(c *InlineConfig) { c.Thresholds = []int64{0, 75} },
		"thresholds not in order":  func(c *InlineConfig) { c.Thresholds = []int64{90, 75} },
		"negative slack":           func(c *InlineConfig) { c.Slack = -1 },
		"negative partition count": func(c *InlineConfig) { c.Outboxes.Partitions = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := NewInline(c); err == nil {
			t.Errorf("%s: expected an error, found none", name)
		}
	}
	if _, err := NewInline(good); err != nil {
		t.Error(err)
	}
}

// What the script computes is ⌈T·L/100⌉ up to the largest limit allowed.
func TestInlineNeed(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	for i, limit := range []int64{1, 2, 3, 7, 99, 100, 101, 1_000_003, 1<<40 + 1, largestTotal / 120, largestTotal/120 - 1} {
		in := w.inline(InlineConfig{Redis: w.client(0), Contracts: fixed(monthly(limit)), Outboxes: Outboxes{Prefix: string('a' + rune(i))}})
		got := &delivered{t: t}
		w.now(func() {
			for j, T := range standard {
				account := int64(j)
				if n := usage.Need(T, limit); n > 1 {
					add(t, in, Usage{Account: account, At: w.Now(), Units: n - 1})
				}
				add(t, in, Usage{Account: account, At: w.Now(), Units: 1})
			}
			w.drainOf(in, got)
		})
		for _, d := range got.due {
			if d.Usage < usage.Need(d.Threshold, limit) {
				t.Errorf("limit %d: %d%% was due at %d, needs %d", limit, d.Threshold, d.Usage, usage.Need(d.Threshold, limit))
			}
		}
		for j, T := range standard {
			if got.ids[Claim{int64(j), worldEpoch.UnixNano(), T}] == nil {
				t.Errorf("limit %d: %d%% was not due at what it needs, %d", limit, T, usage.Need(T, limit))
			}
		}
	}
}
