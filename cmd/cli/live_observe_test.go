package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/ringplan/ringplan/pkg/live/livetest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// A gateRing is a topology of three regions, each with a cluster in which
// everything is as the gates want it.
type gateRing struct {
	topology, kubeconfig string
	clusters             map[string]*apigeeCluster
}

func newGateRing(t *testing.T) *gateRing {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	mustRun(t, "init", "--regions", "3", ".")
	before, last, _ := strings.Cut(readText(t, "topology.yaml"), "- name: region-3")
	last = regexp.MustCompile(`(?m)^ *seedHost: .*\n`).ReplaceAllString(last, "") // region-3 serves
	write(t, "topology.yaml", before+"- name: region-3"+last)
	r := &gateRing{topology: filepath.Join(dir, "topology.yaml"), clusters: map[string]*apigeeCluster{}}
	servers := map[string]string{}
	var ring string
	for n := 1; n <= 3; n++ {
		ring += listed(n)
	}
	for n := 1; n <= 3; n++ {
		s := newApigeeCluster(t)
		r.clusters[regionName(n)], servers[fmt.Sprintf("cluster-%d", n)] = s, s.URL
		s.nodetool("status", ring, 0)
		s.Put(runningDatastore(n, ""))
		s.Put(map[string]any{
			"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization",
			"metadata": map[string]any{"name": "my-org-c6f029e", "namespace": "apigee"}, "status": map[string]any{"state": "running"},
		})
	}
	r.kubeconfig = livetest.Kubeconfig(t, servers)
	t.Setenv("KUBECONFIG", r.kubeconfig)
	t.Setenv("RINGPLAN_NOW", "2026-11-21T12:00:00Z")
	return r
}

func regionName(n int) string { return fmt.Sprintf("region-%d", n) }

// listed is what nodetool status says of a datacenter that is whole.
func listed(n int) string {
	text := fmt.Sprintf("Datacenter: dc-%d\n================\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n--  Address      Load       Tokens  Owns  Host ID                               Rack\n", n)
	for i := range 3 {
		text += fmt.Sprintf("UN  10.10%d.0.1%d  71.61 GiB  256     ?     8894a98b-0000-45de-99e2-f404ab10a%d0%d  ra-1\n", n-1, i, n, i)
	}
	return text
}

// runningDatastore is one whose generation is applied, and that a rebuild may
// have left.
func runningDatastore(n int, seed string) map[string]any {
	object := datastoreObject(fmt.Sprintf("dc-%d", n), seed)
	set(object, 4, "metadata", "generation")
	for _, field := range []string{"observedGeneration", "lastAppliedGeneration"} {
		set(object, 4, "status", field)
	}
	set(object, 3, "status", "cassandraReadyReplicas")
	return object
}

// rebuilt is the status of pods of which so many are complete.
func rebuilt(complete int) map[string]any {
	at := time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC).Unix()
	pods, state := map[string]any{}, "complete"
	for i := range 3 {
		pod := "complete"
		if i >= complete {
			pod, state = "running", "running"
		}
		pods[fmt.Sprintf("apigee-cassandra-default-%d", i)] = map[string]any{"state": pod, "updated": at}
	}
	return map[string]any{"state": state, "updated": at, "rebuildDetails": pods}
}

// rebuilds puts region-2 where so many pods are rebuilt.
func (r *gateRing) rebuilds(complete int) {
	object := runningDatastore(2, "10.100.0.11")
	set(object, rebuilt(complete), "status", "cassandraDataReplication")
	r.clusters["region-2"].Put(object)
	replication := replicationObject("expand-region-2", "dc-1")
	set(replication, "2026-11-21T10:30:00Z", "metadata", "creationTimestamp")
	r.clusters["region-2"].Put(replication)
}

