package observe

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Meta is what the metadata of every object may tell.
type Meta struct {
	// Created and Deleted are zero if the object has no such time.
	Created    time.Time  `json:"creationTimestamp,omitzero"`
	Deleted    time.Time  `json:"deletionTimestamp,omitzero"`
	Generation Opt[int64] `json:"generation,omitzero"`
	// Version is the label app.kubernetes.io/version.
	Version Opt[string] `json:"version,omitzero"`
}

const versionLabel = "app.kubernetes.io/version"

func readMeta(r *reader) Meta {
	m := Meta{
		Created:    r.time("metadata.creationTimestamp"),
		Deleted:    r.time("metadata.deletionTimestamp"),
		Generation: r.int("metadata.generation"),
	}
	if v, ok := r.labels(func(key string) bool { return key == versionLabel })[versionLabel]; ok {
		m.Version = Some(v)
	}
	return m
}

// A Datastore is an ApigeeDatastore: the Cassandra datacenter of a region.
type Datastore struct {
	Meta   Meta            `json:"metadata,omitzero"`
	Spec   DatastoreSpec   `json:"spec,omitzero"`
	Status DatastoreStatus `json:"status,omitzero"`
}

// DatastoreSpec is what an ApigeeDatastore asks for.
type DatastoreSpec struct {
	Replicas  Opt[int64]    `json:"replicas,omitzero"`
	Version   Opt[string]   `json:"version,omitzero"`
	Cassandra CassandraSpec `json:"cassandra,omitzero"`
}

// CassandraSpec is spec.components.cassandra, its properties and storage
// included.
type CassandraSpec struct {
	Replicas            Opt[int64]  `json:"replicas,omitzero"`
	HostNetwork         Opt[bool]   `json:"hostNetwork,omitzero"`
	ClusterName         Opt[string] `json:"clusterName,omitzero"`
	Datacenter          Opt[string] `json:"datacenter,omitzero"`
	Rack                Opt[string] `json:"rack,omitzero"`
	MultiRegionSeedHost Opt[string] `json:"multiRegionSeedHost,omitzero"`
	ExternalSeedHost    Opt[string] `json:"externalSeedHost,omitzero"`
	StorageSize         Opt[string] `json:"storageSize,omitzero"`
	StorageClass        Opt[string] `json:"storageClass,omitzero"`
}

// DatastoreStatus is what the controller says of an ApigeeDatastore.
type DatastoreStatus struct {
	State                 Opt[string]   `json:"state,omitzero"`
	NestedState           Opt[string]   `json:"nestedState,omitzero"`
	ObservedGeneration    Opt[int64]    `json:"observedGeneration,omitzero"`
	LastAppliedGeneration Opt[int64]    `json:"lastAppliedGeneration,omitzero"`
	CassandraReady        Opt[int64]    `json:"cassandraReadyReplicas,omitzero"`
	CassandraPodIPs       []string      `json:"cassandraPodIps,omitzero"` // nil if missing
	Scaling               Scaling       `json:"scaling,omitzero"`
	Replicas              ReplicaCounts `json:"replicas,omitzero"`
	Rebuild               RebuildStatus `json:"cassandraDataReplication,omitzero"`
}

// Scaling is status.scaling of an ApigeeDatastore.
type Scaling struct {
	InProgress Opt[bool]   `json:"inProgress,omitzero"`
	Operation  Opt[string] `json:"operation,omitzero"`
	Requested  Opt[int64]  `json:"requestedReplicas,omitzero"`
}

// ReplicaCounts is status.components.cassandra.replicas.
type ReplicaCounts struct {
	Total     Opt[int64] `json:"total,omitzero"`
	Ready     Opt[int64] `json:"ready,omitzero"`
	Updated   Opt[int64] `json:"updated,omitzero"`
	Available Opt[int64] `json:"available,omitzero"`
}

// RebuildStatus is status.cassandraDataReplication of an ApigeeDatastore.
type RebuildStatus struct {
	State Opt[string] `json:"state,omitzero"`
	// Updated is zero if it is missing, here and for each pod.
	Updated time.Time `json:"updated,omitzero"`
	// Pods are the rebuildDetails, pod-2 before pod-10; nil if missing.
	Pods []PodRebuild `json:"rebuildDetails,omitzero"`
}

// PodRebuild is how far the rebuild of one pod is.
type PodRebuild struct {
	Pod     string      `json:"pod"`
	State   Opt[string] `json:"state,omitzero"`
	Message Opt[string] `json:"message,omitzero"`
	Updated time.Time   `json:"updated,omitzero"`
}

