package template

import (
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/ringplan/ringplan/pkg/topology"
)

// A refusal is a call of required or fail, with the values that decide it.
type refusal struct {
	line   int
	values []*node
	says   []string // the constant parts of its message, as far as they are known
}

// A step is a call of a template, with the values of the conditions around.
type step struct {
	line   int
	to     *invocation
	around []*node
}

func (f *frame) refuse(at parse.Node, values []*node) {
	f.in.refusals = append(f.in.refusals, refusal{f.in.tree.lineOf(at), values, says(at)})
}

var verb = regexp.MustCompile(`%[^a-zA-Z%]*[a-zA-Z%]`)

// says returns the constant parts of the message that a call is given first.
func says(at parse.Node) []string {
	c, ok := at.(*parse.CommandNode)
	if !ok || len(c.Args) < 2 {
		return nil
	}
	switch n := c.Args[1].(type) {
	case *parse.StringNode:
		return []string{n.Text}
	case *parse.PipeNode:
		first := n.Cmds[0]
		if name, ok := first.Args[0].(*parse.IdentifierNode); !ok || name.Ident != "printf" || len(n.Cmds) > 1 || len(first.Args) < 2 {
			return nil
		}
		if format, ok := first.Args[1].(*parse.StringNode); ok {
			return verb.Split(format.Text, -1)
		}
	}
	return nil
}

// fits reports whether a message may be that of the refusal.
func (r refusal) fits(message string) bool {
	for _, part := range r.says {
		i := strings.Index(message, part)
		if i < 0 {
			return false
		}
		message = message[i+len(part):]
	}
	return true
}

// Deciding returns the paths of the values that decide whether required or
// fail refuses at a line of a file, or in a template that the line includes,
// best first. An element of any list or map is [*]. It returns nil where that
// is not known.
func (a *Analysis) Deciding(file string, line int) []string {
	return a.deciding(file, line, func(refusal) bool { return true })
}

// DecidingMessage is [Analysis.Deciding] of the refusals alone that may say a
// message.
func (a *Analysis) DecidingMessage(file string, line int, message string) []string {
	return a.deciding(file, line, func(r refusal) bool { return r.fits(message) })
}

func (a *Analysis) deciding(file string, line int, wanted func(refusal) bool) []string {
	d := decision{wanted: wanted, seen: map[*invocation]bool{}}
	for _, in := range a.invocations {
		if in.tree.file != file {
			continue
		}
		for _, r := range in.refusals {
			if r.line == line && wanted(r) {
				d.add(r.values, a.callers(in))
			}
		}
	}
	for _, in := range a.invocations {
		if in.tree.file != file {
			continue
		}
		for _, s := range in.calls {
			if s.line == line {
				d.follow(s)
			}
		}
	}
	return d.paths
}

// callers returns the values of the conditions around the calls of a template.
func (a *Analysis) callers(callee *invocation) []*node {
	var around []*node
	for _, in := range a.invocations {
		for _, s := range in.calls {
			if s.to == callee {
				around = append(around, s.around...)
			}
		}
	}
	return around
}

type decision struct {
	wanted func(refusal) bool
	seen   map[*invocation]bool
	paths  []string
}

// add adds the values, or others where there are none.
func (d *decision) add(values, otherwise []*node) {
	if len(values) == 0 {
		values = otherwise
	}
	for _, n := range values {
		if p := n.path(); p != "" && !slices.Contains(d.paths, p) {
			d.paths = append(d.paths, p)
		}
	}
}

// follow adds what decides the refusals of an included template, and of those
// that it includes.
func (d *decision) follow(s step) {
	if d.seen[s.to] {
		return
	}
	d.seen[s.to] = true
	for _, r := range s.to.refusals {
		if d.wanted(r) {
			d.add(r.values, s.around)
		}
	}
	for _, next := range s.to.calls {
		if len(next.around) == 0 {
			next.around = s.around
		}
		d.follow(next)
	}
}

func (n *node) path() string {
	switch {
	case n.parent == nil:
		return ""
	case n == n.parent.star:
		return n.parent.path() + "[*]"
	}
	return topology.JoinPath(n.parent.path(), n.key)
}
