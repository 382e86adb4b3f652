package template

import (
	"maps"
	"slices"
	"text/template/parse"
)

// A frame interprets one invocation.
type frame struct {
	*analyser
	in         *invocation
	dot        value
	variables  []variable
	conditions [][]*node // the values that the conditions around look at
	braced     bool      // reads count only where the values hold {{
}

type variable struct {
	name string
	cell *cell
}

func (f *frame) declare(name string, at any, v value) {
	c := f.in.cells[at]
	if c == nil {
		c = &cell{}
		f.in.cells[at] = c
	}
	f.assign(c, v)
	f.variables = append(f.variables, variable{name, c})
}

func (f *frame) assign(c *cell, v value) {
	if grown := f.limit(join(c.value, v)); !slices.Equal(grown, c.value) {
		c.value = grown
		c.asked.again()
	}
}

func (f *frame) lookup(name string) *cell {
	for _, v := range slices.Backward(f.variables) {
		if v.name == name {
			return v.cell
		}
	}
	return &cell{value: dirty}
}

func (f *frame) walk(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				f.walk(child)
			}
		}
	case *parse.ActionNode:
		if v := f.pipe(n.Pipe); len(n.Pipe.Decl) == 0 {
			f.readDeep(v)
		}
	case *parse.IfNode:
		f.branch(&n.BranchNode)
	case *parse.WithNode:
		f.branch(&n.BranchNode)
	case *parse.RangeNode:
		f.branch(&n.BranchNode)
	case *parse.TemplateNode:
		f.call(n, f.named[n.Name], f.pipe(n.Pipe))
	}
}

// branch walks if, with and range.
func (f *frame) branch(n *parse.BranchNode) {
	scope, dot, braced := len(f.variables), f.dot, f.braced
	looked := f.traced(func() {
		switch n.NodeType {
		case parse.NodeIf:
			f.read(f.pipe(n.Pipe), truth)
			f.braced = braced || f.testsBraces(n.Pipe)
		case parse.NodeWith:
			f.dot = f.pipe(n.Pipe)
			f.read(f.dot, truth)
		default:
			f.dot = f.each(n.Pipe)
		}
	})
	f.conditions = append(f.conditions, looked)
	for _, n := range looked {
		f.assign(&f.in.decided, value{sourceAtom.atom(n.id)})
	}
	f.walk(n.List)
	f.dot, f.braced = dot, braced
	f.walk(n.ElseList)
	f.conditions = f.conditions[:len(f.conditions)-1]
	f.variables = f.variables[:scope]
}

// each returns the elements of what a range goes over, and sets its variables.
func (f *frame) each(p *parse.PipeNode) value {
	over := f.commands(p)
	f.read(over, keys)
	element := f.element(over)
	vs := []value{element}
	if len(p.Decl) == 2 {
		vs = []value{f.keysOf(over), element}
	}
	for i, d := range p.Decl {
		f.bind(p, d, vs[i])
	}
	return element
}

// keysOf returns the keys of what is gone over.
func (f *frame) keysOf(v value) value {
	all := v.only(sourceAtom)
	for _, a := range v {
		switch a.kind() {
		case objectAtom:
			o := f.objects[a.id()]
			o.asked.add(f.in)
			for _, key := range slices.Sorted(maps.Keys(o.fields)) {
				all = join(all, f.text(key))
			}
			if len(o.fields) == 0 || len(o.others) > 0 || len(o.merged) > 0 {
				all = join(all, dirty)
			}
		case pathAtom, cleanAtom:
			all = join(all, clean)
		default:
			all = join(all, dirty)
		}
	}
	return f.limit(all)
}

func (f *frame) bind(p *parse.PipeNode, d *parse.VariableNode, v value) {
	if p.IsAssign {
		f.assign(f.lookup(d.Ident[0]), v)
	} else {
		f.declare(d.Ident[0], d, v)
	}
}

func (f *frame) pipe(p *parse.PipeNode) value {
	v := f.commands(p)
	if p != nil {
		for _, d := range p.Decl {
			f.bind(p, d, v)
		}
	}
	return v
}

func (f *frame) commands(p *parse.PipeNode) value {
	var v value
	if p != nil {
		for i, c := range p.Cmds {
			v = f.command(c, v, i > 0)
		}
	}
	return f.limit(v)
}

// command evaluates a command; in a pipeline, piped is its last argument.
func (f *frame) command(c *parse.CommandNode, piped value, isPiped bool) value {
	var args []value
	for _, n := range c.Args[1:] {
		args = append(args, f.operand(n))
	}
	if isPiped {
		args = append(args, piped)
	}
	if name, ok := c.Args[0].(*parse.IdentifierNode); ok {
		return f.function(name.Ident, c, args)
	}
	v := f.operand(c.Args[0])
	if len(args) == 0 {
		return v
	}
	for _, arg := range args { // of a method
		f.readDeep(arg)
	}
	return join(v, dirty)
}

