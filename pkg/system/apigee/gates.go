package apigee

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// States that Apigee's controllers report [KZ].
const (
	stateRunning  = "running"
	stateComplete = "complete"
	stateError    = "error"
)

// A judge answers the checks of one gate.
type judge struct {
	*ring
	system.Question
	region *topology.Region
}

// a check is one condition of a gate, as a function.
type check func(*judge) (stage.Answer, string)

// checks holds the conditions of each gate, in the order of its words.
var checks = map[string][]check{
	"install-running":   {(*judge).datastoreRunning, (*judge).organizationRunning, (*judge).ringUp},
	"datacenter-joined": {(*judge).datastoreRunning, (*judge).organizationRunning, (*judge).ringUp},
	"rebuild-complete":  {(*judge).rebuildState, (*judge).rebuildPods, (*judge).rebuildFresh, (*judge).rebuildErrors, (*judge).seedRendered},
	"seed-removed":      {(*judge).seedGone, (*judge).datastoreApplied, (*judge).ringUp},
}

// Judge implements [system.Ring].
func (g *ring) Judge(q system.Question) []stage.Result {
	region := g.Region(q.Region)
	if region == nil || q.Gate == nil {
		return nil
	}
	j := &judge{ring: g, Question: q, region: region}
	results := make([]stage.Result, len(q.Gate.Checks))
	for i, words := range q.Gate.Checks {
		results[i] = stage.Result{Check: words, Answer: stage.Unknown, Reason: "nothing checks this"}
		if list := checks[q.Gate.Name]; i < len(list) {
			results[i].Answer, results[i].Reason = list[i](j)
		}
	}
	return results
}

// pick returns the newest of some observations, if it was taken during the
// phase, or says why it cannot be used. Two that were taken at one time and
// differ say nothing.
func (j *judge) pick(what string, some observe.Set) (*observe.Observation, string) {
	if len(some) == 0 {
		return nil, "no " + what + " among the observations"
	}
	var newest *observe.Observation
	for i := range some {
		if newest == nil || some[i].Taken.After(newest.Taken) {
			newest = &some[i]
		}
	}
	switch at := newest.Taken; {
	case at.IsZero():
		return nil, fmt.Sprintf("%s does not say when it was taken", newest.Source)
	case at.Before(j.Since):
		return nil, fmt.Sprintf("%s was taken at %s, before the phase began at %s", newest.Object(), clock(at), clock(j.Since))
	case at.After(j.Now.Add(j.MaxSkew)):
		return nil, fmt.Sprintf("%s was taken at %s, which is in the future", newest.Object(), clock(at))
	}
	for i := range some {
		if some[i].Taken.Equal(newest.Taken) && some[i].Digest != newest.Digest {
			return nil, fmt.Sprintf("two observations of %s, at %s and %s, were taken at one time and differ", newest.Object(), newest.Pos(), some[i].Pos())
		}
	}
	return newest, ""
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// datastore returns the datastore of the region's own datacenter.
func (j *judge) datastore() (*observe.Datastore, string) {
	var own observe.Set
	var others []string
	for _, o := range j.Seen.Datastores() {
		if o.Namespace != j.Spec.Namespace || o.Name != "default" {
			others = append(others, o.Object())
			continue
		}
		if dc := o.Datastore.Spec.Cassandra.Datacenter; !dc.Is(j.region.Datacenter) {
			others = append(others, fmt.Sprintf("%s of datacenter %s", o.Object(), dc))
			continue
		}
		own = append(own, o)
	}
	what := fmt.Sprintf("ApigeeDatastore %s/default of datacenter %s", j.Spec.Namespace, j.region.Datacenter)
	o, reason := j.pick(what, own)
	if o == nil {
		if len(own) == 0 && len(others) > 0 {
			reason += ", only " + strings.Join(others, " and ")
		}
		return nil, reason
	}
	if !o.Datastore.Meta.Deleted.IsZero() {
		return nil, o.Object() + " is being deleted"
	}
	return o.Datastore, ""
}

func (j *judge) datastoreRunning() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	want := int64(j.region.Cassandra.Replicas)
	state, ready := d.Status.State, d.Status.CassandraReady
	if ready.IsZero() {
		ready = d.Status.Replicas.Ready
	}
	switch {
	case state.IsZero() || ready.IsZero():
		return stage.Unknown, fmt.Sprintf("ApigeeDatastore/default: status.state is %s, and ready replicas are %s", state, ready)
	case !state.Is(stateRunning):
		return stage.Waiting, fmt.Sprintf("ApigeeDatastore/default: status.state is %s, not %s", state, stateRunning)
	case d.Status.Scaling.InProgress.Is(true):
		return stage.Waiting, "ApigeeDatastore/default: status.scaling.inProgress is true"
	case !ready.Is(want):
		return stage.Waiting, fmt.Sprintf("ApigeeDatastore/default: %s of %d replicas are ready", ready, want)
	}
	return stage.Met, fmt.Sprintf("ApigeeDatastore/default: status.state is %s, and %d of %d replicas are ready", stateRunning, want, want)
}

