package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/gitrev"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/tree"
)

const commitHelp = `--commit makes a Git commit of what was written and of nothing else, with a
message that tells what was proven. Nothing is ever pushed.`

func newAdvance(a *app) *cobra.Command {
	var f stepFlags
	cmd := &cobra.Command{
		Use:   "advance REGION [-f FILE...] [--live]",
		Short: "Take a region through its gate: check, record, move, render",
		Long: `advance checks the gate that a region waits at, as "ringplan gate" does. If it
is open, the evidence is recorded, the region moves to its next phase, and what
that phase needs is rendered, all in one step or not at all.

A planned region starts its procedure: by decision, if the other regions stand
so that it may. Observations are not needed for that; if any are given, they have
to show that the ring is settled. Without a seedHost in the topology, the address
by which the region joins is taken from observations of its source. A serving
region starts what --procedure names.

` + observationHelp + `

` + commitHelp + `

Exit code 4 means that the gate is not open, or the step is not allowed.`,
		Example: `  ringplan advance us-west1
  kubectl -n apigee get apigeeds,cdr -o json | ringplan advance us-west1 -f -
  ringplan advance us-west1 --live --exec --commit
  ringplan advance us-west1 --procedure decommission --commit`,
		Args: oneRegion,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.take(cmd.Context(), cmd.InOrStdin(), args[0], f, system.System.Advance)
		},
		ValidArgsFunction: completeOneRegion(a),
	}
	f.add(cmd)
	f.addCommit(cmd)
	cmd.Flags().StringVar(&f.procedure, "procedure", "", "the procedure to start, for a region at rest")
	_ = cmd.RegisterFlagCompletionFunc("procedure", completeProcedure())
	return cmd
}

func newAdopt(a *app) *cobra.Command {
	f := stepFlags{adopts: true}
	cmd := &cobra.Command{
		Use:   "adopt REGION [-f FILE...] [--live]",
		Short: "Bring in a region that serves already",
		Long: `adopt takes a region that was built without ringplan into the rollout, as
serving, if observations prove that it serves as the topology says. For a region
that serves already in the rollout it records anew how it is: after it was
scaled or upgraded.

` + observationHelp + `

Observations must be of the last hour.

` + commitHelp + `

Exit code 4 means that the proof fails, or the step is not allowed.`,
		Example: `  kubectl -n apigee get apigeeds,apigeeorg -o json > seen.json
  kubectl -n apigee exec apigee-cassandra-default-0 -- nodetool status > ring.txt
  ringplan adopt us-east1 -f seen.json -f ring.txt
  ringplan adopt us-east1 --live -f ring.txt`,
		Args: oneRegion,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !f.observes() {
				return usage("adopt needs observations: name files with -f, or - for the standard input, or read the clusters with --live")
			}
			return a.take(cmd.Context(), cmd.InOrStdin(), args[0], f, system.System.Adopt)
		},
		ValidArgsFunction: completeOneRegion(a),
	}
	f.add(cmd)
	f.addCommit(cmd)
	return cmd
}

func newAbort(a *app) *cobra.Command {
	f := stepFlags{abort: true}
	cmd := &cobra.Command{
		Use:   "abort REGION",
		Short: "Leave a phase by its way out",
		Long: `abort moves a region that is under way to where its phase can be left to, renders
it there, and tells what a person must do. Nothing needs to be proven: the gates
from there on are proven as always. From a phase without a way back it only tells
how to get through.

` + commitHelp,
		Example: "  ringplan abort us-west1\n  ringplan explain rebuilding",
		Args:    oneRegion,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.take(cmd.Context(), cmd.InOrStdin(), args[0], f, system.System.Abort)
		},
		ValidArgsFunction: completeOneRegion(a),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.topology, "topology", "", "topology file (default: the nearest one upwards)")
	f.output.add(cmd, "text", "json")
	flags.StringVar(&f.now, "now", "", "the present time, as RFC 3339")
	_ = flags.MarkHidden("now")
	f.addCommit(cmd)
	return cmd
}

