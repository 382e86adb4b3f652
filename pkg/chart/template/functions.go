package template

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

// A function is what a template function does with its arguments: what it
// reads of them, and what it returns.
type function func(f *frame, at parse.Node, args []value) value

// functions lists the functions that do not read all their arguments whole.
func functions() map[string]function {
	all := map[string]function{
		"default": defaulted, "coalesce": tested, "and": tested, "or": tested,
		"not": test(truth), "empty": test(truth), "all": test(truth), "any": test(truth),
		"len": test(keys), "keys": keysOf, "typeOf": test(seen), "kindOf": test(seen),
		"kindIs": typeIs, "typeIs": typeIs, "typeIsLike": typeIs,
		"ternary": ternary, "required": required, "fail": fail,
		"dict": dict, "list": list, "tuple": list, "append": add, "push": add, "prepend": add, "concat": concat,
		"first": elementOf, "last": elementOf, "values": valuesOf,
		"rest": part, "initial": part, "reverse": part, "slice": part,
		"get": index, "index": index, "dig": dig, "hasKey": hasKey, "pluck": pluck,
		"set": set, "unset": cut, "pick": pick, "omit": cut,
		"merge": merge, "mergeOverwrite": merge, "deepCopy": deepCopy,
		"include": include, "tpl": tpl, "print": fold("print"), "printf": fold("printf"),
	}
	for _, name := range []string{"append", "push", "prepend", "first", "last", "rest", "initial", "reverse", "slice", "merge", "mergeOverwrite", "deepCopy"} {
		all["must"+strings.ToUpper(name[:1])+name[1:]] = all[name]
	}
	for _, name := range []string{"toYaml", "toYamlPretty", "toJson", "toPrettyJson", "toRawJson", "toString", "quote", "squote", "indent", "nindent", "trim", "trimPrefix", "trimSuffix", "trunc", "lower", "upper"} {
		all[name] = textOf
	}
	return all
}

// last returns the last argument, which a pipeline gives, and those before it.
func last(args []value) (value, []value) {
	if len(args) == 0 {
		return dirty, nil
	}
	return args[len(args)-1], args[:len(args)-1]
}

func test(m mark) function {
	return func(f *frame, _ parse.Node, args []value) value {
		result := clean
		for _, arg := range args {
			f.read(arg, m)
			result = join(result, f.sources(arg))
		}
		return result
	}
}

func keysOf(f *frame, at parse.Node, args []value) value {
	result := test(keys)(f, at, args)
	for _, arg := range args {
		if !f.isClean(arg) { // the keys are the template's own
			result = join(result, dirty)
		}
	}
	return result
}

// tested returns one of its arguments, by which of them are empty.
func tested(f *frame, _ parse.Node, args []value) value {
	for _, arg := range args {
		f.read(arg, truth)
	}
	return join(args...)
}

func defaulted(f *frame, _ parse.Node, args []value) value {
	v, _ := last(args)
	f.read(v, truth)
	return join(args...)
}

func typeIs(f *frame, _ parse.Node, args []value) value {
	v, kinds := last(args)
	f.read(v, seen)
	return f.consume(kinds, join(clean, f.sources(v)))
}

func ternary(f *frame, _ parse.Node, args []value) value {
	condition, either := last(args)
	f.readDeep(condition)
	return join(join(either...), f.sources(condition))
}

func deepCopy(f *frame, _ parse.Node, args []value) value {
	v, more := last(args)
	f.read(v, seen)
	return f.consume(more, v)
}

// textOf returns the text of a value, with no more {{ in it.
func textOf(f *frame, _ parse.Node, args []value) value {
	result := clean
	for _, arg := range args {
		if !f.isClean(arg) {
			result = dirty
		}
	}
	return f.consume(args, result)
}

// fold computes the text of constants.
func fold(name string) function {
	return func(f *frame, _ parse.Node, args []value) value {
		var texts []any
		for _, arg := range args {
			if len(arg) == 1 && arg[0].kind() == stringAtom {
				texts = append(texts, f.strings[arg[0].id()])
			}
		}
		switch {
		case len(texts) == 0 || len(texts) < len(args):
			return f.consume(args, dirty)
		case name == "print":
			return f.text(fmt.Sprint(texts...))
		}
		return f.text(fmt.Sprintf(texts[0].(string), texts[1:]...))
	}
}

// build makes the object of a call: one for each invocation, unless there are
// many.
func (f *frame) build(at parse.Node, what string) *object {
	s := site{at, f.in, what}
	if f.in.tree.contexts > fineContexts {
		s.in = nil
	}
	o := f.made[s]
	if o == nil {
		o = f.newObject()
		f.made[s] = o
	}
	return o
}

func (o *object) value() value { return value{objectAtom.atom(o.id)} }

