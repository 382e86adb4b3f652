package cli

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/load"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
	"github.com/ringplan/ringplan/pkg/tree"
	"github.com/ringplan/ringplan/regions"
	"github.com/ringplan/ringplan/schema"
)

// This file walks every reachable state of a rollout, over the engine itself:
// system.System takes the steps, Ring renders, lint refuses edits of the
// topology, and what a person would hand in as observations is text that
// observe.Parse reads. Nothing here decides what the engine should do. What
// the walk has of its own is the truth: beside each rollout it keeps what has
// really happened in the simulated ring, and holds what is rendered against
// that (pkg/README.md lists the invariants, I1 to I8).
//
// It is bounded: rings of at most four regions, one edit of the topology in
// force at a time, begun only while the recorded facts are those of the first
// topology. Steps are two hours apart, and times and digests are no part of a
// state.

// A bound is one walk: a ring, and how much is varied in it.
type bound struct {
	shape shape
	// edits returns the edits of the topology that are tried.
	edits func(shape) []edit
	// exact tells regions at rest apart by the procedure that brought them
	// there; where it is not set, by their phase alone.
	exact bool
	// thorough tries every class even of a step that is refused with the truth
	// and with nothing at all.
	thorough bool
	// existing lists the regions that were built without ringplan.
	existing []int
	// floor is below the number of states that there are: a walk that finds
	// fewer has lost some.
	floor int
}

// A shape is a ring: the source of each region, by its place, -1 for the one
// that founds it. Where observed is set, no region has a seed host in the
// topology; it is taken from what the source says.
type shape struct {
	name     string
	from     []int
	observed bool
}

var (
	single       = shape{name: "single", from: []int{-1}}
	pair         = shape{name: "pair", from: []int{-1, 0}}
	pairObserved = shape{name: "pair, seed host observed", from: []int{-1, 0}, observed: true}
	star3        = shape{name: "star of 3", from: []int{-1, 0, 0}}
	chain3       = shape{name: "chain of 3, seed hosts observed", from: []int{-1, 0, 1}, observed: true}
	star4        = shape{name: "star of 4, seed hosts observed", from: []int{-1, 0, 0, 0}, observed: true}
	chain4       = shape{name: "chain of 4", from: []int{-1, 0, 1, 2}}
	fork4        = shape{name: "fork of 4", from: []int{-1, 0, 1, 1}}
	branch4      = shape{name: "branch of 4", from: []int{-1, 0, 0, 1}}
)

// The small bound is part of every test run; the full one takes minutes and is
// asked for with RINGPLAN_MODEL=full.
var (
	smallBounds = []bound{
		{shape: single, edits: allEdits, exact: true, floor: 80},
		{shape: pair, edits: allEdits, floor: 1800},
		{shape: pairObserved, edits: noEdits, exact: true, floor: 140},
		{shape: pair, edits: noEdits, existing: []int{0, 1}, floor: 50},
		{shape: star3, edits: sourceEdits, floor: 700},
	}
	fullBounds = []bound{
		{shape: single, edits: allEdits, exact: true, thorough: true, floor: 40},
		{shape: pair, edits: allEdits, exact: true, thorough: true, floor: 5500},
		{shape: pairObserved, edits: allEdits, floor: 1800},
		{shape: pair, edits: allEdits, existing: []int{0, 1}, floor: 1700},
		{shape: star3, edits: allEdits, floor: 8500},
		{shape: chain3, edits: allEdits, floor: 15500},
		{shape: chain3, edits: noEdits, exact: true, floor: 2000},
		{shape: chain3, edits: noEdits, existing: []int{0, 2}, floor: 200},
		{shape: star4, edits: allEdits, floor: 20000},
		{shape: chain4, edits: wideEdits, floor: 22000},
		{shape: fork4, edits: wideEdits, floor: 12500},
		{shape: branch4, edits: wideEdits, floor: 12500},
	}
)

// modelBound is the environment variable that asks for the full walk.
const modelBound = "RINGPLAN_MODEL"

func TestModel(t *testing.T) {
	bounds := smallBounds
	if os.Getenv(modelBound) == "full" {
		bounds = fullBounds
	}
	loader, err := load.New(schema.FS, regions.FS)
	if err != nil {
		t.Fatal(err)
	}
	before := debug.SetGCPercent(400)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for i, b := range bounds {
		if testing.Short() && i > 1 {
			break // the race detector makes it long
		}
		name := b.shape.name
		if len(b.existing) > 0 {
			name += ", existing"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, b, loader.Platforms())
			begun := time.Now()
			w.run()
			w.report(t, time.Since(begun))
		})
	}
}

// ---- The ring and its edits ----

var regionNames4 = []string{"east", "west", "north", "south"}

// added is the region that an edit adds.
const added = "added"

// The topology before any edit.
const (
	modelVersion  = "1.16.0"
	modelCluster  = "modelring"
	modelRack     = "ra-1"
	modelReplicas = 3
	modelOrg      = "rg-hybrid"
	namespace     = "apigee"
)

// place returns the index of a region, or -1.
func place(region string) int { return slices.Index(regionNames4, region) }

func dcName(i int) string { return fmt.Sprintf("dc-%d", i+1) }

// address returns an address of Cassandra in a region: its pods have those of
// the pods' range, unless they use the nodes' network.
func address(region, node int, hostNetwork bool) string {
	if hostNetwork {
		return fmt.Sprintf("10.1%d.0.%d", region+1, 11+node)
	}
	return fmt.Sprintf("10.%d.0.%d", region+1, 11+node)
}

// inNetwork reports whether an address is one that Cassandra of a region has.
func inNetwork(region int, text string, hostNetwork bool) bool {
	whole := address(region, 0, hostNetwork)
	return strings.HasPrefix(text, strings.TrimSuffix(whole, "11"))
}

// An edit is a change of the topology; the zero edit is none.
type edit struct {
	kind   string
	region int // -1 if it is about the whole ring
}

func (e edit) String() string {
	switch {
	case e.kind == "":
		return "no edit"
	case e.region < 0:
		return e.kind
	}
	return e.kind + " of " + regionNames4[e.region]
}

// ringEdits change something that all regions share.
var ringEdits = map[string]func(spec object, s shape){
	"version":      func(spec object, _ shape) { spec["version"] = "1.17.0" },
	"cluster name": func(spec object, _ shape) { spec["cassandra"].(object)["clusterName"] = "otherring" },
	"region added": func(spec object, _ shape) { addRegion(spec, "") },
	// Cassandra of every region uses the nodes' network as soon as one region
	// is an island, where nothing else is said.
	"island added": func(spec object, _ shape) { addRegion(spec, "island") },
}

func addRegion(spec object, network string) {
	list := spec["regions"].([]object)
	r := regionObject(len(regionNames4), added)
	r["expandFrom"], r["seedHost"] = list[0]["name"], address(0, 1, network == "island")
	if network != "" {
		r["network"].(object)["model"] = network
	}
	spec["regions"] = append(list, r)
}

// regionEdits change one region; they report whether there is anything to
// change.
var regionEdits = map[string]func(spec, r object, s shape, i int) bool{
	"seed host": func(_, r object, s shape, i int) bool {
		r["seedHost"] = address(max(0, s.from[i]), 2, false)
		return s.from[i] >= 0
	},
	"seed host elsewhere": func(_, r object, s shape, i int) bool {
		r["seedHost"] = "192.0.2.1"
		return s.from[i] >= 0
	},
	"seed host removed": func(_, r object, s shape, i int) bool {
		delete(r, "seedHost")
		return s.from[i] >= 0 && !s.observed
	},
	"replicas": func(_, r object, _ shape, _ int) bool {
		r["cassandra"] = object{"replicas": 2 * modelReplicas}
		return true
	},
	"hostNetwork": func(_, r object, _ shape, _ int) bool {
		r["network"].(object)["hostNetwork"] = true
		return true
	},
	"rack":       func(_, r object, _ shape, _ int) bool { r["rack"] = "ra-9"; return true },
	"datacenter": func(_, r object, _ shape, _ int) bool { r["datacenter"] = "dc-9"; return true },
	"source": func(_, r object, s shape, i int) bool {
		other := slices.IndexFunc(s.from, func(int) bool { return false })
		for j := range s.from {
			if j != i && j != s.from[i] && !s.below(j, i) {
				other = j
			}
		}
		if s.from[i] < 0 || other < 0 {
			return false
		}
		r["expandFrom"] = regionNames4[other]
		if !s.observed {
			r["seedHost"] = address(other, 0, false)
		}
		return true
	},
	"source removed": func(_, r object, s shape, i int) bool {
		delete(r, "expandFrom")
		delete(r, "seedHost")
		return s.from[i] >= 0
	},
	"removal": func(spec, _ object, s shape, i int) bool {
		list := spec["regions"].([]object)
		spec["regions"] = slices.Delete(slices.Clone(list), i, i+1)
		return len(s.from) > 1
	},
}

// below reports whether a region is built, perhaps by way of others, from
// another.
func (s shape) below(region, from int) bool {
	for ; region >= 0; region = s.from[region] {
		if s.from[region] == from {
			return true
		}
	}
	return false
}

func noEdits(shape) []edit { return nil }

// sourceEdits lists those that change a source.
func sourceEdits(s shape) []edit {
	return slices.DeleteFunc(allEdits(s), func(e edit) bool { return e.kind != "source" })
}

// wideEdits lists those of the whole ring, and those that change which regions
// there are and what they are built from.
func wideEdits(s shape) []edit {
	return slices.DeleteFunc(allEdits(s), func(e edit) bool { return e.region >= 0 && e.kind != "source" && e.kind != "removal" })
}

