package apigee

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
)

// status returns the listing of nodetool status to judge by.
func (j *judge) status() (*observe.Observation, string) {
	return j.pick("nodetool status", j.Seen.Statuses())
}

// ringUp wants the region's datacenter and every other of the ring in one
// listing, whole and up, and nothing else there.
func (j *judge) ringUp() stage.Result {
	return j.listing(append(slices.Clone(j.want.Others), j.want.Region), nil)
}

// othersUp wants the same without the region's own datacenter, which may be
// listed in any state.
func (j *judge) othersUp() stage.Result {
	return j.listing(j.want.Others, []string{j.want.Region.Name})
}

// settledRing wants the ring whole before it moves: a region that is in it with
// its own datacenter, and one that is not without: nodes of an earlier region
// that were left behind keep the new ones from joining [TS-STALE].
func (j *judge) settledRing() stage.Result {
	if j.want.InRing {
		return j.ringUp()
	}
	return j.listing(j.want.Others, nil)
}

// survivors wants the region's datacenter gone from a listing that shows every
// survivor whole. INF: no node that is part of the ring, the leaving ones
// included, shows all of that while the datacenter is still in it.
func (j *judge) survivors() stage.Result {
	o, reason := j.status()
	if o == nil {
		return unknown("%s", reason)
	}
	if len(j.want.Others) == 0 {
		return unknown("no other datacenter is left in the ring to tell")
	}
	if dc, listed := o.Status.Datacenter(j.want.Region.Name); listed {
		return waiting("nodetool status still lists datacenter %s: %s; if its nodes stay DN, `ringplan explain leaving` tells how to take them out", dc.Name, states(dc))
	}
	result := j.listing(j.want.Others, nil)
	if result.Answer == stage.Met {
		result.Reason += fmt.Sprintf(", and %s is not listed", j.want.Region.Name)
	}
	return result
}

// purged wants the region's datacenter gone from a listing that shows at least
// one other whole. Others that are down do not count here: what stands in the
// way of everything else must be got rid of first.
func (j *judge) purged() stage.Result {
	o, reason := j.status()
	if o == nil {
		return unknown("%s", reason)
	}
	if dc, listed := o.Status.Datacenter(j.want.Region.Name); listed {
		return waiting("nodetool status still lists datacenter %s: %s; `ringplan explain purging` tells how to take its nodes out", dc.Name, states(dc))
	}
	result := unknown("nodetool status shows no other datacenter of the ring whole")
	var down []string
	for _, dc := range j.want.Others {
		if up := datacenterUp(o.Status, dc); up.Answer != stage.Met {
			down = append(down, up.Reason)
			continue
		}
		result = met("nodetool status: every node of %s is UN, and %s is not listed", dc.Name, j.want.Region.Name)
	}
	if result.Answer == stage.Met && len(down) > 0 {
		result.Warning = strings.Join(down, "; ")
	}
	return result
}

// states says what the nodes of a datacenter are, such as "2 DN, 1 UL".
func states(dc observe.Datacenter) string {
	var order []string
	counts := map[string]int{}
	for _, n := range dc.Nodes {
		state := n.Status + n.State
		if counts[state] == 0 {
			order = append(order, state)
		}
		counts[state]++
	}
	for i, state := range order {
		order[i] = fmt.Sprintf("%d %s", counts[state], state)
	}
	return strings.Join(order, ", ")
}

