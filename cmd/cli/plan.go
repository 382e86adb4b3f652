package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

func newPlan(a *app) *cobra.Command {
	var region, save string
	var commands bool
	var out outputs
	cmd := &cobra.Command{
		Use:   "plan [TOPOLOGY | FOLDER]...",
		Short: "Show the stages until every region serves",
		Long: `plan starts from the rollout: it lists the steps that were taken, then the stages
to come in order: which region moves to which phase, what that changes in the
rendered files, which releases are to be applied, and the gate that must open
before. One stage is one Git revision.

--save writes the plan for "ringplan verify --plan", which refuses it once the
topology or the rollout has changed.`,
		Example: "  ringplan plan\n  ringplan plan --commands --region us-west1\n  ringplan plan -o json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if save != "" && (region != "" || len(a.phases) > 0) {
				return usage("--save is for the whole plan, without --region and --phase")
			}
			plans, err := a.plans(cmd.Context(), args, region)
			if err != nil {
				return err
			}
			if save != "" {
				return a.savePlans(save, plans)
			}
			return a.printPlans(plans, out, commands)
		},
	}
	out.add(cmd, "text", "markdown", "json")
	cmd.Flags().BoolVar(&commands, "commands", false, "add the exact helm and kubectl commands")
	cmd.Flags().StringVar(&region, "region", "", "show the stages of one region only")
	_ = cmd.RegisterFlagCompletionFunc("region", completeRegion(a))
	cmd.Flags().StringVar(&save, "save", "", "write the plan to `FILE` for verify --plan, instead of printing it")
	addPhaseFlag(a, cmd)
	return cmd
}

func (a *app) plans(ctx context.Context, args []string, region string) ([]report.Plan, error) {
	rings, err := a.usable(ctx, args)
	if err != nil {
		return nil, err
	}
	var plans []report.Plan
	known := false
	for _, r := range rings {
		plan, err := planOf(r, region)
		if err != nil {
			return nil, err
		}
		known = known || r.Region(region) != nil
		plans = append(plans, plan)
	}
	if region != "" && !known {
		return nil, usage("--region: no topology here has a region %s", region)
	}
	return plans, nil
}

// planOf returns the plan of a ring, or the stages of one region in it.
func planOf(r *ring, region string) (report.Plan, error) {
	steps, err := system.Plan(r.system, r.compiled, r.at, filepath.ToSlash(r.out("", false)))
	for i, s := range steps {
		steps[i].Commands, _ = r.commands(s.Stage, filepath.ToSlash(r.out("", false)))
		for i, c := range s.Changes {
			s.Changes[i].Old, s.Changes[i].New = lint.Redact(c.Path, c.Old), lint.Redact(c.Path, c.New)
		}
	}
	if region != "" {
		steps = slices.DeleteFunc(steps, func(s system.Step) bool { return s.Region != region })
	}
	told := make([]string, len(steps))
	for i, s := range steps {
		if err == nil {
			told[i], err = r.toldOf(s.Stage)
		}
	}
	return report.Plan{
		Topology: r.Metadata.Name, System: r.Spec.System, Version: r.Spec.Version, File: filepath.ToSlash(r.file),
		Inputs: inputsOf(r), Done: r.history.records, Steps: steps, Told: told, Left: leftOut(r),
	}, err
}

// leftOut says why regions stay planned though nothing is in their way but
// their source.
func leftOut(r *ring) []string {
	var left []string
	for _, m := range r.members {
		source := r.at.At(m.Source)
		procedure := r.system.Procedures.Named(source.Procedure)
		leaves := source.Phase == stage.Gone || procedure != nil && procedure.Drops && !source.Phase.Rests()
		if m.Source != "" && leaves && r.at.At(m.Region).Phase == stage.Planned {
			left = append(left, fmt.Sprintf("Region %s stays planned: its source %s is %s. Set expandFrom to a region that serves.", m.Region, m.Source, source.Phase))
		}
	}
	return left
}

// replaceFile writes a file as a whole or not at all.
func replaceFile(file string, data []byte) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	switch info, err := os.Stat(file); {
	case err != nil: // there is none yet, or what is wrong shows below
	case info.IsDir():
		return fmt.Errorf("%s: is a folder", filepath.ToSlash(file))
	case !info.Mode().IsRegular(): // a device or a pipe is written to
		return os.WriteFile(file, data, 0o644)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".ringplan-*")
	var failed *fs.PathError
	if errors.As(err, &failed) { // the name of the temporary file says nothing
		return fmt.Errorf("%s: %w", filepath.ToSlash(file), failed.Err)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// savePlans writes plans for verify.
func (a *app) savePlans(file string, plans []report.Plan) error {
	text, err := report.PlansJSON(plans)
	if err != nil {
		return err
	}
	if err := replaceFile(file, []byte(text)); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%s: %s saved\n", filepath.ToSlash(file), report.Count(len(plans), "plan"))
	return nil
}

func (a *app) printPlans(plans []report.Plan, o outputs, commands bool) error {
	return a.emit(o, func(format string, style report.Style) (string, error) {
		if format == "json" {
			return report.PlansJSON(plans)
		}
		return joined(plans, func(p report.Plan) string {
			p.Commands = commands
			if format == "markdown" {
				return report.PlanMarkdown(p)
			}
			return report.PlanText(p, style)
		}), nil
	})
}