// allEdits lists every edit that changes something.
func allEdits(s shape) []edit {
	var edits []edit
	for _, kind := range slices.Sorted(maps.Keys(ringEdits)) {
		edits = append(edits, edit{kind, -1})
	}
	for _, kind := range slices.Sorted(maps.Keys(regionEdits)) {
		for i := range s.from {
			if spec := s.spec(); regionEdits[kind](spec, spec["regions"].([]object)[i], s, i) {
				edits = append(edits, edit{kind, i})
			}
		}
	}
	return edits
}

type object = map[string]any

func regionObject(i int, name string) object {
	return object{
		"name": name, "platform": "gke", "datacenter": dcName(i), "rack": modelRack,
		"kubernetes": object{"cluster": "gke-" + name, "region": "region-" + name, "context": "gke-" + name},
		"network":    object{"pods": []string{fmt.Sprintf("10.%d.0.0/16", i+1)}, "nodes": []string{fmt.Sprintf("10.1%d.0.0/20", i+1)}},
	}
}

// spec is the topology's spec before any edit.
func (s shape) spec() object {
	var list []object
	for i, from := range s.from {
		r := regionObject(i, regionNames4[i])
		if from >= 0 {
			r["expandFrom"] = regionNames4[from]
			if !s.observed {
				r["seedHost"] = address(from, 0, false)
			}
		}
		list = append(list, r)
	}
	return object{
		"system": "apigee-hybrid", "version": modelVersion, "namespace": namespace, "instanceID": "model1",
		"organization": object{"name": modelOrg, "project": "model-apis", "analyticsRegion": "us-central1"},
		"cassandra": object{
			"clusterName": modelCluster, "replicas": modelReplicas, "storage": object{"size": "500Gi"},
			"auth": object{"secret": "cassandra-users"}, "backup": object{"gcs": object{"bucket": "model-backup", "schedule": "0 3 * * *"}},
		},
		"environments": []object{{"name": "prod"}}, "ingressGateways": []object{{"name": "public"}},
		"environmentGroups": []object{{"name": "public-group", "tls": object{"secret": "public-tls"}}},
		"regions":           list,
	}
}

// A setting is the topology with an edit in force, compiled.
type setting struct {
	edit   edit
	ring   *ring
	digest string
}

func newSetting(s shape, e edit, platforms topology.Platforms) (*setting, error) {
	spec := s.spec()
	switch {
	case e.region >= 0:
		regionEdits[e.kind](spec, spec["regions"].([]object)[e.region], s, e.region)
	case e.kind != "":
		ringEdits[e.kind](spec, s)
	}
	data, err := json.Marshal(object{"apiVersion": "ringplan.dev/v1alpha1", "kind": "Topology", "metadata": object{"name": "model"}, "spec": spec})
	if err != nil {
		return nil, err
	}
	t, err := topology.New(data, platforms, nil, "")
	if err != nil {
		return nil, err
	}
	r, err := compile(t, "topology.yaml", nil)
	if err != nil {
		return nil, err
	}
	return &setting{e, r, t.Digest()}, nil
}

// ---- The truth ----

// A truth is what has really become of a region's datacenter.
type truth struct {
	// in is true from when it joins the ring to when it has left.
	in bool
	// whole is true while it holds all data: since the rebuild that began with
	// the present phase has completed, or since it founded the ring.
	whole bool
}

// A spec is what was rendered for a region, and so what its cluster is like
// once that is synced.
type spec struct {
	there                     bool // anything is rendered
	datastore                 bool // the datastore's release is to be there
	datacenter, rack, cluster string
	replicas                  int
	hostNetwork               bool
	seed                      string
	replication               bool
	source                    string // the datacenter that the replication names
}

// specOf reads what was rendered for a region.
func specOf(docs []manifest.File, region string) spec {
	var s spec
	for _, file := range docs {
		path, own := strings.CutPrefix(file.Path, region+"/")
		if !own {
			continue
		}
		s.there = true
		look := func(keys ...string) any {
			v, _ := file.Docs[0].Lookup(keys...)
			return v
		}
		text := func(keys ...string) string {
			v, _ := look(keys...).(string)
			return v
		}
		switch path {
		case "overrides.yaml":
			s.datacenter, s.rack, s.cluster = text("cassandra", "datacenter"), text("cassandra", "rack"), text("cassandra", "clusterName")
			s.seed = text("cassandra", "multiRegionSeedHost")
			s.replicas, _ = look("cassandra", "replicaCount").(int)
			s.hostNetwork, _ = look("cassandra", "hostNetwork").(bool)
		case "releases.yaml":
			steps, _ := look("spec", "steps").([]any)
			s.datastore = slices.ContainsFunc(steps, installsDatastore)
		case "datareplication.yaml":
			s.replication, s.source = true, text("spec", "source", "region")
		}
	}
	return s
}

func installsDatastore(step any) bool {
	m, ok := step.(*manifest.Map)
	if !ok {
		return false
	}
	kind, _ := m.Get("kind")
	chart, _ := m.Get("chart")
	return kind == "HelmRelease" && chart == "apigee-datastore"
}

// ---- States ----

// A state is a rollout, an edit of the topology in force, and the truth.
type state struct {
	setting *setting
	at      stage.Rollout
	truth   [4]truth
	key     string

	// How it was come to first, which is a shortest way.
	parent *state
	by     string
	rec    *stage.Record
	seen   observe.Set // what the last step was taken on

	view *view
	// live lists the states that truthful observations lead on to, without
	// giving anything up.
	live   []string
	broken bool // an invariant does not hold: the walk goes no further
}

// A view is what the command would make of a state.
type view struct {
	errors  diag.List // that stop every verb that writes
	files   []tree.File
	specs   [4]spec
	present [4]bool // the topology has the region
	// unrendered is true if the engine gave up on it.
	unrendered bool
}

func (v *view) blocked() bool { return len(v.errors) > 0 }

func (v *view) codes() string {
	var codes []string
	for _, f := range v.errors {
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, " ")
}

// path tells how a state was come to.
func (s *state) path() string {
	var steps []string
	for at := s; at != nil; at = at.parent {
		if at.by != "" {
			steps = append(steps, at.by)
		}
	}
	slices.Reverse(steps)
	return strings.Join(steps, "; ")
}

func (s *state) now() time.Time { return modelBegin.Add(time.Duration(s.at.Step+1) * apart) }

// progress is where the region at that place stands.
func (s *state) progress(i int) stage.Progress { return s.at.At(regionNames4[i]) }

// apart is the time from one step to the next. Nobody is under way but the
// region of the last step, so that is also how old a phase is.
const apart = 2 * time.Hour

// modelBegin is that long before the first step.
var modelBegin = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

const modelSkew = 2 * time.Minute

// ---- The walk ----

type walk struct {
	bound
	n            int
	system       system.System
	base         *setting
	settings     []*setting // of the edits
	baseFacts    [4]map[string]string
	permutations [][]int

	states map[string]*state
	order  []*state

	mu         sync.Mutex
	parsed     map[string]observe.Set
	counts     counts
	violations []violation
}

// counts are what a walk has done.
type counts struct{ steps, open, shut, refused, edits, blocked int }

// A violation is an invariant that does not hold, and the shortest way there.
type violation struct {
	invariant, message, path string
	times                    int
}

func newWalk(t *testing.T, b bound, platforms topology.Platforms) *walk {
	t.Helper()
	w := &walk{bound: b, n: len(b.shape.from), states: map[string]*state{}, parsed: map[string]observe.Set{}}
	var err error
	if w.base, err = newSetting(b.shape, edit{region: -1}, platforms); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.edits(b.shape) {
		s, err := newSetting(b.shape, e, platforms)
		if err != nil {
			t.Fatal(err)
		}
		w.settings = append(w.settings, s)
	}
	w.system = w.base.ring.system
	for i := range w.n {
		w.baseFacts[i] = w.factsOf(w.base, i)
	}
	w.permutations = b.shape.symmetries()
	return w
}

func (w *walk) factsOf(s *setting, i int) map[string]string {
	facts := map[string]string{}
	for _, f := range s.ring.compiled.Facts(regionNames4[i]) {
		facts[f.Name] = f.Value
	}
	return facts
}

// symmetries lists the ways to rename regions that leave the ring as it is.
func (s shape) symmetries() [][]int {
	var all [][]int
	var extend func(p []int)
	extend = func(p []int) {
		if len(p) == len(s.from) {
			all = append(all, slices.Clone(p))
			return
		}
		for j := range s.from {
			i := len(p)
			sound := !slices.Contains(p, j) && (s.from[i] < 0) == (s.from[j] < 0)
			if sound && s.from[i] >= 0 {
				sound = p[s.from[i]] == s.from[j]
			}
			if sound {
				extend(append(p, j))
			}
		}
	}
	extend(nil)
	return all
}

// keyOf tells states apart, up to a renaming of regions.
func (w *walk) keyOf(s *state) string {
	parts := make([]string, w.n)
	for i := range w.n {
		parts[i] = w.partOf(s, i)
	}
	least := ""
	for _, p := range w.permutations {
		moved := make([]string, w.n)
		for i, j := range p {
			moved[j] = parts[i]
		}
		e := s.setting.edit
		if e.region >= 0 {
			e.region = p[e.region]
		}
		if key := fmt.Sprintf("%s | %s", strings.Join(moved, " | "), e); least == "" || key < least {
			least = key
		}
	}
	return least
}

func (w *walk) partOf(s *state, i int) string {
	p := s.progress(i)
	procedure := p.Procedure
	if p.Phase.Rests() && !w.exact {
		procedure = ""
	}
	source := ""
	if j := place(p.Source); j >= 0 && j != w.shape.from[i] {
		source = p.Source
	}
	seed := p.SeedHost
	if j := w.shape.from[i]; seed != "" && j >= 0 && seed == address(j, 0, false) {
		seed = "set"
	}
	var drift []string
	for name, value := range p.Facts {
		if value != w.baseFacts[i][name] {
			drift = append(drift, name+"="+value)
		}
	}
	slices.Sort(drift)
	return fmt.Sprintf("%s/%s from %s seed %s retries %d %v %v", procedure, p.Phase, source, seed, min(1, p.Retries), drift, s.truth[i])
}

