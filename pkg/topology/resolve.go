package topology

import "maps"

// Platforms holds the defaults of each platform by its name.
type Platforms map[string]Platform

// Platform is the defaults of one platform, each with its source.
type Platform struct {
	Title            string             `json:"title"`
	NetworkModel     Default[string]    `json:"networkModel"`
	StorageClass     Default[string]    `json:"storageClass"`
	StorageClasses   Default[[]string]  `json:"storageClasses"`
	DataPool         Default[NodeLabel] `json:"dataPool"`
	RuntimePool      Default[NodeLabel] `json:"runtimePool"`
	PodPrefixPerNode Default[int]       `json:"podPrefixPerNode"`
}

// Default is a value and where it comes from.
type Default[T any] struct {
	Value  T      `json:"value"`
	Source string `json:"source"`
}

// Conventions of the ring, where neither the topology nor a platform says.
const (
	defaultNamespace   = "apigee"        // [CFG] namespace
	defaultClusterName = "apigeecluster" // [CFG] cassandra.clusterName
	defaultRack        = "ra-1"          // [CFG] cassandra.rack
	defaultReplicas    = 3               // [OPS] one of each replica of a datacenter
	defaultStorageSize = "10Gi"          // [CFG] cassandra.storage.storageSize
)

// resolve fills in every value in force, so that nothing after it looks
// anything up in two places.
func (t *Topology) resolve() {
	s := &t.Spec
	fill(&s.Namespace, defaultNamespace)
	fill(&s.Cassandra.ClusterName, defaultClusterName)
	fill(&s.Cassandra.Replicas, defaultReplicas)
	fill(&s.Cassandra.Storage.Size, defaultStorageSize)
	for i := range s.Regions {
		r := &s.Regions[i]
		r.Index = i
		r.Defaults = map[string]string{}
		fill(&r.Rack, defaultRack)
		r.inherit(&s.Cassandra.RegionCassandra)
		r.take(t.Platforms[r.Platform])
	}
	t.resolveHostNetwork()
	t.resolveDelivery()
}

// inherit fills in what the ring says and the region does not.
func (r *Region) inherit(ring *RegionCassandra) {
	c := &r.Cassandra
	r.inherited = map[string]bool{
		"cassandra.replicas":      fill(&c.Replicas, ring.Replicas),
		"cassandra.storage.size":  fill(&c.Storage.Size, ring.Storage.Size),
		"cassandra.storage.class": fill(&c.Storage.Class, ring.Storage.Class),
		"cassandra.nodeSelector":  fill(&c.NodeSelector, ring.NodeSelector),
		"cassandra.resources":     fillIf(c.Resources == nil, &c.Resources, ring.Resources),
		"cassandra.taints":        fillIf(c.Taints == nil, &c.Taints, ring.Taints),
		"cassandra.tolerations":   fillIf(c.Tolerations == nil, &c.Tolerations, ring.Tolerations),
	}
	maps.DeleteFunc(r.inherited, func(_ string, inherited bool) bool { return !inherited })
}

// take fills in what the platform says and the topology does not, and notes
// the source of each.
func (r *Region) take(p Platform) {
	fillFrom(r, "network.model", &r.Network.Model, p.NetworkModel)
	fillFrom(r, "cassandra.storage.class", &r.Cassandra.Storage.Class, p.StorageClass)
	fillFrom(r, "cassandra.nodeSelector", &r.Cassandra.NodeSelector, p.DataPool)
	fillFrom(r, "runtime.nodeSelector", &r.Runtime.NodeSelector, p.RuntimePool)
}

// resolveHostNetwork turns hostNetwork on in every region that does not say,
// as soon as one region of a ring of several is an island: all regions must
// agree [MR].
func (t *Topology) resolveHostNetwork() {
	island := false
	for i := range t.Spec.Regions {
		island = island || t.Spec.Regions[i].Network.Model == Island
	}
	for i := range t.Spec.Regions {
		r := &t.Spec.Regions[i]
		if r.Network.HostNetwork == nil {
			on := island && t.MultiRegion()
			r.Network.HostNetwork = &on
			r.Defaults["network.hostNetwork"] = "[MR] on in every region, because one of several is an island"
		}
	}
}

// fill sets a field that is zero, and reports whether it did.
func fill[T comparable](field *T, value T) bool {
	var zero T
	return fillIf(*field == zero && value != zero, field, value)
}

func fillIf[T any](empty bool, field *T, value T) bool {
	if empty {
		*field = value
	}
	return empty
}

func fillFrom[T comparable](r *Region, path string, field *T, d Default[T]) {
	var zero T
	if *field == zero && d.Value != zero {
		*field = d.Value
		r.Defaults[path] = d.Source
	}
}
