package system

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
)

var equalAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func request(region string, seen ...observe.Observation) Request {
	return Request{Region: region, Topology: "digest", Now: now, MaxSkew: 2 * time.Minute, Seen: seen}
}

func (r Request) starting(procedure string) Request {
	r.Procedure = procedure
	return r
}

// results returns what judge answers: "up met".
func results(taken Taken) []string {
	var list []string
	for _, r := range taken.Record.Results {
		list = append(list, r.Check+" "+string(r.Answer))
	}
	return list
}

// must takes a step that is allowed and open, replays it, and returns it.
func must(t *testing.T, by func(Ring, stage.Rollout, Request) (Taken, []stage.Refusal), f *fake, before stage.Rollout, req Request) Taken {
	t.Helper()
	was := copyOf(before)
	taken, refusals := by(f, before, req)
	wantRefusals(t, refusals, nil)
	if !taken.Open() {
		t.Fatalf("gate %s is not open: %+v", taken.Gate.Name, taken.Record.Results)
	}
	if diff := cmp.Diff(was, before); diff != "" {
		t.Errorf("the rollout before the step changed:\n%s", diff)
	}
	if taken.After.Step != before.Step+1 || taken.After.Head != taken.Record.Digest() {
		t.Errorf("after step %d the rollout is at step %d, %s", before.Step, taken.After.Step, taken.After.Head)
	}
	replayed(t, before, taken)
	return taken
}

// replayed writes the record of a step, reads it again and replays it.
func replayed(t *testing.T, before stage.Rollout, taken Taken) {
	t.Helper()
	data, err := taken.Record.Encode()
	if err != nil {
		t.Fatal(err)
	}
	rec, problems := stage.DecodeRecord(data)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, r := range []stage.Record{taken.Record, rec} {
		after, refusals := sys.Replay(before, r)
		wantRefusals(t, refusals, nil)
		if diff := cmp.Diff(taken.After, after); diff != "" {
			t.Errorf("replayed (-taken +replayed):\n%s", diff)
		}
	}
}

