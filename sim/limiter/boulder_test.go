package limiter_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
)

const (
	perAddress = "NewRegistrationsPerIPAddress"
	perRange   = "NewRegistrationsPerIPv6Range"
	perAccount = "NewOrdersPerAccount"
	failed     = "FailedAuthorizationsPerDomainPerAccount"
	perDomain  = "CertificatesPerDomain"
	perSet     = "CertificatesPerFQDNSet"
)

func newAccount() subject {
	return subject{name: "boulder", kind: "boulder", options: map[string]string{"transactions": "new_account"},
		limits: []record.Limit{hourly(perAddress, 2), hourly(perRange, 3)}}
}

func newOrder() subject {
	return subject{name: "boulder", kind: "boulder", options: map[string]string{"transactions": "new_order"},
		limits: []record.Limit{hourly(perAccount, 4), hourly(failed, 5), hourly(perDomain, 3), hourly(perSet, 2)}}
}

// order is a request for a certificate with those names.
func order(account string, names ...string) limiter.Request {
	r := take(perAccount, account, 1)
	for _, n := range names {
		r.Takes = append(r.Takes, take(perDomain, n, 1).Takes...)
	}
	return r
}

// set is Boulder's key of a set of names.
func set(names string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(names))) }

// What a request to Boulder expands to, and that its keys are those on the
// wire.
func TestBoulderTakes(t *testing.T) {
	const check, takes, spend = record.CheckMode, record.TakeMode, record.SpendMode
	hash := sha256.Sum256([]byte("alice"))
	alice := fmt.Sprint(binary.BigEndian.Uint64(hash[:8])>>2 + 1)
	hash = sha256.Sum256([]byte("tenant-7"))
	copy(hash[:], []byte{0x20, 0x01, 0x0d, 0xb8})
	tenant := netip.AddrFrom16([16]byte(hash[:16])).String()
	of := func(limit, key, wire string, mode record.Mode) limiter.Take {
		return limiter.Take{Limit: limit, Key: key, Wire: wire, Cost: 1, Mode: mode}
	}
	for _, tt := range []struct {
		why     string
		subject subject
		does    record.Mode
		request limiter.Request
		want    []limiter.Take
	}{
		{"override_request of an address", adapter("boulder").with(hourly("a", 3)), takes, take("a", "192.0.2.1", 1),
			[]limiter.Take{of("a", "192.0.2.1", "9:192.0.2.1", takes)}},
		{"override_request of any key", adapter("boulder").with(hourly("a", 3)), takes, take("a", "tenant-7", 1),
			[]limiter.Take{of("a", "tenant-7", "9:"+tenant, takes)}},
		{"override_request that checks", adapter("boulder").with(hourly("a", 3)), check, take("a", "192.0.2.1", 1),
			[]limiter.Take{of("a", "192.0.2.1", "9:192.0.2.1", check)}},
		{"override_request that spends takes, as Boulder's does", adapter("boulder").with(hourly("a", 3)), spend, take("a", "192.0.2.1", 1),
			[]limiter.Take{of("a", "192.0.2.1", "9:192.0.2.1", takes)}},
		{"an account from IPv4 has no range", newAccount(), takes, take(perAddress, "192.0.2.1", 1),
			[]limiter.Take{of(perAddress, "192.0.2.1", "1:192.0.2.1", takes)}},
		{"an account from IPv6", newAccount(), takes, take(perAddress, "2001:db8:1:2::3", 1),
			[]limiter.Take{of(perAddress, "2001:db8:1:2::3", "1:2001:db8:1:2::3", takes), of(perRange, "2001:db8:1::/48", "2:2001:db8:1::/48", takes)}},
		{"an account from IPv6, checked", newAccount(), check, take(perAddress, "2001:db8:1:2::3", 1),
			[]limiter.Take{of(perAddress, "2001:db8:1:2::3", "1:2001:db8:1:2::3", check), of(perRange, "2001:db8:1::/48", "2:2001:db8:1::/48", check)}},
		{"an order takes of the account and checks the rest", newOrder(), takes, order("17", "b.example.org", "a.example.com"),
			[]limiter.Take{
				of(perAccount, "17", "3:17", takes),
				of(failed, "17:a.example.com", "4:17:a.example.com", check), of(failed, "17:b.example.org", "4:17:b.example.org", check),
				of(perDomain, "example.com", "5:example.com", check), of(perDomain, "example.org", "5:example.org", check),
				of(perSet, "a.example.com,b.example.org", "7:"+set("a.example.com,b.example.org"), check),
			}},
		{"an order that is checked", newOrder(), check, order("17", "a.example.com"),
			[]limiter.Take{of(perAccount, "17", "3:17", check), of(failed, "17:a.example.com", "4:17:a.example.com", check),
				of(perDomain, "example.com", "5:example.com", check), of(perSet, "a.example.com", "7:"+set("a.example.com"), check)}},
		{"a certificate spends of its domain and its set", newOrder(), spend, order("17", "a.example.com"),
			[]limiter.Take{of(perDomain, "example.com", "5:example.com", spend), of(perSet, "a.example.com", "7:"+set("a.example.com"), spend)}},
		{"names of one domain take of it once, and twice the same name is one", newOrder(), spend, order("17", "b.example.com", "A.example.com", "a.example.com"),
			[]limiter.Take{of(perDomain, "example.com", "5:example.com", spend), of(perSet, "a.example.com,b.example.com", "7:"+set("a.example.com,b.example.com"), spend)}},
		{"an account that is not a number", newOrder(), takes, order("alice", "a.example.com"),
			[]limiter.Take{of(perAccount, "alice", "3:"+alice, takes), of(failed, alice+":a.example.com", "4:"+alice+":a.example.com", check),
				of(perDomain, "example.com", "5:example.com", check), of(perSet, "a.example.com", "7:"+set("a.example.com"), check)}},
	} {
		w := newWorld(t, 3, network.Constant(round))
		l, err := limiter.Builtin()["boulder"].New(environment(w.ring(tt.subject), w.clock(0), tt.subject, tt.does))
		if err != nil {
			t.Fatal(err)
		}
		w.sched.Go(func(*clock.Proc) {
			for range 2 { // of new keys, then of what the first left
				trace := fakeredis.NewTrace(context.Background())
				d, err := l.Take(trace, inMode(tt.request, tt.does))
				if err != nil || !d.Allowed {
					t.Errorf("%s: %+v, error %v", tt.why, d, err)
				}
				if diff := cmp.Diff(tt.want, d.Takes); diff != "" {
					t.Errorf("%s: %s", tt.why, diff)
				}
				var wires, seen []string
				for _, take := range d.Takes {
					wires = append(wires, take.Wire)
				}
				for _, k := range trace.Keys {
					seen = append(seen, k.Key)
				}
				slices.Sort(wires)
				slices.Sort(seen)
				if diff := cmp.Diff(wires, seen); diff != "" {
					t.Errorf("%s: keys said − keys on the wire: %s", tt.why, diff)
				}
			}
		})
		w.sched.Run()
	}
}