// Pod returns the rebuild of a pod, and whether it is listed.
func (s RebuildStatus) Pod(name string) (PodRebuild, bool) {
	for _, p := range s.Pods {
		if p.Pod == name {
			return p, true
		}
	}
	return PodRebuild{}, false
}

func readDatastore(r *reader, o *Observation) {
	o.Datastore = &Datastore{Meta: readMeta(r), Spec: readDatastoreSpec(r), Status: readDatastoreStatus(r)}
}

func readDatastoreSpec(r *reader) DatastoreSpec {
	const cassandra = "spec.components.cassandra."
	return DatastoreSpec{
		Replicas: r.count("spec.replicas"),
		Version:  r.str("spec.version"),
		Cassandra: CassandraSpec{
			Replicas:            r.count(cassandra + "replicas"),
			HostNetwork:         r.bool(cassandra + "hostNetwork"),
			ClusterName:         r.str(cassandra + "properties.clusterName"),
			Datacenter:          r.str(cassandra + "properties.datacenter"),
			Rack:                r.str(cassandra + "properties.rack"),
			MultiRegionSeedHost: r.str(cassandra + "properties.multiRegionSeedHost"),
			ExternalSeedHost:    r.str(cassandra + "properties.externalSeedHost"),
			StorageSize:         r.str(cassandra + "storage.storageSize"),
			StorageClass:        r.str(cassandra + "storage.storageClass"),
		},
	}
}

func readDatastoreStatus(r *reader) DatastoreStatus {
	const replicas = "status.components.cassandra.replicas."
	return DatastoreStatus{
		State:                 r.str("status.state"),
		NestedState:           r.str("status.nestedState"),
		ObservedGeneration:    r.int("status.observedGeneration"),
		LastAppliedGeneration: r.int("status.lastAppliedGeneration"),
		CassandraReady:        r.count("status.cassandraReadyReplicas"),
		CassandraPodIPs:       r.strs("status.cassandraPodIps"),
		Scaling: Scaling{
			InProgress: r.bool("status.scaling.inProgress"),
			Operation:  r.str("status.scaling.operation"),
			Requested:  r.count("status.scaling.requestedReplicas"),
		},
		Replicas: ReplicaCounts{
			Total:     r.count(replicas + "total"),
			Ready:     r.count(replicas + "ready"),
			Updated:   r.count(replicas + "updated"),
			Available: r.count(replicas + "available"),
		},
		Rebuild: RebuildStatus{
			State:   r.str("status.cassandraDataReplication.state"),
			Updated: r.epoch("status.cassandraDataReplication.updated"),
			Pods:    readPodRebuilds(r),
		},
	}
}

func readPodRebuilds(r *reader) []PodRebuild {
	const path = "status.cassandraDataReplication.rebuildDetails"
	details := r.find(path, isObject)
	if details == nil {
		return nil
	}
	pods := []PodRebuild{}
	for _, f := range details.fields {
		if f.value.shape != isObject {
			r.bad(f.value, join(path, f.key), "is "+string(f.value.shape)+", not "+string(isObject))
			continue
		}
		pod := r.within(f.value, join(path, f.key))
		pods = append(pods, PodRebuild{Pod: f.key, State: pod.str("state"), Message: pod.str("message"), Updated: pod.epoch("updated")})
	}
	slices.SortFunc(pods, func(a, b PodRebuild) int { return natural(a.Pod, b.Pod) })
	return pods
}

// A Replication is a CassandraDataReplication: the order to rebuild. How far
// it is stands in the status of the Datastore.
type Replication struct {
	Meta                  Meta        `json:"metadata,omitzero"`
	OrganizationRef       Opt[string] `json:"organizationRef,omitzero"`
	DatastoreRef          Opt[string] `json:"datastoreRef,omitzero"`
	Force                 Opt[bool]   `json:"force,omitzero"`
	SourceRegion          Opt[string] `json:"sourceRegion,omitzero"`
	State                 Opt[string] `json:"state,omitzero"`
	Message               Opt[string] `json:"message,omitzero"`
	LastAppliedGeneration Opt[int64]  `json:"lastAppliedGeneration,omitzero"`
}

func readReplication(r *reader, o *Observation) {
	o.Replication = &Replication{
		Meta:                  readMeta(r),
		OrganizationRef:       r.str("spec.organizationRef"),
		DatastoreRef:          r.str("spec.datastoreRef"),
		Force:                 r.bool("spec.force"),
		SourceRegion:          r.str("spec.source.region"),
		State:                 r.str("status.state"),
		Message:               r.str("status.message"),
		LastAppliedGeneration: r.int("status.lastAppliedGeneration"),
	}
}