// leaves puts pods into the cluster of region-2 as they are where only the
// operator is left, and takes its datacenter out of the others.
func (r *gateRing) leaves() {
	for i, name := range []string{"kube-system/coredns", "apigee/apigee-controller-manager-1"} {
		namespace, pod, _ := strings.Cut(name, "/")
		r.clusters["region-2"].Put(map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": pod, "namespace": namespace},
			"status": map[string]any{"phase": "Running", "podIP": fmt.Sprintf("10.101.0.%d", 20+i)},
		})
	}
	for i := range 3 {
		r.clusters["region-2"].Remove("v1", "Pod", "apigee", fmt.Sprintf("apigee-cassandra-default-%d", i))
	}
	for _, n := range []int{1, 3} {
		r.clusters[regionName(n)].nodetool("status", listed(1)+listed(3), 0)
	}
}

// gate judges the gate of region-2 at a phase.
func (r *gateRing) gate(t *testing.T, phase string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	args = append([]string{"gate", "region-2", "--live", "--exec", "--since", "2026-11-21T10:00:00Z", "--phase", "region-1=serving,region-3=serving,region-2=" + phase}, args...)
	code, stdout, stderr = ringplan(t, args...)
	for name, s := range r.clusters {
		stdout = strings.ReplaceAll(stdout, strings.TrimPrefix(s.URL, "https://"), "SERVER of "+name)
		stderr = strings.ReplaceAll(stderr, strings.TrimPrefix(s.URL, "https://"), "SERVER of "+name)
	}
	if strings.Contains(stdout+stderr, "canary") {
		t.Errorf("a secret is shown:\n%s%s", stdout, stderr)
	}
	return code, stdout, stderr
}

// mustOpen wants a gate to be open.
func (r *gateRing) mustOpen(t *testing.T, phase string, args ...string) {
	t.Helper()
	if code, stdout, stderr := r.gate(t, phase, args...); code != exitOK {
		t.Errorf("at %s: exit code %d\n%s%s", phase, code, stdout, stderr)
	}
}

// everyGate opens every gate once, so that all is asked for that gates want.
func (r *gateRing) everyGate(t *testing.T) {
	t.Helper()
	r.mustOpen(t, "joining")
	r.rebuilds(3)
	r.mustOpen(t, "rebuilding")
	r.clusters["region-2"].Put(runningDatastore(2, ""))
	r.mustOpen(t, "settling")
	r.mustOpen(t, "serving", "--procedure", "decommission")
	r.leaves()
	for _, phase := range []string{"draining", "detaching", "leaving", "clearing", "closing", "purging"} {
		r.mustOpen(t, phase)
	}
}

// A permit is what a Role allows of one verb.
type permit struct{ verb, group, resource, namespace, name string }

// permits reads the roles that access prints for a region.
func permits(t *testing.T, args ...string) map[permit]bool {
	t.Helper()
	_, text, _ := ringplan(t, append([]string{"access"}, args...)...)
	allowed := map[permit]bool{}
	for dec := yaml.NewDecoder(strings.NewReader(text)); ; {
		var role struct {
			Kind     string
			Metadata struct{ Namespace string }
			Rules    []struct {
				APIGroups     []string `yaml:"apiGroups"`
				Resources     []string
				ResourceNames []string `yaml:"resourceNames"`
				Verbs         []string
			}
		}
		if err := dec.Decode(&role); errors.Is(err, io.EOF) {
			return allowed
		} else if err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			if len(rule.ResourceNames) == 0 {
				rule.ResourceNames = []string{""}
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, name := range rule.ResourceNames {
						for _, verb := range rule.Verbs {
							allowed[permit{verb, group, resource, role.Metadata.Namespace, name}] = false
						}
					}
				}
			}
		}
	}
}

// use notes that a request is allowed, and reports whether it is.
func use(allowed map[permit]bool, q livetest.Request) bool {
	for _, p := range []permit{{q.Verb, q.Group, q.Resource, q.Namespace, ""}, {q.Verb, q.Group, q.Resource, q.Namespace, q.Name}, {q.Verb, q.Group, q.Resource, "", ""}} {
		if _, there := allowed[p]; there {
			allowed[p] = true
			return true
		}
	}
	return false
}

