package tree

import (
	"io/fs"
	"maps"
	"path"
	"slices"
)

// The operations of a step, in the order in which a transaction does them.
const (
	opRemove = "remove" // delete a file
	opPrune  = "prune"  // delete a directory if it is empty
	opMkdir  = "mkdir"  // create a directory
	opPut    = "put"    // move a staged file into place
)

// step is one change to a tree or to what is beside it. Each can be done, and
// undone, any number of times with the same outcome as once.
type step struct {
	Op   string      `json:"op"`
	Name string      `json:"path"`           // relative to the directory above the tree
	Old  string      `json:"old,omitempty"`  // digest of the file there before, empty if none
	New  string      `json:"new,omitempty"`  // digest of the file put there
	Perm fs.FileMode `json:"perm,omitempty"` // of the directory pruned

	data []byte // of the file put there, until it is staged
}

// plan returns the steps that make the tree what is wanted, overwriting what
// the caller has not refused to overwrite, and put the files beside it in
// place. The record comes last, if the tree changes at all. The error says
// which directories cannot be written.
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
	_, keep := w.sums[RecordFile]
	if keep && !s.state.Clean() && !slices.Contains(puts, RecordFile) {
		puts = append(puts, RecordFile)
	}
	slices.Sort(puts)
	slices.Sort(removes)
	prunes, err := p.pruneSteps(w, removes, s.inWay)
	if err != nil {
		return nil, err
	}
	putting := slices.Concat(w.beside, p.putSteps(w, recordLast(puts), s.disk))
	mkdirs, err := p.mkdirSteps(putting)
	if err != nil {
		return nil, err
	}
	steps := slices.Concat(p.removeSteps(recordLast(removes), s.disk), prunes, mkdirs, putting)
	return steps, p.checkTouched(steps)
}

// removeSteps deletes files of the tree.
func (p *place) removeSteps(paths []string, disk map[string]entry) []step {
	var steps []step
	for _, path := range paths {
		steps = append(steps, step{Op: opRemove, Name: p.in(path), Old: disk[path].digest})
	}
	return steps
}

// putSteps puts wanted files of the tree in place.
func (p *place) putSteps(w wanted, paths []string, disk map[string]entry) []step {
	var steps []step
	for _, path := range paths {
		steps = append(steps, step{Op: opPut, Name: p.in(path), Old: disk[path].digest, New: w.sums[path], data: w.data[path]})
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
			steps = append(steps, step{Op: opPrune, Name: p.in(d), Perm: info.Mode().Perm()})
		}
	}
	return steps, nil
}

// mkdirSteps creates, outermost first, the directories that puts need and that
// are not there, the tree itself among them.
func (p *place) mkdirSteps(puts []step) ([]step, error) {
	var names []string
	for _, s := range puts {
		names = append(names, s.Name)
	}
	var steps []step
	for _, d := range slices.Sorted(maps.Keys(dirSet(names))) {
		info, err := p.lstat(d)
		if err != nil {
			return nil, err
		}
		if info == nil || !info.IsDir() {
			steps = append(steps, step{Op: opMkdir, Name: d})
		}
	}
	return steps, nil
}

// dirSet returns all directories that paths are in, but for the one that they
// are relative to.
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
	return p.checkWritable(touched(steps)...)
}

// touched returns the names of all directories that steps change, sorted.
func touched(steps []step) []string {
	set := map[string]bool{}
	for _, s := range steps {
		set[path.Dir(s.Name)] = true
	}
	return slices.Sorted(maps.Keys(set))
}
