package gitrev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Dirty lists the files under paths, files or folders on disk, that differ
// between HEAD, the index and the disk, or are untracked and not ignored. The
// list is sorted, relative to Root and separated by slashes. Deleted files are
// in it; without paths it is empty. It is an error if a path is outside the
// working tree or in a repository of its own.
func (r *Repo) Dirty(ctx context.Context, paths ...string) ([]string, error) {
	rels, err := r.paths(paths)
	if err != nil {
		return nil, err
	}
	changes, err := r.status(ctx, rels)
	var dirty []string
	for _, c := range changes {
		dirty = append(dirty, c.path)
	}
	return dirty, err
}

// A change is a file that is not everywhere the same.
type change struct {
	path      string
	untracked bool // not in the index
	deleted   bool // not on disk
}

// maxArguments is how many bytes of paths one git is given as arguments.
// Windows takes 32 KiB in all.
const maxArguments = 16 << 10

// status lists what is dirty below paths from the top, sorted.
func (r *Repo) status(ctx context.Context, rels []string) ([]change, error) {
	var changes []change
	for len(rels) > 0 {
		count, size := 1, len(rels[0])
		for count < len(rels) && size+len(rels[count]) < maxArguments {
			size += len(rels[count])
			count++
		}
		args := []string{"status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none", "--"}
		out, err := r.read(ctx, nil, append(args, rels[:count]...)...)
		if err != nil {
			return nil, err
		}
		for _, field := range fields(out) {
			if len(field) < 4 {
				return nil, fmt.Errorf("git status printed %q, which ringplan does not know", field)
			}
			changes = append(changes, change{path: field[3:], untracked: field[:2] == "??", deleted: field[1] == 'D' || field[:2] == "D "})
		}
		rels = rels[count:]
	}
	return merged(changes), nil
}

// merged sorts changes and lists no path twice. Git does where a file is
// untracked because it was taken out of the index.
func merged(changes []change) []change {
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.path, b.path) })
	var list []change
	for _, c := range changes {
		if last := len(list) - 1; last >= 0 && list[last].path == c.path {
			list[last].untracked = list[last].untracked || c.untracked
			list[last].deleted = list[last].deleted && c.deleted
		} else {
			list = append(list, c)
		}
	}
	return list
}

// Commit commits the paths, files or folders, as they are on disk now, and
// nothing else, and returns the full hash of the new commit. Deleted files are
// committed as deleted and untracked ones are added; what else is staged stays
// staged and stays out. A symbolic link is committed as a link. The message is
// taken as it is, lines that start with # included. Git runs with the user's
// own settings, hooks and locale; nothing is pushed.
//
// It is an error, with Git's own words, if no identity is set or a hook
// refuses; further if a merge, rebase, cherry-pick or revert is under way, if a
// path is ignored, or if none differs from HEAD (which wraps [ErrNothing]). An
// ignored file in a folder that is not ignored stays out without an error:
// name the file itself to be told.
//
// After an error nothing is committed and the index is as before, unless the
// error says that HEAD has moved: Git may be unable to write the index once
// the commit is made, and ctx may be done at the last moment. A hook that runs
// when ctx is done may go on by itself.
func (r *Repo) Commit(ctx context.Context, message string, paths ...string) (string, error) {
	if strings.TrimSpace(message) == "" {
		return "", errors.New("the message of the commit is empty")
	}
	rels, err := r.paths(paths)
	if err != nil {
		return "", err
	}
	if err := r.checkIdle(ctx); err != nil {
		return "", err
	}
	if err := r.checkIgnored(ctx, rels); err != nil {
		return "", err
	}
	changes, err := r.status(ctx, rels)
	if err != nil {
		return "", err
	}
	if len(changes) == 0 {
		return "", fmt.Errorf("%w: %s", ErrNothing, same(paths))
	}
	if err := r.checkThere(rels, changes); err != nil {
		return "", err
	}
	return r.commit(ctx, message, changes)
}

// same says of paths that they are as in HEAD.
func same(paths []string) string {
	if len(paths) == 0 {
		return "no paths are given"
	}
	return strings.Join(paths, ", ") + ": as in the last commit, or not there"
}

// checkThere refuses paths that are neither on disk nor known to Git, and
// repositories inside a folder, as Git would commit these as submodules.
func (r *Repo) checkThere(rels []string, changes []change) error {
	changed := map[string]bool{} // with the folders above
	for _, c := range changes {
		if strings.HasSuffix(c.path, "/") {
			return fmt.Errorf("%s is a repository of its own", strings.TrimSuffix(c.path, "/"))
		}
		for p := c.path; p != "." && !changed[p]; p = path.Dir(p) {
			changed[p] = true
		}
	}
	for _, rel := range rels {
		if _, err := os.Lstat(filepath.Join(r.root, filepath.FromSlash(rel))); err != nil && !changed[rel] {
			return fmt.Errorf("%s is neither on disk nor in the last commit", rel)
		}
	}
	return nil
}

// operations are what Git keeps in its folder while something is under way
// that a commit of some paths would disturb.
var operations = []struct{ file, name string }{
	{"MERGE_HEAD", "merge"},
	{"rebase-merge", "rebase"},
	{"rebase-apply", "rebase or git am"},
	{"CHERRY_PICK_HEAD", "cherry-pick"},
	{"REVERT_HEAD", "revert"},
}

func (r *Repo) checkIdle(ctx context.Context) error {
	dir, err := r.read(ctx, nil, "rev-parse", "--absolute-git-dir")
	if err != nil {
		return err
	}
	for _, o := range operations {
		if _, err := os.Lstat(filepath.Join(line(dir), o.file)); err == nil {
			return fmt.Errorf("a %s is under way in %s: finish or abort it first", o.name, r.root)
		}
	}
	return nil
}

