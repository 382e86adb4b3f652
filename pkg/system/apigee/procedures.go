package apigee

import (
	"slices"

	"github.com/ringplan/ringplan/pkg/stage"
)

// The phases between those at rest.
const (
	installing stage.Phase = "installing"

	joining    stage.Phase = "joining"
	rebuilding stage.Phase = "rebuilding"
	settling   stage.Phase = "settling"

	draining  stage.Phase = "draining"
	detaching stage.Phase = "detaching"
	leaving   stage.Phase = "leaving"
	clearing  stage.Phase = "clearing"
	closing   stage.Phase = "closing"

	returning stage.Phase = "returning"
	purging   stage.Phase = "purging"
)

// needsSeed reports whether a region renders its seed host: while it joins and
// is rebuilt; and if that is given up, until its datastore is gone, because a
// pod that restarts without it may start a ring of its own.
func needsSeed(at stage.Progress) bool {
	if at.Phase == joining || at.Phase == rebuilding {
		return true
	}
	return at.SeedHost != "" && slices.Contains([]stage.Phase{draining, detaching}, at.Phase)
}

// removals lists the phases of a removal, in order, with the charts whose
// releases leave in each: environments and their virtual hosts first, the
// operator, which carries every removal out, last and alone [AN].
var removals = []struct {
	phase  stage.Phase
	charts []string
}{
	{draining, []string{"apigee-virtualhost", "apigee-env"}},
	{detaching, []string{"apigee-org"}},
	{leaving, []string{"apigee-datastore"}},
	{clearing, []string{"apigee-telemetry", "apigee-redis", "apigee-ingress-manager"}},
	{closing, []string{"apigee-operator"}},
}

// leavesAt returns the charts whose releases leave at a phase, and those that
// left before; none outside a removal.
func leavesAt(phase stage.Phase) (now, before []string) {
	for _, r := range removals {
		if r.phase == phase {
			return r.charts, before
		}
		before = append(before, r.charts...)
	}
	return nil, nil
}

// What to run to see where a region stands.
const (
	lookDatastore = "kubectl -n NAMESPACE get apigeeds default -o json"
	lookOrg       = "kubectl -n NAMESPACE get apigeeorg -o json"
	lookNodetool  = "kubectl -n NAMESPACE exec apigee-cassandra-default-0 -- nodetool -u JMX_USER -pw JMX_PASSWORD status"
	lookCluster   = "kubectl -n NAMESPACE exec apigee-cassandra-default-0 -- nodetool -u JMX_USER -pw JMX_PASSWORD describecluster"
	lookSurvivor  = "kubectl --context SURVIVOR -n NAMESPACE exec apigee-cassandra-default-0 -- nodetool -u JMX_USER -pw JMX_PASSWORD status"
	lookOthers    = "kubectl --context SURVIVOR -n NAMESPACE exec apigee-cassandra-default-0 -- nodetool -u JMX_USER -pw JMX_PASSWORD describecluster"
	lookPods      = "kubectl get pods -A -o json"
)

// Checks that several gates have.
const (
	checkDatastoreRunning = "ApigeeDatastore/default of the region: status.state is running, and as many replicas are ready as the topology says"
	checkOrganization     = "ApigeeOrganization of the region is present and running"
	checkRing             = "nodetool status lists every datacenter of the ring together, every node UN, counts and racks as declared"
	checkSteady           = "an ApigeeDatastore of the ring was observed, and none is scaling or of another version than the topology's"
	checkSeedGone         = "ApigeeDatastore/default of the region: spec.components.cassandra.properties has no multiRegionSeedHost"
	checkOthers           = "nodetool status lists every other datacenter of the ring, every node UN, counts and racks as declared"
	checkSettled          = "nodetool status lists every datacenter of the ring, every node UN, counts and racks as declared, and no other"
	checkSurvivors        = "nodetool status of a survivor lists every other datacenter, every node UN, and does not list this one"
)

// procedures are those of Apigee hybrid.
var procedures = stage.Procedures{&install, &expand, &adopt, &decommission, &withdraw, &comeBack, &purge}

var mustAgree = []string{factVersion, factHostNetwork, factClusterName}

