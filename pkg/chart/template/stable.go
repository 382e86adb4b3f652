package template

import (
	"cmp"
	"slices"
	"strings"
	"text/template/parse"
)

// Helpers is a template file that [Stable] templates need beside them.
const Helpers = `{{- define "ringplan.letters" }}{{ repeat . "a" }}{{ end }}
{{- define "ringplan.digits" }}{{ repeat . "0" }}{{ end }}
{{- define "ringplan.bytes" }}{{ repeat . "\x00" | b64enc }}{{ end }}
{{- define "ringplan.key" }}-----BEGIN PRIVATE KEY-----{{ "\n" }}AAAA{{ "\n" }}-----END PRIVATE KEY-----{{ "\n" }}{{ end }}
{{- define "ringplan.ago" }}0s{{ end }}
{{- define "ringplan.durationRound" }}{{ if kindIs "struct" . }}0s{{ else }}{{ durationRound . }}{{ end }}{{ end }}
`

const certificate = `dict "Cert" "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" "Key" "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"`

// steady has what replaces the name of each function that does not always
// give the same: it takes the same arguments, and gives a value of the same
// kind. A point in time stands at noon, which is one day nearly everywhere.
var steady = map[string]string{
	"randAlphaNum":             `include "ringplan.letters"`,
	"randAlpha":                `include "ringplan.letters"`,
	"randAscii":                `include "ringplan.letters"`,
	"randNumeric":              `include "ringplan.digits"`,
	"randBytes":                `include "ringplan.bytes"`,
	"randInt":                  `min`,
	"shuffle":                  `toString`,
	"uuidv4":                   `print "00000000-0000-4000-8000-000000000000"`,
	"now":                      `toDate "2006-01-02T15:04:05Z07:00" "2000-01-01T12:00:00Z"`,
	"ago":                      `include "ringplan.ago"`,
	"durationRound":            `include "ringplan.durationRound"`,
	"genCA":                    certificate,
	"genCAWithKey":             certificate,
	"genSelfSignedCert":        certificate,
	"genSelfSignedCertWithKey": certificate,
	"genSignedCert":            certificate,
	"genSignedCertWithKey":     certificate,
	"genPrivateKey":            `include "ringplan.key"`,
	"bcrypt":                   `printf "%.0s$2a$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`,
	"htpasswd":                 `printf "%s:%.0s$2a$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`,
	"encryptAES":               `printf "%.0s%.0sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`,
}

// lowest returns what gives the first argument of randInt, where it is a
// literal as an int, as randInt does.
func lowest(c *parse.CommandNode) string {
	if len(c.Args) > 1 {
		if n, ok := c.Args[1].(*parse.NumberNode); ok && n.IsInt {
			if n.Int64 == 0 {
				return "and"
			}
			return "or"
		}
	}
	return steady["randInt"]
}

// Functions whose results differ by where they run, and cannot be replaced;
// and one that is steady unless it is given a point in time.
var (
	alwaysUnsteady = map[string]bool{"lookup": true, "getHostByName": true}
	sometimes      = map[string]bool{"durationRound": true}
)

// Stable returns the text of a template with the calls of functions replaced
// that do not give the same every time. It renders as before elsewhere, and
// its lines stay where they are. What lookup finds in a cluster stays as it
// is, as do templates in strings, and a text that does not parse.
func Stable(text string) string {
	p := parse.New("stable")
	p.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := p.Parse(text, "", "", trees); err != nil {
		return text
	}
	type edit struct {
		at       int
		old, new string
	}
	var edits []edit
	for _, t := range trees {
		inspect(t.Root, func(n parse.Node, starts *parse.CommandNode) {
			name, ok := n.(*parse.IdentifierNode)
			if !ok || steady[name.Ident] == "" {
				return
			}
			replacement := steady[name.Ident]
			switch {
			case starts == nil:
				replacement = "(" + replacement + ")"
			case name.Ident == "randInt":
				replacement = lowest(starts)
			}
			edits = append(edits, edit{int(name.Pos), name.Ident, replacement})
		})
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.at, b.at) })
	var b strings.Builder
	done := 0
	for _, e := range edits {
		if e.at < done || !strings.HasPrefix(text[e.at:], e.old) {
			continue
		}
		b.WriteString(text[done:e.at])
		b.WriteString(e.new)
		done = e.at + len(e.old)
	}
	b.WriteString(text[done:])
	return b.String()
}
