package system

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
)

// A Request is a step that somebody wants to take.
type Request struct {
	Region string
	// Procedure is one to start instead of what comes next for the region; ""
	// goes on, or builds a region that is planned.
	Procedure string
	// Topology is the topology's digest.
	Topology string
	Now      time.Time
	MaxSkew  time.Duration
	Seen     observe.Set
	// Asked is whether clusters were asked: then no gate is passed over because
	// none has said anything.
	Asked bool
}

// A Taken is a step that may be taken, or could be but for its gate.
type Taken struct {
	Record stage.Record
	// Gate is what was judged; nil if there was nothing to judge.
	Gate *stage.Gate
	// After is the rollout after the step. It is the one before if the gate is
	// not open; then the results in Record say why.
	After stage.Rollout
}

// Open reports whether the step's gate is open, or has none.
func (t Taken) Open() bool { return t.Gate == nil || stage.Verdict(t.Record.Results) == stage.Met }

// Advance starts the procedure of a region at rest, or takes a region through
// the gate that it waits at.
func (s System) Advance(ring Ring, at stage.Rollout, req Request) (Taken, []stage.Refusal) {
	t := s.taking(ring, at, req)
	p := at.At(req.Region)
	if ring.Members().Member(req.Region) == nil {
		return Taken{}, t.refuse("the topology has no region %s", req.Region)
	}
	starts := s.Procedures.Named(req.Procedure)
	if p.Phase.Rests() || starts != nil && starts.Name != p.Procedure && starts.StartsFrom(p.Phase) {
		return t.start(p)
	}
	return t.advance(p)
}

// Adopt takes in a region that was built without ringplan, or proves one that
// serves anew.
func (s System) Adopt(ring Ring, at stage.Rollout, req Request) (Taken, []stage.Refusal) {
	t := s.taking(ring, at, req)
	p := at.At(req.Region)
	procedure := s.Procedures.Adopting()
	if ring.Members().Member(req.Region) == nil {
		return Taken{}, t.refuse("the topology has no region %s", req.Region)
	}
	if procedure == nil {
		return Taken{}, t.refuse("system %s cannot take in a region that was built without ringplan", s.Name)
	}
	t.rec.Action, t.rec.Procedure, t.rec.To, t.rec.Facts = stage.Adopt, procedure.Name, stage.Serving, t.facts()
	if refusals := t.refusedAnyway(procedure.First()); len(refusals) > 0 {
		return Taken{}, refusals
	}
	p.Procedure, p.Phase = procedure.Name, procedure.First()
	return t.judge(procedure.Gate(procedure.First()), p)
}

// Abort takes a region out of its phase, where there is a way.
func (s System) Abort(ring Ring, at stage.Rollout, req Request) (Taken, []stage.Refusal) {
	t := s.taking(ring, at, req)
	p := at.At(req.Region)
	abort := s.Procedures.AbortOf(p)
	switch {
	case p.Phase.Rests():
		return Taken{}, t.refuse("region %s is %s: there is nothing to abort", req.Region, p.Phase)
	case abort.To == "":
		return Taken{}, t.refuse("there is no way back from %s", p.Phase)
	}
	t.rec.Action, t.rec.Procedure, t.rec.To = stage.Abort, abort.Procedure, abort.To
	p.Procedure, p.Phase = abort.Procedure, abort.To
	if p.SeedHost == "" && s.Procedures.NeedsSeed(p) {
		if refusal := t.seed(); refusal != nil {
			return Taken{}, []stage.Refusal{*refusal}
		}
	}
	return t.apply(nil)
}

// taking is a step while it is put together.
type taking struct {
	system System
	ring   Ring
	at     stage.Rollout
	req    Request
	rec    stage.Record
}

func (s System) taking(ring Ring, at stage.Rollout, req Request) *taking {
	return &taking{s, ring, at, req, stage.Record{
		Step: at.Step + 1, Previous: at.Head, Time: req.Now.UTC().Truncate(time.Second), Topology: req.Topology,
		Region: req.Region, From: at.At(req.Region).Phase,
	}}
}

func (t *taking) refuse(format string, args ...any) []stage.Refusal {
	return []stage.Refusal{{Region: t.req.Region, Message: fmt.Sprintf(format, args...)}}
}

func (t *taking) facts() map[string]string { return Facts(t.ring, t.req.Region) }

// Facts returns what the topology says now of a region, in the form that a
// rollout keeps.
func Facts(ring Ring, region string) map[string]string {
	facts := map[string]string{}
	for _, f := range ring.Facts(region) {
		facts[f.Name] = f.Value
	}
	return facts
}

