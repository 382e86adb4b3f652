package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"gopkg.in/yaml.v3"
)

// FromJSON returns a JSON object as a map, keys in their order. Whole numbers
// that fit are int64, others float64.
func FromJSON(data []byte) (*Map, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	value, err := fromJSON(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one JSON value")
	}
	m, ok := value.(*Map)
	if !ok {
		return nil, errors.New("the JSON is no object")
	}
	return m, nil
}

func fromJSON(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		return t.Float64()
	case json.Delim:
		if t == '[' {
			return listFromJSON(dec)
		}
		return mapFromJSON(dec)
	}
	return token, nil
}

func listFromJSON(dec *json.Decoder) (any, error) {
	list := []any{}
	for dec.More() {
		item, err := fromJSON(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	_, err := dec.Token()
	return list, err
}

func mapFromJSON(dec *json.Decoder) (any, error) {
	m := NewMap()
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := fromJSON(dec)
		if err != nil {
			return nil, err
		}
		m.Set(key.(string), value)
	}
	_, err := dec.Token()
	return m, err
}

// ToJSON returns a YAML document of a mapping as JSON, for readers that know
// the fields that they want. Times, which YAML has and JSON has not, are
// strings. It returns what [Scan] says of a document that is not fit.
func ToJSON(data []byte, limits Limits) ([]byte, []Problem) {
	if problems := Scan(data, limits); len(problems) > 0 {
		return nil, problems
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, []Problem{syntax(data, err)}
	}
	plainTimes(&doc)
	var value any
	if err := doc.Decode(&value); err != nil {
		return nil, []Problem{syntax(data, err)}
	}
	text, err := json.Marshal(unsignedZero(value))
	if err != nil {
		return nil, []Problem{{Line: 1, Column: 1, Message: "the file holds what JSON cannot: " + err.Error()}}
	}
	return text, nil
}

// unsignedZero makes 0 of -0, which would be another JSON and reads as 0.
func unsignedZero(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k := range v {
			v[k] = unsignedZero(v[k])
		}
	case []any:
		for i := range v {
			v[i] = unsignedZero(v[i])
		}
	case float64:
		if v == 0 {
			return 0
		}
	}
	return value
}

func plainTimes(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, child := range n.Content {
		plainTimes(child)
	}
}

// Parse reads a rendered file again: YAML of one document. It returns what
// [Scan] says of one that is not fit.
func Parse(path string, data []byte, limits Limits) (File, []Problem) {
	text, problems := ToJSON(data, limits)
	if len(problems) > 0 {
		return File{}, problems
	}
	doc, err := FromJSON(text)
	if err != nil {
		return File{}, []Problem{{Line: 1, Column: 1, Message: err.Error()}}
	}
	return File{Path: path, Docs: []*Map{doc}}, nil
}
