package apigee

import "github.com/ringplan/ringplan/pkg/system"

// live tells how a datacenter shows in its cluster. The fields of the datastore
// are those that the checks of the gates compare [C15].
var live = system.Live{
	Chart:      "apigee-datastore",
	APIVersion: "apigee.cloud.google.com/v1alpha1", Kind: "ApigeeDatastore", Name: "default",
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
	Passing: []system.Passing{{APIVersion: "apigee.cloud.google.com/v1alpha1", Kind: "CassandraDataReplication", File: replicationName}},
}

// liveProperty is a value of cassandra that the datastore has as a property.
func liveProperty(name string) system.LiveField {
	return system.LiveField{Paths: [][]string{{"spec", "components", "cassandra", "properties", name}}, Value: "cassandra." + name}
}