func TestStartByDecision(t *testing.T) {
	taken := must(t, sys.Advance, ring(), stage.Rollout{Topology: "t"}, request("a"))
	want := Taken{
		Record: stage.Record{
			Step: 1, Time: now, Topology: "digest", Region: "a", Action: stage.Start, Procedure: "found", From: stage.Planned, To: making,
			Facts: map[string]string{"version": "1", "rack": "r-a"},
		},
	}
	want.After = stage.Rollout{Topology: "t", Step: 1, Head: want.Record.Digest(), Regions: []stage.Progress{
		{Region: "a", Procedure: "found", Phase: making, Since: now, Facts: map[string]string{"version": "1", "rack": "r-a"}, Evidence: "evidence/a/01-start-found.yaml"},
	}}
	if diff := cmp.Diff(want, taken); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStartIgnoresWhatItDoesNotAsk shows that observations do not matter where
// there is no gate.
func TestStartIgnoresWhatItDoesNotAsk(t *testing.T) {
	taken := must(t, sys.Advance, ring(), stage.Rollout{}, request("a", seen(t, now, "a/up Failed")...))
	if taken.Gate != nil || taken.Record.Observations != nil {
		t.Errorf("%+v", taken)
	}
}

func TestStartFromSource(t *testing.T) {
	taken := must(t, sys.Advance, ring(), at("a found serving"), request("b"))
	want := stage.Record{
		Step: 5, Previous: "head", Time: now, Topology: "digest", Region: "b", Action: stage.Start, Procedure: "grow", From: stage.Planned, To: joining,
		Source: "a", SeedHost: "10.0.0.1", SeedFrom: "the topology", Facts: map[string]string{"version": "1", "rack": "r-b"},
	}
	if diff := cmp.Diff(want, taken.Record); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p := taken.After.At("b")
	if taken.Gate != nil || p.Source != "a" || p.SeedHost != "10.0.0.1" || p.Phase != joining || !p.Since.Equal(now) {
		t.Errorf("gate %v, %+v", taken.Gate, p)
	}
}

func TestStartAfterGone(t *testing.T) {
	taken := must(t, sys.Advance, ring(), at("a found serving", "b shrink gone"), request("b"))
	if rec := taken.Record; rec.From != stage.Gone || rec.Procedure != "grow" || rec.To != joining {
		t.Errorf("%+v", rec)
	}
}

func TestStartNamed(t *testing.T) {
	before := at("a found serving", "b grow serving")
	taken := must(t, sys.Advance, ring(), before, request("b").starting("shrink"))
	if rec := taken.Record; rec.Procedure != "shrink" || rec.To != draining || rec.Source != "" || rec.SeedHost != "" || rec.SeedFrom != "" {
		t.Errorf("%+v", rec)
	}
	taken = must(t, sys.Advance, ring(), at("a found serving"), request("b").starting("grow"))
	if taken.Record.Source != "a" {
		t.Errorf("%+v", taken.Record)
	}
}

// TestStartOnTheWay shows that a procedure may be started from the middle of
// another, where it says so, and then keeps what the region has.
func TestStartOnTheWay(t *testing.T) {
	before := at("a found serving", "b grow copying")
	taken := must(t, sys.Advance, ring(), before, request("b").starting("lose"))
	want := before.At("b")
	want.Procedure, want.Phase, want.Since, want.Evidence = "lose", losing, now, "evidence/b/05-start-lose.yaml"
	if diff := cmp.Diff(want, taken.After.At("b")); diff != "" {
		t.Errorf("b (-want +got):\n%s", diff)
	}
	if rec := taken.Record; rec.Action != stage.Start || rec.From != copying || rec.Source != "" || rec.SeedHost != "" {
		t.Errorf("%+v", rec)
	}
	gone := must(t, sys.Advance, ring(), taken.After, request("b", seen(t, now, "b/empty")...))
	if p := gone.After.At("b"); p.Phase != stage.Gone || p.SeedHost != "" || p.Source != "" {
		t.Errorf("%+v", p)
	}
	_, refusals := sys.Advance(ring(), taken.After, request("b").starting("shrink"))
	wantRefusals(t, refusals, []string{"b: region b is losing in procedure lose: finish or abort it before shrink"})
	_, refusals = sys.Advance(ring(), at("a found serving", "b grow copying", "c shrink draining"), request("b").starting("lose"))
	wantRefusals(t, refusals, []string{"b I3: region c is draining"})
}

// TestSeedFromObservations shows that what the source says of itself is
// recorded with where it is from, if it was seen lately.
func TestSeedFromObservations(t *testing.T) {
	f := ring()
	f.seed = ""
	before := at("a found serving")
	shows := append(seen(t, now.Add(-time.Minute), "a/seed", "b/calm"), seen(t, now, "z/other")...)
	taken := must(t, sys.Advance, f, before, request("b", shows...))
	if rec := taken.Record; rec.SeedHost != "10.0.0.9" || rec.SeedFrom != "Pod a/seed" || rec.Gate != "quiet" {
		t.Errorf("%+v", rec)
	}
	if p := taken.After.At("b"); p.SeedHost != "10.0.0.9" {
		t.Errorf("%+v", p)
	}
	for name, pods := range map[string]observe.Set{
		"too old":       seen(t, now.Add(-stage.Fresh-time.Second), "a/seed"),
		"in the future": seen(t, now.Add(3*time.Minute), "a/seed"),
	} {
		_, refusals := sys.Advance(f, before, request("b", pods...))
		t.Log(name)
		wantRefusals(t, refusals, []string{"b: the pod seed was not seen lately: set seedHost in the topology"})
	}
	_, refusals := sys.Advance(f, before, request("b", seen(t, now, "c/seed")...))
	wantRefusals(t, refusals, []string{"b: there is no seed host for region b: set seedHost in the topology"})
}

// TestStartJudges shows that an optional gate is judged only where there are
// observations, and then may stop the start; and that another is judged
// always.
func TestStartJudges(t *testing.T) {
	before := at("a found serving", "b grow serving")
	fresh, old := now.Add(-stage.Fresh), now.Add(-stage.Fresh-time.Second)
	tests := map[string]struct {
		req  Request
		want []string // results
		gate string
	}{
		"nothing seen":                   {request("c"), nil, ""},
		"seen, and met":                  {request("c", seen(t, now, "c/calm", "c/other")...), []string{"calm met"}, "quiet"},
		"seen just in time":              {request("c", seen(t, fresh, "c/calm")...), []string{"calm met"}, "quiet"},
		"seen too long ago":              {request("c", seen(t, old, "c/calm")...), []string{"calm unknown"}, "quiet"},
		"seen ahead of the clock":        {request("c", seen(t, now.Add(2*time.Minute), "c/calm")...), []string{"calm met"}, "quiet"},
		"seen in the future":             {request("c", seen(t, now.Add(121*time.Second), "c/calm")...), []string{"calm unknown"}, "quiet"},
		"seen, and failed":               {request("c", seen(t, now, "c/calm Failed")...), []string{"calm failed"}, "quiet"},
		"seen, and waiting":              {request("c", seen(t, now, "c/calm Pending")...), []string{"calm waiting"}, "quiet"},
		"seen, but something else":       {request("c", seen(t, now, "c/other")...), []string{"calm unknown"}, "quiet"},
		"seen of another region":         {request("c", seen(t, now, "b/calm")...), []string{"calm unknown"}, "quiet"},
		"leaving, nothing seen":          {request("b").starting("shrink"), nil, ""},
		"leaving, seen":                  {request("b", seen(t, now, "b/calm")...).starting("shrink"), []string{"calm met"}, "quiet"},
		"a gate of need, nothing seen":   {request("b").starting("turn"), []string{"calm unknown"}, "ready"},
		"a gate of need, seen":           {request("b", seen(t, now, "b/calm")...).starting("turn"), []string{"calm met"}, "ready"},
		"a gate of need, something else": {request("b", seen(t, now, "b/up")...).starting("turn"), []string{"calm unknown"}, "ready"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			was := copyOf(before)
			taken, refusals := sys.Advance(ring(), before, tt.req)
			wantRefusals(t, refusals, nil)
			if diff := cmp.Diff(tt.want, results(taken)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if tt.gate != taken.Record.Gate || (taken.Gate == nil) != (tt.gate == "") || taken.Gate != nil && taken.Gate.Name != tt.gate {
				t.Errorf("gate %q, and %v", taken.Record.Gate, taken.Gate)
			}
			open := tt.want == nil || strings.HasSuffix(tt.want[0], " met")
			if taken.Open() != open {
				t.Errorf("open is %t", taken.Open())
			}
			if moved := !cmp.Equal(was, taken.After); moved != open {
				t.Errorf("the rollout moved: %t", moved)
			}
			if open {
				replayed(t, before, taken)
			}
		})
	}
}

// unjudged returns a system in which no gate may be judged: what stands
// against a step whatever its gate says is told first.
func unjudged(t *testing.T, s System) System {
	s.Judge = func(Question) Judgement {
		t.Error("a step that is refused is judged")
		return Judgement{}
	}
	return s
}

func TestStartRefused(t *testing.T) {
	seedless := ring()
	seedless.seed = ""
	newer := ring()
	newer.version = "2"
	later := ring()
	later.versions = map[string]string{"b": "2"}
	moved := ring()
	moved.racks = map[string]string{"a": "r-2", "b": "r-2", "c": "r-2"}
	worst := ring()
	worst.seed, worst.version, worst.racks = "", "2", moved.racks
	sourceless := ring()
	sourceless.members[1].Source = ""
	tests := map[string]struct {
		ring *fake
		at   stage.Rollout
		req  Request
		want []string
	}{
		"serves":                    {ring(), at("a found serving"), request("a"), []string{"a: region a serves: there is nothing to advance: name what to start with --procedure"}},
		"no such procedure":         {ring(), at("a found serving"), request("a").starting("magic"), []string{`a: there is no procedure "magic"; there are found, grow, shrink, lose, turn`}},
		"only by abort":             {ring(), at("a found serving"), request("b").starting("pull"), []string{"b: procedure pull cannot be started"}},
		"only by adopt":             {ring(), at("a found serving"), request("b").starting("take"), []string{"b: procedure take cannot be started"}},
		"founds, with a source":     {ring(), at("a found serving"), request("b").starting("found"), []string{"b: region b is built by procedure grow"}},
		"grows, without a source":   {ring(), at("b found serving"), request("a").starting("grow"), []string{"a: region a is built by procedure found"}},
		"lost, and gone":            {ring(), at("a found serving", "b shrink gone"), request("b").starting("lose"), []string{"b: procedure lose starts from serving, and region b is gone"}},
		"from elsewhere":            {ring(), at("a found serving", "b grow serving"), request("b").starting("grow"), []string{"b: procedure grow starts from planned, and region b is serving"}},
		"the source is planned":     {ring(), at(), request("b"), []string{"b I4: the source a is planned"}},
		"no source":                 {sourceless, at("a found serving"), request("b"), []string{"b I4: region b has no source"}},
		"another moves":             {ring(), at("a found serving", "c grow copying"), request("b"), []string{"b I3: region c is copying"}},
		"the last one leaves":       {ring(), at("a found serving"), request("a").starting("shrink"), []string{"a I5: no other region than a serves"}},
		"no seed host":              {seedless, at("a found serving"), request("b"), []string{"b: there is no seed host for region b"}},
		"versions differ":           {later, at("a found serving"), request("b"), []string{"b: version of region b is 2, and of region a, when it was last proven, 1"}},
		"the version has changed":   {newer, at("a found serving"), request("b"), []string{"b: version of region b is 2, and of region a"}},
		"the source has changed":    {moved, at("a found serving"), request("b"), []string{"a: rack of region a is r-2 in the topology, and was r-a when the region was last proven: bring the region there, then `ringplan adopt a` records it"}},
		"two others have changed":   {moved, at("a found serving", "b grow serving"), request("c"), []string{"a: rack of region a is r-2", "b: rack of region b is r-2"}},
		"the one that leaves":       {later, at("a found serving", "b grow serving"), request("b").starting("shrink"), []string{"b: version of region b is 2 in the topology"}},
		"all that is wrong at once": {worst, at("a found serving", "c grow copying"), request("b"), []string{"b I3: region c is copying", "b: version of region b is 2, and of region a", "b: and of region c", "a: rack of region a is r-2 in the topology", "b: there is no seed host"}},
		"before the clock":          {ring(), at("a found serving", "b shrink gone"), Request{Region: "b", Now: noon.Add(-time.Hour)}, []string{"b: check the clock of this machine"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.req.Seen = append(tt.req.Seen, seen(t, now, "b/calm")...)
			was := copyOf(tt.at)
			taken, refusals := unjudged(t, sys).Advance(tt.ring, tt.at, tt.req)
			wantRefusals(t, refusals, tt.want)
			if diff := cmp.Diff(Taken{}, taken); diff != "" {
				t.Errorf("a refused step is taken:\n%s", diff)
			}
			if diff := cmp.Diff(was, tt.at); diff != "" {
				t.Errorf("the rollout changed:\n%s", diff)
			}
		})
	}
}

// TestUnsettledIsForTheRing shows which starts a change of another region does
// not hold up.
func TestUnsettledIsForTheRing(t *testing.T) {
	later := ring()
	later.versions, later.racks = map[string]string{"b": "2", "c": "2"}, map[string]string{"b": "r-2"}
	must(t, sys.Advance, later, at("a found serving", "b grow serving"), request("a", seen(t, now, "a/calm")...).starting("turn"))
	must(t, sys.Advance, ring(), at("a found serving", "c shrink gone"), request("b"))
	dropped := ring()
	dropped.members = dropped.members[:2]
	must(t, sys.Advance, dropped, at("a found serving", "c grow serving"), request("b"))
	unknown := at("a found serving", "c grow serving")
	unknown.Regions[1].Facts = map[string]string{"version": "1"} // from before racks were facts
	must(t, sys.Advance, ring(), unknown, request("b"))
}

// TestUnsettledVersion is about a fact that must agree: the other region is
// being brought from what the new one is to something else.
func TestUnsettledVersion(t *testing.T) {
	later := ring()
	later.versions = map[string]string{"b": "2"}
	_, refusals := sys.Advance(later, at("a found serving", "b grow serving"), request("c"))
	wantRefusals(t, refusals, []string{"b: version of region b is 2 in the topology, and was 1"})
}

func TestAdvance(t *testing.T) {
	before := at("a found serving", "b grow joining")
	tests := map[string]struct {
		seen observe.Set
		want []string
	}{
		"all is met":                  {seen(t, now, "b/up", "b/seen"), []string{"up met", "seen met"}},
		"seen as the phase began":     {seen(t, noon, "b/up", "b/seen"), []string{"up met", "seen met"}},
		"seen before the phase began": {seen(t, noon.Add(-time.Second), "b/up", "b/seen"), []string{"up unknown", "seen unknown"}},
		"one waits":                   {seen(t, now, "b/up", "b/seen Pending"), []string{"up met", "seen waiting"}},
		"one has failed":              {seen(t, now, "b/up Failed", "b/seen"), []string{"up failed", "seen met"}},
		"one is missing":              {seen(t, now, "b/seen"), []string{"up unknown", "seen met"}},
		"nothing seen":                {nil, []string{"up unknown", "seen unknown"}},
		"seen of the source":          {seen(t, now, "a/up", "a/seen"), []string{"up unknown", "seen unknown"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			was := copyOf(before)
			taken, refusals := sys.Advance(ring(), before, request("b", tt.seen...))
			wantRefusals(t, refusals, nil)
			if diff := cmp.Diff(tt.want, results(taken)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if taken.Gate != &grow.Gates[1] || taken.Record.Gate != "joined" {
				t.Errorf("gate %v, %q", taken.Gate, taken.Record.Gate)
			}
			if open := !strings.Contains(strings.Join(tt.want, ""), "wait") && strings.Count(strings.Join(tt.want, ""), " met") == 2; open != taken.Open() {
				t.Errorf("open is %t", taken.Open())
			}
			if !taken.Open() {
				if diff := cmp.Diff(was, taken.After); diff != "" {
					t.Errorf("the gate is not open, and the rollout moves:\n%s", diff)
				}
				return
			}
			replayed(t, before, taken)
			want := was.At("b")
			want.Phase, want.Since, want.Evidence = copying, now, "evidence/b/05-joined.yaml"
			if diff := cmp.Diff(want, taken.After.At("b")); diff != "" {
				t.Errorf("b (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAdvanceRecords holds all that the record of a gate tells: only the
// observations that were used among them, and what was expected as it reads
// from a file.
func TestAdvanceRecords(t *testing.T) {
	used := seen(t, now, "b/up", "b/seen")
	all := append(seen(t, now, "a/up", "z/other"), used...)
	req := request("b", all...)
	req.Now = now.Add(999 * time.Millisecond).In(time.FixedZone("there", 3600))
	taken := must(t, sys.Advance, ring(), at("a found serving", "b grow joining"), req)
	want := stage.Record{
		Step: 5, Previous: "head", Time: now, Topology: "digest", Region: "b", Action: stage.Advance, Procedure: "grow", From: joining, To: copying, Gate: "joined",
		MaxSkew:  stage.Duration(2 * time.Minute),
		Expected: map[string]any{"region": "b", "procedure": "grow", "phase": "joining", "seedHost": "10.0.0.1", "others": map[string]any{"a": 3.0}},
		Results: []stage.Result{
			{Check: "up", Answer: stage.Met, Reason: "Pod b/up is Running"}, {Check: "seen", Answer: stage.Met, Reason: "Pod b/seen is Running"},
		},
		Observations: used,
	}
	if diff := cmp.Diff(want, taken.Record, equalAddrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if taken.Record.Time.Location() != time.UTC {
		t.Error("the time is not in UTC")
	}
}

// TestQuestion holds what a judge is asked, when a step is taken and when it
// is replayed.
func TestQuestion(t *testing.T) {
	var asked []Question
	asking := sys
	asking.Judge = func(q Question) Judgement {
		asked = append(asked, q)
		return judge(q)
	}
	tests := map[string]struct {
		by     func(Ring, stage.Rollout, Request) (Taken, []stage.Refusal)
		before stage.Rollout
		req    Request
		gate   *stage.Gate
		since  time.Time
		want   string
	}{
		"start": {
			asking.Advance, at("a found serving"), request("b", seen(t, now, "b/calm")...), &grow.Gates[0], now.Add(-stage.Fresh),
			`{"others":{"a":3},"phase":"planned","procedure":"grow","region":"b"}`,
		},
		"start once more": {
			asking.Advance, at("a found serving", "b shrink gone"), request("b", seen(t, now, "b/calm")...), &grow.Gates[0], now.Add(-stage.Fresh),
			`{"others":{"a":3},"phase":"planned","procedure":"grow","region":"b"}`,
		},
		"start to leave": {
			asking.Advance, at("a found serving", "b grow serving"), request("b", seen(t, now, "b/calm")...).starting("shrink"), &shrink.Gates[0], now.Add(-stage.Fresh),
			`{"others":{"a":3,"b":3},"phase":"serving","procedure":"shrink","region":"b"}`,
		},
		"advance": {
			asking.Advance, at("a found serving", "b grow copying"), request("b", seen(t, now, "b/complete")...), &grow.Gates[2], noon,
			`{"others":{"a":3},"phase":"copying","procedure":"grow","region":"b","seedHost":"10.0.0.1"}`,
		},
		"adopt": {
			asking.Adopt, at(), request("a", seen(t, now, "a/up")...), &take.Gates[0], now.Add(-stage.Fresh),
			`{"others":{},"phase":"planned","procedure":"take","region":"a"}`,
		},
		"adopt once more": {
			asking.Adopt, at("a found serving"), request("a", seen(t, now, "a/up")...), &take.Gates[0], now.Add(-stage.Fresh),
			`{"others":{"a":3},"phase":"planned","procedure":"take","region":"a"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			asked = nil
			taken, refusals := tt.by(ring(), tt.before, tt.req)
			wantRefusals(t, refusals, nil)
			_, refusals = asking.Replay(tt.before, taken.Record)
			wantRefusals(t, refusals, nil)
			if len(asked) != 2 {
				t.Fatalf("%d questions", len(asked))
			}
			for i, q := range asked {
				if q.Gate.Name != tt.gate.Name || !q.Since.Equal(tt.since) || !q.Now.Equal(now) || q.MaxSkew != 2*time.Minute || len(q.Seen) != 1 {
					t.Errorf("question %d: %+v", i, q)
				}
				if diff := cmp.Diff(tt.want, sorted(t, q.Expected)); diff != "" {
					t.Errorf("question %d expects (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// sorted writes JSON anew, keys in order.
func sorted(t *testing.T, data []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAdvanceToServing shows that only the last gate proves what the topology
// says of the region.
func TestAdvanceToServing(t *testing.T) {
	f := ring()
	f.versions = map[string]string{"b": "3"}
	middle := must(t, sys.Advance, f, at("a found serving", "b grow joining"), request("b", seen(t, now, "b/up", "b/seen")...))
	if middle.Record.Facts != nil || middle.After.At("b").Facts["version"] != "1" {
		t.Errorf("%+v", middle.After.At("b"))
	}
	last := must(t, sys.Advance, f, at("a found serving", "b grow copying"), request("b", seen(t, now, "b/complete")...))
	want := stage.Progress{Region: "b", Procedure: "grow", Phase: stage.Serving, Since: now, Facts: map[string]string{"version": "3", "rack": "r-b"}, Evidence: "evidence/b/05-copied.yaml"}
	if diff := cmp.Diff(want, last.After.At("b")); diff != "" {
		t.Errorf("b (-want +got):\n%s", diff)
	}
	gone := must(t, sys.Advance, f, at("a found serving", "b shrink draining"), request("b", seen(t, now, "b/empty")...))
	if p := gone.After.At("b"); p.Phase != stage.Gone || p.Facts != nil || gone.Record.Facts != nil {
		t.Errorf("%+v", p)
	}
}

func TestAdvanceRefused(t *testing.T) {
	joins := at("a found serving", "b grow joining")
	wrong := ring()
	wrong.wrong = true
	met := seen(t, now, "b/up", "b/seen")
	tests := map[string]struct {
		ring *fake
		at   stage.Rollout
		req  Request
		want []string
	}{
		"another procedure":           {ring(), joins, request("b", met...).starting("shrink"), []string{"b: region b is joining in procedure grow: finish or abort it before shrink"}},
		"a procedure of another age":  {ring(), at("a found serving", "b magic joining"), request("b", met...), []string{`b: there is no procedure "magic"`}},
		"a phase of another age":      {ring(), at("a found serving", "b grow making"), request("b", met...), []string{"b I1: procedure grow goes from making to , not to "}},
		"before the phase began":      {ring(), joins, Request{Region: "b", Now: noon.Add(-time.Second), Seen: met}, []string{"b: check the clock"}},
		"the source is gone":          {ring(), at("a shrink gone", "b grow joining"), request("b", met...), []string{"b I4: its source a is gone"}},
		"another moves":               {ring(), at("a found serving", "b grow joining", "c shrink draining"), request("b", met...), []string{"c I3: b (copying) and c (draining)"}},
		"what cannot be written down": {wrong, joins, request("b", met...), []string{"b: what gate joined expects cannot be written down"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			was := copyOf(tt.at)
			taken, refusals := unjudged(t, sys).Advance(tt.ring, tt.at, tt.req)
			wantRefusals(t, refusals, tt.want)
			if diff := cmp.Diff(Taken{}, taken); diff != "" {
				t.Errorf("a refused step is taken:\n%s", diff)
			}
			if diff := cmp.Diff(was, tt.at); diff != "" {
				t.Errorf("the rollout changed:\n%s", diff)
			}
		})
	}
	must(t, sys.Advance, ring(), joins, request("b", met...).starting("grow")) // named, it is the same
}

func TestAdopt(t *testing.T) {
	up := seen(t, now, "a/up", "z/other")
	first := must(t, sys.Adopt, ring(), stage.Rollout{Topology: "t"}, request("a", up...))
	want := stage.Record{
		Step: 1, Time: now, Topology: "digest", Region: "a", Action: stage.Adopt, Procedure: "take", From: stage.Planned, To: stage.Serving, Gate: "serves",
		Facts: map[string]string{"version": "1", "rack": "r-a"}, MaxSkew: stage.Duration(2 * time.Minute),
		Expected: map[string]any{"region": "a", "procedure": "take", "phase": "planned", "others": map[string]any{}},
		Results:  []stage.Result{{Check: "up", Answer: stage.Met, Reason: "Pod a/up is Running"}}, Observations: up[:1],
	}
	if diff := cmp.Diff(want, first.Record, equalAddrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	later := ring()
	later.version = "2"
	again := must(t, sys.Adopt, later, first.After, request("a", up...))
	if p := again.After.At("a"); p.Facts["version"] != "2" || p.Phase != stage.Serving || again.Record.From != stage.Serving {
		t.Errorf("%+v", p)
	}
	gone := must(t, sys.Adopt, ring(), at("a shrink gone"), request("a", up...))
	if gone.Record.From != stage.Gone || gone.After.At("a").Phase != stage.Serving {
		t.Errorf("%+v", gone.After)
	}
	for name, pods := range map[string]observe.Set{"nothing": nil, "too old": seen(t, now.Add(-stage.Fresh-time.Second), "a/up"), "failed": seen(t, now, "a/up Failed")} {
		before := at("b grow serving")
		closed, refusals := sys.Adopt(ring(), before, request("a", pods...))
		wantRefusals(t, refusals, nil)
		if closed.Open() || len(closed.Record.Results) != 1 || !cmp.Equal(before, closed.After) {
			t.Errorf("%s: %+v", name, closed)
		}
	}
}

func TestAdoptRefused(t *testing.T) {
	never := sys
	never.Procedures = stage.Procedures{found, grow}
	up := seen(t, now, "a/up", "b/up")
	tests := map[string]struct {
		system System
		at     stage.Rollout
		region string
		want   []string
	}{
		"the system cannot": {never, at(), "a", []string{"a: system fake cannot take in a region that was built without ringplan"}},
		"it moves":          {sys, at("a found serving", "b grow joining"), "b", []string{"b: region b is joining: finish or abort it first"}},
		"another moves":     {sys, at("a found serving", "b grow joining"), "a", []string{"a I3: region b is joining"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			taken, refusals := unjudged(t, tt.system).Adopt(ring(), tt.at, request(tt.region, up...))
			wantRefusals(t, refusals, tt.want)
			if diff := cmp.Diff(Taken{}, taken); diff != "" {
				t.Errorf("a refused step is taken:\n%s", diff)
			}
		})
	}
}

func TestAbort(t *testing.T) {
	retried := at("a found serving", "b grow copying")
	retried.Regions[1].Retries = 1
	taken := must(t, sys.Abort, ring(), retried, request("b", seen(t, now, "b/complete Failed")...))
	want := stage.Record{Step: 5, Previous: "head", Time: now, Topology: "digest", Region: "b", Action: stage.Abort, Procedure: "grow", From: copying, To: joining}
	if diff := cmp.Diff(want, taken.Record); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p := taken.After.At("b")
	if taken.Gate != nil || p.Retries != 2 || p.SeedHost != "10.0.0.1" || p.Source != "a" {
		t.Errorf("%+v", p)
	}
	taken = must(t, sys.Abort, ring(), taken.After, request("b"))
	if p := taken.After.At("b"); p.Procedure != "pull" || p.Phase != draining || p.Retries != 3 {
		t.Errorf("%+v", p)
	}
	taken = must(t, sys.Abort, ring(), taken.After, request("b"))
	if p := taken.After.At("b"); p.Procedure != "grow" || p.Phase != joining || p.SeedHost != "10.0.0.1" {
		t.Errorf("%+v", p)
	}
	taken = must(t, sys.Abort, ring(), at("a found making"), request("a"))
	if p := taken.After.At("a"); p.Phase != stage.Planned || p.Facts != nil {
		t.Errorf("%+v", p)
	}
}

// TestAbortFindsASeedHost: a region that comes back to where it joins, and has
// none any more, gets one as if it started.
func TestAbortFindsASeedHost(t *testing.T) {
	without := at("a found serving", "b pull draining")
	without.Regions[1].SeedHost = ""
	taken := must(t, sys.Abort, ring(), without, request("b"))
	if p := taken.After.At("b"); p.Phase != joining || p.SeedHost != "10.0.0.1" || taken.Record.SeedHost != "10.0.0.1" || taken.Record.SeedFrom != "the topology" {
		t.Errorf("%+v, %+v", p, taken.Record)
	}
	f := ring()
	f.seed = ""
	_, refusals := sys.Abort(f, without, request("b"))
	wantRefusals(t, refusals, []string{"b: there is no seed host for region b: set seedHost in the topology"})
	taken = must(t, sys.Abort, f, at("a found serving", "b pull draining"), request("b"))
	if p := taken.After.At("b"); p.SeedHost != "10.0.0.1" || taken.Record.SeedHost != "" {
		t.Errorf("%+v, %+v", p, taken.Record)
	}
}

func TestAbortRefused(t *testing.T) {
	tests := map[string]struct {
		at   stage.Rollout
		want []string
	}{
		"at rest":             {at("a found serving", "b grow serving"), []string{"b: region b is serving: there is nothing to abort"}},
		"planned":             {at("a found serving"), []string{"b: region b is planned: there is nothing to abort"}},
		"gone":                {at("a found serving", "b shrink gone"), []string{"b: region b is gone: there is nothing to abort"}},
		"no way back":         {at("a found serving", "b shrink draining"), []string{"b: there is no way back from draining"}},
		"of another age":      {at("a found serving", "b magic joining"), []string{"b: there is no way back from joining"}},
		"the source is gone":  {at("a shrink gone", "b pull draining", "c grow serving"), []string{"b I4: its source a is gone"}},
		"nobody else serves":  {at("a shrink gone", "b grow joining"), []string{"b I5: no other region serves"}},
		"before it had begun": {stage.Rollout{Regions: []stage.Progress{{Region: "b", Procedure: "found", Phase: making, Since: now.Add(time.Hour)}}}, []string{"b: check the clock"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			taken, refusals := sys.Abort(ring(), tt.at, request("b"))
			wantRefusals(t, refusals, tt.want)
			if diff := cmp.Diff(Taken{}, taken); diff != "" {
				t.Errorf("a refused step is taken:\n%s", diff)
			}
		})
	}
}

// TestReplayRefuses edits the record of an open gate in each way that would
// let a region pass that should not.
func TestReplayRefuses(t *testing.T) {
	before := at("a found serving", "b grow joining")
	taken := must(t, sys.Advance, ring(), before, request("b", seen(t, now, "b/up", "b/seen")...))
	old, future := seen(t, noon.Add(-time.Second), "b/up", "b/seen"), seen(t, now.Add(3*time.Minute), "b/up", "b/seen")
	tests := map[string]struct {
		edit func(*stage.Record)
		want string
	}{
		"no observations":            {func(r *stage.Record) { r.Observations = nil }, "b I1: gate joined is not open: unknown: there is no pod b/up"},
		"one observation less":       {func(r *stage.Record) { r.Observations = r.Observations[:1] }, "b I1: unknown: there is no pod b/seen"},
		"an observation that failed": {func(r *stage.Record) { r.Observations = seen(t, now, "b/up", "b/seen Failed") }, "b I1: failed: Pod b/seen is Failed"},
		"an observation that waits":  {func(r *stage.Record) { r.Observations = seen(t, now, "b/up Pending", "b/seen") }, "b I1: waiting: Pod b/up is Pending"},
		"observations of the source": {func(r *stage.Record) { r.Observations = seen(t, now, "a/up", "a/seen") }, "b I1: unknown"},
		"observations of before":     {func(r *stage.Record) { r.Observations = old }, "b I1: was seen before the phase began"},
		"observations of the future": {func(r *stage.Record) { r.Observations = future }, "b I1: was seen in the future"},
		"a time before them":         {func(r *stage.Record) { r.Time = noon }, "b I1: was seen in the future"},
		"no skew":                    {func(r *stage.Record) { r.MaxSkew, r.Time = 0, now.Add(-time.Second) }, "b I1: was seen in the future"},
		"a skew of an hour":          {func(r *stage.Record) { r.MaxSkew = stage.Duration(time.Hour) }, "b I1: the record lets clocks differ by 1h0m0s, and at most 10m0s is allowed"},
		"a skew below nothing":       {func(r *stage.Record) { r.MaxSkew = -1 }, "b I1: the record lets clocks differ by -1ns"},
		"another region expected":    {func(r *stage.Record) { r.Expected = map[string]any{"region": "a"} }, "b I1: unknown: there is no pod a/up"},
		"nothing expected":           {func(r *stage.Record) { r.Expected = nil }, "b I1: unknown"},
		"what cannot be written":     {func(r *stage.Record) { r.Expected = func() {} }, "b I1: "},
		"no results":                 {func(r *stage.Record) { r.Results = nil }, "b I1: gate joined has 2 checks, and the record answers 0"},
		"results that are not met":   {func(r *stage.Record) { r.Results = []stage.Result{{Answer: stage.Waiting}, {Answer: stage.Met}} }, "b I1: gate joined is not open"},
		"a gate that is not there":   {func(r *stage.Record) { r.Gate = "magic" }, "b I1: there is no gate magic"},
		"the gate of another phase": {func(r *stage.Record) {
			r.Gate, r.Observations, r.Results = "copied", seen(t, now, "b/complete"), r.Results[:1]
		}, "b I1: not for the gate that region b waits at"},
		"no gate":                     {func(r *stage.Record) { r.Gate = "" }, "b I1: not for the gate that region b waits at"},
		"the next phase but one":      {func(r *stage.Record) { r.To = stage.Serving }, "b I1: goes from joining to copying, not to serving"},
		"another step":                {func(r *stage.Record) { r.Step = 6 }, "b: step 6 does not follow step 4"},
		"another previous":            {func(r *stage.Record) { r.Previous = "" }, "b: does not follow"},
		"another phase to come from":  {func(r *stage.Record) { r.From = copying }, "b: region b is joining, not copying"},
		"another procedure":           {func(r *stage.Record) { r.Procedure = "pull" }, "b: region b is in procedure grow, not in pull"},
		"an abort with a gate":        {func(r *stage.Record) { r.Action = stage.Abort }, "b I6: no way from joining"},
		"a start instead of the gate": {func(r *stage.Record) { r.Action, r.Gate = stage.Start, "" }, "b: starts from planned"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rec := taken.Record
			tt.edit(&rec)
			was := copyOf(before)
			after, refusals := sys.Replay(before, rec)
			if len(refusals) == 0 {
				t.Fatal("the record is replayed")
			}
			wantRefusals(t, refusals[:1], []string{tt.want})
			if diff := cmp.Diff(was, after); diff != "" {
				t.Errorf("a refused record moves the rollout:\n%s", diff)
			}
		})
	}
}

// TestReplayOfAnotherRollout shows that a record is worth nothing elsewhere:
// the phase may have begun later than what was observed.
func TestReplayOfAnotherRollout(t *testing.T) {
	taken := must(t, sys.Advance, ring(), at("a found serving", "b grow joining"), request("b", seen(t, noon, "b/up", "b/seen")...))
	for name, edit := range map[string]func(*stage.Rollout){
		"the phase began later": func(r *stage.Rollout) { r.Regions[1].Since = noon.Add(time.Second) },
		"another head":          func(r *stage.Rollout) { r.Head = "other" },
		"a step more":           func(r *stage.Rollout) { r.Step++ },
		"the source is gone":    func(r *stage.Rollout) { r.Regions[0].Phase = stage.Gone },
		"the same step again":   func(r *stage.Rollout) { *r = taken.After },
	} {
		before := at("a found serving", "b grow joining")
		edit(&before)
		if after, refusals := sys.Replay(before, taken.Record); len(refusals) == 0 || !cmp.Equal(before, after) {
			t.Errorf("%s: the record is replayed", name)
		}
	}
}

func TestReplayWantsAnswers(t *testing.T) {
	before := at("a found serving", "b grow joining")
	taken := must(t, sys.Advance, ring(), before, request("b", seen(t, now, "b/up", "b/seen")...))
	silent := sys
	silent.Judge = func(Question) Judgement { return Judgement{} }
	if _, refusals := silent.Replay(before, taken.Record); len(refusals) == 0 {
		t.Error("without any answer the record is replayed")
	}
}

// TestReplayWantsAsManyAnswers leaves the words of reasons alone: they may be
// put better in a later version.
func TestReplayWantsAsManyAnswers(t *testing.T) {
	before := at("a found serving", "b grow joining")
	taken := must(t, sys.Advance, ring(), before, request("b", seen(t, now, "b/up", "b/seen")...))
	for name, results := range map[string][]stage.Result{
		"one less": taken.Record.Results[:1],
		"one more": append(taken.Record.Results, taken.Record.Results[0]),
	} {
		rec := taken.Record
		rec.Results = results
		if _, refusals := sys.Replay(before, rec); len(refusals) == 0 {
			t.Errorf("%s: the record is replayed", name)
		}
	}
}

// TestReplayWantsTheGateOfAStart is about gates that must be open before a
// procedure starts.
func TestReplayWantsTheGateOfAStart(t *testing.T) {
	before := at("a found serving")
	taken := must(t, sys.Advance, ring(), before, request("a", seen(t, now, "a/calm")...).starting("turn"))
	rec := taken.Record
	rec.Gate, rec.Results, rec.Observations, rec.Expected = "", nil, nil, nil
	if _, refusals := sys.Replay(before, rec); len(refusals) == 0 {
		t.Error("without its gate the procedure starts")
	}
}

func TestAdvanceOfAnUnknownRegion(t *testing.T) {
	for _, procedure := range []string{"", "grow"} {
		if _, refusals := sys.Advance(ring(), at("a found serving"), request("z").starting(procedure)); len(refusals) == 0 {
			t.Errorf("procedure %q starts", procedure)
		}
	}
}

// TestLifeOfARing takes a ring through all that may happen to it. Every record
// is replayed as it is written, by itself and in the end all together.
func TestLifeOfARing(t *testing.T) {
	f := ring()
	clock := noon
	rollout := stage.Rollout{Topology: "t"}
	var records []stage.Record
	step := func(by func(Ring, stage.Rollout, Request) (Taken, []stage.Refusal), region, procedure string, pods ...string) {
		t.Helper()
		clock = clock.Add(90 * time.Minute)
		req := Request{Region: region, Procedure: procedure, Topology: fmt.Sprint("digest ", f.version), Now: clock, MaxSkew: time.Minute, Seen: seen(t, clock, pods...)}
		taken := must(t, by, f, rollout, req)
		rollout = taken.After
		records = append(records, taken.Record)
	}
	step(sys.Advance, "a", "")
	step(sys.Abort, "a", "")
	step(sys.Advance, "a", "")
	step(sys.Advance, "a", "", "a/up", "a/whole")
	step(sys.Adopt, "c", "", "c/up")
	f.seed = ""
	step(sys.Advance, "b", "", "a/seed", "b/calm")
	step(sys.Advance, "b", "", "b/up", "b/seen")
	step(sys.Abort, "b", "")
	step(sys.Advance, "b", "", "b/up", "b/seen")
	step(sys.Advance, "b", "", "b/complete")
	f.version = "2"
	for _, region := range []string{"a", "b", "c"} {
		step(sys.Adopt, region, "", region+"/up")
	}
	step(sys.Advance, "c", "turn", "c/calm")
	step(sys.Advance, "b", "shrink")
	step(sys.Advance, "c", "", "c/up")
	step(sys.Advance, "b", "", "b/empty")
	f.seed = "10.1.1.1"
	step(sys.Advance, "b", "")
	step(sys.Abort, "b", "")
	step(sys.Abort, "b", "")
	step(sys.Abort, "b", "")
	step(sys.Advance, "b", "", "b/empty")

	again := stage.Rollout{Topology: "t"}
	for _, rec := range records {
		after, refusals := sys.Replay(again, rec)
		wantRefusals(t, refusals, nil)
		again = after
	}
	if diff := cmp.Diff(rollout, again, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-taken +replayed):\n%s", diff)
	}
	want := []string{"a serving 2", "c serving 2", "b gone "}
	var got []string
	for _, p := range again.Regions {
		got = append(got, fmt.Sprintf("%s %s %s", p.Region, p.Phase, p.Facts["version"]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// Left out, turned round or edited, no record fits any more.
	for i := range records[:len(records)-1] {
		if _, refusals := replayAll(append(append([]stage.Record{}, records[:i]...), records[i+1:]...)); len(refusals) == 0 {
			t.Errorf("without record %d the others are replayed", i+1)
		}
		edited := append([]stage.Record{}, records...)
		edited[i].Topology += "x"
		if _, refusals := replayAll(edited); len(refusals) == 0 {
			t.Errorf("with record %d edited all are replayed", i+1)
		}
	}
}

func replayAll(records []stage.Record) (stage.Rollout, []stage.Refusal) {
	r := stage.Rollout{Topology: "t"}
	for _, rec := range records {
		after, refusals := sys.Replay(r, rec)
		if len(refusals) > 0 {
			return r, refusals
		}
		r = after
	}
	return r, nil
}
