package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/scenarios/decode"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/run"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// Stdio stands for standard input or output where a file is expected.
const Stdio = "-"

// Loader reads and compiles scenarios.
type Loader struct {
	Kinds  limiter.Kinds
	Memory float64   // of the machine, in bytes; 0: not known
	Stdin  io.Reader // the scenario named "-"
	Loaded func()    // called when a scenario is right and may be played
	input  []byte    // of Stdin, once read
}

// AllowMemory is the flag that plays what needs more memory than there is.
const AllowMemory = "allow-memory"

// Overrides are what a scenario says of itself and flags or the environment
// say otherwise.
type Overrides struct {
	Seed    *uint64
	Trace   string        // file of every replay
	Clock   string        // "": the scenario's
	Servers Servers       // of a run in real time
	Engine  Engine        // of a run in virtual time
	Now     time.Time     // when the run is about to begin
	Cores   chan struct{} // of the campaign, see Stage

	AllowMemory bool // run although more memory is expected than the machine has
}

// Load decodes and compiles a scenario: a shipped one, a file, or standard input.
func (l *Loader) Load(name string, o Overrides) (*plan.Plan, error) {
	s, problems, err := l.decode(name)
	if err != nil {
		return nil, With(Invalid, err)
	}
	return l.compile(s, problems, o)
}

// Decode reads a scenario that is right as far as it can be seen alone.
func (l *Loader) Decode(name string) (*scenarios.Scenario, error) {
	s, problems, err := l.decode(name)
	if err == nil && (s == nil || len(problems) > 0) {
		err = told(problems)
	}
	return s, With(Invalid, err)
}

func (l *Loader) decode(name string) (*scenarios.Scenario, scenarios.Problems, error) {
	if name != Stdio {
		s, problems, err := scenarios.Load(name)
		if of, ok := foreign.AdapterScenarios()[name]; ok && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s comes with the programs that it starts: quotalab adapter %s DIR writes them, DIR/README.md says what they need, and then quotalab run DIR/%s.yaml: %w", name, of.Language, name, fs.ErrNotExist)
		}
		return s, problems, err
	}
	if l.input == nil {
		var err error
		if l.input, err = io.ReadAll(io.LimitReader(l.Stdin, decode.MaxSize+1)); err != nil {
			return nil, nil, fmt.Errorf("reading the scenario from standard input: %w", err)
		}
	}
	s, problems := scenarios.Decode("<stdin>", l.input)
	return s, problems, nil
}

// compile overrides, checks and compiles a scenario. problems are those of
// decoding it, which may have left no scenario.
func (l *Loader) compile(s *scenarios.Scenario, problems scenarios.Problems, o Overrides) (*plan.Plan, error) {
	if s == nil {
		return nil, told(problems)
	}
	found, err := o.apply(s)
	if err != nil {
		return nil, err
	}
	problems = append(problems, found...)
	if o.Servers.cluster() {
		problems = append(problems, l.notOnCluster(s)...)
	} else if s.Clock == "real" {
		problems = append(problems, onlyOnCluster(s)...)
	}
	if problems = append(problems, plan.Check(s, l.Kinds)...); len(problems) > 0 {
		return nil, told(problems)
	}
	p, problems := plan.Compile(s, l.Kinds)
	if len(problems) > 0 {
		return nil, told(problems)
	}
	arrivals := p.Arrivals()
	defer arrivals.Close()
	if _, due := arrivals.Next(); !due && p.Accounts.Len() == 0 {
		return nil, Invalidf("%s: no request is due before the horizon, %s: there is nothing to run", s.File, unit.Time(p.Horizon))
	}
	if too := p.Estimate().TooMuch(l.Memory); too != "" && !o.AllowMemory {
		return nil, Invalidf("%s: nothing was run: %s, or --%s to play it all the same", s.File, too, AllowMemory)
	}
	if l.Loaded != nil {
		l.Loaded()
	}
	return p, nil
}

// told returns problems as one error that counts them.
func told(problems scenarios.Problems) error {
	what := "1 problem"
	if n := len(problems); n > 1 {
		what = fmt.Sprintf("%d problems", n)
	}
	return Invalidf("%s, nothing was run\n%w", what, problems.Sort())
}

// apply overrides what the file says.
func (o Overrides) apply(s *scenarios.Scenario) (problems scenarios.Problems, err error) {
	if o.Seed != nil {
		s.Seed = *o.Seed
	}
	if o.Servers.How != "" || o.Clock == "real" {
		problems = s.OnLive(o.Servers.shardsOf(s))
	}
	if o.Clock == "virtual" {
		s.Clock = o.Clock
	}
	s.Begin(o.Now)
	if err := o.Engine.apply(s); err != nil {
		return nil, err
	}
	return problems, o.replay(s)
}

