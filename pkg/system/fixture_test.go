package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
)

// The phases of the procedures below, besides those at rest.
const (
	making   stage.Phase = "making"
	joining  stage.Phase = "joining"
	copying  stage.Phase = "copying"
	draining stage.Phase = "draining"
	losing   stage.Phase = "losing"
	turning  stage.Phase = "turning"
)

// Procedures of every sort. A check is met by a running pod of its name.
var (
	found = &stage.Procedure{
		Name: "found", MovesRing: true, Founds: true,
		Phases: []stage.PhaseInfo{{Phase: stage.Planned}, {Phase: making, Abort: stage.WayOut{To: stage.Planned}}, {Phase: stage.Serving}},
		Gates:  []stage.Gate{{}, {Name: "made", Checks: []string{"up", "whole"}}},
	}
	grow = &stage.Procedure{
		Name: "grow", MovesRing: true, FromSource: true, Agree: []string{"version"},
		Phases: []stage.PhaseInfo{
			{Phase: stage.Planned},
			{Phase: joining, Abort: stage.WayOut{Procedure: "pull", To: draining}},
			{Phase: copying, Abort: stage.WayOut{To: joining}},
			{Phase: stage.Serving},
		},
		Gates: []stage.Gate{{Name: "quiet", Checks: []string{"calm"}, Optional: true}, {Name: "joined", Checks: []string{"up", "seen"}}, {Name: "copied", Checks: []string{"complete"}}},
	}
	take = &stage.Procedure{
		Name: "take", MovesRing: true, Adopts: true,
		Phases: []stage.PhaseInfo{{Phase: stage.Planned}, {Phase: stage.Serving}},
		Gates:  []stage.Gate{{Name: "serves", Checks: []string{"up"}}},
	}
	shrink = &stage.Procedure{
		Name: "shrink", MovesRing: true, Drops: true,
		Phases: []stage.PhaseInfo{{Phase: stage.Serving}, {Phase: draining}, {Phase: stage.Gone}},
		Gates:  []stage.Gate{{Name: "quiet", Checks: []string{"calm"}, Optional: true}, {Name: "drained", Checks: []string{"empty"}}},
	}
	pull = &stage.Procedure{
		Name: "pull", MovesRing: true, Drops: true, ByAbort: true,
		Phases: []stage.PhaseInfo{{Phase: stage.Planned}, {Phase: draining, Abort: stage.WayOut{Procedure: "grow", To: joining}}, {Phase: stage.Gone}},
		Gates:  []stage.Gate{{}, {Name: "drained", Checks: []string{"empty"}}},
	}
	lose = &stage.Procedure{
		Name: "lose", MovesRing: true, Drops: true, Also: []stage.Phase{joining, copying, draining},
		Phases: []stage.PhaseInfo{{Phase: stage.Serving}, {Phase: losing}, {Phase: stage.Gone}},
		Gates:  []stage.Gate{{}, {Name: "lost", Checks: []string{"empty"}}},
	}
	// turn cannot start unless its gate is open.
	turn = &stage.Procedure{
		Name:   "turn",
		Phases: []stage.PhaseInfo{{Phase: stage.Serving}, {Phase: turning, Abort: stage.WayOut{To: stage.Serving}}, {Phase: stage.Serving}},
		Gates:  []stage.Gate{{Name: "ready", Checks: []string{"calm"}}, {Name: "turned", Checks: []string{"up"}}},
	}
)

var sys = System{Name: "fake", Procedures: stage.Procedures{found, grow, take, shrink, pull, lose, turn}, Judge: judge}

// fake is a ring whose regions render one file that says where they stand.
type fake struct {
	members stage.Ring
	// version is that of every region; versions and racks are those that differ.
	version  string
	versions map[string]string
	racks    map[string]string
	seed     string // the address that the topology has
	fail     stage.Phase
	wrong    bool // expect what cannot be written
	rendered []stage.Progress
}

// ring is one of three regions; b and c are built from a.
func ring() *fake {
	return &fake{version: "1", seed: "10.0.0.1", members: stage.Ring{{Region: "a", Procedure: found}, {Region: "b", Source: "a", Procedure: grow}, {Region: "c", Source: "a", Procedure: grow}}}
}

func (f *fake) Members() stage.Ring { return f.members }

func (f *fake) Facts(region string) []stage.Fact {
	if f.members.Member(region) == nil {
		return nil
	}
	version := f.version
	if v, ok := f.versions[region]; ok {
		version = v
	}
	rack := "r-" + region
	if r, ok := f.racks[region]; ok {
		rack = r
	}
	return []stage.Fact{{Name: "version", Value: version}, {Name: "rack", Value: rack, Fixed: true}}
}

func (f *fake) Render(p stage.Progress) ([]manifest.File, error) {
	f.rendered = append(f.rendered, p)
	switch p.Phase {
	case f.fail:
		return nil, errors.New("no")
	case stage.Planned, stage.Gone:
		return nil, nil
	}
	return []manifest.File{{Path: p.Region + "/f", Docs: []*manifest.Map{manifest.NewMap("phase", string(p.Phase))}}}, nil
}

