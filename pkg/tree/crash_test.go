//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package tree

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// crashVar is the variable that makes this test binary run one crashSpec
// instead of the tests.
const crashVar = "RINGPLAN_TREE_CRASH"

// crashStatus is the exit status of a run that ended at its Exit step.
const crashStatus = 42

// crashSpec says what to run in a process of its own, and at which of the
// steps, counted from 1, it fails or dies. 0 is never.
type crashSpec struct {
	Dir        string
	Want       content
	Beside     []Beside
	Recover    bool // run Recover instead of Commit
	Fail, Exit int
	UID        int // user to become first
}

func TestMain(m *testing.M) {
	if text := os.Getenv(crashVar); text != "" {
		os.Exit(runCrashSpec(text))
	}
	os.Exit(m.Run())
}

// runCrashSpec is the main function of the processes that die.
func runCrashSpec(text string) int {
	var spec crashSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		panic(err)
	}
	if spec.UID != 0 {
		if err := syscall.Setuid(spec.UID); err != nil {
			panic(err)
		}
	}
	n := 0
	Failpoint = func(string) error {
		if n++; n == spec.Exit {
			os.Exit(crashStatus)
		}
		if n == spec.Fail {
			return errInjected
		}
		return nil
	}
	var err error
	if spec.Recover {
		_, err = Recover(spec.Dir)
	} else {
		_, err = Commit(context.Background(), spec.Dir, spec.Want.files(), spec.Beside, false)
	}
	if n++; n == spec.Exit { // as dead as can be without losing a step
		os.Exit(crashStatus)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// start runs spec in a process, and returns its exit status and messages.
func (spec crashSpec) start(t *testing.T) (int, string) {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashVar+"="+string(text))
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// mustCrash runs spec, which has to end at its Exit step.
func (spec crashSpec) mustCrash(t *testing.T) {
	t.Helper()
	if status, out := spec.start(t); status != crashStatus {
		t.Fatalf("status %d: %s", status, out)
	}
}

// errInjected is what a Failpoint returns.
var errInjected = errors.New("injected")

// setFailpoint sets the Failpoint for the rest of the test or until the next.
func setFailpoint(t *testing.T, f func(step string) error) {
	t.Helper()
	Failpoint = f
	t.Cleanup(func() { Failpoint = nil })
}

// crashCase is a transaction to break. Together they have every kind of step.
type crashCase struct {
	was, want, foreign content // was nil: no directory
	beside             content // to put beside the tree, where besideWas is
}

// besideWas is beside every tree, and moved replaces one file of it and creates
// one in a new directory, as a phase that is done does.
var (
	besideWas = content{"rollout.yaml": "phase: 2", "evidence/": "", "evidence/west/": "", "evidence/west/02-drain.yaml": "met"}
	moved     = content{"rollout.yaml": "phase: 3", "evidence/east/03-rebuild-complete.yaml": "met"}
)

var crashCases = map[string]crashCase{
	"new tree": {
		want: content{"a": "1", "b/c/d": "2", "b/e": "3"},
	},
	"update": {
		was: content{
			"same": "s", "change": "1", "d/change": "1", "gone": "1", "only/one/gone": "1",
			"shared/gone": "1", "swap": "file", "box/a": "1", "box/b/c": "2",
		},
		want: content{
			"same": "s", "change": "2", "d/change": "2", "new": "n", "n/e/w": "n",
			"swap/x": "dir", "swap/y/z": "dir", "box": "file",
		},
		foreign: content{"notes": "mine", "shared/": "", "shared/notes": "mine", "void/": ""},
		beside:  moved,
	},
	"all removed": {
		was:     content{"a": "1", "b/c": "1"},
		foreign: content{"notes": "mine"},
	},
	"new tree and beside": {
		want:   content{"a": "1", "b/c/d": "2", "b/e": "3"},
		beside: moved,
	},
	"all removed and beside": {
		was:     content{"a": "1", "b/c": "1"},
		foreign: content{"notes": "mine"},
		beside:  moved,
	},
	"only beside": {
		was: content{"a": "1", "b/c": "1"}, want: content{"a": "1", "b/c": "1"},
		beside: moved,
	},
	"beside no tree": {
		beside: moved,
	},
}

// setUp makes the tree of c in a new directory, with besideWas beside it.
func (c crashCase) setUp(t *testing.T) string {
	t.Helper()
	dir := newTree(t, c.was)
	edit(t, dir, c.foreign)
	edit(t, filepath.Dir(dir), besideWas)
	return dir
}

// replacing turns c into what Commit takes to replace what is beside dir.
func (c content) replacing(t *testing.T, dir string) []Beside {
	t.Helper()
	var files []Beside
	for _, path := range slices.Sorted(maps.Keys(c)) {
		b := Beside{Path: path, Data: []byte(c[path])}
		if was, err := os.ReadFile(filepath.Join(filepath.Dir(dir), path)); err == nil {
			b.Old = digest(was)
		}
		files = append(files, b)
	}
	return files
}

// besideOf returns a snapshot of what is beside dir, without its staging.
func besideOf(t *testing.T, dir string) content {
	t.Helper()
	all := snapshot(t, filepath.Dir(dir))
	maps.DeleteFunc(all, func(path, _ string) bool {
		return strings.HasPrefix(path, "rendered/") || strings.HasPrefix(path, ".rendered.ringplan/")
	})
	return all
}

// commit does the transaction of c.
func (c crashCase) commit(t *testing.T, dir string) (Result, error) {
	t.Helper()
	return Commit(context.Background(), dir, c.want.files(), c.beside.replacing(t, dir), false)
}

// before and after are the snapshots that are allowed.
func (c crashCase) before() content {
	if c.was == nil {
		return nil
	}
	return c.was.generated().with(c.foreign)
}

func (c crashCase) after() content {
	if c.was == nil && c.want == nil {
		return nil
	}
	return c.want.generated().with(c.foreign)
}

// besideAfter is what is beside the tree after c; before, it is besideWas.
func (c crashCase) besideAfter() content {
	after := besideWas.with(c.beside)
	for path := range c.beside {
		for _, d := range dirsOf(path) {
			after[d+"/"] = ""
		}
	}
	return after
}

// steps lists the steps of a Commit in which step number fail fails, or none if
// it is 0.
func (c crashCase) steps(t *testing.T, fail int) []string {
	t.Helper()
	var steps []string
	dir := c.setUp(t)
	setFailpoint(t, func(step string) error {
		if steps = append(steps, step); len(steps) == fail {
			return errInjected
		}
		return nil
	})
	defer setFailpoint(t, nil)
	if _, err := c.commit(t, dir); (err != nil) != (fail > 0) {
		t.Fatalf("failed at %d: %v", fail, err)
	}
	return steps
}

// which tells whether dir and what is beside it are as before or as after, and
// fails if neither.
func (c crashCase) which(t *testing.T, dir string) string {
	t.Helper()
	switch got, beside := snapshot(t, dir), besideOf(t, dir); {
	case reflect.DeepEqual(got, c.before()) && reflect.DeepEqual(beside, besideWas):
		return "old"
	case reflect.DeepEqual(got, c.after()) && reflect.DeepEqual(beside, c.besideAfter()):
		return "new"
	default:
		t.Errorf("tree is a mix:\n%s\nold:\n%s\nnew:\n%s\nbeside it:\n%s", show(got), show(c.before()), show(c.after()), show(beside))
		return "mix"
	}
}

// checkSettled checks a tree whose Commit was broken, once with Recover and
// once with Compare to settle it, and that the next Commit succeeds. It returns
// whether the tree came out old or new.
func (c crashCase) checkSettled(t *testing.T, dir string) string {
	t.Helper()
	if _, err := Recover(dir); err != nil {
		t.Errorf("recover: %v", err)
	}
	wantNoStaging(t, dir)
	outcome := c.which(t, dir)
	c.checkCompare(t, dir, outcome)
	if found, err := Recover(dir); found || err != nil {
		t.Errorf("recovered twice: %v, %v", found, err)
	}
	if _, err := c.commit(t, dir); err != nil {
		t.Errorf("next commit: %v", err)
	}
	wantTree(t, dir, c.after())
	if got := c.which(t, dir); got != "new" && c.beside != nil {
		t.Errorf("next commit leaves the files beside the tree %s", got)
	}
	return outcome
}

// checkCompare checks what Compare says of a tree that came out as outcome.
func (c crashCase) checkCompare(t *testing.T, dir, outcome string) {
	t.Helper()
	clean := outcome == "new" || reflect.DeepEqual(c.before(), c.after())
	state, err := Compare(dir, c.want.files())
	if err != nil || state.Clean() != clean || len(state.Edited)+len(state.Collides) > 0 {
		t.Errorf("%s tree compares as %+v, %v", outcome, state, err)
	}
}

// TestCrashWalk dies before every step of a Commit, in a process of its own.
func TestCrashWalk(t *testing.T) {
	skipIfShort(t)
	for name, c := range crashCases {
		steps := append(c.steps(t, 0), "end")
		outcomes := make([]string, len(steps))
		t.Run(name, func(t *testing.T) {
			for i, step := range steps {
				t.Run(fmt.Sprintf("%d %s", i+1, step), func(t *testing.T) {
					t.Parallel()
					dir := c.setUp(t)
					crashSpec{Dir: dir, Want: c.want, Beside: c.beside.replacing(t, dir), Exit: i + 1}.mustCrash(t)
					outcomes[i] = c.checkSettled(t, dir)
				})
			}
		})
		commit := slices.Index(outcomes, "new")
		if commit < 1 || slices.Contains(outcomes[commit:], "old") {
			t.Errorf("%s: the outcomes are %v", name, outcomes)
		}
		t.Logf("%s: %d steps, committed before %q", name, len(steps), steps[max(commit, 0)])
	}
}

// TestCompareSettlesCrash is like TestCrashWalk, but goes straight to Compare
// or Commit, which have to recover by themselves.
func TestCompareSettlesCrash(t *testing.T) {
	skipIfShort(t)
	c := crashCases["update"]
	for i, step := range c.steps(t, 0) {
		t.Run(fmt.Sprintf("%d %s", i+1, step), func(t *testing.T) {
			t.Parallel()
			dirs := []string{c.setUp(t), c.setUp(t)}
			for _, dir := range dirs {
				crashSpec{Dir: dir, Want: c.want, Beside: c.beside.replacing(t, dir), Exit: i + 1}.mustCrash(t)
			}
			if _, err := Compare(dirs[0], c.want.files()); err != nil {
				t.Error(err)
			}
			c.checkCompare(t, dirs[0], c.which(t, dirs[0]))
			// Nothing tells this call whether the last one was completed.
			if _, err := c.commit(t, dirs[1]); err != nil && !errors.Is(err, ErrChanged) {
				t.Error(err)
			}
			if got := c.which(t, dirs[1]); got != "new" {
				t.Errorf("tree is %s after the next commit", got)
			}
			wantNoStaging(t, dirs[1])
		})
	}
}

// TestCrashInRollback fails at a step of applying, and dies at each of the
// steps that follow.
func TestCrashInRollback(t *testing.T) {
	skipIfShort(t)
	c := crashCases["update"]
	apply := applySteps(t, c)
	for i := 0; i < len(apply); i += 8 {
		fail := apply[len(apply)-1-i]
		steps := append(c.steps(t, fail), "end")
		outcomes := make([]string, len(steps))
		t.Run(fmt.Sprintf("failed at %s", steps[fail-1]), func(t *testing.T) {
			for i := fail; i < len(steps); i++ {
				t.Run(fmt.Sprintf("%d %s", i+1, steps[i]), func(t *testing.T) {
					t.Parallel()
					dir := c.setUp(t)
					crashSpec{Dir: dir, Want: c.want, Beside: c.beside.replacing(t, dir), Fail: fail, Exit: i + 1}.mustCrash(t)
					outcomes[i] = c.checkSettled(t, dir)
				})
			}
		})
		// Only before it is noted that the transaction is undone, it can be completed.
		if outcomes[fail] != "new" || slices.Contains(outcomes[fail+1:], "new") {
			t.Errorf("failed at %d: outcomes %v", fail, outcomes[fail:])
		}
	}
}

// TestCrashInRecover dies in a Commit, then at each step of the Recover that
// follows, whether that completes or undoes.
func TestCrashInRecover(t *testing.T) {
	skipIfShort(t)
	c := crashCases["update"]
	apply := applySteps(t, c)
	last := apply[len(apply)-1]
	specs := map[string]crashSpec{
		"nothing applied": {Exit: apply[0]},
		"half applied":    {Exit: apply[len(apply)/2]},
		"all applied":     {Exit: last},
		"half undone":     {Fail: last, Exit: last + 8},
	}
	for name, spec := range specs {
		spec.Want = c.want
		want := map[bool]string{true: "old", false: "new"}[spec.Fail > 0]
		for i, step := range recoverSteps(t, c, spec) {
			t.Run(fmt.Sprintf("%s/%d %s", name, i+1, step), func(t *testing.T) {
				t.Parallel()
				spec := spec
				spec.Dir = c.setUp(t)
				spec.Beside = c.beside.replacing(t, spec.Dir)
				spec.mustCrash(t)
				crashSpec{Dir: spec.Dir, Recover: true, Exit: i + 1}.mustCrash(t)
				if got := c.checkSettled(t, spec.Dir); got != want {
					t.Errorf("the tree is %s, want %s", got, want)
				}
			})
		}
	}
}

// recoverSteps lists the steps of a Recover after spec.
func recoverSteps(t *testing.T, c crashCase, spec crashSpec) []string {
	t.Helper()
	spec.Dir = c.setUp(t)
	spec.Beside = c.beside.replacing(t, spec.Dir)
	spec.mustCrash(t)
	var steps []string
	setFailpoint(t, func(step string) error { steps = append(steps, step); return nil })
	defer setFailpoint(t, nil)
	if found, err := Recover(spec.Dir); !found || err != nil {
		t.Fatalf("recovered %v, %v", found, err)
	}
	return append(steps, "end")
}

// skipIfShort skips the walks, which try hundreds of crashes and failures.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long")
	}
}

