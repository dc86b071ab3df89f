package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/shards"
)

// node is the hook on the client of one shard. It counts what is sent, and
// refuses what the hook on the whole client has not seen and put under the
// prefix: WATCH, or what is sent to a shard directly. It also runs inside the
// handshakes of connections.
type node struct {
	*member
	prefix prefix
	db     int
	// auto sends single commands, nil: the node itself does.
	auto func(context.Context, redis.Cmder) error
}

func (n *node) DialHook(next redis.DialHook) redis.DialHook { return next }

func (n *node) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := n.guard(ctx, cmd); err != nil {
			return err
		}
		if n.auto != nil && !ofConnections[cmd.Name()] {
			return n.auto(ctx, cmd)
		}
		err := next(ctx, cmd)
		n.count(cmd, err)
		return err
	}
}

func (n *node) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for i, cmd := range cmds {
			if frame := (i == 0 || i == len(cmds)-1) && isFrame(cmd.Name()); frame {
				continue
			}
			if err := n.guard(ctx, cmd); err != nil {
				return failAll(cmds, err)
			}
		}
		err := next(ctx, cmds)
		n.countAll(cmds, err)
		return err
	}
}

// isFrame: of a transaction.
func isFrame(name string) bool { return name == "multi" || name == "exec" }

// guard lets pass what is under the prefix, and what touches no key.
func (n *node) guard(ctx context.Context, cmd redis.Cmder) error {
	name := cmd.Name()
	if name == "select" && wordAt(cmd.Args(), 1) == fmt.Sprint(n.db) {
		return nil
	}
	if keyed[name] {
		args := cmd.Args()
		var foreign error
		shards.KeysAt(cmd, func(at int) {
			if key := shards.Word(args[at]); foreign == nil && !strings.HasPrefix(key, string(n.prefix)) {
				foreign = refuse(name, fmt.Sprintf("key %q came past the hook that puts keys under the prefix %q", key, string(n.prefix)))
			}
		})
		return foreign
	}
	if err := allow(cmd); err != nil {
		return err
	}
	if r, ok := ctx.Value(roamingKey{}).(*roaming); ok {
		r.note(n.name)
	}
	return nil
}

// roaming collects where commands without a key went, which only the shards'
// own clients know.
type roaming struct {
	mu      sync.Mutex
	touched []record.Touch
}

type roamingKey struct{}

func (r *roaming) note(shard string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.touched, func(t record.Touch) bool { return t.Shard == shard })
	if i < 0 {
		i = len(r.touched)
		r.touched = append(r.touched, record.Touch{Shard: shard})
	}
	r.touched[i].Commands++
}

func failAll(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}
