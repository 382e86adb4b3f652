package template

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzUnread writes charts and values by chance, and checks what the analysis
// reports against Helm.
func FuzzUnread(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 1))}
		files, given := w.chart(t)
		a, c := files.analyse(t)
		if first := render(t, c, copied(given)); render(t, c, copied(given)) != first {
			t.Skip("renders in any order")
		}
		sound(t, a, c, given, replacements...)
		if t.Failed() {
			for name, text := range files {
				t.Logf("%s:\n%s", name, text)
			}
		}
	})
}

// A writer makes up templates. It keeps only what Helm renders without an
// error, since an error hides the rest.
type writer struct {
	*rand.Rand
	variables int
	templates int  // how many may be included
	inner     bool // in a loop or a template, where nothing may grow
}

func (w *writer) of(list ...string) string { return list[w.IntN(len(list))] }

func (w *writer) key() string { return w.of("a", "b", "c", "d") }

func (w *writer) chart(tb testing.TB) (fixture, map[string]any) {
	files := fixture{"values.yaml": "", "templates/x.yaml": "", "templates/z.yaml": "", "charts/s/templates/x.yaml": "{{ with .Values.global }}{{ .a }}{{ end }}"}
	given := w.tree(3)
	if w.IntN(2) == 0 {
		given["global"] = w.tree(2)
	}
	if w.IntN(2) == 0 {
		given["s"] = w.tree(2)
	}
	if w.IntN(3) == 0 {
		files["values.yaml"] = "{a: {b: {c: 1}, d: [1]}, c: {a: x}}"
	}
	add := func(name, text string) bool {
		before := files[name]
		files[name] += text + "\n"
		if strings.HasPrefix(render(tb, files.helm(tb, "c"), copied(given)), "error: ") {
			files[name] = before
			return false
		}
		return true
	}
	for i := range 4 {
		w.variables, w.templates = 0, i
		name := fmt.Sprintf("templates/_%d.tpl", i)
		add(name, fmt.Sprintf("{{ define \"t%d\" }}{{ end }}", i))
		for range 4 {
			if add(name, fmt.Sprintf("{{ define \"t%d\" }}%s{{ end }}", i, w.body(2))) {
				break
			}
		}
	}
	w.templates = 4
	variables := map[string]int{}
	for range 16 {
		name := w.of("templates/x.yaml", "templates/x.yaml", "templates/z.yaml", "charts/s/templates/x.yaml")
		w.variables = variables[name]
		if add(name, w.statement(2)) {
			variables[name] = w.variables
		}
	}
	return files, given
}

func (w *writer) tree(depth int) map[string]any {
	m := map[string]any{}
	for range w.IntN(4) + 1 {
		m[w.key()] = w.value(depth - 1)
	}
	return m
}

func (w *writer) value(depth int) any {
	n := w.IntN(12)
	switch {
	case depth > 0 && n < 5:
		return w.tree(depth)
	case depth > 0 && n < 8:
		var list []any
		for range w.IntN(3) + 1 {
			list = append(list, w.value(depth-1))
		}
		return list
	case n == 8:
		return map[string]any{}
	case n == 9 && w.IntN(8) == 0:
		return "{{ toYaml $.Values." + w.key() + " }}"
	case n == 10:
		return nil
	}
	return w.of("", "a", "b", "x", "t1")
}

func (w *writer) body(depth int) string {
	variables, inner := w.variables, w.inner
	defer func() { w.variables, w.inner = variables, inner }()
	w.inner = true
	var b strings.Builder
	for range w.IntN(3) + 1 {
		b.WriteString(w.statement(depth - 1))
	}
	return b.String()
}

func (w *writer) statement(depth int) string {
	if depth <= 0 {
		return "{{ " + w.any(2) + " }}"
	}
	switch w.IntN(13) {
	case 0:
		return fmt.Sprintf("{{ if %s }}%s{{ else }}%s{{ end }}", w.any(2), w.body(depth), w.body(depth))
	case 1:
		return fmt.Sprintf("{{ with %s }}%s{{ else with %s }}%s{{ end }}", w.mapping(2), w.body(depth), w.mapping(2), w.body(depth))
	case 2:
		return fmt.Sprintf("{{ range %s }}%s{{ end }}", w.mapping(2), w.body(depth))
	case 3:
		m := w.mapping(2)
		w.variables += 2
		defer func() { w.variables -= 2 }()
		return fmt.Sprintf("{{ range $v%d, $v%d := %s }}%s{{ end }}", w.variables-2, w.variables-1, m, w.body(depth))
	case 4, 5:
		w.variables++
		return fmt.Sprintf("{{ $v%d := %s }}", w.variables-1, w.mapping(3))
	case 6:
		if w.variables > 0 {
			return fmt.Sprintf("{{ %s = %s }}", w.variable(), w.mapping(1))
		}
	case 7:
		return fmt.Sprintf("{{ $_ := %s %s %s }}", w.of("merge", "mergeOverwrite"), w.mapping(1), w.fresh(2))
	case 8:
		return fmt.Sprintf("{{ $_ := set %s %s %s }}", w.mapping(1), w.name(), w.fresh(2))
	case 9:
		return fmt.Sprintf("{{ if kindIs \"map\" %[1]s }}{{ with %[1]s }}%[2]s{{ end }}{{ end }}", w.mapping(1), w.body(depth))
	case 10:
		if w.templates > 0 {
			return fmt.Sprintf("{{ template \"t%d\" %s }}", w.IntN(w.templates), w.mapping(2))
		}
	}
	return "{{ " + w.any(3) + " }}"
}

