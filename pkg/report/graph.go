package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

// A Graph is the picture of one topology: its regions, and who seeds from whom.
type Graph struct {
	Topology, System, Version string
	Regions                   []GraphRegion
}

// A GraphRegion is one region of a Graph.
type GraphRegion struct {
	Name, Datacenter, Platform, Cluster, Rack string
	Replicas                                  int
	HostNetwork                               bool
	// Ranges are the CIDRs that Cassandra's addresses come from.
	Ranges []string
	// Model is the network model, flat or island, and Isolated that of a
	// network whose ranges only count inside it.
	Model    string
	Isolated bool
	// Source is the region that this one was, or will be, built from, and Live
	// is true while it joins or is rebuilt from there.
	Source string
	Live   bool
	// Procedure and Phase are where the region stands, and Leaves is true while
	// the region is on its way out of the ring.
	Procedure string
	Phase     stage.Phase
	Leaves    bool
	// Gate is what it waits for, "" if for nothing.
	Gate string
}

// A kind is what the colour of a region stands for.
type kind string

const (
	kindPlanned kind = "planned"
	kindMoving  kind = "moving"
	kindServing kind = "serving"
	kindLeaving kind = "leaving"
	kindGone    kind = "gone"
)

// kinds lists every kind, in the order in which a region comes to them.
var kinds = []kind{kindPlanned, kindMoving, kindServing, kindLeaving, kindGone}

func (r GraphRegion) kind() kind {
	switch {
	case r.Phase == stage.Planned:
		return kindPlanned
	case r.Phase == stage.Serving:
		return kindServing
	case r.Phase == stage.Gone:
		return kindGone
	case r.Leaves:
		return kindLeaving
	}
	return kindMoving
}

// seeding says what the source of a region does for it.
func (r GraphRegion) seeding() string {
	switch {
	case r.Live:
		return "seeds"
	case r.Phase == stage.Planned:
		return "will seed"
	}
	return "seeded"
}

// standing returns the phase, with the procedure where one is ahead or under way.
func (r GraphRegion) standing() string {
	phase := dash(string(r.Phase))
	if r.Procedure == "" || r.Phase == stage.Serving || r.Phase == stage.Gone {
		return phase
	}
	return phase + " (" + r.Procedure + ")"
}

// network describes the network in words, such as "island, hostNetwork".
func (r GraphRegion) network() string {
	words := []string{dash(r.Model)}
	if r.HostNetwork {
		words = append(words, "hostNetwork")
	}
	if r.Isolated {
		words = append(words, "isolated")
	}
	return strings.Join(words, ", ")
}

// owner says whose addresses the ranges are.
func (r GraphRegion) owner() string {
	if r.HostNetwork {
		return "nodes"
	}
	return "pods"
}

// shortRanges lists as many ranges as asked for, and counts the others.
func (r GraphRegion) shortRanges(most int) string {
	if len(r.Ranges) <= most {
		return dash(strings.Join(r.Ranges, ", "))
	}
	return fmt.Sprintf("%s +%d more", strings.Join(r.Ranges[:most], ", "), len(r.Ranges)-most)
}

// counts says how many regions there are, and how many of them at each phase.
func (g Graph) counts() string {
	text := Count(len(g.Regions), "region")
	number := map[stage.Phase]int{}
	var phases []stage.Phase
	for _, r := range g.Regions {
		if number[r.Phase] == 0 {
			phases = append(phases, r.Phase)
		}
		number[r.Phase]++
	}
	for i, phase := range phases {
		text += []string{": ", ", "}[min(i, 1)] + fmt.Sprintf("%d %s", number[phase], dash(string(phase)))
	}
	return text
}

// A graphEdge goes from a source to a region that is built from it; both are
// places in Graph.Regions.
type graphEdge struct{ from, to int }

// edges returns the edge to each region whose source is in the graph.
func (g Graph) edges() []graphEdge {
	place := map[string]int{}
	for i := len(g.Regions) - 1; i >= 0; i-- {
		place[g.Regions[i].Name] = i
	}
	var edges []graphEdge
	for i, r := range g.Regions {
		if from, ok := place[r.Source]; ok && r.Source != "" {
			edges = append(edges, graphEdge{from, i})
		}
	}
	return edges
}

// A forest orders regions by who is built from whom. A region without a known
// source is a root, and so is one region of each circle.
type forest struct {
	roots    []int
	children [][]int
}

