package load

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/ringplan/ringplan/schema"
)

func export(t testing.TB, format string) []byte {
	t.Helper()
	data, err := Export(schema.FS, format)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Export(schema.FS, format)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("%s differs from run to run: %v", format, err)
	}
	return data
}

func yamlToJSON(data []byte) ([]byte, error) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// compiledSchema is the exported JSON Schema, checked against the draft that
// it names.
func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(export(t, "json-schema")))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("topology.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("topology.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validateYAML(t testing.TB, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	data, err := yamlToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// TestJSONSchemaAcceptsExamples validates every example in YAML or JSON.
func TestJSONSchemaAcceptsExamples(t *testing.T) {
	s := compiledSchema(t)
	if err := validateYAML(t, s, []byte(good)); err != nil {
		t.Error(err)
	}
	count := 0
	err := filepath.WalkDir("../../examples", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "broken" || d.Name() == "rendered") {
			return filepath.SkipDir
		}
		switch d.Name() {
		case "topology.yaml", "topology.json":
			count++
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := validateYAML(t, s, data); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return nil
	})
	if err != nil || count == 0 {
		t.Errorf("%d examples; %v", count, err)
	}
}

// TestJSONSchemaRefuses wants the JSON Schema to be as strict as the loader.
func TestJSONSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	for _, c := range []struct{ name, old, new string }{
		{"misspelt at the top", "metadata:", "metaData:"},
		{"misspelt in spec", "instanceID:", "instanceId:"},
		{"misspelt below", "replicas:", "replica:"},
		{"misspelt in a region", "platform:", "platfrom:"},
		{"misspelt in values", "dnsPolicy:", "dnsPolicies:"},
		{"a field too many", "  version: 1.16.0", "  version: 1.16.0\n  versions: 1.16.0"},
		{"another kind", "kind: Topology", "kind: Deployment"},
		{"another version", "v1alpha1", "v1"},
		{"another system", "apigee-hybrid", "apigee"},
		{"a number for a version", "1.16.0", "1.16"},
		{"a string for a number", "replicas: 3", "replicas: three"},
		{"a fraction", "replicas: 3", "replicas: 3.5"},
		{"too small", "replicas: 3", "replicas: 0"},
		{"null", "replicas: 3", "replicas: null"},
		{"a map for a list", "[{name: prod}]", "{name: prod}"},
		{"an empty list", "[{name: prod}]", "[]"},
		{"a list for a map", "{name: acme}", "[acme]"},
		{"a wrong name", "{name: acme}", "{name: ../acme}"},
		{"none of the words", "platform: gke", "platform: gce"},
		{"a required field missing", "      datacenter: dc-1\n", ""},
		{"a number for a range", "[10.100.0.0/16]", "[10.1]"},
		{"a number for a property", "dnsPolicy: ClusterFirst", "dnsPolicy: 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := changed(c.old, c.new)
			if err := validateYAML(t, s, []byte(text)); err == nil {
				t.Error("the JSON Schema accepts it")
			}
			if _, findings := loadText(t, "topology.yaml", text); !findings.HasErrors() {
				t.Error("the loader accepts it")
			}
		})
	}
}

// TestOpenAPI resolves every reference of the OpenAPI document, and finds the
// same schemas in it as in the JSON Schema.
func TestOpenAPI(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(export(t, "openapi"), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["openapi"] != "3.1.0" || doc["info"] == nil || doc["paths"] == nil {
		t.Errorf("not an OpenAPI document: %v", doc["openapi"])
	}
	refs := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				refs++
				if !resolves(doc, ref) {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(doc)
	if refs == 0 || !resolves(doc, "#/components/schemas/Topology") {
		t.Errorf("%d references", refs)
	}
	if strings.Contains(string(export(t, "openapi")), "$defs") {
		t.Error("something is left in $defs")
	}
}

// resolves follows a reference inside a document.
func resolves(doc map[string]any, ref string) bool {
	path, ok := strings.CutPrefix(ref, "#/")
	var at any = doc
	for _, step := range strings.Split(path, "/") {
		m, isMap := at.(map[string]any)
		if !isMap {
			return false
		}
		at = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return ok && at != nil
}

// TestExportedCUE compiles the exported schema on its own, and wants it to be
// as strict as the loader.
func TestExportedCUE(t *testing.T) {
	source := export(t, "cue")
	v := cuecontext.New().CompileBytes(source, cue.Filename("schema.cue"))
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	shape := v.LookupPath(cue.ParsePath("#Topology"))
	for text, fits := range map[string]bool{
		good:                                 true,
		changed("replicas: 3", "replica: 3"): false,
		changed("replicas: 3", "replicas: three"): false,
		changed("dnsPolicy:", "dnsPolicies:"):     false,
	} {
		data, err := yamlToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		err = shape.Unify(cuecontext.New().CompileBytes(data)).Validate(cue.Concrete(true))
		if (err == nil) != fits {
			t.Errorf("fits: %v, but %v:\n%s", fits, err, text)
		}
	}
	if _, err := Export(schema.FS, "xml"); err == nil {
		t.Error("there is a format xml")
	}
}
