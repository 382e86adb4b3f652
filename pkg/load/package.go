package load

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	cueerrors "cuelang.org/go/cue/errors"
	cueload "cuelang.org/go/cue/load"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/ringplan/ringplan/pkg/diag"
)

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
	instances := cueload.Instances(args, &cueload.Config{
		Dir: dir, Registry: noRegistry{}, Env: []string{}, ParseFile: parseChecked,
	})
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

// parseChecked parses a file of the user's package, or of one that it imports,
// if it is as fit to be read as a topology itself.
func parseChecked(name string, src any, cfg parser.Config) (*ast.File, error) {
	data, err := sourceOf(name, src)
	if err != nil {
		return nil, err
	}
	if cfg.Mode&parser.ImportsOnly == 0 {
		for _, check := range []func([]byte) *flaw{checkText, checkChains} {
			if f := check(bytes.TrimPrefix(data, []byte(byteOrderMark))); f != nil {
				return nil, cueerrors.Newf(positionIn(name, data, f.offset), "%s", f.message)
			}
		}
	}
	return parser.ParseFile(name, data, cfg)
}

func sourceOf(name string, src any) ([]byte, error) {
	switch src := src.(type) {
	case []byte:
		return src, nil
	case io.Reader:
		return readAll(src)
	case nil:
		return os.ReadFile(name)
	}
	return nil, fmt.Errorf("%s: unexpected source %T", name, src)
}

func positionIn(name string, data []byte, offset int) token.Pos {
	f := token.NewFile(name, -1, len(data))
	f.SetLinesForContent(data)
	return f.Pos(min(offset, len(data)), token.NoRelPos)
}
