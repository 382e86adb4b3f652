package deliver

import (
	"fmt"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/topology"
)

// silence is the annotation that lets a switch pass.
const silence = `metadata.annotations."` + lint.IgnorePrefix + `RP165"`

// Rules document what is found where delivery is compared with a Git revision.
var Rules = []lint.Rule{
	{
		Code: "RP165", Name: "delivery-switched", Severity: diag.Error, Base: true,
		Summary: "It is changed how regions are delivered that are there already.",
		Why: "To the engine the change is that its objects leave Git and others come, or that they are for another cluster. It would remove what it applied, " +
			"apply it elsewhere, or leave it with the values of that day and nobody to change them: a seed host, say.",
		Fix: "Take the change back. Or suspend the engine, take its objects out without removing what they applied, and then make the change: " +
			"\"To change how it is delivered\" in pkg/deliver/README.md. Silence it in that change, with a reason, by " + silence + "; an annotation that was there before does not count.",
		Source: "[FLUX] pruning, and the deletion of a Kustomization and a HelmRelease; [ARGO] pruning, and the finalizer of an application",
	},
}

// A Switch is a change of how regions are delivered: the field, what was changed,
// and the way to do it.
type Switch struct{ Path, What, Hint string }

// Switches lists what engines that delivered a topology before are told to do
// otherwise now, given whether something was rendered for a region. An engine that
// is new has applied nothing yet.
func Switches(was, now *topology.Topology, rendered func(*topology.Region) bool) []Switch {
	var there []string
	for i := range was.Spec.Regions {
		if r := &was.Spec.Regions[i]; rendered(r) {
			there = append(there, r.Name)
		}
	}
	if len(there) == 0 {
		return nil
	}
	var list []Switch
	for _, e := range []engine{fluxEngine, argoEngine} {
		switch {
		case !was.Delivers(e.name):
		case !now.Delivers(e.name):
			list = append(list, Switch{"spec.delivery", fmt.Sprintf("%s delivered to %s, and does not any more: what it applied stays as it is, and is never changed or removed", e.called, in(there)), e.way()})
		default:
			list = append(list, e.switches(was, now, there)...)
		}
	}
	return list
}

// in names regions.
func in(regions []string) string {
	if len(regions) == 1 {
		return "region " + regions[0]
	}
	return "regions " + strings.Join(regions[:len(regions)-1], ", ") + " and " + regions[len(regions)-1]
}

// An engine is what is to be known of one for a switch.
type engine struct {
	name, called string
	// settings are those of the whole topology, and reaches is that of a region: ""
	// where the engine reaches it by none.
	settings func(*topology.Spec) []setting
	reaches  func(*topology.Topology, *topology.Region) setting
	// suspend and let say how it is stopped, and how its objects go alone.
	suspend, let string
}

// A setting is a field, its value, and what the engine does when that is another.
type setting struct{ path, value, does string }

const (
	replaced = "its objects are replaced by others: what those before applied is removed, or applied by both"
	refused  = "its applications are of another project, which may refuse what they applied"
	moved    = "what it applied in one cluster is applied to another"
)

var fluxEngine = engine{
	name: topology.EngineFlux, called: "Flux",
	settings: func(s *topology.Spec) []setting {
		return []setting{
			{"spec.flux.engine", s.Flux.Engine, replaced}, {"spec.flux.namespace", s.Flux.Namespace, replaced},
			{"spec.flux.clusters", s.Flux.Clusters, moved},
		}
	},
	reaches: func(t *topology.Topology, r *topology.Region) setting {
		if t.Spec.Flux.Clusters != topology.Hub {
			return setting{}
		}
		return setting{r.Path("kubernetes.kubeConfigSecret"), r.Kubernetes.KubeConfigSecret, moved}
	},
	suspend: "your Kustomization that applies rendered/flux, and all Kustomizations and HelmReleases of the topology",
	let:     "with `kubectl delete`: Flux removes nothing for an object that is suspended",
}

var argoEngine = engine{
	name: topology.EngineArgoCD, called: "Argo CD",
	settings: func(s *topology.Spec) []setting {
		return []setting{
			{"spec.argocd.engine", s.ArgoCD.Engine, replaced}, {"spec.argocd.applications", s.ArgoCD.Applications, replaced},
			{"spec.argocd.namespace", s.ArgoCD.Namespace, replaced}, {"spec.argocd.project", s.ArgoCD.Project, refused},
		}
	},
	reaches: func(_ *topology.Topology, r *topology.Region) setting {
		return setting{r.Path("kubernetes.argocdCluster"), r.Kubernetes.ArgoCDCluster, moved}
	},
	suspend: "the automatic sync of your root application, and then that of the applications below it",
	let:     "with `argocd app delete --cascade=false`, an ApplicationSet before its applications with `kubectl delete --cascade=orphan`",
}

// way says how a switch is made without losing what was applied.
func (e engine) way() string {
	return "take the change back. Or suspend " + e.suspend + "; delete those of the topology " + e.let + "; and then make the change, and silence this in it, with a reason, by " + silence + " (\"To change how it is delivered\" in pkg/deliver/README.md)"
}

// switches lists the settings that differ, for the regions that are there.
func (e engine) switches(was, now *topology.Topology, there []string) []Switch {
	var list []Switch
	compare := func(old, current setting, regions []string) {
		if old.value != current.value && old.value != "" && current.value != "" {
			list = append(list, Switch{current.path, fmt.Sprintf("%s was %s and is %s now, while %s delivers to %s: %s", current.path, old.value, current.value, e.called, in(regions), current.does), e.way()})
		}
	}
	before, current := e.settings(&was.Spec), e.settings(&now.Spec)
	for i := range before {
		compare(before[i], current[i], there)
	}
	for _, name := range there {
		if r := now.Region(name); r != nil {
			compare(e.reaches(was, was.Region(name)), e.reaches(now, r), []string{name})
		}
	}
	return list
}
