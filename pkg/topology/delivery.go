package topology

import (
	"cmp"
	"path"
	"slices"
)

// The engines that a topology can be rendered for.
const (
	EngineFlux     = "flux"
	EngineArgoCD   = "argocd"
	EngineHelmfile = "helmfile"
)

// What an engine delivers: charts, which it renders itself, or the manifests
// that are committed.
const (
	DeliverHelm     = "helm"
	DeliverRendered = "rendered"
)

// A Repository is the Git repository that holds a topology, as engines see it.
type Repository struct {
	// URL is where it is cloned from, and Revision what is synced.
	URL      string `json:"url"`
	Revision string `json:"revision"`
	// Path is the folder of the topology in it, "." for its root.
	Path string `json:"path"`
}

// Flux says how Flux delivers.
type Flux struct {
	// Version is the oldest that must understand what is rendered, such as 2.8.
	Version string `json:"version"`
	// Engine is DeliverHelm or DeliverRendered.
	Engine string `json:"engine"`
	// Clusters is Hub or Own.
	Clusters  string `json:"clusters"`
	Namespace string `json:"namespace"`
	Source    Source `json:"source"`
}

// Where Flux runs: once for all regions, or in each.
const (
	Hub = "hub"
	Own = "own"
)

// A Source is the object by which Flux knows the repository.
type Source struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// ArgoCD says how Argo CD delivers.
type ArgoCD struct {
	// Version is the oldest that must understand what is rendered, such as 3.1.
	Version string `json:"version"`
	// Engine is DeliverHelm or DeliverRendered.
	Engine string `json:"engine"`
	// Applications is Each or Set.
	Applications string `json:"applications"`
	Namespace    string `json:"namespace"`
	Project      string `json:"project"`
}

// How Argo CD is told of releases: one by one, or by a set for each region.
const (
	Each = "each"
	Set  = "set"
)

// Delivers reports whether the topology is rendered for an engine.
func (t *Topology) Delivers(engine string) bool { return slices.Contains(t.Spec.Delivery, engine) }

// DeliversBy reports whether the topology is rendered for an engine that delivers
// like that: DeliverHelm or DeliverRendered.
func (t *Topology) DeliversBy(engine, by string) bool {
	how := map[string]string{EngineFlux: t.Spec.Flux.Engine, EngineArgoCD: t.Spec.ArgoCD.Engine}
	return t.Delivers(engine) && how[engine] == by
}

// InRepository returns the path in the Git repository of one that is relative to
// the topology.
func (t *Topology) InRepository(parts ...string) string {
	return path.Join(append([]string{t.Spec.Repository.Path}, parts...)...)
}

// ChartPath returns the path of a chart that is in a folder, relative to the
// topology.
func (t *Topology) ChartPath(chart string) string {
	return path.Join(t.Spec.Charts.Path, cmp.Or(t.Located[chart], chart))
}

// resolveDelivery fills in how engines deliver.
func (t *Topology) resolveDelivery() {
	s := &t.Spec
	fill(&s.Repository.Revision, "HEAD")
	fill(&s.Repository.Path, ".")
	fill(&s.Flux.Version, "2.8")
	fill(&s.Flux.Engine, DeliverHelm)
	fill(&s.Flux.Clusters, Hub)
	fill(&s.Flux.Namespace, "flux-system")
	fill(&s.Flux.Source.Kind, "GitRepository")
	fill(&s.Flux.Source.Name, "flux-system")
	fill(&s.ArgoCD.Version, "3.1")
	fill(&s.ArgoCD.Engine, DeliverHelm)
	fill(&s.ArgoCD.Applications, Each)
	fill(&s.ArgoCD.Namespace, "argocd")
	fill(&s.ArgoCD.Project, t.Metadata.Name)
	for i := range s.Regions {
		k := &s.Regions[i].Kubernetes
		fill(&k.KubeConfigSecret, t.Metadata.Name+"-"+s.Regions[i].Name+"-kubeconfig")
		fill(&k.ArgoCDCluster, k.Cluster)
	}
}
