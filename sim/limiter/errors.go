package limiter

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// ErrorKind sorts an error of a limiter into the kinds of LIMITERS.md:
// timeout, cancelled, refused, pool_exhausted, script_missing, connection,
// server, and unexpected for everything that Redis or the network did not
// cause.
func ErrorKind(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, redis.ErrPoolExhausted), errors.Is(err, redis.ErrPoolTimeout):
		return "pool_exhausted"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed), errors.Is(err, redis.ErrClosed):
		return "connection"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return serverErrorKind(err)
}

// allShardsDown is the text of go-redis' error, which it does not export, for
// a Ring that has found every shard down.
const allShardsDown = "redis: all ring shards are down"

// serverErrorKind looks for the innermost error's text: a reply of Redis
// begins with a word in capitals.
func serverErrorKind(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	word, _, _ := strings.Cut(err.Error(), " ")
	switch {
	case err.Error() == allShardsDown:
		return "refused"
	case word == "NOSCRIPT":
		return "script_missing"
	case len(word) > 2 && strings.ToUpper(word) == word && !strings.ContainsAny(word, "0123456789:"):
		return "server"
	}
	return "unexpected"
}
