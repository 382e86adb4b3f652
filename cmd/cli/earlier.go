package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/gitrev"
	"github.com/ringplan/ringplan/pkg/load"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/topology"
)

// An earlier is what the topologies of a run were at a Git revision.
type earlier struct {
	rev string
	// spots says for each file of today where in Git it was looked for.
	spots map[string]spot
	// rings holds a ring for each file of today that was there and could be read.
	rings map[string]*ring
	// unreadable says of the others that were there why not.
	unreadable map[string]diag.Finding
	findings   diag.List
}

// A moment is the commit that a Git revision names, or the one at which HEAD
// parted from it.
type moment struct {
	rev    string
	parted bool
}

// A spot is a commit of a repository.
type spot struct {
	repo   *gitrev.Repo
	commit string
}

// spot finds the commit in the repository that holds a folder.
func (m moment) spot(ctx context.Context, folder string) (spot, error) {
	repo, err := gitrev.Open(ctx, folder)
	if err != nil {
		return spot{}, err
	}
	commit, err := m.commit(ctx, repo)
	return spot{repo, commit}, err
}

// commit finds the commit in a repository.
func (m moment) commit(ctx context.Context, repo *gitrev.Repo) (string, error) {
	tip, err := repo.Resolve(ctx, m.rev)
	if err != nil || !m.parted {
		return tip, err
	}
	head, err := repo.Resolve(ctx, "HEAD")
	if err != nil {
		return "", err
	}
	return repo.MergeBase(ctx, tip, head)
}

// earlier reads the folders of topology files as they were at a moment, and
// lints them. Nothing is checked out: what is needed is laid out in a temporary
// folder, which is gone when earlier returns.
func (a *app) earlier(ctx context.Context, files []string, when moment) (*earlier, error) {
	e := &earlier{rev: when.rev, spots: map[string]spot{}, rings: map[string]*ring{}, unreadable: map[string]diag.Finding{}}
	var rings []*ring
	for _, file := range files {
		s, err := when.spot(ctx, filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.ToSlash(file), err)
		}
		r, found, err := a.ringAt(ctx, file, s)
		if err != nil {
			return nil, fmt.Errorf("%s: as it is at %s: %w", filepath.ToSlash(file), when.rev, err)
		}
		e.spots[file] = s
		if r != nil {
			rings = append(rings, r)
			e.rings[file] = r
			continue
		}
		e.findings = append(e.findings, found...)
		if len(found) > 0 {
			e.unreadable[file] = found[0]
		}
	}
	lintFleet(rings)
	for _, r := range rings {
		r.findings = append(r.findings, r.manifestFindings()...)
		e.findings = append(e.findings, r.movedBack(r.lint())...)
	}
	e.findings.Sort()
	return e, nil
}

// ring returns the ring of a file at the revision, nil if it was not there. A
// topology that could not be read is an error.
func (e *earlier) ring(file string) (*ring, error) {
	if f, bad := e.unreadable[file]; bad {
		return nil, fmt.Errorf("the topology cannot be read as it is at %s (%s: %s): compare with what was rendered there, in a worktree, with --against", e.rev, f.Pos, f.Message)
	}
	return e.rings[file], nil
}

// rendered returns what the topology in a file rendered; nothing, if it was not
// there.
func (e *earlier) rendered(file string) ([]manifest.File, error) {
	r, err := e.ring(file)
	if r == nil || err != nil {
		return nil, err
	}
	return r.render(r.at)
}

// filesOf lists the files of rings.
func filesOf(rings []*ring) []string {
	var files []string
	for _, r := range rings {
		files = append(files, r.file)
	}
	return files
}

// ringAt reads one topology at a commit; the ring is nil if it was not there,
// or if the findings say what is wrong with it.
func (a *app) ringAt(ctx context.Context, file string, s spot) (*ring, diag.List, error) {
	temp, err := os.MkdirTemp("", "ringplan-")
	if err == nil {
		temp, err = filepath.Abs(temp)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("no temporary folder can be made, see TMPDIR: %w", err)
	}
	r, found, err := a.layOut(ctx, s, file, temp)
	return r, found, errors.Join(err, os.RemoveAll(temp))
}

// layOut reads a topology from a temporary folder that it fills.
func (a *app) layOut(ctx context.Context, s spot, file, temp string) (*ring, diag.List, error) {
	rel, err := s.repo.Rel(filepath.Dir(file))
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(temp, filepath.FromSlash(rel))
	own, err := s.repo.Select(ctx, s.commit, filepath.Dir(file), isInput)
	if err != nil {
		return nil, nil, err
	}
	if i := slices.IndexFunc(own.Links, isInput); i >= 0 && slices.Contains(readable, path.Ext(own.Links[i])) {
		return nil, nil, fmt.Errorf("%s is a symbolic link there, which --base does not follow", own.Links[i])
	}
	if err := writeAll(dir, own.Files); err != nil {
		return nil, nil, err
	}
	old := filepath.Join(dir, filepath.Base(file))
	if _, there := own.Files[filepath.Base(file)]; !there {
		if old, err = load.In(dir); old == "" || err != nil {
			return nil, nil, err
		}
	}
	if err := s.layOutTop(ctx, old, temp); err != nil {
		return nil, nil, err
	}
	r, found, err := a.readRing(ctx, old, nil, func(t *topology.Topology) error {
		return a.layOutBeside(ctx, s, t, filepath.Dir(file), temp)
	})
	if r != nil {
		if a.charts.on && err == nil {
			err = a.renderManifests(ctx, []*ring{r})
		}
		if !a.charts.on && err == nil {
			err = s.locate(ctx, r, filepath.Dir(file))
		}
		r.file, r.Dir, r.laidOut = file, filepath.Dir(file), old
	}
	return r, movedBack(found, old, file), err
}

