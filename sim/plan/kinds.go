package plan

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Check returns what is wrong with a scenario's limiters and engines: unknown kinds and
// options, which the decoder cannot know. It takes a scenario that has other
// problems too, so that all are reported at once.
func Check(s *scenarios.Scenario, kinds limiter.Kinds) scenarios.Problems {
	var ps scenarios.Problems
	for _, l := range s.Limiters {
		_, found := compileLimiter(s, l.Name, l.Value, kinds)
		ps = append(ps, found...)
	}
	_, found := compileEngines(s, Engines())
	return append(ps, found...)
}

// compileLimiter resolves a limiter's kind, options and limits.
func compileLimiter(s *scenarios.Scenario, name string, l scenarios.Limiter, kinds limiter.Kinds) (Limiter, scenarios.Problems) {
	path := "limiters." + name
	kind, unknown := kindOf(s, path, l.Kind, kinds)
	if kind == nil {
		return Limiter{}, unknown
	}
	options, ps := compileOptions(s, path, l.Kind, l.Options, optionsOf(kind.Outside, kind.Options, l.Options))
	out := Limiter{
		Limiter: record.Limiter{Name: name, Kind: l.Kind, Algorithm: kind.Algorithm, Resolution: kind.Resolution, Limits: recordLimits(l), Overrides: recordOverrides(l)},
		Kind:    *kind, Options: options, Cluster: l.Cluster, Model: l.Model,
	}
	if kind.AlgorithmOf != nil && len(ps) == 0 {
		out.Algorithm = kind.AlgorithmOf(options)
	}
	out.Changes = recordChanges(l)
	ps = append(ps, checkChanges(s, path, out)...)
	if l.Model {
		ps = append(ps, checkModel(s, path, out)...)
	}
	if l.Cluster && kind.RingOnly {
		ps = append(ps, s.Problem(path+".cluster", "%s takes only a *redis.Ring and cannot run on a Redis Cluster: leave cluster out", l.Kind))
	}
	ps = append(ps, compileProcess(s, path, l, &out, runtime.GOOS)...)
	if l.Reference != "" {
		out.Algorithm = l.Reference
		if _, err := limits.New(l.Reference, limits.Limit{Count: 1, Period: time.Second, Burst: 1}); err != nil {
			return out, append(ps, s.Problem(path+".reference", "%v%s", err, metric.DidYouMean(l.Reference, limits.Algorithms())))
		}
	}
	ps = append(ps, checkLimits(s, path, out)...)
	if len(ps) == 0 && kind.Check != nil {
		if err := kind.Check(out.Limiter, options); err != nil {
			ps = append(ps, s.Problem(path, "%v", err))
		}
	}
	return out, ps
}

// recordChanges lists the changes of a limiter's limits.
func recordChanges(l scenarios.Limiter) (all []record.Change) {
	for _, c := range l.Changes {
		name := c.Limit
		if limits := recordLimits(l); name == "" && len(limits) == 1 {
			name = limits[0].Name
		}
		limit := recordLimit(name, c.Key, scenarios.Limit{Count: c.Count, Period: c.Per, Burst: c.Burst})
		all = append(all, record.Change{At: int64(c.At), Over: time.Duration(c.Over), Limit: limit, Promise: c.Promise})
	}
	return all
}

// checkChanges returns why a limiter's limits cannot change.
func checkChanges(s *scenarios.Scenario, path string, l Limiter) (ps scenarios.Problems) {
	if len(l.Changes) == 0 {
		return nil
	}
	refuse := func(why string, args ...any) { ps = append(ps, s.Problem(path+".changes", why, args...)) }
	switch {
	case s.Clock == "real":
		refuse("limits change in virtual time alone: leave changes out, or take clock: virtual")
	case l.Model:
		refuse("a model keeps its limits: leave out changes or model")
	case l.Kind.Outside:
		refuse("kind %s has its limits from the start, and no way to be told others: leave changes out", l.Limiter.Kind)
	}
	return ps
}

// checkModel returns why a limiter's reference cannot stand in for it.
func checkModel(s *scenarios.Scenario, path string, l Limiter) (ps scenarios.Problems) {
	refuse := func(why string, args ...any) { ps = append(ps, s.Problem(path+".model", why, args...)) }
	if l.Algorithm == "" {
		refuse("kind %s names no reference that could decide in its place: leave model out", l.Limiter.Kind)
	}
	if l.Kind.Expands != nil && l.Kind.Expands(l.Options) {
		refuse("with these options %s finds the limits of a request by itself, which its reference does not: leave model out", l.Limiter.Kind)
	}
	if l.Cluster {
		refuse("a model touches no Redis, and no Redis Cluster: leave out model or cluster")
	}
	if s.Clock == "real" {
		refuse("a model decides in virtual time alone: leave model out, or take clock: virtual")
	}
	return ps
}

// checkModels refuses what nothing heeds where every limiter is a model.
func (p *Plan) checkModels() (ps scenarios.Problems) {
	s := p.Scenario
	if len(p.Limiters) == 0 || len(s.Engines) > 0 || slices.ContainsFunc(p.Limiters, func(l Limiter) bool { return !l.Model }) {
		return nil
	}
	paths := []string{"shards.commands", "faults"}
	for _, c := range s.Clients {
		paths = append(paths, "clients."+c.Name+".connection")
	}
	for _, t := range s.Traffic {
		paths = append(paths, "traffic."+t.Name+".deadline")
	}
	for _, at := range paths {
		if s.Written(at) {
			ps = append(ps, s.Problem(at, "every limiter is a model, which decides in no time and without Redis, so that this does nothing: leave it out, or model"))
		}
	}
	return ps
}