// applySteps returns the numbers of the steps that change the tree itself.
func applySteps(t *testing.T, c crashCase) []int {
	t.Helper()
	var apply []int
	committed := false
	for i, step := range c.steps(t, 0) {
		if step == "remove .rendered.ringplan/journal" {
			break
		}
		if committed {
			apply = append(apply, i+1)
		}
		committed = committed || step == "rename to .rendered.ringplan/journal"
	}
	if len(apply) < 10 {
		t.Fatalf("only %d steps apply", len(apply))
	}
	return apply
}

// TestFailWalk makes every step fail once. Then Commit has to leave the old
// tree and no trace, or to go on; only when tidying up fails may it return an
// error with the tree complete.
func TestFailWalk(t *testing.T) {
	skipIfShort(t)
	for name, c := range crashCases {
		t.Run(name, func(t *testing.T) {
			for i, step := range c.steps(t, 0) {
				dir := c.setUp(t)
				oddModes(t, filepath.Dir(dir))
				modes := modesBelow(t, filepath.Dir(dir))
				n := 0
				setFailpoint(t, func(string) error {
					if n++; n == i+1 {
						return fmt.Errorf("%w: %w", errInjected, syscall.ENOSPC)
					}
					return nil
				})
				res, err := c.commit(t, dir)
				Failpoint = nil
				outcome := c.which(t, dir)
				done := len(res.Written)+len(res.Removed)+len(res.Beside) > 0
				switch {
				case done != (outcome == "new"):
					t.Errorf("tree is %s, result %+v", outcome, res)
				case err == nil && !strings.HasPrefix(step, "link to"):
					t.Error("no error")
				case err != nil && !errors.Is(err, syscall.ENOSPC):
					t.Errorf("error %v", err)
				case !done:
					wantNoStaging(t, dir)
					if after := modesBelow(t, filepath.Dir(dir)); !maps.Equal(modes, after) {
						t.Errorf("modes changed:\n%v\n%v", modes, after)
					}
				}
				c.checkSettled(t, dir)
				if t.Failed() {
					t.Fatalf("failed at step %d: %s: %v", i+1, step, err)
				}
			}
		})
	}
}

