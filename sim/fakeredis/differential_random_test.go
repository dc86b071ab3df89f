package fakeredis

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
)

// SORT by numbers has a test of its own: in Redis 7.0, which does not reset errno,
// it takes an error of an earlier command for its own.

// forms are the commands of random sequences: literal words, classes of
// arguments in <>, a choice in ( | ), what may be missing in [ | ], and what
// comes one to three times in { }. A form with a number comes so much oftener.
var forms = `
8 SET <s> <val> [ EX <secs> | PX <msecs> | EXAT <at> | PXAT <msat> | KEEPTTL ] [ NX | XX ] [ GET ]
2 SET <s> <val> PX <msecs> NX
1 SET <s> <val> { ( EX <secs> | PX <msecs> | KEEPTTL | NX | XX | GET | PERSIST | FOO ) }
4 GET <s>
1 SETNX <s> <val>
1 ( SETEX <s> <secs> | PSETEX <s> <msecs> ) <val>
1 GETSET <s> <val>
1 GETDEL <s>
2 GETEX <s> [ EX <secs> | PX <msecs> | EXAT <at> | PXAT <msat> | PERSIST | KEEPTTL ]
1 MGET { <k> }
1 ( MSET | MSETNX ) { <s> <val> }
2 ( INCR | DECR ) <s>
3 ( INCRBY | DECRBY ) <s> <int>
2 INCRBYFLOAT <s> <float>
1 APPEND <s> <val>
1 STRLEN <s>
1 ( GETRANGE | SUBSTR ) <s> <idx> <idx>
1 SETRANGE <s> <small> <val>
1 SETBIT <s> <small> ( 0 | 1 | 2 )
1 GETBIT <s> <small>
1 BITCOUNT <s> [ <idx> <idx> [ BYTE | BIT ] ]
1 BITPOS <s> ( 0 | 1 ) [ <idx> [ <idx> [ BYTE | BIT ] ] ]
1 BITOP ( AND | OR | XOR | NOT ) <s> { <s> }
2 BITFIELD <s> { ( GET <bits> <small> | SET <bits> <small> <int> | INCRBY <bits> <small> <int> | OVERFLOW ( WRAP | SAT | FAIL ) ) }
1 BITFIELD_RO <s> GET <bits> <small>
1 LCS <s> <s> [ LEN ]
4 ( EXPIRE <k> <secs> | PEXPIRE <k> <msecs> | EXPIREAT <k> <at> | PEXPIREAT <k> <msat> ) [ NX | XX | GT | LT ] [ GT | LT | ZZ ]
4 ( TTL | PTTL | EXPIRETIME | PEXPIRETIME ) <k>
1 PERSIST <k>
2 ( EXISTS | DEL | UNLINK | TOUCH ) { <k> }
1 TYPE <k>
1 ( RENAME | RENAMENX ) <k> <k>
1 COPY <k> <k> [ DB <db> ] [ REPLACE ]
1 MOVE <k> <db>
1 OBJECT ENCODING <k>
1 KEYS ( * | s? | [hz]1 | s[^1] | \s1 )
1 SCAN 0 COUNT 1000 [ TYPE ( string | hash ) ]
1 SORT <l> ALPHA [ LIMIT <idx> <idx> ] [ DESC ] [ STORE <l> ]
4 ( HSET | HMSET ) <h> { <f> <val> }
1 HSETNX <h> <f> <val>
2 ( HGET | HEXISTS | HSTRLEN ) <h> <f>
2 ( HGETALL | HLEN | HKEYS | HVALS ) <h>
2 HINCRBY <h> <f> <int>
2 HINCRBYFLOAT <h> <f> <float>
2 ( HMGET | HDEL ) <h> { <f> }
1 HSCAN <h> 0 COUNT 1000
1 HRANDFIELD <h> [ <idx> [ WITHVALUES ] ]
4 ZADD <z> [ NX | XX ] [ GT | LT ] [ CH ] [ INCR ] <float> <m>
3 ZADD <z> { <float> <m> }
1 ZCARD <z>
1 ZCOUNT <z> <bound> <bound>
1 ZLEXCOUNT <z> <lex> <lex>
2 ( ZRANGE | ZREVRANGE ) <z> <idx> <idx> [ WITHSCORES ]
2 ZRANGE <z> ( <bound> <bound> BYSCORE [ LIMIT <idx> <idx> ] | <lex> <lex> BYLEX [ LIMIT <idx> <idx> ] ) [ REV ] [ WITHSCORES ]
1 ZRANGESTORE <z> <z> ( <idx> <idx> | <bound> <bound> BYSCORE [ LIMIT <idx> <idx> ] )
2 ( ZRANGEBYSCORE | ZREVRANGEBYSCORE ) <z> <bound> <bound> [ WITHSCORES ] [ LIMIT <idx> <idx> ]
1 ( ZRANGEBYLEX | ZREVRANGEBYLEX ) <z> <lex> <lex> [ LIMIT <idx> <idx> ]
3 ZREMRANGEBYSCORE <z> <bound> <bound>
1 ZREMRANGEBYRANK <z> <idx> <idx>
1 ZREMRANGEBYLEX <z> <lex> <lex>
1 ZINCRBY <z> <float> <m>
1 ( ZSCORE | ZRANK | ZREVRANK ) <z> <m>
1 ( ZREM | ZMSCORE ) <z> { <m> }
1 ( ZPOPMIN | ZPOPMAX ) <z> [ <idx> ]
1 ZMPOP ( 1 <z> | 2 <z> <z> ) ( MIN | MAX ) [ COUNT <idx> ]
1 ( ZUNIONSTORE | ZINTERSTORE ) <z> 2 <zt> <zt> [ WEIGHTS <float> <float> ] [ AGGREGATE ( SUM | MIN | MAX ) ]
1 ( ZUNION | ZINTER ) 2 <zt> <zt> [ WITHSCORES ]
1 ( ZDIFF 2 <zt> <zt> [ WITHSCORES ] | ZDIFFSTORE <z> 2 <zt> <zt> )
1 ZINTERCARD 2 <zt> <zt> [ LIMIT <idx> ]
1 ZRANDMEMBER <z> [ <idx> [ WITHSCORES ] ]
1 ZSCAN <z> 0 COUNT 1000
2 ( LPUSH | RPUSH | LPUSHX | RPUSHX ) <l> { <val> }
1 ( LTRIM | LRANGE ) <l> <idx> <idx>
1 ( LPOP | RPOP ) <l> [ <idx> ]
1 ( LLEN <l> | LINDEX <l> <idx> )
1 LSET <l> <idx> <val>
1 LREM <l> <idx> <val>
1 LINSERT <l> ( BEFORE | AFTER ) <val> <val>
1 LPOS <l> <val> [ RANK <idx> ] [ COUNT <idx> ] [ MAXLEN <idx> ]
1 ( LMOVE <l> <l> ( LEFT | RIGHT ) ( LEFT | RIGHT ) | RPOPLPUSH <l> <l> )
1 LMPOP ( 1 <l> | 2 <l> <l> ) ( LEFT | RIGHT ) [ COUNT <idx> ]
2 ( SADD | SREM ) <t> { <m> }
1 ( SISMEMBER <t> <m> | SMISMEMBER <t> { <m> } )
1 ( SCARD | SMEMBERS ) <t>
1 SMOVE <t> <t> <m>
1 ( SINTER | SUNION | SDIFF ) { <t> }
1 ( SINTERSTORE | SUNIONSTORE | SDIFFSTORE ) <t> { <t> }
1 SINTERCARD ( 1 <t> | 2 <t> <t> ) [ LIMIT <idx> ]
1 SRANDMEMBER <t> [ <idx> ]
1 SSCAN <t> 0 COUNT 1000
3 XADD <x> [ NOMKSTREAM ] [ ( MAXLEN | MINID ) [ ~ | = ] <small> [ LIMIT <small> ] ] <xid> { <f> <val> }
1 XLEN <x>
1 ( XRANGE <x> <xmin> <xmax> | XREVRANGE <x> <xmax> <xmin> ) [ COUNT <idx> ]
1 XTRIM <x> ( MAXLEN | MINID ) [ ~ | = ] <small> [ LIMIT <small> ]
1 XDEL <x> { <xid> }
1 XREAD [ COUNT <idx> ] STREAMS <x> <xid>
1 XGROUP ( CREATE <x> grp ( 0 | $ ) [ MKSTREAM ] | SETID <x> grp <xid> | DESTROY <x> grp | CREATECONSUMER <x> grp c1 | DELCONSUMER <x> grp c1 )
2 XREADGROUP GROUP grp ( c1 | c2 ) [ COUNT <idx> ] [ NOACK ] STREAMS <x> ( > | 0 | <xid> )
1 XACK <x> grp { <xid> }
1 XPENDING <x> grp [ - + <idx> [ c1 ] ]
1 XCLAIM <x> grp c2 <msecs> <xid> [ JUSTID ]
1 XAUTOCLAIM <x> grp c2 <msecs> 0 [ COUNT <idx> ] [ JUSTID ]
1 XSETID <x> <xid>
1 PFADD <p> { <m> }
1 PFCOUNT { <p> }
1 PFMERGE <p> { <p> }
1 ( EXPIRE <p> <secs> | DEL <p> | TYPE <p> | COPY <p> <p> | RENAME <p> <p> )
1 ( TIME | PING | DBSIZE | UNWATCH )
3 WATCH { <k> }
3 MULTI
4 EXEC
1 DISCARD
1 SELECT <db>
1 HELLO ( 2 | 3 | 4 )
1 SWAPDB <db> <db>
1 ( FLUSHALL | FLUSHDB ) [ ASYNC | SYNC | NOW ]
1 ( NOSUCH | GET | SET <s> | EXPIRE <k> | ZADD <z> 1 | HSET <h> f | INCR <s> <s> )
`

