package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/encoding/jsonschema"
)

// ExportFormats are the formats that Export knows.
var ExportFormats = []string{"cue", "json-schema", "openapi"}

// Export renders the schema of a topology in one of [ExportFormats].
func Export(schema fs.FS, as string) ([]byte, error) {
	if as == "cue" {
		return exportCUE(schema)
	}
	jsonSchema, err := exportJSONSchema(schema)
	if err != nil {
		return nil, fmt.Errorf("json-schema: %w", err)
	}
	switch as {
	case "json-schema":
		return indented(jsonSchema)
	case "openapi":
		return exportOpenAPI(jsonSchema)
	}
	return nil, fmt.Errorf("unknown format %q", as)
}

func exportJSONSchema(schema fs.FS) ([]byte, error) {
	ctx := cuecontext.New()
	v, err := compile(ctx, schema, nil)
	if err != nil {
		return nil, err
	}
	expr, err := jsonschema.Generate(v.LookupPath(cue.ParsePath("#Topology")), nil)
	if err != nil {
		return nil, err
	}
	data, err := ctx.BuildExpr(expr).MarshalJSON()
	if err != nil {
		return nil, err
	}
	return flatten(data)
}

// exportOpenAPI wraps a JSON Schema: OpenAPI 3.1 uses the same language, only
// its definitions stand elsewhere.
func exportOpenAPI(jsonSchema []byte) ([]byte, error) {
	const defs, components = `"#/$defs/`, `"#/components/schemas/`
	var topology map[string]json.RawMessage
	if err := json.Unmarshal(bytes.ReplaceAll(jsonSchema, []byte(defs), []byte(components)), &topology); err != nil {
		return nil, err
	}
	var schemas map[string]json.RawMessage
	if err := json.Unmarshal(topology["$defs"], &schemas); err != nil {
		return nil, err
	}
	delete(topology, "$defs")
	delete(topology, "$schema")
	root, err := json.Marshal(topology)
	if err != nil {
		return nil, err
	}
	schemas["Topology"] = root
	data, err := json.Marshal(map[string]any{
		"openapi":    "3.1.0",
		"info":       map[string]any{"title": "A ringplan topology", "version": "v1alpha1"},
		"paths":      map[string]any{},
		"components": map[string]any{"schemas": schemas},
	})
	if err != nil {
		return nil, err
	}
	return indented(data)
}

func indented(data []byte) ([]byte, error) {
	var buf bytes.Buffer
	if err := json.Indent(&buf, data, "", "  "); err != nil {
		return nil, err
	}
	buf.WriteByte('\n')
	return buf.Bytes(), nil
}

// exportCUE prints all files of the schema as one, which users can keep as a
// package of their own module.
func exportCUE(schema fs.FS) ([]byte, error) {
	names, err := fs.Glob(schema, "*.cue")
	if err != nil {
		return nil, err
	}
	clause := &ast.Package{Name: ast.NewIdent("schema")}
	ast.AddComment(clause, &ast.CommentGroup{Doc: true, List: []*ast.Comment{{Text: "// The shape of a ringplan topology; `ringplan schema` prints it."}}})
	imports := &ast.ImportDecl{}
	all := &ast.File{Decls: []ast.Decl{clause, imports}}
	for _, name := range names {
		data, err := fs.ReadFile(schema, name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(name, data, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		appendDecls(all, imports, f)
	}
	if err := astutil.SanitizeFiles([]*ast.File{all}); err != nil {
		return nil, err
	}
	return format.Node(all)
}

// appendDecls adds what a file declares to another, and what it imports to a
// declaration there.
func appendDecls(all *ast.File, imports *ast.ImportDecl, f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.Package:
		case *ast.ImportDecl:
			for _, spec := range d.Specs {
				same := func(other *ast.ImportSpec) bool { return other.Path.Value == spec.Path.Value }
				if !slices.ContainsFunc(imports.Specs, same) {
					imports.Specs = append(imports.Specs, spec)
				}
			}
		default:
			all.Decls = append(all.Decls, d)
		}
	}
}
