package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/pkg/load"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/regions"
	"github.com/ringplan/ringplan/schema"
)

// scales are the numbers of regions that benchmarks grow through; more than
// ten are a fleet of topologies with ten regions each.
var scales = []int{1, 10, 100, 1000}

// fleetOf writes topologies with that many regions in all, and returns their
// folder and files.
func fleetOf(b *testing.B, regionCount int) (dir string, files []string) {
	b.Helper()
	dir = b.TempDir()
	for i := 0; i*maxInitRegions < regionCount; i++ {
		f := initFlags{system: "apigee-hybrid", platform: "gke", name: fmt.Sprintf("ring-%d", i), regions: min(regionCount, maxInitRegions)}
		text, err := newTopology(f)
		if err != nil {
			b.Fatal(err)
		}
		text = strings.ReplaceAll(text, "cluster: cluster-", fmt.Sprintf("cluster: ring-%d-", i))
		file := filepath.Join(dir, f.name, "topology.yaml")
		if err := writeNew(file, text, false); err != nil {
			b.Fatal(err)
		}
		files = append(files, file)
	}
	return dir, files
}

// perScale runs a benchmark for each number of regions.
func perScale(b *testing.B, run func(b *testing.B, dir string, files []string)) {
	b.Helper()
	for _, n := range scales {
		b.Run(fmt.Sprintf("regions=%d", n), func(b *testing.B) {
			dir, files := fleetOf(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, dir, files)
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/region")
		})
	}
}

func newLoader(b *testing.B) *load.Loader {
	b.Helper()
	loader, err := load.New(schema.FS, regions.FS)
	if err != nil {
		b.Fatal(err)
	}
	return loader
}

// BenchmarkSchema is what every run pays before it reads a file.
func BenchmarkSchema(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newLoader(b)
	}
}

// BenchmarkLoad compiles the schema, then reads and validates.
func BenchmarkLoad(b *testing.B) {
	perScale(b, func(b *testing.B, _ string, files []string) {
		b.Helper()
		for b.Loop() {
			loader := newLoader(b)
			for _, file := range files {
				if _, findings := loader.File(file); len(findings) > 0 {
					b.Fatal(findings)
				}
			}
		}
	})
}

// compiledRings reads topologies for the benchmarks of what comes after.
func compiledRings(b *testing.B, dir string) []*ring {
	b.Helper()
	a := &app{}
	rings, findings, err := a.load(context.Background(), []string{dir})
	if err != nil || findings.HasErrors() {
		b.Fatal(err, findings)
	}
	return rings
}

// BenchmarkLint runs every rule over topologies that are loaded.
func BenchmarkLint(b *testing.B) {
	perScale(b, func(b *testing.B, dir string, _ []string) {
		b.Helper()
		rings := compiledRings(b, dir)
		b.ResetTimer()
		for b.Loop() {
			for _, r := range rings {
				r.lint()
			}
		}
	})
}

// BenchmarkRender renders and encodes every region of topologies that are
// loaded, all of them serving.
func BenchmarkRender(b *testing.B) {
	perScale(b, func(b *testing.B, dir string, _ []string) {
		b.Helper()
		rings := compiledRings(b, dir)
		total := 0
		b.ResetTimer()
		for b.Loop() {
			total = 0
			for _, r := range rings {
				docs, err := system.Render(r.compiled, allServing(r))
				if err != nil {
					b.Fatal(err)
				}
				files, err := encode(docs)
				if err != nil {
					b.Fatal(err)
				}
				for _, f := range files {
					total += len(f.Data)
				}
			}
		}
		b.ReportMetric(float64(total), "bytes")
	})
}

func allServing(r *ring) stage.Rollout {
	var at stage.Rollout
	for i := range r.Spec.Regions {
		at = at.With(stage.Progress{Region: r.Spec.Regions[i].Name, Phase: stage.Serving})
	}
	return at
}

// BenchmarkPlan plans from the beginning until every region serves.
func BenchmarkPlan(b *testing.B) {
	perScale(b, func(b *testing.B, dir string, _ []string) {
		b.Helper()
		rings := compiledRings(b, dir)
		b.ResetTimer()
		for b.Loop() {
			for _, r := range rings {
				if _, err := system.Plan(r.system, r.compiled, stage.Rollout{}, "rendered"); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkRenderVerb is the whole of `ringplan render` on a tree that is
// there already, with the first region of each topology being installed:
// schema, load, replay, lint, render, compare.
func BenchmarkRenderVerb(b *testing.B) {
	perScale(b, func(b *testing.B, dir string, files []string) {
		b.Helper()
		for _, file := range files {
			mustRun(b, "advance", "region-1", "--topology", file)
		}
		b.ResetTimer()
		var out, errs bytes.Buffer
		for b.Loop() {
			out.Reset()
			errs.Reset()
			if code := run(context.Background(), nil, []string{"render", dir}, &out, &errs); code != exitOK {
				b.Fatal(code, errs.String())
			}
		}
		b.ReportMetric(float64(treeSize(b, dir)), "bytes")
	})
}

func treeSize(b *testing.B, dir string) (total int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}

// BenchmarkStartup runs the verb version of both programs, and an empty Go program
// to compare them with, as processes.
func BenchmarkStartup(b *testing.B) {
	dir := b.TempDir()
	empty := filepath.Join(dir, "empty.go")
	if err := os.WriteFile(empty, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	for name, source := range map[string]string{"empty": empty, "ringplan": "../ringplan", "ringplan-charts": "../ringplan-charts"} {
		binary := filepath.Join(dir, name)
		if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, source).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(binary, "version").Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
