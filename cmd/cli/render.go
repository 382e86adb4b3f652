package cli

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

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/tree"
)

// manifestsFolder is the tree of what the charts render, beside the topology.
const manifestsFolder = "manifests"

type renderFlags struct {
	out                  string
	check, stdout, force bool
}

func newRender(a *app) *cobra.Command {
	var f renderFlags
	cmd := &cobra.Command{
		Use:   "render [TOPOLOGY | FOLDER]...",
		Short: "Write the files of every region",
		Long: `render writes what each region needs where it stands in the rollout:
overrides.yaml, releases.yaml, manifests and kustomization.yaml, in a folder for
each region of rendered/ beside the topology. Nothing is rendered for a region
that is planned; "ringplan advance REGION" starts it. --phase shows what another
phase would render, with --stdout or in a folder of its own.

With --manifests it writes what the charts render of that instead, through Helm's
engine and changed by the overlays, in manifests/ beside the topology: a file for
each release, its hooks and the custom resource definitions apart. Everything is
checked on the way; "ringplan explain RP142" tells of one such check.

The tree changes as a whole or not at all. Files that ringplan did not write
are left alone; one of its own that was edited by hand stops the run.`,
		Example: "  ringplan render\n  ringplan render --phase us-west1=joining --stdout\n  ringplan render --check\n  ringplan render --stdout\n  ringplan render --manifests",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.conflict(len(a.phases) > 0); err != nil {
				return err
			}
			a.writes, a.changes = true, true
			return a.render(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "folder to write to (default: rendered, or manifests, beside the topology)")
	flags.BoolVar(&f.check, "check", false, "write nothing; exit with code 2 if the folder is not what would be written")
	flags.BoolVar(&f.stdout, "stdout", false, "print the files instead of writing them")
	flags.BoolVar(&f.force, "force", false, "overwrite files that were edited by hand or that ringplan did not write")
	_ = cmd.MarkFlagDirname("out")
	a.charts.add(cmd, "write what the charts render, instead of what they are told")
	addPhaseFlag(a, cmd)
	return cmd
}

// conflict reports flags that do not go together.
func (f renderFlags) conflict(preview bool) error {
	switch {
	case preview && f.out == "" && !f.stdout:
		return usage("--phase shows what would be: give --stdout, or a folder for it with --out; the trees beside the topology follow the rollout")
	case f.check && f.stdout:
		return usage("--check and --stdout do not go together: the one compares files, the other prints them")
	case f.force && (f.check || f.stdout):
		return usage("--force is for writing files, which --check and --stdout do not")
	case f.out != "" && f.stdout:
		return usage("--out and --stdout do not go together: files are either written or printed")
	}
	return nil
}

func (a *app) render(ctx context.Context, args []string, f renderFlags) error {
	rings, err := a.usable(ctx, args)
	if err != nil {
		return err
	}
	dirs, err := treesOf(rings, f.out, a.charts.on)
	if err != nil {
		return err
	}
	different := false
	for i, r := range rings {
		files, err := a.renderedFiles(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
		switch {
		case f.stdout:
			err = a.printFiles(files, prefix(r, len(rings) > 1))
		case f.check:
			var same bool
			same, err = a.checkTree(dirs[i], files)
			different = different || !same
		default:
			err = a.writeTree(ctx, dirs[i], files, f.force)
		}
		if err != nil {
			return err
		}
	}
	if different {
		return &exitError{code: exitDifferences}
	}
	return nil
}

// renderedFiles returns the files to write: what the charts of a ring are told,
// or what they render.
func (a *app) renderedFiles(ctx context.Context, r *ring) ([]tree.File, error) {
	if a.charts.on {
		if err := r.wholeManifests(); err != nil {
			return nil, err
		}
		return encode(r.manifestFiles())
	}
	return a.renderFiles(ctx, r, r.at)
}

// treesOf returns the rendered tree of each ring, or that of its manifests. No two may share one: each
// would remove the files of the other.
func treesOf(rings []*ring, out string, manifests bool) ([]string, error) {
	dirs := make([]string, len(rings))
	owner := map[string]*ring{}
	for i, r := range rings {
		dirs[i] = r.out(out, len(rings) > 1)
		if manifests && out == "" {
			dirs[i] = filepath.Join(filepath.Dir(r.file), manifestsFolder)
		}
		if other := owner[dirs[i]]; other != nil {
			return nil, usage("%s and %s would both be rendered to %s; render them one by one, each with an --out of its own", other.file, r.file, filepath.ToSlash(dirs[i]))
		}
		owner[dirs[i]] = r
	}
	return dirs, nil
}

// prefix tells the files of one ring from those of another, where there are
// several.
func prefix(r *ring, fleet bool) string {
	if fleet {
		return r.Metadata.Name + "/"
	}
	return ""
}

// renderFiles returns the rendered tree of a ring whose regions stand so.
func (a *app) renderFiles(ctx context.Context, r *ring, at stage.Rollout) ([]tree.File, error) {
	docs, err := r.render(at)
	if err != nil {
		return nil, err
	}
	if r.commitsManifests() {
		manifests, err := a.committedManifests(ctx, r, at)
		if err != nil {
			return nil, err
		}
		docs = append(docs, manifests...)
	}
	return encode(docs)
}

// encode writes files as YAML; those that have header and documents in common are
// written once.
func encode(docs []manifest.File) ([]tree.File, error) {
	type content struct {
		header string
		first  **manifest.Map
		count  int
	}
	written := map[content][]byte{}
	files := make([]tree.File, len(docs))
	for i, d := range docs {
		key := content{header: d.Header, count: len(d.Docs)}
		if len(d.Docs) > 0 {
			key.first = &d.Docs[0]
		}
		data, ok := written[key]
		if !ok || len(d.Docs) == 0 {
			encoded, err := manifest.Encode([]manifest.File{d})
			if err != nil {
				return nil, err
			}
			data = encoded[0]
			written[key] = data
		}
		files[i] = tree.File{Path: d.Path, Data: data}
	}
	return files, nil
}

// printFiles prints files one after the other, each headed by its path.
func (a *app) printFiles(files []tree.File, prefix string) error {
	for _, file := range files {
		if _, err := fmt.Fprintf(a.stdout, "---\n# File: %s%s\n%s", prefix, file.Path, file.Data); err != nil {
			return err
		}
	}
	return nil
}

// checkTree lists on stdout what differs from the files that would be written.
func (a *app) checkTree(dir string, files []tree.File) (same bool, err error) {
	state, err := tree.Compare(dir, files)
	if err != nil {
		return false, err
	}
	var b strings.Builder
	for _, group := range differences(state) {
		for _, path := range group.paths {
			fmt.Fprintf(&b, "%s: %s\n", filepath.ToSlash(filepath.Join(dir, path)), group.what)
		}
	}
	_, err = fmt.Fprint(a.stdout, b.String())
	return b.Len() == 0, err
}

// inTheWay adds to an error what to do about files that are in the way.
func (a *app) inTheWay(err error) error {
	where, force := "values", "ringplan render --force"
	if a.charts.on {
		where, force = "values or overlay", "ringplan render --manifests --force"
	}
	var conflict *tree.ConflictError
	if errors.As(err, &conflict) && len(conflict.Edited) == 0 {
		return fmt.Errorf("%w\nmove them away, or overwrite them with `%s`", err, force)
	}
	if errors.As(err, &conflict) {
		return fmt.Errorf("%w\nmove the changes into the topology, under %s, or overwrite them with `%s`", err, where, force)
	}
	return err
}

// vanishing lists the regions whose files would all be removed, though no step
// of the rollout has taken them out of the ring.
func vanishing(dir string, files []tree.File) ([]string, error) {
	stay := map[string]bool{}
	for _, f := range files {
		region, _, _ := strings.Cut(f.Path, "/")
		stay[region] = true
	}
	// The tree is read whole only where there is a folder of another region.
	entries, err := os.ReadDir(dir)
	if err != nil || !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.IsDir() && !stay[e.Name()] && !isEngine(e.Name()) }) {
		return nil, nil //nolint:nilerr // what is wrong with the folder, writing finds
	}
	state, err := tree.Compare(dir, files)
	if err != nil {
		return nil, err
	}
	var regions []string
	for _, path := range append(state.Obsolete, state.Edited...) {
		region, _, inRegion := strings.Cut(path, "/")
		if inRegion && !isEngine(region) && !stay[region] && !slices.Contains(regions, region) {
			regions = append(regions, region)
		}
	}
	slices.Sort(regions)
	return regions, nil
}

