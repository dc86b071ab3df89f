package cmd

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/export"
)

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
	"csv":      {about: "one line a decision", write: func(w io.Writer, r *analysis) error { return export.CSV(w, r.reader) }},
	"metrics":  {about: "CSV, one line a metric", write: func(w io.Writer, r *analysis) error { return export.MetricsCSV(w, r.summary) }},
	"hlog":     {about: "HDR interval log", write: func(w io.Writer, r *analysis) error { return export.HLog(w, r.reader) }},
	"verdicts": {about: "CSV, one line a crossing of a threshold and one a notice", write: func(w io.Writer, r *analysis) error { return export.Verdicts(w, r.reader) }},
	"html":     {about: "one page with everything, figures included", all: htmlReport},
	"bench":    {about: "Go benchmark format, for benchstat", all: func(w io.Writer, rs []*analysis) error { return export.Bench(w, summaries(rs)...) }},
	"markdown": {about: "a short form for a pull request or GitHub's job summary", all: markdownReport},
	"junit":    {about: "JUnit XML, one test case an assertion", all: func(w io.Writer, rs []*analysis) error { return export.JUnit(w, summaries(rs)...) }},
	"bencher":  {about: "Bencher Metric Format", all: func(w io.Writer, rs []*analysis) error { return export.Bencher(w, summaries(rs)...) }},
	"github-benchmark": {about: "for github-action-benchmark's tool customSmallerIsBetter",
		all: func(w io.Writer, rs []*analysis) error { return export.GitHubBenchmark(w, summaries(rs)...) }},
	"prometheus": {about: "metrics pushed to the Pushgateway at this URL", push: pushAll},
	"hgrm":       {about: "HDR percentiles as text", write: func(w io.Writer, r *analysis) error { return export.HGRM(w, r.reader) }},
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
	kind, path string         // the path can be shown: a URL has no user in it
	gateway    export.Gateway // of a kind that is pushed
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
