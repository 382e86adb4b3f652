package apigee

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

var platforms = topology.Platforms{
	"gke": {
		NetworkModel: topology.Default[string]{Value: "flat"},
		StorageClass: topology.Default[string]{Value: "standard-rwo", Source: "[GKE-SC] the default class"},
		DataPool:     topology.Default[topology.NodeLabel]{Value: topology.NodeLabel{Key: "pool", Value: "data"}},
		RuntimePool:  topology.Default[topology.NodeLabel]{Value: topology.NodeLabel{Key: "pool", Value: "run"}},
	},
	"openshift": {NetworkModel: topology.Default[string]{Value: "island"}},
}

// base is a topology without a fault.
const base = `
metadata: {name: acme}
spec:
  system: apigee-hybrid
  version: 1.16.0
  organization: {name: acme-prod, project: acme-gcp, analyticsRegion: us-central1}
  instanceID: acme1
  cassandra:
    auth: {secret: cassandra-users}
    backup: {gcs: {bucket: backups}}
  environments: [{name: prod}]
  environmentGroups: [{name: public, tls: {secret: public-tls}}]
  ingressGateways: [{name: gateway}]
  regions:
    - name: east
      platform: gke
      kubernetes: {cluster: c-east, region: us-east1, context: ctx-east}
      datacenter: dc-1
      network: {pods: [10.100.0.0/16], nodes: [10.1.0.0/20]}
    - name: west
      platform: gke
      kubernetes: {cluster: c-west, region: us-west1, context: ctx-west}
      datacenter: dc-2
      network: {pods: [10.101.0.0/16], nodes: [10.2.0.0/20]}
      expandFrom: east
      seedHost: 10.100.0.11
`

// ringOf compiles base with a patch in YAML: maps merge, null removes, and a
// map over a list patches its items by number.
func ringOf(t testing.TB, patch string) *ring {
	t.Helper()
	data, err := json.Marshal(merge(decode(t, base), decode(t, patch)))
	if err != nil {
		t.Fatal(err)
	}
	top, err := topology.New(data, platforms, nil, "dir")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := System().New(top)
	if err != nil {
		t.Fatal(err)
	}
	return compiled.(*ring)
}

func decode(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return v
}

func merge(under, over any) any {
	patch, ok := over.(map[string]any)
	if !ok {
		return over
	}
	if list, ok := under.([]any); ok {
		for key, v := range patch {
			i, _ := strconv.Atoi(key)
			list[i] = merge(list[i], v)
		}
		return list
	}
	m, _ := under.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	for key, v := range patch {
		if v == nil {
			delete(m, key)
			continue
		}
		m[key] = merge(m[key], v)
	}
	return m
}

// values patches spec.values, null kept: merge would take it for removal.
func values(t testing.TB, patch, ringWide string, byRegion ...string) *ring {
	t.Helper()
	g := ringOf(t, patch)
	read := func(text string) topology.Values {
		var v topology.Values
		data, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	g.Spec.Values = read(ringWide)
	for i, text := range byRegion {
		g.Spec.Regions[i].Values = read(text)
	}
	return g
}

// at looks a dotted path of the overrides up; a number is the place in a list.
func at(t testing.TB, o *manifest.Map, path string) any {
	t.Helper()
	var v any = o
	for _, key := range strings.Split(path, ".") {
		if list, ok := v.([]any); ok {
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(list) {
				return nil
			}
			v = list[i]
			continue
		}
		m := manifest.NewMap("", v)
		v, _ = m.Lookup("", key)
	}
	return v
}

// text writes a value as YAML on its own.
func text(t testing.TB, value any) string {
	t.Helper()
	data, err := manifest.Encode([]manifest.File{{Docs: []*manifest.Map{manifest.NewMap("v", value)}}})
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := yaml.Unmarshal(data[0], &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v["v"])
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// findings runs the rules of this package, and only them unless all is true.
func findings(g *ring, all bool) diag.List {
	rules := rules(g)
	if all {
		rules = append(rules, lint.Rules()...)
	}
	return lint.Run(g.Topology, g.Members(), g.Members().Resolve(nil), rules, nil)
}

// brief writes findings as "CODE severity path".
func brief(list diag.List) []string {
	var out []string
	for _, f := range list {
		out = append(out, fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Path))
	}
	return out
}

func checkFindings(t *testing.T, g *ring, want []string) {
	t.Helper()
	got := findings(g, false)
	if diff := cmp.Diff(want, brief(got)); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, got)
	}
	for _, f := range got {
		if f.Message == "" || f.Hint == "" {
			t.Errorf("a finding without a message or a hint: %+v", f)
		}
	}
}

