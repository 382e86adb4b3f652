package system

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/topology"
)

// merge is a strategic merge patch that says what it is for.
const merge = "apiVersion: apigee.cloud.google.com/v1alpha1\nkind: ApigeeDatastore\nmetadata:\n  name: a.b+c\n  namespace: apigee\nspec:\n  replicas: 5\n"

// operations are a JSON 6902 patch.
const operations = "- op: remove\n  path: /spec/x\n"

// overlaid returns the text of a region's overlay without its header, or "" if
// there is none.
func overlaid(t *testing.T, all, own topology.Overlay) string {
	t.Helper()
	top := &topology.Topology{Spec: topology.Spec{Overlay: all, Regions: []topology.Region{{Name: "r", Overlay: own}}}}
	file, ok := OverlayFile(top, &top.Spec.Regions[0])
	if !ok {
		return ""
	}
	if file.Path != OverlayName || file.Header != Generated+"\nWhat is changed in the manifests of region r." {
		t.Errorf("the file is %s, with the header %q", file.Path, file.Header)
	}
	file.Header = ""
	texts, err := manifest.Encode([]manifest.File{file})
	if err != nil {
		t.Fatal(err)
	}
	return string(texts[0])
}

func TestOverlayFile(t *testing.T) {
	const head = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
	tests := map[string]struct {
		all, own topology.Overlay
		want     string
	}{
		"nothing":       {},
		"empty lists":   {all: topology.Overlay{Patches: []topology.Patch{}, Images: []topology.Image{}}},
		"a component":   {own: topology.Overlay{Components: []string{"components/a"}}, want: head + "components:\n  - ../../../components/a\n"},
		"one elsewhere": {own: topology.Overlay{Components: []string{"../shared/a/"}}, want: head + "components:\n  - ../../../../shared/a\n"},
		"what holds for all comes first": {
			all: topology.Overlay{
				Components: []string{"a"},
				Patches:    []topology.Patch{{Target: &topology.Target{Kind: "A"}, Patch: operations}},
				Labels:     []topology.Labels{{Pairs: map[string]string{"b": "1", "a": "yes"}}},
			},
			own: topology.Overlay{
				Components: []string{"b"},
				Patches:    []topology.Patch{{Target: &topology.Target{Kind: "B"}, Patch: operations}},
				Labels:     []topology.Labels{{Pairs: map[string]string{"c": "2"}, IncludeTemplates: true}},
			},
			want: head + `components:
  - ../../../a
  - ../../../b
patches:
  - target:
      kind: A
    patch: |
      - op: remove
        path: /spec/x
  - target:
      kind: B
    patch: |
      - op: remove
        path: /spec/x
labels:
  - pairs:
      a: "yes"
      b: "1"
  - pairs:
      c: "2"
    includeTemplates: true
`,
		},
		"an image of both is the region's": {
			all:  topology.Overlay{Images: []topology.Image{{Name: "a", NewTag: "1"}, {Name: "b", NewName: "m/b"}, {Name: "c", Digest: "sha256:0"}}},
			own:  topology.Overlay{Images: []topology.Image{{Name: "d", NewTag: "4"}, {Name: "a", Digest: "sha256:1"}}},
			want: head + "images:\n  - name: b\n    newName: m/b\n  - name: c\n    digest: sha256:0\n  - name: d\n    newTag: \"4\"\n  - name: a\n    digest: sha256:1\n",
		},
		"every field of a target, as it is": {
			own: topology.Overlay{Patches: []topology.Patch{{Patch: "[]", Target: &topology.Target{
				Group: "a.b", Version: "v.*", Kind: "K|L", Name: "n.+", Namespace: "s", LabelSelector: "a=b", AnnotationSelector: "c!=d",
			}}}},
			want: head + "patches:\n  - target:\n      group: a.b\n      version: v.*\n      kind: K|L\n      name: n.+\n      namespace: s\n      labelSelector: a=b\n      annotationSelector: c!=d\n    patch: '[]'\n",
		},
		"a target that a merge says, quoted": {
			own: topology.Overlay{Patches: []topology.Patch{{Patch: merge, Path: "patch.yaml"}}},
			want: head + `patches:
  - target:
      group: apigee\.cloud\.google\.com
      version: v1alpha1
      kind: ApigeeDatastore
      name: a\.b\+c
      namespace: apigee
    patch: |
      apiVersion: apigee.cloud.google.com/v1alpha1
      kind: ApigeeDatastore
      metadata:
        name: a.b+c
        namespace: apigee
      spec:
        replicas: 5
`,
		},
		"a target of its own wins": {
			own:  topology.Overlay{Patches: []topology.Patch{{Patch: "{apiVersion: v1, kind: Secret, metadata: {name: a}}", Target: &topology.Target{Kind: "Secret"}}}},
			want: head + "patches:\n  - target:\n      kind: Secret\n    patch: '{apiVersion: v1, kind: Secret, metadata: {name: a}}'\n",
		},
		"a patch that says nothing": {
			own:  topology.Overlay{Patches: []topology.Patch{{Patch: operations}}},
			want: head + "patches:\n  - patch: |\n      - op: remove\n        path: /spec/x\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, overlaid(t, tt.all, tt.own)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOverlayFileLeavesTheTopology shows that one region's overlay does not get
// into that of the next.
func TestOverlayFileLeavesTheTopology(t *testing.T) {
	all := topology.Overlay{Components: append(make([]string, 0, 4), "a"), Patches: append(make([]topology.Patch, 0, 4), topology.Patch{Patch: operations})}
	first := overlaid(t, all, topology.Overlay{Components: []string{"b"}})
	overlaid(t, all, topology.Overlay{Components: []string{"c"}, Patches: []topology.Patch{{Patch: merge}}})
	if diff := cmp.Diff(first, overlaid(t, all, topology.Overlay{Components: []string{"b"}})); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if got := all.Components[:2][1]; got != "" {
		t.Errorf("the topology holds the component %s", got)
	}
}

func TestPatchedObject(t *testing.T) {
	tests := map[string]struct {
		patch string
		want  topology.Target
		ok    bool
	}{
		"of a group":        {merge, topology.Target{Group: "apigee.cloud.google.com", Version: "v1alpha1", Kind: "ApigeeDatastore", Name: "a.b+c", Namespace: "apigee"}, true},
		"of no group":       {"{apiVersion: v1, kind: Secret, metadata: {name: a}}", topology.Target{Version: "v1", Kind: "Secret", Name: "a"}, true},
		"without name":      {"{apiVersion: v1, kind: Secret, metadata: {}}", topology.Target{}, false},
		"without kind":      {"{apiVersion: v1, metadata: {name: a}}", topology.Target{}, false},
		"without version":   {"{kind: Secret, metadata: {name: a}}", topology.Target{}, false},
		"a name of no text": {"{apiVersion: v1, kind: Secret, metadata: {name: 1}}", topology.Target{}, false},
		"operations":        {operations, topology.Target{}, false},
		"no YAML":           {"a: [", topology.Target{}, false},
		"nothing":           {"", topology.Target{}, false},
		"two documents":     {merge + "---\n" + merge, topology.Target{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := PatchedObject(tt.patch)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Errorf("%v (-want +got):\n%s", ok, diff)
			}
		})
	}
}
