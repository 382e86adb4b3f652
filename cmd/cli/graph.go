package cli

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

func newGraph(a *app) *cobra.Command {
	var out outputs
	cmd := &cobra.Command{
		Use:   "graph [TOPOLOGY | FOLDER]...",
		Short: "Draw the regions, and who seeds from whom",
		Long: `graph draws a topology where its rollout stands: each region with its datacenter,
cluster, network, phase and the gate that it waits at, and an arrow from each
source to the regions that are built from it. An arrow is solid while the region
joins or is rebuilt, and dashed before and after.

Mermaid is for Markdown on GitHub, dot for Graphviz, and svg for any browser,
light or dark. Of a fleet, mermaid and svg draw one topology at a time.`,
		Example: "  ringplan graph\n  ringplan graph --phase us-west1=rebuilding\n  ringplan graph -o mermaid=ring.mmd,svg=ring.svg",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.graph(cmd.Context(), args, out)
		},
	}
	out.add(cmd, "text", "mermaid", "dot", "svg")
	addPhaseFlag(a, cmd)
	return cmd
}

func (a *app) graph(ctx context.Context, args []string, o outputs) error {
	rings, err := a.usable(ctx, args)
	if err != nil {
		return err
	}
	if format := forOne(o); format != "" && len(rings) > 1 {
		var files []string
		for _, r := range rings {
			files = append(files, filepath.ToSlash(r.file))
		}
		return usage("-o %s draws one topology, and %d are there: name one of %s", format, len(rings), strings.Join(files, ", "))
	}
	var graphs []report.Graph
	for _, r := range rings {
		graphs = append(graphs, graphOf(r))
	}
	return a.emit(o, func(format string, style report.Style) (string, error) {
		return joined(graphs, func(g report.Graph) string { return drawn(g, format, style) }), nil
	})
}

// forOne returns the first format of an output that holds one topology only,
// or "".
func forOne(o outputs) string {
	for _, out := range o.list {
		if out.format == "mermaid" || out.format == "svg" {
			return out.format
		}
	}
	return ""
}

func drawn(g report.Graph, format string, style report.Style) string {
	switch format {
	case "mermaid":
		return report.GraphMermaid(g)
	case "dot":
		return report.GraphDot(g)
	case "svg":
		return report.GraphSVG(g)
	}
	return report.GraphText(g, style)
}

// graphOf returns the picture of a ring: the regions of its topology, in its
// order, each where it stands now.
func graphOf(r *ring) report.Graph {
	g := report.Graph{Topology: r.Metadata.Name, System: r.Spec.System, Version: r.Spec.Version}
	for i := range r.Spec.Regions {
		g.Regions = append(g.Regions, graphRegion(r, &r.Spec.Regions[i]))
	}
	return g
}

func graphRegion(r *ring, region *topology.Region) report.GraphRegion {
	p, member := r.at.At(region.Name), r.members.Member(region.Name)
	ranges, _ := region.CassandraRanges()
	out := report.GraphRegion{
		Name: region.Name, Datacenter: region.Datacenter, Platform: region.Platform, Cluster: region.Kubernetes.Cluster,
		Rack: region.Rack, Replicas: region.Cassandra.Replicas, HostNetwork: region.HostNetwork(),
		Ranges: ranges, Model: region.Network.Model, Isolated: region.Network.Isolated,
		Source: member.Source, Live: r.system.Procedures.NeedsSeed(p),
		Procedure: p.Procedure, Phase: p.Phase,
	}
	if p.Phase == stage.Planned {
		out.Procedure = member.Procedure.Name
	}
	if procedure := r.system.Procedures.Named(p.Procedure); procedure != nil && !p.Phase.Rests() {
		out.Leaves = procedure.Drops
		if gate := procedure.Gate(p.Phase); gate != nil {
			out.Gate = gate.Name
		}
	}
	return out
}
