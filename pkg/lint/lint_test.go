package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

var platforms = func() topology.Platforms {
	platform := func(model, class, label string, share int, classes ...string) topology.Platform {
		pool := topology.Default[topology.NodeLabel]{Value: topology.NodeLabel{Key: label, Value: "data"}}
		return topology.Platform{
			NetworkModel:     topology.Default[string]{Value: model},
			StorageClass:     topology.Default[string]{Value: class},
			StorageClasses:   topology.Default[[]string]{Value: classes},
			PodPrefixPerNode: topology.Default[int]{Value: share},
			DataPool:         pool, RuntimePool: pool,
		}
	}
	return topology.Platforms{
		"gke":        platform("flat", "standard-rwo", "cloud.google.com/gke-nodepool", 24, "standard", "standard-rwo"),
		"gke-onprem": platform("island", "standard-rwo", "apigee.com/apigee-nodepool", 0, "standard", "standard-rwo"),
		"eks":        platform("flat", "gp2", "eks.amazonaws.com/nodegroup", 0, "gp2"),
		"aks":        platform("island", "managed-csi", "kubernetes.azure.com/agentpool", 24, "managed-csi"),
	}
}()

// base is a topology of three regions without a fault.
const base = `{"metadata": {"name": "t"}, "spec": {"regions": [
  {"name": "east", "platform": "gke", "kubernetes": {"cluster": "c1", "region": "r1"}, "datacenter": "dc-1",
   "network": {"pods": ["10.100.0.0/16"], "nodes": ["10.1.0.0/20"], "services": ["10.200.0.0/20"]}},
  {"name": "west", "platform": "eks", "kubernetes": {"cluster": "c2", "region": "r2"}, "datacenter": "dc-2",
   "network": {"pods": ["10.101.0.0/16"], "nodes": ["10.2.0.0/20"], "services": ["10.201.0.0/20"]}, "expandFrom": "east", "seedHost": "10.100.0.11"},
  {"name": "north", "platform": "gke", "kubernetes": {"cluster": "c3", "region": "r3"}, "datacenter": "dc-3",
   "network": {"pods": ["10.102.0.0/16"], "nodes": ["10.3.0.0/20"], "services": ["10.202.0.0/20"]}, "expandFrom": "east", "seedHost": "10.100.0.11"}
]}}`

// set changes base: each path, such as spec/regions/1/seedHost, gets a value
// in JSON, or goes if that is empty.
type set map[string]string

func (s set) on(t testing.TB) *topology.Topology {
	t.Helper()
	var root any
	mustUnmarshal(t, base, &root)
	for _, path := range slices.Sorted(maps.Keys(s)) {
		root = put(t, root, strings.Split(path, "/"), s[path])
	}
	data, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	top, err := topology.New(data, platforms, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func put(t testing.TB, at any, path []string, text string) any {
	t.Helper()
	if len(path) == 0 {
		mustUnmarshal(t, text, &at)
		return at
	}
	if list, ok := at.([]any); ok {
		i, err := strconv.Atoi(path[0])
		if err != nil {
			t.Fatal(err)
		}
		if len(path) == 1 && text == "" {
			return slices.Delete(list, i, i+1)
		}
		list[i] = put(t, list[i], path[1:], text)
		return list
	}
	m, _ := at.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	if len(path) == 1 && text == "" {
		delete(m, path[0])
		return m
	}
	m[path[0]] = put(t, m[path[0]], path[1:], text)
	return m
}

func mustUnmarshal(t testing.TB, text string, v *any) {
	t.Helper()
	*v = nil
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// Procedures as a system would bring them.
var (
	found = &stage.Procedure{Name: "found", MovesRing: true, Phases: []stage.PhaseInfo{{Phase: stage.Planned}, {Phase: "making"}, {Phase: stage.Serving}}, Gates: make([]stage.Gate, 2)}
	grow  = &stage.Procedure{Name: "grow", MovesRing: true, FromSource: true, Phases: []stage.PhaseInfo{{Phase: stage.Planned}, {Phase: "joining"}, {Phase: "settling", DropsSeed: true}, {Phase: stage.Serving}}, Gates: make([]stage.Gate, 3)}
	drop  = &stage.Procedure{Name: "drop", MovesRing: true, Drops: true, Phases: []stage.PhaseInfo{{Phase: stage.Serving}, {Phase: "leaving"}, {Phase: stage.Gone}}, Gates: make([]stage.Gate, 2)}

	procedures = stage.Procedures{found, grow, drop}
)

func members(t *topology.Topology) stage.Ring {
	var ring stage.Ring
	for i := range t.Spec.Regions {
		r := &t.Spec.Regions[i]
		m := stage.Member{Region: r.Name, Source: r.ExpandFrom, Procedure: grow}
		if r.ExpandFrom == "" {
			m.Procedure = found
		}
		ring = append(ring, m)
	}
	return ring
}

// run runs every rule of this package, with regions put at phases.
func run(top *topology.Topology, known stage.Phases) diag.List {
	at, refusals := members(top).Preview(procedures, stage.Rollout{}, known)
	return Run(top, Standing{Procedures: procedures, Rollout: at, Refusals: refusals}, Rules(), nil)
}

// brief writes findings as "CODE severity path".
func brief(list diag.List) []string {
	var out []string
	for _, f := range list {
		text := fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Path)
		if f.Silenced != "" {
			text += " (" + f.Silenced + ")"
		}
		out = append(out, text)
	}
	return out
}

// A ruleTest says what every rule together has to say of base as changed.
type ruleTest struct {
	set    set
	phases stage.Phases
	want   []string // CODE severity path
}

func checkRules(t *testing.T, tests map[string]ruleTest) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := run(tt.set.on(t), tt.phases)
			if diff := cmp.Diff(tt.want, brief(got)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, got)
			}
			for _, f := range got {
				if f.Message == "" || f.Hint == "" {
					t.Errorf("a finding without a message or a hint: %+v", f)
				}
			}
		})
	}
}