// oddModes gives everything in dir an unusual mode.
func oddModes(t *testing.T, dir string) {
	t.Helper()
	for path := range snapshot(t, dir) {
		perm := os.FileMode(0o664)
		if strings.HasSuffix(path, "/") {
			perm = 0o775
		}
		if err := os.Chmod(filepath.Join(dir, path), perm); err != nil {
			t.Fatal(err)
		}
	}
}

// modesBelow returns the modes of everything in dir.
func modesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	modes := map[string]string{}
	for path := range snapshot(t, dir) {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		modes[path] = info.Mode().String()
	}
	return modes
}

// TestDeadDisk makes every step from one on fail, tidying up included. Nothing
// can be promised then but that the next run settles the tree.
func TestDeadDisk(t *testing.T) {
	skipIfShort(t)
	for name, c := range crashCases {
		t.Run(name, func(t *testing.T) {
			for i, step := range c.steps(t, 0) {
				dir := c.setUp(t)
				n := 0
				setFailpoint(t, func(string) error {
					if n++; n > i {
						return errInjected
					}
					return nil
				})
				if _, err := c.commit(t, dir); !errors.Is(err, errInjected) {
					t.Errorf("error %v", err)
				}
				Failpoint = nil
				c.checkSettled(t, dir)
				if t.Failed() {
					t.Fatalf("dead from step %d: %s", i+1, step)
				}
			}
		})
	}
}

