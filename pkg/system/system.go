// Package system says what a system brings: how it turns a region at a phase
// into files, its procedures, its rules, and the commands that a person runs.
// Each system is a room of its own below this one.
package system

import (
	"time"

	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

// A System is one kind of data layer.
type System struct {
	// Name is what spec.system says.
	Name string
	// Procedures are the ways in which its rings change.
	Procedures []*stage.Procedure
	// Rules returns the rules that hold for this system; their checks look at
	// the given ring, which may be nil where only their text is wanted.
	Rules func(Ring) []lint.Rule
	// New compiles a topology of this system.
	New func(*topology.Topology) (Ring, error)
	// Skeleton is the part of a new topology, in YAML, that only this system
	// has; `ringplan init` writes it.
	Skeleton string
}

// A Ring is a compiled topology.
type Ring interface {
	// Members lists the regions, their sources and procedures.
	Members() stage.Ring
	// Render returns the files of a region at a phase, with paths relative to
	// the rendered tree; none for a planned region.
	Render(region string, phase stage.Phase) ([]manifest.File, error)
	// Judge answers the checks of a gate, in their order. It fails closed.
	Judge(Question) []stage.Result
	// Releases names what a person or engine must apply for a stage, in order.
	Releases(stage.Stage) []string
	// Commands returns the exact commands for a stage, in order; root is the
	// rendered tree as seen from where they are run.
	Commands(s stage.Stage, root string) []Command
}

// A Question is whether a gate is open for a region.
type Question struct {
	Region string
	Gate   *stage.Gate
	// Phases is where every region of the ring stands.
	Phases stage.Phases
	// Since is when the region's phase began, and Now when the question is
	// asked.
	Since, Now time.Time
	// MaxSkew is by how much two clocks may differ.
	MaxSkew time.Duration
	Seen    observe.Set
}

// A Command is one line for a shell, with what it is for.
type Command struct {
	// Comment says what the command does, or what a person must do by hand.
	Comment string `json:"comment"`
	// Run is the command line; empty where there is only something to do.
	Run string `json:"run,omitempty"`
}
