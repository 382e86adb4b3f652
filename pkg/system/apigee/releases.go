package apigee

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

const (
	releasesName      = "releases.yaml"
	defaultRepository = "oci://us-docker.pkg.dev/apigee-release/apigee-hybrid-helm-charts" // [C15]
	maxReleaseName    = 53                                                                 // [HELM]
)

// A release is one Helm release of a region.
type release struct {
	name, chart string
	set         *manifest.Map // --set arguments; nil for none
	waits       []wait
}

// A wait is a step that must have reached a state before another starts.
type wait struct{ step, until string }

const datastoreRunning = "ApigeeDatastore/default has status.state running"

// releases lists the releases of a region in the order of [MR].
func (g *ring) releases() []release {
	org := g.Organization.Name
	list := []release{
		{name: "operator", chart: "apigee-operator", waits: []wait{{"custom-resource-definitions", "every definition is Established"}}},
		{name: "datastore", chart: "apigee-datastore", waits: []wait{{"operator", "Deployment/apigee-controller-manager is available"}}},
		{name: "telemetry", chart: "apigee-telemetry", waits: []wait{{"datastore", datastoreRunning}}},
		{name: "redis", chart: "apigee-redis", waits: []wait{{"datastore", datastoreRunning}}},
		{name: "ingress-manager", chart: "apigee-ingress-manager", waits: []wait{{"datastore", datastoreRunning}}},
		{name: org, chart: "apigee-org", waits: []wait{
			{"datastore", datastoreRunning},
			{"redis", "ApigeeRedis/default has status.state running"},
			{"ingress-manager", "Deployment/apigee-ingressgateway-manager is available"},
		}},
	}
	orgRunning := wait{org, "ApigeeOrganization/" + organizationRef(org) + " has status.state running"}
	for _, e := range g.Environments {
		list = append(list, release{name: envRelease(e.Name), chart: "apigee-env", set: manifest.NewMap("env", e.Name), waits: []wait{orgRunning}})
	}
	for _, group := range g.EnvironmentGroups {
		list = append(list, release{name: groupRelease(group.Name), chart: "apigee-virtualhost", set: manifest.NewMap("envgroup", group.Name), waits: []wait{orgRunning}})
	}
	return list
}

// envRelease and groupRelease name releases so that an environment and a group
// of one name differ, as [MR] suggests, whether or not both are there.
func envRelease(name string) string   { return releaseName(name, "-env-release") }
func groupRelease(name string) string { return releaseName(name, "-envgroup-release") }

