package chart

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	helm "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"

	"github.com/ringplan/ringplan/pkg/chart/template"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/release"
)

// DefaultKubernetes is the version of a cluster that does not say its own.
const DefaultKubernetes = "v1.33.0"

// A Chart is a chart whose templates were analysed.
type Chart struct {
	files    *helm.Chart
	analysis *template.Analysis
	// schemas are those of the chart and of what it contains, by their texts.
	schemas map[string]*jsonschema.Schema
	// steady are the files to render: what their templates make by chance or
	// from the clock is the same every time.
	steady []*loader.BufferedFile
}

// parse makes a chart of its files.
func parse(files *helm.Chart) (*Chart, error) {
	if strings.EqualFold(files.Metadata.Type, "library") {
		return nil, errors.New("it is a library, which nothing can be installed of")
	}
	if err := complete(files); err != nil {
		return nil, err
	}
	c := &Chart{files: files, schemas: map[string]*jsonschema.Schema{}}
	if err := c.compileSchemas(files); err != nil {
		return nil, err
	}
	var err error
	if c.analysis, err = template.Analyse(shapeOf(files, files.Name(), files.Name())); err != nil {
		return nil, err
	}
	c.steady = append(steadyFiles(files, ""), &loader.BufferedFile{Name: "templates/_ringplan.tpl", Data: []byte(template.Helpers)})
	return c, nil
}

// complete reports dependencies that the chart says it has, and has not.
func complete(c *helm.Chart) error {
	for _, d := range c.Metadata.Dependencies {
		if !slices.ContainsFunc(c.Dependencies(), func(sub *helm.Chart) bool { return sub.Name() == d.Name }) {
			return fmt.Errorf("its dependency %s is not in its folder charts: run `helm dependency update` there", d.Name)
		}
	}
	return nil
}

// steadyFiles returns the files of a chart and those of its dependencies.
func steadyFiles(c *helm.Chart, folder string) []*loader.BufferedFile {
	var files []*loader.BufferedFile
	for _, f := range c.Raw {
		switch {
		case strings.HasPrefix(f.Name, "charts/"):
		case strings.HasPrefix(f.Name, "templates/"):
			files = append(files, &loader.BufferedFile{Name: folder + f.Name, Data: []byte(template.Stable(string(f.Data)))})
		default:
			files = append(files, &loader.BufferedFile{Name: folder + f.Name, Data: f.Data})
		}
	}
	for i, sub := range c.Dependencies() {
		files = append(files, steadyFiles(sub, folder+"charts/"+strconv.Itoa(i)+"/")...)
	}
	return files
}

// Render implements [release.Chart].
func (c *Chart) Render(r release.Release, in release.Cluster) release.Rendering {
	out, err := c.render(r, in)
	if err != nil {
		out.Problems = append(out.Problems, c.refusal(err))
	}
	return out
}

func (c *Chart) render(r release.Release, in release.Cluster) (out release.Rendering, err error) {
	given, err := valuesOf(r)
	if err != nil {
		return out, err
	}
	capabilities, err := capabilitiesOf(in)
	if err != nil {
		return out, err
	}
	if want := c.files.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, capabilities.KubeVersion.Version) {
		return out, fmt.Errorf("the chart wants Kubernetes %s, and the cluster has %s", want, capabilities.KubeVersion.Version)
	}
	// Helm, and templates, change a chart while they render it.
	files, err := loader.LoadFiles(c.steady)
	if err != nil {
		return out, err
	}
	if err := chartutil.ProcessDependenciesWithMerge(files, given); err != nil {
		return out, err
	}
	options := chartutil.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	values, err := chartutil.ToRenderValuesWithSchemaValidation(files, given, options, capabilities, true)
	if err != nil {
		return out, err
	}
	merged, _ := values["Values"].(chartutil.Values)
	out.Merged, _ = clone(merged).(map[string]any) // before templates change it
	out.Problems = c.schemaProblems(files, merged, "")
	if len(out.Problems) > 0 {
		return out, nil // Helm would not go on either
	}
	rendered, err := engine.Render(files, values)
	if err != nil {
		return out, err
	}
	if err := sortObjects(rendered, &out); err != nil {
		return out, err
	}
	for _, crd := range files.CRDObjects() {
		objects, err := Documents(filepath.ToSlash(crd.Filename), string(crd.File.Data))
		if err != nil {
			return out, err
		}
		out.Definitions = append(out.Definitions, objects...)
	}
	return out, nil
}

