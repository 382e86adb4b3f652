package gitrev

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// isolate keeps the user's own settings and variables away from git.
func isolate(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH, and this package is nothing without it")
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "GIT_") {
			t.Setenv(name, "") // so that it is restored
			os.Unsetenv(name)
		}
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("LC_ALL", "C")
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
}

// temp is a folder with no symbolic link in its path.
func temp(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// git runs git in a folder and returns what it printed, without the last line
// feed.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := tryGit(dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func tryGit(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	return strings.TrimSuffix(string(out), "\n"), err
}

// write makes a file and the folders above it.
func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// script makes a hook of a repository.
func script(t testing.TB, repo, hook, text string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the hook is a shell script")
	}
	path := filepath.Join(repo, ".git", "hooks", hook)
	write(t, path, "#!/bin/sh\n"+text)
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// initialised makes a repository without commits but with an identity.
func initialised(t testing.TB, args ...string) string {
	t.Helper()
	isolate(t)
	dir := temp(t)
	git(t, dir, append([]string{"init", "--quiet"}, args...)...)
	git(t, dir, "symbolic-ref", "HEAD", "refs/heads/main")
	git(t, dir, "config", "user.name", "Tester")
	git(t, dir, "config", "user.email", "tester@example.com")
	git(t, dir, "config", "core.autocrlf", "false")
	return dir
}

// committed makes a repository with the files, by path and text, in its first
// commit.
func committed(t testing.TB, files ...string) string {
	t.Helper()
	dir := initialised(t)
	commitAll(t, dir, "first", files...)
	return dir
}

// commitAll writes files and commits all there is.
func commitAll(t testing.TB, dir, message string, files ...string) string {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		write(t, filepath.Join(dir, filepath.FromSlash(files[i])), files[i+1])
	}
	git(t, dir, "add", "--all")
	git(t, dir, "commit", "--quiet", "--allow-empty", "--no-verify", "--message="+message)
	return git(t, dir, "rev-parse", "HEAD")
}

func open(t testing.TB, dir string) *Repo {
	t.Helper()
	r, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantError checks that an error has each of the words.
func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q, want %q in it", err, word)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := committed(t, "a/b/file", "x")
	for _, from := range []string{".", "a", "a/b"} {
		if got := open(t, filepath.Join(dir, from)).Root(); got != dir {
			t.Errorf("from %s: %s, want %s", from, got, dir)
		}
	}
	t.Chdir(filepath.Join(dir, "a"))
	for _, from := range []string{"", "b", ".."} {
		if got := open(t, from).Root(); got != dir {
			t.Errorf("from %q: %s, want %s", from, got, dir)
		}
	}
}

func TestOpenStrangeName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such names there")
	}
	isolate(t)
	dir := filepath.Join(temp(t), "-a \"b\" 'ü'\nc\n")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "--quiet")
	if got := open(t, dir).Root(); got != dir {
		t.Errorf("%q, want %q", got, dir)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := committed(t, "file", "x")
	_, err := Open(t.Context(), temp(t))
	if !errors.Is(err, ErrNoRepository) {
		t.Errorf("outside: %v", err)
	}
	_, err = Open(t.Context(), filepath.Join(dir, "nosuch"))
	wantError(t, err, "nosuch", "No such file")
	if errors.Is(err, ErrNoRepository) {
		t.Errorf("a folder that does not exist is said to be in no repository")
	}
	_, err = Open(t.Context(), filepath.Join(dir, ".git", "refs"))
	wantError(t, err, "inside the .git folder")
	bare := temp(t)
	git(t, bare, "init", "--quiet", "--bare")
	_, err = Open(t.Context(), bare)
	wantError(t, err, "bare repository")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = Open(cancelled, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	t.Run("broken worktree", func(t *testing.T) {
		broken := temp(t)
		write(t, filepath.Join(broken, ".git"), "gitdir: /no/such/folder\n")
		_, err := Open(t.Context(), broken)
		wantError(t, err, "not a git repository: ")
		if errors.Is(err, ErrNoRepository) {
			t.Error("a broken repository is taken for none")
		}
	})
	t.Run("dubious ownership", func(t *testing.T) {
		t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
		_, err := Open(t.Context(), dir)
		wantError(t, err, "dubious ownership", "git config --global --add safe.directory "+dir)
		t.Setenv("GIT_CONFIG_COUNT", "1") // configuration from the environment stays
		t.Setenv("GIT_CONFIG_KEY_0", "safe.directory")
		t.Setenv("GIT_CONFIG_VALUE_0", dir)
		open(t, dir)
	})
	t.Run("no git", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, err := Open(t.Context(), dir)
		if !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("%v", err)
		}
		wantError(t, err, "Git is needed", "PATH")
	})
}

