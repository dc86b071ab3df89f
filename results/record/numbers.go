package record

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/parquet-go/parquet-go"
)

// keyNumbers numbers the keys of each limit from 1, in the order in which
// readings of a record meet them, and has the text of each once. It is asked once
// for each entry of a dictionary, so that no analyser looks up texts of keys.
type keyNumbers struct {
	sync.Mutex // several readings may go on side by side
	limits     map[string]*limitKeys
}

// limitKeys are the keys of one limit: a hash table with open addressing, since a
// map of a million texts takes three times the time and twice the memory. Numbers
// do not depend on the hashes.
type limitKeys struct {
	seed  maphash.Seed
	slots []slot           // a power of two, at most three quarters of them taken
	texts []string         // by number − 1
	chunk *strings.Builder // has the latest texts, end to end
}

// slot is a key's place; number 0: it is free.
type slot struct {
	hash   uint32
	number int32
}

// firstSlots are those of a new table.
const firstSlots = 64

// textChunk is how many bytes of texts are allocated at once.
const textChunk = 64 << 10

func newKeyNumbers() *keyNumbers { return &keyNumbers{limits: map[string]*limitKeys{}} }

func (k *keyNumbers) of(limit string) *limitKeys {
	if k.limits[limit] == nil {
		k.limits[limit] = &limitKeys{seed: maphash.MakeSeed(), slots: make([]slot, firstSlots), chunk: &strings.Builder{}}
	}
	return k.limits[limit]
}

// number returns that of a key, the next one if it is new.
func (l *limitKeys) number(key []byte) int32 {
	hash := uint32(maphash.Bytes(l.seed, key))
	at := l.find(hash, func(n int32) bool { return l.texts[n-1] == string(key) })
	if at.number == 0 {
		l.texts = append(l.texts, l.text(key))
		*at = slot{hash, int32(len(l.texts))}
	}
	n := at.number
	if 4*len(l.texts) > 3*len(l.slots) {
		l.grow()
	}
	return n
}

// find returns the slot of the key with a hash that is the one, a free one if there is none.
func (l *limitKeys) find(hash uint32, is func(number int32) bool) *slot {
	for i := hash; ; i++ {
		if s := &l.slots[i&uint32(len(l.slots)-1)]; s.number == 0 || s.hash == hash && is(s.number) {
			return s
		}
	}
}

func (l *limitKeys) grow() {
	before := l.slots
	l.slots = make([]slot, 2*len(before))
	for _, s := range before {
		if s.number > 0 {
			*l.find(s.hash, func(int32) bool { return false }) = s
		}
	}
}

// text returns a copy of a key.
func (l *limitKeys) text(key []byte) string {
	if l.chunk.Cap()-l.chunk.Len() < len(key) {
		l.chunk = &strings.Builder{}
		l.chunk.Grow(max(textChunk, len(key)))
	}
	l.chunk.Write(key)
	return l.chunk.String()[l.chunk.Len()-len(key):]
}

// keyColumn is the column of the keys of takes, which also numbers them. It stands
// behind that of their limits.
type keyColumn struct {
	*leaf[Observation, Take, int32]                                  // of the entries of texts
	written                         *leaf[Observation, Take, string] // the same column, to write it
	known                           *keyNumbers

	// Of the row group:
	dictionary parquet.Dictionary
	texts      [][]byte
	met        map[string]*metKeys // by limit
	last       string              // limit
	of         *metKeys            // of it
}

// metKeys are the keys of one limit in a row group.
type metKeys struct {
	*limitKeys
	numbers []int32 // by entry; 0: not met yet
}

func newKeyColumn(path string, known *keyNumbers) column[Observation] {
	takes := func(o *Observation) *[]Take { return &o.Takes }
	c := &keyColumn{known: known, written: further(texts, takes, path, func(t *Take) *string { return &t.Key })}
	c.leaf = &leaf[Observation, Take, int32]{path: path, kind: parquet.ByteArray, decode: c.entries, list: takes, field: func(t *Take) *int32 { return &t.Number }}
	return c
}

func (c *keyColumn) bind(s *parquet.Schema) error {
	return errors.Join(c.leaf.bind(s), c.written.bind(s))
}

func (c *keyColumn) write(rows []Observation, to []*parquet.ColumnWriter) error {
	return c.written.write(rows, to)
}

func (c *keyColumn) open(g parquet.RowGroup) error {
	c.dictionary, c.texts, c.met, c.of = nil, c.texts[:0], map[string]*metKeys{}, nil
	return c.leaf.open(g)
}

// entries returns those of a page. One without a dictionary adds its texts to the
// row group's.
func (c *keyColumn) entries(p parquet.Page) ([]int32, error) {
	data := p.Data()
	if d := p.Dictionary(); d != nil {
		if c.dictionary == nil {
			c.dictionary = d
			for i := range d.Len() {
				c.texts = append(c.texts, d.Index(int32(i)).ByteArray())
			}
		}
		return data.Int32(), nil
	}
	b, offsets := data.ByteArray()
	var entries []int32
	for i := 1; i < len(offsets); i++ {
		entries = append(entries, int32(len(c.texts)))
		c.texts = append(c.texts, append([]byte(nil), b[offsets[i-1]:offsets[i]]...)) // the page will be used again
	}
	return entries, nil
}

// fill reads the entries and puts numbers and texts in their place.
func (c *keyColumn) fill(rows []Observation) error {
	if err := c.leaf.fill(rows); err != nil {
		return err
	}
	c.known.Lock()
	defer c.known.Unlock()
	for i := range rows {
		for j := range rows[i].Takes {
			if err := c.name(&rows[i].Takes[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *keyColumn) name(t *Take) error {
	entry := t.Number
	if entry < 0 || int(entry) >= len(c.texts) {
		return fmt.Errorf("entry %d of a dictionary of %d", entry, len(c.texts))
	}
	if c.of == nil || c.last != t.Limit {
		if c.met[t.Limit] == nil {
			c.met[t.Limit] = &metKeys{limitKeys: c.known.of(t.Limit)}
		}
		c.last, c.of = t.Limit, c.met[t.Limit]
	}
	for len(c.of.numbers) < len(c.texts) {
		c.of.numbers = append(c.of.numbers, make([]int32, len(c.texts)-len(c.of.numbers))...)
	}
	n := c.of.numbers[entry]
	if n == 0 {
		n = c.of.number(c.texts[entry])
		c.of.numbers[entry] = n
	}
	t.Number, t.Key = n, c.of.texts[n-1]
	return nil
}
