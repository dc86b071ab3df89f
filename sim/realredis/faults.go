package realredis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/fault"
)

// trouble is what goes wrong with servers, and what it takes.
type trouble struct {
	timers  *timers
	proxies map[int]*proxy // by shard
	joining int            // shards at the end of the list that join later

	mu    sync.Mutex // one fault begins or ends at a time
	begun fault.Begun
}

// Begin makes a fault real, and returns when it is. It is for faults that
// Check let pass, after Through.
func (s *Servers) Begin(f fault.Fault) error {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	if why := s.cannot(f); why != "" {
		return errors.New(why)
	}
	if f.Shard < 0 || f.Shard >= len(s.names) {
		return fmt.Errorf("expected one of %d shards, found number %d", len(s.names), f.Shard+1)
	}
	course, err := s.begin(f)
	if err != nil {
		return fmt.Errorf("shard %q at %s: %w", s.names[f.Shard], s.hosts[f.Shard], err)
	}
	s.trouble.begun.Add(f, course)
	return nil
}

// End undoes a fault that has begun. A server of our own that was down
// answers then.
func (s *Servers) End(f fault.Fault) error {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	if err := s.trouble.begun.End(f); err != nil {
		return fmt.Errorf("fault %s: %w", f.Kind, err)
	}
	return nil
}

func (s *Servers) begin(f fault.Fault) (fault.Course, error) {
	d, on := f.Kind.Of(), struck{s, f}
	if !d.Proxied(s.Own()) {
		return d.Live(on, f)
	}
	if s.trouble.proxies[f.Shard] == nil {
		return fault.Course{}, fmt.Errorf("%s needs a proxy before the shard, which Through did not make", f.Kind)
	}
	return on.OnLink()
}

// struck is the server that a fault happens to.
type struck struct {
	servers *Servers
	fault   fault.Fault
}

func (s struck) process() *process { return s.servers.own[s.fault.Shard] }
func (s struck) Kill() error       { return s.process().kill() }
func (s struck) Stop() error       { return s.process().stop() }
func (s struck) Resume() error     { return s.process().resume() }

// OnLink has the proxy before the shard, if there is one, make the fault.
func (s struck) OnLink() (fault.Course, error) {
	p := s.servers.trouble.proxies[s.fault.Shard]
	if p == nil {
		return fault.Course{}, nil
	}
	if err := p.Begin(s.fault); err != nil || s.fault.Until <= s.fault.At {
		return fault.Course{}, err
	}
	return fault.Course{End: func() error { return p.End(s.fault) }}, nil
}

// Restart starts a server of ours anew. What it was told by faults that are
// under way, it is told again.
func (s struck) Restart() error {
	if err := s.process().restart(context.Background()); err != nil {
		return err
	}
	for _, e := range s.servers.trouble.begun {
		if e.Shard == s.fault.Shard && e.Again != nil {
			if err := e.Again(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Rename makes the Rings of all fleets know the shard by another name. It may
// be one that has joined.
func (s struck) Rename(name string) error {
	host := s.servers.dialHost(s.fault.Shard)
	var errs []error
	for _, f := range s.servers.made.all() {
		errs = append(errs, f.rearrange(func(c *client) error { return c.rename(host, name) }))
	}
	return errors.Join(errs...)
}

// Join makes a server that waits for it part of the Rings of all fleets.
func (s struck) Join(name string) error {
	var errs []error
	for _, f := range s.servers.made.all() {
		errs = append(errs, f.join(name, s.servers.dialHost(s.fault.Shard)))
	}
	return errors.Join(errs...)
}

// atFirst is how many shards clients know when they are made: those after
// them join later.
func (s *Servers) atFirst() int { return len(s.names) - s.trouble.joining }

// spares starts the servers that will join, so that joining is fast. They
// follow the others in all lists, in the order of the plan.
func (s *Servers) spares(ctx context.Context, faults []fault.Fault) error {
	var adds []fault.Fault
	for _, f := range faults {
		if f.Kind.Of().Adds {
			adds = append(adds, f)
		}
	}
	slices.SortFunc(adds, func(a, b fault.Fault) int { return a.Shard - b.Shard })
	for _, f := range adds {
		if f.Shard != len(s.names) {
			return fmt.Errorf("shard %q: expected the next of %d shards to join, found number %d", f.Name, len(s.names), f.Shard+1)
		}
		if err := s.spare(ctx, f.Name); err != nil {
			return err
		}
	}
	return nil
}

// spare starts one more server beside the first, which lends what it takes.
func (s *Servers) spare(ctx context.Context, name string) error {
	first := s.own[0]
	dir := filepath.Join(filepath.Dir(first.dir), strconv.Itoa(len(s.own)))
	p := &process{name: name, program: first.program, dir: dir}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	s.own = append(s.own, p) // Close ends it also if it does not answer
	if err := p.begin(ctx); err != nil {
		return err
	}
	s.names, s.hosts = append(s.names, name), append(s.hosts, p.host())
	s.admin = append(s.admin, redis.NewClient(adminOptions(p.host(), s.login)))
	s.trouble.joining++
	return nil
}

// Command has the server execute a command.
func (s struck) Command(args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	if err := s.servers.admin[s.fault.Shard].Do(ctx, args...).Err(); err != nil {
		return fmt.Errorf("%v: %w", args[:2], err)
	}
	return nil
}

// Option returns an option of the server.
func (s struck) Option(name string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	found, err := s.servers.admin[s.fault.Shard].ConfigGet(ctx, name).Result()
	if err != nil {
		return "", fmt.Errorf("CONFIG GET %s: %w", name, err)
	}
	return found[name], nil
}

// Check tells which faults cannot happen to these servers, and why. It is
// for before the run.
func (s *Servers) Check(faults []fault.Fault) error {
	var errs []error
	for _, f := range faults {
		if why := s.cannot(f); why != "" && f.Kind.Of().Client == nil {
			errs = append(errs, fmt.Errorf("fault %s of shard %s: %s", f.Kind, s.called(f, faults), why))
		}
	}
	return errors.Join(errs...)
}

// called is the name of a fault's shard, which may be one that joins.
func (s *Servers) called(f fault.Fault, faults []fault.Fault) string {
	for _, g := range faults {
		if g.Kind.Of().Adds && g.Shard == f.Shard {
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
	switch d := f.Kind.Of(); {
	case d.Live == nil && d.Link == nil:
		return "it is none that happens to servers"
	case s.cluster && d.Proxied(s.Own()):
		return "it needs a proxy before the shard, but the nodes of a cluster tell clients their own addresses; use a Ring of shards"
	case s.cluster && d.Cluster != "":
		return d.Cluster
	case !s.Own():
		return d.Foreign
	}
	return ""
}

// Through prepares for the faults of a run: servers that will join are
// started, and a proxy is put before every shard that needs one. It is called
// once, before any client is made; stream gives a random stream by name. From
// then on Names lists the servers that will join as well.
func (s *Servers) Through(ctx context.Context, faults []fault.Fault, stream func(name string) *rand.Rand) error {
	if err := s.Check(faults); err != nil {
		return err
	}
	if err := s.spares(ctx, faults); err != nil {
		return err
	}
	s.trouble.proxies = map[int]*proxy{}
	for _, f := range faults {
		if !f.Kind.Of().Proxied(s.Own()) || s.trouble.proxies[f.Shard] != nil {
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
