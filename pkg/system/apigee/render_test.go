package apigee

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// TestRenderByPhase holds what each phase of each procedure renders: the seed
// host while a region joins and rebuilds, or is taken out before it served
// (I1, I2); the replication exactly at rebuilding; and nothing for a region
// that is not in the ring.
func TestRenderByPhase(t *testing.T) {
	const recorded = "10.100.0.99"
	expanding := func(phase stage.Phase) stage.Progress {
		return stage.Progress{Region: "west", Procedure: "expand", Phase: phase, Source: "east", SeedHost: recorded}
	}
	of := func(procedure, region string, phase stage.Phase) stage.Progress {
		return stage.Progress{Region: region, Procedure: procedure, Phase: phase}
	}
	withdrawing := func(phase stage.Phase) stage.Progress {
		p := expanding(phase)
		p.Procedure = "withdraw"
		return p
	}
	tests := map[string]struct {
		at          stage.Progress
		seed        string
		replication bool
	}{
		"planned":                {at: of("", "west", stage.Planned)},
		"gone":                   {at: of("decommission", "west", stage.Gone)},
		"installing":             {at: of("install", "east", installing)},
		"installed":              {at: of("install", "east", stage.Serving)},
		"adopted":                {at: of("adopt", "west", stage.Serving)},
		"joining":                {at: expanding(joining), seed: recorded},
		"joining, not recorded":  {at: of("expand", "west", joining), seed: "10.100.0.11"},
		"rebuilding":             {at: expanding(rebuilding), seed: recorded, replication: true},
		"rebuilding, unrecorded": {at: of("expand", "west", rebuilding), seed: "10.100.0.11", replication: true},
		"settling":               {at: expanding(settling)},
		"serving":                {at: expanding(stage.Serving)},
		"decommission, draining": {at: of("decommission", "west", draining)},
		"decommission, detached": {at: of("decommission", "west", detaching)},
		"decommission, leaving":  {at: of("decommission", "west", leaving)},
		"decommission, clearing": {at: of("decommission", "west", clearing)},
		"decommission, closing":  {at: of("decommission", "west", closing)},
		"founder, draining":      {at: of("decommission", "east", draining)},
		"withdraw, draining":     {at: withdrawing(draining), seed: recorded},
		"withdraw, detaching":    {at: withdrawing(detaching), seed: recorded},
		"withdraw, no seed":      {at: of("withdraw", "west", draining)},
		"withdraw, leaving":      {at: withdrawing(leaving)},
		"returning":              {at: of("return", "west", returning)},
		"founder, returning":     {at: of("return", "east", returning)},
		"returned":               {at: of("return", "west", stage.Serving)},
		"purging":                {at: of("purge", "west", purging)},
		"purging, with a seed":   {at: stage.Progress{Region: "west", Procedure: "purge", Phase: purging, Source: "east", SeedHost: recorded}},
		"purged":                 {at: of("purge", "west", stage.Gone)},
	}
	g := ringOf(t, `{}`)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files, err := g.Render(tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.at.Phase.InRing() || tt.at.Phase == purging {
				if len(files) > 0 {
					t.Errorf("a region that is not in the ring, or whose cluster is lost, has files: %v", files)
				}
				return
			}
			checkFiles(t, tt.at.Region, files, tt.replication)
			checkSeed(t, files, tt.seed)
			if got := at(t, files[1].Docs[0], "spec.phase"); got != string(tt.at.Phase) {
				t.Errorf("the release plan says phase %v", got)
			}
		})
	}
	if _, err := g.Render(stage.Progress{Region: "north", Phase: stage.Serving}); err == nil {
		t.Error("a region that is not there is rendered")
	}
}

