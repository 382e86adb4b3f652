package apigee

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

// TestFieldOfOwned: the field that sets each property that the topology owns,
// for the second region.
func TestFieldOfOwned(t *testing.T) {
	want := map[string]string{
		"org":                                "spec.organization.name",
		"instanceID":                         "spec.instanceID",
		"namespace":                          "spec.namespace",
		"gcp.projectID":                      "spec.organization.project",
		"gcp.region":                         "spec.organization.analyticsRegion",
		"gcp.workloadIdentity":               "spec.serviceAccounts.workloadIdentity",
		"gcp.federatedWorkloadIdentity":      "spec.serviceAccounts.federated",
		"k8sCluster":                         "spec.regions[1].kubernetes",
		"nodeSelector.apigeeData":            "spec.regions[1].cassandra.nodeSelector",
		"nodeSelector.apigeeRuntime":         "spec.regions[1].runtime.nodeSelector",
		"cassandra.clusterName":              "spec.cassandra.clusterName",
		"cassandra.datacenter":               "spec.regions[1].datacenter",
		"cassandra.rack":                     "spec.regions[1].rack",
		"cassandra.replicaCount":             "spec.regions[1].cassandra.replicas",
		"cassandra.hostNetwork":              "spec.regions[1].network.hostNetwork",
		"cassandra.multiRegionSeedHost":      "spec.regions[1].seedHost",
		"cassandra.externalSeedHost":         "spec.regions[1].seedHost",
		"cassandra.storage":                  "spec.regions[1].cassandra.storage",
		"cassandra.auth.secret":              "spec.cassandra.auth.secret",
		"cassandra.auth.secretProviderClass": "spec.cassandra.auth.secretProviderClass",
		"cassandra.tolerations":              "spec.regions[1].cassandra.tolerations",
		"envs[0].name":                       "spec.environments[0].name",
		"virtualhosts[0].name":               "spec.environmentGroups[0].name",
		"virtualhosts[0].sslSecret":          "spec.environmentGroups[0].tls.secret",
		"ingressGateways[0].name":            "spec.ingressGateways[0].name",
	}
	g := ringOf(t, `{}`)
	for _, property := range slices.Sorted(maps.Keys(owned)) {
		if lists[property] != "" {
			continue // of the entries of a list, not of the list
		}
		property = strings.Replace(property, "[]", "[0]", 1)
		field, ok := want[property]
		if got := g.Field("west", property); !ok || got != field {
			t.Errorf("%s: got %s, want %s", property, got, field)
		}
		delete(want, property)
	}
	if len(want) > 0 {
		t.Errorf("not owned: %v", want)
	}
}

