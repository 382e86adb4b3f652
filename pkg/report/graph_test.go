package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/ringplan/ringplan/pkg/stage"
)

// node returns a region of a graph; its place gives it a datacenter and a range.
func node(place int, name, source string, phase stage.Phase, gate string) GraphRegion {
	r := GraphRegion{
		Name: name, Datacenter: fmt.Sprintf("dc-%d", place), Platform: "gke", Cluster: "k-" + name, Rack: "ra-1", Replicas: 3,
		Ranges: []string{fmt.Sprintf("10.%d.0.0/16", place)}, Model: "flat",
		Source: source, Procedure: "expand", Phase: phase, Gate: gate,
		Live: phase == "joining" || phase == "rebuilding", Leaves: phase == "draining",
	}
	if source == "" {
		r.Procedure = "install"
	}
	return r
}

func graphOf(name string, regions ...GraphRegion) Graph {
	return Graph{Topology: name, System: "sys", Version: "1.0", Regions: regions}
}

func oneRegion() Graph { return graphOf("one", node(1, "east", "", stage.Serving, "")) }

func twoRegions() Graph {
	west := node(2, "west", "east", "rebuilding", "rebuild-complete")
	west.Model, west.HostNetwork, west.Isolated = "island", true, true
	return graphOf("two", node(1, "east", "", stage.Serving, ""), west)
}

// fork has a region with two below it, one of which has another.
func forkRegions() Graph {
	south := node(3, "south", "east", stage.Serving, "")
	south.Ranges = []string{"10.3.0.0/16", "10.4.0.0/16", "2001:db8:aaaa:bbbb::/64", "2001:db8:aaaa:cccc::/64", "10.5.0.0/16"}
	far := node(6, "far", "south", stage.Planned, "")
	far.Datacenter, far.Rack, far.Platform, far.Cluster, far.Ranges, far.Model, far.Replicas = "", "", "", "", nil, "", 1
	return graphOf("fork", node(1, "east", "", stage.Serving, ""), node(2, "west", "east", "draining", "environments-removed"), south, far)
}

// tenRegions builds ten regions, each from the one that parent names by its place.
func tenRegions(name string, parent func(i int) int) Graph {
	phases := []stage.Phase{stage.Serving, stage.Serving, "joining", "draining", stage.Planned, stage.Gone, stage.Serving, "settling", stage.Planned, stage.Planned}
	g := graphOf(name)
	for i, phase := range phases {
		source, gate := "", ""
		if i > 0 {
			source = fmt.Sprintf("region-%d", parent(i))
		}
		if !phase.Rests() {
			gate = "gate-of-" + string(phase)
		}
		g.Regions = append(g.Regions, node(i, fmt.Sprintf("region-%d", i), source, phase, gate))
	}
	return g
}

// allGraphs are what every picture must be able to show.
func allGraphs() []Graph {
	long := oneRegion()
	long.Topology = strings.Repeat("a-name-without-end-", 9)
	r := &long.Regions[0]
	r.Name, r.Datacenter, r.Rack, r.Platform = strings.Repeat("region-", 12), strings.Repeat("W", 63), strings.Repeat("日本", 30), strings.Repeat("m", 99)
	r.Cluster, r.Gate, r.Phase = strings.Repeat("<&>", 40), strings.Repeat("gate ", 30), stage.Phase(strings.Repeat("PHASE", 9))
	r.Ranges = []string{strings.Repeat("2001:db8:", 9), "10.0.0.0/8", "10.0.0.0/8"}
	return []Graph{
		graphOf("none"), oneRegion(), twoRegions(), forkRegions(), long,
		graphOf("two rings", node(1, "a", "", stage.Serving, ""), node(2, "b", "", stage.Serving, ""), node(3, "c", "b", "joining", "g")),
		graphOf("lost", node(1, "a", "nowhere", stage.Planned, ""), node(2, "b", "a", stage.Planned, "")),
		graphOf("circle", node(1, "a", "c", stage.Planned, ""), node(2, "b", "a", stage.Planned, ""), node(3, "c", "b", stage.Planned, ""), node(4, "d", "d", stage.Planned, "")),
		tenRegions("star", func(int) int { return 0 }),
		tenRegions("chain", func(i int) int { return i - 1 }),
		tenRegions("fork of ten", func(i int) int { return (i - 1) / 2 }),
		tenRegions("comb", func(i int) int { return max(0, i-2) }),
	}
}

