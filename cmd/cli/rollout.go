package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/tree"
)

// rolloutRules document what is found in a rollout and its evidence.
var rolloutRules = []lint.Rule{
	{
		Code: "RP120", Name: "rollout-unreadable", Severity: diag.Error, Always: true,
		Summary: "The rollout, or a record of its evidence, cannot be read.",
		Why:     "Where the regions stand is not known, so nothing can be rendered or moved safely.",
		Fix:     "Restore the file from Git. Only `ringplan advance`, `adopt` and `abort` write it.",
		Source:  "ringplan",
	}, {
		Code: "RP121", Name: "evidence-chain", Severity: diag.Error, Always: true,
		Summary: "The chain of evidence is broken: a record is missing, was edited, or two follow the same one.",
		Why:     "Each record holds the digest of the one before. Where that does not fit, what was proven is not what happened.",
		Fix:     "Restore evidence/ from Git. Where two branches both took a step, keep one and take the other's step again.",
		Source:  "ringplan",
	}, {
		Code: "RP122", Name: "step-not-proven", Severity: diag.Error, Always: true,
		Summary: "A step of the rollout is not allowed, or its gate is not open by the observations in its record.",
		Why:     "A seed host that leaves before the rebuild is complete, or a second region that moves the ring, can lose data (I1, I3, I4, I5).",
		Fix:     "Restore rollout.yaml and evidence/ from Git, and take the step with `ringplan advance`, which proves it.",
		Source:  "[MR] the order of an expansion; ringplan",
	}, {
		Code: "RP123", Name: "rollout-forged", Severity: diag.Error, Always: true,
		Summary: "The rollout is not what its records add up to.",
		Why:     "It was edited by hand, or is of another branch than its evidence: a region would be rendered at a phase that nothing proves (I1).",
		Fix:     "Restore rollout.yaml from Git, and move regions with `ringplan advance`, `adopt` or `abort`.",
		Source:  "ringplan",
	}, {
		Code: "RP124", Name: "region-dropped", Severity: diag.Error, Always: true,
		Summary: "A region is in the ring by the rollout, and not in the topology.",
		Why:     "Its files would be removed at once, and with them its datacenter, before it has left the ring (I5).",
		Fix:     "Put the region back, take it out of the ring with `ringplan advance REGION --procedure decommission`, and remove it once it is gone. A region cannot be renamed.",
		Source:  "[TS-STALE] a cluster that is deleted without leaving the ring leaves stale nodes",
	}, {
		Code: "RP125", Name: "fact-changed", Severity: diag.Error, Always: true,
		Summary: "A property that cannot change was changed for a region in the ring, or any that matters while the region moves.",
		Why:     "Cassandra refuses to start with another rack, datacenter or cluster name; and a region that changes while it joins or leaves is not the one that its gates are about.",
		Fix:     "Take the change back. Or decommission the region and build it anew; or finish what is under way first.",
		Source:  "INF Cassandra refuses to start when its datacenter or rack has changed",
	}, {
		Code: "RP126", Name: "fact-unproven", Severity: diag.Warning,
		Summary: "A serving region is not as it was when it was last proven.",
		Why:     "It is being scaled or upgraded, perhaps. Until the change is proven, no other region can join or leave the ring.",
		Fix:     "Bring the region there, then record it: `ringplan adopt REGION -f FILE`.",
		Source:  "[MR] never expand while versions differ; ringplan",
	}, {
		Code: "RP127", Name: "rendered-differs", Severity: diag.Error, Always: true,
		Summary: "A rendered file is not what the topology and the rollout say.",
		Why:     "What is synced is not what was reviewed: the file was edited by hand, or a change was not rendered (I8).",
		Fix:     "Move changes by hand into the topology, under values; then `ringplan render` and commit.",
		Source:  "ringplan",
	}, {
		Code: "RP128", Name: "blast-radius", Severity: diag.Error, Always: true,
		Summary: "A step of one region comes with changes to the files of another.",
		Why:     "Who reviews a step expects that it changes its own region only (I7).",
		Fix:     "Put the change of the topology into a pull request of its own, before or after the step.",
		Source:  "ringplan",
	}, {
		Code: "RP129", Name: "history-rewritten", Severity: diag.Error, Always: true,
		Summary: "The records of the base are not the first records here.",
		Why:     "Evidence is only ever added to. What differs was removed or edited, or the base has gone on meanwhile.",
		Fix:     "Merge or rebase on the base, keep its records, and take your own step again.",
		Source:  "ringplan",
	}, {
		Code: "RP130", Name: "plan-stale", Severity: diag.Error, Always: true,
		Summary: "A saved plan is not the plan any more: the topology or the rollout has changed since.",
		Why:     "What was approved is not what would happen.",
		Fix:     "Make the plan anew with `ringplan plan --save`, and have it approved.",
		Source:  "ringplan",
	}, {
		Code: "RP131", Name: "seed-host-differs", Severity: diag.Warning,
		Summary: "The topology's seed host is not the one that the region joins with.",
		Why:     "The region keeps the one that it started with, in the rollout, until its rebuild is complete.",
		Fix:     "Take the change back; or abort the expansion, and start it anew with the new address.",
		Source:  "[MR] the seed host stays until the data replication is verified",
	}, {
		Code: "RP132", Name: "changed-by-hand", Severity: diag.Warning, Always: true,
		Summary: "A change that cannot be taken back, or that destroys data, is made by editing the topology.",
		Why:     "What is synced next does it, and nothing has proven that it may be done now. What destroys data is an error.",
		Fix:     "Take the change back, and go through the procedure that makes it; `ringplan diff` names it, and why.",
		Source:  "the table of effects, which names a source for each field",
	},
}

