// Package realredis is real Redis: redis-server processes that it starts itself
// (Spawn, SpawnCluster) or servers that are there already (Dial,
// DialCluster), and the clients that systems under test get to them.
//
// What flows in: shard names, addresses and credentials, from cmd. What flows
// out: for every limiter and engine a Fleet, whose clients write under the
// run's own key prefix only, note in a request's fakeredis.Trace what it did on
// the wire, and count what they send; before and after the run what the
// servers say of themselves; and the faults of the plan, made real. Imported
// by sim/run and cmd/.
package realredis
