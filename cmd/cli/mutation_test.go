package cli

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A mutation takes a guard out of the engine. The walk of TestModel has to fail
// with it, and to name the invariant that the guard holds up. Where two guards
// hold up the same, a mutation takes out both.
type mutation struct {
	name string
	// wants is part of what the walk has to say.
	wants string
	cuts  []cut
}

// A cut is one change: old occurs once in the file, and text takes its place.
type cut struct{ file, old, text string }

// The files that mutations change.
const (
	rolloutGo     = "pkg/stage/rollout.go"
	gateGo        = "pkg/stage/gate.go"
	procedureGo   = "pkg/stage/procedure.go"
	takeGo        = "pkg/system/take.go"
	apigeeGo      = "pkg/system/apigee/apigee.go"
	proceduresGo  = "pkg/system/apigee/procedures.go"
	replicationGo = "pkg/system/apigee/replication.go"
	gatesGo       = "pkg/system/apigee/gates.go"
	gatesRingGo   = "pkg/system/apigee/gates_ring.go"
	gatesPodsGo   = "pkg/system/apigee/gates_pods.go"
	seedGo        = "pkg/system/apigee/seed.go"
	commandGo     = "cmd/cli/rollout.go"
)

var mutations = slices.Concat(seedMutations, ringMutations, removalMutations, gateMutations, wayMutations)

// I1 and I2: when the seed host leaves, and that it has.
var seedMutations = []mutation{
	{"no seed host while rebuilding", "I1: region west loses its seed host", []cut{
		{proceduresGo, "if at.Phase == joining || at.Phase == rebuilding {", "if at.Phase == joining {"},
	}},
	{"no seed host in a withdrawal", "I1: region west at draining of withdraw renders no seed host", []cut{
		{proceduresGo, "slices.Contains([]stage.Phase{draining, detaching}, at.Phase)", "slices.Contains([]stage.Phase{detaching}, at.Phase)"},
	}},
	{"a rebuild of any age", "I1: gate rebuild-complete opens on a stale complete", []cut{
		{gatesGo, "case t.Updated.Before(start):", "case false:"},
	}},
	{"a rebuild without all pods", "I1: gate rebuild-complete opens on complete, but a pod is missing", []cut{
		{gatesGo, "for i := range replicas {", "for i := range replicas * 0 {"},
		{gatesGo, "n != replicas {", "n > replicas {"},
	}},
	{"any seed host", "I1: gate rebuild-complete opens on another seed host than rendered", []cut{
		{gatesGo, `j.want.SeedHost == "" || !seed.Is(j.want.SeedHost)`, `j.want.SeedHost == ""`},
	}},
	{"observations from before the phase", "I1: gate rebuild-complete opens on observations from before the phase", []cut{
		{gatesGo, "case at.Before(j.Since):", "case false:"},
	}},
	{"observations from the future", "I1: gate rebuild-complete opens on observations from the future", []cut{
		{gatesGo, "case at.After(j.Now.Add(j.MaxSkew)):", "case false:"},
	}},
	{"what is unknown is met", "I1: region", []cut{
		{gateGo, "case r.Answer == Met, verdict == Unknown:", "case r.Answer == Met, r.Answer == Unknown, verdict == Unknown:"},
	}},
	{"a gate that is shut lets through", "I1: region", []cut{
		{takeGo, "return t.Gate == nil || stage.Verdict(t.Record.Results) == stage.Met", "return true"},
		{rolloutGo, "case Verdict(s.rec.Results) != Met:", "case false:"},
	}},
	{"a record is replayed without its gate", "I1: a forged record of gate rebuild-complete is accepted", []cut{
		{takeGo, "if r.Answer != stage.Met {\n\t\t\treturn refuse(", "if r.Answer == \"\" {\n\t\t\treturn refuse("},
	}},
	{"a seed host while serving", "I2: region", []cut{
		{proceduresGo, "if at.Phase == joining || at.Phase == rebuilding {", "if at.Phase == joining || at.Phase == rebuilding || at.Phase == stage.Serving {"},
	}},
	{"a replication while serving", "I2: region", []cut{
		{apigeeGo, "if at.Phase == rebuilding {", "if at.Phase == rebuilding || at.Phase == stage.Serving && r.ExpandFrom != \"\" {"},
	}},
	{"a seed host that is left in the cluster", "I2: gate seed-removed opens on a seed host that is still set", []cut{
		{gatesGo, `MultiRegionSeedHost.Or(""); seed != "" {`, `MultiRegionSeedHost.Or(""); seed == "?" {`},
	}},
}