// checkShared returns which limiters cannot share shards.
func (p *Plan) checkShared() (ps scenarios.Problems) {
	s := p.Scenario
	if !s.Shards.Shared || s.Clock == "real" {
		return nil
	}
	for _, l := range p.Limiters {
		refuse := func(field, why string) {
			ps = append(ps, s.Problem("limiters."+l.Name+field, "shards.shared: %s: leave shared out, or play this limiter in a scenario of its own", why))
		}
		switch {
		case l.Kind.Outside:
			refuse(".kind", fmt.Sprintf("kind %s is a program of its own, on whose keys no prefix can be put in virtual time", l.Limiter.Kind))
		case l.Model:
			refuse(".model", "a model touches no shard")
		case l.Cluster != p.Limiters[0].Cluster:
			refuse(".cluster", fmt.Sprintf("expected cluster: %t as limiter %s has it, since the shards are one Redis Cluster for all or for none", p.Limiters[0].Cluster, p.Limiters[0].Name))
		}
	}
	return ps
}

// kindOf returns a limiter's or engine's kind; nil and a problem if there is
// no such kind, without one if the decoder has said that none is given.
func kindOf[T any](s *scenarios.Scenario, path, name string, kinds map[string]T) (*T, scenarios.Problems) {
	kind, ok := kinds[name]
	switch {
	case ok:
		return &kind, nil
	case name == "":
		return nil, nil
	}
	hint := metric.DidYouMean(name, sortedKeys(kinds))
	if all, ok := any(kinds).(map[string]limiter.Kind); ok {
		hint = algorithmHint(name, all) + hint
	}
	return nil, scenarios.Problems{s.Problem(path+".kind", "unknown kind %q%s: known are %s", name, hint, strings.Join(sortedKeys(kinds), ", "))}
}

// algorithmHint explains the name of an algorithm where a kind of limiter is
// expected: which of the kinds, test doubles apart, decides by it. "" of what is no
// name of an algorithm.
func algorithmHint(name string, kinds limiter.Kinds) string {
	word := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
	switch word {
	case "gcra", "tokenbucket", "leakybucket", "bucket":
		var use []string
		for _, k := range sortedKeys(kinds) {
			if strings.HasPrefix(kinds[k].Algorithm, "gcra") && !strings.HasPrefix(kinds[k].About, "test double") {
				use = append(use, "kind: "+k)
			}
		}
		return fmt.Sprintf(" (that is an algorithm; token buckets by GCRA are %s)", strings.Join(use, ", "))
	case "slidingwindow", "slidingwindowlog", "slidingwindowcounter":
		return " (that is an algorithm; use kind: sliding_log or kind: sliding_counter)"
	}
	return ""
}

// compileOptions resolves the options of a limiter or engine of some kind.
func compileOptions(s *scenarios.Scenario, path, kind string, written scenarios.Options, all []limiter.Option) (map[string]string, scenarios.Problems) {
	var ps scenarios.Problems
	known := map[string]limiter.Option{}
	options := map[string]string{}
	for _, o := range all {
		known[o.Name], options[o.Name] = o, o.Default
	}
	for _, given := range written {
		at := path + ".options." + given.Name
		o, ok := known[given.Name]
		if !ok {
			ps = append(ps, s.Problem(at, "kind %s has no option %q%s", kind, given.Name, metric.DidYouMean(given.Name, sortedKeys(known))))
			continue
		}
		if o.Values != nil && !slices.Contains(o.Values, given.Value) {
			ps = append(ps, s.Problem(at, "expected one of %s, found %q%s", strings.Join(o.Values, ", "), given.Value, metric.DidYouMean(given.Value, o.Values)))
			continue
		}
		if o.Check != nil {
			if err := o.Check(given.Value); err != nil {
				ps = append(ps, s.Problem(at, "%v", err))
			}
		}
		options[given.Name] = given.Value
	}
	return options, ps
}

// checkLimits asks the reference whether it can follow the limits.
func checkLimits(s *scenarios.Scenario, path string, l Limiter) scenarios.Problems {
	var ps scenarios.Problems
	if l.Algorithm == "" {
		return nil
	}
	all := slices.Concat(l.Limits, l.Overrides)
	for _, c := range l.Changes {
		all = append(all, c.Limit)
	}
	for _, limit := range all {
		if limit.Count == 0 || limit.Period == 0 {
			continue // the decoder has said so
		}
		if _, err := limits.New(l.Algorithm, limits.Limit{Count: limit.Count, Period: limit.Period, Burst: limit.Burst}); err != nil {
			ps = append(ps, s.Problem(path, "limit %q: %v", limit.Name, err))
		}
	}
	return ps
}

// onlyLimit is the name of a limiter's limit that has none.
const onlyLimit = "default"

func recordLimits(l scenarios.Limiter) []record.Limit {
	if l.Limit != nil {
		return []record.Limit{recordLimit(onlyLimit, "", *l.Limit)}
	}
	var all []record.Limit
	for _, e := range l.Limits {
		all = append(all, recordLimit(e.Name, "", e.Value))
	}
	return all
}

func recordOverrides(l scenarios.Limiter) []record.Limit {
	var all []record.Limit
	for _, o := range l.Overrides {
		name := o.Limit
		if limits := recordLimits(l); name == "" && len(limits) == 1 {
			name = limits[0].Name
		}
		all = append(all, recordLimit(name, o.Key, scenarios.Limit{Count: o.Count, Period: o.Per, Burst: o.Burst}))
	}
	return all
}

func recordLimit(name, key string, l scenarios.Limit) record.Limit {
	return record.Limit{Name: name, Key: key, Count: int64(l.Count), Period: time.Duration(l.Period), Burst: int64(l.Burst)}
}

func sortedKeys[T any](m map[string]T) []string {
	return slices.Sorted(maps.Keys(m))
}
