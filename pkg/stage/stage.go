// Package stage knows how a ring changes over time: procedures are ordered
// phases with a gate between each pair, and a plan is the order in which the
// regions of a ring go through them. It knows no system; systems bring their
// procedures as data.
package stage

import (
	"fmt"
	"slices"
	"strings"
)

// A Phase names where a region stands in its procedure; it fixes what is
// rendered for the region.
type Phase string

// The phases that every procedure starts from or ends in.
const (
	Planned Phase = "planned"
	Serving Phase = "serving"
)

// A Procedure is a named, ordered way to change a ring.
type Procedure struct {
	Name    string
	Summary string
	// MovesRing is true if the procedure changes who owns which tokens, so
	// that no two regions may be in such a one at a time.
	MovesRing bool
	Phases    []PhaseInfo
	// Gates holds the condition between each phase and the next; it is one
	// shorter than Phases.
	Gates []Gate
}

// PhaseInfo describes a phase.
type PhaseInfo struct {
	Phase   Phase
	Summary string
}

// A Gate is the condition between two phases.
type Gate struct {
	// Name is stable, such as rebuild-complete; `ringplan explain NAME` tells
	// more.
	Name string
	// Words says in one sentence what is waited for.
	Words string
	// Checks are the single conditions, all of which must hold.
	Checks []string
	// Look holds commands that show where the region stands.
	Look []string
	// Why says what goes wrong without the gate, and Source where it is from.
	Why, Source string
}

// Index returns the place of a phase in the procedure, or -1.
func (p *Procedure) Index(phase Phase) int {
	return slices.IndexFunc(p.Phases, func(i PhaseInfo) bool { return i.Phase == phase })
}

// PhaseNames lists the phases in order.
func (p *Procedure) PhaseNames() []string {
	names := make([]string, len(p.Phases))
	for i, info := range p.Phases {
		names[i] = string(info.Phase)
	}
	return names
}

// A Ring is what a plan needs to know of the regions of a topology: in order
// of the file, their names, sources and procedures.
type Ring []Member

// A Member is one region of a ring.
type Member struct {
	Region string
	// Source is the region that this one is built from; "" founds the ring.
	Source    string
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
	// Gate is what must hold before the step; nil for the first step of a
	// procedure, which starts by decision.
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

// Resolve returns the phase of every region, given those that are known. Of
// the others, one that a moving or serving region is built from serves; else
// the founder of the ring is in its first phase and the rest are planned.
func (r Ring) Resolve(known Phases) Phases {
	phases := Phases{}
	for region, phase := range known {
		phases[region] = phase
	}
	for _, m := range r {
		if phase, ok := phases[m.Region]; ok && phase != Planned {
			r.serveSources(m, known, phases)
		}
	}
	for _, m := range r {
		if _, ok := phases[m.Region]; ok {
			continue
		}
		phases[m.Region] = Planned
		if m.Source == "" {
			phases[m.Region] = m.Procedure.Phases[1].Phase
		}
	}
	return phases
}

func (r Ring) serveSources(m Member, known, phases Phases) {
	for range r {
		source := r.Member(m.Source)
		if source == nil {
			return
		}
		if _, ok := known[source.Region]; !ok {
			phases[source.Region] = Serving
		}
		m = *source
	}
}

// A Problem is why a region cannot be at its phase.
type Problem struct{ Region, Message string }

// Check returns what makes a set of phases one that no rollout reaches: two
// regions that move the ring at a time, or a source that does not serve.
func (r Ring) Check(phases Phases) []Problem {
	var problems []Problem
	var moving []string
	report := func(region, format string, args ...any) {
		problems = append(problems, Problem{region, fmt.Sprintf(format, args...)})
	}
	for _, m := range r {
		phase := phases[m.Region]
		if m.Procedure.Index(phase) < 0 {
			report(m.Region, "the %s procedure of region %s has no phase %q; it has %s", m.Procedure.Name, m.Region, phase, strings.Join(m.Procedure.PhaseNames(), ", "))
			continue
		}
		if phase == Planned {
			continue
		}
		if phase != Serving && m.Procedure.MovesRing {
			moving = append(moving, m.Region+" ("+string(phase)+")")
			if len(moving) > 1 {
				report(m.Region, "only one region at a time may move the ring, not %s", strings.Join(moving, " and "))
			}
		}
		if m.Source != "" && phases[m.Source] != Serving {
			report(m.Region, "region %s is %s, but its source %s is %s: only a serving region is a source", m.Region, phase, m.Source, phases[m.Source])
		}
	}
	return problems
}

// Plan returns the stages that are left until every region serves, one region
// at a time: those that are on their way first, then each after its source, in
// the order of the ring. A region whose source is unknown or circular is left
// out; lint reports it.
func (r Ring) Plan(phases Phases) []Stage {
	served := map[string]bool{}
	for region, phase := range phases {
		served[region] = phase == Serving
	}
	var stages []Stage
	for {
		m := r.next(phases, served)
		if m == nil {
			return stages
		}
		stages = m.appendStages(stages, phases[m.Region])
		served[m.Region] = true
	}
}

// next picks the region to finish next.
func (r Ring) next(phases Phases, served map[string]bool) *Member {
	var pick *Member
	for i := range r {
		m := &r[i]
		if served[m.Region] || (m.Source != "" && !served[m.Source]) {
			continue
		}
		if phases[m.Region] != Planned {
			return m
		}
		if pick == nil {
			pick = m
		}
	}
	return pick
}

func (m *Member) appendStages(stages []Stage, at Phase) []Stage {
	p := m.Procedure
	from := p.Index(at)
	if from < 0 {
		return stages
	}
	for i := from; i+1 < len(p.Phases); i++ {
		s := Stage{Number: len(stages) + 1, Region: m.Region, Procedure: p, From: p.Phases[i].Phase, To: p.Phases[i+1].Phase}
		if p.Gates[i].Name != "" {
			s.Gate = &p.Gates[i]
		}
		stages = append(stages, s)
	}
	return stages
}