// A history is the rollout of a topology, and the records that make it.
type history struct {
	stage.Rollout
	records []stage.Record
	// files are those that the history was read from.
	files map[string][]byte
	// sound is false if something is wrong with the rollout or its evidence:
	// then it goes as far as it is proven.
	sound bool
}

// readHistory reads the rollout beside a ring's topology, and proves it.
func (r *ring) readHistory() error {
	files, err := r.readFiles()
	if err != nil {
		return err
	}
	r.history = r.replay(files)
	return nil
}

// readFiles reads rollout.yaml and the records as they are at one moment: again
// and again, until two readings agree and no step was being written in between.
func (r *ring) readFiles() (map[string][]byte, error) {
	var before map[string][]byte
	for {
		if _, err := tree.Recover(r.out("", false)); err != nil {
			return nil, err
		}
		files, err := readEvidence(r.dir())
		if err != nil || before != nil && maps.EqualFunc(before, files, bytes.Equal) {
			return files, err
		}
		before = files
	}
}

// dir is the folder of the ring's topology.
func (r *ring) dir() string { return filepath.Dir(r.file) }

// readEvidence returns rollout.yaml and the records below a folder, by their
// slash-separated paths in it.
func readEvidence(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	data, err := readRegular(filepath.Join(dir, stage.RolloutFile))
	if err == nil {
		files[stage.RolloutFile] = data
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	root := os.DirFS(dir)
	err = fs.WalkDir(root, stage.EvidenceDir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == stage.EvidenceDir {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) != ".yaml" {
			return err
		}
		files[path], err = fs.ReadFile(root, path)
		return err
	})
	return files, err
}

// readRegular reads a file, and nothing that may keep it waiting.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a file", filepath.ToSlash(name))
	}
	return os.ReadFile(name)
}

// replay proves a rollout step by step, and reports what is wrong with it. It
// returns what is proven.
func (r *ring) replay(files map[string][]byte) history {
	h := history{Rollout: stage.Rollout{Topology: r.Metadata.Name}, files: files}
	records, sound := r.decodeRecords(files)
	topology := ""
	if len(records) > 0 {
		topology = r.Digest()
	}
	for _, rec := range records {
		after, ok := r.follow(h.Rollout, rec, topology)
		if !ok {
			sound = false
			break
		}
		h.Rollout = after
		r.lastRecord = rec.Path()
		h.records = append(h.records, rec)
	}
	data, there := files[stage.RolloutFile]
	h.sound = sound && r.compareRollout(data, there, h.Rollout)
	return h
}

