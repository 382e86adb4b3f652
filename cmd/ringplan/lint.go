package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/report"
)

func newLint(a *app) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "lint [TOPOLOGY | FOLDER]...",
		Short: "Check topologies",
		Long: `lint checks topologies against their schema and against the rules of their
system, and lists everything that is wrong at once. It reads no cluster.

Exit code 3 means that there are errors, or warnings with --strict.`,
		Example: "  ringplan lint\n  ringplan lint fleet/ --strict\n  ringplan lint -o json topology.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, findings, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			if err := a.printFindings(findings, out); err != nil {
				return err
			}
			return a.verdict(findings)
		},
	}
	out.add(cmd, findingFormats...)
	addPhaseFlag(a, cmd)
	return cmd
}

// findingFormats are the formats of findings.
var findingFormats = []string{"text", "json"}

// printFindings writes findings, and their count to the error stream where no
// program reads them.
func (a *app) printFindings(findings diag.List, o outputs) error {
	err := a.emit(o, func(format string, style report.Style) (string, error) {
		if format == "json" {
			return report.FindingsJSON(findings)
		}
		return report.FindingsText(findings, style), nil
	})
	if err == nil && o.toStdout() == "text" {
		fmt.Fprintln(a.stderr, report.Summary(findings))
	}
	return err
}