// TestBackupsByCopy does without hard links, and fails late.
func TestBackupsByCopy(t *testing.T) {
	c := crashCases["update"]
	dir := c.setUp(t)
	was := stamps(t, filepath.Dir(dir))
	done := false
	setFailpoint(t, func(step string) error {
		if strings.HasPrefix(step, "link to") {
			return syscall.EPERM
		}
		if step == "rename to rendered/SHA256SUMS" && !done {
			done = true
			return errInjected
		}
		return nil
	})
	if _, err := c.commit(t, dir); !errors.Is(err, errInjected) {
		t.Errorf("error %v", err)
	}
	Failpoint = nil
	wantTree(t, dir, c.before())
	for name, stamp := range stamps(t, filepath.Dir(dir)) { // the time at least is kept
		replaced := strings.HasSuffix(name, "/change") || strings.HasSuffix(name, "/rollout.yaml")
		if was, _, _ := strings.Cut(was[name], " "); replaced && was != stamp[:len(was)] {
			t.Errorf("%s: %s, was %s", name, stamp, was)
		}
	}
	c.checkSettled(t, dir)
}

func TestMountPoint(t *testing.T) {
	dir := newTree(t, content{"a": "1"})
	setFailpoint(t, func(step string) error {
		if strings.HasPrefix(step, "link to") {
			return syscall.EXDEV
		}
		return nil
	})
	_, err := Write(t.Context(), dir, content{"a": "2"}.files(), false)
	wantError(t, err, "a tree cannot be a mount point")
	wantTree(t, dir, content{"a": "1"}.generated())
}

