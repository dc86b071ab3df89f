// Package virtualredis runs real redis-server processes in virtual time. A
// library that is loaded before the C library gives a process the time that
// this program sets, so that TIME, deadlines and timers are those of a
// simulation, while everything else is as Redis comes.
//
// What flows in: the path of a server and the instants. What flows out: a Unix
// socket that speaks Redis' protocol. Linux only, with a C compiler, and for
// programs that are linked dynamically. Only sim/ imports it.
package virtualredis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/clock"
)

// startLimit is how long a server may take until it answers.
const startLimit = 20 * time.Second

// longestSocket is the longest path of a Unix socket, in bytes.
const longestSocket = 107

// Options says what to start.
type Options struct {
	Server string    // path of redis-server, or of a program that takes its arguments
	Dir    string    // an existing folder for its files; "": one of its own, removed by Stop
	Epoch  time.Time // the time at the start
	Args   []string  // more arguments, behind those that every server gets
}

// Server is a running redis-server whose time stands still between calls of
// SetTime.
type Server struct {
	Socket string // path of the Unix socket that it listens on

	process *child.Process
	log     child.LastWords
	memory  *memory
	remove  func() error
	stop    func() error
}

// Start starts a server and returns when it answers with the time that it was
// given. The error says what went wrong and leaves nothing behind. The server
// ends at Stop, or with this program, however that ends.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{remove: func() error { return nil }}
	s.stop = sync.OnceValue(s.end)
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s in virtual time: %w", o.Server, err), s.Stop())
	}
	return s, nil
}

// SetTime sets the server's clock. A command that is sent afterwards finds
// it. A clock does not run backwards: Redis' timers would stand still.
func (s *Server) SetTime(t time.Time) { s.memory.set(t.UnixNano()) }

// Pid returns the number of the server's process.
func (s *Server) Pid() int { return s.process.Pid() }

// Stop ends the server and removes what it had. It holds nothing that would
// have to be saved. Another call does nothing more.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) start(ctx context.Context, o Options) error {
	library, err := Library(ctx)
	if err != nil {
		return err
	}
	dir := o.Dir
	if dir == "" {
		var remove func() error
		if dir, remove, err = child.Folder("virtual"); err != nil {
			return err
		}
		s.remove = remove
	}
	s.Socket = filepath.Join(dir, "redis.sock")
	if len(s.Socket) > longestSocket {
		return fmt.Errorf("expected the path of a Unix socket of at most %d bytes, found %d in %s: choose a shorter folder", longestSocket, len(s.Socket), s.Socket)
	}
	clockFile := filepath.Join(dir, "clock")
	// A second before the epoch: its first timers become due at the epoch,
	// rather than being waited for a millisecond at a time.
	if s.memory, err = newMemory(clockFile, o.Epoch.Add(-time.Second).UnixNano()); err != nil {
		return err
	}
	args := []string{"--port", "0", "--unixsocket", s.Socket, "--daemonize", "no", "--save", "", "--appendonly", "no", "--dir", dir, "--logfile", "",
		"--jemalloc-bg-thread", "no"} // it would wait for instants of the wall clock that have passed
	cmd := exec.Command(o.Server, append(args, o.Args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &s.log, &s.log
	cmd.Env = append(os.Environ(), "LD_PRELOAD="+library, "QUOTALAB_CLOCK="+clockFile)
	if s.process, err = child.Start(cmd, 0); err != nil { // it would not end by itself: its time stands still
		return err
	}
	return s.await(ctx, o.Epoch)
}

// await returns when the server answers with the time that it was given.
func (s *Server) await(ctx context.Context, epoch time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		said, err := s.askTime(ctx, epoch)
		if err == nil && said == epoch.Unix() {
			return nil
		}
		if err == nil {
			return fmt.Errorf("expected its TIME to be %d, which was set, found %d: LD_PRELOAD has no effect on a program that is linked statically or setuid", epoch.Unix(), said)
		}
		if s.process.Ended() {
			return fmt.Errorf("it ended before it answered: %s%s", s.process.How(), &s.log)
		}
		if over := clock.Sleep(ctx, 2*time.Millisecond); errors.Is(over, context.DeadlineExceeded) {
			return fmt.Errorf("it does not answer: %w%s", err, &s.log)
		} else if over != nil { // ctx says why it ended
			return over
		}
	}
}

// askTime sets the epoch and asks for the server's time, in seconds.
func (s *Server) askTime(ctx context.Context, epoch time.Time) (seconds int64, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.Socket)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	s.SetTime(epoch)
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return 0, err
		}
	}
	if _, err := conn.Write([]byte("TIME\r\n")); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(conn) // *2, $10, the seconds
	for range 3 {
		if !lines.Scan() {
			return 0, errors.Join(errors.New("expected three lines of an answer to TIME"), lines.Err())
		}
	}
	if seconds, err = strconv.ParseInt(strings.TrimSpace(lines.Text()), 10, 64); err != nil {
		return 0, fmt.Errorf("expected seconds in the answer to TIME: %w", err)
	}
	return seconds, nil
}

// end undoes what start did, however far it came.
func (s *Server) end() error {
	if s.process != nil {
		s.process.Stop()
	}
	var err error
	if s.memory != nil {
		err = s.memory.close()
	}
	return errors.Join(err, s.remove())
}
