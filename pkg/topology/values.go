package topology

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
)

// Values is a free tree of maps, lists and scalars, with whole numbers as
// int64 and others as float64.
type Values map[string]any

// UnmarshalJSON keeps whole numbers whole, and refuses those that would change
// on the way.
func (v *Values) UnmarshalJSON(data []byte) error {
	m, err := decode(data)
	if err != nil {
		return err
	}
	*v = m
	walk("", m, func(path string, value any) {
		if n, unfit := value.(json.Number); unfit && err == nil {
			err = fmt.Errorf("%s: %s cannot be kept exactly", path, n)
		}
	})
	return err
}

// decode reads a map. A number that neither int64 nor float64 keeps stays a
// [json.Number].
func decode(data []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	for k := range m {
		m[k] = plainNumbers(m[k])
	}
	return m, nil
}

func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		return plainNumber(v)
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

func plainNumber(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	const exact = 1 << 53 // below it every whole float64 is the number that was written
	switch f, err := n.Float64(); {
	case err != nil:
		return n
	case f != math.Trunc(f):
		return f
	case math.Abs(f) < exact:
		return int64(f)
	}
	return n
}

// Walk visits every value of the topology as the user wrote it, maps in key
// order, each with its path.
func (t *Topology) Walk(visit func(path string, value any)) {
	root, err := decode(t.raw)
	if err != nil {
		return // New has decoded it before
	}
	walk("", root, visit)
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

var plainKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

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