// TestRecoverKeepsEdits edits a tree between a crash and the recovery.
func TestRecoverKeepsEdits(t *testing.T) {
	was, want := content{"a": "1", "b": "1", "c": "1", "z": "1"}, content{"a": "2", "b": "2", "n": "2"}
	dir := newTree(t, was)
	setFailpoint(t, func(step string) error {
		if step == "rename to rendered/b" || strings.HasSuffix(step, "/abort") {
			return errInjected
		}
		return nil
	})
	_, err := Write(t.Context(), dir, want.files(), false)
	Failpoint = nil
	wantError(t, err, "left to the next run")
	edit(t, dir, content{"a": "mine", "b": "mine", "n": "mine", "z": "again"})

	edited := content{"a": "mine", "b": "mine", "n": "mine", "z": "again", RecordFile: was.generated()[RecordFile]}
	for range 2 {
		found, err := Recover(dir)
		var c *ConflictError
		if !found || !errors.As(err, &c) || !slices.Equal(c.Edited, []string{"b"}) || !slices.Equal(c.Collides, []string{"n"}) {
			t.Fatalf("recovered %v, %v", found, err) // a was done with, as was z
		}
		if got := snapshot(t, dir); !reflect.DeepEqual(got, edited) {
			t.Fatalf("tree is\n%s", show(got))
		}
	}
	_, err = Write(t.Context(), dir, want.files(), false)
	wantError(t, err, "files would be overwritten")
	if _, err := Write(t.Context(), dir, want.files(), true); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, want.generated().with(content{"z": "again"}))
}

