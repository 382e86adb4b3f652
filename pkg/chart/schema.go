package chart

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	helm "helm.sh/helm/v3/pkg/chart"

	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/topology"
)

// compileSchemas compiles the values.schema.json of a chart and of what it
// contains. One that refers to another file or address is refused: nothing is
// fetched for it.
func (c *Chart) compileSchemas(of *helm.Chart) error {
	if len(of.Schema) > 0 && c.schemas[string(of.Schema)] == nil {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(of.Schema))
		compiler := jsonschema.NewCompiler()
		compiler.UseLoader(jsonschema.SchemeURLLoader{})
		const name = "file:///values.schema.json" // as Helm has it
		if err == nil {
			err = compiler.AddResource(name, doc)
		}
		if err == nil {
			c.schemas[string(of.Schema)], err = compiler.Compile(name)
		}
		if err != nil {
			return fmt.Errorf("values.schema.json of %s: %s", of.Name(), oneLine(err.Error()))
		}
	}
	for _, sub := range of.Dependencies() {
		if err := c.compileSchemas(sub); err != nil {
			return err
		}
	}
	return nil
}

// schemaProblems holds the values of a chart, which stand at a path, against its
// schema, and those of the charts that it uses against theirs.
func (c *Chart) schemaProblems(of *helm.Chart, values map[string]any, at string) []release.Problem {
	var problems []release.Problem
	if compiled := c.schemas[string(of.Schema)]; compiled != nil {
		var invalid *jsonschema.ValidationError
		if err := compiled.Validate(values); errors.As(err, &invalid) {
			problems = complaints(of.Name(), at, values, invalid)
			slices.SortFunc(problems, func(p, q release.Problem) int {
				return cmp.Or(cmp.Compare(p.Value, q.Value), cmp.Compare(p.Message, q.Message))
			})
		}
	}
	for _, sub := range of.Dependencies() {
		path := topology.JoinPath(at, sub.Name())
		switch below := values[sub.Name()].(type) {
		case map[string]any:
			problems = append(problems, c.schemaProblems(sub, below, path)...)
		case nil:
		default:
			problems = append(problems, release.Problem{Code: release.AgainstSchema, Value: path, Message: fmt.Sprintf("chart %s: got %T, want object", sub.Name(), below)})
		}
	}
	return problems
}

var english = message.NewPrinter(language.English)

// complaints returns the leaves of an error of values that stand at a path: those
// that have no cause below them.
func complaints(chart, at string, values any, e *jsonschema.ValidationError) []release.Problem {
	if len(e.Causes) == 0 {
		value := pathIn(at, values, e.InstanceLocation)
		return []release.Problem{{
			Code: release.AgainstSchema, Value: value,
			Message: fmt.Sprintf("chart %s refuses %s: %s", chart, cmp.Or(value, "the values"), e.ErrorKind.LocalizedString(english)),
		}}
	}
	var problems []release.Problem
	for _, cause := range e.Causes {
		problems = append(problems, complaints(chart, at, values, cause)...)
	}
	return problems
}

// pathIn returns the path of a place in values that stand at a path.
func pathIn(at string, values any, place []string) string {
	for _, key := range place {
		switch v := values.(type) {
		case map[string]any:
			at, values = topology.JoinPath(at, key), v[key]
		case []any:
			at += "[" + key + "]"
			if i, err := strconv.Atoi(key); err == nil && i < len(v) {
				values = v[i]
			}
		}
	}
	return at
}
