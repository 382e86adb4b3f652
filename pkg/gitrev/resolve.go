package gitrev

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Resolve returns the full hash of the commit that rev names in any way that
// Git knows: a branch, a tag (annotated ones lead to their commit), a hash,
// HEAD~2. It is an error if rev names a tree, a file or a range, or both a
// branch and a tag; and if there is no such revision here, which the error
// says how to get.
func (r *Repo) Resolve(ctx context.Context, rev string) (string, error) {
	if rev == "" {
		return "", errors.New("the revision is empty")
	}
	if strings.HasPrefix(rev, "-") || strings.ContainsRune(rev, 0) {
		return "", fmt.Errorf("%q is no revision", rev)
	}
	out, words, err := r.readBoth(ctx, nil, "rev-parse", "--verify", rev)
	switch {
	case exitCode(err) > 0:
		return "", r.missing(ctx, rev, err)
	case err != nil:
		return "", err
	case ambiguous.MatchString(words) && !sure(rev):
		return "", fmt.Errorf("%q is the name of more than one thing: write refs/heads/… for the branch or refs/tags/… for the tag", rev)
	case !fullHash.MatchString(line(out)):
		return "", fmt.Errorf("%q names no single revision", rev)
	}
	return r.peel(ctx, rev, line(out))
}

// ambiguous matches what Git says when it takes one of several.
var ambiguous = regexp.MustCompile(`(?m)^warning: refname .* is ambiguous\.$\n?`)

// sure reports whether rev names one thing whatever the branches and tags are
// called, as HEAD and full hashes do.
func sure(rev string) bool {
	name := baseName(rev)
	return slices.Contains([]string{"", "@", "HEAD"}, name) || fullHash.MatchString(name)
}

// baseName is a revision without what walks on from it, as in main~2.
func baseName(rev string) string {
	if end := strings.IndexAny(rev, "~^:"); end >= 0 {
		rev = rev[:end]
	}
	rev, _, _ = strings.Cut(rev, "@{")
	return rev
}

// peel returns the commit that an object is or leads to.
func (r *Repo) peel(ctx context.Context, rev, object string) (string, error) {
	ask := object + "^{commit}\n" + object + "\n"
	out, err := r.read(ctx, []byte(ask), "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return "", err
	}
	peeled, plain, _ := strings.Cut(line(out), "\n")
	if hash, is := strings.CutSuffix(peeled, " commit"); is {
		return hash, nil
	}
	if _, kind, _ := strings.Cut(plain, " "); kind != "missing" {
		return "", fmt.Errorf("%q is a %s, not a commit", rev, kind)
	}
	return "", r.missing(ctx, rev, nil)
}

// missing says that there is no such revision, how to get it, and what Git
// said if that says more.
func (r *Repo) missing(ctx context.Context, rev string, cause error) error {
	advice, err := r.howToGet(ctx, rev)
	if err != nil {
		return err
	}
	words := ""
	if failed := (*gitError)(nil); errors.As(cause, &failed) {
		words = ambiguous.ReplaceAllString(failed.words, "")
		words = strings.TrimSuffix(strings.TrimPrefix(words, "fatal: "), "Needed a single revision")
		words = strings.TrimSuffix(words, "\nfatal: ")
	}
	if words != "" {
		words = " (Git says: " + words + ")"
	}
	return fmt.Errorf("there is no revision %q here%s: %s", rev, words, advice)
}

// howToGet advises somebody whose revision is not there.
func (r *Repo) howToGet(ctx context.Context, rev string) (string, error) {
	s, err := r.surroundings(ctx)
	if err != nil {
		return "", err
	}
	name := baseName(rev)
	there, err := r.has(ctx, name)
	if err != nil {
		return "", err
	}
	switch {
	case s.unborn && slices.Contains([]string{"", "@", "HEAD", s.branch}, name):
		return "there are no commits yet", nil
	case there && s.shallow:
		return deepen, nil
	case there:
		return "its history does not go that far, or does not hold that", nil
	case fullHash.MatchString(name):
		return s.howToGetHash(name), nil
	}
	return r.howToGetName(ctx, s, name)
}

// deepen is advice for a history that is cut off.
const deepen = "this clone is shallow; `git fetch --unshallow` gets the whole history, and `git fetch --deepen=100` more of it"

