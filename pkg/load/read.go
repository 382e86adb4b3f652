package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	cueerrors "cuelang.org/go/cue/errors"
	cueload "cuelang.org/go/cue/load"
	"cuelang.org/go/cue/parser"
	cuejson "cuelang.org/go/encoding/json"
	cueyaml "cuelang.org/go/encoding/yaml"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
)

// limits bounds a YAML or JSON topology.
var limits = manifest.Limits{Depth: 64, Aliases: 200_000}

// read turns a file into a CUE value, or says what is wrong with it.
func (l *Loader) read(path string) (cue.Value, diag.List) {
	data, err := readFile(path)
	if err != nil {
		return cue.Value{}, diag.List{{Code: codeRead, Severity: diag.Error, Pos: diag.Pos{File: slash(path)}, Message: err.Error()}}
	}
	if f := checkText(path, data); len(f) > 0 {
		return cue.Value{}, f
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".cue":
		return l.readCUE(path, data)
	case ".yaml", ".yml":
		return l.readYAML(path, data)
	case ".json":
		return l.readJSON(path, data)
	default:
		return cue.Value{}, diag.List{{
			Code: codeRead, Severity: diag.Error, Pos: diag.Pos{File: slash(path)},
			Message: fmt.Sprintf("%q is no ending of a topology", ext), Hint: "name it topology.cue, topology.yaml or topology.json",
		}}
	}
}

// readFile reads a regular file of acceptable size. Its errors do not repeat
// the path.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, bare(err)
	} else if info.IsDir() {
		return nil, errors.New("is a folder, not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("larger than %d MiB, which no topology is", maxSize>>20)
	}
	return data, nil
}

func bare(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func slash(path string) string { return filepath.ToSlash(path) }

// checkText finds the first byte that is no text.
func checkText(path string, data []byte) diag.List {
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && size == 1 || c == 0 {
			line, column := lineColumn(data, i)
			return diag.List{{
				Code: codeSyntax, Severity: diag.Error, Pos: diag.Pos{File: slash(path), Line: line, Column: column},
				Message: fmt.Sprintf("byte 0x%02x is not UTF-8 text", data[i]), Hint: "save the file as UTF-8",
			}}
		}
		i += size
	}
	return nil
}

func lineColumn(data []byte, offset int) (line, column int) {
	before := data[:offset]
	return 1 + bytes.Count(before, []byte("\n")), offset - bytes.LastIndexByte(before, '\n')
}

func (l *Loader) readYAML(path string, data []byte) (cue.Value, diag.List) {
	var findings diag.List
	for _, p := range manifest.Scan(data, limits) {
		findings = append(findings, diag.Finding{
			Code: codeSyntax, Severity: diag.Error, Pos: diag.Pos{File: slash(path), Line: p.Line, Column: p.Column},
			Message: p.Message, Hint: p.Hint,
		})
	}
	if len(findings) > 0 {
		return cue.Value{}, findings
	}
	file, err := cueyaml.Extract(path, data)
	if err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	return l.built(path, l.ctx.BuildFile(file))
}

func (l *Loader) readJSON(path string, data []byte) (cue.Value, diag.List) {
	if offset, message := scanJSON(data); message != "" {
		line, column := lineColumn(data, offset)
		return cue.Value{}, diag.List{{
			Code: codeSyntax, Severity: diag.Error, Pos: diag.Pos{File: slash(path), Line: line, Column: column}, Message: message,
		}}
	}
	expr, err := cuejson.Extract(path, data)
	if err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	return l.built(path, l.ctx.BuildExpr(expr))
}

// scanJSON checks that data is one JSON object within limits that repeats no
// key. It returns where it is not, and why.
func scanJSON(data []byte) (offset int, message string) {
	if len(bytes.TrimSpace(data)) == 0 {
		return 0, "the file is empty"
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var open []*jsonLevel
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return 0, ""
		}
		if err != nil {
			return int(dec.InputOffset()), "not valid JSON: " + strings.TrimPrefix(err.Error(), "json: ")
		}
		if len(open) == 0 && token != json.Delim('{') {
			return int(dec.InputOffset()) - 1, "the file does not hold one JSON object"
		}
		if top := len(open) - 1; top >= 0 && open[top].repeats(token) {
			return int(dec.InputOffset()) - 1, fmt.Sprintf("%q is set twice in this object", token)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open = append(open, &jsonLevel{object: token == json.Delim('{'), keys: map[string]bool{}})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > limits.Depth {
			return int(dec.InputOffset()), fmt.Sprintf("nested more than %d levels deep", limits.Depth)
		}
	}
}

// jsonLevel is one open object or list.
type jsonLevel struct {
	object bool
	count  int // tokens on this level so far
	keys   map[string]bool
}

// repeats notes a token on its level, and reports whether it is a key that was
// there before.
func (j *jsonLevel) repeats(token json.Token) bool {
	if token == json.Delim('}') || token == json.Delim(']') {
		return false
	}
	isKey := j.object && j.count%2 == 0
	j.count++
	key, ok := token.(string)
	if !isKey || !ok {
		return false
	}
	seen := j.keys[key]
	j.keys[key] = true
	return seen
}

// readCUE loads the package that the file belongs to, or the file alone if it
// names no package. Imports of the user's own module work; nothing is fetched.
func (l *Loader) readCUE(path string, data []byte) (cue.Value, diag.List) {
	file, err := parser.ParseFile(path, data, parser.PackageClauseOnly)
	if err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	args := []string{"./" + filepath.Base(path)}
	if name := file.PackageName(); name != "" && name != "_" {
		args = []string{".:" + name}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	instances := cueload.Instances(args, &cueload.Config{Dir: dir, Registry: noRegistry{}, Env: []string{}})
	return l.buildInstances(path, instances)
}

func (l *Loader) buildInstances(path string, instances []*build.Instance) (cue.Value, diag.List) {
	if len(instances) != 1 {
		return cue.Value{}, syntaxFindings(path, fmt.Errorf("the folder holds %d CUE packages", len(instances)))
	}
	if err := instances[0].Err; err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	return l.built(path, l.ctx.BuildInstance(instances[0]))
}

func (l *Loader) built(path string, v cue.Value) (cue.Value, diag.List) {
	if err := v.Err(); err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	if v.IncompleteKind() != cue.StructKind {
		return cue.Value{}, syntaxFindings(path, errors.New("the file does not hold a map"))
	}
	return v, nil
}

// syntaxFindings turns an error of a parser or of CUE's evaluation of the
// user's own files into findings.
func syntaxFindings(path string, err error) diag.List {
	var findings diag.List
	for _, e := range cueerrors.Errors(err) {
		format, args := e.Msg()
		pos := diag.Pos{File: slash(path)}
		for _, p := range cueerrors.Positions(e) {
			if p.IsValid() {
				pos = position(p, path)
				break
			}
		}
		findings = append(findings, diag.Finding{
			Code: codeSyntax, Severity: diag.Error, Pos: pos, Path: strings.Join(e.Path(), "."), Message: fmt.Sprintf(format, args...),
		})
	}
	findings.Sort()
	return findings
}
