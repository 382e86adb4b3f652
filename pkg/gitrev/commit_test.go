package gitrev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDirty(t *testing.T) {
	dir := committed(t, "a/same", "x", "a/changed", "x", "a/staged", "x", "a/both", "x", "a/gone", "x", "a/removed", "x", "a/old", "renamed\n",
		"b/changed", "x", ".gitignore", "*.ignored\n")
	for name, text := range map[string]string{"a/changed": "y", "a/staged": "y", "a/both": "y", "a/new/deep": "y", "a/added": "y", "b/changed": "y", "a/x.ignored": "y"} {
		write(t, filepath.Join(dir, name), text)
	}
	git(t, dir, "add", "a/staged", "a/both", "a/added")
	git(t, dir, "rm", "--quiet", "a/removed")
	git(t, dir, "mv", "a/old", "a/renamed")
	git(t, dir, "config", "status.renames", "copies")
	git(t, dir, "config", "status.showUntrackedFiles", "no")
	git(t, dir, "config", "status.relativePaths", "true")
	write(t, filepath.Join(dir, "a", "both"), "x") // as in HEAD, but not as in the index
	if err := os.Remove(filepath.Join(dir, "a", "gone")); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a", "same"), later, later); err != nil {
		t.Fatal(err)
	}
	a := []string{"a/added", "a/both", "a/changed", "a/gone", "a/new/deep", "a/old", "a/removed", "a/renamed", "a/staged"}
	r := open(t, filepath.Join(dir, "a"))
	for _, c := range []struct{ paths, want []string }{
		{nil, nil},
		{[]string{"a"}, a},
		{[]string{"a", "a/changed", "a"}, a},
		{[]string{"."}, append(slices.Clone(a), "b/changed")},
		{[]string{"a/same"}, nil},
		{[]string{"a/gone", "b"}, []string{"a/gone", "b/changed"}},
		{[]string{"a/new"}, []string{"a/new/deep"}},
		{[]string{"a/removed"}, []string{"a/removed"}},
		{[]string{"a/nosuch", "a/x.ignored"}, nil},
	} {
		var paths []string
		for _, p := range c.paths {
			paths = append(paths, filepath.Join(dir, p))
		}
		got, err := r.Dirty(t.Context(), paths...)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", c.paths, err, diff)
		}
	}
	_, err := r.Dirty(t.Context(), dir, filepath.Dir(dir))
	wantError(t, err, "outside the working tree")
}

// TestReadersTakeNoLock has an index that a status would refresh.
func TestReadersTakeNoLock(t *testing.T) {
	dir := committed(t, "file", "x")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "file"), later, later); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, ".git", "index")
	before, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dir).Dirty(t.Context(), dir); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	after, err := os.ReadFile(index)
	if err != nil || string(before) != string(after) {
		t.Errorf("the index was written: %v", err)
	}
}

// changedIn lists what the last commit changed.
func changedIn(t testing.TB, dir string) []string {
	t.Helper()
	return strings.Fields(git(t, dir, "show", "--no-renames", "--format=", "--name-status", "HEAD"))
}

