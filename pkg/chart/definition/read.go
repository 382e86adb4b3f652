package definition

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
)

// Read returns the definitions in the YAML files below a folder. Objects of
// other kinds are passed over.
func Read(dir string) ([]release.Object, error) {
	var definitions []release.Object
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		extension := path.Ext(name)
		if err != nil || d.IsDir() || extension != ".yaml" && extension != ".yml" {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		found, err := readFile(filepath.ToSlash(filepath.Join(dir, name)), data)
		definitions = append(definitions, found...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return definitions, nil
}

var (
	separator = regexp.MustCompile(`(?m)^---([ \t\r].*)?$`)
	inLine    = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?`)
)

// readFile returns the definitions in a file. Each document is read with as many
// empty lines before it as there are lines above it, so that errors have the
// numbers of the lines of the file.
func readFile(file string, data []byte) ([]release.Object, error) {
	var definitions []release.Object
	ends := append(separator.FindAllIndex(data, -1), []int{len(data), len(data)})
	start := 0
	for _, end := range ends {
		above := bytes.Repeat([]byte("\n"), bytes.Count(data[:start], []byte("\n")))
		text, err := yaml.YAMLToJSONStrict(append(above, data[start:end[0]]...))
		if err != nil {
			return nil, notYAML(file, len(above)+1, err)
		}
		start = end[1]
		if string(text) == "null" {
			continue // comments alone
		}
		doc, err := manifest.FromJSON(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: the document is no object", file, len(above)+1)
		}
		if definitions, err = collect(definitions, release.Object{Doc: doc.Plain(), Template: file}); err != nil {
			return nil, err
		}
	}
	return definitions, nil
}

// notYAML says the first of what is wrong with a document that starts in a line.
func notYAML(file string, line int, err error) error {
	message := err.Error()
	if prefix := inLine.FindStringSubmatch(message); prefix != nil {
		message, _, _ = strings.Cut(strings.TrimPrefix(message, prefix[0]), "\n")
		if n, err := strconv.Atoi(prefix[1]); err == nil {
			line = n
		}
	}
	return fmt.Errorf("%s:%d: not valid YAML: %s", file, line, message)
}

// collect appends a definition, or those in a list of objects.
func collect(definitions []release.Object, o release.Object) ([]release.Object, error) {
	switch items, _ := o.Doc["items"].([]any); {
	case o.Kind() == "List" || o.Kind() == release.Definition+"List":
		for _, item := range items {
			doc, _ := item.(map[string]any)
			var err error
			if definitions, err = collect(definitions, release.Object{Doc: doc, Template: o.Template}); err != nil {
				return nil, err
			}
		}
		return definitions, nil
	case o.Kind() != release.Definition:
		return definitions, nil
	}
	if err := ofCurrent(o); err != nil {
		return nil, fmt.Errorf("%s: %s %w", o.Template, o.Name(), err)
	}
	return append(definitions, o), nil
}

// ofCurrent refuses definitions of versions that API servers no longer take.
func ofCurrent(o release.Object) error {
	if at := o.APIVersion(); at != current {
		return fmt.Errorf("is of %s, and API servers take definitions of %s only", cmp.Or(at, "no apiVersion"), current)
	}
	return nil
}