func (f *stepFlags) addCommit(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.commit, "commit", false, "commit what was written to Git")
}

// take takes a step, if it is allowed.
func (a *app) take(ctx context.Context, stdin io.Reader, region string, f stepFlags, by func(system.System, system.Ring, stage.Rollout, system.Request) (system.Taken, []stage.Refusal)) error {
	a.writes, a.changes = true, true
	r, req, err := a.request(ctx, stdin, region, f)
	if err != nil {
		return err
	}
	was := r.at.At(region)
	if err := f.wantsFiles(was); err != nil {
		return err
	}
	lookout, err := f.lookout([]*ring{r})
	if err != nil {
		return err
	}
	judging, req, err := lookout.ask(ctx, r, r.at, req, f.adopts)
	if err != nil {
		return err
	}
	taken, refusals := by(judging, r.compiled, r.at, req)
	out := r.system.Procedures.AbortOf(was)
	if len(refusals) > 0 {
		err := a.refused(refusals)
		if f.abort && out.To == "" {
			a.printToDo(out)
		}
		return err
	}
	if !taken.Open() {
		return a.printVerdict(verdictOf(r, taken), f.output)
	}
	repo, err := a.beforeCommit(ctx, r, f.commit)
	if err != nil {
		return err
	}
	result, err := a.write(ctx, r, taken)
	if err != nil {
		return err
	}
	moved := movedOf(r, taken, result, out)
	if f.commit {
		if moved.Commit, err = repo.Commit(ctx, report.CommitMessage(moved), r.written(result)...); err != nil {
			return fmt.Errorf("the step was taken and written, but not committed: %w", err)
		}
	}
	return a.printMoved(moved, f.output)
}

// wantsFiles reports that a region on its way cannot go on without files.
func (f *stepFlags) wantsFiles(at stage.Progress) error {
	startsAnother := f.procedure != "" && f.procedure != at.Procedure
	if f.abort || startsAnother || at.Phase.Rests() || f.observes() {
		return nil
	}
	return usage("region %s is %s, and what is observed decides: name files with -f, or - for the standard input, or read the clusters with --live", at.Region, at.Phase)
}

// printToDo tells what a person does in a phase that has no way back.
func (a *app) printToDo(out stage.WayOut) {
	for _, line := range out.Do {
		fmt.Fprintf(a.stderr, "  - %s\n", line)
	}
}

// write renders the ring as it stands after a step, and puts everything in
// place at once.
func (a *app) write(ctx context.Context, r *ring, taken system.Taken) (tree.Result, error) {
	dir := r.out("", false)
	before, err := a.renderFiles(ctx, r, r.at)
	if err != nil {
		return tree.Result{}, err
	}
	state, err := tree.Compare(dir, before)
	if err != nil {
		return tree.Result{}, err
	}
	if !state.Clean() {
		return tree.Result{}, r.notRendered(dir)
	}
	if err := a.lintAfter(r, taken.After); err != nil {
		return tree.Result{}, err
	}
	files, err := a.renderFiles(ctx, r, taken.After)
	if err != nil {
		return tree.Result{}, err
	}
	beside, err := r.rolloutFiles(taken)
	if err != nil {
		return tree.Result{}, err
	}
	result, err := tree.Commit(ctx, dir, files, beside, false)
	if errors.Is(err, tree.ErrChanged) || errors.Is(err, tree.ErrLocked) {
		return result, notWritten(err)
	}
	return result, a.inTheWay(err)
}

