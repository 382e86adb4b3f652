package report

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

var (
	stepTime = time.Date(2026, 11, 21, 10, 1, 0, 0, time.FixedZone("CET", 3600))

	results = []stage.Result{
		{Check: "the one", Answer: stage.Met, Reason: "it is so"},
		{Check: "the other", Answer: stage.Waiting, Reason: "2 of <3>"},
		{Check: "the load", Answer: stage.Met, Reason: "1 and 9", Warning: "less than half"},
	}

	shut = Gate{
		Topology: "acme", Region: "west", Phase: "joining", Gate: &grow.Gates[1], Procedure: "grow", To: stage.Serving,
		Results: results, Look: []string{"kubectl get x", "kubectl get y"},
	}
)

func openGate() Gate {
	g := shut
	g.Results = []stage.Result{results[0], results[2]}
	return g
}

func TestVerdictText(t *testing.T) {
	check(t, `Gate joined of region west (joining) is not open: waiting

  met      the one
           it is so

  waiting  the other
           2 of <3>

  met      the load
           1 and 9
           warning: less than half

To look:
  kubectl get x
  kubectl get y
`, VerdictText(shut, Style{}))
	check(t, `Gate joined of region west (joining) is open: met

  met      the one
           it is so

  met      the load
           1 and 9
           warning: less than half
`, VerdictText(openGate(), Style{}))
	check(t, "Region west is planned, and no gate holds it: `ringplan advance west` starts grow.\n",
		VerdictText(Gate{Region: "west", Phase: stage.Planned, Procedure: "grow"}, Style{}))
	failed := shut
	failed.Results = []stage.Result{{Check: "the one", Answer: stage.Failed, Reason: "it is not so"}}
	check(t, `Gate joined of region west (joining) is not open: failed

  failed   the one
           it is not so

This does not mend itself. `+"`ringplan abort west` leaves the phase; `ringplan explain joining`"+` tells what then.

To look:
  kubectl get x
  kubectl get y
`, VerdictText(failed, Style{}))
	unknown := shut
	unknown.Results, unknown.Look = nil, nil
	check(t, "Gate joined of region west (joining) is not open: unknown\n", VerdictText(unknown, Style{}))
}

// TestVerdictColours: every answer takes the same room, whatever its colour.
func TestVerdictColours(t *testing.T) {
	g := shut
	g.Results = nil
	for _, a := range []stage.Answer{stage.Met, stage.Waiting, stage.Failed, stage.Unknown} {
		g.Results = append(g.Results, stage.Result{Check: "c", Answer: a, Reason: "r"})
	}
	got := VerdictText(g, Style{Color: true})
	for _, want := range []string{
		"\x1b[1mGate joined\x1b[0m of region west", "is not open: \x1b[1;31mfailed\x1b[0m\n",
		"  \x1b[32mmet\x1b[0m      c\n", "  \x1b[33mwaiting\x1b[0m  c\n", "  \x1b[1;31mfailed\x1b[0m   c\n", "  \x1b[33munknown\x1b[0m  c\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%q", want, got)
		}
	}
	g.Results = []stage.Result{results[2]}
	if got := VerdictText(g, Style{Color: true}); !strings.Contains(got, "\x1b[33mwarning:\x1b[0m less than half") {
		t.Errorf("the warning has no colour: %q", got)
	}
}

// TestSaidOnce: what two checks say for one reason is one line.
func TestSaidOnce(t *testing.T) {
	g := shut
	g.Results = []stage.Result{{Answer: stage.Unknown, Reason: "no answer"}, {Answer: stage.Met, Reason: "yes"}, {Answer: stage.Unknown, Reason: "no answer"}}
	check(t, "2026-11-21T09:01:00Z west unknown no answer\n2026-11-21T09:01:00Z west met     yes\n", ChangedText(Gate{}, g, stepTime, Style{}))
	check(t, "Gate joined of region west (joining), 2026-11-21T09:01:00Z: unknown\n  unknown no answer\n  met     yes\n", ProgressText(g, stepTime, Style{}))
}

