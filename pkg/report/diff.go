package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
)

// A Diff is what would change in the regions of one topology.
type Diff struct {
	Topology string
	// Against names what the change is seen from.
	Against string
	Regions []RegionDiff
}

// A RegionDiff is what would change in one region; "" holds what belongs to
// none.
type RegionDiff struct {
	Region  string
	Changes []Effected
}

// An Effected is a change, and what it does.
type Effected struct {
	manifest.Change
	system.Effect
	// Fold names what the change is one of many of, such as checksum annotations:
	// text counts them. It is empty for a change that stands for itself.
	Fold string `json:"fold,omitempty"`
}

// Empty reports whether nothing would change.
func (d Diff) Empty() bool { return len(d.Regions) == 0 }

// Worst returns the gravest class of a region's changes.
func (r RegionDiff) Worst() system.Class {
	worst := system.Safe
	for _, c := range r.Changes {
		if c.Class.Worse(worst) {
			worst = c.Class
		}
	}
	return worst
}

// DiffSummary says in one line what would change.
func DiffSummary(d Diff) string {
	if d.Empty() {
		return fmt.Sprintf("%s: nothing changes from %s\n", d.Topology, d.Against)
	}
	return fmt.Sprintf("%s: %s in %s from %s, at worst %s\n", d.Topology, Count(d.count(), "change"), Count(len(d.Regions), "region"), d.Against, d.Worst())
}

// DiffText shows a diff to a person at a terminal. With stat it only counts.
func DiffText(d Diff, stat bool, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", style.bold(fmt.Sprintf("%s, from %s", d.Topology, d.Against)))
	if d.Empty() {
		b.WriteString("Nothing changes.\n")
		return b.String()
	}
	for _, r := range d.Regions {
		fmt.Fprintf(&b, "\n%s: %s, %s\n", style.bold(r.name()), Count(len(r.Changes), "change"), style.class(r.Worst()))
		if stat {
			continue
		}
		for _, c := range r.Changes {
			if c.Fold != "" {
				continue
			}
			fmt.Fprintf(&b, "  %s\n", style.change(changeLine(c.Change)))
			if c.Class != system.Safe {
				fmt.Fprintf(&b, "      %s: %s%s\n", style.class(c.Class), c.Why, procedureText(c.Procedure))
			}
		}
		if folds := r.folds(); folds != "" {
			fmt.Fprintf(&b, "  … %s (-o json lists them)\n", folds)
		}
	}
	return b.String()
}

// folds counts the changes that are folded.
func (r RegionDiff) folds() string {
	counts := map[string]int{}
	for _, c := range r.Changes {
		if c.Fold != "" {
			counts[c.Fold]++
		}
	}
	var words []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d × %s", counts[what], what))
	}
	return strings.Join(words, ", ")
}

func (r RegionDiff) name() string {
	if r.Region == "" {
		return "of no region"
	}
	return r.Region
}

func procedureText(procedure string) string {
	if procedure == "" {
		return ""
	}
	return " (procedure " + procedure + ")"
}

func (s Style) class(c system.Class) string {
	switch c {
	case system.Safe:
		return s.paint("32", string(c))
	case system.OneWay, system.DestroysData:
		return s.paint("1;31", string(c))
	case system.RollingRestart, system.RingMovement:
	}
	return s.paint("33", string(c))
}

// DiffMarkdown shows a diff in a pull request: a table of regions, and the
// changes of each folded away.
func DiffMarkdown(d Diff) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s, from %s\n", d.Topology, d.Against)
	if d.Empty() {
		b.WriteString("\nNothing changes.\n")
		return b.String()
	}
	b.WriteString("\n| region | changes | effect |\n|---|---|---|\n")
	for _, r := range d.Regions {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", cell(r.name()), len(r.Changes), r.Worst())
	}
	for _, r := range d.Regions {
		var changes []manifest.Change
		for _, c := range r.Changes {
			if c.Fold == "" {
				changes = append(changes, c.Change)
			}
		}
		var lines []string
		if folds := r.folds(); folds == "" {
			lines = diffLines(changes)
		} else if lines = []string{"… " + folds}; len(changes) > 0 {
			lines = append(diffLines(changes), lines...)
		}
		fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n%s\n</details>\n", r.name(), fence("diff", lines))
	}
	return b.String()
}

// DiffsHTML shows the diffs of a fleet as one page that loads nothing.
func DiffsHTML(list []Diff) (string, error) {
	reviews := make([]Review, len(list))
	for i, d := range list {
		reviews[i] = Review{Topology: d.Topology, Base: d.Against, Diff: d}
	}
	return ReviewHTML(reviews, "What would change")
}

// DiffsJSON renders the diffs of a fleet for programs.
func DiffsJSON(list []Diff) (string, error) {
	type jsonRegion struct {
		Region  string       `json:"region"`
		Class   system.Class `json:"class"`
		Changes []Effected   `json:"changes"`
	}
	type jsonDiff struct {
		Topology string       `json:"topology"`
		Against  string       `json:"against"`
		Regions  []jsonRegion `json:"regions"`
	}
	out := make([]jsonDiff, len(list))
	for i, d := range list {
		out[i] = jsonDiff{d.Topology, d.Against, []jsonRegion{}}
		for _, r := range d.Regions {
			out[i].Regions = append(out[i].Regions, jsonRegion{r.Region, r.Worst(), r.Changes})
		}
	}
	return indent(struct {
		FormatVersion string     `json:"formatVersion"`
		Diffs         []jsonDiff `json:"diffs"`
	}{FormatVersion, out})
}
