//go:build !linux

package virtualredis

import (
	"errors"
	"net"
)

// Dial fails: there is no server to connect to.
func (s *Server) Dial() (net.Conn, error) {
	return nil, errors.New("virtual time for programs needs Linux")
}

func hasAttribute(string, string) bool { return false }
