package realredis

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
)

func seeded(string) *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// troubled starts or takes servers, and prepares them for faults.
func troubled(t testing.TB, s *Servers, err error, faults ...fault.Fault) *Servers {
	t.Helper()
	open(t, s, err)
	if err := s.Through(t.Context(), faults, seeded); err != nil {
		t.Fatal(err)
	}
	return s
}

// impatient is a client of a shard that tries once and waits for 150 ms.
func impatient(t testing.TB, host string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: host, MaxRetries: -1, DialerRetries: 1, ReadTimeout: 150 * time.Millisecond, WriteTimeout: 150 * time.Millisecond,
		PoolSize: 2, Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { c.Close() })
	return c
}

func kindOf(err error) string {
	if err == nil || errors.Is(err, redis.Nil) {
		return ""
	}
	return limiter.ErrorKind(err)
}

const (
	incrScript = `return redis.call("INCR", KEYS[1])`
	patient    = 1500 * time.Millisecond // to wait for a shard that is back
)

// seen is what a client sees of a shard: kinds of errors, "" none.
type seen struct{ Read, Write, Script string }

func look(t testing.TB, c *redis.Client, sha string) seen {
	ctx := t.Context()
	return seen{
		kindOf(c.Get(ctx, "kept").Err()), kindOf(c.Incr(ctx, "written").Err()), kindOf(c.EvalSha(ctx, sha, []string{"scripted"}).Err()),
	}
}

func TestFaultsOfOwnServers(t *testing.T) {
	needRedis(t)
	tests := []struct {
		why           string
		fault         fault.Fault
		during, after seen
		lost          bool // the data of before
	}{
		{"a restart: data and scripts are gone", fault.Fault{Kind: fault.Restart}, seen{Script: "script_missing"}, seen{Script: "script_missing"}, true},
		{"down: nobody listens, and it comes back empty", fault.Fault{Kind: fault.Down, Until: 1}, seen{"refused", "refused", "refused"}, seen{Script: "script_missing"}, true},
		{"frozen: no answer, nothing lost", fault.Fault{Kind: fault.Frozen, Until: 1}, seen{"timeout", "timeout", "timeout"}, seen{}, false},
		{"more delay than the client waits", fault.Fault{Kind: fault.Delay, Until: 1, RTT: network.Constant(400 * time.Millisecond)}, seen{"timeout", "timeout", "timeout"}, seen{}, false},
		{"less delay than it waits", fault.Fault{Kind: fault.Delay, Until: 1, RTT: network.Constant(10 * time.Millisecond)}, seen{}, seen{}, false},
		{"a link that takes too long for an answer", fault.Fault{Kind: fault.Bandwidth, Until: 1, BytesPerSecond: 40}, seen{"timeout", "timeout", "timeout"}, seen{}, false},
		{"a link that is wide enough", fault.Fault{Kind: fault.Bandwidth, Until: 1, BytesPerSecond: 40_000}, seen{}, seen{}, false},
		{"a reset harms only what is under way", fault.Fault{Kind: fault.Reset}, seen{}, seen{}, false},
		{"forgotten scripts", fault.Fault{Kind: fault.FlushScripts}, seen{Script: "script_missing"}, seen{Script: "script_missing"}, false},
		{"a replica serves reads", fault.Fault{Kind: fault.ReadOnly, Until: 1}, seen{Write: "server", Script: "server"}, seen{}, false},
		{"out of memory it serves reads", fault.Fault{Kind: fault.OutOfMemory, Until: 1}, seen{Write: "server", Script: "server"}, seen{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			noLeaks(t)
			s, err := Spawn(t.Context(), []string{"a"})
			troubled(t, s, err, tt.fault)
			c := impatient(t, s.dialHost(0))
			ctx := t.Context()
			sha, err := c.ScriptLoad(ctx, incrScript).Result()
			if err == nil {
				err = c.Set(ctx, "kept", "yes", 0).Err()
			}
			if err != nil {
				t.Fatal(err)
			}
			settings := settingsOf(t, s.Admin(0))
			begin(t, s, tt.fault)
			if diff := cmp.Diff(tt.during, look(t, c, sha)); diff != "" {
				t.Errorf("during (-want +got):\n%s", diff)
			}
			if tt.fault.Until > tt.fault.At {
				end(t, s, tt.fault)
			}
			eventually(t, func() error { return c.Ping(ctx).Err() })
			if diff := cmp.Diff(tt.after, look(t, c, sha)); diff != "" {
				t.Errorf("after (-want +got):\n%s", diff)
			}
			if got := c.Get(ctx, "kept").Val(); (got == "") != tt.lost {
				t.Errorf("value of before: %q, expected it to be lost: %v", got, tt.lost)
			}
			if diff := cmp.Diff(settings, settingsOf(t, s.Admin(0))); diff != "" {
				t.Errorf("settings (-before +after):\n%s", diff)
			}
		})
	}
}

