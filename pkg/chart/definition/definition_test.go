package definition

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
)

// object reads an object of YAML or JSON.
func object(t testing.TB, text string) release.Object {
	t.Helper()
	doc, problems := manifest.Parse("", []byte(text), manifest.Limits{Depth: 100, Values: 10_000, Merged: 100})
	if len(problems) > 0 {
		t.Fatalf("%v in\n%s", problems, text)
	}
	return release.Object{Doc: doc.Docs[0].Plain(), Template: "shop/templates/thing.yaml"}
}

// things returns a definition of the kind Thing whose spec has a schema.
func things(t testing.TB, spec string) release.Object {
	t.Helper()
	return object(t, `{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
"spec": {"group": "example.com", "names": {"kind": "Thing"}, "versions": [
  {"name": "v1", "served": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": `+spec+`}}}}]}}`)
}

func thing(t testing.TB, spec string) release.Object {
	t.Helper()
	return object(t, `{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": `+spec+`}`)
}

func setOf(t testing.TB, definitions ...release.Object) *Set {
	t.Helper()
	s, err := Compile(definitions)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// said returns the messages, without what they all end with, and hints behind a
// bar.
func said(t testing.TB, problems []release.Problem) []string {
	t.Helper()
	list := []string{}
	for _, p := range problems {
		if p.Code != release.Dropped || p.Object == "" {
			t.Errorf("problem %+v has no code or no object", p)
		}
		text, ok := strings.CutSuffix(p.Message, " (shop/templates/thing.yaml)")
		if !ok {
			t.Errorf("%q does not name the template", p.Message)
		}
		if p.Hint != "" {
			text += " | " + p.Hint
		}
		list = append(list, text)
	}
	return list
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// TestCheck holds objects against schemas: the good pass, the bad are told so.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		good []string
		bad  map[string][]string
	}{
		"unknown fields": {
			`{type: object, properties: {replicas: {type: integer}, labels: {type: object, additionalProperties: {type: string}}, ports: {type: array, items: {type: object, properties: {name: {type: string}}}}}}`,
			[]string{`{}`, `{replicas: 3, labels: {any: x}, ports: [{name: a}, {}]}`},
			map[string][]string{
				`{replica: 3}`: {"Thing/a has no field spec.replica, and the API server drops it | did you mean replicas?"},
				`{ports: [{}, {name: a, nmae: b}], x-y: {deeper: 1}}`: {
					"Thing/a has no field spec.ports[1].nmae, and the API server drops it | did you mean name?",
					`Thing/a has no field spec."x-y", and the API server drops it`,
				},
			},
		},
		"paths in order": {
			`{type: object, properties: {ports: {type: array, items: {type: object, properties: {name: {type: string}}}}}}`,
			nil,
			map[string][]string{
				`{zzzzz: 1, ports: [{}, {}, {other: 2}, {}, {}, {}, {}, {}, {}, {}, {name: 1}], aaaaa: 1}`: {
					"Thing/a has no field spec.aaaaa, and the API server drops it",
					"Thing/a has no field spec.ports[2].other, and the API server drops it",
					"spec.ports[10].name of Thing/a is a number, not a string",
					"Thing/a has no field spec.zzzzz, and the API server drops it",
				},
			},
		},
		"maps of any": {
			`{type: object, properties: {open: {type: object, additionalProperties: true}, shut: {type: object}}}`,
			[]string{`{open: {a: 1, b: x}, shut: {}}`},
			map[string][]string{
				`{open: {a: {b: 1}}, shut: {c: 1}}`: {
					"Thing/a has no field spec.open.a.b, and the API server drops it",
					"Thing/a has no field spec.shut.c, and the API server drops it",
				},
			},
		},
		"kept fields": {
			`{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: object, properties: {a: {type: string}}}, list: {type: array, x-kubernetes-preserve-unknown-fields: true, items: {type: object, properties: {deep: {type: object}}}}}}`,
			[]string{`{other: {deeper: [{x: 1}]}, known: {a: b}, list: [{other: 1}]}`},
			map[string][]string{
				`{known: {b: 1}, list: [{deep: {c: 1}}]}`: {
					"Thing/a has no field spec.known.b, and the API server drops it",
					"Thing/a has no field spec.list[0].deep.c, and the API server drops it",
				},
			},
		},
		"types": {
			`{type: object, properties: {s: {type: string}, i: {type: integer}, n: {type: number}, b: {type: boolean}, l: {type: array, items: {type: string}}, m: {type: object, properties: {}}}}`,
			[]string{`{s: x, i: 1, n: 1.5, b: true, l: [x], m: {}}`, `{i: 2.0, n: 3}`},
			map[string][]string{
				`{s: 1, i: 1.5, n: x, b: "true", l: {}, m: []}`: {
					"spec.b of Thing/a is a string, not true or false", "spec.i of Thing/a is a number, not a whole number",
					"spec.l of Thing/a is a map, not a list", "spec.m of Thing/a is a list, not a map",
					"spec.n of Thing/a is a string, not a number", "spec.s of Thing/a is a number, not a string",
				},
			},
		},
		"whole numbers or texts": {
			`{type: object, properties: {port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}, maybe: {x-kubernetes-int-or-string: true, nullable: true, anyOf: [{type: integer}, {type: string}]}}}`,
			[]string{`{port: 80, maybe: http}`, `{port: "80%", maybe: null}`},
			map[string][]string{
				`{port: 1.5, maybe: true}`: {
					"spec.maybe of Thing/a is true or false, not a whole number or a string",
					"spec.port of Thing/a is a number, not a whole number or a string",
				},
			},
		},
		"nulls": {
			`{type: object, required: [must], properties: {must: {type: string}, may: {type: string}, "null": {type: string, nullable: true}, list: {type: array, items: {type: string}}, nulls: {type: array, items: {type: string, nullable: true}}}}`,
			[]string{`{must: x, may: null, "null": null, nulls: [null]}`},
			map[string][]string{
				`{must: null, list: [null]}`: {"spec.list[0] of Thing/a is null, not a string", "Thing/a lacks spec.must, which its definition requires"},
			},
		},
		"defaults": {
			`{type: object, required: [must, map], properties: {must: {type: string, default: x}, map: {type: object, default: {}, required: [in], properties: {in: {type: integer, default: 1}}}, other: {type: object, required: [in], properties: {in: {type: integer}}}}}`,
			[]string{`{}`, `{must: null}`, `{map: {}}`},
			map[string][]string{`{other: {}}`: {"Thing/a lacks spec.other.in, which its definition requires"}},
		},
		"choices": {
			`{type: object, properties: {mode: {type: string, enum: [Always, Never]}, only: {type: string, enum: [One]}}}`,
			[]string{`{mode: Never, only: One}`},
			map[string][]string{
				`{mode: never, only: Two}`: {
					`spec.mode of Thing/a is "never", not one of "Always", "Never" | did you mean Never?`,
					`spec.only of Thing/a is "Two", not "One"`,
				},
			},
		},
		"patterns and lengths": {
			`{type: object, properties: {s: {type: string, pattern: "^[a-z]+$", minLength: 2, maxLength: 4}, l: {type: array, minItems: 1, maxItems: 2, items: {type: string}}, m: {type: object, minProperties: 1, maxProperties: 2, additionalProperties: {type: string}}}}`,
			[]string{`{s: abc, l: [a], m: {a: b}}`},
			map[string][]string{
				`{s: A, l: [], m: {}}`: {
					"spec.l of Thing/a has 0 elements, and 1 is the least", "spec.m of Thing/a has 0 fields, and 1 is the least",
					"spec.s of Thing/a does not match the pattern ^[a-z]+$", "spec.s of Thing/a has 1 character, and 2 is the least",
				},
				`{s: abcde, l: [a, b, c], m: {a: b, c: d, e: f}}`: {
					"spec.l of Thing/a has 3 elements, and 2 is the most", "spec.m of Thing/a has 3 fields, and 2 is the most",
					"spec.s of Thing/a has 5 characters, and 4 is the most",
				},
			},
		},
		"bounds": {
			`{type: object, properties: {a: {type: integer, minimum: 1, maximum: 3}, b: {type: number, minimum: 1, exclusiveMinimum: true, maximum: 2.5, exclusiveMaximum: true}, c: {type: integer, multipleOf: 2}}}`,
			[]string{`{a: 1, b: 1.5, c: 4}`, `{a: 3}`},
			map[string][]string{
				`{a: 0, b: 1, c: 3}`: {"spec.a of Thing/a is 0, and 1 is the least", "spec.b of Thing/a is 1, and must be more than 1", "spec.c of Thing/a is 3, and no multiple of 2"},
				`{a: 4, b: 2.5}`:     {"spec.a of Thing/a is 4, and 3 is the most", "spec.b of Thing/a is 2.5, and must be less than 2.5"},
			},
		},
		"formats": {
			`{type: object, properties: {i: {type: integer, format: int32}, t: {type: string, format: date-time}, d: {type: string, format: duration}, b: {type: string, format: byte}, o: {type: string, format: of-its-own}, n: {type: number, format: double}}}`,
			[]string{`{i: 2147483647, t: "2026-01-02T03:04:05.6Z", d: 1h30m, b: YWI=, o: anything, n: 1}`, `{d: 3 days}`},
			map[string][]string{
				`{i: 2147483648, t: yesterday, d: soon, b: "?"}`: {
					"spec.b of Thing/a is not of the format byte", "spec.d of Thing/a is not of the format duration",
					"spec.i of Thing/a is not of the format int32", "spec.t of Thing/a is not of the format datetime",
				},
			},
		},
		"alternatives": {
			`{type: object, properties: {a: {type: string}, b: {type: string}, c: {type: object, nullable: true, properties: {x: {type: integer}}, not: {required: [x]}}}, oneOf: [{required: [a]}, {required: [b]}], anyOf: [{properties: {a: {enum: [x]}}}, {properties: {b: {minLength: 2}}, required: [b]}], allOf: [{properties: {a: {maxLength: 1}}}]}`,
			[]string{`{a: x}`, `{b: xx, c: {}}`, `{a: x, c: null}`},
			map[string][]string{
				`{a: "y"}`:           {`spec of Thing/a fits no form that its definition allows: it has a, which is "y", not "x"; or it lacks b`},
				`{a: x, b: xx}`:      {"spec of Thing/a fits several forms, of which its definition allows one at a time"},
				`{}`:                 {"spec of Thing/a fits no form that its definition allows: it lacks a; or it lacks b"},
				`{b: xx, c: {x: 1}}`: {"spec.c of Thing/a is what its definition forbids"},
			},
		},
		"lists that are maps or sets": {
			`{type: object, properties: {m: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name, port], items: {type: object, properties: {name: {type: string}, port: {type: integer, default: 80}}}}, s: {type: array, x-kubernetes-list-type: set, items: {type: string}}, l: {type: array, items: {type: string}}}}`,
			[]string{`{m: [{name: a}, {name: b}, {name: a, port: 81}], s: [a, b], l: [a, a]}`},
			map[string][]string{
				`{m: [{name: a}, {name: a, port: 80}], s: [a, b, a]}`: {
					"spec.m[1] of Thing/a repeats spec.m[0], which has the same name and port", "spec.s[2] of Thing/a repeats spec.s[0]",
				},
			},
		},
		"objects in objects": {
			`{type: object, properties: {object: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}, closed: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}}}`,
			[]string{`{object: {apiVersion: v1, kind: Pod, metadata: {name: x, labels: {a: b}}, spec: {any: thing}}}`, `{closed: {apiVersion: v1, kind: Pod, spec: {}}}`},
			map[string][]string{
				`{object: {kind: Pod, metadata: {nmae: x}, spec: {}}, closed: {apiVersion: "", kind: Pod, metdata: {}}}`: {
					"spec.closed.apiVersion of Thing/a has 0 characters, and 1 is the least",
					"Thing/a has no field spec.closed.metdata, and the API server drops it | did you mean metadata?",
					"Thing/a lacks spec.object.apiVersion, which its definition requires",
					"Thing/a has no field spec.object.metadata.nmae, and the API server drops it | did you mean name?",
				},
			},
		},
		"rules in CEL are not evaluated": {
			`{type: object, properties: {a: {type: integer}}, x-kubernetes-validations: [{rule: "self.a > 5"}]}`,
			[]string{`{a: 1}`},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := setOf(t, things(t, c.spec))
			for _, good := range c.good {
				equal(t, good, said(t, s.Check(thing(t, good))), []string{})
			}
			for bad, want := range c.bad {
				equal(t, bad, said(t, s.Check(thing(t, bad))), want)
			}
		})
	}
}

