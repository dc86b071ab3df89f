package campaign

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// Engine is what executes the commands of shards in virtual time.
type Engine struct {
	Name string // embedded or redis; "": the scenario's
	Path string // of redis-server; "": on the PATH
}

// String returns the engine as the flag --engine names it.
func (e Engine) String() string {
	if e.Path != "" {
		return e.Name + "=" + e.Path
	}
	return e.Name
}

// apply lets the scenario's shards have another engine than it says.
func (e Engine) apply(s *scenarios.Scenario) error {
	if e.Name == "" {
		return nil
	}
	if s.Clock == "real" {
		return Invalidf("--engine %s: engines are of virtual time, and %s is played in real time: leave the flag out, or add --clock virtual", e, s.File)
	}
	s.Shards.Engine = e.Name
	return nil
}

// EngineVersion returns the name and version of the servers that the shards of a scenario in virtual time
// are once it is overridden, "" where they are embedded.
func (o Overrides) EngineVersion(ctx context.Context, s *scenarios.Scenario) (string, error) {
	with := *s
	with.Clock, with.Shards.Engine = cmp.Or(o.Clock, s.Clock), cmp.Or(o.Engine.Name, s.Shards.Engine)
	found, err := o.Engine.find(ctx, &with)
	if err != nil || found == nil {
		return "", err
	}
	return found.Name + " " + found.Version, nil
}

// tried holds the servers that were tried out, by path: a sweep has many
// cells.
var tried sync.Map

// find returns the program that starts the shards of a scenario, nil where
// they are embedded.
func (e Engine) find(ctx context.Context, s *scenarios.Scenario) (*virtualredis.Program, error) {
	if s.Clock == "real" || s.Shards.Engine != "redis" {
		return nil, nil
	}
	if found, ok := tried.Load(e.Path); ok {
		return found.(*virtualredis.Program), nil
	}
	found, err := virtualredis.Find(ctx, e.Path)
	if err != nil {
		return nil, With(Unreachable, fmt.Errorf("engine redis of %s: %w", s.File, interrupted(ctx, err)))
	}
	tried.Store(e.Path, found)
	return found, nil
}
