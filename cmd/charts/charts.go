// Package charts brings together the libraries that only ringplan-charts links.
package charts

import (
	"fmt"
	"io/fs"
	"path"
	"testing/fstest"

	"sigs.k8s.io/yaml"

	"github.com/ringplan/ringplan/pkg/chart"
	"github.com/ringplan/ringplan/pkg/chart/definition"
	"github.com/ringplan/ringplan/pkg/overlay"
	"github.com/ringplan/ringplan/pkg/release"
)

// Libraries returns Helm and kustomize.
func Libraries() *release.Libraries {
	return &release.Libraries{
		Charts:          func(o release.Options) release.Store { return chart.Open(o) },
		Definitions:     func(of []release.Object) (release.Definitions, error) { return definition.Compile(of) },
		ReadDefinitions: definition.Read,
		Overlay:         apply,
		Documents:       chart.Documents,
		Build:           build,
	}
}

func apply(component []byte, files fs.FS, dir string, docs []map[string]any) ([]map[string]any, []release.OverlayProblem) {
	docs, found := overlay.Apply(overlay.Overlay{Component: component, Files: files, Dir: dir}, docs)
	problems := make([]release.OverlayProblem, len(found))
	for i, p := range found {
		problems[i] = release.OverlayProblem(p)
	}
	return docs, problems
}

// build builds a kustomization with another namespace than it says.
func build(files fs.FS, dir, namespace string) ([]map[string]any, error) {
	name := path.Join(dir, "kustomization.yaml")
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if namespace != "" {
		doc["namespace"] = namespace
	}
	if data, err = yaml.Marshal(doc); err != nil {
		return nil, err
	}
	return overlay.Build(instead{files, name, data}, dir)
}

// instead has other bytes in one file of a file system.
type instead struct {
	fs.FS
	name string
	data []byte
}

// Open implements [fs.FS].
func (i instead) Open(name string) (fs.File, error) {
	if name == i.name {
		return fstest.MapFS{name: {Data: i.data}}.Open(name)
	}
	return i.FS.Open(name)
}
