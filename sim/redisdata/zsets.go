package redisdata

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

// zset is members by score, and by name where scores are equal.
type zset struct {
	scores map[string]float64
	order  []scored
	large  bool // it had too many or too long members once for Redis to pack it
}

type scored struct {
	score  float64
	member string
}

func (a scored) compare(b scored) int {
	switch {
	case a.score < b.score:
		return -1
	case a.score > b.score:
		return 1
	}
	return cmp.Compare(a.member, b.member)
}

func newZset() *zset { return &zset{scores: map[string]float64{}} }

func (z *zset) size() int { return len(z.order) }

func (z *zset) clone() *zset { return &zset{maps.Clone(z.scores), slices.Clone(z.order), z.large} }

func (z *zset) find(x scored) int {
	if n := len(z.order); n > 0 && z.order[n-1].compare(x) < 0 {
		return n
	}
	at, _ := slices.BinarySearchFunc(z.order, x, scored.compare)
	return at
}

// set gives a member a score. A packed one of −0 is 0.
func (z *zset) set(member string, score float64) {
	old, found := z.scores[member]
	z.large = z.large || !found && (len(z.scores) >= packedItems || len(member) > packedText)
	if score == 0 && !z.large {
		score = 0 // also −0
	}
	if found {
		if old == score {
			return
		}
		at := z.find(scored{old, member})
		z.order = slices.Delete(z.order, at, at+1)
	}
	z.scores[member] = score
	x := scored{score, member}
	z.order = slices.Insert(z.order, z.find(x), x)
}

func (z *zset) remove(member string) bool {
	score, found := z.scores[member]
	if found {
		at := z.find(scored{score, member})
		z.cut(at, at+1)
	}
	return found
}

// cut removes the members between two ranks. From the front it costs nothing
// more than the members.
func (z *zset) cut(from, to int) {
	for _, x := range z.order[from:to] {
		delete(z.scores, x.member)
	}
	if from == 0 {
		clear(z.order[:to])
		z.order = z.order[to:]
		return
	}
	z.order = slices.Delete(z.order, from, to)
}

var zsetCommands = map[string]func(*Store, []string){
	"zadd":             (*Store).zadd,
	"zincrby":          (*Store).zincrby,
	"zcard":            func(s *Store, w []string) { s.count(s.zsetOf(w[1]).size()) },
	"zscore":           func(s *Store, w []string) { s.scoreOf(s.zsetOf(w[1]), w[2]) },
	"zmscore":          (*Store).zmscore,
	"zrank":            func(s *Store, w []string) { s.zrank(w, false) },
	"zrevrank":         func(s *Store, w []string) { s.zrank(w, true) },
	"zrem":             func(s *Store, w []string) { s.removeEach(w, s.zsetOf(w[1])) },
	"zcount":           (*Store).zcount,
	"zlexcount":        (*Store).zlexcount,
	"zpopmin":          func(s *Store, w []string) { s.zpop(w, false) },
	"zpopmax":          func(s *Store, w []string) { s.zpop(w, true) },
	"zmpop":            func(s *Store, w []string) { s.zmpop(w[1:]) },
	"bzmpop":           (*Store).bzmpop,
	"bzpopmin":         func(s *Store, w []string) { s.bzpop(w, false) },
	"bzpopmax":         func(s *Store, w []string) { s.bzpop(w, true) },
	"zrandmember":      (*Store).zrandmember,
	"zscan":            (*Store).zscan,
	"zrange":           func(s *Store, w []string) { s.zrange(w, zrangeQuery{}) },
	"zrevrange":        func(s *Store, w []string) { s.zrange(w, zrangeQuery{fixed: true, reverse: true}) },
	"zrangebyscore":    func(s *Store, w []string) { s.zrange(w, zrangeQuery{fixed: true, by: byScore}) },
	"zrevrangebyscore": func(s *Store, w []string) { s.zrange(w, zrangeQuery{fixed: true, by: byScore, reverse: true}) },
	"zrangebylex":      func(s *Store, w []string) { s.zrange(w, zrangeQuery{fixed: true, by: byName}) },
	"zrevrangebylex":   func(s *Store, w []string) { s.zrange(w, zrangeQuery{fixed: true, by: byName, reverse: true}) },
	"zrangestore":      (*Store).zrangestore,
	"zremrangebyscore": func(s *Store, w []string) { s.zremrange(w, byScore) },
	"zremrangebylex":   func(s *Store, w []string) { s.zremrange(w, byName) },
	"zremrangebyrank":  func(s *Store, w []string) { s.zremrange(w, byRank) },
}

