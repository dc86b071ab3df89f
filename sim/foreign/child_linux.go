package foreign

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// program is the process under test with our ends of everything that it talks
// to: all in one epoll set, so that to take in all that it wrote means just
// that.
type program struct {
	process *child.Process
	log     child.LastWords
	guard   *child.Guard // ends what is left
	dir     string
	remove  func() error // the folder
	clock   *virtualredis.SharedTime
	watcher *watcher

	epoll      int
	in, out    int
	control    int               // of the shim; −1: there is none
	listeners  map[int]int       // shard by descriptor
	conns      map[int]*conn     // by descriptor
	exchanges  map[int]*exchange // with a service
	lines      map[int][]byte
	accepted   int
	turn       int64                         // number of the step
	connect    func(shard int, c *conn) bool // false: the shard is down
	talked     []*conn                       // connections with new commands
	answers    []answer
	notices    []Notice // of an engine
	ready      *Ready
	barrier    int64
	gone       bool // its standard output ended
	obedient   bool // it ended by itself when its input did
	serves     bool // it speaks HTTP
	full       bool // the last look may not have found all that there was
	buf        [64 << 10]byte
	events     [64]unix.EpollEvent
	descriptor []int // everything to close
	places     *strings.Replacer
}

// conn is a connection of the child to a shard.
type conn struct {
	fd      int
	turn    int64 // of the program, in which it came
	shard   int
	number  int // in the order of connecting
	session *fakeredis.Session
	buf     []byte
	cmds    [][]string // new ones
	closed  bool
}

// before orders connections whose commands come in one step: the threads of a
// child that connect in one step do that in any order.
func (c *conn) before(o *conn) int {
	return cmp.Or(cmp.Compare(c.turn, o.turn), cmp.Compare(c.shard, o.shard), slices.CompareFunc(c.cmds, o.cmds, slices.Compare[[]string]), cmp.Compare(c.number, o.number))
}

// start starts the child, and leaves nothing behind where it fails.
func start(ctx context.Context, s *Spec, now int64) (_ *program, err error) {
	p := &program{
		epoll: -1, in: -1, out: -1, control: -1, listeners: map[int]int{}, conns: map[int]*conn{}, exchanges: map[int]*exchange{}, lines: map[int][]byte{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.dir, p.remove, err = child.Folder("child"); err != nil {
		return nil, err
	}
	if p.clock, err = virtualredis.NewSharedTime(filepath.Join(p.dir, "clock"), now); err != nil {
		return nil, err
	}
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("waiting for the child: %w", err)
	}
	hello, err := p.greet(s, now)
	if err != nil {
		return nil, err
	}
	if err := p.launch(ctx, s, hello); err != nil {
		return nil, err
	}
	if p.watcher, err = newWatcher(p.process.Pid()); err != nil {
		return nil, err
	}
	if err := p.write(p.in, hello); !errors.Is(err, unix.EPIPE) { // that it has ended is found out, with what it said
		return p, err
	}
	return p, nil
}

// greet opens the shards' sockets and returns the first line.
func (p *program) greet(s *Spec, now int64) ([]byte, error) {
	limits, overrides := limitsOf(s.Limiter)
	h := hello{Protocol: Protocol, Client: s.Client, Does: s.Does, Limits: limits, Overrides: overrides, Options: s.Options, Now: instantText(now), Seed: s.Seed, Engine: s.Engine}
	for i, name := range s.Shards {
		path := filepath.Join(p.dir, "shard-"+strconv.Itoa(i+1))
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("socket of shard %s: %w", name, err)
		}
		p.descriptor = append(p.descriptor, fd)
		if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 512)); err != nil {
			return nil, fmt.Errorf("socket of shard %s at %s: %w", name, path, err)
		}
		p.listeners[fd] = i
		if err := p.watch(fd); err != nil {
			return nil, err
		}
		h.Shards = append(h.Shards, shardLine{name, path})
	}
	if s.Service != nil {
		p.serves, h.Listen = true, filepath.Join(p.dir, "service")
	}
	p.places = places(h)
	text, err := json.Marshal(greeting{h})
	return append(text, '\n'), err
}

// launch starts the process.
func (p *program) launch(ctx context.Context, s *Spec, hello []byte) error {
	cmd := exec.Command(s.Command[0], s.Command[1:]...)
	cmd.Dir, cmd.Stderr = s.Directory, &p.log
	cmd.Env = append(os.Environ(), child.Mark(p.dir), "TZ=UTC", "QUOTALAB_HELLO="+string(bytes.TrimSpace(hello)), "QUOTALAB_SEED="+strconv.FormatUint(uint64(s.Seed), 10))
	for _, text := range s.Environment {
		cmd.Env = append(cmd.Env, p.places.Replace(text))
	}
	theirs, err := p.pipes(cmd, isShim(s.Clock))
	defer func() {
		for _, f := range theirs {
			_ = f.Close() // the child has its own
		}
	}()
	if err != nil {
		return err
	}
	if err := p.dress(ctx, cmd, s.Clock); err != nil {
		return err
	}
	if p.guard, err = child.NewGuard(p.dir); err != nil {
		return err
	}
	if p.process, err = child.Start(cmd, 0); err != nil {
		return fmt.Errorf("starting %s: %w", s.Command[0], err)
	}
	return p.guard.Watch(p.process)
}