func TestOpen(t *testing.T) {
	if shut.Open() || !openGate().Open() || !(Gate{}).Open() || (Gate{Gate: &grow.Gates[1]}).Open() {
		t.Error("Open is wrong")
	}
}

// parsed reads a report again, and fails if it is no JSON or is escaped.
func parsed(t *testing.T, text string, err error) any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, `\u003c`) {
		t.Error("HTML is escaped")
	}
	return v
}

type m = map[string]any

var jsonResults = []any{
	m{"check": "the one", "answer": "met", "reason": "it is so"},
	m{"check": "the other", "answer": "waiting", "reason": "2 of <3>"},
	m{"check": "the load", "answer": "met", "reason": "1 and 9", "warning": "less than half"},
}

func TestVerdictJSON(t *testing.T) {
	for name, tt := range map[string]struct {
		gate Gate
		want m
	}{
		"shut": {shut, m{
			"formatVersion": "1.0", "topology": "acme", "region": "west", "phase": "joining", "procedure": "grow", "to": "serving",
			"gate": "joined", "open": false, "answer": "waiting", "results": jsonResults,
		}},
		"open": {openGate(), m{
			"formatVersion": "1.0", "topology": "acme", "region": "west", "phase": "joining", "procedure": "grow", "to": "serving",
			"gate": "joined", "open": true, "answer": "met", "results": []any{jsonResults[0], jsonResults[2]},
		}},
		"none": {Gate{Topology: "acme", Region: "west", Phase: stage.Planned, Procedure: "grow", To: "joining"}, m{
			"formatVersion": "1.0", "topology": "acme", "region": "west", "phase": "planned", "procedure": "grow", "to": "joining",
			"open": true, "results": []any{},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := VerdictJSON(tt.gate)
			if diff := cmp.Diff(any(tt.want), parsed(t, text, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// advanced is a step through a gate, and started one by decision.
func advanced() Moved {
	return Moved{
		Topology: "acme",
		Record: stage.Record{
			Step: 3, Time: stepTime, Region: "west", Action: stage.Advance, Procedure: "grow", From: "joining", To: stage.Serving, Gate: "joined",
			Results: openGate().Results,
		},
		Evidence: "evidence/west/03-joined.yaml", Rendered: "rendered", Written: 2, Removed: 1, Unchanged: 5,
		Commands: []system.Command{{Comment: "by hand: this"}, {Comment: "that", Run: "helm upgrade <x>", Applies: true}},
	}
}

func started() Moved {
	return Moved{
		Topology: "acme",
		Record: stage.Record{
			Step: 1, Region: "west", Action: stage.Start, Procedure: "grow", From: stage.Planned, To: "joining",
			Source: "east", SeedHost: "10.0.0.11", SeedFrom: "the topology",
		},
		Evidence: "evidence/west/01-start-grow.yaml", Rendered: "rendered", Written: 3, Commit: "abc123",
		Next: &grow.Gates[1], Look: []string{"kubectl get x"},
	}
}

func aborted() Moved {
	return Moved{
		Topology: "acme",
		Record:   stage.Record{Step: 4, Region: "west", Action: stage.Abort, Procedure: "shrink", From: "joining", To: "draining"},
		Evidence: "e", Rendered: "rendered", Do: []string{"Do this.", "Then that."},
	}
}

func TestMovedText(t *testing.T) {
	check(t, `Step 3: region west is serving now
It was joining; gate joined is open.

  met      the one
           it is so

  met      the load
           1 and 9
           warning: less than half

Written:
  evidence/west/03-joined.yaml
  rendered: 2 written, 1 removed, 5 unchanged

Commit it and let it be synced, or apply it by hand:
  # by hand: this
  # that
  helm upgrade <x>
`, MovedText(advanced(), Style{}))
	check(t, `Step 1: region west is joining now
It was planned; procedure grow was started.

Seed host: 10.0.0.11, from the topology

Written:
  evidence/west/01-start-grow.yaml
  rendered: 3 written, 0 removed, 0 unchanged
  Git commit abc123

Push it and let it be synced.

Next: gate joined. It has joined.

To look:
  kubectl get x
`, MovedText(started(), Style{}))
	check(t, `Step 4: region west is draining now
It was joining; that was aborted, and procedure shrink goes on from here.

Written:
  e
  rendered: 0 written, 0 removed, 0 unchanged

What a person must do:
  Do this.
  Then that.

Commit it and let it be synced.
`, MovedText(aborted(), Style{}))
	if got := MovedText(advanced(), Style{Color: true}); !strings.HasPrefix(got, "\x1b[1mStep 3: region west is serving now\x1b[0m\n") {
		t.Errorf("%q", got)
	}
}

// TestMovedBackToRest: an abort that ends its procedure names no other.
func TestMovedBackToRest(t *testing.T) {
	m := aborted()
	m.Record.Procedure, m.Record.From, m.Record.To = "found", "making", stage.Planned
	if got := MovedText(m, Style{}); !strings.Contains(got, "\nIt was making; that was aborted.\n") {
		t.Errorf("%s", got)
	}
	if got := CommitMessage(m); !strings.HasPrefix(got, "west: making to planned\n\nThat was aborted.\n") {
		t.Errorf("%s", got)
	}
}

// TestMovedWithManyCommands: a whole installation would hide the rest.
func TestMovedWithManyCommands(t *testing.T) {
	m := started()
	for n := range 5 {
		m.Commands = append(m.Commands, system.Command{Comment: "by hand", Run: "run this", Applies: true})
		got := MovedText(m, Style{})
		if shown := strings.Count(got, "run this"); shown != map[bool]int{true: n + 1, false: 0}[n < 3] {
			t.Errorf("%d of %d commands are shown:\n%s", shown, n+1, got)
		}
		if told := strings.Contains(got, "ringplan plan --commands --region west --phase west=planned"); told != (n >= 3) {
			t.Errorf("%d commands: what shows them is told: %t", n+1, told)
		}
	}
}

// TestApplyText: what a person must do is no choice, and says where the push is.
func TestApplyText(t *testing.T) {
	by := func(commands ...system.Command) Moved { return Moved{Commands: commands, Record: started().Record} }
	apply, person := system.Command{Comment: "a", Run: "apply", Applies: true}, system.Command{Comment: "p", Run: "do"}
	const (
		plan = "  ringplan plan --commands --region west --phase west=planned\n"
		left = "What is left for a person to do, before and after"
	)
	for name, tt := range map[string]struct {
		moved Moved
		want  string
		// committed is the first line where the step was committed.
		committed string
	}{
		"nothing":      {by(), "Commit it and let it be synced.\n", "Push it and let it be synced.\n"},
		"applied":      {by(person, apply), "Commit it and let it be synced, or apply it by hand:\n  # p\n  do\n  # a\n  apply\n", "Push it and let it be synced, or apply it by hand:\n"},
		"by a person":  {by(person), "Commit it and let it be synced. " + left + ":\n  # p\n  do\n", "Push it and let it be synced. " + left + ":\n"},
		"many":         {by(person, apply, apply, apply), "Commit it and let it be synced, or apply it by hand, in 4 steps:\n" + plan, "Push it and let it be synced, or apply it by hand, in 4 steps:\n"},
		"synced":       {synced(by(person, apply)), "Commit it and let it be synced. " + left + ":\n  # p\n  do\n  # a\n  apply\n", "Push it and let it be synced. " + left + ":\n"},
		"synced, many": {synced(by(person, person, person, person)), "Commit it and let it be synced. " + left + ", in 4 steps:\n" + plan, "Push it and let it be synced. " + left + ", in 4 steps:\n"},
		"all by hand":  {by(person, person, person, person), "Commit it and let it be synced. " + left + ", in 4 steps:\n" + plan, "Push it and let it be synced. " + left + ", in 4 steps:\n"},
	} {
		if got := applyText(tt.moved); got != "\n"+tt.want {
			t.Errorf("%s: %s", name, got)
		}
		tt.moved.Commit = "abc123"
		if got := applyText(tt.moved); !strings.HasPrefix(got, "\n"+tt.committed) {
			t.Errorf("%s: %s", name, got)
		}
	}
	named := synced(by(person, person, person, person))
	named.Named = "'data/my ring'"
	if got := applyText(named); !strings.Contains(got, "\n  ringplan plan 'data/my ring' --commands --region west") {
		t.Error(got)
	}
}

func synced(m Moved) Moved {
	m.Synced = true
	return m
}

// TestVerbsNameTheTopology: a person elsewhere can enter what is printed.
func TestVerbsNameTheTopology(t *testing.T) {
	g := Gate{Region: "west", Phase: stage.Planned, Procedure: "grow", Named: "data/acme"}
	if got := VerdictText(g, Style{}); !strings.Contains(got, "`ringplan advance west --topology data/acme` starts grow") {
		t.Error(got)
	}
	g = shut
	g.Named, g.Results = "data/acme", []stage.Result{{Check: "the one", Answer: stage.Failed}}
	if got := VerdictText(g, Style{}); !strings.Contains(got, "`ringplan abort west --topology data/acme` leaves the phase") {
		t.Error(got)
	}
}

// TestMovedShowsWhatAPlanDoesNot: a plan from the phase before shows the
// commands only of a region that is built.
func TestMovedShowsWhatAPlanDoesNot(t *testing.T) {
	for name, rec := range map[string]stage.Record{
		"lost":        {Region: "west", Action: stage.Start, Procedure: "lose", From: stage.Serving, To: "losing"},
		"lost, later": {Region: "west", Action: stage.Start, Procedure: "lose", From: "joining", To: "losing"},
		"leaves":      {Region: "west", Action: stage.Start, Procedure: "shrink", From: stage.Serving, To: "draining"},
		"taken back":  {Region: "west", Action: stage.Abort, Procedure: "back", From: "draining", To: "coming"},
		"goes on":     {Region: "west", Action: stage.Advance, Procedure: "shrink", From: "draining", To: "leaving"},
	} {
		got := MovedText(Moved{Record: rec, Commands: slices.Repeat([]system.Command{{Run: "run this"}}, 8)}, Style{})
		if strings.Count(got, "run this") != 8 || strings.Contains(got, "ringplan plan") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestCommitMessage(t *testing.T) {
	check(t, `west: joining to serving

Gate joined is open.
- met: it is so
- met: 1 and 9
  warning: less than half

Ringplan-Topology: acme
Ringplan-Step: 3
`, CommitMessage(advanced()))
	check(t, `west: planned to joining

Procedure grow was started.
- seed host 10.0.0.11, from the topology

Ringplan-Topology: acme
Ringplan-Step: 1
`, CommitMessage(started()))
	check(t, `west: joining to draining

That was aborted, and procedure shrink goes on from here.
- to do: Do this.
- to do: Then that.

Ringplan-Topology: acme
Ringplan-Step: 4
`, CommitMessage(aborted()))
	adopted := advanced()
	adopted.Record.Action, adopted.Record.Gate, adopted.Record.From = stage.Adopt, "already-there", stage.Planned
	if got := CommitMessage(adopted); !strings.HasPrefix(got, "west: planned to serving\n\nGate already-there is open.\n") {
		t.Errorf("%s", got)
	}
}

func TestMovedJSON(t *testing.T) {
	text, err := MovedJSON(advanced())
	want := m{
		"formatVersion": "1.0", "topology": "acme", "step": 3.0, "region": "west", "action": "advance", "procedure": "grow", "from": "joining", "to": "serving",
		"gate": "joined", "time": "2026-11-21T10:01:00+01:00", "results": []any{jsonResults[0], jsonResults[2]}, "evidence": "evidence/west/03-joined.yaml", "do": []any{},
		"commands": []any{m{"comment": "by hand: this"}, m{"comment": "that", "run": "helm upgrade <x>"}},
	}
	if diff := cmp.Diff(any(want), parsed(t, text, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	text, err = MovedJSON(started())
	got := parsed(t, text, err).(m)
	for key, want := range map[string]any{"next": "joined", "commit": "abc123", "action": "start", "source": "east", "seedHost": "10.0.0.11", "seedFrom": "the topology"} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	for _, key := range []string{"results", "do", "commands"} {
		if list, ok := got[key].([]any); !ok || len(list) != 0 {
			t.Errorf("%s is %v, not an empty list", key, got[key])
		}
	}
	text, err = MovedJSON(aborted())
	if diff := cmp.Diff(any([]any{"Do this.", "Then that."}), parsed(t, text, err).(m)["do"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var status = Status{Topology: "acme", Step: 3, Regions: []Standing{
	{Progress: stage.Progress{Region: "east", Procedure: "found", Phase: stage.Serving, Since: stepTime, Facts: map[string]string{"version": "1"}, Evidence: "e"}, Datacenter: "dc-1"},
	{Progress: stage.Progress{Region: "west", Procedure: "grow", Phase: "joining", Since: stepTime, Source: "east", SeedHost: "10.0.0.11", Retries: 1}, Datacenter: "dc-2", Gate: &shut},
	{Progress: stage.Progress{Region: "north", Phase: stage.Planned}},
}}

func TestStatusText(t *testing.T) {
	check(t, `Rollout of acme, at step 3

REGION  DATACENTER  PROCEDURE  PHASE    SINCE                 GATE
east    dc-1        found      serving  2026-11-21T09:01:00Z  –
west    dc-2        grow       joining  2026-11-21T09:01:00Z  joined: waiting
north   –           –          planned  –                     –

`+VerdictText(shut, Style{}), StatusText(status, Style{}))
	refused := Status{Topology: "acme", Regions: []Standing{{
		Progress: stage.Progress{Region: "west", Phase: stage.Planned}, Gate: &Gate{Region: "west", Phase: stage.Planned, Procedure: "grow"},
		Refusals: []stage.Refusal{{Region: "west", Invariant: "I3", Message: "not now", Way: "wait"}},
	}}}
	if got := StatusText(refused, Style{}); !strings.Contains(got, "\nwest: not now (I3): wait\n") || !strings.Contains(got, "planned  –      –\n") {
		t.Errorf("%s", got)
	}
}

func TestStatusJSON(t *testing.T) {
	text, err := StatusJSON([]Status{status, {Topology: "empty"}})
	got := parsed(t, text, err)
	want := m{"formatVersion": "1.0", "rollouts": []any{
		m{"topology": "acme", "step": 3.0, "regions": []any{
			m{"region": "east", "procedure": "found", "phase": "serving", "since": "2026-11-21T10:01:00+01:00", "facts": m{"version": "1"}, "evidence": "e", "datacenter": "dc-1", "gate": nil},
			m{
				"region": "west", "procedure": "grow", "phase": "joining", "since": "2026-11-21T10:01:00+01:00", "source": "east", "seedHost": "10.0.0.11", "retries": 1.0, "datacenter": "dc-2",
				"gate": m{"topology": "acme", "region": "west", "phase": "joining", "procedure": "grow", "to": "serving", "gate": "joined", "open": false, "answer": "waiting", "results": jsonResults},
			},
			m{"region": "north", "phase": "planned", "gate": nil},
		}},
		m{"topology": "empty", "step": 0.0, "regions": []any{}},
	}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	refused := Status{Topology: "acme", Regions: []Standing{{
		Progress: stage.Progress{Region: "west", Phase: stage.Planned},
		Refusals: []stage.Refusal{{Region: "west", Invariant: "I3", Message: "not now", Way: "wait"}, {Region: "east", Message: "nor then"}},
	}}}
	text, err = StatusJSON([]Status{refused})
	want = m{"formatVersion": "1.0", "rollouts": []any{m{"topology": "acme", "step": 0.0, "regions": []any{m{
		"region": "west", "phase": "planned", "gate": nil,
		"refusals": []any{m{"region": "west", "invariant": "I3", "message": "not now", "way": "wait"}, m{"region": "east", "message": "nor then"}},
	}}}}}
	if diff := cmp.Diff(any(want), parsed(t, text, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text, _ := StatusJSON(nil); !strings.Contains(text, `"rollouts": []`) {
		t.Errorf("none is not an empty list: %s", text)
	}
}
