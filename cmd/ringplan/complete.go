package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/stage"
)

// loadedRings reads the topologies of a half-typed command line; none, if they
// cannot be read.
func loadedRings(a *app, cmd *cobra.Command, args []string) []*ring {
	a.phases = nil
	if flag := cmd.Flags().Lookup("topology"); flag != nil {
		a.file, args = flag.Value.String(), nil // the argument is a region
	}
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
				for _, phase := range m.Phases(r.system.Procedures) {
					pairs = append(pairs, m.Region+"="+phase)
				}
			}
		}
		return pairs, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeOneRegion completes the region that a step is about.
func completeOneRegion(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeRegion(a)(cmd, nil, typed)
	}
}

func completeProcedure() cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		eachProcedure(func(p *stage.Procedure) {
			if p.Startable() {
				names = append(names, p.Name+"\t"+p.Summary)
			}
		})
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
