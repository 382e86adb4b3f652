// Package helmfile renders a helmfile for each region, for teams that run no
// engine: the same releases, with their order, values and versions [HELMFILE].
package helmfile

import (
	"path"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Name is the file in the folder of each region.
const Name = "helmfile.yaml"

// up leads from the folder of a region to that of the topology.
const up = "../.."

// Files returns a helmfile for each region of a plan that has releases.
func Files(p deliver.Plan) ([]manifest.File, error) {
	var files []manifest.File
	for _, r := range p.Regions {
		if len(r.Releases) == 0 {
			continue
		}
		f := deliver.File(r.Name+"/"+Name, header(p, r), document(p, r))
		f.Origin = p.At(r.Path(""))
		files = append(files, f)
	}
	return files, nil
}

func header(p deliver.Plan, r deliver.Region) string {
	text := "The releases of region " + r.Name + ", for `helmfile -f " + path.Join(deliver.Rendered, r.Name, Name) + " apply` in the folder of the topology.\n" +
		"Definitions and Secrets come first, and a release that leaves is removed by hand"
	if p.Delivers(topology.EngineFlux) || p.Delivers(topology.EngineArgoCD) {
		return text + ", with `helm uninstall`.\n`ringplan plan --commands` tells only what to do where the other engine of the topology delivers."
	}
	return text + ": `ringplan plan --commands` tells how."
}

func document(p deliver.Plan, r deliver.Region) *manifest.Map {
	defaults := manifest.NewMap("createNamespace", true, "wait", true, "timeout", 900, "atomic", false).
		Comment("atomic", "Nothing is rolled back: that could bring a seed host back.").
		SetNonZero("kubeContext", r.Kubernetes.Context)
	doc := manifest.NewMap("helmDefaults", defaults)
	const repository = "charts"
	if p.Charts != "" {
		doc.Set("repositories", []any{manifest.NewMap("name", repository, "url", p.Charts[len("oci://"):], "oci", true)})
	}
	var releases []any
	for _, rel := range r.Releases {
		m := manifest.NewMap("name", rel.Name, "namespace", p.Spec.Namespace)
		if p.Charts != "" {
			m.Set("chart", repository+"/"+rel.Chart).Set("version", p.Spec.Version)
		} else {
			m.Set("chart", path.Join(up, p.ChartPath(rel.Chart)))
		}
		m.SetNonZero("needs", needs(p, rel))
		m.Set("values", []string{r.Overrides})
		m.SetNonZero("set", deliver.Named(rel.Set))
		if p.Overlaid(r) {
			m.Set("postRenderer", "ringplan").Set("postRendererArgs", []string{"overlay", "."})
		}
		releases = append(releases, m)
	}
	return doc.Set("releases", releases)
}

func needs(p deliver.Plan, rel system.Release) []string {
	var list []string
	for _, before := range rel.After {
		list = append(list, p.Spec.Namespace+"/"+before)
	}
	return list
}
