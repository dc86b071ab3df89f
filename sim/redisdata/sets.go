package redisdata

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// set is members in the order in which they came. While all of them are
// integers Redis keeps them in the order of their values.
type set struct {
	at    map[string]int
	order []string
	mixed bool // a member was no integer, or there were too many
}

func newSet() *set { return &set{at: map[string]int{}} }

func (t *set) size() int { return len(t.order) }

func (t *set) clone() *set {
	return &set{maps.Clone(t.at), slices.Clone(t.order), t.mixed}
}

// mostIntegers is how many integers Redis keeps in their order.
const mostIntegers = 512

func (t *set) add(member string) bool {
	if _, found := t.at[member]; found {
		return false
	}
	t.at[member] = len(t.order)
	t.order = append(t.order, member)
	t.mixed = t.mixed || len(t.order) > mostIntegers || !isText(member)
	return true
}

func (t *set) has(member string) bool {
	_, found := t.at[member]
	return found
}

func (t *set) remove(member string) bool {
	i, found := t.at[member]
	if !found {
		return false
	}
	delete(t.at, member)
	last := len(t.order) - 1
	t.order[i] = t.order[last]
	t.order = t.order[:last]
	if i < last {
		t.at[t.order[i]] = i
	}
	return true
}

// members returns the members in Redis' order where it has one.
func (t *set) members() []string {
	if t.mixed {
		return t.order
	}
	sorted := slices.Clone(t.order)
	slices.SortFunc(sorted, func(a, b string) int {
		m, _ := strconv.ParseInt(a, 10, 64)
		n, _ := strconv.ParseInt(b, 10, 64)
		return cmp.Compare(m, n)
	})
	return sorted
}

var setCommands = map[string]func(*Store, []string){
	"sadd":        (*Store).sadd,
	"srem":        func(s *Store, w []string) { s.removeEach(w, s.setOf(w[1])) },
	"scard":       func(s *Store, w []string) { s.count(s.setOf(w[1]).size()) },
	"smembers":    func(s *Store, w []string) { s.members(s.setOf(w[1]).members()) },
	"sismember":   func(s *Store, w []string) { s.yes(s.setOf(w[1]).has(w[2])) },
	"smismember":  (*Store).smismember,
	"smove":       (*Store).smove,
	"spop":        (*Store).spop,
	"srandmember": (*Store).srandmember,
	"sinter":      func(s *Store, w []string) { s.sayCombined(w[1:], both) },
	"sunion":      func(s *Store, w []string) { s.sayCombined(w[1:], either) },
	"sdiff":       func(s *Store, w []string) { s.sayCombined(w[1:], less) },
	"sinterstore": func(s *Store, w []string) { s.storeCombined(w, both) },
	"sunionstore": func(s *Store, w []string) { s.storeCombined(w, either) },
	"sdiffstore":  func(s *Store, w []string) { s.storeCombined(w, less) },
	"sintercard":  (*Store).sintercard,
	"sscan":       (*Store).sscan,
}

var noMembers = newSet()

// setOf returns a key's set, an empty one where there is no key.
func (s *Store) setOf(key string) *set { return valueOf[*set](s, key, noMembers) }

func (s *Store) membersFor(key string) (t *set) {
	t = s.setOf(key)
	if t == noMembers {
		t = newSet()
		s.db.keys[key] = &entry{value: t}
	}
	return t
}

func (s *Store) sadd(w []string) {
	t := s.membersFor(w[1])
	n := 0
	for _, m := range w[2:] {
		if t.add(m) {
			n++
		}
	}
	if n > 0 {
		s.db.touch(w[1])
	}
	s.count(n)
}

func (s *Store) smismember(w []string) {
	t := s.setOf(w[1])
	s.length(len(w) - 2)
	for _, m := range w[2:] {
		s.yes(t.has(m))
	}
}

func (s *Store) smove(w []string) {
	from := s.setOf(w[1])
	if from == noMembers {
		s.integer(0)
		return
	}
	to := s.setOf(w[2])
	if from == to || !from.has(w[3]) {
		s.yes(from == to && from.has(w[3]))
		return
	}
	from.remove(w[3])
	s.change(w[1], len(from.order))
	to = s.membersFor(w[2])
	to.add(w[3])
	s.db.touch(w[2])
	s.integer(1)
}

func (s *Store) spop(w []string) {
	if len(w) > 3 {
		s.fail(syntax)
	}
	count := s.howMany(w)
	t := s.setOf(w[1])
	switch {
	case t == noMembers && len(w) == 2:
		s.null()
		return
	case t == noMembers || count == 0:
		s.length(0)
		return
	}
	members := t.members()
	var picked []string
	for _, i := range s.sampleOf(len(members), count) {
		picked = append(picked, members[i])
	}
	for _, m := range picked {
		t.remove(m)
	}
	s.change(w[1], len(t.order))
	if len(w) == 2 {
		s.bulk(picked[0])
	} else {
		s.members(picked)
	}
}

func (s *Store) srandmember(w []string) {
	if len(w) > 3 {
		s.fail(syntax)
	}
	count := int64(1)
	if len(w) == 3 {
		count = s.pickCount(w[2], false)
	}
	t := s.setOf(w[1])
	switch {
	case t == noMembers && len(w) == 2:
		s.null()
		return
	case t == noMembers || count == 0:
		s.length(0)
		return
	}
	members := t.members()
	picked := s.sampleOf(len(members), count)
	if len(w) == 3 {
		s.length(len(picked))
	}
	for _, i := range picked {
		s.bulk(members[i])
	}
}

// combination is how sets become one.
type combination int

const (
	both combination = iota
	either
	less
)

// combine returns a set of members of several keys.
func (s *Store) combine(keys []string, how combination) (out *set) {
	sets := make([]*set, len(keys))
	missing := false
	for i, key := range keys {
		sets[i] = s.setOf(key)
		missing = missing || sets[i] == noMembers
	}
	out = newSet()
	if how == both && missing {
		return out
	}
	if how == either {
		for _, t := range sets {
			for _, m := range t.members() {
				out.add(m)
			}
		}
		return out
	}
	for _, m := range sets[0].members() {
		others := 0
		for _, t := range sets[1:] {
			if t.has(m) {
				others++
			}
		}
		if how == both && others == len(sets)-1 || how == less && others == 0 {
			out.add(m)
		}
	}
	return out
}

func (s *Store) sayCombined(keys []string, how combination) {
	s.members(s.combine(keys, how).members())
}

func (s *Store) storeCombined(w []string, how combination) {
	t := s.combine(w[2:], how)
	s.store(w[1], t, t.size())
}

// limitOption reads LIMIT behind the keys of SINTERCARD and ZINTERCARD.
func (s *Store) limitOption(w []string) (most int) {
	most = math.MaxInt
	for i := 0; i < len(w); i += 2 {
		if i+1 == len(w) || !strings.EqualFold(w[i], "limit") {
			s.fail(syntax)
		}
		n, ok := rediscmd.Integer(w[i+1])
		if !ok || n < 0 {
			s.fail("ERR LIMIT can't be negative")
		}
		if most = math.MaxInt; n > 0 {
			most = int(n)
		}
	}
	return most
}

func (s *Store) sintercard(w []string) {
	keys, rest := s.fromKeys(w[1:], "ERR Number of keys can't be greater than number of args")
	most := s.limitOption(rest)
	s.count(min(s.combine(keys, both).size(), most))
}
