// Package apigee brings everything that is particular to Apigee hybrid: what
// its charts are told for each region, the order of their releases, how a
// datacenter joins the ring, and the rules that its documents state. It is
// pure: a topology goes in, files come out. Keys in brackets, such as [MR],
// resolve in pkg/README.md.
package apigee

import (
	"fmt"
	"path"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// System returns Apigee hybrid.
func System() system.System {
	return system.System{
		Name:       "apigee-hybrid",
		Procedures: procedures,
		Rules:      rules,
		New:        compile,
		Judge:      decide,
		Effects:    effects,
		Live:       live,
		Scripts:    scripts(),
		Skeleton:   skeleton,
	}
}

// ring is a compiled topology. A nil ring serves where only rules' texts are
// wanted.
type ring struct {
	*topology.Topology
	config
	line line
}

func compile(t *topology.Topology) (system.Ring, error) {
	g := &ring{Topology: t, line: parseLine(t.Spec.Version)}
	wrapper := struct {
		Spec *config `json:"spec"`
	}{&g.config}
	if err := t.Decode(&wrapper); err != nil {
		return nil, fmt.Errorf("apigee-hybrid: %w", err)
	}
	return g, nil
}

// Members implements [system.Ring].
func (g *ring) Members() stage.Ring {
	members := make(stage.Ring, len(g.Spec.Regions))
	for i := range g.Spec.Regions {
		r := &g.Spec.Regions[i]
		members[i] = stage.Member{Region: r.Name, Source: r.ExpandFrom, Procedure: &expand}
		if r.ExpandFrom == "" {
			members[i].Procedure = &install
		}
	}
	return members
}

// Render implements [system.Ring].
func (g *ring) Render(at stage.Progress) ([]manifest.File, error) {
	r := g.Region(at.Region)
	if r == nil {
		return nil, fmt.Errorf("apigee-hybrid: no region %q", at.Region)
	}
	if !at.Phase.InRing() || at.Phase == purging {
		return nil, nil
	}
	files := []manifest.File{
		g.overridesFile(r, at),
		g.releasesFile(r, at),
	}
	var resources []string
	if at.Phase == rebuilding {
		files = append(files, g.replicationFile(r, at))
		resources = append(resources, replicationName)
	}
	overlay, changed := system.OverlayFile(g.Topology, r)
	files = append(files, g.kustomizationFile(r, resources, changed))
	if changed {
		files = append(files, overlay)
	}
	for i := range files {
		files[i].Path = r.Name + "/" + files[i].Path
		files[i].Origin = g.At(r.Path(""))
	}
	return files, nil
}

// kustomizationFile lists the custom resources of the region, so that any
// engine can apply the folder. The namespace keeps it valid while there are
// none: kustomize refuses a file that says nothing.
func (g *ring) kustomizationFile(r *topology.Region, resources []string, changed bool) manifest.File {
	list := make([]any, len(resources))
	for i, name := range resources {
		list[i] = name
	}
	doc := manifest.NewMap(
		"apiVersion", "kustomize.config.k8s.io/v1beta1",
		"kind", "Kustomization",
		"namespace", g.Spec.Namespace,
		"resources", list,
	)
	if changed {
		doc.Set("components", []any{path.Dir(system.OverlayName)})
	}
	return manifest.File{
		Path:   "kustomization.yaml",
		Header: system.Generated + "\nThe custom resources of region " + r.Name + " at this phase.",
		Docs:   []*manifest.Map{doc},
		Rule:   "kustomization",
	}
}
