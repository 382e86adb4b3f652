package apigee

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Deviations implements [system.Ring].
func (g *ring) Deviations(at stage.Progress, objects []map[string]any) []system.Deviation {
	r := g.Region(at.Region)
	if r == nil {
		return nil
	}
	d := &deviations{ring: g, region: r}
	stay, _ := g.releasesAt(at.Phase)
	for _, rel := range stay {
		switch rel.chart {
		case "apigee-org":
			d.organization(objects)
		case "apigee-datastore":
			d.datastore(at, objects)
		}
	}
	if at.Phase == rebuilding {
		d.replication(at, objects)
	}
	return d.found
}

type deviations struct {
	*ring
	region *topology.Region
	found  []system.Deviation
}

func (d *deviations) add(path, format string, args ...any) {
	d.found = append(d.found, system.Deviation{Path: path, Message: fmt.Sprintf(format, args...)})
}

// only returns the one object of a kind of Apigee's; nil, and a deviation, if
// there is none or there are several.
func (d *deviations) only(objects []map[string]any, kind string) map[string]any {
	var found []map[string]any
	for _, o := range objects {
		version, _ := o["apiVersion"].(string)
		if o["kind"] == kind && strings.HasPrefix(version, "apigee.cloud.google.com/") {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		count := "no"
		if len(found) > 0 {
			count = strconv.Itoa(len(found)) + " of"
		}
		d.add(d.region.Path(""), "region %s renders %s %s, and there must be one", d.region.Name, count, kind)
		return nil
	}
	return found[0]
}

// organization compares the name that the chart computes with the one that the
// replication refers to.
func (d *deviations) organization(objects []map[string]any) {
	if o := d.only(objects, "ApigeeOrganization"); o != nil {
		d.want("spec.organization.name", o, organizationRef(d.Organization.Name), []string{"metadata", "name"})
	}
}

// datastore compares what the operator is told with what the phase wants.
func (d *deviations) datastore(at stage.Progress, objects []map[string]any) {
	o := d.only(objects, "ApigeeDatastore")
	if o == nil {
		return
	}
	r := d.region
	property := func(name string) []string {
		return []string{"spec", "components", "cassandra", "properties", name}
	}
	seed := any(nil)
	if needsSeed(at) {
		seed = seedHost(r, at)
	}
	d.want(r.Path("datacenter"), o, "default", []string{"metadata", "name"})
	d.namespace(o)
	d.want(r.Path("datacenter"), o, r.Datacenter, property("datacenter"))
	d.want(r.Path("rack"), o, r.Rack, property("rack"))
	d.want("spec.cassandra.clusterName", o, d.Spec.Cassandra.ClusterName, property("clusterName"))
	d.want(r.Path("seedHost"), o, seed, property("multiRegionSeedHost"))
	d.want(r.Path("seedHost"), o, nil, property("externalSeedHost"))
	d.want(r.Path("network.hostNetwork"), o, r.HostNetwork(), []string{"spec", "components", "cassandra", "hostNetwork"})
	d.replicas(o)
	d.want(r.Path("cassandra.storage.size"), o, string(r.Cassandra.Storage.Size), []string{"spec", "components", "cassandra", "storage", "storageSize"})
}

// replicas compares both places that may say how many nodes there are.
func (d *deviations) replicas(o map[string]any) {
	places := [][]string{{"spec", "components", "cassandra", "replicas"}, {"spec", "replicas"}}
	said := slices.DeleteFunc(slices.Clone(places), func(keys []string) bool {
		_, ok := lookup(o, keys)
		return !ok
	})
	if len(said) == 0 {
		said = places[:1]
	}
	for _, keys := range said {
		d.want(d.region.Path("cassandra.replicas"), o, d.region.Cassandra.Replicas, keys)
	}
}

// replication compares the manifest of the rebuild, as it is applied, with what
// the phase wants.
func (d *deviations) replication(at stage.Progress, objects []map[string]any) {
	o := d.only(objects, "CassandraDataReplication")
	if o == nil {
		return
	}
	d.want("spec.organization.name", o, organizationRef(d.Organization.Name), []string{"spec", "organizationRef"})
	d.want(d.region.Path("expandFrom"), o, d.sourceOf(d.region, at).Datacenter, []string{"spec", "source", "region"})
	d.want(d.region.Path("datacenter"), o, replicationObject(d.region), []string{"metadata", "name"})
	d.namespace(o)
	d.want(d.region.Path("expandFrom"), o, at.Retries > 0, []string{"spec", "force"})
}

// namespace compares the namespace of an object, which may be left to Helm.
func (d *deviations) namespace(o map[string]any) {
	if _, ok := lookup(o, []string{"metadata", "namespace"}); ok {
		d.want("spec.namespace", o, d.Spec.Namespace, []string{"metadata", "namespace"})
	}
}

// want compares a field of an object with what it must be: nil, if it must not
// be there. A text may also be written as the number that it looks like.
func (d *deviations) want(path string, o map[string]any, want any, at []string) {
	got, _ := lookup(o, at)
	if got == "" {
		got = nil
	}
	if text, ok := want.(string); got == nil && want == false || asText(got) == asText(want) || ok && asText(got) == text {
		return
	}
	d.add(path, "%s says %s %s, and the phase wants %s", o["kind"], strings.Join(at, "."), inText(got), inText(want))
}

// asText returns a value as JSON, in which a number is the same however it is
// kept.
func asText(value any) string {
	data, _ := json.Marshal(value) // of rendered documents, which are no more than JSON
	return string(data)
}

func inText(value any) string {
	if value == nil {
		return "nothing"
	}
	return asText(value)
}
