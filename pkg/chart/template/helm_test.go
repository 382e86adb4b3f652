package template

import (
	"fmt"
	"io"
	"log"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

// A fixture is a chart for Helm and for the analysis. Files are named as in
// the chart, those of a subchart below charts/NAME; values.yaml is its
// defaults.
type fixture map[string]string

// one is a chart of one template.
func one(text string) fixture { return fixture{"templates/x.yaml": text} }

func init() { log.SetOutput(io.Discard) } // Helm warns of values it does not merge

// yesOrNo matches the keys that YAML takes for a boolean.
var yesOrNo = regexp.MustCompile(`(^|[{ ,])([ny]):`)

func parseYAML(tb testing.TB, text string) map[string]any {
	tb.Helper()
	m := map[string]any{}
	text = yesOrNo.ReplaceAllString(text, `$1"$2":`)
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		tb.Fatal(err)
	}
	return m
}

// helm builds the chart that Helm renders, and chart the one to analyse.
func (x fixture) helm(tb testing.TB, name string) *chart.Chart {
	c := &chart.Chart{Metadata: &chart.Metadata{Name: name, APIVersion: "v2", Version: "1.0.0", Description: "a {{ chart }}"}, Values: map[string]any{}}
	subs := map[string]fixture{}
	for _, file := range slices.Sorted(maps.Keys(x)) {
		if rest, ok := strings.CutPrefix(file, "charts/"); ok {
			sub, rest, _ := strings.Cut(rest, "/")
			if subs[sub] == nil {
				subs[sub] = fixture{}
			}
			subs[sub][rest] = x[file]
			continue
		}
		switch {
		case file == "values.yaml":
			c.Values = parseYAML(tb, x[file])
		case strings.HasPrefix(file, "templates/"):
			c.Templates = append(c.Templates, &chart.File{Name: file, Data: []byte(x[file])})
		default:
			c.Files = append(c.Files, &chart.File{Name: file, Data: []byte(x[file])})
		}
	}
	for _, sub := range slices.Sorted(maps.Keys(subs)) {
		c.AddDependency(subs[sub].helm(tb, sub))
	}
	return c
}

func ours(c *chart.Chart, prefix string) Chart {
	prefix = path.Join(prefix, c.Name())
	us := Chart{Name: c.Name()}
	for _, t := range c.Templates {
		us.Files = append(us.Files, File{Name: prefix + "/" + t.Name, Data: t.Data})
	}
	for _, sub := range c.Dependencies() {
		us.Subcharts = append(us.Subcharts, ours(sub, prefix+"/charts"))
	}
	return us
}

func (x fixture) analyse(tb testing.TB) (*Analysis, *chart.Chart) {
	tb.Helper()
	c := x.helm(tb, "c")
	a, err := Analyse(ours(c, ""))
	if err != nil {
		tb.Fatal(err)
	}
	return a, c
}

func mergedWith(tb testing.TB, c *chart.Chart, given map[string]any) map[string]any {
	tb.Helper()
	merged, err := chartutil.CoalesceValues(c, given)
	if err != nil {
		tb.Fatal(err)
	}
	return merged
}

// render returns all that Helm renders, or its error.
func render(tb testing.TB, c *chart.Chart, given map[string]any) string {
	tb.Helper()
	top, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: "r", Namespace: "n"}, chartutil.DefaultCapabilities)
	if err != nil {
		return "error: " + err.Error()
	}
	files, err := engine.Render(c, top)
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "--- %s\n%s\n", name, files[name])
	}
	return b.String()
}

// replacements stand for every other value.
var replacements = []any{"another", "", false, 7.0, []any{"an", "element"}, map[string]any{"a": "map"}, map[string]any{}, []any{}}

// sound checks what the analysis reports against Helm: without these values,
// each by itself and all together, or with others in their place, every byte
// stays.
func sound(tb testing.TB, a *Analysis, c *chart.Chart, given map[string]any, others ...any) []string {
	tb.Helper()
	unread := a.Unread(given, mergedWith(tb, c, given))
	want := render(tb, c, copied(given))
	same := func(what string, changed map[string]any) {
		if got := render(tb, c, changed); got != want {
			out, _ := yaml.Marshal(given)
			tb.Errorf("%s: renders\n%s\nnot\n%s\nvalues:\n%s", what, got, want, out)
		}
	}
	all := copied(given)
	for _, p := range unread {
		same("without "+p, edited(tb, copied(given), p, nil))
		all = edited(tb, all, p, nil)
		for _, r := range others {
			same(fmt.Sprintf("%s = %v", p, r), edited(tb, copied(given), p, r))
		}
	}
	same("without all of "+strings.Join(unread, ", "), all)
	return unread
}

func copied(v map[string]any) map[string]any { return copyAny(v).(map[string]any) }

func copyAny(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, child := range v {
			m[k] = copyAny(child)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, child := range v {
			list[i] = copyAny(child)
		}
		return list
	}
	return v
}

// edited puts a value at a path that Unread returned, or takes out what is
// there.
func edited(tb testing.TB, root map[string]any, at string, to any) map[string]any {
	tb.Helper()
	found := false
	var visit func(path string, v any)
	visit = func(p string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, child := range v {
				if next := joined(p, k); next != at {
					visit(next, child)
				} else if found = true; to == nil {
					delete(v, k)
				} else {
					v[k] = copyAny(to)
				}
			}
		case []any:
			for i, child := range v {
				visit(fmt.Sprintf("%s[%d]", p, i), child)
			}
		}
	}
	visit("", root)
	if !found {
		tb.Fatalf("there is no value at %s", at)
	}
	return root
}
