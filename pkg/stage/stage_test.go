package stage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A ring of two procedures, as systems bring them.
var (
	found = &Procedure{
		Name: "found", MovesRing: true,
		Phases: []PhaseInfo{{Phase: Planned}, {Phase: "making"}, {Phase: Serving}},
		Gates:  []Gate{{}, {Name: "made"}},
	}
	grow = &Procedure{
		Name: "grow", MovesRing: true,
		Phases: []PhaseInfo{{Phase: Planned}, {Phase: "joining"}, {Phase: "copying"}, {Phase: Serving}},
		Gates:  []Gate{{}, {Name: "joined"}, {Name: "copied"}},
	}
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

func TestResolve(t *testing.T) {
	tests := map[string]struct {
		ring        Ring
		known, want Phases
	}{
		"nothing known":           {ringOf("a", "b<a"), nil, Phases{"a": "making", "b": Planned}},
		"a moving region":         {ringOf("a", "b<a"), Phases{"b": "joining"}, Phases{"a": Serving, "b": "joining"}},
		"a serving region":        {ringOf("a", "b<a", "c<a"), Phases{"b": Serving}, Phases{"a": Serving, "b": Serving, "c": Planned}},
		"a chain":                 {ringOf("c<b", "b<a", "a"), Phases{"c": "copying"}, Phases{"a": Serving, "b": Serving, "c": "copying"}},
		"a planned region":        {ringOf("a", "b<a"), Phases{"b": Planned}, Phases{"a": "making", "b": Planned}},
		"what is known stays":     {ringOf("a", "b<a"), Phases{"a": "making", "b": "joining"}, Phases{"a": "making", "b": "joining"}},
		"known through the chain": {ringOf("a", "b<a", "c<b"), Phases{"b": "copying", "c": "joining"}, Phases{"a": Serving, "b": "copying", "c": "joining"}},
		"unknown source":          {ringOf("a", "b<z"), Phases{"b": "joining"}, Phases{"a": "making", "b": "joining"}},
		"circle":                  {ringOf("a<b", "b<a"), Phases{"b": "joining"}, Phases{"a": Serving, "b": "joining"}},
		"self":                    {ringOf("a<a"), nil, Phases{"a": Planned}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			known := maps.Clone(tt.known)
			if diff := cmp.Diff(tt.want, tt.ring.Resolve(tt.known)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !maps.Equal(known, tt.known) {
				t.Errorf("Resolve changed what it was given: %v", tt.known)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		ring   Ring
		phases Phases
		want   []string // region: part of the message
	}{
		"all planned":              {ringOf("a", "b<a"), Phases{"a": Planned, "b": Planned}, nil},
		"all serve":                {ringOf("a", "b<a", "c<b"), Phases{"a": Serving, "b": Serving, "c": Serving}, nil},
		"one moves":                {ringOf("a", "b<a", "c<a"), Phases{"a": Serving, "b": "copying", "c": Planned}, nil},
		"two move (I3)":            {ringOf("a", "b<a", "c<a"), Phases{"a": Serving, "b": "copying", "c": "joining"}, []string{"c: not b (copying) and c (joining)"}},
		"two found (I3)":           {ringOf("a", "b"), Phases{"a": "making", "b": "making"}, []string{"b: one region at a time"}},
		"source is planned (I4)":   {ringOf("a", "b<a"), Phases{"a": Planned, "b": "joining"}, []string{"b: only a serving region is a source"}},
		"source of a serving (I4)": {ringOf("a", "b<a"), Phases{"a": Planned, "b": Serving}, []string{"b: its source a is planned"}},
		"source still moves":       {ringOf("a", "b<a"), Phases{"a": "making", "b": "joining"}, []string{"b: one region", "b: its source a is making"}},
		"source is unknown":        {ringOf("a", "b<z"), Phases{"a": Serving, "b": "joining"}, []string{"b: its source z"}},
		"unknown phase":            {ringOf("a"), Phases{"a": "joining"}, []string{`a: no phase "joining"; it has planned, making, serving`}},
		"no phase":                 {ringOf("a"), Phases{}, []string{`a: no phase ""`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			problems := tt.ring.Check(tt.phases)
			if len(problems) != len(tt.want) {
				t.Fatalf("got %d problems, want %d: %v", len(problems), len(tt.want), problems)
			}
			for i, p := range problems {
				region, words, _ := strings.Cut(tt.want[i], ": ")
				if p.Region != region || !strings.Contains(p.Message, words) {
					t.Errorf("got %+v, want %s: …%s…", p, region, words)
				}
			}
		})
	}
}

// TestCheckLetsOthersMove shows that I3 is about procedures that move the ring.
func TestCheckLetsOthersMove(t *testing.T) {
	still := &Procedure{Name: "rotate", Phases: []PhaseInfo{{Phase: Planned}, {Phase: "turning"}, {Phase: Serving}}}
	r := Ring{{Region: "a", Procedure: still}, {Region: "b", Procedure: still}}
	if problems := r.Check(Phases{"a": "turning", "b": "turning"}); len(problems) > 0 {
		t.Errorf("%v", problems)
	}
}

func TestPlan(t *testing.T) {
	tests := map[string]struct {
		ring   Ring
		phases Phases
		want   string // region:to, in order
	}{
		"from nothing":            {ringOf("a", "b<a"), Phases{}, "a:making a:serving b:joining b:copying b:serving"},
		"founder last in file":    {ringOf("b<a", "a"), Phases{}, "a:making a:serving b:joining b:copying b:serving"},
		"chain":                   {ringOf("c<b", "b<a", "a"), Phases{"a": Serving}, "b:joining b:copying b:serving c:joining c:copying c:serving"},
		"diamond in file order":   {ringOf("a", "c<a", "b<a"), Phases{"a": Serving}, "c:joining c:copying c:serving b:joining b:copying b:serving"},
		"what is unfinished":      {ringOf("a", "b<a", "c<a"), Phases{"a": Serving, "c": "copying"}, "c:serving b:joining b:copying b:serving"},
		"nothing to do":           {ringOf("a", "b<a"), Phases{"a": Serving, "b": Serving}, ""},
		"unknown source":          {ringOf("a", "b<z"), Phases{"a": Serving}, ""},
		"circle":                  {ringOf("a", "b<c", "c<b"), Phases{}, "a:making a:serving"},
		"self":                    {ringOf("a<a"), Phases{}, ""},
		"behind a circle":         {ringOf("a", "b<c", "c<b", "d<c"), Phases{"a": Serving}, ""},
		"a phase that is unknown": {ringOf("a"), Phases{"a": "joining"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, m := range tt.ring {
				if _, ok := tt.phases[m.Region]; !ok {
					tt.phases[m.Region] = Planned
				}
			}
			var got []string
			for _, s := range tt.ring.Plan(tt.phases) {
				got = append(got, s.Region+":"+string(s.To))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanStages(t *testing.T) {
	stages := ringOf("a", "b<a").Plan(Phases{"a": "making", "b": Planned})
	want := []Stage{
		{Number: 1, Region: "a", Procedure: found, From: "making", To: Serving, Gate: &found.Gates[1]},
		{Number: 2, Region: "b", Procedure: grow, From: Planned, To: "joining"},
		{Number: 3, Region: "b", Procedure: grow, From: "joining", To: "copying", Gate: &grow.Gates[1]},
		{Number: 4, Region: "b", Procedure: grow, From: "copying", To: Serving, Gate: &grow.Gates[2]},
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPlanOfEveryRing takes every ring of up to four regions with every source
// graph, circles and unknown sources too, through every set of phases. From
// each that Check accepts, the plan goes through accepted ones only, and ends
// with every region serving that has a way to (I3, I4, I6).
func TestPlanOfEveryRing(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	clean := 0
	for n := 1; n <= len(names); n++ {
		sources := append([]string{"", "gone"}, names[:n]...)
		product(n, func(int) int { return len(sources) }, func(graph []int) {
			var regions []string
			for i, s := range graph {
				text := names[i]
				if sources[s] != "" {
					text += "<" + sources[s]
				}
				regions = append(regions, text)
			}
			r := ringOf(regions...)
			product(n, func(i int) int { return len(r[i].Procedure.Phases) }, func(at []int) {
				phases := Phases{}
				for i, m := range r {
					phases[m.Region] = m.Procedure.Phases[at[i]].Phase
				}
				if len(r.Check(phases)) == 0 {
					clean++
					checkPlan(t, r, phases)
				}
			})
		})
	}
	if clean < 10000 {
		t.Errorf("only %d states were looked at", clean)
	}
}

// product visits every list of n numbers, the i-th below limit(i).
func product(n int, limit func(int) int, visit func([]int)) {
	at := make([]int, n)
	for {
		visit(at)
		i := 0
		for ; i < n; i++ {
			if at[i]++; at[i] < limit(i) {
				break
			}
			at[i] = 0
		}
		if i == n {
			return
		}
	}
}

func checkPlan(t *testing.T, r Ring, start Phases) {
	t.Helper()
	state := maps.Clone(start)
	where := func() string { return fmt.Sprintf("%s from %v at %v", describe(r), start, state) }
	moving := slices.IndexFunc(r, func(m Member) bool { return start[m.Region] != Planned && start[m.Region] != Serving })
	for i, s := range r.Plan(start) {
		if s.Number != i+1 || s.From != state[s.Region] || s.Procedure.Index(s.To) != s.Procedure.Index(s.From)+1 {
			t.Fatalf("%s: stage %d is %+v", where(), i+1, s)
		}
		if i == 0 && moving >= 0 && s.Region != r[moving].Region {
			t.Fatalf("%s: %s is left half-way for %s", where(), r[moving].Region, s.Region)
		}
		state[s.Region] = s.To
		if problems := r.Check(state); len(problems) > 0 {
			t.Fatalf("%s: %v", where(), problems)
		}
	}
	reachable := canServe(r, start)
	for _, m := range r {
		if want := start[m.Region]; !reachable[m.Region] && state[m.Region] != want || reachable[m.Region] && state[m.Region] != Serving {
			t.Fatalf("%s: %s ends as %s", where(), m.Region, state[m.Region])
		}
	}
}

// canServe returns the regions that serve, found the ring, or are built from
// one of those in the end.
func canServe(r Ring, phases Phases) map[string]bool {
	can := map[string]bool{}
	for range r {
		for _, m := range r {
			can[m.Region] = can[m.Region] || phases[m.Region] == Serving || m.Source == "" || can[m.Source]
		}
	}
	return can
}

func describe(r Ring) string {
	var list []string
	for _, m := range r {
		list = append(list, m.Region+"<"+m.Source)
	}
	return strings.Join(list, " ")
}

func TestProcedure(t *testing.T) {
	if got := grow.Index("copying"); got != 2 {
		t.Errorf("Index is %d", got)
	}
	if got := grow.Index("making"); got != -1 {
		t.Errorf("Index of another procedure's phase is %d", got)
	}
	if diff := cmp.Diff([]string{"planned", "joining", "copying", "serving"}, grow.PhaseNames()); diff != "" {
		t.Error(diff)
	}
	if m := ringOf("a", "b<a").Member("b"); m == nil || m.Source != "a" {
		t.Errorf("Member gives %+v", m)
	}
	if m := ringOf("a").Member("b"); m != nil {
		t.Errorf("Member gives %+v", m)
	}
}
