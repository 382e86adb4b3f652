package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/live"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/system"
)

// A wanted is what a cluster has where it is as one region is rendered.
type wanted struct {
	name string
	part system.Live
	// planFile is the name of the release plan.
	planFile  string
	namespace string
	releases  []wantedRelease
	leaving   []wantedRelease
	objects   []wantedObject
}

type wantedRelease struct {
	live.ReleaseName
	chart, version string
	// file is the name of the values file that counts most, and values what
	// all of them and the release plan's sets give to Helm.
	file   string
	values map[string]any
}

type wantedObject struct {
	live.ObjectName
	file string
	doc  map[string]any
}

// wantedOf reads the rendered files of a region.
func wantedOf(region string, part system.Live, files []manifest.File) wanted {
	w := wanted{name: region, part: part}
	docs := map[string][]map[string]any{}
	var names []string
	for _, c := range manifest.Diff(nil, files) { // which makes plain maps of them
		name := path.Base(c.File)
		names, docs[name] = append(names, name), c.Docs
	}
	for _, name := range names {
		for _, doc := range docs[name] {
			switch group, _, _ := strings.Cut(release.Text(doc, "apiVersion"), "/"); {
			case release.Text(doc, "kind") == "ReleasePlan" && group == "ringplan.dev":
				w.planFile, w.namespace = name, release.Text(doc, "spec", "namespace")
				w.readPlan(doc, docs)
			case release.Text(doc, "kind") == "" || release.Text(doc, "metadata", "name") == "" || group == "kustomize.config.k8s.io":
			default:
				kind := live.Kind{APIVersion: release.Text(doc, "apiVersion"), Kind: release.Text(doc, "kind"), Namespace: release.Text(doc, "metadata", "namespace")}
				w.objects = append(w.objects, wantedObject{live.ObjectName{Kind: kind, Name: release.Text(doc, "metadata", "name")}, name, doc})
			}
		}
	}
	return w
}

// readPlan reads the releases of a release plan.
func (w *wanted) readPlan(plan map[string]any, docs map[string][]map[string]any) {
	steps, _ := release.Lookup(plan, "spec", "steps")
	list, _ := steps.([]any)
	for _, item := range list {
		step, _ := item.(map[string]any)
		r := wantedRelease{chart: release.Text(step, "chart"), version: release.Text(step, "version")}
		r.Namespace = release.Text(step, "namespace")
		switch release.Text(step, "kind") {
		case "HelmRelease":
			r.Name = release.Text(step, "name")
			merged := manifest.NewMap()
			files, _ := step["valuesFiles"].([]any)
			for _, file := range files {
				r.file, _ = file.(string)
				for _, doc := range docs[r.file] {
					merged.Merge(doc)
				}
			}
			set, _ := step["set"].(map[string]any)
			merged.Merge(set)
			r.values = merged.Plain()
			w.releases = append(w.releases, r)
		case "Uninstall":
			r.Name = release.Text(step, "release")
			w.leaving = append(w.leaving, r)
		}
	}
}

// fileOf makes a file of a plain document.
func fileOf(doc map[string]any) []manifest.File {
	m := manifest.NewMap()
	m.Merge(doc)
	return []manifest.File{{Docs: []*manifest.Map{m}}}
}

// query asks for all that the region is compared with.
func (w *wanted) query(context string) live.Query {
	q := live.Query{Context: context}
	for _, r := range slices.Concat(w.releases, w.leaving) {
		q.Releases = append(q.Releases, r.ReleaseName)
	}
	for _, o := range w.objects {
		q.Objects = append(q.Objects, o.ObjectName)
	}
	if w.ringRelease() != nil {
		q.Objects = append(q.Objects, w.datastore())
	}
	for _, k := range w.part.Passing {
		q.Kinds = append(q.Kinds, live.Kind{APIVersion: k.APIVersion, Kind: k.Kind, Namespace: w.namespace})
	}
	return q
}

// datastore names the object that the ring's chart makes.
func (w *wanted) datastore() live.ObjectName {
	return live.ObjectName{Kind: live.Kind{APIVersion: w.part.APIVersion, Kind: w.part.Kind, Namespace: w.namespace}, Name: w.part.Name}
}

