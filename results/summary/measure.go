// Package summary turns a record into metrics: the names, units and tags of
// models/metric, with numbers.
//
// In flow a record and the result of its audit, out flows a Summary, which
// marshals to the JSON summary and which results/assert judges and
// results/present prints. Steps:
//
//  1. One pass over the observations, which audits them too (Analyse), feeds the
//     accumulators: outcomes, with all that is a sum over them, keys, telemetry,
//     the generator's schedule. Observations of the warm-up are left out (of all but
//     telemetry, which is about the whole run too). In a run with faults the
//     outcomes of the phases before, during and after them are apart. Of a
//     record that does not hold all observations the pass was made while the run
//     went on, by Totals, without what is known of single keys.
//  2. Each accumulator makes its metrics, in the catalogue's order and, within
//     a metric, in the manifest's order of sources, limiters and clients.
//     Those of usage-threshold engines come from the audit alone, those of
//     live servers from the manifest.
//  3. The run judges itself (schedule, validity), and warnings say in words what is
//     odd and why.
//
// A Monitor looks at single conditions while a run goes on, by the code that
// looks at windows of a record (sliding).
//
// What was not observed is absent, never zero. Two summaries of one record
// are byte for byte the same.
package summary

import (
	"cmp"
	"fmt"
	"maps"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// Analyse audits a record and measures it, in one pass over its observations.
func Analyse(r *record.Reader) (*Measured, *audit.Result, error) {
	m := r.Manifest()
	p, err := newPass(&m)
	if err != nil {
		return nil, nil, fmt.Errorf("measuring: %w", err)
	}
	shown := r
	if m.Whole() {
		shown = r.Watched(p.observe)
	}
	a, err := audit.All(shown)
	if err == nil {
		err = p.end(r)
	}
	if err != nil {
		return nil, nil, err
	}
	return p.measured(a), a, nil
}

// Measure makes what is known of a record. The audit's result may be nil if
// the record could not be audited; then there are no metrics of admission.
// Without its Thresholds there are none of engines.
// Assertions are not judged here (see results/assert): OK says Valid.
func Measure(r *record.Reader, a *audit.Result) (*Measured, error) {
	m := r.Manifest()
	p, err := newPass(&m)
	if err != nil {
		return nil, fmt.Errorf("measuring: %w", err)
	}
	if m.Whole() {
		for o, err := range r.Observations() {
			if err == nil {
				err = p.observe(o)
			}
			if err != nil {
				return nil, fmt.Errorf("measuring: %w", err)
			}
		}
	}
	if err := p.end(r); err != nil {
		return nil, err
	}
	if a == nil {
		a = &audit.Result{}
	}
	return p.measured(a), nil
}

// end judges the windows up to the end. Of a record that does not hold all
// observations it takes the totals, which stand for them.
func (p *pass) end(r *record.Reader) error {
	if p.manifest.Whole() {
		p.finish()
		return nil
	}
	if err := p.restore(r); err != nil {
		return fmt.Errorf("measuring: %w", err)
	}
	return nil
}

// finish judges the windows up to the end.
func (p *pass) finish() {
	for _, w := range p.windows {
		w.finish(p.measuredSpan().Until)
	}
}

// describe copies what the manifest knows.
func describe(m *record.Manifest, measured int64) *Summary {
	s := &Summary{
		SchemaVersion: SchemaVersion, Scenario: m.Scenario, About: m.About, Seed: m.Seed, Clock: m.Clock,
		PlanHash: m.PlanHash, RecordHash: m.Hash, Started: m.Started, WallSeconds: m.Wall.Seconds(),
		HorizonSeconds: m.Horizon.Seconds(), WarmupSeconds: m.Warmup.Seconds(), MeasuredSeconds: float64(measured) / 1e9,
		Observations: m.Count, Recorded: string(m.Recorded), SampleRate: m.SampleRate, Seen: m.Seen, Accounts: m.AccountCount, Evaluations: m.EvaluationCount, Tags: m.Tags, Versions: maps.Clone(m.Versions),
		Metrics: []Metric{}, Keys: Keys{OverAdmitted: []AdmittedKey{}}, Assertions: []Assertion{}, Warnings: append([]string{}, m.Warnings...),
	}
	if f := m.Failed; f != nil {
		s.EndedBy = &Ended{Metric: f.Selector, Check: f.Check, OverSeconds: f.Over.Seconds(), Observed: f.Observed, AtSeconds: f.At.Seconds()}
	}
	if s.Versions == nil {
		s.Versions = map[string]string{}
	}
	return s
}

// pass is one reading of the observations and the accumulators it feeds.
type pass struct {
	manifest *record.Manifest
	order    *order
	phases   *record.Phases

	outcomes  *outcomes
	texts     *errorTexts
	keys      *keys
	telemetry *telemetry
	schedule  *schedule
	windows   []*window

	early   early
	latest  int64 // due instant, ns
	unknown bool  // the record holds neither all observations nor totals of them
	tables  map[string]*record.LimitTable
}

// early is what counts of the warm-up.
type early struct {
	Dropped    int64 `json:"dropped"`
	Unexpected int64 `json:"unexpected"` // errors that the limiter made itself
}

func newPass(m *record.Manifest) (*pass, error) {
	phases := record.NewPhases(m.Faults)
	windows, err := newWindows(m, phases)
	if err != nil {
		return nil, err
	}
	o := newOrder(m)
	tables := map[string]*record.LimitTable{}
	for _, l := range m.Limiters {
		tables[l.Name] = l.Table()
	}
	return &pass{
		manifest: m, order: o, phases: phases, outcomes: newOutcomes(o, phases, m.Shards), texts: newErrorTexts(),
		keys: newKeys(o, m), telemetry: newTelemetry(o, m), schedule: newSchedule(m), tables: tables, windows: windows,
	}, nil
}

func (p *pass) observe(o *record.Observation) error {
	p.telemetry.observe(o)
	p.latest = max(p.latest, o.Intended)
	early := o.Intended < p.manifest.Warmup.Nanoseconds()
	p.schedule.observe(o, early)
	if early {
		p.early.observe(o)
		return nil
	}
	if _, ok := p.tables[o.Limiter]; !ok && o.Decision != record.Dropped {
		return fmt.Errorf("observation %d is of limiter %q, which the manifest does not list", o.Seq, o.Limiter)
	}
	at, err := p.outcomes.observe(o)
	if err != nil {
		return err
	}
	p.texts.observe(o)
	if p.deniedUnfound(o) {
		at.Impossible++
	}
	for _, w := range p.windows {
		w.observe(o, at.outcome)
	}
	if !p.manifest.Whole() {
		return nil // there may be too many keys to keep
	}
	return p.keys.observe(o)
}

func (e *early) observe(o *record.Observation) {
	if o.Decision == record.Dropped {
		e.Dropped++
	}
	if o.Error == "unexpected" {
		e.Unexpected++
	}
}

// length is the measured time in ns: up to the horizon, or to the last
// request or the last that an engine did in a run that did not get there.
func (p *pass) length() int64 {
	end := p.manifest.Horizon.Nanoseconds()
	if !p.manifest.Complete {
		latest := p.latest
		for _, e := range p.manifest.Engines {
			latest = max(latest, e.Last-p.manifest.Epoch.UnixNano())
		}
		end = min(end, latest)
	}
	return max(0, end-p.manifest.Warmup.Nanoseconds())
}

func (p *pass) measuredSpan() record.Stretch {
	from := p.manifest.Warmup.Nanoseconds()
	return record.Stretch{From: from, Until: from + p.length()}
}

// measured is what the pass came to, with all metrics in the order of the
// catalogue.
func (p *pass) measured(a *audit.Result) *Measured {
	s := &Measured{Summary: describe(p.manifest, p.length()), windows: p.windows}
	s.add(p.outcomes.metrics())
	s.add(p.outcomes.failureMetrics())
	s.add(p.outcomes.dropMetrics())
	if p.manifest.Whole() {
		s.add(admission(a))
		s.Keys.OverAdmitted = worstKeys(a)
		s.Audit = audits(a)
	} else {
		s.SampledAudit = p.sampledAudit(a)
	}
	commands, onShards := p.outcomes.commands(), p.keys.perShard()
	s.add(p.order.perShard("shard_commands", commands))
	s.add(p.order.perShard("shard_keys", onShards))
	for _, m := range p.manifest.Memory {
		s.add([]Series{counter("shard_bytes", tags("limiter", m.Limiter, "shard", m.Shard), m.Bytes)})
	}
	s.add(commandDisagreement(p.manifest.Servers))
	for _, l := range p.manifest.Limiters {
		if b, ok := BalanceOf(p.fromTheStart(onShards[l.Name])); ok {
			s.add(b.metrics(l.Name, "keys"))
		}
		if b, ok := BalanceOf(p.fromTheStart(commands[l.Name])); ok {
			s.add(b.metrics(l.Name, "commands"))
		}
	}
	for _, d := range p.keys.disagreements(p.manifest) {
		s.add([]Series{value("shard_disagreement", tags("limiter", d.limiter, "client", d.client.Name), d.shared, d.share())})
	}
	said, _ := p.telemetry.judge(p.manifest.Telemetry)
	s.add(said)
	s.add(thresholds(a))
	s.Thresholds, s.Causes = perThreshold(a), causes(a)
	s.Keys.MostDenied, s.busiest = p.keys.mostDenied(), p.keys.busiest(p.manifest.Shards)
	s.ErrorTexts = p.texts.byKind(p.order, shownTexts)
	s.Faults, s.Phases = faults(p.manifest), phaseTable(p.phases, p.measuredSpan())
	s.Servers, s.Processes = servers(p.manifest.Servers), ownTimes(p.manifest.Processes)
	s.AutoPipelined = autoPipelined(p.manifest)
	if p.manifest.Clock == "real" {
		s.Schedule = p.schedule.judge(p.manifest, p.length())
	}
	s.Invalid = p.invalid(a)
	s.Valid = len(s.Invalid) == 0
	s.OK = s.Valid
	s.Warnings = append(s.Warnings, p.warnings(a)...)
	return s
}

// fromTheStart leaves out the shards that joined during the run, which are the
// last: that they hold less is no imbalance.
func (p *pass) fromTheStart(counts []int64) []int64 {
	joined := 0
	for _, f := range p.manifest.Faults {
		if f.Kind == "add" {
			joined++
		}
	}
	return counts[:max(0, len(counts)-joined)]
}

// tags makes a map of the pairs that have a value.
func tags(pairs ...string) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

func unitOf(name string) string {
	m, _ := metric.Find(name)
	return m.Unit
}

func counter(name string, tags map[string]string, n int64) Series {
	return Series{Metric: Metric{Name: name, Tags: tags, Unit: unitOf(name), Count: n}}
}

func value(name string, tags map[string]string, n int64, v float64) Series {
	return Series{Metric: Metric{Name: name, Tags: tags, Unit: unitOf(name), Count: n, Value: &v}}
}

// distribution makes a trend. Samples of a metric in seconds are kept in
// nanoseconds, others in their unit.
func distribution(name string, tags map[string]string, t *trend) Series {
	m := Metric{Name: name, Tags: tags, Unit: unitOf(name), Count: t.N}
	if t.N == 0 {
		return Series{m, t}
	}
	at := func(v float64) *float64 { v /= m.scale(); return &v }
	m.Min, m.Max, m.Avg = at(float64(t.Min)), at(float64(t.Max)), at(t.mean())
	m.Med, m.P90, m.P95, m.P99, m.P999 = at(t.percentile(50)), at(t.percentile(90)), at(t.percentile(95)), at(t.percentile(99)), at(t.percentile(99.9))
	return Series{m, t}
}

// scale is how many of its samples' units make one of the metric's.
func (m Metric) scale() float64 {
	if m.Unit == "s" {
		return 1e9
	}
	return 1
}

// order is how series are sorted: names as the manifest lists them, outcomes
// as the catalogue does.
type order struct {
	traffic, limiter, client, decision, key, phase, errors, shard rank
	manifest                                                      *record.Manifest
	groups                                                        map[string]string // clients by instance
}

func newOrder(m *record.Manifest) *order {
	decisions, _ := metric.Find("decisions")
	errors, _ := metric.Find("errors")
	o := &order{
		traffic: rank{}, limiter: rank{}, client: rank{}, shard: rank{}, manifest: m, groups: map[string]string{},
		decision: ranked(decisions.Values["decision"]), key: ranked(decisions.Values["key"]), phase: ranked(metric.Phases()), errors: ranked(errors.Values["error"]),
	}
	for i, t := range m.Traffic {
		o.traffic[t.Name] = i
	}
	for i, l := range m.Limiters {
		o.limiter[l.Name] = i
	}
	for i, c := range m.Clients {
		o.client[c.Name] = i
	}
	for i, s := range m.Shards {
		o.shard[s] = i
	}
	return o
}

// group is the client that an instance such as caller/17 is one of.
func (o *order) group(instance string) string {
	if g, ok := o.groups[instance]; ok {
		return g
	}
	g := o.manifest.ClientOf(instance)
	o.groups[instance] = g
	return g
}

// rank holds the place of each name; names that are not listed come last, by alphabet.
type rank map[string]int

func ranked(names []string) rank {
	r := rank{}
	for i, n := range names {
		r[n] = i
	}
	return r
}

func (r rank) compare(a, b string) int {
	return cmp.Or(cmp.Compare(r.of(a), r.of(b)), cmp.Compare(a, b))
}

func (r rank) of(name string) int {
	if i, ok := r[name]; ok {
		return i
	}
	return len(r)
}
