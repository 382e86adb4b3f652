package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringplan/ringplan/pkg/stage"
)

// A Gate is the answer of a gate for one region.
type Gate struct {
	Topology, Region string
	Phase            stage.Phase
	// Gate is nil where nothing has to be proven.
	Gate *stage.Gate
	// Procedure and To are where the region goes through the gate.
	Procedure string
	To        stage.Phase
	Results   []stage.Result
	// Look holds the commands that show where the region stands.
	Look []string
	// Named is the topology as a shell is told of it; "" where it is found.
	Named string
}

// verb is a verb for the region, as a person enters it.
func (g Gate) verb(name string) string {
	text := "ringplan " + name + " " + g.Region
	if g.Named != "" {
		text += " --topology " + g.Named
	}
	return text
}

// Open reports whether the gate is open, or there is none.
func (g Gate) Open() bool { return g.Gate == nil || stage.Verdict(g.Results) == stage.Met }

// VerdictText shows every check with its answer and reason, and where to look
// if the gate is not open.
func VerdictText(g Gate, style Style) string {
	if g.Gate == nil {
		command := g.verb("advance")
		if g.Phase.InRing() {
			command += " --procedure " + g.Procedure
		}
		return fmt.Sprintf("Region %s is %s, and no gate holds it: `%s` starts %s.\n", g.Region, g.Phase, command, g.Procedure)
	}
	var b strings.Builder
	verdict := stage.Verdict(g.Results)
	open := "not open"
	if verdict == stage.Met {
		open = "open"
	}
	fmt.Fprintf(&b, "%s of region %s (%s) is %s: %s\n", style.bold("Gate "+g.Gate.Name), g.Region, g.Phase, open, style.answer(verdict))
	b.WriteString(resultsText(g.Results, style))
	if verdict == stage.Failed && !g.Phase.Rests() {
		fmt.Fprintf(&b, "\nThis does not mend itself. `%s` leaves the phase; `ringplan explain %s` tells what then.\n", g.verb("abort"), g.Phase)
	}
	if verdict != stage.Met {
		b.WriteString(lookText(g.Look))
	}
	return b.String()
}

func resultsText(results []stage.Result, style Style) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "\n  %s  %s\n           %s\n", style.padded(r.Answer), r.Check, r.Reason)
		if r.Warning != "" {
			fmt.Fprintf(&b, "           %s %s\n", style.paint("33", "warning:"), r.Warning)
		}
	}
	return b.String()
}

// ProgressText shows in a line for each check how far a gate is. What several
// checks say alike is said once.
func ProgressText(g Gate, at time.Time, style Style) string {
	if g.Gate == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of region %s (%s), %s: %s\n", style.bold("Gate "+g.Gate.Name), g.Region, g.Phase, timeText(at), style.answer(stage.Verdict(g.Results)))
	var lines []string
	for _, r := range g.Results {
		lines = append(lines, fmt.Sprintf("  %s %s\n", style.padded(r.Answer), r.Reason))
	}
	return b.String() + once(lines)
}

// ChangedText shows in a line for each check what a gate answers otherwise than
// before. What several checks say alike is said once.
func ChangedText(before, g Gate, at time.Time, style Style) string {
	var lines []string
	for i, r := range g.Results {
		if i < len(before.Results) && before.Results[i] == r {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s\n", timeText(at), g.Region, style.padded(r.Answer), r.Reason))
	}
	return once(lines)
}

// once joins lines, each where it stands first.
func once(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if !slices.Contains(lines[:i], line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// padded is an answer in a column.
func (s Style) padded(a stage.Answer) string {
	return s.answer(a) + strings.Repeat(" ", len("waiting")-len(a))
}

func lookText(look []string) string {
	if len(look) == 0 {
		return ""
	}
	return "\nTo look:\n  " + strings.Join(look, "\n  ") + "\n"
}

func (s Style) answer(a stage.Answer) string {
	switch a {
	case stage.Met:
		return s.paint("32", string(a))
	case stage.Failed:
		return s.paint("1;31", string(a))
	case stage.Waiting, stage.Unknown:
	}
	return s.paint("33", string(a))
}

type jsonVerdict struct {
	Topology  string         `json:"topology"`
	Region    string         `json:"region"`
	Phase     stage.Phase    `json:"phase"`
	Procedure string         `json:"procedure"`
	To        stage.Phase    `json:"to"`
	Gate      string         `json:"gate,omitempty"`
	Open      bool           `json:"open"`
	Answer    stage.Answer   `json:"answer,omitempty"`
	Results   []stage.Result `json:"results"`
}

func verdictJSON(g Gate) jsonVerdict {
	v := jsonVerdict{Topology: g.Topology, Region: g.Region, Phase: g.Phase, Procedure: g.Procedure, To: g.To, Open: g.Open(), Results: notNil(g.Results)}
	if g.Gate != nil {
		v.Gate, v.Answer = g.Gate.Name, stage.Verdict(g.Results)
	}
	return v
}

// VerdictJSON renders the answer of a gate for programs.
func VerdictJSON(g Gate) (string, error) {
	return indent(struct {
		FormatVersion string `json:"formatVersion"`
		jsonVerdict
	}{FormatVersion, verdictJSON(g)})
}
