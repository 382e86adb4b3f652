package load

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/diag"
)

// bad lists files that are no topologies, each with its findings in
// testdata/bad.txt.
func bad() []struct{ name, file, text string } {
	data, err := yamlToJSON([]byte(good))
	if err != nil {
		panic(err)
	}
	asJSON := string(data)
	large := strings.Replace(asJSON, `"replicas":3`, `"replicas":99999999999999999999`, 1)
	before, after, _ := strings.Cut(good, "metadata: {name: acme}\n")
	region := good[strings.Index(good, "    - name:"):]
	return []struct{ name, file, text string }{
		{"empty", "t.yaml", ""},
		{"blank", "t.yaml", " \n\n"},
		{"only a comment", "t.yaml", "# nothing\n"},
		{"only a document mark", "t.yaml", "---\n"},
		{"null", "t.yaml", "null\n"},
		{"an empty map", "t.yaml", "{}\n"},
		{"a word", "t.yaml", "topology\n"},
		{"a list", "t.yaml", "- topology\n"},
		{"another kind", "t.yaml", changed("kind: Topology", "kind: Deployment")},
		{"a number for a kind", "t.yaml", changed("kind: Topology", "kind: 5")},
		{"no kind", "t.yaml", changed("kind: Topology\n", "")},
		{"another version of the format", "t.yaml", changed("v1alpha1", "v2")},
		{"no version of the format", "t.yaml", changed("apiVersion: ringplan.dev/v1alpha1\n", "")},
		{"no system", "t.yaml", changed("  system: apigee-hybrid\n", "")},
		{"another system", "t.yaml", changed("apigee-hybrid", "postgres")},
		{"a list for a system", "t.yaml", changed("apigee-hybrid", "[apigee-hybrid]")},
		{"no spec", "t.yaml", good[:strings.Index(good, "spec:")]},
		{"an empty spec", "t.yaml", good[:strings.Index(good, "spec:")] + "spec:\n"},
		{"a list for a spec", "t.yaml", good[:strings.Index(good, "spec:")] + "spec: []\n"},
		{"regions that are null", "t.yaml", changed("  regions:\n"+region, "  regions:\n")},
		{"no region", "t.yaml", changed("  regions:\n"+region, "  regions: []\n")},
		{"a map for the regions", "t.yaml", changed("  regions:\n"+region, "  regions: {us-east1: {}}\n")},
		{"a region that is null", "t.yaml", good + "    -\n    - 5\n"},
		{"misspelt fields", "t.yaml", strings.NewReplacer("platform", "platfrom", "replicas", "replica", "pods", "pod").Replace(good)},
		{"Windows-1252", "t.yaml", changed("name: acme", "name: caf\xe9")},
		{"lost in conversion", "t.yaml", changed("name: acme", "name: caf\ufffd")},
		{"UTF-16", "t.yaml", "\xff\xfea\x00:\x00"},
		{"NUL", "t.yaml", changed("name: acme", "name: ac\x00me")},
		{"a control character", "t.yaml", changed("name: acme", "name: ac\x1bme")},
		{"a byte order mark inside", "t.yaml", changed("name: acme", "name: \ufeffacme")},
		{"old Mac line ends", "t.yaml", strings.ReplaceAll(good, "\n", "\r")},
		{"a line separator", "t.yaml", changed("name: acme", "name: ac\u2028me")},
		{"a tab for indentation", "t.yaml", before + "metadata:\n\tname: acme\n" + after},
		{"a tab in the middle", "t.yaml", before + "metadata:\n  name: acme\n\tlabels: {}\n" + after},
		{"two colons", "t.yaml", before + "metadata: name: acme\n" + after},
		{"bad indentation", "t.yaml", before + "metadata:\n    name: acme\n  labels: {}\n" + after},
		{"an open bracket", "t.yaml", before + "metadata: {name: acme\n" + after},
		{"an open quote", "t.yaml", before + "metadata: {name: \"acme}\n" + after},
		{"a quote too many", "t.yaml", before + "metadata: {name: 'ac'me'}\n" + after},
		{"an at sign", "t.yaml", before + "metadata:\n  name: @acme\n" + after},
		{"no colon", "t.yaml", before + "metadata\n" + after},
		{"two documents", "t.yaml", good + "---\n" + good},
		{"something after the end", "t.yaml", good + "...\n" + good},
		{"a key twice", "t.yaml", before + "metadata:\n  name: acme\n  labels: {}\n  \"name\": acme\n" + after},
		{"a merge twice", "t.yaml", before + "metadata: {<<: {name: a}, <<: {name: b}}\n" + after},
		{"a merge of no map", "t.yaml", before + "metadata: {<<: acme}\n" + after},
		{"a key of another type", "t.yaml", before + "metadata: {name: acme, 5: x, true: y, null: z}\n" + after},
		{"a map for a key", "t.yaml", before + "metadata:\n  ? {name: acme}\n  : x\n  ? [a]\n  : y\n" + after},
		{"a map behind an alias for a key", "t.yaml", before + "metadata: {name: &n {a: b}, *n : x}\n" + after},
		{"an unknown anchor", "t.yaml", before + "metadata: {name: *name}\n" + after},
		{"an anchor in itself", "t.yaml", before + "metadata: &m {name: *m}\n" + after},
		{"anchors that explode", "t.yaml", bomb()},
		{"a merge that explodes", "t.yaml", "a: &a {" + numbered("k%d: 1, ", 900) + "}\nb: {<<: [" + strings.Repeat("*a, ", 20) + "]}\n"},
		{"too many values", "t.yaml", good + numbered("k%d: 1\n", 10_000)},
		{"too deep in brackets", "t.yaml", "a: " + strings.Repeat("[", 65) + strings.Repeat("]", 65)},
		{"far too deep in brackets", "t.yaml", "a: " + strings.Repeat("[", 200_000)},
		{"too deep in maps", "t.yaml", nested(70)},
		{"too deep in dashes", "t.yaml", "a:\n- " + strings.Repeat("- ", 1000) + "x"},
		{"too deep through aliases", "t.yaml", "a: &a " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\nb: " + strings.Repeat("[", 40) + "*a" + strings.Repeat("]", 40)},
		{"a tag that is none", "t.yaml", changed("name: acme", "name: !name acme")},
		{"bytes", "t.yaml", changed("name: acme", "name: !!binary YWNtZQ==")},
		{"a tag that does not fit", "t.yaml", changed("name: acme", "name: !!int acme")},
		{"a version that is a number", "t.yaml", changed("1.16.0", "1.16")},
		{"a version that is a date", "t.yaml", changed("1.16.0", "2024-01-16")},
		{"a version that is yes", "t.yaml", changed("1.16.0", "yes")},
		{"a version that is null", "t.yaml", changed("1.16.0", "")},
		{"yes for true", "t.yaml", changed("network: {", "network: {hostNetwork: yes, ")},
		{"infinity", "t.yaml", changed("replicas: 3", "replicas: .inf")},
		{"no number", "t.yaml", changed("replicas: 3", "replicas: .NaN")},
		{"an octal number", "t.yaml", changed("replicas: 3", "replicas: 03")},
		{"an underscore in a number", "t.yaml", changed("replicas: 3", "replicas: 1_0")},
		{"a large number", "t.yaml", changed("replicas: 3", "replicas: 99999999999999999999")},
		{"a fraction", "t.yaml", changed("replicas: 3", "replicas: 3.0")},
		{"an exponent", "t.yaml", changed("replicas: 3", "replicas: 3e0")},
		{"an exponent that explodes", "t.yaml", changed("replicas: 3", "replicas: 3e999999999")},
		{"a name that leaves its folder", "t.yaml", strings.NewReplacer("name: acme}\nspec", "name: ../acme}\nspec", "name: us-east1", "name: /us-east1").Replace(good)},
		{"a name of two lines", "t.yaml", changed("name: acme", `name: "acme\n"`)},
		{"a long name", "t.yaml", changed("name: acme", "name: "+strings.Repeat("a", 64))},
		{"values that are null", "t.yaml", changed("    cassandra: {dnsPolicy: ClusterFirst}\n", "")},
		{"a list for values", "t.yaml", changed("\n    cassandra: {dnsPolicy: ClusterFirst}\n", " []\n")},
		{"misspelt values", "t.yaml", changed("dnsPolicy: ClusterFirst", "dnsPolicies: x, paramaters: {}, hostNetwork: \"yes\"")},
		{"a key without a value", "t.yaml", changed("dnsPolicy: ClusterFirst", "dnsPolicies")},
		{"a secret of the wrong type", "t.yaml", changed("dnsPolicy: ClusterFirst", "hostNetwork: hunter2")},

		{"empty JSON", "t.json", " \n"},
		{"no object", "t.json", "[]"},
		{"an empty object", "t.json", "{}"},
		{"two objects", "t.json", "{\"a\": 1}\n{\"a\": 1}"},
		{"something after the object", "t.json", "{\"a\": 1}\n}"},
		{"a comma too many", "t.json", "{\"a\": 1,\n}"},
		{"a comma too few", "t.json", "{\"a\": 1\n \"b\": 2}"},
		{"no quotes", "t.json", "{a: 1}"},
		{"a comment", "t.json", "{\"a\": 1, // one\n\"b\": 2}"},
		{"cut off", "t.json", "{\"a\": [1, 2"},
		{"cut off in a string", "t.json", "{\"a\": \"b"},
		{"a line end in a string", "t.json", "{\"a\": \"b\n\"}"},
		{"a key twice in JSON", "t.json", "{\"a\": 1,\n \"\\u0061\": 2}"},
		{"half a character", "t.json", "{\"a\": \"\\ud800\"}"},
		{"deep JSON", "t.json", strings.Repeat("{\"a\":", 65)},
		{"very deep JSON", "t.json", "{\"a\":" + strings.Repeat("[", 1_000_000)},
		{"large JSON", "t.json", "{" + numbered("\"k%d\": 1,", 10_001) + "}"},
		{"wrong types in JSON", "t.json", `{"apiVersion": "ringplan.dev/v1alpha1", "kind": "Topology", "metadata": [], "spec": {"system": "apigee-hybrid", "version": 1.16}}`},

		{"a large number in JSON", "t.json", large},
		{"a number for a string in JSON", "t.json", strings.Replace(asJSON, `"acme1"`, "1", 1)},

		{"a large number in CUE", "t.cue", "package acme\n" + large},
		{"empty CUE", "t.cue", ""},
		{"only a package", "t.cue", "package acme\n"},
		{"only hidden", "t.cue", "package acme\n_a: 1\n#B: 2\n"},
		{"a CUE list", "t.cue", "[1]"},
		{"a CUE string", "t.cue", "\"topology\""},
		{"a contradiction", "t.cue", "a: 1\na: 2\n"},
		{"no such reference", "t.cue", "a: b\n"},
		{"a circle", "t.cue", "a: {b: a}\n"},
		{"YAML in CUE", "t.cue", good},
		{"an open brace", "t.cue", "a: {\n"},
		{"NUL in CUE", "t.cue", "a: \"\x00\""},
		{"deep CUE lists", "t.cue", "a: " + strings.Repeat("[", 300_000)},
		{"deep CUE structs", "t.cue", strings.Repeat("a: {", 300_000)},
		{"deep CUE parentheses", "t.cue", "a: " + strings.Repeat("(", 300_000)},
		{"deep CUE fields", "t.cue", strings.Repeat("a:", 1_000_000) + "1"},
		{"deep CUE strings", "t.cue", "a: " + strings.Repeat(`"\(`, 300_000)},
		{"a long CUE sum", "t.cue", "a: 1" + strings.Repeat("+1", 1_000_000)},
		{"a long CUE selector", "t.cue", "a: a" + strings.Repeat(".a", 1_000_000)},
		{"a long CUE index", "t.cue", "a: a" + strings.Repeat("[0]", 1_000_000)},
		{"a long CUE sum in a string", "t.cue", "a: \"\\(1" + strings.Repeat("+1", 3_000) + ")\""},
		{"large CUE", "t.cue", numbered("k%d: 1\n", 40_000)},
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// bomb stands for 10^9 values.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 8 {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	return b.String()
}

// TestBadInput loads each bad file, and compares what is said of it with
// testdata/bad.txt.
func TestBadInput(t *testing.T) {
	golden, err := filepath.Abs("testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, c := range bad() {
		start := time.Now()
		topo, findings := loadText(t, c.file, c.text)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %s", c.name, took)
		}
		if !findings.HasErrors() {
			t.Errorf("%s: no error", c.name)
		}
		if topo != nil && !allUnderValues(findings) {
			t.Errorf("%s: a topology in spite of %v", c.name, findings)
		}
		checkFindings(t, c.file, findings)
		fmt.Fprintf(&got, "# %s\n", c.name)
		for _, f := range findings[:min(len(findings), 8)] {
			fmt.Fprintf(&got, "%s: %s [%s]", f.Pos, f.Message, f.Code)
			if f.Path != "" {
				fmt.Fprintf(&got, " at %s", f.Path)
			}
			if f.Hint != "" {
				fmt.Fprintf(&got, "\n    hint: %s", f.Hint)
			}
			got.WriteByte('\n')
		}
		got.WriteByte('\n')
	}
	if update {
		write(t, golden, got.String())
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("testdata/bad.txt differs (-want +got); UPDATE=1 rewrites it:\n%s", diff)
	}
}

func allUnderValues(findings diag.List) bool {
	for _, f := range findings {
		if !underValues(f.Path) {
			return false
		}
	}
	return true
}

// checkFindings wants every finding to have all its parts, and its place in
// the user's file.
func checkFindings(t testing.TB, file string, findings diag.List) {
	t.Helper()
	for _, f := range findings {
		if f.Code == "" || f.Message == "" || f.Severity == 0 {
			t.Errorf("a finding lacks a part: %+v", f)
		}
		if f.Pos.File != file || f.Code != codeRead && (f.Pos.Line < 1 || f.Pos.Column < 1) {
			t.Errorf("a finding has no place: %+v", f)
		}
		if len(f.Message) > 2000 || len(f.Hint) > 2000 || strings.Contains(f.Message, "#systems") {
			t.Errorf("a finding is hard to read: %+v", f)
		}
	}
}
