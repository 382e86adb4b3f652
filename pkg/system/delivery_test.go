package system

import (
	"testing"

	"github.com/ringplan/ringplan/pkg/stage"
)

func TestLeaving(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to stage.Phase
		want     int
	}{
		"comes":  {stage.Planned, "joining", 0},
		"stays":  {"joining", stage.Serving, 0},
		"leaves": {"leaving", stage.Gone, 1},
	} {
		list := Leaving(ring(), stage.Progress{Region: "a"}, stage.Stage{Region: "a", Procedure: &stage.Procedure{Name: "p"}, From: tt.from, To: tt.to})
		if len(list) != tt.want {
			t.Errorf("%s: %d releases with data leave, want %d", name, len(list), tt.want)
		}
		if len(list) == 1 && list[0].Name != "data" {
			t.Errorf("%s: %s leaves", name, list[0].Name)
		}
	}
}