// releaseName appends the suffix, and shortens a name that would grow longer
// than Helm allows, keeping it unique by a digest.
func releaseName(name, suffix string) string {
	if len(name)+len(suffix) <= maxReleaseName {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	digest := "-" + hex.EncodeToString(sum[:])[:7]
	return name[:maxReleaseName-len(suffix)-len(digest)] + digest + suffix
}

// releasesAt returns the releases that stay at a phase, in the order of their
// installation, and those that leave, in that of their removal.
func (g *ring) releasesAt(phase stage.Phase) (stay, leave []release) {
	now, before := leavesAt(phase)
	for _, rel := range g.releases() {
		if !slices.Contains(now, rel.chart) && !slices.Contains(before, rel.chart) {
			stay = append(stay, rel)
		}
	}
	for _, chart := range now {
		for _, rel := range g.releases() {
			if rel.chart == chart {
				leave = append(leave, rel)
			}
		}
	}
	return stay, leave
}

// releasesFile renders the release plan: what a person does by hand, then what
// is applied, then the releases, each with what it waits for. In a removal the
// releases that leave come first.
func (g *ring) releasesFile(r *topology.Region, at stage.Progress) manifest.File {
	stay, leave := g.releasesAt(at.Phase)
	steps := g.uninstallSteps(leave)
	if len(leave) == 0 {
		steps = append(g.prerequisites(r, at), g.definitionsStep())
	}
	for _, rel := range stay {
		if len(leave) > 0 {
			rel.waits = nil // it is installed, and what it waited for may have left
		}
		steps = append(steps, g.releaseStep(rel))
	}
	if at.Phase == rebuilding {
		steps = append(steps, manifest.NewMap(
			"name", "rebuild",
			"kind", "Manifest",
			"file", replicationName,
			"waitsFor", waitList([]wait{
				{g.Organization.Name, "ApigeeOrganization/" + organizationRef(g.Organization.Name) + " has status.state running"},
				{"datastore", "nodetool status lists " + g.sourceOf(r, at).Datacenter + " and " + r.Datacenter + ", every node UN"},
			}),
		))
	}
	doc := manifest.NewMap(
		"apiVersion", "ringplan.dev/v1alpha1",
		"kind", "ReleasePlan",
		"metadata", manifest.NewMap("name", r.Name),
		"spec", manifest.NewMap(
			"topology", g.Metadata.Name,
			"phase", string(at.Phase),
			"cluster", manifest.NewMap("name", r.Kubernetes.Cluster).SetNonZero("context", r.Kubernetes.Context),
			"namespace", g.Spec.Namespace,
			"steps", steps,
		),
	)
	return manifest.File{
		Path:   releasesName,
		Header: system.Generated + "\nThe release plan of region " + r.Name + ", in order.",
		Docs:   []*manifest.Map{doc},
		Rule:   "releases",
	}
}

// prerequisites are the steps that no chart does.
func (g *ring) prerequisites(r *topology.Region, at stage.Progress) []any {
	steps := []any{manifest.NewMap(
		"name", "cert-manager",
		"kind", "Manual",
		"before", "operator",
		"instruction", "Install cert-manager in cluster "+r.Kubernetes.Cluster+".",
	)}
	if identity := g.identityStep(); identity != nil {
		steps = append(steps, identity)
	}
	if secrets := g.secretsNeeded(); len(secrets) > 0 {
		steps = append(steps, manifest.NewMap(
			"name", "secrets",
			"kind", "Manual",
			"before", "operator",
			"instruction", "Create these Secrets in namespace "+g.Spec.Namespace+"; the overrides only refer to them.",
			"secrets", secrets,
		))
	}
	if source := g.sourceOf(r, at); source != nil {
		from := manifest.NewMap("region", source.Name, "cluster", source.Kubernetes.Cluster).SetNonZero("context", source.Kubernetes.Context)
		steps = append(steps, manifest.NewMap(
			"name", "certificate-authority",
			"kind", "Manual",
			"before", "operator",
			"instruction", "Copy the Secret apigee-ca of namespace cert-manager from cluster "+source.Kubernetes.Cluster+
				": all regions must share one certificate authority, or their Cassandra nodes refuse each other.",
			"secret", manifest.NewMap("namespace", "cert-manager", "name", "apigee-ca"),
			"from", from,
		))
	}
	return steps
}

// identityStep is what the components need to authenticate without Secrets;
// nil if they use Secrets.
func (g *ring) identityStep() *manifest.Map {
	step := func(instruction string) *manifest.Map {
		return manifest.NewMap("name", "identity", "kind", "Manual", "before", "operator", "instruction", instruction)
	}
	switch accounts := g.ServiceAccounts; {
	case accounts.WorkloadIdentity != nil:
		return step("Turn Workload Identity on in the cluster, and let the Kubernetes service accounts of namespace " + g.Spec.Namespace + " act as the Google service accounts.")
	case accounts.Federated != nil:
		return step("Set up the workload identity pool of audience " + accounts.Federated.Audience + ", and let the Kubernetes service accounts of namespace " + g.Spec.Namespace + " act as the Google service accounts.")
	case accounts.Vault != nil:
		classes := []string{accounts.Vault.SecretProviderClass}
		for _, e := range g.Environments {
			classes = append(classes, accounts.Vault.Environments[e.Name])
		}
		return step("Install the Secrets Store CSI driver with its Vault provider, and create these SecretProviderClasses in namespace "+g.Spec.Namespace+".").Set("secretProviderClasses", classes)
	}
	return nil
}

// definitionsStep installs the custom resource definitions, which no Helm
// chart carries in crds/ [C15]: they must be applied on the server's side,
// because the annotation of a client-side apply would be too long.
func (g *ring) definitionsStep() *manifest.Map {
	step := manifest.NewMap(
		"name", "custom-resource-definitions",
		"kind", "ServerSideApply",
		"chart", "apigee-operator",
		"version", g.Spec.Version,
	)
	g.chartSource(step, "apigee-operator")
	step.Set("kustomization", "etc/crds/default")
	step.Set("namespace", g.Spec.Namespace)
	if g.Spec.Namespace != kustomizeNamespace {
		step.Comment("namespace", "The kustomization says namespace "+kustomizeNamespace+"; it must be edited before.")
	}
	return step.
		Set("forceConflicts", true).
		Set("validate", false).
		Set("waitsFor", waitList([]wait{{"cert-manager", "Deployment/cert-manager-webhook is available"}}))
}

// kustomizeNamespace is what etc/crds/default/kustomization.yaml of the
// operator's chart is fixed to [C15].
const kustomizeNamespace = "apigee"

func (g *ring) chartSource(step *manifest.Map, chart string) {
	if path := g.Spec.Charts.Path; path != "" {
		step.Set("path", path).Comment("path", "Relative to the topology.")
		step.SetNonZero("digest", g.Pinned[chart])
		return
	}
	step.Set("repository", g.Repository())
	step.SetNonZero("digest", g.Pinned[chart])
}

// Repository implements [system.Ring].
func (g *ring) Repository() string {
	if g.Spec.Charts.Repository != "" {
		return g.Spec.Charts.Repository
	}
	return defaultRepository
}

func (g *ring) releaseStep(rel release) *manifest.Map {
	step := manifest.NewMap("name", rel.name, "kind", "HelmRelease", "chart", rel.chart, "version", g.Spec.Version)
	g.chartSource(step, rel.chart)
	step.Set("namespace", g.Spec.Namespace)
	step.Set("valuesFiles", []string{overridesName})
	step.SetNonZero("set", rel.set)
	return step.Set("atomic", true).Set("waitsFor", waitList(rel.waits))
}

// uninstallSteps removes releases one after the other.
func (g *ring) uninstallSteps(leave []release) []any {
	var steps []any
	for i, rel := range leave {
		step := manifest.NewMap("name", "uninstall-"+rel.name, "kind", "Uninstall", "release", rel.name, "chart", rel.chart, "namespace", g.Spec.Namespace)
		if i > 0 {
			step.Set("waitsFor", waitList([]wait{{"uninstall-" + leave[i-1].name, "release " + leave[i-1].name + " and its pods are gone"}}))
		}
		steps = append(steps, step)
	}
	return steps
}

func waitList(waits []wait) []any {
	list := make([]any, len(waits))
	for i, w := range waits {
		list[i] = manifest.NewMap("step", w.step, "until", w.until)
	}
	return list
}

// Releases implements [system.Ring].
func (g *ring) Releases(s stage.Stage) []string {
	switch s.To {
	case joining:
		if s.From == rebuilding {
			return nil
		}
		fallthrough
	case installing, returning:
		var names []string
		for _, rel := range g.releases() {
			names = append(names, rel.name)
		}
		return names
	case settling:
		return []string{"datastore"}
	}
	var names []string
	_, leave := g.releasesAt(s.To)
	for _, rel := range leave {
		names = append(names, rel.name)
	}
	return names
}

// what tells the release of one chart from another of the same chart.
func (rel release) what() string {
	for _, key := range []string{"env", "envgroup"} {
		if name, ok := rel.set.Lookup(key); ok {
			return fmt.Sprintf("%s of %s", rel.chart, name)
		}
	}
	return rel.chart
}

// describe names a release for a comment.
func (rel release) describe() string {
	return fmt.Sprintf("release %s of chart %s", rel.name, rel.chart)
}