// rawDigest returns the SHA-256 of rollout.yaml in hex, or "" if there is none.
func rawDigest(files map[string][]byte) string {
	data, there := files[stage.RolloutFile]
	if !there {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// found reports what is wrong with a file beside the topology.
func (r *ring) found(code, path string, line, column int, hint, format string, args ...any) {
	rules := slices.Concat(rolloutRules, besideRules)
	rule := rules[slices.IndexFunc(rules, func(rule lint.Rule) bool { return rule.Code == code })]
	if hint == "" {
		hint = rule.Fix
	}
	r.findings = append(r.findings, diag.Finding{
		Code: code, Severity: rule.Severity, Pos: diag.Pos{File: r.beside(path), Line: line, Column: column},
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// beside returns the path of something in the folder of the topology, for a
// message.
func (r *ring) beside(path string) string { return filepath.ToSlash(filepath.Join(r.dir(), path)) }

func (r *ring) unreadable(path string, problems []manifest.Problem) {
	for _, p := range problems {
		r.found("RP120", path, p.Line, p.Column, "", "%s", p.Message)
	}
}

// decodeRecords returns the records in the order of their steps, and whether
// each can be read and stands where it belongs.
func (r *ring) decodeRecords(files map[string][]byte) ([]stage.Record, bool) {
	var records []stage.Record
	sound := true
	for path, data := range files {
		if path == stage.RolloutFile {
			continue
		}
		rec, problems := stage.DecodeRecord(data)
		if len(problems) > 0 {
			r.unreadable(path, problems)
			sound = false
			continue
		}
		if rec.Path() != path {
			r.found("RP121", path, 1, 1, "", "the record belongs at %s", r.beside(rec.Path()))
			sound = false
			continue
		}
		records = append(records, rec)
	}
	slices.SortFunc(records, func(a, b stage.Record) int {
		return strings.Compare(fmt.Sprintf("%09d %s", a.Step, a.Path()), fmt.Sprintf("%09d %s", b.Step, b.Path()))
	})
	return records, sound
}

// follow applies the next record; topology is the digest of the topology as it
// is.
func (r *ring) follow(before stage.Rollout, rec stage.Record, topology string) (stage.Rollout, bool) {
	switch {
	case rec.Step <= before.Step:
		r.found("RP121", rec.Path(), 1, 1, "", "there is another record of step %d, %s: two branches took a step from the same place", rec.Step, r.beside(r.lastRecord))
		return before, false
	case rec.Step > before.Step+1:
		r.found("RP121", rec.Path(), 1, 1, "", "there is a record of step %d, and none of step %d", rec.Step, before.Step+1)
		return before, false
	case rec.Previous != before.Head:
		r.found("RP121", rec.Path(), 1, 1, "", "step %d does not follow step %d as that is written now: one of the two was edited, or is of another branch", rec.Step, before.Step)
		return before, false
	}
	after, refusals := r.system.Replay(before, rec)
	if len(refusals) == 0 && rec.Topology == topology {
		_, refusals = r.system.Replay(before, r.asExpectedNow(before, rec))
		for i := range refusals {
			refusals[i].Message += ", by what the topology says and the record does not"
		}
	}
	for _, refusal := range refusals {
		r.found("RP122", rec.Path(), 1, 1, refusal.Way, "by this record, %s", refusal.Words())
	}
	return after, len(refusals) == 0
}

// asExpectedNow returns a record with what its gate is to be judged by put in
// anew, for a record of the topology as it still is: then what was written into
// the record must not be kinder to the observations.
func (r *ring) asExpectedNow(before stage.Rollout, rec stage.Record) stage.Record {
	at := before.At(rec.Region)
	if procedure := r.system.Procedures.Named(rec.Procedure); at.Phase.Rests() && procedure != nil {
		at.Procedure, at.Phase = procedure.Name, procedure.First()
	}
	rec.Expected = r.compiled.Expect(at, before)
	return rec
}

// compareRollout compares rollout.yaml with what its records add up to.
func (r *ring) compareRollout(data []byte, there bool, want stage.Rollout) bool {
	forged := func(hint, format string, args ...any) bool {
		r.found("RP123", stage.RolloutFile, 1, 1, hint, format, args...)
		return false
	}
	if !there && want.Step > 0 {
		return forged("", "the file is missing, and there are records of %s", report.Count(want.Step, "step"))
	}
	if !there {
		return true
	}
	have, problems := stage.DecodeRollout(data)
	if len(problems) > 0 {
		r.unreadable(stage.RolloutFile, problems)
		return false
	}
	if have.Topology != want.Topology {
		return forged("a topology cannot be renamed once its rollout has begun: take the change of metadata.name back",
			"the rollout is of topology %s, not of %s", have.Topology, want.Topology)
	}
	if difference := differ(have, want); difference != "" {
		return forged("", "%s", difference)
	}
	if !have.Equal(want) {
		return forged("restore the one of the two that is not as Git has it", "the rollout was written with another record of step %d than %s: one of the two files was edited", want.Step, r.beside(r.lastRecord))
	}
	return true
}

// differ says where a rollout first differs from what is proven.
func differ(have, want stage.Rollout) string {
	for _, p := range want.Regions {
		if now := have.At(p.Region); now.Phase != p.Phase || now.Procedure != p.Procedure {
			return fmt.Sprintf("region %s is %s here, and %s by its evidence (I1)", p.Region, now.Phase, p.Phase)
		}
	}
	for _, p := range have.Regions {
		if want.At(p.Region).Phase == stage.Planned && p.Phase != stage.Planned {
			return fmt.Sprintf("region %s is %s here, and there is no evidence of it (I1)", p.Region, p.Phase)
		}
	}
	for _, p := range want.Regions {
		now := have.At(p.Region)
		if now.SeedHost != p.SeedHost || now.Source != p.Source || !now.Since.Equal(p.Since) || !maps.Equal(now.Facts, p.Facts) {
			return fmt.Sprintf("what it says of region %s is not what the evidence says", p.Region)
		}
	}
	return ""
}

// lintRollout compares a topology with the rollout that was proven.
func (r *ring) lintRollout() {
	if !r.history.sound {
		return // one thing at a time
	}
	for _, p := range r.history.Regions {
		if !p.Phase.InRing() {
			continue
		}
		region := r.Region(p.Region)
		if region == nil {
			hint := ""
			if p.Phase != stage.Serving {
				hint = "put the region back, and finish what is under way or leave it with `ringplan abort " + p.Region + "`; remove the region once it is planned or gone"
			}
			r.found("RP124", stage.RolloutFile, 1, 1, hint, "region %s is %s, and the topology does not have it (I5)", p.Region, p.Phase)
			continue
		}
		for _, f := range r.compiled.Facts(p.Region) {
			r.lintFact(p, f)
		}
		if p.Source != "" && p.Source != region.ExpandFrom {
			r.foundAt("RP125", region.Path("expandFrom"), "region %s is %s, built from %s: that cannot be %q meanwhile", p.Region, p.Phase, p.Source, region.ExpandFrom)
		}
		if p.SeedHost != "" && region.SeedHost != "" && p.SeedHost != region.SeedHost {
			r.foundAt("RP131", region.Path("seedHost"), "region %s is %s with seed host %s, not %s", p.Region, p.Phase, p.SeedHost, region.SeedHost)
		}
	}
}

func (r *ring) lintFact(p stage.Progress, f stage.Fact) {
	was, known := p.Facts[f.Name]
	procedure := r.system.Procedures.Named(p.Procedure)
	founding := !p.Phase.Rests() && procedure != nil && procedure.Founds
	if !known || was == f.Value || founding && !f.Fixed {
		return // nothing relies yet on a region that founds the ring
	}
	code := "RP126"
	if f.Fixed || !p.Phase.Rests() {
		code = "RP125"
	}
	r.foundAt(code, f.Path, "%s of region %s, which is %s, was %s and is %s now", f.Name, p.Region, p.Phase, was, f.Value)
}

// foundAt reports a finding at a field of the topology.
func (r *ring) foundAt(code, path, format string, args ...any) {
	r.found(code, "", 0, 0, "", format, args...)
	last := &r.findings[len(r.findings)-1]
	last.Pos, last.Path = r.At(path), path
}

// preview puts regions at the phases of --phase; without it the ring stands
// where its rollout says.
func (r *ring) preview(known stage.Phases) {
	r.at = r.history.Rollout
	if len(known) > 0 {
		r.at, r.refusals = r.members.Preview(r.system.Procedures, r.at, known)
		for _, p := range r.at.Regions {
			if p.Facts == nil {
				p.Facts = system.Facts(r.compiled, p.Region)
				r.at = r.at.With(p)
			}
		}
	}
}

// rolloutFiles returns what a step writes beside the rendered tree.
func (r *ring) rolloutFiles(taken system.Taken) ([]tree.Beside, error) {
	rollout, err := taken.After.Encode()
	if err != nil {
		return nil, err
	}
	record, err := taken.Record.Encode()
	if err != nil {
		return nil, err
	}
	return []tree.Beside{
		{Path: stage.RolloutFile, Old: rawDigest(r.history.files), Data: rollout},
		{Path: taken.Record.Path(), Data: record},
	}, nil
}
