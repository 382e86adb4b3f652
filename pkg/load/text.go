package load

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/ringplan/ringplan/pkg/diag"
)

// A flaw is something in the bytes of a file that keeps it from being read.
type flaw struct {
	offset        int
	message, hint string
}

// finding gives a flaw its place.
func (f *flaw) finding(path string, data []byte) diag.Finding {
	line, column := lineColumn(data, f.offset)
	return diag.Finding{
		Code: codeSyntax, Severity: diag.Error, Pos: diag.Pos{File: slash(path), Line: line, Column: column},
		Message: f.message, Hint: f.hint,
	}
}

// lineColumn returns the place of a byte. Columns count characters.
func lineColumn(data []byte, offset int) (line, column int) {
	offset = min(max(offset, 0), len(data))
	start := bytes.LastIndexByte(data[:offset], '\n') + 1
	return 1 + bytes.Count(data[:offset], []byte("\n")), 1 + utf8.RuneCount(data[start:offset])
}

const byteOrderMark = "\ufeff"

// checkText finds the first byte or character that does not belong into a text
// file.
func checkText(data []byte) *flaw {
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			return &flaw{i, fmt.Sprintf("byte 0x%02x is not UTF-8 text", data[i]), "save the file as UTF-8"}
		case c == utf8.RuneError: // also what CUE's loader makes of other bytes
			return &flaw{i, fmt.Sprintf("character %U, which stands for what was no UTF-8 text", c), "save the file as UTF-8"}
		case c == '\t' || c == '\n' || c == '\r' && bytes.HasPrefix(data[i:], []byte("\r\n")):
		case c == '\r', c == '\u0085', c == '\u2028', c == '\u2029':
			return &flaw{i, fmt.Sprintf("character %U, which only some programs take for the end of a line", c), "end lines with LF or CRLF; remove the character elsewhere"}
		case unicode.IsControl(c), c == '\ufeff', c == '\ufffe', c == '\uffff':
			return &flaw{i, fmt.Sprintf("character %U, which cannot be seen, is not allowed", c), "remove it"}
		}
		i += size
	}
	return nil
}