func (w *writer) variable() string {
	if w.variables == 0 {
		return "$"
	}
	return fmt.Sprintf("$v%d", w.IntN(w.variables))
}

// fresh is what a map may take in: nothing of itself, lest it has no end.
func (w *writer) fresh(depth int) string {
	if w.inner {
		return w.of("(dict)", `(dict "a" "x")`, `(dict "b" (dict "c" "x"))`)
	}
	return "(deepCopy " + w.mapping(depth) + ")"
}

// name is a key as an argument.
func (w *writer) name() string {
	if w.IntN(6) == 0 {
		return "(toString " + w.mapping(1) + ")"
	}
	return `"` + w.key() + `"`
}

// mapping is what may be a map.
func (w *writer) mapping(depth int) string {
	if depth <= 0 {
		switch w.IntN(5) {
		case 0:
			return "."
		case 1:
			return w.variable()
		case 2:
			return w.of(".", "$.") + w.of("Values", "a", "Values.global", "b")
		}
		return "$.Values." + w.key()
	}
	m, n := w.mapping(depth-1), w.mapping(depth-1)
	switch w.IntN(22) {
	case 0, 1, 2:
		return "(" + m + ")." + w.key()
	case 3:
		return fmt.Sprintf("(index %s %s)", m, w.name())
	case 4:
		return fmt.Sprintf("(get %s %s)", m, w.name())
	case 5:
		return fmt.Sprintf("(dict %s %s %s %s)", w.name(), m, w.name(), n)
	case 6:
		return fmt.Sprintf("(%s %s %s)", w.of("merge", "mergeOverwrite"), w.of("(dict)", "(deepCopy "+n+")", fmt.Sprintf("(dict %s %s)", w.name(), w.fresh(1)), n), w.fresh(depth-1))
	case 7:
		return fmt.Sprintf("(%s | default %s)", m, n)
	case 8:
		return fmt.Sprintf("(coalesce %s %s (dict))", m, n)
	case 9:
		return fmt.Sprintf("(%s %s %s)", w.of("omit", "pick", "unset"), m, w.name())
	case 10:
		return fmt.Sprintf("(set %s %s %s)", m, w.name(), w.fresh(depth-1))
	case 11:
		return fmt.Sprintf("(dig %s %s %s %s)", w.name(), w.name(), w.of(`""`, "(dict)", m), n)
	case 12:
		return fmt.Sprintf("(%s (list %s %s))", w.of("first", "last", "rest", "initial", "reverse"), m, n)
	case 13:
		return fmt.Sprintf("(%s %s)", w.of("first", "last", "rest", "deepCopy"), m)
	case 14:
		return fmt.Sprintf("(ternary %s %s (empty %s))", m, n, w.mapping(0))
	case 15:
		return fmt.Sprintf("(%s %s %s)", w.of("and", "or", "append", "concat", "prepend"), m, n)
	case 16:
		return fmt.Sprintf("(pluck %s %s %s)", w.name(), m, n)
	}
	return m
}

// any is any value.
func (w *writer) any(depth int) string {
	m := w.mapping(depth)
	switch w.IntN(16) {
	case 0:
		return "(toYaml " + m + ")"
	case 1:
		return "(len " + m + ")"
	case 2:
		return "(keys " + m + " | sortAlpha)"
	case 3:
		return "(hasKey " + m + " " + w.name() + ")"
	case 4:
		return "(" + w.of("kindOf", "typeOf", "empty", "not", "toString") + " " + m + ")"
	case 5, 6, 7:
		if w.templates > 0 {
			return fmt.Sprintf("(include \"t%d\" %s)", w.IntN(w.templates), m)
		}
	case 8:
		return "(eq (toString " + m + ") " + w.name() + ")"
	case 9:
		return "(tpl (toString " + w.mapping(1) + ") " + w.of("$", ".", m) + ")"
	case 10:
		if w.inner {
			return w.name()
		}
		return fmt.Sprintf("(include (printf \"t%%d\" (len %s)) %s)", w.mapping(1), m)
	case 11:
		return fmt.Sprintf("(kindIs \"map\" %s)", m)
	}
	return "(" + m + ")." + w.key()
}