// words are the arguments of each class: what a client sends as a rule, and
// what is odd.
var usualWords, oddWords = map[string]string{
	"s": "s1 s2 s3", "h": "h1 h2", "z": "z1 z2", "l": "l1 l2", "t": "t1 t2", "p": "p1 p2", "x": "x1", "zt": "z1 z2 t1", "db": "0 1 2",
	"k":   "s1 s2 s3 h1 h2 z1 z2 l1 l2 t1 t2 x1",
	"int": "1 2 3 -1 -2 10 0 100", "small": "0 1 2 3 7 8 9 20 120", "idx": "0 1 2 3 -1 -2 -3",
	"float": "0.1 0.2 0.3 1.5 -2.25 3.0 1e3 1.10 2 5 -1 0 1767225600.123456 1767225600123 100.5 1e-5",
	"secs":  "1 2 3 4 5 6", "msecs": "1 10 500 1000 1500 2500 4000",
	"at": "{s+1} {s+2} {s+5} {s-1} {s+0}", "msat": "{ms+1} {ms+700} {ms+2500} {ms-1} {ms+0}",
	"val":   "v hello 1 2 10 0.5 abc 3.0 a,b 1767225600.123456",
	"f":     "f g tokens ts",
	"m":     "a b c d 1 2 10 1767225600.1",
	"bound": "-inf +inf 0 1 (1 2 (2 0.3 1000 1767225600 (1767225600.123456",
	"lex":   "- + [a (a [b [c (d",
	"bits":  "u8 i8 u4 i16 u63 i64 u1",
	"xid":   "* * * {ms+0}-1 {ms+0} 0-1 5-5 {ms-500}-0",
	"xmin":  "- 0 {ms-1000} ({ms-500} 5-5", "xmax": "+ {ms+0} {ms+0}-1 5-5",
}, map[string]string{
	"int":   "9223372036854775807 -9223372036854775808 9223372036854775808 1.5 abc  +1 01 -0 0x10 1e3 9223372036854775806 4611686018427387904 \x00",
	"idx":   "abc 1.5  9223372036854775807 -9223372036854775808 (1 100 -100 +1",
	"small": "-1 abc 1000 4294967296 +1 ",
	"float": "inf -inf +inf nan Infinity abc  0x1p3 1e308 1e309 -1e308 1e-320 1e-400 1_0 0x10 9007199254740993 1e17 123456789012345678 1e21 -0 +5 5.0e0 .5 5. 100000000000000000000000 0.30000000000000004 1e5000",
	"secs":  "0 -1 abc 1.5 9223372036854775807 9223372036854775 9223372036854776 -9223372036854775808  99999999999 10000000000 +1",
	"msecs": "0 -1 abc 1.5 9223372036854775807 -9223372036854775808  99999999999999 9223372036854775000 +1",
	"at":    "0 -1 1 abc 9223372036854775807 9223372036854775 99999999999",
	"msat":  "0 -1 1 abc 9223372036854775807",
	"val":   " a\r\nb \x00\xff +1 01 -0 9223372036854775807 nan inf 1e400 0x10 " + strings.Repeat("long", 20),
	"f":     " " + strings.Repeat("field", 20), "m": "  -0 1e3 " + strings.Repeat("member", 20),
	"bound": "inf (inf (-inf abc (  -Inf INF 1e400 0x10 nan (nan 1e3 +1",
	"lex":   "a  [ ( +a -a", "bits": "u64 i65 u0 i0 abc u", "db": "15 16 -1 abc",
	"xid": "0-0 abc 0 1-1-1 -1 9999999999999-1 {ms+0}-* 18446744073709551615-18446744073709551615 $ >", "xmin": "abc  + (-", "xmax": "abc  - (+",
	"k": "none ",
}

