package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

//go:embed html/review.html.tmpl
var reviewTemplate string

//go:embed html/review.css
var reviewStyle string

// reviewPage is the template of [ReviewHTML], parsed when it is first needed.
var reviewPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"count": Count,
		"dash":  dash,
		"slug":  func(c system.Class) string { return strings.ReplaceAll(string(c), " ", "-") },
	}).Parse(reviewTemplate))
})

// ReviewHTML returns the whole story of a change as one HTML page under that
// title: it loads nothing, runs no script, and carries a policy that forbids
// both. The same reviews always give the same page.
func ReviewHTML(list []Review, title string) (string, error) {
	var b strings.Builder
	if err := reviewPage().Execute(&b, htmlPageOf(list, title)); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	return unhidden(b.String()), nil
}

// An htmlPage is what the template shows.
type htmlPage struct {
	Title string
	// Base is that of all reviews; "" if they have several.
	Base    string
	Head    template.HTML
	Numbers []htmlNumber
	Reviews []htmlReview
}

// An htmlNumber is one of the numbers in the header: a count, or a class.
type htmlNumber struct {
	Name  string
	Value int
	Class system.Class
	Note  string
}

// An htmlReview is one review, as the template shows it.
type htmlReview struct {
	ID, Topology, Base, Sentence string
	Graph                        Graph
	Picture                      template.HTML
	Changes                      int
	Worst                        system.Class
	Regions                      []htmlRegion
	Notices                      []htmlNotice
	// Broken is true if the topology cannot be read: then only its findings are
	// known.
	Broken bool
	Past   []htmlPast
	Steps  []htmlStep
	// Gates are those that a region waits at and no step of the plan shows.
	Gates    []htmlGate
	Findings []htmlFinding
	Summary  string
	// New counts the new findings, and Silenced those that are not shown.
	New, Silenced int
}

// An htmlNotice is a line that the plan must not be read without.
type htmlNotice struct{ Label, Text string }

// An htmlRegion is what changes in one region, and what that does.
type htmlRegion struct {
	ID, Name string
	Worst    system.Class
	Why      []string
	Changes  []htmlChange
	Open     bool
}

// An htmlChange is one change. Old and New are empty where there is no value.
type htmlChange struct {
	Op                         manifest.Op
	Word, File, Path, Old, New string
	Class                      system.Class
	Why, Procedure             string
}

// An htmlPast is a list of steps that were taken, with words for all of them,
// and whether these stand for them until a reader wants more.
type htmlPast struct {
	Words string
	Fold  bool
	Steps []htmlDone
}

// An htmlDone is a step that was taken.
type htmlDone struct {
	Step        int
	Taken       bool
	Region      string
	From, To    stage.Phase
	At, Because string
	Facts       []htmlFact
	Checks      []stage.Result
}

// An htmlFact is a line of what a record holds.
type htmlFact struct{ Name, Value string }

// An htmlStep is a step to come.
type htmlStep struct {
	Number   int
	Region   string
	From, To stage.Phase
	Current  bool
	Gate     *htmlGate
	Releases []string
	Changes  []htmlChange
	Commands []system.Command
}

// An htmlGate is a gate with its checks; they have answers if it was judged.
type htmlGate struct {
	Region      string
	Phase       stage.Phase
	Name, Words string
	Judged      bool
	Verdict     stage.Answer
	Checks      []stage.Result
}

// An htmlFinding is a finding, and whether it is new.
type htmlFinding struct {
	diag.Finding
	New bool
}

func htmlPageOf(list []Review, title string) htmlPage {
	page := htmlPage{Title: title, Head: htmlHead()}
	for i, r := range list {
		page.Reviews = append(page.Reviews, htmlReviewOf(r, fmt.Sprintf("t%d", i+1)))
	}
	page.Numbers = htmlNumbers(page.Reviews)
	if page.Base = oneBase(list); page.Base != "" {
		for i := range page.Reviews {
			page.Reviews[i].Base = ""
		}
	}
	return page
}

// oneBase returns the base that all reviews have that have any; "" if they have
// several.
func oneBase(list []Review) string {
	base := ""
	for _, r := range list {
		if base != "" && r.Base != "" && r.Base != base {
			return ""
		}
		base = cmp.Or(base, r.Base)
	}
	return base
}

