package load

import (
	"io/fs"
	"path"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
)

// compile builds the .cue files of a file system as one package, each first
// changed by edit, if there is one.
func compile(ctx *cue.Context, files fs.FS, edit func(name string, f *ast.File)) (cue.Value, error) {
	inst := build.NewContext().NewInstance("", nil)
	matches, err := fs.Glob(files, "*.cue")
	if err != nil {
		return cue.Value{}, err
	}
	for _, name := range matches {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return cue.Value{}, err
		}
		f, err := parser.ParseFile(name, data, parser.ParseComments)
		if err != nil {
			return cue.Value{}, err
		}
		if edit != nil {
			edit(name, f)
		}
		if err := inst.AddSyntax(f); err != nil {
			return cue.Value{}, err
		}
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, err
	}
	v := ctx.BuildInstance(inst)
	if err := v.Err(); err != nil {
		return cue.Value{}, errors.Newf(v.Pos(), "%s", errors.Details(err, nil))
	}
	return v, nil
}

// openValues makes every definition in a file of value types accept any map.
func openValues(name string, f *ast.File) {
	if !strings.HasSuffix(path.Base(name), "_values.cue") {
		return
	}
	var decls []ast.Decl
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.ImportDecl:
			continue
		case *ast.Field:
			d.Value = ast.NewStruct(&ast.Ellipsis{})
			decls = append(decls, d)
		default:
			decls = append(decls, d)
		}
	}
	f.Decls = decls
}
