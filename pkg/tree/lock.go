package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lockName is the file in the staging directory that is locked.
const lockName = "lock"

// errLockGone says that the lock was removed by its last holder while it was
// being taken; trying again takes a new one.
var errLockGone = errors.New("lock file was removed")

// lock takes the lock of the place, which exists only while it is held. With
// create it creates the staging directory; without, it returns nil if there is
// none. It never waits: a lock held by another is ErrLocked.
func (p *place) lock(create bool) (*os.File, error) {
	const tries = 100
	for range tries {
		f, err := p.tryLock(create)
		if !errors.Is(err, errLockGone) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s: %w", p.show(p.base), ErrLocked)
}

// tryLock is one attempt of lock.
func (p *place) tryLock(create bool) (*os.File, error) {
	info, err := p.lstat(p.stage)
	switch {
	case err != nil:
		return nil, err
	case info != nil && !info.IsDir():
		return nil, fmt.Errorf("%s: is in the way, a directory is needed there", p.show(p.stage))
	case info == nil && !create:
		return nil, nil
	case info == nil:
		if err := p.mkdir(p.stage, stagePerm); err != nil {
			return nil, err
		}
	}
	f, err := p.openLock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errLockGone
	}
	if err != nil {
		return nil, join(err, p.removeIfEmpty(p.stage))
	}
	if err := p.claim(f); err != nil {
		return nil, join(err, f.Close())
	}
	return f, nil
}

// openLock opens the lock file, and creates it if needed.
func (p *place) openLock() (f *os.File, err error) {
	name := p.staged(lockName)
	info, err := p.lstat(name)
	if err != nil {
		return nil, err
	}
	if info != nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a lock file", p.show(name))
	}
	err = p.do("open", name, func() error {
		f, err = p.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		return err
	})
	return f, err
}

// claim locks f, and makes sure that it is still the lock file then: its last
// holder may have removed it after it was opened here, and somebody else may
// hold a new one already.
func (p *place) claim(f *os.File) error {
	if err := flock(f); err != nil {
		return fmt.Errorf("%s: %w", p.show(p.base), err)
	}
	held, err := f.Stat()
	if err != nil {
		return p.fault("read", p.staged(lockName), err)
	}
	now, err := p.lstat(p.staged(lockName))
	if err == nil && (now == nil || !os.SameFile(held, now)) {
		return errLockGone
	}
	return err
}

// unlock removes the lock file while it is held, and the staging directory if
// that is empty then, and lets go.
func (p *place) unlock(f *os.File) error {
	err := p.remove(p.staged(lockName))
	if err == nil {
		err = p.removeIfEmpty(p.stage)
	}
	return join(err, f.Close())
}
