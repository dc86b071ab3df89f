package cmd

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/certify"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
)

// shells that completion knows.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	"zsh":        (*cobra.Command).GenZshCompletion,
}

func (a *app) completionCommand() *cobra.Command {
	names := kindsOf(shells)
	return &cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "Print a script that completes quotalab's commands in a shell",
		Long:  `Prints a script by which a shell completes verbs, flags, their values and the names of shipped scenarios.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  source <(quotalab completion bash)
  quotalab completion fish > ~/.config/fish/completions/quotalab.fish`,
		Args:      args("SHELL"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := oneOf("SHELL", given[0], names); err != nil {
				return err
			}
			return shells[given[0]](cmd.Root(), cmd.OutOrStdout())
		},
	}
}

// flagValues returns what flags take that take one of a set, by the flag's name, or by
// the verb's and the flag's where verbs differ.
func (a *app) flagValues() map[string][]string {
	var properties []string
	for _, p := range certify.Properties() {
		properties = append(properties, p.Name)
	}
	return map[string][]string{
		"clock":             runClocks,
		"check-child clock": childClocks,
		"mode":              childModes,
		"engine":            append(engines, "redis="),
		"summary-mode":      summaryModes,
		"summary-time-unit": timeUnits,
		"theme":             themes,
		"format":            draw.Formats,
		"plot only":         plots.Kinds(),
		"certify only":      properties,
		"certify require":   properties,
		"new limiter":       a.templateKinds(),
		"limiter lang":      languages(),
		"engine lang":       engineLanguages,
		"out":               outputsOf(kindsOf(outputKinds)),
		"certify out":       outputsOf(kindsOf(certifyOutputs)),
		"compare out":       outputsOf(kindsOf(compareKinds(false))),
		"gate out":          outputsOf(gateKinds()),
		"sweep out":         outputsOf(kindsOf(sweepOutputs)),
	}
}

// outputsOf returns kinds as -o begins with them.
func outputsOf(kinds []string) (values []string) {
	for _, kind := range kinds {
		values = append(values, kind+"=")
	}
	return values
}

// completeFlags has the shell complete the values of the flags of a verb and of those
// below it. A value that goes on after = is not followed by a space.
func completeFlags(verb *cobra.Command, values map[string][]string) {
	verb.LocalFlags().VisitAll(func(f *pflag.Flag) {
		set := values[verb.Name()+" "+f.Name]
		if set == nil {
			set = values[f.Name]
		}
		if set == nil || f.Value.Type() == "bool" {
			return
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if strings.HasSuffix(set[len(set)-1], "=") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		_ = verb.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(set, directive)) // fails for no flag
	})
	for _, below := range verb.Commands() {
		completeFlags(below, values)
	}
}

// pagesCommand is for who makes a package of quotalab.
func (a *app) pagesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "pages DIR",
		Short:   "Write man pages and the shells' completions into a folder",
		Long:    `Writes what a package of quotalab has beside the program: DIR/man1/*.1.gz, and DIR/completions/quotalab.SHELL. SOURCE_DATE_EPOCH is the date of the pages.` + exitHelp(campaign.Passed, campaign.Invalid),
		Example: `  quotalab pages build/pages`,
		Hidden:  true,
		Args:    args("DIR"),
		RunE: func(cmd *cobra.Command, given []string) error {
			files := map[string][]byte{}
			if err := manPages(cmd.Root(), files); err != nil {
				return err
			}
			for name, script := range shells {
				var text bytes.Buffer
				if err := script(cmd.Root(), &text); err != nil {
					return err
				}
				files[filepath.Join("completions", "quotalab."+name)] = text.Bytes()
			}
			var paths []string
			for _, name := range kindsOf(files) {
				path := filepath.Join(given[0], name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return campaign.With(campaign.Invalid, err)
				}
				if err := os.WriteFile(path, files[name], 0o644); err != nil {
					return campaign.With(campaign.Invalid, err)
				}
				paths = append(paths, path)
			}
			return a.written(paths, nil)
		},
	}
}

// manPages adds the compressed man page of a verb, and of those below it, to files.
func manPages(verb *cobra.Command, files map[string][]byte) error {
	if verb.Hidden || verb.Name() == "help" {
		return nil
	}
	verb.DisableAutoGenTag = true
	v, _ := buildVersion()
	var page bytes.Buffer
	z := gzip.NewWriter(&page)
	if err := doc.GenMan(verb, &doc.GenManHeader{Section: "1", Source: "quotalab " + v, Manual: "quotalab"}, z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	files[filepath.Join("man1", strings.ReplaceAll(verb.CommandPath(), " ", "-")+".1.gz")] = page.Bytes()
	for _, below := range verb.Commands() {
		if err := manPages(below, files); err != nil {
			return err
		}
	}
	return nil
}