// phrase is a command's words as a tree: a word, or alternatives.
type phrase struct {
	word  string
	kind  byte // 0: a word; ( [ {: alternatives
	parts [][]phrase
}

// parseForms reads alternatives up to the closing bracket.
func parseForms(words []string) (alternatives [][]phrase, rest []string) {
	alternatives = [][]phrase{nil}
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		last := &alternatives[len(alternatives)-1]
		switch w {
		case "(", "[", "{":
			inner, after := parseForms(words)
			*last, words = append(*last, phrase{kind: w[0], parts: inner}), after
		case ")", "]", "}":
			return alternatives, words
		case "|":
			alternatives = append(alternatives, nil)
		default:
			*last = append(*last, phrase{word: w})
		}
	}
	return alternatives, nil
}

// generator draws commands. odd is how often an argument is an odd one.
type generator struct {
	*rand.Rand
	forms []([]phrase)
	odd   float64
}

func newGenerator(rng *rand.Rand, odd float64, forms string) *generator {
	g := &generator{Rand: rng, odd: odd}
	for line := range strings.Lines(strings.TrimSpace(forms)) {
		words := strings.Fields(line)
		times, _ := strconv.Atoi(words[0])
		parsed, _ := parseForms(words[1:])
		for range times {
			g.forms = append(g.forms, parsed[0])
		}
	}
	return g
}

