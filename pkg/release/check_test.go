package release

import (
	"encoding/base64"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake is a chart that says what it is told to.
type fake struct {
	unread   []string
	unstable []Unstable
	values   map[string]string // paths by their texts
	texts    map[string]string // what Texts keeps
}

func (f *fake) Render(Release, Cluster) Rendering  { return Rendering{} }
func (f *fake) Unread(Release) []string            { return f.unread }
func (f *fake) Unstable() []Unstable               { return f.unstable }
func (f *fake) Definitions() ([]Object, error)     { return nil, nil }
func (f *fake) Files() fs.FS                       { return nil }
func (f *fake) renders(objects ...Object) Rendered { return rendered("r", f, objects...) }
func (f *fake) hooked(name string, h ...Object) Rendered {
	return Rendered{Release: Release{Name: name, Namespace: "apigee", Chart: "c"}, Chart: f, Rendering: Rendering{Hooks: h, Merged: f.merged()}}
}

// merged returns the values that the chart lays below those of a release.
func (f *fake) merged() map[string]any {
	values := map[string]any{}
	put := func(path, text string) {
		at, keys := values, strings.Split(path, ".")
		for _, key := range keys[:len(keys)-1] {
			inner, _ := at[key].(map[string]any)
			if inner == nil {
				inner = map[string]any{}
				at[key] = inner
			}
			at = inner
		}
		at[keys[len(keys)-1]] = text
	}
	for text, path := range f.values {
		put(path, text)
	}
	for path, text := range f.texts {
		put(path, text)
	}
	return values
}

// rendered is a release of chart c in namespace apigee.
func rendered(name string, chart Chart, objects ...Object) Rendered {
	return Rendered{Release: Release{Name: name, Namespace: "apigee", Chart: "c"}, Chart: chart, Rendering: Rendering{Objects: objects, Merged: chart.(*fake).merged()}}
}

// object makes an object of a text such as "apps/v1 Deployment prod/web a.yaml":
// what it is, its namespace, which may lack, and name, and its template.
func object(text string) Object {
	part := strings.Fields(text)
	metadata := map[string]any{"name": part[2]}
	if namespace, name, ok := strings.Cut(part[2], "/"); ok {
		metadata = map[string]any{"namespace": namespace, "name": name}
	}
	o := Object{Doc: map[string]any{"apiVersion": part[0], "kind": part[1], "metadata": metadata}}
	if len(part) > 3 {
		o.Template = part[3]
	}
	return o
}

// with sets a field of an object.
func (o Object) with(field string, value any) Object {
	o.Doc = maps.Clone(o.Doc)
	o.Doc[field] = value
	return o
}

// hook makes a Job that runs at events.
func hook(name string, events ...string) Object {
	o := object("batch/v1 Job " + name + " job.yaml")
	o.Hook = &Hook{Events: events}
	return o
}

// atRemoval makes hooks of objects, which are of no concern to Argo CD.
func atRemoval(objects ...Object) []Object {
	for i := range objects {
		objects[i].Hook = &Hook{Events: []string{"pre-delete"}}
	}
	return objects
}

func checkProblems(t *testing.T, want, got []Problem) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// unreadBy makes a release for each chart, which does not read some paths.
func unreadBy(charts ...string) []Rendered {
	var list []Rendered
	for i, paths := range charts {
		name := string(rune('a' + i))
		list = append(list, Rendered{Release: Release{Name: name, Chart: name}, Chart: &fake{unread: strings.Fields(paths)}})
	}
	return list
}

func TestUnread(t *testing.T) {
	tests := map[string]struct {
		charts []string
		want   string
	}{
		"no charts":                   {nil, ""},
		"all is read":                 {[]string{"", ""}, ""},
		"by none":                     {[]string{"a", "a"}, "a"},
		"by the first":                {[]string{"", "a"}, ""},
		"by the second":               {[]string{"a", ""}, ""},
		"one chart alone":             {[]string{"b a"}, "a b"},
		"a part, by the first":        {[]string{"a", "a.b"}, "a.b"},
		"a part, by the second":       {[]string{"a.b", "a"}, "a.b"},
		"a part of an item":           {[]string{"a", "a[0].b"}, "a[0].b"},
		"a part, and another":         {[]string{"a", "a.b a.c.d"}, "a.b a.c.d"},
		"other parts":                 {[]string{"a.b", "a.c"}, ""},
		"deeper and deeper":           {[]string{"a", "a.b", "a.b.c"}, "a.b.c"},
		"a name that starts the same": {[]string{"a", "ab"}, ""},
		"a name that ends the same":   {[]string{"a", "b.a"}, ""},
		"each but one":                {[]string{"a b", "b", "a b"}, "b"},
		"the topmost alone":           {[]string{"a a.b a[1].c", "a a.b"}, "a"},
		"beside the topmost":          {[]string{"a a.b ab", "a a.b ab"}, "a ab"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var want []Problem
			for _, path := range strings.Fields(tt.want) {
				want = append(want, Problem{Code: "RP142", Value: path, Message: "no template of any chart reads " + path})
			}
			list := unreadBy(tt.charts...)
			checkProblems(t, want, Check(list, nil, true))
			if got := Check(list, nil, false); len(got) > 0 {
				t.Errorf("where releases are missing, and may read it: %v", got)
			}
			if len(list) > 0 {
				for i := range list {
					list[i].Problems = []Problem{{Code: Refused}}
					if got := Check(list, nil, true); len(got) > 0 {
						t.Errorf("where release %s was not rendered: %v", list[i].Name, got)
					}
					list[i].Problems = nil
				}
			}
		})
	}
}

