package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var errorAt = regexp.MustCompile(`(?:error at \(|template: )([^ :()]+):(\d+):`)

func TestDeciding(t *testing.T) {
	for name, c := range map[string]struct {
		files fixture
		given string
		want  []string
	}{
		"required":             {one(`{{ required "m" .Values.a.b }}`), "{a: {}}", []string{"a.b"}},
		"required in a pipe":   {one("a\nb: {{ .Values.a.b\n  | required \"m\" }}"), "{a: {}}", []string{"a.b"}},
		"required of another":  {one(`{{ $a := .Values.a }}{{ required "m" (index $a "b-c") }}`), "{a: {}}", []string{`a."b-c"`}},
		"required of a result": {one(`{{ required "m" (trim .Values.a) }}`), "{a: ' '}", []string{"a"}},
		"required with a default of two": {one(`{{ required "m" (default .Values.a .Values.b) }}`), "{}",
			[]string{"a", "b"}},
		"fail":               {one(`{{ if .Values.z }}{{ end }}{{ if not .Values.a.b }}{{ fail "m" }}{{ end }}`), "{a: {}}", []string{"a.b"}},
		"fail inside":        {one(`{{ if .Values.a }}{{ if eq .Values.b "x" }}{{ fail "m" }}{{ end }}{{ end }}`), "{a: 1, b: x}", []string{"b", "a"}},
		"fail in an else":    {one(`{{ if .Values.a }}{{ else if .Values.b }}{{ else }}{{ fail "m" }}{{ end }}`), "{}", []string{"b", "a"}},
		"fail in a with":     {one(`{{ with .Values.a }}{{ fail .b }}{{ end }}`), "{a: {b: x}}", []string{"a"}},
		"fail in a range":    {one(`{{ range .Values.envs }}{{ if not .name }}{{ fail "m" }}{{ end }}{{ end }}`), "{envs: [{x: 1}]}", []string{"envs[*].name", "envs"}},
		"fail of a key":      {one(`{{ range $k, $v := .Values.m }}{{ if ne $k "a" }}{{ fail "m" }}{{ end }}{{ end }}`), "{m: {b: 1}}", []string{"m"}},
		"fail of a number":   {one(`{{ $n := len .Values.l }}{{ if lt $n 3 }}{{ fail "m" }}{{ end }}`), "{l: [1]}", []string{"l"}},
		"fail of a key lost": {one(`{{ if not (hasKey .Values.a "b") }}{{ fail "m" }}{{ end }}`), "{a: {}}", []string{"a.b"}},
		"fail of any":        {one(`{{ fail "m" }}`), "{}", nil},
		"included": {one("{{ range .Values.envs }}\n{{ include \"c.x\" (dict \"env\" .) }}\n{{ end }}{{ define \"c.x\" }}\n\n{{ required \"m\" .env.name }}{{ end }}"), "{envs: [{x: 1}]}",
			[]string{"envs[*].name"}},
		"included in a condition": {one("{{ if .Values.a }}\n{{ include \"c.x\" . }}\n{{ end }}{{ define \"c.x\" }}{{ fail \"m\" }}{{ end }}"), "{a: 1}", []string{"a"}},
		"included twice below":    {one("{{ include \"c.x\" .Values.a }}\n{{ define \"c.x\" }}{{ include \"c.y\" .b }}{{ end }}{{ define \"c.y\" }}{{ required \"m\" .c }}{{ end }}"), "{a: {b: {x: 1}}}", []string{"a.b.c"}},
		"by template": {fixture{"templates/_h.tpl": "\n{{ define \"c.x\" }}\n{{ required \"m\" .name }}{{ end }}", "templates/x.yaml": `{{ range .Values.envs }}{{ template "c.x" . }}{{ end }}`}, "{envs: [{x: 1}]}",
			[]string{"envs[*].name"}},
		"by template in a condition": {fixture{"templates/_h.tpl": "{{ define \"c.x\" }}\n{{ fail \"m\" }}{{ end }}", "templates/x.yaml": `{{ if .Values.a }}{{ template "c.x" . }}{{ end }}`}, "{a: 1}", []string{"a"}},
		"a subchart":                 {fixture{"charts/s/templates/x.yaml": `{{ required "m" .Values.a }}`}, "{}", []string{"s.a"}},
		"messages": {one(`{{ $m := list }}{{ $m = append $m (include "c.a" .) }}{{ $m = without $m "" }}{{ $t := join "\n" $m }}{{ if $t }}{{ fail $t }}{{ end }}` +
			`{{ define "c.a" }}{{ if gt (int .Values.n) 3 }}too many{{ end }}{{ end }}`), "{n: 5}", []string{"n"}},
		"a text":    {one(`{{ tpl "{{ required \"m\" .Values.a }}" . }}`), "{}", []string{"a"}},
		"recursion": {one(`{{ include "c.x" .Values.t }}{{ define "c.x" }}{{ range .sub }}{{ include "c.x" . }}{{ end }}{{ required "m" .name }}{{ end }}`), "{t: {x: 1}}", []string{"t.name", "t.sub[*].name"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, helm := c.files.analyse(t)
			out := render(t, helm, parseYAML(t, c.given))
			m := errorAt.FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("Helm says %s", out)
			}
			line, _ := strconv.Atoi(m[2])
			got := a.Deciding(m[1], line)
			if len(got) > len(c.want) {
				got = got[:len(c.want)] // the best come first
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("Deciding(%s, %d) = %q, want %q", m[1], line, a.Deciding(m[1], line), c.want)
			}
			if got := a.Deciding(m[1], line+100); got != nil {
				t.Errorf("far from it, Deciding = %q", got)
			}
		})
	}
}

func TestDecidingMessage(t *testing.T) {
	a, _ := one("{{ include \"c.x\" . }}{{ define \"c.x\" }}{{ required \"no org\" .Values.org }}" +
		"{{ if not .Values.b }}{{ fail (printf \"%s: no %d b\" .Values.x 1) }}{{ end }}{{ if .Values.c }}{{ print \"c\" | fail }}{{ end }}{{ end }}").analyse(t)
	for message, want := range map[string][]string{
		"no org":       {"org", "c"},
		"env: no 1 b":  {"b", "c"},
		"no 1 b: env:": {"c"},
		"c":            {"c"},
	} {
		if got := a.DecidingMessage("c/templates/x.yaml", 1, message); !slices.Equal(got, want) {
			t.Errorf("%s: DecidingMessage = %q, want %q", message, got, want)
		}
	}
}

func TestParseError(t *testing.T) {
	for text, want := range map[string]string{
		"a\n{{ if }}":    "c/templates/x.yaml:2: ",
		"{{ $x }}":       "c/templates/x.yaml:1: ",
		"a\n\n{{ .a | }": "c/templates/x.yaml:3: ",
	} {
		_, err := Analyse(Chart{Name: "c", Files: []File{{Name: "c/templates/x.yaml", Data: []byte(text)}}})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %s…", text, err, want)
		}
	}
}

func TestReads(t *testing.T) {
	c := Chart{Name: "c", Reads: []string{"s.enabled", "tags.x"}, Subcharts: []Chart{{Name: "s", Reads: []string{"t.up"}}}}
	a, err := Analyse(c)
	if err != nil {
		t.Fatal(err)
	}
	given := parseYAML(t, "{s: {enabled: true, other: 1, t: {up: true, down: 1}}, tags: {x: true, z: true}}")
	if got, want := a.Unread(given, given), []string{"s.other", "s.t.down", "tags.z"}; !slices.Equal(got, want) {
		t.Errorf("Unread = %q, want %q", got, want)
	}
}
