//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// newBeside writes c to a new directory named rendered, with besideWas beside.
func newBeside(t *testing.T, c content) string {
	t.Helper()
	return crashCase{was: c}.setUp(t)
}

func TestCommit(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	was, want := content{"a": "1", "gone": "1", "same": "1"}, content{"a": "2", "same": "1", "rollout.yaml": "inside"}
	dir := newBeside(t, was)
	before := stamps(t, filepath.Dir(dir))
	res, err := Commit(t.Context(), dir, want.files(), moved.replacing(t, dir), false)
	if err != nil || !reflect.DeepEqual(res, Result{
		Written:   []string{RecordFile, "a", "rollout.yaml"},
		Removed:   []string{"gone"},
		Beside:    []string{"evidence/east/03-rebuild-complete.yaml", "rollout.yaml"},
		Unchanged: 1,
	}) {
		t.Errorf("%+v, %v", res, err)
	}
	wantTree(t, dir, want.generated())
	if got := besideOf(t, dir); !reflect.DeepEqual(got, crashCase{beside: moved}.besideAfter()) {
		t.Errorf("beside the tree is\n%s", show(got))
	}
	after := stamps(t, filepath.Dir(dir))
	for _, path := range []string{"rendered/same", "evidence/west", "evidence/west/02-drain.yaml"} {
		if name := filepath.Join(filepath.Dir(dir), path); before[name] == "" || before[name] != after[name] {
			t.Errorf("%s was touched", path)
		}
	}
	for path, mode := range map[string]fs.FileMode{"rollout.yaml": 0o640, "evidence/east": fs.ModeDir | 0o750} {
		if info, err := os.Stat(filepath.Join(filepath.Dir(dir), path)); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode(), mode, err)
		}
	}
}

// TestCommitOnlyBeside finds a tree as wanted, or none and none wanted.
func TestCommitOnlyBeside(t *testing.T) {
	for name, tt := range map[string]struct {
		was       content
		unchanged int
	}{
		"tree":    {content{"a": "1", "b/c": "2"}, 3},
		"no tree": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newBeside(t, tt.was)
			before := treeStamps(t, dir)
			res, err := Commit(t.Context(), dir, tt.was.files(), moved.replacing(t, dir), false)
			if len(res.Beside) == 2 {
				res.Beside = nil
			}
			if err != nil || !reflect.DeepEqual(res, Result{Unchanged: tt.unchanged}) {
				t.Errorf("%+v, %v", res, err)
			}
			if after := treeStamps(t, dir); !maps.Equal(before, after) {
				t.Errorf("the tree was touched:\n%v\n%v", before, after)
			}
			if got := besideOf(t, dir); !reflect.DeepEqual(got, crashCase{beside: moved}.besideAfter()) {
				t.Errorf("beside the tree is\n%s", show(got))
			}
			wantNoStaging(t, dir)
		})
	}
}

// treeStamps returns the stamps of dir and all below it, none if it is missing.
func treeStamps(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := stamps(t, filepath.Dir(dir))
	maps.DeleteFunc(all, func(path, _ string) bool { return path != dir && !strings.HasPrefix(path, dir+"/") })
	return all
}

func TestCommitBelowNewDirectories(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "x", "y", "rendered")
	gone := []Beside{{Path: "rollout.yaml", Old: digest(nil)}}
	if _, err := Commit(t.Context(), dir, nil, gone, false); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	wantTree(t, above, content{})
	if _, err := Commit(t.Context(), dir, nil, moved.replacing(t, dir), false); err != nil {
		t.Error(err)
	}
	if got := besideOf(t, dir); !reflect.DeepEqual(got.filesOnly(), moved) {
		t.Errorf("beside the tree is\n%s", show(got))
	}
}

