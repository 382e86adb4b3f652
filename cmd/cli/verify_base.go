package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/load"
	"github.com/ringplan/ringplan/pkg/release"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
	"github.com/ringplan/ringplan/pkg/tree"
)

// verifyBase compares topologies with a Git revision, if one is given. It
// returns what they were where the change begins, and what it found.
func (a *app) verifyBase(ctx context.Context, args []string, rings []*ring, known diag.List, base string) (*earlier, diag.List, error) {
	if base == "" {
		return nil, nil, nil
	}
	files, err := a.find(args)
	if err != nil {
		return nil, nil, err
	}
	before, err := a.earlier(ctx, files, moment{base, true})
	if err != nil {
		return nil, nil, err
	}
	var findings diag.List
	for _, r := range rings {
		r.findings = nil
		r.verifyLock(before.rings[r.file])
		r.verifyDelivery(before.rings[r.file])
		err := r.verifyFolder(before)
		if err == nil {
			err = a.markStale(ctx, r, before, known)
		}
		if err == nil {
			err = a.verifyRing(ctx, r, base, before, known)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", filepath.ToSlash(r.file), err)
		}
		findings = append(findings, r.findings...)
	}
	if len(args) == 0 {
		args = []string{a.file}
	}
	lost, err := lostRings(ctx, args, base)
	return before, append(findings, lost...), err
}

// verifyLock sees that no chart has lost its pin.
func (r *ring) verifyLock(was *ring) {
	if was == nil {
		return
	}
	var lost []string
	for _, pin := range was.lock {
		if _, ok := r.lock.Pin(pin.Name, pin.Version); !ok && pin.Version == r.Spec.Version && pin.Source == r.source() {
			lost = append(lost, pin.Name)
		}
	}
	if len(lost) > 0 {
		r.found("RP154", release.LockFile, 1, 1, "", "%s pinned %s before, and does not any more", release.LockFile, strings.Join(lost, ", "))
		r.findings[len(r.findings)-1].Severity = diag.Error
	}
}

// markStale makes files that were not as rendered at the base already, and are
// not now, findings of both.
func (a *app) markStale(ctx context.Context, r *ring, before *earlier, known diag.List) error {
	was := before.rings[r.file]
	if was == nil || !slices.ContainsFunc(known, func(f diag.Finding) bool { return f.Code == "RP127" && inFolder(f.Pos.File, r.dir()) }) {
		return nil
	}
	if a.erring && was.commitsManifests() {
		return nil // nobody knows what its charts rendered
	}
	files, err := a.renderFiles(ctx, was, was.at)
	if err != nil && was.commitsManifests() && ctx.Err() == nil {
		return nil // its charts are not there any more, say, so that nobody knows
	}
	if err != nil {
		return err
	}
	at := before.spots[r.file]
	rendered, err := at.repo.Files(ctx, at.commit, r.out("", false))
	if err != nil {
		return err
	}
	delete(rendered.Files, tree.RecordFile) // which follows the others
	stale := map[string]bool{}
	for _, file := range changed(rendered.Files, files) {
		stale[r.beside("rendered/"+file)] = true
		stale[r.beside("rendered/"+tree.RecordFile)] = true
	}
	for _, f := range known {
		if f.Code == "RP127" && stale[f.Pos.File] {
			before.findings = append(before.findings, f)
		}
	}
	return nil
}

// lostRings reports the topologies in the given folders that had regions in the
// ring at a Git revision, and are not there any more.
func lostRings(ctx context.Context, folders []string, base string) (diag.List, error) {
	var findings diag.List
	for _, folder := range folders {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		fork, err := moment{base, true}.spot(ctx, folder)
		if err != nil {
			return nil, err
		}
		snapshot, err := fork.repo.Select(ctx, fork.commit, folder, func(name string) bool { return path.Base(name) == stage.RolloutFile })
		if err != nil {
			return nil, err
		}
		for _, file := range slices.Sorted(maps.Keys(snapshot.Files)) {
			dir := filepath.Join(folder, filepath.FromSlash(path.Dir(file)))
			if topology, err := load.In(dir); topology != "" || err != nil {
				continue // it is there, whatever is wrong with it
			}
			rollout, problems := stage.DecodeRollout(snapshot.Files[file])
			if len(problems) > 0 {
				continue
			}
			holder := &ring{file: filepath.Join(dir, "topology")}
			for _, p := range rollout.Regions {
				if p.Phase.InRing() {
					holder.found("RP124", stage.RolloutFile, 1, 1, "", "region %s of topology %s is %s in %s, and the topology is not here any more (I5)", p.Region, rollout.Topology, p.Phase, base)
				}
			}
			findings = append(findings, holder.findings...)
		}
	}
	return findings, nil
}

