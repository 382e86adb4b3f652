package cli

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/system"
)

// Names of the files of rendered manifests: in the folder of each release, in
// that of the definitions, and in that of their region.
const (
	objectsName     = "manifests.yaml"
	hooksName       = "hooks.yaml"
	definitionsName = "definitions.yaml"
	addedName       = "overlay.yaml"
)

// manifestFiles returns what the charts render, as files: a folder for each
// release, with its hooks apart, and one for the definitions; the region's own
// manifests; and a kustomization of all but hooks and definitions. Secrets are
// hidden.
func (r *ring) manifestFiles() []manifest.File {
	return r.manifestFilesWith(func(o release.Object) release.Object { return o.Hidden(lint.Hidden) })
}

// manifestFilesWith is manifestFiles with Secrets shown in another way.
func (r *ring) manifestFilesWith(shown func(release.Object) release.Object) []manifest.File {
	var files []manifest.File
	var definitions []*manifest.Map // which are mostly the same in every region
	var of []release.Object
	for _, m := range r.manifests {
		if len(m.definitions) == 0 || len(of) != len(m.definitions) || &of[0] != &m.definitions[0] {
			of, definitions = m.definitions, docsOf(m.definitions, shown)
		}
		hide := release.Hider(m.releases, lint.Hidden)
		files = append(files, m.manifestFiles(definitions, func(o release.Object) release.Object { return shown(hide(o)) })...)
	}
	return files
}

// docsOf returns objects as documents to be written.
func docsOf(objects []release.Object, shown func(release.Object) release.Object) []*manifest.Map {
	docs := make([]*manifest.Map, len(objects))
	for i, o := range objects {
		docs[i] = ordered(shown(o).Doc)
	}
	return docs
}

func (m *regionManifests) manifestFiles(definitions []*manifest.Map, shown func(release.Object) release.Object) []manifest.File {
	w := manifestWriter{regionManifests: m}
	if len(definitions) > 0 {
		w.add(deliver.DefinitionsFolder+"/"+definitionsName, "What chart "+m.definitionChart+" defines; apply it on the server's side, before all else.", definitions)
		w.kustomization(deliver.DefinitionsFolder, "The custom resource definitions.", definitionsName)
	}
	var resources []string
	for _, r := range m.releases {
		var own []string
		if len(r.Objects) > 0 {
			w.add(r.Name+"/"+objectsName, fmt.Sprintf("Release %s of chart %s %s.", r.Name, r.Release.Chart, r.Version), docsOf(r.Objects, shown))
			own = []string{objectsName}
		}
		if len(r.Hooks) > 0 {
			w.add(r.Name+"/"+hooksName, fmt.Sprintf("Hooks of release %s of chart %s %s; Helm runs them, and they are no part of the release.\n%s", r.Name, r.Release.Chart, r.Version, hookLines(r.Hooks)), docsOf(r.Hooks, shown))
		}
		w.kustomization(r.Name, "Release "+r.Name+", without its hooks.", own...)
		resources = append(resources, r.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(m.own)) {
		w.add(name, "A manifest of ringplan's own, for phase "+string(m.progress.Phase)+".", docsOf([]release.Object{{Doc: m.own[name]}}, shown))
		resources = append(resources, name)
	}
	if len(m.added) > 0 {
		w.add(addedName, "What the components of the overlay add.", docsOf(m.added, shown))
		resources = append(resources, addedName)
	}
	w.kustomization("", "Everything of region "+m.name+" but definitions and hooks.", resources...)
	return w.files
}

// A manifestWriter collects the files of a region.
type manifestWriter struct {
	*regionManifests
	files []manifest.File
}

func (w *manifestWriter) add(name, header string, docs []*manifest.Map) {
	w.files = append(w.files, manifest.File{
		Path: w.name + "/" + name, Header: system.Generated + "\n" + header, Docs: docs,
		Origin: w.region.At(w.region.Region(w.name).Path("")), Rule: "manifests",
	})
}

// kustomization adds that of a folder. The namespace keeps it valid where it has
// nothing to list: kustomize refuses a file that says nothing.
func (w *manifestWriter) kustomization(folder, header string, resources ...string) {
	doc := manifest.NewMap("apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization")
	if len(resources) == 0 {
		doc.Set("namespace", w.namespace)
	}
	w.add(path.Join(folder, "kustomization.yaml"), header, []*manifest.Map{doc.Set("resources", resources)})
}

// hookLines lists hooks, and when each runs.
func hookLines(hooks []release.Object) string {
	var lines []string
	for _, h := range hooks {
		line := h.String() + ": " + strings.Join(h.Hook.Events, ", ")
		if h.Hook.Weight != 0 {
			line += fmt.Sprintf(", weight %d", h.Hook.Weight)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// ordered returns a document with the keys that name it first.
func ordered(doc map[string]any) *manifest.Map {
	m := manifest.NewMap()
	for _, key := range []string{"apiVersion", "kind", "metadata"} {
		if value, ok := doc[key]; ok {
			m.Set(key, value)
		}
	}
	m.Merge(doc)
	return m
}
