package definition

import (
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compile makes a JSON schema of a structural one, without the fields whose
// schemas are not used.
func compile(s schema, used func(schema) bool) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	compiler.UseLoader(jsonschema.SchemeURLLoader{}) // which loads nothing
	for name, fits := range formats {
		compiler.RegisterFormat(&jsonschema.Format{Name: formatPrefix + name, Validate: fits.validate})
	}
	const name = "definition"
	if err := compiler.AddResource(name, s.toJSON(used)); err != nil {
		return nil, err
	}
	return compiler.Compile(name)
}

// sameInJSON are the keywords that JSON schemas have too.
var sameInJSON = []string{
	"pattern", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
}

// toJSON returns the JSON schema for what a walk returns.
func (s schema) toJSON(used func(schema) bool) map[string]any {
	out := map[string]any{}
	for _, keyword := range sameInJSON {
		if value, ok := s[keyword]; ok {
			out[keyword] = value
		}
	}
	if values, _ := s["enum"].([]any); len(values) > 0 {
		out["enum"] = values
	}
	s.typeToJSON(out)
	s.boundToJSON(out, "minimum", "exclusiveMinimum")
	s.boundToJSON(out, "maximum", "exclusiveMaximum")
	s.fieldsToJSON(out, used)
	s.logicToJSON(out)
	return out
}

// logicToJSON converts what combines schemas. Nothing of it is for null, where
// null is allowed.
func (s schema) logicToJSON(out map[string]any) {
	logic := map[string]any{}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		parts, _ := s[keyword].([]any)
		converted := make([]any, len(parts))
		for i, part := range parts {
			converted[i] = schemaOf(part).toJSON(all)
		}
		if len(parts) > 0 {
			logic[keyword] = converted
		}
	}
	if not := schemaOf(s["not"]); not != nil {
		logic["not"] = not.toJSON(all)
	}
	if s.flag("nullable") && len(logic) > 0 {
		out["if"], out["else"] = map[string]any{"type": "null"}, logic
		return
	}
	maps.Copy(out, logic)
}

func (s schema) typeToJSON(out map[string]any) {
	var types []any
	is, _ := s["type"].(string)
	switch {
	case s.flag(intOrString):
		types = []any{"integer", "string"}
	case is != "":
		types = []any{is}
	}
	if len(types) > 0 && s.flag("nullable") {
		types = append(types, "null")
	}
	if len(types) > 0 {
		out["type"] = types
	}
	format, _ := s["format"].(string)
	format = strings.ReplaceAll(format, "-", "") // as Kubernetes does
	if formats[format] != nil && (is == "integer") == strings.HasPrefix(format, "int") {
		out["format"] = formatPrefix + format
	}
}

func (s schema) boundToJSON(out map[string]any, bound, exclusive string) {
	if value, ok := s[bound]; ok {
		if s.flag(exclusive) {
			bound = exclusive
		}
		out[bound] = value
	}
}

func (s schema) fieldsToJSON(out map[string]any, used func(schema) bool) {
	properties := map[string]any{}
	for name, property := range s.properties() {
		if field := schemaOf(property); used(field) {
			properties[name] = field.toJSON(used)
		}
	}
	required, _ := s["required"].([]any)
	if s.flag(embedded) {
		required = slices.Concat(required, []any{"apiVersion", "kind"})
		for name, field := range everywhere {
			parts := []any{field.toJSON(all)}
			if own := schemaOf(s.properties()[name]); own != nil {
				parts = append(parts, own.toJSON(all))
			}
			properties[name] = map[string]any{"allOf": parts}
		}
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = unique(required)
	}
	for _, keyword := range []string{"additionalProperties", "items"} {
		if below := schemaOf(s[keyword]); below != nil && used(below) {
			out[keyword] = below.toJSON(used)
		}
	}
}

// all uses every schema.
func all(schema) bool { return true }

// unique returns the texts among values, each once.
func unique(values []any) []any {
	var once []any
	for _, value := range values {
		if name, ok := value.(string); ok && !slices.Contains(once, any(name)) {
			once = append(once, name)
		}
	}
	return once
}
