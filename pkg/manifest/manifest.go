// Package manifest holds the documents that ringplan renders: ordered maps
// with comments, their canonical YAML bytes, and the field-wise difference
// between two sets of them.
package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ringplan/ringplan/pkg/diag"
)

// A File is one rendered file of one or more documents.
type File struct {
	// Path is slash-separated and relative to the rendered tree.
	Path string
	// Header is a comment at the top, without '#'; empty for none.
	Header string
	Docs   []*Map
	// Origin is the place in the topology that the file comes from, and Rule
	// names what made it.
	Origin diag.Pos
	Rule   string
}

// A Map is a mapping that keeps the order in which its keys were set. Values
// are nil, bool, string, int, int64, float64, *Map, []any, []string,
// map[string]any and map[string]string; plain maps are written in key order.
type Map struct {
	keys     []string
	values   map[string]any
	comments map[string]string
}

// NewMap returns a map of the given alternating keys and values. It panics on
// an odd count or a key that is no string, which are mistakes of the caller.
func NewMap(pairs ...any) *Map {
	m := &Map{values: map[string]any{}}
	if len(pairs)%2 != 0 {
		panic("manifest: NewMap: odd number of arguments")
	}
	for i := 0; i < len(pairs); i += 2 {
		m.Set(pairs[i].(string), pairs[i+1])
	}
	return m
}

// Set sets a key, at the end of the order if it is new. It returns m.
func (m *Map) Set(key string, value any) *Map {
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key] = value
	return m
}

// SetNonZero sets a key unless the value is "", nil or an empty list or map.
func (m *Map) SetNonZero(key string, value any) *Map {
	if !isEmpty(value) {
		m.Set(key, value)
	}
	return m
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	case *Map:
		return v == nil || len(v.keys) == 0
	}
	return false
}

// Comment puts a comment, without '#', above a key.
func (m *Map) Comment(key, comment string) *Map {
	if m.comments == nil {
		m.comments = map[string]string{}
	}
	m.comments[key] = comment
	return m
}

// Get returns the value of a key.
func (m *Map) Get(key string) (any, bool) {
	if m == nil {
		return nil, false
	}
	v, ok := m.values[key]
	return v, ok
}

// Keys lists the keys in their order; none of a nil map.
func (m *Map) Keys() []string {
	if m == nil {
		return nil
	}
	return slices.Clone(m.keys)
}

// Lookup follows keys through nested maps.
func (m *Map) Lookup(keys ...string) (any, bool) {
	var at any = m
	for _, k := range keys {
		var ok bool
		switch v := at.(type) {
		case *Map:
			at, ok = v.Get(k)
		case map[string]any:
			at, ok = v[k]
		}
		if !ok {
			return nil, false
		}
	}
	return at, true
}

// Plain returns a copy of m as plain maps, lists and scalars. Whole numbers are
// int64, others float64.
func (m *Map) Plain() map[string]any { return plainMap(m.values) }

// Merge lays values over m: maps merge key by key, anything else replaces, null
// too, which tells Helm to drop its default. New keys come last, in key order.
// The maps that Merge stores are its own; lists are shared with values.
func (m *Map) Merge(values map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(values)) {
		over, isMap := values[k].(map[string]any)
		if !isMap {
			m.Set(k, values[k])
			continue
		}
		under, ok := ordered(m.values[k])
		if !ok {
			under = NewMap()
		}
		under.Merge(over)
		m.Set(k, under)
	}
}

// ordered returns a map of any kind as a *Map, in key order if it has none of
// its own.
func ordered(value any) (*Map, bool) {
	switch v := value.(type) {
	case *Map:
		return v, v != nil
	case map[string]any:
		return sorted(v), true
	case map[string]string:
		return sorted(v), true
	}
	return nil, false
}

// Encode returns each file as canonical YAML: two spaces of indent, keys in the
// order of their maps, strings quoted where YAML 1.1 or 1.2 would read them as
// anything else.
func Encode(files []File) ([][]byte, error) {
	// One encoder serves all files, because each has buffers of its own: what
	// a file is starts where the one before has ended.
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	ends := make([]int, len(files))
	for i, f := range files {
		if err := f.encode(enc); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		ends[i] = buf.Len()
	}
	out := make([][]byte, len(files))
	if buf.Len() == 0 {
		return out, nil // an encoder that has written nothing cannot be closed
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	start := 0
	for i, end := range ends {
		out[i] = bytes.TrimPrefix(buf.Bytes()[start:end:end], []byte("---\n"))
		start = end
	}
	return out, nil
}

func (f File) encode(enc *yaml.Encoder) error {
	for i, doc := range f.Docs {
		node, err := toNode(doc)
		if err != nil {
			return err
		}
		if i == 0 {
			node.HeadComment = f.Header
		}
		if err := enc.Encode(node); err != nil {
			return err
		}
	}
	return nil
}

func toNode(value any) (*yaml.Node, error) {
	if m, ok := ordered(value); ok {
		return m.node()
	}
	switch v := value.(type) {
	case []any:
		return listNode(v)
	case []string:
		return listNode(v)
	case string:
		return stringNode(v), nil
	case nil:
		return scalar("!!null", "null"), nil
	case bool:
		return scalar("!!bool", strconv.FormatBool(v)), nil
	case int:
		return scalar("!!int", strconv.Itoa(v)), nil
	case int64:
		return scalar("!!int", strconv.FormatInt(v, 10)), nil
	case float64:
		n := &yaml.Node{}
		err := n.Encode(v)
		return n, err
	}
	return nil, fmt.Errorf("cannot render a %T", value)
}

func scalar(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

func sorted[V any](m map[string]V) *Map {
	out := NewMap()
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out.Set(k, m[k])
	}
	return out
}

func (m *Map) node() (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if len(m.keys) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, k := range m.keys {
		value, err := toNode(m.values[k])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		key := stringNode(k)
		key.HeadComment = m.comments[k]
		n.Content = append(n.Content, key, value)
	}
	return n, nil
}

func listNode[T any](items []T) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if len(items) == 0 {
		n.Style = yaml.FlowStyle
	}
	for i, item := range items {
		node, err := toNode(item)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		n.Content = append(n.Content, node)
	}
	return n, nil
}

// stringNode lets yaml.v3 decide on the style, but for what only YAML 1.1,
// which Helm reads, takes for something else, and for blocks that start with
// white space, which yaml.v3 writes so that they read as another string.
func stringNode(s string) *yaml.Node {
	n := scalar("!!str", s)
	if mayBeYAML11(s) && yaml11.MatchString(s) || strings.Contains(s, "\n") && strings.TrimLeft(s, " \t\n") != s {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// mayBeYAML11 sees quickly that most strings are no word or number of yaml11.
func mayBeYAML11(s string) bool {
	return len(s) <= len("false") || s[0] >= '0' && s[0] <= '9' || s[0] == '+' || s[0] == '-'
}
