package fakeredis

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// The differential test sends the same commands at the same instants to an
// embedded shard and to a redis-server whose clock is ours, and compares
// replies, deadlines and what is left in the end.

// clients is how many connections a sequence has. One more looks at the state.
const clients = 3

// pair is an embedded shard and a redis-server under one clock.
type pair struct {
	t     testing.TB
	real  *virtualredis.Server
	conns [clients + 1]*realConn

	sched    *clock.Scheduler
	fleet    *Fleet
	embedded [clients + 1]*inlineConn
	queued   [clients + 1][][]string // in open transactions
}

type realConn struct {
	net.Conn
	r *bufio.Reader
}

func newPair(t testing.TB) *pair {
	t.Helper()
	s, err := virtualredis.Start(t.Context(), virtualredis.Options{Server: testkit.Program(t, "redis-server", "redis-server"), Epoch: epoch})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	p := &pair{t: t, real: s}
	for i := range p.conns {
		c, err := net.Dial("unix", s.Socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		p.conns[i] = &realConn{c, bufio.NewReader(c)}
	}
	return p
}

// reset empties both, at the epoch, with connections as they begin. Scripts
// take Redis a while to forget.
func (p *pair) reset(scripts bool) {
	p.t.Helper()
	p.real.SetTime(epoch)
	for i := range p.conns {
		p.askReal(i, [][]string{{"RESET"}})
	}
	p.askReal(0, [][]string{{"FLUSHALL"}})
	if scripts {
		p.askReal(0, [][]string{{"SCRIPT", "FLUSH"}, {"FUNCTION", "FLUSH"}})
	}
	p.close()
	p.sched = clock.New(epoch)
	fleet, err := NewFleet(p.sched, Spec{Names: []string{"s"}, Service: network.Constant(0), Scripts: network.Constant(0), Stream: seeded})
	if err != nil {
		p.t.Fatal(err)
	}
	p.fleet = fleet
	for i := range p.embedded {
		p.embedded[i], p.queued[i] = newInlineConn(fleet.Shards[0].backend.(*embedded)), nil
	}
}

func (p *pair) close() {
	if p.fleet != nil {
		if err := p.fleet.Close(); err != nil {
			p.t.Error(err)
		}
	}
	p.fleet = nil
}

// step is a command of a client, after a pause.
type step struct {
	client int
	wait   time.Duration
	words  []string
}

func (s step) String() string {
	wait := ""
	if s.wait > 0 {
		wait = fmt.Sprintf("(+%v) ", s.wait)
	}
	return fmt.Sprintf("%sclient %d: %q", wait, s.client, s.words)
}

// difference is what two servers said to one command.
type difference struct {
	step           int
	real, embedded string
}

// play plays a sequence from the beginning, compares all replies and then all
// keys, and returns the first difference.
func (p *pair) play(steps []step) *difference {
	p.t.Helper()
	p.reset(slices.ContainsFunc(steps, func(s step) bool { return runsScripts(strings.ToLower(s.words[0])) }))
	now := int64(0)
	for i := 0; i < len(steps); {
		now += int64(steps[i].wait)
		p.real.SetTime(epoch.Add(time.Duration(now)))
		p.sched.Call(now, func() {})
		p.sched.Run()
		end := i + 1
		for end < len(steps) && steps[end].wait == 0 && steps[end].client == steps[i].client {
			end++
		}
		batch := make([][]string, end-i)
		for k := range batch {
			batch[k] = at(steps[i+k].words, now)
		}
		if d := p.compare(steps[i].client, batch); d != nil {
			d.step += i
			return d
		}
		i = end
	}
	return p.compareState(len(steps) - 1)
}

// at puts instants into words: {ms+5} and {s-5} are milliseconds and seconds
// since 1970, that long after now.
func at(words []string, now int64) []string {
	out := slices.Clone(words)
	for i, w := range out {
		for unit, size := range map[string]int64{"ms": 1e6, "s": 1e9} {
			if text, ok := strings.CutPrefix(w, "{"+unit); ok {
				n, err := strconv.ParseInt(strings.TrimSuffix(text, "}"), 10, 64)
				if err == nil {
					out[i] = strconv.FormatInt((epoch.UnixNano()+now)/size+n, 10)
				}
			}
		}
	}
	return out
}

// compare sends a client's commands to both and returns the first difference.
func (p *pair) compare(client int, commands [][]string) *difference {
	p.t.Helper()
	want, got := p.askReal(client, commands), p.askEmbedded(client, commands)
	for i, words := range commands {
		if w, g := p.canonical(client, words, want[i]), p.canonical(client, words, got[i]); w != g {
			return &difference{i, w, g}
		}
		switch {
		case want[i].text == "QUEUED":
			p.queued[client] = append(p.queued[client], words)
		case strings.EqualFold(words[0], "exec") || strings.EqualFold(words[0], "discard"):
			p.queued[client] = nil
		}
	}
	return nil
}

// canonical returns a reply as text that is equal where replies count as
// equal. That of EXEC is the replies of what was queued.
func (p *pair) canonical(client int, words []string, r reply) string {
	if !strings.EqualFold(words[0], "exec") || len(r.list) != len(p.queued[client]) {
		return canonical(words, r)
	}
	items := make([]string, len(r.list))
	for i, item := range r.list {
		items[i] = canonical(p.queued[client][i], item)
	}
	return string(r.kind) + fmt.Sprint(items)
}

// compareState compares all keys of all databases.
func (p *pair) compareState(last int) *difference {
	p.t.Helper()
	for _, db := range []string{"0", "1", "2"} {
		list := [][]string{{"SELECT", db}, {"KEYS", "*"}}
		real, embedded := p.askReal(clients, list)[1], p.askEmbedded(clients, list)[1]
		if w, g := canonical(list[1], real), canonical(list[1], embedded); w != g {
			return &difference{last, "keys of database " + db + ": " + w, g}
		}
		var types, looks [][]string
		for _, key := range real.list {
			types = append(types, []string{"TYPE", key.text})
		}
		for i, r := range p.askReal(clients, types) {
			key := types[i][1]
			look := dumps[r.text]
			if strings.HasPrefix(key, "p") { // the bytes of a HyperLogLog are not here
				look = []string{"PFCOUNT"}
			}
			looks = append(looks, []string{"PTTL", key}, slices.Insert(slices.Clone(look), 1, key))
		}
		if d := p.compare(clients, looks); d != nil {
			return &difference{last, fmt.Sprintf("%q in database %s: %s", looks[d.step], db, d.real), d.embedded}
		}
	}
	return nil
}

// dumps is how a key of each type is read. A word behind the name follows the key.
var dumps = map[string][]string{
	"string": {"GET"}, "hash": {"HGETALL"}, "list": {"LRANGE", "0", "-1"}, "set": {"SMEMBERS"},
	"zset": {"ZRANGE", "0", "-1", "WITHSCORES"}, "stream": {"XRANGE", "-", "+"},
}

func (p *pair) askReal(client int, commands [][]string) []reply {
	p.t.Helper()
	c := p.conns[client]
	var out bytes.Buffer
	for _, words := range commands {
		out.Write(encode(words))
	}
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.Write(out.Bytes()); err != nil {
		p.t.Fatal(err)
	}
	replies := make([]reply, len(commands))
	for i := range replies {
		r, err := readReply(c.r)
		if err != nil {
			p.t.Fatalf("redis-server, after %q: %v", commands[i], err)
		}
		replies[i] = r
	}
	return replies
}

// askEmbedded sends commands one by one: each has to have one reply.
func (p *pair) askEmbedded(client int, commands [][]string) []reply {
	p.t.Helper()
	c := p.embedded[client]
	replies := make([]reply, len(commands))
	for i, words := range commands {
		if _, err := c.Write(encode(words)); err != nil {
			replies[i] = reply{kind: '-', text: "WRITE " + err.Error()}
			continue
		}
		r := bufio.NewReader(&c.replies)
		said, err := readReply(r)
		if err != nil {
			said = reply{kind: '-', text: "READ " + err.Error()}
		}
		if rest, _ := io.ReadAll(r); len(rest) > 0 {
			said = reply{kind: '-', text: fmt.Sprintf("MORE %q", rest)}
		}
		replies[i] = said
	}
	return replies
}

func encode(words []string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// reply is a reply of either version of the protocol.
type reply struct {
	kind byte // + - : $ * , % ~ = # (, _ and 0 where a text and a list are null
	text string
	list []reply
}

func readReply(r *bufio.Reader) (reply, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return reply{}, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return reply{}, fmt.Errorf("expected a reply, found an empty line")
	}
	kind, text := line[0], line[1:]
	if strings.IndexByte("+-:,_#(", kind) >= 0 {
		return reply{kind: kind, text: text}, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return reply{}, fmt.Errorf("expected a length, found %q", line)
	case kind == '$' && n < 0:
		return reply{kind: '_'}, nil
	case kind == '*' && n < 0:
		return reply{kind: '0'}, nil
	case kind == '$' || kind == '=':
		b := make([]byte, n+2)
		_, err := io.ReadFull(r, b)
		return reply{kind: kind, text: string(b[:n])}, err
	case kind == '%':
		n *= 2
	case kind != '*' && kind != '~':
		return reply{}, fmt.Errorf("expected a reply, found %q", line)
	}
	list := reply{kind: kind}
	for range n {
		item, err := readReply(r)
		if err != nil {
			return list, err
		}
		list.list = append(list.list, item)
	}
	return list, nil
}

func (r reply) String() string {
	switch r.kind {
	case '_':
		return "(null)"
	case '0':
		return "(null list)"
	case '$', '=':
		return string(r.kind) + strconv.Quote(r.text)
	case '-':
		code, _, _ := strings.Cut(r.text, " ") // texts of errors differ on purpose
		return "-" + code
	case '*', '~', '%':
		items := make([]string, len(r.list))
		for i, item := range r.list {
			items[i] = item.String()
		}
		return string(r.kind) + "[" + strings.Join(items, " ") + "]"
	}
	return string(r.kind) + r.text
}

// unordered are commands whose replies come in the order of Redis' hash
// tables, which is not compared: 1 an item, 2 a pair, 3 only how many, 4 and 5 as
// 1 and 2 behind a cursor.
var unordered = map[string]int{
	"keys": 1, "hkeys": 1, "hvals": 1, "smembers": 1, "sinter": 1, "sunion": 1, "sdiff": 1, "hgetall": 2,
	"spop": 3, "srandmember": 3, "hrandfield": 3, "zrandmember": 3, "randomkey": 3, "hello": 3, "dbsize": 3, "scan": 4, "sscan": 4, "hscan": 5, "zscan": 5,
}

// canonical returns the reply of one command.
func canonical(words []string, r reply) string {
	kind := unordered[strings.ToLower(words[0])]
	if kind == 3 && (r.kind == '$' || r.kind == ':') { // Redis counts keys that have expired until somebody looks
		return "a " + string(r.kind)
	}
	if r.list == nil || kind == 0 {
		return r.String()
	}
	if kind == 3 {
		return fmt.Sprintf("%c of %d items", r.kind, len(r.list))
	}
	if kind > 3 && len(r.list) == 2 {
		r, kind = r.list[1], kind-3
	}
	var items []string
	for i := 0; i+kind <= len(r.list); i += kind {
		items = append(items, fmt.Sprint(r.list[i:i+kind]))
	}
	sort.Strings(items)
	return fmt.Sprintf("%c%v", r.kind, items)
}

// check plays a sequence and reports how it differs, as short as it gets.
func (p *pair) check(name string, steps []step) bool {
	p.t.Helper()
	d := p.play(steps)
	if d == nil {
		return true
	}
	steps, d = p.shorten(steps[:d.step+1], d)
	var text strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&text, "\n\t%v", s)
	}
	p.t.Errorf("%s: redis-server and the embedded shard differ after%s\n\tredis-server: %s\n\tembedded:     %s", name, text.String(), d.real, d.embedded)
	return false
}

// shorten leaves out steps and pauses without which the sequence still differs
// in its last command.
func (p *pair) shorten(steps []step, d *difference) ([]step, *difference) {
	command := steps[len(steps)-1].words[0]
	try := func(shorter []step) bool {
		found := p.play(shorter)
		if found == nil || found.step != len(shorter)-1 || shorter[found.step].words[0] != command {
			return false
		}
		steps, d = shorter, found
		return true
	}
	for i := len(steps) - 2; i >= 0; i-- {
		try(slices.Delete(slices.Clone(steps), i, i+1))
	}
	for i := range steps {
		calm := slices.Clone(steps)
		if calm[i].wait = 0; steps[i].wait > 0 {
			try(calm)
		}
	}
	return steps, d
}
