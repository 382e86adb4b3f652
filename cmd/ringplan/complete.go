package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// loadedRings reads the topologies of a half-typed command line; none, if they
// cannot be read.
func loadedRings(a *app, cmd *cobra.Command, args []string) []*ring {
	a.phases = nil
	rings, _, err := a.load(cmd.Context(), args)
	if err != nil {
		return nil
	}
	return rings
}

func completeRegion(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, r := range loadedRings(a, cmd, args) {
			for i := range r.Spec.Regions {
				names = append(names, r.Spec.Regions[i].Name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}

func completePhase(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var pairs []string
		for _, r := range loadedRings(a, cmd, args) {
			for _, m := range r.compiled.Members() {
				for _, phase := range m.Procedure.PhaseNames() {
					pairs = append(pairs, m.Region+"="+phase)
				}
			}
		}
		return pairs, cobra.ShellCompDirectiveNoFileComp
	}
}
