// Package certify says what a limiter really guarantees: it plays a fixed
// battery of small scenarios against it, in virtual time, and judges each by the
// promise of the algorithm that the limiter declares.
//
// In flow Subjects; out flow Certificates: a verdict for each Property, with its
// number, the Case that shows it and the command that plays that case alone.
//
//  1. Properties is the table of the battery. Of a subject, a property has
//     cases: each a value of the scenario language and what judges its record.
//  2. Case.File writes a case as a scenario file. That file is what is played, so
//     that a case that is played alone is the same.
//  3. Battery.Run plays the cases of all subjects as a campaign does its cells,
//     side by side, and has each judged from its record alone.
//  4. report.go makes tables of certificates.
//
// A case that the limiter, or the language, has no way to play is not examined,
// with the reason. cmd imports this package.
package certify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/child"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/plan"
)

// Verdict is what a property or a case came to.
type Verdict string

// The verdicts.
const (
	Holds       Verdict = "holds"
	Broken      Verdict = "broken"
	NotExamined Verdict = "not examined"
)

// Property is something that a caller relies on.
type Property struct {
	Name    string
	Asserts string // in a sentence
	cases   func(s *Subject) []Case
}

// Properties returns the battery in its order. To add a property, write its cases
// and a line here.
func Properties() []Property {
	return []Property{
		{"race", "Callers at the same instant are admitted no more than the limit, and none is lost.", raceCases},
		{"exactness", "Requests one after another get the decisions of the declared algorithm, and a client is told what remains and when to come back.", exactnessCases},
		{"window", "No stretch of time holds more than the algorithm promises, neither across the edge of a window nor after an idle time.", windowCases},
		{"clock", "Clients whose clocks are off, or step, change no decision.", clockCases},
		{"amnesia", "A shard that is lost, comes back or joins gives a new burst to the keys that it moves, once, and nothing to others.", amnesiaCases},
		{"outage", "While a shard refuses, stands still or is slow nothing is let through that has no room, answers come within 2 s, and all is well within 5 s of its end.", outageCases},
		{"reset", "A connection that dies between two commands of a decision locks nobody out and leaves no key for good.", resetCases},
		{"cost", "Costs above the burst, tiny and large rates and long periods are decided as any other.", costCases},
		{"change", "What a key has used stays used when its limit changes, no more and no longer.", changeCases},
		{"denied", "Denied requests take nothing and do not prolong the block.", deniedCases},
		{"hygiene", "Keys expire and have the limiter's prefix, a lost script is loaded again, and a Redis Cluster takes every command.", hygieneCases},
		{"sharding", "No shard is asked about every key, and several instances share one state.", shardingCases},
		{"telemetry", "Its own metrics say what a caller sees.", telemetryCases},
	}
}

// PropertyNames lists the names of the battery's properties.
func PropertyNames() []string {
	var names []string
	for _, p := range Properties() {
		names = append(names, p.Name)
	}
	return names
}

// Case is one scenario of a property.
type Case struct {
	Name     string // property/case
	Shows    string // what is played, in a sentence
	Scenario scenarios.Scenario
	Omitted  string // why it is not examined; "": it is
	real     bool   // it makes sense in real time too
	judge    func(*Seen) Finding
}

// Finding is what a case came to.
type Finding struct {
	Verdict Verdict
	Number  float64
	Unit    string // "" of a plain number of things, whose text says what they are
	Text    string // with the numbers, in a clause
}

