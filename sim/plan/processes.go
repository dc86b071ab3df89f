package plan

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
)

// kindHTTP is the kind of limiter that is asked by requests of HTTP.
const kindHTTP = "http"

// optionsOf returns the options that a kind has; a program of its own has
// those that are written.
func optionsOf(kind *limiter.Kind, written scenarios.Options) []limiter.Option {
	all := kind.Options
	for _, o := range written {
		if kind.Outside {
			all = append(slices.Clip(all), limiter.Option{Name: o.Name})
		}
	}
	return all
}

// compileProcess resolves the program of a limiter that lives in a process of
// its own, on an operating system.
func compileProcess(s *scenarios.Scenario, path string, l scenarios.Limiter, out *Limiter, system string) scenarios.Problems {
	o := l.Process
	var ps scenarios.Problems
	fail := func(field, format string, args ...any) { ps = append(ps, s.Problem(path+field, format, args...)) }
	switch {
	case !out.Kind.Outside && o == nil:
		return nil
	case !out.Kind.Outside:
		fail(".process", "kind %s has no program of its own: leave process out, or say kind: process", l.Kind)
		return ps
	case o == nil:
		fail(".kind", "missing field process: kind %s needs the command of its program", l.Kind)
		return ps
	}
	if system != "linux" {
		fail(".kind", "kind %s needs Linux, whose kernel shows when a program has nothing left to do; found %s", l.Kind, system)
	}
	if s.Clock == "real" {
		fail(".kind", "kind %s is played in virtual time only: leave the live servers out", l.Kind)
	}
	if l.Cluster {
		fail(".cluster", "kind %s has shards that are no Redis Cluster: leave cluster out", l.Kind)
	}
	if len(o.Command) == 0 || slices.Contains(o.Command, "") {
		fail(".process.command", "expected a program and its arguments, found %q", o.Command)
	}
	if o.Time == "client" && o.Clock == "none" {
		fail(".process.time", "time: client is the time of the program, which clock: none leaves the wall clock's: say which clock it gets, or time: redis")
	}
	if o.Algorithm != "" && !slices.Contains(limits.Algorithms(), o.Algorithm) {
		fail(".process.algorithm", "no algorithm %q: use one of %s%s", o.Algorithm, strings.Join(limits.Algorithms(), ", "), metric.DidYouMean(o.Algorithm, limits.Algorithms()))
		return ps
	}
	service, problem := serviceOf(l)
	if problem != "" {
		fail(".process.request", "%s", problem)
	}
	out.Algorithm, out.Kind.ServerTime = o.Algorithm, o.Time == "redis"
	out.Process = &limiter.Process{Command: o.Command, Directory: beside(s, o.Directory), Quiet: o.Quiet, Ready: time.Duration(o.Ready), Clock: o.Clock, Service: service}
	for _, e := range o.Environment {
		out.Process.Environment = append(out.Process.Environment, e.Name+"="+e.Value)
	}
	if field, problem := checkQuiet(out, o.Checked); problem != "" {
		fail(field, "%s", problem)
	}
	return ps
}

// checkQuiet returns what is wrong with the way in which a program is known to
// have done all that it does: one that is faster than exact has to have been
// checked with just this program.
func checkQuiet(l *Limiter, checked string) (field, problem string) {
	p, check := l.Process, "quotalab check-child --mode "+l.Process.Quiet+" prints it"
	switch {
	case p.Quiet == limiter.Exact && checked != "":
		return ".process.checked", "checked is for quiet: fast and batched: say one of them, or remove checked"
	case p.Quiet == limiter.Exact:
		return "", ""
	case p.Quiet == limiter.Batched && p.Service != nil:
		return ".process.quiet", "quiet: batched is for programs that read lines, and kind " + kindHTTP + " is asked on a connection for each request: say quiet: fast"
	case checked == "":
		return ".process.quiet", fmt.Sprintf("quiet: %s needs the field checked, which says that it came to the same as exact for this program: %s", p.Quiet, check)
	}
	digest, err := p.Digest(l.Options)
	switch {
	case err != nil:
		return ".process.checked", fmt.Sprintf("what was checked cannot be compared with the program: %v", err)
	case digest != checked:
		return ".process.checked", fmt.Sprintf("expected %s, found %q: the command, its options, environment or a file of it is not what was checked: %s anew, or say quiet: exact", digest, checked, check)
	}
	return "", ""
}

// serviceOf returns how a service is asked, nil of what is none.
func serviceOf(l scenarios.Limiter) (_ *limiter.Service, problem string) {
	r := l.Process.Request
	switch {
	case l.Kind != kindHTTP && r != nil:
		return nil, "only kind http is asked by requests of HTTP: leave request out, or say kind: http"
	case l.Kind != kindHTTP:
		return nil, ""
	case r == nil:
		return nil, "missing field request: kind http needs the path that asks for a decision"
	case !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, " \r\n"):
		return nil, fmt.Sprintf("expected a path such as /take?key={key}, found %q", r.Path)
	case r.Method == "" || strings.ContainsFunc(r.Method, func(c rune) bool { return c < 'A' || c > 'Z' }):
		return nil, fmt.Sprintf("expected a method such as GET, found %q", r.Method)
	}
	for _, h := range r.Headers {
		if name, _, ok := strings.Cut(h, ":"); !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(h, "\r\n") {
			return nil, fmt.Sprintf("expected a header such as X-Key: {key}, found %q", h)
		}
	}
	return &limiter.Service{Method: r.Method, Path: r.Path, Headers: r.Headers}, ""
}

// beside returns the path of a file or folder that a scenario names, which is
// relative to the scenario's own file.
func beside(s *scenarios.Scenario, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(s.File), name)
}

// checkProcesses refuses what limiters in processes of their own cannot be
// played with.
func (p *Plan) checkProcesses(s *scenarios.Scenario) (ps scenarios.Problems) {
	i := slices.IndexFunc(p.Limiters, func(l Limiter) bool { return l.Process != nil })
	if i < 0 {
		return nil
	}
	name := p.Limiters[i].Name
	for n, f := range p.Faults {
		if f.Kind == fault.Rename || f.Kind == fault.Add {
			ps = append(ps, s.Problem(fmt.Sprintf("faults.%d", n), "%s cannot happen to limiter %s, a process of its own, which knows its shards by the names that it was started with", f.Kind, name))
		}
	}
	if s.Shards.Engine != "embedded" {
		ps = append(ps, s.Problem("shards.engine", "limiter %s is a process of its own, which needs embedded shards: leave the engine %s out", name, s.Shards.Engine))
	}
	for _, c := range s.Clients {
		if at := "clients." + c.Name + ".connection"; s.Written(at) {
			ps = append(ps, s.Problem(at, "limiter %s is a process of its own, with its own Redis client: set what that has for it in the program", name))
		}
	}
	return ps
}