// TestMetadata holds what every object has against what the API server knows.
func TestMetadata(t *testing.T) {
	definition := things(t, `{type: object}`)
	schema, _ := definition.Lookup("spec", "versions")
	root := schema.([]any)[0].(map[string]any)["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any)
	root["required"] = []any{"metadata", "status"}
	root["properties"].(map[string]any)["metadata"] = map[string]any{"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string", "maxLength": int64(5)}}}
	s := setOf(t, definition)
	for text, want := range map[string][]string{
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a", "namespace": "b", "labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["a/b"], "creationTimestamp": null, "generateName": "x",
		  "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1", "controller": true}]}, "status": {"any": "thing"}}`: {},
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a", "lables": {"a": "b"}, "annotations": {"a": 1}, "labels": {"b": true}, "ownerReferences": [{"kind": "A", "name": "a", "uid": "1", "uuid": "x"}], "namespace": 1}}`: {
			"metadata.annotations.a of Thing/a is a number, not a string",
			"metadata.labels.b of Thing/a is true or false, not a string",
			"Thing/a has no field metadata.lables, and the API server drops it | did you mean labels?",
			"metadata.namespace of Thing/a is a number, not a string",
			"Thing/a lacks metadata.ownerReferences[0].apiVersion, which its definition requires",
			"Thing/a has no field metadata.ownerReferences[0].uuid, and the API server drops it | did you mean uid?",
		},
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "longer"}}`:               {"metadata.name of Thing/longer has 6 characters, and 5 is the most"},
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": "a", "spce": {}}`:                  {"metadata of Thing/ is a string, not a map", "Thing/ has no field spce, and the API server drops it | did you mean spec?"},
		`{"apiVersion": "example.com/v1", "kind": "Thing", "spec": {}}`:                                   {"Thing/ lacks metadata, which its definition requires"},
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "metadat": {}}`:     {"Thing/a has no field metadat, and the API server drops it | did you mean metadata?"},
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a", "generation": "x"}}`: {"metadata.generation of Thing/a is a string, not a whole number"},
	} {
		equal(t, text, said(t, s.Check(object(t, text))), want)
	}
}