// eventually waits until a shard is back.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	var err error
	for start := time.Now(); time.Since(start) < patient; time.Sleep(10 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// settingsOf are what faults change.
func settingsOf(t testing.TB, c *redis.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, option := range []string{"maxmemory*", "replica*"} {
		got, err := c.ConfigGet(t.Context(), option).Result()
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range got {
			all[name] = value
		}
	}
	role, err := c.Do(t.Context(), "ROLE").Slice()
	if err != nil {
		t.Fatal(err)
	}
	all["role"] = role[0].(string)
	return all
}

// What a client has sent to a frozen shard is executed when it goes on, also
// when the client has given up.
func TestFrozenShardGoesOn(t *testing.T) {
	needRedis(t)
	for _, whose := range []string{"own", "foreign"} {
		t.Run(whose, func(t *testing.T) {
			noLeaks(t)
			f := fault.Fault{Kind: fault.Frozen, Until: 1}
			s, err := Spawn(t.Context(), []string{"a"})
			troubled(t, s, err, f)
			if whose == "foreign" {
				s, err = Dial(t.Context(), []Address{{"a", s.hosts[0]}}, Login{})
				troubled(t, s, err, f)
			}
			c := impatient(t, s.dialHost(0))
			if err := c.Incr(t.Context(), "n").Err(); err != nil {
				t.Fatal(err)
			}
			begin(t, s, f)
			for range 3 {
				if err := c.Incr(t.Context(), "n").Err(); kindOf(err) != "timeout" {
					t.Errorf("while frozen: %v, expected a timeout", err)
				}
			}
			end(t, s, f)
			// Of connections that the client made meanwhile it has not got
			// past the greeting.
			eventually(t, func() error {
				if n, err := s.Admin(0).Get(t.Context(), "n").Int(); err != nil || n < 2 {
					return errors.Join(err, errors.New("expected the increment that timed out"))
				}
				return nil
			})
		})
	}
}

// A command that is under way when its connection breaks ends with it.
func TestFaultsHitWhatIsUnderWay(t *testing.T) {
	needRedis(t)
	tests := []struct {
		why   string
		fault fault.Fault
	}{
		{"reset", fault.Fault{Kind: fault.Reset}},
		{"killed", fault.Fault{Kind: fault.Down, Until: 1}},
		{"restarted", fault.Fault{Kind: fault.Restart}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			noLeaks(t)
			s, err := Spawn(t.Context(), []string{"a"})
			troubled(t, s, err, tt.fault)
			c := impatient(t, s.dialHost(0))
			failed := make(chan error)
			go func() { failed <- c.BLPop(context.Background(), 20*time.Second, "nothing").Err() }()
			eventually(t, func() error {
				info, err := s.Admin(0).Info(t.Context(), "clients").Result()
				if err == nil && !strings.Contains(info, "blocked_clients:1\r") {
					err = errors.New("expected a client that waits")
				}
				return err
			})
			begin(t, s, tt.fault)
			if err := <-failed; kindOf(err) != "connection" {
				t.Errorf("%v, expected an error of the connection", err)
			}
		})
	}
}

