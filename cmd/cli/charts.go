package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
)

func newCharts(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "charts",
		Short: "Pin the bytes of charts, and see that they are still the same",
	}
	cmd.AddCommand(newChartsLock(a), newChartsVerify(a))
	return cmd
}

func newChartsLock(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock [TOPOLOGY | FOLDER]...",
		Short: "Write ringplan.lock: the version and digest of every chart",
		Long: `lock looks up every chart of a topology, at its version and where it says, and
writes ringplan.lock beside it: for each chart the digest of its manifest in the
registry, which Flux and Helm fetch by, and that of its files. Commit it. From
then on a chart that has other bytes under the same version is refused, and the
release plans carry the digests.

Credentials are those of helm registry login, or else of docker login.`,
		Example: "  ringplan charts lock\n  ringplan charts lock fleet/",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.chartsLock(cmd.Context(), args)
		},
	}
	a.charts.addSource(cmd)
	return cmd
}

func newChartsVerify(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [TOPOLOGY | FOLDER]...",
		Short: "Compare every chart with what ringplan.lock pins",
		Long: `verify looks up every chart of a topology by its version, as if it were not
pinned, and compares what it finds with ringplan.lock.

Exit code 3 means that a chart is not pinned, or has other bytes by now.`,
		Example: "  ringplan charts verify",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.chartsVerify(cmd.Context(), args)
		},
	}
	a.charts.addSource(cmd)
	return cmd
}

// pinned looks up every chart of a ring by its version alone.
func (a *app) pinned(ctx context.Context, r *ring) (release.Lock, error) {
	var pins []release.Pin
	for _, name := range r.chartNames() {
		pins = append(pins, release.Pin{Name: name, Version: r.Spec.Version})
	}
	var lock release.Lock
	var failed []error
	for _, loaded := range a.store().Load(ctx, r.dir(), r.source(), pins) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		lock, failed = append(lock, loaded.Pin), append(failed, loaded.Err)
	}
	return lock, errors.Join(failed...)
}

// chartNames lists the charts of a ring, in the order of their releases: those of
// regions that serve.
func (r *ring) chartNames() []string {
	if r.charts != nil {
		return r.charts
	}
	var serving stage.Rollout
	for _, m := range r.members {
		serving = serving.With(stage.Progress{Region: m.Region, Procedure: m.Procedure.Name, Phase: stage.Serving})
	}
	plans, err := r.plans(serving)
	if err != nil {
		return nil // other verbs say why
	}
	for _, p := range plans {
		for _, rel := range p.releases {
			if !slices.Contains(r.charts, rel.Chart) {
				r.charts = append(r.charts, rel.Chart)
			}
		}
	}
	return r.charts
}

func (a *app) chartsLock(ctx context.Context, args []string) error {
	a.changes = true
	if err := a.needLibraries(); err != nil {
		return err
	}
	rings, findings, err := a.load(ctx, args)
	if err != nil {
		return err
	}
	// What is wrong with the lock, the new one mends.
	findings = slices.DeleteFunc(findings, func(f diag.Finding) bool { return f.Code == "RP154" })
	if err := a.said(findings); err != nil {
		return err
	}
	for _, r := range rings {
		lock, err := a.pinned(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
		data, err := manifest.Encode([]manifest.File{lock.File()})
		if err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(r.dir(), release.LockFile), data[0]); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "%s: %s of %s pinned\n", r.beside(release.LockFile), report.Count(len(lock), "chart"), r.source())
	}
	return nil
}

func (a *app) chartsVerify(ctx context.Context, args []string) error {
	if err := a.needLibraries(); err != nil {
		return err
	}
	rings, err := a.usable(ctx, args)
	if err != nil {
		return err
	}
	moved := false
	for _, r := range rings {
		lock, err := a.pinned(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
		for _, got := range lock {
			word := "as pinned"
			switch want, ok := r.lock.Pin(got.Name, got.Version); {
			case !ok:
				word = "not pinned"
			case want.Source != got.Source:
				word = "pinned from " + want.String()
			case want != got:
				word = "MOVED: " + (&release.MovedError{Want: want, Got: got}).Error()
			}
			moved = moved || word != "as pinned"
			if _, err := fmt.Fprintf(a.stdout, "%s %s %s: %s\n", r.beside(release.LockFile), got.Name, got.Version, word); err != nil {
				return err
			}
		}
	}
	if moved {
		return &exitError{code: exitFindings}
	}
	return nil
}