// TestVersions finds the definition of an object, or says that there is none.
func TestVersions(t *testing.T) {
	one := things(t, `{type: object, properties: {old: {type: string}}}`)
	two := object(t, `{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
"spec": {"group": "example.com", "names": {"kind": "Thing"}, "versions": [
  {"name": "v1", "served": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"new": {"type": "string"}}}}}}},
  {"name": "v2", "served": true, "schema": {"openAPIV3Schema": {"type": "object"}}},
  {"name": "v1beta1", "served": false, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}`)
	s := setOf(t, one, two)
	if got := setOf(t, two, one).Check(thing(t, `{old: x}`)); len(got) > 0 {
		t.Errorf("the last of two definitions does not count: %v", got)
	}
	for text, c := range map[string]struct {
		known bool
		want  []string
	}{
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"new": "x"}}`: {true, []string{}},
		`{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"old": "x"}}`: {true, []string{"Thing/a has no field spec.old, and the API server drops it"}},
		`{"apiVersion": "example.com/v2", "kind": "Thing", "metadata": {"name": "a"}}`:                       {true, []string{}},
		`{"apiVersion": "example.com/v1beta1", "kind": "Thing", "metadata": {"name": "a"}}`:                  {true, []string{"the definition of Thing does not serve version v1beta1, so that the API server refuses Thing/a | it serves v1, v2"}},
		`{"apiVersion": "example.com/v3", "kind": "Thing", "metadata": {"name": "a"}}`:                       {false, []string{"the definition of Thing does not serve version v3, so that the API server refuses Thing/a | it serves v1, v2"}},
		`{"apiVersion": "example.com/v1", "kind": "Thign", "metadata": {"name": "a"}}`:                       {false, []string{"no definition of example.com has the kind Thign, so that the API server refuses Thign/a | did you mean Thing?"}},
		`{"apiVersion": "example.com/v1", "kind": "Unlike", "metadata": {"name": "a"}}`:                      {false, []string{"no definition of example.com has the kind Unlike, so that the API server refuses Unlike/a | its kinds are Thing"}},
		`{"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}}`:                       {false, []string{}},
		`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "what": "ever"}`:               {false, []string{}},
	} {
		o := object(t, text)
		equal(t, text, said(t, s.Check(o)), c.want)
		if s.Known(o) != c.known {
			t.Errorf("Known(%s) = %v", text, !c.known)
		}
	}
}

