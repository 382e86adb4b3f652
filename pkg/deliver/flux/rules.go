package flux

import (
	"strings"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Rules are those of delivery by Flux.
var Rules = []lint.Rule{
	{
		Code: "RP160", Name: "flux-cannot", Severity: diag.Error, Always: true,
		Summary: "Flux cannot deliver what the topology asks for.",
		Why:     "Its controllers would refuse what is rendered, or leave a part of it out.",
		Fix:     "Change the field that is named; with spec.flux.engine: rendered Flux applies the manifests that are committed, and needs to know nothing of charts and overlays.",
		Source:  "[FLUX]",
		Check:   checkCannot,
	}, {
		Code: "RP161", Name: "flux-waits-less", Severity: diag.Warning,
		Summary: "This version of Flux does not wait until Apigee's custom resources are well.",
		Why:     "Its HelmReleases are ready once Helm has applied them, and the next release follows at once: the organization before Cassandra runs, say. The operator sorts that out, but later, and with errors on the way.",
		Fix:     "Set spec.flux.version to 2.8 or newer, or spec.flux.engine to rendered.",
		Source:  "[FLUX] healthCheckExprs of a HelmRelease, since 2.8",
		Check: func(p *lint.Pass) {
			if p.DeliversBy(topology.EngineFlux, topology.DeliverHelm) && deliver.Before(p.Spec.Flux.Version, sinceHelmHealth) && !deliver.Before(p.Spec.Flux.Version, Oldest) {
				p.Report("spec.flux.version", "", "Flux %s cannot wait for custom resources of a Helm release", p.Spec.Flux.Version)
			}
		},
	},
}

func checkCannot(p *lint.Pass) {
	f := p.Spec.Flux
	if !p.Delivers(topology.EngineFlux) {
		return
	}
	if deliver.Before(f.Version, Oldest) {
		p.Report("spec.flux.version", "upgrade Flux, and set this to "+Oldest+" or newer; engine: rendered needs that no less", "Flux %s is too old: a Kustomization has health expressions since %s", f.Version, Oldest)
	}
	if f.Engine != topology.DeliverHelm {
		return
	}
	if folder := p.Spec.Charts.Path; folder != "" {
		if f.Source.Kind != "GitRepository" && f.Source.Kind != "Bucket" {
			p.Report("spec.flux.source.kind", "", "Flux takes charts in a folder from a GitRepository or a Bucket, and not from %s", an(f.Source.Kind))
		}
		for chart, where := range p.Located {
			if strings.HasSuffix(where, ".tgz") && strings.HasSuffix(chart, "-operator") {
				p.Report("spec.charts.path", "unpack it", "Flux cannot take the custom resource definitions out of the packed chart %s", where)
			}
		}
	}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		for _, part := range Lacks(p.Topology, r) {
			p.Report(r.Path("overlay"), "say it with patches, or set spec.flux.engine to rendered", "Flux has no %s in its post-renderers, only patches and images", part)
		}
	}
}

// an puts an article before the kind of a source.
func an(kind string) string {
	if strings.HasPrefix(kind, "O") || strings.HasPrefix(kind, "E") {
		return "an " + kind
	}
	return "a " + kind
}
