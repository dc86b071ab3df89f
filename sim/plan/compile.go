// Package plan compiles a scenario into a Plan: what is to run, with every
// reference resolved, every default filled in and every file read. A Plan is
// immutable; its text and hash say what it is.
//
// What flows in: a scenarios.Scenario and the kinds of limiter. What flows
// out: the Plan, its named random streams, its Arrivals, the sequence of
// requests that is fixed before anything runs, and its Accounts, each with a
// contract and a UsageStream, which is fixed too. Imported by sim/run and
// cmd/.
package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Compile turns a scenario without problems into a Plan. What it finds
// wrong (a trace that cannot be read, parameters that only together are
// impossible) are problems too, all at once.
func Compile(s *scenarios.Scenario, kinds limiter.Kinds) (*Plan, scenarios.Problems) {
	p := &Plan{
		Scenario: s, Epoch: s.Epoch.UTC(), Horizon: time.Duration(s.Horizon), Warmup: time.Duration(s.Warmup), Seed: s.Seed,
		Shards: s.Shards.Names, Added: added(s),
	}
	for _, name := range sortedKeys(kinds) {
		if kinds[name].Settles != nil {
			p.settling = append(p.settling, name)
		}
	}
	var ps scenarios.Problems
	report := func(path string, err error) {
		if err != nil {
			ps = append(ps, s.Problem(path, "%v", err))
		}
	}
	var err error
	p.Service, err = distribution(s.Shards.Service)
	report("shards.service", err)
	p.Scripts, err = distribution(s.Shards.Scripts)
	report("shards.scripts", err)
	ps = append(ps, p.compileCommands(s)...)
	for _, l := range s.Limiters {
		compiled, found := compileLimiter(s, l.Name, l.Value, kinds)
		p.Limiters, ps = append(p.Limiters, compiled), append(ps, found...)
	}
	ps = append(ps, p.checkModels()...)
	ps = append(ps, p.checkShared()...)
	var found scenarios.Problems
	p.Engines, found = compileEngines(s, Engines())
	ps = append(ps, found...)
	p.Accounts, found = compileAccounts(s)
	ps = append(ps, found...)
	p.Clients, found = compileClients(s, len(p.AllShards()))
	ps = append(ps, found...)
	ps = append(ps, p.compilePopulations(s)...)
	ps = append(ps, p.compileFaults(s)...)
	ps = append(ps, checkMemory(s)...)
	for _, a := range s.Assert {
		for _, c := range a.Conditions {
			p.Asserts = append(p.Asserts, record.Assertion{Selector: a.Selector, Check: c.Check, Over: time.Duration(c.Over),
				AbortOnFail: c.AbortOnFail, DelayAbortEval: time.Duration(c.DelayAbortEval)})
		}
	}
	whole := len(ps) == 0 // what sources refer to is all there
	for _, t := range s.Traffic {
		source, err := p.source(t.Name, t.Value, whole)
		report("traffic."+t.Name, err)
		p.Sources = append(p.Sources, source)
	}
	if len(ps) == 0 {
		ps = append(p.checkCustomers(s), p.checkProcesses(s)...)
	}
	if len(ps) > 0 {
		return nil, ps.Sort()
	}
	p.split()
	return p, nil
}

// compileCommands compiles the times of single commands.
func (p *Plan) compileCommands(s *scenarios.Scenario) (ps scenarios.Problems) {
	for _, c := range s.Shards.Commands {
		at := "shards.commands." + c.Name
		is := rediscmd.Of(c.Name)
		if !is.Has(rediscmd.Sent) {
			ps = append(ps, s.Problem(at, "expected a command on keys that it names, in lower case, such as get or evalsha, found %q%s", c.Name, metric.DidYouMean(c.Name, rediscmd.Names(rediscmd.Sent))))
			continue
		}
		t := network.CommandTime{Time: p.Service, PerKey: time.Duration(c.Value.PerKey), PerByte: time.Duration(c.Value.PerByte)}
		if is.Has(rediscmd.Script) {
			t.Time = p.Scripts
		}
		if c.Value.Time != nil {
			var err error
			if t.Time, err = distribution(*c.Value.Time); err != nil {
				ps = append(ps, s.Problem(at+".time", "%v", err))
			}
		}
		if p.Commands == nil {
			p.Commands = map[string]network.CommandTime{}
		}
		p.Commands[c.Name] = t
	}
	return ps
}

