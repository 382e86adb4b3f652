package system

import (
	"slices"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
)

// A Delivery is what an engine has to know of a region where it stands, besides
// the files that are rendered for it.
type Delivery struct {
	At stage.Progress
	// Overrides is the path of the values file of every release, in the folder
	// of the region.
	Overrides string
	// Definitions are the custom resource definitions.
	Definitions Definitions
	// Namespaces are those that the releases render into.
	Namespaces []string
	// Releases are those that stay, in the order of their installation.
	Releases []Release
	// Own holds the health of what ringplan's own manifests start, none where
	// they start nothing; and OwnAfter the releases that must be ready before.
	Own      []Health
	OwnAfter []string
}

// Definitions are custom resource definitions that a chart keeps in a folder
// with a kustomization.
type Definitions struct {
	Chart, Folder string
	// Namespace is the one that the kustomization is fixed to.
	Namespace string
}

// A Release is one Helm release of a region.
type Release struct {
	Name, Chart string
	// Set are values that only this release has; nil for none.
	Set *manifest.Map
	// After are the releases that must be ready before it.
	After []string
	// Health is that of the custom resources that it makes, by kind.
	Health []Health
	// Blind are values for an engine that renders without a cluster to ask, where a
	// chart would ask; nil for none.
	Blind *manifest.Map
	// Holds lists the objects that hold data, each as kubectl names it: TYPE/NAME.
	// An engine leaves it to a person to remove them; none for a release without
	// data.
	Holds []string
}

// Leaving returns the releases that hold data and are not there any more after a
// stage of the region that stands at p.
func Leaving(ring Ring, p stage.Progress, s stage.Stage) []Release {
	p.Procedure, p.Phase = s.Procedure.Name, s.From
	before, _ := ring.Delivery(p)
	p.Phase = s.To
	after, _ := ring.Delivery(p)
	return slices.DeleteFunc(before.Releases, func(rel Release) bool {
		stays := slices.ContainsFunc(after.Releases, func(r Release) bool { return r.Name == rel.Name })
		return stays || len(rel.Holds) == 0
	})
}

// A Health says, in CEL, when an object of a kind is well. The expressions are
// over its fields, as Flux evaluates them [FLUX]: the first of InProgress,
// Failed and Current that holds counts, and none means in progress.
type Health struct {
	APIVersion, Kind string
	// Name is the one object that is meant; "" means all that are applied.
	Name                        string
	InProgress, Failed, Current string
}

// A Script is the health of a kind in Lua, as Argo CD runs it [ARGO]: with the
// basic functions, and no others, over obj.
type Script struct{ Group, Kind, Lua string }

// RebuildAfter is the annotation that tells a [Script] from when on a rebuild
// counts, in seconds since 1970.
const RebuildAfter = "ringplan.dev/rebuild-after"
