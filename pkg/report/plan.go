package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// A Plan is the plan of one topology.
type Plan struct {
	Topology, System, Version string
	// File is the topology's file.
	File   string
	Inputs Inputs
	// Done are the steps that were taken, and Steps those to come.
	Done  []stage.Record
	Steps []system.Step
	// Told says for each step how much of what engines are told it changes, if
	// anything; it is as long as Steps, or nil.
	Told []string
	// Left says why regions are not in the plan.
	Left []string
	// Commands adds what a person runs for each stage.
	Commands bool
}

const nothingToDo = "There is nothing left to do."

// Inputs is what a plan depends on: the digest of the topology, and the number
// and digest of the last step of its rollout.
type Inputs struct {
	Topology string `json:"topology"`
	Step     int    `json:"step"`
	Head     string `json:"head"`
}

// PlanText shows a plan to a person at a terminal.
func PlanText(p Plan, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", style.bold("Plan of "+p.Topology), style.dim("("+p.System+" "+p.Version+", "+p.File+")"))
	if len(p.Done) > 0 {
		fmt.Fprintf(&b, "\n%s\n", style.bold("Done"))
		for _, rec := range p.Done {
			fmt.Fprintf(&b, "%s\n", style.dim(fmt.Sprintf("   %d. %s: %s → %s, %s; %s", rec.Step, rec.Region, rec.From, rec.To, timeText(rec.Time), because(rec))))
		}
		b.WriteString("\n")
	}
	for _, line := range p.Left {
		fmt.Fprintf(&b, "%s\n", style.paint("33", line))
	}
	if len(p.Steps) == 0 {
		b.WriteString(nothingToDo + "\n")
		return b.String()
	}
	fmt.Fprintf(&b, "%s to come, one revision each.\n", Count(len(p.Steps), "stage"))
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "\n%s%s\n", style.bold(fmt.Sprintf("%d. %s: %s → %s", s.Number, s.Region, s.From, s.To)), now(s.Current))
		fmt.Fprintf(&b, "   Gate: %s\n", gateText(s.Stage))
		for _, line := range changeLines(s.Changes) {
			fmt.Fprintf(&b, "   %s\n", style.change(line))
		}
		for _, line := range p.told(i) {
			fmt.Fprintf(&b, "   %s\n", line)
		}
		if len(s.Releases) > 0 {
			fmt.Fprintf(&b, "   Releases: %s\n", strings.Join(s.Releases, ", "))
		}
		if p.Commands && len(s.Commands) > 0 {
			b.WriteString("   Commands:\n")
			for _, line := range commandLines(s.Commands) {
				fmt.Fprintf(&b, "     %s\n", line)
			}
		}
	}
	return b.String()
}

// told is a line of what engines are told of a step, or none.
func (p Plan) told(step int) []string {
	if step >= len(p.Told) || p.Told[step] == "" {
		return nil
	}
	return []string{"… " + p.Told[step]}
}

// now marks the stage that a region waits before.
func now(current bool) string {
	if current {
		return " (current)"
	}
	return ""
}

func (s Style) change(line string) string {
	switch line[0] {
	case '+':
		return s.paint("32", line)
	case '-':
		return s.paint("31", line)
	case '~':
		return s.paint("33", line)
	}
	return line
}

func gateText(s stage.Stage) string {
	if s.Gate == nil {
		return "none; the stage starts when you decide so."
	}
	return s.Gate.Name + ". " + s.Gate.Words
}

func changeLines(changes []manifest.Change) []string {
	if len(changes) == 0 {
		return []string{"(no file changes)"}
	}
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = changeLine(c)
	}
	return lines
}

func changeLine(c manifest.Change) string {
	where := c.File
	for _, part := range []string{c.Document, c.Path} {
		if part != "" {
			where += ": " + part
		}
	}
	if c.Path == "" {
		if c.Op == manifest.Added {
			return "+ " + where
		}
		return "- " + where
	}
	switch c.Op {
	case manifest.Added:
		return "+ " + where + " = " + valueText(c.New)
	case manifest.Removed:
		return "- " + where + " = " + valueText(c.Old)
	}
	was, is := valueText(c.Old), valueText(c.New)
	if was == is { // a text became a number, say
		was, is = jsonText(c.Old, ""), jsonText(c.New, "")
	}
	return "~ " + where + " = " + was + " → " + is
}

