package apigee

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// served is a region of [gateRing] or [ringOf] as it was when it was proven.
func served(g system.Ring, region string) stage.Progress {
	return stage.Progress{Region: region, Procedure: "adopt", Phase: stage.Serving, Since: phaseStart, Facts: system.Facts(g, region)}
}

// standsAt is region west on its way, beside east, which serves.
func standsAt(g system.Ring, procedure string, phase stage.Phase) stage.Rollout {
	p := served(g, "west")
	p.Procedure, p.Phase, p.Source, p.SeedHost = procedure, phase, "east", "10.0.0.11"
	return stage.Rollout{Step: 4, Head: "head"}.With(served(g, "east")).With(p)
}

// ask asks for a step of region west a while after the phase began.
func ask(procedure string, seen observe.Set) system.Request {
	return system.Request{Region: "west", Procedure: procedure, Now: minute(61), MaxSkew: skew, Seen: seen}
}

// take takes a step of region west, which must be allowed.
func take(t *testing.T, at stage.Rollout, req system.Request, by func(system.System, system.Ring, stage.Rollout, system.Request) (system.Taken, []stage.Refusal)) system.Taken {
	t.Helper()
	taken, refusals := by(System(), gateRing(t), at, req)
	if len(refusals) > 0 {
		t.Fatalf("%v", refusals)
	}
	return taken
}

// TestPurge: from every phase that a region can be in when its cluster is lost,
// nothing is rendered for it any more, and it is gone when a survivor says so.
func TestPurge(t *testing.T) {
	g := gateRing(t)
	starts := []stage.Rollout{stage.Rollout{Step: 4, Head: "head"}.With(served(g, "east")).With(served(g, "west"))}
	for _, p := range procedures {
		for _, info := range p.Phases {
			if !info.Phase.Rests() && !p.Founds && info.Phase != purging {
				starts = append(starts, standsAt(g, p.Name, info.Phase))
			}
		}
	}
	if len(starts) != 1+3+5+5+1 {
		t.Fatalf("%d phases", len(starts))
	}
	for _, at := range starts {
		was := at.At("west")
		t.Run(was.Procedure+" "+string(was.Phase), func(t *testing.T) {
			purged := take(t, at, ask("purge", nil), system.System.Advance).After
			if p := purged.At("west"); p.Procedure != "purge" || p.Phase != purging || p.Source != was.Source || p.Evidence != "evidence/west/05-start-purge.yaml" {
				t.Fatalf("%+v", p)
			}
			if files, err := g.Render(purged.At("west")); err != nil || len(files) > 0 {
				t.Errorf("%v, %v", files, err)
			}
			for want, seen := range map[stage.Answer]*input{
				stage.Unknown: nil, stage.Waiting: said(dc1, listing("dc-2", "10.1.0", "DN DN DN")), stage.Met: said(dc1),
			} {
				var set observe.Set
				if seen != nil {
					seen.at = minute(90)
					set = seen.read(t, "status")
				}
				req := ask("", set)
				req.Now = minute(91)
				taken := take(t, purged, req, system.System.Advance)
				if got := stage.Verdict(taken.Record.Results); got != want || taken.Gate.Name != "datacenter-purged" {
					t.Errorf("%s at gate %s: %v", got, taken.Gate.Name, taken.Record.Results)
				}
				if got := taken.After.At("west").Phase; got != map[bool]stage.Phase{true: stage.Gone, false: purging}[want == stage.Met] {
					t.Errorf("%s, and the region is %s", want, got)
				}
			}
			if _, refusals := System().Abort(g, purged, ask("", nil)); len(refusals) == 0 {
				t.Error("what was purged comes back")
			}
		})
	}
}

