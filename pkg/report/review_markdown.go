package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// MaxComment is how many characters a comment of GitHub may have [GH-LIMITS];
// other forges allow more.
const MaxComment = 65536

// CommentMark begins each comment, so that the next one can take its place.
const CommentMark = "<!-- ringplan report -->"

// A detail says how much of a review is written out. What is not is counted.
type detail struct {
	// listed are the classes whose changes are listed.
	listed []system.Class
	// picture adds the picture of the topology.
	picture bool
	// Of stages, findings, regions and topologies so many are written out.
	stages, findings, regions, topologies int
}

// details goes from everything to next to nothing. The mildest changes go first.
func details() []detail {
	const all = 1 << 30
	d := detail{listed: system.Classes(), picture: true, stages: 10, findings: all, regions: all, topologies: all}
	list := []detail{d}
	for range system.Classes() {
		d.listed = d.listed[1:]
		list = append(list, d)
	}
	d.picture = false
	list = append(list, d)
	for _, most := range []int{100, 30, 10} {
		d.stages, d.findings, d.regions = min(most, 3), most, most
		list = append(list, d)
	}
	d.stages, d.findings, d.regions = 1, 3, 3
	for _, most := range []int{100, 30, 10} {
		d.topologies = most
		list = append(list, d)
	}
	return list
}

// ReviewMarkdown writes reviews as one comment for a pull request, of at most
// limit bytes. If not everything fits, what is mildest is counted instead of
// listed, and the comment says so.
func ReviewMarkdown(list []Review, limit int) string {
	text := ""
	for _, d := range details() {
		if text = d.comment(list); len(text) <= limit {
			break
		}
	}
	return text
}

func (d detail) comment(list []Review) string {
	var b strings.Builder
	b.WriteString(CommentMark + "\n")
	var quiet []string
	written, left := 0, 0
	for _, r := range list {
		switch {
		case r.Quiet():
			quiet = append(quiet, r.Topology)
		case written < d.topologies:
			written++
			b.WriteString(d.review(r))
		default:
			left++
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "\n%s not shown here: the comment would be too long.\n", Count(left, "more changed topology"))
	}
	if len(quiet) > 0 {
		fmt.Fprintf(&b, "\nNothing changes for %s.\n", few(quiet))
	}
	return b.String()
}

// few joins at most ten names, and counts the others.
func few(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func (d detail) review(r Review) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n%s\n", brief(r.Topology), brief(r.Sentence()))
	for _, part := range []string{d.effects(r), d.next(r.Plan), d.found(r), d.changes(r.Diff), d.drawn(r.Graph)} {
		if part != "" {
			b.WriteString("\n" + part)
		}
	}
	return b.String()
}

// effects is a table of the regions that change, the gravest first.
func (d detail) effects(r Review) string {
	if r.Diff.Empty() {
		return ""
	}
	regions := slices.Clone(r.Diff.Regions)
	slices.SortStableFunc(regions, func(a, b RegionDiff) int { return b.Worst().Compare(a.Worst()) })
	var b strings.Builder
	b.WriteString("| region | phase | changes | effect | what it does |\n|---|---|---|---|---|\n")
	for _, region := range regions[:min(len(regions), d.regions)] {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", brief(region.name()), brief(r.phase(region.Region)), len(region.Changes), region.Worst(), brief(region.why()))
	}
	if rest := regions[min(len(regions), d.regions):]; len(rest) > 0 {
		fmt.Fprintf(&b, "\n%s: at worst %s.\n", Count(len(rest), "more region"), rest[0].Worst())
	}
	return b.String()
}

// phase says where a region stands, and where it came from if it moved.
func (r Review) phase(region string) string {
	now := ""
	for _, s := range r.Status.Regions {
		if s.Region == region {
			now = string(s.Phase)
		}
	}
	for _, rec := range r.Taken {
		if rec.Region == region {
			return string(rec.From) + " → " + now
		}
	}
	return dash(now)
}

