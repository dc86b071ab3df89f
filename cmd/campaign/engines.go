package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// Engines plays scenarios on embedded shards and on engine redis, and compares
// the records. The program of --engine is the second's.
type Engines struct {
	*Loader
	Overrides
	Monitor
}

// engineNames are the engines in the order in which their records are told.
var engineNames = [2]string{"embedded", "redis"}

// Engined is what a scenario came to on both engines: the JSON of -o json.
type Engined struct {
	Name   string    `json:"scenario"`
	Server string    `json:"server"`       // name and version of engine redis
	Hashes [2]string `json:"recordHashes"` // of embedded and of redis
	// Difference is the first one of the records, "" if they are the same.
	Difference string `json:"difference,omitempty"`
}

// Check refuses what cannot be compared, before anything is played.
func (e *Engines) Check(given string) error {
	if given == Stdio {
		return Invalidf("a gate plays a scenario more than once: expected a file or the name of a shipped one, found %s", given)
	}
	p, err := e.Load(given, e.on(0))
	if err == nil && p.Scenario.Clock == "real" {
		return Invalidf("%s: engines are of virtual time, and it is played in real time: leave it out, or add --clock virtual", p.Scenario.File)
	}
	return err
}

// on returns the overrides of one of the engines.
func (e *Engines) on(engine int) Overrides {
	o := e.Overrides
	o.Engine = Engine{Name: engineNames[engine]}
	if engine == 1 {
		o.Engine.Path = e.Engine.Path
	}
	return o
}

// Play plays a scenario on both engines.
func (e *Engines) Play(ctx context.Context, given string) (v *Engined, err error) {
	dir, remove, err := child.Folder("engines")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	v = &Engined{}
	var records [2]*record.Reader
	for i := range records {
		if records[i], err = e.play(ctx, given, i, filepath.Join(dir, engineNames[i]), v); err != nil {
			return nil, err
		}
		v.Hashes[i] = records[i].Manifest().Hash
	}
	if v.Hashes[0] == v.Hashes[1] {
		return v, nil
	}
	v.Difference, err = difference(records[0], records[1])
	return v, err
}

func (e *Engines) play(ctx context.Context, given string, engine int, dir string, v *Engined) (*record.Reader, error) {
	stage, err := Open(ctx, func(o Overrides) (*plan.Plan, error) { return e.Load(given, o) }, e.on(engine))
	if err != nil {
		return nil, err
	}
	v.Name = stage.Plan.Scenario.Name
	if s := stage.Engine; s != nil {
		v.Server = s.Name + " " + s.Version
	}
	r := NewRun(stage, time.Unix(0, 0).UTC())
	r.Dir, r.Manifest.Asserts = dir, nil // one that ends the run would end the comparison
	step, end := e.Monitor.Run(v.Name+" on "+engineNames[engine], stage.Plan)
	defer end()
	r.Progress, r.Tell = step, func(text string) { e.Monitor.Note("%s", text) }
	played, err := r.Play(ctx)
	if err != nil {
		return nil, err
	}
	if played.Aborted {
		return nil, With(Aborted, ErrInterrupt)
	}
	return record.Open(dir)
}

// difference returns the first difference of two records whose hashes differ.
func difference(a, b *record.Reader) (string, error) {
	what, err := firstRow("observation", a.Observations(), b.Observations())
	if what == "" && err == nil {
		what, err = firstRow("account", a.Accounts(), b.Accounts())
	}
	if what == "" && err == nil {
		what, err = firstRow("evaluation", a.Evaluations(), b.Evaluations())
	}
	if what == "" && err == nil {
		what = "the rows that were recorded are the same; the totals of those that were not differ (observations: all shows where)"
	}
	return what, err
}

// firstRow returns the first row that differs, and in which fields.
func firstRow[T any](noun string, a, b iter.Seq2[*T, error]) (string, error) {
	nextA, stopA := iter.Pull2(a)
	defer stopA()
	nextB, stopB := iter.Pull2(b)
	defer stopB()
	for n := 0; ; n++ {
		rowA, errA, moreA := nextA()
		rowB, errB, moreB := nextB()
		switch {
		case errA != nil || errB != nil:
			return "", errors.Join(errA, errB)
		case !moreA && !moreB:
			return "", nil
		case moreA != moreB:
			longer := engineNames[1]
			if moreA {
				longer = engineNames[0]
			}
			return fmt.Sprintf("%s %d: only %s has it", noun, n, longer), nil
		case !reflect.DeepEqual(rowA, rowB):
			return fmt.Sprintf("%s %d: %s\n  %s: %+v\n  %s: %+v", noun, n, fieldsThatDiffer(rowA, rowB), engineNames[0], *rowA, engineNames[1], *rowB), nil
		}
	}
}

// fieldsThatDiffer names the fields in which two rows differ, with both values.
func fieldsThatDiffer(a, b any) (text string) {
	va, vb := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range va.NumField() {
		x, y := va.Field(i).Interface(), vb.Field(i).Interface()
		if reflect.DeepEqual(x, y) {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %v embedded, %v redis", va.Type().Field(i).Name, x, y)
	}
	return text
}

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
