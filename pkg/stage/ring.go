package stage

import (
	"fmt"
	"slices"
	"strings"
)

// A Ring is what a plan needs to know of the regions of a topology: in order
// of the file, their names, sources and procedures.
type Ring []Member

// A Member is one region of a ring.
type Member struct {
	Region string
	// Source is the region that this one is built from; "" founds the ring.
	Source string
	// Procedure builds the region.
	Procedure *Procedure
}

// Phases holds the phase of each region.
type Phases map[string]Phase

// A Stage is one step of a plan: one region moves from one phase to the next,
// which is one revision of the rendered tree.
type Stage struct {
	Number    int
	Region    string
	Procedure *Procedure
	From, To  Phase
	// Current is true for the stage that a region waits before now.
	Current bool
	// Gate is what must hold before the step; nil where it starts by decision.
	Gate *Gate
}

// Member returns the member of that region, or nil.
func (r Ring) Member(region string) *Member {
	for i := range r {
		if r[i].Region == region {
			return &r[i]
		}
	}
	return nil
}

// Preview returns a rollout with regions put at given phases, as if they had
// come there, and why they cannot be. A region that one of them is built from
// serves, unless its phase is given too.
func (r Ring) Preview(all Procedures, base Rollout, known Phases) (Rollout, []Refusal) {
	var refusals []Refusal
	for _, m := range r {
		phase, ok := known[m.Region]
		if !ok {
			continue
		}
		procedure := m.through(all, phase)
		if procedure == nil {
			refusals = append(refusals, Refusal{Region: m.Region, Message: fmt.Sprintf("region %s has no phase %q; it can be at %s", m.Region, phase, strings.Join(m.Phases(all), ", "))})
			continue
		}
		p := base.At(m.Region)
		if p.Phase != phase {
			p = Progress{Region: m.Region, Procedure: procedure.Name, Phase: phase, SeedHost: p.SeedHost}
		}
		if !phase.Rests() {
			p.Source = m.Source
		}
		base = base.With(p)
		if phase.InRing() {
			base = r.serveSources(m, base, known)
		}
	}
	return base, append(refusals, base.Check(all)...)
}

// through returns the procedure by which a member comes to a phase: the one
// that builds it if that has the phase, else the first that has it, or nil.
func (m Member) through(all Procedures, phase Phase) *Procedure {
	if m.Procedure.Index(phase) >= 0 {
		return m.Procedure
	}
	i := slices.IndexFunc(all, func(p *Procedure) bool { return p.forAny() && p.Index(phase) >= 0 })
	if i < 0 {
		return nil
	}
	return all[i]
}

// forAny reports whether a region can be in the procedure however it was built.
func (p *Procedure) forAny() bool { return !p.Founds && !p.FromSource && !p.Adopts }

// Phases lists those that a member can be put at.
func (m Member) Phases(all Procedures) []string {
	names := m.Procedure.PhaseNames()
	for _, p := range all {
		for _, name := range p.PhaseNames() {
			if p.forAny() && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (r Ring) serveSources(m Member, base Rollout, known Phases) Rollout {
	for range r {
		source := r.Member(m.Source)
		if source == nil {
			break
		}
		if _, ok := known[source.Region]; !ok {
			base = base.With(Progress{Region: source.Region, Procedure: source.Procedure.Name, Phase: Serving, Facts: base.At(source.Region).Facts})
		}
		m = *source
	}
	return base
}

// Plan returns the stages that are left, numbered on from the rollout: what is on its way is finished first,
// then every planned region is built after its source, one at a time, in the
// order of the ring. A region that is gone stays so, and one whose source is
// unknown, circular or gone is left out; lint reports it.
func (r Ring) Plan(all Procedures, at Rollout) []Stage {
	var stages []Stage
	serves := map[string]bool{}
	for _, p := range at.Regions {
		procedure := all.Named(p.Procedure)
		if p.Phase.Rests() || procedure == nil {
			serves[p.Region] = p.Phase == Serving
			continue
		}
		first := len(stages)
		if stages = appendStages(stages, p.Region, procedure, p.Phase); len(stages) > first {
			stages[first].Current = true
		}
		serves[p.Region] = procedure.Phases[len(procedure.Phases)-1].Phase == Serving
	}
	for m := r.next(at, serves); m != nil; m = r.next(at, serves) {
		stages = appendStages(stages, m.Region, m.Procedure, Planned)
		serves[m.Region] = true
	}
	for i := range stages {
		stages[i].Number = at.Step + i + 1
	}
	return stages
}

// next picks the planned region to build next.
func (r Ring) next(at Rollout, serves map[string]bool) *Member {
	for i := range r {
		m := &r[i]
		if at.At(m.Region).Phase == Planned && !serves[m.Region] && (m.Source == "" || serves[m.Source]) {
			return m
		}
	}
	return nil
}

func appendStages(stages []Stage, region string, p *Procedure, at Phase) []Stage {
	for from := p.Index(at); from >= 0 && from+1 < len(p.Phases); from++ {
		phase := p.Phases[from].Phase
		stages = append(stages, Stage{Region: region, Procedure: p, From: phase, To: p.Phases[from+1].Phase, Gate: p.mustOpen(phase)})
	}
	return stages
}

// mustOpen returns the gate that nobody can pass by decision, or nil.
func (p *Procedure) mustOpen(phase Phase) *Gate {
	if gate := p.Gate(phase); gate != nil && !gate.Optional {
		return gate
	}
	return nil
}