func (f *frame) operand(n parse.Node) value {
	switch n := n.(type) {
	case *parse.DotNode:
		return f.dot
	case *parse.FieldNode:
		return f.fields(f.dot, n.Ident)
	case *parse.ChainNode:
		return f.fields(f.operand(n.Node), n.Field)
	case *parse.VariableNode:
		c := f.lookup(n.Ident[0])
		c.asked.add(f.in)
		return f.fields(c.value, n.Ident[1:])
	case *parse.PipeNode:
		return f.pipe(n)
	case *parse.IdentifierNode:
		return f.function(n.Ident, n, nil)
	case *parse.StringNode:
		return f.text(n.Text)
	}
	return clean // nil, a boolean or a number
}

func (f *frame) function(name string, at parse.Node, args []value) value {
	if fn := f.functions[name]; fn != nil {
		return f.limit(fn(f, at, args))
	}
	return f.limit(f.consume(args, dirty))
}

// consume reads the arguments whole, and returns the result with where it
// comes from.
func (f *frame) consume(args []value, result value) value {
	for _, arg := range args {
		f.readDeep(arg)
		result = join(result, f.sources(arg))
	}
	return result
}

// sources returns the values that a value is, or is computed from.
func (f *frame) sources(v value) value {
	var all value
	for _, a := range v {
		switch a.kind() {
		case pathAtom, sourceAtom:
			all = join(all, value{sourceAtom.atom(a.id())})
		case objectAtom: // a list, of messages say
			all = join(all, f.objects[a.id()].others.only(sourceAtom))
		}
	}
	return all
}

func (v value) only(k kind) value {
	return slices.DeleteFunc(slices.Clone(v), func(a atom) bool { return a.kind() != k })
}

// traced returns the values that something looks at.
func (f *frame) traced(do func()) []*node {
	before, mine := f.trace, []*node(nil)
	f.trace = &mine
	do()
	f.trace = before
	if before != nil {
		*before = append(*before, mine...)
	}
	return mine
}

func (f *frame) mark(n *node, m mark) {
	if f.braced {
		m <<= braces
	}
	n.mark(m)
}

func (f *frame) look(n *node) {
	if f.trace != nil {
		*f.trace = append(*f.trace, n)
	}
}

// read notes that a template learns something of a value, but not what stands
// in it.
func (f *frame) read(v value, m mark) {
	f.readWith(v, m, map[*object]bool{})
}

func (f *frame) readWith(v value, m mark, done map[*object]bool) {
	f.work += 1 + len(v)
	for _, a := range v {
		switch a.kind() {
		case pathAtom:
			f.mark(f.nodes[a.id()], m)
			f.look(f.nodes[a.id()])
		case sourceAtom:
			f.look(f.nodes[a.id()])
		case objectAtom:
			o := f.objects[a.id()]
			o.asked.add(f.in)
			if !done[o] {
				done[o] = true
				for _, in := range o.merged {
					f.readWith(in.value, m, done)
				}
			}
		}
	}
}

// readDeep notes that a value is read with all that stands in it.
func (f *frame) readDeep(v value) {
	for _, a := range v {
		switch a.kind() {
		case pathAtom:
			f.mark(f.nodes[a.id()], deep)
			f.look(f.nodes[a.id()])
		case sourceAtom:
			f.look(f.nodes[a.id()])
		case objectAtom:
			f.sink(f.objects[a.id()])
		}
	}
}

func (f *frame) sink(o *object) {
	i := 0
	if f.braced {
		i = 1
	}
	if o.sunk[0] || o.sunk[i] {
		return
	}
	o.sunk[i] = true
	for _, part := range o.parts() {
		f.readDeep(part)
	}
}

// grew follows a change of an object.
func (f *frame) grew(o *object, v value) {
	o.asked.again()
	braced := f.braced
	for i, sunk := range o.sunk {
		if sunk {
			f.braced = i == 1
			f.readDeep(v)
		}
	}
	f.braced = braced
	if o.mixed {
		f.mix(v)
	}
	if o.wild {
		f.loosen(v)
	}
}

// giveUp stops to follow a value: it is read whole, and may be changed.
func (f *frame) giveUp(v value) {
	if f.braced { // where the values do hold {{, nothing is known then
		f.values.mark(deep << braces)
		return
	}
	f.readDeep(v)
	f.taint()
	f.loosen(v)
}

func (f *frame) loosen(v value) {
	for _, a := range v {
		if a.kind() != objectAtom {
			continue
		}
		if o := f.objects[a.id()]; !o.wild {
			o.wild = true
			for _, part := range o.parts() {
				f.loosen(part)
			}
			f.put(o, "", false, dirty)
		}
	}
}

// taint notes that a template puts text of its own among the values.
func (f *frame) taint() {
	if !f.tainted {
		f.tainted = true
		f.asked.again()
	}
}

