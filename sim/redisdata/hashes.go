package redisdata

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// hash is fields in the order in which they came, as a small hash of Redis
// has them.
type hash struct {
	values map[string]string
	order  []string
	large  bool // it had too many or too long fields once for Redis to pack it
}

func (h *hash) size() int { return len(h.order) }

func (h *hash) clone() *hash {
	return &hash{maps.Clone(h.values), slices.Clone(h.order), h.large}
}

// set sets a field and reports whether it is new.
func (h *hash) set(field, value string) bool {
	_, found := h.values[field]
	h.values[field] = value
	if !found {
		h.order = append(h.order, field)
	}
	h.large = h.large || len(h.order) > packedItems || len(field) > packedText || len(value) > packedText
	return !found
}

func (h *hash) remove(field string) bool {
	if _, found := h.values[field]; !found {
		return false
	}
	delete(h.values, field)
	i := slices.Index(h.order, field)
	h.order = slices.Delete(h.order, i, i+1)
	return true
}

var hashCommands = map[string]func(*Store, []string){
	"hset hmset":   (*Store).hset,
	"hsetnx":       (*Store).hsetnx,
	"hget":         func(s *Store, w []string) { s.field(s.hashOf(w[1]), w[2]) },
	"hmget":        (*Store).hmget,
	"hdel":         func(s *Store, w []string) { s.removeEach(w, s.hashOf(w[1])) },
	"hexists":      func(s *Store, w []string) { s.hfield(w, func(_ string, found bool) { s.yes(found) }) },
	"hstrlen":      func(s *Store, w []string) { s.hfield(w, func(v string, _ bool) { s.count(len(v)) }) },
	"hlen":         func(s *Store, w []string) { s.count(s.hashOf(w[1]).size()) },
	"hgetall":      func(s *Store, w []string) { s.hall(w, true, true) },
	"hkeys":        func(s *Store, w []string) { s.hall(w, true, false) },
	"hvals":        func(s *Store, w []string) { s.hall(w, false, true) },
	"hincrby":      (*Store).hincrby,
	"hincrbyfloat": (*Store).hincrbyfloat,
	"hrandfield":   (*Store).hrandfield,
	"hscan":        (*Store).hscan,
}

var noFields = &hash{}

// hashOf returns a key's hash, an empty one where there is no key.
func (s *Store) hashOf(key string) *hash { return valueOf[*hash](s, key, noFields) }

// hashFor returns a key's hash, which it makes if need be.
func (s *Store) hashFor(key string) (h *hash) {
	h = s.hashOf(key)
	if h == noFields {
		h = &hash{values: map[string]string{}}
		s.db.keys[key] = &entry{value: h}
	}
	return h
}

func (s *Store) hset(w []string) {
	if len(w)%2 != 0 {
		s.fail("ERR wrong number of arguments for '" + strings.ToLower(w[0]) + "' command")
	}
	h := s.hashFor(w[1])
	added := 0
	for i := 2; i < len(w); i += 2 {
		if h.set(w[i], w[i+1]) {
			added++
		}
	}
	s.db.touch(w[1])
	if strings.EqualFold(w[0], "hset") {
		s.count(added)
	} else {
		s.ok()
	}
}

func (s *Store) hsetnx(w []string) {
	h := s.hashOf(w[1])
	if _, found := h.values[w[2]]; found {
		s.integer(0)
		return
	}
	h = s.hashFor(w[1])
	h.set(w[2], w[3])
	s.db.touch(w[1])
	s.integer(1)
}

func (s *Store) hfield(w []string, say func(value string, found bool)) {
	h := s.hashOf(w[1])
	value, found := h.values[w[2]]
	say(value, found)
}

// field answers with a field's value.
func (s *Store) field(h *hash, name string) {
	if value, found := h.values[name]; found {
		s.bulk(value)
	} else {
		s.null()
	}
}

func (s *Store) hmget(w []string) {
	h := s.hashOf(w[1])
	s.length(len(w) - 2)
	for _, name := range w[2:] {
		s.field(h, name)
	}
}

