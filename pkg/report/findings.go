// Package report turns findings and plans into text, Markdown and JSON. It
// writes to strings only; printing is the command's.
package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
)

// FormatVersion is the version of every JSON report. The part before the dot
// grows when a reader must change.
const FormatVersion = "1.0"

// A Style colours text; the zero Style leaves it plain.
type Style struct{ Color bool }

func (s Style) paint(code, text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) bold(text string) string { return s.paint("1", text) }
func (s Style) dim(text string) string  { return s.paint("2", text) }

func (s Style) severity(v diag.Severity) string {
	switch v {
	case diag.Error:
		return s.paint("1;31", v.String())
	case diag.Warning:
		return s.paint("1;33", v.String())
	}
	return s.paint("1;36", v.String())
}

// FindingsText lists findings, each with its place, code and hint. Silenced
// ones are left out.
func FindingsText(list diag.List, style Style) string {
	var b strings.Builder
	for _, f := range list {
		if f.Silenced != "" {
			continue
		}
		fmt.Fprintf(&b, "%s: %s: %s %s%s\n", style.bold(f.Pos.String()), style.severity(f.Severity), oneLine(f.Message), style.dim("["+f.Code+"]"), isNew(f))
		if f.Path != "" {
			fmt.Fprintf(&b, "    at %s\n", f.Path)
		}
		if f.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", oneLine(f.Hint))
		}
	}
	return b.String()
}

// isNew marks a finding that was not there before.
func isNew(f diag.Finding) string {
	if f.Baseline == diag.New {
		return " (new)"
	}
	return ""
}

// oneLine keeps a text on its line, with nothing in it that a terminal or a CI
// server would take for a command.
func oneLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\t", " ").Replace(unhidden(text))
}

// Summary counts findings in words, such as "1 error, 2 warnings".
func Summary(list diag.List) string {
	var parts []string
	for _, s := range []diag.Severity{diag.Error, diag.Warning, diag.Note} {
		if n := list.Count(s); n > 0 {
			parts = append(parts, Count(n, s.String()))
		}
	}
	if n := list.Silenced(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d silenced", n))
	}
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

// Count writes a number with its noun, such as "2 stages".
func Count(n int, noun string) string {
	if stem, ok := strings.CutSuffix(noun, "y"); ok && n != 1 {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// FindingsJSON renders findings for programs.
func FindingsJSON(list diag.List) (string, error) {
	if list == nil {
		list = diag.List{}
	}
	return indent(struct {
		FormatVersion string         `json:"formatVersion"`
		Findings      diag.List      `json:"findings"`
		Count         map[string]int `json:"count"`
	}{FormatVersion, list, map[string]int{
		"error": list.Count(diag.Error), "warning": list.Count(diag.Warning), "note": list.Count(diag.Note), "silenced": list.Silenced(),
	}})
}

// indent renders a report for programs.
func indent(v any) (string, error) { return encode(v, "  ") }

func encode(v any, indent string) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	return b.String(), nil
}

// RuleText explains a rule.
func RuleText(r lint.Rule, style Style) string {
	return fmt.Sprintf("%s %s (%s)\n%s\n\nWhy: %s\nFix: %s\nSource: %s\n",
		style.bold(r.Code), r.Name, style.severity(r.Severity), r.Summary, r.Why, r.Fix, r.Source)
}
