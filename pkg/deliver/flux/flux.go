// Package flux renders what Flux is told of a ring: sources, HelmReleases and
// Kustomizations for each region. Facts are from the definitions and documents of
// its controllers [FLUX].
package flux

import (
	"path"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Folder is the folder of Flux's files, in the rendered tree and in that of each
// region.
const Folder = topology.EngineFlux

// The oldest Flux that knows a field [FLUX]. Oldest is the oldest for which
// anything is rendered.
const (
	Oldest          = "2.5" // healthCheckExprs and deletionPolicy of a Kustomization
	sinceOCI        = "2.6" // OCIRepository v1
	sinceRetry      = "2.7" // strategy RetryOnFailure of a HelmRelease
	sinceHelmHealth = "2.8" // healthCheckExprs and waitStrategy of a HelmRelease
)

// A room is what is rendered for one region.
type room struct {
	deliver.Plan
	region deliver.Region
}

// Files returns the files of all regions of a plan, and the kustomization that
// lists them where one Flux serves all.
func Files(p deliver.Plan) ([]manifest.File, error) {
	var files []manifest.File
	var folders []string
	for _, r := range p.Regions {
		of, err := room{p, r}.files()
		if err != nil {
			return nil, err
		}
		files = append(files, of...)
		folders = append(folders, "../"+r.Name+"/"+Folder)
	}
	if len(folders) == 0 || p.Spec.Flux.Clusters == topology.Own {
		return files, nil
	}
	return append(files, deliver.Kustomization(Folder, "All regions of "+p.Metadata.Name+", for the Flux that delivers to them.", folders...)), nil
}

func (r room) rendered() bool { return r.Spec.Flux.Engine == topology.DeliverRendered }

func (r room) files() ([]manifest.File, error) {
	folder := r.region.Name + "/" + Folder
	files := []manifest.File{
		deliver.Kustomization(folder, "What Flux is told of region "+r.region.Name+".", "sync.yaml"),
		deliver.File(folder+"/sync.yaml", "What Flux syncs in region "+r.region.Name+", in order. Flux "+r.Spec.Flux.Version+" or newer.", r.sync()...),
		deliver.Kustomization(folder+"/namespace", "The namespace of region "+r.region.Name+".", "namespace.yaml"),
		deliver.File(folder+"/namespace/namespace.yaml", "Flux never removes it: it holds the volumes' claims.",
			manifest.NewMap("apiVersion", "v1", "kind", "Namespace", "metadata", manifest.NewMap("name", r.Spec.Namespace))),
	}
	if !r.rendered() {
		more, err := r.helm(folder + "/releases")
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	for i := range files {
		files[i].Origin = r.At(r.region.Path(""))
	}
	return files, nil
}

// object returns the beginning of an object of Flux.
func (r room) object(apiVersion, kind, name string) *manifest.Map {
	return manifest.NewMap("apiVersion", apiVersion, "kind", kind, "metadata", manifest.NewMap("name", name, "namespace", r.Spec.Flux.Namespace))
}

// remote points an object at the cluster of the region.
func (r room) remote(spec *manifest.Map) {
	if r.Spec.Flux.Clusters == topology.Hub {
		spec.Set("kubeConfig", manifest.NewMap("secretRef", manifest.NewMap("name", r.region.Kubernetes.KubeConfigSecret)))
	}
}

// names returns the names of the objects of releases.
func (r room) names(releases []string) []string {
	names := make([]string, len(releases))
	for i, release := range releases {
		names[i] = r.Name(r.region, release)
	}
	return names
}

func (r room) sourceRef() *manifest.Map {
	return manifest.NewMap("kind", r.Spec.Flux.Source.Kind, "name", r.Spec.Flux.Source.Name)
}

// A slice is one Kustomization of Flux: a folder that is applied at once.
type slice struct {
	name, folder, about string
	// source is "" for the Git repository.
	source string
	// hub is set for objects of Flux itself, which stay where Flux runs.
	hub bool
	// prune is whether what leaves the folder is removed, and keep whether what is
	// there stays when the Kustomization goes.
	prune, keep bool
	namespace   string
	after       []string
	// wait is whether everything in the folder must be well, and checks are objects
	// that must be, in the folder or not.
	wait   bool
	checks []system.Health
	health []system.Health
}

// kustomization renders a slice. Server-side apply is what Flux always does.
//
// What takes hours is waited for in short slices: while Flux waits for health, it
// takes no newer commit.
func (r room) kustomization(s slice) *manifest.Map {
	spec := manifest.NewMap("interval", "10m", "retryInterval", "1m", "timeout", "5m")
	if s.source == "" {
		spec.Set("sourceRef", r.sourceRef())
	} else {
		spec.Set("sourceRef", manifest.NewMap("kind", "OCIRepository", "name", s.source))
	}
	spec.Set("path", "./"+s.folder)
	if !s.hub {
		r.remote(spec)
	}
	spec.SetNonZero("targetNamespace", s.namespace)
	spec.Set("prune", s.prune)
	if s.keep {
		spec.Set("deletionPolicy", "Orphan")
		spec.Comment("deletionPolicy", "If this object is deleted by mistake, what it applied stays.")
	}
	if s.wait {
		spec.Set("wait", true)
	}
	spec.SetNonZero("dependsOn", references(s.after))
	var checks []any
	for _, h := range s.checks {
		checks = append(checks, manifest.NewMap("apiVersion", h.APIVersion, "kind", h.Kind, "name", h.Name, "namespace", r.Spec.Namespace))
	}
	spec.SetNonZero("healthChecks", checks)
	spec.SetNonZero("healthCheckExprs", expressions(append(s.health, s.checks...)))
	doc := r.object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", s.name).Set("spec", spec)
	return doc.Comment("apiVersion", s.about)
}

// references renders names of objects that something waits for.
func references(names []string) []any {
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = manifest.NewMap("name", name)
	}
	return list
}

// expressions renders the health of kinds.
func expressions(health []system.Health) []any {
	var list []any
	for _, h := range health {
		list = append(list, manifest.NewMap("apiVersion", h.APIVersion, "kind", h.Kind).
			SetNonZero("inProgress", h.InProgress).SetNonZero("failed", h.Failed).Set("current", h.Current))
	}
	return list
}

// sync returns what is applied in a region, in order.
func (r room) sync() []*manifest.Map {
	name := func(part string) string { return r.Name(r.region, part) }
	docs := []*manifest.Map{r.kustomization(slice{
		name: name("namespace"), folder: r.InRepository(deliver.Rendered, r.region.Name, Folder, "namespace"),
		about: "The namespace. Nothing that Flux does removes it.",
	})}
	docs = append(docs, r.definitions(name("definitions"), name("namespace"))...)
	var last []string
	if r.rendered() {
		for _, rel := range r.region.Releases {
			docs = append(docs, r.kustomization(r.renderedRelease(rel)))
		}
		last = r.names(r.region.OwnAfter)
	} else {
		docs = append(docs, r.kustomization(slice{
			name: name("releases"), folder: r.InRepository(deliver.Rendered, r.region.Name, Folder, "releases"),
			about: "The Helm releases. What leaves this folder is uninstalled, but for what holds data.",
			hub:   true, prune: true, keep: true, after: []string{name("definitions")},
		}))
		last = []string{name("releases")}
	}
	if len(last) == 0 {
		last = []string{name("definitions")}
	}
	return append(docs, r.kustomization(slice{
		name: r.Name(r.region), folder: r.InRepository(deliver.Rendered, r.region.Name),
		about: "The region's own manifests at phase " + string(r.region.At.Phase) + ".",
		prune: true, keep: true, after: last, checks: r.region.Own,
	}))
}

// definitions applies the custom resource definitions, out of the chart that holds
// them, or as they are committed.
func (r room) definitions(name, after string) []*manifest.Map {
	s := slice{
		name: name, after: []string{after}, wait: true,
		about: "The custom resource definitions. Nothing that Flux does removes them, or every custom resource would go with them.",
	}
	d := r.region.Definitions
	if r.rendered() {
		s.folder = r.InRepository(deliver.Rendered, r.region.Name, deliver.Manifests, deliver.DefinitionsFolder)
		return []*manifest.Map{r.kustomization(s)}
	}
	if d.Namespace != r.Spec.Namespace {
		s.namespace = r.Spec.Namespace
	}
	if r.Charts == "" {
		s.folder = path.Join(r.ChartInRepository(d.Chart), d.Folder)
		return []*manifest.Map{r.kustomization(s)}
	}
	s.source = name
	s.folder = path.Join(d.Chart, d.Folder)
	return []*manifest.Map{r.repository(name, d.Chart, "extract"), r.kustomization(s)}
}

// renderedRelease is the slice of a release whose manifests are committed.
func (r room) renderedRelease(rel system.Release) slice {
	s := slice{
		name: r.Name(r.region, rel.Name), folder: r.InRepository(deliver.Rendered, r.region.Name, deliver.Manifests, rel.Name),
		about: "What release " + rel.Name + " of chart " + rel.Chart + " renders.",
		prune: len(rel.Holds) == 0, wait: true, health: rel.Health, after: []string{r.Name(r.region, "definitions")},
	}
	if len(rel.Holds) > 0 {
		s.about += " Flux never removes it: when it is to leave, a person deletes it."
	}
	s.after = append(s.after, r.names(rel.After)...)
	return s
}