// put lays a value into an object, under no key where the key is not known.
func (f *frame) put(o *object, key string, known bool, v value) {
	before := o.others
	if known {
		before = o.fields[key]
	}
	after := f.limit(join(before, v))
	if slices.Equal(before, after) {
		if known && o.fields[key] == nil {
			o.fields[key] = after
		}
		return
	}
	if known {
		o.fields[key] = after
	} else {
		o.others = after
	}
	f.grew(o, v)
}

// mix notes that maps below a value are merged with others.
func (f *frame) mix(v value) {
	for _, a := range v {
		switch a.kind() {
		case pathAtom:
			f.nodes[a.id()].mark(mixed)
		case objectAtom:
			if o := f.objects[a.id()]; !o.mixed {
				o.mixed = true
				for _, part := range o.parts() {
					f.mix(part)
				}
			}
		}
	}
}

var methods = map[string]bool{"YAML": true, "Table": true, "AsMap": true, "Encode": true, "PathValue": true}

func (f *frame) fields(v value, names []string) value {
	for _, name := range names {
		if methods[name] {
			f.method(v)
		}
		v = f.field(v, name)
		if methods[name] {
			v = join(v, dirty)
		}
	}
	return v
}

// method reads what the methods of Helm's values can read.
func (f *frame) method(v value) {
	for _, a := range v {
		if a.kind() == pathAtom && f.nodes[a.id()].scope || a.kind() == objectAtom && f.objects[a.id()].chart {
			f.readDeep(value{a})
		}
	}
}

// field returns what stands under a key.
func (f *frame) field(v value, key string) value {
	return f.limit(f.below(v, key, true, map[*object]bool{}))
}

// element returns what stands under any key.
func (f *frame) element(v value) value {
	return f.limit(f.below(v, "", false, map[*object]bool{}))
}

func (f *frame) below(v value, key string, known bool, done map[*object]bool) value {
	var all value
	f.work += len(v)
	for _, a := range v {
		switch a.kind() {
		case pathAtom:
			all = join(all, f.step(f.nodes[a.id()], key, known))
		case objectAtom:
			o := f.objects[a.id()]
			if !done[o] {
				done[o] = true
				all = join(all, f.within(o, key, known, done))
			}
		case cleanAtom, sourceAtom:
			all = join(all, value{a})
		default:
			all = join(all, dirty)
		}
	}
	return all
}

// step returns the path one key further. A path that grows without end is
// read whole.
func (f *frame) step(n *node, key string, known bool) value {
	f.mark(n, seen)
	if n.depth >= maxDepth {
		f.mark(n, deep)
		return dirty
	}
	if known {
		return value{pathAtom.atom(f.child(n, key).id)}
	}
	return value{pathAtom.atom(f.anyChild(n).id)}
}

func (f *frame) within(o *object, key string, known bool, done map[*object]bool) value {
	o.asked.add(f.in)
	all := o.others
	if known {
		all = join(all, o.fields[key])
	} else {
		for _, part := range o.fields {
			all = join(all, part)
		}
	}
	for _, in := range o.merged {
		all = join(all, f.below(in.value, key, known, done))
	}
	return all
}

// call notes that a template is included, by include or by template, and
// returns what its text is computed from.
func (f *frame) call(at parse.Node, trees []*tree, dot value) value {
	var from value
	for _, t := range trees {
		f.in.tree.calls[t] = true
		in := f.invoke(t, dot, f.braced)
		if in == nil {
			f.giveUp(dot)
			continue
		}
		f.in.calls = append(f.in.calls, step{f.in.tree.lineOf(at), in, f.around()})
		from = join(from, in.decided.value)
		in.decided.asked.add(f.in)
	}
	return from
}

// around returns the values of the conditions around, innermost first.
func (f *frame) around() []*node {
	var all []*node
	for _, c := range slices.Backward(f.conditions) {
		all = append(all, c...)
	}
	return all
}

// testsBraces reports whether a condition holds only where the values do hold
// {{, as `contains "{{" (toJson .value)` does.
func (f *frame) testsBraces(p *parse.PipeNode) bool {
	if len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 3 {
		return false
	}
	name, isName := p.Cmds[0].Args[0].(*parse.IdentifierNode)
	text, isText := p.Cmds[0].Args[1].(*parse.StringNode)
	return isName && isText && name.Ident == "contains" && hasBraces(text.Text) && f.isClean(f.operand(p.Cmds[0].Args[2]))
}

// isClean reports whether the text of a value holds {{ only where the values
// of the chart do.
func (f *frame) isClean(v value) bool {
	if f.asked.add(f.in); f.tainted {
		return false
	}
	for _, a := range v {
		switch a.kind() {
		case objectAtom, dirtyAtom:
			return false
		case stringAtom:
			if hasBraces(f.strings[a.id()]) {
				return false
			}
		}
	}
	return len(v.without(sourceAtom)) > 0
}
