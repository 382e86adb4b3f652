package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/go-multierror"
)

// Permissions before the umask. The staging directory is private, since it
// holds copies of files that may be.
const (
	filePerm  fs.FileMode = 0o644
	dirPerm   fs.FileMode = 0o755
	stagePerm fs.FileMode = 0o700
)

// Failpoint is, if set, called before every change to the file system with a
// name for the change, and its error is taken for the error of the change. It
// is nil except in tests, of this package and of what uses it.
var Failpoint func(step string) error

// hit runs the Failpoint for one change.
func hit(op, name string) error {
	if Failpoint == nil {
		return nil
	}
	return Failpoint(op + " " + name)
}

// place is where a tree lives. All access goes through root, the directory
// that holds both the tree and its staging directory, so that nothing outside
// can be reached. Names given to its methods are relative to root.
type place struct {
	root  *os.Root
	base  string // name of the tree
	stage string // name of the staging directory
	above string // root as the caller would write it, for messages
}

// openPlace opens the directory above dir, which must exist; dir need not. The
// caller closes the place.
func openPlace(dir string) (*place, error) {
	if dir == "" {
		return nil, errors.New("no directory given for the tree")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	parent, base := filepath.Split(abs)
	if base == "" {
		return nil, fmt.Errorf("%s: the root of a file system cannot be a tree", dir)
	}
	root, err := os.OpenRoot(parent)
	if err != nil {
		return nil, fmt.Errorf("open the directory above %s: %w", dir, err)
	}
	above := filepath.Dir(filepath.Clean(dir))
	if filepath.Base(dir) != base {
		above = parent
	}
	return &place{root: root, base: base, stage: "." + base + ".ringplan", above: above}, nil
}

// close gives up the handle. There is nothing to flush, so no error matters.
func (p *place) close() { _ = p.root.Close() }

// in returns the name of a path of the tree.
func (p *place) in(path string) string { return p.base + "/" + path }

// inside returns the path in the tree of a name, or the name itself and false
// for what is not in the tree.
func (p *place) inside(name string) (path string, in bool) {
	return strings.CutPrefix(name, p.base+"/")
}

// staged returns the name of something in the staging directory.
func (p *place) staged(name string) string { return p.stage + "/" + name }

// show returns a name as the caller would write it.
func (p *place) show(name string) string { return filepath.Join(p.above, name) }

// fault wraps the error of doing op to name, and says name once only. It
// returns nil for nil.
func (p *place) fault(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	if errors.Is(err, syscall.EXDEV) {
		err = fmt.Errorf("%w (a tree cannot be a mount point: use a directory inside it)", err)
	}
	return fmt.Errorf("%s %s: %w", op, p.show(name), err)
}

// do runs one change to name, unless the Failpoint fails it.
func (p *place) do(op, name string, change func() error) error {
	err := hit(op, name)
	if err == nil {
		err = change()
	}
	return p.fault(op, name, err)
}

// mkdir creates one directory; it is no error if there is one.
func (p *place) mkdir(name string, perm fs.FileMode) error {
	return p.do("mkdir", name, func() error {
		if err := p.root.Mkdir(name, perm); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// mkdirAll creates a directory and those above it as needed.
func (p *place) mkdirAll(name string) error {
	if info, err := p.lstat(name); err != nil || info != nil && info.IsDir() {
		return err
	}
	return p.do("mkdir", name, func() error { return p.root.MkdirAll(name, dirPerm) })
}

// create writes a new file and forces it to disk; the file must not exist.
func (p *place) create(name string, data []byte, perm fs.FileMode) error {
	var f *os.File
	err := p.do("create", name, func() (err error) {
		f, err = p.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		return err
	})
	if err != nil {
		return err
	}
	err = p.do("write", name, func() error { _, err := f.Write(data); return err })
	if err == nil {
		err = p.do("sync", name, f.Sync)
	}
	return join(err, p.fault("close", name, f.Close()))
}

// rename moves a file or directory over what is at to.
func (p *place) rename(from, to string) error {
	return p.do("rename to", to, func() error { return p.root.Rename(from, to) })
}

// link gives a file a second name.
func (p *place) link(from, to string) error {
	return p.do("link to", to, func() error { return p.root.Link(from, to) })
}

// remove deletes a file or an empty directory; it is no error if it is gone.
func (p *place) remove(name string) error {
	return p.do("remove", name, func() error {
		if err := p.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// removeAll deletes name and all below it, without following links.
func (p *place) removeAll(name string) error {
	return p.do("remove", name, func() error { return p.root.RemoveAll(name) })
}

// removeIfEmpty deletes a directory unless something is in it, also if that
// something turns up at the last moment. It leaves all but directories alone.
func (p *place) removeIfEmpty(name string) error {
	empty, err := p.isEmptyDir(name)
	if err != nil || !empty {
		return err
	}
	if err := p.remove(name); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // ErrExist is also what a directory that is not empty gives
}

// isEmptyDir reports whether name is a directory with nothing in it.
func (p *place) isEmptyDir(name string) (bool, error) {
	info, err := p.lstat(name)
	if err != nil || info == nil || !info.IsDir() {
		return false, err
	}
	list, err := p.readDir(name)
	return len(list) == 0, err
}

// readDir lists a directory in no particular order. One that is gone, or goes
// while it is read, is empty.
func (p *place) readDir(name string) ([]fs.DirEntry, error) {
	f, err := p.root.Open(name)
	if err == nil {
		defer func() { _ = f.Close() }()
		var list []fs.DirEntry
		if list, err = f.ReadDir(-1); err == nil {
			return list, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, p.fault("read", name, err)
}

// sync forces the entries of directories to disk; it skips those that are gone.
func (p *place) sync(names []string) error {
	for _, name := range names {
		err := p.do("sync", name, func() error {
			f, err := p.root.Open(name)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				return nil
			}
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			return syncDir(f)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lstat describes name, or returns nil if nothing is there. A symbolic link is
// an error, at name as well as on the way to it.
func (p *place) lstat(name string) (fs.FileInfo, error) {
	for _, dir := range dirsOf(name) {
		info, err := p.lstatLast(dir)
		if err != nil || info == nil || !info.IsDir() {
			return nil, err
		}
	}
	return p.lstatLast(name)
}

// lstatLast is lstat for a name in a directory that is known to be one.
func (p *place) lstatLast(name string) (fs.FileInfo, error) {
	info, err := p.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, p.fault("read", name, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%s: is a symbolic link, which is not followed", p.show(name))
	}
	return info, nil
}

// exists reports whether there is anything at name.
func (p *place) exists(name string) (bool, error) {
	info, err := p.lstat(name)
	return info != nil, err
}

// digestOf returns the digest of a regular file in hex.
func (p *place) digestOf(name string) (string, error) {
	f, err := p.root.Open(name)
	if err != nil {
		return "", p.fault("read", name, err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", p.fault("read", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkWritable returns an error for each directory of names that exists and
// in which this process may not create files.
func (p *place) checkWritable(names ...string) error {
	var errs *multierror.Error
	for _, name := range names {
		if info, err := p.root.Lstat(name); err != nil || !info.IsDir() {
			continue
		}
		if err := writable(filepath.Join(p.root.Name(), name)); err != nil {
			errs = multierror.Append(errs, fmt.Errorf("directory %s is not writable: %w", p.show(name), err))
		}
	}
	return collapse(errs)
}

// makeParents creates the directories above dir that are missing and returns
// them, outermost first, also those created before an error.
func makeParents(dir string) ([]string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var missing []string
	for d := filepath.Dir(abs); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, d)
	}
	slices.Reverse(missing)
	for i, d := range missing {
		err := hit("mkdir", d)
		if err == nil {
			err = os.Mkdir(d, dirPerm)
		}
		if err != nil {
			return missing[:i], fmt.Errorf("directory above %s: %w", dir, err)
		}
	}
	return missing, nil
}

// removeDirs removes what makeParents created, unless it is in use by now.
func removeDirs(dirs []string) error {
	for _, d := range slices.Backward(dirs) {
		if list, err := os.ReadDir(d); err != nil || len(list) > 0 {
			return nil
		}
		if err := os.Remove(d); err != nil {
			return fmt.Errorf("tidy up: %w", err)
		}
	}
	return nil
}

// join returns both errors as one; either may be nil.
func join(a, b error) error {
	switch {
	case b == nil:
		return a
	case a == nil:
		return b
	}
	return multierror.Append(a, b)
}

// collapse returns the collected errors as one, or nil if there are none.
func collapse(errs *multierror.Error) error {
	if errs != nil && len(errs.Errors) == 1 {
		return errs.Errors[0]
	}
	return errs.ErrorOrNil()
}