// howToGetHash advises somebody whose commit is not here.
func (s surroundings) howToGetHash(hash string) string {
	switch {
	case s.shallow:
		return fmt.Sprintf("this clone is shallow; `git fetch --depth=1 %s %s` gets that commit, and `git fetch --unshallow` the whole history", s.remote(), hash)
	case len(s.remotes) > 0:
		return fmt.Sprintf("`git fetch %s %s` gets it, if it is there", s.remote(), hash)
	}
	return "it may be of another repository"
}

// howToGetName advises somebody whose branch, tag or short hash is not here.
func (r *Repo) howToGetName(ctx context.Context, s surroundings, name string) (string, error) {
	for _, remote := range s.remotes {
		if branch, is := strings.CutPrefix(name, remote+"/"); is && branch != "" {
			return "it was never fetched; " + fetch(remote, branch), nil
		}
		there, err := r.has(ctx, "refs/remotes/"+remote+"/"+name)
		if err != nil {
			return "", err
		}
		if there {
			return fmt.Sprintf("there is %s/%s; name that", remote, name), nil
		}
	}
	switch {
	case len(s.remotes) == 0 && s.unborn:
		return "there are no commits yet", nil
	case len(s.remotes) == 0:
		return "`git branch` and `git tag` list the names", nil
	case s.shallow:
		return fmt.Sprintf("this clone is shallow; `git fetch --unshallow` gets the whole history; if it is a branch, %s, as %s/%s", fetch(s.remote(), name), s.remote(), name), nil
	}
	return fmt.Sprintf("if it is a branch, %s, as %s/%s; if it is a tag, `git fetch --tags`", fetch(s.remote(), name), s.remote(), name), nil
}

// fetch is advice that works in a clone of a single branch, too.
func fetch(remote, branch string) string {
	if !plain.MatchString(remote + branch) {
		return "`git fetch` it"
	}
	return fmt.Sprintf("`git fetch %[1]s %[2]s:refs/remotes/%[1]s/%[2]s` gets it", remote, branch)
}

// plain matches names that a shell leaves alone.
var plain = regexp.MustCompile(`^[A-Za-z0-9._/+-]+$`)

// surroundings is what advice about a missing revision depends on.
type surroundings struct {
	unborn  bool   // HEAD has no commit
	branch  string // that HEAD is on; empty if on none
	shallow bool
	remotes []string
}

// remote is the one to fetch from.
func (s surroundings) remote() string {
	if len(s.remotes) == 0 || slices.Contains(s.remotes, "origin") {
		return "origin"
	}
	return s.remotes[0]
}

func (r *Repo) surroundings(ctx context.Context) (surroundings, error) {
	var s surroundings
	born, err := r.has(ctx, "HEAD")
	if err != nil {
		return s, err
	}
	s.unborn = !born
	branch, err := r.read(ctx, nil, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err != nil && exitCode(err) != 1 {
		return s, err
	}
	s.branch = line(branch)
	if s.shallow, err = r.shallow(ctx); err != nil {
		return s, err
	}
	remotes, err := r.read(ctx, nil, "remote")
	s.remotes = strings.Fields(string(remotes))
	return s, err
}

func (r *Repo) shallow(ctx context.Context) (bool, error) {
	out, err := r.read(ctx, nil, "rev-parse", "--is-shallow-repository")
	return line(out) == "true", err
}

// has reports whether a name is known here.
func (r *Repo) has(ctx context.Context, name string) (bool, error) {
	if name == "" || strings.HasPrefix(name, "-") {
		return false, nil
	}
	_, err := r.read(ctx, nil, "rev-parse", "--quiet", "--verify", name+"^{commit}")
	if exitCode(err) > 0 {
		return false, nil
	}
	return err == nil, err
}

// MergeBase returns the full hash of the commit where the histories of two
// revisions part. If several are equally good, after merges in both
// directions, it is the one that Git lists first. If there is none, the error
// says whether a longer history may have one.
func (r *Repo) MergeBase(ctx context.Context, a, b string) (string, error) {
	first, err := r.Resolve(ctx, a)
	if err != nil {
		return "", err
	}
	second, err := r.Resolve(ctx, b)
	if err != nil {
		return "", err
	}
	out, err := r.read(ctx, nil, "merge-base", first, second)
	if err == nil {
		return line(out), nil
	}
	if exitCode(err) != 1 {
		return "", err
	}
	shallow, err := r.shallow(ctx)
	if err != nil {
		return "", err
	}
	if shallow {
		return "", fmt.Errorf("%s and %s have no commit in common as far as is known here: %s", a, b, deepen)
	}
	return "", fmt.Errorf("%s and %s have no commit in common", a, b)
}
