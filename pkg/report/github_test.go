package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/pkg/diag"
)

func TestFindingsGitHub(t *testing.T) {
	check(t, `::error file=a b/t.yaml,line=3,col=5,title=ringplan RP001 (new)::wrong <here>. Hint: do | this
::warning title=ringplan RP002::odd & bad
::notice file=t.yaml,title=ringplan RP001 (new)::50%25 of it,%0Aat: once
`, FindingsGitHub(found))
	check(t, "", FindingsGitHub(nil))
	check(t, "", FindingsGitHub(found[3:]))
}

func TestGitHubPlaces(t *testing.T) {
	for want, pos := range map[string]diag.Pos{
		"::error title=ringplan RP1::m\n":                        {Line: 2, Column: 3},
		"::error file=f,title=ringplan RP1::m\n":                 {File: "f", Column: 3},
		"::error file=f,line=2,title=ringplan RP1::m\n":          {File: "f", Line: 2},
		"::error file=f,line=2,col=3,title=ringplan RP1::m\n":    {File: "f", Line: 2, Column: 3},
		"::error file=a%3Ab%2C%25%0D%0A,title=ringplan RP1::m\n": {File: "a:b,%\r\n"},
	} {
		check(t, want, FindingsGitHub(diag.List{{Code: "RP1", Severity: diag.Error, Pos: pos, Message: "m"}}))
	}
}

// TestGitHubShowsAFew gives more findings than GitHub shows: those that are new
// come first, and the rest is counted.
func TestGitHubShowsAFew(t *testing.T) {
	var list diag.List
	for i := range 30 {
		f := diag.Finding{Code: "RP1", Message: fmt.Sprint(i), Baseline: diag.Unchanged}
		switch {
		case i < 13:
			f.Severity = diag.Note
		case i < 19:
			f.Severity = diag.Warning
		default:
			f.Severity = diag.Error
		}
		if i == 12 || i == 29 {
			f.Baseline = diag.New
		}
		list = append(list, f)
	}
	lines := strings.SplitAfter(FindingsGitHub(list), "\n")
	var got []string
	for _, line := range lines {
		if command, message, ok := strings.Cut(line, " title=ringplan RP1"); ok {
			got = append(got, command+strings.TrimSpace(message))
		} else {
			got = append(got, line)
		}
	}
	check(t, strings.Join([]string{
		"::error(new)::29", "::error::19", "::error::20", "::error::21", "::error::22", "::error::23", "::error::24", "::error::25", "::error::26", "::error::27",
		"::warning::13", "::warning::14", "::warning::15", "::warning::16", "::warning::17", "::warning::18",
		"::notice(new)::12", "::notice::0", "::notice::1", "::notice::2", "::notice::3", "::notice::4", "::notice::5", "::notice::6", "::notice::7", "::notice::8",
		"1 more error, 3 more notes: GitHub shows 10 of each kind for a step; -o text or -o sarif=FILE lists them all\n", "",
	}, "|"), strings.Join(got, "|"))
	if list[0].Message != "0" || list[29].Message != "29" {
		t.Error("the list itself was sorted")
	}
}

func FuzzFindingsGitHub(f *testing.F) {
	f.Add("m", "h", "t.yaml", 1)
	f.Add("a\n::error::b\r::stop-commands::x", "%0A", "a:b,c=d::e\n::f", 0)
	f.Add("100%25", "##[error]", "%3A", -1)
	f.Fuzz(func(t *testing.T, message, hint, file string, line int) {
		finding := diag.Finding{Code: "RP1", Severity: diag.Warning, Pos: diag.Pos{File: file, Line: line}, Message: message, Hint: hint}
		got := FindingsGitHub(diag.List{finding})
		command, ok := strings.CutSuffix(got, "\n")
		if !ok || strings.ContainsAny(command, "\r\n") {
			t.Fatalf("%q is not one line", got)
		}
		head, data, ok := strings.Cut(strings.TrimPrefix(command, "::"), "::")
		name, rest, _ := strings.Cut(head, " ")
		if !ok || name != "warning" {
			t.Fatalf("%q is not the command", got)
		}
		properties := map[string]string{}
		for _, property := range strings.Split(rest, ",") {
			key, value, _ := strings.Cut(property, "=")
			properties[key] = unescaped(value)
		}
		if properties["file"] != file || properties["title"] != "ringplan RP1" || unescaped(data) != withHint(finding) {
			t.Errorf("%q is read as %q and %q", got, properties, unescaped(data))
		}
	})
}

// unescaped reads a text as a runner of GitHub does.
func unescaped(text string) string {
	for _, pair := range [][2]string{{"%0D", "\r"}, {"%0A", "\n"}, {"%3A", ":"}, {"%2C", ","}, {"%25", "%"}} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}
