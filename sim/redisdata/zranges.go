package redisdata

import (
	"slices"
	"strings"
)

// by is what a range of a sorted set is in.
type by int

const (
	byRank by = iota
	byScore
	byName
)

// zrangeQuery is what the commands that read a range ask for.
type zrangeQuery struct {
	fixed       bool // the command's name says by what and in which order
	by          by
	reverse     bool
	withScores  bool
	store       bool // the result is stored, so that there are no scores to ask for
	limited     bool
	offset, top int64
}

// zrangeOptions reads what stands behind the two ends of a range.
func (s *Store) zrangeOptions(w []string, q *zrangeQuery) {
	for i := 0; i < len(w); i++ {
		word := strings.ToLower(w[i])
		switch {
		case word == "withscores" && !q.store:
			q.withScores = true
		case word == "limit" && i+2 < len(w):
			q.offset = s.number(w[i+1])
			q.top = s.number(w[i+2])
			q.limited = true
			i += 2
		case word == "rev" && !q.fixed:
			q.reverse = true
		case word == "bylex" && !q.fixed && q.by == byRank:
			q.by = byName
		case word == "byscore" && !q.fixed && q.by == byRank:
			q.by = byScore
		default:
			s.fail(syntax)
		}
	}
	switch {
	case q.limited && q.top != -1 && q.by == byRank:
		s.fail("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
	case q.withScores && q.by == byName:
		s.fail("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
	}
}

// ranger returns the ranks between the ends of a range in a sorted set, the
// second one excluded.
type ranger func(z *zset) (from, to int)

// between reads the ends of a range.
func (s *Store) between(low, high string, q zrangeQuery) ranger {
	switch q.by {
	case byScore:
		return s.scoresBetween(low, high)
	case byName:
		return s.namesBetween(low, high, q)
	}
	start := s.number(low)
	end := s.number(high)
	return func(z *zset) (int, int) {
		from, to, _ := span(start, end, len(z.order))
		if q.reverse {
			return len(z.order) - to, len(z.order) - from
		}
		return from, to
	}
}

func (s *Store) scoresBetween(low, high string) ranger {
	min, minOut, ok := scoreBound(low)
	max, maxOut, also := scoreBound(high)
	if !ok || !also {
		s.fail("ERR min or max is not a float")
	}
	return func(z *zset) (int, int) {
		from := z.first(func(x scored) bool { return x.score > min || x.score == min && !minOut })
		to := z.first(func(x scored) bool { return x.score > max || x.score == max && maxOut })
		return from, to
	}
}

func scoreBound(word string) (f float64, out, ok bool) {
	text, out := strings.CutPrefix(word, "(")
	f, ok = parseBound(text)
	return f, out, ok
}

func (s *Store) namesBetween(low, high string, q zrangeQuery) ranger {
	min, ok := nameBound(low)
	max, also := nameBound(high)
	if !ok || !also {
		s.fail("ERR min or max not valid string range item")
	}
	return func(z *zset) (int, int) { return z.named(min, max, q.reverse, q.offset) }
}

// named returns the ranks of a range of names without the first skip of them.
// Where scores differ, names are not in order, and what Redis finds begins at the
// first one that is in the range, or the last one in reverse, passes over what
// is to be skipped, wherever that is, and ends before one that is out of the range.
func (z *zset) named(min, max bound, reverse bool, skip int64) (from, to int) {
	n := len(z.order)
	if skip < 0 || skip > int64(n) {
		return 0, 0
	}
	if n == 0 || z.order[0].score == z.order[n-1].score {
		from, to = z.first(func(x scored) bool { return min.isBefore(x.member, true) }), z.first(func(x scored) bool { return max.isBefore(x.member, false) })
		if reverse {
			return from, to - int(skip)
		}
		return from + int(skip), to
	}
	high := func(i int) bool { return min.isBefore(z.order[i].member, true) }
	low := func(i int) bool { return !max.isBefore(z.order[i].member, false) }
	if min.isBehind(max) || !high(n-1) || !low(0) {
		return 0, 0
	}
	if reverse {
		for to = n; to > 0 && !low(to-1); to-- {
		}
		if to > 0 && !high(to-1) {
			return 0, 0
		}
		to -= int(skip)
		for from = to; from > 0 && high(from-1); from-- {
		}
		return from, to // to may be below zero
	}
	for from < n && !high(from) {
		from++
	}
	if from < n && !low(from) {
		return 0, 0
	}
	from += int(skip)
	for to = from; to < n && low(to); to++ {
	}
	return from, to
}

// bound is an end of a range of names.
type bound struct {
	text     string
	excluded bool
	infinite int // -1 before all, 1 behind all
}

func nameBound(word string) (bound, bool) {
	switch {
	case word == "-":
		return bound{infinite: -1}, true
	case word == "+":
		return bound{infinite: 1}, true
	case strings.HasPrefix(word, "["):
		return bound{text: word[1:]}, true
	case strings.HasPrefix(word, "("):
		return bound{text: word[1:], excluded: true}, true
	}
	return bound{}, false
}

// isBefore reports whether the range begins at a name or before it, or, of its
// other end, whether it ends before the name.
func (b bound) isBefore(name string, begins bool) bool {
	switch {
	case b.infinite != 0:
		return b.infinite < 0
	case name == b.text:
		return b.excluded != begins
	}
	return b.text < name
}

// isBehind reports whether nothing is between two ends.
func (b bound) isBehind(end bound) bool {
	if b.infinite != 0 || end.infinite != 0 {
		return b.infinite > end.infinite
	}
	return b.text > end.text || b.text == end.text && (b.excluded || end.excluded)
}

// first returns the first rank for which is holds; it holds for all behind it.
func (z *zset) first(is func(scored) bool) int {
	at, _ := slices.BinarySearchFunc(z.order, 0, func(x scored, _ int) int {
		if is(x) {
			return 1
		}
		return -1
	})
	return at
}

func (s *Store) zrange(w []string, q zrangeQuery) {
	list := s.ranged(w[1], w[2:], q)
	s.scoredList(list.items, list.withScores)
}

// rangedList is the result of a range.
type rangedList struct {
	items      []scored
	withScores bool
}

// ranged reads a range of the sorted set at key. Its words are the two ends
// and the options.
func (s *Store) ranged(key string, w []string, q zrangeQuery) (list rangedList) {
	s.zrangeOptions(w[2:], &q)
	low, high := w[0], w[1]
	if q.reverse && q.by != byRank {
		low, high = high, low
	}
	in := s.between(low, high, q)
	z := s.zsetOf(key)
	from, to := in(z)
	list.withScores = q.withScores
	if from >= to {
		return list
	}
	list.items = z.order[from:to]
	if q.reverse {
		list.items = slices.Clone(list.items)
		slices.Reverse(list.items)
	}
	switch {
	case q.limited && q.by == byScore:
		list.items = limit(list.items, q.offset, q.top)
	case q.limited && q.by == byName: // the offset is behind us
		list.items = limit(list.items, 0, q.top)
	}
	return list
}

// limit returns at most top items from an offset on. A negative top is all of
// them, a negative offset none.
func limit(items []scored, offset, top int64) []scored {
	if offset < 0 || offset >= int64(len(items)) {
		return nil
	}
	items = items[offset:]
	if top >= 0 && top < int64(len(items)) {
		items = items[:top]
	}
	return items
}

func (s *Store) zrangestore(w []string) {
	list := s.ranged(w[2], w[3:], zrangeQuery{store: true})
	z := newZset()
	for _, x := range list.items {
		z.set(x.member, x.score)
	}
	s.store(w[1], z, z.size())
}

func (s *Store) zcount(w []string) {
	s.countBetween(w[1], s.scoresBetween(w[2], w[3]))
}

func (s *Store) zlexcount(w []string) {
	s.countBetween(w[1], s.namesBetween(w[2], w[3], zrangeQuery{}))
}

func (s *Store) countBetween(key string, in ranger) {
	z := s.zsetOf(key)
	from, to := in(z)
	s.count(max(0, to-from))
}

func (s *Store) zremrange(w []string, is by) {
	in := s.between(w[2], w[3], zrangeQuery{by: is})
	z := s.zsetOf(w[1])
	from, to := in(z)
	if from >= to {
		s.integer(0)
		return
	}
	z.cut(from, to)
	s.change(w[1], len(z.order))
	s.count(to - from)
}
