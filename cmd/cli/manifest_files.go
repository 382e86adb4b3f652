package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/system"
)

// Names of the files of rendered manifests, in the folder of their region.
const (
	definitionsName = "custom-resource-definitions.yaml"
	hooksFolder     = "hooks/"
	addedName       = "overlay.yaml"
)

// manifestFiles returns what the charts render, as files: one for each release,
// its hooks apart, the definitions, the region's own manifests, and a
// kustomization of all but hooks and definitions. Secrets are hidden.
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
	var files []manifest.File
	var resources []any
	addDocs := func(name, header string, docs []*manifest.Map) {
		if len(docs) == 0 {
			return
		}
		f := manifest.File{Path: m.name + "/" + name, Header: system.Generated + "\n" + header, Docs: docs, Origin: m.region.At(m.region.Region(m.name).Path("")), Rule: "manifests"}
		files = append(files, f)
		if name != definitionsName && !strings.HasPrefix(name, hooksFolder) {
			resources = append(resources, name)
		}
	}
	add := func(name, header string, objects []release.Object) { addDocs(name, header, docsOf(objects, shown)) }
	addDocs(definitionsName, "What chart "+m.definitionChart+" defines; apply it on the server's side, before all else.", definitions)
	for _, r := range m.releases {
		add(r.Name+".yaml", fmt.Sprintf("Release %s of chart %s %s.", r.Name, r.Release.Chart, r.Version), r.Objects)
		add(hooksFolder+r.Name+".yaml", fmt.Sprintf("Hooks of release %s of chart %s %s; Helm runs them, and they are no part of the release.\n%s", r.Name, r.Release.Chart, r.Version, hookLines(r.Hooks)), r.Hooks)
	}
	for _, name := range slices.Sorted(maps.Keys(m.own)) {
		add(name, "A manifest of ringplan's own, for phase "+string(m.progress.Phase)+".", []release.Object{{Doc: m.own[name]}})
	}
	add(addedName, "What the components of the overlay add.", m.added)
	return append(files, manifest.File{
		Path:   m.name + "/kustomization.yaml",
		Header: system.Generated + "\nEverything of region " + m.name + " but definitions and hooks.",
		Docs: []*manifest.Map{manifest.NewMap(
			"apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization", "resources", resources,
		)},
		Rule: "manifests",
	})
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
