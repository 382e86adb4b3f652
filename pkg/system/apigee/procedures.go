package apigee

import "github.com/ringplan/ringplan/pkg/stage"

// The phases between planned and serving.
const (
	installing stage.Phase = "installing"
	joining    stage.Phase = "joining"
	rebuilding stage.Phase = "rebuilding"
	settling   stage.Phase = "settling"
)

// needsSeed reports whether a region at that phase renders its seed host.
func needsSeed(phase stage.Phase) bool { return phase == joining || phase == rebuilding }

// What to run to see where a region stands.
const (
	lookDatastore = "kubectl -n NAMESPACE get apigeeds default -o yaml"
	lookOrg       = "kubectl -n NAMESPACE get apigeeorg -o wide"
	lookNodetool  = "kubectl -n NAMESPACE exec apigee-cassandra-default-0 -- nodetool -u JMX_USER -pw JMX_PASSWORD status"
)

var start = stage.Gate{}

// install brings the first region of a ring into being.
var install = stage.Procedure{
	Name:      "install",
	Summary:   "The first region of a ring: install every release, then serve.",
	MovesRing: true,
	Phases: []stage.PhaseInfo{
		{Phase: stage.Planned, Summary: "Nothing is rendered for the region."},
		{Phase: installing, Summary: "Everything is rendered; the releases are being installed."},
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
	},
	Gates: []stage.Gate{start, {
		Name:  "install-running",
		Words: "Cassandra and the organization run in the new region, and every node of the ring is up.",
		Checks: []string{
			"ApigeeDatastore/default: status.state is running, and as many replicas are ready as the topology says",
			"ApigeeOrganization: status.state is running",
			"nodetool status: one datacenter of the declared name, every node UN, as many as declared",
		},
		Look:   []string{lookDatastore, lookOrg, lookNodetool},
		Why:    "A region that is not whole cannot be anyone's source: a datacenter that is rebuilt from it would miss data.",
		Source: "[MR] the seed region is healthy before another is added",
	}},
}

// expand adds a datacenter to a ring.
var expand = stage.Procedure{
	Name:      "expand",
	Summary:   "A further region: join the ring with a seed host, rebuild from the source, then take the seed host out.",
	MovesRing: true,
	Phases: []stage.PhaseInfo{
		{Phase: stage.Planned, Summary: "Nothing is rendered for the region."},
		{Phase: joining, Summary: "Everything is rendered with the seed host; the new datacenter joins the ring, empty."},
		{Phase: rebuilding, Summary: "The CassandraDataReplication is rendered too; data streams from the source datacenter."},
		{Phase: settling, Summary: "The seed host and the replication are gone; the datastore is upgraded without them."},
		{Phase: stage.Serving, Summary: "The region serves traffic, and others may be built from it."},
	},
	Gates: []stage.Gate{start, {
		Name:  "datacenter-joined",
		Words: "The new datacenter has joined the ring: all datacenters of the ring stand in one listing, and every node is up.",
		Checks: []string{
			"ApigeeDatastore/default of the new region: status.state is running, and as many replicas are ready as the topology says",
			"ApigeeOrganization of the new region is present and running, because the replication refers to it",
			"nodetool status lists the source and the new datacenter together, every node UN, counts and rack as declared",
		},
		Look:   []string{lookDatastore, lookOrg, lookNodetool},
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
		Look:   []string{"kubectl -n NAMESPACE get apigeeds default -o jsonpath='{.status.cassandraDataReplication}'", "kubectl -n NAMESPACE get cassandradatareplications -o yaml"},
		Why:    "Without the seed host a pod that restarts before its rebuild has ended may start a ring of its own; and a complete that an earlier rebuild left says nothing of this one.",
		Source: "[MR] the seed host is removed once the data replication is complete and verified",
	}, {
		Name:  "seed-removed",
		Words: "The datastore runs without the seed host, and every node of the ring is still up.",
		Checks: []string{
			"ApigeeDatastore/default of the new region: spec.components.cassandra.properties has no multiRegionSeedHost",
			"its generation is observed and applied, and status.state is running",
			"nodetool status: every node of every datacenter UN",
		},
		Look:   []string{lookDatastore, lookNodetool},
		Why:    "The seed host is the address of one pod; left in, a later restart may look for a pod that is long gone.",
		Source: "[MR] remove multiRegionSeedHost and upgrade the datastore",
	}},
}
