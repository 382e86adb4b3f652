package apigee

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestPropertiesAreSortedAndUnique(t *testing.T) {
	for i := range len(properties) - 1 {
		if this, next := properties[i].path, properties[i+1].path; this >= next {
			t.Errorf("%s comes before %s", this, next)
		}
	}
}

func TestPropertiesAreThoseOfTheTable(t *testing.T) {
	data, err := os.ReadFile("properties.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Properties []struct{ Path, Type string }
	}
	if err := yaml.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range table.Properties {
		want = append(want, p.Path+" "+p.Type)
	}
	for _, p := range properties {
		got = append(got, p.path+" "+string(p.kind))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("properties.yaml and properties differ (-yaml +go):\n%s", diff)
	}
}

func TestLookupProperty(t *testing.T) {
	tests := map[string]struct {
		path string
		want string // the path that is found; empty for none
	}{
		"exact":                     {"cassandra.replicaCount", "cassandra.replicaCount"},
		"list entry":                {"envs[].httpProxy.scheme", "envs[].httpProxy.scheme"},
		"list in a list":            {"ingressGateways[].tolerations[].key", "ingressGateways[].tolerations[].key"},
		"entry of strings":          {"virtualhosts[].cipherSuites[]", "virtualhosts[].cipherSuites[]"},
		"open map":                  {"cassandra.resources", "cassandra.resources"},
		"below an open map":         {"cassandra.resources.limits.hugepages-2Mi", "cassandra.resources"},
		"listed below an open map":  {"cassandra.resources.requests.cpu", "cassandra.resources.requests.cpu"},
		"below a map":               {"cassandra.annotations.example.com/team", "cassandra.annotations"},
		"below an open list":        {"tolerations[].key", "tolerations"},
		"entry of a list property":  {"istiod.healthCheckUserAgents[]", "istiod.healthCheckUserAgents"},
		"below an untyped property": {"udca.env[].name", "udca.env"},
		"below a value of a map":    {"cassandra.storage.storageSize.more", "cassandra.storage"},
		"only a group":              {"envs[]", ""},
		"unknown":                   {"cassandra.foo", ""},
		"unknown at the top":        {"priorityClassName", ""},
		"below a string":            {"cassandra.clusterName.foo", ""},
		"wrong case":                {"cassandra.replicacount", ""},
		"list written as a map":     {"envs.name", ""},
		"empty":                     {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := lookupProperty(tt.path)
			if ok != (tt.want != "") || got.path != tt.want {
				t.Errorf("lookupProperty(%q) = %q, %t; want %q", tt.path, got.path, ok, tt.want)
			}
		})
	}
}

func TestLookupPropertyTellsWhatRulesNeed(t *testing.T) {
	tests := []property{
		{
			path: "cassandra.dnsPolicy", kind: kindString, since: "1.1.1", removed: "1.3",
			unread: []string{"1.15", "1.16"}, note: "follows from hostNetwork",
		},
		{
			path: "cassandra.storage.capacity", kind: kindQuantity, since: "1.0.0",
			deprecated: "1.12.0", use: []string{"cassandra.storage.storageSize"},
		},
		{path: "cassandra.networks[].name", kind: kindString, unread: []string{"1.15"}},
		{path: "cassandra.secondaryNetworkName", kind: kindString, unread: []string{"1.16"}},
	}
	for _, want := range tests {
		got, _ := lookupProperty(want.path)
		if want.note == "" {
			got.note = ""
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(property{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.path, diff)
		}
	}
}
