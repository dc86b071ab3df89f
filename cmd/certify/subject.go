package certify

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
)

// Subject is a limiter that is examined.
type Subject struct {
	Name      string // as reports call it, and its scenarios
	Argument  string // the part of a command line that names it
	Algorithm string // that it declares; "" none
	kind      limiter.Kind
	declared  scenarios.Limiter // without limits, which are the battery's
	dir       string            // of the file that it was read from, "" none
}

// Given is a limiter as a command line names it.
type Given struct {
	Name    string            // of a kind, or a file with limiters
	Options map[string]string // of the kind
	Only    string            // of the file's limiters this one; "": all
}

// Subjects returns the limiters that a command line names.
func Subjects(kinds limiter.Kinds, g Given) ([]*Subject, error) {
	if kind, ok := kinds[g.Name]; ok && !kind.Outside && g.Only == "" {
		s, err := ofKind(kinds, g.Name, g.Options)
		return []*Subject{s}, err
	}
	if kind, ok := kinds[g.Name]; ok && kind.Outside {
		return nil, campaign.Invalidf("kind %s needs a program: expected a file with limiters, such as \"quotalab adapter\" writes, found the kind alone", g.Name)
	}
	if !strings.ContainsAny(g.Name, "./\\") {
		return nil, campaign.Invalidf("no kind of limiter %q%s: expected one of %s, or a file with limiters", g.Name,
			metric.DidYouMean(g.Name, slices.Sorted(maps.Keys(kinds))), strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	if len(g.Options) > 0 {
		return nil, campaign.Invalidf("--option is for a kind: write the options of %s in the file", g.Name)
	}
	return ofFile(kinds, g)
}

// ofKind returns a kind with some of its options.
func ofKind(kinds limiter.Kinds, name string, options map[string]string) (*Subject, error) {
	s := &Subject{Name: name, Argument: name, kind: kinds[name], declared: scenarios.Limiter{Kind: name}}
	for _, option := range slices.Sorted(maps.Keys(options)) {
		s.declared.Options = append(s.declared.Options, scenarios.Entry[string]{Name: option, Value: options[option]})
		s.Argument += " --option " + shellWord(option+"="+options[option])
		s.Name += "-" + options[option]
	}
	s.Algorithm = s.kind.Algorithm
	for _, o := range s.declared.Options {
		known := slices.IndexFunc(s.kind.Options, func(k limiter.Option) bool { return k.Name == o.Name })
		if known < 0 {
			return nil, campaign.Invalidf("--option: kind %s has no option %q", name, o.Name)
		}
		if all := s.kind.Options[known].Values; all != nil && !slices.Contains(all, o.Value) {
			return nil, campaign.Invalidf("--option %s: expected one of %s, found %q%s", o.Name, strings.Join(all, ", "), o.Value, metric.DidYouMean(o.Value, all))
		}
	}
	s.judgedBy()
	return s, nil
}

// judgedBy finds the reference of a kind that has it depend on its options, and of a limiter
// that names its own.
func (s *Subject) judgedBy() {
	if s.kind.AlgorithmOf != nil {
		options := map[string]string{}
		for _, o := range s.kind.Options {
			options[o.Name] = o.Default
		}
		for _, o := range s.declared.Options {
			options[o.Name] = o.Value
		}
		s.Algorithm = s.kind.AlgorithmOf(options)
	}
	if s.declared.Reference != "" {
		s.Algorithm = s.declared.Reference
	}
}

// ofFile returns the limiters of a file, which may be a scenario.
func ofFile(kinds limiter.Kinds, g Given) (all []*Subject, err error) {
	declared, problems, err := scenarios.LoadLimiters(g.Name)
	if err != nil {
		return nil, campaign.With(campaign.Invalid, err)
	}
	if len(problems) > 0 {
		return nil, campaign.With(campaign.Invalid, problems)
	}
	for _, e := range declared {
		if g.Only != "" && g.Only != e.Name {
			continue
		}
		kind, ok := kinds[e.Value.Kind]
		if !ok {
			return nil, campaign.Invalidf("%s: limiters.%s.kind: unknown kind %q%s", g.Name, e.Name, e.Value.Kind, metric.DidYouMean(e.Value.Kind, slices.Sorted(maps.Keys(kinds))))
		}
		s := &Subject{Name: e.Name, Argument: shellWord(g.Name), Algorithm: kind.Algorithm, kind: kind, declared: e.Value, dir: filepath.Dir(g.Name)}
		s.declared.Limit, s.declared.Limits, s.declared.Overrides = nil, nil, nil
		if p := e.Value.Process; p != nil {
			s.Algorithm = p.Algorithm
			if p.Request != nil || p.Descriptor != nil {
				if err := toldLimit(g.Name, e.Name, p); err != nil {
					return nil, err
				}
			}
		}
		s.judgedBy()
		if len(declared) > 1 {
			s.Argument += " --limiter " + e.Name
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, campaign.Invalidf("%s: no limiter %q%s: there is %s", g.Name, g.Only, metric.DidYouMean(g.Only, declared.Names()), strings.Join(declared.Names(), ", "))
	}
	return all, nil
}

// toldLimit refuses a service that keeps a limit of its own: every verdict on it would be wrong.
func toldLimit(file, name string, p *scenarios.Process) error {
	for _, e := range p.Environment {
		if strings.Contains(e.Value, "{count}") {
			return nil
		}
	}
	return campaign.Invalidf("%s: limiters.%s.process.environment: expected a variable with {count}, and one with {period_ms}, by which the service is told the battery's limits, found none", file, name)
}

// League returns all kinds that decide in this process, but test doubles; of a
// kind that has an option with several ways to work, each of them.
func League(kinds limiter.Kinds) (all []*Subject, err error) {
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		kind := kinds[name]
		if kind.Outside || strings.HasPrefix(kind.About, "test double") {
			continue
		}
		ways := []map[string]string{nil}
		if len(kind.Options) > 0 && kind.Expands == nil && kind.Options[0].Values != nil {
			ways = nil
			for _, v := range kind.Options[0].Values {
				ways = append(ways, map[string]string{kind.Options[0].Name: v})
			}
		}
		for _, options := range ways {
			s, err := ofKind(kinds, name, options)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// shellWord returns a word as a shell takes it.
func shellWord(w string) string {
	if strings.ContainsAny(w, " \t'\"$&;|<>()*?[]#~`\\") {
		return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return w
}

// Replay returns the command that plays a case alone.
func (s *Subject) Replay(name string) string {
	p := program(os.Args[0])
	return fmt.Sprintf("%s certify %s --case %s | %[1]s run -", p, s.Argument, name)
}

// program returns how the user calls this program, which may be a binary of their own:
// what "go run" has built is gone afterwards, so that go has to run its package again.
func program(called string) string {
	if info, ok := debug.ReadBuildInfo(); ok && strings.Contains(filepath.ToSlash(called), "/go-build") {
		return "go run " + info.Path
	}
	return shellWord(called)
}

// limit returns a limit that the subject's algorithm can have: a window has no burst.
func (s *Subject) limit(count int64, period time.Duration, burst int64) *scenarios.Limit {
	l := limits.Limit{Count: count, Period: period, Burst: burst}
	if _, err := limits.Maker(s.Algorithm, l, 0); err != nil && s.Algorithm != "" {
		l.Burst = count
	}
	return &scenarios.Limit{Count: scenarios.Count(l.Count), Period: scenarios.Duration(period), Burst: scenarios.Count(l.Burst)}
}

// slowestStart is how long a program may take to start on a machine that plays many cases at once.
const slowestStart = scenarios.Duration(2 * time.Minute)

// scenario composes one with the subject as its only limiter.
func (s *Subject) scenario(horizon time.Duration, l *scenarios.Limit, rtt time.Duration, of ...part) scenarios.Scenario {
	declared := s.declared
	declared.Limit = l
	if p := declared.Process; p != nil {
		from := *p
		if !filepath.IsAbs(from.Directory) && s.dir != "" {
			from.Directory = filepath.Join(s.dir, from.Directory)
		}
		from.Ready = max(from.Ready, slowestStart)
		declared.Process = &from
	}
	sc := scenarios.Scenario{Horizon: scenarios.Duration(horizon), Network: scenarios.Network{RTT: constant(rtt)}, Limiters: scenarios.Named[scenarios.Limiter]{{Name: s.Name, Value: declared}}}
	for _, add := range of {
		add(&sc)
	}
	return sc
}