func TestBaseIsWithoutFault(t *testing.T) {
	if got := run(set{}.on(t), nil); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

func TestRulesAreDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if r.Code == "" || r.Name == "" || r.Severity == 0 || r.Summary == "" || r.Why == "" || r.Fix == "" || r.Source == "" {
			t.Errorf("%s lacks something: %+v", r.Code, r)
		}
		if seen[r.Code] || seen[r.Name] {
			t.Errorf("%s %s is there twice", r.Code, r.Name)
		}
		seen[r.Code], seen[r.Name] = true, true
	}
}

// faulty has replicas that are no multiple of 3 in every region.
var faulty = set{"spec/cassandra/replicas": "4"}

func (s set) with(path, text string) set {
	out := maps.Clone(s)
	out[path] = text
	return out
}

func TestSilence(t *testing.T) {
	const (
		east, west, north = "RP042 error spec.regions[0].cassandra.replicas", "RP042 error spec.regions[1].cassandra.replicas", "RP042 error spec.regions[2].cassandra.replicas"
		unused            = `RP007 warning metadata.annotations."ringplan.dev/ignore/`
		unusedWest        = `RP007 warning spec.regions[1].annotations."ringplan.dev/ignore/`
	)
	checkRules(t, map[string]ruleTest{
		"nothing said": {faulty, nil, []string{east, west, north}},
		"everywhere":   {faulty.with("metadata/annotations", `{"ringplan.dev/ignore/RP042": " a trial "}`), nil, []string{east + " (a trial)", west + " (a trial)", north + " (a trial)"}},
		"one region":   {faulty.with("spec/regions/1/annotations", `{"ringplan.dev/ignore/RP042": "small"}`), nil, []string{east, west + " (small)", north}},
		"both: the first to match counts": {
			faulty.with("metadata/annotations", `{"ringplan.dev/ignore/RP042": "a trial"}`).with("spec/regions/1/annotations", `{"ringplan.dev/ignore/RP042": "small"}`),
			nil, []string{unusedWest + `RP042"`, east + " (a trial)", west + " (a trial)", north + " (a trial)"},
		},
		"no reason":         {faulty.with("metadata/annotations", `{"ringplan.dev/ignore/RP042": " "}`), nil, []string{unused + `RP042"`, east, west, north}},
		"unknown code":      {set{"metadata/annotations": `{"ringplan.dev/ignore/RP999": "why"}`}, nil, []string{unused + `RP999"`}},
		"no code":           {set{"metadata/annotations": `{"ringplan.dev/ignore/": "why"}`}, nil, []string{unused + `"`}},
		"no finding":        {set{"metadata/annotations": `{"ringplan.dev/ignore/RP042": "why"}`}, nil, []string{unused + `RP042"`}},
		"of another region": {faulty.with("spec/cassandra/replicas", "3").with("spec/regions/0/cassandra/replicas", "4").with("spec/regions/1/annotations", `{"ringplan.dev/ignore/RP042": "why"}`), nil, []string{unusedWest + `RP042"`, east}},
		"other annotations": {set{"metadata/annotations": `{"example.com/owner": "me"}`}, nil, nil},
		"what cannot be":    {set{"metadata/annotations": `{"ringplan.dev/ignore/RP084": "why", "k": "ghp_0123456789abcdefghij0123456789abcdef"}`}, nil, []string{unused + `RP084"`, "RP084 error metadata.annotations.k"}},
	})
}

