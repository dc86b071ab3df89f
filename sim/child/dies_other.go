//go:build !linux

package child

import (
	"errors"
	"os"
)

// Servers fails: no other system than Linux stops a process whose parent was
// killed, and servers that nobody stops are worse than none.
func Servers() error { return errNoServers }

// Freezing fails: there is no server of ours here.
func Freezing(bool) (os.Signal, error) { return nil, errNoServers }

var errNoServers = errors.New("servers of one's own need Linux, which stops them with this program; start them yourself and name them, as in --redis a=127.0.0.1:6379")