func TestField(t *testing.T) {
	const (
		ringWide = `{cassandra: {maxHeapSize: 1G, annotations: {a.b/c: x}, hostNetwork: true}, runtime: {replicaCountMin: 3}, mart: {serviceAccountRef: own}, tags: [a, {b: c}]}`
		ofWest   = `{cassandra: {maxHeapSize: 2G, auth: {default: {password: null}}, rack: r}, watcher: {gsa: own}, envs: x}`
		lists    = `spec: {
  environments: [{name: dev, values: {gsa: {runtime: own}, tags: [a]}}, {name: prod}],
  environmentGroups: [{name: a, tls: {secret: s}}, {name: b, tls: {secret: s}, values: {sslSecret: own, minTLSProtocolVersion: "1.2"}}],
  ingressGateways: [{name: a, values: {name: own, replicaCountMin: 1}}, {name: b}]}`
	)
	tests := map[string]struct{ region, value, want string }{
		"a region's value":            {"west", "cassandra.maxHeapSize", "spec.regions[1].values.cassandra.maxHeapSize"},
		"not of the other region":     {"east", "cassandra.maxHeapSize", "spec.values.cassandra.maxHeapSize"},
		"null is a value":             {"west", "cassandra.auth.default.password", "spec.regions[1].values.cassandra.auth.default.password"},
		"none elsewhere":              {"east", "cassandra.auth.default.password", "spec.cassandra.auth"},
		"a map of the region":         {"west", "cassandra", "spec.regions[1].values.cassandra"},
		"a map of all regions":        {"east", "cassandra", "spec.values.cassandra"},
		"a value of all regions":      {"west", "runtime.replicaCountMin", "spec.values.runtime.replicaCountMin"},
		"one that the topology has":   {"west", "cassandra.rack", "spec.regions[1].values.cassandra.rack"},
		"one for all":                 {"east", "cassandra.hostNetwork", "spec.values.cassandra.hostNetwork"},
		"a quoted name":               {"east", `cassandra.annotations."a.b/c"`, `spec.values.cassandra.annotations."a.b/c"`},
		"an item of a value":          {"east", "tags[1].b", "spec.values.tags[1].b"},
		"an account among the values": {"east", "mart.serviceAccountRef", "spec.values.mart.serviceAccountRef"},
		"of the region alone":         {"west", "watcher.gsa", "spec.regions[1].values.watcher.gsa"},
		"an account":                  {"east", "watcher.gsa", "spec.serviceAccounts"},
		"a Secret's account":          {"east", "metrics.serviceAccountRef", "spec.serviceAccounts"},
		"a file's account":            {"east", "logger.serviceAccountPath", "spec.serviceAccounts"},
		"the connect agent's":         {"east", "connectAgent.gsa", "spec.serviceAccounts"},
		"that of guardrails":          {"east", "guardrails.gsa", "spec.serviceAccounts"},
		"that of UDCA":                {"east", "udca.serviceAccountRef", "spec.serviceAccounts"},
		"that of Mint":                {"east", "mintTaskScheduler.gsa", "spec.serviceAccounts"},
		"the class of all":            {"east", "serviceAccountSecretProviderClass", "spec.serviceAccounts"},
		"of something else":           {"east", "redis.serviceAccountRef", "spec.values.redis.serviceAccountRef"},
		"one that starts the same":    {"east", "mart.gsaX", "spec.values.mart.gsaX"},
		"one that ends the same":      {"east", "x.mart.gsa", "spec.values.x.mart.gsa"},
		"a part of what is owned":     {"west", "k8sCluster.name", "spec.regions[1].kubernetes"},
		"a part of a part":            {"west", "nodeSelector.apigeeData.key", "spec.regions[1].cassandra.nodeSelector"},
		"a part of storage":           {"west", "cassandra.storage.storageSize", "spec.regions[1].cassandra.storage.size"},
		"of workload identity":        {"west", "gcp.workloadIdentity.enabled", "spec.serviceAccounts.workloadIdentity"},
		"resources":                   {"west", "cassandra.resources.requests.cpu", "spec.regions[1].cassandra.resources"},
		"a backup":                    {"west", "cassandra.backup.dbStorageBucket", "spec.cassandra.backup"},
		"a backup's account":          {"west", "cassandra.backup.serviceAccountRef", "spec.cassandra.backup"},
		"auth":                        {"east", "cassandra.auth", "spec.cassandra.auth"},
		"another password":            {"east", "cassandra.auth.jmx.password", "spec.cassandra.auth"},
		"a map that holds owned ones": {"east", "nodeSelector", "spec.regions[0].cassandra.nodeSelector"},
		"beside owned ones":           {"east", "nodeSelector.requiredForScheduling", "spec.values.nodeSelector.requiredForScheduling"},
		"the start of a name":         {"west", "instance", "spec.values.instance"},
		"unknown":                     {"west", "no.such.thing", "spec.values.no.such.thing"},
		"unknown, of one name":        {"west", "thing", "spec.values.thing"},
		"any part":                    {"west", "apigeeIngressGateway.*.x", "spec.values.apigeeIngressGateway.*.x"},
		"a name that starts the same": {"west", "orgs", "spec.values.orgs"},
		"an environment":              {"east", "envs[1]", "spec.environments[1]"},
		"its name":                    {"east", "envs[1].name", "spec.environments[1].name"},
		"the name of any":             {"east", "envs[*].name", "spec.environments[*].name"},
		"its own value":               {"east", "envs[0].gsa.runtime", "spec.environments[0].values.gsa.runtime"},
		"an item of its own value":    {"east", "envs[0].tags[0]", "spec.environments[0].values.tags[0]"},
		"none of its own":             {"east", "envs[1].gsa.runtime", "spec.environments[1]"},
		"of any environment":          {"east", "envs[*].gsa.runtime", "spec.environments[*]"},
		"before a region's value":     {"west", "envs[0].gsa.runtime", "spec.environments[0].values.gsa.runtime"},
		"an environment too many":     {"east", "envs[7].gsa.runtime", "spec.environments[7]"},
		"far too many":                {"east", "envs[99999999999999999999].name", "spec.environments[99999999999999999999].name"},
		"a group's certificate":       {"east", "virtualhosts[0].sslSecret", "spec.environmentGroups[0].tls.secret"},
		"its own certificate":         {"east", "virtualhosts[1].sslSecret", "spec.environmentGroups[1].values.sslSecret"},
		"a group's own value":         {"east", "virtualhosts[1].minTLSProtocolVersion", "spec.environmentGroups[1].values.minTLSProtocolVersion"},
		"not the other group's":       {"east", "virtualhosts[0].minTLSProtocolVersion", "spec.environmentGroups[0]"},
		"a group's selector":          {"east", "virtualhosts[0].selector.app", "spec.environmentGroups[0]"},
		"a group too many":            {"east", "virtualhosts[2].sslSecret", "spec.environmentGroups[2].tls.secret"},
		"a gateway":                   {"east", "ingressGateways[1].name", "spec.ingressGateways[1].name"},
		"a gateway's own name":        {"east", "ingressGateways[0].name", "spec.ingressGateways[0].values.name"},
		"a gateway's own value":       {"east", "ingressGateways[0].replicaCountMin", "spec.ingressGateways[0].values.replicaCountMin"},
		"a gateway too many":          {"east", "ingressGateways[2].replicaCountMin", "spec.ingressGateways[2]"},
		"an item of no such list":     {"east", "things[0].name", "spec.values.things[0].name"},
		"a list below another map":    {"east", "x.envs[0].name", "spec.values.x.envs[0].name"},
		"nothing":                     {"east", "", "spec"},
		"of no region":                {"north", "org", "spec"},
	}
	g := values(t, lists, ringWide, `{}`, ofWest)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := g.Field(tt.region, tt.value); got != tt.want {
				t.Errorf("%s of %s: got %s, want %s", tt.value, tt.region, got, tt.want)
			}
		})
	}
}

