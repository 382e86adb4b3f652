package gitrev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// strayVariables tie Git to a repository, an index or a kind of pathspec that
// somebody else means. See the package's comment.
var strayVariables = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_PREFIX", "GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_NAMESPACE",
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
}

// patience is how long git, and what it started, may take to go once it was
// told to.
const patience = 2 * time.Second

// environment is the process's own without what would mislead Git.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(strayVariables, strings.ToUpper(name))
	})
}

// command prepares git in the working tree. When ctx is done, git is asked to
// end, so that it removes its locks, and later killed.
func (r *Repo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.git, append([]string{"-C", r.root}, args...)...)
	cmd.Env = environment()
	cmd.WaitDelay = patience
	cmd.Cancel = func() error {
		if cmd.Process.Signal(syscall.SIGTERM) != nil { // Windows knows no signals
			return cmd.Process.Kill()
		}
		return nil
	}
	return cmd
}

// reader prepares git for work of its own, in which no hook has a part. The
// settings would reach hooks, so [Repo.Commit] does without them.
func (r *Repo) reader(ctx context.Context, args ...string) *exec.Cmd {
	settings := []string{"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.warnAmbiguousRefs=true"}
	if args[0] != "check-ignore" { // which knows only literal paths, and not this option
		settings = append(settings, "--literal-pathspecs")
	}
	cmd := r.command(ctx, append(settings, args...)...)
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0")
	return cmd
}

// read runs git and returns what it printed, at most r.limit bytes. If git
// fails, the error wraps a [*gitError].
func (r *Repo) read(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	out, _, err := r.readBoth(ctx, stdin, args...)
	return out, err
}

// readBoth is read, with what git said to standard error besides.
func (r *Repo) readBoth(ctx context.Context, stdin []byte, args ...string) ([]byte, string, error) {
	cmd := r.reader(ctx, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out := capped{left: r.limit}
	var words tail
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	if out.left < 0 {
		return nil, "", fmt.Errorf("git %s: prints more than the %d bytes that ringplan reads", args[0], r.limit)
	}
	return out.kept.Bytes(), words.String(), failure(ctx, args[0], &words, err)
}

// stream runs git and has parse read what it prints. An error of parse ends
// git.
func (r *Repo) stream(ctx context.Context, stdin []byte, parse func(io.Reader) error, args ...string) error {
	cmd := r.reader(ctx, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var words tail
	from, to := io.Pipe()
	cmd.Stdout, cmd.Stderr = to, &words
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		to.CloseWithError(failure(ctx, args[0], &words, cmd.Run()))
	}()
	err := parse(from)
	from.CloseWithError(errors.New("the rest is not wanted"))
	<-ended
	return err
}

// failure turns the error of a run of git into one with Git's words.
func failure(ctx context.Context, verb string, words *tail, err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("git %s: %w", verb, context.Cause(ctx))
	case errors.As(err, &exit):
		return &gitError{verb: verb, state: exit.String(), code: exit.ExitCode(), words: words.String()}
	}
	return fmt.Errorf("git %s: %w", verb, err)
}

// A gitError tells that git ran and failed.
type gitError struct {
	verb  string
	state string // such as "exit status 1"
	code  int    // -1 if it was killed
	words string // what it said
}

// Error is what git said, or how it ended if it said nothing.
func (e *gitError) Error() string {
	if e.words == "" {
		return fmt.Sprintf("git %s: %s", e.verb, e.state)
	}
	return fmt.Sprintf("git %s: %s", e.verb, e.words)
}

// exitCode returns the code with which git failed, or -1.
func exitCode(err error) int {
	var failed *gitError
	if errors.As(err, &failed) {
		return failed.code
	}
	return -1
}

// capped keeps what is written to it, and refuses more than its limit.
type capped struct {
	kept bytes.Buffer // not embedded: io.Copy would use its ReadFrom
	left int64
}

func (c *capped) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, errors.New("too much")
	}
	return c.kept.Write(p)
}

// tail keeps the end of what is written to it.
type tail struct {
	kept []byte
	cut  bool
}

const maxTail = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - maxTail; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// String returns the lines that are not blank, without Git's "fatal: " before
// the first.
func (t *tail) String() string {
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(string(t.kept), "\ufffd")) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	text := strings.TrimPrefix(strings.Join(lines, "\n"), "fatal: ")
	if t.cut {
		text = "…" + text
	}
	return text
}
