package load

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	cueerrors "cuelang.org/go/cue/errors"
	cueload "cuelang.org/go/cue/load"

	"github.com/ringplan/ringplan/pkg/diag"
)

// syntaxFindings turns an error of a parser, or of CUE's evaluation of the
// user's own files, into findings.
func syntaxFindings(path string, err error) diag.List {
	var findings diag.List
	for _, e := range causes(err) {
		findings = append(findings, complaint(path, e))
	}
	findings = withoutEchoes(findings)
	findings.Sort()
	return findings
}

// causes lists the errors in one; for an import that failed, those of the
// package.
func causes(err error) []cueerrors.Error {
	var list []cueerrors.Error
	for _, e := range cueerrors.Errors(err) {
		var inner cueerrors.Error
		if format, _ := e.Msg(); format == "import failed" && errors.As(cueerrors.Unwrap(e), &inner) {
			list = append(list, causes(inner)...)
			continue
		}
		list = append(list, e)
	}
	return list
}

// complaint says where, and in our words, what CUE says in its own.
func complaint(path string, e cueerrors.Error) diag.Finding {
	places := placesOf(path, e)
	f := diag.Finding{Code: codeSyntax, Severity: diag.Error, Pos: places[0], Path: fieldPath(e.Path())}
	var lost *cueload.PackageError
	if errors.As(e, &lost) {
		f.Path, f.Message = "", oneLine(lost.Message.Error())
		f.Hint = "a topology imports CUE's own packages and those of its module, which cue.mod/module.cue names; nothing is fetched"
		return f
	}
	reword(&f, e, places)
	return f
}

const noneAllowed = "the value is none of those allowed"

// reword sets what a finding says, without the values that CUE quotes, which
// may be long, or secrets.
func reword(f *diag.Finding, e cueerrors.Error, places []diag.Pos) {
	format, args := e.Msg()
	switch {
	case strings.HasPrefix(format, "conflicting values"):
		f.Message = "the values given to this field do not agree"
		if len(places) > 1 {
			f.Hint = "they are at " + placeList(places)
		}
	case strings.HasPrefix(format, "invalid value") && len(args) == 2:
		f.Message = fmt.Sprintf("the value is not %v, as is asked for here", args[1])
	case strings.Contains(format, "empty disjunction"):
		f.Message = noneAllowed
	case format == "field not allowed":
		name := e.Path()[max(len(e.Path())-1, 0):]
		f.Code, f.Message = codeAt(f.Path, codeUnknown), unknownMessage(f.Path, strings.Join(name, ""))
	case format == "structural cycle":
		f.Message = "the field contains itself"
	case format == "", format == "%s" && len(args) == 0:
		f.Message = oneLine(strings.TrimPrefix(e.Error(), textPosition.FindString(e.Error())))
	default:
		f.Message = oneLine(fmt.Sprintf(format, args...))
		if underValues(f.Path) {
			f.Message = quoted.ReplaceAllString(f.Message, `"…"`)
		}
	}
}

// placesOf lists where an error is, at least one. Those in the topology's own
// folder come first: what it imports is rarely to blame.
func placesOf(path string, e cueerrors.Error) []diag.Pos {
	var places []diag.Pos
	for _, p := range cueerrors.Positions(e) {
		if at := position(p, path); p.IsValid() && at.Line > 0 && at.File != "" && !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	if len(places) > 0 {
		own, foreign := split(places, func(p diag.Pos) bool { return beside(p, path) })
		return append(own, foreign...)
	}
	line := 1
	if m := textPosition.FindStringSubmatch(e.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
	}
	return []diag.Pos{{File: slash(path), Line: max(line, 1), Column: 1}}
}

// split parts a list in those that are and those that are not.
func split[T any](list []T, is func(T) bool) (are, others []T) {
	for _, item := range list {
		if is(item) {
			are = append(are, item)
		} else {
			others = append(others, item)
		}
	}
	return are, others
}

// textPosition matches the place that some errors have in their text only.
var textPosition = regexp.MustCompile(`^[^:\n]*:(\d+): `)

func placeList(places []diag.Pos) string {
	const most = 4
	var texts []string
	for _, p := range places[:min(len(places), most)] {
		texts = append(texts, p.String())
	}
	last := len(texts) - 1
	if len(places) > most {
		return strings.Join(texts, ", ") + " and elsewhere"
	}
	return strings.Join(texts[:last], ", ") + " and " + texts[last]
}

// fieldPath writes CUE's path as the rest of the program does.
func fieldPath(labels []string) string {
	path := ""
	for _, label := range labels {
		if i, err := strconv.Atoi(label); err == nil && path != "" {
			path += fmt.Sprintf("[%d]", i)
			continue
		}
		if unquoted, err := strconv.Unquote(label); err == nil {
			label = unquoted
		}
		path = join(path, label)
	}
	return path
}

// withoutEchoes drops what follows from another finding: each single value
// that did not fit, where none of several fits, and every map around a field.
func withoutEchoes(findings diag.List) diag.List {
	var kept diag.List
	for _, f := range findings {
		echo := slices.ContainsFunc(findings, func(g diag.Finding) bool {
			if f.Message == noneAllowed {
				return g.Path != f.Path && within(g.Path, f.Path)
			}
			return g.Message == noneAllowed && g.Path == f.Path
		})
		if !echo {
			kept = append(kept, f)
		}
	}
	for i := range kept {
		if kept[i].Message == noneAllowed { // has no place of its own
			same := slices.IndexFunc(findings, func(g diag.Finding) bool { return g.Path == kept[i].Path && g.Message != noneAllowed })
			kept[i].Pos = findings[max(same, 0)].Pos
		}
	}
	return kept
}

// within reports whether a field is in the map or list at a path.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (outer == "" || strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// oneLine keeps a message of a library to a length that can be read.
func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