// TestFieldOfEveryProperty: none makes it stumble, and all belong somewhere.
func TestFieldOfEveryProperty(t *testing.T) {
	g := ringOf(t, `{}`)
	for _, p := range properties {
		for _, item := range []string{"[]", "[0]", "[*]", "[12]"} {
			value := strings.ReplaceAll(p.path, "[]", item)
			for _, region := range []string{"east", "west", "north"} {
				if got := g.Field(region, value); got != "spec" && !strings.HasPrefix(got, "spec.") || strings.HasSuffix(got, ".") {
					t.Errorf("%s of %s: got %s", value, region, got)
				}
			}
		}
	}
}

// exampleRings compiles the topologies of the examples that are written in YAML
// or JSON.
func exampleRings(t *testing.T) map[string]*ring {
	t.Helper()
	all := topology.Platforms{}
	for _, name := range []string{"aks", "eks", "gke", "gke-onprem", "openshift"} {
		all[name] = platforms["gke"]
	}
	rings := map[string]*ring{}
	for _, pattern := range []string{"*/topology.yaml", "fleet/*/topology.*"} {
		files, err := filepath.Glob("../../../examples/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(decode(t, string(data)))
			if err != nil {
				t.Fatal(err)
			}
			top, err := topology.New(text, all, nil, "dir")
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			compiled, err := System().New(top)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			rings[filepath.ToSlash(filepath.Dir(file))] = compiled.(*ring)
		}
	}
	if len(rings) < 9 {
		t.Fatalf("only %d examples", len(rings))
	}
	return rings
}

// unsaid are the fields that set values that nobody has said, and conventions or
// platforms have: naming them is what a person is told to do.
var unsaid = regexp.MustCompile(`^spec\.(` + strings.Join([]string{
	`regions\[\d+\]\.cassandra\.storage\.(size|class)`,
	`serviceAccounts`, // Secrets of conventional names
	`namespace`,
	`values\.nodeSelector\.requiredForScheduling`,
	`cassandra\.clusterName`,
	`regions\[\d+\]\.rack`,
	`regions\[\d+\]\.network\.hostNetwork`,
	`regions\[\d+\]\.runtime\.nodeSelector`,
	`regions\[\d+\]\.cassandra\.(nodeSelector|replicas|storage)`,
}, "|") + `)$`)

// inherits are the fields of a region that those of spec.cassandra stand for.
var inherits = regexp.MustCompile(`^spec\.regions\[\d+\]\.(cassandra\.)`)

// TestFieldIsThere takes every value that is rendered for the examples: the
// field that is said to set it is there, for the region or for all.
func TestFieldIsThere(t *testing.T) {
	rings := exampleRings(t)
	for _, by := range []string{`{}`, bySecrets, byWorkload, byVault} {
		rings[by] = ringOf(t, by)
	}
	for name, g := range rings {
		t.Run(name, func(t *testing.T) {
			there := map[string]bool{}
			g.Walk(func(path string, _ any) { there[path] = true })
			for i := range g.Spec.Regions {
				r := &g.Spec.Regions[i]
				begins := stage.Progress{Phase: joining}
				if r.ExpandFrom == "" {
					begins.Phase = installing
				}
				for value := range renderedValues(t, g, r, begins) {
					field := g.Field(r.Name, value)
					ringWide := inherits.ReplaceAllString(field, "spec.$1")
					if !there[field] && !there[ringWide] && !unsaid.MatchString(field) {
						t.Errorf("%s of %s: there is no %s", value, r.Name, field)
					}
				}
			}
		})
	}
}