// constants returns the strings that a value may be, and whether it can be
// nothing else.
func (f *frame) constants(v value) ([]string, bool) {
	var texts []string
	only := true
	for _, a := range v {
		switch a.kind() {
		case stringAtom:
			texts = append(texts, f.strings[a.id()])
		case sourceAtom:
		default:
			only = false
		}
	}
	return texts, only && len(texts) > 0
}

func dict(f *frame, at parse.Node, args []value) value {
	o := f.build(at, "dict")
	for i := 0; i < len(args); i += 2 {
		v := clean
		if i+1 < len(args) {
			v = args[i+1]
		}
		f.store(o, args[i], v)
	}
	return o.value()
}

// store lays a value into an object under a key, which is read.
func (f *frame) store(o *object, key, v value) {
	f.readDeep(key)
	texts, only := f.constants(key)
	for _, text := range texts {
		f.put(o, text, true, v)
	}
	if !only {
		f.put(o, "", false, v)
	}
}

func list(f *frame, at parse.Node, args []value) value {
	o := f.build(at, "list")
	for _, arg := range args {
		f.put(o, "", false, arg)
	}
	return o.value()
}

func concat(f *frame, _ parse.Node, args []value) value {
	for _, arg := range args {
		f.read(arg, keys)
	}
	return join(args...)
}

// add returns a longer list.
func add(f *frame, at parse.Node, args []value) value {
	if len(args) != 2 {
		return f.consume(args, dirty)
	}
	f.read(args[0], keys)
	return join(args[0], list(f, at, args[1:]))
}

func part(f *frame, _ parse.Node, args []value) value {
	if len(args) == 0 {
		return dirty
	}
	f.read(args[0], keys)
	return f.consume(args[1:], args[0])
}

func elementOf(f *frame, _ parse.Node, args []value) value {
	v, more := last(args)
	f.read(v, keys)
	return f.consume(more, f.element(v))
}

func valuesOf(f *frame, at parse.Node, args []value) value {
	v, more := last(args)
	f.read(v, keys)
	return f.consume(more, list(f, at, []value{f.element(v)}))
}

// lookupKey returns what stands under a key that a template computes.
func (f *frame) lookupKey(v, key value) value {
	f.readDeep(key)
	texts, only := f.constants(key)
	if !only {
		return f.element(v)
	}
	var all value
	for _, text := range texts {
		all = join(all, f.field(v, text))
	}
	return all
}

func index(f *frame, _ parse.Node, args []value) value {
	if len(args) == 0 {
		return dirty
	}
	v := args[0]
	f.read(v, seen)
	for _, key := range args[1:] {
		v = f.lookupKey(v, key)
	}
	return v
}

func dig(f *frame, at parse.Node, args []value) value {
	if len(args) < 3 {
		return f.consume(args, dirty)
	}
	n := len(args)
	v := index(f, at, append([]value{args[n-1]}, args[:n-2]...))
	return join(v, args[n-2])
}

func hasKey(f *frame, _ parse.Node, args []value) value {
	if len(args) != 2 {
		return f.consume(args, dirty)
	}
	v := f.lookupKey(args[0], args[1])
	f.read(v, seen)
	return join(clean, f.sources(v))
}

func pluck(f *frame, at parse.Node, args []value) value {
	if len(args) == 0 {
		return dirty
	}
	o := f.build(at, "list")
	for _, from := range args[1:] {
		v := f.lookupKey(from, args[0])
		f.read(from, seen)
		f.read(v, seen)
		f.put(o, "", false, v)
	}
	return o.value()
}

// set changes a dictionary in place. In one that is not all the template's
// own, it is not followed further.
func set(f *frame, _ parse.Node, args []value) value {
	if len(args) != 3 {
		return f.consume(args, dirty)
	}
	f.read(args[0], seen)
	f.readDeep(args[1])
	followed := len(args[0]) > 0
	for _, a := range args[0] {
		switch a.kind() {
		case objectAtom:
			f.store(f.objects[a.id()], args[1], args[2])
		case sourceAtom:
		default:
			followed = false
		}
	}
	if !followed {
		f.leave(args[2])
	}
	return args[0]
}

// leave gives up on a value that a template puts where it is not followed.
func (f *frame) leave(v value) {
	f.readDeep(v)
	if !f.isClean(v) {
		f.taint()
	}
}

// pick copies some keys of a dictionary into another.
func pick(f *frame, at parse.Node, args []value) value {
	for _, key := range args[min(1, len(args)):] {
		if _, only := f.constants(key); !only {
			return cut(f, at, args)
		}
	}
	o := f.build(at, "dict")
	for i, key := range args {
		f.read(args[0], seen)
		if i == 0 {
			continue
		}
		texts, _ := f.constants(key)
		for _, text := range texts {
			v := f.field(args[0], text)
			f.read(v, seen)
			f.put(o, text, true, v)
		}
	}
	return o.value()
}

