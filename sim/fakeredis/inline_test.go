package fakeredis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	short, malformed := io.ErrShortBuffer, errors.New("malformed")
	for _, tt := range []struct {
		why, in string
		words   []string
		length  int
		err     error
	}{
		{"a command", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", []string{"GET", "k"}, 20, nil},
		{"what follows is left", "*1\r\n$4\r\nPING\r\n*1\r\n", []string{"PING"}, 14, nil},
		{"an empty word", "*2\r\n$3\r\nGET\r\n$0\r\n\r\n", []string{"GET", ""}, 19, nil},
		{"words hold any byte", "*1\r\n$5\r\n\r\n*\x00\xff\r\n", []string{"\r\n*\x00\xff"}, 15, nil},
		{"nothing yet", "", nil, 0, short},
		{"a header without its end", "*2\r", nil, 0, short},
		{"a header alone, of more words than bytes", "*12\r\n", nil, 0, short},
		{"a word's header cut", "*1\r\n$4", nil, 0, short},
		{"a word cut", "*1\r\n$4\r\nPIN", nil, 0, short},
		{"a word's end cut", "*1\r\n$4\r\nPING\r", nil, 0, short},
		{"the second word is missing", "*2\r\n$4\r\nPING\r\n", nil, 0, short},
		{"a long word waits for its bytes", "*1\r\n$536870912\r\nx", nil, 0, short},
		{"a word longer than Redis takes", "*1\r\n$9223372036854775807\r\nx", nil, 0, malformed},
		{"more words than Redis takes must not be made room for", "*9223372036854775807\r\n", nil, 0, malformed},
		{"an inline command", "PING\r\n", nil, 0, malformed},
		{"no words", "*0\r\n", nil, 0, malformed},
		{"a null array", "*-1\r\n", nil, 0, malformed},
		{"a null word", "*1\r\n$-1\r\n", nil, 0, malformed},
		{"no number", "*x\r\n", nil, 0, malformed},
		{"a number beyond 64 bits", "*99999999999999999999\r\n", nil, 0, malformed},
		{"a word that is no bulk string", "*1\r\n:1\r\n", nil, 0, malformed},
		{"a word that does not end where it says", "*1\r\n$2\r\nPING\r\n", nil, 0, malformed},
	} {
		words, length, err := parse([]byte(tt.in))
		switch {
		case tt.err == malformed:
			if err == nil || errors.Is(err, io.ErrShortBuffer) {
				t.Errorf("%s: %q: error %v, expected a complaint", tt.why, tt.in, err)
			}
		case !errors.Is(err, tt.err):
			t.Errorf("%s: %q: error %v, expected %v", tt.why, tt.in, err, tt.err)
		case err == nil && (!cmp.Equal(words, tt.words) || length != tt.length):
			t.Errorf("%s: %q: %q and %d bytes, expected %q and %d", tt.why, tt.in, words, length, tt.words, tt.length)
		}
	}
}

// echo is a shard's connection that answers each command with its words.
func echo(t testing.TB) func() *inlineConn {
	r := newRig(t, even(1, 0))
	s := r.fleet.Shards[0].backend.(*embedded)
	return func() *inlineConn {
		c := newInlineConn(s)
		c.do = func(words []string) { fmt.Fprintf(&c.replies, "%q\n", words) }
		return c
	}
}

// replies writes a stream in the given pieces and reads everything back.
func replies(t testing.TB, c *inlineConn, pieces ...[]byte) (string, error) {
	t.Helper()
	var failed error
	for _, p := range pieces {
		n, err := c.Write(p)
		if err != nil {
			failed = err
			break
		}
		if n != len(p) {
			t.Fatalf("wrote %d of %d bytes without an error", n, len(p))
		}
	}
	var out bytes.Buffer
	for c.replies.Len() > 0 {
		var b [7]byte // small, so that replies are read in pieces too
		n, err := c.Read(b[:])
		if err != nil && failed == nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		out.Write(b[:n])
	}
	return out.String(), failed
}

// stream is commands as go-redis sends them, with headers of one and two
// digits, which a write may cut anywhere.
var stream = []byte("*1\r\n$4\r\nPING\r\n" +
	"*6\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n$2\r\nPX\r\n$3\r\n100\r\n$2\r\nNX\r\n" +
	"*12\r\n$4\r\nMGET\r\n" + strings.Repeat("$1\r\n*\r\n", 11) +
	"*2\r\n$3\r\nGET\r\n$0\r\n\r\n" +
	"*2\r\n$4\r\nECHO\r\n$20\r\n*1\r\n$4\r\nPING\r\n......\r\n")

func TestWritesSplitAtEveryOffset(t *testing.T) {
	open := echo(t)
	want, err := replies(t, open(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(want, "PING"); n != 2 {
		t.Fatalf("replies %q", want)
	}
	for i := range len(stream) {
		got, err := replies(t, open(), stream[:i], stream[i:])
		if err != nil || got != want {
			t.Errorf("split at %d (%q|%q): error %v, same replies: %v", i, stream[max(0, i-6):i], stream[i:min(i+6, len(stream))], err, got == want)
		}
	}
	var bytewise [][]byte
	for i := range stream {
		bytewise = append(bytewise, stream[i:i+1])
	}
	if got, err := replies(t, open(), bytewise...); err != nil || got != want {
		t.Errorf("byte by byte: error %v, same replies: %v", err, got == want)
	}
}

func TestConnectionAfterItsEnd(t *testing.T) {
	open := echo(t)
	c := open()
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "shard-1") {
		t.Errorf("reading what was never asked for: %v, expected an error that names the shard", err)
	}
	if _, err := c.Write([]byte("*1\r\n$4\r\nPING\r\nGET k\r\n")); err == nil {
		t.Error("a malformed command was taken")
	}
	if _, err := c.Write([]byte("*1\r\n$4\r\nPING\r\n")); err == nil {
		t.Error("a connection that lost its place in the stream takes commands")
	}
	c = open()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Write(stream); err == nil {
		t.Error("a closed connection takes commands")
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a closed connection has replies")
	}
}

// FuzzInline: whatever comes, in whatever pieces, nothing panics, and the
// replies and the verdict are those of one write.
func FuzzInline(f *testing.F) {
	f.Add(stream, uint64(1))
	f.Add([]byte("*12\r\n$4\r\nMGET\r\n"), uint64(2))
	f.Add([]byte("*1\r\n$4\r\nPING\r\n*-1\r\n"), uint64(3))
	f.Add([]byte("*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n"), uint64(4))
	open := echo(f)
	f.Fuzz(func(t *testing.T, in []byte, cuts uint64) {
		want, wantErr := replies(t, open(), in)
		rng := rand.New(rand.NewPCG(cuts, 0))
		var pieces [][]byte
		for rest := in; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 9))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, gotErr := replies(t, open(), pieces...)
		if got != want || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%q in %d pieces: replies %q, error %v; in one: %q, %v", in, len(pieces), got, gotErr, want, wantErr)
		}
	})
}
