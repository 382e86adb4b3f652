package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/ringplan/ringplan/cmd/charts"
	"github.com/ringplan/ringplan/pkg/manifest"
)

// kustomized builds a folder with kustomize itself, from disk.
func kustomized(t *testing.T, dir string) resmap.ResMap {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	return built
}

// documents reads the documents of files.
func documents(t *testing.T, files ...string) []any {
	t.Helper()
	var docs []any
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parseFiles(".", map[string][]byte{file: data})
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range parsed[0].Docs {
			docs = append(docs, doc.Plain())
		}
	}
	return docs
}

// goldenManifests lists the folder of every region of golden/ whose charts are
// rendered.
func goldenManifests(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("golden/*/manifests-*/*/kustomization.yaml")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no rendered manifests in golden/: %v", err)
	}
	for i, file := range dirs {
		dirs[i] = filepath.Dir(file)
	}
	return dirs
}

// TestManifestsBuild builds the manifests of every region with kustomize itself:
// that must give the documents of its files but hooks and definitions, as they
// stand there.
func TestManifestsBuild(t *testing.T) {
	atRoot(t)
	for _, dir := range goldenManifests(t) {
		t.Run(dir, func(t *testing.T) {
			var files []string
			for _, pattern := range []string{"/*.yaml", "/*/" + objectsName} {
				found, err := filepath.Glob(dir + pattern)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, found...)
			}
			files = slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "kustomization.yaml" })
			built, err := kustomized(t, dir).AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "built.yaml")
			write(t, out, string(built))
			identity := func(doc any) string { return manifest.Identity(doc.(map[string]any)) }
			sorted := func(docs []any) []any {
				slices.SortFunc(docs, func(a, b any) int { return strings.Compare(identity(a), identity(b)) })
				return docs
			}
			if diff := cmp.Diff(sorted(documents(t, files...)), sorted(documents(t, out))); diff != "" {
				t.Errorf("kustomize builds something else (-files +built):\n%s", diff)
			}
		})
	}
}

