package overlay

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// overlays are fit, each with the objects that it changes, and with what is in
// them then.
var overlays = map[string]struct {
	overlay string
	changed []string
	holds   string
}{
	"a strategic merge patch by kind": {patched("{kind: ConfigMap}", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}\ndata: {more: \"on\"}"),
		[]string{"ConfigMap web-a", "ConfigMap web-b"}, "more: \"on\""},
	"one by label": {patched("{labelSelector: tier=data}", "apiVersion: any/v1\nkind: Any\nmetadata: {name: any}\nspec: {replicas: 5}"),
		[]string{"ApigeeDatastore default"}, "replicas: 5"},
	"one by annotation": {patched("{annotationSelector: team=x}", "apiVersion: any/v1\nkind: Any\nmetadata: {name: any}\nspec: {replicas: 5}"),
		[]string{"Deployment web"}, "replicas: 5"},
	"one by a pattern of names": {patched("{name: \"web-[b-z]\"}", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}\ndata: {key: null}"),
		[]string{"ConfigMap web-b"}, "data: {}"},
	"one by namespace, group and version": {patched("{namespace: apigee, group: apps, version: v1}", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec: {paused: true}"),
		[]string{"Deployment web"}, "paused: true"},
	"one without target": {patched("", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-a, namespace: apigee}\ndata: {num: \"8\"}"),
		[]string{"ConfigMap web-a"}, "num: \"8\""},
	"two without target": {patched("", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-a, namespace: apigee}\ndata: {num: \"8\"}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-b, namespace: apigee}\ndata: {num: \"9\"}"),
		[]string{"ConfigMap web-a", "ConfigMap web-b"}, "num: \"9\""},
	"a list merged by name": {patched("{kind: Deployment}", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec: {template: {spec: {containers: [{name: main, env: [{name: B, value: \"2\"}]}]}}}"),
		[]string{"Deployment web"}, "- name: B\n          value: \"2\"\n        - name: A\n          value: \"1\""},
	"a JSON 6902 patch": {patched("{kind: ConfigMap, name: web-a}", "- {op: add, path: /data/key.with.dots, value: \"no\"}\n- {op: remove, path: /data/num}"),
		[]string{"ConfigMap web-a"}, "key.with.dots: \"no\"\nkind"},
	"one that is JSON": {patched("{kind: ConfigMap, name: web-a}", `[{"op": "replace", "path": "/data/num", "value": "2001-01-01"}]`),
		[]string{"ConfigMap web-a"}, "num: \"2001-01-01\""},
	"patches that build on one another": {"patches:\n- patch: '[{\"op\": \"add\", \"path\": \"/metadata/labels/new\", \"value\": \"x\"}]'\n  target: {kind: Deployment}\n- patch: '[{\"op\": \"add\", \"path\": \"/spec/new\", \"value\": 1}]'\n  target: {labelSelector: new=x}\n",
		[]string{"Deployment web"}, "new: 1"},
	"an image": {"images: [{name: registry.example/web, newName: mirror.example/web, digest: \"sha256:abc\"}]",
		[]string{"Deployment web"}, "image: mirror.example/web@sha256:abc"},
	"images that follow one another": {"images: [{name: registry.example/web, newName: a.example/web}, {name: a.example/web, newTag: \"2\"}, {name: registry.example/tools, newTag: \"3\"}]",
		[]string{"Deployment web"}, "image: a.example/web:2"},
	"labels": {"labels: [{pairs: {zone: a}}]",
		[]string{"ApigeeDatastore default", "Deployment web", "ConfigMap web-a", "ConfigMap web-b"}, "labels:\n    tier: data\n    zone: a"},
	"labels with the templates": {"labels: [{pairs: {zone: a}, includeTemplates: true}]",
		[]string{"ApigeeDatastore default", "Deployment web", "ConfigMap web-a", "ConfigMap web-b"}, "labels:\n        app: web\n        zone: a"},
	"a component": {"components: [../../../components/label]",
		[]string{"ApigeeDatastore default", "Deployment web", "ConfigMap web-a", "ConfigMap web-b"}, "part: label"},
	"a component with a patch, a resource and a component": {"components: [../../../components/extra]",
		[]string{"ConfigMap web-a", "ConfigMap web-b", "Secret extra", "ServiceAccount nested", "Role base-role"}, "extra: \"true\""},
	"a patch of what a component adds": {"components: [../../../components/extra]\n" + patched("{kind: Secret}", "- {op: add, path: /stringData/b, value: \"2\"}"),
		[]string{"ConfigMap web-a", "ConfigMap web-b", "Secret extra", "ServiceAccount nested", "Role base-role"}, "b: \"2\""},
	"a patch of what a component generates": {"components: [../../../components/generate]\n" + patched("{kind: ConfigMap, name: made}", "- {op: add, path: /data/b, value: \"2\"}"),
		[]string{"ConfigMap made-5t8mf9dd4k"}, "b: \"2\"\n  key: |\n    yes"},
	"a patch of what a component renames": {"components: [../../../components/prefix]\n" + patched("{kind: ConfigMap, name: web-a}", "- {op: add, path: /data/b, value: \"2\"}"),
		[]string{"ApigeeDatastore eu-default", "Deployment eu-web", "ConfigMap eu-web-a", "ConfigMap eu-web-b"}, "b: \"2\""},
	"everything": {"components: [../../../components/extra, ../../../components/label]\n" + patched("{kind: Secret}", "- {op: add, path: /stringData/b, value: \"2\"}") + "labels: [{pairs: {zone: a}}]\nimages: [{name: registry.example/web, newTag: \"2\"}]",
		[]string{"ApigeeDatastore default", "Deployment web", "ConfigMap web-a", "ConfigMap web-b", "Secret extra", "ServiceAccount nested", "Role base-role"}, "image: registry.example/web:2"},
	"a component of words that are no longer used": {"components: [../../../components/old]",
		[]string{"ApigeeDatastore default", "Deployment web", "ConfigMap web-a", "ConfigMap web-b"}, "old: \"1\""},
	"a deletion": {patched("{kind: ConfigMap, name: web-a}", "$patch: delete\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}"),
		nil, "name: web-b"},
}

func TestApply(t *testing.T) {
	for name, tt := range overlays {
		t.Run(name, func(t *testing.T) {
			docs := docsOf(t, small)
			got, problems := Apply(overlayOf(tt.overlay, parts), docs)
			if len(problems) > 0 {
				t.Fatalf("problems: %q", texts(problems))
			}
			if diff := cmp.Diff(docsOf(t, small), docs); diff != "" {
				t.Errorf("Apply changed the documents (-before +after):\n%s", diff)
			}
			var changed []string
			for i, doc := range got {
				if !slices.ContainsFunc(docs, func(d map[string]any) bool { return cmp.Equal(d, doc) }) {
					changed = append(changed, names(got[i : i+1])[0])
				}
			}
			if diff := cmp.Diff(tt.changed, changed); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			if text := yamlOf(t, got); !strings.Contains(text, tt.holds) {
				t.Errorf("there is no %q in\n%s", tt.holds, text)
			}
		})
	}
}

// onDisk writes a layout as a user has it, and returns the folder to build.
func onDisk(t *testing.T, o Overlay, docs []map[string]any) string {
	t.Helper()
	root := t.TempDir()
	if o.Files != nil {
		if err := os.CopyFS(root, o.Files); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, filepath.FromSlash(o.Dir), "rendered", "region")
	for name, text := range map[string]string{
		"manifests.yaml":             yamlOf(t, docs),
		"kustomization.yaml":         "resources: [manifests.yaml]\ncomponents: [overlay]\n",
		"overlay/kustomization.yaml": string(o.Component),
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestAsOnDisk compares with what kustomize makes of the same files on disk.
func TestAsOnDisk(t *testing.T) {
	program, noProgram := exec.LookPath("kustomize")
	for name, tt := range overlays {
		t.Run(name, func(t *testing.T) {
			o, docs := overlayOf(tt.overlay, parts), docsOf(t, small)
			dir := onDisk(t, o, docs)
			built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
			if err != nil {
				t.Fatal(err)
			}
			want, err := built.AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			got, _ := Apply(o, docs)
			if diff := cmp.Diff(string(want), yamlOf(t, got)); diff != "" {
				t.Errorf("(-on disk +in memory):\n%s", diff)
			}
			if noProgram != nil {
				t.Skip("there is no program kustomize to compare with as well")
			}
			printed, err := exec.Command(program, "build", dir).Output()
			if err != nil {
				t.Fatal(err)
			}
			// The program sorts.
			if diff := cmp.Diff(sorted(string(printed)), sorted(yamlOf(t, got))); diff != "" {
				t.Errorf("(-kustomize build +in memory):\n%s", diff)
			}
		})
	}
}

func sorted(docs string) []string {
	list := strings.Split(docs, "---\n")
	slices.Sort(list)
	return list
}

func TestProblems(t *testing.T) {
	const smp = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}\n"
	tests := map[string]struct {
		overlay string
		want    []string
		refused bool // kustomize refuses it, too
	}{
		"a kind that is misspelt":                  {patched("{kind: ApigeeDatastor, name: default}", smp), []string{"patch 0: the patch finds nothing: there is no object with kind ApigeeDatastor, name default [there is ApigeeDatastore default]"}, false},
		"a name that is another's":                 {patched(`{kind: ConfigMap, name: web\.a}`, smp), []string{"patch 0: the patch finds nothing: there is no object with kind ConfigMap, name web.a [there is ConfigMap web-a]"}, false},
		"another group":                            {patched(`{group: apigee\.example, version: v1, kind: ApigeeDatastore}`, smp), []string{"patch 0: the patch finds nothing: there is no object with group apigee.example, version v1, kind ApigeeDatastore [there is ApigeeDatastore default of apigee.cloud.google.com/v1alpha1]"}, false},
		"another namespace":                        {patched("{kind: Deployment, namespace: other}", smp), []string{"patch 0: the patch finds nothing: there is no object with kind Deployment, namespace other [there is Deployment web in namespace apigee]"}, false},
		"labels that nothing has":                  {patched("{kind: Deployment, labelSelector: tier=front}", smp), []string{"patch 0: the patch finds nothing: there is no object with kind Deployment, labels tier=front [there is Deployment web, with the labels tier=web]"}, false},
		"no target, and nothing":                   {patched("", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-a}\ndata: {a: b}"), []string{"patch 0: the patch finds nothing: there is no object with version v1, kind ConfigMap, name web-a [there is ConfigMap web-a]"}, true},
		"a path that is not there":                 {patched("{name: web-.*}", "- {op: replace, path: /data/key, value: x}"), []string{"patch 0: the patch replaces /data/key, which is not there in ConfigMap web-a [kustomize adds it: write the op add, if that is meant]"}, false},
		"a path below nothing":                     {patched("{name: web-.*}", "- {op: replace, path: /spec/key, value: x}"), []string{"patch 0: the patch does not fit ConfigMap web-a: replace operation does not apply: doc is missing path: /spec/key: missing value"}, true},
		"a removal of nothing":                     {patched("{name: web-.*}", "- {op: remove, path: /data/key}"), []string{"patch 0: the patch does not fit ConfigMap web-a: error in remove for path: '/data/key': Unable to remove nonexistent key: key: missing value"}, true},
		"an item past the end":                     {patched("{kind: Deployment}", "- {op: replace, path: /spec/template/spec/containers/1, value: x}"), []string{"patch 0: the patch does not fit Deployment web: replace operation does not apply: doc is missing key: /spec/template/spec/containers/1: missing value"}, true},
		"a test that fails":                        {patched("{name: web-b}", "- {op: test, path: /data/key, value: x}"), []string{"patch 0: the patch does not fit ConfigMap web-b: testing value /data/key failed: test failed"}, true},
		"no YAML":                                  {patched("{name: web-b}", "a: [b"), []string{"patch 0: the patch is no YAML: yaml: line 1: did not find expected ',' or ']'"}, true},
		"a text":                                   {patched("{name: web-b}", "abc"), []string{"patch 0: the patch is neither a strategic merge patch, which is a map, nor a JSON 6902 patch, which is a list"}, true},
		"nothing":                                  {"patches: [{target: {name: web-b}, patch: ' '}]", []string{"patch 0: the patch is empty"}, true},
		"operations that are YAML after a bracket": {patched("{name: web-b}", "[{op: remove, path: /data/key}]"), []string{"patch 0: the patch starts with [, so kustomize reads it as JSON, which it is not: write every key in quotes, or each item on a line that starts with -"}, true},
		"no operations":                            {patched("{name: web-b}", "- abc"), []string{"patch 0: the list is no JSON 6902 patch: each of its items has an op, a path and mostly a value"}, true},
		"a merge without a name":                   {patched("{name: web-b}", "data: {a: b}"), []string{"patch 0: the strategic merge patch is not fit: missing Resource metadata"}, true},
		"a map where a text is":                    {patched("{name: web-b}", smp+"data: {key: {a: b}}"), []string{"patch 0: the patch does not fit ConfigMap web-b: wrong node kind: expected ScalarNode but got MappingNode: node contents: {a: b}"}, true},
		"two patches with a target":                {patched("{name: web-b}", smp+"---\n"+smp), []string{"patch 0: the patch does not fit ConfigMap web-b: Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: [" + `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}\n---\` + "]"}, true},
		"a target that is no pattern":              {patched("{name: '['}", smp), []string{"patch 0: what the patch is for cannot be told: error parsing regexp: missing closing ]: `[)$`"}, true},
		"operations without target":                {patched("", "- {op: remove, path: /data/key}"), []string{"patch 0: what the patch is for cannot be told: a JSON 6902 patch needs a target"}, true},
		"a name with its hash":                     {"components: [../../../components/generate]\n" + patched("{name: made-2t25d5h7cg}", smp+"data: {a: b}"), []string{"patch 0: the patch finds nothing at its place: there is no object with name made-2t25d5h7cg [name objects as they are before kustomize puts a hash behind their names]"}, false},
		"a patch in a file":                        {"patches: [{path: patch.yaml}]", []string{"patch 0: the patch is in a file, patch.yaml [the overlay holds the patch itself]"}, true},
		"what is there already":                    {patched("{name: web-b}", smp+"data: {key: \"1e3\"}"), []string{"idle patch 0: the patch changes nothing in ConfigMap web-b"}, false},
		"the same in all":                          {patched("{kind: .*}", "- {op: add, path: /metadata/namespace, value: apigee}"), []string{"idle patch 0: the patch changes nothing in ApigeeDatastore default, Deployment web, ConfigMap web-a and 1 more"}, false},
		"another name":                             {patched("{name: web-b}", "- {op: replace, path: /metadata/name, value: web-c}"), []string{"patch 0: the patch makes ConfigMap web-c of v1 in namespace apigee of ConfigMap web-b of v1 in namespace apigee [a patch cannot make another object of one: add that with a component, and delete this]"}, false},
		"another namespace of it":                  {patched("{name: web-b}", "- {op: remove, path: /metadata/namespace}"), []string{"patch 0: the patch makes ConfigMap web-b of v1 of ConfigMap web-b of v1 in namespace apigee [a patch cannot make another object of one: add that with a component, and delete this]"}, false},
		"an image that nothing uses":               {"images: [{name: registry.example/wep, newTag: \"2\"}, {name: registry.example/web, newTag: \"1.0\"}]", []string{"registry.example/wep: no container uses the image registry.example/wep [there is registry.example/web]"}, false},
		"an image that was renamed":                {"images: [{name: registry.example/web, newName: a.example/web}, {name: registry.example/web, newTag: \"2\"}]", []string{"registry.example/web: no container uses the image registry.example/web [there is registry.example/web]"}, false},
		"a component that is idle":                 {"components: [../../../components/idle]", []string{"idle ../../../components/idle: the component changes nothing"}, false},
		"another field":                            {"namePrefix: a-", []string{": the overlay has more than components, patches, images and labels [put it into a component]"}, true},
		"an unknown field":                         {"patchess: []", []string{`: the overlay is no kustomization: unknown field "patchess"`}, true},
		"another type":                             {"labels: [{pairs: {a: 1}}]", []string{": the overlay is no kustomization: labels.pairs is a number, not a string"}, true},
		"no YAML at all":                           {"labels: [", []string{": the overlay is no kustomization: yaml: line 3: did not find expected node content"}, true},
		"labels out of place":                      {"labels: [{pairs: {a: b}, fields: [{path: metadata/name}]}]", []string{`: kustomize refuses the overlay: considering field 'metadata/name' of object ApigeeDatastore default: wrong node kind: expected MappingNode but got ScalarNode: node contents: "default"`}, true},
		"empty":                                    {"", []string{": kustomize refuses the overlay: kustomization.yaml is empty"}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := overlayOf(tt.overlay, with(parts, "topologies/eu/components/idle/kustomization.yaml", "labels: [{pairs: {tier: x}, fields: []}]\nreplicas: [{name: none, count: 1}]\n"))
			if name == "a component that is idle" {
				o.Files = filesOf(map[string]string{"topologies/eu/components/idle/kustomization.yaml": "images: [{name: none, newTag: x}]\n"})
			}
			got, problems := Apply(o, docsOf(t, small))
			if diff := cmp.Diff(tt.want, texts(problems)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (got == nil) != tt.refused {
				t.Errorf("Apply returns %d documents", len(got))
			}
			if name != "another field" && name != "a patch in a file" {
				_, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), onDisk(t, o, docsOf(t, small)))
				if (err != nil) != tt.refused {
					t.Errorf("on disk: %v", err)
				}
			}
		})
	}
}

// TestAllProblems shows that all bad parts are found at once, and that a bad one
// does not hide what is wrong with another.
func TestAllProblems(t *testing.T) {
	o := overlayOf(`components: [../../../components/none, ../../../components/label, ../../../components/bad]
patches:
- {patch: 'a: [', target: {kind: ConfigMap}}
- {patch: '[{"op": "add", "path": "/data/new", "value": "1"}]', target: {name: web-a}}
- {patch: '[{"op": "remove", "path": "/data/x"}]', target: {name: web-b}}
- {patch: '[{"op": "remove", "path": "/data/new"}]', target: {labelSelector: part=label, name: web-a}}
- {patch: '[{"op": "remove", "path": "/data/new"}]', target: {labelSelector: part=label, name: web-a}}
- {patch: '[{"op": "remove", "path": "/data/new"}]', target: {kind: Non}}
images: [{name: none, newTag: x}]
labels: [{pairs: {a: b}, fields: [{path: metadata/name}]}]
`, with(parts, "topologies/eu/components/bad/kustomization.yaml", "resources: [a.yaml]\n", "topologies/eu/components/bad/a.yaml", "a: b\n"))
	got, problems := Apply(o, docsOf(t, small))
	if got != nil {
		t.Errorf("there are %d documents", len(got))
	}
	var where []string
	for _, p := range problems {
		where = append(where, fmt.Sprint(p.Component, p.Image, p.Patch))
	}
	want := []string{"../../../components/none-1", "../../../components/bad-1", "0", "2", "4", "5", "-1"}
	if diff := cmp.Diff(want, where); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, strings.Join(texts(problems), "\n"))
	}
}

// TestRefusedInPart shows that there are no documents of which a part of the
// overlay is missing.
func TestRefusedInPart(t *testing.T) {
	got, problems := Apply(overlayOf("labels: [{pairs: {a: b}}]\n"+patched("{kind: ConfigMap}", "a: ["), nil), docsOf(t, small))
	if got != nil || len(problems) != 1 {
		t.Errorf("%d documents and %q", len(got), texts(problems))
	}
}

func TestComponentsRefused(t *testing.T) {
	tests := map[string]struct {
		files []string // besides the component bad's
		text  string
		want  string
	}{
		"a base elsewhere":          {nil, "resources: [https://example.com/a.yaml]", "resources https://example.com/a.yaml: that is not in this repository, and nothing is fetched [copy it into the repository, and refer to it there]"},
		"a component on ssh":        {nil, "components: [\"git@example.com:a/b\"]", "components git@example.com:a/b: that is not in this repository, and nothing is fetched [copy it into the repository, and refer to it there]"},
		"a base on GitHub":          {nil, "bases: [GitHub.com/a/b]", "resources GitHub.com/a/b: that is not in this repository, and nothing is fetched [copy it into the repository, and refer to it there]"},
		"a user without colon":      {nil, "resources: [git@example.com/a/b]", "resources git@example.com/a/b: that is not in this repository, and nothing is fetched [copy it into the repository, and refer to it there]"},
		"a crd elsewhere":           {nil, "crds: [http://example.com/a]", "crds http://example.com/a: that is not"},
		"a configuration":           {nil, "configurations: [http://example.com/a]", "configurations http://example.com/a: that is not"},
		"a patch elsewhere":         {nil, "patches: [{path: http://example.com/a}]", "patches http://example.com/a: that is not"},
		"an older patch":            {nil, "patchesJson6902: [{path: http://example.com/a, target: {kind: A}}]", "patchesJson6902 http://example.com/a: that is not"},
		"an old patch":              {nil, "patchesStrategicMerge: [http://example.com/a]", "patchesStrategicMerge http://example.com/a: that is not"},
		"a replacement":             {nil, "replacements: [{path: http://example.com/a}]", "replacements http://example.com/a: that is not"},
		"a schema":                  {nil, "openapi: {path: http://example.com/a}", "openapi http://example.com/a: that is not"},
		"a map of files":            {nil, "configMapGenerator: [{name: a, files: [http://example.com/a]}]", "configMapGenerator http://example.com/a: that is not"},
		"a map of keyed files":      {nil, "configMapGenerator: [{name: a, files: [a=http://example.com/a]}]", "configMapGenerator http://example.com/a: that is not"},
		"a map of env files":        {nil, "configMapGenerator: [{name: a, env: http://example.com/a}]", "configMapGenerator http://example.com/a: that is not"},
		"a secret of files":         {nil, "secretGenerator: [{name: a, envs: [http://example.com/a]}]", "secretGenerator http://example.com/a: that is not"},
		"a chart":                   {nil, "helmCharts: [{name: a}]", "topologies/eu/bad/kustomization.yaml: helmCharts run programs or plugins, and these may read anything [take out helmCharts]"},
		"a chart of old":            {nil, "helmChartInflationGenerator: [{chartName: a}]", "topologies/eu/bad/kustomization.yaml: helmCharts run programs"},
		"a generator":               {nil, "generators: ['{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: a}, name: a, files: [\"http://example.com/a\"]}']", "topologies/eu/bad/kustomization.yaml: generators run programs"},
		"a transformer":             {nil, "transformers: ['{apiVersion: builtin, kind: PatchTransformer, metadata: {name: a}, path: \"http://example.com/a\"}']", "topologies/eu/bad/kustomization.yaml: transformers run programs"},
		"a validator":               {nil, "validators: [a.yaml]", "topologies/eu/bad/kustomization.yaml: validators run programs"},
		"no such file":              {nil, "resources: [a.yaml]", "resources a.yaml: there is no file or folder topologies/eu/bad/a.yaml"},
		"no such patch":             {nil, "patches: [{path: a.yaml}]", "patches a.yaml: there is no file topologies/eu/bad/a.yaml"},
		"a folder as a patch":       {[]string{"topologies/eu/bad/a/b", ""}, "patches: [{path: a}]", "patches a: there is no file topologies/eu/bad/a"},
		"a file as component":       {[]string{"topologies/eu/bad/a", ""}, "components: [a]", "components a: there is no folder topologies/eu/bad/a"},
		"an absolute path":          {nil, "resources: [/etc/hosts]", "resources /etc/hosts: that is an absolute path [write it relative to its folder]"},
		"a way out":                 {nil, "resources: [../../../../etc]", "resources ../../../../etc: that leads out of the repository"},
		"a way out to no file":      {nil, "resources: [../../..]", "resources ../../..: it leads back to the folder ., from which it came"},
		"a file beside":             {[]string{"topologies/eu/a.yaml", ""}, "resources: [../a.yaml]", "resources ../a.yaml: kustomize reads no file that is not in or below the folder of its kustomization [make a folder with a kustomization of it, and refer to that]"},
		"an empty path":             {nil, "resources: [\"\"]", "resources: an empty path"},
		"itself":                    {nil, "components: [../bad]", "components ../bad: it leads back to the folder topologies/eu/bad, from which it came"},
		"itself, by way of":         {[]string{"topologies/eu/a/kustomization.yaml", "components: [../bad]"}, "components: [../a]", "components ../a: components ../bad: it leads back to the folder topologies/eu/bad, from which it came"},
		"no kustomization":          {[]string{"topologies/eu/a/b", ""}, "components: [../a]", "components ../a: there is no kustomization.yaml in the folder topologies/eu/a"},
		"two kustomizations":        {[]string{"topologies/eu/bad/Kustomization", "kind: Component"}, "resources: []", "there is more than one kustomization in the folder topologies/eu/bad: kustomization.yaml, Kustomization"},
		"a component as base":       {[]string{"topologies/eu/a/kustomization.yaml", "labels: []"}, "resources: [../a]", "resources ../a: the folder topologies/eu/a holds a kustomization of kind Component, not Kustomization"},
		"a base as component":       {[]string{"topologies/eu/a/kustomization.yaml", "kind: Kustomization"}, "components: [../a]", "components ../a: the folder topologies/eu/a holds a kustomization of kind Kustomization, not Component"},
		"an unknown field":          {nil, "resource: []", `topologies/eu/bad/kustomization.yaml: unknown field "resource"`},
		"several":                   {nil, "resources: [a.yaml, http://example.com/a]\ncrds: [b.yaml]", "crds b.yaml: there is no file topologies/eu/bad/b.yaml; resources a.yaml: there is no file or folder topologies/eu/bad/a.yaml; resources http://example.com/a: that is not in this repository, and nothing is fetched [copy it into the repository, and refer to it there]"},
		"an object of before":       {[]string{"topologies/eu/bad/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: web-a, namespace: apigee}}"}, "resources: [a.yaml]", "a.yaml: may not add resource with an already registered id: ConfigMap web-a"},
		"a file that is none":       {[]string{"topologies/eu/bad/a.yaml", "a: ["}, "resources: [a.yaml]", "yaml: line 1: did not find expected node content in File: a.yaml"},
		"an object without kind":    {[]string{"topologies/eu/bad/a.yaml", "metadata: {name: a}"}, "resources: [a.yaml]", "a.yaml: missing kind"},
		"a patch that is none":      {nil, "patches: [{patch: abc, target: {kind: ConfigMap}}]", "unable to parse SM or JSON patch [abc]"},
		"a patch that does not fit": {nil, "patches: [{patch: '[{\"op\": \"remove\", \"path\": \"/x\"}]', target: {kind: ConfigMap}}]", "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value"},
		"a merge into nothing":      {nil, "configMapGenerator: [{name: a, behavior: merge, literals: [a=b]}]", "id ConfigMap a does not exist; cannot merge or replace"},
		"a schema that is none":     {[]string{"topologies/eu/bad/a.json", "["}, "openapi: {path: a.json}\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: web-a, namespace: apigee}, data: {a: b}}'}]", ""},
		"a crd file that is empty":  {[]string{"topologies/eu/bad/a", ""}, "crds: [a]", "kustomize breaks off: runtime error: index out of range [0] with length 0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := with(with(nil, tt.files...), "topologies/eu/bad/kustomization.yaml", tt.text+"\n")
			got, problems := Apply(overlayOf("components: [../../../bad]\n", files), docsOf(t, small))
			if got != nil || len(problems) != 1 || problems[0].Component != "../../../bad" || problems[0].Patch != -1 {
				t.Fatalf("%d documents and %q", len(got), texts(problems))
			}
			want, found := "../../../bad: the component cannot be applied: "+tt.want, problems[0].String()
			if !strings.HasPrefix(found, want) {
				t.Errorf("got  %s\nwant %s", found, want)
			}
			if strings.Contains(found, mirrorRoot) || strings.Contains(found, "\n") {
				t.Errorf("%q shows how it was found", found)
			}
		})
	}
}

// TestNothingIsFetched has files with the names of addresses, for which kustomize
// asks the network all the same.
func TestNothingIsFetched(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprintln(w, "{apiVersion: v1, kind: ConfigMap, metadata: {name: fetched}}")
	}))
	defer server.Close()
	file := "topologies/eu/bad/" + strings.Replace(server.URL, "//", "/", 1)
	for _, text := range []string{
		"resources: [%s]", "crds: [%s]", "patches: [{path: %s, target: {kind: ConfigMap}}]", "configMapGenerator: [{name: a, files: [a=%s]}]", "patchesStrategicMerge: [%s]",
		"transformers: ['{apiVersion: builtin, kind: PatchTransformer, metadata: {name: a}, path: \"%s\"}']",
		"generators: ['{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: a}, name: a, files: [\"a=%s\"]}']",
	} {
		files := filesOf(map[string]string{"topologies/eu/bad/kustomization.yaml": fmt.Sprintf(text, server.URL) + "\n"})
		files[file] = &fstest.MapFile{Data: []byte("{}")}
		o := overlayOf("components: [../../../bad]\n", nil)
		o.Files = files
		if got, problems := Apply(o, docsOf(t, small)); got != nil || len(problems) != 1 {
			t.Errorf("%s: %d documents and %q", text, len(got), texts(problems))
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestNoFiles(t *testing.T) {
	o := overlayOf("components: [../../../a]", nil)
	o.Files = nil
	_, problems := Apply(o, docsOf(t, small))
	if diff := cmp.Diff([]string{"../../../a: the component cannot be applied: there is no folder topologies/eu/a"}, texts(problems)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAtTheRoot has the topology in the root of its repository, and a folder that
// is called as the one that the overlay is put into.
func TestAtTheRoot(t *testing.T) {
	o := Overlay{Component: []byte(component + "components: [../../../.overlay/region]\n"), Dir: ".", Files: filesOf(map[string]string{".overlay/region/kustomization.yaml": "labels: [{pairs: {a: b}}]\n"})}
	got, problems := Apply(o, docsOf(t, small))
	if len(problems) > 0 || !strings.Contains(yamlOf(t, got), "a: b") {
		t.Errorf("%q\n%s", texts(problems), yamlOf(t, got))
	}
}

func TestDocuments(t *testing.T) {
	tests := map[string]struct {
		docs string
		want []string
		got  []string
	}{
		"the same twice": {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}",
			[]string{": document 2: ConfigMap a of v1 in namespace default is document 1 again, so kustomize cannot tell them apart"}, nil},
		"no name":                        {"{apiVersion: v1, kind: ConfigMap, metadata: {}}", []string{": document 1: ConfigMap has no metadata.name, so kustomize does not take it"}, nil},
		"a name to be made":              {"{apiVersion: batch/v1, kind: Job, metadata: {generateName: a-}}", []string{": document 1: Job has a generateName \"a-\" and no name, so kustomize does not take it [give it a name]"}, nil},
		"no kind, and no name":           {"{a: b}\n---\n{apiVersion: v1, kind: ConfigMap}", []string{": document 1: there is no kind, so kustomize does not take it", ": document 2: ConfigMap has no metadata.name, so kustomize does not take it"}, nil},
		"a list":                         {"{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", nil, []string{"ConfigMap a", "ConfigMap b"}},
		"a list and its item":            {"{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", []string{": kustomize refuses the documents: may not add resource with an already registered id: ConfigMap a"}, nil},
		"local configuration":            {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: {config.kubernetes.io/local-config: \"true\"}}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}", nil, []string{"ConfigMap b"}},
		"a cluster's, not a namespace's": {"{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: x}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: a}}", []string{": document 2: Namespace a of v1 is document 1 again, so kustomize cannot tell them apart"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			docs := docsOf(t, tt.docs)
			got, problems := Apply(overlayOf("labels: [{pairs: {a: b}}]", nil), docs)
			if diff := cmp.Diff(tt.want, texts(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.got, names(got)); diff != "" {
				t.Errorf("documents (-want +got):\n%s", diff)
			}
		})
	}
}

// odd is a document of values that YAML could take for others.
func odd() map[string]any {
	return map[string]any{
		"apiVersion": "example.com/v1", "kind": "Odd",
		"metadata": map[string]any{"name": "odd", "annotations": map[string]any{}, "labels": map[string]any{}, "creationTimestamp": nil},
		"texts":    []any{"yes", "no", "on", "1e3", "0123", "0x1f", "1_000", "2001-01-01", "2001-01-01T00:00:00Z", "12:30:45", "null", "~", "", " ", "a: b", "- a", "#", "\n---\n", "a\nb\n\n", "\ttab", "trailing ", "\x00\x7f\u0085\u2028\ufeff😀", "<<", "=", "!!int 1", "*a", "&a", strings.Repeat("long ", 500)},
		"numbers":  []any{int64(0), int64(1), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), int64(1<<53 + 1), 1.0, 0.1, 1e21, 1e-7, 1.5e300, -2.5},
		"others":   map[string]any{"null": nil, "true": true, "false": false, "map": map[string]any{}, "list": []any{}, "nested": []any{[]any{}, map[string]any{}, []any{nil, "a"}}},
		"keys":     map[string]any{"a.b": "1", "a/b": "2", "1": "3", "yes": "4", "": "5", "a b": "6", strings.Repeat("k", 2000): "7"},
	}
}

// TestUntouched has a document come back as it was, and one that is patched keep
// all that the patch does not change.
func TestUntouched(t *testing.T) {
	labelled := docsOf(t, small)[3]
	docs := append(docsOf(t, small)[:3], odd(), labelled)
	got, problems := Apply(overlayOf(patched("{name: web-b}", "- {op: add, path: /data/x, value: z}"), nil), docs)
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	if diff := cmp.Diff(docs[:4], got[:4]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got[3]["numbers"].([]any)[0] = "mine"; docs[3]["numbers"].([]any)[0] == "mine" {
		t.Error("what Apply returns is not the caller's own")
	}
	want := odd()
	want["metadata"] = map[string]any{"name": "odd", "creationTimestamp": nil, "labels": map[string]any{"a": "b"}}
	got, problems = Apply(overlayOf("labels: [{pairs: {a: b}}]", nil), []map[string]any{odd()})
	if diff := cmp.Diff([]map[string]any{want}, got); diff != "" || len(problems) > 0 {
		t.Errorf("%q (-want +got):\n%s", texts(problems), diff)
	}
	got, problems = Apply(overlayOf(patched("{}", "- {op: add, path: /metadata/labels/a, value: b}"), nil), []map[string]any{odd()})
	list := want["numbers"].([]any)
	list[3], list[4], list[5] = float64(1<<63), float64(math.MinInt64), int64(1<<53) // as kustomize does
	if diff := cmp.Diff([]map[string]any{want}, got); diff != "" || len(problems) > 0 {
		t.Errorf("%q (-want +got):\n%s", texts(problems), diff)
	}
}

// TestSchemaIsForgotten shows that a schema of one component does not say how
// lists of the next overlay are merged.
func TestSchemaIsForgotten(t *testing.T) {
	schema := `{"definitions": {"d": {"properties": {"spec": {"properties": {"list": {"type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "id", "x-kubernetes-patch-strategy": "merge"}}}}, "x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Odd", "version": "v1"}]}}}`
	docs := docsOf(t, "{apiVersion: example.com/v1, kind: Odd, metadata: {name: a}, spec: {list: [{id: a, x: 1}]}}")
	const patch = "patches: [{patch: '{apiVersion: example.com/v1, kind: Odd, metadata: {name: a}, spec: {list: [{id: b, x: 2}]}}', target: {kind: Odd}}]\n"
	length := func(text string) int {
		got, problems := Apply(overlayOf(text, map[string]string{"topologies/eu/s/kustomization.yaml": "openapi: {path: s.json}\n" + patch, "topologies/eu/s/s.json": schema}), docs)
		if len(problems) > 0 {
			t.Error(texts(problems))
			return 0
		}
		return len(got[0]["spec"].(map[string]any)["list"].([]any))
	}
	const component = "components: [../../../s]\n"
	if a, b, c := length(patch), length(component), length(patch); a != 1 || b != 2 || c != 1 {
		t.Errorf("the lists have %d, %d and %d items, not 1, 2 and 1", a, b, c)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if a, b := length(patch), length(component); a != 1 || b != 2 {
				t.Errorf("at the same time, the lists have %d and %d items, not 1 and 2", a, b)
			}
		})
	}
	wait.Wait()
}

func TestConcurrent(t *testing.T) {
	var wait sync.WaitGroup
	want := map[string]string{}
	for name, tt := range overlays {
		got, _ := Apply(overlayOf(tt.overlay, parts), docsOf(t, small))
		want[name] = yamlOf(t, got)
	}
	for name, tt := range overlays {
		for range 2 {
			wait.Go(func() {
				got, _ := Apply(overlayOf(tt.overlay, parts), docsOf(t, small))
				if yamlOf(t, got) != want[name] {
					t.Errorf("%s: another result", name)
				}
			})
		}
	}
	wait.Wait()
}

func TestBuild(t *testing.T) {
	files := filesOf(map[string]string{
		"chart/etc/crds/default/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../bases, map.yaml]\nnamespace: apigee\n",
		"chart/etc/crds/default/map.yaml":           "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {big: \"1e3\"}\n",
		"chart/etc/crds/bases/kustomization.yaml":   "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [crd.yaml]\n",
		"chart/etc/crds/bases/crd.yaml":             "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.example.com}\nspec: {group: example.com, versions: [{name: v1, schema: {openAPIV3Schema: {maximum: 9007199254740993}}}]}\n",
		"remote/kustomization.yaml":                 "kind: Kustomization\nresources: [https://example.com/a]\n",
		"root/a/kustomization.yaml":                 "kind: Kustomization\nresources: [b.yaml]\n",
		"root/a/b.yaml":                             "a: b",
	})
	got, err := Build(files, "chart/etc/crds/default")
	want := docsOf(t, "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: as.example.com}, spec: {group: example.com, versions: [{name: v1, schema: {openAPIV3Schema: {maximum: 9007199254740993}}}]}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: apigee}, data: {big: \"1e3\"}}")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	sub, _ := fs.Sub(files, "chart/etc/crds/bases")
	if got, err := Build(sub, "."); err != nil || len(got) != 1 {
		t.Errorf("in the root: %d documents, %v", len(got), err)
	}
	for dir, want := range map[string]string{
		"remote": "kustomization remote: resources https://example.com/a: that is not in this repository, and nothing is fetched",
		"none":   "kustomization none: there is no kustomization.yaml in the folder none",
		"root/a": "kustomization root/a: b.yaml: missing Resource metadata",
	} {
		if _, err := Build(files, dir); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", dir, err, want)
		}
	}
}

// FuzzApply puts what JSON can hold into a document that an overlay is not for.
func FuzzApply(f *testing.F) {
	for _, value := range []any{odd(), "a", []any{1.5, nil}, map[string]any{"subjects": []any{"a"}}, map[string]any{"kind": "List", "items": []any{map[string]any{}}}} {
		data, err := json.Marshal(value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "a")
	}
	f.Add([]byte(`{"metadata": {"annotations": "a", "labels": [1]}}`), "a")
	f.Add([]byte(`{"kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "subjects": ["a", {"kind": 1, "namespace": "b"}]}`), "a")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.UseNumber()
		var value any
		if dec.Decode(&value) != nil {
			return
		}
		value = numbered(value)
		doc, ok := value.(map[string]any)
		if !ok {
			doc = map[string]any{"value": value}
		}
		for key, text := range map[string]string{"apiVersion": "example.com/v1", "kind": "Odd"} {
			if _, ok := doc[key].(string); !ok {
				doc[key] = text
			}
		}
		if metadata, ok := doc["metadata"].(map[string]any); ok {
			metadata["name"] = strings.ToValidUTF8(name, "?")
		} else {
			doc["metadata"] = map[string]any{"name": strings.ToValidUTF8(name, "?")}
		}
		kept := clone(doc)
		docs := append(docsOf(t, small)[3:], doc)
		got, problems := Apply(overlayOf(patched("{labelSelector: none=none}", "- {op: remove, path: /none}"), nil), docs)
		if diff := cmp.Diff(kept, any(doc)); diff != "" {
			t.Errorf("the document was changed:\n%s", diff)
		}
		if got == nil || slices.ContainsFunc(problems, func(p Problem) bool { return p.Patch != 0 }) {
			return // kustomize does not take such a document
		}
		if kind := doc["kind"].(string); strings.HasSuffix(kind, "List") || len(got) == 1 {
			return
		}
		if diff := cmp.Diff(docs, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	base := docsOf(b, small)
	var docs []map[string]any
	for i := range 15 {
		for _, doc := range base {
			doc := clone(doc).(map[string]any)
			metadata := doc["metadata"].(map[string]any)
			metadata["name"] = fmt.Sprint(metadata["name"], "-", i)
			docs = append(docs, doc)
		}
	}
	var patches strings.Builder
	patches.WriteString("labels: [{pairs: {zone: a}}]\nimages: [{name: registry.example/web, newTag: \"2\"}]\npatches:\n")
	for i := range 10 {
		fmt.Fprintf(&patches, "- {target: {kind: ConfigMap, name: web-a-%d}, patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {b: c}}'}\n", i)
	}
	for name, text := range map[string]string{
		"one label": "labels: [{pairs: {zone: a}}]\n", "ten patches, an image and a label": patches.String(),
		"the same after a component": "components: [../../../components/extra]\n" + patches.String(),
	} {
		b.Run(name, func(b *testing.B) {
			o := overlayOf(text, parts)
			for b.Loop() {
				if _, problems := Apply(o, docs); len(problems) > 0 {
					b.Fatal(texts(problems))
				}
			}
		})
	}
}
