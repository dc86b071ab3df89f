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
}

// outputKinds are those of -o. To add one, write an exporter and a line here.
var outputKinds = map[string]outputKind{
	"json":     {about: "the JSON summary", write: func(w io.Writer, r *analysis) error { return r.summary.WriteJSON(w) }},
	"csv":      {about: "one line a decision", write: func(w io.Writer, r *analysis) error { return export.CSV(w, r.reader) }},
	"hlog":     {about: "HDR interval log", write: func(w io.Writer, r *analysis) error { return export.HLog(w, r.reader) }},
	"verdicts": {about: "CSV, one line a crossing of a threshold and one a notice", write: func(w io.Writer, r *analysis) error { return export.Verdicts(w, r.reader) }},
	"html":     {about: "one page with everything, figures included", all: htmlReport},
	"bench":    {about: "Go benchmark format, for benchstat", all: func(w io.Writer, rs []*analysis) error { return export.Bench(w, summaries(rs)...) }},
	"markdown": {about: "a short form for a pull request", all: markdownReport},
	"hgrm":     {about: "HDR percentiles as text", write: func(w io.Writer, r *analysis) error { return export.HGRM(w, r.reader) }},
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
type output struct{ kind, path string }

// parseOutputs reads and checks all -o before anything runs: a run of hours
// must not end with a path that cannot be.
func parseOutputs(specs []string) ([]output, error) {
	var outs []output
	var errs []error
	for _, spec := range specs {
		o, err := parseOutput(spec)
		if err == nil && slices.ContainsFunc(outs, func(p output) bool { return p.path == o.path }) {
			err = fmt.Errorf("-o %s: two outputs go to %s", spec, o.path)
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

func parseOutput(spec string) (output, error) {
	kind, path, ok := strings.Cut(spec, "=")
	if !ok || path == "" {
		return output{}, fmt.Errorf("-o %s: expected kind=path, such as json=out.json", spec)
	}
	if _, known := outputKinds[kind]; !known {
		return output{}, fmt.Errorf("-o %s: no kind %q%s; kinds are %s", spec, kind,
			metric.DidYouMean(kind, outputNames()), strings.Join(outputNames(), ", "))
	}
	if path == stdio {
		return output{kind, path}, nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return output{}, fmt.Errorf("-o %s: %s is a directory, expected a file", spec, path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return output{}, fmt.Errorf("-o %s: %w", spec, err)
	} else if !info.IsDir() {
		return output{}, fmt.Errorf("-o %s: %s is not a directory", spec, filepath.Dir(path))
	}
	return output{kind, path}, nil
}

// oneRecord refuses outputs of several records that are of one.
func oneRecord(outs []output) error {
	for _, o := range outs {
		if outputKinds[o.kind].all == nil {
			return usagef("-o %s=%s is of one record, found several", o.kind, o.path)
		}
	}
	return nil
}

// export writes all outputs, also after one that failed.
func (a *app) export(rs []*analysis, outs []output) error {
	var errs []error
	for _, o := range outs {
		if err := a.exportTo(rs, o); err != nil {
			errs = append(errs, fmt.Errorf("-o %s=%s: %w", o.kind, o.path, err))
		}
	}
	return errors.Join(errs...)
}

func (a *app) exportTo(rs []*analysis, o output) (err error) {
	if o.path == stdio {
		return outputKinds[o.kind].to(a.stdout, rs)
	}
	f, err := os.Create(o.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return outputKinds[o.kind].to(f, rs)
}

func (k outputKind) to(w io.Writer, rs []*analysis) error {
	if k.all != nil {
		return k.all(w, rs)
	}
	return k.write(w, rs[0])
}
