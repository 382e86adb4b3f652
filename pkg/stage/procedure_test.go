package stage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPhase(t *testing.T) {
	tests := map[Phase]struct{ rests, inRing bool }{
		Planned: {true, false},
		Serving: {true, true},
		Gone:    {true, false},
		joining: {false, true},
		leaving: {false, true},
		"":      {false, true}, // what is not known may be in the ring
	}
	for phase, want := range tests {
		if phase.Rests() != want.rests || phase.InRing() != want.inRing {
			t.Errorf("%q: rests is %t, in the ring is %t", phase, phase.Rests(), phase.InRing())
		}
	}
}

func TestProcedure(t *testing.T) {
	if got := grow.Index(copying); got != 2 {
		t.Errorf("Index is %d", got)
	}
	if got := grow.Index(making); got != -1 {
		t.Errorf("Index of another procedure's phase is %d", got)
	}
	if diff := cmp.Diff([]string{"planned", "joining", "copying", "settling", "serving"}, grow.PhaseNames()); diff != "" {
		t.Error(diff)
	}
	if got := grow.First(); got != Planned {
		t.Errorf("First is %s", got)
	}
	for phase, want := range map[Phase]Phase{Planned: joining, settling: Serving, Serving: "", making: ""} {
		if got := grow.Next(phase); got != want {
			t.Errorf("after %s comes %q, want %q", phase, got, want)
		}
	}
	gates := map[Phase]*Gate{Planned: &grow.Gates[0], joining: &grow.Gates[1], settling: &grow.Gates[3], Serving: nil, making: nil}
	for phase, want := range gates {
		if got := grow.Gate(phase); got != want {
			t.Errorf("the gate of %s is %v", phase, got)
		}
	}
	if got := found.Gate(Planned); got != nil {
		t.Errorf("a gate without a name is %v", got)
	}
}

func TestStartsFrom(t *testing.T) {
	tests := map[*Procedure][]Phase{found: {Planned, Gone}, grow: {Planned, Gone}, shrink: {Serving}, rotate: {Serving}, lose: {Serving, joining, coming}}
	for p, want := range tests {
		for _, phase := range []Phase{Planned, Serving, Gone, joining, coming, making, losing, ""} {
			wanted := false
			for _, w := range want {
				wanted = wanted || w == phase
			}
			if got := p.StartsFrom(phase); got != wanted {
				t.Errorf("%s starts from %q: %t", p.Name, phase, got)
			}
		}
	}
}

func TestProcedures(t *testing.T) {
	if got := all.Named("pull"); got != pull {
		t.Errorf("Named gives %v", got)
	}
	if got := all.Named(""); got != nil {
		t.Errorf("Named without a name gives %v", got)
	}
	if got := all.Adopting(); got != take {
		t.Errorf("Adopting gives %v", got)
	}
	if got := (Procedures{found, grow}).Adopting(); got != nil {
		t.Errorf("Adopting gives %v", got)
	}
	if got := all.Gate("drained"); got != &shrink.Gates[1] {
		t.Errorf("Gate gives %v", got)
	}
	for _, name := range []string{"", "drain"} {
		if got := all.Gate(name); got != nil {
			t.Errorf("Gate(%q) gives %v", name, got)
		}
	}
}

