// Package deliver holds what the engines that deliver rendered files have in
// common: what is delivered, where it lies in Git, and how objects are named.
// Each engine is a room of its own below this one. All of it is pure.
package deliver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Folders: the rendered tree, beside the topology; what charts render, in the
// folder of a region, where it is committed; and definitions in that.
const (
	Rendered          = "rendered"
	Manifests         = "manifests"
	DefinitionsFolder = "custom-resource-definitions"
)

// A Plan is what an engine delivers of a ring.
type Plan struct {
	*topology.Topology
	// Charts is the OCI repository of the charts; "" if they are in a folder of
	// the Git repository.
	Charts string
	// Scripts tell Argo CD how custom resources are.
	Scripts []system.Script
	// Regions are those that something is rendered for.
	Regions []Region
}

// A Region is what an engine delivers in one region.
type Region struct {
	*topology.Region
	system.Delivery
	// overrides are the values of every release.
	overrides *manifest.Map
}

// NewPlan returns what engines deliver of a ring where it stands, given the files
// that are rendered for it.
func NewPlan(t *topology.Topology, s system.System, ring system.Ring, at stage.Rollout, files []manifest.File) Plan {
	p := Plan{Topology: t, Scripts: s.Scripts}
	if t.Spec.Charts.Path == "" {
		p.Charts = ring.Repository()
	}
	for i := range t.Spec.Regions {
		r := Region{Region: &t.Spec.Regions[i]}
		var there bool
		if r.Delivery, there = ring.Delivery(at.At(r.Name)); !there {
			continue
		}
		for _, f := range files {
			if f.Path == r.Name+"/"+r.Overrides {
				r.overrides = f.Docs[0]
			}
		}
		p.Regions = append(p.Regions, r)
	}
	return p
}

// Values returns the values of every release of the region as YAML.
func (r Region) Values() (string, error) {
	data, err := manifest.Encode([]manifest.File{{Path: r.Overrides, Docs: []*manifest.Map{r.overrides}}})
	if err != nil {
		return "", err
	}
	return string(data[0]), nil
}

// Release returns the release of that name, or nil.
func (r Region) Release(name string) *system.Release {
	i := slices.IndexFunc(r.Releases, func(rel system.Release) bool { return rel.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Releases[i]
}

// Depth returns how many releases one after the other come before a release: 0
// for one that waits for none.
func (r Region) Depth(name string) int {
	depth := 0
	if rel := r.Release(name); rel != nil {
		for _, before := range rel.After {
			depth = max(depth, r.Depth(before)+1)
		}
	}
	return depth
}

// Overlaid reports whether an overlay changes what the region renders.
func (p Plan) Overlaid(r Region) bool {
	_, changed := system.OverlayFile(p.Topology, r.Region)
	return changed
}

// ChartInRepository returns the path in the Git repository of a chart that is in a
// folder.
func (p Plan) ChartInRepository(chart string) string { return p.InRepository(p.ChartPath(chart)) }

// Folder returns the folder of a Git repository in which engines look for the
// topology, and false where none of them reads it there: an artifact of another kind
// may have been made of a part of the repository.
func Folder(t *topology.Topology) (string, bool) {
	byFlux := t.Delivers(topology.EngineFlux) && t.Spec.Flux.Source.Kind == "GitRepository"
	return t.InRepository(), byFlux || t.Delivers(topology.EngineArgoCD)
}

// maxName is how long the name of an object of an engine may be: engines put it
// into labels.
const maxName = 63

// Name returns the name of an object of a region, such as TOPOLOGY-REGION-operator.
// A name that would be too long is shortened, and stays unique by a digest.
func (p Plan) Name(r Region, parts ...string) string { return Name(p.Topology, r.Region, parts...) }

// Name is [Plan.Name] where there is no plan.
func Name(t *topology.Topology, r *topology.Region, parts ...string) string {
	name := strings.Join(append([]string{t.Metadata.Name, r.Name}, parts...), "-")
	if len(name) <= maxName {
		return name
	}
	digest := "-" + Digest(name, 7)
	return strings.TrimRight(name[:maxName-len(digest)], "-") + digest
}

// Digest returns the first hex digits of the SHA-256 of a text.
func Digest(text string, digits int) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:digits]
}

// Named lists the values of maps, each as a map with name and value; nil maps have
// none.
func Named(maps ...*manifest.Map) []any {
	var list []any
	for _, values := range maps {
		for _, key := range values.Keys() {
			value, _ := values.Get(key)
			list = append(list, manifest.NewMap("name", key, "value", fmt.Sprint(value)))
		}
	}
	return list
}

// File returns a file of documents, none of which is empty.
func File(name, header string, docs ...*manifest.Map) manifest.File {
	return manifest.File{Path: name, Header: system.Generated + "\n" + header, Docs: docs, Rule: "delivery"}
}

// Kustomization returns the kustomization of a folder.
func Kustomization(folder, header string, resources ...string) manifest.File {
	return File(folder+"/kustomization.yaml", header, manifest.NewMap(
		"apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization", "resources", resources,
	))
}

// Before reports whether a version such as 2.7 is older than another.
func Before(version, other string) bool {
	var a, b [2]int
	_, _ = fmt.Sscanf(version, "%d.%d", &a[0], &a[1])
	_, _ = fmt.Sscanf(other, "%d.%d", &b[0], &b[1])
	return slices.Compare(a[:], b[:]) < 0
}
