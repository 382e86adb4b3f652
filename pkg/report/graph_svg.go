package report

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// The measures of the picture, in pixels.
const (
	svgMargin   = 28
	svgHeader   = 92 // above the regions
	cardWidth   = 340
	cardPad     = 18
	cardTop     = 60 // where the rows begin
	cardRow     = 22
	cardLabel   = 80 // the width of the labels
	cardHeight  = cardTop + 5*cardRow + 6
	cardFooter  = 38 // more height, for the gate
	siblingGap  = 24
	aheadGap    = 116 // between a source and its regions, to the right
	belowGap    = 68  // the same, downwards
	edgeBend    = 26
	edgeRadius  = 10
	arrowLength = 9
)

// svgStyle is scoped by a class, so that nothing else on a page changes.
const svgStyle = `
.ringplan-graph{--page:#f6f8fa;--card:#fff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--edge:#818b98;--planned:#44505c;--planned-tint:#eaeef2;--moving:#7a5200;--moving-tint:#fff1c9;--serving:#116329;--serving-tint:#dcf5e1;--leaving:#a3261b;--leaving-tint:#ffe5e1;--gone:#59636e;--gone-tint:#eef0f3;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){.ringplan-graph{--page:#0d1117;--card:#161b22;--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--edge:#7d8590;--planned:#b6c0ca;--planned-tint:#262c34;--moving:#e8b93f;--moving-tint:#352a0d;--serving:#5fd375;--serving-tint:#12301c;--leaving:#ff9d94;--leaving-tint:#3c1a18;--gone:#9198a1;--gone-tint:#1c2128}}
.ringplan-graph text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;fill:var(--ink);text-anchor:start}
.ringplan-graph .page{fill:var(--page);stroke:var(--line)}
.ringplan-graph .heading{font-size:19px;font-weight:600}
.ringplan-graph .note,.ringplan-graph .value{font-size:13px}
.ringplan-graph .name{font-size:15px;font-weight:600}
.ringplan-graph .mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12px}
.ringplan-graph .label,.ringplan-graph .says{font-size:12px}
.ringplan-graph .note,.ringplan-graph .label,.ringplan-graph .says{fill:var(--soft)}
.ringplan-graph .phase,.ringplan-graph .says{text-anchor:middle}
.ringplan-graph .phase{font-size:12px;font-weight:600;fill:var(--kind)}
.ringplan-graph .gate{font-size:12px;fill:var(--kind)}
.ringplan-graph .card{fill:var(--card);stroke:var(--line)}
.ringplan-graph .badge{fill:var(--tint)}
.ringplan-graph .rule{stroke:var(--line)}
.ringplan-graph .edge{fill:none;stroke:var(--edge);stroke-width:1.5;stroke-dasharray:5 4}
.ringplan-graph .head{fill:var(--edge)}
.ringplan-graph .live .edge{stroke:var(--moving);stroke-width:2.5;stroke-dasharray:none}
.ringplan-graph .live .head{fill:var(--moving)}
.ringplan-graph .live .says{fill:var(--moving);font-weight:600}
.ringplan-graph .planned{--kind:var(--planned);--tint:var(--planned-tint)}
.ringplan-graph .moving{--kind:var(--moving);--tint:var(--moving-tint)}
.ringplan-graph .serving{--kind:var(--serving);--tint:var(--serving-tint)}
.ringplan-graph .leaving{--kind:var(--leaving);--tint:var(--leaving-tint)}
.ringplan-graph .gone{--kind:var(--gone);--tint:var(--gone-tint)}
.ringplan-graph .moving .card,.ringplan-graph .leaving .card{stroke:var(--kind)}
.ringplan-graph .planned .card,.ringplan-graph .gone .card{stroke:var(--edge);stroke-dasharray:5 4}
`

// A face is a class of text with what is needed to measure it.
type face struct {
	class string
	size  float64
	mono  bool
	bold  bool
}

