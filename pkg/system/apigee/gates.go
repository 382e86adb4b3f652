package apigee

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// States that Apigee's controllers report [KZ].
const (
	stateRunning  = "running"
	stateComplete = "complete"
	stateError    = "error"
)

// A judge answers the checks of one gate, and remembers the observations that
// the answers rest on.
type judge struct {
	system.Question
	want expectation
	used map[string]bool
}

// a check is one condition of a gate, as a function.
type check func(*judge) stage.Result

// checks holds the conditions of each gate, in the order of its words.
var checks = map[string][]check{
	"install-running":      {(*judge).datastoreRunning, (*judge).organizationRunning, (*judge).ringUp},
	"ring-settled":         {(*judge).settledRing, (*judge).steady},
	"datacenter-joined":    {(*judge).datastoreRunning, (*judge).organizationRunning, (*judge).ringUp, (*judge).steady},
	"rebuild-complete":     {(*judge).rebuildState, (*judge).rebuildPods, (*judge).rebuildFresh, (*judge).rebuildErrors, (*judge).seedRendered},
	"seed-removed":         {(*judge).seedGone, (*judge).datastoreApplied, (*judge).ringUp, (*judge).loaded},
	"already-serving":      {(*judge).datastoreRunning, (*judge).asDeclared, (*judge).datastoreApplied, (*judge).noRebuild, (*judge).organizationRunning, (*judge).seedGone, (*judge).ringUp},
	"environments-removed": {(*judge).noEnvironment, (*judge).othersUp},
	"organization-removed": {(*judge).noOrganization, (*judge).othersUp},
	"datacenter-left":      {(*judge).survivors},
	"datacenter-purged":    {(*judge).purged},
	"components-removed":   {(*judge).onlyOperator, (*judge).survivors},
	"region-removed":       {(*judge).survivors},
}

func met(format string, args ...any) stage.Result     { return answer(stage.Met, format, args...) }
func waiting(format string, args ...any) stage.Result { return answer(stage.Waiting, format, args...) }
func failed(format string, args ...any) stage.Result  { return answer(stage.Failed, format, args...) }
func unknown(format string, args ...any) stage.Result { return answer(stage.Unknown, format, args...) }

func answer(a stage.Answer, format string, args ...any) stage.Result {
	return stage.Result{Answer: a, Reason: printable(fmt.Sprintf(format, args...))}
}

// printable keeps what a cluster said on one line of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// decide answers the checks of a gate; see [system.System].
func decide(q system.Question) system.Judgement {
	j := &judge{Question: q, used: map[string]bool{}}
	malformed := json.Unmarshal(q.Expected, &j.want) != nil
	var out system.Judgement
	for i, words := range q.Gate.Checks {
		result := unknown("nothing checks this")
		switch list := checks[q.Gate.Name]; {
		case malformed:
			result = unknown("what was expected cannot be read")
		case i < len(list):
			result = list[i](j)
		}
		result.Check = words
		out.Results = append(out.Results, result)
	}
	for _, o := range q.Seen {
		if j.used[key(&o)] {
			out.Used = append(out.Used, o)
		}
	}
	return out
}

// key tells observations apart.
func key(o *observe.Observation) string {
	return fmt.Sprintf("%s\x00%d\x00%s\x00%s\x00%s", o.Source, o.Line, o.Digest, o.Taken, o.Object())
}

// use notes that an answer rests on observations.
func (j *judge) use(some ...observe.Observation) {
	for i := range some {
		j.used[key(&some[i])] = true
	}
}

// pick returns the newest of some observations, if it was taken during the
// phase, or says why it cannot be used. Two that were taken at one time and
// differ say nothing.
func (j *judge) pick(what string, some observe.Set) (*observe.Observation, string) {
	if len(some) == 0 {
		return nil, "no " + what + " among the observations"
	}
	newest := newestOf(some)
	j.use(*newest)
	switch at := newest.Taken; {
	case at.IsZero():
		return nil, fmt.Sprintf("%s does not say when it was taken", newest.Source)
	case at.Before(j.Since) && j.Now.Sub(j.Since) == stage.Fresh:
		return nil, fmt.Sprintf("%s was taken at %s, which is more than %s ago: look again", newest.Object(), clock(at), stage.Fresh)
	case at.Before(j.Since):
		return nil, fmt.Sprintf("%s was taken at %s, before the phase began at %s: look again", newest.Object(), clock(at), clock(j.Since))
	case at.After(j.Now.Add(j.MaxSkew)):
		return nil, fmt.Sprintf("%s was taken at %s, which is in the future: here it is %s, and --max-skew is %s", newest.Object(), clock(at), clock(j.Now), j.MaxSkew)
	}
	for i := range some {
		if some[i].Taken.Equal(newest.Taken) && some[i].Digest != newest.Digest {
			j.use(some[i])
			return nil, fmt.Sprintf("two observations of %s, at %s and %s, were taken at one time and differ", newest.Object(), newest.Pos(), some[i].Pos())
		}
	}
	return newest, ""
}

