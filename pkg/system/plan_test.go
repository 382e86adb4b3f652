package system

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
)

// fake is a ring whose regions render one file that names their phase.
type fake struct {
	Ring
	fail stage.Phase
}

var grow = &stage.Procedure{
	Phases: []stage.PhaseInfo{{Phase: stage.Planned}, {Phase: "joining"}, {Phase: stage.Serving}},
	Gates:  []stage.Gate{{}, {Name: "joined"}},
}

func (fake) Members() stage.Ring {
	return stage.Ring{{Region: "a", Procedure: grow}, {Region: "b", Source: "a", Procedure: grow}}
}

func (f fake) Render(region string, phase stage.Phase) ([]manifest.File, error) {
	switch phase {
	case f.fail:
		return nil, errors.New("no")
	case stage.Planned:
		return nil, nil
	}
	return []manifest.File{{Path: region + "/f", Docs: []*manifest.Map{manifest.NewMap("phase", string(phase))}}}, nil
}

func (fake) Releases(s stage.Stage) []string { return []string{s.Region + " " + string(s.To)} }

func (fake) Commands(s stage.Stage, root string) []Command {
	return []Command{{Comment: s.Region, Run: root}}
}

func TestPlan(t *testing.T) {
	steps, err := Plan(fake{}, stage.Phases{"a": "joining", "b": stage.Planned}, "root")
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{
		{
			Stage:    stage.Stage{Number: 1, Region: "a", Procedure: grow, From: "joining", To: stage.Serving, Gate: &grow.Gates[1]},
			Changes:  []manifest.Change{{File: "a/f", Path: "phase", Op: manifest.Changed, Old: "joining", New: "serving"}},
			Releases: []string{"a serving"}, Commands: []Command{{Comment: "a", Run: "root"}},
		},
		{
			Stage:    stage.Stage{Number: 2, Region: "b", Procedure: grow, From: stage.Planned, To: "joining"},
			Changes:  []manifest.Change{{File: "b/f", Op: manifest.Added}},
			Releases: []string{"b joining"}, Commands: []Command{{Comment: "b", Run: "root"}},
		},
		{
			Stage:    stage.Stage{Number: 3, Region: "b", Procedure: grow, From: "joining", To: stage.Serving, Gate: &grow.Gates[1]},
			Changes:  []manifest.Change{{File: "b/f", Path: "phase", Op: manifest.Changed, Old: "joining", New: "serving"}},
			Releases: []string{"b serving"}, Commands: []Command{{Comment: "b", Run: "root"}},
		},
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlanFails(t *testing.T) {
	for phase, want := range map[stage.Phase]string{"joining": "stage 1: no", stage.Serving: "stage 2: no"} {
		_, err := Plan(fake{fail: phase}, stage.Phases{"a": stage.Planned, "b": stage.Planned}, "")
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", phase, err, want)
		}
	}
}

func TestRender(t *testing.T) {
	files, err := Render(fake{}, stage.Phases{"a": stage.Serving, "b": "joining"})
	if err != nil || len(files) != 2 || files[0].Path != "a/f" || files[1].Path != "b/f" {
		t.Errorf("got %v, %v", files, err)
	}
	if files, err := Render(fake{}, stage.Phases{"a": stage.Serving, "b": stage.Planned}); err != nil || len(files) != 1 {
		t.Errorf("a planned region: got %v, %v", files, err)
	}
	if _, err := Render(fake{fail: "joining"}, stage.Phases{"a": stage.Serving, "b": "joining"}); err == nil || !strings.Contains(err.Error(), "no") {
		t.Errorf("got %v", err)
	}
}