// drifted reports whether any recorded fact is another than in the first
// topology.
func (w *walk) drifted(s *state) bool {
	for i := range w.n {
		for name, value := range s.progress(i).Facts {
			if value != w.baseFacts[i][name] {
				return true
			}
		}
	}
	return false
}

// maxViolations is how many different ones are enough to end a walk.
const maxViolations = 30

// run walks level by level, so that the first way to a state is a shortest.
func (w *walk) run() {
	start := &state{setting: w.base, at: stage.Rollout{Topology: "model"}}
	for _, i := range w.existing {
		start.truth[i] = truth{in: true, whole: true}
	}
	start.key = w.keyOf(start)
	w.states[start.key] = start
	w.order = append(w.order, start)
	for level := []*state{start}; len(level) > 0; {
		found := w.expandAll(level)
		level = nil
		for _, next := range found {
			if w.states[next.key] != nil {
				continue
			}
			w.states[next.key] = next
			w.order = append(w.order, next)
			level = append(level, next)
		}
		if len(w.violations) >= maxViolations {
			return
		}
	}
	w.checkEnds()
}

// expandAll takes every step from every state of a level, on all processors.
// What it returns is in the order of the level.
func (w *walk) expandAll(level []*state) []*state {
	found := make([][]*state, len(level))
	var group sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := range next {
				found[i] = w.expand(level[i])
			}
		})
	}
	for i := range level {
		next <- i
	}
	close(next)
	group.Wait()
	return slices.Concat(found...)
}

// A visit is one state while its steps are taken, by one worker.
type visit struct {
	*walk
	from   *state
	found  []*state
	counts counts
}