// locate finds the charts of a ring whose topology is in a folder, where they were
// not laid out. What Git does not hold as files there has no place.
func (s spot) locate(ctx context.Context, r *ring, folder string) error {
	if r.Spec.Charts.Path == "" {
		return nil
	}
	var files []string
	_, err := s.repo.Select(ctx, s.commit, filepath.Join(folder, filepath.FromSlash(r.Spec.Charts.Path)), func(file string) bool {
		files = append(files, file)
		return false
	})
	if err != nil {
		return ctx.Err() // there is no such folder: it is outside, say
	}
	r.locateBy(func(place string) bool {
		return slices.ContainsFunc(files, func(file string) bool { return file == place || strings.HasPrefix(file, place+"/") })
	})
	return nil
}

// layOutTop makes a folder the top of a repository, and lays out the module of a
// .cue file, which may import any package of it.
func (s spot) layOutTop(ctx context.Context, file, temp string) error {
	err := os.MkdirAll(filepath.Join(temp, ".git"), 0o700) // by which a top is found
	if err != nil || filepath.Ext(file) != ".cue" {
		return err
	}
	module, err := s.repo.Select(ctx, s.commit, s.repo.Root(), func(name string) bool { return path.Ext(name) == ".cue" })
	if err != nil {
		return err
	}
	return writeAll(temp, module.Files)
}

// layOutBeside lays out what a topology refers to: files and folders of overlays,
// and its charts, if they are to be rendered.
func (a *app) layOutBeside(ctx context.Context, s spot, t *topology.Topology, folder, temp string) error {
	var names []string
	overlaysOf(t, func(_ string, o *topology.Overlay) {
		names = append(names, o.Components...)
		for _, p := range o.Patches {
			if p.Path != "" {
				names = append(names, p.Path)
			}
		}
	})
	if a.charts.on && t.Spec.Charts.Path != "" {
		names = append(names, t.Spec.Charts.Path)
	}
	for _, name := range names {
		rel, err := s.repo.Rel(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			continue // which reading it says
		}
		parent, base := path.Split(rel)
		found, err := s.repo.Select(ctx, s.commit, filepath.Join(s.repo.Root(), filepath.FromSlash(parent)), func(file string) bool {
			return file == base || strings.HasPrefix(file, base+"/")
		})
		if err != nil {
			return err
		}
		if err := writeAll(filepath.Join(temp, filepath.FromSlash(parent)), found.Files); err != nil {
			return err
		}
	}
	return nil
}

// readable are the extensions of what is read beside a topology.
var readable = []string{".cue", ".yaml", ".yml", ".json"}

// isInput reports whether a file in the folder of a topology is one that
// rendering reads.
func isInput(name string) bool {
	return !strings.Contains(name, "/") || strings.HasPrefix(name, stage.EvidenceDir+"/")
}

// writeAll writes files below a folder that nobody else sees.
func writeAll(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err = root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o700); err != nil {
			break
		}
		if err = root.WriteFile(filepath.FromSlash(name), files[name], 0o600); err != nil {
			break
		}
	}
	return errors.Join(err, root.Close())
}

// movedBack returns findings of a ring that was laid out elsewhere with the
// places that its files have today.
func (r *ring) movedBack(findings diag.List) diag.List {
	return movedBack(findings, r.laidOut, r.file)
}

// movedBack names the files beside the topology old as those beside file, which
// takes its place.
func movedBack(findings diag.List, old, file string) diag.List {
	for i := range findings {
		if !filepath.IsAbs(findings[i].Pos.File) {
			continue
		}
		if findings[i].Pos.File == filepath.ToSlash(old) {
			findings[i].Pos.File = filepath.ToSlash(file)
		} else if rel, err := filepath.Rel(filepath.Dir(old), findings[i].Pos.File); err == nil {
			findings[i].Pos.File = filepath.ToSlash(filepath.Join(filepath.Dir(file), rel))
		}
	}
	return findings
}

// A baseFlags says what findings are compared with.
type baseFlags struct {
	base    string
	newOnly bool
}

func (f *baseFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.base, "base", "", "Git revision that the change is based on")
	cmd.Flags().BoolVar(&f.newOnly, "new-only", false, "with --base, list and count only findings that were not there before")
}

func (f baseFlags) check() error {
	if f.newOnly && f.base == "" {
		return usage("--new-only goes with --base, which says what was there before")
	}
	return nil
}

// moment is where the change begins.
func (f baseFlags) moment() moment { return moment{f.base, true} }

// mark marks findings as new or unchanged, and leaves the unchanged out if only
// new ones are wanted.
func (f baseFlags) mark(findings, before diag.List) diag.List {
	findings.CompareWith(before)
	if f.newOnly {
		findings = slices.DeleteFunc(findings, func(f diag.Finding) bool { return f.Baseline == diag.Unchanged })
	}
	return findings
}
