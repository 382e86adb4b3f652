// Package pkg_test holds the house together: which room may use which, and
// which heavy library stays in which room.
package pkg_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ringplan/ringplan/"

// Floors above the pure ones.
const (
	edge  = 10 // may do I/O; uses any floor, and other edges
	top   = 20 // the command
	start = 30 // the programs
	data  = -1 // files to embed; used by anyone
)

// rooms lists every package with its floor. A room uses only lower floors,
// and its own where the list says so.
var rooms = map[string]int{
	"pkg":                   0, // these tests
	"schema":                data,
	"regions":               data,
	"pkg/diag":              0,
	"pkg/topology":          1,
	"pkg/manifest":          1,
	"pkg/observe":           1,
	"pkg/stage":             2,
	"pkg/lint":              2,
	"pkg/release":           2,
	"pkg/chart/template":    2,
	"pkg/system":            3,
	"pkg/system/apigee":     3,
	"pkg/deliver":           3,
	"pkg/deliver/flux":      3,
	"pkg/deliver/argocd":    3,
	"pkg/deliver/helmfile":  3,
	"pkg/report":            4,
	"pkg/load":              edge,
	"pkg/tree":              edge,
	"pkg/gitrev":            edge,
	"pkg/live":              edge,
	"pkg/live/livetest":     edge,
	"pkg/chart":             edge,
	"pkg/chart/definition":  edge,
	"pkg/overlay":           edge,
	"pkg/system/apigee/gen": top,
	"cmd/cli":               top,
	"cmd/charts":            top,
	"cmd/ringplan-charts":   start,
	"cmd/ringplan":          start,
}

// sameFloor lists the uses inside one floor.
var sameFloor = map[string][]string{
	"pkg/lint":             {"pkg/stage"},
	"pkg/release":          {"pkg/lint"},
	"pkg/system/apigee":    {"pkg/system"},
	"pkg/deliver":          {"pkg/system"},
	"pkg/deliver/flux":     {"pkg/deliver", "pkg/system"},
	"pkg/deliver/argocd":   {"pkg/deliver", "pkg/system"},
	"pkg/deliver/helmfile": {"pkg/deliver", "pkg/system"},
}

// libraries lists the libraries from outside, and the rooms that may use them.
var libraries = map[string][]string{
	"cuelang.org/go":                           {"pkg/load", "pkg/system/apigee/gen"},
	"gopkg.in/yaml.v3":                         {"pkg/manifest", "pkg/system/apigee/gen"},
	"github.com/google/go-cmp":                 {"pkg/manifest"},
	"github.com/hashicorp/go-multierror":       {"pkg/tree"},
	"github.com/spf13/cobra":                   {"cmd/cli"},
	"github.com/spf13/pflag":                   {"cmd/cli"},
	"k8s.io/apimachinery":                      {"pkg/live"},
	"k8s.io/client-go":                         {"pkg/live"},
	"k8s.io/klog/v2":                           {"pkg/live"},
	"k8s.io/streaming":                         {"pkg/live", "pkg/live/livetest"},
	"helm.sh/helm/v3":                          {"pkg/chart"},
	"sigs.k8s.io/kustomize":                    {"pkg/overlay"},
	"sigs.k8s.io/yaml":                         {"cmd/charts", "pkg/chart", "pkg/chart/definition", "pkg/overlay"},
	"golang.org/x/text":                        {"pkg/chart", "pkg/chart/definition"},
	"github.com/santhosh-tekuri/jsonschema/v6": {"pkg/chart", "pkg/chart/definition"},
}

// impure lists what floors 0 to 4 must not use: the world and chance. Of the
// package time they may use values, but not the clock; see [TestNoClock].
var impure = []string{"os", "os/exec", "os/signal", "net", "net/http", "syscall", "math/rand", "math/rand/v2", "crypto/rand", "path/filepath", "runtime", "unsafe"}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestFloors(t *testing.T) {
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		floor, ok := rooms[room]
		if !ok {
			t.Errorf("%s is no room of the house: list it here, with its floor", room)
			continue
		}
		for _, imported := range p.Imports {
			if problem := check(room, floor, imported); problem != "" {
				t.Errorf("%s: %s", room, problem)
			}
		}
	}
}

func check(room string, floor int, imported string) string {
	if used, ours := strings.CutPrefix(imported, module); ours {
		return checkRoom(room, floor, used)
	}
	if !strings.Contains(strings.Split(imported, "/")[0], ".") {
		if floor >= 0 && floor < edge && slices.Contains(impure, imported) {
			return "a pure floor must not import " + imported
		}
		return ""
	}
	for library, allowed := range libraries {
		if imported == library || strings.HasPrefix(imported, library+"/") {
			if !slices.Contains(allowed, room) {
				return library + " stays in " + strings.Join(allowed, ", ")
			}
			return ""
		}
	}
	return imported + " is a library that nobody has listed"
}

func checkRoom(room string, floor int, used string) string {
	usedFloor, ok := rooms[used]
	switch {
	case !ok:
		return used + " is no room of the house"
	case usedFloor < floor, floor >= edge && usedFloor <= floor:
		return ""
	case slices.Contains(sameFloor[room], used):
		return ""
	}
	return "must not use " + used + ", which is not below it"
}

// clocks lists the functions of package time that ask or wait for the clock.
var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep", "Local", "LoadLocation"}

// TestNoClock parses the pure rooms: the time is given to them.
func TestNoClock(t *testing.T) {
	for room, floor := range rooms {
		if floor < 0 || floor >= edge {
			continue
		}
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(room), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range clockUses(parsed) {
				t.Errorf("%s uses time.%s: a pure floor is given the time", file, name)
			}
		}
	}
}

func clockUses(file *ast.File) []string {
	var uses []string
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains(clocks, selector.Sel.Name) {
			uses = append(uses, selector.Sel.Name)
		}
		return true
	})
	return uses
}

// TestClockUses shows that the test above can fail.
func TestClockUses(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p; import \"time\"; var x, y = time.Now(), time.Unix(0, 0)", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := clockUses(file); !slices.Equal(got, []string{"Now"}) {
		t.Errorf("clockUses = %q, want Now alone", got)
	}
}

// TestCheckRefuses shows that the test above can fail.
func TestCheckRefuses(t *testing.T) {
	for name, c := range map[string]struct{ room, imported string }{
		"upwards":          {"pkg/diag", module + "pkg/lint"},
		"sideways":         {"pkg/topology", module + "pkg/manifest"},
		"an edge":          {"pkg/stage", module + "pkg/load"},
		"the world":        {"pkg/lint", "os"},
		"a heavy library":  {"pkg/lint", "cuelang.org/go/cue"},
		"an unlisted one":  {"pkg/tree", "example.com/library"},
		"an unlisted room": {"cmd/cli", module + "pkg/util"},
	} {
		if check(c.room, rooms[c.room], c.imported) == "" {
			t.Errorf("%s: %s may import %s", name, c.room, c.imported)
		}
	}
}

// TestLightProgram keeps Helm and kustomize out of the program that is started
// every time: they make each start slower, whatever is asked for.
func TestLightProgram(t *testing.T) {
	for program, heavy := range map[string]bool{"cmd/ringplan": false, "cmd/ringplan-charts": true} {
		out, err := exec.Command("go", "list", "-deps", module+program).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for _, library := range []string{"helm.sh/", "sigs.k8s.io/kustomize/"} {
			if strings.Contains("\n"+string(out), "\n"+library) != heavy {
				t.Errorf("%s links packages of %s: %v, want %v", program, library, !heavy, heavy)
			}
		}
	}
}