// expand checks a state, and returns where its steps and edits lead. What the
// engine panics at is a violation like any other.
func (w *walk) expand(s *state) (found []*state) {
	v := &visit{walk: w, from: s}
	defer func() {
		if p := recover(); p != nil {
			v.violate("I6", s, "panic: %v\n%s", p, debug.Stack())
		}
		if s.view != nil {
			s.view.files = nil // they are large, and not needed any more
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.counts.add(v.counts)
		found = v.found
	}()
	if s.view == nil {
		s.view = v.look(s.setting, s.at)
	}
	if s.view.blocked() {
		v.counts.blocked++
		return nil
	}
	if s.broken = v.checkState(s); s.broken {
		return nil
	}
	v.stepAll()
	v.editAll()
	return v.found
}

func (c *counts) add(d counts) {
	c.steps += d.steps
	c.open += d.open
	c.shut += d.shut
	c.refused += d.refused
	c.edits += d.edits
	c.blocked += d.blocked
}

// violate notes that an invariant does not hold.
func (v *visit) violate(invariant string, at *state, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.violations {
		if v.violations[i].invariant == invariant && v.violations[i].message == message {
			v.violations[i].times++
			if shorter := at.path(); len(shorter) < len(v.violations[i].path) {
				v.violations[i].path = shorter
			}
			return
		}
	}
	v.violations = append(v.violations, violation{invariant, message, at.path(), 1})
}

// look does what the command does before it writes anything: it holds the
// topology against the rollout, and runs every rule. Then it renders; what the
// command would not render, because a rule forbids it, may not even be possible.
func (v *visit) look(s *setting, at stage.Rollout) (out *view) {
	r := v.stand(s, at)
	out = &view{}
	for _, f := range r.lint() {
		if f.Severity == diag.Error && f.Silenced == "" {
			out.errors = append(out.errors, f)
		}
	}
	for i := range v.n {
		out.present[i] = r.Region(regionNames4[i]) != nil
	}
	defer func() {
		if p := recover(); p != nil {
			out.unrendered = true
			if !out.blocked() {
				panic(p)
			}
		}
	}()
	v.show(out, s, at)
	return out
}

// show renders every region.
func (v *visit) show(out *view, s *setting, at stage.Rollout) {
	docs := render(s, at)
	if !out.blocked() { // else nothing is written
		out.files = encoded(docs)
	}
	for i := range v.n {
		out.specs[i] = specOf(docs, regionNames4[i])
	}
}

// stand returns the ring of a setting where its regions stand.
func (v *visit) stand(s *setting, at stage.Rollout) *ring {
	r := *s.ring
	r.findings = nil
	r.history = history{Rollout: at, sound: true}
	r.at = at
	r.lintRollout()
	return &r
}

func render(s *setting, at stage.Rollout) []manifest.File {
	docs, err := system.Render(s.ring.compiled, at)
	if err != nil {
		panic(err)
	}
	return docs
}

func encoded(docs []manifest.File) []tree.File {
	files, err := encode(docs)
	if err != nil {
		panic(err)
	}
	return files
}

// report fails the test for what was found, and says how much was walked.
func (w *walk) report(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("%s: %d states, %d of them under an edit that stops every step; %d steps tried: %d taken, %d kept by a gate, %d refused; %d edits; %s",
		w.shape.name, len(w.order), w.counts.blocked, w.counts.steps, w.counts.open, w.counts.shut, w.counts.refused, w.counts.edits, took.Round(time.Millisecond))
	if len(w.order) < w.floor {
		t.Errorf("only %d states were reached, want at least %d: the walk has lost some", len(w.order), w.floor)
	}
	slices.SortStableFunc(w.violations, func(a, b violation) int { return cmp.Compare(len(a.path), len(b.path)) })
	for _, v := range w.violations {
		t.Errorf("%s: %s (%d times)\n\tby: %s", v.invariant, v.message, v.times, v.path)
	}
}

// ---- Steps ----

// An attempt is one way to take a step with a region.
type attempt struct {
	name      string
	region    int
	procedure string // of --procedure
	gate      *stage.Gate
	by        func(system.System, system.Ring, stage.Rollout, system.Request) (system.Taken, []stage.Refusal)
	// forward is true if the step goes on with what is there, and gives
	// nothing up.
	forward bool
}

// stepAll tries every step in every region.
func (v *visit) stepAll() {
	for i := range v.n {
		if !v.from.view.present[i] {
			continue // the command knows no such region
		}
		name := regionNames4[i]
		if !v.unadopted(i) { // nobody builds what is there
			v.attempt(attempt{name: "advance " + name, region: i, gate: v.gateOf(i, ""), by: system.System.Advance, forward: true})
			for _, procedure := range []string{"install", "expand", "decommission", "purge", "return", "withdraw", "adopt"} {
				v.attempt(attempt{name: "advance " + name + " --procedure " + procedure, region: i, procedure: procedure, gate: v.gateOf(i, procedure), by: system.System.Advance})
			}
		}
		adopt := attempt{name: "adopt " + name, region: i, by: system.System.Adopt}
		// Who serves is proven anew; a region that is not there cannot be
		// adopted, however long one waits.
		adopt.forward = v.unadopted(i) || v.from.progress(i).Phase == stage.Serving
		if v.from.progress(i).Phase.Rests() {
			adopt.gate = v.system.Procedures.Adopting().Gate(stage.Planned)
		}
		v.attempt(adopt)
		v.attempt(attempt{name: "abort " + name, region: i, by: system.System.Abort})
		v.checkWays(i)
	}
}

// unadopted reports whether a region is there that the rollout does not know of
// yet.
func (v *visit) unadopted(i int) bool {
	return v.from.progress(i).Phase == stage.Planned && v.from.truth[i].in
}

// gateOf returns the gate that a step is held against, if it is by one.
func (v *visit) gateOf(i int, procedure string) *stage.Gate {
	p := v.from.progress(i)
	switch {
	case !p.Phase.Rests() && (procedure == "" || procedure == p.Procedure):
		return v.system.Procedures.Named(p.Procedure).Gate(p.Phase)
	case !p.Phase.Rests():
		return nil
	}
	if procedure == "" {
		if p.Phase == stage.Serving {
			return nil
		}
		procedure = v.from.setting.ring.members.Member(p.Region).Procedure.Name
	}
	return v.system.Procedures.Named(procedure).Gate(v.system.Procedures.Named(procedure).First())
}

// attempt tries a step with every class of observations.
func (v *visit) attempt(a attempt) {
	refused := 0
	for n, c := range v.classesFor(a) {
		if n == 2 && refused == 2 && !v.thorough {
			return // neither the truth nor nothing at all changes that
		}
		seen, ok := v.observe(a, c)
		if ok && v.try(a, c, seen) {
			refused++
		}
	}
}

func (v *visit) request(a attempt, seen observe.Set) system.Request {
	return system.Request{
		Region: regionNames4[a.region], Procedure: a.procedure, Topology: v.from.setting.digest,
		Now: v.from.now(), MaxSkew: modelSkew, Seen: seen,
	}
}

// try takes one step, if the engine lets it. It reports whether the step was
// refused whatever its gate says.
func (v *visit) try(a attempt, c class, seen observe.Set) (refused bool) {
	s := v.from
	label := a.name + " with " + c.name
	v.counts.steps++
	taken, refusals := a.by(v.system, s.setting.ring.compiled, s.at, v.request(a, seen))
	switch {
	case len(refusals) > 0:
		v.counts.refused++
		for _, r := range refusals {
			if r.Message == "" {
				v.violate("I6", s, "%s is refused without a reason", label)
			}
		}
		return true
	case !taken.Open():
		v.counts.shut++
		v.checkShut(label, taken)
		return false
	}
	next := &state{setting: s.setting, at: taken.After, truth: s.truth, parent: s, by: label, rec: &taken.Record, seen: seen}
	next.truth[a.region] = next.truth[a.region].after(taken.Record, c.lie)
	next.key = v.keyOf(next)
	if !v.seen(next) {
		if !v.writable(next) {
			v.counts.refused++
			return true
		}
		next.view = v.lookAfter(next)
		v.checkStep(a, next)
		v.found = append(v.found, next)
	}
	v.counts.open++
	if c.lie && taken.Gate != nil {
		v.violate(invariantOf(taken.Gate), next, "gate %s opens on %s", taken.Gate.Name, c.name)
	}
	if a.forward && !c.lie {
		s.live = append(s.live, next.key)
	}
	return false
}

// lookAfter looks at where a step leads. The rules were asked already for a
// state that is known.
func (v *visit) lookAfter(next *state) *view {
	if v.states[next.key] == nil {
		return v.look(next.setting, next.at)
	}
	out := &view{}
	v.show(out, next.setting, next.at)
	return out
}

// seen reports whether the same step led to the same state already, on other
// observations.
func (v *visit) seen(next *state) bool {
	return slices.ContainsFunc(v.found, func(s *state) bool { return s.key == next.key && s.rec.Action == next.rec.Action })
}

// writable holds a step against the rules as they would be after it, as the
// command does before it writes.
func (v *visit) writable(next *state) bool {
	r := v.stand(next.setting, v.from.at)
	return (&app{stdout: io.Discard, stderr: io.Discard}).lintAfter(r, next.at) == nil
}

// after returns what is true of a region after a step: what its evidence told,
// unless that was a lie, and what the step itself sets going.
func (t truth) after(rec stage.Record, lie bool) truth {
	if !lie {
		switch rec.Gate {
		case "install-running", "rebuild-complete", "already-serving":
			t = truth{in: true, whole: true}
		case "datacenter-left", "datacenter-purged":
			t = truth{}
		}
	}
	switch rec.To {
	case "installing", "joining", "rebuilding":
		return truth{in: true}
	case stage.Planned: // a person took away what was installed
		return truth{}
	}
	return t
}

// invariantOf names what a gate that opens too early breaks.
func invariantOf(gate *stage.Gate) string {
	switch gate.Name {
	case "rebuild-complete":
		return "I1"
	case "seed-removed":
		return "I2"
	case "datacenter-left", "datacenter-purged", "components-removed", "region-removed":
		return "I5"
	}
	return "gates fail closed"
}

// ---- Edits ----

// editAll changes the topology, or takes the change back.
func (v *visit) editAll() {
	if v.from.setting != v.base {
		v.edit(v.base)
		return
	}
	if v.drifted(v.from) {
		return
	}
	for _, s := range v.settings {
		v.edit(s)
	}
}

func (v *visit) edit(to *setting) {
	s := v.from
	label := "edit: " + to.edit.String()
	if to == v.base {
		label = "edit: take back the " + s.setting.edit.String()
	}
	v.counts.edits++
	next := &state{setting: to, at: s.at, truth: s.truth, parent: s, by: label, seen: s.seen}
	next.key = v.keyOf(next)
	next.view = v.look(to, s.at)
	v.checkEdit(next)
	v.found = append(v.found, next)
}

// ---- Invariants ----

// dropping lists the phases of a region that leaves. It stands here so that the
// invariants do not rest on what the engine calls so.
var dropping = []stage.Phase{"draining", "detaching", "leaving", "clearing", "closing", "purging"}

// moves reports whether a region at a phase moves the ring.
func moves(p stage.Phase) bool { return p != stage.Planned && p != stage.Serving && p != stage.Gone }

// A breach is an invariant that a state breaks.
type breach struct{ invariant, message string }

// checkState holds a state against what is true in it.
func (v *visit) checkState(s *state) (broken bool) {
	breaches := v.breaches(s)
	for _, b := range breaches {
		v.violate(b.invariant, s, "%s", b.message)
	}
	if s.setting == v.base && len(changedFiles(s.view.files, encoded(render(s.setting, s.at)))) > 0 {
		v.violate("I8", s, "rendered twice, the files differ")
	}
	v.checkRecord(s)
	return len(breaches) > 0
}

func (v *visit) breaches(s *state) []breach {
	var all []breach
	report := func(invariant, format string, args ...any) {
		all = append(all, breach{invariant, fmt.Sprintf(format, args...)})
	}
	under := 0
	for i := range v.n {
		p, is, shown := s.progress(i), s.truth[i], s.view.specs[i]
		if moves(p.Phase) {
			under++
		}
		role := fmt.Sprintf("region %s at %s of %s", p.Region, p.Phase, p.Procedure)
		if shown.datastore && is.in && !is.whole && p.Phase != "installing" && shown.seed == "" {
			report("I1", "%s renders no seed host, and its rebuild is not complete", role)
		}
		if p.Phase == stage.Serving && !(is.in && is.whole) {
			report("I1", "%s serves, and does not hold all data", role)
		}
		if p.Phase == stage.Serving && (shown.seed != "" || shown.replication) {
			report("I2", "%s renders seed host %q, replication %v", role, shown.seed, shown.replication)
		}
		if problem := v.sourceProblem(s, i); problem != "" {
			report("I4", "%s %s", role, problem)
		}
		if slices.Contains(dropping, p.Phase) && !v.anotherServes(s, i) {
			report("I5", "%s leaves, and no other region serves", role)
		}
		// Of a purge the cluster is lost already: there is nothing to render for.
		if is.in && !shown.there && p.Phase != "purging" && (p.Phase != stage.Planned || !slices.Contains(v.existing, i)) {
			report("I5", "%s is in the ring, and nothing is rendered for it", role)
		}
	}
	if under > 1 {
		report("I3", "%d regions move the ring at once", under)
	}
	return all
}

// anotherServes reports whether a region other than that one serves in truth.
func (v *visit) anotherServes(s *state, but int) bool {
	for i := range v.n {
		if i != but && s.progress(i).Phase == stage.Serving && s.truth[i].in && s.truth[i].whole {
			return true
		}
	}
	return false
}

// sourceProblem says what is wrong with the seed host that is rendered for a
// region, or with what it is rebuilt from; "" if nothing is.
func (v *visit) sourceProblem(s *state, i int) string {
	p, shown := s.progress(i), s.view.specs[i]
	if shown.seed == "" && !shown.replication {
		return ""
	}
	source := place(p.Source)
	if r := s.setting.ring.Region(p.Region); source < 0 && r != nil {
		source = place(r.ExpandFrom)
	}
	if source < 0 {
		return fmt.Sprintf("renders seed host %q, and has no source", shown.seed)
	}
	if s.progress(source).Phase != stage.Serving || !s.truth[source].in || !s.truth[source].whole {
		return fmt.Sprintf("has source %s, which is %s, not serving", regionNames4[source], s.progress(source).Phase)
	}
	from := s.view.specs[source]
	if shown.seed != "" && !inNetwork(source, shown.seed, from.hostNetwork) {
		return fmt.Sprintf("renders seed host %q, which is no Cassandra address of its source %s", shown.seed, regionNames4[source])
	}
	if shown.replication && shown.source != from.datacenter {
		return fmt.Sprintf("is rebuilt from %q, not from datacenter %s of its source", shown.source, from.datacenter)
	}
	return ""
}

// checkStep holds what a step changes against where it is taken.
func (v *visit) checkStep(a attempt, next *state) {
	s := v.from
	before, after := s.view.specs[a.region], next.view.specs[a.region]
	// I1 holds from step to step too: the seed host leaves by a rebuild that
	// is complete, or with the datacenter.
	if is := next.truth[a.region]; before.seed != "" && after.datastore && after.seed == "" && is.in && !is.whole {
		v.violate("I1", next, "region %s loses its seed host before its rebuild is complete", regionNames4[a.region])
	}
	for _, path := range changedFiles(s.view.files, next.view.files) {
		if !strings.HasPrefix(path, regionNames4[a.region]+"/") {
			v.violate("I7", next, "a step of %s changes %s", regionNames4[a.region], path)
		}
	}
}

// changedFiles lists the paths of files that differ.
func changedFiles(before, after []tree.File) []string {
	old := map[string][]byte{}
	for _, f := range before {
		old[f.Path] = f.Data
	}
	var paths []string
	for _, f := range after {
		if data, there := old[f.Path]; !there || !bytes.Equal(data, f.Data) {
			paths = append(paths, f.Path)
		}
		delete(old, f.Path)
	}
	return append(paths, slices.Sorted(maps.Keys(old))...)
}

// checkRecord writes the files of the step that led to a state, reads them, and
// replays the step. With that the whole chain is replayed: that of the state
// before was, in the same way.
func (v *visit) checkRecord(next *state) {
	if next.rec == nil {
		return
	}
	data, err := next.rec.Encode()
	rec, problems := stage.DecodeRecord(data)
	if err != nil || len(problems) > 0 || rec.Digest() != next.rec.Digest() {
		v.violate("I8", next, "the record is not read as it was written: %v %v", err, problems)
		return
	}
	again, refusals := v.system.Replay(next.parent.at, rec)
	if len(refusals) > 0 || !again.Equal(next.at) {
		v.violate("I1", next, "a step to %s is not replayed", rec.To)
	}
	data, err = next.at.Encode()
	read, problems := stage.DecodeRollout(data)
	if err != nil || len(problems) > 0 || !reflect.DeepEqual(read, next.at) {
		v.violate("I8", next, "the rollout is not read as it was written: %v %v", err, problems)
	}
	if v.exact && next.at.Step%3 == 0 { // reading all the files takes long
		v.checkChain(next, data)
	}
}

// checkChain proves the whole chain of records, as verify does.
func (v *visit) checkChain(next *state, rollout []byte) {
	files := map[string][]byte{stage.RolloutFile: rollout}
	for s := next; s != nil; s = s.parent {
		if s.rec == nil {
			continue
		}
		data, err := s.rec.Encode()
		if err != nil {
			v.violate("I8", next, "the record cannot be written: %v", err)
			return
		}
		files[s.rec.Path()] = data
	}
	r := *next.setting.ring
	r.findings = nil
	h := r.replay(files)
	if !h.sound || !h.Equal(next.at) {
		v.violate("I1", next, "the chain of records does not prove the rollout")
	}
}

// checkShut wants a gate that is shut to say why, and a record that claims
// otherwise to be refused.
func (v *visit) checkShut(label string, taken system.Taken) {
	named := false
	for _, r := range taken.Record.Results {
		named = named || r.Answer != stage.Met && r.Reason != "" && r.Check != ""
	}
	if !named {
		v.violate("I6", v.from, "gate %s is shut and does not say why: %s", taken.Gate.Name, label)
	}
	forged := taken.Record
	forged.Results = slices.Clone(forged.Results)
	for i := range forged.Results {
		forged.Results[i].Answer = stage.Met
	}
	if _, refusals := v.system.Replay(v.from.at, forged); len(refusals) == 0 {
		v.violate(invariantOf(taken.Gate), v.from, "a forged record of gate %s is accepted", taken.Gate.Name)
	}
}

// checkEdit wants an edit to be stopped exactly if what it renders would break
// something.
func (v *visit) checkEdit(next *state) {
	hazards := v.hazards(next)
	if !next.view.blocked() {
		for _, h := range hazards {
			v.violate(h.invariant, next, "the edit is not stopped: %s", h.message)
		}
		return
	}
	// Rules that hold for the topology alone stop other edits too.
	own := !slices.ContainsFunc(next.view.errors, func(f diag.Finding) bool { return f.Code != "RP124" && f.Code != "RP125" })
	if own && len(hazards) == 0 && !next.view.unrendered {
		v.violate("edits", next, "the edit is stopped by %s, and would break nothing", next.view.codes())
	}
	next.view.files = nil
}

func (v *visit) hazards(next *state) []breach {
	if next.view.unrendered {
		return nil
	}
	hazards := v.breaches(next)
	for i := range v.n {
		p := next.progress(i)
		if !p.Phase.InRing() {
			continue
		}
		was, is := v.from.view.specs[i], next.view.specs[i]
		add := func(invariant, message string) {
			hazards = append(hazards, breach{invariant, fmt.Sprintf("region %s, which is %s: %s", p.Region, p.Phase, message)})
		}
		r := next.setting.ring.Region(p.Region)
		switch {
		case was.there && !is.there || r == nil:
			add("I5", "its files are removed")
		case builtBy(v.from.setting, i).identity != builtBy(next.setting, i).identity:
			add("edits", "datacenter, rack or cluster name change under a running Cassandra")
		case moves(p.Phase) && p.Source != "" && r.ExpandFrom != p.Source:
			add("I4", "another source than it is built from")
		case moves(p.Phase) && p.Phase != "installing" && (was != is || builtBy(v.from.setting, i) != builtBy(next.setting, i)):
			add("edits", "what it is built by changes while it moves")
		}
		if was.seed != "" && is.seed == "" && next.truth[i].in && !next.truth[i].whole {
			add("I1", "its seed host is removed")
		}
	}
	return hazards
}

// A build is what a region is built by, as a topology says it.
type build struct {
	identity    [3]string // can never change
	version     string
	replicas    int
	hostNetwork bool
}

func builtBy(s *setting, i int) build {
	r := s.ring.Region(regionNames4[i])
	if r == nil {
		return build{}
	}
	ringWide := s.ring.Spec
	return build{[3]string{r.Datacenter, r.Rack, ringWide.Cassandra.ClusterName}, ringWide.Version, r.Cassandra.Replicas, r.HostNetwork()}
}

// checkWays wants a region that is under way to have a way back, or somebody to
// be told what to do; and truthful observations to lead on, or a reason why
// not.
func (v *visit) checkWays(i int) {
	s := v.from
	p := s.progress(i)
	if p.Phase.Rests() {
		return
	}
	out := v.system.Procedures.AbortOf(p)
	back := slices.ContainsFunc(v.found, func(next *state) bool {
		return next.parent == s && next.rec != nil && next.rec.Region == p.Region && next.rec.Action == stage.Abort
	})
	switch {
	case out.To == "" && len(out.Do) == 0:
		v.violate("I6", s, "%s of %s has no way out, and says nothing", p.Phase, p.Procedure)
	case out.To != "" && !back && v.refusalOf(i, out) == "":
		v.violate("I6", s, "%s of %s cannot be aborted", p.Phase, p.Procedure)
	}
	if len(s.live) == 0 && s.setting == v.base && !v.drifted(s) {
		v.violate("I6", s, "%s of %s does not go on, whatever is observed", p.Phase, p.Procedure)
	}
}

// refusalOf returns what a rule says against an abort.
func (v *visit) refusalOf(i int, out stage.WayOut) string {
	after := v.from.at.With(stage.Progress{Region: regionNames4[i], Procedure: out.Procedure, Phase: out.To, Source: v.from.progress(i).Source})
	r := *v.from.setting.ring
	r.findings, r.at = nil, after
	for _, f := range r.lint() {
		if f.Severity == diag.Error && f.Silenced == "" {
			return f.Message + ": " + f.Hint
		}
	}
	return ""
}

// checkEnds wants the end to be in reach from every state without an edit, by
// truthful observations alone and without giving anything up.
func (w *walk) checkEnds() {
	v := &visit{walk: w}
	back := map[string][]string{}
	var reached []string
	ends := map[string]bool{}
	for _, s := range w.order {
		if s.setting != w.base || s.view.blocked() {
			continue
		}
		for _, next := range s.live {
			back[next] = append(back[next], s.key)
		}
		if w.isEnd(s) {
			reached = append(reached, s.key)
			ends[s.key] = true
		}
	}
	for len(reached) > 0 {
		key := reached[0]
		reached = reached[1:]
		for _, before := range back[key] {
			if !ends[before] {
				ends[before] = true
				reached = append(reached, before)
			}
		}
	}
	for _, s := range w.order {
		if s.setting == w.base && !s.broken && !s.view.blocked() && !ends[s.key] {
			v.violate("I6", s, "the end is out of reach with truthful observations: %s", w.stands(s))
		}
	}
}

// isEnd reports whether nothing is under way, and nothing is left to start.
func (w *walk) isEnd(s *state) bool {
	for i := range w.n {
		if !s.progress(i).Phase.Rests() {
			return false
		}
	}
	for _, key := range s.live {
		if key != s.key && w.states[key] != nil && w.states[key].rec != nil && w.states[key].rec.Action == stage.Start {
			return false
		}
	}
	return !w.drifted(s)
}

func (w *walk) stands(s *state) string {
	var parts []string
	for i := range w.n {
		p := s.progress(i)
		parts = append(parts, fmt.Sprintf("%s %s of %s", p.Region, p.Phase, p.Procedure))
	}
	return strings.Join(parts, ", ")
}

// ---- Observations ----

// A scene is what somebody hands in: what one cluster, and nodes of the ring,
// said at one time.
type scene struct {
	taken        time.Time
	own          []*datastoreScene // one, but for two that contradict each other
	elsewhere    []*datastoreScene
	organization string // its name
	orgState     string
	replication  *replicationScene
	listings     [][]dcScene
	blank        bool     // blank lines part datacenters, as Cassandra 4 prints them
	describe     []string // the addresses in describecluster
	pods         []podScene
	single       bool        // pods one by one, in no List
	verbatim     observe.Set // used instead of everything above
}

type datastoreScene struct {
	datacenter, rack, cluster, version, seed, state string
	replicas, ready                                 int
	hostNetwork, scaling, deleted                   bool
	generation                                      int
	addresses                                       []string
	rebuild                                         string // state, "" for none
	updated                                         time.Time
	pods                                            []rebuildScene
}

type rebuildScene struct {
	name, state, message string
	updated              time.Time
}

type replicationScene struct {
	name, source string
	created      time.Time
}

type dcScene struct {
	name  string
	nodes []nodeScene
}

type nodeScene struct{ address, state, rack string }

type podScene struct{ namespace, name, address string }

// parse writes a scene as kubectl and nodetool would, each part in a file of
// its own, and reads that.
func (w *walk) parse(sc *scene) observe.Set {
	if sc.verbatim != nil {
		return sc.verbatim
	}
	var all observe.Set
	for _, part := range sc.parts() {
		all = append(all, w.read(fmt.Sprintf("# observed-at: %s\n%s\n", sc.taken.Format(time.RFC3339), part))...)
	}
	return all
}

// read reads a file of observations, each text once.
func (w *walk) read(text string) observe.Set {
	w.mu.Lock()
	set, known := w.parsed[text]
	w.mu.Unlock()
	if known {
		return set
	}
	set, problems := observe.Parse("seen", []byte(text))
	if len(problems) > 0 {
		panic(fmt.Sprintf("the model's own observation: %v\n%s", problems, text))
	}
	w.mu.Lock()
	w.parsed[text] = set
	w.mu.Unlock()
	return set
}

// parts writes what a scene holds, each a file.
func (sc *scene) parts() []string {
	var parts, items []string
	for _, d := range slices.Concat(sc.own, sc.elsewhere) {
		items = append(items, d.json())
	}
	if sc.organization != "" {
		items = append(items, fmt.Sprintf(`{"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization", "metadata": {"name": %q, "namespace": %q}, "status": {"state": %q}}`, sc.organization, namespace, sc.orgState))
	}
	if r := sc.replication; r != nil {
		items = append(items, fmt.Sprintf(`{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "CassandraDataReplication", "metadata": {"name": %q, "namespace": %q, "creationTimestamp": %q}, "spec": {"source": {"region": %q}}}`,
			r.name, namespace, r.created.Format(time.RFC3339), r.source))
	}
	if len(items) > 0 {
		parts = append(parts, list(items))
	}
	items = nil
	for _, p := range sc.pods {
		items = append(items, p.json())
	}
	switch {
	case len(items) > 0 && sc.single:
		parts = append(parts, strings.Join(items, "\n"))
	case len(items) > 0:
		parts = append(parts, list(items))
	}
	if len(sc.listings) > 0 {
		parts = append(parts, sc.nodetool())
	}
	if len(sc.describe) > 0 {
		parts = append(parts, "Cluster Information:\n\tName: modelring\n\tSnitch: s\n\tDynamicEndPointSnitch: enabled\n\tPartitioner: p\n\tSchema versions:\n\t\t9be4bcfc-49b6-4a08-b2e6-cc3ababced20: ["+strings.Join(sc.describe, ", ")+"]\n")
	}
	return parts
}

func list(items []string) string {
	return `{"apiVersion": "v1", "kind": "List", "items": [` + strings.Join(items, ",\n") + "]}"
}

func (d *datastoreScene) json() string {
	var deleted, seed, scaling, rebuild string
	if d.deleted {
		deleted = fmt.Sprintf(`, "deletionTimestamp": %q`, modelBegin.Format(time.RFC3339))
	}
	if d.seed != "" {
		seed = fmt.Sprintf(`, "multiRegionSeedHost": %q`, d.seed)
	}
	if d.scaling {
		scaling = fmt.Sprintf(`, "scaling": {"inProgress": true, "operation": "up", "requestedReplicas": %d}`, 2*d.replicas)
	}
	if d.rebuild != "" {
		var pods []string
		for _, p := range d.pods {
			pods = append(pods, fmt.Sprintf(`%q: {"state": %q, "updated": %d, "message": %q}`, p.name, p.state, p.updated.Unix(), p.message))
		}
		rebuild = fmt.Sprintf(`, "cassandraDataReplication": {"state": %q, "updated": %d, "rebuildDetails": {%s}}`, d.rebuild, d.updated.Unix(), strings.Join(pods, ", "))
	}
	return fmt.Sprintf(`{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "ApigeeDatastore",
		"metadata": {"name": "default", "namespace": %q, "generation": %d, "labels": {"app.kubernetes.io/version": %q}%s},
		"spec": {"replicas": %d, "components": {"cassandra": {"replicas": %d, "hostNetwork": %v,
			"properties": {"clusterName": %q, "datacenter": %q, "rack": %q%s}}}},
		"status": {"state": %q, "cassandraReadyReplicas": %d, "observedGeneration": 4, "lastAppliedGeneration": 4, "cassandraPodIps": ["%s"]%s%s}}`,
		namespace, d.generation, d.version, deleted, d.replicas, d.replicas, d.hostNetwork, d.cluster, d.datacenter, d.rack, seed,
		d.state, d.ready, strings.Join(d.addresses, `", "`), scaling, rebuild)
}

func (p podScene) json() string {
	return fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": %q, "namespace": %q}, "status": {"phase": "Running", "podIP": %q, "conditions": [{"type": "Ready", "status": "True"}]}}`,
		p.name, p.namespace, p.address)
}

