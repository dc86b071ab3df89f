package realredis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Snapshot is what the servers said of themselves at one time.
type Snapshot struct{ shards []said }

// said is what one server said.
type said struct {
	err      error // why it could not be asked
	denied   error // why it may not be asked for its version, memory and counts
	version  string
	runID    string // another after a restart
	memory   int64
	keys     int64
	commands map[string]int64 // executed or rejected, subcommands included in their command
	own      map[string]int64 // that asking itself took, from the counts on
	sampled  int64            // keys of the run that were asked for their memory
	bytes    int64            // of those in all
}

// Survey asks all servers what they have to say of themselves. The error
// names each that did not answer; the rest of the Snapshot is there.
func (s *Servers) Survey(ctx context.Context) (Snapshot, error) {
	prefixes := map[rediscmd.Prefix]bool{}
	for _, f := range s.made.all() {
		prefixes[f.prefix] = true
	}
	snapshot := Snapshot{make([]said, len(s.names))}
	var errs []error
	for i := range s.names {
		snapshot.shards[i] = surveyOne(ctx, s.admin[i], slices.Sorted(maps.Keys(prefixes)))
		if err := snapshot.shards[i].err; err != nil {
			errs = append(errs, fmt.Errorf("shard %s (%s): %w: %w", s.names[i], s.hosts[i], ErrUnreachable, err))
		}
	}
	return snapshot, errors.Join(errs...)
}

// surveyOne asks for the counts first, so that of the harness' own commands
// only those of the first survey come between those of two.
func surveyOne(ctx context.Context, c *redis.Client, prefixes []rediscmd.Prefix) (one said) {
	info := map[string]string{}
	for _, section := range []string{"commandstats", "server", "memory"} {
		text, err := c.Info(ctx, section).Result()
		if forbidden(err) {
			one.denied = err
			break
		} else if err != nil {
			return said{err: err}
		}
		parseInfo(text, info)
	}
	var err error
	if one.keys, err = c.DBSize(ctx).Result(); forbidden(err) {
		one.keys = -1
	} else if err != nil {
		return said{err: err}
	}
	if one.memory, err = strconv.ParseInt(info["used_memory"], 10, 64); err != nil {
		one.memory = -1
	}
	one.version, one.runID, one.commands = info["redis_version"], info["run_id"], commandCounts(info)
	one.own = map[string]int64{"info": 3, "dbsize": 1}
	for _, p := range prefixes {
		if err := one.sample(ctx, c, p); err != nil && !forbidden(err) { // else the memory of keys is not known
			return said{err: err}
		}
	}
	return one
}

// forbidden reports whether a server said that the user may not do this.
func forbidden(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOPERM") }

func parseInfo(text string, into map[string]string) {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			into[name] = value
		}
	}
}

// commandCounts reads lines as
// cmdstat_script|load:calls=1,usec=9,usec_per_call=9.00,rejected_calls=0,failed_calls=0.
func commandCounts(info map[string]string) map[string]int64 {
	counts := map[string]int64{}
	for name, value := range info {
		command, ok := strings.CutPrefix(name, "cmdstat_")
		if !ok {
			continue
		}
		command, _, _ = strings.Cut(command, "|")
		for field := range strings.SplitSeq(value, ",") {
			key, number, _ := strings.Cut(field, "=")
			if n, err := strconv.ParseInt(number, 10, 64); err == nil && (key == "calls" || key == "rejected_calls") {
				counts[command] += n
			}
		}
	}
	return counts
}

const (
	sampleSize  = 100 // keys of a shard
	sampleTries = 200 // SCANs, of a thousand keys each: others' may be many
)

