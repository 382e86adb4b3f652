package apigee

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// made are the objects of a region as its charts make them at a phase, with the
// fields that are compared.
func made(t *testing.T, g *ring, at stage.Progress) []map[string]any {
	t.Helper()
	r := g.Region(at.Region)
	seed, hostNetwork := "", ""
	if needsSeed(at) {
		seed = ", multiRegionSeedHost: " + seedHost(r, at)
	}
	if r.HostNetwork() {
		hostNetwork = "hostNetwork: true, "
	}
	objects := []string{
		`{apiVersion: apps/v1, kind: Deployment, metadata: {name: apigee-controller-manager, namespace: apigee}, spec: {replicas: 1}}`,
		fmt.Sprintf(`{apiVersion: apigee.cloud.google.com/v1alpha1, kind: ApigeeDatastore, metadata: {name: default, namespace: %s}, spec: {replicas: %d, components: {cassandra: {
  replicas: %d, %sproperties: {clusterName: %s, datacenter: %s, rack: %s, port: 9042%s}, storage: {storageSize: %s}}}}}`,
			g.Spec.Namespace, r.Cassandra.Replicas, r.Cassandra.Replicas, hostNetwork, g.Spec.Cassandra.ClusterName, r.Datacenter, r.Rack, seed, r.Cassandra.Storage.Size),
		fmt.Sprintf(`{apiVersion: apigee.cloud.google.com/v1alpha2, kind: ApigeeOrganization, metadata: {name: %s, namespace: %s}}`, organizationRef(g.Organization.Name), g.Spec.Namespace),
	}
	if at.Phase == rebuilding {
		objects = append(objects, text(t, g.replicationFile(r, at).Docs[0]))
	}
	list := make([]map[string]any, len(objects))
	for i, o := range objects {
		list[i] = decode(t, o).(map[string]any)
	}
	return list
}

// objectOf returns the object of a kind.
func objectOf(t *testing.T, objects []map[string]any, kind string) map[string]any {
	t.Helper()
	i := slices.IndexFunc(objects, func(o map[string]any) bool { return o["kind"] == kind })
	if i < 0 {
		t.Fatalf("there is no %s", kind)
	}
	return objects[i]
}

// change sets a dotted field, given as YAML; it goes if that is empty.
func change(t *testing.T, o map[string]any, path, value string) {
	t.Helper()
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		inner, ok := o[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			o[key] = inner
		}
		o = inner
	}
	if value == "" {
		delete(o, keys[len(keys)-1])
		return
	}
	o[keys[len(keys)-1]] = decode(t, value)
}

// deviationsOf writes deviations as "PATH: message".
func deviationsOf(g *ring, at stage.Progress, objects []map[string]any) []string {
	var out []string
	for _, d := range g.Deviations(at, objects) {
		out = append(out, d.Path+": "+d.Message)
	}
	return out
}

func checkDeviations(t *testing.T, g *ring, at stage.Progress, objects []map[string]any, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, deviationsOf(g, at, objects)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func of(region, procedure string, phase stage.Phase) stage.Progress {
	return stage.Progress{Region: region, Procedure: procedure, Phase: phase}
}

// TestNoDeviations: what the charts make of the overrides is what each phase
// wants, however numbers are kept.
func TestNoDeviations(t *testing.T) {
	recorded := func(p stage.Progress) stage.Progress {
		p.Source, p.SeedHost = "east", "10.100.0.99"
		return p
	}
	again := recorded(of("west", "expand", rebuilding))
	again.Retries = 1
	phases := []stage.Progress{
		of("east", "install", installing), of("east", "install", stage.Serving), of("west", "adopt", stage.Serving), of("east", "return", returning),
		of("west", "expand", joining), of("west", "expand", rebuilding), of("west", "expand", settling), of("west", "expand", stage.Serving),
		recorded(of("west", "expand", joining)), recorded(of("west", "expand", rebuilding)), recorded(of("west", "expand", settling)), again,
		of("west", "decommission", draining), recorded(of("west", "withdraw", draining)),
	}
	for _, patch := range []string{
		`{}`, `spec: {namespace: hybrid, organization: {name: a-very-long-organization}, cassandra: {clusterName: ring, replicas: 6, storage: {size: 1.5Ti}}}`,
		`spec: {regions: {0: {network: {hostNetwork: true}}, 1: {rack: ra-7, network: {hostNetwork: true}}}}`, `spec: {regions: {1: {seedHost: null}}}`,
	} {
		g := ringOf(t, patch)
		for _, at := range phases {
			t.Run(fmt.Sprintf("%s %s of %s", patch, at.Phase, at.Procedure), func(t *testing.T) {
				objects := made(t, g, at)
				checkDeviations(t, g, at, objects)
				for _, number := range []func(float64) any{
					func(n float64) any { return int64(n) }, func(n float64) any { return int(n) }, func(n float64) any { return json.Number(fmt.Sprint(n)) },
				} {
					numbered := make([]map[string]any, len(objects))
					for i := range objects {
						numbered[i] = renumbered(objects[i], number).(map[string]any)
					}
					checkDeviations(t, g, at, numbered)
				}
			})
		}
	}
}

func renumbered(value any, number func(float64) any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key := range v {
			out[key] = renumbered(v[key], number)
		}
		return out
	case float64:
		return number(v)
	}
	return value
}