func TestNewAccount(t *testing.T) {
	for _, play := range []func(testing.TB, func(*bench)){embedded, loopback} {
		play(t, func(b *bench) {
			taker, checker := b.open(newAccount(), record.TakeMode), b.open(newAccount(), record.CheckMode)
			const a, other, far = "2001:db8:1::a", "2001:db8:1::b", "2001:db8:2::a"
			request := func(address string) limiter.Request { return take(perAddress, address, 1) }
			if d := b.ask(taker, request(a)); !d.Allowed || d.Remaining != 1 {
				b.Errorf("first of 2 of the address and 3 of the range: %+v, expected 1 left", d)
			}
			b.wait(time.Minute)
			if got := b.admitted(taker, request(a), 5); got != 1 {
				b.Errorf("%d more of the address, expected 1", got)
			}
			if d := b.ask(taker, request(other)); !d.Allowed || d.Remaining != 0 {
				b.Errorf("another address of the range: %+v, expected 0 left, of the range", d)
			}
			if d := b.ask(taker, request(other)); d.Allowed || d.RetryAfter != 59*time.Minute {
				b.Errorf("the range is empty: %+v, expected a wait of 59 minutes", d)
			}
			if d := b.ask(checker, inMode(request(other), record.CheckMode)); d.Allowed {
				b.Errorf("checked: %+v", d)
			}
			if got := b.admitted(taker, request(far), 5); got != 2 {
				b.Errorf("%d of another range, expected 2", got)
			}
			b.wait(59 * time.Minute)
			if d := b.ask(checker, inMode(request(other), record.CheckMode)); !d.Allowed || d.Remaining != 0 {
				b.Errorf("checked an hour later: %+v, expected 0 left, of the range", d)
			}
			if d := b.ask(taker, request(other)); !d.Allowed {
				b.Errorf("an hour later: %+v; the denial before must not have spent of the address", d)
			}
		})
	}
}

