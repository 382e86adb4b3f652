package template

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestUnstable(t *testing.T) {
	files := fixture{
		"templates/_h.tpl": "{{ define \"c.pw\" }}\n{{ randAlphaNum 8 }}{{ end }}\n{{ define \"c.outer\" }}{{ template \"c.pw\" }}{{ end }}\n{{ define \"c.none\" }}{{ uuidv4 }}{{ end }}",
		"templates/a.yaml": "{{ include \"c.pw\" . }}",
		"templates/b.yaml": "{{/* now */}}now {{ \"now\" }}{{ $now := .now }}\n{{ if true }}{{ else }}{{ with $x := dict \"t\" (now | date \"2006\") }}{{ end }}{{ end }}{{ include \"c.outer\" . }}",
		"templates/d.yaml": "{{ (lookup \"v1\" \"Secret\" \"n\" \"x\").data }}{{ (genCA \"x\" 1).Cert }}{{ tpl \"{{ randInt 1 2 }}\" . }}",
	}
	a, _ := files.analyse(t)
	var got []string
	for _, c := range a.Unstable() {
		got = append(got, strings.Join(append([]string{c.Function, strings.TrimPrefix(c.File, "c/templates/"), string(rune('0' + c.Line))}, c.Roots...), " "))
	}
	want := []string{
		"randAlphaNum _h.tpl 2 c/templates/a.yaml c/templates/b.yaml",
		"uuidv4 _h.tpl 4",
		"now b.yaml 2 c/templates/b.yaml",
		"genCA d.yaml 1 c/templates/d.yaml", "lookup d.yaml 1 c/templates/d.yaml", "randInt d.yaml 1 c/templates/d.yaml",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Unstable = %q\nwant %q", got, want)
	}
}

// TestGiveUp shows that where a chart takes too long to follow, everything is
// read, and every file reaches everything.
func TestGiveUp(t *testing.T) {
	files := fixture{"templates/_h.tpl": `{{ define "c.x" }}{{ now }}{{ end }}`, "templates/a.yaml": `{{ .Values.a }}`, "templates/b.yaml": `{{ include "c.x" . }}{{ .Values.b }}`}
	a := newAnalyser()
	a.limit = 0
	if err := a.load(ours(files.helm(t, "c"), ""), nil); err != nil {
		t.Fatal(err)
	}
	all := a.analysis()
	if got := all.Unread(map[string]any{"z": 1}, map[string]any{"z": 1}); got != nil {
		t.Errorf("Unread = %q", got)
	}
	calls := all.Unstable()
	if want := []string{"c/templates/a.yaml", "c/templates/b.yaml"}; len(calls) != 1 || !slices.Equal(calls[0].Roots, want) {
		t.Errorf("Unstable = %v, want one from %q", calls, want)
	}
}

