package apigee

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
)

func TestProceduresAreSound(t *testing.T) {
	all := System().Procedures
	names, gates := map[string]bool{}, map[string]*stage.Gate{}
	for _, p := range all {
		first, last := p.First(), p.Phases[len(p.Phases)-1].Phase
		if p.Name == "" || names[p.Name] || p.Summary == "" || !first.Rests() || !last.Rests() || (first == last) != (p == &comeBack) || len(p.Gates) != len(p.Phases)-1 {
			t.Errorf("procedure %s from %s to %s, %d gates", p.Name, first, last, len(p.Gates))
		}
		names[p.Name] = true
		for i, info := range p.Phases {
			if info.Summary == "" || p.Index(info.Phase) != i && (info.Phase != first || info.Phase != last) || info.Phase.Rests() != (i == 0 || i+1 == len(p.Phases)) {
				t.Errorf("%s: phase %+v", p.Name, info)
			}
		}
		for i := range p.Gates {
			gate := &p.Gates[i]
			if gate.Name == "" && i == 0 && !p.Adopts {
				continue // starts by decision
			}
			checkGateText(t, p, gate)
			if gate.Optional != (i == 0 && !p.Adopts) {
				t.Errorf("%s: gate %s is optional: %t", p.Name, gate.Name, gate.Optional)
			}
			if same := gates[gate.Name]; same != nil {
				if diff := cmp.Diff(same, gate); diff != "" {
					t.Errorf("two gates are named %s, and differ:\n%s", gate.Name, diff)
				}
			}
			gates[gate.Name] = gate
		}
	}
	for name := range checks {
		if gates[name] == nil {
			t.Errorf("there are checks for gate %s, which no procedure has", name)
		}
	}
}

// checkGateText sees that a gate says all that a tired operator needs, and that
// it has a function for each of its words.
func checkGateText(t *testing.T, p *stage.Procedure, g *stage.Gate) {
	t.Helper()
	if g.Name == "" || g.Words == "" || len(g.Checks) == 0 || len(g.Look) == 0 || g.Why == "" || g.Source == "" {
		t.Errorf("%s: gate %+v", p.Name, g)
	}
	if len(checks[g.Name]) != len(g.Checks) {
		t.Errorf("gate %s has %d conditions in words, and %d checks", g.Name, len(g.Checks), len(checks[g.Name]))
	}
	for _, look := range g.Look {
		if !strings.HasPrefix(look, "kubectl ") {
			t.Errorf("gate %s: %q is no command", g.Name, look)
		}
	}
	for i, words := range g.Checks {
		if words == "" || slices.Index(g.Checks, words) != i {
			t.Errorf("gate %s: check %q is empty, or there twice", g.Name, words)
		}
	}
}

// TestEveryPhaseHasAWayOut (I6): to a phase that there is, from which the same
// rules hold, or in words.
func TestEveryPhaseHasAWayOut(t *testing.T) {
	all := System().Procedures
	for _, p := range all {
		for _, info := range p.Phases {
			out := all.AbortOf(stage.Progress{Procedure: p.Name, Phase: info.Phase})
			if info.Phase.Rests() {
				if out.To != "" || len(out.Do) > 0 {
					t.Errorf("%s: there is something to abort at %s: %+v", p.Name, info.Phase, out)
				}
				continue
			}
			if len(out.Do) == 0 {
				t.Errorf("%s: nothing says what to do to leave %s", p.Name, info.Phase)
			}
			if out.To == "" {
				continue
			}
			to := all.Named(out.Procedure)
			if to == nil || to.Index(out.To) < 0 || out.To == info.Phase && to == p {
				t.Errorf("%s: the way out of %s leads to %s of %s", p.Name, info.Phase, out.To, out.Procedure)
			}
		}
	}
}

