package redisdata

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// streamID is the place of an entry in a stream.
type streamID struct{ ms, seq uint64 }

var lastID = streamID{math.MaxUint64, math.MaxUint64}

func (a streamID) compare(b streamID) int {
	if c := cmp.Compare(a.ms, b.ms); c != 0 {
		return c
	}
	return cmp.Compare(a.seq, b.seq)
}

func (a streamID) String() string {
	return strconv.FormatUint(a.ms, 10) + "-" + strconv.FormatUint(a.seq, 10)
}

// next returns the following place, false where there is none.
func (a streamID) next() (streamID, bool) {
	if a.seq++; a.seq == 0 {
		a.ms++
	}
	return a, a != streamID{}
}

// previous returns the place before, false where there is none.
func (a streamID) previous() (streamID, bool) {
	if a == (streamID{}) {
		return a, false
	}
	if a.seq--; a.seq == math.MaxUint64 {
		a.ms--
	}
	return a, true
}

// stream is entries in order. Redis packs them into nodes, which are what an
// approximate trim removes.
type stream struct {
	entries []streamEntry
	nodes   []streamNode
	last    streamID // of all that were ever added
	deleted streamID // the highest that was deleted by its name
	groups  map[string]*group
}

type streamEntry struct {
	id     streamID
	fields []string // names and values in turn
}

func (x *stream) clone() *stream {
	c := *x
	c.entries, c.nodes = slices.Clone(x.entries), slices.Clone(x.nodes)
	c.groups = map[string]*group{}
	for name, g := range x.groups {
		c.groups[name] = g.clone()
	}
	return &c
}

// at returns the index of the first entry that is not before id.
func (x *stream) at(id streamID) int {
	at, _ := slices.BinarySearchFunc(x.entries, id, func(e streamEntry, id streamID) int { return e.id.compare(id) })
	return at
}

// find returns an entry.
func (x *stream) find(id streamID) (streamEntry, bool) {
	at := x.at(id)
	if at == len(x.entries) || x.entries[at].id != id {
		return streamEntry{}, false
	}
	return x.entries[at], true
}

// remove removes an entry from its node too.
func (x *stream) remove(id streamID) bool {
	at := x.at(id)
	if at == len(x.entries) || x.entries[at].id != id {
		return false
	}
	x.entries = slices.Delete(x.entries, at, at+1)
	for i := range x.nodes {
		if at < x.nodes[i].entries {
			x.nodes[i].deleted++
			if x.nodes[i].entries--; x.nodes[i].entries == 0 {
				x.nodes = slices.Delete(x.nodes, i, i+1)
			}
			break
		}
		at -= x.nodes[i].entries
	}
	if id.compare(x.deleted) > 0 {
		x.deleted = id
	}
	return true
}

var streamCommands = map[string]func(*Store, []string){
	"xadd":      (*Store).xadd,
	"xlen":      (*Store).xlen,
	"xrange":    func(s *Store, w []string) { s.xrange(w, false) },
	"xrevrange": func(s *Store, w []string) { s.xrange(w, true) },
	"xdel":      (*Store).xdel,
	"xtrim":     (*Store).xtrim,
	"xsetid":    (*Store).xsetid,
	"xread":     (*Store).xread,
}

// streamOf returns a key's stream, nil where there is no key.
func (s *Store) streamOf(key string) *stream { return valueOf[*stream](s, key, nil) }

func (s *Store) newStream(key string) *stream {
	x := &stream{groups: map[string]*group{}}
	s.db.keys[key] = &entry{value: x}
	return x
}

const badID = "ERR Invalid stream ID specified as stream command argument"

// parseUnsigned reads a number as Redis reads the halves of an ID: leniently
// where it is none of its own.
func parseUnsigned(word string) (uint64, bool) {
	if n, ok := rediscmd.Integer(word); ok {
		return uint64(n), n >= 0
	}
	for word != "" && isSpace(word[0]) {
		word = word[1:]
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(word, "+"), 10, 64)
	return n, err == nil
}

// parseID reads an ID. Without a second half it gets missing.
func parseID(word string, missing uint64) (streamID, bool) {
	ms, seq, both := strings.Cut(word, "-")
	id := streamID{seq: missing}
	ok := false
	if id.ms, ok = parseUnsigned(ms); !ok {
		return id, false
	}
	if both {
		id.seq, ok = parseUnsigned(seq)
	}
	return id, ok
}

