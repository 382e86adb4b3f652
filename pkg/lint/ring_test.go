package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
)

func TestNamesOfRegions(t *testing.T) {
	const cluster = `{"cluster": "c1", "region": "r1"}`
	checkRules(t, map[string]ruleTest{
		"region twice":                    {set{"spec/regions/1/name": `"north"`}, nil, []string{"RP030 error spec.regions[2].name"}},
		"cluster twice":                   {set{"spec/regions/2/kubernetes": cluster}, nil, []string{"RP030 error spec.regions[2].kubernetes.cluster"}},
		"one name on another platform":    {set{"spec/regions/1/kubernetes": cluster}, nil, nil},
		"one name in another region":      {set{"spec/regions/2/kubernetes/cluster": `"c1"`}, nil, nil},
		"datacenter twice":                {set{"spec/regions/1/datacenter": `"dc-1"`}, nil, []string{"RP031 error spec.regions[1].datacenter"}},
		"datacenter twice, but for case":  {set{"spec/regions/1/datacenter": `"DC-1"`}, nil, []string{"RP031 error spec.regions[1].datacenter"}},
		"a datacenter named like another": {set{"spec/regions/1/datacenter": `"east"`}, nil, nil},
	})
}

// TestReachedApart sees that no two clusters are reached by one name, wherever that
// name is used.
func TestReachedApart(t *testing.T) {
	const (
		second = "RP030 error spec.regions[2].kubernetes."
		k      = "spec/regions/%d/kubernetes/%s"
	)
	at := func(field string, regions ...int) set {
		s := set{}
		for _, i := range regions {
			s[fmt.Sprintf(k, i, field)] = `"same"`
		}
		return s
	}
	argo := func(s set) set {
		return s.with("spec/delivery", `["argocd"]`).with("spec/repository", `{"url": "https://git.example/fleet.git"}`)
	}
	flux := func(s set) set { return s.with("spec/delivery", `["flux"]`) }
	checkRules(t, map[string]ruleTest{
		"context":                         {at("context", 0, 2), nil, []string{second + "context"}},
		"context of three":                {at("context", 0, 1, 2), nil, []string{"RP030 error spec.regions[1].kubernetes.context", second + "context"}},
		"Secret, and nobody uses it":      {at("kubeConfigSecret", 0, 2), nil, nil},
		"Secret":                          {flux(at("kubeConfigSecret", 0, 2)), nil, []string{second + "kubeConfigSecret"}},
		"Secret, and a Flux in each":      {flux(at("kubeConfigSecret", 0, 2)).with("spec/flux", `{"clusters": "own"}`), nil, nil},
		"Secret named as another's is":    {flux(set{"spec/regions/2/kubernetes/kubeConfigSecret": `"t-east-kubeconfig"`}), nil, []string{second + "kubeConfigSecret"}},
		"Argo CD's, and nobody uses it":   {at("argocdCluster", 0, 2), nil, nil},
		"Argo CD's":                       {argo(at("argocdCluster", 0, 2)), nil, []string{second + "argocdCluster"}},
		"clusters of one name":            {argo(set{"spec/regions/2/kubernetes/cluster": `"c1"`}), nil, []string{second + "cluster"}},
		"clusters of one name, set apart": {argo(set{"spec/regions/2/kubernetes/cluster": `"c1"`, "spec/regions/2/kubernetes/argocdCluster": `"c9"`}), nil, nil},
		"named as another cluster":        {argo(set{"spec/regions/2/kubernetes/argocdCluster": `"c1"`}), nil, []string{second + "argocdCluster"}},
		"one cluster, said once":          {argo(set{"spec/regions/2/kubernetes": `{"cluster": "c1", "region": "r1"}`}), nil, []string{second + "cluster"}},
	})
	for _, f := range run(at("context", 0, 2).on(t), nil) {
		if !strings.Contains(f.Message, "east and north") || !strings.Contains(f.Hint, "the first is at ") {
			t.Errorf("it does not say which, and where: %s (%s)", f.Message, f.Hint)
		}
	}
}

