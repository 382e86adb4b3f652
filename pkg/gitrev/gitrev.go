// Package gitrev reads a folder's files at a Git revision, and commits named
// paths and nothing else. It runs the git command (2.26 or newer) and keeps
// what it reads in memory; it never checks anything out and never pushes.
//
// The repository is the one that holds the folder given to [Open]: in a linked
// worktree that worktree, in a submodule the submodule. Variables that tie Git
// to another repository or index are taken away first (GIT_DIR, GIT_WORK_TREE,
// GIT_INDEX_FILE and their kin). Git sets them for its hooks, where they are
// those of the commit that runs the hook, and would lead elsewhere as soon as
// the folder lies in another repository. So in a pre-commit hook [Repo.Dirty]
// compares with the index on disk and not with what is being committed, and
// [Repo.Commit] is refused, since that index is locked. Configuration from the
// environment stays (GIT_CONFIG_COUNT, GIT_CONFIG_GLOBAL, "git -c"), and so do
// identities and dates.
//
// Reading takes no locks, asks for no passwords and starts neither a pager nor
// a file system monitor. In a partial clone Git may fetch what is missing.
//
// Git's own words stand in the errors.
package gitrev

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// ErrNoRepository is returned, wrapped, for a folder that is in no repository.
var ErrNoRepository = errors.New("not in a Git repository")

// ErrNothing is returned, wrapped, by [Repo.Commit] if the paths are as they
// are in HEAD.
var ErrNothing = errors.New("nothing to commit")

// maxBytes is how much one call may read from git.
const maxBytes = 1 << 30

// A Repo is a repository with a working tree. It holds no state but where that
// is, and may be used from several goroutines; of two commits at once Git
// refuses one.
type Repo struct {
	git   string // the command
	root  string
	limit int64 // bytes that one call may read
}

// Open finds the repository that holds dir, a folder that exists. The error
// wraps [ErrNoRepository] if there is none. Others are: git is not on PATH,
// the repository is bare, dir lies in a .git folder, and Git does not trust
// the owner of the repository, with its advice.
func Open(ctx context.Context, dir string) (*Repo, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("Git is needed for this, and cannot be run: %w", err) //nolint:staticcheck // Git is a name
	}
	if dir == "" {
		dir = "." // git -C "" stays where it is, too
	}
	r := &Repo{git: git, root: dir, limit: maxBytes}
	out, err := r.read(ctx, nil, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, r.whyNotOpen(ctx, dir, err)
	}
	r.root = filepath.FromSlash(line(out))
	return r, nil
}

// whyNotOpen says why dir has no working tree, of which Git said err.
func (r *Repo) whyNotOpen(ctx context.Context, dir string, err error) error {
	var failed *gitError
	if !errors.As(err, &failed) {
		return err
	}
	if strings.Contains(failed.words, "not a git repository (or any") {
		return fmt.Errorf("%s: %w (Git says: %s)", dir, ErrNoRepository, failed.words)
	}
	if out, err := r.read(ctx, nil, "rev-parse", "--is-bare-repository"); err == nil {
		if line(out) == "true" {
			return fmt.Errorf("%s: a bare repository, which has no working tree: use a clone of it", dir)
		}
		return fmt.Errorf("%s: inside the .git folder of a repository, not in its working tree", dir)
	}
	return fmt.Errorf("%s: %w", dir, err)
}

// Root is the top of the working tree, with symbolic links resolved.
func (r *Repo) Root() string { return r.root }

var fullHash = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// line returns what git printed as one line.
func line(out []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(out), "\n"), "\r")
}

// fields returns what git printed as fields that end with NUL.
func fields(out []byte) []string {
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// joined gives the fields to git.
func joined(fields []string) []byte {
	return []byte(strings.Join(fields, "\x00") + "\x00")
}