// I3 and I4: who moves the ring, and who is a source.
var ringMutations = []mutation{
	{"nothing moves the ring", "I3: 2 regions move the ring at once", []cut{
		{procedureGo, "return !p.Phase.Rests() && procedure != nil && procedure.MovesRing", "return false && procedure != nil"},
	}},
	{"two move the ring", "I3: 2 regions move the ring at once", []cut{
		{rolloutGo, "if p.MovesRing && other.Region != s.rec.Region {", "if false {"},
		{rolloutGo, "len(moving) > 1 {", "len(moving) > 9 {"},
	}},
	{"a source that does not serve", "I4: region west at joining of expand has source east", []cut{
		{rolloutGo, "case s.before.At(source).Phase != Serving:", "case false:"},
		{rolloutGo, "procedure.FromSource && r.At(p.Source).Phase != Serving {", "false {"},
	}},
	{"a seed host from anywhere", "which is no Cassandra address of its source", []cut{
		{seedGo, "slices.IndexFunc(addresses, prefix.Contains)", "slices.IndexFunc(addresses, func(netip.Addr) bool { return prefix.IsValid() })"},
	}},
	{"a rebuild from the region's name", "I4: region west at rebuilding of expand is rebuilt from", []cut{
		{replicationGo, "source := g.sourceOf(r, at).Datacenter", "source := g.sourceOf(r, at).Name"},
	}},
	{"the source is changed meanwhile", "I4: the edit is not stopped", []cut{
		{commandGo, `if p.Source != "" && p.Source != region.ExpandFrom {`, `if p.Source == "?" {`},
	}},
}

// I5: who leaves, and when it has left; and what an edit may not take away.
var removalMutations = []mutation{
	{"the last one leaves", "I5: region east at draining of decommission leaves", []cut{
		{rolloutGo, "if p.Drops && !s.before.served(s.rec.Region) {", "if false {"},
		{rolloutGo, "if procedure.Drops && !r.served(p.Region) {", "if false {"},
	}},
	{"a datacenter that is still listed", "I5: gate datacenter-left opens on a survivor that still lists the datacenter", []cut{
		{gatesRingGo, "listed {\n\t\treturn waiting(\"nodetool status still lists datacenter %s: %s; if", "listed && dc.Name == \"\" {\n\t\treturn waiting(\"nodetool status still lists datacenter %s: %s; if"},
		{gatesRingGo, "result := j.listing(j.want.Others, nil)", "result := j.listing(j.want.Others, []string{j.want.Region.Name})"},
	}},
	{"a datacenter that is purged, and listed", "I5: gate datacenter-purged opens on a survivor that still lists the datacenter", []cut{
		{gatesRingGo, "listed {\n\t\treturn waiting(\"nodetool status still lists datacenter %s: %s; `", "listed && dc.Name == \"\" {\n\t\treturn waiting(\"nodetool status still lists datacenter %s: %s; `"},
	}},
	{"nothing is rendered while it leaves", "is in the ring, and nothing is rendered for it", []cut{
		{apigeeGo, "if !at.Phase.InRing() || at.Phase == purging {", "if !at.Phase.InRing() || at.Phase == purging || at.Phase == leaving {"},
	}},
	{"a region is taken out of the topology", "I5: the edit is not stopped", []cut{
		{commandGo, `r.found("RP124", stage.RolloutFile`, `r.found("RP126", stage.RolloutFile`},
	}},
	{"facts change", "edits: the edit is not stopped", []cut{
		{commandGo, `code = "RP125"`, `code = "RP126"`},
	}},
	{"nothing may change", "edits: the edit is stopped by RP125", []cut{
		{commandGo, "if f.Fixed || !p.Phase.Rests() {", "if f.Name != \"\" {"},
	}},
	{"pods that are left", "gates fail closed: gate environments-removed opens on a runtime pod that is left", []cut{
		{gatesPodsGo, "if len(left) > 0 {", "if len(left) > 99 {"},
	}},
	{"the pods of one namespace", "opens on the pods of one namespace only", []cut{
		{gatesPodsGo, "case len(seen) < 2:", "case false:"},
	}},
	{"the pods of another cluster", "opens on the pods of another cluster", []cut{
		{gatesPodsGo, "case !own:", "case false:"},
	}},
}

// What the other gates hold up.
var gateMutations = []mutation{
	{"two rings in one file", "opens on a split ring: two listings in one file", []cut{
		{gatesRingGo, "if o.Status.Seams && !j.oneCluster(", "if o.Status.Seams && false && !j.oneCluster("},
	}},
	{"a datacenter that nobody declared", "opens on a datacenter that nobody declared", []cut{
		{gatesRingGo, "if !slices.Contains(names, dc.Name) && !slices.Contains(may, dc.Name) {", "if dc.Name == \"\" {"},
	}},
	{"any rack", "opens on a wrong rack in another region", []cut{
		{gatesRingGo, "case n.Rack != want.Rack:", "case false:"},
	}},
	{"any number of nodes", "opens on a node missing in the region", []cut{
		{gatesRingGo, "n != want.Replicas {", "n == 0 {"},
	}},
	{"a node that is down", "opens on a node down in another region", []cut{
		{gatesRingGo, "case !n.UN():", "case false:"},
	}},
	{"anybody's datastore", "opens on another datacenter's datastore", []cut{
		{gatesGo, "!dc.Is(j.want.Region.Name) {", "dc.Is(\"\") {"},
	}},
	{"a datastore that is being deleted", "opens on a datastore that is being deleted", []cut{
		{gatesGo, "if !o.Datastore.Meta.Deleted.IsZero() {", "if false {"},
	}},
	{"a spec that is not as declared", "gates fail closed: gate already-serving opens on another rack than declared", []cut{
		{gatesGo, "if field.have != field.want {", "if false {"},
	}},
	{"two observations that contradict each other", "opens on two datastores of one time", []cut{
		{gatesGo, "some[i].Digest != newest.Digest {", "some[i].Digest == \"\" {"},
	}},
	{"a datacenter that scales", "opens on another datacenter that scales", []cut{
		{gatesGo, "case o.Datastore.Status.Scaling.InProgress.Is(true):", "case false:"},
	}},
}