// verifyRing compares a ring with a Git revision.
func (a *app) verifyRing(ctx context.Context, r *ring, base string, before *earlier, known diag.List) error {
	if !r.history.sound {
		return nil
	}
	fork := before.spots[r.file]
	tip, err := fork.repo.Resolve(ctx, base)
	if err != nil {
		return err
	}
	kept, err := r.recordsAt(ctx, spot{fork.repo, tip})
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(kept)) {
		now, here := r.history.files[file]
		switch {
		case !here:
			r.found("RP129", file, 1, 1, "", "%s has this record, and it is not here", base)
		case !sameRecord(kept[file], now):
			r.found("RP129", file, 1, 1, "", "the record is not as it is in %s", base)
		}
	}
	if err := r.verifyByHand(before, known); err != nil {
		return err
	}
	if fork.commit != tip {
		if kept, err = r.recordsAt(ctx, fork); err != nil {
			return err
		}
	}
	return a.verifyRadius(ctx, r, fork, r.steppedSince(kept), known)
}

// recordsAt returns the records at a commit, by their paths.
func (r *ring) recordsAt(ctx context.Context, s spot) (map[string][]byte, error) {
	snapshot, err := s.repo.Files(ctx, s.commit, filepath.Join(r.dir(), stage.EvidenceDir))
	if err != nil {
		return nil, err
	}
	records := map[string][]byte{}
	for file, data := range snapshot.Files {
		if path.Ext(file) == ".yaml" {
			records[path.Join(stage.EvidenceDir, file)] = data
		}
	}
	return records, nil
}

// sameRecord tells whether two files hold the same record, however they are
// written. One that cannot be read is like no other.
func sameRecord(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	one, problems := stage.DecodeRecord(a)
	if len(problems) > 0 {
		return false
	}
	other, problems := stage.DecodeRecord(b)
	return len(problems) == 0 && one.Digest() == other.Digest()
}

// steppedSince lists the regions of the steps whose records are not among those
// known.
func (r *ring) steppedSince(known map[string][]byte) []string {
	var stepped []string
	for _, rec := range r.history.records {
		if _, old := known[rec.Path()]; !old {
			stepped = append(stepped, rec.Region)
		}
	}
	return stepped
}

// verifyByHand reports changes that cannot be taken back, or that destroy data,
// and that edits of the topology make: a procedure has to make them, or nobody.
// What is known to be wrong with a fixed property of a region is enough.
func (r *ring) verifyByHand(before *earlier, known diag.List) error {
	was := before.rings[r.file]
	if was == nil {
		return nil
	}
	old, err := was.render(r.at) // so that steps make no difference
	if err != nil {
		return err
	}
	regions, err := r.changesFrom(old, "")
	if err != nil {
		return err
	}
	for _, d := range regions {
		region := r.Region(d.Region)
		if region == nil || reported(known, r, region.Path("")) {
			continue
		}
		for _, c := range d.Changes {
			if engineOf(c.Change.File) == "" && (c.Class == system.OneWay || c.Class == system.DestroysData) { // of engines RP165 says it
				r.foundByHand(region, c)
			}
		}
	}
	return nil
}

// reported tells whether a fixed property of a region is known to be changed.
func reported(known diag.List, r *ring, region string) bool {
	return slices.ContainsFunc(known, func(f diag.Finding) bool {
		return f.Code == "RP125" && f.Pos.File == r.At(region).File && strings.HasPrefix(f.Path, region+".")
	})
}

func (r *ring) foundByHand(region *topology.Region, c report.Effected) {
	what := c.Change.Path
	if what == "" {
		what = c.Change.File
	}
	r.foundAt("RP132", region.Path(""), "%s of region %s is %s by hand (%s): %s", what, region.Name, c.Change.Op.Past(), c.Class, c.Why)
	last := &r.findings[len(r.findings)-1]
	if c.Class == system.DestroysData {
		last.Severity = diag.Error
	}
	last.Hint = "take the change back; no procedure of ringplan makes it, so do it only if somebody has weighed what it does"
	if c.Procedure != "" {
		last.Hint = fmt.Sprintf("take the change back, and go through `ringplan advance %s --procedure %s`", region.Name, c.Procedure)
	}
}

// verifyRadius wants a change that takes steps to touch the rendered files of
// their regions only (I7).
func (a *app) verifyRadius(ctx context.Context, r *ring, fork spot, stepped []string, known diag.List) error {
	if len(stepped) == 0 || !r.history.sound {
		return nil
	}
	files, told, err := a.treeOf(ctx, r, known)
	if err != nil {
		return err
	}
	before, err := fork.repo.Files(ctx, fork.commit, r.out("", false))
	if err != nil {
		return err
	}
	for _, file := range changed(before.Files, files) {
		region, _, inRegion := strings.Cut(file, "/")
		if told(file) && inRegion && !isEngine(region) && !slices.Contains(stepped, region) {
			r.found("RP128", path.Join("rendered", file), 1, 1, "", "the file of region %s changes together with a step of region %s", region, strings.Join(slices.Compact(slices.Sorted(slices.Values(stepped))), " and "))
		}
	}
	return nil
}

// changed lists the paths that differ between a revision and now, sorted. Git
// may store files with other line ends.
func changed(before map[string][]byte, now []tree.File) []string {
	paths := map[string]bool{}
	for file := range before {
		paths[file] = true
	}
	for _, file := range now {
		if old, there := before[file.Path]; there && bytes.Equal(unix(old), file.Data) {
			delete(paths, file.Path)
		} else {
			paths[file.Path] = true
		}
	}
	return slices.Sorted(maps.Keys(paths))
}

func unix(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) }
