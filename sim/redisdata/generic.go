package redisdata

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

var generic = map[string]func(*Store, []string){
	"del unlink":   (*Store).del,
	"exists touch": (*Store).exists,
	"type":         (*Store).typeOf,
	"expire":       func(s *Store, w []string) { s.expireCommand(w, 1000, s.ms) },
	"pexpire":      func(s *Store, w []string) { s.expireCommand(w, 1, s.ms) },
	"expireat":     func(s *Store, w []string) { s.expireCommand(w, 1000, 0) },
	"pexpireat":    func(s *Store, w []string) { s.expireCommand(w, 1, 0) },
	"ttl":          func(s *Store, w []string) { s.ttl(w[1], 1000, s.ms) },
	"pttl":         func(s *Store, w []string) { s.ttl(w[1], 1, s.ms) },
	"expiretime":   func(s *Store, w []string) { s.ttl(w[1], 1000, 0) },
	"pexpiretime":  func(s *Store, w []string) { s.ttl(w[1], 1, 0) },
	"persist":      (*Store).persist,
	"rename":       func(s *Store, w []string) { s.rename(w, false) },
	"renamenx":     func(s *Store, w []string) { s.rename(w, true) },
	"copy":         (*Store).copyCommand,
	"move":         (*Store).move,
	"keys":         (*Store).keysCommand,
	"randomkey":    (*Store).randomKey,
	"scan":         (*Store).scan,
	"object":       (*Store).object,
	"dbsize":       func(s *Store, w []string) { s.count(len(s.db.keys)) },
	"flushall":     func(s *Store, w []string) { s.flushCommand(w, s.FlushAll) },
	"flushdb":      func(s *Store, w []string) { s.flushCommand(w, s.db.flush) },
	"swapdb":       (*Store).swap,
	"sort sort_ro": (*Store).sort,
}

func (s *Store) del(w []string) {
	n := 0
	for _, key := range w[1:] {
		if s.delete(key) {
			n++
		}
	}
	s.count(n)
}

func (s *Store) exists(w []string) {
	n := 0
	for _, key := range w[1:] {
		if s.find(key) != nil {
			n++
		}
	}
	s.count(n)
}

func (s *Store) typeOf(w []string) { s.status(s.find(w[1]).typeName()) }

func (e *entry) typeName() string {
	if e == nil {
		return "none"
	}
	switch e.value.(type) {
	case nil, *counter:
		return "string"
	case *hash:
		return "hash"
	case *list:
		return "list"
	case *set:
		return "set"
	case *zset:
		return "zset"
	default:
		return "stream"
	}
}

const (
	ifNone = 1 << iota
	ifSome
	ifGreater
	ifLess
)

// condition returns what a word asks for, 0 where it is no condition.
func condition(word string) int {
	switch word {
	case "nx":
		return ifNone
	case "xx":
		return ifSome
	case "gt":
		return ifGreater
	case "lt":
		return ifLess
	}
	return 0
}

// expireOptions reads the conditions behind a deadline.
func (s *Store) expireOptions(w []string) (flags int) {
	for _, word := range w {
		flag := condition(strings.ToLower(word))
		if flag == 0 {
			s.fail("ERR Unsupported option " + word)
		}
		flags |= flag
	}
	switch {
	case flags&ifNone != 0 && flags != ifNone:
		s.fail("ERR NX and XX, GT or LT options at the same time are not compatible")
	case flags&ifGreater != 0 && flags&ifLess != 0:
		s.fail("ERR GT and LT options at the same time are not compatible")
	}
	return flags
}

func (s *Store) expireCommand(w []string, unit, base int64) {
	flags := s.expireOptions(w[3:])
	when := s.number(w[2])
	if when > math.MaxInt64/unit || when < math.MinInt64/unit || when*unit > math.MaxInt64-base {
		s.badDeadline(w[0])
	}
	when = when*unit + base
	e := s.find(w[1])
	if e == nil || !allows(flags, e.until, when) {
		s.integer(0)
		return
	}
	if when <= s.ms {
		s.db.remove(w[1])
	} else {
		s.expire(w[1], e, when)
	}
	s.db.touch(w[1])
	s.integer(1)
}

// allows reports whether the conditions let a deadline, 0 for none, be replaced.
func allows(flags int, old, when int64) bool {
	switch {
	case flags&ifNone != 0 && old != 0, flags&ifSome != 0 && old == 0:
		return false
	case flags&ifGreater != 0 && (old == 0 || when <= old):
		return false
	}
	return flags&ifLess == 0 || old == 0 || when < old
}

func (s *Store) badDeadline(name string) {
	s.fail("ERR invalid expire time in '" + strings.ToLower(name) + "' command")
}

func (s *Store) ttl(key string, unit, base int64) {
	e := s.find(key)
	switch {
	case e == nil:
		s.integer(-2)
	case e.until == 0:
		s.integer(-1)
	case unit == 1:
		s.integer(e.until - base)
	default:
		s.integer((e.until - base + 500) / 1000)
	}
}

func (s *Store) persist(w []string) {
	e := s.find(w[1])
	if e == nil || e.until == 0 {
		s.integer(0)
		return
	}
	e.until = 0
	s.db.touch(w[1])
	s.integer(1)
}

// put places an entry, with its deadline, under a key of a database.
func (db *database) put(key string, e *entry) {
	db.keys[key] = e
	if e.until != 0 {
		db.due.Push([1]int64{e.until}, key)
	}
	db.touch(key)
}

