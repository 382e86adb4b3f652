package gitrev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Rel returns a folder on disk as Git names it: relative to the top, with
// slashes, "." for the top itself. Symbolic links are resolved as far as it
// exists.
func (r *Repo) Rel(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	whole, err := resolved(abs)
	if err != nil {
		return "", err
	}
	rel, ok := r.inside(whole)
	if !ok {
		return "", fmt.Errorf("%s is outside the working tree %s", name, r.root)
	}
	return rel, r.checkOwn(name, rel)
}

// path is Rel for what is to be compared or committed: a symbolic link
// stands for itself, unless it leads into the working tree from outside.
func (r *Repo) path(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	dir, err := resolved(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	if rel, ok := r.inside(filepath.Join(dir, filepath.Base(abs))); ok {
		return rel, r.checkOwn(name, rel)
	}
	return r.Rel(name)
}

// paths maps each name by [Repo.path].
func (r *Repo) paths(names []string) ([]string, error) {
	var paths []string
	for _, name := range names {
		p, err := r.path(name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// resolved follows the symbolic links in the part of a path that exists.
func resolved(path string) (string, error) {
	whole, err := filepath.EvalSymlinks(path)
	if err == nil {
		return whole, nil
	}
	parent := filepath.Dir(path)
	if parent == path || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return "", err
	}
	if parent, err = resolved(parent); err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(path)), nil
}

// inside returns a resolved path relative to the top, if it is not outside.
func (r *Repo) inside(path string) (string, bool) {
	rel, err := filepath.Rel(r.root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// checkOwn refuses a path in a repository below this one, such as a submodule:
// this one knows nothing of the files there. The name is for the error.
func (r *Repo) checkOwn(name, rel string) error {
	dir := r.root
	for part := range strings.SplitSeq(rel, "/") {
		dir = filepath.Join(dir, part)
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil && rel != "." {
			return fmt.Errorf("%s is in a repository of its own, %s", name, dir)
		}
	}
	return nil
}
