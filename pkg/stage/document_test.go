package stage

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"

	"github.com/ringplan/ringplan/pkg/manifest"
)

var equalAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func encoded(t testing.TB, doc interface{ Encode() ([]byte, error) }) []byte {
	t.Helper()
	data, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEncodeRollout(t *testing.T) {
	r := Rollout{Topology: "ring", Step: 7, Head: "0123", Regions: []Progress{
		{Region: "a", Procedure: "found", Phase: Serving, Since: noon, Facts: map[string]string{"version": "1.10", "network": "off"}, Evidence: "evidence/a/02-made.yaml"},
		{Region: "b", Procedure: "grow", Phase: joining, Since: noon, Source: "a", SeedHost: "10.0.0.1", Retries: 1, Evidence: "evidence/b/07-abort-grow.yaml"},
	}}
	want := "# Where each region stands. Only `ringplan advance`, `adopt` and `abort` write this\n" +
		"# file: it is what the records in evidence/ add up to, and `ringplan verify` proves it.\n" + `apiVersion: ringplan.dev/v1alpha1
kind: Rollout
metadata:
  name: ring
step: 7
head: "0123"
regions:
  - region: a
    procedure: found
    phase: serving
    since: "2026-03-02T12:00:00Z"
    facts:
      network: "off"
      version: "1.10"
    evidence: evidence/a/02-made.yaml
  - region: b
    procedure: grow
    phase: joining
    since: "2026-03-02T12:00:00Z"
    source: a
    seedHost: 10.0.0.1
    retries: 1
    evidence: evidence/b/07-abort-grow.yaml
`
	if diff := cmp.Diff(want, string(encoded(t, r))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEncodeRecord(t *testing.T) {
	rec := Record{
		Step: 3, Previous: "0123", Time: noon, Topology: "4567", Region: "b", Action: Advance, Procedure: "grow", From: joining, To: copying, Gate: "joined",
		MaxSkew: Duration(120e9), Expected: map[string]any{"replicas": 3.0, "datacenter": "dc-2"},
		Results: []Result{{Check: "all nodes are up", Answer: Met, Reason: "every node is UN"}},
	}
	want := `# Step 3: what was seen when region b went from joining to copying. Never edited: the next
# step holds this one's digest.
apiVersion: ringplan.dev/v1alpha1
kind: Evidence
step: 3
previous: "0123"
time: "2026-03-02T12:00:00Z"
topology: "4567"
region: b
action: advance
procedure: grow
from: joining
to: copying
gate: joined
maxSkew: 2m0s
expected:
  datacenter: dc-2
  replicas: 3
results:
  - check: all nodes are up
    answer: met
    reason: every node is UN
`
	if diff := cmp.Diff(want, string(encoded(t, rec))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRolloutReadsBack(t *testing.T) {
	for name, r := range map[string]Rollout{
		"not begun": {Topology: "t"}, "begun": at("a making"), "full": fullRollout(),
		"strange names": {Topology: "yes", Head: "012", Regions: []Progress{{Region: "null", Phase: "~", Procedure: "1:30", Source: "- a", SeedHost: "::1", Facts: map[string]string{"? a": "*a", "": " b\n\nc", "2026-03-02": "1e3"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			data := encoded(t, r)
			back, problems := DecodeRollout(data)
			if len(problems) > 0 {
				t.Fatalf("problems: %v\n%s", problems, data)
			}
			if diff := cmp.Diff(r, back); diff != "" {
				t.Errorf("(-written +read):\n%s", diff)
			}
			if !r.Equal(back) || !back.Equal(r) {
				t.Error("the two are not equal")
			}
			if !bytes.Equal(data, encoded(t, back)) {
				t.Error("written again, the file differs")
			}
		})
	}
}

func TestRecordReadsBack(t *testing.T) {
	for name, rec := range map[string]Record{
		"start": startGrow(), "advance": advance("b", "grow", joining, copying, "joined"), "adopt": adopt("a", Planned),
		"abort": record(Abort, "a", "found", making, Planned), "full": full(t),
	} {
		t.Run(name, func(t *testing.T) {
			data := encoded(t, rec)
			back, problems := DecodeRecord(data)
			if len(problems) > 0 {
				t.Fatalf("problems: %v\n%s", problems, data)
			}
			if diff := cmp.Diff(rec, back, equalAddrs, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-written +read):\n%s", diff)
			}
			if back.Digest() != rec.Digest() {
				t.Error("the digest differs")
			}
			if !bytes.Equal(data, encoded(t, back)) {
				t.Error("written again, the file differs")
			}
		})
	}
}

// TestEqual shows that nothing is left out when rollouts are compared: not a
// field of any region, and not their order.
func TestEqual(t *testing.T) {
	edits := map[string]func(*Rollout){
		"the order":     func(r *Rollout) { r.Regions[0], r.Regions[1] = r.Regions[1], r.Regions[0] },
		"a region less": func(r *Rollout) { r.Regions = r.Regions[:3] },
		"a fact":        func(r *Rollout) { r.Regions[0].Facts["version"] = "2" },
	}
	for i := range reflect.TypeFor[Rollout]().NumField() {
		if f := reflect.TypeFor[Rollout]().Field(i); f.Name != "Regions" {
			edits[f.Name] = func(r *Rollout) { change(t, reflect.ValueOf(r).Elem().Field(i)) }
		}
	}
	for i := range reflect.TypeFor[Progress]().NumField() {
		edits["the region's "+reflect.TypeFor[Progress]().Field(i).Name] = func(r *Rollout) {
			change(t, reflect.ValueOf(&r.Regions[1]).Elem().Field(i))
		}
	}
	if !fullRollout().Equal(fullRollout()) {
		t.Error("the same rollout is not equal")
	}
	for name, edit := range edits {
		r := fullRollout()
		edit(&r)
		if r.Equal(fullRollout()) || fullRollout().Equal(r) {
			t.Errorf("a change of %s is not seen", name)
		}
	}
}

// reformat writes YAML in ways that say the same.
var reformat = map[string]func(t *testing.T, data []byte) []byte{
	"indented by 7": func(t *testing.T, data []byte) []byte {
		return rewritten(t, data, 7, func(*yaml.Node) {})
	},
	"keys turned round": func(t *testing.T, data []byte) []byte {
		return rewritten(t, data, 2, func(n *yaml.Node) {
			if n.Kind == yaml.MappingNode {
				slices.Reverse(n.Content)
				for i := 0; i < len(n.Content); i += 2 {
					n.Content[i], n.Content[i+1] = n.Content[i+1], n.Content[i]
				}
			}
		})
	},
	"comments everywhere": func(t *testing.T, data []byte) []byte {
		return rewritten(t, data, 2, func(n *yaml.Node) { n.HeadComment = "a comment" })
	},
	"no comments": func(t *testing.T, data []byte) []byte {
		return rewritten(t, data, 2, func(n *yaml.Node) { n.HeadComment = "" })
	},
	"in braces": func(t *testing.T, data []byte) []byte {
		return rewritten(t, data, 2, func(n *yaml.Node) { n.Style = yaml.FlowStyle })
	},
	"every string quoted": func(t *testing.T, data []byte) []byte {
		return rewritten(t, data, 2, func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
				n.Style = yaml.DoubleQuotedStyle
			}
		})
	},
	"every scalar tagged": func(t *testing.T, data []byte) []byte {
		return rewritten(t, data, 2, func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode {
				n.Style |= yaml.TaggedStyle
			}
		})
	},
	"times without quotes": func(_ *testing.T, data []byte) []byte {
		return bytes.ReplaceAll(data, []byte(`time: "2026-03-02T13:00:00Z"`), []byte(`time: 2026-03-02T13:00:00Z`))
	},
	"line ends of Windows": func(_ *testing.T, data []byte) []byte {
		return bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	},
	"empty lines and a document start": func(_ *testing.T, data []byte) []byte {
		return slices.Concat([]byte("\n---\n\n"), data, []byte("\n...\n\n"))
	},
	"a byte order mark": func(_ *testing.T, data []byte) []byte { return slices.Concat([]byte("\ufeff"), data) },
	"JSON": func(t *testing.T, data []byte) []byte {
		text, problems := manifest.ToJSON(data, limits)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return text
	},
}

func rewritten(t *testing.T, data []byte, indent int, edit func(*yaml.Node)) []byte {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		edit(n)
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(doc.Content[0])
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(indent)
	if err := enc.Encode(&doc); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestDigestSurvivesReformatting(t *testing.T) {
	rec, rollout := full(t), fullRollout()
	for name, format := range reformat {
		t.Run(name, func(t *testing.T) {
			data := format(t, encoded(t, rec))
			back, problems := DecodeRecord(data)
			if len(problems) > 0 {
				t.Fatalf("problems: %v\n%s", problems, data)
			}
			if back.Digest() != rec.Digest() {
				t.Errorf("the digest differs (-want +got):\n%s", cmp.Diff(rec, back, equalAddrs))
			}
			data = format(t, encoded(t, rollout))
			after, problems := DecodeRollout(data)
			if len(problems) > 0 {
				t.Fatalf("problems: %v\n%s", problems, data)
			}
			if !after.Equal(rollout) {
				t.Errorf("the rollout differs (-want +got):\n%s", cmp.Diff(rollout, after))
			}
		})
	}
}

// TestDecodeRefuses edits sound files. Each problem stands somewhere.
func TestDecodeRefuses(t *testing.T) {
	record := func(data []byte) []manifest.Problem {
		_, problems := DecodeRecord(data)
		return problems
	}
	rollout := func(data []byte) []manifest.Problem {
		_, problems := DecodeRollout(data)
		return problems
	}
	recordText, rolloutText := string(encoded(t, full(t))), string(encoded(t, fullRollout()))
	tests := map[string]struct {
		decode        func([]byte) []manifest.Problem
		text          string
		old, replaced string
		want          string
	}{
		"a field more":                 {record, recordText, "step: 8\n", "step: 8\nforced: true\n", `unknown field "forced"`},
		"a field more in a result":     {record, recordText, "  - check: all is well\n", "  - check: all is well\n    force: 1\n", `unknown field "force"`},
		"a field more in what is seen": {record, recordText, "    kind: ApigeeDatastore\n", "    kind: ApigeeDatastore\n    forced: true\n", `unknown field "forced"`},
		"a field twice":                {record, recordText, "step: 8\n", "step: 8\nstep: 8\n", `"step" is set twice`},
		"a field twice below":          {record, recordText, "    answer: met\n", "    answer: met\n    answer: failed\n", `"answer" is set twice`},
		"text for a number":            {record, recordText, "step: 8\n", "step: \"8\"\n", "step is string"},
		"a broken number":              {record, recordText, "step: 8\n", "step: 8.5\n", "step is number 8.5"},
		"a number for text":            {record, recordText, "region: b\n", "region: 7\n", "region is number"},
		"a list for text":              {record, recordText, "region: b\n", "region: [b]\n", "region is array"},
		"text for a list":              {record, strings.Split(recordText, "\nresults:")[0] + "\n", "maxSkew:", "results: met\nmaxSkew:", "results is string"},
		"a fact that is no text":       {record, recordText, "version: \"1.10\"", "version: 1.10", "facts is number"},
		"a time that is none":          {record, recordText, `time: "2026-03-02T13:00:00Z"`, `time: yesterday`, "yesterday"},
		"a date for a time":            {record, recordText, `time: "2026-03-02T13:00:00Z"`, `time: 2026-03-02`, "2026-03-02"},
		"a skew that is none":          {record, recordText, "maxSkew: 2m30s", "maxSkew: soon", "soon"},
		"a skew without a unit":        {record, recordText, "maxSkew: 2m30s", "maxSkew: 150", "maxSkew is number"},
		"an edited observation":        {record, recordText, "    kind: ApigeeDatastore\n", "    kind: Pod\n", `kind is "Pod"`},
		"another kind":                 {record, recordText, "kind: Evidence\n", "kind: Rollout\n", "no Evidence of ringplan.dev/v1alpha1"},
		"no kind":                      {record, recordText, "kind: Evidence\n", "", "no Evidence"},
		"another version":              {record, recordText, "dev/v1alpha1\n", "dev/v2\n", "no Evidence of ringplan.dev/v1alpha1"},
		"a rollout":                    {record, rolloutText, "", "", "no Evidence"},
		"two documents":                {record, recordText + "---\na: b\n", "", "", "second document"},
		"a merged map":                 {record, recordText, "step: 8\n", "<<: {step: 8}\n", "<<"},
		"a tag":                        {record, recordText, "region: b\n", "region: !secret b\n", "tag !secret"},
		"a number out of range":        {record, recordText, "step: 8\n", "step: 99999999999999999999\n", "too large"},
		"no YAML":                      {record, recordText, "step: 8\n", "step: [8\n", "not valid YAML"},
		"nothing":                      {record, "", "", "", "empty"},
		"comments alone":               {record, "# Step 8\n", "", "", "empty"},
		"a list":                       {record, "- a\n", "", "", "a list, not a map"},

		"rollout: a field more":             {rollout, rolloutText, "step: 7\n", "step: 7\nforced: true\n", `unknown field "forced"`},
		"rollout: a field more in a region": {rollout, rolloutText, "    phase: joining\n", "    phase: joining\n    forced: true\n", `unknown field "forced"`},
		"rollout: a field more in metadata": {rollout, rolloutText, "metadata:\n", "metadata:\n  labels: {}\n", `unknown field "labels"`},
		"rollout: a field twice":            {rollout, rolloutText, "    phase: joining\n", "    phase: joining\n    phase: serving\n", `"phase" is set twice`},
		"rollout: text for a number":        {rollout, rolloutText, "step: 7\n", "step: seven\n", "step is string"},
		"rollout: a map for a list":         {rollout, strings.Split(rolloutText, "\nregions:")[0] + "\n", "step:", "regions: {}\nstep:", "regions is object"},
		"rollout: a phase that is no text":  {rollout, rolloutText, "phase: joining\n", "phase: 1\n", "phase is number"},
		"rollout: a time that is none":      {rollout, rolloutText, `since: "2026-03-02T12:00:00Z"`, `since: noon`, "noon"},
		"rollout: another kind":             {rollout, rolloutText, "kind: Rollout\n", "kind: Evidence\n", "no Rollout of ringplan.dev/v1alpha1"},
		"rollout: another version":          {rollout, rolloutText, "dev/v1alpha1\n", "dev/v1\n", "no Rollout"},
		"rollout: a record":                 {rollout, recordText, "", "", "no Rollout"},
		"rollout: a topology":               {rollout, "apiVersion: ringplan.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\n", "", "", "no Rollout"},
		"rollout: nothing":                  {rollout, "", "", "", "empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(tt.text, tt.old) {
				t.Fatalf("there is no %q in\n%s", tt.old, tt.text)
			}
			problems := tt.decode([]byte(strings.Replace(tt.text, tt.old, tt.replaced, 1)))
			if len(problems) == 0 || !strings.Contains(fmt.Sprint(problems), tt.want) {
				t.Errorf("got %v, want …%s…", problems, tt.want)
			}
			for _, p := range problems {
				if p.Line < 1 || p.Column < 1 || strings.Contains(p.Message, "stage.") {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// TestDecodeReturnsNothing shows that nobody can go on with half a file.
func TestDecodeReturnsNothing(t *testing.T) {
	for _, edit := range []string{"kind: Other\n", "kind: Evidence\nforced: true\n", "kind: Evidence\nstep: 8\n"} {
		data := strings.Replace(string(encoded(t, full(t))), "kind: Evidence\n", edit, 1)
		rec, problems := DecodeRecord([]byte(data))
		if diff := cmp.Diff(Record{}, rec, equalAddrs); len(problems) == 0 || diff != "" {
			t.Errorf("%q: %d problems, and (-want +got):\n%s", edit, len(problems), diff)
		}
	}
	for _, edit := range []string{"kind: Other\n", "kind: Rollout\nforced: true\n"} {
		data := strings.Replace(string(encoded(t, fullRollout())), "kind: Rollout\n", edit, 1)
		r, problems := DecodeRollout([]byte(data))
		if diff := cmp.Diff(Rollout{}, r); len(problems) == 0 || diff != "" {
			t.Errorf("%q: %d problems, and (-want +got):\n%s", edit, len(problems), diff)
		}
	}
}

// addSamples adds the files of records and rollouts, whole and edited.
func addSamples(f *testing.F) {
	f.Helper()
	for _, data := range [][]byte{
		encoded(f, full(f)), encoded(f, startGrow()), encoded(f, adopt("a", Gone)), encoded(f, record(Abort, "a", "found", making, Planned)),
		encoded(f, Record{}), encoded(f, fullRollout()), encoded(f, Rollout{}),
	} {
		f.Add(data)
		f.Add(bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")))
	}
	for _, text := range []string{
		"", "{}", "apiVersion: ringplan.dev/v1alpha1\nkind: Evidence\n", "apiVersion: ringplan.dev/v1alpha1\nkind: Rollout\n",
		"apiVersion: ringplan.dev/v1alpha1\nkind: Evidence\ntime: 2026-03-02T12:00:00.5+01:00\nexpected: [1e21, 0.1, 9007199254740993, -0.5, 0x1f, {a: b}]\nfacts: {}\n",
		"apiVersion: ringplan.dev/v1alpha1\nkind: Rollout\nregions: [{facts: {a: b}}, null]\nhead: &a \"x\"\nmetadata: {name: *a}\n",
		"apiVersion: ringplan.dev/v1alpha1\nkind: Evidence\nexpected: {\"\\ud83d\\0\": \"\\x01\\uFEFF\"}\nmaxSkew: 1h\n",
		// Both were read and then written in a way that is read as something else.
		string(encoded(f, Record{Expected: map[string]any{"<<": "a", "b": []any{"<<"}}})), string(encoded(f, Record{Expected: math.Copysign(0, -1)})),
	} {
		f.Add([]byte(text))
	}
}

// FuzzDecodeRecord shows that what is read without problems is written and
// read again with the same digest.
func FuzzDecodeRecord(f *testing.F) {
	addSamples(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, problems := DecodeRecord(data)
		checkProblems(t, data, problems)
		if len(problems) > 0 {
			return
		}
		digest := rec.Digest()
		written, err := rec.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, problems := DecodeRecord(written)
		if len(problems) > 0 {
			t.Fatalf("what was written cannot be read: %v\n%s", problems, written)
		}
		if again.Digest() != digest {
			t.Errorf("the digest was %s and is %s\n%s", digest, again.Digest(), written)
		}
		if rec.Path() == "" || len(digest) != 64 {
			t.Errorf("path %q, digest %q", rec.Path(), digest)
		}
	})
}

// TestDecodeWantsEveryField is what the documentation of DecodeRollout says.
func TestDecodeWantsEveryField(t *testing.T) {
	for _, field := range []string{"step: 7\n", "head: "} {
		before, after, _ := strings.Cut(string(encoded(t, fullRollout())), field)
		_, rest, _ := strings.Cut(after, "\n")
		if strings.HasSuffix(field, "\n") {
			rest = after
		}
		if r, problems := DecodeRollout([]byte(before + rest)); len(problems) == 0 {
			t.Errorf("without %q the file is read as %+v", field, r)
		}
	}
}

// TestDecodeKnowsOneSpelling shows that nobody can hide a field behind another
// spelling of its name.
func TestDecodeKnowsOneSpelling(t *testing.T) {
	for _, field := range []string{"STEP: 7\n", "step: 7\n\u017ftep: 8\n"} {
		data := strings.Replace(string(encoded(t, fullRollout())), "step: 7\n", field, 1)
		if r, problems := DecodeRollout([]byte(data)); len(problems) == 0 {
			t.Errorf("%q is read as step %d", field, r.Step)
		}
	}
}

func TestEqualOfNothing(t *testing.T) {
	if !(Rollout{}).Equal(Rollout{Regions: []Progress{}}) {
		t.Error("no regions, and a list of none, are not equal")
	}
}

// FuzzDecodeRollout shows the same of a rollout.
func FuzzDecodeRollout(f *testing.F) {
	addSamples(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, problems := DecodeRollout(data)
		checkProblems(t, data, problems)
		if len(problems) > 0 {
			return
		}
		written, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, problems := DecodeRollout(written)
		if len(problems) > 0 {
			t.Fatalf("what was written cannot be read: %v\n%s", problems, written)
		}
		if !again.Equal(r) {
			t.Errorf("it is another rollout:\n%s", written)
		}
		r.Check(all)
	})
}

func checkProblems(t *testing.T, data []byte, problems []manifest.Problem) {
	t.Helper()
	for _, p := range problems {
		if p.Line < 1 || p.Line > bytes.Count(data, []byte("\n"))+strings.Count(string(data), "\r")+1 || p.Column < 1 || p.Message == "" {
			t.Errorf("the problem stands nowhere: %+v", p)
		}
	}
}
