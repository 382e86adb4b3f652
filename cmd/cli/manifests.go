package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// chartFlags say whether charts are rendered, and where they are from.
type chartFlags struct {
	on   bool
	crds string
	// ahead is whether planned regions are rendered too, as they start.
	ahead   bool
	options release.Options
	store   release.Store
	// given are the definitions of crds, once they were read.
	given []release.Object
}

// add gives a verb --manifests, described in its own words, and its kin.
func (f *chartFlags) add(cmd *cobra.Command, words string) {
	cmd.Flags().BoolVar(&f.on, "manifests", false, words)
	cmd.Flags().StringVar(&f.crds, "crds", "", "with --manifests, a folder of custom resource definitions to check with, besides those of the charts")
	f.addSource(cmd)
	_ = cmd.MarkFlagDirname("crds")
}

// addSource gives a verb the flags about where charts are from.
func (f *chartFlags) addSource(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.options.Offline, "offline", false, "ask no registry: take charts from the cache, by "+release.LockFile)
	flags.BoolVar(&f.options.PlainHTTP, "plain-http", false, "talk to registries without TLS")
	flags.StringVar(&f.options.Cache, "chart-cache", "", "`folder` that keeps charts that were fetched (default: ringplan/charts in the user's cache)")
	_ = cmd.MarkFlagDirname("chart-cache")
}

// check reports flags that say nothing without --manifests. One that the
// environment sets for all verbs is none.
func (f *chartFlags) check() error {
	if !f.on && f.crds != "" && os.Getenv("RINGPLAN_CRDS") == "" {
		return usage("--crds goes with --manifests: without it no custom resource is rendered")
	}
	return nil
}

// A regionPlan is what the rendered files of a region say of its releases.
type regionPlan struct {
	region   *ring
	name     string
	progress stage.Progress
	files    []manifest.File
	releases []release.Release
	// leaving is whether releases leave at this phase.
	leaving bool
	// definitions is the chart and the folder in it that hold the definitions,
	// and namespace what they are built for.
	definitionChart, definitions, namespace string
}

// plans reads the release plan of each region that something is rendered for.
func (r *ring) plans(at stage.Rollout) ([]*regionPlan, error) {
	files, err := system.Render(r.compiled, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
	}
	var list []*regionPlan
	for _, m := range r.members {
		p := &regionPlan{region: r, name: m.Region, progress: at.At(m.Region)}
		for _, f := range files {
			if strings.HasPrefix(f.Path, m.Region+"/") {
				f.Path = strings.TrimPrefix(f.Path, m.Region+"/")
				p.files = append(p.files, f)
			}
		}
		if len(p.files) > 0 {
			p.read()
			p.keepDefinitions()
			list = append(list, p)
		}
	}
	return list, nil
}

// keepDefinitions has the definitions rendered also while releases leave, where an
// engine applies them: what is not there any more it would look for in vain.
func (p *regionPlan) keepDefinitions() {
	d, ok := p.region.compiled.Delivery(p.progress)
	if ok && p.region.commitsManifests() {
		p.definitionChart, p.definitions = d.Definitions.Chart, d.Definitions.Folder
	}
}

// file returns a rendered file of the region, nil if there is none.
func (p *regionPlan) file(name string) *manifest.File {
	i := slices.IndexFunc(p.files, func(f manifest.File) bool { return f.Path == name })
	if i < 0 {
		return nil
	}
	return &p.files[i]
}

// read finds the release plan among the files.
func (p *regionPlan) read() {
	for _, f := range p.files {
		plan := f.Docs[0].Plain()
		if release.Text(plan, "kind") != "ReleasePlan" {
			continue
		}
		p.namespace = release.Text(plan, "spec", "namespace")
		steps, _ := release.Lookup(plan, "spec", "steps")
		list, _ := steps.([]any)
		for _, item := range list {
			step, _ := item.(map[string]any)
			switch release.Text(step, "kind") {
			case "HelmRelease":
				p.releases = append(p.releases, p.release(step))
			case "Uninstall":
				p.leaving = true
			case "ServerSideApply":
				p.definitionChart, p.definitions = release.Text(step, "chart"), release.Text(step, "kustomization")
			}
		}
	}
}

func (p *regionPlan) release(step map[string]any) release.Release {
	r := release.Release{
		Name: release.Text(step, "name"), Namespace: release.Text(step, "namespace"),
		Chart: release.Text(step, "chart"), Version: release.Text(step, "version"), Set: map[string]string{},
	}
	merged := manifest.NewMap()
	names, _ := step["valuesFiles"].([]any)
	for _, name := range names {
		name, _ := name.(string)
		if f := p.file(name); f != nil {
			merged.Merge(f.Docs[0].Plain())
		}
	}
	r.Values = merged.Plain()
	set, _ := step["set"].(map[string]any)
	for key, value := range set {
		r.Set[key], _ = value.(string)
	}
	return r
}

