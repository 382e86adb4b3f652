package definition

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/topology"
)

// A step leads to a field of a map, or to an element of a list.
type step struct {
	key   string
	index int
	list  bool // it is an index
}

func (s step) compare(t step) int {
	return cmp.Or(cmp.Compare(s.key, t.key), cmp.Compare(s.index, t.index))
}

// A route leads to a field of an object.
type route []step

func (r route) key(name string) route { return append(r[:len(r):len(r)], step{key: name}) }
func (r route) index(i int) route     { return append(r[:len(r):len(r)], step{index: i, list: true}) }

func (r route) String() string {
	text := ""
	for _, s := range r {
		if s.list {
			text += "[" + strconv.Itoa(s.index) + "]"
		} else {
			text = topology.JoinPath(text, s.key)
		}
	}
	return text
}

// A finding is what is wrong at a path.
type finding struct {
	at route
	// says has {object} and {field} for their names.
	says string
	hint string
}

func (f finding) compare(g finding) int {
	return cmp.Or(slices.CompareFunc(f.at, g.at, step.compare), cmp.Compare(f.says, g.says))
}

func (f finding) same(g finding) bool { return f.compare(g) == 0 }

func (f finding) about(o release.Object) string {
	says := f.says
	if len(f.at) == 0 {
		says = strings.Replace(says, "{field} of ", "", 1)
	}
	return strings.NewReplacer("{object}", o.String(), "{field}", f.at.String()).Replace(says) + " (" + o.Template + ")"
}

// A walk goes through an object along its schema.
type walk struct {
	found []finding
	// fresh are the schemas on the way that are not yet known.
	known map[uintptr]bool
	fresh []uintptr
}

func (w *walk) report(at route, hint, format string, args ...any) {
	w.found = append(w.found, finding{at, fmt.Sprintf(format, args...), hint})
}

// value returns what the API server makes of a value before it validates it: a
// copy without unknown fields and nulls, and with defaults. It keeps unknown
// fields where the schema says so, or keep does for the elements of a list.
func (w *walk) value(value any, s schema, keep bool, at route) any {
	if id := s.id(); !w.known[id] {
		w.fresh = append(w.fresh, id)
	}
	keep = keep || s.flag(preserve)
	switch v := value.(type) {
	case map[string]any:
		return w.object(v, s, keep, at)
	case []any:
		return w.list(v, s, keep, at)
	}
	return value
}

func (w *walk) list(items []any, s schema, keep bool, at route) []any {
	of := s.items()
	if of == nil && keep {
		return items
	}
	list := make([]any, len(items))
	for i, item := range items {
		if item == nil && of != nil && !of.flag("nullable") {
			item = of["default"]
		}
		list[i] = w.value(item, of, keep, at.index(i))
	}
	w.repeats(list, s, at)
	return list
}

func (w *walk) object(m map[string]any, s schema, keep bool, at route) map[string]any {
	out := make(map[string]any, len(m))
	for name, value := range m {
		field, known := s.field(name)
		switch {
		case !known && keep:
			out[name] = value
		case !known:
			w.report(at.key(name), didYouMean(name, s.names()), "{object} has no field {field}, and the API server drops it")
		case value != nil || field == nil || field.flag("nullable"):
			out[name] = w.value(value, field, false, at.key(name))
		}
	}
	for name, property := range s.properties() {
		field := schemaOf(property)
		if _, given := out[name]; !given && field["default"] != nil {
			out[name] = w.value(field["default"], field, false, at.key(name))
		}
	}
	return out
}

// repeats finds elements that are there twice in a list that is a set, or a map
// by some keys.
func (w *walk) repeats(list []any, s schema, at route) {
	kind, _ := s[listType].(string)
	if len(list) < 2 || kind != "set" && kind != "map" {
		return
	}
	keys, _ := s[listKeys].([]any)
	seen := map[string]int{}
	for i, item := range list {
		id, words := item, ""
		if kind == "map" {
			id, words = mapKey(item, keys)
		}
		text, err := json.Marshal(id)
		if err != nil {
			continue
		}
		if first, ok := seen[string(text)]; ok {
			w.report(at.index(i), "", "{field} of {object} repeats %s%s", at.index(first), words)
		} else {
			seen[string(text)] = i
		}
	}
}

// mapKey returns what tells an element of a list from the others.
func mapKey(item any, keys []any) (id map[string]any, words string) {
	m, _ := item.(map[string]any)
	id = map[string]any{}
	var names []string
	for _, key := range keys {
		name, _ := key.(string)
		names = append(names, name)
		if value, ok := m[name]; ok {
			id[name] = value
		}
	}
	return id, ", which has the same " + strings.Join(names, " and ")
}

// didYouMean names what a misspelt name may mean; "" if nothing is near.
func didYouMean(name string, known iter.Seq[string]) string {
	best, least := "", min(max(1, len(name)/3)+1, len(name))
	for _, candidate := range slices.Sorted(known) {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance counts the letters to insert, delete, replace or swap to get from a
// to b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
