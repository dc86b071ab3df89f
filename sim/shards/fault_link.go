package shards

import (
	"math"
	"strconv"
	"time"
)

// link is one way of a narrow link, first in, first out.
type link struct {
	rate float64 // bytes per second; 0: as wide as need be
	free int64   // instant at which all before has passed
}

// pass returns the instant at which so many bytes that come now have passed.
func (l *link) pass(now int64, bytes int64) int64 {
	l.free = max(l.free, now) + int64(math.Ceil(float64(bytes)/l.rate*float64(time.Second)))
	return l.free
}

// widen ends a link's narrowness: what is in it gets through.
func (s *Shard) widen() {
	s.there, s.back = link{}, link{}
	now := s.sched.Now()
	for _, t := range s.inOrder(func(t *tracked) int64 { return t.due }, onLink, onLinkBack) {
		if t.state == onLink {
			t.after(now, onLink, t.arrive)
		} else {
			t.after(now, onLinkBack, t.leave)
		}
	}
}

// wireSize is the length of the commands as they go over the wire; of none,
// that of a PING.
func wireSize(cmds []command, as form) int64 {
	if len(cmds) == 0 {
		return int64(len("*1\r\n$4\r\nPING\r\n"))
	}
	size := 0
	if as == transaction {
		size = len("*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n")
	}
	for _, c := range cmds {
		args := c.Args()
		size += headerSize(len(args))
		for _, a := range args {
			n := len(word(a))
			size += headerSize(n) + n + 2
		}
	}
	return int64(size)
}

// headerSize is the length of "$<n>\r\n".
func headerSize(n int) int { return len(strconv.Itoa(n)) + 3 }
