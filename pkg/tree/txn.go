package tree

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"syscall"

	"github.com/hashicorp/go-multierror"
)

// What is in the staging directory besides the lock.
const (
	newName     = "new"         // files to put in the tree, at their paths
	besideName  = "beside"      // files to put beside the tree, at their names
	oldName     = "old"         // files to be replaced or removed, by number of step
	draftName   = "journal.tmp" // journal being written
	journalName = "journal"     // journal of a transaction that counts
	abortName   = "abort"       // journal of a transaction that is being undone
)

// journalVersion is raised when older code could not settle a newer journal.
// Version 1 had names relative to the tree, and nothing beside it.
const journalVersion = 2

// journal is what has to be known to complete or undo a transaction.
type journal struct {
	Version int    `json:"version"`
	Steps   []step `json:"steps"`
}

// fresh returns the name of the staged content for a name.
func (p *place) fresh(name string) string {
	if path, in := p.inside(name); in {
		return p.staged(newName + "/" + path)
	}
	return p.staged(besideName + "/" + name)
}

// backup returns the name of the old file of step number i.
func (p *place) backup(i int) string { return p.staged(oldName + "/" + strconv.Itoa(i)) }

// publish builds a tree that does not exist yet by steps, which only put files
// in it, and renames it into place. It reports whether the tree is there.
func (p *place) publish(ctx context.Context, steps []step) (bool, error) {
	err := p.stageNew(ctx, steps)
	if err == nil {
		err = p.cancelled(ctx, p.base)
	}
	if err == nil {
		err = p.rename(p.staged(newName), p.base) // the commit point
	}
	if err != nil {
		return false, join(err, p.sweep())
	}
	err = p.sync([]string{"."})
	if err == nil {
		return true, p.sweep()
	}
	if stuck := p.rename(p.base, p.staged(newName)); stuck != nil {
		return true, join(err, stuck)
	}
	return false, join(err, p.sweep())
}

// transact changes a tree and what is beside it by steps, and reports whether
// they were all done; otherwise all is as before, unless the error says that it
// is left to Recover.
func (p *place) transact(ctx context.Context, steps []step, force bool) (bool, error) {
	err := p.prepare(ctx, steps, force)
	if err == nil {
		err = p.rename(p.staged(draftName), p.staged(journalName)) // the commit point
	}
	if err != nil {
		return false, join(err, p.sweep())
	}
	err = p.sync([]string{p.stage})
	if err == nil {
		err = p.apply(steps)
	}
	if err != nil {
		return false, join(err, p.rollback(steps))
	}
	return true, p.sweep()
}

// prepare puts in the staging directory all that is needed to apply steps, to
// undo them, and to know of them, and forces it to disk. The last it does is to
// make sure that the steps are still those to take.
func (p *place) prepare(ctx context.Context, steps []step, force bool) error {
	if err := p.stageNew(ctx, steps); err != nil {
		return err
	}
	if err := p.stageOld(ctx, steps); err != nil {
		return err
	}
	text, err := json.Marshal(journal{Version: journalVersion, Steps: steps})
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := p.create(p.staged(draftName), text, filePerm); err != nil {
		return err
	}
	inTree := func(i int) (bool, error) { _, in := p.inside(steps[i].Name); return in, nil }
	if err := p.surprises(steps, inTree, force); err != nil {
		return err
	}
	if err := p.unchanged(steps); err != nil {
		return err
	}
	return p.cancelled(ctx, p.base)
}

// cancelled returns the error of ctx, with the name of what it kept from being
// written, or nil.
func (p *place) cancelled(ctx context.Context, name string) error {
	return p.fault("write", name, ctx.Err())
}

// stageNew writes the files that steps put in place.
func (p *place) stageNew(ctx context.Context, steps []step) error {
	puts := slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return s.Op != opPut })
	var names []string
	for _, s := range puts {
		names = append(names, p.fresh(s.Name))
	}
	dirs := dirSet(names)
	delete(dirs, p.stage) // which is there
	for _, d := range slices.Sorted(maps.Keys(dirs)) {
		if err := p.mkdir(d, dirPerm); err != nil {
			return err
		}
	}
	for i, s := range puts {
		if err := p.cancelled(ctx, s.Name); err != nil {
			return err
		}
		if err := p.create(names[i], s.data, filePerm); err != nil {
			return err
		}
	}
	return p.sync(append(slices.Sorted(maps.Keys(dirs)), p.stage))
}

// stageOld keeps the files that steps replace. Those that are removed need
// nothing here: they are moved to where their backup would be.
func (p *place) stageOld(ctx context.Context, steps []step) error {
	if err := p.mkdir(p.staged(oldName), dirPerm); err != nil {
		return err
	}
	for i, s := range steps {
		if s.Op != opPut || s.Old == "" {
			continue
		}
		if err := p.cancelled(ctx, s.Name); err != nil {
			return err
		}
		if err := p.keep(s.Name, p.backup(i)); err != nil {
			return err
		}
	}
	return p.sync([]string{p.staged(oldName), p.stage})
}

