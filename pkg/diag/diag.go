// Package diag holds findings: what is wrong or worth knowing, where, how
// severe, and what to do about it. It collects many at once, orders them, and
// knows nothing of how they are printed.
package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity ranks a finding. An Error is something that will fail, lose data or
// break the ring; a Warning is something that will probably hurt; a Note is
// worth knowing.
type Severity int

// The severities, in rising order.
const (
	Note Severity = iota + 1
	Warning
	Error
)

// String returns the word that is printed: note, warning or error.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText renders the severity as its word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Pos is a place in a file. Line and Column count from 1; 0 means unknown.
type Pos struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsValid reports whether the position names at least a file.
func (p Pos) IsValid() bool { return p.File != "" }

// String returns file:line:column, as far as it is known, and "-" if nothing
// is.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return "-"
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders positions by file, line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Finding is one result of a check.
type Finding struct {
	// Code is stable, such as RP012; `ringplan explain CODE` tells more.
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Pos      Pos      `json:"position"`
	// Path is the field's place in its document, such as
	// spec.regions[1].seedHost; empty if the finding is about no field.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	// Hint says what to do; empty if the message already does.
	Hint string `json:"hint,omitempty"`
	// Silenced carries the reason that the user gave for not wanting to hear
	// of this finding; a silenced finding never counts.
	Silenced string `json:"silenced,omitempty"`
	// Baseline is how the finding compares with an earlier list, if it was
	// compared with one.
	Baseline Baseline `json:"baselineState,omitempty"`
}

// List is a set of findings. The nil List is empty and ready to use.
type List []Finding

// Sort orders findings by position, then code, path and message, and drops
// exact repeats, so that the same input always lists the same way.
func (l *List) Sort() {
	slices.SortStableFunc(*l, compare)
	*l = slices.CompactFunc(*l, func(a, b Finding) bool { return a == b })
}

func compare(a, b Finding) int {
	return cmp.Or(
		a.Pos.Compare(b.Pos),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Message, b.Message),
	)
}

// Count returns how many findings have the severity and are not silenced.
func (l List) Count(s Severity) int {
	n := 0
	for _, f := range l {
		if f.Severity == s && f.Silenced == "" {
			n++
		}
	}
	return n
}

// HasErrors reports whether any finding is an Error that is not silenced.
func (l List) HasErrors() bool { return l.Count(Error) > 0 }

// Silenced returns how many findings are silenced.
func (l List) Silenced() int {
	n := 0
	for _, f := range l {
		if f.Silenced != "" {
			n++
		}
	}
	return n
}