// htmlHead returns the style, and before it a policy by which a browser takes
// that style, the one of the picture, and nothing else.
func htmlHead() template.HTML {
	policy := "default-src 'none'; style-src"
	for _, style := range []string{reviewStyle, svgStyle} {
		sum := sha256.Sum256([]byte(style))
		policy += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	policy += "; base-uri 'none'; form-action 'none'"
	return template.HTML(`<meta http-equiv="Content-Security-Policy" content="` + policy + `"/>` + "\n<style>" + reviewStyle + "</style>") // our own files
}

func htmlNumbers(list []htmlReview) []htmlNumber {
	var changes, fresh, findings, steps, done int
	worst := system.Safe
	for _, r := range list {
		changes += r.Changes
		fresh += r.New
		findings += len(r.Findings)
		steps += len(r.Steps)
		for _, past := range r.Past {
			done += len(past.Steps)
		}
		if r.Worst.Worse(worst) {
			worst = r.Worst
		}
	}
	numbers := []htmlNumber{
		{Name: "Changes", Value: changes},
		{Name: "New findings", Value: fresh, Note: fmt.Sprintf("of %d", findings)},
		{Name: "Stages to come", Value: steps, Note: fmt.Sprintf("%d done", done)},
	}
	if changes > 0 {
		numbers = append(numbers, htmlNumber{Name: "Gravest effect", Class: worst})
	}
	return numbers
}

func htmlReviewOf(r Review, id string) htmlReview {
	v := htmlReview{
		ID: id, Topology: r.Topology, Base: r.Base, Sentence: r.Sentence(), Broken: r.Broken,
		Graph: r.Graph, Changes: r.Diff.count(), Worst: r.Diff.Worst(),
		Summary: Summary(r.Findings), New: len(r.newFindings()), Silenced: r.Findings.Silenced(),
	}
	if len(r.Graph.Regions) > 0 {
		v.Picture = template.HTML(GraphSVG(r.Graph)) // it escapes what it is given
	}
	for i, region := range r.Diff.Regions {
		v.Regions = append(v.Regions, htmlRegionOf(region, fmt.Sprintf("%s-region-%d", id, i+1), v.Changes <= maxOpenChanges))
	}
	v.Past = htmlPastOf(r)
	v.Steps, v.Gates = htmlSteps(r)
	v.Notices = htmlNotices(r)
	v.Findings = htmlFindings(r.Findings)
	return v
}

// How many steps that were taken before, or by the change, stand open, and how
// many changes; of more, only the gravest do.
const maxOpenDone, maxOpenTaken, maxOpenChanges = 3, 8, 12

func htmlNotices(r Review) []htmlNotice {
	var notices []htmlNotice
	for _, line := range r.Plan.Left {
		notices = append(notices, htmlNotice{"Not in the plan.", line})
	}
	for _, region := range r.Status.Regions {
		for _, refusal := range region.Refusals {
			notices = append(notices, htmlNotice{region.Region + " may not go on.", refusal.String()})
		}
	}
	return notices
}

func htmlRegionOf(r RegionDiff, id string, open bool) htmlRegion {
	worst := r.Worst()
	v := htmlRegion{ID: id, Name: r.name(), Worst: worst, Open: open || worst.Worse(system.RingMovement)}
	for _, c := range r.Changes {
		if c.Class == worst && c.Why != "" && !slices.Contains(v.Why, c.Why) {
			v.Why = append(v.Why, c.Why)
		}
		v.Changes = append(v.Changes, htmlChangeOf(c.Change, c.Effect))
	}
	sortChanges(v.Changes)
	return v
}

// opRanks orders changes by what needs the most care.
var opRanks = map[manifest.Op]int{manifest.Removed: 0, manifest.Changed: 1, manifest.Added: 2}

func sortChanges(list []htmlChange) {
	slices.SortStableFunc(list, func(a, b htmlChange) int { return cmp.Compare(opRanks[a.Op], opRanks[b.Op]) })
}

// htmlChangeOf returns a change with all of its values but what may be secret:
// those of a plan come here as they are.
func htmlChangeOf(c manifest.Change, e system.Effect) htmlChange {
	v := htmlChange{Op: c.Op, Word: c.Op.Past(), File: c.File, Path: c.Path, Class: e.Class, Why: e.Why, Procedure: e.Procedure}
	if c.Document != "" {
		v.File += ": " + c.Document
	}
	if c.Path == "" {
		return v
	}
	was, is := lint.Redact(c.Path, c.Old), lint.Redact(c.Path, c.New)
	if c.Op != manifest.Added {
		v.Old = htmlValue(was)
	}
	if c.Op != manifest.Removed {
		v.New = htmlValue(is)
	}
	if v.Old == v.New && v.Old != lint.Hidden { // such as "true" and true
		v.Old, v.New = jsonText(was, "  "), jsonText(is, "  ")
	}
	return v
}

// htmlValue writes a value: a string as it is, and anything else, the empty
// string too, as JSON.
func htmlValue(v any) string {
	if s, ok := v.(string); ok && s != "" {
		return strings.TrimSuffix(s, "\n")
	}
	return jsonText(v, "  ")
}

// htmlPastOf returns the steps that were taken before the change, and those that
// it takes.
func htmlPastOf(r Review) []htmlPast {
	var before, taken []htmlDone
	mine := map[int]bool{}
	for _, rec := range r.Taken {
		mine[rec.Step] = true
		step := htmlDoneOf(rec)
		step.Taken = true
		taken = append(taken, step)
	}
	for _, rec := range r.Plan.Done {
		if !mine[rec.Step] {
			before = append(before, htmlDoneOf(rec))
		}
	}
	var past []htmlPast
	if n := len(before); n > 0 {
		past = append(past, htmlPast{Count(n, "step") + " done before", n > maxOpenDone, before})
	}
	if n := len(taken); n > 0 {
		past = append(past, htmlPast{Count(n, "step") + " done by this change", n > maxOpenTaken, taken})
	}
	return past
}

func htmlDoneOf(rec stage.Record) htmlDone {
	v := htmlDone{Step: rec.Step, Region: rec.Region, From: rec.From, To: rec.To, Because: sentenceCase(because(rec)), Checks: rec.Results}
	if !rec.Time.IsZero() {
		v.At = timeText(rec.Time)
	}
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, htmlFact{name, value})
		}
	}
	add("Record", rec.Path())
	add("Procedure", rec.Procedure)
	add("Built from", rec.Source)
	add("Seed host", rec.SeedHost)
	add("Seed host told by", rec.SeedFrom)
	for _, name := range slices.Sorted(maps.Keys(rec.Facts)) {
		add(name, rec.Facts[name])
	}
	if n := len(rec.Observations); n > 0 {
		add("Rests on", Count(n, "observation"))
	}
	return v
}

