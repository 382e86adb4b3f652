package deliver_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/deliver/argocd"
	"github.com/ringplan/ringplan/pkg/deliver/flux"
	"github.com/ringplan/ringplan/pkg/deliver/helmfile"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/system/apigee"
	"github.com/ringplan/ringplan/pkg/topology"
)

const ring = `{
	"metadata": {"name": "acme"},
	"spec": {
		"system": "apigee-hybrid", "version": "1.16.0", "instanceID": "acme1", "repository": {"url": "https://git.example/fleet.git", "path": "data"},
		"organization": {"name": "acme-org", "project": "acme-apis", "analyticsRegion": "us-central1"},
		"environments": [{"name": "prod"}, {"name": "an-environment-with-a-name-that-is-as-long-as-names-of-them-are"}],
		"environmentGroups": [{"name": "public", "tls": {"secret": "public-tls"}}],
		"ingressGateways": [{"name": "public"}],
		%s
		"regions": [
			{"name": "east", "platform": "gke", "kubernetes": {"cluster": "e", "region": "us-east1"}, "datacenter": "dc-1",
			 "network": {"pods": ["10.0.0.0/16"], "nodes": ["10.10.0.0/20"]}},
			{"name": "west", "platform": "gke", "kubernetes": {"cluster": "w", "region": "us-west1", "context": "west"}, "datacenter": "dc-2",
			 "network": {"pods": ["10.1.0.0/16"], "nodes": ["10.11.0.0/20"]}, "expandFrom": "east", "seedHost": "10.0.0.11"}
		]
	}
}`

// phases are those of the region west in which something is rendered.
var phases = []stage.Phase{"joining", "rebuilding", "settling", "serving", "draining", "detaching", "leaving", "clearing", "closing"}