// valueText writes a value on one line; of a map, that it is one. What could
// start a line of its own, or do something to a terminal, is escaped.
func valueText(v any) string {
	if _, ok := v.(map[string]any); ok {
		return "{…}"
	}
	if s, ok := v.(string); ok && unhidden(s) == s && !strings.ContainsAny(s, "\n\t") {
		return s
	}
	return jsonText(v, "")
}

// jsonText writes a value as JSON, on one line if there is no indent.
func jsonText(v any, indent string) string {
	text, err := encode(v, indent)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(text, "\n")
}

func commandLines(commands []system.Command) []string {
	var lines []string
	for _, c := range commands {
		lines = append(lines, "# "+c.Comment)
		if c.Run != "" {
			lines = append(lines, c.Run)
		}
	}
	return lines
}

// PlanMarkdown shows a plan in a document or a pull request.
func PlanMarkdown(p Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Plan of %s\n\n%s %s, from `%s`.\n", p.Topology, p.System, p.Version, p.File)
	if len(p.Done) > 0 {
		b.WriteString("\nDone:\n\n| step | region | from | to | at | because |\n|---|---|---|---|---|---|\n")
		for _, rec := range p.Done {
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", rec.Step, cell(rec.Region), cell(string(rec.From)), cell(string(rec.To)), timeText(rec.Time), cell(because(rec)))
		}
		b.WriteString("\nTo come:\n")
	}
	for _, line := range p.Left {
		fmt.Fprintf(&b, "\n%s\n", line)
	}
	if len(p.Steps) == 0 {
		b.WriteString("\n" + nothingToDo + "\n")
		return b.String()
	}
	b.WriteString("\n| stage | region | from | to | gate |\n|---|---|---|---|---|\n")
	for _, s := range p.Steps {
		gate := "–"
		if s.Gate != nil {
			gate = s.Gate.Name
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", s.Number, cell(s.Region), cell(string(s.From)), cell(string(s.To)), cell(gate))
	}
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "\n## %d. %s: %s → %s%s\n\nGate: %s\n", s.Number, s.Region, s.From, s.To, now(s.Current), gateText(s.Stage))
		if s.Gate != nil {
			b.WriteString("\n")
			for _, c := range s.Gate.Checks {
				fmt.Fprintf(&b, "- %s\n", c)
			}
		}
		b.WriteString(fence("diff", append(diffLines(s.Changes), p.told(i)...)))
		if len(s.Releases) > 0 {
			fmt.Fprintf(&b, "\nReleases: %s\n", strings.Join(s.Releases, ", "))
		}
		if p.Commands && len(s.Commands) > 0 {
			b.WriteString(fence("sh", commandLines(s.Commands)))
		}
	}
	return b.String()
}

// diffLines are changeLines with the marks that Markdown's diff colours know.
func diffLines(changes []manifest.Change) []string {
	lines := changeLines(changes)
	for i, line := range lines {
		if changed, ok := strings.CutPrefix(line, "~"); ok {
			lines[i] = "!" + changed
		}
	}
	return lines
}

// cell keeps a text inside its cell of a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// fence writes lines as a Markdown code block, with a fence that none of them
// closes.
func fence(language string, lines []string) string {
	text, mark := strings.Join(lines, "\n"), "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	return "\n" + mark + language + "\n" + text + "\n" + mark + "\n"
}

