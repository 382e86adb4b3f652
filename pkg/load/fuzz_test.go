package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/topology"
	"github.com/ringplan/ringplan/regions"
	"github.com/ringplan/ringplan/schema"
)

func FuzzLoadYAML(f *testing.F) {
	asJSON, _ := translated(f)
	fuzzLoad(f, ".yaml", good, asJSON)
}

func FuzzLoadJSON(f *testing.F) {
	asJSON, _ := translated(f)
	fuzzLoad(f, ".json", asJSON)
}

func FuzzLoadCUE(f *testing.F) {
	_, asCUE := translated(f)
	fuzzLoad(f, ".cue", asCUE, "package acme\n\nimport \"strings\"\n\nspec: namespace: strings.ToLower(\"A\")\n"+asCUE,
		"#A: {b: _c, d?: int}\n_c: *1 | 2\nx: #A & {b: \"\\(_c)\"}\ny: [for k, v in x if v > 1 {(k): v}]\nlet Z = {a: b: c: 1}\nz: Z.a.b.c\n",
	)
}

// fuzzLoad loads what the fuzzer makes of the bad inputs and some good ones.
// Whatever a file holds, loading neither panics nor hangs, gives a topology or
// an error, puts every finding somewhere into the file, and says the same when
// asked again.
func fuzzLoad(f *testing.F, ext string, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	for _, c := range bad() {
		if filepath.Ext(c.file) == ext && len(c.text) < 10_000 {
			f.Add(c.text)
		}
	}
	dir := f.TempDir()
	file := filepath.Join(dir, "topology"+ext)
	var loader *Loader
	runs := 0
	f.Fuzz(func(t *testing.T, text string) {
		if runs%200 == 0 { // a CUE context never forgets
			var err error
			if loader, err = New(schema.FS, regions.FS); err != nil {
				t.Fatal(err)
			}
		}
		runs++
		if strings.Contains(text, "@embed") || len(text) > 1<<16 {
			t.Skip()
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		topo, findings := loader.File(file)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
		checkLoaded(t, file, topo, findings)
		again, repeated := loader.File(file)
		if diff := cmp.Diff(findings, repeated); diff != "" || (topo == nil) != (again == nil) {
			t.Errorf("differs when loaded again:\n%s", diff)
		}
	})
}

func checkLoaded(t *testing.T, file string, topo *topology.Topology, findings diag.List) {
	t.Helper()
	if (topo == nil) != (findings.HasErrors() && !allUnderValues(findings)) {
		t.Errorf("a topology: %v, and findings: %v", topo != nil, findings)
	}
	checkFindings(t, filepath.ToSlash(file), findings)
	for _, finding := range findings {
		if strings.Contains(finding.Message, "CUE cannot evaluate") {
			t.Errorf("a panic: %s", finding.Message)
		}
	}
	if topo != nil {
		content(t, topo)
	}
}
