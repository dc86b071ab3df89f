package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrForeign is wrapped by the error that a database holds keys which are not
// the run's.
var ErrForeign = errors.New("the database is not empty")

// scanCount is how many keys a SCAN looks at.
const scanCount = 1000

// Guard refuses databases that hold keys, so that a run neither meets nor
// harms those of others; with foreignOK only those that begin with the run's
// prefix, which is fresh.
func (s *Servers) Guard(ctx context.Context, run string, foreignOK bool) error {
	if err := prefix(run).check(); err != nil {
		return err
	}
	var errs []error
	for i, c := range s.admin {
		if err := s.guardOne(ctx, c, i, run, foreignOK); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Servers) guardOne(ctx context.Context, c *redis.Client, i int, run string, foreignOK bool) error {
	at := fmt.Sprintf("shard %s (%s, database %d)", s.names[i], s.hosts[i], s.login.DB)
	size, err := c.DBSize(ctx).Result()
	if err != nil {
		return fmt.Errorf("%s: %w: %w", at, ErrUnreachable, err)
	}
	if size == 0 {
		return nil
	}
	own, err := anyKey(ctx, c, pattern(run))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", at, ErrUnreachable, err)
	}
	if own != "" {
		return fmt.Errorf("%s: %w: it holds keys under the prefix %q of this run, e.g. %q: another run uses it, or one was not cleaned up; choose another prefix, or delete them: %s",
			at, ErrForeign, run, own, s.byHand(i, run))
	}
	if foreignOK {
		return nil
	}
	key, err := anyKey(ctx, c, "*")
	if err != nil {
		return fmt.Errorf("%s: %w: %w", at, ErrUnreachable, err)
	}
	if key == "" {
		return nil // all have expired
	}
	instead := "--redis-db with another one"
	if s.cluster {
		instead = "another cluster"
	}
	return fmt.Errorf("%s: %w: it holds %d keys that are not this run's, e.g. %q; use %s, or --allow-foreign-keys: a run writes and deletes only keys that begin with %q",
		at, ErrForeign, size, key, instead, run)
}

// anyKey returns a key that matches, "" if there is none.
func anyKey(ctx context.Context, c *redis.Client, match string) (string, error) {
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(ctx, cursor, match, scanCount).Result()
		if err != nil {
			return "", err
		}
		if len(keys) > 0 {
			return keys[0], nil
		}
		if cursor = next; cursor == 0 {
			return "", nil
		}
	}
}

// pattern matches what begins with p.
func pattern(p string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(p) + "*"
}
