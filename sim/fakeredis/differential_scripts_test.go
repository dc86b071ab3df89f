package fakeredis

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// forScripts is what a script finds, of every type.
var forScripts = [][]string{
	{"SET", "str", "v"}, {"SET", "num", "10"}, {"SET", "flt", "0.1"}, {"RPUSH", "list", "1", "2"}, {"HSET", "hash", "f", "1", "g", "2.5"},
	{"ZADD", "zset", "1.5", "m"}, {"SET", "ttl", "1", "PX", "100000"},
}

// scriptSteps calls a script twice: what the first call leaves behind is not
// to be seen by the second.
func scriptSteps(script string) []step {
	var steps []step
	for _, words := range forScripts {
		steps = append(steps, step{words: words})
	}
	call := step{words: []string{"EVAL", script, "2", "a", "b", "7", "1.5", "x", "1767225600.123456"}}
	return append(steps, call, step{client: 1, words: call.words})
}

// exactScript compares a script's answer, with the text of an error too.
func (p *pair) exactScript(script string) {
	p.t.Helper()
	steps := scriptSteps(script)
	if !p.check(script, steps) {
		return
	}
	for _, i := range []int{0, 1} {
		want, got := p.askReal(i, [][]string{steps[len(steps)-1].words})[0], p.askEmbedded(i, [][]string{steps[len(steps)-1].words})[0]
		if want.kind == '-' && want.text != got.text {
			p.t.Errorf("%s:\n\tredis-server: %s\n\tembedded:     %s", script, want.text, got.text)
		}
	}
}

func TestScriptsAreRedis(t *testing.T) {
	p := newPair(t)
	defer p.close()
	resp3, err := os.ReadFile("testdata/resp3.lua")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/scripts.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "# ") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "RESP3 "); ok {
			line = string(resp3) + rest
		}
		p.exactScript(line)
		n++
	}
	t.Logf("%d scripts", n)
}

// Arguments of EVAL, the cache, shebang lines, databases, transactions,
// deadlines, versions of the protocol, and libraries of functions.
func TestCommandsOfScriptsAreRedis(t *testing.T) {
	p := newPair(t)
	defer p.close()
	data, err := os.ReadFile("testdata/script-commands.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var words []string
		if err := json.Unmarshal(lines.Bytes(), &words); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step{words: words})
	}
	p.check("commands of scripts", steps)
}

