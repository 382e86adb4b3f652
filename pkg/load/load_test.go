package load

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/topology"
	"github.com/ringplan/ringplan/regions"
	"github.com/ringplan/ringplan/schema"
)

// update makes tests rewrite what they compare with.
var update = os.Getenv("UPDATE") != ""

var newLoader = sync.OnceValues(func() (*Loader, error) { return New(schema.FS, regions.FS) })

func testLoader(t testing.TB) *Loader {
	t.Helper()
	l, err := newLoader()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// loadText loads a text as a file of that name, in a folder of its own.
func loadText(t testing.TB, name, text string) (*topology.Topology, diag.List) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return testLoader(t).File(name)
}

// good is a topology in YAML, on which most tests build.
const good = `apiVersion: ringplan.dev/v1alpha1
kind: Topology
metadata: {name: acme}
spec:
  system: apigee-hybrid
  version: 1.16.0
  charts: {repository: "oci://registry.example/charts"}
  organization: {name: acme, project: acme-project, analyticsRegion: us-central1}
  instanceID: acme1
  cassandra: {replicas: 3, auth: {secret: apigee-cassandra-auth}}
  environments: [{name: prod}]
  environmentGroups: [{name: prod-group, tls: {secret: prod-tls}}]
  ingressGateways: [{name: prod-ingress}]
  values:
    cassandra: {dnsPolicy: ClusterFirst}
  regions:
    - name: us-east1
      platform: gke
      kubernetes: {cluster: one, region: us-east1}
      datacenter: dc-1
      network: {pods: [10.100.0.0/16], nodes: [10.10.0.0/20]}
`

// changed returns the good topology with one text replaced by another.
func changed(old, new string) string {
	if !strings.Contains(good, old) {
		panic("the good topology does not hold " + old)
	}
	return strings.Replace(good, old, new, 1)
}

// in JSON and in CUE, in that order.
func translated(t testing.TB) (asJSON, asCUE string) {
	t.Helper()
	file, err := yamlToJSON([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	return string(file), strings.TrimSuffix(strings.TrimPrefix(string(file), "{"), "}")
}

func mustLoad(t *testing.T, name, text string) *topology.Topology {
	t.Helper()
	topo, findings := loadText(t, name, text)
	if topo == nil || len(findings) > 0 {
		t.Fatalf("%s: %v", name, findings)
	}
	return topo
}

// TestFormatsAgree loads the same topology from YAML, JSON and CUE, with all
// kinds of line ends and byte order marks.
func TestFormatsAgree(t *testing.T) {
	asJSON, asCUE := translated(t)
	var indented strings.Builder
	enc := json.NewEncoder(&indented)
	enc.SetIndent("", "\t")
	if err := enc.Encode(json.RawMessage(asJSON)); err != nil {
		t.Fatal(err)
	}
	want := content(t, mustLoad(t, "topology.yaml", good))
	for _, c := range []struct{ name, file, text string }{
		{"yaml with BOM", "topology.yaml", "\ufeff" + good},
		{"yaml with CRLF", "topology.yaml", strings.ReplaceAll(good, "\n", "\r\n")},
		{"yaml with document marks", "topology.yaml", "%YAML 1.1\n---\n" + good + "...\n"},
		{"yaml with anchors", "topology.yaml", strings.Replace(changed("cluster: one", "cluster: &name one"), "metadata:", "metadata: &m", 1)},
		{"yaml with an alias", "topology.yaml", strings.Replace(changed("name: us-east1", "name: &name us-east1"), "region: us-east1", "region: *name", 1)},
		{"yaml with a merge", "topology.yaml", changed("{pods: [10.100.0.0/16], nodes: [10.10.0.0/20]}", "{<<: {pods: [10.100.0.0/16]}, nodes: [10.10.0.0/20]}")},
		{"yaml with tags", "topology.yaml", changed("replicas: 3", "replicas: !!int 3")},
		{"yml", "topology.yml", good},
		{"json", "topology.json", asJSON},
		{"json in lines", "topology.json", indented.String()},
		{"json with BOM and CRLF", "topology.json", "\ufeff" + strings.ReplaceAll(indented.String(), "\n", "\r\n")},
		{"json as yaml", "topology.yaml", asJSON},
		{"cue", "topology.cue", asCUE},
		{"cue with BOM and CRLF", "topology.cue", "\ufeff" + strings.ReplaceAll(indented.String(), "\n", "\r\n")},
		{"cue package", "topology.cue", "package acme\n" + asCUE},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(want, content(t, mustLoad(t, c.file, c.text))); diff != "" {
				t.Errorf("-yaml +%s:\n%s", c.name, diff)
			}
		})
	}
}

// content is what a topology holds, whatever it was read from.
func content(t *testing.T, topo *topology.Topology) map[string]any {
	t.Helper()
	all := map[string]any{}
	topo.Walk(func(path string, value any) { all[path] = fmt.Sprint(value) })
	if len(all) == 0 {
		t.Fatal("the topology is empty")
	}
	return all
}

