package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"
)

// A Change is one field that differs between two sets of files. Its values may
// be secret.
type Change struct {
	// File is the path of the file.
	File string `json:"file"`
	// Document names the document of a file that has several: apps/Deployment
	// prod/web is of a group, a kind, a namespace and a name. It is empty in a
	// file of one document, and for documents without version, kind or name.
	Document string `json:"document,omitempty"`
	// Path is the field's, such as cassandra.hostNetwork or envs[prod].name. In
	// front stands the place of a document that Document does not tell from
	// those before it, as in [1].name. It is empty if the whole file or document
	// came or went.
	Path string `json:"path,omitempty"`
	Op   Op     `json:"op"`
	// Old and New are the values, nil where there is none.
	Old any `json:"old,omitempty"`
	New any `json:"new,omitempty"`
	// Docs are the documents of a file that came or went.
	Docs []map[string]any `json:"-"`
}

// Op tells what happened to a field, document or file.
type Op string

// The operations.
const (
	Added   Op = "add"
	Removed Op = "remove"
	Changed Op = "change"
)

// Past returns the operation as what was done: added, removed or changed.
func (o Op) Past() string { return strings.TrimSuffix(string(o), "e") + "ed" }

// Diff returns the fields that differ from a to b, ordered by file, document
// and path; no two have all three in common.
//
// Files are matched by path, the documents of files with several by group,
// kind, namespace and name, or else by their place among their like, and maps
// by key. The maps of a list are matched by name, key, env or step, where each
// has a different one, and then their order does not count. Other lists are
// matched item by item; if they hold scalars alone and one comes or goes before
// others, the list changes as a whole. Numbers are compared by value. Comments and the order of keys and
// documents do not count.
func Diff(a, b []File) []Change {
	d := &differ{}
	before, after := byPath(a), byPath(b)
	for path, f := range before {
		d.file = path
		if g, ok := after[path]; ok {
			if x, y := paired(f, g); !reflect.DeepEqual(x, y) { // which is soon seen of most
				gocmp.Equal(x, y, matched, gocmp.Reporter(d))
			}
			continue
		}
		d.changes = append(d.changes, Change{File: path, Op: Removed, Docs: f.contents()})
	}
	for path, f := range after {
		if _, ok := before[path]; !ok {
			d.changes = append(d.changes, Change{File: path, Op: Added, Docs: f.contents()})
		}
	}
	slices.SortFunc(d.changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Document, y.Document), cmp.Compare(x.Path, y.Path))
	})
	return d.changes
}

// Reverse returns the changes that undo others.
func Reverse(changes []Change) []Change {
	other := map[Op]Op{Added: Removed, Removed: Added, Changed: Changed}
	out := make([]Change, len(changes))
	for i, c := range changes {
		c.Op, c.Old, c.New = other[c.Op], c.New, c.Old
		out[i] = c
	}
	return out
}

func byPath(files []File) map[string]File {
	m := make(map[string]File, len(files))
	for _, f := range files {
		m[f.Path] = f
	}
	return m
}

func (f File) contents() []map[string]any {
	out := make([]map[string]any, len(f.Docs))
	for i, doc := range f.Docs {
		out[i] = map[string]any{}
		if doc != nil {
			out[i] = plainMap(doc.values)
		}
	}
	return out
}

// paired returns the documents of two files by what tells them apart, or the
// one of each, which need not be alike.
func paired(f, g File) (x, y map[step]any) {
	if len(f.Docs) == 1 && len(g.Docs) == 1 {
		return map[step]any{only: f.contents()[0]}, map[step]any{only: g.contents()[0]}
	}
	return keyed(f.contents()), keyed(g.contents())
}

func keyed(docs []map[string]any) map[step]any {
	out := make(map[step]any, len(docs))
	for i, key := range documentKeys(docs) {
		out[key] = docs[i]
	}
	return out
}

// documentKeys returns for each document its identity, and how many of the
// same, or as many others without one, stand before it.
func documentKeys(docs []map[string]any) []step {
	keys, seen := make([]step, len(docs)), map[string]int{}
	for i, doc := range docs {
		id := identity(doc)
		keys[i] = step{document, id, seen[id]}
		seen[id]++
	}
	return keys
}

