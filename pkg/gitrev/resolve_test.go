package gitrev

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	dir := committed(t, "a/file", "x")
	first := git(t, dir, "rev-parse", "HEAD")
	second := commitAll(t, dir, "second one", "a/file", "y")
	git(t, dir, "tag", "light")
	git(t, dir, "tag", "--annotate", "--message=m", "annotated", "HEAD")
	git(t, dir, "tag", "--annotate", "--message=m", "twice", "annotated")
	git(t, dir, "branch", "feature/é-1", first)
	git(t, dir, "update-ref", "refs/heads/-n", first)
	git(t, dir, "update-ref", "refs/heads/HEAD", first) // Git is sure of HEAD all the same
	git(t, dir, "update-ref", "refs/heads/"+second, first)
	git(t, dir, "update-ref", "refs/heads/same", first)
	git(t, dir, "update-ref", "refs/tags/same", second)
	git(t, dir, "tag", "atree", "HEAD:a")
	r := open(t, filepath.Join(dir, "a"))
	for rev, want := range map[string]string{
		"main": second, "HEAD": second, "HEAD~1": first, "HEAD^": first, "main@{0}": second, "@": second,
		second: second, first[:12]: first, "light": second, "annotated": second, "twice": second, "twice~1": first,
		"feature/é-1": first, "refs/heads/-n": first, ":/second one": second, "HEAD^{/first}": first,
		"refs/heads/same": first, "refs/tags/same": second,
	} {
		if got, err := r.Resolve(t.Context(), rev); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", rev, got, err, want)
		}
	}
	for rev, want := range map[string]string{
		"":                        "is empty",
		"-n":                      `"-n" is no revision`,
		"--all":                   `"--all" is no revision`,
		"main\x00":                "is no revision",
		"^main":                   "names no single revision",
		"HEAD~1..main":            "no",
		"main^@":                  "no",
		"main main":               `there is no revision "main main" here`,
		"HEAD:a":                  `"HEAD:a" is a tree, not a commit`,
		"atree":                   `"atree" is a tree, not a commit`,
		"HEAD:a/file":             `"HEAD:a/file" is a blob, not a commit`,
		"HEAD:nosuch":             "does not hold that",
		"same":                    "more than one thing",
		"HEAD~7":                  "history does not go that far",
		"main@{99}":               "log for 'main' only has",
		"nosuch":                  "`git branch` and `git tag` list the names",
		"no\nsuch":                `there is no revision "no\nsuch" here`,
		strings.Repeat("1", 40):   "it may be of another repository",
		strings.Repeat("1", 39):   "there is no revision",
		"refs/heads/../../config": "there is no revision",
	} {
		got, err := r.Resolve(t.Context(), rev)
		if err == nil || got != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v; want an error with %q", rev, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "Needed a single revision") || strings.Contains(err.Error(), "warning")) {
			t.Errorf("%q: %v says nothing", rev, err)
		}
	}
}

func TestResolveUnborn(t *testing.T) {
	dir := initialised(t)
	r := open(t, dir)
	for _, rev := range []string{"HEAD", "@", "HEAD~1", "main", "other"} {
		_, err := r.Resolve(t.Context(), rev)
		wantError(t, err, "there are no commits yet")
	}
	git(t, dir, "remote", "add", "origin", "file:///nowhere")
	_, err := r.Resolve(t.Context(), "HEAD")
	wantError(t, err, "there are no commits yet")
	_, err = r.Resolve(t.Context(), "origin/main")
	wantError(t, err, "never fetched", "git fetch origin main")
}

// clone clones a repository by URL, as options such as --depth need it.
func clone(t testing.TB, from string, args ...string) string {
	t.Helper()
	dir := temp(t)
	git(t, dir, append(append([]string{"clone", "--quiet"}, args...), "file://"+filepath.ToSlash(from), ".")...)
	return dir
}

