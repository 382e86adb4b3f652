package apigee

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// gateTopology has a founder, a region built from it, and one that is not
// begun.
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
			 "network": {"pods": ["10.1.0.0/16"], "nodes": ["10.11.0.0/20"]}, "expandFrom": "east", "seedHost": "10.0.0.11"},
			{"name": "north", "platform": "gke", "kubernetes": {"cluster": "n", "region": "us-north1"}, "datacenter": "dc-3",
			 "network": {"pods": ["10.2.0.0/16"], "nodes": ["10.12.0.0/20"]}, "expandFrom": "east", "seedHost": "10.0.0.11"}
		]
	}
}`

// phaseStart is when the phase began, in all tests; observations are taken an
// hour later, and judged a minute after that.
var phaseStart = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func minute(n int) time.Time { return phaseStart.Add(time.Duration(n) * time.Minute) }

const skew = 2 * time.Minute

// A world is what was observed for one region that waits at a gate.
type world struct {
	gate    string
	at      stage.Progress
	rollout stage.Rollout
	inputs  map[string]*input
}

// An input is one file of observations: a document or a text.
type input struct {
	doc  map[string]any
	text string
	at   time.Time
}

// set puts a value at a dotted path of a document; a tilde is a dot that stands
// in a key, and nil removes the key.
func (in *input) set(path string, value any) {
	keys := strings.Split(path, ".")
	m := in.doc
	for i, key := range keys {
		key = strings.ReplaceAll(key, "~", ".")
		switch {
		case i+1 == len(keys) && value == nil:
			delete(m, key)
		case i+1 == len(keys):
			m[key] = value
		default:
			if _, ok := m[key].(map[string]any); !ok {
				m[key] = map[string]any{}
			}
			m = m[key].(map[string]any)
		}
	}
}

func (in *input) read(t testing.TB, source string) observe.Set {
	t.Helper()
	text := in.text
	if in.doc != nil {
		data, err := json.Marshal(in.doc)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	set, problems := observe.Parse(source, []byte(text))
	if len(problems) > 0 {
		t.Fatalf("the test's own observation: %v\n%s", problems, text)
	}
	return set.TakenAt(in.at)
}

// seen returns everything that was observed, by the names of the inputs.
func (w *world) seen(t testing.TB) observe.Set {
	t.Helper()
	var set observe.Set
	for _, name := range slices.Sorted(maps.Keys(w.inputs)) {
		set = append(set, w.inputs[name].read(t, name)...)
	}
	return set
}

func gateRing(t testing.TB) system.Ring {
	t.Helper()
	model, err := topology.New([]byte(gateTopology), platforms, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := compile(model)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func (w *world) question(t testing.TB) system.Question {
	t.Helper()
	expected, err := json.Marshal(gateRing(t).Expect(w.at, w.rollout))
	if err != nil {
		t.Fatal(err)
	}
	gate := System().Procedures.Gate(w.gate)
	if gate == nil {
		t.Fatalf("there is no gate %s", w.gate)
	}
	return system.Question{Gate: gate, Expected: expected, Since: phaseStart, Now: minute(61), MaxSkew: skew, Seen: w.seen(t)}
}

// copyOf returns a copy of an input, taken at another time.
func (w *world) copyOf(name string, at time.Time) *input {
	old := w.inputs[name]
	in := &input{text: old.text, at: at}
	if old.doc != nil {
		data, _ := json.Marshal(old.doc) //nolint:errchkjson // what was read from JSON
		_ = json.Unmarshal(data, &in.doc)
	}
	return in
}

func (w *world) drop(name string) { delete(w.inputs, name) }

func (w *world) all(at time.Time) {
	for _, in := range w.inputs {
		in.at = at
	}
}

func document(t testing.TB, text string) *input {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return &input{doc: doc, at: minute(60)}
}

// datastoreOf is the ApigeeDatastore of a datacenter that runs, without a seed
// host.
func datastoreOf(t testing.TB, dc string) *input {
	t.Helper()
	return document(t, `{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "ApigeeDatastore",
		"metadata": {"name": "default", "namespace": "apigee", "generation": 4, "creationTimestamp": "2026-11-20T08:00:00Z", "labels": {"app.kubernetes.io/version": "1.16.0"}},
		"spec": {"replicas": 3, "components": {"cassandra": {"replicas": 3, "hostNetwork": false, "properties": {"datacenter": "`+dc+`", "rack": "ra-1", "clusterName": "apigeecluster"}}}},
		"status": {"state": "running", "cassandraReadyReplicas": 3, "observedGeneration": 4, "lastAppliedGeneration": 4, "scaling": {"inProgress": false, "operation": "", "requestedReplicas": 3}}}`)
}

func organization(t testing.TB) *input {
	t.Helper()
	return document(t, `{"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization",
		"metadata": {"name": "rg-hybrid-b7d3b9c", "namespace": "apigee"}, "status": {"state": "running"}}`)
}

func replication(t testing.TB) *input {
	t.Helper()
	return document(t, `{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "CassandraDataReplication",
		"metadata": {"name": "expand-west", "namespace": "apigee", "creationTimestamp": "2026-11-21T09:01:00Z"},
		"spec": {"organizationRef": "rg-hybrid-b7d3b9c", "force": false, "source": {"region": "dc-1"}}}`)
}

const (
	detail  = "status.cassandraDataReplication.rebuildDetails.apigee-cassandra-default-"
	rebuild = "status.cassandraDataReplication"
	seedAt  = "spec.components.cassandra.properties.multiRegionSeedHost"
)

// listing is the part of nodetool status about one datacenter, with a node in
// each of the given states.
func listing(dc, prefix, states string) string {
	return listingOf(dc, prefix, states, "71.61 GiB", "ra-1")
}

func listingOf(dc, prefix, states, load, rack string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Datacenter: %s\n================\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n", dc)
	b.WriteString("--  Address     Load       Tokens  Owns  Host ID                               Rack\n")
	for i, state := range strings.Fields(states) {
		fmt.Fprintf(&b, "%s  %s.1%d   %s  256     ?     fb51465c-167a-42f7-98c9-%012d  %s\n", state, prefix, i+1, load, len(dc)*1000+int(dc[len(dc)-1])*10+i, rack)
	}
	return b.String()
}

const up = "UN UN UN"

var (
	dc1 = listing("dc-1", "10.0.0", up)
	dc2 = listing("dc-2", "10.1.0", up)
	dc3 = listing("dc-3", "10.2.0", up)
	dc9 = listing("dc-9", "10.9.0", up) // of no region
)

func said(parts ...string) *input { return &input{text: strings.Join(parts, ""), at: minute(60)} }

// apart writes listings as Cassandra 4 does, with blank lines between them.
func apart(parts ...string) *input { return &input{text: strings.Join(parts, "\n"), at: minute(60)} }

// describe is the output of nodetool describecluster: one schema version for
// each text, with three nodes for each prefix in it; after a "!", nodes that
// are not reached.
func describe(versions ...string) *input {
	var b strings.Builder
	b.WriteString("Cluster Information:\n\tName: apigeecluster\n\tSnitch: org.apache.cassandra.locator.GossipingPropertyFileSnitch\n\tPartitioner: org.apache.cassandra.dht.Murmur3Partitioner\n\tSchema versions:\n")
	for i, v := range versions {
		name := fmt.Sprintf("9be4bcfc-49b6-4a08-b2e6-cc3ababced2%d", i)
		if rest, ok := strings.CutPrefix(v, "!"); ok {
			name, v = "UNREACHABLE", rest
		}
		var addresses []string
		for prefix := range strings.FieldsSeq(v) {
			for n := 11; n <= 13; n++ {
				addresses = append(addresses, fmt.Sprintf("%s.%d", prefix, n))
			}
		}
		fmt.Fprintf(&b, "\t\t%s: [%s]\n\n", name, strings.Join(addresses, ", "))
	}
	return &input{text: b.String(), at: minute(60)}
}

// pods is the list of the pods of region west; each is "namespace/name address
// phase app", the last three of which may be left out; an address of - is none.
func pods(list ...string) *input {
	items := make([]any, len(list))
	for i, text := range list {
		items[i] = podOf(text)
	}
	return &input{doc: map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, at: minute(60)}
}

func podOf(text string) map[string]any {
	words := append(strings.Fields(text), "", "", "")
	namespace, name, _ := strings.Cut(words[0], "/")
	meta := map[string]any{"name": name, "namespace": namespace}
	status := map[string]any{"phase": "Running"}
	if words[1] != "" && words[1] != "-" {
		status["podIP"] = words[1]
	}
	if words[2] != "" {
		status["phase"] = words[2]
	}
	if words[3] != "" {
		meta["labels"] = map[string]any{"app": words[3]}
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status}
}

// What runs in the cluster of region west beside environments; the names are
// as charts 1.16 make them.
var (
	clusterPods   = []string{"kube-system/kube-dns-1 10.1.9.1", "kube-system/netd-1 10.11.0.5"}
	operatorPods  = []string{"apigee/apigee-controller-manager-947fc4557-jhp2n 10.1.0.5"}
	componentPods = []string{
		"apigee/apigee-redis-default-0 10.1.0.6", "apigee/apigee-redis-envoy-default-1160-spc3v-pmw8b 10.1.0.7", "apigee/apigee-telemetry-app-1160-x 10.1.0.9",
		"apigee/apigee-ingressgateway-manager-5fd87c45b7-46hnc 10.1.0.8 Running apigee-ingressgateway-manager",
	}
	dataPods         = []string{"apigee/apigee-cassandra-default-0 10.1.0.11", "apigee/apigee-cassandra-default-1 10.1.0.12", "apigee/apigee-cassandra-default-2 10.1.0.13"}
	organizationList = []string{"apigee/apigee-mart-rg-hybrid-b7d3b9c-1160-mqn2p-tx4b8 10.1.0.21 Running apigee-mart", "apigee/apigee-watcher-rg-hybrid-b7d3b9c-1160-sey7a-4pg5p 10.1.0.22 Running apigee-watcher"}
)

// worldAt returns the world of a gate that is open.
func worldAt(t testing.TB, gate string) *world {
	t.Helper()
	w := &world{gate: gate, inputs: map[string]*input{}}
	w.rollout = w.rollout.With(stage.Progress{Region: "east", Phase: stage.Serving})
	expanding := func(phase stage.Phase) stage.Progress {
		return stage.Progress{Region: "west", Procedure: "expand", Phase: phase, Source: "east", SeedHost: "10.0.0.11"}
	}
	leaves := func(phase stage.Phase, inRegion ...[]string) {
		w.at = stage.Progress{Region: "west", Procedure: "decommission", Phase: phase}
		w.inputs["status"] = said(dc1)
		if len(inRegion) > 0 {
			w.inputs["pods"] = pods(slices.Concat(inRegion...)...)
		}
	}
	switch gate {
	case "install-running":
		w.rollout = stage.Rollout{}
		w.at = stage.Progress{Region: "east", Procedure: "install", Phase: installing}
		w.inputs["datastore"], w.inputs["organization"], w.inputs["status"] = datastoreOf(t, "dc-1"), organization(t), said(dc1)
	case "ring-settled":
		w.at = stage.Progress{Region: "west", Procedure: "expand", Phase: stage.Planned}
		w.inputs["source"], w.inputs["status"] = datastoreOf(t, "dc-1"), said(dc1)
	case "datacenter-joined":
		w.at = expanding(joining)
		w.inputs["datastore"], w.inputs["organization"], w.inputs["status"] = datastoreOf(t, "dc-2"), organization(t), said(dc1, dc2)
		w.inputs["datastore"].set(seedAt, "10.0.0.11")
	case "rebuild-complete":
		w.at = expanding(rebuilding)
		w.inputs["datastore"], w.inputs["replication"] = datastoreOf(t, "dc-2"), replication(t)
		d := w.inputs["datastore"]
		d.set(seedAt, "10.0.0.11")
		d.set(rebuild, map[string]any{"state": "complete", "updated": minute(32).Unix()})
		for i := range 3 {
			d.set(fmt.Sprintf("%s%d", detail, i), map[string]any{"state": "complete", "updated": minute(30 + i).Unix()})
		}
	case "seed-removed":
		w.at = expanding(settling)
		w.inputs["datastore"], w.inputs["status"] = datastoreOf(t, "dc-2"), said(dc1, dc2)
	case "already-serving":
		w.at = stage.Progress{Region: "west", Procedure: "adopt", Phase: stage.Planned}
		w.inputs["datastore"], w.inputs["organization"], w.inputs["status"] = datastoreOf(t, "dc-2"), organization(t), said(dc1, dc2)
	case "environments-removed":
		leaves(draining, clusterPods, operatorPods, componentPods, dataPods, organizationList)
		w.inputs["status"] = said(dc1, dc2)
	case "organization-removed":
		leaves(detaching, clusterPods, operatorPods, componentPods, dataPods)
		w.inputs["status"] = said(dc1, dc2)
	case "datacenter-left":
		leaves(leaving)
	case "datacenter-purged":
		leaves(purging)
		w.at.Procedure = "purge"
	case "components-removed":
		leaves(clearing, clusterPods, operatorPods)
	case "region-removed":
		leaves(closing)
	}
	w.rollout = w.rollout.With(w.at)
	return w
}

// A gateTest changes the world of an open gate, and says what is not met then:
// "2,3 waiting: part of the reason", one for each reason.
type gateTest struct {
	gate   string
	change func(t testing.TB, w *world)
	want   []string
}

// checkResults compares what is not met with what is wanted.
func checkResults(t *testing.T, want []string, results []stage.Result) {
	t.Helper()
	var got []string
	for i, r := range results {
		if r.Answer != stage.Met {
			got = append(got, fmt.Sprintf("%d %s: %s", i+1, r.Answer, r.Reason))
		}
		if r.Check == "" || r.Reason == "" {
			t.Errorf("check %d does not say what it is, or why: %+v", i+1, r)
		}
		if r.Warning != "" && r.Answer != stage.Met {
			t.Errorf("check %d warns though it is not met", i+1)
		}
	}
	var wanted []string
	for _, text := range want {
		numbers, rest, _ := strings.Cut(text, " ")
		for number := range strings.SplitSeq(numbers, ",") {
			wanted = append(wanted, number+" "+rest)
		}
	}
	slices.Sort(wanted)
	match := len(got) == len(wanted)
	for i := range min(len(got), len(wanted)) {
		head, part, _ := strings.Cut(wanted[i], ": ")
		match = match && strings.HasPrefix(got[i], head+": ") && strings.Contains(got[i], part)
	}
	if !match {
		t.Errorf("want\n  %s\ngot\n  %s", strings.Join(wanted, "\n  "), strings.Join(got, "\n  "))
	}
}

func TestGates(t *testing.T) {
	for name, tt := range allGateTests() {
		t.Run(name, func(t *testing.T) {
			w := worldAt(t, tt.gate)
			if tt.change != nil {
				tt.change(t, w)
			}
			checkResults(t, tt.want, decide(w.question(t)).Results)
		})
	}
}

// allGateTests has every table under the names of its gates.
func allGateTests() map[string]gateTest {
	all := map[string]gateTest{}
	for _, table := range []map[string]gateTest{commonTests(), installTests, settledTests, joinedTests, rebuildTests, seedRemovedTests, adoptTests, podTests, leavingTests, purgeTests} {
		for name, tt := range table {
			all[tt.gate+"/"+name] = tt
		}
	}
	return all
}

// TestEveryGateIsTested: each has a row where it is met, and one for each of
// its checks where that is not.
func TestEveryGateIsTested(t *testing.T) {
	for gate, list := range checks {
		missed, met := map[string]bool{}, false
		for i := range list {
			missed[fmt.Sprint(i+1)] = true
		}
		for _, tt := range allGateTests() {
			if tt.gate != gate {
				continue
			}
			met = met || len(tt.want) == 0
			for _, text := range tt.want {
				numbers, _, _ := strings.Cut(text, " ")
				for number := range strings.SplitSeq(numbers, ",") {
					delete(missed, number)
				}
			}
		}
		if gate == "seed-removed" {
			delete(missed, "4") // the load only warns; it needs a listing, as the third
		}
		if len(missed) > 0 || !met {
			t.Errorf("%s: met %t, and no row for checks %v", gate, met, slices.Sorted(maps.Keys(missed)))
		}
	}
}

// noneSteady is said where no datastore of any region was observed in the phase.
const noneSteady = "no ApigeeDatastore of any region among the observations of the time that counts"

// commonTests are those of what each gate reads: the datastore, the
// organization, the listing, and when they were taken.
func commonTests() map[string]gateTest {
	tests := map[string]gateTest{}
	for gate, of := range map[string]struct{ datastore, organization, status, pods, steady string }{
		"install-running":      {datastore: "1", organization: "2", status: "3"},
		"datacenter-joined":    {datastore: "1", organization: "2", status: "3", steady: "4"},
		"rebuild-complete":     {datastore: "1,2,3,4,5"},
		"seed-removed":         {datastore: "1,2", status: "3,4"},
		"already-serving":      {datastore: "1,2,3,4,6", organization: "5", status: "7"},
		"ring-settled":         {status: "1", steady: "2"},
		"environments-removed": {pods: "1", status: "2"},
		"organization-removed": {pods: "1", status: "2"},
		"datacenter-left":      {status: "1"},
		"components-removed":   {pods: "1", status: "2"},
		"region-removed":       {status: "1"},
		"datacenter-purged":    {status: "1"},
	} {
		// each says that for every observation there is; steady is what the look
		// at every datastore says, where that is something else.
		each := func(answer, part, steady string) []string {
			var want []string
			for _, numbers := range []string{of.datastore, of.organization, of.status, of.pods} {
				if numbers != "" {
					want = append(want, numbers+" "+answer+": "+part)
				}
			}
			if of.steady != "" {
				want = append(want, of.steady+" "+answer+": "+steady)
			}
			return want
		}
		tests[gate+": met"] = gateTest{gate, nil, nil}
		tests[gate+": nothing seen"] = gateTest{gate, func(_ testing.TB, w *world) { clear(w.inputs) }, each("unknown", "among the observations", noneSteady)}
		tests[gate+": taken before the phase"] = gateTest{gate, func(_ testing.TB, w *world) { w.all(phaseStart.Add(-time.Second)) }, each("unknown", "2026-11-21T08:59:59Z, before the phase began at 2026-11-21T09:00:00Z", noneSteady)}
		tests[gate+": taken in the future"] = gateTest{gate, func(_ testing.TB, w *world) { w.all(minute(63).Add(time.Second)) }, each("unknown", "2026-11-21T10:03:01Z, which is in the future", "2026-11-21T10:03:01Z, which is in the future")}
		tests[gate+": taken within the skew"] = gateTest{gate, func(_ testing.TB, w *world) { w.all(minute(63)) }, nil}
		tests[gate+": not said when taken"] = gateTest{gate, func(_ testing.TB, w *world) { w.all(time.Time{}) }, each("unknown", "does not say when it was taken", noneSteady)}
		tests[gate+": an old copy beside"] = gateTest{gate, func(_ testing.TB, w *world) { w.beside(minute(-60)) }, nil}
		tests[gate+": a copy from the future beside"] = gateTest{gate, func(_ testing.TB, w *world) { w.beside(minute(70)) }, each("unknown", "which is in the future", "which is in the future")}
		tests[gate+": everything twice"] = gateTest{gate, func(_ testing.TB, w *world) { w.beside(minute(60)) }, nil}
		if of.datastore != "" {
			addDatastoreTests(tests, gate, of.datastore, of.steady)
		}
		if of.organization != "" {
			addOrganizationTests(tests, gate, of.organization)
		}
	}
	return tests
}

// beside adds a copy of every input, taken at another time.
func (w *world) beside(at time.Time) {
	for _, name := range slices.Collect(maps.Keys(w.inputs)) {
		w.inputs[name+" again"] = w.copyOf(name, at)
	}
}

// addDatastoreTests adds the ways in which there is no datastore to judge.
func addDatastoreTests(tests map[string]gateTest, gate, numbers, steady string) {
	add := func(name, reason string, change func(d *input)) {
		tests[gate+": the datastore, "+name] = gateTest{gate, func(_ testing.TB, w *world) { change(w.inputs["datastore"]) }, []string{numbers + " unknown: " + reason}}
	}
	add("of another datacenter", ", only ApigeeDatastore apigee/default of datacenter dc-9", func(d *input) { d.set("spec.components.cassandra.properties.datacenter", "dc-9") })
	add("of no datacenter", ", only ApigeeDatastore apigee/default of datacenter missing", func(d *input) { d.set("spec.components.cassandra.properties.datacenter", nil) })
	add("of another namespace", ", only ApigeeDatastore other/default", func(d *input) { d.set("metadata.namespace", "other") })
	add("of another name", ", only ApigeeDatastore apigee/second", func(d *input) { d.set("metadata.name", "second") })
	add("being deleted", "ApigeeDatastore apigee/default is being deleted", func(d *input) { d.set("metadata.deletionTimestamp", "2026-11-21T09:30:00Z") })
	missing := []string{numbers + " unknown: no ApigeeDatastore apigee/default of datacenter dc-"}
	if other := gate + ": the datastore, of another namespace"; steady != "" { // the only one that was observed
		missing = append(missing, steady+" unknown: "+noneSteady)
		tests[other] = gateTest{gate, tests[other].change, append(tests[other].want, steady+" unknown: "+noneSteady)}
	}
	tests[gate+": the datastore, missing"] = gateTest{gate, func(_ testing.TB, w *world) { w.drop("datastore") }, missing}
	tests[gate+": the datastore, two that differ"] = gateTest{gate, func(_ testing.TB, w *world) {
		w.inputs["second"] = w.copyOf("datastore", minute(60))
		w.inputs["second"].set("metadata.resourceVersion", "2")
	}, []string{numbers + " unknown: two observations of ApigeeDatastore apigee/default, at datastore:1 and second:1, were taken at one time and differ"}}
	tests[gate+": the datastore, an older one that is worse"] = gateTest{gate, func(_ testing.TB, w *world) {
		w.inputs["second"] = w.copyOf("datastore", minute(40))
		w.inputs["second"].set("status", map[string]any{})
		w.inputs["second"].set(seedAt, "10.9.9.9")
	}, nil}
	tests[gate+": the datastore, an older one that is better"] = gateTest{gate, func(_ testing.TB, w *world) {
		w.inputs["second"] = w.copyOf("datastore", minute(40))
		w.inputs["datastore"].set("metadata.deletionTimestamp", "2026-11-21T09:50:00Z")
	}, []string{numbers + " unknown: is being deleted"}}
	if steady == "" {
		return
	}
	for name, reason := range map[string]string{
		"of no datacenter":            "has no datacenter, or is being deleted",
		"being deleted":               "has no datacenter, or is being deleted",
		"an older one that is better": "has no datacenter, or is being deleted",
		"of another name":             noneSteady,
		"two that differ":             "were taken at one time and differ",
	} {
		name = gate + ": the datastore, " + name
		tests[name] = gateTest{gate, tests[name].change, append(tests[name].want, steady+" unknown: "+reason)}
	}
}

func addOrganizationTests(tests map[string]gateTest, gate, number string) {
	add := func(name, want string, change func(o *input)) {
		tests[gate+": the organization, "+name] = gateTest{gate, func(_ testing.TB, w *world) { change(w.inputs["organization"]) }, []string{number + " " + want}}
	}
	add("another", "unknown: no ApigeeOrganization apigee/rg-hybrid-b7d3b9c among", func(o *input) { o.set("metadata.name", "other-1234567") })
	add("of another namespace", "unknown: no ApigeeOrganization apigee/rg-hybrid-b7d3b9c among", func(o *input) { o.set("metadata.namespace", "other") })
	add("creating", "waiting: ApigeeOrganization apigee/rg-hybrid-b7d3b9c: status.state is creating, not running", func(o *input) { o.set("status.state", "creating") })
	add("being deleted", "unknown: ApigeeOrganization apigee/rg-hybrid-b7d3b9c is being deleted", func(o *input) { o.set("metadata.deletionTimestamp", "2026-11-21T09:30:00Z") })
	add("without a state", "unknown: ApigeeOrganization apigee/rg-hybrid-b7d3b9c: status.state is missing", func(o *input) { o.set("status", nil) })
	tests[gate+": the organization, missing"] = gateTest{gate, func(_ testing.TB, w *world) { w.drop("organization") }, []string{number + " unknown: no ApigeeOrganization apigee/rg-hybrid-b7d3b9c among"}}
	tests[gate+": the organization, an older one that ran"] = gateTest{gate, func(_ testing.TB, w *world) {
		w.inputs["second"] = w.copyOf("organization", minute(40))
		w.inputs["organization"].set("status.state", "deleting")
	}, []string{number + " waiting: is deleting, not running"}}
}

// on changes one input.
func on(name, path string, value any) func(testing.TB, *world) {
	return func(_ testing.TB, w *world) { w.inputs[name].set(path, value) }
}

// with puts an input in.
func with(name string, in *input) func(testing.TB, *world) {
	return func(_ testing.TB, w *world) { w.inputs[name] = in }
}

// both makes two changes.
func both(changes ...func(testing.TB, *world)) func(testing.TB, *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		for _, change := range changes {
			change(t, w)
		}
	}
}

var installTests = map[string]gateTest{
	"replicas not ready":        {"install-running", on("datastore", "status.cassandraReadyReplicas", 2), []string{"1 waiting: ApigeeDatastore/default: 2 of 3 replicas are ready"}},
	"more than declared":        {"install-running", on("datastore", "status.cassandraReadyReplicas", 6), []string{"1 waiting: 6 of 3 replicas are ready"}},
	"ready not said":            {"install-running", on("datastore", "status.cassandraReadyReplicas", nil), []string{"1 unknown: ready replicas are missing"}},
	"ready said elsewhere":      {"install-running", both(on("datastore", "status.cassandraReadyReplicas", nil), on("datastore", "status.components.cassandra.replicas.ready", 3)), nil},
	"ready said twice":          {"install-running", both(on("datastore", "status.cassandraReadyReplicas", 2), on("datastore", "status.components.cassandra.replicas.ready", 3)), []string{"1 waiting: 2 of 3"}},
	"no state":                  {"install-running", on("datastore", "status.state", nil), []string{"1 unknown: ApigeeDatastore/default: status.state is missing, and ready replicas are 3"}},
	"releasing":                 {"install-running", on("datastore", "status.state", "releasing"), []string{"1 waiting: status.state is releasing, not running"}},
	"scaling":                   {"install-running", on("datastore", "status.scaling.inProgress", true), []string{"1 waiting: status.scaling.inProgress is true"}},
	"a node down":               {"install-running", with("status", said(listing("dc-1", "10.0.0", "UN DN UN"))), []string{"3 waiting: nodetool status: node 10.0.0.12 of dc-1 is DN, not UN"}},
	"another datacenter too":    {"install-running", with("status", said(dc1, dc9)), []string{"3 unknown: nodetool status lists datacenter dc-9, which by the rollout is not in the ring"}},
	"one that is planned, up":   {"install-running", with("status", said(dc1, dc2)), nil},
	"one that is planned, down": {"install-running", with("status", said(dc1, listing("dc-2", "10.1.0", "UN DN UN"))), []string{"3 waiting: of dc-2 is DN, not UN"}},
	"only another one":          {"install-running", with("status", said(dc2)), []string{"3 waiting: does not list datacenter dc-1"}},
}

var settledTests = map[string]gateTest{
	"a node down": {"ring-settled", with("status", said(listing("dc-1", "10.0.0", "UN UN DN"))), []string{"1 waiting: node 10.0.0.13 of dc-1 is DN, not UN"}},
	"the source is not listed": {"ring-settled", func(_ testing.TB, w *world) {
		w.rollout = w.rollout.With(stage.Progress{Region: "north", Phase: stage.Serving})
		w.inputs["status"] = said(dc3)
	}, []string{"1 waiting: nodetool status does not list datacenter dc-1"}},
	"its own datacenter, alone": {"ring-settled", with("status", said(dc2)), []string{"1 unknown: nodetool status lists datacenter dc-2, which by the rollout is not in the ring"}},
	// Nodes of an earlier installation keep the new ones from joining.
	"its own datacenter, stale":         {"ring-settled", with("status", said(dc1, listing("dc-2", "10.1.0", "DN DN DN"))), []string{"1 unknown: nodetool status lists datacenter dc-2, which by the rollout is not in the ring"}},
	"its own datacenter, there already": {"ring-settled", with("status", said(dc1, dc2)), []string{"1 unknown: nodetool status lists datacenter dc-2, which by the rollout is not in the ring"}},
	"after it was gone, listed still": {"ring-settled", both(with("status", said(dc1, listing("dc-2", "10.1.0", "DN"))), func(_ testing.TB, w *world) {
		w.rollout = w.rollout.With(stage.Progress{Region: "west", Procedure: "decommission", Phase: stage.Gone})
	}), []string{"1 unknown: nodetool status lists datacenter dc-2"}},
	"a datacenter nobody knows": {"ring-settled", with("status", said(dc1, dc9)), []string{"1 unknown: lists datacenter dc-9"}},
	"a node less":               {"ring-settled", with("status", said(listing("dc-1", "10.0.0", "UN UN"))), []string{"1 waiting: dc-1 has 2 nodes, not 3"}},
	"the source scales":         {"ring-settled", on("source", "status.scaling.inProgress", true), []string{"2 waiting: ApigeeDatastore/default of datacenter dc-1: status.scaling.inProgress is true"}},
	"the source scales, by any one": {"ring-settled", both(with("other", nil), func(t testing.TB, w *world) {
		w.inputs["other"] = datastoreOf(t, "dc-9")
		w.inputs["other"].set("status.scaling.inProgress", true)
	}), []string{"2 waiting: of datacenter dc-9: status.scaling"}},
	"the source is older": {"ring-settled", on("source", "metadata.labels.app~kubernetes~io/version", "1.15.1"), []string{"2 waiting: ApigeeDatastore/default of datacenter dc-1 is of version 1.15.1, and the topology says 1.16.0"}},
	"no version said":     {"ring-settled", on("source", "metadata.labels", nil), nil},
	"another namespace scales": {"ring-settled", func(_ testing.TB, w *world) {
		w.inputs["other"] = w.copyOf("source", minute(60))
		w.inputs["other"].set("metadata.namespace", "other")
		w.inputs["other"].set("status.scaling.inProgress", true)
	}, nil},
	"another namespace alone": {"ring-settled", on("source", "metadata.namespace", "other"), []string{"2 unknown: " + noneSteady}},
	"it scaled before": {"ring-settled", func(_ testing.TB, w *world) {
		w.inputs["older"] = w.copyOf("source", minute(-1))
		w.inputs["older"].set("status.scaling.inProgress", true)
	}, nil},
	"it scaled before, and was not seen since": {"ring-settled", func(_ testing.TB, w *world) {
		w.inputs["source"].set("status.scaling.inProgress", true)
		w.inputs["source"].at = minute(-1)
	}, []string{"2 unknown: " + noneSteady}},
	"it scaled in the phase, and does no more": {"ring-settled", func(_ testing.TB, w *world) {
		w.inputs["older"] = w.copyOf("source", minute(10))
		w.inputs["older"].set("status.scaling.inProgress", true)
	}, nil},
	"it scales again": {"ring-settled", func(_ testing.TB, w *world) {
		w.inputs["newer"] = w.copyOf("source", minute(61))
		w.inputs["newer"].set("status.scaling.inProgress", true)
	}, []string{"2 waiting: ApigeeDatastore/default of datacenter dc-1: status.scaling.inProgress is true"}},
	"it scales, in the future": {"ring-settled", func(_ testing.TB, w *world) {
		w.inputs["source"].set("status.scaling.inProgress", true)
		w.inputs["source"].at = minute(64)
	}, []string{"2 unknown: ApigeeDatastore apigee/default was taken at 2026-11-21T10:04:00Z, which is in the future"}},
	"each datacenter has a newest": {"ring-settled", func(t testing.TB, w *world) {
		w.inputs["other"] = datastoreOf(t, "dc-3")
		w.inputs["other"].set("metadata.labels.app~kubernetes~io/version", "1.15.1")
		w.inputs["other"].at = minute(10)
	}, []string{"2 waiting: ApigeeDatastore/default of datacenter dc-3 is of version 1.15.1"}},
	"no datastore seen":                    {"ring-settled", func(_ testing.TB, w *world) { w.drop("source") }, []string{"2 unknown: " + noneSteady}},
	"decommission":                         {"ring-settled", leaves(said(dc1, dc2)), nil},
	"decommission, its own nodes are down": {"ring-settled", leaves(said(dc1, listing("dc-2", "10.1.0", "DN DN DN"))), []string{"1 waiting: nodetool status: node 10.1.0.11 of dc-2 is DN, not UN"}},
	"decommission, its own are not listed": {"ring-settled", leaves(said(dc1)), []string{"1 waiting: nodetool status does not list datacenter dc-2"}},
	"decommission, and one nobody knows":   {"ring-settled", leaves(said(dc1, dc2, dc9)), []string{"1 unknown: nodetool status lists datacenter dc-9"}},
	"decommission, a survivor is down":     {"ring-settled", leaves(said(listing("dc-1", "10.0.0", "UN UN DN"), dc2)), []string{"1 waiting: node 10.0.0.13 of dc-1 is DN"}},
}

// leaves asks the question of a region that serves and is to leave.
func leaves(status *input) func(testing.TB, *world) {
	return func(_ testing.TB, w *world) {
		w.at = stage.Progress{Region: "west", Procedure: "decommission", Phase: stage.Serving}
		w.rollout, w.inputs["status"] = w.rollout.With(w.at), status
	}
}

var joinedTests = map[string]gateTest{
	"replicas not ready":                        {"datacenter-joined", on("datastore", "status.cassandraReadyReplicas", 2), []string{"1 waiting: 2 of 3 replicas are ready"}},
	"scaling":                                   {"datacenter-joined", on("datastore", "status.scaling.inProgress", true), []string{"1,4 waiting: status.scaling.inProgress is true"}},
	"another version":                           {"datacenter-joined", on("datastore", "metadata.labels.app~kubernetes~io/version", "1.15.1"), []string{"4 waiting: is of version 1.15.1"}},
	"two rings, the own":                        {"datacenter-joined", with("status", said(dc2)), []string{"3 waiting: nodetool status does not list datacenter dc-1"}},
	"two rings, the other":                      {"datacenter-joined", with("status", said(dc1)), []string{"3 waiting: nodetool status does not list datacenter dc-2"}},
	"two rings, two outputs":                    {"datacenter-joined", both(with("status", said(dc1)), with("second", said(dc2))), []string{"3 unknown: two observations of nodetool status, at second:1 and status:1, were taken at one time and differ"}},
	"two rings, one file":                       {"datacenter-joined", with("status", apart(dc1, dc2)), []string{"3 unknown: it may be two listings in one; add the output of nodetool describecluster"}},
	"one ring, as described":                    {"datacenter-joined", both(with("status", apart(dc1, dc2)), with("cluster", describe("10.0.0 10.1.0"))), nil},
	"described, of one":                         {"datacenter-joined", both(with("status", apart(dc1, dc2)), with("cluster", describe("10.0.0"))), []string{"3 unknown: may be two listings"}},
	"described, of two":                         {"datacenter-joined", both(with("status", apart(dc1, dc2)), with("cluster", describe("10.0.0", "10.1.0"))), []string{"3 unknown: may be two listings"}},
	"described, and one more":                   {"datacenter-joined", both(with("status", apart(dc1, dc2)), with("cluster", describe("10.0.0 10.1.0", "10.2.0"))), []string{"3 unknown: may be two listings"}},
	"described, unreachable":                    {"datacenter-joined", both(with("status", apart(dc1, dc2)), with("cluster", describe("10.0.0 10.1.0", "!10.2.0"))), []string{"3 unknown: may be two listings"}},
	"described, and a node more":                {"datacenter-joined", both(with("status", apart(dc1, dc2)), with("cluster", describe("10.0.0 10.1.0 10.2.0"))), []string{"3 unknown: may be two listings"}},
	"described, and names hide the second ring": {"datacenter-joined", both(with("status", apart(dc1, strings.NewReplacer("10.1.0.1", "west-00").Replace(dc2))), with("cluster", describe("10.0.0"))), []string{"3 unknown: may be two listings"}},
	"described, before": {"datacenter-joined", func(_ testing.TB, w *world) {
		w.inputs["status"], w.inputs["cluster"] = apart(dc1, dc2), describe("10.0.0 10.1.0")
		w.inputs["cluster"].at = minute(-1)
	}, []string{"3 unknown: may be two listings"}},
	"described, and then not": {"datacenter-joined", func(_ testing.TB, w *world) {
		w.inputs["status"], w.inputs["cluster"], w.inputs["later"] = apart(dc1, dc2), describe("10.0.0 10.1.0"), describe("10.0.0")
		w.inputs["later"].at = minute(61)
	}, []string{"3 unknown: may be two listings"}},
	"a node down elsewhere":             {"datacenter-joined", with("status", said(listing("dc-1", "10.0.0", "UN UN DN"), dc2)), []string{"3 waiting: node 10.0.0.13 of dc-1 is DN, not UN"}},
	"a node joining":                    {"datacenter-joined", with("status", said(dc1, listing("dc-2", "10.1.0", "UN UN UJ"))), []string{"3 waiting: node 10.1.0.13 of dc-2 is UJ, not UN"}},
	"a node leaving":                    {"datacenter-joined", with("status", said(dc1, listing("dc-2", "10.1.0", "UL UN UN"))), []string{"3 waiting: node 10.1.0.11 of dc-2 is UL, not UN"}},
	"a node moving":                     {"datacenter-joined", with("status", said(dc1, listing("dc-2", "10.1.0", "UN UM UN"))), []string{"3 waiting: node 10.1.0.12 of dc-2 is UM, not UN"}},
	"a node nobody knows":               {"datacenter-joined", with("status", said(dc1, listing("dc-2", "10.1.0", "?N UN UN"))), []string{"3 waiting: node 10.1.0.11 of dc-2 is ?N, not UN"}},
	"fewer nodes":                       {"datacenter-joined", with("status", said(dc1, listing("dc-2", "10.1.0", "UN UN"))), []string{"3 waiting: dc-2 has 2 nodes, not 3"}},
	"more nodes":                        {"datacenter-joined", with("status", said(dc1, listing("dc-2", "10.1.0", "UN UN UN UN"))), []string{"3 waiting: dc-2 has 4 nodes, not 3"}},
	"wrong rack":                        {"datacenter-joined", with("status", said(dc1, listingOf("dc-2", "10.1.0", up, "1 GiB", "ra-9"))), []string{"3 failed: node 10.1.0.11 of dc-2 is in rack ra-9, not ra-1"}},
	"wrong rack elsewhere":              {"datacenter-joined", with("status", said(listingOf("dc-1", "10.0.0", up, "1 GiB", "ra-9"), dc2)), []string{"3 failed: node 10.0.0.11 of dc-1 is in rack ra-9, not ra-1"}},
	"a datacenter that is not declared": {"datacenter-joined", with("status", said(dc1, dc2, dc9)), []string{"3 unknown: lists datacenter dc-9, which by the rollout is not in the ring, and no planned region has it"}},
	"a listing that is superseded": {"datacenter-joined", func(_ testing.TB, w *world) {
		w.inputs["older"] = said(listing("dc-1", "10.0.0", "DN DN DN"), dc2)
		w.inputs["older"].at = minute(59)
	}, nil},
	"a listing that supersedes": {"datacenter-joined", func(_ testing.TB, w *world) {
		w.inputs["later"] = said(listing("dc-1", "10.0.0", "DN UN UN"), dc2)
		w.inputs["later"].at = minute(61)
	}, []string{"3 waiting: 10.0.0.11 of dc-1 is DN"}},
	"the source's datastore scales": {"datacenter-joined", func(t testing.TB, w *world) {
		w.inputs["source"] = datastoreOf(t, "dc-1")
		w.inputs["source"].set("status.scaling.inProgress", true)
	}, []string{"4 waiting: of datacenter dc-1: status.scaling.inProgress is true"}},
	"the source's datastore is there": {"datacenter-joined", func(t testing.TB, w *world) { w.inputs["source"] = datastoreOf(t, "dc-1") }, nil},
}

var rebuildTests = map[string]gateTest{
	"replication unseen":       {"rebuild-complete", func(_ testing.TB, w *world) { w.drop("replication") }, nil},
	"not started":              {"rebuild-complete", on("datastore", rebuild, nil), []string{"1 waiting: status.cassandraDataReplication.state is missing: the rebuild has not started", "2 waiting: apigee-cassandra-default-0 is not listed", "3 unknown: cassandraDataReplication has no updated time", "4 unknown: rebuildDetails lists no pod"}},
	"running at the top":       {"rebuild-complete", on("datastore", rebuild+".state", "running"), []string{"1 waiting: status.cassandraDataReplication.state is running, not complete"}},
	"error at the top":         {"rebuild-complete", on("datastore", rebuild+".state", "error"), []string{"1 failed: status.cassandraDataReplication.state is error"}},
	"a word nobody knows":      {"rebuild-complete", on("datastore", rebuild+".state", "completed"), []string{"1 waiting: is completed, not complete"}},
	"a pod missing":            {"rebuild-complete", on("datastore", detail+"2", nil), []string{"2 waiting: apigee-cassandra-default-2 is not listed"}},
	"the first pod missing":    {"rebuild-complete", on("datastore", detail+"0", nil), []string{"2 waiting: apigee-cassandra-default-0 is not listed"}},
	"only the first pod":       {"rebuild-complete", both(on("datastore", detail+"1", nil), on("datastore", detail+"2", nil)), []string{"2 waiting: apigee-cassandra-default-1 is not listed"}},
	"a pod of another number":  {"rebuild-complete", both(on("datastore", detail+"2", nil), on("datastore", detail+"3", map[string]any{"state": "complete", "updated": minute(30).Unix()})), []string{"2 waiting: apigee-cassandra-default-2 is not listed"}},
	"a pod running":            {"rebuild-complete", on("datastore", detail+"1.state", "running"), []string{"2 waiting: ApigeeDatastore/default: rebuildDetails: 2 of 3 pods are complete; apigee-cassandra-default-1 is running"}},
	"a pod without a state":    {"rebuild-complete", on("datastore", detail+"1.state", nil), []string{"2 waiting: 2 of 3 pods are complete; apigee-cassandra-default-1 is missing"}},
	"a pod more than declared": {"rebuild-complete", on("datastore", detail+"3", map[string]any{"state": "complete", "updated": minute(30).Unix()}), []string{"2 unknown: rebuildDetails lists 4 pods, but the topology says 3 replicas"}},
	"a pod in error":           {"rebuild-complete", on("datastore", detail+"2", map[string]any{"state": "error", "message": "Unable to find sufficient sources", "updated": minute(30).Unix()}), []string{"2 waiting: apigee-cassandra-default-2 is error", "4 failed: ApigeeDatastore/default: apigee-cassandra-default-2 is in state error: Unable to find sufficient sources"}},
	"a pod in error, silent":   {"rebuild-complete", on("datastore", detail+"2.state", "error"), []string{"2 waiting: is error", "4 failed: apigee-cassandra-default-2 is in state error: no message"}},
	"a spare pod in error":     {"rebuild-complete", on("datastore", detail+"3", map[string]any{"state": "error", "updated": minute(30).Unix()}), []string{"2 unknown: lists 4 pods", "4 failed: apigee-cassandra-default-3 is in state error"}},
	"no pods":                  {"rebuild-complete", on("datastore", rebuild+".rebuildDetails", map[string]any{}), []string{"2 waiting: apigee-cassandra-default-0 is not listed", "4 unknown: rebuildDetails lists no pod"}},

	"a pod at the replication's creation": {"rebuild-complete", on("datastore", detail+"1.updated", minute(1).Unix()), nil},
	"a pod before it":                     {"rebuild-complete", on("datastore", detail+"1.updated", minute(1).Unix()-1), []string{"3 waiting: apigee-cassandra-default-1 was updated at 2026-11-21T09:00:59Z, before the replication was created at 2026-11-21T09:01:00Z: it is left from an earlier rebuild"}},
	"the whole before it":                 {"rebuild-complete", on("datastore", rebuild+".updated", minute(0).Unix()), []string{"3 waiting: cassandraDataReplication was updated at"}},
	"a pod without a time":                {"rebuild-complete", on("datastore", detail+"1.updated", nil), []string{"3 unknown: apigee-cassandra-default-1 has no updated time"}},
	"the whole without a time":            {"rebuild-complete", on("datastore", rebuild+".updated", nil), []string{"3 unknown: cassandraDataReplication has no updated time"}},
	"a pod in the future":                 {"rebuild-complete", on("datastore", detail+"1.updated", minute(63).Unix()+1), []string{"3 unknown: apigee-cassandra-default-1 was updated at 2026-11-21T10:03:01Z, which is in the future"}},
	"a pod at the end of the skew":        {"rebuild-complete", on("datastore", detail+"1.updated", minute(63).Unix()), nil},
	"a stale complete":                    {"rebuild-complete", stale(minute(-600)), []string{"3 waiting: left from an earlier rebuild"}},
	"a stale complete, unseen":            {"rebuild-complete", both(stale(minute(-3)), func(_ testing.TB, w *world) { w.drop("replication") }), []string{"3 waiting: before the phase began at 2026-11-21T09:00:00Z, less 2m0s of skew, at 2026-11-21T08:58:00Z"}},
	"just fresh, replication unseen":      {"rebuild-complete", both(stale(minute(-2)), func(_ testing.TB, w *world) { w.drop("replication") }), nil},

	"a replication from before":                  {"rebuild-complete", on("replication", "metadata.creationTimestamp", "2026-11-21T08:57:59Z"), nil},
	"a replication from before, and its rebuild": {"rebuild-complete", both(on("replication", "metadata.creationTimestamp", "2026-11-21T08:30:00Z"), stale(minute(-3))), []string{"3 waiting: cassandraDataReplication was updated at 2026-11-21T08:57:00Z, before the phase began at 2026-11-21T09:00:00Z, less 2m0s of skew, at 2026-11-21T08:58:00Z: it is left from an earlier rebuild"}},
	"a replication from before, within the skew": {"rebuild-complete", both(on("replication", "metadata.creationTimestamp", "2026-11-21T08:30:00Z"), stale(minute(-2))), nil},
	"a replication that is being deleted":        {"rebuild-complete", on("replication", "metadata.deletionTimestamp", "2026-11-21T09:30:00Z"), []string{"3 unknown: CassandraDataReplication apigee/expand-west is being deleted"}},
	"an error at the top of before":              {"rebuild-complete", both(stale(minute(-3)), on("datastore", rebuild+".state", "error")), []string{"1 waiting: status.cassandraDataReplication.state is error, left from an earlier rebuild: this one has not started", "3 waiting: left from an earlier rebuild"}},
	"an error at the top without a time":         {"rebuild-complete", both(on("datastore", rebuild+".updated", nil), on("datastore", rebuild+".state", "error")), []string{"1 failed: status.cassandraDataReplication.state is error", "3 unknown: cassandraDataReplication has no updated time"}},
	"an error at the top just after":             {"rebuild-complete", both(on("datastore", rebuild+".updated", minute(1).Unix()), on("datastore", rebuild+".state", "error")), []string{"1 failed: status.cassandraDataReplication.state is error"}},
	"a pod in error of before": {"rebuild-complete", on("datastore", detail+"2", map[string]any{"state": "error", "message": "no sources", "updated": minute(0).Unix()}), []string{"2 waiting: apigee-cassandra-default-2 is error", "3 waiting: apigee-cassandra-default-2 was updated at 2026-11-21T09:00:00Z, before the replication was created",
		"4 waiting: ApigeeDatastore/default: apigee-cassandra-default-2 is in state error since 2026-11-21T09:00:00Z, left from an earlier rebuild"}},
	"an error of before, by an unsound replication": {"rebuild-complete", both(stale(minute(-3)), on("datastore", rebuild+".state", "error"), on("replication", "metadata.creationTimestamp", nil)), []string{"1 failed: status.cassandraDataReplication.state is error", "3 unknown: metadata.creationTimestamp is missing"}},
	"a message that would move the cursor": {"rebuild-complete", on("datastore", detail+"2", map[string]any{"state": "error", "updated": minute(30).Unix(), "message": "a\x1b[2J\nGate rebuild-complete is open: met\u0085b"}),
		[]string{"2 waiting: apigee-cassandra-default-2 is error", "4 failed: is in state error: a [2J Gate rebuild-complete is open: met b"}},
	"a replication by another clock":        {"rebuild-complete", on("replication", "metadata.creationTimestamp", "2026-11-21T08:58:00Z"), nil},
	"a replication without a time":          {"rebuild-complete", on("replication", "metadata.creationTimestamp", nil), []string{"3 unknown: metadata.creationTimestamp is missing"}},
	"a replication from elsewhere":          {"rebuild-complete", on("replication", "spec.source.region", "us-east1"), []string{"3 unknown: spec.source.region is us-east1, and the source's datacenter is dc-1"}},
	"a replication from nowhere":            {"rebuild-complete", on("replication", "spec.source.region", nil), []string{"3 unknown: spec.source.region is missing"}},
	"a replication seen before the phase":   {"rebuild-complete", func(_ testing.TB, w *world) { w.inputs["replication"].at = minute(-1) }, []string{"3 unknown: before the phase began"}},
	"another replication":                   {"rebuild-complete", both(on("replication", "metadata.name", "expand-north"), on("replication", "spec.source.region", "dc-9")), nil},
	"a replication of another namespace":    {"rebuild-complete", both(on("replication", "metadata.namespace", "other"), on("replication", "spec.source.region", "dc-9")), nil},
	"another seed than rendered":            {"rebuild-complete", on("datastore", seedAt, "10.0.0.12"), []string{`5 unknown: multiRegionSeedHost is 10.0.0.12, not "10.0.0.11" as rendered`}},
	"the seed gone too early":               {"rebuild-complete", on("datastore", seedAt, nil), []string{`5 unknown: multiRegionSeedHost is missing, not "10.0.0.11" as rendered`}},
	"the recorded seed, not the topology's": {"rebuild-complete", both(on("datastore", seedAt, "10.0.0.77"), func(_ testing.TB, w *world) { w.at.SeedHost = "10.0.0.77" }), nil},
	"the topology's seed, not the recorded": {"rebuild-complete", func(_ testing.TB, w *world) { w.at.SeedHost = "10.0.0.77" }, []string{`5 unknown: is 10.0.0.11, not "10.0.0.77"`}},
	"the topology's seed, nothing recorded": {"rebuild-complete", func(_ testing.TB, w *world) { w.at.SeedHost = "" }, nil},
	"no source recorded, replication seen":  {"rebuild-complete", func(_ testing.TB, w *world) { w.at.Source = "" }, []string{"3 unknown: spec.source.region is dc-1, and the source's datacenter is "}},
	"evidence of an older rebuild beside it": {"rebuild-complete", func(_ testing.TB, w *world) {
		w.inputs["old"] = w.copyOf("datastore", minute(-60))
		stale(minute(-600))(nil, w)
	}, []string{"3 waiting: left from an earlier rebuild"}},
}

// stale moves every time of the rebuild.
func stale(to time.Time) func(testing.TB, *world) {
	return func(_ testing.TB, w *world) {
		w.inputs["datastore"].set(rebuild+".updated", to.Unix())
		for i := range 3 {
			w.inputs["datastore"].set(fmt.Sprintf("%s%d.updated", detail, i), to.Unix())
		}
	}
}

var seedRemovedTests = map[string]gateTest{
	"the seed is still set":  {"seed-removed", on("datastore", seedAt, "10.0.0.11"), []string{"1 waiting: multiRegionSeedHost is still 10.0.0.11"}},
	"another seed is set":    {"seed-removed", on("datastore", seedAt, "10.0.0.99"), []string{"1 waiting: multiRegionSeedHost is still 10.0.0.99"}},
	"the seed is empty":      {"seed-removed", on("datastore", seedAt, ""), nil},
	"not observed yet":       {"seed-removed", on("datastore", "metadata.generation", 5), []string{"2 waiting: generation 5 is not applied yet; observed is 4, applied is 4"}},
	"observed, not applied":  {"seed-removed", both(on("datastore", "metadata.generation", 5), on("datastore", "status.observedGeneration", 5)), []string{"2 waiting: observed is 5, applied is 4"}},
	"applied, not observed":  {"seed-removed", on("datastore", "status.observedGeneration", 3), []string{"2 waiting: observed is 3, applied is 4"}},
	"no generation":          {"seed-removed", on("datastore", "metadata.generation", nil), []string{"2 unknown: generation is missing"}},
	"no applied generation":  {"seed-removed", on("datastore", "status.lastAppliedGeneration", nil), []string{"2 unknown: lastAppliedGeneration missing"}},
	"no observed generation": {"seed-removed", on("datastore", "status.observedGeneration", nil), []string{"2 unknown: observedGeneration missing"}},
	"releasing":              {"seed-removed", on("datastore", "status.state", "releasing"), []string{"2 waiting: status.state is releasing, not running"}},
	"no state":               {"seed-removed", on("datastore", "status.state", nil), []string{"2 waiting: status.state is missing, not running"}},
	"a node down":            {"seed-removed", with("status", said(dc1, listing("dc-2", "10.1.0", "UN UN DN"))), []string{"3 waiting: 10.1.0.13 of dc-2 is DN"}},
	"a node down elsewhere":  {"seed-removed", with("status", said(listing("dc-1", "10.0.0", "DN UN UN"), dc2)), []string{"3 waiting: 10.0.0.11 of dc-1 is DN"}},
	"not listed":             {"seed-removed", with("status", said(dc1)), []string{"3 waiting: does not list datacenter dc-2"}},
	"a small load":           {"seed-removed", with("status", said(dc1, listingOf("dc-2", "10.1.0", up, "300.1 KiB", "ra-1"))), nil},
	"no load":                {"seed-removed", with("status", said(dc1, listingOf("dc-2", "10.1.0", up, "?", "ra-1"))), nil},
}

// TestLoadWarning: a load far below the source's never keeps the gate shut, and
// says the numbers.
func TestLoadWarning(t *testing.T) {
	with := func(one, two string) *input {
		return said(listingOf("dc-1", "10.0.0", up, one, "ra-1"), listingOf("dc-2", "10.1.0", up, two, "ra-1"))
	}
	tests := map[string]struct {
		status          *input
		reason, warning string
	}{
		"alike":              {with("71.61 GiB", "70.00 GiB"), "dc-2 holds 210.0 GiB on 3 nodes, and dc-1 holds 214.8 GiB on 3", ""},
		"half":               {with("2.00 GiB", "1.00 GiB"), "dc-2 holds 3.0 GiB on 3 nodes, and dc-1 holds 6.0 GiB on 3", ""},
		"a little less":      {with("2.00 GiB", "1023.9 MiB"), "dc-2 holds 3.0 GiB on 3 nodes", "less than half"},
		"nothing":            {with("71.61 GiB", "312 bytes"), "dc-2 holds 936 bytes on 3 nodes, and dc-1 holds 214.8 GiB on 3", "it holds less than half, though both are to hold every row: look whether every keyspace is replicated to dc-2"},
		"more":               {with("1 KiB", "71.61 GiB"), "dc-1 holds 3.0 KiB on 3", ""},
		"both nothing":       {with("0 bytes", "0 bytes"), "dc-2 holds 0 bytes on 3 nodes", ""},
		"own unknown":        {with("1 GiB", "?"), "the loads of the two datacenters cannot be compared", ""},
		"the source unknown": {with("?", "1 GiB"), "cannot be compared", ""},
		"not listed":         {said(dc1), "cannot be compared", ""},
		"source not listed":  {said(dc2), "cannot be compared", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := worldAt(t, "seed-removed")
			w.inputs["status"] = tt.status
			got := decide(w.question(t)).Results[3]
			if got.Answer != stage.Met || !strings.Contains(got.Reason, tt.reason) || (got.Warning == "") != (tt.warning == "") || !strings.Contains(got.Warning, tt.warning) {
				t.Errorf("got %+v", got)
			}
		})
	}
	w := worldAt(t, "seed-removed")
	w.at.Source = ""
	if got := decide(w.question(t)).Results[3]; got.Answer != stage.Met || !strings.Contains(got.Reason, "cannot be compared") {
		t.Errorf("without a source: %+v", got)
	}
}

var adoptTests = map[string]gateTest{
	"the first of a ring": {"already-serving", func(_ testing.TB, w *world) {
		w.rollout = stage.Rollout{}
		w.inputs["status"] = said(dc2)
	}, nil},
	"one that is not adopted yet": {"already-serving", func(_ testing.TB, w *world) { w.rollout = stage.Rollout{} }, nil},
	"three, two not adopted yet": {"already-serving", func(_ testing.TB, w *world) {
		w.rollout = stage.Rollout{}
		w.inputs["status"] = said(dc1, dc2, dc3)
	}, nil},
	"a planned one listed already": {"already-serving", with("status", said(dc1, dc2, dc3)), nil},
	"one that the topology does not have": {"already-serving", with("status", said(dc1, dc2, listing("dc-4", "10.4.0", up))),
		[]string{"7 unknown: nodetool status lists datacenter dc-4, which by the rollout is not in the ring, and no planned region has it: find out what it is"}},
	"a node down where it is not adopted": {"already-serving", func(_ testing.TB, w *world) {
		w.rollout = stage.Rollout{}
		w.inputs["status"] = said(listing("dc-1", "10.0.0", "UN DN UN"), dc2)
	}, []string{"7 waiting: node 10.0.0.12 of dc-1 is DN, not UN"}},
	"a node down where it is adopted":  {"already-serving", with("status", said(listing("dc-1", "10.0.0", "UN DN UN"), dc2)), []string{"7 waiting: node 10.0.0.12 of dc-1 is DN, not UN"}},
	"a node down in its own":           {"already-serving", with("status", said(dc1, listing("dc-2", "10.1.0", "UN DN UN"))), []string{"7 waiting: node 10.1.0.12 of dc-2 is DN, not UN"}},
	"a ring of its own":                {"already-serving", with("status", said(dc2)), []string{"7 waiting: does not list datacenter dc-1"}},
	"not in the ring":                  {"already-serving", with("status", said(dc1)), []string{"7 waiting: does not list datacenter dc-2"}},
	"two listings in one":              {"already-serving", with("status", apart(dc1, dc2)), []string{"7 unknown: two listings in one"}},
	"a seed host left in":              {"already-serving", on("datastore", seedAt, "10.0.0.11"), []string{"6 waiting: multiRegionSeedHost is still 10.0.0.11"}},
	"another rack":                     {"already-serving", on("datastore", "spec.components.cassandra.properties.rack", "ra-9"), []string{"2 failed: ApigeeDatastore/default: rack is ra-9, and the topology says ra-1"}},
	"no rack":                          {"already-serving", on("datastore", "spec.components.cassandra.properties.rack", nil), []string{"2 failed: rack is missing, and the topology says ra-1"}},
	"another rack in the listing":      {"already-serving", with("status", said(dc1, listingOf("dc-2", "10.1.0", up, "1 GiB", "ra-9"))), []string{"7 failed: node 10.1.0.11 of dc-2 is in rack ra-9, not ra-1"}},
	"another cluster name":             {"already-serving", on("datastore", "spec.components.cassandra.properties.clusterName", "other"), []string{"2 failed: clusterName is other, and the topology says apigeecluster"}},
	"no cluster name":                  {"already-serving", on("datastore", "spec.components.cassandra.properties.clusterName", nil), []string{"2 failed: clusterName is missing"}},
	"more replicas":                    {"already-serving", both(on("datastore", "spec.components.cassandra.replicas", 6), on("datastore", "status.cassandraReadyReplicas", 6)), []string{"1 waiting: 6 of 3", "2 failed: replicas is 6, and the topology says 3"}},
	"more nodes":                       {"already-serving", with("status", said(dc1, listing("dc-2", "10.1.0", "UN UN UN UN"))), []string{"7 waiting: dc-2 has 4 nodes, not 3"}},
	"replicas of the whole":            {"already-serving", on("datastore", "spec.components.cassandra.replicas", nil), nil},
	"other replicas of the whole":      {"already-serving", both(on("datastore", "spec.components.cassandra.replicas", nil), on("datastore", "spec.replicas", 6)), []string{"2 failed: replicas is 6"}},
	"no replicas":                      {"already-serving", both(on("datastore", "spec.components.cassandra.replicas", nil), on("datastore", "spec.replicas", nil)), []string{"2 failed: replicas is missing"}},
	"the nodes' network":               {"already-serving", on("datastore", "spec.components.cassandra.hostNetwork", true), []string{"2 failed: hostNetwork is true, and the topology says false"}},
	"no word of the network":           {"already-serving", on("datastore", "spec.components.cassandra.hostNetwork", nil), nil},
	"an older version":                 {"already-serving", on("datastore", "metadata.labels.app~kubernetes~io/version", "1.15.1"), []string{"2 failed: version is 1.15.1, and the topology says 1.16.0"}},
	"no word of the version":           {"already-serving", on("datastore", "metadata.labels", nil), nil},
	"replicas not ready":               {"already-serving", on("datastore", "status.cassandraReadyReplicas", 2), []string{"1 waiting: 2 of 3"}},
	"storage of another size":          {"already-serving", on("datastore", "spec.components.cassandra.storage.storageSize", "500Gi"), []string{"2 failed: storageSize is 500Gi, and the topology says 10Gi"}},
	"storage of that size":             {"already-serving", on("datastore", "spec.components.cassandra.storage.storageSize", "10Gi"), nil},
	"an external seed host":            {"already-serving", on("datastore", "spec.components.cassandra.properties.externalSeedHost", "10.9.9.9"), []string{"2 failed: externalSeedHost is 10.9.9.9, and the topology says nothing"}},
	"no external seed host":            {"already-serving", on("datastore", "spec.components.cassandra.properties.externalSeedHost", ""), nil},
	"not applied":                      {"already-serving", on("datastore", "metadata.generation", 9), []string{"3 waiting: generation 9 is not applied yet; observed is 4, applied is 4"}},
	"no word of what is applied":       {"already-serving", on("datastore", "status.lastAppliedGeneration", nil), []string{"3 unknown: lastAppliedGeneration missing"}},
	"a rebuild that completed":         {"already-serving", both(on("datastore", rebuild+".state", "complete"), on("datastore", detail+"0.state", "complete")), nil},
	"a rebuild under way":              {"already-serving", on("datastore", rebuild+".state", "running"), []string{"4 waiting: status.cassandraDataReplication.state is running"}},
	"a rebuild of a word nobody knows": {"already-serving", on("datastore", rebuild+".state", "completed"), []string{"4 waiting: status.cassandraDataReplication.state is completed"}},
	"a rebuild that failed":            {"already-serving", on("datastore", rebuild+".state", "error"), []string{"4 failed: status.cassandraDataReplication.state is error: the region may lack data"}},
	"a pod that is rebuilt":            {"already-serving", both(on("datastore", rebuild+".state", "complete"), on("datastore", detail+"1.state", "running")), []string{"4 waiting: rebuildDetails: apigee-cassandra-default-1 is running, not complete"}},
	"a pod whose rebuild failed":       {"already-serving", on("datastore", detail+"1.state", "error"), []string{"4 waiting: rebuildDetails: apigee-cassandra-default-1 is error, not complete"}},
	"a pod without a word":             {"already-serving", on("datastore", detail+"1.updated", minute(30).Unix()), []string{"4 waiting: rebuildDetails: apigee-cassandra-default-1 is missing, not complete"}},
	"another region is leaving": {"already-serving", both(with("status", said(dc2)), func(_ testing.TB, w *world) {
		w.rollout = w.rollout.With(stage.Progress{Region: "east", Procedure: "decommission", Phase: leaving})
	}), []string{"7 waiting: does not list datacenter dc-1"}},
	"another region is gone": {"already-serving", both(with("status", said(dc2)), func(_ testing.TB, w *world) {
		w.rollout = w.rollout.With(stage.Progress{Region: "east", Phase: stage.Gone})
	}), nil},
}

// podTests are those of the gates that want pods to be gone, by the list of all
// pods of the region.
var podTests = map[string]gateTest{
	"a runtime pod": {"environments-removed", more("apigee/apigee-runtime-rg-hybrid-prod-33c0380-1160-6v94q-pbglb 10.1.0.30 Running apigee-runtime"),
		[]string{"1 waiting: 1 of the listed pods of an environment still run in namespace apigee, the first is apigee-runtime-rg-hybrid-prod-33c0380-1160-6v94q-pbglb"}},
	"a synchronizer and a runtime pod": {"environments-removed", more("apigee/apigee-synchronizer-a 10.1.0.31", "apigee/apigee-runtime-a 10.1.0.30"), []string{"1 waiting: 2 of the listed pods of an environment still run in namespace apigee, the first is apigee-runtime-a"}},
	"a pending pod":                    {"environments-removed", more("apigee/apigee-runtime-a - Pending"), []string{"1 waiting: still run in namespace apigee, the first is apigee-runtime-a"}},
	"a pod without a phase":            {"environments-removed", without("apigee/apigee-runtime-a 10.1.0.30", "phase"), []string{"1 waiting: still run in namespace apigee, the first is apigee-runtime-a"}},
	"an unknown pod":                   {"environments-removed", more("apigee/apigee-runtime-a 10.1.0.30 Unknown"), []string{"1 waiting: still run in namespace apigee, the first is apigee-runtime-a"}},
	"an odd name":                      {"environments-removed", more("apigee/my-own-name 10.1.0.30 Running apigee-runtime"), []string{"1 waiting: still run in namespace apigee, the first is my-own-name"}},
	"pods that ended":                  {"environments-removed", more("apigee/apigee-runtime-a 10.1.0.30 Succeeded", "apigee/apigee-runtime-b 10.1.0.31 Failed"), nil},
	"of another namespace":             {"environments-removed", more("staging/apigee-runtime-a 10.1.0.30"), nil},

	"the organization, a pod of mart":          {"organization-removed", more("apigee/apigee-mart-a 10.1.0.30"), []string{"1 waiting: still run in namespace apigee, the first is apigee-mart-a"}},
	"the organization, a pod of watcher":       {"organization-removed", more("apigee/apigee-watcher-a 10.1.0.30"), []string{"1 waiting: still run in namespace apigee, the first is apigee-watcher-a"}},
	"the organization, a pod of connect":       {"organization-removed", more("apigee/apigee-connect-agent-a 10.1.0.30"), []string{"1 waiting: still run in namespace apigee, the first is apigee-connect-agent-a"}},
	"the organization, a pod of udca":          {"organization-removed", more("apigee/apigee-udca-a 10.1.0.30"), []string{"1 waiting: still run in namespace apigee, the first is apigee-udca-a"}},
	"the organization, a pod of mint":          {"organization-removed", more("apigee/apigee-mint-task-scheduler-a 10.1.0.30"), []string{"1 waiting: still run in namespace apigee, the first is apigee-mint-task-scheduler-a"}},
	"the organization, a gateway":              {"organization-removed", more("apigee/apigee-ingressgateway-public-rg-hyb-x 10.1.0.30 Running apigee-ingressgateway"), []string{"1 waiting: still run in namespace apigee, the first is apigee-ingressgateway-public-rg-hyb-x"}},
	"the organization, a pod of a environment": {"organization-removed", more("apigee/apigee-synchronizer-a 10.1.0.30"), []string{"1 waiting: still run in namespace apigee, the first is apigee-synchronizer-a"}},
	"the organization, an odd name":            {"organization-removed", more("apigee/odd 10.1.0.30 Running apigee-mart"), []string{"1 waiting: still run in namespace apigee, the first is odd"}},
	"the organization, pods that ended":        {"organization-removed", more("apigee/apigee-mart-a 10.1.0.30 Succeeded"), nil},

	"the components, redis":             {"components-removed", more(componentPods...), []string{"1 waiting: 4 of the listed pods other than the operator's still run in namespace apigee, the first is apigee-ingressgateway-manager-5fd87c45b7-46hnc"}},
	"the components, cassandra":         {"components-removed", more(dataPods[2]), []string{"1 waiting: still run in namespace apigee, the first is apigee-cassandra-default-2"}},
	"the components, what nobody knows": {"components-removed", more("apigee/apigee-something-new 10.1.0.30"), []string{"1 waiting: still run in namespace apigee, the first is apigee-something-new"}},
	"the components, an odd name":       {"components-removed", more("apigee/odd 10.1.0.30 Running apigee-redis"), []string{"1 waiting: still run in namespace apigee, the first is odd"}},
	"the components, somebody else's":   {"components-removed", more("apigee/my-app 10.1.0.30"), nil},
	"the components, jobs that ended":   {"components-removed", more("apigee/apigee-hybrid-helm-guardrail-operator 10.1.0.30 Succeeded"), nil},
	"the components, two operators":     {"components-removed", more("apigee/apigee-controller-manager-947fc4557-2 10.1.0.30"), nil},
	// The operator's pods carry a label of another name than theirs [C15].
	"the components, the operator's label":      {"components-removed", more("apigee/apigee-controller-manager-947fc4557-2 10.1.0.30 Running apigee-controller"), nil},
	"the components, the operator's name alone": {"components-removed", more("apigee/apigee-controller-9 10.1.0.30 Running apigee-controller-manager"), []string{"1 waiting: still run in namespace apigee, the first is apigee-controller-9"}},
	"a name before a label":                     {"environments-removed", more("apigee/apigee-runtime-a 10.1.0.30 Running apigee-redis"), []string{"1 waiting: the first is apigee-runtime-a"}},
	"a label that a name contradicts":           {"environments-removed", more("apigee/apigee-redis-default-1 10.1.0.30 Running apigee-runtime"), nil},
	"the components, and dc-2 is back":          {"components-removed", with("status", said(dc1, dc2)), []string{"2 waiting: still lists datacenter dc-2: 3 UN"}},

	"no list": {"environments-removed", func(_ testing.TB, w *world) { w.drop("pods") }, []string{"1 unknown: no list of pods among the observations: give the whole output of kubectl get pods -A -o json"}},
	"a single pod": {"environments-removed", func(_ testing.TB, w *world) { w.inputs["pods"].doc = podOf(operatorPods[0]) },
		[]string{"1 unknown: no list of pods among the observations"}},
	"single pods beside a list": {"environments-removed", func(_ testing.TB, w *world) {
		w.inputs["one"] = &input{doc: podOf("apigee/apigee-runtime-a 10.1.0.30"), at: minute(61)}
	}, nil},
	"a list of one namespace": {"environments-removed", with("pods", pods(slices.Concat(operatorPods, dataPods)...)), []string{"1 unknown: the list of pods shows namespace apigee only: give the whole output"}},
	// The operator leaves last: a list without it is not the whole.
	"a list of two other namespaces":     {"environments-removed", with("pods", pods("kube-system/kube-dns-1 10.1.9.1", "cert-manager/cm-1 10.1.9.2")), []string{"1 unknown: the list shows no pod apigee-controller-manager in namespace apigee, which leaves last: give the whole output"}},
	"a list without the operator":        {"organization-removed", with("pods", pods(slices.Concat(clusterPods, componentPods, dataPods)...)), []string{"1 unknown: the list shows no pod apigee-controller-manager in namespace apigee"}},
	"the operator, of another namespace": {"components-removed", with("pods", pods("kube-system/kube-dns-1 10.1.9.1", "staging/apigee-controller-manager-1 10.1.0.5")), []string{"1 unknown: the list shows no pod apigee-controller-manager in namespace apigee"}},
	"a list of another namespace":        {"environments-removed", with("pods", pods("kube-system/kube-dns-1 10.1.9.1", "kube-system/kube-dns-2 10.1.9.2")), []string{"1 unknown: the list of pods shows namespace kube-system only: give the whole output"}},
	// Two lists in one file are no list of both namespaces.
	"two lists in one file": {"environments-removed", with("pods", listsOf([]string{operatorPods[0]}, clusterPods)), []string{"1 unknown: two lists of pods were taken at one time"}},
	"one list in another": {"environments-removed", func(_ testing.TB, w *world) {
		w.inputs["pods"].doc = map[string]any{"apiVersion": "v1", "kind": "List", "items": []any{w.inputs["pods"].doc}}
	}, nil},
	"a list twice in one file": {"environments-removed", with("pods", listsOf(slices.Concat(clusterPods, operatorPods), slices.Concat(clusterPods, operatorPods))), nil},
	"a list of another cluster": {"environments-removed", with("pods", pods("kube-system/kube-dns-1 10.0.9.1", "apigee/apigee-controller-manager-1 10.0.0.5")),
		[]string{"1 unknown: no listed pod has an address in the networks of the region (10.1.0.0/16, 10.11.0.0/20): is the list of another cluster?"}},
	"a list without addresses":     {"environments-removed", with("pods", pods("kube-system/kube-dns-1", "apigee/apigee-controller-manager-1")), []string{"1 unknown: no listed pod has an address"}},
	"a list of the nodes' network": {"environments-removed", with("pods", pods("kube-system/netd-1 10.11.15.255", "apigee/apigee-controller-manager-1 10.0.0.5")), nil},
	"an address of one pod alone":  {"environments-removed", with("pods", pods("apigee/apigee-controller-manager-1 -", "kube-system/a 192.0.2.1", "kube-system/b 10.1.9.1")), nil},
	"a list that is superseded": {"environments-removed", func(_ testing.TB, w *world) {
		w.inputs["older"] = pods(slices.Concat(clusterPods, []string{"apigee/apigee-runtime-a 10.1.0.30"})...)
		w.inputs["older"].at = minute(59)
	}, nil},
	"a list that supersedes": {"environments-removed", func(_ testing.TB, w *world) {
		w.inputs["later"] = pods(slices.Concat(clusterPods, operatorPods, []string{"apigee/apigee-runtime-a 10.1.0.30"})...)
		w.inputs["later"].at = minute(61)
	}, []string{"1 waiting: 1 of the listed pods of an environment still run in namespace apigee, the first is apigee-runtime-a"}},
	"two lists at one time": {"environments-removed", func(_ testing.TB, w *world) {
		w.inputs["second"] = pods(slices.Concat(clusterPods, operatorPods, []string{"apigee/apigee-runtime-a 10.1.0.30"})...)
	}, []string{"1 unknown: two lists of pods were taken at one time"}},
	"a better list from before the phase": {"environments-removed", func(_ testing.TB, w *world) {
		w.inputs["older"] = w.copyOf("pods", minute(-1))
		w.inputs["pods"] = pods(slices.Concat(clusterPods, operatorPods, []string{"apigee/apigee-runtime-a 10.1.0.30"})...)
	}, []string{"1 waiting: still run in namespace apigee, the first is apigee-runtime-a"}},

	"the rest of the ring is down":       {"environments-removed", with("status", said(listing("dc-1", "10.0.0", "UN DN UN"), dc2)), []string{"2 waiting: 10.0.0.12 of dc-1 is DN"}},
	"its own datacenter is down":         {"environments-removed", with("status", said(dc1, listing("dc-2", "10.1.0", "DN DN DN"))), nil},
	"its own datacenter is not listed":   {"environments-removed", with("status", said(dc1)), nil},
	"a survivor is not listed":           {"environments-removed", with("status", said(dc2)), []string{"2 waiting: does not list datacenter dc-1"}},
	"one that is not in the ring":        {"environments-removed", with("status", said(dc1, dc2, dc9)), []string{"2 unknown: lists datacenter dc-9"}},
	"the rest of the ring is down later": {"organization-removed", with("status", said(listing("dc-1", "10.0.0", "UN DN UN"), dc2)), []string{"2 waiting: 10.0.0.12 of dc-1 is DN"}},
}

// listsOf writes several lists into one file.
func listsOf(lists ...[]string) *input {
	var b strings.Builder
	for _, list := range lists {
		data, _ := json.Marshal(pods(list...).doc) //nolint:errchkjson // plain text
		b.Write(append(data, '\n'))
	}
	return &input{text: b.String(), at: minute(60)}
}

// more adds pods to the list.
func more(list ...string) func(testing.TB, *world) {
	return func(_ testing.TB, w *world) {
		for _, text := range list {
			w.inputs["pods"].doc["items"] = append(w.inputs["pods"].doc["items"].([]any), podOf(text))
		}
	}
}

// without adds a pod whose status lacks a field.
func without(pod, field string) func(testing.TB, *world) {
	return func(_ testing.TB, w *world) {
		p := podOf(pod)
		delete(p["status"].(map[string]any), field)
		w.inputs["pods"].doc["items"] = append(w.inputs["pods"].doc["items"].([]any), p)
	}
}

// leavingTests are those of the gates that want the datacenter out of the ring.
var leavingTests = func() map[string]gateTest {
	tests := map[string]gateTest{}
	for gate, number := range map[string]string{"datacenter-left": "1", "components-removed": "2", "region-removed": "1"} {
		for name, tt := range map[string]struct {
			change func(testing.TB, *world)
			want   string
		}{
			"still listed, up":      {with("status", said(dc1, dc2)), "waiting: nodetool status still lists datacenter dc-2: 3 UN"},
			"still listed, down":    {with("status", said(dc1, listing("dc-2", "10.1.0", "DN DN DN"))), "waiting: still lists datacenter dc-2: 3 DN"},
			"still listed, leaving": {with("status", said(dc1, listing("dc-2", "10.1.0", "DN UL DN"))), "waiting: still lists datacenter dc-2: 2 DN, 1 UL"},
			"one node is left":      {with("status", said(dc1, listing("dc-2", "10.1.0", "DL"))), "waiting: still lists datacenter dc-2: 1 DL"},
			"by a node of its own":  {with("status", said(dc2)), "waiting: still lists datacenter dc-2"},
			"a survivor is down":    {with("status", said(listing("dc-1", "10.0.0", "UN UN DN"))), "waiting: node 10.0.0.13 of dc-1 is DN, not UN"},
			"a survivor is leaving": {with("status", said(listing("dc-1", "10.0.0", "UN UN UL"))), "waiting: node 10.0.0.13 of dc-1 is UL, not UN"},
			"a survivor is short":   {with("status", said(listing("dc-1", "10.0.0", "UN UN"))), "waiting: dc-1 has 2 nodes, not 3"},
			"another is missing": {func(_ testing.TB, w *world) {
				w.rollout = w.rollout.With(stage.Progress{Region: "north", Phase: stage.Serving})
			}, "waiting: nodetool status does not list datacenter dc-3"},
			"another is down": {func(_ testing.TB, w *world) {
				w.rollout = w.rollout.With(stage.Progress{Region: "north", Phase: stage.Serving})
				w.inputs["status"] = said(dc1, listing("dc-3", "10.2.0", "UN DN UN"))
			}, "waiting: node 10.2.0.12 of dc-3 is DN, not UN"},
			"two listings in one": {func(_ testing.TB, w *world) {
				w.rollout = w.rollout.With(stage.Progress{Region: "north", Phase: stage.Serving})
				w.inputs["status"] = apart(dc1, dc3)
			}, "unknown: may be two listings in one"},
			"another and described": {func(_ testing.TB, w *world) {
				w.rollout = w.rollout.With(stage.Progress{Region: "north", Phase: stage.Serving})
				w.inputs["status"], w.inputs["cluster"] = apart(dc1, dc3), describe("10.0.0 10.2.0")
			}, ""},
			"another and still described": {func(_ testing.TB, w *world) {
				w.rollout = w.rollout.With(stage.Progress{Region: "north", Phase: stage.Serving})
				w.inputs["status"], w.inputs["cluster"] = apart(dc1, dc3), describe("10.0.0 10.2.0 10.1.0")
			}, "unknown: may be two listings in one"},
			"one that is not in the ring": {with("status", said(dc1, dc9)), "unknown: lists datacenter dc-9, which by the rollout is not in the ring"},
			"nobody is left": {func(_ testing.TB, w *world) {
				w.rollout = stage.Rollout{}.With(w.at)
			}, "unknown: no other datacenter is left in the ring to tell"},
			"a listing of after, and one of before it left": {func(_ testing.TB, w *world) {
				w.inputs["older"] = said(dc1, dc2)
				w.inputs["older"].at = minute(30)
			}, ""},
			"it came back": {func(_ testing.TB, w *world) {
				w.inputs["later"] = said(dc1, listing("dc-2", "10.1.0", "UN"))
				w.inputs["later"].at = minute(61)
			}, "waiting: still lists datacenter dc-2: 1 UN"},
			"two survivors differ": {with("second", said(dc1, listing("dc-2", "10.1.0", "DN"))), "unknown: two observations of nodetool status"},
		} {
			row := gateTest{gate: gate, change: tt.change}
			if tt.want != "" {
				row.want = []string{number + " " + tt.want}
			}
			tests[gate+", "+name] = row
		}
	}
	return tests
}()

// purgeTests are those of a region whose cluster is lost: its nodes must be out
// of the ring, by a listing with one other datacenter that is whole.
var purgeTests = map[string]gateTest{
	"still listed, down":      {"datacenter-purged", with("status", said(dc1, listing("dc-2", "10.1.0", "DN DN DN"))), []string{"1 waiting: nodetool status still lists datacenter dc-2: 3 DN; `ringplan explain purging`"}},
	"one node is left":        {"datacenter-purged", with("status", said(dc1, listing("dc-2", "10.1.0", "DN"))), []string{"1 waiting: still lists datacenter dc-2: 1 DN"}},
	"it is up":                {"datacenter-purged", with("status", said(dc1, dc2)), []string{"1 waiting: still lists datacenter dc-2: 3 UN"}},
	"by itself":               {"datacenter-purged", with("status", said(dc2)), []string{"1 waiting: still lists datacenter dc-2"}},
	"the survivor is down":    {"datacenter-purged", with("status", said(listing("dc-1", "10.0.0", "UN DN UN"))), []string{"1 unknown: shows no other datacenter of the ring whole"}},
	"the survivor is short":   {"datacenter-purged", with("status", said(listing("dc-1", "10.0.0", "UN UN"))), []string{"1 unknown: shows no other datacenter of the ring whole"}},
	"of another ring":         {"datacenter-purged", with("status", said(listing("dc-9", "10.9.0", up))), []string{"1 unknown: shows no other datacenter of the ring whole"}},
	"of a planned region":     {"datacenter-purged", with("status", said(dc3)), []string{"1 unknown: shows no other datacenter of the ring whole"}},
	"nobody is left":          {"datacenter-purged", func(_ testing.TB, w *world) { w.rollout = stage.Rollout{}.With(w.at) }, []string{"1 unknown: shows no other datacenter of the ring whole"}},
	"another is lost too":     {"datacenter-purged", beside(dc1, listing("dc-3", "10.2.0", "DN DN DN")), nil},
	"another is not listed":   {"datacenter-purged", beside(dc1, ""), nil},
	"only the last is whole":  {"datacenter-purged", beside(listing("dc-1", "10.0.0", "DN DN DN"), dc3), nil},
	"none of two is whole":    {"datacenter-purged", beside(listing("dc-1", "10.0.0", "UN UN DN"), listing("dc-3", "10.2.0", "UJ UN UN")), []string{"1 unknown: shows no other datacenter of the ring whole"}},
	"it came back afterwards": {"datacenter-purged", func(_ testing.TB, w *world) { w.inputs["later"] = said(dc1, dc2); w.inputs["later"].at = minute(61) }, []string{"1 waiting: still lists datacenter dc-2"}},
}

// beside says something of a ring that has a third region.
func beside(listings ...string) func(testing.TB, *world) {
	return func(_ testing.TB, w *world) {
		w.rollout = w.rollout.With(stage.Progress{Region: "north", Phase: stage.Serving})
		w.inputs["status"] = said(listings...)
	}
}

// TestPurgeWarnings: who else is down is said, and keeps no gate shut.
func TestPurgeWarnings(t *testing.T) {
	for want, listings := range map[string][]string{
		"":                                     {dc1, dc3},
		"node 10.2.0.11 of dc-3 is DN":         {dc1, listing("dc-3", "10.2.0", "DN DN DN")},
		"does not list datacenter dc-3":        {dc1},
		"node 10.0.0.12 of dc-1 is UL, not UN": {listing("dc-1", "10.0.0", "UN UL UN"), dc3},
	} {
		w := worldAt(t, "datacenter-purged")
		beside(listings...)(t, w)
		got := decide(w.question(t)).Results[0]
		if got.Answer != stage.Met || (got.Warning == "") != (want == "") || !strings.Contains(got.Warning, want) || !strings.HasSuffix(got.Reason, "is UN, and dc-2 is not listed") {
			t.Errorf("%q: %+v", want, got)
		}
	}
}

// TestMetReasons holds what is said, and recorded, of a gate that is open.
func TestMetReasons(t *testing.T) {
	for gate, want := range map[string][]string{
		"datacenter-joined": {
			"ApigeeDatastore/default: status.state is running, and 3 of 3 replicas are ready", "ApigeeOrganization apigee/rg-hybrid-b7d3b9c: status.state is running",
			"nodetool status: every node of dc-1, dc-2 is UN", "the datastores of dc-2: none is scaling or of another version",
		},
		"rebuild-complete": {
			"ApigeeDatastore/default: status.cassandraDataReplication.state is complete", "ApigeeDatastore/default: rebuildDetails: all 3 pods are complete",
			"ApigeeDatastore/default: every updated time is after the replication was created at 2026-11-21T09:01:00Z", "ApigeeDatastore/default: no pod is in state error",
			"ApigeeDatastore/default: spec.components.cassandra.properties.multiRegionSeedHost is 10.0.0.11",
		},
		"seed-removed": {
			"ApigeeDatastore/default: spec.components.cassandra.properties.multiRegionSeedHost is not set", "ApigeeDatastore/default: generation 4 is applied, and status.state is running",
			"nodetool status: every node of dc-1, dc-2 is UN", "dc-2 holds 214.8 GiB on 3 nodes, and dc-1 holds 214.8 GiB on 3",
		},
		"ring-settled":         {"nodetool status: every node of dc-1 is UN", "the datastores of dc-1: none is scaling or of another version"},
		"environments-removed": {"pods lists the pods of 2 namespaces, and in apigee none of an environment", "nodetool status: every node of dc-1 is UN"},
		"organization-removed": {"pods lists the pods of 2 namespaces, and in apigee none of an environment or the organization", "nodetool status: every node of dc-1 is UN"},
		"components-removed":   {"pods lists the pods of 2 namespaces, and in apigee none other than the operator's", "nodetool status: every node of dc-1 is UN, and dc-2 is not listed"},
		"already-serving": {
			"ApigeeDatastore/default: status.state is running, and 3 of 3 replicas are ready", "ApigeeDatastore/default: the spec is as the topology says",
			"ApigeeDatastore/default: generation 4 is applied, and status.state is running", "ApigeeDatastore/default: no rebuild is under way",
			"ApigeeOrganization apigee/rg-hybrid-b7d3b9c: status.state is running", "ApigeeDatastore/default: spec.components.cassandra.properties.multiRegionSeedHost is not set",
			"nodetool status: every node of dc-1, dc-2 is UN",
		},
		"datacenter-left": {"nodetool status: every node of dc-1 is UN, and dc-2 is not listed"},
	} {
		var got []string
		for _, r := range decide(worldAt(t, gate).question(t)).Results {
			got = append(got, r.Reason)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", gate, diff)
		}
	}
}

// TestNothingIsExpected: a question whose expectation is lost or unreadable is
// never answered with met.
func TestNothingIsExpected(t *testing.T) {
	for gate := range checks {
		q := worldAt(t, gate).question(t)
		for _, expected := range []string{"", "null", "{}", "[]", `{"region": 1}`, `{"region": {"name": "dc-2"}}`, `{"others": [{}]}`} {
			q.Expected = json.RawMessage(expected)
			if got := stage.Verdict(decide(q).Results); got == stage.Met {
				t.Errorf("%s is met where %q is expected", gate, expected)
			}
		}
		sound := string(worldAt(t, gate).question(t).Expected)
		for _, expected := range []string{sound + "}", sound[:len(sound)-1], strings.Replace(sound, `"hostNetwork":false`, `"hostNetwork":"no"`, 1)} {
			q.Expected = json.RawMessage(expected)
			for _, r := range decide(q).Results {
				if r.Answer != stage.Unknown || r.Reason != "what was expected cannot be read" {
					t.Errorf("%s: %+v where %q is expected", gate, r, expected)
				}
			}
		}
	}
	q := worldAt(t, "region-removed").question(t)
	for _, gate := range []stage.Gate{{Name: "unheard-of", Checks: []string{"one"}}, {Name: "region-removed", Checks: []string{"one", "two"}}} {
		q.Gate = &gate
		results := decide(q).Results
		if last := results[len(results)-1]; len(results) != len(gate.Checks) || last.Answer != stage.Unknown || last.Reason != "nothing checks this" {
			t.Errorf("%s: %+v", gate.Name, results)
		}
	}
	q.Gate = &stage.Gate{Name: "region-removed"}
	if got := decide(q); stage.Verdict(got.Results) != stage.Unknown {
		t.Errorf("a gate without checks is open: %+v", got)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 3 << 50: "3.0 PiB", 4 << 60: "4096.0 PiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
