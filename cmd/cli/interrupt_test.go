package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	bundled "github.com/ringplan/ringplan/cmd/charts"
)

// interruptible runs one command line in a context of the test's.
func interruptible(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, nil, args, &out, &errs)
	return code, out.String(), errs.String()
}

const interruptedText = "ringplan: interrupted; what is not listed above is as it was\n"

// interruptedBy returns what a verb says that is told to stop before it begins.
func interruptedBy(args []string) string {
	if slices.Contains([]string{"init", "render"}, args[0]) || slices.Equal(args[:2], []string{"charts", "lock"}) {
		return interruptedText
	}
	return "ringplan: interrupted\n"
}

// TestInterruptedAtOnce wants no verb to write anything once it is told to stop.
func TestInterruptedAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, "init", "here")
	before := readTree(t, ".")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{
		{"init", "there"}, {"init", "here", "--force", "--regions", "1"},
		{"lint", "here"}, {"plan", "here"}, {"render", "here"}, {"render", "here", "--check"}, {"render", "here", "--stdout"},
	} {
		code, stdout, stderr := interruptible(ctx, args...)
		if code != exitFailed || stdout != "" || stderr != interruptedBy(args) {
			t.Errorf("%v: exit code %d\n%s%s", args, code, stdout, stderr)
		}
	}
	if diff := cmp.Diff(before, readTree(t, ".")); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
}

// TestInterruptedWhileReading stops a run that waits for its input, and would
// wait for ever.
func TestInterruptedWhileReading(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := exec.Command("mkfifo", "pipe.yaml").Run(); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(100*time.Millisecond, cancel)
	defer timer.Stop()
	code, stdout, stderr := interruptible(ctx, "render", "pipe.yaml")
	if code != exitFailed || stdout != "" || stderr != interruptedText {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, err := os.Stat("rendered"); !os.IsNotExist(err) {
		t.Errorf("rendered: %v", err)
	}
	// Let go of the reader that is left behind, if it came that far: a pipe
	// that is opened for both waits for nobody.
	if f, err := os.OpenFile("pipe.yaml", os.O_RDWR, 0); err == nil {
		f.Close()
	}
}

// A tripwire calls a function as soon as a text is written to it.
type tripwire struct {
	bytes.Buffer
	text string
	trip func()
}

func (w *tripwire) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.text) {
		w.trip()
	}
	return n, err
}

// TestInterruptedHalfWay stops a fleet after the first of its trees: that one
// is complete, the others are as they were.
func TestInterruptedHalfWay(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a", "b", "c"} {
		mustRun(t, "init", "fleet/"+name, "--name", name, "--regions", "1")
		file := filepath.Join("fleet", name, "topology.yaml")
		replaceIn(t, file, "cluster-1", "cluster-"+name)
		mustRun(t, "advance", "region-1", "--topology", file)
		replaceIn(t, file, "replicas: 3", "replicas: 6")
	}
	before := readTree(t, "fleet/b")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stderr := &tripwire{text: "fleet/a/rendered: ", trip: cancel}
	code := run(ctx, nil, []string{"render", "fleet"}, &bytes.Buffer{}, stderr)
	if want := "fleet/a/rendered: 2 written, 0 removed, 2 unchanged\n" + interruptedText; code != exitFailed || stderr.String() != want {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	mustRun(t, "render", "fleet/a", "--check")
	if diff := cmp.Diff(before, readTree(t, "fleet/b")); diff != "" {
		t.Errorf("b has changed:\n%s", diff)
	}
	mustRun(t, "render", "fleet")
	mustRun(t, "render", "fleet", "--check")
}

func replaceIn(t *testing.T, file, old, new string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	after := strings.ReplaceAll(string(data), old, new)
	if after == string(data) {
		t.Fatalf("%s does not hold %s", file, old)
	}
	write(t, file, after)
}

// smallDisk goes on in an empty disk of its own, which only root can have.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small disk: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Error(err)
		}
	})
	t.Chdir(dir)
	return dir
}