func (j *judge) organizationRunning() (stage.Answer, string) {
	name := organizationRef(j.Organization.Name)
	var own observe.Set
	for _, o := range j.Seen.Organizations() {
		if o.Namespace == j.Spec.Namespace && o.Name == name {
			own = append(own, o)
		}
	}
	o, reason := j.pick("ApigeeOrganization "+j.Spec.Namespace+"/"+name, own)
	switch {
	case o == nil:
		return stage.Unknown, reason
	case o.Organization.State.IsZero():
		return stage.Unknown, o.Object() + ": status.state is missing"
	case !o.Organization.State.Is(stateRunning):
		return stage.Waiting, fmt.Sprintf("%s: status.state is %s, not %s", o.Object(), o.Organization.State, stateRunning)
	}
	return stage.Met, fmt.Sprintf("%s: status.state is %s", o.Object(), stateRunning)
}

// ringUp holds one listing of nodetool status against the datacenters that
// should be in the ring now.
func (j *judge) ringUp() (stage.Answer, string) {
	o, reason := j.pick("nodetool status", j.Seen.Statuses())
	if o == nil {
		return stage.Unknown, reason
	}
	for _, dc := range o.Status.Datacenters {
		if !slices.ContainsFunc(j.expected(), func(r *topology.Region) bool { return r.Datacenter == dc.Name }) {
			return stage.Unknown, fmt.Sprintf("nodetool status lists datacenter %s, which should not be in the ring now", dc.Name)
		}
	}
	for _, r := range j.expected() {
		if answer, reason := datacenterUp(o.Status, r); answer != stage.Met {
			return answer, reason
		}
	}
	if o.Status.Seams && !j.oneCluster(o.Status.Addresses()) {
		return stage.Unknown, "nodetool status parts the datacenters by blank lines, so it may be two listings in one; add the output of nodetool describecluster, whose one schema version lists every address"
	}
	return stage.Met, fmt.Sprintf("nodetool status: every node of %s is UN", strings.Join(j.datacenters(), ", "))
}

// expected lists the regions that should be in the ring: those past planned.
func (j *judge) expected() []*topology.Region {
	var list []*topology.Region
	for i := range j.Spec.Regions {
		if r := &j.Spec.Regions[i]; j.Phases[r.Name] != stage.Planned {
			list = append(list, r)
		}
	}
	return list
}

func (j *judge) datacenters() []string {
	var names []string
	for _, r := range j.expected() {
		names = append(names, r.Datacenter)
	}
	return names
}