// File writes a case as a scenario file.
func (c *Case) File() ([]byte, error) {
	text, err := scenarios.Encode(&c.Scenario)
	if err != nil {
		return nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	return text, nil
}

// Cases returns all cases of the battery for a subject, by property.
func (s *Subject) Cases() (all [][]Case) {
	for _, p := range Properties() {
		cases := p.cases(s)
		for i := range cases {
			c := &cases[i]
			c.Name = p.Name + "/" + c.Name
			c.Scenario.Name, c.Scenario.About = "certify-"+strings.ReplaceAll(c.Name, "/", "-"), c.Shows
		}
		all = append(all, cases)
	}
	return all
}

// Find returns the case of a name.
func (s *Subject) Find(name string) (*Case, error) {
	var names []string
	for _, cases := range s.Cases() {
		for i := range cases {
			if cases[i].Name == name {
				return &cases[i], nil
			}
			names = append(names, cases[i].Name)
		}
	}
	return nil, campaign.Invalidf("no case %q of %s; cases are %s", name, s.Name, strings.Join(names, ", "))
}

// Battery plays the cases.
type Battery struct {
	*campaign.Loader
	campaign.Monitor
	Only []string // of the properties; nil: all
	// Servers are what the cases that make sense so are played on in real time; of the zero
	// value all are played in virtual time.
	Servers campaign.Servers
}

// Run examines subjects, all cases of all side by side, in real time one after another.
func (b *Battery) Run(ctx context.Context, subjects []*Subject) (_ *Result, err error) {
	dir, remove, err := child.Folder("certify")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	var work []*examination
	r := &Result{SchemaVersion: SchemaVersion}
	for n, s := range subjects {
		c := newCertificate(s)
		for i, cases := range s.Cases() {
			if b.real() {
				cases = slices.DeleteFunc(cases, func(c Case) bool { return !c.real })
			}
			if len(cases) == 0 || b.Only != nil && !slices.Contains(b.Only, Properties()[i].Name) {
				continue
			}
			c.Properties = append(c.Properties, PropertyResult{Name: Properties()[i].Name, Asserts: Properties()[i].Asserts, Cases: make([]CaseResult, len(cases))})
			for j := range cases {
				work = append(work, &examination{again: s.Replay(cases[j].Name) + b.flags(), of: s, certificate: n, property: len(c.Properties) - 1, place: j, Case: &cases[j], dir: filepath.Join(dir, fmt.Sprint(len(work)))})
			}
		}
		r.Limiters = append(r.Limiters, c)
	}
	if len(work) == 0 {
		return nil, campaign.Invalidf("--spawn: expected a property with cases that make sense in real time, found %s: race and exactness have some", strings.Join(b.Only, ", "))
	}
	b.Begin(len(work), "cases")
	local := campaign.Local{Loader: b.Loader, Overrides: campaign.Overrides{Cores: campaign.AllCores()}, Monitor: named{b.Monitor}}
	together := runtime.GOMAXPROCS(0)
	if b.real() {
		local.Clock, local.Servers, together = "real", b.Servers, 1
	}
	var failed atomic.Bool
	campaign.InParallel(len(work), together, func(i int) {
		if ctx.Err() == nil && !failed.Load() {
			work[i].err = work[i].run(ctx, local)
			failed.CompareAndSwap(false, work[i].err != nil)
		}
		b.Done()
	})
	if ctx.Err() != nil {
		return nil, campaign.With(campaign.Aborted, campaign.ErrInterrupt)
	}
	for _, w := range work {
		if w.err != nil {
			return nil, fmt.Errorf("%s, case %s: %w", w.of.Name, w.Name, w.err)
		}
		c := &r.Limiters[w.certificate]
		c.Properties[w.property].Cases[w.place] = w.result()
		if c.Versions == nil {
			c.Versions = w.versions
		}
	}
	for i := range r.Limiters {
		r.Limiters[i].conclude()
	}
	return r, nil
}

// flags are those by which a case is played as the battery plays it.
func (b *Battery) flags() string {
	if b.real() {
		return fmt.Sprintf(" --spawn=%d", len(b.Servers.Shards))
	}
	return ""
}

// real reports whether the battery is played in real time.
func (b *Battery) real() bool { return b.Servers.How != "" }

// named is a Monitor that calls runs by their scenarios.
type named struct{ campaign.Monitor }

func (n named) Run(_ string, p *plan.Plan) (step func(at, arrivals int64), end func()) {
	return n.Monitor.Run(p.Scenario.Name, p)
}

// examination is a case under way.
type examination struct {
	*Case
	again                        string // the command that plays it
	of                           *Subject
	certificate, property, place int
	dir                          string
	found                        Finding
	versions                     map[string]string
	err                          error
}

func (e *examination) result() CaseResult {
	c := CaseResult{Name: e.Name, Shows: e.Shows, Verdict: e.found.Verdict, Text: e.found.Text}
	if e.found.Verdict != NotExamined {
		c.Number, c.Unit, c.Replay = &e.found.Number, e.found.Unit, e.again
	}
	return c
}

func (e *examination) run(ctx context.Context, local campaign.Local) error {
	if e.Omitted != "" {
		e.found = Finding{Verdict: NotExamined, Text: e.Omitted}
		return nil
	}
	text, err := e.File()
	if err != nil {
		return err
	}
	s, problems := scenarios.Decode(e.Scenario.Name+".yaml", text)
	if len(problems) > 0 {
		return fmt.Errorf("its scenario is wrong, which is a mistake of the battery: %w\n%s", problems, text)
	}
	var left []fakeredis.Left
	var asked used
	local.Left = func(_ string, keys []fakeredis.Left) { left = append(left, keys...) }
	local.Executed = asked.see
	played, err := local.Run(ctx, campaign.Cell{Scenario: s}, e.dir)
	var refused scenarios.Problems
	switch {
	case errors.As(err, &refused): // by the kind, which need not take every limit and cost
		e.found = Finding{Verdict: NotExamined, Text: refused[0].Msg}
		return nil
	case errors.Is(err, foreign.ErrFailed): // such as one that waits by the wall clock for what virtual time does to it
		text, _, _ := strings.Cut(err.Error()[strings.Index(err.Error(), foreign.ErrFailed.Error()):], "\n")
		e.found = Finding{Verdict: NotExamined, Text: text}
		return nil
	case err != nil:
		return err
	}
	a, err := campaign.Analyse(played.Dir)
	if err != nil {
		return err
	}
	seen, err := newSeen(a)
	if err != nil {
		return err
	}
	seen.left, seen.used, seen.outside = left, &asked, e.of.declared.Process != nil
	e.found, e.versions = e.judge(seen), a.Reader.Manifest().Versions
	if text := seen.refusesCosts(); text != "" {
		e.found = Finding{Verdict: NotExamined, Text: text}
	}
	return nil
}

// conclude judges properties by their cases: broken if any is, by the one with the greatest
// number. If none is, the first one speaks for all, or the one with the greatest number of its unit.
func (c *Certificate) conclude() {
	for i := range c.Properties {
		p := &c.Properties[i]
		rank := map[Verdict]int{Broken: 0, Holds: 1, NotExamined: 2}
		worst := p.Cases[0]
		for _, k := range p.Cases[1:] {
			d := rank[k.Verdict] - rank[worst.Verdict]
			if d < 0 || d == 0 && (k.Verdict == Broken || k.Unit == worst.Unit) && number(k) > number(worst) {
				worst = k
			}
		}
		p.Verdict, p.Number, p.Unit, p.Text, p.Case, p.Replay = worst.Verdict, worst.Number, worst.Unit, worst.Text, worst.Name, worst.Replay
		for _, k := range p.Cases {
			if k.Verdict == NotExamined && p.Verdict != NotExamined {
				p.Omitted = append(p.Omitted, k.Name+": "+k.Text)
			}
		}
	}
}

func number(c CaseResult) float64 {
	if c.Number == nil {
		return 0
	}
	return *c.Number
}

// Judge returns 99 if a required property is not known to hold; each is one of the
// battery's, or a single case.
func (r *Result) Judge(required []string) error {
	var failed []string
	for _, c := range r.Limiters {
		for _, name := range required {
			if v := c.verdict(name); v != Holds {
				failed = append(failed, fmt.Sprintf("%s: %s: %s", c.Limiter, name, v))
			}
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return campaign.With(campaign.AssertionFailed, fmt.Errorf("required, and not so:\n%s", strings.Join(failed, "\n")))
}

func (c *Certificate) verdict(name string) Verdict {
	for _, p := range c.Properties {
		if p.Name == name {
			return p.Verdict
		}
		for _, k := range p.Cases {
			if k.Name == name {
				return k.Verdict
			}
		}
	}
	return NotExamined
}
