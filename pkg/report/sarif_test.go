package report

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // holds the schema, see sarifSchemaText
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
)

// found is what the tests of all formats show: every severity, what is new,
// what is silenced, and places that are known in part.
var found = diag.List{
	{Code: "RP001", Severity: diag.Error, Pos: diag.Pos{File: "a b/t.yaml", Line: 3, Column: 5}, Path: "spec.x[0]", Message: "wrong <here>", Hint: "do | this", Baseline: diag.New},
	{Code: "RP002", Severity: diag.Warning, Message: "odd & bad", Baseline: diag.Unchanged},
	{Code: "RP001", Severity: diag.Note, Pos: diag.Pos{File: "t.yaml"}, Message: "50% of it,\nat: once", Baseline: diag.New},
	{Code: "RP002", Severity: diag.Error, Pos: diag.Pos{File: "t.yaml", Line: 7}, Message: "quiet", Silenced: "because", Baseline: diag.New},
}

var foundRules = []lint.Rule{
	{Code: "RP002", Name: "odd-thing", Severity: diag.Warning, Summary: "A thing is odd.", Why: "It {0} hurts.", Fix: "Set `a|b`.", Source: "[MR] odd things"},
	{Code: "RP001", Name: "wrong-thing", Severity: diag.Error, Summary: "A thing is wrong.", Why: "It <b>breaks</b>.", Fix: "Mend it.", Source: "[x](y)"},
}

func TestFindingsSARIF(t *testing.T) {
	got, err := FindingsSARIF(found, foundRules, "v1.2.3-rc.1+dirty")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "findings.sarif", got)
	validSARIF(t, got)
}

func TestFindingsSARIFOfNothing(t *testing.T) {
	got, err := FindingsSARIF(nil, nil, "(devel)")
	if err != nil {
		t.Fatal(err)
	}
	validSARIF(t, got)
	check(t, `{
  "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "ringplan",
          "version": "(devel)",
          "informationUri": "https://github.com/ringplan/ringplan",
          "rules": []
        }
      },
      "columnKind": "unicodeCodePoints",
      "results": []
    }
  ]
}
`, got)
}

func TestSARIFPlaces(t *testing.T) {
	for want, f := range map[string]diag.Finding{
		`null`: {Pos: diag.Pos{Line: 3}, Path: "spec"},
		`[{"physicalLocation":{"artifactLocation":{"uri":"t.yaml","uriBaseId":"%SRCROOT%"}}}]`:                                                                                          {Pos: diag.Pos{File: "t.yaml", Column: 3}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"t.yaml","uriBaseId":"%SRCROOT%"},"region":{"startLine":2}}}]`:                                                                 {Pos: diag.Pos{File: "t.yaml", Line: 2}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"t.yaml","uriBaseId":"%SRCROOT%"},"region":{"startLine":1}}}]`:                                                                 {Pos: diag.Pos{File: "t.yaml", Line: 1, Column: -1}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"s%C3%B6r/a%20%23%3F%25.yaml","uriBaseId":"%SRCROOT%"},"region":{"startLine":2,"startColumn":3}}}]`:                            {Pos: diag.Pos{File: "sör/a #?%.yaml", Line: 2, Column: 3}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"./a:b.yaml","uriBaseId":"%SRCROOT%"}}}]`:                                                                                      {Pos: diag.Pos{File: "a:b.yaml"}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"../t.yaml","uriBaseId":"%SRCROOT%"}}}]`:                                                                                       {Pos: diag.Pos{File: "../t.yaml"}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"file:///home/a%20b/t.yaml"}}}]`:                                                                                               {Pos: diag.Pos{File: "/home/a b/t.yaml"}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"file:///C:/t.yaml"}}}]`:                                                                                                       {Pos: diag.Pos{File: "C:/t.yaml"}},
		`[{"physicalLocation":{"artifactLocation":{"uri":"t.yaml","uriBaseId":"%SRCROOT%"}},"logicalLocations":[{"fullyQualifiedName":"spec.regions[0].seedHost","kind":"property"}]}]`: {Pos: diag.Pos{File: "t.yaml"}, Path: "spec.regions[0].seedHost"},
	} {
		got, err := json.Marshal(locationsSARIF(f))
		if err != nil {
			t.Fatal(err)
		}
		check(t, want, string(got))
	}
}

func TestSARIFVersions(t *testing.T) {
	for version, want := range map[string]string{
		"": "", "(devel)": "", "v1.2": "", "main": "", "1.2.3": "1.2.3", "v1.2.3": "1.2.3",
		"v0.0.0-20261121090000-0123456789ab+dirty": "0.0.0-20261121090000-0123456789ab+dirty",
	} {
		check(t, want, semantic(version))
	}
}

func TestSARIFOfRealRules(t *testing.T) {
	got, err := FindingsSARIF(nil, lint.Rules(), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	validSARIF(t, got)
}

// TestSARIFSchema shows that the schema refuses what it should.
func TestSARIFSchema(t *testing.T) {
	log, err := FindingsSARIF(found, foundRules, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for old, broken := range map[string]string{
		`"startLine": 3`:        `"startLine": 0`,
		`"startColumn": 5`:      `"startColumn": -1`,
		`a%20b/t.yaml`:          `a b\\t%%.yaml`,
		`"level": "note"`:       `"level": "info"`,
		`"ruleIndex": 1`:        `"ruleIndex": "1"`,
		`"kind": "inSource"`:    `"kind": "annotation"`,
		`"unicodeCodePoints"`:   `"bytes"`,
		`"version": "2.1.0"`:    `"version": "2.2"`,
		`"text": "odd & bad"`:   `"test": "odd & bad"`,
		`"informationUri": "ht`: `"informationUri": "//`,
	} {
		if !strings.Contains(log, old) {
			t.Errorf("the log does not hold %s", old)
		}
		if checkSARIF(t, strings.Replace(log, old, broken, 1)) == nil {
			t.Errorf("the schema accepts %s", broken)
		}
	}
}