func checkFiles(t *testing.T, region string, files []manifest.File, replication bool) {
	t.Helper()
	want := []string{region + "/overrides.yaml", region + "/releases.yaml", region + "/kustomization.yaml"}
	if replication {
		want = slices.Insert(want, 2, region+"/datareplication.yaml")
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Path)
		if f.Rule == "" || !strings.HasPrefix(f.Header, system.Generated) {
			t.Errorf("%s does not say where it comes from: %q, %q", f.Path, f.Rule, f.Header)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	resources := at(t, files[len(files)-1].Docs[0], "resources").([]any)
	if got := len(resources) == 1 && resources[0] == replicationName; got != replication || len(resources) > 1 {
		t.Errorf("the kustomization lists %v", resources)
	}
}

// checkSeed wants a seed host in the overrides and nowhere else, or none at all.
func checkSeed(t *testing.T, files []manifest.File, want string) {
	t.Helper()
	if got := at(t, files[0].Docs[0], "cassandra.multiRegionSeedHost"); want == "" && got != nil || want != "" && got != want {
		t.Errorf("the seed host is %v, want %q", got, want)
	}
	data, err := manifest.Encode(files)
	if err != nil {
		t.Fatal(err)
	}
	all := string(slices.Concat(data...))
	seeds := strings.Count(all, "10.100.0.11") + strings.Count(all, "10.100.0.99")
	if mentioned := strings.Contains(strings.ToLower(all), "seedhost"); mentioned != (want != "") || want == "" && seeds != 0 || want != "" && seeds != 1 {
		t.Errorf("a seed host is mentioned: %t, %d addresses", mentioned, seeds)
	}
	for _, line := range strings.Split(all, "\n") {
		if strings.Contains(line, "multiRegionSeedHost:") && !strings.Contains(all, "# A Cassandra address of region east") {
			t.Error("no comment says why the seed host is there")
		}
	}
}

// TestReplication holds the object that starts a rebuild: by the datacenter of
// the source as recorded, and by force only if it was tried before.
func TestReplication(t *testing.T) {
	object := func(force bool, source string) string {
		return fmt.Sprintf(`{"apiVersion":"apigee.cloud.google.com/v1alpha1","kind":"CassandraDataReplication","metadata":{"name":"expand-north","namespace":"apigee"},`+
			`"spec":{"force":%t,"organizationRef":"acme-prod-d2836b7","source":{"region":"%s"}}}`, force, source)
	}
	g := threeRegions(t)
	for name, tt := range map[string]struct {
		at   stage.Progress
		want string
	}{
		"first":               {stage.Progress{Source: "west"}, object(false, "dc-2")},
		"second":              {stage.Progress{Source: "west", Retries: 1}, object(true, "dc-2")},
		"third":               {stage.Progress{Source: "west", Retries: 2}, object(true, "dc-2")},
		"from where it began": {stage.Progress{Source: "east"}, object(false, "dc-1")},
		"nothing recorded":    {stage.Progress{}, object(false, "dc-2")},
	} {
		t.Run(name, func(t *testing.T) {
			tt.at.Region, tt.at.Procedure, tt.at.Phase = "north", "expand", rebuilding
			files, err := g.Render(tt.at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, text(t, files[2].Docs[0])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	files, err := ringOf(t, `spec: {organization: {name: rg-hybrid}, namespace: hybrid}`).Render(stage.Progress{Region: "west", Phase: rebuilding})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"apigee.cloud.google.com/v1alpha1","kind":"CassandraDataReplication","metadata":{"name":"expand-west","namespace":"hybrid"},` +
		`"spec":{"force":false,"organizationRef":"rg-hybrid-b7d3b9c","source":{"region":"dc-1"}}}`
	if diff := cmp.Diff(want, text(t, files[2].Docs[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStagesChangeTheirRegionAlone renders the whole ring before and after
// every stage (I7), and finds in the difference what the plan says.
func TestStagesChangeTheirRegionAlone(t *testing.T) {
	g := threeRegions(t)
	leaving := stage.Rollout{}.With(stage.Progress{Region: "east", Phase: stage.Serving}).With(stage.Progress{Region: "west", Procedure: "decommission", Phase: draining})
	back := stage.Rollout{}.With(stage.Progress{Region: "east", Phase: stage.Serving}).With(stage.Progress{Region: "west", Procedure: "return", Phase: returning})
	for name, tt := range map[string]struct {
		rollout stage.Rollout
		stages  int
	}{"from nothing": {stage.Rollout{}, 2 + 4 + 4}, "a decommission": {leaving, 5}, "a return": {back, 1 + 4}} {
		t.Run(name, func(t *testing.T) {
			steps, err := system.Plan(System(), g, tt.rollout, "rendered")
			if err != nil || len(steps) != tt.stages {
				t.Fatalf("%d stages, %v", len(steps), err)
			}
			rollout := tt.rollout
			for _, s := range steps {
				before, err := system.Render(g, rollout)
				if err != nil {
					t.Fatal(err)
				}
				p := rollout.At(s.Region)
				p.Procedure, p.Phase = s.Procedure.Name, s.To
				rollout = rollout.With(p)
				after, err := system.Render(g, rollout)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(s.Changes, manifest.Diff(before, after)); diff != "" || len(s.Changes) == 0 {
					t.Errorf("stage %d changes something else than it says:\n%s", s.Number, diff)
				}
				for _, c := range s.Changes {
					if !strings.HasPrefix(c.File, s.Region+"/") {
						t.Errorf("stage %d of %s changes %s", s.Number, s.Region, c.File)
					}
				}
			}
		})
	}
}