// ringRelease returns the release that is the datacenter, nil if none is to be.
func (w *wanted) ringRelease() *wantedRelease {
	i := slices.IndexFunc(w.releases, func(r wantedRelease) bool { return r.chart == w.part.Chart })
	if i < 0 {
		return nil
	}
	return &w.releases[i]
}

// empty reports whether the cluster has none of the releases.
func (w *wanted) empty(a live.Answer) bool {
	for _, r := range w.releases {
		if got, known := a.Releases[r.ReleaseName]; !known || got != nil {
			return false
		}
	}
	return len(w.leaving) == 0
}

// compare returns what changes where a cluster becomes as the region is
// rendered. Of what could not be read it says nothing. Each change is classed,
// its values redacted, and where several releases differ alike, it is one.
func (w *wanted) compare(s system.System, a live.Answer) []report.Effected {
	c := &comparison{wanted: w, system: s, answer: a}
	for _, r := range w.releases {
		c.release(r)
	}
	for _, r := range w.leaving {
		if a.Releases[r.ReleaseName] != nil {
			c.goes(r)
		}
	}
	c.renderedObjects()
	c.passedObjects()
	c.datastoreObject()
	return c.grouped()
}

// A comparison collects the changes of one region.
type comparison struct {
	*wanted
	system system.System
	answer live.Answer
	found  []seen
}

// A seen is a change at one place: a release, or another object.
type seen struct {
	report.Effected
	release, object string
}

// add classes a change as if it were one of a rendered file: as.
func (c *comparison) add(s seen, as manifest.Change) {
	s.Effect = c.system.Classify(as)
	c.found = append(c.found, s)
}

func (c *comparison) release(r wantedRelease) {
	got, known := c.answer.Releases[r.ReleaseName]
	switch {
	case !known:
		return
	case got == nil:
		s := seen{release: r.Name}
		s.Change = manifest.Change{File: c.planFile, Op: manifest.Added}
		as := manifest.Change{File: r.file, Op: manifest.Added}
		if r.chart != c.part.Chart && !c.empty(c.answer) {
			as.Document = r.Name
		}
		c.add(s, as)
		return
	}
	if got.Newest.Status != live.StatusDeployed {
		c.planned(r, "status", fmt.Sprintf("%s (revision %d)", got.Newest.Status, got.Newest.Number), live.StatusDeployed)
	}
	if got.Deployed == nil {
		return
	}
	c.planned(r, "chart", got.Deployed.Chart, r.chart)
	c.planned(r, "version", got.Deployed.Version, r.version)
	c.values(r, got.Deployed)
}

// planned compares what the release plan says of a release. The plan alone
// changes nothing in a cluster, as its class would say; the release does.
func (c *comparison) planned(r wantedRelease, field, have, want string) {
	if have == want {
		return
	}
	s := seen{release: r.Name}
	s.Change = manifest.Change{File: c.planFile, Path: field, Op: manifest.Changed, Old: have, New: want}
	as := manifest.Change{Path: "spec.steps." + field, Op: manifest.Changed}
	if field == "version" {
		as.File = c.planFile
	}
	c.add(s, as)
}

// values compares the values of a release with those that Helm has of it.
func (c *comparison) values(r wantedRelease, d *live.Deployed) {
	have, err := manifest.FromJSON(d.Values)
	if err != nil {
		return // pkg/live has seen that it is an object
	}
	for _, change := range manifest.Diff([]manifest.File{{Docs: []*manifest.Map{have}}}, fileOf(r.values)) {
		change.File = r.file
		s := seen{release: r.Name}
		s.Change = change
		s.Old, s.New = c.shown(change), lint.Redact(change.Path, change.New)
		c.add(s, change)
	}
}

