package apigee

import "github.com/ringplan/ringplan/pkg/system"

// The group of Apigee's custom resources, and its versions.
const (
	apiGroup = "apigee.cloud.google.com"
	apigeeV1 = apiGroup + "/v1alpha1"
	apigeeV2 = apiGroup + "/v1alpha2"
)

// live tells how a datacenter shows in its cluster. The fields of the datastore
// are those that the checks of the gates compare [C15].
var live = system.Live{
	Chart:      "apigee-datastore",
	APIVersion: apigeeV1, Kind: "ApigeeDatastore", Name: "default",
	Fields: []system.LiveField{
		{Paths: [][]string{{"metadata", "labels", "app.kubernetes.io/version"}}, Optional: true},
		liveProperty("datacenter"),
		liveProperty("rack"),
		liveProperty("clusterName"),
		liveProperty("multiRegionSeedHost"),
		liveProperty("externalSeedHost"),
		{Paths: [][]string{{"spec", "components", "cassandra", "replicas"}, {"spec", "replicas"}}, Value: "cassandra.replicaCount"},
		{Paths: [][]string{{"spec", "components", "cassandra", "hostNetwork"}}, Value: "cassandra.hostNetwork", Absent: false},
		{Paths: [][]string{{"spec", "components", "cassandra", "storage", "storageSize"}}, Value: "cassandra.storage.storageSize", Optional: true},
	},
	Passing: []system.Passing{{APIVersion: apigeeV1, Kind: "CassandraDataReplication", File: replicationName}},
	Resources: map[string]string{
		"ApigeeDatastore": "apigeedatastores", "ApigeeOrganization": "apigeeorganizations", "CassandraDataReplication": "cassandradatareplications",
		"Pod": "pods",
	},
	Wants: map[string][][]system.Want{
		"install-running":      {ownDatastore, ownOrganization, ownRing},
		"ring-settled":         {survivorsRing, allDatastores},
		"datacenter-joined":    {ownDatastore, ownOrganization, ownRing, allDatastores},
		"rebuild-complete":     {ownRebuild, ownDatastore, ownRebuild, ownRebuild, ownDatastore},
		"seed-removed":         {ownDatastore, ownDatastore, ownRing, ownRing},
		"already-serving":      {ownDatastore, ownDatastore, ownDatastore, ownDatastore, ownOrganization, ownDatastore, ownRing},
		"environments-removed": {ownPods, survivorsRing},
		"organization-removed": {ownPods, survivorsRing},
		"datacenter-left":      {survivorsRing},
		"datacenter-purged":    {survivorsRing},
		"components-removed":   {ownPods, survivorsRing},
		"region-removed":       {survivorsRing},
	},
	Runs: []system.Run{nodetool("status"), nodetool("describecluster")},
}

// What the checks want to know of a cluster. A rebuild is told from an earlier
// one by the time at which its replication was created.
var (
	ownDatastore    = []system.Want{{APIVersion: apigeeV1, Kind: "ApigeeDatastore"}}
	allDatastores   = []system.Want{{Where: system.EveryCluster, APIVersion: apigeeV1, Kind: "ApigeeDatastore"}}
	ownRebuild      = append(ownDatastore[:1:1], system.Want{APIVersion: apigeeV1, Kind: "CassandraDataReplication"})
	ownOrganization = []system.Want{{APIVersion: apigeeV2, Kind: "ApigeeOrganization"}}
	ownPods         = []system.Want{{APIVersion: "v1", Kind: "Pod", All: true}}
	ownRing         = ringSeenFrom(system.OwnCluster)
	survivorsRing   = ringSeenFrom(system.AnotherCluster)
)

// ringSeenFrom is what one node of Cassandra knows of all the others.
func ringSeenFrom(where system.Where) []system.Want {
	return []system.Want{{Where: where, Run: "nodetool status"}, {Where: where, Run: "nodetool describecluster", Optional: true}}
}

// endOfOutput ends the whole output of a command.
const endOfOutput = "# ringplan: this is all"

// nodetool runs a command of nodetool in a pod of Cassandra. User and password of
// JMX are read from its input, a line each; without them they are those of the
// pod's environment. They are no arguments of the request, which API servers log.
// INF for the container and the variables: the operator makes the pod, and no
// template shows it.
func nodetool(verb string) system.Run {
	return system.Run{
		Name: "nodetool " + verb, Pods: cassandraPods, Containers: []string{"apigee-cassandra", ""},
		Args: []string{"sh", "-c", `read -r user; read -r password
user=${user:-$APIGEE_JMX_USER}; password=${password:-$APIGEE_JMX_PASSWORD}
if [ -n "$user" ]; then set -- -u "$user" -pw "$password"; fi
nodetool "$@" ` + verb + ` && echo '` + endOfOutput + `'`},
		End: endOfOutput,
	}
}

// liveProperty is a value of cassandra that the datastore has as a property.
func liveProperty(name string) system.LiveField {
	return system.LiveField{Paths: [][]string{{"spec", "components", "cassandra", "properties", name}}, Value: "cassandra." + name}
}
