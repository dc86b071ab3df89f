package live

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/shards"
)

// hook is on a whole client, a Ring or a ClusterClient: the live twin of the
// wire hook of sim/shards. It lets nothing pass that might touch a foreign
// key, puts keys under the prefix for as long as a command is under way, and
// notes in the request's Trace what it did. All of that happens on the
// request's own goroutine.
type hook struct {
	prefix prefix
	tracer tracer
	// auto sends single commands with one key, nil: the client itself does.
	auto func(context.Context, redis.Cmder) error
}

func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := allow(cmd); err != nil {
			return err
		}
		var one [1]wrapped
		if err := h.prefix.wrap(&one[0], cmd); err != nil {
			return err
		}
		defer one[0].unwrap(h.prefix)
		send := next
		if h.auto != nil && len(one[0].keys) == 1 {
			send = h.auto
		}
		trace := shards.TraceOf(ctx)
		if trace == nil {
			return send(ctx, cmd)
		}
		var first [1]flown
		flight := h.tracer.begin(ctx, one[:], first[:0], false)
		err := send(flight.ctx, cmd)
		h.tracer.end(trace, flight)
		return err
	}
}

func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		body := cmds
		if len(cmds) > 2 && cmds[0].Name() == "multi" {
			body = cmds[1 : len(cmds)-1]
		}
		all, err := h.wrapAll(body)
		if err != nil {
			return failAll(cmds, err)
		}
		defer h.unwrapAll(all)
		trace := shards.TraceOf(ctx)
		if trace == nil {
			return next(ctx, cmds)
		}
		flight := h.tracer.begin(ctx, all, make([]flown, 0, len(all)), true)
		err = next(flight.ctx, cmds)
		h.tracer.end(trace, flight)
		return err
	}
}

// wrapAll refuses all commands for one that must not be sent: none of them
// is.
func (h *hook) wrapAll(cmds []redis.Cmder) ([]wrapped, error) {
	for _, cmd := range cmds {
		if err := allow(cmd); err != nil {
			return nil, err
		}
	}
	all := make([]wrapped, len(cmds))
	for i, cmd := range cmds {
		if err := h.prefix.wrap(&all[i], cmd); err != nil {
			h.unwrapAll(all[:i])
			return nil, err
		}
	}
	return all, nil
}

func (h *hook) unwrapAll(all []wrapped) {
	for i := range all {
		all[i].unwrap(h.prefix)
	}
}