var (
	faceHeading = face{class: "heading", size: 19, bold: true}
	faceNote    = face{class: "note", size: 13}
	faceName    = face{class: "name", size: 15, bold: true}
	faceLabel   = face{class: "label", size: 12}
	faceValue   = face{class: "value", size: 13}
	faceMono    = face{class: "mono", size: 12, mono: true}
	facePhase   = face{class: "phase", size: 12, bold: true}
	faceGate    = face{class: "gate", size: 12}
	faceSays    = face{class: "says", size: 12}
)

// width returns how wide a text is at most, in pixels. The fonts of a reader
// are not known, so it goes by the widest of those in common use.
func (f face) width(text string) int {
	width := 0.0
	for _, c := range text {
		switch {
		case c > '~':
			width += 1.1
		case f.mono:
			width += 0.61
		case strings.ContainsRune("ijl.,:;' |", c):
			width += 0.36
		case strings.ContainsRune("frt", c):
			width += 0.45
		case strings.ContainsRune("mwMW@%", c):
			width += 1.02
		case c >= 'A' && c <= 'Z':
			width += 0.78
		default:
			width += 0.64
		}
	}
	if f.bold {
		width *= 1.1
	}
	return int(width*f.size) + 1
}

// fit returns a text, or as much of it as there is room for and an ellipsis.
func (f face) fit(text string, room int) string {
	if f.width(text) <= room {
		return text
	}
	letters := []rune(text)
	for len(letters) > 0 && f.width(string(letters)+"…") > room {
		letters = letters[:len(letters)-1]
	}
	return string(letters) + "…"
}

// A spot is a place in the picture.
type spot struct{ x, y int }

// A card is the box of one region.
type card struct{ x, y, w, h int }

// text writes a text into a picture, no wider than room. What is shortened has
// the whole in a title.
func (f face) text(b *strings.Builder, x, y, room int, text string) {
	f.shortened(b, x, y, plain(text), f.fit(plain(text), room))
}

func (f face) shortened(b *strings.Builder, x, y int, whole, shown string) {
	title := ""
	if shown != whole {
		title = "<title>" + html.EscapeString(whole) + "</title>"
	}
	fmt.Fprintf(b, `<text class="%s" x="%d" y="%d">%s%s</text>`+"\n", f.class, x, y, title, html.EscapeString(shown))
}

