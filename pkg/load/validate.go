package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"

	"github.com/ringplan/ringplan/pkg/diag"
)

// arm returns the arm of #Topology for the user's system.
func (l *Loader) arm(schema, user cue.Value, where *locator) (cue.Value, diag.List) {
	systems := schema.LookupPath(cue.MakePath(cue.Def("#systems")))
	known, err := fieldNames(systems)
	if err != nil {
		return cue.Value{}, diag.List{where.finding(codeKind, "", err.Error(), "")}
	}
	for _, want := range []struct{ field, value string }{{"apiVersion", "ringplan.dev/v1alpha1"}, {"kind", "Topology"}} {
		if f, bad := checkKind(user, where, want.field, want.value); bad {
			return cue.Value{}, diag.List{f}
		}
	}
	field := user.LookupPath(cue.ParsePath("spec.system"))
	system, err := field.String()
	if err != nil && (len(known) == 1 || field.Exists()) {
		system, err = known[0], nil // the walk reports the field itself
	}
	if err != nil || !slices.Contains(known, system) {
		return cue.Value{}, diag.List{where.finding(codeKind, "spec.system", "ringplan does not know the system "+strconv.Quote(shorten(system)), "the systems are "+strings.Join(known, ", "))}
	}
	return systems.LookupPath(cue.MakePath(cue.Str(system), cue.Str("topology"))), nil
}

func checkKind(user cue.Value, where *locator, field, want string) (diag.Finding, bool) {
	v := user.LookupPath(cue.ParsePath(field))
	if !v.Exists() {
		return where.finding(codeKind, field, "not a topology: "+field+" is missing", fmt.Sprintf("a topology says %s: %s", field, want)), true
	}
	if got, err := v.String(); err != nil || got != want {
		return where.finding(codeKind, field, fmt.Sprintf("not a topology: expected %s: %s, got %s", field, want, describe(v)), kindHint+" and kind: Topology"), true
	}
	return diag.Finding{}, false
}

func fieldNames(v cue.Value) ([]string, error) {
	var list []string
	fields, err := v.Fields()
	if err != nil {
		return nil, err
	}
	for fields.Next() {
		list = append(list, fields.Selector().Unquoted())
	}
	slices.Sort(list)
	return list, nil
}

// validate checks the user's value against its schema. CUE decides; where it
// says no, a walk over both finds every reason, with the place in the user's
// file, which CUE's own errors often lack. A value that is not accepted and has
// no findings has keys under values that are null.
func validate(schema, user cue.Value, where *locator) (accepted bool, findings diag.List) {
	err := schema.Unify(user).Validate(cue.Concrete(true))
	if err == nil {
		return true, nil
	}
	w := &walker{where: where}
	w.value(schema, user, "")
	if len(w.findings) == 0 {
		w.fallback(err)
	}
	w.findings.Sort()
	return false, w.findings
}

type walker struct {
	where    *locator
	findings diag.List
	nulls    []string // the keys under values that are null
}

func (w *walker) report(code, path, message, hint string) {
	w.findings = append(w.findings, w.where.finding(codeAt(path, code), path, message, hint))
}

// codeAt returns the code of a finding at a path: values have codes of their
// own.
func codeAt(path, code string) string {
	switch {
	case !underValues(path):
		return code
	case code == codeUnknown:
		return codeValue
	}
	return codeValueOf
}

// value compares one value of the user's with its schema.
func (w *walker) value(schema, user cue.Value, path string) {
	if len(w.findings) > maxFindings {
		return // more would cost time, and help nobody
	}
	if underValues(path) && user.IncompleteKind() == cue.NullKind {
		w.nulls = append(w.nulls, path) // Helm deletes the default of such a key
		return
	}
	kind := schema.IncompleteKind() & user.IncompleteKind()
	switch {
	case kind == cue.StructKind && schema.IncompleteKind() == cue.StructKind:
		w.fields(schema, user, path)
	case kind == cue.ListKind && schema.IncompleteKind() == cue.ListKind:
		w.items(schema, user, path)
	case user.IncompleteKind() == cue.BottomKind, !user.IsConcrete() && kind != 0:
		w.report(codeType, path, "the value is left open", "give it one value: "+expectation(schema))
	default:
		if err := schema.Unify(user).Validate(cue.Concrete(true)); err != nil {
			w.wrong(schema, user, path)
		}
	}
}

func (w *walker) wrong(schema, user cue.Value, path string) {
	message := "expected " + expectation(schema)
	if underValues(path) {
		message += ", got " + kindWords(user.IncompleteKind()) // which may be a secret
	} else {
		message += ", got " + describe(user)
	}
	w.report(codeType, path, message, "")
}

// fields compares maps.
func (w *walker) fields(schema, user cue.Value, path string) {
	shape := shapeOf(schema)
	seen := map[string]bool{}
	fields, err := user.Fields()
	if err != nil {
		w.report(codeType, path, errors.Details(err, nil), "")
		return
	}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		seen[name] = true
		at := join(path, name)
		switch child, ok := shape.child(schema, name); {
		case ok:
			w.value(child, fields.Value(), at)
		case !schema.Allows(cue.Str(name)):
			w.report(codeUnknown, at, unknownMessage(at, name), shape.hint(name))
		}
	}
	for _, name := range shape.required {
		if !seen[name] {
			w.report(codeMissing, join(path, name), fmt.Sprintf("%s is missing", name), "expected "+expectation(shape.fields[name]))
		}
	}
}

func unknownMessage(path, name string) string {
	if underValues(path) {
		return fmt.Sprintf("the charts have no property %s here", strconv.Quote(shorten(name)))
	}
	return fmt.Sprintf("there is no field %s here", strconv.Quote(shorten(name)))
}