// changes are ways in which the files beside a tree may not be as they were.
var changes = map[string]struct {
	edits content
	err   []string
}{
	"edited":         {content{"rollout.yaml": "mine"}, []string{"rollout.yaml: changed meanwhile: it has other content"}},
	"as wanted":      {content{"rollout.yaml": moved["rollout.yaml"]}, []string{"rollout.yaml: changed meanwhile: it has other content"}},
	"gone":           {content{"rollout.yaml": "-"}, []string{"rollout.yaml: changed meanwhile: it is gone"}},
	"directory":      {content{"rollout.yaml": "-", "rollout.yaml/": ""}, []string{"rollout.yaml: changed meanwhile: it is a directory"}},
	"created":        {content{"evidence/east/03-rebuild-complete.yaml": "mine"}, []string{"complete.yaml: changed meanwhile: it exists by now"}},
	"created as new": {moved.with(content{"rollout.yaml": besideWas["rollout.yaml"]}), []string{"complete.yaml: changed meanwhile: it exists by now"}},
	"made":           {content{"evidence/east/03-rebuild-complete.yaml/": ""}, []string{"complete.yaml: changed meanwhile: it exists by now"}},
	"in the way":     {content{"evidence/east": "mine"}, []string{"complete.yaml: changed meanwhile: ", "evidence/east is a file"}},
	"both":           {moved.with(content{"rollout.yaml": "mine"}), []string{"rollout.yaml: changed", "complete.yaml: changed"}},
	"all":            {content{"evidence/east": "mine", "rollout.yaml": "-"}, []string{"complete.yaml: changed", "rollout.yaml: changed"}},
}

func TestChangedBefore(t *testing.T) {
	for name, tt := range changes {
		for treeName, c := range map[string]content{"tree": {"a": "1"}, "no tree": nil} {
			t.Run(name+", "+treeName, func(t *testing.T) {
				dir := newBeside(t, c)
				beside := moved.replacing(t, dir)
				edit(t, filepath.Dir(dir), tt.edits)
				before := stamps(t, filepath.Dir(dir))
				for _, force := range []bool{false, true} {
					_, err := Commit(t.Context(), dir, content{"a": "2"}.files(), beside, force)
					wantChanged(t, err, tt.err)
				}
				if after := stamps(t, filepath.Dir(dir)); !maps.Equal(before, after) {
					t.Errorf("changed:\n%v\n%v", before, after)
				}
			})
		}
	}
}

// wantChanged fails unless err wraps ErrChanged and has the parts.
func wantChanged(t *testing.T, err error, parts []string) {
	t.Helper()
	if !errors.Is(err, ErrChanged) {
		t.Fatalf("got %v, want ErrChanged", err)
	}
	for _, part := range parts {
		wantError(t, err, part)
	}
}

// TestChangedMeanwhile changes files before the first and the last step that
// comes before the commit point.
func TestChangedMeanwhile(t *testing.T) {
	for name, tt := range changes {
		for _, at := range []string{"open .rendered.ringplan/lock", "sync .rendered.ringplan/journal.tmp"} {
			t.Run(name+", "+at, func(t *testing.T) {
				was := content{"a": "1"}
				dir := newBeside(t, was)
				beside := moved.replacing(t, dir)
				setFailpoint(t, func(step string) error {
					if step == at {
						edit(t, filepath.Dir(dir), tt.edits)
					}
					return nil
				})
				_, err := Commit(t.Context(), dir, content{"a": "2"}.files(), beside, true)
				wantChanged(t, err, tt.err)
				wantTree(t, dir, was.generated())
				got := besideOf(t, dir)
				edit(t, filepath.Dir(dir), tt.edits)
				if want := besideOf(t, dir); !reflect.DeepEqual(got, want) {
					t.Errorf("beside the tree is\n%s\nwant\n%s", show(got), show(want))
				}
			})
		}
	}
}

// TestConcurrentCommits has some start from the same state: one wins.
func TestConcurrentCommits(t *testing.T) {
	for name, c := range map[string]content{"tree": {"a": "1"}, "no tree": nil} {
		t.Run(name, func(t *testing.T) {
			for round := range 20 {
				dir := newBeside(t, c)
				beside := moved.replacing(t, dir)
				var commits sync.WaitGroup
				errs := make([]error, 4)
				for i := range errs {
					commits.Go(func() {
						want := c.with(nil) // half of them change the tree as well
						if i%2 == 0 {
							want = content{"a": fmt.Sprint(i)}
						}
						for errs[i] = ErrLocked; errors.Is(errs[i], ErrLocked); {
							_, errs[i] = Commit(context.Background(), dir, want.files(), beside, false)
						}
					})
				}
				commits.Wait()
				won := 0
				for _, err := range errs {
					if err == nil {
						won++
					} else if !errors.Is(err, ErrChanged) {
						t.Error(err)
					}
				}
				if won != 1 {
					t.Errorf("round %d: %d won: %v", round, won, errs)
				}
				if got := besideOf(t, dir); !reflect.DeepEqual(got, crashCase{beside: moved}.besideAfter()) {
					t.Errorf("beside the tree is\n%s", show(got))
				}
				wantNoStaging(t, dir)
			}
		})
	}
}

