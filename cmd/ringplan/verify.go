package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/gitrev"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/tree"
)

type verifyFlags struct {
	base, plan string
	output     outputs
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
must not touch the rendered files of another. With --plan it refuses a plan that
was saved before the topology or the rollout changed.

Exit code 3 means that there are errors, or warnings with --strict.`,
		Example: "  ringplan verify\n  ringplan verify --base origin/main\n  ringplan verify --plan approved.json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verify(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.base, "base", "", "Git revision that the change is based on")
	flags.StringVar(&f.plan, "plan", "", "plan to hold against what is there, as `FILE` of plan --save")
	f.output.add(cmd, findingFormats...)
	return cmd
}

func (a *app) verify(ctx context.Context, args []string, f verifyFlags) error {
	rings, findings, err := a.load(ctx, args)
	if err != nil {
		return err
	}
	steps := 0
	for _, r := range rings {
		r.findings = nil
		if err := r.verify(ctx, f.base); err != nil {
			return fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
		findings = append(findings, r.findings...)
		steps += r.history.Step
	}
	if f.base != "" {
		if len(args) == 0 {
			args = []string{a.file}
		}
		lost, err := lostRings(ctx, args, f.base)
		if err != nil {
			return err
		}
		findings = append(findings, lost...)
	}
	if f.plan != "" {
		stale, err := staleInputs(f.plan, rings)
		if err != nil {
			return err
		}
		findings = append(findings, stale...)
	}
	findings.Sort()
	if err := a.printFindings(findings, f.output); err != nil {
		return err
	}
	if err := a.verdict(findings); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "verified: %s, %s replayed\n", report.Count(len(rings), "topology"), report.Count(steps, "step"))
	return nil
}

// verify reports what lint does not see of a ring.
func (r *ring) verify(ctx context.Context, base string) error {
	if !r.history.sound {
		return nil // where the regions stand is not known, and why is reported
	}
	files, err := renderFiles(r, r.history.Rollout)
	if err != nil {
		return err
	}
	if err := r.verifyRendered(files); err != nil {
		return err
	}
	if base == "" {
		return nil
	}
	repo, err := gitrev.Open(ctx, r.dir())
	if err != nil {
		return err
	}
	return r.verifyBase(ctx, repo, base, files)
}

// lostRings reports the topologies in the given folders that had regions in the
// ring at a Git revision, and are not there any more.
func lostRings(ctx context.Context, folders []string, base string) (diag.List, error) {
	var findings diag.List
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		repo, err := gitrev.Open(ctx, folder)
		if err != nil {
			return nil, err
		}
		tip, err := repo.Resolve(ctx, base)
		if err != nil {
			return nil, err
		}
		snapshot, err := repo.Files(ctx, tip, folder)
		if err != nil {
			return nil, err
		}
		for _, file := range slices.Sorted(maps.Keys(snapshot.Files)) {
			dir := filepath.Join(folder, filepath.FromSlash(path.Dir(file)))
			topologies, _ := filepath.Glob(filepath.Join(dir, "topology.*"))
			there := len(topologies) > 0 // whatever is wrong with it
			rollout, problems := stage.DecodeRollout(snapshot.Files[file])
			if path.Base(file) != stage.RolloutFile || there || len(problems) > 0 {
				continue
			}
			holder := &ring{file: filepath.Join(dir, "topology")}
			for _, p := range rollout.Regions {
				if p.Phase.InRing() {
					holder.found("RP124", stage.RolloutFile, 1, 1, "", "region %s of topology %s is %s in %s, and the topology is not here any more (I5)", p.Region, rollout.Topology, p.Phase, base)
				}
			}
			findings = append(findings, holder.findings...)
		}
	}
	return findings, nil
}

// verifyRendered compares the rendered tree with what it should be.
func (r *ring) verifyRendered(files []tree.File) error {
	dir := r.out("", false)
	state, err := tree.Compare(dir, files)
	if err != nil {
		return err
	}
	for _, group := range differences(state) {
		for _, file := range group.paths {
			r.found("RP127", path.Join("rendered", file), 1, 1, group.hint, "the file is %s", group.what)
		}
	}
	return nil
}

// verifyBase compares the ring with a Git revision.
func (r *ring) verifyBase(ctx context.Context, repo *gitrev.Repo, base string, files []tree.File) error {
	tip, err := repo.Resolve(ctx, base)
	if err != nil {
		return err
	}
	head, err := repo.Resolve(ctx, "HEAD")
	if err != nil {
		return err
	}
	fork, err := repo.MergeBase(ctx, tip, head)
	if err != nil {
		return err
	}
	kept, err := r.recordsAt(ctx, repo, tip)
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(kept)) {
		i := slices.IndexFunc(r.history.records, func(rec stage.Record) bool { return rec.Path() == file })
		switch {
		case i < 0:
			r.found("RP129", file, 1, 1, "", "%s has this record, and it is not here", base)
		case r.history.records[i].Digest() != kept[file]:
			r.found("RP129", file, 1, 1, "", "the record is not as it is in %s", base)
		}
	}
	return r.verifyRadius(ctx, repo, fork, files)
}

// recordsAt returns the digests of the records at a commit, by their paths. A
// record that cannot be read has none, so that it never equals one that can.
func (r *ring) recordsAt(ctx context.Context, repo *gitrev.Repo, commit string) (map[string]string, error) {
	snapshot, err := repo.Files(ctx, commit, filepath.Join(r.dir(), stage.EvidenceDir))
	if err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for file, data := range snapshot.Files {
		if path.Ext(file) != ".yaml" {
			continue
		}
		rec, problems := stage.DecodeRecord(data)
		digests[path.Join(stage.EvidenceDir, file)] = rec.Digest()
		if len(problems) > 0 {
			digests[path.Join(stage.EvidenceDir, file)] = ""
		}
	}
	return digests, nil
}

// verifyRadius wants a change that takes steps to touch the rendered files of
// their regions only (I7).
func (r *ring) verifyRadius(ctx context.Context, repo *gitrev.Repo, fork string, files []tree.File) error {
	known, err := r.recordsAt(ctx, repo, fork)
	if err != nil {
		return err
	}
	var stepped []string
	for _, rec := range r.history.records {
		if _, old := known[rec.Path()]; !old {
			stepped = append(stepped, rec.Region)
		}
	}
	if len(stepped) == 0 {
		return nil
	}
	before, err := repo.Files(ctx, fork, r.out("", false))
	if err != nil {
		return err
	}
	for _, file := range changed(before.Files, files) {
		region, _, inRegion := strings.Cut(file, "/")
		if inRegion && !slices.Contains(stepped, region) {
			r.found("RP128", path.Join("rendered", file), 1, 1, "", "the file of region %s changes together with a step of region %s", region, strings.Join(slices.Compact(stepped), " and "))
		}
	}
	return nil
}

// changed lists the paths that differ between a revision and now, sorted. Git
// may store files with other line ends.
func changed(before map[string][]byte, now []tree.File) []string {
	paths := map[string]bool{}
	for file := range before {
		paths[file] = true
	}
	for _, file := range now {
		if old, there := before[file.Path]; there && bytes.Equal(unix(old), file.Data) {
			delete(paths, file.Path)
		} else {
			paths[file.Path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

func unix(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) }

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
			say("topology %s was changed since the plan was saved", plan.Topology)
		case now != plan.Inputs:
			say("the rollout of %s is at step %d, and the plan is from step %d", plan.Topology, now.Step, plan.Inputs.Step)
		}
	}
	return holder.findings, nil
}

// inputsOf returns what the plan of a ring depends on.
func inputsOf(r *ring) report.Inputs {
	return report.Inputs{Topology: r.Digest(), Step: r.history.Step, Head: r.history.Head}
}
