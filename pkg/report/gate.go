package report

import (
	"fmt"
	"strings"

	"github.com/ringplan/ringplan/pkg/stage"
)

// A Gate is the answer of a gate for one region.
type Gate struct {
	Topology, Region string
	Phase            stage.Phase
	Gate             *stage.Gate
	Results          []stage.Result
	// Look holds the commands that show where the region stands.
	Look []string
}

// VerdictText shows every check with its answer and reason, and where to look
// if the gate is not open.
func VerdictText(g Gate, style Style) string {
	var b strings.Builder
	verdict := stage.Verdict(g.Results)
	open := "not open"
	if verdict == stage.Met {
		open = "open"
	}
	fmt.Fprintf(&b, "%s of region %s (%s) is %s: %s\n", style.bold("Gate "+g.Gate.Name), g.Region, g.Phase, open, style.answer(verdict))
	for _, r := range g.Results {
		fmt.Fprintf(&b, "\n  %s  %s\n           %s\n", style.answer(r.Answer)+strings.Repeat(" ", len("waiting")-len(r.Answer)), r.Check, r.Reason)
	}
	if verdict != stage.Met {
		b.WriteString("\nTo look:\n")
		for _, look := range g.Look {
			fmt.Fprintf(&b, "  %s\n", look)
		}
	}
	return b.String()
}

func (s Style) answer(a stage.Answer) string {
	switch a {
	case stage.Met:
		return s.paint("32", string(a))
	case stage.Failed:
		return s.paint("1;31", string(a))
	}
	return s.paint("33", string(a))
}

// VerdictJSON renders the answer of a gate for programs.
func VerdictJSON(g Gate) (string, error) {
	return indent(struct {
		FormatVersion string         `json:"formatVersion"`
		Topology      string         `json:"topology"`
		Region        string         `json:"region"`
		Phase         stage.Phase    `json:"phase"`
		Gate          string         `json:"gate"`
		Answer        stage.Answer   `json:"answer"`
		Results       []stage.Result `json:"results"`
	}{FormatVersion, g.Topology, g.Region, g.Phase, g.Gate.Name, stage.Verdict(g.Results), notNil(g.Results)})
}
