// Package stage knows how a ring changes over time. Procedures are ordered
// phases with a gate between each pair; a rollout is where every region of a
// ring stands in its procedure; and every step of it is a record that names
// the one before, so that a rollout is what its records add up to and nothing
// else. The package knows no system: systems bring their procedures as data,
// and answer the checks of their gates.
package stage

import "slices"

// A Phase names where a region stands in its procedure; it fixes what is
// rendered for the region.
type Phase string

// The phases in which a region is at rest: every procedure starts from one of
// them and ends in one.
const (
	Planned Phase = "planned" // not in the ring yet
	Serving Phase = "serving" // in the ring, whole
	Gone    Phase = "gone"    // not in the ring any more
)

// Rests reports whether a region at that phase is in no procedure.
func (p Phase) Rests() bool { return p == Planned || p == Serving || p == Gone }

// InRing reports whether the datacenter of a region at that phase is, or may
// be, part of the ring.
func (p Phase) InRing() bool { return p != Planned && p != Gone }

// A Procedure is a named, ordered way to change a ring.
type Procedure struct {
	Name    string
	Summary string
	// MovesRing is true if the procedure changes who owns which tokens: no two
	// regions may be in such a one at a time (I3).
	MovesRing bool
	// Founds is true if the region starts a ring, which may have no other; and
	// FromSource if it is built from a region that serves (I4).
	Founds, FromSource bool
	// Drops is true if the region leaves the ring, where another must serve (I5).
	Drops bool
	// Also lists phases on the way in other procedures from which this one may
	// be started too.
	Also []Phase
	// Adopts is true if the procedure takes in a region that was built without
	// it: its one gate proves that the region serves.
	Adopts bool
	// ByAbort is true if the procedure starts only as the abort path of
	// another.
	ByAbort bool
	// Agree names the facts that every region in the ring must have in common
	// with this one before the procedure starts.
	Agree  []string
	Phases []PhaseInfo
	// Gates holds the condition between each phase and the next; it is one
	// shorter than Phases.
	Gates []Gate
}

// PhaseInfo describes a phase.
type PhaseInfo struct {
	Phase   Phase
	Summary string
	// DropsSeed is true if the region does without its seed host from here on.
	DropsSeed bool
	Abort     WayOut
}

// A WayOut is where a region goes when a phase is aborted.
type WayOut struct {
	// Procedure and To are where the region goes. There is no way back if To
	// is empty: then Do is what a person can do to get forward.
	Procedure string
	To        Phase
	// Do is what a person must do, in order.
	Do []string
}

// A Gate is the condition between two phases.
type Gate struct {
	// Name is stable, such as rebuild-complete; `ringplan explain NAME` tells
	// more. The first gate of a procedure may have none.
	Name string
	// Words says in one sentence what is waited for.
	Words string
	// Checks are the single conditions, all of which must hold.
	Checks []string
	// Look holds commands that show where the region stands.
	Look []string
	// Why says what goes wrong without the gate, and Source where it is from.
	Why, Source string
	// Optional marks a gate that is judged only where there are observations:
	// the first step of a procedure starts by decision.
	Optional bool
}

// Index returns the place of a phase in the procedure, or -1.
func (p *Procedure) Index(phase Phase) int {
	return slices.IndexFunc(p.Phases, func(i PhaseInfo) bool { return i.Phase == phase })
}

// First returns the phase that the procedure starts from.
func (p *Procedure) First() Phase { return p.Phases[0].Phase }

// StartsFrom reports whether a region at that phase can start the procedure: a
// region that is gone counts as planned.
func (p *Procedure) StartsFrom(phase Phase) bool {
	return phase == p.First() || phase == Gone && p.First() == Planned || slices.Contains(p.Also, phase)
}

// Startable reports whether a person can start the procedure by name.
func (p *Procedure) Startable() bool { return !p.ByAbort && !p.Adopts }

// PhaseNames lists the phases in order.
func (p *Procedure) PhaseNames() []string {
	names := make([]string, len(p.Phases))
	for i, info := range p.Phases {
		names[i] = string(info.Phase)
	}
	return names
}

// Gate returns the gate that a region in that phase waits at, or nil if there
// is none.
func (p *Procedure) Gate(phase Phase) *Gate {
	i := p.Index(phase)
	if i < 0 || i >= len(p.Gates) || p.Gates[i].Name == "" {
		return nil
	}
	return &p.Gates[i]
}

// Next returns the phase after that one, or "" if there is none.
func (p *Procedure) Next(phase Phase) Phase {
	if i := p.Index(phase); i >= 0 && i+1 < len(p.Phases) {
		return p.Phases[i+1].Phase
	}
	return ""
}

// Procedures are those that the rings of a system go through.
type Procedures []*Procedure

// Named returns the procedure of that name, or nil.
func (all Procedures) Named(name string) *Procedure {
	for _, p := range all {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Startable names those that a person can start.
func (all Procedures) Startable() []string {
	var names []string
	for _, p := range all {
		if p.Startable() {
			names = append(names, p.Name)
		}
	}
	return names
}

// Adopting returns the procedure that takes in existing regions, or nil.
func (all Procedures) Adopting() *Procedure {
	for _, p := range all {
		if p.Adopts {
			return p
		}
	}
	return nil
}

// NeedsSeed reports whether a region of that progress joins with a seed host:
// it is being built from a source, and no phase has dropped it yet.
func (all Procedures) NeedsSeed(p Progress) bool {
	procedure := all.Named(p.Procedure)
	if procedure == nil || !procedure.FromSource || p.Phase.Rests() {
		return false
	}
	for _, info := range procedure.Phases {
		if info.DropsSeed {
			return false
		}
		if info.Phase == p.Phase {
			return true
		}
	}
	return false
}

// moves reports whether a region of that progress is moving the ring.
func (all Procedures) moves(p Progress) bool {
	procedure := all.Named(p.Procedure)
	return !p.Phase.Rests() && procedure != nil && procedure.MovesRing
}

// Gate returns the gate of that name, or nil.
func (all Procedures) Gate(name string) *Gate {
	for _, p := range all {
		for i := range p.Gates {
			if p.Gates[i].Name == name && name != "" {
				return &p.Gates[i]
			}
		}
	}
	return nil
}
