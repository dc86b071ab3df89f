package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"

	"github.com/quotalab/quotalab/sim/fault"
)

// Check tells which faults cannot happen to these servers, and why. It is
// for before the run.
func (s *Servers) Check(faults []fault.Fault) error {
	var errs []error
	for _, f := range faults {
		if why := s.cannot(f); why != "" && f.Kind != fault.Clock {
			errs = append(errs, fmt.Errorf("fault %s of shard %s: %s", f.Kind, s.called(f, faults), why))
		}
	}
	return errors.Join(errs...)
}

// called is the name of a fault's shard, which may be one that joins.
func (s *Servers) called(f fault.Fault, faults []fault.Fault) string {
	for _, g := range faults {
		if g.Kind == fault.Add && g.Shard == f.Shard {
			return fmt.Sprintf("%q", g.Name)
		}
	}
	if f.Shard >= 0 && f.Shard < len(s.names) {
		return fmt.Sprintf("%q", s.names[f.Shard])
	}
	return fmt.Sprintf("number %d", f.Shard+1)
}

// cannot says why a fault cannot happen, "" that it can.
func (s *Servers) cannot(f fault.Fault) string {
	switch {
	case s.cluster && s.proxied(f):
		return "it needs a proxy before the shard, but the nodes of a cluster tell clients their own addresses; use a Ring of shards"
	case s.cluster && f.Kind == fault.ReadOnly:
		return "the nodes of a cluster refuse REPLICAOF; use a Ring of shards"
	case s.cluster && (f.Kind == fault.Rename || f.Kind == fault.Add):
		return "the keys of a cluster go by slots, not by the names of shards; use a Ring of shards"
	}
	switch f.Kind {
	case fault.Down, fault.Frozen, fault.Delay, fault.Bandwidth, fault.Reset, fault.Rename:
		return ""
	case fault.Restart, fault.FlushScripts, fault.ReadOnly, fault.OutOfMemory:
		if !s.Own() {
			return "the server was there before the run and may have other users: have servers spawned" + instead(f.Kind)
		}
		return ""
	case fault.Add:
		if !s.Own() {
			return "the run starts no servers beside those that were there before: have all spawned"
		}
		return ""
	}
	return "it is none that happens to servers"
}

func instead(k fault.Kind) string {
	if k == fault.Restart {
		return ", or use down, which there only cuts the run's own clients off"
	}
	return ""
}

// proxied tells whether a fault happens on the way to the server.
func (s *Servers) proxied(f fault.Fault) bool {
	switch f.Kind {
	case fault.Delay, fault.Bandwidth, fault.Reset:
		return true
	case fault.Down, fault.Frozen:
		return !s.Own()
	}
	return false
}

// Through prepares for the faults of a run: servers that will join are
// started, and a proxy is put before every shard that needs one. It is called
// once, before any client is made; stream gives a random stream by name. From
// then on Names tells of the servers that will join as well.
func (s *Servers) Through(ctx context.Context, faults []fault.Fault, stream func(name string) *rand.Rand) error {
	if err := s.Check(faults); err != nil {
		return err
	}
	if err := s.spares(ctx, faults); err != nil {
		return err
	}
	s.trouble.proxies = map[int]*proxy{}
	for _, f := range faults {
		if !s.proxied(f) || s.trouble.proxies[f.Shard] != nil {
			continue
		}
		if f.Shard < 0 || f.Shard >= len(s.names) {
			return fmt.Errorf("fault %s: expected one of %d shards, found number %d", f.Kind, len(s.names), f.Shard+1)
		}
		if err := s.putBefore(f.Shard, stream("proxy "+s.names[f.Shard])); err != nil {
			return err
		}
	}
	return nil
}

func (s *Servers) putBefore(shard int, rng *rand.Rand) error {
	if s.trouble.timers == nil {
		t, err := newTimers()
		if err != nil {
			return err
		}
		s.trouble.timers = t
		s.atClose(t.Close)
	}
	p, err := newProxy(s.hosts[shard], s.trouble.timers, rng)
	if err != nil {
		return err
	}
	s.trouble.proxies[shard] = p
	s.atClose(p.Close)
	return nil
}

// dialHost is where clients under test reach a shard: its server, or the
// proxy before it.
func (s *Servers) dialHost(shard int) string {
	if p := s.trouble.proxies[shard]; p != nil {
		return p.addr
	}
	return s.hosts[shard]
}

// dialTLS is how clients under test encrypt what they send to an address of
// dialHost: a proxy's is not in the server's certificate. nil is not at all.
func (s *Servers) dialTLS(addr string) *tls.Config {
	if s.login.TLS == nil || s.login.TLS.ServerName != "" {
		return s.login.TLS
	}
	for shard, p := range s.trouble.proxies {
		if p.addr == addr {
			c := s.login.TLS.Clone()
			c.ServerName, _, _ = net.SplitHostPort(s.hosts[shard]) // it was dialled before
			return c
		}
	}
	return s.login.TLS
}