// TestAccess lets every gate be read, and the clusters be compared, with the
// roles that access prints; and shows that nothing is allowed that is not asked
// for.
func TestAccess(t *testing.T) {
	r := newGateRing(t)
	allowed := permits(t, "--region", "region-2", "--exec", "--removals", "--releases")
	for _, s := range r.clusters {
		s.Permit(func(q livetest.Request) bool { return use(maps.Clone(allowed), q) })
	}
	// The first pods can run nothing, and in region-1 none can.
	for name, s := range r.clusters {
		for _, n := range []string{"0", "1", "2"} {
			s.Put(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "apigee-cassandra-default-" + n, "namespace": "apigee"}})
			if n != "2" || name == "region-1" {
				s.Refuse("/api/v1/namespaces/apigee/pods/apigee-cassandra-default-"+n+"/", http.StatusBadRequest, "BadRequest")
			}
		}
		s.Put(livetest.Release{Namespace: "apigee", Name: "datastore", Status: "deployed", Revision: 1, Chart: "apigee-datastore", Version: "1.16.0"}.Secret())
	}
	r.everyGate(t)
	r.rebuilds(3)
	code, stdout, stderr := ringplan(t, "diff", "--live", "--phase", "region-1=serving,region-3=serving,region-2=rebuilding")
	if code != exitDifferences || strings.Contains(stderr, "could not be read") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for name, s := range r.clusters {
		for _, q := range s.Wanted() {
			if !use(allowed, q) {
				t.Errorf("%s: %+v is not allowed", name, q)
			}
		}
	}
	for p, used := range allowed {
		if !used {
			t.Errorf("%+v is allowed, and nothing asks for it", p)
		}
	}
}

// TestAccessLess shows that each flag adds what it says, and nothing else is
// allowed without it.
func TestAccessLess(t *testing.T) {
	newGateRing(t)
	resources := func(args ...string) string {
		var list []string
		for p := range permits(t, append(args, "--region", "region-1")...) {
			list = append(list, p.verb+" "+p.resource+"@"+p.namespace)
		}
		slices.Sort(list)
		return strings.Join(slices.Compact(list), ", ")
	}
	const least = "list apigeedatastores@apigee, list apigeeorganizations@apigee, list cassandradatareplications@apigee"
	for flag, want := range map[string]string{
		"--strict":   least,
		"--exec":     "create pods/exec@apigee, get pods/exec@apigee, " + least,
		"--removals": least + ", list pods@",
		"--releases": "get apigeedatastores@apigee, get cassandradatareplications@apigee, get secrets@apigee, " + least + ", list secrets@apigee",
	} {
		if got := resources(flag); got != want {
			t.Errorf("%s: %s\nwant %s", flag, got, want)
		}
	}
	code, stdout, _ := ringplan(t, "gate", "region-1", "--live")
	if code != exitOK || !strings.Contains(stdout, "no gate holds it") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

// TestForbidden says for each thing that may not be read which check it keeps
// unknown.
func TestForbidden(t *testing.T) {
	for resource, c := range map[string]struct {
		phase   string
		unknown int
	}{
		"apigeedatastores":          {"joining", 2},
		"apigeeorganizations":       {"joining", 1},
		"cassandradatareplications": {"rebuilding", 3},
		"pods/exec":                 {"settling", 2},
		"pods":                      {"draining", 1},
	} {
		t.Run(resource, func(t *testing.T) {
			r := newGateRing(t)
			switch c.phase {
			case "rebuilding":
				r.rebuilds(3)
			case "draining":
				r.leaves()
				r.clusters["region-1"].nodetool("status", listed(1)+listed(2)+listed(3), 0)
			}
			r.mustOpen(t, c.phase)
			r.clusters["region-2"].Permit(func(q livetest.Request) bool { return q.Resource != resource })
			code, stdout, _ := r.gate(t, c.phase)
			if n := strings.Count(stdout, "\n  unknown  "); code != exitGate || n != c.unknown || strings.Count(stdout, "region region-2: context cluster-2 (SERVER of region-2): forbidden to ") != n {
				t.Errorf("exit code %d, %d unknown, want %d\n%s", code, n, c.unknown, stdout)
			}
		})
	}
}

// TestSurvivor asks any region that serves: the first that answers will do, and
// where none does all are named.
func TestSurvivor(t *testing.T) {
	r := newGateRing(t)
	r.leaves()
	r.clusters["region-1"].nodetool("status", "", 1)
	r.mustOpen(t, "leaving")
	r.clusters["region-3"].Refuse("/", http.StatusUnauthorized, "Unauthorized")
	code, stdout, _ := r.gate(t, "leaving")
	for _, want := range []string{
		"region region-1: context cluster-1 (SERVER of region-1): nodetool status in pod apigee/apigee-cassandra-default-0 ended with code 1: ",
		"; region region-3: context cluster-3 (SERVER of region-3): the cluster does not accept the credentials of the context",
	} {
		if code != exitGate || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, and it lacks %q:\n%s", code, want, stdout)
		}
	}
}

