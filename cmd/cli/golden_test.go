package cli

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/cmd/charts"
)

// update makes tests rewrite what they compare with.
var update = os.Getenv("UPDATE") != ""

// atRoot runs a test in the project's root, so that paths in output are the
// same wherever the project lies.
func atRoot(tb testing.TB) {
	tb.Helper()
	tb.Chdir("../..")
}

// ringplan runs one command line.
func ringplan(tb testing.TB, args ...string) (code int, stdout, stderr string) {
	tb.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), charts.Libraries(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// mustRun runs a command line that must succeed, and returns its output.
func mustRun(tb testing.TB, args ...string) string {
	tb.Helper()
	code, stdout, stderr := ringplan(tb, args...)
	if code != exitOK {
		tb.Fatalf("ringplan %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// folders lists the folders of a folder.
func folders(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// examples lists the examples that are fit to be rendered.
func examples(tb testing.TB) []string {
	return slices.DeleteFunc(folders(tb, "examples"), func(name string) bool { return name == "broken" || name == "charts" || name == "ci" })
}

// TestGoldenRollouts compares the rollouts of the examples, and those that are
// broken, with what examples/rollouts.sh makes: their evidence must be what the
// steps record today. What is found in those that are broken, TestBrokenExamples
// compares.
func TestGoldenRollouts(t *testing.T) {
	atRoot(t)
	made := t.TempDir()
	if out, err := script(t, "examples/rollouts.sh", made).CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, group := range []string{"broken", "fleet"} {
		for _, name := range folders(t, filepath.Join(made, group)) {
			t.Run(name, func(t *testing.T) {
				golden, got := "examples/"+group+"/"+name, filepath.Join(made, group, name)
				if findings, err := os.ReadFile(golden + "/findings.txt"); err == nil {
					write(t, got+"/findings.txt", string(findings))
				}
				compareTree(t, golden, got)
			})
		}
	}
	for _, name := range folders(t, "examples/broken") {
		if dir := "examples/broken/" + name; exists(dir+"/evidence") && !exists(filepath.Join(made, "broken", name)) {
			t.Errorf("%s has evidence that examples/rollouts.sh does not make", dir)
		}
	}
}

// script returns a command that runs a script for a POSIX shell, without the
// user's settings for ringplan.
func script(t *testing.T, file string, args ...string) *exec.Cmd {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no POSIX shell: ", err)
	}
	if _, err := os.ReadFile(file); err != nil { // Go runs the test anew where it has seen a file change
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	cmd := exec.CommandContext(t.Context(), shell, append([]string{file}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "RINGPLAN_") })
	t.Cleanup(func() {
		if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
			t.Errorf("%s left %v behind, %v", file, left, err)
		}
	})
	return cmd
}

// TestGoldenExamples compares with golden/ the plan of every example, and what it
// renders while its last region rebuilds and with all regions serving. What it
// renders where its rollout stands is beside the example, as in a repository.
func TestGoldenExamples(t *testing.T) {
	atRoot(t)
	var want []string
	for _, name := range examples(t) {
		example, golden := "examples/"+name, filepath.Join("golden", name)
		want = append(want, golden)
		t.Run(name, func(t *testing.T) {
			mustRun(t, "lint", "--strict", example)
			if update {
				mustRun(t, "render", example)
			}
			mustRun(t, "verify", "--strict", example)
			compareFile(t, golden+"/plan.txt", mustRun(t, "plan", "--commands", example))
			compareFile(t, golden+"/plan.md", mustRun(t, "plan", "-o", "markdown", example))
			compareFile(t, golden+"/plan.json", mustRun(t, "plan", "-o", "json", example))
			for rendered, args := range previews(t, example) {
				compareTree(t, golden+"/"+rendered, renderTo(t, args...))
				if exists(example + "/ringplan.lock") {
					mustRun(t, append([]string{"lint", "--manifests"}, args...)...)
					compareTree(t, golden+"/"+strings.Replace(rendered, "rendered", "manifests", 1), renderTo(t, append(args, "--manifests")...))
				}
			}
		})
	}
	for _, name := range folders(t, "golden") {
		if !slices.Contains(want, filepath.Join("golden", name)) {
			t.Errorf("golden/%s belongs to no example", name)
		}
	}
}

// previews returns the arguments of previews, by the folder for what they
// render: every region of a topology serving, and the last of several rebuilding.
// A topology of a fleet has a folder of its own.
func previews(t *testing.T, example string) map[string][]string {
	t.Helper()
	a := &app{}
	rings, _, err := a.load(t.Context(), []string{example})
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]string{}
	for _, r := range rings {
		below := ""
		if len(rings) > 1 {
			below = "/" + r.Metadata.Name
		}
		var serving []string
		for _, m := range r.members {
			serving = append(serving, m.Region+"=serving")
		}
		list["rendered-serving"+below] = []string{r.file, "--phase", strings.Join(serving, ",")}
		if last := r.members[len(r.members)-1]; last.Procedure.Index("rebuilding") >= 0 {
			serving[len(serving)-1] = last.Region + "=rebuilding"
			list["rendered-rebuilding"+below] = []string{r.file, "--phase", strings.Join(serving, ",")}
		}
	}
	return list
}

func renderTo(t *testing.T, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	mustRun(t, append([]string{"render", "--out", out}, args...)...)
	mustRun(t, append([]string{"render", "--check", "--out", out}, args...)...)
	return out
}

func compareFile(t *testing.T, golden, got string) {
	t.Helper()
	if update {
		write(t, golden, got)
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v: `make golden` writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); `make golden` rewrites it:\n%s", golden, diff)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func compareTree(t *testing.T, golden, got string) {
	t.Helper()
	if update {
		if err := os.RemoveAll(golden); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(golden, os.DirFS(got)); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(readTree(t, golden), readTree(t, got)); diff != "" {
		t.Errorf("%s differs (-want +got); `make golden` rewrites it:\n%s", golden, diff)
	}
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestBrokenExamples lints every topology of examples/broken, one for each
// rule at least, and compares its findings with those beside it. The file verb
// names another verb than lint, and args its arguments; the folder base holds
// what the last commit held.
func TestBrokenExamples(t *testing.T) {
	atRoot(t)
	shown := map[string]bool{}
	for _, name := range folders(t, "examples/broken") {
		code, _, _ := strings.Cut(name, "-")
		shown[code] = true
		t.Run(name, func(t *testing.T) {
			dir := "examples/broken/" + name
			args := slices.Concat(words(t, dir+"/verb", "lint"), []string{target(t, dir)}, words(t, dir+"/args"))
			findings, err := filepath.Abs(dir + "/findings.txt")
			if err != nil {
				t.Fatal(err)
			}
			if exists(dir + "/base") {
				atBase(t, dir)
			}
			_, stdout, stderr := ringplan(t, args...)
			if !strings.Contains(stdout, "["+code+"]") {
				t.Errorf("no finding of %s:\n%s%s", code, stdout, stderr)
			}
			compareFile(t, findings, stdout+stderr)
		})
	}
	for _, r := range documentedRules() {
		if !shown[r.Code] {
			t.Errorf("examples/broken has no topology for %s (%s)", r.Code, r.Name)
		}
	}
}

// target returns what to lint in the folder of a broken example: a file named
// other than usual, or the folder itself.
func target(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(dir + "/input.*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 1 {
		return filepath.ToSlash(files[0])
	}
	return dir
}

// words reads the words of a file; those given are instead of one that is
// missing.
func words(t *testing.T, file string, missing ...string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return missing
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}

// atBase goes on in a Git repository of the example alone, at the same path:
// its one commit holds the folder base, its working tree the rest.
func atBase(t *testing.T, example string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	full, err := filepath.Abs(example)
	if err != nil {
		t.Fatal(err)
	}
	from := os.DirFS(full)
	base, err := fs.Sub(from, "base")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS(example, base); err != nil {
		t.Fatal(err)
	}
	git(t, "init", "--quiet")
	git(t, "add", "--all")
	git(t, "commit", "--quiet", "--message", "base")
	if err := os.RemoveAll(example); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(example, from); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(example + "/base"); err != nil {
		t.Fatal(err)
	}
}

// git runs a Git command, the same whatever the user's settings are.
func git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