// TestResolveAdvice also does what the advice says.
func TestResolveAdvice(t *testing.T) {
	from := committed(t, "file", "1")
	first := git(t, from, "rev-parse", "HEAD")
	git(t, from, "config", "uploadpack.allowAnySHA1InWant", "true")
	commitAll(t, from, "second", "file", "2")
	git(t, from, "checkout", "--quiet", "-b", "feature/x")
	commitAll(t, from, "third", "file", "3")
	git(t, from, "tag", "v1")
	const shallowAdvice = "this clone is shallow; `git fetch --unshallow`"
	for name, c := range map[string]struct {
		rev   string
		args  []string
		wants []string
		do    string // the advice, done
	}{
		"another branch":      {"origin/main", []string{"--single-branch"}, []string{"never fetched", "`git fetch origin main:refs/remotes/origin/main`"}, "fetch origin main:refs/remotes/origin/main"},
		"of a shallow clone":  {"origin/main", []string{"--depth=1"}, []string{"never fetched", "git fetch origin main"}, "fetch origin main:refs/remotes/origin/main"},
		"only at the remote":  {"main", nil, []string{"there is origin/main; name that"}, ""},
		"unknown":             {"nosuch", nil, []string{"if it is a branch, `git fetch origin nosuch:refs/remotes/origin/nosuch` gets it", "if it is a tag, `git fetch --tags`"}, ""},
		"a tag":               {"v1", []string{"--no-tags"}, []string{"`git fetch --tags`"}, "fetch --tags"},
		"an evil name":        {"x;$(y)", nil, []string{"`git fetch` it"}, ""},
		"earlier, shallow":    {"HEAD~2", []string{"--depth=1"}, []string{shallowAdvice}, "fetch --unshallow"},
		"earlier":             {"HEAD~9", nil, []string{"does not go that far"}, ""},
		"a hash, shallow":     {first, []string{"--depth=1"}, []string{shallowAdvice[:22], "`git fetch --depth=1 origin " + first + "`", "git fetch --unshallow"}, "fetch --depth=1 origin " + first},
		"a hash":              {strings.Repeat("1", 40), nil, []string{"`git fetch origin 1111"}, ""},
		"before a hash":       {strings.Repeat("1", 40) + "~1", nil, []string{"`git fetch origin 1111"}, ""},
		"short hash, shallow": {first[:10], []string{"--depth=1"}, []string{shallowAdvice}, "fetch --unshallow"},
		"another remote":      {"nosuch", []string{"--origin=upstream"}, []string{"git fetch upstream nosuch"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := clone(t, from, c.args...)
			r := open(t, dir)
			_, err := r.Resolve(t.Context(), c.rev)
			wantError(t, err, c.wants...)
			if c.do == "" {
				return
			}
			git(t, dir, strings.Fields(c.do)...)
			if _, err := r.Resolve(t.Context(), c.rev); err != nil {
				t.Errorf("although the advice was followed: %v", err)
			}
		})
	}
}

func TestMergeBase(t *testing.T) {
	dir := committed(t, "file", "1")
	base := commitAll(t, dir, "base", "file", "2")
	git(t, dir, "checkout", "--quiet", "-b", "topic")
	topic := commitAll(t, dir, "topic", "topic", "x")
	git(t, dir, "checkout", "--quiet", "main")
	commitAll(t, dir, "later", "file", "3")
	git(t, dir, "checkout", "--quiet", "--orphan", "alone")
	commitAll(t, dir, "alone")
	r := open(t, dir)
	for _, c := range []struct{ a, b, want string }{
		{"main", "topic", base}, {"topic", "main", base}, {"topic", "topic", topic}, {"topic", base, base},
	} {
		if got, err := r.MergeBase(t.Context(), c.a, c.b); err != nil || got != c.want {
			t.Errorf("%s, %s: %s, %v; want %s", c.a, c.b, got, err, c.want)
		}
	}
	_, err := r.MergeBase(t.Context(), "main", "alone")
	wantError(t, err, "main and alone have no commit in common")
	if strings.Contains(err.Error(), "shallow") {
		t.Errorf("%v, in a clone that is not", err)
	}
	for _, c := range [][2]string{{"main", "nosuch"}, {"nosuch", "main"}, {"main", "--all"}, {"--all", "main"}} {
		_, err := r.MergeBase(t.Context(), c[0], c[1])
		wantError(t, err, "no revision")
	}
	shallow := clone(t, dir, "--depth=1", "--no-single-branch", "--branch=topic")
	cut := open(t, shallow)
	_, err = cut.MergeBase(t.Context(), "origin/main", "topic")
	wantError(t, err, "this clone is shallow", "`git fetch --unshallow`", "--deepen=")
	git(t, shallow, "fetch", "--quiet", "--unshallow")
	if got, err := cut.MergeBase(t.Context(), "origin/main", "topic"); err != nil || got != base {
		t.Errorf("after the advice: %s, %v", got, err)
	}
}