// PlansJSON renders the plans of a fleet for programs; commands are always in.
func PlansJSON(plans []Plan) (string, error) {
	type jsonStage struct {
		Number    int               `json:"number"`
		Region    string            `json:"region"`
		Procedure string            `json:"procedure"`
		From      stage.Phase       `json:"from"`
		To        stage.Phase       `json:"to"`
		Current   bool              `json:"current,omitempty"`
		Gate      *jsonGate         `json:"gate"`
		Changes   []manifest.Change `json:"changes"`
		Releases  []string          `json:"releases"`
		Commands  []system.Command  `json:"commands"`
	}
	type jsonDone struct {
		Step      int          `json:"step"`
		Region    string       `json:"region"`
		Action    stage.Action `json:"action"`
		Procedure string       `json:"procedure"`
		From      stage.Phase  `json:"from"`
		To        stage.Phase  `json:"to"`
		Gate      string       `json:"gate,omitempty"`
		Time      time.Time    `json:"time"`
		Evidence  string       `json:"evidence"`
	}
	type jsonPlan struct {
		Topology string      `json:"topology"`
		System   string      `json:"system"`
		Version  string      `json:"version"`
		File     string      `json:"file"`
		Inputs   Inputs      `json:"inputs"`
		Done     []jsonDone  `json:"done"`
		Stages   []jsonStage `json:"stages"`
	}
	out := make([]jsonPlan, len(plans))
	for i, p := range plans {
		out[i] = jsonPlan{p.Topology, p.System, p.Version, p.File, p.Inputs, []jsonDone{}, []jsonStage{}}
		for _, rec := range p.Done {
			out[i].Done = append(out[i].Done, jsonDone{rec.Step, rec.Region, rec.Action, rec.Procedure, rec.From, rec.To, rec.Gate, rec.Time, rec.Path()})
		}
		for _, s := range p.Steps {
			out[i].Stages = append(out[i].Stages, jsonStage{
				s.Number, s.Region, s.Procedure.Name, s.From, s.To, s.Current, gateJSON(s.Gate),
				notNil(s.Changes), notNil(s.Releases), notNil(s.Commands),
			})
		}
	}
	return indent(struct {
		FormatVersion string     `json:"formatVersion"`
		Plans         []jsonPlan `json:"plans"`
	}{FormatVersion, out})
}

type jsonGate struct {
	Name   string   `json:"name"`
	Words  string   `json:"words"`
	Checks []string `json:"checks"`
}

func gateJSON(g *stage.Gate) *jsonGate {
	if g == nil {
		return nil
	}
	return &jsonGate{g.Name, g.Words, g.Checks}
}

// notNil makes an empty list of none, so that programs see [] and not null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clip(list)
}

// GateText explains a gate that the named procedures have.
func GateText(g stage.Gate, procedures []string, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (gate of %s)\n%s\n\nIt opens when all of this holds:\n", style.bold(g.Name), strings.Join(procedures, ", "), g.Words)
	for _, c := range g.Checks {
		fmt.Fprintf(&b, "  - %s\n", c)
	}
	if g.Optional {
		b.WriteString("\nIt is judged only if observations are given: the procedure starts by decision.\n")
	}
	fmt.Fprintf(&b, "\nWhy: %s\nLook: %s\nSource: %s\n", g.Why, strings.Join(g.Look, "\n      "), g.Source)
	return b.String()
}

// PhaseText explains a phase of one procedure.
func PhaseText(info stage.PhaseInfo, p *stage.Procedure, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (phase of procedure %s)\n%s\n", style.bold(string(info.Phase)), p.Name, info.Summary)
	i := p.Index(info.Phase)
	if i+1 < len(p.Phases) {
		gate := "no gate, by decision"
		if g := p.Gate(info.Phase); g != nil && !g.Optional {
			gate = "gate " + g.Name
		}
		fmt.Fprintf(&b, "Next: %s, behind %s.\n", p.Phases[i+1].Phase, gate)
	}
	if !info.Phase.Rests() {
		b.WriteString(wayOutText(info.Abort))
	}
	return b.String()
}

func wayOutText(out stage.WayOut) string {
	text := "Abort: there is no way back.\n"
	if out.To != "" {
		text = "Abort: to " + string(out.To)
		if out.Procedure != "" {
			text += " of procedure " + out.Procedure
		}
		text += ".\n"
	}
	for _, line := range out.Do {
		text += "  - " + line + "\n"
	}
	return text
}