// GraphSVG draws a graph as a picture that stands alone: a card for each
// region, in layers from the founding one, and an arrow from each source,
// solid while it is live. It follows the light or dark scheme of its reader.
func GraphSVG(g Graph) string {
	cards, width, height, down := g.layout()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="ringplan-graph" role="img" width="%d" height="%d" viewBox="0 0 %d %d">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<desc>%s</desc>\n<style>%s</style>\n", html.EscapeString(plain("Ring of "+g.Topology)), html.EscapeString(plain(g.description())), svgStyle)
	fmt.Fprintf(&b, `<rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="14"/>`+"\n", width-1, height-1)
	room := width - 2*svgMargin
	faceHeading.text(&b, svgMargin, 40, room, g.Topology)
	faceNote.text(&b, svgMargin, 62, room, g.note(room))
	for _, live := range []bool{false, true} { // what is live lies on top
		for from, children := range g.forest().children {
			for _, to := range children {
				if g.Regions[to].Live == live {
					g.svgEdge(&b, from, to, cards, down)
				}
			}
		}
	}
	for i, r := range g.Regions {
		r.svgCard(&b, cards[i])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// note returns the line below the name: with the number of regions at each
// phase, if there is room for it.
func (g Graph) note(room int) string {
	about := g.System + " " + g.Version + " · "
	if long := about + g.counts(); faceNote.width(plain(long)) <= room {
		return long
	}
	return about + Count(len(g.Regions), "region")
}

// description tells in sentences what the picture shows.
func (g Graph) description() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s, %s.", g.System, g.Version, g.counts())
	for _, r := range g.Regions {
		fmt.Fprintf(&b, " %s is %s", r.Name, r.standing())
		if r.Gate != "" {
			b.WriteString(" and waits at " + r.Gate)
		}
		if r.Source != "" {
			fmt.Fprintf(&b, "; %s %s it", r.Source, r.seeding())
		}
		b.WriteString(".")
	}
	return b.String()
}

// layout places the cards: those of one layer in a row across, each source in
// the middle of what is built from it. Layers go to the right, or downwards
// where many follow on one another and the picture would be wide and flat.
func (g Graph) layout() (cards []card, width, height int, down bool) {
	f := g.forest()
	layers, leaves := f.size()
	down = layers > 3 && leaves <= layers
	tall := cardHeight
	if slices.ContainsFunc(g.Regions, func(r GraphRegion) bool { return r.Gate != "" }) {
		tall += cardFooter // every card has the same height
	}
	ahead, across := cardWidth+aheadGap, tall+siblingGap
	width, height = layers*ahead-aheadGap, leaves*across-siblingGap
	if down {
		ahead, across = tall+belowGap, cardWidth+siblingGap
		width, height = leaves*across-siblingGap, layers*ahead-belowGap
	}
	cards = make([]card, len(g.Regions))
	next := 0
	var place func(i, layer int) int
	place = func(i, layer int) int { // returns how far across it is
		first, last := next, next
		for n, child := range f.children[i] {
			last = place(child, layer+1)
			if n == 0 {
				first = last
			}
		}
		if len(f.children[i]) == 0 {
			next += across
		}
		middle := (first + last) / 2
		x, y := layer*ahead, middle
		if down {
			x, y = y, x
		}
		cards[i] = card{svgMargin + x, svgHeader + y, cardWidth, tall}
		return middle
	}
	for _, root := range f.roots {
		place(root, 0)
	}
	return cards, max(width, cardWidth) + 2*svgMargin, max(height, 0) + svgHeader + svgMargin, down
}

// size returns how many layers there are, and how many regions nobody is built
// from.
func (f forest) size() (layers, leaves int) {
	var measure func(i, layer int)
	measure = func(i, layer int) {
		layers = max(layers, layer)
		if len(f.children[i]) == 0 {
			leaves++
		}
		for _, child := range f.children[i] {
			measure(child, layer+1)
		}
	}
	for _, root := range f.roots {
		measure(root, 1)
	}
	return layers, leaves
}

func (r GraphRegion) svgCard(b *strings.Builder, c card) {
	fmt.Fprintf(b, `<g class="region %s" data-region="%s">`+"\n", r.kind(), html.EscapeString(plain(r.Name)))
	fmt.Fprintf(b, `<rect class="card" x="%d" y="%d" width="%d" height="%d" rx="12"/>`+"\n", c.x, c.y, c.w, c.h)
	left, right := c.x+cardPad, c.x+c.w-cardPad
	phase := facePhase.fit(plain(dash(string(r.Phase))), c.w/3)
	badge := facePhase.width(phase) + 18
	fmt.Fprintf(b, `<rect class="badge" x="%d" y="%d" width="%d" height="24" rx="12"/>`+"\n", right-badge, c.y+16, badge)
	facePhase.shortened(b, right-badge/2, c.y+32, plain(dash(string(r.Phase))), phase)
	faceName.text(b, left, c.y+33, right-left-badge-10, r.Name)
	y, room := c.y+cardTop+8, right-left-cardLabel
	for _, row := range []graphRow{
		{"datacenter", dash(r.Datacenter)},
		{"rack", fmt.Sprintf("%s × %d", dash(r.Rack), r.Replicas)},
		{"platform", dash(r.Platform) + ", " + dash(r.Cluster)},
		{"network", r.network()},
	} {
		faceLabel.text(b, left, y, cardLabel, row.label)
		faceValue.text(b, left+cardLabel, y, room, row.value)
		y += cardRow
	}
	faceLabel.text(b, left, y, cardLabel, r.owner())
	faceMono.shortened(b, left+cardLabel, y, plain(dash(strings.Join(r.Ranges, ", "))), r.fitRanges(room))
	if c.h > cardHeight {
		gate := faceGate
		if r.Gate == "" {
			gate = faceLabel
		}
		y += cardRow - 6
		fmt.Fprintf(b, `<path class="rule" d="M%d %dH%d"/>`+"\n", left, y, right)
		y += 23
		faceLabel.text(b, left, y, cardLabel, "waits at")
		gate.text(b, left+cardLabel, y, room, dash(r.Gate))
	}
	b.WriteString("</g>\n")
}

// fitRanges lists as many whole ranges as there is room for, and counts the
// others.
func (r GraphRegion) fitRanges(room int) string {
	for most := len(r.Ranges); most > 1; most-- {
		if text := plain(r.shortRanges(most)); faceMono.width(text) <= room {
			return text
		}
	}
	return faceMono.fit(plain(r.shortRanges(1)), room)
}

// svgEdge draws the arrow from a source to a region, with what the source does.
func (g Graph) svgEdge(b *strings.Builder, from, to int, cards []card, down bool) {
	r, live := g.Regions[to], ""
	if r.Live {
		live = " live"
	}
	f, t := cards[from], cards[to]
	start, end := spot{f.x + f.w, f.y + f.h/2}, spot{t.x, t.y + t.h/2}
	says := spot{end.x - (aheadGap-edgeBend)/2, end.y - 8}
	if down {
		start, end = spot{f.x + f.w/2, f.y + f.h}, spot{t.x + t.w/2, t.y}
		says = spot{end.x + 10 + faceSays.width(r.seeding())/2, end.y - belowGap/2 + 2}
	}
	fmt.Fprintf(b, `<g class="seed%s" data-from="%s" data-to="%s">`+"\n", live, html.EscapeString(plain(g.Regions[from].Name)), html.EscapeString(plain(r.Name)))
	fmt.Fprintf(b, `<path class="edge" d="%s"/>`+"\n", bent(start, end, down))
	fmt.Fprintf(b, `<path class="head" d="%s"/>`+"\n", arrow(end, down))
	faceSays.text(b, says.x, says.y, aheadGap, r.seeding())
	b.WriteString("</g>\n")
}

// turned writes a place that is so far along the way of the layers, and so far
// across it.
func turned(along, across int, down bool) string {
	if down {
		along, across = across, along
	}
	return fmt.Sprintf("%d %d", along, across)
}

// bent returns the path of an arrow: along, across with round corners, along.
func bent(start, end spot, down bool) string {
	a, b := start, end
	if down {
		a, b = spot{a.y, a.x}, spot{b.y, b.x}
	}
	at := func(along, across int) string { return turned(along, across, down) }
	last := at(b.x-arrowLength, b.y)
	if a.y == b.y {
		return "M" + at(a.x, a.y) + "L" + last
	}
	bend, step := a.x+edgeBend, min(edgeRadius, max(a.y-b.y, b.y-a.y)/2)
	turn := step
	if b.y < a.y {
		turn = -step
	}
	return "M" + at(a.x, a.y) + "L" + at(bend-step, a.y) + "Q" + at(bend, a.y) + " " + at(bend, a.y+turn) +
		"L" + at(bend, b.y-turn) + "Q" + at(bend, b.y) + " " + at(bend+step, b.y) + "L" + last
}

// arrow returns the head of an arrow that ends there.
func arrow(end spot, down bool) string {
	along, across := end.x, end.y
	if down {
		along, across = across, along
	}
	return "M" + turned(along-1, across, down) + "L" + turned(along-arrowLength-1, across-5, down) + "L" + turned(along-arrowLength-1, across+5, down) + "Z"
}