func compileClients(s *scenarios.Scenario, shards int) ([]Client, scenarios.Problems) {
	var clients []Client
	var ps scenarios.Problems
	for _, d := range s.Clients {
		rtt, err := delays(s, d.Value.Zone, shards)
		if err != nil {
			ps = append(ps, s.Problem("network", "%v", err))
		}
		clients = append(clients, Client{
			Client: record.Client{Name: d.Name, Does: record.Mode(d.Value.Does), Instances: int(d.Value.Instances), ShardNames: d.Value.ShardNames, ClockOffset: time.Duration(d.Value.ClockOffset)},
			RTT:    rtt, Connection: d.Value.Connection,
		})
	}
	return clients, ps
}

// delays returns the round-trip time from a zone to each shard. Shards that
// join later are in the default zone.
func delays(s *scenarios.Scenario, zone string, shards int) ([]network.Distribution, error) {
	rtt := make([]network.Distribution, shards)
	for i := range rtt {
		d := s.Network.RTT
		to := scenarios.DefaultZone
		if i < len(s.Shards.Zones) {
			to = s.Shards.Zones[i]
		}
		for _, l := range s.Network.Links {
			if l.From == zone && l.To == to {
				d = l.RTT
			}
		}
		var err error
		if rtt[i], err = distribution(d); err != nil {
			return nil, err
		}
	}
	return rtt, nil
}

// source compiles a traffic source. If the plan is not whole, it looks only
// for mistakes in when requests are due.
func (p *Plan) source(name string, t scenarios.Traffic, whole bool) (Source, error) {
	out := Source{
		Name: name, Pause: time.Duration(t.Pause), FailOpen: t.OnError == "open", Deadline: time.Duration(t.Deadline), MaxInFlight: int(t.MaxInFlight), Retry: retry(t.OnDenial),
	}
	if !whole {
		return out, p.arrivals(&out, t)
	}
	for i, l := range p.Limiters {
		if slices.Contains(t.Limiters, l.Name) {
			out.Limiters = append(out.Limiters, i)
		}
	}
	for _, v := range t.Via {
		out.Via = append(out.Via, slices.IndexFunc(p.Clients, func(c Client) bool { return c.Name == v }))
	}
	return out, errors.Join(p.arrivals(&out, t), p.takes(&out, t), p.settle(&out, t.Settle))
}

// settle compiles how admitted requests settle.
func (p *Plan) settle(out *Source, s *scenarios.Settle) (err error) {
	if s == nil {
		return nil
	}
	if p.Scenario.Clock == "real" {
		return errors.New("settle: when a settlement takes effect is known in virtual time alone: leave settle out, or take clock: virtual")
	}
	if len(out.Takes) != 1 {
		return fmt.Errorf("settle: a request settles what it took from one limit, found a batch of %d", len(out.Takes))
	}
	for _, i := range out.Via {
		if c := p.Clients[i]; c.Does != record.TakeMode {
			return fmt.Errorf("settle: client %s of via does %s: only what one call both decides and takes can be settled", c.Name, c.Does)
		}
	}
	out.Settle = &Settle{Lost: float64(s.Lost)}
	if out.Settle.After, err = distribution(s.After); err == nil && s.Cost != nil {
		out.Settle.Cost, err = cost(*s.Cost)
	}
	for _, i := range out.Limiters {
		l := p.Limiters[i]
		switch {
		case l.Model || l.Kind.Settles == nil || !l.Kind.Settles(l.Options):
			return fmt.Errorf("settle: limiter %s, kind %s with these options, cannot settle what it has taken: name limiters that can (%s)", l.Name, l.Limiter.Kind, strings.Join(p.settling, ", "))
		case l.Algorithm == "concurrency" && s.Cost != nil:
			return fmt.Errorf("settle: a permit of limiter %s is returned, and has no real cost: leave settle.cost out", l.Name)
		}
	}
	return err
}

