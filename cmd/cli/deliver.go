package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/deliver"
	"github.com/ringplan/ringplan/pkg/deliver/argocd"
	"github.com/ringplan/ringplan/pkg/deliver/flux"
	"github.com/ringplan/ringplan/pkg/deliver/helmfile"
	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// engines render what those that deliver are told.
var engines = map[string]func(deliver.Plan) ([]manifest.File, error){
	topology.EngineFlux:     flux.Files,
	topology.EngineArgoCD:   argocd.Files,
	topology.EngineHelmfile: helmfile.Files,
}

// render returns every file of a ring whose regions stand so: what charts are
// told, and what the engines are that the topology names.
func (r *ring) render(at stage.Rollout) ([]manifest.File, error) {
	files, err := system.Render(r.compiled, at)
	if err != nil {
		return nil, err
	}
	told, err := r.tell(at, files)
	return append(files, told...), err
}

// tell returns what engines are told where regions stand so, given what else is
// rendered for them.
func (r *ring) tell(at stage.Rollout, files []manifest.File) ([]manifest.File, error) {
	if len(r.Spec.Delivery) == 0 {
		return nil, nil
	}
	var told []manifest.File
	plan := deliver.NewPlan(r.Topology, r.system, r.compiled, at, files)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(r.Spec.Delivery))) {
		of, err := engines[name](plan)
		if err != nil {
			return nil, err
		}
		told = append(told, of...)
	}
	return told, nil
}

// toldOf says how much of what engines are told of a region a stage changes; "" if
// that is nothing.
func (r *ring) toldOf(s stage.Stage) (string, error) {
	if len(r.Spec.Delivery) == 0 {
		return "", nil
	}
	var sides [2][]manifest.File
	for i, phase := range []stage.Phase{s.From, s.To} {
		p := r.at.At(s.Region)
		p.Procedure, p.Phase = s.Procedure.Name, phase
		files, err := r.compiled.Render(p)
		if err == nil {
			sides[i], err = r.tell(stage.Rollout{}.With(p), files)
		}
		if err != nil {
			return "", err
		}
	}
	changed := map[string]bool{}
	count := map[string]int{}
	for _, c := range manifest.Diff(sides[0], sides[1]) {
		if strings.HasPrefix(c.File, s.Region+"/") && !changed[c.File] {
			changed[c.File] = true
			count[engineOf(c.File)]++
		}
	}
	var parts []string
	for _, engine := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s of what %s is told", report.Count(count[engine], "file"), engine))
	}
	return strings.Join(parts, ", "), nil
}

// commands returns what there is to do for a stage of the ring, with the engines
// that deliver it, or by hand; and whether engines have a part in it.
func (r *ring) commands(s stage.Stage, root string) (list []system.Command, synced bool) {
	byHand := r.compiled.Commands(s, root)
	region := r.Region(s.Region)
	leaving := system.Leaving(r.compiled, r.at.At(s.Region), s)
	var with []system.Command
	if r.Delivers(topology.EngineFlux) {
		with = append(with, flux.Commands(r.Topology, region, leaving)...)
	}
	if r.Delivers(topology.EngineArgoCD) {
		with = append(with, argocd.Commands(r.Topology, region, leaving)...)
	}
	if len(with) == 0 || !slices.ContainsFunc(byHand, func(c system.Command) bool { return c.Applies }) {
		return byHand, false
	}
	list = deliver.Commands(byHand, with, !(r.argoRenders() && r.Spec.Charts.Path == ""))
	if !s.From.InRing() {
		list = slices.Concat(r.choice(), r.fluxSetup(region), r.argoSetup(region, root), list)
	}
	return list, true
}

// choice warns where two engines might sync.
func (r *ring) choice() []system.Command {
	if !r.Delivers(topology.EngineFlux) || !r.Delivers(topology.EngineArgoCD) {
		return nil
	}
	return []system.Command{{Comment: "choose Flux or Argo CD, and leave out what is for the other: two that sync one topology prune each other's objects"}}
}

// fluxSetup returns what must be there before Flux syncs a region.
func (r *ring) fluxSetup(region *topology.Region) []system.Command {
	if !r.Delivers(topology.EngineFlux) {
		return nil
	}
	f := r.Spec.Flux
	if f.Clusters == topology.Own {
		return []system.Command{{Comment: "by hand, once, when it is pushed: let the Flux of cluster " + region.Kubernetes.Cluster + " sync " + r.InRepository(deliver.Rendered, region.Name, flux.Folder)}}
	}
	return []system.Command{{
		Comment: "before the first sync: Flux reaches cluster " + region.Kubernetes.Cluster + " by a kubeconfig in this Secret, on the cluster where Flux runs",
		Run:     "kubectl -n " + f.Namespace + " create secret generic " + region.Kubernetes.KubeConfigSecret + " --from-file=value=KUBECONFIG-OF-" + region.Name,
	}, {
		Comment: "by hand, once, when it is pushed: let Flux sync " + r.InRepository(deliver.Rendered, flux.Folder),
	}}
}

