// Package redisdata holds the data of one Redis server in memory and executes
// its commands as Redis 7.0 does: replies, errors, deadlines in milliseconds
// that take effect when a key is looked at, and what makes a transaction of a
// watching client fail.
//
// What flows in: commands as words, and the time, which is set from outside.
// What flows out: replies as they are written. Connections,
// transactions and scripts are the caller's. Only sim/ imports it.
package redisdata

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/heap"
)

// Databases is how many databases there are.
const Databases = 16

// Store is the data of one server. It is not safe for concurrent use.
type Store struct {
	dbs [Databases]*database
	ns  int64 // now, in nanoseconds since 1970
	ms  int64
	rng *rand.Rand // of commands that pick something at random

	db     *database // of the command that is executed
	client *Client
	out    reply
}

// database is one of the numbered databases.
type database struct {
	keys    map[string]*entry
	due     deadlines
	watched map[string][]*watching
}

// entry is a key's value and deadline.
type entry struct {
	text  string // of a string
	value any    // *hash, *list, *set, *zset or *stream; nil: a string
	until int64  // last millisecond since 1970 of its life; 0: for good
	made  making // of a string
}

// New returns an empty store that picks at random from rng.
func New(rng *rand.Rand) *Store {
	s := &Store{rng: rng}
	for i := range s.dbs {
		s.dbs[i] = newDatabase()
	}
	return s
}

func newDatabase() *database { return &database{keys: map[string]*entry{}} }

// SetTime sets the time, in nanoseconds since 1970, and drops keys whose time
// is up.
func (s *Store) SetTime(ns int64) {
	s.ns = ns
	ms := ns / 1e6
	if ms == s.ms {
		return
	}
	s.ms = ms
	for _, db := range s.dbs {
		for key, ok := db.next(ms); ok; key, ok = db.next(ms) {
			db.remove(key)
			db.touch(key)
		}
	}
}

// next returns a key that is due before ms.
func (db *database) next(ms int64) (string, bool) {
	for len(db.due) > 0 && db.due[0].Key[0] < ms {
		d := db.due.Pop()
		if e := db.keys[d.Value]; e != nil && e.until == d.Key[0] {
			return d.Value, true
		}
	}
	return "", false
}

// Len returns how many keys all databases hold.
func (s *Store) Len() (n int) {
	for _, db := range s.dbs {
		n += len(db.keys)
	}
	return n
}

// Peek returns the text of a string in a database. A key of another type is
// found without a text.
func (s *Store) Peek(db int, key string) (text string, found bool) {
	if e := s.dbs[db].keys[key]; e != nil {
		return e.text, true
	}
	return "", false
}

// Each visits the keys of all databases in the order of their names, with whether they have a
// deadline and what memory they take, by the estimate of MEMORY USAGE.
func (s *Store) Each(visit func(key string, expires bool, bytes int)) {
	for _, db := range s.dbs {
		for _, key := range db.sorted() {
			e := db.keys[key]
			visit(key, e.until > 0, entryBytes+len(key)+e.bytes())
		}
	}
}

// FlushAll drops all keys of all databases.
func (s *Store) FlushAll() {
	for _, db := range s.dbs {
		db.flush()
	}
}

// flush drops the keys of one database. Transactions that watch one of them fail.
func (db *database) flush() {
	for key := range db.watched {
		if db.keys[key] != nil {
			db.touch(key)
		}
	}
	clear(db.keys)
	db.due = nil
}

// find returns a key's entry, nil where there is none.
func (s *Store) find(key string) *entry { return s.db.keys[key] }

// valueOf returns a key's value, none where there is no key. It fails when the key is of another type.
func valueOf[T any](s *Store, key string, none T) T {
	e := s.find(key)
	if e == nil {
		return none
	}
	value, ok := e.value.(T)
	if !ok {
		s.fail(wrongType)
	}
	return value
}

// set gives a key a new value without a deadline.
func (s *Store) set(key string, e *entry) {
	s.db.keys[key] = e
	s.db.touch(key)
}

// store puts a value in place of a key, or nothing where it is empty, and answers
// with its size.
func (s *Store) store(key string, value any, size int) {
	if size == 0 {
		s.delete(key)
	} else {
		s.set(key, &entry{value: value})
	}
	s.count(size)
}

// items is a value whose single items are removed by their names.
type items interface {
	remove(name string) bool
	size() int
}

// removeEach removes what a command names behind its key, and answers with how
// much there was.
func (s *Store) removeEach(w []string, from items) {
	n := 0
	for _, name := range w[2:] {
		if from.remove(name) {
			n++
		}
	}
	if n > 0 {
		s.change(w[1], from.size())
	}
	s.count(n)
}

// setText gives a key a string. It keeps the deadline on request.
func (s *Store) setText(key, text string, keep bool) *entry {
	e := s.find(key)
	if e == nil {
		e = &entry{}
		s.db.keys[key] = e
	}
	e.text, e.value, e.made = text, nil, whole
	if !keep {
		e.until = 0
	}
	s.db.touch(key)
	return e
}

// change says that a key's value changed, and removes it when it is empty.
func (s *Store) change(key string, size int) {
	if size == 0 {
		s.db.remove(key)
	}
	s.db.touch(key)
}

// expire sets a deadline. A key whose time is up already is gone.
func (s *Store) expire(key string, e *entry, until int64) {
	if until < s.ms {
		s.db.remove(key)
		return
	}
	e.until = until
	s.db.due.Push([1]int64{until}, key)
	if len(s.db.due) > 2*len(s.db.keys)+64 {
		s.db.compact()
	}
}

// delete removes a key, and reports whether there was one.
func (s *Store) delete(key string) bool {
	if s.find(key) == nil {
		return false
	}
	s.db.remove(key)
	s.db.touch(key)
	return true
}

func (db *database) remove(key string) { delete(db.keys, key) }

// deadlines are the milliseconds since 1970 behind which keys are gone, the next
// one first. Those that a later change made obsolete are skipped on the way.
type deadlines = heap.Heap[[1]int64, string]

// compact drops the obsolete deadlines, so that a key whose deadline moves at
// every request does not fill the heap.
func (db *database) compact() {
	old := db.due
	slices.SortFunc(old, func(a, b heap.Item[[1]int64, string]) int {
		return cmp.Or(cmp.Compare(a.Key[0], b.Key[0]), strings.Compare(a.Value, b.Value))
	})
	kept := old[:0] // in order, which is a heap
	for _, d := range old {
		if e := db.keys[d.Value]; e != nil && e.until == d.Key[0] && (len(kept) == 0 || kept[len(kept)-1] != d) {
			kept = append(kept, d)
		}
	}
	clear(old[len(kept):])
	db.due = kept
}