// shown returns the old value of a change, for people to see. What stands in a
// cluster where nothing is rendered may be anything, and is hidden.
func (c *comparison) shown(change manifest.Change) any {
	known := func(f system.LiveField) bool { return f.Value != "" && f.Value == change.Path }
	switch {
	case change.Old == nil:
		return nil
	case slices.ContainsFunc(c.part.Fields, known) && !holdsMap(change.Old):
	case change.Op != manifest.Changed || holdsMap(change.Old):
		return lint.Hidden
	}
	return lint.Redact(change.Path, change.Old)
}

func holdsMap(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsMap)
	}
	return false
}

// goes is a release that is to leave, and is there.
func (c *comparison) goes(r wantedRelease) {
	s := seen{release: r.Name}
	s.Change = manifest.Change{File: c.planFile, Op: manifest.Removed}
	as := manifest.Change{File: c.planFile, Document: r.Name, Op: manifest.Removed}
	if r.chart == c.part.Chart {
		// With it goes the datacenter, as with all that is rendered of it.
		as = manifest.Change{File: overridesOf(c.wanted), Op: manifest.Removed}
	}
	c.add(s, as)
}

// overridesOf returns the name of the values file of the releases that stay.
func overridesOf(w *wanted) string {
	for _, r := range w.releases {
		return r.file
	}
	return ""
}

// renderedObjects compares the fields that are rendered of each object.
func (c *comparison) renderedObjects() {
	for _, o := range c.objects {
		got, known := c.answer.Objects[o.ObjectName]
		if !known {
			continue
		}
		s := seen{object: o.Kind.Kind + " " + o.Name}
		if got == nil {
			s.Change = manifest.Change{File: o.file, Op: manifest.Added}
			c.add(s, s.Change)
			continue
		}
		have, _ := restricted(got, o.doc).(map[string]any)
		for _, change := range manifest.Diff(fileOf(have), fileOf(o.doc)) {
			change.File = o.file
			s.Change = change
			s.Old, s.New = c.shown(change), lint.Redact(change.Path, change.New)
			c.add(s, change)
		}
	}
}

// restricted returns of a value what is there of another: the same fields of
// maps, in lists too, whose items are told apart by name where they have one.
func restricted(have, want any) any {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return have
		}
		out := map[string]any{}
		for key, inner := range w {
			if value, there := h[key]; there {
				out[key] = restricted(value, inner)
			}
		}
		return out
	case []any:
		h, ok := have.([]any)
		if !ok {
			return have
		}
		out := slices.Clone(h)
		for i := range out {
			if like, ok := likeIt(out[i], i, w); ok {
				out[i] = restricted(out[i], like)
			}
		}
		return out
	}
	return have
}

// likeIt finds the item of a list that another is compared with.
func likeIt(have any, i int, list []any) (any, bool) {
	if m, ok := have.(map[string]any); ok && m["name"] != nil {
		at := slices.IndexFunc(list, func(item any) bool {
			w, _ := item.(map[string]any)
			return w["name"] == m["name"]
		})
		if at >= 0 {
			return list[at], true
		}
		return nil, false
	}
	if i < len(list) {
		return list[i], true
	}
	return nil, false
}

// passedObjects lists objects of kinds that come and go with the phases, and
// are rendered no more.
func (c *comparison) passedObjects() {
	for _, k := range c.part.Passing {
		kind := live.Kind{APIVersion: k.APIVersion, Kind: k.Kind, Namespace: c.namespace}
		for _, got := range c.answer.Kinds[kind] {
			name := live.ObjectName{Kind: kind, Name: release.Text(got, "metadata", "name")}
			if slices.ContainsFunc(c.objects, func(o wantedObject) bool { return o.ObjectName == name }) {
				continue
			}
			s := seen{object: k.Kind + " " + onOneLine(name.Name)}
			s.Change = manifest.Change{File: k.File, Op: manifest.Removed}
			c.add(s, s.Change)
		}
	}
}

