package run_test

import (
	"net/netip"
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

// Four users with a /64 each send every request from another address of it. Keys
// by address never meet a limit, which the audit by users shows; keys by /64 hold
// each user to it.
func TestUsersWithManyAddresses(t *testing.T) {
	p := compile(t, `
name: rotation
horizon: 20s
network: {rtt: 0s}
keys:
  users: {as: ipv6, hosts: 1e18, uniform: {n: 4}}
  networks: {derive: {from: users, prefix: 64}}
traffic:
  by-address: {rate: 20/s, gaps: even, keys: users, limiters: [addresses]}
  by-network: {rate: 20/s, gaps: even, keys: networks, limiters: [networks]}
limiters:
  addresses: {kind: tat, limit: {count: 10, period: 1d}}
  networks: {kind: tat, limit: {count: 10, period: 1d}}
`)
	m, found := audited(t, p)
	seen := map[string]map[string]bool{"addresses": {}, "networks": {}}
	ranges := map[netip.Prefix]bool{}
	for _, o := range m {
		key := o.Takes[0].Key
		seen[o.Limiter][key] = true
		if o.Limiter == "addresses" {
			r, err := netip.MustParseAddr(key).Prefix(64)
			if err != nil {
				t.Fatal(err)
			}
			ranges[r] = true
		}
	}
	for key := range seen["networks"] {
		if !ranges[netip.MustParsePrefix(key)] {
			t.Errorf("network %s has no address in the other source", key)
		}
	}
	sent := int64(m.count(allowedBy("addresses")))
	if n := len(seen["addresses"]); int64(n) != sent || sent < 390 || len(seen["networks"]) != 4 || len(ranges) != 4 {
		t.Errorf("%d addresses of %d allowed requests in %d ranges, %d networks", n, sent, len(ranges), len(seen["networks"]))
	}
	if n := m.count(allowedBy("networks")); n != 40 {
		t.Errorf("%d allowed by network, want 10 for each of 4", n)
	}
	for _, c := range []struct {
		limiter          string
		over, users, key int64
	}{{"addresses", 0, sent - 40, sent}, {"networks", 0, 0, 4}} {
		l, _ := found.Find(c.limiter)
		if l.ByUser == nil || l.Over != c.over || l.ByUser.Over != c.users || l.Keys != c.key || l.ByUser.Keys != 4 {
			t.Errorf("%s: %d over-admissions of %d keys, by users %+v", c.limiter, l.Over, l.Keys, l.ByUser)
		}
	}
	if m.count(func(o record.Observation) bool { return o.Takes[0].Key == "" }) > 0 {
		t.Error("a key is empty")
	}
}
