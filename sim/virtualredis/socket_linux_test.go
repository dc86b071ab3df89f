package virtualredis

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
)

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// What is longer than a pipe passes in pieces, both ways; who waits longer than
// usual sleeps; and the end of a connection is an error.
func TestPipes(t *testing.T) {
	s := start(t, Options{Server: testkit.Program(t, "redis-server", "redis-server")})
	conn := dial(t, s)
	long := strings.Repeat("0123456789abcde\n", 20*pipeSize/16)
	if _, err := fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n", len(long), long); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, conn, "GETRANGE k 16 30", 3); got != "+OK $15 0123456789abcde" {
		t.Errorf("said %q", got)
	}
	if got, want := ask(t, conn, "GET k", 20*pipeSize/16+2), strings.TrimSpace(fmt.Sprintf("$%d %s", len(long), strings.ReplaceAll(long, "\n", " "))); got != want {
		t.Errorf("GET k returned %d bytes, expected %d", len(got), len(want))
	}
	if got := ask(t, conn, `EVAL "for i = 1, 1e7 do end return 7" 0`, 1); got != ":7" {
		t.Errorf("a script that takes longer than usual returned %q, expected 7", got)
	}
	time.Sleep(20 * time.Millisecond) // the server sleeps
	if got := ask(t, conn, "QUIT", 1); got != "+OK" {
		t.Errorf("QUIT returned %q", got)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "ended or closed") {
		t.Errorf("read after the end: %d bytes, error %v", n, err)
	}
}

// Servers take turns, and each has many connections.
func TestManyConnections(t *testing.T) {
	path := testkit.Program(t, "redis-server", "redis-server")
	servers := []*Server{start(t, Options{Server: path}), start(t, Options{Server: path})}
	var conns []net.Conn
	for i := range 40 {
		conns = append(conns, dial(t, servers[i%2]))
	}
	for i := range 400 {
		if got, want := ask(t, conns[i*7%40], "INCR n", 1), fmt.Sprint(":", i/2+1); got != want {
			t.Fatalf("increment %d returned %s, expected %s", i, got, want)
		}
	}
}

// A server that ends while somebody waits is an error.
func TestServerEnds(t *testing.T) {
	s := start(t, Options{Server: testkit.Program(t, "redis-server", "redis-server")})
	conn := dial(t, s)
	time.AfterFunc(10*time.Millisecond, func() { _ = s.Stop() }) // the test's end stops it too
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes, expected an error", n)
	}
}
