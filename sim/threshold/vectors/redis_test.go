package vectors_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/shards"
	"github.com/quotalab/quotalab/sim/threshold"
	"github.com/quotalab/quotalab/sim/threshold/vectors"
	"github.com/quotalab/quotalab/sim/vtime"
)

// The log in Redis answers as the one in memory does.
func TestVectorsReproduceWithTheLogInRedis(t *testing.T) {
	all := load(t)
	sched := vtime.New(time.Unix(0, 0))
	none, names := network.Constant(0), []string{"shard-1", "shard-2"}
	stream := func(string) *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	fleet, err := shards.NewFleet(sched, shards.Spec{Names: names, Service: none, Scripts: none, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	}()
	ring, err := fleet.Ring(shards.ClientSpec{ShardNames: names, RTT: []network.Distribution{none, none}, Rand: stream("")})
	if err != nil {
		t.Fatal(err)
	}
	reproduced := 0
	sched.Go(func(*vtime.Proc) {
		for i := range all {
			v := &all[i]
			rules, err := threshold.RulesOf(v.Generation)
			if err != nil {
				t.Error(err)
				continue
			}
			log := &threshold.RedisLog{Redis: ring, Prefix: v.ID + ":", Shared: !rules.Has(threshold.OwnLog)}
			got, err := vectors.RunWith(v, log)
			if err != nil {
				t.Errorf("%s: %v", v.ID, err)
				continue
			}
			if diff := cmp.Diff(v.Expect, got.Expect); diff != "" {
				t.Errorf("%s (−recorded +ours):\n%s", v.ID, diff)
				continue
			}
			reproduced++
		}
	})
	sched.Run()
	if reproduced != len(all) {
		t.Errorf("%d of %d vectors reproduced", reproduced, len(all))
	}
}
