package cli

import (
	"context"
	"fmt"
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
	if err != nil || len(r.Spec.Delivery) == 0 {
		return files, err
	}
	plan := deliver.NewPlan(r.Topology, r.system, r.compiled, at, files)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(r.Spec.Delivery))) {
		of, err := engines[name](plan)
		if err != nil {
			return nil, err
		}
		files = append(files, of...)
	}
	return files, nil
}

// commands returns what there is to do for a stage of the ring, with the engines
// that deliver it, or by hand.
func (r *ring) commands(s stage.Stage, root string) []system.Command {
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
	if len(with) == 0 {
		return byHand
	}
	return deliver.Commands(byHand, with, !(r.argoRenders() && r.Spec.Charts.Path == ""))
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
	key := lint.IgnorePrefix + rule.Code
	reason := strings.TrimSpace(r.Metadata.Annotations[key])
	if reason == strings.TrimSpace(was.Metadata.Annotations[key]) {
		reason = ""
	}
	for _, s := range deliver.Switches(was.Topology, r.Topology, rendered) {
		r.findings = append(r.findings, diag.Finding{
			Code: rule.Code, Severity: rule.Severity, Pos: r.At(s.Path), Path: s.Path, Message: s.What, Hint: s.Hint, Silenced: reason,
		})
	}
}

// commitsManifests reports whether an engine applies what the charts render, which
// is then a part of the rendered tree.
func (r *ring) commitsManifests() bool {
	return r.DeliversBy(topology.EngineFlux, topology.DeliverRendered) || r.DeliversBy(topology.EngineArgoCD, topology.DeliverRendered)
}

// committedManifests returns what the charts of a ring render, in the folders of
// its regions. The regions' own manifests stand there already.
func (a *app) committedManifests(ctx context.Context, r *ring, at stage.Rollout) ([]manifest.File, error) {
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