// An Organization is an ApigeeOrganization.
type Organization struct {
	Meta                  Meta        `json:"metadata,omitzero"`
	Org                   Opt[string] `json:"org,omitzero"` // spec.name
	State                 Opt[string] `json:"state,omitzero"`
	LastAppliedGeneration Opt[int64]  `json:"lastAppliedGeneration,omitzero"`
}

func readOrganization(r *reader, o *Observation) {
	o.Organization = &Organization{
		Meta:                  readMeta(r),
		Org:                   r.str("spec.name"),
		State:                 r.str("status.state"),
		LastAppliedGeneration: r.int("status.lastAppliedGeneration"),
	}
}

// A Pod is a pod, with its labels app and app.kubernetes.io/….
type Pod struct {
	Meta   Meta              `json:"metadata,omitzero"`
	Labels map[string]string `json:"labels,omitempty"`
	// IPs are status.podIP and status.podIPs without repeats; nil if missing.
	IPs      []netip.Addr `json:"podIPs,omitzero"`
	HostIP   netip.Addr   `json:"hostIP,omitzero"`
	NodeName Opt[string]  `json:"nodeName,omitzero"`
	Phase    Opt[string]  `json:"phase,omitzero"`
	// Ready is the status of the condition Ready: True, False or Unknown.
	Ready      Opt[string] `json:"ready,omitzero"`
	Containers []Container `json:"containers,omitempty"`
}

// Container is the status of a container.
type Container struct {
	Name     string     `json:"name"`
	Restarts Opt[int64] `json:"restarts,omitzero"`
}

func readPod(r *reader, o *Observation) {
	o.Pod = &Pod{
		Meta:     readMeta(r),
		Labels:   r.labels(func(key string) bool { return key == "app" || strings.HasPrefix(key, "app.kubernetes.io/") }),
		IPs:      readPodIPs(r),
		HostIP:   r.addr("status.hostIP"),
		NodeName: r.str("spec.nodeName"),
		Phase:    r.str("status.phase"),
		Ready:    readReady(r),
	}
	r.each("status.containerStatuses", func(c *reader) {
		o.Pod.Containers = append(o.Pod.Containers, Container{Name: c.str("name").Or(""), Restarts: c.count("restartCount")})
	})
}

func readPodIPs(r *reader) []netip.Addr {
	var ips []netip.Addr
	add := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(ips, a) {
			ips = append(ips, a)
		}
	}
	add(r.addr("status.podIP"))
	r.each("status.podIPs", func(ip *reader) { add(ip.addr("ip")) })
	return ips
}

// readReady returns the status of the condition Ready. Two that differ are
// none.
func readReady(r *reader) Opt[string] {
	var ready Opt[string]
	r.each("status.conditions", func(c *reader) {
		status := c.str("status")
		if !c.str("type").Is("Ready") {
			return
		}
		if ready.ok && ready != status {
			c.bad(c.root, "type", "is Ready a second time, with another status")
		}
		ready = status
	})
	return ready
}

// A Node is a Kubernetes node.
type Node struct {
	Meta  Meta        `json:"metadata,omitzero"`
	Ready Opt[string] `json:"ready,omitzero"`
	// Labels are those of zone and region.
	Labels map[string]string `json:"labels,omitempty"`
	// InternalIPs are the addresses of type InternalIP; nil if there are none.
	InternalIPs []netip.Addr `json:"internalIPs,omitzero"`
}

var zoneLabels = []string{
	"topology.kubernetes.io/zone", "topology.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
}

func readNode(r *reader, o *Observation) {
	o.Node = &Node{
		Meta:   readMeta(r),
		Ready:  readReady(r),
		Labels: r.labels(func(key string) bool { return slices.Contains(zoneLabels, key) }),
	}
	r.each("status.addresses", func(a *reader) {
		if !a.str("type").Is("InternalIP") {
			return
		}
		if ip := a.addr("address"); ip.IsValid() {
			o.Node.InternalIPs = append(o.Node.InternalIPs, ip)
		}
	})
}

// A Claim is a PersistentVolumeClaim. Sizes are Kubernetes quantities, such as
// 500Gi.
type Claim struct {
	Meta         Meta        `json:"metadata,omitzero"`
	Phase        Opt[string] `json:"phase,omitzero"`
	Capacity     Opt[string] `json:"capacity,omitzero"`
	Requested    Opt[string] `json:"requested,omitzero"`
	StorageClass Opt[string] `json:"storageClassName,omitzero"`
}

func readClaim(r *reader, o *Observation) {
	o.Claim = &Claim{
		Meta:         readMeta(r),
		Phase:        r.str("status.phase"),
		Capacity:     r.str("status.capacity.storage"),
		Requested:    r.str("spec.resources.requests.storage"),
		StorageClass: r.str("spec.storageClassName"),
	}
}