// cluster returns what charts may ask about the cluster of the region.
func (p *regionPlan) cluster() release.Cluster {
	k := p.region.Region(p.name).Kubernetes
	return release.Cluster{Version: k.Version, APIVersions: k.APIVersions}
}

// A regionManifests is what the charts of a region render, changed by its
// overlay, and the region's own manifests.
type regionManifests struct {
	*regionPlan
	releases []release.Rendered
	// own are the region's own documents by their files, and added what the
	// components of the overlay bring in.
	own   map[string]map[string]any
	added []release.Object
	// definitions are the custom resource definitions to apply.
	definitions []release.Object
	problems    []release.Problem
	// failed is whether a release was not rendered, so that nothing was checked.
	failed     bool
	deviations []system.Deviation
	overlay    []release.OverlayProblem
}

// renderManifests renders the releases of all regions of rings where they stand.
func (a *app) renderManifests(ctx context.Context, rings []*ring) error {
	definitions, err := a.givenDefinitions()
	if err != nil {
		return err
	}
	for _, r := range rings {
		at := r.at
		if a.charts.ahead {
			at = r.started(at)
		}
		if r.manifests, err = a.manifestsAt(ctx, r, at, definitions); err != nil {
			return fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
	}
	return nil
}

// started returns a rollout in which every planned region has taken its first
// step.
func (r *ring) started(at stage.Rollout) stage.Rollout {
	for _, m := range r.members {
		p := at.At(m.Region)
		i := slices.IndexFunc(m.Procedure.Phases, func(i stage.PhaseInfo) bool { return i.Phase.InRing() })
		if p.Phase == stage.Planned && i >= 0 {
			p.Procedure, p.Phase = m.Procedure.Name, m.Procedure.Phases[i].Phase
			at = at.With(p)
		}
	}
	return at
}

// givenDefinitions returns the definitions of --crds, which are read once.
func (a *app) givenDefinitions() ([]release.Object, error) {
	if a.charts.crds == "" || a.charts.given != nil {
		return a.charts.given, nil
	}
	if info, err := os.Stat(a.charts.crds); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("--crds: %s is not a folder", filepath.ToSlash(a.charts.crds))
	}
	found, err := a.libraries.ReadDefinitions(a.charts.crds)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("--crds: %s holds no custom resource definitions", filepath.ToSlash(a.charts.crds))
	}
	a.charts.given = found
	return found, err
}

// manifestsAt renders the releases of a ring where its regions stand.
func (a *app) manifestsAt(ctx context.Context, r *ring, at stage.Rollout, given []release.Object) ([]*regionManifests, error) {
	plans, err := r.plans(at)
	if err != nil {
		return nil, err
	}
	charts, err := a.loadCharts(ctx, r, plans)
	if err != nil {
		return nil, err
	}
	list := make([]*regionManifests, len(plans))
	for i, p := range plans {
		m := &regionManifests{regionPlan: p, releases: make([]release.Rendered, len(p.releases))}
		for j, rel := range p.releases {
			m.releases[j] = release.Rendered{Release: rel, Chart: charts[rel.Chart]}
		}
		list[i] = m
	}
	if err := renderAll(ctx, list); err != nil {
		return nil, err
	}
	known, err := a.knownDefinitions(charts, given)
	if err != nil {
		return nil, err
	}
	r.repository() // before several ask for it at once
	built := definitionsOf(a.libraries, plans, charts)
	return list, inParallel(ctx, list, func(m *regionManifests) { m.finish(a.libraries, built, known) })
}

// standingAt returns a ring as it is where its regions stand so, with what its
// charts render then. What was rendered already is not rendered anew.
func (a *app) standingAt(ctx context.Context, r *ring, at stage.Rollout) (*ring, error) {
	standing := *r
	standing.at, standing.manifests = at, nil
	for _, member := range r.members {
		p := at.At(member.Region)
		if _, rendered := r.compiled.Delivery(p); !rendered {
			continue
		}
		i := slices.IndexFunc(r.manifests, func(m *regionManifests) bool { return reflect.DeepEqual(m.progress, p) })
		if i < 0 {
			var err error
			standing.manifests, err = a.manifestsAt(ctx, r, at, nil)
			return &standing, err
		}
		standing.manifests = append(standing.manifests, r.manifests[i])
	}
	return &standing, nil
}

