package redisdata

import (
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// list is texts, with room before the first.
type list struct {
	room  int
	items []string // the first room ones are not used
}

func (l *list) all() []string { return l.items[l.room:] }
func (l *list) size() int     { return len(l.items) - l.room }
func (l *list) clone() *list  { return &list{0, slices.Clone(l.all())} }

func (l *list) push(left bool, text string) {
	if !left {
		l.items = append(l.items, text)
		return
	}
	if l.room == 0 {
		l.room = len(l.items) + 4
		l.items = append(make([]string, l.room, l.room+len(l.items)), l.items...)
	}
	l.room--
	l.items[l.room] = text
}

func (l *list) pop(left bool) string {
	at := len(l.items) - 1
	if left {
		at = l.room
	}
	text := l.items[at]
	l.items[at] = ""
	if left {
		l.room++
	} else {
		l.items = l.items[:at]
	}
	return text
}

var listCommands = map[string]func(*Store, []string){
	"lpush":        func(s *Store, w []string) { s.push(w, true, false) },
	"rpush":        func(s *Store, w []string) { s.push(w, false, false) },
	"lpushx":       func(s *Store, w []string) { s.push(w, true, true) },
	"rpushx":       func(s *Store, w []string) { s.push(w, false, true) },
	"lpop":         func(s *Store, w []string) { s.pop(w, true) },
	"rpop":         func(s *Store, w []string) { s.pop(w, false) },
	"llen":         func(s *Store, w []string) { s.count(s.listOf(w[1]).size()) },
	"lrange":       (*Store).lrange,
	"ltrim":        (*Store).ltrim,
	"lindex":       (*Store).lindex,
	"lset":         (*Store).lset,
	"lrem":         (*Store).lrem,
	"linsert":      (*Store).linsert,
	"lpos":         (*Store).lpos,
	"lmove blmove": (*Store).lmove,
	"rpoplpush":    func(s *Store, w []string) { s.moveItem(w[1], w[2], false, true) },
	"brpoplpush":   (*Store).brpoplpush,
	"lmpop":        func(s *Store, w []string) { s.lmpop(w[1:]) },
	"blmpop":       (*Store).blmpop,
	"blpop":        func(s *Store, w []string) { s.bpop(w, true) },
	"brpop":        func(s *Store, w []string) { s.bpop(w, false) },
}

var noItems = &list{}

// listOf returns a key's list, an empty one where there is no key.
func (s *Store) listOf(key string) *list { return valueOf[*list](s, key, noItems) }

func (s *Store) push(w []string, left, onlyOld bool) {
	l := s.listOf(w[1])
	if l == noItems {
		if onlyOld {
			s.integer(0)
			return
		}
		l = &list{}
		s.db.keys[w[1]] = &entry{value: l}
	}
	for _, text := range w[2:] {
		l.push(left, text)
	}
	s.db.touch(w[1])
	s.count(l.size())
}

// howMany reads the count behind a key, which is 1 where there is none.
func (s *Store) howMany(w []string) int64 {
	if len(w) == 2 {
		return 1
	}
	n, ok := rediscmd.Integer(w[2])
	if !ok || n < 0 {
		s.fail("ERR value is out of range, must be positive")
	}
	return n
}

func (s *Store) pop(w []string, left bool) {
	if len(w) > 3 {
		s.fail("ERR wrong number of arguments for '" + strings.ToLower(w[0]) + "' command")
	}
	count := s.howMany(w)
	l := s.listOf(w[1])
	switch {
	case l == noItems && len(w) == 3:
		s.nullList()
	case l == noItems:
		s.null()
	case len(w) == 2:
		s.bulk(l.pop(left))
		s.change(w[1], l.size())
	case count == 0:
		s.length(0)
	default:
		s.popMany(w[1], l, left, count)
	}
}

// popMany answers with the items that it takes from an end.
func (s *Store) popMany(key string, l *list, left bool, count int64) {
	n := int(min(count, int64(l.size())))
	s.length(n)
	for range n {
		s.bulk(l.pop(left))
	}
	s.change(key, l.size())
}

func (s *Store) lrange(w []string) {
	start, end := s.number(w[2]), s.number(w[3])
	l := s.listOf(w[1])
	from, to, _ := span(start, end, l.size())
	s.bulks(l.all()[from:to])
}

func (s *Store) ltrim(w []string) {
	start, end := s.number(w[2]), s.number(w[3])
	l := s.listOf(w[1])
	if l != noItems {
		from, to, _ := span(start, end, l.size())
		kept := l.all()[from:to]
		l.items, l.room = slices.Clone(kept), 0
		s.change(w[1], l.size())
	}
	s.ok()
}

// at returns the place of an index that may count from the end.
func (l *list) at(index int64) (int, bool) {
	if index < 0 {
		index += int64(l.size())
	}
	return l.room + int(index), index >= 0 && index < int64(l.size())
}

func (s *Store) lindex(w []string) {
	l := s.listOf(w[1])
	if l == noItems {
		s.null()
		return
	}
	index := s.number(w[2])
	if at, ok := l.at(index); ok {
		s.bulk(l.items[at])
	} else {
		s.null()
	}
}

func (s *Store) lset(w []string) {
	l := s.listOf(w[1])
	if l == noItems {
		s.fail(noKey)
	}
	index := s.number(w[2])
	at, ok := l.at(index)
	if !ok {
		s.fail("ERR index out of range")
	}
	l.items[at] = w[3]
	s.db.touch(w[1])
	s.ok()
}

func (s *Store) lrem(w []string) {
	count := s.number(w[2])
	l := s.listOf(w[1])
	all := l.all()
	most := int64(len(all))
	if count != 0 && count > -most && count < most {
		most = max(count, -count)
	}
	if count < 0 {
		slices.Reverse(all)
	}
	removed := int64(0)
	kept := slices.DeleteFunc(all, func(text string) bool {
		if text != w[3] || removed == most {
			return false
		}
		removed++
		return true
	})
	if count < 0 {
		slices.Reverse(kept)
	}
	if l != noItems {
		l.items = l.items[:l.room+len(kept)]
	}
	if removed > 0 {
		s.change(w[1], l.size())
	}
	s.integer(removed)
}

func (s *Store) linsert(w []string) {
	where := strings.ToLower(w[2])
	if where != "before" && where != "after" {
		s.fail(syntax)
	}
	l := s.listOf(w[1])
	if l == noItems {
		s.integer(0)
		return
	}
	at := slices.Index(l.all(), w[3])
	if at < 0 {
		s.integer(-1)
		return
	}
	if where == "after" {
		at++
	}
	l.items = slices.Insert(l.items, l.room+at, w[4])
	s.db.touch(w[1])
	s.count(l.size())
}

// posOptions are what stands behind LPOS.
type posOptions struct {
	rank, count, most int64
	list              bool
}

func (s *Store) lposOptions(w []string) (o posOptions) {
	o.rank = 1
	for i := 0; i < len(w); i += 2 {
		if i+1 == len(w) {
			s.fail(syntax)
		}
		n, ok := rediscmd.Integer(w[i+1])
		switch strings.ToLower(w[i]) {
		case "rank":
			if !ok || n == 0 {
				s.fail("ERR RANK can't be zero")
			}
			o.rank = n
		case "count":
			if !ok || n < 0 {
				s.fail("ERR COUNT can't be negative")
			}
			o.count, o.list = n, true
		case "maxlen":
			if !ok || n < 0 {
				s.fail("ERR MAXLEN can't be negative")
			}
			o.most = n
		default:
			s.fail(syntax)
		}
	}
	return o
}

func (s *Store) lpos(w []string) {
	o := s.lposOptions(w[3:])
	l := s.listOf(w[1])
	found := o.search(l.all(), w[2])
	switch {
	case o.list:
		s.length(len(found))
		for _, i := range found {
			s.count(i)
		}
	case len(found) > 0:
		s.count(found[0])
	default:
		s.null()
	}
}

// search returns the places of a text.
func (o posOptions) search(all []string, text string) (found []int) {
	skip := o.rank - 1
	if o.rank < 0 {
		skip = -(o.rank + 1)
	}
	if o.rank == math.MinInt64 { // Redis 7.0 does not see that it has no positive
		skip = 0
	}
	for i := range all {
		if o.most > 0 && int64(i) >= o.most {
			break
		}
		at := i
		if o.rank < 0 {
			at = len(all) - 1 - i
		}
		if all[at] != text {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		found = append(found, at)
		if !o.list || int64(len(found)) == o.count {
			break
		}
	}
	return found
}

// first reports whether a word is the first of the two that it may be.
func (s *Store) first(word, first, second string) bool {
	is := strings.EqualFold(word, first)
	if !is && !strings.EqualFold(word, second) {
		s.fail(syntax)
	}
	return is
}

func (s *Store) lmove(w []string) {
	from, to := s.first(w[3], "left", "right"), s.first(w[4], "left", "right")
	if len(w) == 6 {
		s.patience(w[5])
	}
	s.moveItem(w[1], w[2], from, to)
}

func (s *Store) brpoplpush(w []string) {
	s.patience(w[3])
	s.moveItem(w[1], w[2], false, true)
}

// patience checks how long a command would wait.
func (s *Store) patience(word string) {
	f, ok := parseLong(word)
	switch {
	case !ok:
		s.fail("ERR timeout is not a float or out of range")
	case f.Sign() < 0:
		s.fail("ERR timeout is negative")
	}
}

func (s *Store) moveItem(source, target string, fromLeft, toLeft bool) {
	from := s.listOf(source)
	if from == noItems {
		s.null()
		return
	}
	to := s.listOf(target)
	if to == noItems {
		to = &list{}
		s.db.keys[target] = &entry{value: to}
	}
	text := from.pop(fromLeft)
	to.push(toLeft, text)
	s.db.touch(target)
	s.change(source, from.size())
	s.bulk(text)
}

// fromKeys reads the number of keys and the keys behind it. It fails with a
// text where there are fewer.
func (s *Store) fromKeys(w []string, fewer string) (keys, rest []string) {
	n, ok := rediscmd.Integer(w[0])
	if !ok || n <= 0 {
		s.fail("ERR numkeys should be greater than 0")
	}
	if n > int64(len(w)-1) {
		s.fail(fewer)
	}
	return w[1 : 1+n], w[1+n:]
}

// popOptions reads the words of LMPOP and ZMPOP: the keys, whether the first of two
// ends is meant, and how much to pop.
func (s *Store) popOptions(w []string, end, other string) (keys []string, first bool, count int64) {
	keys, rest := s.fromKeys(w, syntax)
	if len(rest) == 0 {
		s.fail(syntax)
	}
	first = s.first(rest[0], end, other)
	if len(rest) == 1 {
		return keys, first, 1
	}
	if len(rest) != 3 || !strings.EqualFold(rest[1], "count") {
		s.fail(syntax)
	}
	count, ok := rediscmd.Integer(rest[2])
	if !ok || count <= 0 {
		s.fail("ERR count should be greater than 0")
	}
	return keys, first, count
}

func (s *Store) lmpop(w []string) {
	keys, left, count := s.popOptions(w, "left", "right")
	for _, key := range keys {
		l := s.listOf(key)
		if l != noItems {
			s.length(2)
			s.bulk(key)
			s.popMany(key, l, left, count)
			return
		}
	}
	s.nullList()
}

func (s *Store) blmpop(w []string) {
	s.patience(w[1])
	s.lmpop(w[2:])
}

// bpop pops from the first list that has something. Nothing waits here.
func (s *Store) bpop(w []string, left bool) {
	s.patience(w[len(w)-1])
	for _, key := range w[1 : len(w)-1] {
		l := s.listOf(key)
		if l != noItems {
			s.bulks([]string{key, l.pop(left)})
			s.change(key, l.size())
			return
		}
	}
	s.nullList()
}
