package tree

import (
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// besideSteps returns the steps that put files beside the tree. The error
// lists all paths that cannot be there.
func (p *place) besideSteps(files []Beside) ([]step, error) {
	var steps []step
	var paths []string
	var errs *multierror.Error
	for _, f := range files {
		paths = append(paths, f.Path)
		steps = append(steps, step{Op: opPut, Name: f.Path, Old: f.Old, New: digest(f.Data), data: f.Data})
		if err := p.checkOutside(f.Path); err != nil {
			errs = multierror.Append(errs, err)
		}
	}
	if err := join(collapse(errs), checkTogether(paths)); err != nil {
		return nil, fmt.Errorf("files beside the tree: %w", err)
	}
	return steps, nil
}

// checkOutside returns an error for a name in the tree or its staging
// directory, also where the file system ignores case.
func (p *place) checkOutside(name string) error {
	switch top, _, _ := strings.Cut(name, "/"); fold(top) {
	case fold(p.base):
		return fmt.Errorf("path %q is in the tree, not beside it", name)
	case fold(p.stage):
		return fmt.Errorf("path %q is in the staging directory of the tree", name)
	}
	return nil
}

// unchanged returns an error that wraps ErrChanged and names every file that
// steps put beside the tree and that is not as it has to be before. The tree
// itself is left to surprises, which is content with what does no harm.
func (p *place) unchanged(steps []step) error {
	var errs *multierror.Error
	for _, s := range steps {
		if _, in := p.inside(s.Name); in || s.Op != opPut {
			continue
		}
		e, err := p.look(s.Name)
		if err == nil && (e.digest != s.Old || e.under != "" || s.Old == "" && e.info != nil) {
			err = p.changed(s, e)
		}
		if err != nil {
			errs = multierror.Append(errs, err)
		}
	}
	return collapse(errs)
}

// changed says that e is not what step s has to find.
func (p *place) changed(s step, e entry) error {
	what := "it has other content"
	switch {
	case e.under != "":
		what = p.show(e.under) + " is a file"
	case e.info == nil:
		what = "it is gone"
	case s.Old == "":
		what = "it exists by now"
	case e.info.IsDir():
		what = "it is a directory"
	}
	return fmt.Errorf("%s: %w: %s", p.show(s.Name), ErrChanged, what)
}