// notRendered says why the rendered tree is not that of the rollout as it was
// read: another step was taken since, or it is so by hand.
func (r *ring) notRendered(dir string) error {
	files, err := r.readFiles()
	if err == nil && rawDigest(files) != rawDigest(r.history.files) {
		err = fmt.Errorf("%s: %w", r.beside(stage.RolloutFile), tree.ErrChanged)
	}
	if err != nil {
		return notWritten(err)
	}
	return fmt.Errorf("%s is not what the topology and the rollout say: `ringplan render` and commit that first, so that the step changes its own region only; `ringplan render --check` lists what differs. Move what was edited by hand into the topology, under values, or let `ringplan render --force` overwrite it", filepath.ToSlash(dir))
}

// notWritten says that somebody else was faster.
func notWritten(err error) error {
	return fmt.Errorf("nothing was written: %w\nif another step was taken meanwhile, look at `ringplan status` and decide again", err)
}

// lintAfter looks for errors that a ring would have after a step.
func (a *app) lintAfter(r *ring, after stage.Rollout) error {
	next := *r
	next.at = after
	var errs diag.List
	for _, finding := range next.lint() {
		if finding.Severity == diag.Error && finding.Silenced == "" {
			errs = append(errs, finding)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	fmt.Fprint(a.stderr, report.FindingsText(errs, a.style(a.stderr)))
	return &exitError{code: exitFindings}
}

// beforeCommit opens the repository, if there is to be a commit, and makes
// sure that the topology is committed: what is rendered from it would be.
func (a *app) beforeCommit(ctx context.Context, r *ring, commit bool) (*gitrev.Repo, error) {
	if !commit {
		return nil, nil
	}
	repo, err := gitrev.Open(ctx, r.dir())
	if err != nil {
		return nil, err
	}
	dirty, err := repo.Dirty(ctx, r.file, r.out("", false), filepath.Join(r.dir(), stage.RolloutFile), filepath.Join(r.dir(), stage.EvidenceDir))
	if err != nil {
		return nil, err
	}
	if filepath.Ext(r.file) == ".cue" {
		// It may import any package of its module.
		all, err := repo.Dirty(ctx, repo.Root())
		if err != nil {
			return nil, err
		}
		dirty = append(dirty, slices.DeleteFunc(all, func(path string) bool { return filepath.Ext(path) != ".cue" })...)
	}
	slices.Sort(dirty)
	dirty = slices.Compact(dirty)
	if len(dirty) > 0 {
		return nil, fmt.Errorf("--commit: %s is not committed yet; commit that first, so that the step is a commit of its own", strings.Join(dirty, ", "))
	}
	return repo, nil
}

// written lists the paths of what a step wrote or removed.
func (r *ring) written(result tree.Result) []string {
	var paths []string
	for _, path := range result.Beside {
		paths = append(paths, filepath.Join(r.dir(), path))
	}
	for _, path := range append(result.Written, result.Removed...) {
		paths = append(paths, filepath.Join(r.out("", false), path))
	}
	return paths
}

func movedOf(r *ring, taken system.Taken, result tree.Result, out stage.WayOut) report.Moved {
	rec := taken.Record
	m := report.Moved{
		Topology: r.Metadata.Name, Record: rec, Evidence: r.beside(rec.Path()),
		Rendered: filepath.ToSlash(r.out("", false)), Written: len(result.Written), Removed: len(result.Removed), Unchanged: result.Unchanged,
		Named: r.named,
	}
	procedure := r.system.Procedures.Named(rec.Procedure)
	s := stage.Stage{Region: rec.Region, Procedure: procedure, From: rec.From, To: rec.To}
	m.Commands, m.Synced = r.commands(s, m.Rendered)
	if rec.Action == stage.Abort {
		m.Do = out.Do
	}
	if !rec.To.Rests() {
		if m.Next = procedure.Gate(rec.To); m.Next != nil {
			m.Look = looks(r, rec.Region, m.Next)
		}
	}
	return m
}

func (a *app) printMoved(m report.Moved, o outputs) error {
	return a.emit(o, func(format string, style report.Style) (string, error) {
		if format == "json" {
			return report.MovedJSON(m)
		}
		return report.MovedText(m, style), nil
	})
}