// mostArrivals of a source: years of playing.
const mostArrivals = 1e12

// arrivals compiles when the source's requests are due.
func (p *Plan) arrivals(out *Source, t scenarios.Traffic) error {
	if t.Rate.Replay != nil {
		trace, hash, beyond, err := replay(p.Scenario, *t.Rate.Replay, p.Horizon)
		if err != nil {
			return err
		}
		p.traces = append(p.traces, traceHash{"traffic." + out.Name, t.Rate.Replay.File, hash})
		out.trace, out.Expected = trace, float64(len(trace.at))
		p.warnSkipped("traffic "+out.Name, trace.file, trace.skipped)
		if trace.spread > 0 {
			p.Warnings = append(p.Warnings, fmt.Sprintf("traffic %s: all stamps of %s are whole multiples of %s, so the requests of each key at one stamp are spread evenly over the %s after it: bursts shorter than that are not in the file",
				out.Name, trace.file, unit.Lasting(trace.spread.Seconds()), unit.Lasting(trace.spread.Seconds())))
		}
		if beyond > 0 {
			p.Warnings = append(p.Warnings, fmt.Sprintf("traffic %s: %d of the %d requests of %s lie beyond the horizon and are not played",
				out.Name, beyond, beyond+len(trace.at), trace.file))
		}
		return nil
	}
	var err error
	if out.curve, err = curve(t.Rate, p.Epoch); err != nil {
		return err
	}
	out.Expected = out.curve.Cumulative((p.Horizon - 1).Seconds()) // what is due at the horizon is not played
	if !(out.Expected <= mostArrivals) {
		return fmt.Errorf("expected at most %g arrivals within the horizon, found %g: no run ends that long", float64(mostArrivals), out.Expected)
	}
	out.gaps, err = gaps(t.Gaps)
	return err
}

// takes compiles which limits a request takes from, and by which keys.
func (p *Plan) takes(out *Source, t scenarios.Traffic) error {
	items := t.Batch
	if len(items) == 0 {
		items = []scenarios.BatchItem{{Limit: t.Limit, Keys: t.Keys, Cost: t.Cost}}
	}
	for _, item := range items {
		take := Take{Limit: item.Limit, population: -1, root: -1}
		var err error
		if take.Cost, err = cost(item.Cost); err != nil {
			return err
		}
		if take.Limit == "" {
			if take.Limit, err = p.onlyLimit(out); err != nil {
				return err
			}
		}
		if item.Keys != "" {
			take.population = slices.IndexFunc(p.populations, func(q population) bool { return q.name == item.Keys })
			root := p.populations[take.population].root
			if take.root = slices.Index(out.roots, root); take.root < 0 {
				take.root = len(out.roots)
				out.roots = append(out.roots, root)
			}
		}
		out.Takes = append(out.Takes, take)
	}
	return p.checkTakes(out)
}

// cost compiles the law of what a request takes.
func cost(c scenarios.Cost) (traffic.Cost, error) {
	switch {
	case c.Uniform != nil:
		return traffic.UniformCost(int64(c.Uniform.From), int64(c.Uniform.To))
	case c.Choices != nil:
		list := make([]traffic.CostChoice, len(c.Choices))
		for i, one := range c.Choices {
			list[i] = traffic.CostChoice{Tokens: int64(one.Cost), Weight: int64(one.Weight)}
		}
		return traffic.ChoiceOfCosts(list)
	case c.Lognormal != nil:
		return traffic.LognormalCost(int64(c.Lognormal.Median), int64(c.Lognormal.P99), int64(c.Lognormal.Max))
	}
	return traffic.FixedCost(int64(*c.Constant)), nil
}