var noScores = newZset()

// zsetOf returns a key's sorted set, an empty one where there is no key.
func (s *Store) zsetOf(key string) *zset { return valueOf[*zset](s, key, noScores) }

// zaddOptions are what stands before the scores of ZADD.
type zaddOptions struct {
	flags         int
	changed, incr bool
}

func (s *Store) zadd(w []string) {
	var o zaddOptions
	i := 2
options:
	for ; i < len(w); i++ {
		word := strings.ToLower(w[i])
		flag := condition(word)
		switch {
		case flag != 0:
			o.flags |= flag
		case word == "ch":
			o.changed = true
		case word == "incr":
			o.incr = true
		default:
			break options
		}
	}
	s.zaddPairs(w[1], w[i:], o)
}

// wrong returns what is wrong with the options.
func (o zaddOptions) wrong(pairs []string) string {
	switch {
	case len(pairs)%2 != 0 || len(pairs) == 0:
		return syntax
	case o.flags&ifNone != 0 && o.flags&ifSome != 0:
		return "ERR XX and NX options at the same time are not compatible"
	case o.flags&ifGreater != 0 && o.flags&(ifLess|ifNone) != 0, o.flags&ifLess != 0 && o.flags&ifNone != 0:
		return "ERR GT, LT, and/or NX options at the same time are not compatible"
	case o.incr && len(pairs) > 2:
		return "ERR INCR option supports a single increment-element pair"
	}
	return ""
}

func (s *Store) zaddPairs(key string, pairs []string, o zaddOptions) {
	if text := o.wrong(pairs); text != "" {
		s.fail(text)
	}
	scores := make([]float64, len(pairs)/2)
	for i := range scores {
		f, ok := parseFloat(pairs[2*i])
		if !ok {
			s.fail(notFloat)
		}
		scores[i] = f
	}
	z := s.zsetOf(key)
	if z == noScores {
		if o.flags&ifSome != 0 {
			s.zaddSay(o, 0, 0, 0, false)
			return
		}
		z = newZset()
		s.db.keys[key] = &entry{value: z}
	}
	added, updated, score, done := 0, 0, 0.0, false
	for i, by := range scores {
		member := pairs[2*i+1]
		old, found := z.scores[member]
		if score = by; o.incr && found {
			score += old
		}
		if math.IsNaN(score) {
			s.fail("ERR resulting score is not a number (NaN)")
		}
		if !o.allows(found, old, score) {
			continue
		}
		done = true
		switch {
		case !found:
			added++
		case old != score:
			updated++
		}
		z.set(member, score)
	}
	if added+updated > 0 {
		s.db.touch(key)
	} else if len(z.order) == 0 {
		s.db.remove(key)
	}
	s.zaddSay(o, added, updated, score, done)
}

// allows reports whether the conditions let a member have a score.
func (o zaddOptions) allows(found bool, old, score float64) bool {
	if !found {
		return o.flags&ifSome == 0
	}
	return o.flags&ifNone == 0 && (o.flags&ifGreater == 0 || score > old) && (o.flags&ifLess == 0 || score < old)
}

func (s *Store) zaddSay(o zaddOptions, added, updated int, score float64, done bool) {
	switch {
	case o.incr && done:
		s.score(score)
	case o.incr:
		s.null()
	case o.changed:
		s.count(added + updated)
	default:
		s.count(added)
	}
}

func (s *Store) zincrby(w []string) { s.zaddPairs(w[1], w[2:], zaddOptions{incr: true}) }

