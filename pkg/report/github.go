package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
)

// annotations is how many annotations of one kind GitHub shows for a step.
const annotations = 10

// githubKinds are the commands that annotate, in the order in which they are
// written.
var githubKinds = []struct {
	severity diag.Severity
	command  string
}{{diag.Error, "error"}, {diag.Warning, "warning"}, {diag.Note, "notice"}}

// FindingsGitHub renders findings as workflow commands of GitHub Actions, which
// make annotations: errors first, and of each kind as many as GitHub shows, new
// ones first. A last line counts the rest. Silenced findings are left out.
func FindingsGitHub(list diag.List) string {
	var b strings.Builder
	var rest []string
	for _, kind := range githubKinds {
		found := newFirst(list, kind.severity)
		for _, f := range found[:min(len(found), annotations)] {
			b.WriteString(annotation(kind.command, f))
		}
		if more := len(found) - annotations; more > 0 {
			rest = append(rest, Count(more, "more "+kind.severity.String()))
		}
	}
	if len(rest) > 0 {
		fmt.Fprintf(&b, "%s: GitHub shows %d of each kind for a step; -o text or -o sarif=FILE lists them all\n", strings.Join(rest, ", "), annotations)
	}
	return b.String()
}

// newFirst returns the findings of a severity that are not silenced, with those
// that were there before at the end.
func newFirst(list diag.List, severity diag.Severity) diag.List {
	var found diag.List
	for _, f := range list {
		if f.Severity == severity && f.Silenced == "" {
			found = append(found, f)
		}
	}
	old := func(f diag.Finding) int {
		if f.Baseline == diag.Unchanged {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(found, func(a, b diag.Finding) int { return cmp.Compare(old(a), old(b)) })
	return found
}

// Escapes of workflow commands: what ends a line, and in a property also what
// ends the property.
var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// annotation writes one command, as a line.
func annotation(command string, f diag.Finding) string {
	var properties []string
	add := func(name, value string) {
		properties = append(properties, name+"="+githubProperty.Replace(value))
	}
	if f.Pos.IsValid() {
		add("file", f.Pos.File)
		if f.Pos.Line > 0 {
			add("line", fmt.Sprint(f.Pos.Line))
		}
		if f.Pos.Line > 0 && f.Pos.Column > 0 {
			add("col", fmt.Sprint(f.Pos.Column))
		}
	}
	add("title", "ringplan "+f.Code+isNew(f))
	return "::" + command + " " + strings.Join(properties, ",") + "::" + githubData.Replace(withHint(f)) + "\n"
}