// install brings the first region of a ring into being.
var install = stage.Procedure{
	Name:      "install",
	Summary:   "The first region of a ring: install every release, then serve.",
	MovesRing: true,
	Founds:    true,
	Phases: []stage.PhaseInfo{
		{Phase: stage.Planned, Summary: "Nothing is rendered for the region."},
		{Phase: installing, Summary: "Everything is rendered; the releases are being installed.", Abort: stage.WayOut{To: stage.Planned, Do: []string{
			"Before this revision is synced, uninstall what is there, in this order: virtualhost and env releases, org, datastore, telemetry, redis, ingress-manager, and the operator last.",
			"Delete the PersistentVolumeClaims of Cassandra, or a new installation finds the old data.",
		}}},
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
	},
	Gates: []stage.Gate{{}, {
		Name:   "install-running",
		Words:  "Cassandra and the organization run in the new region, and every node of the ring is up.",
		Checks: []string{checkDatastoreRunning, checkOrganization, checkRing},
		Look:   []string{lookDatastore, lookOrg, lookNodetool, lookCluster},
		Why:    "A region that is not whole cannot be anyone's source: a datacenter that is rebuilt from it would miss data.",
		Source: "[MR] the seed region is healthy before another is added",
	}},
}

// settled is the gate before a procedure that moves the ring.
var settled = stage.Gate{
	Name:     "ring-settled",
	Words:    "Nothing else is under way in the ring: every node is up, no datacenter is scaling, versions agree.",
	Checks:   []string{checkSettled, checkSteady},
	Look:     []string{"kubectl --context SURVIVOR -n NAMESPACE get apigeeds -o json", lookSurvivor, lookOthers},
	Why:      "A node that is down or moving while another datacenter joins or leaves can lose what it holds; and regions of different versions must not be expanded.",
	Source:   "[AN] all is healthy before a region is added or removed; never expand while versions differ",
	Optional: true,
}

// expand adds a datacenter to a ring.
var expand = stage.Procedure{
	Name:       "expand",
	Summary:    "A further region: join the ring with a seed host, rebuild from the source, then take the seed host out.",
	MovesRing:  true,
	FromSource: true,
	Agree:      mustAgree,
	Phases: []stage.PhaseInfo{
		{Phase: stage.Planned, Summary: "Nothing is rendered for the region."},
		{Phase: joining, Summary: "Everything is rendered with the seed host; the new datacenter joins the ring, empty.", Abort: stage.WayOut{
			Procedure: "withdraw", To: draining, Do: []string{
				"The new datacenter holds no data yet. It is taken out step by step, because nodes that have joined must leave the ring before their pods go.",
			},
		}},
		{Phase: rebuilding, Summary: "The CassandraDataReplication is rendered too; data streams from the source datacenter.", Abort: stage.WayOut{
			To: joining, Do: []string{
				"The replication leaves; the datacenter stays in the ring, and keeps its seed host.",
				"Mend what stopped the rebuild: a pod in state error says why. Common causes are port 7001 between the regions, and a source that lost a node.",
				"Then `ringplan advance` through datacenter-joined starts the rebuild anew, with force. To give up the region, abort once more.",
			},
		}},
		{Phase: settling, Summary: "The seed host and the replication are gone; the datastore is upgraded without them.", DropsSeed: true, Abort: stage.WayOut{
			Procedure: "withdraw", To: draining, Do: []string{
				"The datacenter is taken out again though its data is complete: if it only takes long, look at the ApigeeDatastore and wait instead.",
			},
		}},
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
	},
	Gates: []stage.Gate{settled, {
		Name:   "datacenter-joined",
		Words:  "The new datacenter has joined the ring: all datacenters of the ring stand in one listing, and every node is up.",
		Checks: []string{checkDatastoreRunning, checkOrganization + ", because the replication refers to it", checkRing, checkSteady},
		Look:   []string{lookDatastore, lookOrg, lookNodetool, lookCluster},
		Why:    "A replication that starts before the organization exists has nothing to refer to, and one that starts while the datacenters form two rings copies nothing.",
		Source: "[MR] the listing shows both data centers before data is replicated",
	}, {
		Name:  "rebuild-complete",
		Words: "The rebuild has completed on every Cassandra pod of the new datacenter, after this phase began.",
		Checks: []string{
			"ApigeeDatastore/default of the new region: status.cassandraDataReplication.state is complete",
			"every pod from apigee-cassandra-default-0 on, as many as replicas, is in rebuildDetails with state complete",
			"every updated time is at or after the start of the phase; an earlier one is left from an earlier rebuild",
			"no pod is in state error; if one is, its message says why, and the gate has failed",
			"the datastore's spec still carries the seed host that this phase rendered",
		},
		Look:   []string{"kubectl -n NAMESPACE get apigeeds,cassandradatareplications -o json", "kubectl -n NAMESPACE get apigeeds default -o jsonpath='{.status.cassandraDataReplication}'"},
		Why:    "Without the seed host a pod that restarts before its rebuild has ended may start a ring of its own; and a complete that an earlier rebuild left says nothing of this one.",
		Source: "[MR] the seed host is removed once the data replication is complete and verified",
	}, {
		Name:  "seed-removed",
		Words: "The datastore runs without the seed host, and every node of the ring is still up.",
		Checks: []string{
			checkSeedGone,
			"its generation is observed and applied, and status.state is running",
			checkRing,
			"the load of the new datacenter is not far below the source's; if it is, that is a warning",
		},
		Look:   []string{lookDatastore, lookNodetool, lookCluster},
		Why:    "The seed host is the address of one pod; left in, a later restart may look for a pod that is long gone.",
		Source: "[MR] remove multiRegionSeedHost and upgrade the datastore",
	}},
}

