package apigee

import (
	"slices"
	"strconv"

	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

// An expectation is what the checks of a region's gate compare observations
// with. It stands in the evidence, so that a gate can be judged again though
// the topology has changed since.
type expectation struct {
	Namespace    string     `json:"namespace"`
	Organization string     `json:"organization"` // the name of the ApigeeOrganization
	Version      string     `json:"version"`
	ClusterName  string     `json:"clusterName"`
	Region       datacenter `json:"region"`
	HostNetwork  bool       `json:"hostNetwork"`
	StorageSize  string     `json:"storageSize"`
	// InRing is whether the region's datacenter is part of the ring already.
	InRing bool `json:"inRing"`
	// Networks are the ranges of the region's pods and nodes.
	Networks []string `json:"networks"`
	// SeedHost is the one that the phase renders, Replication the name of its
	// CassandraDataReplication, and Source the datacenter that it names.
	SeedHost    string `json:"seedHost,omitempty"`
	Replication string `json:"replication,omitempty"`
	Source      string `json:"source,omitempty"`
	// Others are the other datacenters that must be in the ring, and Known
	// those that may be: of regions that are planned here, and perhaps serve
	// already and are not adopted yet.
	Others []datacenter `json:"others,omitempty"`
	Known  []string     `json:"known,omitempty"`
}

type datacenter struct {
	Name     string `json:"name"`
	Rack     string `json:"rack"`
	Replicas int    `json:"replicas"`
}

func datacenterOf(r *topology.Region) datacenter {
	return datacenter{r.Datacenter, r.Rack, r.Cassandra.Replicas}
}

// Expect implements [system.Ring].
func (g *ring) Expect(at stage.Progress, in stage.Rollout) any {
	r := g.Region(at.Region)
	if r == nil {
		return nil
	}
	e := expectation{
		Namespace: g.Spec.Namespace, Organization: organizationRef(g.Organization.Name), Version: g.Spec.Version,
		ClusterName: g.Spec.Cassandra.ClusterName, Region: datacenterOf(r), HostNetwork: r.HostNetwork(),
		StorageSize: string(r.Cassandra.Storage.Size), InRing: at.Phase.InRing(),
		Networks: slices.Concat(r.Network.Pods, r.Network.Nodes),
	}
	if source := g.Region(at.Source); source != nil {
		e.Source = source.Datacenter
	}
	if needsSeed(at) {
		e.SeedHost, e.Replication = seedHost(r, at), replicationObject(r)
	}
	for i := range g.Spec.Regions {
		other := &g.Spec.Regions[i]
		switch {
		case other == r:
		case in.At(other.Name).Phase.InRing():
			e.Others = append(e.Others, datacenterOf(other))
		case in.At(other.Name).Phase == stage.Planned:
			e.Known = append(e.Known, other.Datacenter)
		}
	}
	return e
}

// The facts that several places name.
const (
	factVersion     = "version"
	factHostNetwork = "hostNetwork"
	factClusterName = "clusterName"
)

// Facts implements [system.Ring].
func (g *ring) Facts(region string) []stage.Fact {
	r := g.Region(region)
	if r == nil {
		return nil
	}
	return []stage.Fact{
		{Name: factVersion, Value: g.Spec.Version, Path: "spec.version"},
		{Name: factClusterName, Value: g.Spec.Cassandra.ClusterName, Path: "spec.cassandra.clusterName", Fixed: true},
		{Name: "namespace", Value: g.Spec.Namespace, Path: "spec.namespace", Fixed: true},
		{Name: "organization", Value: g.Organization.Name, Path: "spec.organization.name", Fixed: true},
		{Name: "cluster", Value: r.Kubernetes.Cluster, Path: r.Path("kubernetes.cluster"), Fixed: true},
		{Name: "datacenter", Value: r.Datacenter, Path: r.Path("datacenter"), Fixed: true},
		{Name: "rack", Value: r.Rack, Path: r.Path("rack"), Fixed: true},
		{Name: factHostNetwork, Value: strconv.FormatBool(r.HostNetwork()), Path: r.Path("network.hostNetwork")},
		{Name: "replicas", Value: strconv.Itoa(r.Cassandra.Replicas), Path: r.Path("cassandra.replicas")},
		{Name: "storageSize", Value: string(r.Cassandra.Storage.Size), Path: r.Path("cassandra.storage.size")},
	}
}
