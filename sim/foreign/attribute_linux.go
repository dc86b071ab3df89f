package foreign

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// attribute says which request each command of a connection belongs to, nil
// where it cannot be told. live are those whose stimulus this was. The
// candidates are they and, before them, the requests that have waited without
// anything under way, in the order in which that began: a client queues in
// order. Each takes the first command that is left and names its key; what is
// left then is of the only one whose stimulus it was.
func (p *Process) attribute(cmds [][]string, live []*request) []*request {
	owners := make([]*request, len(cmds))
	left := slices.DeleteFunc(slices.Clone(p.waiting), func(r *request) bool { return r.over || r.underWay > 0 || slices.Contains(live, r) })
	if len(left) == 0 && len(live) == 1 {
		for i := range cmds {
			owners[i] = live[0]
		}
		p.shares.Sure += int64(len(cmds))
		return owners
	}
	for _, r := range live {
		if r.underWay == 0 {
			left = append(left, r)
		}
	}
	for i, words := range cmds {
		n := slices.IndexFunc(left, func(r *request) bool { return names(words, r) })
		switch {
		case n >= 0:
			owners[i] = left[n]
			left = slices.Delete(left, n, n+1)
			if slices.ContainsFunc(left, func(r *request) bool { return names(words, r) }) {
				p.shares.ByOrder++
			} else {
				p.shares.ByKey++
			}
		default:
			owners[i] = p.again(words, live)
		}
	}
	return owners
}

// again returns the only request of live that names the command's key: it
// sends several commands at once.
func (p *Process) again(words []string, live []*request) (owner *request) {
	n := 0
	for _, r := range live {
		if names(words, r) {
			owner, n = r, n+1
		}
	}
	if n == 1 {
		p.shares.ByKey++
		return owner
	}
	p.shares.Nobody++
	for _, r := range p.requests {
		r.unsure = r.unsure || r.underWay == 0 || slices.Contains(live, r)
	}
	return nil
}

// names reports whether a command has a key of one of the request's takes.
func names(words []string, r *request) bool {
	found := false
	rediscmd.Of(rediscmd.Lower(words[0])).Keys(len(words), func(i int) string { return words[i] }, func(at int) {
		found = found || slices.ContainsFunc(r.takes, func(t limiter.Take) bool { return strings.Contains(words[at], t.Key) })
	})
	return found
}
