package template

import (
	"maps"
	"slices"
)

// A mark says what a template may learn of a value.
type mark uint16

const (
	seen  mark = 1 << iota // that it is there, and of which kind
	truth                  // whether it is empty
	keys                   // which keys or how many elements it has
	deep                   // everything
	// mixed marks a map that is merged with others: that a map below it is
	// empty may decide which of them counts.
	mixed

	braces = 8 // bits from a mark to the one that counts where values hold {{
)

// A node is a path into the values; that of any key is the star of its parent.
type node struct {
	id     int
	depth  int
	key    string
	parent *node
	keys   map[string]*node
	star   *node
	scope  bool // the values of a chart, a type that has methods
	marks  mark
}

func (n *node) mark(m mark) {
	n.marks |= m
	if m&(0xff<<braces) != 0 {
		m = seen << braces
	} else {
		m = seen
	}
	for p := n.parent; p != nil && p.marks&m == 0; p = p.parent {
		p.marks |= m
	}
}

// A kind of atom, and an atom: one thing that a value may be.
type (
	kind uint32
	atom uint64
)

const (
	pathAtom   kind = iota + 1 // a node
	objectAtom                 // an object
	stringAtom                 // a string that a template holds
	cleanAtom                  // anything whose text holds {{ only where the values do
	dirtyAtom                  // anything
	sourceAtom                 // a node that it was computed from
)

func (k kind) atom(id int) atom { return atom(k)<<32 | atom(uint32(id)) }
func (a atom) kind() kind       { return kind(a >> 32) }
func (a atom) id() int          { return int(uint32(a)) }

// A value is a sorted set of atoms. The empty one is a value that nothing is
// known of, too.
type value []atom

var (
	clean = value{cleanAtom.atom(0)}
	dirty = value{dirtyAtom.atom(0)}
	// spilled stands for more atoms than a value keeps, all read whole.
	spilled = value{dirtyAtom.atom(1)}
)

// key identifies a value among others.
func (v value) key() string {
	b := make([]byte, 0, 5*len(v))
	for _, a := range v {
		id := a.id()
		b = append(b, byte(a.kind()), byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return string(b)
}

// without returns the value without its atoms of a kind.
func (v value) without(k kind) value {
	return slices.DeleteFunc(slices.Clone(v), func(a atom) bool { return a.kind() == k })
}

// An object is a dictionary or list that templates build, or the root of a
// chart. It stands for all that one call makes in one invocation.
type object struct {
	id     int
	fields map[string]value
	others value // under keys that are not known, and elements
	merged []merged
	chart  bool    // the root of a chart, a type that has methods
	cut    bool    // a key may have been taken out
	sunk   [2]bool // read whole, and where values hold {{
	mixed  bool
	wild   bool // a template that is not followed may change it
	asked  askers
}

// merged is what one call merges into an object.
type merged struct {
	by    any
	value value
}

func (o *object) set(key string, v value) {
	o.fields[key] = join(o.fields[key], v)
}

// parts returns everything that the object holds.
func (o *object) parts() []value {
	parts := []value{o.others}
	for _, k := range slices.Sorted(maps.Keys(o.fields)) {
		parts = append(parts, o.fields[k])
	}
	for _, m := range o.merged {
		parts = append(parts, m.value)
	}
	return parts
}

// join returns what is in any of the values.
func join(values ...value) value {
	var all value
	for _, v := range values {
		if len(all) == 0 {
			all = v
			continue
		}
		for _, a := range v {
			if i, found := slices.BinarySearch(all, a); !found {
				all = slices.Insert(slices.Clip(all), i, a)
			}
		}
	}
	return all
}

const (
	maxAtoms   = 64 // of a value
	maxSources = 12
	maxDepth   = 24 // of a path
)

// limit keeps a value small: what grows further is read whole.
func (f *frame) limit(v value) value {
	if len(v) <= 1 {
		return v
	}
	if len(v) <= maxSources && !slices.Contains(v, spilled[0]) {
		return v
	}
	sources := 0
	v = slices.DeleteFunc(slices.Clone(v), func(a atom) bool {
		if a.kind() == sourceAtom {
			sources++
		}
		return a.kind() == sourceAtom && sources > maxSources
	})
	if _, was := slices.BinarySearch(v, spilled[0]); !was && len(v) <= maxAtoms+maxSources {
		return v
	}
	braced := f.braced
	f.braced = false // others may hold it, too
	f.giveUp(v)
	f.braced = braced
	return spilled
}