func TestTwice(t *testing.T) {
	tests := map[string]struct {
		first, second string // of releases one, in namespace apigee, and two, in other
		want          string
	}{
		"the same":                    {"apps/v1 Deployment ns/web a.yaml", "apps/v1 Deployment ns/web b.yaml", "releases one and two both render Deployment/web (b.yaml)"},
		"of another version":          {"apps/v1 Deployment ns/web a.yaml", "apps/v1beta1 Deployment ns/web b.yaml", "releases one and two both render Deployment/web (b.yaml)"},
		"of another group":            {"apps/v1 Deployment ns/web a.yaml", "extensions/v1 Deployment ns/web b.yaml", ""},
		"of the core and a group":     {"v1 Service ns/web a.yaml", "serving.knative.dev/v1 Service ns/web b.yaml", ""},
		"of another kind":             {"apps/v1 Deployment ns/web a.yaml", "apps/v1 StatefulSet ns/web b.yaml", ""},
		"of another name":             {"apps/v1 Deployment ns/web a.yaml", "apps/v1 Deployment ns/app b.yaml", ""},
		"of another namespace":        {"apps/v1 Deployment ns/web a.yaml", "apps/v1 Deployment prod/web b.yaml", ""},
		"of the releases' own":        {"apps/v1 Deployment web a.yaml", "apps/v1 Deployment web b.yaml", ""},
		"of the first one's":          {"apps/v1 Deployment web a.yaml", "apps/v1 Deployment apigee/web b.yaml", "releases one and two both render Deployment/web (b.yaml)"},
		"of the second one's":         {"apps/v1 Deployment other/web a.yaml", "apps/v1 Deployment web b.yaml", "releases one and two both render Deployment/web (b.yaml)"},
		"cluster-wide":                {"rbac.authorization.k8s.io/v1 ClusterRole web a.yaml", "rbac.authorization.k8s.io/v1 ClusterRole web b.yaml", "releases one and two both render ClusterRole/web (b.yaml)"},
		"cluster-wide, in namespaces": {"v1 Namespace x/web a.yaml", "v1 Namespace y/web b.yaml", "releases one and two both render Namespace/web (b.yaml)"},
		"cluster-wide, other names":   {"v1 Namespace web a.yaml", "v1 Namespace app b.yaml", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			one, two := rendered("one", &fake{}, object(tt.first)), rendered("two", &fake{}, object(tt.second))
			two.Namespace = "other"
			var want []Problem
			if tt.want != "" {
				o := object(tt.second)
				want = []Problem{{Code: "RP145", Object: o.String(), Message: tt.want}}
			}
			checkProblems(t, want, Check([]Rendered{one, two}, nil, true))
			if got := Check([]Rendered{one}, nil, true); len(got) > 0 {
				t.Errorf("the first alone: %v", got)
			}
		})
	}
	web := func(template string) Object { return object("apps/v1 Deployment web " + template) }
	checkProblems(t, []Problem{
		{Code: "RP145", Object: "Deployment/web", Message: "release one renders twice Deployment/web (b.yaml)"},
		{Code: "RP145", Object: "Deployment/web", Message: "releases one and two both render Deployment/web (c.yaml)"},
		{Code: "RP145", Object: "Deployment/web", Message: "releases one and three both render Deployment/web (d.yaml)"},
	}, Check([]Rendered{rendered("one", &fake{}, web("a.yaml"), web("b.yaml")), rendered("two", &fake{}, web("c.yaml")), rendered("three", &fake{}, web("d.yaml"))}, nil, true))
	// Helm deletes a hook before it makes it again.
	hooks := rendered("one", &fake{}, web("a.yaml"))
	hooks.Hooks = atRemoval(web("b.yaml"), web("c.yaml"))
	checkProblems(t, nil, Check([]Rendered{hooks}, nil, true))
}

