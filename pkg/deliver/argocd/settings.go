package argocd

import (
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/topology"
)

// project renders the AppProject of the ring: its repositories, its clusters, and
// the namespaces in them.
func project(p deliver.Plan) *manifest.Map {
	sources := []string{p.Spec.Repository.URL}
	if p.Charts != "" && p.Spec.ArgoCD.Engine == topology.DeliverHelm {
		sources = append(sources, strings.TrimPrefix(p.Charts, "oci://"))
	}
	destinations := []any{manifest.NewMap("name", "in-cluster", "namespace", p.Spec.ArgoCD.Namespace)}
	for _, r := range p.Regions {
		for _, namespace := range slices.Compact(slices.Sorted(slices.Values(r.Namespaces))) {
			destinations = append(destinations, manifest.NewMap("name", r.Kubernetes.ArgoCDCluster, "namespace", namespace))
		}
	}
	spec := manifest.NewMap(
		"description", "Topology "+p.Metadata.Name+", rendered by ringplan.",
		"sourceRepos", sources,
		"destinations", destinations,
		"clusterResourceWhitelist", []any{manifest.NewMap("group", "*", "kind", "*")},
	)
	spec.Comment("clusterResourceWhitelist", "The charts bring definitions, roles, webhooks and issuers.")
	return manifest.NewMap("apiVersion", apiVersion, "kind", "AppProject",
		"metadata", manifest.NewMap("name", p.Spec.ArgoCD.Project, "namespace", p.Spec.ArgoCD.Namespace),
		"spec", spec)
}

func healthHeader(p deliver.Plan) string {
	return "Health of the custom resources and of applications, without which no wave waits for anything.\n" +
		"No application applies this, because the ConfigMap belongs to Argo CD: put the keys where its settings are kept, or\n" +
		"  kubectl apply --server-side --field-manager ringplan -n " + p.Spec.ArgoCD.Namespace + " -f argocd-cm.yaml"
}

// settings renders the part of argocd-cm that Argo CD needs.
func settings(p deliver.Plan) *manifest.Map {
	data := manifest.NewMap()
	for _, s := range p.Scripts {
		data.Set("resource.customizations.health."+s.Group+"_"+s.Kind, s.Lua)
	}
	data.Set("resource.customizations.health.argoproj.io_Application", applicationScript)
	return manifest.NewMap("apiVersion", "v1", "kind", "ConfigMap",
		"metadata", manifest.NewMap("name", "argocd-cm", "namespace", p.Spec.ArgoCD.Namespace), "data", data)
}

// applicationScript makes waves wait for applications: one is well if what it
// applied is, and if that is what Git says. Argo CD brings no health for them.
const applicationScript = `local status = obj.status or {}
local health = (status.health or {}).status
local sync = (status.sync or {}).status
if health == "Healthy" and sync ~= "Synced" then
  return {status = "Progressing", message = "not synced yet: " .. tostring(sync or "not known")}
end
return {status = health or "Progressing", message = (status.health or {}).message or ""}
`
