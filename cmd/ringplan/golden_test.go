package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/stage"
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
	code = run(context.Background(), args, &out, &errs)
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
	return slices.DeleteFunc(folders(tb, "examples"), func(name string) bool { return name == "broken" })
}

// TestGoldenExamples compares what every example renders, at the start and
// while its last region rebuilds, and its plan, with golden/.
func TestGoldenExamples(t *testing.T) {
	atRoot(t)
	var want []string
	for _, name := range examples(t) {
		example, golden := "examples/"+name, filepath.Join("golden", name)
		want = append(want, golden)
		t.Run(name, func(t *testing.T) {
			mustRun(t, "lint", "--strict", example)
			compareFile(t, golden+"/plan.txt", mustRun(t, "plan", "--commands", example))
			compareFile(t, golden+"/plan.md", mustRun(t, "plan", "-o", "markdown", example))
			compareFile(t, golden+"/plan.json", mustRun(t, "plan", "-o", "json", example))
			compareTree(t, golden+"/rendered", renderTo(t, example))
			if phase := rebuildingLast(t, example); phase != "" {
				compareTree(t, golden+"/rendered-rebuilding", renderTo(t, example, "--phase", phase))
			}
		})
	}
	for _, name := range folders(t, "golden") {
		if !slices.Contains(want, filepath.Join("golden", name)) {
			t.Errorf("golden/%s belongs to no example", name)
		}
	}
}

// rebuildingLast returns the --phase that shows the last region of a topology
// rebuilding; nothing for a fleet or a single region.
func rebuildingLast(t *testing.T, example string) string {
	t.Helper()
	a := &app{}
	rings, _, err := a.load(t.Context(), []string{example})
	if err != nil {
		t.Fatal(err)
	}
	if len(rings) != 1 {
		return ""
	}
	members := rings[0].compiled.Members()
	last := members[len(members)-1]
	if last.Procedure.Index(stage.Phase("rebuilding")) < 0 {
		return ""
	}
	var others []string
	for _, m := range members[:len(members)-1] {
		others = append(others, m.Region+"=serving")
	}
	return strings.Join(append(others, last.Region+"=rebuilding"), ",")
}

func renderTo(t *testing.T, example string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	mustRun(t, append([]string{"render", example, "--out", out}, args...)...)
	mustRun(t, append([]string{"render", "--check", example, "--out", out}, args...)...)
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
// rule at least, and compares its findings with those beside it.
func TestBrokenExamples(t *testing.T) {
	atRoot(t)
	shown := map[string]bool{}
	for _, name := range folders(t, "examples/broken") {
		code, _, _ := strings.Cut(name, "-")
		shown[code] = true
		t.Run(name, func(t *testing.T) {
			dir := "examples/broken/" + name
			_, stdout, stderr := ringplan(t, append([]string{"lint", target(t, dir)}, brokenArgs(t, dir)...)...)
			if !strings.Contains(stdout, "["+code+"]") {
				t.Errorf("no finding of %s:\n%s%s", code, stdout, stderr)
			}
			compareFile(t, dir+"/findings.txt", stdout+stderr)
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

// brokenArgs reads further arguments, one a line, from the file args.
func brokenArgs(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(dir + "/args")
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}