// TestReadersOfUnchangedTree looks at a tree before, while and after files
// beside it change, and must see it as it is or be told to wait.
func TestReadersOfUnchangedTree(t *testing.T) {
	want := content{"a": "1"}
	dir := newBeside(t, want)
	p, err := openPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	setFailpoint(t, func(step string) error {
		if step == "rename to rollout.yaml" {
			if _, err := Compare(dir, want.files()); !errors.Is(err, ErrLocked) {
				t.Errorf("got %v, want ErrLocked", err)
			}
		}
		return nil
	})
	err = p.undisturbed(func() error {
		_, err := Commit(t.Context(), dir, want.files(), moved.replacing(t, dir), false)
		return err
	})
	if err != nil {
		t.Errorf("what does not touch the tree disturbs a reader of it: %v", err)
	}
	wantTree(t, dir, want.generated())
	edit(t, filepath.Dir(dir), besideWas)
	err = p.undisturbed(func() error {
		_, err := Commit(t.Context(), dir, content{"a": "2"}.files(), content{"rollout.yaml": "4"}.replacing(t, dir), false)
		return err
	})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("a change of the tree is not noticed: %v", err)
	}
}

func TestBesidePaths(t *testing.T) {
	tests := map[string]struct {
		paths []string
		want  string
	}{
		"absolute":           {[]string{"/etc/ringplan-test"}, "absolute"},
		"parent":             {[]string{"../victim"}, "clean relative"},
		"parent inside":      {[]string{"evidence/../../victim"}, "clean relative"},
		"above itself":       {[]string{"."}, "clean relative"},
		"into the tree":      {[]string{"evidence/../rendered/a"}, "clean relative"},
		"empty":              {[]string{""}, "empty"},
		"backslash":          {[]string{`evidence\x`}, "backslash"},
		"control":            {[]string{"a\nb"}, "control"},
		"tree":               {[]string{"rendered"}, `"rendered" is in the tree`},
		"inside":             {[]string{"rendered/x"}, `"rendered/x" is in the tree`},
		"record":             {[]string{"rendered/SHA256SUMS"}, "is in the tree"},
		"inside in case":     {[]string{"Rendered/x"}, `"Rendered/x" is in the tree`},
		"staging":            {[]string{".rendered.ringplan"}, "is in the staging directory"},
		"staging below":      {[]string{".rendered.ringplan/journal"}, "is in the staging directory"},
		"staging in case":    {[]string{".RENDERED.ringplan/x"}, "is in the staging directory"},
		"git":                {[]string{".git/config"}, ".git"},
		"git below":          {[]string{"evidence/.GIT/x"}, ".git"},
		"twice":              {[]string{"x", "x"}, "same file"},
		"twice in case":      {[]string{"new.yaml", "New.yaml"}, "same file"},
		"file and directory": {[]string{"new", "new/x"}, "directory of"},
		"in case":            {[]string{"NEW/x", "new"}, "directory of"},
		"like the tree":      {[]string{"rendered.yaml", "x/rendered/y", ".rendered.ringplan.yaml", "SHA256SUMS"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := newBeside(t, content{"a": "1"})
			before := stamps(t, filepath.Dir(dir))
			var beside []Beside
			for _, path := range tt.paths {
				beside = append(beside, Beside{Path: path, Data: []byte("evil")})
			}
			_, err := Commit(t.Context(), dir, content{"a": "2"}.files(), beside, true)
			wantError(t, err, tt.want)
			if tt.want == "" {
				return
			}
			wantError(t, err, "files beside the tree: ")
			if after := stamps(t, filepath.Dir(dir)); !maps.Equal(before, after) {
				t.Errorf("changed:\n%v\n%v", before, after)
			}
		})
	}
	dir := newBeside(t, nil)
	_, err := Commit(t.Context(), dir, nil, []Beside{{Path: "../a"}, {Path: "rendered/b"}, {Path: "c"}, {Path: "C"}}, false)
	for _, part := range []string{`"../a"`, `"rendered/b"`, `"C"`} {
		wantError(t, err, part)
	}
}

