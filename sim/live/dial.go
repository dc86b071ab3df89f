package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// dialLimit is how long Dial may take, and DialCluster twice.
	dialLimit = 3 * time.Second
	// answerLimit is how long connecting to a server, or its answer to one
	// command, may take.
	answerLimit = 2 * time.Second
)

// Dial looks for servers that are there already, logs in and pings each. An
// error that wraps ErrUnreachable names every one that cannot be used, and
// why.
func Dial(ctx context.Context, addresses []Address, login Login) (*Servers, error) {
	var names, hosts []string
	for _, a := range addresses {
		names, hosts = append(names, a.Name), append(hosts, a.Host)
	}
	if err := errors.Join(checkNames(names), login.Check()); err != nil {
		return nil, err
	}
	return enter(ctx, &Servers{}, names, hosts, login)
}

// Check refuses what go-redis would silently leave out.
func (l Login) Check() error {
	if l.Username != "" && l.Password == "" {
		return fmt.Errorf("login: user %q without a password; give one (any, if the user needs none)", l.Username)
	}
	if l.DB < 0 {
		return fmt.Errorf("login: expected a database number from 0, found %d", l.DB)
	}
	return nil
}

// enter makes s the servers at hosts, if all of them answer.
func enter(ctx context.Context, s *Servers, names, hosts []string, login Login) (*Servers, error) {
	s.connect(names, hosts, login)
	causes := visit(ctx, s.admin, login, func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() })
	var failed []string
	for i, cause := range causes {
		if cause != "" {
			failed = append(failed, fmt.Sprintf("shard %q at %s: %s", names[i], hosts[i], cause))
		}
	}
	if len(failed) == 0 {
		return s, nil
	}
	return nil, errors.Join(unreachable(ctx, failed), s.Close())
}

// visit has every client connect, log in and do a question, all at once. The
// answer says for each what went wrong, "" nothing.
func visit(ctx context.Context, clients []*redis.Client, login Login, question func(context.Context, *redis.Client) error) []string {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	causes := make([]string, len(clients))
	var wait sync.WaitGroup
	for i, c := range clients {
		wait.Go(func() {
			host := c.Options().Addr
			err := login.knock(ctx, host)
			if err == nil {
				err = question(ctx, c)
			}
			causes[i] = login.cause(err)
		})
	}
	wait.Wait()
	return causes
}

// unreachable is the error of servers that failed. When ctx ended first,
// that is the reason, and not theirs.
func unreachable(ctx context.Context, failed []string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("looking for the servers: %w", context.Cause(ctx))
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, strings.Join(failed, "; "))
}
