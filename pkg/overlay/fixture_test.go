package overlay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/yaml"
)

const component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"

// docsOf reads documents, whole numbers as int64.
func docsOf(t testing.TB, text string) []map[string]any {
	t.Helper()
	var docs []map[string]any
	for _, part := range strings.Split(text, "\n---\n") {
		data, err := yaml.YAMLToJSON([]byte(part))
		if err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var doc map[string]any
		if err := dec.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, numbered(doc).(map[string]any))
	}
	return docs
}

// yamlOf writes documents as kustomize does.
func yamlOf(t testing.TB, docs []map[string]any) string {
	t.Helper()
	var parts []string
	for _, doc := range docs {
		data, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(data))
	}
	return strings.Join(parts, "---\n")
}

// filesOf makes a file system of names and texts, with the head of a component
// before each text that has none.
func filesOf(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		if strings.HasSuffix(name, "/kustomization.yaml") && !strings.Contains(text, "kind: Component") && !strings.Contains(text, "kind: Kustomization") {
			text = component + text
		}
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// small is a store, a workload and two maps.
const small = `apiVersion: apigee.cloud.google.com/v1alpha1
kind: ApigeeDatastore
metadata: {name: default, namespace: apigee, labels: {tier: data}}
spec: {replicas: 3}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: apigee, labels: {tier: web}, annotations: {team: x}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: init, image: registry.example/tools:1}]
      containers: [{name: main, image: "registry.example/web:1.0", env: [{name: A, value: "1"}]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web-a, namespace: apigee}
data: {key.with.dots: "yes", num: "0123"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web-b, namespace: apigee}
data: {key: "1e3"}`

// parts are components.
var parts = map[string]string{
	"topologies/eu/components/label/kustomization.yaml":    "labels: [{pairs: {part: label}}]\n",
	"topologies/eu/components/extra/kustomization.yaml":    "resources: [secret.yaml]\npatches:\n- path: patch.yaml\n  target: {kind: ConfigMap, name: web-.*}\ncomponents: [../../../shared/nested]\n",
	"topologies/eu/components/extra/secret.yaml":           "apiVersion: v1\nkind: Secret\nmetadata: {name: extra, namespace: apigee}\nstringData: {a: \"1\"}\n",
	"topologies/eu/components/extra/patch.yaml":            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}\ndata: {extra: \"true\"}\n",
	"topologies/shared/nested/kustomization.yaml":          "resources: [account.yaml, ../base]\n",
	"topologies/shared/nested/account.yaml":                "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: nested, namespace: apigee}\n",
	"topologies/shared/base/kustomization.yaml":            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamePrefix: base-\nresources: [role.yaml]\n",
	"topologies/shared/base/role.yaml":                     "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: role, namespace: apigee}\nrules: []\n",
	"topologies/eu/components/generate/kustomization.yaml": "configMapGenerator: [{name: made, namespace: apigee, files: [key=settings.txt], envs: [settings.env]}]\n",
	"topologies/eu/components/generate/settings.txt":       "yes\n",
	"topologies/eu/components/generate/settings.env":       "A=1\n",
	"topologies/eu/components/old/kustomization.yaml":      "commonLabels: {old: label}\npatchesStrategicMerge:\n- |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: web-a, namespace: apigee}\n  data: {old: \"1\"}\n- old.yaml\npatchesJson6902: [{path: old.json, target: {version: v1, kind: ConfigMap, name: web-b}}]\n",
	"topologies/eu/components/old/old.yaml":                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-b, namespace: apigee}\ndata: {older: \"1\"}\n",
	"topologies/eu/components/old/old.json":                "[{\"op\": \"remove\", \"path\": \"/data/older\"}]",
	"topologies/eu/components/prefix/kustomization.yaml":   "namePrefix: eu-\n",
}

func overlayOf(text string, files map[string]string) Overlay {
	return Overlay{Component: []byte(component + text), Files: filesOf(files), Dir: "topologies/eu"}
}

// with returns files with more of them.
func with(files map[string]string, more ...string) map[string]string {
	out := maps.Clone(files)
	if out == nil {
		out = map[string]string{}
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func (p Problem) String() string {
	where := p.Component + p.Image
	if p.Patch >= 0 {
		where = fmt.Sprint("patch ", p.Patch)
	}
	text := where + ": " + p.Message
	if p.Idle {
		text = "idle " + text
	}
	if p.Hint != "" {
		text += " [" + p.Hint + "]"
	}
	return text
}

func texts(problems []Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

// patched is an overlay of one patch, with a target in JSON.
func patched(target, patch string) string {
	text := "patches:\n- patch: |\n    " + strings.ReplaceAll(strings.TrimSpace(patch), "\n", "\n    ") + "\n"
	if target != "" {
		text += "  target: " + target + "\n"
	}
	return text
}

// names lists what documents are called.
func names(docs []map[string]any) []string {
	var out []string
	for _, doc := range docs {
		out = append(out, fmt.Sprint(doc["kind"], " ", doc["metadata"].(map[string]any)["name"]))
	}
	return out
}
