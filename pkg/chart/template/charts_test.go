package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// TestExamples runs the analysis over the example charts, with the values
// that the examples are rendered to.
func TestExamples(t *testing.T) {
	dirs, err := filepath.Glob("../../../examples/charts/*/*/Chart.yaml")
	if err != nil || len(dirs) == 0 {
		t.Fatal("there are no charts", err)
	}
	values := map[string]string{ // of each version
		"1.15.1": "../../../golden/gke-onprem/rendered-serving/hamburg/overrides.yaml",
		"1.16.0": "../../../golden/mixed/rendered-serving/turin/overrides.yaml",
	}
	for _, dir := range dirs {
		c, err := loader.LoadDir(filepath.Dir(dir))
		if err != nil {
			t.Fatal(err)
		}
		c.Schema = nil // another reader
		stabilise(c)
		a, err := Analyse(ours(c, ""))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(values[c.Metadata.Version])
		if err != nil {
			t.Fatal(err)
		}
		given := parseYAML(t, string(text))
		for key, list := range map[string]string{"env": "envs", "envgroup": "virtualhosts"} { // as a release of one of them does
			if all, _ := given[list].([]any); len(all) > 0 {
				given[key] = all[0].(map[string]any)["name"]
			}
		}
		if out := render(t, c, copied(given)); strings.HasPrefix(out, "error: ") {
			t.Errorf("%s: %s", dir, out)
		}
		if unread := sound(t, a, c, given, "another"); len(unread) == 0 {
			t.Errorf("%s: every value is read", dir)
		}
	}
}

// stabilise makes a chart render the same every time.
func stabilise(c *chart.Chart) {
	for i, f := range c.Templates {
		c.Templates[i] = &chart.File{Name: f.Name, Data: []byte(Stable(string(f.Data)))}
	}
	c.Templates = append(c.Templates, &chart.File{Name: "templates/_ringplan.tpl", Data: []byte(Helpers)})
	for _, sub := range c.Dependencies() {
		stabilise(sub)
	}
}