// Identity returns what [Change.Document] calls a document, "" if it does not say
// what it is.
func Identity(doc map[string]any) string { return identity(doc) }

// identity returns the group, kind, namespace and name of a document, or "" if
// it does not say them.
func identity(doc map[string]any) string {
	metadata, _ := doc["metadata"].(map[string]any)
	version, _ := doc["apiVersion"].(string)
	kind, _ := doc["kind"].(string)
	name, _ := metadata["name"].(string)
	namespace, _ := metadata["namespace"].(string)
	if version == "" || kind == "" || name == "" {
		return ""
	}
	group, _, ok := strings.Cut(version, "/")
	if !ok {
		group = ""
	}
	return qualified(group, kind) + " " + qualified(namespace, name)
}

func qualified(space, name string) string {
	if name = quote(name, ` /"\`); space == "" {
		return name
	}
	return quote(space, ` /"\`) + "/" + name
}

// quote quotes a text that is empty or holds one of some characters, or one
// that cannot be seen.
func quote(text, special string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if text == "" || strings.ContainsAny(text, special) || strings.ContainsFunc(text, hidden) {
		return strconv.Quote(text)
	}
	return text
}

// plain returns a value as map[string]any, []any and scalars only, with equal
// numbers the same.
func plain(value any) any {
	switch v := value.(type) {
	case *Map:
		if v == nil {
			return nil
		}
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
	case float64:
		if v == math.Trunc(v) && v >= math.MinInt64 && v < -math.MinInt64 {
			return int64(v)
		}
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

// naturalKeys are the fields by which the maps of a list are told apart.
var naturalKeys = []string{"name", "key", "env", "step"}

// Items that no natural key tells apart are matched by their place, or not at
// all.
const (
	byPlace = "place"
	asWhole = "whole"
)

// naturalKey returns the field by which the items of a list are told apart, or
// byPlace.
func naturalKey(list []any) string {
	for _, key := range naturalKeys {
		if keyed, ok := keyBy(list, key); ok && len(keyed) > 0 {
			return key
		}
	}
	return byPlace
}

// matching returns how the items of two lists are matched.
func matching(x, y []any) string {
	if shifted(x, y) {
		return asWhole
	}
	by := naturalKey(x)
	switch {
	case len(y) == 0 || by == naturalKey(y):
		return by
	case len(x) == 0:
		return naturalKey(y)
	}
	return byPlace
}

// shifted tells whether scalars came or went elsewhere than at the end, so that
// those behind have moved.
func shifted(x, y []any) bool {
	if len(x) == len(y) || slices.ContainsFunc(x, isTree) || slices.ContainsFunc(y, isTree) {
		return false
	}
	n := min(len(x), len(y))
	return !slices.Equal(x[:n], y[:n])
}

func isTree(value any) bool {
	switch value.(type) {
	case nil, bool, string, int64, float64:
		return false
	}
	return true
}

func keyBy(list []any, key string) (map[step]any, bool) {
	out := map[step]any{}
	for _, value := range list {
		m, _ := value.(map[string]any)
		name, ok := m[key].(string)
		if !ok {
			return nil, false
		}
		out[step{item, name, 0}] = value
	}
	return out, len(out) == len(list)
}

func placed(list []any) map[step]any {
	out := make(map[step]any, len(list))
	for i, value := range list {
		out[step{place, "", i}] = value
	}
	return out
}

// matched makes go-cmp compare a list as a map of its items: for lists it
// looks for an alignment, which may differ from run to run.
var matched = func() gocmp.Options {
	when := func(by string, opt gocmp.Option) gocmp.Option {
		return gocmp.FilterValues(func(x, y []any) bool { return matching(x, y) == by }, opt)
	}
	opts := gocmp.Options{
		gocmp.Comparer(func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }),
		when(asWhole, gocmp.Comparer(func(_, _ []any) bool { return false })),
		when(byPlace, gocmp.Transformer(byPlace, placed)),
	}
	for _, key := range naturalKeys {
		opts = append(opts, when(key, gocmp.Transformer(key, func(list []any) map[step]any {
			items, _ := keyBy(list, key)
			return items
		})))
	}
	return opts
}()

// differ collects the leaves at which go-cmp sees a difference.
type differ struct {
	file    string
	path    gocmp.Path
	changes []Change
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
	c := Change{File: d.file, Op: Changed}
	c.Document, c.Path = pathOf(d.path)
	before, after := d.path.Last().Values()
	if before.IsValid() {
		c.Old = before.Interface()
	} else {
		c.Op = Added
	}
	if after.IsValid() {
		c.New = after.Interface()
	} else {
		c.Op = Removed
	}
	d.changes = append(d.changes, c)
}

// A step leads from a value to one inside it.
type step struct {
	kind   stepKind
	name   string
	number int
}

type stepKind int

const (
	document stepKind = iota // by identity, and the number of those before it
	field                    // of a map
	item                     // of a list, by its natural key
	place                    // in a list
)

// only leads to the document of a file that has one.
var only = step{document, "", -1}

// pathOf writes a path of go-cmp's as users know it.
func pathOf(path gocmp.Path) (doc, text string) {
	var steps []step
	for _, s := range path {
		index, ok := s.(gocmp.MapIndex)
		if !ok {
			continue
		}
		switch key := index.Key().Interface().(type) {
		case step:
			steps = append(steps, key)
		case string:
			steps = append(steps, step{field, key, 0})
		}
	}
	if first := steps[0]; first == only || first.name != "" && first.number == 0 {
		return first.name, pathText(steps[1:])
	}
	doc, steps[0].name, steps[0].kind = steps[0].name, "", place
	return doc, pathText(steps)
}

// pathText writes steps so that parsePath can read them: quoted is what would
// read as more than one step, or as one of another kind.
func pathText(steps []step) string {
	var b strings.Builder
	for i, s := range steps {
		switch s.kind {
		case place:
			fmt.Fprintf(&b, "[%d]", s.number)
		case item:
			name := quote(s.name, `[]"\`)
			if isNumber(name) {
				name = strconv.Quote(name)
			}
			b.WriteString("[" + name + "]")
		default:
			if i > 0 {
				b.WriteString(".")
			}
			b.WriteString(quote(s.name, `.[]"\`))
		}
	}
	return b.String()
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// parsePath reads what pathText has written, and nothing else.
func parsePath(path string) ([]step, error) {
	var steps []step
	for rest := path; rest != ""; {
		s, after, ok := cutStep(rest, len(steps) == 0)
		if !ok {
			return nil, errPath
		}
		steps, rest = append(steps, s), after
	}
	if pathText(steps) != path {
		return nil, errPath
	}
	return steps, nil
}

func cutStep(path string, first bool) (s step, rest string, ok bool) {
	s.kind = field
	ends := ".["
	if path[0] == '[' {
		s.kind, ends = item, "]"
	}
	if s.kind == item || !first {
		path = path[1:]
	}
	if strings.HasPrefix(path, `"`) {
		text, err := strconv.QuotedPrefix(path)
		if err != nil {
			return s, "", false
		}
		s.name, err = strconv.Unquote(text)
		path, ok = path[len(text):], err == nil
	} else {
		end := strings.IndexAny(path+ends[:1], ends)
		s.name, path, ok = path[:end], path[end:], true
		if s.kind == item && isNumber(s.name) {
			number, err := strconv.Atoi(s.name)
			s, ok = step{place, "", number}, err == nil
		}
	}
	if s.kind == field {
		return s, path, ok
	}
	rest, closed := strings.CutPrefix(path, "]")
	return s, rest, ok && closed
}

// Apply returns the files with changes made to them; the given ones stay as
// they are. It returns an error if a change does not fit: what it changes or
// removes must be what it was, and what it adds must not be there.
func Apply(files []File, changes []Change) ([]File, error) {
	left := map[string][]Change{}
	for _, c := range changes {
		left[c.File] = append(left[c.File], c)
	}
	var out []File
	for _, f := range files {
		patched, keep, err := patchFile(&f, left[f.Path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if delete(left, f.Path); keep {
			out = append(out, patched)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(left)) {
		added, _, err := patchFile(nil, left[path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, added)
	}
	return out, nil
}

// What may be wrong with a change. Values are not shown: they may be secret.
var (
	errPath      = errors.New("this is no path")
	errOp        = errors.New("there is no such operation")
	errMissing   = errors.New("what changes is not there")
	errThere     = errors.New("what is added is there already")
	errOther     = errors.New("what changes is not what it was")
	errTwice     = errors.New("it changes twice")
	errKeys      = errors.New("what is left could not be told apart as before")
	errNoContent = errors.New("the change does not hold the documents of the file")
)

func (c Change) ofFile() bool { return c.Document == "" && c.Path == "" }

// patchFile makes all changes of a file, which is nil if there is none.
func patchFile(f *File, changes []Change) (out File, keep bool, err error) {
	switch {
	case slices.ContainsFunc(changes, Change.ofFile):
		return patchWhole(f, changes)
	case f == nil:
		return File{}, false, errMissing
	case len(changes) == 0:
		return *f, true, nil
	}
	var root patch
	for _, c := range changes {
		steps, err := stepsOf(c)
		if err == nil {
			err = root.add(steps, c)
		}
		if err != nil {
			return File{}, false, fmt.Errorf("%s: %w", c.where(), err)
		}
	}
	out = *f
	out.Docs, err = root.intoDocs(f)
	return out, true, err
}

// stepsOf returns the steps from a file to what changes.
func stepsOf(c Change) ([]step, error) {
	steps, err := parsePath(c.Path)
	switch {
	case err != nil:
		return nil, err
	case len(steps) > 0 && steps[0].kind == place:
		steps[0] = step{document, c.Document, steps[0].number}
		return steps, nil
	case c.Document == "":
		return slices.Insert(steps, 0, only), nil
	}
	return slices.Insert(steps, 0, step{document, c.Document, 0}), nil
}

// intoDocs makes the changes inside a file.
func (p *patch) intoDocs(f *File) ([]*Map, error) {
	keys := documentKeys(f.contents())
	_, one := p.inner[only]
	if one = one && len(keys) == 1; one {
		keys[0] = only
	}
	values := make([]any, len(f.Docs))
	for i, doc := range f.Docs {
		if values[i] = doc; doc == nil {
			values[i] = NewMap()
		}
	}
	keys, values, err := p.inside(keys, values)
	if err != nil {
		return nil, err
	}
	docs := make([]*Map, len(values))
	for i, value := range values {
		m, ok := ordered(value)
		if !ok {
			return nil, errKeys
		}
		docs[i] = m
	}
	after := documentKeys((File{Docs: docs}).contents())
	if one && len(after) == 1 {
		keys[0] = after[0]
	}
	if !slices.Equal(keys, after) {
		return nil, errKeys
	}
	return docs, nil
}

// patchWhole adds or removes a file.
func patchWhole(f *File, changes []Change) (out File, keep bool, err error) {
	switch c := changes[0]; {
	case len(changes) > 1:
		err = errTwice
	case c.Op != Added && c.Op != Removed:
		err = errOp
	case c.Docs == nil:
		err = errNoContent
	case c.Op == Added && f != nil:
		err = errThere
	case c.Op == Added:
		out.Path, keep = c.File, true
		for _, doc := range c.Docs {
			out.Docs = append(out.Docs, sorted(plainMap(doc)))
		}
	case f == nil:
		err = errMissing
	case !gocmp.Equal(keyed(f.contents()), keyed(c.Docs), matched):
		err = errOther
	}
	return out, keep, err
}

func (c Change) where() string { return strings.TrimPrefix(c.Document+": "+c.Path, ": ") }

// A patch is what changes at a place: itself, or something inside it.
type patch struct {
	// change is the first that is made here or inside.
	change Change
	inner  map[step]*patch
}

// add puts a change where its steps lead.
func (p *patch) add(steps []step, c Change) error {
	at, isNew := p, false
	for _, s := range steps {
		next, ok := at.inner[s]
		if isNew = !ok; isNew {
			if len(at.inner) == 0 {
				at.inner = map[step]*patch{}
			}
			next = &patch{change: c}
			at.inner[s] = next
		} else if len(next.inner) == 0 {
			break
		}
		at = next
	}
	if !isNew {
		return errTwice
	}
	return nil
}

func (p *patch) fail(err error) error { return fmt.Errorf("%s: %w", p.change.where(), err) }

// on returns what becomes of a value, if it is there, and whether it will be.
func (p *patch) on(value any, there bool) (out any, keep bool, err error) {
	switch c := p.change; {
	case len(p.inner) > 0:
		out, err = p.into(value)
		return out, true, err
	case c.Op == Added && there:
		err = errThere
	case c.Op == Added:
		return plain(c.New), true, nil
	case !there:
		err = errMissing
	case !gocmp.Equal(plain(value), plain(c.Old), matched):
		err = errOther
	case c.Op == Changed:
		return plain(c.New), true, nil
	case c.Op != Removed:
		err = errOp
	}
	if err != nil {
		err = p.fail(err)
	}
	return nil, false, err
}

// into makes the changes inside a map or list.
func (p *patch) into(value any) (any, error) {
	if m, ok := ordered(value); ok {
		return p.intoMap(m)
	}
	switch v := value.(type) {
	case []any:
		return p.intoList(v)
	case []string:
		return p.intoList(plainList(v))
	}
	return nil, p.fail(errMissing)
}

func (p *patch) intoMap(m *Map) (any, error) {
	keys, values := make([]step, len(m.keys)), make([]any, len(m.keys))
	for i, k := range m.keys {
		keys[i], values[i] = step{field, k, 0}, m.values[k]
	}
	keys, values, err := p.inside(keys, values)
	if err != nil {
		return nil, err
	}
	out := NewMap()
	for i, s := range keys {
		if s.kind != field {
			return nil, p.fail(errMissing)
		}
		if out.Set(s.name, values[i]); m.comments[s.name] != "" {
			out.Comment(s.name, m.comments[s.name])
		}
	}
	return out, nil
}

func (p *patch) intoList(list []any) (any, error) {
	byName := false
	for s := range p.inner {
		byName = byName || s.kind == item
	}
	keyOf := func(list []any) string {
		if !byName {
			return byPlace
		}
		return naturalKey(plainList(list))
	}
	keys, out, err := p.inside(itemKeys(list, keyOf(list)), list)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(keys, itemKeys(out, keyOf(out))) {
		return nil, p.fail(errKeys)
	}
	return out, nil
}

// itemKeys returns the steps to the items of a list.
func itemKeys(list []any, by string) []step {
	keys := make([]step, len(list))
	for i, value := range list {
		if keys[i] = (step{place, "", i}); by != byPlace {
			m, _ := ordered(value)
			name, _ := m.Get(by)
			keys[i] = step{item, name.(string), 0}
		}
	}
	return keys
}

// inside makes the changes inside what holds values, by the steps that lead to
// them. What is added comes last.
func (p *patch) inside(keys []step, values []any) (newKeys []step, newValues []any, err error) {
	left := maps.Clone(p.inner)
	change := func(key step, value any, there bool) error {
		keep := true
		if inner, ok := left[key]; ok {
			if value, keep, err = inner.on(value, there); err != nil {
				return err
			}
		}
		if delete(left, key); keep {
			newKeys, newValues = append(newKeys, key), append(newValues, value)
		}
		return nil
	}
	for i, key := range keys {
		if err := change(key, values[i], true); err != nil {
			return nil, nil, err
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(left), compareSteps) {
		if err := change(key, nil, false); err != nil {
			return nil, nil, err
		}
	}
	return newKeys, newValues, nil
}

func compareSteps(a, b step) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.number, b.number))
}
