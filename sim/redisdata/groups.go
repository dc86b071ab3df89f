package redisdata

import (
	"maps"
	"math"
	"slices"
	"strings"
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

// groupOf returns a stream's group, or answers that there is none.
func (s *Store) groupOf(key, name string) (x *stream, g *group, ok bool) {
	x, ok = s.streamOf(key)
	if !ok {
		return nil, nil, false
	}
	if x != nil {
		g = x.groups[name]
	}
	if g == nil {
		s.fail("NOGROUP No such key '" + key + "' or consumer group '" + name + "'")
	}
	return x, g, g != nil
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
		return
	default:
		s.fail("ERR unknown subcommand '" + w[1] + "'. Try XGROUP HELP.")
		return
	}
	if len(w) < least || len(w) > most && sub != "create" && sub != "setid" {
		s.fail("ERR wrong number of arguments for 'xgroup|" + sub + "' command")
		return
	}
	makes, ok := s.xgroupOptions(sub, w[least:])
	if !ok {
		return
	}
	x, ok := s.streamOf(w[2])
	if !ok {
		return
	}
	if x == nil && !makes {
		s.fail("ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.")
		return
	}
	if sub == "create" {
		s.xgroupCreate(w, x)
		return
	}
	s.xgroupChange(sub, w, x)
}

// xgroupOptions reads MKSTREAM and ENTRIESREAD.
func (s *Store) xgroupOptions(sub string, w []string) (makes, ok bool) {
	for i := 0; i < len(w); i++ {
		switch {
		case strings.EqualFold(w[i], "mkstream") && sub == "create":
			makes = true
		case strings.EqualFold(w[i], "entriesread") && i+1 < len(w):
			i++
			n, ok := s.number(w[i])
			if !ok {
				return false, false
			}
			if n < 0 && n != -1 {
				s.fail("ERR value for ENTRIESREAD must be positive or -1")
				return false, false
			}
		default:
			s.fail("ERR unknown subcommand or wrong number of arguments for '" + sub + "'. Try XGROUP HELP.")
			return false, false
		}
	}
	return makes, true
}

// groupID reads the ID from which a group reads on.
func (s *Store) groupID(word string, x *stream) (streamID, bool) {
	if word == "$" {
		if x == nil {
			return streamID{}, true
		}
		return x.last, true
	}
	return s.strictID(word)
}

