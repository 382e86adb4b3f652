package manifest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	yaml3 "gopkg.in/yaml.v3"
	yaml11decoder "sigs.k8s.io/yaml" // what Helm reads values with
)

// text encodes one file of the given documents.
func text(t testing.TB, docs ...*Map) string {
	t.Helper()
	data, err := Encode([]File{{Path: "f.yaml", Docs: docs}})
	if err != nil {
		t.Fatal(err)
	}
	return string(data[0])
}

func TestMapKeepsOrder(t *testing.T) {
	m := NewMap("z", 1, "a", NewMap("x", nil, "b", true))
	m.Set("m", "new").Set("z", 2).SetNonZero("kept", "x")
	m.SetNonZero("none", "").SetNonZero("none", nil).SetNonZero("none", []any{}).SetNonZero("none", []string{}).
		SetNonZero("none", map[string]any{}).SetNonZero("none", map[string]string{}).SetNonZero("none", NewMap()).SetNonZero("none", (*Map)(nil))
	want := "z: 2\na:\n  x: null\n  b: true\nm: new\nkept: x\n"
	if diff := cmp.Diff(want, text(t, m)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewMapPanicsOnMistakes(t *testing.T) {
	for name, pairs := range map[string][]any{"odd": {"a"}, "key that is no string": {1, 2}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			NewMap(pairs...)
		})
	}
}

