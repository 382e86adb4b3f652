package apigee

import (
	"cmp"
	"slices"
	"strings"
)

//go:generate go run ./gen

// A property is one setting of the overrides file, as far as rules need to
// know it. The table is properties.yaml; properties_gen.go is made from it.
type property struct {
	// path is dotted; [] marks the entries of a list, as in envs[].name.
	path string
	kind kind
	// since is the version that introduced it; empty if nobody says.
	since string
	// deprecated is the version that deprecated it, use what replaces it.
	deprecated string
	use        []string
	// removed is the version from which it is no longer supported.
	removed string
	// unread lists the minor versions whose charts ignore it.
	unread []string
	// note says why the charts ignore it or what they read instead. Only
	// properties with unread carry it.
	note string
}

// A kind is the type of a property's value.
type kind string

// The kinds.
const (
	kindString   kind = "string"
	kindInteger  kind = "integer"
	kindBoolean  kind = "boolean"
	kindQuantity kind = "quantity"
	kindMap      kind = "map"
	kindList     kind = "list"
	kindAny      kind = "any"
)

// holdsMore reports whether a value of this kind has places below it that the
// table does not list.
func (k kind) holdsMore() bool { return k == kindMap || k == kindList || k == kindAny }

// lookupProperty returns the property at path, which has [] for the entries of
// a list. A path below a map, a list or an untyped property resolves to that
// property. A path that only groups properties, such as envs[], is none.
func lookupProperty(path string) (property, bool) {
	for at := path; at != ""; at = above(at) {
		i, found := slices.BinarySearchFunc(properties[:], at, func(p property, path string) int {
			return cmp.Compare(p.path, path)
		})
		if found && (at == path || properties[i].kind.holdsMore()) {
			return properties[i], true
		}
	}
	return property{}, false
}

// above returns the path that holds path: envs for envs[], envs[] for
// envs[].name, and nothing for envs.
func above(path string) string {
	if list, ok := strings.CutSuffix(path, "[]"); ok {
		return list
	}
	return path[:max(0, strings.LastIndexByte(path, '.'))]
}