// TestWaysOut holds where each abort leads.
func TestWaysOut(t *testing.T) {
	const none = "no way back"
	want := map[string]string{
		"install/installing": "planned of install",
		"expand/joining":     "draining of withdraw", "expand/rebuilding": "joining of expand", "expand/settling": "draining of withdraw",
		"decommission/draining": "returning of return", "decommission/detaching": "returning of return", "return/returning": "draining of decommission",
		"purge/purging":        none,
		"decommission/leaving": none, "decommission/clearing": none, "decommission/closing": none,
		"withdraw/draining": "joining of expand", "withdraw/detaching": "joining of expand",
		"withdraw/leaving": none, "withdraw/clearing": none, "withdraw/closing": none,
	}
	got := map[string]string{}
	for _, p := range System().Procedures {
		for _, info := range p.Phases {
			if info.Phase.Rests() {
				continue
			}
			out := System().Procedures.AbortOf(stage.Progress{Procedure: p.Name, Phase: info.Phase})
			got[p.Name+"/"+string(info.Phase)] = none
			if out.To != "" {
				got[p.Name+"/"+string(info.Phase)] = string(out.To) + " of " + out.Procedure
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for p, phases := range map[*stage.Procedure][]stage.Phase{&decommission: {leaving, clearing, closing}, &withdraw: {leaving, clearing, closing}, &purge: {purging}} {
		for _, phase := range phases {
			if words := strings.Join(p.Phases[p.Index(phase)].Abort.Do, " "); !strings.Contains(words, "nodetool removenode") || strings.Contains(words, "--procedure purge") != (p != &purge) || strings.Contains(words, "Never set forceDelete") != (p != &purge) {
				t.Errorf("%s: %s does not say how to get through: %s", p.Name, phase, words)
			}
		}
	}
}

// TestPurgeStartsFromEveryPhase: a cluster can be lost at any time after it has
// joined the ring, while another serves.
func TestPurgeStartsFromEveryPhase(t *testing.T) {
	var want []stage.Phase
	for _, p := range System().Procedures {
		for _, info := range p.Phases {
			if !info.Phase.Rests() && info.Phase != installing && info.Phase != purging && !slices.Contains(want, info.Phase) {
				want = append(want, info.Phase)
			}
		}
	}
	got := slices.Clone(purge.Also)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range System().Procedures {
		if p != &purge && len(p.Also) > 0 {
			t.Errorf("%s may be started from %v too", p.Name, p.Also)
		}
	}
}

// TestWhereTheSeedHostLeaves: exactly the phases that render none after one
// that did drop it, for the state machine and the renderer alike.
func TestWhereTheSeedHostLeaves(t *testing.T) {
	for _, p := range System().Procedures {
		for i, info := range p.Phases {
			if want := p == &expand && info.Phase == settling; info.DropsSeed != want {
				t.Errorf("%s drops the seed host at %s: %t", p.Name, info.Phase, info.DropsSeed)
			}
			if !info.Phase.Rests() && i > 0 && info.DropsSeed && needsSeed(stage.Progress{Phase: info.Phase, SeedHost: "10.100.0.11"}) {
				t.Errorf("%s renders the seed host at %s", p.Name, info.Phase)
			}
			at := stage.Progress{Region: "west", Procedure: p.Name, Phase: info.Phase}
			if got, want := System().Procedures.NeedsSeed(at), p == &expand && (info.Phase == joining || info.Phase == rebuilding); got != want {
				t.Errorf("%s needs a seed host at %s: %t", p.Name, info.Phase, got)
			}
		}
	}
}

// TestProcedureRules holds what the state machine is told of each.
func TestProcedureRules(t *testing.T) {
	type traits struct {
		Moves, Founds, FromSource, Drops, Adopts, ByAbort bool
		Agree                                             int
		From, To                                          stage.Phase
	}
	want := map[string]traits{
		"install":      {Moves: true, Founds: true, From: stage.Planned, To: stage.Serving},
		"expand":       {Moves: true, FromSource: true, Agree: 3, From: stage.Planned, To: stage.Serving},
		"adopt":        {Moves: true, Adopts: true, From: stage.Planned, To: stage.Serving},
		"decommission": {Moves: true, Drops: true, From: stage.Serving, To: stage.Gone},
		"withdraw":     {Moves: true, Drops: true, ByAbort: true, From: stage.Planned, To: stage.Gone},
		"return":       {Moves: true, ByAbort: true, From: stage.Serving, To: stage.Serving},
		"purge":        {Moves: true, Drops: true, From: stage.Serving, To: stage.Gone},
	}
	got := map[string]traits{}
	for _, p := range System().Procedures {
		got[p.Name] = traits{p.MovesRing, p.Founds, p.FromSource, p.Drops, p.Adopts, p.ByAbort, len(p.Agree), p.First(), p.Phases[len(p.Phases)-1].Phase}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	facts := ringOf(t, `{}`).Facts("west")
	for _, name := range expand.Agree {
		if !slices.ContainsFunc(facts, func(f stage.Fact) bool { return f.Name == name }) {
			t.Errorf("regions must agree on %s, which is no fact", name)
		}
	}
}

// TestRemovalsAreComplete: every release leaves once, environments and virtual
// hosts first, the operator last and alone.
func TestRemovalsAreComplete(t *testing.T) {
	left := map[string]stage.Phase{}
	for _, r := range removals {
		for _, chart := range r.charts {
			if left[chart] != "" {
				t.Errorf("%s leaves at %s and %s", chart, left[chart], r.phase)
			}
			left[chart] = r.phase
		}
		if now, before := leavesAt(r.phase); !slices.Equal(now, r.charts) || slices.Contains(before, r.charts[0]) {
			t.Errorf("%s: %v leave, and %v before", r.phase, now, before)
		}
	}
	for _, rel := range ringOf(t, `{}`).releases() {
		if left[rel.chart] == "" {
			t.Errorf("%s never leaves", rel.chart)
		}
		delete(left, rel.chart)
	}
	if len(left) > 0 {
		t.Errorf("%v leave, and are no releases", left)
	}
	if last := removals[len(removals)-1]; last.phase != closing || !slices.Equal(last.charts, []string{"apigee-operator"}) {
		t.Errorf("the last is %+v", last)
	}
	for _, p := range []*stage.Procedure{&decommission, &withdraw} {
		var phases []stage.Phase
		for _, info := range p.Phases[1 : len(p.Phases)-1] {
			phases = append(phases, info.Phase)
		}
		for i, r := range removals {
			if phases[i] != r.phase {
				t.Errorf("%s: phase %d is %s, and %s leaves then", p.Name, i+1, phases[i], r.charts)
			}
		}
	}
	for _, phase := range []stage.Phase{stage.Planned, installing, joining, rebuilding, settling, stage.Serving, stage.Gone} {
		if now, _ := leavesAt(phase); now != nil {
			t.Errorf("%v leave at %s", now, phase)
		}
	}
}