func TestAbortOf(t *testing.T) {
	tests := map[string]struct {
		at   Progress
		want WayOut
	}{
		"inside the procedure":       {Progress{Procedure: "grow", Phase: copying}, WayOut{Procedure: "grow", To: joining}},
		"into another":               {Progress{Procedure: "grow", Phase: joining}, WayOut{Procedure: "pull", To: draining}},
		"no way back":                {Progress{Procedure: "grow", Phase: settling}, WayOut{Procedure: "grow", Do: []string{"wait"}}},
		"the same phase of another":  {Progress{Procedure: "shrink", Phase: draining}, WayOut{Procedure: "back", To: coming}},
		"at rest":                    {Progress{Procedure: "grow", Phase: Serving}, WayOut{}},
		"no procedure":               {Progress{Phase: Planned}, WayOut{}},
		"a procedure of another age": {Progress{Procedure: "magic", Phase: joining}, WayOut{}},
		"a phase of another age":     {Progress{Procedure: "grow", Phase: making}, WayOut{}},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, all.AbortOf(tt.at)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNeedsSeed(t *testing.T) {
	tests := map[string]struct {
		at   Progress
		want bool
	}{
		"joins":                      {Progress{Procedure: "grow", Phase: joining}, true},
		"copies":                     {Progress{Procedure: "grow", Phase: copying}, true},
		"has dropped it":             {Progress{Procedure: "grow", Phase: settling, SeedHost: "10.0.0.1"}, false},
		"planned":                    {Progress{Procedure: "grow", Phase: Planned}, false},
		"serves":                     {Progress{Procedure: "grow", Phase: Serving}, false},
		"founds":                     {Progress{Procedure: "found", Phase: making}, false},
		"is pulled out":              {Progress{Procedure: "pull", Phase: draining, SeedHost: "10.0.0.1"}, false},
		"a phase of another":         {Progress{Procedure: "grow", Phase: losing}, false},
		"a procedure of another age": {Progress{Procedure: "magic", Phase: joining}, false},
		"nothing":                    {Progress{}, false},
	}
	for name, tt := range tests {
		if got := all.NeedsSeed(tt.at); got != tt.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestVerdict(t *testing.T) {
	tests := map[string]struct {
		answers []Answer
		want    Answer
	}{
		"no results":            {nil, Unknown},
		"all met":               {[]Answer{Met, Met}, Met},
		"one waits":             {[]Answer{Met, Waiting, Met}, Waiting},
		"one is unknown":        {[]Answer{Met, Unknown, Met}, Unknown},
		"unknown, then waiting": {[]Answer{Unknown, Waiting}, Unknown},
		"waiting, then unknown": {[]Answer{Waiting, Unknown}, Unknown},
		"failed before all":     {[]Answer{Failed, Unknown, Waiting, Met}, Failed},
		"failed after all":      {[]Answer{Met, Waiting, Unknown, Failed}, Failed},
		"no answer":             {[]Answer{""}, Unknown},
		"a word of no meaning":  {[]Answer{"Met", Met}, Unknown},
	}
	for name, tt := range tests {
		var results []Result
		for _, a := range tt.answers {
			results = append(results, Result{Answer: a})
		}
		if got := Verdict(results); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// TestAlso starts a procedure from the middle of others: from every phase that
// it lists, of whichever procedure, and from no other. What the region began
// with stays, and the way leads on from there alone.
func TestAlso(t *testing.T) {
	from := map[string]bool{}
	for _, p := range all {
		for _, info := range p.Phases {
			before := at("a serving", "b "+p.Name+" "+string(info.Phase)+"<a")
			before.Regions[1].Retries = 2
			after, refusals := before.Apply(all, record(Start, "b", "lose", info.Phase, losing))
			if want := lose.StartsFrom(info.Phase); (len(refusals) == 0) != want {
				t.Errorf("%s of %s: %v", info.Phase, p.Name, refusals)
				continue
			} else if !want {
				continue
			}
			from[p.Name+" "+string(info.Phase)] = true
			got := after.At("b")
			want := Progress{Region: "b", Procedure: "lose", Phase: losing, Since: noon.Add(time.Minute), Facts: same, Evidence: "evidence/b/08-start-lose.yaml"}
			if !info.Phase.Rests() {
				want.Source, want.SeedHost, want.Retries = "a", "10.0.0.1", 2
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", info.Phase, p.Name, diff)
			}
			if out := all.AbortOf(got); out.To != "" || len(out.Do) == 0 || lose.Next(losing) != Gone {
				t.Errorf("from %s of %s the way leads back to %+v", info.Phase, p.Name, out)
			}
		}
	}
	for _, want := range []string{"grow joining", "grow copying", "grow settling", "shrink draining", "shrink leaving", "pull draining", "pull leaving", "back coming", "found serving"} {
		if !from[want] {
			t.Errorf("nothing was started from %s", want)
		}
	}
}