func TestExpandFrom(t *testing.T) {
	const from0, from1, from2 = "spec/regions/0/expandFrom", "spec/regions/1/expandFrom", "spec/regions/2/expandFrom"
	chain := set{from2: `"west"`, "spec/regions/2/seedHost": `"10.101.0.1"`}
	checkRules(t, map[string]ruleTest{
		"chain":                  {chain, nil, nil},
		"none in a second":       {set{from1: "", "spec/regions/1/seedHost": ""}, nil, []string{"RP032 error spec.regions[1]"}},
		"unknown":                {set{from1: `"south"`}, nil, []string{"RP033 error spec.regions[1].expandFrom"}},
		"a datacenter's name":    {set{from1: `"dc-1"`}, nil, []string{"RP033 error spec.regions[1].expandFrom"}},
		"self":                   {set{from1: `"west"`}, nil, []string{"RP033 error spec.regions[1].expandFrom"}},
		"circle of two":          {chain.with(from1, `"north"`).with("spec/regions/1/seedHost", `"10.102.0.1"`), nil, []string{"RP034 error spec.regions[1].expandFrom"}},
		"circle of all":          {chain.with(from0, `"north"`).with("spec/regions/0/seedHost", `"10.102.0.1"`), nil, []string{"RP034 error spec.regions[0].expandFrom"}},
		"behind a circle of two": {set{from0: `"west"`, "spec/regions/0/seedHost": `"10.101.0.1"`}, nil, []string{"RP034 error spec.regions[0].expandFrom"}},
	})
	for _, f := range run(set{from1: `"dc-1"`}.on(t), nil) {
		if !strings.Contains(f.Hint, "datacenter of region east") {
			t.Errorf("the hint does not tell a datacenter from a region: %s", f.Hint)
		}
	}
}

func TestSeedHost(t *testing.T) {
	const seed0, seed1, at = "spec/regions/0/seedHost", "spec/regions/1/seedHost", "RP035 error spec.regions[1].seedHost"
	island := islands
	v6 := set{
		pods0: `["2001:db8::/64"]`, pods1: `["2001:db8:1::/64"]`, "spec/regions/2/network/pods": `["2001:db8:2::/64"]`,
		seed1: `"2001:DB8::1"`, "spec/regions/2/seedHost": `"2001:db8::1"`,
	}
	checkRules(t, map[string]ruleTest{
		"last address":            {set{seed1: `"10.100.255.255"`}, nil, nil},
		"after the last":          {set{seed1: `"10.101.0.0"`}, nil, []string{at}},
		"a node, with flat pods":  {set{seed1: `"10.1.0.11"`}, nil, []string{at}},
		"a pod, with hostNetwork": {island.with(seed1, `"10.100.0.11"`), nil, []string{at}},
		"a name":                  {set{seed1: `"cassandra.east.example"`}, nil, []string{at}},
		"a port":                  {set{seed1: `"10.100.0.11:7001"`}, nil, []string{at}},
		"leading zero":            {set{seed1: `"10.100.0.011"`}, nil, []string{at}},
		"white space":             {set{seed1: `"10.100.0.11 "`}, nil, []string{at}},
		"mapped into IPv6":        {set{seed1: `"::ffff:10.100.0.11"`}, nil, []string{at}},
		"IPv6":                    {v6, nil, nil},
		"zone":                    {v6.with(seed1, `"2001:db8::1%eth0"`), nil, []string{at}},
		"of the founder":          {set{seed0: `"10.101.0.1"`}, nil, []string{"RP035 error spec.regions[0].seedHost"}},
		"in one of two ranges":    {set{pods0: `["10.100.0.0/16", "10.110.0.0/16"]`, seed1: `"10.110.0.1"`}, nil, nil},
		"of an unknown source":    {set{"spec/regions/1/expandFrom": `"x"`, seed1: `"10.1.0.1"`}, nil, []string{"RP033 error spec.regions[1].expandFrom"}},
		"no range to compare":     {set{pods0: `["x"]`}, nil, []string{"RP010 error spec.regions[0].network.pods[0]"}},
	})
}

func TestSeedHostByPhase(t *testing.T) {
	const none = "RP036 note spec.regions[1]"
	no := set{"spec/regions/1/seedHost": ""}
	left := []string{"RP037 warning spec.regions[1].seedHost"}
	checkRules(t, map[string]ruleTest{
		"missing, planned":  {no, nil, []string{none}},
		"missing, joining":  {no, stage.Phases{"west": "joining"}, []string{"RP036 error spec.regions[1]"}},
		"missing, settling": {no, stage.Phases{"west": "settling"}, nil}, // it was dropped there
		"missing, leaving":  {no, stage.Phases{"west": "leaving"}, nil},  // after it served
		"there, settling":   {nil, stage.Phases{"west": "settling"}, nil},
		"there, leaving":    {nil, stage.Phases{"west": "leaving"}, nil},
		"missing, serving":  {no, stage.Phases{"west": stage.Serving}, nil},
		"there, joining":    {nil, stage.Phases{"west": "joining"}, nil},
		"there, serving":    {nil, stage.Phases{"west": stage.Serving}, left},
	})
}

