package argocd

import (
	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Commands returns what there is to do with Argo CD for a stage of a region: it
// syncs what is committed. What holds data it removes when it has asked twice, or
// leaves to a person where it cannot ask.
func Commands(t *topology.Topology, r *topology.Region, leaving []system.Release) []system.Command {
	kubectl := "kubectl -n " + t.Spec.ArgoCD.Namespace
	const where = ", on the cluster where Argo CD runs"
	sync := "when it is committed and pushed, Argo CD syncs it"
	if t.Spec.ArgoCD.Applications == topology.Set {
		sync += ", in order where its ApplicationSet controller runs with " + progressive
	}
	cmds := []system.Command{{Comment: sync + ": this shows how far it is" + where, Run: kubectl + " get applications"}}
	// What is approved before it is asked does not count, so it cannot be done at
	// once.
	approve := func(name string) string {
		return kubectl + " annotate --overwrite application " + name + " argocd.argoproj.io/deletion-approved=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	}
	for _, rel := range leaving {
		if t.Spec.ArgoCD.Applications == topology.Set {
			cmds = append(cmds, deliver.Remove(t, r, rel))
			continue
		}
		cmds = append(cmds, system.Command{
			Comment: "once Argo CD waits for it: release " + rel.Name + " holds data, and its application goes only when a person confirms" + where,
			Run:     approve(deliver.Name(t, r)),
		})
		if !asks(t) {
			cmds = append(cmds, deliver.Remove(t, r, rel))
			continue
		}
		cmds = append(cmds, system.Command{
			Comment: "once that application is being deleted: what it holds goes only when a person confirms that too",
			Run:     approve(deliver.Name(t, r, rel.Name)),
		})
	}
	return cmds
}
