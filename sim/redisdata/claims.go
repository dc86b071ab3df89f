package redisdata

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

func (s *Store) xpending(w []string) {
	if len(w) != 3 {
		s.xpendingList(w)
		return
	}
	_, g := s.groupOf(w[1], w[2])
	s.length(4)
	s.count(len(g.pending))
	if len(g.pending) == 0 {
		s.null()
		s.null()
		s.nullList()
		return
	}
	s.bulk(g.pending[0].id.String())
	s.bulk(g.pending[len(g.pending)-1].id.String())
	counts := map[string]int{}
	for _, p := range g.pending {
		counts[p.consumer]++
	}
	names := slices.Sorted(maps.Keys(counts))
	s.length(len(names))
	for _, name := range names {
		s.length(2)
		s.bulk(name)
		s.bulk(scoreText(float64(counts[name])))
	}
}

func (s *Store) xpendingList(w []string) {
	idle := int64(0)
	rest := w[3:]
	if strings.EqualFold(rest[0], "idle") && len(rest) > 1 {
		idle = s.number(rest[1])
		rest = rest[2:]
	}
	if len(rest) < 3 || len(rest) > 4 {
		s.fail(syntax)
	}
	count := s.number(rest[2])
	from := s.interval(rest[0], true)
	to := s.interval(rest[1], false)
	_, g := s.groupOf(w[1], w[2])
	var found []pending
	for _, p := range g.pending {
		if int64(len(found)) >= count {
			break
		}
		if p.id.compare(from) >= 0 && p.id.compare(to) <= 0 && (len(rest) == 3 || p.consumer == rest[3]) && (idle == 0 || s.ms-p.at >= idle) {
			found = append(found, p)
		}
	}
	s.length(len(found))
	for _, p := range found {
		s.length(4)
		s.bulk(p.id.String())
		s.bulk(p.consumer)
		s.integer(max(0, s.ms-p.at))
		s.integer(p.times)
	}
}

// claimOptions are what stands behind the IDs of XCLAIM.
type claimOptions struct {
	at            int64
	retry         int64 // -1: as it is
	force, justID bool
	last          streamID
}

func (s *Store) claimOptions(w []string) (o claimOptions) {
	o.at, o.retry = s.ms, -1
	for i := 0; i < len(w); i++ {
		word, more := strings.ToLower(w[i]), i+1 < len(w)
		switch {
		case word == "force":
			o.force = true
		case word == "justid":
			o.justID = true
		case word == "idle" && more:
			i++
			o.at = s.ms - s.number(w[i])
		case word == "time" && more:
			i++
			o.at = s.number(w[i])
		case word == "retrycount" && more:
			i++
			o.retry = s.number(w[i])
		case word == "lastid" && more:
			i++
			o.last = s.strictID(w[i])
		default:
			s.fail("ERR Unrecognized XCLAIM option '" + w[i] + "'")
		}
	}
	if o.at < 0 || o.at > s.ms {
		o.at = s.ms
	}
	return o
}

func (s *Store) xclaim(w []string) {
	x, g := s.groupOf(w[1], w[2])
	idle, ok := rediscmd.Integer(w[4])
	if !ok {
		s.fail("ERR Invalid min-idle-time argument for XCLAIM")
	}
	idle = max(idle, 0)
	var ids []streamID
	options := 5
	for ; options < len(w); options++ {
		id, ok := parseID(w[options], 0)
		if !ok {
			break
		}
		ids = append(ids, id)
	}
	o := s.claimOptions(w[options:])
	if o.last.compare(g.last) > 0 {
		g.last = o.last
	}
	g.addConsumer(w[3])
	var claimed []streamEntry
	for _, id := range ids {
		if e, ok := s.claim(x, g, id, w[3], idle, o); ok {
			claimed = append(claimed, e)
		}
	}
	s.sayClaimed(claimed, o.justID)
}

// claim gives an entry to another consumer, unless somebody was given it a
// short time ago.
func (s *Store) claim(x *stream, g *group, id streamID, consumer string, idle int64, o claimOptions) (streamEntry, bool) {
	at, pends := g.find(id)
	e, found := x.find(id)
	if !found {
		if pends {
			g.pending = slices.Delete(g.pending, at, at+1)
		}
		return e, false
	}
	p := pending{id: id}
	if pends {
		if p = g.pending[at]; s.ms-p.at < idle {
			return e, false
		}
	} else if !o.force {
		return e, false
	}
	p.consumer, p.at = consumer, o.at
	if o.retry >= 0 {
		p.times = o.retry
	} else if !o.justID {
		p.times++
	}
	g.give(p)
	return e, true
}

func (s *Store) sayClaimed(claimed []streamEntry, justID bool) {
	if !justID {
		s.entries(claimed)
		return
	}
	s.length(len(claimed))
	for _, e := range claimed {
		s.bulk(e.id.String())
	}
}

func (s *Store) xautoclaim(w []string) {
	idle, ok := rediscmd.Integer(w[4])
	if !ok {
		s.fail("ERR Invalid min-idle-time argument for XAUTOCLAIM")
	}
	from := s.interval(w[5], true)
	count, justID := int64(100), false
	for i := 6; i < len(w); i++ {
		switch {
		case strings.EqualFold(w[i], "count") && i+1 < len(w):
			i++
			if count, ok = rediscmd.Integer(w[i]); !ok || count <= 0 || count > math.MaxInt64/16 {
				s.fail("ERR COUNT must be > 0")
			}
		case strings.EqualFold(w[i], "justid"):
			justID = true
		default:
			s.fail(syntax)
		}
	}
	x, g := s.groupOf(w[1], w[2])
	g.addConsumer(w[3])
	s.autoclaim(x, g, w[3], from, max(idle, 0), count, justID)
}

// autoclaim looks at ten times as many entries as it may claim.
func (s *Store) autoclaim(x *stream, g *group, consumer string, from streamID, idle, count int64, justID bool) {
	var claimed []streamEntry
	var gone []string
	at, _ := g.find(from)
	for attempts := count * 10; attempts > 0 && count > 0 && at < len(g.pending); attempts-- {
		p := g.pending[at]
		if _, found := x.find(p.id); !found {
			g.pending = slices.Delete(g.pending, at, at+1)
			gone = append(gone, p.id.String())
			count--
			continue
		}
		at++
		if e, ok := s.claim(x, g, p.id, consumer, idle, claimOptions{at: s.ms, retry: -1, justID: justID}); ok {
			claimed = append(claimed, e)
			count--
		}
	}
	next := streamID{}
	if at < len(g.pending) {
		next = g.pending[at].id
	}
	s.length(3)
	s.bulk(next.String())
	s.sayClaimed(claimed, justID)
	s.bulks(gone)
}
