package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
)

// effected is a change of a class, folded under a name.
func effected(path string, class system.Class, fold string) Effected {
	return Effected{
		Change: manifest.Change{File: "west/a.yaml", Path: path, Op: manifest.Changed, Old: int64(1), New: int64(2)},
		Effect: system.Effect{Class: class, Why: "so", Procedure: map[system.Class]string{system.OneWay: "grow"}[class]}, Fold: fold,
	}
}

// folded is a diff of three regions: one with folded changes among others, one
// with these alone, and one without any.
func folded() Diff {
	const checksums, labels = "checksum", "chart label"
	return Diff{Topology: "acme", Against: "main", Regions: []RegionDiff{
		{Region: "west", Changes: []Effected{
			effected("a", system.RollingRestart, checksums), effected("b", system.OneWay, ""), effected("c", system.Safe, labels),
			effected("d", system.Safe, ""), effected("e", system.RollingRestart, checksums), effected("f", system.DestroysData, checksums),
		}},
		{Region: "east", Changes: []Effected{effected("g", system.RollingRestart, checksums)}},
		{Changes: []Effected{effected("h", system.Safe, "")}},
	}}
}

func TestDiffText(t *testing.T) {
	check(t, `acme, from main

west: 6 changes, destroys data
  ~ west/a.yaml: b = 1 → 2
      one-way: so (procedure grow)
  ~ west/a.yaml: d = 1 → 2
  … 1 × chart label, 3 × checksum (-o json lists them)

east: 1 change, rolling restart
  … 1 × checksum (-o json lists them)

of no region: 1 change, safe
  ~ west/a.yaml: h = 1 → 2
`, DiffText(folded(), false, Style{}))
	check(t, `acme, from main

west: 6 changes, destroys data

east: 1 change, rolling restart

of no region: 1 change, safe
`, DiffText(folded(), true, Style{}))
	check(t, "acme, from main\nNothing changes.\n", DiffText(Diff{Topology: "acme", Against: "main"}, false, Style{}))
	if got := DiffText(folded(), false, Style{Color: true}); !strings.Contains(got, "\n  … 1 × checksum (-o json lists them)\n") || !strings.Contains(got, "\x1b[33m~ west/a.yaml: b = 1 → 2\x1b[0m") {
		t.Errorf("%q", got)
	}
}

func TestDiffSummary(t *testing.T) {
	check(t, "acme: 8 changes in 3 regions from main, at worst destroys data\n", DiffSummary(folded()))
	check(t, "acme: nothing changes from main\n", DiffSummary(Diff{Topology: "acme", Against: "main"}))
}

func TestDiffMarkdown(t *testing.T) {
	check(t, `### acme, from main

| region | changes | effect |
|---|---|---|
| west | 6 | destroys data |
| east | 1 | rolling restart |
| of no region | 1 | safe |

<details><summary>west</summary>

`+"```diff"+`
! west/a.yaml: b = 1 → 2
! west/a.yaml: d = 1 → 2
… 1 × chart label, 3 × checksum
`+"```"+`

</details>

<details><summary>east</summary>

`+"```diff"+`
… 1 × checksum
`+"```"+`

</details>

<details><summary>of no region</summary>

`+"```diff"+`
! west/a.yaml: h = 1 → 2
`+"```"+`

</details>
`, DiffMarkdown(folded()))
	check(t, "### acme, from main\n\nNothing changes.\n", DiffMarkdown(Diff{Topology: "acme", Against: "main"}))
}

// TestDiffsJSON lists every change, also those that are folded.
func TestDiffsJSON(t *testing.T) {
	text, err := DiffsJSON([]Diff{folded(), {Topology: "empty", Against: "main"}})
	diffs := parsed(t, text, err).(m)["diffs"].([]any)
	var got []string
	for _, region := range diffs[0].(m)["regions"].([]any) {
		r := region.(m)
		got = append(got, r["region"].(string)+": "+r["class"].(string))
		for _, change := range r["changes"].([]any) {
			c := change.(m)
			fold, there := c["fold"]
			if there && fold == "" {
				t.Errorf("a fold without a name: %v", c)
			}
			line := c["path"].(string) + " " + c["class"].(string)
			if there {
				line += ", " + fold.(string)
			}
			got = append(got, line)
		}
	}
	want := []string{
		"west: destroys data", "a rolling restart, checksum", "b one-way", "c safe, chart label", "d safe", "e rolling restart, checksum", "f destroys data, checksum",
		"east: rolling restart", "g rolling restart, checksum", ": safe", "h safe",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if regions := diffs[1].(m)["regions"].([]any); len(regions) > 0 {
		t.Errorf("of nothing: %v", regions)
	}
}
