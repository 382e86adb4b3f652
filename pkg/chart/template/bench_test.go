package template

import (
	"fmt"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
)

func examples(b *testing.B) []Chart {
	b.Helper()
	dirs, err := filepath.Glob("../../../examples/charts/1.16.0/*")
	if err != nil || len(dirs) == 0 {
		b.Fatal("there are no charts", err)
	}
	var charts []Chart
	for _, dir := range dirs {
		c, err := loader.LoadDir(dir)
		if err != nil {
			b.Fatal(err)
		}
		charts = append(charts, ours(c, ""))
	}
	return charts
}

// BenchmarkAnalyse reads the eight charts of a version.
func BenchmarkAnalyse(b *testing.B) {
	charts := examples(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range charts {
			if _, err := Analyse(c); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkUnread asks one chart about 200 values.
func BenchmarkUnread(b *testing.B) {
	var envs []any
	for range 20 {
		env := map[string]any{"name": "x", "gsa": map[string]any{"runtime": "x"}, "components": map[string]any{"runtime": map[string]any{"nmae": 1}}}
		for j := range 8 {
			env[fmt.Sprintf("key%d", j)] = "x"
		}
		envs = append(envs, env)
	}
	given := map[string]any{"envs": envs}
	for _, c := range examples(b) {
		if c.Name != "apigee-env" {
			continue
		}
		a, err := Analyse(c)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			a.Unread(given, given)
		}
	}
}

func BenchmarkStable(b *testing.B) {
	charts := examples(b)
	for b.Loop() {
		for _, c := range charts {
			for _, f := range c.Files {
				Stable(string(f.Data))
			}
		}
	}
}
