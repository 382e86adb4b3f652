package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// A Review is all that a reviewer needs to know of a change to one topology.
type Review struct {
	Topology string
	// Base names the revision that the change is compared with.
	Base string
	// Added marks a topology that was not there at the base.
	Added bool
	// Mended marks a topology that could not be read at the base.
	Mended bool
	// Edited marks one that says something else than at the base.
	Edited bool
	// Removed marks one that was there at the base.
	Removed bool
	// Broken marks one that cannot be read now.
	Broken bool
	// Taken are the steps that the change takes.
	Taken []stage.Record
	// Diff is what the change does to what is rendered.
	Diff Diff
	// Plan is what comes after it.
	Plan Plan
	// Status is where the regions stand, with the change.
	Status Status
	// Graph is the picture of the topology, with the change.
	Graph Graph
	// Findings are those of the topology, new ones marked.
	Findings diag.List
}

// Quiet reports whether the change does nothing to the topology that anybody
// has to look at.
func (r Review) Quiet() bool {
	return r.Diff.Empty() && len(r.Taken) == 0 && !r.Edited && !r.Removed && !r.Added && !r.Mended && len(r.newFindings()) == 0
}

// newFindings are the findings that count and were not there before.
func (r Review) newFindings() diag.List {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f diag.Finding) bool {
		return f.Silenced != "" || f.Baseline == diag.Unchanged
	})
}

// Sentence says in one sentence what the change does.
func (r Review) Sentence() string {
	var parts []string
	if r.Added {
		parts = append(parts, "brings a new topology")
	}
	if r.Mended {
		parts = append(parts, "mends a topology that could not be read before")
	}
	if r.Removed {
		parts = append(parts, "removes a topology that has regions in the ring")
	}
	if r.Broken {
		parts = append(parts, "leaves a topology that cannot be read, so nothing is known of it")
	}
	for _, rec := range r.Taken {
		parts = append(parts, fmt.Sprintf("takes region %s from %s to %s", rec.Region, rec.From, rec.To))
	}
	if n := r.Diff.count(); n > 0 {
		parts = append(parts, fmt.Sprintf("alters what is rendered in %s (%s, the gravest effect: %s)", Count(len(r.Diff.Regions), "region"), Count(n, "change"), r.Diff.Worst()))
	}
	if len(parts) == 0 && r.Edited {
		parts = append(parts, "edits the topology, and alters nothing that is rendered yet")
	}
	if len(parts) == 0 {
		parts = append(parts, "alters nothing that is rendered")
	}
	return "This change " + sentenceList(parts) + "."
}

// sentenceList writes "a, b and c", of many parts only how many there are of
// the middle ones.
func sentenceList(parts []string) string {
	const most = 5
	if len(parts) > most {
		parts = append(slices.Clone(parts[:most-2]), Count(len(parts)-most+1, "more step"), parts[len(parts)-1])
	}
	last := len(parts) - 1
	if last == 0 {
		return parts[0]
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// count returns how many fields change.
func (d Diff) count() int {
	n := 0
	for _, r := range d.Regions {
		n += len(r.Changes)
	}
	return n
}

// Worst returns the gravest class of a diff.
func (d Diff) Worst() system.Class {
	worst := system.Safe
	for _, r := range d.Regions {
		if class := r.Worst(); class.Worse(worst) {
			worst = class
		}
	}
	return worst
}