// cut takes keys out of a dictionary.
func cut(f *frame, _ parse.Node, args []value) value {
	if len(args) == 0 {
		return dirty
	}
	f.cut(args[0])
	return f.consume(args[1:], args[0])
}

// cut reads whole what may be empty with a key less.
func (f *frame) cut(v value) {
	for _, a := range v {
		if a.kind() != objectAtom {
			f.readDeep(value{a})
			continue
		}
		o := f.objects[a.id()]
		o.cut = true
		o.asked.add(f.in)
		for _, in := range o.merged {
			f.readDeep(in.value)
		}
	}
}

// merge changes its first argument in place. What it takes over from a second
// source, or under a key that is there, is not followed further.
func merge(f *frame, at parse.Node, args []value) value {
	if len(args) == 0 {
		return dirty
	}
	f.read(args[0], seen)
	for i, arg := range args[1:] {
		f.read(arg, seen)
		for _, a := range args[0] {
			f.mergeInto(a, site{at: at, what: strconv.Itoa(i)}, arg)
		}
		if len(args[0]) == 0 {
			f.leave(arg)
		}
	}
	return join(args...)
}

func (f *frame) mergeInto(a atom, by site, from value) {
	switch a.kind() {
	case sourceAtom:
		return
	case objectAtom:
	default:
		f.mix(value{a})
		f.leave(from)
		return
	}
	o := f.objects[a.id()]
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		own := o.fields[key]
		if other := f.field(from, key); len(other) > 0 {
			f.mix(own)
			f.leave(other)
		}
	}
	if len(o.others) > 0 || o.cut {
		f.mix(o.others)
		f.leave(from)
	}
	f.takeIn(o, by, from)
}

// takeIn makes what is merged in readable through an object. What is empty is
// not merged, so the keys of the object depend on that.
func (f *frame) takeIn(o *object, by site, from value) {
	f.mix(from)
	mine := -1
	for i, in := range o.merged {
		if in.by == any(by) {
			mine = i
		}
	}
	if mine < 0 {
		mine = len(o.merged)
		o.merged = append(o.merged, merged{by: by})
	}
	if len(o.merged) > 1 {
		for _, in := range o.merged {
			f.leave(in.value)
		}
		f.leave(from)
	}
	if all := f.limit(join(o.merged[mine].value, from)); len(all) > len(o.merged[mine].value) {
		o.merged[mine].value = all
		f.grew(o, from)
	}
}

func required(f *frame, at parse.Node, args []value) value {
	v, message := last(args)
	looked := f.traced(func() { f.read(v, truth) })
	f.refuse(at, looked)
	return f.consume(message, v)
}

func fail(f *frame, at parse.Node, args []value) value {
	f.refuse(at, f.around())
	return f.consume(args, dirty)
}

// include interprets every template that the name may mean.
func include(f *frame, at parse.Node, args []value) value {
	if len(args) != 2 {
		return f.consume(args, dirty)
	}
	f.readDeep(args[0])
	names, only := f.constants(args[0])
	if !only {
		return join(dirty, f.call(at, f.trees, args[1]))
	}
	result := dirty
	for _, name := range names {
		result = join(result, f.call(at, f.named[name], args[1]))
	}
	return result
}

// tpl interprets a text that is known, and else reads all that it is given.
func tpl(f *frame, at parse.Node, args []value) value {
	if len(args) != 2 {
		return f.consume(args, dirty)
	}
	f.readDeep(args[0])
	texts, only := f.constants(args[0])
	for _, text := range texts {
		f.inline(at, text, args[1])
	}
	switch {
	case only:
	case !f.isClean(args[0].without(stringAtom)):
		f.giveUp(args[1])
	default:
		f.whereBraces(func() {
			if len(args[1].only(objectAtom)) > 0 { // which the text may change
				f.giveUp(args[1])
			}
			f.readDeep(args[1])
		})
	}
	return dirty
}

// whereBraces interprets what happens only where the values hold {{.
func (f *frame) whereBraces(do func()) {
	before := f.braced
	f.braced = true
	do()
	f.braced = before
}

// inline interprets the text of a template inside a template.
func (f *frame) inline(at parse.Node, text string, dot value) {
	s := site{at, f.in, text}
	t := f.texts[s]
	if t == nil {
		name := f.in.tree.file
		trees, err := parseFile(name, text)
		if err != nil {
			return // Helm refuses it
		}
		t = trees[name]
		if t == nil || len(trees) > 1 {
			f.giveUp(dot)
			return
		}
		t.line = f.in.tree.lineOf(at)
		f.texts[s] = t
	}
	f.call(at, []*tree{t}, dot)
}

func hasBraces(s string) bool { return strings.Contains(s, "{{") }
