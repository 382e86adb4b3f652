//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// content is a tree by path. In a snapshot, directories end in a slash.
type content map[string]string

// files turns c into what Write takes, in no particular order.
func (c content) files() []File {
	var files []File
	for path, data := range c {
		files = append(files, File{Path: path, Data: []byte(data)})
	}
	return files
}

// with returns c with the files of more added; a file "-" is taken away.
func (c content) with(more content) content {
	sum := maps.Clone(c)
	for path, data := range more {
		sum[path] = data
		if data == "-" {
			delete(sum, path)
		}
	}
	return sum
}

// generated returns what a snapshot of a tree with just c looks like.
func (c content) generated() content {
	w, err := newWanted(c.files())
	if err != nil {
		panic(err)
	}
	all := content{}
	for path, data := range w.data {
		all[path] = string(data)
		for _, d := range dirsOf(path) {
			all[d+"/"] = ""
		}
	}
	return all
}

// snapshot reads all of dir; nil stands for no directory.
func snapshot(t *testing.T, dir string) content {
	t.Helper()
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	all := content{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || d.IsDir() {
			all[rel+"/"] = ""
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			all[rel] = "link to " + to
			return err
		}
		data, err := os.ReadFile(path)
		all[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wantTree fails unless dir is as want says and nothing is left beside it.
func wantTree(t *testing.T, dir string, want content) {
	t.Helper()
	if got := snapshot(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("tree is\n%v\nwant\n%v", show(got), show(want))
	}
	wantNoStaging(t, dir)
}

func wantNoStaging(t *testing.T, dir string) {
	t.Helper()
	stage := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".ringplan")
	if _, err := os.Lstat(stage); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left over: %v", stage, snapshot(t, stage))
	}
}

func show(c content) string {
	if c == nil {
		return "(no directory)"
	}
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "  %s: %.40q\n", path, c[path])
	}
	return b.String()
}

// edit changes files below dir by hand, deeper paths later.
func edit(t *testing.T, dir string, changes content) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		name := filepath.Join(dir, path)
		var err error
		switch {
		case changes[path] == "-":
			err = os.RemoveAll(name)
		case strings.HasSuffix(path, "/"):
			err = os.MkdirAll(name, 0o755)
		default:
			err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(changes[path]), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func mustWrite(t *testing.T, dir string, c content) Result {
	t.Helper()
	res, err := Write(context.Background(), dir, c.files(), false)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// newTree writes c to a new directory named rendered.
func newTree(t *testing.T, c content) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "rendered")
	if c != nil {
		mustWrite(t, dir, c)
	}
	return dir
}

