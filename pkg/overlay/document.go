package overlay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// unfit returns why kustomize cannot take documents.
func unfit(docs []map[string]any) []Problem {
	var problems []Problem
	seen := map[[5]string]int{}
	for i, doc := range docs {
		metadata, _ := doc["metadata"].(map[string]any)
		apiVersion, _ := doc["apiVersion"].(string)
		kind, _ := doc["kind"].(string)
		name, _ := metadata["name"].(string)
		namespace, _ := metadata["namespace"].(string)
		generated, _ := metadata["generateName"].(string)
		refuse := func(hint, format string, args ...any) {
			problems = append(problems, general(fmt.Sprintf("document %d: ", i+1)+fmt.Sprintf(format, args...), hint))
		}
		switch {
		case kind == "":
			refuse("", "there is no kind, so kustomize does not take it")
			continue
		case strings.HasSuffix(kind, "List") && doc["items"] != nil:
			continue
		case name == "" && generated != "":
			refuse("give it a name", "%s has a generateName %q and no name, so kustomize does not take it", kind, generated)
			continue
		case name == "" && !strings.HasSuffix(kind, "List"):
			refuse("", "%s has no metadata.name, so kustomize does not take it", kind)
			continue
		}
		group, version := resid.ParseGroupVersion(apiVersion)
		id := resid.NewResIdWithNamespace(resid.NewGvk(group, version, kind), name, namespace)
		key := [5]string{group, version, kind, id.EffectiveNamespace(), name}
		if first, ok := seen[key]; ok {
			refuse("", "%s is document %d again, so kustomize cannot tell them apart", objectID{apiVersion, kind, namespace, name}, first+1)
			continue
		}
		seen[key] = i
	}
	return problems
}

// encode returns documents as a YAML file. All texts are quoted, so that none is
// taken for something else, and none has a line that is a document's end.
func encode(docs []map[string]any) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	for i, doc := range docs {
		node, err := nodeOf(doc)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		if err := enc.Encode(node); err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func nodeOf(value any) (*yaml.Node, error) {
	switch v := value.(type) {
	case nil:
		return scalar("!!null", "null"), nil
	case bool:
		return scalar("!!bool", strconv.FormatBool(v)), nil
	case int64:
		return scalar("!!int", strconv.FormatInt(v, 10)), nil
	case float64:
		return floatNode(v)
	case string:
		return quoted(v), nil
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		return n, addItems(n, v)
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			item, err := nodeOf(v[key])
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, quoted(key), item)
		}
		return n, nil
	}
	return nil, fmt.Errorf("a document cannot hold a %T", value)
}

func addItems(n *yaml.Node, items []any) error {
	for _, item := range items {
		child, err := nodeOf(item)
		if err != nil {
			return err
		}
		n.Content = append(n.Content, child)
	}
	return nil
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func quoted(value string) *yaml.Node {
	n := scalar("!!str", strings.ToValidUTF8(value, "\uFFFD"))
	n.Style = yaml.DoubleQuotedStyle
	return n
}

// floatNode writes whole numbers with a point, which tells them from integers.
func floatNode(v float64) (*yaml.Node, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, fmt.Errorf("a document cannot hold the number %v", v)
	}
	digits := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(digits, ".e") {
		digits += ".0"
	}
	return scalar("!!float", digits), nil
}

// decodeAll returns what became of documents that had been read as before. One
// that is not changed is a copy of the original.
func decodeAll(built, before resmap.ResMap, docs []map[string]any) ([]map[string]any, error) {
	originals := map[objectID]map[string]any{}
	for _, doc := range docs {
		metadata, _ := doc["metadata"].(map[string]any)
		apiVersion, _ := doc["apiVersion"].(string)
		kind, _ := doc["kind"].(string)
		name, _ := metadata["name"].(string)
		namespace, _ := metadata["namespace"].(string)
		originals[objectID{apiVersion, kind, namespace, name}] = doc
	}
	unchanged := map[objectID]*resource.Resource{}
	for _, r := range finished(before.Resources()) {
		unchanged[identity(r)] = r
	}
	out := make([]map[string]any, 0, built.Size())
	for _, r := range built.Resources() {
		id := identity(r)
		original, known := originals[id]
		if was := unchanged[id]; known && was != nil && sameNode(was.YNode(), r.YNode()) {
			out = append(out, clone(original).(map[string]any))
			continue
		}
		doc, err := decode(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id.short(), err)
		}
		if known {
			doc = likeBefore(original, doc).(map[string]any)
		}
		out = append(out, doc)
	}
	return out, nil
}

// finished returns objects as the end of a build leaves them, which writes all
// annotations anew.
func finished(objects []*resource.Resource) []*resource.Resource {
	out := make([]*resource.Resource, len(objects))
	for i, r := range objects {
		done := r.DeepCopy()
		err := try(func() error {
			done.RemoveBuildAnnotations()
			if err := done.SetOrigin(nil); err != nil {
				return err
			}
			return done.ClearTransformations()
		})
		if err != nil {
			done = r
		}
		out[i] = done
	}
	return out
}

// decode returns an object as its JSON says.
func decode(r *resource.Resource) (map[string]any, error) {
	data, err := r.MarshalJSON()
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	return numbered(doc).(map[string]any), nil
}

// numbered makes numbers of json.Number.
func numbered(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = numbered(v[key])
		}
	case []any:
		for i := range v {
			v[i] = numbered(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	}
	return value
}

// likeBefore returns a value with the numbers that are as before as they were:
// JSON does not tell 1.0 from 1.
func likeBefore(before, value any) any {
	switch v := value.(type) {
	case map[string]any:
		if was, ok := before.(map[string]any); ok {
			for key := range v {
				v[key] = likeBefore(was[key], v[key])
			}
		}
	case []any:
		if was, ok := before.([]any); ok {
			for i := range v[:min(len(v), len(was))] {
				v[i] = likeBefore(was[i], v[i])
			}
		}
	case int64:
		if was, ok := before.(float64); ok && was == float64(v) {
			return was
		}
	}
	return value
}

func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = clone(item)
		}
		return out
	case []any:
		if v == nil {
			return v
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return value
}

// same reports whether objects hold the same in the end.
func same(a, b []*resource.Resource) bool {
	if len(a) != len(b) {
		return false
	}
	x, y := finished(a), finished(b)
	for i := range x {
		if !sameNode(x[i].YNode(), y[i].YNode()) && !sameJSON(x[i], y[i]) {
			return false
		}
	}
	return true
}

func sameJSON(a, b *resource.Resource) bool {
	x, err := decode(a)
	if err != nil {
		return false
	}
	y, err := decode(b)
	return err == nil && reflect.DeepEqual(x, y)
}

// sameNode reports whether two nodes are written with the same words.
func sameNode(a, b *yaml.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !sameNode(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// scalars returns all texts of objects.
func scalars(m resmap.ResMap) string {
	var out strings.Builder
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n == nil {
			return
		}
		out.WriteString(n.Value + "\n")
		for _, child := range n.Content {
			walk(child)
		}
	}
	for _, r := range m.Resources() {
		walk(r.YNode())
	}
	return out.String()
}