// stateOf is all that a foreign server is to keep.
func stateOf(t testing.TB, c *redis.Client, sha string) map[string]string {
	t.Helper()
	state := settingsOf(t, c)
	for _, section := range []string{"server", "replication"} {
		text, err := c.Info(t.Context(), section).Result()
		if err != nil {
			t.Fatal(err)
		}
		info := map[string]string{}
		parseInfo(text, info)
		for _, name := range []string{"run_id", "process_id", "master_replid"} {
			state[name] += info[name]
		}
	}
	for _, key := range c.Keys(t.Context(), "*").Val() {
		state["key "+key] = c.Dump(t.Context(), key).Val()
	}
	known, err := c.ScriptExists(t.Context(), sha).Result()
	if err != nil || !known[0] {
		t.Errorf("script: %v, %v; expected it to be known", known, err)
	}
	return state
}

func TestFaultsOfForeignServers(t *testing.T) {
	needRedis(t)
	tests := []struct {
		why    string
		fault  fault.Fault
		during string
	}{
		{"down: clients are cut off", fault.Fault{Kind: fault.Down, Until: 1}, "refused"},
		{"frozen: bytes are held", fault.Fault{Kind: fault.Frozen, Until: 1}, "timeout"},
		{"far away", fault.Fault{Kind: fault.Delay, Until: 1, RTT: network.Constant(400 * time.Millisecond)}, "timeout"},
		{"a narrow link", fault.Fault{Kind: fault.Bandwidth, Until: 1, BytesPerSecond: 40}, "timeout"},
		{"reset", fault.Fault{Kind: fault.Reset}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			noLeaks(t)
			theirs, err := Spawn(t.Context(), []string{"theirs"})
			open(t, theirs, err)
			other := impatient(t, theirs.hosts[0])
			sha, err := other.ScriptLoad(t.Context(), incrScript).Result()
			if err == nil {
				err = other.Set(t.Context(), "kept", "yes", 0).Err()
			}
			if err != nil {
				t.Fatal(err)
			}
			before := stateOf(t, other, sha)

			s, err := Dial(t.Context(), []Address{{"a", theirs.hosts[0]}}, Login{})
			troubled(t, s, err, tt.fault)
			c := impatient(t, s.dialHost(0))
			begin(t, s, tt.fault)
			want := seen{tt.during, tt.during, tt.during}
			if got := (seen{kindOf(c.Get(t.Context(), "kept").Err()), kindOf(c.Exists(t.Context(), "kept").Err()), kindOf(c.ScriptExists(t.Context(), sha).Err())}); got != want {
				t.Errorf("during: %+v, expected %+v", got, want)
			}
			if err := other.Get(t.Context(), "kept").Err(); err != nil {
				t.Errorf("others see the fault: %v", err)
			}
			if tt.fault.Until > tt.fault.At {
				end(t, s, tt.fault)
			}
			eventually(t, func() error { return c.Get(t.Context(), "kept").Err() })
			if diff := cmp.Diff(before, stateOf(t, other, sha)); diff != "" {
				t.Errorf("the server is not as it was (-before +after):\n%s", diff)
			}
		})
	}
}

// Whatever is wrong when a run ends, nothing of it is left.
func TestCloseAmidFaults(t *testing.T) {
	needRedis(t)
	for _, kind := range []fault.Kind{fault.Down, fault.Frozen, fault.Delay, fault.Bandwidth, fault.ReadOnly, fault.OutOfMemory} {
		for _, whose := range []string{"own", "foreign"} {
			f := fault.Fault{Kind: kind, Until: 1, RTT: network.Constant(time.Second), BytesPerSecond: 40}
			t.Run(whose+" "+string(kind), func(t *testing.T) {
				noLeaks(t)
				theirs, err := Spawn(t.Context(), []string{"a"})
				open(t, theirs, err)
				s := theirs
				if whose == "foreign" {
					s, err = Dial(t.Context(), []Address{{"a", theirs.hosts[0]}}, Login{})
					open(t, s, err)
					if s.Check([]fault.Fault{f}) != nil {
						return // another test's matter
					}
				}
				troubled(t, s, nil, f)
				c := impatient(t, s.dialHost(0))
				if err := c.Set(t.Context(), "kept", "yes", 0).Err(); err != nil {
					t.Fatal(err)
				}
				pids := pidsOf(theirs)
				begin(t, s, f)
				go c.Get(context.Background(), "kept") // something under way
				time.Sleep(20 * time.Millisecond)
				if err := s.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
				if whose == "own" {
					vanish(t, pids)
				} else if got := theirs.Admin(0).Get(t.Context(), "kept").Val(); got != "yes" {
					t.Errorf("foreign server afterwards has %q", got)
				}
				if s.dialHost(0) != theirs.hosts[0] {
					if _, err := net.Dial("tcp", s.dialHost(0)); err == nil {
						t.Error("the proxy still listens")
					}
				}
			})
		}
	}
}

