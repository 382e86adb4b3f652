package topology

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// Values is a free tree of maps, lists and scalars, with whole numbers as
// int64 and others as float64.
type Values map[string]any

// UnmarshalJSON keeps whole numbers whole.
func (v *Values) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return err
	}
	*v = m
	for k := range m {
		m[k] = plainNumbers(m[k])
	}
	return nil
}

func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	}
	return value
}

// Walk visits every value of the topology as the user wrote it, maps in key
// order, each with its path.
func (t *Topology) Walk(visit func(path string, value any)) {
	var root Values
	if err := root.UnmarshalJSON(t.raw); err != nil {
		return // New has decoded it before
	}
	walk("", map[string]any(root), visit)
}

// Walk visits every value below v, maps in key order, each with its path
// below prefix.
func (v Values) Walk(prefix string, visit func(path string, value any)) {
	walk(prefix, map[string]any(v), visit)
}

func walk(path string, value any, visit func(string, any)) {
	if path != "" {
		visit(path, value)
	}
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(JoinPath(path, k), v[k], visit)
		}
	case []any:
		for i, item := range v {
			walk(fmt.Sprintf("%s[%d]", path, i), item, visit)
		}
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// JoinPath appends a key to a path, quoted where a CUE path would quote it.
func JoinPath(path, key string) string {
	if !plainKey.MatchString(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