// valuesOf returns what a release gives to Helm, as Helm would read it: a copy,
// because templates may change it.
func valuesOf(r release.Release) (map[string]any, error) {
	data, err := json.Marshal(r.Values)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := json.Unmarshal(data, &values); err != nil { // numbers are float64, as in Helm
		return nil, err
	}
	if values == nil {
		values = map[string]any{}
	}
	for _, key := range slices.Sorted(maps.Keys(r.Set)) {
		if err := strvals.ParseInto(key+"="+r.Set[key], values); err != nil {
			return nil, fmt.Errorf("--set %s=%s: %w", key, r.Set[key], err)
		}
	}
	return values, nil
}

func capabilitiesOf(in release.Cluster) (*chartutil.Capabilities, error) {
	version := in.Version
	if version == "" {
		version = DefaultKubernetes
	}
	kube, err := chartutil.ParseKubeVersion(version)
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes version %q: %w", version, err)
	}
	c := chartutil.DefaultCapabilities.Copy()
	c.KubeVersion = *kube
	c.APIVersions = append(slices.Clip(c.APIVersions), in.APIVersions...)
	return c, nil
}

// sortObjects reads what templates rendered, and orders it as Helm does.
func sortObjects(rendered map[string]string, out *release.Rendering) error {
	names := make([]string, 0, len(rendered))
	for name := range rendered {
		if !strings.HasSuffix(name, "NOTES.txt") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		objects, err := documents(name, "what "+name+" renders", rendered[name])
		if err != nil {
			return err
		}
		for _, o := range objects {
			if o.Hook = hookOf(o); o.Hook == nil {
				out.Objects = append(out.Objects, o)
			} else if len(o.Hook.Events) > 0 {
				out.Hooks = append(out.Hooks, o)
			}
		}
	}
	slices.SortStableFunc(out.Objects, byKind)
	slices.SortStableFunc(out.Hooks, byKind)
	return nil
}

// byKind orders kinds as Helm installs them; those that it does not know come
// last, by name.
func byKind(a, b release.Object) int {
	i, j := slices.Index(releaseutil.InstallOrder, a.Kind()), slices.Index(releaseutil.InstallOrder, b.Kind())
	switch {
	case i < 0 && j < 0:
		return strings.Compare(a.Kind(), b.Kind())
	case i < 0:
		return 1
	case j < 0:
		return -1
	}
	return i - j
}

// Documents reads the documents of a YAML text that a template rendered, as Helm
// splits it; name is what errors call it. Whole numbers are int64.
func Documents(name, text string) ([]release.Object, error) { return documents(name, name, text) }

func documents(name, what, text string) ([]release.Object, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	split := releaseutil.SplitManifests(text)
	keys := make([]string, 0, len(split))
	for key := range split {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return manifestNumber(a) - manifestNumber(b) })
	var objects []release.Object
	line, rest := 1, text
	for _, key := range keys {
		above, below, _ := strings.Cut(rest, split[key])
		line += strings.Count(above, "\n")
		doc, err := documentOf(split[key], line)
		if err != nil {
			return nil, fmt.Errorf("%s is no YAML for Kubernetes: %w", what, err)
		}
		for _, doc := range itemsOf(doc) {
			objects = append(objects, release.Object{Doc: doc, Template: name})
		}
		line, rest = line+strings.Count(split[key], "\n"), below
	}
	return objects, nil
}

// itemsOf returns a document, or the items of one that is a list, as the API server
// takes them; none of comments alone.
func itemsOf(doc map[string]any) []map[string]any {
	kind, _ := doc["kind"].(string)
	items, ok := doc["items"].([]any)
	switch of, isList := strings.CutSuffix(kind, "List"); {
	case doc == nil:
		return nil
	case !ok || !isList:
		return []map[string]any{doc}
	default:
		var docs []map[string]any
		for _, item := range items {
			inner, ok := item.(map[string]any)
			if !ok {
				return []map[string]any{doc}
			}
			if inner["kind"] == nil && of != "" {
				inner["kind"], inner["apiVersion"] = of, doc["apiVersion"]
			}
			docs = append(docs, itemsOf(inner)...)
		}
		return docs
	}
}