// items compares lists.
func (w *walker) items(schema, user cue.Value, path string) {
	before, nulls := len(w.findings), len(w.nulls)
	items, err := user.List()
	if err != nil {
		w.wrong(schema, user, path)
		return
	}
	for i := 0; items.Next(); i++ {
		element := schema.LookupPath(cue.MakePath(cue.AnyIndex))
		if fixed := schema.LookupPath(cue.MakePath(cue.Index(i))); fixed.Exists() {
			element = fixed
		}
		if element.Exists() {
			w.value(element, items.Value(), fmt.Sprintf("%s[%d]", path, i))
		}
	}
	// An item with a key that is null is not as the schema says, and may be so.
	if len(w.findings) == before && len(w.nulls) == nulls && schema.Unify(user).Validate(cue.Concrete(true)) != nil {
		w.wrong(schema, user, path)
	}
}

// fallback reports CUE's own errors: the schema says no for a reason that the
// walk does not see. It may be that a key is null, which is no error.
func (w *walker) fallback(err error) {
	for _, e := range errors.Errors(err) {
		path := fieldPath(inTopology(e.Path()))
		if !slices.ContainsFunc(w.nulls, func(null string) bool { return null == path || within(null, path) }) {
			w.report(codeType, path, complaint(w.where.file, e).Message, "")
		}
	}
}

// inTopology drops the place of the arm from a path of CUE's.
func inTopology(labels []string) []string {
	if len(labels) >= 3 && labels[0] == "#systems" {
		return labels[3:]
	}
	return labels
}

// shape is the fields of a map in the schema.
type shape struct {
	fields   map[string]cue.Value
	required []string
}

func shapeOf(schema cue.Value) shape {
	s := shape{fields: map[string]cue.Value{}}
	fields, err := schema.Fields(cue.Optional(true))
	if err != nil {
		return s
	}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		s.fields[name] = fields.Value()
		if fields.FieldType().ConstraintType() == cue.RequiredConstraint {
			s.required = append(s.required, name)
		}
	}
	return s
}

// child returns the schema of a field: its own, or that of any field.
func (s shape) child(schema cue.Value, name string) (cue.Value, bool) {
	if v, ok := s.fields[name]; ok {
		return v, true
	}
	if !schema.Allows(cue.Str(name)) {
		return cue.Value{}, false
	}
	v := schema.LookupPath(cue.MakePath(cue.AnyString))
	return v, v.Exists()
}

// hint names the fields that a misspelt one may mean.
func (s shape) hint(name string) string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	for known := range s.fields {
		d := distance(strings.ToLower(name), strings.ToLower(known))
		if d <= max(1, len(name)/3) {
			near = append(near, candidate{known, d})
		}
	}
	if len(near) == 0 {
		if len(s.fields) == 0 || len(s.fields) > 12 {
			return ""
		}
		return "the fields here are " + strings.Join(slices.Sorted(maps.Keys(s.fields)), ", ")
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	return "did you mean " + near[0].name + "?"
}

// distance counts the letters to insert, delete, replace or swap to get from a
// to b.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	var previous []int
	for i := range len(a) {
		previous, before, row = before, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(before[j+1]+1, row[j]+1, before[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], previous[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// join appends a field to a path, quoted where it must be.
func join(path, name string) string {
	label := cue.Str(name).String()
	if path == "" {
		return label
	}
	return path + "." + label
}

// expectation says what a schema wants: its own words, or its kind.
func expectation(schema cue.Value) string {
	attribute := schema.Attribute("expect")
	if text, err := attribute.String(0); err == nil && text != "" {
		return text
	}
	if only, err := schema.String(); err == nil {
		return strconv.Quote(only)
	}
	if options := optionsOf(schema); len(options) > 0 {
		return "one of " + strings.Join(options, ", ")
	}
	return kindWords(schema.IncompleteKind())
}

// optionsOf lists the strings that a schema allows, if it lists them itself.
func optionsOf(schema cue.Value) []string {
	op, args := cue.Dereference(schema).Expr()
	if op != cue.OrOp {
		return nil
	}
	var options []string
	for _, arg := range args {
		s, err := arg.String()
		if err != nil {
			return nil
		}
		options = append(options, s)
	}
	return options
}

// describe says what the user wrote, without the value itself if it is long or
// could be a secret: only numbers, booleans and short words are repeated.
func describe(user cue.Value) string {
	switch kind := user.IncompleteKind(); kind {
	case cue.StringKind:
		s, _ := user.String()
		if s == "" {
			return "an empty string"
		}
		if len(s) <= 24 {
			return "the string " + strconv.Quote(s)
		}
		return fmt.Sprintf("a string of %d characters", len([]rune(s)))
	case cue.IntKind, cue.FloatKind, cue.NumberKind, cue.BoolKind:
		return shorten(fmt.Sprint(user))
	case cue.ListKind:
		if n, err := user.Len().Int64(); err == nil && n == 0 {
			return "an empty list"
		}
		return kindWords(kind)
	default:
		return kindWords(kind)
	}
}

// shorten cuts what would take the room of the message around it.
func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func kindWords(kind cue.Kind) string {
	switch kind {
	case cue.StructKind:
		return "a map"
	case cue.ListKind:
		return "a list"
	case cue.StringKind:
		return "a string"
	case cue.BoolKind:
		return "true or false"
	case cue.IntKind:
		return "a whole number"
	case cue.NullKind:
		return "null"
	case cue.BytesKind:
		return "bytes"
	case cue.NumberKind, cue.FloatKind:
		return "a number"
	}
	return "another value"
}
