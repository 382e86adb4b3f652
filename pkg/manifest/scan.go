package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// yaml11 matches plain scalars that YAML 1.1 reads as booleans, base-60 or
// octal numbers, and YAML 1.2 as strings.
var yaml11 = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null|~|<<)$|^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$|^0[0-9_]+$`)

// Limits bounds what a hand-written YAML file may hold.
type Limits struct {
	Depth  int // levels of nesting
	Values int // keys and values, with every alias expanded
	Merged int // the same, in one map that merges others with <<
}

// A Problem is something wrong with a YAML file. Line and Column count from 1.
type Problem struct {
	Line, Column  int
	Message, Hint string
}

// Scan checks that data is one well-formed YAML document of a mapping, within
// limits, that repeats no key, and that every YAML reader reads alike. It
// returns every problem that it finds, and none for a document that is fit to
// be decoded.
func Scan(data []byte, limits Limits) []Problem {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return []Problem{emptyFile}
		}
		return []Problem{syntax(data, err)}
	}
	root := doc.Content[0]
	if root.ShortTag() == "!!null" {
		return []Problem{emptyFile}
	}
	if root.Kind != yaml.MappingNode {
		return []Problem{{Line: root.Line, Column: root.Column, Message: "the file holds " + kindName(root) + ", not a map", Hint: "a topology starts with `apiVersion: ringplan.dev/v1alpha1`"}}
	}
	s := scanner{limits: limits, sizes: map[*yaml.Node]size{}}
	s.walk(root, 1)
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case err == nil:
		s.report(&second, "a second document starts here", "one topology a file; several topologies are several folders")
	case !errors.Is(err, io.EOF):
		s.problems = append(s.problems, syntax(data, err))
	}
	return s.problems
}

var emptyFile = Problem{Line: 1, Column: 1, Message: "the file is empty", Hint: "`ringplan init` writes a topology to start from"}

type scanner struct {
	limits   Limits
	problems []Problem
	sizes    map[*yaml.Node]size
	tooDeep  bool
	tooMany  bool
}

// size measures a node with its aliases expanded. A node that is still being
// measured has none.
type size struct{ values, levels int }

func (s *scanner) report(n *yaml.Node, message, hint string) {
	s.problems = append(s.problems, Problem{Line: n.Line, Column: n.Column, Message: message, Hint: hint})
}

// walk visits a node that is not yet measured, and everything below it.
func (s *scanner) walk(n *yaml.Node, depth int) size {
	s.sizes[n] = size{}
	switch n.Kind {
	case yaml.MappingNode:
		s.keys(n)
	case yaml.ScalarNode:
		s.scalar(n)
	}
	s.tag(n)
	total := size{1, 1}
	children := n.Content
	if n.Kind == yaml.AliasNode {
		children = []*yaml.Node{n.Alias}
	}
	for _, child := range children {
		of := s.measure(n, child, depth+1)
		total.values += of.values
		total.levels = max(total.levels, of.levels+1)
	}
	s.bound(n, &total)
	s.sizes[n] = total
	return total
}

// measure returns the size of the child of a node, which stands at a depth.
func (s *scanner) measure(n, child *yaml.Node, depth int) size {
	of, known := s.sizes[child]
	if known && of == (size{}) {
		s.report(n, fmt.Sprintf("the anchor %q contains itself", n.Value), "")
		return size{1, 1}
	}
	if depth+max(of.levels-1, 0) > s.limits.Depth {
		if !s.tooDeep && n.Kind == yaml.AliasNode {
			child = n
		}
		if !s.tooDeep {
			s.report(child, fmt.Sprintf("nested more than %d levels deep", s.limits.Depth), "")
		}
		s.tooDeep = true
		return size{1, 1}
	}
	if known {
		return of
	}
	return s.walk(child, depth)
}

// bound reports the first node that stands for too many values.
func (s *scanner) bound(n *yaml.Node, total *size) {
	limit, what := s.limits.Values, "more than %d values here, with aliases expanded"
	if n.Kind == yaml.MappingNode && slices.ContainsFunc(n.Content, isMerge) {
		limit, what = s.limits.Merged, "more than %d values in a map with <<"
	}
	if total.values <= limit {
		return
	}
	if !s.tooMany {
		s.report(n, fmt.Sprintf(what, limit), "no topology is that large; write out what aliases repeat, or use a .cue topology")
	}
	s.tooMany = true
	total.values = 1
}

func isMerge(n *yaml.Node) bool { return n.ShortTag() == "!!merge" }

// mergeable reports whether << can take a value: a map, or a list of maps.
func mergeable(n *yaml.Node) bool {
	isMap := func(n *yaml.Node) bool {
		return n.Kind == yaml.MappingNode || n.Kind == yaml.AliasNode && n.Alias.Kind == yaml.MappingNode
	}
	return isMap(n) || n.Kind == yaml.SequenceNode && !slices.ContainsFunc(n.Content, func(n *yaml.Node) bool { return !isMap(n) })
}

// keys checks the keys of a map.
func (s *scanner) keys(n *yaml.Node) {
	first := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			s.report(n.Content[i], "a key is "+kindName(key)+"; keys are plain words", "remove the ? or the brackets, or quote the key")
			continue
		}
		if value := n.Content[i+1]; isMerge(key) && !mergeable(value) {
			s.report(value, "<< merges maps, and this is "+kindName(value), "write an alias of a map, such as *name, or a list of them")
		}
		if line, ok := first[key.Value]; ok {
			s.report(n.Content[i], fmt.Sprintf("%q is set twice in this map", key.Value), fmt.Sprintf("it is set first in line %d; keep one", line))
			continue
		}
		first[key.Value] = n.Content[i].Line
	}
}

// coreTags are the tags of plain maps, lists and scalars.
var coreTags = []string{"!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge"}

func (s *scanner) tag(n *yaml.Node) {
	if n.Style&yaml.TaggedStyle != 0 && !slices.Contains(coreTags, n.ShortTag()) {
		s.report(n, fmt.Sprintf("the tag %s has no meaning in a topology", n.Tag), "remove it")
	}
}

// number matches the numbers that every reader of YAML takes for the same.
var number = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$|^0x[0-9a-fA-F]{1,15}$`)

