package foreign

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/quotalab/quotalab/sim/limiter"
)

// service is a child that speaks HTTP or gRPC: each request has a connection,
// which is used again when its response was read.
type service struct {
	limiter.Service
	program *program
	free    []*exchange
}

// exchange is a connection to the service, and the request under way on it.
type exchange struct {
	fd    int
	in    []byte
	ended bool
	of    *request
	dialogue
}

func newService(p *program, s limiter.Service) *service { return &service{Service: s, program: p} }

// dial connects to the service.
func (s *service) dial() (*exchange, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("connecting to the service: %w", err)
	}
	if err = unix.Connect(fd, &unix.SockaddrUnix{Name: filepath.Join(s.program.dir, "service")}); err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil {
		err = s.program.watch(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connecting to the service: %w", err)
	}
	e := &exchange{fd: fd, dialogue: newDialogue(s.Service, "quotalab")}
	s.program.exchanges[fd] = e
	return e, s.program.write(fd, e.open())
}

// listens reports whether the service takes connections.
func (s *service) listens() bool {
	e, err := s.dial()
	if err != nil {
		return false
	}
	s.free = append(s.free, e)
	return true
}

// ask writes a request.
func (s *service) ask(r *request) (*stimulus, error) {
	for len(s.free) > 0 && s.free[len(s.free)-1].ended {
		s.drop(s.free[len(s.free)-1])
		s.free = s.free[:len(s.free)-1]
	}
	var e *exchange
	var err error
	if n := len(s.free); n > 0 {
		e, s.free = s.free[n-1], s.free[:n-1]
	} else if e, err = s.dial(); err != nil {
		return nil, err
	}
	text, err := e.dialogue.ask(r.takes[0])
	if err != nil {
		return nil, err
	}
	e.of = r
	return &stimulus{fd: e.fd, bytes: text, owners: []*request{r}}, nil
}

func (s *service) drop(e *exchange) {
	delete(s.program.exchanges, e.fd)
	_ = unix.Close(e.fd)
}

// harvest ends the requests whose responses have come, in the order in which
// they were sent. What the protocol has us write on a connection is written, and
// the service heard, until neither has more to say.
func (s *service) harvest(p *Process) error {
	for {
		all := slices.SortedFunc(maps.Values(s.program.exchanges), func(a, b *exchange) int { return cmp.Or(cmp.Compare(idOf(a), idOf(b)), a.fd-b.fd) })
		var replied []int
		for _, e := range all {
			reply, err := s.hear(p, e)
			if err != nil {
				return err
			}
			if len(reply) == 0 {
				continue
			}
			if err := s.program.write(e.fd, reply); err != nil && !e.ended {
				return fmt.Errorf("writing to the service: %w", err)
			}
			replied = append(replied, e.fd)
		}
		if len(replied) == 0 {
			return nil
		}
		if err := p.settle(replied); err != nil {
			return err
		}
	}
}

// hear reads what has come on a connection, and returns what is to be written.
func (s *service) hear(p *Process, e *exchange) (reply []byte, err error) {
	if e.of == nil && len(e.in) == 0 {
		return nil, nil
	}
	got, err := e.read(e.in, e.ended, time.Unix(0, p.now()))
	if err != nil {
		return nil, err
	}
	e.in = append(e.in[:0], got.rest...)
	if got.answer == nil || e.of == nil {
		return got.reply, nil
	}
	got.answer.ID = &e.of.id
	e.of = nil
	if got.keep {
		s.free = append(s.free, e)
	} else {
		s.drop(e)
		got.reply = nil
	}
	return got.reply, p.conclude(*got.answer)
}

func idOf(e *exchange) int64 {
	if e.of == nil {
		return 0
	}
	return e.of.id
}
