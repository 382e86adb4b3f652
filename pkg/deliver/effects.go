package deliver

import (
	"slices"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
)

// Classify returns what a change of what an engine is told does. Mostly that follows
// from the other files, whose changes say it.
func Classify(c manifest.Change) system.Effect { return system.System{Effects: effects}.Classify(c) }

// effects are those of all engines: first what the engine does beyond what the other
// files say, then everything else.
var effects = slices.Concat(
	elsewhere("*spec.kubeConfig", "[FLUX]"), elsewhere("*spec.destination", "[ARGO]"),
	goes("Kustomization", "flux/sync.yaml", "[FLUX]"), goes("HelmRelease", "flux/releases/helmreleases.yaml", "[FLUX]"),
	goes("Application", "argocd/region.yaml", "[ARGO]"), goes("ApplicationSet", "argocd/applications/applications.yaml", "[ARGO]"),
	[]system.Effect{
		{Path: "*spec.project", Class: system.OneWay, Why: "the application is of another project, which may refuse what it applied", Source: "[ARGO]"},
	},
	leavesSet(""), leavesSet("*"),
	[]system.Effect{told("", ""), told("", "*"), told("*", "")},
)

// elsewhere is the effect of a field that says which cluster is meant.
func elsewhere(path, source string) []system.Effect {
	return []system.Effect{{Path: path, Class: system.OneWay, Why: "it is applied to another cluster, and stays where it was applied before", Source: source}}
}

const leaves = "what was applied by it is removed, but for what holds data, or stays and nobody changes it any more"

// goes is the effect of objects of a kind that leave Git, alone or with their file.
func goes(kind, file, source string) []system.Effect {
	e := system.Effect{Op: manifest.Removed, Class: system.OneWay, Why: leaves, Source: source}
	object, whole := e, e
	object.Kind, whole.File = kind, file
	return []system.Effect{object, whole}
}

// leavesSet are the effects of an application that leaves an ApplicationSet, and of a
// mere field of one. The kind is known where the file has other documents.
func leavesSet(kind string) []system.Effect {
	return []system.Effect{
		told(kind, "*.list.elements[*].*"),
		{Kind: kind, Path: "*.list.elements[*]", Op: manifest.Removed, Class: system.OneWay, Why: leaves, Source: "[ARGO]"},
	}
}

func told(kind, path string) system.Effect {
	return system.Effect{Kind: kind, Path: path, Class: system.Safe, Why: "the engine carries out what the other files say", Source: "ringplan"}
}
