package report

import (
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
		Phases: []stage.PhaseInfo{{Phase: stage.Planned, Summary: "Nothing."}, {Phase: "joining", Summary: "Joins.", Abort: stage.WayOut{To: stage.Planned, Do: []string{"Do this.", "Then that."}}}, {Phase: stage.Serving, Summary: "Serves."}},
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
2 stages to come, one revision each.

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
	told := plan
	told.Told = make([]string, len(plan.Steps))
	told.Told[0] = "2 files of what flux is told"
	for form, got := range map[string]string{"text": PlanText(told, Style{}), "Markdown": PlanMarkdown(told)} {
		if n := strings.Count(got, "… 2 files of what flux is told\n"); n != 1 {
			t.Errorf("%s says it %d times:\n%s", form, n, got)
		}
	}
	colored := PlanText(plan, Style{Color: true})
	for _, want := range []string{"\x1b[1mPlan of acme\x1b[0m", "\x1b[32m+ west/a.yaml\x1b[0m", "\x1b[31m- west/b.yaml\x1b[0m", "\x1b[33m~ west/a.yaml: n"} {
		if !strings.Contains(colored, want) {
			t.Errorf("there is no %q in\n%q", want, colored)
		}
	}
	check(t, "Plan of acme (sys 1.0.0, t.yaml)\nThere is nothing left to do.\n", PlanText(Plan{Topology: "acme", System: "sys", Version: "1.0.0", File: "t.yaml"}, Style{}))
}

// done is a plan with steps that were taken.
func done(p Plan) Plan {
	p.Inputs = Inputs{Topology: "aaa", Step: 2, Head: "bbb"}
	p.Done = []stage.Record{
		{Step: 1, Time: stepTime, Region: "east", Action: stage.Adopt, Procedure: "take", From: stage.Planned, To: stage.Serving, Gate: "there"},
		{Step: 2, Time: stepTime, Region: "we|st", Action: stage.Start, Procedure: "grow", From: stage.Gone, To: "joining"},
	}
	return p
}

func TestPlanOfWhatIsDone(t *testing.T) {
	const taken = `
Done
   1. east: planned → serving, 2026-11-21T09:01:00Z; gate there is open
   2. we|st: gone → joining, 2026-11-21T09:01:00Z; procedure grow was started

`
	head := "Plan of acme (sys 1.0.0, t.yaml)\n"
	check(t, strings.Replace(PlanText(plan, Style{}), head, head+taken, 1), PlanText(done(plan), Style{}))
	empty := plan
	empty.Steps = nil
	check(t, head+taken+"There is nothing left to do.\n", PlanText(done(empty), Style{}))
	if got := PlanText(done(plan), Style{Color: true}); !strings.Contains(got, "\x1b[1mDone\x1b[0m\n\x1b[2m   1. east: ") {
		t.Errorf("%q", got)
	}
	const table = `
Done:

| step | region | from | to | at | because |
|---|---|---|---|---|---|
| 1 | east | planned | serving | 2026-11-21T09:01:00Z | gate there is open |
| 2 | we\|st | gone | joining | 2026-11-21T09:01:00Z | procedure grow was started |

To come:
`
	head = "# Plan of acme\n\nsys 1.0.0, from `t.yaml`.\n"
	check(t, strings.Replace(PlanMarkdown(plan), head, head+table, 1), PlanMarkdown(done(plan)))
	check(t, head+table+"\nThere is nothing left to do.\n", PlanMarkdown(done(empty)))
}

