package report

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// Moved is a step that was taken.
type Moved struct {
	Topology string
	Record   stage.Record
	// Evidence is the record's file, Rendered the rendered tree, and Written,
	// Removed and Unchanged count its files.
	Evidence, Rendered          string
	Written, Removed, Unchanged int
	// Commit is the Git commit that was made, if any.
	Commit string
	// Do is what a person must do for an abort, and Commands apply the step. Where
	// an engine has a part in that, which is Synced, they are what it leaves to a
	// person, the push among them.
	Do       []string
	Commands []system.Command
	Synced   bool
	// Named is the topology as a shell is told of it; "" where it is found.
	Named string
	// Next is the gate that the region waits at now, with where to look.
	Next *stage.Gate
	Look []string
}

// maxCommands is how many commands a step shows; those of a whole installation
// would hide what it says.
const maxCommands = 3

// MovedText tells what a step did, and what comes next.
func MovedText(m Moved, style Style) string {
	var b strings.Builder
	rec := m.Record
	fmt.Fprintf(&b, "%s\n", style.bold(fmt.Sprintf("Step %d: region %s is %s now", rec.Step, rec.Region, rec.To)))
	fmt.Fprintf(&b, "It was %s; %s.\n", rec.From, because(rec))
	b.WriteString(resultsText(rec.Results, style))
	if rec.SeedHost != "" {
		fmt.Fprintf(&b, "\nSeed host: %s, from %s\n", rec.SeedHost, rec.SeedFrom)
	}
	fmt.Fprintf(&b, "\nWritten:\n  %s\n  %s: %d written, %d removed, %d unchanged\n", m.Evidence, m.Rendered, m.Written, m.Removed, m.Unchanged)
	if m.Commit != "" {
		fmt.Fprintf(&b, "  Git commit %s\n", m.Commit)
	}
	list := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "\n%s\n  %s\n", title, strings.Join(lines, "\n  "))
		}
	}
	list("What a person must do:", m.Do)
	b.WriteString(applyText(m))
	if m.Next != nil {
		fmt.Fprintf(&b, "\nNext: gate %s. %s\n", m.Next.Name, m.Next.Words)
		b.WriteString(lookText(m.Look))
	}
	return b.String()
}

// applyText says how a step gets into the cluster, and what a person does for that.
func applyText(m Moved) string {
	title := "Commit it and let it be synced"
	if m.Commit != "" {
		title = "Push it and let it be synced"
	}
	if len(m.Commands) == 0 {
		return "\n" + title + ".\n"
	}
	if m.Synced || !slices.ContainsFunc(m.Commands, func(c system.Command) bool { return c.Applies }) {
		title += ". What is left for a person to do, before and after"
	} else {
		title += ", or apply it by hand"
	}
	lines := commandLines(m.Commands)
	if rec := m.Record; len(m.Commands) > maxCommands && rec.Action == stage.Start && !rec.From.InRing() {
		title += ", in " + Count(len(m.Commands), "step")
		named := m.Named
		if named != "" {
			named += " "
		}
		lines = []string{fmt.Sprintf("ringplan plan %s--commands --region %s --phase %s=%s", named, rec.Region, rec.Region, rec.From)}
	}
	return "\n" + title + ":\n  " + strings.Join(lines, "\n  ") + "\n"
}

// because says in a few words what allowed a step.
func because(rec stage.Record) string {
	switch rec.Action {
	case stage.Start:
		return "procedure " + rec.Procedure + " was started"
	case stage.Abort:
		if rec.To.Rests() {
			return "that was aborted"
		}
		return "that was aborted, and procedure " + rec.Procedure + " goes on from here"
	case stage.Advance, stage.Adopt:
	}
	return "gate " + rec.Gate + " is open"
}

// CommitMessage tells a step's story to Git.
func CommitMessage(m Moved) string {
	var b strings.Builder
	rec := m.Record
	fmt.Fprintf(&b, "%s: %s to %s\n\n", rec.Region, rec.From, rec.To)
	sentence := because(rec)
	fmt.Fprintf(&b, "%s%s.\n", strings.ToUpper(sentence[:1]), sentence[1:])
	for _, r := range rec.Results {
		fmt.Fprintf(&b, "- %s: %s\n", r.Answer, r.Reason)
		if r.Warning != "" {
			fmt.Fprintf(&b, "  warning: %s\n", r.Warning)
		}
	}
	if rec.SeedHost != "" {
		fmt.Fprintf(&b, "- seed host %s, from %s\n", rec.SeedHost, rec.SeedFrom)
	}
	for _, line := range m.Do {
		fmt.Fprintf(&b, "- to do: %s\n", line)
	}
	fmt.Fprintf(&b, "\nRingplan-Topology: %s\nRingplan-Step: %d\n", m.Topology, rec.Step)
	return b.String()
}

