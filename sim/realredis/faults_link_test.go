package realredis

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/fault"
)

// patientClient waits as long as it takes.
func patientClient(t testing.TB, host string) *redis.Client {
	t.Helper()
	c := redis.NewClient(adminOptions(host, Login{}))
	t.Cleanup(func() { c.Close() })
	return c
}

// A client's round trips are longer by the delay, whatever they carry.
func TestDelayOfRedis(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	const delay = 40 * time.Millisecond // long for a machine with other work
	f := fault.Fault{Kind: fault.Delay, Until: 1, RTT: network.Constant(delay)}
	s, err := Spawn(t.Context(), []string{"a", "b"})
	troubled(t, s, err, f)
	c, direct := patientClient(t, s.dialHost(0)), patientClient(t, s.dialHost(1))
	if s.dialHost(0) == s.hosts[0] || s.dialHost(1) != s.hosts[1] {
		t.Errorf("clients dial %s and %s, expected a proxy before %s alone", s.dialHost(0), s.dialHost(1), s.hosts[0])
	}
	big := strings.Repeat("x", 100_000)
	tests := []struct {
		why string
		do  func(c *redis.Client) error
	}{
		{"one command", func(c *redis.Client) error { return c.Incr(t.Context(), "n").Err() }},
		{"a pipeline is one round trip", func(c *redis.Client) error {
			_, err := c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				for range 20 {
					p.Incr(t.Context(), "n")
				}
				return nil
			})
			return err
		}},
		{"many packets there and back", func(c *redis.Client) error { return c.SetArgs(t.Context(), "big", big, redis.SetArgs{Get: true}).Err() }},
	}
	for _, tt := range tests {
		latency := func(c *redis.Client) time.Duration {
			return median(15, func() time.Duration {
				start := time.Now()
				if err := tt.do(c); err != nil && err != redis.Nil {
					t.Fatal(err)
				}
				return time.Since(start)
			})
		}
		before := latency(c)
		begin(t, s, f)
		during, other := latency(c), latency(direct)
		end(t, s, f)
		after := latency(c)
		t.Logf("%s: %v before, %v during (the other shard %v), %v after", tt.why, before, during, other, after)
		if during < delay || during > delay+before+delay/2 {
			t.Errorf("%s: %v, expected %v more than %v", tt.why, during, delay, before)
		}
		if max(before, other, after) > delay/2 {
			t.Errorf("%s: %v before, %v at the other shard, %v after; expected none of them delayed", tt.why, before, other, after)
		}
	}
}

func TestBandwidthOfRedis(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	const rate, size = 2e6, 600_000
	f := fault.Fault{Kind: fault.Bandwidth, Until: 1, BytesPerSecond: rate}
	s, err := Spawn(t.Context(), []string{"a"})
	troubled(t, s, err, f)
	clients := []*redis.Client{patientClient(t, s.dialHost(0)), patientClient(t, s.dialHost(0))}
	begin(t, s, f)
	tests := []struct {
		why string
		do  func(c *redis.Client) error
	}{
		{"there", func(c *redis.Client) error { return c.Set(t.Context(), "big", strings.Repeat("x", size), 0).Err() }},
		{"back", func(c *redis.Client) error { return c.Get(t.Context(), "big").Err() }},
	}
	for _, tt := range tests {
		best := 0.0
		for range 3 { // other work on the machine makes it slower, nothing faster
			done := make(chan error)
			start := time.Now()
			for _, c := range clients {
				go func() { done <- tt.do(c) }()
			}
			for range clients {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			if best = max(best, float64(len(clients)*size)/time.Since(start).Seconds()); best > 0.9*rate {
				break
			}
		}
		t.Logf("%s: %.4g bytes a second of %.4g", tt.why, best, rate)
		if best < 0.9*rate || best > 1.1*rate {
			t.Errorf("%s: %.0f bytes a second, expected %.0f within 10 %%", tt.why, best, rate)
		}
	}
	end(t, s, f)
	start := time.Now()
	if err := clients[0].Get(t.Context(), "big").Err(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 200*time.Millisecond {
		t.Errorf("%v for %d bytes after the fault", took, size)
	}
}

// A restart does not end what else is wrong with the shard.
func TestRestartAmidFaults(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	readOnly, full := fault.Fault{Kind: fault.ReadOnly, Until: 1}, fault.Fault{Kind: fault.OutOfMemory, Until: 1}
	restart := fault.Fault{Kind: fault.Restart}
	s, err := Spawn(t.Context(), []string{"a"})
	troubled(t, s, err, readOnly, full, restart)
	settings := settingsOf(t, s.Admin(0))
	c := impatient(t, s.dialHost(0))
	write := func() string { return c.Set(t.Context(), "k", "v", 0).String() }
	begin(t, s, readOnly)
	begin(t, s, restart)
	if got := write(); !strings.Contains(got, "READONLY") {
		t.Errorf("restarted while read-only: %s", got)
	}
	begin(t, s, full)
	end(t, s, readOnly)
	begin(t, s, restart)
	if got := write(); !strings.Contains(got, "OOM") {
		t.Errorf("restarted while out of memory: %s", got)
	}
	end(t, s, full)
	if got := write(); !strings.Contains(got, "OK") {
		t.Errorf("after all: %s", got)
	}
	for option, value := range settingsOf(t, s.Admin(0)) {
		if settings[option] != value {
			t.Errorf("%s is %q after all, %q before", option, value, settings[option])
		}
	}
}

// A proxy's address is in no certificate.
func TestDialTLS(t *testing.T) {
	servers := func(name string) *Servers {
		return &Servers{
			hosts: []string{"redis.example:6379", "other.example:6379"}, login: Login{TLS: &tls.Config{ServerName: name}},
			trouble: trouble{proxies: map[int]*proxy{0: {addr: "127.0.0.1:1234"}}},
		}
	}
	tests := []struct {
		why, name, addr, want string
	}{
		{"a proxy stands for the server's host", "", "127.0.0.1:1234", "redis.example"},
		{"a direct address is its own", "", "other.example:6379", ""},
		{"a name that was given counts", "given.example", "127.0.0.1:1234", "given.example"},
	}
	for _, tt := range tests {
		s := servers(tt.name)
		if got := s.dialTLS(tt.addr); got.ServerName != tt.want {
			t.Errorf("%s: server name %q, expected %q", tt.why, got.ServerName, tt.want)
		}
		if s.login.TLS.ServerName != tt.name {
			t.Errorf("%s: the login's own configuration changed", tt.why)
		}
	}
	if got := (&Servers{}).dialTLS("127.0.0.1:1"); got != nil {
		t.Errorf("without TLS: %v", got)
	}
}

func TestThroughIsRefused(t *testing.T) {
	needRedis(t)
	noLeaks(t)
	tests := []struct {
		why   string
		fault fault.Fault
		want  string
	}{
		{"a shard that there is not", fault.Fault{Kind: fault.Reset, Shard: 1}, "number 2"},
		{"joining out of turn", fault.Fault{Kind: fault.Add, Shard: 2, Name: "c"}, "number 3"},
		{"no fault of servers", fault.Fault{Kind: "flood"}, "flood"},
	}
	for _, tt := range tests {
		s, err := Spawn(t.Context(), []string{"a"})
		open(t, s, err)
		if err := s.Through(t.Context(), []fault.Fault{tt.fault}, seeded); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, expected an error with %q", tt.why, err, tt.want)
		}
		if !slices.Equal(s.Names(), []string{"a"}) {
			t.Errorf("%s: shards %q afterwards", tt.why, s.Names())
		}
	}
}
