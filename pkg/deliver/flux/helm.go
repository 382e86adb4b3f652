package flux

import (
	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// helm renders the releases of a region as HelmReleases, with their charts and
// values. Where none is left, the folder is empty, and what was in it is pruned: the
// values would outlive the region, because the slice that applies them is one that
// leaves behind what it applied.
func (r room) helm(folder string) ([]manifest.File, error) {
	if len(r.region.Releases) == 0 {
		empty := deliver.Kustomization(folder, "No Helm release of region "+r.region.Name+" is left.")
		// Flux writes it anew, without lists that are empty, and kustomize takes none
		// that says nothing [FLUX].
		empty.Docs[0].Set("namespace", r.Spec.Flux.Namespace)
		return []manifest.File{empty}, nil
	}
	values, err := r.region.Values()
	if err != nil {
		return nil, err
	}
	config := r.Name(r.region, "values", deliver.Digest(values, 8))
	resources := []string{"values.yaml"}
	files := []manifest.File{deliver.File(folder+"/values.yaml",
		"The overrides of region "+r.region.Name+", as they stand in "+r.region.Overrides+". The name changes with what they say, and so does every HelmRelease that reads them:\nonly then do releases wait for each other when values change.",
		r.object("v1", "ConfigMap", config).Set("data", manifest.NewMap("values.yaml", values)))}
	if charts := r.chartSources(); len(charts) > 0 {
		resources = append(resources, "charts.yaml")
		files = append(files, deliver.File(folder+"/charts.yaml", "The charts.", charts...))
	}
	resources = append(resources, "helmreleases.yaml")
	var docs []*manifest.Map
	for _, rel := range r.region.Releases {
		docs = append(docs, r.release(rel, config))
	}
	files = append(files, deliver.File(folder+"/helmreleases.yaml", "The Helm releases of region "+r.region.Name+", in order.", docs...))
	return append(files, deliver.Kustomization(folder, "The Helm releases of region "+r.region.Name+", with their charts and values.", resources...)), nil
}

// chartSources returns a source for each chart of a registry.
func (r room) chartSources() []*manifest.Map {
	if r.Charts == "" {
		return nil
	}
	var docs []*manifest.Map
	known := map[string]bool{}
	for _, rel := range r.region.Releases {
		if !known[rel.Chart] {
			known[rel.Chart] = true
			docs = append(docs, r.repository(r.Name(r.region, rel.Chart), rel.Chart, "copy"))
		}
	}
	return docs
}

// repository returns the source of one chart: by digest where the lock has one,
// so that it cannot change, else by version.
func (r room) repository(name, chart, operation string) *manifest.Map {
	ref := manifest.NewMap("tag", r.Spec.Version)
	if digest := r.Pinned[chart]; digest != "" {
		ref = manifest.NewMap("digest", digest).Comment("digest", "Version "+r.Spec.Version+", as ringplan.lock pins it.")
	}
	apiVersion := "source.toolkit.fluxcd.io/v1"
	if deliver.Before(r.Spec.Flux.Version, sinceOCI) {
		apiVersion += "beta2"
	}
	return r.object(apiVersion, "OCIRepository", name).Set("spec", manifest.NewMap(
		"interval", "1h",
		"url", r.Charts+"/"+chart,
		"ref", ref,
		"layerSelector", manifest.NewMap("mediaType", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "operation", operation),
	))
}

// release renders one HelmRelease. Its records are kept where Helm itself keeps
// them, so that a release that Helm has installed is taken over.
func (r room) release(rel system.Release, config string) *manifest.Map {
	metadata := manifest.NewMap("name", r.Name(r.region, rel.Name), "namespace", r.Spec.Flux.Namespace)
	if len(rel.Holds) > 0 {
		metadata.Set("annotations", manifest.NewMap("kustomize.toolkit.fluxcd.io/prune", "disabled"))
		metadata.Comment("annotations", "It holds data: when it is to leave, a person deletes it.")
	}
	spec := manifest.NewMap(
		"interval", "10m",
		"timeout", "15m",
		"releaseName", rel.Name,
		"targetNamespace", r.Spec.Namespace,
		"storageNamespace", r.Spec.Namespace,
	)
	r.remote(spec)
	r.chart(spec, rel.Chart)
	spec.SetNonZero("dependsOn", references(r.names(rel.After)))
	spec.Set("valuesFrom", []any{manifest.NewMap("kind", "ConfigMap", "name", config)})
	spec.SetNonZero("values", rel.Set)
	spec.Set("install", r.action()).Comment("install", "A release that fails is tried again; it is never uninstalled or rolled back, which could bring a seed host back.")
	spec.Set("upgrade", r.action())
	drift := "warn"
	if len(rel.Holds) > 0 {
		drift = "enabled"
	}
	spec.Set("driftDetection", manifest.NewMap("mode", drift))
	if exprs := expressions(rel.Health); len(exprs) > 0 && !deliver.Before(r.Spec.Flux.Version, sinceHelmHealth) {
		spec.Set("waitStrategy", manifest.NewMap("name", "poller"))
		spec.Set("healthCheckExprs", exprs)
	}
	r.overlay(spec)
	return manifest.NewMap("apiVersion", "helm.toolkit.fluxcd.io/v2", "kind", "HelmRelease", "metadata", metadata, "spec", spec)
}

// chart says where the chart of a release is from.
func (r room) chart(spec *manifest.Map, chart string) {
	if r.Charts != "" {
		spec.Set("chartRef", manifest.NewMap("kind", "OCIRepository", "name", r.Name(r.region, chart)))
		return
	}
	// With strategy Revision every commit would make another version of the chart,
	// and so upgrade every release of every region: a step would not change its own
	// region alone.
	from := manifest.NewMap("chart", "./"+r.ChartInRepository(chart), "reconcileStrategy", "ChartVersion", "sourceRef", r.sourceRef())
	from.Comment("reconcileStrategy", "A changed chart comes with a new version in its Chart.yaml; under the same one Flux keeps the chart that it has.\n"+
		"With a ringplan.lock, ringplan charts verify finds other bytes under the same version.")
	spec.Set("chart", manifest.NewMap("spec", from))
}

// action says what happens if an installation or an upgrade fails.
func (r room) action() *manifest.Map {
	m := manifest.NewMap("crds", "Skip")
	if deliver.Before(r.Spec.Flux.Version, sinceRetry) {
		return m.Set("remediation", manifest.NewMap("retries", 0, "remediateLastFailure", false))
	}
	return m.Set("strategy", manifest.NewMap("name", "RetryOnFailure", "retryInterval", "5m"))
}

// overlay puts the overlay of the region into a post-renderer, as far as Flux has
// words for it; see [Lacks].
func (r room) overlay(spec *manifest.Map) {
	file, changed := system.OverlayFile(r.Topology, r.region.Region)
	if !changed {
		return
	}
	kustomize := manifest.NewMap()
	for _, key := range []string{"patches", "images"} {
		if list, ok := file.Docs[0].Get(key); ok {
			kustomize.SetNonZero(key, list)
		}
	}
	if len(kustomize.Plain()) > 0 {
		spec.Set("postRenderers", []any{manifest.NewMap("kustomize", kustomize)})
	}
}

// Lacks lists the parts of the overlay of a region that Flux has no words for: its
// post-renderers know patches and images only [FLUX].
func Lacks(t *topology.Topology, r *topology.Region) []string {
	var parts []string
	if file, changed := system.OverlayFile(t, r); changed {
		for _, key := range []string{"components", "labels"} {
			if _, ok := file.Docs[0].Get(key); ok {
				parts = append(parts, key)
			}
		}
	}
	return parts
}
