package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/meter"
	"github.com/quotalab/quotalab/sim/plan"
)

const runLong = `Plays a scenario, writes its record, and prints a summary. SCENARIO is the name of a shipped scenario (see list), a
file, or - for standard input.

The record goes to a directory of its own, by default quotalab-out/<scenario>/<UTC time>-<plan hash>. Nothing is
overwritten. The same scenario and seed give the same record: compare the record hash.

With --workers, --listen or --nats the worlds of the plan (see quotalab check) are played by other processes, of this
machine or of others that quotalab worker is started on. The record has the same content either way.

With --generators the load of a run in real time is sent by several processes; each sends its part of the one schedule.

Ctrl-C ends the run in good order: the record is completed and the summary printed. Another one ends at once, if it comes
more than a second later.`

// playFlags are those of run and sweep about what is played.
type playFlags struct {
	seed  *uint64
	trace string
	live  liveFlags
}

func (f *playFlags) add(flags *pflag.FlagSet) {
	flags.Func("seed", "seed of every random stream, a `number` instead of the scenario's; repeats of a sweep derive theirs from it", func(text string) error {
		seed, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			return fmt.Errorf("expected a whole number from 0 to %d, found %q", uint64(math.MaxUint64), text)
		}
		f.seed = &seed
		return nil
	})
	flags.StringVar(&f.trace, "trace", "", "file of every replay, instead of the scenario's")
	f.live.add(flags)
}

func (f *playFlags) overrides(lookup func(string) (string, bool)) (campaign.Overrides, error) {
	o, err := f.live.overrides(lookup)
	o.Seed, o.Trace = f.seed, f.trace
	return o, err
}

type runFlags struct {
	play       playFlags
	dir        string
	noAssert   bool
	tags       []string
	outs       []string
	summary    summaryFlags
	metrics    metricsFlags
	web        webFlags
	wire       bool
	all        bool
	many       fleetFlags
	generators int
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Play a scenario and print what happened",
		Long:  runLong + exitHelp() + exitOrder,
		Example: `  quotalab run boulder-new-account
  quotalab run my.yaml --seed 7 -o json=out.json`,
		RunE: func(cmd *cobra.Command, given []string) error {
			if f.all {
				return a.runAll(cmd.Context(), &f)
			}
			return a.run(cmd.Context(), given[0], &f)
		},
	}
	one := args("SCENARIO")
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if f.all {
			return noArgs(cmd, given)
		}
		return one(cmd, given)
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "play every shipped scenario that is of virtual time, and print a line for each")
	f.play.add(flags)
	flags.StringVar(&f.dir, "dir", "", "directory of the record, which must not hold one already")
	flags.BoolVar(&f.noAssert, "no-assert", false, "leave the scenario's assertions out")
	flags.StringArrayVar(&f.tags, "tag", nil, "tag of the run, `k=v`; can be repeated")
	outFlag(flags, &f.outs, outputKindsText())
	f.summary.add(flags)
	f.metrics.add(flags)
	f.web.add(flags)
	flags.BoolVar(&f.wire, "wire", false, "have commands to embedded shards go all the way through go-redis: slower, with the same record")
	_ = flags.MarkHidden("wire") // fails for no flag
	f.many.add(flags)
	countFlag(flags, &f.generators, "generators", mostGenerators, "in real time, have `N` processes send the load")
	return cmd
}

