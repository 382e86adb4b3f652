package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/system"
)

func newOverlay(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "overlay FOLDER",
		Short: "Apply the overlay of a rendered region to manifests: a post-renderer of Helm's",
		Long: `overlay reads manifests from the standard input, applies the overlay of a region,
and writes them to the standard output. FOLDER is the rendered folder of the
region. Helm calls it for each release:

  helm upgrade … --post-renderer ringplan --post-renderer-args overlay --post-renderer-args rendered/us-east1

The commands of "ringplan plan --commands" do so where a region has an overlay.
A patch that finds nothing in one release may be for another, and is no error
here; "ringplan lint --manifests" sees whether it finds anything at all. Objects
that components add are left out: they are in the kustomization of FOLDER.`,
		Example: "  helm template … | ringplan overlay rendered/us-east1",
		Args:    oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.needLibraries(); err != nil {
				return err
			}
			return a.overlay(args[0], cmd.InOrStdin())
		},
	}
}

// oneFolder is for verbs that take a folder.
func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s wants one folder, not %d", cmd.Name(), len(args))
	}
	return nil
}

func (a *app) overlay(folder string, in io.Reader) error {
	component, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(system.OverlayName)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s has no %s: it is no rendered folder of a region, or the region has no overlay", filepath.ToSlash(folder), system.OverlayName)
	case err != nil:
		return err
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	objects, err := a.libraries.Documents("the standard input", string(text))
	if err != nil {
		return err
	}
	docs := make([]map[string]any, len(objects))
	for i, o := range objects {
		docs[i] = o.Doc
	}
	top, err := filepath.Abs(filepath.Join(folder, "..", "..")) // of the topology
	if err != nil {
		return err
	}
	files, dir := openRepository(top)
	docs, problems := a.libraries.Overlay(component, files, dir, docs)
	if docs == nil && len(objects) > 0 {
		return fmt.Errorf("%s: %w", path.Join(filepath.ToSlash(folder), system.OverlayName), refusal(problems))
	}
	return a.printOwn(docs, objects, a.addedBy(component, files, dir))
}

// refusal returns why an overlay cannot be applied. Without a component, patches
// may find nothing that it would add.
func refusal(problems []release.OverlayProblem) error {
	isComponent := func(p release.OverlayProblem) bool { return p.Component != "" }
	component := slices.ContainsFunc(problems, isComponent)
	var failed []error
	for _, p := range problems {
		if !component || isComponent(p) {
			failed = append(failed, errors.New(p.Message))
		}
	}
	return errors.Join(failed...)
}

// printOwn prints documents but those that components add, which would be in
// every release.
func (a *app) printOwn(docs []map[string]any, objects []release.Object, more []map[string]any) error {
	added := map[string]bool{}
	for _, doc := range more {
		added[release.Object{Doc: doc}.ID("")] = true
	}
	for _, o := range objects {
		delete(added, o.ID(""))
	}
	file := manifest.File{}
	for _, doc := range docs {
		if !added[release.Object{Doc: doc}.ID("")] {
			file.Docs = append(file.Docs, ordered(doc))
		}
	}
	if len(file.Docs) == 0 {
		return nil
	}
	data, err := manifest.Encode([]manifest.File{file})
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(data[0])
	return err
}

// addedBy returns what an overlay makes of nothing, which is what its components
// add.
func (a *app) addedBy(component []byte, files fs.FS, dir string) []map[string]any {
	nothing := map[string]any{"apiVersion": "ringplan.dev/v1alpha1", "kind": "Nothing", "metadata": map[string]any{"name": "nothing"}}
	docs, _ := a.libraries.Overlay(component, files, dir, []map[string]any{nothing})
	return docs
}
