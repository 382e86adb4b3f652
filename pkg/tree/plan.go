package tree

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// The operations of a step, in the order in which a transaction does them.
const (
	opRemove = "remove" // delete a file
	opPrune  = "prune"  // delete a directory if it is empty
	opMkdir  = "mkdir"  // create a directory
	opPut    = "put"    // move a staged file into place
)

// step is one change to a tree. Each can be done, and undone, any number of
// times with the same outcome as once.
type step struct {
	Op   string      `json:"op"`
	Path string      `json:"path"`
	Old  string      `json:"old,omitempty"`  // digest of the file there before, empty if none
	New  string      `json:"new,omitempty"`  // digest of the file put there
	Perm fs.FileMode `json:"perm,omitempty"` // of the directory pruned
}

// check says why a step, read from a journal, cannot be one of ours.
func (s step) check() error {
	if !slices.Contains([]string{opRemove, opPrune, opMkdir, opPut}, s.Op) {
		return fmt.Errorf("unknown operation %q", s.Op)
	}
	return checkPath(s.Path)
}

// plan returns the steps that make the tree what is wanted, overwriting what
// the caller has not refused to overwrite. The record comes last. The error
// says which directories cannot be written.
func (p *place) plan(w wanted, s scan) ([]step, error) {
	puts := slices.Concat(s.state.Missing, s.state.Stale, s.state.Collides)
	removes := slices.Clone(s.state.Obsolete)
	for _, path := range s.state.Edited {
		if _, keep := w.sums[path]; keep {
			puts = append(puts, path)
		} else {
			removes = append(removes, path)
		}
	}
	if _, keep := w.sums[RecordFile]; keep && !slices.Contains(puts, RecordFile) {
		puts = append(puts, RecordFile)
	}
	slices.Sort(puts)
	slices.Sort(removes)
	steps := removeSteps(recordLast(removes), s.disk)
	prunes, err := p.pruneSteps(w, removes, s.inWay)
	if err != nil {
		return nil, err
	}
	mkdirs, err := p.mkdirSteps(puts)
	if err != nil {
		return nil, err
	}
	steps = slices.Concat(steps, prunes, mkdirs, putSteps(w, recordLast(puts), s.disk))
	return steps, p.checkTouched(steps)
}

// removeSteps deletes files.
func removeSteps(paths []string, disk map[string]entry) []step {
	var steps []step
	for _, path := range paths {
		steps = append(steps, step{Op: opRemove, Path: path, Old: disk[path].digest})
	}
	return steps
}

// putSteps puts wanted files in place.
func putSteps(w wanted, paths []string, disk map[string]entry) []step {
	var steps []step
	for _, path := range paths {
		steps = append(steps, step{Op: opPut, Path: path, Old: disk[path].digest, New: w.sums[path]})
	}
	return steps
}

// pruneSteps deletes, innermost first, the directories that removes may leave
// empty and those in the way, but none that a wanted file is in.
func (p *place) pruneSteps(w wanted, removes, inWay []string) ([]step, error) {
	dirs := dirSet(removes)
	for _, d := range inWay {
		dirs[d] = true
	}
	for d := range dirSet(w.paths()) {
		delete(dirs, d)
	}
	var steps []step
	for _, d := range slices.Backward(slices.Sorted(maps.Keys(dirs))) {
		info, err := p.lstat(p.in(d))
		if err != nil {
			return nil, err
		}
		if info != nil {
			steps = append(steps, step{Op: opPrune, Path: d, Perm: info.Mode().Perm()})
		}
	}
	return steps, nil
}

// mkdirSteps creates, outermost first, the directories that puts need and that
// are not there.
func (p *place) mkdirSteps(puts []string) ([]step, error) {
	var steps []step
	for _, d := range slices.Sorted(maps.Keys(dirSet(puts))) {
		e, err := p.look(d)
		if err != nil {
			return nil, err
		}
		if e.info == nil || !e.info.IsDir() {
			steps = append(steps, step{Op: opMkdir, Path: d})
		}
	}
	return steps, nil
}

// dirSet returns all directories of paths within the tree.
func dirSet(paths []string) map[string]bool {
	set := map[string]bool{}
	for _, path := range paths {
		for _, d := range dirsOf(path) {
			set[d] = true
		}
	}
	return set
}

// checkTouched checks that the directories that steps change can be written,
// as far as they exist.
func (p *place) checkTouched(steps []step) error {
	return p.checkWritable(p.touched(steps)...)
}

// touched returns the names of all directories that steps change, sorted.
func (p *place) touched(steps []step) []string {
	set := map[string]bool{}
	for _, s := range steps {
		dirs := dirsOf(p.in(s.Path))
		set[dirs[len(dirs)-1]] = true
	}
	return slices.Sorted(maps.Keys(set))
}