// keep makes a backup of a file: a second name for it, or else a copy. Across
// file systems it fails, since there no backup could be moved back.
func (p *place) keep(name, backup string) error {
	err := p.link(name, backup)
	if err == nil || errors.Is(err, syscall.EXDEV) {
		return err
	}
	info, err := p.root.Lstat(name)
	if err != nil {
		return p.fault("keep", name, err)
	}
	data, err := p.root.ReadFile(name)
	if err != nil {
		return p.fault("keep", name, err)
	}
	if err := p.create(backup, data, filePerm); err != nil {
		return err
	}
	err = p.root.Chmod(backup, info.Mode().Perm())
	if err == nil {
		err = p.root.Chtimes(backup, info.ModTime(), info.ModTime())
	}
	return p.fault("keep", name, err)
}

// apply does all steps and forces them to disk.
func (p *place) apply(steps []step) error {
	for i, s := range steps {
		if err := p.forward(i, s); err != nil {
			return err
		}
	}
	return p.sync(touched(steps))
}

// forward does step number i, unless it is done already.
func (p *place) forward(i int, s step) error {
	switch s.Op {
	case opRemove:
		return p.takeOut(i, s)
	case opPrune:
		return p.removeIfEmpty(s.Name)
	case opMkdir:
		return p.mkdirAll(s.Name)
	}
	if ready, err := p.exists(p.fresh(s.Name)); err != nil || !ready {
		return err
	}
	if err := p.mkdirAll(path.Dir(s.Name)); err != nil {
		return err
	}
	return p.rename(p.fresh(s.Name), s.Name)
}

// takeOut moves the file that step number i removes to its backup.
func (p *place) takeOut(i int, s step) error {
	if done, err := p.exists(p.backup(i)); err != nil || done {
		return err
	}
	if e, err := p.look(s.Name); err != nil || e.digest == "" {
		return err
	}
	return p.rename(s.Name, p.backup(i))
}

// rollback undoes the steps of a transaction past its commit point. Its error
// says that the next run has to settle the tree.
func (p *place) rollback(steps []step) error {
	err := p.rename(p.staged(journalName), p.staged(abortName))
	if err == nil {
		err = p.sync([]string{p.stage})
	}
	if err == nil {
		err = p.undo(steps)
	}
	if err != nil {
		return fmt.Errorf("the tree is left to the next run to settle: %w", err)
	}
	return p.sweep()
}

// undo takes back all steps and forces that to disk.
func (p *place) undo(steps []step) error {
	for i, s := range slices.Backward(steps) {
		if err := p.backward(i, s); err != nil {
			return err
		}
	}
	return p.sync(touched(steps))
}

// backward takes back step number i, unless it was not done or is taken back
// already.
func (p *place) backward(i int, s step) error {
	switch {
	case s.Op == opMkdir:
		return p.removeIfEmpty(s.Name)
	case s.Op == opPrune:
		return p.unprune(s.Name, s.Perm)
	case s.Old == "":
		return p.unput(s)
	}
	if kept, err := p.exists(p.backup(i)); err != nil || !kept {
		return err
	}
	return p.rename(p.backup(i), s.Name)
}

// unprune creates a directory again, if it was removed.
func (p *place) unprune(name string, perm fs.FileMode) error {
	if there, err := p.exists(name); err != nil || there {
		return err
	}
	if err := p.mkdir(name, perm.Perm()); err != nil {
		return err
	}
	return p.fault("chmod", name, p.root.Chmod(name, perm.Perm()))
}

// unput moves a file that was put where none was back into staging, unless it
// was changed since.
func (p *place) unput(s step) error {
	if ready, err := p.exists(p.fresh(s.Name)); err != nil || ready {
		return err
	}
	if e, err := p.look(s.Name); err != nil || e.digest != s.New {
		return err
	}
	return p.rename(s.Name, p.fresh(s.Name))
}