// pipes connects the child's standard input, output and, for a shim, its
// control channel. It returns the child's ends.
func (p *program) pipes(cmd *exec.Cmd, shim bool) (theirs []*os.File, err error) {
	var in, out [2]int
	if err := errors.Join(unix.Pipe2(in[:], unix.O_CLOEXEC), unix.Pipe2(out[:], unix.O_CLOEXEC)); err != nil {
		return nil, fmt.Errorf("pipes to the child: %w", err)
	}
	p.in, p.out = in[1], out[0]
	p.descriptor = append(p.descriptor, p.out)
	stdin, stdout := os.NewFile(uintptr(in[0]), "stdin"), os.NewFile(uintptr(out[1]), "stdout")
	theirs = append(theirs, stdin, stdout)
	cmd.Stdin, cmd.Stdout = stdin, stdout
	err = errors.Join(unix.SetNonblock(p.in, true), unix.SetNonblock(p.out, true), p.watch(p.out))
	if !shim || err != nil {
		return theirs, err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return theirs, fmt.Errorf("the channel to the child's shim: %w", err)
	}
	p.control = fds[0]
	p.descriptor = append(p.descriptor, p.control)
	file := os.NewFile(uintptr(fds[1]), "control")
	cmd.ExtraFiles = []*os.File{file}
	cmd.Env = append(cmd.Env, "QUOTALAB_CONTROL_FD=3")
	limit := unix.NsecToTimeval(int64(fullPipe))
	return append(theirs, file), errors.Join(p.watch(p.control),
		unix.SetsockoptTimeval(p.control, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit), unix.SetsockoptTimeval(p.control, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit))
}

func (p *program) watch(fd int) error {
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("waiting for the child: %w", err)
	}
	return nil
}

// ended reports whether the process is over.
func (p *program) ended() bool { return p.process.Ended() }

// write writes to the child, which reads all the time unless something is
// wrong with it.
func (p *program) write(fd int, b []byte) error {
	for deadline := clock.Now().Add(5 * time.Second); len(b) > 0; {
		n, err := writeRaw(fd, b)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if clock.Now().After(deadline) {
				return fmt.Errorf("it does not read what is written to it")
			}
			_ = clock.Sleep(context.Background(), time.Millisecond) // no context ends it
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			b = b[n:]
		}
	}
	return nil
}

// poll takes in what the child has written, waiting at most that long for the
// first of it. It reports whether there was anything.
func (p *program) poll(wait time.Duration) (bool, error) {
	n, err := epollWait(p.epoll, p.events[:], wait)
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("waiting for the child: %w", err)
	}
	p.full = n == len(p.events)
	for _, e := range p.events[:n] {
		fd := int(e.Fd)
		if shard, ok := p.listeners[fd]; ok {
			p.accept(fd, shard)
			continue
		}
		if err := p.read(fd); err != nil {
			return true, err
		}
	}
	return n > 0, nil
}

// accept takes the child's new connections to a shard.
func (p *program) accept(fd, shard int) {
	for {
		got, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // none is waiting
		}
		c := &conn{fd: got, turn: p.turn, shard: shard, number: p.accepted}
		p.accepted++
		if !p.connect(shard, c) || p.watch(got) != nil {
			_ = unix.Close(got)
			continue
		}
		p.conns[got] = c
	}
}

// read takes in all that can be read: a read that does not fill the buffer was the
// last.
func (p *program) read(fd int) error {
	for {
		n, err := readRaw(fd, p.buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil && !errors.Is(err, unix.ECONNRESET):
			return fmt.Errorf("reading from the child: %w", err)
		case n <= 0:
			p.hungUp(fd)
			return nil
		}
		if c := p.conns[fd]; c != nil {
			err = p.commands(c, p.buf[:n])
		} else if c := p.exchanges[fd]; c != nil {
			c.in = append(c.in, p.buf[:n]...)
		} else {
			err = p.take(fd, p.buf[:n])
		}
		if err != nil || n < len(p.buf) {
			return err
		}
	}
}

