package live

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/fault"
)

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
