package deliver_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// TestSwitches sees that nothing about how an engine reaches what it has applied
// changes without a word while there is something.
func TestSwitches(t *testing.T) {
	const both = `"delivery": ["flux", "argocd"], `
	region := func(field, value string) func(string) string {
		return func(spec string) string {
			return strings.Replace(spec, `"context": "west"`, `"context": "west", "`+field+`": "`+value+`"`, 1)
		}
	}
	for name, tt := range map[string]struct {
		was, now string
		// nowhere is set if nothing is rendered yet.
		nowhere bool
		edit    func(string) string
		want    []string
	}{
		"nothing":                      {both, both, false, nil, nil},
		"flux.engine":                  {both, both + `"flux": {"engine": "rendered"}, `, false, nil, []string{"spec.flux.engine"}},
		"back":                         {both + `"flux": {"engine": "rendered"}, `, both, false, nil, []string{"spec.flux.engine"}},
		"flux.engine, of nobody":       {``, `"flux": {"engine": "rendered"}, `, false, nil, nil},
		"flux.engine, nothing there":   {both, both + `"flux": {"engine": "rendered"}, `, true, nil, nil},
		"flux.clusters":                {both, both + `"flux": {"clusters": "own"}, `, false, nil, []string{"spec.flux.clusters"}},
		"flux.namespace":               {both, both + `"flux": {"namespace": "flux"}, `, false, nil, []string{"spec.flux.namespace"}},
		"what is only said":            {both, both + `"flux": {"engine": "helm", "clusters": "hub"}, `, false, nil, nil},
		"flux.version":                 {both, both + `"flux": {"version": "2.10"}, `, false, nil, nil},
		"argocd":                       {both, both + `"argocd": {"engine": "rendered", "applications": "set", "namespace": "argo", "project": "p"}, `, false, nil, []string{"spec.argocd.applications", "spec.argocd.engine", "spec.argocd.namespace", "spec.argocd.project"}},
		"argocd.version":               {both, both + `"argocd": {"version": "3.4"}, `, false, nil, nil},
		"kubeConfigSecret":             {both, both, false, region("kubeConfigSecret", "other"), []string{"spec.regions[1].kubernetes.kubeConfigSecret"}},
		"kubeConfigSecret, not used":   {both + `"flux": {"clusters": "own"}, `, both + `"flux": {"clusters": "own"}, `, false, region("kubeConfigSecret", "other"), nil},
		"argocdCluster":                {both, both, false, region("argocdCluster", "other"), []string{"spec.regions[1].kubernetes.argocdCluster"}},
		"argocdCluster, nothing there": {both, both, true, region("argocdCluster", "other"), nil},
		"an engine leaves":             {both, `"delivery": ["flux"], `, false, nil, []string{"spec.delivery"}},
		"an engine for another":        {`"delivery": ["flux"], `, `"delivery": ["argocd"], `, false, nil, []string{"spec.delivery"}},
		"both leave":                   {both, ``, false, nil, []string{"spec.delivery", "spec.delivery"}},
		"the first":                    {``, `"delivery": ["flux"], "flux": {"engine": "rendered"}, `, false, nil, nil},
		"a second":                     {`"delivery": ["flux"], `, both, false, nil, nil},
		"helmfile leaves":              {`"delivery": ["helmfile"], `, ``, false, nil, nil},
	} {
		model := func(spec string, edit func(string) string) *topology.Topology {
			return topologyOf(t, spec, edit)
		}
		switches := deliver.Switches(model(tt.was, nil), model(tt.now, tt.edit), func(*topology.Region) bool { return !tt.nowhere })
		var got []string
		for _, s := range switches {
			got = append(got, s.Path)
			if !strings.Contains(s.What, "region") || s.Hint == "" {
				t.Errorf("%s: it does not say where, or what to do: %+v", name, s)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestSwitchOfOneRegion sees that how a region is reached may change until something
// is there.
func TestSwitchOfOneRegion(t *testing.T) {
	const spec = `"delivery": ["argocd"], `
	was, now := topologyOf(t, spec, nil), topologyOf(t, spec, func(s string) string { return strings.ReplaceAll(s, `"cluster": "w"`, `"cluster": "v"`) })
	for region, want := range map[string]int{"east": 0, "west": 1} {
		got := deliver.Switches(was, now, func(r *topology.Region) bool { return r.Name == region })
		if len(got) != want {
			t.Errorf("only %s is there: %v", region, got)
		}
	}
}

// TestClassify sees that a switch is not safe to the eye either.
func TestClassify(t *testing.T) {
	change := func(file, document, path string, op manifest.Op) manifest.Change {
		return manifest.Change{File: file, Document: document, Path: path, Op: op}
	}
	const release = "helm.toolkit.fluxcd.io/HelmRelease flux-system/acme-west-redis"
	for name, tt := range map[string]struct {
		change manifest.Change
		want   system.Class
	}{
		"kubeconfig":           {change("west/flux/releases/helmreleases.yaml", release, "spec.kubeConfig", manifest.Removed), system.OneWay},
		"another Secret":       {change("west/flux/sync.yaml", release, "spec.kubeConfig.secretRef.name", manifest.Changed), system.OneWay},
		"another cluster":      {change("west/argocd/applications/applications.yaml", "argoproj.io/Application argocd/a", "spec.destination.name", manifest.Changed), system.OneWay},
		"of a set":             {change("west/argocd/applications/applications.yaml", "argoproj.io/ApplicationSet argocd/a", "spec.template.spec.destination.name", manifest.Changed), system.OneWay},
		"another project":      {change("west/argocd/region.yaml", "", "spec.project", manifest.Changed), system.OneWay},
		"a release leaves":     {change("west/flux/releases/helmreleases.yaml", release, "", manifest.Removed), system.OneWay},
		"a file of them":       {change("west/flux/releases/helmreleases.yaml", "", "", manifest.Removed), system.OneWay},
		"an application":       {change("west/argocd/applications/applications.yaml", "argoproj.io/Application argocd/a", "", manifest.Removed), system.OneWay},
		"one of a set":         {change("west/argocd/applications/applications.yaml", "argoproj.io/ApplicationSet argocd/a", "spec.generators[0].list.elements[acme-west-redis]", manifest.Removed), system.OneWay},
		"one of a lone set":    {change("west/argocd/applications/applications.yaml", "", "spec.generators[0].list.elements[acme-west-redis]", manifest.Removed), system.OneWay},
		"one comes to a set":   {change("west/argocd/applications/applications.yaml", "argoproj.io/ApplicationSet argocd/a", "spec.generators[0].list.elements[acme-west-redis]", manifest.Added), system.Safe},
		"a field of one":       {change("west/argocd/applications/applications.yaml", "argoproj.io/ApplicationSet argocd/a", "spec.generators[0].list.elements[acme-west-redis].spec.source.directory", manifest.Removed), system.Safe},
		"the engine leaves":    {change("west/argocd/region.yaml", "", "", manifest.Removed), system.OneWay},
		"values":               {change("west/flux/releases/values.yaml", "", "data", manifest.Changed), system.Safe},
		"a release comes":      {change("west/flux/releases/helmreleases.yaml", release, "", manifest.Added), system.Safe},
		"a file comes":         {change("west/flux/sync.yaml", "", "", manifest.Added), system.Safe},
		"values leave":         {change("west/flux/releases/values.yaml", "", "", manifest.Removed), system.Safe},
		"what it waits for":    {change("west/flux/releases/helmreleases.yaml", release, "spec.dependsOn", manifest.Changed), system.Safe},
		"clusters of projects": {change("argocd/project.yaml", "", "spec.destinations", manifest.Changed), system.Safe},
		"helmfile":             {change("west/helmfile.yaml", "", "", manifest.Removed), system.Safe},
	} {
		if got := deliver.Classify(tt.change); got.Class != tt.want || got.Why == "" || got.Source == "" {
			t.Errorf("%s: %+v, not %s", name, got, tt.want)
		}
	}
}