func (g *generator) command() []string {
	words := g.expand(nil, g.forms[g.IntN(len(g.forms))])
	if g.IntN(10) == 0 {
		words[0] = strings.ToLower(words[0])
	}
	return words
}

func (g *generator) expand(out []string, parts []phrase) []string {
	for _, f := range parts {
		times := 1
		switch {
		case f.kind == 0:
			out = append(out, g.argument(f.word))
			continue
		case f.kind == '[':
			times = g.IntN(2)
		case f.kind == '{':
			times = 1 + g.IntN(3)
		}
		for range times {
			out = g.expand(out, f.parts[g.IntN(len(f.parts))])
		}
	}
	return out
}

// argument draws a word of a class. A key is of another type at times.
func (g *generator) argument(word string) string {
	class, ok := strings.CutPrefix(word, "<")
	if !ok {
		return word
	}
	class = strings.TrimSuffix(class, ">")
	if odd := oddWords[class]; odd != "" && g.Float64() < g.odd {
		return g.pick(strings.Split(odd, " "))
	}
	if strings.Contains("s h z l t x zt", class) && g.Float64() < g.odd {
		class = "k"
	}
	return g.pick(strings.Fields(usualWords[class]))
}

func (g *generator) pick(words []string) string { return words[g.IntN(len(words))] }