// onlyLimit returns the limit that a request means that names none: the
// limiters' only one, or any where the limiter finds its limits by itself.
func (p *Plan) onlyLimit(out *Source) (string, error) {
	for _, i := range out.Limiters {
		l := p.Limiters[i]
		if len(l.Limits) > 1 && (l.Kind.Expands == nil || !l.Kind.Expands(l.Options)) {
			return "", fmt.Errorf("limiter %s has %d limits: say which one with `limit`, or several with `batch`", l.Name, len(l.Limits))
		}
	}
	return p.Limiters[out.Limiters[0]].Limits[0].Name, nil
}

// checkTakes refuses takes that a limiter cannot make, and costs that can
// never be had.
func (p *Plan) checkTakes(out *Source) error {
	for _, i := range out.Limiters {
		l := p.Limiters[i]
		if l.Kind.CheckRequest != nil {
			takes := make([]limiter.Take, len(out.Takes))
			for i, t := range out.Takes {
				_, most := t.Cost.Bounds()
				takes[i] = limiter.Take{Limit: t.Limit, Cost: most}
			}
			for call := range slices.Chunk(takes, l.TakesACall(len(takes))) {
				if err := l.Kind.CheckRequest(l.Options, call); err != nil {
					return fmt.Errorf("limiter %s: %w", l.Name, err)
				}
			}
		}
		table := l.Table()
		for _, t := range out.Takes {
			limit, ok := table.For(t.Limit, "")
			least, most := t.Cost.Bounds()
			switch {
			case ok && least > limit.Burst:
				return fmt.Errorf("limiter %s, limit %s: a cost of %d can never be had from a burst of %d", l.Name, t.Limit, least, limit.Burst)
			case ok && most > limit.Burst:
				p.Warnings = append(p.Warnings, fmt.Sprintf("traffic %s: costs of more than the burst of %d of limiter %s, limit %s, are always denied; up to %d may be drawn", out.Name, limit.Burst, l.Name, t.Limit, most))
			}
		}
	}
	return nil
}

// MemoryMetric is measured only where a Plan asks for it.
const MemoryMetric = "shard_bytes"

// Plan is a compiled scenario.
type Plan struct {
	Scenario *scenarios.Scenario
	Epoch    time.Time
	Horizon  time.Duration
	Warmup   time.Duration
	Seed     uint64

	Shards   []string
	Added    []string             // shards that join later, in that order; their places follow those of Shards
	Service  network.Distribution // of one command
	Scripts  network.Distribution // of one script call
	Commands map[string]network.CommandTime
	Clients  []Client
	Limiters []Limiter
	Sources  []Source
	Accounts *Accounts // nil: none
	Engines  []Engine
	Faults   []fault.Fault // in the file's order
	Worlds   []World       // what can be played side by side; its order is that of Limiters, Shards and Engines
	Asserts  []record.Assertion
	Warnings []string // e.g. that part of a trace lies beyond the horizon

	populations []population
	traces      []traceHash
	joined      []string // why worlds are not smaller
	settling    []string // kinds that can settle
}

// Asks reports whether an assertion is of the metric, or a column of the sweep.
func (p *Plan) Asks(name string) bool {
	return asks(p.Scenario, name) != ""
}

// asks returns the path of the first assertion or column that is of the metric, "" if
// none is.
func asks(s *scenarios.Scenario, name string) string {
	for i, a := range s.Assert {
		if sel, err := metric.ParseSelector(a.Selector); err == nil && sel.Metric == name {
			return fmt.Sprintf("assert.%d", i)
		}
	}
	if slices.ContainsFunc(s.Columns, func(c scenarios.Column) bool { return c.Selector.Metric == name }) {
		return "sweep.metrics"
	}
	return ""
}

// checkMemory refuses to ask for the memory of shards that have live servers.
func checkMemory(s *scenarios.Scenario) (ps scenarios.Problems) {
	if at := asks(s, MemoryMetric); at != "" && s.Clock == "real" {
		ps = append(ps, s.Problem(at, "%s is of virtual time, found clock: real, which has live servers: leave it out, or take clock: virtual", MemoryMetric))
	}
	return ps
}

// traceHash is the content of a trace that a part of the plan was read from.
type traceHash struct{ of, file, hash string }

