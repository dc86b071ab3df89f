package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/sim/vtime"
)

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

// arguments: an address that only this machine reaches, no persistence, the
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
	p.log.forget()
	cmd := exec.Command(p.program, p.arguments()...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &p.log, &p.log
	cmd.WaitDelay = time.Second // for what it forked and still holds its log
	if err := p.forks.start(cmd); err != nil {
		return err
	}
	l := &life{cmd: cmd, over: make(chan struct{})}
	go func() {
		l.exit = cmd.Wait()
		close(l.over)
	}()
	p.life = l
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
		if p.life.ended() {
			if p.log.contains("Failed listening on port") {
				return fmt.Errorf("%s: %w%s", p.host(), errPortTaken, &p.log)
			}
			return fmt.Errorf("%w, by %s%s", errEnded, exitText(p.life.exit), &p.log)
		}
		if err := vtime.Sleep(ctx, 2*time.Millisecond); errors.Is(err, context.DeadlineExceeded) {
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
			if pid == strconv.Itoa(p.life.cmd.Process.Pid) {
				return nil
			}
			return fmt.Errorf("expected process %d on the port, found %s", p.life.cmd.Process.Pid, pid)
		}
	}
	return errors.Join(errors.New("expected process_id in the answer to INFO, found none"), lines.Err())
}
