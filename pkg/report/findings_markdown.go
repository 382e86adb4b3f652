package report

import (
	"fmt"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
)

// FindingsMarkdown shows findings in a comment or a summary: a heading with
// their count, and a table. Silenced ones are only counted.
func FindingsMarkdown(list diag.List) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## ringplan: %s\n", Summary(list))
	shown := unsilenced(list)
	if len(shown) == 0 {
		return b.String()
	}
	b.WriteString("\n| severity | place | what | hint |\n|---|---|---|---|\n")
	for _, f := range shown {
		severity := f.Severity.String()
		if f.Baseline == diag.New {
			severity = "**new** " + severity
		}
		place := strings.TrimSpace(f.Pos.String() + " " + f.Path)
		fmt.Fprintf(&b, "| %s | %s | %s (%s) | %s |\n", severity, inline(place), inline(f.Message), inline(f.Code), inline(f.Hint))
	}
	return b.String()
}

// unmarked escapes what ends a line or a cell, and what makes a link or HTML.
// A backslash is doubled so that none stands before what is escaped.
var unmarked = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", `\`, `\\`, "|", `\|`, "](", `]\(`, "<", "&lt;")

// inline keeps text on its line and in its cell in Markdown. Backquotes may mark
// code in it.
func inline(text string) string { return unhidden(unmarked.Replace(text)) }