// TestSeedHostByRollout: what a region started with counts as much as what the
// topology says, and only while it joins.
func TestSeedHostByRollout(t *testing.T) {
	no := set{"spec/regions/1/seedHost": ""}
	joining := stage.Progress{Region: "west", Procedure: "grow", Phase: "joining", Source: "east"}
	recorded := joining
	recorded.SeedHost = "10.100.0.99"
	tests := map[string]struct {
		set  set
		at   stage.Progress
		want []string
	}{
		"nowhere":                     {no, joining, []string{"RP036 error spec.regions[1]"}},
		"in the rollout alone":        {no, recorded, nil},
		"in the topology alone":       {set{}, joining, nil},
		"in both, and they differ":    {set{}, recorded, nil}, // RP131 says so
		"gone, missing":               {no, stage.Progress{Region: "west", Phase: stage.Gone}, nil},
		"gone, there":                 {set{}, stage.Progress{Region: "west", Phase: stage.Gone}, nil},
		"a procedure nobody knows":    {no, stage.Progress{Region: "west", Procedure: "magic", Phase: "joining"}, nil}, // RP038 says so
		"settling":                    {no, stage.Progress{Region: "west", Procedure: "grow", Phase: "settling", Source: "east"}, nil},
		"taken out again":             {no, stage.Progress{Region: "west", Procedure: "drop", Phase: "leaving", Source: "east"}, nil},
		"planned, listed by its name": {no, stage.Progress{Region: "west", Phase: stage.Planned}, []string{"RP036 note spec.regions[1]"}},
		"another region's":            {no, stage.Progress{Region: "north", Procedure: "grow", Phase: "joining", Source: "east", SeedHost: "10.100.0.99"}, []string{"RP036 note spec.regions[1]"}},
		"the founder needs none":      {set{}, stage.Progress{Region: "east", Procedure: "found", Phase: "making"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Run(tt.set.on(t), Standing{Procedures: procedures, Rollout: stage.Rollout{}.With(tt.at)}, Rules(), nil)
			if diff := cmp.Diff(tt.want, brief(got)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, got)
			}
		})
	}
}

func TestPhases(t *testing.T) {
	const first, second = "RP038 error spec.regions[1]", "RP038 error spec.regions[2]"
	checkRules(t, map[string]ruleTest{
		"two move (I3)":              {nil, stage.Phases{"west": "joining", "north": "joining"}, []string{second}},
		"the source is being made":   {nil, stage.Phases{"east": "making", "west": "joining"}, []string{first, first}}, // I3, I4
		"the source is planned (I4)": {nil, stage.Phases{"east": stage.Planned, "west": "joining"}, []string{first}},
		"the source is gone (I4)":    {nil, stage.Phases{"east": stage.Gone, "west": "joining"}, []string{first}},
		"nobody else serves (I5)":    {nil, stage.Phases{"east": "leaving"}, []string{"RP038 error spec.regions[0]"}},
		"another serves":             {set{"spec/regions/1/seedHost": ""}, stage.Phases{"east": "leaving", "west": stage.Serving}, nil},
		"no such phase":              {nil, stage.Phases{"east": "joining"}, []string{"RP038 error spec.regions[0]"}},
		"one moves":                  {nil, stage.Phases{"north": "joining"}, nil},
		"left to RP030":              {set{"spec/regions/2/name": `"west"`}, stage.Phases{"east": "leaving"}, []string{"RP030 error spec.regions[2].name"}},
		"left to RP033":              {set{"spec/regions/1/expandFrom": `"x"`}, stage.Phases{"west": "joining"}, []string{"RP033 error spec.regions[1].expandFrom"}},
		"left to RP032":              {set{"spec/regions/1/expandFrom": "", "spec/regions/1/seedHost": ""}, nil, []string{"RP032 error spec.regions[1]"}},
	})
}

