package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/report"
)

func newLint(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "lint [TOPOLOGY | FOLDER]...",
		Short: "Check topologies",
		Long: `lint checks topologies against their schema and against the rules of their
system, and lists everything that is wrong at once. It reads no cluster.

Exit code 3 means that there are errors, or warnings with --strict.`,
		Example: "  ringplan lint\n  ringplan lint fleet/ --strict\n  ringplan lint -o json topology.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usage("--output: %q is neither text nor json", format)
			}
			_, findings, err := a.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			if err := a.printFindings(findings, format); err != nil {
				return err
			}
			return a.verdict(findings)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	addPhaseFlag(a, cmd)
	return cmd
}

func (a *app) printFindings(findings diag.List, format string) error {
	if format == "json" {
		text, err := report.FindingsJSON(findings)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(a.stdout, text)
		return err
	}
	if _, err := fmt.Fprint(a.stdout, report.FindingsText(findings, a.style(a.stdout))); err != nil {
		return err
	}
	fmt.Fprintln(a.stderr, report.Summary(findings))
	return nil
}
