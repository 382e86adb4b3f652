// Package parts builds the programs that a run needs from their published
// modules, once, into a cache.
package parts

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// Part is one program and the module that it is built from.
type Part struct {
	Name    string // of the program
	Module  string
	Version string
	Package string            // the main package, unless Main is set
	Main    string            // the text of a main package that links the module
	Replace map[string]string // module → module@version, besides what the module itself replaces
	Flags   string            // for the linker
	Local   string            // a Debian program of the same name will do
}

// Log takes one line of progress.
type Log func(format string, args ...any)

// Build returns the path of the part's program. It is built unless the cache has
// it: the key is everything that goes into it, and the Go release.
func Build(ctx context.Context, cache string, part Part, log Log) (string, error) {
	if part.Local != "" {
		if path, err := exec.LookPath(part.Local); err == nil {
			return path, nil
		}
	}
	path := filepath.Join(cache, part.Name+"-"+part.key(), part.Name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	log("building %s %s, which takes minutes the first time", part.Name, part.Version)
	start := time.Now()
	if err := part.build(ctx, path); err != nil {
		return "", fmt.Errorf("build %s from %s@%s: %w", part.Name, part.Module, part.Version, err)
	}
	log("built %s in %s", part.Name, time.Since(start).Round(time.Second))
	return path, nil
}

func (p Part) key() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings only
	}
	return fmt.Sprintf("%s-%.4x", p.Version, sha256.Sum256(append(text, runtime.Version()...)))
}

// build makes a module of its own for the part, because the replacements of
// another module do not count, and builds it beside its place in the cache.
func (p Part) build(ctx context.Context, path string) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(folder), ".build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := p.write(ctx, scratch); err != nil {
		return err
	}
	target, out := ".", filepath.Join(scratch, "out", p.Name)
	if p.Main == "" {
		target = p.Package
	}
	if err := goCommand(ctx, scratch, "build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w "+p.Flags, "-o", out, target); err != nil {
		return err
	}
	if err := os.Rename(filepath.Dir(out), folder); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// write writes the part's module: its requirement, the replacements, and its main
// package.
func (p Part) write(ctx context.Context, folder string) error {
	upstream, err := p.upstream(ctx, folder)
	if err != nil {
		return err
	}
	file, err := p.module(upstream)
	if err != nil {
		return err
	}
	text, err := file.Format()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), text, 0o644); err != nil {
		return err
	}
	main := p.Main
	if main == "" {
		main = "package part\n" // a module needs a package; the one that is built is another's
	}
	return os.WriteFile(filepath.Join(folder, "part.go"), []byte(main), 0o644)
}

// upstream returns the go.mod of the part's module.
func (p Part) upstream(ctx context.Context, folder string) (*modfile.File, error) {
	info, err := Source(ctx, folder, p)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(info.GoMod)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(info.GoMod, text, nil)
}

// Download is where the Go command keeps a module.
type Download struct{ Dir, GoMod, Error string }

// Source fetches the module of a part, unless it is here already, and says where
// it is. The folder is one in which the Go command may run.
func Source(ctx context.Context, folder string, part Part) (Download, error) {
	var info Download
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", part.Module+"@"+part.Version)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := command.Output()
	if jsonErr := json.Unmarshal(out, &info); jsonErr == nil && info.Error != "" {
		return info, errors.New(info.Error)
	}
	return info, err
}

// module is the go.mod of the module that the part is built in. Of what upstream
// replaces, local folders cannot be followed; where they stand for modules of one
// version with it, as in Kubernetes, Replace names the version.
func (p Part) module(upstream *modfile.File) (*modfile.File, error) {
	file := new(modfile.File)
	if err := errors.Join(
		file.AddModuleStmt("ringplan.invalid/part"),
		file.AddGoStmt(upstream.Go.Version),
		file.AddRequire(p.Module, p.Version),
	); err != nil {
		return nil, err
	}
	for _, each := range upstream.Replace {
		to := each.New
		if wanted, ok := p.replacement(each.Old.Path); ok {
			to = wanted
		}
		if to.Version == "" {
			continue // a local folder
		}
		if err := file.AddReplace(each.Old.Path, each.Old.Version, to.Path, to.Version); err != nil {
			return nil, err
		}
	}
	file.Cleanup()
	return file, nil
}

// replacement returns what Replace says of a module. A key that ends in "/" holds
// for every module below, and its value is then a version.
func (p Part) replacement(path string) (module.Version, bool) {
	if to, ok := p.Replace[path]; ok {
		name, version, _ := strings.Cut(to, "@")
		return module.Version{Path: name, Version: version}, true
	}
	for prefix, version := range p.Replace {
		if strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix) {
			return module.Version{Path: path, Version: version}, true
		}
	}
	return module.Version{}, false
}

// goCommand runs the Go command, and puts the end of what it printed in the error.
func goCommand(ctx context.Context, folder string, args ...string) error {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=")
	out, err := command.CombinedOutput()
	if err == nil {
		return nil
	}
	const most = 2000
	if len(out) > most {
		out = out[len(out)-most:]
	}
	return fmt.Errorf("go %s: %w\n%s", args[0], err, out)
}