// withoutOverlays cuts every overlay out of a topology.
func withoutOverlays(topology string) string {
	var kept []string
	cut := -1 // how far the overlay is indented that is being cut out
	for _, line := range strings.SplitAfter(topology, "\n") {
		text := strings.TrimLeft(line, " ")
		indent := len(line) - len(text)
		if cut >= 0 && (indent > cut || strings.TrimSpace(text) == "") {
			continue
		}
		cut = -1
		if strings.HasPrefix(text, "overlay:") {
			cut = indent
			continue
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}

// TestOverlayIsKustomize applies the overlay of every region of examples/overlay,
// as it is rendered, with kustomize itself to what the charts render without it:
// that must give the manifests that are rendered with it, byte by byte.
func TestOverlayIsKustomize(t *testing.T) {
	atRoot(t)
	repository := t.TempDir()
	for _, from := range []string{"overlay", "charts"} {
		if err := os.CopyFS(filepath.Join(repository, from), os.DirFS(filepath.Join("examples", from))); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(repository)
	if err := os.Mkdir(".git", 0o755); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("overlay/topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bare := withoutOverlays(string(data))
	if strings.Contains(bare, "patch") || bare == string(data) {
		t.Fatalf("the overlays are not cut out:\n%s", bare)
	}
	for rendered, args := range previews(t, "overlay") {
		t.Run(rendered, func(t *testing.T) {
			write(t, "overlay/topology.yaml", string(data))
			mustRun(t, append([]string{"render", "--out", "overlay/" + rendered}, args...)...)
			mustRun(t, append([]string{"render", "--manifests", "--out", "overlay/with-" + rendered}, args...)...)
			write(t, "overlay/topology.yaml", bare)
			mustRun(t, append([]string{"render", "--manifests", "--out", "overlay/without-" + rendered}, args...)...)
			regions := folders(t, "overlay/with-"+rendered)
			if len(regions) != 2 {
				t.Fatalf("rendered for %v", regions)
			}
			for _, region := range regions {
				both := "overlay/both-" + rendered + "/" + region
				write(t, both+"/kustomization.yaml", "resources: [../../without-"+rendered+"/"+region+"]\ncomponents: [../../"+rendered+"/"+region+"/overlay]\n")
				want, err := kustomized(t, both).AsYaml()
				if err != nil {
					t.Fatal(err)
				}
				got, err := kustomized(t, "overlay/with-"+rendered+"/"+region).AsYaml()
				if err != nil {
					t.Fatal(err)
				}
				plain, err := kustomized(t, "overlay/without-"+rendered+"/"+region).AsYaml()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("%s: the overlay is not what kustomize makes of it (-kustomize +ringplan):\n%s", region, diff)
				}
				if string(plain) == string(got) {
					t.Errorf("%s: the overlay changes nothing", region)
				}
			}
		})
	}
}

// tryCharts goes on in a repository of its own with the charts of the examples,
// and returns a topology that uses them: one region, which can start.
func tryCharts(t *testing.T) string {
	t.Helper()
	fixtures, err := filepath.Abs("../../examples/charts")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS("charts", os.DirFS(fixtures)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(".git", 0o755); err != nil {
		t.Fatal(err)
	}
	return `apiVersion: ringplan.dev/v1alpha1
kind: Topology
metadata: {name: NAME}
spec:
  system: apigee-hybrid
  version: 1.16.0
  charts: {path: CHARTS}
  organization: {name: acme, project: acme-apis, analyticsRegion: us-central1}
  instanceID: NAME
  cassandra: {backup: {gcs: {bucket: acme-backups}}}
  environments: [{name: prod}]
  environmentGroups: [{name: public, tls: {secret: public-tls}}]
  ingressGateways: [{name: public}]
  regions:
    - name: east
      platform: gke
      kubernetes: {cluster: hybrid-NAME, region: us-east1}
      datacenter: dc-1
      network: {pods: [10.100.0.0/16], nodes: [10.10.0.0/20], services: [10.200.0.0/20]}
`
}

func chartsOf(topology, name, charts string) string {
	return strings.NewReplacer("NAME", name, "CHARTS", charts).Replace(topology)
}

// TestDefaultPasswordIsNowhere has the charts render their default passwords, and
// looks for them in everything that is printed and written.
func TestDefaultPasswordIsNowhere(t *testing.T) {
	topology := chartsOf(tryCharts(t), "acme", "charts")
	const password = "changeme-demo"
	secret := func(text string) bool {
		if strings.Contains(text, password) {
			return true
		}
		for shift := range 3 { // as base64, wherever in another text it begins
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + password))
			if strings.Contains(text, encoded[4:len(encoded)-4]) {
				return true
			}
		}
		return false
	}
	// In the other version and later in this one, the password is another.
	replaceIn(t, "charts/1.15.1/apigee-datastore/values.yaml", "password: "+password, "password: other-"+password)
	write(t, "topology.yaml", topology+`  overlay:
    labels: [{pairs: {team: api}}]
    patches:
      - target: {kind: Secret}
        patch: "- {op: add, path: /metadata/annotations, value: {a: b}}"
      - target: {kind: Secret, name: apigee-datastore-default-creds}
        patch: "- {op: replace, path: /immutable, value: true}"
`)
	git(t, "init", "--quiet")
	git(t, "add", "--all")
	git(t, "commit", "--quiet", "--message", "base")
	commands := [][]string{
		{"lint", "--manifests"}, {"verify", "--manifests"}, {"verify", "--manifests", "--base", "HEAD"},
		{"charts", "verify"}, {"charts", "lock"}, {"charts", "verify"},
		{"render"}, {"render", "--manifests"}, {"render", "--manifests", "--check"}, {"render", "--manifests", "--stdout"},
		{"render", "--manifests", "--phase", "east=serving", "--out", "preview"},
		{"diff", "--manifests", "--phase", "east=serving"}, {"diff", "--manifests", "--stat", "--phase", "east=serving"},
		{"plan"}, {"plan", "-o", "json"}, {"plan", "-o", "markdown"}, {"plan", "--commands"}, {"status"}, {"graph"}, {"report", "--base", "HEAD"}, {"diff"},
	}
	for _, format := range findingFormats {
		commands = append(commands, []string{"lint", "--manifests", "-o", format})
	}
	for _, format := range []string{"text", "json", "markdown", "html"} {
		for _, with := range [][]string{{"--chart-version", "1.15.1"}, {"--base", "HEAD"}, {"--against", "empty"}, {"--against", "whole"}} {
			commands = append(commands, append([]string{"diff", "--manifests", "-o", format}, with...))
		}
	}
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	// Somebody else has written the manifests with their values.
	write(t, "whole/east/datastore/manifests.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: apigee-datastore-default-creds, namespace: apigee}\ndata: {default.password: "+
		base64.StdEncoding.EncodeToString([]byte(password))+", gone: "+base64.StdEncoding.EncodeToString([]byte(password))+"}\n")
	seen := map[int]bool{}
	check := func(commands [][]string) {
		for _, args := range commands {
			code, stdout, stderr := ringplan(t, args...)
			seen[code] = true
			if code == exitUsage || secret(stdout) || secret(stderr) {
				t.Errorf("%v: exit code %d\n%s%s", args, code, stdout, stderr)
			}
		}
	}
	check(commands[:12]) // with an error of the overlay
	replaceIn(t, "topology.yaml", "op: replace, path: /immutable", "op: add, path: /immutable")
	mustRun(t, "advance", "east")
	mustRun(t, "render", "--manifests")
	replaceIn(t, "charts/1.16.0/apigee-datastore/values.yaml", "password: "+password, "password: "+password+"-now")
	check([][]string{{"charts", "verify"}, {"lint", "--manifests"}, {"charts", "lock"}})
	check(commands)
	replaceIn(t, "charts/1.16.0/apigee-datastore/templates/credentials.yaml", "{{ $auth.default.password | b64enc }}", "{{ fail $auth.default.username }}")
	check([][]string{{"lint", "--manifests"}, {"charts", "lock"}, {"lint", "--manifests"}, {"render", "--manifests"}})
	for _, code := range []int{exitOK, exitFailed, exitDifferences, exitFindings} {
		if !seen[code] {
			t.Errorf("no command ended with exit code %d", code)
		}
	}
	for name, text := range readTree(t, ".") {
		folder, _, _ := strings.Cut(name, "/")
		if folder != "charts" && folder != "whole" && folder != ".git" && secret(text) {
			t.Errorf("%s has the password:\n%s", name, text)
		}
	}
	rendered := readTree(t, "manifests")["east/datastore/manifests.yaml"]
	if !strings.Contains(rendered, "default.password: (hidden)") || secret("no") || !secret(readTree(t, "whole")["east/datastore/manifests.yaml"]) {
		t.Errorf("the test does not see what it looks for:\n%s", rendered)
	}
}

// TestManifestsInterrupted stops what renders charts: at once, and between the
// topologies of a fleet.
func TestManifestsInterrupted(t *testing.T) {
	topology := tryCharts(t)
	for _, name := range []string{"a", "b"} {
		write(t, "fleet/"+name+"/topology.yaml", chartsOf(topology, name, "../../charts"))
		mustRun(t, "advance", "east", "--topology", "fleet/"+name+"/topology.yaml")
	}
	before := readTree(t, ".")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{"charts", "lock", "fleet"}, {"charts", "verify", "fleet"}, {"lint", "--manifests", "fleet"}, {"verify", "--manifests", "fleet"},
		{"render", "--manifests", "fleet"}, {"render", "--manifests", "--check", "fleet"}, {"render", "--manifests", "--stdout", "fleet"},
		{"diff", "--manifests", "--chart-version", "1.15.1", "fleet"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(canceled, charts.Libraries(), args, &stdout, &stderr)
		if code != exitFailed || stdout.Len() > 0 || stderr.String() != interruptedBy(args) {
			t.Errorf("%v: exit code %d\n%s%s", args, code, &stdout, &stderr)
		}
	}
	if diff := cmp.Diff(before, readTree(t, ".")); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
	for _, half := range []struct{ trip, left string }{
		{"fleet/a/ringplan.lock: ", "fleet/b/ringplan.lock"},
		{"fleet/a/manifests: ", "fleet/b/manifests"},
	} {
		args := []string{"render", "--manifests", "fleet"}
		if strings.Contains(half.trip, "lock") {
			args = []string{"charts", "lock", "fleet"}
		}
		ctx, cancel := context.WithCancel(t.Context())
		stderr := &tripwire{text: half.trip, trip: cancel}
		code := run(ctx, charts.Libraries(), args, &bytes.Buffer{}, stderr)
		cancel()
		if code != exitFailed || !strings.HasSuffix(stderr.String(), interruptedText) || exists(half.left) {
			t.Errorf("%v: exit code %d\n%s", args, code, stderr)
		}
		mustRun(t, args...)
		if !exists(half.left) {
			t.Errorf("%v: nothing in %s", args, half.left)
		}
	}
	mustRun(t, "render", "--manifests", "--check", "fleet")
}