func TestUnstable(t *testing.T) {
	const (
		anew    = "Argo CD renders it anew each time and shows a difference that never ends; Flux, only at an upgrade; what is rendered here has a fixed text in its place"
		cluster = "Flux and helm upgrade ask the cluster; for Argo CD, and here, the answer is always that there is nothing [ARGO]"
	)
	call := func(function, template string, line int, roots ...string) Unstable {
		return Unstable{Function: function, Template: template, Line: line, Roots: roots}
	}
	problem := func(message, hint string) Problem {
		return Problem{Code: "RP143", Object: "c", Message: "chart c calls " + message, Hint: hint}
	}
	tests := map[string]struct {
		calls []Unstable
		want  []Problem
	}{
		"none":                 {nil, nil},
		"rendered":             {[]Unstable{call("randAlphaNum", "a.yaml", 3, "a.yaml")}, []Problem{problem("randAlphaNum, which differs every time: a.yaml:3", anew)}},
		"a hook":               {[]Unstable{call("genCA", "h.yaml", 1, "h.yaml")}, []Problem{problem("genCA, which differs every time: h.yaml:1", anew)}},
		"not rendered":         {[]Unstable{call("randAlphaNum", "b.yaml", 3, "b.yaml")}, nil},
		"of another release":   {[]Unstable{call("randAlphaNum", "z.yaml", 3, "z.yaml")}, []Problem{problem("randAlphaNum, which differs every time: z.yaml:3", anew)}},
		"of another chart":     {[]Unstable{call("randAlphaNum", "y.yaml", 3, "y.yaml")}, nil},
		"no roots":             {[]Unstable{call("randAlphaNum", "a.yaml", 3)}, nil},
		"helper":               {[]Unstable{call("uuidv4", "_x.tpl", 7, "b.yaml", "a.yaml")}, []Problem{problem("uuidv4, which differs every time: _x.tpl:7", anew)}},
		"lookup":               {[]Unstable{call("lookup", "a.yaml", 3, "a.yaml")}, []Problem{problem("lookup, which asks the cluster: a.yaml:3", cluster)}},
		"lookup, not rendered": {[]Unstable{call("lookup", "b.yaml", 3, "b.yaml")}, []Problem{problem("lookup, which asks the cluster: b.yaml:3", cluster)}},
		"now":                  {[]Unstable{call("now", "a.yaml", 1, "a.yaml")}, []Problem{problem("now, which asks the clock: a.yaml:1", anew)}},
		"ago":                  {[]Unstable{call("ago", "a.yaml", 1, "a.yaml")}, []Problem{problem("ago, which asks the clock: a.yaml:1", anew)}},
		"date":                 {[]Unstable{call("dateInZone", "a.yaml", 1, "a.yaml")}, []Problem{problem("dateInZone, which asks the clock: a.yaml:1", anew)}},
		"name service":         {[]Unstable{call("getHostByName", "a.yaml", 1, "a.yaml")}, []Problem{problem("getHostByName, which asks the name service: a.yaml:1", anew)}},
		"grouped, by name": {
			[]Unstable{call("now", "a.yaml", 9, "a.yaml"), call("genCA", "a.yaml", 2, "a.yaml"), call("now", "a.yaml", 1, "a.yaml"), call("now", "b.yaml", 5, "b.yaml")},
			[]Problem{problem("genCA, which differs every time: a.yaml:2", anew), problem("now, which asks the clock: a.yaml:9, a.yaml:1", anew)},
		},
		"a line once": {
			[]Unstable{call("now", "a.yaml", 1, "a.yaml"), call("now", "a.yaml", 1, "a.yaml"), call("now", "h.yaml", 1, "h.yaml")},
			[]Problem{problem("now, which asks the clock: a.yaml:1, h.yaml:1", anew)},
		},
		"three": {
			[]Unstable{call("now", "a.yaml", 1, "a.yaml"), call("now", "a.yaml", 2, "a.yaml"), call("now", "a.yaml", 3, "a.yaml")},
			[]Problem{problem("now, which asks the clock: a.yaml:1, a.yaml:2, a.yaml:3", anew)},
		},
		"five": {
			[]Unstable{call("now", "a.yaml", 1, "a.yaml"), call("now", "a.yaml", 2, "a.yaml"), call("now", "a.yaml", 3, "a.yaml"), call("now", "a.yaml", 4, "a.yaml"), call("now", "a.yaml", 5, "a.yaml")},
			[]Problem{problem("now, which asks the clock: a.yaml:1, a.yaml:2, a.yaml:3 and 2 more", anew)},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &fake{unstable: tt.calls}
			one := rendered("one", c, object("v1 ConfigMap a a.yaml"))
			one.Hooks = atRemoval(object("v1 ConfigMap h h.yaml"))
			two := rendered("two", c, object("v1 ConfigMap z z.yaml"))
			other := rendered("other", &fake{}, object("v1 ConfigMap y y.yaml"))
			other.Release.Chart = "d"
			checkProblems(t, tt.want, Check([]Rendered{one, two, other}, nil, true))
		})
	}
}