func (g Graph) forest() forest {
	f := forest{children: make([][]int, len(g.Regions))}
	built := make([][]int, len(g.Regions))
	hasSource := make([]bool, len(g.Regions))
	for _, e := range g.edges() {
		built[e.from] = append(built[e.from], e.to)
		hasSource[e.to] = true
	}
	reached := make([]bool, len(g.Regions))
	var reach func(i int)
	reach = func(i int) {
		reached[i] = true
		for _, child := range built[i] {
			if !reached[child] {
				f.children[i] = append(f.children[i], child)
				reach(child)
			}
		}
	}
	for _, circles := range []bool{false, true} {
		for i := range g.Regions {
			if !reached[i] && (circles || !hasSource[i]) {
				f.roots = append(f.roots, i)
				reach(i)
			}
		}
	}
	return f
}

// A graphNetwork is a network and the regions in it, as places in
// Graph.Regions: all flat regions share one, and every island is one.
type graphNetwork struct {
	title   string
	regions []int
}

func (g Graph) networks() []graphNetwork {
	var networks []graphNetwork
	shared := map[string]int{}
	for i, r := range g.Regions {
		title := r.network() + " network"
		if n, ok := shared[title]; ok {
			networks[n].regions = append(networks[n].regions, i)
			continue
		}
		if r.Model == topology.Island || r.Isolated {
			title = r.network() + ": " + r.Name
		} else {
			shared[title] = len(networks)
		}
		networks = append(networks, graphNetwork{title, []int{i}})
	}
	return networks
}

// plain makes what a terminal or a parser might act on visible: control and
// format characters become escapes, and bytes that are not UTF-8 a mark.
func plain(text string) string {
	var b strings.Builder
	for _, c := range text {
		if unicode.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		quoted := strconv.QuoteRune(c)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// GraphText draws a graph for a terminal: a tree of who seeds from whom, with
// the facts of each region below its name. A branch is solid while it is live.
func GraphText(g Graph, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, %s\n", style.bold("Ring of "+plain(g.Topology)), style.dim("("+plain(g.System+" "+g.Version)+")"), plain(g.counts()))
	f := g.forest()
	var draw func(i int, lead, below string)
	draw = func(i int, lead, below string) {
		r, children := g.Regions[i], f.children[i]
		fmt.Fprintf(&b, "%s%s  %s\n", style.tree(lead), style.bold(plain(r.Name)), style.kind(r.kind(), plain(r.standing())))
		trunk := below + "   "
		if len(children) > 0 {
			trunk = below + "│  "
		}
		for _, row := range r.rows() {
			fmt.Fprintf(&b, "%s%s%s\n", style.tree(trunk), style.dim(fmt.Sprintf("%-12s", row.label)), plain(row.value))
		}
		for n, child := range children {
			mark, next := "├", "│   "
			if n == len(children)-1 {
				mark, next = "╰", "    "
			}
			line := "┄▶ "
			if g.Regions[child].Live {
				line = "─▶ "
			}
			fmt.Fprintf(&b, "%s\n", style.tree(below+"│"))
			draw(child, below+mark+line, below+next)
		}
	}
	for _, root := range f.roots {
		b.WriteString("\n")
		draw(root, "", "")
	}
	return b.String()
}

// A graphRow is one fact of a region; a label of "" goes on with the one above.
type graphRow struct{ label, value string }

func (r GraphRegion) rows() []graphRow {
	var rows []graphRow
	if r.Gate != "" {
		rows = append(rows, graphRow{"gate", r.Gate})
	}
	if r.Source != "" {
		now := map[bool]string{true: " now"}[r.Live]
		rows = append(rows, graphRow{"source", r.Source + " (" + r.seeding() + " it" + now + ")"})
	}
	rows = append(rows,
		graphRow{"datacenter", fmt.Sprintf("%s, rack %s, %s", dash(r.Datacenter), dash(r.Rack), Count(r.Replicas, "replica"))},
		graphRow{"cluster", dash(r.Cluster) + ", " + dash(r.Platform)},
		graphRow{"network", r.network()})
	label := r.owner()
	for _, line := range wrapped(r.Ranges) {
		rows = append(rows, graphRow{label, line})
		label = ""
	}
	return rows
}

// wrapped joins words with commas into lines of some 60 characters.
func wrapped(words []string) []string {
	const width = 60
	line := ""
	var lines []string
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, dash(line))
}

func (s Style) tree(lines string) string {
	if strings.TrimSpace(lines) == "" {
		return lines
	}
	return s.dim(lines)
}

func (s Style) kind(k kind, text string) string {
	switch k {
	case kindServing:
		return s.paint("32", text)
	case kindMoving:
		return s.paint("33", text)
	case kindLeaving:
		return s.paint("31", text)
	case kindPlanned, kindGone:
	}
	return s.dim(text)
}