// Client is a group of like client instances.
type Client struct {
	record.Client
	RTT        []network.Distribution // to each shard of AllShards
	Connection scenarios.Connection
}

// Limiter is a limiter under test with the kind that makes it.
type Limiter struct {
	record.Limiter
	Kind    limiter.Kind
	Options map[string]string
	Cluster bool             // in virtual time its shards are a Redis Cluster
	Model   bool             // its reference decides in its place, without Redis
	ByShard bool             // each of its shards is a world
	Process *limiter.Process // of a kind that is Outside
}

// TakesACall returns how many of a request's takes one call to the limiter makes:
// all, or one, and the request makes as many calls.
func (l *Limiter) TakesACall(takes int) int {
	if l.Kind.InTurn(l.Options) {
		return 1
	}
	return takes
}

// Source is a traffic source.
type Source struct {
	Name        string
	Takes       []Take
	Limiters    []int // indices in Plan.Limiters
	Via         []int // indices in Plan.Clients
	Pause       time.Duration
	Retry       *Retry // nil: none
	Settle      *Settle
	FailOpen    bool
	Deadline    time.Duration // of the context of each call; 0: none
	MaxInFlight int
	Expected    float64 // arrivals before the horizon: their expectation, of a trace their number

	curve traffic.Curve
	gaps  traffic.Gaps
	trace *tracePlan // instead of curve and gaps
	roots []int      // populations that every arrival draws from, in order
}

// Take is one limit that the source's requests take from.
type Take struct {
	Limit string
	Cost  traffic.Cost

	population int // index in Plan.populations
	root       int // index in Source.roots
}

// Settle says how an admitted request settles.
type Settle struct {
	After network.Distribution
	Cost  traffic.Cost // nil: nothing
	Lost  float64      // share of the requests that never do
}

// Draw draws how one request settles.
func (s *Settle) Draw(rng *rand.Rand) (after time.Duration, cost int64, lost bool) {
	after = s.After.Sample(rng)
	if s.Cost != nil {
		cost = s.Cost.Draw(rng)
	}
	return after, cost, rng.Float64() < s.Lost
}

// Retry says what a denied client does.
type Retry struct {
	MaxAttempts int
	Wait        func(attempt int, retryAfter time.Duration, rng *rand.Rand) (wait time.Duration, ok bool)
}

// Stream returns the random stream of a component of the run, by its name.
func (p *Plan) Stream(name string) *rand.Rand { return stream(p.Seed, name) }

// stream returns the random stream of a component. It is seeded from the
// scenario's seed and the component's name alone, so that adding a component
// does not shift another's draws.
func stream(seed uint64, name string) *rand.Rand {
	return rand.New(rand.NewPCG(seeds(seed, []byte(name))))
}

// seeds hashes without allocating where the name is short: there may be a
// stream for each of a million accounts.
func seeds(seed uint64, name []byte) (hi, lo uint64) {
	var buf [192]byte
	text := append(buf[:0], "quotalab stream 1\x00"...)
	text = append(strconv.AppendUint(text, seed, 10), 0)
	sum := sha256.Sum256(append(text, name...))
	return binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])
}

// Keyed are the random streams of what happens to single requests: one for
// each pair of numbers, so that what is drawn for one request does not depend
// on which others there are. It is not for several goroutines at once.
type Keyed struct {
	hi, lo uint64
	pcg    rand.PCG
	rng    *rand.Rand
}

// Keyed returns the streams of a component, by its name.
func (p *Plan) Keyed(name string) *Keyed {
	k := &Keyed{}
	k.hi, k.lo = seeds(p.Seed, []byte(name))
	k.rng = rand.New(&k.pcg)
	return k
}

// At returns the stream of two numbers, such as those of an arrival and an
// attempt. It is valid until the next call.
func (k *Keyed) At(a, b int64) *rand.Rand {
	k.pcg.Seed(k.hi^mix(uint64(a)), k.lo^mix(uint64(b)))
	return k.rng
}

// mix is the last steps of splitmix64, by which numbers that are near to one
// another are no more alike than others.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