// The front end's orders never spend of the domains: the issuance does, as
// long as there is room, and is never denied.
func TestNewOrder(t *testing.T) {
	embedded(t, func(b *bench) {
		front, issuance := b.open(newOrder(), record.TakeMode), b.open(newOrder(), record.SpendMode)
		issue := inMode(order("1", "www.example.com"), record.SpendMode)
		for range 6 {
			if d := b.ask(issuance, issue); !d.Allowed || d.Remaining != -1 || d.RetryAfter != 0 {
				b.Errorf("issuance: %+v, expected to be allowed by no limit", d)
			}
		}
		for i, tt := range []struct {
			why     string
			request limiter.Request
			want    bool
		}{
			{"the set had 2", order("2", "www.example.com"), false},
			{"another set, but the domain had 3", order("2", "mail.example.com"), false},
			{"another domain", order("2", "www.example.org"), true},
			{"both", order("3", "www.example.org", "mail.example.com"), false},
		} {
			if d := b.ask(front, tt.request); d.Allowed != tt.want {
				b.Errorf("order %d: %s: %+v", i, tt.why, d)
			}
		}
		if got := b.admitted(front, order("2", "www.example.org"), 9); got != 3 {
			b.Errorf("%d more orders of an account that had 4 and spent 1, expected 3: denied orders spend nothing", got)
		}
		b.wait(time.Hour)
		if d := b.ask(front, order("4", "www.example.com")); !d.Allowed {
			b.Errorf("an hour after 2 of the set and 3 of the domain were spent, not 6: %+v", d)
		}
	})
}

// Overrides are given by the scenario's keys.
func TestBoulderOverrides(t *testing.T) {
	account, orders := newAccount(), newOrder()
	account.overrides = []record.Limit{
		{Name: perRange, Key: "2001:db8:9::/48", Count: 1, Period: time.Hour, Burst: 1},
		{Name: perAddress, Key: "someone", Count: 1, Period: time.Hour, Burst: 3},
	}
	orders.overrides = []record.Limit{
		{Name: perAccount, Key: "alice", Count: 1, Period: time.Hour, Burst: 7},
		{Name: perDomain, Key: "example.net", Count: 1, Period: time.Hour, Burst: 1},
		{Name: perSet, Key: "b.example.com,a.example.com", Count: 1, Period: time.Hour, Burst: 1},
	}
	embedded(t, func(b *bench) {
		l := b.open(account, record.TakeMode)
		for key, want := range map[string]int{"2001:db8:9::1": 1, "2001:db8:8::1": 2, "someone": 3, "someone else": 2} {
			if got := b.admitted(l, take(perAddress, key, 1), 9); got != want {
				b.Errorf("%d accounts from %s, expected %d", got, key, want)
			}
		}
		front, issuance := b.open(orders, record.TakeMode), b.open(orders, record.SpendMode)
		for _, r := range []limiter.Request{order("1", "www.example.net"), order("1", "a.example.com", "b.example.com")} {
			b.ask(issuance, inMode(r, record.SpendMode))
			if d := b.ask(front, r); d.Allowed {
				b.Errorf("a second certificate with an override of 1: %+v", d)
			}
		}
		if got := b.admitted(front, order("alice", "www.example.org"), 9); got != 7 {
			b.Errorf("%d orders of an account with an override of 7", got)
		}
	})
	account.overrides[0].Key = "nonsense"
	w := newWorld(t, 1, network.Constant(0))
	if _, err := limiter.Builtin()["boulder"].New(environment(w.ring(account), w.clock(0), account, record.TakeMode)); err == nil {
		t.Error("an override of a range that is none was taken")
	}
}

// Requests that cannot be expanded say why.
func TestBoulderRefuses(t *testing.T) {
	incomplete := newOrder()
	incomplete.limits = incomplete.limits[:2]
	for _, tt := range []struct {
		why     string
		subject subject
		request limiter.Request
		want    string
	}{
		{"an order without a domain", newOrder(), take(perAccount, "1", 1), "a domain"},
		{"an order without an account", newOrder(), take(perDomain, "a.example.com", 1), "an account"},
		{"a batch of addresses", newAccount(), limiter.Request{Takes: append(take(perAddress, "a", 1).Takes, take(perRange, "b", 1).Takes...)}, "expected one limit"},
		{"a cost", newAccount(), take(perAddress, "a", 2), "cost 1"},
		{"a cost within an order", newOrder(), limiter.Request{Takes: append(order("1", "a.example.com").Takes, take(perDomain, "b.example.com", 2).Takes...)}, "cost 1"},
		{"a name that is none", newOrder(), order("1", "..."), "..."},
		{"limits that are not configured", incomplete, order("1", "a.example.com"), "configure every limit"},
	} {
		embedded(t, func(b *bench) {
			d, err := b.open(tt.subject, record.TakeMode).Take(context.Background(), tt.request)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %+v, error %v, expected one about %q", tt.why, d, err, tt.want)
			}
		})
	}
}