// TestDeviations changes one field at a time.
func TestDeviations(t *testing.T) {
	const (
		properties = "spec.components.cassandra.properties."
		cassandra  = "spec.components.cassandra."
		seed       = "spec.regions[1].seedHost: ApigeeDatastore says " + properties
	)
	serving, joins, rebuilds, settles := of("west", "expand", stage.Serving), of("west", "expand", joining), of("west", "expand", rebuilding), of("west", "expand", settling)
	withdraws := of("west", "withdraw", draining)
	withdraws.SeedHost = "10.100.0.99"
	retried := of("west", "expand", rebuilding)
	retried.Retries = 1
	recorded := of("west", "expand", joining)
	recorded.SeedHost = "10.100.0.99"
	tests := map[string]struct {
		at                stage.Progress
		kind, path, value string
		want              string // empty for none
	}{
		"datacenter":                {serving, "ApigeeDatastore", properties + "datacenter", "dc-1", `spec.regions[1].datacenter: ApigeeDatastore says ` + properties + `datacenter "dc-1", and the phase wants "dc-2"`},
		"datacenter, missing":       {serving, "ApigeeDatastore", properties + "datacenter", "", `spec.regions[1].datacenter: ApigeeDatastore says ` + properties + `datacenter nothing, and the phase wants "dc-2"`},
		"datacenter, empty":         {serving, "ApigeeDatastore", properties + "datacenter", `""`, `spec.regions[1].datacenter: ApigeeDatastore says ` + properties + `datacenter nothing, and the phase wants "dc-2"`},
		"rack":                      {serving, "ApigeeDatastore", properties + "rack", "ra-2", `spec.regions[1].rack: ApigeeDatastore says ` + properties + `rack "ra-2", and the phase wants "ra-1"`},
		"rack, missing":             {serving, "ApigeeDatastore", properties + "rack", "", `spec.regions[1].rack: ApigeeDatastore says ` + properties + `rack nothing, and the phase wants "ra-1"`},
		"cluster name":              {serving, "ApigeeDatastore", properties + "clusterName", "x", `spec.cassandra.clusterName: ApigeeDatastore says ` + properties + `clusterName "x", and the phase wants "apigeecluster"`},
		"cluster name, a list":      {serving, "ApigeeDatastore", properties + "clusterName", "[x]", `spec.cassandra.clusterName: ApigeeDatastore says ` + properties + `clusterName ["x"], and the phase wants "apigeecluster"`},
		"name":                      {serving, "ApigeeDatastore", "metadata.name", "other", `spec.regions[1].datacenter: ApigeeDatastore says metadata.name "other", and the phase wants "default"`},
		"replicas":                  {serving, "ApigeeDatastore", cassandra + "replicas", "6", `spec.regions[1].cassandra.replicas: ApigeeDatastore says ` + cassandra + `replicas 6, and the phase wants 3`},
		"replicas, as text":         {serving, "ApigeeDatastore", cassandra + "replicas", `"3"`, `spec.regions[1].cassandra.replicas: ApigeeDatastore says ` + cassandra + `replicas "3", and the phase wants 3`},
		"replicas, in parts":        {serving, "ApigeeDatastore", cassandra + "replicas", "3.5", `spec.regions[1].cassandra.replicas: ApigeeDatastore says ` + cassandra + `replicas 3.5, and the phase wants 3`},
		"replicas, none":            {serving, "ApigeeDatastore", cassandra + "replicas", "0", `spec.regions[1].cassandra.replicas: ApigeeDatastore says ` + cassandra + `replicas 0, and the phase wants 3`},
		"replicas, above too":       {serving, "ApigeeDatastore", "spec.replicas", "6", `spec.regions[1].cassandra.replicas: ApigeeDatastore says spec.replicas 6, and the phase wants 3`},
		"replicas, above alone":     {serving, "ApigeeDatastore", cassandra + "replicas", "", ""},
		"size":                      {serving, "ApigeeDatastore", cassandra + "storage.storageSize", "20Gi", `spec.regions[1].cassandra.storage.size: ApigeeDatastore says ` + cassandra + `storage.storageSize "20Gi", and the phase wants "10Gi"`},
		"size, missing":             {serving, "ApigeeDatastore", cassandra + "storage", "", `spec.regions[1].cassandra.storage.size: ApigeeDatastore says ` + cassandra + `storage.storageSize nothing, and the phase wants "10Gi"`},
		"host network":              {serving, "ApigeeDatastore", cassandra + "hostNetwork", "true", `spec.regions[1].network.hostNetwork: ApigeeDatastore says ` + cassandra + `hostNetwork true, and the phase wants false`},
		"host network, off":         {serving, "ApigeeDatastore", cassandra + "hostNetwork", "false", ""},
		"host network, as text":     {serving, "ApigeeDatastore", cassandra + "hostNetwork", `"false"`, `spec.regions[1].network.hostNetwork: ApigeeDatastore says ` + cassandra + `hostNetwork "false", and the phase wants false`},
		"seed host, serving":        {serving, "ApigeeDatastore", properties + "multiRegionSeedHost", "10.100.0.11", seed + `multiRegionSeedHost "10.100.0.11", and the phase wants nothing`},
		"seed host, settling":       {settles, "ApigeeDatastore", properties + "multiRegionSeedHost", "10.100.0.11", seed + `multiRegionSeedHost "10.100.0.11", and the phase wants nothing`},
		"seed host, empty":          {serving, "ApigeeDatastore", properties + "multiRegionSeedHost", `""`, ""},
		"seed host, null":           {serving, "ApigeeDatastore", properties + "multiRegionSeedHost", `null`, ""},
		"seed host, false":          {serving, "ApigeeDatastore", properties + "multiRegionSeedHost", `false`, seed + `multiRegionSeedHost false, and the phase wants nothing`},
		"seed host, gone":           {joins, "ApigeeDatastore", properties + "multiRegionSeedHost", "", seed + `multiRegionSeedHost nothing, and the phase wants "10.100.0.11"`},
		"seed host, gone, rebuilt":  {rebuilds, "ApigeeDatastore", properties + "multiRegionSeedHost", "", seed + `multiRegionSeedHost nothing, and the phase wants "10.100.0.11"`},
		"seed host, gone, leaving":  {withdraws, "ApigeeDatastore", properties + "multiRegionSeedHost", "", seed + `multiRegionSeedHost nothing, and the phase wants "10.100.0.99"`},
		"seed host, another":        {joins, "ApigeeDatastore", properties + "multiRegionSeedHost", "10.100.0.12", seed + `multiRegionSeedHost "10.100.0.12", and the phase wants "10.100.0.11"`},
		"seed host, the topology's": {recorded, "ApigeeDatastore", properties + "multiRegionSeedHost", "10.100.0.11", seed + `multiRegionSeedHost "10.100.0.11", and the phase wants "10.100.0.99"`},
		"an outer seed host":        {serving, "ApigeeDatastore", properties + "externalSeedHost", "10.100.0.11", seed + `externalSeedHost "10.100.0.11", and the phase wants nothing`},
		"an outer one, joining":     {joins, "ApigeeDatastore", properties + "externalSeedHost", "10.100.0.11", seed + `externalSeedHost "10.100.0.11", and the phase wants nothing`},
		"an outer one, empty":       {joins, "ApigeeDatastore", properties + "externalSeedHost", `""`, ""},
		"no namespace":              {serving, "ApigeeDatastore", "metadata.namespace", "", ""},
		"another namespace":         {serving, "ApigeeDatastore", "metadata.namespace", "other", `spec.namespace: ApigeeDatastore says metadata.namespace "other", and the phase wants "apigee"`},
		"an empty namespace":        {serving, "ApigeeDatastore", "metadata.namespace", `""`, `spec.namespace: ApigeeDatastore says metadata.namespace nothing, and the phase wants "apigee"`},
		"what nobody compares":      {serving, "ApigeeDatastore", properties + "port", "9142", ""},
		"another version":           {serving, "ApigeeDatastore", "apiVersion", "apigee.cloud.google.com/v2", ""},
		"organization":              {serving, "ApigeeOrganization", "metadata.name", "acme-prod", `spec.organization.name: ApigeeOrganization says metadata.name "acme-prod", and the phase wants "acme-prod-d2836b7"`},
		"organization, no name":     {serving, "ApigeeOrganization", "metadata", "", `spec.organization.name: ApigeeOrganization says metadata.name nothing, and the phase wants "acme-prod-d2836b7"`},
		"rebuild, source":           {rebuilds, "CassandraDataReplication", "spec.source.region", "east", `spec.regions[1].expandFrom: CassandraDataReplication says spec.source.region "east", and the phase wants "dc-1"`},
		"rebuild, no source":        {rebuilds, "CassandraDataReplication", "spec.source", "", `spec.regions[1].expandFrom: CassandraDataReplication says spec.source.region nothing, and the phase wants "dc-1"`},
		"rebuild, organization":     {rebuilds, "CassandraDataReplication", "spec.organizationRef", "acme-prod", `spec.organization.name: CassandraDataReplication says spec.organizationRef "acme-prod", and the phase wants "acme-prod-d2836b7"`},
		"rebuild, name":             {rebuilds, "CassandraDataReplication", "metadata.name", "expand", `spec.regions[1].datacenter: CassandraDataReplication says metadata.name "expand", and the phase wants "expand-west"`},
		"rebuild, namespace":        {rebuilds, "CassandraDataReplication", "metadata.namespace", "other", `spec.namespace: CassandraDataReplication says metadata.namespace "other", and the phase wants "apigee"`},
		"rebuild, no namespace":     {rebuilds, "CassandraDataReplication", "metadata.namespace", "", ""},
		"rebuild, by force":         {rebuilds, "CassandraDataReplication", "spec.force", "true", `spec.regions[1].expandFrom: CassandraDataReplication says spec.force true, and the phase wants false`},
		"rebuild, force not said":   {rebuilds, "CassandraDataReplication", "spec.force", "", ""},
		"again, without force":      {retried, "CassandraDataReplication", "spec.force", "false", `spec.regions[1].expandFrom: CassandraDataReplication says spec.force false, and the phase wants true`},
		"again, force not said":     {retried, "CassandraDataReplication", "spec.force", "", `spec.regions[1].expandFrom: CassandraDataReplication says spec.force nothing, and the phase wants true`},
	}
	g := ringOf(t, `{}`)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			objects := made(t, g, tt.at)
			checkDeviations(t, g, tt.at, objects)
			change(t, objectOf(t, objects, tt.kind), tt.path, tt.value)
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			checkDeviations(t, g, tt.at, objects, want...)
		})
	}
}

