package template

import (
	"errors"
	"slices"
	"strings"
	"text/template/parse"
)

// An analyser interprets templates until nothing new is learnt.
type analyser struct {
	values      *node
	nodes       []*node
	objects     []*object
	made        map[site]*object
	strings     []string
	stringIDs   map[string]int
	charts      []*scope
	subs        map[*scope]*object
	trees       []*tree
	named       map[string][]*tree
	texts       map[site]*tree
	invocations []*invocation
	invoked     map[call]*invocation
	functions   map[string]function
	tainted     bool     // a template puts text of its own among the values
	asked       askers   // whether it does
	work, limit int      // steps taken, and allowed
	gaveUp      bool     // there were too many
	trace       *[]*node // where set, the values that a condition looks at
}

// A site is a place that makes something, in an invocation or in all of them.
type site struct {
	at   any
	in   *invocation
	what string
}

func newAnalyser() *analyser {
	a := &analyser{
		made: map[site]*object{}, stringIDs: map[string]int{}, subs: map[*scope]*object{},
		named: map[string][]*tree{}, texts: map[site]*tree{}, invoked: map[call]*invocation{},
		functions: functions(), limit: maxWork,
	}
	a.values = a.newNode(nil, "")
	return a
}

func (a *analyser) newNode(parent *node, key string) *node {
	n := &node{id: len(a.nodes), key: key, parent: parent}
	if parent != nil {
		n.depth = parent.depth + 1
	}
	a.nodes = append(a.nodes, n)
	return n
}

func (a *analyser) child(n *node, key string) *node {
	c := n.keys[key]
	if c == nil {
		c = a.newNode(n, key)
		if n.keys == nil {
			n.keys = map[string]*node{}
		}
		n.keys[key] = c
	}
	return c
}

func (a *analyser) anyChild(n *node) *node {
	if n.star == nil {
		n.star = a.newNode(n, "")
	}
	return n.star
}

func (a *analyser) newObject() *object {
	o := &object{id: len(a.objects), fields: map[string]value{}}
	a.objects = append(a.objects, o)
	return o
}

func (a *analyser) text(s string) value {
	id, ok := a.stringIDs[s]
	if !ok {
		id = len(a.strings)
		a.strings = append(a.strings, s)
		a.stringIDs[s] = id
	}
	return value{stringAtom.atom(id)}
}

// rootObject makes the dot of a chart's templates. Only its values are theirs
// to give; the text of the chart itself may hold anything.
func (a *analyser) rootObject(s *scope) *object {
	self := a.newObject()
	self.set("BasePath", a.text(s.name+"/templates"))
	self.set("Name", clean)
	root := a.newObject()
	root.chart = true
	root.set("Values", value{pathAtom.atom(s.values.id)})
	root.set("Template", value{objectAtom.atom(self.id)})
	root.set("Release", clean)
	root.set("Capabilities", clean)
	root.set("Chart", dirty)
	root.set("Files", dirty)
	a.subs[s] = a.newObject()
	root.set("Subcharts", value{objectAtom.atom(a.subs[s].id)})
	return root
}

func (a *analyser) subcharts(s *scope) *object { return a.subs[s] }

// A tree is the body of a file or of a define.
type tree struct {
	name, file string
	root       *parse.ListNode
	breaks     []int // offsets of the line breaks
	line       int   // of everything, in a text inside a template
	rendered   bool
	contexts   int
	calls      map[*tree]bool
}

// parseFile parses a file into its body and its defines.
func parseFile(name, text string) (map[string]*tree, error) {
	p := parse.New(name)
	p.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := p.Parse(text, "", "", set); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	var breaks []int
	for i := range len(text) {
		if text[i] == '\n' {
			breaks = append(breaks, i)
		}
	}
	trees := map[string]*tree{}
	for n, t := range set {
		if t.Root != nil {
			trees[n] = &tree{name: n, file: name, root: t.Root, breaks: breaks, calls: map[*tree]bool{}}
		}
	}
	return trees, nil
}

// lineOf returns the line of a node.
func (t *tree) lineOf(n parse.Node) int {
	if t.line > 0 {
		return t.line
	}
	return 1 + countBelow(t.breaks, int(n.Position()))
}

func countBelow(sorted []int, limit int) int {
	lo, hi := 0, len(sorted)
	for lo < hi {
		if mid := (lo + hi) / 2; sorted[mid] < limit {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// A call is a template with the dot that it is given.
type call struct {
	tree   *tree
	dot    string
	braced bool
}

// An invocation is a template as it runs with one dot.
type invocation struct {
	tree     *tree
	dot      value
	braced   bool // only where the values hold {{
	again    bool // there is something new for it
	cells    map[any]*cell
	decided  cell // the values that its conditions look at
	refusals []refusal
	calls    []step
}

// A cell is a variable, with all that is ever assigned to it.
type cell struct {
	value value
	asked askers
}

// Bounds of the interpretation. Beyond them it becomes coarser: objects are
// told apart by their call alone, then everything a template is given is read,
// and at last everything there is.
const (
	fineContexts = 24
	maxContexts  = 160
	maxWork      = 2_000_000 // steps, some 75 ns each
)

// askers are the invocations that a change is new for.
type askers []*invocation

func (a *askers) add(in *invocation) {
	if !slices.Contains(*a, in) {
		*a = append(*a, in)
	}
}

func (a askers) again() {
	for _, in := range a {
		in.again = true
	}
}

// run interprets every rendered file, and what it calls, until there is
// nothing new for any of them.
func (a *analyser) run() {
	for _, s := range a.charts {
		for _, t := range s.files {
			a.invoke(t, value{objectAtom.atom(s.root.id)}, false)
		}
	}
	for {
		changed := false
		for i := 0; i < len(a.invocations) && !a.gaveUp; i++ {
			if in := a.invocations[i]; in.again {
				in.again, changed = false, true
				a.interpret(in)
				a.gaveUp = a.work > a.limit
			}
		}
		if a.gaveUp {
			a.values.mark(deep)
			return
		}
		if !changed {
			return
		}
	}
}

// invoke returns the invocation of a template with a dot, or nil where there
// are too many of them.
func (a *analyser) invoke(t *tree, dot value, braced bool) *invocation {
	dot = dot.without(sourceAtom)
	c := call{t, dot.key(), braced}
	if braced {
		if in := a.invoked[call{t, c.dot, false}]; in != nil {
			return in
		}
	}
	in := a.invoked[c]
	if in == nil && t.contexts < maxContexts {
		t.contexts++
		in = &invocation{tree: t, dot: dot, braced: braced, again: true, cells: map[any]*cell{}}
		a.invoked[c] = in
		a.invocations = append(a.invocations, in)
	}
	return in
}

func (a *analyser) interpret(in *invocation) {
	in.refusals, in.calls = nil, nil
	f := &frame{analyser: a, in: in, dot: in.dot, braced: in.braced}
	f.declare("$", in, in.dot)
	f.walk(in.tree.root)
}
