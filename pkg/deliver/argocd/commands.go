package argocd

import (
	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Commands returns what there is to do with Argo CD for a stage of a region: it
// syncs what is committed, and asks before it removes what holds data.
func Commands(t *topology.Topology, r *topology.Region, leaving []system.Release) []system.Command {
	kubectl := "kubectl -n " + t.Spec.ArgoCD.Namespace
	const where = ", on the cluster where Argo CD runs"
	cmds := []system.Command{{Comment: "commit what is rendered, and push it: Argo CD syncs it; this shows how far it is" + where, Run: kubectl + " get applications"}}
	for _, rel := range leaving {
		if t.Spec.ArgoCD.Applications == topology.Set {
			cmds = append(cmds, deliver.Remove(t, r, rel))
			continue
		}
		// What is approved before it is asked does not count, so it cannot be done at
		// once.
		approve := func(name string) string {
			return kubectl + " annotate --overwrite application " + name + " argocd.argoproj.io/deletion-approved=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
		}
		cmds = append(cmds, system.Command{
			Comment: "once Argo CD waits for it: release " + rel.Name + " holds data, and its application goes only when a person confirms" + where,
			Run:     approve(deliver.Name(t, r)),
		}, system.Command{
			Comment: "once that application is being deleted: what it holds goes only when a person confirms that too",
			Run:     approve(deliver.Name(t, r, rel.Name)),
		})
	}
	return cmds
}
