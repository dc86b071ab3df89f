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
	begun []episode
}

// episode is a fault under way.
type episode struct {
	fault.Fault
	end func() error
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
	end, err := s.begin(f)
	if err != nil {
		return fmt.Errorf("shard %q at %s: %w", s.names[f.Shard], s.hosts[f.Shard], err)
	}
	if f.Until > f.At {
		s.trouble.begun = append(s.trouble.begun, episode{f, end})
	}
	return nil
}

// End undoes a fault that has begun. A server of our own that was down
// answers then.
func (s *Servers) End(f fault.Fault) error {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	i := slices.IndexFunc(s.trouble.begun, func(e episode) bool { return same(e.Fault, f) })
	if i < 0 {
		return errors.New("it has not begun")
	}
	e := s.trouble.begun[i]
	s.trouble.begun = slices.Delete(s.trouble.begun, i, i+1)
	if err := e.end(); err != nil {
		return fmt.Errorf("shard %q at %s: %w", s.names[f.Shard], s.hosts[f.Shard], err)
	}
	return nil
}

// begin returns how the fault ends, nil where it is over at once.
func (s *Servers) begin(f fault.Fault) (end func() error, err error) {
	switch f.Kind {
	case fault.Restart:
		return nil, s.restart(f.Shard)
	case fault.Down:
		return s.takeDown(f)
	case fault.Frozen:
		if !s.Own() {
			return s.onLink(f)
		}
		return s.own[f.Shard].resume, s.own[f.Shard].stop()
	case fault.Delay, fault.Bandwidth, fault.Reset:
		return s.onLink(f)
	case fault.FlushScripts:
		return nil, s.command(f.Shard, "SCRIPT", "FLUSH", "SYNC")
	case fault.ReadOnly:
		return s.readOnly(f.Shard)
	case fault.OutOfMemory:
		return s.fill(f.Shard)
	case fault.Rename:
		return nil, s.rename(f.Shard, f.Name)
	case fault.Add:
		return nil, s.join(f.Shard, f.Name)
	}
	return nil, fmt.Errorf("no live server knows the fault %q", f.Kind)
}

// onLink has the proxy before the shard make the fault.
func (s *Servers) onLink(f fault.Fault) (end func() error, err error) {
	p := s.trouble.proxies[f.Shard]
	if p == nil {
		return nil, fmt.Errorf("%s needs a proxy before the shard, which Through did not make", f.Kind)
	}
	return func() error { return p.End(f) }, p.Begin(f)
}

// takeDown lets dials be refused. A server of ours is killed and comes back
// empty; to another, the run's clients lose the way.
func (s *Servers) takeDown(f fault.Fault) (end func() error, err error) {
	if !s.Own() {
		return s.onLink(f)
	}
	up := func() error { return s.restart(f.Shard) }
	if s.trouble.proxies[f.Shard] == nil {
		return up, s.own[f.Shard].kill()
	}
	open, err := s.onLink(f)
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(up(), open()) }, s.own[f.Shard].kill()
}

// restart starts a server of ours anew. What it was told by faults that are
// under way, it is told again.
func (s *Servers) restart(shard int) error {
	if err := s.own[shard].restart(context.Background()); err != nil {
		return err
	}
	for _, e := range s.trouble.begun {
		if e.Shard != shard {
			continue
		}
		var err error
		switch e.Kind {
		case fault.ReadOnly:
			err = s.follow(shard)
		case fault.OutOfMemory:
			err = s.limit(shard)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rename makes the Rings of all fleets know the shard by another name. It may
// be one that has joined.
func (s *Servers) rename(shard int, name string) error {
	host := s.dialHost(shard)
	var errs []error
	for _, f := range s.made.all() {
		errs = append(errs, f.rearrange(func(c *client) error { return c.rename(host, name) }))
	}
	return errors.Join(errs...)
}

// join makes a server that waits for it part of the Rings of all fleets.
func (s *Servers) join(shard int, name string) error {
	var errs []error
	for _, f := range s.made.all() {
		errs = append(errs, f.join(name, s.dialHost(shard)))
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
		if f.Kind == fault.Add {
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
	p := &process{name: name, program: first.program, dir: dir, forks: first.forks}
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

// command has the shard's own server execute a command.
func (s *Servers) command(shard int, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	if err := s.admin[shard].Do(ctx, args...).Err(); err != nil {
		return fmt.Errorf("%v: %w", args[:2], err)
	}
	return nil
}

// nobody is an address at which nothing answers: the port is that of tcpmux,
// which only the system's administrator may listen on.
const nobodyHost, nobodyPort = "127.0.0.1", 1

// readOnly makes the server a replica that has lost its master: it keeps its
// data and serves it, and refuses to write.
func (s *Servers) readOnly(shard int) (end func() error, err error) {
	return func() error { return s.command(shard, "REPLICAOF", "NO", "ONE") }, s.follow(shard)
}

func (s *Servers) follow(shard int) error {
	for _, option := range []string{"replica-serve-stale-data", "replica-read-only"} {
		if err := s.command(shard, "CONFIG", "SET", option, "yes"); err != nil {
			return err
		}
	}
	return s.command(shard, "REPLICAOF", nobodyHost, nobodyPort)
}

// memoryOptions are what fill changes, in the order of changing.
var memoryOptions = [2]string{"maxmemory-policy", "maxmemory"}

// fill lets the server be above the limit of its memory, which it may not
// make room in.
func (s *Servers) fill(shard int) (end func() error, err error) {
	var before [2]string
	for i, option := range memoryOptions {
		ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
		defer cancel()
		found, err := s.admin[shard].ConfigGet(ctx, option).Result()
		if err != nil {
			return nil, fmt.Errorf("CONFIG GET %s: %w", option, err)
		}
		before[i] = found[option]
	}
	return func() error {
		for i := len(before) - 1; i >= 0; i-- { // with the old policy first it would make room
			if err := s.command(shard, "CONFIG", "SET", memoryOptions[i], before[i]); err != nil {
				return err
			}
		}
		return nil
	}, s.limit(shard)
}

func (s *Servers) limit(shard int) error {
	for i, value := range []string{"noeviction", "1"} {
		if err := s.command(shard, "CONFIG", "SET", memoryOptions[i], value); err != nil {
			return err
		}
	}
	return nil
}

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
