package tree

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckPaths(t *testing.T) {
	tests := map[string]struct {
		paths []string
		want  string // part of the error, empty for none
	}{
		"plain":              {[]string{"a", "b/c.yaml", "b/d/e", " lead", "*star", "ümlaut"}, ""},
		"none":               {nil, ""},
		"dots in a name":     {[]string{"..a", "a..b", ".hidden", "..."}, ""},
		"record below":       {[]string{"sub/SHA256SUMS"}, ""},
		"directories differ": {[]string{"A/x", "a/y"}, ""},
		"empty":              {[]string{""}, "empty"},
		"absolute":           {[]string{"/etc/passwd"}, "absolute"},
		"parent":             {[]string{"../x"}, "clean relative"},
		"parent inside":      {[]string{"a/../../x"}, "clean relative"},
		"parent harmless":    {[]string{"a/../b"}, "clean relative"},
		"dot":                {[]string{"."}, "clean relative"},
		"dot inside":         {[]string{"a/./b"}, "clean relative"},
		"double slash":       {[]string{"a//b"}, "clean relative"},
		"trailing slash":     {[]string{"a/"}, "clean relative"},
		"backslash":          {[]string{`a\b`}, "backslash"},
		"NUL":                {[]string{"a\x00b"}, "control"},
		"newline":            {[]string{"a\nb"}, "control"},
		"not UTF-8":          {[]string{"a\xff"}, "UTF-8"},
		"git":                {[]string{".git/config"}, ".git"},
		"git below":          {[]string{"a/.GIT/hooks/x"}, ".git"},
		"record":             {[]string{"SHA256SUMS"}, "reserved"},
		"record in case":     {[]string{"sha256sums"}, "reserved"},
		"record as dir":      {[]string{"SHA256SUMS/x"}, "directory of"},
		"twice":              {[]string{"a", "b", "a"}, "same file"},
		"twice in case":      {[]string{"Dir/File", "dir/file"}, "same file"},
		"twice in Greek":     {[]string{"Σ", "ς"}, "same file"},
		"file and dir":       {[]string{"a/b", "a"}, "directory of"},
		"file and dir, case": {[]string{"A", "a/b/c"}, "directory of"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var files []File
			for _, p := range tt.paths {
				files = append(files, File{Path: p})
			}
			wantError(t, checkPaths(files), tt.want)
		})
	}
}

func TestCheckPathsListsAll(t *testing.T) {
	err := checkPaths([]File{{Path: "../a"}, {Path: "ok"}, {Path: "/b"}, {Path: "OK"}})
	for _, part := range []string{`"../a"`, `"/b"`, `"OK"`} {
		wantError(t, err, part)
	}
}

// wantError fails unless err contains part; an empty part wants no error.
func wantError(t *testing.T, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Fatalf("unexpected error: %v", err)
	case part != "" && err == nil:
		t.Fatalf("no error, want one with %q", part)
	case part != "" && !strings.Contains(err.Error(), part):
		t.Fatalf("error %q does not have %q", err, part)
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, p := range []string{"a", "a/b", "../a", "/a", `a\..\b`, "a//b", "", ".", "..", "a/../..", "\x00", "C:/x", "sha256sums", ".Git/x", "..."} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if checkPath(p) != nil {
			return
		}
		if rel, err := filepath.Rel("/tree", filepath.Join("/tree", p)); err != nil || rel != p || !filepath.IsLocal(p) {
			t.Errorf("%q is accepted, but is %q in the tree", p, rel)
		}
		if strings.ContainsAny(p, "\\\x00\n\r") || !utf8.ValidString(p) || p == "." {
			t.Errorf("%q is accepted", p)
		}
		line := formatRecord(map[string]string{p: digest(nil)})
		if got, err := parseRecord(line); fold(p) != fold(RecordFile) && (err != nil || got[p] != digest(nil)) {
			t.Errorf("%q does not survive a record: %v", p, err)
		}
	})
}