// I6, I7 and I8: ways out, other regions' files, and the same bytes.
var wayMutations = []mutation{
	{"no way out", "I6: joining of expand has no way out", []cut{
		{rolloutGo, "abort := procedure.Phases[procedure.Index(p.Phase)].Abort", "abort := WayOut{}"},
	}},
	{"an abort that is refused", "I6: joining of expand cannot be aborted", []cut{
		{rolloutGo, `if abort.To == "" || s.rec.To != abort.To ||`, `if abort.To != "" || s.rec.To != abort.To ||`},
	}},
	{"a gate that nothing checks", "does not go on, whatever is observed", []cut{
		{gatesGo, `"region-removed":       {(*judge).survivors},`, ""},
	}},
	{"a gate that says nothing", "is shut and does not say why", []cut{
		{gatesGo, "result.Check = words", "_, result.Reason = words, \"\""},
	}},
	{"a step into another region", "I7: a step of west changes east/", []cut{
		{apigeeGo, `files[i].Path = r.Name + "/" + files[i].Path`, `files[i].Path = g.Spec.Regions[0].Name + "/" + files[i].Path`},
	}},
	{"rendered by chance", "I8: rendered twice, the files differ", []cut{
		{apigeeGo, `" at this phase."`, `fmt.Sprintf(" at this phase. %p", &list)`},
	}},
	{"a seed host that is not written down", "I8: the rollout is not read as it was written", []cut{
		{rolloutGo, "SeedHost string `json:\"seedHost,omitempty\"`", "SeedHost string `json:\"-\"`"},
	}},
	{"a start that is forgotten", "I8: ", []cut{
		{rolloutGo, "Since time.Time `json:\"since,omitzero\"`", "Since time.Time `json:\"-\"`"},
	}},
}

// TestMutations runs the small walk once for each mutation, which takes minutes
// in all.
func TestMutations(t *testing.T) {
	if os.Getenv(modelBound) == "" {
		t.Skip("takes minutes; RINGPLAN_MODEL=full go test -run TestMutations -timeout 2h ./cmd/cli runs it")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			overlay := m.overlay(t, root)
			command := exec.CommandContext(t.Context(), "go", "test", "-overlay="+overlay, "-count=1", "-run=^TestModel$", "./cmd/cli")
			command.Dir = root
			command.Env = append(os.Environ(), modelBound+"=")
			out, err := command.CombinedOutput()
			text := string(out)
			switch {
			case err == nil:
				t.Errorf("the walk does not see it; it should say %q", m.wants)
			case strings.Contains(text, "[build failed]"):
				t.Errorf("the mutation does not compile:\n%s", text)
			case !strings.Contains(text, m.wants):
				t.Errorf("the walk fails, and does not say %q:\n%s", m.wants, clipped(text))
			default:
				t.Logf("seen: %s", lineWith(text, m.wants))
			}
		})
	}
}

// overlay writes the mutated files, and the file that tells go of them.
func (m mutation) overlay(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	mutated := map[string]string{}
	for _, c := range m.cuts {
		if _, done := mutated[c.file]; !done {
			data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(c.file)))
			if err != nil {
				t.Fatal(err)
			}
			mutated[c.file] = string(data)
		}
		if n := strings.Count(mutated[c.file], c.old); n != 1 {
			t.Fatalf("%s: %q occurs %d times, not once; what the mutation changes has changed", c.file, c.old, n)
		}
		mutated[c.file] = strings.Replace(mutated[c.file], c.old, c.text, 1)
	}
	replace := map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(mutated)) {
		path := filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(path, []byte(mutated[file]), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = path
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// clipped is the beginning of a long text.
func clipped(text string) string { return text[:min(len(text), 4000)] }

// lineWith returns the first line with some text in it.
func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// TestCuts sees in an instant what TestMutations would take long to find: that
// every guard to be taken out is still there, once.
func TestCuts(t *testing.T) {
	atRoot(t)
	for _, m := range mutations {
		for _, c := range m.cuts {
			data, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(data), c.old); n != 1 {
				t.Errorf("%s: %q is in %s %d times", m.name, c.old, c.file, n)
			}
		}
	}
}
