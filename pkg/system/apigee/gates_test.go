package apigee

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

const gateTopology = `{
	"metadata": {"name": "acme"},
	"spec": {
		"system": "apigee-hybrid", "version": "1.16.0", "instanceID": "acme1",
		"organization": {"name": "rg-hybrid", "project": "acme-apis", "analyticsRegion": "us-central1"},
		"environments": [{"name": "prod"}],
		"environmentGroups": [{"name": "public", "tls": {"secret": "public-tls"}}],
		"ingressGateways": [{"name": "public"}],
		"regions": [
			{"name": "east", "platform": "gke", "kubernetes": {"cluster": "e", "region": "us-east1"}, "datacenter": "dc-1",
			 "network": {"pods": ["10.0.0.0/16"], "nodes": ["10.10.0.0/20"]}},
			{"name": "west", "platform": "gke", "kubernetes": {"cluster": "w", "region": "us-west1"}, "datacenter": "dc-2",
			 "network": {"pods": ["10.1.0.0/16"], "nodes": ["10.11.0.0/20"]}, "expandFrom": "east", "seedHost": "10.0.0.11"}
		]
	}
}`

// phaseStart is when the phase began, in all tests; observations are taken an
// hour later.
var phaseStart = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return phaseStart.Add(time.Duration(n) * time.Minute) }

// seen is what the cluster of west says in a gate test, before it is changed.
type seen struct {
	datastore, organization, replication, status string
	takenAt                                      time.Time
}

func healthy() *seen {
	pods := make([]string, 3)
	for i := range pods {
		pods[i] = fmt.Sprintf(`"apigee-cassandra-default-%d": {"state": "complete", "updated": %d}`, i, minute(30+i).Unix())
	}
	return &seen{
		datastore: fmt.Sprintf(`{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "ApigeeDatastore",
			"metadata": {"name": "default", "namespace": "apigee", "generation": 4, "creationTimestamp": "2026-11-20T08:00:00Z"},
			"spec": {"replicas": 3, "components": {"cassandra": {"properties": {"datacenter": "dc-2", "rack": "ra-1", "multiRegionSeedHost": "10.0.0.11"}}}},
			"status": {"state": "running", "cassandraReadyReplicas": 3, "observedGeneration": 4, "lastAppliedGeneration": 4,
				"cassandraDataReplication": {"state": "complete", "updated": %d, "rebuildDetails": {%s}}}}`, minute(32).Unix(), strings.Join(pods, ", ")),
		organization: `{"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization",
			"metadata": {"name": "rg-hybrid-b7d3b9c", "namespace": "apigee"}, "status": {"state": "running"}}`,
		replication: `{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "CassandraDataReplication",
			"metadata": {"name": "expand-west", "namespace": "apigee", "creationTimestamp": "2026-11-21T09:01:00Z"},
			"spec": {"organizationRef": "rg-hybrid-b7d3b9c", "source": {"region": "dc-1"}}}`,
		status:  listing("dc-1", "10.0.0", "UN") + listing("dc-2", "10.1.0", "UN"),
		takenAt: minute(60),
	}
}

// listing is the part of nodetool status about one datacenter of three nodes,
// the last of which is in the given state.
func listing(dc, prefix, last string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Datacenter: %s\n================\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n", dc)
	b.WriteString("--  Address     Load       Tokens  Owns  Host ID                               Rack\n")
	for i, state := range []string{"UN", "UN", last} {
		fmt.Fprintf(&b, "%s  %s.1%d   71.61 GiB  256     ?     fb51465c-167a-42f7-98c9-%012d  ra-1\n", state, prefix, i+1, len(dc)*1000+int(dc[len(dc)-1])*10+i)
	}
	return b.String()
}