// onOneLine quotes a name that no Kubernetes would give, and a server may send.
func onOneLine(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// datastoreObject compares the object that the ring's chart makes with what the
// values say, where the release is deployed.
func (c *comparison) datastoreObject() {
	r := c.ringRelease()
	if r == nil {
		return
	}
	got, known := c.answer.Objects[c.datastore()]
	if release := c.answer.Releases[r.ReleaseName]; !known || release == nil || release.Deployed == nil {
		return
	}
	s := seen{object: c.part.Kind + " " + c.part.Name}
	if got == nil {
		s.Change = manifest.Change{File: r.file, Op: manifest.Added}
		c.add(s, s.Change)
		return
	}
	for _, field := range c.part.Fields {
		f := liveField(field)
		s.Change = f.change(got, *r)
		as := s.Change
		if f.Value == "" {
			s.Change.File, s.Change.Path = c.planFile, "version"
			as.File, as.Path = c.planFile, "spec.steps.version"
		}
		if s.Old == nil && f.Optional || reflect.DeepEqual(s.Old, s.New) {
			continue
		}
		s.Old, s.New = lint.Redact(f.Value, s.Old), lint.Redact(f.Value, s.New)
		c.add(s, as)
	}
}

// A liveField compares a field of an object with the value that decides it.
type liveField system.LiveField

// change returns what changes in the field where an object becomes as a release
// says. Old and New are the same where nothing does.
func (f liveField) change(object map[string]any, r wantedRelease) manifest.Change {
	c := manifest.Change{File: r.file, Path: f.Value, Op: manifest.Changed, Old: f.of(object)}
	if f.Value == "" {
		c.New = r.version
	} else {
		want, _ := release.Lookup(r.values, strings.Split(f.Value, ".")...)
		c.New = f.or(want)
	}
	switch {
	case c.Old == nil:
		c.Op = manifest.Added
	case c.New == nil:
		c.Op = manifest.Removed
	}
	return c
}

// of returns what an object says in a field.
func (f liveField) of(object map[string]any) any {
	for _, keys := range f.Paths {
		if value, ok := release.Lookup(object, keys...); ok {
			return f.or(value)
		}
	}
	return f.Absent
}

// or returns a value, or what its absence means.
func (f liveField) or(value any) any {
	if value == nil || value == "" {
		return f.Absent
	}
	if holdsMap(value) {
		return lint.Hidden // no field of these is a map
	}
	return value
}

// grouped makes one of the changes that are alike, and orders them by file and
// field.
func (c *comparison) grouped() []report.Effected {
	type group struct {
		seen
		releases, objects []string
	}
	var groups []*group
	byKey := map[string]*group{}
	for _, s := range c.found {
		key, err := json.Marshal([]any{s.Change.File, s.Change.Path, s.Change.Op, s.Old, s.New, s.Class, s.Why})
		if err != nil {
			key = fmt.Append(nil, len(groups)) // of its own
		}
		g := byKey[string(key)]
		if g == nil {
			g = &group{seen: s}
			byKey[string(key)], groups = g, append(groups, g)
		}
		if s.release != "" {
			g.releases = append(g.releases, s.release)
		}
		if s.object != "" {
			g.objects = append(g.objects, s.object)
		}
	}
	changes := make([]report.Effected, len(groups))
	for i, g := range groups {
		g.Document = c.places(g.releases, g.objects)
		changes[i] = g.Effected
	}
	slices.SortStableFunc(changes, func(x, y report.Effected) int {
		return cmp.Or(cmp.Compare(x.Change.File, y.Change.File), cmp.Compare(x.Change.Path, y.Change.Path))
	})
	return changes
}

// places names where something differs.
func (c *comparison) places(releases, objects []string) string {
	const fewOthers = 2
	var others []string
	for _, r := range c.releases {
		if !slices.Contains(releases, r.Name) {
			others = append(others, r.Name)
		}
	}
	stay := len(releases)+len(others) == len(c.releases)
	all := fmt.Sprintf("all %d releases", len(c.releases))
	var parts []string
	switch {
	case len(releases) == 0:
	case len(releases) == 1:
		parts = []string{"release " + releases[0]}
	case stay && len(others) == 0:
		parts = []string{all}
	case stay && len(others) <= fewOthers && len(releases) > 2*fewOthers:
		parts = []string{all + " but " + strings.Join(others, " and ")}
	default:
		parts = []string{"releases " + strings.Join(releases, ", ")}
	}
	return strings.Join(append(parts, objects...), "; ")
}