// TestPurgeRefused: while nobody else serves, or another region moves, and of
// what is not in the ring.
func TestPurgeRefused(t *testing.T) {
	g := gateRing(t)
	moving := stage.Progress{Region: "north", Procedure: "expand", Phase: joining, Source: "east", SeedHost: "10.0.0.11", Since: phaseStart}
	for name, tt := range map[string]struct {
		at   stage.Rollout
		want string
	}{
		"nobody else serves": {stage.Rollout{}.With(served(g, "west")), "no other region than west serves (I5)"},
		"another moves":      {stage.Rollout{}.With(served(g, "east")).With(served(g, "west")).With(moving), "region north is joining: only one region at a time may move the ring (I3)"},
		"planned":            {stage.Rollout{}.With(served(g, "east")), "procedure purge starts from serving, and region west is planned"},
		"gone":               {stage.Rollout{}.With(served(g, "east")).With(stage.Progress{Region: "west", Procedure: "decommission", Phase: stage.Gone}), "procedure purge starts from serving, and region west is gone"},
		"another word for it": {
			stage.Rollout{}.With(served(g, "east")).With(stage.Progress{Region: "west", Procedure: "purge", Phase: purging, Since: phaseStart}), "",
		},
	} {
		taken, refusals := System().Advance(g, tt.at, ask("purge", nil))
		if tt.want == "" { // it waits at its gate already
			if len(refusals) > 0 || taken.Open() || taken.Record.Action != stage.Advance {
				t.Errorf("%s: %v, %+v", name, refusals, taken.Record)
			}
			continue
		}
		if len(refusals) != 1 || !strings.Contains(refusals[0].String(), tt.want) {
			t.Errorf("%s: %v", name, refusals)
		}
	}
}

// TestReturn: a decommission that is aborted installs everything again, and
// serves when that runs; the organization, which may have left, included.
func TestReturn(t *testing.T) {
	g := gateRing(t)
	for _, phase := range []stage.Phase{draining, detaching} {
		at := standsAt(g, "decommission", phase)
		back := take(t, at, ask("", nil), system.System.Abort).After
		if p := back.At("west"); p.Procedure != "return" || p.Phase != returning || p.Retries != 1 || len(p.Facts) == 0 {
			t.Errorf("%s: %+v", phase, p)
		}
		w := worldAt(t, "seed-removed") // the datastore and the whole ring
		w.all(minute(90))
		req := ask("", w.seen(t))
		req.Now = minute(91)
		taken := take(t, back, req, system.System.Advance)
		if taken.Open() || taken.Gate.Name != "install-running" {
			t.Errorf("%s: without its organization gate %s is open", phase, taken.Gate.Name)
		}
		checkResults(t, []string{"2 unknown: no ApigeeOrganization"}, taken.Record.Results)
		w.inputs["organization"] = organization(t)
		w.all(minute(90))
		req.Seen = w.seen(t)
		if got := take(t, back, req, system.System.Advance).After.At("west"); got.Phase != stage.Serving {
			t.Errorf("%s: %+v", phase, got)
		}
		again := take(t, back, req, system.System.Abort).After.At("west")
		if again.Procedure != "decommission" || again.Phase != draining {
			t.Errorf("%s: %+v", phase, again)
		}
	}
}

// TestTheSeedHostDoesNotComeBack: it leaves behind its gate (I1), and an abort
// of what comes then does not render it again.
func TestTheSeedHostDoesNotComeBack(t *testing.T) {
	g := gateRing(t)
	w := worldAt(t, "rebuild-complete")
	settled := take(t, standsAt(g, "expand", rebuilding), ask("", w.seen(t)), system.System.Advance).After
	if p := settled.At("west"); p.Phase != settling || p.SeedHost != "" || p.Source != "east" {
		t.Fatalf("%+v", p)
	}
	for _, phase := range []stage.Phase{draining, detaching} {
		at := settled.At("west")
		if phase == draining {
			at = take(t, settled, ask("", nil), system.System.Abort).After.At("west")
		} else {
			at.Procedure, at.Phase = "withdraw", phase
		}
		files, err := g.Render(at)
		if err != nil {
			t.Fatal(err)
		}
		checkSeed(t, files, "")
	}
	kept := take(t, standsAt(g, "expand", rebuilding), ask("", nil), system.System.Abort).After
	if p := kept.At("west"); p.Phase != joining || p.SeedHost != "10.0.0.11" {
		t.Errorf("a rebuild that is aborted: %+v", p)
	}
	kept = take(t, kept, ask("", nil), system.System.Abort).After
	if p := kept.At("west"); p.Phase != draining || p.Procedure != "withdraw" || p.SeedHost != "10.0.0.11" {
		t.Errorf("and again: %+v", p)
	}
}

