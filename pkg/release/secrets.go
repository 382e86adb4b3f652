package release

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Lengths from which a text is looked for in other objects, as a whole and as a
// part of another: of shorter ones nothing is known by their text.
const (
	minSecret = 6
	minPart   = 10
)

// holds reports whether the name of a path tells that a secret stands there. The
// same paths are asked for again and again, in every release of every region.
func holds(path string) bool {
	if known, ok := held.Load(path); ok {
		return known.(bool)
	}
	is := lint.Redact(path, "x") == lint.Hidden
	held.Store(path, is)
	return is
}

var held sync.Map // from paths to what holds says

// valueOf returns the path of the value that has a text, "" if none has; one that
// the release gives counts more than one of the chart.
func (r Rendered) valueOf(text string) string {
	for _, values := range []map[string]any{r.Values, r.Merged} {
		found := ""
		topology.Values(values).Walk("", func(path string, value any) {
			if found == "" && value == text {
				found = path
			}
		})
		if found != "" {
			return found
		}
	}
	return ""
}

// isSecret reports whether an object is a Secret of Kubernetes.
func isSecret(o Object) bool { return o.Kind() == "Secret" && o.Group() == "" }

// eachValue visits the values of a Secret, decoded, by their keys.
func eachValue(o Object, visit func(key, text string)) {
	for _, field := range []string{"data", "stringData"} {
		values, _ := o.Doc[field].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			text, _ := values[key].(string)
			if decoded, err := base64.StdEncoding.DecodeString(text); field == "data" && err == nil {
				text = string(decoded)
			}
			if text != "" {
				visit(key, text)
			}
		}
	}
}

// secretTexts are the texts that must stand in no object but a Secret.
type secretTexts struct {
	from  map[string]string // where each is from
	texts []string          // in order
}

// secretsOf collects secrets of a region: values of Secrets, and of the charts,
// whose names tell.
func secretsOf(releases []Rendered) secretTexts {
	s := secretTexts{from: map[string]string{}}
	add := func(text, from string) {
		if len(text) >= minSecret && s.from[text] == "" {
			s.from[text] = from
		}
	}
	for _, r := range releases {
		for _, o := range slices.Concat(r.Objects, r.Hooks) {
			if isSecret(o) {
				eachValue(o, func(key, text string) {
					if holds(key) {
						add(text, "key "+key+" of "+o.String())
					}
				})
			}
		}
		topology.Values(r.Merged).Walk("", func(path string, value any) {
			if text, ok := value.(string); ok && len(text) >= minSecret && s.from[text] == "" && holds(path) {
				add(text, "value "+path)
			}
		})
	}
	s.texts = slices.SortedFunc(maps.Keys(s.from), func(a, b string) int { // the longest first, which may hold others
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	return s
}

// in returns the secret that a text holds, "" if it holds none.
func (s secretTexts) in(text string) string {
	for _, secret := range s.texts {
		if text == secret || len(secret) >= minPart && strings.Contains(text, secret) {
			return secret
		}
	}
	return ""
}

// spilt finds the texts of secrets in other objects.
func spilt(r Rendered, o Object, known secretTexts) []Problem {
	if isSecret(o) || len(known.texts) == 0 {
		return nil
	}
	var problems []Problem
	topology.Values(o.Doc).Walk("", func(path string, value any) {
		text, _ := value.(string)
		if secret := known.in(text); secret != "" {
			from := r.valueOf(secret)
			problems = append(problems, Problem{
				Code: PlainSecret, Object: o.String(), Value: from, Mild: !has(r.Values, from),
				Message: fmt.Sprintf("%s has a secret in plain text, %s, in %s (%s)", o, known.from[secret], path, o.Template),
				Hint:    "have the chart refer to a Secret of the cluster instead",
			})
		}
	})
	return problems
}

// Hider returns a function that makes of an object of a region one for people and
// files, with something else in the place of every secret; but Secrets stay as
// they are, for [Object.Hidden].
func Hider(releases []Rendered, with string) func(Object) Object {
	known := secretsOf(releases)
	known.texts = slices.DeleteFunc(known.texts, func(text string) bool { return strings.Contains(with, text) })
	return func(o Object) Object {
		if isSecret(o) {
			return o
		}
		found := false
		topology.Values(o.Doc).Walk("", func(_ string, value any) {
			text, _ := value.(string)
			found = found || known.in(text) != ""
		})
		if found {
			o.Doc, _ = known.replaced(o.Doc, with).(map[string]any)
		}
		return o
	}
}

// replaced returns a copy of a value without secrets.
func (s secretTexts) replaced(value any, with string) any {
	switch v := value.(type) {
	case string:
		for range s.texts {
			if secret := s.in(v); secret != "" {
				v = strings.ReplaceAll(v, secret, with)
			}
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = s.replaced(item, with)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = s.replaced(item, with)
		}
		return out
	}
	return value
}
