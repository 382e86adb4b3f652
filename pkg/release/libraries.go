package release

import "io/fs"

// Libraries are what only the program ringplan-charts links: Helm and kustomize
// make every start slower, whatever is asked for.
type Libraries struct {
	// Charts opens a store of charts.
	Charts func(Options) Store
	// Definitions compiles custom resource definitions, and ReadDefinitions reads
	// those of a folder.
	Definitions     func([]Object) (Definitions, error)
	ReadDefinitions func(dir string) ([]Object, error)
	// Overlay applies a kustomization of kind Component to documents. Its
	// relative paths lead to dir in files.
	Overlay func(component []byte, files fs.FS, dir string, docs []map[string]any) ([]map[string]any, []OverlayProblem)
	// Documents reads the documents of a YAML text; name is what errors call it.
	Documents func(name, text string) ([]Object, error)
	// Build builds a folder with a kustomization, for a namespace.
	Build func(files fs.FS, dir, namespace string) ([]map[string]any, error)
}

// Definitions are compiled custom resource definitions.
type Definitions interface {
	Known(Object) bool
	Check(Object) []Problem
}

// An OverlayProblem is what is wrong with an overlay: with one of its patches,
// by number from 0, or else with a component or an image. Idle tells that it is
// only of no use.
type OverlayProblem struct {
	Patch            int
	Component, Image string
	Idle             bool
	Message, Hint    string
}
