package realredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// fill puts 2,000 foreign keys of every type on the shards, every other one
// with a time to live, and some that look like the run's.
func fill(t testing.TB, s *Servers) {
	t.Helper()
	ctx := t.Context()
	for i := range s.Names() {
		_, err := s.Admin(i).Pipelined(ctx, func(p redis.Pipeliner) error {
			for n := range 400 {
				for kind, key := range foreignKeys(n) {
					switch kind {
					case 0:
						p.Set(ctx, key, n, 0)
					case 1:
						p.HSet(ctx, key, "field", n, "other", "value")
					case 2:
						p.RPush(ctx, key, "a", "b", n)
					case 3:
						p.SAdd(ctx, key, "a", "b", fmt.Sprint("member-", n))
					case 4:
						p.ZAdd(ctx, key, redis.Z{Score: 1, Member: "a"}, redis.Z{Score: float64(n), Member: "b"})
					}
					if n%2 == 0 {
						p.Expire(ctx, key, time.Hour)
					}
				}
			}
			p.Set(ctx, "quotalab:", "another's", 0)
			p.Set(ctx, "quotalab:tesu:l:{k}", "of another run", 0)
			p.Set(ctx, "QUOTALAB:TEST:l:{k}", "in capitals", 0)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func foreignKeys(n int) []string {
	return []string{fmt.Sprint("str:", n), fmt.Sprint("hash:", n), fmt.Sprint("list:", n), fmt.Sprint("set:", n), fmt.Sprint("zset:", n)}
}

// contents is a whole database: every key with its dump and whether it
// expires.
func contents(t testing.TB, c *redis.Client) map[string]string {
	t.Helper()
	ctx := context.Background()
	all := map[string]string{}
	for _, key := range c.Keys(ctx, "*").Val() {
		dump, err := c.Dump(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		all[key] = fmt.Sprintf("%q expires: %v", dump, c.PTTL(ctx, key).Val() > 0)
	}
	return all
}

// shapes of arguments that name foreign keys wherever a key may be.
func shapes(n int) [][]any {
	k := foreignKeys(n)
	return [][]any{
		{}, {k[0]}, {k[1], k[0]}, {k[0], "1"}, {k[1], "field", "2"}, {k[2], "0", "-1"}, {k[3], "a", "b"}, {k[4], "0", "5"}, {k[4], "9", "a"},
		{k[0], k[1], k[2]}, {"1", k[2], "left"}, {"2", k[3], k[3]}, {"dest", "1", k[4]}, {k[3], k[3], "a"}, {"and", k[0], k[0], k[1]},
		{k[2], k[2], "left", "right"}, {"group", "g", "c", "streams", k[0], ">"}, {"streams", k[0], "0"}, {"create", k[0], "g", "$", "mkstream"},
		{k[0], "store", k[1]}, {"usage", k[0]}, {"encoding", k[0]}, {k[0], "*", "f", "v"}, {k[4], "0", "0", "m"}, {"return redis.call('DEL', KEYS[1])", "1", k[0]},
	}
}

// notFuzzed: their number of replies or what they do to a connection is not
// that of one command.
var notFuzzed = map[string]bool{"hello": true, "auth": true, "client": true, "quit": true, "reset": true}

// Nothing of what a run does, or a system under test tries, touches a foreign
// key; after the clean-up the databases are what they were, to the byte.
func TestForeignKeysAreLeftAlone(t *testing.T) {
	s := spawned(t, "east", "west")
	ctx := t.Context()
	fill(t, s)
	var was []map[string]string
	for i := range s.Names() {
		was = append(was, contents(t, s.Admin(i)))
		if len(was[i]) != 2003 {
			t.Fatalf("%d foreign keys", len(was[i]))
		}
	}
	if err := s.Guard(ctx, runPrefix, true); err != nil {
		t.Fatal(err)
	}
	known, err := s.Admin(0).Command(ctx).Result()
	if err != nil || len(known) < 200 {
		t.Fatalf("%d commands, %v", len(known), err)
	}
	f := fleetOn(t, s, "l")
	client := made(t, f, connection(), nil)
	before := surveyed(t, s)
	sent, refused := 0, 0
	attack := func(name string) {
		for n, args := range shapes(2) {
			cmd := func() redis.Cmder { return redis.NewCmd(ctx, append([]any{name}, args...)...) }
			if err := client.Process(ctx, cmd()); errors.Is(err, ErrRefused) {
				refused++
			} else {
				sent++
			}
			in := client.Pipelined
			if n%2 == 0 {
				in = client.TxPipelined
			}
			_, _ = in(ctx, func(p redis.Pipeliner) error { return p.Process(ctx, cmd()) })
		}
	}
	for name := range known {
		if !notFuzzed[name] && !rediscmd.Of(name).Has(rediscmd.Script) {
			attack(name)
		}
	}
	t.Logf("%d calls of %d commands sent, %d refused", sent, len(known), refused)
	if sent < 1000 || refused < 1000 {
		t.Error("the test tries too little")
	}
	all := []*Fleet{f}
	for i, on := range subjects {
		own := fleetOn(t, s, fmt.Sprint("limiter-", i))
		on.play(t, own, made(t, own, connection(), limiter.Builtin()[on.kind].TAT))
		all = append(all, own)
	}
	if total := agreed(t, s, before, all...); total < 5000 {
		t.Errorf("%d commands compared", total)
	}
	for _, fact := range s.Facts(before, surveyed(t, s), s.Work(all)) {
		if fact.SampledKeys < 50 || fact.SampledKeys > 100 || fact.KeyBytes < 50 || fact.KeysAfter <= fact.KeysBefore || fact.KeysBefore != 2003 || fact.MemoryAfter <= 0 || fact.Version == "" {
			t.Errorf("%+v", fact)
		}
	}
	for name := range known {
		if rediscmd.Of(name).Has(rediscmd.Script) { // who knows what they call
			attack(name)
		}
	}
	holdOnly(t, s, func(key string) bool {
		return was[0][key] != "" || strings.HasPrefix(key, runPrefix)
	})
	if err := errors.Join(s.CleanUp(ctx, runPrefix)...); err != nil {
		t.Fatal(err)
	}
	for i, name := range s.Names() {
		if d := cmp.Diff(was[i], contents(t, s.Admin(i))); d != "" {
			t.Errorf("shard %s: − before + after:\n%s", name, d)
		}
	}
}

func TestGuard(t *testing.T) {
	s := spawned(t, "east", "west")
	ctx := t.Context()
	set := func(key string) {
		if err := s.Admin(1).Set(ctx, key, 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Guard(ctx, runPrefix, false); err != nil {
		t.Errorf("empty databases: %v", err)
	}
	set("theirs")
	err := s.Guard(ctx, runPrefix, false)
	for _, part := range []string{"shard west", s.Hosts()[1], "1 keys", `"theirs"`, "--redis-db", "--allow-foreign-keys", runPrefix} {
		if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "east") {
			t.Errorf("a foreign key: expected %q in %v", part, err)
		}
	}
	if err := s.Guard(ctx, runPrefix, true); err != nil {
		t.Errorf("a foreign key that may be there: %v", err)
	}
	set(runPrefix + "l:{k}")
	if err := s.Guard(ctx, runPrefix, true); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "another run uses it") {
		t.Errorf("a key under the prefix: %v", err)
	}
	if err := s.Guard(ctx, "quotalab:tes?:", true); err != nil {
		t.Errorf("a prefix that only as a pattern matches: %v", err)
	}
	if err := s.Guard(ctx, "", true); err == nil {
		t.Error("no prefix is one")
	}
}

// What CleanUp cannot do, its text does.
func TestCleanUpByHand(t *testing.T) {
	s := spawned(t, "east", "west")
	ctx := t.Context()
	run := `run [1]*?\ 'x':`
	keys := []string{run + "l:{a}", run + "l:{b c}", run + `l:{"q"}`, "run 1:x", `run [1]ab\ 'x':`, "theirs"}
	for _, key := range keys {
		if err := s.Admin(0).Set(ctx, key, 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	dead := &Servers{names: s.names, hosts: []string{s.hosts[0], "127.0.0.1:1"}, login: Login{Username: "me", Password: "hush", DB: 3},
		admin: []*redis.Client{s.admin[0], redis.NewClient(adminOptions("127.0.0.1:1", Login{}))}}
	defer dead.admin[1].Close()
	err := errors.Join(dead.CleanUp(ctx, run)...)
	for _, part := range []string{"shard west", "127.0.0.1:1", "redis-cli -h 127.0.0.1 -p 1 -n 3 --user me", "REDISCLI_AUTH"} {
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "hush") {
			t.Errorf("expected %q, and no password, in %v", part, err)
		}
	}
	holdOnly(t, s, func(key string) bool { return !strings.HasPrefix(key, run) })
	if n := s.Admin(0).DBSize(ctx).Val(); n != 3 {
		t.Errorf("%d keys left, expected those of others", n)
	}
	testkit.Program(t, "redis-cli", "redis-tools")
	for _, key := range keys {
		s.Admin(0).Set(ctx, key, 1, 0)
	}
	if out, err := exec.CommandContext(ctx, "sh", "-c", s.byHand(0, run)).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", s.byHand(0, run), err, out)
	}
	holdOnly(t, s, func(key string) bool { return !strings.HasPrefix(key, run) })
	if _, port, _ := net.SplitHostPort(s.Hosts()[0]); !strings.Contains(s.byHand(0, run), "-p "+port) || s.Admin(0).DBSize(ctx).Val() != 3 {
		t.Errorf("%s left %d keys", s.byHand(0, run), s.Admin(0).DBSize(ctx).Val())
	}
}