// why says what the gravest changes of a region do.
func (r RegionDiff) why() string {
	worst := r.Worst()
	var reasons []string
	for _, c := range r.Changes {
		reason := c.Why + procedureText(c.Procedure)
		if c.Class == worst && !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	const most = 2
	if len(reasons) > most {
		reasons = append(reasons[:most], fmt.Sprintf("and %d more", len(reasons)-most))
	}
	return strings.Join(reasons, "; ")
}

// next is a table of the stages to come.
func (d detail) next(p Plan) string {
	if len(p.Steps) == 0 {
		if len(p.Left) == 0 {
			return ""
		}
		return strings.Join(p.Left, "\n") + "\n"
	}
	var b strings.Builder
	b.WriteString("**What comes next**\n\n| stage | region | from | to | gate |\n|---|---|---|---|---|\n")
	for _, s := range p.Steps[:min(len(p.Steps), d.stages)] {
		gate := "none, by decision"
		if s.Gate != nil {
			gate = s.Gate.Name + ": " + s.Gate.Words
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", s.Number, brief(s.Region), brief(string(s.From)), brief(string(s.To)), brief(gate))
	}
	if left := len(p.Steps) - d.stages; left > 0 {
		fmt.Fprintf(&b, "\nThen %s; `ringplan plan` lists them.\n", Count(left, "more stage"))
	}
	return b.String()
}

// found lists the new findings, and counts the others.
func (d detail) found(r Review) string {
	news := r.newFindings()
	if len(news) == 0 {
		return ""
	}
	slices.SortStableFunc(news, func(a, b diag.Finding) int { return int(b.Severity) - int(a.Severity) })
	var b strings.Builder
	fmt.Fprintf(&b, "**New findings: %s**\n\n", Summary(news))
	for _, f := range news[:min(len(news), d.findings)] {
		fmt.Fprintf(&b, "- %s %s at %s: %s\n", f.Severity, f.Code, brief(f.Pos.String()), brief(f.Message))
	}
	if left := news[min(len(news), d.findings):]; len(left) > 0 {
		fmt.Fprintf(&b, "\nAnd %s more; `ringplan verify --base %s` lists them.\n", Summary(left), r.Base)
	}
	return b.String()
}

// changes lists the changes of each region, folded away.
func (d detail) changes(diff Diff) string {
	var b strings.Builder
	left := map[system.Class]int{}
	for _, region := range diff.Regions {
		var listed []manifest.Change
		for _, c := range region.Changes {
			if slices.Contains(d.listed, c.Class) {
				listed = append(listed, c.Change)
			} else {
				left[c.Class]++
			}
		}
		if len(listed) > 0 {
			fmt.Fprintf(&b, "<details><summary>%s: %s</summary>\n%s\n</details>\n\n", brief(region.name()), Count(len(region.Changes), "change"), fence("diff", clipped(diffLines(listed))))
		}
	}
	var counts []string
	for _, class := range system.Classes() {
		if left[class] > 0 {
			counts = append(counts, Count(left[class], string(class)+" change"))
		}
	}
	if len(counts) > 0 {
		fmt.Fprintf(&b, "Not listed here, for the comment would be too long: %s. `ringplan diff --base %s` lists them.\n\n", strings.Join(counts, ", "), diff.Against)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// drawn is the picture of the topology.
func (d detail) drawn(g Graph) string {
	if !d.picture || len(g.Regions) == 0 {
		return ""
	}
	return "<details><summary>Where each region stands</summary>\n" + fence("mermaid", strings.Split(strings.TrimSuffix(GraphMermaid(g), "\n"), "\n")) + "\n</details>\n"
}

// Texts of users are clipped to this many bytes, so that a comment of few parts
// is never long.
const maxText, maxLine = 400, 1000

// brief makes a text of a user fit for a line of Markdown, or a cell of a table.
func brief(text string) string {
	return inline(clip(strings.Join(strings.Fields(text), " "), maxText))
}

// clipped clips each line.
func clipped(lines []string) []string {
	for i := range lines {
		lines[i] = clip(lines[i], maxLine)
	}
	return lines
}

// clip cuts a text off after so many bytes, between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// ReviewJSON renders reviews for programs.
func ReviewJSON(list []Review) (string, error) {
	type jsonStep struct {
		Region string      `json:"region"`
		From   stage.Phase `json:"from"`
		To     stage.Phase `json:"to"`
		Gate   string      `json:"gate,omitempty"`
	}
	type jsonReview struct {
		Topology string         `json:"topology"`
		Base     string         `json:"base"`
		Added    bool           `json:"added,omitempty"`
		Sentence string         `json:"sentence"`
		Class    system.Class   `json:"class"`
		Taken    []jsonStep     `json:"taken"`
		Next     []jsonStep     `json:"next"`
		Changes  map[string]int `json:"changes"`
		Findings diag.List      `json:"findings"`
	}
	out := make([]jsonReview, len(list))
	for i, r := range list {
		out[i] = jsonReview{r.Topology, r.Base, r.Added, r.Sentence(), r.Diff.Worst(), []jsonStep{}, []jsonStep{}, map[string]int{}, notNil(r.Findings)}
		for _, rec := range r.Taken {
			out[i].Taken = append(out[i].Taken, jsonStep{rec.Region, rec.From, rec.To, rec.Gate})
		}
		for _, s := range r.Plan.Steps {
			step := jsonStep{s.Region, s.From, s.To, ""}
			if s.Gate != nil {
				step.Gate = s.Gate.Name
			}
			out[i].Next = append(out[i].Next, step)
		}
		for _, region := range r.Diff.Regions {
			out[i].Changes[region.name()] = len(region.Changes)
		}
	}
	return indent(struct {
		FormatVersion string       `json:"formatVersion"`
		Reviews       []jsonReview `json:"reviews"`
	}{FormatVersion, out})
}