// TestUndoKeepsEdits edits a tree between a rollback cut short and the recovery.
func TestUndoKeepsEdits(t *testing.T) {
	was, want := content{"a": "1", "b": "1", "z": "1"}, content{"a": "2", "b": "2", "n": "2"}
	dir := newTree(t, was)
	aborted := false
	setFailpoint(t, func(step string) error {
		aborted = aborted || strings.HasSuffix(step, "/abort")
		if step == "rename to rendered/n" || aborted && step == "rename to rendered/b" {
			return errInjected
		}
		return nil
	})
	_, err := Write(t.Context(), dir, want.files(), false)
	Failpoint = nil
	wantError(t, err, "left to the next run")
	edit(t, dir, content{"a": "mine", "z": "mine"})
	found, err := Recover(dir)
	var c *ConflictError
	if !found || !errors.As(err, &c) || !slices.Equal(c.Edited, []string{"a", "z"}) {
		t.Errorf("recovered %v, %v", found, err)
	}
	edit(t, dir, content{"a": "-", "z": "-"}) // which leaves nothing to lose
	if found, err := Recover(dir); !found || err != nil {
		t.Errorf("recovered %v, %v", found, err)
	}
	wantTree(t, dir, was.generated())
}

func TestRecoverAfterTreeWasDeleted(t *testing.T) {
	c := crashCases["update"]
	dir := c.setUp(t)
	crashSpec{Dir: dir, Want: c.want, Exit: applySteps(t, c)[0]}.start(t)
	edit(t, dir, content{"": "-"})
	if found, err := Recover(dir); !found || err != nil {
		t.Errorf("recovered %v, %v", found, err)
	}
	mustWrite(t, dir, c.want)
	wantTree(t, dir, c.want.generated())
}

