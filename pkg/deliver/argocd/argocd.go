// Package argocd renders what Argo CD is told of a ring: a project, an
// Application for each region, and below it one for each release. Facts are from
// its documents and definitions [ARGO].
package argocd

import (
	"fmt"
	"path"
	"strings"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Folder is the folder of Argo CD's files, in the rendered tree and in that of
// each region.
const Folder = topology.EngineArgoCD

// The oldest Argo CD that knows an option [ARGO]. Oldest is the oldest for which
// anything is rendered.
const (
	Oldest       = "2.14" // Prune=confirm, Delete=confirm of an object, as an annotation on it
	sinceRefresh = "3.2"  // retry.refresh
	sinceAsks    = "3.4"  // the same options of an Application, for all that it applies
)

// A room is what is rendered for one region.
type room struct {
	deliver.Plan
	region deliver.Region
}

// Files returns the files of all regions of a plan, and those that they have in
// common.
func Files(p deliver.Plan) ([]manifest.File, error) {
	if len(p.Regions) == 0 {
		return nil, nil
	}
	var files []manifest.File
	resources := []string{"project.yaml"}
	for _, r := range p.Regions {
		files = append(files, room{p, r}.files()...)
		resources = append(resources, "../"+r.Name+"/"+Folder)
	}
	return append(files,
		deliver.Kustomization(Folder, "All regions of "+p.Metadata.Name+", for the Argo CD that delivers to them.", resources...),
		deliver.File(Folder+"/project.yaml", "What the applications of "+p.Metadata.Name+" may do.", project(p)),
		deliver.File(Folder+"/argocd-cm.yaml", healthHeader(p), settings(p)),
	), nil
}

func (r room) rendered() bool { return r.Spec.ArgoCD.Engine == topology.DeliverRendered }

// asks reports whether Argo CD asks before an application removes what holds data.
// An older one asks only before the application itself goes: then the application
// removes nothing.
func asks(t *topology.Topology) bool { return !deliver.Before(t.Spec.ArgoCD.Version, sinceAsks) }

func (r room) files() []manifest.File {
	folder := r.region.Name + "/" + Folder
	below := folder + "/applications"
	files := []manifest.File{
		deliver.Kustomization(folder, "What Argo CD is told of region "+r.region.Name+".", "region.yaml"),
		deliver.File(folder+"/region.yaml", r.parentHeader(), r.parent()),
		deliver.Kustomization(below, "The applications of region "+r.region.Name+".", "applications.yaml"),
		deliver.File(below+"/applications.yaml", r.header(), r.applications()...),
	}
	for i := range files {
		files[i].Origin = r.At(r.region.Path(""))
	}
	return files
}

// header says what must be known of the Argo CD that takes the applications.
func (r room) header() string {
	text := "The applications of region " + r.region.Name + ", in order. Argo CD " + r.Spec.ArgoCD.Version + " or newer."
	if r.Spec.ArgoCD.Applications == topology.Set {
		text += "\nThe set keeps its order only where the ApplicationSet controller runs with " + progressive + ",\n" +
			"which is off unless somebody switches it on: without it all releases are synced at once."
	}
	return text
}

// An application is one Application.
type application struct {
	name, about string
	wave        int
	// sources are what it applies; one, or several with the values apart.
	sources []*manifest.Map
	// prune is whether what leaves Git is removed, and empty whether it may be
	// everything; data is whether there is data in it, of which nothing goes unless
	// a person agrees.
	prune, empty, data bool
	// cascade is whether what the application applied goes with it.
	cascade bool
	options []string
}

const (
	waveOption = "argocd.argoproj.io/sync-wave"
	syncOption = "argocd.argoproj.io/sync-options"
	cascading  = "resources-finalizer.argocd.argoproj.io"
	apiVersion = "argoproj.io/v1alpha1"
)

// render renders an application for the cluster of the region.
func (r room) render(a application) *manifest.Map {
	annotations := manifest.NewMap(waveOption, fmt.Sprint(a.wave))
	if a.data {
		annotations.Set(syncOption, "Prune=confirm,Delete=confirm")
		annotations.Comment(syncOption, "It holds data: it goes only when a person confirms.")
	}
	metadata := manifest.NewMap("name", a.name, "namespace", r.Spec.ArgoCD.Namespace, "annotations", annotations)
	if a.cascade {
		metadata.Set("finalizers", []string{cascading})
	}
	doc := manifest.NewMap("apiVersion", apiVersion, "kind", "Application", "metadata", metadata, "spec", r.spec(a))
	return doc.Comment("apiVersion", a.about)
}

// spec renders the spec of an application. There are no ignoreDifferences: a field
// that no manifest sets is no difference to Argo CD.
func (r room) spec(a application) *manifest.Map {
	spec := manifest.NewMap("project", r.Spec.ArgoCD.Project,
		"destination", manifest.NewMap("name", r.region.Kubernetes.ArgoCDCluster, "namespace", r.Spec.Namespace))
	return r.withPolicy(spec, a)
}

func (r room) withPolicy(spec *manifest.Map, a application) *manifest.Map {
	if len(a.sources) == 1 {
		spec.Set("source", a.sources[0])
	} else {
		list := make([]any, len(a.sources))
		for i, s := range a.sources {
			list[i] = s
		}
		spec.Set("sources", list)
	}
	automated := manifest.NewMap("prune", a.prune, "selfHeal", true)
	if a.data && !a.prune {
		automated.Comment("prune", "Argo CD asks for an application as a whole since "+sinceAsks+": until then a person removes what leaves.")
	}
	if a.empty {
		automated.Set("allowEmpty", true)
	}
	options := a.options
	if a.data && a.prune {
		options = append(options, "Prune=confirm")
	}
	policy := manifest.NewMap("automated", automated)
	policy.SetNonZero("syncOptions", options)
	retry := manifest.NewMap("limit", -1, "backoff", manifest.NewMap("duration", "30s", "factor", 2, "maxDuration", "5m"))
	if !deliver.Before(r.Spec.ArgoCD.Version, sinceRefresh) {
		retry.Set("refresh", true)
		retry.Comment("refresh", "So that a retry takes the newest commit.")
	}
	return spec.Set("syncPolicy", policy.Set("retry", retry))
}

// git returns a folder of the Git repository as a source.
func (r room) git(folder string) *manifest.Map {
	return manifest.NewMap("repoURL", r.Spec.Repository.URL, "targetRevision", r.Spec.Repository.Revision, "path", folder)
}

// parentHeader says what the parent does, and what its deletion would do.
func (r room) parentHeader() string {
	text := "The applications of region " + r.region.Name + ", one wave after the other. "
	if len(r.region.Releases) == 0 {
		return text + "No release is left: if this one is deleted, they go with it,\nand they remove nothing in the cluster."
	}
	return text + "If this one is deleted, they stay."
}

// parent is the application of the applications of the region. They are objects
// of Argo CD itself. While there are releases below it, it takes nothing with it.
func (r room) parent() *manifest.Map {
	a := application{
		sources: []*manifest.Map{r.git(r.InRepository(deliver.Rendered, r.region.Name, Folder, "applications"))},
		prune:   true,
	}
	spec := manifest.NewMap("project", r.Spec.ArgoCD.Project,
		"destination", manifest.NewMap("name", "in-cluster", "namespace", r.Spec.ArgoCD.Namespace))
	metadata := manifest.NewMap("name", r.Name(r.region), "namespace", r.Spec.ArgoCD.Namespace)
	if len(r.region.Releases) == 0 {
		metadata.Set("finalizers", []string{cascading})
		metadata.Comment("finalizers", "Nothing is left below it but applications that remove nothing: they go with it.")
	}
	return manifest.NewMap("apiVersion", apiVersion, "kind", "Application", "metadata", metadata, "spec", r.withPolicy(spec, a))
}

// applications returns what is applied in the region. A wave waits only for what
// is applied in waves before it, and nothing waits for the last: the region's own
// manifests, whose work takes hours and needs all the others.
func (r room) applications() []*manifest.Map {
	var docs []*manifest.Map
	if a, ok := r.definitions(); ok {
		docs = append(docs, r.render(a))
	}
	last := 0
	var list []application
	for _, rel := range r.region.Releases {
		a := r.release(rel)
		last = max(last, a.wave)
		list = append(list, a)
	}
	if r.Spec.ArgoCD.Applications == topology.Set && len(list) > 0 {
		docs = append(docs, r.set(list))
	} else {
		for _, a := range list {
			docs = append(docs, r.render(a))
		}
	}
	return append(docs, r.render(application{
		name: r.Name(r.region, "manifests"), wave: last + 10, prune: true, empty: true,
		about:   "The region's own manifests at phase " + string(r.region.At.Phase) + ". Mostly there are none.",
		sources: []*manifest.Map{r.git(r.InRepository(deliver.Rendered, r.region.Name))},
	}))
}

// definitions is the application of the custom resource definitions; false where
// they are in a chart of a registry, out of which Argo CD cannot take them.
func (r room) definitions() (application, bool) {
	a := application{
		name: r.Name(r.region, "definitions"), about: "The custom resource definitions. Argo CD never removes them, or every custom resource would go with them.",
		options: []string{"CreateNamespace=true", "ServerSideApply=true", "Prune=false"},
	}
	d := r.region.Definitions
	if r.rendered() {
		a.sources = []*manifest.Map{r.git(r.InRepository(deliver.Rendered, r.region.Name, deliver.Manifests, deliver.DefinitionsFolder))}
		return a, true
	}
	if r.Charts != "" || packed(r.ChartInRepository(d.Chart)) {
		return a, false
	}
	source := r.git(path.Join(r.ChartInRepository(d.Chart), d.Folder))
	if d.Namespace != r.Spec.Namespace {
		source.Set("kustomize", manifest.NewMap("namespace", r.Spec.Namespace))
	}
	a.sources = []*manifest.Map{source}
	return a, true
}

func packed(chart string) bool { return strings.HasSuffix(chart, ".tgz") }

// release is the application of a release. Where Argo CD cannot be made to ask, the
// application of what holds data removes nothing, neither what leaves it nor what is
// in it when it goes.
func (r room) release(rel system.Release) application {
	data := len(rel.Holds) > 0
	removes := !data || asks(r.Topology)
	a := application{
		name: r.Name(r.region, rel.Name), about: "Release " + rel.Name + " of chart " + rel.Chart + ".",
		wave: 10 + 10*r.region.Depth(rel.Name), prune: removes, cascade: removes, data: data,
		options: []string{"CreateNamespace=true"},
	}
	if !removes {
		a.about += " When it is to leave, a person removes what it holds."
	}
	if r.rendered() {
		a.sources = []*manifest.Map{r.git(r.InRepository(deliver.Rendered, r.region.Name, deliver.Manifests, rel.Name))}
		return a
	}
	values := r.InRepository(deliver.Rendered, r.region.Name, r.region.Overrides)
	helm := func(file string) *manifest.Map {
		m := manifest.NewMap("releaseName", rel.Name, "skipCrds", true, "valueFiles", []string{file})
		return m.SetNonZero("parameters", deliver.Named(rel.Set, rel.Blind))
	}
	if r.Charts == "" {
		a.sources = []*manifest.Map{r.git(r.ChartInRepository(rel.Chart)).Set("helm", helm("/"+values))}
		return a
	}
	a.sources = []*manifest.Map{
		manifest.NewMap("repoURL", strings.TrimPrefix(r.Charts, "oci://"), "chart", rel.Chart, "targetRevision", r.Spec.Version, "helm", helm("$values/"+values)),
		manifest.NewMap("repoURL", r.Spec.Repository.URL, "targetRevision", r.Spec.Repository.Revision, "ref", "values"),
	}
	return a
}
