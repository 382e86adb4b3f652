package report_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// change returns a change of a class.
func change(class system.Class, path, old, new string) report.Effected {
	return report.Effected{
		Change: manifest.Change{File: "overrides.yaml", Path: path, Op: manifest.Changed, Old: old, New: new},
		Effect: system.Effect{Class: class, Why: "why " + string(class)},
	}
}

// reviewOf returns a review of so many regions, with so many changes of each
// class in each, and so many new findings.
func reviewOf(regions, changes, findings int) report.Review {
	r := report.Review{Topology: "ring", Base: "main", Diff: report.Diff{Topology: "ring", Against: "main"}}
	for i := range regions {
		d := report.RegionDiff{Region: fmt.Sprintf("region-%d", i)}
		for _, class := range system.Classes() {
			for n := range changes {
				d.Changes = append(d.Changes, change(class, fmt.Sprintf("%s.%d", strings.ReplaceAll(string(class), " ", "-"), n), "a", "b"))
			}
		}
		r.Diff.Regions = append(r.Diff.Regions, d)
		r.Status.Regions = append(r.Status.Regions, report.Standing{Progress: stage.Progress{Region: d.Region, Phase: stage.Serving}})
		r.Graph.Regions = append(r.Graph.Regions, report.GraphRegion{Name: d.Region, Phase: stage.Serving})
	}
	for i := range findings {
		r.Findings = append(r.Findings, diag.Finding{Code: "RP001", Severity: diag.Warning, Pos: diag.Pos{File: "topology.yaml", Line: i + 1}, Message: "something", Baseline: diag.New})
	}
	return r
}

// listedClasses tells which classes of changes a comment lists.
func listedClasses(text string) string {
	var listed []string
	for _, class := range system.Classes() {
		if strings.Contains(text, strings.ReplaceAll(string(class), " ", "-")+".0 =") {
			listed = append(listed, string(class))
		}
	}
	return strings.Join(listed, ", ")
}

// TestCommentFits holds that a comment is never too long, that the mildest
// changes are left out first and said to be, and that no table or fold is cut.
func TestCommentFits(t *testing.T) {
	huge := reviewOf(1, 1, 1)
	huge.Diff.Regions[0].Changes[0] = change(system.DestroysData, strings.Repeat("ключ.", 50_000), strings.Repeat("ж", 100_000), "b")
	huge.Findings[0].Message = strings.Repeat("`|<", 100_000)
	var fleet []report.Review
	for i := range 2000 {
		r := reviewOf(3, 2, 1)
		r.Topology = fmt.Sprintf("ring-%d", i)
		fleet = append(fleet, r)
	}
	for name, c := range map[string]struct {
		list   []report.Review
		listed string
	}{
		"small":             {[]report.Review{reviewOf(2, 2, 3)}, "safe, rolling restart, ring movement, one-way, destroys data"},
		"many safe changes": {[]report.Review{reviewOf(10, 34, 0)}, "rolling restart, ring movement, one-way, destroys data"},
		"many changes":      {[]report.Review{reviewOf(10, 110, 0)}, "destroys data"},
		"many regions":      {[]report.Review{reviewOf(1000, 2, 0)}, ""},
		"many findings":     {[]report.Review{reviewOf(1, 1, 5000)}, ""},
		"huge values":       {[]report.Review{huge}, "rolling restart, ring movement, one-way, destroys data"},
		"a fleet":           {fleet, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := report.ReviewMarkdown(c.list, report.MaxComment)
			if n := utf8.RuneCountInString(text); n > report.MaxComment {
				t.Errorf("%d characters", n)
			}
			if !strings.HasPrefix(text, report.CommentMark+"\n") || !utf8.ValidString(text) {
				t.Errorf("it begins with %.40q", text)
			}
			if got := listedClasses(text); got != c.listed {
				t.Errorf("listed are %q, want %q", got, c.listed)
			}
			missing := strings.Contains(text, "Not listed here") || strings.Contains(text, "not shown here")
			if all := c.listed == "safe, rolling restart, ring movement, one-way, destroys data"; all == missing && name != "huge values" {
				t.Errorf("it says that something is left out: %v", missing)
			}
			wellFormed(t, text)
		})
	}
}

// wellFormed wants folds and fences that end, and tables whose rows are whole.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	if a, b := strings.Count(text, "<details>"), strings.Count(text, "</details>"); a != b {
		t.Errorf("%d folds begin and %d end", a, b)
	}
	fence, columns := "", 0
	for _, line := range strings.Split(text, "\n") {
		marks := len(line) - len(strings.TrimLeft(line, "`"))
		switch {
		case fence == "" && marks >= 3:
			fence = line[:marks]
		case fence != "" && line == fence:
			fence = ""
		case fence != "":
		case !strings.HasPrefix(line, "|"):
			columns = 0
		default:
			cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			if columns != 0 && cells != columns {
				t.Errorf("a row of %d instead of %d: %q", cells, columns, line)
			}
			columns = cells
		}
	}
	if fence != "" {
		t.Error("a fence does not end")
	}
}

func TestSentence(t *testing.T) {
	rec := func(region string, from, to stage.Phase) stage.Record {
		return stage.Record{Region: region, From: from, To: to}
	}
	many := report.Review{}
	for i := range 9 {
		many.Taken = append(many.Taken, rec(fmt.Sprint(i), "a", "b"))
	}
	small := reviewOf(1, 1, 0)
	small.Taken = []stage.Record{rec("west", stage.Planned, "joining")}
	for want, r := range map[string]report.Review{
		"This change alters nothing that is rendered.":                                  {},
		"This change brings a new topology.":                                            {Added: true},
		"This change leaves a topology that cannot be read, so nothing is known of it.": {Broken: true},
		"This change mends a topology that could not be read before.":                   {Mended: true},
		"This change takes region west from planned to joining and alters what is rendered in 1 region (5 changes, the gravest effect: destroys data).": small,
		"This change takes region 0 from a to b, takes region 1 from a to b, takes region 2 from a to b, 5 more steps and takes region 8 from a to b.":  many,
	} {
		if got := r.Sentence(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestQuiet names topologies of which nobody has to know more.
func TestQuiet(t *testing.T) {
	quiet := report.Review{Topology: "calm", Findings: diag.List{
		{Code: "RP001", Baseline: diag.Unchanged}, {Code: "RP002", Baseline: diag.New, Silenced: "known"},
	}}
	if got := report.ReviewMarkdown([]report.Review{quiet, {Topology: "b"}}, report.MaxComment); got != report.CommentMark+"\n\nNothing changes for calm, b.\n" {
		t.Errorf("%q", got)
	}
	loud := quiet
	loud.Findings = append(loud.Findings, diag.Finding{Code: "RP003", Severity: diag.Error, Baseline: diag.New, Message: "it is <b>bold</b> | wide"})
	got := report.ReviewMarkdown([]report.Review{loud}, report.MaxComment)
	for _, want := range []string{"**New findings: 1 error**", "error RP003", "&lt;b>bold"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, not := range []string{"RP001", "RP002"} {
		if strings.Contains(got, not) {
			t.Errorf("%s is in\n%s", not, got)
		}
	}
}