// TestDeviationsOfSeveralPlaces: without replicas of its own, Cassandra has the
// datastore's.
func TestDeviationsOfSeveralPlaces(t *testing.T) {
	g, at := ringOf(t, `{}`), of("west", "", stage.Serving)
	const says = "spec.regions[1].cassandra.replicas: ApigeeDatastore says "
	objects := made(t, g, at)
	datastore := objectOf(t, objects, "ApigeeDatastore")
	change(t, datastore, "spec.components.cassandra.replicas", "")
	change(t, datastore, "spec.replicas", "6")
	checkDeviations(t, g, at, objects, says+"spec.replicas 6, and the phase wants 3")
	change(t, datastore, "spec.replicas", "")
	checkDeviations(t, g, at, objects, says+"spec.components.cassandra.replicas nothing, and the phase wants 3")
}

// TestDeviationsOfCounts: there is one object of each kind.
func TestDeviationsOfCounts(t *testing.T) {
	const none, two = "spec.regions[1]: region west renders no %s, and there must be one", "spec.regions[1]: region west renders 2 of %s, and there must be one"
	g, rebuilds := ringOf(t, `{}`), of("west", "expand", rebuilding)
	for _, name := range []string{"ApigeeDatastore", "ApigeeOrganization", "CassandraDataReplication"} {
		objects := made(t, g, rebuilds)
		only := objectOf(t, objects, name)
		without := slices.DeleteFunc(slices.Clone(objects), func(o map[string]any) bool { return o["kind"] == name })
		checkDeviations(t, g, rebuilds, without, fmt.Sprintf(none, name))

		second := maps.Clone(only)
		checkDeviations(t, g, rebuilds, append(slices.Clone(objects), second), fmt.Sprintf(two, name))

		for _, group := range []string{"example.com/v1alpha1", "apigee.cloud.google.com.example.com/v1", "v1", ""} {
			second["apiVersion"] = group
			checkDeviations(t, g, rebuilds, append(slices.Clone(objects), second))
			checkDeviations(t, g, rebuilds, append(slices.Clone(without), second), fmt.Sprintf(none, name))
		}
	}
	checkDeviations(t, g, of("west", "expand", joining), nil, fmt.Sprintf(none, "ApigeeDatastore"), fmt.Sprintf(none, "ApigeeOrganization"))
}

