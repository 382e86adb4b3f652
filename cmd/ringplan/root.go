package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `ringplan plans data layers that span datacenters.

A topology file names the regions of one Cassandra ring. ringplan checks it,
renders the Helm overrides, release plan and manifests of every region, and
tells in which order they change, so that no change comes before the ring is
ready for it. What it renders is for Git; an engine or a person applies it.

Exit codes: 0 fine, 1 could not run, 2 differences, 3 findings, 64 usage.
Every flag can also be set as RINGPLAN_FLAG in the environment.`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:               "ringplan",
		Short:             "Plan data layers that span datacenters",
		Long:              rootLong,
		Args:              cobra.NoArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flagsFromEnvironment(cmd) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.file, "file", "f", "", "topology file, or a folder of them (default: the nearest one upwards)")
	flags.BoolVar(&a.strict, "strict", false, "make warnings count as errors")
	flags.BoolVar(&a.noColor, "no-color", false, "no colour, as with NO_COLOR set")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%v", err) })
	root.AddCommand(newInit(a), newLint(a), newRender(a), newPlan(a), newExplain(a), newSchema(a), newVersion(a))
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
	}
	root.Args = usageArgs(root.Args)
	return root
}

// usageArgs makes wrong arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usage("%v; see `%s --help`", err, cmd.CommandPath())
		}
		return nil
	}
}

// flagsFromEnvironment sets each flag that is not on the command line from its
// variable: --no-color from RINGPLAN_NO_COLOR.
func flagsFromEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "RINGPLAN_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || failed != nil {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = usage("%s: %v", name, err)
		}
	})
	return failed
}

// addPhaseFlag adds --phase to a verb.
func addPhaseFlag(a *app, cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&a.phases, "phase", nil, "show a region at a phase, as REGION=PHASE (repeatable)")
	_ = cmd.RegisterFlagCompletionFunc("phase", completePhase(a))
}