// TestSilent waits for a cluster that does not answer as long as it is told to,
// while all others are read.
func TestSilent(t *testing.T) {
	r := newGateRing(t)
	r.clusters["region-1"].Hang(t, "/apis")
	r.clusters["region-3"].Hang(t, "/apis")
	start := time.Now()
	code, stdout, _ := r.gate(t, "joining", "--timeout", "1s")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	const late = "the cluster has not answered in time: see that it can be reached, or allow it more time"
	want := "region region-1: context cluster-1 (SERVER of region-1): " + late + "; region region-3: context cluster-3 (SERVER of region-3): " + late + "\n"
	if code != exitGate || !strings.Contains(stdout, want) || strings.Count(stdout, "\n  met      ") != 3 {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

// TestJMX gives the user and password of the environment to nodetool by its
// input, and nothing of them to the API server's log.
func TestJMX(t *testing.T) {
	r := newGateRing(t)
	t.Setenv("JMX_USER", "someone")
	r.mustOpen(t, "settling")
	t.Setenv("JMX_PASSWORD", "canary $x '")
	r.mustOpen(t, "settling")
	ran := r.clusters["region-2"].ran
	var inputs []string
	for _, c := range ran {
		inputs = append(inputs, c.Input)
		if strings.Contains(fmt.Sprint(c.Args), "canary") {
			t.Errorf("the arguments hold the password: %q", c.Args)
		}
	}
	if want := []string{"", "", "someone\ncanary $x '\n", "someone\ncanary $x '\n"}; !slices.Equal(inputs, want) {
		t.Errorf("inputs %q, not %q", inputs, want)
	}
	t.Setenv("JMX_PASSWORD", "canary\nid")
	if code, _, stderr := r.gate(t, "settling"); code != exitFailed || stderr != "ringplan: JMX_USER or JMX_PASSWORD has more than one line\n" {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestSameEvidence compares the evidence of a step on what clusters say with that
// of the same step on what kubectl and nodetool write into files.
func TestSameEvidence(t *testing.T) {
	r := newGateRing(t)
	get := func(name string) []byte {
		var list struct{ Items []map[string]any }
		response := r.fetch(t, "region-1", name)
		dec := json.NewDecoder(bytes.NewReader(response))
		dec.UseNumber()
		if err := dec.Decode(&list); err != nil {
			t.Fatal(err)
		}
		text, err := listText(list.Items)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	r.clusters["region-1"].nodetool("status", listed(1), 0)
	mustRun(t, "adopt", "region-1", "--live", "--exec")
	live := readText(t, "evidence/region-1/01-adopt.yaml")
	for _, path := range []string{"evidence", "rendered", "rollout.yaml"} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"adopt", "region-1", "--observed-at", "2026-11-21T12:00:00Z"}
	for folder, text := range map[string][]byte{"a": get("v1alpha1/namespaces/apigee/apigeedatastores"), "b": get("v1alpha2/namespaces/apigee/apigeeorganizations"), "c": []byte(listed(1))} {
		write(t, filepath.Join(folder, "region-1"), string(text))
	}
	for _, folder := range []string{"a", "b", "c"} {
		args = append(args, "-f", filepath.Join(folder, "region-1"))
	}
	mustRun(t, args...)
	if files := readText(t, "evidence/region-1/01-adopt.yaml"); files != live || strings.Contains(live, "canary") {
		t.Errorf("from the cluster:\n%s\nfrom files:\n%s", live, files)
	}
}

// TestListText writes what kubectl writes.
func TestListText(t *testing.T) {
	object := map[string]any{"kind": "Pod", "apiVersion": "v1", "metadata": map[string]any{"name": "p", "managedFields": []any{"canary"}, "generation": int64(2)}, "odd": "a<b"}
	text, err := listText([]map[string]any{object})
	want := `{
    "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generation": 2,
                "name": "p"
            },
            "odd": "a\u003cb"
        }
    ],
    "kind": "List",
    "metadata": {
        "resourceVersion": ""
    }
}
`
	if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if object["metadata"].(map[string]any)["managedFields"] == nil {
		t.Error("the object itself is changed")
	}
}

// TestTaken says that everything was taken before the first request was made, and
// judges after the last: what is read may have changed since.
func TestTaken(t *testing.T) {
	r := newGateRing(t)
	r.clusters["region-1"].nodetool("status", listed(1), 0)
	ring, l := lookingAt(t)
	clock := time.Date(2026, 11, 21, 12, 0, 0, 999, time.UTC)
	l.now = func() (time.Time, error) {
		clock = clock.Add(time.Minute)
		return clock, nil
	}
	_, req, err := l.ask(t.Context(), ring, ring.at, system.Request{Region: "region-1"}, true)
	if err != nil || !req.Asked || len(req.Seen) != 3 {
		t.Fatalf("%v, %+v", err, req)
	}
	for _, o := range req.Seen {
		if !o.Taken.Equal(time.Date(2026, 11, 21, 12, 1, 0, 0, time.UTC)) || o.Source != "region-1" {
			t.Errorf("%s of %s was taken at %s", o.Object(), o.Source, o.Taken)
		}
	}
	if !req.Now.Equal(time.Date(2026, 11, 21, 12, 2, 0, 999, time.UTC)) {
		t.Errorf("judged at %s", req.Now)
	}
}

// fetch gets a list from a cluster as kubectl would.
func (r *gateRing) fetch(t *testing.T, region, path string) []byte {
	t.Helper()
	recorder := httptest.NewRecorder()
	request, err := http.NewRequest(http.MethodGet, "https://x/apis/apigee.cloud.google.com/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer x")
	r.clusters[region].ServeHTTP(recorder, request)
	return recorder.Body.Bytes()
}

// TestAlone has nobody to ask.
func TestAlone(t *testing.T) {
	newGateRing(t)
	r, l := lookingAt(t)
	gate := r.system.Procedures.Gate("datacenter-left")
	sights, err := l.look(t.Context(), []waiting{{r, r.at, "region-2", gate}})
	if err != nil {
		t.Fatal(err)
	}
	results := sights[0].system.Judge(system.Question{Gate: gate}).Results
	if len(results) != 1 || results[0].Answer != stage.Unknown || results[0].Reason != "no region serves that could be asked" {
		t.Errorf("%+v", results)
	}
}

// lookingAt returns the topology of the working folder, of which nothing is
// rendered yet, with what reads its clusters.
func lookingAt(t *testing.T) (*ring, *lookout) {
	t.Helper()
	rings, err := (&app{stdout: io.Discard, stderr: io.Discard}).usable(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := stepFlags{live: liveFlags{on: true, exec: true, timeout: time.Minute}}
	l, err := f.lookout(rings)
	if err != nil {
		t.Fatal(err)
	}
	return rings[0], l
}

// TestExecOnly runs nothing in a pod unless that is allowed.
func TestExecOnly(t *testing.T) {
	r := newGateRing(t)
	code, stdout, _ := ringplan(t, "gate", "region-2", "--live", "--since", "2026-11-21T10:00:00Z", "--phase", "region-1=serving,region-3=serving,region-2=settling")
	if code != exitGate || strings.Count(stdout, "give its output with -f, or let it be read with --exec\n") != 2 {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	for name, s := range r.clusters {
		for _, q := range s.Wanted() {
			if q.Verb != "list" || len(s.ran) > 0 {
				t.Errorf("%s was asked to %+v", name, q)
			}
		}
	}
}
