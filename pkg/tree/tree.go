// Package tree reads, checks and writes a directory of generated files that
// people keep in Git.
//
// A tree is a directory plus a record in its root, the file SHA256SUMS, which
// lists every file this package wrote there and the digest of what it wrote.
// The record tells generated files from files that people put beside them,
// and files as generated from files edited by hand since. It has the format of
// sha256sum(1), so "sha256sum -c SHA256SUMS" checks a tree without this
// package.
//
// [Write] replaces a tree as one transaction, and [Commit] a tree together with
// files beside it. Everything is staged in a hidden directory next to the tree
// (".rendered.ringplan" for "rendered"), and a journal renamed into place there
// is the commit point. A Write that dies before that point has changed nothing;
// one that dies after it is completed by [Recover], which [Compare], Write and
// Commit run first. Whoever reads a file beside the tree by other means has to
// call Recover before, or may see it old and the tree new, or the reverse.
//
// No function here follows a symbolic link at or below the directory, or on the
// way to a file beside it, or changes a file that is neither recorded nor wanted.
package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// RecordFile is the name of the record in the root of every tree. No [File]
// may use it, in any spelling of its case.
const RecordFile = "SHA256SUMS"

// ErrLocked is returned, wrapped, when another process or goroutine is
// writing the same directory. The caller may try again later.
var ErrLocked = errors.New("another write to this directory is under way")

// ErrChanged is returned, wrapped, when a file beside the tree is not what
// [Beside.Old] says. The caller may read it, and decide, anew.
var ErrChanged = errors.New("changed meanwhile")

// File is one file that a tree should contain.
type File struct {
	Path string // relative to the tree, slash-separated, in clean form
	Data []byte // the whole content; not copied and not changed
}

// Beside is a file outside the tree that a [Commit] puts in place together with
// the tree. It is in the directory above the tree, or in any directory below
// that but the tree and its staging directory.
type Beside struct {
	Path string // relative to the directory above the tree, slash-separated, in clean form
	Old  string // SHA-256 digest, in lower-case hex, of the file to be replaced; empty if none may be there
	Data []byte // the whole content; not copied and not changed
}

// State tells how a directory compares with the files wanted in it. The lists
// hold paths relative to the directory, sorted; a path is in at most one of
// them. The record counts as a file, and is either the same, missing, stale
// or (when no file at all is wanted) obsolete.
type State struct {
	Missing  []string // wanted, not on disk
	Stale    []string // on disk as recorded, which is not what is wanted now
	Edited   []string // recorded, but on disk neither as recorded nor as wanted
	Obsolete []string // on disk as recorded, no longer wanted
	Collides []string // wanted, and a different file that is not recorded is there
	Same     int      // number of files that are as wanted, recorded or not
}

// Clean reports whether the directory is exactly as wanted, so that a Write of
// the same files would change nothing.
func (s State) Clean() bool {
	return len(s.Missing)+len(s.Stale)+len(s.Edited)+len(s.Obsolete)+len(s.Collides) == 0
}

// Result tells what one [Write] or [Commit] did. The lists are sorted. Written
// and Removed hold paths relative to the directory, and include [RecordFile]: a
// Write that changes anything in the tree writes the record again.
type Result struct {
	Written   []string // created or replaced
	Removed   []string // recorded earlier, no longer wanted
	Beside    []string // created or replaced, relative to the directory above
	Unchanged int      // number of wanted files left alone
}

// ConflictError is returned, wrapped, when going on would destroy bytes that
// this package did not write. The lists are as in [State].
type ConflictError struct {
	Edited   []string
	Collides []string
}

// Error names up to five paths of each kind.
func (e *ConflictError) Error() string {
	var parts []string
	if n := len(e.Edited); n > 0 {
		parts = append(parts, fmt.Sprintf("%d edited by hand (%s)", n, few(e.Edited)))
	}
	if n := len(e.Collides); n > 0 {
		parts = append(parts, fmt.Sprintf("%d in the way that ringplan did not write (%s)", n, few(e.Collides)))
	}
	return "files would be overwritten: " + strings.Join(parts, ", ")
}

