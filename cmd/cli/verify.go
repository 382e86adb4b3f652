package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/topology"
	"github.com/ringplan/ringplan/pkg/tree"
)

type verifyFlags struct {
	baseFlags
	plan   string
	output outputs
}

func newVerify(a *app) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [TOPOLOGY | FOLDER]...",
		Short: "Check all that CI needs to know, in one go",
		Long: `verify checks topologies as "ringplan lint" does; that every step of their
rollouts is allowed and its gate open by the evidence that is recorded; that
rollout.yaml is what the evidence adds up to; and that every rendered file is
what topology and rollout say. It reads no cluster and changes nothing.

With --base REV it also compares with that Git revision: its evidence must be
the beginning of the evidence here, and a change that takes a step of one region
must not touch the rendered files of another; what cannot be taken back must not
be changed by hand; and findings are marked that were not there before. With --plan it refuses a plan that
was saved before the topology or the rollout changed.

Exit code 3 means that there are errors, or warnings with --strict.`,
		Example: "  ringplan verify\n  ringplan verify --base origin/main\n  ringplan verify --base origin/main -o github -o sarif=findings.sarif\n  ringplan verify --plan approved.json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.charts.ahead, a.writes = true, true
			return a.verify(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	f.add(cmd)
	flags.StringVar(&f.plan, "plan", "", "plan to hold against what is there, as `FILE` of plan --save")
	f.output.add(cmd, findingFormats...)
	a.charts.add(cmd, "render the charts too, of planned regions as they start, and check what they render")
	return cmd
}

func (a *app) verify(ctx context.Context, args []string, f verifyFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	rings, findings, before, err := a.verified(ctx, args, f.base)
	if err != nil {
		return err
	}
	if f.plan != "" {
		stale, err := staleInputs(f.plan, rings)
		if err != nil {
			return err
		}
		findings = append(findings, stale...)
	}
	findings.Sort()
	if f.base != "" {
		findings = f.mark(findings, before.findings)
	}
	if err := a.printFindings(findings, f.output); err != nil {
		return err
	}
	if err := a.verdict(findings); err != nil {
		return err
	}
	steps := 0
	for _, r := range rings {
		steps += r.history.Step
	}
	fmt.Fprintf(a.stderr, "verified: %s, %s replayed\n", report.Count(len(rings), "topology"), report.Count(steps, "step"))
	return nil
}

// verified loads topologies and returns all that is found in them, and what they
// were where the change begins, if a base is given.
func (a *app) verified(ctx context.Context, args []string, base string) ([]*ring, diag.List, *earlier, error) {
	rings, findings, err := a.load(ctx, args)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, r := range rings {
		r.findings = nil
		if err := a.verifyRendered(ctx, r, findings); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
		if err := a.verifyManifests(ctx, r); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
		findings = append(findings, r.findings...)
	}
	before, more, err := a.verifyBase(ctx, args, rings, findings, base)
	return rings, append(findings, more...), before, err
}

// verifyRendered compares the rendered tree with what it should be.
func (a *app) verifyRendered(ctx context.Context, r *ring, known diag.List) error {
	if !r.history.sound {
		return nil // where the regions stand is not known, and why is reported
	}
	files, told, err := a.treeOf(ctx, r, known)
	if err != nil {
		return err
	}
	return r.verifyTree(r.out("", false), "rendered", files, told)
}

// treeOf returns what the rendered tree of a ring should be, and which of its paths
// that tells of: not of what charts render, where known errors keep it from being
// known.
func (a *app) treeOf(ctx context.Context, r *ring, known diag.List) (files []tree.File, told func(string) bool, err error) {
	if !a.erring || !r.commitsManifests() {
		files, err = a.renderFiles(ctx, r, r.history.Rollout)
		var exit *exitError
		if !errors.As(err, &exit) || exit.code != exitFindings || !known.HasErrors() {
			return files, func(string) bool { return true }, err
		}
	}
	docs, err := r.render(r.history.Rollout)
	if err != nil {
		return nil, nil, err
	}
	files, err = encode(docs)
	return files, func(file string) bool { return !isManifest(file) && file != tree.RecordFile }, err
}