// sequence draws commands of three clients, most of them of the first.
func (g *generator) sequence(n int) []step {
	steps := make([]step, n)
	for i := range steps {
		s := &steps[i]
		s.words = g.command()
		if i > 0 {
			s.client = steps[i-1].client
		}
		if g.IntN(8) == 0 {
			s.client = g.IntN(clients)
		}
		if g.IntN(6) == 0 {
			s.wait = time.Duration(1+g.IntN(2500)) * time.Millisecond
			if g.IntN(3) == 0 {
				s.wait = time.Duration(1+g.IntN(5000)) * time.Microsecond
			}
		}
	}
	return steps
}

// number reads a number from the environment, or returns the usual one.
func number(t testing.TB, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: expected a number, found %q", name, text)
	}
	return n
}

// The number of random sequences and their seed come from the environment: a
// night's length is QUOTALAB_SEQUENCES=1000000 QUOTALAB_SEED=$RANDOM.
const (
	sequencesVariable = "QUOTALAB_SEQUENCES"
	seedVariable      = "QUOTALAB_SEED"
	longestReport     = 10 // differences
)

// playRandom plays random sequences and reports the first differences.
func playRandom(t *testing.T, n int, draw func(rng *rand.Rand) []step) {
	t.Helper()
	p := newPair(t)
	defer p.close()
	seed := number(t, seedVariable, 13)
	n = number(t, sequencesVariable, n)
	commands, differing := 0, 0
	for i := range n {
		steps := draw(rand.New(rand.NewPCG(uint64(seed), uint64(i))))
		commands += len(steps)
		if !p.check(fmt.Sprintf("seed %d, sequence %d", seed, i), steps) {
			if differing++; differing == longestReport {
				t.Fatalf("%d of the first %d sequences differ; the rest is not played", differing, i+1)
			}
		}
	}
	t.Logf("%d sequences with %d commands, %d differ", n, commands, differing)
}

// A third of the sequences has the odd arguments that clients send by mistake.
func TestRandomSequencesAreRedis(t *testing.T) {
	playRandom(t, 10_000, func(rng *rand.Rand) []step {
		g := newGenerator(rng, []float64{0.01, 0.01, 0.15}[rng.IntN(3)], forms)
		return append(g.large(), g.sequence(20)...)
	})
}

// large fills some keys, in one of forty sequences, with more than what Redis
// packs into one piece.
func (g *generator) large() (steps []step) {
	if g.IntN(40) > 0 {
		return nil
	}
	for _, start := range [][]string{{"ZADD", "z1"}, {"HSET", "h1"}, {"SADD", "t1"}, {"SADD", "t2"}, {"RPUSH", "l1"}} {
		words := start
		for i := range 100 + g.IntN(500) {
			if start[0] == "ZADD" || start[0] == "HSET" {
				words = append(words, strconv.Itoa(g.IntN(100)))
			}
			words = append(words, strconv.Itoa(i))
			if start[1] == "t2" {
				words = append(words, g.argument("<m>"))
			}
		}
		steps = append(steps, step{words: words})
	}
	for i := range 50 + g.IntN(200) {
		steps = append(steps, step{words: []string{"XADD", "x1", "*", g.argument("<f>"), g.argument("<val>"), "n", strconv.Itoa(i)}})
	}
	return steps
}

// An approximate trim removes whole nodes of a stream, which depend on the
// bytes of every entry and on what was deleted among them.
func TestNodesOfStreamsAreRedis(t *testing.T) {
	playRandom(t, 100, func(rng *rand.Rand) []step {
		g := newGenerator(rng, 0.15, "2 XTRIM x1 MAXLEN ~ <small>\n1 XTRIM x1 MAXLEN 120\n2 XDEL x1 <xid>\n60 XADD x1 * { <f> <val> }\n")
		return append(g.sequence(450), step{words: []string{"XTRIM", "x1", "MAXLEN", "~", "5"}})
	})
}