// listing holds one listing against the datacenters that must be in it, and
// those that may in any state. Those of planned regions may be whole: a region
// that was built before ringplan need not be adopted before others move.
func (j *judge) listing(must []datacenter, may []string) stage.Result {
	o, reason := j.status()
	if o == nil {
		return unknown("%s", reason)
	}
	var names []string
	for _, dc := range must {
		names = append(names, dc.Name)
	}
	for _, dc := range o.Status.Datacenters {
		if slices.Contains(j.want.Known, dc.Name) {
			if i := slices.IndexFunc(dc.Nodes, func(n observe.RingNode) bool { return !n.UN() }); i >= 0 {
				return notUp(dc.Nodes[i], dc.Name)
			}
			continue
		}
		if !slices.Contains(names, dc.Name) && !slices.Contains(may, dc.Name) {
			return unknown("nodetool status lists datacenter %s, which by the rollout is not in the ring, and no planned region has it: find out what it is", dc.Name)
		}
	}
	for _, dc := range must {
		if result := datacenterUp(o.Status, dc); result.Answer != stage.Met {
			return result
		}
	}
	if o.Status.Seams && !j.oneCluster(o.Status) {
		return unknown("nodetool status parts the datacenters by blank lines, so it may be two listings in one; add the output of nodetool describecluster, whose one schema version lists every address")
	}
	if len(names) == 0 {
		return met("nodetool status: there is no other datacenter")
	}
	return met("nodetool status: every node of %s is UN", strings.Join(names, ", "))
}

func nodeName(n observe.RingNode) string {
	if n.Address.IsValid() {
		return n.Address.String()
	}
	return n.Host
}

func notUp(n observe.RingNode, datacenter string) stage.Result {
	return waiting("nodetool status: node %s of %s is %s%s, not UN", nodeName(n), datacenter, n.Status, n.State)
}

func datacenterUp(status *observe.Status, want datacenter) stage.Result {
	dc, ok := status.Datacenter(want.Name)
	if !ok {
		return waiting("nodetool status does not list datacenter %s; if that stays so, the datacenters form two rings", want.Name)
	}
	for _, n := range dc.Nodes {
		switch {
		case !n.UN():
			return notUp(n, want.Name)
		case n.Rack != want.Rack:
			return failed("nodetool status: node %s of %s is in rack %s, not %s", nodeName(n), want.Name, n.Rack, want.Rack)
		}
	}
	if n := len(dc.Nodes); n != want.Replicas {
		return waiting("nodetool status: %s has %d nodes, not %d", want.Name, n, want.Replicas)
	}
	return met("")
}

// oneCluster reports whether a describecluster of this phase has exactly the
// nodes of a listing under one schema version.
func (j *judge) oneCluster(status *observe.Status) bool {
	o, _ := j.pick("nodetool describecluster", j.Seen.Clusters())
	if o == nil || len(o.Cluster.Schema) != 1 || len(o.Cluster.Unreachable) > 0 {
		return false
	}
	nodes := 0
	for _, dc := range status.Datacenters {
		nodes += len(dc.Nodes)
	}
	listed, addresses := slices.Clone(o.Cluster.Schema[0].Addresses), slices.Clone(status.Addresses())
	slices.SortFunc(listed, netip.Addr.Compare)
	slices.SortFunc(addresses, netip.Addr.Compare)
	return len(addresses) == nodes && slices.Equal(listed, addresses)
}

// loaded compares how much the new datacenter and its source hold. It warns,
// and never keeps the gate shut: compaction and other keyspaces make loads
// differ.
func (j *judge) loaded() stage.Result {
	o, reason := j.status()
	if o == nil {
		return unknown("%s", reason)
	}
	own, _ := o.Status.Datacenter(j.want.Region.Name)
	source, found := o.Status.Datacenter(j.want.Source)
	have, known := own.Load().Get()
	reference, alsoKnown := source.Load().Get()
	if !found || !known || !alsoKnown || len(own.Nodes) == 0 {
		return met("the loads of the two datacenters cannot be compared")
	}
	result := met("%s holds %s on %d nodes, and %s holds %s on %d", j.want.Region.Name, bytesText(have), len(own.Nodes), j.want.Source, bytesText(reference), len(source.Nodes))
	if have < reference/2 {
		result.Warning = "it holds less than half, though both are to hold every row: look whether every keyspace is replicated to " + j.want.Region.Name
	}
	return result
}

// bytesText writes a size as nodetool does.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	size, unit := float64(n), 0
	for size >= 1024 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
