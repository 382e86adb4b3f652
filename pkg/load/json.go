package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"cuelang.org/go/cue"
	cuejson "cuelang.org/go/encoding/json"

	"github.com/ringplan/ringplan/pkg/diag"
)

func (l *Loader) readJSON(path string, data []byte) (cue.Value, diag.List) {
	if f := scanJSON(data); f != nil {
		return cue.Value{}, diag.List{f.finding(path, data)}
	}
	expr, err := cuejson.Extract(path, data)
	if err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	return l.built(path, l.ctx.BuildExpr(expr))
}

// scanJSON finds the first reason why data is not one JSON object within
// limits that repeats no key.
func scanJSON(data []byte) *flaw {
	if len(bytes.TrimSpace(data)) == 0 {
		return emptyFlaw
	}
	s := jsonScanner{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	s.dec.UseNumber()
	for {
		start := s.next()
		token, err := s.dec.Token()
		if errors.Is(err, io.EOF) && s.done {
			return nil
		}
		if err != nil {
			return s.broken(err)
		}
		if f := s.token(start, token); f != nil {
			return f
		}
	}
}

var emptyFlaw = &flaw{0, "the file is empty", "`ringplan init` writes a topology to start from"}

type jsonScanner struct {
	data   []byte
	dec    *json.Decoder
	open   []*jsonLevel
	values int
	done   bool // the one object is complete
}

// jsonLevel is one open object or list.
type jsonLevel struct {
	object bool
	count  int // tokens on this level so far
	keys   map[string]bool
}

// next returns where the next token starts.
func (s *jsonScanner) next() int {
	from := int(s.dec.InputOffset())
	rest := bytes.TrimLeft(s.data[from:], " \t\r\n,:")
	return len(s.data) - len(rest)
}

func (s *jsonScanner) broken(err error) *flaw {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &flaw{len(s.data), "not valid JSON: the file ends too early", "close every {, [ and \""}
	}
	at := int(s.dec.InputOffset())
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = max(at, int(syntax.Offset)-1)
	}
	return &flaw{at, "not valid JSON: " + strings.TrimPrefix(err.Error(), "json: "), "JSON has keys and text in double quotes, no comments, and no comma before } and ]"}
}

// token checks one token and notes what it opens, closes or names.
func (s *jsonScanner) token(start int, token json.Token) *flaw {
	s.values++
	closes := token == json.Delim('}') || token == json.Delim(']')
	switch {
	case s.done:
		return &flaw{start, "a second value starts here", "one topology a file; several topologies are several folders"}
	case len(s.open) == 0 && token != json.Delim('{'):
		return &flaw{start, "the file does not hold a JSON object", "a topology starts with {\"apiVersion\": \"ringplan.dev/v1alpha1\""}
	case len(s.open) > 0 && !closes && s.open[len(s.open)-1].repeats(token):
		return &flaw{start, fmt.Sprintf("%q is set twice in this object", token), "keep one"}
	case s.values > limits.Values:
		return &flaw{start, fmt.Sprintf("more than %d values", limits.Values), "no topology is that large"}
	}
	switch token {
	case json.Delim('{'), json.Delim('['):
		s.open = append(s.open, &jsonLevel{object: token == json.Delim('{'), keys: map[string]bool{}})
	case json.Delim('}'), json.Delim(']'):
		s.open = s.open[:len(s.open)-1]
		s.done = len(s.open) == 0
	}
	if len(s.open) > limits.Depth {
		return &flaw{start, fmt.Sprintf("nested more than %d levels deep", limits.Depth), ""}
	}
	return nil
}

// repeats notes a token on its level, and reports whether it is a key that was
// there before.
func (j *jsonLevel) repeats(token json.Token) bool {
	isKey := j.object && j.count%2 == 0
	j.count++
	key, ok := token.(string)
	if !isKey || !ok {
		return false
	}
	seen := j.keys[key]
	j.keys[key] = true
	return seen
}
