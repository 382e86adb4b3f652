package gitrev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// texts returns the files of a folder at a revision.
func texts(t testing.TB, r *Repo, rev, folder string) map[string]string {
	t.Helper()
	commit, err := r.Resolve(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := r.Files(t.Context(), commit, folder)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, data := range snap.Files {
		texts[name] = string(data)
	}
	return texts
}

func TestFiles(t *testing.T) {
	dir := committed(t, "a/b/one", "1\n", "a/b/c/two", "", "a/bb/x", "x", "a/same", "1\n", "top", "t", "gone/file", "g")
	if err := os.RemoveAll(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	commitAll(t, dir, "second", "a/b/one", "changed", "gone", "now a file", "later/file", "l")
	write(t, filepath.Join(dir, "a", "b", "untracked"), "u")
	r := open(t, dir)
	ab := map[string]string{"one": "1\n", "c/two": ""}
	for _, c := range []struct {
		rev, folder string
		want        map[string]string
	}{
		{"HEAD~1", "a/b", ab},
		{"HEAD~1", "a/b/", ab},
		{"HEAD~1", "a/b/c/../../b/.", ab},
		{"HEAD", "a/b", map[string]string{"one": "changed", "c/two": ""}},
		{"HEAD~1", "a", map[string]string{"b/one": "1\n", "b/c/two": "", "bb/x": "x", "same": "1\n"}},
		{"HEAD~1", ".", map[string]string{"a/b/one": "1\n", "a/b/c/two": "", "a/bb/x": "x", "a/same": "1\n", "top": "t", "gone/file": "g"}},
		{"HEAD~1", "gone", map[string]string{"file": "g"}}, // a file now
		{"HEAD~1", "gone/deeper", map[string]string{}},
		{"HEAD", "gone", map[string]string{}},
		{"HEAD", "gone/deeper", map[string]string{}},
		{"HEAD~1", "later", map[string]string{}},
		{"HEAD", "nosuch/at/all", map[string]string{}},
		{"HEAD", "a/b/o*", map[string]string{}},
	} {
		got := texts(t, r, c.rev, filepath.Join(dir, c.folder))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s at %s:\n%s", c.folder, c.rev, diff)
		}
	}
	t.Chdir(filepath.Join(dir, "a"))
	if diff := cmp.Diff(ab, texts(t, r, "HEAD~1", "b")); diff != "" {
		t.Errorf("relative to the working folder:\n%s", diff)
	}
}

// TestSelect reads some files only: others may even be missing from the
// repository.
func TestSelect(t *testing.T) {
	dir := committed(t, "a/one.cue", "1", "a/b/two.cue", "2", "a/b/lost.bin", "lost")
	r := open(t, dir)
	commit, err := r.Resolve(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	blob := strings.TrimSpace(git(t, dir, "rev-parse", "HEAD:a/b/lost.bin"))
	if err := os.Remove(filepath.Join(dir, ".git", "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	snap, err := r.Select(t.Context(), commit, filepath.Join(dir, "a"), func(name string) bool { return filepath.Ext(name) == ".cue" })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"one.cue": []byte("1"), "b/two.cue": []byte("2")}
	if diff := cmp.Diff(want, snap.Files); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Files(t.Context(), commit, filepath.Join(dir, "a")); err == nil {
		t.Error("the lost file was not missed")
	}
}

func TestFilesStrangeNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such names there")
	}
	dir := initialised(t)
	var args []string
	want := map[string]string{}
	for i, name := range []string{"with space", `quo"te`, "apo'strophe", "ü/日本", "new\nline\n", "tab\there", ":(top)magic", ":!x", "*", "[a]", "-dash", "back\\slash", "\xff\xfe"} {
		want[name] = fmt.Sprint(i)
		args = append(args, "strange *\n\"/"+name, want[name])
	}
	commitAll(t, dir, "first", append(args, "strange x\n\"/decoy", "d", "other/decoy", "d")...)
	r := open(t, dir)
	folder := filepath.Join(dir, "strange *\n\"")
	if diff := cmp.Diff(want, texts(t, r, "HEAD", folder)); diff != "" {
		t.Error(diff)
	}
	for name := range want {
		path := filepath.Join(folder, name)
		write(t, path, "changed")
		if got, err := r.Dirty(t.Context(), path); err != nil || !slices.Equal(got, []string{"strange *\n\"/" + name}) {
			t.Errorf("%q: dirty %q, %v", name, got, err)
		}
		if _, err := r.Commit(t.Context(), "change", path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got := git(t, dir, "status", "--porcelain"); got != "" {
		t.Errorf("left over: %s", got)
	}
}

// TestNoMagic has names that mean something else to Git if it is not told.
func TestNoMagic(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such names there")
	}
	dir := committed(t, ":(top)x/file", "1", "x/file", "1", "*/file", "1", ":!y", "1", ".gitignore", "/:(top)evidence\n")
	for _, name := range []string{":(top)x/file", "x/file", "*/file", ":!y"} {
		write(t, filepath.Join(dir, name), "2")
	}
	r := open(t, dir)
	for name, want := range map[string]string{":(top)x": ":(top)x/file", "*": "*/file", ":!y": ":!y"} {
		path := filepath.Join(dir, name)
		if got, err := r.Dirty(t.Context(), path); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: dirty %q, %v", name, got, err)
		}
		if got := texts(t, r, "HEAD", path); name != ":!y" && (len(got) != 1 || got["file"] != "1") {
			t.Errorf("%s: files %q", name, got)
		}
		if _, err := r.Commit(t.Context(), "m", path); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff([]string{"M", want}, changedIn(t, dir)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	write(t, filepath.Join(dir, ":(top)evidence"), "x")
	_, err := r.Commit(t.Context(), "m", filepath.Join(dir, ":(top)evidence"))
	wantError(t, err, "Git ignores :(top)evidence (by .gitignore")
}

// TestCapped shows that what is too much is not kept.
func TestCapped(t *testing.T) {
	c := capped{left: 5}
	if _, err := c.Write([]byte("12345")); err != nil {
		t.Error(err)
	}
	if _, err := c.Write([]byte("6")); err == nil || c.kept.Len() != 5 {
		t.Errorf("%d bytes are kept, %v", c.kept.Len(), err)
	}
}

func TestFilesRaw(t *testing.T) {
	dir := initialised(t)
	git(t, dir, "config", "core.autocrlf", "true")
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:1111\nsize 5\n"
	commitAll(t, dir, "first", ".gitattributes", "*.crlf eol=crlf\n*.id ident\n*.bin -text\n",
		"a.crlf", "1\r\n2\r\n", "b.id", "$Id$\n", "c.bin", "\x00\r\n\xff", "d.lfs", pointer, "e.txt", "x\r\n")
	got := texts(t, open(t, dir), "HEAD", dir)
	delete(got, ".gitattributes")
	want := map[string]string{"a.crlf": "1\n2\n", "b.id": "$Id$\n", "c.bin": "\x00\r\n\xff", "d.lfs": pointer, "e.txt": "x\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFilesLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege there")
	}
	dir := committed(t, "real/file", "x")
	for link, to := range map[string]string{"real/z": "file", "real/dir": "../other", "real/a": "/nowhere", "link": "real"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	commitAll(t, dir, "second")
	r := open(t, dir)
	head, err := r.Resolve(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(temp(t), "outside")
	if err := os.Symlink(filepath.Join(dir, "real"), outside); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Join(dir, "real"), filepath.Join(dir, "link"), outside} {
		snap, err := r.Files(t.Context(), head, folder)
		if err != nil || string(snap.Files["file"]) != "x" || len(snap.Files) != 1 || !slices.Equal(snap.Links, []string{"a", "dir", "z"}) {
			t.Errorf("%s: %v, %v", folder, snap, err)
		}
	}
	for _, folder := range []string{"real/nosuch", "real/nosuch/deep"} { // with links beside it
		if got := texts(t, r, "HEAD", filepath.Join(dir, folder)); len(got) > 0 {
			t.Errorf("%s: %v", folder, got)
		}
	}
	top := filepath.Join(temp(t), "top") // as /tmp on macOS
	if err := os.Symlink(dir, top); err != nil {
		t.Fatal(err)
	}
	through := open(t, filepath.Join(top, "real"))
	if through.Root() != dir {
		t.Errorf("root %s, want %s", through.Root(), dir)
	}
	if got := texts(t, through, "HEAD", filepath.Join(top, "real")); got["file"] != "x" {
		t.Errorf("through a link: %v", got)
	}
	if got := texts(t, through, "HEAD", filepath.Join(top, "not", "there")); len(got) > 0 {
		t.Errorf("not there: %v", got)
	}
	if err := os.Remove(filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"link", "link/deeper"} {
		_, err = r.Files(t.Context(), head, filepath.Join(dir, folder))
		wantError(t, err, "link is a symbolic link there")
	}
}

func TestFilesErrors(t *testing.T) {
	dir := committed(t, "a/file", "x")
	r := open(t, dir)
	head, err := r.Resolve(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	for _, commit := range []string{"", "HEAD", "main", "--help", head[:10], head + "\n"} {
		_, err := r.Files(t.Context(), commit, dir)
		wantError(t, err, "is not the full hash")
	}
	_, err = r.Files(t.Context(), strings.Repeat("1", 40), dir)
	wantError(t, err, "not a tree object")
	for _, folder := range []string{filepath.Dir(dir), temp(t), dir + "2", filepath.Join(dir, "..", "x")} {
		_, err := r.Files(t.Context(), head, folder)
		wantError(t, err, "outside the working tree "+dir)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Files(cancelled, head, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestFilesBadTrees has trees that git itself would not make.
func TestFilesBadTrees(t *testing.T) {
	dir := committed(t, "file", "x")
	r := open(t, dir)
	object := func(kind, text string) string {
		cmd := exec.Command("git", "-C", dir, "hash-object", "-w", "--literally", "-t", kind, "--stdin")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Skipf("this git makes no such object: %s", out)
		}
		return line(out)
	}
	blob := git(t, dir, "rev-parse", "HEAD:file")
	raw := func(hash string) string {
		var b []byte
		if _, err := fmt.Sscanf(hash, "%x", &b); err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	sub := object("tree", "100644 f\x00"+raw(blob))
	for name, c := range map[string]struct{ tree, want string }{
		"dot dot":   {"100644 ..\x00" + raw(blob), "is no path of a file"},
		"dot":       {"100644 .\x00" + raw(blob), "is no path of a file"},
		"above":     {"40000 ..\x00" + raw(sub), `"../f" is no path of a file`},
		"through":   {"40000 a\x00" + raw(object("tree", "40000 ..\x00"+raw(object("tree", "40000 ..\x00"+raw(sub))))), "is no path of a file"},
		"a slash":   {"100644 a//b\x00" + raw(blob), "is no path of a file"},
		"from root": {"100644 /etc/x\x00" + raw(blob), "is no path of a file"},
		"twice":     {"100644 a\x00" + raw(blob) + "100644 a\x00" + raw(blob), `"a" is there twice`},
		"missing":   {"100644 a\x00" + strings.Repeat("\x11", 20), "missing"},
		"a tree":    {"100644 a\x00" + raw(sub), "git cat-file: " + sub + " tree"},
	} {
		t.Run(name, func(t *testing.T) {
			commit := git(t, dir, "commit-tree", "-m", "bad", object("tree", c.tree))
			snap, err := r.Files(t.Context(), commit, dir)
			wantError(t, err, c.want)
			if len(snap.Files) > 0 {
				t.Errorf("with the error: %v", snap)
			}
		})
	}
}

func TestFilesLimit(t *testing.T) {
	dir := committed(t, "a", strings.Repeat("a", 600), "b", strings.Repeat("b", 400), "c", strings.Repeat("a", 600))
	r := open(t, dir)
	r.limit = 1000 // equal files are read once
	if got := texts(t, r, "HEAD", dir); len(got) != 3 || got["c"] != got["a"] {
		t.Errorf("%d files", len(got))
	}
	r.limit = 999
	head := git(t, dir, "rev-parse", "HEAD")
	_, err := r.Files(t.Context(), head, dir)
	wantError(t, err, "larger than what ringplan reads")
	r.limit = 100
	_, err = r.Files(t.Context(), head, dir)
	wantError(t, err, "git ls-tree: prints more than the 100 bytes")
}

// TestFilesLarge reads more than pipes hold, both ways.
func TestFilesLarge(t *testing.T) {
	dir := initialised(t)
	var stream bytes.Buffer
	stream.WriteString("commit refs/heads/main\ncommitter T <t@example.com> 1700000000 +0000\ndata 0\n")
	const many = 20_000
	for i := range many {
		text := fmt.Sprintf("file %d\n%s", i, strings.Repeat("x", i%100))
		fmt.Fprintf(&stream, "M 100644 inline d%d/%d\ndata %d\n%s\n", i%10, i, len(text), text)
	}
	big := strings.Repeat("0123456789abcdef", 1<<20)
	fmt.Fprintf(&stream, "M 100644 inline big\ndata %d\n%s\n", len(big), big)
	cmd := exec.Command("git", "-C", dir, "fast-import", "--quiet")
	cmd.Stdin = &stream
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := open(t, dir)
	start := time.Now()
	got := texts(t, r, "main", dir)
	if len(got) != many+1 || got["big"] != big || got["d7/17"] != "file 17\n"+strings.Repeat("x", 17) {
		t.Errorf("%d files, big with %d bytes, one is %q", len(got), len(got["big"]), got["d7/17"])
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	r.limit = 5 << 20 // enough for the names; git has more to say when it is left
	_, err := r.Files(t.Context(), git(t, dir, "rev-parse", "main"), dir)
	wantError(t, err, "larger than what ringplan reads")
}

func TestFilesShallowAndPartial(t *testing.T) {
	from := committed(t, "a/file", "1")
	git(t, from, "config", "uploadpack.allowFilter", "true")
	git(t, from, "config", "uploadpack.allowAnySHA1InWant", "true")
	commitAll(t, from, "second", "a/file", "2")
	shallow := clone(t, from, "--depth=1")
	if got := texts(t, open(t, shallow), "HEAD", filepath.Join(shallow, "a")); got["file"] != "2" {
		t.Errorf("shallow: %v", got)
	}
	partial := clone(t, from, "--filter=blob:none")
	if got := texts(t, open(t, partial), "HEAD~1", filepath.Join(partial, "a")); got["file"] != "1" {
		t.Errorf("partial: %v", got)
	}
	commit := git(t, partial, "rev-parse", "HEAD~1")
	other := clone(t, from, "--filter=blob:none")
	if err := os.Rename(from, from+"-away"); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, other).Files(t.Context(), commit, other)
	wantError(t, err, "git cat-file: ")
}