// checkIgnored refuses paths that Git would leave out.
func (r *Repo) checkIgnored(ctx context.Context, rels []string) error {
	if len(rels) == 0 {
		return nil
	}
	plain := make([]string, len(rels)) // names that do not start with a colon, which would be magic
	for i, rel := range rels {
		plain[i] = "./" + rel
	}
	out, err := r.read(ctx, joined(plain), "check-ignore", "--verbose", "-z", "--stdin")
	if exitCode(err) == 1 {
		return nil // it is how check-ignore says none
	}
	if err != nil {
		return err
	}
	var ignored []string
	for match := range slices.Chunk(fields(out), 4) {
		if len(match) < 4 {
			return fmt.Errorf("git check-ignore printed %q, which ringplan does not know", match)
		}
		source, number, pattern, name := match[0], match[1], match[2], strings.TrimPrefix(match[3], "./")
		if !strings.HasPrefix(pattern, "!") { // which says that it is not
			ignored = append(ignored, fmt.Sprintf("%s (by %s, line %s: %s)", name, source, number, pattern))
		}
	}
	if len(ignored) == 0 {
		return nil
	}
	return fmt.Errorf("Git ignores %s: it would not be committed", strings.Join(ignored, ", ")) //nolint:staticcheck // Git is a name
}

// commit makes the commit. Of untracked files, commit --only takes none: so
// the index is told of them, without their contents, and made to forget them
// if there is no commit.
func (r *Repo) commit(ctx context.Context, message string, changes []change) (string, error) {
	before, err := r.head(ctx)
	if err != nil {
		return "", err
	}
	after := context.WithoutCancel(ctx) // what has begun is brought to an end
	forget, err := r.announce(after, changes)
	if err != nil {
		return "", err
	}
	failed := r.commitOnly(ctx, message, wanted(changes))
	head, err := r.head(after)
	switch {
	case err != nil:
		return "", errors.Join(failed, err)
	case failed == nil:
		return head, nil
	case head != before:
		return "", fmt.Errorf("%w\nHEAD has moved to %s all the same", failed, head)
	}
	return "", errors.Join(failed, forget())
}

// announce tells the index of the untracked files, and returns what undoes
// it.
func (r *Repo) announce(ctx context.Context, changes []change) (forget func() error, err error) {
	var fresh []string
	for _, c := range changes {
		if c.untracked {
			fresh = append(fresh, c.path)
		}
	}
	if len(fresh) == 0 {
		return func() error { return nil }, nil
	}
	lost, err := r.displaced(ctx, changes)
	if err != nil {
		return nil, err
	}
	_, err = r.read(ctx, joined(fresh), "add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul")
	return func() error {
		_, err := r.read(ctx, joined(fresh), "update-index", "--force-remove", "-z", "--stdin")
		if err == nil && len(lost) > 0 {
			_, err = r.read(ctx, joined(lost), "update-index", "-z", "--index-info")
		}
		return err
	}, err
}

// displaced returns the entries of the index that go when it is told of the
// untracked files: a file where there is a folder now, or the reverse. They
// have the form that update-index takes back.
func (r *Repo) displaced(ctx context.Context, changes []change) ([]string, error) {
	untracked := map[string]bool{}
	for _, c := range changes {
		untracked[c.path] = c.untracked
	}
	lost := map[string]bool{}
	for _, c := range changes {
		for p := path.Dir(c.path); p != "."; p = path.Dir(p) {
			if above, ok := untracked[p]; ok && above != c.untracked {
				lost[p] = lost[p] || !above
				lost[c.path] = lost[c.path] || above
			}
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	out, err := r.read(ctx, nil, "ls-files", "--stage", "-z")
	return slices.DeleteFunc(fields(out), func(entry string) bool {
		_, name, _ := strings.Cut(entry, "\t")
		return !lost[name]
	}), err
}

// wanted returns the paths to commit. A file that has become a folder is not
// among them: it goes when the files in the folder come, and Git fails on it.
func wanted(changes []change) []string {
	folders := map[string]bool{}
	for _, c := range changes {
		for p := path.Dir(c.path); !c.deleted && p != "." && !folders[p]; p = path.Dir(p) {
			folders[p] = true
		}
	}
	var paths []string
	for _, c := range changes {
		if !folders[c.path] {
			paths = append(paths, c.path)
		}
	}
	return paths
}

// head returns the commit of HEAD, or "" if there is none yet.
func (r *Repo) head(ctx context.Context) (string, error) {
	out, err := r.read(ctx, nil, "rev-parse", "--quiet", "--verify", "HEAD")
	if exitCode(err) == 1 {
		return "", nil
	}
	return line(out), err
}

// commitOnly runs git commit. Options that reach hooks are left out: so each
// path has its own magic instead of --literal-pathspecs.
func (r *Repo) commitOnly(ctx context.Context, message string, paths []string) error {
	file, err := os.CreateTemp("", "ringplan-paths-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // only a list, and in the folder for such
	specs := make([]string, len(paths))
	for i, p := range paths {
		specs[i] = ":(top,literal)" + p
	}
	_, err = file.Write(joined(specs))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	cmd := r.command(ctx, "-c", "i18n.commitEncoding=UTF-8", "commit", "--only", "--file=-", "--cleanup=verbatim",
		"--pathspec-from-file="+file.Name(), "--pathspec-file-nul")
	cmd.Stdin = bytes.NewReader([]byte(strings.TrimRight(message, "\n") + "\n"))
	var words tail
	cmd.Stdout, cmd.Stderr = &words, &words
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // git did well, and a hook left something running
		err = nil
	}
	return failure(ctx, "commit", &words, err)
}