func TestHooks(t *testing.T) {
	problem := func(what, hint string) Problem {
		return Problem{Code: "RP147", Object: "c", Message: "chart c: " + what, Hint: hint}
	}
	always := func(jobs string) Problem {
		return problem("Argo CD runs hooks at every sync that Helm runs at an installation or an upgrade only: "+jobs, "see that it does no harm to run them again")
	}
	never := func(jobs string) Problem {
		return problem("Argo CD never runs hooks that Helm does: "+jobs, "run what they do by hand")
	}
	tests := map[string]struct {
		hooks []Object
		want  []Problem
	}{
		"none":                 {nil, nil},
		"pre-install":          {[]Object{hook("a", "pre-install")}, []Problem{always("Job/a")}},
		"post-install":         {[]Object{hook("a", "post-install")}, []Problem{always("Job/a")}},
		"pre-upgrade":          {[]Object{hook("a", "pre-upgrade")}, []Problem{always("Job/a")}},
		"post-upgrade":         {[]Object{hook("a", "post-upgrade")}, []Problem{always("Job/a")}},
		"pre-delete":           {[]Object{hook("a", "pre-delete")}, nil},
		"post-delete":          {[]Object{hook("a", "post-delete")}, nil},
		"both deletes":         {[]Object{hook("a", "pre-delete", "post-delete")}, nil},
		"pre-rollback":         {[]Object{hook("a", "pre-rollback")}, []Problem{never("Job/a")}},
		"post-rollback":        {[]Object{hook("a", "post-rollback")}, []Problem{never("Job/a")}},
		"test":                 {[]Object{hook("a", "test")}, []Problem{never("Job/a")}},
		"test, its older name": {[]Object{hook("a", "test-success")}, []Problem{never("Job/a")}},
		"test and rollback":    {[]Object{hook("a", "test", "pre-rollback")}, []Problem{never("Job/a")}},
		"test and install":     {[]Object{hook("a", "test", "post-install")}, []Problem{always("Job/a")}},
		"install and delete":   {[]Object{hook("a", "pre-install", "pre-delete")}, []Problem{always("Job/a")}},
		"rollback and delete":  {[]Object{hook("a", "pre-rollback", "pre-delete")}, nil},
		"all kinds": {
			[]Object{hook("t", "test"), hook("u", "pre-upgrade"), hook("d", "pre-delete"), hook("i", "pre-install"), hook("r", "post-rollback")},
			[]Problem{always("Job/i, Job/u"), never("Job/r, Job/t")},
		},
		"one name, once": {[]Object{hook("a", "pre-install"), hook("a", "pre-upgrade")}, []Problem{always("Job/a")}},
		"many":           {[]Object{hook("d", "test"), hook("c", "test"), hook("b", "test"), hook("a", "test")}, []Problem{never("Job/a, Job/b, Job/c and 1 more")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &fake{}
			other := (&fake{}).hooked("other")
			other.Release.Chart = "d"
			checkProblems(t, tt.want, Check([]Rendered{c.hooked("one", tt.hooks...), other}, nil, true))
			// The hooks of a chart are said once, for all its releases.
			checkProblems(t, tt.want, Check([]Rendered{other, c.hooked("one"), c.hooked("two", tt.hooks...)}, nil, true))
			checkProblems(t, tt.want, Check([]Rendered{c.hooked("one", tt.hooks...), c.hooked("two", tt.hooks...)}, nil, true))
		})
	}
}

