package plan

import (
	"fmt"
	"net/url"
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

// The kinds of limiter that are services: asked by requests of HTTP, and by
// gRPC as Envoy's global rate limiting is.
const (
	kindHTTP = "http"
	kindRLS  = "envoy_rls"
)

// optionsOf returns the options that a kind has; a program of its own has
// those that are written.
func optionsOf(outside bool, all []limiter.Option, written scenarios.Options) []limiter.Option {
	for _, o := range written {
		if outside {
			all = append(slices.Clip(all), limiter.Option{Name: o.Name})
		}
	}
	return all
}

// compileProcess resolves the program of a limiter that lives in a process of
// its own, on an operating system.
func compileProcess(s *scenarios.Scenario, path string, l scenarios.Limiter, out *Limiter, system string) (ps scenarios.Problems) {
	o := l.Process
	fail := func(field, format string, args ...any) { ps = append(ps, s.Problem(path+field, format, args...)) }
	if out.Process = programOf(s, path, l.Kind, o, out.Kind.Outside, system, &ps); out.Process == nil {
		return ps
	}
	if l.Cluster {
		fail(".cluster", "kind %s has shards that are no Redis Cluster: leave cluster out", l.Kind)
	}
	if o.Time == "client" && o.Clock == "none" && s.Clock != "real" {
		fail(".process.time", "time: client is the time of the program, which clock: none leaves the wall clock's: say which clock it gets, or time: redis")
	}
	if o.Algorithm != "" && !slices.Contains(limits.Algorithms(), o.Algorithm) {
		fail(".process.algorithm", "no algorithm %q: use one of %s%s", o.Algorithm, strings.Join(limits.Algorithms(), ", "), metric.DidYouMean(o.Algorithm, limits.Algorithms()))
		return ps
	}
	service, field, problem := serviceOf(l)
	if problem != "" {
		fail(".process."+field, "%s", problem)
	}
	out.Algorithm, out.Kind.ServerTime = o.Algorithm, o.Time == "redis"
	out.Process.Service = service
	if field, problem := checkQuiet(out, o.Checked); problem != "" {
		fail(field, "%s", problem)
	}
	return ps
}

// programOf resolves a program, of a limiter or an engine; nil where there is
// none, or none can be found.
func programOf(s *scenarios.Scenario, path, kind string, o *scenarios.Process, outside bool, system string, ps *scenarios.Problems) *limiter.Process {
	fail := func(field, format string, args ...any) { *ps = append(*ps, s.Problem(path+field, format, args...)) }
	virtual, service := s.Clock != "real", kind == kindHTTP || kind == kindRLS
	switch {
	case !outside && o == nil:
		return nil
	case !outside:
		fail(".process", "kind %s has no program of its own: leave process out, or say kind: process", kind)
		return nil
	case o == nil:
		fail(".kind", "missing field process: kind %s needs the command of its program", kind)
		return nil
	}
	if virtual && system != "linux" {
		fail(".kind", "kind %s needs Linux in virtual time, since its kernel shows when a program has nothing left to do; found %s", kind, system)
	}
	switch {
	case o.URL != "" && !service:
		fail(".process.url", "only services are asked at a URL, and kind %s is asked on its standard input: say its command, or kind: http", kind)
	case o.URL != "" && len(o.Command) > 0:
		fail(".process.url", "url is of a service that is running already: leave out command, or url")
	case o.URL != "" && virtual:
		fail(".process.url", "a service that is running already has the wall clock and a Redis of its own, so it is measured in real time only: run it with --spawn or --redis, or say the command that starts it")
	case o.URL != "":
		if problem := checkURL(o.URL); problem != "" {
			fail(".process.url", "%s", problem)
		}
	case len(o.Command) == 0 || slices.Contains(o.Command, ""):
		fail(".process.command", "expected a program and its arguments, found %q", o.Command)
	}
	out := &limiter.Process{Command: o.Command, Directory: beside(s, o.Directory), Quiet: o.Quiet, Ready: time.Duration(o.Ready), Clock: o.Clock, URL: o.URL}
	for _, e := range o.Environment {
		out.Environment = append(out.Environment, e.Name+"="+e.Value)
	}
	return out
}

// checkURL returns what is wrong with the URL of a service.
func checkURL(text string) string {
	u, err := url.Parse(text)
	if err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		switch {
		case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.TrimSuffix(u.Path, "/") == "":
			return ""
		case u.Scheme == "unix" && u.Host == "" && u.Path != "":
			return ""
		}
	}
	return fmt.Sprintf("expected http://HOST:PORT, https://HOST:PORT or unix:///PATH, found %q; the path that asks for a decision is request.path", text)
}

