package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A tint is how a kind of region is filled, in diagrams that are seen on light
// and dark pages: it brings its own background.
type tint struct{ fill, line, ink string }

var tints = map[kind]tint{
	kindPlanned: {"#eaeef2", "#6e7781", "#32383f"},
	kindMoving:  {"#fff3cd", "#b07d00", "#573d00"},
	kindServing: {"#dcf5e1", "#2c8a47", "#0f4a20"},
	kindLeaving: {"#ffe3df", "#c2412f", "#701a10"},
	kindGone:    {"#f6f8fa", "#8c959f", "#57606a"},
}

// dashed reports whether regions of a kind have a dashed frame: they are not
// in the ring.
func (k kind) dashed() bool { return k == kindPlanned || k == kindGone }

// GraphMermaid draws a graph as a Mermaid flowchart, which GitHub renders: a
// box for each network, a node for each region, and an edge from each source,
// solid while it is live.
func GraphMermaid(g Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "flowchart LR\n  accTitle: Ring of %s\n  accDescr: %s\n", mermaidText(g.Topology), mermaidText(g.System+" "+g.Version+", "+g.counts()))
	for n, network := range g.networks() {
		fmt.Fprintf(&b, "  subgraph n%d[\"%s\"]\n    direction LR\n", n+1, mermaidText(network.title))
		for _, i := range network.regions {
			r := g.Regions[i]
			var lines []string
			for _, line := range r.label() {
				lines = append(lines, mermaidText(line))
			}
			fmt.Fprintf(&b, "    r%d[\"%s\"]:::%s\n", i+1, strings.Join(lines, "<br/>"), r.kind())
		}
		fmt.Fprintf(&b, "  end\n  class n%d network\n", n+1)
	}
	for _, e := range g.edges() {
		r, arrow := g.Regions[e.to], "-.->"
		if r.Live {
			arrow = "==>"
		}
		fmt.Fprintf(&b, "  r%d %s|%s| r%d\n", e.from+1, arrow, r.seeding(), e.to+1)
	}
	b.WriteString("  classDef network fill:none,stroke:#8c959f\n")
	for _, k := range kinds {
		if !slices.ContainsFunc(g.Regions, func(r GraphRegion) bool { return r.kind() == k }) {
			continue
		}
		t, dashes := tints[k], ""
		if k.dashed() {
			dashes = ",stroke-dasharray:5 4"
		}
		fmt.Fprintf(&b, "  classDef %s fill:%s,stroke:%s,color:%s%s\n", k, t.fill, t.line, t.ink, dashes)
	}
	return b.String()
}

// label returns the few lines that a node of a diagram holds.
func (r GraphRegion) label() []string {
	lines := []string{
		r.Name,
		fmt.Sprintf("%s, %s × %d", dash(r.Datacenter), dash(r.Rack), r.Replicas),
		dash(r.Platform) + ", " + dash(r.Cluster),
		r.owner() + " " + r.shortRanges(2),
		r.standing(),
	}
	if r.Gate != "" {
		lines = append(lines, "waits at "+r.Gate)
	}
	return lines
}

// mermaidText escapes a text for a quoted label: letters, digits and what is
// harmless stay, everything else becomes an entity code.
func mermaidText(text string) string {
	var b strings.Builder
	for _, c := range plain(text) {
		if unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune(" .,:/()+-×–", c) {
			b.WriteRune(c)
			continue
		}
		fmt.Fprintf(&b, "#%d;", c)
	}
	return b.String()
}
