package system

import (
	"path"
	"regexp"
	"strings"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/topology"
)

// OverlayName is the path of a region's overlay in the folder of the region.
const OverlayName = "overlay/kustomization.yaml"

// overlayUp leads from the folder of an overlay to that of the topology.
const overlayUp = "../../.."

// OverlayFile returns the overlay of a region as a kustomization of kind
// Component, so that any other kustomization can use it; false if there is
// none. What holds for all regions comes first.
//
// Every patch names its target, because then one that finds nothing in some
// documents is no error of kustomize's: whether it finds anything in all of them
// is for others to see.
func OverlayFile(t *topology.Topology, r *topology.Region) (manifest.File, bool) {
	o := merged(t.Spec.Overlay, r.Overlay)
	if o.Empty() {
		return manifest.File{}, false
	}
	doc := manifest.NewMap("apiVersion", "kustomize.config.k8s.io/v1alpha1", "kind", "Component")
	if digests := digestsOf(t, o.Components); digests != nil {
		doc.Set("metadata", manifest.NewMap("annotations", digests))
		doc.Comment("metadata", "So that this file changes with what the components hold.")
	}
	doc.SetNonZero("components", list(o.Components, func(folder string) any { return path.Join(overlayUp, folder) }))
	doc.SetNonZero("patches", list(o.Patches, func(p topology.Patch) any {
		m := manifest.NewMap()
		if target := targetOf(p); target != nil {
			m.Set("target", target)
		}
		return m.Set("patch", p.Patch)
	}))
	doc.SetNonZero("labels", list(o.Labels, func(l topology.Labels) any {
		m := manifest.NewMap("pairs", l.Pairs)
		if l.IncludeTemplates {
			m.Set("includeTemplates", true)
		}
		return m
	}))
	doc.SetNonZero("images", list(o.Images, func(i topology.Image) any {
		return manifest.NewMap("name", i.Name).SetNonZero("newName", i.NewName).SetNonZero("newTag", i.NewTag).SetNonZero("digest", i.Digest)
	}))
	return manifest.File{
		Path:   OverlayName,
		Header: Generated + "\nWhat is changed in the manifests of region " + r.Name + ".",
		Docs:   []*manifest.Map{doc},
		Origin: t.At(r.Path("overlay")),
		Rule:   "overlay",
	}, true
}

// digestsOf returns annotations with the digest of each component; nil if none is
// known.
func digestsOf(t *topology.Topology, components []string) *manifest.Map {
	var digests *manifest.Map
	for _, folder := range components {
		if digest := t.ComponentDigests[folder]; digest != "" {
			if digests == nil {
				digests = manifest.NewMap()
			}
			digests.Set("ringplan.dev/"+strings.Trim(unfit.ReplaceAllString(folder, "-"), "-"), digest)
		}
	}
	return digests
}

// unfit matches what a name of an annotation cannot hold.
var unfit = regexp.MustCompile(`[^A-Za-z0-9]+`)

// Generated heads every rendered file.
const Generated = "Rendered by ringplan; change the topology instead."

// merged lays a region's overlay over that of all regions. An image that both
// name is the region's.
func merged(all, own topology.Overlay) topology.Overlay {
	var images []topology.Image
	for _, i := range all.Images {
		if !names(own.Images, i.Name) {
			images = append(images, i)
		}
	}
	return topology.Overlay{
		Patches:    append(all.Patches[:len(all.Patches):len(all.Patches)], own.Patches...),
		Components: append(all.Components[:len(all.Components):len(all.Components)], own.Components...),
		Images:     append(images, own.Images...),
		Labels:     append(all.Labels[:len(all.Labels):len(all.Labels)], own.Labels...),
	}
}

func names(images []topology.Image, name string) bool {
	for _, i := range images {
		if i.Name == name {
			return true
		}
	}
	return false
}

func list[T any](from []T, item func(T) any) []any {
	out := make([]any, len(from))
	for i := range from {
		out[i] = item(from[i])
	}
	return out
}

// PatchLimits bound the text of a patch.
var PatchLimits = manifest.Limits{Depth: 100, Values: 10_000, Merged: 1_000}

// targetOf returns what a patch is for: as it says, or, of a strategic merge
// patch that says nothing, the object that it describes; nil if that is none.
func targetOf(p topology.Patch) *manifest.Map {
	if t := p.Target; t != nil {
		return manifest.NewMap().SetNonZero("group", t.Group).SetNonZero("version", t.Version).SetNonZero("kind", t.Kind).
			SetNonZero("name", t.Name).SetNonZero("namespace", t.Namespace).
			SetNonZero("labelSelector", t.LabelSelector).SetNonZero("annotationSelector", t.AnnotationSelector)
	}
	id, ok := PatchedObject(p.Patch)
	if !ok {
		return nil
	}
	// Kustomize takes these for regular expressions, and none for any.
	m := manifest.NewMap()
	if id.Group == "" {
		m.Set("group", "^$")
	}
	for _, field := range []struct{ key, value string }{{"group", id.Group}, {"version", id.Version}, {"kind", id.Kind}, {"name", id.Name}, {"namespace", id.Namespace}} {
		m.SetNonZero(field.key, regexp.QuoteMeta(field.value))
	}
	return m
}

// PatchedObject returns what a strategic merge patch says that it is for; false
// if the text is none, or does not say.
func PatchedObject(patch string) (topology.Target, bool) {
	file, problems := manifest.Parse("", []byte(patch), PatchLimits)
	if len(problems) > 0 {
		return topology.Target{}, false
	}
	field := func(keys ...string) string {
		value, _ := file.Docs[0].Lookup(keys...)
		text, _ := value.(string)
		return text
	}
	id := topology.Target{Kind: field("kind"), Name: field("metadata", "name"), Namespace: field("metadata", "namespace")}
	group, version, grouped := strings.Cut(field("apiVersion"), "/")
	if !grouped {
		group, version = "", group
	}
	id.Group, id.Version = group, version
	if id.Kind == "" || id.Version == "" || id.Name == "" {
		return topology.Target{}, false
	}
	return id, true
}
