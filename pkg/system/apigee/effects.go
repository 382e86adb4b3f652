package apigee

import (
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
)

// effects tells what a change of each rendered field does. The first that
// matches counts.
var effects = []system.Effect{
	{File: overridesName, Op: manifest.Removed, Class: system.DestroysData, Procedure: "decommission",
		Why: "nothing is rendered for the region any more: what syncs it removes the region", Source: "[TS-STALE]"},
	{File: overridesName, Op: manifest.Added, Class: system.RingMovement,
		Why: "a new datacenter is installed", Source: "[MR]"},
	{File: replicationName, Op: manifest.Added, Class: system.RingMovement, Procedure: "expand",
		Why: "the datacenter is rebuilt from its source: all its data streams between the regions", Source: "[MR]"},
	{File: replicationName, Op: manifest.Removed, Class: system.Safe, Procedure: "expand",
		Why: "the rebuild is done, or was aborted", Source: "[MR]"},
	{File: overridesName, Path: "cassandra.forceDelete", Op: manifest.Removed, Class: system.Safe,
		Why: "the volumes stay when the datastore is deleted", Source: "[KUST]"},
	{File: overridesName, Path: "cassandra.forceDelete", Class: system.DestroysData,
		Why: "when the datastore is deleted its volumes go too, and the other regions have to be cleaned by hand", Source: "[KUST]"},
	{File: overridesName, Path: "namespace", Class: system.DestroysData,
		Why: "everything is installed anew in another namespace, without the data", Source: "INF releases and volumes belong to a namespace"},
	{File: overridesName, Path: "*EncryptionKey", Class: system.DestroysData,
		Why: "what was encrypted with the key before cannot be read any more", Source: "[KEYS]"},
	{File: overridesName, Path: "*EncryptionPath", Class: system.DestroysData,
		Why: "what was encrypted with the key before cannot be read any more", Source: "[KEYS]"},
	{File: overridesName, Path: "*EncryptionSecret", Class: system.DestroysData,
		Why: "unless the other Secret holds the same key, what was encrypted before cannot be read any more", Source: "[KEYS]"},
	{File: overridesName, Path: "cassandra.datacenter", Class: system.OneWay, Procedure: "decommission",
		Why: "Cassandra refuses to start with another datacenter name than its data has", Source: "INF"},
	{File: overridesName, Path: "cassandra.rack", Class: system.OneWay, Procedure: "decommission",
		Why: "Cassandra refuses to start in another rack than its data has", Source: "INF"},
	{File: overridesName, Path: "cassandra.clusterName", Class: system.OneWay,
		Why: "Cassandra refuses to start with another cluster name, and it is the same in every region", Source: "[CFG]"},
	{File: overridesName, Path: "cassandra.storage", Class: system.OneWay,
		Why: "the volumes of a StatefulSet cannot be changed: the claims are expanded one by one, and the StatefulSet is made anew", Source: "[OPS]"},
	{File: overridesName, Path: "enhanceProxyLimits", Class: system.OneWay,
		Why: "once on, it must not be turned off again", Source: "[CFG]"},
	{File: overridesName, Path: "cassandra.hostNetwork", Class: system.RingMovement,
		Why: "every node gets another address; all regions must agree, before any is added", Source: "[MR]"},
	{File: overridesName, Path: "cassandra.replicaCount", Class: system.RingMovement,
		Why: "nodes join or leave, and data moves among them; by threes, with every node up", Source: "[OPS]"},
	{File: overridesName, Path: "cassandra.multiRegionSeedHost", Class: system.RollingRestart, Procedure: "expand",
		Why: "the pods of Cassandra restart, with or without the address by which the datacenter joins", Source: "[MR]"},
	{File: overridesName, Path: "cassandra.backup", Class: system.Safe,
		Why: "backups run as jobs of their own", Source: "[CFG]"},
	{File: overridesName, Path: "cassandra", Class: system.RollingRestart,
		Why: "the pods of Cassandra restart one by one", Source: "[CFG]"},
	{File: overridesName, Path: "nodeSelector.apigeeData", Class: system.RollingRestart,
		Why: "the pods of Cassandra are scheduled anew; a volume of another zone cannot follow", Source: "[CFG]"},
	{File: releasesName, Path: "spec.steps*.version", Class: system.RollingRestart,
		Why: "the release is upgraded; regions one by one, minor by minor, and none is expanded meanwhile", Source: "[C16] the upgrade documents"},
	{File: releasesName, Class: system.Safe, Why: "the release plan follows the region", Source: "ringplan"},
	{File: releasesName, Path: "*", Class: system.Safe, Why: "the release plan itself changes nothing in the cluster", Source: "ringplan"},
	{File: "kustomization.yaml", Class: system.Safe, Why: "it only lists the manifests", Source: "ringplan"},
	{File: "kustomization.yaml", Path: "*", Class: system.Safe, Why: "it only lists the manifests", Source: "ringplan"},
}
