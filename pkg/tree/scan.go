package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/hashicorp/go-multierror"
)

// entry is what stands at one name.
type entry struct {
	info   fs.FileInfo // nil if nothing is there
	digest string      // of a regular file, else empty
	under  string      // name above this one where there is no directory but a file
}

// scan is what was found at all paths that are wanted or recorded.
type scan struct {
	exists bool // whether the directory does
	state  State
	disk   map[string]entry
	inWay  []string // directories to remove, since a file is wanted there
}

// observe is scan without the lock.
func (p *place) observe(w wanted, force bool) (s scan, err error) {
	err = p.undisturbed(func() (err error) {
		s, err = p.scan(w, force)
		return err
	})
	return s, err
}

// undisturbed runs look, and returns its error. It returns ErrLocked instead if
// the tree was being written meanwhile, as what look saw may then be part old
// and part new: every transaction that changes the tree holds the lock and
// replaces the record last. So the lock is looked at before the record: whoever
// has let go by then has replaced it. A transaction that only changes files beside
// the tree, or that is undone, may go unnoticed.
func (p *place) undisturbed(look func() error) error {
	record := p.in(RecordFile)
	before, _ := p.root.Lstat(record)
	err := look()
	_, unlocked := p.root.Lstat(p.staged(lockName))
	after, _ := p.root.Lstat(record)
	if unlocked == nil || !sameVersion(before, after) {
		return fmt.Errorf("%s: %w", p.show(p.base), ErrLocked)
	}
	return err
}

// sameVersion reports whether a and b describe the same file, not written in
// between; nil stands for no file.
func sameVersion(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime())
}

// scan reads the tree. With force, a record that cannot be parsed is empty.
// The error lists all paths that cannot be read or are of the wrong kind, or
// all files beside the tree that are not as expected.
func (p *place) scan(w wanted, force bool) (scan, error) {
	s := scan{disk: map[string]entry{}}
	if err := p.unchanged(w.beside); err != nil {
		return scan{}, err
	}
	info, err := p.lstat(p.base)
	if err != nil {
		return scan{}, err
	}
	if s.exists = info != nil; s.exists && !info.IsDir() {
		return scan{}, fmt.Errorf("%s: is not a directory", p.show(p.base))
	}
	rec, err := p.readRecord(force)
	if err != nil {
		return scan{}, err
	}
	if err := p.lookAll(s.disk, w.sums, rec); err != nil {
		return scan{}, err
	}
	hideAliases(w, rec, s.disk)
	if s.inWay, err = p.obstacles(w, rec, s.disk); err != nil {
		return scan{}, err
	}
	s.state = classify(w, rec, s.disk)
	return s, nil
}

// readRecord returns the recorded digests by path. The record itself counts
// as recorded as it is. No record is an empty one.
func (p *place) readRecord(force bool) (map[string]string, error) {
	name := p.in(RecordFile)
	e, err := p.look(name)
	if err != nil {
		return nil, err
	}
	switch {
	case e.info == nil:
		return map[string]string{}, nil
	case e.info.IsDir():
		return nil, fmt.Errorf("%s: is a directory, not a record", p.show(name))
	}
	data, err := p.root.ReadFile(name)
	if err != nil {
		return nil, p.fault("read", name, err)
	}
	rec, err := parseRecord(data)
	if err != nil && !force {
		return nil, fmt.Errorf("%s: %w", p.show(name), err)
	}
	if err != nil {
		rec = map[string]string{}
	}
	rec[RecordFile] = digest(data)
	return rec, nil
}

// lookAll looks at every path that is a key of one of lists, and adds what is
// there to disk. The error lists each distinct failure once.
func (p *place) lookAll(disk map[string]entry, lists ...map[string]string) error {
	var errs *multierror.Error
	said := map[string]bool{}
	for _, list := range lists {
		for _, path := range slices.Sorted(maps.Keys(list)) {
			e, err := p.look(p.in(path))
			disk[path] = e
			if err != nil && !said[err.Error()] {
				said[err.Error()] = true
				errs = multierror.Append(errs, err)
			}
		}
	}
	return collapse(errs)
}

