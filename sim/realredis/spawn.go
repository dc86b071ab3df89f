package realredis

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

// startLimit is how long redis-server may take until it answers. It takes
// 20 ms on an idle machine.
const startLimit = 20 * time.Second

// Spawn starts a redis-server for each name, on a free port of 127.0.0.1 and
// without persistence, and returns when all of them answer. They end at Close
// or with this program, however that ends.
func Spawn(ctx context.Context, names []string) (*Servers, error) { return spawn(ctx, names, false) }

func spawn(ctx context.Context, names []string, cluster bool) (*Servers, error) {
	if err := checkNames(names); err != nil {
		return nil, fmt.Errorf("starting redis-server: %w", err)
	}
	if err := child.Servers(); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("%w: there is no redis-server on the PATH; install it (Debian: apt-get install redis-server), or name servers that run already: %w", ErrUnreachable, err)
	}
	s := &Servers{cluster: cluster}
	if err := s.start(ctx, program, names); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func checkNames(names []string) error {
	if len(names) == 0 {
		return errors.New("expected at least one name of a shard, found none")
	}
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("name %d of %d: expected the name of a shard, found none", i+1, len(names))
		}
		if seen[name] {
			return fmt.Errorf("two shards are named %q", name)
		}
		seen[name] = true
	}
	return nil
}

// start leaves it to Close to undo what it did before an error.
func (s *Servers) start(ctx context.Context, program string, names []string) error {
	dir, remove, err := child.Folder("redis")
	if err != nil {
		return fmt.Errorf("starting redis-server: %w", err)
	}
	s.atClose(remove)
	for i, name := range names {
		s.own = append(s.own, &process{name: name, program: program, dir: filepath.Join(dir, strconv.Itoa(i)), cluster: s.cluster})
	}
	s.atClose(func() error { return each(s.own, (*process).close) })

	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := each(s.own, func(p *process) error { return p.begin(limited) }); err != nil {
		return err
	}
	hosts := make([]string, len(s.own))
	for i, p := range s.own {
		hosts[i] = p.host()
	}
	s.connect(append([]string(nil), names...), hosts, Login{})
	return nil
}

// each calls f for all at once, and joins their errors in order.
func each[T any](all []T, f func(T) error) error {
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, x := range all {
		wait.Go(func() { errs[i] = f(x) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// portTries is how many ports are tried. They are free when they are taken;
// another program could still listen on one before redis-server does.
const portTries = 10

// begin starts it on a free port and returns when it answers.
func (p *process) begin(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for try := 1; ; try++ {
		err := p.takePorts()
		if err == nil {
			err = p.run(ctx)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, errPortTaken) || try == portTries {
			return fmt.Errorf("shard %q: starting redis-server: %w", p.name, err)
		}
	}
}

// takePorts exchanges its ports for free ones.
func (p *process) takePorts() error {
	ports := []**heldPort{&p.port}
	if p.cluster {
		ports = append(ports, &p.bus)
	}
	for _, port := range ports {
		taken, err := holdPort("127.0.0.1:0")
		if err != nil {
			return err
		}
		if *port != nil {
			err = (*port).Close()
		}
		if *port = taken; err != nil {
			return err
		}
	}
	return nil
}

// arguments returns an address that only this machine reaches, no persistence, the
// log to us. Everything else is as Redis comes.
func (p *process) arguments() []string {
	args := []string{
		"--bind", "127.0.0.1", "--port", portOf(p.port), "--protected-mode", "yes", "--daemonize", "no",
		"--save", "", "--appendonly", "no", "--dir", p.dir, "--logfile", "",
	}
	if p.cluster {
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", portOf(p.bus), "--cluster-announce-ip", "127.0.0.1")
	}
	return args
}

func portOf(h *heldPort) string {
	_, port, _ := net.SplitHostPort(h.addr) // it was joined by heldPort
	return port
}

var (
	errEnded     = errors.New("redis-server ended before it answered")
	errPortTaken = errors.New("somebody else has the port")
)

// run starts redis-server, with p.mu held, and returns when it answers. When
// it does not, nothing of it is left.
func (p *process) run(ctx context.Context) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	p.log.Forget()
	cmd := exec.Command(p.program, p.arguments()...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &p.log, &p.log
	life, err := child.Start(cmd, 0) // it has nothing to save
	if err != nil {
		return err
	}
	p.life = life
	if err := p.await(ctx); err != nil {
		p.reap()
		return err
	}
	p.up = true
	return nil
}

// await returns when the server of this life answers.
func (p *process) await(ctx context.Context) error {
	var answer error // the last that it had the time for
	for {
		err := p.ask(ctx)
		if err == nil {
			return nil
		}
		if answer == nil || ctx.Err() == nil {
			answer = err
		}
		if p.life.Ended() {
			if p.log.Contains("Failed listening on port") {
				return fmt.Errorf("%s: %w%s", p.host(), errPortTaken, &p.log)
			}
			return fmt.Errorf("%w, by %s%s", errEnded, p.life.How(), &p.log)
		}
		if err := clock.Sleep(ctx, 2*time.Millisecond); errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%w: %s does not answer in time: %w%s", ErrUnreachable, p.host(), answer, &p.log)
		} else if err != nil {
			return err
		}
	}
}

// ask is nil when the server answers PING and is the process of this life,
// not somebody else's on the same port.
func (p *process) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.host())
	if err != nil {
		return err
	}
	defer conn.Close() // nothing is lost: all that counts has been read
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write([]byte("PING\r\nINFO server\r\n")); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != "+PONG" {
		return fmt.Errorf("expected PONG as answer to PING, found %q", lines.Text())
	}
	for lines.Scan() {
		if pid, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			if pid == strconv.Itoa(p.life.Pid()) {
				return nil
			}
			return fmt.Errorf("expected process %d on the port, found %s", p.life.Pid(), pid)
		}
	}
	return errors.Join(errors.New("expected process_id in the answer to INFO, found none"), lines.Err())
}
