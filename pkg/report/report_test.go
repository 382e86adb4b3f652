package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

var list = diag.List{
	{Code: "RP001", Severity: diag.Error, Pos: diag.Pos{File: "t.yaml", Line: 3, Column: 5}, Path: "spec.x", Message: "wrong <here>", Hint: "do this"},
	{Code: "RP002", Severity: diag.Warning, Message: "odd"},
	{Code: "RP003", Severity: diag.Note, Pos: diag.Pos{File: "t.yaml"}, Message: "by the way"},
	{Code: "RP004", Severity: diag.Error, Message: "quiet", Silenced: "because"},
}

func check(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindingsText(t *testing.T) {
	check(t, `t.yaml:3:5: error: wrong <here> [RP001]
    at spec.x
    hint: do this
-: warning: odd [RP002]
t.yaml: note: by the way [RP003]
`, FindingsText(list, Style{}))
	check(t, "\x1b[1mt.yaml:3:5\x1b[0m: \x1b[1;31merror\x1b[0m: wrong <here> \x1b[2m[RP001]\x1b[0m\n    at spec.x\n    hint: do this\n"+
		"\x1b[1m-\x1b[0m: \x1b[1;33mwarning\x1b[0m: odd \x1b[2m[RP002]\x1b[0m\n"+
		"\x1b[1mt.yaml\x1b[0m: \x1b[1;36mnote\x1b[0m: by the way \x1b[2m[RP003]\x1b[0m\n", FindingsText(list, Style{Color: true}))
}

func TestSummary(t *testing.T) {
	for want, list := range map[string]diag.List{
		"no findings":                            nil,
		"1 error, 1 warning, 1 note, 1 silenced": list,
		"2 errors":                               {list[0], list[0]},
		"1 silenced":                             list[3:],
	} {
		check(t, want, Summary(list))
	}
}

func TestFindingsJSON(t *testing.T) {
	got, err := FindingsJSON(list[2:])
	if err != nil {
		t.Fatal(err)
	}
	check(t, `{
  "formatVersion": "1.0",
  "findings": [
    {
      "code": "RP003",
      "severity": "note",
      "position": {
        "file": "t.yaml"
      },
      "message": "by the way"
    },
    {
      "code": "RP004",
      "severity": "error",
      "position": {},
      "message": "quiet",
      "silenced": "because"
    }
  ],
  "count": {
    "error": 0,
    "note": 1,
    "silenced": 1,
    "warning": 0
  }
}
`, got)
	if got, _ := FindingsJSON(nil); !strings.Contains(got, `"findings": []`) {
		t.Errorf("none is not an empty list: %s", got)
	}
	if got, _ := FindingsJSON(list[:1]); !strings.Contains(got, "wrong <here>") {
		t.Errorf("HTML is escaped: %s", got)
	}
}

var (
	grow = &stage.Procedure{
		Name:   "grow",
		Phases: []stage.PhaseInfo{{Phase: stage.Planned, Summary: "Nothing."}, {Phase: "joining", Summary: "Joins."}, {Phase: stage.Serving, Summary: "Serves."}},
		Gates:  []stage.Gate{{}, {Name: "joined", Words: "It has joined.", Checks: []string{"a", "b"}, Look: []string{"x", "y"}, Why: "So.", Source: "[S]"}},
	}
	plan = Plan{
		Topology: "acme", System: "sys", Version: "1.0.0", File: "t.yaml",
		Steps: []system.Step{
			{
				Stage:    stage.Stage{Number: 1, Region: "west", Procedure: grow, From: stage.Planned, To: "joining"},
				Changes:  []manifest.Change{{File: "west/a.yaml", Op: manifest.Added}, {File: "west/b.yaml", Op: manifest.Removed}},
				Releases: []string{"one", "two"},
				Commands: []system.Command{{Comment: "by hand: this"}, {Comment: "that", Run: "helm upgrade <x>"}},
			},
			{
				Stage: stage.Stage{Number: 2, Region: "west", Procedure: grow, From: "joining", To: stage.Serving, Gate: &grow.Gates[1]},
				Changes: []manifest.Change{
					{File: "west/a.yaml", Path: "seed", Op: manifest.Removed, Old: "10.0.0.1"},
					{File: "west/a.yaml", Path: "list[x]", Op: manifest.Added, New: map[string]any{"name": "x"}},
					{File: "west/a.yaml", Path: "n", Op: manifest.Changed, Old: int64(1), New: []any{"~a", "b"}},
					{File: "west/a.yaml", Path: "~", Op: manifest.Added, New: "~home"},
				},
			},
		},
	}
)

func TestPlanText(t *testing.T) {
	const want = `Plan of acme (sys 1.0.0, t.yaml)
2 stages, one revision each.

1. west: planned → joining
   Gate: none; the stage starts when you decide so.
   + west/a.yaml
   - west/b.yaml
   Releases: one, two

2. west: joining → serving
   Gate: joined. It has joined.
   - west/a.yaml: seed = 10.0.0.1
   + west/a.yaml: list[x] = {…}
   ~ west/a.yaml: n = 1 → ["~a","b"]
   + west/a.yaml: ~ = ~home
`
	check(t, want, PlanText(plan, Style{}))
	withCommands := plan
	withCommands.Commands = true
	check(t, strings.Replace(want, "one, two\n", "one, two\n   Commands:\n     # by hand: this\n     # that\n     helm upgrade <x>\n", 1), PlanText(withCommands, Style{}))
	colored := PlanText(plan, Style{Color: true})
	for _, want := range []string{"\x1b[1mPlan of acme\x1b[0m", "\x1b[32m+ west/a.yaml\x1b[0m", "\x1b[31m- west/b.yaml\x1b[0m", "\x1b[33m~ west/a.yaml: n"} {
		if !strings.Contains(colored, want) {
			t.Errorf("there is no %q in\n%q", want, colored)
		}
	}
	check(t, "Plan of acme (sys 1.0.0, t.yaml)\nEvery region serves; there is nothing to do.\n", PlanText(Plan{Topology: "acme", System: "sys", Version: "1.0.0", File: "t.yaml"}, Style{}))
}

func TestPlanWithoutChanges(t *testing.T) {
	p := plan
	p.Steps = []system.Step{{Stage: plan.Steps[1].Stage}}
	if got := PlanText(p, Style{}); !strings.Contains(got, "\n   (no file changes)\n") || strings.Contains(got, "Releases") {
		t.Errorf("%s", got)
	}
}

func TestPlanMarkdown(t *testing.T) {
	withCommands := plan
	withCommands.Commands = true
	check(t, "# Plan of acme\n\nsys 1.0.0, from `t.yaml`.\n"+`
| stage | region | from | to | gate |
|---|---|---|---|---|
| 1 | west | planned | joining | – |
| 2 | west | joining | serving | joined |

## 1. west: planned → joining

Gate: none; the stage starts when you decide so.

`+"```diff"+`
+ west/a.yaml
- west/b.yaml
`+"```"+`

Releases: one, two

`+"```sh"+`
# by hand: this
# that
helm upgrade <x>
`+"```"+`

## 2. west: joining → serving

Gate: joined. It has joined.

- a
- b

`+"```diff"+`
- west/a.yaml: seed = 10.0.0.1
+ west/a.yaml: list[x] = {…}
! west/a.yaml: n = 1 → ["~a","b"]
+ west/a.yaml: ~ = ~home
`+"```"+`
`, PlanMarkdown(withCommands))
	if got := PlanMarkdown(Plan{Topology: "acme"}); !strings.Contains(got, "nothing to do") || strings.Contains(got, "|") {
		t.Errorf("%s", got)
	}
}

// TestPlanCannotBreakOut: values are what users wrote, and stay on their line,
// in their cell and in their block.
func TestPlanCannotBreakOut(t *testing.T) {
	p := plan
	p.Steps = []system.Step{{
		Stage: stage.Stage{Number: 1, Region: "we|st", Procedure: grow, From: stage.Planned, To: "joining"},
		Changes: []manifest.Change{
			{File: "f", Path: "a", Op: manifest.Added, New: "one\n- two"},
			{File: "f", Path: "b", Op: manifest.Added, New: "\x1b[2J"},
			{File: "f", Path: "c", Op: manifest.Added, New: "```\n````"},
			{File: "f", Path: "d", Op: manifest.Added, New: "``` x"},
		},
	}}
	markdown := PlanMarkdown(p)
	for name, text := range map[string]string{"text": PlanText(p, Style{}), "Markdown": markdown} {
		if strings.Contains(text, "\n- two") || strings.ContainsAny(text, "\x1b") || !strings.Contains(text, `"one\n- two"`) {
			t.Errorf("%s: a value is not on its line:\n%q", name, text)
		}
	}
	if !strings.Contains(markdown, `| 1 | we\|st | planned |`) {
		t.Errorf("the cell is open:\n%s", markdown)
	}
	if strings.Count(markdown, "\n`````diff\n") != 1 || !strings.HasSuffix(strings.TrimRight(markdown, "\n"), "\n`````") {
		t.Errorf("the block is open:\n%s", markdown)
	}
}

func TestPlansJSON(t *testing.T) {
	got, err := PlansJSON([]Plan{plan, {Topology: "empty"}})
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(got), &v); err != nil {
		t.Fatal(err)
	}
	type m = map[string]any
	want := m{"formatVersion": "1.0", "plans": []any{
		m{"topology": "acme", "system": "sys", "version": "1.0.0", "file": "t.yaml", "stages": []any{
			m{
				"number": 1.0, "region": "west", "procedure": "grow", "from": "planned", "to": "joining", "gate": nil,
				"changes":  []any{m{"file": "west/a.yaml", "op": "add"}, m{"file": "west/b.yaml", "op": "remove"}},
				"releases": []any{"one", "two"},
				"commands": []any{m{"comment": "by hand: this"}, m{"comment": "that", "run": "helm upgrade <x>"}},
			},
			m{
				"number": 2.0, "region": "west", "procedure": "grow", "from": "joining", "to": "serving",
				"gate": m{"name": "joined", "words": "It has joined.", "checks": []any{"a", "b"}},
				"changes": []any{
					m{"file": "west/a.yaml", "path": "seed", "op": "remove", "old": "10.0.0.1"},
					m{"file": "west/a.yaml", "path": "list[x]", "op": "add", "new": m{"name": "x"}},
					m{"file": "west/a.yaml", "path": "n", "op": "change", "old": 1.0, "new": []any{"~a", "b"}},
					m{"file": "west/a.yaml", "path": "~", "op": "add", "new": "~home"},
				},
				"releases": []any{}, "commands": []any{},
			},
		}},
		m{"topology": "empty", "system": "", "version": "", "file": "", "stages": []any{}},
	}}
	if diff := cmp.Diff(any(want), v); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(got, `\u003c`) {
		t.Error("HTML is escaped")
	}
	if got, _ := PlansJSON(nil); !strings.Contains(got, `"plans": []`) {
		t.Errorf("none is not an empty list: %s", got)
	}
}

func TestExplanations(t *testing.T) {
	rule := lint.Rule{Code: "RP012", Name: "cidr-overlap", Severity: diag.Error, Summary: "Two ranges overlap.", Why: "W.", Fix: "F.", Source: "[S]"}
	check(t, "RP012 cidr-overlap (error)\nTwo ranges overlap.\n\nWhy: W.\nFix: F.\nSource: [S]\n", RuleText(rule, Style{}))
	check(t, "joined (gate of procedure grow)\nIt has joined.\n\nIt opens when all of this holds:\n  - a\n  - b\n\nWhy: So.\nLook: x\n      y\nSource: [S]\n", GateText(grow.Gates[1], grow, Style{}))
	for i, want := range []string{
		"planned (phase of procedure grow)\nNothing.\nNext: joining, behind no gate, by decision.\n",
		"joining (phase of procedure grow)\nJoins.\nNext: serving, behind gate joined.\n",
		"serving (phase of procedure grow)\nServes.\n",
	} {
		check(t, want, PhaseText(grow.Phases[i], grow, Style{}))
	}
}
