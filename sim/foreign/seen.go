package foreign

import (
	"slices"
	"strings"
	"sync"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// isHandshake reports whether a client sends a command for its connection's
// own sake.
func isHandshake(words []string) bool {
	name := rediscmd.Lower(words[0])
	return rediscmd.Of(name).Has(rediscmd.OfConnections) || name == "info" || name == "quit" || name == "reset" || strings.HasSuffix(name, "subscribe")
}

// seen attributes what a child sends in real time to the requests that are under
// way. A command is of the only one, or of the only one whose key it has; one
// without a key is of the request that all others are of which the child sent with
// it. It is known of no other whose it is, and then the round trips of all that
// may have sent it are unknown.
type seen struct {
	mu     sync.Mutex
	prefix string // of the child's keys, which the record leaves out
	under  []*underWay
	shares Shares
}

// underWay is a request that the child may send commands for.
type underWay struct {
	takes  []limiter.Take
	trace  *fakeredis.Trace
	open   int // commands without a reply
	unsure bool
}

// begin notes a request; trace may be nil.
func (s *seen) begin(takes []limiter.Take, trace *fakeredis.Trace) *underWay {
	r := &underWay{takes: takes, trace: trace}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under = append(s.under, r)
	return r
}

// end notes that a request is answered, or else that nobody waits for it any more:
// then the child may go on with it. Where it was not given our sockets nothing is
// known.
func (s *seen) end(r *underWay, answered, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.trace != nil && (r.unsure || !known) {
		r.trace.RoundTrips = unknown
	}
	if r.trace = nil; answered || !known {
		s.under = slices.DeleteFunc(s.under, func(other *underWay) bool { return other == r })
	}
}

func (s *seen) all() Shares {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shares
}

// sent notes commands that the child sends to a shard at once.
func (s *seen) sent(shard string, cmds [][]string) (replied func(i int, state record.KeyState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owners := s.owners(cmds)
	keys := make([]int, len(cmds)) // places in their traces of what they were the first to reach, from 1
	for i, r := range owners {
		if r == nil {
			continue
		}
		if r.open++; r.trace == nil {
			continue
		}
		if r.open == 1 { // several under way are one round trip
			r.trace.RoundTrips++
		}
		r.trace.Touch(shard, 1)
		words := cmds[i]
		rediscmd.Of(rediscmd.Lower(words[0])).Keys(len(words), func(i int) string { return words[i] }, func(at int) {
			key := strings.TrimPrefix(words[at], s.prefix)
			if _, known := r.trace.Key(key); !known {
				r.trace.Keys = append(r.trace.Keys, fakeredis.KeyTouch{Key: key, Shard: shard, State: record.Unread})
				keys[i] = len(r.trace.Keys)
			}
		})
	}
	return func(i int, state record.KeyState) {
		r := owners[i]
		if r == nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.open--; keys[i] > 0 && r.trace != nil {
			r.trace.Keys[keys[i]-1].State = state
		}
	}
}

// owners returns the request of each command, nil where there is none or that is
// not known.
func (s *seen) owners(cmds [][]string) []*underWay {
	owners := make([]*underWay, len(cmds))
	var one *underWay // of those with a key
	var keyless []int
	several := false
	for i, words := range cmds {
		if isHandshake(words) {
			continue
		}
		if len(s.under) == 1 {
			owners[i] = s.under[0]
			s.shares.Sure++
			continue
		}
		keyed := false
		rediscmd.Of(rediscmd.Lower(words[0])).Keys(len(words), func(i int) string { return words[i] }, func(int) { keyed = true })
		if !keyed {
			keyless = append(keyless, i)
			continue
		}
		candidates := s.naming(words)
		if len(candidates) != 1 {
			several = true
			s.nobody(candidates)
			continue
		}
		owners[i] = candidates[0]
		s.shares.ByKey++
		several = several || one != nil && one != owners[i]
		one = owners[i]
	}
	for _, i := range keyless {
		if one == nil || several {
			s.nobody(nil)
			continue
		}
		owners[i] = one
		s.shares.ByKey++
	}
	return owners
}

// naming returns the requests with a key that the command's key has as a word of
// its own or, where there are none, anywhere.
func (s *seen) naming(words []string) (found []*underWay) {
	for _, fits := range []func(key, name string) bool{hasWord, strings.Contains} {
		for _, r := range s.under {
			is := false
			rediscmd.Of(rediscmd.Lower(words[0])).Keys(len(words), func(i int) string { return words[i] }, func(at int) {
				key := strings.TrimPrefix(words[at], s.prefix)
				is = is || slices.ContainsFunc(r.takes, func(t limiter.Take) bool { return fits(key, t.Key) })
			})
			if is {
				found = append(found, r)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// hasWord reports whether a name stands in a key with neither letters nor digits
// beside it.
func hasWord(key, name string) bool {
	isPart := func(b byte) bool { return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' }
	for at := 0; ; at++ {
		n := strings.Index(key[at:], name)
		if n < 0 {
			return false
		}
		at += n
		if end := at + len(name); (at == 0 || !isPart(key[at-1])) && (end == len(key) || !isPart(key[end])) {
			return true
		}
	}
}

// nobody notes a command of which it is not known whose of some requests it is, or
// of all where there are none.
func (s *seen) nobody(of []*underWay) {
	s.shares.Nobody++
	if len(of) == 0 {
		of = s.under
	}
	for _, r := range of {
		r.unsure = true
	}
}