func datacenterUp(status *observe.Status, r *topology.Region) (stage.Answer, string) {
	dc, ok := status.Datacenter(r.Datacenter)
	if !ok {
		return stage.Waiting, fmt.Sprintf("nodetool status does not list datacenter %s", r.Datacenter)
	}
	for _, n := range dc.Nodes {
		name := n.Host
		if n.Address.IsValid() {
			name = n.Address.String()
		}
		switch {
		case !n.UN():
			return stage.Waiting, fmt.Sprintf("nodetool status: node %s of %s is %s%s, not UN", name, r.Datacenter, n.Status, n.State)
		case n.Rack != r.Rack:
			return stage.Failed, fmt.Sprintf("nodetool status: node %s of %s is in rack %s, not %s", name, r.Datacenter, n.Rack, r.Rack)
		}
	}
	if n := len(dc.Nodes); n != r.Cassandra.Replicas {
		return stage.Waiting, fmt.Sprintf("nodetool status: %s has %d nodes, not %d", r.Datacenter, n, r.Cassandra.Replicas)
	}
	return stage.Met, ""
}

// oneCluster reports whether a describecluster of this phase has all addresses
// under one schema version.
func (j *judge) oneCluster(addresses []netip.Addr) bool {
	o, _ := j.pick("nodetool describecluster", j.Seen.Clusters())
	if o == nil || len(o.Cluster.Schema) != 1 || len(o.Cluster.Unreachable) > 0 {
		return false
	}
	listed := o.Cluster.Schema[0].Addresses
	for _, address := range addresses {
		if !slices.Contains(listed, address) {
			return false
		}
	}
	return len(addresses) > 0
}

func (j *judge) rebuildState() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	const field = "ApigeeDatastore/default: status.cassandraDataReplication.state"
	switch state := d.Status.Rebuild.State; {
	case state.IsZero():
		return stage.Waiting, field + " is missing: the rebuild has not started"
	case state.Is(stateError):
		return stage.Failed, field + " is " + stateError
	case !state.Is(stateComplete):
		return stage.Waiting, fmt.Sprintf("%s is %s, not %s", field, state, stateComplete)
	}
	return stage.Met, field + " is " + stateComplete
}

// podName names a Cassandra pod of a region: the StatefulSet is always
// apigee-cassandra-default [C15].
func podName(i int) string { return fmt.Sprintf("apigee-cassandra-default-%d", i) }

func (j *judge) rebuildPods() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	const field = "ApigeeDatastore/default: rebuildDetails"
	replicas := j.region.Cassandra.Replicas
	for i := range replicas {
		pod, ok := d.Status.Rebuild.Pod(podName(i))
		switch {
		case !ok:
			return stage.Waiting, fmt.Sprintf("%s does not list %s", field, podName(i))
		case !pod.State.Is(stateComplete):
			return stage.Waiting, fmt.Sprintf("%s: %s is %s, not %s", field, podName(i), pod.State, stateComplete)
		}
	}
	if n := len(d.Status.Rebuild.Pods); n != replicas {
		return stage.Unknown, fmt.Sprintf("%s lists %d pods, but the topology says %d replicas", field, n, replicas)
	}
	return stage.Met, fmt.Sprintf("%s: all %d pods are %s", field, replicas, stateComplete)
}

// rebuildFresh compares the times of the rebuild with its start. Where the
// replication was observed, that is the time of its creation, by the same
// clock; else the start of the phase, by another clock, less the skew.
func (j *judge) rebuildFresh() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	start, from, reason := j.rebuildStart()
	if reason != "" {
		return stage.Unknown, reason
	}
	times := []observe.PodRebuild{{Pod: "cassandraDataReplication", Updated: d.Status.Rebuild.Updated}}
	for _, t := range append(times, d.Status.Rebuild.Pods...) {
		switch {
		case t.Updated.IsZero():
			return stage.Unknown, fmt.Sprintf("ApigeeDatastore/default: %s has no updated time", t.Pod)
		case t.Updated.Before(start):
			return stage.Waiting, fmt.Sprintf("ApigeeDatastore/default: %s was updated at %s, before %s at %s: it is left from an earlier rebuild", t.Pod, clock(t.Updated), from, clock(start))
		case t.Updated.After(j.Now.Add(j.MaxSkew)):
			return stage.Unknown, fmt.Sprintf("ApigeeDatastore/default: %s was updated at %s, which is in the future", t.Pod, clock(t.Updated))
		}
	}
	return stage.Met, fmt.Sprintf("ApigeeDatastore/default: every updated time is after %s at %s", from, clock(start))
}

