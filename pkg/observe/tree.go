package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxDepth is how deep JSON may nest; Kubernetes' objects stay far below.
const maxDepth = 200

// A shape is the type of a JSON value, in the words of a message.
type shape string

const (
	isNull   shape = "null"
	isBool   shape = "a boolean"
	isNumber shape = "a number"
	isString shape = "a string"
	isArray  shape = "a list"
	isObject shape = "an object"
)

// A value is a JSON value with its place; objects keep every key, in order,
// even those that come twice.
type value struct {
	shape      shape
	text       string // of a string, and the digits of a number
	truth      bool
	fields     []field
	items      []*value
	start, end int // in the data; the start of a scalar is its end
}

type field struct {
	key   string
	value *value
}

// get returns the first field of that name, or nil.
func (v *value) get(key string) *value {
	for _, f := range v.fields {
		if f.key == key {
			return f.value
		}
	}
	return nil
}

// str returns the string in the field of that name, or "".
func (v *value) str(key string) string {
	if f := v.get(key); f != nil && f.shape == isString {
		return f.text
	}
	return ""
}

var (
	errTruncated = errors.New("the JSON is cut off: the input ends inside an object")
	errDeep      = fmt.Errorf("the JSON nests deeper than %d levels", maxDepth)
	errSyntax    = errors.New("the JSON is malformed")
)

// decode reads the JSON value that begins at an offset of data, which may go
// on after it. On an error it returns how far the data was sound.
func decode(data []byte, at int) (v *value, end int, err error) {
	d := decoder{json.NewDecoder(bytes.NewReader(data[at:])), at}
	d.UseNumber()
	v, err = d.value(0)
	return v, d.offset(), err
}

type decoder struct {
	*json.Decoder
	at int // in the data
}

// offset returns where in the data the last token ends.
func (d decoder) offset() int { return d.at + int(d.InputOffset()) }

func (d decoder) token() (json.Token, error) {
	token, err := d.Token()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errTruncated
	case err != nil:
		return nil, errSyntax // its text may quote the input
	}
	return token, nil
}

func (d decoder) value(depth int) (*value, error) {
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errDeep
	}
	v := &value{start: d.offset()}
	switch t := token.(type) {
	case json.Delim:
		v.start--
		err = d.inside(v, t, depth+1)
	case string:
		v.shape, v.text = isString, t
	case json.Number:
		v.shape, v.text = isNumber, t.String()
	case bool:
		v.shape, v.truth = isBool, t
	default:
		v.shape = isNull
	}
	v.end = d.offset()
	return v, err
}

// inside reads an object or a list up to its end.
func (d decoder) inside(v *value, open json.Delim, depth int) error {
	v.shape = isArray
	if open == '{' {
		v.shape = isObject
	}
	for d.More() {
		key := ""
		if v.shape == isObject {
			token, err := d.token()
			if err != nil {
				return err
			}
			key, _ = token.(string)
		}
		item, err := d.value(depth)
		if err != nil {
			return err
		}
		if v.shape == isObject {
			v.fields = append(v.fields, field{key, item})
		} else {
			v.items = append(v.items, item)
		}
	}
	_, err := d.token()
	return err
}

// duplicates calls report with the path and the value of every key that an
// object has had before.
func (v *value) duplicates(path string, report func(path string, at *value)) {
	seen := map[string]bool{}
	for _, f := range v.fields {
		if seen[f.key] {
			report(join(path, f.key), f.value)
		}
		seen[f.key] = true
		f.value.duplicates(join(path, f.key), report)
	}
	for i, item := range v.items {
		item.duplicates(index(path, i), report)
	}
}

// equal reports whether two values are the same, keys in any order. Neither
// may have a key twice.
func (v *value) equal(w *value) bool {
	if v.shape != w.shape || v.text != w.text || v.truth != w.truth || len(v.fields) != len(w.fields) || len(v.items) != len(w.items) {
		return false
	}
	for _, f := range v.fields {
		if other := w.get(f.key); other == nil || !f.value.equal(other) {
			return false
		}
	}
	for i, item := range v.items {
		if !item.equal(w.items[i]) {
			return false
		}
	}
	return true
}

// join appends a key to a path; a key that would read as several, or as none,
// stands in brackets.
func join(path, key string) string {
	if len(key) > 100 {
		key = strings.ToValidUTF8(key[:100], "") + "…"
	}
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' || strings.ContainsRune(`.[]"`, r) }) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
