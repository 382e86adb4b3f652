package load

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// maxTokens bounds how deep an expression of a .cue file can be. CUE bounds
// brackets, but not chains such as a.b.c or 1+1+1, which are as deep for it:
// they take minutes, or more stack than there is, which nothing can recover.
const maxTokens = 2000

// maxFileTokens bounds a whole .cue file.
const maxFileTokens = 100_000

// checkChains finds the first place in a .cue file where the open brackets,
// with what stands in each since its last comma or line, come to too many
// tokens; or the whole file does.
func checkChains(data []byte) *flaw {
	var s scanner.Scanner
	s.Init(token.NewFile("", -1, len(data)), data, func(token.Pos, string, []any) {}, 0)
	c := chains{open: make([]chain, 1)}
	for count := 0; ; count++ {
		pos, tok, _ := s.Scan()
		if tok == token.EOF {
			return nil
		}
		text := tok == token.INTERPOLATION
		if tok == token.RPAREN && c.top().inText {
			text = strings.HasSuffix(s.ResumeInterpolation(), "(")
		}
		if count > maxFileTokens {
			return &flaw{pos.Offset(), fmt.Sprintf("a file of more than %d words and signs", maxFileTokens), "no topology is that large"}
		}
		c.add(tok, text)
		if c.tokens > maxTokens {
			return &flaw{pos.Offset(), fmt.Sprintf("an expression of more than %d parts, or nested that deep", maxTokens), "split it: give parts of it names"}
		}
	}
}

// chains counts tokens while a file is scanned.
type chains struct {
	open   []chain
	tokens int // of all open chains
	inText bool
}

// A chain is what one open bracket holds since its last comma.
type chain struct {
	tokens int
	inText bool // the bracket is of an interpolation in a string
}

func (c *chains) top() *chain { return &c.open[len(c.open)-1] }

// add counts a token; text tells that the next bracket is of an interpolation.
func (c *chains) add(tok token.Token, text bool) {
	switch tok {
	case token.COMMA:
		c.tokens -= c.top().tokens
		c.top().tokens = 0
	case token.RPAREN, token.RBRACK, token.RBRACE:
		if len(c.open) > 1 {
			c.tokens -= c.top().tokens
			c.open = c.open[:len(c.open)-1]
		}
	default:
		c.tokens++
		c.top().tokens++
	}
	if tok == token.LPAREN || tok == token.LBRACK || tok == token.LBRACE {
		c.open = append(c.open, chain{inText: c.inText})
	}
	c.inText = text
}
