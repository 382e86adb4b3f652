package argocd

import (
	"fmt"
	"slices"

	"github.com/ringplan/ringplan/pkg/manifest"
)

// progressive is the option of the ApplicationSet controller without which it
// takes no notice of steps; off unless it is set, in 3.5 too [ARGO].
const progressive = "--enable-progressive-syncs"

// waveLabel tells the steps of an ApplicationSet which applications are theirs.
const waveLabel = "ringplan.dev/wave"

// set renders the releases of the region as an ApplicationSet. Its applications
// are synced in steps, one for each wave: where its controller runs with
// progressive syncs, Argo CD switches their automatic sync off and does it itself
// [ARGO]. Elsewhere every application syncs itself, all at once.
func (r room) set(list []application) *manifest.Map {
	var elements, steps []any
	var waves []int
	for _, a := range list {
		elements = append(elements, manifest.NewMap(
			"name", a.name, "wave", fmt.Sprint(a.wave), "data", a.data, "spec", r.withPolicy(manifest.NewMap(), a),
		))
		if !slices.Contains(waves, a.wave) {
			waves = append(waves, a.wave)
		}
	}
	slices.Sort(waves)
	for _, wave := range waves {
		steps = append(steps, manifest.NewMap("matchExpressions", []any{
			manifest.NewMap("key", waveLabel, "operator", "In", "values", []string{fmt.Sprint(wave)}),
		}))
	}
	name := r.Name(r.region, "releases")
	strategy := manifest.NewMap("type", "RollingSync", "rollingSync", manifest.NewMap("steps", steps)).
		Comment("type", "Only with "+progressive+" of the ApplicationSet controller.")
	return manifest.NewMap("apiVersion", apiVersion, "kind", "ApplicationSet",
		"metadata", manifest.NewMap("name", name, "namespace", r.Spec.ArgoCD.Namespace, "annotations", manifest.NewMap(waveOption, "10")),
		"spec", manifest.NewMap(
			"goTemplate", true,
			"goTemplateOptions", []string{"missingkey=error"},
			"generators", []any{manifest.NewMap("list", manifest.NewMap("elements", elements))},
			"syncPolicy", manifest.NewMap("preserveResourcesOnDeletion", true),
			"strategy", strategy,
			"template", manifest.NewMap(
				"metadata", manifest.NewMap("name", "{{.name}}", "labels", manifest.NewMap(waveLabel, "{{.wave}}")),
				"spec", manifest.NewMap("project", r.Spec.ArgoCD.Project,
					"destination", manifest.NewMap("name", r.region.Kubernetes.ArgoCDCluster, "namespace", r.Spec.Namespace)),
			),
			"templatePatch", setPatch,
		))
}

// setPatch lays what an element says over the template: its sources and policy.
// An application that leaves the set takes what it applied with it, but for what
// holds data: that is left for a person to remove, whom a set cannot ask.
const setPatch = `{{- if not .data }}
metadata:
  finalizers: [` + cascading + `]
{{- end }}
spec: {{ toJson .spec }}
`
