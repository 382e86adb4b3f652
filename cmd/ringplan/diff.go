package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/gitrev"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/tree"
)

// renderedLimits bounds the files of a tree that is compared.
var renderedLimits = manifest.Limits{Depth: 100, Values: 1_000_000, Merged: 10_000}

type diffFlags struct {
	base, against, region string
	stat                  bool
	output                outputs
}

func newDiff(a *app) *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff [TOPOLOGY | FOLDER]...",
		Short: "Show what would change in each region, and what that does",
		Long: `diff compares what topology and rollout say now with the rendered tree on disk,
field by field: comments, formatting and the order of keys do not count. Each
change is classed by what it does: safe, rolling restart, ring movement, one-way,
destroys data.

--base REV compares with what that Git revision holds in rendered/, and
--against DIR with another tree.

Exit code 2 means that there are changes.`,
		Example: "  ringplan diff\n  ringplan diff --base origin/main -o markdown\n  ringplan diff --against ../other/rendered --stat",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.diff(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.base, "base", "", "Git revision to compare with")
	flags.StringVar(&f.against, "against", "", "rendered tree to compare with")
	flags.StringVar(&f.region, "region", "", "show one region only")
	flags.BoolVar(&f.stat, "stat", false, "count the changes of each region, and name the gravest effect")
	f.output.add(cmd, "text", "markdown", "json")
	_ = cmd.MarkFlagDirname("against")
	_ = cmd.RegisterFlagCompletionFunc("region", completeRegion(a))
	addPhaseFlag(a, cmd)
	return cmd
}

func (f diffFlags) check() error {
	switch {
	case f.base != "" && f.against != "":
		return usage("--base and --against do not go together: compare with the one or the other")
	case f.stat && f.output.toStdout() != "text":
		return usage("--stat is for text")
	}
	return nil
}

func (a *app) diff(ctx context.Context, args []string, f diffFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	rings, err := a.usable(ctx, args)
	if err != nil {
		return err
	}
	if f.against != "" && len(rings) > 1 {
		return usage("--against goes with one topology, not with a fleet of %d", len(rings))
	}
	if f.region != "" && !slices.ContainsFunc(rings, func(r *ring) bool { return r.Region(f.region) != nil }) {
		return usage("--region: no topology here has a region %s", f.region)
	}
	var diffs []report.Diff
	changed := false
	for _, r := range rings {
		d, err := r.diff(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
		changed = changed || !d.Empty()
		diffs = append(diffs, d)
	}
	if err := a.printDiffs(diffs, f); err != nil {
		return err
	}
	if changed {
		return &exitError{code: exitDifferences}
	}
	return nil
}

func (a *app) printDiffs(diffs []report.Diff, f diffFlags) error {
	return a.emit(f.output, func(format string, style report.Style) (string, error) {
		if format == "json" {
			return report.DiffsJSON(diffs)
		}
		return joined(diffs, func(d report.Diff) string {
			if format == "markdown" {
				return report.DiffMarkdown(d)
			}
			return report.DiffText(d, f.stat, style)
		}), nil
	})
}

// diff compares a ring with a tree.
func (r *ring) diff(ctx context.Context, f diffFlags) (report.Diff, error) {
	d := report.Diff{Topology: r.Metadata.Name}
	var before map[string][]byte
	var err error
	switch {
	case f.base != "":
		d.Against = f.base
		before, err = r.renderedAt(ctx, f.base)
	case f.against != "":
		d.Against = filepath.ToSlash(f.against)
		before, err = readFiles(f.against)
	default:
		d.Against = filepath.ToSlash(r.out("", false))
		before, err = readFiles(r.out("", false))
	}
	if err != nil {
		return d, err
	}
	old, err := parseFiles(d.Against, before)
	if err != nil {
		return d, err
	}
	now, err := system.Render(r.compiled, r.at)
	if err != nil {
		return d, err
	}
	d.Regions = byRegion(r.system, manifest.Diff(old, now), f.region)
	return d, nil
}

// renderedAt returns the rendered tree of a Git revision.
func (r *ring) renderedAt(ctx context.Context, rev string) (map[string][]byte, error) {
	repo, err := gitrev.Open(ctx, r.dir())
	if err != nil {
		return nil, err
	}
	commit, err := repo.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	snapshot, err := repo.Files(ctx, commit, r.out("", false))
	return snapshot.Files, err
}

// readFiles returns the files below a folder, by their paths in it; none, if
// there is no such folder.
func readFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == "." {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = fs.ReadFile(root, path)
		return err
	})
	return files, err
}

// parseFiles reads the manifests among files. What is no YAML was not rendered.
func parseFiles(where string, files map[string][]byte) ([]manifest.File, error) {
	var parsed []manifest.File
	for name, data := range files {
		if path.Ext(name) != ".yaml" || path.Base(name) == tree.RecordFile {
			continue
		}
		file, problems := manifest.Parse(name, data, renderedLimits)
		if len(problems) > 0 {
			return nil, fmt.Errorf("%s/%s:%d:%d: %s", where, name, problems[0].Line, problems[0].Column, problems[0].Message)
		}
		parsed = append(parsed, file)
	}
	return parsed, nil
}

// byRegion sorts changes by the region that they belong to, which is the first
// folder of their path, and tells what each does.
func byRegion(s system.System, changes []manifest.Change, only string) []report.RegionDiff {
	var regions []report.RegionDiff
	for _, c := range changes {
		region, file, inRegion := strings.Cut(c.File, "/")
		if !inRegion {
			region, file = "", c.File
		}
		if only != "" && region != only {
			continue
		}
		if len(regions) == 0 || regions[len(regions)-1].Region != region {
			regions = append(regions, report.RegionDiff{Region: region})
		}
		last := &regions[len(regions)-1]
		effect := s.Classify(c)
		c.File, c.Docs = file, nil
		c.Old, c.New = lint.Redact(c.Path, c.Old), lint.Redact(c.Path, c.New)
		last.Changes = append(last.Changes, report.Effected{Change: c, Effect: effect})
	}
	return regions
}