// replay lets every replay of the scenario read another trace.
func (o Overrides) replay(s *scenarios.Scenario) error {
	if o.Trace == "" {
		return nil
	}
	// A scenario names files relative to itself, a flag to the working directory.
	path, err := filepath.Abs(o.Trace)
	if _, given := s.Traces[path]; err == nil && !given {
		_, err = os.Stat(path)
	}
	if err != nil {
		return Invalidf("--trace: %w", err)
	}
	replaced := false
	for i := range s.Traffic {
		if r := s.Traffic[i].Value.Rate.Replay; r != nil {
			r.File, replaced = path, true
		}
	}
	if !replaced {
		return Invalidf("--trace replaces the file of a replay, and no traffic of %s is one", s.File)
	}
	return nil
}

// notOnCluster refuses limiters that take no client of a Redis Cluster.
func (l *Loader) notOnCluster(s *scenarios.Scenario) (problems scenarios.Problems) {
	for _, x := range s.Limiters {
		if l.Kinds[x.Value.Kind].RingOnly {
			problems = append(problems, s.Problem("limiters."+x.Name+".kind", "%s takes only a *redis.Ring and cannot run on a Redis Cluster: use --redis or --spawn", x.Value.Kind))
		}
	}
	return problems
}

// onlyOnCluster refuses servers that are no cluster for limiters that want one.
func onlyOnCluster(s *scenarios.Scenario) (problems scenarios.Problems) {
	for _, x := range s.Limiters {
		if x.Value.Cluster {
			problems = append(problems, s.Problem("limiters."+x.Name+".cluster", "in real time the servers are a Redis Cluster by --cluster or --spawn-cluster alone: use one of these, or leave cluster out"))
		}
	}
	return problems
}

// Servers are the Redis servers of runs in real time.
type Servers struct {
	How         string // redis, cluster, spawn or spawn-cluster; "": spawned if the scenario is in real time
	Login       realredis.Login
	Addresses   []realredis.Address // of redis
	Seeds       []string            // of cluster
	Shards      []string            // names, as far as they are known before anybody is asked; nil: the scenario's
	Given       string              // addresses as they were given: they tell servers apart
	ForeignKeys bool                // run although the database holds other keys
}

func (s Servers) cluster() bool { return s.How == "cluster" || s.How == "spawn-cluster" }

// shardsOf returns the names of the shards that a scenario is played on; nil: its
// own. Spawned servers have no names of their own.
func (s Servers) shardsOf(of *scenarios.Scenario) []string {
	if (s.How == "spawn" || s.How == "spawn-cluster") && len(s.Shards) == len(of.Shards.Names) {
		return nil
	}
	return s.Shards
}

// Open starts the servers, of these names if they have none of their own, or
// looks for them.
func (s Servers) Open(ctx context.Context, shards []string) (*realredis.Servers, error) {
	opened, err := s.open(ctx, shards)
	err = interrupted(ctx, err)
	if errors.Is(err, realredis.ErrUnreachable) {
		err = With(Unreachable, err)
	}
	return opened, err
}

func (s Servers) open(ctx context.Context, shards []string) (*realredis.Servers, error) {
	switch s.How {
	case "redis":
		return realredis.Dial(ctx, s.Addresses, s.Login)
	case "cluster":
		return realredis.DialCluster(ctx, s.Seeds, s.Login)
	case "spawn-cluster":
		return realredis.SpawnCluster(ctx, shards)
	}
	return realredis.Spawn(ctx, shards)
}

// Stage is a plan and what it is played on.
type Stage struct {
	Plan   *plan.Plan
	Live   *run.Live             // the servers of a run in real time; nil: in virtual time
	Engine *virtualredis.Program // of servers in virtual time; nil: none
	Wire   bool                  // commands to embedded shards go all the way through go-redis
	Cores  chan struct{}         // of the campaign, which its runs share; nil: all
}

// Close closes the servers.
func (s Stage) Close() error {
	if s.Live == nil {
		return nil
	}
	return s.Live.Servers.Close()
}

// Open compiles a scenario and opens its servers. Whatever is wrong with the
// scenario is told before any server is asked.
func Open(ctx context.Context, compile func(Overrides) (*plan.Plan, error), o Overrides) (Stage, error) {
	p, err := compile(o)
	if err != nil {
		return Stage{}, err
	}
	if p.Scenario.Clock != "real" {
		engine, err := o.Engine.find(ctx, p.Scenario)
		return Stage{Plan: p, Engine: engine, Cores: o.Cores}, err
	}
	opened, err := o.Servers.Open(ctx, p.Shards)
	if err != nil {
		return Stage{}, err
	}
	if found := opened.Names(); !slices.Equal(found, p.Shards) { // a cluster tells its masters itself
		o.Servers.Shards = found
		if p, err = compile(o); err != nil {
			return Stage{}, errors.Join(err, opened.Close())
		}
	}
	prefix := realredis.RunPrefix(o.Now, p.Hash())
	return Stage{Plan: p, Live: &run.Live{Servers: opened, Prefix: prefix, ForeignKeys: o.Servers.ForeignKeys}}, nil
}