// run is the verb: load, play, analyse, show.
func (a *app) run(ctx context.Context, name string, f *runFlags) (err error) {
	outs, err := parseOutputs(f.outs, kindsOf(outputKinds))
	if err != nil {
		return err
	}
	if err := errors.Join(f.summary.check(), f.web.check(), f.checkGenerators()); err != nil {
		return err
	}
	elsewhere, err := f.many.check(campaign.Part{})
	if err != nil {
		return err
	}
	switch {
	case elsewhere && f.metrics != (metricsFlags{}):
		return usagef("--metrics and --otlp are of a run that is played here: its worlds are played by workers")
	case elsewhere && f.wire:
		return usagef("--wire is of a run that is played here: its worlds are played by workers")
	}
	tags, err := parsePairs("tag", f.tags)
	if err != nil {
		return err
	}
	o, err := f.play.overrides(a.lookupEnv)
	if err != nil {
		return err
	}
	o.Now = clock.Now().UTC().Truncate(time.Millisecond)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := campaign.Open(ctx, func(o campaign.Overrides) (*plan.Plan, error) {
		p, err := a.Load(name, o)
		if err == nil {
			err = stripable(p, f.generators)
		}
		if err == nil && elsewhere {
			err = playableApart(p)
		}
		a.signals.hold(cancel) // servers that start must also stop
		return p, err
	}, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Plan.Scenario.Sweep != nil {
		a.Note("note: the sweep of %s is left out, the scenario is played as written: to play its cells, quotalab sweep %s", s.Plan.Scenario.Name, name)
	}
	for _, w := range s.Plan.Estimate().Warnings(a.Memory) {
		a.Note("warning: %s", w)
	}
	if s.Wire = f.wire; f.wire && (s.Live != nil || s.Engine != nil) {
		return usagef("--wire is for embedded shards, in virtual time: other servers are always reached that way")
	}
	r := campaign.NewRun(s, o.Now)
	r.Dir, r.Manifest.Tags = f.dir, tags
	if f.noAssert {
		r.Manifest.Asserts = nil
	}
	if a.verbose {
		fmt.Fprint(a.stderr, metric.PrintableText(s.Plan.Text()))
	}
	web, err := a.watch(&r, f.web)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, web.Close()) }()
	over := func() error { return nil }
	if elsewhere {
		worlds, failed := a.playWorlds(ctx, &r, o, f.many.Options, web.worldsPlayed)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, worlds.Close()) }()
		over = worlds.Remove
	}
	endGenerators, err := a.startGenerators(name, &r, o, f)
	if err != nil {
		return err
	}
	played, err := a.play(ctx, r, f.metrics, web.ended)
	endGenerators()
	if err != nil {
		return err
	}
	if !played.Aborted {
		if err := over(); err != nil {
			return err
		}
	}
	of, err := played.Analyse()
	if err != nil {
		return err
	}
	if err := a.present([]*campaign.Analysis{of}, outs, f.summary); err != nil {
		return fmt.Errorf("%w\nThe record is complete at %s: quotalab export %s writes outputs anew", err, played.Dir, played.Dir)
	}
	a.noteGenerators(of.Reader.Manifest())
	a.Note("record: %s, hash %s", played.Dir, of.Summary.RecordHash)
	if !played.Aborted { // a run that the user ended has no report to wait for
		err := a.showReport(ctx, web.Server, f.web, func(w io.Writer) error { return htmlReport(w, []*campaign.Analysis{of}) })
		if err != nil {
			return err
		}
	}
	return played.Judge(of.Summary.Summary)
}

// otlpEvery is how often --otlp sends.
const otlpEvery = 5 * time.Second

// metricsFlags are those of the metrics of a run that goes on.
type metricsFlags struct{ listen, otlp string }

func (f *metricsFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.listen, "metrics", "", "show the run to Prometheus while it goes on, on this `address`, such as localhost:9464")
	flags.StringVar(&f.otlp, "otlp", "", "send the same metrics to the OpenTelemetry collector at this `URL`, such as http://localhost:4318")
}

// measure gives a run a meter if the user wants one, until stop is called.
func (a *app) measure(r *campaign.Run, f metricsFlags) (stop func() error, err error) {
	unserve := func() error { return nil }
	if f == (metricsFlags{}) {
		return unserve, nil
	}
	build, _ := buildVersion()
	r.Meter = meter.New(map[string]string{"scenario": r.Plan.Scenario.Name, "run": a.now().UTC().Format("20060102T150405Z") + "-" + r.Plan.Hash(), "build": build})
	if f.listen != "" {
		var url string
		if url, unserve, err = r.Meter.Serve(f.listen); err != nil {
			return nil, usagef("--metrics: %w", err)
		}
		a.Note("metrics: %s", url)
		if at := r.Meter.Exposed; at != "" {
			a.Note("warning: --metrics %s listens on %s and answers other machines too, without a password: localhost:PORT answers this one alone", f.listen, at)
		}
	}
	if f.otlp == "" {
		return unserve, nil
	}
	send, err := r.Meter.Send(f.otlp, build, otlpEvery, func(err error) { a.Note("warning: --otlp: %v", err) })
	if err != nil {
		return nil, errors.Join(usagef("--otlp: %w", err), unserve())
	}
	return func() error {
		if err := send(); err != nil { // the record has all of it
			a.Note("warning: --otlp: the collector lacks the last metrics: %v", err)
		}
		return unserve()
	}, nil
}

// play plays the run where the user can see and end it, and calls ended.
func (a *app) play(ctx context.Context, r campaign.Run, metrics metricsFlags, ended func()) (_ *campaign.Played, err error) {
	stop, err := a.measure(&r, metrics)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	ctx, done := a.signals.graceful(ctx)
	defer done()
	defer a.end()
	defer ended()
	step, end := a.Run("", r.Plan)
	defer end()
	r.Progress, r.Tell = also(r.Progress, step), func(text string) { a.Note("%s", text) }
	return r.Play(ctx)
}

// outputKind is a format that a record can be exported in, or several at once.
type outputKind struct {
	about string
	write func(w io.Writer, r *campaign.Analysis) error    // of one record
	all   func(w io.Writer, rs []*campaign.Analysis) error // instead: of one or several
	push  func(o output, rs []*campaign.Analysis) error    // instead: to a service, whose URL stands for the path
}