// wantRefused runs command lines that cannot write, and wants every file to
// stay as it is.
func wantRefused(t *testing.T, reason string, commands ...[]string) {
	t.Helper()
	before := readTree(t, ".")
	for _, args := range commands {
		code, stdout, stderr := ringplan(t, args...)
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, reason) {
			t.Errorf("%v: exit code %d\n%s%s", args, code, stdout, stderr)
		}
		if diff := cmp.Diff(before, readTree(t, ".")); diff != "" {
			t.Errorf("%v has changed:\n%s", args, diff)
		}
	}
}

// TestFullDisk fills a small disk, and wants the old files to survive.
func TestFullDisk(t *testing.T) {
	smallDisk(t)
	mustRun(t, "init", ".")
	mustRun(t, "advance", "region-1")
	replaceIn(t, "topology.yaml", "replicas: 3", "replicas: 6")
	_ = os.WriteFile("filler", make([]byte, 1<<20), 0o644) // as much as there is room for
	wantRefused(t, "no space left on device",
		[]string{"render", "."},
		[]string{"render", ".", "--phase", "region-1=serving,region-2=joining", "--out", "preview"},
		[]string{"init", "--force", "--regions", "9"},
	)
	replaceIn(t, "topology.yaml", "replicas: 6", "replicas: 3")
	wantRefused(t, "no space left on device", []string{"abort", "region-1"})
	if err := os.Remove("filler"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "verify", ".")
	mustRun(t, "abort", "region-1")
	mustRun(t, "verify", ".")
}

// TestReadOnly takes steps where nothing can be written, as in a checkout of
// another's: what only reads works there.
func TestReadOnly(t *testing.T) {
	dir := smallDisk(t)
	mustRun(t, "init", ".")
	mustRun(t, "advance", "region-1")
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot make the disk read-only: %v: %s", err, out)
	}
	for _, args := range [][]string{{"lint"}, {"status"}, {"plan"}, {"verify"}, {"render", "--check"}, {"render", "--stdout"}} {
		mustRun(t, args...)
	}
	wantRefused(t, "read-only file system",
		[]string{"abort", "region-1"},
		[]string{"render", "--phase", "region-1=serving", "--out", "preview"},
		[]string{"plan", "--save", "plan.json"},
		[]string{"init", "--force"},
	)
}

// TestColour shows colour at a terminal only, and not where it is unwanted.
func TestColour(t *testing.T) {
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	a := &app{}
	if !a.style(terminal).Color || a.style(file).Color || a.style(&bytes.Buffer{}).Color {
		t.Error("colour does not follow the stream")
	}
	a.noColor = true
	if a.style(terminal).Color {
		t.Error("colour in spite of --no-color")
	}
	a.noColor = false
	t.Setenv("TERM", "dumb")
	if a.style(terminal).Color {
		t.Error("colour in spite of TERM=dumb")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if a.style(terminal).Color {
		t.Error("colour in spite of NO_COLOR")
	}
}

// TestDefect gives a crash an exit code that means nothing else.
func TestDefect(t *testing.T) {
	var stderr bytes.Buffer
	code := run(context.Background(), nil, []string{"version"}, panicking{}, &stderr)
	if code != exitFailed || !strings.HasPrefix(stderr.String(), "ringplan: a defect of ringplan, please report it: no output\n") {
		t.Errorf("exit code %d\n%s", code, &stderr)
	}
}

type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("no output") }

// TestInterruptedWhileRendering stops a run while a template renders, which Helm
// does not let go of.
func TestInterruptedWhileRendering(t *testing.T) {
	charts, err := filepath.Abs("../../examples/charts/1.16.0")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	mustRun(t, "init", ".", "--regions", "1")
	topology, err := os.ReadFile("topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "topology.yaml", regexp.MustCompile(`(?m)^  charts: .*$`).ReplaceAllString(string(topology), "  charts: {path: charts}"))
	if err := os.CopyFS("charts", os.DirFS(charts)); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "lint", "--manifests")
	write(t, "charts/apigee-org/templates/slow.yaml", "{{ range until 16000 }}{{ range until 16000 }}{{ end }}{{ end }}")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(500*time.Millisecond, cancel)
	defer timer.Stop()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, bundled.Libraries(), []string{"lint", "--manifests"}, io.Discard, io.Discard)
	}()
	select {
	case code := <-ended:
		if code != exitFailed {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(3 * time.Second):
		t.Error("still under way 3 seconds later")
	}
}
