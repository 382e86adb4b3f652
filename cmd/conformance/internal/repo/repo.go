// Package repo keeps a bare Git repository, serves it, and has a clone to commit
// in.
package repo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Branch is the one branch of the repository.
const Branch = "main"

// Repo is a bare repository and a clone of it.
type Repo struct {
	Work string // the clone
	bare string
	url  string
	head atomic.Pointer[string] // of what was pushed
}

// New makes a repository below the folder, with a first commit, and serves it over
// HTTP until the context is done.
func New(ctx context.Context, folder string) (*Repo, error) {
	r := &Repo{Work: filepath.Join(folder, "work"), bare: filepath.Join(folder, "git", "repo.git")}
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch=" + Branch, r.bare},
		{"init", "--quiet", "--initial-branch=" + Branch, r.Work},
		{"-C", r.Work, "remote", "add", "origin", r.bare},
		{"-C", r.Work, "config", "user.name", "Conformance"},
		{"-C", r.Work, "config", "user.email", "conformance@ringplan.invalid"},
	} {
		if _, err := git(ctx, "", args...); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(r.Work, "README.md"), []byte("A repository for a test.\n"), 0o644); err != nil {
		return nil, err
	}
	if _, err := r.Push(ctx, "Start"); err != nil {
		return nil, err
	}
	return r, r.serve(ctx)
}

// serve answers Git's smart HTTP protocol, read only, through Git's own program.
func (r *Repo) serve(ctx context.Context) error {
	programs, err := git(ctx, "", "--exec-path")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &cgi.Handler{
		Path: filepath.Join(programs, "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.bare), "GIT_HTTP_EXPORT_ALL=1"},
	}}
	go func() { _ = server.Serve(listener) }() // ends when it is closed
	context.AfterFunc(ctx, func() { _ = server.Close() })
	r.url = "http://" + listener.Addr().String() + "/" + filepath.Base(r.bare)
	return nil
}

// URL is where the repository is cloned from.
func (r *Repo) URL() string { return r.url }

// Push commits whatever changed in the clone, if anything did, pushes it, and
// returns the commit.
func (r *Repo) Push(ctx context.Context, message string) (string, error) {
	if _, err := git(ctx, r.Work, "add", "--all"); err != nil {
		return "", err
	}
	if changed, err := git(ctx, r.Work, "status", "--porcelain"); err != nil {
		return "", err
	} else if changed != "" {
		if _, err := git(ctx, r.Work, "commit", "--quiet", "--message", message); err != nil {
			return "", err
		}
	}
	if _, err := git(ctx, r.Work, "push", "--quiet", "origin", "HEAD:"+Branch); err != nil {
		return "", err
	}
	commit, err := git(ctx, r.Work, "rev-parse", "HEAD")
	if err == nil {
		r.head.Store(&commit)
	}
	return commit, err
}

// Head is the newest commit that was pushed.
func (r *Repo) Head() string { return *r.head.Load() }

// Archive is a commit's tree as a tar archive, packed with gzip.
func (r *Repo) Archive(ctx context.Context, commit string) ([]byte, error) {
	text, err := git(ctx, r.bare, "archive", "--format=tar.gz", commit)
	return []byte(text), err
}

// Undo takes back the newest commit of the clone that was not pushed, and what
// was not committed.
func (r *Repo) Undo(ctx context.Context) error {
	if _, err := git(ctx, r.Work, "fetch", "--quiet", "origin"); err != nil {
		return err
	}
	_, err := git(ctx, r.Work, "reset", "--quiet", "--hard", "origin/"+Branch)
	return err
}

// git runs git, without any configuration but the repository's, and returns what
// it printed, without the last line's end.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	var errors strings.Builder
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(errors.String()))
	}
	if args[0] == "archive" {
		return string(out), nil
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// Export writes the tree of a commit to a new folder.
func (r *Repo) Export(ctx context.Context, commit, folder string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	if _, err := git(ctx, "", "clone", "--quiet", "--shared", "--no-checkout", r.bare, folder); err != nil {
		return err
	}
	_, err := git(ctx, folder, "checkout", "--quiet", commit)
	return err
}
