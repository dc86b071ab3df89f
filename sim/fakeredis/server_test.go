package fakeredis

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// engine starts the shards of rigs; nil: they are embedded.
var engine *virtualredis.Program

// onServers has the rigs of a test run on redis-server processes.
func onServers(t testing.TB) {
	t.Helper()
	program, err := virtualredis.Find(context.Background(), testkit.Program(t, "redis-server", "redis-server"))
	if err != nil {
		t.Fatal(err)
	}
	engine = program
	t.Cleanup(func() { engine = nil })
}

// What requests see of faults, queues, transactions and expiry does not depend
// on the engine: the tests of embedded shards pass on servers too.
func TestServersAreAsEmbedded(t *testing.T) {
	onServers(t)
	for name, test := range map[string]func(*testing.T){
		"faults": TestFaultsAsRequestsSeeThem, "faults of queues": TestFaultsOfQueues, "read timeout": TestReadTimeout,
		"requests that are over": TestNothingIsWrittenToARequestThatIsOver, "shards down": TestRingFindsShardsDown,
		"frozen": TestFrozenShardIsLostLate, "moved keys": TestLostShardsKeysMove, "all down": TestAllShardsDown,
		"late commands": TestLateCommandsOfALostShard, "rename and add": TestRenameAndAdd, "key states after loss": TestKeyStatesAfterLoss,
		"key states": TestKeyStates, "trace": TestTraceOfARequest, "deciding command": TestDecidingCommand,
		"refusals": TestRefusalsAsARealShards, "outside of time": TestRefusesWhatIsOutsideTime, "cluster": TestClusterRefusesKeysOfSeveralSlots,
		"transactions": TestTransactions, "interleaving": TestRequestsInterleave, "scripts' time": TestScriptsTakeTheirTime,
		"memory": TestMemoryOfShards,
	} {
		t.Run(name, test)
	}
}

// takeOne is the shape of a limiter's script: the time, a key that is read and
// set anew.
var takeOne = redis.NewScript(`local now = redis.call('TIME')
local tat = tonumber(redis.call('GET', KEYS[1]) or 0)
redis.call('SET', KEYS[1], tat + 1, 'PX', ARGV[1])
return tat`)

// Decisions a second of a script on one key, one after the other, as virtual
// time takes them: embedded, on a redis-server in virtual time, and as a client
// of a redis-server on the loopback device has them.
func BenchmarkDecisionsByEngine(b *testing.B) {
	for _, name := range []string{"embedded", "redis"} {
		b.Run(name, func(b *testing.B) {
			if name == "redis" {
				onServers(b)
			}
			r := newRig(b, even(1, time.Millisecond))
			r.run(func(*clock.Proc) { decide(b, r.ring) })
		})
	}
	b.Run("loopback", func(b *testing.B) {
		server := realRedis(b)
		ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": server.Options().Addr}, Protocol: 2, DisableIdentity: true})
		defer ring.Close()
		decide(b, ring)
	})
}

func decide(b *testing.B, ring *redis.Ring) {
	for b.Loop() {
		if err := takeOne.Run(NewTrace(context.Background()), ring, []string{"k"}, 1000).Err(); err != nil {
			b.Error(err)
			return
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}
