package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"

	"github.com/ringplan/ringplan/pkg/release"
)

// cluster is one that both Helm and the charts here are told of.
var cluster = release.Cluster{Version: "v1.31.2", APIVersions: []string{"example.com/v1/Thing"}}

// helmRenders renders a release as `helm install` does: it returns a line for
// each object and hook, in their order.
func helmRenders(t testing.TB, raw []*loader.BufferedFile, r release.Release, values string, set []string) (objects, hooks []string, err error) {
	t.Helper()
	c, err := loader.LoadFiles(raw)
	if err != nil {
		return nil, nil, err
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	for _, argument := range set {
		if err := strvals.ParseInto(argument, given); err != nil {
			return nil, nil, err
		}
	}
	kube, err := chartutil.ParseKubeVersion(cluster.Version)
	if err != nil {
		t.Fatal(err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *kube
	capabilities.APIVersions = append(slices.Clone(capabilities.APIVersions), cluster.APIVersions...)
	if err := chartutil.ProcessDependenciesWithMerge(c, given); err != nil {
		return nil, nil, err
	}
	options := chartutil.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	input, err := chartutil.ToRenderValues(c, given, options, capabilities)
	if err != nil {
		return nil, nil, err
	}
	if want := c.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, kube.String()) {
		return nil, nil, fmt.Errorf("chart requires kubeVersion: %s", want)
	}
	rendered, err := engine.Render(c, input)
	if err != nil {
		return nil, nil, err
	}
	maps.DeleteFunc(rendered, func(name, _ string) bool { return strings.HasSuffix(name, "NOTES.txt") })
	sortedHooks, manifests, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range manifests {
		if doc := plainYAML(t, m.Content); doc != "null" {
			objects = append(objects, m.Name+" "+doc)
		}
	}
	for _, h := range sortedHooks {
		hooks = append(hooks, fmt.Sprint(h.Path, " ", h.Events, " ", h.Weight, " ", h.DeletePolicies, " ", plainYAML(t, h.Manifest)))
	}
	return objects, hooks, nil
}

// plainYAML returns a document as JSON, its keys in order.
func plainYAML(t testing.TB, text string) string {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal([]byte(text+"\n"), &doc); err != nil { // as Helm sends it
		t.Fatal(err)
	}
	return plainJSON(t, doc)
}

func plainJSON(t testing.TB, doc any) string {
	t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// lines returns what a rendering has as helmRenders does.
func lines(t testing.TB, got release.Rendering) (objects, hooks []string) {
	t.Helper()
	for _, o := range got.Objects {
		objects = append(objects, o.Template+" "+plainJSON(t, o.Doc))
	}
	for _, h := range got.Hooks {
		hooks = append(hooks, fmt.Sprint(h.Template, " ", h.Hook.Events, " ", h.Hook.Weight, " ", h.Hook.Policies, " ", plainJSON(t, h.Doc)))
	}
	return objects, hooks
}

// asHelm renders a release of a chart and fails unless Helm gives the same, or
// fails as well.
func asHelm(t testing.TB, c *Chart, raw []*loader.BufferedFile, values string, set []string) release.Rendering {
	t.Helper()
	r := release.Release{Name: "acme", Namespace: "apigee", Values: valuesFrom(t, values), Set: map[string]string{}}
	for _, argument := range set {
		key, value, _ := strings.Cut(argument, "=")
		r.Set[key] = value
	}
	got := c.Render(r, cluster)
	objects, hooks, err := helmRenders(t, raw, r, values, set)
	if (err != nil) != (len(got.Problems) > 0) {
		t.Fatalf("Helm says %v, and here are the problems %+v", err, got.Problems)
	}
	gotObjects, gotHooks := lines(t, got)
	if err == nil && (!slices.Equal(gotObjects, objects) || !slices.Equal(gotHooks, hooks)) {
		t.Errorf("with values %s and %q:\nhere %s\nHelm %s\nhooks here %s\nhooks Helm %s", values, set,
			strings.Join(gotObjects, "\n     "), strings.Join(objects, "\n     "), strings.Join(gotHooks, "\n     "), strings.Join(hooks, "\n     "))
	}
	return got
}

// valuesFrom reads values as the planner has them: whole numbers are int64.
func valuesFrom(t testing.TB, text string) map[string]any {
	t.Helper()
	objects, err := Documents("values", text)
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) == 0 {
		return nil
	}
	return objects[0].Doc
}

func (f files) raw() []*loader.BufferedFile {
	var list []*loader.BufferedFile
	for _, name := range slices.Sorted(maps.Keys(f)) {
		list = append(list, &loader.BufferedFile{Name: name, Data: []byte(f[name])})
	}
	return list
}

// dump is a template that shows all values that it sees, and the type of each.
const dump = `apiVersion: v1
kind: ConfigMap
metadata:
  name: dump-{{ .Chart.Name }}
data:
  values: {{ toJson .Values | quote }}
  types: {{ range $k, $v := .Values }}{{ $k }}-{{ kindOf $v }}-{{ printf "%v" $v | quote | replace "\"" "" }}_{{ end }}
  release: {{ toJson .Release | quote }}
  template: {{ .Template.Name }} {{ .Template.BasePath }}
`

// TestAsHelm renders charts as Helm does.
func TestAsHelm(t *testing.T) {
	object := func(kind, name string) string {
		return "apiVersion: v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\n"
	}
	hook := func(kind, name, annotations string) string {
		return "apiVersion: v1\nkind: " + kind + "\nmetadata:\n  name: " + name + "\n  annotations: {" + annotations + "}\n"
	}
	parent := "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n- {name: cart, version: 1.0.0, condition: cart.enabled, tags: [extras]}\n- {name: cart, version: 1.0.0, alias: basket, condition: basket.enabled}\n- {name: till, version: 1.0.0, import-values: [data, {child: inner, parent: from}]}\n"
	for name, c := range map[string]struct {
		files   files
		values  []string
		set     []string
		objects int // that the first values give; -1 if it fails
		hooks   int
	}{
		"plain":                      {shop("1.0.0", nil), []string{"", "replicas: 3"}, nil, 1, 0},
		"values":                     {shop("1.0.0", files{"values.yaml": "a: 1\nb: {c: 2, d: [1, 2]}\ne: text\nbig: 12345678901234567\nf: 1.5\n", "templates/configmap.yaml": dump}), []string{"", "a: null", "b: {c: null}", "b: null", "b: {d: [3]}", "a: {now: map}", "b: 3", "n: 012", "a: 1e3", "big: 9007199254740993", "t: 2026-01-02", "\"y\": yes"}, nil, 1, 0},
		"set":                        {shop("1.0.0", files{"templates/configmap.yaml": dump}), []string{"", "a: {b: 1}"}, []string{"a.b=2", "s=007", "t=true", "n=null", "i=3", "l={1,2}", "x\\.y=z", "list[0].a=b", "f=1.5", "q=\"3\"", "empty="}, 1, 0},
		"bad set":                    {shop("1.0.0", nil), []string{""}, []string{"a=b,c"}, -1, 0},
		"null over a default by set": {shop("1.0.0", files{"values.yaml": "a: {b: 1, c: 2}\n", "templates/configmap.yaml": dump}), []string{""}, []string{"a.b=null"}, 1, 0},
		"many kinds": {shop("1.0.0", files{
			"templates/configmap.yaml": object("Unknown", "u") + "---\n" + object("Service", "s1") + "---\n" + object("Another", "z") + "---\n" + object("Another", "a") + "---\n" + object("Namespace", "n"),
			"templates/a.yaml":         object("Deployment", "d") + "---\n" + object("Service", "s0") + "---\n" + object("List", "l"),
			"templates/sub/b.yaml":     object("CustomResourceDefinition", "c") + "---\n" + object("Secret", "s"),
		}), []string{""}, nil, 10, 0},
		"documents": {shop("1.0.0", files{
			"templates/configmap.yaml": "---\n# nothing\n---\n---\n" + object("A", "a") + "\n---   \n" + object("B", "b") + "--- # three\n" + object("C", "c") + "...\n",
			"templates/comments.yaml":  "# only\n# comments\n", "templates/empty.yaml": "  \n\n", "templates/conditional.yaml": "{{ if false }}\n" + object("D", "d") + "{{ end }}",
			"templates/NOTES.txt": "Thanks for {{ .Release.Name }}", "templates/more/NOTES.txt": "no: [yaml", "templates/MY-NOTES.txt": "no: [yaml", "templates/text.txt": object("T", "t"),
			"templates/_partial.yaml": "no: [yaml", "templates/.hidden.yaml": object("H", "h"), "README.md": "{{ fail }}",
		}), []string{""}, nil, 5, 0},
		"hooks": {shop("1.0.0", files{
			"templates/configmap.yaml": hook("Job", "one", `"helm.sh/hook": " Pre-Install, post-upgrade", "helm.sh/hook-weight": "5", "helm.sh/hook-delete-policy": "before-hook-creation, Hook-Succeeded"`) + "---\n" +
				hook("Pod", "two", `"helm.sh/hook": test-success, "helm.sh/hook-weight": x`) + "---\n" +
				hook("ConfigMap", "three", `"helm.sh/hook": pre-install, "helm.sh/hook-weight": "-1"`) + "---\n" +
				hook("Job", "four", `"helm.sh/hook": "pre-install,crd-install"`) + "---\n" +
				hook("Job", "five", `"helm.sh/hook": ""`) + "---\n" +
				hook("Job", "six", `"other": "x"`),
			"templates/a.yaml": hook("Job", "seven", `"helm.sh/hook": "test,post-delete"`) + "---\n" + hook("Job", "eight", `"helm.sh/hook": post-rollback`),
		}), []string{""}, nil, 1, 5},
		"subcharts": {shop("1.0.0", files{
			"Chart.yaml": parent, "values.yaml": "global: {color: red}\ncart: {size: 2, enabled: true}\nbasket: {size: 3}\ntill: {deep: {a: 1}}\nfrom: {z: null}\n", "templates/configmap.yaml": dump,
			"charts/cart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n", "charts/cart/values.yaml": "size: 1\nmore: {a: b}\nglobal: {shape: round}\n", "charts/cart/templates/x.yaml": dump, "charts/cart/crds/a.yaml": object("CustomResourceDefinition", "carts"),
			"charts/till/Chart.yaml": "apiVersion: v2\nname: till\nversion: 1.0.0\ntype: application\n", "charts/till/values.yaml": "exports: {data: {exported: 1}}\ninner: {x: y, z: 1, n: null}\ndeep: {a: 0, b: 0}\n", "charts/till/templates/x.yaml": dump, "charts/_ignored/x.yaml": "a: {{ b",
		}), []string{
			"", "cart: {enabled: false}", "cart: {enabled: false}\nbasket: {enabled: false}", "tags: {extras: false}\ncart: {enabled: null}", "global: {color: blue, till: 3}",
			"cart: null", "cart: {more: null}", "till: {deep: {a: null}}", "basket: {more: {c: d}}", "till: {inner: {x: z}, exports: {data: {exported: 2}}}", "from: {x: mine}", "from: {x: null}", "from: null", "exported: null", "till: {inner: {x: null}}", "till: {inner: null}", "cart: {enabled: maybe}",
		}, nil, 4, 0},
		"a library": {shop("1.0.0", files{
			"Chart.yaml":               "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: lib, version: 1.0.0}]\n",
			"templates/configmap.yaml": `{{ include "lib.object" . }}`, "charts/lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
			"charts/lib/templates/_x.tpl": `{{ define "lib.object" }}{apiVersion: v1, kind: A, metadata: {name: {{ .Release.Name }}}}{{ end }}`, "charts/lib/templates/y.yaml": "no: [yaml",
		}), []string{""}, nil, 1, 0},
		"an older chart": {shop("1.0.0", files{
			"Chart.yaml": "apiVersion: v1\nname: shop\nversion: 1.0.0\n", "requirements.yaml": "dependencies: [{name: cart, version: 1.0.0, condition: cart.enabled}]\n",
			"charts/cart/Chart.yaml": "name: cart\nversion: 1.0.0\n", "charts/cart/templates/x.yaml": dump,
		}), []string{"", "cart: {enabled: false}"}, nil, 2, 0},
		"capabilities": {shop("1.0.0", files{"templates/configmap.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  has: {{ .Capabilities.APIVersions.Has "example.com/v1/Thing" | quote }}
  not: {{ .Capabilities.APIVersions.Has "example.org/v1" | quote }}
  core: {{ .Capabilities.APIVersions.Has "apps/v1" | quote }}
  kube: {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion.Minor }} {{ semverCompare ">=1.31-0" .Capabilities.KubeVersion.Version }}
  helm: {{ .Capabilities.HelmVersion.Version }}
  found: {{ lookup "v1" "Secret" "a" "b" | toJson | quote }}
  host: {{ getHostByName "localhost" | quote }}
`}), []string{""}, nil, 1, 0},
		"files": {shop("1.0.0", files{"config/a.conf": "a = 1\n", "config/b.conf": "b = 2\n", "templates/configmap.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
{{ (.Files.Glob "config/*").AsConfig | indent 2 }}
  one: {{ .Files.Get "config/a.conf" | quote }}
  none: {{ print (.Files.Get "templates/configmap.yaml") (.Files.Get "Chart.yaml") | quote }}
  rendered: {{ tpl "{{ .Release.Name }}-{{ .Values.replicas }}" . }}
`}), []string{""}, nil, 1, 0},
		"changed values":       {shop("1.0.0", files{"values.yaml": "a: {b: 1}\n", "templates/a.yaml": `{{ $_ := set .Values.a "b" 2 }}{{ $_ := set .Values "c" .Values.given }}`, "templates/configmap.yaml": dump}), []string{"given: {x: 1}", ""}, nil, 1, 0},
		"no YAML":              {shop("1.0.0", files{"templates/configmap.yaml": "a: b\nc: [d\n"}), []string{""}, nil, -1, 0},
		"no object":            {shop("1.0.0", files{"templates/configmap.yaml": "- a\n- b\n"}), []string{""}, nil, -1, 0},
		"a text":               {shop("1.0.0", files{"templates/configmap.yaml": "just text\n"}), []string{""}, nil, -1, 0},
		"annotation no text":   {shop("1.0.0", files{"templates/configmap.yaml": hook("Job", "a", `"x": true`) + "---\n" + hook("Job", "b", `"helm.sh/hook": test, "helm.sh/hook-weight": 7`) + "---\n" + hook("Job", "c", `"helm.sh/hook": true`)}), []string{""}, nil, 1, 1},
		"annotation is a map":  {shop("1.0.0", files{"templates/configmap.yaml": hook("Job", "a", `"x": {a: b}`)}), []string{""}, nil, -1, 0},
		"annotations, a list":  {shop("1.0.0", files{"templates/configmap.yaml": "kind: A\nmetadata: {name: a, annotations: [a]}\n"}), []string{""}, nil, -1, 0},
		"metadata is a text":   {shop("1.0.0", files{"templates/configmap.yaml": "kind: A\nmetadata: a\n"}), []string{""}, nil, -1, 0},
		"name is no text":      {shop("1.0.0", files{"templates/configmap.yaml": object("A", "3")}), []string{""}, nil, 1, 0},
		"kind is no text":      {shop("1.0.0", files{"templates/configmap.yaml": object("true", "a")}), []string{""}, nil, 1, 0},
		"no kind":              {shop("1.0.0", files{"templates/configmap.yaml": "a: b\n"}), []string{""}, nil, 1, 0},
		"keys twice":           {shop("1.0.0", files{"templates/configmap.yaml": "kind: A\nkind: B\n"}), []string{""}, nil, 1, 0},
		"kubeVersion":          {shop("1.0.0", files{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nkubeVersion: '>= 1.31.0-0'\n"}), []string{""}, nil, 1, 0},
		"kubeVersion, not met": {shop("1.0.0", files{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nkubeVersion: '>= 1.32.0-0'\n"}), []string{""}, nil, -1, 0},
		"a schema": {shop("1.0.0", files{"values.schema.json": `{"type": "object", "properties": {"replicas": {"type": "integer", "minimum": 1}, "name": {"type": "string"}}}`}), []string{
			"replicas: 2", "replicas: 0", "replicas: 1.5", "replicas: 2.0", "name: 3", "name: null", "replicas: null",
		}, []string{"name=x"}, 1, 0},
		"schemas of subcharts": {shop("1.0.0", files{
			"Chart.yaml":             "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: cart, version: 1.0.0, condition: on}, {name: cart, alias: basket, version: 1.0.0}]\n",
			"charts/cart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n", "charts/cart/values.schema.json": `{"required": ["size"], "properties": {"size": {"type": "integer"}}}`,
		}), []string{"cart: {size: 1}\nbasket: {size: 2}", "cart: {size: 1}\nbasket: {size: x}", "cart: {size: x}\nbasket: {size: 1}", "on: false\ncart: {size: x}\nbasket: {size: 1}", "cart: {size: 1}", "cart: text\nbasket: {size: 1}"}, nil, 1, 0},
		"a dependency in an archive": {shop("1.0.0", files{
			"Chart.yaml":            "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: cart, version: 1.0.0}]\n",
			"charts/cart-1.0.0.tgz": string(files{"Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n", "templates/x.yaml": dump, "crds/x.yaml": object("CustomResourceDefinition", "packed")}.pack(t, t.TempDir())),
		}), []string{"", "cart: {a: 1}"}, nil, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			chart := c.files.parse(t)
			for i, values := range c.values {
				got := asHelm(t, chart, c.files.raw(), values, c.set)
				if i == 0 && (c.objects < 0 != (len(got.Problems) > 0) || len(got.Objects) != max(c.objects, 0) || len(got.Hooks) != c.hooks) {
					t.Errorf("%d objects and %d hooks, want %d and %d; problems %v", len(got.Objects), len(got.Hooks), c.objects, c.hooks, got.Problems)
				}
			}
			// Nothing leaks from one render into the next.
			for _, values := range slices.Backward(c.values) {
				asHelm(t, chart, c.files.raw(), values, c.set)
			}
		})
	}
}

// TestDefinitions finds them in crds/ as Helm does, and all others.
func TestDefinitions(t *testing.T) {
	definition := func(name string) string {
		return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: " + name + "}\n"
	}
	f := shop("1.0.0", files{
		"Chart.yaml":    "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: cart, version: 1.0.0, condition: cart.enabled}]\n",
		"crds/one.yaml": definition("one") + "---\n" + definition("two"), "etc/crds/three.yml": definition("three"), "etc/other.yaml": "kind: Secret\ntext: CustomResourceDefinition\n", "etc/broken.yaml": "a: {{ b",
		"templates/crd.yaml": definition("{{ .Release.Name }}"), "templates/no.txt": "",
		"charts/cart-1.0.0.tgz": string(files{"Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n", "crds/x.yaml": definition("packed")}.pack(t, t.TempDir())),
	})
	c := f.parse(t)
	names := func(objects []release.Object) string {
		var list []string
		for _, o := range objects {
			list = append(list, o.Template+" "+o.Name())
		}
		return strings.Join(list, ", ")
	}
	all, err := c.Definitions()
	if got, want := names(all), "crds/one.yaml one, crds/one.yaml two, etc/crds/three.yml three, charts/cart/crds/x.yaml packed"; err != nil || got != want {
		t.Errorf("Definitions: %s, %v; want %s", got, err, want)
	}
	for values, want := range map[string]string{
		"":                       "shop/crds/one.yaml one, shop/crds/one.yaml two, shop/charts/cart/crds/x.yaml packed",
		"cart: {enabled: false}": "shop/crds/one.yaml one, shop/crds/one.yaml two",
	} {
		got := c.Render(release.Release{Name: "a", Values: valuesFrom(t, values)}, cluster)
		if names(got.Definitions) != want || len(got.Objects) != 2 {
			t.Errorf("%q: %s and %d objects; want %s", values, names(got.Definitions), len(got.Objects), want)
		}
	}
}

// TestRefusals shows what a user reads when a chart does not render.
func TestRefusals(t *testing.T) {
	f := shop("1.0.0", files{
		"values.yaml":                  "storage: {}\nmode: plain\n",
		"templates/_checks.tpl":        "{{- define \"shop.check\" }}\n{{- if not .Values.storage.size }}\n{{- fail \"a shop needs\\n   storage.size\" }}\n{{- end }}\n{{- end }}\n",
		"templates/check.yaml":         "{{- if .Values.check }}\n{{ include \"shop.check\" . }}\n{{- end }}\n",
		"templates/needs.yaml":         "{{- if .Values.needs }}\na: b\nname: {{ required \"name is required\" .Values.name }}\n{{- end }}\n",
		"templates/deep.yaml":          "{{- if .Values.deep }}\na: {{ .Values.none.deeper }}\n{{- end }}\n",
		"templates/call.yaml":          "{{- if .Values.call }}\na: {{ index .Values.list 3 }}\n{{- end }}\n",
		"templates/broken.yaml":        "{{- if .Values.broken }}\na: b\n---\n# here\nc: d\ne: [{{ .Values.mode }}\nf: g\n{{- end }}\n",
		"charts/cart/Chart.yaml":       "apiVersion: v2\nname: cart\nversion: 1.0.0\n",
		"charts/cart/templates/x.yaml": "{{- if .Values.fail }}\n{{ fail \"no cart\" }}\n{{- end }}\n",
	})
	c := f.parse(t)
	for values, want := range map[string]release.Problem{
		"check: true":        {Value: "storage.size", Message: "a shop needs storage.size (shop/templates/check.yaml:2)"},
		"needs: true":        {Value: "name", Message: "name is required (shop/templates/needs.yaml:3)"},
		"deep: true":         {Message: "nil pointer evaluating interface {}.deeper (shop/templates/deep.yaml:2)"},
		"call: true":         {Message: "index of untyped nil (shop/templates/call.yaml:2)"},
		"broken: true":       {Message: "what shop/templates/broken.yaml renders is no YAML for Kubernetes: in line 6, did not find expected ',' or ']'"},
		"cart: {fail: true}": {Value: "cart.fail", Message: "no cart (shop/charts/cart/templates/x.yaml:2)"},
	} {
		got := c.Render(release.Release{Name: "a", Values: valuesFrom(t, values)}, cluster)
		if len(got.Problems) != 1 || got.Problems[0].Code != release.Refused || got.Problems[0].Value != want.Value || !strings.Contains(got.Problems[0].Message, want.Message) || len(got.Objects) > 0 {
			t.Errorf("%s: %+v, want %+v", values, got.Problems, want)
		}
	}
	for values, set := range map[string]map[string]string{"a: b": {"a.b.c": "d", "x[": "y"}} {
		got := c.Render(release.Release{Name: "a", Values: valuesFrom(t, values), Set: set}, cluster)
		if len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Message, "--set ") {
			t.Errorf("%v: %+v", set, got.Problems)
		}
	}
	for version, want := range map[string]string{"1.x": `the Kubernetes version "1.x"`, "v1.29.0": "the chart wants Kubernetes >=1.30.0, and the cluster has v1.29.0"} {
		c := shop("1.0.0", files{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nkubeVersion: '>=1.30.0'\n"}).parse(t)
		got := c.Render(release.Release{Name: "a"}, release.Cluster{Version: version})
		if len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Message, want) {
			t.Errorf("%s: %+v, want %s", version, got.Problems, want)
		}
		if got := c.Render(release.Release{Name: "a"}, release.Cluster{}); len(got.Problems) > 0 {
			t.Errorf("no version: %+v", got.Problems)
		}
	}
}

// TestNothingLeaks renders a chart whose templates change all that they reach,
// from several goroutines, with and without a dependency.
func TestNothingLeaks(t *testing.T) {
	change := `{{- $_ := set .Values.a "b" (printf "%s-%s" .Values.a.b .Release.Name) }}{{ $_ := set .Values "more" .Release.Name }}{{ $_ := set .Values.given "x" .Release.Name }}
apiVersion: v1
kind: ConfigMap
metadata: {name: changes}
data: {values: {{ toJson .Values | quote }}}
`
	alone := shop("1.0.0", files{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "values.yaml": "a: {b: c}\n", "templates/a.yaml": change, "templates/configmap.yaml": dump})
	with := maps.Clone(alone)
	maps.Copy(with, files{"charts/cart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n", "charts/cart/values.yaml": "a: {b: d}\ngiven: {}\n", "charts/cart/templates/a.yaml": change})
	for name, f := range map[string]files{"alone": alone, "with a dependency": with} {
		t.Run(name, func(t *testing.T) {
			c := f.parse(t)
			given := map[string]any{"given": map[string]any{"x": "y"}}
			render := func(name string) string {
				got := c.Render(release.Release{Name: name, Namespace: "n", Values: given}, cluster)
				if len(got.Problems) > 0 {
					t.Error(got.Problems)
				}
				objects, _ := lines(t, got)
				return strings.Join(objects, "\n")
			}
			want := map[string]string{}
			for i := range 4 {
				name := fmt.Sprint("r", i)
				want[name] = render(name)
				if other := fmt.Sprint("r", (i+3)%4); strings.Contains(want[name], other) {
					t.Errorf("%s has something of %s: %s", name, other, want[name])
				}
			}
			var wait sync.WaitGroup
			for i := range 16 {
				wait.Go(func() {
					name := fmt.Sprint("r", i%4)
					if got := render(name); got != want[name] {
						t.Errorf("%s\nis not\n%s", got, want[name])
					}
				})
			}
			wait.Wait()
			if plainJSON(t, given) != `{"given":{"x":"y"}}` {
				t.Errorf("the values became %v", given)
			}
		})
	}
}

// TestSteady renders what chance decides the same every time, in dependencies
// too.
func TestSteady(t *testing.T) {
	random := "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Chart.Name }}}\nstringData: {a: {{ randAlphaNum 10 }}, b: {{ uuidv4 }}, c: {{ now | unixEpoch | quote }}}\n"
	c := shop("1.0.0", files{"templates/r.yaml": random, "charts/cart/Chart.yaml": "apiVersion: v2\nname: cart\nversion: 1.0.0\n", "charts/cart/templates/r.yaml": random}).parse(t)
	render := func() string {
		got := c.Render(release.Release{Name: "a"}, cluster)
		objects, _ := lines(t, got)
		if len(objects) != 3 {
			t.Errorf("%d objects: %v", len(objects), got.Problems)
		}
		return strings.Join(objects, "\n")
	}
	if one, two := render(), render(); one != two {
		t.Errorf("%s\nand then\n%s", one, two)
	}
	if calls := c.Unstable(); len(calls) != 6 {
		t.Errorf("%d calls are not the same every time: %+v", len(calls), calls)
	}
}

// exampleCharts returns the charts below examples/charts, in a version.
func exampleCharts(t testing.TB, version string) []release.Loaded {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(examples, version))
	if err != nil {
		t.Skip("there are no charts in " + examples)
	}
	var pins []release.Pin
	for _, entry := range entries {
		if entry.IsDir() {
			pins = append(pins, release.Pin{Name: entry.Name(), Version: version})
		}
	}
	loaded := Open(release.Options{}).Load(context.Background(), examples, release.Source{Path: version}, pins)
	for _, l := range loaded {
		if l.Err != nil {
			t.Fatal(l.Err)
		}
	}
	return loaded
}

var examples = filepath.Join("..", "..", "examples", "charts")

// exampleValues are values that the charts of the examples render with.
func exampleValues(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "golden", "gke", "rendered-serving", "us-east1", "overrides.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there are no golden values")
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// exampleSet returns the arguments that a chart wants besides.
func exampleSet(t testing.TB, chart, values string) []string {
	t.Helper()
	first := func(list, key string) string {
		items, _ := valuesFrom(t, values)[list].([]any)
		item, _ := items[0].(map[string]any)
		name, _ := item[key].(string)
		return name
	}
	switch chart {
	case "apigee-env":
		return []string{"env=" + first("envs", "name")}
	case "apigee-virtualhost":
		return []string{"envgroup=" + first("virtualhosts", "name")}
	}
	return nil
}

// TestExamples renders the charts of the examples as Helm does.
func TestExamples(t *testing.T) {
	versions, err := os.ReadDir(examples)
	if err != nil {
		t.Skip("there are no charts in " + examples)
	}
	values := exampleValues(t)
	for _, version := range versions {
		if !version.IsDir() {
			continue
		}
		for _, l := range exampleCharts(t, version.Name()) {
			t.Run(version.Name()+"/"+l.Pin.Name, func(t *testing.T) {
				c := l.Chart.(*Chart)
				set := exampleSet(t, l.Pin.Name, values)
				got := asHelm(t, c, c.steady, values, set)
				if len(got.Problems) > 0 || len(got.Objects) == 0 {
					t.Errorf("%d objects, %v", len(got.Objects), got.Problems)
				}
				if len(c.Unstable()) == 0 {
					var raw []*loader.BufferedFile
					for _, f := range c.files.Raw {
						raw = append(raw, &loader.BufferedFile{Name: f.Name, Data: f.Data})
					}
					asHelm(t, c, raw, values, set)
				}
				asHelm(t, c, c.steady, "", nil) // which most of them refuse
			})
		}
	}
}

// BenchmarkRender renders the releases of a region: eight charts.
func BenchmarkRender(b *testing.B) {
	text := exampleValues(b)
	values := valuesFrom(b, text)
	charts := exampleCharts(b, "1.16.0")
	sets := make([]map[string]string, len(charts))
	for i, l := range charts {
		sets[i] = map[string]string{}
		for _, argument := range exampleSet(b, l.Pin.Name, text) {
			key, value, _ := strings.Cut(argument, "=")
			sets[i][key] = value
		}
	}
	for b.Loop() {
		for i, l := range charts {
			if got := l.Render(release.Release{Name: "a", Namespace: "apigee", Values: values, Set: sets[i]}, cluster); len(got.Problems) > 0 {
				b.Fatal(got.Problems)
			}
		}
	}
}

// BenchmarkLoad loads the eight charts.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		exampleCharts(b, "1.16.0")
	}
}

// TestLists takes the items of lists for objects, as the API server does.
func TestLists(t *testing.T) {
	text := `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {password: p}}
- {apiVersion: v1, kind: List, items: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}]}
---
apiVersion: v1
kind: SecretList
items: [{metadata: {name: c}}]
---
{apiVersion: v1, kind: List, items: []}
---
{apiVersion: example.com/v1, kind: PriceList, metadata: {name: d}}
---
{apiVersion: example.com/v1, kind: PriceList, metadata: {name: e}, items: [1]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: f}
data:
  last: |
    ends with a line
`
	objects, err := Documents("x.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.APIVersion()+" "+o.String())
	}
	want := []string{"v1 Secret/a", "apps/v1 Deployment/b", "v1 Secret/c", "example.com/v1 PriceList/d", "example.com/v1 PriceList/e", "v1 ConfigMap/f"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if last, _ := objects[5].Lookup("data", "last"); last != "ends with a line\n" {
		t.Errorf("the last text is %q", last)
	}
}