func TestMerge(t *testing.T) {
	type values = map[string]any
	tests := map[string]struct {
		under *Map
		over  values
		want  string
	}{
		"new keys come last, sorted": {NewMap("z", 1), values{"c": 3, "b": 2, "e": 5, "d": 4, "g": 7, "f": 6}, "z: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\n"},
		"scalar replaces in place":   {NewMap("a", 1, "b", 2), values{"a": 9}, "a: 9\nb: 2\n"},
		"maps merge":                 {NewMap("m", NewMap("a", 1, "b", 2)), values{"m": values{"b": 3, "c": 4}}, "m:\n  a: 1\n  b: 3\n  c: 4\n"},
		"deep":                       {NewMap("m", NewMap("o", NewMap("a", 1))), values{"m": values{"o": values{"b": 2}}}, "m:\n  o:\n    a: 1\n    b: 2\n"},
		"into a plain map":           {NewMap("m", values{"b": 2, "a": 1}), values{"m": values{"c": 3}}, "m:\n  a: 1\n  b: 2\n  c: 3\n"},
		"into a map of strings":      {NewMap("m", map[string]string{"a": "x"}), values{"m": values{"c": 3}}, "m:\n  a: x\n  c: 3\n"},
		"map replaces scalar":        {NewMap("m", 1), values{"m": values{"a": 1}}, "m:\n  a: 1\n"},
		"scalar replaces map":        {NewMap("m", NewMap("a", 1)), values{"m": 1}, "m: 1\n"},
		"lists replace":              {NewMap("l", []any{1, 2}), values{"l": []any{3}}, "l:\n  - 3\n"},
		"null stays":                 {NewMap("m", NewMap("a", 1)), values{"m": nil}, "m: null\n"},
		"null inside":                {NewMap("m", NewMap("a", 1)), values{"m": values{"a": nil}}, "m:\n  a: null\n"},
		"map over null":              {NewMap("m", nil), values{"m": values{"a": 1}}, "m:\n  a: 1\n"},
		"empty map keeps":            {NewMap("m", NewMap("a", 1)), values{"m": values{}}, "m:\n  a: 1\n"},
		"empty map is new":           {NewMap(), values{"m": values{}}, "m: {}\n"},
		"nothing":                    {NewMap("a", 1), nil, "a: 1\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.under.Merge(tt.over)
			if diff := cmp.Diff(tt.want, text(t, tt.under)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMergeLeavesItsInputAlone matters because values of the whole ring are
// merged into every region's overrides.
func TestMergeLeavesItsInputAlone(t *testing.T) {
	shared := map[string]any{"m": map[string]any{"a": 1}}
	under := map[string]any{"k": 1}
	m := NewMap("n", under)
	m.Merge(shared)
	m.Merge(map[string]any{"m": map[string]any{"a": 2, "b": 3}, "n": map[string]any{"k": 2}})
	if diff := cmp.Diff(map[string]any{"m": map[string]any{"a": 1}}, shared); diff != "" {
		t.Errorf("merged values changed (-want +got):\n%s", diff)
	}
	if under["k"] != 1 {
		t.Errorf("the map that was merged over changed: %v", under)
	}
}

func TestLookup(t *testing.T) {
	m := NewMap("a", NewMap("b", map[string]any{"c": 1}), "n", nil, "s", "x")
	tests := map[string]struct {
		keys []string
		want any
		ok   bool
	}{
		"nested":        {[]string{"a", "b", "c"}, 1, true},
		"null is there": {[]string{"n"}, nil, true},
		"below null":    {[]string{"n", "x"}, nil, false},
		"below scalar":  {[]string{"s", "x"}, nil, false},
		"missing":       {[]string{"a", "x"}, nil, false},
		"no keys":       {nil, m, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, ok := m.Lookup(tt.keys...); got != tt.want || ok != tt.ok {
				t.Errorf("got %v, %t; want %v, %t", got, ok, tt.want, tt.ok)
			}
		})
	}
	if _, ok := (*Map)(nil).Get("a"); ok {
		t.Error("a nil map holds something")
	}
}

func TestEncode(t *testing.T) {
	m := NewMap(
		"none", nil, "yes", false, "int", 1, "int64", int64(1)<<40, "float", 0.5, "empty", "",
		"list", []any{1, "a", nil, NewMap("k", "v")}, "strings", []string{"a", "yes"}, "noList", []any{},
		"sorted", map[string]any{"b": 1, "a": 2}, "labels", map[string]string{"b": "1"}, "noMap", NewMap(),
	)
	m.Comment("int", "why\nso").Comment("missing", "never shown")
	want := `# the header
# of the file
none: null
"yes": false
# why
# so
int: 1
int64: 1099511627776
float: 0.5
empty: ""
list:
  - 1
  - a
  - null
  - k: v
strings:
  - a
  - "yes"
noList: []
sorted:
  a: 2
  b: 1
labels:
  b: "1"
noMap: {}
---
second: 2
`
	data, err := Encode([]File{{Path: "f", Header: "the header\nof the file", Docs: []*Map{m, NewMap("second", 2)}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(data[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEncodeManyIsEncodeEach holds what one encoder for many files could break.
func TestEncodeManyIsEncodeEach(t *testing.T) {
	files := []File{
		{Path: "plain", Docs: []*Map{NewMap("a", 1)}},
		{Path: "header", Header: "header", Docs: []*Map{NewMap("a", 1)}},
		{Path: "open end", Docs: []*Map{NewMap("a", "text\n\n")}},
		{Path: "after an open end", Docs: []*Map{NewMap("a", 1), NewMap("b", "text\n\n")}},
		{Path: "header after an open end", Header: "header", Docs: []*Map{NewMap("a", 1)}},
		{Path: "nothing"},
		{Path: "empty", Docs: []*Map{NewMap()}},
	}
	all, err := Encode(files)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		alone, err := Encode([]File{f})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(alone[0]), string(all[i])); diff != "" {
			t.Errorf("%s (-alone +among others):\n%s", f.Path, diff)
		}
		if got := documents(t, all[i]); got != len(f.Docs) {
			t.Errorf("%s reads as %d documents, want %d:\n%s", f.Path, got, len(f.Docs), all[i])
		}
	}
}

func documents(t *testing.T, data []byte) int {
	t.Helper()
	dec := yaml3.NewDecoder(strings.NewReader(string(data)))
	for n := 0; ; n++ {
		var v any
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestEncodeRefusesUnknownTypes(t *testing.T) {
	for name, value := range map[string]any{
		"struct": struct{}{}, "pointer": new(int), "uint": uint(1), "nil map": (*Map)(nil), "bytes": []byte("x"), "not UTF-8": "\xff",
	} {
		t.Run(name, func(t *testing.T) {
			doc := NewMap("a", []any{NewMap("b", value)})
			if data, err := Encode([]File{{Path: "f.yaml", Docs: []*Map{doc}}}); err == nil {
				t.Errorf("no error, but %q", data)
			} else if !strings.HasPrefix(err.Error(), "f.yaml: ") {
				t.Errorf("the error does not name the file: %v", err)
			}
		})
	}
}

// tricky are strings that some version of YAML reads as something else, or
// that break a careless encoder.
var tricky = []string{
	"", " ", "y", "N", "yes", "No", "on", "OFF", "true", "False", "null", "Null", "~", "012", "0o17", "0b11", "0x1f", "1_000", "1:30", "-1:30.5",
	"190:20:30", "1e3", "1.", ".5", "+1", "-0", "1e", ".inf", "-.INF", ".nan", "2001-01-01", "2001-12-14t21:59:43.10-05:00", "=", "<<",
	"- x", "-", "a: b", "a:", ":", ": a", "#", "a #b", "a#b", "?", "? a", "!x", "&a", "*a", "|", ">", "%", "@", "`", "{", "}", "[", "]", ",",
	"'", `"`, `\`, "---", "--- a", "...", "\t", "a\tb", " a", "a ", "\n", "a\n", "\na", "a\nb", "a\n\n", " a\nb", "\ta\nb", "a\n  b\n", "a \nb",
	"a\r\nb", "\r", "\u0085", "a\u2028b", "\ufeffx", "\x7f", "\x1b[31m", "é", "١", "${a}", "{{ .Values }}",
}

// checkReadsBack encodes s everywhere that a string may stand, and reads it
// with YAML 1.2 and with YAML 1.1.
func checkReadsBack(t *testing.T, s string) {
	t.Helper()
	key := s + "k" // apart from the other keys
	doc := NewMap("s", s, key, "v", "list", []any{s, NewMap("in", s)}, "strings", []string{s})
	data := text(t, doc)
	want := map[string]any{"s": s, key: "v", "list": []any{s, map[string]any{"in": s}}, "strings": []any{s}}
	for name, unmarshal := range map[string]func([]byte, any) error{
		"yaml.v3":  yaml3.Unmarshal,
		"YAML 1.1": func(b []byte, v any) error { return yaml11decoder.Unmarshal(b, v) },
	} {
		var got map[string]any
		if err := unmarshal([]byte(data), &got); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s reads something else (-want +got):\n%s\n%s", name, diff, data)
		}
	}
}

func TestStringsReadBack(t *testing.T) {
	for _, s := range tricky {
		checkReadsBack(t, s)
	}
}

// TestWordsAreQuoted covers readers of YAML 1.1 that are stricter than Helm's.
func TestWordsAreQuoted(t *testing.T) {
	for _, s := range []string{"yes", "no", "on", "off", "y", "N", "~", "012", "1_000", "1:30", "0x1f", "1e3", "2001-01-01", "", "true", "null"} {
		if got := text(t, NewMap("k", s)); got != "k: \""+s+"\"\n" {
			t.Errorf("%q is not quoted: %s", s, got)
		}
	}
	for _, s := range []string{"dc-1", "10.0.0.11", "10.100.0.0/16", "us-east1", "100Gi", "1.16.0", "yesterday"} {
		if got := text(t, NewMap("k", s)); got != "k: "+s+"\n" {
			t.Errorf("%q is quoted: %s", s, got)
		}
	}
}

func FuzzStringsReadBack(f *testing.F) {
	for _, s := range tricky {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			t.Skip("no YAML")
		}
		checkReadsBack(t, s)
	})
}

func TestPlain(t *testing.T) {
	type plain = map[string]any
	inner := plain{"x": 1}
	m := NewMap("z", 1, "a", NewMap("b", nil, "c", true).Comment("b", "a comment"), "l", []any{1, 2.0, 0.5, NewMap("d", "e"), inner, []string{"f"}},
		"s", []string{"g"}, "t", map[string]string{"h": "i"}, "p", inner, "n", int64(7), "f", 1e300, "empty", NewMap(), "text", "1")
	want := plain{
		"z": int64(1), "a": plain{"b": nil, "c": true}, "l": []any{int64(1), int64(2), 0.5, plain{"d": "e"}, plain{"x": int64(1)}, []any{"f"}},
		"s": []any{"g"}, "t": plain{"h": "i"}, "p": plain{"x": int64(1)}, "n": int64(7), "f": 1e300, "empty": plain{}, "text": "1",
	}
	got := m.Plain()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What is done to the copy is not done to the map.
	before := text(t, m)
	got["a"].(plain)["b"] = 2
	got["l"].([]any)[4].(plain)["x"] = 3
	got["p"].(plain)["y"] = 4
	got["s"].([]any)[0] = "k"
	delete(got, "z")
	if after := text(t, m); after != before || len(inner) != 1 || inner["x"] != 1 {
		t.Errorf("the map has changed:\n%s\nwas\n%s", after, before)
	}
	if got := NewMap("none", (*Map)(nil)).Plain(); len(got) != 1 || got["none"] != nil {
		t.Errorf("of no map: %v", got)
	}
	if got := NewMap().Plain(); got == nil || len(got) > 0 {
		t.Errorf("of nothing: %v", got)
	}
}