func TestSecrets(t *testing.T) {
	const hint = "have the chart refer to a Secret of the cluster instead: everybody knows what is in the chart"
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	problem := func(value, whose, keys string) []Problem {
		p := Problem{Code: "RP144", Value: value, Object: "Secret/s", Message: "release r renders Secret s with values of " + whose + ": " + keys + " (s.yaml)"}
		if whose == "the chart's own" {
			p.Mild, p.Hint = true, hint
		}
		return []Problem{p}
	}
	const given, own = "the topology", "the chart's own"
	chart := &fake{values: map[string]string{"hunter2": "auth.password", "admin": "auth.user", encoded("iloveapis123"): "auth.encoded", "iloveapis123": "auth.fallback", "d2hv": "auth.text", "who": "auth.who"}}
	values := map[string]any{"auth": map[string]any{"password": "hunter2", "encoded": "x", "text": "x", "list": []any{"x"}}}
	type fields = map[string]any
	tests := map[string]struct {
		object       string
		data, string any
		want         []Problem
	}{
		"given":                   {"v1 Secret s s.yaml", fields{"key": encoded("hunter2")}, nil, problem("auth.password", given, "key")},
		"given, as text":          {"v1 Secret s s.yaml", nil, fields{"key": "hunter2"}, problem("auth.password", given, "key")},
		"the chart's default":     {"v1 Secret s s.yaml", fields{"key": encoded("admin")}, nil, problem("auth.user", own, "key")},
		"of no value":             {"v1 Secret s s.yaml", fields{"key": encoded("other")}, nil, problem("", own, "key")},
		"no base64":               {"v1 Secret s s.yaml", fields{"key": "hunter2"}, nil, problem("auth.password", given, "key")}, // 7 characters are none
		"data is decoded":         {"v1 Secret s s.yaml", fields{"key": "d2hv"}, nil, problem("auth.who", own, "key")},
		"text is not":             {"v1 Secret s s.yaml", nil, fields{"key": "d2hv"}, problem("auth.text", given, "key")},
		"several keys":            {"v1 Secret s s.yaml", fields{"b": encoded("other"), "a": encoded("hunter2")}, nil, problem("auth.password", given, "a, b")},
		"the first that is known": {"v1 Secret s s.yaml", fields{"a": encoded("other"), "b": encoded("hunter2")}, nil, problem("auth.password", given, "a, b")},
		"data, then text":         {"v1 Secret s s.yaml", fields{"b": encoded("other")}, fields{"a": "hunter2"}, problem("auth.password", given, "b, a")},
		"many keys":               {"v1 Secret s s.yaml", nil, fields{"a": "1", "b": "2", "c": "3", "d": "4", "e": "hunter2"}, problem("auth.password", given, "a, b, c and 2 more")},
		"empty values":            {"v1 Secret s s.yaml", fields{"a": ""}, fields{"b": ""}, nil},
		"one that is not":         {"v1 Secret s s.yaml", fields{"a": "", "b": encoded("hunter2")}, nil, problem("auth.password", given, "b")},
		"no text":                 {"v1 Secret s s.yaml", fields{"a": nil, "b": int64(7)}, nil, nil},
		"nothing":                 {"v1 Secret s s.yaml", nil, nil, nil},
		"no map":                  {"v1 Secret s s.yaml", "hunter2", []any{"hunter2"}, nil},
		"in a namespace":          {"v1 Secret ns/s s.yaml", fields{"key": encoded("hunter2")}, nil, problem("auth.password", given, "key")},
		"of another group":        {"example.com/v1 Secret s s.yaml", fields{"key": encoded("hunter2")}, nil, nil},
		"of another kind":         {"v1 ConfigMap s s.yaml", fields{"key": "other"}, nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := chart.renders(object(tt.object).with("data", tt.data).with("stringData", tt.string))
			r.Values = values
			checkProblems(t, tt.want, Check([]Rendered{r}, nil, true))
			r.Hooks, r.Objects = atRemoval(r.Objects...), nil // so it is of hooks
			checkProblems(t, tt.want, Check([]Rendered{r}, nil, true))
		})
	}
}