// newestOf returns the first of those that were taken last; there is one.
func newestOf(some observe.Set) *observe.Observation {
	newest := &some[0]
	for i := range some {
		if some[i].Taken.After(newest.Taken) {
			newest = &some[i]
		}
	}
	return newest
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// datastore returns the datastore of the region's own datacenter.
func (j *judge) datastore() (*observe.Datastore, string) {
	var own observe.Set
	var others []string
	for _, o := range j.Seen.Datastores() {
		if o.Namespace != j.want.Namespace || o.Name != "default" {
			others = append(others, o.Object())
			continue
		}
		if dc := o.Datastore.Spec.Cassandra.Datacenter; !dc.Is(j.want.Region.Name) {
			others = append(others, fmt.Sprintf("%s of datacenter %s", o.Object(), dc))
			continue
		}
		own = append(own, o)
	}
	what := fmt.Sprintf("ApigeeDatastore %s/default of datacenter %s", j.want.Namespace, j.want.Region.Name)
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

func (j *judge) datastoreRunning() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	want := int64(j.want.Region.Replicas)
	state, ready := d.Status.State, d.Status.CassandraReady
	if ready.IsZero() {
		ready = d.Status.Replicas.Ready
	}
	switch {
	case state.IsZero() || ready.IsZero():
		return unknown("ApigeeDatastore/default: status.state is %s, and ready replicas are %s", state, ready)
	case !state.Is(stateRunning):
		return waiting("ApigeeDatastore/default: status.state is %s, not %s", state, stateRunning)
	case d.Status.Scaling.InProgress.Is(true):
		return waiting("ApigeeDatastore/default: status.scaling.inProgress is true")
	case !ready.Is(want):
		return waiting("ApigeeDatastore/default: %s of %d replicas are ready", ready, want)
	}
	return met("ApigeeDatastore/default: status.state is %s, and %d of %d replicas are ready", stateRunning, want, want)
}

// asDeclared compares the datastore's spec with the topology.
func (j *judge) asDeclared() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	c := d.Spec.Cassandra
	replicas := c.Replicas
	if replicas.IsZero() {
		replicas = d.Spec.Replicas
	}
	// The chart writes hostNetwork only where it is true, and older ones no
	// label with the version [C15].
	hostNetwork, version := observe.Some(c.HostNetwork.Or(false)), observe.Some(d.Meta.Version.Or(j.want.Version))
	for _, field := range []struct {
		name       string
		have, want fmt.Stringer
	}{
		{"datacenter", c.Datacenter, observe.Some(j.want.Region.Name)},
		{"rack", c.Rack, observe.Some(j.want.Region.Rack)},
		{"clusterName", c.ClusterName, observe.Some(j.want.ClusterName)},
		{"replicas", replicas, observe.Some(int64(j.want.Region.Replicas))},
		{"hostNetwork", hostNetwork, observe.Some(j.want.HostNetwork)},
		{"version", version, observe.Some(j.want.Version)},
		{"storageSize", observe.Some(c.StorageSize.Or(j.want.StorageSize)), observe.Some(j.want.StorageSize)},
		{"externalSeedHost", observe.Some(c.ExternalSeedHost.Or("")), observe.Some("")},
	} {
		if field.have != field.want {
			return failed("ApigeeDatastore/default: %s is %s, and the topology says %s", field.name, orNothing(field.have), orNothing(field.want))
		}
	}
	return met("ApigeeDatastore/default: the spec is as the topology says")
}

func orNothing(v fmt.Stringer) string {
	if text := v.String(); text != "" {
		return text
	}
	return "nothing"
}

// noRebuild wants that no rebuild is under way, or has failed.
func (j *judge) noRebuild() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	switch state := d.Status.Rebuild.State; {
	case state.Is(stateError):
		return failed("ApigeeDatastore/default: status.cassandraDataReplication.state is %s: the region may lack data", state)
	case !state.IsZero() && !state.Is(stateComplete):
		return waiting("ApigeeDatastore/default: status.cassandraDataReplication.state is %s", state)
	}
	for _, pod := range d.Status.Rebuild.Pods {
		if !pod.State.Is(stateComplete) {
			return waiting("ApigeeDatastore/default: rebuildDetails: %s is %s, not %s", pod.Pod, pod.State, stateComplete)
		}
	}
	return met("ApigeeDatastore/default: no rebuild is under way")
}