func TestCommit(t *testing.T) {
	dir := committed(t, "a/changed", "x", "a/gone", "x", "a/sub/gone", "x", "b/changed", "x", "b/staged", "x", "b/half", "x", "c/file", "x")
	for name, text := range map[string]string{"a/changed": "y", "a/new/deep": "y", "a/added": "y", "b/changed": "y", "b/staged": "y", "b/half": "y", "b/new": "y", "c/file": "y"} {
		write(t, filepath.Join(dir, name), text)
	}
	git(t, dir, "add", "a/added", "b/staged", "b/half")
	git(t, dir, "rm", "--quiet", "a/gone")
	write(t, filepath.Join(dir, "b", "half"), "z")
	if err := os.RemoveAll(filepath.Join(dir, "a", "sub")); err != nil {
		t.Fatal(err)
	}
	before := git(t, dir, "rev-parse", "HEAD")
	message := "Subject\n\n# not a comment\n  indented  \n\n\n#1 é\n-- \nlast"
	r := open(t, dir)
	hash, err := r.Commit(t.Context(), message, filepath.Join(dir, "a"), filepath.Join(dir, "c", "file"))
	if err != nil {
		t.Fatal(err)
	}
	if head := git(t, dir, "rev-parse", "HEAD"); hash != head || git(t, dir, "rev-parse", "HEAD^") != before || git(t, dir, "symbolic-ref", "HEAD") != "refs/heads/main" {
		t.Errorf("%s is not the next commit of main", hash)
	}
	want := []string{"A", "a/added", "M", "a/changed", "D", "a/gone", "A", "a/new/deep", "D", "a/sub/gone", "M", "c/file"}
	if diff := cmp.Diff(want, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got := git(t, dir, "show", "HEAD:a/new/deep"); got != "y" {
		t.Errorf("the new file holds %q", got)
	}
	if got := git(t, dir, "cat-file", "commit", "HEAD"); !strings.HasSuffix(got, "\n\n"+message) {
		t.Errorf("message:\n%s", got)
	}
	if diff := cmp.Diff(" M b/changed\nMM b/half\nM  b/staged\n?? b/new", git(t, dir, "status", "--porcelain")); diff != "" {
		t.Error(diff)
	}
}

func TestCommitAll(t *testing.T) {
	dir := initialised(t)
	write(t, filepath.Join(dir, "a", "file"), "x")
	write(t, filepath.Join(dir, "b"), "x")
	r := open(t, dir)
	t.Chdir(filepath.Join(dir, "a"))
	if _, err := r.Commit(t.Context(), "the very first", "file"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "a/file"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Commit(t.Context(), "the rest", dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "b"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	git(t, dir, "checkout", "--quiet", "--detach")
	write(t, filepath.Join(dir, "b"), "y")
	if hash, err := r.Commit(t.Context(), "on no branch", filepath.Join(dir, "b")); err != nil || hash != git(t, dir, "rev-parse", "HEAD") {
		t.Errorf("%s, %v", hash, err)
	}
}

func TestCommitDeleted(t *testing.T) {
	dir := committed(t, "a/one", "x", "a/two", "x", "b", "x", "c", "x")
	for _, name := range []string{"a", "b", "c"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open(t, dir).Commit(t.Context(), "less", filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"D", "a/one", "D", "a/two", "D", "b"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestCommitSwaps puts folders where files were, and files where folders were.
func TestCommitSwaps(t *testing.T) {
	dir := committed(t, "a", "x", "b/one", "x", "b/two", "x")
	for _, name := range []string{"a", "b"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "a", "deep"), "y")
	write(t, filepath.Join(dir, "b"), "y")
	if _, err := open(t, dir).Commit(t.Context(), "swap", filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"D", "a", "A", "a/deep", "A", "b", "D", "b/one", "D", "b/two"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got := git(t, dir, "status", "--porcelain"); got != "" {
		t.Error(got)
	}
}

// TestCommitSwapsRefused has a hook refuse that, with other contents staged.
func TestCommitSwapsRefused(t *testing.T) {
	dir := committed(t, "a", "x", "b/one", "x", "b/two", "x", "c", "x")
	script(t, dir, "pre-commit", "exit 1\n")
	write(t, filepath.Join(dir, "a"), "staged")
	write(t, filepath.Join(dir, "b", "two"), "staged")
	git(t, dir, "add", "a", "b")
	for _, name := range []string{"a", "b"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "a", "deep"), "y")
	write(t, filepath.Join(dir, "b"), "y")
	before := git(t, dir, "ls-files", "--stage")
	_, err := open(t, dir).Commit(t.Context(), "swap", dir)
	wantError(t, err, "exit status 1")
	if diff := cmp.Diff(before, git(t, dir, "ls-files", "--stage")); diff != "" {
		t.Error(diff)
	}
}

// TestCommitUntracked takes a file back that was taken out of the index.
func TestCommitUntracked(t *testing.T) {
	dir := committed(t, "changed", "x", "same", "x")
	git(t, dir, "rm", "--quiet", "--cached", "changed", "same")
	write(t, filepath.Join(dir, "changed"), "y")
	r := open(t, dir)
	if got, err := r.Dirty(t.Context(), dir); err != nil || !slices.Equal(got, []string{"changed", "same"}) {
		t.Errorf("dirty: %q, %v", got, err)
	}
	before := state(t, dir)
	_, err := r.Commit(t.Context(), "m", filepath.Join(dir, "same"))
	wantError(t, err, "git commit: ")
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Commit(t.Context(), "m", filepath.Join(dir, "changed")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"M", "changed"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestCommitMany names more than fits on a command line.
func TestCommitMany(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths are too long there")
	}
	dir := committed(t, "other", "x")
	long := filepath.Join(dir, strings.Repeat("long", 50), strings.Repeat("long", 50), strings.Repeat("long", 50))
	var paths []string
	for i := range 4000 {
		path := filepath.Join(long, fmt.Sprint(i))
		write(t, path, "x")
		paths = append(paths, path)
	}
	write(t, filepath.Join(dir, "other"), "y")
	r := open(t, dir)
	if dirty, err := r.Dirty(t.Context(), paths...); err != nil || len(dirty) != len(paths) {
		t.Errorf("%d are dirty, %v", len(dirty), err)
	}
	if _, err := r.Commit(t.Context(), "many", paths...); err != nil {
		t.Fatal(err)
	}
	if got := git(t, dir, "status", "--porcelain"); got != " M other" {
		t.Errorf("left: %.200s", got)
	}
}

func TestCommitLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege there")
	}
	dir := committed(t, "real/file", "x")
	write(t, filepath.Join(dir, "real", "file"), "y")
	for link, to := range map[string]string{"link": "real", "dangling": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := open(t, dir)
	if _, err := r.Commit(t.Context(), "the links", filepath.Join(dir, "link"), filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "dangling", "A", "link"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	top := filepath.Join(temp(t), "top") // as /tmp on macOS
	for link, to := range map[string]string{top: dir, filepath.Join(dir, "another"): "real"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Commit(t.Context(), "a link through a link", filepath.Join(top, "another")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "another"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	outside := filepath.Join(temp(t), "outside")
	if err := os.Symlink(filepath.Join(dir, "real"), outside); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(t.Context(), "through a link", outside); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"M", "real/file"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestCommitRefused has everything that must leave the repository as it was.
func TestCommitRefused(t *testing.T) {
	const ignore = "# kept out\nevidence/\n*.log\n!keep.log\n"
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string)
		message string
		paths   []string
		want    []string
		nothing bool
	}{
		"no message":            {nil, " \n", []string{"new"}, []string{"message of the commit is empty"}, false},
		"NUL in the message":    {nil, "a\x00b", []string{"new"}, []string{"NUL byte"}, false},
		"no paths":              {nil, "m", nil, []string{"no paths are given"}, true},
		"as committed":          {nil, "m", []string{"same", "folder"}, []string{"nothing to commit", "as in the last commit"}, true},
		"not there":             {nil, "m", []string{"nosuch"}, []string{"or not there"}, true},
		"one is not there":      {nil, "m", []string{"new", "nosuch"}, []string{"nosuch is neither on disk nor in the last commit"}, false},
		"outside":               {nil, "m", []string{"new", "../x"}, []string{"outside the working tree"}, false},
		"staged and taken back": {func(t *testing.T, dir string) { stageAndRevert(t, dir, "same") }, "m", []string{"same"}, []string{"git commit: ", "On branch main"}, false},
		"an ignored folder":     {nil, "m", []string{"new", "evidence"}, []string{"Git ignores evidence", ".gitignore, line 2: evidence/", "would not be committed"}, false},
		"in an ignored folder":  {nil, "m", []string{"evidence/gate.json"}, []string{"Git ignores evidence/gate.json"}, false},
		"two ignored files":     {nil, "m", []string{"x.log", "evidence"}, []string{"evidence (by", "x.log (by"}, false},
		"no identity": {func(t *testing.T, dir string) {
			git(t, dir, "config", "--unset", "user.email")
			git(t, dir, "config", "user.useConfigOnly", "true")
		}, "m", []string{"new", "changed"}, []string{"tell me who you are", "git config --global user.email"}, false},
		"a hook": {func(t *testing.T, dir string) {
			script(t, dir, "pre-commit", "echo to stdout; echo 'the hook says no' >&2; exit 1\n")
		}, "m", []string{"new", "changed"}, []string{"to stdout", "the hook says no"}, false},
		"a loud hook": {func(t *testing.T, dir string) {
			script(t, dir, "pre-commit", "i=0; while [ $i -lt 20000 ]; do echo a line of a loud hook; i=$((i+1)); done; echo the end; exit 1\n")
		}, "m", []string{"new", "changed"}, []string{"the end", "…"}, false},
		"a hook of the message": {func(t *testing.T, dir string) {
			script(t, dir, "commit-msg", "grep '^#' \"$1\" && { echo seen; exit 1; }\n")
		}, "m\n# comment", []string{"new"}, []string{"# comment", "seen"}, false},
		"a lock": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, ".git", "index.lock"), "") },
			"m", []string{"new", "changed"}, []string{"index.lock"}, false},
		"a merge": {func(t *testing.T, dir string) { merging(t, dir) }, "m", []string{"new"}, []string{"a merge is under way", "finish or abort"}, false},
		"a rebase": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, ".git", "rebase-merge"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "m", []string{"new"}, []string{"a rebase is under way"}, false},
		"a cherry-pick": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".git", "CHERRY_PICK_HEAD"), git(t, dir, "rev-parse", "HEAD"))
		}, "m", []string{"new"}, []string{"a cherry-pick is under way"}, false},
		"a revert": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, ".git", "REVERT_HEAD"), git(t, dir, "rev-parse", "HEAD"))
		}, "m", []string{"new"}, []string{"a revert is under way"}, false},
		"am": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, ".git", "rebase-apply"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "m", []string{"new"}, []string{"git am is under way"}, false},
		"a nested repository": {func(t *testing.T, dir string) {
			git(t, dir, "init", "--quiet", "folder/nested")
			write(t, filepath.Join(dir, "folder", "nested", "f"), "x")
			git(t, filepath.Join(dir, "folder", "nested"), "add", "f")
			git(t, filepath.Join(dir, "folder", "nested"), "commit", "--quiet", "--message=m")
		}, "m", []string{"folder"}, []string{"folder/nested is a repository of its own"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := committed(t, "same", "x", "changed", "x", "staged", "x", "folder/file", "x", ".gitignore", ignore)
			for _, file := range []string{"changed", "staged", "new", "evidence/gate.json", "x.log"} {
				write(t, filepath.Join(dir, file), "y")
			}
			git(t, dir, "add", "staged")
			if c.prepare != nil {
				c.prepare(t, dir)
			}
			r := open(t, dir)
			before := state(t, dir)
			var paths []string
			for _, p := range c.paths {
				paths = append(paths, filepath.Join(dir, p))
			}
			hash, err := r.Commit(t.Context(), c.message, paths...)
			if hash != "" {
				t.Errorf("hash %s", hash)
			}
			wantError(t, err, c.want...)
			if errors.Is(err, ErrNothing) != c.nothing {
				t.Errorf("ErrNothing: %v", err)
			}
			if len(err.Error()) > 3*maxTail {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if diff := cmp.Diff(before, state(t, dir)); diff != "" {
				t.Errorf("the repository has changed:\n%s", diff)
			}
		})
	}
}

