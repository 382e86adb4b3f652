package manifest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
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
// Files are matched by path, and maps by key. The maps of a list are matched
// by name, key, env or step, where each has a different one, and then their
// order does not count; other lists are matched item by item.
func Diff(a, b []File) []Change {
	d := &differ{}
	before, after := byPath(a), byPath(b)
	for path, f := range before {
		d.file = path
		if g, ok := after[path]; ok {
			gocmp.Equal(f.content(), g.content(), byItem, gocmp.Reporter(d))
			continue
		}
		d.add("", Removed, nil, nil)
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			d.file = path
			d.add("", Added, nil, nil)
		}
	}
	slices.SortFunc(d.changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Path, y.Path))
	})
	return d.changes
}

func byPath(files []File) map[string]File {
	m := make(map[string]File, len(files))
	for _, f := range files {
		m[f.Path] = f
	}
	return m
}

// content is the one document of most files, so that paths do not start with
// [0], or the list of all.
func (f File) content() any {
	if len(f.Docs) == 1 {
		return plain(f.Docs[0])
	}
	return plainList(f.Docs)
}

// plain returns a value as map[string]any, []any and scalars only.
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

func plainList[T any](items []T) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = plain(item)
	}
	return out
}

// byItem makes go-cmp compare a list as a map of its items: for lists it
// looks for an alignment, which may differ from run to run.
var byItem = gocmp.Transformer("items", items)

// differ collects the leaves at which go-cmp sees a difference.
type differ struct {
	file    string
	path    gocmp.Path
	changes []Change
}

func (d *differ) add(path string, op Op, before, after any) {
	d.changes = append(d.changes, Change{File: d.file, Path: path, Op: op, Old: before, New: after})
}

// PushStep, PopStep and Report are what go-cmp calls.
func (d *differ) PushStep(step gocmp.PathStep) { d.path = append(d.path, step) }

// PopStep undoes PushStep.
func (d *differ) PopStep() { d.path = d.path[:len(d.path)-1] }

// Report takes the result of one comparison.
func (d *differ) Report(result gocmp.Result) {
	if result.Equal() {
		return
	}
	before, after := d.path.Last().Values()
	switch {
	case !before.IsValid():
		d.add(pathOf(d.path), Added, nil, after.Interface())
	case !after.IsValid():
		d.add(pathOf(d.path), Removed, before.Interface(), nil)
	default:
		d.add(pathOf(d.path), Changed, before.Interface(), after.Interface())
	}
}

// pathOf writes a path of go-cmp's as users know it.
func pathOf(steps gocmp.Path) string {
	path := ""
	for i, step := range steps {
		index, ok := step.(gocmp.MapIndex)
		if !ok {
			continue
		}
		if key := index.Key().String(); steps[i-1].Type() == reflect.TypeFor[itemMap]() {
			path += "[" + key + "]"
		} else {
			path = join(path, key)
		}
	}
	return path
}

// naturalKeys are the fields by which the maps of a list are told apart.
var naturalKeys = []string{"name", "key", "env", "step"}

// An itemMap holds the items of a list.
type itemMap map[string]any

// items returns the items of a list by their natural key, or else by their
// place.
func items(list []any) itemMap {
	for _, key := range naturalKeys {
		if keyed, ok := keyBy(list, key); ok {
			return keyed
		}
	}
	out := make(itemMap, len(list))
	for i, item := range list {
		out[strconv.Itoa(i)] = item
	}
	return out
}

func keyBy(list []any, key string) (itemMap, bool) {
	out := make(itemMap, len(list))
	for _, item := range list {
		m, _ := item.(map[string]any)
		name, ok := m[key].(string)
		if !ok {
			return nil, false
		}
		out[name] = item
	}
	return out, len(out) == len(list)
}

// join appends a key to a path, quoted if it would read as more than one.
func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\"\\") {
		key = fmt.Sprintf("%q", key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