// TestPositions finds every field of a topology where it was written.
func TestPositions(t *testing.T) {
	topo := mustLoad(t, "topology.yaml", good)
	for path, want := range map[string]string{
		"apiVersion":                      "topology.yaml:1:1",
		"metadata.name":                   "topology.yaml:3:12",
		"spec.cassandra.auth.secret":      "topology.yaml:10:35",
		"spec.regions":                    "topology.yaml:16:3",
		"spec.regions[0]":                 "topology.yaml:17:7",
		"spec.regions[0].network.pods[0]": "topology.yaml:21:24",
		"spec.regions[0].seedHost":        "topology.yaml:17:7", // not there: the region
		"spec.regions[7].seedHost":        "topology.yaml:16:3", // not there: the regions
		"metadata.annotations.\"a/b\"":    "topology.yaml:3:1",  // not there: metadata
		"nothing like a path [":           "topology.yaml:1:1",
	} {
		if got := topo.At(path).String(); got != want {
			t.Errorf("%s is at %s, not %s", path, got, want)
		}
	}
}

// TestNullValues takes null under values for what Helm takes it for, and null
// elsewhere for a mistake.
func TestNullValues(t *testing.T) {
	topo := mustLoad(t, "topology.yaml", changed("{dnsPolicy: ClusterFirst}", "{dnsPolicy: null, image: ~, hostNetwork: }"))
	values, _ := topo.Spec.Values["cassandra"].(map[string]any)
	if v, ok := values["dnsPolicy"]; v != nil || !ok || len(values) != 3 {
		t.Errorf("values.cassandra is %v", values)
	}
	// In a list, too: of one item, or in one of several.
	topo = mustLoad(t, "topology.yaml", good+"      values: {cassandra: {dnsPolicy: null}}\n")
	values, _ = topo.Spec.Regions[0].Values["cassandra"].(map[string]any)
	if v, ok := values["dnsPolicy"]; v != nil || !ok {
		t.Errorf("values.cassandra of the region is %v", values)
	}
	mustLoad(t, "topology.yaml", changed("[{name: prod}]", "[{name: test}, {name: prod, values: {components: null}}]"))
	if topo, findings := loadText(t, "topology.yaml", good+"      values: {cassandra: {dnsPolicy: null}}\n      cassandra: {hostNetwork: null}\n"); topo != nil || findings.Count(diag.Error) != 1 {
		t.Errorf("null beside the values: %v, %v", topo, findings)
	}
}

// TestUnfitValues goes on with a topology whose values alone are wrong.
func TestUnfitValues(t *testing.T) {
	topo, findings := loadText(t, "topology.yaml", changed("{dnsPolicy: ClusterFirst}", "{dnsPolicies: ClusterFirst}"))
	if topo == nil || !findings.HasErrors() {
		t.Fatalf("%v, %v", topo, findings)
	}
	topo, findings = loadText(t, "topology.yaml", strings.Replace(changed("{dnsPolicy: ClusterFirst}", "{dnsPolicies: ClusterFirst}"), "replicas: 3", "replicas: -3", 1))
	if topo != nil || findings.Count(diag.Error) != 2 {
		t.Fatalf("%v, %v", topo, findings)
	}
}

// TestUnreadable covers the findings that have no line.
func TestUnreadable(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder.yaml", 0o755); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("#", maxSize+1)
	for name, text := range map[string]string{"large.yaml": large, "large.json": large, "large.cue": large, "topology.txt": good, "topology": good} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"nosuch.yaml":  "no such file or directory",
		"folder.yaml":  "is a folder, not a file",
		"large.yaml":   "larger than 4 MiB, which no topology is",
		"large.json":   "larger than 4 MiB, which no topology is",
		"large.cue":    "larger than 4 MiB, which no topology is",
		"topology.txt": "its name does not tell whether it is CUE, YAML or JSON",
		"topology":     "its name does not tell whether it is CUE, YAML or JSON",
	} {
		topo, findings := testLoader(t).File(file)
		if topo != nil || len(findings) != 1 || findings[0].Code != codeRead || findings[0].Message != want || findings[0].Pos.String() != file {
			t.Errorf("%s: %v", file, findings)
		}
	}
}

// TestTooManyFindings keeps a file of thousands of mistakes readable.
func TestTooManyFindings(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "field%d: 1\n", i)
	}
	_, findings := loadText(t, "topology.yaml", good+b.String())
	if len(findings) != maxFindings+1 || !strings.Contains(fmt.Sprint(findings), "the rest is left out") {
		t.Errorf("%d findings", len(findings))
	}
}

// TestRegistry fetches nothing.
func TestRegistry(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("CUE_REGISTRY", "localhost:1+insecure")
	write(t, "cue.mod/module.cue", "module: \"acme.example/prod@v0\"\nlanguage: version: \"v0.15.0\"\ndeps: \"example.com/lib@v0\": v: \"v0.1.0\"\n")
	write(t, "topology.cue", "package acme\nimport \"example.com/lib\"\na: lib.a\n")
	_, findings := testLoader(t).File("topology.cue")
	if len(findings) != 1 || !strings.Contains(findings[0].Message, errNotFetched.Error()) || findings[0].Pos.String() != "topology.cue:2:8" {
		t.Errorf("%v", findings)
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRulesAreComplete explains every code that this package reports.
func TestRulesAreComplete(t *testing.T) {
	known := map[string]bool{}
	for _, r := range Rules() {
		known[r.Code] = true
		if r.Name == "" || r.Summary == "" || r.Why == "" || r.Fix == "" || r.Source == "" {
			t.Errorf("%s is not explained", r.Code)
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range sources {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range regexp.MustCompile(`"(RP[0-9]{3})"`).FindAllStringSubmatch(string(data), -1) {
			if !known[code[1]] {
				t.Errorf("%s: %s has no rule", file, code[1])
			}
		}
	}
}
