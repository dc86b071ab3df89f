package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/keep"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/meter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/run"
)

const runLong = `Plays a scenario, writes its record, and prints a summary. SCENARIO is the name of a shipped scenario (see list), a
file, or - for standard input.

The record goes to a directory of its own, by default quotalab-out/<scenario>/<UTC time>-<plan hash>. Nothing is
overwritten. The same scenario and seed give the same record: compare the record hash.

Ctrl-C ends the run in good order: the record is completed and the summary printed. A second one ends at once.`

// runFlags are the flags of run.
type runFlags struct {
	seed     uint64
	dir      string
	trace    string
	noAssert bool
	tags     []string
	outs     []string
	summary  summaryFlags
	live     liveFlags
	metrics  string
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Play a scenario and print what happened",
		Long:  runLong + "\n\n" + exitHelp() + "\n" + exitOrder,
		Example: `  quotalab run boulder-new-account
  quotalab run my.yaml --seed 7 -o json=out.json`,
		Args:              args("SCENARIO"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, given []string) error {
			o := overrides{trace: f.trace}
			if cmd.Flags().Changed("seed") {
				o.seed = &f.seed
			}
			return a.run(cmd.Context(), given[0], o, f)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 0, "seed of every random stream, instead of the scenario's")
	flags.StringVar(&f.dir, "dir", "", "directory of the record, which must not hold one already")
	flags.StringVar(&f.trace, "trace", "", "file of every replay, instead of the scenario's")
	flags.BoolVar(&f.noAssert, "no-assert", false, "leave the scenario's assertions out")
	flags.StringArrayVar(&f.tags, "tag", nil, "tag of the run, `k=v`; can be repeated")
	outFlag(flags, &f.outs)
	f.summary.add(flags)
	f.live.add(flags)
	flags.StringVar(&f.metrics, "metrics", "", "show the run to Prometheus while it goes on, on this `address`, such as localhost:9464")
	return cmd
}

// run is the verb: load, play, analyse, show.
func (a *app) run(ctx context.Context, name string, o overrides, f runFlags) (err error) {
	outs, err := parseOutputs(f.outs)
	if err != nil {
		return err
	}
	if err := f.summary.check(); err != nil {
		return err
	}
	tags, err := parseTags(f.tags)
	if err != nil {
		return err
	}
	o.now = clock.Now().UTC().Truncate(time.Millisecond)
	p, servers, err := a.stage(ctx, name, o, &f.live)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.close()) }()
	if p.Scenario.Sweep != nil {
		a.note("note: the sweep of %s is left out, the scenario is played as written: to play its cells, quotalab sweep %s", p.Scenario.Name, name)
	}
	m := run.Manifest(p)
	m.Started, m.Versions, m.Tags = o.now, linkedVersions(), tags
	if f.noAssert {
		m.Asserts = nil
	}
	if a.verbose {
		fmt.Fprint(a.stderr, p.Text())
	}
	played, err := a.play(ctx, p, m, f.dir, f.metrics, servers.Live)
	if err != nil {
		return err
	}
	r, err := analyse(played.dir)
	if err != nil {
		return fmt.Errorf("the record is at %s: %w", played.dir, err)
	}
	if err := r.store(); err != nil {
		return err
	}
	if err := a.present([]*analysis{r}, outs, f.summary); err != nil {
		return err
	}
	a.note("record: %s, hash %s", played.dir, r.summary.RecordHash)
	return a.judge(r, played)
}

// judge turns what the run found into the exit code. The summary has told
// the rest.
func (a *app) judge(r *analysis, p played) error {
	if p.unexpected > 0 {
		fmt.Fprintf(a.stderr, "quotalab: %d decisions failed for a reason that is neither Redis' nor the network's. The first: %s\n", p.unexpected, p.first)
	}
	code := findings{aborted: p.aborted, unexpected: p.unexpected > 0, valid: r.summary.Valid, ok: r.summary.OK}.code()
	if code == exitPassed {
		return nil
	}
	return &exitError{code: code}
}