// TestStrayVariables runs as in a hook of another repository.
func TestStrayVariables(t *testing.T) {
	other := committed(t, "other", "x")
	dir := committed(t, "file", "x")
	want := git(t, dir, "rev-parse", "HEAD")
	write(t, filepath.Join(dir, "new"), "x")
	for _, c := range [][2]string{
		{"GIT_DIR", filepath.Join(other, ".git")},
		{"GIT_WORK_TREE", other},
		{"GIT_INDEX_FILE", filepath.Join(other, ".git", "index")},
		{"GIT_OBJECT_DIRECTORY", filepath.Join(other, ".git", "objects")},
		{"GIT_COMMON_DIR", filepath.Join(other, ".git")},
		{"GIT_LITERAL_PATHSPECS", "1"},
		{"GIT_ICASE_PATHSPECS", "1"},
		{"GIT_GLOB_PATHSPECS", "1"},
		{"GIT_NOGLOB_PATHSPECS", "1"},
	} {
		t.Run(c[0], func(t *testing.T) {
			t.Setenv(c[0], c[1])
			r := open(t, dir)
			if r.Root() != dir {
				t.Errorf("root %s, want %s", r.Root(), dir)
			}
			if got, err := r.Resolve(t.Context(), "main"); got != want {
				t.Errorf("main is %s, %v", got, err)
			}
			if got, err := r.Dirty(t.Context(), dir); !slices.Equal(got, []string{"new"}) {
				t.Errorf("dirty: %q, %v", got, err)
			}
			if snap, err := r.Files(t.Context(), want, dir); string(snap.Files["file"]) != "x" {
				t.Errorf("files: %v, %v", snap, err)
			}
			write(t, filepath.Join(dir, c[0]), "x")
			var err error
			if want, err = r.Commit(t.Context(), "with "+c[0], filepath.Join(dir, c[0])); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestInHook uses the package from a pre-commit hook, with the variables that
// Git gives to one.
func TestInHook(t *testing.T) {
	if dir := os.Getenv("GITREV_TEST_IN_HOOK"); dir != "" {
		r := open(t, dir)
		if _, err := r.Resolve(t.Context(), "HEAD"); err != nil {
			t.Error(err)
		}
		if got, err := r.Dirty(t.Context(), dir); !slices.Equal(got, []string{"file"}) {
			t.Errorf("dirty: %q, %v", got, err)
		}
		write(t, filepath.Join(dir, "new"), "x")
		_, err := r.Commit(t.Context(), "in a hook", filepath.Join(dir, "new"))
		wantError(t, err, "index.lock")
		if err := os.Remove(filepath.Join(dir, "new")); err != nil {
			t.Error(err)
		}
		return
	}
	dir := committed(t, "file", "x")
	write(t, filepath.Join(dir, "file"), "y")
	script(t, dir, "pre-commit", "exec '"+os.Args[0]+"' -test.run '^TestInHook$' -test.count 1\n")
	t.Setenv("GITREV_TEST_IN_HOOK", dir)
	git(t, dir, "commit", "--quiet", "--all", "--message=second")
	if got := git(t, dir, "status", "--porcelain"); got != "" {
		t.Errorf("after the commit: %s", got)
	}
}

func TestCancelKillsGit(t *testing.T) {
	dir := committed(t, "file", "x")
	script(t, dir, "pre-commit", "touch began; exec sleep 20\n")
	write(t, filepath.Join(dir, "new"), "x")
	r := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for range 1000 {
			if _, err := os.Stat(filepath.Join(dir, "began")); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	start := time.Now()
	_, err := r.Commit(ctx, "never", filepath.Join(dir, "new"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %s", took)
	}
	if err := os.Remove(filepath.Join(dir, "began")); err != nil {
		t.Fatal(err)
	}
	if got := git(t, dir, "status", "--porcelain"); got != "?? new" {
		t.Errorf("afterwards:\n%s", got)
	}
	if locks, _ := filepath.Glob(filepath.Join(dir, ".git", "*.lock")); len(locks) > 0 {
		t.Errorf("locks are left: %q", locks)
	}
}

// TestReadersAreQuiet has every reader run under a wrapper that notes the
// environment.
func TestReadersAreQuiet(t *testing.T) {
	dir := committed(t, "file", "x")
	if runtime.GOOS == "windows" {
		t.Skip("the wrapper is a shell script")
	}
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(temp(t), "log")
	wrapper := filepath.Join(temp(t), "git")
	write(t, wrapper, "#!/bin/sh\necho \"$LC_ALL,$GIT_TERMINAL_PROMPT,$GIT_OPTIONAL_LOCKS $*\" >>'"+log+"'\nexec '"+real+"' \"$@\"\n")
	if err := os.Chmod(wrapper, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("PATH", filepath.Dir(wrapper)+string(os.PathListSeparator)+os.Getenv("PATH"))
	r := open(t, dir)
	head, err := r.Resolve(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Files(t.Context(), head, dir); err != nil {
		t.Error(err)
	}
	if _, err := r.MergeBase(t.Context(), "HEAD", "main"); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "new"), "x")
	if _, err := r.Commit(t.Context(), "second", filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	commits := 0
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, " commit --only ") {
			commits++
			if !strings.HasPrefix(line, "C.UTF-8,, -C "+dir+" ") || strings.Contains(line, "--literal-pathspecs") {
				t.Errorf("a commit's hooks do not run as usual: %s", line)
			}
		} else if !strings.HasPrefix(line, "C,0,0 -C "+dir+" --no-pager -c core.fsmonitor=false ") {
			t.Errorf("a reader runs as %s", line)
		}
	}
	if commits != 1 {
		t.Errorf("%d commits in\n%s", commits, data)
	}
}

// TestFileMonitor has a monitor that must not be started by a reader.
func TestFileMonitor(t *testing.T) {
	dir := committed(t, "file", "x")
	script(t, dir, "monitor", "touch '"+dir+"/started'\n")
	git(t, dir, "config", "core.fsmonitor", filepath.Join(dir, ".git", "hooks", "monitor"))
	if got, err := open(t, dir).Dirty(t.Context(), dir); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
		t.Error("the monitor was started")
	}
}

func TestWorktree(t *testing.T) {
	dir := committed(t, "file", "x")
	tree := filepath.Join(temp(t), "linked")
	git(t, dir, "worktree", "add", "--quiet", "-b", "topic", tree)
	r := open(t, tree)
	if r.Root() != tree {
		t.Errorf("root %s, want %s", r.Root(), tree)
	}
	write(t, filepath.Join(tree, "new"), "x")
	if got, err := r.Dirty(t.Context(), tree); !slices.Equal(got, []string{"new"}) {
		t.Errorf("dirty: %q, %v", got, err)
	}
	hash, err := r.Commit(t.Context(), "in the worktree", filepath.Join(tree, "new"))
	if err != nil || hash != git(t, dir, "rev-parse", "topic") || hash == git(t, dir, "rev-parse", "main") {
		t.Errorf("%s, %v", hash, err)
	}
	write(t, filepath.Join(dir, ".git", "worktrees", "linked", "MERGE_HEAD"), hash+"\n")
	write(t, filepath.Join(tree, "new"), "y")
	_, err = r.Commit(t.Context(), "in a merge", filepath.Join(tree, "new"))
	wantError(t, err, "a merge is under way in "+tree)
}

func TestSHA256(t *testing.T) {
	if out, err := tryGit(t.TempDir(), "init", "--object-format=sha256", "."); err != nil {
		t.Skipf("this git has no sha256: %s", out)
	}
	dir := initialised(t, "--object-format=sha256")
	commitAll(t, dir, "first", "a/file", "x")
	r := open(t, dir)
	hash, err := r.Resolve(t.Context(), "main")
	if err != nil || len(hash) != 64 {
		t.Fatalf("%s, %v", hash, err)
	}
	snap, err := r.Files(t.Context(), hash, filepath.Join(dir, "a"))
	if err != nil || string(snap.Files["file"]) != "x" {
		t.Errorf("%v, %v", snap, err)
	}
	write(t, filepath.Join(dir, "a", "new"), "y")
	script(t, dir, "pre-commit", "exit 1\n")
	_, err = r.Commit(t.Context(), "refused", dir)
	wantError(t, err, "exit status 1")
	if got := git(t, dir, "status", "--porcelain"); got != "?? a/new" {
		t.Errorf("after a refusal: %s", got)
	}
	script(t, dir, "pre-commit", "exit 0\n")
	if next, err := r.Commit(t.Context(), "second", filepath.Join(dir, "a")); err != nil || len(next) != 64 {
		t.Errorf("%s, %v", next, err)
	}
	if base, err := r.MergeBase(t.Context(), "HEAD", hash); err != nil || base != hash {
		t.Errorf("%s, %v", base, err)
	}
	_, err = r.Resolve(t.Context(), strings.Repeat("1", 64))
	wantError(t, err, "there is no revision")
}

// submodule makes a repository that has another as "sub".
func submodule(t *testing.T) string {
	t.Helper()
	inner := committed(t, "file", "inner")
	dir := committed(t, "file", "outer")
	git(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "sub")
	commitAll(t, dir, "second")
	return dir
}

func TestSubmodule(t *testing.T) {
	dir := submodule(t)
	sub := filepath.Join(dir, "sub")
	r := open(t, sub)
	if r.Root() != sub {
		t.Fatalf("root %s, want %s", r.Root(), sub)
	}
	head, err := r.Resolve(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if snap, err := r.Files(t.Context(), head, sub); err != nil || string(snap.Files["file"]) != "inner" {
		t.Errorf("%v, %v", snap, err)
	}
	outer := open(t, dir)
	if head, err = outer.Resolve(t.Context(), "HEAD"); err != nil {
		t.Fatal(err)
	}
	snap, err := outer.Files(t.Context(), head, dir)
	if err != nil || !slices.Equal(snap.Submodules, []string{"sub"}) || len(snap.Files) != 2 {
		t.Errorf("%v, %v", snap, err)
	}
	for _, folder := range []string{sub, filepath.Join(sub, "deep")} {
		_, err = outer.Files(t.Context(), head, folder)
		wantError(t, err, "in a repository of its own, "+sub)
		_, err = outer.Dirty(t.Context(), folder)
		wantError(t, err, "in a repository of its own, "+sub)
		_, err = outer.Commit(t.Context(), "x", folder)
		wantError(t, err, "in a repository of its own, "+sub)
	}
	if err := os.RemoveAll(sub); err != nil { // as in a clone without submodules
		t.Fatal(err)
	}
	for _, folder := range []string{sub, filepath.Join(sub, "deep")} {
		_, err = outer.Files(t.Context(), head, folder)
		wantError(t, err, "sub is a submodule there")
	}
}