func TestWithHint(t *testing.T) {
	for want, f := range map[string]diag.Finding{
		"m": {Message: "m"}, "m.": {Message: "m."}, "m. Hint: h": {Message: "m", Hint: "h"}, "n. Hint: h.": {Message: "n.", Hint: "h."},
	} {
		check(t, want, withHint(f))
	}
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]string{
		"a {b: [c]}": "a {b: [c]}", "{0} {b}": "{{0}} {{b}}", "{1{1}}": "{{1{{1}}}}", "[a](b) x[0] (y)": "[a] (b) x[0] (y)",
	} {
		check(t, want, literal(text))
	}
}

func FuzzFindingsSARIF(f *testing.F) {
	f.Add("m", "h", "t.yaml", "spec.x", 1, 2, "")
	f.Add("{0} and [a](1)", "{1}", "a b\x00\xff%zz:?#[]//", "x\"[0]", -1, -2, "\u2028")
	f.Add("", "", "//x/../y", "", 0, 7, "why")
	f.Add("\xed\xa0\x80", "\\", "1:2", "", 5, 0, "")
	f.Fuzz(func(t *testing.T, message, hint, file, path string, line, column int, silenced string) {
		finding := diag.Finding{
			Code: "RP001", Severity: diag.Error, Pos: diag.Pos{File: file, Line: line, Column: column},
			Path: path, Message: message, Hint: hint, Silenced: silenced,
		}
		got, err := FindingsSARIF(diag.List{finding, finding}, foundRules, message)
		if err != nil {
			t.Fatal(err)
		}
		validSARIF(t, got)
		var log sarifLog
		if err := json.Unmarshal([]byte(got), &log); err != nil {
			t.Fatal(err)
		}
		text := log.Runs[0].Results[0].Message.Text
		if strings.Contains(text, "](") {
			t.Errorf("%q holds a link", text)
		}
		for _, mark := range marks.FindAllString(text, -1) {
			if mark != "{{" && mark != "}}" {
				t.Errorf("%q holds the placeholder %s", text, mark)
			}
		}
	})
}

// marks are what a reader of SARIF looks for in a message.
var marks = regexp.MustCompile(`\{\{|\}\}|\{[0-9]+\}`)

// golden compares a text with a file in testdata, which UPDATE=1 rewrites.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	check(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
}

func validSARIF(t testing.TB, text string) {
	t.Helper()
	if err := checkSARIF(t, text); err != nil {
		t.Errorf("not SARIF 2.1.0: %v\n%s", err, text)
	}
}

func checkSARIF(t testing.TB, text string) error {
	t.Helper()
	schema, err := compiledSARIF()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(doc)
}

// compiledSARIF compiles the schema of the standard with its formats.
var compiledSARIF = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := sarifSchemaText()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(sarifSchema, doc); err != nil {
		return nil, err
	}
	return c.Compile(sarifSchema)
})

// sarifSchemaText finds the schema of SARIF 2.1.0 in a module that holds it, as
// a constant for its own use.
func sarifSchemaText() (string, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		return "", err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		return "", err
	}
	value := file.Scope.Lookup("schema").Decl.(*ast.ValueSpec).Values[0]
	return strconv.Unquote(value.(*ast.BasicLit).Value)
}