// look returns what is at name. A symbolic link on the way there or at its
// end is an error, as is anything but a regular file or directory.
func (p *place) look(name string) (entry, error) {
	for _, dir := range dirsOf(name) {
		info, err := p.lstatLast(dir)
		if err != nil || info == nil {
			return entry{}, err
		}
		if !info.IsDir() {
			return entry{under: dir}, nil
		}
	}
	info, err := p.lstatLast(name)
	if err != nil || info == nil || info.IsDir() {
		return entry{info: info}, err
	}
	if !info.Mode().IsRegular() {
		return entry{}, fmt.Errorf("%s: is not a regular file", p.show(name))
	}
	sum, err := p.digestOf(name)
	if errors.Is(err, fs.ErrNotExist) {
		return entry{}, nil
	}
	return entry{info: info, digest: sum}, err
}

// hideAliases handles a recorded file that is wanted in another case now, on a
// file system that ignores case: the new name finds the old file there. That
// is not the wanted file, which would vanish when the old name is removed.
func hideAliases(w wanted, rec map[string]string, disk map[string]entry) {
	byFold := map[string]string{}
	for path := range w.sums {
		byFold[fold(path)] = path
	}
	for old := range rec {
		now, found := byFold[fold(old)]
		a, b := disk[old].info, disk[now].info
		if found && now != old && a != nil && b != nil && os.SameFile(a, b) {
			disk[now] = entry{}
		}
	}
}

// obstacles finds where a file is wanted but a directory stands, or the other
// way round. That is well if the transaction clears it; the directories it has
// to remove for that are returned. The error lists what is in the way for good.
func (p *place) obstacles(w wanted, rec map[string]string, disk map[string]entry) ([]string, error) {
	var errs *multierror.Error
	var dirs []string
	for _, path := range w.paths() {
		e := disk[path]
		if under, _ := p.inside(e.under); under != "" && rec[under] == "" {
			errs = multierror.Append(errs, fmt.Errorf("%s: is a file that ringplan did not write, in the way of %s", p.show(e.under), path))
		}
		if e.info == nil || !e.info.IsDir() {
			continue
		}
		found, err := p.clearable(path, rec)
		if err != nil {
			errs = multierror.Append(errs, err)
		}
		dirs = append(dirs, found...)
	}
	return dirs, collapse(errs)
}

// clearable returns path, a directory, and all directories below it. It is an
// error if anything else is in them than recorded files.
func (p *place) clearable(path string, rec map[string]string) ([]string, error) {
	list, err := p.readDir(p.in(path))
	if err != nil {
		return nil, err
	}
	dirs := []string{path}
	for _, e := range list {
		below := path + "/" + e.Name()
		if !e.IsDir() && rec[below] == "" {
			return nil, fmt.Errorf("%s: is a file that ringplan did not write, in the way of %s", p.show(p.in(below)), path)
		}
		if e.IsDir() {
			found, err := p.clearable(below, rec)
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, found...)
		}
	}
	return dirs, nil
}

// classify compares what is wanted, recorded and on disk.
func classify(w wanted, rec map[string]string, disk map[string]entry) State {
	var s State
	for path, sum := range w.sums {
		was, recorded := rec[path]
		switch now := disk[path].digest; {
		case now == sum:
			s.Same++
		case now == "":
			s.Missing = append(s.Missing, path)
		case !recorded:
			s.Collides = append(s.Collides, path)
		case now == was:
			s.Stale = append(s.Stale, path)
		default:
			s.Edited = append(s.Edited, path)
		}
	}
	for path, was := range rec {
		now := disk[path].digest
		switch _, keep := w.sums[path]; {
		case keep || now == "":
		case now == was:
			s.Obsolete = append(s.Obsolete, path)
		default:
			s.Edited = append(s.Edited, path)
		}
	}
	for _, list := range [][]string{s.Missing, s.Stale, s.Edited, s.Obsolete, s.Collides} {
		slices.Sort(list)
	}
	return s
}
