package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ringplan/ringplan/cmd/charts"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(crashVar); text != "" {
		os.Exit(runCrash(text))
	}
	testscript.Main(m, map[string]func(){
		"ringplan":        func() { os.Exit(Main(nil)) },
		"ringplan-charts": func() { os.Exit(Main(charts.Libraries())) },
	})
}

// TestScripts runs testdata/script/*.txtar, each a session of ringplan with
// its whole output and every exit code.
func TestScripts(t *testing.T) {
	fixtures, err := filepath.Abs("../../examples/charts")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GIT_DISCOVERY_ACROSS_FILESYSTEM", "1") // or Git tells of mounts, where the temporary folder is one
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":    cmdCode,
			"replace": cmdReplace,
			"write":   cmdWrite,
			"program": cmdProgram,
			"charts":  func(ts *testscript.TestScript, neg bool, args []string) { cmdCharts(ts, fixtures, neg, args) },
			"cluster": func(ts *testscript.TestScript, neg bool, args []string) { cmdCluster(t, ts, neg, args) },
		},
		Condition: func(name string) (bool, error) {
			return name == "device-full" && exists("/dev/full"), nil
		},
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// cmdCode runs a command that must end with a given code, and appends what it
// said to the file transcript in $WORK:
//
//	code 3 ringplan lint
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("exit code %d, not %d:\n%s%s", got, want, stdout, stderr)
	}
	transcript := "$ " + strings.Join(args[1:], " ") + "\n" + marked(stdout, "") + marked(stderr, "! ")
	if got != 0 {
		transcript += "[" + args[0] + "]\n"
	}
	transcript = strings.ReplaceAll(withoutServers(ts, transcript), ts.Getenv("WORK"), "$WORK")
	f, err := os.OpenFile(filepath.Join(ts.Getenv("WORK"), "transcript"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	_, err = f.WriteString(transcript)
	ts.Check(errors.Join(err, f.Close()))
}

// marked puts a mark before each line of a text.
func marked(text, mark string) string {
	if text == "" {
		return ""
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	end := "\n"
	if !strings.HasSuffix(text, "\n") {
		end = " (no end of line)\n"
	}
	return mark + strings.Join(lines, "\n"+mark) + end
}

// cmdReplace replaces each occurrence of a text in a file. The texts are
// written like Go strings without their quotes:
//
//	replace topology.yaml 'replicas: 3' 'replicas: 4'
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	before := ts.ReadFile(args[0])
	after := strings.ReplaceAll(before, unquoted(ts, args[1]), unquoted(ts, args[2]))
	if after == before {
		ts.Fatalf("%s does not hold %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(after), 0o644))
}

// cmdWrite writes a text, or many of one, to a file:
//
//	write topology.yaml 'a: \xff'
//	write topology.yaml '# comment\n' 1000000
func cmdWrite(ts *testscript.TestScript, neg bool, args []string) {
	times := 1
	if len(args) == 3 {
		var err error
		times, err = strconv.Atoi(args[2])
		ts.Check(err)
		args = args[:2]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: write FILE TEXT [TIMES]")
	}
	file := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o755))
	ts.Check(os.WriteFile(file, []byte(strings.Repeat(unquoted(ts, args[1]), times)), 0o644))
}

func unquoted(ts *testscript.TestScript, text string) string {
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	ts.Check(err)
	return s
}

// cmdCharts copies the charts of examples/charts to a folder, which then is in a
// repository of its own:
//
//	charts charts
func cmdCharts(ts *testscript.TestScript, fixtures string, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: charts FOLDER")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[0]), os.DirFS(fixtures)))
	ts.Check(os.MkdirAll(ts.MkAbs(".git"), 0o755))
}

// cmdProgram puts one of the programs into a folder, without the others:
//
//	program ringplan alone
func cmdProgram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: program NAME FOLDER")
	}
	self, err := os.Executable()
	ts.Check(err)
	name := args[0]
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	to := filepath.Join(ts.MkAbs(args[1]), name)
	ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
	if os.Link(self, to) == nil {
		return
	}
	data, err := os.ReadFile(self) // on another disk
	ts.Check(err)
	ts.Check(os.WriteFile(to, data, 0o755))
}