// adopt takes in a region that was built without ringplan.
var adopt = stage.Procedure{
	Name:      "adopt",
	Summary:   "A region that serves already: prove it, and manage it from then on.",
	MovesRing: true,
	Adopts:    true,
	Phases: []stage.PhaseInfo{
		{Phase: stage.Planned, Summary: "Nothing is rendered for the region."},
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
	},
	Gates: []stage.Gate{{
		Name:  "already-serving",
		Words: "The region runs as the topology says, without a seed host, and every node of the ring is up.",
		Checks: []string{
			checkDatastoreRunning,
			"its spec is as declared: datacenter, rack, cluster name, replicas, hostNetwork, version and storage size where it has them, and no externalSeedHost",
			"its generation is observed and applied",
			"no rebuild is under way, or has failed",
			checkOrganization,
			checkSeedGone,
			"nodetool status lists the region's datacenter, no datacenter that the topology does not have, and every node UN",
		},
		Look:   []string{lookDatastore, lookOrg, lookNodetool, lookCluster},
		Why:    "What ringplan renders for a serving region replaces what is there: if the topology says something else than the cluster, the next sync changes the ring.",
		Source: "ringplan; [MR] a region that serves has no seed host",
	}},
}

// decommission takes a region out of the ring for good.
var decommission = removal(stage.Procedure{
	Name:    "decommission",
	Summary: "A region leaves: its environments, its organization, then its datacenter; the operator last.",
}, stage.PhaseInfo{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
	stage.WayOut{Procedure: "return", To: returning, Do: []string{
		"Everything is rendered again; the datacenter never left the ring. Sync, and give the region its traffic back once it serves.",
	}})

// comeBack takes back a decommission.
var comeBack = stage.Procedure{
	Name:      "return",
	Summary:   "A decommission was aborted while the datacenter was whole: install again what had left.",
	MovesRing: true,
	ByAbort:   true,
	Phases: []stage.PhaseInfo{
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
		{Phase: returning, Summary: "Everything is rendered again; the releases that had left are being installed.", Abort: stage.WayOut{
			Procedure: "decommission", To: draining, Do: []string{"The environments leave again."},
		}},
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
	},
	Gates: []stage.Gate{{}, install.Gates[1]},
}

// purge takes a datacenter out of the ring whose cluster is lost: there is
// nobody left there to carry a decommission out.
var purge = stage.Procedure{
	Name:      "purge",
	Summary:   "A region whose cluster is lost for good: a person takes its dead nodes out of the ring.",
	MovesRing: true,
	Drops:     true,
	Also:      []stage.Phase{joining, rebuilding, settling, draining, detaching, leaving, clearing, closing, returning},
	Phases: []stage.PhaseInfo{
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
		{Phase: purging, Summary: "Nothing is rendered; a person takes the dead nodes out of the ring, on a survivor.", Abort: stage.WayOut{Do: purgeByHand}},
		{Phase: stage.Gone, Summary: "Nothing is rendered for the region any more; it can be taken out of the topology."},
	},
	Gates: []stage.Gate{{}, {
		Name:   "datacenter-purged",
		Words:  "A survivor does not list the datacenter any more.",
		Checks: []string{"nodetool status of a survivor lists one other datacenter whole at least, and does not list this one; others that are down are a warning"},
		Look:   []string{lookSurvivor, lookOthers},
		Why:    "Nodes that stay in the ring's lists after their cluster is gone keep later nodes from joining at their addresses.",
		Source: "[TS-STALE] stale nodes refuse a new installation",
	}},
}

// purgeByHand is what a person does for a datacenter whose cluster is lost.
var purgeByHand = []string{
	"Detach the region from Argo CD or Flux before this is synced: nothing is rendered for it any more, and pruning a cluster that comes back would remove everything at once.",
	removeNodes,
	"There is no way back: a datacenter whose nodes were removed does not join again with its old volumes.",
}

const removeNodes = "Take the datacenter out of the replication of every keyspace (ALTER KEYSPACE), then run nodetool removenode for the host ID of each of its nodes that stays as DN, one at a time, on a survivor."

// left is the gate of every way out of the ring.
var left = stage.Gate{
	Name:   "datacenter-left",
	Words:  "A survivor does not list the datacenter any more, and the rest of the ring is up.",
	Checks: []string{checkSurvivors},
	Look:   []string{lookSurvivor, lookOthers},
	Why:    "What the leaving region says of itself proves nothing. Nodes that stay in the ring's lists after their cluster is gone keep later nodes from joining at their addresses.",
	Source: "[TS-STALE] stale nodes refuse a new installation; [AN] the datastore is uninstalled while the operator runs",
}

// lostNodes is the way through for a datacenter that cannot stay in the ring.
var lostNodes = stage.WayOut{Do: []string{
	"The datacenter is to leave the ring: there is no way back, only through.",
	"Only if nodes stay behind though the operator is done: " + removeNodes,
	"If the cluster itself is lost: `ringplan advance REGION --procedure purge`, which waits for the survivors only.",
	"Never set forceDelete: it deletes the volumes and leaves the other regions to be cleaned by hand.",
}}

// withdraw takes out a region that never came to serve.
var withdraw = removal(stage.Procedure{
	Name:    "withdraw",
	Summary: "An expansion was aborted: what was built of the region leaves in the order of a decommission.",
	ByAbort: true,
}, stage.PhaseInfo{Phase: stage.Planned, Summary: "Nothing is rendered for the region."},
	stage.WayOut{Procedure: "expand", To: joining, Do: []string{
		"Everything is rendered again, with the seed host; the datacenter joins and is rebuilt anew.",
	}})

// removal completes a procedure by which a region leaves from a phase; back is
// the way back while the datacenter is still in the ring.
func removal(p stage.Procedure, from stage.PhaseInfo, back stage.WayOut) stage.Procedure {
	p.MovesRing, p.Drops = true, true
	p.Phases = []stage.PhaseInfo{
		from,
		{Phase: draining, Summary: "The releases of environments and virtual hosts leave; the datacenter is whole.", Abort: back},
		{Phase: detaching, Summary: "The organization's release leaves; the datacenter is whole.", Abort: back},
		{Phase: leaving, Summary: "The datastore's release leaves: the operator takes the datacenter out of the ring.", Abort: lostNodes},
		{Phase: clearing, Summary: "Telemetry, redis and the ingress manager leave; only the operator stays.", Abort: lostNodes},
		{Phase: closing, Summary: "The operator leaves, now that nothing is left for it to remove.", Abort: lostNodes},
		{Phase: stage.Gone, Summary: "Nothing is rendered for the region any more; it can be taken out of the topology."},
	}
	start := stage.Gate{}
	if !p.ByAbort {
		start = settled
	}
	p.Gates = []stage.Gate{start, {
		Name:   "environments-removed",
		Words:  "No pod of an environment is left in the region, and the rest of the ring is up.",
		Checks: []string{"a list of the region's pods in all namespaces shows none of an environment (apigee-runtime, apigee-synchronizer)", checkOthers},
		Look:   []string{lookPods, lookSurvivor, lookOthers},
		Why:    "Environments are removed by the operator through the organization and the datastore; once those are gone, they hang half removed.",
		Source: "[AN] environments and virtual hosts are uninstalled first",
	}, {
		Name:   "organization-removed",
		Words:  "No pod of the organization is left in the region, and the rest of the ring is up.",
		Checks: []string{"a list of the region's pods in all namespaces shows none of an environment or the organization (apigee-mart, apigee-watcher and others)", checkOthers},
		Look:   []string{lookPods, lookSurvivor, lookOthers},
		Why:    "From here on data moves: while a node of another datacenter is down, what only it and the leaving datacenter hold can be lost.",
		Source: "[AN] the organization is uninstalled before the datastore",
	}, left, {
		Name:   "components-removed",
		Words:  "Nothing but the operator is left of Apigee in the region, and the datacenter is still out of the ring.",
		Checks: []string{"a list of the region's pods in all namespaces shows none of Apigee's but the operator's (apigee-controller-manager)", checkSurvivors},
		Look:   []string{lookPods, lookSurvivor, lookOthers},
		Why:    "The operator removes what the other releases made. Without it their resources keep their finalizers and hang.",
		Source: "[AN] the operator is uninstalled last",
	}, {
		Name:   "region-removed",
		Words:  "The datacenter has stayed out of the ring.",
		Checks: []string{checkSurvivors},
		Look:   []string{lookSurvivor, lookOthers},
		Why:    "A pod that starts once more on its old volume joins the ring again.",
		Source: "[TS-STALE]",
	}}
	return p
}
