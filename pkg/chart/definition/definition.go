// Package definition holds rendered objects against custom resource definitions,
// as the API server does when it validates fields strictly: it drops fields that
// a definition does not name, drops nulls, fills in defaults, and then checks
// what is left. Rules in CEL (x-kubernetes-validations) are not evaluated, and
// what admission webhooks say is not known here.
package definition

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ringplan/ringplan/pkg/release"
)

// A Set is a set of definitions. It may be used from several goroutines at once.
type Set struct {
	// groups has the definitions by group and kind.
	groups map[string]map[string]*defined
}

// A defined is a kind that is defined, with its versions by name.
type defined struct {
	name     string
	versions map[string]*version
}

// A version is a version of a kind.
type version struct {
	served bool
	fields schema
	// part is as much of the schema as objects have had use for so far: most of
	// what definitions say is about fields that nobody sets, and to compile all
	// of it takes longer than everything else.
	part atomic.Pointer[part]
}

// A part is a part of a schema, compiled.
type part struct {
	nodes    map[uintptr]bool
	compiled *jsonschema.Schema
}

// with returns the part of the schema that has some more nodes. Of parts that grow
// at the same time, the last stays; what the others had is compiled again when it
// is needed.
func (v *version) with(nodes []uintptr) (*part, error) {
	grown := part{nodes: maps.Clone(v.part.Load().nodes)}
	for _, node := range nodes {
		grown.nodes[node] = true
	}
	var err error
	if grown.compiled, err = compile(v.fields, func(s schema) bool { return grown.nodes[s.id()] }); err != nil {
		return nil, err
	}
	v.part.Store(&grown)
	return &grown, nil
}

// current is the group and version of definitions.
const current = "apiextensions.k8s.io/v1"

// Compile returns the set of some definitions. Of several for the same group and
// kind, the last counts.
func Compile(definitions []release.Object) (*Set, error) {
	s := &Set{groups: map[string]map[string]*defined{}}
	for _, o := range definitions {
		group, k, err := kindOf(o)
		if err != nil {
			return nil, fmt.Errorf("%s (%s) %w", o, o.Template, err)
		}
		if s.groups[group] == nil {
			s.groups[group] = map[string]*defined{}
		}
		s.groups[group][k.name] = k
	}
	return s, nil
}

// kindOf returns what a definition defines.
func kindOf(o release.Object) (group string, k *defined, err error) {
	if o.Kind() != release.Definition {
		return "", nil, errors.New("is no " + release.Definition)
	}
	if err := ofCurrent(o); err != nil {
		return "", nil, err
	}
	spec, _ := o.Doc["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ = spec["group"].(string)
	k = &defined{versions: map[string]*version{}}
	k.name, _ = names["kind"].(string)
	versions, _ := spec["versions"].([]any)
	if group == "" || k.name == "" || len(versions) == 0 {
		return "", nil, errors.New("lacks spec.group, spec.names.kind or spec.versions")
	}
	for i, item := range versions {
		v := schemaOf(item)
		name, _ := v["name"].(string)
		fields, ok := schemaOf(v["schema"])["openAPIV3Schema"].(map[string]any)
		if name == "" || !ok {
			return "", nil, fmt.Errorf("lacks the name or the schema of spec.versions[%d]", i)
		}
		k.versions[name] = newVersion(fields, v.flag("served"))
	}
	return group, k, nil
}

func newVersion(fields schema, served bool) *version {
	v := &version{served: served, fields: rooted(fields)}
	v.part.Store(&part{nodes: map[uintptr]bool{}})
	return v
}

// Known reports whether the group, version and kind of an object are defined.
func (s *Set) Known(o release.Object) bool {
	k := s.groups[o.Group()][o.Kind()]
	return k != nil && k.versions[versionOf(o)] != nil
}

func versionOf(o release.Object) string {
	_, version, _ := strings.Cut(o.APIVersion(), "/")
	return version
}

// Check returns what the API server has against an object of a group that is
// defined, by the paths of the fields.
func (s *Set) Check(o release.Object) []release.Problem {
	kinds, ok := s.groups[o.Group()]
	if !ok {
		return nil
	}
	problem := func(hint, format string, args ...any) []release.Problem {
		return []release.Problem{{
			Code: release.Dropped, Object: o.String(), Hint: hint,
			Message: fmt.Sprintf(format, args...) + ", so that the API server refuses " + o.String() + " (" + o.Template + ")",
		}}
	}
	k := kinds[o.Kind()]
	if k == nil {
		return problem(cmp.Or(didYouMean(o.Kind(), maps.Keys(kinds)), "its kinds are "+strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")),
			"no definition of %s has the kind %s", o.Group(), o.Kind())
	}
	v := k.versions[versionOf(o)]
	if v == nil || !v.served {
		return problem(k.hint(), "the definition of %s does not serve version %s", k.name, versionOf(o))
	}
	doc := maps.Clone(o.Doc)
	delete(doc, status)
	problems, err := v.check(o, doc)
	if err != nil {
		return problem("", "the definition of %s is not valid: %s", k.name, shortened(err))
	}
	return problems
}

// shortened returns the beginning of an error, which may list a whole schema.
func shortened(err error) string {
	const most = 300
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// hint tells the versions of a kind that are served.
func (k *defined) hint() string {
	var served []string
	for name, v := range k.versions {
		if v.served {
			served = append(served, name)
		}
	}
	slices.Sort(served)
	return "it serves " + cmp.Or(strings.Join(served, ", "), "none")
}

func (v *version) check(o release.Object, doc map[string]any) ([]release.Problem, error) {
	at := v.part.Load()
	w := walk{known: at.nodes}
	left := w.value(doc, v.fields, false, nil)
	if len(w.fresh) > 0 {
		var err error
		if at, err = v.with(w.fresh); err != nil {
			return nil, err
		}
	}
	w.holdAgainst(at.compiled, left)
	slices.SortStableFunc(w.found, finding.compare)
	problems := make([]release.Problem, 0, len(w.found))
	for _, f := range slices.CompactFunc(w.found, finding.same) {
		problems = append(problems, release.Problem{Code: release.Dropped, Object: o.String(), Message: f.about(o), Hint: f.hint})
	}
	return problems, nil
}
