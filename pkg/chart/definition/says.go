package definition

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// holdAgainst reports what a schema has against a document.
func (w *walk) holdAgainst(compiled *jsonschema.Schema, doc any) {
	var invalid *jsonschema.ValidationError
	if err := compiled.Validate(doc); errors.As(err, &invalid) {
		w.complaint(doc, invalid)
	}
}

// complaint reports an error, or those that it is made of.
func (w *walk) complaint(doc any, e *jsonschema.ValidationError) {
	at := routeIn(doc, e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf:
		for _, cause := range e.Causes {
			w.complaint(doc, cause)
		}
	case *kind.Required:
		for _, name := range k.Missing {
			w.report(at.key(name), "", "{object} lacks {field}, which its definition requires")
		}
	case *kind.Enum:
		hint := ""
		if got, ok := k.Got.(string); ok {
			hint = didYouMean(got, textsOf(k.Want))
		}
		w.report(at, hint, "{field} of {object} %s", verb(e, len(e.InstanceLocation)))
	default:
		w.report(at, "", "{field} of {object} %s", verb(e, len(e.InstanceLocation)))
	}
}

// routeIn returns the route of a place in a document.
func routeIn(doc any, place []string) route {
	var at route
	for _, token := range place {
		switch v := doc.(type) {
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(v) {
				return at
			}
			at, doc = at.index(i), v[i]
		case map[string]any:
			at, doc = at.key(token), v[token]
		}
	}
	return at
}

var english = message.NewPrinter(language.English)

// verb says what is wrong with a value, in words that follow its name. It is
// below other errors that were said at a depth of the document.
func verb(e *jsonschema.ValidationError, depth int) string {
	return below(e, depth) + verbOf(e)
}

// below names the place of an error below a depth.
func below(e *jsonschema.ValidationError, depth int) string {
	if len(e.InstanceLocation) <= depth {
		return ""
	}
	return "has " + strings.Join(e.InstanceLocation[depth:], ".") + ", which "
}

func verbOf(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return fmt.Sprintf("is %s, not %s", typeWords[k.Got], wanted(k.Want))
	case *kind.Required:
		return "lacks " + strings.Join(k.Missing, " and ")
	case *kind.Enum:
		if len(k.Want) == 1 {
			return fmt.Sprintf("is %s, not %s", literal(k.Got), literal(k.Want[0]))
		}
		return fmt.Sprintf("is %s, not one of %s", literal(k.Got), strings.Join(literals(k.Want), ", "))
	case *kind.Pattern:
		return "does not match the pattern " + k.Want
	case *kind.Format:
		return "is not of the format " + strings.TrimPrefix(k.Want, formatPrefix)
	case *kind.UniqueItems:
		return fmt.Sprintf("has the same element at %d and %d", k.Duplicates[0], k.Duplicates[1])
	case *kind.Group, *kind.AllOf:
		return joined(e, ", and ")
	case *kind.AnyOf:
		return "fits no form that its definition allows: it " + joined(e, "; or it ")
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "fits several forms, of which its definition allows one at a time"
		}
		return "fits no form that its definition allows: it " + joined(e, "; or it ")
	case *kind.Not:
		return "is what its definition forbids"
	}
	return boundOf(e.ErrorKind)
}

// joined puts the causes of an error into one sentence.
func joined(e *jsonschema.ValidationError, with string) string {
	words := make([]string, len(e.Causes))
	for i, cause := range e.Causes {
		words[i] = verb(cause, len(e.InstanceLocation))
	}
	return strings.Join(slices.Compact(words), with)
}

// boundOf says which bound a value is beyond.
func boundOf(k jsonschema.ErrorKind) string {
	const least, most = "%s, and %s is the least", "%s, and %s is the most"
	switch k := k.(type) {
	case *kind.Minimum:
		return fmt.Sprintf("is "+least, number(k.Got), number(k.Want))
	case *kind.Maximum:
		return fmt.Sprintf("is "+most, number(k.Got), number(k.Want))
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("is %s, and must be more than %s", number(k.Got), number(k.Want))
	case *kind.ExclusiveMaximum:
		return fmt.Sprintf("is %s, and must be less than %s", number(k.Got), number(k.Want))
	case *kind.MultipleOf:
		return fmt.Sprintf("is %s, and no multiple of %s", number(k.Got), number(k.Want))
	case *kind.MinLength:
		return fmt.Sprintf("has "+least, count(k.Got, "character"), strconv.Itoa(k.Want))
	case *kind.MaxLength:
		return fmt.Sprintf("has "+most, count(k.Got, "character"), strconv.Itoa(k.Want))
	case *kind.MinItems:
		return fmt.Sprintf("has "+least, count(k.Got, "element"), strconv.Itoa(k.Want))
	case *kind.MaxItems:
		return fmt.Sprintf("has "+most, count(k.Got, "element"), strconv.Itoa(k.Want))
	case *kind.MinProperties:
		return fmt.Sprintf("has "+least, count(k.Got, "field"), strconv.Itoa(k.Want))
	case *kind.MaxProperties:
		return fmt.Sprintf("has "+most, count(k.Got, "field"), strconv.Itoa(k.Want))
	}
	return "is against its definition: " + k.LocalizedString(english)
}

var typeWords = map[string]string{
	"null": "null", "boolean": "true or false", "number": "a number", "integer": "a whole number",
	"string": "a string", "array": "a list", "object": "a map",
}

func wanted(types []string) string {
	var words []string
	for _, name := range types {
		if name != "null" {
			words = append(words, typeWords[name])
		}
	}
	return strings.Join(words, " or ")
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func literal(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return "a value"
	}
	return string(data)
}

// textsOf yields the strings among values.
func textsOf(values []any) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range values {
			if text, ok := value.(string); ok && !yield(text) {
				return
			}
		}
	}
}

func literals(values []any) []string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = literal(value)
	}
	return words
}
