package story

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ringplan/ringplan/cmd/conformance/internal/argo"
	"github.com/ringplan/ringplan/cmd/conformance/internal/cluster"
	"github.com/ringplan/ringplan/cmd/conformance/internal/flux"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// groups are the API groups whose objects must be accepted.
var groups = []string{".fluxcd.io/", "argoproj.io/", "apigee.cloud.google.com/"}

// phases are those of the second region for which everything is rendered.
var phases = []string{"joining", "rebuilding", "settling", "serving"}

// acceptance asks an API server, with the real definitions, whether it would take
// what is rendered for each engine, in every phase of an expansion.
func acceptance(w *world.World) []step {
	var steps []step
	defined := false
	for _, d := range deliveries {
		steps = append(steps, step{Scenario{accepted, d.Name()}, func(ctx context.Context) error {
			if !defined {
				if err := define(ctx, w); err != nil {
					return err
				}
				defined = true
			}
			return accept(ctx, w, d)
		}})
	}
	return steps
}

// define makes what there is where something is rendered for.
func define(ctx context.Context, w *world.World) error {
	if err := w.Define(ctx, "apigee/*.yaml", "argocd/*.yaml", "flux/*.yaml"); err != nil {
		return err
	}
	for _, name := range []string{world.Namespace, argo.Namespace, flux.Namespace} {
		if err := w.Hub().ApplyText(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+name+"}}"); err != nil {
			return err
		}
	}
	return nil
}

func accept(ctx context.Context, w *world.World, delivery world.Delivery) error {
	w.Packed = "registry.invalid/charts"
	if err := w.WriteTopology(delivery); err != nil {
		return err
	}
	count := 0
	for _, phase := range phases {
		out := filepath.Join(w.Folder, delivery.Name()+"-"+phase)
		if _, err := w.Ringplan(ctx, world.Fine, "render", "--phase", world.Second+"="+phase, "--out", out); err != nil {
			return err
		}
		asked, err := acceptFolder(ctx, w.Hub(), out)
		if err != nil {
			return fmt.Errorf("at phase %s: %w", phase, err)
		}
		count += asked
	}
	w.Say("the API server would take all %d objects for %s", count, delivery.Name())
	return nil
}

// acceptFolder asks for all objects below a folder, and returns how many they are.
func acceptFolder(ctx context.Context, c *cluster.Cluster, folder string) (int, error) {
	count, failed := 0, error(nil)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects, err := cluster.Read(text)
		if err != nil {
			return nil //nolint:nilerr // not of Kubernetes, such as overrides
		}
		for _, object := range objects {
			if !wanted(object) {
				continue
			}
			count++
			if err := c.Accepts(ctx, object); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", filepath.Base(path), err))
			}
		}
		return nil
	})
	if count == 0 && err == nil {
		err = errors.New("no objects are rendered")
	}
	return count, errors.Join(err, failed)
}

// wanted tells whether an object is of one of the groups.
func wanted(object *unstructured.Unstructured) bool {
	for _, group := range groups {
		if strings.Contains(object.GetAPIVersion(), group) {
			return true
		}
	}
	return false
}