func TestGraphText(t *testing.T) {
	check(t, `Ring of one (sys 1.0), 1 region: 1 serving

east  serving
   datacenter  dc-1, rack ra-1, 3 replicas
   cluster     k-east, gke
   network     flat
   pods        10.1.0.0/16
`, GraphText(oneRegion(), Style{}))
	check(t, `Ring of two (sys 1.0), 2 regions: 1 serving, 1 rebuilding

east  serving
│  datacenter  dc-1, rack ra-1, 3 replicas
│  cluster     k-east, gke
│  network     flat
│  pods        10.1.0.0/16
│
╰─▶ west  rebuilding (expand)
       gate        rebuild-complete
       source      east (seeds it now)
       datacenter  dc-2, rack ra-1, 3 replicas
       cluster     k-west, gke
       network     island, hostNetwork, isolated
       nodes       10.2.0.0/16
`, GraphText(twoRegions(), Style{}))
	check(t, `Ring of fork (sys 1.0), 4 regions: 2 serving, 1 draining, 1 planned

east  serving
│  datacenter  dc-1, rack ra-1, 3 replicas
│  cluster     k-east, gke
│  network     flat
│  pods        10.1.0.0/16
│
├┄▶ west  draining (expand)
│      gate        environments-removed
│      source      east (seeded it)
│      datacenter  dc-2, rack ra-1, 3 replicas
│      cluster     k-west, gke
│      network     flat
│      pods        10.2.0.0/16
│
╰┄▶ south  serving
    │  source      east (seeded it)
    │  datacenter  dc-3, rack ra-1, 3 replicas
    │  cluster     k-south, gke
    │  network     flat
    │  pods        10.3.0.0/16, 10.4.0.0/16, 2001:db8:aaaa:bbbb::/64,
    │              2001:db8:aaaa:cccc::/64, 10.5.0.0/16
    │
    ╰┄▶ far  planned (expand)
           source      south (will seed it)
           datacenter  –, rack –, 1 replica
           cluster     –, –
           network     –
           pods        –
`, GraphText(forkRegions(), Style{}))
	check(t, "Ring of none (sys 1.0), 0 regions\n", GraphText(graphOf("none"), Style{}))
}

// TestGraphTextOfAny: every region stands there once, whoever it is built from.
func TestGraphTextOfAny(t *testing.T) {
	for _, g := range allGraphs() {
		text := GraphText(g, Style{})
		for _, r := range g.Regions {
			if n := len(regexp.MustCompile(`(?m)^([^a-zA-Z]*▶ )?`+regexp.QuoteMeta(r.Name)+"  ").FindAllString(text, -1)); n != 1 {
				t.Errorf("%s: region %s is there %d times:\n%s", g.Topology, r.Name, n, text)
			}
		}
	}
}

func TestGraphTextColours(t *testing.T) {
	g := twoRegions()
	g.Regions = append(g.Regions, node(3, "north", "east", "draining", "left"), node(4, "south", "east", stage.Planned, ""))
	text := GraphText(g, Style{Color: true})
	for _, want := range []string{
		"\x1b[1mRing of two\x1b[0m \x1b[2m(sys 1.0)\x1b[0m, 4 regions",
		"\n\x1b[1meast\x1b[0m  \x1b[32mserving\x1b[0m\n", "\n\x1b[2m│  \x1b[0m\x1b[2mdatacenter  \x1b[0mdc-1,",
		"\x1b[1mwest\x1b[0m  \x1b[33mrebuilding (expand)\x1b[0m", "\x1b[31mdraining (expand)\x1b[0m", "\x1b[2mplanned (expand)\x1b[0m",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%q", want, text)
		}
	}
	check(t, GraphText(g, Style{}), regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(text, ""))
}