// TestSilenceOfOneRegionDoesNotLeak has more than ten regions, so that the
// path of one starts like that of another.
func TestSilenceOfOneRegionDoesNotLeak(t *testing.T) {
	regions := make([]string, 12)
	for i := range regions {
		regions[i] = fmt.Sprintf(`{"name": "r%d", "datacenter": "dc-%d", "kubernetes": {"cluster": "c%d"}, "cassandra": {"replicas": 4}, "annotations": {}}`, i, i, i)
	}
	regions[1] = strings.Replace(regions[1], `"annotations": {}`, `"annotations": {"ringplan.dev/ignore/RP042": "why"}`, 1)
	top := set{"spec/regions": "[" + strings.Join(regions, ",") + "]"}.on(t)
	var silenced []string
	for _, f := range run(top, nil) {
		if f.Silenced != "" {
			silenced = append(silenced, f.Path)
		}
	}
	if diff := cmp.Diff([]string{"spec.regions[1].cassandra.replicas"}, silenced); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatNobodyMaySilence: these rules alone stand between a topology and a
// split ring, a secret in Git, or files of two at one place.
func TestWhatNobodyMaySilence(t *testing.T) {
	var got []string
	for _, r := range Rules() {
		if r.Always {
			got = append(got, r.Code)
		}
	}
	if diff := cmp.Diff([]string{"RP036", "RP038", "RP039", "RP084"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunKeepsWhatCameBefore(t *testing.T) {
	top := set{"spec/cassandra/replicas": "4", "metadata/annotations": `{"ringplan.dev/ignore/RP100": "patched charts"}`}.on(t)
	before := diag.List{
		{Code: "RP100", Severity: diag.Error, Path: "spec.values.x"},
		{Code: "RP101", Severity: diag.Error, Path: "spec.regions[0].cassandra.replicas"},
		{Code: "RP101", Severity: diag.Error},
	}
	rules := append(Rules(), Rule{Code: "RP100"})
	got := brief(Run(top, Standing{}, rules, before))
	for _, want := range []string{"RP100 error spec.values.x (patched charts)", "RP101 error ", "RP042 error spec.regions[0].cassandra.replicas"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing: %v", want, got)
		}
	}
	if slices.Contains(got, "RP101 error spec.regions[0].cassandra.replicas") {
		t.Errorf("two errors are said of one field: %v", got)
	}
	if len(before) != 3 || before[0].Silenced != "" {
		t.Errorf("Run changed what it was given: %v", before)
	}
}

// TestErrorHidesEarlierFindings: the order of a rule's own findings at one
// field must not matter.
func TestErrorHidesEarlierFindings(t *testing.T) {
	say := func(severities ...diag.Severity) Rule {
		return Rule{Code: "RP999", Check: func(p *Pass) {
			for _, s := range severities {
				p.ReportAs(s, "spec.x", "hint", "message %d", s)
			}
		}}
	}
	top := set{}.on(t)
	before := diag.List{{Code: "RP101", Severity: diag.Error, Path: "spec.x"}}
	for _, rule := range []Rule{say(diag.Error, diag.Warning), say(diag.Warning, diag.Error)} {
		if got := Run(top, Standing{}, []Rule{rule}, before); len(got) != 2 {
			t.Errorf("got %v", got)
		}
	}
	if got := Run(top, Standing{}, []Rule{say(diag.Warning)}, before); len(got) != 2 {
		t.Errorf("a warning hides an error: %v", got)
	}
	top.Metadata.Annotations = map[string]string{IgnorePrefix + "RP999": "why"}
	if got := Run(top, Standing{}, []Rule{say(diag.Error)}, before); len(got) != 2 {
		t.Errorf("an error that is silenced hides one that is not: %v", got)
	}
}

// TestSilenceOfWhatChartsSay: without the charts nobody knows what a silence of
// such a rule would match.
func TestSilenceOfWhatChartsSay(t *testing.T) {
	rules := []Rule{
		{Code: "RP900", Charts: true}, {Code: "RP901"}, {Code: "RP902", Charts: true, Always: true},
	}
	const unused = `RP007 warning metadata.annotations."ringplan.dev/ignore/`
	tests := map[string]struct {
		silence, found       string // a code and its reason, and the code of a finding
		unrendered, rendered []string
	}{
		"no finding, of charts":   {"RP900=why", "", nil, []string{unused + `RP900"`}},
		"no finding, of others":   {"RP901=why", "", []string{unused + `RP901"`}, []string{unused + `RP901"`}},
		"another finding":         {"RP900=why", "RP901", []string{"RP901 error spec"}, []string{unused + `RP900"`, "RP901 error spec"}},
		"a finding":               {"RP900=why", "RP900", []string{"RP900 error spec (why)"}, []string{"RP900 error spec (why)"}},
		"no reason":               {"RP900=", "", []string{unused + `RP900"`}, []string{unused + `RP900"`}},
		"what nobody may silence": {"RP902=why", "RP902", []string{unused + `RP902"`, "RP902 error spec"}, []string{unused + `RP902"`, "RP902 error spec"}},
		"no such rule":            {"RP903=why", "", []string{unused + `RP903"`}, []string{unused + `RP903"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for charts, want := range map[bool][]string{false: tt.unrendered, true: tt.rendered} {
				top := set{}.on(t)
				code, reason, _ := strings.Cut(tt.silence, "=")
				top.Metadata.Annotations = map[string]string{IgnorePrefix + code: reason}
				var before diag.List
				if tt.found != "" {
					before = diag.List{{Code: tt.found, Severity: diag.Error, Path: "spec"}}
				}
				if diff := cmp.Diff(want, brief(Run(top, Standing{Charts: charts}, rules, before))); diff != "" {
					t.Errorf("charts %v (-want +got):\n%s", charts, diff)
				}
			}
		})
	}
}