// start begins a procedure. The rollout alone decides, and what was observed
// besides must not speak against it.
func (t *taking) start(p stage.Progress) (Taken, []stage.Refusal) {
	procedure, refusals := t.procedure(p)
	if procedure == nil {
		return Taken{}, refusals
	}
	member := t.ring.Members().Member(t.req.Region)
	if builds := procedure.Founds || procedure.FromSource; builds && procedure != member.Procedure {
		return Taken{}, t.refuse("region %s is built by procedure %s and not by %s, as the topology gives it %s", t.req.Region, member.Procedure.Name, procedure.Name, sourceWords(member.Source))
	}
	t.rec.Action, t.rec.Procedure, t.rec.To, t.rec.Facts = stage.Start, procedure.Name, procedure.Phases[1].Phase, t.facts()
	if procedure.FromSource {
		t.rec.Source = member.Source
	}
	refusals = t.unsettled(procedure)
	if procedure.FromSource {
		if refusal := t.seed(); refusal != nil {
			refusals = append(refusals, *refusal)
		}
	}
	if more := t.refusedAnyway(p.Phase); len(more)+len(refusals) > 0 {
		return Taken{}, append(more, refusals...)
	}
	gate := procedure.Gate(procedure.First())
	if gate == nil || gate.Optional && len(t.req.Seen) == 0 && !t.req.Asked {
		return t.apply(nil)
	}
	p.Procedure, p.Phase = procedure.Name, procedure.First()
	return t.judge(gate, p)
}

func sourceWords(source string) string {
	if source == "" {
		return "no source"
	}
	return "the source " + source
}

// seed records the address by which the region joins, or says why there is
// none.
func (t *taking) seed() *stage.Refusal {
	host, from, reason := t.ring.Seed(t.req.Region, t.question(nil, nil))
	t.rec.SeedHost, t.rec.SeedFrom = host, from
	if host != "" {
		return nil
	}
	return &stage.Refusal{
		Region: t.req.Region, Message: reason,
		Way: "set seedHost in the topology (`kubectl get pods -o wide` shows the addresses), or give with -f what the source says now: its apigeeds, and nodetool status",
	}
}

// procedure picks what a region at rest starts.
func (t *taking) procedure(p stage.Progress) (*stage.Procedure, []stage.Refusal) {
	if t.req.Procedure != "" {
		procedure := t.system.Procedures.Named(t.req.Procedure)
		if procedure == nil {
			return nil, t.refuse("there is no procedure %q; there are %s", t.req.Procedure, strings.Join(t.system.Procedures.Startable(), ", "))
		}
		return procedure, nil
	}
	if p.Phase == stage.Serving {
		return nil, []stage.Refusal{{Region: p.Region, Message: fmt.Sprintf("region %s serves: there is nothing to advance", p.Region), Way: "name what to start with --procedure"}}
	}
	return t.ring.Members().Member(t.req.Region).Procedure, nil
}

// unsettled refuses to move the ring while a region in it is not as it was
// when it was last proven: it is being scaled or upgraded, perhaps.
func (t *taking) unsettled(procedure *stage.Procedure) []stage.Refusal {
	var refusals []stage.Refusal
	for _, p := range t.at.Regions {
		lost := len(procedure.Also) > 0 && p.Region == t.req.Region // whatever it was like
		if !procedure.MovesRing || p.Phase != stage.Serving || lost {
			continue
		}
		for _, f := range t.ring.Facts(p.Region) {
			was, known := p.Facts[f.Name]
			refusedAlready := slices.Contains(procedure.Agree, f.Name) && t.rec.Facts[f.Name] != was
			if known && was != f.Value && !refusedAlready {
				refusals = append(refusals, stage.Refusal{
					Region:  p.Region,
					Message: fmt.Sprintf("%s of region %s is %s in the topology, and was %s when the region was last proven", f.Name, p.Region, f.Value, was),
					Way:     "bring the region there, then `ringplan adopt " + p.Region + "` records it; or take the change back",
				})
			}
		}
	}
	return refusals
}

// refusedAnyway returns what stands against the step whatever its gate says:
// it applies the step as if every check were met.
func (t *taking) refusedAnyway(phase stage.Phase) []stage.Refusal {
	rec := t.rec
	if gate := t.system.Procedures.Named(rec.Procedure).Gate(phase); gate != nil {
		rec.Gate = gate.Name
		rec.Results = make([]stage.Result, len(gate.Checks))
		for i := range rec.Results {
			rec.Results[i].Answer = stage.Met
		}
	}
	_, refusals := t.at.Apply(t.system.Procedures, rec)
	return refusals
}

