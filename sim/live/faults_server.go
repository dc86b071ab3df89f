package live

import (
	"context"
	"fmt"
)

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
