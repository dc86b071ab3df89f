package redisdata

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Client is what the store keeps of a client's connection.
type Client struct {
	DB    int // that it selected
	Name  string
	RESP3 bool // it speaks the third version of the protocol
}

// redisVersion is the Redis whose commands these are.
const redisVersion = "7.0.15"

var serverCommands = map[string]func(*Store, []string){
	"ping":    (*Store).ping,
	"unwatch": func(s *Store, _ []string) { s.ok() }, // in a transaction
	"echo":    func(s *Store, w []string) { s.bulk(w[1]) },
	"select":  (*Store).selectCommand,
	"time":    (*Store).time,
	"hello":   (*Store).hello,
	"auth":    (*Store).auth,
	"client":  (*Store).clientCommand,
	"info":    (*Store).info,
	"command": (*Store).commandCommand,
	"config":  (*Store).config,
	"memory":  (*Store).memory,
	"publish": func(s *Store, _ []string) { s.integer(0) }, // nobody subscribes
	"wait":    func(s *Store, _ []string) { s.integer(0) }, // there are no replicas
}

func (s *Store) ping(w []string) {
	switch len(w) {
	case 1:
		s.status("PONG")
	case 2:
		s.bulk(w[1])
	default:
		s.fail("ERR wrong number of arguments for 'ping' command")
	}
}

func (s *Store) selectCommand(w []string) {
	n := s.number(w[1])
	s.database(n)
	s.client.DB = int(n)
	s.ok()
}

func (s *Store) time([]string) {
	s.bulks([]string{strconv.FormatInt(s.ns/1e9, 10), strconv.FormatInt(s.ns%1e9/1e3, 10)})
}

func (s *Store) hello(w []string) {
	version := int64(2)
	if s.client.RESP3 {
		version = 3
	}
	if len(w) > 1 {
		protocol, ok := rediscmd.Integer(w[1])
		if !ok {
			s.fail("ERR Protocol version is not an integer or out of range")
		}
		if protocol != 2 && protocol != 3 {
			s.fail("NOPROTO unsupported protocol version")
		}
		version = protocol
	}
	for i := 2; i < len(w); i++ {
		switch word, more := strings.ToLower(w[i]), len(w)-i-1; {
		case word == "auth" && more >= 2:
			if w[i+1] != "default" {
				s.fail("WRONGPASS invalid username-password pair or user is disabled.")
			}
			i += 2
		case word == "setname" && more >= 1:
			i++
			s.client.Name = w[i]
		default:
			s.fail("ERR Syntax error in HELLO option '" + w[i] + "'")
		}
	}
	s.client.RESP3 = version == 3
	s.pairs(7)
	for _, text := range []string{"server", "redis", "version", redisVersion, "proto"} {
		s.bulk(text)
	}
	s.integer(version)
	s.bulk("id")
	s.integer(1)
	for _, text := range []string{"mode", "standalone", "role", "master", "modules"} {
		s.bulk(text)
	}
	s.length(0)
}

func (s *Store) auth(w []string) {
	switch {
	case len(w) > 3:
		s.fail(syntax)
	case len(w) == 2:
		s.fail("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	case w[1] != "default":
		s.fail("WRONGPASS invalid username-password pair or user is disabled.")
	default:
		s.ok()
	}
}

func (s *Store) clientCommand(w []string) {
	switch sub := strings.ToLower(w[1]); sub {
	case "setname":
		if strings.ContainsFunc(w[2], func(r rune) bool { return r < '!' || r > '~' }) {
			s.fail("ERR Client names cannot contain spaces, newlines or special characters.")
		}
		s.client.Name = w[2]
		s.ok()
	case "getname":
		if s.client.Name == "" {
			s.null()
		} else {
			s.bulk(s.client.Name)
		}
	case "id":
		s.integer(1)
	case "info", "list":
		s.verbatim(fmt.Sprintf("id=1 addr=embedded name=%s db=%d\n", s.client.Name, s.client.DB))
	case "no-evict":
		s.ok()
	default:
		s.refuse("CLIENT " + sub)
	}
}

func (s *Store) info([]string) {
	text := "# Server\r\nredis_version:" + redisVersion + "\r\nredis_mode:standalone\r\n\r\n# Keyspace\r\n"
	for i, db := range s.dbs {
		if n := len(db.keys); n > 0 {
			text += fmt.Sprintf("db%d:keys=%d\r\n", i, n)
		}
	}
	s.verbatim(text)
}

func (s *Store) commandCommand(w []string) {
	switch {
	case len(w) == 1:
		s.length(0)
	case strings.EqualFold(w[1], "count"):
		n := 0
		for name := range arities {
			if !strings.Contains(name, "|") {
				n++
			}
		}
		s.count(n)
	default:
		s.refuse("COMMAND " + w[1])
	}
}

// settings are those that clients look at.
var settings = map[string]string{"maxmemory": "0", "maxmemory-policy": "noeviction", "databases": strconv.Itoa(Databases), "appendonly": "no", "save": ""}

func (s *Store) config(w []string) {
	if !strings.EqualFold(w[1], "get") {
		s.refuse("CONFIG " + w[1])
	}
	var found []string
	for _, pattern := range w[2:] {
		if value, ok := settings[strings.ToLower(pattern)]; ok {
			found = append(found, strings.ToLower(pattern), value)
		}
	}
	s.pairs(len(found) / 2)
	for _, text := range found {
		s.bulk(text)
	}
}

// memory answers with an estimate: Redis' own figure depends on its allocator.
func (s *Store) memory(w []string) {
	if !strings.EqualFold(w[1], "usage") {
		s.refuse("MEMORY " + w[1])
	}
	e := s.find(w[2])
	if e == nil {
		s.null()
		return
	}
	s.count(entryBytes + len(w[2]) + e.bytes())
}

// entryBytes is what Redis needs for a key beside its name and value.
const entryBytes = 64

// bytes estimates the size of a value.
func (e *entry) bytes() int {
	n := len(e.text)
	texts := func(list []string) {
		for _, t := range list {
			n += len(t) + itemBytes
		}
	}
	switch v := e.value.(type) {
	case *hash:
		for name, value := range v.values {
			n += len(name) + len(value) + itemBytes
		}
	case *list:
		texts(v.all())
	case *set:
		texts(v.order)
	case *zset:
		each := 2 * itemBytes
		if len(v.scores) > mostPacked {
			each = skipListBytes
		}
		for name := range v.scores {
			n += len(name) + each
		}
	case *stream:
		for _, x := range v.entries {
			texts(x.fields)
		}
	case *counter:
		n += registers
	}
	return n
}

const (
	// itemBytes is what an item needs beside its text.
	itemBytes = 8
	// mostPacked is how many members of a sorted set are packed into one
	// string; each of more has a node of a skip list and an entry of a hash table, of skipListBytes
	// together (100 to 111, measured with 1,000 and 5,000 members on Redis 7.0).
	mostPacked    = 128
	skipListBytes = 105
)