// renderedValues returns the scalars of the overrides of a region, by path.
func renderedValues(t *testing.T, g *ring, r *topology.Region, at stage.Progress) map[string]any {
	t.Helper()
	found := map[string]any{}
	topology.Values(g.overrides(r, at).Plain()).Walk("", func(path string, value any) {
		switch value.(type) {
		case map[string]any, []any:
			return
		}
		found[path] = value
	})
	if len(found) < 20 {
		t.Errorf("only %d values", len(found))
	}
	return found
}

// TestFieldMatters: where the field that is said to set a value holds another,
// the value is another.
func TestFieldMatters(t *testing.T) {
	for value, tt := range map[string]struct{ field, patch string }{
		"org":                              {"spec.organization.name", `spec: {organization: {name: other}}`},
		"instanceID":                       {"spec.instanceID", `spec: {instanceID: other}`},
		"namespace":                        {"spec.namespace", `spec: {namespace: other}`},
		"gcp.projectID":                    {"spec.organization.project", `spec: {organization: {project: other}}`},
		"gcp.region":                       {"spec.organization.analyticsRegion", `spec: {organization: {analyticsRegion: other}}`},
		"k8sCluster.name":                  {"spec.regions[1].kubernetes", `spec: {regions: {1: {kubernetes: {cluster: other}}}}`},
		"nodeSelector.apigeeData.key":      {"spec.regions[1].cassandra.nodeSelector", `spec: {regions: {1: {cassandra: {nodeSelector: {key: k, value: v}}}}}`},
		"nodeSelector.apigeeRuntime.key":   {"spec.regions[1].runtime.nodeSelector", `spec: {regions: {1: {runtime: {nodeSelector: {key: k, value: v}}}}}`},
		"cassandra.clusterName":            {"spec.cassandra.clusterName", `spec: {cassandra: {clusterName: other}}`},
		"cassandra.datacenter":             {"spec.regions[1].datacenter", `spec: {regions: {1: {datacenter: other}}}`},
		"cassandra.rack":                   {"spec.regions[1].rack", `spec: {regions: {1: {rack: other}}}`},
		"cassandra.replicaCount":           {"spec.regions[1].cassandra.replicas", `spec: {regions: {1: {cassandra: {replicas: 6}}}}`},
		"cassandra.hostNetwork":            {"spec.regions[1].network.hostNetwork", `spec: {regions: {1: {network: {hostNetwork: true}}}}`},
		"cassandra.multiRegionSeedHost":    {"spec.regions[1].seedHost", `spec: {regions: {1: {seedHost: 10.0.0.9}}}`},
		"cassandra.storage.storageSize":    {"spec.regions[1].cassandra.storage.size", `spec: {regions: {1: {cassandra: {storage: {size: 1Ti}}}}}`},
		"cassandra.auth.secret":            {"spec.cassandra.auth.secret", `spec: {cassandra: {auth: {secret: other}}}`},
		"cassandra.backup.dbStorageBucket": {"spec.cassandra.backup", `spec: {cassandra: {backup: {gcs: {bucket: other}}}}`},
		"mart.serviceAccountRef":           {"spec.serviceAccounts", `spec: {serviceAccounts: {secrets: {mart: other}}}`},
		"envs[0].name":                     {"spec.environments[0].name", `spec: {environments: {0: {name: other}}}`},
		"virtualhosts[0].sslSecret":        {"spec.environmentGroups[0].tls.secret", `spec: {environmentGroups: {0: {tls: {secret: other}}}}`},
		"ingressGateways[0].name":          {"spec.ingressGateways[0].name", `spec: {ingressGateways: {0: {name: other}}}`},
	} {
		joins := stage.Progress{Phase: joining}
		before, after := ringOf(t, `{}`), ringOf(t, tt.patch)
		if got := before.Field("west", value); got != tt.field {
			t.Errorf("%s: got %s, want %s", value, got, tt.field)
		}
		was, is := renderedValues(t, before, before.Region("west"), joins)[value], renderedValues(t, after, after.Region("west"), joins)[value]
		if was == nil || cmp.Equal(was, is) {
			t.Errorf("%s is %v with another %s", value, is, tt.field)
		}
	}
}