// inLine matches how errors of YAML start.
var inLine = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:line (\d+): )?`)

// documentOf reads a document that starts in a line.
func documentOf(text string, line int) (map[string]any, error) {
	data, err := yaml.YAMLToJSON([]byte(text + "\n")) // which splitting has cut, and a text at the end may need
	if err != nil {
		prefix := inLine.FindStringSubmatch(err.Error())
		if prefix == nil {
			return nil, err
		}
		if n, err := strconv.Atoi(prefix[1]); err == nil {
			line += n - 1
		}
		return nil, fmt.Errorf("in line %d, %s", line, strings.TrimPrefix(err.Error(), prefix[0]))
	}
	if string(data) == "null" {
		return nil, nil
	}
	m, err := manifest.FromJSON(data)
	if err != nil {
		return nil, fmt.Errorf("in line %d, %w", line, err)
	}
	// Helm reads the head by itself. Numbers and the like do for texts there.
	var head releaseutil.SimpleHead
	if json.Unmarshal(data, &head) != nil {
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			var wrong *json.UnmarshalTypeError
			if errors.As(err, &wrong) {
				return nil, fmt.Errorf("in line %d, a document starts whose %s is of the type %s", line, wrong.Field, wrong.Value)
			}
			return nil, fmt.Errorf("in line %d, %w", line, err)
		}
	}
	return m.Plain(), nil
}

func manifestNumber(key string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(key, "manifest-"))
	return n
}

// hookEvents are the events of Helm.
var hookEvents = []string{"pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback", "test"}

// hookOf returns when Helm runs an object; nil if it is none of its hooks. A hook
// of an event that Helm does not know has none: Helm drops it.
func hookOf(o release.Object) *release.Hook {
	annotation := func(name string) string {
		value, _ := o.Lookup("metadata", "annotations", name)
		return scalar(value)
	}
	on, ok := o.Lookup("metadata", "annotations", "helm.sh/hook")
	if !ok {
		return nil
	}
	h := &release.Hook{}
	for _, event := range strings.Split(scalar(on), ",") {
		if event = strings.ToLower(strings.TrimSpace(event)); event == "test-success" {
			event = "test" // which was its name
		}
		if !slices.Contains(hookEvents, event) {
			return &release.Hook{}
		}
		h.Events = append(h.Events, event)
	}
	h.Weight, _ = strconv.Atoi(annotation("helm.sh/hook-weight"))
	for _, policy := range strings.Split(annotation("helm.sh/hook-delete-policy"), ",") {
		if policy = strings.ToLower(strings.TrimSpace(policy)); policy != "" {
			h.Policies = append(h.Policies, policy)
		}
	}
	return h
}

// scalar returns a value as the text that Helm takes it for.
func scalar(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// executed matches the error of a template that calls fail or required, which
// Helm has tidied up, and failed the errors of others.
var (
	executed = regexp.MustCompile(`(?s)^execution error at \(([^:()]+):(\d+)(?::\d+)?\): (.*)$`)
	failed   = regexp.MustCompile(`(?s)^template: ([^:()]+):(\d+)(?::\d+)?: (.*)$`)
)

// refusal turns an error of Helm's into a problem: what the chart says, and the
// value that decides it.
func (c *Chart) refusal(err error) release.Problem {
	p := release.Problem{Code: release.Refused, Message: oneLine(err.Error())}
	for _, shape := range []*regexp.Regexp{executed, failed} {
		m := shape.FindStringSubmatch(err.Error())
		if m == nil {
			continue
		}
		line, _ := strconv.Atoi(m[2])
		message := m[3]
		if shape == failed {
			message = innermost(message)
		}
		p.Message = oneLine(message) + " (" + m[1] + ":" + m[2] + ")"
		if deciding := c.analysis.DecidingMessage(m[1], line, message); len(deciding) > 0 {
			p.Value = deciding[0]
		}
		if c.asksCluster(m[1]) {
			p.Mild, p.Hint = true, "the template asks the cluster with lookup, and there is none here: helm upgrade and Flux may render it, Argo CD finds nothing either"
		}
		return p
	}
	return p
}

// asksCluster reports whether a template calls lookup.
func (c *Chart) asksCluster(file string) bool {
	return slices.ContainsFunc(c.analysis.Unstable(), func(call template.Call) bool { return call.Function == "lookup" && call.File == file })
}

// innermost returns the end of a chain of errors, which is what went wrong.
func innermost(message string) string {
	if i := strings.LastIndex(message, ">: "); i >= 0 {
		message = message[i+len(">: "):]
	}
	return strings.TrimPrefix(message, "error calling ")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Unread implements [release.Chart].
func (c *Chart) Unread(r release.Release) []string {
	given, err := valuesOf(r)
	if err != nil {
		return nil // which rendering has said
	}
	merged, err := chartutil.CoalesceValues(c.files, given)
	if err != nil {
		return nil
	}
	return c.analysis.Unread(given, merged)
}

// Unstable implements [release.Chart].
func (c *Chart) Unstable() []release.Unstable {
	var list []release.Unstable
	for _, call := range c.analysis.Unstable() {
		list = append(list, release.Unstable{Function: call.Function, Template: call.File, Line: call.Line, Roots: call.Roots})
	}
	return list
}

// clone returns a copy of values that shares nothing with them.
func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = clone(item)
		}
		return out
	case chartutil.Values:
		return clone(map[string]any(v))
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return value
}

// Files implements [release.Chart].
func (c *Chart) Files() fs.FS {
	files := fstest.MapFS{}
	for _, f := range c.files.Raw {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return files
}

// Definitions implements [release.Chart].
func (c *Chart) Definitions() ([]release.Object, error) { return definitionsOf(c.files, "") }

func definitionsOf(c *helm.Chart, folder string) ([]release.Object, error) {
	var definitions []release.Object
	for _, f := range c.Raw {
		extension := path.Ext(f.Name)
		if extension != ".yaml" && extension != ".yml" || strings.HasPrefix(f.Name, "templates/") || strings.HasPrefix(f.Name, "charts/") || !strings.Contains(string(f.Data), release.Definition) {
			continue
		}
		objects, err := Documents(folder+f.Name, string(f.Data))
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, slices.DeleteFunc(objects, func(o release.Object) bool { return o.Kind() != release.Definition })...)
	}
	for _, sub := range c.Dependencies() {
		below, err := definitionsOf(sub, folder+"charts/"+sub.Name()+"/")
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, below...)
	}
	return definitions, nil
}

// shapeOf returns the templates of a chart and those of its dependencies, by the
// names that Helm gives them: that of the dependency's alias, if it has one.
func shapeOf(c *helm.Chart, name, full string) template.Chart {
	shape := template.Chart{Name: name}
	library := strings.EqualFold(c.Metadata.Type, "library")
	for _, f := range c.Templates {
		if !library || strings.HasPrefix(path.Base(f.Name), "_") {
			shape.Files = append(shape.Files, template.File{Name: path.Join(full, f.Name), Data: f.Data})
		}
	}
	aliases := map[string][]string{}
	for _, d := range c.Metadata.Dependencies {
		as := cmp.Or(d.Alias, d.Name)
		aliases[d.Name] = append(aliases[d.Name], as)
		shape.Reads = append(shape.Reads, readsOf(d, as)...)
	}
	for _, sub := range c.Dependencies() {
		names := aliases[sub.Name()]
		if names == nil {
			names = []string{sub.Name()}
		}
		for _, name := range names {
			shape.Subcharts = append(shape.Subcharts, shapeOf(sub, name, path.Join(full, "charts", name)))
		}
	}
	return shape
}

// readsOf lists the values of a chart that one of its dependencies reads: its
// conditions and tags, and what is imported from it.
func readsOf(d *helm.Dependency, as string) []string {
	var reads []string
	for _, condition := range strings.Split(d.Condition, ",") {
		if condition = strings.TrimSpace(condition); condition != "" {
			reads = append(reads, condition)
		}
	}
	for _, tag := range d.Tags {
		reads = append(reads, "tags."+tag)
	}
	for _, imported := range d.ImportValues {
		switch v := imported.(type) {
		case string:
			reads = append(reads, as+".exports."+v)
		case map[string]any:
			child, _ := v["child"].(string)
			reads = append(reads, as+"."+child)
		}
	}
	return reads
}
