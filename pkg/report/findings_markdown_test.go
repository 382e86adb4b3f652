package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/pkg/diag"
)

func TestFindingsMarkdown(t *testing.T) {
	check(t, `## ringplan: 1 error, 1 warning, 1 note, 1 silenced

| severity | place | what | hint |
|---|---|---|---|
| **new** error | a b/t.yaml:3:5 spec.x[0] | wrong &lt;here> (RP001) | do \| this |
| warning | - | odd & bad (RP002) |  |
| **new** note | t.yaml | 50% of it, at: once (RP001) |  |
`, FindingsMarkdown(found))
	check(t, "## ringplan: no findings\n", FindingsMarkdown(nil))
	check(t, "## ringplan: 1 silenced\n", FindingsMarkdown(found[3:]))
}

func TestInline(t *testing.T) {
	for text, want := range map[string]string{
		"a\r\nb\nc\rd": "a b c d", "a|b": `a\|b`, `a\|b`: `a\\\|b`, "x[0] [a](b)": `x[0] [a]\(b)`, "<img>": "&lt;img>", "`a` *b*": "`a` *b*",
	} {
		check(t, want, inline(text))
	}
}

func TestFindingsTextShowsNew(t *testing.T) {
	check(t, `a b/t.yaml:3:5: error: wrong <here> [RP001] (new)
    at spec.x[0]
    hint: do | this
-: warning: odd & bad [RP002]
`, FindingsText(found[:2], Style{}))
}

// border is what ends a cell of a table: a bar without a backslash before it
// that is not itself escaped.
var border = regexp.MustCompile(`\\.|(\|)`)

func FuzzFindingsMarkdown(f *testing.F) {
	f.Add("m", "h", "t.yaml", "spec")
	f.Add("a|b\n|---|", `\|\`, "a\rb", "x\r\n")
	f.Fuzz(func(t *testing.T, message, hint, file, path string) {
		got := FindingsMarkdown(diag.List{{Code: "RP1", Severity: diag.Error, Pos: diag.Pos{File: file}, Path: path, Message: message, Hint: hint}})
		lines := strings.FieldsFunc(got, func(r rune) bool { return r == '\n' || r == '\r' })
		if len(lines) != 4 {
			t.Fatalf("%d lines in %q", len(lines), got)
		}
		borders := 0
		for _, m := range border.FindAllStringSubmatch(lines[3], -1) {
			if m[1] != "" {
				borders++
			}
		}
		if borders != 5 || strings.Contains(lines[3], "<") {
			t.Errorf("%d borders in %q", borders, lines[3])
		}
	})
}