// These scripts are not part of the repository: QUOTALAB_SHARED names the
// directory that has them.
func TestSharedScriptsAreRedis(t *testing.T) {
	dir := os.Getenv("QUOTALAB_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	data, err := os.ReadFile(filepath.Join(dir, "lab", "fidelity", "lua.txt"))
	if err != nil {
		t.Skipf("no scripts: %v (set QUOTALAB_SHARED)", err)
	}
	testkit.Live(t, "starts redis-server")
	p := newPair(t)
	defer p.close()
	for block := range strings.SplitSeq(string(data), "\n---\n") {
		if _, script, ok := strings.Cut(strings.TrimSpace(block), "\n"); ok {
			p.exactScript(script)
		}
	}
}

// program draws a script of arithmetic, as limiters have it, whose numbers go
// through text, arguments and every type of key.
type program struct {
	*rand.Rand
	strings.Builder
}

func (p *program) pick(of ...string) string { return of[p.IntN(len(of))] }

func (p *program) operand() string {
	switch p.IntN(6) {
	case 0:
		return strconv.Itoa(p.IntN(2000) - 500)
	case 1:
		return strconv.FormatFloat(p.NormFloat64()*1000, 'f', p.IntN(9), 64)
	case 2:
		return p.pick("0.1", "0.3", "1e9", "1767225600", "1767225600.123456", "1767225600123456", "2^53", "2^53+1", "1/3", "1e-9", "3600", "-0.5", "1e15", "1e16", "1e17", "2^63", "'0x10'", "' 7 '", "'1e-3'")
	case 3:
		return fmt.Sprintf("tonumber(ARGV[%d])", 1+p.IntN(6))
	case 4:
		return fmt.Sprintf("ARGV[%d]", 1+p.IntN(6))
	}
	return fmt.Sprintf("v%d", p.IntN(4))
}

func (p *program) expression(depth int) string {
	if depth == 0 {
		return p.operand()
	}
	a, b := p.expression(depth-1), p.expression(p.IntN(depth))
	switch p.IntN(13) {
	case 0, 1, 2, 3:
		return "(" + a + p.pick(" + ", " - ", " * ") + b + ")"
	case 4:
		return "(" + a + " / (" + b + " + 0.75))"
	case 5:
		return "(" + a + " % " + b + ")"
	case 6:
		return p.pick("math.floor", "math.ceil", "math.abs", "math.sqrt", "-") + "(" + a + ")"
	case 7:
		return p.pick("math.max", "math.min", "math.fmod") + "(" + a + ", " + b + " + 0)"
	case 8:
		return "tonumber(" + a + " .. '')"
	case 9:
		return "(tonumber(string.format('" + p.pick("%d", "%.3f", "%g", "%.17g", "%i", "%u", "%x", "%e") + "', " + a + "), 10) or " + b + ")"
	case 10:
		return "#(" + a + " .. " + b + ")"
	case 11:
		return "(" + p.pick("cjson.decode(cjson.encode({math.min(math.max(", "cmsgpack.unpack(cmsgpack.pack({math.min(math.max(") + a + ", -1e300), 1e300)}))[1] or 0)"
	}
	return "(" + a + " + 0 " + p.pick("<", "<=", ">", ">=", "==", "~=") + " " + b + " + 0 and " + p.operand() + " or " + p.operand() + ")"
}

// through sends a variable through a key and back.
func (p *program) through(v string) string {
	return fmt.Sprintf(p.pick(
		"redis.call('set', KEYS[1], %[1]s) %[1]s = redis.call('get', KEYS[1])",
		"redis.call('set', KEYS[1], tostring(%[1]s), 'PX', 5000) %[1]s = redis.call('get', KEYS[1])",
		"redis.call('hset', KEYS[2], 'f', %[1]s) %[1]s = redis.call('hget', KEYS[2], 'f')",
		"redis.pcall('zadd', KEYS[3], %[1]s, 'm' .. %[1]s) %[1]s = redis.call('zcard', KEYS[3])",
		"redis.call('rpush', KEYS[4], %[1]s) %[1]s = redis.call('lindex', KEYS[4], -1)",
		"local e = redis.pcall('incrby', KEYS[5], math.floor(%[1]s)) if type(e) == 'number' then %[1]s = e end",
		"local e = redis.pcall('incrbyfloat', KEYS[5], %[1]s) if type(e) == 'string' then %[1]s = e end",
		"redis.pcall('expire', KEYS[1], %[1]s) %[1]s = redis.call('pttl', KEYS[1])",
		"if %[1]s + 0 > 5 then for i = 1, 3 do %[1]s = %[1]s + i end else %[1]s = %[1]s - 1 end",
	), v)
}

func drawProgram(rng *rand.Rand) string {
	p := &program{Rand: rng}
	p.WriteString("local v0, v1, v2, v3 = 1, 0.25, 1767225600, -3\n")
	for range 1 + p.IntN(5) {
		v := fmt.Sprintf("v%d", p.IntN(4))
		fmt.Fprintf(p, "%s = %s + 0\n", v, p.expression(1+p.IntN(3)))
		if p.IntN(2) == 0 {
			fmt.Fprintf(p, "do %s end\n", p.through(v))
		}
	}
	p.WriteString("local r = {}\nfor i, v in ipairs({v0, v1, v2, v3}) do r[#r+1] = v r[#r+1] = tostring(v) r[#r+1] = string.format('%.17g', v) end\nreturn r")
	return p.String()
}

func TestRandomProgramsAreRedis(t *testing.T) {
	playRandom(t, 500, func(rng *rand.Rand) (steps []step) {
		for range 20 { // programs
			words := []string{"EVAL", drawProgram(rng), "5", "s1", "h1", "z1", "l1", "c1", "7", "1.5", "1767225600.123456", "1767225600123456", "0.001", "60"}
			steps = append(steps, step{words: words, client: rng.IntN(2)})
		}
		return steps
	})
}
