package fakeredis

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// served is the backend of a redis-server in virtual time.
type served struct {
	*Shard
	server  *virtualredis.Server
	clock   int64 // instant that the server was last told
	control net.Conn
	replies *bufio.Reader // of control
	asked   []byte        // the last command to control
	refused []refusing
	asking  []string // keys that are asked for with the next command of a client
	answers []sight  // to those that were asked for
	broken  func(error)
}

// sight is what was at a key.
type sight struct {
	value string
	found bool
}

// refusing is a refusal under way.
type refusing struct {
	text   string
	course fault.Course
}

func newServed(s *Shard, engine *virtualredis.Program, broken func(error)) (backend, error) {
	b := &served{Shard: s, clock: s.sched.Now(), broken: broken}
	var err error
	if b.server, err = engine.Start(s.sched.Time()); err != nil {
		return nil, err
	}
	if b.control, err = b.server.Dial(); err != nil {
		return nil, errors.Join(err, b.server.Stop())
	}
	b.replies = bufio.NewReader(b.control)
	return b, nil
}

// outsideTime are the commands that no shard in virtual time takes: those that
// save in the background, wait in wall time, or change the server itself.
var outsideTime = map[string]string{
	"bgsave": savesData, "bgrewriteaof": savesData, "save": savesData,
	"replicaof": hasReplicas, "slaveof": hasReplicas, "failover": hasReplicas, "psync": hasReplicas, "sync": hasReplicas, "replconf": hasReplicas, "wait": hasReplicas, "waitaof": hasReplicas,
	"client pause": "holds up clients in wall time", "client reply": "keeps a reply from who waits for it",
	"migrate": "writes to another server, in wall time", "debug": "changes the server, or lets it sleep in wall time",
	"shutdown": "ends a server that a fault of the scenario would end (down, restart)",
}

const (
	savesData   = "saves data in wall time, which shards in virtual time do not"
	hasReplicas = "is about replicas, which shards in virtual time do not have"
)

// whyOutside returns why a command is one of these, "" if it is not.
func whyOutside(name string, args []any) string {
	if name == "client" && len(args) > 1 {
		name += " " + rediscmd.Lower(rediscmd.Word(args[1]))
	}
	return outsideTime[name]
}

// sync brings the server's clock to the present instant.
func (s *served) sync() {
	if now := s.sched.Now(); now != s.clock {
		s.clock = now
		s.server.SetTime(s.sched.Time())
	}
}

// servedConn is a client's connection to a redis-server in virtual time. The
// server executes what is written to it before anything else happens.
type servedConn struct {
	net.Conn
	in     *bufio.Reader
	shard  *served
	out    []byte // what was asked for, and the command
	asked  int    // replies that are for the harness, before the client's
	greets bool   // the last command was of the handshake
}

func (s *served) dial() (net.Conn, error) {
	s.sync()
	c, err := s.server.Dial()
	if err != nil {
		s.fail(err)
		return nil, err
	}
	return &servedConn{Conn: c, in: bufio.NewReader(c), shard: s}, nil
}

func (c *servedConn) Write(b []byte) (int, error) {
	c.shard.sync()
	c.greets = greets(b)
	out := b
	if asking := c.shard.asking; len(asking) > 0 { // one trip for both
		c.out = c.out[:0]
		for _, key := range asking {
			c.out = AppendCommand(c.out, "GET", key)
		}
		c.out = append(c.out, b...)
		c.asked, c.shard.asking, out = c.asked+len(asking), asking[:0], c.out
	}
	_, err := c.Conn.Write(out)
	c.shard.fail(err)
	return len(b), err
}

// greets reports whether a command is of the handshake.
func greets(b []byte) bool {
	if len(b) < len("*1\r\n$5\r\nhello") || b[0] != '*' {
		return false
	}
	_, line, _ := strings.Cut(string(b[:min(len(b), 32)]), "\n$")
	_, word, _ := strings.Cut(line, "\n")
	word = rediscmd.Lower(word)
	return strings.HasPrefix(word, "hello\r") || strings.HasPrefix(word, "client\r")
}

func (c *servedConn) Read(b []byte) (int, error) {
	for ; c.asked > 0; c.asked-- {
		reply, err := parseReply(c.in)
		if err != nil {
			c.shard.fail(err)
			return 0, err
		}
		c.shard.answers = append(c.shard.answers, sightOf(reply))
	}
	n, err := c.in.Read(b)
	if !c.greets {
		c.shard.replied += int64(n)
	}
	c.shard.fail(err)
	return n, err
}

// fail ends the run: what a server that is gone would have answered is
// nothing that a client could have seen.
func (s *served) fail(err error) {
	if err != nil {
		s.broken(fmt.Errorf("shard %s, a redis-server in virtual time: %w", s.Name, err))
	}
}