func TestGraphMermaid(t *testing.T) {
	check(t, `flowchart LR
  accTitle: Ring of two
  accDescr: sys 1.0, 2 regions: 1 serving, 1 rebuilding
  subgraph n1["flat network"]
    direction LR
    r1["east<br/>dc-1, ra-1 × 3<br/>gke, k-east<br/>pods 10.1.0.0/16<br/>serving"]:::serving
  end
  class n1 network
  subgraph n2["island, hostNetwork, isolated: west"]
    direction LR
    r2["west<br/>dc-2, ra-1 × 3<br/>gke, k-west<br/>nodes 10.2.0.0/16<br/>rebuilding (expand)<br/>waits at rebuild-complete"]:::moving
  end
  class n2 network
  r1 ==>|seeds| r2
  classDef network fill:none,stroke:#8c959f
  classDef moving fill:#fff3cd,stroke:#b07d00,color:#573d00
  classDef serving fill:#dcf5e1,stroke:#2c8a47,color:#0f4a20
`, GraphMermaid(twoRegions()))
	check(t, `flowchart LR
  accTitle: Ring of fork
  accDescr: sys 1.0, 4 regions: 2 serving, 1 draining, 1 planned
  subgraph n1["flat network"]
    direction LR
    r1["east<br/>dc-1, ra-1 × 3<br/>gke, k-east<br/>pods 10.1.0.0/16<br/>serving"]:::serving
    r2["west<br/>dc-2, ra-1 × 3<br/>gke, k-west<br/>pods 10.2.0.0/16<br/>draining (expand)<br/>waits at environments-removed"]:::leaving
    r3["south<br/>dc-3, ra-1 × 3<br/>gke, k-south<br/>pods 10.3.0.0/16, 10.4.0.0/16 +3 more<br/>serving"]:::serving
  end
  class n1 network
  subgraph n2["– network"]
    direction LR
    r4["far<br/>–, – × 1<br/>–, –<br/>pods –<br/>planned (expand)"]:::planned
  end
  class n2 network
  r1 -.->|seeded| r2
  r1 -.->|seeded| r3
  r3 -.->|will seed| r4
  classDef network fill:none,stroke:#8c959f
  classDef planned fill:#eaeef2,stroke:#6e7781,color:#32383f,stroke-dasharray:5 4
  classDef serving fill:#dcf5e1,stroke:#2c8a47,color:#0f4a20
  classDef leaving fill:#ffe3df,stroke:#c2412f,color:#701a10
`, GraphMermaid(forkRegions()))
}

func TestGraphMermaidEscapes(t *testing.T) {
	r := node(1, "end", "", stage.Serving, "")
	r.Cluster, r.Rack, r.Ranges = "\"]-->x[\"", "`#quot;`", []string{"<b>%%{init}%%</b>", "a\nb"}
	check(t, `    r1["end<br/>dc-1, #96;#35;quot#59;#96; × 3<br/>gke, #34;#93;--#62;x#91;#34;<br/>pods #60;b#62;#37;#37;#123;init#125;#37;#37;#60;/b#62;, a#92;nb<br/>serving"]:::serving`,
		strings.Split(GraphMermaid(graphOf("x", r)), "\n")[5])
}

func TestGraphDot(t *testing.T) {
	check(t, `digraph "two" {
  graph [rankdir=LR, newrank=true, bgcolor=transparent, nodesep=0.4, ranksep=0.9, fontname="Helvetica", fontsize=12, fontcolor="#6e7781", labelloc=t, label="Ring of two\nsys 1.0\n2 regions: 1 serving, 1 rebuilding"];
  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, margin="0.2,0.14"];
  edge [fontname="Helvetica", fontsize=10, color="#6e7781", fontcolor="#6e7781"];
  subgraph cluster_1 {
    label="flat network"; color="#8c959f"; style=rounded;
    "east" [label="east\ldc-1, ra-1 × 3\lgke, k-east\lpods 10.1.0.0/16\lserving\l", style="rounded,filled", fillcolor="#dcf5e1", color="#2c8a47", fontcolor="#0f4a20"];
  }
  subgraph cluster_2 {
    label="island, hostNetwork, isolated: west"; color="#8c959f"; style=rounded;
    "west" [label="west\ldc-2, ra-1 × 3\lgke, k-west\lnodes 10.2.0.0/16\lrebuilding (expand)\lwaits at rebuild-complete\l", style="rounded,filled", fillcolor="#fff3cd", color="#b07d00", fontcolor="#573d00"];
  }
  "east" -> "west" [label="seeds", style=solid, penwidth=2];
}
`, GraphDot(twoRegions()))
	lines := strings.Split(GraphDot(forkRegions()), "\n")
	check(t, `    "far" [label="far\l–, – × 1\l–, –\lpods –\lplanned (expand)\l", style="rounded,filled,dashed", fillcolor="#eaeef2", color="#6e7781", fontcolor="#32383f"];
  }
  "east" -> "west" [label="seeded", style=dashed];
  "east" -> "south" [label="seeded", style=dashed];
  "south" -> "far" [label="will seed", style=dashed];
}
`, strings.Join(lines[12:], "\n"))
}

