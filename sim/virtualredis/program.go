package virtualredis

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Program is a server program that runs in virtual time, as was tried out.
type Program struct {
	Path    string
	Name    string // redis, or valkey
	Version string // such as 7.0.15
}

// ErrUnfit is wrapped by the error of a program that cannot run in virtual
// time.
var ErrUnfit = errors.New("no redis-server in virtual time")

// Find looks for a server program, "" for redis-server on the PATH, and tries
// it out. The error says why it cannot run in virtual time and what to do.
func Find(ctx context.Context, path string) (*Program, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%w: it needs Linux, found %s; embedded shards need nothing", ErrUnfit, runtime.GOOS)
	}
	name, advice := path, "expected the path of a server program, or its name if it is on the PATH"
	if path == "" {
		name, advice = "redis-server", "install it (Debian: apt-get install redis-server), or name one by its path"
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; %s", ErrUnfit, err, advice)
	}
	p := &Program{Path: found}
	if p.Path, err = filepath.Abs(found); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	if err := Fit(p.Path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	if err := p.try(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	return p, nil
}

// capabilities is the attribute of a file that has the kernel run it with
// more rights than its user has.
const capabilities = "security.capability"

// Fit returns why a program would not take its clock from a library that is
// loaded before the C library. What is no ELF file, such as a script that
// starts a server, is tried out.
func Fit(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 || hasAttribute(path, capabilities) {
		return fmt.Errorf("%s is setuid, setgid or has capabilities, so the kernel lets nobody else load a library into it: use a copy without them", path)
	}
	f, err := elf.Open(path)
	var format *elf.FormatError
	if errors.As(err, &format) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for _, s := range f.Progs {
		if s.Type == elf.PT_INTERP {
			return nil
		}
	}
	return fmt.Errorf("%s is linked statically, so that no library can give it another clock: use one that is linked dynamically, as distributions build it", path)
}

// try starts the program, and asks for its version.
func (p *Program) try(ctx context.Context) (err error) {
	s, err := p.start(ctx, time.Unix(1e9, 0))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	conn, err := s.Dial()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return err
	}
	p.Name = "redis"
	for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ""; {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "redis_version":
			if p.Version == "" { // Valkey names a version of Redis too
				p.Version = value
			}
		case "server_name":
			p.Name = value
		case "valkey_version":
			p.Name, p.Version = "valkey", value
		}
	}
	if p.Version == "" {
		return fmt.Errorf("expected redis_version in the answer of %s to INFO, found none", p.Path)
	}
	return nil
}

// Start starts a server of the program at an instant.
func (p *Program) Start(at time.Time) (*Server, error) { return p.start(context.Background(), at) }

// start has a server rehash only when a command asks for it, so that the order
// of its answers does not depend on how fast this machine is.
func (p *Program) start(ctx context.Context, at time.Time) (*Server, error) {
	return Start(ctx, Options{Server: p.Path, Epoch: at, Args: []string{"--activerehashing", "no", "--hz", "1"}})
}