// rebuildStart returns when the rebuild may have begun, and what says so; or
// why that cannot be told.
func (j *judge) rebuildStart() (start time.Time, from, reason string) {
	var own observe.Set
	for _, o := range j.Seen.Replications() {
		if o.Namespace == j.Spec.Namespace && o.Name == replicationObject(j.region) {
			own = append(own, o)
		}
	}
	if len(own) == 0 {
		return j.Since.Add(-j.MaxSkew), "the start of the phase, less the allowed skew,", ""
	}
	o, reason := j.pick("CassandraDataReplication", own)
	if o == nil {
		return time.Time{}, "", reason
	}
	source := j.ring.Region(j.region.ExpandFrom)
	switch created := o.Replication.Meta.Created; {
	case created.IsZero():
		return time.Time{}, "", o.Object() + ": metadata.creationTimestamp is missing"
	case created.Before(j.Since.Add(-j.MaxSkew)):
		return time.Time{}, "", fmt.Sprintf("%s was created at %s, before the phase began at %s", o.Object(), clock(created), clock(j.Since))
	case source == nil || !o.Replication.SourceRegion.Is(source.Datacenter):
		return time.Time{}, "", fmt.Sprintf("%s: spec.source.region is %s, not the source's datacenter", o.Object(), o.Replication.SourceRegion)
	default:
		return created, "the replication's creation", ""
	}
}

func (j *judge) rebuildErrors() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	for _, pod := range d.Status.Rebuild.Pods {
		if pod.State.Is(stateError) {
			return stage.Failed, fmt.Sprintf("ApigeeDatastore/default: %s is in state %s: %s", pod.Pod, stateError, pod.Message.Or("no message"))
		}
	}
	if len(d.Status.Rebuild.Pods) == 0 {
		return stage.Unknown, "ApigeeDatastore/default: rebuildDetails lists no pod"
	}
	return stage.Met, "ApigeeDatastore/default: no pod is in state " + stateError
}

const seedField = "ApigeeDatastore/default: spec.components.cassandra.properties.multiRegionSeedHost"

func (j *judge) seedRendered() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	seed := d.Spec.Cassandra.MultiRegionSeedHost
	if j.region.SeedHost == "" || !seed.Is(j.region.SeedHost) {
		return stage.Unknown, fmt.Sprintf("%s is %s, not %q as rendered", seedField, seed, j.region.SeedHost)
	}
	return stage.Met, seedField + " is " + j.region.SeedHost
}

func (j *judge) seedGone() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	if seed := d.Spec.Cassandra.MultiRegionSeedHost.Or(""); seed != "" {
		return stage.Waiting, seedField + " is still " + seed
	}
	return stage.Met, seedField + " is not set"
}

func (j *judge) datastoreApplied() (stage.Answer, string) {
	d, reason := j.datastore()
	if d == nil {
		return stage.Unknown, reason
	}
	generation := d.Meta.Generation
	applied := d.Status.LastAppliedGeneration
	observed := d.Status.ObservedGeneration
	switch {
	case generation.IsZero() || applied.IsZero() || observed.IsZero():
		return stage.Unknown, fmt.Sprintf("ApigeeDatastore/default: generation is %s, observedGeneration %s, lastAppliedGeneration %s", generation, observed, applied)
	case observed != generation || applied != generation:
		return stage.Waiting, fmt.Sprintf("ApigeeDatastore/default: generation %s is not applied yet; observed is %s, applied is %s", generation, observed, applied)
	case !d.Status.State.Is(stateRunning):
		return stage.Waiting, fmt.Sprintf("ApigeeDatastore/default: status.state is %s, not %s", d.Status.State, stateRunning)
	}
	return stage.Met, fmt.Sprintf("ApigeeDatastore/default: generation %s is applied, and status.state is %s", generation, stateRunning)
}
