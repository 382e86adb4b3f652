// Package system says what a system brings: how it turns a region at a phase
// into files, its procedures, its rules, the answers to the checks of its
// gates, and the commands that a person runs. Each system is a room of its own
// below this one. The steps of a rollout are taken here, with what a system
// brings and what the rollout allows.
package system

import (
	"encoding/json"
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
	Procedures stage.Procedures
	// Rules returns the rules that hold for this system; their checks look at
	// the given ring, which may be nil where only their text is wanted.
	Rules func(Ring) []lint.Rule
	// New compiles a topology of this system.
	New func(*topology.Topology) (Ring, error)
	// Judge answers the checks of a gate, in their order. It fails closed, and
	// needs nothing but the question, so that a gate can be judged again when
	// the topology has long changed.
	Judge func(Question) Judgement
	// Effects tells what changes of rendered fields do; the first that matches
	// counts.
	Effects []Effect
	// Live tells how what is rendered shows in a cluster.
	Live Live
	// Scripts tell Argo CD how the custom resources are.
	Scripts []Script
	// Skeleton is the part of a new topology, in YAML, that only this system
	// has; `ringplan init` writes it.
	Skeleton string
}

// A Ring is a compiled topology.
type Ring interface {
	// Members lists the regions, their sources and procedures.
	Members() stage.Ring
	// Facts lists what the ring relies on in a region.
	Facts(region string) []stage.Fact
	// Render returns the files of a region where it stands, with paths
	// relative to the rendered tree; none for one that is not in the ring.
	Render(at stage.Progress) ([]manifest.File, error)
	// Delivery returns what an engine has to know of a region where it stands;
	// false if nothing is rendered for it.
	Delivery(at stage.Progress) (Delivery, bool)
	// Repository is the OCI repository of the charts, where they are not in a
	// folder.
	Repository() string
	// Field returns the field of the topology that sets a value of a region's
	// overrides, such as cassandra.storage.storageSize or envs[0].name.
	Field(region, value string) string
	// Deviations compares the objects of a region, as its charts and overlay make
	// them, with what the phase wants of them.
	Deviations(at stage.Progress, objects []map[string]any) []Deviation
	// Expect returns what the checks of the region's next gate compare
	// observations with, where the ring stands like that.
	Expect(at stage.Progress, in stage.Rollout) any
	// Seed finds the address by which a region can join in observations of its
	// source, and says where it is from; or why there is none.
	Seed(region string, q Question) (host, from, reason string)
	// Releases names what a person or engine must apply for a stage, in order.
	Releases(stage.Stage) []string
	// Commands returns the exact commands for a stage, in order; root is the
	// rendered tree as seen from where they are run.
	Commands(s stage.Stage, root string) []Command
}

// A Deviation is a field of an object that is not as its phase wants it. Path is
// the field of the topology that says it.
type Deviation struct{ Path, Message string }

// A Question is whether a gate is open.
type Question struct {
	Gate *stage.Gate
	// Expected is what [Ring.Expect] returned, as JSON.
	Expected json.RawMessage
	// Since is when the region's phase began, and Now when the question is
	// asked.
	Since, Now time.Time
	// MaxSkew is by how much two clocks may differ.
	MaxSkew time.Duration
	Seen    observe.Set
}

// A Judgement is what the checks of a gate answer.
type Judgement struct {
	Results []stage.Result
	// Used holds the observations that the answers rest on: with them alone
	// the answers are the same.
	Used observe.Set
}

// A Command is one line for a shell, with what it is for.
type Command struct {
	// Comment says what the command does, or what a person must do by hand.
	Comment string `json:"comment"`
	// Run is the command line; empty where there is only something to do.
	Run string `json:"run,omitempty"`
	// Applies is true of what an engine does, where one delivers; and Definitions
	// of what applies custom resource definitions, which not every engine does.
	Applies, Definitions bool `json:"-"`
}