// renderAll renders every release.
func renderAll(ctx context.Context, list []*regionManifests) error {
	type task struct {
		into    *release.Rendered
		cluster release.Cluster
	}
	var tasks []task
	for _, m := range list {
		for i := range m.releases {
			tasks = append(tasks, task{&m.releases[i], m.cluster()})
		}
	}
	return inParallel(ctx, tasks, func(t task) { t.into.Rendering = t.into.Chart.Render(t.into.Release, t.cluster) })
}

// inParallel does something with each item, as many at once as there are
// processors. An error is that of ctx; then some may still be under way, because a
// template may run for long, and what they do is of no use.
func inParallel[T any](ctx context.Context, items []T, do func(T)) error {
	queue := make(chan T)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for item := range queue {
				do(item)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer wait.Wait()
		defer close(queue)
		for _, item := range items {
			select {
			case queue <- item:
			case <-ctx.Done():
				return
			}
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// knownDefinitions compiles the definitions that charts keep, and those that
// were given, which count more.
func (a *app) knownDefinitions(charts map[string]release.Chart, given []release.Object) (release.Definitions, error) {
	var all []release.Object
	for _, name := range slices.Sorted(maps.Keys(charts)) {
		own, err := charts[name].Definitions()
		if err != nil {
			return nil, fmt.Errorf("chart %s: %w", name, err)
		}
		all = append(all, own...)
	}
	return a.libraries.Definitions(append(all, given...))
}

// finish applies the overlay, and checks all that the region renders.
func (m *regionManifests) finish(l *release.Libraries, built func() ([]release.Object, error), known release.Definitions) {
	m.own = map[string]map[string]any{}
	for _, f := range m.files {
		if doc := f.Docs[0].Plain(); release.Text(doc, "metadata", "name") != "" && release.Text(doc, "kind") != "ReleasePlan" {
			m.own[f.Path] = doc
		}
	}
	for _, r := range m.releases {
		for _, p := range r.Problems {
			if p.Code == release.Refused {
				p.Message = "release " + r.Name + " cannot be rendered: " + p.Message
			}
			m.problems = append(m.problems, p)
		}
	}
	if m.failed = len(m.problems) > 0; m.failed {
		return // what is not rendered cannot be checked
	}
	m.addDefinitions(built)
	if release.Doubles(m.releases) {
		m.failed = true
	} else {
		m.applyOverlay(l)
	}
	m.problems = append(m.problems, release.Check(m.releases, m.added, !m.leaving)...)
	var objects []map[string]any
	for _, o := range m.objects() {
		objects = append(objects, o.Doc)
		if known.Known(o) {
			m.problems = append(m.problems, known.Check(o)...)
		}
	}
	m.deviations = m.region.compiled.Deviations(m.progress, objects)
}

// objects lists everything that is to be applied but definitions and hooks.
func (m *regionManifests) objects() []release.Object {
	var all []release.Object
	for _, r := range m.releases {
		all = append(all, r.Objects...)
	}
	for _, name := range slices.Sorted(maps.Keys(m.own)) {
		all = append(all, release.Object{Doc: m.own[name], Template: name})
	}
	return append(all, m.added...)
}

// addDefinitions adds the definitions that the release plan names, or says why it
// cannot.
func (m *regionManifests) addDefinitions(built func() ([]release.Object, error)) {
	for _, r := range m.releases {
		m.definitions = append(m.definitions, r.Definitions...)
	}
	if m.definitionChart == "" || m.definitions != nil {
		return
	}
	var err error
	if m.definitions, err = built(); err != nil {
		m.problems = append(m.problems, release.Problem{
			Code:    release.Refused,
			Message: fmt.Sprintf("chart %s: %s, which the release plan applies: %v", m.definitionChart, m.regionPlan.definitions, err),
		})
	}
}

// definitionsOf builds the definitions of the chart that the release plans name,
// once for all regions.
func definitionsOf(l *release.Libraries, plans []*regionPlan, charts map[string]release.Chart) func() ([]release.Object, error) {
	return sync.OnceValues(func() ([]release.Object, error) {
		i := slices.IndexFunc(plans, func(p *regionPlan) bool { return p.definitionChart != "" })
		name, folder := plans[i].definitionChart, plans[i].definitions
		files := charts[name].Files()
		if _, err := fs.Stat(files, folder); err != nil {
			return nil, errors.New("there is no such folder in it")
		}
		docs, err := l.Build(files, folder, plans[i].namespace)
		objects := make([]release.Object, len(docs))
		for i, doc := range docs {
			objects[i] = release.Object{Doc: doc, Template: name + "/" + folder}
		}
		return objects, err
	})
}

// applyOverlay changes what the releases render, and the region's own documents.
func (m *regionManifests) applyOverlay(l *release.Libraries) {
	component := m.file(system.OverlayName)
	if component == nil {
		return
	}
	data, err := manifest.Encode([]manifest.File{*component})
	if err != nil {
		m.overlay = []release.OverlayProblem{{Patch: -1, Message: err.Error()}}
		return
	}
	before := m.objects()
	docs := make([]map[string]any, len(before))
	for i, o := range before {
		docs[i] = o.Doc
	}
	files, dir := m.region.repository()
	after, problems := l.Overlay(data[0], files, dir, docs)
	m.overlay = problems
	if slices.ContainsFunc(problems, func(p release.OverlayProblem) bool { return !p.Idle }) {
		return
	}
	m.replace(after)
}

// replace puts documents in the place of those of the same identity. What is
// gone was deleted, and what is left over was added.
func (m *regionManifests) replace(docs []map[string]any) {
	byID := map[string]map[string]any{}
	var order []string
	for _, doc := range docs {
		id := release.Object{Doc: doc}.ID(m.namespace)
		byID[id] = doc
		order = append(order, id)
	}
	take := func(o release.Object, namespace string) (release.Object, bool) {
		doc, ok := byID[o.ID(namespace)]
		delete(byID, o.ID(namespace))
		o.Doc = doc
		return o, ok
	}
	for i := range m.releases {
		var kept []release.Object
		for _, o := range m.releases[i].Objects {
			if o, ok := take(o, m.releases[i].Namespace); ok {
				kept = append(kept, o)
			}
		}
		m.releases[i].Objects = kept
	}
	for name, doc := range m.own {
		if o, ok := take(release.Object{Doc: doc}, m.namespace); ok {
			m.own[name] = o.Doc
		} else {
			delete(m.own, name)
		}
	}
	for _, id := range order {
		if doc, ok := byID[id]; ok {
			m.added = append(m.added, release.Object{Doc: doc, Template: "overlay"})
		}
	}
}

// loadCharts loads the charts of releases, each once, as they are pinned.
func (a *app) loadCharts(ctx context.Context, r *ring, plans []*regionPlan) (map[string]release.Chart, error) {
	var pins []release.Pin
	for _, p := range plans {
		names := []release.Release{{Chart: p.definitionChart, Version: r.Spec.Version}}
		for _, rel := range append(p.releases, names...) {
			if rel.Chart != "" && !slices.ContainsFunc(pins, func(p release.Pin) bool { return p.Name == rel.Chart && p.Version == rel.Version }) {
				pins = append(pins, r.pin(rel.Chart, rel.Version))
			}
		}
	}
	charts := map[string]release.Chart{}
	var failed []error
	for _, loaded := range a.store().Load(ctx, r.dir(), r.source(), pins) {
		var moved *release.MovedError
		switch {
		case loaded.Err == nil:
			charts[loaded.Pin.Name] = loaded.Chart
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(loaded.Err, &moved):
			failed = append(failed, fmt.Errorf("%w\nif the other bytes are right, `ringplan charts lock` pins them", loaded.Err))
		default:
			failed = append(failed, loaded.Err)
		}
	}
	return charts, errors.Join(failed...)
}

// store opens the store of charts, once.
func (a *app) store() release.Store {
	if a.charts.store == nil {
		a.charts.store = a.libraries.Charts(a.charts.options)
	}
	return a.charts.store
}

// source returns where the charts of the ring are from.
func (r *ring) source() release.Source {
	if r.Spec.Charts.Path != "" {
		return release.Source{Path: r.Spec.Charts.Path}
	}
	return release.Source{Repository: r.compiled.Repository()}
}

// pin returns what the lock says of a chart, or else its name and version alone.
func (r *ring) pin(name, version string) release.Pin {
	if pin, ok := r.lock.Pin(name, version); ok && pin.Source == r.source() {
		return pin
	}
	return release.Pin{Name: name, Version: version}
}

// manifestFindings turns what is wrong with the manifests of a ring into
// findings at fields of its topology.
func (r *ring) manifestFindings() diag.List {
	rules := map[string]lint.Rule{}
	for _, rule := range chartRules {
		rules[rule.Code] = rule
	}
	var findings diag.List
	add := func(code, path, message, hint string, mild bool) {
		rule := rules[code]
		if hint == "" {
			hint = rule.Fix
		}
		severity := r.severity(rule)
		if mild {
			severity = min(severity, diag.Warning)
		}
		findings = append(findings, diag.Finding{Code: code, Severity: severity, Pos: r.At(path), Path: path, Message: message, Hint: hint})
	}
	for _, m := range r.manifests {
		for _, p := range m.problems {
			mild := p.Mild && !r.grave(p)
			add(p.Code, m.place(p), p.Message, p.Hint, mild)
		}
		for _, d := range m.deviations {
			add("RP149", d.Path, d.Message, "", false)
		}
		for _, p := range m.overlay {
			code := "RP151"
			if p.Idle {
				code = "RP152"
			}
			add(code, m.overlayPlace(p), p.Message, p.Hint, false)
		}
	}
	findings.Sort()
	return findings
}

// grave reports whether a problem that may be mild is not, the way the ring is
// delivered: Argo CD renders without a cluster to ask; and of a Secret that is
// committed, nothing could be applied.
func (r *ring) grave(p release.Problem) bool {
	return p.Code == release.Refused && r.argoRenders() || p.Code == release.PlainSecret && r.commitsManifests()
}

// argoRenders reports whether Argo CD renders the charts of the ring.
func (r *ring) argoRenders() bool {
	return r.DeliversBy(topology.EngineArgoCD, topology.DeliverHelm)
}

// wholeManifests returns an error if the manifests of a region are not whole, for
// reasons that were silenced or are warnings.
func (r *ring) wholeManifests() error {
	for _, m := range r.manifests {
		if m.failed {
			return &exitError{exitFindings, fmt.Errorf("the manifests of region %s cannot be rendered whole; `ringplan lint --manifests` tells why", m.name)}
		}
	}
	return nil
}

// checkedManifests reports whether the manifests of every region were rendered
// and checked, so that a rule about them that finds nothing has nothing to find.
func (r *ring) checkedManifests() bool {
	return len(r.manifests) == len(r.members) && !slices.ContainsFunc(r.manifests, func(m *regionManifests) bool { return m.failed })
}

// severity returns the severity of a rule: what only an engine makes trouble of
// is a warning where the topology is delivered by it.
func (r *ring) severity(rule lint.Rule) diag.Severity {
	if (rule.Code == release.NotStable || rule.Code == release.HookElsewhere) && r.argoRenders() {
		return diag.Warning
	}
	return rule.Severity
}

// place returns the field of the topology that a problem is about.
func (m *regionManifests) place(p release.Problem) string {
	switch {
	case p.Value != "":
		return m.region.compiled.Field(m.name, p.Value)
	case p.Code == release.NotStable || p.Code == release.HookElsewhere:
		return "spec.version" // it is the chart's, in every region
	}
	return m.region.Region(m.name).Path("")
}

// overlayPlace returns the field of the topology that a problem of an overlay is
// about. Those of all regions come before those of one.
func (m *regionManifests) overlayPlace(p release.OverlayProblem) string {
	all, own := m.region.Spec.Overlay, m.region.Region(m.name)
	in := func(list string, index, first int) string {
		if index < first {
			return fmt.Sprintf("spec.overlay.%s[%d]", list, index)
		}
		return own.Path(fmt.Sprintf("overlay.%s[%d]", list, index-first))
	}
	switch {
	case p.Patch >= 0:
		return in("patches", p.Patch, len(all.Patches))
	case p.Component != "":
		is := func(folder string) bool { return path.Base(folder) == path.Base(p.Component) }
		if i := slices.IndexFunc(all.Components, is); i >= 0 {
			return in("components", i, len(all.Components))
		}
		return in("components", max(0, slices.IndexFunc(own.Overlay.Components, is)), 0)
	case p.Image != "":
		if i := named(own.Overlay.Images, p.Image); i >= 0 {
			return in("images", i, 0)
		}
		return in("images", named(all.Images, p.Image), len(all.Images))
	}
	if !own.Overlay.Empty() {
		return own.Path("overlay")
	}
	return "spec.overlay"
}

func named(images []topology.Image, name string) int {
	return slices.IndexFunc(images, func(i topology.Image) bool { return i.Name == name })
}

// repository returns the files that a topology may refer to, and its folder in
// them: those of its Git repository, or of its own folder where there is none.
// Nothing outside is reached, also by links.
func (r *ring) repository() (files fs.FS, dir string) {
	if r.files == nil {
		r.files, r.below = openRepository(r.dir())
	}
	return r.files, r.below
}

func openRepository(folder string) (files fs.FS, dir string) {
	start, err := filepath.Abs(folder)
	if err != nil {
		return nil, "."
	}
	top := start
	for at := start; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			top = at
			break
		}
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, "."
	}
	rel, err := filepath.Rel(top, start)
	if err != nil {
		return nil, "."
	}
	return root.FS(), filepath.ToSlash(rel)
}
