package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// yaml11 matches plain scalars that YAML 1.1 reads as booleans, base-60 or
// octal numbers, and YAML 1.2 as strings.
var yaml11 = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null|~)$|^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$|^0[0-9_]+$`)

// Limits bounds what a hand-written YAML file may hold.
type Limits struct {
	Depth   int // levels of nesting
	Aliases int // nodes after every alias is expanded
}

// A Problem is something wrong with a YAML file. Line and Column count from 1;
// 0 means unknown.
type Problem struct {
	Line, Column  int
	Message, Hint string
}

// Scan checks that data is one well-formed YAML document of a mapping, within
// limits, that repeats no key. It returns every problem that it finds, and
// none for a document that is fit to be decoded.
func Scan(data []byte, limits Limits) []Problem {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return []Problem{{Line: 1, Column: 1, Message: "the file is empty", Hint: "`ringplan init` writes a topology to start from"}}
		}
		return []Problem{syntax(err)}
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return []Problem{{Line: root.Line, Column: root.Column, Message: "the file holds " + kindName(root) + ", not a map", Hint: "a topology starts with `apiVersion: ringplan.dev/v1alpha1`"}}
	}
	s := scanner{limits: limits, weight: map[*yaml.Node]int{}}
	s.walk(root, 1)
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case err == nil:
		s.report(&second, "a second document starts here", "one topology a file; several topologies are several folders")
	case !errors.Is(err, io.EOF):
		s.problems = append(s.problems, syntax(err))
	}
	return s.problems
}

type scanner struct {
	limits   Limits
	problems []Problem
	weight   map[*yaml.Node]int
	tooDeep  bool
}

func (s *scanner) report(n *yaml.Node, message, hint string) {
	s.problems = append(s.problems, Problem{Line: n.Line, Column: n.Column, Message: message, Hint: hint})
}

// walk visits a node and returns how many nodes it stands for once its aliases
// are expanded.
func (s *scanner) walk(n *yaml.Node, depth int) int {
	if w, ok := s.weight[n]; ok {
		return w
	}
	if depth > s.limits.Depth {
		if !s.tooDeep {
			s.report(n, fmt.Sprintf("nested more than %d levels deep", s.limits.Depth), "")
		}
		s.tooDeep = true
		return 1
	}
	s.weight[n] = 1
	total := 1
	if n.Kind == yaml.AliasNode {
		total += s.walk(n.Alias, depth+1)
	}
	for _, child := range n.Content {
		total += s.walk(child, depth+1)
	}
	if n.Kind == yaml.MappingNode {
		s.keys(n)
	}
	if total > s.limits.Aliases {
		s.report(n, fmt.Sprintf("anchors and aliases expand to more than %d values", s.limits.Aliases), "write the values out, or use a .cue topology")
		total = 1
	}
	s.weight[n] = total
	return total
}

func (s *scanner) keys(n *yaml.Node) {
	first := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if line, ok := first[key.Value]; ok {
			s.report(key, fmt.Sprintf("%q is set twice in this map", key.Value), fmt.Sprintf("it is set first in line %d; keep one", line))
			continue
		}
		first[key.Value] = key.Line
	}
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		return "a single value"
	}
	return "something else"
}

var lineOf = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntax turns yaml.v3's error text into a problem: the library gives the line
// only inside the text.
func syntax(err error) Problem {
	text := err.Error()
	m := lineOf.FindStringSubmatch(text)
	line, _ := strconv.Atoi(m[1])
	return Problem{Line: max(line, 1), Column: 1, Message: "not valid YAML: " + strings.TrimPrefix(text, m[0])}
}