// sample asks for the memory of the first keys under the prefix.
func (o *said) sample(ctx context.Context, c *redis.Client, p rediscmd.Prefix) error {
	var cursor uint64
	for range sampleTries {
		o.own["scan"]++
		keys, next, err := c.Scan(ctx, cursor, pattern(string(p)), scanCount).Result()
		if err != nil {
			return err
		}
		keys = keys[:min(int64(len(keys)), sampleSize-o.sampled)]
		o.own["memory"] += int64(len(keys))
		cmds, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, key := range keys {
				pipe.MemoryUsage(ctx, key)
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		for _, cmd := range cmds {
			if size, ok := cmd.(*redis.IntCmd); ok && size.Err() == nil { // else it has expired meanwhile
				o.sampled++
				o.bytes += size.Val()
			}
		}
		if cursor = next; cursor == 0 || o.sampled >= sampleSize {
			break
		}
	}
	return nil
}

// Facts puts together what the servers said before and after a run and what
// its fleets sent meanwhile, one Server a shard.
func (s *Servers) Facts(before, after Snapshot, fleets []*Fleet) []record.Server {
	facts := make([]record.Server, len(s.names))
	for i, name := range s.names {
		facts[i] = fact(name, at(before, i), at(after, i), fleets)
	}
	return facts
}

// at returns what shard i said, −1 where it said nothing.
func at(s Snapshot, i int) said {
	if i < len(s.shards) && s.shards[i].err == nil {
		return s.shards[i]
	}
	one := said{memory: -1, keys: -1}
	if i < len(s.shards) {
		one.err = s.shards[i].err
	}
	return one
}

func fact(shard string, before, after said, fleets []*Fleet) record.Server {
	r := record.Server{
		Shard: shard, Version: after.version, KeyBytes: -1, SampledKeys: after.sampled,
		MemoryBefore: before.memory, MemoryAfter: after.memory, KeysBefore: before.keys, KeysAfter: after.keys,
	}
	if after.sampled > 0 {
		r.KeyBytes = float64(after.bytes) / float64(after.sampled)
	}
	served := map[string]int64{}
	switch {
	case after.err != nil:
		r.Unreachable, r.Version = after.err.Error(), before.version
	case before.err != nil:
		r.Unreachable = "before the run: " + before.err.Error()
	case after.denied != nil || before.denied != nil:
		r.Uncounted = cmp.Or(after.denied, before.denied).Error()
	case before.runID != after.runID:
		r.Restarted, served = true, after.commands
	default:
		served = since(before, after)
		for _, n := range served {
			r.Restarted = r.Restarted || n < 0 // CONFIG RESETSTAT
		}
	}
	r.Commands = compare(served, workOf(fleets, shard))
	return r
}

// since returns what a server counted between two surveys.
func since(before, after said) map[string]int64 {
	served := maps.Clone(after.commands)
	for _, earlier := range []map[string]int64{before.commands, before.own} {
		for name, n := range earlier {
			served[name] -= n
		}
	}
	return served
}

// work is what fleets did on one shard.
type work struct {
	sent, called map[string]int64
	told         bool // by all scripts, what they called
	outside      bool // clients that are not counted here sent commands too
}

func workOf(fleets []*Fleet, shard string) work {
	w := work{map[string]int64{}, map[string]int64{}, true, false}
	for _, f := range fleets {
		m := f.member(shard)
		if m == nil {
			continue
		}
		w.outside = w.outside || f.outside
		m.sent.addTo(w.sent)
		m.called.addTo(w.called)
		w.told = w.told && m.ran.Load() == m.told.Load()
	}
	return w
}

// compare has a row for each command that the run's clients or scripts ran,
// and for each other one that the server counted, from any client.
func compare(served map[string]int64, w work) []record.CommandCount {
	names := map[string]bool{}
	for name, n := range served {
		names[name] = n != 0 && !rediscmd.Of(name).Has(rediscmd.OfConnections|rediscmd.OfHarness)
	}
	for name := range w.sent {
		names[name] = true
	}
	for name := range w.called {
		names[name] = true
	}
	var rows []record.CommandCount
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue
		}
		c := record.CommandCount{Name: name, Sent: w.sent[name], Script: w.called[name], Server: max(0, served[name])}
		if w.outside || !w.told && !rediscmd.Of(name).Has(rediscmd.Script) && !isFrame(name) {
			c.Script = -1
		}
		rows = append(rows, c)
	}
	return rows
}