func TestBesideSymlinks(t *testing.T) {
	for link, to := range map[string]string{
		"rollout.yaml":                           "outside/rollout.yaml",
		"evidence":                               "outside",
		"evidence/east":                          "../outside",
		"evidence/east/03-rebuild-complete.yaml": "../../outside/new",
	} {
		t.Run(link, func(t *testing.T) {
			dir := newBeside(t, content{"a": "1"})
			above := filepath.Dir(dir)
			edit(t, above, content{"outside/rollout.yaml": besideWas["rollout.yaml"]})
			beside := moved.replacing(t, dir)
			edit(t, above, content{link: "-"})
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(above, link)), 0o755), os.Symlink(to, filepath.Join(above, link))); err != nil {
				t.Fatal(err)
			}
			before := stamps(t, above)
			for _, force := range []bool{false, true} {
				_, err := Commit(t.Context(), dir, content{"a": "2"}.files(), beside, force)
				wantError(t, err, link+": is a symbolic link")
			}
			if after := stamps(t, above); !maps.Equal(before, after) {
				t.Errorf("changed:\n%v\n%v", before, after)
			}
		})
	}
}

func TestCancelledCommit(t *testing.T) {
	c := crashCases["only beside"]
	steps := c.steps(t, 0)
	commit := slices.Index(steps, "rename to .rendered.ringplan/journal")
	for i, step := range steps {
		dir := c.setUp(t)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		setFailpoint(t, func(string) error {
			if n++; n == i+1 {
				cancel()
			}
			return nil
		})
		_, err := Commit(ctx, dir, c.want.files(), c.beside.replacing(t, dir), false)
		want := map[bool]string{true: "old", false: "new"}[i < commit]
		if got := c.which(t, dir); got != want || errors.Is(err, context.Canceled) != (i < commit) {
			t.Errorf("cancelled at %d %s: %s, %v", i+1, step, got, err)
		}
		wantNoStaging(t, dir)
	}
}

// interrupted returns a tree whose Commit of moved failed at step, and could
// not be undone.
func interrupted(t *testing.T, step, undo string) string {
	t.Helper()
	dir := newBeside(t, content{"a": "1"})
	failed := false
	setFailpoint(t, func(s string) error {
		if s == step && !failed || failed && strings.HasSuffix(s, undo) {
			failed = true
			return errInjected
		}
		return nil
	})
	_, err := Commit(t.Context(), dir, content{"a": "2"}.files(), moved.replacing(t, dir), false)
	Failpoint = nil
	wantError(t, err, "left to the next run")
	return dir
}

// TestRecoverKeepsEditsBeside edits files beside a tree between a crash and the
// recovery, which has to wait until they are moved away.
func TestRecoverKeepsEditsBeside(t *testing.T) {
	for name, tt := range map[string]struct {
		step, undo string
		edits      content
		err        []string
		settled    string
	}{
		"to complete, replaced": {"mkdir evidence/east", "abort", content{"rollout.yaml": "mine"}, []string{"rollout.yaml: changed"}, "new"},
		"to complete, all": {"mkdir evidence/east", "abort",
			content{"rollout.yaml": "mine", "evidence/east/03-rebuild-complete.yaml": "mine"},
			[]string{"rollout.yaml: changed", "complete.yaml: changed"}, "new"},
		"to undo": {"rename to rendered/SHA256SUMS", "rename to rollout.yaml", content{"rollout.yaml": "mine"}, []string{"rollout.yaml: changed"}, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := interrupted(t, tt.step, tt.undo)
			edit(t, filepath.Dir(dir), tt.edits)
			before := snapshot(t, filepath.Dir(dir))
			for range 2 {
				found, err := Recover(dir)
				wantChanged(t, err, append(tt.err, "move away first"))
				_, err2 := Write(t.Context(), dir, content{"a": "2"}.files(), true)
				wantChanged(t, err2, tt.err)
				if got := snapshot(t, filepath.Dir(dir)); !found || !reflect.DeepEqual(got, before) {
					t.Errorf("found %v, left\n%s", found, show(got))
				}
			}
			for path := range tt.edits {
				edit(t, filepath.Dir(dir), content{path: "-"})
			}
			if found, err := Recover(dir); !found || err != nil {
				t.Errorf("recovered %v, %v", found, err)
			}
			c := crashCase{was: content{"a": "1"}, want: content{"a": "2"}, beside: moved}
			if got := c.which(t, dir); got != tt.settled {
				t.Errorf("settled as %s", got)
			}
			wantNoStaging(t, dir)
		})
	}
}