var start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// topologyOf returns the topology with more in its spec, and edited, if that is not
// nil.
func topologyOf(t *testing.T, spec string, edit func(string) string) *topology.Topology {
	t.Helper()
	text := fmt.Sprintf(ring, spec)
	if edit != nil {
		text = edit(text)
	}
	platform := topology.Platform{
		NetworkModel: topology.Default[string]{Value: "flat"},
		DataPool:     topology.Default[topology.NodeLabel]{Value: topology.NodeLabel{Key: "pool", Value: "data"}},
	}
	model, err := topology.New([]byte(text), topology.Platforms{"gke": platform}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// planOf returns what is delivered while the region west is at a phase.
func planOf(t *testing.T, spec string, phase stage.Phase) deliver.Plan {
	t.Helper()
	model := topologyOf(t, spec, nil)
	s := apigee.System()
	compiled, err := s.New(model)
	if err != nil {
		t.Fatal(err)
	}
	at := stage.Rollout{}.With(stage.Progress{Region: "east", Phase: stage.Serving}).
		With(stage.Progress{Region: "west", Procedure: "expand", Phase: phase, Source: "east", SeedHost: "10.0.0.11", Since: start})
	files, err := system.Render(compiled, at)
	if err != nil {
		t.Fatal(err)
	}
	return deliver.NewPlan(model, s, compiled, at, files)
}

type objects []map[string]any

// render returns the objects of an engine, by their files.
func render(t *testing.T, engine func(deliver.Plan) ([]manifest.File, error), p deliver.Plan) map[string]objects {
	t.Helper()
	files, err := engine(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Encode(files); err != nil {
		t.Fatal(err)
	}
	byFile := map[string]objects{}
	for _, f := range files {
		for _, d := range f.Docs {
			byFile[f.Path] = append(byFile[f.Path], d.Plain())
		}
	}
	return byFile
}

// of returns the objects of a kind in all files.
func of(files map[string]objects, kind string) objects {
	var list objects
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, o := range files[name] {
			if o["kind"] == kind && o["apiVersion"] != "kustomize.config.k8s.io/v1beta1" {
				list = append(list, o)
			}
		}
	}
	return list
}

// at follows keys; nil if there is nothing.
func at(o map[string]any, keys ...string) any {
	var value any = o
	for _, k := range keys {
		m, _ := value.(map[string]any)
		value = m[k]
	}
	return value
}

func nameOf(o map[string]any) string { return fmt.Sprint(at(o, "metadata", "name")) }

// named returns the object of that name, which must be there.
func (list objects) named(t *testing.T, name string) map[string]any {
	t.Helper()
	for _, o := range list {
		if nameOf(o) == name {
			return o
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

func dependencies(o map[string]any) []string {
	var names []string
	list, _ := at(o, "spec", "dependsOn").([]any)
	for _, item := range list {
		names = append(names, fmt.Sprint(item.(map[string]any)["name"]))
	}
	return names
}

// variants are the ways to deliver by an engine.
var fluxVariants = []string{
	`"charts": {"path": "charts"}, "flux": {}, `, `"charts": {"path": "charts"}, "flux": {"engine": "rendered"}, `,
	`"flux": {}, `, `"flux": {"clusters": "own", "version": "2.5"}, `, `"flux": {"engine": "rendered", "clusters": "own"}, `,
}

func eachFlux(t *testing.T, check func(t *testing.T, p deliver.Plan, files map[string]objects)) {
	t.Helper()
	for _, spec := range fluxVariants {
		for _, phase := range phases {
			t.Run(spec+string(phase), func(t *testing.T) {
				p := planOf(t, spec, phase)
				check(t, p, render(t, flux.Files, p))
			})
		}
	}
}

// TestFluxOrder sees that everything that is waited for is there, and comes
// before: nothing waits in a circle.
func TestFluxOrder(t *testing.T) {
	eachFlux(t, func(t *testing.T, _ deliver.Plan, files map[string]objects) {
		for _, kind := range []string{"Kustomization", "HelmRelease"} {
			var before []string
			for _, o := range of(files, kind) {
				for _, name := range dependencies(o) {
					if !slices.Contains(before, name) {
						t.Errorf("%s %s waits for %s, which does not come before it", kind, nameOf(o), name)
					}
				}
				before = append(before, nameOf(o))
			}
		}
	})
}

// TestNames sees that names are fit for labels, and unique.
func TestNames(t *testing.T) {
	known := map[string]bool{}
	unique := func(t *testing.T, list objects) {
		t.Helper()
		clear(known)
		for _, o := range list {
			name := fmt.Sprint(o["kind"], " ", nameOf(o))
			if known[name] || len(nameOf(o)) > 63 || strings.HasSuffix(nameOf(o), "-") {
				t.Errorf("%s is there twice, or too long", name)
			}
			known[name] = true
		}
	}
	eachFlux(t, func(t *testing.T, _ deliver.Plan, files map[string]objects) {
		unique(t, slices.Concat(of(files, "Kustomization"), of(files, "HelmRelease"), of(files, "OCIRepository"), of(files, "ConfigMap")))
	})
	unique(t, of(render(t, argocd.Files, planOf(t, "", "joining")), "Application"))
}

// TestFluxKeepsData sees that nothing that Flux does by itself removes what holds
// data: neither when it leaves Git, nor when an object of Flux is deleted, nor
// when a release fails.
func TestFluxKeepsData(t *testing.T) {
	eachFlux(t, func(t *testing.T, p deliver.Plan, files map[string]objects) {
		for _, o := range of(files, "Kustomization") {
			name, folder := nameOf(o), fmt.Sprint(at(o, "spec", "path"))
			holds := strings.HasSuffix(name, "-namespace") || strings.HasSuffix(name, "-definitions") || strings.HasSuffix(folder, "/datastore")
			whole := strings.HasSuffix(folder, "/releases") || name == "acme-west" || name == "acme-east"
			switch {
			case holds && at(o, "spec", "prune") != false:
				t.Errorf("Kustomization %s prunes", name)
			case whole && at(o, "spec", "deletionPolicy") != "Orphan":
				t.Errorf("Kustomization %s takes everything with it", name)
			}
		}
		for _, o := range of(files, "HelmRelease") {
			kept := at(o, "metadata", "annotations", "kustomize.toolkit.fluxcd.io/prune") == "disabled"
			if kept != strings.HasSuffix(nameOf(o), "-datastore") {
				t.Errorf("HelmRelease %s: kept is %t", nameOf(o), kept)
			}
			for _, action := range []string{"install", "upgrade"} {
				strategy, retries := at(o, "spec", action, "strategy", "name"), at(o, "spec", action, "remediation", "retries")
				if strategy != "RetryOnFailure" && retries != int64(0) || at(o, "spec", action, "remediation", "remediateLastFailure") == true {
					t.Errorf("HelmRelease %s is uninstalled or rolled back if %s fails", nameOf(o), action)
				}
			}
		}
		if p.Spec.Flux.Engine == topology.DeliverHelm && p.Regions[1].Release("datastore") != nil {
			of(files, "HelmRelease").named(t, "acme-west-datastore")
		}
	})
}

// TestFluxClusters sees that what belongs to a cluster goes there, and what is
// Flux's own stays.
func TestFluxClusters(t *testing.T) {
	eachFlux(t, func(t *testing.T, p deliver.Plan, files map[string]objects) {
		for _, o := range slices.Concat(of(files, "Kustomization"), of(files, "HelmRelease")) {
			var want any
			if p.Spec.Flux.Clusters == topology.Hub && !strings.HasSuffix(nameOf(o), "-releases") {
				want = strings.Join(strings.SplitN(nameOf(o), "-", 3)[:2], "-") + "-kubeconfig"
			}
			if got := at(o, "spec", "kubeConfig", "secretRef", "name"); got != want {
				t.Errorf("%s %s goes by %v, not %v", o["kind"], nameOf(o), got, want)
			}
		}
		_, index := files["flux/kustomization.yaml"]
		if index != (p.Spec.Flux.Clusters == topology.Hub) {
			t.Errorf("there is an index of all regions: %t", index)
		}
	})
}

// TestFluxVersions sees that nothing is rendered that the pinned version does not
// know.
func TestFluxVersions(t *testing.T) {
	type knows struct{ oci, retry, health bool }
	for version, want := range map[string]knows{
		"2.5": {}, "2.6": {oci: true}, "2.7": {oci: true, retry: true}, "2.8": {true, true, true}, "2.10": {true, true, true},
	} {
		files := render(t, flux.Files, planOf(t, `"flux": {"version": "`+version+`"}, `, "joining"))
		release := of(files, "HelmRelease").named(t, "acme-west-datastore")
		got := knows{
			oci:    of(files, "OCIRepository")[0]["apiVersion"] == "source.toolkit.fluxcd.io/v1",
			retry:  at(release, "spec", "install", "strategy") != nil,
			health: at(release, "spec", "healthCheckExprs") != nil && at(release, "spec", "waitStrategy") != nil,
		}
		if got != want {
			t.Errorf("Flux %s: %+v, not %+v", version, got, want)
		}
	}
}

// TestFluxPinsCharts sees that charts are taken by the digest of the lock.
func TestFluxPinsCharts(t *testing.T) {
	p := planOf(t, "", "joining")
	p.Pinned = map[string]string{"apigee-redis": "sha256:1"}
	sources := of(render(t, flux.Files, p), "OCIRepository")
	if ref := at(sources.named(t, "acme-west-apigee-redis"), "spec", "ref"); !cmp.Equal(ref, map[string]any{"digest": "sha256:1"}) {
		t.Errorf("the pinned chart is %v", ref)
	}
	if ref := at(sources.named(t, "acme-west-apigee-org"), "spec", "ref"); !cmp.Equal(ref, map[string]any{"tag": "1.16.0"}) {
		t.Errorf("the other chart is %v", ref)
	}
}

// TestFluxUpgrades sees that no commit alone makes another chart of one in a folder:
// then every step would upgrade every region.
func TestFluxUpgrades(t *testing.T) {
	p := planOf(t, `"charts": {"path": "charts"}, `, "joining")
	for _, o := range of(render(t, flux.Files, p), "HelmRelease") {
		if got := at(o, "spec", "chart", "spec", "reconcileStrategy"); got != "ChartVersion" {
			t.Errorf("%s is upgraded by %v", nameOf(o), got)
		}
	}
}

// TestFluxLeavesNoValues sees that the values of a region go with its last release:
// the Kustomization that applies them would leave them behind. The folder stays, or
// nothing would be pruned, and its kustomization says something, or kustomize would
// not take it.
func TestFluxLeavesNoValues(t *testing.T) {
	eachFlux(t, func(t *testing.T, p deliver.Plan, files map[string]objects) {
		if p.Spec.Flux.Engine == topology.DeliverRendered {
			return
		}
		_, values := files["west/flux/releases/values.yaml"]
		if left := len(p.Regions[1].Releases) > 0; values != left {
			t.Errorf("there are values: %t, and releases: %t", values, left)
		}
		folder := files["west/flux/releases/kustomization.yaml"][0]
		resources, _ := folder["resources"].([]any)
		if len(resources) == 0 && folder["namespace"] != "flux-system" {
			t.Errorf("the kustomization is empty: %v", folder)
		}
		for _, name := range resources {
			if _, there := files["west/flux/releases/"+fmt.Sprint(name)]; !there {
				t.Errorf("there is no %v", name)
			}
		}
		of(files, "Kustomization").named(t, "acme-west-releases")
	})
}

// TestFluxRebuild sees that the rebuild shows in the region's own Kustomization,
// and that starting it touches no release; and that taking the seed host out
// gives every release other values, so that they wait for each other.
func TestFluxRebuild(t *testing.T) {
	at := func(phase stage.Phase) map[string]objects { return render(t, flux.Files, planOf(t, "", phase)) }
	joining, rebuilding, settling := at("joining"), at("rebuilding"), at("settling")
	for file := range joining {
		if strings.Contains(file, "/releases/") && !cmp.Equal(joining[file], rebuilding[file]) {
			t.Errorf("%s changes when the rebuild starts", file)
		}
	}
	own := of(rebuilding, "Kustomization").named(t, "acme-west")
	checks, _ := own["spec"].(map[string]any)["healthChecks"].([]any)
	exprs := fmt.Sprint(own["spec"].(map[string]any)["healthCheckExprs"])
	if len(checks) != 2 || !strings.Contains(exprs, fmt.Sprint(start.Add(-stage.Skew).Unix())) {
		t.Errorf("the rebuild is watched by %v with %s", checks, exprs)
	}
	for _, phase := range []map[string]objects{joining, settling} {
		if o := of(phase, "Kustomization").named(t, "acme-west"); o["spec"].(map[string]any)["healthChecks"] != nil {
			t.Errorf("something is waited for though nothing is rebuilt: %v", o)
		}
	}
	values := func(files map[string]objects) string { return fmt.Sprint(files["west/flux/releases/values.yaml"]) }
	if !strings.Contains(values(rebuilding), "multiRegionSeedHost") || strings.Contains(values(settling), "multiRegionSeedHost") {
		t.Error("the seed host is not where it should be")
	}
	for i, o := range of(settling, "HelmRelease") {
		if before := of(rebuilding, "HelmRelease")[i]; strings.HasPrefix(nameOf(o), "acme-west-") == cmp.Equal(o["spec"], before["spec"]) {
			t.Errorf("HelmRelease %s: other values make no other release, or those of another region do", nameOf(o))
		}
	}
}

var argoVariants = []string{
	`"charts": {"path": "charts"}, "argocd": {}, `, `"charts": {"path": "charts"}, "argocd": {"engine": "rendered"}, `, `"argocd": {"version": "3.2"}, `,
	`"argocd": {"applications": "set"}, `, `"argocd": {"applications": "set", "engine": "rendered"}, `,
	`"argocd": {"version": "2.14"}, `, `"argocd": {"version": "3.3"}, `, `"argocd": {"version": "3.4"}, `, `"argocd": {"version": "3.5", "engine": "rendered"}, `,
	`"argocd": {"version": "3.3", "applications": "set"}, `, `"argocd": {"version": "3.4", "applications": "set"}, `,
}

func eachArgo(t *testing.T, check func(t *testing.T, p deliver.Plan, files map[string]objects)) {
	t.Helper()
	for _, spec := range argoVariants {
		for _, phase := range phases {
			t.Run(spec+string(phase), func(t *testing.T) {
				p := planOf(t, spec, phase)
				check(t, p, render(t, argocd.Files, p))
			})
		}
	}
}

// waves returns the wave of each application of the region west: those of a set
// are its steps.
func waves(t *testing.T, files map[string]objects) map[string]int {
	t.Helper()
	number := func(text any) int {
		var n int
		if _, err := fmt.Sscan(fmt.Sprint(text), &n); err != nil {
			t.Fatalf("%v is no wave", text)
		}
		return n
	}
	list := map[string]int{}
	for _, o := range files["west/argocd/applications/applications.yaml"] {
		wave := number(at(o, "metadata", "annotations", "argocd.argoproj.io/sync-wave"))
		if o["kind"] == "Application" {
			list[nameOf(o)] = wave
			continue
		}
		for _, e := range elements(o) {
			list[fmt.Sprint(e["name"])] = number(e["wave"])
		}
	}
	return list
}

// elements returns what an ApplicationSet makes applications of.
func elements(set map[string]any) []map[string]any {
	var list []map[string]any
	for _, e := range at(set, "spec", "generators").([]any)[0].(map[string]any)["list"].(map[string]any)["elements"].([]any) {
		list = append(list, e.(map[string]any))
	}
	return list
}

// TestArgoWaves sees that no wave waits for what comes later: a release comes
// after all that it waits for, and nothing after the region's own manifests, which
// are well only when a rebuild has ended.
func TestArgoWaves(t *testing.T) {
	eachArgo(t, func(t *testing.T, p deliver.Plan, files map[string]objects) {
		list := waves(t, files)
		west := p.Regions[1]
		for _, rel := range west.Releases {
			for _, before := range rel.After {
				if a, b := p.Name(west, rel.Name), p.Name(west, before); list[a] <= list[b] {
					t.Errorf("%s is in wave %d, and waits for %s in wave %d", a, list[a], b, list[b])
				}
			}
		}
		for name, wave := range list {
			if name != "acme-west-manifests" && wave >= list["acme-west-manifests"] {
				t.Errorf("%s waits for the region's own manifests", name)
			}
			if name != "acme-west-definitions" && wave <= 0 {
				t.Errorf("%s does not wait for the definitions", name)
			}
		}
		if len(list) < len(west.Releases)+1 {
			t.Errorf("of %d releases there are %d applications", len(west.Releases), len(list))
		}
	})
}

// removal is what the policy of an application lets Argo CD remove of what it
// applied.
type removal struct {
	Prunes, Asks, Cascades bool
}

func removalOf(policy any, cascades bool) removal {
	p, _ := policy.(map[string]any)
	options, _ := p["syncOptions"].([]any)
	return removal{at(p, "automated", "prune") == true, slices.Contains(options, any("Prune=confirm")), cascades}
}

// TestArgoAsksForData sees that before Argo CD 3.4, which is the first to ask for
// all that an application applies, the application of a datastore removes nothing by
// itself; and that from then on it asks. A set takes nothing of it along.
func TestArgoAsksForData(t *testing.T) {
	eachArgo(t, func(t *testing.T, p deliver.Plan, files map[string]objects) {
		want := removal{Prunes: true, Asks: true, Cascades: true}
		if minor := p.Spec.ArgoCD.Version; slices.Contains([]string{"2.14", "3.1", "3.2", "3.3"}, minor) {
			want = removal{}
		}
		found := 0
		for _, o := range of(files, "Application") {
			if strings.HasSuffix(nameOf(o), "-datastore") {
				found++
				if got := removalOf(at(o, "spec", "syncPolicy"), at(o, "metadata", "finalizers") != nil); got != want {
					t.Errorf("Argo CD %s: %s: %+v, not %+v", p.Spec.ArgoCD.Version, nameOf(o), got, want)
				}
			}
		}
		want.Cascades = false
		for _, o := range of(files, "ApplicationSet") {
			if patch := fmt.Sprint(at(o, "spec", "templatePatch")); !strings.HasPrefix(patch, "{{- if not .data }}\nmetadata:\n  finalizers:") {
				t.Errorf("%s: a finalizer for what holds data: %s", nameOf(o), patch)
			}
			for _, e := range elements(o) {
				data := strings.HasSuffix(fmt.Sprint(e["name"]), "-datastore")
				if e["data"] != data {
					t.Errorf("%v holds data: %v", e["name"], e["data"])
				}
				if got := removalOf(at(e, "spec", "syncPolicy"), false); data && got != want {
					t.Errorf("Argo CD %s: %v: %+v, not %+v", p.Spec.ArgoCD.Version, e["name"], got, want)
				} else if data {
					found++
				}
			}
		}
		if found == 0 {
			t.Error("there is no datastore")
		}
	})
}

// TestArgoHeaders sees that the files say what a reader must know: what the deletion
// of a region's application does, and that a set has no order of its own.
func TestArgoHeaders(t *testing.T) {
	for _, spec := range argoVariants {
		for _, phase := range phases {
			p := planOf(t, spec, phase)
			files, err := argocd.Files(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				stays := strings.Contains(f.Header, "If this one is deleted, they stay")
				if path.Base(f.Path) == "region.yaml" && stays == strings.Contains(fmt.Sprint(f.Docs[0].Plain()), "finalizer") {
					t.Errorf("%s%s: %s says of its deletion: %s", spec, phase, f.Path, f.Header)
				}
				warns := strings.Contains(f.Header, "--enable-progressive-syncs")
				if path.Base(f.Path) == "applications.yaml" && warns != (p.Spec.ArgoCD.Applications == topology.Set) {
					t.Errorf("%s%s: %s says of its order: %s", spec, phase, f.Path, f.Header)
				}
			}
		}
	}
}

// TestArgoKeepsData sees that the application of what holds data goes only when a
// person confirms, and definitions never; and that the deletion of the application
// of a region leaves everything.
func TestArgoKeepsData(t *testing.T) {
	const confirm = "Prune=confirm,Delete=confirm"
	eachArgo(t, func(t *testing.T, p deliver.Plan, files map[string]objects) {
		empty := len(p.Regions[1].Releases) == 0
		for _, o := range of(files, "Application") {
			name := nameOf(o)
			data := strings.HasSuffix(name, "-datastore")
			cascades := at(o, "metadata", "finalizers") != nil
			options := fmt.Sprint(at(o, "spec", "syncPolicy", "syncOptions"))
			switch {
			case data && at(o, "metadata", "annotations", "argocd.argoproj.io/sync-options") != confirm:
				t.Errorf("%s goes without a word", name)
			case strings.HasSuffix(name, "-definitions") && (at(o, "spec", "syncPolicy", "automated", "prune") != false || !strings.Contains(options, "Prune=false") || cascades):
				t.Errorf("%s may go", name)
			case name == "acme-east" && cascades, name == "acme-west" && cascades != empty:
				t.Errorf("%s takes everything with it, or nothing though nothing but empty applications is left: %t", name, cascades)
			case strings.HasSuffix(name, "-manifests") && at(o, "spec", "syncPolicy", "automated", "allowEmpty") != true:
				t.Errorf("%s does not let its last manifest go", name)
			}
		}
		for _, o := range of(files, "ApplicationSet") {
			if at(o, "spec", "syncPolicy", "preserveResourcesOnDeletion") != true || at(o, "spec", "template", "metadata", "finalizers") != nil {
				t.Errorf("%s takes the data with it", nameOf(o))
			}
		}
	})
}

// TestArgoRebuild sees that starting a rebuild changes no application: one that is
// being synced until the rebuild ends would take no newer commit until then.
func TestArgoRebuild(t *testing.T) {
	for _, spec := range argoVariants {
		before, after := render(t, argocd.Files, planOf(t, spec, "joining")), render(t, argocd.Files, planOf(t, spec, "rebuilding"))
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s(-joining +rebuilding):\n%s", spec, diff)
		}
	}
}

// TestArgoProject sees that every application may do what it does, and no more.
func TestArgoProject(t *testing.T) {
	eachArgo(t, func(t *testing.T, p deliver.Plan, files map[string]objects) {
		project := of(files, "AppProject")[0]
		allowed, sources := fmt.Sprint(at(project, "spec", "destinations")), fmt.Sprint(at(project, "spec", "sourceRepos"))
		for _, o := range of(files, "Application") {
			destination, _ := at(o, "spec", "destination").(map[string]any)
			if at(o, "spec", "project") != nameOf(project) || !strings.Contains(allowed, fmt.Sprint(destination)) {
				t.Errorf("%s: %v is not in %s", nameOf(o), destination, allowed)
			}
			list, _ := at(o, "spec", "sources").([]any)
			for _, s := range append(list, at(o, "spec", "source")) {
				if source, ok := s.(map[string]any); ok && !strings.Contains(sources, fmt.Sprint(source["repoURL"])) {
					t.Errorf("%s: %v is not in %s", nameOf(o), source["repoURL"], sources)
				}
			}
		}
		if p.Spec.ArgoCD.Engine == topology.DeliverRendered && strings.Contains(sources, "docker") {
			t.Errorf("the charts are not needed: %s", sources)
		}
	})
}

// TestArgoHealth sees that every kind whose health is known to Flux is known to
// Argo CD, and that of applications.
func TestArgoHealth(t *testing.T) {
	p := planOf(t, "", "rebuilding")
	settings := of(render(t, argocd.Files, p), "ConfigMap").named(t, "argocd-cm")
	wanted := []string{"argoproj.io_Application"}
	for _, r := range p.Regions {
		for _, rel := range r.Releases {
			for _, h := range rel.Health {
				wanted = append(wanted, "apigee.cloud.google.com_"+h.Kind)
			}
		}
		for _, h := range r.Own {
			wanted = append(wanted, "apigee.cloud.google.com_"+h.Kind)
		}
	}
	for _, kind := range wanted {
		if text, _ := at(settings, "data", "resource.customizations.health."+kind).(string); !strings.Contains(text, "Healthy") {
			t.Errorf("the health of %s is %q", kind, text)
		}
	}
}

func TestHelmfile(t *testing.T) {
	for _, spec := range []string{"", `"charts": {"path": "charts"}, `} {
		for _, phase := range phases {
			p := planOf(t, spec, phase)
			files := render(t, helmfile.Files, p)
			doc, there := files["west/helmfile.yaml"]
			if there != (phase != "closing") {
				t.Errorf("%s: there is a helmfile: %t", phase, there)
			}
			if !there {
				continue
			}
			var before []string
			for _, item := range doc[0]["releases"].([]any) {
				r := item.(map[string]any)
				needs, _ := r["needs"].([]any)
				for _, need := range needs {
					if !slices.Contains(before, fmt.Sprint(need)) {
						t.Errorf("%s: %v needs %v, which does not come before it", phase, r["name"], need)
					}
				}
				if _, versioned := r["version"]; versioned != (spec == "") {
					t.Errorf("%s: %v has a version: %t", phase, r["name"], versioned)
				}
				before = append(before, "apigee/"+fmt.Sprint(r["name"]))
			}
			if len(before) != len(p.Regions[1].Releases) {
				t.Errorf("%s: %d releases, not %d", phase, len(before), len(p.Regions[1].Releases))
			}
		}
	}
}

// TestHelmfileHeader sees that what leaves is said to be removed as the commands of
// the plan say: these follow an engine that delivers too.
func TestHelmfileHeader(t *testing.T) {
	for spec, want := range map[string]string{
		`"delivery": ["helmfile"], `:           "removed by hand: `ringplan plan --commands` tells how.",
		`"delivery": ["helmfile", "argocd"], `: "removed by hand, with `helm uninstall`.\n`ringplan plan --commands` tells only what to do where the other engine",
	} {
		files, err := helmfile.Files(planOf(t, spec, "serving"))
		if err != nil || len(files) == 0 || !strings.Contains(files[0].Header, want) {
			t.Errorf("%s: %v, %v", spec, files, err)
		}
	}
}

func TestBefore(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"2.7", "2.8", true}, {"2.8", "2.8", false}, {"2.10", "2.8", false}, {"2.14", "3.0", true}, {"3.0", "2.14", false}} {
		if got := deliver.Before(tt.a, tt.b); got != tt.want {
			t.Errorf("%s before %s is %t", tt.a, tt.b, got)
		}
	}
}

func TestCommands(t *testing.T) {
	hand := system.Command{Comment: "by hand"}
	applied := system.Command{Comment: "applied", Applies: true}
	definitions := system.Command{Comment: "definitions", Applies: true, Definitions: true}
	later := system.Command{Comment: "later"}
	engine := []system.Command{{Comment: "engine"}}
	for name, tt := range map[string]struct {
		byHand []system.Command
		brings bool
		want   []system.Command
	}{
		"nothing is applied": {[]system.Command{hand, later}, true, []system.Command{hand, later}},
		"in between":         {[]system.Command{hand, definitions, applied, later}, true, []system.Command{hand, engine[0], later}},
		"definitions stay":   {[]system.Command{definitions, hand, applied}, false, []system.Command{definitions, hand, engine[0]}},
	} {
		if diff := cmp.Diff(tt.want, deliver.Commands(tt.byHand, engine, tt.brings)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestLeavingData sees that what holds data is removed by a person, by the words
// of each engine.
func TestLeavingData(t *testing.T) {
	data := []system.Release{{Name: "datastore", Holds: []string{"apigeedatastore/default"}}}
	for spec, want := range map[string]string{
		`"flux": {}, `:                     "kubectl -n flux-system delete helmrelease acme-west-datastore",
		`"flux": {"clusters": "own"}, `:    "kubectl --context west -n flux-system delete helmrelease acme-west-datastore",
		`"flux": {"engine": "rendered"}, `: "kubectl --context west -n apigee delete apigeedatastore/default",
	} {
		p := planOf(t, spec, "leaving")
		cmds := flux.Commands(p.Topology, p.Regions[1].Region, data)
		if got := cmds[len(cmds)-1].Run; got != want {
			t.Errorf("%s: %s", spec, got)
		}
	}
	const (
		parent = "kubectl -n argocd annotate --overwrite application acme-west argocd.argoproj.io/deletion-approved="
		own    = "kubectl -n argocd annotate --overwrite application acme-west-datastore argocd.argoproj.io/deletion-approved="
		byHand = "kubectl --context west -n apigee delete apigeedatastore/default"
	)
	for spec, want := range map[string][]string{
		`"argocd": {"version": "3.4"}, `:                        {parent, own},
		`"argocd": {"version": "3.3"}, `:                        {parent, byHand},
		`"argocd": {}, `:                                        {parent, byHand},
		`"argocd": {"applications": "set"}, `:                   {byHand},
		`"argocd": {"applications": "set", "version": "3.4"}, `: {byHand},
	} {
		p := planOf(t, spec, "leaving")
		cmds := argocd.Commands(p.Topology, p.Regions[1].Region, data)
		if len(cmds) != 1+len(want) {
			t.Errorf("%s: %v", spec, cmds)
			continue
		}
		for i, cmd := range cmds[1:] {
			if !strings.HasPrefix(cmd.Run, want[i]) {
				t.Errorf("%s: %s, not %s", spec, cmd.Run, want[i])
			}
		}
		if says := strings.Contains(cmds[0].Comment, "--enable-progressive-syncs"); says != strings.Contains(spec, "set") {
			t.Errorf("%s: of the order it says: %s", spec, cmds[0].Comment)
		}
	}
}

// TestRules tries what the engines cannot deliver; whole topologies are in
// examples/broken.
func TestRules(t *testing.T) {
	packed := map[string]string{"apigee-operator": "apigee-operator-1.16.0.tgz", "apigee-redis": "apigee-redis"}
	for name, tt := range map[string]struct {
		spec    string
		located map[string]string
		want    []string
	}{
		"nobody delivers":          {`"flux": {"version": "2.4"}, "argocd": {"version": "2.13"}, `, packed, nil},
		"Flux":                     {`"delivery": ["flux"], `, nil, nil},
		"Flux too old":             {`"delivery": ["flux"], "flux": {"version": "2.4"}, `, nil, []string{"RP160 spec.flux.version"}},
		"Flux without waiting":     {`"delivery": ["flux"], "flux": {"version": "2.7"}, `, nil, []string{"RP161 spec.flux.version"}},
		"rendered, that waits":     {`"delivery": ["flux"], "flux": {"version": "2.5", "engine": "rendered"}, `, nil, nil},
		"Flux, packed":             {`"delivery": ["flux"], "charts": {"path": "c"}, `, packed, []string{"RP160 spec.charts.path"}},
		"Flux, rendered, packed":   {`"delivery": ["flux"], "charts": {"path": "c"}, "flux": {"engine": "rendered"}, `, packed, nil},
		"Flux, OCI, rendered":      {`"delivery": ["flux"], "charts": {"path": "c"}, "flux": {"engine": "rendered", "source": {"kind": "OCIRepository"}}, `, nil, nil},
		"Flux, charts in OCI":      {`"delivery": ["flux"], "charts": {"path": "c"}, "flux": {"source": {"kind": "OCIRepository"}}, `, nil, []string{"RP160 spec.flux.source.kind"}},
		"Flux, charts in a bucket": {`"delivery": ["flux"], "charts": {"path": "c"}, "flux": {"source": {"kind": "Bucket"}}, `, nil, nil},
		"Flux, patches":            {`"delivery": ["flux"], "overlay": {"images": [{"name": "a", "newTag": "b"}]}, `, nil, nil},
		"Flux, components":         {`"delivery": ["flux"], "overlay": {"components": ["c"], "labels": [{"pairs": {"a": "b"}}]}, `, nil, []string{"RP160 spec.regions[0].overlay", "RP160 spec.regions[0].overlay", "RP160 spec.regions[1].overlay", "RP160 spec.regions[1].overlay"}},
		"Argo CD":                  {`"delivery": ["argocd"], "charts": {"path": "c"}, `, nil, nil},
		"Argo CD, registry":        {`"delivery": ["argocd"], `, nil, []string{"RP163 spec.argocd"}},
		"Argo CD too old":          {`"delivery": ["argocd"], "argocd": {"version": "2.13", "engine": "rendered"}, `, nil, []string{"RP162 spec.argocd.version"}},
		"Argo CD, packed":          {`"delivery": ["argocd"], "charts": {"path": "c"}, `, packed, []string{"RP162 spec.charts.path"}},
		"Argo CD, overlay":         {`"delivery": ["argocd"], "charts": {"path": "c"}, "overlay": {"images": [{"name": "a", "newTag": "b"}]}, `, nil, []string{"RP162 spec.regions[0].overlay", "RP162 spec.regions[1].overlay"}},
		"Argo CD, all committed":   {`"delivery": ["argocd"], "argocd": {"engine": "rendered"}, "overlay": {"images": [{"name": "a", "newTag": "b"}]}, `, packed, nil},
	} {
		p := planOf(t, tt.spec, "serving")
		p.Located = tt.located
		var got []string
		for _, f := range lint.Run(p.Topology, lint.Standing{}, slices.Concat(flux.Rules, argocd.Rules), nil) {
			got = append(got, f.Code+" "+f.Path)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
