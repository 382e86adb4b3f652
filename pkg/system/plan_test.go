package system

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
)

// describe lists steps with what they change.
// commandsOf writes commands as they are printed.
func commandsOf(s Step) []string {
	var list []string
	for _, c := range s.Commands {
		list = append(list, "{"+c.Comment+" "+c.Run+"}")
	}
	return list
}

func describe(steps []Step) []string {
	var list []string
	for _, s := range steps {
		text := fmt.Sprintf("%d %s %s>%s", s.Number, s.Region, s.From, s.To)
		if s.Current {
			text += " now"
		}
		if s.Gate != nil {
			text += " " + s.Gate.Name
		}
		for _, c := range s.Changes {
			text += fmt.Sprintf(": %s %s %s", c.Op, c.File, c.Path)
		}
		list = append(list, text+fmt.Sprint(s.Releases, commandsOf(s)))
	}
	return list
}

func TestPlan(t *testing.T) {
	two := ring()
	two.members = two.members[:2]
	tests := map[string]struct {
		at   stage.Rollout
		want []string
	}{
		"from the middle of the first": {at("a found making"), []string{
			"5 a making>serving now made: change a/f phase[a serving] [{a root}]",
			"6 b planned>joining: add b/f [b joining] [{b root}]",
			"7 b joining>copying joined: change b/f phase[b copying] [{b root}]",
			"8 b copying>serving copied: change b/f phase[b serving] [{b root}]",
		}},
		"a region that leaves": {at("a found serving", "b shrink draining"), []string{"5 b draining>gone now drained: remove b/f [b gone] [{b root}]"}},
		"done":                 {at("a found serving", "b grow serving"), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := copyOf(tt.at)
			steps, err := Plan(sys, two, tt.at, "root")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, describe(steps)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tt.at); diff != "" {
				t.Errorf("Plan changed the rollout (-before +after):\n%s", diff)
			}
		})
	}
}

// TestPlanRendersWhatTheRolloutKnows shows that a region on its way is
// rendered with what its rollout holds, such as its seed host.
func TestPlanRendersWhatTheRolloutKnows(t *testing.T) {
	f, r := ring(), at("a found serving", "b grow copying", "c grow serving")
	if _, err := Plan(sys, f, r, "root"); err != nil {
		t.Fatal(err)
	}
	before, after := r.At("b"), r.At("b")
	after.Phase = stage.Serving
	if diff := cmp.Diff([]stage.Progress{before, after}, f.rendered); diff != "" {
		t.Errorf("Plan renders (-want +got):\n%s", diff)
	}
	f.rendered = nil
	if _, err := Render(f, r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Regions, f.rendered); diff != "" {
		t.Errorf("Render renders (-want +got):\n%s", diff)
	}
}

func TestPlanFails(t *testing.T) {
	for phase, want := range map[stage.Phase]string{making: "stage 1: no", stage.Serving: "stage 2: no", joining: "stage 3: no"} {
		r := ring()
		r.fail = phase
		if steps, err := Plan(sys, r, stage.Rollout{}, ""); err == nil || err.Error() != want || steps != nil {
			t.Errorf("%s: got %v, %v, want %s", phase, steps, err, want)
		}
	}
}

func TestRender(t *testing.T) {
	tests := map[string]struct {
		at   stage.Rollout
		want []string
	}{
		"nothing begun":        {stage.Rollout{}, nil},
		"in order of the ring": {at("b grow joining", "a found serving"), []string{"a/f", "b/f"}},
		"planned and gone":     {at("a found serving", "b found planned", "c shrink gone"), []string{"a/f"}},
		"not in the topology":  {at("z found serving", "a found serving"), []string{"a/f"}},
	}
	for name, tt := range tests {
		files, err := Render(ring(), tt.at)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Path)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	r := ring()
	r.fail = joining
	if files, err := Render(r, at("a found serving", "b grow joining")); err == nil || err.Error() != "no" || files != nil {
		t.Errorf("got %v, %v", files, err)
	}
}