// played is what playing a plan came to, beside its record.
type played struct {
	dir        string
	aborted    bool
	unexpected int64
	first      string // message of the first unexpected failure
}

// play runs the plan into a new record, where the user can see and end it.
func (a *app) play(ctx context.Context, p *plan.Plan, m record.Manifest, dir, metrics string, l *run.Live) (_ played, err error) {
	shown, stop, err := a.show(metrics)
	if err != nil {
		return played{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	o := run.Options{Live: l}
	if shown != nil {
		o.InFlight = new(atomic.Int64)
		if err := shown.InFlight(o.InFlight.Load); err != nil {
			return played{}, err
		}
	}
	if l != nil { // before there is a record of nothing
		if err := l.Check(ctx, p); err != nil {
			return played{}, withCode(codeOfRun(err), fmt.Errorf("running %s: %w", p.Scenario.Name, err))
		}
	}
	w, dir, err := createRecord(dir, m, p.Text())
	if err != nil {
		return played{}, err
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	bar := a.newProgress(p, clock.Now())
	o.Progress = bar.step
	defer bar.end()
	return playInto(ctx, p, w, dir, shown, o)
}

// playInto runs the plan into a record that has begun, and closes it.
func playInto(ctx context.Context, p *plan.Plan, w *record.Writer, dir string, shown *meter.Meter, o run.Options) (played, error) {
	kept, err := keep.New(w)
	if err != nil {
		_, cerr := w.Close(nil)
		return played{}, fmt.Errorf("record at %s: %w", dir, errors.Join(err, cerr))
	}
	watch, err := assert.NewWatch(w.Manifest())
	if err != nil {
		_, cerr := kept.Close(nil)
		return played{}, fmt.Errorf("record at %s: %w", dir, errors.Join(err, cerr))
	}
	begun := clock.Now()
	sink := &watcher{Keeper: kept, meter: shown, watch: watch}
	result, err := drivePlan(ctx, p, sink, o)
	_, cerr := kept.Close(func(m *record.Manifest) {
		result.Apply(m)
		m.Wall = clock.Since(begun)
		if result.Stopped {
			m.Failed = sink.failed
		}
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			m.Complete, m.Failed, m.Aborted = false, nil, blame(err)+": "+first
		}
	})
	if err := errors.Join(err, cerr); err != nil {
		err = fmt.Errorf("running %s, record at %s: %w", p.Scenario.Name, dir, err)
		return played{}, withCode(codeOfRun(err), err)
	}
	return played{dir: dir, aborted: result.Aborted != "" && !result.Stopped, unexpected: result.Unexpected, first: sink.unexpected}, nil
}

// codeOfRun is the exit code of a run that could not be played.
func codeOfRun(err error) int {
	switch {
	case errors.Is(err, realredis.ErrUnreachable): // also where that is why they cannot be used
		return exitDependency
	case errors.Is(err, run.ErrServers):
		return exitInvalid
	case errors.Is(err, run.ErrLimiter):
		return exitUnexpected
	}
	return exitInternal
}

// blame says whose failure ended a run.
func blame(err error) string {
	switch codeOfRun(err) {
	case exitUnexpected:
		return "failure of a limiter"
	case exitInvalid, exitDependency:
		return "failure of the servers"
	}
	return "internal error"
}

// drivePlan runs the plan. A panic is an error like any other of the harness,
// so that the record is closed and says what happened.
func drivePlan(ctx context.Context, p *plan.Plan, sink run.Sink, o run.Options) (result run.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return run.Run(ctx, p, sink, o)
}

// watcher looks at observations on their way to the record: it notes the
// first unexpected failure, shows all to the meter, and ends the run when an
// assertion with abortOnFail fails.
type watcher struct {
	*keep.Keeper
	meter      *meter.Meter  // nil: nobody asked
	watch      *assert.Watch // nil: no assertion has abortOnFail
	failed     *record.Failure
	unexpected string
}

func (w *watcher) Write(o *record.Observation) error {
	if w.unexpected == "" && o.Error == "unexpected" {
		w.unexpected = fmt.Sprintf("%s, client %s: %s", o.Limiter, o.Client, o.Message)
	}
	if w.meter != nil {
		if err := w.meter.Write(o); err != nil {
			return err
		}
	}
	if err := w.Keeper.Write(o); err != nil || w.watch == nil {
		return err
	}
	if w.failed = w.watch.Observe(o); w.failed != nil {
		return run.Stop(w.watch.Why())
	}
	return nil
}

// show opens the listener for Prometheus that the user asked for; none
// without an address.
func (a *app) show(addr string) (m *meter.Meter, stop func() error, err error) {
	if addr == "" {
		return nil, func() error { return nil }, nil
	}
	m = meter.New()
	url, stop, err := m.Serve(addr)
	if err != nil {
		return nil, nil, usagef("--metrics: %w", err)
	}
	a.note("metrics: %s", url)
	return m, stop, nil
}

// outputKind is a format that a record can be exported in, or several at once.
type outputKind struct {
	about string
	write func(w io.Writer, r *analysis) error    // of one record
	all   func(w io.Writer, rs []*analysis) error // instead: of one or several
	push  func(o output, rs []*analysis) error    // instead: to a service, whose URL stands for the path
}

// outputKinds are those of -o. To add one, write an exporter and a line here.
var outputKinds = map[string]outputKind{
	"json":     {about: "the JSON summary", write: func(w io.Writer, r *analysis) error { return r.summary.WriteJSON(w) }},
	"csv":      {about: "one line a decision", write: func(w io.Writer, r *analysis) error { return present.CSV(w, r.reader) }},
	"metrics":  {about: "CSV, one line a metric", write: func(w io.Writer, r *analysis) error { return present.MetricsCSV(w, r.summary.Summary) }},
	"hlog":     {about: "HDR interval log", write: func(w io.Writer, r *analysis) error { return present.HLog(w, r.reader) }},
	"verdicts": {about: "CSV, one line a crossing of a threshold and one a notice", write: func(w io.Writer, r *analysis) error { return present.Verdicts(w, r.reader) }},
	"html":     {about: "one page with everything, figures included", all: htmlReport},
	"bench":    {about: "Go benchmark format, for benchstat", all: func(w io.Writer, rs []*analysis) error { return present.Bench(w, summaries(rs)...) }},
	"markdown": {about: "a short form for a pull request or GitHub's job summary", all: markdownReport},
	"junit":    {about: "JUnit XML, one test case an assertion", all: func(w io.Writer, rs []*analysis) error { return present.JUnit(w, measured(rs)...) }},
	"bencher":  {about: "Bencher Metric Format", all: func(w io.Writer, rs []*analysis) error { return present.Bencher(w, summaries(rs)...) }},
	"github-benchmark": {about: "for github-action-benchmark's tool customSmallerIsBetter",
		all: func(w io.Writer, rs []*analysis) error { return present.GitHubBenchmark(w, summaries(rs)...) }},
	"prometheus": {about: "metrics pushed to the Pushgateway at this URL", push: pushAll},
	"hgrm":       {about: "HDR percentiles as text", write: func(w io.Writer, r *analysis) error { return present.HGRM(w, r.summary) }},
}

func outputNames() []string { return slices.Sorted(maps.Keys(outputKinds)) }

func outputKindsText() string {
	var parts []string
	for _, name := range outputNames() {
		parts = append(parts, name+" ("+outputKinds[name].about+")")
	}
	return strings.Join(parts, ", ")
}

func outFlag(flags *pflag.FlagSet, outs *[]string) {
	flags.StringArrayVarP(outs, "out", "o", nil, "write `kind=path`, - for standard output; can be repeated. Kinds: "+outputKindsText())
}

// output is one -o.
type output struct {
	kind, path string          // the path can be shown: a URL has no user in it
	gateway    present.Gateway // of a kind that is pushed
}

// parseOutputs reads and checks all -o before anything runs: a run of hours
// must not end with a path that cannot be.
func parseOutputs(specs []string) ([]output, error) { return parseOutputsOf(specs, outputNames()) }

// parseOutputsOf is parseOutputs of a verb that has kinds of its own.
func parseOutputsOf(specs, kinds []string) ([]output, error) {
	var outs []output
	var errs []error
	for _, spec := range specs {
		o, err := parseOutput(spec, kinds)
		if err == nil && slices.ContainsFunc(outs, func(p output) bool { return p.path == o.path }) {
			err = fmt.Errorf("-o %s: two outputs go to %s", shown(spec), o.path)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		outs = append(outs, o)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usagef("%w", err)
	}
	return outs, nil
}

func parseOutput(spec string, kinds []string) (output, error) {
	kind, path, ok := strings.Cut(spec, "=")
	if !ok || path == "" {
		return output{}, fmt.Errorf("-o %s: expected kind=path, such as json=out.json", shown(spec))
	}
	if !slices.Contains(kinds, kind) {
		return output{}, fmt.Errorf("-o %s: no kind %q%s; kinds are %s", shown(spec), kind,
			metric.DidYouMean(kind, kinds), strings.Join(kinds, ", "))
	}
	o := output{kind: kind, path: path}
	var err error
	switch {
	case outputKinds[kind].push != nil:
		o.gateway, err = parseGateway(path)
		o.path = o.gateway.URL
	case path != stdio:
		err = canBeFile(path)
	}
	if err != nil {
		return output{}, fmt.Errorf("-o %s: %w", shown(spec), err)
	}
	return o, nil
}

// shown is a specification without what may be a password: everything before
// the last @ of a URL.
func shown(spec string) string {
	before, rest, ok := strings.Cut(spec, "://")
	at := strings.LastIndexByte(rest, '@')
	if !ok || at < 0 {
		return spec
	}
	return before + "://…" + rest[at:]
}

func canBeFile(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory, expected a file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", filepath.Dir(path))
	}
	return nil
}

// oneRecord refuses outputs of several records that are of one.
func oneRecord(outs []output) error {
	for _, o := range outs {
		if k := outputKinds[o.kind]; k.all == nil && k.push == nil {
			return usagef("-o %s=%s is of one record, found several", o.kind, o.path)
		}
	}
	return nil
}

// eachOutput writes all outputs, also after one that failed.
func eachOutput(outs []output, write func(output) error) error {
	var errs []error
	for _, o := range outs {
		if err := write(o); err != nil {
			errs = append(errs, fmt.Errorf("-o %s=%s: %w", o.kind, o.path, err))
		}
	}
	return errors.Join(errs...)
}

func (a *app) export(rs []*analysis, outs []output) error {
	return eachOutput(outs, func(o output) error { return a.exportTo(rs, o) })
}

func (a *app) exportTo(rs []*analysis, o output) error {
	if push := outputKinds[o.kind].push; push != nil {
		return push(o, rs)
	}
	return a.writeTo(o, func(w io.Writer) error { return outputKinds[o.kind].to(w, rs) })
}

// jobSummary is the environment variable with GitHub's file of a step's summary.
const jobSummary = "GITHUB_STEP_SUMMARY"

// writeTo writes one output to where it goes. A file is written anew, but for
// GitHub's job summary, which commands of a step add to.
func (a *app) writeTo(o output, write func(io.Writer) error) (err error) {
	if o.path == stdio {
		return write(a.stdout)
	}
	how := os.O_TRUNC
	if summary, _ := a.lookupEnv(jobSummary); o.path == summary {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|how, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}

func (k outputKind) to(w io.Writer, rs []*analysis) error {
	if k.all != nil {
		return k.all(w, rs)
	}
	return k.write(w, rs[0])
}
