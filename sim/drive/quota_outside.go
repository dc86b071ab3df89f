package drive

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// outside is a hook on an engine's client in real time: while a command is
// under way, the run's other steps go on.
type outside struct{}

func (outside) DialHook(next redis.DialHook) redis.DialHook { return next }

func (outside) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) (err error) {
		beside(ctx, func() { err = next(ctx, cmd) })
		return err
	}
}

func (outside) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) (err error) {
		beside(ctx, func() { err = next(ctx, cmds) })
		return err
	}
}

// beside runs f outside of the Process that ctx knows. There is none while
// an engine is made.
func beside(ctx context.Context, f func()) {
	if p := processOf(ctx); p != nil {
		p.Outside(f)
		return
	}
	f()
}
