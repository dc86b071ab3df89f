package limiter_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/limiter"
)

// TestErrorKindsOfFaults has the errors that go-redis returns while shards
// are lost, as they are.
func TestErrorKindsOfFaults(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{}})
	defer func() { _ = ring.Close() }()
	closed := redis.NewClient(&redis.Options{})
	_ = closed.Close()
	for _, tt := range []struct {
		why  string
		err  error
		want string
	}{
		{"a Ring that has lost every shard", ring.Get(context.Background(), "k").Err(), "refused"},
		{"the same, wrapped", fmt.Errorf("batch get: %w", ring.Get(context.Background(), "k").Err()), "refused"},
		{"a shard that the Ring has just lost", closed.Get(context.Background(), "k").Err(), "connection"},
		{"killed in the middle of a reply", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "connection"},
		{"killed before it was sent", &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}, "connection"},
		{"dialling a dead one", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "refused"},
		{"frozen", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "timeout"},
	} {
		if got := limiter.ErrorKind(tt.err); got != tt.want {
			t.Errorf("%s: %v is %s, expected %s", tt.why, tt.err, got, tt.want)
		}
	}
}