// TestPlanOfWhatIsUnderWay marks the stage that a region waits before.
func TestPlanOfWhatIsUnderWay(t *testing.T) {
	p := plan
	p.Steps = []system.Step{plan.Steps[1], plan.Steps[0]}
	p.Steps[0].Number, p.Steps[0].Current, p.Steps[1].Number = 8, true, 9
	if got := PlanText(p, Style{}); !strings.Contains(got, "\n8. west: joining → serving (current)\n") || !strings.Contains(got, "\n9. west: planned → joining\n") {
		t.Errorf("%s", got)
	}
	if got := PlanText(p, Style{Color: true}); !strings.Contains(got, "\x1b[1m8. west: joining → serving\x1b[0m (current)\n") {
		t.Errorf("%q", got)
	}
	if got := PlanMarkdown(p); !strings.Contains(got, "\n## 8. west: joining → serving (current)\n") || !strings.Contains(got, "\n## 9. west: planned → joining\n") || !strings.Contains(got, "\n| 8 | west | joining | serving | joined |\n") {
		t.Errorf("%s", got)
	}
	text, err := PlansJSON([]Plan{p})
	stages := parsed(t, text, err).(m)["plans"].([]any)[0].(m)["stages"].([]any)
	for i, want := range []any{true, nil} {
		if got := stages[i].(m); got["current"] != want || got["number"] != float64(8+i) {
			t.Errorf("%v", got)
		}
	}
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
	if got := PlanMarkdown(Plan{Topology: "acme"}); !strings.Contains(got, "nothing left to do") || strings.Contains(got, "|") {
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
	got, err := PlansJSON([]Plan{done(plan), {Topology: "empty"}})
	v := parsed(t, got, err)
	want := m{"formatVersion": "1.0", "plans": []any{
		m{"topology": "acme", "system": "sys", "version": "1.0.0", "file": "t.yaml", "inputs": m{"topology": "aaa", "step": 2.0, "head": "bbb"}, "done": []any{
			m{
				"step": 1.0, "region": "east", "action": "adopt", "procedure": "take", "from": "planned", "to": "serving", "gate": "there",
				"time": "2026-11-21T10:01:00+01:00", "evidence": "evidence/east/01-adopt.yaml",
			},
			m{
				"step": 2.0, "region": "we|st", "action": "start", "procedure": "grow", "from": "gone", "to": "joining",
				"time": "2026-11-21T10:01:00+01:00", "evidence": "evidence/we|st/02-start-grow.yaml",
			},
		}, "stages": []any{
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
		m{"topology": "empty", "system": "", "version": "", "file": "", "inputs": m{"topology": "", "step": 0.0, "head": ""}, "done": []any{}, "stages": []any{}},
	}}
	if diff := cmp.Diff(any(want), v); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, _ := PlansJSON(nil); !strings.Contains(got, `"plans": []`) {
		t.Errorf("none is not an empty list: %s", got)
	}
}

func TestExplanations(t *testing.T) {
	rule := lint.Rule{Code: "RP012", Name: "cidr-overlap", Severity: diag.Error, Summary: "Two ranges overlap.", Why: "W.", Fix: "F.", Source: "[S]"}
	check(t, "RP012 cidr-overlap (error)\nTwo ranges overlap.\n\nWhy: W.\nFix: F.\nSource: [S]\n", RuleText(rule, Style{}))
	check(t, "joined (gate of grow, shrink)\nIt has joined.\n\nIt opens when all of this holds:\n  - a\n  - b\n\nWhy: So.\nLook: x\n      y\nSource: [S]\n", GateText(grow.Gates[1], []string{"grow", "shrink"}, Style{}))
	optional := grow.Gates[1]
	optional.Optional = true
	if got := GateText(optional, []string{"grow"}, Style{}); !strings.Contains(got, "  - b\n\nIt is judged only if observations are given: the procedure starts by decision.\n\nWhy: So.\n") {
		t.Errorf("%s", got)
	}
	for i, want := range []string{
		"planned (phase of procedure grow)\nNothing.\nNext: joining, behind no gate, by decision.\n",
		"joining (phase of procedure grow)\nJoins.\nNext: serving, behind gate joined.\nAbort: to planned.\n  - Do this.\n  - Then that.\n",
		"serving (phase of procedure grow)\nServes.\n",
	} {
		check(t, want, PhaseText(grow.Phases[i], grow, Style{}))
	}
	leave := &stage.Procedure{
		Name: "leave",
		Phases: []stage.PhaseInfo{
			{Phase: stage.Serving, Summary: "Serves."}, {Phase: "draining", Summary: "Drains.", Abort: stage.WayOut{Procedure: "grow", To: "joining", Do: []string{"Sync."}}},
			{Phase: "leaving", Summary: "Leaves.", Abort: stage.WayOut{Do: []string{"Go through."}}}, {Phase: stage.Gone, Summary: "Left."},
		},
		Gates: []stage.Gate{optional, {Name: "drained"}, {Name: "left"}},
	}
	for i, want := range []string{
		"serving (phase of procedure leave)\nServes.\nNext: draining, behind no gate, by decision.\n",
		"draining (phase of procedure leave)\nDrains.\nNext: leaving, behind gate drained.\nAbort: to joining of procedure grow.\n  - Sync.\n",
		"leaving (phase of procedure leave)\nLeaves.\nNext: gone, behind gate left.\nAbort: there is no way back.\n  - Go through.\n",
		"gone (phase of procedure leave)\nLeft.\n",
	} {
		check(t, want, PhaseText(leave.Phases[i], leave, Style{}))
	}
}