// argoSetup returns what must be there before Argo CD syncs a region.
func (r *ring) argoSetup(region *topology.Region, root string) []system.Command {
	if !r.Delivers(topology.EngineArgoCD) {
		return nil
	}
	cmds := []system.Command{{
		Comment: "before the first sync: the settings without which no wave waits, on the cluster where Argo CD runs",
		Run:     "kubectl apply --server-side --field-manager ringplan -n " + r.Spec.ArgoCD.Namespace + " -f " + system.Quote(root+"/"+argocd.Folder+"/argocd-cm.yaml"),
	}}
	if k := region.Kubernetes; k.ArgoCDCluster != "in-cluster" { // which it knows
		cmds = append(cmds, system.Command{
			Comment: "before the first sync: Argo CD knows cluster " + k.Cluster + " by this name",
			Run:     "argocd cluster add " + system.Quote(cmp.Or(k.Context, "CONTEXT-OF-"+region.Name)) + " --name " + system.Quote(k.ArgoCDCluster),
		})
	}
	return append(cmds, system.Command{Comment: "by hand, once, when it is pushed: let an application of yours sync " + r.InRepository(deliver.Rendered, argocd.Folder)})
}

// toldTo returns a change of what an engine is told, with its effect. Those that
// follow from changes of other files are counted alone.
func toldTo(engine string, c manifest.Change) report.Effected {
	e := report.Effected{Change: c, Effect: deliver.Classify(c)}
	if e.Class == system.Safe {
		e.Fold = "change of what " + engine + " is told"
	}
	return e
}

// verifyDelivery sees that how the regions are delivered is not switched under
// them. A silence counts for the change that it comes with, and for no later one.
func (r *ring) verifyDelivery(was *ring) {
	if was == nil {
		return
	}
	rendered := func(region *topology.Region) bool {
		_, there := was.compiled.Delivery(was.at.At(region.Name))
		return there
	}
	rule := deliver.Rules[0]
	reason := r.silence(rule.Code)
	if reason == was.silence(rule.Code) {
		reason = ""
	}
	for _, s := range deliver.Switches(was.Topology, r.Topology, rendered) {
		r.report(rule.Code, s.Path, s.Hint, "%s", s.What)
		r.findings[len(r.findings)-1].Silenced = reason
	}
}

// silence returns the reason for which the topology silences a rule whose findings
// come after those of lint; "" if it does not.
func (r *ring) silence(code string) string {
	return strings.TrimSpace(r.Metadata.Annotations[lint.IgnorePrefix+code])
}

// verifyFolder sees that engines are told the folder that the topology has in its
// repository. What they were told wrongly before the change is not new.
func (r *ring) verifyFolder(before *earlier) error {
	told, reads := deliver.Folder(r.Topology)
	if !reads {
		return nil
	}
	folder, err := before.spots[r.file].repo.Rel(r.dir())
	if err != nil || folder == told {
		return err
	}
	r.foundAt("RP166", "spec.repository.path", "engines look for the topology in %s of the repository, and it is in %s", inRepository(told), inRepository(folder))
	last := &r.findings[len(r.findings)-1]
	last.Silenced = r.silence(last.Code)
	if was := before.rings[r.file]; was != nil {
		if toldBefore, read := deliver.Folder(was.Topology); read && toldBefore == told {
			before.findings = append(before.findings, *last)
		}
	}
	return nil
}

// inRepository names a folder.
func inRepository(folder string) string {
	if folder == "." {
		return "the root"
	}
	return "folder " + folder
}

// commitsManifests reports whether an engine applies what the charts render, which
// is then a part of the rendered tree.
func (r *ring) commitsManifests() bool {
	return r.DeliversBy(topology.EngineFlux, topology.DeliverRendered) || r.DeliversBy(topology.EngineArgoCD, topology.DeliverRendered)
}

// committedManifests returns what the charts of a ring render, in the folders of
// its regions. The regions' own manifests stand there already.
func (a *app) committedManifests(ctx context.Context, r *ring, at stage.Rollout) ([]manifest.File, error) {
	if err := a.needLibraries(); err != nil { // as for a base, which may commit what is not committed any more
		return nil, err
	}
	standing, err := a.standingAt(ctx, r, at)
	if err != nil {
		return nil, err
	}
	if err := standing.wholeManifests(); err != nil {
		return nil, err
	}
	for _, f := range standing.manifestFindings() {
		if f.Severity == diag.Error {
			return nil, &exitError{exitFindings, fmt.Errorf("%s: %s [%s]\nno manifests are rendered that cannot be applied as they stand", f.Pos, f.Message, f.Code)}
		}
	}
	files := standing.manifestFiles()
	files = slices.DeleteFunc(files, func(f manifest.File) bool { return strings.Count(f.Path, "/") < 2 })
	for i := range files {
		region, rest, _ := strings.Cut(files[i].Path, "/")
		files[i].Path = path.Join(region, deliver.Manifests, rest)
	}
	return files, nil
}

// isManifest reports whether a rendered file holds what charts render.
func isManifest(file string) bool {
	_, rest, _ := strings.Cut(file, "/")
	return strings.HasPrefix(rest, deliver.Manifests+"/")
}

// engineOf returns the engine that a rendered file is for; "" if it is for none.
func engineOf(file string) string {
	first, rest, _ := strings.Cut(file, "/")
	second, _, _ := strings.Cut(rest, "/")
	switch {
	case isEngine(first):
		return first
	case isEngine(second):
		return second
	case rest == helmfile.Name:
		return topology.EngineHelmfile
	}
	return ""
}

// isEngine reports whether a folder of the rendered tree, or of a region in it, is
// an engine's.
func isEngine(folder string) bool { return folder == flux.Folder || folder == argocd.Folder }
