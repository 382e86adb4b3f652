package apigee

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// eachGateTest calls check with the question of every row of the tables.
func eachGateTest(t *testing.T, check func(t *testing.T, q system.Question)) {
	t.Helper()
	for name, tt := range allGateTests() {
		t.Run(name, func(t *testing.T) {
			w := worldAt(t, tt.gate)
			if tt.change != nil {
				tt.change(t, w)
			}
			check(t, w.question(t))
		})
	}
}

// answers writes the answers of a judgement, without the reasons.
func answers(j system.Judgement) string {
	var b strings.Builder
	for _, r := range j.Results {
		fmt.Fprintf(&b, "%s; ", r.Answer)
	}
	return b.String()
}

func judged(q system.Question, seen observe.Set) system.Judgement {
	q.Seen = seen
	return decide(q)
}

// recorded returns what is read again of observations that stand in evidence.
func recorded(t *testing.T, set observe.Set) observe.Set {
	t.Helper()
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	var read observe.Set
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return read
}

// checkUsed holds what is used against what was seen: it is a part of it, and
// enough for the same answers, also when it is read from evidence.
func checkUsed(t *testing.T, q system.Question) {
	t.Helper()
	judgement := decide(q)
	rest := slices.Clone(q.Seen)
	for _, o := range judgement.Used {
		i := slices.IndexFunc(rest, func(s observe.Observation) bool { return reflect.DeepEqual(o, s) })
		if i < 0 {
			t.Errorf("%s at %s is used, and was not seen, or not that often", o.Object(), o.Pos())
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	again := judged(q, recorded(t, judgement.Used))
	if diff := cmp.Diff(answers(judgement), answers(again)); diff != "" {
		t.Errorf("with what was used alone (-all +used):\n%s%v\n%v", diff, judgement.Results, again.Results)
	}
	if len(again.Used) > len(judgement.Used) {
		t.Errorf("the second time more is used: %d, %d", len(judgement.Used), len(again.Used))
	}
	for i, r := range again.Results {
		if first := judgement.Results[i]; r.Warning != first.Warning || r.Check != first.Check {
			t.Errorf("check %d: another warning or check: %+v, %+v", i+1, first, r)
		}
	}
}

func TestUsedIsEnough(t *testing.T) { eachGateTest(t, checkUsed) }

// TestUsedIsLittle: what no check reads is not kept.
func TestUsedIsLittle(t *testing.T) {
	for gate, want := range map[string][]string{
		"install-running":      {"datastore", "organization", "status"},
		"ring-settled":         {"source", "status"},
		"datacenter-joined":    {"datastore", "organization", "status"},
		"rebuild-complete":     {"datastore", "replication"},
		"seed-removed":         {"datastore", "status"},
		"already-serving":      {"datastore", "organization", "status"},
		"environments-removed": {"pods", "status"},
		"organization-removed": {"pods", "status"},
		"datacenter-left":      {"status"},
		"components-removed":   {"pods", "status"},
		"region-removed":       {"status"},
		"datacenter-purged":    {"status"},
	} {
		w := worldAt(t, gate)
		w.beside(minute(30))
		other := datastoreOf(t, "dc-1")
		other.set("metadata.namespace", "other")
		w.inputs["other"], w.inputs["node"] = other, document(t, `{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}`)
		var got []string
		for _, o := range decide(w.question(t)).Used {
			if !slices.Contains(got, o.Source) && !strings.HasSuffix(o.Source, " again") {
				got = append(got, o.Source)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", gate, diff)
		}
	}
}

// TestPodsThatAreKept: the evidence holds every pod of the namespace, so that
// who reads it sees what was left there, and of the others only what shows that
// the list is of all namespaces and of the region.
func TestPodsThatAreKept(t *testing.T) {
	w := worldAt(t, "environments-removed")
	others := []string{"kube-system/a 192.0.2.1", "kube-system/b 10.1.9.1", "kube-system/c 10.1.9.2", "staging/d 10.1.9.3", "staging/e 10.1.9.4"}
	own := slices.Concat(operatorPods, componentPods, dataPods, organizationList, []string{"apigee/apigee-runtime-a 10.1.0.30 Succeeded", "apigee/my-app 10.1.0.31"})
	w.inputs["pods"] = pods(slices.Concat(others, own)...)
	want := []string{"kube-system/a", "staging/d"} // one of each
	for _, text := range own {
		want = append(want, strings.Fields(text)[0])
	}
	var got []string
	judgement := decide(w.question(t))
	for _, o := range judgement.Used {
		if o.Pod != nil {
			got = append(got, o.Namespace+"/"+o.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || stage.Verdict(judgement.Results) != stage.Met {
		t.Errorf("%v (-want +got):\n%s", judgement.Results, diff)
	}
}

// TestOrderDoesNotMatter: the answers, the reasons and what they rest on are
// the same in whatever order something was given.
func TestOrderDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	eachGateTest(t, func(t *testing.T, q system.Question) {
		first := decide(q)
		for range 5 {
			shuffled := slices.Clone(q.Seen)
			random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			again := judged(q, shuffled)
			if diff := cmp.Diff(first.Results, again.Results); diff != "" {
				t.Fatalf("in another order:\n%s", diff)
			}
			if diff := cmp.Diff(sources(first.Used), sources(again.Used)); diff != "" {
				t.Fatalf("in another order something else is used:\n%s", diff)
			}
		}
	})
}

func sources(set observe.Set) []string {
	var list []string
	for _, o := range set {
		list = append(list, fmt.Sprintf("%s:%d %s %s", o.Source, o.Line, o.Digest, o.Taken))
	}
	slices.Sort(list)
	return list
}

// TestWhatIsNotUsedDoesNotMatter: a gate that is open stays open whatever is
// left out of what it does not rest on, so that its evidence can be reduced.
func TestWhatIsNotUsedDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	eachGateTest(t, func(t *testing.T, q system.Question) {
		judgement := decide(q)
		if stage.Verdict(judgement.Results) != stage.Met {
			return
		}
		used := sources(judgement.Used)
		for range 10 {
			some := slices.DeleteFunc(slices.Clone(q.Seen), func(o observe.Observation) bool {
				return !slices.Contains(used, sources(observe.Set{o})[0]) && random.IntN(2) == 0
			})
			if again := judged(q, some); answers(judgement) != answers(again) {
				t.Fatalf("without what was not used:\n%v\n%v", judgement.Results, again.Results)
			}
		}
	})
}

// TestWhatLeavingOutOpens holds the rows whose gate is open once some of the
// inputs are left out. It cannot be helped where the answer lies in a newer
// observation, or in two that contradict each other: nobody can prove that
// nothing was withheld. Everything else must stay shut.
func TestWhatLeavingOutOpens(t *testing.T) {
	var got []string
	for name, tt := range allGateTests() {
		w := worldAt(t, tt.gate)
		if tt.change != nil {
			tt.change(t, w)
		}
		q := w.question(t)
		if stage.Verdict(decide(q).Results) != stage.Met && opens(q) {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	var want []string
	for gate := range checks {
		want = append(want, gate+"/"+gate+": a copy from the future beside")
		if gate != "ring-settled" && worldAt(t, gate).inputs["datastore"] != nil {
			want = append(want, gate+"/"+gate+": the datastore, two that differ", gate+"/"+gate+": the datastore, an older one that is better")
		}
		if worldAt(t, gate).inputs["organization"] != nil {
			want = append(want, gate+"/"+gate+": the organization, an older one that ran")
		}
		if worldAt(t, gate).at.Phase == leaving || worldAt(t, gate).at.Phase == clearing || worldAt(t, gate).at.Phase == closing {
			want = append(want, gate+"/"+gate+", it came back", gate+"/"+gate+", two survivors differ")
		}
	}
	want = append(want, "datacenter-purged/it came back afterwards")
	want = append(want,
		"ring-settled/the source scales, by any one", "ring-settled/it scales again", "ring-settled/each datacenter has a newest", // by one that is not of the source
		"datacenter-joined/a listing that supersedes", "datacenter-joined/described, and then not", "datacenter-joined/the source's datastore scales",
		"environments-removed/a list that supersedes", "environments-removed/two lists at one time",
		// The replication is not needed, and can only speak against the rebuild.
		"rebuild-complete/a replication that is being deleted", "rebuild-complete/a replication from elsewhere", "rebuild-complete/a replication from nowhere",
		"rebuild-complete/a replication without a time", "rebuild-complete/a replication seen before the phase", "rebuild-complete/no source recorded, replication seen",
		"rebuild-complete/a pod before it", "rebuild-complete/the whole before it",
	)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// opens reports whether a gate opens when some of its inputs are left out.
func opens(q system.Question) bool {
	var names []string
	for _, o := range q.Seen {
		if !slices.Contains(names, o.Source) {
			names = append(names, o.Source)
		}
	}
	for subset := range 1 << len(names) {
		some := slices.DeleteFunc(slices.Clone(q.Seen), func(o observe.Observation) bool {
			return subset&(1<<slices.Index(names, o.Source)) == 0
		})
		if stage.Verdict(judged(q, some).Results) == stage.Met {
			return true
		}
	}
	return false
}

// poolOf returns what is seen in every row of a gate, with sources of its own
// for each row.
func poolOf(t testing.TB, gate string) (system.Question, observe.Set) {
	t.Helper()
	q := worldAt(t, gate).question(t)
	pool := slices.Clone(q.Seen)
	rows := allGateTests()
	var names []string
	for name, tt := range rows {
		if tt.gate == gate && tt.change != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		w := worldAt(t, gate)
		rows[name].change(t, w)
		for _, o := range w.seen(t) {
			o.Source = name + "/" + o.Source
			pool = append(pool, o)
		}
	}
	return q, pool
}

// checkMix judges a gate by any observations at any times: whatever they are,
// the same ones give the same answers, and those that were used are enough.
func checkMix(t *testing.T, q system.Question, pool observe.Set, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 5))
	q.Seen = nil
	for range 1 + random.IntN(12) {
		o := pool[random.IntN(len(pool))]
		if random.IntN(3) > 0 { // a few times only, so that some are the same
			o.Taken = minute(55 + random.IntN(10))
		}
		q.Seen = append(q.Seen, o)
	}
	checkUsed(t, q)
	shuffled := slices.Clone(q.Seen)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if first, again := decide(q), judged(q, shuffled); answers(first) != answers(again) {
		t.Errorf("in another order (seed %d):\n%v\n%v", seed, first.Results, again.Results)
	}
	for _, o := range decide(q).Used {
		if stage.Verdict(decide(q).Results) == stage.Met && (o.Taken.Before(q.Since) || o.Taken.After(q.Now.Add(q.MaxSkew))) {
			t.Errorf("the gate is open by %s, taken at %s", o.Object(), o.Taken)
		}
	}
}

func TestMixes(t *testing.T) {
	for gate := range checks {
		q, pool := poolOf(t, gate)
		for seed := range uint64(120) {
			checkMix(t, q, pool, seed)
		}
	}
}

func FuzzMixes(f *testing.F) {
	type room struct {
		question system.Question
		pool     observe.Set
	}
	var rooms []room
	for _, gate := range slices.Sorted(maps.Keys(checks)) {
		q, pool := poolOf(f, gate)
		rooms = append(rooms, room{q, pool})
	}
	f.Add(uint64(1), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, gate uint8) {
		r := rooms[int(gate)%len(rooms)]
		checkMix(t, r.question, r.pool, seed)
	})
}

// TestEvidenceOfTheStepBefore: what opened one gate never opens the next, and
// the same evidence is not good twice.
func TestEvidenceOfTheStepBefore(t *testing.T) {
	for gate := range checks {
		q := worldAt(t, gate).question(t)
		used := decide(q).Used
		q.Since, q.Now = minute(61), minute(62) // the next phase, or the same one anew
		judgement := judged(q, used)
		for i, r := range judgement.Results {
			if r.Answer == stage.Met {
				t.Errorf("%s: check %d is met by what was taken before: %s", gate, i+1, r.Reason)
			}
		}
	}
}

// TestNamesInsteadOfAddresses: a listing made with -r cannot be compared with
// what describecluster says.
func TestNamesInsteadOfAddresses(t *testing.T) {
	w := worldAt(t, "datacenter-joined")
	named := strings.NewReplacer("10.0.0.1", "east-", "10.1.0.1", "west-").Replace(strings.Join([]string{dc1, dc2}, "\n"))
	w.inputs["status"], w.inputs["cluster"] = said(named), describe("10.0.0 10.1.0")
	results := decide(w.question(t)).Results
	checkResults(t, []string{"3 unknown: may be two listings in one"}, results)
	w.inputs["status"] = said(strings.NewReplacer("10.0.0.1", "east-", "10.1.0.1", "west-", "UN  10.1.0.1", "DN  west-").Replace(dc1 + dc2))
	checkResults(t, []string{"3 waiting: node west-1 of dc-2 is DN"}, decide(w.question(t)).Results)
}

func TestNodeName(t *testing.T) {
	if got := nodeName(observe.RingNode{Host: "h"}) + nodeName(observe.RingNode{Address: netip.MustParseAddr("::1")}); got != "h::1" {
		t.Error(got)
	}
}