func TestRecoverRejects(t *testing.T) {
	put := func(path string) string {
		return `{"version":1,"steps":[{"op":"put","path":"` + path + `","new":"x"}]}`
	}
	for name, tt := range map[string]struct{ journal, err string }{
		"not JSON":     {"{", "journal: unexpected end of JSON"},
		"new version":  {`{"version":3}`, "journal: version 3"},
		"no version":   {`{}`, "journal: version 0"},
		"operation":    {`{"version":1,"steps":[{"op":"zap","path":"a"}]}`, `step 0: unknown operation "zap"`},
		"outside":      {put("../victim"), `step 0: path "../victim"`},
		"absolute":     {put("/victim"), `step 0: path "/victim"`},
		"through link": {put("link/victim"), "rendered/link: is a symbolic link"},
		"staged link":  {put("sneak/victim"), "new/sneak: is a symbolic link"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t, content{"a": "1"})
			above := filepath.Dir(dir)
			edit(t, above, content{"victim": "v", "outside/victim": "v", ".rendered.ringplan/journal": tt.journal, ".rendered.ringplan/new/link/victim": "evil"})
			err := errors.Join(os.Symlink("../outside", filepath.Join(dir, "link")),
				os.Symlink("../../outside", filepath.Join(above, ".rendered.ringplan/new/sneak")))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Recover(dir)
			wantError(t, err, tt.err)
			if got := snapshot(t, above); got["victim"] != "v" || got["outside/victim"] != "v" || got["rendered/a"] != "1" {
				t.Errorf("changed:\n%s", show(got))
			}
		})
	}
}

func TestRecoverLeavesStrangersInStaging(t *testing.T) {
	dir := newTree(t, content{"a": "1"})
	stage := filepath.Join(filepath.Dir(dir), ".rendered.ringplan")
	edit(t, stage, content{"own": "mine", "new/a": "half"})
	for range 2 {
		if found, err := Recover(dir); found || err != nil {
			t.Errorf("recovered %v, %v", found, err)
		}
		mustWrite(t, dir, content{"a": "2"})
		if got := snapshot(t, stage); !reflect.DeepEqual(got, content{"own": "mine"}) {
			t.Errorf("staging is\n%s", show(got))
		}
	}
}

// TestReadOnly runs as an ordinary user, who may not write the tree or the
// directory above it.
func TestReadOnly(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	for name, tt := range map[string]struct{ closed, err string }{
		"beside":    {"evidence", "directory %s/evidence is not writable: access: permission denied"},
		"tree":      {"rendered", "directory %s/rendered is not writable: access: permission denied"},
		"inside":    {"rendered/sub", "directory %s/rendered/sub is not writable: access: permission denied"},
		"above":     {"", "directory %s is not writable: access: permission denied"},
		"no access": {"rendered/sub/a", "read %s/rendered/sub/a: permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			above, err := os.MkdirTemp("", "ringplan-tree")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(above) })
			dir := filepath.Join(above, "rendered")
			mustWrite(t, dir, content{"sub/a": "1", "sub/b": "1"})
			edit(t, above, besideWas)
			for _, path := range []string{above, dir, dir + "/sub", above + "/evidence"} {
				if err := os.Chmod(path, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			closed := filepath.Join(above, tt.closed)
			info, err := os.Stat(closed)
			if err != nil {
				t.Fatal(err)
			}
			perm := os.FileMode(0o555)
			if !info.IsDir() {
				perm = 0
			}
			if err := os.Chmod(closed, perm); err != nil {
				t.Fatal(err)
			}
			before := stamps(t, dir)
			spec := crashSpec{Dir: dir, Want: content{"sub/a": "2", "sub/b": "2", "c": "2"}, Beside: moved.replacing(t, dir), UID: 65534}
			status, out := spec.start(t)
			out, _, _ = strings.Cut(out, "error: coverage") // a process of that user cannot write
			if want := fmt.Sprintf(tt.err, above) + "\n"; status != 1 || out != want {
				t.Errorf("status %d, %q, want %q", status, out, want)
			}
			if after := stamps(t, dir); !maps.Equal(before, after) {
				t.Errorf("changed:\n%v\n%v", before, after)
			}
			if got := besideOf(t, dir); !reflect.DeepEqual(got, besideWas) {
				t.Errorf("changed:\n%s", show(got))
			}
			wantNoStaging(t, dir)
		})
	}
}