// TestCompileRefuses shows what is no definition.
func TestCompileRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}`:                                                                                                         "Secret/a (shop/templates/thing.yaml) is no CustomResourceDefinition",
		`{"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition", "metadata": {"name": "a"}}`:                                                             "is of apiextensions.k8s.io/v1beta1, and API servers take definitions of apiextensions.k8s.io/v1 only",
		`{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a"}, "spec": "x"}`:                                                     "lacks spec.group",
		`{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"group": "g", "names": {"kind": "K"}}}`:                                             "lacks spec.group, spec.names.kind or spec.versions",
		`{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"group": "g", "names": {"kind": "K"}, "versions": [{"name": "v1", "schema": {}}]}}`: "lacks the name or the schema of spec.versions[0]",
	} {
		if _, err := Compile([]release.Object{object(t, text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	s := setOf(t, things(t, `{type: object, properties: {a: {type: string, pattern: "("}, b: {type: string}}}`))
	if got := said(t, s.Check(thing(t, `{a: x}`))); len(got) != 1 || !strings.Contains(got[0], "the definition of Thing is not valid") {
		t.Errorf("a definition with a broken pattern: %q", got)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	head := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: %s}\nspec: {most: 3, half: 0.5}\n"
	write("a.yaml", "---\n"+fmt.Sprintf(head, "one")+"--- # more\r\n"+fmt.Sprintf(head, "two")+"---\n# nothing\n")
	write("deep/er/b.yml", "apiVersion: v1\nkind: List\nitems:\n- "+strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf(head, "three")), "\n", "\n  ")+"\n- kind: Secret\n")
	write("c.yaml", "kind: Service\napiVersion: v1\n")
	write("d.txt", "a: b: c\n")
	found, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range found {
		got = append(got, strings.TrimPrefix(o.Template, filepath.ToSlash(dir))+" "+o.Name())
		if spec, _ := o.Lookup("spec"); fmt.Sprintf("%T %[1]v", spec) != "map[string]interface {} map[half:0.5 most:3]" {
			t.Errorf("%s: %v", o.Name(), spec)
		}
		if most, _ := o.Lookup("spec", "most"); most != int64(3) {
			t.Errorf("%T for a whole number", most)
		}
	}
	equal(t, "Read", got, []string{"/a.yaml one", "/a.yaml two", "/deep/er/b.yml three"})

	for text, want := range map[string]string{
		"a: b\n---\nc: d\n---\ne: f\ng: [h\ni: j\n": "/z.yaml:6: not valid YAML: did not find expected ',' or ']'",
		"a: 1\nb: \"unclosed\n":                     "/z.yaml:3: not valid YAML: found unexpected end of stream",
		"a: b\n---\n{{ .Values.crds }}: x y\n- z":   "/z.yaml:",
		"a: b\n---\njust text\n":                    "/z.yaml:2: the document is no object",
		"a: b\na: c\nb: d\n":                        `/z.yaml:2: not valid YAML: key "a" already set in map`,
		"apiVersion: apiextensions.k8s.io/v1beta1\nkind: CustomResourceDefinition\nmetadata: {name: old}\n": "/z.yaml: old is of apiextensions.k8s.io/v1beta1, and API servers",
	} {
		write("z.yaml", text)
		if _, err := Read(dir); err == nil || !strings.HasPrefix(err.Error(), filepath.ToSlash(dir)+want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := Read(filepath.Join(dir, "missing")); err == nil || !os.IsNotExist(err) {
		t.Errorf("a missing folder: %v", err)
	}
}

// TestGrows checks objects that need more and more of a schema, from several
// goroutines, and that none of them is changed.
func TestGrows(t *testing.T) {
	const fields = 20
	spec := map[string]any{}
	for i := range fields {
		spec[fmt.Sprint("f", i)] = map[string]any{"type": "integer", "default": int64(i)}
	}
	text, _ := json.Marshal(map[string]any{"type": "object", "properties": spec})
	s := setOf(t, things(t, string(text)))
	var wait sync.WaitGroup
	for i := range 2 * fields {
		wait.Go(func() {
			o := thing(t, fmt.Sprintf(`{f%d: x, f%d: null}`, i%fields, (i+1)%fields))
			o.Doc["status"] = map[string]any{"any": "thing"}
			before, _ := json.Marshal(o.Doc)
			want := []string{fmt.Sprintf("spec.f%d of Thing/a is a string, not a whole number", i%fields)}
			equal(t, fmt.Sprint(i), said(t, s.Check(o)), want)
			if after, _ := json.Marshal(o.Doc); string(after) != string(before) {
				t.Errorf("Check made %s of %s", after, before)
			}
		})
	}
	wait.Wait()
}

// realDefinitions returns the definitions below a folder of TEST_CRDS.
func realDefinitions(t testing.TB, folder string) []release.Object {
	t.Helper()
	dir := os.Getenv("TEST_CRDS")
	if dir == "" {
		t.Skip("TEST_CRDS names no folder of custom resource definitions")
	}
	definitions, err := Read(filepath.Join(dir, folder))
	if err != nil || len(definitions) == 0 {
		t.Fatalf("%d definitions, %v", len(definitions), err)
	}
	return definitions
}

// TestRealOnesCompile compiles all of every real definition.
func TestRealOnesCompile(t *testing.T) {
	s := setOf(t, realDefinitions(t, "")...)
	for group, kinds := range s.groups {
		for _, k := range kinds {
			for name, v := range k.versions {
				if _, err := compile(v.fields, all); err != nil {
					t.Errorf("%s/%s %s: %v", group, name, k.name, err)
				}
			}
		}
	}
}

const (
	datastore = `{"apiVersion": "apigee.cloud.google.com/v1alpha1", "kind": "ApigeeDatastore", "metadata": {"name": "default", "namespace": "apigee", "labels": {"a": "b"}},
"spec": {"components": {"cassandra": {"replicas": 3, "annotations": {"a": "b"}, "storage": {"storageClass": "fast", "storageSize": "500Gi"}}}}}`
	organization = `{"apiVersion": "apigee.cloud.google.com/v1alpha2", "kind": "ApigeeOrganization", "metadata": {"name": "acme", "namespace": "apigee"},
"spec": {"name": "acme", "axHashingSaltRef": "salt", "dataEncryptionRef": "key", "datastoreCredentialRef": "credentials", "components": {"mart": {"minReplicas": 2, "maxReplicas": 4}}}}`
)

// TestRealObjects holds objects of Apigee against its own definitions.
func TestRealObjects(t *testing.T) {
	s := setOf(t, realDefinitions(t, "apigee")...)
	for text, wrong := range map[string][3]string{
		datastore:    {"storageSize", "storagesize", "ApigeeDatastore/default has no field spec.components.cassandra.storage.storagesize, and the API server drops it | did you mean storageSize?"},
		organization: {"minReplicas", "minReplica", "ApigeeOrganization/acme has no field spec.components.mart.minReplica, and the API server drops it | did you mean minReplicas?"},
	} {
		o := object(t, text)
		if !s.Known(o) {
			t.Errorf("%s is not known", o)
		}
		equal(t, o.String(), said(t, s.Check(o)), []string{})
		equal(t, o.String(), said(t, s.Check(object(t, strings.Replace(text, wrong[0], wrong[1], 1)))), []string{wrong[2]})
	}
}

// region returns objects such as a region renders.
func region(t testing.TB) []release.Object {
	t.Helper()
	var objects []release.Object
	for range 30 {
		objects = append(objects, object(t, datastore), object(t, organization))
	}
	return objects
}

// BenchmarkCheck checks the 60 objects of a region.
func BenchmarkCheck(b *testing.B) {
	s, objects := setOf(b, realDefinitions(b, "apigee")...), region(b)
	for b.Loop() {
		for _, o := range objects {
			if problems := s.Check(o); len(problems) > 0 {
				b.Fatal(problems)
			}
		}
	}
}

// BenchmarkFirstCheck checks them with definitions that were not used yet.
func BenchmarkFirstCheck(b *testing.B) {
	definitions, objects := realDefinitions(b, "apigee"), region(b)
	for b.Loop() {
		s := setOf(b, definitions...)
		for _, o := range objects {
			s.Check(o)
		}
	}
}

// FuzzCheck checks any object against schemas with every construct, and any
// schema with any object.
func FuzzCheck(f *testing.F) {
	const spec = `{"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "properties": {"k": {"type": "string", "format": "duration", "pattern": "^a", "default": "ab"}}}},
"b": {"x-kubernetes-int-or-string": true, "nullable": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}, "c": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-embedded-resource": true},
"d": {"type": "object", "additionalProperties": {"type": "integer", "format": "int32", "enum": [1, 2]}}, "e": {"type": "array", "x-kubernetes-list-type": "set", "items": {"nullable": true, "type": "number", "maximum": 5}}}, "oneOf": [{"required": ["a"]}, {"not": {"required": ["b"]}}]}`
	for _, doc := range []string{
		`{}`, `{"a": [{"k": "a"}, {}, null, 3], "b": 1.5, "c": {"metadata": {"labels": {"a": 1}}}, "d": {"x": 3}, "e": [null, 1, 1, 9]}`,
		`{"b": "x"}`, `[]`, `"x"`, `null`, `{"a": {"k": 1}, "b": [], "c": [], "d": [[]], "e": {}}`,
	} {
		f.Add([]byte(spec), []byte(doc))
	}
	f.Add([]byte(`{"items": 3, "properties": [], "required": [{}, []], "type": ["x"], "anyOf": {}, "not": [], "default": 1}`), []byte(`{"a": [1]}`))
	f.Fuzz(func(t *testing.T, spec, doc []byte) {
		var schema, value any
		if json.Unmarshal(spec, &schema) != nil || json.Unmarshal(doc, &value) != nil {
			return
		}
		definition := things(t, `{}`)
		versions, _ := definition.Lookup("spec", "versions")
		root := versions.([]any)[0].(map[string]any)["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any)
		root["properties"].(map[string]any)["spec"] = schema
		o := thing(t, `{}`)
		o.Doc["spec"] = value
		s, err := Compile([]release.Object{definition})
		if err != nil {
			t.Fatal(err)
		}
		first := fmt.Sprint(s.Check(o))
		if second := fmt.Sprint(s.Check(o)); second != first {
			t.Errorf("Check says %s, and then %s", first, second)
		}
		o.Doc["metadata"], o.Doc["status"] = value, value
		s.Check(o)
	})
}
