package cmd

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/sim/foreign"
)

// templates are what new writes.
//
//go:embed templates
var templates embed.FS

type newFlags struct {
	limiter        string
	accounts, live bool
}

func (a *app) newCommand() *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Write a scenario to start from",
		Long: `Writes NAME.yaml, a scenario with comments that plays as it is: a limiter under traffic, or with --accounts customers with quotas and
the engines that warn them. "new limiter" and "new engine" write a project with one of one's own. No file is overwritten.` + exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal),
		Example: `  quotalab new my-scenario --limiter redis_rate
  quotalab new my-quotas --accounts`,
		Args: args("NAME"),
		RunE: func(cmd *cobra.Command, given []string) error {
			if f.accounts && (f.live || cmd.Flags().Changed("limiter")) {
				return usagef("--accounts: expected neither --live nor --limiter beside it: quotas have engines, in virtual time")
			}
			return a.newScenario(given[0], f)
		},
	}
	cmd.Flags().StringVar(&f.limiter, "limiter", "tat", "kind of limiter, see quotalab list limiters")
	cmd.Flags().BoolVar(&f.accounts, "accounts", false, "accounts with quotas instead of a limiter")
	cmd.Flags().BoolVar(&f.live, "live", false, "in real time, on live Redis")
	cmd.AddCommand(a.newLimiterCommand(), a.newEngineCommand())
	return cmd
}

// templateKinds are the kinds of limiter that need nothing but a limit.
func (a *app) templateKinds() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(a.Kinds)) {
		if !a.Kinds[name].Outside {
			names = append(names, name)
		}
	}
	return names
}

// scenarioName is what a scenario may be called.
var scenarioName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (a *app) newScenario(name string, f newFlags) error {
	name = strings.TrimSuffix(name, ".yaml")
	if !scenarioName.MatchString(name) {
		return usagef("expected a NAME of lower case letters, digits and dashes, found %q", name)
	}
	if err := oneOf("--limiter", f.limiter, a.templateKinds()); err != nil {
		return err
	}
	schema, err := a.editorSchema()
	if err != nil { // such as a home that cannot be written to
		schema = "scenario.schema.json"
	}
	t, err := template.ParseFS(templates, "templates/scenario.yaml")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]any{"Name": name, "Schema": schema, "Limiter": f.limiter, "Options": a.Kinds[f.limiter].Options, "Accounts": f.accounts, "Live": f.live})
	if err != nil {
		return err
	}
	path := name + ".yaml"
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return campaign.With(campaign.Invalid, err)
	}
	_, err = file.Write(text.Bytes())
	return a.written([]string{path}, errors.Join(err, file.Close()))
}

func (a *app) newLimiterCommand() *cobra.Command {
	return a.newProjectCommand("limiter", languages(), &cobra.Command{
		Short: "Write a project with a limiter of one's own",
		Long: `Writes a small project into a folder: in Go a module whose program is quotalab with a limiter of its own, with a scenario, a test and
a gate; in another language what "adapter" writes. No file is overwritten.`,
		Example: `  quotalab new limiter my-limiter
  quotalab new limiter my-limiter --lang node`,
	})
}

func (a *app) newEngineCommand() *cobra.Command {
	return a.newProjectCommand("engine", engineLanguages, &cobra.Command{
		Short: "Write a project with an engine of one's own",
		Long: `Writes a small project into a folder: in Go a module whose program announces usage thresholds, with a scenario, a test and a gate; in
Python what "adapter" writes, whose job.py does. No file is overwritten.`,
		Example: `  quotalab new engine my-engine
  quotalab new engine my-engine --lang python`,
	})
}

// newProjectCommand completes a command that writes a project: in Go from the template of what
// it is of, in another language the adapter.
func (a *app) newProjectCommand(of string, languages []string, cmd *cobra.Command) *cobra.Command {
	var language string
	cmd.Use, cmd.Args = of+" DIR", args("DIR")
	cmd.Long += exitHelp(campaign.Passed, campaign.Invalid, campaign.Internal)
	cmd.RunE = func(_ *cobra.Command, given []string) error {
		if err := oneOf("--lang", language, languages); err != nil {
			return err
		}
		if language != "go" {
			return a.written(foreign.WriteAdapter(language, given[0]))
		}
		return a.newModule(of+"-go", given[0])
	}
	cmd.Flags().StringVar(&language, "lang", "go", "language: "+strings.Join(languages, ", "))
	return cmd
}

// engineLanguages are those of new engine.
var engineLanguages = []string{"go", "python"}

// newModule writes a template's files into a folder.
func (a *app) newModule(template, dir string) error {
	files, err := fs.Sub(templates, "templates/"+template)
	if err != nil {
		return err
	}
	return a.written(foreign.WriteFiles(files, dir, stampVersion))
}

// languages are those of new limiter: Go, which needs no process of its own, first.
func languages() []string {
	return append([]string{"go"}, slices.DeleteFunc(foreign.Adapters(), func(l string) bool { return l == "go" })...)
}

// stampVersion names this build's version in a go.mod; that of a build which is no release
// has to be replaced.
func stampVersion(text []byte) []byte {
	v, _ := buildVersion()
	if !strings.HasPrefix(v, "v") {
		v = "v0.0.0"
	}
	return bytes.ReplaceAll(text, []byte("quotalab VERSION"), []byte("quotalab "+v))
}

// written prints the files that were written.
func (a *app) written(paths []string, err error) error {
	if err != nil {
		return campaign.With(campaign.Invalid, err)
	}
	for _, path := range paths {
		a.print("%s\n", path)
	}
	return nil
}