// strictID reads an ID, and fails where it is none.
func (s *Store) strictID(word string) streamID {
	id, ok := parseID(word, 0)
	if !ok {
		s.fail(badID)
	}
	return id
}

func (s *Store) strictIDs(words []string) []streamID {
	ids := make([]streamID, len(words))
	for i, word := range words {
		ids[i] = s.strictID(word)
	}
	return ids
}

// trim is how much of a stream is kept.
type trim struct {
	by     string // maxlen, minid; "": all
	length int64
	id     streamID
	about  bool
	limit  int64
}

// addOptions are what stands before the fields of XADD.
type addOptions struct {
	trim   trim
	noMake bool
	auto   bool // the time makes the ID
	autoNo bool // the second half of the ID counts on
	id     streamID
}

// addOptions reads the options of XADD and XTRIM and returns where the fields
// of XADD begin.
func (s *Store) addOptions(w []string, add bool) (o addOptions, at int) {
	limited := false
	for at = 2; at < len(w); at++ {
		word, more := strings.ToLower(w[at]), len(w)-1-at
		switch {
		case add && word == "*":
			o.auto = true
			s.checkTrim(&o.trim, limited)
			return o, at + 1
		case (word == "maxlen" || word == "minid") && more > 0:
			if o.trim.by != "" {
				s.fail("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
			}
			o.trim.by = word
			if more >= 2 && (w[at+1] == "~" || w[at+1] == "=") {
				at++
				o.trim.about = w[at] == "~"
			}
			at++
			s.trimArgument(&o.trim, w[at])
		case word == "limit" && more > 0:
			at++
			o.trim.limit = s.number(w[at])
			if o.trim.limit < 0 {
				s.fail("ERR The LIMIT argument must be >= 0.")
			}
			limited = true
		case add && word == "nomkstream":
			o.noMake = true
		case add:
			ms, auto := strings.CutSuffix(w[at], "-*")
			o.id = s.strictID(ms)
			if auto && strings.Contains(ms, "-") {
				s.fail(badID)
			}
			o.autoNo = auto
			s.checkTrim(&o.trim, limited)
			return o, at + 1
		default:
			s.fail(syntax)
		}
	}
	s.checkTrim(&o.trim, limited)
	return o, at
}

func (s *Store) trimArgument(t *trim, word string) {
	if t.by == "minid" {
		t.id = s.strictID(word)
	} else if t.length = s.number(word); t.length < 0 {
		s.fail("ERR The MAXLEN argument must be >= 0.")
	}
}

// checkTrim gives an approximate trim its limit.
func (s *Store) checkTrim(t *trim, limited bool) {
	switch {
	case t.limit != 0 && t.by == "":
		s.fail("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
	case limited && !t.about:
		s.fail("ERR syntax error, LIMIT cannot be used without the special ~ option")
	case !limited && t.about:
		t.limit = 100 * nodeEntries
	}
}

// trim removes the first entries and returns how many.
func (x *stream) trim(t trim) (removed int) {
	size := func() int64 { return int64(len(x.entries) - removed) }
	for t.by != "" && len(x.nodes) > 0 && (t.by == "minid" || size() > t.length) {
		n := x.nodes[0].entries
		if t.limit > 0 && int64(removed+n) > t.limit {
			break
		}
		whole := size()-int64(n) >= t.length
		if t.by == "minid" {
			whole = x.entries[removed+n-1].id.compare(t.id) < 0
		}
		if whole {
			removed += n
			x.nodes = x.nodes[1:]
			continue
		}
		if !t.about {
			part := int(size() - t.length)
			if t.by == "minid" {
				part = max(0, x.at(t.id)-removed)
			}
			removed += part
			x.nodes[0].entries -= part
			x.nodes[0].deleted += part
		}
		break
	}
	clear(x.entries[:removed])
	x.entries = x.entries[removed:]
	return removed
}

func (s *Store) xadd(w []string) {
	o, at := s.addOptions(w, true)
	fields := w[min(at, len(w)):]
	if len(fields) < 2 || len(fields)%2 == 1 {
		s.fail("ERR wrong number of arguments for 'xadd' command")
	}
	if !o.auto && !o.autoNo && o.id == (streamID{}) {
		s.fail("ERR The ID specified in XADD must be greater than 0-0")
	}
	x := s.streamOf(w[1])
	if x == nil {
		if o.noMake {
			s.null()
			return
		}
		x = s.newStream(w[1])
	}
	if x.last == lastID {
		s.fail("ERR The stream has exhausted the last possible ID, unable to add more items")
	}
	id := s.addID(x, o)
	if id.compare(x.last) <= 0 {
		s.fail("ERR The ID specified in XADD is equal or smaller than the target stream top item")
	}
	x.append(streamEntry{id, slices.Clone(fields)})
	x.trim(o.trim)
	s.db.touch(w[1])
	s.bulk(id.String())
}

// addID returns the ID of an entry that is added. One that is too low is refused.
func (s *Store) addID(x *stream, o addOptions) streamID {
	switch {
	case o.auto && uint64(s.ms) > x.last.ms:
		return streamID{ms: uint64(s.ms)}
	case o.auto:
		id, _ := x.last.next()
		return id
	case o.autoNo && o.id.ms == x.last.ms:
		id := x.last
		id.seq++ // to 0 behind the last one, which is too low
		return id
	}
	return o.id
}

func (s *Store) xlen(w []string) {
	if x := s.streamOf(w[1]); x != nil {
		s.count(len(x.entries))
	} else {
		s.integer(0)
	}
}

// interval reads an end of a range of IDs.
func (s *Store) interval(word string, low bool) streamID {
	text, excluded := strings.CutPrefix(word, "(")
	switch {
	case text == "-" && !excluded:
		return streamID{}
	case text == "+" && !excluded:
		return lastID
	}
	missing := uint64(math.MaxUint64)
	if low {
		missing = 0
	}
	id, ok := parseID(text, missing)
	if !ok {
		s.fail(badID)
	}
	if excluded && low {
		if id, ok = id.next(); !ok {
			s.fail("ERR invalid start ID for the interval")
		}
	} else if excluded {
		if id, ok = id.previous(); !ok {
			s.fail("ERR invalid end ID for the interval")
		}
	}
	return id
}

func (s *Store) xrange(w []string, reverse bool) {
	low, high := w[2], w[3]
	if reverse {
		low, high = high, low
	}
	from := s.interval(low, true)
	to := s.interval(high, false)
	count := int64(-1)
	for i := 4; i < len(w); i += 2 {
		if i+1 == len(w) || !strings.EqualFold(w[i], "count") {
			s.fail(syntax)
		}
		count = max(s.number(w[i+1]), 0)
	}
	x := s.streamOf(w[1])
	switch {
	case x == nil:
		s.length(0)
	case count == 0:
		s.nullList()
	default:
		s.entries(x.between(from, to, count, reverse))
	}
}

// between returns at most count entries of a range, all of them if it is
// negative.
func (x *stream) between(from, to streamID, count int64, reverse bool) []streamEntry {
	first, end := x.at(from), len(x.entries)
	if next, ok := to.next(); ok {
		end = x.at(next)
	}
	if first >= end {
		return nil
	}
	found := x.entries[first:end]
	n := len(found)
	if count >= 0 {
		n = int(min(int64(n), count))
	}
	if reverse {
		found = slices.Clone(found[len(found)-n:])
		slices.Reverse(found)
	}
	return found[:n]
}

func (s *Store) entries(found []streamEntry) {
	s.length(len(found))
	for _, e := range found {
		s.entry(e)
	}
}

func (s *Store) entry(e streamEntry) {
	s.length(2)
	s.bulk(e.id.String())
	s.bulks(e.fields)
}

func (s *Store) xdel(w []string) {
	x := s.streamOf(w[1])
	if x == nil {
		s.integer(0)
		return
	}
	n := 0
	for _, id := range s.strictIDs(w[2:]) {
		if x.remove(id) {
			n++
		}
	}
	if n > 0 {
		s.db.touch(w[1])
	}
	s.count(n)
}

func (s *Store) xtrim(w []string) {
	o, _ := s.addOptions(w, false)
	x := s.streamOf(w[1])
	if x == nil {
		s.integer(0)
		return
	}
	n := x.trim(o.trim)
	if n > 0 {
		s.db.touch(w[1])
	}
	s.count(n)
}

func (s *Store) xsetid(w []string) {
	id := s.strictID(w[2])
	if len(w) > 3 {
		s.refuse("XSETID with options")
	}
	e := s.find(w[1])
	if e == nil {
		s.fail(noKey)
	}
	x := s.streamOf(w[1])
	switch {
	case id.compare(x.deleted) < 0:
		s.fail("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
	case len(x.entries) > 0 && id.compare(x.entries[len(x.entries)-1].id) < 0:
		s.fail("ERR The ID specified in XSETID is smaller than the target stream top item")
	default:
		x.last = id
		s.ok()
	}
}
