package report

import (
	"github.com/ringplan/ringplan/pkg/stage"
)

// A Graph is the picture of one topology: its regions, and who seeds from whom.
type Graph struct {
	Topology, System, Version string
	Regions                   []GraphRegion
}

// A GraphRegion is one region of a Graph.
type GraphRegion struct {
	Name, Datacenter, Platform, Cluster, Rack string
	Replicas                                  int
	HostNetwork                               bool
	// Ranges are the CIDRs that Cassandra's addresses come from.
	Ranges []string
	// Model is the network model, flat or island, and Isolated that of a
	// network whose ranges only count inside it.
	Model    string
	Isolated bool
	// Source is the region that this one was, or will be, built from.
	Source string
	// Procedure and Phase are where the region stands.
	Procedure string
	Phase     stage.Phase
	// Gate is what it waits for, "" if for nothing.
	Gate string
}