func (s *Store) rename(w []string, onlyNew bool) {
	e := s.find(w[1])
	switch {
	case e == nil:
		s.fail(noKey)
	case w[1] == w[2] && onlyNew, onlyNew && s.find(w[2]) != nil:
		s.integer(0)
		return
	case w[1] != w[2]:
		s.db.remove(w[1])
		s.db.touch(w[1])
		s.db.put(w[2], e)
	}
	if onlyNew {
		s.integer(1)
	} else {
		s.ok()
	}
}

func (s *Store) copyCommand(w []string) {
	to, replace := s.db, false
	for i := 3; i < len(w); i++ {
		switch {
		case strings.EqualFold(w[i], "replace"):
			replace = true
		case strings.EqualFold(w[i], "db") && i+1 < len(w):
			i++
			to = s.database(s.number(w[i]))
		default:
			s.fail(syntax)
		}
	}
	if to == s.db && w[1] == w[2] {
		s.fail("ERR source and destination objects are the same")
	}
	e := s.find(w[1])
	if e == nil || to.keys[w[2]] != nil && !replace {
		s.integer(0)
		return
	}
	to.put(w[2], e.clone())
	s.integer(1)
}

// number reads an integer argument.
func (s *Store) number(word string) int64 {
	n, ok := rediscmd.Integer(word)
	if !ok {
		s.fail(notInteger)
	}
	return n
}

// database returns the database of a number.
func (s *Store) database(n int64) *database {
	if n < 0 || n >= Databases {
		s.fail("ERR DB index is out of range")
	}
	return s.dbs[n]
}

func (e *entry) clone() *entry {
	c := *e
	switch v := e.value.(type) {
	case *hash:
		c.value = v.clone()
	case *list:
		c.value = v.clone()
	case *set:
		c.value = v.clone()
	case *zset:
		c.value = v.clone()
	case *stream:
		c.value = v.clone()
	case *counter:
		twin := *v
		c.value = &twin
	}
	return &c
}

func (s *Store) move(w []string) {
	to := s.database(s.number(w[2]))
	if to == s.db {
		s.fail("ERR source and destination objects are the same")
	}
	e := s.find(w[1])
	if e == nil || to.keys[w[1]] != nil {
		s.integer(0)
		return
	}
	to.put(w[1], e)
	s.db.remove(w[1])
	s.db.touch(w[1])
	s.integer(1)
}

// sorted returns the keys of a database in the order of their names: Redis'
// own order is that of its hash tables.
func (db *database) sorted() []string {
	return slices.Sorted(maps.Keys(db.keys))
}

func (s *Store) keysCommand(w []string) {
	s.bulks(slices.DeleteFunc(s.db.sorted(), func(key string) bool { return !rediscmd.Matches(w[1], key) }))
}

func (s *Store) randomKey([]string) {
	if len(s.db.keys) == 0 {
		s.null()
		return
	}
	s.bulk(s.db.sorted()[s.rng.IntN(len(s.db.keys))])
}

func (s *Store) flushCommand(w []string, flush func()) {
	if len(w) > 2 || len(w) == 2 && !strings.EqualFold(w[1], "async") && !strings.EqualFold(w[1], "sync") {
		s.fail(syntax)
	}
	flush()
	s.ok()
}

func (s *Store) swap(w []string) {
	a, ok := rediscmd.Integer(w[1])
	if !ok {
		s.fail("ERR invalid first DB index")
	}
	b, ok := rediscmd.Integer(w[2])
	if !ok {
		s.fail("ERR invalid second DB index")
	}
	first, second := s.database(a), s.database(b)
	if first != second {
		first.replaced(second)
		second.replaced(first)
		first.keys, second.keys = second.keys, first.keys
		first.due, second.due = second.due, first.due
	}
	s.ok()
}

// replaced makes the transactions of those fail that watch a key of a database
// whose keys another's replace.
func (db *database) replaced(by *database) {
	for key := range db.watched {
		if db.keys[key] != nil || by.keys[key] != nil {
			db.touch(key)
		}
	}
}

func (s *Store) object(w []string) {
	sub := strings.ToLower(w[1])
	if sub != "encoding" {
		s.refuse("OBJECT " + sub)
	}
	if e := s.find(w[2]); e != nil {
		s.bulk(e.encoding())
	} else {
		s.null()
	}
}

// What a small value may have, so that Redis packs it.
const (
	packedItems = 128
	packedText  = 64 // bytes
	embedded    = 44 // bytes of a string that is kept beside its object
)

// making is how a string came about, by which Redis packs it or does not.
type making uint8

const (
	whole   making = iota
	asText         // also where it is an integer
	inPlace        // changed where it was
)

// encoding returns the name of how Redis keeps a value.
func (e *entry) encoding() string {
	switch v := e.value.(type) {
	case *hash:
		if v.large {
			return "hashtable"
		}
		return "listpack"
	case *list:
		return "quicklist"
	case *set:
		if v.mixed {
			return "hashtable"
		}
		return "intset"
	case *zset:
		if v.large {
			return "skiplist"
		}
		return "listpack"
	case *stream:
		return "stream"
	}
	switch {
	case e.made == inPlace || e.value != nil:
		return "raw"
	case e.made == whole && isText(e.text):
		return "int"
	case len(e.text) <= embedded:
		return "embstr"
	}
	return "raw"
}
