package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"
)

func file(path string, doc *Map) File { return File{Path: path, Docs: []*Map{doc}} }

func TestDiff(t *testing.T) {
	named := func(names ...string) []any {
		list := make([]any, len(names))
		for i, n := range names {
			list[i] = NewMap("name", n, "v", 1)
		}
		return list
	}
	tests := map[string]struct {
		a, b *Map
		want []Change
	}{
		"equal":            {NewMap("a", 1, "b", []any{1}), NewMap("b", []any{int64(1)}, "a", 1), nil},
		"changed":          {NewMap("a", NewMap("b", 1)), NewMap("a", NewMap("b", 2)), []Change{{Path: "a.b", Op: Changed, Old: int64(1), New: int64(2)}}},
		"added":            {NewMap("a", NewMap()), NewMap("a", NewMap("b", "x")), []Change{{Path: "a.b", Op: Added, New: "x"}}},
		"removed":          {NewMap("a", map[string]any{"b": "x"}), NewMap("a", NewMap()), []Change{{Path: "a.b", Op: Removed, Old: "x"}}},
		"added null":       {NewMap(), NewMap("a", nil), []Change{{Path: "a", Op: Added}}},
		"null to value":    {NewMap("a", nil), NewMap("a", 1), []Change{{Path: "a", Op: Changed, New: int64(1)}}},
		"no map is null":   {NewMap("a", (*Map)(nil)), NewMap("a", nil), nil},
		"no document":      {nil, NewMap("a", 1), []Change{{Path: "a", Op: Added, New: int64(1)}}},
		"false is a value": {NewMap("a", true), NewMap("a", false), []Change{{Path: "a", Op: Changed, Old: true, New: false}}},
		"type":             {NewMap("a", "1"), NewMap("a", 1), []Change{{Path: "a", Op: Changed, Old: "1", New: int64(1)}}},
		"map to scalar":    {NewMap("a", NewMap("b", 1)), NewMap("a", 1), []Change{{Path: "a", Op: Changed, Old: map[string]any{"b": int64(1)}, New: int64(1)}}},
		"map to list":      {NewMap("a", NewMap()), NewMap("a", []any{}), []Change{{Path: "a", Op: Changed, Old: map[string]any{}, New: []any{}}}},
		"added tree": {NewMap(), NewMap("a", []any{NewMap("name", "x", "l", []string{"y"})}), []Change{
			{Path: "a", Op: Added, New: []any{map[string]any{"name": "x", "l": []any{"y"}}}},
		}},
		"order of named items": {NewMap("l", named("x", "y")), NewMap("l", named("y", "x")), nil},
		"named item": {
			NewMap("l", named("x", "y")), NewMap("l", []any{NewMap("name", "y", "v", 2), NewMap("name", "x", "v", 1)}),
			[]Change{{Path: "l[y].v", Op: Changed, Old: int64(1), New: int64(2)}},
		},
		"named item comes": {NewMap("l", named("y")), NewMap("l", named("x", "y")), []Change{
			{Path: "l[x]", Op: Added, New: map[string]any{"name": "x", "v": int64(1)}},
		}},
		"first named item comes": {NewMap("l", []any{}), NewMap("l", named("x")), []Change{
			{Path: "l[x]", Op: Added, New: map[string]any{"name": "x", "v": int64(1)}},
		}},
		"by key": {NewMap("l", []any{NewMap("key", "t", "v", 1)}), NewMap("l", []any{NewMap("key", "t", "v", 2)}), []Change{
			{Path: "l[t].v", Op: Changed, Old: int64(1), New: int64(2)},
		}},
		"by env and by step": {
			NewMap("e", []any{NewMap("env", "x"), NewMap("env", "y")}, "s", []any{NewMap("step", "x"), NewMap("step", "y")}),
			NewMap("e", []any{NewMap("env", "y"), NewMap("env", "x")}, "s", []any{NewMap("step", "y"), NewMap("step", "x")}), nil,
		},
		"a name that is there twice": {NewMap("l", named("x", "x")), NewMap("l", []any{NewMap("name", "x", "v", 1), NewMap("name", "x", "v", 2)}), []Change{
			{Path: "l[1].v", Op: Changed, Old: int64(1), New: int64(2)},
		}},
		"order of scalars": {NewMap("l", []string{"x", "y"}), NewMap("l", []string{"y", "x"}), []Change{
			{Path: "l[0]", Op: Changed, Old: "x", New: "y"}, {Path: "l[1]", Op: Changed, Old: "y", New: "x"},
		}},
		"scalar comes": {NewMap("l", []any{}), NewMap("l", []string{"x"}), []Change{{Path: "l[0]", Op: Added, New: "x"}}},
		"keys that look like paths": {NewMap("a.b", 1, "[0]", 1, "", 1), NewMap("a.b", 2, "[0]", 2, "", 2), []Change{
			{Path: `""`, Op: Changed, Old: int64(1), New: int64(2)},
			{Path: `"[0]"`, Op: Changed, Old: int64(1), New: int64(2)},
			{Path: `"a.b"`, Op: Changed, Old: int64(1), New: int64(2)},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for i := range tt.want {
				tt.want[i].File = "f"
			}
			a, b := []File{file("f", tt.a)}, []File{file("f", tt.b)}
			if diff := cmp.Diff(tt.want, Diff(a, b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkPair(t, a, b)
		})
	}
}

func TestDiffFiles(t *testing.T) {
	a := []File{file("z", NewMap("a", 1)), file("gone", NewMap()), {Path: "docs", Docs: []*Map{NewMap("a", 1), NewMap("a", 1)}}}
	b := []File{file("new", NewMap("b", 1)), file("z", NewMap("b", 1)), {Path: "docs", Docs: []*Map{NewMap("a", 1), NewMap("a", 2)}}}
	want := []Change{
		{File: "docs", Path: "[1].a", Op: Changed, Old: int64(1), New: int64(2)},
		{File: "gone", Op: Removed, Docs: []map[string]any{{}}},
		{File: "new", Op: Added, Docs: []map[string]any{{"b": int64(1)}}},
		{File: "z", Path: "a", Op: Removed, Old: int64(1)},
		{File: "z", Path: "b", Op: Added, New: int64(1)},
	}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiffReads compares YAML and reads the changes as a reviewer does.
func TestDiffReads(t *testing.T) {
	tests := map[string]struct{ a, b, want string }{
		"one field": {
			"cassandra: {hostNetwork: false, replicaCount: 3}",
			"cassandra: {hostNetwork: true, replicaCount: 3}",
			"~ cassandra.hostNetwork: false → true",
		},
		"comments, quotes and the order of keys": {
			"# old\na: x\nb: [1, 2] # why\n", "b:\n  - 1\n  - 2\n# new\na: 'x'\n", "",
		},
		"an environment comes, one goes, one is another, and they stand in another order": {
			"envs: [{name: prod, hosts: [a, b]}, {name: test}, {name: old, hosts: [c]}]",
			"envs: [{name: new}, {name: test}, {name: prod, hosts: [a, b, c]}]",
			"+ envs[new]: {name: new}\n- envs[old]: {hosts: [c], name: old}\n+ envs[prod].hosts[2]: c",
		},
		"tolerations have keys, and steps have steps": {
			"tolerations: [{key: a, value: 1}, {key: b, value: 2}]\nsteps: [{step: one, run: x}, {step: two, run: y}]",
			"tolerations: [{key: b, value: 3}, {key: a, value: 1}]\nsteps: [{step: two, run: y}, {step: one, run: z}]",
			"~ steps[one].run: x → z\n~ tolerations[b].value: 2 → 3",
		},
		"name goes before key": {
			"l: [{key: a, name: x}, {key: b, name: y}]", "l: [{key: b, name: x}, {key: a, name: y}]",
			"~ l[x].key: a → b\n~ l[y].key: b → a",
		},
		"key where a name is missing": {
			"l: [{key: a, name: x}, {key: b}]", "l: [{key: b}, {key: a, name: y}]", "~ l[a].name: x → y",
		},
		"a name that is there twice makes a list of places": {
			"l: [{name: x, v: 1}, {name: y, v: 2}]", "l: [{name: x, v: 1}, {name: x, v: 2}]", "~ l[1].name: y → x",
		},
		"names that are no text make a list of places": {
			"l: [{name: 1}, {name: 2}]", "l: [{name: 2}]", "~ l[0].name: 1 → 2\n- l[1]: {name: 2}",
		},
		"one item without a name makes a list of places": {
			"l: [{name: x}, {v: 2}]", "l: [{v: 2}, {name: x}]",
			"- l[0].name: x\n+ l[0].v: 2\n+ l[1].name: x\n- l[1].v: 2",
		},
		"named items all go": {"l: [{name: x}]", "l: []", "- l[x]: {name: x}"},
		"a scalar changes, and one is appended": {
			"seeds: [10.0.0.1, 10.0.0.2]", "seeds: [10.0.0.1, 10.0.0.3]", "~ seeds[1]: 10.0.0.2 → 10.0.0.3",
		},
		"a scalar is appended": {"seeds: [10.0.0.1]", "seeds: [10.0.0.1, 10.0.0.2]", "+ seeds[1]: 10.0.0.2"},
		"a scalar goes from the front, so that all move": {
			"seeds: [10.0.0.1, 10.0.0.2, 10.0.0.3]", "seeds: [10.0.0.2, 10.0.0.3]",
			"~ seeds: [10.0.0.1, 10.0.0.2, 10.0.0.3] → [10.0.0.2, 10.0.0.3]",
		},
		"a map goes from the front": {
			"l: [{v: 1}, {v: 2}]", "l: [{v: 2}]", "~ l[0].v: 1 → 2\n- l[1]: {v: 2}",
		},
		"many are appended": {
			"l: [0]", "l: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]",
			"+ l[10]: 10\n+ l[11]: 11\n+ l[1]: 1\n+ l[2]: 2\n+ l[3]: 3\n+ l[4]: 4\n+ l[5]: 5\n+ l[6]: 6\n+ l[7]: 7\n+ l[8]: 8\n+ l[9]: 9",
		},
		"lists in lists":      {"l: [[1, 2], [3]]", "l: [[1, 4], [3]]", "~ l[0][1]: 2 → 4"},
		"null is not missing": {"a: null\nb: 1\nc: null", "a: 1\nb: null", "~ a: null → 1\n~ b: 1 → null\n- c: null"},
		"numbers by value":    {"a: 1\nb: 1.0\nc: 0.5\nd: -0.0", "a: 1.0\nb: 1\nc: 5e-1\nd: 0", ""},
		"large numbers exactly": {
			"a: 9007199254740993\nb: 9223372036854775807\nc: 9007199254740992", "a: 9007199254740992.0\nb: 9223372036854775808.0\nc: 9007199254740992.0",
			"~ a: 9007199254740993 → 9007199254740992\n~ b: 9223372036854775807 → 9.223372036854776e+18",
		},
		"a number that is none": {"a: .nan\nb: .inf", "a: .nan\nb: -.inf", "~ b: +Inf → -Inf"},
		"text and number":       {"a: '1'\nb: 'true'\nc: ''", "a: 1\nb: true\nc: null", "~ a: '1' → 1\n~ b: 'true' → true\n~ c: '' → null"},
		"a map becomes a list":  {"a: {x: 1}", "a: [{x: 1}]", "~ a: {x: 1} → [{x: 1}]"},
		"keys that could be paths": {
			"a.b: 1\n'[0]': 1\n'': 1\na: {'': 1, 'x]': 1}\nl: [{name: '0'}, {name: ''}, {name: 'a.b'}, {name: 'a]'}, {name: \"a\\n\"}]",
			"a.b: 2\n'[0]': 2\n'': 2\na: {'': 2, 'x]': 2}\nl: []",
			`~ "": 1 → 2
~ "[0]": 1 → 2
~ "a.b": 1 → 2
~ a."": 1 → 2
~ a."x]": 1 → 2
- l[""]: {name: ''}
- l["0"]: {name: '0'}
- l["a\n"]: {name: a\n}
- l["a]"]: {name: a]}
- l[a.b]: {name: a.b}`,
		},
		"documents by what they are, not by place or version": {
			doc("v1", "Service", "prod", "web", "spec: {port: 80}") + doc("apps/v1beta1", "Deployment", "prod", "web", "spec: {replicas: 1}"),
			doc("apps/v1", "Deployment", "prod", "web", "spec: {replicas: 2}") + doc("v1", "Service", "prod", "web", "spec: {port: 80}"),
			"~ (apps/Deployment prod/web) apiVersion: apps/v1beta1 → apps/v1\n~ (apps/Deployment prod/web) spec.replicas: 1 → 2",
		},
		"a document comes and one goes": {
			doc("v1", "Namespace", "", "a", "") + doc("v1", "ConfigMap", "a", "x", ""),
			doc("v1", "Namespace", "", "a", "") + doc("v1", "ConfigMap", "b", "x", ""),
			"- (ConfigMap a/x): {apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: a}}\n+ (ConfigMap b/x): {apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: b}}",
		},
		"another group is another document": {
			doc("v1", "A", "", "x", "") + doc("v1", "B", "", "x", ""), doc("g/v1", "A", "", "x", "") + doc("v1", "B", "", "x", ""),
			"- (A x): {apiVersion: v1, kind: A, metadata: {name: x}}\n+ (g/A x): {apiVersion: g/v1, kind: A, metadata: {name: x}}",
		},
		"a second document comes into a file": {
			doc("v1", "A", "", "x", "v: 1"), doc("v1", "B", "", "x", "") + doc("v1", "A", "", "x", "v: 2"),
			"~ (A x) v: 1 → 2\n+ (B x): {apiVersion: v1, kind: B, metadata: {name: x}}",
		},
		"the only document becomes another": {
			doc("v1", "A", "", "x", ""), doc("v1", "B", "", "y", ""), "~ kind: A → B\n~ metadata.name: x → y",
		},
		"documents without a name by their place among their like": {
			"v: 1\n---\n" + doc("v1", "A", "", "x", "") + "v: 2\n---\n", doc("v1", "A", "", "x", "") + "v: 1\n---\nv: 3\n---\nv: 4\n---\n",
			"~ [1].v: 2 → 3\n+ [2]: {v: 4}",
		},
		"a document that is there twice": {
			doc("v1", "A", "", "x", "v: 1") + doc("v1", "A", "", "x", "v: 2"), doc("v1", "A", "", "x", "v: 1") + doc("v1", "A", "", "x", "v: 3"),
			"~ (A x) [1].v: 2 → 3",
		},
		"a namespace that is empty is none, but a field": {
			doc("v1", "A", "''", "x", "") + "{}\n---\n", doc("v1", "A", "", "x", "") + "{}\n---\n", "- (A x) metadata.namespace: ''",
		},
		"names that could be others": {
			doc("v1", "A", "", "'b/c'", "v: 1") + doc("v1", "A", "b", "c", "v: 1") + doc("v1", "A b", "", "c", "v: 1"), "{}\n---\n{}\n---\n" + doc("v1", "A", "b", "c", "v: 2"),
			`+ [0]: {}
+ [1]: {}
- ("A b" c): {apiVersion: v1, kind: A b, metadata: {name: c}, v: 1}
- (A "b/c"): {apiVersion: v1, kind: A, metadata: {name: b/c}, v: 1}
~ (A b/c) v: 1 → 2`,
		},
		"the last document goes": {"a: 1", "", "- [0]: {a: 1}"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := []File{{Path: "f", Docs: parse(t, tt.a), Header: "one"}}, []File{{Path: "f", Docs: parse(t, tt.b), Header: "two"}}
			if diff := cmp.Diff(tt.want, review(Diff(a, b))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkPair(t, a, b)
		})
	}
}

// doc is a document that says what it is, and more.
func doc(version, kind, namespace, name, more string) string {
	if namespace != "" {
		namespace = "  namespace: " + namespace + "\n"
	}
	return "apiVersion: " + version + "\nkind: " + kind + "\nmetadata:\n  name: " + name + "\n" + namespace + more + "\n---\n"
}

func parse(t *testing.T, text string) []*Map {
	t.Helper()
	var docs []*Map
	for dec := yaml.NewDecoder(strings.NewReader(text)); ; {
		var doc map[string]any
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return docs
		} else if err != nil {
			t.Fatal(err)
		}
		if doc != nil {
			docs = append(docs, sorted(doc))
		}
	}
}

// review writes changes for a person.
func review(changes []Change) string {
	var lines []string
	for _, c := range changes {
		where := c.Path
		if c.Document != "" {
			where = strings.TrimSpace("(" + c.Document + ") " + c.Path)
		}
		switch c.Op {
		case Added:
			where = "+ " + where + ": " + flow(c.New)
		case Removed:
			where = "- " + where + ": " + flow(c.Old)
		default:
			where = "~ " + where + ": " + flow(c.Old) + " → " + flow(c.New)
		}
		lines = append(lines, where)
	}
	return strings.Join(lines, "\n")
}

// flow writes a value as YAML in one line, near enough.
func flow(value any) string {
	switch v := value.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+": "+flow(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		if _, ok := parseScalar(v).(string); !ok || v == "" {
			return "'" + v + "'"
		}
		return strings.ReplaceAll(v, "\n", `\n`)
	case nil:
		return "null"
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%v", v), ".0")
	}
	return fmt.Sprint(value)
}

func parseScalar(text string) (value any) {
	if yaml.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	return value
}

// TestApplyKeeps checks that what does not change stays as it is written.
func TestApplyKeeps(t *testing.T) {
	a := []File{{Path: "f", Header: "head", Rule: "rule", Docs: []*Map{
		NewMap("z", 1, "gone", 1, "l", []any{NewMap("v", 1, "name", "y").Comment("v", "why"), NewMap("name", "x")}, "a", []string{"s"}).Comment("z", "above").Comment("gone", "this"),
	}}, {Path: "other"}}
	changes := []Change{
		{File: "f", Path: "gone", Op: Removed, Old: 1.0},
		{File: "f", Path: "l[x]", Op: Removed, Old: map[string]any{"name": "x"}},
		{File: "f", Path: "l[w]", Op: Added, New: map[string]any{"name": "w"}},
		{File: "f", Path: "l[y].v", Op: Changed, Old: int64(1), New: nil},
		{File: "f", Path: "a[1]", Op: Added, New: "t"},
	}
	got, err := Apply(a, changes)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Encode(got)
	if err != nil {
		t.Fatal(err)
	}
	want := "# head\n# above\nz: 1\nl:\n  - # why\n    v: null\n    name: \"y\"\n  - name: w\na:\n  - s\n  - t\n"
	if diff := cmp.Diff(want, string(text[0])); diff != "" || got[0].Rule != "rule" || got[1].Path != "other" {
		t.Errorf("%+v\n(-want +got):\n%s", got, diff)
	}
}

// TestApplyReadsJSON checks that changes can be applied after they were written
// as JSON, but for whole files.
func TestApplyReadsJSON(t *testing.T) {
	a := []File{{Path: "f", Docs: parse(t, "a: null\nb: 1\nl: [{name: x, v: [1]}]\nm: {k: 0.5}\nz: 1")}}
	b := []File{{Path: "f", Docs: parse(t, "a: 1\nb: null\nl: [{name: y}, {name: x, v: [2]}]\nm: []\nnew: null")}}
	text, err := json.Marshal(Diff(a, b))
	if err != nil {
		t.Fatal(err)
	}
	var changes []Change
	if err := json.Unmarshal(text, &changes); err != nil {
		t.Fatal(err)
	}
	got, err := Apply(a, changes)
	if left := Diff(got, b); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestApplyRefuses(t *testing.T) {
	one := []File{{Path: "f", Docs: parse(t, "a: 1\nl: [{name: x, v: 1}, {name: y}]\np: [1, 2, 3]\ns: text\nk: [{key: x}, {key: y, name: n}]")}}
	two := []File{{Path: "f", Docs: parse(t, doc("v1", "A", "", "x", "v: 1")+doc("v1", "A", "", "y", "v: 1")+doc("v1", "A", "", "y", "v: 2")+"v: 1")}}
	x := map[string]any{"name": "x", "v": int64(1)}
	tests := map[string]struct {
		files   []File
		changes []Change
		want    error
	}{
		"another old value":                 {one, []Change{{Path: "a", Op: Changed, Old: 2, New: 3}}, errOther},
		"an old value of another type":      {one, []Change{{Path: "a", Op: Changed, Old: "1", New: 3}}, errOther},
		"another value to remove":           {one, []Change{{Path: "a", Op: Removed, Old: 2}}, errOther},
		"no value to remove":                {one, []Change{{Path: "a", Op: Removed}}, errOther},
		"a missing value to remove":         {one, []Change{{Path: "b", Op: Removed}}, errMissing},
		"a missing value to change":         {one, []Change{{Path: "b", Op: Changed, New: 1}}, errMissing},
		"inside what is missing":            {one, []Change{{Path: "b.c", Op: Added, New: 1}}, errMissing},
		"inside a scalar":                   {one, []Change{{Path: "s.c", Op: Added, New: 1}}, errMissing},
		"there already":                     {one, []Change{{Path: "a", Op: Added, New: 1}}, errThere},
		"no operation":                      {one, []Change{{Path: "a", Op: "move", Old: 1}}, errOp},
		"no operation of a file":            {one, []Change{{Op: Changed}}, errOp},
		"no path":                           {one, []Change{{Path: "a..b", Op: Added}}, errPath},
		"a missing item":                    {one, []Change{{Path: "l[z].v", Op: Changed, Old: 1, New: 2}}, errMissing},
		"an item that is there already":     {one, []Change{{Path: "l[x]", Op: Added, New: x}}, errThere},
		"an item of another name":           {one, []Change{{Path: "l[z]", Op: Added, New: x}}, errKeys},
		"an item that is no map":            {one, []Change{{Path: "l[z]", Op: Added, New: "z"}}, errKeys},
		"an item loses its name":            {one, []Change{{Path: "l[x].name", Op: Removed, Old: "x"}}, errKeys},
		"an item of a list of places":       {one, []Change{{Path: "p[x]", Op: Added, New: x}}, errKeys},
		"a key of a list":                   {one, []Change{{Path: "p.x", Op: Added, New: x}}, errKeys},
		"an item of a map":                  {one, []Change{{Path: "a", Op: Changed, Old: 1, New: 2}, {Path: "[x]", Op: Added, New: x}}, errMissing},
		"a place beyond the end":            {one, []Change{{Path: "p[4]", Op: Added, New: 1}}, errKeys},
		"a place before the end goes":       {one, []Change{{Path: "p[1]", Op: Removed, Old: 2}}, errKeys},
		"places and items":                  {one, []Change{{Path: "l[x].v", Op: Removed, Old: 1}, {Path: "l[2]", Op: Added, New: 1}}, errKeys},
		"twice":                             {one, []Change{{Path: "a", Op: Changed, Old: 1, New: 2}, {Path: "a", Op: Changed, Old: 2, New: 3}}, errTwice},
		"inside what changes":               {one, []Change{{Path: "l", Op: Removed}, {Path: "l[x].v", Op: Removed, Old: 1}}, errTwice},
		"around what changes":               {one, []Change{{Path: "l[x].v", Op: Removed, Old: 1}, {Path: "l", Op: Removed}}, errTwice},
		"a file and what is in it":          {one, []Change{{Path: "a", Op: Removed, Old: 1}, {Op: Removed, Docs: one[0].contents()}}, errTwice},
		"a file of which nothing is known":  {one, []Change{{Op: Removed}}, errNoContent},
		"a file of other content":           {one, []Change{{Op: Removed, Docs: two[0].contents()}}, errOther},
		"a file that is there already":      {one, []Change{{Op: Added, Docs: one[0].contents()}}, errThere},
		"a file that is not there":          {nil, []Change{{Op: Removed, Docs: one[0].contents()}}, errMissing},
		"a field of a missing file":         {nil, []Change{{Path: "a", Op: Removed, Old: 1}}, errMissing},
		"a field of no document in several": {two, []Change{{Path: "v", Op: Removed, Old: 1}}, errMissing},
		"a missing document":                {two, []Change{{Document: "A z", Path: "v", Op: Removed, Old: 1}}, errMissing},
		"a missing document of some":        {two, []Change{{Document: "A y", Path: "[2].v", Op: Removed, Old: 1}}, errMissing},
		"a document of other content":       {two, []Change{{Document: "A x", Op: Removed, Old: map[string]any{}}}, errOther},
		"a document that is another":        {two, []Change{{Document: "A z", Op: Added, New: map[string]any{}}}, errKeys},
		"a document that is none":           {two, []Change{{Document: "A x", Op: Added, New: 1}}, errThere},
		"a document that is no map":         {two, []Change{{Document: "A z", Op: Added, New: 1}}, errKeys},
		"a document becomes another":        {two, []Change{{Document: "A x", Path: "metadata.name", Op: Changed, Old: "x", New: "z"}}, errKeys},
		"the first of two goes":             {two, []Change{{Document: "A y", Op: Removed, Old: two[0].contents()[1]}}, errKeys},
		"the only one gets a neighbour":     {one, []Change{{Path: "a", Op: Removed, Old: 1}, {Document: "A x", Op: Added, New: two[0].contents()[0]}}, errKeys},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for i := range tt.changes {
				tt.changes[i].File = "f"
			}
			got, err := Apply(tt.files, tt.changes)
			if got != nil || !errors.Is(err, tt.want) {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
	_, err := Apply(two, []Change{{File: "f", Document: "A y", Path: "[1].v", Op: Changed, Old: "secret", New: "other"}})
	if want := "f: A y: [1].v: what changes is not what it was"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzPath checks that what is read as a path is written as the same.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"a.b", "a[x].b", "a[0][1]", `""."a.b"["0"]`, "[1].a", "a..b", "a.", ".a", "a[", "a[]", "a[01]", "a[+1]", "[0]a", `"a`, "a[`x`]", `a["x"]`, "a[99999999999999999999]"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := parsePath(path)
		if err == nil && pathText(steps) != path {
			t.Errorf("%q is read as %v", path, steps)
		}
		// As a name, any text is read back.
		for _, s := range []step{{field, path, 0}, {item, path, 0}} {
			want := []step{s, {place, "", len(path)}, {field, "k", 0}, s}
			if got, err := parsePath(pathText(want)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v is written as %s and read as %v, %v", want, pathText(want), got, err)
			}
		}
	})
}

// TestDiffProperties checks random files.
func TestDiffProperties(t *testing.T) {
	for seed := range uint64(600) {
		checkDiff(t, randomBytes(seed))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, 1+r.IntN(400))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func FuzzDiff(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomBytes(seed))
	}
	f.Fuzz(checkDiff)
}

// checkDiff makes two sets of files of data, the second often much like the
// first, and checks what must hold of them.
func checkDiff(t *testing.T, data []byte) {
	t.Helper()
	made := func() (a, b []File) {
		g := &gen{data: data}
		a = g.files()
		if g.next(4) == 0 {
			return a, g.files()
		}
		return a, g.edited(a)
	}
	a, b := made()
	checkPair(t, a, b)
	checkLeaves(t, a)
	checkLeaves(t, b)
	x, y := made()
	if diff := cmp.Diff([]string{verbatim(x), verbatim(y)}, []string{verbatim(a), verbatim(b)}); diff != "" {
		t.Errorf("the given files have changed:\n%s", diff)
	}
}

// checkPair checks what holds of every two sets of files.
func checkPair(t *testing.T, a, b []File) {
	t.Helper()
	forth := Diff(a, b)
	if got := Diff(a, a); len(got) != 0 {
		t.Errorf("Diff(a, a) = %v", got)
	}
	r := rand.New(rand.NewPCG(uint64(len(forth)), 1))
	if got := Diff(a, shuffled(r, a, true)); len(got) != 0 {
		t.Errorf("order or form counts: %v", got)
	}
	same := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}
	for range 3 {
		if diff := cmp.Diff(forth, Diff(a, b), same); diff != "" {
			t.Errorf("the second Diff is another one:\n%s", diff)
		}
	}
	if diff := cmp.Diff(canonicalChanges(forth), canonicalChanges(Diff(shuffled(r, a, false), shuffled(r, b, false)))); diff != "" {
		t.Errorf("the diff of shuffled files is another one:\n%s", diff)
	}
	if diff := cmp.Diff(forth, Reverse(Diff(b, a)), same); diff != "" {
		t.Errorf("Diff(b, a) does not mirror Diff(a, b):\n%s", diff)
	}
	if equal := canonicalFiles(a) == canonicalFiles(b); equal != (len(forth) == 0) {
		t.Errorf("equal is %t, but Diff(a, b) = %v", equal, forth)
	}
	checkPlaces(t, forth)
	checkApply(t, a, b, forth)
}

func checkPlaces(t *testing.T, changes []Change) {
	t.Helper()
	for i, c := range changes {
		if i > 0 && slices.Compare(placeOf(changes[i-1]), placeOf(c)) >= 0 {
			t.Errorf("%q does not come before %q", placeOf(changes[i-1]), placeOf(c))
		}
		if !utf8.ValidString(c.Path) || !utf8.ValidString(c.Document) {
			t.Errorf("JSON cannot hold %q", placeOf(c))
		}
		if steps, err := parsePath(c.Path); err != nil || pathText(steps) != c.Path {
			t.Errorf("the path %s is read as %v, %v", c.Path, steps, err)
		}
	}
}

func placeOf(c Change) []string { return []string{c.File, c.Document, c.Path} }

func checkApply(t *testing.T, a, b []File, forth []Change) {
	t.Helper()
	for what, tt := range map[string]struct {
		from, to []File
		changes  []Change
	}{"forth": {a, b, forth}, "back": {b, a, Reverse(forth)}} {
		got, err := Apply(tt.from, tt.changes)
		if err != nil {
			t.Errorf("%s: %v\n%s", what, err, review(tt.changes))
			continue
		}
		if left := Diff(got, tt.to); len(left) != 0 {
			t.Errorf("%s: applied, and still there is %v\n%s", what, left, review(tt.changes))
		}
		if diff := cmp.Diff(canonicalFiles(tt.to), canonicalFiles(got)); diff != "" {
			t.Errorf("%s: applied, it is (-want +got):\n%s", what, diff)
		}
	}
	if got, err := Apply(b, forth); err == nil && len(forth) > 0 {
		t.Errorf("changes fit twice: %v makes %s", forth, canonicalFiles(got))
	}
}

// checkLeaves changes every scalar, but for those that tell things apart, and
// looks for a change at a place of its own for each.
func checkLeaves(t *testing.T, files []File) {
	t.Helper()
	leaves := 0
	var grown func(key string, value any) any
	grown = func(key string, value any) any {
		switch v := value.(type) {
		case map[string]any:
			for k := range v {
				v[k] = grown(k, v[k])
			}
			return v
		case []any:
			for i := range v {
				v[i] = grown("", v[i])
			}
			return v
		}
		if slices.Contains([]string{"name", "key", "env", "step", "apiVersion", "kind", "namespace"}, key) {
			return value
		}
		leaves++
		return "another"
	}
	other := make([]File, len(files))
	for i, f := range files {
		other[i] = File{Path: f.Path}
		for _, doc := range f.contents() {
			other[i].Docs = append(other[i].Docs, sorted(grown("", doc).(map[string]any)))
		}
	}
	changes := Diff(files, other)
	if checkPlaces(t, changes); len(changes) != leaves {
		t.Errorf("%d scalars have changed: %v", leaves, changes)
	}
}

// gen makes files of bytes.
type gen struct{ data []byte }

func (g *gen) next(n int) int {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return int(b) % n
}

func pick[T any](g *gen, of []T) T { return of[g.next(len(of))] }

// Few of each, so that two of them meet often.
var (
	genKeys    = []string{"a", "b", "c", "name", "key", "step", "a.b", "[0]", "", `"`, `\`, "0", "a[b]", "\n", "a.", ".a", "]", "\xff", "\ufffd", "é", `"a"`, "metadata"}
	genNames   = []string{"x", "y", "z", "0", "1", "01", "", "x.y", "x]", "[x]", `"x"`, "x y", "x/y", "/", `\`, "\xff", "\x1b", "+1", "99999999999999999999"}
	genScalars = []any{
		nil, true, false, 0, 1, int64(1), 1.0, math.Copysign(0, -1), 0.5, -1, int64(1<<53 + 1), float64(1 << 53), int64(math.MaxInt64), float64(1 << 63),
		int64(math.MinInt64), -float64(1 << 63), 1e300, math.Inf(1), math.NaN(), "", "x", "y", "1", "true", "null",
	}
)

func (g *gen) files() []File {
	var files []File
	for _, path := range []string{"f", "g", "h"}[:1+g.next(3)] {
		if g.next(4) == 3 {
			continue
		}
		f := File{Path: path, Docs: []*Map{}}
		for range []int{1, 1, 0, 2, 3, 4}[g.next(6)] {
			f.Docs = append(f.Docs, g.doc())
		}
		files = append(files, f)
	}
	return files
}

func (g *gen) doc() *Map {
	m := g.tree(3)
	if g.next(3) == 0 {
		return m
	}
	m.Set("apiVersion", pick(g, []any{"v1", "v2", "a/v1", "a/v2", "b c/v1", "/v1", "a/b/v1", "", 1}))
	m.Set("kind", pick(g, []any{"A", "A", "B", "A/B", "", nil}))
	metadata := NewMap("name", pick(g, genNames))
	switch g.next(4) {
	case 1:
		metadata.Set("namespace", pick(g, genNames))
	case 2:
		metadata.Set("namespace", pick(g, genScalars))
	}
	return m.Set("metadata", metadata)
}

func (g *gen) tree(depth int) *Map {
	m := NewMap()
	for range g.next(5) {
		m.Set(pick(g, genKeys), g.value(depth-1))
	}
	return m
}

func (g *gen) value(depth int) any {
	if depth <= 0 {
		return pick(g, genScalars)
	}
	switch g.next(8) {
	case 0:
		return g.tree(depth)
	case 1:
		return plainMap(g.tree(depth).values)
	case 2, 3:
		list := []any{}
		for range g.next(5) {
			list = append(list, g.item(depth))
		}
		return list
	case 4:
		list := []any{}
		for range g.next(4) {
			list = append(list, g.value(depth-1))
		}
		return list
	case 5:
		return []string{"x", "y", "z", "x"}[:g.next(5)]
	case 6:
		return map[string]string{pick(g, genKeys): pick(g, genNames)}
	}
	return pick(g, genScalars)
}

// item makes a map that most often has a name.
func (g *gen) item(depth int) *Map {
	m := g.tree(depth - 1)
	if by := pick(g, []string{"name", "name", "name", "name", "key", "env", "step", ""}); by != "" {
		m.Set(by, pick(g, genNames))
	}
	return m
}

// edited returns files that are other ones here and there.
func (g *gen) edited(files []File) []File {
	var out []File
	for _, f := range files {
		switch g.next(8) {
		case 0:
			continue
		case 1:
			f.Docs = g.move(f.Docs)
		case 2:
			f.Docs = slices.Insert(slices.Clone(f.Docs), g.next(len(f.Docs)+1), g.doc())
		}
		docs := []*Map{}
		for _, m := range f.contents() {
			if g.next(12) != 1 {
				docs = append(docs, sorted(g.edit(m, 3).(map[string]any)))
			}
		}
		f.Docs = docs
		out = append(out, f)
	}
	if g.next(6) == 1 {
		out = append(out, File{Path: "new", Docs: []*Map{g.doc()}})
	}
	return out
}

func (g *gen) move(docs []*Map) []*Map {
	docs = slices.Clone(docs)
	slices.Reverse(docs)
	return docs
}

func (g *gen) edit(value any, depth int) any {
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			switch g.next(10) {
			case 1:
				delete(v, k)
			case 2:
				v[k] = plain(g.value(depth - 1))
			default:
				v[k] = g.edit(v[k], depth-1)
			}
		}
		if g.next(5) == 1 {
			v[pick(g, genKeys)] = plain(g.value(depth - 1))
		}
		return v
	case []any:
		for i := range v {
			v[i] = g.edit(v[i], depth-1)
		}
		switch g.next(6) {
		case 1:
			i := g.next(len(v) + 1)
			return slices.Insert(v, i, plain(g.item(depth)))
		case 2:
			i := g.next(len(v) + 1)
			return slices.Delete(v, i, min(i+1, len(v)))
		case 3:
			slices.Reverse(v)
		}
		return v
	}
	if g.next(8) == 1 {
		return pick(g, genScalars)
	}
	return value
}

// shuffled returns files that say the same in another form, with their keys and
// documents, and lists, in another order.
func shuffled(r *rand.Rand, files []File, lists bool) []File {
	out := make([]File, len(files))
	for i, j := range r.Perm(len(files)) {
		docs := files[j].contents()
		places := map[string][]int{} // of those that stay in order
		for n, m := range docs {
			places[whatIs(m)] = append(places[whatIs(m)], n)
		}
		out[i] = File{Path: files[j].Path, Header: fmt.Sprint(i), Docs: []*Map{}}
		for _, n := range r.Perm(len(docs)) {
			id := whatIs(docs[n])
			next := docs[places[id][0]]
			places[id] = places[id][1:]
			m, _ := ordered(dressed(r, next, lists))
			out[i].Docs = append(out[i].Docs, m)
		}
	}
	return out
}

// dressed returns a value in another of the forms that it may have.
func dressed(r *rand.Rand, value any, lists bool) any {
	switch v := value.(type) {
	case map[string]any:
		return dressedMap(r, v, lists)
	case []any:
		list := make([]any, len(v))
		allText := len(v) > 0
		for i := range v {
			list[i] = dressed(r, v[i], lists)
			_, isText := v[i].(string)
			allText = allText && isText
		}
		if lists && told(v) != "" {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		if allText && r.IntN(2) == 0 {
			texts := make([]string, len(v))
			for i := range v {
				texts[i] = v[i].(string)
			}
			return texts
		}
		return list
	case int64:
		if f := float64(v); r.IntN(2) == 0 && math.Abs(f) < 1<<53 {
			return f
		}
		if r.IntN(2) == 0 {
			return int(v)
		}
	}
	return value
}

func dressedMap(r *rand.Rand, v map[string]any, lists bool) any {
	keys := slices.Sorted(maps.Keys(v))
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	m, texts := NewMap(), map[string]string{}
	for _, k := range keys {
		m.Set(k, dressed(r, v[k], lists)).Comment(k, fmt.Sprint(r.Uint32()))
		if text, ok := v[k].(string); ok {
			texts[k] = text
		}
	}
	switch form := r.IntN(3); {
	case form == 1:
		return m.values
	case form == 2 && len(texts) == len(v):
		return texts
	}
	return m
}

// told returns what tells the items of a list apart, found in another way than
// the package's.
func told(list []any) string {
	for _, key := range []string{"name", "key", "env", "step"} {
		var names []string
		for _, value := range list {
			if m, ok := value.(map[string]any); ok {
				if name, ok := m[key].(string); ok {
					names = append(names, name)
				}
			}
		}
		slices.Sort(names)
		if len(list) > 0 && len(names) == len(list) && len(slices.Compact(names)) == len(list) {
			return key
		}
	}
	return ""
}

// canonical writes plain values so that equal ones are equal texts.
func canonical(value any) string {
	switch v := value.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, fmt.Sprintf("%q:%s", k, canonical(v[k])))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = canonical(v[i])
		}
		if told(v) != "" {
			slices.Sort(parts)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case int64:
		return fmt.Sprint(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return strings.TrimSuffix(new(big.Rat).SetFloat64(v).String(), "/1")
	}
	return fmt.Sprintf("%#v", value)
}

// whatIs returns the identity of a document, found in another way than the
// package's.
func whatIs(doc map[string]any) string {
	text := func(value any) string { s, _ := value.(string); return s }
	metadata, _ := doc["metadata"].(map[string]any)
	parts := strings.SplitN(text(doc["apiVersion"]), "/", 2)
	kind, name := text(doc["kind"]), text(metadata["name"])
	if parts[0]+parts[len(parts)-1] == "" || kind == "" || name == "" {
		return ""
	}
	return fmt.Sprintf("%q", []string{parts[0][:len(parts[0])*(len(parts)-1)], kind, text(metadata["namespace"]), name})
}

func canonicalFiles(files []File) string {
	var lines []string
	for _, f := range files {
		counts := map[string]int{}
		lines = append(lines, fmt.Sprintf("%q\n", f.Path))
		for _, doc := range f.contents() {
			id := whatIs(doc)
			lines = append(lines, fmt.Sprintf("%q %q %d %s\n", f.Path, id, counts[id], canonical(doc)))
			counts[id]++
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func canonicalChanges(changes []Change) []string {
	var out []string
	for _, c := range changes {
		docs := ""
		if c.Path == "" && c.Document == "" {
			var list []*Map
			for _, doc := range c.Docs {
				list = append(list, sorted(doc))
			}
			docs = canonicalFiles([]File{{Docs: list}})
		}
		out = append(out, fmt.Sprintf("%q %s %s %s %s", placeOf(c), c.Op, canonical(c.Old), canonical(c.New), docs))
	}
	return out
}

// verbatim writes files with all that they hold, in its order.
func verbatim(files []File) string {
	var b strings.Builder
	var write func(value any)
	write = func(value any) {
		switch v := value.(type) {
		case *Map:
			for _, k := range v.keys {
				fmt.Fprintf(&b, "%q %q:", k, v.comments[k])
				write(v.values[k])
			}
		case map[string]any:
			write(sorted(v))
		case []any:
			for _, item := range v {
				write(item)
			}
		default:
			fmt.Fprintf(&b, "%#v", v)
		}
		fmt.Fprintf(&b, "(%T)", value)
	}
	for _, f := range files {
		fmt.Fprintf(&b, "%q %q", f.Path, f.Header)
		for _, doc := range f.Docs {
			write(doc)
		}
	}
	return b.String()
}

// regions returns the files of some regions, near to what is rendered.
func regions(n, version int) []File {
	var files []File
	for r := range n {
		dir := fmt.Sprintf("region-%04d/", r)
		var nodes, steps []any
		for i := range 9 {
			nodes = append(nodes, NewMap("name", fmt.Sprintf("node-%d", i), "rack", fmt.Sprintf("ra-%d", i%3), "ip", fmt.Sprintf("10.0.%d.%d", r%256, i)))
		}
		for i := range 15 {
			steps = append(steps, NewMap("name", fmt.Sprintf("release-%d", i), "kind", "Helm", "chart", NewMap("version", "1.16.0"), "wait", true))
		}
		files = append(files,
			file(dir+"overrides.yaml", NewMap("org", "o", "cassandra", NewMap(
				"datacenter", fmt.Sprintf("dc-%d", r), "hostNetwork", true, "replicaCount", 9, "nodes", nodes,
				"storage", NewMap("capacity", "100Gi", "class", "fast"), "seeds", []string{"10.0.0.1", "10.1.0.1", "10.2.0.1"},
			), "runtime", NewMap("replicas", version), "envs", []any{NewMap("name", "prod", "hosts", []string{"a", "b"}), NewMap("name", "test")})),
			file(dir+"releases.yaml", NewMap("apiVersion", "ringplan.dev/v1alpha1", "kind", "ReleasePlan", "metadata", NewMap("name", dir), "spec", NewMap("steps", steps))),
			File{Path: dir + "network.yaml", Docs: []*Map{
				NewMap("apiVersion", "v1", "kind", "Service", "metadata", NewMap("name", "web", "namespace", "a"), "spec", NewMap("ports", []any{NewMap("name", "http", "port", 80)})),
				NewMap("apiVersion", "networking.k8s.io/v1", "kind", "NetworkPolicy", "metadata", NewMap("name", "web", "namespace", "a"), "spec", NewMap("podSelector", NewMap())),
			}},
		)
	}
	return files
}

func BenchmarkDiff(b *testing.B) {
	for _, n := range []int{10, 1000} {
		before, after := regions(n, 1), regions(n, 2)
		b.Run(fmt.Sprintf("regions=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := len(Diff(before, after)); got != n {
					b.Fatal(got)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	before, after := regions(1000, 1), regions(1000, 2)
	changes := Diff(before, after)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Apply(before, changes); err != nil {
			b.Fatal(err)
		}
	}
}

// TestIdentity: what a document is called where it is told from others.
func TestIdentity(t *testing.T) {
	type m = map[string]any
	object := func(version, kind, namespace, name any) m {
		return m{"apiVersion": version, "kind": kind, "metadata": m{"namespace": namespace, "name": name}}
	}
	tests := map[string]struct {
		doc  m
		want string
	}{
		"whole":                {object("apps/v1", "Deployment", "prod", "web"), "apps/Deployment prod/web"},
		"core":                 {object("v1", "Service", "prod", "web"), "Service prod/web"},
		"no namespace":         {object("apps/v1", "Deployment", nil, "web"), "apps/Deployment web"},
		"an empty namespace":   {object("apps/v1", "Deployment", "", "web"), "apps/Deployment web"},
		"another version":      {object("apps/v2", "Deployment", "prod", "web"), "apps/Deployment prod/web"},
		"no version":           {object(nil, "Deployment", "prod", "web"), ""},
		"an empty version":     {object("", "Deployment", "prod", "web"), ""},
		"no kind":              {object("v1", nil, "prod", "web"), ""},
		"no name":              {object("v1", "Service", "prod", nil), ""},
		"a number for a name":  {object("v1", "Service", "prod", int64(7)), ""},
		"no metadata":          {m{"apiVersion": "v1", "kind": "Service"}, ""},
		"metadata is a list":   {m{"apiVersion": "v1", "kind": "Service", "metadata": []any{"web"}}, ""},
		"nothing":              {nil, ""},
		"a name to be quoted":  {object("v1", "Service", "a b", "c/d"), `Service "a b"/"c/d"`},
		"a group to be quoted": {object("a b/v1", "Kind", nil, "web"), `"a b"/Kind web`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Identity(tt.doc); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.want == "" {
				return
			}
			// A change of it among others is named so.
			other := m{"apiVersion": "v1", "kind": "Other", "metadata": m{"name": "other"}}
			file := func(docs ...m) []File {
				f := File{Path: "f"}
				for _, doc := range docs {
					f.Docs = append(f.Docs, NewMap())
					f.Docs[len(f.Docs)-1].Merge(doc)
				}
				return []File{f}
			}
			changes := Diff(file(other), file(other, tt.doc))
			if len(changes) != 1 || changes[0].Document != tt.want {
				t.Errorf("the change is of %+v", changes)
			}
		})
	}
}
