// Package template reads the templates of a Helm chart without rendering
// them. It says which values no template can read, which values decide a
// refusal, and which calls make one rendering differ from the next.
//
// It interprets the parsed templates over abstract values: paths into the
// values, dictionaries that a template builds, and text. What it does not
// follow counts as read, so a value that it calls unread is unread. Only the
// templates are looked at: a schema of the values is another reader.
package template

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// A File is a template. Its name is the one that Helm gives it, such as
// chart/templates/x.yaml or chart/charts/sub/templates/y.yaml.
type File struct {
	Name string
	Data []byte
}

// A Chart is what Helm renders of a chart.
type Chart struct {
	// Name is the chart's name, or the alias that its parent gives it. The
	// values of a subchart stand under it.
	Name string
	// Files are the templates that Helm parses: those of a library chart only
	// where they are partials.
	Files []File
	// Reads lists the values of this chart that Chart.yaml itself reads, such
	// as sub.enabled: conditions, tags and import-values of its dependencies.
	Reads []string
	// Subcharts are the dependencies that are not switched off.
	Subcharts []Chart
}

// An Analysis knows what the templates of a chart do. It may be asked by
// several goroutines at once.
type Analysis struct {
	values      *node
	charts      []*scope
	invocations []*invocation
	unstable    []Call
}

// Analyse reads the templates of a chart and its subcharts. The error of a
// template that does not parse starts with its file and line.
func Analyse(c Chart) (*Analysis, error) {
	a := newAnalyser()
	if err := a.load(c, nil); err != nil {
		return nil, err
	}
	return a.analysis(), nil
}

func (a *analyser) analysis() *Analysis {
	a.run()
	return &Analysis{values: a.values, charts: a.charts, invocations: a.invocations, unstable: a.unstable()}
}

// A scope is a chart with the place of its values.
type scope struct {
	name   string // chart, or chart/charts/sub
	values *node
	parent *scope
	root   *object // the dot of its templates
	files  []*tree // those that Helm renders by themselves
}

// within reports whether s is a subchart of another chart, at any depth.
func (s *scope) within(other *scope) bool {
	for p := s.parent; p != nil; p = p.parent {
		if p == other {
			return true
		}
	}
	return false
}

// load parses the files of a chart and of those below it.
func (a *analyser) load(c Chart, parent *scope) error {
	s := &scope{name: c.Name, parent: parent, values: a.values}
	if parent != nil {
		s.name = parent.name + "/charts/" + c.Name
		s.values = a.child(parent.values, c.Name)
		s.values.mark(seen)
	}
	s.values.scope = true
	s.root = a.rootObject(s)
	a.charts = append(a.charts, s)
	if parent != nil {
		a.subcharts(parent).set(c.Name, value{objectAtom.atom(s.root.id)})
	}
	for _, read := range c.Reads {
		n := s.values
		for key := range strings.SplitSeq(read, ".") {
			n = a.child(n, key)
		}
		n.mark(deep)
	}
	for _, f := range c.Files {
		trees, err := parseFile(f.Name, string(f.Data))
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(trees)) {
			t := trees[name]
			a.trees = append(a.trees, t)
			a.named[name] = append(a.named[name], t)
			if name == f.Name && !strings.HasPrefix(path.Base(name), "_") {
				t.rendered = true
				s.files = append(s.files, t)
			}
		}
	}
	for _, sub := range c.Subcharts {
		if err := a.load(sub, s); err != nil {
			return err
		}
	}
	return nil
}
