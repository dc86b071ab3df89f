package foreign

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Protocol is the version of the lines that are spoken with a child. Fields
// that either side does not know are ignored; another whole number is another
// protocol.
const Protocol = 1

// greeting is the first line to a child.
type greeting struct {
	Hello hello `json:"hello"`
}

type hello struct {
	Protocol  int               `json:"protocol"`
	Client    string            `json:"client"`
	Does      record.Mode       `json:"does"`
	Shards    []shardLine       `json:"shards"`
	Limits    map[string]limit  `json:"limits"`
	Overrides []limit           `json:"overrides,omitempty"`
	Options   map[string]string `json:"options"`
	Now       json.Number       `json:"now_ms"`
	Seed      uint32            `json:"seed"`
	Prefix    string            `json:"prefix,omitempty"` // that its keys should begin with, on live servers
	Listen    string            `json:"listen,omitempty"` // Unix socket that a service listens on
	Engine    *Engine           `json:"engine,omitempty"`
}

type shardLine struct {
	Name   string `json:"name"`
	Socket string `json:"socket"` // path of the Unix socket
}

type limit struct {
	Limit  string  `json:"limit,omitempty"` // of an override
	Key    string  `json:"key,omitempty"`
	Count  int64   `json:"count"`
	Period float64 `json:"period_ms"`
	Burst  int64   `json:"burst"`
}

// limitsOf returns a limiter's limits as a child is told them.
func limitsOf(l record.Limiter) (map[string]limit, []limit) {
	all := map[string]limit{}
	for _, one := range l.Limits {
		all[one.Name] = limit{Count: one.Count, Period: milliseconds(int64(one.Period)), Burst: one.Burst}
	}
	var overrides []limit
	for _, one := range l.Overrides {
		overrides = append(overrides, limit{one.Name, one.Key, one.Count, milliseconds(int64(one.Period)), one.Burst})
	}
	return all, overrides
}

// unknown is a number that there is none of.
const unknown = -1

func milliseconds(ns int64) float64 { return float64(ns) / 1e6 }

// instantText writes nanoseconds as milliseconds with three digits: a number
// that a double holds to the microsecond.
func instantText(ns int64) json.Number {
	us := ns / 1000
	return json.Number(fmt.Sprintf("%d.%03d", us/1000, us%1000))
}

// requestLine is a question to a child.
type requestLine struct {
	ID    int64       `json:"id"`
	Now   json.Number `json:"now_ms"`
	Takes []takeLine  `json:"takes"`
}

type takeLine struct {
	Limit string      `json:"limit"`
	Key   string      `json:"key"`
	Cost  int64       `json:"cost"`
	Mode  record.Mode `json:"mode"`
}

// Ready is what a child says of itself when it may be asked.
type Ready struct {
	Protocol float64 `json:"protocol"`
	Name     string  `json:"name"`
	Version  string  `json:"version"`
	Keys     string  `json:"keys"` // a key in Redis, of {key} and {limit}; "": not told
}

// answer is what a child says of a request.
type answer struct {
	ID         *int64   `json:"id"`
	Allowed    *bool    `json:"allowed"`
	OK         bool     `json:"ok"` // of an engine's
	Remaining  *float64 `json:"remaining"`
	RetryAfter *float64 `json:"retry_after_ms"`
	Clock      *float64 `json:"clock_ms"` // its clock when it was asked
	Took       *float64 `json:"took_us"`  // how long it took, as it says
	Error      string   `json:"error"`
	Kind       string   `json:"kind"`
}

// line is one that a child wrote: one of its fields is set.
type line struct {
	Ready  *Ready
	Answer *answer
	Notice *Notice
}

// parseLine reads a line of a child.
func parseLine(text []byte) (line, error) {
	var l struct {
		Ready  *Ready  `json:"ready"`
		Notice *Notice `json:"notice"`
		answer
	}
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '{' || json.Unmarshal(trimmed, &l) != nil {
		return line{}, fmt.Errorf("expected a line of JSON on its standard output, found %.100q: print to standard error instead", text)
	}
	if l.Ready != nil {
		if math.Floor(l.Ready.Protocol) != Protocol {
			return line{}, fmt.Errorf("expected a child of protocol %d, found one of protocol %v", Protocol, l.Ready.Protocol)
		}
		return line{Ready: l.Ready}, nil
	}
	if l.Notice != nil {
		return line{Notice: l.Notice}, l.Notice.check()
	}
	if l.ID == nil {
		return line{}, fmt.Errorf("expected an answer with an id, found %.100q", text)
	}
	return line{Answer: &l.answer}, nil
}

// check returns what is wrong with the answer to a question that wants a
// decision, or to an engine's news.
func (a *answer) check(decides bool) error {
	switch kinds := metric.Values("error"); {
	case a.Error == "" && decides && a.Allowed == nil:
		return fmt.Errorf("expected allowed or error in the answer to request %d", *a.ID)
	case a.Error == "" && !decides && !a.OK:
		return fmt.Errorf("expected ok (true) or error in the answer to request %d, which was news to an engine", *a.ID)
	case a.Error != "" && a.Kind != "" && !slices.Contains(kinds, a.Kind):
		return fmt.Errorf("expected the kind of the error of request %d to be one of %s, found %q", *a.ID, strings.Join(kinds, ", "), a.Kind)
	}
	return nil
}

// failure returns the error that the answer tells.
func (a *answer) failure() error {
	if a.Error == "" {
		return nil
	}
	return &limiter.Failure{Kind: cmp.Or(a.Kind, "unexpected"), Text: a.Error}
}

// decision returns what the answer says.
func (a *answer) decision() (limiter.Decision, error) {
	d := limiter.Decision{Remaining: -1, RetryAfter: -1}
	if err := a.failure(); err != nil {
		return d, err
	}
	d.Allowed = *a.Allowed
	if a.Remaining != nil && *a.Remaining >= 0 && *a.Remaining < 1<<53 {
		d.Remaining = int64(math.Floor(*a.Remaining))
	}
	if a.RetryAfter != nil && *a.RetryAfter >= 0 && *a.RetryAfter < float64(math.MaxInt64/time.Millisecond) {
		d.RetryAfter = time.Duration(math.Round(*a.RetryAfter * float64(time.Millisecond)))
	}
	if d.Allowed {
		d.RetryAfter = 0
	}
	return d, nil
}

// places returns what stands for sockets and the only limit in the environment of a program
// that is not made for quotalab: {listen}, {redis}, {redis.NAME}, {prefix}, {count} and {period_ms}.
func places(h hello) *strings.Replacer {
	pairs := []string{"{listen}", h.Listen, "{redis}", h.Shards[0].Socket, "{prefix}", h.Prefix}
	for _, s := range h.Shards {
		pairs = append(pairs, "{redis."+s.Name+"}", s.Socket)
	}
	if len(h.Limits) == 1 {
		for _, l := range h.Limits {
			pairs = append(pairs, "{count}", strconv.FormatInt(l.Count, 10), "{period_ms}", strconv.FormatFloat(l.Period, 'f', -1, 64))
		}
	}
	return strings.NewReplacer(pairs...)
}
