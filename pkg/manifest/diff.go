package manifest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
)

// A Change is one field that differs between two sets of files.
type Change struct {
	// File is the path of the file. Path is the field's, such as
	// cassandra.hostNetwork or envs[prod].name; empty if the whole file came or
	// went.
	File string `json:"file"`
	Path string `json:"path,omitempty"`
	Op   Op     `json:"op"`
	// Old and New are the values, nil where there is none.
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
}

// Op tells what happened to a field or file.
type Op string

// The operations.
const (
	Added   Op = "add"
	Removed Op = "remove"
	Changed Op = "change"
)

// Diff returns the fields that differ from a to b, ordered by file and path.
// Files are matched by path; maps by key; lists of maps by name, key or env
// where each item has a different one, and then their order does not count.
func Diff(a, b []File) []Change {
	before, after := byPath(a), byPath(b)
	var changes []Change
	for path, f := range before {
		g, ok := after[path]
		if !ok {
			changes = append(changes, Change{File: path, Op: Removed})
			continue
		}
		changes = append(changes, diffFile(f, g)...)
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			changes = append(changes, Change{File: path, Op: Added})
		}
	}
	slices.SortFunc(changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Path, y.Path))
	})
	return changes
}

func byPath(files []File) map[string]File {
	m := make(map[string]File, len(files))
	for _, f := range files {
		m[f.Path] = f
	}
	return m
}

func diffFile(a, b File) []Change {
	r := &reporter{file: a.Path}
	gocmp.Equal(plainDocs(a.Docs), plainDocs(b.Docs), gocmp.Reporter(r))
	return r.changes
}

// plainDocs makes the one document of most files the root, so that paths do
// not start with [0].
func plainDocs(docs []*Map) any {
	if len(docs) == 1 {
		return plain(docs[0])
	}
	list := make([]any, len(docs))
	for i, d := range docs {
		list[i] = plain(d)
	}
	return list
}

// plain returns a value as maps, lists and scalars only, with lists of maps
// turned into maps by their natural key.
func plain(value any) any {
	switch v := value.(type) {
	case *Map:
		return plainMap(v.values)
	case map[string]any:
		return plainMap(v)
	case map[string]string:
		return plainMap(v)
	case []any:
		return plainList(v)
	case []string:
		return plainList(v)
	case int:
		return int64(v)
	}
	return value
}

func plainMap[V any](m map[string]V) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = plain(v)
	}
	return out
}

func plainList[T any](items []T) any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = plain(item)
	}
	for _, key := range []string{"name", "key", "env"} {
		if keyed, ok := keyBy(list, key); ok {
			return keyed
		}
	}
	return list
}

func keyBy(list []any, key string) (map[string]any, bool) {
	out := make(map[string]any, len(list))
	for _, item := range list {
		m, _ := item.(map[string]any)
		name, ok := m[key].(string)
		if !ok {
			return nil, false
		}
		out["["+name+"]"] = item
	}
	return out, len(out) == len(list) && len(out) > 0
}

// reporter collects the leaves of go-cmp's comparison.
type reporter struct {
	file    string
	path    gocmp.Path
	changes []Change
}

func (r *reporter) PushStep(step gocmp.PathStep) { r.path = append(r.path, step) }
func (r *reporter) PopStep()                     { r.path = r.path[:len(r.path)-1] }

func (r *reporter) Report(result gocmp.Result) {
	if result.Equal() {
		return
	}
	x, y := r.path.Last().Values()
	c := Change{File: r.file, Path: pathString(r.path), Op: Changed, Old: value(x), New: value(y)}
	switch {
	case !x.IsValid():
		c.Op = Added
	case !y.IsValid():
		c.Op = Removed
	}
	r.changes = append(r.changes, c)
}

func value(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}
	return v.Interface()
}

func pathString(path gocmp.Path) string {
	var b strings.Builder
	for _, step := range path {
		switch s := step.(type) {
		case gocmp.MapIndex:
			key := s.Key().String()
			if b.Len() > 0 && !strings.HasPrefix(key, "[") {
				b.WriteByte('.')
			}
			b.WriteString(key)
		case gocmp.SliceIndex:
			x, y := s.SplitKeys()
			fmt.Fprintf(&b, "[%d]", max(x, y))
		}
	}
	return b.String()
}