// An expected is what the gates compare pods with.
type expected struct {
	Region    string         `json:"region"`
	Procedure string         `json:"procedure"`
	Phase     stage.Phase    `json:"phase"`
	SeedHost  string         `json:"seedHost,omitempty"`
	Others    map[string]int `json:"others"`
}

// Delivery has one release that holds data, while the region is in the ring.
func (f *fake) Delivery(p stage.Progress) (Delivery, bool) {
	if !p.Phase.InRing() {
		return Delivery{}, false
	}
	return Delivery{At: p, Releases: []Release{{Name: "data", Holds: []string{"store/a"}}, {Name: "web"}}}, true
}

func (f *fake) Repository() string { return "" }

func (f *fake) Field(_, value string) string { return "spec.values." + value }

func (f *fake) Deviations(stage.Progress, []map[string]any) []Deviation { return nil }

func (f *fake) Expect(p stage.Progress, in stage.Rollout) any {
	if f.wrong {
		return func() {}
	}
	e := expected{p.Region, p.Procedure, p.Phase, p.SeedHost, map[string]int{}}
	for _, other := range in.Regions {
		if other.Phase == stage.Serving {
			e.Others[other.Region] = 3
		}
	}
	return e
}

// Seed finds the address in the topology, or in the pod seed of the source.
func (f *fake) Seed(region string, q Question) (host, from, reason string) {
	if f.seed != "" {
		return f.seed, "the topology", ""
	}
	for _, o := range q.Seen.Pods() {
		if o.Name != "seed" || o.Namespace != f.members.Member(region).Source {
			continue
		}
		if o.Taken.Before(q.Since) || o.Taken.After(q.Now.Add(q.MaxSkew)) {
			return "", "", "the pod seed was not seen lately"
		}
		return o.Pod.IPs[0].String(), o.Object(), ""
	}
	return "", "", "there is no seed host for region " + region
}

func (f *fake) Releases(s stage.Stage) []string { return []string{s.Region + " " + string(s.To)} }

func (f *fake) Commands(s stage.Stage, root string) []Command {
	return []Command{{Comment: s.Region, Run: root}}
}

// judge looks for a pod of the name of each check, in the namespace of the
// region, running, and seen since the phase began.
func judge(q Question) Judgement {
	var want expected
	if err := json.Unmarshal(q.Expected, &want); err != nil {
		panic(err)
	}
	var j Judgement
	for _, check := range q.Gate.Checks {
		r := stage.Result{Check: check, Answer: stage.Unknown, Reason: "there is no pod " + want.Region + "/" + check}
		for _, o := range q.Seen.Pods() {
			if o.Name == check && o.Namespace == want.Region {
				r.Answer, r.Reason = answer(q, o)
				j.Used = append(j.Used, o)
			}
		}
		j.Results = append(j.Results, r)
	}
	return j
}

func answer(q Question, o observe.Observation) (answer stage.Answer, reason string) {
	phases := map[string]stage.Answer{"Running": stage.Met, "Pending": stage.Waiting, "Failed": stage.Failed}
	switch phase, known := phases[o.Pod.Phase.Or("")]; {
	case o.Taken.Before(q.Since):
		return stage.Unknown, o.Object() + " was seen before the phase began"
	case o.Taken.After(q.Now.Add(q.MaxSkew)):
		return stage.Unknown, o.Object() + " was seen in the future"
	case known:
		return phase, o.Object() + " is " + o.Pod.Phase.Or("")
	}
	return stage.Unknown, o.Object() + " has no phase"
}

// seen returns pods such as "b/up", which run, and "b/up Failed", all seen at
// one time. Their address is 10.0.0.9.
func seen(t *testing.T, at time.Time, pods ...string) observe.Set {
	t.Helper()
	var set observe.Set
	for _, pod := range pods {
		object, phase, other := strings.Cut(pod, " ")
		if !other {
			phase = "Running"
		}
		namespace, name, _ := strings.Cut(object, "/")
		text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":%q},"status":{"phase":%q,"podIP":"10.0.0.9"}}`, name, namespace, phase)
		some, problems := observe.Parse("pods.json", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		set = append(set, some...)
	}
	return set.TakenAt(at)
}

// noon is when every phase of [at] began, and now a moment later.
var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	now  = noon.Add(2 * time.Hour)
)

// at makes a rollout of regions such as "a found serving".
func at(regions ...string) stage.Rollout {
	r := stage.Rollout{Topology: "t", Step: 4, Head: "head"}
	for _, text := range regions {
		words := strings.Fields(text)
		p := stage.Progress{Region: words[0], Procedure: words[1], Phase: stage.Phase(words[2]), Since: noon, Evidence: "e"}
		if p.Phase.InRing() {
			p.Facts = map[string]string{"version": "1", "rack": "r-" + p.Region}
		}
		if !p.Phase.Rests() && p.Procedure != "found" {
			p.Source, p.SeedHost = "a", "10.0.0.1"
		}
		r.Regions = append(r.Regions, p)
	}
	return r
}

// copyOf returns a rollout that shares nothing with another.
func copyOf(r stage.Rollout) stage.Rollout {
	r.Regions = slices.Clone(r.Regions)
	for i := range r.Regions {
		r.Regions[i].Facts = maps.Clone(r.Regions[i].Facts)
	}
	return r
}

func wantRefusals(t *testing.T, got []stage.Refusal, want []string) {
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
