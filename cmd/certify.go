package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/certify"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/results/present"
)

const certifyLong = `Plays a fixed battery of small scenarios against limiters, in virtual time, and says of each property whether it holds, with a
number, the case that shows it and the command that plays that case alone. Each limiter is judged by the promise of the algorithm
that it declares. LIMITER is a kind ("quotalab list limiters"), with options by --option, or a file with limiters, such as "quotalab
adapter" writes: their kinds, options and processes are the file's, their limits the battery's.

`

type certifyFlags struct {
	options, only, require, outs []string
	limiter, one, mode           string
	all                          bool
	spawn                        int
}

var certifyOutputs = map[string]func(io.Writer, *certify.Result) error{
	"json":     func(w io.Writer, r *certify.Result) error { return r.WriteJSON(w) },
	"markdown": func(w io.Writer, r *certify.Result) error { return r.Markdown(w) },
	"html":     certificatePage,
}

func (a *app) certifyCommand() *cobra.Command {
	var f certifyFlags
	var about strings.Builder
	for _, p := range certify.Properties() {
		fmt.Fprintf(&about, "  %-10s %s\n", p.Name, p.Asserts)
	}
	cmd := &cobra.Command{
		Use:   "certify LIMITER…",
		Short: "Say what a limiter really guarantees, property by property",
		Long: certifyLong + about.String() + `
--require fails with 99 unless these properties, or cases, hold: what could not be examined does not.` +
			exitHelp(campaign.Passed, campaign.AssertionFailed, campaign.Invalid, campaign.Aborted, campaign.LimiterFailed, campaign.Internal),
		Example: `  quotalab certify redis_rate
  quotalab certify tat --option write=set -o markdown=badges.md
  quotalab certify my-limiter/foreign-node.yaml --require race,exactness
  quotalab certify tat --option write=set --case race/fresh-100 | quotalab run -
  quotalab certify redis_rate --spawn=1
  quotalab certify --all -o html=league.html`,
		Args: func(cmd *cobra.Command, given []string) error {
			if f.all {
				return nil
			}
			return args("LIMITER…")(cmd, given)
		},
		RunE: func(cmd *cobra.Command, given []string) error { return a.certify(cmd.Context(), given, &f) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "the league: all kinds that decide in this process, and what is named beside")
	flags.StringArrayVar(&f.options, "option", nil, "an option of the kind, `k=v`; can be repeated")
	flags.StringVar(&f.limiter, "limiter", "", "of the limiters of a file the one of this `name` alone")
	flags.StringVar(&f.one, "case", "", "print the scenario of this `case` alone, and play nothing")
	flags.IntVar(&f.spawn, "spawn", 0, "play the cases of race and exactness that make sense so in real time, on `N` redis-server processes of its own")
	flags.StringArrayVar(&f.only, "only", nil, "examine this `property` alone; several with commas; can be repeated")
	flags.StringArrayVar(&f.require, "require", nil, "`property`, or case, that has to hold; several with commas; can be repeated")
	flags.StringVar(&f.mode, "summary-mode", present.Compact, "compact: a line for each property; full: every case; disabled")
	outFlag(flags, &f.outs, strings.Join(kindsOf(certifyOutputs), ", "))
	return cmd
}

func (a *app) certify(ctx context.Context, given []string, f *certifyFlags) error {
	outs, err := parseOutputs(f.outs, kindsOf(certifyOutputs))
	if err != nil {
		return err
	}
	if err := oneOf("--summary-mode", f.mode, []string{present.Compact, present.Full, "disabled"}); err != nil {
		return err
	}
	subjects, err := a.subjects(given, f)
	if err != nil {
		return err
	}
	if f.spawn < 0 || f.spawn > mostSpawned {
		return usagef("--spawn: expected 1 to %d servers", mostSpawned)
	}
	if f.one != "" {
		return a.printCase(subjects, f.one)
	}
	only := listed(f.only)
	if err := known("--only", only, certify.PropertyNames()); err != nil {
		return err
	}
	required := listed(f.require)
	if err := known("--require", required, requirable(subjects, only)); err != nil {
		return err
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	b := &certify.Battery{Loader: a.Loader, Monitor: a.monitor, Only: only}
	if f.spawn != 0 {
		b.Servers = campaign.Servers{How: "spawn", Shards: numbered(f.spawn)}
	}
	r, err := b.Run(ctx, subjects)
	a.end()
	if err != nil {
		return err
	}
	print := func(w io.Writer) error {
		return r.Text(w, present.Look{Colour: a.colour(), Width: lineWidth}, f.mode == present.Full)
	}
	if f.mode == "disabled" {
		print = nil
	}
	err = a.emit(outs, print, func(o output) error {
		return a.writeTo(o, func(w io.Writer) error { return certifyOutputs[o.kind](w, r) })
	})
	if err != nil {
		return err
	}
	return r.Judge(required)
}

func (a *app) subjects(given []string, f *certifyFlags) (all []*certify.Subject, err error) {
	options, err := parsePairs("option", f.options)
	if err != nil {
		return nil, err
	}
	if f.all {
		if all, err = certify.League(a.Kinds); err != nil {
			return nil, err
		}
	}
	for _, name := range given {
		more, err := certify.Subjects(a.Kinds, certify.Given{Name: name, Options: options, Only: f.limiter})
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// printCase prints the scenario of a case of the only subject.
func (a *app) printCase(subjects []*certify.Subject, name string) error {
	if len(subjects) != 1 {
		return usagef("--case: expected one limiter, found %d: --limiter names one of a file", len(subjects))
	}
	c, err := subjects[0].Find(name)
	if err != nil {
		return err
	}
	if c.Omitted != "" {
		return campaign.Invalidf("case %s of %s is not examined: %s", name, subjects[0].Name, c.Omitted)
	}
	text, err := c.File()
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

// listed are the words of a flag that can be repeated, each with several words between commas.
func listed(given []string) (all []string) {
	for _, list := range given {
		all = append(all, strings.Split(list, ",")...)
	}
	return all
}

// requirable are the properties and cases that are examined.
func requirable(subjects []*certify.Subject, only []string) (names []string) {
	for _, s := range subjects {
		for i, cases := range s.Cases() {
			property := certify.PropertyNames()[i]
			if only != nil && !slices.Contains(only, property) {
				continue
			}
			names = append(names, property)
			for j := range cases {
				names = append(names, cases[j].Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func certificatePage(w io.Writer, r *certify.Result) error {
	p := report.Tables{Title: "certify", Heading: fmt.Sprintf("What %s guarantees", r.Limiters[0].Limiter)}
	if len(r.Limiters) > 1 {
		p.Heading = r.League().Title
		p.Sections = append(p.Sections, report.Section{Title: "League", Tables: []*present.Table{r.League()}})
	}
	for i := range r.Limiters {
		p.Sections = append(p.Sections, report.Section{Title: r.Limiters[i].Limiter, Tables: r.Limiters[i].Tables()})
	}
	p.Title = p.Heading
	return p.HTML(w)
}
