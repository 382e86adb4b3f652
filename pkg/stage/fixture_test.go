package stage

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/observe"
)

// The phases of the procedures below, besides those at rest.
const (
	making   Phase = "making"
	joining  Phase = "joining"
	copying  Phase = "copying"
	settling Phase = "settling"
	draining Phase = "draining"
	leaving  Phase = "leaving"
	coming   Phase = "coming"
	losing   Phase = "losing"
	turning  Phase = "turning"
)

// Procedures of every sort, as systems bring them.
var (
	found = &Procedure{
		Name: "found", MovesRing: true, Founds: true,
		Phases: []PhaseInfo{{Phase: Planned}, {Phase: making, Abort: WayOut{To: Planned}}, {Phase: Serving}},
		Gates:  []Gate{{}, {Name: "made"}},
	}
	grow = &Procedure{
		Name: "grow", MovesRing: true, FromSource: true, Agree: []string{"version", "network"},
		Phases: []PhaseInfo{
			{Phase: Planned},
			{Phase: joining, Abort: WayOut{Procedure: "pull", To: draining}},
			{Phase: copying, Abort: WayOut{To: joining}},
			{Phase: settling, DropsSeed: true, Abort: WayOut{Do: []string{"wait"}}},
			{Phase: Serving},
		},
		Gates: []Gate{{Name: "quiet", Optional: true}, {Name: "joined"}, {Name: "copied"}, {Name: "settled"}},
	}
	take = &Procedure{
		Name: "take", MovesRing: true, Adopts: true,
		Phases: []PhaseInfo{{Phase: Planned}, {Phase: Serving}},
		Gates:  []Gate{{Name: "whole"}},
	}
	shrink = &Procedure{
		Name: "shrink", MovesRing: true, Drops: true,
		Phases: []PhaseInfo{
			{Phase: Serving},
			{Phase: draining, Abort: WayOut{Procedure: "back", To: coming}},
			{Phase: leaving, Abort: WayOut{Do: []string{"go on"}}},
			{Phase: Gone},
		},
		Gates: []Gate{{Name: "quiet", Optional: true}, {Name: "drained"}, {Name: "left"}},
	}
	pull = &Procedure{
		Name: "pull", MovesRing: true, Drops: true, ByAbort: true,
		Phases: []PhaseInfo{
			{Phase: Planned},
			{Phase: draining, Abort: WayOut{Procedure: "grow", To: joining}},
			{Phase: leaving, Abort: WayOut{Do: []string{"go on"}}},
			{Phase: Gone},
		},
		Gates: []Gate{{}, {Name: "drained"}, {Name: "left"}},
	}
	back = &Procedure{
		Name: "back", MovesRing: true, ByAbort: true,
		Phases: []PhaseInfo{{Phase: Serving}, {Phase: coming, Abort: WayOut{Procedure: "shrink", To: draining}}, {Phase: Serving}},
		Gates:  []Gate{{}, {Name: "made"}},
	}
	lose = &Procedure{
		Name: "lose", MovesRing: true, Drops: true, Also: []Phase{joining, copying, settling, draining, leaving, coming},
		Phases: []PhaseInfo{{Phase: Serving}, {Phase: losing, Abort: WayOut{Do: []string{"go on"}}}, {Phase: Gone}},
		Gates:  []Gate{{}, {Name: "left"}},
	}
	rotate = &Procedure{
		Name:   "rotate",
		Phases: []PhaseInfo{{Phase: Serving}, {Phase: turning, Abort: WayOut{To: Serving}}, {Phase: Serving}},
		Gates:  []Gate{{}, {Name: "turned"}},
	}
	all = Procedures{found, grow, take, shrink, pull, back, lose, rotate}
)

// ringOf makes a ring of regions such as "b<a": b is built from a.
func ringOf(regions ...string) Ring {
	var r Ring
	for _, text := range regions {
		region, source, grown := strings.Cut(text, "<")
		m := Member{Region: region, Source: source, Procedure: found}
		if grown {
			m.Procedure = grow
		}
		r = append(r, m)
	}
	return r
}

// noon is when every phase of [at] began.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// same are the facts that every region of [at] has.
var same = map[string]string{"version": "1", "network": "flat"}

// at makes a rollout of regions such as "a serving" and "b grow joining<a",
// with the procedure where it is not plain from the phase.
func at(regions ...string) Rollout {
	r := Rollout{Topology: "t", Step: 7, Head: "head"}
	for _, text := range regions {
		text, source, _ := strings.Cut(text, "<")
		words := strings.Fields(text)
		p := Progress{Region: words[0], Phase: Phase(words[len(words)-1]), Since: noon, Source: source, Evidence: "e"}
		p.Procedure = words[1]
		if len(words) == 2 {
			p.Procedure = sortOf(p.Phase)
		}
		if p.Phase.InRing() {
			p.Facts = maps.Clone(same)
		}
		if source != "" {
			p.SeedHost = "10.0.0.1"
		}
		r.Regions = append(r.Regions, p)
	}
	return r
}