func sentenceCase(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// htmlSteps returns the steps to come, each gate with the answers that the
// status has for it, and the gates of the status that are those of no step.
func htmlSteps(r Review) (steps []htmlStep, others []htmlGate) {
	type place struct {
		region, gate string
		phase        stage.Phase
	}
	judged := map[place][]stage.Result{}
	for _, s := range r.Status.Regions {
		if s.Gate != nil && s.Gate.Gate != nil && len(s.Gate.Results) > 0 {
			judged[place{s.Region, s.Gate.Gate.Name, s.Phase}] = s.Gate.Results
		}
	}
	shown := map[place]bool{}
	for _, s := range r.Plan.Steps {
		step := htmlStep{Number: s.Number, Region: s.Region, From: s.From, To: s.To, Current: s.Current, Releases: s.Releases}
		if s.Gate != nil {
			at := place{s.Region, s.Gate.Name, s.From}
			gate := htmlGateOf(s.Region, s.From, s.Gate, judged[at])
			step.Gate, shown[at] = &gate, true
		}
		for _, c := range s.Changes {
			step.Changes = append(step.Changes, htmlChangeOf(c, system.Effect{}))
		}
		sortChanges(step.Changes)
		if r.Plan.Commands {
			step.Commands = s.Commands
		}
		steps = append(steps, step)
	}
	for _, s := range r.Status.Regions {
		if s.Gate != nil && s.Gate.Gate != nil && !shown[place{s.Region, s.Gate.Gate.Name, s.Phase}] {
			others = append(others, htmlGateOf(s.Region, s.Phase, s.Gate.Gate, s.Gate.Results))
		}
	}
	return steps, others
}

// notJudged stands for the answer of a check that has none, where others have.
const notJudged stage.Answer = "no answer"

// htmlGateOf returns a gate with its checks: those of the results, and those
// that no result answers.
func htmlGateOf(region string, phase stage.Phase, g *stage.Gate, results []stage.Result) htmlGate {
	v := htmlGate{Region: region, Phase: phase, Name: g.Name, Words: g.Words, Judged: len(results) > 0, Checks: slices.Clone(results)}
	missing := stage.Answer("")
	if v.Judged {
		v.Verdict, missing = stage.Verdict(results), notJudged
	}
	for _, check := range g.Checks {
		if !slices.ContainsFunc(results, func(r stage.Result) bool { return r.Check == check }) {
			v.Checks = append(v.Checks, stage.Result{Check: check, Answer: missing})
		}
	}
	return v
}

// htmlFindings returns the findings that are not silenced: the new ones first,
// and the more severe before the others.
func htmlFindings(list diag.List) []htmlFinding {
	var out []htmlFinding
	for _, f := range list {
		if f.Silenced == "" {
			out = append(out, htmlFinding{f, f.Baseline != diag.Unchanged})
		}
	}
	slices.SortStableFunc(out, func(a, b htmlFinding) int {
		if a.New != b.New {
			if a.New {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Severity, a.Severity)
	})
	return out
}

// unhidden writes what a reader would not see, or would see in another order,
// as its number: control characters other than line ends and tabs, and those
// that format text or turn its direction.
func unhidden(text string) string {
	hidden := func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
	}
	if strings.IndexFunc(text, hidden) < 0 {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