// stateTests start from a tree with the files of first, edited by hand, and
// compare it with want.
var stateTests = map[string]struct {
	first, edits, want content
	state              State
	kept               content // what else is there after a Write with force
	err                string  // error of Compare and of Write with force
}{
	"no directory": {
		nil, nil, content{"a": "1", "b/c": "2"},
		State{Missing: []string{RecordFile, "a", "b/c"}}, nil, "",
	},
	"nothing at all": {nil, nil, content{}, State{}, nil, ""},
	"same": {
		content{"a": "1", "b/c": "2"}, nil, content{"a": "1", "b/c": "2"},
		State{Same: 3}, nil, "",
	},
	"missing": {
		content{"a": "1", "b": "2"}, content{"b": "-"}, content{"a": "1", "b": "2"},
		State{Missing: []string{"b"}, Same: 2}, nil, "",
	},
	"stale": {
		content{"a": "1", "b": "2"}, nil, content{"a": "1", "b": "3"},
		State{Stale: []string{RecordFile, "b"}, Same: 1}, nil, "",
	},
	"edited": {
		content{"a": "1", "b": "2"}, content{"b": "mine"}, content{"a": "1", "b": "2"},
		State{Edited: []string{"b"}, Same: 2}, nil, "",
	},
	"edited and stale": {
		content{"a": "1"}, content{"a": "mine"}, content{"a": "2"},
		State{Edited: []string{"a"}, Stale: []string{RecordFile}}, nil, "",
	},
	"edited to what is wanted": {
		content{"a": "1"}, content{"a": "2"}, content{"a": "2"},
		State{Stale: []string{RecordFile}, Same: 1}, nil, "",
	},
	"obsolete": {
		content{"a": "1", "b/c": "2"}, nil, content{"a": "1"},
		State{Obsolete: []string{"b/c"}, Stale: []string{RecordFile}, Same: 1}, nil, "",
	},
	"obsolete and edited": {
		content{"a": "1", "b/c": "2"}, content{"b/c": "mine"}, content{"a": "1"},
		State{Edited: []string{"b/c"}, Stale: []string{RecordFile}, Same: 1}, nil, "",
	},
	"obsolete and gone": {
		content{"a": "1", "b/c": "2"}, content{"b": "-"}, content{"a": "1"},
		State{Stale: []string{RecordFile}, Same: 1}, nil, "",
	},
	"all obsolete": {
		content{"a": "1", "b/c": "2"}, nil, content{},
		State{Obsolete: []string{RecordFile, "a", "b/c"}}, nil, "",
	},
	"collides": {
		content{"a": "1"}, content{"b": "theirs"}, content{"a": "1", "b": "2"},
		State{Collides: []string{"b"}, Stale: []string{RecordFile}, Same: 1}, nil, "",
	},
	"not recorded but equal": {
		content{"a": "1"}, content{"b": "2"}, content{"a": "1", "b": "2"},
		State{Stale: []string{RecordFile}, Same: 2}, nil, "",
	},
	"foreign": {
		content{"a": "1", "b/c": "2"}, content{"b/mine": "m", "own/x": "o", "void/": ""}, content{"a": "2"},
		State{Stale: []string{RecordFile, "a"}, Obsolete: []string{"b/c"}},
		content{"b/": "", "b/mine": "m", "own/": "", "own/x": "o", "void/": ""}, "",
	},
	"foreign directory only": {
		nil, content{"own/x": "o"}, content{"a": "1"},
		State{Missing: []string{RecordFile, "a"}}, content{"own/": "", "own/x": "o"}, "",
	},
	"record lost": {
		content{"a": "1", "b": "2"}, content{RecordFile: "-"}, content{"a": "1", "b": "3"},
		State{Missing: []string{RecordFile}, Collides: []string{"b"}, Same: 1}, nil, "",
	},
	"empty record": {
		content{"a": "1"}, content{RecordFile: ""}, content{},
		State{Obsolete: []string{RecordFile}}, content{"a": "1"}, "",
	},
	"file becomes directory": {
		content{"a": "1", "b": "2"}, nil, content{"a/x/y": "1", "b": "2"},
		State{Missing: []string{"a/x/y"}, Obsolete: []string{"a"}, Stale: []string{RecordFile}, Same: 1}, nil, "",
	},
	"edited file becomes directory": {
		content{"a": "1"}, content{"a": "mine"}, content{"a/x": "1"},
		State{Missing: []string{"a/x"}, Edited: []string{"a"}, Stale: []string{RecordFile}}, nil, "",
	},
	"directory becomes file": {
		content{"a/x/y": "1", "a/z": "2"}, content{"a/void/v": "-"}, content{"a": "1"},
		State{Missing: []string{"a"}, Obsolete: []string{"a/x/y", "a/z"}, Stale: []string{RecordFile}}, nil, "",
	},
	"empty directories in the way": {
		content{"a": "1"}, content{"b/c/": "", "b/d/": ""}, content{"a": "1", "b": "2"},
		State{Missing: []string{"b"}, Stale: []string{RecordFile}, Same: 1}, nil, "",
	},
	"recorded file replaced by directory": {
		content{"a": "1", "b": "2"}, content{"b": "-", "b/x": "own"}, content{"a": "1"},
		State{Stale: []string{RecordFile}, Same: 1}, content{"b/": "", "b/x": "own"}, "",
	},
	"foreign file where a directory is wanted": {
		content{"a": "1"}, content{"b": "own"}, content{"a": "1", "b/c": "2"},
		State{}, nil, "b: is a file that ringplan did not write, in the way of b/c",
	},
	"foreign file in a directory where a file is wanted": {
		content{"a/x": "1"}, content{"a/y/z": "own"}, content{"a": "2"},
		State{}, nil, "y/z: is a file that ringplan did not write, in the way of a",
	},
	"record is a directory": {
		nil, content{RecordFile + "/x": "own"}, content{"a": "2"},
		State{}, nil, "SHA256SUMS: is a directory",
	},
}