// MovedJSON renders a step for programs.
func MovedJSON(m Moved) (string, error) {
	next := ""
	if m.Next != nil {
		next = m.Next.Name
	}
	rec := m.Record
	return indent(struct {
		FormatVersion string           `json:"formatVersion"`
		Topology      string           `json:"topology"`
		Step          int              `json:"step"`
		Region        string           `json:"region"`
		Action        stage.Action     `json:"action"`
		Procedure     string           `json:"procedure"`
		From          stage.Phase      `json:"from"`
		To            stage.Phase      `json:"to"`
		Gate          string           `json:"gate,omitempty"`
		Time          time.Time        `json:"time"`
		Source        string           `json:"source,omitempty"`
		SeedHost      string           `json:"seedHost,omitempty"`
		SeedFrom      string           `json:"seedFrom,omitempty"`
		Results       []stage.Result   `json:"results"`
		Evidence      string           `json:"evidence"`
		Commit        string           `json:"commit,omitempty"`
		Do            []string         `json:"do"`
		Commands      []system.Command `json:"commands"`
		Next          string           `json:"next,omitempty"`
	}{FormatVersion, m.Topology, rec.Step, rec.Region, rec.Action, rec.Procedure, rec.From, rec.To, rec.Gate,
		rec.Time, rec.Source, rec.SeedHost, rec.SeedFrom, notNil(rec.Results), m.Evidence, m.Commit, notNil(m.Do), notNil(m.Commands), next})
}

// A Status is where the regions of one topology stand.
type Status struct {
	Topology string
	Step     int
	Regions  []Standing
}

// A Standing is where one region stands.
type Standing struct {
	stage.Progress
	Datacenter string
	// Gate is what the region waits at; nil if it rests.
	Gate     *Gate
	Refusals []stage.Refusal
}

// StatusText shows a status to a person at a terminal.
func StatusText(s Status, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", style.bold(fmt.Sprintf("Rollout of %s, at step %d", s.Topology, s.Step)))
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REGION\tDATACENTER\tPROCEDURE\tPHASE\tSINCE\tGATE") //nolint:errcheck // to memory
	for _, r := range s.Regions {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Region, dash(r.Datacenter), dash(r.Procedure), r.Phase, timeText(r.Since), r.gate()) //nolint:errcheck // to memory
	}
	_ = table.Flush()
	for _, r := range s.Regions {
		for _, refusal := range r.Refusals {
			fmt.Fprintf(&b, "\n%s: %s\n", r.Region, refusal)
		}
		if r.Gate != nil {
			b.WriteString("\n" + VerdictText(*r.Gate, style))
		}
	}
	return b.String()
}

func (s Standing) gate() string {
	if s.Gate == nil || s.Gate.Gate == nil {
		return "–"
	}
	return s.Gate.Gate.Name + ": " + string(stage.Verdict(s.Gate.Results))
}

func dash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format(time.RFC3339)
}

// StatusJSON renders the status of a fleet for programs.
func StatusJSON(list []Status) (string, error) {
	type jsonRegion struct {
		stage.Progress
		Datacenter string          `json:"datacenter,omitempty"`
		Gate       *jsonVerdict    `json:"gate"`
		Refusals   []stage.Refusal `json:"refusals,omitempty"`
	}
	type jsonStatus struct {
		Topology string       `json:"topology"`
		Step     int          `json:"step"`
		Regions  []jsonRegion `json:"regions"`
	}
	out := make([]jsonStatus, len(list))
	for i, s := range list {
		out[i] = jsonStatus{s.Topology, s.Step, []jsonRegion{}}
		for _, r := range s.Regions {
			region := jsonRegion{Progress: r.Progress, Datacenter: r.Datacenter, Refusals: r.Refusals}
			if r.Gate != nil {
				v := verdictJSON(*r.Gate)
				region.Gate = &v
			}
			out[i].Regions = append(out[i].Regions, region)
		}
	}
	return indent(struct {
		FormatVersion string       `json:"formatVersion"`
		Rollouts      []jsonStatus `json:"rollouts"`
	}{FormatVersion, out})
}
