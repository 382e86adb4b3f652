package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/go-multierror"
)

// checkPath says why p cannot be the path of a file in a tree, or returns nil.
// An accepted path is clean, relative, slash-separated UTF-8 that stays inside
// the tree, and that the record can hold without escapes.
func checkPath(p string) error {
	switch {
	case p == "":
		return errors.New("path is empty")
	case strings.HasPrefix(p, "/"):
		return fmt.Errorf("path %q is absolute", p)
	case strings.Contains(p, `\`):
		return fmt.Errorf("path %q has a backslash", p)
	case strings.ContainsFunc(p, unicode.IsControl):
		return fmt.Errorf("path %q has a control character", p)
	case p == "." || !fs.ValidPath(p):
		return fmt.Errorf("path %q is not a clean relative path in UTF-8", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if fold(part) == fold(".git") {
			return fmt.Errorf("path %q goes into a .git directory, which Git does not keep", p)
		}
	}
	return nil
}

// checkPaths checks every path of files, and that they can all exist side by
// side, also where the file system ignores case: no two are the same, none is
// a directory of another, and none is the record. The error lists them all.
func checkPaths(files []File) error {
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	return checkTogether(paths, RecordFile)
}

// checkTogether is checkPaths for any paths, with those of the record.
func checkTogether(paths []string, records ...string) error {
	var errs *multierror.Error
	owner := map[string]string{}
	for _, r := range records {
		owner[fold(r)] = r
	}
	for _, path := range paths {
		if err := checkPath(path); err != nil {
			errs = multierror.Append(errs, err)
			continue
		}
		switch first, taken := owner[fold(path)]; {
		case taken && slices.Contains(records, first):
			errs = multierror.Append(errs, fmt.Errorf("path %q is reserved for the record", path))
		case taken:
			errs = multierror.Append(errs, fmt.Errorf("paths %q and %q are the same file where case is ignored", first, path))
		default:
			owner[fold(path)] = path
		}
	}
	for _, path := range paths {
		for _, d := range dirsOf(path) {
			if first, taken := owner[fold(d)]; taken {
				errs = multierror.Append(errs, fmt.Errorf("path %q is a file, and a directory of %q", first, path))
			}
		}
	}
	return collapse(errs)
}

// dirsOf returns the directories that p is in, outermost first: "a" and "a/b"
// for "a/b/c".
func dirsOf(p string) []string {
	var dirs []string
	for i := range len(p) {
		if p[i] == '/' {
			dirs = append(dirs, p[:i])
		}
	}
	return dirs
}

// fold maps strings that differ only in case to the same string.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
