package shards

import (
	"context"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/vtime"
)

// deadline is the instant at which a client that sends now gives up waiting.
func (w *wire) deadline(now int64) int64 {
	if w.connection.ReadTimeout == 0 {
		return vtime.Never
	}
	return now + int64(w.connection.ReadTimeout)
}

// giveUp fails the flights that are not back by the deadline, which is now.
// Those that have not been executed will be, unseen.
func (w *wire) giveUp(flights []*flight, deadline int64, as form) (err error) {
	for _, f := range flights {
		if f.stage == served && f.end+f.back < deadline {
			continue
		}
		err = timedOut(f.shard)
		f.fail(err)
		if f.stage != served {
			f.orphan()
			w.fleet.sched.Call(f.next, func() { w.goOn(f, as) })
		}
	}
	return err
}

// goOn plays the next stage of a flight that nobody waits for.
func (w *wire) goOn(f *flight, as form) {
	if f.stage == beginning {
		_ = w.execute(nil, f, as) // nobody hears of it
		return
	}
	f.next, f.end = f.shard.enqueue(f.cmds)
	f.stage = beginning
	w.fleet.sched.Call(f.next, func() { w.goOn(f, as) })
}

// fail sets the error of all commands.
func (f *flight) fail(err error) {
	for _, c := range f.cmds {
		c.SetErr(err)
	}
}

// orphan takes commands that will still be executed out of the hands of the
// client, which has their error and may look at them at any time.
func (f *flight) orphan() {
	cmds := make([]command, len(f.cmds))
	for i, c := range f.cmds {
		cmds[i] = command{Cmder: redis.NewCmd(context.Background(), slices.Clone(c.Args())...), name: c.name, effect: c.effect}
	}
	f.cmds = cmds
}

// The errors of the network, as Go's net package makes them.

func timedOut(s *Shard) error {
	return &net.OpError{Op: "read", Net: "tcp", Addr: place(s.Name), Err: os.ErrDeadlineExceeded}
}

func refused(s *Shard) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: place(s.Name), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func wasReset(s *Shard) error {
	return &net.OpError{Op: "read", Net: "tcp", Addr: place(s.Name), Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

// place is a shard's name in the place of an address.
type place string

func (place) Network() string  { return "tcp" }
func (p place) String() string { return string(p) }
