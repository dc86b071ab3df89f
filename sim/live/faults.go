package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

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