func TestStates(t *testing.T) {
	for name, tt := range stateTests {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t, tt.first)
			edit(t, dir, tt.edits)
			before := snapshot(t, dir)
			state, err := Compare(dir, tt.want.files())
			wantError(t, err, tt.err)
			if !reflect.DeepEqual(state, tt.state) {
				t.Errorf("state\n%+v, want\n%+v", state, tt.state)
			}
			wantTree(t, dir, before)

			conflict := len(tt.state.Edited)+len(tt.state.Collides) > 0
			res, err := Write(t.Context(), dir, tt.want.files(), false)
			switch {
			case conflict:
				var c *ConflictError
				if !errors.As(err, &c) || !slices.Equal(c.Edited, tt.state.Edited) || !slices.Equal(c.Collides, tt.state.Collides) {
					t.Errorf("got %v, want a conflict with edited %v, collides %v", err, tt.state.Edited, tt.state.Collides)
				}
				wantTree(t, dir, before)
				res, err = Write(t.Context(), dir, tt.want.files(), true)
				wantError(t, err, "")
			case tt.err != "":
				wantError(t, err, tt.err)
				wantTree(t, dir, before)
				_, err = Write(t.Context(), dir, tt.want.files(), true)
				wantError(t, err, tt.err)
				wantTree(t, dir, before)
				return
			default:
				wantError(t, err, "")
			}
			checkWritten(t, dir, tt.want, tt.kept, tt.state, res)
		})
	}
}

// checkWritten checks a directory after a Write to it, and its Result.
func checkWritten(t *testing.T, dir string, want, kept content, was State, res Result) {
	t.Helper()
	after := want.generated().with(kept)
	if len(after) == 0 && snapshot(t, dir) == nil {
		after = nil
	}
	wantTree(t, dir, after)
	if was.Clean() != (len(res.Written)+len(res.Removed) == 0) {
		t.Errorf("state was clean: %v, but the result is %+v", was.Clean(), res)
	}
	if got := len(res.Written) + res.Unchanged; got != len(want.generated().with(nil).filesOnly()) {
		t.Errorf("%d files are written or unchanged: %+v", got, res)
	}
	if !slices.IsSorted(res.Written) || !slices.IsSorted(res.Removed) {
		t.Errorf("not sorted: %+v", res)
	}
	for _, path := range was.Obsolete {
		if !slices.Contains(res.Removed, path) {
			t.Errorf("%s is not in %v", path, res.Removed)
		}
	}
	state, err := Compare(dir, want.files())
	if err != nil || !state.Clean() {
		t.Errorf("not clean after the write: %+v, %v", state, err)
	}
}

// filesOnly returns c without directories.
func (c content) filesOnly() content {
	c = maps.Clone(c)
	maps.DeleteFunc(c, func(path, _ string) bool { return strings.HasSuffix(path, "/") })
	return c
}

