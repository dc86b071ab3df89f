package realredis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/rediscmd"
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
	if err := rediscmd.Prefix(run).Check(); err != nil {
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
	if forbidden(err) {
		size = -1
	} else if err != nil {
		return fmt.Errorf("%s: %w: %w", at, ErrUnreachable, err)
	}
	if size == 0 {
		return nil
	}
	own, err := anyKey(ctx, c, pattern(run))
	if forbidden(err) {
		return fmt.Errorf("%s: %w: %w; a run looks for keys of others before it begins, and for its own when it ends: give the user the rights of docs/redis.md", at, ErrUnreachable, err)
	}
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
	p := ""
	err = eachKey(ctx, c, pattern(ourPrefix), func(keys []string) bool {
		for i := 0; p == "" && i < len(keys); i++ {
			p = runPrefixes.FindString(keys[i])
		}
		return p == ""
	})
	if err != nil {
		return fmt.Errorf("%s: %w: %w", at, ErrUnreachable, err)
	}
	if p != "" {
		return fmt.Errorf("%s: %w: it holds keys of another run, under the prefix %q: if that run has ended, delete them: `quotalab clean %s` with the flags that name these servers (--allow-foreign-keys runs beside them)", at, ErrForeign, p, p)
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
	return fmt.Errorf("%s: %w: it holds %s that are not this run's, e.g. %q; use %s, or --allow-foreign-keys: a run writes and deletes only keys that begin with %q",
		at, ErrForeign, counted(size), key, instead, run)
}

// counted is a number of keys in words, of one that is not known too.
func counted(keys int64) string {
	if keys < 0 {
		return "keys"
	}
	return fmt.Sprintf("%d keys", keys)
}

// RunPrefix returns what the keys of a run begin with that begins at an instant.
func RunPrefix(began time.Time, planHash string) string {
	return fmt.Sprintf("%s%s-%.8s:", ourPrefix, began.UTC().Format("20060102T150405.000"), planHash)
}

const ourPrefix = "quotalab:"

var runPrefixes = regexp.MustCompile("^" + ourPrefix + `\d{8}T\d{6}\.\d{3}-[0-9a-f]{8}:`)

// Leftover is what a run has on the servers: one that was killed, or one that
// goes on.
type Leftover struct {
	Prefix string
	Keys   []int64 // by shard
}

// Leftovers looks through all keys for those of runs, by their prefixes in
// ascending order, which is that of their beginnings.
func (s *Servers) Leftovers(ctx context.Context) ([]Leftover, error) {
	found := map[string][]int64{}
	for i, c := range s.admin {
		err := eachKey(ctx, c, pattern(ourPrefix), func(keys []string) bool {
			for _, key := range keys {
				p := runPrefixes.FindString(key)
				if p == "" {
					continue
				}
				if found[p] == nil {
					found[p] = make([]int64, len(s.admin))
				}
				found[p][i]++
			}
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("shard %s (%s): %w: %w", s.names[i], s.hosts[i], ErrUnreachable, err)
		}
	}
	var all []Leftover
	for _, p := range slices.Sorted(maps.Keys(found)) {
		all = append(all, Leftover{p, found[p]})
	}
	return all, nil
}

// eachKey passes on the keys that match, as SCAN finds them, while more says true.
func eachKey(ctx context.Context, c *redis.Client, match string, more func(keys []string) bool) error {
	for cursor := uint64(0); ; {
		keys, next, err := c.Scan(ctx, cursor, match, scanCount).Result()
		if err != nil {
			return err
		}
		if cursor = next; len(keys) > 0 && !more(keys) || cursor == 0 {
			return nil
		}
	}
}

// anyKey returns a key that matches, "" if there is none.
func anyKey(ctx context.Context, c *redis.Client, match string) (key string, err error) {
	err = eachKey(ctx, c, match, func(keys []string) bool { key = keys[0]; return false })
	return key, err
}

// pattern matches what begins with p.
func pattern(p string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(p) + "*"
}

// Strays returns, by shard, how many more keys there are than before a run in
// which services wrote that were running already, nil where there are none: nobody
// told them a prefix.
func (s *Servers) Strays(ctx context.Context, before Snapshot, fleets []*Fleet) []error {
	errs := make([]error, len(s.admin))
	if !slices.ContainsFunc(fleets, func(f *Fleet) bool { return f.outside }) {
		return errs
	}
	for i, c := range s.admin {
		was := at(before, i).keys
		if n, err := c.DBSize(ctx).Result(); err == nil && was >= 0 && n > was {
			errs[i] = fmt.Errorf("shard %s (%s, database %d): %d keys are left that do not begin with the run's prefix, of a service that was running already: delete them", s.names[i], s.hosts[i], s.login.DB, n-was)
		}
	}
	return errs
}

// CleanUp deletes all keys of the run on all shards at once. It returns an
// error for each shard, in their order: nil, or why that was not possible and
// the command that does it by hand.
func (s *Servers) CleanUp(ctx context.Context, run string) []error {
	errs := make([]error, len(s.admin))
	if err := rediscmd.Prefix(run).Check(); err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	var all sync.WaitGroup
	for i, c := range s.admin {
		all.Go(func() {
			if err := deleteAll(ctx, c, run); err != nil {
				errs[i] = fmt.Errorf("shard %s (%s): the run's keys could not be deleted: %w; do it with: %s", s.names[i], s.hosts[i], err, s.byHand(i, run))
			}
		})
	}
	all.Wait()
	return errs
}

// deleteAll unlinks what begins with the run's prefix, each key on its own: in
// a cluster one command takes keys of one slot only.
func deleteAll(ctx context.Context, c *redis.Client, run string) error {
	var failed error
	err := eachKey(ctx, c, pattern(run), func(keys []string) bool {
		_, failed = c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, key := range keys {
				if strings.HasPrefix(key, run) {
					p.Unlink(ctx, key)
				}
			}
			return nil
		})
		return failed == nil
	})
	return errors.Join(err, failed)
}

// byHand returns a shell command that deletes the run's keys on shard i. The
// password is left to the environment of who runs it.
func (s *Servers) byHand(i int, run string) string {
	cli := []string{"redis-cli", "-s", quoted(s.hosts[i])}
	if host, port, err := net.SplitHostPort(s.hosts[i]); err == nil && protocolOf(s.hosts[i]) == "tcp" {
		cli = []string{"redis-cli", "-h", quoted(host), "-p", quoted(port)}
	}
	if s.login.DB != 0 {
		cli = append(cli, "-n", fmt.Sprint(s.login.DB))
	}
	if s.login.Username != "" {
		cli = append(cli, "--user", quoted(s.login.Username))
	}
	if s.login.TLS != nil {
		cli = append(cli, "--tls")
	}
	command := strings.Join(cli, " ")
	text := fmt.Sprintf(`%s --scan --pattern %s | xargs -r -d '\n' -n 1 %s unlink`, command, quoted(pattern(run)), command)
	if s.login.Password != "" {
		text += " (with the password in the environment variable REDISCLI_AUTH)"
	}
	return text
}

// quoted returns a word as a shell takes it: quoted where it must be.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-/") == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