func TestFaultsAreRefused(t *testing.T) {
	servers := func(own, cluster bool) *Servers {
		s := &Servers{names: []string{"a"}, hosts: []string{"127.0.0.1:1"}, cluster: cluster}
		if own {
			s.own = []*process{{}}
		}
		return s
	}
	own, foreign, ownCluster, foreignCluster := servers(true, false), servers(false, false), servers(true, true), servers(false, true)
	tests := []struct {
		why   string
		s     *Servers
		can   []fault.Kind
		wrong string // of all others
	}{
		{"own servers can do all", own, []fault.Kind{fault.Restart, fault.Down, fault.Frozen, fault.Delay, fault.Bandwidth, fault.Reset, fault.Rename, fault.Add, fault.FlushScripts, fault.ReadOnly, fault.OutOfMemory}, ""},
		{"others' are not told anything", foreign, []fault.Kind{fault.Down, fault.Frozen, fault.Delay, fault.Bandwidth, fault.Reset, fault.Rename}, "before"},
		{"no proxy, no names", ownCluster, []fault.Kind{fault.Restart, fault.Down, fault.Frozen, fault.FlushScripts, fault.OutOfMemory}, "cluster"},
		{"nothing", foreignCluster, nil, "e"},
	}
	for _, tt := range tests {
		for _, kind := range []fault.Kind{fault.Restart, fault.Down, fault.Frozen, fault.Delay, fault.Bandwidth, fault.Reset, fault.Rename, fault.Add, fault.FlushScripts, fault.ReadOnly, fault.OutOfMemory} {
			f := fault.Fault{Kind: kind, Name: "b"}
			err := tt.s.Check([]fault.Fault{{Kind: fault.Clock}, f})
			can := false
			for _, k := range tt.can {
				can = can || k == kind
			}
			switch {
			case can && err != nil:
				t.Errorf("%s: %s: %v", tt.why, kind, err)
			case !can && (err == nil || !strings.Contains(err.Error(), tt.wrong) || !strings.Contains(err.Error(), string(kind))):
				t.Errorf("%s: %s: %v, expected an error that names it, with %q", tt.why, kind, err, tt.wrong)
			case !can && tt.s.Begin(f) == nil:
				t.Errorf("%s: %s begins although Check refuses it", tt.why, kind)
			}
		}
	}
	err := foreign.Check([]fault.Fault{{Kind: fault.Restart}, {Kind: fault.FlushScripts}})
	if n := strings.Count(err.Error(), "\n"); n != 1 {
		t.Errorf("expected both refusals at once, got %v", err)
	}
	if err := own.Begin(fault.Fault{Kind: fault.Clock}); err == nil {
		t.Error("a server takes the fault of a client's clock")
	}
	if err := own.Begin(fault.Fault{Kind: fault.Delay, Shard: 1}); err == nil {
		t.Error("a shard has a fault that there is not")
	}
	if err := own.Begin(fault.Fault{Kind: fault.Delay, Until: 1}); err == nil {
		t.Error("a link has a fault without a proxy")
	}
	if err := own.End(fault.Fault{Kind: fault.Delay, Until: 1}); err == nil {
		t.Error("what has not begun has an end")
	}
}