// stableCases has templates, and a pattern of what Helm renders of each,
// stable or not.
var stableCases = map[string]string{
	`x: {{ randAlphaNum 8 }}`:                              `x: [a-zA-Z0-9]{8}`,
	`x: {{ 5 | randNumeric }}{{- "y" -}}  {{ print now }}`: `x: \d{5}y\d.*`,
	`{{ randAlpha 3 | lower | quote }}`:                    `"[a-z]{3}"`,
	`{{ len (randAscii (add 2 2 | int)) }}`:                `4`,
	`{{ randBytes 6 }}`:                                    `[A-Za-z0-9+/]{8}`,
	`{{ len (randBytes 7) }}`:                              `12`,
	`{{ randInt 3 9 }}{{ 9 | randInt 3 }}{{ until (randInt 3 9) | len }}{{ index (list 4 4) (randInt 0 2) }}{{ $n := 3 }}{{ randInt $n 9 }}`: `[3-8]{5}`,
	`{{ shuffle "aaa" }}`: `aaa`,
	`{{ uuidv4 }} {{ print uuidv4 }} {{ uuidv4 | quote }}`:                                                                                        `[0-9a-f-]{36} [0-9a-f-]{36} "[0-9a-f-]{36}"`,
	`{{ now | date "2006-01-02" }} {{ date "2006" now }} {{ now.Year }} {{ (now).Year }}`:                                                         `\d{4}-\d\d-\d\d \d{4} \d{4} \d{4}`,
	`{{ now | unixEpoch }} {{ dateModify "1h" now | htmlDate }}`:                                                                                  `\d+ \d{4}-\d\d-\d\d`,
	`{{ ago now }} {{ durationRound "2h10m" }} {{ durationRound now }}`:                                                                           `0s 2h 0s`,
	`{{ $ca := genCA "ca" 365 }}{{ $c := genSignedCert "cn" nil (list "a") 365 $ca }}{{ $c.Cert | trunc 27 }}{{ $ca.Key | b64enc | len | lt 8 }}`: `-----BEGIN CERTIFICATE-----true`,
	`{{ (genSelfSignedCert "cn" (list "10.0.0.1") nil 1).Key | hasPrefix "-----BEGIN" }}`:                                                         `true`,
	`{{ genPrivateKey "ecdsa" | hasPrefix "-----BEGIN" }}`:                                                                                        `true`,
	`{{ with genCA "ca" 1 }}{{ with genCAWithKey "ca" 1 (genPrivateKey "ecdsa") }}{{ .Cert | trunc 10 }}{{ end }}{{ end }}`:                       `-----BEGIN`,
	`{{ bcrypt "secret" | len }}{{ "secret" | bcrypt | trunc 4 }}`:                                                                                `60\$2a\$`,
	`{{ htpasswd "user" "secret" }}{{ "secret" | htpasswd "user" | len }}`:                                                                        `user:\$2a\$10\$.{53}65`,
	`{{ encryptAES "key" "text" | len | lt 40 }}`:                                                                                                 `true`,
	`{{/* now */}}randAlpha 3 {{ "{{ now }}" }}{{ $x := dict "now" 1 }}{{ $x.now }}{{ "a" | replace "a" "uuidv4" }}` + "{{ `now` }}":              `randAlpha 3 \{\{ now }}1uuidv4now`,
	`{{ if eq (len (randAlpha 2)) 2 }}{{ range list (randNumeric 2) }}{{ . }}{{ else }}{{ now }}{{ end }}{{ end }}`:                               `\d\d`,
	`{{ define "x" }}{{ randNumeric . }}{{ end }}{{ include "x" 4 }}{{ template "x" 2 }}{{ block "y" (randNumeric 3) }}{{ . }}{{ end }}`:          `\d{9}`,
	`{{ (dict "a" (randAlpha 40)).a }}{{ (genCA "x" 1).Key | sha256sum }}`:                                                                        `[a-zA-Z]{40}[0-9a-f]{64}`,
	`{{ lookup "v1" "Secret" "n" "x" | toJson }}`:                                                                                                 `\{}`,
}

// TestStable renders templates with Helm as they are and stable: the latter
// gives the same every time, and what the former might have given.
func TestStable(t *testing.T) {
	for text, pattern := range stableCases {
		anyOf := regexp.MustCompile(`^--- c/templates/x.yaml\n` + pattern + `\n$`)
		stable := fixture{"templates/x.yaml": Stable(text), "templates/_ringplan.tpl": Helpers}.helm(t, "c")
		got := render(t, stable, nil)
		if again := render(t, stable, nil); again != got {
			t.Errorf("%s: renders\n%s\nthen\n%s", text, got, again)
		}
		for what, out := range map[string]string{"stable": got, "as it is": render(t, one(text).helm(t, "c"), nil)} {
			if !anyOf.MatchString(out) {
				t.Errorf("%s, %s: renders\n%s", text, what, out)
			}
		}
		if again := Stable(Stable(text)); strings.Contains(again, "ringplan") != strings.Contains(Stable(text), "ringplan") {
			t.Errorf("%s: stable twice, it is\n%s", text, again)
		}
	}
}

// TestStableLines shows that errors stay on their lines, and that a text that
// does not parse is left alone.
func TestStableLines(t *testing.T) {
	text := "{{ now }}\n{{ randAlpha\n  3 }}{{- genCA \"a\" 1 | toYaml }}\n\n{{ uuidv4 }}{{ fail \"m\" }}"
	line := regexp.MustCompile(`x\.yaml:(\d+):`)
	before := line.FindStringSubmatch(render(t, one(text).helm(t, "c"), nil))
	after := line.FindStringSubmatch(render(t, fixture{"templates/x.yaml": Stable(text), "templates/_ringplan.tpl": Helpers}.helm(t, "c"), nil))
	if before == nil || after == nil || before[1] != after[1] || before[1] != "5" {
		t.Errorf("the error moved from %q to %q", before, after)
	}
	if strings.Count(Stable(text), "\n") != strings.Count(text, "\n") {
		t.Error("there are more lines")
	}
	if text := "{{ now }}{{ if }}"; Stable(text) != text {
		t.Errorf("what does not parse becomes %q", Stable(text))
	}
}

// FuzzStable shows that a template that parses still does, with as many lines.
func FuzzStable(f *testing.F) {
	for text := range stableCases {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stable := Stable(text)
		if _, err := parseFile("x", text); err != nil {
			return
		}
		if _, err := parseFile("x", stable); err != nil {
			t.Errorf("%q becomes %q: %v", text, stable, err)
		}
		if strings.Count(stable, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q becomes %q", text, stable)
		}
	})
}
