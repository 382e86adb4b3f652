package argocd

import (
	"maps"
	"slices"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Rules are those of delivery by Argo CD.
var Rules = []lint.Rule{
	{
		Code: "RP162", Name: "argocd-cannot", Severity: diag.Error, Always: true,
		Summary: "Argo CD cannot deliver what the topology asks for.",
		Why:     "It would refuse what is rendered, or leave a part of it out.",
		Fix:     "Change the field that is named; with spec.argocd.engine: rendered Argo CD applies the manifests that are committed, and needs to know nothing of charts and overlays.",
		Source:  "[ARGO]",
		Check:   checkCannot,
	}, {
		Code: "RP163", Name: "argocd-by-hand", Severity: diag.Warning,
		Summary: "Argo CD cannot take the custom resource definitions out of a chart of a registry.",
		Why:     "No application brings them: the first sync of a region fails until somebody has applied them, and an upgrade goes on with those of the old version.",
		Fix:     "Apply them by hand, as `ringplan plan --commands` says; or keep the charts in a folder of the repository; or set spec.argocd.engine to rendered.",
		Source:  "[ARGO] a source with a chart is rendered by helm template; [C15] the definitions are in etc/crds of the operator's chart",
		Check: func(p *lint.Pass) {
			if p.DeliversBy(topology.EngineArgoCD, topology.DeliverHelm) && p.Spec.Charts.Path == "" {
				p.Report("spec.argocd", "", "the custom resource definitions are in a chart of a registry: no application applies them")
			}
		},
	},
}

func checkCannot(p *lint.Pass) {
	if p.Delivers(topology.EngineArgoCD) && deliver.Before(p.Spec.ArgoCD.Version, Oldest) {
		p.Report("spec.argocd.version", "upgrade Argo CD, and set this to "+Oldest+" or newer; with engine: rendered it is no safer", "Argo CD %s is too old: it asks nobody before it removes data, which it can since %s", p.Spec.ArgoCD.Version, Oldest)
	}
	if !p.DeliversBy(topology.EngineArgoCD, topology.DeliverHelm) {
		return
	}
	for _, chart := range slices.Sorted(maps.Keys(p.Located)) {
		if where := p.Located[chart]; packed(where) {
			p.Report("spec.charts.path", "unpack it", "Argo CD does not render the packed chart %s of a Git repository", where)
		}
	}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if _, changed := system.OverlayFile(p.Topology, r); changed {
			p.Report(r.Path("overlay"), "set spec.argocd.engine to rendered", "Argo CD changes nothing in what it renders of a chart: the overlay of region %s would be left out", r.Name)
		}
	}
}