func TestGraphDotEscapes(t *testing.T) {
	r := node(1, `a"b\`, "", stage.Serving, "")
	r.Rack, r.Cluster, r.Ranges = "\\N &lt;", "x\ny", []string{"<i>"}
	check(t, `    "a\"b\\" [label="a\"b\\\ldc-1, \\N &amp;lt; × 3\lgke, x\\ny\lpods <i>\lserving\l", style="rounded,filled", fillcolor="#dcf5e1", color="#2c8a47", fontcolor="#0f4a20"];`,
		strings.Split(GraphDot(graphOf("x", r)), "\n")[6])
}

// TestGraphNetworks: flat regions share a box, and an island has its own.
func TestGraphNetworks(t *testing.T) {
	g := tenRegions("x", func(int) int { return 0 })
	g.Regions = g.Regions[:5]
	g.Regions[1].Model, g.Regions[3].Model, g.Regions[4].Isolated = "island", "island", true
	check(t, "[{flat network [0 2]} {island: region-1 [1]} {island: region-3 [3]} {flat, isolated: region-4 [4]}]", fmt.Sprint(g.networks()))
}

// TestGraphEdges: a region without a source is not built from one without a name.
func TestGraphEdges(t *testing.T) {
	check(t, "[]", fmt.Sprint(graphOf("x", node(1, "", "", stage.Serving, ""), node(2, "a", "", stage.Serving, "")).edges()))
	check(t, "[{0 1} {0 2} {2 3}]", fmt.Sprint(forkRegions().edges()))
}

// An element is one of a picture, with what is in it.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
	Text     string     `xml:",chardata"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e element) number(t *testing.T, name string) int {
	t.Helper()
	n, err := strconv.Atoi(e.attr(name))
	if err != nil {
		t.Fatalf("%s of %s: %v", name, e.XMLName.Local, err)
	}
	return n
}

func (e element) class(name string) bool {
	return slices.Contains(strings.Fields(e.attr("class")), name)
}

// all returns the elements below one, with a class.
func (e element) all(class string) []element {
	var found []element
	for _, child := range e.Children {
		if child.class(class) {
			found = append(found, child)
		}
		found = append(found, child.all(class)...)
	}
	return found
}

func (e element) title() string {
	for _, child := range e.Children {
		if child.XMLName.Local == "title" {
			return child.Text
		}
	}
	return ""
}

func parsedSVG(t *testing.T, text string) element {
	t.Helper()
	var root element
	d := xml.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&root); err != nil {
		t.Fatalf("not XML: %v\n%s", err, text)
	}
	if token, err := d.Token(); !errors.Is(err, io.EOF) {
		if rest, ok := token.(xml.CharData); !ok || strings.TrimSpace(string(rest)) != "" {
			t.Fatalf("%v, %v after the end", token, err)
		}
	}
	return root
}

// TestGraphSVG: every region and edge is there, no card lies on another or over
// the frame, and no text is wider than its place.
func TestGraphSVG(t *testing.T) {
	for _, g := range allGraphs() {
		t.Run(g.Topology, func(t *testing.T) {
			text := GraphSVG(g)
			if text != GraphSVG(g) {
				t.Error("not the same twice")
			}
			root := parsedSVG(t, text)
			width, height := root.number(t, "width"), root.number(t, "height")
			if root.attr("role") != "img" || root.attr("viewBox") != fmt.Sprintf("0 0 %d %d", width, height) || root.title() != "Ring of "+g.Topology {
				t.Errorf("role %q, viewBox %q, title %q", root.attr("role"), root.attr("viewBox"), root.title())
			}
			checkCards(t, g, root, width, height)
			checkEdges(t, g, root, width, height)
			for _, line := range root.all("heading") {
				checkText(t, line, 0, width)
			}
			for _, line := range root.all("note") {
				checkText(t, line, 0, width)
			}
		})
	}
}

