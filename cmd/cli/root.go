package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `ringplan plans data layers that span datacenters.

A topology file names the regions of one Cassandra ring. ringplan checks it,
renders the Helm overrides, release plan and manifests of every region, and
tells in which order they change, so that no change comes before the ring is
ready for it. What it renders is for Git; an engine or a person applies it.

Exit codes: 0 fine, 1 could not run, 2 differences, 3 findings, 4 gate not open, 64 usage.
Every flag can also be set as RINGPLAN_FLAG in the environment.`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:               "ringplan",
		Short:             "Plan data layers that span datacenters",
		Long:              rootLong,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: calledAs(os.Args[0])},
		PersistentPreRunE: flagsFromEnvironment,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.file, "file", "f", "", "topology file, or a folder of them (default: the nearest one upwards)")
	flags.BoolVar(&a.strict, "strict", false, "make warnings count as errors")
	flags.BoolVar(&a.noColor, "no-color", false, "no colour, as with NO_COLOR set")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		text, _, _ := strings.Cut(err.Error(), ": strconv.")
		return usage("%s; see `%s --help`", text, cmd.CommandPath())
	})
	root.AddCommand(newInit(a), newLint(a), newRender(a), newPlan(a), newDiff(a), newReport(a), newStatus(a), newGraph(a), newGate(a), newAdvance(a), newAdopt(a), newAbort(a), newVerify(a), newAccess(a), newCharts(a), newOverlay(a), newExplain(a), newSchema(a), newVersion(a))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	checkArguments(root)
	completeValues(root)
	renameExamples(root, root.DisplayName())
	return root
}

// calledAs is how users call the program, by the file that was started: a plugin
// of kubectl is kubectl-NAME.
func calledAs(file string) string {
	if strings.TrimSuffix(filepath.Base(file), ".exe") == "kubectl-ringplan" {
		return "kubectl ringplan"
	}
	return "ringplan"
}

// renameExamples makes the examples call the program as users do.
func renameExamples(cmd *cobra.Command, name string) {
	cmd.Example = strings.ReplaceAll(cmd.Example, "ringplan ", name+" ")
	for _, sub := range cmd.Commands() {
		renameExamples(sub, name)
	}
}

// checkArguments makes wrong arguments a usage error, for every verb.
func checkArguments(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	check := cmd.Args
	switch {
	case cmd.HasSubCommands():
		check = unknownVerb
	case cmd.HasParent() && cmd.Parent().Name() == "completion":
		check = noArguments
	case cmd.Name() == "help":
		check = func(cmd *cobra.Command, args []string) error {
			if found, rest, err := cmd.Root().Find(args); err == nil && len(rest) > 0 {
				return unknownVerb(found, rest)
			}
			return nil
		}
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage("%v; see `%s --help`", err, cmd.CommandPath())
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		checkArguments(sub)
	}
}

func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s has no verb %q", cmd.CommandPath(), args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w (did you mean %s?)", err, strings.Join(near, " or "))
	}
	return err
}

// noArguments is for verbs that take none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, and %q is one", cmd.Name(), args[0])
	}
	return nil
}

// oneArgument is for verbs that take one at most.
func oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%s takes one argument, and %q is a second", cmd.Name(), args[1])
	}
	return nil
}

// flagsFromEnvironment sets each flag that is not on the command line from its
// variable: --no-color from RINGPLAN_NO_COLOR. An empty variable says nothing,
// and neither does RINGPLAN_FILE where the arguments name the topology, or
// --file names observations.
func flagsFromEnvironment(cmd *cobra.Command, args []string) error {
	if strings.HasPrefix(cmd.Name(), cobra.ShellCompRequestCmd) {
		return nil // the verb that is completed has its own flags
	}
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "RINGPLAN_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := os.Getenv(name)
		if value == "" || f.Changed || failed != nil || f.Name == "file" && (len(args) > 0 || f.Value.Type() != "string") {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = usage("%s: %q is no %s", name, value, valueWords(f.Value.Type()))
		}
	})
	if base := cmd.Flags().Lookup("base"); failed == nil && base != nil && base.Changed && base.Value.String() == "" {
		failed = usage("--base is empty: name a Git revision, or leave the flag out")
	}
	return failed
}

// valueWords says what a type of flag takes.
func valueWords(flagType string) string {
	switch flagType {
	case "bool":
		return "true or false"
	case "int":
		return "whole number"
	}
	return flagType
}

// addPhaseFlag adds --phase to a verb.
func addPhaseFlag(a *app, cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&a.phases, "phase", nil, "show a region at a phase, as REGION=PHASE (repeatable)")
	_ = cmd.RegisterFlagCompletionFunc("phase", completePhase(a))
}
