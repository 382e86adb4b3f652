// Package lint runs rules over topologies. A rule is data and one function;
// the runner collects what they report, puts positions on it, and lets the
// user silence a rule in one place, with a reason.
package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

// A Rule checks one thing. Code and Name are stable.
type Rule struct {
	Code string
	Name string
	// Severity is what the rule reports unless it says otherwise.
	Severity diag.Severity
	// Summary is one sentence: what is wrong.
	Summary string
	// Why, Fix and Source are for `ringplan explain`: what happens if nothing
	// is done, what to do, and where the rule comes from.
	Why, Fix, Source string
	// Always marks a rule that nobody may silence.
	Always bool
	// Charts marks a rule whose findings need the charts.
	Charts bool
	// Base marks a rule whose findings need a Git revision to compare with.
	Base bool
	// Check looks at one topology. A rule without Check documents findings
	// that something else reports.
	Check func(*Pass)
}

// A Pass is one run of one rule over one topology.
type Pass struct {
	*topology.Topology
	Standing

	rule     *Rule
	findings *diag.List
}

// A Standing is where the regions of a ring stand in its procedures.
type Standing struct {
	Procedures stage.Procedures
	Rollout    stage.Rollout
	// Refusals say why the regions cannot all stand there.
	Refusals []stage.Refusal
	// Charts is whether the charts were rendered, and findings about them are
	// known.
	Charts bool
}

// Report adds a finding of the rule's own severity at a field.
func (p *Pass) Report(path, hint, format string, args ...any) {
	p.ReportAs(p.rule.Severity, path, hint, format, args...)
}

// ReportAs adds a finding of another severity. Without a hint, the rule's own
// fix serves.
func (p *Pass) ReportAs(severity diag.Severity, path, hint, format string, args ...any) {
	if hint == "" {
		hint = p.rule.Fix
	}
	*p.findings = append(*p.findings, diag.Finding{
		Code: p.rule.Code, Severity: severity, Pos: p.At(path), Path: path,
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// Run runs rules over a topology whose regions stand somewhere, and returns
// what they found, together with the findings that came before (of the loader,
// say), silenced and sorted.
func Run(t *topology.Topology, at Standing, rules []Rule, before diag.List) diag.List {
	var findings diag.List
	for i := range rules {
		if rules[i].Check != nil {
			rules[i].Check(&Pass{Topology: t, Standing: at, rule: &rules[i], findings: &findings})
		}
	}
	own := len(findings)
	findings = append(findings, before...)
	silence(t, at, rules, &findings)
	findings = slices.Concat(findings[:own], unsaid(findings[own:], findings[:own]))
	findings.Sort()
	return findings
}

// unsaid returns the findings at whose fields no rule reports an error that
// counts.
func unsaid(findings, rules diag.List) diag.List {
	said := map[string]bool{}
	for _, f := range rules {
		said[f.Path] = said[f.Path] || f.Path != "" && f.Severity == diag.Error && f.Silenced == ""
	}
	return slices.DeleteFunc(slices.Clone(findings), func(f diag.Finding) bool { return said[f.Path] })
}

// IgnorePrefix starts the annotations that silence a rule.
const IgnorePrefix = "ringplan.dev/ignore/"

// UnusedSilence documents the finding that a silence matched nothing.
var UnusedSilence = Rule{
	Code: "RP007", Name: "unused-silence", Severity: diag.Warning,
	Summary: "A silence that matches no finding, names no rule or one that cannot be silenced, or gives no reason.",
	Why:     "A silence that outlives its finding hides the next one of its kind.",
	Fix:     "Remove the annotation, or correct its code; its value is the reason, in words.",
	Source:  "ringplan",
}

// A place is a set of annotations, and the part of the topology that they
// speak for.
type place struct {
	path        string // of the annotations
	scope       string // prefix of the findings' paths; "" is everything
	annotations map[string]string
}

func silence(t *topology.Topology, at Standing, rules []Rule, findings *diag.List) {
	places := []place{{"metadata.annotations", "", t.Metadata.Annotations}}
	for i := range t.Spec.Regions {
		r := &t.Spec.Regions[i]
		places = append(places, place{r.Path("annotations"), r.Path(""), r.Annotations})
	}
	for _, p := range places {
		for _, key := range slices.Sorted(maps.Keys(p.annotations)) {
			if code, ok := strings.CutPrefix(key, IgnorePrefix); ok {
				p.apply(t, at, rules, key, code, findings)
			}
		}
	}
}

func (p place) apply(t *topology.Topology, at Standing, rules []Rule, key, code string, findings *diag.List) {
	path := fmt.Sprintf("%s.%q", p.path, key)
	unused := func(hint, format string, args ...any) {
		*findings = append(*findings, diag.Finding{
			Code: UnusedSilence.Code, Severity: UnusedSilence.Severity, Pos: t.At(path), Path: path,
			Message: fmt.Sprintf(format, args...), Hint: hint,
		})
	}
	reason := strings.TrimSpace(p.annotations[key])
	if reason == "" {
		unused("write why, as the annotation's value", "the silence of %s gives no reason, so it does nothing", code)
		return
	}
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Code == code })
	if i < 0 {
		unused("`ringplan explain` lists the codes", "there is no rule %s to silence", code)
		return
	}
	if rules[i].Always {
		unused("remove it", "%s cannot be silenced", code)
		return
	}
	matched := false
	for i, f := range *findings {
		if f.Code == code && f.Silenced == "" && within(f.Path, p.scope) {
			(*findings)[i].Silenced = reason
			matched = true
		}
	}
	if !matched && !rules[i].Base && (at.Charts || !rules[i].Charts) {
		unused("remove it", "the silence of %s matches no finding", code)
	}
}

func within(path, scope string) bool {
	return scope == "" || path == scope || strings.HasPrefix(path, scope+".")
}
