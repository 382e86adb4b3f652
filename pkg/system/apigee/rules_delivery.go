package apigee

import (
	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

func (g *ring) deliveryRules() []lint.Rule {
	return []lint.Rule{
		{
			Code: "RP164", Name: "rendered-without-cluster", Severity: diag.Warning,
			Summary: "The charts are rendered where they cannot ask the cluster, and render something else than they should.",
			Why: "Argo CD runs `helm template`, and committed manifests are rendered with the topology: a chart that asks the cluster is told that there is nothing. " +
				"The operator's chart then makes a certificate authority of its own in a further region, instead of using the one that was copied: regions that do not share one refuse each other. " +
				"CSI backups and cassandra.networks do not render at all.",
			Fix: "Deliver by Flux with spec.flux.engine: helm, which asks. Or, for a further region, set ao.certManagerCAIssuerEnabled: false in its values, " +
				"and make the ClusterIssuer apigee-ca-issuer from the copied Secret yourself.",
			Source: "[ARGO] Helm is run as a template engine; [C15] [C16] the templates that look up",
			Check:  g.checkBlind,
		},
	}
}

// blindly reports whether an engine, or ringplan for it, renders the charts
// without a cluster to ask.
func blindly(t *topology.Topology) bool {
	return t.Delivers(topology.EngineArgoCD) || t.DeliversBy(topology.EngineFlux, topology.DeliverRendered)
}

func (g *ring) checkBlind(p *lint.Pass) {
	if !blindly(g.Topology) {
		return
	}
	for i := range g.Spec.Regions {
		r := &g.Spec.Regions[i]
		issues, said := g.overrides(r, stage.Progress{Phase: stage.Serving}).Lookup("ao", "certManagerCAIssuerEnabled")
		if r.ExpandFrom != "" && !(said && issues == false) {
			p.Report(r.Path(""), "", "the operator's chart would make a certificate authority of its own in region %s", r.Name)
		}
	}
	if g.Spec.Cassandra.Backup.CSI != nil {
		p.ReportAs(diag.Error, "spec.cassandra.backup.csi", "deliver by Flux with spec.flux.engine: helm", "the charts do not render CSI backups where they cannot look for the storage class")
	}
	g.eachOverride("cassandra.networks", func(path string, _ any, _ *topology.Region) {
		p.ReportAs(diag.Error, path, "deliver by Flux with spec.flux.engine: helm", "the charts do not render cassandra.networks where they cannot look for the networks")
	})
}