// few joins at most five paths, and says how many it left out.
func few(paths []string) string {
	const most = 5
	if len(paths) <= most {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
}

// Compare tells how the directory dir differs from want. A directory that does
// not exist is one where every file is missing. Compare changes nothing,
// except that it first completes an interrupted [Write] as [Recover] does.
//
// The error lists every path of want that is not acceptable, or every path on
// disk that cannot be read, is a symbolic link or is of the wrong kind. It
// wraps [ErrLocked] when a Write ran at the same time, and names the line of a
// record that is not in the format of sha256sum.
func Compare(dir string, want []File) (State, error) {
	w, err := newWanted(want)
	if err != nil {
		return State{}, err
	}
	p, err := openPlace(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return classify(w, nil, nil), nil
	}
	if err != nil {
		return State{}, err
	}
	defer p.close()
	if _, err := p.recover(false); err != nil {
		return State{}, err
	}
	s, err := p.observe(w, false)
	if err != nil {
		return State{}, err
	}
	return s.state, nil
}

// Write makes the directory dir hold want and the record of it: it creates and
// replaces files, removes recorded files that are no longer wanted, and
// removes the directories that this leaves empty, but never dir. Directories
// above dir are created when missing. If dir is as wanted, nothing is written.
//
// Files edited by hand and files in the way make Write refuse with a
// [*ConflictError], unless force is set. A record that is not in the format of
// sha256sum is an error, unless force is set, which takes it for empty. Force
// still never removes a file that is neither recorded nor wanted.
//
// All files change or none does. A failure before the commit point, and a ctx
// that is done by then, leave dir as it was; ctx is not looked at later. A
// failure after it puts the old files back. If that fails as well, or the
// process dies, the next call of this package on dir settles it. A second
// Write to dir at the same time gets [ErrLocked] at once.
//
// An error together with a Result that is not zero means that the tree is
// complete, but the staging directory could not be removed.
func Write(ctx context.Context, dir string, want []File, force bool) (Result, error) {
	return Commit(ctx, dir, want, nil, force)
}

// Commit is [Write] together with files beside the tree: the tree and all of
// them change, or nothing does. It creates the directories that these files
// need. With files beside it, it does its work also if dir is as wanted, and
// does not create dir if no file is wanted there.
//
// If a file beside the tree is not as its Old says when the files are about to
// change, Commit changes nothing, and returns an error that wraps [ErrChanged]
// and names every such file, also if force is set. So of all Commits that
// replace or create the same file, starting from the same, one succeeds.
func Commit(ctx context.Context, dir string, want []File, beside []Beside, force bool) (Result, error) {
	w, err := newWanted(want)
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("write %s: %w", dir, err)
	}
	p, err := openPlace(dir)
	var made []string
	if errors.Is(err, fs.ErrNotExist) {
		if len(want)+len(beside) == 0 {
			return Result{}, nil
		}
		if made, err = makeParents(dir); err == nil {
			p, err = openPlace(dir)
		}
	}
	if err != nil {
		return Result{}, join(err, removeDirs(made))
	}
	defer p.close()
	var res Result
	if w.beside, err = p.besideSteps(beside); err == nil {
		res, err = p.write(ctx, w, force)
	}
	if err != nil {
		err = join(err, removeDirs(made))
	}
	return res, err
}

// Recover settles a [Write] or [Commit] to dir that was interrupted: past its commit point
// it is completed, or undone if it was being undone; short of that point only
// its staging directory is removed. It reports whether there was a Write to
// complete or undo.
//
// The error wraps [ErrLocked] when that Write is still running, and a
// [*ConflictError] when files it has yet to replace were edited since; a Write
// with force then completes it all the same. It wraps [ErrChanged] when that
// are files beside the tree, which have to be moved away first.
func Recover(dir string) (bool, error) {
	p, err := openPlace(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer p.close()
	return p.recover(false)
}

// write is Commit on an open place with checked files. It decides without the
// lock whether there is anything to do, since taking the lock writes.
func (p *place) write(ctx context.Context, w wanted, force bool) (Result, error) {
	if _, err := p.recover(force); err != nil {
		return Result{}, err
	}
	s, err := p.observe(w, force)
	if err == nil {
		err = p.refusal(s.state, force)
	}
	if err != nil {
		return Result{}, err
	}
	if s.state.Clean() && len(w.beside) == 0 {
		return Result{Unchanged: s.state.Same}, nil
	}
	if err := p.checkWritable("."); err != nil {
		return Result{}, err
	}
	held, err := p.lock(true)
	if err != nil {
		return Result{}, err
	}
	res, err := p.writeLocked(ctx, w, force)
	return res, join(err, p.unlock(held))
}

// writeLocked does the work of Commit while the lock is held. It looks at the
// directory again, since that may have changed before the lock was taken.
func (p *place) writeLocked(ctx context.Context, w wanted, force bool) (Result, error) {
	if _, err := p.settle(force); err != nil {
		return Result{}, err
	}
	s, err := p.scan(w, force)
	if err == nil {
		err = p.refusal(s.state, force)
	}
	if err != nil {
		return Result{}, err
	}
	switch {
	case len(w.beside) > 0:
	case s.state.Clean():
		return Result{Unchanged: s.state.Same}, nil
	case !s.exists:
		steps := p.putSteps(w, w.paths(), nil)
		done, err := p.publish(ctx, steps)
		return p.resultIf(done, w, steps), err
	}
	steps, err := p.plan(w, s)
	if err != nil {
		return Result{}, err
	}
	done, err := p.transact(ctx, steps, force)
	return p.resultIf(done, w, steps), err
}

// refusal returns the error for a state that must not be overwritten, or nil.
func (p *place) refusal(s State, force bool) error {
	if force || len(s.Edited)+len(s.Collides) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", p.show(p.base), &ConflictError{Edited: s.Edited, Collides: s.Collides})
}

// resultIf sums up steps, or returns a zero Result if they were not done.
func (p *place) resultIf(done bool, w wanted, steps []step) Result {
	var res Result
	if !done {
		return res
	}
	for _, s := range steps {
		path, in := p.inside(s.Name)
		switch {
		case s.Op == opPut && in:
			res.Written = append(res.Written, path)
		case s.Op == opPut:
			res.Beside = append(res.Beside, path)
		case s.Op == opRemove:
			res.Removed = append(res.Removed, path)
		}
	}
	slices.Sort(res.Written)
	slices.Sort(res.Removed)
	slices.Sort(res.Beside)
	res.Unchanged = len(w.sums) - len(res.Written)
	return res
}
