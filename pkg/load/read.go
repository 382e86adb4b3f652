package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cuelang.org/go/cue"
	cueyaml "cuelang.org/go/encoding/yaml"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
)

// limits bounds a YAML or JSON topology. One of ten regions has some thousand
// values; the time that CUE takes for a map grows with the square of its size.
var limits = manifest.Limits{Depth: 64, Values: 20_000, Merged: 5_000}

// read turns a file into a CUE value, or says what is wrong with it.
func (l *Loader) read(path string) (cue.Value, diag.List) {
	data, err := readFile(path)
	if err != nil {
		return cue.Value{}, diag.List{{Code: codeRead, Severity: diag.Error, Pos: diag.Pos{File: slash(path)}, Message: err.Error()}}
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if f := checkText(data); f != nil {
		return cue.Value{}, diag.List{f.finding(path, data)}
	}
	switch filepath.Ext(path) {
	case ".cue":
		return l.readCUE(path, data)
	case ".yaml", ".yml":
		return l.readYAML(path, data)
	case ".json":
		return l.readJSON(path, data)
	default:
		return cue.Value{}, diag.List{{
			Code: codeRead, Severity: diag.Error, Pos: diag.Pos{File: slash(path)},
			Message: "its name does not tell whether it is CUE, YAML or JSON", Hint: "let it end in .cue, .yaml or .json",
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
	defer f.Close() //nolint:errcheck // nothing was written
	if info, err := f.Stat(); err != nil {
		return nil, bare(err)
	} else if info.IsDir() {
		return nil, errors.New("is a folder, not a file")
	}
	return readAll(f)
}

// readAll reads what is left of a file, if it is of acceptable size.
func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
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

func (l *Loader) readYAML(path string, data []byte) (cue.Value, diag.List) {
	var findings diag.List
	for _, p := range manifest.Scan(data, limits) {
		findings = append(findings, diag.Finding{
			Code: codeSyntax, Severity: diag.Error, Pos: diag.Pos{File: slash(path), Line: p.Line, Column: p.Column},
			Message: p.Message, Hint: p.Hint,
		})
	}
	if len(findings) > 0 {
		findings.Sort()
		return cue.Value{}, findings
	}
	file, err := cueyaml.Extract(path, data)
	if err != nil {
		return cue.Value{}, syntaxFindings(path, err)
	}
	return l.built(path, l.ctx.BuildFile(file))
}

// built returns a value of the user's files if it is sound in itself, and a map.
func (l *Loader) built(path string, v cue.Value) (cue.Value, diag.List) {
	if err := v.Validate(); err != nil {
		findings := syntaxFindings(path, err)
		where := newLocator(v, path)
		for i, f := range findings {
			if f.Path != "" && f.Pos == atStart(path, "", "", "").Pos { // CUE gives none for some
				findings[i].Pos = where.Locate(f.Path)
			}
		}
		findings.Sort()
		return cue.Value{}, findings
	}
	if v.IncompleteKind() != cue.StructKind {
		return cue.Value{}, diag.List{atStart(path, codeSyntax, "the file holds "+kindWords(v.IncompleteKind())+", not a map", kindHint)}
	}
	if names, err := fieldNames(v); err == nil && len(names) == 0 {
		return cue.Value{}, diag.List{atStart(path, codeKind, "the file holds no topology", kindHint+"; `ringplan init` writes one to start from")}
	}
	return v, nil
}

const kindHint = "a topology starts with apiVersion: ringplan.dev/v1alpha1"

// atStart returns an error about a file as a whole.
func atStart(path, code, message, hint string) diag.Finding {
	return diag.Finding{
		Code: code, Severity: diag.Error, Pos: diag.Pos{File: slash(path), Line: 1, Column: 1}, Message: message, Hint: hint,
	}
}