func (t *taking) advance(p stage.Progress) (Taken, []stage.Refusal) {
	procedure := t.system.Procedures.Named(p.Procedure)
	if procedure == nil {
		return Taken{}, t.refuse("there is no procedure %q", p.Procedure)
	}
	if name := t.req.Procedure; name != "" && name != p.Procedure {
		return Taken{}, []stage.Refusal{{Region: p.Region, Message: fmt.Sprintf("region %s is %s in procedure %s", p.Region, p.Phase, p.Procedure), Way: "finish or abort it before " + name}}
	}
	t.rec.Action, t.rec.Procedure, t.rec.To = stage.Advance, p.Procedure, procedure.Next(p.Phase)
	if t.rec.To == stage.Serving {
		t.rec.Facts = t.facts()
	}
	if refusals := t.refusedAnyway(p.Phase); len(refusals) > 0 {
		return Taken{}, refusals
	}
	return t.judge(procedure.Gate(p.Phase), p)
}

// judge puts the gate's question, and applies the step if it is open.
func (t *taking) judge(gate *stage.Gate, p stage.Progress) (Taken, []stage.Refusal) {
	expected := t.ring.Expect(p, t.at)
	data, err := json.Marshal(expected)
	if err == nil {
		err = json.Unmarshal(data, &t.rec.Expected) // in the form in which it is read again
	}
	if err != nil {
		return Taken{}, t.refuse("what gate %s expects cannot be written down: %v", gate.Name, err)
	}
	t.rec.Gate, t.rec.MaxSkew = gate.Name, stage.Duration(t.req.MaxSkew)
	judgement := t.system.Judge(t.question(gate, data))
	t.rec.Results, t.rec.Observations = judgement.Results, judgement.Used
	return t.apply(gate)
}

func (t *taking) question(gate *stage.Gate, expected json.RawMessage) Question {
	return Question{
		Gate: gate, Expected: expected, Since: t.rec.Since(t.at.At(t.req.Region)), Now: t.rec.Time,
		MaxSkew: t.req.MaxSkew, Seen: t.req.Seen,
	}
}

// apply takes the step if its gate is open.
func (t *taking) apply(gate *stage.Gate) (Taken, []stage.Refusal) {
	taken := Taken{Record: t.rec, Gate: gate, After: t.at}
	if !taken.Open() {
		return taken, nil
	}
	after, refusals := t.at.Apply(t.system.Procedures, t.rec)
	if len(refusals) > 0 {
		return Taken{}, refusals
	}
	taken.After = after
	return taken, nil
}

// Replay applies a record that was written earlier: the checks of its gate are
// answered again, from its observations, and must all be met.
func (s System) Replay(at stage.Rollout, rec stage.Record) (stage.Rollout, []stage.Refusal) {
	if rec.Gate == "" {
		return at.Apply(s.Procedures, rec)
	}
	skew := time.Duration(rec.MaxSkew)
	refuse := func(format string, args ...any) (stage.Rollout, []stage.Refusal) {
		return at, []stage.Refusal{{Region: rec.Region, Invariant: "I1", Message: fmt.Sprintf(format, args...)}}
	}
	gate := s.Procedures.Gate(rec.Gate)
	expected, err := json.Marshal(rec.Expected)
	switch {
	case gate == nil || err != nil:
		return refuse("there is no gate %s", rec.Gate)
	case skew < 0 || skew > stage.MaxSkew:
		return refuse("the record lets clocks differ by %s, and at most %s is allowed", skew, stage.MaxSkew)
	}
	judgement := s.Judge(Question{
		Gate: gate, Expected: expected, Since: rec.Since(at.At(rec.Region)), Now: rec.Time,
		MaxSkew: skew, Seen: rec.Observations,
	})
	for _, r := range judgement.Results {
		if r.Answer != stage.Met {
			return refuse("gate %s is not open: %s: %s", rec.Gate, r.Answer, r.Reason)
		}
	}
	if len(judgement.Results) == 0 || len(judgement.Results) != len(rec.Results) {
		return refuse("gate %s has %d checks, and the record answers %d", rec.Gate, len(judgement.Results), len(rec.Results))
	}
	return at.Apply(s.Procedures, rec)
}