// judgeWest answers a gate of region west.
func judgeWest(t *testing.T, phase stage.Phase, s *seen) []stage.Result {
	t.Helper()
	model, err := topology.New([]byte(gateTopology), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := compile(model)
	if err != nil {
		t.Fatal(err)
	}
	var set observe.Set
	for _, part := range []string{s.datastore, s.organization, s.replication, s.status} {
		if part == "" {
			continue
		}
		read, problems := observe.Parse("seen", []byte(part))
		if len(problems) > 0 {
			t.Fatalf("the test's own observation: %v", problems)
		}
		set = append(set, read...)
	}
	return compiled.Judge(system.Question{
		Region: "west", Gate: expand.Gate(phase), Phases: stage.Phases{"east": stage.Serving, "west": phase},
		Since: phaseStart, Now: minute(61), MaxSkew: 2 * time.Minute, Seen: set.TakenAt(s.takenAt),
	})
}

// swap replaces the one occurrence of a text in an observation.
func swap(t *testing.T, in *string, old, text string) {
	t.Helper()
	if strings.Count(*in, old) != 1 {
		t.Fatalf("%q occurs %d times", old, strings.Count(*in, old))
	}
	*in = strings.Replace(*in, old, text, 1)
}

func TestGates(t *testing.T) {
	for name, c := range map[string]struct {
		phase  stage.Phase
		change func(t *testing.T, s *seen)
		want   stage.Answer
		reason string // of some check
	}{
		"joined": {joining, nil, stage.Met, ""},
		"joined, but pods not ready": {joining, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `"cassandraReadyReplicas": 3`, `"cassandraReadyReplicas": 2`)
		}, stage.Waiting, "2 of 3 replicas are ready"},
		"joined, ready not said": {joining, func(t *testing.T, s *seen) { swap(t, &s.datastore, `"cassandraReadyReplicas": 3, `, ``) }, stage.Unknown, "ready replicas are missing"},
		"joined, but scaling": {joining, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `"state": "running", `, `"state": "running", "scaling": {"inProgress": true, "operation": "up", "requestedReplicas": 6}, `)
		}, stage.Waiting, "scaling"},
		"no organization":       {joining, func(_ *testing.T, s *seen) { s.organization = "" }, stage.Unknown, "no ApigeeOrganization apigee/rg-hybrid-b7d3b9c"},
		"organization creating": {joining, func(t *testing.T, s *seen) { swap(t, &s.organization, "running", "creating") }, stage.Waiting, "is creating, not running"},
		"another organization":  {joining, func(t *testing.T, s *seen) { swap(t, &s.organization, "rg-hybrid-b7d3b9c", "other-1234567") }, stage.Unknown, "no ApigeeOrganization"},
		"two rings":             {joining, func(_ *testing.T, s *seen) { s.status = listing("dc-2", "10.1.0", "UN") }, stage.Waiting, "does not list datacenter dc-1"},
		"a node down elsewhere": {joining, func(_ *testing.T, s *seen) {
			s.status = listing("dc-1", "10.0.0", "DN") + listing("dc-2", "10.1.0", "UN")
		}, stage.Waiting, "10.0.0.13 of dc-1 is DN, not UN"},
		"a node still joining": {joining, func(_ *testing.T, s *seen) {
			s.status = listing("dc-1", "10.0.0", "UN") + listing("dc-2", "10.1.0", "UJ")
		}, stage.Waiting, "is UJ, not UN"},
		"wrong rack": {joining, func(_ *testing.T, s *seen) {
			s.status = strings.Replace(s.status, "ra-1", "ra-9", 1)
		}, stage.Failed, "is in rack ra-9, not ra-1"},
		"a datacenter left from before": {joining, func(_ *testing.T, s *seen) {
			s.status += listing("dc-0", "10.9.0", "UN") /* another listing, as it seems: names are in order */
		}, stage.Unknown, "two observations of nodetool status"},
		"a datacenter that is not declared": {joining, func(_ *testing.T, s *seen) { s.status += listing("dc-3", "10.9.0", "UN") }, stage.Unknown, "lists datacenter dc-3"},
		"taken before the phase":            {joining, func(_ *testing.T, s *seen) { s.takenAt = minute(-1) }, stage.Unknown, "before the phase began"},
		"taken in the future":               {joining, func(_ *testing.T, s *seen) { s.takenAt = minute(64) }, stage.Unknown, "in the future"},

		"rebuilt":                     {rebuilding, nil, stage.Met, ""},
		"rebuilt, replication unseen": {rebuilding, func(_ *testing.T, s *seen) { s.replication = "" }, stage.Met, "less the allowed skew"},
		"nothing seen":                {rebuilding, func(_ *testing.T, s *seen) { *s = seen{takenAt: minute(60)} }, stage.Unknown, "no ApigeeDatastore"},
		"not started":                 {rebuilding, func(t *testing.T, s *seen) { swap(t, &s.datastore, "cassandraDataReplication", "other") }, stage.Unknown, "the rebuild has not started"},
		"running at the top": {rebuilding, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `{"state": "complete", "updated": `+fmt.Sprint(minute(32).Unix())+`, "rebuild`, `{"state": "running", "updated": `+fmt.Sprint(minute(32).Unix())+`, "rebuild`)
		}, stage.Waiting, "is running, not complete"},
		"error at the top": {rebuilding, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `{"state": "complete", "updated": `+fmt.Sprint(minute(32).Unix())+`, "rebuild`, `{"state": "error", "updated": `+fmt.Sprint(minute(32).Unix())+`, "rebuild`)
		}, stage.Failed, "state is error"},
		"a pod missing": {rebuilding, func(t *testing.T, s *seen) { swap(t, &s.datastore, "default-2", "default-3") }, stage.Waiting, "does not list apigee-cassandra-default-2"},
		"a pod more than declared": {rebuilding, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `"rebuildDetails": {`, fmt.Sprintf(`"rebuildDetails": {"apigee-cassandra-default-3": {"state": "complete", "updated": %d}, `, minute(30).Unix()))
		}, stage.Unknown, "lists 4 pods, but the topology says 3"},
		"a pod in error": {rebuilding, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `"apigee-cassandra-default-2": {"state": "complete"`, `"apigee-cassandra-default-2": {"state": "error", "message": "Unable to find sufficient sources"`)
		}, stage.Failed, "apigee-cassandra-default-2 is in state error: Unable to find sufficient sources"},
		"a pod older than the replication": {rebuilding, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, fmt.Sprint(minute(31).Unix()), fmt.Sprint(minute(0).Unix()))
		}, stage.Waiting, "left from an earlier rebuild"},
		"a stale complete": {rebuilding, func(_ *testing.T, s *seen) {
			for i := range 3 {
				s.datastore = strings.ReplaceAll(s.datastore, fmt.Sprint(minute(30+i).Unix()), fmt.Sprint(minute(-600+i).Unix()))
			}
		}, stage.Waiting, "left from an earlier rebuild"},
		"a stale complete, replication unseen": {rebuilding, func(_ *testing.T, s *seen) {
			s.replication = ""
			for i := range 3 {
				s.datastore = strings.ReplaceAll(s.datastore, fmt.Sprint(minute(30+i).Unix()), fmt.Sprint(minute(-3).Unix()))
			}
		}, stage.Waiting, "left from an earlier rebuild"},
		"a replication from before":    {rebuilding, func(t *testing.T, s *seen) { swap(t, &s.replication, "2026-11-21T09:01:00Z", "2026-11-20T09:01:00Z") }, stage.Unknown, "before the phase began"},
		"a replication from elsewhere": {rebuilding, func(t *testing.T, s *seen) { swap(t, &s.replication, `"dc-1"`, `"us-east1"`) }, stage.Unknown, "is us-east1, not the source's datacenter"},
		"updated in the future": {rebuilding, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, fmt.Sprint(minute(31).Unix()), fmt.Sprint(minute(90).Unix()))
		}, stage.Unknown, "in the future"},
		"another datacenter's object": {rebuilding, func(t *testing.T, s *seen) { swap(t, &s.datastore, `"dc-2"`, `"dc-1"`) }, stage.Unknown, "only ApigeeDatastore apigee/default of datacenter dc-1"},
		"being deleted": {rebuilding, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `"generation": 4`, `"generation": 4, "deletionTimestamp": "2026-11-21T09:30:00Z"`)
		}, stage.Unknown, "is being deleted"},
		"another seed than rendered": {rebuilding, func(t *testing.T, s *seen) { swap(t, &s.datastore, "10.0.0.11", "10.0.0.12") }, stage.Unknown, `is 10.0.0.12, not "10.0.0.11"`},
		"the seed gone too early":    {rebuilding, func(t *testing.T, s *seen) { swap(t, &s.datastore, `, "multiRegionSeedHost": "10.0.0.11"`, ``) }, stage.Unknown, "is missing, not"},

		"settled":               {settling, func(t *testing.T, s *seen) { swap(t, &s.datastore, `, "multiRegionSeedHost": "10.0.0.11"`, ``) }, stage.Met, ""},
		"the seed is still set": {settling, nil, stage.Waiting, "is still 10.0.0.11"},
		"not applied yet": {settling, func(t *testing.T, s *seen) {
			swap(t, &s.datastore, `, "multiRegionSeedHost": "10.0.0.11"`, ``)
			swap(t, &s.datastore, `"generation": 4`, `"generation": 5`)
		}, stage.Waiting, "generation 5 is not applied yet"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			if c.change != nil {
				c.change(t, s)
			}
			results := judgeWest(t, c.phase, s)
			var reasons []string
			for _, r := range results {
				reasons = append(reasons, fmt.Sprintf("%s: %s", r.Answer, r.Reason))
			}
			text := strings.Join(reasons, "\n")
			if got := stage.Verdict(results); got != c.want {
				t.Errorf("the gate is %s, want %s:\n%s", got, c.want, text)
			}
			if !strings.Contains(text, c.reason) {
				t.Errorf("no reason says %q:\n%s", c.reason, text)
			}
		})
	}
}

// TestEveryGateIsChecked holds the words of the gates and their checks together.
func TestEveryGateIsChecked(t *testing.T) {
	for _, p := range System().Procedures {
		for _, g := range p.Gates {
			if g.Name != "" && len(checks[g.Name]) != len(g.Checks) {
				t.Errorf("gate %s has %d conditions in words, and %d checks", g.Name, len(g.Checks), len(checks[g.Name]))
			}
		}
	}
}
