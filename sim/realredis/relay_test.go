package realredis

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/results/record"
)

// Replies of both protocols are read to their end and no further.
func TestReadReply(t *testing.T) {
	replies := []string{
		"+OK\r\n", "-ERR no\r\n", ":-7\r\n", "$-1\r\n", "$0\r\n\r\n", "$4\r\na\r\nb\r\n", "*-1\r\n", "*0\r\n", "*3\r\n:1\r\n$1\r\nx\r\n*1\r\n+y\r\n",
		"_\r\n", "#t\r\n", ",1.5\r\n", "(12345678901234567890\r\n", "!5\r\nERR x\r\n", "=8\r\ntxt:some\r\n", "~2\r\n:1\r\n:2\r\n",
		"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", ">2\r\n+invalidate\r\n_\r\n", "|1\r\n+ttl\r\n:3\r\n:9\r\n",
	}
	in := bufio.NewReader(strings.NewReader(strings.Join(replies, "")))
	for _, want := range replies {
		if got, err := readReply(in, []byte("before")); err != nil || string(got) != "before"+want {
			t.Fatalf("found %q, %v, expected %q", got, err, want)
		}
	}
	if _, err := readReply(in, nil); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last: %v", err)
	}
	for _, bad := range []string{"HTTP/1.1 200 OK\r\n", "$x\r\n", "*1\r\n+a"} {
		if got, err := readReply(bufio.NewReader(strings.NewReader(bad)), nil); err == nil {
			t.Errorf("%q: taken for %q", bad, got)
		}
	}
}

// On servers of others a process may send what touches its own keys or none; and
// nowhere what leaves replies without a command, or another database.
func TestRelayRefuses(t *testing.T) {
	others := &Fleet{servers: &Servers{login: Login{DB: 3}}, prefix: "p:"}
	own := &Fleet{servers: &Servers{own: []*process{}}, prefix: "p:"}
	for _, c := range []struct {
		command      string
		others, ours bool // it may be sent
	}{
		{"GET p:a", true, true}, {"GET a", false, true}, {"MSET p:a 1 b 2", false, true}, {"EVALSHA abc 1 p:a 5", true, true}, {"EVALSHA abc 0", false, true},
		{"FLUSHALL", false, true}, {"CONFIG SET a b", false, true}, {"KEYS *", false, true}, {"SCRIPT LOAD x", true, true}, {"SCRIPT FLUSH", false, true},
		{"HELLO 3", true, true}, {"CLIENT SETINFO a b", true, true}, {"INFO", true, true}, {"TIME", true, true}, {"MULTI", true, true}, {"SUBSCRIBE a", true, true},
		{"WATCH p:a", true, true}, {"SORT p:a BY b", false, true}, {"ACL LIST", false, true}, {"NEWCOMMAND x", false, true},
		{"SELECT 3", true, false}, {"SELECT 0", false, true}, {"CLIENT REPLY OFF", false, false}, {"MONITOR", false, false},
	} {
		for _, on := range []struct {
			fleet *Fleet
			fine  bool
		}{{others, c.others}, {own, c.ours}} {
			r := &relayed{relay: &relay{fleet: on.fleet}, member: &member{name: "a"}}
			if err := r.allow(strings.Fields(c.command)); (err == nil) != on.fine {
				t.Errorf("%s on own servers %v: %v", c.command, on.fleet == own, err)
			}
		}
	}
}

// What a process sends by way of us reaches servers with a user, TLS and another
// database without its doing, is seen with the states of its keys, and counted as
// the servers do. What is not allowed reaches none.
func TestRelay(t *testing.T) {
	noLeaks(t)
	ctx := t.Context()
	addresses, _, login := secured(t)
	s, err := Dial(ctx, addresses, login)
	s = open(t, s, err)
	f := fleetOn(t, s, "x")
	before := surveyed(t, s)
	var mu sync.Mutex
	var seen []string
	states := map[string]record.KeyState{}
	var refused error
	sockets, prefix, end, err := f.ForChild(t.TempDir(), s.Names(), func(shard string, cmds [][]string) func(int, record.KeyState) {
		mu.Lock()
		defer mu.Unlock()
		for _, words := range cmds {
			if len(words) > 1 && strings.HasPrefix(words[1], runPrefix) {
				seen = append(seen, shard+" "+strings.ToLower(words[0]))
			}
		}
		return func(i int, state record.KeyState) {
			mu.Lock()
			defer mu.Unlock()
			if strings.EqualFold(cmds[i][0], "get") {
				states[shard+" "+cmds[i][1]] = state
			}
		}
	}, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		refused = err
	})
	if err != nil {
		t.Fatal(err)
	}
	for protocol := 2; protocol <= 3; protocol++ {
		c := redis.NewClient(&redis.Options{Network: "unix", Addr: sockets[1], Protocol: protocol, MaxRetries: -1,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
		if _, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Get(ctx, prefix+"none")
			p.Set(ctx, prefix+"some", strings.Repeat("x", 100_000), 0)
			p.Get(ctx, prefix+"some")
			return nil
		}); !errors.Is(err, redis.Nil) {
			t.Errorf("RESP%d: %v", protocol, err)
		}
		subscribed := c.Subscribe(ctx, prefix+"news")
		if _, err := subscribed.Receive(ctx); err != nil {
			t.Errorf("RESP%d: %v", protocol, err)
		}
		if err := c.Publish(ctx, prefix+"news", "hello").Err(); err != nil {
			t.Errorf("RESP%d: %v", protocol, err)
		}
		if m, err := subscribed.ReceiveMessage(ctx); err != nil || m.Payload != "hello" {
			t.Errorf("RESP%d: %v, %v", protocol, m, err)
		}
		if err := c.Get(ctx, "another's").Err(); err == nil || errors.Is(err, redis.Nil) {
			t.Errorf("RESP%d: a key without the prefix: %v", protocol, err)
		}
		if err := errors.Join(subscribed.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if want := "b get|b set|b get|b subscribe|b publish|b get|b set|b get|b subscribe|b publish"; strings.Join(seen, "|") != want {
		t.Errorf("seen: %s, expected %s", strings.Join(seen, "|"), want)
	}
	if states["b "+prefix+"none"] != record.NotFound || states["b "+prefix+"some"] != record.Found || len(states) != 2 {
		t.Errorf("states are %v", states)
	}
	if !errors.Is(refused, ErrRefused) || !strings.Contains(refused.Error(), `found "another's"`) {
		t.Errorf("refused: %v", refused)
	}
	if n := agreed(t, s, before, f); n == 0 {
		t.Error("no command was counted")
	}
	if n, err := s.Admin(1).Exists(ctx, prefix+"some").Result(); n != 1 || err != nil {
		t.Errorf("the key is there %d times in database 3: %v", n, err)
	}
	for _, err := range s.CleanUp(ctx, runPrefix) {
		if err != nil {
			t.Error(err)
		}
	}
}