// steady looks at the newest observation of every datastore, of any region.
func (j *judge) steady() stage.Result {
	byDatacenter := map[string]observe.Set{}
	for _, o := range j.Seen.Datastores() {
		dc := o.Datastore.Spec.Cassandra.Datacenter.Or("")
		if o.Namespace == j.want.Namespace && o.Name == "default" && !o.Taken.Before(j.Since) {
			byDatacenter[dc] = append(byDatacenter[dc], o)
		}
	}
	names := slices.Sorted(maps.Keys(byDatacenter))
	for _, dc := range names {
		o, reason := j.pick("ApigeeDatastore", byDatacenter[dc])
		switch {
		case o == nil:
			return unknown("%s", reason)
		case dc == "" || !o.Datastore.Meta.Deleted.IsZero():
			return unknown("%s has no datacenter, or is being deleted", o.Object())
		case o.Datastore.Status.Scaling.InProgress.Is(true):
			return waiting("ApigeeDatastore/default of datacenter %s: status.scaling.inProgress is true", dc)
		case !o.Datastore.Meta.Version.IsZero() && !o.Datastore.Meta.Version.Is(j.want.Version):
			return waiting("ApigeeDatastore/default of datacenter %s is of version %s, and the topology says %s", dc, o.Datastore.Meta.Version, j.want.Version)
		}
	}
	if len(names) == 0 {
		return unknown("no ApigeeDatastore of any region among the observations of the time that counts")
	}
	return met("the datastores of %s: none is scaling or of another version", strings.Join(names, ", "))
}

func (j *judge) organizationRunning() stage.Result {
	name := j.want.Organization
	var own observe.Set
	for _, o := range j.Seen.Organizations() {
		if o.Namespace == j.want.Namespace && o.Name == name {
			own = append(own, o)
		}
	}
	o, reason := j.pick("ApigeeOrganization "+j.want.Namespace+"/"+name, own)
	switch {
	case o == nil:
		return unknown("%s", reason)
	case !o.Organization.Meta.Deleted.IsZero():
		return unknown("%s is being deleted", o.Object())
	case o.Organization.State.IsZero():
		return unknown("%s: status.state is missing", o.Object())
	case !o.Organization.State.Is(stateRunning):
		return waiting("%s: status.state is %s, not %s", o.Object(), o.Organization.State, stateRunning)
	}
	return met("%s: status.state is %s", o.Object(), stateRunning)
}

func (j *judge) rebuildState() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	const field = "ApigeeDatastore/default: status.cassandraDataReplication.state"
	switch state := d.Status.Rebuild.State; {
	case state.IsZero():
		return waiting("%s is missing: the rebuild has not started", field)
	case state.Is(stateError) && j.earlier(d.Status.Rebuild.Updated):
		return waiting("%s is %s, left from an earlier rebuild: this one has not started", field, stateError)
	case state.Is(stateError):
		return failed("%s is %s", field, stateError)
	case !state.Is(stateComplete):
		return waiting("%s is %s, not %s", field, state, stateComplete)
	}
	return met("%s is %s", field, stateComplete)
}

// cassandraPods starts the names of Cassandra's pods: the StatefulSet is always
// apigee-cassandra-default [C15].
const cassandraPods = "apigee-cassandra-default-"

func podName(i int) string { return fmt.Sprintf("%s%d", cassandraPods, i) }

func (j *judge) rebuildPods() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	const field = "ApigeeDatastore/default: rebuildDetails"
	replicas := j.want.Region.Replicas
	var missing []string
	for i := range replicas {
		pod, ok := d.Status.Rebuild.Pod(podName(i))
		switch {
		case !ok:
			missing = append(missing, podName(i)+" is not listed")
		case !pod.State.Is(stateComplete):
			missing = append(missing, podName(i)+" is "+pod.State.String())
		}
	}
	if len(missing) > 0 {
		return waiting("%s: %d of %d pods are %s; %s", field, replicas-len(missing), replicas, stateComplete, strings.Join(missing, ", "))
	}
	if n := len(d.Status.Rebuild.Pods); n != replicas {
		return unknown("%s lists %d pods, but the topology says %d replicas", field, n, replicas)
	}
	return met("%s: all %d pods are %s", field, replicas, stateComplete)
}

// rebuildFresh compares the times of the rebuild with its start. Where the
// replication was observed, that is the time of its creation, by the same
// clock; else the start of the phase, by another clock, less the skew.
func (j *judge) rebuildFresh() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	start, from, reason := j.rebuildStart()
	if reason != "" {
		return unknown("%s", reason)
	}
	times := []observe.PodRebuild{{Pod: "cassandraDataReplication", Updated: d.Status.Rebuild.Updated}}
	for _, t := range append(times, d.Status.Rebuild.Pods...) {
		switch {
		case t.Updated.IsZero():
			return unknown("ApigeeDatastore/default: %s has no updated time", t.Pod)
		case t.Updated.Before(start):
			return waiting("ApigeeDatastore/default: %s was updated at %s, before %s at %s: it is left from an earlier rebuild", t.Pod, clock(t.Updated), from, clock(start))
		case t.Updated.After(j.Now.Add(j.MaxSkew)):
			return unknown("ApigeeDatastore/default: %s was updated at %s, which is in the future", t.Pod, clock(t.Updated))
		}
	}
	return met("ApigeeDatastore/default: every updated time is after %s at %s", from, clock(start))
}

