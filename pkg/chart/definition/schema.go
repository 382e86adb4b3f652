package definition

import (
	"iter"
	"maps"
	"reflect"
	"slices"
)

// A schema is a structural schema of OpenAPI v3, as a definition has it. The nil
// schema knows no field.
type schema map[string]any

// The extensions that matter here.
const (
	preserve    = "x-kubernetes-preserve-unknown-fields"
	embedded    = "x-kubernetes-embedded-resource"
	intOrString = "x-kubernetes-int-or-string"
	listType    = "x-kubernetes-list-type"
	listKeys    = "x-kubernetes-list-map-keys"
)

func schemaOf(value any) schema {
	m, _ := value.(map[string]any)
	return m
}

// id tells a schema from all others.
func (s schema) id() uintptr { return reflect.ValueOf(s).Pointer() }

func (s schema) flag(name string) bool {
	on, _ := s[name].(bool)
	return on
}

func (s schema) properties() map[string]any { return schemaOf(s["properties"]) }

// items returns the schema of the elements of a list.
func (s schema) items() schema { return schemaOf(s["items"]) }

// names yields the fields that a schema names.
func (s schema) names() iter.Seq[string] {
	names := slices.Collect(maps.Keys(s.properties()))
	if s.flag(embedded) {
		names = slices.AppendSeq(names, maps.Keys(everywhere))
	}
	return slices.Values(names)
}

// field returns the schema of a field, and whether the field is known: one of
// additionalProperties that is true is known and has the nil schema.
func (s schema) field(name string) (schema, bool) {
	if field, ok := everywhere[name]; ok && s.flag(embedded) {
		return field, true
	}
	if property, ok := s.properties()[name]; ok {
		return schemaOf(property), true
	}
	switch additional := s["additionalProperties"].(type) {
	case bool:
		return nil, additional
	case map[string]any:
		return additional, true
	}
	return nil, false
}

// rooted returns the schema of whole objects: they have metadata, whatever it
// says of it, and a status that controllers write.
func rooted(s schema) schema {
	root := maps.Clone(s)
	root[embedded] = true
	required, _ := s["required"].([]any)
	root["required"] = slices.DeleteFunc(slices.Clone(required), func(name any) bool { return name == status })
	return root
}

const status = "status"

// Schemas of fields of ObjectMeta.
var (
	anyText  = schema{"type": "string"}
	someText = schema{"type": "string", "minLength": 1}
	texts    = schema{"type": "object", "additionalProperties": map[string]any(anyText)}
	whole    = schema{"type": "integer", "format": "int64"}
	truth    = schema{"type": "boolean"}
	moment   = schema{"type": "string", "format": "date-time"}
)

// everywhere are the fields that every object has, with or without its
// definition saying so.
var everywhere = map[string]schema{
	"apiVersion": someText,
	"kind":       someText,
	"metadata": objectOf(map[string]schema{
		"name": anyText, "generateName": anyText, "namespace": anyText, "selfLink": anyText, "uid": anyText, "resourceVersion": anyText,
		"generation": whole, "creationTimestamp": moment, "deletionTimestamp": moment, "deletionGracePeriodSeconds": whole,
		"labels": texts, "annotations": texts, "finalizers": listOf(anyText),
		"ownerReferences": listOf(objectOf(map[string]schema{
			"apiVersion": someText, "kind": someText, "name": someText, "uid": someText, "controller": truth, "blockOwnerDeletion": truth,
		}, "apiVersion", "kind", "name", "uid")),
		"managedFields": listOf(objectOf(map[string]schema{
			"manager": anyText, "operation": anyText, "apiVersion": anyText, "time": moment, "fieldsType": anyText, "subresource": anyText,
			"fieldsV1": {"type": "object", preserve: true},
		})),
	}),
}

func objectOf(fields map[string]schema, required ...any) schema {
	properties := map[string]any{}
	for name, field := range fields {
		properties[name] = map[string]any(field)
	}
	return schema{"type": "object", "properties": properties, "required": required}
}

func listOf(items schema) schema { return schema{"type": "array", "items": map[string]any(items)} }
