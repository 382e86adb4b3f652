package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/token"

	"github.com/ringplan/ringplan/pkg/diag"
)

// A locator finds fields in the user's files.
type locator struct {
	user cue.Value
	file string
}

func newLocator(user cue.Value, file string) *locator { return &locator{user, file} }

// Locate implements [topology.Locator].
func (l *locator) Locate(path string) diag.Pos {
	p := cue.ParsePath(path)
	if p.Err() != nil {
		p = cue.Path{}
	}
	for selectors := p.Selectors(); ; selectors = selectors[:len(selectors)-1] {
		if v := l.user.LookupPath(cue.MakePath(selectors...)); v.Exists() {
			if pos, ok := l.place(v); ok {
				return pos
			}
		}
		if len(selectors) == 0 {
			return diag.Pos{File: slash(l.file), Line: 1, Column: 1}
		}
	}
}

// place returns where a value is given: beside the topology, rather than in a
// package that it imports.
func (l *locator) place(v cue.Value) (diag.Pos, bool) {
	pos := position(v.Pos(), l.file)
	known := v.Pos().IsValid() && pos.Line > 0 && pos.File != "" // a value that is left out has half a place
	if known && beside(pos, l.file) {
		return pos, true
	}
	if op, parts := v.Expr(); op == cue.AndOp {
		for _, part := range parts {
			if at, ok := l.place(part); ok && beside(at, l.file) {
				return at, true
			}
		}
	}
	return pos, known
}

// beside reports whether a place is in the folder of a file.
func beside(pos diag.Pos, file string) bool {
	return filepath.Dir(filepath.FromSlash(pos.File)) == filepath.Dir(file)
}

// finding returns an error at a field.
func (l *locator) finding(code, path, message, hint string) diag.Finding {
	return diag.Finding{Code: code, Severity: diag.Error, Pos: l.Locate(path), Path: path, Message: message, Hint: hint}
}

// tooLarge finds the whole numbers that no topology can hold.
func (l *locator) tooLarge() diag.List {
	var findings diag.List
	var walk func(v cue.Value, path string)
	walk = func(v cue.Value, path string) {
		if fields, err := v.Fields(); err == nil {
			for fields.Next() {
				walk(fields.Value(), join(path, fields.Selector().Unquoted()))
			}
		}
		if items, err := v.List(); err == nil {
			for i := 0; items.Next(); i++ {
				walk(items.Value(), fmt.Sprintf("%s[%d]", path, i))
			}
		}
		if _, err := v.Int64(); v.Kind() == cue.IntKind && err != nil {
			findings = append(findings, l.finding(codeType, path, "the number is too large", ""))
		}
	}
	walk(l.user, "")
	return findings
}

// position names a file as the user did, or relative to the working folder if
// CUE made it absolute.
func position(pos token.Pos, named string) diag.Pos {
	file := pos.Filename()
	if filepath.IsAbs(file) && !filepath.IsAbs(named) {
		if wd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(wd, file); err == nil {
				file = rel
			}
		}
	}
	return diag.Pos{File: slash(strings.TrimPrefix(file, "./")), Line: pos.Line(), Column: pos.Column()}
}