// earlier reports whether a time is of a rebuild before this phase.
func (j *judge) earlier(updated time.Time) bool {
	start, _, reason := j.rebuildStart()
	return reason == "" && !updated.IsZero() && updated.Before(start)
}

// rebuildStart returns when the rebuild may have begun, and what says so; or
// why that cannot be told.
func (j *judge) rebuildStart() (start time.Time, from, reason string) {
	var own observe.Set
	for _, o := range j.Seen.Replications() {
		if o.Namespace == j.want.Namespace && o.Name == j.want.Replication {
			own = append(own, o)
		}
	}
	began := fmt.Sprintf("the phase began at %s, less %s of skew,", clock(j.Since), j.MaxSkew)
	if len(own) == 0 {
		return j.Since.Add(-j.MaxSkew), began, ""
	}
	o, reason := j.pick("CassandraDataReplication", own)
	if o == nil {
		return time.Time{}, "", reason
	}
	switch created := o.Replication.Meta.Created; {
	case !o.Replication.Meta.Deleted.IsZero():
		return time.Time{}, "", o.Object() + " is being deleted"
	case created.IsZero():
		return time.Time{}, "", o.Object() + ": metadata.creationTimestamp is missing"
	case j.want.Source == "" || !o.Replication.SourceRegion.Is(j.want.Source):
		return time.Time{}, "", fmt.Sprintf("%s: spec.source.region is %s, and the source's datacenter is %s", o.Object(), o.Replication.SourceRegion, j.want.Source)
	case created.Before(j.Since.Add(-j.MaxSkew)): // it was not deleted after an earlier attempt
		return j.Since.Add(-j.MaxSkew), began, ""
	default:
		return created, "the replication was created", ""
	}
}

func (j *judge) rebuildErrors() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	var stale stage.Result
	for _, pod := range d.Status.Rebuild.Pods {
		if pod.State.Is(stateError) && j.earlier(pod.Updated) {
			stale = waiting("ApigeeDatastore/default: %s is in state %s since %s, left from an earlier rebuild", pod.Pod, stateError, clock(pod.Updated))
			continue
		}
		if pod.State.Is(stateError) {
			return failed("ApigeeDatastore/default: %s is in state %s: %s", pod.Pod, stateError, pod.Message.Or("no message"))
		}
	}
	if stale.Answer != "" {
		return stale
	}
	if len(d.Status.Rebuild.Pods) == 0 {
		return unknown("ApigeeDatastore/default: rebuildDetails lists no pod")
	}
	return met("ApigeeDatastore/default: no pod is in state %s", stateError)
}

const seedField = "ApigeeDatastore/default: spec.components.cassandra.properties.multiRegionSeedHost"

func (j *judge) seedRendered() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	seed := d.Spec.Cassandra.MultiRegionSeedHost
	if j.want.SeedHost == "" || !seed.Is(j.want.SeedHost) {
		return unknown("%s is %s, not %q as rendered", seedField, seed, j.want.SeedHost)
	}
	return met("%s is %s", seedField, j.want.SeedHost)
}

func (j *judge) seedGone() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	if seed := d.Spec.Cassandra.MultiRegionSeedHost.Or(""); seed != "" {
		return waiting("%s is still %s: the datastore has to be upgraded without it", seedField, seed)
	}
	return met("%s is not set", seedField)
}

func (j *judge) datastoreApplied() stage.Result {
	d, reason := j.datastore()
	if d == nil {
		return unknown("%s", reason)
	}
	generation := d.Meta.Generation
	applied := d.Status.LastAppliedGeneration
	observed := d.Status.ObservedGeneration
	switch {
	case generation.IsZero() || applied.IsZero() || observed.IsZero():
		return unknown("ApigeeDatastore/default: generation is %s, observedGeneration %s, lastAppliedGeneration %s", generation, observed, applied)
	case observed != generation || applied != generation:
		return waiting("ApigeeDatastore/default: generation %s is not applied yet; observed is %s, applied is %s", generation, observed, applied)
	case !d.Status.State.Is(stateRunning):
		return waiting("ApigeeDatastore/default: status.state is %s, not %s", d.Status.State, stateRunning)
	}
	return met("ApigeeDatastore/default: generation %s is applied, and status.state is %s", generation, stateRunning)
}