// TestJournalOfVersion1 settles what a program before Commit left.
func TestJournalOfVersion1(t *testing.T) {
	was, want := content{"a": "1", "d/gone": "1"}, content{"a": "2", "n/b": "2"}
	one, two := digest([]byte("1")), digest([]byte("2"))
	steps := `{"version":1,"steps":[{"op":"remove","path":"d/gone","old":"` + one + `"},{"op":"prune","path":"d","perm":493},` +
		`{"op":"mkdir","path":"n"},{"op":"put","path":"a","old":"` + one + `","new":"` + two + `"},{"op":"put","path":"n/b","new":"` + two + `"},` +
		`{"op":"put","path":"SHA256SUMS","old":"` + digest([]byte(was.generated()[RecordFile])) + `","new":"` + digest([]byte(want.generated()[RecordFile])) + `"}]}`
	staged := content{
		"journal": steps, "new/a": "2", "new/n/b": "2", "new/SHA256SUMS": want.generated()[RecordFile],
		"old/3": "1", "old/5": was.generated()[RecordFile],
	}
	halfDone := content{"d": "-", "a": "2"}
	for name, tt := range map[string]struct{ edits, staged, want content }{
		"to begin":    {nil, staged, want},
		"to complete": {halfDone, staged.with(content{"new/a": "-", "old/0": "1"}), want},
		"to undo":     {halfDone, staged.with(content{"new/a": "-", "old/0": "1", "journal": "-", "abort": steps}), was},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t, was)
			edit(t, dir, tt.edits)
			edit(t, filepath.Join(filepath.Dir(dir), ".rendered.ringplan"), tt.staged)
			if found, err := Recover(dir); !found || err != nil {
				t.Errorf("recovered %v, %v", found, err)
			}
			wantTree(t, dir, tt.want.generated())
		})
	}
}

func TestRecoverRejectsBeside(t *testing.T) {
	for step, part := range map[string]string{
		`{"op":"remove","path":"victim"}`:                  `step 0: operation "remove" outside the tree`,
		`{"op":"prune","path":"void"}`:                     `step 0: operation "prune" outside the tree`,
		`{"op":"put","path":"../victim"}`:                  `step 0: path "../victim"`,
		`{"op":"put","path":".git/config"}`:                `step 0: path ".git/config" goes into a .git`,
		`{"op":"put","path":".rendered.ringplan/journal"}`: `is in the staging directory`,
		`{"op":"mkdir","path":".rendered.ringplan/x"}`:     `is in the staging directory`,
		`{"op":"put","path":"rendered"}`:                   `is in the tree`,
		`{"op":"put","path":"link/victim"}`:                `link: is a symbolic link`,
		`{"op":"mkdir","path":"link/made"}`:                `link: is a symbolic link`,
		`{"op":"zap","path":"victim"}`:                     `step 0: unknown operation "zap"`,
	} {
		t.Run(step, func(t *testing.T) {
			dir := newTree(t, content{"a": "1"})
			above := filepath.Dir(dir)
			edit(t, above, content{
				"victim": "v", "void/": "", "outside/victim": "v", ".rendered.ringplan/journal": `{"version":2,"steps":[` + step + `]}`,
				".rendered.ringplan/beside/link/victim": "evil", ".rendered.ringplan/beside/rendered": "evil",
			})
			if err := os.Symlink("outside", filepath.Join(above, "link")); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, above)
			_, err := Recover(dir)
			wantError(t, err, part)
			if got := snapshot(t, above); !reflect.DeepEqual(got, before) {
				t.Errorf("changed:\n%s", show(got))
			}
		})
	}
}
