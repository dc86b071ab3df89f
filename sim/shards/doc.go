// Package shards is sharded Redis as a system under test sees it: a Fleet of
// shards, and a *redis.Ring to them for each client, with a hook on it that
// observes every command.
//
// What flows in: a scheduler, the shards' names and service times, and for
// each client its names of the shards, its zone's delays. What flows out: a
// real Ring, and by way of the context a Trace of what a request did on the
// wire. Only sim/ imports it.
//
// A Fleet is a fault.Target too: files fault*.go hold what goes wrong, and what
// clients notice of it. What a client would do by the wall clock is simulated:
// giving up on a reply after its read timeout, and the Ring's health checks,
// by which it loses a shard. A command is sent once, on a connection that is
// always free; a refusal takes a round trip.
//
// An embedded shard is one miniredis behind an inline connection, which
// executes on the caller's goroutine, and a single-server FIFO queue in
// virtual time: Redis executes commands on one thread.
package shards
