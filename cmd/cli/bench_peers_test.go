//go:build unix

package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"
)

// manyReleases is a topology of ten regions with ten releases each, all serving,
// with the charts of the examples.
func manyReleases(b *testing.B) (top, phases string) {
	b.Helper()
	_, files := fleetOf(b, maxInitRegions)
	top = filepath.Dir(files[0])
	if err := os.CopyFS(filepath.Join(top, "charts"), os.DirFS("../../examples/charts/1.16.0")); err != nil {
		b.Fatal(err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		b.Fatal(err)
	}
	spec := doc["spec"].(map[string]any)
	spec["version"], spec["charts"] = "1.16.0", map[string]any{"path": "charts"}
	spec["environments"] = []any{map[string]any{"name": "prod"}, map[string]any{"name": "test"}}
	group := func(name string) any {
		return map[string]any{"name": name, "tls": map[string]any{"secret": name + "-tls"}}
	}
	spec["environmentGroups"] = []any{group("public"), group("partners")}
	if data, err = yaml.Marshal(doc); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(files[0], data, 0o644); err != nil {
		b.Fatal(err)
	}
	var serving []string
	for i := 1; i <= maxInitRegions; i++ {
		serving = append(serving, fmt.Sprintf("region-%d=serving", i))
	}
	return top, strings.Join(serving, ",")
}

// programs builds both programs, and returns the path of ringplan.
func programs(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	if out, err := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "../ringplan", "../ringplan-charts").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "ringplan")
}

// measured runs a program, and returns the most memory that it, without those
// that it starts, has held.
func measured(b *testing.B, name string, args ...string) (bytesHeld int64) {
	b.Helper()
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, said.String())
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage.Maxrss << 10
}

// BenchmarkManifests renders the charts of ten regions with ten releases each, as
// a process, with all checks.
func BenchmarkManifests(b *testing.B) {
	top, phases := manyReleases(b)
	program, out := programs(b), b.TempDir()
	most := int64(0)
	for b.Loop() {
		most = max(most, measured(b, program, "render", top, "--manifests", "--phase", phases, "--out", filepath.Join(out, "manifests")))
	}
	b.ReportMetric(float64(most)/(1<<20), "MiB")
}

// BenchmarkPeers does the same with what people use today, if RINGPLAN_PEERS
// names a folder with helm and helmfile: helm template in a loop, as many at once
// as there are processors, and helmfile template. `make bench-peers` builds them.
func BenchmarkPeers(b *testing.B) {
	peers := os.Getenv("RINGPLAN_PEERS")
	if peers == "" {
		b.Skip("RINGPLAN_PEERS names no folder with helm and helmfile; `make bench-peers` builds them")
	}
	top, phases := manyReleases(b)
	out := filepath.Join(b.TempDir(), "rendered")
	mustRun(b, "render", top, "--phase", phases, "--out", out)
	helm := filepath.Join(peers, "helm")
	var commands [][]string
	var file struct {
		Releases []map[string]any `yaml:"releases"`
	}
	for _, region := range folders(b, out) {
		var plan releasePlan
		data, err := os.ReadFile(filepath.Join(out, region, "releases.yaml"))
		if err != nil {
			b.Fatal(err)
		}
		if err := yaml.Unmarshal(data, &plan); err != nil {
			b.Fatal(err)
		}
		for _, step := range plan.Spec.Steps {
			if step.Kind != "HelmRelease" {
				continue
			}
			chart, values := filepath.Join(top, "charts", step.Chart), filepath.Join(out, region, "overrides.yaml")
			args := []string{"template", step.Name, chart, "--namespace", "apigee", "-f", values}
			var sets []any
			for key, value := range step.Set {
				args = append(args, "--set", key+"="+value)
				sets = append(sets, map[string]any{"name": key, "value": value})
			}
			commands = append(commands, args)
			file.Releases = append(file.Releases, map[string]any{
				"name": step.Name, "namespace": region, "chart": chart, "values": []any{values}, "set": sets,
			})
		}
	}
	if len(commands) != 10*maxInitRegions {
		b.Fatalf("%d releases", len(commands))
	}
	b.Run("helm-loop", func(b *testing.B) {
		most := int64(0)
		for b.Loop() {
			for _, args := range commands {
				most = max(most, measured(b, helm, args...))
			}
		}
		b.ReportMetric(float64(most)/(1<<20), "MiB")
	})
	b.Run("helm-parallel", func(b *testing.B) {
		for b.Loop() {
			work := make(chan []string)
			done := make(chan struct{})
			for range runtime.GOMAXPROCS(0) {
				go func() {
					for args := range work {
						if err := exec.Command(helm, args...).Run(); err != nil {
							b.Error(err)
						}
					}
					done <- struct{}{}
				}()
			}
			for _, args := range commands {
				work <- args
			}
			close(work)
			for range runtime.GOMAXPROCS(0) {
				<-done
			}
		}
	})
	b.Run("helmfile", func(b *testing.B) {
		data, err := yaml.Marshal(file)
		if err != nil {
			b.Fatal(err)
		}
		name := filepath.Join(b.TempDir(), "helmfile.yaml")
		if err := os.WriteFile(name, data, 0o644); err != nil {
			b.Fatal(err)
		}
		most := int64(0)
		for b.Loop() {
			most = max(most, measured(b, filepath.Join(peers, "helmfile"), "--file", name, "--helm-binary", helm, "template", "--skip-deps"))
		}
		b.ReportMetric(float64(most)/(1<<20), "MiB")
	})
}