func (s *Store) hall(w []string, names, values bool) {
	h := s.hashOf(w[1])
	if names && values {
		s.pairs(len(h.order))
	} else {
		s.length(len(h.order))
	}
	for _, name := range h.order {
		if names {
			s.bulk(name)
		}
		if values {
			s.bulk(h.values[name])
		}
	}
}

func (s *Store) hincrby(w []string) {
	by := s.number(w[3])
	h := s.hashOf(w[1])
	old := int64(0)
	if text, found := h.values[w[2]]; found {
		n, ok := rediscmd.Integer(text)
		if !ok {
			s.fail("ERR hash value is not an integer")
		}
		old = n
	}
	sum, ok := add(old, by)
	if !ok {
		s.fail("ERR increment or decrement would overflow")
	}
	h = s.hashFor(w[1])
	h.set(w[2], strconv.FormatInt(sum, 10))
	s.db.touch(w[1])
	s.integer(sum)
}

func (s *Store) hincrbyfloat(w []string) {
	by, ok := parseLong(w[3])
	if !ok {
		s.fail(notFloat)
	}
	if by.IsInf() {
		s.fail("ERR value is NaN or Infinity")
	}
	h := s.hashOf(w[1])
	text, found := h.values[w[2]]
	if !found {
		text = "0"
	}
	old, ok := parseLong(text)
	if !ok {
		s.fail("ERR hash value is not a float")
	}
	sum, ok := addLong(old, by)
	if !ok {
		s.fail("ERR increment would produce NaN or Infinity")
	}
	h = s.hashFor(w[1])
	h.set(w[2], sum)
	s.db.touch(w[1])
	s.bulk(sum)
}

// sampleOf picks count of n things at random: different ones, or with a
// negative count each on its own.
func (s *Store) sampleOf(n int, count int64) []int {
	if count < 0 {
		picked := make([]int, -count)
		for i := range picked {
			picked[i] = s.rng.IntN(n)
		}
		return picked
	}
	if count >= int64(n) {
		picked := make([]int, n)
		for i := range picked {
			picked[i] = i
		}
		return picked
	}
	return s.rng.Perm(n)[:count]
}

// mostPicked is how many things a command may pick at random, which are held
// in memory at once.
const mostPicked = 1 << 24

// pickCount reads how many things to pick.
func (s *Store) pickCount(word string, pairs bool) int64 {
	n, ok := rediscmd.Integer(word)
	switch {
	case !ok:
		s.fail(notInteger)
	case n == math.MinInt64, pairs && (n < -math.MaxInt64/2 || n > math.MaxInt64/2):
		s.fail(outOfRange)
	case n < -mostPicked:
		s.refuse("that many picks")
	}
	return n
}

// pickOptions reads how many things HRANDFIELD and ZRANDMEMBER pick, and
// whether each comes with what the option names.
func (s *Store) pickOptions(w []string, option string) (count int64, pairs bool) {
	if len(w) == 2 {
		return 1, false
	}
	if len(w) > 4 || len(w) == 4 && !strings.EqualFold(w[3], option) {
		s.number(w[2])
		s.fail(syntax)
	}
	pairs = len(w) == 4
	return s.pickCount(w[2], pairs), pairs
}

func (s *Store) hrandfield(w []string) {
	count, withValues := s.pickOptions(w, "withvalues")
	h := s.hashOf(w[1])
	switch {
	case len(w) == 2 && h == noFields:
		s.null()
		return
	case len(w) == 2:
		s.bulk(h.order[s.rng.IntN(len(h.order))])
		return
	case h == noFields || count == 0:
		s.length(0)
		return
	}
	picked := s.sampleOf(len(h.order), count)
	s.each(len(picked), withValues)
	for _, i := range picked {
		s.pair(withValues)
		s.bulk(h.order[i])
		if withValues {
			s.bulk(h.values[h.order[i]])
		}
	}
}
