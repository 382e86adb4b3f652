package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// goldenRegions lists the folder of every region in golden/ as it is rendered
// without its charts.
func goldenRegions(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir("golden", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "releases.yaml" {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no rendered region in golden/: %v", err)
	}
	return dirs
}

// TestKustomizeBuilds builds every rendered region with kustomize itself, which
// must give the manifests that stand beside it, what its overlay adds, and
// nothing else.
func TestKustomizeBuilds(t *testing.T) {
	atRoot(t)
	repository := t.TempDir() // where the components are, as beside a topology
	for _, copied := range []struct{ to, from string }{{"golden", "golden"}, {"golden/overlay/quota", "examples/overlay/quota"}} {
		if err := os.CopyFS(filepath.Join(repository, copied.to), os.DirFS(copied.from)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(repository)
	for _, dir := range goldenRegions(t) {
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		want := 0
		if _, err := os.Stat(filepath.Join(dir, "datareplication.yaml")); err == nil {
			want = 1
		}
		if _, err := os.Stat(filepath.Join(dir, "overlay")); err == nil {
			want++ // the quota of its component
		}
		if built.Size() != want {
			t.Errorf("%s: kustomize builds %d resources, want %d", dir, built.Size(), want)
		}
	}
}

type releasePlan struct {
	Spec struct {
		Steps []struct {
			Name, Kind, Chart string
			ValuesFiles       []string `yaml:"valuesFiles"`
			Set               map[string]string
		}
	}
}

// standIn fails as the released charts do [C15] when the overrides lack what
// their templates require, or --set names what is not in them.
const standIn = `
{{- if not .Values.org }}{{ fail "org" }}{{ end }}
{{- $_ := required "instanceID" .Values.instanceID }}
{{- $_ := required "gcp.projectID" .Values.gcp.projectID }}
{{- $_ := required "gcp.region" .Values.gcp.region }}
{{- $_ := required "k8sCluster.name" .Values.k8sCluster.name }}
{{- $_ := required "k8sCluster.region" .Values.k8sCluster.region }}
{{- range .Values.ingressGateways }}{{ $_ := required "ingressGateways[].name" .name }}{{ end }}
{{- range .Values.virtualhosts }}{{ $_ := required "virtualhosts[].selector" .selector }}{{ $_ := required "virtualhosts[].sslSecret" .sslSecret }}{{ end }}
{{- if and .Values.cassandra.storage.storageclass (not .Values.cassandra.storage.storageSize) }}{{ fail "storageSize" }}{{ end }}
{{- if ne (kindOf .Values.cassandra.replicaCount) "float64" }}{{ if ne (kindOf .Values.cassandra.replicaCount) "int64" }}{{ fail "replicaCount is no number" }}{{ end }}{{ end }}
{{- if ne (kindOf .Values.cassandra.hostNetwork) "bool" }}{{ fail "hostNetwork is no boolean" }}{{ end }}
{{- if .Values.env }}
{{- $found := false }}{{ range .Values.envs }}{{ if eq .name $.Values.env }}{{ $found = true }}{{ end }}{{ end }}
{{- if not $found }}{{ fail (printf "Environment '%s' not found" .Values.env) }}{{ end }}
{{- end }}
{{- if .Values.envgroup }}
{{- $found := false }}{{ range .Values.virtualhosts }}{{ if eq .name $.Values.envgroup }}{{ $found = true }}{{ end }}{{ end }}
{{- if not $found }}{{ fail (printf "Virtualhost '%s' not found" .Values.envgroup) }}{{ end }}
{{- end }}
`

// TestHelmAccepts puts every release of every golden plan through Helm: its
// name, its values file, its --set arguments, and a chart that requires what
// the released ones require.
func TestHelmAccepts(t *testing.T) {
	atRoot(t)
	for _, dir := range goldenRegions(t) {
		var plan releasePlan
		data, err := os.ReadFile(filepath.Join(dir, "releases.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, &plan); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		names := map[string]bool{}
		for _, step := range plan.Spec.Steps {
			if step.Kind != "HelmRelease" {
				continue
			}
			if names[step.Name] {
				t.Errorf("%s: two releases are named %s", dir, step.Name)
			}
			names[step.Name] = true
			if err := helmRenders(dir, step.Name, step.Chart, step.ValuesFiles, step.Set); err != nil {
				t.Errorf("%s: release %s: %v", dir, step.Name, err)
			}
		}
		if len(names) < 8 {
			t.Errorf("%s: %d releases, want those of eight charts", dir, len(names))
		}
	}
}

func helmRenders(dir, name, chartName string, files []string, set map[string]string) error {
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return err
	}
	values := chartutil.Values{}
	for _, file := range files {
		read, err := chartutil.ReadValuesFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		values = chartutil.CoalesceTables(read, values)
	}
	for key, value := range set {
		if err := strvals.ParseInto(key+"="+value, values); err != nil {
			return err
		}
	}
	c := &chart.Chart{
		Metadata:  &chart.Metadata{APIVersion: "v2", Name: chartName, Version: "1.0.0"},
		Templates: []*chart.File{{Name: "templates/required.yaml", Data: []byte(standIn)}},
	}
	input, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: name}, nil)
	if err != nil {
		return err
	}
	_, err = engine.Render(c, input)
	return err
}

// TestCustomResources checks every rendered manifest against the real custom
// resource definitions, if TEST_CRDS names a folder that holds them. The
// API server drops unknown fields without a word, so here they are errors.
func TestCustomResources(t *testing.T) {
	dir := os.Getenv("TEST_CRDS")
	if dir == "" {
		t.Skip("TEST_CRDS names no folder of custom resource definitions")
	}
	schemas := readDefinitions(t, filepath.Join(dir, "apigee"))
	atRoot(t)
	checked := 0
	for _, region := range goldenRegions(t) {
		file := filepath.Join(region, "datareplication.yaml")
		data, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := accepted(schemas, data); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		wrong := strings.Replace(string(data), "region:", "datacenter:", 1)
		if accepted(schemas, []byte(wrong)) == nil {
			t.Errorf("%s: an unknown field is accepted, so this test proves nothing", file)
		}
		checked++
	}
	if checked == 0 {
		t.Error("no manifest was checked")
	}
}

func accepted(schemas map[string]*jsonschema.Schema, data []byte) error {
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	kind, _ := doc["kind"].(string)
	apiVersion, _ := doc["apiVersion"].(string)
	schema, ok := schemas[apiVersion+"/"+kind]
	if !ok {
		return os.ErrNotExist
	}
	return schema.Validate(doc)
}

// readDefinitions compiles the schema of every version of every definition in
// a folder, keyed by apiVersion/kind.
func readDefinitions(t *testing.T, dir string) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions in %s: %v", dir, err)
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema map[string]any `yaml:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(data, &crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range crd.Spec.Versions {
			id := crd.Spec.Group + "/" + v.Name + "/" + crd.Spec.Names.Kind
			schemas[id] = compileStrict(t, id, v.Schema.OpenAPIV3Schema)
		}
	}
	return schemas
}

// compileStrict makes a schema refuse the fields that it does not know.
func compileStrict(t *testing.T, id string, schema map[string]any) *jsonschema.Schema {
	t.Helper()
	if properties, ok := schema["properties"].(map[string]any); ok {
		properties["metadata"] = map[string]any{"type": "object"} // the API server knows it better
	}
	closeObjects(schema)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("crd:"+id, schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("crd:" + id)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func closeObjects(node any) {
	switch n := node.(type) {
	case map[string]any:
		if _, ok := n["properties"]; ok && n["additionalProperties"] == nil {
			n["additionalProperties"] = false
		}
		for _, child := range n {
			closeObjects(child)
		}
	case []any:
		for _, child := range n {
			closeObjects(child)
		}
	}
}

// TestChartsAccept renders the charts of the examples for every example: nothing
// may be wrong with what they make of the values, in any phase. With the real
// custom resource definitions, if TEST_CRDS names a folder of them, that holds
// for every field of what they render.
func TestChartsAccept(t *testing.T) {
	atRoot(t)
	args := []string{"lint", "--manifests", "-o", "json"}
	if dir := os.Getenv("TEST_CRDS"); dir != "" {
		args = append(args, "--crds", filepath.Join(dir, "apigee"))
	}
	for _, name := range examples(t) {
		files, err := filepath.Glob(filepath.Join("examples", name, "topology.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				write(t, dir+"/topology.yaml", withFixtureCharts(t, file))
				if err := os.CopyFS(filepath.Join(dir, "charts"), os.DirFS("examples/charts/1.16.0")); err != nil {
					t.Fatal(err)
				}
				for _, preview := range previews(t, filepath.Dir(file)) {
					preview[0] = dir + "/topology.yaml"
					code, stdout, stderr := ringplan(t, append(args, preview...)...)
					if code != exitOK || strings.Contains(stdout, `"severity": "error"`) {
						t.Errorf("%v: exit code %d\n%s%s", preview, code, stdout, stderr)
					}
				}
			})
		}
	}
}

// withFixtureCharts returns a topology with charts of a folder beside it. Backups
// by CSI go, because without a cluster the charts find no StorageClass.
func withFixtureCharts(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	spec, _ := doc["spec"].(map[string]any)
	spec["charts"], spec["version"] = map[string]any{"path": "charts"}, "1.16.0"
	delete(spec, "overlay")
	if cassandra, _ := spec["cassandra"].(map[string]any); cassandra != nil {
		if backup, _ := cassandra["backup"].(map[string]any); backup["csi"] != nil {
			delete(cassandra, "backup")
		}
	}
	regions, _ := spec["regions"].([]any)
	for _, r := range regions {
		delete(r.(map[string]any), "overlay")
	}
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
