package template

import (
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/ringplan/ringplan/pkg/topology"
)

// Unread returns the paths of the given values that no template can read, of
// a map or list that nobody reads only its own. Merged are the given values
// laid over the chart's own. No template renders otherwise where all of these
// values are changed, or taken out.
//
// An element of a list is never reported by itself, since without it the
// others move; and a null is not, since it takes out a default of the chart.
func (a *Analysis) Unread(given, merged map[string]any) []string {
	q := query{Analysis: a, braces: anyBraces(merged)}
	q.globals = make(map[*scope][]*node, len(a.charts))
	for _, s := range a.charts {
		q.globals[s] = q.place(s)
	}
	top := at{nodes: []*node{a.values}, scope: a.charts[0]}
	switch m := q.marks(top); {
	case m&deep != 0:
		return nil
	case q.children("", given, merged, top) && m&(truth|mixed) != 0:
		return nil
	}
	slices.Sort(q.unread)
	return q.unread
}

// A query collects the unread values.
type query struct {
	*Analysis
	braces  bool
	globals map[*scope][]*node // the places of the charts' values
	unread  []string
}

// at says where a value stands.
type at struct {
	nodes  []*node // what the templates call it
	scope  *scope  // whose values it is, if it is those of a chart
	pinned bool    // it cannot be taken out
	mixed  bool
	whole  bool // it is read whole
}

func (q *query) marks(here at) mark {
	var m mark
	for _, n := range here.nodes {
		m |= n.marks
	}
	if q.braces {
		m |= m >> braces
	}
	m &= 1<<braces - 1
	if here.whole {
		m |= deep
	}
	return m
}

// visit looks at a value, and returns whether it is unread.
func (q *query) visit(path string, given, merged any, here at) bool {
	m := q.marks(here)
	here.mixed = here.mixed || m&mixed != 0
	switch {
	case m&deep != 0:
		return false
	case m == 0 && !here.pinned:
		return q.report(path, given)
	}
	switch given := given.(type) {
	case map[string]any:
		from := len(q.unread)
		if q.children(path, given, merged, here) && (here.mixed || m&truth != 0) {
			q.unread = q.unread[:from]
		}
	case []any:
		list, _ := merged.([]any)
		for i, v := range given {
			var under any
			if i < len(list) {
				under = list[i]
			}
			q.visit(path+"["+strconv.Itoa(i)+"]", v, under, at{nodes: stars(here.nodes), pinned: true, mixed: here.mixed})
		}
	}
	return false
}

func (q *query) report(path string, given any) bool {
	if !gives(given) {
		return false
	}
	q.unread = append(q.unread, path)
	return true
}

// gives reports whether anything in a value is not null.
func gives(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case map[string]any:
		for _, child := range v {
			if gives(child) {
				return true
			}
		}
		return len(v) == 0
	}
	return true
}

// children looks at the values in a map, and returns whether nothing remains
// of it without those that are unread.
func (q *query) children(path string, given map[string]any, merged any, here at) bool {
	values, _ := merged.(map[string]any)
	m := q.marks(here)
	here.mixed = here.mixed || m&mixed != 0
	gone := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		next := q.step(here, key)
		next.pinned = next.pinned || m&keys != 0
		next.mixed = next.mixed || here.mixed
		gone[key] = q.visit(topology.JoinPath(path, key), given[key], values[key], next)
	}
	for key, v := range values {
		if v != nil && !gone[key] && (!here.mixed || !empty(v)) {
			return false
		}
	}
	return true
}

// empty reports whether a value is not merged into others.
func empty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return v == nil || reflect.ValueOf(v).IsZero()
}

// step returns the place under a key. The globals of a chart are those of its
// subcharts, too.
func (q *query) step(here at, key string) at {
	next := at{nodes: under(here.nodes, key)}
	if here.scope == nil {
		return next
	}
	for _, s := range q.charts {
		if s.parent == here.scope && s.values.key == key {
			next.scope = s
		}
		if key != "global" || !s.within(here.scope) {
			continue
		}
		place := at{nodes: q.globals[s]}
		m := q.marks(place)
		next.whole = next.whole || m&deep != 0 || q.globals[s] == nil
		next.nodes = append(next.nodes, under(place.nodes, key)...)
		next.pinned = next.pinned || m&keys != 0
		next.mixed = next.mixed || m&mixed != 0
	}
	return next
}

// place returns what the templates call the values of a chart, or nil where
// they are read whole from above.
func (q *query) place(s *scope) []*node {
	if s.parent == nil {
		return []*node{s.values}
	}
	above := q.place(s.parent)
	if above == nil || q.marks(at{nodes: above})&deep != 0 {
		return nil
	}
	return under(above, s.values.key)
}

func under(nodes []*node, key string) []*node {
	var next []*node
	for _, n := range nodes {
		if c := n.keys[key]; c != nil {
			next = append(next, c)
		}
		if n.star != nil {
			next = append(next, n.star)
		}
	}
	return next
}

func stars(nodes []*node) []*node {
	var next []*node
	for _, n := range nodes {
		if n.star != nil {
			next = append(next, n.star)
		}
	}
	return next
}

// anyBraces reports whether any text in a value may be a template.
func anyBraces(v any) bool {
	switch v := v.(type) {
	case string:
		return hasBraces(v)
	case map[string]any:
		for k, child := range v {
			if hasBraces(k) || anyBraces(child) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, anyBraces)
	}
	return false
}