func TestHas(t *testing.T) {
	values := map[string]any{"a": map[string]any{"b": nil, "c": []any{"x"}, "d-e": 1}}
	for path, want := range map[string]bool{"a": true, "a.b": true, "a.c[0]": true, `a."d-e"`: true, "a.d-e": false, "a.c[1]": false, "b": false, "": false, "a.b.c": false} {
		if got := has(values, path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

func TestTooLong(t *testing.T) {
	named := func(what string, n int) Object {
		version, kind, _ := strings.Cut(what, " ")
		return object(version + " " + kind + " " + strings.Repeat("n", n) + " a.yaml")
	}
	for what, limit := range map[string]int{
		"v1 Service": 63, "v1 Namespace": 63, "batch/v1 Job": 63, "batch/v1 CronJob": 52, "apps/v1 StatefulSet": 52,
		"apps/v1 Deployment": 253, "v1 ConfigMap": 253, "apigee.cloud.google.com/v1alpha1 ApigeeDatastore": 253,
	} {
		_, kind, _ := strings.Cut(what, " ")
		name := strings.Repeat("n", limit+1)
		checkProblems(t, nil, Check([]Rendered{(&fake{}).renders(named(what, limit))}, nil, true))
		want := []Problem{{Code: "RP146", Object: kind + "/" + name, Message: kind + "/" + name + " has a name of " + map[int]string{52: "53", 63: "64", 253: "254"}[limit] +
			" characters; " + map[int]string{52: "52", 63: "63", 253: "253"}[limit] + " is the most for its kind (a.yaml)"}}
		checkProblems(t, want, Check([]Rendered{(&fake{}).renders(named(what, limit+1))}, nil, true))
	}

	most, over := strings.Repeat("v", 63), strings.Repeat("v", 64)
	labelled := func(metadata, pods map[string]any) Object {
		o := object("apps/v1 Deployment web a.yaml")
		return o.with("metadata", map[string]any{"name": "web", "labels": metadata}).
			with("spec", map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": pods}}})
	}
	type labels = map[string]any
	for name, tt := range map[string]struct {
		object Object
		want   []string
	}{
		"at the limit":      {labelled(labels{"a": most}, labels{"a": most}), nil},
		"of the object":     {labelled(labels{"a": over}, labels{"a": most}), []string{"a"}},
		"of its pods":       {labelled(labels{"a": most}, labels{"b": over}), []string{"b"}},
		"of both, in order": {labelled(labels{"b": over, "a": over, "c": most}, labels{"a": over}), []string{"a", "b", "a"}},
		"no text":           {labelled(labels{"a": int64(1), "b": nil}, nil), nil},
		"no labels":         {object("apps/v1 Deployment web a.yaml"), nil},
		"no map":            {object("apps/v1 Deployment web a.yaml").with("spec", "x").with("metadata", map[string]any{"name": "web", "labels": over}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var want []Problem
			for _, label := range tt.want {
				want = append(want, Problem{Code: "RP146", Object: "Deployment/web", Message: "label " + label + " of Deployment/web has 64 characters; 63 is the most (a.yaml)"})
			}
			checkProblems(t, want, Check([]Rendered{(&fake{}).renders(tt.object)}, nil, true))
			r := (&fake{}).renders()
			r.Hooks = atRemoval(tt.object)
			checkProblems(t, want, Check([]Rendered{r}, nil, true))
		})
	}
}

// TestCheckInOrder: values first, then what releases have between them, then
// each release by itself.
func TestCheckInOrder(t *testing.T) {
	c := &fake{unread: []string{"x"}, unstable: []Unstable{{Function: "lookup", Template: "a.yaml", Line: 1}}}
	secret := object("v1 Secret s s.yaml").with("stringData", map[string]any{"k": "v"})
	one, two := rendered("one", c, secret), rendered("two", c, secret, object("v1 Service "+strings.Repeat("n", 64)+" a.yaml"))
	two.Hooks = []Object{hook("h", "test")}
	var got []string
	for _, p := range Check([]Rendered{one, two}, nil, true) {
		got = append(got, p.Code)
	}
	if diff := cmp.Diff([]string{UnreadValue, Twice, NotStable, HookElsewhere, PlainSecret, PlainSecret, LongName}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHidden(t *testing.T) {
	type m = map[string]any
	tests := map[string]struct{ doc, want m }{
		"data":             {m{"data": m{"a": "MQ==", "b": ""}}, m{"data": m{"a": "(x)", "b": "(x)"}}},
		"text":             {m{"stringData": m{"a": "1"}}, m{"data": m{"a": "(x)"}}},
		"both":             {m{"data": m{"a": "MQ==", "b": "Mg=="}, "stringData": m{"b": "2", "c": "3"}}, m{"data": m{"a": "(x)", "b": "(x)", "c": "(x)"}}},
		"no text":          {m{"data": m{"a": nil, "b": int64(1), "c": m{"d": "e"}}}, m{"data": m{"a": "(x)", "b": "(x)", "c": "(x)"}}},
		"nothing":          {m{}, m{}},
		"empty":            {m{"data": m{}, "stringData": m{}}, m{"data": m{}, "stringData": m{}}},
		"no map":           {m{"data": "v"}, m{"data": m{"(x)": "(x)"}}},
		"what stays":       {m{"type": "Opaque", "immutable": true, "data": m{"a": "MQ=="}}, m{"type": "Opaque", "immutable": true, "data": m{"a": "(x)"}}},
		"of another kind":  {m{"kind": "ConfigMap", "data": m{"a": "b"}, "stringData": m{"a": "b"}}, m{"kind": "ConfigMap", "data": m{"a": "b"}, "stringData": m{"a": "b"}}},
		"of another group": {m{"apiVersion": "example.com/v1", "data": m{"a": "b"}, "stringData": m{"c": "d"}}, m{"apiVersion": "example.com/v1", "data": m{"a": "b"}, "stringData": m{"c": "d"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			whole := func(doc m) m {
				out := m{"apiVersion": "v1", "kind": "Secret", "metadata": m{"name": "s"}}
				maps.Copy(out, doc)
				return out
			}
			o := Object{Doc: whole(tt.doc), Template: "s.yaml", Hook: &Hook{Weight: 1}}
			hidden := o.Hidden("(x)")
			want := Object{Doc: whole(tt.want), Template: "s.yaml", Hook: &Hook{Weight: 1}}
			if diff := cmp.Diff(want, hidden); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(whole(tt.doc), o.Doc); diff != "" {
				t.Errorf("the original has changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNameless(t *testing.T) {
	type m = map[string]any
	tests := map[string]struct {
		doc  m
		want string
	}{
		"whole":             {m{"apiVersion": "v1", "kind": "Pod", "metadata": m{"name": "a"}}, ""},
		"named on the way":  {m{"apiVersion": "v1", "kind": "Pod", "metadata": m{"generateName": "a-"}}, ""},
		"without a version": {m{"kind": "Pod", "metadata": m{"name": "a"}}, "a.yaml renders an object without apiVersion"},
		"without a kind":    {m{"apiVersion": "v1", "metadata": m{"name": "a"}}, "a.yaml renders an object without kind"},
		"without a name":    {m{"apiVersion": "v1", "kind": "Pod"}, "a.yaml renders an object without metadata.name"},
		"of nothing":        {m{"a": "b"}, "a.yaml renders an object without apiVersion"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var want []Problem
			if tt.want != "" {
				want = []Problem{{Code: Refused, Message: tt.want, Hint: "give the value that it is made of; or it is a fault of the chart"}}
			}
			checkProblems(t, want, Check([]Rendered{(&fake{}).renders(Object{Doc: tt.doc, Template: "a.yaml"})}, nil, true))
		})
	}
}
