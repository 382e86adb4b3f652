package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

func newPlan(a *app) *cobra.Command {
	var format, region string
	var commands bool
	cmd := &cobra.Command{
		Use:   "plan [TOPOLOGY | FOLDER]...",
		Short: "Show the stages until every region serves",
		Long: `plan lists the stages in order: which region moves to which phase, what that
changes in the rendered files, which releases are to be applied, and the gate
that must open before. One stage is one Git revision.`,
		Example: "  ringplan plan\n  ringplan plan --commands --region us-west1\n  ringplan plan -o json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(planFormats, format) {
				return usage("--output: %q is none of text, markdown and json", format)
			}
			plans, err := a.plans(cmd.Context(), args, region)
			if err != nil {
				return err
			}
			return a.printPlans(plans, format, commands)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text, markdown or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(planFormats, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().BoolVar(&commands, "commands", false, "add the exact helm and kubectl commands")
	cmd.Flags().StringVar(&region, "region", "", "show the stages of one region only")
	_ = cmd.RegisterFlagCompletionFunc("region", completeRegion(a))
	addPhaseFlag(a, cmd)
	return cmd
}

var planFormats = []string{"text", "markdown", "json"}

func (a *app) plans(ctx context.Context, args []string, region string) ([]report.Plan, error) {
	rings, err := a.usable(ctx, args)
	if err != nil {
		return nil, err
	}
	var plans []report.Plan
	known := false
	for _, r := range rings {
		steps, err := system.Plan(r.compiled, a.startOf(r), filepath.ToSlash(r.out("", false)))
		if err != nil {
			return nil, err
		}
		known = known || r.Region(region) != nil
		if region != "" {
			steps = slices.DeleteFunc(steps, func(s system.Step) bool { return s.Region != region })
		}
		plans = append(plans, report.Plan{
			Topology: r.Metadata.Name, System: r.Spec.System, Version: r.Spec.Version, File: filepath.ToSlash(r.file), Steps: steps,
		})
	}
	if region != "" && !known {
		return nil, usage("--region: no topology here has a region %s", region)
	}
	return plans, nil
}

// startOf returns the phases that a plan starts from: those of --phase, and
// without it the very beginning.
func (a *app) startOf(r *ring) stage.Phases {
	if len(a.phases) > 0 {
		return r.phases
	}
	start := stage.Phases{}
	for region := range r.phases {
		start[region] = stage.Planned
	}
	return start
}

func (a *app) printPlans(plans []report.Plan, format string, commands bool) error {
	if format == "json" {
		text, err := report.PlansJSON(plans)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(a.stdout, text)
		return err
	}
	for i, p := range plans {
		p.Commands = commands
		text := report.PlanMarkdown(p)
		if format == "text" {
			text = report.PlanText(p, a.style(a.stdout))
		}
		if i > 0 {
			text = "\n" + text
		}
		if _, err := fmt.Fprint(a.stdout, text); err != nil {
			return err
		}
	}
	return nil
}
