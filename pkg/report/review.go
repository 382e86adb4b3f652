package report

import (
	"github.com/ringplan/ringplan/pkg/diag"
)

// A Review is all that a reviewer needs to know of a change to one topology.
type Review struct {
	Topology string
	// Base names the revision that the change is compared with.
	Base string
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
