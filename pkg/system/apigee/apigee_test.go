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
	return lint.Run(g.Topology, lint.Standing{Procedures: procedures}, rules, nil)
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

// TestSeedHostThatIsNotKnownYet: a plan shows the stage all the same.
func TestSeedHostThatIsNotKnownYet(t *testing.T) {
	g := ringOf(t, `spec: {regions: {1: {seedHost: null}}}`)
	if got := at(t, g.overrides(g.Region("west"), stage.Progress{Phase: joining}), "cassandra.multiRegionSeedHost"); got != "SEED_HOST" {
		t.Errorf("the seed host is %v", got)
	}
	joins := stage.Rollout{}.With(stage.Progress{Region: "west", Procedure: "expand", Phase: joining, Source: "east"})
	if got := lint.Run(g.Topology, lint.Standing{Procedures: procedures, Rollout: joins}, lint.Rules(), nil); !got.HasErrors() {
		t.Error("nothing keeps the placeholder from being rendered")
	}
}

// TestSeedHostThatNobodyNeeds: a region that serves may lose its seed host from
// the topology, and nothing that comes later asks for it again but an expansion.
func TestSeedHostThatNobodyNeeds(t *testing.T) {
	g := ringOf(t, `spec: {regions: {1: {seedHost: null}}}`)
	for _, p := range procedures {
		for _, info := range p.Phases {
			if info.Phase.Rests() || p.Founds {
				continue
			}
			at := standing("east=serving").With(stage.Progress{Region: "west", Procedure: p.Name, Phase: info.Phase})
			var want []string
			if p == &expand && info.Phase != settling {
				want = []string{"RP036 error spec.regions[1]"}
			}
			got := lint.Run(g.Topology, lint.Standing{Procedures: procedures, Rollout: at}, lint.Rules(), nil)
			if diff := cmp.Diff(want, brief(got)); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", info.Phase, p.Name, diff)
			}
		}
	}
}

func TestRenderTwiceIsTheSame(t *testing.T) {
	render := func() string {
		g := ringOf(t, `spec: {cassandra: {resources: {requests: {cpu: 7, memory: 15Gi}, limits: {cpu: 8}}}, serviceAccounts: {secrets: {mart: m, runtime: r, watcher: w}}, values: {tags: {b: 1, a: 2, c: 3}, runtime: {x: 1}, ao: {y: 1}, istiod: {z: 1}}}`)
		files, err := g.Render(stage.Progress{Region: "west", Phase: rebuilding})
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