func (s *Store) xgroupCreate(w []string, x *stream) {
	id, ok := s.groupID(w[4], x)
	if !ok {
		return
	}
	if x == nil {
		x = s.newStream(w[2])
		s.db.touch(w[2])
	}
	if x.groups[w[3]] != nil {
		s.fail("BUSYGROUP Consumer Group name already exists")
		return
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
		return
	}
	switch sub {
	case "setid":
		if id, ok := s.groupID(w[4], x); ok {
			g.last = id
			s.ok()
		}
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

func (s *Store) readOptions(w []string) (o readOptions, ok bool) {
	reads := strings.EqualFold(w[0], "xreadgroup")
	for i := 1; i < len(w); i++ {
		more := len(w) - i - 1
		switch word := strings.ToLower(w[i]); {
		case word == "block" && more >= 1:
			i++
			n, ok := parseInt(w[i])
			if !ok || n < 0 {
				s.fail("ERR timeout is not an integer or out of range")
				return o, false
			}
		case word == "count" && more >= 1:
			i++
			if o.count, ok = s.number(w[i]); !ok {
				return o, false
			}
			o.count = max(o.count, 0)
		case word == "streams" && more >= 1:
			o.streams = i + 1
			if (len(w)-o.streams)%2 != 0 {
				s.fail("ERR Unbalanced '" + strings.ToLower(w[0]) + "' list of streams: for each stream key an ID or '$' must be specified.")
				return o, false
			}
			return o, s.checkRead(o, reads)
		case word == "group" && more >= 2 && reads:
			o.group, o.consumer, o.grouped = w[i+1], w[i+2], true
			i += 2
		case word == "noack" && reads:
			o.noAck = true
		default:
			s.fail(syntax)
			return o, false
		}
	}
	s.fail(syntax)
	return o, false
}

func (s *Store) checkRead(o readOptions, reads bool) bool {
	if reads && !o.grouped {
		s.fail("ERR Missing GROUP option for XREADGROUP")
	}
	return !reads || o.grouped
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
	o, ok := s.readOptions(w)
	if !ok {
		return
	}
	n := (len(w) - o.streams) / 2
	var all []reading
	for i := range n {
		r, ok := s.reading(w[o.streams+i], w[o.streams+n+i], o)
		if !ok {
			return
		}
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
	s.length(count)
	s.out = append(s.out, said...)
}

// reading looks up one stream and the ID from which on it is read.
func (s *Store) reading(key, id string, o readOptions) (r reading, ok bool) {
	r.key = key
	if r.x, ok = s.streamOf(key); !ok {
		return r, false
	}
	if o.grouped {
		if r.x != nil {
			r.g = r.x.groups[o.group]
		}
		if r.g == nil {
			s.fail("NOGROUP No such key '" + key + "' or consumer group '" + o.group + "' in XREADGROUP with GROUP option")
			return r, false
		}
	}
	switch {
	case id == "$" && o.grouped:
		s.fail("ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.")
		return r, false
	case id == "$":
		if r.x != nil {
			r.after = r.x.last
		}
		return r, true
	case id == ">" && !o.grouped:
		s.fail("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.")
		return r, false
	case id == ">":
		r.news, r.after = true, r.g.last
		return r, true
	}
	r.after, ok = s.strictID(id)
	return r, ok
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
	s.length(2)
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
	s.length(2)
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
	x, ok := s.streamOf(w[1])
	if !ok {
		return
	}
	if x == nil || x.groups[w[2]] == nil {
		s.integer(0)
		return
	}
	g := x.groups[w[2]]
	ids := make([]streamID, len(w)-3)
	for i := range ids {
		if ids[i], ok = s.strictID(w[3+i]); !ok {
			return
		}
	}
	n := 0
	for _, id := range ids {
		if at, found := g.find(id); found {
			g.pending = slices.Delete(g.pending, at, at+1)
			n++
		}
	}
	s.count(n)
}

func (s *Store) xpending(w []string) {
	if len(w) != 3 {
		s.xpendingList(w)
		return
	}
	_, g, ok := s.groupOf(w[1], w[2])
	if !ok {
		return
	}
	s.length(4)
	s.count(len(g.pending))
	if len(g.pending) == 0 {
		s.null()
		s.null()
		s.nullList()
		return
	}
	s.bulk(g.pending[0].id.String())
	s.bulk(g.pending[len(g.pending)-1].id.String())
	counts := map[string]int{}
	for _, p := range g.pending {
		counts[p.consumer]++
	}
	names := slices.Sorted(maps.Keys(counts))
	s.length(len(names))
	for _, name := range names {
		s.length(2)
		s.bulk(name)
		s.bulk(scoreText(float64(counts[name])))
	}
}

func (s *Store) xpendingList(w []string) {
	idle := int64(0)
	rest := w[3:]
	if strings.EqualFold(rest[0], "idle") && len(rest) > 1 {
		var ok bool
		if idle, ok = s.number(rest[1]); !ok {
			return
		}
		rest = rest[2:]
	}
	if len(rest) < 3 || len(rest) > 4 {
		s.fail(syntax)
		return
	}
	count, ok := s.number(rest[2])
	if !ok {
		return
	}
	from, ok := s.interval(rest[0], true)
	if !ok {
		return
	}
	to, ok := s.interval(rest[1], false)
	if !ok {
		return
	}
	_, g, ok := s.groupOf(w[1], w[2])
	if !ok {
		return
	}
	var found []pending
	for _, p := range g.pending {
		if int64(len(found)) >= count {
			break
		}
		if p.id.compare(from) >= 0 && p.id.compare(to) <= 0 && (len(rest) == 3 || p.consumer == rest[3]) && (idle == 0 || s.ms-p.at >= idle) {
			found = append(found, p)
		}
	}
	s.length(len(found))
	for _, p := range found {
		s.length(4)
		s.bulk(p.id.String())
		s.bulk(p.consumer)
		s.integer(max(0, s.ms-p.at))
		s.integer(p.times)
	}
}

// claimOptions are what stands behind the IDs of XCLAIM.
type claimOptions struct {
	at            int64
	retry         int64 // -1: as it is
	force, justID bool
	last          streamID
}

func (s *Store) claimOptions(w []string) (o claimOptions, ok bool) {
	o.at, o.retry = s.ms, -1
	for i := 0; i < len(w); i++ {
		word, more := strings.ToLower(w[i]), i+1 < len(w)
		ok = true
		switch {
		case word == "force":
			o.force = true
		case word == "justid":
			o.justID = true
		case word == "idle" && more:
			i++
			var n int64
			if n, ok = s.number(w[i]); ok {
				o.at = s.ms - n
			}
		case word == "time" && more:
			i++
			o.at, ok = s.number(w[i])
		case word == "retrycount" && more:
			i++
			o.retry, ok = s.number(w[i])
		case word == "lastid" && more:
			i++
			o.last, ok = s.strictID(w[i])
		default:
			s.fail("ERR Unrecognized XCLAIM option '" + w[i] + "'")
			ok = false
		}
		if !ok {
			return o, false
		}
	}
	if o.at < 0 || o.at > s.ms {
		o.at = s.ms
	}
	return o, true
}

func (s *Store) xclaim(w []string) {
	x, g, ok := s.groupOf(w[1], w[2])
	if !ok {
		return
	}
	idle, ok := parseInt(w[4])
	if !ok {
		s.fail("ERR Invalid min-idle-time argument for XCLAIM")
		return
	}
	idle = max(idle, 0)
	var ids []streamID
	options := 5
	for ; options < len(w); options++ {
		id, ok := parseID(w[options], 0)
		if !ok {
			break
		}
		ids = append(ids, id)
	}
	o, ok := s.claimOptions(w[options:])
	if !ok {
		return
	}
	if o.last.compare(g.last) > 0 {
		g.last = o.last
	}
	g.addConsumer(w[3])
	var claimed []streamEntry
	for _, id := range ids {
		if e, ok := s.claim(x, g, id, w[3], idle, o); ok {
			claimed = append(claimed, e)
		}
	}
	s.sayClaimed(claimed, o.justID)
}

// claim gives an entry to another consumer, unless somebody was given it a
// short time ago.
func (s *Store) claim(x *stream, g *group, id streamID, consumer string, idle int64, o claimOptions) (streamEntry, bool) {
	at, pends := g.find(id)
	e, found := x.find(id)
	if !found {
		if pends {
			g.pending = slices.Delete(g.pending, at, at+1)
		}
		return e, false
	}
	p := pending{id: id}
	if pends {
		if p = g.pending[at]; s.ms-p.at < idle {
			return e, false
		}
	} else if !o.force {
		return e, false
	}
	p.consumer, p.at = consumer, o.at
	if o.retry >= 0 {
		p.times = o.retry
	} else if !o.justID {
		p.times++
	}
	g.give(p)
	return e, true
}

func (s *Store) sayClaimed(claimed []streamEntry, justID bool) {
	if !justID {
		s.entries(claimed)
		return
	}
	s.length(len(claimed))
	for _, e := range claimed {
		s.bulk(e.id.String())
	}
}

func (s *Store) xautoclaim(w []string) {
	idle, ok := parseInt(w[4])
	if !ok {
		s.fail("ERR Invalid min-idle-time argument for XAUTOCLAIM")
		return
	}
	from, ok := s.interval(w[5], true)
	if !ok {
		return
	}
	count, justID := int64(100), false
	for i := 6; i < len(w); i++ {
		switch {
		case strings.EqualFold(w[i], "count") && i+1 < len(w):
			i++
			if count, ok = parseInt(w[i]); !ok || count <= 0 || count > math.MaxInt64/16 {
				s.fail("ERR COUNT must be > 0")
				return
			}
		case strings.EqualFold(w[i], "justid"):
			justID = true
		default:
			s.fail(syntax)
			return
		}
	}
	x, g, ok := s.groupOf(w[1], w[2])
	if !ok {
		return
	}
	g.addConsumer(w[3])
	s.autoclaim(x, g, w[3], from, max(idle, 0), count, justID)
}

// autoclaim looks at ten times as many entries as it may claim.
func (s *Store) autoclaim(x *stream, g *group, consumer string, from streamID, idle, count int64, justID bool) {
	var claimed []streamEntry
	var gone []string
	at, _ := g.find(from)
	for attempts := count * 10; attempts > 0 && count > 0 && at < len(g.pending); attempts-- {
		p := g.pending[at]
		if _, found := x.find(p.id); !found {
			g.pending = slices.Delete(g.pending, at, at+1)
			gone = append(gone, p.id.String())
			count--
			continue
		}
		at++
		if e, ok := s.claim(x, g, p.id, consumer, idle, claimOptions{at: s.ms, retry: -1, justID: justID}); ok {
			claimed = append(claimed, e)
			count--
		}
	}
	next := streamID{}
	if at < len(g.pending) {
		next = g.pending[at].id
	}
	s.length(3)
	s.bulk(next.String())
	s.sayClaimed(claimed, justID)
	s.bulks(gone)
}
