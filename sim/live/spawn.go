package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// startLimit is how long redis-server may take until it answers. It takes
// 20 ms on an idle machine.
const startLimit = 20 * time.Second

// Spawn starts a redis-server for each name, on a free port of 127.0.0.1 and
// without persistence, and returns when all of them answer. They end at Close
// or with this program, however that ends.
func Spawn(ctx context.Context, names []string) (*Servers, error) { return spawn(ctx, names, false) }

func spawn(ctx context.Context, names []string, cluster bool) (*Servers, error) {
	if err := checkNames(names); err != nil {
		return nil, fmt.Errorf("starting redis-server: %w", err)
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("%w: there is no redis-server on the PATH; install it (Debian: apt-get install redis-server), or name servers that run already: %w", ErrUnreachable, err)
	}
	s := &Servers{cluster: cluster}
	if err := s.start(ctx, program, names); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func checkNames(names []string) error {
	if len(names) == 0 {
		return errors.New("expected at least one name of a shard, found none")
	}
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("name %d of %d: expected the name of a shard, found none", i+1, len(names))
		}
		if seen[name] {
			return fmt.Errorf("two shards are named %q", name)
		}
		seen[name] = true
	}
	return nil
}

// start leaves it to Close to undo what it did before an error.
func (s *Servers) start(ctx context.Context, program string, names []string) error {
	dir, err := os.MkdirTemp("", "quotalab-redis-")
	if err != nil {
		return fmt.Errorf("starting redis-server: folder for its files: %w", err)
	}
	s.atClose(func() error { return os.RemoveAll(dir) })
	f := newForks()
	s.atClose(f.close)
	for i, name := range names {
		s.own = append(s.own, &process{
			name: name, program: program, dir: filepath.Join(dir, strconv.Itoa(i)), cluster: s.cluster, forks: f,
		})
	}
	s.atClose(func() error { return each(s.own, (*process).close) })

	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := each(s.own, func(p *process) error { return p.begin(limited) }); err != nil {
		return err
	}
	hosts := make([]string, len(s.own))
	for i, p := range s.own {
		hosts[i] = p.host()
	}
	s.connect(append([]string(nil), names...), hosts, Login{})
	return nil
}

// each calls f for all at once, and joins their errors in order.
func each[T any](all []T, f func(T) error) error {
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, x := range all {
		wait.Go(func() { errs[i] = f(x) })
	}
	wait.Wait()
	return errors.Join(errs...)
}
