package template

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ringplan/ringplan/pkg/topology"
)

func joined(path, key string) string { return topology.JoinPath(path, key) }

// repeat writes a text n times, with numbers.
func repeat(n int, text string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, text, i)
	}
	return b.String()
}

// aboveMax returns what is beside a long path, as far as it is followed.
func aboveMax() []string {
	var list []string
	for i := range maxDepth {
		list = append(list, strings.Repeat("a.", i)+"z")
	}
	slices.Sort(list)
	return list
}

type unreadCase struct {
	files fixture
	given string
	want  []string
}

var unreadCases = map[string]unreadCase{
	"a value nobody names":           {one(`{{ .Values.a }}`), "{a: 1, b: 2}", []string{"b"}},
	"printed whole":                  {one(`{{ .Values.a }}`), "{a: {b: 1}}", nil},
	"a field of a map":               {one(`{{ .Values.a.b }}`), "{a: {b: 1, c: 2, d: {e: 3}}}", []string{"a.c", "a.d"}},
	"a scalar on the way":            {one(`{{ if .Values.x }}{{ .Values.a.b }}{{ end }}`), "{a: 1}", nil},
	"an empty map":                   {one(`{{ .Values.a.b }}`), "{a: {}, b: {}}", []string{"b"}},
	"a quoted key":                   {one(`{{ .Values.a.b }}`), "{a: {b: 1, x-y: 2}}", []string{`a."x-y"`}},
	"a null":                         {one(`{{ .Values.a.b }}`), "{a: {b: 1, c: null}, d: null, e: {f: null}}", nil},
	"a null beside":                  {one(`{{ .Values.a }}`), "{a: 1, e: {f: null, g: 1}}", []string{"e"}},
	"all values":                     {one(`{{ toYaml .Values }}`), "{a: 1}", nil},
	"the whole root":                 {one(`{{ toYaml . }}`), "{a: 1}", nil},
	"the methods":                    {one(`{{ .Values.YAML }}`), "{a: 1}", nil},
	"another method":                 {one(`{{ index (.Values.Table "t") "a" }}`), "{t: {a: 1}}", nil},
	"a method of the dot":            {one(`{{ (.PathValue "Values.t.a") }}`), "{t: {a: 1}}", nil},
	"a bound value":                  {one(`{{ $x := .Values.a }}{{ $x.b }}`), "{a: {b: 1, c: 2}}", []string{"a.c"}},
	"bound for nothing":              {one(`{{ $x := .Values.a }}`), "{a: {b: 1}}", []string{"a"}},
	"assigned later":                 {one(`{{ $x := .Values.a }}{{ if .Values.q }}{{ $x = .Values.b }}{{ end }}{{ $x.k }}`), "{a: {k: 1, l: 1}, b: {k: 1, l: 1}}", []string{"a.l", "b.l"}},
	"assigned in a loop":             {one(`{{ $x := .Values.a }}{{ range .Values.l }}{{ $x.k }}{{ $x = .m }}{{ end }}`), "{a: {k: 1, l: 1}, l: [{m: {k: 1, n: 1}}]}", []string{"a.l", "l[0].m.n"}},
	"a path without end":             {one(`{{ $x := .Values.a }}{{ range .Values.l }}{{ $x = index $x . }}{{ end }}{{ $x }}`), "{a: {k: {k: 1}}, l: [k, k], z: 1}", []string{"z"}},
	"shadowed":                       {one(`{{ $x := .Values.a }}{{ if true }}{{ $x := .Values.b }}{{ $x.k }}{{ end }}{{ $x.l }}`), "{a: {k: 1, l: 1}, b: {k: 1, l: 1}}", []string{"a.k", "b.l"}},
	"parentheses":                    {one(`{{ (.Values.a).b }}{{ (index .Values.l 0).x }}`), "{a: {b: 1, c: 1}, l: [{x: 1, y: 1}]}", []string{"a.c", "l[0].y"}},
	"with":                           {one(`{{ with .Values.a }}{{ .b }}{{ else }}{{ .Values.c }}{{ end }}`), "{a: {b: 1, d: 1}, c: 1, e: 1}", []string{"a.d", "e"}},
	"else with":                      {one(`{{ with .Values.a }}{{ .b }}{{ else with .Values.c }}{{ .b }}{{ end }}`), "{a: {b: 1, d: 1}, c: {b: 1, d: 1}}", []string{"a.d", "c.d"}},
	"with dollar":                    {one(`{{ with .Values.a }}{{ $.Values.b }}{{ .b }}{{ end }}`), "{a: {b: 1, c: 1}, b: 1}", []string{"a.c"}},
	"what makes it full":             {one(`{{ if .Values.a }}x{{ end }}`), "{a: {b: 1}}", nil},
	"one of two":                     {one(`{{ if .Values.a }}{{ .Values.a.c }}{{ end }}`), "{a: {b: 1, c: 2}}", []string{"a.b"}},
	"both of two":                    {one(`{{ if .Values.a }}x{{ end }}`), "{a: {b: 1, c: {d: 2}}}", nil},
	"full by default":                {fixture{"templates/x.yaml": `{{ if .Values.a }}x{{ end }}`, "values.yaml": "a: {z: 1}"}, "{a: {b: 1}}", []string{"a.b"}},
	"empty by a null":                {fixture{"templates/x.yaml": `{{ if .Values.a }}x{{ end }}`, "values.yaml": "a: {z: 1}"}, "{a: {b: 1, z: null}}", nil},
	"full values":                    {one(`{{ if .Values }}x{{ end }}`), "{a: 1}", nil},
	"a list that is full":            {one(`{{ if .Values.l }}x{{ end }}`), "{l: [{a: 1}]}", []string{"l[0].a"}},
	"how many":                       {one(`{{ range .Values.m }}x{{ end }}`), "{m: {a: 1, b: {c: 1}, d: [1], e: [{f: 1}]}}", []string{"m.b.c", "m.e[0].f"}},
	"len":                            {one(`{{ len .Values.m }}`), "{m: {a: 1}}", nil},
	"keys":                           {one(`{{ keys .Values.m | sortAlpha }}`), "{m: {a: 1, b: {c: 1}}}", []string{"m.b.c"}},
	"elements":                       {one(`{{ range .Values.l }}{{ .n }}{{ end }}`), "{l: [{n: 1, m: 2}, {n: 1}, {}, {m: {k: 1}}]}", []string{"l[0].m", "l[3].m"}},
	"elements of scalars":            {one(`{{ range .Values.l }}x{{ end }}`), "{l: [1, [2], {}]}", nil},
	"index and element":              {one(`{{ range $i, $e := .Values.l }}{{ $i }}{{ $e.n }}{{ $.Values.z }}{{ end }}`), "{l: [{n: 1, m: 2}], z: 1}", []string{"l[0].m"}},
	"key and element":                {one(`{{ range $k, $e := .Values.m }}{{ $k }}{{ $e.n }}{{ end }}`), "{m: {a: {n: 1, o: 1}, b: {o: 1}}}", []string{"m.a.o", "m.b.o"}},
	"key of another map":             {one(`{{ range $k, $e := .Values.m }}{{ (index $.Values.o $k).x }}{{ end }}`), "{m: {a: 1}, o: {a: {x: 1, y: 1}}}", []string{"o.a.y"}},
	"else of a range":                {one(`{{ range .Values.m }}x{{ else }}{{ .Values.b }}{{ end }}`), "{b: 1, m: []}", nil},
	"a number of times":              {one(`{{ range $i := until (int .Values.n) }}{{ index $.Values.l $i }}{{ end }}`), "{n: 1, l: [1, 2], z: 1}", []string{"z"}},
	"range assigns":                  {one(`{{ $x := dict }}{{ range $x = .Values.l }}{{ end }}{{ $x.n }}`), "{l: [{n: 1, m: 1}]}", []string{"l[0].m"}},
	"an unread list":                 {one(`{{ .Values.a }}`), "{a: 1, l: [1, {b: 2}], e: []}", []string{"e", "l"}},
	"one element":                    {one(`{{ index .Values.l 0 }}`), "{l: [a, b]}", nil},
	"index keys":                     {one(`{{ index .Values "a" "b" }}{{ index .Values.a "c-d" }}`), "{a: {b: 1, c-d: 1, e: 1}}", []string{"a.e"}},
	"get":                            {one(`{{ get .Values.a "b" }}`), "{a: {b: 1, c: 1}}", []string{"a.c"}},
	"dig":                            {one(`{{ dig "b" "c" "none" .Values.a }}`), "{a: {b: {c: 1, d: 1}, e: 1}}", []string{"a.b.d", "a.e"}},
	"a key that is known":            {one(`{{ $k := "b" }}{{ if .Values.q }}{{ $k = "c" }}{{ end }}{{ index .Values.a $k }}`), "{a: {b: 1, c: 1, d: 1}}", []string{"a.d"}},
	"hasKey":                         {one(`{{ hasKey .Values.a "b" }}`), "{a: {b: {x: 1}, c: 1}}", []string{"a.b.x", "a.c"}},
	"hasKey of any":                  {one(`{{ hasKey .Values.a .Values.k }}`), "{a: {b: {x: 1}, c: 1}, k: b}", []string{"a.b.x"}},
	"pluck":                          {one(`{{ pluck "k" .Values.a .Values.b | first }}`), "{a: {k: 1, l: 1}, b: {k: 1, l: 1}}", []string{"a.l", "b.l"}},
	"kinds":                          {one(`{{ kindIs "map" .Values.a }}{{ kindOf .Values.b }}{{ typeIs "string" .Values.c }}`), "{a: {x: 1}, b: {x: 1}, c: 1}", []string{"a.x", "b.x"}},
	"default":                        {one(`{{ (.Values.a | default .Values.b).c }}`), "{a: {c: 1, d: 1}, b: {c: 1, d: 1}}", []string{"a.d", "b.d"}},
	"default decides":                {one(`{{ (.Values.a | default .Values.b).c }}`), "{a: {d: 1}, b: {c: 1}}", nil},
	"default to yaml":                {one(`{{ .Values.a | default (dict) | toYaml }}`), "{a: {c: 1}}", nil},
	"coalesce":                       {one(`{{ (coalesce .Values.a .Values.b).c }}`), "{a: {c: 1, d: 1}, b: {c: 1, d: 1}}", []string{"a.d", "b.d"}},
	"ternary":                        {one(`{{ (ternary .Values.a .Values.b .Values.c).c }}`), "{a: {c: 1, d: 1}, b: {c: 1, d: 1}, c: true}", []string{"a.d", "b.d"}},
	"and or not":                     {one(`{{ if and .Values.a (or .Values.b (not .Values.c)) }}x{{ end }}`), "{a: 1, b: 1, c: 1, d: 1}", []string{"d"}},
	"eq":                             {one(`{{ if eq .Values.a "x" }}x{{ end }}`), "{a: 1, b: 1}", []string{"b"}},
	"required":                       {one(`{{ (required "a" .Values.a).b }}`), "{a: {b: 1, c: 1}}", []string{"a.c"}},
	"dict":                           {one(`{{ $d := dict "r" $ "e" .Values.a }}{{ $d.e.b }}{{ $d.r.Values.c }}`), "{a: {b: 1, c: 1}, c: 1, d: 1}", []string{"a.c", "d"}},
	"dict under any key":             {one(`{{ $d := dict .Values.k .Values.a }}{{ $d.e.b }}`), "{a: {b: 1, c: 1}, k: e}", []string{"a.c"}},
	"dict to yaml":                   {one(`{{ dict "e" .Values.a | toYaml }}`), "{a: {b: 1}}", nil},
	"list":                           {one(`{{ range list .Values.a .Values.b }}{{ .c }}{{ end }}`), "{a: {c: 1, d: 1}, b: {c: 1, d: 1}}", []string{"a.d", "b.d"}},
	"append":                         {one(`{{ $l := list }}{{ $l = append $l .Values.a }}{{ (first $l).c }}`), "{a: {c: 1, d: 1}}", []string{"a.d"}},
	"concat and rest":                {one(`{{ range rest (concat .Values.l .Values.m) }}{{ .a }}{{ end }}`), "{l: [{a: 1, b: 1}], m: [{a: 1, b: 1}]}", []string{"l[0].b", "m[0].b"}},
	"values of a map":                {one(`{{ range values .Values.m }}{{ .a }}{{ end }}`), "{m: {x: {a: 1, b: 1}}}", []string{"m.x.b"}},
	"set on values":                  {one(`{{ $_ := set .Values.a "k" .Values.b }}{{ .Values.a.k.c }}`), "{a: {x: 1}, b: {c: 1}}", []string{"a.x"}},
	"set on a dict":                  {one(`{{ $d := dict }}{{ $_ := set $d "k" .Values.b }}{{ $d.k.c }}`), "{b: {c: 1, d: 1}}", []string{"b.d"}},
	"set through a name":             {one(`{{ $d := dict "in" (dict) }}{{ $e := $d.in }}{{ $_ := set $e "k" .Values.b }}{{ toYaml $d }}`), "{b: {c: 1, d: 1}}", nil},
	"set on the root":                {one(`{{ $_ := set $ "k" .Values.b }}{{ include "c.k" . }}{{ define "c.k" }}{{ .k.c }}{{ end }}`), "{b: {c: 1, d: 1}}", []string{"b.d"}},
	"set elsewhere":                  {fixture{"templates/a.yaml": `{{ $_ := set .Values "k" .Values.b }}`, "templates/b.yaml": `{{ .Values.k.c }}`}, "{b: {c: 1}, z: 1}", []string{"z"}},
	"unset":                          {one(`{{ .Values.a.k }}{{ $_ := unset .Values.a "k" }}{{ if .Values.a }}x{{ end }}`), "{a: {k: 1, l: 1}}", nil},
	"omit what is read":              {one(`{{ .Values.a.k }}{{ if omit .Values.a "k" }}x{{ end }}`), "{a: {k: 1, l: 1}}", nil},
	"merged into a name":             {one(`{{ $d := dict }}{{ $_ := merge $d .Values.a }}{{ $d.b }}`), "{a: {b: 1, c: 1}}", []string{"a.c"}},
	"full by what it took":           {one(`{{ $d := dict }}{{ $_ := merge $d .Values.a }}{{ if $d }}x{{ end }}`), "{a: {b: 1}}", nil},
	"omit of what it took":           {one(`{{ .Values.a.k }}{{ $d := dict }}{{ $_ := merge $d .Values.a }}{{ if omit $d "k" }}x{{ end }}`), "{a: {k: 1, l: 1}}", nil},
	"how many are picked":            {one(`{{ len (pick .Values.a "k") }}`), "{a: {k: {x: 1}}}", []string{"a.k.x"}},
	"some keys of a dict":            {one(`{{ range $k, $v := dict "a" 1 .Values.k 1 }}{{ index $.Values $k }}{{ end }}`), "{a: 1, b: 1, k: b}", nil},
	"empty but for a null":           {one(`{{ if .Values.a }}x{{ end }}`), "{a: {b: 1, c: null}}", nil},
	"printed, then set":              {one(`{{ $d := dict }}{{ range list 1 2 }}{{ toYaml $d }}{{ $_ := set $d "k" $.Values.b }}{{ end }}`), "{b: {c: 1}}", nil},
	"how many it took":               {one(`{{ $d := dict }}{{ $_ := merge $d .Values.a }}{{ .Values.a.b }}{{ len $d }}`), "{a: {b: 1, c: 1}}", nil},
	"coalesce decides":               {one(`{{ (coalesce .Values.a .Values.b).c }}`), "{a: {d: 1}, b: {c: 1}}", nil},
	"a source that takes in another": {one(`{{ $_ := merge (dict) .Values.a .Values.b }}{{ .Values.a.k.x }}{{ .Values.b.v }}`), "{a: {k: {y: 1}}, b: {k: {x: 1}, v: 1}, z: 1}", []string{"z"}},
	"bound on the way":               {one(`{{ $x := .Values.a.b }}`), "{a: 1}", nil},
	"a long path":                    {one(`{{ .Values` + strings.Repeat(".a", 30) + ` }}`), strings.Repeat("{z: 1, a: ", 30) + "1" + strings.Repeat("}", 30), aboveMax()},
	"tpl of braces in a constant":    {one(`{{ tpl (quote "{{ .Values.a }}") . }}`), "{a: 1}", nil},
	"tpl of files":                   {fixture{"templates/x.yaml": `{{ tpl .Files.AsConfig . }}`, "f": "{{ .Values.a }}"}, "{a: 1}", nil},
	"contains in another text":       {one(`{{ if contains "{{" (b64dec .Values.t) }}{{ .Values.a }}{{ end }}`), "{t: e3sgLlZhbHVlcy5hIH19, a: 1}", nil},
	"contains of another text":       {one(`{{ if contains "x" .Values.t }}{{ .Values.a }}{{ end }}`), "{t: x, a: 1}", nil},
	"tpl with braces in a key":       {one(`{{ tpl (toYaml .Values.t) . }}`), "{t: {'{{ .Values.a }}': 1}, a: 1}", nil},
	"merged, then set": {one(`{{ $in := dict }}{{ range list 1 2 }}{{ $_ := merge (dict "s" $in) (dict "s" (dict "k" (dict "p" "x"))) }}{{ $in.k.p.q }}{{ $_ := set $in "k" (deepCopy $.Values.a) }}{{ end }}`),
		"{a: {p: {u: 1}}}", nil},
	"a made text that changes one later": {one(`{{ $d := dict }}{{ $e := dict "name" "c.a" }}{{ range list 1 2 }}{{ tpl (b64dec $.Values.t) $d }}{{ $_ := set $d "e" $e }}{{ end }}{{ include $e.name . }}{{ define "c.a" }}{{ end }}{{ define "c.b" }}{{ .Values.q }}{{ end }}`),
		"{t: e3sgaWYgLmUgfX17eyAkXyA6PSBzZXQgLmUgIm5hbWUiICJjLmIiIH19e3sgZW5kIH19, q: 1}", nil},
	"omit":                 {one(`{{ if omit .Values.a "k" }}x{{ end }}`), "{a: {k: 1, l: 1}}", nil},
	"pick":                 {one(`{{ with pick .Values.a "k" "l" }}{{ .k }}{{ .l.x }}{{ end }}`), "{a: {k: 1, l: {x: 1, y: 1}, m: 1}}", []string{"a.l.y", "a.m"}},
	"pick any":             {one(`{{ if pick .Values.a .Values.k }}x{{ end }}`), "{a: {m: 1}, k: m, z: 1}", []string{"z"}},
	"pick and merge":       {one(`{{ $m := merge (pick .Values.a "k") .Values.b }}{{ $m.k }}{{ $m.l }}`), "{a: {l: 1}, b: {k: 1, l: 1, m: 1}}", []string{"a.l", "b.m"}},
	"keys of a dict":       {one(`{{ range $k, $v := dict "a" "b" "c" "d" }}{{ (index $.Values $k).x }}{{ index $.Values $v }}{{ end }}`), "{a: {x: 1, y: 1}, b: 1, c: {x: 1}, d: 1, e: 1}", []string{"a.y", "e"}},
	"set while going over": {one(`{{ $d := dict }}{{ range .Values.l }}{{ range $k, $v := $d }}{{ index $.Values $k }}{{ end }}{{ $_ := set $d . "x" }}{{ end }}`), "{l: [a, b], a: 1, b: 1}", nil},
	"omit of a merge":      {one(`{{ if omit (merge (dict) .Values.a) "k" }}x{{ end }}`), "{a: {k: 1, l: 1}}", nil},
	"merge":                {one(`{{ $m := merge (dict "x" 1) .Values.a }}{{ $m.b }}`), "{a: {b: 1, c: 1}}", []string{"a.c"}},
	"keys of a merge":      {one(`{{ keys (merge (dict) (dict "k" .Values.a "l" .Values.b)) | sortAlpha }}`), "{a: {x: 1}, b: [1], z: 1}", []string{"z"}},
	"merged and empty":     {fixture{"templates/x.yaml": `{{ if merge (dict) .Values.a }}x{{ end }}`, "values.yaml": "a: {e: ''}"}, "{a: {x: 1}}", nil},
	"merge of two":         {one(`{{ $m := merge (dict) .Values.a .Values.b }}{{ $m.b }}`), "{a: {b: 1}, b: {b: 1}, c: 1}", []string{"c"}},
	"merge into values":    {one(`{{ $_ := merge .Values.a .Values.b }}{{ .Values.a.c.d }}`), "{a: {c: {e: 1, f: 1}, g: 1}, b: {c: {d: 1}}, z: 1}", []string{"a.g", "z"}},
	"merge with the root":  {one(`{{ include "c.x" (merge (dict "e" .Values.e) $) }}{{ define "c.x" }}{{ .e.n }}{{ .Values.a }}{{ end }}`), "{a: 1, b: 1, e: {n: 1, m: 1}}", []string{"b", "e.m"}},
	"a map or a scalar":    {one(`{{ $m := mergeOverwrite (deepCopy .Values.a) .Values.b }}{{ $m.k.x }}`), "{a: {k: {y: 1}}, b: {k: s}}", nil},
	"deepCopy":             {one(`{{ (deepCopy .Values.a).b }}`), "{a: {b: 1, c: 1}}", []string{"a.c"}},
	"include":              {one(`{{ include "c.x" . }}{{ define "c.x" }}{{ .Values.a }}{{ end }}`), "{a: 1, b: 1}", []string{"b"}},
	"include a part":       {one(`{{ include "c.x" .Values.a }}{{ define "c.x" }}{{ .b }}{{ $.c }}{{ end }}`), "{a: {b: 1, c: 1, d: 1}, b: 1}", []string{"a.d", "b"}},
	"template":             {one(`{{ template "c.x" .Values.a }}{{ define "c.x" }}{{ .b }}{{ end }}`), "{a: {b: 1, c: 1}}", []string{"a.c"}},
	"block":                {one(`{{ block "c.x" .Values.a }}{{ .b }}{{ end }}`), "{a: {b: 1, c: 1}}", []string{"a.c"}},
	"nobody includes":      {one(`{{ define "c.x" }}{{ .Values.a }}{{ end }}`), "{a: 1}", []string{"a"}},
	"partials":             {fixture{"templates/_h.tpl": `{{ .Values.a }}{{ define "c.x" }}{{ .Values.b }}{{ end }}`, "templates/x.yaml": `{{ include "c.x" . }}`}, "{a: 1, b: 1}", []string{"a"}},
	"any template":         {one(`{{ include (printf "c.%s" .Values.k) . }}{{ define "c.x" }}{{ .Values.a }}{{ end }}`), "{a: 1, b: 1, k: x}", []string{"b"}},
	"a file by its path":   {fixture{"templates/x.yaml": `{{ include (print $.Template.BasePath "/y.yaml") . | sha256sum }}{{ define "c.all" }}{{ toYaml . }}{{ end }}`, "templates/y.yaml": `{{ .Values.a }}`}, "{a: 1, b: 1}", []string{"b"}},
	"a name from a dict":   {one(`{{ $d := dict "n" "c.x" }}{{ include $d.n . }}{{ define "c.x" }}{{ .Values.a }}{{ end }}{{ define "c.y" }}{{ .Values.b }}{{ end }}`), "{a: 1, b: 1}", []string{"b"}},
	"recursion":            {one(`{{ include "c.x" .Values.t }}{{ define "c.x" }}{{ .n }}{{ range .sub }}{{ include "c.x" . }}{{ end }}{{ end }}`), "{t: {n: 1, m: 1, sub: [{n: 1, m: 1, sub: [{m: 1}]}]}}", []string{"t.m", "t.sub[0].m", "t.sub[0].sub[0].m"}},
	"deep recursion":       {one(`{{ include "c.x" (dict "v" .Values.t) }}{{ define "c.x" }}{{ .v.n }}{{ if .v.sub }}{{ include "c.x" (dict "v" .v.sub) }}{{ end }}{{ end }}`), "{t: {n: 1, m: 1, sub: {n: 1, m: 1}}, z: 1}", []string{"t.m", "t.sub.m", "z"}},
	"files":                {fixture{"templates/x.yaml": `{{ .Files.Get .Values.f }}`, "f.txt": "x"}, "{f: f.txt, g: 1}", []string{"g"}},
	"tpl":                  {one(`{{ tpl .Values.t . }}`), "{t: x, a: 1}", []string{"a"}},
	"tpl with braces":      {one(`{{ tpl .Values.t . }}`), "{t: '{{ .Values.a }}', a: 1}", nil},
	"tpl of a constant":    {one(`{{ tpl "{{ .Values.a }}" . }}`), "{a: 1, b: 1}", []string{"b"}},
	"tpl of a part":        {one(`{{ tpl .Values.t .Values.c }}`), "{t: '{{ .a }}', c: {a: 1}, b: 1}", []string{"b"}},
	"tpl of yaml":          {one(`{{ tpl (toYaml .Values.t) . }}`), "{t: {k: '{{ .Values.a }}'}, a: 1}", nil},
	"tpl of a file":        {fixture{"templates/x.yaml": `{{ tpl (.Files.Get "f") . }}`, "f": "{{ .Values.a }}"}, "{a: 1}", nil},
	"tpl of made braces":   {one(`{{ tpl (printf "{%s" "{ .Values.a }}") . }}{{ tpl (printf "%s%s" .Values.x .Values.y) . }}`), "{a: 1, x: '{', y: '{ .Values.a }}'}", nil},
	"tpl of a decoded one": {one(`{{ tpl (b64dec .Values.t) . }}`), "{t: e3sgLlZhbHVlcy5hIH19, a: 1}", nil},
	"tpl of what is set":   {one(`{{ $_ := set .Values "t" (b64dec .Values.u) }}{{ tpl .Values.t . }}`), "{u: e3sgLlZhbHVlcy5hIH19, a: 1}", nil},
	"bitnami's tpl": {one(`{{ include "t" (dict "value" .Values.t "context" $) }}{{ define "t" }}` +
		`{{- $value := typeIs "string" .value | ternary .value (.value | toYaml) }}` +
		`{{- if contains "{{" (toJson .value) }}{{ tpl (cat "{{- with $.Scope -}}" $value "{{- end }}") (merge (dict "Scope" 1) .context) }}{{ else }}{{ $value }}{{ end }}{{ end }}`), "{t: {x: 1}, a: 1}", []string{"a"}},
	"bitnami's tpl, used": {one(`{{ include "t" (dict "value" .Values.t "context" $) }}{{ define "t" }}` +
		`{{- $value := typeIs "string" .value | ternary .value (.value | toYaml) }}` +
		`{{- if contains "{{" (toJson .value) }}{{ tpl (cat "{{- with $.Scope -}}" $value "{{- end }}") (merge (dict "Scope" 1) .context) }}{{ else }}{{ $value }}{{ end }}{{ end }}`), "{t: {x: '{{ $.Values.a }}'}, a: 1}", nil},
	"a subchart":           {fixture{"charts/s/templates/x.yaml": `{{ .Values.a }}`, "templates/y.yaml": `{{ .Values.b }}`}, "{s: {a: 1, b: 1}, a: 1, b: 1}", []string{"a", "s.b"}},
	"its parent reads":     {fixture{"charts/s/templates/x.yaml": `{{ .Values.a }}`, "templates/y.yaml": `{{ .Values.s.b }}{{ .Subcharts.s.Values.c }}`}, "{s: {a: 1, b: 1, c: 1, d: 1}}", []string{"s.d"}},
	"globals":              {fixture{"charts/s/templates/x.yaml": `{{ .Values.global.a }}`, "templates/y.yaml": `{{ .Values.global.b }}`}, "{global: {a: 1, b: 1, c: 1}, s: {global: {a: 1, b: 1}}}", []string{"global.c", "s.global.b"}},
	"globals two below":    {fixture{"charts/s/charts/t/templates/x.yaml": `{{ .Values.global.a }}`}, "{global: {a: 1, b: 1}}", []string{"global.b"}},
	"globals of all":       {fixture{"charts/s/templates/x.yaml": `{{ toYaml .Values }}`}, "{global: {a: 1}, b: 1}", []string{"b"}},
	"globals from above":   {fixture{"charts/s/templates/x.yaml": `x`, "templates/x.yaml": `{{ toYaml .Values.s }}`}, "{global: {a: 1}, b: 1}", []string{"b"}},
	"globals of any":       {fixture{"charts/s/templates/x.yaml": `{{ range $k, $v := .Values }}{{ if kindIs "map" $v }}{{ $v.a }}{{ end }}{{ end }}`}, "{global: {a: 1, b: 1}, s: {m: {a: 1, b: 1}}}", []string{"global.b", "s.m.b"}},
	"a library":            {fixture{"charts/s/templates/_h.tpl": `{{ define "s.x" }}{{ .Values.a }}{{ end }}`, "templates/y.yaml": `{{ include "s.x" . }}`}, "{a: 1, b: 1, s: {a: 1}}", []string{"b", "s.a"}},
	"an overridden define": {fixture{"charts/s/templates/_h.tpl": `{{ define "x" }}{{ .Values.a }}{{ end }}`, "templates/y.yaml": `{{ include "x" . }}{{ define "x" }}{{ .Values.b }}{{ end }}`}, "{a: 1, b: 1, c: 1}", []string{"c"}},
	"the loop over envs":   {one(`{{ range $i, $e := .Values.envs }}{{ include "c.env" (dict "root" $ "env" $e "i" $i) }}{{ end }}{{ define "c.env" }}{{ .env.name }}{{ .root.Values.org }}{{ with .env.sa }}{{ toYaml . }}{{ end }}{{ end }}`), "{org: o, ogr: o, envs: [{name: a, nmae: b, sa: {x: 1}}]}", []string{"envs[0].nmae", "ogr"}},
	"an unknown function":  {one(`{{ $x := regexReplaceAll "a" .Values.a.b "c" }}`), "{a: {b: x, c: 1}}", []string{"a.c"}},
	"more contexts than are told apart": {one(repeat(40, `{{ include "c.x" (dict "v" .Values.k%d) }}`) + `{{ define "c.x" }}{{ include "c.y" (dict "w" .v) }}{{ end }}{{ define "c.y" }}{{ .w.n }}{{ end }}`),
		"{k1: {n: 1, m: 1}, k39: {n: 1, m: 1}, z: 1}", []string{"k1.m", "k39.m", "z"}},
	"more contexts than are followed": {one(`{{ $d := dict "name" "c.a" }}` + repeat(200, `{{ include "c.x" (dict "v" .Values.k%d "d" $d "n" "c.a") }}`) + `{{ include "c.x" (dict "v" .Values.l "d" $d "n" "c.b") }}{{ include $d.name . }}` +
		`{{ define "c.x" }}{{ .v }}{{ $_ := set .d "name" .n }}{{ end }}{{ define "c.a" }}{{ end }}{{ define "c.b" }}{{ .Values.q }}{{ end }}`),
		"{k199: 1, l: 1, q: 1, z: 1}", nil},
	"more atoms than are kept": {one(`{{ $l := list }}{{ $d := dict "name" "c.a" }}{{ $l = append $l $d }}` + repeat(80, `{{ $l = append $l .Values.k%d }}`) + `{{ $_ := set (first $l) "name" "c.b" }}{{ include $d.name . }}` +
		`{{ define "c.a" }}{{ end }}{{ define "c.b" }}{{ .Values.q }}{{ end }}`),
		"{k1: {a: 1}, q: 1, z: 1}", []string{"z"}},
	"a text that changes a dict": {one(`{{ $d := dict "name" "c.a" }}{{ tpl .Values.t $d }}{{ include $d.name . }}{{ define "c.a" }}{{ end }}{{ define "c.b" }}{{ .Values.q }}{{ end }}`),
		"{t: '{{ $_ := set . \"name\" \"c.b\" }}', q: 1}", nil},
	"a made text that changes one": {one(`{{ $d := dict "name" "c.a" }}{{ tpl (b64dec .Values.t) $d }}{{ include $d.name . }}{{ define "c.a" }}{{ end }}{{ define "c.b" }}{{ .Values.q }}{{ end }}`),
		"{t: e3sgJF8gOj0gc2V0IC4gIm5hbWUiICJjLmIiIH19, q: 1, z: 1}", []string{"z"}},
	"merged again": {one(`{{ $d := dict }}{{ range .Values.l }}{{ $_ := merge $d . }}{{ $_ := set $d "k" $.Values.a }}{{ end }}{{ .Values.a.x.n }}`),
		"{l: [{q: 1}, {k: {x: {n: 1}}}], a: {y: 1}, z: 1}", []string{"z"}},
	"the value of a comment": {one(`{{/* .Values.a */}}{{ "x .Values.a" }}`), "{a: 1}", []string{"a"}},
}

func TestUnread(t *testing.T) {
	for name, c := range unreadCases {
		t.Run(name, func(t *testing.T) {
			a, helm := c.files.analyse(t)
			if got := sound(t, a, helm, parseYAML(t, c.given), replacements...); !slices.Equal(got, c.want) {
				t.Errorf("Unread = %q, want %q", got, c.want)
			}
		})
	}
}
