package fakeredis

import (
	"context"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
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
		"refusals": TestRefusalsAsARealShards, "cluster": TestClusterRefusesKeysOfSeveralSlots,
		"transactions": TestTransactions, "interleaving": TestRequestsInterleave, "scripts' time": TestScriptsTakeTheirTime,
	} {
		t.Run(name, test)
	}
}
