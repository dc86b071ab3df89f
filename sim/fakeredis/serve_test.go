package fakeredis

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Any client can use what is served, over RESP2 and RESP3: several at once,
// with transactions, scripts, expiry by the wall clock and PUB/SUB.
func TestServe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- Serve(ctx, []net.Listener{l}) }()
	for _, protocol := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{Network: "unix", Addr: path, Protocol: protocol})
		serveClient(t, c)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for _, tt := range [][2]string{
		{"PING\r\n", "+PONG"}, {"\r\nPI", ""}, {"NG\r\n", "+PONG"}, {"BLPOP k 0\r\n", "-ERR blpop waits for other clients, which embedded shards do not"},
		{"CLIENT ID\r\n", ":"}, {"COMMAND DOCS\r\n", "*0"}, {"*1\r\n$-5\r\n", "-ERR Protocol error: "},
	} {
		if _, err := fmt.Fprint(conn, tt[0]); err != nil {
			t.Fatal(err)
		}
		if tt[1] != "" && (!lines.Scan() || !strings.HasPrefix(lines.Text(), tt[1])) {
			t.Errorf("%q is answered by %q, expected %q", tt[0], lines.Text(), tt[1])
		}
	}
	if lines.Scan() {
		t.Errorf("after a malformed command: %q, expected the end", lines.Text())
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("somebody listens after the end")
	}
}

func serveClient(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := context.Background()
	sub := c.Subscribe(ctx, "news")
	defer sub.Close()
	if _, err := sub.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Publish(ctx, "news", "hello").Result(); n != 1 || err != nil {
		t.Errorf("published to %d, %v", n, err)
	}
	if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != "hello" {
		t.Errorf("message %v, %v", m, err)
	}
	if err := c.Set(ctx, "k", 1, 40*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "k"); p.PTTL(ctx, "k"); return nil })
	if err != nil || cmds[0].(*redis.IntCmd).Val() != 2 {
		t.Errorf("transaction: %v, %v", cmds, err)
	}
	if v, err := redis.NewScript("return redis.call('GET',KEYS[1])").Run(ctx, c, []string{"k"}).Text(); v != "2" || err != nil {
		t.Errorf("script: %q, %v", v, err)
	}
	for range 500 {
		if c.Exists(ctx, "k").Val() == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("a key of 40 ms is there after 500: it does not expire by the wall clock")
}