// refuseVanishing returns an error if regions would vanish from a tree.
func refuseVanishing(dir string, files []tree.File) error {
	regions, err := vanishing(dir, files)
	if err != nil || len(regions) == 0 {
		return err
	}
	names := strings.Join(regions, ", ")
	return fmt.Errorf("%s: every file of %s would be removed, and what syncs them would remove the region with them; where the regions stand it is not in the ring\nif it serves, `ringplan adopt` brings it in; if rollout.yaml or evidence/ was lost, restore it from Git; if the files are to go, render with --force", filepath.ToSlash(dir), names)
}

// A difference is what some files of a tree are instead of as wanted.
type difference struct {
	what, hint string
	paths      []string
}

const renderFirst = "`ringplan render`, and commit what it writes"

func differences(s tree.State) []difference {
	return []difference{
		{"missing", renderFirst, s.Missing},
		{"out of date", renderFirst, s.Stale},
		{"edited by hand", "move the change into the topology, under values; then `ringplan render --force` and commit", s.Edited},
		{"not rendered any more", renderFirst, s.Obsolete},
		{"in the way, and not ringplan's", "move it away; then `ringplan render` and commit", s.Collides},
	}
}

// refuseOther returns an error if a folder holds the other kind of tree: of what
// charts render, or of what they are told.
func (a *app) refuseOther(dir string, files []tree.File) error {
	state, err := tree.Compare(dir, files)
	if err != nil {
		return nil //nolint:nilerr // which writing says
	}
	other := "releases.yaml"
	if !a.charts.on {
		other = definitionsName
	}
	isOther := func(name string) bool { return path.Base(name) == other && !isManifest(name) }
	if slices.ContainsFunc(state.Obsolete, isOther) && len(files) > 0 && !slices.ContainsFunc(files, func(f tree.File) bool { return isOther(f.Path) }) {
		return fmt.Errorf("%s holds the other kind of tree, with %s, which would go: give another --out, or --force", filepath.ToSlash(dir), other)
	}
	return nil
}

func (a *app) writeTree(ctx context.Context, dir string, files []tree.File, force bool) error {
	if !force {
		if err := refuseVanishing(dir, files); err != nil {
			return err
		}
		if err := a.refuseOther(dir, files); err != nil {
			return err
		}
	}
	result, err := tree.Write(ctx, dir, files, force)
	if err != nil {
		return a.inTheWay(err)
	}
	if len(files) == 0 && result.Unchanged+len(result.Removed) == 0 {
		fmt.Fprintf(a.stderr, "%s: nothing to render, no region is in the ring yet; `ringplan advance REGION` starts one\n", filepath.ToSlash(dir))
		return nil
	}
	fmt.Fprintf(a.stderr, "%s: %d written, %d removed, %d unchanged\n", filepath.ToSlash(dir), len(result.Written), len(result.Removed), result.Unchanged)
	return nil
}
