package report

import (
	"fmt"
	"strings"
)

// GraphDot draws a graph for Graphviz: a cluster for each network, a node for
// each region, and an edge from each source, solid while it is live.
func GraphDot(g Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", dotID(g.Topology))
	fmt.Fprintf(&b, "  graph [rankdir=LR, newrank=true, bgcolor=transparent, nodesep=0.4, ranksep=0.9, fontname=\"Helvetica\", fontsize=12, fontcolor=\"#6e7781\", labelloc=t, label=%s];\n",
		dotLabel("", "Ring of "+g.Topology, g.System+" "+g.Version, g.counts()))
	b.WriteString("  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, margin=\"0.2,0.14\"];\n")
	b.WriteString("  edge [fontname=\"Helvetica\", fontsize=10, color=\"#6e7781\", fontcolor=\"#6e7781\"];\n")
	for n, network := range g.networks() {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s; color=\"#8c959f\"; style=rounded;\n", n+1, dotLabel("", network.title))
		for _, i := range network.regions {
			r := g.Regions[i]
			t, style := tints[r.kind()], "rounded,filled"
			if r.kind().dashed() {
				style += ",dashed"
			}
			fmt.Fprintf(&b, "    %s [label=%s, style=%q, fillcolor=%q, color=%q, fontcolor=%q];\n", dotID(r.Name), dotLabel(`\l`, r.label()...), style, t.fill, t.line, t.ink)
		}
		b.WriteString("  }\n")
	}
	for _, e := range g.edges() {
		r, style := g.Regions[e.to], "dashed"
		if r.Live {
			style = "solid, penwidth=2"
		}
		fmt.Fprintf(&b, "  %s -> %s [label=\"%s\", style=%s];\n", dotID(g.Regions[e.from].Name), dotID(r.Name), r.seeding(), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// dotID quotes an ID of the DOT language.
func dotID(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain(text)) + `"`
}

// dotLabel quotes the lines of a label, each closed by an end, or all but the
// last by a centred one. What Graphviz would replace in a label stays as it is.
func dotLabel(end string, lines ...string) string {
	var b strings.Builder
	b.WriteString(`"`)
	for i, line := range lines {
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(plain(line)))
		switch {
		case end != "":
			b.WriteString(end)
		case i < len(lines)-1:
			b.WriteString(`\n`)
		}
	}
	b.WriteString(`"`)
	return b.String()
}
