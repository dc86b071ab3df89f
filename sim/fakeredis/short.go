package fakeredis

import (
	"bytes"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// The short way executes commands on the connection of an embedded shard
// without go-redis' pool, writer and reader in between: it takes their words off
// the Cmders and sets the replies on them. The connection is go-redis' own, so
// that it makes no difference to the shard which way a command came. What is
// not plain goes the long way, replies included that only go-redis reads, such
// as errors: then it finds them on the connection.

// line names a connection: a client of go-redis has one for commands and one for
// pipelines.
type line struct {
	client *redis.Client
	piped  bool
}

func lineOf(f *roundTrip, cmds []command) line {
	return line{f.client, len(cmds) > 1 || f.as == transaction}
}

// long begins the long way, until the returned function is called.
func (w *wire) long(f *roundTrip, cmds []command) (end func()) {
	w.using = lineOf(f, cmds)
	return func() {
		if c := w.open[w.using]; c != nil {
			c.executed = false
		}
		w.using = line{}
	}
}

// short executes a round trip's commands the short way. It reports false where
// go-redis has to execute them, or to read the replies.
func (w *wire) short(f *roundTrip, cmds []command) bool {
	c := w.open[lineOf(f, cmds)]
	if c == nil || c.closed || c.broken != nil || c.client.RESP3 {
		return false
	}
	w.words, w.ends = w.words[:0], w.ends[:0]
	for _, cmd := range cmds {
		if !w.plain(cmd) {
			return false
		}
		w.ends = append(w.ends, len(w.words))
	}
	if f.as == transaction {
		c.execute([]string{"multi"})
	}
	begin := 0
	for i, end := range w.ends {
		if f.as != transaction {
			c.shard.given = cmds[i].Args()
		}
		c.execute(w.words[begin:end:end])
		begin = end
	}
	c.shard.given = nil
	if f.as == transaction {
		c.execute([]string{"exec"})
	}
	c.shard.replied += int64(c.replies.Len())
	if c.executed = !take(cmds, c.replies.Bytes(), f.as); c.executed {
		return false
	}
	c.replies.Reset()
	return true
}

// plain appends a command's words as go-redis writes them, and reports false
// where it does not write them as they are, or they are about the connection
// itself.
func (w *wire) plain(c command) bool {
	args := c.Args()
	if len(args) == 0 || len(args) > maxWords || c.is.Has(rediscmd.OfConnections) || transactional[c.name] != nil {
		return false
	}
	for _, arg := range args {
		word := ""
		switch a := arg.(type) {
		case string:
			word = a
		case []byte:
			word = string(a)
		case int:
			word = strconv.Itoa(a)
		case int64:
			word = strconv.FormatInt(a, 10)
		case uint64:
			word = strconv.FormatUint(a, 10)
		case float64:
			word = strconv.FormatFloat(a, 'f', -1, 64)
		case time.Duration:
			word = strconv.FormatInt(int64(a), 10)
		case bool:
			word = "0"
			if a {
				word = "1"
			}
		case nil:
		default:
			return false
		}
		if len(word) > maxWord {
			return false
		}
		w.words = append(w.words, word)
	}
	return true
}

// take sets the replies on the commands, and reports false where go-redis has
// to read them.
func take(cmds []command, replies []byte, as form) bool {
	if as == transaction {
		head := "+OK\r\n"
		for range cmds {
			head += "+QUEUED\r\n"
		}
		var begun bool
		if replies, begun = bytes.CutPrefix(replies, []byte(head+"*"+strconv.Itoa(len(cmds))+"\r\n")); !begun {
			return false
		}
	}
	r := replyReader{rest: replies}
	for _, c := range cmds {
		r.set(c.Cmder)
		if r.odd {
			return false
		}
	}
	return len(r.rest) == 0
}

// replyReader reads replies as go-redis' own reader does. It is odd once it
// met one that it does not read.
type replyReader struct {
	rest []byte
	kind byte   // of the reply that was read: + : $ or *
	text []byte // of a reply that is no list
	size int    // of a list
	null bool
	odd  bool
}

// next reads a reply, or the head of a list.
func (r *replyReader) next() {
	end := bytes.IndexByte(r.rest, '\n') - 1
	if end < 1 || r.odd {
		r.odd, r.text, r.size = true, nil, 0
		return
	}
	r.kind, r.text, r.rest, r.null, r.size = r.rest[0], r.rest[1:end], r.rest[end+2:], false, 0
	switch r.kind {
	case '+', ':':
		return
	case '$', '*':
		n, err := strconv.Atoi(string(r.text))
		switch r.text = nil; {
		case err != nil, n > len(r.rest):
			r.odd = true
		case n < 0:
			r.null = true
		case r.kind == '*':
			r.size = n
		default:
			r.text, r.rest = r.rest[:n], r.rest[n+len("\r\n"):]
		}
	default:
		r.odd = true
	}
}

// string reads a text.
func (r *replyReader) string() string {
	r.next()
	r.odd = r.odd || r.kind == '*' && !r.null
	return string(r.text)
}

// integer reads an integer.
func (r *replyReader) integer() int64 {
	r.next()
	if r.null {
		return 0
	}
	n, err := strconv.ParseInt(string(r.text), 10, 64)
	r.odd = r.odd || err != nil
	return n
}

func (r *replyReader) float() float64 {
	r.next()
	if r.null {
		return 0
	}
	f, err := strconv.ParseFloat(string(r.text), 64)
	r.odd = r.odd || err != nil || r.kind == ':'
	return f
}

func (r *replyReader) bool() bool {
	text := r.string()
	return text == "OK" || text == "1" || text == "true"
}

// any reads a reply of any kind.
func (r *replyReader) any() any {
	switch r.next(); {
	case r.odd || r.null:
		return nil
	case r.kind == ':':
		n, err := strconv.ParseInt(string(r.text), 10, 64)
		r.odd = err != nil
		return n
	case r.kind != '*':
		return string(r.text)
	}
	list := make([]any, r.size)
	for i := range list {
		list[i] = r.any()
	}
	r.null = false // of the last
	return list
}

// list reads a list of things of one kind.
func list[T any](r *replyReader, one func() T) []T {
	r.next()
	r.odd = r.odd || r.kind != '*'
	if r.odd || r.null {
		return nil
	}
	all := make([]T, r.size)
	for i := range all {
		all[i] = one()
	}
	r.null = false // of the last
	return all
}

// there reads as one does what go-redis does not take for an item when it is
// null.
func there[T any](r *replyReader, one func() T) func() T {
	return func() T {
		v := one()
		r.odd = r.odd || r.null
		return v
	}
}

// set reads the reply to a command and sets it.
func (r *replyReader) set(cmd redis.Cmder) {
	switch cmd := cmd.(type) {
	case *redis.StringCmd:
		cmd.SetVal(r.string())
	case *redis.StatusCmd:
		cmd.SetVal(r.string())
	case *redis.IntCmd:
		cmd.SetVal(r.integer())
	case *redis.BoolCmd:
		cmd.SetVal(r.bool())
		r.null = false // which is no error
	case *redis.FloatCmd:
		cmd.SetVal(r.float())
	case *redis.Cmd:
		cmd.SetVal(r.any())
	case *redis.SliceCmd:
		all, _ := r.any().([]any)
		r.odd = r.odd || r.kind != '*' && !r.null
		cmd.SetVal(all)
	default:
		r.setList(cmd)
	}
	switch {
	case r.odd:
	case r.null:
		cmd.SetErr(redis.Nil)
	default:
		cmd.SetErr(nil)
	}
}

// setList reads the reply to a command that answers with a list of one kind.
func (r *replyReader) setList(cmd redis.Cmder) {
	switch cmd := cmd.(type) {
	case *redis.StringSliceCmd:
		if all := list(r, r.string); all != nil {
			cmd.SetVal(all)
		}
	case *redis.IntSliceCmd:
		if all := list(r, r.integer); all != nil {
			cmd.SetVal(all)
		}
	case *redis.BoolSliceCmd:
		if all := list(r, r.bool); all != nil {
			cmd.SetVal(all)
		}
	case *redis.MapStringStringCmd:
		all := list(r, there(r, r.string))
		if r.odd = r.odd || len(all)%2 != 0; all == nil || r.odd {
			return
		}
		fields := make(map[string]string, len(all)/2)
		for i := 0; i < len(all); i += 2 {
			fields[all[i]] = all[i+1]
		}
		cmd.SetVal(fields)
	case *redis.TimeCmd:
		parts := list(r, there(r, r.integer))
		if r.odd = r.odd || len(parts) != 2; !r.odd {
			cmd.SetVal(time.Unix(parts[0], parts[1]*1000))
		}
	default:
		r.odd = true
	}
}