// Numbers in lists, sets and sorted sets are sorted as Redis does, texts refused
// alike. None is out of a double's range.
func TestSortByNumbersIsRedis(t *testing.T) {
	usual := strings.NewReplacer("<n>", "( <float> | <int> | <at> | inf | -inf | 0x10 | 5.0 | -0 | 007 )", "<odd>", "( <val> | nan | 1e )")
	forms := usual.Replace(`
20 RPUSH l1 { <n> }
20 SADD t1 { <n> }
10 ZADD z1 1 <n>
1 RPUSH l1 <odd>
1 SADD t1 <odd>
3 DEL ( l1 | t1 | z1 )
2 LTRIM l1 0 5
30 ( SORT | SORT_RO ) ( l1 | t1 | z1 ) [ LIMIT <idx> <idx> ] [ ASC | DESC ]
5 SORT ( l1 | t1 ) [ ALPHA ] STORE l2
1 SORT s1
`)
	playRandom(t, 500, func(rng *rand.Rand) []step { return newGenerator(rng, 0, forms).sequence(20) })
}

// limiterForms are what limiters send.
var limiterForms = `
3 GET <s>
3 SET <s> <int> PX <msecs> NX
2 SET <s> <int> EX <secs>
1 SET <s> <float> KEEPTTL
4 INCR <s>
2 INCRBY <s> <int>
3 EXPIRE <s> <secs> [ NX ]
2 PEXPIRE <k> <msecs> [ GT ]
3 ( TTL | PTTL ) <k>
1 DECRBY <s> <int>
1 INCRBYFLOAT <s> <float>
4 ZADD <z> <now> <m>
4 ZREMRANGEBYSCORE <z> 0 <now>
3 ZCARD <z>
2 ZCOUNT <z> <now> +inf
1 ZRANGE <z> 0 0 WITHSCORES
2 HSET <h> tokens <float> ts <now>
3 HMGET <h> tokens ts
2 HINCRBY <h> <f> <int>
1 HINCRBYFLOAT <h> tokens <float>
1 HGETALL <h>
1 HDEL <h> <f>
1 LPUSH <l> <now>
1 LTRIM <l> 0 3
1 LLEN <l>
1 LRANGE <l> 0 -1
1 DEL <k>
1 XADD <x> MAXLEN ~ 5 * f <int>
2 WATCH <s>
3 MULTI
4 EXEC
`

// Limiters' commands come in quick succession, and their windows end.
func TestLimitersCommandsAreRedis(t *testing.T) {
	playRandom(t, 10_000, func(rng *rand.Rand) []step {
		usual := strings.NewReplacer("<now>", []string{"{ms+0}", "{s+0}"}[rng.IntN(2)])
		g := newGenerator(rng, 0, usual.Replace(limiterForms))
		return g.sequence(20)
	})
}

// These sequences are not part of the repository.
func TestSharedSequencesAreRedis(t *testing.T) {
	dir := os.Getenv("QUOTALAB_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(dir, "lab", "fidelity", "sequences.jsonl"))
	if err != nil {
		t.Skipf("no sequences: %v (set QUOTALAB_SHARED)", err)
	}
	defer f.Close()
	testkit.Live(t, "starts redis-server")
	p := newPair(t)
	defer p.close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var sequence struct {
			Name  string
			Steps [][]string
		}
		if err := json.Unmarshal(lines.Bytes(), &sequence); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(sequence.Name, "random") { // numbers of a server that has given none yet
			fresh := newPair(t)
			fresh.check(sequence.Name, readSteps(t, sequence.Steps))
			fresh.close()
			continue
		}
		p.check(sequence.Name, readSteps(t, sequence.Steps))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// readSteps reads a sequence: +1.5 waits so many milliseconds, #1 before a
// command's words names its client.
func readSteps(t testing.TB, lines [][]string) (steps []step) {
	t.Helper()
	var wait time.Duration
	for _, words := range lines {
		if text, ok := strings.CutPrefix(words[0], "+"); ok {
			ms, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			wait += time.Duration(ms * float64(time.Millisecond))
			continue
		}
		s := step{wait: wait, words: words}
		if text, ok := strings.CutPrefix(words[0], "#"); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			s.client, s.words = n, words[1:]
		}
		steps, wait = append(steps, s), 0
	}
	return steps
}