func checkCards(t *testing.T, g Graph, root element, width, height int) {
	t.Helper()
	regions := root.all("region")
	if len(regions) != len(g.Regions) {
		t.Fatalf("%d cards for %d regions", len(regions), len(g.Regions))
	}
	var cards []card
	for i, region := range regions {
		if region.attr("data-region") != g.Regions[i].Name || !region.class(string(g.Regions[i].kind())) {
			t.Errorf("card %d is of %s, %s", i, region.attr("data-region"), region.attr("class"))
		}
		rect := region.all("card")[0]
		c := card{rect.number(t, "x"), rect.number(t, "y"), rect.number(t, "width"), rect.number(t, "height")}
		if c.x < svgMargin || c.y < svgHeader || c.x+c.w > width-svgMargin || c.y+c.h > height-svgMargin {
			t.Errorf("card %v leaves the frame of %d × %d", c, width, height)
		}
		for _, other := range cards {
			if c.x < other.x+other.w+siblingGap && other.x < c.x+c.w+siblingGap && c.y < other.y+other.h+siblingGap && other.y < c.y+c.h+siblingGap {
				t.Errorf("cards %v and %v are not apart", c, other)
			}
		}
		cards = append(cards, c)
		checkCard(t, g.Regions[i], region, c)
	}
}

// checkCard sees that all of a region stands on its card, and inside it.
func checkCard(t *testing.T, r GraphRegion, region element, c card) {
	t.Helper()
	var words []string
	for _, child := range region.Children {
		if child.XMLName.Local != "text" {
			continue
		}
		left, right := c.x+cardPad, c.x+c.w-cardPad
		if y := child.number(t, "y"); y < c.y+12 || y > c.y+c.h-8 {
			t.Errorf("%q is at %d on card %v", child.Text, y, c)
		}
		if child.class("name") {
			right = region.all("badge")[0].number(t, "x")
		}
		if child.class("phase") {
			left = region.all("badge")[0].number(t, "x")
		}
		if child.class("label") && child.Text != "–" {
			right = left + cardLabel
		}
		checkText(t, child, left, right)
		if words = append(words, child.Text); child.title() != "" {
			words = append(words, child.title())
			if !strings.HasSuffix(child.Text, "…") && !strings.Contains(child.Text, " more") {
				t.Errorf("%q stands for %q", child.Text, child.title())
			}
		}
	}
	for _, want := range []string{r.Name, string(r.Phase), dash(r.Datacenter), dash(r.Rack) + " × " + strconv.Itoa(r.Replicas), dash(r.Platform) + ", " + dash(r.Cluster), r.network(), r.owner(), dash(strings.Join(r.Ranges, ", ")), dash(r.Gate)} {
		if !slices.Contains(words, want) && want != "–" {
			t.Errorf("there is no %q on the card of %s: %q", want, r.Name, words)
		}
	}
}

// checkText sees that a text stands between left and right.
func checkText(t *testing.T, text element, left, right int) {
	t.Helper()
	for _, f := range []face{faceHeading, faceNote, faceName, faceLabel, faceValue, faceMono, facePhase, faceGate, faceSays} {
		if !text.class(f.class) {
			continue
		}
		x, wide := text.number(t, "x"), f.width(text.Text)
		if text.class("phase") || text.class("says") {
			x -= wide / 2
		}
		if x < left || x+wide > right {
			t.Errorf("%q goes from %d to %d, and there is room from %d to %d", text.Text, x, x+wide, left, right)
		}
		return
	}
	t.Errorf("%q is of no known class %q", text.Text, text.attr("class"))
}