// stamps returns the inodes and modification times of dir and all below it.
func stamps(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err == nil {
			all[path] = fmt.Sprint(info.ModTime().UnixNano(), info.Sys().(*syscall.Stat_t).Ino, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWriteAgainTouchesNothing(t *testing.T) {
	want := content{"a": "1", "b/c/d": "2"}
	dir := newTree(t, want)
	before := stamps(t, filepath.Dir(dir))
	time.Sleep(10 * time.Millisecond)
	for _, force := range []bool{false, true} {
		res, err := Write(t.Context(), dir, want.files(), force)
		if err != nil || !reflect.DeepEqual(res, Result{Unchanged: 3}) {
			t.Errorf("%+v, %v", res, err)
		}
	}
	if after := stamps(t, filepath.Dir(dir)); !maps.Equal(before, after) {
		t.Errorf("changed:\n%v\n%v", before, after)
	}
}

func TestWriteLeavesSameFilesAlone(t *testing.T) {
	dir := newTree(t, content{"a": "1", "b": "2"})
	before := stamps(t, dir)
	res := mustWrite(t, dir, content{"a": "1", "b": "3"})
	if !reflect.DeepEqual(res, Result{Written: []string{RecordFile, "b"}, Unchanged: 1}) {
		t.Errorf("result %+v", res)
	}
	if name := filepath.Join(dir, "a"); stamps(t, dir)[name] != before[name] {
		t.Error("an unchanged file was written")
	}
}

// TestWriteKeepsDirectories replaces the only file of a directory by another.
func TestWriteKeepsDirectories(t *testing.T) {
	dir := newTree(t, content{"a/b/old": "1"})
	ino := func() string {
		_, ino, _ := strings.Cut(stamps(t, dir)[filepath.Join(dir, "a/b")], " ")
		return ino
	}
	before := ino()
	mustWrite(t, dir, content{"a/b/new": "1"})
	wantTree(t, dir, content{"a/b/new": "1"}.generated())
	if before != ino() {
		t.Error("a directory was removed and created again")
	}
}

func TestPermissions(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	for name, first := range map[string]content{"new tree": nil, "existing tree": {"x": "1"}} {
		dir := newTree(t, first)
		mustWrite(t, dir, content{"a/b": "1", "x": "2"})
		for path, want := range map[string]fs.FileMode{"a": fs.ModeDir | 0o750, "a/b": 0o640, "x": 0o640, RecordFile: 0o640} {
			if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode() != want {
				t.Errorf("%s: %s has mode %v, want %v (%v)", name, path, info.Mode(), want, err)
			}
		}
	}
}

func TestMalformedRecord(t *testing.T) {
	dir := newTree(t, content{"a": "1", "b": "2"})
	edit(t, dir, content{RecordFile: digest([]byte("1")) + "  a\nrubbish\n"})
	before := snapshot(t, dir)
	want := content{"a": "1", "c": "3"}
	_, err := Compare(dir, want.files())
	wantError(t, err, dir+"/SHA256SUMS: line 2: ")
	_, err = Write(t.Context(), dir, want.files(), false)
	wantError(t, err, dir+"/SHA256SUMS: line 2: ")
	wantTree(t, dir, before)
	if _, err := Write(t.Context(), dir, want.files(), true); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, want.generated().with(content{"b": "2"})) // b is foreign by then
}

func TestBadPathsWriteNothing(t *testing.T) {
	dir := newTree(t, content{"a": "1"})
	above := filepath.Dir(dir)
	edit(t, above, content{"victim": "v"})
	before := stamps(t, above)
	for _, path := range []string{"../victim", "/etc/ringplan-test", "x/../../victim", `..\victim`, "", "SHA256SUMS", "a\x00", "A", "a/b"} {
		files := []File{{Path: "a", Data: []byte("2")}, {Path: path, Data: []byte("evil")}}
		for _, force := range []bool{false, true} {
			if _, err := Write(t.Context(), dir, files, force); err == nil {
				t.Errorf("path %q is accepted", path)
			}
		}
		if _, err := Compare(dir, files); err == nil {
			t.Errorf("path %q is accepted by Compare", path)
		}
	}
	if after := stamps(t, above); !maps.Equal(before, after) {
		t.Errorf("changed:\n%v\n%v", before, after)
	}
}

func TestSymlinksAreRefused(t *testing.T) {
	tests := map[string]struct {
		link, to, err string // link and to are relative to the directory above the tree
	}{
		"the tree":            {"rendered", "outside", "rendered: is a symbolic link"},
		"a dangling tree":     {"rendered", "nowhere", "rendered: is a symbolic link"},
		"a directory":         {"rendered/sub", "outside", "rendered/sub: is a symbolic link"},
		"a directory inside":  {"rendered/sub", "rendered/other", "rendered/sub: is a symbolic link"},
		"a nested directory":  {"rendered/sub/deep", "outside", "rendered/sub/deep: is a symbolic link"},
		"a file":              {"rendered/top", "outside/top", "rendered/top: is a symbolic link"},
		"a dangling file":     {"rendered/top", "outside/new", "rendered/top: is a symbolic link"},
		"an obsolete file":    {"rendered/gone/x", "outside/top", "rendered/gone/x: is a symbolic link"},
		"an obsolete dir":     {"rendered/gone", "outside", "rendered/gone: is a symbolic link"},
		"the record":          {"rendered/SHA256SUMS", "outside/top", "rendered/SHA256SUMS: is a symbolic link"},
		"the staging":         {".rendered.ringplan", "outside", ".rendered.ringplan: is a symbolic link"},
		"the dangling record": {"rendered/SHA256SUMS", "outside/new", "rendered/SHA256SUMS: is a symbolic link"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t, content{"top": "1", "sub/deep/x": "2", "gone/x": "3"})
			above := filepath.Dir(dir)
			edit(t, above, content{"outside/top": "precious", "outside/x": "3", "outside/deep/x": "precious", "rendered/other/deep/x": "2"})
			link := filepath.Join(above, tt.link)
			if err := errors.Join(os.RemoveAll(link), os.Symlink(filepath.Join(above, tt.to), link)); err != nil {
				t.Fatal(err)
			}
			before := stamps(t, above)
			want := content{"top": "new", "sub/deep/x": "new", "fresh": "f"}
			_, err := Compare(dir, want.files())
			wantError(t, err, tt.err)
			for _, force := range []bool{false, true} {
				_, err = Write(t.Context(), dir, want.files(), force)
				wantError(t, err, tt.err)
			}
			if after := stamps(t, above); !maps.Equal(before, after) {
				t.Errorf("changed:\n%v\n%v", before, after)
			}
		})
	}
}

