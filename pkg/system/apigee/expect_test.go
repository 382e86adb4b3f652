package apigee

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
)

func TestFacts(t *testing.T) {
	want := []stage.Fact{
		{Name: "version", Value: "1.16.0", Path: "spec.version"},
		{Name: "clusterName", Value: "apigeecluster", Path: "spec.cassandra.clusterName", Fixed: true},
		{Name: "namespace", Value: "apigee", Path: "spec.namespace", Fixed: true},
		{Name: "organization", Value: "acme-prod", Path: "spec.organization.name", Fixed: true},
		{Name: "cluster", Value: "c-west", Path: "spec.regions[1].kubernetes.cluster", Fixed: true},
		{Name: "datacenter", Value: "dc-2", Path: "spec.regions[1].datacenter", Fixed: true},
		{Name: "rack", Value: "ra-1", Path: "spec.regions[1].rack", Fixed: true},
		{Name: "hostNetwork", Value: "false", Path: "spec.regions[1].network.hostNetwork"},
		{Name: "replicas", Value: "3", Path: "spec.regions[1].cassandra.replicas"},
		{Name: "storageSize", Value: "10Gi", Path: "spec.regions[1].cassandra.storage.size"},
	}
	if diff := cmp.Diff(want, ringOf(t, `{}`).Facts("west")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ringOf(t, `{}`).Facts("south"); got != nil {
		t.Errorf("of a region that is not there: %v", got)
	}
	g := ringOf(t, `spec: {version: 1.17.0, cassandra: {clusterName: c, storage: {size: 1Ti}}, regions: {1: {platform: openshift, cassandra: {replicas: 6}, rack: ra-7}}}`)
	got := map[string]string{}
	for _, f := range g.Facts("west") {
		got[f.Name] = f.Value
	}
	if diff := cmp.Diff(map[string]string{
		"version": "1.17.0", "clusterName": "c", "namespace": "apigee", "organization": "acme-prod", "cluster": "c-west",
		"datacenter": "dc-2", "rack": "ra-7", "hostNetwork": "true", "replicas": "6", "storageSize": "1Ti",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// threeRegions has a third region, which is built from the second.
func threeRegions(t testing.TB) *ring {
	t.Helper()
	const north = `{name: north, platform: gke, kubernetes: {cluster: c-north, region: r, context: ctx-north}, datacenter: dc-3, rack: ra-3, cassandra: {replicas: 6}, network: {pods: [10.102.0.0/16], nodes: [10.3.0.0/20]}, expandFrom: west, seedHost: 10.101.0.1}`
	regions := decode(t, base).(map[string]any)["spec"].(map[string]any)["regions"].([]any)
	return ringOf(t, text(t, map[string]any{"spec": map[string]any{"regions": append(regions, decode(t, north))}}))
}

// standing makes a rollout of regions such as "east=serving".
func standing(list ...string) stage.Rollout {
	var r stage.Rollout
	for _, text := range list {
		region, phase, _ := strings.Cut(text, "=")
		r = r.With(stage.Progress{Region: region, Phase: stage.Phase(phase)})
	}
	return r
}

// TestExpect: what the next gate compares observations with.
func TestExpect(t *testing.T) {
	dc := func(n int) datacenter {
		return []datacenter{{"dc-1", "ra-1", 3}, {"dc-2", "ra-1", 3}, {"dc-3", "ra-3", 6}}[n-1]
	}
	all := func(change func(*expectation)) expectation {
		e := expectation{
			Namespace: "apigee", Organization: "acme-prod-d2836b7", Version: "1.16.0", ClusterName: "apigeecluster",
			Region: dc(2), Networks: []string{"10.101.0.0/16", "10.2.0.0/20"}, StorageSize: "10Gi", InRing: true,
		}
		change(&e)
		return e
	}
	expanding := func(phase stage.Phase) stage.Progress {
		return stage.Progress{Region: "west", Procedure: "expand", Phase: phase, Source: "east", SeedHost: "10.100.0.99"}
	}
	seeded := func(e *expectation) {
		e.Source, e.SeedHost, e.Replication, e.Others = "dc-1", "10.100.0.99", "expand-west", []datacenter{dc(1)}
	}
	tests := map[string]struct {
		at   stage.Progress
		in   stage.Rollout
		want expectation
	}{
		"joining":    {expanding(joining), standing("east=serving", "west=joining"), all(seeded)},
		"rebuilding": {expanding(rebuilding), standing("east=serving", "west=rebuilding"), all(seeded)},
		"rebuilding, nothing recorded": {
			stage.Progress{Region: "west", Procedure: "expand", Phase: rebuilding}, standing("east=serving"),
			all(func(e *expectation) {
				e.SeedHost, e.Replication, e.Others = "10.100.0.11", "expand-west", []datacenter{dc(1)}
			}),
		},
		"settling": {expanding(settling), standing("east=serving", "west=settling"), all(func(e *expectation) {
			e.Source, e.Others = "dc-1", []datacenter{dc(1)}
		})},
		"before it starts": {
			stage.Progress{Region: "west", Procedure: "expand", Phase: stage.Planned}, standing("east=serving"),
			all(func(e *expectation) { e.Others, e.InRing = []datacenter{dc(1)}, false }),
		},
		"before it starts again": {
			stage.Progress{Region: "west", Procedure: "expand", Phase: stage.Gone}, standing("east=serving", "west=gone"),
			all(func(e *expectation) { e.Others, e.InRing = []datacenter{dc(1)}, false }),
		},
		"before it leaves": {
			stage.Progress{Region: "west", Procedure: "decommission", Phase: stage.Serving}, standing("east=serving", "west=serving"),
			all(func(e *expectation) { e.Others = []datacenter{dc(1)} }),
		},
		"another is in the ring too": {expanding(settling), standing("north=serving", "east=serving", "west=settling"), all(func(e *expectation) {
			e.Source, e.Others = "dc-1", []datacenter{dc(1), dc(3)}
		})},
		"another is on its way": {expanding(settling), standing("east=serving", "north=joining"), all(func(e *expectation) {
			e.Source, e.Others = "dc-1", []datacenter{dc(1), dc(3)}
		})},
		"another is gone, or planned": {expanding(settling), standing("east=gone", "north=planned"), all(func(e *expectation) { e.Source = "dc-1" })},
		"leaving": {
			stage.Progress{Region: "west", Procedure: "decommission", Phase: leaving}, standing("east=serving", "west=leaving"),
			all(func(e *expectation) { e.Others = []datacenter{dc(1)} }),
		},
		"withdrawing": {
			stage.Progress{Region: "west", Procedure: "withdraw", Phase: draining, Source: "east", SeedHost: "10.100.0.99"}, standing("east=serving", "west=draining"),
			all(seeded), // its pods keep the seed host while they are there
		},
		"withdrawing, nothing recorded": {
			stage.Progress{Region: "west", Procedure: "withdraw", Phase: draining}, standing("east=serving", "west=draining"),
			all(func(e *expectation) { e.Others = []datacenter{dc(1)} }),
		},
		"withdrawing, its datastore leaves": {
			stage.Progress{Region: "west", Procedure: "withdraw", Phase: leaving, Source: "east", SeedHost: "10.100.0.99"}, standing("east=serving", "west=leaving"),
			all(func(e *expectation) { e.Source, e.Others = "dc-1", []datacenter{dc(1)} }),
		},
		"returning": {
			stage.Progress{Region: "west", Procedure: "return", Phase: returning}, standing("east=serving", "west=returning"),
			all(func(e *expectation) { e.Others = []datacenter{dc(1)} }),
		},
		"purging": {
			stage.Progress{Region: "west", Procedure: "purge", Phase: purging, Source: "east", SeedHost: "10.100.0.99"}, standing("east=serving", "west=purging"),
			all(func(e *expectation) { e.Source, e.Others = "dc-1", []datacenter{dc(1)} }),
		},
		"adopting, alone": {
			stage.Progress{Region: "west", Procedure: "adopt", Phase: stage.Planned}, stage.Rollout{},
			all(func(e *expectation) { e.Known, e.InRing = []string{"dc-1", "dc-3"}, false }),
		},
		"adopting, beside one": {
			stage.Progress{Region: "west", Procedure: "adopt", Phase: stage.Planned}, standing("east=serving", "north=gone"),
			all(func(e *expectation) { e.Others, e.InRing = []datacenter{dc(1)}, false }),
		},
		"adopting anew": {
			stage.Progress{Region: "west", Procedure: "adopt", Phase: stage.Planned}, standing("east=serving", "west=serving", "north=serving"),
			all(func(e *expectation) { e.Others, e.InRing = []datacenter{dc(1), dc(3)}, false }),
		},
		"installing": {
			stage.Progress{Region: "east", Procedure: "install", Phase: installing}, standing("east=installing"),
			all(func(e *expectation) { e.Region, e.Networks = dc(1), []string{"10.100.0.0/16", "10.1.0.0/20"} }),
		},
	}
	g := threeRegions(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for i := range g.Spec.Regions {
				r := &g.Spec.Regions[i]
				if r.Name != tt.at.Region && tt.in.At(r.Name).Phase == stage.Planned && !strings.HasPrefix(name, "adopting") {
					tt.want.Known = append(tt.want.Known, r.Datacenter)
				}
			}
			if diff := cmp.Diff(any(tt.want), g.Expect(tt.at, tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := g.Expect(stage.Progress{Region: "south"}, stage.Rollout{}); got != nil {
		t.Errorf("of a region that is not there: %v", got)
	}
	island := ringOf(t, `spec: {namespace: hybrid, regions: {1: {platform: openshift}}}`).Expect(expanding(joining), standing("east=serving")).(expectation)
	sized := ringOf(t, `spec: {regions: {1: {cassandra: {storage: {size: 1Ti}}}}}`).Expect(expanding(joining), standing("east=serving")).(expectation)
	if sized.StorageSize != "1Ti" {
		t.Errorf("got %+v", sized)
	}
	if !island.HostNetwork || island.Namespace != "hybrid" {
		t.Errorf("got %+v", island)
	}
}