// outputKinds are those of -o. To add one, write an exporter and a line here.
var outputKinds = map[string]outputKind{
	"json":     {about: "the JSON summary", write: func(w io.Writer, r *campaign.Analysis) error { return r.Summary.WriteJSON(w) }},
	"csv":      {about: "one line a decision", write: func(w io.Writer, r *campaign.Analysis) error { return present.CSV(w, r.Reader) }},
	"metrics":  {about: "CSV, one line a metric", write: func(w io.Writer, r *campaign.Analysis) error { return present.MetricsCSV(w, r.Summary.Summary) }},
	"hlog":     {about: "HDR interval log", write: func(w io.Writer, r *campaign.Analysis) error { return present.HLog(w, r.Reader) }},
	"verdicts": {about: "CSV, one line a crossing of a threshold and one a notice", write: func(w io.Writer, r *campaign.Analysis) error { return present.Verdicts(w, r.Reader) }},
	"html":     {about: "one page with everything, figures included", all: htmlReport},
	"bench":    {about: "Go benchmark format, for benchstat", all: func(w io.Writer, rs []*campaign.Analysis) error { return present.Bench(w, summaries(rs)...) }},
	"markdown": {about: "a short form for a pull request or GitHub's job summary", all: markdownReport},
	"junit":    {about: "JUnit XML, one test case an assertion", all: func(w io.Writer, rs []*campaign.Analysis) error { return present.JUnit(w, measured(rs)...) }},
	"bencher":  {about: "Bencher Metric Format", all: func(w io.Writer, rs []*campaign.Analysis) error { return present.Bencher(w, summaries(rs)...) }},
	"github-benchmark": {about: "for github-action-benchmark's tool customSmallerIsBetter",
		all: func(w io.Writer, rs []*campaign.Analysis) error { return present.GitHubBenchmark(w, summaries(rs)...) }},
	"prometheus": {about: "metrics pushed to the Pushgateway at this URL", push: pushAll},
	"hgrm":       {about: "HDR percentiles as text", write: func(w io.Writer, r *campaign.Analysis) error { return present.HGRM(w, r.Summary) }},
}

func outputKindsText() string {
	var parts []string
	for _, name := range kindsOf(outputKinds) {
		parts = append(parts, name+" ("+outputKinds[name].about+")")
	}
	return strings.Join(parts, ", ")
}

func outFlag(flags *pflag.FlagSet, outs *[]string, kinds string) {
	flags.StringArrayVarP(outs, "out", "o", nil, "write `kind=path`, - for standard output; can be repeated. Kinds: "+kinds)
}

type output struct {
	kind, path string          // the path can be shown: a URL has no user in it
	gateway    present.Gateway // of a kind that is pushed
}

// parseOutputs reads and checks all -o before anything runs: a run of hours
// must not end with a path that cannot be.
func parseOutputs(specs, kinds []string) ([]output, error) {
	var outs []output
	var errs []error
	for _, spec := range specs {
		o, err := parseOutput(spec, kinds)
		if err == nil && slices.ContainsFunc(outs, func(p output) bool { return sameFile(p.path, o.path) }) {
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
	case path != campaign.Stdio:
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

// sameFile reports whether two paths of outputs are of one file, also one that
// is still to be made, however they are written.
func sameFile(a, b string) bool {
	if target(a) == target(b) {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && infoA.Mode().IsRegular() && os.SameFile(infoA, infoB)
}

// mostLinks is how many symbolic links a path is followed through, as Linux does.
const mostLinks = 40

// target returns the path of the file that writing to path would write.
func target(path string) string {
	switch filepath.Clean(path) {
	case campaign.Stdio, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		return campaign.Stdio
	}
	for range mostLinks {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return path
		}
		path = absolute
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
		next, err := os.Readlink(path)
		if err != nil { // it is no link, or there is nothing yet
			break
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return path
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

// emit prints what a verb came to, unless an output goes to standard output,
// and writes all outputs, also after one that failed.
func (a *app) emit(outs []output, print func(io.Writer) error, write func(output) error) error {
	var errs []error
	if print != nil && !slices.ContainsFunc(outs, func(o output) bool { return o.path == campaign.Stdio }) {
		errs = append(errs, print(a.stdout))
	}
	for _, o := range outs {
		if err := write(o); err != nil {
			errs = append(errs, fmt.Errorf("-o %s=%s: %w", o.kind, o.path, err))
		}
	}
	return errors.Join(errs...)
}

func (a *app) export(rs []*campaign.Analysis, o output) error {
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
	if o.path == campaign.Stdio {
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
	err = errors.Join(write(f), f.Close())
	if info, serr := os.Lstat(o.path); err != nil && how == os.O_TRUNC && serr == nil && info.Mode().IsRegular() {
		_ = os.Remove(o.path) // half an output is none
	}
	return err
}

func (k outputKind) to(w io.Writer, rs []*campaign.Analysis) error {
	if k.all != nil {
		return k.all(w, rs)
	}
	return k.write(w, rs[0])
}

func parsePairs(flag string, tags []string) (map[string]string, error) {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" {
			return nil, usagef("--%s: expected name=value, found %q", flag, t)
		}
		if _, twice := out[k]; twice {
			return nil, usagef("--%s: %q is given twice", flag, k)
		}
		out[k] = v
	}
	return out, nil
}
