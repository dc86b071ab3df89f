package fakeredis

import (
	"io"
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/redisdata"
)

// queueing is what a connection watches, and the commands that it queued
// since MULTI.
type queueing struct {
	open    bool
	queued  [][]string
	refused bool // one was not queued
	watch   redisdata.Watch
}

// end forgets everything.
func (t *queueing) end() {
	t.open, t.queued, t.refused = false, nil, false
	t.watch.Clear()
}

// execute passes a command to the shard, or queues it. What a transaction
// queues takes effect at its EXEC.
func (c *inlineConn) execute(words []string) {
	name := rediscmd.Lower(words[0])
	s := c.shard
	s.dirty, c.greets = false, name == "hello" || name == "client"
	s.client, s.selected = &c.client, c.client.DB
	defer func() { c.client.DB = s.selected }()
	if run := transactional[name]; run != nil {
		if text := redisdata.Check(name, words); text != "" {
			c.refuse(text)
			return
		}
		run(c, words)
		return
	}
	if c.tx.open {
		c.queue(name, words)
		return
	}
	reply := s.execute(name, words)
	if isNull(reply) && rediscmd.Of(name).MayWait(len(words), func(i int) string { return words[i] }) {
		c.fail("ERR quotalab: " + name + " would wait for other clients, which the embedded shards cannot do in virtual time")
		return
	}
	c.replies.Write(reply)
}

// isNull reports whether a reply is that there is nothing.
func isNull(reply []byte) bool {
	if len(reply) > len("$-1\r\n") {
		return false
	}
	text := string(reply)
	return text == "*-1\r\n" || text == "$-1\r\n" || text == "_\r\n"
}

// say writes one line of a reply.
func (c *inlineConn) say(line string) {
	c.replies.WriteString(line)
	c.replies.WriteString("\r\n")
}

func (c *inlineConn) fail(text string) { c.say("-" + text) }

// refuse answers with an error, with which an open transaction fails.
func (c *inlineConn) refuse(text string) {
	c.tx.refused = c.tx.open
	c.fail(text)
}

// queue takes a command for EXEC, unless Redis refuses it before.
func (c *inlineConn) queue(name string, words []string) {
	text := redisdata.Check(name, words)
	if text == "" {
		text = c.shard.refusalInTransaction(name)
	}
	if text != "" {
		c.refuse(text)
		return
	}
	c.tx.queued = append(c.tx.queued, slices.Clone(words))
	c.say("+QUEUED")
}

// transactional are the commands that are never queued.
var transactional = map[string]func(c *inlineConn, words []string){
	"multi":   (*inlineConn).multi,
	"exec":    (*inlineConn).exec,
	"discard": (*inlineConn).discard,
	"watch":   (*inlineConn).watch,
	"unwatch": (*inlineConn).unwatch,
	"reset":   (*inlineConn).reset,
	"quit":    (*inlineConn).quit,
}

const abortedText = "EXECABORT Transaction discarded because of previous errors."

func (c *inlineConn) multi([]string) {
	if c.tx.open {
		c.fail("ERR MULTI calls can not be nested")
		return
	}
	c.tx.open = true
	c.say("+OK")
}

func (c *inlineConn) exec([]string) {
	t := c.tx
	if !t.open {
		c.fail("ERR EXEC without MULTI")
		return
	}
	c.shard.advance() // what is watched may have expired
	changed := c.tx.watch.IsDirty()
	c.tx.end()
	switch {
	case t.refused:
		c.fail(abortedText)
	case changed:
		if c.client.RESP3 {
			c.say("_")
		} else {
			c.say("*-1")
		}
	default:
		c.say("*" + strconv.Itoa(len(t.queued)))
		for _, words := range t.queued {
			c.replies.Write(c.shard.run(rediscmd.Lower(words[0]), words))
		}
	}
}

func (c *inlineConn) discard([]string) {
	if !c.tx.open {
		c.fail("ERR DISCARD without MULTI")
		return
	}
	c.tx.end()
	c.say("+OK")
}

func (c *inlineConn) watch(words []string) {
	if c.tx.open {
		c.fail("ERR WATCH inside MULTI is not allowed")
		return
	}
	c.shard.advance()
	c.tx.watch.Add(c.shard.data, c.client.DB, words[1:])
	c.say("+OK")
}

func (c *inlineConn) unwatch(words []string) {
	if c.tx.open {
		c.queue("unwatch", words)
		return
	}
	c.tx.watch.Clear()
	c.say("+OK")
}

func (c *inlineConn) reset([]string) {
	c.tx.end()
	c.client, c.shard.selected = redisdata.Client{}, 0
	c.say("+RESET")
}

func (c *inlineConn) quit([]string) {
	c.say("+OK")
	c.broken = io.EOF
}