func checkEdges(t *testing.T, g Graph, root element, width, height int) {
	t.Helper()
	var got []string
	live := false
	for _, e := range root.all("seed") {
		if live = live || e.class("live"); live != e.class("live") {
			t.Error("an edge lies on one that is live")
		}
		got = append(got, fmt.Sprintf("%s %s %s %t", e.attr("data-from"), e.all("says")[0].Text, e.attr("data-to"), e.class("live")))
		checkText(t, e.all("says")[0], 0, width)
		for i, word := range regexp.MustCompile(`\d+`).FindAllString(e.all("edge")[0].attr("d"), -1) {
			if n, _ := strconv.Atoi(word); n > []int{width, height}[i%2] {
				t.Errorf("an edge goes to %d", n)
			}
		}
	}
	var want []string
	for i, f := 0, g.forest(); i < len(g.Regions); i++ {
		for _, child := range f.children[i] {
			r := g.Regions[child]
			want = append(want, fmt.Sprintf("%s %s %s %t", r.Source, r.seeding(), r.Name, r.Live))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	check(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
	if len(want) != len(g.edges()) && g.Topology != "circle" {
		t.Errorf("%d of %d edges", len(want), len(g.edges()))
	}
}

// TestGraphSVGNote: phases are counted where there is room for it.
func TestGraphSVGNote(t *testing.T) {
	for want, g := range map[string]Graph{
		"sys 1.0 · 2 regions: 1 serving, 1 rebuilding": twoRegions(),
		"sys 1.0 · 10 regions":                         tenRegions("chain", func(i int) int { return i - 1 }),
	} {
		check(t, want, parsedSVG(t, GraphSVG(g)).all("note")[0].Text)
	}
}

// TestGraphSVGLayers: layers go to the right, and downwards for a chain.
func TestGraphSVGLayers(t *testing.T) {
	for name, want := range map[string]bool{"two": false, "fork": false, "star": false, "chain": true, "fork of ten": false, "comb": true} {
		for _, g := range allGraphs() {
			if g.Topology != name {
				continue
			}
			cards, _, _, down := g.layout()
			if down != want {
				t.Errorf("%s goes down: %t", name, down)
			}
			for _, e := range g.edges() {
				from, to := cards[e.from], cards[e.to]
				if down && to.y != from.y+from.h+belowGap || !down && to.x != from.x+from.w+aheadGap {
					t.Errorf("%s: %v is not the layer after %v", name, to, from)
				}
			}
		}
	}
}

// TestGraphSVGAlone: the picture loads nothing, runs nothing, and its styles
// stay inside it.
func TestGraphSVGAlone(t *testing.T) {
	for _, g := range allGraphs() {
		text := GraphSVG(g)
		no := regexp.MustCompile(`<(script|image|foreignObject|use|a) |href|url\(|@import|@font-face|src=|\son[a-z]+=|\sid=|//`)
		if found := no.FindString(strings.Replace(text, `xmlns="http://www.w3.org/2000/svg"`, "", 1)); found != "" {
			t.Errorf("%s: there is %q", g.Topology, found)
		}
	}
	rules := regexp.MustCompile(`([^{}]+)\{[^{}]*\}`).FindAllStringSubmatch(strings.Replace(svgStyle, "@media (prefers-color-scheme:dark){", "", 1), -1)
	if len(rules) < 10 {
		t.Fatalf("only %d rules", len(rules))
	}
	for _, rule := range rules {
		for _, selector := range strings.Split(strings.Trim(rule[1], "}\n"), ",") {
			if !strings.HasPrefix(selector, ".ringplan-graph") {
				t.Errorf("rule %q is not scoped", selector)
			}
		}
	}
}

// TestGraphSVGSchemes: both schemes set the same colours, and text is readable
// on what lies under it.
func TestGraphSVGSchemes(t *testing.T) {
	light, dark, _ := strings.Cut(svgStyle, "@media")
	pair := regexp.MustCompile(`--([a-z-]+):(#[0-9a-f]+)`)
	for name, style := range map[string]string{"light": light, "dark": strings.Split(dark, "\n")[0]} {
		colours := map[string]string{}
		for _, match := range pair.FindAllStringSubmatch(style, -1) {
			colours[match[1]] = match[2]
		}
		if len(colours) != 16 {
			t.Errorf("%s: %d colours", name, len(colours))
		}
		on := func(ink, ground string, least float64) {
			if c := contrast(t, colours[ink], colours[ground]); c < least {
				t.Errorf("%s: %s on %s has a contrast of %.1f", name, ink, ground, c)
			}
		}
		on("edge", "page", 3)
		for _, ground := range []string{"page", "card"} {
			on("ink", ground, 7)
			on("soft", ground, 4.5)
			on("moving", ground, 4.5)
		}
		for _, k := range kinds {
			on(string(k), string(k)+"-tint", 4.5)
			on(string(k), "card", 4.5)
		}
	}
	for _, k := range kinds {
		if c := contrast(t, tints[k].ink, tints[k].fill); c < 4.5 {
			t.Errorf("%s has a contrast of %.1f", k, c)
		}
	}
}

// contrast is that of two colours by WCAG.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(colour string) float64 {
		if len(colour) == 4 {
			colour = "#" + colour[1:2] + colour[1:2] + colour[2:3] + colour[2:3] + colour[3:] + colour[3:]
		}
		sum := 0.0
		for i, part := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(n) / 255
			sum += part * c * (0.305306*c*c + 0.682171*c + 0.012523) // near enough to the curve
		}
		return sum + 0.05
	}
	high, low := light(a), light(b)
	return max(high, low) / min(high, low)
}