// sortOf returns the procedure that a region at a phase is in.
func sortOf(phase Phase) string {
	for _, p := range []*Procedure{found, grow, shrink, back, lose, rotate} {
		if p.Index(phase) > 0 {
			return p.Name
		}
	}
	return ""
}

// clone copies a rollout, and leaves room behind its regions for what may be
// appended there by mistake.
func (r Rollout) clone() Rollout {
	regions := make([]Progress, len(r.Regions), len(r.Regions)+4)
	for i, p := range r.Regions {
		p.Facts = maps.Clone(p.Facts)
		regions[i] = p
	}
	r.Regions = regions
	return r
}

// wantRefusals compares refusals with lines such as "c I3: only one region":
// the region, the invariant if there is one, and a part of what it says.
func wantRefusals(t *testing.T, got []Refusal, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d refusals, want %d: %v", len(got), len(want), got)
	}
	for i, r := range got {
		head, words, _ := strings.Cut(want[i], ": ")
		region, invariant, _ := strings.Cut(head, " ")
		if r.Region != region || r.Invariant != invariant || !strings.Contains(r.String(), words) {
			t.Errorf("got %+v, want %s", r, want[i])
		}
	}
}

// seen returns observations with every sort of field, as the parsers make
// them.
func seen(t testing.TB) observe.Set {
	t.Helper()
	set, problems := observe.Parse("seen.txt", []byte(sample))
	if len(problems) > 0 || len(set) != 3 {
		t.Fatalf("%d observations, problems: %v", len(set), problems)
	}
	return set
}

const sample = `# observed-at: 2026-03-02T12:30:00Z
{"apiVersion":"apigee.cloud.google.com/v1alpha1","kind":"ApigeeDatastore","metadata":{"name":"default","namespace":"apigee","generation":3,
"creationTimestamp":"2026-03-01T08:00:00Z"},"spec":{"replicas":3,"components":{"cassandra":{"hostNetwork":false,"properties":{"datacenter":"dc-2","multiRegionSeedHost":"10.0.0.1"}}}},
"status":{"state":"running","cassandraPodIps":["10.0.1.1"],"cassandraDataReplication":{"state":"error","updated":1772454000,
"rebuildDetails":{"apigee-cassandra-default-0":{"state":"error","message":"first line\n  second: line #\n","updated":1772454000}}}}}
{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p-0","namespace":"n","labels":{"app":"yes"}},"status":{"podIP":"fd00::1"}}]}
Datacenter: dc-1
================
Status=Up/Down
|/ State=Normal/Leaving/Joining/Moving
--  Address     Load       Tokens  Owns (effective)  Host ID                               Rack
UN  10.20.1.14  41.3 GiB   256     ?                 6513270e-269e-4d37-b2a7-4de452e6b438  ra-1
`

// full is a record in which every field is set.
func full(t testing.TB) Record {
	t.Helper()
	return Record{
		Step: 8, Previous: strings.Repeat("ab", 32), Time: noon.Add(time.Hour), Topology: strings.Repeat("cd", 32),
		Region: "b", Action: Advance, Procedure: "grow", From: joining, To: copying, Gate: "joined",
		Source: "a", SeedHost: "10.0.0.1", SeedFrom: "the topology: spec.regions[1].seedHost", Facts: map[string]string{"version": "1.10", "network": "no"},
		MaxSkew: Duration(150 * time.Second),
		Expected: map[string]any{
			"replicas": 3.0, "ratio": 0.1, "large": 1e21, "small": 1e-7, "below": -5.0, "on": true, "none": nil, "list": []any{"a", 1.0, []any{}, map[string]any{}},
			"time": "2026-03-02T12:30:00Z", "date": "2026-03-02", "text": " first\n\n  second: # no comment\n", "no": "yes", "number": "012", "- a": "&a *b << c", "": "é\u2028\x01",
		},
		Results: []Result{
			{Check: "all is well", Answer: Met, Reason: "status.state is running", Warning: "the load is 1% of the source's"},
			{Check: "pods", Answer: Met, Reason: "- 3: of \"3\"\n"},
		},
		Observations: seen(t),
	}
}

// fullRollout is a rollout in which every field of some region is set.
func fullRollout() Rollout {
	r := at("a serving", "b grow joining<a", "c gone", "yes planned")
	r.Topology, r.Head, r.Regions[1].Retries = "eu: ring", strings.Repeat("ef", 32), 2
	r.Regions[1].Evidence = "evidence/b/07-start-grow.yaml"
	return r
}

// names returns the regions of a rollout, sorted.
func (r Rollout) names() []string {
	var names []string
	for _, p := range r.Regions {
		names = append(names, p.Region)
	}
	slices.Sort(names)
	return names
}
