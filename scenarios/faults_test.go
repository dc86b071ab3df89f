package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// faulted is a scenario of ten minutes with faults.
const faulted = `name: faulted
horizon: 10m
shards: {count: 2}
clients: {front: {shard_names: [a, b]}, back: {}}
keys: {k: {uniform: {n: 9}}}
traffic: {t: {rate: 5/s, keys: k, via: [front, back]}}
limiters: {l: {kind: tat, limit: {count: 3, period: 1s}}}
faults: [%s]
`

// TestEveryFault reads each kind, at the bounds of what the checks accept.
func TestEveryFault(t *testing.T) {
	r := resolved(t, Schema())
	const minute = Duration(time.Minute)
	for _, c := range []struct {
		fault, kind, on string
		until           Duration
		reason          string
	}{
		{"{at: 0s, restart: {shard: shard-1}}", "restart", "shard-1", 0, "at the very start"},
		{"{at: 1m, for: 2m, down: {shard: shard-1}}", "down", "shard-1", 3 * minute, "comes back"},
		{"{at: 1m, for: 9m, down: {shard: shard-1}}", "down", "shard-1", 10 * minute, "just to the end"},
		{"{at: 599999ms, for: 18250d, frozen: {shard: shard-2}}", "frozen", "shard-2", 10 * minute, "longer than the run"},
		{"{at: 1m, for: 1ns, delay: {shard: shard-1, rtt: {pareto: {min: 1ms, alpha: 2}}}}", "delay", "shard-1", minute + 1, "jitter is a distribution"},
		{"{at: 1m, for: 1m, bandwidth: {shard: shard-1, rate: 64KiB/s}}", "bandwidth", "shard-1", 2 * minute, "binary units"},
		{"{at: 1m, reset: {shard: shard-1}}", "reset", "shard-1", minute, ""},
		{"{at: 1m, rename: {shard: shard-1, to: c}}", "rename", "shard-1", minute, ""},
		{"{at: 1m, add: {shard: shard-3}}, {at: 2m, for: 1m, down: {shard: shard-3}}", "add", "shard-3", minute, "a fault of an added shard"},
		{"{at: 1m, clock: {client: back, offset: -1h}}", "clock", "", 10 * minute, "to the end"},
		{"{at: 1m, for: 1m, clock: {client: back, offset: 5ms}}, {at: 2m, clock: {client: back, offset: 5ms}}", "clock", "", 2 * minute, "one after another"},
		{"{at: 1m, flush_scripts: {shard: shard-1}}", "flush_scripts", "shard-1", minute, ""},
		{"{at: 1m, for: 1m, read_only: {shard: shard-1}}, {at: 1m, for: 1m, out_of_memory: {shard: shard-1}}", "read_only", "shard-1", 2 * minute, "both at once"},
		{"{at: 1m, for: 1m, out_of_memory: {shard: shard-1}}, {at: 1m, for: 1m, out_of_memory: {shard: shard-2}}", "out_of_memory", "shard-1", 2 * minute, "both shards at once"},
		{"{at: 1m, for: 1m, frozen: {shard: shard-1}}, {at: 90s, reset: {shard: shard-1}}, {at: 80s, for: 1m, delay: {shard: shard-1, rtt: 1ms}}", "frozen", "shard-1", 2 * minute, "the network of a frozen shard fails too"},
		{"{at: 1m, rename: {shard: shard-1, to: c}}, {at: 2m, rename: {shard: shard-1, to: shard-1}}, {at: 3m, reset: {shard: shard-1}}", "rename", "shard-1", minute, "and back; faults know it as shard-1 all the time"},
	} {
		text := fmt.Sprintf(faulted, c.fault)
		s, problems := Decode("x.yaml", []byte(text))
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.fault, problems)
			continue
		}
		f := s.Faults[0]
		if f.Kind() != c.kind || f.On() != c.on || f.Until(s.Horizon) != c.until {
			t.Errorf("%s (%s): %s of %q until %v, want %s of %q until %v", c.fault, c.reason, f.Kind(), f.On(), f.Until(s.Horizon), c.kind, c.on, c.until)
		}
		if err := r.Validate(instance(t, []byte(text))); err != nil {
			t.Errorf("%s: %v", c.fault, err)
		}
	}
	for _, c := range []string{
		"{at: 1m, bandwidth: {shard: shard-1, rate: 64kiB/s}, for: 1m}", "{at: 1m}", "{restart: {shard: shard-1}}", "{at: 1m, restart: {}}", "{at: 1m, down: {shard: shard-1, hard: true}, for: 1m}",
	} {
		text := fmt.Sprintf(faulted, c)
		if err := r.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("%s obeys the schema", c)
		}
		if _, problems := Decode("x.yaml", []byte(text)); len(problems) == 0 {
			t.Errorf("the decoder accepts %s", c)
		}
	}
}

// An assertion may name a shard that joins.
func TestAssertionOfAnAddedShard(t *testing.T) {
	for shard, wrong := range map[string]int{"shard-2": 0, "late": 0, "later": 1} {
		text := fmt.Sprintf(faulted, "{at: 1m, add: {shard: late}}") + "assert: {\"shard_commands{shard=" + shard + "}\": [\"count > 0\"]}\n"
		if _, problems := Decode("x.yaml", []byte(text)); len(problems) != wrong {
			t.Errorf("%s: %v", shard, problems)
		}
	}
}

// A scenario on live shards of other names has the faults of those.
func TestFaultsOnLiveShards(t *testing.T) {
	s, problems := Decode("x.yaml", []byte(fmt.Sprintf(strings.Replace(faulted, "shard_names: [a, b]", "", 1), "{at: 1m, for: 1m, down: {shard: shard-2}}")))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if ps := s.OnLive([]string{"shard-1", "shard-2", "shard-3"}); len(ps) > 0 {
		t.Errorf("one more shard: %v", ps)
	}
	if ps := s.OnLive([]string{"x", "y"}); len(ps) != 1 || !strings.Contains(ps[0].Msg, `no shard "shard-2"`) {
		t.Errorf("other shards: %v", ps)
	}
}