// hear waits a little for the child's shim, and reports whether it said something.
func (p *program) hear() (bool, error) {
	n, err := readRaw(p.control, p.buf[:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, nil
	case err == nil && n == 0, errors.Is(err, unix.ECONNRESET):
		return false, errors.New("the channel of its shim has ended")
	case err != nil:
		return false, fmt.Errorf("waiting for its shim: %w", err)
	}
	return true, p.take(p.control, p.buf[:n])
}

// hungUp notes the end of what the child writes.
func (p *program) hungUp(fd int) {
	if c := p.conns[fd]; c != nil {
		p.drop(c)
		return
	}
	if c := p.exchanges[fd]; c != nil {
		c.ended = true
	}
	_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil) // it is in the set
	p.gone = p.gone || fd == p.out
}

// drop closes a connection.
func (p *program) drop(c *conn) {
	if c.closed {
		return
	}
	c.closed, c.cmds = true, nil
	c.session.Close()
	delete(p.conns, c.fd)
	_ = unix.Close(c.fd)
}

// commands splits what came on a connection.
func (p *program) commands(c *conn, b []byte) error {
	had := len(c.cmds) > 0
	c.buf = append(c.buf, b...)
	at := 0
	for at < len(c.buf) {
		words, n, err := fakeredis.ParseCommand(c.buf[at:])
		if errors.Is(err, io.ErrShortBuffer) {
			break
		}
		if err != nil {
			return fmt.Errorf("its connection to shard %s does not speak Redis' protocol: %w", c.session.Shard, err)
		}
		if at += n; len(words) > 0 {
			c.cmds = append(c.cmds, words)
		}
	}
	c.buf = append(c.buf[:0], c.buf[at:]...)
	if !had && len(c.cmds) > 0 {
		p.talked = append(p.talked, c)
	}
	return nil
}

// take splits lines of the child or its shim.
func (p *program) take(fd int, b []byte) error {
	if rest := p.lines[fd]; len(rest) > 0 {
		b = append(rest, b...)
	}
	for {
		text, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			break
		}
		b = rest
		if err := p.takeLine(fd, text); err != nil {
			return err
		}
	}
	if len(b) > longestLine {
		return fmt.Errorf("expected a line of at most %d bytes on its standard output, found %.80q…", longestLine, b)
	}
	p.lines[fd] = bytes.Clone(b) // nil where there is none
	return nil
}

func (p *program) takeLine(fd int, text []byte) error {
	if fd == p.control {
		number, ok := bytes.CutPrefix(text, []byte(`{"barrier":`))
		n, err := strconv.ParseInt(string(bytes.TrimSuffix(number, []byte("}"))), 10, 64)
		if !ok || err != nil {
			return fmt.Errorf("expected {\"barrier\":n} of its shim, found %.100q", text)
		}
		p.barrier = n
		return nil
	}
	l, err := parseLine(text)
	if err != nil {
		return err
	}
	switch {
	case l.Ready != nil:
		p.ready = l.Ready
	case l.Notice != nil:
		p.notices = append(p.notices, *l.Notice)
	default:
		p.answers = append(p.answers, *l.Answer)
	}
	return nil
}

// unread reports whether the child has yet to read something of ours.
func (p *program) unread(fds []int) bool {
	for _, fd := range fds {
		request := uint(unix.TIOCOUTQ)
		if fd == p.in {
			request = unix.TIOCINQ // of a pipe, at either end
		}
		if n, err := unix.IoctlGetInt(fd, request); err == nil && n > 0 {
			return true
		}
	}
	return false
}

// endsWithin waits for the end of the process, and reports whether it came.
func (p *program) endsWithin(limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-p.process.Over():
		return true
	case <-ctx.Done():
		return false
	}
}

// close ends the process, by the end of its input and then by force, and
// removes what it had.
func (p *program) close() error {
	endTree := func() {}
	if p.process != nil {
		endTree = p.process.Tree()
	}
	if p.in >= 0 {
		_ = unix.Close(p.in) // it hears that it is to end
		p.in = -1
	}
	if p.process != nil {
		if p.serves {
			_ = unix.Kill(-p.process.Pid(), unix.SIGTERM) // services do not read their input
		}
		p.obedient = p.endsWithin(endLimit)
		endTree()
		p.process.Stop()
	}
	for _, fd := range slices.Sorted(maps.Keys(p.conns)) {
		p.drop(p.conns[fd])
	}
	p.descriptor = append(p.descriptor, slices.Collect(maps.Keys(p.exchanges))...)
	for _, fd := range append(p.descriptor, p.epoll) {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	p.descriptor, p.epoll = nil, -1
	if p.watcher != nil {
		p.watcher.close()
	}
	var errs []error
	if p.clock != nil {
		errs = append(errs, p.clock.Close())
	}
	if p.guard != nil {
		errs = append(errs, p.guard.Close())
	}
	if p.remove != nil {
		errs = append(errs, p.remove())
	}
	return errors.Join(errs...)
}

func sorted[T any](m map[int]T) []int { return slices.Sorted(maps.Keys(m)) }
