// Package shards is sharded Redis as a system under test sees it: a Fleet of
// shards, and a *redis.Ring to them for each client, with a hook on it that
// observes every command.
//
// What flows in: a scheduler, the shards' names and service times, and for
// each client its names of the shards, its zone's delays. What flows out: a
// real Ring, and by way of the context a Trace of what a request did on the
// wire. Only sim/ imports it.
//
// An embedded shard is one miniredis behind an inline connection, which
// executes on the caller's goroutine, and a single-server FIFO queue in
// virtual time: Redis executes commands on one thread.
package shards
