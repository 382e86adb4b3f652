package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var wide = Limits{Depth: 1000, Values: 1_000_000, Merged: 1000}

func TestFromJSON(t *testing.T) {
	tests := map[string]struct {
		json, want string // want in YAML
	}{
		"order":              {`{"z": 1, "a": 2, "m": 3}`, "z: 1\na: 2\nm: 3\n"},
		"order of inner":     {`{"o": {"z": 1, "a": {"y": 1, "b": 2}}}`, "o:\n  z: 1\n  a:\n    \"y\": 1\n    b: 2\n"},
		"a key twice":        {`{"z": 1, "a": 2, "z": 3}`, "z: 3\na: 2\n"},
		"nothing":            {`{}`, "{}\n"},
		"empty":              {`{"m": {}, "l": [], "s": "", "n": null}`, "m: {}\nl: []\ns: \"\"\n\"n\": null\n"},
		"nested":             {`{"l": [1, [2, {"a": [{}]}], {"b": 3}]}`, "l:\n  - 1\n  - - 2\n    - a:\n        - {}\n  - b: 3\n"},
		"words":              {`{"a": true, "b": false, "c": "true", "d": "no", "e": "~", "f": "null"}`, "a: true\nb: false\nc: \"true\"\nd: \"no\"\ne: \"~\"\nf: \"null\"\n"},
		"texts like numbers": {`{"a": "1", "b": "1.0", "c": "0x1f", "d": "1e3", "e": "012", "f": "1:30", "g": "1_0"}`, "a: \"1\"\nb: \"1.0\"\nc: \"0x1f\"\nd: \"1e3\"\ne: \"012\"\nf: \"1:30\"\ng: \"1_0\"\n"},
		"texts like times":   {`{"a": "2026-03-02", "b": "2026-03-02T12:00:00Z"}`, "a: \"2026-03-02\"\nb: \"2026-03-02T12:00:00Z\"\n"},
		"escapes":            {`{"a": "\u00e9\u003c\/\"\\", "b": "\ud83d\ude00", "c": "\ud83d"}`, "a: é</\"\\\nb: \"\\U0001F600\"\nc: \ufffd\n"},
		"whole numbers":      {`{"a": 0, "b": -7, "c": 9223372036854775807, "d": -9223372036854775808, "e": 9007199254740993}`, "a: 0\nb: -7\nc: 9223372036854775807\nd: -9223372036854775808\ne: 9007199254740993\n"},
		"other numbers":      {`{"a": 0.5, "b": 1e21, "c": 1E-7, "d": -2.50, "e": 1e2}`, "a: 0.5\nb: 1e+21\nc: 1e-07\nd: -2.5\ne: 100\n"},
		"too large for int":  {`{"a": 9223372036854775808, "b": 18446744073709551616}`, "a: 9.223372036854776e+18\nb: 1.8446744073709552e+19\n"},
		"space around":       {"\n\t { \"a\" : 1 }\r\n", "a: 1\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := FromJSON([]byte(tt.json))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, text(t, m)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromJSONTypes(t *testing.T) {
	m, err := FromJSON([]byte(`{"i": 1, "f": 1.5, "whole": 1.0, "large": 1e19, "l": [1], "m": {"k": null}, "b": true}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"i": "int64 1", "f": "float64 1.5", "whole": "float64 1", "large": "float64 1e+19", "l": "[]interface {} [1]", "b": "bool true",
	} {
		v, _ := m.Get(key)
		if got := fmt.Sprintf("%T %v", v, v); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	if v, ok := m.Lookup("m", "k"); v != nil || !ok {
		t.Errorf("m.k: got %v, %t", v, ok)
	}
}

func TestFromJSONRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing": ``, "blanks": ` `, "null": `null`, "a list": `[]`, "a list of maps": `[{}]`, "text": `"a"`, "a number": `1`, "a word": `true`,
		"two values": `{} {}`, "a value and more": `{}x`, "a bracket more": `{}}`, "a list behind": `{}[]`,
		"cut off": `{`, "cut off in a key": `{"a`, "cut off after a key": `{"a"`, "cut off before a value": `{"a":`, "cut off in a text": `{"a": "b`,
		"cut off after a value": `{"a": 1`, "cut off after a comma": `{"a": 1,`, "cut off in a list": `{"a": [1`, "cut off in a map": `{"a": {"b": 1}`,
		"the wrong bracket": `{"a": [1}}`, "no colon": `{"a" 1}`, "no comma": `{"a": 1 "b": 2}`, "a comma more": `{"a": 1,}`, "a key that is a number": `{1: 2}`,
		"a key without quotes": `{a: 1}`, "YAML": "a: 1\n", "a number of no form": `{"a": 01}`, "out of range": `{"a": 1e400}`, "out of range below": `{"a": [{"b": -1e400}]}`,
		"NaN": `{"a": NaN}`, "a line break in a text": "{\"a\": \"b\nc\"}",
	} {
		if m, err := FromJSON([]byte(data)); err == nil || m != nil {
			t.Errorf("%s: no error, but %v", name, m)
		}
	}
}

func TestToJSON(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"scalars":               {"a: 1\nb: 0.5\nc: true\nd: null\ne: text\nf: ~\ng:\n", `{"a":1,"b":0.5,"c":true,"d":null,"e":"text","f":null,"g":null}`},
		"nested":                {"a: [1, {b: [c]}]\nm: {}\nl: []\n", `{"a":[1,{"b":["c"]}],"l":[],"m":{}}`},
		"times are texts":       {"a: 2026-03-02\nb: 2026-03-02T12:00:00Z\nc: 2026-03-02 12:00:00.5 +1\nd: [2026-03-02]\n2026-03-02: e\n", `{"2026-03-02":"e","a":"2026-03-02","b":"2026-03-02T12:00:00Z","c":"2026-03-02 12:00:00.5 +1","d":["2026-03-02"]}`},
		"a tagged time":         {"a: !!timestamp 2026-03-02\n", `{"a":"2026-03-02"}`},
		"words of YAML 1.1":     {"a: yes\nb: \"no\"\nc: On\n", `{"a":"yes","b":"no","c":"On"}`},
		"numbers":               {"a: 0x1f\nb: -0\nc: 1e3\nd: 9223372036854775807\ne: 1.0\nf: 1e-7\n", `{"a":31,"b":0,"c":1000,"d":9223372036854775807,"e":1,"f":1e-7}`},
		"texts in many ways":    {"a: |\n  x\n  y\nb: >-\n  x\n  y\nc: 'it''s'\nd: \"\\x41\\u00e9\"\ne: x\n  y\n", `{"a":"x\ny\n","b":"x y","c":"it's","d":"Aé","e":"x y"}`},
		"aliases":               {"a: &x {b: 1}\nc: *x\nd: [*x, *x]\n", `{"a":{"b":1},"c":{"b":1},"d":[{"b":1},{"b":1}]}`},
		"a time behind a name":  {"a: &x 2026-03-02\nb: *x\n", `{"a":"2026-03-02","b":"2026-03-02"}`},
		"merged":                {"a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", `{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}`},
		"comments":              {"# top\na: 1 # end\n# bottom\n", `{"a":1}`},
		"line ends of Windows":  {"a: 1\r\nb: |\r\n  x\r\n  y\r\n", `{"a":1,"b":"x\ny\n"}`},
		"one document, started": {"---\na: 1\n...\n", `{"a":1}`},
		"JSON":                  {`{"a": {"b": [1, "\u00e9"]}}`, `{"a":{"b":[1,"é"]}}`},
		"a quoted <<":           {"\"<<\": 1\n", `{"\u003c\u003c":1}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, problems := ToJSON([]byte(tt.yaml), wide)
			if len(problems) > 0 {
				t.Fatalf("problems: %v", problems)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestToJSONRefuses(t *testing.T) {
	small := Limits{Depth: 5, Values: 20, Merged: 10}
	tests := map[string]struct{ yaml, want string }{
		"nothing":                 {"", "1:1: the file is empty"},
		"comments":                {"# a\n", "1:1: the file is empty"},
		"a list":                  {"- a\n", "1:1: the file holds a list, not a map"},
		"a text":                  {"a\n", "1:1: the file holds a single value"},
		"no YAML":                 {"a: 1\nb: [\n", "not valid YAML"},
		"two documents":           {"a: 1\n---\nb: 2\n", "a second document starts here"},
		"a key twice":             {"a: 1\nb: 2\na: 3\n", `3:1: "a" is set twice`},
		"a key that is a list":    {"? [a]\n: 1\n", "a key is a list"},
		"a key that is a number":  {"a: 1\n1: 2\n", "JSON cannot"},
		"a key that is null":      {"a: {~: 2}\n", "JSON cannot"},
		"a key that is a word":    {"true: 2\n", "JSON cannot"},
		"not a number":            {"a: .nan\n", "1:4: .nan is no number"},
		"infinite":                {"a: [-.inf]\n", "1:5: -.inf is no number"},
		"octal":                   {"a: 012\n", "1:4: 012 is no number"},
		"too large":               {"a: 9223372036854775808\n", "1:4: 9223372036854775808 is too large"},
		"another tag":             {"a: !Ref b\n", "1:4: the tag !Ref"},
		"binary":                  {"a: !!binary aGk=\n", "the tag !!binary"},
		"a tag that does not fit": {"a: 1\nb: !!bool text\n", "not valid YAML"},
		"too deep":                {"a: {b: {c: {d: {e: {}}}}}\n", "nested more than 5 levels"},
		"too many":                {"a: [" + strings.Repeat("1, ", 30) + "]\n", "more than 20 values"},
		"too many by aliases":     {"a: &x [1, 2, 3, 4]\nb: &y [*x, *x]\nc: [*y, *y]\n", "more than 20 values"},
		"an alias of itself":      {"a: &x [*x]\n", `the anchor "x" contains itself`},
		"an alias of nothing":     {"a: *x\n", "unknown anchor"},
		"no UTF-8":                {"a: \xff\n", "not valid YAML"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, problems := ToJSON([]byte(tt.yaml), small)
			var list []string
			for _, p := range problems {
				list = append(list, fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message))
				if p.Line < 1 || p.Column < 1 {
					t.Errorf("the problem stands nowhere: %+v", p)
				}
			}
			if got != nil || !strings.Contains(strings.Join(list, "\n"), tt.want) {
				t.Errorf("got %q and %q, want …%s…", got, list, tt.want)
			}
		})
	}
}

// checkJSONReadsBack takes a JSON object through YAML and back, and wants the
// same value.
func checkJSONReadsBack(t *testing.T, data []byte) {
	t.Helper()
	m, err := FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	yaml := text(t, m)
	back, problems := ToJSON([]byte(yaml), Limits{Depth: 100_000, Values: 1_000_000, Merged: 1})
	if len(problems) > 0 {
		t.Fatalf("%v\n%s", problems, yaml)
	}
	if given, got := exact(t, data), exact(t, back); !reflect.DeepEqual(given, got) { // cmp is slow where it is deep
		t.Errorf("given %s, read back %s from\n%s", data, back, yaml)
	}
	again, err := FromJSON(back)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sortedKeys(m), sortedKeys(again)); diff != "" {
		t.Errorf("keys (-given +read back):\n%s", diff)
	}
}

// exact decodes JSON with whole numbers that fit an int64 kept exactly.
func exact(t *testing.T, data []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return exactNumbers(v)
}

func exactNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f) // 1.0 is written as 1
		}
		return f
	case map[string]any:
		for k := range v {
			v[k] = exactNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = exactNumbers(v[i])
		}
	}
	return v
}

func sortedKeys(m *Map) []string {
	keys := slices.Clone(m.keys)
	slices.Sort(keys)
	return keys
}

// quoted returns a string as JSON.
func quoted(s string) string {
	data, _ := json.Marshal(s)
	return string(data)
}

func TestJSONReadsBack(t *testing.T) {
	numbers := []string{
		"0", "-0", "1", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "123456789012345678901234567890",
		"0.1", "1.0", "1e2", "1e21", "1E-7", "5e-324", "1.7976931348623157e308", "-2.5e-10", "3.0000000000000004", "100000000000000000000",
	}
	for _, n := range numbers {
		checkJSONReadsBack(t, []byte(`{"n": `+n+`, "l": [`+n+`], "m": {"k": [[`+n+`]]}}`))
	}
	long := strings.Repeat("long ", 100)
	for _, s := range append(slices.Clone(tricky), long, long+"\n"+long, "\x00", "\x01\x02", "\U0001F600", "\ufffe\uffff", "\u2029", "key\nof\nlines", "a\u00a0b") {
		if s == "<<" {
			continue // see TestMergeKeyReadsBack
		}
		q := quoted(s)
		checkJSONReadsBack(t, []byte(`{"s": `+q+`, `+q+`: 1, "l": [`+q+`, [`+q+`], {`+q+`: `+q+`}], "m": {`+q+`: {`+q+`: null}}}`))
	}
	checkJSONReadsBack(t, []byte(`{"a": `+strings.Repeat(`[`, 500)+strings.Repeat(`]`, 500)+`}`))
	checkJSONReadsBack(t, []byte(strings.Repeat(`{"a": `, 500)+`1`+strings.Repeat(`}`, 500)))
}

func TestMergeKeyReadsBack(t *testing.T) {

	checkJSONReadsBack(t, []byte(`{"<<": {"a": 1}, "m": {"<<": "text"}}`))
	checkJSONReadsBack(t, []byte(`{"s": "<<", "l": ["<<"]}`))
}

func FuzzJSONReadsBack(f *testing.F) {
	for _, s := range tricky {
		f.Add([]byte(`{"s": ` + quoted(s) + `, "l": [{` + quoted(s+"k") + `: [1, null]}]}`))
	}
	for _, s := range []string{
		`{}`, `{"a": -0.0, "b": 1e21, "c": 9223372036854775808, "d": [[], {}, [{}]]}`, `{"a": {"a": 1}, "b": "2026-03-02T12:00:00Z", "": ""}`,
		`{"a": "\ud800 \u0000 \u0085 \u2028 \ufeff"}`, `{"a": "x", "a": ["y"]}`, "{\"\xff\": \"\xfe\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := FromJSON(data); err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatal("what is no JSON is read")
		}
		checkJSONReadsBack(t, data)
	})
}
