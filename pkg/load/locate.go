package load

import (
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
			if pos := v.Pos(); pos.IsValid() {
				return position(pos, l.file)
			}
		}
		if len(selectors) == 0 {
			return diag.Pos{File: slash(l.file), Line: 1, Column: 1}
		}
	}
}

// finding returns an error at a field.
func (l *locator) finding(code, path, message, hint string) diag.Finding {
	return diag.Finding{Code: code, Severity: diag.Error, Pos: l.Locate(path), Path: path, Message: message, Hint: hint}
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
