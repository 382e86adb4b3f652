package stage

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPreview(t *testing.T) {
	tests := map[string]struct {
		ring  Ring
		base  Rollout
		known Phases
		want  []string // the regions of the rollout, as [at] takes them
		says  []string // refusals
	}{
		"nothing known":              {ringOf("a", "b<a"), Rollout{}, nil, nil, nil},
		"nothing known, some begun":  {ringOf("a", "b<a"), at("a making"), nil, []string{"a making"}, nil},
		"a moving region":            {ringOf("a", "b<a"), Rollout{}, Phases{"b": joining}, []string{"b grow joining<a", "a found serving"}, nil},
		"a serving region":           {ringOf("a", "b<a", "c<a"), Rollout{}, Phases{"b": Serving}, []string{"b grow serving", "a found serving"}, nil},
		"a chain":                    {ringOf("c<b", "b<a", "a"), Rollout{}, Phases{"c": copying}, []string{"c grow copying<b", "b grow serving", "a found serving"}, nil},
		"a source that moves serves": {ringOf("a", "b<a"), at("a making"), Phases{"b": joining}, []string{"a found serving", "b grow joining<a"}, nil},
		"a source that is planned":   {ringOf("a", "b<a"), Rollout{}, Phases{"a": Planned, "b": joining}, []string{"a planned", "b grow joining<a"}, []string{"b I4: its source a is planned"}},
		"a planned region":           {ringOf("a", "b<a"), at("a serving"), Phases{"b": Planned}, []string{"a serving", "b planned"}, nil},
		"planned, nothing begun":     {ringOf("a", "b<a"), Rollout{}, Phases{"b": Planned}, []string{"b planned"}, nil},
		"gone, nothing begun":        {ringOf("a", "b<a"), Rollout{}, Phases{"b": Gone}, []string{"b shrink gone"}, nil},
		"back to planned":            {ringOf("a"), at("a serving"), Phases{"a": Planned}, []string{"a found planned"}, nil},
		"a region that leaves":       {ringOf("a", "b<a"), at("a serving", "b serving"), Phases{"b": leaving}, []string{"a found serving", "b shrink leaving<a"}, nil},
		"the last region leaves":     {ringOf("a"), at("a serving"), Phases{"a": draining}, []string{"a shrink draining"}, []string{"a I5: no other region serves"}},
		"a region that is gone":      {ringOf("a", "b<a"), at("a serving", "b serving"), Phases{"b": Gone}, []string{"a serving", "b shrink gone"}, nil},
		"two that move":              {ringOf("a", "b<a", "c<a"), at("a serving"), Phases{"b": joining, "c": copying}, []string{"a found serving", "b grow joining<a", "c grow copying<a"}, []string{"c I3: b (joining) and c (copying)"}},
		"beside one that moves":      {ringOf("a", "b<a", "c<a"), at("a serving", "b grow joining<a"), Phases{"c": settling}, []string{"a found serving", "b grow joining<a", "c grow settling<a"}, []string{"c I3: b (joining) and c (settling)"}},
		"source is unknown":          {ringOf("a", "b<z"), at("a serving"), Phases{"b": joining}, []string{"a serving", "b grow joining<z"}, []string{"b I4: its source z is planned"}},
		"circle":                     {ringOf("a<b", "b<a"), Rollout{}, Phases{"b": joining}, []string{"b grow joining<a", "a grow serving"}, nil},
		"built from itself":          {ringOf("a<a"), Rollout{}, Phases{"a": joining}, []string{"a grow joining<a"}, []string{"a I4: its source a is joining"}},
		"another procedure's phase":  {ringOf("a"), Rollout{}, Phases{"a": joining}, nil, []string{`a: region a has no phase "joining"; it can be at planned, making, serving, draining, leaving, gone, coming, losing, turning`}},
		"taken back":                 {ringOf("a", "b<a"), at("a serving", "b serving"), Phases{"b": coming}, []string{"a found serving", "b back coming<a"}, nil},
		"lost":                       {ringOf("a", "b<a"), at("a serving", "b serving"), Phases{"b": losing}, []string{"a found serving", "b lose losing<a"}, nil},
		"no phase at all":            {ringOf("a", "b<a"), at("a serving"), Phases{"b": ""}, []string{"a serving"}, []string{`b: region b has no phase ""; it can be at planned, joining, copying, settling, serving, draining`}},
		"a region that is not there": {ringOf("a"), at("a serving"), Phases{"z": joining}, []string{"a serving"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			base := tt.base.clone()
			after, refusals := tt.ring.Preview(all, base, tt.known)
			wantRefusals(t, refusals, tt.says)
			if diff := cmp.Diff(places(at(tt.want...)), places(after)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.base.clone(), base); diff != "" {
				t.Errorf("Preview changed what it was given (-before +after):\n%s", diff)
			}
		})
	}
}