// scalar checks that an unquoted number is one, and the same to all readers.
func (s *scanner) scalar(n *yaml.Node) {
	tag := n.ShortTag()
	if tag != "!!int" && tag != "!!float" {
		return
	}
	hint := "write it in plain decimal digits, or quote it if it is text"
	switch _, err := strconv.ParseInt(n.Value, 10, 64); {
	case !number.MatchString(n.Value):
		s.report(n, fmt.Sprintf("%s is no number that every YAML reader reads alike", shortened(n.Value)), hint)
	case errors.Is(err, strconv.ErrRange):
		s.report(n, shortened(n.Value)+" is too large a number", hint)
	}
}

func shortened(text string) string {
	if len(text) > 24 {
		return text[:24] + "…"
	}
	return text
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		return "a single value"
	}
	return "an alias"
}

var linePrefix = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntax turns yaml.v3's error into a problem. The library gives the line of
// the construct that an error is in, or one beside it, and only inside the
// text.
func syntax(data []byte, err error) Problem {
	prefix := linePrefix.FindStringSubmatch(err.Error())
	text := strings.TrimPrefix(err.Error(), prefix[0])
	about, _ := strconv.Atoi(prefix[1])
	line, column := failingLine(data, err.Error(), about)
	return Problem{Line: line, Column: column, Message: "not valid YAML: " + text, Hint: syntaxHint(text)}
}

// failingLine returns the line from which on decoding fails with an error, and
// the column of its first character that is no blank. It looks from shortly
// before the given line onwards, in steps that grow, and then between them.
func failingLine(data []byte, text string, about int) (line, column int) {
	var ends []int
	for i, c := range data {
		if c == '\n' || i == len(data)-1 {
			ends = append(ends, i+1)
		}
	}
	fails := func(i int) bool { return i >= len(ends)-1 || decodeError(data[:ends[i]]) == text }
	from, width := max(about-2, 0), 1
	for !fails(from + width) {
		width *= 2
	}
	i := min(from+sort.Search(width, func(i int) bool { return fails(from + i) }), len(ends)-1)
	start := 0
	if i > 0 {
		start = ends[i-1]
	}
	content := data[start:ends[i]]
	blank := len(content) - len(bytes.TrimLeft(content, " \t"))
	return i + 1, blank + 1
}

// decodeError returns the text of the first error in data, or "".
func decodeError(data []byte) string {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		switch err := dec.Decode(&n); {
		case errors.Is(err, io.EOF):
			return ""
		case err != nil:
			return err.Error()
		}
	}
}

// syntaxHints tells what usually lies behind an error of yaml.v3.
var syntaxHints = []struct{ text, hint string }{
	{"tab character", "indent with spaces, not with tabs"},
	{"cannot start any token", "indent with spaces, not with tabs; quote text that starts with @, ` or %"},
	{"mapping values are not allowed", "check the indentation; quote text that holds a colon and a space"},
	{"did not find expected key", "check the indentation of this line and the one before; quote text that holds special characters"},
	{"expected '-' indicator", "check the indentation of this line; items of a list start with - in one column"},
	{"could not find expected ':'", "a key is followed by a colon and a space"},
	{"did not find expected ','", "close every [, { and quote, and put commas between items"},
	{"did not find expected node content", "close every [ and {; write a value after each comma and colon"},
	{"unexpected end of stream", "close the quotes"},
	{"unexpected document indicator", "close the quotes; --- and ... at the start of a line end a document"},
	{"expected <document start>", "remove what follows the end of the document"},
	{"unknown anchor", "an alias such as *name needs &name before it in the same file"},
	{"max depth", "no topology is nested that deep"},
}

func syntaxHint(text string) string {
	for _, h := range syntaxHints {
		if strings.Contains(text, h.text) {
			return h.hint
		}
	}
	return ""
}
