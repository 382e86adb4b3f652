package template

import (
	"cmp"
	"maps"
	"slices"
	"text/template/parse"
)

// A Call is a call of a function that does not always give the same.
type Call struct {
	Function string
	File     string
	Line     int
	// Roots are the rendered files that can reach the call.
	Roots []string
}

// Unstable returns the calls that make one rendering differ from the next,
// or the rendering for one cluster from that for another, by file and line.
// A template that stands in the text of a value is not looked at.
func (a *Analysis) Unstable() []Call {
	calls := slices.Clone(a.unstable)
	for i := range calls {
		calls[i].Roots = slices.Clone(calls[i].Roots)
	}
	return calls
}

type place struct {
	function, file string
	line           int
}

func (a *analyser) unstable() []Call {
	reached := map[*tree][]string{}
	for _, s := range a.charts {
		for _, t := range s.files {
			reach(t, t.file, map[*tree]bool{}, reached)
		}
	}
	trees := slices.Clone(a.trees)
	if a.gaveUp { // the calls are not all known
		all := slices.Concat(slices.Collect(maps.Values(reached))...)
		for _, t := range trees {
			reached[t] = all
		}
	}
	for _, t := range a.texts {
		trees = append(trees, t)
	}
	found := map[place][]string{}
	for _, t := range trees {
		inspect(t.root, func(n parse.Node, _ *parse.CommandNode) {
			name, ok := n.(*parse.IdentifierNode)
			if ok && !sometimes[name.Ident] && (steady[name.Ident] != "" || alwaysUnsteady[name.Ident]) {
				c := place{name.Ident, t.file, t.lineOf(n)}
				found[c] = append(found[c], reached[t]...)
			}
		})
	}
	var calls []Call
	for c, roots := range found {
		slices.Sort(roots)
		calls = append(calls, Call{c.function, c.file, c.line, slices.Compact(roots)})
	}
	slices.SortFunc(calls, func(a, b Call) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Function, b.Function))
	})
	return calls
}

func reach(t *tree, root string, seen map[*tree]bool, reached map[*tree][]string) {
	if seen[t] {
		return
	}
	seen[t] = true
	reached[t] = append(reached[t], root)
	for next := range maps.Keys(t.calls) {
		reach(next, root, seen, reached)
	}
}

// inspect visits a node and all below it, each with the command that it
// starts, if it does: arguments may follow it.
func inspect(n parse.Node, visit func(n parse.Node, starts *parse.CommandNode)) {
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range nodesOf(n) {
			inspect(child, visit)
		}
	case *parse.ActionNode:
		inspect(n.Pipe, visit)
	case *parse.TemplateNode:
		inspect(n.Pipe, visit)
	case *parse.IfNode:
		inspectBranch(&n.BranchNode, visit)
	case *parse.WithNode:
		inspectBranch(&n.BranchNode, visit)
	case *parse.RangeNode:
		inspectBranch(&n.BranchNode, visit)
	case *parse.PipeNode:
		for _, c := range commandsOf(n) {
			for i, arg := range c.Args {
				if i == 0 {
					visit(arg, c)
				} else {
					visit(arg, nil)
				}
				inspect(arg, visit)
			}
		}
	case *parse.ChainNode:
		visit(n.Node, nil)
		inspect(n.Node, visit)
	}
}

func inspectBranch(n *parse.BranchNode, visit func(parse.Node, *parse.CommandNode)) {
	inspect(n.Pipe, visit)
	inspect(n.List, visit)
	inspect(n.ElseList, visit)
}

func nodesOf(n *parse.ListNode) []parse.Node {
	if n == nil {
		return nil
	}
	return n.Nodes
}

func commandsOf(n *parse.PipeNode) []*parse.CommandNode {
	if n == nil {
		return nil
	}
	return n.Cmds
}
