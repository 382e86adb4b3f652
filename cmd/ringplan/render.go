package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/tree"
)

type renderFlags struct {
	out                  string
	check, stdout, force bool
}

func newRender(a *app) *cobra.Command {
	var f renderFlags
	cmd := &cobra.Command{
		Use:   "render [TOPOLOGY | FOLDER]...",
		Short: "Write the files of every region",
		Long: `render writes what each region needs at its phase: overrides.yaml,
releases.yaml, manifests and kustomization.yaml, in a folder for each region of
rendered/ beside the topology. Without --phase the first region is being
installed and the others are planned, which renders nothing for them.

The tree changes as a whole or not at all. Files that ringplan did not write
are left alone; one of its own that was edited by hand stops the run.`,
		Example: "  ringplan render\n  ringplan render --phase us-west1=joining\n  ringplan render --check\n  ringplan render --stdout",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.conflict(); err != nil {
				return err
			}
			return a.render(cmd.Context(), args, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "folder to write to (default: rendered beside the topology)")
	flags.BoolVar(&f.check, "check", false, "write nothing; exit with code 2 if the folder is not what would be written")
	flags.BoolVar(&f.stdout, "stdout", false, "print the files instead of writing them")
	flags.BoolVar(&f.force, "force", false, "overwrite files that were edited by hand or that ringplan did not write")
	_ = cmd.MarkFlagDirname("out")
	addPhaseFlag(a, cmd)
	return cmd
}

// conflict reports flags that do not go together.
func (f renderFlags) conflict() error {
	switch {
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
	dirs, err := outputs(rings, f.out)
	if err != nil {
		return err
	}
	different := false
	for i, r := range rings {
		files, err := renderFiles(r)
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

// outputs returns the rendered tree of each ring. No two may share one: each
// would remove the files of the other.
func outputs(rings []*ring, out string) ([]string, error) {
	dirs := make([]string, len(rings))
	owner := map[string]*ring{}
	for i, r := range rings {
		dirs[i] = r.out(out, len(rings) > 1)
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

func renderFiles(r *ring) ([]tree.File, error) {
	docs, err := system.Render(r.compiled, r.phases)
	if err != nil {
		return nil, err
	}
	return encode(docs)
}

func encode(docs []manifest.File) ([]tree.File, error) {
	data, err := manifest.Encode(docs)
	if err != nil {
		return nil, err
	}
	files := make([]tree.File, len(docs))
	for i, d := range docs {
		files[i] = tree.File{Path: d.Path, Data: data[i]}
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
	for _, group := range []struct {
		paths []string
		what  string
	}{
		{state.Missing, "missing"}, {state.Stale, "out of date"}, {state.Edited, "edited by hand"},
		{state.Obsolete, "not rendered any more"}, {state.Collides, "in the way, and not ringplan's"},
	} {
		for _, path := range group.paths {
			fmt.Fprintf(&b, "%s: %s\n", filepath.ToSlash(filepath.Join(dir, path)), group.what)
		}
	}
	_, err = fmt.Fprint(a.stdout, b.String())
	return b.Len() == 0, err
}

func (a *app) writeTree(ctx context.Context, dir string, files []tree.File, force bool) error {
	result, err := tree.Write(ctx, dir, files, force)
	var conflict *tree.ConflictError
	if errors.As(err, &conflict) {
		return fmt.Errorf("%w\nmove the changes into the topology, under values, or overwrite them with --force", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%s: %d written, %d removed, %d unchanged\n", filepath.ToSlash(dir), len(result.Written), len(result.Removed), result.Unchanged)
	return nil
}