// scoreOf answers with a member's score.
func (s *Store) scoreOf(z *zset, member string) {
	if score, found := z.scores[member]; found {
		s.score(score)
	} else {
		s.null()
	}
}

func (s *Store) zmscore(w []string) {
	z := s.zsetOf(w[1])
	s.length(len(w) - 2)
	for _, member := range w[2:] {
		s.scoreOf(z, member)
	}
}

func (s *Store) zrank(w []string, reverse bool) {
	z := s.zsetOf(w[1])
	score, found := z.scores[w[2]]
	if !found {
		s.null()
		return
	}
	at := z.find(scored{score, w[2]})
	if reverse {
		at = len(z.order) - 1 - at
	}
	s.count(at)
}

func (s *Store) zpop(w []string, highest bool) {
	if len(w) > 3 {
		s.fail(syntax)
	}
	count := s.howMany(w)
	z := s.zsetOf(w[1])
	switch {
	case z == noScores || count == 0:
		s.length(0)
	default:
		s.zpopMany(w[1], z, highest, count, len(w) == 3 && s.client.RESP3)
	}
}

// zpopMany answers with the members that it takes from an end, as pairs or in
// one list.
func (s *Store) zpopMany(key string, z *zset, highest bool, count int64, pairs bool) {
	n := int(min(count, int64(len(z.order))))
	if pairs {
		s.length(n)
	} else {
		s.length(2 * n)
	}
	for range n {
		at := 0
		if highest {
			at = len(z.order) - 1
		}
		x := z.order[at]
		if pairs {
			s.length(2)
		}
		s.bulk(x.member)
		s.score(x.score)
		z.cut(at, at+1)
	}
	s.change(key, len(z.order))
}

func (s *Store) zmpop(w []string) {
	keys, highest, count := s.popOptions(w, "max", "min")
	for _, key := range keys {
		z := s.zsetOf(key)
		if z != noScores {
			s.length(2)
			s.bulk(key)
			s.zpopMany(key, z, highest, count, true)
			return
		}
	}
	s.nullList()
}

func (s *Store) bzmpop(w []string) {
	s.patience(w[1])
	s.zmpop(w[2:])
}

func (s *Store) bzpop(w []string, highest bool) {
	s.patience(w[len(w)-1])
	for _, key := range w[1 : len(w)-1] {
		z := s.zsetOf(key)
		if z != noScores {
			at := 0
			if highest {
				at = len(z.order) - 1
			}
			x := z.order[at]
			s.length(3)
			s.bulk(key)
			s.bulk(x.member)
			s.score(x.score)
			z.cut(at, at+1)
			s.change(key, len(z.order))
			return
		}
	}
	s.nullList()
}

func (s *Store) zrandmember(w []string) {
	count, withScores := s.pickOptions(w, "withscores")
	z := s.zsetOf(w[1])
	switch {
	case len(w) == 2 && z == noScores:
		s.null()
		return
	case len(w) == 2:
		s.bulk(z.order[s.rng.IntN(len(z.order))].member)
		return
	case z == noScores || count == 0:
		s.length(0)
		return
	}
	var picked []scored
	for _, i := range s.sampleOf(len(z.order), count) {
		picked = append(picked, z.order[i])
	}
	s.scoredList(picked, withScores)
}

// each begins a list of n things, or of pairs: those are lists of their own in
// the third version of the protocol.
func (s *Store) each(n int, pairs bool) {
	if pairs && !s.client.RESP3 {
		n *= 2
	}
	s.length(n)
}

// pair begins one of the pairs of such a list.
func (s *Store) pair(pairs bool) {
	if pairs && s.client.RESP3 {
		s.length(2)
	}
}

// scoredList answers with members, and their scores on request.
func (s *Store) scoredList(list []scored, withScores bool) {
	s.each(len(list), withScores)
	for _, x := range list {
		s.pair(withScores)
		s.bulk(x.member)
		if withScores {
			s.score(x.score)
		}
	}
}
