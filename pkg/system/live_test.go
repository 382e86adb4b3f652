package system

import (
	"testing"

	"github.com/ringplan/ringplan/pkg/stage"
)

// TestGate names the gate by which the next step of a region is judged: the one
// that the step itself judges by.
func TestGate(t *testing.T) {
	at := func(region string, phase stage.Phase, procedure string) stage.Progress {
		return stage.Progress{Region: region, Phase: phase, Procedure: procedure}
	}
	for name, c := range map[string]struct {
		at        stage.Progress
		procedure string
		adopts    bool
		want      string
	}{
		"a founder":                {at: at("a", stage.Planned, "")},
		"a founder under way":      {at: at("a", making, "found"), want: "made"},
		"one to build":             {at: at("b", stage.Planned, ""), want: "quiet"},
		"one that joins":           {at: at("b", joining, "grow"), want: "joined"},
		"one that copies":          {at: at("b", copying, "grow"), procedure: "grow", want: "copied"},
		"one that serves":          {at: at("b", stage.Serving, "grow")},
		"one that leaves":          {at: at("b", stage.Serving, "grow"), procedure: "shrink", want: "quiet"},
		"one that is lost":         {at: at("b", joining, "grow"), procedure: "lose"},
		"one that cannot start":    {at: at("b", joining, "grow"), procedure: "shrink", want: "joined"},
		"one to adopt":             {at: at("b", stage.Planned, ""), adopts: true, want: "serves"},
		"one to adopt anew":        {at: at("b", stage.Serving, "grow"), adopts: true, want: "serves"},
		"one that is gone":         {at: at("b", stage.Gone, "shrink"), want: "quiet"},
		"one that nobody knows":    {at: at("z", stage.Planned, "")},
		"a procedure that is none": {at: at("b", stage.Planned, ""), procedure: "none", want: "quiet"},
	} {
		got := ""
		if gate := sys.Gate(ring(), c.at, c.procedure, c.adopts); gate != nil {
			got = gate.Name
		}
		if got != c.want {
			t.Errorf("%s: gate %q, not %q", name, got, c.want)
		}
	}
}

// TestWithout makes a check unknown, whatever it answers, if something that it
// wants could not be read; but not for what only makes it surer.
func TestWithout(t *testing.T) {
	pods, replication, log := Want{Kind: "Pod"}, Want{Where: EveryCluster, Kind: "Replication"}, Want{Run: "log", Optional: true}
	s := sys
	s.Live.Wants = map[string][][]Want{"made": {{pods, log}, {replication, pods}, {pods}}}
	answers := []stage.Answer{stage.Failed, stage.Met}
	s.Judge = func(q Question) Judgement {
		var j Judgement
		for i, check := range q.Gate.Checks {
			j.Results = append(j.Results, stage.Result{Check: check, Answer: answers[i], Reason: "as it is", Warning: "odd"})
		}
		return j
	}
	gate := found.Gate(making)
	for name, c := range map[string]struct {
		unread map[Want]string
		want   [2]stage.Result
	}{
		"all is read":   {nil, [2]stage.Result{{Check: "up", Answer: stage.Failed, Reason: "as it is", Warning: "odd"}, {Check: "whole", Answer: stage.Met, Reason: "as it is", Warning: "odd"}}},
		"one is not":    {map[Want]string{replication: "away"}, [2]stage.Result{{Check: "up", Answer: stage.Failed, Reason: "as it is", Warning: "odd"}, {Check: "whole", Answer: stage.Unknown, Reason: "away"}}},
		"none is":       {map[Want]string{pods: "away", replication: "far", log: "off"}, [2]stage.Result{{Check: "up", Answer: stage.Unknown, Reason: "away"}, {Check: "whole", Answer: stage.Unknown, Reason: "far"}}},
		"nobody minds":  {map[Want]string{log: "off"}, [2]stage.Result{{Check: "up", Answer: stage.Failed, Reason: "as it is", Warning: "odd"}, {Check: "whole", Answer: stage.Met, Reason: "as it is", Warning: "odd"}}},
		"another place": {map[Want]string{{Kind: "Replication"}: "far"}, [2]stage.Result{{Check: "up", Answer: stage.Failed, Reason: "as it is", Warning: "odd"}, {Check: "whole", Answer: stage.Met, Reason: "as it is", Warning: "odd"}}},
	} {
		got := s.Without(func(w Want) string { return c.unread[w] }).Judge(Question{Gate: gate}).Results
		if len(got) != 2 || got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAsked judges an optional gate where clusters were asked and said nothing.
func TestAsked(t *testing.T) {
	before := at("a found serving")
	req := request("b")
	req.Asked = true
	taken, refusals := sys.Advance(ring(), before, req)
	wantRefusals(t, refusals, nil)
	if taken.Open() || taken.Gate == nil || taken.After.Step != before.Step {
		t.Errorf("the step is taken: %+v", taken)
	}
}
