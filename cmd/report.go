package cmd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
)

func (a *app) reportCommand() *cobra.Command {
	var f summaryFlags
	var outs []string
	cmd := &cobra.Command{
		Use:   "report RECORD…",
		Short: "Print the summary of records, or make one page of them",
		Long: `Prints the summary of a record again, from the record alone: also of a run that was aborted. Of several records,
one summary after the other; -o html and -o markdown compare them. What the assertions came to does not change the
exit code.

` + exitHelp(exitPassed, exitInvalid, exitInternal),
		Example: `  quotalab report my-record -o html=report.html
  quotalab report quotalab-out/access-log/* --summary-mode compact`,
		Args: args("RECORD…"),
		RunE: func(_ *cobra.Command, given []string) error {
			if err := f.check(); err != nil {
				return err
			}
			targets, err := parseOutputs(outs)
			if err != nil {
				return err
			}
			if len(given) > 1 {
				if err := oneRecord(targets); err != nil {
					return err
				}
			}
			rs, err := analyseAll(given)
			if err != nil {
				return err
			}
			return a.present(rs, targets, f)
		},
	}
	f.add(cmd.Flags())
	outFlag(cmd.Flags(), &outs)
	return cmd
}

func htmlReport(w io.Writer, rs []*analysis) error { return writeReport(w, rs, report.HTML) }

func markdownReport(w io.Writer, rs []*analysis) error { return writeReport(w, rs, report.Markdown) }

func writeReport(w io.Writer, rs []*analysis, write func(io.Writer, []report.Input) error) error {
	in := make([]report.Input, len(rs))
	for i, r := range rs {
		set, err := r.set()
		if err != nil {
			return err
		}
		plan, err := os.ReadFile(filepath.Join(r.reader.Dir(), record.PlanFile))
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("reading the plan: %w", err)
		}
		in[i] = report.Input{Set: set, Dir: r.reader.Dir(), Plan: string(plan), Command: commandOf(r.reader.Manifest())}
	}
	return write(w, in)
}

// commandOf makes a record again, but for a scenario file's place and the
// servers of a run in real time, which the record does not know.
func commandOf(m record.Manifest) string {
	name := m.Scenario
	if !slices.Contains(scenarios.Shipped(), name) {
		name += ".yaml"
	}
	return fmt.Sprintf("quotalab run %s --seed %d --clock %s", name, m.Seed, m.Clock)
}