// TestDeviationsByPhase: what has left is not looked for, and the replication is
// only while a region is rebuilt.
func TestDeviationsByPhase(t *testing.T) {
	datastore, organization, replication := "ApigeeDatastore", "ApigeeOrganization", "CassandraDataReplication"
	g := ringOf(t, `{}`)
	for phase, want := range map[stage.Phase][]string{
		installing: {datastore, organization}, joining: {datastore, organization}, rebuilding: {datastore, organization, replication}, settling: {datastore, organization},
		stage.Serving: {datastore, organization}, returning: {datastore, organization},
		draining: {datastore, organization}, detaching: {datastore}, leaving: nil, clearing: nil, closing: nil,
	} {
		var got []string
		for _, d := range g.Deviations(of("west", "", phase), nil) {
			rest, _ := strings.CutPrefix(d.Message, "region west renders no ")
			name, _, _ := strings.Cut(rest, ",")
			got = append(got, name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", phase, diff)
		}
	}
	// What stays behind at a phase in which it should have left is not its object.
	checkDeviations(t, g, of("west", "", leaving), made(t, g, of("west", "", leaving)))
	if got := g.Deviations(of("north", "", stage.Serving), nil); got != nil {
		t.Errorf("of no region: %v", got)
	}
}

// TestDeviationsOfTheSource: a rebuild goes on from where it began.
func TestDeviationsOfTheSource(t *testing.T) {
	g := threeRegions(t)
	at := of("north", "expand", rebuilding)
	at.Source = "east"
	objects := made(t, g, at)
	checkDeviations(t, g, at, objects)
	at.Source = "west"
	checkDeviations(t, g, at, objects, `spec.regions[2].expandFrom: CassandraDataReplication says spec.source.region "dc-1", and the phase wants "dc-2"`)
}

// TestDeviationsName fields of the topology that are there, or may be.
func TestDeviationsName(t *testing.T) {
	g, at := ringOf(t, `{}`), of("west", "expand", rebuilding)
	objects := made(t, g, at)
	for _, o := range objects {
		o["metadata"], o["spec"] = map[string]any{"namespace": "other"}, nil
	}
	got := g.Deviations(at, objects)
	if len(got) != 13 {
		t.Errorf("%d deviations: %v", len(got), got)
	}
	for _, d := range got {
		if d == (system.Deviation{}) || !strings.HasPrefix(d.Path, "spec.") || strings.HasSuffix(d.Path, ".") {
			t.Errorf("%+v", d)
		}
	}
}