func TestSymlinkAboveIsFollowed(t *testing.T) {
	above := t.TempDir()
	edit(t, above, content{"real/": ""})
	if err := os.Symlink("real", filepath.Join(above, "link")); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(above, "link", "rendered"), content{"a": "1"})
	wantTree(t, filepath.Join(above, "real", "rendered"), content{"a": "1"}.generated())
}

func TestOddFilesAreRefused(t *testing.T) {
	dir := newTree(t, content{"a": "1"})
	edit(t, dir, content{"a": "-"})
	if err := syscall.Mkfifo(filepath.Join(dir, "a"), 0o644); err != nil {
		t.Skip(err)
	}
	_, err := Compare(dir, content{"a": "1"}.files())
	wantError(t, err, "a: is not a regular file")
	_, err = Write(t.Context(), dir, content{"a": "1"}.files(), true)
	wantError(t, err, "a: is not a regular file")
}

func TestErrorsOfAllFilesAreListed(t *testing.T) {
	dir := newTree(t, content{"a": "1", "b": "2", "c/x": "3", "c/y": "4"})
	for _, path := range []string{"a", "b", "c"} {
		name := filepath.Join(dir, path)
		if err := errors.Join(os.RemoveAll(name), os.Symlink("elsewhere", name)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Compare(dir, nil)
	for _, part := range []string{"/a: is a symb", "/b: is a symb", "/c: is a symb", "3 errors occurred"} {
		wantError(t, err, part)
	}
}

func TestBadDirectories(t *testing.T) {
	above := t.TempDir()
	edit(t, above, content{"file": "x"})
	want := content{"a": "1"}.files()
	for dir, part := range map[string]string{
		"":                                 "no directory given",
		"/":                                "root of a file system",
		filepath.Join(above, "file"):       "file: is not a directory",
		filepath.Join(above, "file/below"): "not a directory",
	} {
		_, err := Compare(dir, want)
		wantError(t, err, part)
		_, err = Write(t.Context(), dir, want, true)
		wantError(t, err, part)
	}
	_, err := Recover("")
	wantError(t, err, "no directory given")
	wantTree(t, above, content{"file": "x"})
}

func TestDirectoriesAbove(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "x", "y", "rendered")
	want := content{"a": "1"}
	if state, err := Compare(dir, want.files()); err != nil || len(state.Missing) != 2 {
		t.Errorf("%+v, %v", state, err)
	}
	if found, err := Recover(dir); found || err != nil {
		t.Errorf("recovered %v, %v", found, err)
	}
	if _, err := Write(t.Context(), dir, nil, false); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	setFailpoint(t, func(step string) error {
		if strings.HasPrefix(step, "create") {
			cancel()
		}
		return nil
	})
	if _, err := Write(ctx, dir, want.files(), false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantTree(t, above, content{})
	mustWrite(t, dir, want)
	wantTree(t, dir, want.generated())
}

// TestFailBelowNewDirectories fails at every step of a Write that has to create
// the directories above the tree.
func TestFailBelowNewDirectories(t *testing.T) {
	want := content{"a": "1", "b/c": "2"}
	for fail, failed := 1, true; failed; fail++ {
		above := t.TempDir()
		n := 0
		failed = false
		setFailpoint(t, func(string) error {
			if n++; n == fail {
				failed = true
				return errInjected
			}
			return nil
		})
		res, err := Write(t.Context(), filepath.Join(above, "x", "y", "rendered"), want.files(), false)
		if failed != errors.Is(err, errInjected) {
			t.Errorf("fail at %d: %v", fail, err)
		}
		if len(res.Written) == 0 {
			wantTree(t, above, content{})
		}
	}
}

func TestRelativeDirectories(t *testing.T) {
	above := t.TempDir()
	t.Chdir(above)
	mustWrite(t, "rendered", content{"a": "1"})
	edit(t, above, content{"rendered/SHA256SUMS": "rubbish"})
	_, err := Compare("./rendered/", nil)
	wantError(t, err, "rendered/SHA256SUMS: line 1")
	t.Chdir(filepath.Join(above, "rendered"))
	_, err = Compare(".", nil)
	wantError(t, err, filepath.Join(above, "rendered/SHA256SUMS: line 1"))
	if _, err := Write(t.Context(), ".", content{"a": "2"}.files(), true); err != nil {
		t.Error(err)
	}
	wantTree(t, filepath.Join(above, "rendered"), content{"a": "2"}.generated())
}

func TestCancelledContext(t *testing.T) {
	was, want := content{"a": "1", "b": "1"}, content{"a": "2", "b": "2"}
	for _, at := range []string{"", "open", "create", "link to", "create journal"} {
		dir := newTree(t, was)
		before := stamps(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		if at == "" {
			cancel()
		}
		setFailpoint(t, func(step string) error {
			if strings.HasPrefix(strings.Replace(step, ".rendered.ringplan/", "", 1), at) {
				cancel()
			}
			return nil
		})
		if _, err := Write(ctx, dir, want.files(), false); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at %q: %v", at, err)
		}
		if after := stamps(t, dir); !maps.Equal(before, after) {
			t.Errorf("cancelled at %q: changed:\n%v\n%v", at, before, after)
		}
		wantTree(t, dir, was.generated())
	}
}

func TestCancelledAfterCommit(t *testing.T) {
	dir := newTree(t, content{"a": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	setFailpoint(t, func(step string) error {
		if strings.HasSuffix(step, "/journal") {
			cancel()
		}
		return nil
	})
	if _, err := Write(ctx, dir, content{"a": "2"}.files(), false); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, content{"a": "2"}.generated())
}

func TestSha256sum(t *testing.T) {
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip(err)
	}
	blanks := " blank  s "
	dir := newTree(t, content{"plain": "1", "sub/ümlaut": "2", blanks: "3", "*star": "4", "empty": "", "-dash": "5"})
	check := func(want bool) {
		t.Helper()
		cmd := exec.Command(tool, "--strict", "-c", RecordFile)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); (err == nil) != want {
			t.Errorf("%v:\n%s", err, out)
		}
	}
	check(true)
	cmd := exec.Command("sh", "-c", "LC_ALL=C; export LC_ALL; find * -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum --")
	cmd.Dir = dir
	mustWrite(t, dir, content{"a": "1", "b/c": "2", "b.d": "3"})
	check(true)
	out, err := cmd.Output()
	if got := snapshot(t, dir)[RecordFile]; err != nil || got != string(out) {
		t.Errorf("record\n%s, sha256sum\n%s (%v)", got, out, err)
	}
	edit(t, dir, content{"a": "mine"})
	check(false)
}

// TestCaseRename stands in for a file system that ignores case: there, a new
// name that differs in case only leads to the old file, as a hard link does.
func TestCaseRename(t *testing.T) {
	for name, data := range map[string]string{"same content": "1", "other content": "2"} {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t, content{"Dir/File": "1", "x": "1"})
			edit(t, dir, content{"dir/": ""})
			if err := os.Link(filepath.Join(dir, "Dir/File"), filepath.Join(dir, "dir/file")); err != nil {
				t.Skip(err)
			}
			want := content{"dir/file": data, "x": "1"}
			state, err := Compare(dir, want.files())
			if err != nil || !slices.Equal(state.Missing, []string{"dir/file"}) || len(state.Collides) > 0 {
				t.Errorf("%+v, %v", state, err)
			}
			mustWrite(t, dir, want)
			wantTree(t, dir, want.generated())
		})
	}
}