// state is all that a refused commit must leave alone.
func state(t testing.TB, dir string) []string {
	t.Helper()
	return []string{
		git(t, dir, "rev-parse", "HEAD"),
		git(t, dir, "--no-optional-locks", "status", "--porcelain=v2", "--untracked-files=all"),
		git(t, dir, "ls-files", "--stage", "--debug", "--", "staged", "new", "changed"),
	}
}

func stageAndRevert(t testing.TB, dir, name string) {
	t.Helper()
	write(t, filepath.Join(dir, name), "staged")
	git(t, dir, "add", name)
	write(t, filepath.Join(dir, name), "x")
}

// merging leaves a merge to be finished.
func merging(t testing.TB, dir string) {
	t.Helper()
	git(t, dir, "stash", "--quiet", "--include-untracked")
	git(t, dir, "checkout", "--quiet", "-b", "side")
	commitAll(t, dir, "side", "side", "x")
	git(t, dir, "checkout", "--quiet", "main")
	commitAll(t, dir, "main", "mainly", "x")
	git(t, dir, "merge", "--quiet", "--no-commit", "side")
	write(t, filepath.Join(dir, "new"), "y")
}

func TestCommitIgnored(t *testing.T) {
	dir := committed(t, ".gitignore", "evidence/\n*.log\n!keep.log\n", "folder/file", "x")
	for _, file := range []string{"evidence/old", "folder/x.log", "keep.log"} {
		write(t, filepath.Join(dir, file), "x")
	}
	git(t, dir, "add", "--force", "evidence/old")
	git(t, dir, "commit", "--quiet", "--message=second")
	write(t, filepath.Join(dir, "evidence", "old"), "y") // tracked, so not ignored
	write(t, filepath.Join(dir, "folder", "file"), "y")
	_, err := open(t, dir).Commit(t.Context(), "third", filepath.Join(dir, "evidence", "old"), filepath.Join(dir, "folder"), filepath.Join(dir, "keep.log"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"M", "evidence/old", "M", "folder/file", "A", "keep.log"}, changedIn(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestCommitHooks has hooks that see what they would see without ringplan.
func TestCommitHooks(t *testing.T) {
	dir := committed(t, "file.txt", "x", "other", "x")
	script(t, dir, "pre-commit", `git diff --cached --name-only -- '*.txt' >seen
env | grep -E '^(GIT_LITERAL_PATHSPECS|GIT_TERMINAL_PROMPT|GIT_OPTIONAL_LOCKS|GIT_PAGER)=' >>seen
echo "$LC_ALL" >>seen
test -t 0 || cat >>seen
`)
	script(t, dir, "post-commit", "sleep 20 &\n")
	git(t, dir, "config", "commit.cleanup", "strip")
	git(t, dir, "config", "core.editor", "false")
	git(t, dir, "config", "i18n.commitEncoding", "ISO-8859-1")
	t.Setenv("LC_ALL", "C.UTF-8")
	write(t, filepath.Join(dir, "file.txt"), "y")
	write(t, filepath.Join(dir, "other"), "y")
	start := time.Now()
	if _, err := open(t, dir).Commit(t.Context(), "# é", filepath.Join(dir, "file.txt")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("waited %s for what a hook left running", took)
	}
	seen, err := os.ReadFile(filepath.Join(dir, "seen"))
	if diff := cmp.Diff("file.txt\nC.UTF-8\n", string(seen)); err != nil || diff != "" {
		t.Errorf("the hook saw: %v\n%s", err, diff)
	}
	if got := git(t, dir, "cat-file", "commit", "HEAD"); !strings.HasSuffix(got, "\n\n# é") || strings.Contains(got, "encoding") {
		t.Errorf("the commit is\n%s", got)
	}
}

// TestCommitStands has a commit that is made although git fails.
func TestCommitStands(t *testing.T) {
	dir := committed(t, "file", "x")
	script(t, dir, "reference-transaction", "[ \"$1\" = committed ] && kill -9 $PPID\nexit 0\n")
	before := git(t, dir, "rev-parse", "HEAD")
	write(t, filepath.Join(dir, "new"), "y")
	hash, err := open(t, dir).Commit(t.Context(), "second", filepath.Join(dir, "new"))
	after := git(t, dir, "rev-parse", "HEAD")
	if after == before {
		t.Skip("this git runs no such hook")
	}
	if hash != "" {
		t.Errorf("hash %s", hash)
	}
	wantError(t, err, "killed", "HEAD has moved to "+after)
	if got := git(t, dir, "ls-files", "new"); got != "new" {
		t.Error("the file that was committed is taken out of the index")
	}
}