// FuzzGraph: whatever the strings are, each format keeps its form.
func FuzzGraph(f *testing.F) {
	for _, seed := range []string{"east", "end", "\x00\xff\u202e", `"];x[label="`, "a\"]\n  click r1 \"http://x\"", `\`, "</title><script>alert(1)</script>", "]]>", "<!--", "#quot;", "%%{init: {}}%%", "&amp;", "\x1b[31m", "\ufffe\u2028"} {
		f.Add(seed, "10.0.0.0/16")
		f.Add("west", seed)
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		hostile := graphOf(other, node(1, name, "", stage.Serving, other), node(2, name+"2", name, "joining", name))
		r := &hostile.Regions[1]
		r.Ranges, r.Cluster, r.Platform, r.Rack, r.Datacenter, r.Model = []string{name, other, name}, other, name, other, name, other
		tame := graphOf("x", node(1, "a", "", stage.Serving, "g"), node(2, "b", "a", "joining", "g"))
		if name == "" || name == name+"2" {
			return
		}
		for format, draw := range map[string]func(Graph) string{"mermaid": GraphMermaid, "dot": GraphDot, "svg": GraphSVG} {
			checkForm(t, format, draw(hostile))
			if got, want := shape(t, format, draw(hostile)), shape(t, format, draw(tame)); format == "svg" && got != want {
				t.Errorf("%s: got the form\n%s\nnot\n%s", format, got, want)
			}
		}
		checkForm(t, "text", GraphText(hostile, Style{}))
	})
}

var (
	mermaidLine = regexp.MustCompile(`^(flowchart LR|  accTitle: [^"<>#;{}%\x60]*(#\d+;[^"<>#;{}%\x60]*)*|  accDescr: [^"<>#;{}%\x60]*(#\d+;[^"<>#;{}%\x60]*)*|  subgraph n\d\["(LABEL)"\]|    direction LR|    r\d\["(LABEL)"\]:::[a-z]+|  end|  class n\d network|  r\d (==>|-\.->)\|[a-z ]+\| r\d|  classDef [a-z]+ [a-z0-9#:, -]+)$`)
	dotQuoted   = regexp.MustCompile(`"([^"\\]|\\.)*"`)
	label       = regexp.MustCompile(`"([^"<>#;{}%\x60\[\]]|#\d+;|<br/>)*"`)
)

// checkForm checks what no string may break.
func checkForm(t *testing.T, format, text string) {
	t.Helper()
	for _, c := range text {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Errorf("%s holds %q", format, c)
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch format {
		case "mermaid":
			if !mermaidLine.MatchString(label.ReplaceAllString(line, `"LABEL"`)) {
				t.Errorf("Mermaid would not read %q", line)
			}
		case "dot":
			bare := dotQuoted.ReplaceAllString(line, "")
			if strings.ContainsAny(bare, `"\`) || !regexp.MustCompile(`^[ a-zA-Z0-9_.\[\]{};=,>-]*$`).MatchString(bare) {
				t.Errorf("Graphviz would not read %q", line)
			}
		}
	}
}

// shape lists the elements of a picture without its texts.
func shape(t *testing.T, format, text string) string {
	t.Helper()
	if format != "svg" {
		return ""
	}
	var names []string
	var walk func(e element)
	walk = func(e element) {
		if e.XMLName.Local != "title" {
			names = append(names, e.XMLName.Local)
		}
		for _, child := range e.Children {
			walk(child)
		}
	}
	walk(parsedSVG(t, text))
	return strings.Join(names, " ")
}