// sweep empties the staging directory but for the lock. The journals go first:
// without the rest they would be misleading, but not the other way round.
func (p *place) sweep() error {
	for _, name := range []string{journalName, abortName, draftName, oldName, newName, besideName} {
		there, err := p.exists(p.staged(name))
		if err == nil && there {
			err = p.removeAll(p.staged(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recover settles what an earlier Write left, if there is a staging directory.
func (p *place) recover(force bool) (bool, error) {
	held, err := p.lock(false)
	if err != nil || held == nil {
		return false, err
	}
	found, err := p.settle(force)
	return found, join(err, p.unlock(held))
}

// settle completes or undoes the transaction of an earlier Write and cleans
// up, and reports whether there was one. The lock is held.
func (p *place) settle(force bool) (bool, error) {
	steps, found, err := p.readJournal(journalName)
	if err != nil {
		return false, err
	}
	if found {
		return true, p.settled(p.resume(steps, p.unapplied(steps), p.apply, force))
	}
	steps, found, err = p.readJournal(abortName)
	if err != nil {
		return false, err
	}
	if found {
		return true, p.settled(p.resume(steps, p.revertible(steps), p.undo, force))
	}
	return false, p.sweep()
}

// resume applies or undoes steps, whichever act does, once it has made sure
// that the pending ones destroy no edits made since.
func (p *place) resume(steps []step, pending func(int) (bool, error), act func([]step) error, force bool) error {
	if err := p.surprises(steps, pending, force); err != nil {
		return err
	}
	return act(steps)
}

// settled ends a recovery: it cleans up, unless there was an error.
func (p *place) settled(err error) error {
	switch {
	case errors.Is(err, ErrChanged):
		return fmt.Errorf("settle the interrupted write in %s (move away first what changed): %w", p.show(p.stage), err)
	case err != nil:
		return fmt.Errorf("settle the interrupted write in %s: %w", p.show(p.stage), err)
	}
	return p.sweep()
}

// readJournal reads a journal, and reports whether there is one.
func (p *place) readJournal(name string) ([]step, bool, error) {
	name = p.staged(name)
	if there, err := p.exists(name); err != nil || !there {
		return nil, false, err
	}
	data, err := p.root.ReadFile(name)
	if err != nil {
		return nil, false, p.fault("read", name, err)
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, false, fmt.Errorf("%s: %w", p.show(name), err)
	}
	if j.Version < 1 || j.Version > journalVersion {
		return nil, false, fmt.Errorf("%s: version %d is not known here", p.show(name), j.Version)
	}
	for i := range j.Steps {
		if err := p.adopt(&j.Steps[i], j.Version); err != nil {
			return nil, false, fmt.Errorf("%s: step %d: %w", p.show(name), i, err)
		}
	}
	return j.Steps, true, nil
}

// adopt makes a step from a journal of any version one of this version. The
// error says why it cannot be one of ours.
func (p *place) adopt(s *step, version int) error {
	if err := checkPath(s.Name); err != nil {
		return err
	}
	if version == 1 {
		s.Name = p.in(s.Name)
	}
	_, in := p.inside(s.Name)
	switch {
	case !slices.Contains([]string{opRemove, opPrune, opMkdir, opPut}, s.Op):
		return fmt.Errorf("unknown operation %q", s.Op)
	case in || s.Op == opMkdir && s.Name == p.base:
		return nil
	case s.Op != opMkdir && s.Op != opPut:
		return fmt.Errorf("operation %q outside the tree", s.Op)
	}
	return p.checkOutside(s.Name)
}

// unapplied tells which steps are yet to be done when a journal is completed.
func (p *place) unapplied(steps []step) func(int) (bool, error) {
	return func(i int) (bool, error) {
		if steps[i].Op == opRemove {
			done, err := p.exists(p.backup(i))
			return !done, err
		}
		return p.exists(p.fresh(steps[i].Name))
	}
}

// revertible tells which steps have a backup left to move back.
func (p *place) revertible(steps []step) func(int) (bool, error) {
	return func(i int) (bool, error) {
		if steps[i].Old == "" {
			return false, nil
		}
		return p.exists(p.backup(i))
	}
}

// surprises returns an error if a file that a pending step is going to
// overwrite or remove holds neither the old nor the new bytes: a *ConflictError
// for files of the tree, unless force is set, or else one that wraps ErrChanged.
func (p *place) surprises(steps []step, pending func(int) (bool, error), force bool) error {
	type version struct{ name, digest string }
	known := map[version]bool{}
	for _, s := range steps {
		known[version{fold(s.Name), s.Old}] = true
		known[version{fold(s.Name), s.New}] = true
	}
	var c State
	var errs *multierror.Error
	for i, s := range steps {
		if s.Op != opPut && s.Op != opRemove {
			continue
		}
		e, err := p.look(s.Name)
		if err != nil {
			return err
		}
		if e.digest == "" || known[version{fold(s.Name), e.digest}] {
			continue
		}
		path, in := p.inside(s.Name)
		switch due, err := pending(i); {
		case err != nil:
			return err
		case !due:
		case !in:
			errs = multierror.Append(errs, p.changed(s, e))
		case s.Old == "":
			c.Collides = append(c.Collides, path)
		default:
			c.Edited = append(c.Edited, path)
		}
	}
	slices.Sort(c.Edited)
	slices.Sort(c.Collides)
	return join(collapse(errs), p.refusal(c, force))
}
