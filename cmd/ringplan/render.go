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
			if f.check && f.stdout || f.force && (f.check || f.stdout) || f.out != "" && f.stdout {
				return usage("--check, --stdout and writing exclude each other")
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

func (a *app) render(ctx context.Context, args []string, f renderFlags) error {
	rings, err := a.usable(ctx, args)
	if err != nil {
		return err
	}
	different := false
	for _, r := range rings {
		files, err := renderFiles(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
		dir := r.out(f.out, len(rings) > 1)
		switch {
		case f.stdout:
			err = a.printFiles(files)
		case f.check:
			var same bool
			same, err = a.checkTree(dir, files)
			different = different || !same
		default:
			err = a.writeTree(ctx, dir, files, f.force)
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

func renderFiles(r *ring) ([]tree.File, error) {
	docs, err := system.Render(r.compiled, r.phases)
	if err != nil {
		return nil, err
	}
	return encode(docs)
}

func encode(docs []manifest.File) ([]tree.File, error) {
	files := make([]tree.File, len(docs))
	for i, d := range docs {
		data, err := d.Bytes()
		if err != nil {
			return nil, err
		}
		files[i] = tree.File{Path: d.Path, Data: data}
	}
	return files, nil
}

// printFiles prints files one after the other, each headed by its path.
func (a *app) printFiles(files []tree.File) error {
	for _, file := range files {
		if _, err := fmt.Fprintf(a.stdout, "---\n# File: %s\n%s", file.Path, file.Data); err != nil {
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