// checkEngineProgram refuses what is said of the program of an engine and means
// something to limiters only.
func checkEngineProgram(s *scenarios.Scenario, path string) (ps scenarios.Problems) {
	for _, field := range []string{"time", "algorithm", "request", "descriptor", "quiet", "checked"} {
		if at := path + ".process." + field; s.Written(at) {
			ps = append(ps, s.Problem(at, "%s is of limiters, and means nothing to an engine: remove it", field))
		}
	}
	return ps
}

// processText describes a program to a person.
func processText(o *limiter.Process) string {
	switch {
	case o == nil:
		return ""
	case o.URL != "":
		return ", service " + o.URL
	}
	return fmt.Sprintf(", process %s, clock %s, quiet %s", strings.Join(o.Command, " "), o.Clock, o.Quiet)
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
		return ".process.quiet", "quiet: batched is for programs that read lines, and a service has connections: say quiet: fast"
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

// serviceOf returns how a service is asked, nil of what is none; or else which
// field is wrong.
func serviceOf(l scenarios.Limiter) (_ *limiter.Service, field, problem string) {
	r, d := l.Process.Request, l.Process.Descriptor
	switch {
	case l.Kind != kindHTTP && r != nil:
		return nil, "request", "only kind http is asked by requests of HTTP: leave request out, or say kind: http"
	case l.Kind != kindRLS && d != nil:
		return nil, "descriptor", "only kind envoy_rls is asked by descriptors: leave descriptor out, or say kind: envoy_rls"
	case l.Kind == kindHTTP:
		service, problem := httpOf(r)
		return service, "request", problem
	case l.Kind == kindRLS:
		service, problem := rlsOf(d)
		return service, "descriptor", problem
	}
	return nil, "", ""
}

func rlsOf(d *scenarios.Descriptor) (_ *limiter.Service, problem string) {
	if d == nil || len(d.Entries) == 0 {
		return nil, "missing field descriptor: kind envoy_rls needs the entries that it is asked with, such as {entries: {remote_address: \"{key}\"}}"
	}
	s := &limiter.Service{Domain: d.Domain}
	for _, e := range d.Entries {
		s.Entries = append(s.Entries, limiter.Entry{Key: e.Name, Value: e.Value})
	}
	return s, ""
}

func httpOf(r *scenarios.Request) (_ *limiter.Service, problem string) {
	switch {
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

// checkProcesses refuses what what lives in processes of its own cannot be
// played with.
func (p *Plan) checkProcesses(s *scenarios.Scenario) (ps scenarios.Problems) {
	name := p.Starts()
	if name == "" {
		return nil
	}
	for n, f := range p.Faults {
		if f.Kind == fault.Rename || f.Kind == fault.Add {
			ps = append(ps, s.Problem(fmt.Sprintf("faults.%d", n), "%s cannot happen to %s, a process of its own, which knows its shards by the names that it was started with", f.Kind, name))
		}
	}
	if s.Shards.Engine != "embedded" {
		ps = append(ps, s.Problem("shards.engine", "%s is a process of its own, which needs embedded shards: leave the engine %s out", name, s.Shards.Engine))
	}
	for _, c := range s.Clients {
		if at := "clients." + c.Name + ".connection"; s.Written(at) {
			ps = append(ps, s.Problem(at, "%s is a process of its own, with its own Redis client: set what that has for it in the program", name))
		}
	}
	for _, t := range s.Traffic {
		if at := "traffic." + t.Name + ".deadline"; s.Written(at) && s.Clock == "virtual" {
			ps = append(ps, s.Problem(at, "%s is a process of its own, whose answer is awaited in virtual time however long it takes: leave the deadline out, or run it in real time", name))
		}
	}
	return ps
}
