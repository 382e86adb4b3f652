package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
	chartVersion          string
	stat, summary         bool
	output                outputs
	live                  liveFlags
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

--base REV compares with what topology and rollout say at that Git revision, and
--against DIR with another tree. --live compares with what runs in the cluster of
each region: the values, charts and versions of its Helm releases, and its custom
resources. It only gets and lists.

With --manifests it compares what the charts render, instead of what they are
told: with the place of the rollout against --phase, with a Git revision, with a
tree that "ringplan render --manifests" wrote, or with --chart-version what a
version of the charts would change. Labels and checksums that change with every
version are counted and not listed.

Exit code 2 means that there are changes.`,
		Example: "  ringplan diff\n  ringplan diff --base origin/main -o markdown\n  ringplan diff --against ../other/rendered --stat\n  ringplan diff --live --region us-east1\n  ringplan diff --manifests --chart-version 1.16.0",
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
	flags.BoolVar(&f.summary, "summary", false, "say in one line for each topology what changes")
	f.output.add(cmd, "text", "markdown", "json", "html")
	f.live.add(cmd, "compare with what runs in the cluster of each region")
	a.charts.add(cmd, "compare what the charts render")
	flags.StringVar(&f.chartVersion, "chart-version", "", "with --manifests, show what this version of the charts would change")
	_ = cmd.MarkFlagDirname("against")
	_ = cmd.RegisterFlagCompletionFunc("region", completeRegion(a))
	addPhaseFlag(a, cmd)
	return cmd
}

func (f diffFlags) check() error {
	switch {
	case f.base != "" && f.against != "":
		return usage("--base and --against do not go together: compare with the one or the other")
	case (f.stat || f.summary) && f.output.toStdout() != "text":
		return usage("--stat and --summary are for text")
	case f.stat && f.summary:
		return usage("--stat and --summary do not go together: the one counts by region, the other in one line")
	}
	return f.live.check(f.base != "" || f.against != "")
}

func (a *app) diff(ctx context.Context, args []string, f diffFlags) error {
	if err := cmp.Or(f.check(), f.checkManifests(a)); err != nil {
		return err
	}
	rings, err := a.usable(ctx, args)
	if err != nil {
		return err
	}
	if err := f.fit(rings); err != nil {
		return err
	}
	if f.live.on {
		return a.diffLive(ctx, rings, f)
	}
	var before *earlier
	if f.base != "" {
		if before, err = a.earlier(ctx, filesOf(rings), moment{rev: f.base}); err != nil {
			return err
		}
	}
	var diffs []report.Diff
	changed := false
	for _, r := range rings {
		var d report.Diff
		if a.charts.on {
			d, err = a.diffManifests(ctx, r, before, f)
		} else {
			d, err = r.diff(before, f)
		}
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

// fit reports flags that do not go with the topologies.
func (f diffFlags) fit(rings []*ring) error {
	switch {
	case f.against != "" && len(rings) > 1:
		return usage("--against goes with one topology, not with a fleet of %d", len(rings))
	case f.region != "" && !slices.ContainsFunc(rings, func(r *ring) bool { return r.Region(f.region) != nil }):
		return usage("--region: no topology here has a region %s", f.region)
	}
	return nil
}

func (a *app) printDiffs(diffs []report.Diff, f diffFlags) error {
	return a.emit(f.output, func(format string, style report.Style) (string, error) {
		switch format {
		case "json":
			return report.DiffsJSON(diffs)
		case "html":
			return report.DiffsHTML(diffs)
		}
		if format == "text" && f.summary {
			var text strings.Builder
			for _, d := range diffs {
				text.WriteString(report.DiffSummary(d))
			}
			return text.String(), nil
		}
		return joined(diffs, func(d report.Diff) string {
			if format == "markdown" {
				return report.DiffMarkdown(d)
			}
			return report.DiffText(d, f.stat, style)
		}), nil
	})
}

// diff compares a ring with what it was at a revision, if one is given, or with
// a tree.
func (r *ring) diff(before *earlier, f diffFlags) (report.Diff, error) {
	d := report.Diff{Topology: r.Metadata.Name, Against: f.base}
	old, err := r.before(before, f, &d)
	if err != nil {
		return d, err
	}
	d.Regions, err = r.changesFrom(old, f.region)
	return d, err
}

// changesFrom returns the changes from what was rendered to what would be, of
// one region or, with "", of all.
func (r *ring) changesFrom(old []manifest.File, region string) ([]report.RegionDiff, error) {
	now, err := r.render(r.at)
	if err != nil {
		return nil, err
	}
	return byRegion(r.system, manifest.Diff(old, now), region), nil
}

// before returns the manifests that a ring is compared with.
func (r *ring) before(before *earlier, f diffFlags, d *report.Diff) ([]manifest.File, error) {
	if before != nil {
		return before.rendered(r.file)
	}
	dir := f.against
	if dir == "" {
		dir = r.out("", false)
	}
	d.Against = filepath.ToSlash(dir)
	if info, err := os.Stat(dir); f.against != "" && (err != nil || !info.IsDir()) {
		return nil, fmt.Errorf("--against: %s is not a folder", d.Against)
	}
	files, err := readFiles(dir)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(files, func(file string, _ []byte) bool { return isManifest(file) }) // which --manifests is about
	return parseFiles(d.Against, files)
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
		file := manifest.File{Path: name}
		line := 0
		for _, text := range documentsOf(data) {
			part, problems := manifest.Parse(name, text, renderedLimits)
			if len(problems) > 0 {
				return nil, fmt.Errorf("%s/%s:%d:%d: %s", where, name, line+problems[0].Line, problems[0].Column, problems[0].Message)
			}
			file.Docs = append(file.Docs, part.Docs...)
			line += bytes.Count(text, []byte("\n")) + 1
		}
		parsed = append(parsed, file)
	}
	return parsed, nil
}

// documentsOf splits a rendered file into its documents.
func documentsOf(data []byte) [][]byte {
	const mark = "\n---\n"
	parts := bytes.Split(data, []byte(mark))
	for i := range len(parts) - 1 {
		parts[i] = append(parts[i][:len(parts[i]):len(parts[i])], '\n')
	}
	return parts
}

// byRegion sorts changes by the region that they belong to, which is the first
// folder of their path, and tells what each does.
func byRegion(s system.System, changes []manifest.Change, only string) []report.RegionDiff {
	var regions []report.RegionDiff
	for _, c := range changes {
		region, file, inRegion := strings.Cut(c.File, "/")
		if !inRegion || isEngine(region) {
			region, file = "", c.File
		}
		if only != "" && region != only {
			continue
		}
		i := slices.IndexFunc(regions, func(d report.RegionDiff) bool { return d.Region == region })
		if i < 0 {
			i = len(regions)
			regions = append(regions, report.RegionDiff{Region: region})
		}
		last := &regions[i]
		effected := report.Effected{Effect: s.Classify(c)}
		if engine := engineOf(c.File); engine != "" {
			effected = toldTo(engine, c)
		}
		c.File, c.Docs = file, nil
		c.Old, c.New = lint.Redact(c.Path, c.Old), lint.Redact(c.Path, c.New)
		effected.Change = c
		last.Changes = append(last.Changes, effected)
	}
	return regions
}
