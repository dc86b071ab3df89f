package vectors_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/quota"
	"github.com/quotalab/quotalab/sim/quota/vectors"
)

// The log in Redis answers as the one in memory does.
func TestVectorsReproduceWithTheLogInRedis(t *testing.T) {
	all := load(t)
	sched := clock.New(time.Unix(0, 0))
	none, names := network.Constant(0), []string{"shard-1", "shard-2"}
	stream := func(string) *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	fleet, err := fakeredis.NewFleet(sched, fakeredis.Spec{Names: names, Service: none, Scripts: none, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	}()
	ring, err := fleet.Ring(fakeredis.ClientSpec{ShardNames: names, RTT: []network.Distribution{none, none}, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	reproduced := 0
	sched.Go(func(*clock.Proc) {
		for i := range all {
			v := &all[i]
			rules, err := quota.RulesOf(v.Generation)
			if err != nil {
				t.Error(err)
				continue
			}
			log := &quota.RedisLog{Redis: ring, Prefix: v.ID + ":", Shared: !rules.Has(quota.OwnLog)}
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