// do executes a command on the harness' own connection.
func (s *served) do(words ...string) (any, error) {
	s.sync()
	s.asked = AppendCommand(s.asked[:0], words...)
	if _, err := s.control.Write(s.asked); err != nil {
		s.fail(err)
		return nil, err
	}
	reply, err := parseReply(s.replies)
	if err != nil {
		s.fail(err)
		return nil, err
	}
	if said, ok := reply.(refusal); ok {
		return nil, said
	}
	return reply, nil
}

// refusal is a reply that is an error.
type refusal string

func (r refusal) Error() string { return string(r) }

// parseReply reads a reply of RESP2: a string, a number as a string, a list, nil
// or a refusal.
func parseReply(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	kind, text := line[:min(len(line), 1)], line[min(len(line), 1):]
	switch kind {
	case "+", ":":
		return text, nil
	case "-":
		return refusal(text), nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || kind != "$" && kind != "*":
		return nil, fmt.Errorf("expected a reply, found %q", line)
	case n < 0:
		return nil, nil
	case kind == "$":
		b := make([]byte, n+len("\r\n"))
		_, err := io.ReadFull(r, b)
		return string(b[:n]), err
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = parseReply(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// AppendCommand appends a command as it goes over the wire.
func AppendCommand(b []byte, words ...string) []byte {
	b = append(b, '*')
	b = append(strconv.AppendInt(b, int64(len(words)), 10), "\r\n"...)
	for _, w := range words {
		b = append(b, '$')
		b = append(strconv.AppendInt(b, int64(len(w)), 10), "\r\n"...)
		b = append(append(b, w...), "\r\n"...)
	}
	return b
}

// sightOf reads the reply to GET, which an error is too: of another type.
func sightOf(reply any) sight {
	value, _ := reply.(string)
	return sight{value, reply != nil}
}

func (s *served) peek(key string) (value string, found bool) {
	reply, err := s.do("GET", key)
	if err != nil {
		reply = refusal("")
	}
	at := sightOf(reply)
	return at.value, at.found
}

func (s *served) ask(key string) (value string, found, known bool) {
	s.asking = append(s.asking, key)
	return "", false, false
}

// told returns the answers, and asks for what no command took along: the
// connection failed.
func (s *served) told(use func(value string, found bool)) {
	for _, a := range s.answers {
		use(a.value, a.found)
	}
	for _, key := range s.asking {
		use(s.peek(key))
	}
	s.asking, s.answers = s.asking[:0], s.answers[:0]
}

func (s *served) size() int { return len(s.keys()) }

func (s *served) keys() []any {
	reply, err := s.do("KEYS", "*") // DBSIZE counts those that expired too
	keys, _ := reply.([]any)
	s.fail(err)
	return keys
}

func (s *served) memory(each func(key string, bytes int64)) {
	for _, key := range s.keys() {
		name, _ := key.(string)
		reply, err := s.do("MEMORY", "USAGE", name)
		s.fail(err)
		text, _ := reply.(string)
		bytes, _ := strconv.ParseInt(text, 10, 64) // no reply is of a key whose time is up
		each(name, bytes)
	}
}

// must executes commands that no server refuses.
func (s *served) must(words ...string) {
	if _, err := s.do(words...); err != nil {
		s.fail(fmt.Errorf("%s: %w", strings.Join(words, " "), err))
	}
}

func (s *served) restart() {
	for _, r := range s.refused { // a replica would refuse to be emptied
		s.fail(r.course.End())
	}
	s.must("FLUSHALL")
	s.flushScripts()
	_, _ = s.do("FUNCTION", "FLUSH") // Redis before 7 has no functions
	for _, r := range s.refused {
		s.fail(r.course.Again())
	}
}

func (s *served) flushScripts() { s.must("SCRIPT", "FLUSH") }

// refuse lets the server itself refuse.
func (s *served) refuse(r fault.Refusal) (end func()) {
	course, err := r.Server((*commander)(s))
	s.fail(err)
	s.refused = append(s.refused, refusing{r.Text, course})
	return func() {
		i := slices.IndexFunc(s.refused, func(o refusing) bool { return o.text == r.Text })
		s.fail(s.refused[i].course.End())
		s.refused = slices.Delete(s.refused, i, i+1)
	}
}

func (s *served) close() error {
	return errors.Join(s.control.Close(), s.server.Stop())
}

// commander tells a server what a fault needs.
type commander served

func (c *commander) Command(args ...any) error {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = fmt.Sprint(a)
	}
	_, err := (*served)(c).do(words...)
	return err
}

func (c *commander) Option(name string) (string, error) {
	reply, err := (*served)(c).do("CONFIG", "GET", name)
	if pair, ok := reply.([]any); ok && len(pair) == 2 {
		value, _ := pair[1].(string)
		return value, err
	}
	return "", errors.Join(err, fmt.Errorf("expected the value of %s, found %v", name, reply))
}
