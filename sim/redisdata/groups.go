package redisdata

import (
	"slices"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// group is a consumer group of a stream.
type group struct {
	last      streamID // that was delivered
	pending   []pending
	consumers []string // by name
}

// pending is an entry that a consumer was given and did not acknowledge.
type pending struct {
	id       streamID
	consumer string
	at       int64 // millisecond of the last delivery
	times    int64
}

func (g *group) clone() *group {
	return &group{g.last, slices.Clone(g.pending), slices.Clone(g.consumers)}
}

func (g *group) find(id streamID) (int, bool) {
	return slices.BinarySearchFunc(g.pending, id, func(p pending, id streamID) int { return p.id.compare(id) })
}

// give notes that a consumer was given an entry.
func (g *group) give(p pending) {
	at, found := g.find(p.id)
	if found {
		g.pending[at] = p
		return
	}
	g.pending = slices.Insert(g.pending, at, p)
}

func (g *group) addConsumer(name string) bool {
	at, found := slices.BinarySearch(g.consumers, name)
	if !found {
		g.consumers = slices.Insert(g.consumers, at, name)
	}
	return !found
}

func (g *group) of(consumer string) (list []pending) {
	for _, p := range g.pending {
		if p.consumer == consumer {
			list = append(list, p)
		}
	}
	return list
}

var groupCommands = map[string]func(*Store, []string){
	"xgroup":     (*Store).xgroup,
	"xreadgroup": (*Store).xread,
	"xack":       (*Store).xack,
	"xpending":   (*Store).xpending,
	"xclaim":     (*Store).xclaim,
	"xautoclaim": (*Store).xautoclaim,
}

// groupOf returns a stream's group, and fails where there is none.
func (s *Store) groupOf(key, name string) (x *stream, g *group) {
	x = s.streamOf(key)
	if x != nil {
		g = x.groups[name]
	}
	if g == nil {
		s.fail("NOGROUP No such key '" + key + "' or consumer group '" + name + "'")
	}
	return x, g
}

func (s *Store) xgroup(w []string) {
	sub := strings.ToLower(w[1])
	least, most := 5, 5
	switch sub {
	case "create":
		most = 8
	case "setid":
		most = 7
	case "destroy":
		least, most = 4, 4
	case "createconsumer", "delconsumer":
	case "help":
		s.refuse("XGROUP HELP")
	default:
		s.fail("ERR unknown subcommand '" + w[1] + "'. Try XGROUP HELP.")
	}
	if len(w) < least || len(w) > most && sub != "create" && sub != "setid" {
		s.fail("ERR wrong number of arguments for 'xgroup|" + sub + "' command")
	}
	makes := s.xgroupOptions(sub, w[least:])
	x := s.streamOf(w[2])
	if x == nil && !makes {
		s.fail("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.")
	}
	if sub == "create" {
		s.xgroupCreate(w, x)
		return
	}
	s.xgroupChange(sub, w, x)
}

// xgroupOptions reads MKSTREAM and ENTRIESREAD.
func (s *Store) xgroupOptions(sub string, w []string) (makes bool) {
	for i := 0; i < len(w); i++ {
		switch {
		case strings.EqualFold(w[i], "mkstream") && sub == "create":
			makes = true
		case strings.EqualFold(w[i], "entriesread") && i+1 < len(w):
			i++
			n := s.number(w[i])
			if n < 0 && n != -1 {
				s.fail("ERR value for ENTRIESREAD must be positive or -1")
			}
		default:
			s.fail("ERR unknown subcommand or wrong number of arguments for '" + sub + "'. Try XGROUP HELP.")
		}
	}
	return makes
}

// groupID reads the ID from which a group reads on.
func (s *Store) groupID(word string, x *stream) streamID {
	if word == "$" {
		if x == nil {
			return streamID{}
		}
		return x.last
	}
	return s.strictID(word)
}

func (s *Store) xgroupCreate(w []string, x *stream) {
	id := s.groupID(w[4], x)
	if x == nil {
		x = s.newStream(w[2])
		s.db.touch(w[2])
	}
	if x.groups[w[3]] != nil {
		s.fail("BUSYGROUP Consumer Group name already exists")
	}
	x.groups[w[3]] = &group{last: id}
	s.ok()
}

func (s *Store) xgroupChange(sub string, w []string, x *stream) {
	g := x.groups[w[3]]
	if sub == "destroy" {
		delete(x.groups, w[3])
		s.yes(g != nil)
		return
	}
	if g == nil {
		s.fail("NOGROUP No such consumer group '" + w[3] + "' for key name '" + w[2] + "'")
	}
	switch sub {
	case "setid":
		id := s.groupID(w[4], x)
		g.last = id
		s.ok()
	case "createconsumer":
		s.yes(g.addConsumer(w[4]))
	case "delconsumer":
		n := len(g.of(w[4]))
		g.pending = slices.DeleteFunc(g.pending, func(p pending) bool { return p.consumer == w[4] })
		g.consumers = slices.DeleteFunc(g.consumers, func(c string) bool { return c == w[4] })
		s.count(n)
	}
}

// readOptions are what stands before STREAMS.
type readOptions struct {
	count           int64 // 0: all
	noAck           bool
	group, consumer string
	grouped         bool
	streams         int // where the keys begin
}

func (s *Store) readOptions(w []string) (o readOptions) {
	reads := strings.EqualFold(w[0], "xreadgroup")
	for i := 1; i < len(w); i++ {
		more := len(w) - i - 1
		switch word := strings.ToLower(w[i]); {
		case word == "block" && more >= 1:
			i++
			n, ok := rediscmd.Integer(w[i])
			if !ok || n < 0 {
				s.fail("ERR timeout is not an integer or out of range")
			}
		case word == "count" && more >= 1:
			i++
			o.count = max(s.number(w[i]), 0)
		case word == "streams" && more >= 1:
			o.streams = i + 1
			if (len(w)-o.streams)%2 != 0 {
				s.fail("ERR Unbalanced '" + strings.ToLower(w[0]) + "' list of streams: for each stream key an ID or '$' must be specified.")
			}
			if reads && !o.grouped {
				s.fail("ERR Missing GROUP option for XREADGROUP")
			}
			return o
		case word == "group" && more >= 2 && reads:
			o.group, o.consumer, o.grouped = w[i+1], w[i+2], true
			i += 2
		case word == "noack" && reads:
			o.noAck = true
		default:
			s.fail(syntax)
		}
	}
	s.fail(syntax)
	return o
}

// reading is one stream of XREAD and XREADGROUP.
type reading struct {
	key   string
	x     *stream
	g     *group
	after streamID
	news  bool // what the group has not delivered yet
}

func (s *Store) xread(w []string) {
	o := s.readOptions(w)
	n := (len(w) - o.streams) / 2
	var all []reading
	for i := range n {
		r := s.reading(w[o.streams+i], w[o.streams+n+i], o)
		all = append(all, r)
	}
	var said reply
	count := 0
	for _, r := range all {
		before := len(s.out)
		if s.read(r, o) {
			count++
		}
		said = append(said, s.out[before:]...)
		s.out = s.out[:before]
	}
	if count == 0 {
		s.nullList()
		return
	}
	if s.client.RESP3 {
		s.out.number('%', int64(count))
	} else {
		s.length(count)
	}
	s.out = append(s.out, said...)
}

// reading looks up one stream and the ID from which on it is read.
func (s *Store) reading(key, id string, o readOptions) (r reading) {
	r.key = key
	r.x = s.streamOf(key)
	if o.grouped {
		if r.x != nil {
			r.g = r.x.groups[o.group]
		}
		if r.g == nil {
			s.fail("NOGROUP No such key '" + key + "' or consumer group '" + o.group + "' in XREADGROUP with GROUP option")
		}
	}
	switch {
	case id == "$" && o.grouped:
		s.fail("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.")
	case id == "$":
		if r.x != nil {
			r.after = r.x.last
		}
		return r
	case id == ">" && !o.grouped:
		s.fail("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
	case id == ">":
		r.news, r.after = true, r.g.last
		return r
	}
	r.after = s.strictID(id)
	return r
}

// read answers with what one stream has, and reports whether it is in the
// answer.
func (s *Store) read(r reading, o readOptions) bool {
	if r.x == nil {
		return false
	}
	if r.g != nil {
		r.g.addConsumer(o.consumer)
	}
	count := int64(-1)
	if o.count > 0 {
		count = o.count
	}
	if r.g != nil && !r.news {
		s.history(r, o.consumer, count)
		return true
	}
	from, ok := r.after.next()
	if !ok {
		return false
	}
	found := r.x.between(from, lastID, count, false)
	if len(found) == 0 {
		return false
	}
	if !s.client.RESP3 {
		s.length(2)
	}
	s.bulk(r.key)
	s.entries(found)
	for _, e := range found {
		if r.g != nil {
			r.g.last = e.id
			if !o.noAck {
				r.g.give(pending{e.id, o.consumer, s.ms, 1})
			}
		}
	}
	return true
}

// history answers with what a consumer was given and did not acknowledge.
func (s *Store) history(r reading, consumer string, count int64) {
	if !s.client.RESP3 {
		s.length(2)
	}
	s.bulk(r.key)
	var mine []pending
	for _, p := range r.g.of(consumer) {
		if p.id.compare(r.after) > 0 && (count < 0 || int64(len(mine)) < count) {
			mine = append(mine, p)
		}
	}
	s.length(len(mine))
	for _, p := range mine {
		e, found := r.x.find(p.id)
		if found {
			s.entry(e)
		} else {
			s.length(2)
			s.bulk(p.id.String())
			s.nullList()
			continue
		}
		p.at, p.times = s.ms, p.times+1
		r.g.give(p)
	}
}

func (s *Store) xack(w []string) {
	x := s.streamOf(w[1])
	if x == nil || x.groups[w[2]] == nil {
		s.integer(0)
		return
	}
	g := x.groups[w[2]]
	n := 0
	for _, id := range s.strictIDs(w[3:]) {
		if at, found := g.find(id); found {
			g.pending = slices.Delete(g.pending, at, at+1)
			n++
		}
	}
	s.count(n)
}
