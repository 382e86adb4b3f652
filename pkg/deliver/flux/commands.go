package flux

import (
	"strings"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Commands returns what there is to do with Flux for a stage of a region: it syncs
// what is committed, and leaves it to a person to remove what holds data.
func Commands(t *topology.Topology, r *topology.Region, leaving []system.Release) []system.Command {
	kinds, where := "kustomizations,helmreleases", ", on the cluster where Flux runs"
	if t.Spec.Flux.Engine == topology.DeliverRendered {
		kinds = "kustomizations"
	}
	kubectl := "kubectl -n " + t.Spec.Flux.Namespace
	if t.Spec.Flux.Clusters == topology.Own {
		where = ""
		kubectl = system.Kubectl(r, "-n", t.Spec.Flux.Namespace)
	}
	cmds := []system.Command{{Comment: "when it is committed and pushed, Flux syncs it: this shows how far it is" + where, Run: kubectl + " get " + kinds}}
	for _, rel := range leaving {
		if t.Spec.Flux.Engine == topology.DeliverRendered {
			cmds = append(cmds, deliver.Remove(t, r, rel))
			continue
		}
		cmds = append(cmds, system.Command{
			Comment: "once it is synced: release " + rel.Name + " holds data, and Flux removes it only when a person says so" + where,
			Run:     strings.Join([]string{kubectl, "delete helmrelease", deliver.Name(t, r, rel.Name)}, " "),
		})
	}
	return cmds
}
