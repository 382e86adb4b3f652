package load

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

const defsPrefix = "#/$defs/"

// flatten puts the fields of a definition into every map of a JSON Schema that
// embeds it. CUE's generator leaves both closed, so that each refuses the
// fields of the other. Definitions that nothing refers to afterwards go.
func flatten(data []byte) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	defs, ok := doc["$defs"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no $defs")
	}
	f := flattener{defs: defs, done: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		f.definition(name)
	}
	f.walk(doc["anyOf"])
	f.drop(doc)
	header, err := json.Marshal(doc["$schema"])
	if err != nil {
		return nil, err
	}
	delete(doc, "$schema")
	rest, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte(`{"$schema":`), header, []byte(","), rest[1:]), nil
}

type flattener struct {
	defs map[string]any
	done map[string]bool
}

// definition flattens one definition, once.
func (f *flattener) definition(name string) map[string]any {
	def, _ := f.defs[name].(map[string]any)
	if !f.done[name] {
		f.done[name] = true
		f.walk(def)
	}
	return def
}

func (f *flattener) walk(v any) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && v["properties"] != nil {
			f.embed(v, f.definition(strings.TrimPrefix(ref, defsPrefix)))
		}
		for _, child := range v {
			f.walk(child)
		}
	case []any:
		for _, child := range v {
			f.walk(child)
		}
	}
}

// embed copies what a definition has into a map that refers to it.
func (f *flattener) embed(into, def map[string]any) {
	delete(into, "$ref")
	fields, _ := into["properties"].(map[string]any)
	embedded, _ := def["properties"].(map[string]any)
	for name, field := range embedded {
		if own, ok := fields[name]; ok && !reflect.DeepEqual(own, field) {
			field = map[string]any{"allOf": []any{own, field}}
		}
		fields[name] = field
	}
	required := map[string]bool{}
	for _, from := range []map[string]any{into, def} {
		names, _ := from["required"].([]any)
		for _, name := range names {
			required[fmt.Sprint(name)] = true
		}
	}
	if len(required) > 0 {
		into["required"] = slices.Sorted(maps.Keys(required))
	}
}

// drop removes the definitions that nothing refers to.
func (f *flattener) drop(doc map[string]any) {
	used := map[string]bool{}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, defsPrefix)
				if !used[name] {
					used[name] = true
					visit(f.defs[name])
				}
			}
			for _, child := range v {
				visit(child)
			}
		case []any:
			for _, child := range v {
				visit(child)
			}
		}
	}
	visit(doc["anyOf"])
	maps.DeleteFunc(f.defs, func(name string, _ any) bool { return !used[name] })
}