// nodetool writes listings of nodetool status, one after the other.
func (sc *scene) nodetool() string {
	var b strings.Builder
	for _, listing := range sc.listings {
		for i, dc := range listing {
			if sc.blank && i > 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "Datacenter: %s\n================\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n--  Address     Load       Tokens  Owns  Host ID                               Rack\n", dc.name)
			for _, n := range dc.nodes {
				id := sha256.Sum256([]byte(n.address))
				fmt.Fprintf(&b, "%s  %-10s  71.61 GiB  256     ?     %x-167a-42f7-98c9-%x  %s\n", n.state, n.address, id[:4], id[4:10], n.rack)
			}
		}
		if len(sc.listings) > 1 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// observe returns what a person hands in for a step, by one class; false if
// the class is nothing there.
func (v *visit) observe(a attempt, c class) (observe.Set, bool) {
	o := &occasion{visit: v, attempt: a, since: v.from.now().Add(-apart), now: v.from.now(), sc: &scene{}}
	if v.from.progress(a.region).Phase.Rests() {
		o.since = o.now.Add(-stage.Fresh)
	}
	o.truth()
	if c.change != nil && !c.change(o, o.sc) {
		return nil, false
	}
	return v.parse(o.sc), true
}

// An occasion is what observations are made for.
type occasion struct {
	*visit
	attempt
	since, now time.Time
	sc         *scene
}

func (o *occasion) gateName() string {
	if o.gate == nil {
		return ""
	}
	return o.gate.Name
}

// is reports whether the occasion is one of some gates.
func (o *occasion) is(gates ...string) bool { return slices.Contains(gates, o.gateName()) }

// datacenter describes a region as it is once what was rendered is synced;
// what is not rendered was built as the topology says.
func (o *occasion) datacenter(i int) spec {
	if s := o.from.view.specs[i]; s.there {
		return s
	}
	r := o.from.setting.ring.Region(regionNames4[i])
	if r == nil {
		r = o.base.ring.Region(regionNames4[i]) // an edit took it out before it was adopted
	}
	return spec{datacenter: r.Datacenter, rack: r.Rack, cluster: o.from.setting.ring.Spec.Cassandra.ClusterName, replicas: r.Cassandra.Replicas, hostNetwork: r.HostNetwork()}
}

func (o *occasion) listed(i int) dcScene {
	s := o.datacenter(i)
	dc := dcScene{name: s.datacenter}
	for n := range s.replicas {
		dc.nodes = append(dc.nodes, nodeScene{address(i, n, s.hostNetwork), "UN", s.rack})
	}
	return dc
}

func (o *occasion) datastore(i int) *datastoreScene {
	s := o.datacenter(i)
	d := &datastoreScene{
		datacenter: s.datacenter, rack: s.rack, cluster: s.cluster, version: o.from.setting.ring.Spec.Version, seed: s.seed,
		state: "running", replicas: s.replicas, ready: s.replicas, hostNetwork: s.hostNetwork, generation: 4,
	}
	for n := range s.replicas {
		d.addresses = append(d.addresses, address(i, n, s.hostNetwork))
	}
	return d
}

// others lists the other regions that are in the ring in truth.
func (o *occasion) others() []int {
	var list []int
	for i := range o.n {
		if i != o.region && o.from.truth[i].in {
			list = append(list, i)
		}
	}
	return list
}

// ownListed reports whether the region's own datacenter is in the ring once
// the gate's condition has come true.
func (o *occasion) ownListed() bool {
	return o.from.truth[o.region].in && !o.is("datacenter-left", "datacenter-purged") || o.is("already-serving")
}

// truth makes the scene what there is to see when the gate's condition has
// come true.
func (o *occasion) truth() {
	sc := o.sc
	sc.taken = o.now.Add(-5 * time.Minute)
	var listing []dcScene
	for i := range o.n {
		if i == o.region && o.ownListed() || i != o.region && o.from.truth[i].in {
			listing = append(listing, o.listed(i))
		}
	}
	slices.SortFunc(listing, func(a, b dcScene) int { return strings.Compare(a.name, b.name) })
	if len(listing) > 0 {
		sc.listings = [][]dcScene{listing}
	}
	switch {
	case o.is("environments-removed", "organization-removed", "components-removed"):
		o.leavingPods()
	case o.is("datacenter-left", "datacenter-purged", "region-removed"):
	case o.from.progress(o.region).Phase.Rests() && !o.is("already-serving"):
		o.sourceSeen()
	default:
		o.regionSeen()
	}
}

// regionSeen adds what the region's own cluster says.
func (o *occasion) regionSeen() {
	sc := o.sc
	own := o.datastore(o.region)
	sc.own, sc.organization, sc.orgState = []*datastoreScene{own}, modelOrg+"-b7d3b9c", "running"
	if !o.is("rebuild-complete") {
		if o.from.progress(o.region).Retries > 0 {
			o.rebuilt(own, o.since.Add(-30*time.Minute)) // what the attempt before has left
		}
		return
	}
	o.rebuilt(own, o.since.Add(30*time.Minute))
	sc.replication = &replicationScene{name: "expand-" + regionNames4[o.region], source: o.from.view.specs[o.region].source, created: o.since.Add(time.Minute)}
}

// rebuilt says that every pod's rebuild has completed.
func (o *occasion) rebuilt(d *datastoreScene, at time.Time) {
	d.rebuild, d.updated, d.pods = "complete", at.Add(10*time.Minute), nil
	for n := range d.replicas {
		d.pods = append(d.pods, rebuildScene{name: podOf(n), state: "complete", updated: at.Add(time.Duration(n) * time.Minute)})
	}
}

func podOf(n int) string { return fmt.Sprintf("apigee-cassandra-default-%d", n) }

// sourceSeen adds what the source's cluster says, which tells the seed host.
func (o *occasion) sourceSeen() {
	source := o.source()
	if source < 0 || !o.from.truth[source].in {
		return
	}
	o.sc.elsewhere = []*datastoreScene{o.datastore(source)}
	o.sc.pods = []podScene{{namespace, podOf(0), address(source, 0, o.datacenter(source).hostNetwork)}}
}

func (o *occasion) source() int {
	if r := o.from.setting.ring.Region(regionNames4[o.region]); r != nil {
		return place(r.ExpandFrom)
	}
	return -1
}

// leavingPods lists the pods that are still there when what leaves at the
// phase has left.
func (o *occasion) leavingPods() {
	pods := []string{"apigee-controller-manager-0"}
	if !o.is("components-removed") {
		pods = append(pods, podOf(0), "apigee-redis-default-0", "apigee-ingressgateway-manager-0")
	}
	if o.is("environments-removed") {
		pods = append(pods, "apigee-mart-0", "apigee-ingressgateway-0")
	}
	for _, name := range pods {
		o.pod(namespace, name)
	}
	o.pod("kube-system", "kube-dns-0")
	o.pod("cert-manager", "cert-manager-0")
}

func (o *occasion) pod(ns, name string) {
	n := len(o.sc.pods)
	o.sc.pods = append(o.sc.pods, podScene{ns, name, address(o.region, 100+n, false)})
}

// ---- Classes of observations ----

// A class is a kind of observations that somebody may hand in.
type class struct {
	name string
	// lie is true if the gate's condition has not come true, or the
	// observations do not show that it has.
	lie bool
	// change makes the truth into the class; it reports false where the class
	// is nothing, because the gate does not look at what it is about. Without
	// it the class is the truth.
	change func(o *occasion, sc *scene) bool
}

// classesFor lists the classes of a step.
func (v *visit) classesFor(a attempt) []class {
	if a.gate == nil {
		return []class{absent, truthful}
	}
	return allClasses
}

var (
	absent   = class{"nothing observed", true, func(_ *occasion, sc *scene) bool { *sc = scene{}; return true }}
	truthful = class{"the truth", false, nil}
)

var allClasses = slices.Concat([]class{absent, truthful}, timeClasses, datastoreClasses, ringClasses, rebuildClasses, removalClasses, seedClasses)

func shiftTo(at func(*occasion) time.Time) func(*occasion, *scene) bool {
	return func(o *occasion, sc *scene) bool {
		sc.taken = at(o)
		return true
	}
}

var timeClasses = []class{
	{"the truth by a clock that is a minute ahead", false, shiftTo(func(o *occasion) time.Time { return o.now.Add(time.Minute) })},
	{"observations from the future", true, shiftTo(func(o *occasion) time.Time { return o.now.Add(modelSkew + time.Second) })},
	{"observations from before the phase", true, shiftTo(func(o *occasion) time.Time { return o.since.Add(-time.Second) })},
	{"the evidence of the step before", true, func(o *occasion, sc *scene) bool {
		sc.verbatim = o.from.seen
		return len(o.from.seen) > 0
	}},
}

// Gates by what they look at.
var (
	ownGates      = []string{"install-running", "datacenter-joined", "rebuild-complete", "seed-removed", "already-serving"}
	runningGates  = []string{"install-running", "datacenter-joined", "seed-removed", "already-serving"}
	readyGates    = []string{"install-running", "datacenter-joined", "already-serving"}
	othersGates   = []string{"ring-settled", "environments-removed", "organization-removed"}
	survivorGates = []string{"datacenter-left", "components-removed", "region-removed"}
	// A purge does not mind others that are down.
	leftGates    = slices.Concat(survivorGates, []string{"datacenter-purged"})
	podGates     = []string{"environments-removed", "organization-removed", "components-removed"}
	listingGates = slices.Concat(runningGates, othersGates, survivorGates)
)

// own changes the region's datastore for some gates.
func own(gates []string, change func(o *occasion, d *datastoreScene)) func(*occasion, *scene) bool {
	return func(o *occasion, sc *scene) bool {
		if !o.is(gates...) {
			return false
		}
		change(o, sc.own[0])
		return true
	}
}

var adopting = []string{"already-serving"}

var datastoreClasses = []class{
	{"another datacenter's datastore", true, own(ownGates, func(_ *occasion, d *datastoreScene) { d.datacenter = "dc-8" })},
	{"no datastore", true, func(o *occasion, sc *scene) bool { sc.own = nil; return o.is(ownGates...) }},
	{"a datastore that is being deleted", true, own(ownGates, func(_ *occasion, d *datastoreScene) { d.deleted = true })},
	{"two datastores of one time", true, func(o *occasion, sc *scene) bool {
		if !o.is(ownGates...) {
			return false
		}
		other := *sc.own[0]
		other.state, other.ready, other.rebuild = "creating", 0, ""
		sc.own = append(sc.own, &other)
		return true
	}},
	{"a datastore that is creating", true, own(runningGates, func(_ *occasion, d *datastoreScene) { d.state = "creating" })},
	{"a pod that is not ready", true, own(readyGates, func(_ *occasion, d *datastoreScene) { d.ready-- })},
	{"a datastore that scales", true, own(readyGates, func(_ *occasion, d *datastoreScene) { d.scaling = true })},
	{"a datastore that is not applied", true, own([]string{"seed-removed"}, func(_ *occasion, d *datastoreScene) { d.generation++ })},
	{"a seed host that is still set", true, own([]string{"seed-removed", "already-serving"}, func(_ *occasion, d *datastoreScene) { d.seed = "10.1.0.11" })},
	{"another rack than declared", true, own(adopting, func(_ *occasion, d *datastoreScene) { d.rack = "ra-7" })},
	{"another cluster name than declared", true, own(adopting, func(_ *occasion, d *datastoreScene) { d.cluster = "elsewhere" })},
	{"another version than declared", true, own(adopting, func(_ *occasion, d *datastoreScene) { d.version = "1.15.0" })},
	{"another hostNetwork than declared", true, own(adopting, func(_ *occasion, d *datastoreScene) { d.hostNetwork = !d.hostNetwork })},
	{"other replicas than declared", true, own(adopting, func(_ *occasion, d *datastoreScene) { d.replicas, d.ready = d.replicas+3, d.replicas })},
	{"no organization", true, func(o *occasion, sc *scene) bool { sc.organization = ""; return o.is(readyGates...) }},
	{"an organization that is creating", true, func(o *occasion, sc *scene) bool { sc.orgState = "creating"; return o.is(readyGates...) }},
	{"another organization", true, func(o *occasion, sc *scene) bool { sc.organization = "other-1234567"; return o.is(readyGates...) }},
}

// listing returns the one listing of a scene, if the gate looks at it.
func (o *occasion) listing() []dcScene {
	if !o.is(listingGates...) || len(o.sc.listings) == 0 {
		return nil
	}
	return o.sc.listings[0]
}

// within returns the region's own datacenter in the listing, or nil.
func (o *occasion) within() *dcScene {
	for i, dc := range o.listing() {
		if dc.name == o.datacenter(o.region).datacenter {
			return &o.sc.listings[0][i]
		}
	}
	return nil
}

// elsewhereListed returns the datacenter of another region in the listing that
// is in the ring by the rollout too, or nil.
func (o *occasion) elsewhereListed() *dcScene {
	for _, i := range o.others() {
		if !o.from.progress(i).Phase.InRing() {
			continue
		}
		for j, dc := range o.listing() {
			if dc.name == o.datacenter(i).datacenter {
				return &o.sc.listings[0][j]
			}
		}
	}
	return nil
}

// part splits a listing in the region's own datacenter and the rest.
func (o *occasion) part() (own, rest []dcScene) {
	for _, dc := range o.listing() {
		if dc.name == o.datacenter(o.region).datacenter {
			own = append(own, dc)
		} else {
			rest = append(rest, dc)
		}
	}
	return own, rest
}

// elsewhere changes another region's datacenter in the listing.
func elsewhere(change func(dc *dcScene)) func(*occasion, *scene) bool {
	return func(o *occasion, _ *scene) bool {
		dc := o.elsewhereListed()
		if dc != nil {
			change(dc)
		}
		return dc != nil
	}
}

// ownListing changes the region's own datacenter in the listing, where the
// gate wants it there.
func ownListing(change func(dc *dcScene)) func(*occasion, *scene) bool {
	return func(o *occasion, _ *scene) bool {
		dc := o.within()
		if dc == nil || !o.is(runningGates...) {
			return false
		}
		change(dc)
		return true
	}
}

var ringClasses = []class{
	{"the truth as Cassandra 4 prints it", false, func(o *occasion, sc *scene) bool {
		sc.blank = true
		for _, dc := range o.listing() {
			for _, n := range dc.nodes {
				sc.describe = append(sc.describe, n.address)
			}
		}
		return len(o.listing()) > 0
	}},
	{"no listing", true, func(o *occasion, sc *scene) bool {
		there := len(o.listing()) > 0 || o.is("datacenter-purged")
		sc.listings = nil
		return there
	}},
	{"a split ring: the own datacenter only", true, func(o *occasion, sc *scene) bool {
		own, _ := o.part()
		if len(own) == 0 || o.elsewhereListed() == nil {
			return false
		}
		sc.listings = [][]dcScene{own}
		return true
	}},
	{"a split ring: the others only", true, func(o *occasion, sc *scene) bool {
		own, rest := o.part()
		sc.listings = [][]dcScene{rest}
		return len(own) > 0 && len(rest) > 0 && o.is(runningGates...)
	}},
	{"a split ring: two listings in one file", true, func(o *occasion, sc *scene) bool {
		own, rest := o.part()
		sc.listings = [][]dcScene{own, rest}
		if len(own) > 0 && len(rest) > 0 && rest[0].name < own[0].name {
			sc.listings = [][]dcScene{rest, own}
		}
		sc.blank = true
		return len(own) > 0 && len(rest) > 0
	}},
	{"a split ring: two listings in one file, the later first", true, func(o *occasion, sc *scene) bool {
		own, rest := o.part()
		sc.listings = [][]dcScene{own, rest}
		if len(own) > 0 && len(rest) > 0 && rest[0].name > own[0].name {
			sc.listings = [][]dcScene{rest, own}
		}
		return len(own) > 0 && len(rest) > 0
	}},
	{"a split ring: two listings, and one of the clusters described", true, func(o *occasion, sc *scene) bool {
		own, rest := o.part()
		if len(own) == 0 || len(rest) == 0 {
			return false
		}
		sc.blank = true
		for _, n := range own[0].nodes {
			sc.describe = append(sc.describe, n.address)
		}
		return true
	}},
	{"a node down in another region", true, elsewhere(func(dc *dcScene) { dc.nodes[2].state = "DN" })},
	{"a node leaving in another region", true, elsewhere(func(dc *dcScene) { dc.nodes[1].state = "UL" })},
	{"a node that nobody knows of in another region", true, elsewhere(func(dc *dcScene) { dc.nodes[0].state = "?N" })},
	{"a wrong rack in another region", true, elsewhere(func(dc *dcScene) { dc.nodes[1].rack = "ra-7" })},
	{"a node missing in another region", true, elsewhere(func(dc *dcScene) { dc.nodes = dc.nodes[:len(dc.nodes)-1] })},
	{"a node down in the region", true, ownListing(func(dc *dcScene) { dc.nodes[2].state = "DN" })},
	{"a node joining in the region", true, ownListing(func(dc *dcScene) { dc.nodes[2].state = "UJ" })},
	{"a wrong rack in the region", true, ownListing(func(dc *dcScene) { dc.nodes[0].rack = "ra-7" })},
	{"a node missing in the region", true, ownListing(func(dc *dcScene) { dc.nodes = dc.nodes[:len(dc.nodes)-1] })},
	{"a node too many in the region", true, ownListing(func(dc *dcScene) {
		dc.nodes = append(dc.nodes, nodeScene{"10.99.0.1", "UN", dc.nodes[0].rack})
	})},
	{"a datacenter that nobody declared", true, func(o *occasion, sc *scene) bool {
		there := len(o.listing()) > 0
		if there {
			sc.listings[0] = append(sc.listings[0], dcScene{"dc-98", []nodeScene{{"10.98.0.1", "UN", "ra-1"}}})
			slices.SortFunc(sc.listings[0], func(a, b dcScene) int { return strings.Compare(a.name, b.name) })
		}
		return there
	}},
	{"another datacenter that scales", true, steadyElsewhere(func(d *datastoreScene) { d.scaling = true })},
	{"another datacenter of another version", true, steadyElsewhere(func(d *datastoreScene) { d.version = "1.15.0" })},
}

func steadyElsewhere(change func(d *datastoreScene)) func(*occasion, *scene) bool {
	return func(o *occasion, sc *scene) bool {
		others := o.others()
		if len(others) == 0 || !o.is("ring-settled", "datacenter-joined") {
			return false
		}
		d := o.datastore(others[0])
		change(d)
		sc.elsewhere = []*datastoreScene{d}
		return true
	}
}

// rebuild changes what the datastore says of the rebuild.
func rebuild(change func(o *occasion, d *datastoreScene)) func(*occasion, *scene) bool {
	return own([]string{"rebuild-complete"}, change)
}

// unobserved is the same where the replication was not observed, so that times
// are held against the start of the phase by another clock.
func unobserved(change func(o *occasion, d *datastoreScene)) func(*occasion, *scene) bool {
	inner := rebuild(change)
	return func(o *occasion, sc *scene) bool {
		sc.replication = nil
		return inner(o, sc)
	}
}

func replication(change func(o *occasion, r *replicationScene)) func(*occasion, *scene) bool {
	return func(o *occasion, sc *scene) bool {
		if sc.replication == nil {
			return false
		}
		change(o, sc.replication)
		return true
	}
}

// stale puts every time of a rebuild at one time.
func stale(at func(o *occasion) time.Time) func(o *occasion, d *datastoreScene) {
	return func(o *occasion, d *datastoreScene) {
		d.updated = at(o)
		for i := range d.pods {
			d.pods[i].updated = at(o)
		}
	}
}

func beforePhase(by time.Duration) func(o *occasion) time.Time {
	return func(o *occasion) time.Time { return o.since.Add(-by) }
}

var rebuildClasses = []class{
	{"the truth without the replication", false, unobserved(func(*occasion, *datastoreScene) {})},
	{"the truth by a clock that is a minute behind", false, unobserved(stale(beforePhase(time.Minute)))},
	{"a stale complete", true, rebuild(stale(beforePhase(50 * time.Minute)))},
	{"a stale complete without the replication", true, unobserved(stale(beforePhase(50 * time.Minute)))},
	{"a complete from just beyond the skew", true, unobserved(stale(beforePhase(modelSkew + time.Second)))},
	{"a complete from before the replication", true, rebuild(stale(func(o *occasion) time.Time { return o.since.Add(30 * time.Second) }))},
	{"a complete from the future", true, rebuild(stale(func(o *occasion) time.Time { return o.now.Add(modelSkew + time.Second) }))},
	{"a stale complete at the top only", true, rebuild(func(o *occasion, d *datastoreScene) { d.updated = o.since.Add(-time.Hour) })},
	{"complete, but a pod is missing", true, rebuild(func(_ *occasion, d *datastoreScene) { d.pods = d.pods[:len(d.pods)-1] })},
	{"complete, but the first pod is missing", true, rebuild(func(_ *occasion, d *datastoreScene) { d.pods = d.pods[1:] })},
	{"complete, but a pod is in error", true, rebuild(func(_ *occasion, d *datastoreScene) {
		d.pods[2].state, d.pods[2].message = "error", "Unable to find sufficient sources"
	})},
	{"complete, but a pod is older", true, rebuild(func(o *occasion, d *datastoreScene) { d.pods[1].updated = o.since.Add(-time.Hour) })},
	{"complete, but a pod is older, without the replication", true, unobserved(func(o *occasion, d *datastoreScene) { d.pods[1].updated = o.since.Add(-time.Hour) })},
	{"complete, but a pod still runs", true, rebuild(func(_ *occasion, d *datastoreScene) { d.pods[0].state = "running" })},
	{"complete, but no pod is listed", true, rebuild(func(_ *occasion, d *datastoreScene) { d.pods = nil })},
	{"more pods than replicas", true, rebuild(func(o *occasion, d *datastoreScene) {
		d.pods = append(d.pods, rebuildScene{name: podOf(d.replicas), state: "complete", updated: o.since.Add(30 * time.Minute)})
	})},
	{"a rebuild that runs", true, rebuild(func(_ *occasion, d *datastoreScene) { d.rebuild = "running" })},
	{"a rebuild that failed", true, rebuild(func(_ *occasion, d *datastoreScene) { d.rebuild = "error" })},
	{"a rebuild that has not begun", true, rebuild(func(_ *occasion, d *datastoreScene) { d.rebuild = "" })},
	{"another seed host than rendered", true, rebuild(func(_ *occasion, d *datastoreScene) { d.seed = "10.1.0.99" })},
	{"no seed host", true, rebuild(func(_ *occasion, d *datastoreScene) { d.seed = "" })},
	{"the truth with a replication that was not made anew", false, replication(func(o *occasion, r *replicationScene) { r.created = o.since.Add(-time.Hour) })},
	{"a stale complete with its replication", true, func(o *occasion, sc *scene) bool {
		if sc.replication == nil {
			return false
		}
		sc.replication.created = o.since.Add(-time.Hour)
		stale(beforePhase(50*time.Minute))(o, sc.own[0])
		return true
	}},
	{"a replication from elsewhere", true, replication(func(_ *occasion, r *replicationScene) { r.source = "dc-8" })},
}

// left puts a pod among those that are still there.
func left(name string, gates ...string) func(*occasion, *scene) bool {
	return func(o *occasion, _ *scene) bool {
		if !o.is(gates...) {
			return false
		}
		o.pod(namespace, name)
		return true
	}
}

func pods(change func(o *occasion, sc *scene)) func(*occasion, *scene) bool {
	return func(o *occasion, sc *scene) bool {
		if !o.is(podGates...) {
			return false
		}
		change(o, sc)
		return true
	}
}

// stillListed puts the leaving datacenter in the listing, its nodes and those
// of the others in a given state.
func stillListed(own, rest string) func(*occasion, *scene) bool {
	return func(o *occasion, sc *scene) bool {
		if !o.is(leftGates...) || len(sc.listings) == 0 {
			return false
		}
		dc := o.listed(o.region)
		for i := range dc.nodes {
			dc.nodes[i].state = own
		}
		for _, other := range sc.listings[0] {
			for i := range other.nodes {
				other.nodes[i].state = rest
			}
		}
		sc.listings[0] = append(sc.listings[0], dc)
		slices.SortFunc(sc.listings[0], func(a, b dcScene) int { return strings.Compare(a.name, b.name) })
		return true
	}
}

var removalClasses = []class{
	{"a runtime pod that is left", true, left("apigee-runtime-0", podGates...)},
	{"an organization's pod that is left", true, left("apigee-watcher-0", "organization-removed", "components-removed")},
	{"a redis pod that is left", true, left("apigee-redis-default-0", "components-removed")},
	{"no list of pods", true, pods(func(_ *occasion, sc *scene) { sc.pods = nil })},
	{"pods one by one, in no list", true, pods(func(_ *occasion, sc *scene) { sc.single = true })},
	{"the pods of one namespace only", true, pods(func(_ *occasion, sc *scene) {
		sc.pods = slices.DeleteFunc(sc.pods, func(p podScene) bool { return p.namespace != namespace })
	})},
	{"the pods of other namespaces only", true, pods(func(_ *occasion, sc *scene) {
		sc.pods = slices.DeleteFunc(sc.pods, func(p podScene) bool { return p.namespace == namespace })
	})},
	{"the pods of another cluster", true, pods(func(_ *occasion, sc *scene) {
		for i := range sc.pods {
			sc.pods[i].address = fmt.Sprintf("10.9.0.%d", i+1)
		}
	})},
	{"a survivor that still lists the datacenter", true, stillListed("DN", "UN")},
	{"a survivor that lists it as leaving", true, stillListed("UL", "UN")},
	{"the leaving datacenter's own listing", true, stillListed("UN", "DN")},
	{"the leaving datacenter alone", true, func(o *occasion, sc *scene) bool {
		sc.listings = [][]dcScene{{o.listed(o.region)}}
		return o.is(leftGates...)
	}},
}

// startsObserved reports whether the seed host is to be taken from what was
// observed.
func (o *occasion) startsObserved() bool {
	r := o.from.setting.ring.Region(regionNames4[o.region])
	return o.is("ring-settled") && o.procedure != "decommission" && r.SeedHost == "" && len(o.sc.elsewhere) > 0
}

var seedClasses = []class{
	{"pods with addresses of another cluster", true, func(o *occasion, sc *scene) bool {
		if !o.startsObserved() {
			return false
		}
		sc.pods[0].address, sc.elsewhere[0].addresses = "10.9.0.1", []string{"10.9.0.1"}
		return true
	}},
	{"the truth by the datastore alone", false, func(o *occasion, sc *scene) bool {
		there := o.startsObserved()
		sc.pods = nil
		return there
	}},
}