func TestConflictError(t *testing.T) {
	err := &ConflictError{Edited: []string{"a", "b", "c", "d", "e", "f", "g"}, Collides: []string{"x"}}
	want := "files would be overwritten: 7 edited by hand (a, b, c, d, e and 2 more), 1 in the way that ringplan did not write (x)"
	if err.Error() != want {
		t.Errorf("got %s", err)
	}
}

// TestEditWhileStaging edits a file between the look at the tree and the
// commit.
func TestEditWhileStaging(t *testing.T) {
	was, want := content{"a": "1", "b": "1"}, content{"a": "2", "b": "2", "c": "2"}
	dir := newTree(t, was)
	setFailpoint(t, func(step string) error {
		if strings.HasPrefix(step, "create") && strings.HasSuffix(step, "new/b") {
			// As editors do: a new file takes the place of the old.
			edit(t, dir, content{"a": "-", "c": "mine"})
			edit(t, dir, content{"a": "mine"})
		}
		return nil
	})
	_, err := Write(t.Context(), dir, want.files(), false)
	var c *ConflictError
	if !errors.As(err, &c) || !slices.Equal(c.Edited, []string{"a"}) || !slices.Equal(c.Collides, []string{"c"}) {
		t.Errorf("got %v", err)
	}
	wantTree(t, dir, was.generated().with(content{"a": "mine", "c": "mine"}))
}
