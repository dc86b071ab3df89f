package foreign

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/quotalab/quotalab/sim/limiter"
)

// service is a child that speaks HTTP: each request has a connection, which is
// used again when its response was read.
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
	e := &exchange{fd: fd}
	s.program.exchanges[fd] = e
	return e, nil
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
	text, err := httpRequest(s.Service, r.takes[0])
	if err != nil {
		return nil, err
	}
	for len(s.free) > 0 && s.free[len(s.free)-1].ended {
		s.drop(s.free[len(s.free)-1])
		s.free = s.free[:len(s.free)-1]
	}
	var e *exchange
	if n := len(s.free); n > 0 {
		e, s.free = s.free[n-1], s.free[:n-1]
	} else if e, err = s.dial(); err != nil {
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
// they were sent.
func (s *service) harvest(p *Process) error {
	all := slices.SortedFunc(maps.Values(s.program.exchanges), func(a, b *exchange) int { return int(idOf(a) - idOf(b)) })
	for _, e := range all {
		if e.of == nil {
			continue
		}
		a, ok, keep, err := parseResponse(e.in, e.ended, time.Unix(0, p.now()))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		a.ID = &e.of.id
		e.of, e.in = nil, e.in[:0]
		if keep {
			s.free = append(s.free, e)
		} else {
			s.drop(e)
		}
		if err := p.conclude(a); err != nil {
			return err
		}
	}
	return nil
}

func idOf(e *exchange) int64 {
	if e.of == nil {
		return 0
	}
	return e.of.id
}