// places returns what fixes the files of each region.
func places(r Rollout) []string {
	var list []string
	for _, p := range r.Regions {
		list = append(list, fmt.Sprintf("%s %s %s<%s", p.Region, p.Procedure, p.Phase, p.Source))
	}
	return list
}

// TestPreviewKeeps shows what a region that stands elsewhere keeps, and that
// one that stands there already stays as it is.
func TestPreviewKeeps(t *testing.T) {
	ring := ringOf("a", "b<a")
	base := at("a serving", "b grow joining<a")
	there, _ := ring.Preview(all, base, Phases{"a": Serving, "b": joining})
	if diff := cmp.Diff(base, there); diff != "" {
		t.Errorf("(-base +at the same phases):\n%s", diff)
	}
	further, _ := ring.Preview(all, base, Phases{"b": copying})
	want := Progress{Region: "b", Procedure: "grow", Phase: copying, Source: "a", SeedHost: "10.0.0.1"}
	if diff := cmp.Diff(want, further.At("b")); diff != "" {
		t.Errorf("b (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(same, further.At("a").Facts); diff != "" {
		t.Errorf("the facts of the source (-want +got):\n%s", diff)
	}
	pulled := at("a serving", "b pull draining<a")
	if got, _ := ring.Preview(all, pulled, Phases{"b": draining}); got.At("b").Procedure != "pull" {
		t.Errorf("b goes on in procedure %s, not in pull", got.At("b").Procedure)
	}
}

func TestPlan(t *testing.T) {
	tests := map[string]struct {
		ring Ring
		at   Rollout
		want string // region:to, in order
	}{
		"from nothing":                  {ringOf("a", "b<a"), at(), "a:making a:serving b:joining b:copying b:settling b:serving"},
		"founder last in file":          {ringOf("b<a", "a"), at(), "a:making a:serving b:joining b:copying b:settling b:serving"},
		"chain":                         {ringOf("c<b", "b<a", "a"), at("a serving"), "b:joining b:copying b:settling b:serving c:joining c:copying c:settling c:serving"},
		"diamond in file order":         {ringOf("a", "c<a", "b<a"), at("a serving"), "c:joining c:copying c:settling c:serving b:joining b:copying b:settling b:serving"},
		"what is unfinished":            {ringOf("a", "b<a", "c<a"), at("a serving", "c grow settling<a"), "c:serving b:joining b:copying b:settling b:serving"},
		"nothing to do":                 {ringOf("a", "b<a"), at("a serving", "b serving"), ""},
		"unknown source":                {ringOf("a", "b<z"), at("a serving"), ""},
		"circle":                        {ringOf("a", "b<c", "c<b"), at(), "a:making a:serving"},
		"self":                          {ringOf("a<a"), at(), ""},
		"behind a circle":               {ringOf("a", "b<c", "c<b", "d<c"), at("a serving"), ""},
		"a phase that is unknown":       {ringOf("a"), at("a found joining"), ""},
		"a procedure that is unknown":   {ringOf("a"), at("a magic making"), ""},
		"a region that leaves":          {ringOf("a", "b<a"), at("a serving", "b shrink draining"), "b:leaving b:gone"},
		"gone stays gone":               {ringOf("a", "b<a"), at("a serving", "b gone"), ""},
		"the source leaves":             {ringOf("a", "b<a", "c<b"), at("a serving", "b shrink leaving"), "b:gone"},
		"the source is gone":            {ringOf("a", "b<a", "c<b"), at("a serving", "b gone"), ""},
		"taken back":                    {ringOf("a", "b<a", "c<b"), at("a serving", "b coming"), "b:serving c:joining c:copying c:settling c:serving"},
		"lost":                          {ringOf("a", "b<a", "c<b"), at("a serving", "b losing"), "b:gone"},
		"pulled out":                    {ringOf("a", "b<a"), at("a serving", "b pull draining<a"), "b:leaving b:gone"},
		"planned after an abort":        {ringOf("a"), at("a found planned"), "a:making a:serving"},
		"serves after an abort":         {ringOf("a", "b<a"), at("a serving", "b shrink serving"), ""},
		"serves by adoption":            {ringOf("a", "b<a"), at("a take serving"), "b:joining b:copying b:settling b:serving"},
		"a region that is taken out":    {ringOf("a"), at("a serving", "z serving"), ""},
		"the source keeps its own step": {ringOf("a", "b<a"), at("a rotate turning"), "b:joining b:copying b:settling b:serving"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range tt.ring.Plan(all, tt.at) {
				if s.Procedure != rotate {
					got = append(got, s.Region+":"+string(s.To))
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanStages holds all that a stage tells. A gate that can be passed by
// decision is none here.
func TestPlanStages(t *testing.T) {
	stages := ringOf("a", "b<a").Plan(all, at("a making"))
	want := []Stage{
		{Number: 8, Region: "a", Procedure: found, From: making, To: Serving, Current: true, Gate: &found.Gates[1]},
		{Number: 9, Region: "b", Procedure: grow, From: Planned, To: joining},
		{Number: 10, Region: "b", Procedure: grow, From: joining, To: copying, Gate: &grow.Gates[1]},
		{Number: 11, Region: "b", Procedure: grow, From: copying, To: settling, Gate: &grow.Gates[2]},
		{Number: 12, Region: "b", Procedure: grow, From: settling, To: Serving, Gate: &grow.Gates[3]},
	}
	if diff := cmp.Diff(want, stages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range ringOf("a", "b<a").Plan(all, at("a serving")) {
		if s.Current {
			t.Errorf("nothing is under way, and stage %d is current", s.Number)
		}
	}
}

func TestPlanOfTwoOnTheirWay(t *testing.T) {
	for _, s := range ringOf("a", "b<a").Plan(all, at("a serving", "b grow copying<a", "c rotate turning")) {
		if want := s.From == copying || s.From == turning; s.Current != want {
			t.Errorf("stage %d of region %s: current is %t", s.Number, s.Region, s.Current)
		}
	}
}

// place is where a region of [TestPlanOfEveryRing] may stand.
type place struct {
	procedure *Procedure
	phase     Phase
}

var (
	restPlaces = []place{{nil, Planned}, {found, Serving}, {shrink, Gone}}
	growPlaces = append(restPlaces[:3:3], []place{{grow, copying}, {shrink, leaving}, {grow, joining}, {grow, settling}, {pull, draining}, {pull, leaving}, {shrink, draining}, {back, coming}, {lose, losing}}...)
	makePlaces = append(restPlaces[:3:3], []place{{found, making}, {shrink, leaving}, {shrink, draining}, {back, coming}, {lose, losing}}...)
)

// TestPlanOfEveryRing takes every ring of up to four regions with every source
// graph, circles and unknown sources too, with every region at rest or any one
// or, in small rings, several of them on their way. From each such state that
// Check accepts, the plan goes through accepted ones only, and ends with every
// region serving that has a way to (I3, I4, I6). Apply allows every stage too,
// unless one would found a second ring; that is tried with up to three regions.
func TestPlanOfEveryRing(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d"}
	clean, dirty := 0, 0
	for n := 1; n <= len(names); n++ {
		sources := append([]string{"", "nowhere"}, names[:n]...)
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
			options := make([][]place, n)
			for i, m := range r {
				if options[i] = growPlaces; m.Procedure == found {
					options[i] = makePlaces
				}
				if n == len(names) {
					options[i] = options[i][:len(restPlaces)+2] // one on its way in, and one out
				}
			}
			product(n, func(i int) int { return len(options[i]) }, func(state []int) {
				moving := 0
				for _, s := range state {
					if s >= len(restPlaces) {
						moving++
					}
				}
				if moving > 1 && n > 2 {
					return // Check refuses them all, as the small rings show
				}
				var start Rollout
				for i, m := range r {
					start = start.with(m, options[i][state[i]])
				}
				if len(start.Check(all)) > 0 {
					dirty++
					return
				}
				clean++
				checkPlan(t, r, start)
			})
		})
	}
	t.Logf("%d sound states, %d others", clean, dirty)
	if clean < 100000 || dirty < 100000 {
		t.Errorf("only %d sound states were looked at, and %d others", clean, dirty)
	}
}

// with puts a region at a place.
func (r Rollout) with(m Member, at place) Rollout {
	if at.procedure == nil {
		return r
	}
	p := Progress{Region: m.Region, Procedure: at.procedure.Name, Phase: at.phase}
	if at.procedure == grow || at.procedure == pull {
		p.Source = m.Source
	}
	return r.With(p)
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

func checkPlan(t *testing.T, r Ring, start Rollout) {
	t.Helper()
	state, applied := start, start
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s from %v at %v: %s", describe(r), places(start), places(state), fmt.Sprintf(format, args...))
	}
	moving, sound := start.Moving(all), len(r) < 4
	for i, s := range r.Plan(all, start) {
		if s.Number != i+1 || s.From != state.At(s.Region).Phase || s.Procedure.Next(s.From) != s.To || s.Current != (i == 0 && len(moving) > 0) {
			fail("stage %d is %+v", i+1, s)
		}
		if i == 0 && len(moving) > 0 && s.Region != moving[0].Region {
			fail("%s is left half-way for %s", moving[0].Region, s.Region)
		}
		state = state.With(Progress{Region: s.Region, Procedure: s.Procedure.Name, Phase: s.To, Source: sourceAt(r, s)})
		if refusals := state.Check(all); len(refusals) > 0 {
			fail("%v", refusals)
		}
		if !sound {
			continue
		}
		if sound = !secondRing(applied, s); sound {
			after, refusals := applied.Apply(all, recordOf(r, applied, s))
			if len(refusals) > 0 {
				fail("stage %d: %v", s.Number, refusals)
			}
			applied = after
		}
	}
	for region, want := range ends(r, start) {
		if got := state.At(region).Phase; got != want {
			fail("%s ends as %s, not %s", region, got, want)
		}
	}
}

func sourceAt(r Ring, s Stage) string {
	if s.To.Rests() || !s.Procedure.FromSource {
		return ""
	}
	return r.Member(s.Region).Source
}

// secondRing reports whether a stage founds a ring beside the one that is
// there: lint reports such a topology.
func secondRing(before Rollout, s Stage) bool {
	return s.Procedure.Founds && s.From == Planned && slices.ContainsFunc(before.Regions, func(p Progress) bool { return p.Phase.InRing() })
}

// recordOf returns the record by which a stage is taken.
func recordOf(r Ring, before Rollout, s Stage) Record {
	rec := Record{
		Step: before.Step + 1, Previous: before.Head, Time: noon.Add(time.Duration(before.Step) * time.Minute),
		Region: s.Region, Action: Advance, Procedure: s.Procedure.Name, From: s.From, To: s.To,
	}
	if s.From.Rests() {
		rec.Action = Start
		rec.Source = sourceAt(r, s)
	}
	if s.Gate != nil {
		rec.Gate, rec.Results = s.Gate.Name, []Result{{Answer: Met}}
	}
	return rec
}

// ends returns the phase in which each region ends: those that are built from
// one that serves in the end, serve; those that leave are gone.
func ends(r Ring, start Rollout) map[string]Phase {
	can := map[string]bool{}
	leaves := func(region string) bool {
		p := all.Named(start.At(region).Procedure)
		return p != nil && p.Drops
	}
	for range r {
		for _, m := range r {
			rests := start.At(m.Region).Phase
			switch {
			case leaves(m.Region) || rests == Gone:
			case rests == Planned:
				can[m.Region] = can[m.Region] || m.Source == "" || can[m.Source]
			default:
				can[m.Region] = true
			}
		}
	}
	phases := map[string]Phase{}
	for _, m := range r {
		phases[m.Region] = start.At(m.Region).Phase
		if can[m.Region] {
			phases[m.Region] = Serving
		} else if leaves(m.Region) {
			phases[m.Region] = Gone
		}
	}
	return phases
}

func describe(r Ring) string {
	var list []string
	for _, m := range r {
		list = append(list, m.Region+"<"+m.Source)
	}
	return strings.Join(list, " ")
}

func TestMember(t *testing.T) {
	if m := ringOf("a", "b<a").Member("b"); m == nil || m.Source != "a" {
		t.Errorf("Member gives %+v", m)
	}
	if m := ringOf("a").Member("b"); m != nil {
		t.Errorf("Member gives %+v", m)
	}
}