func TestBaseIsWithoutFault(t *testing.T) {
	if got := findings(ringOf(t, `{}`), true); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

func TestProceduresAreSound(t *testing.T) {
	gates := map[string]bool{}
	for _, p := range System().Procedures {
		first, last := p.Phases[0].Phase, p.Phases[len(p.Phases)-1].Phase
		if p.Name == "" || p.Summary == "" || first != stage.Planned || last != stage.Serving || len(p.Gates) != len(p.Phases)-1 {
			t.Errorf("procedure %s from %s to %s, %d gates", p.Name, first, last, len(p.Gates))
		}
		for i, info := range p.Phases {
			if info.Summary == "" || p.Index(info.Phase) != i {
				t.Errorf("%s: phase %+v", p.Name, info)
			}
		}
		for i, gate := range p.Gates {
			if i == 0 && gate.Name != "" {
				t.Errorf("%s starts behind gate %s", p.Name, gate.Name)
			}
			if i > 0 && (gate.Name == "" || gates[gate.Name] || gate.Words == "" || len(gate.Checks) == 0 || len(gate.Look) == 0 || gate.Why == "" || gate.Source == "") {
				t.Errorf("%s: gate %+v", p.Name, gate)
			}
			gates[gate.Name] = true
		}
	}
}

func TestNewRefusesAnotherShape(t *testing.T) {
	top, err := topology.New([]byte(`{"spec": {"environments": {}}}`), platforms, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := System().New(top); err == nil {
		t.Error("no error")
	}
}

func TestMembers(t *testing.T) {
	want := stage.Ring{{Region: "east", Procedure: &install}, {Region: "west", Source: "east", Procedure: &expand}}
	if diff := cmp.Diff(want, ringOf(t, `{}`).Members()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRulesWithoutARing: explain wants their texts.
func TestRulesWithoutARing(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range slices.Concat(lint.Rules(), rules(nil)) {
		if r.Code == "" || r.Name == "" || r.Severity == 0 || r.Summary == "" || r.Why == "" || r.Fix == "" || r.Source == "" || seen[r.Code] || seen[r.Name] {
			t.Errorf("%+v", r)
		}
		seen[r.Code], seen[r.Name] = true, true
	}
}

// TestRenderByPhase holds what each phase renders: the seed host exactly at
// joining and rebuilding (I1, I2), the replication exactly at rebuilding, and
// nothing for a planned region.
func TestRenderByPhase(t *testing.T) {
	tests := map[string]struct {
		phase       stage.Phase
		seed        bool
		replication bool
	}{
		"east": {installing, false, false}, "east, serving": {stage.Serving, false, false}, "east, planned": {stage.Planned, false, false},
		"west, planned": {stage.Planned, false, false}, "west, joining": {joining, true, false}, "west, rebuilding": {rebuilding, true, true},
		"west, settling": {settling, false, false}, "west": {stage.Serving, false, false},
	}
	g := ringOf(t, `{}`)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			region, _, _ := strings.Cut(name, ",")
			files, err := g.Render(region, tt.phase)
			if err != nil {
				t.Fatal(err)
			}
			if tt.phase == stage.Planned {
				if len(files) > 0 {
					t.Errorf("a planned region has files: %v", files)
				}
				return
			}
			want := []string{region + "/overrides.yaml", region + "/releases.yaml", region + "/kustomization.yaml"}
			if tt.replication {
				want = slices.Insert(want, 2, region+"/datareplication.yaml")
			}
			var got []string
			for _, f := range files {
				got = append(got, f.Path)
				if f.Rule == "" || !strings.HasPrefix(f.Header, generated) {
					t.Errorf("%s does not say where it comes from: %q, %q", f.Path, f.Rule, f.Header)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkSeed(t, files, tt.seed)
			resources := at(t, files[len(files)-1].Docs[0], "resources").([]any)
			if got := len(resources) == 1 && resources[0] == replicationName; got != tt.replication || len(resources) > 1 {
				t.Errorf("the kustomization lists %v", resources)
			}
		})
	}
	if _, err := g.Render("north", stage.Serving); err == nil {
		t.Error("a region that is not there is rendered")
	}
}

func checkSeed(t *testing.T, files []manifest.File, want bool) {
	t.Helper()
	if got := at(t, files[0].Docs[0], "cassandra.multiRegionSeedHost"); (got == "10.100.0.11") != want {
		t.Errorf("the seed host is %v", got)
	}
	data, err := manifest.Encode(files)
	if err != nil {
		t.Fatal(err)
	}
	all := string(slices.Concat(data...))
	if seen := strings.Contains(all, "10.100.0.11") || strings.Contains(strings.ToLower(all), "seedhost"); seen != want {
		t.Errorf("a seed host is in the files: %t", seen)
	}
	for _, line := range strings.Split(all, "\n") {
		if strings.Contains(line, "multiRegionSeedHost:") && !strings.Contains(all, "# A Cassandra address of region east") {
			t.Error("no comment says why the seed host is there")
		}
	}
}

// TestSeedHostThatIsNotKnownYet: a plan shows the stage all the same.
func TestSeedHostThatIsNotKnownYet(t *testing.T) {
	g := ringOf(t, `spec: {regions: {1: {seedHost: null}}}`)
	if got := at(t, g.overrides(g.Region("west"), joining), "cassandra.multiRegionSeedHost"); got != "SEED_HOST" {
		t.Errorf("the seed host is %v", got)
	}
	phases := stage.Phases{"east": stage.Serving, "west": joining}
	if got := lint.Run(g.Topology, g.Members(), phases, lint.Rules(), nil); !got.HasErrors() {
		t.Error("nothing keeps the placeholder from being rendered")
	}
}

func TestRenderTwiceIsTheSame(t *testing.T) {
	render := func() string {
		g := ringOf(t, `spec: {cassandra: {resources: {requests: {cpu: 7, memory: 15Gi}, limits: {cpu: 8}}}, serviceAccounts: {secrets: {mart: m, runtime: r, watcher: w}}, values: {tags: {b: 1, a: 2, c: 3}, runtime: {x: 1}, ao: {y: 1}, istiod: {z: 1}}}`)
		files, err := g.Render("west", rebuilding)
		if err != nil {
			t.Fatal(err)
		}
		data, err := manifest.Encode(files)
		if err != nil {
			t.Fatal(err)
		}
		return string(slices.Concat(data...))
	}
	first := render()
	for range 20 {
		if diff := cmp.Diff(first, render()); diff != "" {
			t.Fatalf("the same topology renders another tree:\n%s", diff)
		}
	}
}

func TestReplication(t *testing.T) {
	g := ringOf(t, `spec: {organization: {name: rg-hybrid}, namespace: hybrid}`)
	files, err := g.Render("west", rebuilding)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"apigee.cloud.google.com/v1alpha1","kind":"CassandraDataReplication","metadata":{"name":"expand-west","namespace":"hybrid"},` +
		`"spec":{"force":false,"organizationRef":"rg-hybrid-b7d3b9c","source":{"region":"dc-1"}}}`
	if diff := cmp.Diff(want, text(t, files[2].Docs[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOrganizationRef(t *testing.T) {
	// The digests are sha256sum's.
	for organization, want := range map[string]string{
		"rg-hybrid":                  "rg-hybrid-b7d3b9c", // the documents' own example
		"a":                          "a-ca97811",
		"fifteen-letters":            "fifteen-letters-3a91e83",
		"sixteen-letters1":           "sixteen-letters-eb1e1a3",
		"a-very-long-organization-1": "a-very-long-org-84aabc3",
	} {
		if got := organizationRef(organization); got != want {
			t.Errorf("%s: got %s, want %s", organization, got, want)
		}
	}
}

// TestStagesChangeTheirRegionAlone renders the whole ring before and after
// every stage (I7), and finds in the difference what the plan says.
func TestStagesChangeTheirRegionAlone(t *testing.T) {
	north := `{name: north, platform: gke, kubernetes: {cluster: c-north, region: r}, datacenter: dc-3, network: {pods: [10.102.0.0/16], nodes: [10.3.0.0/20]}, expandFrom: west, seedHost: 10.101.0.1}`
	regions := decode(t, base).(map[string]any)["spec"].(map[string]any)["regions"].([]any)
	g := ringOf(t, text(t, map[string]any{"spec": map[string]any{"regions": append(regions, decode(t, north))}}))
	phases := stage.Phases{"east": stage.Planned, "west": stage.Planned, "north": stage.Planned}
	steps, err := system.Plan(g, phases, "rendered")
	if err != nil || len(steps) != 2+4+4 {
		t.Fatalf("%d stages, %v", len(steps), err)
	}
	for _, s := range steps {
		before, err := system.Render(g, phases)
		if err != nil {
			t.Fatal(err)
		}
		phases[s.Region] = s.To
		after, err := system.Render(g, phases)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s.Changes, manifest.Diff(before, after)); diff != "" || len(s.Changes) == 0 {
			t.Errorf("stage %d changes something else than it says:\n%s", s.Number, diff)
		}
		for _, c := range s.Changes {
			if !strings.HasPrefix(c.File, s.Region+"/") {
				t.Errorf("stage %d of %s changes %s", s.Number, s.Region, c.File)
			}
		}
	}
}