// verifyManifests compares the tree of manifests, where there is one, with what
// the charts render where the rollout stands.
func (a *app) verifyManifests(ctx context.Context, r *ring) error {
	dir := filepath.Join(filepath.Dir(r.file), manifestsFolder)
	if _, err := os.Stat(filepath.Join(dir, tree.RecordFile)); !a.charts.on || r.manifests == nil || !r.history.sound || err != nil {
		return nil //nolint:nilerr // there is no such tree
	}
	standing, err := a.standingAt(ctx, r, r.history.Rollout)
	if err != nil {
		return err
	}
	files, err := encode(standing.manifestFiles())
	if err != nil {
		return err
	}
	return r.verifyTree(dir, manifestsFolder, files, func(string) bool { return true })
}

// verifyTree compares a tree beside the topology with what it should be, where that
// is told.
func (r *ring) verifyTree(dir, name string, files []tree.File, told func(string) bool) error {
	state, err := tree.Compare(dir, files)
	if err != nil {
		return err
	}
	for _, group := range differences(state) {
		for _, file := range group.paths {
			if !told(file) {
				continue
			}
			hint := group.hint
			if name == manifestsFolder {
				hint = strings.ReplaceAll(hint, "ringplan render", "ringplan render --manifests")
			}
			r.found("RP127", path.Join(name, file), 1, 1, hint, "the file is %s", group.what)
		}
	}
	return nil
}

// staleInputs compares the inputs of a saved plan with the rings.
func staleInputs(file string, rings []*ring) (diag.List, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var saved struct {
		Plans []struct {
			Topology string        `json:"topology"`
			Inputs   report.Inputs `json:"inputs"`
		} `json:"plans"`
	}
	if err := json.Unmarshal(data, &saved); err != nil || len(saved.Plans) == 0 {
		return nil, fmt.Errorf("%s: not a plan that `ringplan plan --save` has written", file)
	}
	holder := &ring{file: file}
	say := func(format string, args ...any) {
		holder.found("RP130", filepath.Base(file), 1, 1, "", format, args...)
	}
	for _, plan := range saved.Plans {
		i := slices.IndexFunc(rings, func(r *ring) bool { return r.Metadata.Name == plan.Topology })
		if i < 0 {
			say("the plan is for topology %s, which is not here", plan.Topology)
			continue
		}
		switch now := inputsOf(rings[i]); {
		case now.Topology != plan.Inputs.Topology:
			say("topology %s, or what it refers to, was changed since the plan was saved", plan.Topology)
		case now != plan.Inputs:
			say("the rollout of %s is at step %d, and the plan is from step %d", plan.Topology, now.Step, plan.Inputs.Step)
		}
	}
	return holder.findings, nil
}

// inputsOf returns what the plan of a ring depends on.
func inputsOf(r *ring) report.Inputs {
	return report.Inputs{Topology: r.inputsDigest(), Step: r.history.Step, Head: r.history.Head}
}

// inputsDigest returns the digest of the topology and of what it refers to: pins of
// charts, patches and components.
func (r *ring) inputsDigest() string {
	beside := []any{r.Pinned, r.ComponentDigests}
	overlaysOf(r.Topology, func(_ string, o *topology.Overlay) {
		for _, p := range o.Patches {
			if p.Path != "" {
				beside = append(beside, p.Patch)
			}
		}
	})
	if len(r.Pinned)+len(r.ComponentDigests)+len(beside) == 2 { // there is nothing
		return r.Digest()
	}
	data, _ := json.Marshal(beside) // of texts alone
	sum := sha256.Sum256(append([]byte(r.Digest()), data...))
	return hex.EncodeToString(sum[:])
}