// TestStartByWhatTheSourceSays: its datastore and a listing tell the seed host,
// and open the gate.
func TestStartByWhatTheSourceSays(t *testing.T) {
	g := ringOf(t, `spec: {regions: {1: {seedHost: null}}}`)
	w := worldAt(t, "ring-settled")
	w.inputs["source"].set("status.cassandraPodIps", []any{"10.100.0.21"})
	at := stage.Rollout{}.With(served(g, "east"))
	taken, refusals := System().Advance(g, at, ask("", w.seen(t)))
	if len(refusals) > 0 || !taken.Open() || taken.Record.SeedHost != "10.100.0.21" || taken.After.At("west").SeedHost != "10.100.0.21" {
		t.Errorf("%v, %+v", refusals, taken.Record)
	}
	_, refusals = System().Advance(g, at, ask("", nil))
	if len(refusals) != 1 || !strings.Contains(refusals[0].Way, "its apigeeds, and nodetool status") {
		t.Errorf("%v", refusals)
	}
}

// TestBuiltByItsOwnProcedure: a region with a source never founds a second ring,
// and the first one needs none.
func TestBuiltByItsOwnProcedure(t *testing.T) {
	g := gateRing(t)
	for region, procedure := range map[string]string{"west": "install", "east": "expand"} {
		req := ask(procedure, nil)
		req.Region = region
		if _, refusals := System().Advance(g, stage.Rollout{}, req); len(refusals) == 0 || !strings.Contains(refusals[0].Message, "region "+region+" is built by procedure ") {
			t.Errorf("%s by %s: %v", region, procedure, refusals)
		}
	}
}

// TestReasonsAreOneLine: whatever a cluster says, no answer leaves its line or
// moves the cursor, in any of the tables.
func TestReasonsAreOneLine(t *testing.T) {
	eachGateTest(t, func(t *testing.T, q system.Question) {
		for _, r := range decide(q).Results {
			if text := r.Check + r.Reason + r.Warning; text != printable(text) || strings.ContainsAny(text, "\n\r\x1b\x07\u0085") {
				t.Errorf("%q", text)
			}
		}
	})
	for text, want := range map[string]string{"a\nb\r\tc": "a b  c", "\x1b[2J": " [2J", "\u0085\x7f\x00": "   ", "é – ": "é – "} {
		if got := fmt.Sprint(answer(stage.Failed, "%s", text).Reason); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

// TestJoinsAgainWithASeedHost: it was dropped at settling, and a region that is
// taken out after that and taken back joins by an address that is known now.
func TestJoinsAgainWithASeedHost(t *testing.T) {
	g := ringOf(t, `spec: {regions: {1: {seedHost: null}}}`)
	p := served(g, "west")
	p.Procedure, p.Phase, p.Source = "withdraw", draining, "east"
	at := stage.Rollout{}.With(served(g, "east")).With(p)
	if _, refusals := System().Abort(g, at, ask("", nil)); len(refusals) != 1 || !strings.Contains(refusals[0].String(), "region west has no seed host, and nothing that was observed") {
		t.Errorf("%v", refusals)
	}
	taken, refusals := System().Abort(g, at, ask("", seedPod("apigee-cassandra-default-0", "10.100.0.21").read(t, "pod")))
	if len(refusals) > 0 {
		t.Fatal(refusals)
	}
	back := taken.After.At("west")
	if back.Phase != joining || back.SeedHost != "10.100.0.21" || taken.Record.SeedFrom == "" {
		t.Errorf("%+v from %q", back, taken.Record.SeedFrom)
	}
	files, err := g.Render(back)
	if err != nil {
		t.Fatal(err)
	}
	if got := atPath(t, files, "cassandra.multiRegionSeedHost"); got != "10.100.0.21" {
		t.Errorf("the seed host is %v", got)
	}
	p.SeedHost = "10.100.0.99"
	taken, refusals = System().Abort(g, at.With(p), ask("", nil))
	if got := taken.After.At("west").SeedHost; len(refusals) > 0 || got != "10.100.0.99" || taken.Record.SeedHost != "" {
		t.Errorf("the one that it has is kept: %q, %v", got, refusals)
	}
}

// atPath looks a field of the overrides up.
func atPath(t *testing.T, files []manifest.File, path string) any {
	t.Helper()
	return at(t, files[0].Docs[0], path)
}