// TestPhasesSayWhy: the finding is what the rollout refuses, in its words, and
// nobody can silence it.
func TestPhasesSayWhy(t *testing.T) {
	refusals := []stage.Refusal{{Region: "north", Invariant: "I3", Message: "only one region at a time", Way: "finish west first"}}
	top := set{"metadata/annotations": `{"ringplan.dev/ignore/RP038": "why"}`}.on(t)
	got := Run(top, Standing{Refusals: refusals}, Rules(), nil)
	want := []string{`RP007 warning metadata.annotations."ringplan.dev/ignore/RP038"`, "RP038 error spec.regions[2]"}
	if diff := cmp.Diff(want, brief(got)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if got[1].Message != "only one region at a time (I3)" || got[1].Hint != "finish west first" {
		t.Errorf("got %+v", got[1])
	}
}

// TestRefusalsOfAnySort: with or without an invariant, a way out, or a region
// that the topology has.
func TestRefusalsOfAnySort(t *testing.T) {
	i := slices.IndexFunc(ringRules, func(r Rule) bool { return r.Code == "RP038" })
	type said struct{ Path, Message, Hint string }
	for name, tt := range map[string]struct {
		refusal stage.Refusal
		want    said
	}{
		"everything":        {stage.Refusal{Region: "west", Invariant: "I4", Message: "not so", Way: "do so"}, said{"spec.regions[1]", "not so (I4)", "do so"}},
		"no invariant":      {stage.Refusal{Region: "west", Message: "not so", Way: "do so"}, said{"spec.regions[1]", "not so", "do so"}},
		"no way":            {stage.Refusal{Region: "west", Invariant: "I4", Message: "not so"}, said{"spec.regions[1]", "not so (I4)", ringRules[i].Fix}},
		"an unknown region": {stage.Refusal{Region: "south", Invariant: "I5", Message: "south leaves"}, said{"spec.regions", "south leaves (I5)", ringRules[i].Fix}},
		"no region":         {stage.Refusal{Message: "not so"}, said{"spec.regions", "not so", ringRules[i].Fix}},
		"a text like verbs": {stage.Refusal{Region: "west", Message: "100%s"}, said{"spec.regions[1]", "100%s", ringRules[i].Fix}},
	} {
		got := Run(set{}.on(t), Standing{Refusals: []stage.Refusal{tt.refusal}}, Rules(), nil)
		if len(got) != 1 || got[0].Code != "RP038" {
			t.Errorf("%s: %v", name, got)
			continue
		}
		if diff := cmp.Diff(tt.want, said{got[0].Path, got[0].Message, got[0].Hint}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestPreviewBesideAnUnknownRegion: a rollout may know of a region that has
// left the topology.
func TestPreviewBesideAnUnknownRegion(t *testing.T) {
	top := set{}.on(t)
	base := stage.Rollout{}.With(stage.Progress{Region: "east", Phase: stage.Gone}).With(stage.Progress{Region: "south", Procedure: "drop", Phase: "leaving"})
	at, refusals := members(top).Preview(procedures, base, stage.Phases{"east": "making"})
	got := brief(Run(top, Standing{Procedures: procedures, Rollout: at, Refusals: refusals}, Rules(), nil))
	want := []string{"RP038 error spec.regions", "RP038 error spec.regions"} // I5, I3
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChartsAndChoices(t *testing.T) {
	charts := func(path string) set { return set{"spec/charts": `{"path": "` + path + `"}`} }
	const leaves = "RP045 error spec.charts.path"
	checkRules(t, map[string]ruleTest{
		"delivery":               {set{"spec/delivery": `["argocd", "flux"]`}, nil, []string{"RP039 error spec.repository"}},
		"repository":             {set{"spec/delivery": `["argocd"]`, "spec/repository": `{"url": "https://git.example/fleet.git"}`}, nil, nil},
		"repository path":        {set{"spec/repository": `{"path": "a/../.."}`}, nil, []string{"RP039 error spec.repository.path"}},
		"charts beside":          {charts("./charts"), nil, nil},
		"charts, plain":          {charts("charts/1.16"), nil, nil},
		"charts, dots in a name": {charts("charts..old"), nil, nil},
		"charts above":           {charts("../charts"), nil, nil}, // which may be in the repository
		"charts, absolute":       {charts("/srv/charts"), nil, []string{leaves}},
		"charts, drive":          {charts("c:/charts"), nil, []string{leaves}},
		"charts, backslash":      {charts(`..\\charts`), nil, []string{leaves}},
		"charts of two sources":  {set{"spec/charts": `{"path": "charts", "repository": "oci://x/y"}`}, nil, []string{"RP045 error spec.charts"}},
		"auth of two sources":    {set{"spec/cassandra/auth": `{"secret": "a", "secretProviderClass": "b"}`}, nil, []string{"RP046 error spec.cassandra.auth"}},
		"auth of one":            {set{"spec/cassandra/auth": `{"secretProviderClass": "b"}`}, nil, nil},
		"backup of two kinds":    {set{"spec/cassandra/backup": `{"gcs": {}, "csi": {}}`}, nil, []string{"RP046 error spec.cassandra.backup"}},
		"backup of three kinds":  {set{"spec/cassandra/backup": `{"gcs": {}, "csi": {}, "remote": {}}`}, nil, []string{"RP046 error spec.cassandra.backup"}},
		"backup of one":          {set{"spec/cassandra/backup": `{"remote": {}}`}, nil, nil},
	})
}
